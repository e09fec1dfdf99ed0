#!/bin/sh
# SPDX-License-Identifier: MIT
# Files to start fuzzing from: valid ones, so that the readers are entered more deeply than noise would get.
#
#   usage: tests/fuzz/seeds.sh FOLDER        makes FOLDER/fuzz_readers and FOLDER/fuzz_events; the first byte of each
#                                            file says which reader, or how it is taken
set -eu
data=$(cd "$(dirname "$0")/../golden/data" && pwd)
to=$1/fuzz_readers
mkdir -p "$to"
# shellcheck disable=SC2012 # (our own names)
for file in $(ls -S "$data"/*.npz | tail -n 20); do # the smallest
    { printf '\003' && cat "$file"; } >"$to/npz-$(basename "$file")"
done
for file in "$data"/*.csv; do
    { printf '\002' && cat "$file"; } >"$to/csv-$(basename "$file")"
done
printf '\002a,b,c\n1,red,2.5\n2,blue,\n3,"r ""e"" d",-1e9\n' >"$to/csv-text"
printf '\001\000\000\010\002\000\000\000\002\000\000\000\003\001\002\003\004\005\006' >"$to/idx-bytes"
printf '\001\000\000\015\001\000\000\000\001\077\200\000\000' >"$to/idx-float"
header="{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" # padded to 118 bytes with what stands before it
printf '\000\223NUMPY\001\000\166\000%-117s\n\001\002\003\004\001\002\003\004\001\002\003\004\001\002\003\004\001\002\003\004\001\002\003\004' \
    "$header" >"$to/npy-float"

# Logs of TensorFlow, PyTorch, tensorboardX and others: as they are, and to be changed with their checksums put right.
logs=$(cd "$(dirname "$0")/../reader/data" && pwd)
to=$1/fuzz_events
mkdir -p "$to"
n=0
find "$logs" -name '*tfevents*' | sort | while read -r file; do
    n=$((n + 1))
    for way in 0 1; do
        { printf "\\00$way" && head -c 4000 "$file"; } >"$to/log$n-$way" # the beginning shows every kind
    done
done
cp "$logs/index.seed" "$to/index"
for level in 1 9; do # compressed as a whole; and two streams one after the other
    log=$(find "$logs" -name '*tfevents*' | sort | head -n 1)
    { printf '\000' && gzip -n -c -"$level" "$log"; } >"$to/gzip-$level"
done
{ cat "$to/gzip-1" && tail -c +2 "$to/gzip-9"; } >"$to/gzip-two"
