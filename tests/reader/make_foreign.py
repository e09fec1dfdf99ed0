#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes small logs with other people's writers, and what TensorBoard reads from them.

usage: make_foreign.py WRITER FOLDER       WRITER: tf2, tf1, tensorboard, torch, tensorboardx or rusting
       make_foreign.py expect FOLDER       after all writers: FOLDER/expected.tsv

Each WRITER needs the package it is named for (tf1 and tf2: TensorFlow; rusting: TensorBoard's messages, put together as
RustingSword/tensorboard_logger does it); `expect` needs TensorBoard, whose own Python reader brings every value into
today's form. What it reads is compared with what was written first, so that the table is nobody's mistake alone.

tests/reader/data was made by this script; test_foreign.c reads it without Python. A line of expected.tsv is a point:
run, tag, plugin, step, wall time, what, values. `what` is the dtype and shape, or `histo` for a histogram that was
written in the old form, whose numbers TensorBoard rounds to float32. Strings are in hexadecimal, long ones as
#length:crc32c; so are many numbers, of their float64 (`histo`: float32) bytes.
"""
import glob
import os
import sys

import numpy as np

STEPS = range(5)


def scalar(name, step):
    return {"loss": 1.0 / (1 + step), "big": -1e30 * (step + 1), "nan": float("nan") if step == 2 else step}[name]


def values(step):  # of a histogram: clustered and with outliers
    x = np.sin(np.arange(200) * 0.7 + step) ** 3
    x[0] = 5 + step
    return x


def picture(step, channels=3):
    y, x = np.mgrid[0:4, 0:6]
    return np.stack([(x * 40 + y * 10 + c * 60 + step * 5) % 256 for c in range(channels)], axis=-1).astype(np.uint8)


def sound(step):
    return (0.5 * np.sin(np.arange(40) * 0.3 * (1 + step))).astype(np.float32)


TEXT = "**Über** α, a | b\n--- | ---\n1 | 2"


def tf2(folder):
    import tensorflow as tf
    writer = tf.summary.create_file_writer(os.path.join(folder, "tf2", "train"))
    with writer.as_default():
        for step in STEPS:
            for name in ("loss", "big", "nan"):
                tf.summary.scalar("group/" + name, scalar(name, step), step=step, description="a *scalar*" if step == 0 else None)
            tf.summary.histogram("weights", values(step), step=step, buckets=7)
            tf.summary.image("picture", picture(step)[None], step=step)
            tf.summary.audio("sound", sound(step)[None, :, None], 8000, step=step, encoding="wav")
            tf.summary.text("note", TEXT, step=step)
            tf.summary.text("table", [["a", "b"], ["c", ""]], step=step)
            for dtype in ("float16", "bfloat16", "float64", "int8", "uint16", "int64", "uint64", "bool", "complex64"):
                x = tf.cast(tf.constant([[0.0, 1.0, 2.0], [3.0, 100.0, step]]), dtype)
                tf.summary.write("raw/" + dtype, x, step=step, metadata=tf.compat.v1.SummaryMetadata(
                    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="own", content=b"\x00\xff")))

        @tf.function
        def double(x):
            return x * 2
        tf.summary.graph(double.get_concrete_function(tf.constant(1.0)).graph)
    writer.close()


def tf1(folder):
    import tensorflow as tf
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session() as session:
        at = v1.placeholder(tf.float32, [], name="at")
        x = v1.placeholder(tf.float32, [None], name="x")
        v1.summary.scalar("loss", at)
        v1.summary.histogram("weights", x)
        v1.summary.image("picture", v1.placeholder_with_default(picture(0)[None], [1, 4, 6, 3]))
        v1.summary.audio("sound", sound(0)[None], 8000)
        v1.summary.text("note", tf.constant(TEXT))
        merged = v1.summary.merge_all()
        writer = v1.summary.FileWriter(os.path.join(folder, "tf1"), graph)
        options, metadata = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), v1.RunMetadata()
        for step in STEPS:
            writer.add_summary(session.run(merged, {at: scalar("loss", step), x: values(step)}, options, metadata), step)
        del metadata.step_stats.dev_stats[1:]
        writer.add_run_metadata(metadata, "step4", 4)
        writer.add_session_log(v1.SessionLog(status=v1.SessionLog.START), 5)
        writer.close()
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="only")
        writer = v1.summary.FileWriter(os.path.join(folder, "tf1", "meta"))
        writer.add_meta_graph(v1.train.export_meta_graph(graph=graph), 0)
        writer.close()


def tensorboard(folder):
    from tensorboard.summary import Writer
    writer = Writer(os.path.join(folder, "tensorboard"))
    for step in STEPS:
        writer.add_scalar("loss", np.float32(scalar("loss", step)), step, description="of *training*")
    writer.close()


def torch_like(writer, folder, torch=None):
    wrap = (lambda a: torch.as_tensor(a)) if torch else (lambda a: a)
    for step in STEPS:
        for name in ("loss", "big", "nan"):
            writer.add_scalar("group/" + name, scalar(name, step), step, walltime=1700000000.25 + step)
        writer.add_histogram("weights", wrap(values(step)), step, bins="tensorflow" if step % 2 else "auto")
        writer.add_image("picture", wrap(picture(step)), step, dataformats="HWC")
        writer.add_text("note", TEXT, step)
        writer.add_pr_curve("curve", wrap(np.array([0, 1, 1, 0])), wrap(np.array([0.1, 0.8, 0.4, 0.6])), step, num_thresholds=7)
    try:
        writer.add_audio("sound", wrap(sound(0)[None] if torch else sound(0)[:, None]), 0, 8000)
    except ImportError:
        print("no sounds: tensorboardX writes them with soundfile, which is not installed")
    writer.add_scalars("several", {"a": 1.0, "b": 2.0}, 3)
    mesh = np.array([[[0, 0, 1], [1, 0, 0], [0, 1, 0]]])
    writer.add_mesh("mesh", wrap(mesh.astype(np.float32)), colors=wrap((mesh * 255).astype(np.uint8)), faces=wrap(np.array([[[0, 1, 2]]])))
    writer.add_custom_scalars({"category": {"chart": ["Multiline", ["loss", "big"]]}})
    writer.add_hparams({"lr": 0.1, "name": "x", "on": True}, {"final": 0.5})
    writer.close()


def torch(folder):
    import torch as t
    from torch.utils.tensorboard import SummaryWriter
    t.manual_seed(0)
    writer = SummaryWriter(os.path.join(folder, "torch"))
    writer.add_graph(t.nn.Sequential(t.nn.Linear(3, 2), t.nn.ReLU()), t.zeros(1, 3))
    torch_like(writer, folder, t)
    again = SummaryWriter(os.path.join(folder, "torch", "resumed"), purge_step=3)
    for step in (3, 4):
        again.add_scalar("loss", scalar("loss", step), step, new_style=True)
    again.close()


def tensorboardx(folder):
    from tensorboardX import SummaryWriter
    torch_like(SummaryWriter(os.path.join(folder, "tensorboardx")), folder)


def rusting(folder):
    """As the C++ logger does it: no version record, wide histograms whose minimum stays DBL_MAX, images without a shape."""
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
    os.makedirs(os.path.join(folder, "rusting"))
    with open(os.path.join(folder, "rusting", "tfevents.pb"), "wb") as file:
        records = RecordWriter(file)
        for step in STEPS:
            wall, top = 1700000000.0 + step, sys.float_info.max
            value = summary_pb2.Summary.Value(tag="loss", simple_value=scalar("loss", step))
            value.metadata.display_name, value.metadata.summary_description = "Loss", "text"
            histogram = summary_pb2.HistogramProto(min=top, max=5, num=3, sum=6, sum_squares=14,
                                                   bucket_limit=[1.0, 2.5, top], bucket=[0.0, 2.0, 1.0])
            images = summary_pb2.Summary.Value(tag="pictures")
            images.metadata.plugin_data.plugin_name = "images"
            images.tensor.dtype = 7
            images.tensor.string_val.extend([b"6", b"4", b"\x89PNG one", b"\x89PNG two"])
            for one in (value, summary_pb2.Summary.Value(tag="weights", histo=histogram), images):
                event = event_pb2.Event(wall_time=wall, step=step, summary=summary_pb2.Summary(value=[one]))
                records.write(event.SerializeToString())


# ---- What TensorBoard reads -------------------------------------------------------------------------------------------

def crc32c(data):
    from tensorboard.compat.tensorflow_stub import pywrap_tensorflow as stub
    return stub.crc32c(data)


def cell(x):
    if isinstance(x, bytes):
        return x.hex() if len(x) <= 32 else f"#{len(x)}:{crc32c(x):08x}"
    return repr(float(x)) if not isinstance(x, (complex, np.complexfloating)) else f"{float(x.real)!r} {float(x.imag)!r}"


def cells(array, what):
    if array.dtype.kind not in "OSUc" and array.size > 24:
        data = array.astype(np.float32 if what == "histo" else np.float64).tobytes()
        return f"#{len(data)}:{crc32c(data):08x}"
    return " ".join(cell(x) for x in array.reshape(-1).tolist())


def field_2(message):
    """The bytes of a message's field 2, when all before it are of bytes, too."""
    def varint(at):
        value = shift = 0
        while True:
            value |= (message[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if message[at - 1] < 128:
                return value, at
    at = 0
    while True:
        key, at = varint(at)
        assert key & 7 == 2
        size, at = varint(at)
        if key >> 3 == 2:
            return message[at:at + size]
        at += size


def old_histograms(path):
    from tensorboard.backend.event_processing import event_file_loader
    from tensorboard.compat.proto import event_pb2
    for raw in event_file_loader.RawEventFileLoader(path).Load():
        for value in event_pb2.Event.FromString(raw).summary.value:
            if value.WhichOneof("value") == "histo":
                yield value.tag


def expect(folder):
    from tensorboard.backend.event_processing import event_file_loader
    from tensorboard.util import tensor_util
    rows = []
    for path in sorted(glob.glob(os.path.join(folder, "**", "*tfevents*"), recursive=True)):
        run, plugins, old = os.path.relpath(os.path.dirname(path), folder), {}, set(old_histograms(path))
        for event in event_file_loader.EventFileLoader(path).Load():
            graphless = all(row[:2] != (run, "__run_graph__") for row in rows)
            if event.WhichOneof("what") == "meta_graph_def" and graphless:  # its graph is taken where there is no other
                graph = field_2(event.meta_graph_def)
                rows.append((run, "__run_graph__", "graphs", event.step, repr(event.wall_time), "string[1]", cell(graph)))
            for value in event.summary.value:
                plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
                if not value.HasField("tensor"):
                    array, what = np.zeros(0, np.float32), "float32[0]"
                else:
                    try:
                        array = tensor_util.make_ndarray(value.tensor)
                    except TypeError:  # TensorBoard does not know bfloat16: the upper halves of float32
                        assert value.tensor.dtype == 14
                        array = (np.frombuffer(value.tensor.tensor_content, np.uint16).astype(np.uint32) << 16).view(np.float32)
                        array = array.reshape([d.size for d in value.tensor.tensor_shape.dim])
                    except ValueError:  # strings without a shape: TensorBoard refuses them, we take them as a row
                        array = np.array(list(value.tensor.string_val), object)
                    what = "histo" if value.tag in old else f"{array.dtype if array.dtype != object else 'string'}{list(array.shape)}"
                if array.dtype.kind in "SU":
                    array = array.astype(object)
                if plugin == "scalars":
                    array = np.float32(array)
                elif value.tag == "weights" and "histo" != what:
                    assert array[:, 2].sum() == 200, (path, value.tag)
                if value.tag.endswith("loss") and plugin == "scalars":
                    assert array == np.float32(scalar("loss", event.step)), (path, value.tag, event.step)
                rows.append((run, value.tag, plugin, event.step, repr(event.wall_time), what.replace(" ", ""), cells(array, what)))
    with open(os.path.join(folder, "expected.tsv"), "w", encoding="utf-8") as file:
        for row in rows:
            file.write("\t".join(map(str, row)) + "\n")
    print(f"{len(rows)} points")


WRITERS = {"tf2": tf2, "tf1": tf1, "tensorboard": tensorboard, "torch": torch, "tensorboardx": tensorboardx, "rusting": rusting,
           "expect": expect}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in WRITERS:
        sys.exit(__doc__)
    WRITERS[sys.argv[1]](sys.argv[2])
