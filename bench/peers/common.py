# SPDX-License-Identifier: MIT
"""What the Python peers share: the models' sizes, their data, timing, and the bench's protocol.

Importing a framework and compiling a model takes seconds, a training step microseconds. Were each
sample a new process, two samples that are compared would lie half a minute apart, and the machine's
mood with them. So a peer is started once, compiles once, and then waits on its standard input; the
driver asks the peers in turn for a short sample each. Asleep, a peer costs the others nothing.

    peer.py serve THREADS          answers requests until standard input ends
    peer.py first_step             one training step of tiny and out: start-up time and memory

A request is a line `BENCH|VARIANT|SECONDS`; the answer is one JSON line with bench, variant, us
(median of the samples), best_us, mean_us, n, or with an error; with 0 seconds it is built and
warmed only. Before all, the peer prints its name, its version and its cases. Anything a framework
prints goes to standard error instead.

This file knows no framework, and no peer knows of another.
"""
import gzip
import json
import os
import statistics
import sys
import time

import numpy as np

# bench: inputs, classes (0: one regression target), batch, rows that one epoch of `fit` sees
SPEC = {
    "tiny_b32": (10, 0, 32, 32000),
    "tiny_b1": (10, 0, 1, 1000),
    "tiny_predict": (10, 0, 1, 1),
    "mlp_b128": (784, 10, 128, 12800),
    "mnist_epoch": (784, 10, 128, 60000),
}
SAMPLE_S = 0.005  # the shortest time worth a sample


def widths(bench):
    """Units of each layer, the input first."""
    return [784, 512, 512, 10] if bench in ("mlp_b128", "mnist_epoch") else [10, 64, 1]


def data(bench, rows):
    """Rows of random inputs with targets; a value has no influence on the time of a step."""
    inputs, classes, _, _ = SPEC[bench]
    random = np.random.default_rng(1)
    x = random.standard_normal((rows, inputs), dtype=np.float32)
    if classes:
        return x, random.integers(0, classes, rows).astype(np.int64)
    return x, x[:, :3].sum(1, keepdims=True).astype(np.float32)


def batches(bench, count=8):
    """A few batches that a timed loop takes in turn."""
    b = SPEC[bench][2]
    x, y = data(bench, count * b)
    return [(x[i * b:(i + 1) * b], y[i * b:(i + 1) * b]) for i in range(count)]


def mnist():
    """The training set as float32 rows in 0..1 and int64 labels, from IDX files, gzip or not."""
    folder = os.path.join(os.environ.get("KERATIN_DATA", "data"), "mnist")

    def idx(name, header):
        path = os.path.join(folder, name)
        opened = open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz")
        with opened as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    x = idx("train-images-idx3-ubyte", 16).reshape(-1, 784).astype(np.float32) / 255
    return x, idx("train-labels-idx1-ubyte", 8).astype(np.int64)


def repeat(one, sync=lambda: None, steps=1):
    """A sampler that calls `one` again and again, each time `steps` steps; `sync` awaits them."""
    def calls(count):
        start = time.perf_counter()
        for _ in range(count):
            one()
        sync()
        return time.perf_counter() - start

    end = time.perf_counter() + 0.3  # warm: compiled, paged in, caches filled
    while time.perf_counter() < end:
        calls(3)

    def sampler(seconds):
        calls(2)  # wake up after the other peers
        count = max(1, int(SAMPLE_S / (calls(3) / 3)))
        out, stop = [], time.perf_counter() + seconds
        while len(out) < 3 or time.perf_counter() < stop:
            out.append(calls(count) / count / steps * 1e6)
        return out
    return sampler


def once(one):
    """A sampler of something long, as an epoch: one call a sample, which may return more fields."""
    def sampler(_):
        start = time.perf_counter()
        extra = one()
        return [(time.perf_counter() - start) * 1e6], extra
    return sampler


def serve(peer, version, cases):
    """Answer requests. cases: {(bench, variant): function that builds, warms, returns a sampler}"""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**fields):
        out.write(json.dumps(fields) + "\n")
        out.flush()

    say(peer=peer, version=version, cases=[list(case) for case in cases])
    ready = {}
    for line in sys.stdin:
        bench, variant, seconds = line.rstrip("\n").split("|")
        try:
            if (bench, variant) not in ready:
                ready[bench, variant] = cases[bench, variant]()
            if float(seconds) == 0:
                say(bench=bench, variant=variant)
                continue
            samples = ready[bench, variant](float(seconds))
            samples, extra = samples if isinstance(samples, tuple) else (samples, None)
            say(bench=bench, variant=variant, us=round(statistics.median(samples), 3),
                best_us=round(min(samples), 3), mean_us=round(statistics.fmean(samples), 3),
                n=len(samples), **(extra or {}))
        except Exception as error:  # a variant that one version of a peer cannot do
            say(bench=bench, variant=variant, error=f"{type(error).__name__}: {str(error)[:300]}")


def main(peer, setup, cases, first_step):
    """Run a peer script: setup(threads) returns the version, cases() the table for `serve`."""
    if sys.argv[1:2] == ["first_step"]:
        setup(1)
        first_step()
    elif sys.argv[1:2] == ["serve"] and len(sys.argv) == 3:
        version = setup(int(sys.argv[2]))
        serve(peer, version, cases())
    else:
        sys.exit(f"usage: {sys.argv[0]} serve THREADS | first_step")
