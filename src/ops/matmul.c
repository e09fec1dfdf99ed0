/* SPDX-License-Identifier: MIT */
/* ops/matmul.c: products of matrices; the rows `matmul` and `dense`.
 *
 * The row matmul sees a (..., m, k) and b (..., k, n), either one possibly stored transposed, with
 * the same leading axes, or b with none and a not transposed: then a's leading axes are only more
 * rows. Ranks 1 and leading axes that have to be stretched are dealt with before recording.
 * Gradients are products again, with the flags set and nothing transposed in memory.
 *
 * `dense` is a matmul with a bias and perhaps a relu behind it: made by the fusion pass alone,
 * after gradients have been recorded.
 */
#include "ops/ops.h"

static kt_tensor *matmul(kt_tensor *a, int ta, kt_tensor *b, int tb)
{
    return kt_apply2(&kt_op_matmul, a, b, &(kt_matmul_attr){ ta, tb });
}

/* ---- recording ---- */

/* Stretches leading axes so that the row's rule holds. */
static bool align_batches(kt_tensor **a, kt_tensor **b, bool transpose_a)
{
    kt_desc da = (*a)->desc, db = (*b)->desc;
    if (db.rank == 2 && (da.rank == 2 || !transpose_a)) return true;
    kt_desc la = da, lb = db; /* leading axes */
    la.rank -= 2;
    lb.rank -= 2;
    kt_shape lead;
    if (!kt_common_shape(&la, &lb, &lead)) {
        kt_op_fail((*a)->node->kt, &kt_op_matmul, KT_ERR_SHAPE,
                   "expected leading axes that broadcast, got %s x %s; reshape one of them",
                   kt_describe(&da).at, kt_describe(&db).at);
        return false;
    }
    if (lead.rank + 2 > KT_MAX_RANK)
        return false; /* cannot be: neither operand's rank is above the maximum */
    kt_shape sa = lead, sb = lead;
    for (int i = 0; i < 2; i++) {
        sa.dim[sa.rank++] = da.dim[da.rank - 2 + i];
        sb.dim[sb.rank++] = db.dim[db.rank - 2 + i];
    }
    *a = kt_broadcast_to(*a, sa);
    *b = kt_broadcast_to(*b, sb);
    return *a && *b;
}

kt_tensor *kt_matmul_transposed(kt_tensor *a, bool transpose_a, kt_tensor *b, bool transpose_b)
{
    if (!a || !b) return NULL;
    kt_dtype dtype = kt_promote(kt_promote(a->desc.dtype, b->desc.dtype), KT_INT32);
    if (a->desc.rank == 0 || b->desc.rank == 0)
        return kt_op_fail(a->node->kt, &kt_op_matmul, KT_ERR_SHAPE,
                          "expected two tensors with axes, got %s x %s; kt_mul "
                          "multiplies by a number",
                          kt_describe(&a->desc).at, kt_describe(&b->desc).at);
    bool row = a->desc.rank == 1, column = b->desc.rank == 1;
    if (a->desc.dtype != dtype) a = kt_cast(a, dtype);
    if (b->desc.dtype != dtype) b = kt_cast(b, dtype);
    if (row) a = kt_expand_dims(a, 0);
    if (column) b = kt_expand_dims(b, 1);
    if (!a || !b) return NULL;
    transpose_a = transpose_a && !row;
    transpose_b = transpose_b && !column;
    if (!align_batches(&a, &b, transpose_a)) return NULL;
    kt_tensor *y = matmul(a, transpose_a, b, transpose_b);
    if (column) y = kt_squeeze(y, -1);
    if (row) y = kt_squeeze(y, column ? -1 : -2);
    return y;
}

kt_tensor *kt_matmul(kt_tensor *a, kt_tensor *b)
{
    return kt_matmul_transposed(a, false, b, false);
}

/* ---- rows ---- */

/* The sizes of one product: y (batch, m, n) = a (batch, m, k) b (batch or 1, k, n). */
typedef struct matmul_sizes {
    int64_t batch, m, k, n;
    bool shared; /* b has no leading axes */
} matmul_sizes;

static matmul_sizes sizes_of(const kt_desc *a, const kt_desc *b, int ta, int tb)
{
    matmul_sizes s = { .batch = 1, .shared = b->rank == 2 };
    for (int i = 0; i < a->rank - 2; i++) s.batch *= a->dim[i];
    s.m = a->dim[a->rank - (ta ? 1 : 2)];
    s.k = a->dim[a->rank - (ta ? 2 : 1)];
    s.n = b->dim[b->rank - (tb ? 2 : 1)];
    if (s.shared && !ta) { /* leading axes are more rows */
        s.m *= s.batch;
        s.batch = 1;
    }
    return s;
}

static kt_status matmul_infer(kt_infer *q)
{
    const kt_matmul_attr *t = kt_infer_attr(q);
    const kt_desc *a = kt_in(q, 0), *b = kt_in(q, 1);
    bool fits = a->rank >= 2 && (b->rank == a->rank || (b->rank == 2 && !t->transpose_a)) &&
                a->dtype == b->dtype;
    for (int i = 0; fits && b->rank > 2 && i < a->rank - 2; i++) fits = a->dim[i] == b->dim[i];
    if (!fits)
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected (..., m, k) x (..., k, n) with equal leading axes, or none on the right, "
            "got %s x %s; kt_matmul brings them together",
            kt_describe(a).at, kt_describe(b).at);
    int64_t ka = a->dim[a->rank - (t->transpose_a ? 2 : 1)],
            kb = b->dim[b->rank - (t->transpose_b ? 1 : 2)];
    if (ka != kb)
        return kt_infer_fail(
            q, KT_ERR_SHAPE,
            "expected inner sizes that agree, got %s%s x %s%s: %lld and %lld; check the number of "
            "features, or transpose an operand",
            kt_describe(a).at, t->transpose_a ? " transposed" : "", kt_describe(b).at,
            t->transpose_b ? " transposed" : "", (long long)ka, (long long)kb);
    kt_desc *y = kt_out(q, 0);
    *y = *a;
    y->dim[y->rank - 2] = a->dim[a->rank - (t->transpose_a ? 1 : 2)];
    y->dim[y->rank - 1] = b->dim[b->rank - (t->transpose_b ? 2 : 1)];
    if (kt_desc_count(y) < 0)
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a product that memory can hold, got %s",
                             kt_describe(y).at);
    return KT_OK;
}

/* Sums run over k in order for each element, in double; row by row, so that b is read along its
 * rows. */
static void product(const matmul_sizes *s, const double *a, const double *b, double *y, int ta,
                    int tb)
{
    int64_t a_row = ta ? 1 : s->k, a_col = ta ? s->m : 1, b_row = tb ? 1 : s->n,
            b_col = tb ? s->k : 1;
    for (int64_t i = 0; i < s->m; i++) {
        double *to = y + i * s->n;
        for (int64_t j = 0; j < s->n; j++) to[j] = 0;
        for (int64_t p = 0; p < s->k; p++) {
            double factor = a[i * a_row + p * a_col];
            for (int64_t j = 0; j < s->n; j++) to[j] += factor * b[p * b_row + j * b_col];
        }
    }
}

static void products(kt_run *r, int ta, int tb)
{
    matmul_sizes s = sizes_of(kt_run_in(r, 0), kt_run_in(r, 1), ta, tb);
    const double *a = kt_ref_in(r, 0), *b = kt_ref_in(r, 1);
    double *y = kt_ref_out(r, 0);
    for (int64_t i = 0; i < s.batch; i++)
        product(&s, a + i * s.m * s.k, b + (s.shared ? 0 : i * s.k * s.n), y + i * s.m * s.n, ta,
                tb);
}

static void whole_products(kt_run *r, int ta, int tb)
{
    matmul_sizes s = sizes_of(kt_run_in(r, 0), kt_run_in(r, 1), ta, tb);
    const int64_t *a = kt_ref_in_int(r, 0), *b = kt_ref_in_int(r, 1);
    int64_t *y = kt_ref_out_int(r, 0);
    for (int64_t batch = 0; batch < s.batch; batch++, a += s.m * s.k, b += s.shared ? 0 : s.k * s.n)
        for (int64_t i = 0; i < s.m; i++)
            for (int64_t j = 0; j < s.n; j++) {
                uint64_t sum = 0;
                for (int64_t p = 0; p < s.k; p++)
                    sum += (uint64_t)a[ta ? p * s.m + i : i * s.k + p] *
                           (uint64_t)b[tb ? j * s.k + p : p * s.n + j];
                *y++ = (int64_t)sum;
            }
}

static kt_status matmul_run(kt_run *r)
{
    const kt_matmul_attr *t = kt_run_attr(r);
    if (kt_is_float(kt_run_out(r, 0)->dtype)) products(r, t->transpose_a, t->transpose_b);
    else whole_products(r, t->transpose_a, t->transpose_b);
    return KT_OK;
}

/* Leading axes folded into the rows. */
static kt_tensor *as_matrix(kt_tensor *x)
{
    if (!x || x->desc.rank == 2) return x;
    return kt_reshape(x, KT_SHAPE(-1, x->desc.dim[x->desc.rank - 1]));
}

static void matmul_grad(kt_grad *q)
{
    const kt_matmul_attr *t = kt_grad_attr(q);
    kt_tensor *a = kt_grad_in(q, 0), *b = kt_grad_in(q, 1), *g = kt_grad_out(q, 0);
    int ta = t->transpose_a, tb = t->transpose_b;
    if (kt_grad_needs(q, 0)) kt_grad_set(q, 0, ta ? matmul(b, tb, g, 1) : matmul(g, 0, b, !tb));
    if (!kt_grad_needs(q, 1)) return;
    if (b->desc.rank == 2 && a->desc.rank > 2) {
        if (a->desc.dim[a->desc.rank - 1] == 0 || g->desc.dim[g->desc.rank - 1] == 0) {
            kt_grad_set(q, 1, kt_fill_like(b, 0)); /* nothing to fold */
            return;
        }
        a = as_matrix(a);
        g = as_matrix(g);
    }
    kt_grad_set(q, 1, tb ? matmul(g, 1, a, ta) : matmul(a, !ta, g, 0));
}

const kt_op kt_op_matmul = {
    .size = sizeof(kt_op), .name = "matmul", .n_in = 2, .n_out = 1,
    .attr_size = sizeof(kt_matmul_attr), .infer = matmul_infer, .kernel = matmul_run,
    .grad = matmul_grad, .id = KT_OP_ID_matmul,
};

/* ---- dense ---- */

static kt_status dense_infer(kt_infer *q) /* the attribute begins as matmul's does */
{
    kt_status status = matmul_infer(q);
    if (status != KT_OK) return status;
    const kt_desc *bias = kt_in(q, 2), *y = kt_out(q, 0);
    if (bias->rank != 1 || bias->dim[0] != y->dim[y->rank - 1] || bias->dtype != y->dtype ||
        !kt_is_float(y->dtype))
        return kt_infer_fail(q, KT_ERR_SHAPE, "expected a bias of %lld floats for %s, got %s",
                             (long long)y->dim[y->rank - 1], kt_describe(y).at,
                             kt_describe(bias).at);
    return KT_OK;
}

static kt_status dense_run(kt_run *r)
{
    const kt_dense_attr *t = kt_run_attr(r);
    products(r, t->transpose_a, t->transpose_b);
    const double *bias = kt_ref_in(r, 2);
    double *y = kt_ref_out(r, 0);
    int64_t n = kt_run_in(r, 2)->dim[0], rows = n ? kt_count(r) / n : 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++, y++) {
            *y += bias[j];
            if (t->relu && *y <= 0) *y = 0; /* NaN stays */
        }
    return KT_OK;
}

const kt_op kt_op_dense = {
    .size = sizeof(kt_op), .name = "dense", .n_in = 3, .n_out = 1,
    .attr_size = sizeof(kt_dense_attr), .infer = dense_infer, .kernel = dense_run,
    .id = KT_OP_ID_dense,
};
