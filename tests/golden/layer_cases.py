# SPDX-License-Identifier: MIT
"""Layers, models, regularizers and added losses, each trained 20 steps inside a small net."""
import keras
import numpy as np
from keras import layers, ops, regularizers

from goldenlib import Result, case, rng
from train_cases import draw_weights, regression, train

ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh",
               "softplus", "softmax", "log_softmax")


def sgd(rate=0.05):
    return keras.optimizers.SGD(learning_rate=rate)


def declare(name, build, shape=(6,), targets=2, **options):
    """A case that trains the layers `build()` returns with SGD(0.05) on mse."""
    @case(name)
    def run(mode):
        x, y = regression(name, shape, targets)
        made = build()
        if not isinstance(made, keras.Model):
            made = keras.Sequential([keras.Input(shape), *made])
        return train(mode, name, made, x, y, "mse", sgd(), **options)


for act in ACTIVATIONS:
    declare(f"layer_dense_{act}", lambda act=act: [layers.Dense(8, activation=act),
                                                   layers.Dense(2)])
for act in ("relu", "gelu", "softmax"):
    declare(f"layer_activation_{act}",
            lambda act=act: [layers.Dense(8), layers.Activation(act), layers.Dense(2)])

declare("layer_dense_no_bias", lambda: [layers.Dense(8, activation="tanh", use_bias=False),
                                        layers.Dense(2)])
declare("layer_dense_one_unit", lambda: [layers.Dense(1, activation="tanh"), layers.Dense(1)],
        targets=1)
declare("layer_flatten", lambda: [layers.Flatten(), layers.Dense(8, activation="tanh"),
                                  layers.Dense(2)], shape=(4, 3))
declare("layer_dense_rank_3", lambda: [layers.Dense(5, activation="tanh"), layers.Flatten(),
                                       layers.Dense(2)], shape=(4, 3))
# 20, 20, 8
declare("layer_short_batch", lambda: [layers.Dense(8, activation="tanh"), layers.Dense(2)],
        batch_size=20)
declare("layer_batch_of_one", lambda: [layers.Dense(8, activation="tanh"), layers.Dense(2)],
        batch_size=1)
declare("layer_nested", lambda: [
    layers.Dense(8, activation="tanh"),
    keras.Sequential([keras.Input((8,)), layers.Dense(5, activation="relu"),
                      keras.Sequential([keras.Input((5,)),
                                        layers.Dense(4, activation="sigmoid")])]),
    layers.Dense(2)])
declare("layer_frozen", lambda: [
    layers.Dense(8, activation="tanh", trainable=False, kernel_regularizer="l2"),
    layers.Dense(2, kernel_regularizer="l2")])


def functional():
    """x -> first -> shared -> shared -> plus first's output -> out: one layer applied twice, one
    tensor used twice."""
    x = keras.Input((6,))
    h = layers.Dense(8, activation="tanh")(x)
    shared = layers.Dense(8, activation="relu")
    s = shared(shared(h))
    return keras.Model(x, layers.Dense(2)(ops.add(s, h)))


class Residual(keras.Model):
    """A model that is a class with its own call."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(8, activation="tanh")
        self.second = layers.Dense(8, activation="silu")
        self.out = layers.Dense(2)

    def call(self, x):
        h = self.first(x)
        return self.out(h + self.second(h))


def residual():
    model = Residual()
    model(np.zeros((1, 6), keras.config.floatx()))  # a class is built by its first call
    return model


declare("layer_functional", functional)
declare("layer_subclass", residual)


class Scale(layers.Layer):
    """A custom layer with weights of its own, a sub-layer and an added loss: x * gain + Dense(x),
    gain (features,)."""

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")
        self.inner = layers.Dense(input_shape[-1], activation="tanh")
        self.inner.build(input_shape)

    def call(self, x):
        self.add_loss(0.01 * ops.sum(ops.square(x)))
        return x * self.gain + self.inner(x)


declare("layer_add_loss", lambda: [layers.Dense(8, activation="tanh"), Scale(), layers.Dense(2)])

for label, make in (("l1", lambda: regularizers.L1(0.01)), ("l2", lambda: regularizers.L2(0.01)),
                    ("l1l2", lambda: regularizers.L1L2(l1=0.02, l2=0.03))):
    declare(f"regularizer_{label}", lambda make=make: [
        layers.Dense(8, activation="tanh", kernel_regularizer=make()),
        layers.Dense(2, kernel_regularizer=make(), bias_regularizer=make())])


@case("layer_normalization")
def normalization(mode):
    """Normalization with given mean and variance, trained behind it."""
    name = "layer_normalization"
    r = rng(name, "statistics")
    x, y = regression(name)
    x = (x * 7 + 3).astype("float32")
    mean, variance = r.uniform(2, 4, 6).astype("float32"), r.uniform(5, 20, 6).astype("float32")
    given = layers.Normalization(mean=mode.cast(mean), variance=mode.cast(variance))
    model = keras.Sequential([keras.Input((6,)), given, layers.Dense(8, activation="tanh"),
                              layers.Dense(2)])
    return train(mode, name, model, x, y, "mse", sgd(), extra={"mean": mean, "variance": variance})


@case("layer_dropout_predict")
def dropout_predict(mode):
    """Dropout at inference is the identity. Training cannot be compared: the random numbers
    differ."""
    name = "layer_dropout_predict"
    x, _ = regression(name)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"),
                              layers.Dropout(0.5), layers.Dense(2)])
    initial = draw_weights(name, model)
    model.set_weights(initial)
    model.compile(loss="mse", jit_compile=mode.jit)
    return Result({"x": x, **{f"w0_{i}": w for i, w in enumerate(initial)}},
                  {"pred": model.predict_on_batch(mode.cast(x))})


declare("layer_dropout_rate_0", lambda: [layers.Dense(8, activation="tanh"), layers.Dropout(0.0),
                                         layers.Dense(2)])


def adapted(name, shape, axis, **options):
    """Adapts Normalization to `adapt` and applies it to `x`. The statistics are written in the
    broadcast shape the layer uses."""
    @case(f"normalization_{name}")
    def run(mode):
        r = rng("normalization", name)
        scale = r.uniform(0.5, 5, shape[1:])
        data = (r.standard_normal(shape) * scale + r.uniform(-10, 10, shape[1:])).astype("float32")
        if name == "constant":
            data[:, 1] = 2.5  # variance 0: the layer divides by epsilon
        x = (r.standard_normal((7, *shape[1:])) * 3).astype("float32")
        layer = layers.Normalization(axis=axis, **options)
        layer.adapt(mode.cast(data))
        mean, variance = np.asarray(layer.mean), np.asarray(layer.variance)
        return Result({"adapt": data, "x": x}, {"mean": mean, "variance": variance,
                                                "y": np.asarray(layer(mode.cast(x)))})


adapted("last_axis", (50, 4), -1)
adapted("constant", (50, 4), -1)
adapted("no_axis", (50, 4), None)
adapted("rank_3_last", (20, 3, 4), -1)
adapted("rank_3_first", (20, 3, 4), 1)
adapted("rank_3_both", (20, 3, 4), (1, 2))
adapted("invert", (50, 4), -1, invert=True)
adapted("one_row", (1, 4), -1)
