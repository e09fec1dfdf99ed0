# SPDX-License-Identifier: MIT
"""Makes Keras on TensorFlow compute in float64 throughout.

With floatx float64 Keras 3 on TensorFlow still rounds its Python constants to float32 on the way:
tf.cast(0.999, "float64") first makes a float32 tensor. The betas in Adam's bias correction,
momentum, weight decay, L1/L2 factors, schedule constants and the square root of two in gelu are all
off by 1e-8 of their value, and Adam's first steps by 5e-6. A library that takes double settings and
computes in double cannot follow that, and should not. So the `wide` runs keep Python's doubles;
nothing else is changed. leaky_relu alone is replaced, because the slope of TensorFlow's kernel is a
float32 attribute."""
import numpy as np


def keep_doubles():
    import tensorflow as tf
    from keras.src.backend.tensorflow import nn
    from tensorflow.python.ops import math_ops

    plain_cast, plain_convert = math_ops.cast, tf.convert_to_tensor

    def cast(x, dtype, name=None):
        return plain_cast(np.float64(x) if type(x) is float else x, dtype, name)

    def convert_to_tensor(value, dtype=None, *args, **kwargs):
        if type(value) is float and dtype is None:
            value = np.float64(value)
        return plain_convert(value, dtype, *args, **kwargs)

    def leaky_relu(x, negative_slope=0.2):
        return tf.where(x > 0, x, negative_slope * x)

    math_ops.cast = tf.cast = cast
    tf.convert_to_tensor = convert_to_tensor
    nn.leaky_relu = leaky_relu
