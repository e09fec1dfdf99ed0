#!/bin/sh
# SPDX-License-Identifier: MIT
# Trains the three example programs one after the other and shows how their losses fell.
#
#   usage: tools/demo.sh BUILD [FILE.csv]        logs go to logs/NAME, where an earlier demo's are replaced
#
# Each program adds a line to a file (--summary): its name, then the loss of each epoch; the charts are drawn from it.
set -u
build=$1
data=${2:-}
cd "$(dirname "$0")/.." || exit 1
losses=$build/demo-losses.txt
rm -f "$losses"

if [ -n "$data" ] && [ ! -r "$data" ]; then
    echo "There is no file '$data' that can be read; give a table as make demo DATA=FILE.csv" >&2
    exit 1
fi

for name in custom_layer custom_loss custom_loop; do
    # TensorBoard would draw two trainings in one folder as one curve that jumps back.
    find "logs/$name" -name 'events.out.tfevents.*' -delete 2>/dev/null
    printf '\n---- examples/%s.c\n\n' "$name"
    if ! "$build/examples/$name" ${data:+--data "$data"} --log-dir "logs/$name" --summary "$losses"; then
        echo "examples/$name stopped with the sentence above; the other programs were not run" >&2
        exit 1
    fi
done

awk '
# Losses fall fast and then slowly, so their logarithm is drawn where they are positive and fall much.
function y(loss) { return logarithmic ? log(loss) : loss }
{
    n = NF - 1
    high = low = $2
    for (i = 2; i <= NF; i++) {
        if ($i > high) high = $i
        if ($i < low) low = $i
    }
    logarithmic = low > 0 && high > 3 * low
    printf "\n%s: loss %.4f in epoch 1, %.4f in epoch %d\n\n", $1, $2, $NF, n
    rows = 7
    columns = n > 60 ? 60 : n
    for (r = 0; r < rows; r++) {
        line = ""
        for (c = 0; c < columns; c++) {
            at = columns > 1 ? int(c * (n - 1) / (columns - 1) + 0.5) : 0
            level = high > low ? int((y(high) - y($(at + 2))) / (y(high) - y(low)) * (rows - 1) + 0.5) : rows - 1
            line = line (level == r ? "*" : " ") (n > 30 ? "" : " ")
        }
        sub(/ +$/, "", line)
        printf "%12s |%s\n", (r == 0 ? sprintf("%.4g", high) : r == rows - 1 ? sprintf("%.4g", low) : ""), line
    }
    rule = ""
    for (c = 0; c < columns; c++) rule = rule (n > 30 ? "-" : "--")
    printf "%12s +%s epochs%s\n", "", rule, logarithmic ? " (logarithmic)" : ""
}' "$losses"

cat <<END

The curves and histograms are in logs/. To look at them with TensorBoard:

    python3 -m venv .venv && .venv/bin/pip install tensorboard 'setuptools<81'
    .venv/bin/tensorboard --logdir logs
END
