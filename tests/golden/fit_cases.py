# SPDX-License-Identifier: MIT
"""Whole calls of fit, evaluate and predict, never shuffled: the history of every epoch, the
weights, and what follows.

The net is Dense(8, tanh) and one Dense as each case says. `hist_<key>`: the value per epoch under
the key Keras uses; where `evaluate` is set, `eval_<key>`: evaluate(x, y, sample_weight) after
training, and `pred`: predict(x) after training. Settings stand as scalars under their Keras names
(batch_size, epochs, validation_split, ...); absent means not given."""
import keras
import numpy as np
from keras import layers, losses

from goldenlib import Result, case, rng
from mission_cases import Log, friedman, weighted_mse
from train_cases import classes, draw_weights, one_hot, regression, weight_array


class StepCounter(keras.callbacks.Callback):
    """Counts train batches, per epoch and in all."""

    def __init__(self):
        super().__init__()
        self.per_epoch = []

    def on_epoch_begin(self, epoch, logs=None):
        self.per_epoch.append(0)

    def on_train_batch_end(self, batch, logs=None):
        self.per_epoch[-1] += 1


def declare(name, make_data, make_layers, loss="mse", metrics=None, weighted_metrics=None,
            rate=0.05, weighted=False, validation=None, class_weight=None, callbacks=None,
            evaluate=False, optimizer=None, drawn_as=None, coarse=False, **settings):
    """`rate`: SGD's, unless `optimizer` makes another; `drawn_as`: the case whose initial weights
    are used."""
    name = f"fit_{name}"
    settings = {"batch_size": 16, "epochs": 3, **settings}

    @case(name)
    def run(mode):
        x, y = make_data(name)
        sw = None
        if weighted:
            sw = rng(name, "sample_weight").uniform(0, 2, len(x)).astype("float32")
        model = keras.Sequential([keras.Input(x.shape[1:]), *make_layers()])
        initial = draw_weights(drawn_as or name, model)
        model.set_weights(initial)
        rule = optimizer() if optimizer else keras.optimizers.SGD(learning_rate=rate)
        made_loss = loss if isinstance(loss, str) else loss()
        model.compile(optimizer=rule, loss=made_loss, metrics=metrics,
                      weighted_metrics=weighted_metrics, jit_compile=mode.jit)
        inputs = {"x": x, "y": y, **{f"w0_{i}": w for i, w in enumerate(initial)}}
        arguments = dict(settings)
        if validation is not None:
            vx, vy = make_data(name + "/validation")
            held = {"x_val": vx[:24], "y_val": vy[:24]}
            if validation == "weighted":
                vw = rng(name, "sample_weight_val").uniform(0, 2, 24)
                held["sample_weight_val"] = vw.astype("float32")
            inputs.update(held)
            arguments["validation_data"] = tuple(mode.cast(v) for v in held.values())
        counter, more = StepCounter(), callbacks() if callbacks else {}
        history = model.fit(mode.cast(x), mode.cast(y), sample_weight=mode.cast(sw),
                            class_weight=class_weight, shuffle=False, verbose=0,
                            callbacks=[counter, *more.values()], **arguments)
        for k, v in settings.items():
            inputs[k] = np.float64(v) if isinstance(v, float) else np.int64(v)
        inputs["steps"] = np.array(counter.per_epoch, "int64")
        if sw is not None:
            inputs["sample_weight"] = sw
        if class_weight is not None:
            inputs["class_weight"] = weight_array(class_weight)
        if "early" in more:
            inputs["stopped_epoch"] = np.int64(more["early"].stopped_epoch)
            inputs["best_epoch"] = np.int64(more["early"].best_epoch)
        out = {f"hist_{k}": np.array(v, mode.floatx) for k, v in history.history.items()}
        out.update({f"w_{i}": w for i, w in enumerate(model.get_weights())})
        if evaluate:
            size = settings["batch_size"]
            after = model.evaluate(mode.cast(x), mode.cast(y), sample_weight=mode.cast(sw),
                                   batch_size=size, verbose=0, return_dict=True)
            out.update({f"eval_{k}": np.array(v, mode.floatx) for k, v in after.items()})
            out["pred"] = model.predict(mode.cast(x), batch_size=size, verbose=0)
        return Result(inputs, out, coarse)


def real(name):
    return regression(name, rows=70)


def ids(name):
    return classes(name, 4, rows=70)


def hot(name):
    x, y = classes(name, 4, rows=70)
    return x, one_hot(y, 4)


def binary(name):
    x, y = classes(name, 2, rows=70)
    return x, y.astype("float32")[:, None]


def noise(name):
    """Nothing to learn, so the validation loss soon rises."""
    r = rng(name, "noise")
    return r.uniform(-1, 1, (30, 6)).astype("float32"), r.standard_normal((30, 2)).astype("float32")


def small(name):
    return regression(name, rows=40)


def with_nan(name):
    x, y = regression(name, rows=70)
    y[40, 0] = np.nan  # in the third batch
    return x, y


def head(units, activation=None, regularizer=None):
    return lambda: [layers.Dense(8, activation="tanh", kernel_regularizer=regularizer),
                    layers.Dense(units, activation=activation, kernel_regularizer=regularizer)]


declare("plain", real, head(2), metrics=["mae"], evaluate=True)
declare("validation_split", real, head(2), metrics=["mae", "mse"], validation_split=0.25)
declare("validation_data", real, head(2), metrics=["mae"], validation="plain")
declare("validation_weighted", real, head(2), metrics=["mae"], weighted_metrics=["mae", "mse"],
        weighted=True, validation="weighted", evaluate=True)
declare("sample_weight", real, head(2), metrics=["mae"], weighted_metrics=["mae", "mse"],
        weighted=True, validation_split=0.25, evaluate=True)
declare("class_weight", ids, head(4, "softmax"), loss="sparse_categorical_crossentropy",
        metrics=["accuracy"], weighted_metrics=["accuracy"],
        class_weight={0: 1.0, 1: 2.5, 3: 0.25}, validation_split=0.25, rate=0.2, evaluate=True)
declare("accuracy_sparse", ids, head(4),
        loss=lambda: losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"],
        validation_split=0.25, rate=0.2, evaluate=True)
declare("accuracy_categorical", hot, head(4, "softmax"), loss="categorical_crossentropy",
        metrics=["accuracy"], validation_split=0.25, rate=0.2, evaluate=True)
declare("accuracy_binary", binary, head(1, "sigmoid"), loss="binary_crossentropy",
        metrics=["accuracy", "mse"], validation_split=0.25, rate=0.2, evaluate=True)
declare("regularized", real, head(2, regularizer="l2"), metrics=["mse"], validation_split=0.25,
        evaluate=True)
declare("rmse", real, head(2), metrics=["root_mean_squared_error", "mean_absolute_error"],
        validation_split=0.25, evaluate=True)
declare("initial_epoch", real, head(2), initial_epoch=2, epochs=5)
declare("validation_freq", real, head(2), validation="plain", validation_freq=2, epochs=5)
declare("validation_steps", real, head(2), validation="plain", validation_steps=1)
declare("validation_batch_size", real, head(2), metrics=["mae"], validation="plain",
        validation_batch_size=5)
declare("steps_per_epoch", real, head(2), steps_per_epoch=3, epochs=5)
declare("short_batch", real, head(2), metrics=["mae"], batch_size=64, evaluate=True)
declare("terminate_on_nan", with_nan, head(2), epochs=4,
        callbacks=lambda: {"nan": keras.callbacks.TerminateOnNaN()})


def early(**options):
    return lambda: {"early": keras.callbacks.EarlyStopping(**options)}


declare("early_stopping", noise, head(2), validation_split=0.5, epochs=20, rate=0.1,
        callbacks=early(patience=2))
declare("early_stopping_restore", noise, head(2), validation_split=0.5, epochs=20, rate=0.4,
        callbacks=early(patience=3, restore_best_weights=True), evaluate=True)
declare("early_stopping_complete", real, head(2), validation_split=0.5, epochs=4, rate=0.4,
        callbacks=early(monitor="val_loss", patience=5, restore_best_weights=True))
declare("early_stopping_delta", real, head(2), validation_split=0.5, epochs=30, rate=0.2,
        callbacks=early(patience=2, min_delta=0.02))
declare("early_stopping_start", real, head(2), validation_split=0.5, epochs=30, rate=0.5,
        callbacks=early(monitor="loss", patience=1, min_delta=0.01, start_from_epoch=4))
declare("early_stopping_baseline", real, head(2), validation_split=0.5, epochs=30, rate=0.2,
        callbacks=early(patience=3, baseline=0.01))
declare("early_stopping_max", ids, head(4, "softmax"), loss="sparse_categorical_crossentropy",
        metrics=["accuracy"], validation_split=0.5,
        epochs=30, rate=0.5, callbacks=early(monitor="val_accuracy", patience=2,
                                             restore_best_weights=True))

# The runs whose hooks, files and logs are recorded as text (text_cases.py, board_cases.py).
declare("text_run", small, head(2), metrics=["mae"], validation_split=0.4, batch_size=8, epochs=2,
        evaluate=True)
declare("mission_custom_layer", lambda name: friedman("mission_custom_layer", standardise=False),
        lambda: [layers.Dense(64, activation="relu"), Log(),
                 layers.Dense(1)], optimizer=keras.optimizers.Adam,
        # the logarithm amplifies rounding
        drawn_as="mission_custom_layer", validation_split=0.2, batch_size=32, coarse=True,
        evaluate=True)
declare("mission_custom_loss", lambda name: friedman("mission_custom_loss", standardise=True),
        lambda: [layers.Dense(64, activation="relu"),
                 layers.Dense(1)], loss=lambda: weighted_mse, optimizer=keras.optimizers.Adam,
        drawn_as="mission_custom_loss", validation_split=0.2, batch_size=32, evaluate=True)
