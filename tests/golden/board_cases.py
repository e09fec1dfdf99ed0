# SPDX-License-Identifier: MIT
"""What Keras's TensorBoard callback writes, read back by TensorBoard's own event accumulator.

tb_*.txt: a line per point, `<run> <tag> <plugin> <step> <value>`, sorted by run, tag, step. The
value of a scalar is printed in full, * where it depends on time; that of a histogram is the sum of
its counts; that of anything else is -. tb_histograms.npz: the buckets behind the histogram lines,
(30, 3) rows of left, right, count, named `<case>_<step>_<i>`, i being the place of the tag among
the histogram tags of tb_<case>.txt. tb_images.npz: what write_images shows of weights of many
shapes, see images().

The runs are those of fit_text_run.npz, fit_mission_custom_layer.npz, fit_mission_custom_loss.npz
and mission_custom_loop.npz; those of tb_tags_* show nothing but names."""
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from fit_cases import small
from goldenlib import Result, case, rng, text_case
from layer_cases import Scale, functional, residual, sgd
from mission_cases import BATCH, Log, friedman, plain_net, weighted_mse
from text_cases import SPLIT, prepared
from train_cases import draw_weights, regression

TIMED = ("steps_per_second",)


def read(folder):
    """[(run, tag, plugin, step, value as text, array)], sorted; one accumulator per folder that
    holds event files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    points = []
    for path, _, files in os.walk(folder):
        if not any("tfevents" in f for f in files):
            continue
        run = os.path.relpath(path, folder)
        accumulator = EventAccumulator(path, size_guidance={"tensors": 0}).Reload()
        for tag in accumulator.Tags()["tensors"]:
            plugin = accumulator.SummaryMetadata(tag).plugin_data.plugin_name
            for event in accumulator.Tensors(tag):
                array, value = None, "-"
                if plugin == "scalars":
                    number = float(tensor_util.make_ndarray(event.tensor_proto))
                    value = "*" if tag.endswith(TIMED) else repr(number)
                elif plugin == "histograms":
                    array = tensor_util.make_ndarray(event.tensor_proto)
                    value = repr(float(array[:, 2].sum()))
                points.append((run, tag, plugin, event.step, value, array))
    return sorted(points, key=lambda p: (p[0], p[1], p[3]))


def text_run(folder, evaluate=False, fit=SPLIT, **settings):
    model, x, y = prepared()
    board = keras.callbacks.TensorBoard(folder, **settings)
    if not evaluate:
        model.fit(x, y, callbacks=[board], **fit)
    else:
        model.evaluate(x, y, batch_size=8, verbose=0, callbacks=[board])


def mission(folder, name, net, loss):
    keras.backend.clear_session()
    x, y = friedman(name, standardise=name == "mission_custom_loss")
    model = keras.Sequential([keras.Input((10,)), *net])
    model.set_weights(draw_weights(name, model))
    model.compile(optimizer=keras.optimizers.Adam(), loss=loss, jit_compile=False)
    model.fit(x, y, batch_size=BATCH, epochs=3, validation_split=0.2, shuffle=False, verbose=0,
              callbacks=[keras.callbacks.TensorBoard(folder, histogram_freq=1)])


def custom_loop(folder):
    """The third program: a scalar per step, written by hand. Its losses are loss32 of
    mission_custom_loop.npz."""
    import tensorflow as tf

    keras.backend.clear_session()
    x, y = friedman("mission_custom_loss", standardise=True)
    model, optimizer = plain_net(), keras.optimizers.Adam()
    model.set_weights(draw_weights("mission_custom_loss", model))
    writer, step = tf.summary.create_file_writer(str(folder)), 0
    with writer.as_default():
        for _ in range(4):
            for start in range(0, len(x), BATCH):
                with tf.GradientTape() as tape:
                    loss = weighted_mse(tf.constant(y[start:start + BATCH]),
                                        model(x[start:start + BATCH], training=True))
                optimizer.apply(tape.gradient(loss, model.trainable_variables),
                                model.trainable_variables)
                tf.summary.scalar("loss", loss, step=step)
                step += 1
    writer.close()


class Watched(layers.Layer):
    """A layer that writes a histogram of its output and a scalar."""

    def call(self, x):
        import tensorflow as tf

        tf.summary.histogram("activations", x)
        tf.summary.scalar("largest", tf.reduce_max(x))
        return x


def layer_summary(folder, update_freq):
    """Eagerly: compiled, Keras freezes step and gate of such summaries at the first batch."""
    keras.backend.clear_session()
    x, y = small("fit_text_run")
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"),
                              Watched(name="watched"), layers.Dense(2)])
    model.set_weights(draw_weights("fit_text_run", model))
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05), loss="mse", metrics=["mae"],
                  run_eagerly=True)
    model.fit(x, y, callbacks=[keras.callbacks.TensorBoard(folder, update_freq=update_freq)],
              **SPLIT)


def tags_of(folder, build):
    """One epoch of another kind of model, for the tags of its weights."""
    keras.backend.clear_session()
    x, y = regression("tags")
    model = build()
    model.set_weights(draw_weights("tags", model))
    model.compile(optimizer=sgd(), loss="mse", jit_compile=False)
    model.fit(x, y, epochs=1, shuffle=False, verbose=0,
              callbacks=[keras.callbacks.TensorBoard(folder, histogram_freq=1)])


def nested():
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(5, activation="relu")])
    return keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), inner,
                             layers.Dense(2)])


def named():
    return keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh", name="hidden"),
                             layers.Dense(2, name="out")], name="net")


def custom():
    return keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), Scale(),
                             layers.Dense(2)])


def log_net():
    return [layers.Dense(64, activation="relu"), Log(), layers.Dense(1)]


CASES = {
    "epoch": lambda f: text_run(f, histogram_freq=1),
    "batch": lambda f: text_run(f, histogram_freq=1, update_freq="batch",
                                write_steps_per_second=True),
    # Keras's bug included: N also gates what belongs to epochs
    "every_3": lambda f: text_run(f, histogram_freq=1, update_freq=3),
    "histogram_freq_2": lambda f: text_run(f, histogram_freq=2, fit={**SPLIT, "epochs": 4}),
    "no_graph": lambda f: text_run(f, write_graph=False),
    "no_validation": lambda f: text_run(f,
                                        fit={k: v for k, v in SPLIT.items()
                                             if k != "validation_split"}),
    "evaluate": lambda f: text_run(f, evaluate=True),
    "layer_summary_1": lambda f: layer_summary(f, 1),
    "layer_summary_3": lambda f: layer_summary(f, 3),
    "tags_functional": lambda f: tags_of(f, functional),
    "tags_subclass": lambda f: tags_of(f, residual),
    "tags_nested": lambda f: tags_of(f, nested),
    "tags_named": lambda f: tags_of(f, named),
    "tags_custom": lambda f: tags_of(f, custom),
    "mission_custom_layer": lambda f: mission(f, "mission_custom_layer", log_net(), "mse"),
    "mission_custom_loss": lambda f: mission(f, "mission_custom_loss",
                                             [layers.Dense(64, activation="relu"),
                                              layers.Dense(1)], weighted_mse),
    "mission_custom_loop": custom_loop,
}
WITH_BUCKETS = ("epoch", "mission_custom_layer", "mission_custom_loss")


def points_of(name):
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        CASES[name](Path(folder))
        return read(folder)


@text_case("tb")
def boards():
    return {f"tb_{name}.txt": "".join(" ".join(map(str, p[:5])) + "\n" for p in points_of(name))
            for name in CASES}


@case("tb_histograms", only="f32")
def histograms(mode):
    out = {}
    for name in WITH_BUCKETS:
        points = [p for p in points_of(name) if p[2] == "histograms"]
        tags = sorted({p[1] for p in points})
        for _, tag, _, step, _, array in points:
            out[f"{name}_{step}_{tags.index(tag)}"] = np.asarray(array, "float64")
    return Result({}, out)


# Shapes that Keras's rules for pictures of weights tell apart; i and j it does not show.
PICTURES = {"a": (3, 4, 5), "b": (2, 5, 4, 3), "c": (1, 7, 1), "d": (5, 2), "e": (2, 5), "f": (6,),
            "g": (2, 1, 3, 4, 4), "h": (2, 3, 2, 1, 1, 1), "i": (1,), "j": (2, 2, 3, 2)}


class Pictures(layers.Layer):
    """A layer that has weights to be looked at, and hands on what it gets."""

    def build(self, shape):
        for name, shape in PICTURES.items():
            self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)

    def call(self, x):
        return x


@case("tb_images", only="f32")
def images(mode):
    """w_<name>: a weight, some of it outside of 0..1. <name>_<i>: the pictures that Keras's
    callback wrote of it, decoded, (height, width, channels)."""
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    keras.backend.clear_session()
    x, y = small("fit_text_run")
    model = keras.Sequential([keras.Input((6,)), Pictures(name="pictures"), layers.Dense(2)])
    draw = rng("tb_images")
    inputs = {f"w_{name}": draw.uniform(-0.5, 1.5, shape).astype("float32")
              for name, shape in PICTURES.items()}
    model.layers[0].set_weights(list(inputs.values()))
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05), loss="mse")
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        model.fit(x, y, epochs=1, verbose=0, callbacks=[
            keras.callbacks.TensorBoard(folder, histogram_freq=1, write_images=True)])
        events = EventAccumulator(os.path.join(folder, "train"), size_guidance={"tensors": 0}).Reload()
        for name in PICTURES:
            tag = f"sequential/pictures/{name}/image"
            if tag not in events.Tags()["tensors"]:
                continue
            strings = tensor_util.make_ndarray(events.Tensors(tag)[0].tensor_proto)
            for i, png in enumerate(strings[2:]):
                picture = tf.io.decode_png(png).numpy()
                assert picture.shape[:2] == (int(strings[1]), int(strings[0]))
                outputs[f"{name}_{i}"] = picture.astype("int32")
    return Result(inputs, outputs)
