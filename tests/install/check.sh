#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs a build into a prefix, moves the prefix, and builds programs against it as a user would: through pkg-config
# and through CMake, shared and static, C and C++, and the summary library alone.
#
#   usage: tests/install/check.sh BUILD
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/keratin-install-XXXXXX")
trap 'rm -rf "$work"' EXIT
warn="-Wall -Wextra -pedantic -Werror"

cmake --install "$build" --prefix "$work/first" >"$work/log" || { cat "$work/log"; exit 1; }
mv "$work/first" "$work/moved here" # nothing installed may know where it was put, nor fear a space
prefix="$work/moved"
ln -s "$work/moved here" "$prefix"  # (pkg-config's output is split at spaces by the shell)
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
lib=$prefix/lib
cd "$work"

# try NAME COMMAND...: one check; its output is shown when it fails.
try() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "$name: fine"
    else
        cat "$work/log"
        echo "$name: failed: $*"
        exit 1
    fi
}

cc=${CC:-cc}
cxx=${CXX:-c++}
# shellcheck disable=SC2046,SC2086 # (lists of words)
{
    try "C, shared" $cc -std=c17 $warn "$here/program.c" $(pkg-config --cflags --libs keratin) -o shared
    try "C, shared, runs" ./shared logs
    ls logs/train/events.out.tfevents.* >/dev/null

    mkdir static-lib
    cp "$lib/libkeratin.a" "$lib/libkeratin-summary.a" static-lib # beside libkeratin.so the linker would take that
    try "C, static" $cc -std=c17 $warn "$here/program.c" $(pkg-config --cflags keratin) -Lstatic-lib \
        $(pkg-config --static --libs-only-l --libs-only-other keratin) -o static
    try "C, static, runs" ./static logs

    if command -v "$cxx" >/dev/null 2>&1; then
        try "C++, shared" $cxx -std=c++17 $warn "$root/examples/from_cpp.cpp" $(pkg-config --cflags --libs keratin) -o cpp
        try "C++, shared, runs" ./cpp
        try "summary, C++" $cxx -std=c++17 $warn "$root/examples/summary_from_cpp.cpp" \
            $(pkg-config --cflags --libs keratin-summary) -o summary_cpp
        try "summary, C++, runs" ./summary_cpp logs/pendulum2
    fi

    try "summary, shared" $cc -std=c17 $warn "$root/examples/summary_only.c" $(pkg-config --cflags --libs keratin-summary) \
        -lm -o summary
    try "summary, shared, runs" ./summary logs/pendulum
    try "summary, static" $cc -std=c17 $warn "$root/examples/summary_only.c" $(pkg-config --cflags keratin-summary) \
        -Lstatic-lib $(pkg-config --static --libs-only-l --libs-only-other keratin-summary) -o summary
    try "summary, static, runs" ./summary logs/pendulum
}
try "CMake, configures" cmake -S "$here" -B user -DCMAKE_PREFIX_PATH="$work/moved here"
try "CMake, builds" cmake --build user
try "CMake, static, runs" user/user_static logs
try "CMake, shared, runs" user/user_shared logs
try "command, runs" "$prefix/bin/keratin" version
echo "install: all fine"
