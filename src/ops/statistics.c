/* SPDX-License-Identifier: MIT */
/* ops/statistics.c: what a line of a log says of a tensor, counted in one pass, so that ten numbers travel and not the
 * tensor: how many elements, how many of them not finite, range, mean, deviation, sum of squares, zeros, and how many
 * lie at the ends of a range.
 *
 * Sums are kept in double, in lanes apart, so that the compiler may use vectors; data that holds a value which is not
 * finite goes another, slower way, which leaves such values out of everything but their counts. Mean and deviation
 * (of the population) are those of the finite values. It stands here and not beside the summaries because it is a row
 * of a plan like any other; the numbers' names are ops.h's.
 */
#include <math.h>

#include "ops/ops.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF /* GCC needs no telling under -std=c17 */
#endif

enum { LANES = 8, BLOCK = 512 };

typedef struct sums {
    double count, nans, infinities, low, high, sum, squares, zeros, ends;
} sums;

/* Values at the ends of a range: |x - middle| > most; a range that is none has no ends. */
typedef struct ends {
    double middle, most;
} ends;

static void add_slowly(sums *s, double x, ends e)
{
    if (x != x) s->nans++;
    else if (isinf(x)) s->infinities++;
    else {
        s->low = s->count == 0 || x < s->low ? x : s->low;
        s->high = s->count == 0 || x > s->high ? x : s->high;
        s->count++;
        s->sum += x;
        s->squares += x * x;
        s->zeros += x == 0;
        s->ends += fabs(x - e.middle) > e.most;
    }
}

/* BLOCK floats; false, and nothing is added, when one of them is not finite. */
static bool add_block(sums *s, const float *x, float middle, float most)
{
    float low[LANES], high[LANES], bad[LANES];
    double sum[LANES], squares[LANES];
    int32_t zeros[LANES], at_ends[LANES];
    for (int l = 0; l < LANES; l++) {
        low[l] = high[l] = x[0];
        bad[l] = 0;
        sum[l] = squares[l] = 0;
        zeros[l] = at_ends[l] = 0;
    }
    for (int i = 0; i < BLOCK; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float v = x[i + l], off = v - middle;
            double wide = (double)v;
            low[l] = v < low[l] ? v : low[l];
            high[l] = v > high[l] ? v : high[l];
            bad[l] += v - v; /* stays 0 exactly as long as all are finite */
            sum[l] += wide;
            squares[l] += wide * wide;
            zeros[l] += v == 0;
            at_ends[l] += (off < 0 ? -off : off) > most;
        }
    for (int l = 1; l < LANES; l++) {
        low[0] = low[l] < low[0] ? low[l] : low[0];
        high[0] = high[l] > high[0] ? high[l] : high[0];
        bad[0] += bad[l];
        sum[0] += sum[l];
        squares[0] += squares[l];
        zeros[0] += zeros[l];
        at_ends[0] += at_ends[l];
    }
    if (bad[0] != 0) return false;
    if (s->count == 0 || (double)low[0] < s->low) s->low = (double)low[0];
    if (s->count == 0 || (double)high[0] > s->high) s->high = (double)high[0];
    s->count += BLOCK;
    s->sum += sum[0];
    s->squares += squares[0];
    s->zeros += zeros[0];
    s->ends += at_ends[0];
    return true;
}

static void add_floats(sums *s, const float *x, int64_t n, ends e)
{
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK)
        if (!add_block(s, x + i, (float)e.middle, (float)e.most))
            for (int k = 0; k < BLOCK; k++) add_slowly(s, (double)x[i + k], e);
    for (; i < n; i++) add_slowly(s, (double)x[i], e);
}

static ends ends_of(double low, double high)
{
    /* nearer to an end than 1.5 % of the range: |2 (x - low) / (high - low) - 1| > 0.97 */
    return low < high ? (ends){ (low + high) / 2, 0.97 * (high - low) / 2 } : (ends){ 0, INFINITY };
}

static void finish(const sums *s, double *out)
{
    double n = s->count > 0 ? s->count : 1, mean = s->sum / n, variance = s->squares / n - mean * mean;
    out[KT_STAT_COUNT] = s->count + s->nans + s->infinities;
    out[KT_STAT_NANS] = s->nans;
    out[KT_STAT_INFINITIES] = s->infinities;
    out[KT_STAT_MIN] = s->low;
    out[KT_STAT_MAX] = s->high;
    out[KT_STAT_MEAN] = mean;
    out[KT_STAT_DEVIATION] = variance > 0 ? sqrt(variance) : 0;
    out[KT_STAT_SQUARES] = s->nans > 0 ? (double)NAN : s->infinities > 0 ? (double)INFINITY : s->squares;
    out[KT_STAT_ZEROS] = s->zeros;
    out[KT_STAT_ENDS] = s->ends;
}

void kt_statistics_f64(const double *x, int64_t n, double low, double high, double out[KT_STATISTICS])
{
    sums s = { .count = 0 };
    for (int64_t i = 0; i < n; i++) add_slowly(&s, x[i], ends_of(low, high));
    finish(&s, out);
}

kt_tensor *kt_statistics(kt_tensor *x, double low, double high)
{
    return kt_apply1(&kt_op_statistics, kt_real(x), &(kt_statistics_attr){ low, high });
}

static kt_status statistics_infer(kt_infer *q)
{
    kt_status status = kt_infer_unary(q);
    if (status == KT_OK) *kt_out(q, 0) = (kt_desc){ .dtype = KT_FLOAT64, .rank = 1, .dim = { KT_STATISTICS } };
    return status;
}

static kt_status statistics_run(kt_run *r)
{
    const kt_statistics_attr *a = kt_run_attr(r);
    const kt_desc *x = kt_run_in(r, 0);
    double *out = kt_ref_out(r, 0);
    if (x->dtype != KT_FLOAT32) {
        kt_statistics_f64(kt_ref_in(r, 0), kt_desc_count(x), a->low, a->high, out);
        return KT_OK;
    }
    sums s = { .count = 0 };
    add_floats(&s, kt_in_f32(r, 0), kt_desc_count(x), ends_of(a->low, a->high));
    finish(&s, out);
    return KT_OK;
}

const kt_op kt_op_statistics = {
    .size = sizeof(kt_op), .name = "statistics", .n_in = 1, .n_out = 1, .attr_size = sizeof(kt_statistics_attr),
    .infer = statistics_infer, .kernel = statistics_run, .id = KT_OP_ID_statistics,
};
