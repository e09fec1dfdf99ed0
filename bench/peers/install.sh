#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the peers that the bench compares Keratin with, one part a peer, each of them optional.
#
#   usage: bench/peers/install.sh [BUILD_DIR]         from the root of the tree; BUILD_DIR is build
#          KANN=DIR bench/peers/install.sh            also builds KANN from its source in DIR
#          PEERS="jax fann" bench/peers/install.sh    only these of keras torch jax onnx fann kann logs
#
# Python peers come from the Python index, each in a virtual environment of its own, because their
# requirements contradict each other; FANN comes from the distribution. Nothing is written outside
# BUILD_DIR, except packages of a Debian system (FANN, OpenBLAS, python3-venv), and those only where
# this runs as root. A peer that cannot be had is named in one plain line and the others go on: the
# bench skips what is missing. A peer that is installed already is left as it is, so that running
# this again is cheap; remove its folder to get newer versions.
set -u

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-build}
peers=${PEERS:-keras torch jax onnx fann kann logs}
mkdir -p "$build/bench" || exit 1
failed=0

say() { printf '%s\n' "$*"; }

missing() { # peer, what to do
    say "peer $1 is missing: $2"
    failed=$((failed + 1))
}

# Installs a Debian package where that is possible; what depends on it finds out by itself.
debian() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    apt-get install -y -qq "$1" >/dev/null 2>&1 || {
        apt-get update -qq
        apt-get install -y -qq "$1" >/dev/null
    }
}

# Makes build/peers-NAME and installs packages into it: venv NAME PACKAGE...
venv() {
    name=$1
    shift
    python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv
    [ -x "$build/peers-$name/bin/pip" ] || python3 -m venv "$build/peers-$name" || return 1
    "$build/peers-$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

# works NAME MODULE...: whether every module can be imported there.
works() {
    [ -x "$build/peers-$1/bin/python" ] || return 1
    name=$1
    shift
    for module in "$@"; do
        "$build/peers-$name/bin/python" -c "import $module" 2>/dev/null || return 1
    done
}

install_keras() {
    works tf tensorflow keras ||
        venv tf tensorflow-cpu keras numpy || venv tf tensorflow keras numpy
    works tf tensorflow keras || missing keras "pip could not install tensorflow, keras (see above)"
}

# PyTorch's own index has builds without CUDA, a tenth of the size; the Python index works as well.
install_torch() {
    works torch torch numpy || {
        venv torch numpy
        venv torch --retries 0 --timeout 10 --index-url https://download.pytorch.org/whl/cpu torch \
            2>/dev/null || venv torch torch
    }
    works torch torch numpy || missing torch "pip could not install torch (see above)"
}

install_jax() {
    works jax jax optax || venv jax jax optax numpy
    works jax jax optax || missing jax "pip could not install jax and optax (see above)"
}

install_onnx() {
    works onnx onnx onnxruntime || venv onnx onnx onnxruntime numpy
    works onnx onnx onnxruntime || missing onnx "pip could not install onnxruntime (see above)"
}

install_fann() {
    echo '#include <fann.h>' | cc -E -x c - >/dev/null 2>&1 || debian libfann-dev
    cc -std=c17 -O3 -march=native "$here/fann.c" -lfann -lm -o "$build/bench/peer_fann" ||
        missing fann "install it with its headers (Debian: libfann-dev), then run this again"
}

# KANN multiplies by itself, or through a BLAS, which is faster: OpenBLAS is used where it is.
install_kann() {
    if [ -z "${KANN:-}" ] || [ ! -f "$KANN/kann.c" ]; then
        [ -x "$build/bench/peer_kann" ] ||
            missing kann "get its source (github.com/attractivechaos/kann), then KANN=DIR $0"
        return
    fi
    blas=""
    pkg-config --exists openblas 2>/dev/null || { debian pkg-config && debian libopenblas-dev; }
    if pkg-config --exists openblas 2>/dev/null; then
        blas="-DHAVE_CBLAS $(pkg-config --cflags --libs openblas)"
    else
        say "KANN is built without OpenBLAS (on Debian: apt-get install libopenblas-dev)"
    fi
    # shellcheck disable=SC2086 # (a list of words)
    cc -std=gnu17 -O3 -march=native -DHAVE_PTHREAD -I"$KANN" "$here/kann.c" "$KANN/kann.c" \
        "$KANN/kautodiff.c" $blas -lm -lpthread -o "$build/bench/peer_kann" ||
        missing kann "its source in $KANN did not build (see above)"
}

# What writes and loads TensorBoard logs elsewhere.
install_logs() {
    works logs tensorboardX tensorboard.program || venv logs tensorboardX tensorboard numpy 'setuptools<81'
    works logs tensorboardX tensorboard.program || missing logs "pip could not install tensorboardX, tensorboard (see above)"
    for name in torch tf; do # their own writers are theirs, but need it beside them
        works "$name" numpy && { works "$name" tensorboard.summary.v2 || venv "$name" tensorboard 'setuptools<81'; }
    done
}

for peer in $peers; do
    say "peer $peer"
    case $peer in
    keras) install_keras ;;
    torch) install_torch ;;
    jax) install_jax ;;
    onnx) install_onnx ;;
    fann) install_fann ;;
    kann) install_kann ;;
    logs) install_logs ;;
    *) missing "$peer" "no such peer; there are keras torch jax onnx fann kann logs" ;;
    esac
done
[ "$failed" = 0 ] || say "$failed missing; the bench runs without them"
exit 0
