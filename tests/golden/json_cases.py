# SPDX-License-Identifier: MIT
"""What Keras's model.to_json() writes.

models_json.txt: a line per model, its name, a blank, and the JSON. tests/train/test_json.c makes the same models in C and
compares the bytes. Names that Keras counts in the whole program (functional models, ops) are given here as Keratin counts
them: in the context, and within the model."""
import keras
from keras import initializers, layers, losses, metrics, ops, optimizers, regularizers

from goldenlib import text_case

MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


@keras.saving.register_keras_serializable(name="Scale")
class Scale(layers.Layer):
    def __init__(self, factor=2.0, times=1, label=None, on=False, **rest):
        super().__init__(**rest)
        self.factor, self.times, self.label, self.on = factor, times, label, on

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), name="gain")

    def call(self, x):
        return x * self.gain

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "times": self.times, "label": self.label, "on": self.on}


Scale.__module__ = "__main__"  # a class of the user's program


def loss_fn(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def my_metric(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


def tiny():
    return keras.Sequential([layers.Input((10,)), layers.Dense(64, activation="relu"), layers.Dense(1)])


@model
def plain():
    return tiny()


@model
def compiled():
    m = tiny()
    m.compile("adam", "mse", metrics=["mae"])
    return m


@model
def not_built():
    return keras.Sequential([layers.Dense(3), layers.Dropout(0.25)])


@model
def built_later():
    m = keras.Sequential([layers.Dense(3), layers.Dropout(0.25), layers.Dense(1)])
    m.build((None, 4))
    return m


@model
def stock():
    return keras.Sequential([
        layers.Input((4, 3), name="pixels", dtype="float32"),
        layers.Normalization(),
        layers.Normalization(axis=2, mean=[1.0, 2.5, 0.1], variance=[1.0, 4.0, 1e-8]),
        layers.Normalization(axis=None, invert=True),
        layers.Flatten(),
        layers.Activation("tanh"),
        layers.Dropout(0.5, seed=7),
        layers.Dense(5, activation="swish", use_bias=False, trainable=False, name="no bias \u00e9\U0001f642\"\\"),
        layers.Dense(5, kernel_regularizer=regularizers.L1(0.01), bias_regularizer=regularizers.L1L2(0.02, 0.03),
                     kernel_initializer=initializers.VarianceScaling(2.0, "fan_avg", "uniform", seed=3),
                     bias_initializer=initializers.Constant(0.1)),
        layers.Dense(5, kernel_regularizer="l2", kernel_initializer="he_normal",
                     bias_initializer=initializers.RandomNormal(0.0, 0.1)),
        layers.Dense(5, kernel_initializer=initializers.Identity(), bias_initializer=initializers.RandomUniform(-1.0, 2.0)),
        layers.Dense(5, kernel_initializer=initializers.Orthogonal(1.5, seed=4), bias_initializer="ones"),
        layers.Dense(5, kernel_initializer=initializers.TruncatedNormal(seed=5), activation="softmax"),
        layers.Dense(2, kernel_initializer=initializers.LecunUniform(seed=6), activation="exponential"),
    ])


@model
def functional():
    x = keras.Input((4,))
    shared = layers.Dense(4, activation="relu")
    h = shared(shared(x))
    h = layers.Dropout(0.5)(h)
    return keras.Model(x, layers.Dense(2)(ops.add(h, x)), name="functional")


@model
def many():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    unused = keras.Input((2,), name="unused")
    inside = keras.Input((4,))
    inner = keras.Model(inside, layers.Dense(2)(inside), name="functional")
    chain = keras.Sequential([layers.Input((4,)), layers.Dense(2, activation="tanh")])
    two, other = keras.Input((4,)), keras.Input((4,))
    pair = keras.Model([two, other], ops.subtract(two, other), name="functional_1")
    h = ops.add(inner(a), chain(b))
    h = ops.concatenate([h, inner(b), pair([b, a])], axis=1)
    return keras.Model([a, b, unused], layers.Dense(1)(h), name="functional_2")


@model
def operations():
    x = keras.Input((4,))
    h = ops.log(ops.add(ops.abs(x), 1e-9))
    h = ops.where(ops.greater(x, 0.5), h, ops.multiply(h, 2.0))
    h = ops.maximum(h, ops.sum(h, axis=1, keepdims=True))
    h = ops.transpose(ops.reshape(h, (-1, 2, 2)), (0, 2, 1))
    h = ops.divide(ops.sum(h, axis=2), 2.0)
    h = ops.softmax(ops.negative(ops.cast(ops.less(h, 0.5), "float32")))
    return keras.Model(x, h, name="functional")


@model
def nested():
    inner = keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(2)])
    x = keras.Input((2,))
    drawn = keras.Model(x, layers.Dense(2)(x), name="functional")
    return keras.Sequential([layers.Input((4,)), inner, drawn, layers.Dense(1)])


@model
def ends_in_a_model():
    inside = keras.Input((4,))
    inner = keras.Model(inside, layers.Dense(2)(inside), name="functional")
    x = keras.Input((4,))
    return keras.Model(x, inner(layers.Activation("relu")(x)), name="functional_1")


@model
def sgd():
    m = tiny()
    m.compile(optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.004, global_clipnorm=1.0),
              losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1, reduction="sum"),
              metrics=["accuracy", metrics.BinaryAccuracy(threshold=0.25), metrics.RootMeanSquaredError(name="rmse")],
              weighted_metrics=["mse"])
    return m


@model
def adam():
    m = tiny()
    m.compile(optimizers.Adam(0.01, beta_1=0.8, epsilon=1e-8, amsgrad=True, clipvalue=0.5, name="mine"), loss_fn,
              metrics=[my_metric])
    return m


@model
def sparse():
    m = tiny()
    m.compile(optimizers.Adam(), losses.SparseCategoricalCrossentropy(), weighted_metrics=[metrics.SparseCategoricalAccuracy()])
    return m


@model
def mae():
    m = tiny()
    m.compile(optimizers.SGD(), losses.MeanAbsoluteError(reduction="mean_with_sample_weight", name="distance"))
    return m


@model
def own_layer():
    return keras.Sequential([layers.Input((2,)), Scale(3.5, 4, "a\tb", True), Scale(name="second"), layers.Dense(1)])


@text_case("models_json")
def models_json():
    lines = []
    for name, make in MODELS.items():
        keras.backend.clear_session()
        text = make().to_json()
        keras.models.model_from_json(text, custom_objects={"loss_fn": loss_fn, "my_metric": my_metric})
        lines.append(f"{name} {text}\n")
    return {"models_json.txt": "".join(lines)}
