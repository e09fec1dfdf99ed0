/* SPDX-License-Identifier: MIT */
/* ops/softmax.c: softmax and its logarithm over the last axis, with rows for their gradients.
 *
 * Other axes are moved to the end and back. The maximum is taken off first, so nothing overflows; a
 * NaN or +inf in a row makes the whole row NaN, as in Keras. Rows that fuse several ops say their
 * meaning in primitive rows (`expand`), and the backward rows have gradients of their own, so
 * derivatives of any order exist.
 */
#include <math.h>

#include "ops/ops.h"

static kt_tensor *last_sum(kt_tensor *x) { return kt_sum_axes(x, KT_AXES(-1), true); }

/* ---- public ---- */

static kt_tensor *over_axis(const kt_op *op, kt_tensor *x, int axis)
{
    x = kt_real(x);
    if (!x || (axis = kt_axis_of(x, op->name, axis, 0)) < 0) return NULL;
    int last = x->desc.rank - 1;
    if (axis == last) return kt_apply1(op, x, NULL);
    kt_axes swap = { .count = last + 1 };
    for (int i = 0; i <= last; i++) swap.at[i] = i == axis ? last : i == last ? axis : i;
    return kt_transpose_axes(kt_apply1(op, kt_transpose_axes(x, swap), NULL), swap);
}

kt_tensor *kt_softmax(kt_tensor *x, int axis) { return over_axis(&kt_op_softmax, x, axis); }
kt_tensor *kt_log_softmax(kt_tensor *x, int axis) { return over_axis(&kt_op_log_softmax, x, axis); }

static kt_status softmax_infer(kt_infer *q)
{
    if (kt_in(q, 0)->rank == 0)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a tensor with axes, got a number (rank 0)");
    return kt_infer_unary(q);
}

static kt_status softmax_grad_infer(kt_infer *q)
{
    kt_status status = softmax_infer(q);
    return status == KT_OK ? kt_infer_binary(q) : status;
}

/* ---- softmax ---- */

static kt_status softmax_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *x = kt_ref_in(r, 0);
    double *y = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, x += l.len, y += l.len) {
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < l.len; i++) max = x[i] > max ? x[i] : max;
        for (int64_t i = 0; i < l.len; i++) sum += y[i] = exp(x[i] - max);
        for (int64_t i = 0; i < l.len; i++) y[i] /= sum;
    }
    return KT_OK;
}

static void softmax_grad(kt_grad *q)
{
    kt_grad_set(q, 0,
                kt_apply2(&kt_op_softmax_grad, kt_grad_result(q, 0), kt_grad_out(q, 0), NULL));
}

static void softmax_expand(kt_grad *q)
{
    kt_tensor *x = kt_grad_in(q, 0);
    kt_tensor *e = kt_exp(kt_sub(x, kt_stop_gradient(kt_max_axes(x, KT_AXES(-1), true))));
    kt_expand_set(q, 0, kt_div(e, last_sum(e)));
}

const kt_op kt_op_softmax = {
    .size = sizeof(kt_op), .name = "softmax", .n_in = 1, .n_out = 1, .inplace = { 1 },
    .infer = softmax_infer, .kernel = softmax_run, .grad = softmax_grad, .expand = softmax_expand,
    .id = KT_OP_ID_softmax,
};

/* softmax_grad(y, g) = y (g - sum(g y)) */
static kt_status softmax_grad_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *y = kt_ref_in(r, 0), *g = kt_ref_in(r, 1);
    double *dx = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, y += l.len, g += l.len, dx += l.len) {
        double dot = 0;
        for (int64_t i = 0; i < l.len; i++) dot += g[i] * y[i];
        for (int64_t i = 0; i < l.len; i++) dx[i] = y[i] * (g[i] - dot);
    }
    return KT_OK;
}

static void softmax_grad_grad(
    kt_grad *q) /* h arrives: dy = h (g - sum(g y)) - g sum(h y); dg = softmax_grad(y, h) */
{
    kt_tensor *y = kt_grad_in(q, 0), *g = kt_grad_in(q, 1), *h = kt_grad_out(q, 0);
    if (kt_grad_needs(q, 0)) {
        kt_tensor *left = kt_mul(h, kt_sub(g, last_sum(kt_mul(g, y))));
        kt_grad_set(q, 0, kt_sub(left, kt_mul(g, last_sum(kt_mul(h, y)))));
    }
    if (kt_grad_needs(q, 1)) kt_grad_set(q, 1, kt_apply2(&kt_op_softmax_grad, y, h, NULL));
}

static void softmax_grad_expand(kt_grad *q)
{
    kt_tensor *y = kt_grad_in(q, 0), *g = kt_grad_in(q, 1);
    kt_expand_set(q, 0, kt_mul(y, kt_sub(g, last_sum(kt_mul(g, y)))));
}

const kt_op kt_op_softmax_grad = {
    .size = sizeof(kt_op), .name = "softmax_grad", .n_in = 2, .n_out = 1,
    .infer = softmax_grad_infer, .kernel = softmax_grad_run, .grad = softmax_grad_grad,
    .expand = softmax_grad_expand, .id = KT_OP_ID_softmax_grad,
};

/* ---- log_softmax ---- */

static kt_status log_softmax_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *x = kt_ref_in(r, 0);
    double *y = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, x += l.len, y += l.len) {
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < l.len; i++) max = x[i] > max ? x[i] : max;
        for (int64_t i = 0; i < l.len; i++) sum += exp(x[i] - max);
        double log_sum = log(sum);
        for (int64_t i = 0; i < l.len; i++) y[i] = x[i] - max - log_sum;
    }
    return KT_OK;
}

static void log_softmax_grad(kt_grad *q)
{
    kt_grad_set(q, 0,
                kt_apply2(&kt_op_log_softmax_grad, kt_grad_result(q, 0), kt_grad_out(q, 0), NULL));
}

static void log_softmax_expand(kt_grad *q)
{
    kt_tensor *x = kt_grad_in(q, 0);
    kt_tensor *below = kt_sub(x, kt_stop_gradient(kt_max_axes(x, KT_AXES(-1), true)));
    kt_expand_set(q, 0, kt_sub(below, kt_log(last_sum(kt_exp(below)))));
}

const kt_op kt_op_log_softmax = {
    .size = sizeof(kt_op), .name = "log_softmax", .n_in = 1, .n_out = 1, .inplace = { 1 },
    .infer = softmax_infer, .kernel = log_softmax_run, .grad = log_softmax_grad,
    .expand = log_softmax_expand, .id = KT_OP_ID_log_softmax,
};

/* log_softmax_grad(y, g) = g - e^y sum(g) */
static kt_status log_softmax_grad_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *y = kt_ref_in(r, 0), *g = kt_ref_in(r, 1);
    double *dx = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, y += l.len, g += l.len, dx += l.len) {
        double sum = 0;
        for (int64_t i = 0; i < l.len; i++) sum += g[i];
        for (int64_t i = 0; i < l.len; i++) dx[i] = g[i] - exp(y[i]) * sum;
    }
    return KT_OK;
}

static void log_softmax_grad_grad(kt_grad *q) /* dy = -h e^y sum(g); dg = h - sum(h e^y) */
{
    kt_tensor *y = kt_grad_in(q, 0), *g = kt_grad_in(q, 1), *h = kt_grad_out(q, 0);
    kt_tensor *p = kt_mul(h, kt_exp(y));
    if (kt_grad_needs(q, 0)) kt_grad_set(q, 0, kt_neg(kt_mul(p, last_sum(g))));
    if (kt_grad_needs(q, 1)) kt_grad_set(q, 1, kt_sub(h, last_sum(p)));
}

static void log_softmax_grad_expand(kt_grad *q)
{
    kt_tensor *y = kt_grad_in(q, 0), *g = kt_grad_in(q, 1);
    kt_expand_set(q, 0, kt_sub(g, kt_mul(kt_exp(y), last_sum(g))));
}

const kt_op kt_op_log_softmax_grad = {
    .size = sizeof(kt_op), .name = "log_softmax_grad", .n_in = 2, .n_out = 1,
    .infer = softmax_grad_infer, .kernel = log_softmax_grad_run, .grad = log_softmax_grad_grad,
    .expand = log_softmax_grad_expand, .id = KT_OP_ID_log_softmax_grad,
};
