/* SPDX-License-Identifier: MIT */
/* ops/crossentropy.c: the cross-entropies, from logits as fused rows, from probabilities as
 * compositions.
 *
 * Probabilities that are themselves the result of a softmax or sigmoid row are taken back to their
 * logits, also through reshapes, as Keras on TensorFlow does (in losses and metrics alike): no
 * clipping, and exact gradients. Other probabilities are clipped to [1e-7, 1 - 1e-7], Keras's
 * epsilon. With p = softmax(x):
 * - sparse: loss = log sum e^x - x[label], dx = (p - onehot) g
 * - categorical: loss = sum_j t_j (log sum e^x - x_j), dx = (p sum t - t) g
 *
 * A label out of range gives NaN in its loss and its row of dx. The binary one is a line of
 * binary.def.
 */
#include <math.h>

#include "ops/ops.h"

static const double epsilon = 1e-7;

/* ---- public ---- */

/* The logits of which y is the softmax (or sigmoid), in y's shape; NULL if it is not one. */
static kt_tensor *logits_behind(kt_tensor *y, const kt_op *op)
{
    const kt_tensor *x = y;
    while (x->node->op == &kt_op_reshape) x = x->node->in[0];
    if (x->node->op != op) return NULL;
    kt_tensor *logits = x->node->in[0];
    bool whole_rows = op != &kt_op_softmax || kt_dim(y, -1) == kt_dim(x, -1);
    return whole_rows ? kt_reshape(logits, kt_shape_of(&y->desc)) : NULL;
}

static kt_tensor *mismatch(kt_tensor *y_true, kt_tensor *y_pred, const char *op,
                           const char *expected)
{
    kt_fail_at(y_pred->node->kt, KT_ERR_SHAPE, op,
               "expected %s, got y_true %s and y_pred %s; look at the model's last layer and "
               "at the targets",
               expected, kt_describe(&y_true->desc).at, kt_describe(&y_pred->desc).at);
    return NULL;
}

kt_tensor *kt_binary_crossentropy(kt_tensor *y_true, kt_tensor *y_pred, bool from_logits)
{
    y_pred = kt_real(y_pred);
    if (!y_true || !y_pred) return NULL;
    if (!kt_desc_same_shape(&y_true->desc, &y_pred->desc))
        return mismatch(y_true, y_pred, "binary_crossentropy", "targets of the predictions' shape");
    kt_tensor *t = kt_cast(y_true, y_pred->desc.dtype);
    kt_tensor *logits = from_logits ? y_pred : logits_behind(y_pred, &kt_op_sigmoid);
    if (logits) return kt_binary_ce(logits, t);
    kt_tensor *p = kt_clip(y_pred, epsilon, 1 - epsilon);
    return kt_neg(kt_add(kt_mul(t, kt_log(p)), kt_mul(kt_one_minus(t), kt_log(kt_one_minus(p)))));
}

kt_tensor *kt_categorical_crossentropy(kt_tensor *y_true, kt_tensor *y_pred, bool from_logits)
{
    y_pred = kt_real(y_pred);
    if (!y_true || !y_pred) return NULL;
    if (!kt_desc_same_shape(&y_true->desc, &y_pred->desc) || y_pred->desc.rank == 0)
        return mismatch(y_true, y_pred, "categorical_crossentropy",
                        "targets of the predictions' shape, classes along the last axis");
    kt_tensor *t = kt_cast(y_true, y_pred->desc.dtype);
    kt_tensor *logits = from_logits ? y_pred : logits_behind(y_pred, &kt_op_softmax);
    if (logits) return kt_apply2(&kt_op_categorical_ce, logits, t, NULL);
    kt_tensor *p = kt_div(y_pred, kt_sum_axes(y_pred, KT_AXES(-1), true));
    return kt_neg(
        kt_sum_axes(kt_mul(t, kt_log(kt_clip(p, epsilon, 1 - epsilon))), KT_AXES(-1), false));
}

kt_tensor *kt_sparse_categorical_crossentropy(kt_tensor *y_true, kt_tensor *y_pred,
                                              bool from_logits)
{
    y_pred = kt_real(y_pred);
    if (!y_true || !y_pred) return NULL;
    kt_desc wanted = y_pred->desc;
    wanted.rank--;
    kt_tensor *labels = y_true;
    if (labels->desc.rank == wanted.rank + 1 && labels->desc.rank > 0 && kt_dim(labels, -1) == 1)
        labels = kt_squeeze(labels, -1);
    if (!labels) return NULL;
    if (wanted.rank < 0 || !kt_desc_same_shape(&labels->desc, &wanted))
        return mismatch(y_true, y_pred, "sparse_categorical_crossentropy",
                        "one class number for each row of predictions along the last axis");
    if (labels->desc.dtype != KT_INT64) labels = kt_cast(labels, KT_INT32);
    kt_tensor *logits = from_logits ? y_pred : logits_behind(y_pred, &kt_op_softmax);
    if (!logits)
        logits =
            kt_log(kt_clip(y_pred, epsilon, 1 - epsilon)); /* softmax of it: divided by the sum */
    return kt_apply2(&kt_op_sparse_ce, logits, labels, NULL);
}

/* ---- shared by the rows ---- */

/* out: x's shape without the last axis. */
static kt_status ce_infer(kt_infer *q, bool sparse, bool backward)
{
    const kt_desc *x = kt_in(q, 0), *t = kt_in(q, 1);
    kt_desc rows = *x;
    rows.rank--;
    bool fits = x->rank > 0 && kt_is_float(x->dtype);
    if (sparse)
        fits =
            fits && kt_desc_same_shape(t, &rows) && (t->dtype == KT_INT32 || t->dtype == KT_INT64);
    else fits = fits && kt_desc_equal(t, x);
    if (backward) fits = fits && kt_desc_equal(kt_in(q, 2), &rows);
    if (!fits)
        return kt_infer_fail(q, KT_ERR_SHAPE,
                             "expected logits (..., classes) and %s, got %s and %s",
                             sparse ? "class numbers (...)" : "targets alike", kt_describe(x).at,
                             kt_describe(t).at);
    *kt_out(q, 0) = backward ? *x : rows;
    return KT_OK;
}

static double log_sum_exp(const double *x, int64_t n)
{
    double max = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] - max);
    return max + log(sum);
}

static kt_tensor *row_sum(kt_tensor *x) { return kt_sum_axes(x, KT_AXES(-1), false); }
static kt_tensor *as_column(kt_tensor *g) { return kt_expand_dims(g, -1); }

static kt_tensor *hot(kt_grad *q)
{
    kt_tensor *x = kt_grad_in(q, 0);
    return kt_cast(kt_one_hot(kt_grad_in(q, 1), kt_dim(x, -1)), x->desc.dtype);
}

/* ---- sparse ---- */

static kt_status sparse_ce_infer(kt_infer *q) { return ce_infer(q, true, false); }
static kt_status sparse_ce_grad_infer(kt_infer *q) { return ce_infer(q, true, true); }

static kt_status sparse_ce_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *x = kt_ref_in(r, 0);
    const int64_t *label = kt_ref_in_int(r, 1);
    double *y = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, x += l.len)
        y[o] = label[o] >= 0 && label[o] < l.len ? log_sum_exp(x, l.len) - x[label[o]] : NAN;
    return KT_OK;
}

static void sparse_ce_grad(kt_grad *q)
{
    if (kt_grad_needs(q, 0))
        kt_grad_set(q, 0,
                    kt_apply3(&kt_op_sparse_ce_grad, kt_grad_in(q, 0), kt_grad_in(q, 1),
                              kt_grad_out(q, 0), NULL));
}

static void sparse_ce_expand(kt_grad *q)
{
    kt_expand_set(q, 0, kt_neg(row_sum(kt_mul(hot(q), kt_log_softmax(kt_grad_in(q, 0), -1)))));
}

const kt_op kt_op_sparse_ce = {
    .size = sizeof(kt_op), .name = "sparse_ce", .n_in = 2, .n_out = 1, .infer = sparse_ce_infer,
    .kernel = sparse_ce_run, .grad = sparse_ce_grad, .expand = sparse_ce_expand,
    .id = KT_OP_ID_sparse_ce,
};

static kt_status sparse_ce_grad_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *x = kt_ref_in(r, 0), *g = kt_ref_in(r, 2);
    const int64_t *label = kt_ref_in_int(r, 1);
    double *dx = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, x += l.len, dx += l.len) {
        bool valid = label[o] >= 0 && label[o] < l.len;
        double total = log_sum_exp(x, l.len);
        for (int64_t i = 0; i < l.len; i++)
            dx[i] = valid ? (exp(x[i] - total) - (i == label[o])) * g[o] : NAN;
    }
    return KT_OK;
}

/* h arrives, p = softmax(x): dx = softmax_grad(p, h) g; dg = sum(h (p - onehot)) */
static void sparse_ce_grad_grad(kt_grad *q)
{
    kt_tensor *g = kt_grad_in(q, 2), *h = kt_grad_out(q, 0), *p = kt_softmax(kt_grad_in(q, 0), -1);
    if (kt_grad_needs(q, 0))
        kt_grad_set(q, 0, kt_mul(kt_apply2(&kt_op_softmax_grad, p, h, NULL), as_column(g)));
    if (kt_grad_needs(q, 2)) kt_grad_set(q, 2, row_sum(kt_mul(h, kt_sub(p, hot(q)))));
}

static void sparse_ce_grad_expand(kt_grad *q)
{
    kt_tensor *p = kt_softmax(kt_grad_in(q, 0), -1);
    kt_expand_set(q, 0, kt_mul(kt_sub(p, hot(q)), as_column(kt_grad_in(q, 2))));
}

const kt_op kt_op_sparse_ce_grad = {
    .size = sizeof(kt_op), .name = "sparse_ce_grad", .n_in = 3, .n_out = 1,
    .infer = sparse_ce_grad_infer, .kernel = sparse_ce_grad_run, .grad = sparse_ce_grad_grad,
    .expand = sparse_ce_grad_expand, .id = KT_OP_ID_sparse_ce_grad,
};

/* ---- categorical ---- */

static kt_status categorical_ce_infer(kt_infer *q) { return ce_infer(q, false, false); }
static kt_status categorical_ce_grad_infer(kt_infer *q) { return ce_infer(q, false, true); }

static kt_status categorical_ce_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *x = kt_ref_in(r, 0), *t = kt_ref_in(r, 1);
    double *y = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, x += l.len, t += l.len) {
        double total = log_sum_exp(x, l.len), loss = 0;
        for (int64_t i = 0; i < l.len; i++) loss += t[i] * (total - x[i]);
        y[o] = loss;
    }
    return KT_OK;
}

static void categorical_ce_grad(kt_grad *q)
{
    kt_tensor *x = kt_grad_in(q, 0), *t = kt_grad_in(q, 1), *g = kt_grad_out(q, 0);
    if (kt_grad_needs(q, 0))
        kt_grad_set(q, 0, kt_apply3(&kt_op_categorical_ce_grad, x, t, g, NULL));
    if (kt_grad_needs(q, 1)) kt_grad_set(q, 1, kt_neg(kt_mul(kt_log_softmax(x, -1), as_column(g))));
}

static void categorical_ce_expand(kt_grad *q)
{
    kt_expand_set(q, 0,
                  kt_neg(row_sum(kt_mul(kt_grad_in(q, 1), kt_log_softmax(kt_grad_in(q, 0), -1)))));
}

const kt_op kt_op_categorical_ce = {
    .size = sizeof(kt_op), .name = "categorical_ce", .n_in = 2, .n_out = 1,
    .infer = categorical_ce_infer, .kernel = categorical_ce_run, .grad = categorical_ce_grad,
    .expand = categorical_ce_expand, .id = KT_OP_ID_categorical_ce,
};

static kt_status categorical_ce_grad_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(kt_run_in(r, 0), -1);
    const double *x = kt_ref_in(r, 0), *t = kt_ref_in(r, 1), *g = kt_ref_in(r, 2);
    double *dx = kt_ref_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, x += l.len, t += l.len, dx += l.len) {
        double total = log_sum_exp(x, l.len), weight = 0;
        for (int64_t i = 0; i < l.len; i++) weight += t[i];
        for (int64_t i = 0; i < l.len; i++) dx[i] = (exp(x[i] - total) * weight - t[i]) * g[o];
    }
    return KT_OK;
}

/* h arrives, p = softmax(x): dx = softmax_grad(p, h) sum(t) g; dt = (sum(h p) - h) g; dg = sum(h (p
 * sum(t) - t)) */
static void categorical_ce_grad_grad(kt_grad *q)
{
    kt_tensor *t = kt_grad_in(q, 1), *g = kt_grad_in(q, 2), *h = kt_grad_out(q, 0),
              *p = kt_softmax(kt_grad_in(q, 0), -1);
    kt_tensor *weight = row_sum(t);
    if (kt_grad_needs(q, 0))
        kt_grad_set(q, 0,
                    kt_mul(kt_apply2(&kt_op_softmax_grad, p, h, NULL),
                           as_column(kt_mul(weight, g))));
    if (kt_grad_needs(q, 1))
        kt_grad_set(q, 1, kt_mul(kt_sub(as_column(row_sum(kt_mul(h, p))), h), as_column(g)));
    if (kt_grad_needs(q, 2))
        kt_grad_set(q, 2, row_sum(kt_mul(h, kt_sub(kt_mul(p, as_column(weight)), t))));
}

static void categorical_ce_grad_expand(kt_grad *q)
{
    kt_tensor *t = kt_grad_in(q, 1), *p = kt_softmax(kt_grad_in(q, 0), -1);
    kt_expand_set(q, 0,
                  kt_mul(kt_sub(kt_mul(p, as_column(row_sum(t))), t), as_column(kt_grad_in(q, 2))));
}

const kt_op kt_op_categorical_ce_grad = {
    .size = sizeof(kt_op), .name = "categorical_ce_grad", .n_in = 3, .n_out = 1,
    .infer = categorical_ce_grad_infer, .kernel = categorical_ce_grad_run,
    .grad = categorical_ce_grad_grad, .expand = categorical_ce_grad_expand,
    .id = KT_OP_ID_categorical_ce_grad,
};
