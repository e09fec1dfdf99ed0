# SPDX-License-Identifier: MIT
"""Functions of tensors, in float64 alone: what Keras computes, edges included.

Element-wise files: inputs `x`, or `a` and `b`, shared by all ops of the file; the first `ordinary`
values are ordinary, the rest edges (zeros of both signs, large, tiny, infinite, NaN). `<op>_grad`
is the derivative there, that is the gradient of the sum of the output; ties and kinks show Keras's
choice. In the other files the output is weighted before the gradient is taken: with 1, 1.5, 2,
2.5... in the order of its elements. Truth values are written as int32 0 and 1."""
import keras
import numpy as np
from keras import ops

from goldenlib import Result, case, rng

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-30, -1e-30, 30.0, -30.0, 700.0, -700.0, 1e30, -1e30,
         np.inf, -np.inf, np.nan]

UNARY = {
    "abs": ops.absolute, "neg": ops.negative, "sign": ops.sign, "square": ops.square,
    "sqrt": ops.sqrt, "rsqrt": ops.rsqrt, "reciprocal": ops.reciprocal,
    "exp": ops.exp, "expm1": ops.expm1,
    "log": ops.log, "log1p": ops.log1p, "log2": ops.log2, "log10": ops.log10,
    "sin": ops.sin, "cos": ops.cos, "tan": ops.tan,
    "asin": ops.arcsin, "acos": ops.arccos, "atan": ops.arctan,
    "sinh": ops.sinh, "cosh": ops.cosh, "tanh": ops.tanh,
    "asinh": ops.arcsinh, "acosh": ops.arccosh, "atanh": ops.arctanh,
    "floor": ops.floor, "ceil": ops.ceil, "round": ops.round, "trunc": ops.trunc, "erf": ops.erf,
    "relu": ops.relu, "leaky_relu": ops.leaky_relu, "elu": ops.elu, "selu": ops.selu,
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
    "silu": ops.silu, "sigmoid": ops.sigmoid, "softplus": ops.softplus,
}
TESTS = {"isnan": ops.isnan, "isinf": ops.isinf, "isfinite": ops.isfinite}
BINARY = {
    "add": ops.add, "sub": ops.subtract, "mul": ops.multiply, "div": ops.divide, "pow": ops.power,
    "max": ops.maximum, "min": ops.minimum, "mod": ops.mod, "floor_div": ops.floor_divide,
    "atan2": ops.arctan2,
}
COMPARISONS = {"equal": ops.equal, "not_equal": ops.not_equal, "greater": ops.greater,
               "greater_equal": ops.greater_equal,
               "less": ops.less, "less_equal": ops.less_equal}


def gradient(function, inputs, ramp=True):
    """(output, gradients with respect to each input), as arrays."""
    import tensorflow as tf

    tensors = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        for t in tensors:
            tape.watch(t)
        out = function(*tensors)
        weights = (1 + 0.5 * np.arange(int(np.prod(out.shape)))).reshape(out.shape)
        total = tf.reduce_sum(out * weights) if ramp else out
    grads = tape.gradient(total, tensors, unconnected_gradients="zero")
    return out.numpy(), [tf.convert_to_tensor(g).numpy() for g in grads]


@case("ops_unary", only="wide")
def unary(mode):
    r = rng("ops_unary")
    ordinary = np.concatenate([r.uniform(-3, 3, 8), r.uniform(0, 1, 4), r.uniform(1, 20, 4),
                               [0.5, 1.5, 2.5, -0.5, -1.5]])
    x = np.concatenate([ordinary, EDGES])
    out = {"x": x, "ordinary": np.int64(len(ordinary))}
    for name, function in UNARY.items():
        value, (grad,) = gradient(function, [x], ramp=False)
        out.update({f"{name}_out": value, f"{name}_grad": grad})
    for name, function in TESTS.items():
        out[f"{name}_out"] = function(x).numpy().astype("int32")
    return Result({}, out)


@case("ops_binary", only="wide")
def binary(mode):
    r = rng("ops_binary")
    edges = [0.0, -0.0, 2.0, -2.0, 3.0, 0.5, 1e300, np.inf, -np.inf, np.nan]
    a = np.concatenate([r.uniform(-3, 3, 10), r.uniform(0.1, 3, 10), np.repeat(edges, len(edges))])
    b = np.concatenate([r.uniform(-3, 3, 10), r.uniform(0.1, 3, 10), np.tile(edges, len(edges))])
    out = {"a": a, "b": b, "ordinary": np.int64(20)}
    for name, function in BINARY.items():
        value, grads = gradient(function, [a, b], ramp=False)
        out.update({f"{name}_out": value, f"{name}_grad_a": grads[0], f"{name}_grad_b": grads[1]})
    for name, function in COMPARISONS.items():
        out[f"{name}_out"] = function(a, b).numpy().astype("int32")
    p, q = np.array([False, False, True, True]), np.array([False, True, False, True])
    # not p
    out.update({"p": p.astype("int32"), "q": q.astype("int32"),
                "logical_not_out": ops.logical_not(p).numpy().astype("int32")})
    for name, function in (("logical_and", ops.logical_and), ("logical_or", ops.logical_or)):
        out[f"{name}_out"] = function(p, q).numpy().astype("int32")
    return Result({}, out)


@case("ops_broadcast", only="wide")
def broadcast(mode):
    """Pairs of shapes that stretch; the gradients are summed back. `<op>_<k>_a`, `_b`, `_out`,
    `_grad_a`, `_grad_b`."""
    r, out = rng("ops_broadcast"), {}
    shapes = (((3, 4), (4,)), ((3, 1), (1, 4)), ((2, 3, 4), (3, 1)), ((), (2, 3)), ((1,), (3,)),
              ((2, 1, 4), (3, 4)))
    for name in ("add", "mul", "div", "max"):
        for k, (s, t) in enumerate(shapes):
            a, b = r.uniform(0.5, 3, s), r.uniform(0.5, 3, t)
            value, grads = gradient(BINARY[name], [a, b])
            out.update({f"{name}_{k}_a": a, f"{name}_{k}_b": b, f"{name}_{k}_out": value,
                        f"{name}_{k}_grad_a": grads[0], f"{name}_{k}_grad_b": grads[1]})
    c, a, b = (r.uniform(0, 1, (3, 1)) > 0.5), r.uniform(-1, 1, (3, 4)), r.uniform(-1, 1, (4,))
    value, grads = gradient(lambda u, v: ops.where(c, u, v), [a, b])
    out.update({"where_condition": c.astype("int32"), "where_a": a, "where_b": b,
                "where_out": value, "where_grad_a": grads[0], "where_grad_b": grads[1]})
    x = np.array([-2.0, -1.0, -0.3, 0.4, 1.0, 2.0, np.nan, np.inf])
    value, (grad,) = gradient(lambda u: ops.clip(u, -1.0, 1.0), [x], ramp=False)
    out.update({"clip_in": x, "clip_out": value, "clip_grad": grad})  # between -1 and 1
    return Result({}, out)


REDUCE = {"sum": ops.sum, "mean": ops.mean, "max": ops.max, "min": ops.min, "var": ops.var,
          "std": ops.std, "prod": ops.prod, "logsumexp": ops.logsumexp}
AXES = {"all": None, "0": 0, "1": 1, "2": 2, "last": -1, "01": (0, 1), "02": (0, 2), "12": (1, 2),
        "012": (0, 1, 2)}


@case("ops_reduce", only="wide")
def reduce(mode):
    """Of `x` (2, 3, 4), and of `ties` (3, 4), which has equal extremes: `<op>_<axes>_out`, `_grad`;
    `<op>_02_keep` with keepdims."""
    r = rng("ops_reduce")
    x, ties = r.uniform(-2, 2, (2, 3, 4)), r.randint(0, 3, (3, 4)).astype("float64")
    out = {"x": x, "ties": ties}
    for name, function in REDUCE.items():
        for label, axis in AXES.items():
            value, (grad,) = gradient(lambda u: function(u, axis=axis), [x])
            out.update({f"{name}_{label}_out": value, f"{name}_{label}_grad": grad})
        out[f"{name}_02_keep"] = function(x, axis=(0, 2), keepdims=True).numpy()
    for name in ("max", "min"):
        for label, axis in (("all", None), ("0", 0), ("1", 1)):
            value, (grad,) = gradient(lambda u: REDUCE[name](u, axis=axis), [ties])
            out.update({f"{name}_ties_{label}_out": value, f"{name}_ties_{label}_grad": grad})
    for name, function in (("argmax", ops.argmax), ("argmin", ops.argmin)):
        for label, axis in (("all", None), ("0", 0), ("1", 1), ("2", 2), ("last", -1)):
            out[f"{name}_{label}_out"] = function(x, axis=axis).numpy().astype("int64")
        for label, axis in (("all", None), ("0", 0), ("1", 1)):
            out[f"{name}_ties_{label}_out"] = function(ties, axis=axis).numpy().astype("int64")
    bits = r.randint(0, 2, (3, 4)).astype(bool)
    out["bits"] = bits.astype("int32")
    for name, function in (("any", ops.any), ("all", ops.all)):
        for label, axis in (("all", None), ("0", 0), ("1", 1)):
            out[f"{name}_{label}_out"] = function(bits, axis=axis).numpy().astype("int32")
    with_nan = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    out["with_nan"] = with_nan
    for name in ("sum", "mean", "max", "min"):
        out[f"{name}_nan_1_out"] = REDUCE[name](with_nan, axis=1).numpy()
    return Result({}, out)


@case("ops_softmax", only="wide")
def softmax(mode):
    """`<op>_<axis>_out`, `_grad` of `x` (3, 4); `<op>_large_out` of `large`, which overflows where
    the maximum is not taken off."""
    r = rng("ops_softmax")
    x = r.uniform(-3, 3, (3, 4))
    large = np.array([[1000.0, 0.0, -1000.0], [-1e30, 1e30, 0.0], [-np.inf, 0.0, 1.0],
                      [5.0, 5.0, 5.0]])
    out = {"x": x, "large": large}
    for name, function in (("softmax", ops.softmax), ("log_softmax", ops.log_softmax)):
        for label, axis in (("0", 0), ("last", -1)):
            value, (grad,) = gradient(lambda u: function(u, axis=axis), [x])
            out.update({f"{name}_{label}_out": value, f"{name}_{label}_grad": grad})
        out[f"{name}_large_out"] = function(large, axis=-1).numpy()
    return Result({}, out)


@case("ops_matmul", only="wide")
def matmul(mode):
    """`<k>_a`, `<k>_b`, `<k>_out`, `<k>_grad_a`, `<k>_grad_b`; batches stretch, vectors have rank
    1."""
    r, out = rng("ops_matmul"), {}
    pairs = (((3, 4), (4, 5)), ((1, 4), (4, 1)), ((3, 1), (1, 5)), ((2, 3, 4), (2, 4, 5)),
             ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (3, 4, 2)),
             ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((2, 3, 4), (4,)))
    for k, (s, t) in enumerate(pairs):
        a, b = r.uniform(-1, 1, s), r.uniform(-1, 1, t)
        value, grads = gradient(ops.matmul, [a, b])
        out.update({f"{k}_a": a, f"{k}_b": b, f"{k}_out": value, f"{k}_grad_a": grads[0],
                    f"{k}_grad_b": grads[1]})
    return Result({}, out)


@case("ops_shape", only="wide")
def shape(mode):
    """Movements of `x` (2, 3, 4): `<op>_out`, `<op>_grad`; what each does is its line below."""
    r = rng("ops_shape")
    x, y = r.uniform(-1, 1, (2, 3, 4)), r.uniform(-1, 1, (2, 2, 4))
    moves = {
        "reshape": lambda u: ops.reshape(u, (4, -1)),
        "transpose": ops.transpose,
        "transpose_201": lambda u: ops.transpose(u, (2, 0, 1)),
        "expand_dims_1": lambda u: ops.expand_dims(u, 1),
        "expand_dims_last": lambda u: ops.expand_dims(u, -1),
        "broadcast_to": lambda u: ops.broadcast_to(ops.expand_dims(u, 0), (5, 2, 3, 4)),
        "slice": lambda u: ops.slice(u, (0, 1, 2), (2, 2, 2)),
        "split_0": lambda u: ops.split(u, 2, axis=2)[0],
        "split_1": lambda u: ops.split(u, 2, axis=2)[1],
        "split_at": lambda u: ops.split(u, [1], axis=1)[1],
        "take_axis_1": lambda u: ops.take(u, np.array([2, 0, 2, -1]), axis=1),
        "take_axis_0": lambda u: ops.take(u, np.array([[1, 0], [1, 1]]), axis=0),
        "pad": lambda u: ops.pad(u, ((0, 0), (1, 2), (0, 1))),
        "pad_value": lambda u: ops.pad(u, ((1, 0), (0, 0), (2, 0)), constant_values=7.5),
        "flip_1": lambda u: ops.flip(u, axis=1),
        "repeat_axis_1": lambda u: ops.repeat(u, 2, axis=1),
        "tile": lambda u: ops.tile(u, (1, 2, 1)),
        "cumsum_axis_1": lambda u: ops.cumsum(u, axis=1),
    }
    out = {"x": x, "y": y}
    for name, function in moves.items():
        value, (grad,) = gradient(function, [x])
        out.update({f"{name}_out": value, f"{name}_grad": grad})
    value, grads = gradient(lambda u, v: ops.concatenate([u, v], axis=1), [x, y])
    out.update({"concatenate_out": value, "concatenate_grad_x": grads[0],
                "concatenate_grad_y": grads[1]})
    value, grads = gradient(lambda u, v: ops.stack([u, v], axis=1), [x[:, :2], y])
    # of x[:, :2] and y
    out.update({"stack_out": value, "stack_grad_x": grads[0], "stack_grad_y": grads[1]})
    ids = np.array([2, 0, 3, -1, 4])
    # ids outside are rows of zeros
    out.update({"one_hot_in": ids.astype("int64"), "one_hot_out": ops.one_hot(ids, 4).numpy()})
    return Result({}, out)


@case("ops_cast", only="wide")
def cast(mode):
    """`<from>_in` and `<from>_<to>_out`; truth values and uint8 are written as int32."""
    reals = np.array([0.0, -0.0, 0.4, 0.5, 1.5, 2.5, -0.5, -1.7, 200.9, 1e6, 1e-40])
    whole = np.array([0, 1, -1, 7, 255, 256, 100000], "int32")
    out = {"float64_in": reals, "int32_in": whole}
    for label, source in (("float64", reals), ("int32", whole)):
        for to in ("float32", "int32", "int64", "bool"):
            value = ops.cast(ops.convert_to_tensor(source, dtype=label), to).numpy()
            out[f"{label}_{to}_out"] = value.astype("int32") if to == "bool" else value
    return Result({}, out)
