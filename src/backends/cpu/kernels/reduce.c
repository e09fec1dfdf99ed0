/* SPDX-License-Identifier: MIT */
/* reduce.c: sums, maxima and minima over the middle axis of (outer, len, inner), in float or
 * double.
 *
 * kernels.h states the order of a sum; what is here are the two ways through memory. Rows (inner ==
 * 1): a block of 512 elements is summed by four vectors of accumulators, blocks in double. Columns:
 * four vectors of neighbouring columns stay in registers while the rows go by; every 128 rows they
 * are added to totals in double. Maxima need no such care and use the same loops with one
 * accumulator type.
 *
 * A chunk is some rows of outer (short axis), or one segment of one row (long axis), or one strip
 * of columns of one segment. Only cut axes need the shared partial results and a finish.
 */
#include "kernels.h"
#include "real.h"

enum { CHUNK_ELEMENTS = 1 << 16, WIDE = 4 * VL };

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

static inline double start_of(kt_reduce_op op)
{
    return op == KT_REDUCE_MAX   ? -(double)__builtin_inff()
           : op == KT_REDUCE_MIN ? (double)__builtin_inff()
                                 : 0.0;
}

static inline double join(kt_reduce_op op, double a, double b)
{
    if (op == KT_REDUCE_MAX)
        return a > b || a != a ? a : b;
    if (op == KT_REDUCE_MIN)
        return a < b || a != a ? a : b;
    return a + b;
}

static KT_INLINE vec vjoin(kt_reduce_op op, vec a, vec b)
{
    if (op == KT_REDUCE_MAX)
        return vmax(a, b);
    if (op == KT_REDUCE_MIN)
        return vmin(a, b);
    return a + b;
}

static KT_INLINE vec vterm(kt_reduce_op op, vec x)
{
    return op == KT_REDUCE_SUMSQ ? x * x : x;
}

static KT_INLINE real across(kt_reduce_op op, vec v)
{
    if (op == KT_REDUCE_SUM || op == KT_REDUCE_SUMSQ)
        return vsum(v);
    real r = v[0];
    for (int i = 1; i < VL; i++)
        r = (real)join(op, r, v[i]);
    return r;
}

/* n elements by four accumulators. */
static KT_INLINE real block_of(kt_reduce_op op, const real *x, int64_t n)
{
    vec start = vset1((real)start_of(op)), s0 = start, s1 = start, s2 = start, s3 = start;
    int64_t i = 0;
    for (; i + WIDE <= n; i += WIDE) {
        s0 = vjoin(op, s0, vterm(op, vload(x + i)));
        s1 = vjoin(op, s1, vterm(op, vload(x + i + VL)));
        s2 = vjoin(op, s2, vterm(op, vload(x + i + 2 * VL)));
        s3 = vjoin(op, s3, vterm(op, vload(x + i + 3 * VL)));
    }
    for (; i + VL <= n; i += VL)
        s0 = vjoin(op, s0, vterm(op, vload(x + i)));
    if (i < n)
        s1 = vjoin(op, s1,
                   vfill(vterm(op, vload_n(x + i, vmask_of(n - i))), n - i, (real)start_of(op)));
    return across(op, vjoin(op, vjoin(op, s0, s1), vjoin(op, s2, s3)));
}

static KT_INLINE double row_of(kt_reduce_op op, const real *x, int64_t n)
{
    double total = start_of(op);
    for (int64_t i = 0; i < n; i += KT_SUM_BLOCK)
        total = join(op, total, block_of(op, x + i, min_i64(n - i, KT_SUM_BLOCK)));
    return total;
}

/* n <= WIDE columns over len rows; out gets one double each. */
static KT_INLINE void columns_of(kt_reduce_op op, const real *x, int64_t len, int64_t stride,
                                                             int64_t n, double *out)
{
    double total[WIDE];
    for (int j = 0; j < WIDE; j++)
        total[j] = start_of(op);
    for (int64_t i = 0; i < len; i += KT_SUM_ROWS) {
        int64_t rows = min_i64(len - i, KT_SUM_ROWS);
        vec start = vset1((real)start_of(op)), s[4] = { start, start, start, start };
        const real *p = x + i * stride;
        if (n == WIDE) {
            vec s0 = start, s1 = start, s2 = start, s3 = start;
            for (int64_t k = 0; k < rows; k++, p += stride) {
                s0 = vjoin(op, s0, vterm(op, vload(p)));
                s1 = vjoin(op, s1, vterm(op, vload(p + VL)));
                s2 = vjoin(op, s2, vterm(op, vload(p + 2 * VL)));
                s3 = vjoin(op, s3, vterm(op, vload(p + 3 * VL)));
            }
            s[0] = s0, s[1] = s1, s[2] = s2, s[3] = s3;
        } else {
            for (int64_t j = 0, v = 0; j < n; j += VL, v++) {
                vec acc = start;
                const real *q = p + j;
                vmask mask = vmask_of(min_i64(n - j, VL));
                if (n - j >= VL)
                    for (int64_t k = 0; k < rows; k++, q += stride)
                        acc = vjoin(op, acc, vterm(op, vload(q)));
                else
                    for (int64_t k = 0; k < rows; k++, q += stride)
                        acc = vjoin(op, acc, vterm(op, vload_n(q, mask)));
                s[v] = acc;
            }
        }
        real t[WIDE];
        memcpy(t, s, sizeof t);
        for (int j = 0; j < WIDE; j++)
            total[j] = join(op, total[j], t[j]);
    }
    memcpy(out, total, (size_t)n * sizeof *out);
}

real KT_REAL_NAME(kt_sum_block)(const real *x, int64_t n)
{
    return block_of(KT_REDUCE_SUM, x, n);
}

void KT_REAL_NAME(kt_reduce_prepare)(kt_reduce *r)
{
    bool empty = r->outer <= 0 || r->inner <= 0;
    int64_t len = max_i64(r->len, 0);
    r->segments = max_i64(1, ceil_div(len, KT_SUM_SEGMENT));
    r->needs_finish = r->segments > 1 && !empty;
    r->shared_bytes = r->needs_finish ? (size_t)(r->outer * r->segments * r->inner) * sizeof(double)
                                      : 0;
    r->rows_per_chunk = r->strips = 1;
    r->chunks = 0;
    if (empty)
        return;
    int64_t each = max_i64(1, min_i64(len, KT_SUM_SEGMENT)); /* terms in a chunk */
    if (r->segments == 1 && each <= CHUNK_ELEMENTS / r->inner)
        r->rows_per_chunk = max_i64(1, CHUNK_ELEMENTS / (each * r->inner));
    else if (r->inner > 1)
        r->strips = ceil_div(r->inner, max_i64(1, CHUNK_ELEMENTS / each / WIDE) * WIDE);
    r->chunks = ceil_div(r->outer, r->rows_per_chunk) * r->segments * r->strips;
}

static KT_INLINE void run_op(kt_reduce_op op, const kt_reduce *r, const real *x, real *y,
                                                         double *partial, int64_t chunk)
{
    int64_t strip = chunk % r->strips, segment = chunk / r->strips % r->segments;
    int64_t o = chunk / r->strips / r->segments * r->rows_per_chunk,
            o_end = min_i64(o + r->rows_per_chunk, r->outer);
    int64_t width =
        max_i64(1, CHUNK_ELEMENTS / max_i64(1, min_i64(r->len, KT_SUM_SEGMENT)) / WIDE) * WIDE;
    int64_t j0 = r->strips > 1 ? strip * width : 0,
            j1 = r->strips > 1 ? min_i64(j0 + width, r->inner) : r->inner;
    int64_t k0 = segment * KT_SUM_SEGMENT, len = min_i64(r->len - k0, KT_SUM_SEGMENT);

    for (; o < o_end; o++) {
        const real *p = x + (o * r->len + k0) * r->inner;
        double *to = r->segments > 1 ? partial + (o * r->segments + segment) * r->inner : NULL;
        if (r->inner == 1) {
            double t = row_of(op, p, len);
            if (to)
                *to = t;
            else
                y[o] = (real)t;
            continue;
        }
        for (int64_t j = j0; j < j1; j += WIDE) {
            double t[WIDE];
            int64_t n = min_i64(WIDE, j1 - j);
            columns_of(op, p + j, len, r->inner, n, to ? to + j : t);
            if (!to)
                for (int64_t q = 0; q < n; q++)
                    y[o * r->inner + j + q] = (real)t[q];
        }
    }
}

void KT_REAL_NAME(kt_reduce_run)(const kt_reduce *r, const real *x, real *y, void *shared,
                                 int64_t chunk)
{
    switch (r->op) {
    case KT_REDUCE_SUM:
        run_op(KT_REDUCE_SUM, r, x, y, shared, chunk);
        break;
    case KT_REDUCE_SUMSQ:
        run_op(KT_REDUCE_SUMSQ, r, x, y, shared, chunk);
        break;
    case KT_REDUCE_MAX:
        run_op(KT_REDUCE_MAX, r, x, y, shared, chunk);
        break;
    case KT_REDUCE_MIN:
        run_op(KT_REDUCE_MIN, r, x, y, shared, chunk);
        break;
    }
}

void KT_REAL_NAME(kt_reduce_finish)(const kt_reduce *r, const void *shared, real *y)
{
    const double *partial = shared;
    for (int64_t o = 0; r->needs_finish && o < r->outer; o++)
        for (int64_t j = 0; j < r->inner; j++) {
            double t = start_of(r->op);
            for (int64_t s = 0; s < r->segments; s++)
                t = join(r->op, t, partial[(o * r->segments + s) * r->inner + j]);
            y[o * r->inner + j] = (real)t;
        }
}
