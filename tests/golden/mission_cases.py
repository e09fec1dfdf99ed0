# SPDX-License-Identifier: MIT
"""The three programs of the project, on the data they are shown with: Friedman #1, ten uniform
inputs and one target."""
import keras
import numpy as np
from keras import layers, ops

from goldenlib import case, rng
from train_cases import train

ROWS, BATCH = 160, 32


def friedman(name, standardise):
    r = rng(name, "data")
    x = r.uniform(0, 1, (ROWS, 10)).astype("float32")
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y = y + 10 * x[:, 3] + 5 * x[:, 4] + r.standard_normal(ROWS)
    if standardise:
        y = (y - y.mean()) / y.std()
    return x, y.astype("float32")[:, None]


class Log(layers.Layer):
    """log(x + 1e-9), element by element."""

    def call(self, x):
        return ops.log(x + 1e-9)


def weighted_mse(y_true, y_pred):
    """Squared error that counts only where the target is above one half."""
    squared_difference = ops.square(y_true - y_pred)
    weight = ops.cast(ops.greater(y_true, 0.5), squared_difference.dtype)
    return ops.mean(squared_difference * weight)


def plain_net():
    return keras.Sequential([keras.Input((10,)), layers.Dense(64, activation="relu"),
                             layers.Dense(1)])


@case("mission_custom_layer")
def custom_layer(mode):
    x, y = friedman("mission_custom_layer", standardise=False)
    model = keras.Sequential([keras.Input((10,)), layers.Dense(64, activation="relu"), Log(),
                              layers.Dense(1)])
    return train(mode, "mission_custom_layer", model, x, y, "mse", keras.optimizers.Adam(), BATCH)


@case("mission_custom_loss")
def custom_loss(mode):
    x, y = friedman("mission_custom_loss", standardise=True)
    return train(mode, "mission_custom_loss", plain_net(), x, y, weighted_mse,
                 keras.optimizers.Adam(), BATCH)


@case("mission_custom_loop")
def custom_loop(mode):
    import tensorflow as tf

    x, y = friedman("mission_custom_loss", standardise=True)
    model, optimizer = plain_net(), keras.optimizers.Adam()

    @tf.function(jit_compile=mode.jit)
    def step(bx, by):
        with tf.GradientTape() as tape:
            loss = weighted_mse(by, model(bx, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    optimizer.build(model.trainable_variables)
    return train(mode, "mission_custom_loss", model, x, y, None, None, BATCH,
                 step=lambda bx, by: step(tf.constant(bx), tf.constant(by)))
