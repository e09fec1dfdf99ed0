# SPDX-License-Identifier: MIT
"""Reads the logs of tests/tensorboard/write_media.c with the real TensorBoard.

usage: check_media.py WRITE_MEDIA_PROGRAM

Needs the packages `tensorboard`, `numpy` and `pillow` (which TensorBoard brings). Pictures, sounds, texts, meshes and
embeddings are asked for over HTTP, as the browser does, once through each of TensorBoard's readers, and compared with
values computed here again: pictures by the pixels that another decoder finds in them, sounds and meshes byte for byte,
texts by their HTML. What the server hands out must also be, byte for byte, what the event file holds.
"""
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import numpy as np
from PIL import Image
from google.protobuf import text_format
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.util import tensor_util

STEPS = 3
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


# ---- what was written ----

def channel_pictures(channels, step):
    n, y, x, c = np.meshgrid(np.arange(4), np.arange(24), np.arange(32), np.arange(channels), indexing="ij")
    pixels = (x * (c + 2) * 3 + y * 5 + n * 60 + step * 20) % 256
    if channels % 2 == 0:
        pixels[..., -1] = 128 + 4 * x[..., -1]
    return pixels.astype(np.uint8)


def float_pictures(step):
    n, y, x = np.meshgrid(np.arange(7), np.arange(16) - 8, np.arange(16) - 8, indexing="ij")
    return (x * (n + 1) + y * (7 - n) + step).astype(np.float32) / np.float32(64)


def grid(pictures, columns, line):
    rows = -(-len(pictures) // columns)
    out = np.full((rows * 17 + 1, columns * 17 + 1), line, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = i // columns * 17 + 1, i % columns * 17 + 1
        out[y:y + 16, x:x + 16] = picture
    return out


def minmax(x):
    x = x.astype(np.float64)
    return np.minimum((x - x.min()) * (255.5 / (x.max() - x.min())), 255).astype(np.uint8)


def symmetric(x):
    x = x.astype(np.float64)
    return np.clip(x * (127.5 / np.abs(x).max()) + 128, 0, 255).astype(np.uint8)


def clip(x):
    return np.clip(x * np.float32(255.5), 0, 255).astype(np.uint8)


def expected_pictures(tag, step):
    if tag.startswith("channels/"):
        return list(channel_pictures(int(tag[-1]), step)[:3])
    x = float_pictures(step)
    if tag == "clip":
        return list(clip(x)[:2])
    return [grid(minmax(x), 3, 128)] if tag == "grid" else [grid(symmetric(x[:6]), 3, 0)]


def wav(step, clip_index):
    t, c = np.meshgrid(np.arange(4000), np.arange(2), indexing="ij")
    x = (t * (clip_index + 1) * (c + 3) % 401 - 200 + step).astype(np.float32) / np.float32(128)
    scaled = x * np.float32(32768)
    samples = np.clip(np.trunc(scaled + np.copysign(0.5, scaled)), -32768, 32767).astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16,
                       b"data", len(samples))
    return head + samples


def torus(step):
    u, v = np.meshgrid(np.arange(24), np.arange(12), indexing="ij")
    a, b = 2 * np.pi * u / 24, 2 * np.pi * v / 12 + 0.2 * step
    vertices = np.stack([(2 + np.cos(b)) * np.cos(a), (2 + np.cos(b)) * np.sin(a), np.sin(b)], -1).reshape(288, 3)
    colors = np.stack([u * 10, v * 20, 255 - u * 10], -1).reshape(288, 3)
    i, right, up = u * 12 + v, (u + 1) % 24 * 12 + v, u * 12 + (v + 1) % 12
    both = (u + 1) % 24 * 12 + (v + 1) % 12
    faces = np.stack([i, right, up, right, both, up], -1).reshape(576, 3)
    return vertices, faces.astype("<i4"), colors.astype(np.uint8)


def vectors():
    i = np.arange(300)
    return ((i * 37 + i // 6 % 3 * 500) % 601).astype(np.float32) / np.float32(7) - np.float32(40)


# ---- the checks ----

def check_images(ask, fetch, strings):
    tags = ask("plugin/images/tags")["media"]
    names = [f"channels/{c}" for c in range(1, 5)] + ["clip", "grid", "weights"]
    assert set(tags) == set(names) | {"film"}, tags
    for tag in names:
        count = len(expected_pictures(tag, 0))
        assert tags[tag]["samples"] == count, (tag, tags[tag])
        for sample in range(count):
            entries = ask("plugin/images/images", run="media", tag=tag, sample=sample)
            assert [e["step"] for e in entries] == list(range(STEPS)), (tag, entries)
            for e in entries:
                data, mime = fetch("plugin/images/individualImage?" + e["query"])
                assert mime == "image/png" and data == strings(tag)[e["step"]][2 + sample], tag
                picture = Image.open(io.BytesIO(data))
                picture.load()
                expected = expected_pictures(tag, e["step"])[sample]
                channels = expected.shape[2] if expected.ndim == 3 else 1
                assert picture.mode == MODES[channels], (tag, picture.mode)
                assert np.array_equal(np.array(picture).reshape(expected.shape[:2] + (-1,)).squeeze(), expected.squeeze()), tag
                size = [str(n).encode() for n in (expected.shape[1], expected.shape[0])]
                assert list(strings(tag)[e["step"]][:2]) == size, tag
    for e in ask("plugin/images/images", run="media", tag="film", sample=0):
        data, mime = fetch("plugin/images/individualImage?" + e["query"])
        assert mime == "image/gif" and Image.open(io.BytesIO(data)).n_frames == 2


def check_audio(ask, fetch, strings):
    tags = ask("plugin/audio/tags")["media"]
    assert list(tags) == ["tone"] and tags["tone"]["samples"] == 3, tags
    for sample in range(3):
        entries = ask("plugin/audio/audio", run="media", tag="tone", sample=sample)
        assert [e["step"] for e in entries] == list(range(STEPS)), entries
        for e in entries:
            data, mime = fetch("plugin/audio/individualAudio?" + e["query"])
            assert mime == "audio/wav" and e["contentType"] == "audio/wav", (mime, e)
            assert data == wav(e["step"], sample) == strings("tone")[e["step"]][2 * sample]


def check_text(ask):
    assert set(ask("plugin/text/tags")["media"]) == {"note", "table", "list", "results", "broken"}

    def texts(tag):
        entries = ask("plugin/text/text", run="media", tag=tag)
        assert [e["step"] for e in entries] == list(range(STEPS)), entries
        return [e["text"] for e in entries]

    def cells(html):
        return [part.split("</td>")[0].strip() for part in html.split("<td>")[1:]]

    for step, html in enumerate(texts("note")):
        for piece in (f"<h1>Step {step}</h1>", "<li><em>one</em></li>", "<li>\u00fc</li>", "<code>code &lt; 1"):
            assert piece in html, html
    assert cells(texts("table")[0]) == \
        ["<p>a</p>", "<p><strong>b</strong></p>", "<p>c|d</p>", "", "<p>f\ng</p>", "<p><code>h|i</code></p>"], texts("table")[0]
    assert len(cells(texts("list")[0])) == 3, texts("list")[0]
    html = texts("results")[0]
    assert "<th>name</th>" in html and "<th>value</th>" in html, html
    assert cells(html) == ["a|b", "0.5", "<code>c|d</code>", "two<br>lines",
                                                "one `", "back` quote` |"], html
    assert "a\ufffdz" in texts("broken")[0]


def check_meshes(ask, fetch, accumulator):
    tags = ask("plugin/mesh/tags")["media"]
    assert tags == {"torus": {"samples": 1}, "shapes/cloud": {"samples": 2}}, tags
    views = {"torus": {"camera": {"cls": "PerspectiveCamera", "far": 500, "fov": 60, "near": 0.1}},
             "shapes/cloud": {"material": {"cls": "PointsMaterial", "size": 0.05}}}
    kinds = {"VERTEX": MeshPluginData.VERTEX, "FACE": MeshPluginData.FACE, "COLOR": MeshPluginData.COLOR}
    for tag, parts in {"torus": ["VERTEX", "FACE", "COLOR"], "shapes/cloud": ["VERTEX"]}.items():
        entries = ask("plugin/mesh/meshes", run="media", tag=tag)
        assert len(entries) == STEPS * len(parts), entries
        mask = sum(1 << kinds[part] for part in parts)
        for e in entries:
            assert json.loads(e["config"]) == views[tag] and e["components"] == mask, e
            if tag == "torus":
                assert e["data_shape"] == [1, 576 if e["content_type"] == MeshPluginData.FACE else 288, 3], e
        for step in range(STEPS):
            expected = torus(step)
            for part in parts:
                for sample in range(1 if tag == "torus" else 2):
                    data, _ = fetch("plugin/mesh/data?" + urllib.parse.urlencode(
                        {"run": "media", "tag": tag, "step": step, "sample": sample, "content_type": part}))
                    content = accumulator.Tensors(f"{tag}_{part}")[step].tensor_proto.tensor_content
                    n = len(content) // (1 if tag == "torus" else 2)
                    assert data == content[sample * n:(sample + 1) * n], (tag, part)
                    if part == "FACE":
                        assert data == expected[1].tobytes()
                    elif part == "COLOR":
                        assert data == expected[2].tobytes()
                    else:  # sines and cosines of two libraries may differ in the last place
                        got = np.frombuffer(data, "<f4").reshape(-1, 3)
                        begin = sample * 144 if tag != "torus" else 0
                        assert np.allclose(got, expected[0][begin:begin + len(got)], rtol=0, atol=1e-6)


def check_projector(ask, fetch, folder):
    with open(os.path.join(folder, "projector_config.pbtxt"), encoding="ascii") as file:
        text_format.Parse(file.read(), ProjectorConfig())
    assert ask("plugin/projector/runs") == ["media"]
    info = ask("plugin/projector/info", run="media")["embeddings"]
    assert [e["tensorName"] for e in info] == ["words", "layer/embeddings_5"], info
    assert [e["tensorShape"] for e in info] == [[50, 6], [25, 12]], info
    assert info[0]["sprite"]["singleImageDim"] == [8, 8] and "sprite" not in info[1], info
    for e in info:
        data, _ = fetch("plugin/projector/tensor?" + urllib.parse.urlencode({"run": "media", "name": e["tensorName"]}))
        assert data == vectors().tobytes(), e
    query = urllib.parse.urlencode({"run": "media", "name": "words", "num_rows": 100000})
    lines = fetch("plugin/projector/metadata?" + query)[0].decode().split("\n")
    assert lines == ["word\tgroup"] + [f"w\u00f6rd {i}\t{i % 3}" for i in range(50)] + [""], lines
    data, mime = fetch("plugin/projector/sprite_image?" + query)
    sprite = np.array(Image.open(io.BytesIO(data)))
    assert mime == "image/png" and sprite.shape == (64, 64, 3), (mime, sprite.shape)
    for i in range(50):  # as many rows as columns: the page divides by the wrong one of them
        thumbnail = sprite[i // 8 * 8:i // 8 * 8 + 8, i % 8 * 8:i % 8 * 8 + 8]
        assert np.array_equal(thumbnail, np.broadcast_to(i * 4 + np.arange(3) * (i % 3) * 40, (8, 8, 3)) % 256), i


def check_server(logs, folder, fast, strings, accumulator):
    board = program.TensorBoard()
    board.configure(argv=[None, "--logdir", logs, "--port", "0", "--host", "localhost", "--reload_interval", "1",
                          "--load_fast", fast])
    url = board.launch()

    def fetch(path):
        with urllib.request.urlopen(f"{url}data/{path}", timeout=20) as reply:
            return reply.read(), reply.headers["Content-Type"]

    def ask(path, **query):
        return json.loads(fetch(f"{path}?{urllib.parse.urlencode(query)}")[0])

    end = time.time() + 60
    while "shapes/cloud" not in ask("plugin/mesh/tags").get("media", {}) or \
            len(ask("plugin/mesh/meshes", run="media", tag="shapes/cloud")) < STEPS:  # what is written last
        assert time.time() < end, "the server does not show the run"
        time.sleep(0.2)
    check_images(ask, fetch, strings)
    check_audio(ask, fetch, strings)
    check_text(ask)
    check_meshes(ask, fetch, accumulator)
    check_projector(ask, fetch, folder)


def main():
    writer = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as logs:
        subprocess.run([writer, logs], check=True)
        folder = os.path.join(logs, "media")
        accumulator = EventAccumulator(folder, size_guidance={"tensors": 0})
        accumulator.Reload()
        assert sum(len(accumulator.Tensors(tag)) for tag in accumulator.Tags()["tensors"]) == STEPS * 18
        assert all(e.step in range(STEPS) for e in accumulator.Tensors("torus_FACE"))
        tensor_util.make_ndarray(accumulator.Tensors("table")[0].tensor_proto)

        def strings(tag):
            return [e.tensor_proto.string_val for e in accumulator.Tensors(tag)]

        for fast in ("true", "false"):  # the Rust reader and the one in Python
            check_server(logs, folder, fast, strings, accumulator)
    print("check_media: ok")


if __name__ == "__main__":
    main()
