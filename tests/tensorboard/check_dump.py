# SPDX-License-Identifier: MIT
"""`keratin events dump --json` says what the real TensorBoard's readers say.

usage: check_dump.py KERATIN LOGDIR_OR_PROGRAM...

A LOGDIR is read as it is (tests/reader/data: logs of TensorFlow, PyTorch, tensorboardX); a PROGRAM is given a folder to write
its logs into (write_media, write_plugins, write_graph, examples). All points of all kinds are compared with TensorBoard's
event file loader, which keeps every point and brings old forms into today's: run, tag, plugin, step, wall time, dtype, shape
and value; numbers and bytes exactly. Of scalars what the Rust data server answers over HTTP is compared, too.
"""
import base64
import glob
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
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.compat.proto import graph_pb2, meta_graph_pb2
from tensorboard.util import tensor_util

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
BFLOAT16 = 14
RUN_GRAPH = "__run_graph__"
OLD_HISTOGRAMS = ("tf1", "torch", "tensorboardx", "rusting")  # written as HistogramProto, which TensorBoard rounds to float32


def number(x):
    return WORDS[x] if isinstance(x, str) else float(x)


# ---- what TensorBoard reads ----

def array_of(tensor):
    if tensor.dtype == BFLOAT16:  # neither TensorBoard nor NumPy knows it; the command says float64
        words = np.frombuffer(tensor.tensor_content, np.uint16).astype(np.uint32) << 16
        return words.view(np.float32).astype(np.float64).reshape([d.size for d in tensor.tensor_shape.dim])
    try:
        return tensor_util.make_ndarray(tensor)
    except ValueError:  # strings without a shape, which TensorBoard refuses and we take as a row
        return np.array(list(tensor.string_val), object)


def read(logs):
    """{(run, tag): (plugin, [(step, wall time, array)])}; a run's files follow each other in the order of their names."""
    series = {}
    for path in sorted(glob.glob(os.path.join(logs, "**", "*tfevents*"), recursive=True)):
        run = os.path.relpath(os.path.dirname(path), logs)
        for event in event_file_loader.EventFileLoader(path).Load():
            if event.WhichOneof("what") == "meta_graph_def" and (run, RUN_GRAPH) not in series:  # the accumulator does so
                graph = meta_graph_pb2.MetaGraphDef.FromString(event.meta_graph_def).graph_def.SerializeToString()
                series[run, RUN_GRAPH] = ("graphs", [(event.step, event.wall_time, np.array([graph], object))])
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                known, points = series.setdefault((run, value.tag), (plugin, []))
                array = array_of(value.tensor) if value.HasField("tensor") else np.zeros(0, np.float32)
                points.append((event.step, event.wall_time, array))
    return series


# ---- what the command says ----

def dump(keratin, logs):
    done = subprocess.run([keratin, "events", "dump", logs, "--json"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    series = {}
    for line in done.stdout.decode("utf-8", "strict").splitlines():
        point = json.loads(line)
        plugin, points = series.setdefault((point["run"], point["tag"]), (point["plugin"], []))
        assert plugin == point["plugin"], point
        points.append(point)
    return series


def flat(x):
    return [y for part in x for y in flat(part)] if isinstance(x, list) else [x]


def shape_of(x):
    return [len(x)] + (shape_of(x[0]) if x else []) if isinstance(x, list) else []


def same_strings(point, array, where):
    strings = [s.encode("utf-8") if isinstance(s, str) else s for s in np.asarray(array, object).reshape(-1).tolist()]
    if "text" in point:
        assert shape_of(point["text"]) == list(array.shape), (where, point["text"], array.shape)
        assert flat(point["text"]) == [s.decode("utf-8", "replace") for s in strings], (where, point["text"], strings)
    else:
        if array.dtype.kind == "c":  # pairs
            array = np.stack([array.real, array.imag], axis=-1).astype(np.float64)
        assert point["shape"] == list(array.shape), (where, point["shape"], array.shape)
        got = [base64.b64decode(s, validate=True) for s in flat(point["bytes"])]
        if where[1] == RUN_GRAPH:  # taken apart and put together again by one of the two: as messages
            got, strings = [graph_pb2.GraphDef.FromString(s) for s in got], [graph_pb2.GraphDef.FromString(s) for s in strings]
        assert got == strings, where


def same_value(point, plugin, array, where):
    if plugin == "scalars":
        got, expected = np.float32(number(point["value"])), np.float32(array.reshape(-1)[0])
        assert got == expected or np.isnan(got) and np.isnan(expected), (where, got, expected)
    elif plugin == "histograms":
        rows = np.array([[number(x) for x in row] for row in point["buckets"]], np.float64).reshape(-1, 3)
        if array.dtype == np.float32 or where[0].split("/")[0] in OLD_HISTOGRAMS:
            with np.errstate(over="ignore"):
                rows, array = rows.astype(np.float32), array.astype(np.float32)
        assert rows.shape == array.shape and np.array_equal(rows, array), (where, rows, array)
    elif array.dtype.kind in "OSU":
        if plugin == "audio" and array.ndim == 1 and len(point["shape"]) == 2:  # TensorBoard drops the labels
            point = dict(point, shape=point["shape"][:1], bytes=[clip for clip, _ in point["bytes"]])
        if plugin.startswith("graph") and point["shape"] == []:  # TensorBoard makes a row of one of it
            array = array.reshape([])
        same_strings(point, array, where)
    else:
        if array.dtype.kind == "c":  # pairs
            array = np.stack([array.real, array.imag], axis=-1).astype(np.float64)
        assert point["shape"] == list(array.shape), (where, point["shape"], array.shape)
        got = np.frombuffer(base64.b64decode(point["bytes"], validate=True), point["dtype"]).reshape(array.shape)
        assert got.dtype == array.dtype and np.array_equal(got, array), (where, got, array)


def compare(keratin, logs):
    expected, got = read(logs), dump(keratin, logs)
    assert set(got) == set(expected), (sorted(set(got) ^ set(expected)))
    count = 0
    for where, (plugin, points) in expected.items():
        assert got[where][0] == plugin, (where, got[where][0], plugin)
        lines = got[where][1]
        assert [(line["step"], line["wall_time"]) for line in lines] == [point[:2] for point in points], where
        for line, (_, _, array) in zip(lines, points):
            same_value(line, plugin, array, where)
        count += len(points)
    return expected, count


def compare_with_server(logs, expected):
    """The Rust server forgets points that a later one of no greater step overtakes."""
    board = program.TensorBoard()
    board.configure(argv=[None, "--logdir", logs, "--port", "0", "--host", "localhost", "--reload_interval", "1",
                          "--samples_per_plugin", "scalars=100000"])
    url = board.launch()

    def ask(path, **query):
        with urllib.request.urlopen(f"{url}data/{path}?{urllib.parse.urlencode(query)}", timeout=20) as reply:
            return json.load(reply)

    wanted = {where: points for where, (plugin, points) in expected.items() if plugin == "scalars"}
    end, count = time.time() + 60, 0
    while {(run, tag) for run, tags in ask("plugin/scalars/tags").items() for tag in tags} != set(wanted):
        assert time.time() < end, set(wanted)
        time.sleep(0.2)
    time.sleep(1)
    for (run, tag), points in wanted.items():
        kept = []
        for step, wall, array in points:
            while kept and kept[-1][1] >= step:
                kept.pop()
            kept.append((wall, step, float(np.float32(array.reshape(-1)[0]))))
        shown = [(wall, step, number(value)) for wall, step, value in ask("plugin/scalars/scalars", run=run, tag=tag)]
        assert repr(shown) == repr(kept), ((run, tag), shown, kept)
        count += len(kept)
    return count


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    keratin = os.path.abspath(sys.argv[1])
    points = shown = 0
    kinds = set()
    with tempfile.TemporaryDirectory() as folder:
        together = os.path.join(folder, "logs")
        for i, path in enumerate(map(os.path.abspath, sys.argv[2:])):
            logs = path
            if not os.path.isdir(path):
                logs = os.path.join(together, f"{i}-{os.path.basename(path)}")
                subprocess.run([path, logs], check=True, timeout=120, stdout=subprocess.DEVNULL)
            expected, n = compare(keratin, logs)
            assert n > 0, f"{path}: no points"
            points += n
            kinds |= {plugin for plugin, _ in expected.values()}
            print(f"{os.path.basename(path)}: {n} points of {len(expected)} tags")
            if logs == path:
                shown += compare_with_server(logs, expected)
        if os.path.isdir(together):
            shown += compare_with_server(together, read(together))
    print(f"check_dump: ok, {points} points, {shown} of them over HTTP; kinds: {', '.join(sorted(filter(None, kinds)))}")


if __name__ == "__main__":
    main()
