# SPDX-License-Identifier: MIT
"""The mission's programs, read by the real TensorBoard.

usage: check_programs.py FOLDER_OF_EXAMPLES WRITE_GOLDEN_LOGS

Needs the packages `tensorboard` and `numpy`. Three parts:

programs   custom_layer, custom_loss and custom_loop with several options. Which runs, tags and
           steps must be there is computed here again; values are finite, the counts of a histogram
           add up to the number of values. Both readers are asked: the event accumulator, and the
           server over HTTP.
goldens    logs of write_golden_logs, compared with what Keras's own callback wrote for the same
           weights, data and settings (tests/golden/data/tb_*.txt and tb_histograms.npz): the same
           runs, tags, plugins, steps; values and edges within the tolerance of the case. Left out:
           two bugs of Keras (EXCEPT below). The model's graph is compared elsewhere
           (tests/train/test_json.c), here only that it is there.
live       a training that goes on while both readers look: points show up within seconds.
"""
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import numpy as np
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

GOLDENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "data")
ROWS = 2000  # of the programs' own data
WEIGHTS = {"sequential/dense/bias": 64, "sequential/dense/kernel": 640,
           "sequential/dense_1/bias": 1, "sequential/dense_1/kernel": 64}
SAMPLES = 51  # histograms of one tag that the server answers with, the last among them
LIVE_SECONDS = 8


# ---- reading ----

def read(folder):
    """{run: {tag: (plugin, {step: value})}}; a value is a number, the (30, 3) rows, or the class of the model."""
    runs = {}
    for path, _, files in os.walk(folder):
        if not any("tfevents" in name for name in files):
            continue
        accumulator = EventAccumulator(path, size_guidance={"tensors": 0}).Reload()
        tags = {}
        for tag in accumulator.Tags()["tensors"]:
            plugin = accumulator.SummaryMetadata(tag).plugin_data.plugin_name
            points = {}
            for event in accumulator.Tensors(tag):
                array = tensor_util.make_ndarray(event.tensor_proto)
                assert event.step not in points, (path, tag, event.step, "twice")
                if plugin == "graph_keras_model":
                    points[event.step] = json.loads(array.item())["class_name"]
                else:
                    points[event.step] = array if plugin == "histograms" else float(array)
            tags[tag] = (plugin, points)
        runs[os.path.relpath(path, folder)] = tags
    return runs


class Server:
    """The real server, asked over HTTP on a port of the loopback."""

    def __init__(self, logs):
        board = program.TensorBoard()
        board.configure(argv=[None, "--logdir", logs, "--port", "0", "--host", "localhost",
                              "--reload_interval", "1", "--samples_per_plugin",
                              "scalars=100000,histograms=100000"])
        self.url = board.launch()

    def ask(self, path, **query):
        address = f"{self.url}data/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=20) as reply:
            return json.load(reply)

    def wait(self, ready, what):
        end = time.time() + 60
        while not ready():
            assert time.time() < end, f"the server does not show {what}"
            time.sleep(0.2)


def tags_by_plugin(tags, plugin):
    return {tag for tag, (name, _) in tags.items() if name == plugin}


def same_as_server(server, prefix, runs):
    """What the accumulator read, the server shows too."""
    for run, tags in runs.items():
        name = prefix if run == "." else f"{prefix}/{run}"
        for plugin, route in (("scalars", "scalars/scalars"), ("histograms", "histograms/histograms")):
            wanted = tags_by_plugin(tags, plugin)
            ask = lambda: set(server.ask(f"plugin/{plugin}/tags").get(name, {}))
            server.wait(lambda: ask() >= wanted, f"{plugin} {wanted} of {name}")
            assert ask() == wanted, (name, plugin, ask(), wanted)
            for tag in wanted:
                points = tags[tag][1]
                fetch = lambda: server.ask(f"plugin/{route}", run=name, tag=tag)
                shown = min(len(points), SAMPLES) if plugin == "histograms" else len(points)
                server.wait(lambda: len(fetch()) >= shown, f"{shown} points of {tag}")
                got = {step: value for _, step, value in fetch()}
                assert len(got) == shown and set(got) <= set(points), (name, tag, sorted(got))
                assert max(got) == max(points), (name, tag, max(got))
                for step, value in got.items():
                    assert np.array_equal(np.asarray(value, float), points[step]), (name, tag, step)


# ---- what the programs must write ----

class Run:
    """One call of a program: its options, and from them the runs, tags and steps to be there."""

    def __init__(self, name, epochs, freq=1, update="epoch", batch=32, more=(), inputs=10, rows=ROWS):
        self.name, self.epochs, self.freq, self.update, self.batch = name, epochs, freq, update, batch
        self.more, self.inputs, self.rows = list(more), inputs, rows
        self.train, self.test = rows * 4 // 5, rows - rows * 4 // 5
        self.steps, self.test_steps = -(-self.train // batch), -(-self.test // batch)
        self.folder = f"{name}-{update}-{freq}-{batch}-{inputs}"

    def call(self, examples, logs):
        command = [os.path.join(examples, self.name), "--epochs", self.epochs, "--histogram-freq",
                   self.freq, "--update-freq", self.update, "--batch-size", self.batch, "--quiet",
                   "--log-dir", os.path.join(logs, self.folder), *self.more]
        subprocess.run([str(word) for word in command], check=True, timeout=300,
                       stdout=subprocess.DEVNULL)

    def every(self):
        return {"epoch": 0, "batch": 1}.get(self.update) if not self.update.isdigit() \
            else int(self.update)

    def batch_steps(self, per_epoch):
        """{step: rows in that batch} of what is gated by update_freq; 1-based since the start."""
        rows = self.train if per_epoch == self.steps else self.test
        size = lambda i: self.batch if i < per_epoch - 1 else rows - self.batch * (per_epoch - 1)
        if self.every():
            return {n: size((n - 1) % per_epoch) for n in range(1, per_epoch * self.epochs + 1)
                    if n % self.every() == 0}
        return {e: size(per_epoch - 1) for e in self.histogram_epochs() or range(self.epochs)}

    def histogram_epochs(self):
        return range(0, self.epochs, self.freq) if self.freq else []

    def weights(self):
        return {**WEIGHTS, "sequential/dense/kernel": 64 * self.inputs}

    def expected(self):
        """{run: {tag: {step: how many values, or None for a scalar}}}"""
        epochs = dict.fromkeys(range(self.epochs))
        if self.name == "custom_loop":
            tags = {"loss": dict.fromkeys(range(self.epochs * self.steps)), "epoch_loss": epochs}
            for tag, count in self.weights().items():
                tags[tag] = dict.fromkeys(self.histogram_epochs(), count)
            return {".": {tag: steps for tag, steps in tags.items() if steps}}
        train = {f"epoch_{k}": epochs for k in ("loss", "mae", "learning_rate")}
        train["keras"] = {0: "Sequential"}
        test = {f"epoch_{k}": epochs for k in ("loss", "mae")}
        for k in ("loss", "mae"):
            test[f"evaluation_{k}_vs_iterations"] = \
                dict.fromkeys(self.steps * (e + 1) for e in range(self.epochs))
            if self.every():
                train[f"batch_{k}"] = dict.fromkeys(self.batch_steps(self.steps))
        for tag, count in self.weights().items():
            train[f"{tag}/histogram"] = dict.fromkeys(self.histogram_epochs(), count)
        if self.name == "custom_layer":
            for tags, steps in ((train, self.steps), (test, self.test_steps)):
                tags["sequential/log/activations"] = \
                    {step: 64 * rows for step, rows in self.batch_steps(steps).items()}
        return {"train": {tag: steps for tag, steps in train.items() if steps}, "validation": test}

    def check(self, logs):
        got, expected = read(os.path.join(logs, self.folder)), self.expected()
        assert set(got) == set(expected), (self.folder, set(got))
        for run, tags in expected.items():
            assert set(got[run]) == set(tags), (self.folder, run, set(got[run]) ^ set(tags))
            for tag, steps in tags.items():
                plugin, points = got[run][tag]
                where = (self.folder, run, tag)
                assert list(points) == sorted(points), (*where, "steps do not rise")
                assert sorted(points) == sorted(steps), (*where, sorted(points), sorted(steps))
                if tag == "keras":
                    assert (plugin, points) == ("graph_keras_model", steps), (*where, plugin, points)
                    continue
                for step, count in steps.items():
                    value = points[step]
                    assert plugin == ("scalars" if count is None else "histograms"), (*where, plugin)
                    assert np.all(np.isfinite(value)), (*where, step)
                    if count is not None:
                        check_rows(value, count, (*where, step))
        return got


def check_rows(rows, count, where):
    assert rows.shape == (30, 3) and rows.dtype == np.float64, where
    assert rows[:, 2].sum() == count and (rows[:, 2] >= 0).all(), (*where, rows[:, 2].sum(), count)
    assert (rows[:, 0] <= rows[:, 1]).all() and np.array_equal(rows[1:, 0], rows[:-1, 1]), where


def table(path):
    """A table of 500 rows with a header and a column of text: eleven inputs, target last."""
    random = np.random.default_rng(1)
    with open(path, "w") as file:
        file.write(",".join(["kind"] + [f"x{i}" for i in range(8)] + ["y"]) + "\n")
        for i in range(500):
            x = random.uniform(size=8)
            fields = ["abc"[i % 3]] + [f"{v:.6f}" for v in x] + [f"{x.sum() + i % 3:.6f}"]
            file.write(",".join(fields) + "\n")


def check_all_programs(examples, logs):
    csv = os.path.join(logs, "table.csv")
    table(csv)
    runs = [Run("custom_layer", 3), Run("custom_layer", 3, freq=2),
            Run("custom_layer", 3, freq=2, update="batch", batch=48),
            Run("custom_layer", 2, freq=0, update="3", more=["--no-shuffle"]),
            Run("custom_layer", 2, freq=0, more=["--data", csv], inputs=11, rows=500),
            Run("custom_loss", 3), Run("custom_loss", 2, update="batch", batch=64),
            Run("custom_loss", 3, freq=0, update="7", more=["--data", csv], inputs=11, rows=500),
            Run("custom_loop", 3), Run("custom_loop", 2, freq=0, batch=100),
            Run("custom_loop", 2, freq=2, more=["--data", csv], inputs=11, rows=500)]
    for run in runs:
        run.call(examples, logs)
    contents = {run.folder: run.check(logs) for run in runs}
    losses = {folder: runs.get("train", runs.get("."))["epoch_loss"][1]
              for folder, runs in contents.items()}
    for folder, points in losses.items():
        assert points[max(points)] < points[0], (folder, "the loss did not fall", points)
    server = Server(logs)
    for folder, found in contents.items():
        same_as_server(server, folder, found)
    names = {f if run == "." else f"{f}/{run}" for f, found in contents.items() for run in found}
    assert set(server.ask("runs")) == names


# ---- what Keras wrote ----

# Keras bug 1: an integer update_freq also gates what belongs to evaluations; these points, which
# Keras wrote for the same run with update_freq "epoch", belong there.
EXCEPT = {"every_3": ("epoch", "evaluation_"), "layer_summary_3": ("epoch", "evaluation_")}
# Tolerance of scalars: of the array that the tag's values come from.
SOURCE = {"mission_custom_layer": "fit_mission_custom_layer",
          "mission_custom_loss": "fit_mission_custom_loss", "mission_custom_loop": "mission_custom_loop"}


def golden_points(name):
    """{(run, tag): (plugin, {step: value or None})}"""
    points = {}
    with open(os.path.join(GOLDENS, f"tb_{name}.txt")) as file:
        for line in file:
            run, tag, plugin, step, value = line.split()
            of = points.setdefault((run, tag), (plugin, {}))[1]
            of[int(step)] = None if value in ("*", "-") else float(value)
    return points


def wanted_points(name):
    points = golden_points(name)
    if name in EXCEPT:
        other, start = EXCEPT[name]
        points.update({k: v for k, v in golden_points(other).items() if k[1].startswith(start)})
    return points


def tolerance(data, tag, run):
    """Of a scalar: the case's own for what the value is."""
    if tag == "loss":
        return float(data["tol_loss"])
    key = "val_" * (run == "validation") + ("mae" if "mae" in tag else "loss")
    return float(data[f"tol_hist_{key}"]) if f"tol_hist_{key}" in data else 1e-5


def same_buckets(got, want, allowed, where):
    """Edges within the tolerance; a value may have crossed an edge, never more than two at one."""
    scale = max(np.abs(want[:, :2]).max(), 1e-3)
    assert np.abs(got[:, :2] - want[:, :2]).max() <= 2 * allowed * scale, (*where, got, want)
    assert np.abs(np.cumsum(got[:, 2]) - np.cumsum(want[:, 2])).max() <= 2, (*where, got, want)
    moved = np.abs(got[:, 2] - want[:, 2]).sum()
    assert moved <= 4, (*where, moved)
    return moved


def check_golden(name, logs, buckets):
    runs, want = read(os.path.join(logs, name)), wanted_points(name)
    with np.load(os.path.join(GOLDENS, SOURCE.get(name, "fit_text_run") + ".npz")) as file:
        data = dict(file)
    got = {(run, tag): points for run, tags in runs.items() for tag, points in tags.items()}
    assert set(got) == set(want), (name, set(got) ^ set(want))
    histograms = sorted({tag for (_, tag), (plugin, _) in want.items() if plugin == "histograms"})
    moved = 0
    for (run, tag), (plugin, points) in want.items():
        where = (name, run, tag)
        assert got[run, tag][0] == plugin, (*where, got[run, tag][0])
        assert sorted(got[run, tag][1]) == sorted(points), (*where, sorted(got[run, tag][1]))
        for step, value in points.items():
            ours = got[run, tag][1][step]
            if plugin == "graph_keras_model":
                assert ours in ("Sequential", "Functional"), (*where, ours)
            elif plugin == "histograms":
                check_rows(ours, value, (*where, step))
                rows = buckets.get(f"{name}_{step}_{histograms.index(tag)}")
                if rows is not None:
                    allowed = max(1e-5, float(data["tol_w"]))
                    moved += same_buckets(ours, rows, allowed, (*where, step))
            elif value is None:
                assert math.isfinite(ours) and ours > 0, (*where, step, ours)
            else:
                allowed = tolerance(data, tag, run) * (abs(value) + min(0.1, max(abs(value), 1e-3)))
                assert abs(ours - value) <= allowed, (*where, step, ours, value, allowed)
    return moved


def check_goldens(writer, logs):
    status = subprocess.run([writer, logs], timeout=300).returncode
    if status == 77:
        print("check_programs: goldens skipped, the library reads no NPZ")
        return
    assert status == 0, status
    with np.load(os.path.join(GOLDENS, "tb_histograms.npz")) as file:
        buckets = dict(file)
    names = sorted(os.listdir(logs))
    moved = {name: check_golden(name, logs, buckets) for name in names}
    assert len(names) == 11, names
    assert {k.rsplit("_", 2)[0] for k in buckets} <= set(names)
    assert sum(moved.values()) <= 12, moved
    server = Server(logs)
    for name in names:
        same_as_server(server, name, read(os.path.join(logs, name)))


# ---- while it is written ----

def check_live(writer, logs):
    run, tag = os.path.join(logs, "live", "train"), "batch_loss"
    server, process = Server(logs), subprocess.Popen([writer, os.path.join(logs, "live"), "live",
                                                      str(LIVE_SECONDS)])
    reader, seen, shown = None, {}, {}
    while process.poll() is None:
        time.sleep(0.2)
        now = time.time()
        if reader is None and os.path.isdir(run):
            reader = EventAccumulator(run, size_guidance={"tensors": 0})
        if reader and tag in reader.Reload().Tags()["tensors"]:
            for event in reader.Tensors(tag):
                seen.setdefault(event.step, now - event.wall_time)
        if tag in server.ask("plugin/scalars/tags").get("live/train", {}):
            for wall_time, step, _ in server.ask("plugin/scalars/scalars", run="live/train", tag=tag):
                shown.setdefault(step, time.time() - wall_time)
    assert process.returncode == 0
    assert len(seen) > 20 and len(shown) > 20, (len(seen), len(shown))
    assert max(seen.values()) < 6, max(seen.values())
    assert max(shown.values()) < 10, max(shown.values())
    steps = [event.step for event in reader.Reload().Tensors(tag)]
    assert steps == list(range(1, len(steps) + 1)), steps
    layer = reader.Tensors("sequential/watched/activations")
    assert [event.step for event in layer] == steps
    print(f"live: {len(steps)} points, at most {max(seen.values()):.1f} s after they were made in "
          f"the reader, {max(shown.values()):.1f} s in the server")


def main():
    examples, writer = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    for check, with_what in ((check_all_programs, examples), (check_goldens, writer),
                             (check_live, writer)):
        with tempfile.TemporaryDirectory() as logs:
            check(with_what, logs)
    print("check_programs: ok")


if __name__ == "__main__":
    main()
