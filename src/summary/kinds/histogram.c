/* SPDX-License-Identifier: MIT */
/* summary/histogram.c: logging histograms: the buckets are made by base/histogram.c. */
#include "summary/writer.h"

/* ---- Logging --------------------------------------------------------------------------------- */

static kt_status histogram_append(kt_events *log, const char *caller, const char *tag,
                                  const kt_bucket *buckets, int64_t count, int64_t step)
{
    kt_event_tensor rows = { .rank = 2, .dim = { count, 3 }, .numbers = buckets, .count = (size_t)count * 3 };
    return kt_events_append(log, caller, KT_KIND_HISTOGRAM, tag, step, &rows);
}

static kt_status histogram_check(kt_events *log, const char *caller, const void *x, int64_t n)
{
    if (n >= 0 && (n == 0 || x)) return KT_OK;
    return kt_events_fail(log, KT_ERR_VALUE, "%s: expected an array and its length, got %s and %lld; pass 0 for no values",
                          caller, x ? "an array" : "NULL", (long long)n);
}

kt_status kt_events_histogram(kt_events *log, const char *tag, const float *x, int64_t n,
                              int64_t step)
{
    const char *caller = "kt_events_histogram";
    kt_bucket buckets[KT_HISTOGRAM_BUCKETS];
    kt_status status = histogram_check(log, caller, x, n);
    if (status != KT_OK || kt_events_holds_back(log, tag, step)) return status;
    kt_events_count_nonfinite(log, kt_histogram_buckets(x, n, buckets));
    return histogram_append(log, caller, tag, buckets, KT_HISTOGRAM_BUCKETS, step);
}

kt_status kt_events_histogram_f64(kt_events *log, const char *tag, const double *x, int64_t n,
                                  int64_t step)
{
    const char *caller = "kt_events_histogram_f64";
    kt_bucket buckets[KT_HISTOGRAM_BUCKETS];
    kt_status status = histogram_check(log, caller, x, n);
    if (status != KT_OK || kt_events_holds_back(log, tag, step)) return status;
    kt_events_count_nonfinite(log, kt_histogram_buckets_f64(x, n, buckets));
    return histogram_append(log, caller, tag, buckets, KT_HISTOGRAM_BUCKETS, step);
}

kt_status kt_events_histogram_buckets(kt_events *log, const char *tag, const kt_bucket *buckets,
                                      int64_t count, int64_t step)
{
    const char *caller = "kt_events_histogram_buckets";
    if (count < 0 || count > 600000 || (count > 0 && !buckets))
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected 0 to 600000 buckets, got %lld%s; pass fewer", caller,
                              (long long)count, buckets ? "" : " at NULL");
    return histogram_append(log, caller, tag, buckets, count, step);
}
