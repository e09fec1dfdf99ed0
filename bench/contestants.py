# SPDX-License-Identifier: MIT
"""Who takes part in the bench, how they are started, and how one sample is taken from them.

Two kinds. A Python peer is started once for each number of threads and stays: it answers requests
(peers/common.py), so that compiling is done before anything is timed. A C program is called anew
for every sample (peers/bench.h); Keratin's is one of these. Both are pinned to the CPUs of the run
and both come back with rows (JSON objects with bench, who, us, best_us, n) and with the number of
CPUs that others used meanwhile.

This module knows nothing of rounds and ratios; run.py does.
"""
import contextlib
import gzip
import json
import os
import platform
import select
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = {  # script, its virtual environment
    "keras": ("keras_peer.py", "peers-tf"),
    "pytorch": ("torch_peer.py", "peers-torch"),
    "jax": ("jax_peer.py", "peers-jax"),
    "onnxruntime": ("onnx_peer.py", "peers-onnx"),
}
PROGRAMS = {  # program, how to get it
    "keratin": ("keratin_bench", "make bench builds it"),
    "kann": ("peer_kann", "KANN=DIR make bench-peers builds it from its source in DIR"),
    "fann": ("peer_fann", "make bench-peers installs it"),
}
NAMES = [*PROGRAMS, *SCRIPTS]
BEST_SETTINGS = {  # what the Python peers are fastest with
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
    "PYTHONDONTWRITEBYTECODE": "1",
}
CLOCK_ERROR_S = 0.02  # of used and busy times, which the system counts in ticks


class Gone(Exception):
    """A contestant ended, hung, cannot do this bench, or is not there."""


FAILURES = (Gone, OSError, ValueError, subprocess.TimeoutExpired)


def cpu():
    """(name, widest vector instructions) of this machine's CPU."""
    name, flags = platform.processor() or platform.machine(), []
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            elif key.strip() == "flags":
                flags = value.split()
    return name, "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "portable"


def pinned(cpus):
    """For a new process: run it on these CPUs only, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    return lambda: os.sched_setaffinity(0, cpus)


def busy_seconds():
    """CPU time that this machine spent so far on anything, or that its host took away."""
    try:
        with open("/proc/stat") as file:
            ticks = [int(t) for t in file.readline().split()[1:9]]
    except OSError:
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def used_seconds(pid):
    """CPU time that one process spent so far."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(patience, most):
    """Until all the machine's processes together use less than `most` CPUs, or patience is over."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        busy, start = busy_seconds(), time.monotonic()
        time.sleep(0.15)
        if busy_seconds() - busy - CLOCK_ERROR_S < most * (time.monotonic() - start):
            return


class Server:
    """A Python peer that stays alive and answers requests."""

    def __init__(self, name, command, cpus, environment, log):
        self.name = name
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=log, env=environment, preexec_fn=pinned(cpus))
        hello = self.answer(120)
        self.version = hello["version"]
        self.cases = hello["cases"]

    def answer(self, timeout):
        if not select.select([self.child.stdout], [], [], timeout)[0]:
            self.child.kill()  # or a late answer would pass for that to the next request
            raise Gone(f"no answer within {timeout} s")
        line = self.child.stdout.readline()
        if not line:
            raise Gone("it ended")
        return json.loads(line)

    def variants(self, bench):
        return [variant for name, variant in self.cases if name == bench]

    def ask(self, bench, variant, seconds, timeout=600):
        self.child.stdin.write(f"{bench}|{variant}|{seconds}\n".encode())
        self.child.stdin.flush()
        row = self.answer(timeout)
        if "error" in row:
            raise Gone(row["error"])
        return row

    def prepare(self, bench, variant):
        """Builds, compiles and warms, which may take a minute."""
        self.ask(bench, variant, 0)

    def sample(self, bench, variant, seconds):
        """The rows of one sample, and how many CPUs others used meanwhile."""
        start, busy, used = time.monotonic(), busy_seconds(), used_seconds(self.child.pid)
        row = self.ask(bench, variant, seconds)
        others = busy_seconds() - busy - (used_seconds(self.child.pid) - used) - CLOCK_ERROR_S
        return [dict(row, who=self.name)], others / (time.monotonic() - start)

    def close(self):
        with contextlib.suppress(OSError):
            self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Program:
    """A C program that is called anew for each sample and may print several rows."""

    version = ""

    def __init__(self, name, command, cpus, environment, log):
        self.name, self.command, self.cpus = name, command, cpus
        self.environment, self.log = environment, log

    def variants(self, bench):
        return [""]

    def prepare(self, bench, variant):
        pass

    def sample(self, bench, variant, seconds):
        """As Server's; the program itself knows its variants, and how long a sample takes."""
        start, busy, used = time.monotonic(), busy_seconds(), sum(os.times()[2:4])
        done = subprocess.run([self.command[0], bench] + self.command[1:], stderr=self.log,
                              stdout=subprocess.PIPE, env=self.environment, timeout=600,
                              preexec_fn=pinned(self.cpus))
        others = busy_seconds() - busy - (sum(os.times()[2:4]) - used) - CLOCK_ERROR_S
        if done.returncode:
            raise Gone(f"it ended with status {done.returncode}")
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
        return rows, others / (time.monotonic() - start)

    def close(self):
        pass


def mnist_folder():
    return os.path.join(os.environ.get("KERATIN_DATA", "data"), "mnist")


def has_mnist():
    path = os.path.join(mnist_folder(), "train-images-idx3-ubyte")
    return os.path.exists(path) or os.path.exists(path + ".gz")


def unpacked_mnist(build):
    """A folder with the training set as plain IDX, which is all that KANN's program reads."""
    folder = os.path.join(build, "bench", "mnist")
    os.makedirs(folder, exist_ok=True)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        target, path = os.path.join(folder, name), os.path.join(mnist_folder(), name)
        for packed, opened in ((path, open), (path + ".gz", gzip.open)):
            if os.path.exists(packed) and not os.path.exists(target):
                with opened(packed, "rb") as file, open(target + ".new", "wb") as plain:
                    shutil.copyfileobj(file, plain)
                os.replace(target + ".new", target)
    return folder


def command(build, name, threads, first_step=False):
    """The words that start a contestant; Gone, with what to do, if it is not there."""
    if name in SCRIPTS:
        script, folder = SCRIPTS[name]
        python = os.path.join(build, folder, "bin", "python")
        if not os.path.exists(python):
            raise Gone("make bench-peers installs it")
        words = ["first_step"] if first_step else ["serve", str(threads)]
        return [python, os.path.join(HERE, "peers", script)] + words
    program, how = PROGRAMS[name]
    path = os.path.join(build, "bench", program)
    if not os.path.exists(path):
        raise Gone(how)
    words = (["first_step"] if first_step else []) + [str(threads)]
    return [path] + words + ([unpacked_mnist(build)] if name == "kann" else [])


def environment(build, name, threads):
    """The environment in which a contestant is at its best. Keratin needs nothing of it."""
    own = {}
    if name in SCRIPTS:
        cache = os.path.join(build, "bench", "inductor")
        own = dict(BEST_SETTINGS, OMP_NUM_THREADS=str(threads), TORCHINDUCTOR_CACHE_DIR=cache)
    elif name == "kann":
        own = {"OMP_NUM_THREADS": str(threads)}
        if cpu()[1] == "AVX-512" and "OPENBLAS_CORETYPE" not in os.environ:
            own["OPENBLAS_CORETYPE"] = "SKYLAKEX"  # a CPU newer than itself it takes for a Prescott
    return dict(os.environ, **own)


def start(build, name, threads, cpus, log):
    """A contestant that is ready for samples."""
    kind = Server if name in SCRIPTS else Program
    return kind(name, command(build, name, threads), cpus, environment(build, name, threads), log)
