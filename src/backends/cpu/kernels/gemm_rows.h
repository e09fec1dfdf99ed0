/* SPDX-License-Identifier: MIT */
/* gemm_rows.h: products with one output row or one output column: predictions of one row, heads of
 * one unit.
 *
 * Such a product reads each element of its matrix once, so there is nothing to block or pack; what
 * matters is enough independent sums to hide the latency of the multiply-add, and little ado around
 * a few dozen of them.
 *
 *   dots:        y[i] = sum over p of x[p] w[i * ws + p]     VL rows at once, one accumulator each,
 *       transposed at the end
 *   scaled rows: y[j] = sum over p of x[p] w[p * ws + j]     four vectors of columns at once, even
 *       and odd p apart
 *
 * One column of C is one row of C transposed: then the vector is B, the matrix A, and bias and C
 * are read accordingly.
 */
#ifndef KT_CPU_GEMM_ROWS_H
#define KT_CPU_GEMM_ROWS_H

#include "gemm_tiles.h"

/* The epilogue for n <= VL outputs at y. A column of C has one bias for all. */
static inline void row_put(const kt_gemm *g, vec sum, real *y, const real *bias, bool column,
                           int64_t n)
{
    vmask mask = vmask_of(n);
    bool full = n == VL;
    if (g->flags & KT_GEMM_ADD)
        sum += full ? vload(y) : vload_n(y, mask);
    if (g->flags & KT_GEMM_BIAS)
        sum += column ? vset1(*bias) : full ? vload(bias) : vload_n(bias, mask);
    if (g->flags & KT_GEMM_RELU)
        sum = vrelu(sum);
    if (full)
        vstore(y, sum);
    else
        vstore_n(y, mask, sum);
}

static inline const real *bias_at(const real *bias, bool column, int64_t i)
{
    return column || !bias ? bias : bias + i;
}

/* One dot product with four accumulators. */
static inline real dot(const real *x, const real *w, int64_t n)
{
    vec s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 };
    int64_t p = 0;
    for (; p + 4 * VL <= n; p += 4 * VL) {
        s0 = vfma(vload(x + p), vload(w + p), s0);
        s1 = vfma(vload(x + p + VL), vload(w + p + VL), s1);
        s2 = vfma(vload(x + p + 2 * VL), vload(w + p + 2 * VL), s2);
        s3 = vfma(vload(x + p + 3 * VL), vload(w + p + 3 * VL), s3);
    }
    for (; p + VL <= n; p += VL)
        s0 = vfma(vload(x + p), vload(w + p), s0);
    if (p < n) {
        vmask mask = vmask_of(n - p);
        s1 = vfma(vload_n(x + p, mask), vload_n(w + p, mask), s1);
    }
    return vsum((s0 + s1) + (s2 + s3));
}

#if VL == 16
#define DOT_ROWS ROWS_16
#define DOT_GROUPS GROUPS_16
#elif VL == 8
#define DOT_ROWS ROWS_8
#define DOT_GROUPS GROUPS_8
#elif VL == 4
#define DOT_ROWS ROWS_4
#define DOT_GROUPS GROUPS_4
#else
#define DOT_ROWS ROWS_2
#define DOT_GROUPS GROUPS_2
#endif

/* VL dot products: rows of w, ra apart. */
static vec dots(const real *x, const real *a, int64_t ra, int64_t n)
{
    const int64_t ca = VL;
#define DOT_DECLARE(i, g, o) vec c##i = { 0 };
#define DOT_STEP(i, g, o) c##i = vfma(vload(p##g + o * ra), x0, c##i);
#define DOT_LAST(i, g, o) c##i = vfma(vload_n(p##g + o * ra, mask), x0, c##i);
#define DOT_ITEM(i, g, o) c##i,
    DOT_GROUPS(GROUP_DECLARE)
    DOT_ROWS(DOT_DECLARE)
    int64_t p = 0;
    for (; p + VL <= n; p += VL) {
        const vec x0 = vload(x + p);
        DOT_ROWS(DOT_STEP)
        DOT_GROUPS(GROUP_NEXT)
    }
    if (p < n) {
        vmask mask = vmask_of(n - p);
        const vec x0 = vload_n(x + p, mask);
        DOT_ROWS(DOT_LAST)
    }
    vec r[VL] = { DOT_ROWS(DOT_ITEM) };
    vtranspose(r);
    for (int half = VL / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            r[i] += r[i + half];
    return r[0];
}

static void dots_run(const kt_gemm *g, const real *a, const real *b, real *c, const real *bias,
                     int64_t chunk)
{
    bool column = g->column;
    const real *x = column ? b : a, *w = column ? a : b;
    int64_t stride = column ? g->a_rs : g->b_cs, outputs = column ? g->m : g->n;
    int64_t i = chunk * g->nc, last = i + g->nc < outputs ? i + g->nc : outputs;

    for (; i + VL <= last; i += VL)
        row_put(g, dots(x, w + i * stride, stride, g->k), c + i, bias_at(bias, column, i), column,
                VL);
    if (i == last)
        return;
    vec rest = { 0 };
    for (int64_t q = 0; i + q < last; q++)
        rest[q] = dot(x, w + (i + q) * stride, g->k);
    row_put(g, rest, c + i, bias_at(bias, column, i), column, last - i);
}

/* n <= VL columns; four sums by p modulo 4. */
static KT_INLINE vec one_vector(const real *x, int64_t xs, const real *w, int64_t ws, int64_t k,
                                                            int64_t n)
{
    const vmask mask = vmask_of(n);
#define COLUMN(q) (n == VL ? vload(w + (q) * ws) : vload_n(w + (q) * ws, mask))
    vec s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 };
    for (; k >= 4; k -= 4, w += 4 * ws, x += 4 * xs) {
        s0 = vfma(vset1(x[0]), COLUMN(0), s0);
        s1 = vfma(vset1(x[xs]), COLUMN(1), s1);
        s2 = vfma(vset1(x[2 * xs]), COLUMN(2), s2);
        s3 = vfma(vset1(x[3 * xs]), COLUMN(3), s3);
    }
    if (k > 0)
        s0 = vfma(vset1(x[0]), COLUMN(0), s0);
    if (k > 1)
        s1 = vfma(vset1(x[xs]), COLUMN(1), s1);
    if (k > 2)
        s2 = vfma(vset1(x[2 * xs]), COLUMN(2), s2);
    return (s0 + s1) + (s2 + s3);
#undef COLUMN
}

static void scaled_rows_run(const kt_gemm *g, const real *a, const real *b, real *c,
                            const real *bias, int64_t chunk)
{
    bool column = g->column;
    const real *x = column ? b : a, *w = column ? a : b;
    int64_t xs = column ? g->b_rs : g->a_cs, ws = column ? g->a_cs : g->b_rs,
            outputs = column ? g->m : g->n;
    int64_t j = chunk * g->nc, last = j + g->nc < outputs ? j + g->nc : outputs;

    for (; j + 4 * VL <= last; j += 4 * VL) {
        vec s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 }, t0 = { 0 }, t1 = { 0 }, t2 = { 0 },
            t3 = { 0 };
        const real *row = w + j, *u = x;
        for (int64_t p = g->k / 2; p > 0; p--, row += 2 * ws, u += 2 * xs) {
            vec even = vset1(u[0]), odd = vset1(u[xs]);
            s0 = vfma(even, vload(row), s0);
            s1 = vfma(even, vload(row + VL), s1);
            s2 = vfma(even, vload(row + 2 * VL), s2);
            s3 = vfma(even, vload(row + 3 * VL), s3);
            t0 = vfma(odd, vload(row + ws), t0);
            t1 = vfma(odd, vload(row + ws + VL), t1);
            t2 = vfma(odd, vload(row + ws + 2 * VL), t2);
            t3 = vfma(odd, vload(row + ws + 3 * VL), t3);
        }
        if (g->k & 1) {
            vec even = vset1(u[0]);
            s0 = vfma(even, vload(row), s0);
            s1 = vfma(even, vload(row + VL), s1);
            s2 = vfma(even, vload(row + 2 * VL), s2);
            s3 = vfma(even, vload(row + 3 * VL), s3);
        }
        row_put(g, s0 + t0, c + j, bias_at(bias, column, j), column, VL);
        row_put(g, s1 + t1, c + j + VL, bias_at(bias, column, j + VL), column, VL);
        row_put(g, s2 + t2, c + j + 2 * VL, bias_at(bias, column, j + 2 * VL), column, VL);
        row_put(g, s3 + t3, c + j + 3 * VL, bias_at(bias, column, j + 3 * VL), column, VL);
    }
    for (; j + VL <= last; j += VL)
        row_put(g, one_vector(x, xs, w + j, ws, g->k, VL), c + j, bias_at(bias, column, j), column,
                VL);
    if (j < last)
        row_put(g, one_vector(x, xs, w + j, ws, g->k, last - j), c + j, bias_at(bias, column, j),
                column, last - j);
}

#endif
