# SPDX-License-Identifier: MIT
"""Real Keras makes models from what kt_model_json wrote.

usage: check_json.py TEST_JSON

Needs the package `keras` with a back-end (Keras 3.15 or later); 77 if it is not there. TEST_JSON, the C test program, writes
its models into a folder; each is loaded by keras.models.model_from_json and can be called. What was read is said again: its
own to_json() is the same tree. The form for TensorBoard means the same to Keras: it is loaded and called, too."""
import json
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
try:
    import keras
    import numpy as np
except ImportError as e:
    print("check_json: skipped,", e)
    sys.exit(77)

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import json_cases  # noqa: E402  registers the classes of the user's own


def same(got, want, where):
    """Dictionaries need not be in one order, numbers need not be of one type."""
    if isinstance(want, dict):
        assert set(got) == set(want), (where, set(got) ^ set(want))
        for key in want:
            same(got[key], want[key], f"{where}/{key}")
    elif isinstance(want, list):
        assert len(got) == len(want), (where, got, want)
        for i, (g, w) in enumerate(zip(got, want)):
            same(g, w, f"{where}/{i}")
    else:
        assert got == want, (where, got, want)


def check(name, text):
    model = keras.models.model_from_json(text, custom_objects={"loss_fn": json_cases.loss_fn, "my_metric": json_cases.my_metric})
    if name.endswith(".json"):
        same(json.loads(model.to_json()), json.loads(text), name)
    if model.built:
        shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
        data = [np.full((2, *shape[1:]), 0.25, "float32") for shape in shapes]
        out = model(data if len(data) > 1 else data[0])
        assert out.shape[0] == 2, (name, out.shape)


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder], check=True, timeout=120)
        names = sorted(os.listdir(folder))
        assert len(names) == 2 * len(json_cases.MODELS), names
        for name in names:
            keras.backend.clear_session()
            with open(os.path.join(folder, name)) as file:
                check(name, file.read())
    print(f"check_json: Keras {keras.__version__} loaded {len(names) // 2} models in two forms")


if __name__ == "__main__":
    main()
