# SPDX-License-Identifier: MIT
"""How a training case runs: given weights, given batches in order, the loss of every step, the
weights at the end.

Every case trains 20 steps on rows that are visited in order, again and again, in batches of
`batch_size` (the last batch of a pass may be short). `loss` is the total of which the gradient is
taken, on each batch, before its update; `pred` is the prediction for all rows with the initial
weights. Weights stand in the order of `model.get_weights()`."""
import keras
import numpy as np

from goldenlib import Result, rng

STEPS = 20


def draw_weights(name, model):
    """Kernels as Glorot uniform would, biases small but not zero: a zero bias hides mistakes.
    Float32, so exact in both widths."""
    r = rng(name, "weights")
    out = []
    for w in model.weights:
        shape = tuple(w.shape)
        if len(shape) >= 2:
            limit = np.sqrt(6.0 / (shape[-2] + shape[-1]))
            out.append(r.uniform(-limit, limit, shape).astype("float32"))
        else:
            out.append(r.uniform(-0.1, 0.1, shape).astype("float32"))
    return out


def regression(name, shape=(6,), targets=2, rows=48, scale=1.0):
    """Rows of smooth, noisy targets: (x, y) in float32."""
    r = rng(name, "data")
    x = r.uniform(-1, 1, (rows, *shape)).astype("float32")
    flat = x.reshape(rows, -1)
    mix = r.uniform(-1, 1, (flat.shape[1], targets))
    y = scale * (np.sin(2 * flat @ mix) + 0.3 * r.standard_normal((rows, targets)))
    return x, y.astype("float32")


def classes(name, count, shape=(6,), rows=48):
    """(x, class ids (rows,) int32), learnable but not separable."""
    r = rng(name, "data")
    x = r.uniform(-1, 1, (rows, *shape)).astype("float32")
    flat = x.reshape(rows, -1)
    mix = r.uniform(-1, 1, (flat.shape[1], count))
    score = 3 * flat @ mix + 0.5 * r.standard_normal((rows, count))
    return x, score.argmax(axis=1).astype("int32")


def one_hot(ids, count):
    return np.eye(count, dtype="float32")[ids]


def weight_array(class_weight):
    """A class weight dictionary as an array whose index is the class."""
    return np.array([class_weight.get(i, 1.0) for i in range(max(class_weight) + 1)], "float64")


def batches(rows, batch_size):
    """STEPS slices, in order, starting over at the end of the rows."""
    starts = list(range(0, rows, batch_size))
    chosen = [starts[i % len(starts)] for i in range(STEPS)]
    return [slice(start, min(rows, start + batch_size)) for start in chosen]


def train(mode, name, model, x, y, loss, optimizer, batch_size=16, sample_weight=None,
          class_weight=None, step=None, before_step=None, extra=None, with_pred=True):
    """Trains and returns the Result. `step(x, y)`: a hand-written step that replaces train_on_batch
    and returns the loss. `before_step(i)`: called before each step. `extra`: more inputs for the
    file; `with_pred`: keep the prediction before training."""
    initial = draw_weights(name, model)
    model.set_weights(initial)
    if step is None:
        model.compile(optimizer=optimizer, loss=loss, jit_compile=mode.jit)
        pred = model.predict_on_batch(mode.cast(x))
    else:
        pred = model(mode.cast(x)).numpy()
    losses = []
    for i, s in enumerate(batches(len(x), batch_size)):
        bx, by = mode.cast(x[s]), mode.cast(y[s])
        if before_step is not None:
            before_step(i)
        if step is not None:
            losses.append(float(step(bx, by)))
            continue
        bw = None if sample_weight is None else mode.cast(sample_weight[s])
        logs = model.train_on_batch(bx, by, sample_weight=bw, class_weight=class_weight,
                                    return_dict=True)
        losses.append(logs["loss"])
    inputs = {"x": x, "y": y, "batch_size": np.int64(batch_size), **(extra or {})}
    if sample_weight is not None:
        inputs["sample_weight"] = sample_weight
    if class_weight is not None:
        inputs["class_weight"] = weight_array(class_weight)
    inputs.update({f"w0_{i}": w for i, w in enumerate(initial)})
    final = model.get_weights()
    for w in [pred, *final]:
        if str(w.dtype) != mode.floatx:
            raise ValueError(f"{name}: an array is {w.dtype} in a {mode.floatx} run")
    outputs = {"pred": pred} if with_pred else {}
    outputs.update({"loss": np.array(losses, mode.floatx),
                    **{f"w_{i}": w for i, w in enumerate(final)}})
    return Result(inputs, outputs)
