# SPDX-License-Identifier: MIT
"""Losses: each trained 20 steps, plain and weighted; and each as a function of given values, with
its gradient.

In `loss_*` files the net is Dense(8, tanh) and one Dense as named below, trained with SGD(0.1)
(SGD(0.004) where the reduction is "sum"). Class ids are int32 of shape (n,), class weights an array
whose index is the class. Cross-entropies behind a sigmoid or softmax are computed by Keras from the
logits (fused); `lossfn_*` files show what happens to probabilities that come from elsewhere, 0 and
1 among them."""
from functools import partial

import keras
import numpy as np
from keras import layers, losses, ops

from goldenlib import Result, case, rng
from mission_cases import weighted_mse
from train_cases import classes, one_hot, regression, train

K = 4  # classes


def head(units, activation=None, apart=False):
    hidden = layers.Dense(8, activation="tanh")
    if apart:
        return [hidden, layers.Dense(units), layers.Activation(activation)]
    return [hidden, layers.Dense(units, activation=activation)]


def data(name, kind):
    """(x, y) of the kind: real targets, one binary column, three binary columns, one-hot, class
    ids."""
    if kind == "real":
        return regression(name)
    if kind == "binary":
        x, ids = classes(name, 2)
        return x, ids.astype("float32")[:, None]
    if kind == "binary3":
        x, ids = classes(name, 8)
        return x, ((ids[:, None] >> np.arange(3)) & 1).astype("float32")
    x, ids = classes(name, K)
    return x, one_hot(ids, K) if kind == "one_hot" else ids


def declare(name, kind, make_head, make_loss, weighted=False, class_weight=None):
    name = f"loss_{name}"

    @case(name)
    def run(mode):
        x, y = data(name, kind)
        sw = None
        if weighted:
            sw = rng(name, "sample_weight").uniform(0, 2, len(x)).astype("float32")
        model = keras.Sequential([keras.Input((6,)), *make_head()])
        loss = make_loss()
        rate = 0.004 if getattr(loss, "reduction", "") == "sum" else 0.1
        return train(mode, name, model, x, y, loss, keras.optimizers.SGD(learning_rate=rate),
                     sample_weight=sw, class_weight=class_weight)


def family(name, kind, make_head, make_loss, class_weight=None):
    """Plain, with sample weights, and (for classes) with class weights."""
    declare(name, kind, make_head, make_loss)
    declare(f"{name}_sw", kind, make_head, make_loss, weighted=True)
    if class_weight:
        declare(f"{name}_cw", kind, make_head, make_loss, class_weight=class_weight)


def cubed_error(y_true, y_pred):
    """A user's own loss, one value per sample."""
    return ops.mean(ops.power(ops.absolute(y_true - y_pred), 3), axis=-1)


# class 2 has none: it weighs 1
BINARY_WEIGHT, CLASS_WEIGHT = {0: 0.5, 1: 3.0}, {0: 1.0, 1: 2.5, 3: 0.25}

family("mse", "real", lambda: head(2), lambda: "mse")
family("mae", "real", lambda: head(2), lambda: "mae")
declare("mse_sum", "real", lambda: head(2), lambda: losses.MeanSquaredError(reduction="sum"))
declare("mse_sum_sw", "real", lambda: head(2), lambda: losses.MeanSquaredError(reduction="sum"),
        weighted=True)
declare("mse_mean_with_sample_weight", "real", lambda: head(2),
        lambda: losses.MeanSquaredError(reduction="mean_with_sample_weight"), weighted=True)
family("function", "real", lambda: head(2), lambda: cubed_error)
family("scalar_function", "real", lambda: head(2), lambda: weighted_mse)

family("bce", "binary", lambda: head(1, "sigmoid"), lambda: "binary_crossentropy", BINARY_WEIGHT)
declare("bce_logits", "binary", lambda: head(1),
        lambda: losses.BinaryCrossentropy(from_logits=True))
declare("bce_apart", "binary", lambda: head(1, "sigmoid", apart=True),
        lambda: "binary_crossentropy")
declare("bce_smoothing", "binary", lambda: head(1, "sigmoid"),
        lambda: losses.BinaryCrossentropy(label_smoothing=0.1))
declare("bce_columns", "binary3", lambda: head(3, "sigmoid"), lambda: "binary_crossentropy")
declare("bce_sum", "binary3", lambda: head(3, "sigmoid"),
        lambda: losses.BinaryCrossentropy(reduction="sum"))

family("cce", "one_hot", lambda: head(K, "softmax"), lambda: "categorical_crossentropy",
       CLASS_WEIGHT)
declare("cce_logits", "one_hot", lambda: head(K),
        lambda: losses.CategoricalCrossentropy(from_logits=True))
declare("cce_apart", "one_hot", lambda: head(K, "softmax", apart=True),
        lambda: "categorical_crossentropy")
declare("cce_smoothing", "one_hot", lambda: head(K, "softmax"),
        lambda: losses.CategoricalCrossentropy(label_smoothing=0.1))
declare("cce_logits_smoothing", "one_hot", lambda: head(K),
        lambda: losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1))
declare("cce_sum", "one_hot", lambda: head(K, "softmax"),
        lambda: losses.CategoricalCrossentropy(reduction="sum"))

family("scce", "ids", lambda: head(K, "softmax"), lambda: "sparse_categorical_crossentropy",
       CLASS_WEIGHT)
declare("scce_logits", "ids", lambda: head(K),
        lambda: losses.SparseCategoricalCrossentropy(from_logits=True))
declare("scce_apart", "ids", lambda: head(K, "softmax", apart=True),
        lambda: "sparse_categorical_crossentropy")
declare("scce_ignore", "ids", lambda: head(K),
        lambda: losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1))
declare("scce_sum", "ids", lambda: head(K, "softmax"),
        lambda: losses.SparseCategoricalCrossentropy(reduction="sum"))


@case("loss_mse_steps_sw")
def mse_steps(mode):
    """Targets (n, 3, 2) and a weight per time step (n, 3)."""
    name = "loss_mse_steps_sw"
    x, y = regression(name, (3, 5), 6)
    sw = rng(name, "sample_weight").uniform(0, 2, (len(x), 3)).astype("float32")
    model = keras.Sequential([keras.Input((3, 5)), layers.Dense(8, activation="tanh"),
                              layers.Dense(2)])
    return train(mode, name, model, x, y.reshape(-1, 3, 2), "mse",
                 keras.optimizers.SGD(learning_rate=0.1), sample_weight=sw)


@case("loss_scce_steps_sw")
def scce_steps(mode):
    """Class ids (n, 3) int32 for predictions (n, 3, K), a weight per time step (n, 3)."""
    name = "loss_scce_steps_sw"
    x, _ = regression(name, (3, 5))
    r = rng(name, "more")
    ids = r.randint(0, K, (len(x), 3)).astype("int32")
    sw = r.uniform(0, 2, (len(x), 3)).astype("float32")
    model = keras.Sequential([keras.Input((3, 5)), layers.Dense(8, activation="tanh"),
                              layers.Dense(K, activation="softmax")])
    return train(mode, name, model, x, ids, "sparse_categorical_crossentropy",
                 keras.optimizers.SGD(learning_rate=0.1), sample_weight=sw)


def function_case(name, function, y_true, y_pred, coarse=False):
    """`value`: a value per sample; `grad`: the gradient of their sum with respect to y_pred."""
    @case(f"lossfn_{name}")
    def run(mode):
        import tensorflow as tf

        @tf.function(jit_compile=mode.jit)
        def both(t, p):
            with tf.GradientTape() as tape:
                tape.watch(p)
                value = function(t, p)
            return value, tape.gradient(value, p)

        value, grad = both(tf.constant(mode.cast(y_true)), tf.constant(mode.cast(y_pred)))
        computed = {"value": value.numpy(), "grad": grad.numpy()}
        return Result({"y_true": y_true, "y_pred": y_pred}, computed, coarse)


def function_cases():
    r = rng("lossfn")
    real = r.uniform(-3, 3, (8, 3)).astype("float32"), r.uniform(-3, 3, (8, 3)).astype("float32")
    real[1][2, 1] = real[0][2, 1]  # a difference of zero
    p = r.uniform(0.01, 0.99, (8, 3)).astype("float32")
    # Clipped to [1e-7, 1 - 1e-7]. Float32 has no such number near one, so log(1 - p) differs by
    # half a per cent from float64's.
    sure = np.array([[0, 1, 0.5], [1e-9, 1, 1e-3], [0, 0, 1]], "float32")
    sure_bits = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]], "float32")
    bits = (r.uniform(0, 1, (8, 3)) > 0.5).astype("float32")
    logits = (4 * r.standard_normal((8, K))).astype("float32")
    logits[0], logits[1] = (1000, -1000, 0, 1), (0, 0, 0, 0)
    # Not normalised: the categorical loss divides by the sum.
    weights = r.uniform(0.05, 1, (8, K)).astype("float32")
    weights[2] = (0, 0, 1, 0)
    ids = r.randint(0, K, 8).astype("int32")
    hot = one_hot(ids, K)
    bce, cce = losses.binary_crossentropy, losses.categorical_crossentropy
    scce = losses.sparse_categorical_crossentropy
    function_case("mse", losses.mean_squared_error, *real)
    function_case("mae", losses.mean_absolute_error, *real)
    function_case("bce", bce, bits, p)
    function_case("bce_clipped", bce, sure_bits, sure, coarse=True)
    function_case("bce_logits", partial(bce, from_logits=True), bits, logits[:, :3])
    function_case("bce_smoothing", partial(bce, label_smoothing=0.1), bits, p)
    function_case("cce", cce, hot, weights)
    function_case("cce_logits", partial(cce, from_logits=True), hot, logits)
    function_case("cce_smoothing", partial(cce, label_smoothing=0.1), hot, weights)
    function_case("scce", scce, ids, weights)
    function_case("scce_logits", partial(scce, from_logits=True), ids, logits)
    function_case("scce_ignore", partial(scce, from_logits=True, ignore_class=2), ids, logits)


function_cases()
