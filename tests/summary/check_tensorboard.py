# SPDX-License-Identifier: MIT
"""Reads logs of tests/summary/write_log.c with the real TensorBoard.

usage: check_tensorboard.py WRITE_LOG_PROGRAM

Needs the packages `tensorboard` and `numpy`. Both of TensorBoard's readers are asked: the event
accumulator in Python, and the server over HTTP, which uses the other, stricter reader where it is
installed. Every value expected is computed here again. The last part reads a log while it grows.
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
from tensorboard.backend.event_processing import plugin_event_accumulator # of the server; forgets tensors, too
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

POINTS, VALUES = 100, 10007


def buckets(x):
    """TensorBoard's formula: 30 rows (left, right, count)."""
    x = np.asarray(x, np.float64)
    x = x[np.isfinite(x)]
    low, high = x.min(), x.max()
    width = (high - low) / 30
    index = np.minimum(np.floor((x - low) / width).astype(int), 29)
    edges = low + width * np.arange(31)
    edges[30] = high
    return np.stack([edges[:-1], edges[1:], np.bincount(index, minlength=30)], 1)


def data(step):
    return ((np.arange(VALUES) * 7919 + step) % 10007) / 10007 - 0.25


def expected_histograms():
    rows = {"dense/kernel/histogram": [buckets(data(s).astype(np.float32)) for s in range(3)],
            "double/histogram": [buckets(data(s)) for s in range(3)]}
    with_nan = data(2).astype(np.float32)
    with_nan[5] = np.nan
    rows["with_nan"] = [buckets(with_nan)]
    equal = np.full((30, 3), 2.0)
    equal[:, 2] = 0
    equal[29, 2] = 4
    rows["equal"] = [equal]
    rows["empty"] = [np.zeros((30, 3))]
    rows["own"] = [np.array([[0, 1, 3], [1, 2, 5]], float)]
    return rows


def expected_scalars():
    f = lambda value: float(np.float32(value))
    return {"epoch_loss": [(s, f(1 / (1 + s))) for s in range(POINTS)],
            "group/\u00fc": [(s * 1000, f(-s)) for s in range(POINTS)],
            "special": list(enumerate([math.nan, math.inf, -math.inf, math.inf, -0.0])),
            "broken/\ufffd": [(1, 1.0)]}


RESUMED = [(s, 1.0 if s < 60 else 2.0) for s in range(140)]
ROTATED = [(s, float(s)) for s in range(900)]


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def load(run):
    accumulator = EventAccumulator(run, size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def check_accumulator(logs):
    train = load(os.path.join(logs, "train"))
    assert train.file_version == 2.0, train.file_version
    scalars, histograms = expected_scalars(), expected_histograms()
    assert set(train.Tags()["tensors"]) == set(scalars) | set(histograms), train.Tags()
    for tag, points in scalars.items():
        got = [(e.step, float(tensor_util.make_ndarray(e.tensor_proto)))
               for e in train.Tensors(tag)]
        assert len(got) == len(points), (tag, len(got))
        assert all(a == c and same(b, d) for (a, b), (c, d) in zip(got, points)), (tag, got)
        assert train.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
    for tag, rows in histograms.items():
        got = [tensor_util.make_ndarray(e.tensor_proto) for e in train.Tensors(tag)]
        assert [e.step for e in train.Tensors(tag)] == list(range(len(rows))), tag
        for a, b in zip(got, rows):
            assert a.dtype == np.float64 and np.array_equal(a, b), (tag, a, b)
        assert train.SummaryMetadata(tag).plugin_data.plugin_name == "histograms"
    total = tensor_util.make_ndarray(train.Tensors("with_nan")[0].tensor_proto)[:, 2].sum()
    assert total == VALUES - 1
    now = time.time()
    assert all(now - 600 < e.wall_time <= now for e in train.Tensors("epoch_loss"))
    validation = load(os.path.join(logs, "validation"))
    assert validation.Tags()["tensors"] == ["epoch_loss"]
    assert len(validation.Tensors("epoch_loss")) == POINTS
    for run, points in (("resumed", RESUMED), ("rotated", ROTATED)):
        accumulator = plugin_event_accumulator.EventAccumulator(os.path.join(logs, run),
                                                                tensor_size_guidance={"scalars": 0})
        accumulator.Reload()
        got = [(e.step, float(tensor_util.make_ndarray(e.tensor_proto))) for e in accumulator.Tensors("loss")]
        assert got == points, (run, got)
    assert len(os.listdir(os.path.join(logs, "rotated"))) > 10


def check_server(logs):
    board = program.TensorBoard()
    board.configure(argv=[None, "--logdir", logs, "--port", "0", "--host", "localhost",
                          "--reload_interval", "1"])
    url = board.launch()

    def ask(path, **query):
        address = f"{url}data/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=20) as reply:
            return json.load(reply)

    end = time.time() + 60
    while set(ask("runs")) != {"train", "validation", "resumed", "rotated"} or \
            "own" not in ask("plugin/histograms/tags").get("train", {}):
        assert time.time() < end, "the server does not show the runs"
        time.sleep(0.2)
    tags = ask("plugin/scalars/tags")
    assert set(tags["train"]) == set(expected_scalars())
    assert set(tags["validation"]) == {"epoch_loss"}
    for tag, points in expected_scalars().items():
        got = [(step, float(value))
               for _, step, value in ask("plugin/scalars/scalars", run="train", tag=tag)]
        assert len(got) == len(points), (tag, got)
        assert all(a == c and same(b, d) for (a, b), (c, d) in zip(got, points)), (tag, got)
    for run, points in (("resumed", RESUMED), ("rotated", ROTATED)):
        while True: # its files are loaded one after the other
            got = [(step, float(value)) for _, step, value in ask("plugin/scalars/scalars", run=run, tag="loss")]
            if got == points:
                break
            assert time.time() < end, (run, got)
            time.sleep(0.2)
    for tag, rows in expected_histograms().items():
        got = ask("plugin/histograms/histograms", run="train", tag=tag)
        assert len(got) == len(rows), (tag, len(got))
        for (_, _, a), b in zip(got, rows):
            assert np.array_equal(np.array(a), b), tag


def check_growing(writer, logs):
    """Points appear while the writer still runs, within its flush of one second and a margin."""
    run = os.path.join(logs, "live")
    process = subprocess.Popen([writer, logs, "slow"])
    seen, reader = set(), None
    while process.poll() is None:
        time.sleep(0.2)
        if os.path.isdir(run):
            reader = reader or EventAccumulator(run, size_guidance={"tensors": 0})
            reader.Reload()
            if "loss" in reader.Tags()["tensors"]:
                seen.add(len(reader.Tensors("loss")))
    assert process.returncode == 0
    assert len(seen) >= 2, seen
    reader.Reload()
    assert [e.step for e in reader.Tensors("loss")] == list(range(1, 81))


def main():
    writer = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run([writer, logs], check=True)
        check_accumulator(logs)
        check_server(logs)
    with tempfile.TemporaryDirectory() as logs:
        check_growing(writer, logs)
    print("check_tensorboard: ok")


if __name__ == "__main__":
    main()
