/* SPDX-License-Identifier: MIT */
/* keratin/ops.h: the back-end functions: tensors in, tensors out. They know nothing of layers or
 * training.
 *
 * NumPy's broadcasting; dtypes promote as bool < uint8 < int32 < int64 < float32 < float64;
 * functions that need floats turn integers into the context's float type. Axes may be negative. A
 * NULL operand gives NULL. Shapes and dtypes are checked at the call. Gradients exist for every op
 * with a float result unless the line says otherwise. Names and formulas are Keras's (keras.ops)
 * unless said.
 */
#ifndef KERATIN_OPS_H
#define KERATIN_OPS_H

#include <keratin/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element by element, one operand (src/ops/unary.def) ---- */
KT_API kt_tensor *kt_neg(kt_tensor *x);         /* -x */
KT_API kt_tensor *kt_abs(kt_tensor *x);         /* |x|; gradient 0 at 0 */
KT_API kt_tensor *kt_sign(kt_tensor *x);        /* -1, 0, 1; no gradient */
KT_API kt_tensor *kt_square(kt_tensor *x);      /* x * x */
KT_API kt_tensor *kt_sqrt(kt_tensor *x);        /* square root; NaN below 0 */
KT_API kt_tensor *kt_rsqrt(kt_tensor *x);       /* 1 / sqrt(x) */
KT_API kt_tensor *kt_reciprocal(kt_tensor *x);  /* 1 / x */
KT_API kt_tensor *kt_exp(kt_tensor *x);         /* e^x */
KT_API kt_tensor *kt_expm1(kt_tensor *x);       /* e^x - 1, exact near 0 */
KT_API kt_tensor *kt_log(kt_tensor *x);         /* natural logarithm; -inf at 0, NaN below */
KT_API kt_tensor *kt_log1p(kt_tensor *x);       /* log(1 + x), exact near 0 */
KT_API kt_tensor *kt_log2(kt_tensor *x);        /* logarithm to base 2 */
KT_API kt_tensor *kt_log10(kt_tensor *x);       /* logarithm to base 10 */
KT_API kt_tensor *kt_sin(kt_tensor *x);         /* of radians */
KT_API kt_tensor *kt_cos(kt_tensor *x);         /* of radians */
KT_API kt_tensor *kt_tan(kt_tensor *x);         /* of radians */
KT_API kt_tensor *kt_arcsin(kt_tensor *x);      /* radians, -pi/2 to pi/2; NaN outside -1 to 1 */
KT_API kt_tensor *kt_arccos(kt_tensor *x);      /* radians, 0 to pi; NaN outside -1 to 1 */
KT_API kt_tensor *kt_arctan(kt_tensor *x);      /* radians, -pi/2 to pi/2 */
KT_API kt_tensor *kt_sinh(kt_tensor *x);        /* (e^x - e^-x) / 2 */
KT_API kt_tensor *kt_cosh(kt_tensor *x);        /* (e^x + e^-x) / 2 */
KT_API kt_tensor *kt_tanh(kt_tensor *x);        /* sinh / cosh */
KT_API kt_tensor *kt_arcsinh(kt_tensor *x);     /* inverse of sinh */
KT_API kt_tensor *kt_arccosh(kt_tensor *x);     /* inverse of cosh; NaN below 1 */
KT_API kt_tensor *kt_arctanh(kt_tensor *x);     /* inverse of tanh; NaN outside -1 to 1 */
KT_API kt_tensor *kt_erf(kt_tensor *x);         /* the error function */
KT_API kt_tensor *kt_floor(kt_tensor *x);       /* down; no gradient, as the next three */
KT_API kt_tensor *kt_ceil(kt_tensor *x);        /* up */
KT_API kt_tensor *kt_round(kt_tensor *x);       /* half to even */
KT_API kt_tensor *kt_trunc(kt_tensor *x);       /* towards zero */
KT_API kt_tensor *kt_isnan(kt_tensor *x);       /* bool */
KT_API kt_tensor *kt_isfinite(kt_tensor *x);    /* bool */
KT_API kt_tensor *kt_logical_not(kt_tensor *x); /* bool */

/* ---- activations, formulas of Keras (src/ops/unary.def and activations.c) ---- */
KT_API kt_tensor *kt_relu(kt_tensor *x);     /* max(x, 0); gradient 0 at 0; NaN stays NaN */
KT_API kt_tensor *kt_sigmoid(kt_tensor *x);  /* 1 / (1 + e^-x), safe for any x */
KT_API kt_tensor *kt_softplus(kt_tensor *x); /* log(1 + e^x), safe for any x */
KT_API kt_tensor *kt_silu(kt_tensor *x);     /* x * sigmoid(x) */
KT_API kt_tensor *kt_selu(kt_tensor *x);     /* 1.0507010 * elu(x, 1.6732632) */
/* x * Phi(x); approximate: the tanh form. */
KT_API kt_tensor *kt_gelu(kt_tensor *x, bool approximate);
/* x > 0: x, else slope * x. Keras's default slope is 0.2. */
KT_API kt_tensor *kt_leaky_relu(kt_tensor *x, double slope);
KT_API kt_tensor *kt_elu(kt_tensor *x, double alpha); /* x > 0: x, else alpha * (e^x - 1) */
KT_API kt_tensor *kt_softmax(kt_tensor *x, int axis); /* e^x / sum of e^x over the axis */
/* Its logarithm, exact where softmax is 0. */
KT_API kt_tensor *kt_log_softmax(kt_tensor *x, int axis);

/* ---- element by element, two operands, broadcasting (src/ops/binary.def) ---- */
/* a + b; two bools give their number, an int32. */
KT_API kt_tensor *kt_add(kt_tensor *a, kt_tensor *b);
KT_API kt_tensor *kt_sub(kt_tensor *a, kt_tensor *b); /* a - b */
KT_API kt_tensor *kt_mul(kt_tensor *a, kt_tensor *b); /* a * b; integers wrap around */
KT_API kt_tensor *kt_div(kt_tensor *a, kt_tensor *b); /* true division: integers become floats */
KT_API kt_tensor *kt_divide_no_nan(kt_tensor *a, kt_tensor *b); /* 0 where b is 0 */
/* No gradient; integer division by 0 gives 0. */
KT_API kt_tensor *kt_floor_divide(kt_tensor *a, kt_tensor *b);
/* Sign of b, as Python; integer modulo 0 gives 0. */
KT_API kt_tensor *kt_mod(kt_tensor *a, kt_tensor *b);
KT_API kt_tensor *kt_pow(kt_tensor *a, kt_tensor *b); /* a^b; integers become floats */
/* NaN wins; equal: half of the gradient to each (as JAX and PyTorch; TensorFlow gives all to a). */
KT_API kt_tensor *kt_maximum(kt_tensor *a, kt_tensor *b);
KT_API kt_tensor *kt_minimum(kt_tensor *a, kt_tensor *b); /* likewise */
KT_API kt_tensor *kt_arctan2(kt_tensor *a, kt_tensor *b); /* angle of the point (b, a), -pi to pi */
KT_API kt_tensor *kt_equal(kt_tensor *a, kt_tensor *b);   /* bool, as the next seven */
KT_API kt_tensor *kt_not_equal(kt_tensor *a, kt_tensor *b);     /* true for NaN */
KT_API kt_tensor *kt_less(kt_tensor *a, kt_tensor *b);          /* a < b */
KT_API kt_tensor *kt_less_equal(kt_tensor *a, kt_tensor *b);    /* a <= b */
KT_API kt_tensor *kt_greater(kt_tensor *a, kt_tensor *b);       /* a > b */
KT_API kt_tensor *kt_greater_equal(kt_tensor *a, kt_tensor *b); /* a >= b */
KT_API kt_tensor *kt_logical_and(kt_tensor *a, kt_tensor *b);   /* of a != 0 and b != 0 */
KT_API kt_tensor *kt_logical_or(kt_tensor *a, kt_tensor *b);    /* of a != 0 and b != 0 */

/* ---- others, element by element ---- */
/* condition ? a : b, of three that broadcast. */
KT_API kt_tensor *kt_where(kt_tensor *condition, kt_tensor *a, kt_tensor *b);
/* x, at least min and at most max; NaN stays. Gradient 1 inside and at the bounds, else 0. */
KT_API kt_tensor *kt_clip(kt_tensor *x, double min, double max);
/* To bool: x != 0; float to int: towards zero. */
KT_API kt_tensor *kt_cast(kt_tensor *x, kt_dtype dtype);
KT_API kt_tensor *kt_stop_gradient(kt_tensor *x); /* x, and no gradient flows back */

/* ---- over axes: `axes` lists them, KT_ALL_AXES is all; keepdims leaves them with size 1 ---- */
typedef struct kt_axes {
    int count; /* 0: all axes */
    int at[KT_MAX_RANK];
} kt_axes;
#ifndef __cplusplus
#define KT_AXES(...) \
    ((kt_axes){ (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)), { __VA_ARGS__ } })
#define KT_ALL_AXES ((kt_axes){ 0, { 0 } })
#endif
KT_API kt_tensor *kt_sum(kt_tensor *x);  /* over all axes: rank 0 */
KT_API kt_tensor *kt_mean(kt_tensor *x); /* integers become floats */
KT_API kt_tensor *kt_max(kt_tensor *x);  /* equal maxima share the gradient */
KT_API kt_tensor *kt_min(kt_tensor *x);  /* likewise; of nothing: infinity */
KT_API kt_tensor *kt_var(kt_tensor *x);  /* population variance (ddof 0) */
/* The same over some axes: kt_sum_axes(x, KT_AXES(0, -1), false). */
KT_API kt_tensor *kt_sum_axes(kt_tensor *x, kt_axes axes, bool keepdims);
KT_API kt_tensor *kt_mean_axes(kt_tensor *x, kt_axes axes, bool keepdims);
KT_API kt_tensor *kt_max_axes(kt_tensor *x, kt_axes axes, bool keepdims);
KT_API kt_tensor *kt_min_axes(kt_tensor *x, kt_axes axes, bool keepdims);
KT_API kt_tensor *kt_var_axes(kt_tensor *x, kt_axes axes, bool keepdims);
/* Int32; the first of equal maxima; no gradient. */
KT_API kt_tensor *kt_argmax(kt_tensor *x, int axis);
KT_API kt_tensor *kt_argmin(kt_tensor *x, int axis); /* likewise, of minima */
/* The number of elements of x over `axes`, as a float scalar of x's float type: known when the plan
 * runs, so that a mean is right for a short last batch too. */
KT_API kt_tensor *kt_size_of(kt_tensor *x, kt_axes axes);

/* ---- products ---- */
/* a (..., m, k) x b (..., k, n) -> (..., m, n); leading axes broadcast; a rank-1 operand is a row
 * (a) or a column (b), as NumPy's matmul. */
KT_API kt_tensor *kt_matmul(kt_tensor *a, kt_tensor *b);
/* The same with the last two axes of an operand swapped; nothing is moved in memory. */
KT_API kt_tensor *kt_matmul_transposed(kt_tensor *a, bool transpose_a, kt_tensor *b,
                                       bool transpose_b);

/* ---- shape ---- */
KT_API kt_tensor *kt_reshape(kt_tensor *x, kt_shape shape); /* one -1 allowed */
KT_API kt_tensor *kt_transpose(kt_tensor *x);               /* axes reversed */
/* Axis i of the result is axis order[i]. */
KT_API kt_tensor *kt_transpose_axes(kt_tensor *x, kt_axes order);
/* a new axis of size 1, there in the result. */
KT_API kt_tensor *kt_expand_dims(kt_tensor *x, int axis);
KT_API kt_tensor *kt_squeeze(kt_tensor *x, int axis); /* the axis must have size 1 */
/* Axes of size 1, and missing ones, repeat. */
KT_API kt_tensor *kt_broadcast_to(kt_tensor *x, kt_shape shape);
KT_API kt_tensor *kt_broadcast_like(kt_tensor *x, kt_tensor *like); /* to like's shape */
/* One after the other along an axis; all other sizes agree. */
KT_API kt_tensor *kt_concatenate(kt_tensor *const *tensors, int64_t count, int axis);
/* `count` equal parts along the axis, stored in parts[0..count). */
KT_API kt_status kt_split(kt_tensor *x, int64_t count, int axis, kt_tensor **parts);
KT_API kt_tensor *kt_slice(kt_tensor *x, kt_shape start, kt_shape size); /* size -1: to the end */
/* So many elements of `value` before and after along each axis. */
KT_API kt_tensor *kt_pad(kt_tensor *x, kt_shape before, kt_shape after, double value);
/* Rows of x along the axis chosen by integer indices; the result has the indices' shape in place of
 * the axis. Indices out of range: negative ones count from the end, others give zeros.
 * (keras.ops.take) */
KT_API kt_tensor *kt_gather(kt_tensor *x, kt_tensor *indices, int axis);
/* (..., depth), float of the context: 1 at the index, 0 elsewhere and everywhere for an index out
 * of range. */
KT_API kt_tensor *kt_one_hot(kt_tensor *indices, int64_t depth);

/* ---- cross-entropies: values per sample (keras.ops); fused rows ---- */
/* y_true has y_pred's shape; values per element. from_logits: max(x,0) - x*t + log(1+e^-|x|); else
 * p is clipped to [1e-7, 1-1e-7]. */
KT_API kt_tensor *kt_binary_crossentropy(kt_tensor *y_true, kt_tensor *y_pred, bool from_logits);
/* Sum over the last axis. Probabilities are divided by their sum, then clipped. A y_pred that is
 * itself the output of kt_softmax (kt_sigmoid above), or a reshape of it, is taken back to its
 * logits, as Keras on TensorFlow does. */
KT_API kt_tensor *kt_categorical_crossentropy(kt_tensor *y_true, kt_tensor *y_pred,
                                              bool from_logits);
/* y_true: class numbers (integers, or floats that hold integers), y_pred's shape without the last
 * axis, or with 1 there. Probabilities are clipped, then divided by their sum. A class that does
 * not exist gives NaN. */
KT_API kt_tensor *kt_sparse_categorical_crossentropy(kt_tensor *y_true, kt_tensor *y_pred,
                                                     bool from_logits);

/* ---- random numbers: Philox 4x32-10 of (seed, stream of the layer path, step, element) ---- */
/* [min, max). */
KT_API kt_tensor *kt_random_uniform(kt_context *kt, kt_shape shape, double min, double max);
/* Box-Muller. */
KT_API kt_tensor *kt_random_normal(kt_context *kt, kt_shape shape, double mean, double stddev);
/* Within 2 stddev. */
KT_API kt_tensor *kt_random_truncated_normal(kt_context *kt, kt_shape shape, double mean,
                                             double stddev);
/* 1 with probability p, else 0. */
KT_API kt_tensor *kt_random_bernoulli(kt_context *kt, kt_shape shape, double p);
/* In x's shape and float type. */
KT_API kt_tensor *kt_random_uniform_like(kt_tensor *x, double min, double max);
KT_API kt_tensor *kt_random_bernoulli_like(kt_tensor *x, double p); /* likewise */

#ifdef __cplusplus
}
#endif
#endif
