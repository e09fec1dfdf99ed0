/* SPDX-License-Identifier: MIT */
/* ops/elementwise.c: dtypes and shapes brought together; the infer functions of element-wise rows;
 * cast, where and broadcasting.
 *
 * Broadcasting and promotion are rows of their own: they appear in the graph only where shapes or
 * dtypes differ, and a row of two operands sees two tensors alike, which is what makes element-wise
 * rows fusable. The gradient of broadcasting, kt_sum_to, is the only un-broadcast in the library;
 * the gradient of a cast is the cast back.
 */
#include "ops/elementwise.h"

#include <math.h>
#include <string.h>

/* ---- dtypes ---- */

static int promotion_rank(kt_dtype dtype)
{
    switch (dtype) {
    case KT_BOOL: return 0;
    case KT_UINT8: return 1;
    case KT_INT32: return 2;
    case KT_INT64: return 3;
    case KT_FLOAT32: return 4;
    case KT_FLOAT64: return 5;
    case KT_DTYPE_DEFAULT: break;
    }
    return -1;
}

kt_dtype kt_promote(kt_dtype a, kt_dtype b)
{
    return promotion_rank(a) >= promotion_rank(b) ? a : b;
}

kt_tensor *kt_real(kt_tensor *x)
{
    if (!x || kt_is_float(x->desc.dtype)) return x;
    return kt_cast(x, kt_floatx(x->node->kt));
}

kt_tensor *kt_countable(kt_tensor *x)
{
    if (!x || (x->desc.dtype != KT_BOOL && x->desc.dtype != KT_UINT8)) return x;
    return kt_cast(x, KT_INT32);
}

kt_tensor *kt_as_is(kt_tensor *x)
{
    return kt_is_variable(x) ? kt_reshape(x, kt_shape_of(&x->desc)) : x;
}

kt_words kt_describe(const kt_desc *desc)
{
    kt_words words;
    kt_text text = kt_text_in(words.at, sizeof words.at);
    kt_text_desc(&text, desc);
    kt_text_add(&text, " %s", kt_dtype_name(desc->dtype));
    return words;
}

/* ---- infer functions that rows share ---- */

kt_status kt_infer_any(kt_infer *q)
{
    *kt_out(q, 0) = *kt_in(q, 0);
    return KT_OK;
}

kt_status kt_infer_unary(kt_infer *q)
{
    if (!kt_is_float(kt_in(q, 0)->dtype))
        return kt_infer_fail(q, KT_ERR_DTYPE, "expected floats, got %s; kt_cast it to a float type",
                             kt_describe(kt_in(q, 0)).at);
    return kt_infer_any(q);
}

kt_status kt_infer_test(kt_infer *q)
{
    kt_infer_any(q);
    kt_out(q, 0)->dtype = KT_BOOL;
    return KT_OK;
}

kt_status kt_infer_binary_any(kt_infer *q)
{
    if (!kt_desc_equal(kt_in(q, 0), kt_in(q, 1)))
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected two tensors of one shape and dtype, got %s and %s; kt_broadcast_to "
            "and kt_cast bring them together",
            kt_describe(kt_in(q, 0)).at, kt_describe(kt_in(q, 1)).at);
    return kt_infer_any(q);
}

kt_status kt_infer_binary(kt_infer *q)
{
    kt_status status = kt_infer_unary(q);
    return status == KT_OK ? kt_infer_binary_any(q) : status;
}

kt_status kt_infer_compare(kt_infer *q)
{
    kt_status status = kt_infer_binary_any(q);
    if (status == KT_OK) kt_out(q, 0)->dtype = KT_BOOL;
    return status;
}

/* ---- shapes ---- */

bool kt_common_shape(const kt_desc *a, const kt_desc *b, kt_shape *out)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;
    *out = (kt_shape){ .rank = rank };
    for (int i = 1; i <= rank; i++) {
        int64_t m = i <= a->rank ? a->dim[a->rank - i] : 1,
                n = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (m != n && m != 1 && n != 1) return false;
        out->dim[rank - i] = m == 1 ? n : m;
    }
    return true;
}

static bool shape_is(const kt_desc *desc, const kt_shape *shape)
{
    if (desc->rank != shape->rank) return false;
    for (int i = 0; i < shape->rank; i++)
        if (desc->dim[i] != shape->dim[i]) return false;
    return true;
}

/* Stretches each of n operands that differs to the shape all share; false and the error if there is
 * none. */
static bool stretch(const kt_op *op, kt_tensor **x, int n)
{
    kt_shape shape;
    kt_desc common = x[0]->desc;
    bool alike = true;
    for (int i = 1; i < n; i++) {
        if (kt_desc_same_shape(&common, &x[i]->desc)) continue;
        alike = false;
        if (!kt_common_shape(&common, &x[i]->desc, &shape)) {
            kt_op_fail(x[0]->node->kt, op, KT_ERR_SHAPE,
                       "expected shapes that broadcast (from the last axis on: equal sizes, or 1), "
                       "got %s and %s; reshape one of "
                       "them or give it an axis with kt_expand_dims",
                       kt_describe(&common).at, kt_describe(&x[i]->desc).at);
            return false;
        }
        common = kt_desc_make(common.dtype, shape);
    }
    if (alike) return true;
    shape = kt_shape_of(&common);
    for (int i = 0; i < n; i++) {
        if (!shape_is(&x[i]->desc, &shape)) x[i] = kt_broadcast_to(x[i], shape);
        if (!x[i]) return false;
    }
    return true;
}

kt_tensor *kt_map_real(const kt_op *op, kt_tensor *x) { return kt_apply1(op, kt_real(x), NULL); }

kt_tensor *kt_map_any(const kt_op *op, kt_tensor *x)
{
    return kt_apply1(op, kt_countable(x), NULL);
}

kt_tensor *kt_map_bool(const kt_op *op, kt_tensor *x)
{
    return kt_apply1(op, kt_cast(x, KT_BOOL), NULL);
}

static kt_tensor *zip(const kt_op *op, kt_tensor *x, kt_tensor *y, kt_dtype dtype)
{
    kt_tensor *both[2] = { x->desc.dtype == dtype ? x : kt_cast(x, dtype),
                           y->desc.dtype == dtype ? y : kt_cast(y, dtype) };
    if (!both[0] || !both[1] || !stretch(op, both, 2)) return NULL;
    return kt_apply2(op, both[0], both[1], NULL);
}

kt_tensor *kt_zip_any(const kt_op *op, kt_tensor *x, kt_tensor *y)
{
    if (!x || !y) return NULL;
    return zip(op, x, y, kt_promote(kt_promote(x->desc.dtype, y->desc.dtype), KT_INT32));
}

kt_tensor *kt_zip_real(const kt_op *op, kt_tensor *x, kt_tensor *y)
{
    if (!x || !y) return NULL;
    kt_dtype dtype = kt_promote(x->desc.dtype, y->desc.dtype);
    return zip(op, x, y, kt_is_float(dtype) ? dtype : kt_floatx(x->node->kt));
}

kt_tensor *kt_zip_bool(const kt_op *op, kt_tensor *x, kt_tensor *y)
{
    if (!x || !y) return NULL;
    return zip(op, x, y, KT_BOOL);
}

/* ---- cast ---- */

kt_tensor *kt_cast(kt_tensor *x, kt_dtype dtype)
{
    if (!x) return NULL;
    if (dtype == KT_DTYPE_DEFAULT) dtype = kt_floatx(x->node->kt);
    if (x->desc.dtype == dtype) return kt_as_is(x);
    return kt_apply1(&kt_op_cast, x, &(kt_dtype_attr){ (int64_t)dtype });
}

static kt_status cast_infer(kt_infer *q)
{
    const kt_dtype_attr *a = kt_infer_attr(q);
    if (kt_dtype_size((kt_dtype)a->dtype) == 0)
        return kt_infer_fail(q, KT_ERR_DTYPE,
                             "expected an element type such as KT_FLOAT32, got number %d",
                             (int)a->dtype);
    kt_infer_any(q);
    kt_out(q, 0)->dtype = (kt_dtype)a->dtype;
    return KT_OK;
}

/* Towards zero; what does not fit becomes the nearest that does, NaN becomes 0. */
static int64_t cast_to_whole(double x, double low, double high)
{
    if (x != x) return 0;
    if (x <= low) return (int64_t)low;
    return x >= high ? (high >= 0x1p63 ? INT64_MAX : (int64_t)high) : (int64_t)x;
}

static int64_t cast_wrapped(int64_t x, kt_dtype dtype)
{
    switch (dtype) {
    case KT_BOOL: return x != 0;
    case KT_UINT8: return (uint8_t)x;
    case KT_INT32: return (int32_t)(uint32_t)(uint64_t)x;
    default: return x;
    }
}

static int64_t cast_double(double x, kt_dtype dtype)
{
    switch (dtype) {
    case KT_BOOL: return x != 0;
    case KT_UINT8: return cast_to_whole(x, 0, 255);
    case KT_INT32: return cast_to_whole(x, -0x1p31, 0x1p31 - 1);
    default: return cast_to_whole(x, -0x1p63, 0x1p63);
    }
}

static kt_status cast_run(kt_run *r)
{
    kt_dtype from = kt_run_in(r, 0)->dtype, to = kt_run_out(r, 0)->dtype;
    int64_t n = kt_count(r);
    if (kt_is_float(from) && kt_is_float(to)) {
        const double *x = kt_ref_in(r, 0);
        double *y = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = x[i];
    } else if (kt_is_float(from)) {
        const double *x = kt_ref_in(r, 0);
        int64_t *y = kt_ref_out_int(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = cast_double(x[i], to);
    } else if (kt_is_float(to)) {
        const int64_t *x = kt_ref_in_int(r, 0);
        double *y = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = (double)x[i];
    } else {
        const int64_t *x = kt_ref_in_int(r, 0);
        int64_t *y = kt_ref_out_int(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = cast_wrapped(x[i], to);
    }
    return KT_OK;
}

static void cast_grad(kt_grad *q)
{
    if (kt_grad_needs(q, 0) && kt_is_float(kt_grad_result(q, 0)->desc.dtype))
        kt_grad_set(q, 0, kt_cast(kt_grad_out(q, 0), kt_grad_in(q, 0)->desc.dtype));
}

const kt_op kt_op_cast = {
    .size = sizeof(kt_op), .name = "cast", .n_in = 1, .n_out = 1,
    .attr_size = sizeof(kt_dtype_attr), .flags = KT_OP_ELEMENTWISE, .infer = cast_infer,
    .kernel = cast_run, .grad = cast_grad, .id = KT_OP_ID_cast,
};

/* ---- where ---- */

kt_tensor *kt_where(kt_tensor *condition, kt_tensor *a, kt_tensor *b)
{
    if (!condition || !a || !b) return NULL;
    kt_dtype dtype = kt_promote(a->desc.dtype, b->desc.dtype);
    kt_tensor *in[3] = { condition, a, b };
    if (condition->desc.dtype != KT_BOOL) in[0] = kt_cast(condition, KT_BOOL);
    for (int i = 1; i < 3; i++)
        if (in[i]->desc.dtype != dtype) in[i] = kt_cast(in[i], dtype);
    if (!in[0] || !in[1] || !in[2] || !stretch(&kt_op_where, in, 3)) return NULL;
    return kt_apply(&kt_op_where, in, 3, NULL, NULL);
}

static kt_status where_infer(kt_infer *q)
{
    const kt_desc *condition = kt_in(q, 0), *a = kt_in(q, 1), *b = kt_in(q, 2);
    if (condition->dtype != KT_BOOL || !kt_desc_equal(a, b) || !kt_desc_same_shape(condition, a))
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected a bool condition and two tensors alike, all of one shape, got %s, %s and %s; "
            "kt_where brings them together",
            kt_describe(condition).at, kt_describe(a).at, kt_describe(b).at);
    *kt_out(q, 0) = *a;
    return KT_OK;
}

static kt_status where_run(kt_run *r)
{
    const int64_t *c = kt_ref_in_int(r, 0);
    int64_t n = kt_count(r);
    if (kt_is_float(kt_run_out(r, 0)->dtype)) {
        const double *a = kt_ref_in(r, 1), *b = kt_ref_in(r, 2);
        double *y = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];
    } else {
        const int64_t *a = kt_ref_in_int(r, 1), *b = kt_ref_in_int(r, 2);
        int64_t *y = kt_ref_out_int(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];
    }
    return KT_OK;
}

static void where_grad(kt_grad *q)
{
    kt_tensor *condition = kt_grad_in(q, 0), *g = kt_grad_out(q, 0), *zero = kt_fill_like(g, 0);
    if (kt_grad_needs(q, 1)) kt_grad_set(q, 1, kt_where(condition, g, zero));
    if (kt_grad_needs(q, 2)) kt_grad_set(q, 2, kt_where(condition, zero, g));
}

const kt_op kt_op_where = {
    .size = sizeof(kt_op), .name = "where", .n_in = 3, .n_out = 1, .flags = KT_OP_ELEMENTWISE,
    .inplace = { 2 }, .infer = where_infer, .kernel = where_run, .grad = where_grad,
    .id = KT_OP_ID_where,
};

/* ---- broadcasting ---- */

kt_tensor *kt_broadcast_to(kt_tensor *x, kt_shape shape)
{
    if (!x) return NULL;
    if (shape_is(&x->desc, &shape)) return kt_as_is(x);
    kt_shape_attr a = { .rank = shape.rank };
    for (int i = 0; i < shape.rank && i < KT_MAX_RANK; i++) a.dim[i] = shape.dim[i];
    return kt_apply1(&kt_op_broadcast_to, x, &a);
}

kt_tensor *kt_broadcast_like(kt_tensor *x, kt_tensor *like)
{
    return x && like ? kt_broadcast_to(x, kt_shape_of(&like->desc)) : NULL;
}

static kt_status broadcast_to_infer(kt_infer *q)
{
    const kt_shape_attr *a = kt_infer_attr(q);
    const kt_desc *x = kt_in(q, 0);
    kt_desc *y = kt_out(q, 0);
    if (a->rank < 0 || a->rank > KT_MAX_RANK)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a target of rank 0 to %d, got %d",
                             KT_MAX_RANK, (int)a->rank);
    *y = (kt_desc){ .dtype = x->dtype, .rank = (int)a->rank };
    bool fits = x->rank <= y->rank;
    for (int i = 0; i < y->rank; i++) {
        y->dim[i] = a->dim[i];
        int k = i - (y->rank - x->rank);
        if (a->dim[i] < 0 || (k >= 0 && x->dim[k] != 1 && x->dim[k] != a->dim[i])) fits = false;
    }
    if (!fits || kt_desc_count(y) < 0)
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected a tensor that stretches to %s (from the last axis on: equal sizes, or 1), "
            "got %s; reshape it or give it an axis with kt_expand_dims",
            kt_describe(y).at, kt_describe(x).at);
    return KT_OK;
}

/* Walks y in order; `from` is where its element lies in x. Only the last axis is a loop of its own.
 */
/* Output element by element from input elements `stride` apart along each axis: broadcasts, transposes. */
kt_status kt_copy_strided(kt_run *r, const int64_t *stride)
{
    const kt_desc *out = kt_run_out(r, 0);
    int64_t at[KT_MAX_RANK] = { 0 }, n = kt_count(r), from = 0;
    bool real = kt_is_float(out->dtype);
    const double *x = real ? kt_ref_in(r, 0) : NULL;
    const int64_t *xi = real ? NULL : kt_ref_in_int(r, 0);
    double *y = real ? kt_ref_out(r, 0) : NULL;
    int64_t *yi = real ? NULL : kt_ref_out_int(r, 0);
    for (int64_t i = 0; i < n; i++) {
        if (real) y[i] = x[from];
        else yi[i] = xi[from];
        for (int k = out->rank - 1; k >= 0; k--) {
            from += stride[k];
            if (++at[k] < out->dim[k]) break;
            from -= stride[k] * out->dim[k];
            at[k] = 0;
        }
    }
    return KT_OK;
}

static kt_status broadcast_to_run(kt_run *r)
{
    const kt_desc *in = kt_run_in(r, 0), *out = kt_run_out(r, 0);
    int64_t stride[KT_MAX_RANK] = { 0 }, step = 1;
    for (int i = in->rank - 1; i >= 0; i--) {
        stride[i + out->rank - in->rank] = in->dim[i] == 1 ? 0 : step;
        step *= in->dim[i];
    }
    return kt_copy_strided(r, stride);
}

static void broadcast_to_grad(kt_grad *q)
{
    kt_grad_set(q, 0, kt_sum_to(kt_grad_out(q, 0), &kt_grad_in(q, 0)->desc));
}

const kt_op kt_op_broadcast_to = {
    .size = sizeof(kt_op), .name = "broadcast_to", .n_in = 1, .n_out = 1,
    .attr_size = sizeof(kt_shape_attr), .infer = broadcast_to_infer, .kernel = broadcast_to_run,
    .grad = broadcast_to_grad, .id = KT_OP_ID_broadcast_to,
};

kt_tensor *kt_sum_to(kt_tensor *g, const kt_desc *like)
{
    if (!g || kt_desc_same_shape(&g->desc, like)) return g;
    kt_axes axes = { 0, { 0 } };
    int ahead = g->desc.rank - like->rank;
    for (int i = 0; i < g->desc.rank; i++)
        if (i < ahead || (like->dim[i - ahead] == 1 && g->desc.dim[i] != 1))
            axes.at[axes.count++] = i;
    if (axes.count) g = kt_sum_axes(g, axes, false);
    return g && !kt_desc_same_shape(&g->desc, like) ? kt_reshape(g, kt_shape_of(like)) : g;
}
