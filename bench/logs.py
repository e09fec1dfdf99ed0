#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writing and reading TensorBoard logs, Keratin beside its peers, in turn on the same CPUs.

    bench/logs.py [--build build] [--rounds 3] [--folder DIR]

Writing: microseconds for a scalar until it is in the file, of TensorFlow's, PyTorch's and tensorboardX's writers and of
Keratin (BUILD/bench/summary, whose own lines follow). Reading: 10 runs x 10 tags x 100,000 scalars, 538 MB, by Keratin
(BUILD/bench/reader) and by TensorBoard's data server; by its Python reader one run of them. The callback: what
BUILD/bench/callback says of mlp and tiny. Files lie in DIR (a temporary folder), best one in memory; everybody's are in
the system's cache. Peers come from `make bench-peers`; who is missing is named and left out.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {"tensorflow": "peers-tf", "pytorch": "peers-torch", "tensorboardx": "peers-logs", "server": "peers-logs",
         "accumulator": "peers-logs"}


class Bench:
    def __init__(self, build):
        self.build = os.path.abspath(build)

    def peer(self, what, who, of):
        python = os.path.join(self.build, PEERS[who], "bin", "python")
        if not os.path.exists(python):
            return None
        done = subprocess.run([python, "-B", os.path.join(HERE, "peers", "logs_peer.py"), what, who, str(of)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def rounds(self, count, what, of):
        """Medians over the rounds of each peer, taken in turn: {who: row}."""
        rows = {}
        for _ in range(count):
            for who, size in of.items():
                row = self.peer(what, who, size)
                if row:
                    rows.setdefault(who, []).append(row)
        for who in of:
            if who not in rows:
                print(f"{who} is left out: make bench-peers installs it")
        return {who: {key: statistics.median(row[key] for row in found) if key in ("seconds", "us", "mb") else found[0][key]
                      for key in found[0]} for who, found in rows.items()}

    def program(self, name, *words):
        path = os.path.join(self.build, "bench", name)
        print(f"== {name} {' '.join(words[1:])}".rstrip(), flush=True)
        if not os.path.exists(path):
            print(f"{name} is left out: make bench builds it")
            return
        subprocess.run([path, *words])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder")
    options = parser.parse_args()
    bench = Bench(options.build)
    with tempfile.TemporaryDirectory(prefix="keratin-logs-", dir=options.folder) as folder:
        print("== peers, writing", flush=True)
        for who, row in bench.rounds(options.rounds, "write", {"tensorflow": 3000, "pytorch": 10000, "tensorboardx": 10000}).items():
            print(f"{who:44} {row['us']:.1f} us a scalar", flush=True)
        bench.program("summary", folder)
        bench.program("reader", folder)
        logs = os.path.join(folder, "logs")
        runs = sorted(os.listdir(logs)) if os.path.isdir(logs) else []
        print("== peers, reading", flush=True)
        if runs:
            rows = bench.rounds(options.rounds, "load", {"server": logs, "accumulator": os.path.join(logs, runs[0])})
            for who, row in rows.items():
                print(f"{who:44} {row['seconds']:.2f} s, {row['mb']:.0f} MB", flush=True)
        for mode in ("mlp", "tiny"):
            bench.program("callback", mode, "1")


if __name__ == "__main__":
    sys.exit(main())
