# SPDX-License-Identifier: MIT
"""What Keras says while it trains, as text: the order of the hooks, CSVLogger's files, the progress
bar.

Unless a case says otherwise it trains the run of `fit_text_run.npz` (Dense(8, tanh), Dense(2), SGD
0.05, mse, metric mae, 40 rows, batches of 8, validation_split 0.4, two epochs, in order).

hooks_*.txt: a line per call, `<hook> <argument or -> <keys of logs in their order, comma-separated,
or ->`. progbar_*.txt: control characters are written \\e (escape), \\b, \\r, \\n; a terminal line
per text line. Times that depend on the machine are replaced by <t>. In progbar_driven.txt nothing
does: the logger is called with a clock of our own."""
import contextlib
import io
import re
import tempfile
from pathlib import Path

import keras
from keras import layers

from fit_cases import small
from goldenlib import text_case
from train_cases import draw_weights

NAME = "fit_text_run"
FIT = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
SPLIT = {**FIT, "validation_split": 0.4}
HOOKS = [f"on_{phase}_{edge}" for phase in ("train", "test", "predict", "epoch", "train_batch",
                                            "test_batch", "predict_batch")
         for edge in ("begin", "end")]


def prepared():
    keras.backend.clear_session()
    x, y = small(NAME)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"),
                              layers.Dense(2)])
    model.set_weights(draw_weights(NAME, model))
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05), loss="mse", metrics=["mae"],
                  jit_compile=False)
    return model, x, y


class Recorder(keras.callbacks.Callback):
    """Writes down every hook. `label` tells two of them apart."""

    def __init__(self, lines, label=""):
        super().__init__()
        for hook in HOOKS:
            setattr(self, hook, self.recording(lines, label + hook, "epoch" in hook
                                               or "batch" in hook))

    @staticmethod
    def recording(lines, hook, counted):
        def call(*arguments, logs=None):
            arguments = list(arguments)
            index = str(arguments.pop(0)) if counted else "-"
            logs = arguments[0] if arguments else logs
            lines.append(f"{hook} {index} {','.join(logs) if logs else '-'}")
        return call


class Stopper(keras.callbacks.Callback):
    """Stops in the middle of an epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.model.stop_training = True


class Adder(keras.callbacks.Callback):
    """Adds an entry that later callbacks see."""

    def on_epoch_end(self, epoch, logs=None):
        logs["extra"] = 1.5


def text(lines):
    return "".join(line + "\n" for line in lines)


@text_case("hooks")
def hooks():
    out = {}

    def record(name, action):
        lines = []
        model, x, y = prepared()
        action(model, x, y, Recorder(lines), lines)
        out[f"hooks_{name}.txt"] = text(lines)

    def fit(name, *before, after=None, **settings):
        def action(model, x, y, recorder, lines):
            last = [after, Recorder(lines, "second:")] if after else []
            model.fit(x, y, callbacks=[*before, recorder, *last], **settings)
        record(name, action)

    fit("fit", **FIT)
    fit("fit_validation", **SPLIT)
    fit("fit_validation_freq", validation_freq=2, **SPLIT)
    fit("fit_initial_epoch", **{**SPLIT, "initial_epoch": 3, "epochs": 5})
    # min_delta is never reached: stops after the second epoch of five.
    early = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=100)
    fit("early_stopping", early, **{**SPLIT, "epochs": 5})
    fit("stop_in_epoch", Stopper(), **SPLIT)
    fit("two_callbacks", after=Adder(), **{**FIT, "epochs": 1})
    quiet = {"batch_size": 8, "verbose": 0}
    record("evaluate", lambda m, x, y, r, _: m.evaluate(x, y, callbacks=[r], **quiet))
    record("predict", lambda m, x, y, r, _: m.predict(x, callbacks=[r], **quiet))

    def on_batch(model, x, y, recorder, lines):
        """Calls no hook at all."""
        model.train_on_batch(x, y)
        model.test_on_batch(x, y)
        model.predict_on_batch(x)

    record("on_batch", on_batch)

    model, x, y = prepared()
    history = model.fit(x, y, callbacks=[Adder()], **SPLIT).history
    out["history_keys.txt"] = text(history)  # History is the last callback, so it has Adder's entry
    model, x, y = prepared()
    model.fit(x, y, **SPLIT)
    as_dict = model.evaluate(x, y, verbose=0, return_dict=True)
    out["metric_order.txt"] = text([f"metrics_names {','.join(model.metrics_names)}",
                                    f"evaluate_list {len(model.evaluate(x, y, verbose=0))}",
                                    f"evaluate_dict {','.join(as_dict)}"])
    return out


# Numbers whose shortest form is easy to get wrong; CSVLogger writes them as Python prints them.
VALUES = [0.1, 0.5, 1 / 3, 1e-5, 1e-4, 1e16, 123456789012345680.0, 1e15, 5e-324,
          1.7976931348623157e308, 0.10000000149011612, 2.0, -0.0,
          100.0, float("nan"), float("inf"), float("-inf")]


@text_case("csvlogger")
def csvlogger():
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"

        def take(name):
            out[f"csvlogger_{name}.csv"] = path.read_bytes().decode()
            path.unlink()

        def fit(name, *appends, separator=",", **settings):
            for append in appends or (False,):
                model, x, y = prepared()
                logger = keras.callbacks.CSVLogger(path, separator=separator, append=append)
                model.fit(x, y, callbacks=[logger], **settings)
            take(name)

        fit("plain", **FIT)
        fit("validation", **SPLIT)
        # columns are those of the first epoch
        fit("validation_freq", **{**SPLIT, "epochs": 4, "validation_freq": 2})
        fit("separator", separator=";", **SPLIT)
        fit("append", False, True, **SPLIT)
        fit("append_new", True, **SPLIT)
        logger = keras.callbacks.CSVLogger(path)
        logger.on_train_begin()
        for epoch, value in enumerate(VALUES):
            logger.on_epoch_end(epoch, {"loss": value, "val_loss": epoch})
        # a missing key and one that comes too late
        logger.on_epoch_end(len(VALUES), {"val_loss": 7, "later": 1.0})
        logger.on_train_end()
        take("values")  # loss: VALUES above; val_loss: the epoch as an integer
    return out


def visible(s):
    for character, name in (("\\", "\\\\"), ("\x1b", "\\e"), ("\b", "\\b"), ("\r", "\\r"),
                            ("\n", "\\n")):
        s = s.replace(character, name)
    return s


def masked(s):
    s = re.sub(r"(\\e\[1m)[0-9:]+s?(\\e\[0m [0-9]+(?:s|ms|us)/step)", r"\1<t>\2", s)
    s = re.sub(r" [0-9]+(s|ms|us)/step", " <t>/step", s)
    return re.sub(r" - [0-9]+s - ", " - <t> - ", s)


@text_case("progbar")
def progbar():
    """Of a verbose=1 run only the last drawing of each epoch is kept: how often it draws before
    depends on time."""
    out = {}

    def record(name, action, last_only):
        model, x, y = prepared()
        captured = io.StringIO()
        with contextlib.redirect_stdout(captured):
            action(model, x, y)
        lines = captured.getvalue().split("\n")
        if last_only:
            lines = [line.rpartition("\r")[2].rstrip(" ") for line in lines]
        out[f"progbar_{name}.txt"] = masked("\n".join(visible(line) for line in lines))

    two, one = {**SPLIT, "verbose": 2}, {**SPLIT, "verbose": 1}
    record("fit_2", lambda m, x, y: m.fit(x, y, **two), False)
    record("fit_2_one_epoch", lambda m, x, y: m.fit(x, y, **{**two, "epochs": 1}), False)
    record("evaluate_2", lambda m, x, y: m.evaluate(x, y, batch_size=8, verbose=2), False)
    record("predict_2", lambda m, x, y: m.predict(x, batch_size=8, verbose=2), False)
    record("fit_1", lambda m, x, y: m.fit(x, y, **one), True)
    record("fit_1_one_epoch", lambda m, x, y: m.fit(x, y, **{**one, "epochs": 1}), True)
    record("evaluate_1", lambda m, x, y: m.evaluate(x, y, batch_size=8, verbose=1), True)
    record("predict_1", lambda m, x, y: m.predict(x, batch_size=8, verbose=1), True)
    return out


class Clock:
    """Stands in for the time module."""

    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now


def drive(lines, verbose, epochs, steps, script):
    """`script`: (seconds since the start, hook, index, logs). Writes the calls and what the logger
    printed."""
    from keras.src.callbacks.progbar_logger import ProgbarLogger
    from keras.src.utils import progbar as module

    real, clock = module.time, Clock()
    module.time = clock
    try:
        logger = ProgbarLogger()
        logger.set_params({"verbose": verbose, "epochs": epochs, "steps": steps})
        count = "none" if steps is None else steps
        lines.append(f"run verbose={verbose} epochs={epochs} steps={count}")
        for seconds, hook, index, logs in script:
            clock.now = 1000.0 + seconds
            shown = " ".join(f"{k}={v!r}" for k, v in logs.items())
            where = "-" if index is None else index
            lines.append(f"at {seconds:.4f} {hook} {where} {shown}".rstrip())
            captured = io.StringIO()
            with contextlib.redirect_stdout(captured):
                getattr(logger, hook)(*([] if index is None else [index]), logs)
            printed = captured.getvalue()
            lines.append(f"print {visible(printed)}" if printed else "print")
    finally:
        module.time = real


@text_case("progbar_driven")
def progbar_driven():
    """ProgbarLogger under a clock of our own, so every byte it prints is certain. `run` starts a
    fresh logger; `at <seconds> <hook> <index> <logs>` is a call; `print` is what it printed,
    perhaps nothing."""
    lines = []
    begin, batch, end = "on_epoch_begin", "on_train_batch_end", "on_epoch_end"
    a, b, c = {"loss": 1.25}, {"accuracy": 0.5, "loss": 0.75}, {"loss": 0.25}
    start = [(0, "on_train_begin", None, {}), (0, begin, 0, {})]
    drive(lines, 1, 2, 4, start + [
        (0.1, batch, 0, b), (0.12, batch, 1, b), (0.3, batch, 2, b), (0.4, batch, 3, b),
        (0.5, end, 0, {**b, "val_accuracy": 0.25, "val_loss": 2.0}),
        (0.5, begin, 1, {}), (0.6, batch, 0, b), (0.9, end, 1, b)])
    often = [(0.01 + 0.02 * i, batch, i, a) for i in range(12)]
    drive(lines, 1, 1, 250, start + often + [(3.5, batch, 100, c), (9.75, end, 0, c)])
    # Each pace has its unit; the time left has three forms.
    for pace in (0.0004, 0.02, 0.95, 1.5, 20.0, 700.0):
        drive(lines, 1, 1, 12, start + [
            (pace, batch, 0, a), (2 * pace, batch, 1, a), (3 * pace + 0.06, batch, 2, a),
            (12 * pace + 0.06, end, 0, a)])
    drive(lines, 1, 2, None, start + [
        (0.2, batch, 0, a), (0.4, batch, 1, a), (0.5, end, 0, a),
        (0.5, begin, 1, {}), (0.7, batch, 0, a), (0.9, batch, 1, a), (1.0, end, 1, a)])
    odd = {"a": 0.001, "b": 0.0010001, "c": 0.0, "d": -0.5, "e": 1e-5, "f": 123456.789,
           "g": float("nan"), "h": float("inf"), "i": 3}
    for verbose in (1, 2):
        drive(lines, verbose, 1, 3, start + [(0.1, batch, 0, odd), (0.5, end, 0, odd)])
    drive(lines, 2, 3, 10, start + [(0.2, batch, 0, b), (7.6, end, 0, b)])
    # A shorter line is padded over a longer one.
    long, short = {"loss": 12345.678}, {"loss": 1.0}
    drive(lines, 1, 1, 3, start + [(0.1, batch, 0, long), (0.2, batch, 1, short),
                                   (0.3, end, 0, short)])
    for kind, logs in (("test", a), ("predict", {})):
        drive(lines, 1, 1, 2, [
            (0, f"on_{kind}_begin", None, {}), (0.1, f"on_{kind}_batch_end", 0, logs),
            (0.2, f"on_{kind}_batch_end", 1, logs), (0.3, f"on_{kind}_end", None, logs)])
    return {"progbar_driven.txt": text(lines)}
