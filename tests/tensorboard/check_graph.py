# SPDX-License-Identifier: MIT
"""Graphs and profiles of trainings, read by the real TensorBoard.

usage: check_graph.py WRITE_GRAPH TEST_JSON

WRITE_GRAPH (tests/tensorboard/write_graph.c) trains models of every style. The server must show of each: the model as the
conceptual graph, with its layers and the edges between them; the training step as the run's graph and under the tags of
profiled steps, with a shape on each node, no edge to nowhere, and times and bytes of every step. trace.json is what Chrome's
trace viewer takes: its spans lie inside the batches. TEST_JSON (tests/train/test_json.c) writes all its models; TensorBoard's
converter must take each of them."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from google.protobuf import text_format
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import config_pb2, graph_pb2
from tensorboard.plugins.graph import keras_util

# Of each run: the conceptual graph's edges (None: it has none), the tags of profiled steps, whether there is a run graph.
MODELS = {
    "sequential": ({("sequential/dense", "sequential/input_layer"), ("sequential/scale", "sequential/dense"),
                    ("sequential/dense_1", "sequential/scale")}, {"train_step": 3, "batch_4": 4}, True),
    "functional": ({("functional/dense", "functional/input_layer"), ("functional/multiply", "functional/dense"),
                    ("functional/dropout", "functional/multiply"), ("functional/sum", "functional/dropout"),
                    ("functional/subtract", "functional/dropout"), ("functional/subtract", "functional/sum"),
                    ("functional/sequential/input_layer_1", "functional/subtract"),
                    ("functional/sequential/dense_1", "functional/sequential/input_layer_1"),
                    ("functional/sequential/dense_2", "functional/sequential/dense_1"),
                    ("functional/add", "functional/sequential/dense_2"), ("functional/add", "functional/subtract"),
                    ("functional/dense_3", "functional/add")}, {"train_step": 3}, True),
    "nested": ({("functional_1/sequential/input_layer_2", "functional_1/input_layer_1"),
                ("functional_1/sequential/dense_1", "functional_1/sequential/input_layer_2"),
                ("functional_1/sequential/functional/dense", "functional_1/sequential/functional/input_layer"),
                ("functional_1/dense_2", "functional_1/sequential/functional")}, {"batch_2": 2}, False),
    "built_by_the_batch": ({("sequential/dense", "sequential/input_layer"), ("sequential/dense_1", "sequential/dense")},
                           {}, False),
    "own": (None, {"train_step": 3, "batch_100": 100}, True),
    "eager": ({("sequential/dense", "sequential/input_layer")}, {}, False),
    "no_graph": (None, {}, False),
}


class Server:
    def __init__(self, logs):
        board = program.TensorBoard()
        board.configure(argv=[None, "--logdir", logs, "--port", "0", "--host", "localhost", "--reload_interval", "1"])
        self.url = board.launch()

    def ask(self, path, **query):
        address = f"{self.url}data/plugin/graphs/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=20) as reply:
            return reply.read().decode()

    def graph(self, **query):
        return text_format.Parse(self.ask("graph", **query), graph_pb2.GraphDef())

    def wait(self, runs):
        end = time.time() + 60
        while set(json.loads(self.ask("info"))) < runs:
            assert time.time() < end, (set(json.loads(self.ask("info"))), runs)
            time.sleep(0.2)
        time.sleep(2)
        return json.loads(self.ask("info"))


def edges_of(graph):
    return {(node.name, source.lstrip("^").split(":")[0]) for node in graph.node for source in node.input}


def check_conceptual(name, graph, wanted):
    names = [node.name for node in graph.node]
    assert len(names) == len(set(names)) and names, (name, names)
    edges = edges_of(graph)
    assert edges >= wanted, (name, wanted - edges)
    for node in graph.node:
        assert node.attr["keras_class"].s, (name, node)


def check_step(name, graph):
    """The plan of a training step."""
    nodes = {node.name: node for node in graph.node}
    assert len(nodes) == len(graph.node) > 10, (name, len(graph.node))
    for user, source in edges_of(graph):
        assert source in nodes, (name, user, source)
    for node in graph.node:
        assert node.op, (name, node)
        assert len(node.attr["_output_shapes"].list.shape) >= 1, (name, node)
        if node.op in ("Variable", "Input", "Constant"):
            assert not node.input, (name, node)
        else:
            assert node.attr["direction"].s in (b"forward", b"backward", b"update"), (name, node)
            assert node.attr["provider"].s, (name, node)
    assert any(node.startswith("gradients/") for node in nodes), (name, nodes)
    updates = [node for node in nodes if node.startswith("update/")]
    kernels = [n for n, node in nodes.items() if node.op == "Variable" and n.endswith(("kernel", "bias", "gain"))]
    assert {f"update/{k.replace('/', '_')}" for k in kernels} <= set(updates), (name, kernels, updates)
    assert {"inputs/x", "inputs/y"} <= set(nodes), name
    # backwards from an update one comes to the data
    seen, todo = set(), [u for u in updates if u.endswith("kernel")][:1]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += [source.split(":")[0] for source in nodes[node].input]
    assert "inputs/x" in seen and "inputs/y" in seen, (name, seen)
    return nodes


def check_metadata(name, tag, server, run, names):
    text = server.ask("run_metadata", run=run, tag=tag)
    metadata = text_format.Parse(text, config_pb2.RunMetadata())
    stats = [s for device in metadata.step_stats.dev_stats for s in device.node_stats]
    assert len(stats) > 10 and len({s.node_name for s in stats}) == len(stats), (name, tag, len(stats))
    last = 0
    for s in stats:
        assert s.node_name in names, (name, tag, s.node_name)
        assert s.all_start_nanos >= last and s.op_end_rel_nanos > 0, (name, tag, s)
        assert s.memory[0].total_bytes > 0, (name, tag, s)
        last = s.all_start_nanos
    return stats


def check_trace(folder, first, last):
    (session,) = glob.glob(os.path.join(folder, "train", "plugins", "profile", "*"))
    assert len(glob.glob(os.path.join(session, "*.xplane.pb"))) == 1, os.listdir(session)
    with open(os.path.join(session, "trace.json")) as file:
        events = json.load(file)["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    batches = sorted((e["ts"], e["ts"] + e["dur"], e["args"]["step"]) for e in spans if e["cat"] == "batch")
    assert [b[2] for b in batches] == list(range(first, last + 1)), (folder, batches)
    ops = [e for e in spans if e["cat"] != "batch"]
    assert {e["cat"] for e in ops} == {"forward", "backward", "update"}, {e["cat"] for e in ops}
    inside = sum(any(b[0] - 1 <= e["ts"] and e["ts"] + e["dur"] <= b[1] + 1 for b in batches) for e in ops)
    assert inside >= len(ops) - len(batches), (folder, inside, len(ops))
    assert any(e["args"].get("layer") for e in ops) and all(e["args"]["provider"] for e in ops), folder
    return len(ops)


def check_converter(test_json, folder):
    subprocess.run([test_json, folder], check=True, timeout=120)
    paths = glob.glob(os.path.join(folder, "*.board"))
    for path in paths:
        with open(path) as file:
            graph = keras_util.keras_model_to_graph_def(json.load(file))
        assert edges_of(graph), path
    return len(paths)


def main():
    with tempfile.TemporaryDirectory() as folder:
        converted = check_converter(sys.argv[2], folder)
        assert converted > 10
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run([sys.argv[1], logs], check=True, timeout=120)
        server = Server(logs)
        info = server.wait({f"{name}/train" for name, (edges, tags, graph) in MODELS.items() if edges or tags or graph})
        for name, (edges, tags, run_graph) in MODELS.items():
            run = f"{name}/train"
            found = info.get(run, {"tags": {}, "run_graph": False})
            wanted = set(tags) | ({"keras"} if edges else set())
            assert set(found["tags"]) == wanted, (name, set(found["tags"]), wanted)
            assert found["run_graph"] == run_graph, (name, found["run_graph"])
            if edges:
                assert found["tags"]["keras"]["conceptual_graph"]
                check_conceptual(name, server.graph(run=run, tag="keras", conceptual="true"), edges)
            for tag in tags:
                assert found["tags"][tag]["profile"] and found["tags"][tag]["op_graph"], (name, tag, found["tags"][tag])
                graph = server.graph(run=run, tag=tag)
                # the page takes the front of a graph in RunMetadata for a box
                names = {n.name.split("/", 1)[1] if n.name.startswith("graph_1/") else n.name for n in graph.node}
                check_metadata(name, tag, server, run, names)
            if run_graph:
                nodes = check_step(name, server.graph(run=run))
                accumulator = EventAccumulator(os.path.join(logs, run)).Reload()
                assert {n.name for n in accumulator.Graph().node} == set(nodes), name
        count = check_trace(os.path.join(logs, "sequential"), 2, 4)
        assert check_trace(os.path.join(logs, "nested"), 2, 2) > 10
        assert check_trace(os.path.join(logs, "own"), 3, 3) > 10
        assert check_trace(os.path.join(logs, "eager"), 1, 1) > 20
        print(f"check_graph: {len(MODELS)} models, {converted} converted, {count} spans in a trace of three batches")


if __name__ == "__main__":
    main()
