/* SPDX-License-Identifier: MIT */
/* ops/join.c: parts put together and taken apart: concatenate, slice, split, pad.
 *
 * slice and pad are each other's gradient, and slices are concatenate's. Positions are part of a
 * plan's key; the value that pads is a slot. Start of a slice may be negative (from the end) for
 * callers; rows see it counted from the front.
 */
#include "ops/ops.h"

/* ---- concatenate ---- */

kt_tensor *kt_concatenate(kt_tensor *const *tensors, int64_t count, int axis)
{
    kt_tensor *in[255];
    if (count < 1 || !tensors || !tensors[0]) return NULL;
    kt_context *kt = tensors[0]->node->kt;
    if (count > 255)
        return kt_op_fail(kt, &kt_op_concatenate, KT_ERR_VALUE,
                          "expected 1 to 255 tensors, got %lld; join groups of them first",
                          (long long)count);
    kt_dtype dtype = tensors[0]->desc.dtype;
    for (int64_t i = 0; i < count; i++) {
        if (!tensors[i]) return NULL;
        dtype = kt_promote(dtype, tensors[i]->desc.dtype);
    }
    for (int64_t i = 0; i < count; i++) {
        in[i] = tensors[i]->desc.dtype == dtype ? tensors[i] : kt_cast(tensors[i], dtype);
        if (!in[i]) return NULL;
    }
    int at = kt_axis_of(in[0], "concatenate", axis, 0);
    if (at < 0) return NULL;
    if (count == 1) return kt_as_is(in[0]);
    return kt_apply(&kt_op_concatenate, in, (int)count, &(kt_axis_attr){ at }, NULL);
}

static kt_status concatenate_infer(kt_infer *q)
{
    int64_t axis = ((const kt_axis_attr *)kt_infer_attr(q))->axis;
    const kt_desc *first = kt_in(q, 0);
    kt_desc *y = kt_out(q, 0);
    *y = *first;
    for (int i = 1; i < kt_n_in(q); i++) {
        kt_desc like = *kt_in(q, i);
        if (axis < like.rank && axis < first->rank) like.dim[axis] = first->dim[axis];
        if (axis >= first->rank || !kt_desc_equal(&like, first))
            return kt_infer_fail(
                q, KT_ERR_SHAPE,
                "expected tensors that differ only along axis %d, got %s first and %s as number %d",
                (int)axis, kt_describe(first).at, kt_describe(kt_in(q, i)).at, i);
        y->dim[axis] += kt_in(q, i)->dim[axis];
    }
    if (kt_desc_count(y) < 0)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a result that memory can hold, got %s",
                             kt_describe(y).at);
    return KT_OK;
}

static kt_status concatenate_run(kt_run *r)
{
    int axis = (int)((const kt_axis_attr *)kt_run_attr(r))->axis;
    kt_lanes l = kt_lanes_of(kt_run_out(r, 0), axis);
    bool real = kt_is_float(kt_run_out(r, 0)->dtype);
    double *y = real ? kt_ref_out(r, 0) : NULL;
    int64_t *yi = real ? NULL : kt_ref_out_int(r, 0);
    int64_t before = 0;
    for (int i = 0; i < kt_run_n_in(r); i++) {
        int64_t width = kt_run_in(r, i)->dim[axis] * l.inner;
        const double *x = real ? kt_ref_in(r, i) : NULL;
        const int64_t *xi = real ? NULL : kt_ref_in_int(r, i);
        for (int64_t o = 0; o < l.outer; o++)
            for (int64_t k = 0; k < width; k++) {
                int64_t to = o * l.len * l.inner + before + k;
                if (real) y[to] = x[o * width + k];
                else yi[to] = xi[o * width + k];
            }
        before += width;
    }
    return KT_OK;
}

static void concatenate_grad(kt_grad *q)
{
    int axis = (int)((const kt_axis_attr *)kt_grad_attr(q))->axis;
    kt_tensor *g = kt_grad_out(q, 0);
    kt_shape start = { .rank = g ? g->desc.rank : 0 };
    for (int i = 0; i < kt_grad_n_in(q); i++) {
        const kt_desc *x = &kt_grad_in(q, i)->desc;
        if (kt_grad_needs(q, i)) kt_grad_set(q, i, kt_slice(g, start, kt_shape_of(x)));
        start.dim[axis] += x->dim[axis];
    }
}

const kt_op kt_op_concatenate = {
    .size = sizeof(kt_op), .name = "concatenate", .n_in = -1, .n_out = 1,
    .attr_size = sizeof(kt_axis_attr), .infer = concatenate_infer, .kernel = concatenate_run,
    .grad = concatenate_grad, .id = KT_OP_ID_concatenate,
};

/* ---- slice, split ---- */

kt_tensor *kt_slice(kt_tensor *x, kt_shape start, kt_shape size)
{
    if (!x) return NULL;
    int rank = x->desc.rank;
    if (start.rank != rank || size.rank != rank)
        return kt_op_fail(
            x->node->kt, &kt_op_slice, KT_ERR_SHAPE,
            "expected a start and a size for each of the %d axes of %s, got %d and %d", rank,
            kt_describe(&x->desc).at, start.rank, size.rank);
    kt_slice_attr a = { .rank = rank };
    bool whole = true;
    for (int i = 0; i < rank; i++) {
        a.start[i] = start.dim[i] < 0 ? start.dim[i] + x->desc.dim[i] : start.dim[i];
        a.size[i] = size.dim[i] == -1 ? x->desc.dim[i] - a.start[i] : size.dim[i];
        whole = whole && a.start[i] == 0 && a.size[i] == x->desc.dim[i];
    }
    return whole ? kt_as_is(x) : kt_apply1(&kt_op_slice, x, &a);
}

static kt_status slice_infer(kt_infer *q)
{
    const kt_slice_attr *a = kt_infer_attr(q);
    const kt_desc *x = kt_in(q, 0);
    *kt_out(q, 0) = *x;
    for (int i = 0; i < x->rank; i++) {
        if (a->rank != x->rank || a->start[i] < 0 || a->size[i] < 0 || a->start[i] > x->dim[i] ||
            a->size[i] > x->dim[i] - a->start[i])
            return kt_infer_fail(
                q, KT_ERR_SHAPE,
                "expected a part inside of %s, got %lld elements from %lld on along axis %d",
                kt_describe(x).at, (long long)a->size[i], (long long)a->start[i], i);
        kt_out(q, 0)->dim[i] = a->size[i];
    }
    return KT_OK;
}

/* Copies a block between a tensor of `outer` shape, where it begins at `start`, and one of its own
 * shape, `inner`. */
static void copy_block(const kt_desc *outer, const kt_desc *inner, const int64_t *start,
                       bool inward, const double *x, double *y, const int64_t *xi, int64_t *yi)
{
    int64_t stride[KT_MAX_RANK], at[KT_MAX_RANK] = { 0 }, step = 1, there = 0,
                                 n = kt_desc_count(inner);
    for (int i = outer->rank - 1; i >= 0; i--) {
        stride[i] = step;
        there += start[i] * step;
        step *= outer->dim[i];
    }
    for (int64_t here = 0; here < n; here++) {
        int64_t from = inward ? there : here, to = inward ? here : there;
        if (x) y[to] = x[from];
        else yi[to] = xi[from];
        for (int k = inner->rank - 1; k >= 0; k--) {
            there += stride[k];
            if (++at[k] < inner->dim[k]) break;
            there -= stride[k] * inner->dim[k];
            at[k] = 0;
        }
    }
}

static kt_status slice_run(kt_run *r)
{
    const kt_slice_attr *a = kt_run_attr(r);
    const kt_desc *x = kt_run_in(r, 0), *y = kt_run_out(r, 0);
    if (kt_count(r) == 0) return KT_OK;
    if (kt_is_float(y->dtype))
        copy_block(x, y, a->start, true, kt_ref_in(r, 0), kt_ref_out(r, 0), NULL, NULL);
    else copy_block(x, y, a->start, true, NULL, NULL, kt_ref_in_int(r, 0), kt_ref_out_int(r, 0));
    return KT_OK;
}

static void slice_grad(kt_grad *q)
{
    const kt_slice_attr *a = kt_grad_attr(q);
    const kt_desc *x = &kt_grad_in(q, 0)->desc;
    kt_shape before = { .rank = x->rank }, after = before;
    for (int i = 0; i < x->rank; i++) {
        before.dim[i] = a->start[i];
        after.dim[i] = x->dim[i] - a->start[i] - a->size[i];
    }
    kt_grad_set(q, 0, kt_pad(kt_grad_out(q, 0), before, after, 0));
}

const kt_op kt_op_slice = {
    .size = sizeof(kt_op), .name = "slice", .n_in = 1, .n_out = 1,
    .attr_size = sizeof(kt_slice_attr), .infer = slice_infer, .kernel = slice_run,
    .grad = slice_grad, .id = KT_OP_ID_slice,
};

kt_status kt_split(kt_tensor *x, int64_t count, int axis, kt_tensor **parts)
{
    for (int64_t i = 0; i < count && parts; i++) parts[i] = NULL;
    if (!x) return KT_ERR_VALUE;
    kt_context *kt = x->node->kt;
    if (kt->status != KT_OK) return kt->status;
    if (!parts)
        return kt_fail_at(kt, KT_ERR_VALUE, "split", "expected room for %lld parts, got NULL; pass an array of kt_tensor *",
                          (long long)count);
    int at = kt_axis_of(x, "split", axis, 0);
    if (at < 0) return kt->status;
    if (count < 1 || x->desc.dim[at] % count)
        return kt_fail_at(kt, KT_ERR_SHAPE, "split",
                          "expected a number of parts that divides axis %d of %s, got %lld; "
                          "kt_slice cuts anywhere",
                          axis, kt_describe(&x->desc).at, (long long)count);
    kt_shape start = { .rank = x->desc.rank }, size = kt_shape_of(&x->desc);
    size.dim[at] /= count;
    for (int64_t i = 0; i < count; i++) {
        parts[i] = kt_slice(x, start, size);
        start.dim[at] += size.dim[at];
    }
    return kt->status;
}

/* ---- pad ---- */

kt_tensor *kt_pad(kt_tensor *x, kt_shape before, kt_shape after, double value)
{
    if (!x) return NULL;
    int rank = x->desc.rank;
    if (before.rank != rank || after.rank != rank)
        return kt_op_fail(
            x->node->kt, &kt_op_pad, KT_ERR_SHAPE,
            "expected two numbers for each of the %d axes of %s, got %d before and %d after", rank,
            kt_describe(&x->desc).at, before.rank, after.rank);
    kt_pad_attr a = { .rank = rank };
    bool nothing = true;
    for (int i = 0; i < rank; i++) {
        a.before[i] = before.dim[i];
        a.after[i] = after.dim[i];
        nothing = nothing && a.before[i] == 0 && a.after[i] == 0;
    }
    return nothing ? kt_as_is(x) : kt_apply(&kt_op_pad, &x, 1, &a, &value);
}

static kt_status pad_infer(kt_infer *q)
{
    const kt_pad_attr *a = kt_infer_attr(q);
    const kt_desc *x = kt_in(q, 0);
    kt_desc *y = kt_out(q, 0);
    const int64_t most = INT64_MAX / 4;
    *y = *x;
    for (int i = 0; i < x->rank; i++) {
        if (a->rank != x->rank || a->before[i] < 0 || a->after[i] < 0 || a->before[i] > most ||
            a->after[i] > most)
            return kt_infer_fail(q, KT_ERR_SHAPE,
                                 "expected padding of 0 or more, got %lld and %lld along axis %d "
                                 "of %s; kt_slice cuts",
                                 (long long)a->before[i], (long long)a->after[i], i,
                                 kt_describe(x).at);
        y->dim[i] += a->before[i] + a->after[i];
    }
    if (kt_desc_count(y) < 0)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a result that memory can hold, got %s",
                             kt_describe(y).at);
    return KT_OK;
}

static kt_status pad_run(kt_run *r)
{
    const kt_pad_attr *a = kt_run_attr(r);
    const kt_desc *x = kt_run_in(r, 0), *y = kt_run_out(r, 0);
    double value = kt_run_slot(r, 0);
    int64_t n = kt_count(r);
    if (kt_is_float(y->dtype)) {
        double *to = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) to[i] = value;
        if (kt_desc_count(x)) copy_block(y, x, a->before, false, kt_ref_in(r, 0), to, NULL, NULL);
    } else {
        int64_t *to = kt_ref_out_int(r, 0);
        for (int64_t i = 0; i < n; i++) to[i] = (int64_t)value;
        if (kt_desc_count(x))
            copy_block(y, x, a->before, false, NULL, NULL, kt_ref_in_int(r, 0), to);
    }
    return KT_OK;
}

static void pad_grad(kt_grad *q)
{
    const kt_pad_attr *a = kt_grad_attr(q);
    kt_shape start = { .rank = (int)a->rank };
    for (int i = 0; i < start.rank; i++) start.dim[i] = a->before[i];
    kt_grad_set(q, 0, kt_slice(kt_grad_out(q, 0), start, kt_shape_of(&kt_grad_in(q, 0)->desc)));
}

const kt_op kt_op_pad = {
    .size = sizeof(kt_op), .name = "pad", .n_in = 1, .n_out = 1, .attr_size = sizeof(kt_pad_attr),
    .n_slots = 1, .infer = pad_infer, .kernel = pad_run, .grad = pad_grad, .id = KT_OP_ID_pad,
};
