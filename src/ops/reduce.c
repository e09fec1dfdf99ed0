/* SPDX-License-Identifier: MIT */
/* ops/reduce.c: sums and extremes over axes, and what follows from them: mean, variance, positions
 * of extremes.
 *
 * Axes travel as bits. No number derived from a shape is computed while recording: `mean` divides
 * by the row size_of, which counts when the plan runs. A sum over axes of size 1 moves nothing and
 * is recorded as a reshape. Reference sums are plain sums in double.
 */
#include <math.h>

#include "ops/ops.h"

/* ---- axes ---- */

int kt_axis_of(kt_tensor *x, const char *op, int axis, int extra)
{
    int rank = x->desc.rank + extra, at = axis < 0 ? axis + rank : axis;
    if (at >= 0 && at < rank) return at;
    if (rank == 0)
        kt_fail_at(x->node->kt, KT_ERR_SHAPE, op,
                   "expected a tensor with axes, got a number (rank 0); there is no axis %d", axis);
    else
        kt_fail_at(
            x->node->kt, KT_ERR_SHAPE, op,
            "expected an axis from %d to %d, got %d for %s; negative axes count from the end",
            -rank, rank - 1, axis, kt_describe(&x->desc).at);
    return -1;
}

bool kt_axes_mask(kt_tensor *x, const char *op, kt_axes axes, uint32_t *mask)
{
    *mask = 0;
    if (axes.count < 0 || axes.count > KT_MAX_RANK) {
        kt_fail_at(x->node->kt, KT_ERR_VALUE, op, "expected 0 to %d axes, got %d", KT_MAX_RANK,
                   axes.count);
        return false;
    }
    for (int i = 0; i < axes.count; i++) {
        int axis = kt_axis_of(x, op, axes.at[i], 0);
        if (axis < 0) return false;
        if (*mask >> axis & 1) {
            kt_fail_at(x->node->kt, KT_ERR_VALUE, op, "expected each axis once, got axis %d twice",
                       axis);
            return false;
        }
        *mask |= 1u << axis;
    }
    if (axes.count == 0) *mask = (1u << x->desc.rank) - 1;
    return true;
}

/* x's shape with the reduced axes at size 1, or left out. */
static kt_shape reduced_shape(const kt_desc *x, uint32_t axes, bool keepdims)
{
    kt_shape shape = { 0, { 0 } };
    for (int i = 0; i < x->rank; i++) {
        if (!(axes >> i & 1)) shape.dim[shape.rank++] = x->dim[i];
        else if (keepdims) shape.dim[shape.rank++] = 1;
    }
    return shape;
}

/* ---- sum, max, min ---- */

static kt_tensor *reduce(const kt_op *op, kt_tensor *x, kt_axes axes, bool keepdims)
{
    uint32_t mask;
    x = kt_countable(x);
    if (!x || !kt_axes_mask(x, op->name, axes, &mask)) return NULL;
    bool trivial = true;
    for (int i = 0; i < x->desc.rank; i++)
        if ((mask >> i & 1) && x->desc.dim[i] != 1) trivial = false;
    if (trivial) return kt_reshape(x, reduced_shape(&x->desc, mask, keepdims));
    return kt_apply1(op, x, &(kt_reduce_attr){ mask, keepdims });
}

static kt_status reduce_infer(kt_infer *q)
{
    const kt_reduce_attr *a = kt_infer_attr(q);
    const kt_desc *x = kt_in(q, 0);
    if (a->axes >> x->rank)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected axes below %d, got the bits %#x for %s",
                             x->rank, (unsigned)a->axes, kt_describe(x).at);
    *kt_out(q, 0) = kt_desc_make(x->dtype, reduced_shape(x, a->axes, a->keepdims));
    return KT_OK;
}

/* Walks over x in order; `to` is the element of y that the current one belongs to. */
typedef struct reduce_walk {
    const kt_desc *x;
    int64_t stride[KT_MAX_RANK], at[KT_MAX_RANK], to, left;
} reduce_walk;

static reduce_walk reduce_begin(kt_run *r)
{
    uint32_t axes = ((const kt_reduce_attr *)kt_run_attr(r))->axes;
    reduce_walk w = { .x = kt_run_in(r, 0) };
    w.left = kt_desc_count(w.x);
    int64_t step = 1;
    for (int i = w.x->rank - 1; i >= 0; i--) {
        w.stride[i] = axes >> i & 1 ? 0 : step;
        if (!(axes >> i & 1)) step *= w.x->dim[i];
    }
    return w;
}

static void reduce_next(reduce_walk *w)
{
    w->left--;
    for (int k = w->x->rank - 1; k >= 0; k--) {
        w->to += w->stride[k];
        if (++w->at[k] < w->x->dim[k]) return;
        w->to -= w->stride[k] * w->x->dim[k];
        w->at[k] = 0;
    }
}

static kt_status sum_run(kt_run *r)
{
    reduce_walk w = reduce_begin(r);
    int64_t n = kt_count(r);
    if (kt_is_float(w.x->dtype)) {
        const double *x = kt_ref_in(r, 0);
        double *y = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = 0;
        for (; w.left > 0; reduce_next(&w)) y[w.to] += *x++;
    } else {
        const int64_t *x = kt_ref_in_int(r, 0);
        int64_t *y = kt_ref_out_int(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = 0;
        for (; w.left > 0; reduce_next(&w)) y[w.to] = (int64_t)((uint64_t)y[w.to] + (uint64_t)*x++);
    }
    return KT_OK;
}

/* NaN wins; the maximum of nothing is minus infinity. `sign` -1 turns it into the minimum. */
static kt_status extreme_run(kt_run *r, int sign)
{
    reduce_walk w = reduce_begin(r);
    int64_t n = kt_count(r);
    if (kt_is_float(w.x->dtype)) {
        const double *x = kt_ref_in(r, 0);
        double *y = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = sign > 0 ? -INFINITY : INFINITY;
        for (; w.left > 0; reduce_next(&w), x++)
            if (*x != *x || (sign > 0 ? *x > y[w.to] : *x < y[w.to])) y[w.to] = *x;
    } else {
        const int64_t *x = kt_ref_in_int(r, 0);
        int64_t *y = kt_ref_out_int(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = sign > 0 ? INT64_MIN : INT64_MAX;
        for (; w.left > 0; reduce_next(&w), x++)
            if (sign > 0 ? *x > y[w.to] : *x < y[w.to]) y[w.to] = *x;
    }
    return KT_OK;
}

static kt_status max_run(kt_run *r) { return extreme_run(r, 1); }
static kt_status min_run(kt_run *r) { return extreme_run(r, -1); }

/* A tensor of the result's shape, stretched back over the reduced axes. */
static kt_tensor *unreduce(kt_grad *q, kt_tensor *y)
{
    const kt_reduce_attr *a = kt_grad_attr(q);
    const kt_desc *x = &kt_grad_in(q, 0)->desc;
    return kt_broadcast_to(kt_reshape(y, reduced_shape(x, a->axes, true)), kt_shape_of(x));
}

static void sum_grad(kt_grad *q) { kt_grad_set(q, 0, unreduce(q, kt_grad_out(q, 0))); }

static void extreme_grad(kt_grad *q) /* equal extremes share it */
{
    const kt_reduce_attr *a = kt_grad_attr(q);
    kt_tensor *x = kt_grad_in(q, 0);
    kt_tensor *is = kt_cast(kt_equal(x, unreduce(q, kt_grad_result(q, 0))), x->desc.dtype);
    kt_tensor *equals = kt_apply1(&kt_op_sum, is, &(kt_reduce_attr){ a->axes, 0 });
    kt_tensor *share = kt_div(is, unreduce(q, equals));
    kt_grad_set(q, 0, kt_mul(share, unreduce(q, kt_grad_out(q, 0))));
}

#define REDUCTION(row, grad_) \
    const kt_op kt_op_##row = { .size = sizeof(kt_op), \
                                .name = #row, \
                                .n_in = 1, \
                                .n_out = 1, \
                                .attr_size = sizeof(kt_reduce_attr), \
                                .infer = reduce_infer, \
                                .kernel = row##_run, \
                                .grad = grad_, \
                                .id = KT_OP_ID_##row }; \
    kt_tensor *kt_##row##_axes(kt_tensor *x, kt_axes axes, bool keepdims) \
    { \
        return reduce(&kt_op_##row, x, axes, keepdims); \
    } \
    kt_tensor *kt_##row(kt_tensor *x) { return reduce(&kt_op_##row, x, KT_ALL_AXES, false); }
REDUCTION(sum, sum_grad)
REDUCTION(max, extreme_grad)
REDUCTION(min, extreme_grad)

/* ---- size, mean, variance ---- */

kt_tensor *kt_size_of(kt_tensor *x, kt_axes axes)
{
    uint32_t mask;
    if (!x || !kt_axes_mask(x, "size_of", axes, &mask)) return NULL;
    kt_dtype dtype = kt_is_float(x->desc.dtype) ? x->desc.dtype : kt_floatx(x->node->kt);
    return kt_apply1(&kt_op_size_of, x, &(kt_size_attr){ mask, (int32_t)dtype });
}

static kt_status size_of_infer(kt_infer *q)
{
    *kt_out(q, 0) = (kt_desc){ .dtype = (kt_dtype)((const kt_size_attr *)kt_infer_attr(q))->dtype };
    return KT_OK;
}

static kt_status size_of_run(kt_run *r)
{
    uint32_t axes = ((const kt_size_attr *)kt_run_attr(r))->axes;
    const kt_desc *x = kt_run_in(r, 0);
    double size = 1;
    for (int i = 0; i < x->rank; i++)
        if (axes >> i & 1) size *= (double)x->dim[i];
    *kt_ref_out(r, 0) = size;
    return KT_OK;
}

const kt_op kt_op_size_of = {
    .size = sizeof(kt_op), .name = "size_of", .n_in = 1, .n_out = 1,
    .attr_size = sizeof(kt_size_attr), .flags = KT_OP_SHAPE_ONLY, .infer = size_of_infer,
    .kernel = size_of_run, .id = KT_OP_ID_size_of,
};

kt_tensor *kt_mean_axes(kt_tensor *x, kt_axes axes, bool keepdims)
{
    x = kt_real(x);
    kt_tensor *n = kt_size_of(x, axes); /* by itself: compilers differ in the order of arguments, plans must not */
    return kt_div(kt_sum_axes(x, axes, keepdims), n);
}

kt_tensor *kt_mean(kt_tensor *x) { return kt_mean_axes(x, KT_ALL_AXES, false); }

kt_tensor *kt_var_axes(kt_tensor *x, kt_axes axes, bool keepdims)
{
    x = kt_real(x);
    return kt_mean_axes(kt_square(kt_sub(x, kt_mean_axes(x, axes, true))), axes, keepdims);
}

kt_tensor *kt_var(kt_tensor *x) { return kt_var_axes(x, KT_ALL_AXES, false); }

/* ---- argmax, argmin ---- */

static kt_tensor *arg_extreme(const kt_op *op, kt_tensor *x, int axis)
{
    x = kt_countable(x);
    if (!x || (axis = kt_axis_of(x, op->name, axis, 0)) < 0) return NULL;
    return kt_apply1(op, x, &(kt_axis_attr){ axis });
}

static kt_status arg_infer(kt_infer *q)
{
    int64_t axis = ((const kt_axis_attr *)kt_infer_attr(q))->axis;
    const kt_desc *x = kt_in(q, 0);
    if (axis < 0 || axis >= x->rank || x->dim[axis] == 0)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected at least one element along axis %d, got %s",
                             (int)axis, kt_describe(x).at);
    *kt_out(q, 0) = kt_desc_make(KT_INT32, reduced_shape(x, 1u << axis, false));
    return KT_OK;
}

static kt_status arg_run(kt_run *r, int sign) /* the first of equals; the first NaN wins */
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), (int)((const kt_axis_attr *)kt_run_attr(r))->axis);
    bool real = kt_is_float(kt_run_in(r, 0)->dtype);
    const double *x = real ? kt_ref_in(r, 0) : NULL;
    const int64_t *xi = real ? NULL : kt_ref_in_int(r, 0);
    int64_t *y = kt_ref_out_int(r, 0);
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            int64_t first = o * l.len * l.inner + i, best = 0;
            for (int64_t k = 1; k < l.len; k++) {
                int64_t a = first + k * l.inner, b = first + best * l.inner;
                bool better =
                    real ? x[b] == x[b] && (x[a] != x[a] || (sign > 0 ? x[a] > x[b] : x[a] < x[b]))
                         : (sign > 0 ? xi[a] > xi[b] : xi[a] < xi[b]);
                if (better) best = k;
            }
            y[o * l.inner + i] = best;
        }
    return KT_OK;
}

static kt_status argmax_run(kt_run *r) { return arg_run(r, 1); }
static kt_status argmin_run(kt_run *r) { return arg_run(r, -1); }

#define ARG(row) \
    const kt_op kt_op_##row = { .size = sizeof(kt_op), \
                                .name = #row, \
                                .n_in = 1, \
                                .n_out = 1, \
                                .attr_size = sizeof(kt_axis_attr), \
                                .infer = arg_infer, \
                                .kernel = row##_run, \
                                .id = KT_OP_ID_##row }; \
    kt_tensor *kt_##row(kt_tensor *x, int axis) { return arg_extreme(&kt_op_##row, x, axis); }
ARG(argmax)
ARG(argmin)
