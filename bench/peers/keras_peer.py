# SPDX-License-Identifier: MIT
"""Keras on TensorFlow, through `fit` as its users call it and in its faster settings.

Variants of a training step: `fit`; with XLA (`jit_compile`); with `steps_per_execution`, alone and
with XLA; `train_on_batch`. Steps of `fit` are timed inside it, from the end of one epoch to the end
of the next, so that what a call of `fit` costs once is not counted against Keras.
"""
import os
import time

import common

keras = tf = None  # imported by setup, after the environment is set
STEPS = 50  # steps_per_execution: enough that the interpreter's share of a step vanishes
COMPILE = {
    "fit": {},
    "fit, jit": {"jit_compile": True},
    "fit, 50 steps per execution": {"steps_per_execution": STEPS},
    "fit, jit, 50 steps per execution": {"jit_compile": True, "steps_per_execution": STEPS},
}


def setup(threads):
    global keras, tf
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import tensorflow
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    import keras as keras_module
    keras, tf = keras_module, tensorflow
    return f"{keras.__version__} on TensorFlow {tf.__version__}"


def network(bench):
    units = common.widths(bench)
    layers = [keras.layers.Dense(u, activation="relu") for u in units[1:-1]]
    return keras.Sequential([keras.Input((units[0],))] + layers + [keras.layers.Dense(units[-1])])


def compiled(bench, **settings):
    model = network(bench)
    loss = "mse"
    if common.SPEC[bench][1]:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss=loss, **settings)
    return model


def epoch_ends():
    """A callback that notes the time at the end of each epoch."""
    class Ends(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.at = []

        def on_epoch_end(self, epoch, logs=None):
            self.at.append(time.perf_counter())
    return Ends()


def fit(bench, settings):
    _, _, batch, rows = common.SPEC[bench]
    x, y = common.data(bench, rows)
    model = compiled(bench, **settings)
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)

    def sampler(seconds):
        ends, start = epoch_ends(), time.perf_counter()
        model.fit(x, y, batch_size=batch, epochs=2, verbose=0, callbacks=[ends])
        more = int((seconds - (time.perf_counter() - start)) / (ends.at[1] - ends.at[0]))
        times = [ends.at[1] - ends.at[0]]
        if more > 0:
            ends = epoch_ends()
            model.fit(x, y, batch_size=batch, epochs=1 + min(more, 50), verbose=0, callbacks=[ends])
            times += [b - a for a, b in zip(ends.at, ends.at[1:])]
        return [t / (rows // batch) * 1e6 for t in times]
    return sampler


def train_on_batch(bench):
    model = compiled(bench)
    x, y = common.batches(bench)[0]
    return common.repeat(lambda: model.train_on_batch(x, y))


def epoch(settings):
    x, y = common.mnist()
    model = compiled("mnist_epoch", metrics=["accuracy"], **settings)
    model.fit(x[:12928], y[:12928], batch_size=128, epochs=1, verbose=0)  # 101 steps: compiled

    def one():
        history = model.fit(x, y, batch_size=128, epochs=1, verbose=0)
        return {"accuracy": round(history.history["accuracy"][-1], 4)}
    return common.once(one)


def predict(how):
    model = network("tiny_predict")
    model.compile()
    row, _ = common.data("tiny_predict", 1)
    tensor = tf.constant(row)
    if how == "predict":
        return common.repeat(lambda: model.predict(row, verbose=0))
    if how == "predict_on_batch":
        return common.repeat(lambda: model.predict_on_batch(row))
    if how == "model(x)":
        return common.repeat(lambda: model(tensor, training=False))
    call = tf.function(lambda t: model(t, training=False), jit_compile=how == "tf.function, jit")
    return common.repeat(lambda: call(tensor))


def cases():
    table = {}
    for bench in ("tiny_b32", "tiny_b1", "mlp_b128"):
        for variant, settings in COMPILE.items():
            table[bench, variant] = lambda b=bench, s=settings: fit(b, s)
        table[bench, "train_on_batch"] = lambda b=bench: train_on_batch(b)
    for variant, settings in COMPILE.items():
        table["mnist_epoch", variant] = lambda s=settings: epoch(s)
    for how in ("predict", "predict_on_batch", "model(x)", "tf.function", "tf.function, jit"):
        table["tiny_predict", how] = lambda h=how: predict(h)
    return table


def first_step():
    model = compiled("tiny_b32")
    model.train_on_batch(*common.batches("tiny_b32", 1)[0])


if __name__ == "__main__":
    common.main("keras", setup, cases, first_step)
