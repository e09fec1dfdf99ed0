# SPDX-License-Identifier: MIT
"""Metrics over several batches, and what initializers draw from."""
import keras
import numpy as np
from keras import initializers, metrics

from goldenlib import Result, case, rng
from train_cases import one_hot

ROWS, BATCH = 40, 16  # batches of 16, 16, 8


def metric_case(name, make, y_true, y_pred, sample_weight):
    """`value`: the running value after each batch; `weighted`: the same with sample weights."""
    @case(f"metric_{name}")
    def run(mode):
        out = {}
        for key, weight in (("value", None), ("weighted", sample_weight)):
            m, values = make(), []
            for start in range(0, ROWS, BATCH):
                s = slice(start, start + BATCH)
                w = None if weight is None else mode.cast(weight[s])
                given = [y_pred] if y_true is None else [y_true, y_pred]
                arguments = [mode.cast(a[s]) for a in given]
                m.update_state(*arguments, sample_weight=w)
                values.append(float(m.result()))
            out[key] = np.array(values, mode.floatx)
        inputs = {"y_pred": y_pred, "sample_weight": sample_weight, "batch_size": np.int64(BATCH)}
        return Result(inputs if y_true is None else {"y_true": y_true, **inputs}, out)


def metric_cases():
    r = rng("metrics")
    w = r.uniform(0, 2, ROWS).astype("float32")
    w_steps = r.uniform(0, 2, (ROWS, 3)).astype("float32")
    real = tuple(r.uniform(-2, 2, (ROWS, 3)).astype("float32") for _ in range(2))
    column = real[0][:, :1].copy(), real[1][:, :1].copy()
    bits = (r.uniform(0, 1, (ROWS, 3)) > 0.5).astype("float32")
    p = r.uniform(0.02, 0.98, (ROWS, 3)).astype("float32")
    p[0] = 0.5  # the threshold itself does not count as one
    ids = r.randint(0, 4, ROWS).astype("int32")
    q = r.dirichlet(np.ones(4), ROWS).astype("float32")
    q[0] = 0.25  # a tie: argmax is the first
    ids_steps = r.randint(0, 4, (ROWS, 3)).astype("int32")
    q_steps = r.dirichlet(np.ones(4), (ROWS, 3)).astype("float32")
    same = tuple(r.randint(0, 3, (ROWS, 2)).astype("float32") for _ in range(2))

    metric_case("mean", metrics.Mean, None, real[0], w)
    metric_case("mse", metrics.MeanSquaredError, *real, w)
    metric_case("mse_column", metrics.MeanSquaredError, *column, w)
    metric_case("mae", metrics.MeanAbsoluteError, *real, w)
    metric_case("rmse", metrics.RootMeanSquaredError, *real, w)
    metric_case("accuracy", metrics.Accuracy, *same, w)
    metric_case("binary_accuracy", metrics.BinaryAccuracy, bits, p, w)
    metric_case("binary_accuracy_column", metrics.BinaryAccuracy, bits[:, :1].copy(),
                p[:, :1].copy(), w)
    metric_case("binary_accuracy_quarter", lambda: metrics.BinaryAccuracy(threshold=0.25), bits, p,
                w)
    metric_case("categorical_accuracy", metrics.CategoricalAccuracy, one_hot(ids, 4), q, w)
    metric_case("sparse_categorical_accuracy", metrics.SparseCategoricalAccuracy, ids, q, w)
    metric_case("sparse_categorical_accuracy_column", metrics.SparseCategoricalAccuracy,
                ids[:, None].copy(), q, w)
    metric_case("sparse_categorical_accuracy_steps", metrics.SparseCategoricalAccuracy, ids_steps,
                q_steps, w_steps)
    metric_case("binary_crossentropy", metrics.BinaryCrossentropy, bits, p, w)
    metric_case("categorical_crossentropy", metrics.CategoricalCrossentropy, one_hot(ids, 4), q, w)
    metric_case("sparse_categorical_crossentropy", metrics.SparseCategoricalCrossentropy, ids, q, w)


metric_cases()

SHAPES = ((10, 64), (784, 512), (7,), (3, 5, 8, 16))
KINDS = {"uniform": 0, "normal": 1, "truncated_normal": 2}
NAMES = ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
         "lecun_normal",
         "random_uniform", "random_normal", "truncated_normal")


@case("initializers", only="wide")
def initializer_parameters(mode):
    """What Keras asks of its random generator, `<initializer>_<shape>` = [kind, a, b]: kind 0
    uniform in [a, b), 1 normal with mean a and standard deviation b, 2 the same cut at two standard
    deviations (b is the one before the cut)."""
    from keras.src.initializers import random_initializers

    class Recorder:
        def __init__(self, real):
            self.real, self.seen = real, None

        def uniform(self, shape, minval=0.0, maxval=1.0, **k):
            self.seen = ("uniform", minval, maxval)
            return self.real.uniform(shape, minval=minval, maxval=maxval, **k)

        def normal(self, shape, mean=0.0, stddev=1.0, **k):
            self.seen = ("normal", mean, stddev)
            return self.real.normal(shape, mean=mean, stddev=stddev, **k)

        def truncated_normal(self, shape, mean=0.0, stddev=1.0, **k):
            self.seen = ("truncated_normal", mean, stddev)
            return self.real.truncated_normal(shape, mean=mean, stddev=stddev, **k)

        def __getattr__(self, name):
            return getattr(self.real, name)

    recorder, out = Recorder(random_initializers.random), {}
    random_initializers.random = recorder
    try:
        for name in NAMES:
            for shape in SHAPES:
                initializers.get(name)(shape)
                kind, a, b = recorder.seen
                label = "x".join(map(str, shape))
                out[f"{name}_{label}"] = np.array([KINDS[kind], a, b], "float64")
    finally:
        random_initializers.random = recorder.real
    return Result({}, out)
