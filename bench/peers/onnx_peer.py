# SPDX-License-Identifier: MIT
"""ONNX Runtime, which only predicts: tiny, one row, called plainly and with bound buffers."""
import numpy as np

import common

onnx = ort = None  # imported by setup


def setup(threads):
    global onnx, ort
    import onnx as onnx_module
    import onnxruntime
    onnx, ort = onnx_module, onnxruntime
    ort.threads = threads
    return ort.__version__


def session():
    make, of_array = onnx.helper, onnx.numpy_helper.from_array
    random = np.random.default_rng(0)
    shapes = {"w1": (10, 64), "b1": (64,), "w2": (64, 1), "b2": (1,)}
    weights = [of_array(random.standard_normal(s, dtype=np.float32), n) for n, s in shapes.items()]
    nodes = [make.make_node("Gemm", ["x", "w1", "b1"], ["h"]), make.make_node("Relu", ["h"], ["r"]),
             make.make_node("Gemm", ["r", "w2", "b2"], ["y"])]
    value, kind = make.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = make.make_graph(nodes, "tiny", [value("x", kind, [1, 10])], [value("y", kind, [1, 1])],
                            weights)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = ort.threads
    return ort.InferenceSession(model.SerializeToString(), options,
                                providers=["CPUExecutionProvider"])


def predict(bound):
    row = np.ones((1, 10), np.float32)
    run = session()
    if not bound:
        feed = {"x": row}
        return common.repeat(lambda: run.run(None, feed))
    binding, of_numpy = run.io_binding(), ort.OrtValue.ortvalue_from_numpy
    binding.bind_ortvalue_input("x", of_numpy(row))
    binding.bind_ortvalue_output("y", of_numpy(np.zeros((1, 1), np.float32)))
    return common.repeat(lambda: run.run_with_iobinding(binding))


def cases():
    return {("tiny_predict", "run"): lambda: predict(False),
            ("tiny_predict", "bound buffers"): lambda: predict(True)}


def first_step():
    session()


if __name__ == "__main__":
    common.main("onnxruntime", setup, cases, first_step)
