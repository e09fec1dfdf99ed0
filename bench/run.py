#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bench: Keratin and its peers in turn, round by round, on the same CPUs.

    bench/run.py [--build build] [--rounds 7] [--threads 1,2] [--bench NAME,...] [--peers NAME,...]
                 [--patience 2]

Times on a shared machine drift by tens of per cent within a minute, so single figures say little.
Everybody therefore takes one short sample in each round, and what is compared is the ratio within
a round; the ratio quoted is the median over all rounds. With one thread everybody is pinned to the
same CPU, with two to the same two. A sample waits for a quiet moment as long as patience lasts, and
one during which other processes used a quarter of a CPU or more is taken once more.

Keratin joins as a program, `BUILD/bench/keratin_bench BENCH THREADS`, which prints JSON lines with
bench, threads, who ("keratin", or "keratin loop" and so on), us, best_us, mean_us, n (peers/bench.h
has a function for that); `first_step` prints nothing. `BUILD/bench/limits THREADS` gives the
machine's limits, measured in every round too. Who is missing is named in one line and left out.

Two benches are not a matter of steps: `first_step` is the wall time and memory of a whole process
that builds tiny and trains once; `mlp_b128_busy` is the mlp step on two CPUs of which a third
process takes one, beside the same step a moment before, both as means: a median would hide stalls.

Output: a line for each bench and contestant, BUILD/bench.jsonl and, by table.py, BUILD/bench.md.
The first line of bench.jsonl tells the machine; each other one has bench, threads, who, variant, us
(median over rounds), best_us, n (rounds), ratio (time as a multiple of the fastest peer's; a peer
counts with its fastest variant), limit (us), keratin (time as a multiple of Keratin's), and, where
they apply, mb, slower (than when quiet), accuracy.
"""
import argparse
import collections
import contextlib
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # or the import leaves files in the source tree
import contestants
from contestants import FAILURES, Gone
import table

STEPS = ["tiny_b32", "tiny_b1", "tiny_predict", "mlp_b128", "mnist_epoch"]
BENCHES = STEPS + ["mlp_b128_busy", "first_step"]
DISTURBED = 0.25  # CPUs that others may use during a sample
SPAN_S = 0.4      # of a sample


def key_of(row):
    return row["who"], row.get("variant", "")


class Bench:
    """One run: the samples of all rounds, and what becomes of them."""

    def __init__(self, options):
        self.build = os.path.abspath(options.build)
        self.rounds, self.patience = options.rounds, options.patience
        self.names = [name for name in contestants.NAMES
                      if not options.peers or name in options.peers or name == "keratin"]
        self.cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 1]
        os.makedirs(os.path.join(self.build, "bench"), exist_ok=True)
        self.log = open(os.path.join(self.build, "bench.log"), "w")
        # samples[bench, threads][who, variant][round]: the row of that round
        self.samples = collections.defaultdict(lambda: collections.defaultdict(dict))
        self.limits = collections.defaultdict(list)
        self.versions, self.measured, self.skipped = {}, {}, set()
        self.taken = self.disturbed = 0

    def long_rounds(self):
        """Rounds of what takes seconds a sample."""
        return max(3, self.rounds // 2) if self.rounds > 3 else self.rounds

    def skip(self, who, why):
        if (who, str(why)) not in self.skipped:
            self.skipped.add((who, str(why)))
            print(f"{who} is left out: {why}", flush=True)

    @contextlib.contextmanager
    def people(self, threads):
        """Everybody who is there, started for this number of threads."""
        present = []
        try:
            for name in self.names:
                try:
                    present.append(contestants.start(self.build, name, threads,
                                                     self.cpus[-threads:], self.log))
                    self.versions[name] = present[-1].version
                except FAILURES as error:
                    self.skip(name, error)
            yield present
        finally:
            for person in present:
                person.close()

    def measure_limits(self, threads):
        path = os.path.join(self.build, "bench", "limits")
        if not os.path.exists(path):
            return self.skip("limit", "make bench builds it")
        done = subprocess.run([path, str(threads)], stdout=subprocess.PIPE,
                              preexec_fn=contestants.pinned(self.cpus[-threads:]))
        for row in map(json.loads, done.stdout.splitlines()):
            if "bench" in row:
                self.limits[row["bench"], threads].append(row["us"])
            else:
                self.measured[threads] = row

    def sample(self, person, variant, bench, seconds=SPAN_S, retry=True):
        """The rows of a sample, of the quieter of two if the first was disturbed; or none."""
        try:
            contestants.wait_for_quiet(self.patience if retry else 0, DISTURBED)
            rows, others = person.sample(bench, variant, seconds)
            if retry and others > DISTURBED:
                contestants.wait_for_quiet(self.patience, DISTURBED)
                again, less = person.sample(bench, variant, seconds)
                rows, others = (again, less) if less < others else (rows, others)
                self.disturbed += others > DISTURBED
            self.taken += retry
            return rows
        except FAILURES as error:
            self.skip(f"{person.name} {variant} in {bench}", error)
            return []

    def entries(self, people, bench):
        """(contestant, variant) of all that can do this bench, each compiled and warm."""
        ready = []
        for person in people:
            for variant in person.variants(bench):
                try:
                    person.prepare(bench, variant)
                    ready.append((person, variant))
                except FAILURES as error:
                    self.skip(f"{person.name} {variant} in {bench}", error)
        return ready

    def note(self, bench, threads, count, rows):
        for row in rows:
            self.samples[bench, threads][key_of(row)][count] = row

    def steps(self, people, bench, threads):
        """The rounds of one bench; everybody's turn comes at another place in each round."""
        ready = self.entries(people, bench)
        rounds = self.long_rounds() if bench == "mnist_epoch" else self.rounds
        for count in range(rounds if ready else 0):
            self.measure_limits(threads)
            shift = count * len(ready) // rounds
            for person, variant in ready[shift:] + ready[:shift]:
                self.note(bench, threads, count, self.sample(person, variant, bench))
        self.show(bench, threads)

    def fastest_variants(self, ready):
        """One (contestant, variant) of each, by one more sample; a program times all of its own."""
        best = {}
        for person, variant in ready:
            rows = self.sample(person, variant, "mlp_b128", 0.2)
            us = min((row["us"] for row in rows), default=1e99)
            if us < best.get(person.name, (1e100,))[0]:
                best[person.name] = us, person, variant
        return [(person, variant) for _, person, variant in best.values()]

    def beside_busy(self, people, threads):
        """mlp quiet, then with a process that never sleeps on the same CPUs."""
        best = self.fastest_variants(self.entries(people, "mlp_b128"))
        for count in range(self.long_rounds()):
            for person, variant in best:
                rows = self.sample(person, variant, "mlp_b128", 1.0)
                quiet = {key_of(row): row["mean_us"] for row in rows}
                busy = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                        preexec_fn=contestants.pinned(self.cpus[-threads:]))
                try:
                    time.sleep(0.3)
                    rows = self.sample(person, variant, "mlp_b128", 1.0, retry=False)
                finally:
                    busy.kill()
                    busy.wait()
                self.note("mlp_b128_busy", threads, count,
                          [dict(row, us=row["mean_us"], slower=row["mean_us"] / quiet[key_of(row)])
                           for row in rows if key_of(row) in quiet])
        self.show("mlp_b128_busy", threads)

    def first_step(self, name, command):
        """Wall time and peak memory of one whole process."""
        done = subprocess.run([os.path.join(self.build, "bench", "process")] + command,
                              stdout=subprocess.PIPE, stderr=self.log, check=True,
                              env=contestants.environment(self.build, name, 1),
                              preexec_fn=contestants.pinned(self.cpus[-1:]))
        row = json.loads(done.stdout)
        if row["status"]:
            raise Gone(f"it ended with status {row['status']}")
        return {"who": name, "us": row["us"], "best_us": row["us"], "mb": row["mb"]}

    def first_steps(self):
        if not os.path.exists(os.path.join(self.build, "bench", "process")):
            return self.skip("first_step", "make bench builds what measures it")
        for name in self.names:
            if name == "onnxruntime":  # it does not train
                continue
            try:
                command = contestants.command(self.build, name, 1, first_step=True)
                self.first_step(name, command)  # fills the page cache
                for count in range(self.long_rounds()):
                    self.note("first_step", 1, count, [self.first_step(name, command)])
            except FAILURES as error:
                self.skip(f"{name} in first_step", error)
        self.show("first_step", 1)

    def run(self, benches, threads):
        for count in threads:
            if count > len(self.cpus):
                self.skip(f"a run with {count} threads", f"there are {len(self.cpus)} CPUs")
                continue
            steps = [b for b in STEPS if b in benches and (count == 1 or b != "tiny_predict")]
            if "mnist_epoch" in steps and not contestants.has_mnist():
                steps.remove("mnist_epoch")
                self.skip("mnist_epoch", "set KERATIN_DATA to the folder that holds mnist/")
            busy = count == 2 and "mlp_b128_busy" in benches
            if not steps and not busy:
                continue
            with self.people(count) as people:
                for bench in steps:
                    self.steps(people, bench, count)
                if busy:
                    self.beside_busy(people, count)
        if "first_step" in benches:
            self.first_steps()

    def results(self, bench, threads):
        """The lines of bench.jsonl for one bench, the fastest first."""
        limits = self.limits.get((bench, threads))
        limit = round(statistics.median(limits), 4) if limits else None
        rows = self.samples[bench, threads]
        median = {key: statistics.median(r["us"] for r in rows[key].values()) for key in rows}
        order = sorted(rows, key=median.get)
        peer = next((key for key in order if not key[0].startswith("keratin")), None)
        ours = next((key for key in order if key[0] == "keratin"), None)

        def ratio(key, base):  # over the rounds that both have
            both = [row["us"] / rows[base][count]["us"] for count, row in rows[key].items()
                    if base and count in rows[base]]
            return round(statistics.median(both), 3) if both else None

        for key in order:
            own = list(rows[key].values())
            more = {field: round(statistics.median(r[field] for r in own), 4)
                    for field in ("mb", "slower", "accuracy") if all(field in r for r in own)}
            yield dict(bench=bench, threads=threads, who=key[0], variant=key[1],
                       us=round(median[key], 4), best_us=round(min(r["best_us"] for r in own), 4),
                       n=len(own), ratio=ratio(key, peer), limit=limit, keratin=ratio(key, ours),
                       **more)

    def show(self, bench, threads):
        print(f"\n{bench}, {threads} thread{'s' * (threads > 1)}", flush=True)
        for row in self.results(bench, threads):
            notes = [f"{row['ratio']:.2f} x the fastest peer" if row["ratio"] else "",
                     f"{row['keratin']:.2f} x Keratin" if row["keratin"] else "",
                     f"{row['us'] / row['limit']:.1f} x the limit" if row["limit"] else "",
                     f"{row['slower']:.1f} x its quiet time" if "slower" in row else "",
                     f"{row['mb']:.0f} MB" if "mb" in row else "",
                     f"accuracy {row['accuracy']:.3f}" if "accuracy" in row else ""]
            print(f"  {row['who'] + ' ' + row['variant']:44} {row['us']:14,.2f} us   "
                  + ", ".join(filter(None, notes)), flush=True)

    def write(self):
        """bench.jsonl and bench.md of whatever was measured; older ones stay if that is nothing."""
        if not any(self.samples.values()):
            return print("\nnothing was measured")
        name, isa = contestants.cpu()
        about = dict(machine=name, cpus=len(self.cpus), isa=isa, system=platform.system(),
                     date=datetime.date.today().isoformat(), rounds=self.rounds,
                     versions=self.versions, measured=self.measured, samples=self.taken,
                     disturbed=self.disturbed)
        lines = [about] + [row for case in list(self.samples) for row in self.results(*case)]
        path = os.path.join(self.build, "bench.jsonl")
        with open(path + ".new", "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        os.replace(path + ".new", path)
        with open(os.path.join(self.build, "bench.md"), "w") as file:
            file.write(table.markdown(path))
        print(f"\n{self.disturbed} of {self.taken} samples were disturbed by other processes.\n"
              f"{path} has the figures, {file.name} the table for docs/performance.md.")


def chosen(text, allowed, what):
    names = text.split(",") if text else []
    for name in names:
        if name not in allowed:
            sys.exit(f"no {what} is called {name}; there are {', '.join(allowed)}")
    return names


def main():
    parser = argparse.ArgumentParser(description="Times Keratin beside its peers.")
    parser.add_argument("--build", default="build", help="folder with the programs and the peers")
    parser.add_argument("--rounds", type=int, default=7, help="of each bench; long ones take half")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, one after the other")
    parser.add_argument("--bench", default="", help="some of " + ",".join(BENCHES))
    parser.add_argument("--peers", default="", help="some of " + ",".join(contestants.NAMES[1:]))
    parser.add_argument("--patience", type=float, default=2.0,
                        help="seconds to wait for a quiet machine before a sample")
    options = parser.parse_args()
    options.peers = chosen(options.peers, contestants.NAMES, "peer")
    threads = [int(t) for t in options.threads.split(",") if t.isdigit() and int(t) > 0]
    if options.rounds < 1 or not threads:
        sys.exit("--rounds and --threads take numbers of at least 1")
    benches = chosen(options.bench, BENCHES, "bench") or BENCHES
    bench = Bench(options)
    try:
        bench.run(benches, threads)
    finally:
        bench.write()


if __name__ == "__main__":
    main()
