/* SPDX-License-Identifier: MIT */
/* ops/shape.c: the same elements under another shape or in another order.
 *
 * Views (reshape, stop_gradient) do no work: the planner lets result and operand share memory;
 * their kernels exist for back-ends that cannot. expand_dims and squeeze are reshapes, so that
 * whoever looks through views meets one kind only. A reshape keeps its -1 in the attribute: the row
 * works for any batch.
 */
#include "ops/ops.h"

/* The elements in order, whatever their type. */
static kt_status copy_run(kt_run *r)
{
    int64_t n = kt_count(r);
    if (kt_is_float(kt_run_out(r, 0)->dtype)) {
        const double *x = kt_ref_in(r, 0);
        double *y = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = x[i];
    } else {
        const int64_t *x = kt_ref_in_int(r, 0);
        int64_t *y = kt_ref_out_int(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = x[i];
    }
    return KT_OK;
}

/* ---- reshape ---- */

kt_tensor *kt_reshape(kt_tensor *x, kt_shape shape)
{
    if (!x) return NULL;
    bool same = shape.rank == x->desc.rank;
    kt_shape_attr a = { .rank = shape.rank };
    for (int i = 0; i < shape.rank && i < KT_MAX_RANK; i++) {
        a.dim[i] = shape.dim[i];
        same = same && shape.dim[i] == x->desc.dim[i];
    }
    if (same && !kt_is_variable(x)) return x;
    return kt_apply1(&kt_op_reshape, x, &a);
}

static kt_status reshape_infer(kt_infer *q)
{
    const kt_shape_attr *a = kt_infer_attr(q);
    const kt_desc *x = kt_in(q, 0);
    kt_desc *y = kt_out(q, 0);
    if (a->rank < 0 || a->rank > KT_MAX_RANK)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a target of rank 0 to %d, got %d",
                             KT_MAX_RANK, (int)a->rank);
    *y = (kt_desc){ .dtype = x->dtype, .rank = (int)a->rank };
    int64_t count = kt_desc_count(x), known = 1;
    int open = -1;
    bool valid = true;
    for (int i = 0; i < y->rank; i++) {
        y->dim[i] = a->dim[i];
        if (a->dim[i] == -1 && open < 0) open = i;
        else valid = valid && a->dim[i] >= 0 && kt_mul_int64(known, a->dim[i], &known);
    }
    if (valid && open >= 0) {
        valid = known > 0 && count % known == 0;
        if (valid) y->dim[open] = count / known;
    } else {
        valid = valid && known == count;
    }
    if (!valid)
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected a target with as many elements as %s has, got %s; one size may be -1",
            kt_describe(x).at, kt_describe(y).at);
    return KT_OK;
}

static void reshape_grad(kt_grad *q)
{
    kt_grad_set(q, 0, kt_reshape(kt_grad_out(q, 0), kt_shape_of(&kt_grad_in(q, 0)->desc)));
}

const kt_op kt_op_reshape = {
    .size = sizeof(kt_op), .name = "reshape", .n_in = 1, .n_out = 1,
    .attr_size = sizeof(kt_shape_attr), .flags = KT_OP_VIEW, .infer = reshape_infer,
    .kernel = copy_run, .grad = reshape_grad, .id = KT_OP_ID_reshape,
};

kt_tensor *kt_expand_dims(kt_tensor *x, int axis)
{
    if (!x) return NULL;
    if (x->desc.rank == KT_MAX_RANK)
        return kt_fail_at(x->node->kt, KT_ERR_SHAPE, "expand_dims",
                          "expected a rank below %d, got %s", KT_MAX_RANK,
                          kt_describe(&x->desc).at),
               NULL;
    int at = kt_axis_of(x, "expand_dims", axis, 1);
    if (at < 0) return NULL;
    kt_shape shape = { .rank = x->desc.rank + 1 };
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = i < at ? x->desc.dim[i] : i == at ? 1 : x->desc.dim[i - 1];
    return kt_reshape(x, shape);
}

kt_tensor *kt_squeeze(kt_tensor *x, int axis)
{
    if (!x) return NULL;
    int at = kt_axis_of(x, "squeeze", axis, 0);
    if (at < 0) return NULL;
    if (x->desc.dim[at] != 1)
        return kt_fail_at(x->node->kt, KT_ERR_SHAPE, "squeeze",
                          "expected size 1 along axis %d, got %s; only such axes can be dropped",
                          axis, kt_describe(&x->desc).at),
               NULL;
    kt_shape shape = { .rank = x->desc.rank - 1 };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = x->desc.dim[i < at ? i : i + 1];
    return kt_reshape(x, shape);
}

/* ---- stop_gradient ---- */

kt_tensor *kt_stop_gradient(kt_tensor *x) { return kt_apply1(&kt_op_stop_gradient, x, NULL); }

const kt_op kt_op_stop_gradient = {
    .size = sizeof(kt_op), .name = "stop_gradient", .n_in = 1, .n_out = 1, .flags = KT_OP_VIEW,
    .infer = kt_infer_any, .kernel = copy_run, .id = KT_OP_ID_stop_gradient,
};

/* ---- transpose ---- */

kt_tensor *kt_transpose_axes(kt_tensor *x, kt_axes order)
{
    if (!x) return NULL;
    uint32_t mask;
    if (order.count != x->desc.rank)
        return kt_op_fail(x->node->kt, &kt_op_transpose, KT_ERR_SHAPE,
                          "expected an order of all %d axes of %s, got %d axes", x->desc.rank,
                          kt_describe(&x->desc).at, order.count);
    if (!kt_axes_mask(x, "transpose", order, &mask)) return NULL;
    kt_transpose_attr a = { .rank = order.count };
    bool same = true;
    for (int i = 0; i < order.count; i++) {
        a.axis[i] = order.at[i] < 0 ? order.at[i] + order.count : order.at[i];
        same = same && a.axis[i] == i;
    }
    return same ? kt_as_is(x) : kt_apply1(&kt_op_transpose, x, &a);
}

kt_tensor *kt_transpose(kt_tensor *x)
{
    if (!x) return NULL;
    kt_axes order = { .count = x->desc.rank };
    for (int i = 0; i < order.count; i++) order.at[i] = order.count - 1 - i;
    return kt_transpose_axes(x, order);
}

static kt_status transpose_infer(kt_infer *q)
{
    const kt_transpose_attr *a = kt_infer_attr(q);
    const kt_desc *x = kt_in(q, 0);
    if (a->rank != x->rank)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected an order of all %d axes of %s, got %d axes",
                             x->rank, kt_describe(x).at, (int)a->rank);
    *kt_out(q, 0) = *x;
    for (int i = 0; i < x->rank; i++) kt_out(q, 0)->dim[i] = x->dim[a->axis[i]];
    return KT_OK;
}

static kt_status transpose_run(kt_run *r)
{
    const kt_transpose_attr *a = kt_run_attr(r);
    const kt_desc *in = kt_run_in(r, 0), *out = kt_run_out(r, 0);
    int64_t x_stride[KT_MAX_RANK], stride[KT_MAX_RANK], step = 1;
    for (int i = in->rank - 1; i >= 0; i--) {
        x_stride[i] = step;
        step *= in->dim[i];
    }
    for (int i = 0; i < out->rank; i++) stride[i] = x_stride[a->axis[i]];
    return kt_copy_strided(r, stride);
}

static void transpose_grad(kt_grad *q)
{
    const kt_transpose_attr *a = kt_grad_attr(q);
    kt_transpose_attr back = { .rank = a->rank };
    for (int i = 0; i < a->rank; i++) back.axis[a->axis[i]] = i;
    kt_grad_set(q, 0, kt_apply1(&kt_op_transpose, kt_grad_out(q, 0), &back));
}

const kt_op kt_op_transpose = {
    .size = sizeof(kt_op), .name = "transpose", .n_in = 1, .n_out = 1,
    .attr_size = sizeof(kt_transpose_attr), .infer = transpose_infer, .kernel = transpose_run,
    .grad = transpose_grad, .id = KT_OP_ID_transpose,
};
