# SPDX-License-Identifier: MIT
"""What all golden cases share: how a case is declared, drawn, run four times and merged into one
file.

A case is a function of a Mode that returns a Result: `inputs` (the same in every mode, float32 or
integer) and `outputs` (what Keras computed). The driver runs every case in four processes, one per
mode: float32, float32 compiled by XLA, float64, and "wide", float64 with all constants in double
(see widen.py). For an output `loss` the file then holds `loss32` (float32), `loss64` (wide) and
`tol_loss`; outputs named `w_0`, `w_1`... become `w32_0`, `w64_0`... and share one `tol_w`. The
tolerance is for float32: 1e-5, or ten times Keras's own spread between the first three runs where
that is more.

Random numbers come from NumPy's legacy generator, whose streams are frozen, never from Keras: a
newer Keras draws other weights. This module must not import Keras: the driver merges files without
paying for it."""
import math
import re
from dataclasses import dataclass, field

import numpy as np

BASE_TOLERANCE = 1e-5
COARSE = 5e-4  # a larger tolerance says that the case itself is unstable: choose other data
CASES = {}
SINGLE_CASES = {}
TEXT_CASES = {}


@dataclass(frozen=True)
class Mode:
    name: str
    floatx: str    # what keras.config.set_floatx received
    jit: bool      # through XLA
    wide: bool     # Python constants stay double

    def cast(self, a):
        """Floating arrays to the mode's type; integers and None as they are."""
        if a is None or not np.issubdtype(np.asarray(a).dtype, np.floating):
            return a
        return np.asarray(a, self.floatx)


MODES = {m.name: m for m in (
    Mode("f32", "float32", jit=False, wide=False),
    Mode("xla", "float32", jit=True, wide=False),
    Mode("f64", "float64", jit=False, wide=False),
    Mode("wide", "float64", jit=False, wide=True),
)}


@dataclass
class Result:
    inputs: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    coarse: bool = False   # a tolerance above COARSE is meant


def case(name, only=None):
    """Declares the .npz case `name`. With `only` it runs in that mode alone, and its arrays keep
    their names."""
    def add(function):
        if name in CASES or name in SINGLE_CASES:
            raise ValueError(f"two cases are named {name!r}")
        if only:
            SINGLE_CASES[name] = (only, function)
        else:
            CASES[name] = function
        return function
    return add


def text_case(name):
    """Declares a case that returns {file name: text}; it runs once, in float32."""
    def add(function):
        TEXT_CASES[name] = function
        return function
    return add


def rng(*words):
    """A generator of its own for each name, so that adding a case moves no other case."""
    seed = 2166136261
    for byte in "/".join(str(w) for w in words).encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    return np.random.RandomState(seed)


def distance(got, want):
    """Largest |got - want| / (|want| + s), s the array's own size but at most 0.1. NaN and
    infinities must coincide."""
    got, want = np.asarray(got, "float64"), np.asarray(want, "float64")
    if got.shape != want.shape:
        return math.inf
    odd = ~np.isfinite(want)
    same_odd = np.array_equal(got[odd], want[odd], equal_nan=True)
    if not same_odd or not np.isfinite(got[~odd]).all():
        return math.inf
    got, want = got[~odd], want[~odd]
    if want.size == 0:
        return 0.0
    s = min(0.1, max(np.abs(want).max(), 1e-3))
    return float((np.abs(got - want) / (np.abs(want) + s)).max())


def tolerance(f32, xla, f64):
    spread = max(distance(f32, f64), distance(xla, f64), distance(xla, f32))
    if not math.isfinite(spread):
        raise ValueError("Keras's own runs differ in shape, NaN or infinity")
    return max(BASE_TOLERANCE, 10 * spread)


def split_name(name):
    """('w', '_3') of 'w_3'; ('loss', '') of 'loss'."""
    m = re.fullmatch(r"(.*?)(_\d+)?", name)
    return m.group(1), m.group(2) or ""


def merge(f32, xla, f64, wide):
    """One {name: array} from the four Results of a case."""
    for other in (xla, f64, wide):
        for k, v in f32.inputs.items():
            if not np.array_equal(v, other.inputs[k], equal_nan=True):
                raise ValueError(f"input {k!r} differs between the runs")
    out, tol = dict(f32.inputs), {}
    for k, v in f32.outputs.items():
        stem, index = split_name(k)
        out[f"{stem}32{index}"] = np.asarray(v)
        out[f"{stem}64{index}"] = np.asarray(wide.outputs[k])
        allowed = tolerance(v, xla.outputs[k], f64.outputs[k])
        tol[f"tol_{stem}"] = max(tol.get(f"tol_{stem}", 0.0), allowed)
    for k, v in tol.items():
        if v > COARSE and not f32.coarse:
            raise ValueError(f"{k} would be {v:.1e}; such a case tests nothing")
    out.update({k: np.float64(v) for k, v in tol.items()})
    return readable(out)


def readable(arrays):
    """The arrays as the C tests read them: little-endian, C order, four types."""
    out = {}
    for k, v in arrays.items():
        v = np.asarray(v)
        if v.dtype not in (np.float32, np.float64, np.int32, np.int64):
            raise ValueError(f"array {k!r} is {v.dtype}, which the C tests do not read")
        out[k] = v if v.ndim == 0 else np.ascontiguousarray(v)
    return out
