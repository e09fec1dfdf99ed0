/* SPDX-License-Identifier: MIT */
/* ops/index.c: rows chosen by number: gather, its gradient scatter_add, and one_hot.
 *
 * Indices are int32 or int64. In gather and scatter_add negative ones count from the end and others
 * outside give zeros or are left out: nothing is ever read or written out of bounds, and no value
 * of an index is known while recording.
 */
#include "ops/ops.h"

static bool is_index(const kt_desc *desc)
{
    return desc->dtype == KT_INT32 || desc->dtype == KT_INT64;
}

/* Where index i points, or -1. */
static int64_t place_of(int64_t i, int64_t size)
{
    if (i < 0) i += size;
    return i >= 0 && i < size ? i : -1;
}

/* ---- gather ---- */

kt_tensor *kt_gather(kt_tensor *x, kt_tensor *indices, int axis)
{
    if (!x || !indices) return NULL;
    int at = kt_axis_of(x, "gather", axis, 0);
    if (at < 0) return NULL;
    x = kt_countable(x);
    if (indices->desc.dtype == KT_UINT8) indices = kt_cast(indices, KT_INT32);
    return kt_apply2(&kt_op_gather, x, indices, &(kt_axis_attr){ at });
}

static kt_status gather_infer(kt_infer *q)
{
    int axis = (int)((const kt_axis_attr *)kt_infer_attr(q))->axis;
    const kt_desc *x = kt_in(q, 0), *indices = kt_in(q, 1);
    kt_desc *y = kt_out(q, 0);
    if (!is_index(indices))
        return kt_infer_fail(q, KT_ERR_DTYPE,
                             "expected indices of int32 or int64, got %s; kt_cast them",
                             kt_describe(indices).at);
    if (axis < 0 || axis >= x->rank || x->rank - 1 + indices->rank > KT_MAX_RANK)
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected a result of rank 0 to %d, got %s indexed by %s along axis %d", KT_MAX_RANK,
            kt_describe(x).at, kt_describe(indices).at, axis);
    *y = (kt_desc){ .dtype = x->dtype };
    for (int i = 0; i < axis; i++) y->dim[y->rank++] = x->dim[i];
    for (int i = 0; i < indices->rank; i++) y->dim[y->rank++] = indices->dim[i];
    for (int i = axis + 1; i < x->rank; i++) y->dim[y->rank++] = x->dim[i];
    if (kt_desc_count(y) < 0)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a result that memory can hold, got %s",
                             kt_describe(y).at);
    return KT_OK;
}

static kt_status gather_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), (int)((const kt_axis_attr *)kt_run_attr(r))->axis);
    const int64_t *index = kt_ref_in_int(r, 1);
    int64_t n = kt_desc_count(kt_run_in(r, 1)), to = 0;
    bool real = kt_is_float(kt_run_out(r, 0)->dtype);
    const double *x = real ? kt_ref_in(r, 0) : NULL;
    const int64_t *xi = real ? NULL : kt_ref_in_int(r, 0);
    double *y = real ? kt_ref_out(r, 0) : NULL;
    int64_t *yi = real ? NULL : kt_ref_out_int(r, 0);
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t k = 0; k < n; k++) {
            int64_t row = place_of(index[k], l.len), from = (o * l.len + row) * l.inner;
            for (int64_t i = 0; i < l.inner; i++, to++) {
                if (real) y[to] = row < 0 ? 0 : x[from + i];
                else yi[to] = row < 0 ? 0 : xi[from + i];
            }
        }
    return KT_OK;
}

static void gather_grad(kt_grad *q)
{
    int64_t axis = ((const kt_axis_attr *)kt_grad_attr(q))->axis;
    const kt_desc *x = &kt_grad_in(q, 0)->desc;
    kt_scatter_attr a = { axis, x->dim[axis] };
    if (kt_grad_needs(q, 0))
        kt_grad_set(q, 0, kt_apply2(&kt_op_scatter_add, kt_grad_out(q, 0), kt_grad_in(q, 1), &a));
}

const kt_op kt_op_gather = {
    .size = sizeof(kt_op), .name = "gather", .n_in = 2, .n_out = 1,
    .attr_size = sizeof(kt_axis_attr), .infer = gather_infer, .kernel = gather_run,
    .grad = gather_grad, .id = KT_OP_ID_gather,
};

/* ---- scatter_add: rows of g added where the indices point; equal indices add up, in order ---- */

static kt_status scatter_add_infer(kt_infer *q)
{
    const kt_scatter_attr *a = kt_infer_attr(q);
    const kt_desc *g = kt_in(q, 0), *indices = kt_in(q, 1);
    kt_desc *y = kt_out(q, 0);
    bool fits = kt_is_float(g->dtype) && is_index(indices) && a->axis >= 0 &&
                a->axis + indices->rank <= g->rank && a->size >= 0;
    for (int i = 0; fits && i < indices->rank; i++) fits = g->dim[a->axis + i] == indices->dim[i];
    if (!fits)
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected floats whose axes from %d on are those of the indices, got %s and %s",
            (int)a->axis, kt_describe(g).at, kt_describe(indices).at);
    *y = (kt_desc){ .dtype = g->dtype };
    for (int i = 0; i < a->axis; i++) y->dim[y->rank++] = g->dim[i];
    y->dim[y->rank++] = a->size;
    for (int i = (int)a->axis + indices->rank; i < g->rank; i++) y->dim[y->rank++] = g->dim[i];
    return KT_OK;
}

static kt_status scatter_add_run(kt_run *r)
{
    kt_lanes l =
        kt_lanes_of(kt_run_out(r, 0), (int)((const kt_scatter_attr *)kt_run_attr(r))->axis);
    const double *g = kt_ref_in(r, 0);
    const int64_t *index = kt_ref_in_int(r, 1);
    double *y = kt_ref_out(r, 0);
    int64_t n = kt_desc_count(kt_run_in(r, 1)), total = kt_count(r);
    for (int64_t i = 0; i < total; i++) y[i] = 0;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t k = 0; k < n; k++, g += l.inner) {
            int64_t row = place_of(index[k], l.len);
            for (int64_t i = 0; row >= 0 && i < l.inner; i++)
                y[(o * l.len + row) * l.inner + i] += g[i];
        }
    return KT_OK;
}

static void scatter_add_grad(kt_grad *q)
{
    int64_t axis = ((const kt_scatter_attr *)kt_grad_attr(q))->axis;
    if (kt_grad_needs(q, 0))
        kt_grad_set(q, 0,
                    kt_apply2(&kt_op_gather, kt_grad_out(q, 0), kt_grad_in(q, 1),
                              &(kt_axis_attr){ axis }));
}

const kt_op kt_op_scatter_add = {
    .size = sizeof(kt_op), .name = "scatter_add", .n_in = 2, .n_out = 1,
    .attr_size = sizeof(kt_scatter_attr), .infer = scatter_add_infer, .kernel = scatter_add_run,
    .grad = scatter_add_grad, .id = KT_OP_ID_scatter_add,
};

/* ---- one_hot ---- */

kt_tensor *kt_one_hot(kt_tensor *indices, int64_t depth)
{
    indices = kt_countable(indices);
    if (!indices) return NULL;
    return kt_apply1(&kt_op_one_hot, indices,
                     &(kt_one_hot_attr){ depth, (int64_t)kt_floatx(indices->node->kt) });
}

static kt_status one_hot_infer(kt_infer *q)
{
    const kt_one_hot_attr *a = kt_infer_attr(q);
    const kt_desc *x = kt_in(q, 0);
    if (!is_index(x))
        return kt_infer_fail(q, KT_ERR_DTYPE,
                             "expected class numbers of int32 or int64, got %s; kt_cast them",
                             kt_describe(x).at);
    if (a->depth < 0 || x->rank == KT_MAX_RANK)
        return kt_infer_fail(q, KT_ERR_SHAPE,
                             "expected a depth of 0 or more and a rank below %d, got %lld and %s",
                             KT_MAX_RANK, (long long)a->depth, kt_describe(x).at);
    kt_desc *y = kt_out(q, 0);
    *y = *x;
    y->dtype = (kt_dtype)a->dtype;
    y->dim[y->rank++] = a->depth;
    if (kt_desc_count(y) < 0)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a result that memory can hold, got %s",
                             kt_describe(y).at);
    return KT_OK;
}

static kt_status one_hot_run(kt_run *r)
{
    int64_t depth = ((const kt_one_hot_attr *)kt_run_attr(r))->depth,
            n = kt_desc_count(kt_run_in(r, 0));
    const int64_t *index = kt_ref_in_int(r, 0);
    double *y = kt_ref_out(r, 0);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < depth; k++) *y++ = index[i] == k;
    return KT_OK;
}

const kt_op kt_op_one_hot = {
    .size = sizeof(kt_op), .name = "one_hot", .n_in = 1, .n_out = 1,
    .attr_size = sizeof(kt_one_hot_attr), .infer = one_hot_infer, .kernel = one_hot_run,
    .id = KT_OP_ID_one_hot,
};
