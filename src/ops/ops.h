/* SPDX-License-Identifier: MIT */
/* ops/ops.h: inside the library: the rows, their numbers and attributes, and helpers that write ops
 * from ops.
 *
 * Rows come from ops.def; a row's number (`id`, from 1) is its place there and indexes back-ends'
 * tables; 0 is a user's own row. Attribute structs have no padding, because plans are looked up by
 * comparing their bytes: hence int64_t where an int would do. What a row promises to its kernels:
 * axes are counted from the front, operands have been promoted and broadcast, class numbers and
 * indices are int32 or int64.
 *
 * Nothing here knows back-ends or layers; of the graph only kt_record, kt_op_fail are used.
 */
#ifndef KT_OPS_OPS_H
#define KT_OPS_OPS_H

#include <keratin/ops.h>

#include "core/tensor.h"
#include "graph/record.h"

enum {
    KT_OP_ID_NONE,
#define KT_OP(name) KT_OP_ID_##name,
#include "ops/ops.def"
#undef KT_OP
    KT_OP_COUNT /* one more than the last number */
};

#define KT_OP(name) extern const kt_op kt_op_##name;
#include "ops/ops.def"
#undef KT_OP

const kt_op *kt_op_of(int id); /* NULL for 0 and for numbers that do not exist */

/* ---- attributes ---- */

typedef struct kt_dtype_attr { /* scalar, cast */
    int64_t dtype;
} kt_dtype_attr;
typedef struct kt_shape_attr { /* reshape (one -1 allowed), broadcast_to */
    int64_t rank, dim[KT_MAX_RANK];
} kt_shape_attr;
typedef struct kt_fill_attr {
    int64_t dtype;
    double value;
    int64_t rank, dim[KT_MAX_RANK];
} kt_fill_attr;
typedef struct kt_reduce_attr { /* sum, max, min: bit i of `axes` is axis i */
    uint32_t axes;
    int32_t keepdims;
} kt_reduce_attr;
typedef struct kt_size_attr { /* size_of */
    uint32_t axes;
    int32_t dtype;
} kt_size_attr;
typedef struct kt_axis_attr { /* argmax, argmin, concatenate, gather */
    int64_t axis;
} kt_axis_attr;
typedef struct kt_matmul_attr {
    int32_t transpose_a, transpose_b;
} kt_matmul_attr;
typedef struct kt_dense_attr { /* [relu](x @ w + bias) */
    int32_t transpose_a, transpose_b, relu;
} kt_dense_attr;
typedef struct kt_transpose_attr { /* axis i of the result is axis[i] of x */
    int32_t rank, axis[KT_MAX_RANK];
} kt_transpose_attr;
typedef struct kt_slice_attr {
    int64_t rank, start[KT_MAX_RANK], size[KT_MAX_RANK];
} kt_slice_attr;
typedef struct kt_pad_attr { /* slot 0: the value */
    int64_t rank, before[KT_MAX_RANK], after[KT_MAX_RANK];
} kt_pad_attr;
typedef struct kt_scatter_attr { /* scatter_add: the result has `size` along `axis` */
    int64_t axis, size;
} kt_scatter_attr;
typedef struct kt_one_hot_attr {
    int64_t depth, dtype;
} kt_one_hot_attr;
typedef struct kt_random_attr { /* slots: two numbers (bernoulli: one), stream, step */
    int64_t dtype, rank, dim[KT_MAX_RANK];
} kt_random_attr;
typedef struct kt_momentum_attr {
    int64_t nesterov;
} kt_momentum_attr;
typedef struct kt_statistics_attr { /* statistics: the range whose ends are counted; equal: none */
    double low, high;
} kt_statistics_attr;

/* ---- dtypes and shapes ---- */

kt_dtype kt_promote(kt_dtype a, kt_dtype b);
kt_tensor *kt_real(kt_tensor *x);      /* floats as they are, others as the context's float */
kt_tensor *kt_countable(kt_tensor *x); /* bool and uint8 as int32 */
kt_tensor *kt_as_is(kt_tensor *x);     /* x, but what a variable means now, not later */
/* The shape both broadcast to; false where there is none. */
bool kt_common_shape(const kt_desc *a, const kt_desc *b, kt_shape *out);
/* The gradient of broadcasting: g summed over the axes in which `like` was stretched. */
kt_tensor *kt_sum_to(kt_tensor *g, const kt_desc *like);
/* An axis counted from the front; -1 and the error, named `op`, if x has no such axis. `extra`: 1
 * where one past the end is fine. */
int kt_axis_of(kt_tensor *x, const char *op, int axis, int extra);
/* Axes as bits; false and the error if one does not exist or stands twice. */
bool kt_axes_mask(kt_tensor *x, const char *op, kt_axes axes, uint32_t *mask);
/* "(32, 10) float32" and the like, for sentences. */
typedef struct kt_words {
    char at[160];
} kt_words;
kt_words kt_describe(const kt_desc *desc);

/* ---- small ops ---- */

kt_tensor *kt_fill_like(kt_tensor *x, double value); /* a constant in x's shape and dtype */
kt_tensor *kt_scaled(kt_tensor *x, double factor);   /* constants, unlike kt_scalar */
kt_tensor *kt_shifted(kt_tensor *x, double summand);
kt_tensor *kt_one_minus(kt_tensor *x);
/* The gradient of the first of two operands of which one wins: g where `wins`, half of it where
 * they are equal, else 0; of the second: what remains of g. */
kt_tensor *kt_share(kt_tensor *g, kt_tensor *wins, kt_tensor *x, kt_tensor *y, bool second);
kt_tensor *kt_log_or_zero(kt_tensor *x); /* log x where x > 0, else 0 */
kt_tensor *kt_silu_slope(kt_tensor *x);
kt_tensor *kt_relu_grad(kt_tensor *g, kt_tensor *y);
kt_tensor *kt_sigmoid_grad(kt_tensor *g, kt_tensor *y);
kt_tensor *kt_tanh_grad(kt_tensor *g, kt_tensor *y);
kt_tensor *kt_binary_ce(kt_tensor *logits, kt_tensor *target);

/* (30, 3) float64: left edge, right edge and count of thirty buckets of equal width; values that
 * are not finite are left out. */
kt_tensor *kt_histogram(kt_tensor *x);

/* (KT_STATISTICS) float64: what a log says of a tensor of floats. Range, mean and deviation (of the population) are
 * those of the finite values, 0 where there are none; the sum of squares is NaN or infinite where a value is. At the
 * ends are the values within 1.5 % of the range from low or from high (low < high; else nobody is). */
enum {
    KT_STAT_COUNT, KT_STAT_NANS, KT_STAT_INFINITIES, KT_STAT_MIN, KT_STAT_MAX, KT_STAT_MEAN, KT_STAT_DEVIATION,
    KT_STAT_SQUARES, KT_STAT_ZEROS, KT_STAT_ENDS, KT_STATISTICS
};
kt_tensor *kt_statistics(kt_tensor *x, double low, double high);
void kt_statistics_f64(const double *x, int64_t n, double low, double high, double out[KT_STATISTICS]); /* of an array */

/* ---- infer functions and kernels that families share ---- */

kt_status kt_copy_strided(kt_run *r, const int64_t *stride); /* input elements from one output element to the next, per axis */

kt_status kt_infer_unary(kt_infer *q);  /* one float operand, same shape and dtype */
kt_status kt_infer_any(kt_infer *q);    /* one operand, float or integer */
kt_status kt_infer_test(kt_infer *q);   /* one operand, to bool */
kt_status kt_infer_binary(kt_infer *q); /* two float operands alike */
kt_status kt_infer_binary_any(kt_infer *q);
kt_status kt_infer_compare(kt_infer *q); /* two operands alike, to bool */

#endif
