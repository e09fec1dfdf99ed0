# SPDX-License-Identifier: MIT
"""Optimizers: Dense(8, tanh), Dense(2), mse on targets large enough that every kind of clipping
acts.

`opt_<rule>[_<variant>]`: rules sgd (rate 0.05), sgd_momentum (momentum 0.9), sgd_nesterov, adam
(rate 0.01), adam_amsgrad; variants clipnorm (0.5), clipvalue (0.1), global_clipnorm (0.5),
weight_decay (0.01). A few more stand below."""
import keras
import numpy as np
from keras import layers
from keras.optimizers import SGD, Adam
from keras.optimizers.schedules import ExponentialDecay

from goldenlib import case
from train_cases import STEPS, regression, train

RULES = {
    "sgd": lambda **k: SGD(learning_rate=0.05, **k),
    "sgd_momentum": lambda **k: SGD(learning_rate=0.05, momentum=0.9, **k),
    "sgd_nesterov": lambda **k: SGD(learning_rate=0.05, momentum=0.9, nesterov=True, **k),
    "adam": lambda **k: Adam(learning_rate=0.01, **k),
    "adam_amsgrad": lambda **k: Adam(learning_rate=0.01, amsgrad=True, **k),
}
VARIANTS = ({}, {"clipnorm": 0.5}, {"clipvalue": 0.1}, {"global_clipnorm": 0.5},
            {"weight_decay": 0.01})


def run(mode, name, optimizer, **options):
    x, y = regression(name, scale=3.0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"),
                              layers.Dense(2)])
    return train(mode, name, model, x, y, "mse", optimizer, with_pred=False, **options)


def declare(name, make):
    @case(name)
    def case_of(mode):
        return run(mode, name, make())


for rule, make in RULES.items():
    for variant in VARIANTS:
        declare("_".join(["opt", rule, *variant]),
                lambda make=make, variant=variant: make(**variant))
declare("opt_adam_settings",
        lambda: Adam(learning_rate=0.02, beta_1=0.8, beta_2=0.99, epsilon=1e-3))
declare("opt_sgd_defaults", lambda: "sgd")    # rate 0.01
declare("opt_adam_defaults", lambda: "adam")  # rate 0.001, betas 0.9 and 0.999, epsilon 1e-7


def scheduled(name, make, staircase):
    """The rate of each step stands in `rate`: 0.05 * 0.9 ** (step / 7), the exponent floored for a
    staircase; step from 0."""
    @case(name)
    def case_of(mode):
        schedule = ExponentialDecay(0.05, decay_steps=7, decay_rate=0.9, staircase=staircase)
        result = run(mode, name, make(schedule))
        rates = np.array([float(schedule(s)) for s in range(STEPS)], mode.floatx)
        result.outputs["rate"] = rates
        return result


scheduled("opt_sgd_exponential_decay", lambda s: SGD(learning_rate=s), staircase=False)
scheduled("opt_adam_exponential_decay", lambda s: Adam(learning_rate=s), staircase=False)
scheduled("opt_sgd_staircase", lambda s: SGD(learning_rate=s, momentum=0.9), staircase=True)


@case("opt_adam_rate_set")
def rate_set(mode):
    """The rate is set to 0.002 before step 10 (counted from 0), as a callback would."""
    optimizer = Adam(learning_rate=0.01)

    def before_step(i):
        if i == 10:
            optimizer.learning_rate = 0.002

    return run(mode, "opt_adam_rate_set", optimizer, before_step=before_step)
