# SPDX-License-Identifier: MIT
"""The structured plugins, read by the real TensorBoard.

usage: check_plugins.py WRITE_PLUGINS

Needs the packages `tensorboard` and `numpy`. Logs of write_plugins.c are asked for over HTTP as the tabs ask for them,
once through each of TensorBoard's readers; PR curves also through the accumulator, unrounded. Everything expected is computed here again, by TensorBoard's own functions
where it has them: the group of a session, the rows of a PR curve (its formula; the function wants TensorFlow), the
merged layout, graphs as text. The profile session is taken apart with a decoder of this file; with the package `xprof`
installed as well, its converter must show the spans.
"""
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
from google.protobuf import text_format
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import config_pb2, graph_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams import summary_v2 as hp
from tensorboard.util import tensor_util

ROWS = 1000


class Server:
    def __init__(self, logs, fast):
        board = program.TensorBoard()
        board.configure(argv=[None, "--logdir", logs, "--port", "0", "--host", "localhost", "--reload_interval", "1",
                              "--load_fast", "true" if fast else "false"])
        self.url = board.launch()

    def get(self, path, body=None, **query):
        address = f"{self.url}data/{path}?{urllib.parse.urlencode(query, doseq=True)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, {"Content-Type": "application/json"} if data else {})
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.read()

    def ask(self, path, body=None, **query):
        return json.loads(self.get(path, body, **query))

    def wait(self, ready, what):
        end = time.time() + 60
        while True:
            try:
                if ready():
                    return
            except urllib.error.HTTPError:
                pass
            assert time.time() < end, f"the server does not show {what}"
            time.sleep(0.2)


# ---- hyperparameters ----

def values(rate):
    return {"learning_rate": rate, "units": 64, "optimizer": "adam \u20ac", "augment": True}


def group(rate):
    pb = hp.hparams_pb(values(rate))
    content = pb.value[0].metadata.plugin_data.content
    return hparams_metadata.parse_session_start_info_plugin_data(content).group_name


def session_groups(server, experiment):
    params = [{"hparam": info["name"]} for info in experiment["hparamInfos"]]
    params += [{"metric": info["name"]} for info in experiment["metricInfos"]]
    body = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
            "colParams": params, "startIndex": 0, "sliceSize": 100}
    return {g["name"]: g for g in server.ask("plugin/hparams/session_groups", body)["sessionGroups"]}


def check_hparams(server):
    experiment = server.ask("plugin/hparams/experiment", {"experimentName": ""})
    infos = {info["name"]: info for info in experiment["hparamInfos"]}
    assert set(infos) == set(values(0)), infos
    assert infos["learning_rate"]["type"] == "DATA_TYPE_FLOAT64", infos
    assert infos["learning_rate"]["domainInterval"] == {"minValue": 0.01, "maxValue": 0.1}, infos
    assert infos["optimizer"]["domainDiscrete"] == [r"adam \u20ac"], infos  # TensorBoard's own JSON
    assert infos["augment"]["domainDiscrete"] == [True], infos
    groups = session_groups(server, experiment)
    assert set(groups) == {group(0.01), group(0.1)}, (groups.keys(), group(0.01), group(0.1))
    for rate, names in ((0.01, {"a": "STATUS_SUCCESS", "c": "STATUS_FAILURE"}), (0.1, {"b": "STATUS_SUCCESS"})):
        row = groups[group(rate)]
        assert row["hparams"] == values(rate), row["hparams"]
        assert {s["name"]: s["status"] for s in row["sessions"]} == names, row["sessions"]
        for session in row["sessions"]:
            assert session["startTimeSecs"] == session["endTimeSecs"] == 1.7e9, session
            last = {m["name"]["group"]: (m["value"], m["trainingStep"]) for m in session["metricValues"]
                    if m["name"]["tag"] == "epoch_loss"}
            assert set(last) == {"", "validation"}, last
            for name, factor in (("", 1), ("validation", 2)):
                assert last[name] == (float(np.float32(rate + factor / 4)), 3), last


def check_config(server):
    experiment = server.ask("plugin/hparams/experiment", {"experimentName": ""})
    infos = sorted((i["name"], i["displayName"], i["description"], i["type"], i.get("domainInterval") or i.get("domainDiscrete"))
                   for i in experiment["hparamInfos"])
    assert infos == [("augment", "", "", "DATA_TYPE_BOOL", [False, True]),
                     ("learning_rate", "rate", "*the* rate", "DATA_TYPE_FLOAT64", {"minValue": 1e-4, "maxValue": 0.1}),
                     ("optimizer", "", "", "DATA_TYPE_STRING", ["adam", "sgd"]),
                     ("units", "", "", "DATA_TYPE_FLOAT64", [32.0, 64.0])], infos
    metrics = [(m["name"], m["displayName"], m["datasetType"]) for m in experiment["metricInfos"]]
    assert metrics == [({"group": "validation", "tag": "epoch_loss"}, "loss", "DATASET_VALIDATION"),
                       ({"group": "", "tag": "epoch_loss"}, "", "DATASET_TRAINING")], metrics
    assert experiment["timeCreatedSecs"] == 1.7e9, experiment
    (row,) = session_groups(server, experiment).values()
    assert row["hparams"] == values(0.01) and [s["name"] for s in row["sessions"]] == ["one"], row


# ---- PR curves ----

def curve(step, weighted):
    """pr_curve/summary.py's pb(), without TensorFlow's message around it."""
    i = np.arange(ROWS)
    p = ((i * 7919 + step * 13) % 1009).astype(np.float32) / np.float32(1008)
    labels = (i * 31 + step) % 7 < (p * np.float32(7)).astype(int)
    weights = (i % 5).astype(np.float32) / 4 if weighted else 1.0
    n = 51 if weighted else 201
    bucket = np.int32(np.floor(p * np.float32(n - 1)))
    count = lambda w: np.histogram(bucket, bins=n, range=(0, n - 1), weights=w)[0]
    tp = np.cumsum(count(labels.astype(float) * weights)[::-1])[::-1]
    fp = np.cumsum(count((1.0 - labels.astype(float)) * weights)[::-1])[::-1]
    tn, fn = fp[0] - fp, tp[0] - tp
    rows = [tp, fp, tn, fn, tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp + fn)]
    return [np.float32(r) for r in rows]


def check_curve_tensors(run):
    accumulator = EventAccumulator(run, size_guidance={"tensors": 0}).Reload()
    for tag, weighted in (("digits/pr_curves", False), ("weighted", True)):
        for event in accumulator.Tensors(tag):
            got, expected = tensor_util.make_ndarray(event.tensor_proto), np.stack(curve(event.step, weighted))
            assert got.dtype == np.float32 and np.array_equal(got, expected), (tag, event.step, got - expected)


def check_curves(server):
    names = ["true_positives", "false_positives", "true_negatives", "false_negatives", "precision", "recall"]
    assert set(server.ask("plugin/pr_curves/tags")["curves"]) == {"digits/pr_curves", "weighted", "raw"}
    for tag, weighted in (("digits/pr_curves", False), ("weighted", True)):
        points = server.ask("plugin/pr_curves/pr_curves", tag=tag, run="curves")["curves"]
        assert [point["step"] for point in points] == [0, 1, 2], points
        for point in points:
            expected = curve(point["step"], weighted)
            n = len(expected[0])
            positive = np.trunc(expected[0]) + np.trunc(expected[1])
            shown = int(np.max(np.nonzero(positive)[0])) + 1  # the server trims where nothing is positive
            assert len(point["thresholds"]) == shown, (len(point["thresholds"]), shown)
            assert np.allclose(point["thresholds"], (np.arange(n) / (n - 1))[:shown])
            for name, row in zip(names, expected):
                row = row[:shown] if name in ("precision", "recall") else np.trunc(row[:shown])  # shown as integers
                assert np.array_equal(np.float32(point[name]), row), (tag, point["step"], name)
    (raw,) = server.ask("plugin/pr_curves/pr_curves", tag="raw", run="curves")["curves"]
    assert raw["true_positives"] == [3, 2] and raw["precision"] == [0.75, 1], raw


# ---- the layout ----

def check_layout(server):
    layout = server.ask("plugin/custom_scalars/layout")
    titles = [(c["title"], c.get("closed", False), [chart["title"] for chart in c["chart"]]) for c in layout["category"]]
    assert titles == [("folded", True, ["losses"]), ("mine", False, ["losses", "band"])] or \
        titles == [("mine", False, ["losses", "band"]), ("folded", True, ["losses"])], titles
    (mine,) = [c for c in layout["category"] if c["title"] == "mine"]
    assert mine["chart"][0]["multiline"]["tag"] == ["epoch_.*"], mine
    assert mine["chart"][1]["margin"]["series"] == [{"value": "mean", "lower": "low", "upper": "high"}], mine
    reply = server.ask("plugin/custom_scalars/scalars", run="a", tag="epoch_.*")
    assert reply["regex_valid"] and set(reply["tag_to_events"]) == {"epoch_loss"}, reply
    assert len(reply["tag_to_events"]["epoch_loss"]) == 4, reply


# ---- graphs ----

def check_graph(graph):
    assert graph.versions.producer == 22
    x, kernel, matmul, loss = graph.node
    assert (x.name, x.op, kernel.name, loss.name) == ("x", "Placeholder", "dense/kernel", "loss/mean \ufffd")
    assert (matmul.name, matmul.op, matmul.device) == ("dense/matmul", "matmul", "/device:CPU:0")
    assert list(matmul.input) == ["x", "dense/kernel"] and list(loss.input) == ["dense/matmul", "^x"]
    (shape,) = matmul.attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [-1, 64]
    (shape,) = loss.attr["_output_shapes"].list.shape
    assert not shape.dim and not shape.unknown_rank
    assert matmul.attr["provider"].s == b"cpu.avx2" and matmul.attr["fused"].i == 3


def check_run_metadata(text):
    run = text_format.Parse(text, config_pb2.RunMetadata())
    (device,) = run.step_stats.dev_stats
    assert device.device == "/device:CPU:0"
    got = [(s.node_name, s.all_start_micros, s.all_end_rel_micros, s.all_end_rel_nanos, s.memory[0].total_bytes, s.thread_id)
           for s in device.node_stats]
    assert got == [("x", 2000, 1, 100, 1280, 0), ("dense/matmul", 2000, 12, 12300, 8192, 1)], got
    assert [d.size for d in device.node_stats[1].output[0].tensor_description.shape.dim] == [-1, 64]


def check_graphs(server):
    info = server.ask("plugin/graphs/info")["graphs"]
    kinds = {tag: (t["conceptual_graph"], t["op_graph"], t["profile"]) for tag, t in info["tags"].items()}
    assert info["run_graph"] and kinds == {"keras": (True, False, False), "train step": (False, True, False),
                                           "step 1": (False, True, True), "step 2": (False, False, True)}, kinds

    def graph(**query):
        text = server.get("plugin/graphs/graph", run="graphs", **query)
        return text_format.Parse(text, graph_pb2.GraphDef())

    check_graph(graph(conceptual="false"))
    check_graph(graph(tag="train step", conceptual="false"))
    check_graph(graph(tag="step 1"))
    keras = graph(tag="keras", conceptual="true")
    nodes = {node.name: node for node in keras.node}
    assert [n for n in nodes if n.endswith("dense_1")] and len(nodes) == 3, list(nodes)
    (last,) = [node for name, node in nodes.items() if name.endswith("dense_1")]
    assert last.attr["keras_class"].s == b"Dense" and list(last.input)[0].endswith("dense"), last
    for tag in ("step 1", "step 2"):
        check_run_metadata(server.get("plugin/graphs/run_metadata", run="graphs", tag=tag))


# ---- traces ----

def fields(data):
    """{number: [value or bytes]} of one message."""
    result, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            value = varint()
        elif key & 7 == 1:
            (value,) = struct.unpack_from("<d", data, at)
            at += 8
        else:
            assert key & 7 == 2, key
            size = varint()
            value = data[at:at + size]
            at += size
        result.setdefault(key >> 3, []).append(value)
    return result


def expected_spans():
    """(thread, start in ns, duration, name, args) in order."""
    spans = []
    for step in range(20):
        start = step * 1000000
        spans += [(0, start, 900000, f"step {step}", {"category": "step", "step_num": step}),
                  (0, start + 1000, 200123, "matmul", {"category": "forward", "bytes": 8192, "step_num": step,
                                                       "shape": "(32, 10)", "ratio": 0.1}),
                  (0, start + 300000, 7, "dense/add:Add", {"category": "forward"}),
                  (1, start + 10, 500000, "read", {})]
    return sorted(spans, key=lambda s: s[:2])


def check_json(path):
    with open(path, encoding="ascii") as file:
        events = json.load(file)["traceEvents"]
    names = {(e["name"], e.get("tid")): e["args"]["name"] for e in events if e["ph"] == "M"}
    assert names == {("process_name", None): 'a "process"\n', ("thread_name", 0): "thread 0",
                     ("thread_name", 1): "loader \U0001F600"}, names
    got = sorted(((e["tid"], round(e["ts"] * 1000), round(e["dur"] * 1000), e["name"],
                   dict({"category": e["cat"]} if "cat" in e else {}, **e.get("args", {}))) for e in events if e["ph"] == "X"),
                 key=lambda s: s[:2])
    assert got == expected_spans(), got[:8]


def check_profile(folder):
    (path,) = glob.glob(os.path.join(folder, "plugins", "profile", "2026_08_01_12_30_00", "*.xplane.pb"))
    with open(path, "rb") as file:
        space = fields(file.read())
    plane, clock = (fields(p) for p in space[1])
    assert plane[2] == [b"/host:CPU"] and clock[2] == [b"Task Environment"]
    table = lambda number: {fields(e)[1][0]: fields(fields(e)[2][0])[2][0].decode() for e in plane[number]}
    events, stats, got = table(4), table(5), []
    for line in map(fields, plane[3]):
        for event in map(fields, line[4]):
            args = {}
            for stat in map(fields, event.get(4, [])):
                (value,) = stat.get(5) or stat.get(4) or stat.get(2)
                args[stats[stat[1][0]]] = value.decode() if isinstance(value, bytes) else value
            got.append((line[1][0], event[2][0] // 1000, event[3][0] // 1000, events[event[1][0]], args))
    assert got == expected_spans(), got[:8]
    assert [fields(s)[3][0] for s in clock[6]] == [1700000005000000000, 1700000005019900000]
    check_with_xprof(path)


def check_with_xprof(path):
    try:
        from xprof.convert import raw_to_tool_data
    except ImportError:
        print("check_plugins: xprof is not installed: the profile was checked with a decoder only")
        return
    data, _ = raw_to_tool_data.xspace_to_tool_data([path], "trace_viewer", {})
    shown = [(e["tid"], round(e["ts"] * 1000), round(e["dur"] * 1000), e["name"])
             for e in json.loads(data)["traceEvents"] if e.get("ph") == "X"]
    assert sorted(shown) == [s[:4] for s in expected_spans()], shown[:8]
    data, _ = raw_to_tool_data.xspace_to_tool_data([path], "framework_op_stats", {})
    rows = [[cell.get("v") for cell in row["c"]] for row in json.loads(data)[0]["rows"]]
    assert any(row[2:5] == ["Add", "dense/add", 20.0] for row in rows), rows
    print("check_plugins: xprof shows the trace")


def main():
    writer = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run([writer, logs], check=True)
        check_json(os.path.join(logs, "trace.json"))
        runs, config = os.path.join(logs, "all"), os.path.join(logs, "config")
        check_profile(os.path.join(runs, "graphs"))
        check_curve_tensors(os.path.join(runs, "curves"))
        for fast in (True, False):
            server = Server(runs, fast)
            server.wait(lambda: len(server.ask("runs")) == 9 and len(server.ask("plugin/graphs/info")["graphs"]["tags"]) == 4 and
                        "band" in json.dumps(server.ask("plugin/custom_scalars/layout")), "all runs")
            check_hparams(server)
            check_curves(server)
            check_layout(server)
            check_graphs(server)
            server = Server(config, fast)
            server.wait(lambda: len(server.ask("runs")) == 3 and
                        server.ask("plugin/hparams/experiment", {"experimentName": ""}).get("metricInfos"), "the experiment")
            check_config(server)
    print("check_plugins: ok")


if __name__ == "__main__":
    main()
