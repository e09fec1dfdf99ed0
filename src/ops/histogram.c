/* SPDX-License-Identifier: MIT */
/* ops/histogram.c: thirty buckets of equal width over a tensor's values, computed in the plan beside the tensor. The
 * rule, Keras's, is base/histogram.c's.
 */
#include <keratin/summary.h>

#include "ops/ops.h"

kt_tensor *kt_histogram(kt_tensor *x) { return kt_apply1(&kt_op_histogram, kt_real(x), NULL); }

static kt_status histogram_infer(kt_infer *q)
{
    kt_status status = kt_infer_unary(q);
    if (status == KT_OK)
        *kt_out(q, 0) = (kt_desc){ .dtype = KT_FLOAT64, .rank = 2, .dim = { KT_HISTOGRAM_BUCKETS, 3 } };
    return status;
}

static kt_status histogram_run(kt_run *r)
{
    kt_bucket *buckets = (kt_bucket *)kt_ref_out(r, 0);
    if (kt_run_in(r, 0)->dtype == KT_FLOAT32)
        kt_histogram_buckets(kt_in_f32(r, 0), kt_desc_count(kt_run_in(r, 0)), buckets);
    else kt_histogram_buckets_f64(kt_ref_in(r, 0), kt_desc_count(kt_run_in(r, 0)), buckets);
    return KT_OK;
}

const kt_op kt_op_histogram = {
    .size = sizeof(kt_op), .name = "histogram", .n_in = 1, .n_out = 1, .infer = histogram_infer,
    .kernel = histogram_run, .id = KT_OP_ID_histogram,
};
