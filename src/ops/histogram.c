/* SPDX-License-Identifier: MIT */
/* ops/histogram.c: thirty buckets of equal width over a tensor's values, computed in the plan
 * beside the tensor.
 *
 * Keras's rule: width = (max - min) / 30, bucket = floor((x - min) / width) but at most 29; edges
 * are min + i width, the last is max. All equal: both edges are the value everywhere, and the last
 * bucket has the count. No values: zeros. What is not finite would spoil every edge and is left
 * out.
 */
#include <math.h>

#include "ops/ops.h"

enum { BUCKETS = 30 };

kt_tensor *kt_histogram(kt_tensor *x) { return kt_apply1(&kt_op_histogram, kt_real(x), NULL); }

static kt_status histogram_infer(kt_infer *q)
{
    kt_status status = kt_infer_unary(q);
    if (status == KT_OK)
        *kt_out(q, 0) = (kt_desc){ .dtype = KT_FLOAT64, .rank = 2, .dim = { BUCKETS, 3 } };
    return status;
}

static kt_status histogram_run(kt_run *r)
{
    const double *x = kt_ref_in(r, 0);
    double *rows = kt_ref_out(r, 0), min = INFINITY, max = -INFINITY, counts[BUCKETS] = { 0 };
    int64_t n = kt_desc_count(kt_run_in(r, 0));
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) continue;
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    if (min > max) min = max = 0; /* nothing to count */
    double scale = isfinite(max - min) ? 1 : 0.25, low = min * scale,
           width = (max * scale - low) / BUCKETS;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) continue;
        double place = width > 0 ? (x[i] * scale - low) / width : BUCKETS;
        counts[place < BUCKETS - 1 ? (int)place : BUCKETS - 1]++;
    }
    for (int b = 0; b < BUCKETS; b++, rows += 3) {
        rows[0] = b == 0 ? min : (low + b * width) / scale;
        rows[1] = b == BUCKETS - 1 ? max : (low + (b + 1) * width) / scale;
        rows[2] = counts[b];
    }
    return KT_OK;
}

const kt_op kt_op_histogram = {
    .size = sizeof(kt_op), .name = "histogram", .n_in = 1, .n_out = 1, .infer = histogram_infer,
    .kernel = histogram_run, .id = KT_OP_ID_histogram,
};
