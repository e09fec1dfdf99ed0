/* SPDX-License-Identifier: MIT */
/* softmax.c: softmax, its logarithm, and the cross-entropies from logits, row by row.
 *
 * All share a sweep that finds each row's maximum m, the terms e^(x - m) and their sum. Rows are
 * short (classes) as often as long (a vocabulary). Short ones are gathered, some at a time, into a
 * buffer in which each starts at a whole vector, so that one long loop makes all exponentials. The
 * missing lanes are zeros there (-inf would cost an underflow trap in the processor) and dropped
 * from the sum. Long rows pass through the same buffer in blocks. Sums of blocks are added in
 * double. A NaN or +inf in a row makes that row NaN, as in Keras.
 */
#include "kernels.h"
#include "real.h"
#include "vmath.h"

static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }

/* n lanes of x, the rest -inf. */
static inline vec lanes(const float *x, int64_t n)
{
    return n >= VL ? vload(x) : vfill(vload_n(x, vmask_of(n)), n, -INFINITY);
}

static inline void put(float *y, vec v, int64_t n)
{
    if (n >= VL)
        vstore(y, v);
    else
        vstore_n(y, vmask_of(n), v);
}

/* The largest of a row; anything if there is a NaN, which shows up in the sum. */
static inline float row_max(const float *x, int64_t n)
{
    vec m = vset1(-INFINITY);
    for (int64_t j = 0; j < n; j += VL) {
        vec v = lanes(x + j, n - j);
        ivec more = v > m;
        m = (vec)((more & (ivec)v) | (~more & (ivec)m));
    }
#if KT_VECTOR_BYTES == 64
    return _mm512_reduce_max_ps((__m512)m);
#else
    float r = m[0];
    for (int i = 1; i < VL; i++)
        r = m[i] > r ? m[i] : r;
    return r;
#endif
}

enum { BUFFER = KT_SUM_BLOCK, MOST_ROWS = 64 };

static inline int64_t padded(int64_t n) { return (n + VL - 1) / VL * VL; }

/* n is a multiple of VL. */
static inline void exp_all(float *restrict t, int64_t n)
{
    for (int64_t i = 0; i < n / VL; i++)
        for (int q = 0; q < VL; q++)
            t[i * VL + q] = kt_vm_expf(t[i * VL + q]);
}

/* How many rows rows_exp takes at once. */
static inline int64_t rows_at_once(int64_t n)
{
    return n > BUFFER ? 1 : min_i64(BUFFER / padded(n ? n : 1), MOST_ROWS);
}

/* m[r], sum[r] of rows of x (at most rows_at_once), their terms to e unless it is NULL. */
static void rows_exp(const float *x, float *e, int64_t rows, int64_t n, float *m, float *sum)
{
    _Alignas(64) float t[BUFFER];
    int64_t width = padded(min_i64(n, BUFFER));
    for (int64_t r = 0; r < rows; r++)
        m[r] = row_max(x + r * n, n);
    if (n > BUFFER) {
        double total = 0;
        for (int64_t j = 0; j < n; j += BUFFER) {
            int64_t block = min_i64(n - j, BUFFER);
            for (int64_t q = 0; q < block; q += VL)
                vstore(t + q, vfill(lanes(x + j + q, n - j - q) - m[0], n - j - q, 0));
            exp_all(t, padded(block));
            vec s = { 0 };
            for (int64_t q = 0; q < block; q += VL)
                s += vfill(vload(t + q), block - q, 0);
            total += vsum(s);
            if (e)
                memcpy(e + j, t, (size_t)block * sizeof *t);
        }
        sum[0] = (float)total;
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j += VL)
            vstore(t + r * width + j, vfill(lanes(x + r * n + j, n - j) - m[r], n - j, 0));
    exp_all(t, rows * width);
    for (int64_t r = 0; r < rows; r++) {
        vec s = { 0 };
        for (int64_t j = 0; j < width; j += VL) {
            vec v = vload(t + r * width + j);
            s += vfill(v, n - j, 0);
            if (e)
                put(e + r * n + j, v, n - j);
        }
        sum[r] = vsum(s);
    }
}

#define FOR_EACH_BLOCK(first, count) \
    for (int64_t first = 0, count; \
         first < rows && (count = min_i64(rows_at_once(n), rows - first)) > 0; first += count)

static inline float row_dot(const float *a, const float *b, int64_t n)
{
    double total = 0;
    for (int64_t j = 0; j < n;) {
        int64_t end = min_i64(n, j + KT_SUM_BLOCK);
        vec sum = { 0 };
        for (; j + VL <= end; j += VL)
            sum += vload(a + j) * vload(b + j);
        if (j < end) {
            vmask mask = vmask_of(end - j);
            sum += vload_n(a + j, mask) * vload_n(b + j, mask);
            j = end;
        }
        total += vsum(sum);
    }
    return (float)total;
}

static inline float row_sum(const float *x, int64_t n)
{
    double total = 0;
    for (int64_t j = 0; j < n;) {
        int64_t end = min_i64(n, j + KT_SUM_BLOCK);
        vec sum = { 0 };
        for (; j + VL <= end; j += VL)
            sum += vload(x + j);
        if (j < end) {
            sum += vload_n(x + j, vmask_of(end - j));
            j = end;
        }
        total += vsum(sum);
    }
    return (float)total;
}

void KT_NAME(kt_softmax)(const float *x, float *y, int64_t rows, int64_t n)
{
    float m[MOST_ROWS], sum[MOST_ROWS];
    FOR_EACH_BLOCK(at, count) {
        float *to = y + at * n;
        rows_exp(x + at * n, to, count, n, m, sum);
        for (int64_t r = 0; r < count; r++, to += n)
            for (int64_t j = 0; j < n; j += VL)
                put(to + j, lanes(to + j, n - j) / sum[r], n - j);
    }
}

void KT_NAME(kt_softmax_grad)(const float *y, const float *dy, float *dx, int64_t rows, int64_t n)
{
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        float d = row_dot(y, dy, n);
        for (int64_t j = 0; j < n; j += VL)
            put(dx + j, lanes(y + j, n - j) * (lanes(dy + j, n - j) - d), n - j);
    }
}

void KT_NAME(kt_log_softmax)(const float *x, float *y, int64_t rows, int64_t n)
{
    float m[MOST_ROWS], sum[MOST_ROWS];
    FOR_EACH_BLOCK(at, count) {
        rows_exp(x + at * n, NULL, count, n, m, sum);
        for (int64_t r = 0; r < count; r++) {
            float l = kt_vm_logf(sum[r]);
            for (int64_t j = 0, i = (at + r) * n; j < n; j += VL)
                put(y + i + j, (lanes(x + i + j, n - j) - m[r]) - l, n - j);
        }
    }
}

void KT_NAME(kt_log_softmax_grad)(const float *y, const float *dy, float *dx, int64_t rows,
                                  int64_t n)
{
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        float d = row_sum(dy, n);
        for (int64_t j = 0; j < n; j++)
            dx[j] = dy[j] - kt_vm_expf(y[j]) * d;
    }
}

void KT_NAME(kt_sparse_ce)(const float *x, const int64_t *label, float *loss, int64_t rows,
                           int64_t n)
{
    float m[MOST_ROWS], sum[MOST_ROWS];
    FOR_EACH_BLOCK(at, count) {
        rows_exp(x + at * n, NULL, count, n, m, sum);
        for (int64_t r = 0; r < count; r++) {
            int64_t k = label[at + r];
            float there = k >= 0 && k < n ? x[(at + r) * n + k] : NAN;
            loss[at + r] = kt_vm_logf(sum[r]) - (there - m[r]);
        }
    }
}

void KT_NAME(kt_sparse_ce_grad)(const float *x, const int64_t *label, const float *g, float *dx,
                                int64_t rows, int64_t n)
{
    float m[MOST_ROWS], sum[MOST_ROWS];
    FOR_EACH_BLOCK(at, count) {
        rows_exp(x + at * n, dx + at * n, count, n, m, sum);
        for (int64_t r = 0; r < count; r++) {
            int64_t k = label[at + r];
            float *d = dx + (at + r) * n;
            bool known = k >= 0 && k < n;
            float scale = known ? g[at + r] : NAN, hot = known ? (d[k] / sum[r] - 1) * scale : 0;
            for (int64_t j = 0; j < n; j += VL)
                put(d + j, lanes(d + j, n - j) / sum[r] * scale, n - j);
            if (known)
                d[k] = hot;
        }
    }
}

void KT_NAME(kt_categorical_ce)(const float *x, const float *t, float *loss, int64_t rows,
                                int64_t n)
{
    float m[MOST_ROWS], sum[MOST_ROWS];
    FOR_EACH_BLOCK(at, count) {
        rows_exp(x + at * n, NULL, count, n, m, sum);
        for (int64_t r = 0; r < count; r++) {
            const float *p = x + (at + r) * n, *q = t + (at + r) * n;
            float l = kt_vm_logf(sum[r]);
            double total = 0;
            for (int64_t j = 0; j < n; j += VL) {
                vec weight = n - j >= VL ? vload(q + j) : vload_n(q + j, vmask_of(n - j));
                vec terms = weight * (l - (lanes(p + j, n - j) - m[r]));
                total += vsum(n - j >= VL ? terms : vfill(terms, n - j, 0));
            }
            loss[at + r] = (float)total;
        }
    }
}

void KT_NAME(kt_categorical_ce_grad)(const float *x, const float *t, const float *g, float *dx,
                                     int64_t rows, int64_t n)
{
    float m[MOST_ROWS], sum[MOST_ROWS];
    FOR_EACH_BLOCK(at, count) {
        rows_exp(x + at * n, dx + at * n, count, n, m, sum);
        for (int64_t r = 0; r < count; r++) {
            const float *q = t + (at + r) * n;
            float *d = dx + (at + r) * n, weight = row_sum(q, n);
            for (int64_t j = 0; j < n; j += VL)
                put(d + j,
                    (lanes(d + j, n - j) / sum[r] * weight - lanes(q + j, n - j)) * g[at + r],
                    n - j);
        }
    }
}
