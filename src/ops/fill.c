/* SPDX-License-Identifier: MIT */
/* ops/fill.c: rows without inputs, and ops that meet a constant.
 *
 * Two kinds of numbers: `scalar` holds a slot, which may change from step to step without a new
 * plan and is never folded (learning rates, weights of losses); `fill` is a constant, part of a
 * plan's key, which passes may fold and fuse (the 0.5 in a formula). Constants are recorded in the
 * full shape of their partner: no broadcast between them, and a fused tile sees an immediate.
 */
#include "ops/ops.h"

/* ---- rows ---- */

static kt_status scalar_infer(kt_infer *q)
{
    const kt_dtype_attr *a = kt_infer_attr(q);
    if (kt_dtype_size((kt_dtype)a->dtype) == 0)
        return kt_infer_fail(q, KT_ERR_DTYPE,
                             "expected an element type such as KT_FLOAT32, got number %d",
                             (int)a->dtype);
    *kt_out(q, 0) = (kt_desc){ .dtype = (kt_dtype)a->dtype };
    return KT_OK;
}

static void fill_output(kt_run *r, double value)
{
    int64_t n = kt_count(r);
    kt_dtype dtype = kt_run_out(r, 0)->dtype;
    if (kt_is_float(dtype)) {
        double *y = kt_ref_out(r, 0);
        for (int64_t i = 0; i < n; i++) y[i] = value;
    } else {
        int64_t *y = kt_ref_out_int(r, 0);
        int64_t whole = value >= 0x1p63    ? INT64_MAX
                        : value >= -0x1p63 ? (int64_t)value
                                           : INT64_MIN; /* NaN: the last */
        for (int64_t i = 0; i < n; i++) y[i] = dtype == KT_BOOL ? value != 0 : whole;
    }
}

static kt_status scalar_run(kt_run *r)
{
    fill_output(r, kt_run_slot(r, 0));
    return KT_OK;
}

const kt_op kt_op_scalar = {
    .size = sizeof(kt_op), .name = "scalar", .n_in = 0, .n_out = 1,
    .attr_size = sizeof(kt_dtype_attr), .n_slots = 1, .flags = KT_OP_ELEMENTWISE,
    .infer = scalar_infer, .kernel = scalar_run, .id = KT_OP_ID_scalar,
};

static kt_status fill_infer(kt_infer *q)
{
    const kt_fill_attr *a = kt_infer_attr(q);
    kt_desc *y = kt_out(q, 0);
    *y = (kt_desc){ .dtype = (kt_dtype)a->dtype, .rank = (int)a->rank };
    for (int i = 0; i < y->rank; i++) y->dim[i] = a->dim[i];
    return KT_OK;
}

static kt_status fill_run(kt_run *r)
{
    fill_output(r, ((const kt_fill_attr *)kt_run_attr(r))->value);
    return KT_OK;
}

const kt_op kt_op_fill = {
    .size = sizeof(kt_op), .name = "fill", .n_in = 0, .n_out = 1,
    .attr_size = sizeof(kt_fill_attr), .flags = KT_OP_ELEMENTWISE, .infer = fill_infer,
    .kernel = fill_run, .id = KT_OP_ID_fill,
};

/* ---- public ---- */

kt_tensor *kt_scalar_new(kt_context *kt, kt_dtype dtype, double value)
{
    if (!kt) return NULL;
    if (dtype == KT_DTYPE_DEFAULT) dtype = kt_floatx(kt);
    return kt_record(kt, &kt_op_scalar, NULL, 0, &(kt_dtype_attr){ (int64_t)dtype }, &value);
}

kt_tensor *kt_scalar(kt_tensor *like, double value)
{
    return like ? kt_scalar_new(like->node->kt, like->desc.dtype, value) : NULL;
}

kt_tensor *kt_fill(kt_context *kt, kt_dtype dtype, kt_shape shape, double value)
{
    if (!kt) return NULL;
    if (dtype == KT_DTYPE_DEFAULT) dtype = kt_floatx(kt);
    if (kt_check_shape(kt, "fill", dtype, &shape) != KT_OK) return NULL;
    kt_fill_attr a = { .dtype = (int64_t)dtype, .value = value, .rank = shape.rank };
    for (int i = 0; i < shape.rank; i++) a.dim[i] = shape.dim[i];
    return kt_record(kt, &kt_op_fill, NULL, 0, &a, NULL);
}

kt_tensor *kt_zeros(kt_context *kt, kt_dtype dtype, kt_shape shape)
{
    return kt_fill(kt, dtype, shape, 0);
}

kt_tensor *kt_ones(kt_context *kt, kt_dtype dtype, kt_shape shape)
{
    return kt_fill(kt, dtype, shape, 1);
}

/* ---- ops that meet a constant ---- */

kt_tensor *kt_fill_like(kt_tensor *x, double value)
{
    return x ? kt_fill(x->node->kt, x->desc.dtype, kt_shape_of(&x->desc), value) : NULL;
}

kt_tensor *kt_scaled(kt_tensor *x, double factor) { return kt_mul(x, kt_fill_like(x, factor)); }

kt_tensor *kt_shifted(kt_tensor *x, double summand) { return kt_add(x, kt_fill_like(x, summand)); }

kt_tensor *kt_one_minus(kt_tensor *x) { return kt_sub(kt_fill_like(x, 1), x); }

kt_tensor *kt_share(kt_tensor *g, kt_tensor *wins, kt_tensor *x, kt_tensor *y, bool second)
{
    kt_tensor *zero = kt_fill_like(g, 0);
    kt_tensor *rest = kt_where(kt_equal(x, y), kt_scaled(g, 0.5), second ? g : zero);
    return kt_where(wins, second ? zero : g, rest);
}

/* Where x is not positive the logarithm is taken of 1: zero, and finite in all its derivatives. */
kt_tensor *kt_log_or_zero(kt_tensor *x)
{
    kt_tensor *positive = kt_greater(x, kt_fill_like(x, 0));
    return kt_log(kt_where(positive, x, kt_fill_like(x, 1)));
}
