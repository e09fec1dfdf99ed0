#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs real Keras and writes the golden files of the C tests: `data/*.npz` (uncompressed, one per
case) and `data/*.txt|csv`.

    python3 make_goldens.py [--out DIR] [--only NAME[,NAME...]] [--list]

Each case runs in four worker processes, because the float type is a setting of a whole process:
float32, float32 through XLA, float64, and float64 with double constants. The parent merges what
they wrote (see goldenlib.py for names and tolerances) and never imports Keras itself. README.md
lists every case with its model; the versions are there, too. The same versions give the same files,
byte for byte."""
import argparse
import fnmatch
import os
import pickle
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import goldenlib

HERE = Path(__file__).resolve().parent
MODULES = ("mission_cases", "layer_cases", "loss_cases", "optimizer_cases", "value_cases",
           "fit_cases", "ops_cases", "text_cases",
           "board_cases", "json_cases")


def work(mode_name, wanted, out):
    """A worker: runs the cases and leaves their Results in one file."""
    mode = goldenlib.MODES[mode_name]
    import keras
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.config.set_floatx(mode.floatx)
    if mode.wide:
        import widen
        widen.keep_doubles()
    for module in MODULES:
        __import__(module)
    singles = {name: function for name, (only, function) in goldenlib.SINGLE_CASES.items()
               if only == mode_name}
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    results = {"cases": {}, "singles": {}, "texts": {}, "versions": versions}
    texts = goldenlib.TEXT_CASES if mode_name == "f32" else {}
    for kind, declared in (("cases", goldenlib.CASES), ("singles", singles), ("texts", texts)):
        for name, function in declared.items():
            if not wanted(name):
                continue
            keras.backend.clear_session()
            keras.utils.set_random_seed(1)
            try:
                results[kind][name] = function() if kind == "texts" else function(mode)
            except Exception as e:
                raise RuntimeError(f"case {name} in {mode_name}") from e
    with open(out, "wb") as f:
        pickle.dump(results, f)


def run_worker(mode_name, only, out):
    env = dict(os.environ, KERAS_BACKEND="tensorflow", TF_ENABLE_ONEDNN_OPTS="0",
               TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="",
               PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, str(HERE / "make_goldens.py"), "--worker", mode_name, "--out",
               str(out), "--only", only]
    subprocess.run(command, env=env, check=True, cwd=out.parent, stdout=subprocess.DEVNULL)
    with open(out, "rb") as f:
        return pickle.load(f)


def write_index(folder):
    """INDEX.txt: a line per file: its inputs with type and shape, then what Keras computed, which
    stands there in both widths."""
    lines = []
    for path in sorted(folder.glob("*.npz")):
        inputs, computed = [], []
        with np.load(path) as z:
            narrow = [k for k in z.files if re.fullmatch(r".*32(_\d+)?", k)]
            both = {k for k in narrow if re.sub(r"32(_\d+)?$", r"64\1", k) in z.files}
            for k in z.files:
                shape = ",".join(map(str, z[k].shape))
                if k in both:
                    computed.append(re.sub(r"32(_\d+)?$", r"*\1", k) + f"[{shape}]")
                elif not k.startswith("tol_") and not re.sub(r"64(_\d+)?$", r"32\1", k) in both:
                    inputs.append(f"{k} {z[k].dtype.str[1:]}[{shape}]")
        lines.append(" ".join([f"{path.stem}:", *inputs, *(["|", *computed] if computed else [])]))
    (folder / "INDEX.txt").write_text("\n".join(lines) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", default=str(HERE / "data"), type=Path)
    p.add_argument("--only", default="*", help="names or patterns, comma-separated")
    p.add_argument("--worker", choices=list(goldenlib.MODES), help=argparse.SUPPRESS)
    a = p.parse_args()
    patterns = a.only.split(",")

    def wanted(name):
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

    if a.worker:
        return work(a.worker, wanted, a.out)
    with tempfile.TemporaryDirectory() as tmp:
        runs = {m: run_worker(m, a.only, Path(tmp) / m) for m in goldenlib.MODES}
    a.out.mkdir(parents=True, exist_ok=True)
    failed, written = [], {"INDEX.txt", ".gitattributes"}

    def save(name, arrays):
        written.add(f"{name}.npz")
        np.savez(a.out / f"{name}.npz", **arrays)

    for name in runs["f32"]["cases"]:
        try:
            arrays = goldenlib.merge(*(runs[m]["cases"][name] for m in goldenlib.MODES))
        except ValueError as e:
            failed.append(f"{name}: {e}")
            continue
        save(name, arrays)
        print(f"{name:40} " + "  ".join(f"{k} {v:.1e}" for k, v in arrays.items()
                                        if k.startswith("tol_")))
    for run in runs.values():
        for name, r in run["singles"].items():
            save(name, goldenlib.readable({**r.inputs, **r.outputs}))
            print(name)
    for texts in runs["f32"]["texts"].values():
        for name, text in texts.items():
            written.add(name)
            (a.out / name).write_bytes(text.encode())
            print(name)
    write_index(a.out)
    print(", ".join(f"{k} {v}" for k, v in runs["f32"]["versions"].items()),
          f"numpy {np.__version__}")
    if a.only == "*":
        failed += [f"{f.name}: no case writes it any more" for f in a.out.iterdir()
                   if f.name not in written]
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    sys.exit(main())
