/* SPDX-License-Identifier: MIT */
/* summary/kinds/pr_curve.c: precision and recall at evenly spaced thresholds.
 *
 * A tensor of six rows (true positives, false positives, true negatives, false negatives, precision, recall), float32,
 * one column per threshold; the plugin's content says how many columns. A prediction p counts as positive at the
 * threshold i / (n - 1) when p >= it, so each value falls into the bucket floor(p * (n - 1)), and sums from the right
 * are the counts: one pass over the data whatever n is. The product is taken in float32 and the sums in double, as
 * tensorboard/plugins/pr_curve/summary.py takes them, so that the rows are equal to the last bit.
 */
#include <math.h>

#include "summary/kinds/plugins.h"

static const double pr_minimum_count = 1e-7; /* TensorBoard's guard against 0 / 0 */

/* tp, fp, tn, fn, precision and recall are arrays of n. */
static void pr_finish(const double *tp, const double *fp, const double *tn, const double *fn, const double *precision,
                      const double *recall, int n, float *rows)
{
    size_t columns = (size_t)n;
    for (size_t i = 0; i < columns; i++) {
        rows[i] = (float)tp[i];
        rows[columns + i] = (float)fp[i];
        rows[2 * columns + i] = (float)tn[i];
        rows[3 * columns + i] = (float)fn[i];
        rows[4 * columns + i] = (float)(precision ? precision[i] : tp[i] / fmax(pr_minimum_count, tp[i] + fp[i]));
        rows[5 * columns + i] = (float)(recall ? recall[i] : tp[i] / fmax(pr_minimum_count, tp[i] + fn[i]));
    }
}

static kt_status pr_append(kt_events *log, const char *caller, const char *tag, const float *rows, int n, int64_t step)
{
    unsigned char content[16];
    kt_wire w = { content, content + sizeof content, false };
    kt_wire_int(&w, 2, n);
    kt_event_tensor tensor = { .rank = 2, .dim = { 6, n }, .numbers = rows, .count = 6 * (size_t)n,
                               .content = { content, (size_t)(w.at - content) } };
    return kt_events_append(log, caller, KT_KIND_PR_CURVE, tag, step, &tensor);
}

/* Memory for so many doubles and for the six rows behind them; released by the caller. */
static kt_status pr_allocate(kt_events *log, const char *caller, size_t doubles, int n, double **numbers, float **rows)
{
    const kt_allocator *a = kt_events_allocator(log);
    if (!a) return KT_ERR_STATE;
    *numbers = a->allocate(doubles * sizeof **numbers + 6 * (size_t)n * sizeof **rows, a->user);
    if (!*numbers)
        return kt_events_fail(log, KT_ERR_MEMORY, "%s: out of memory for %d thresholds; free some or take fewer", caller,
                              n);
    *rows = (float *)(void *)(*numbers + doubles);
    return KT_OK;
}

static void pr_release(kt_events *log, double *numbers)
{
    const kt_allocator *a = kt_events_allocator(log);
    a->release(numbers, a->user);
}

static kt_status pr_check(kt_events *log, const char *caller, int thresholds)
{
    if (thresholds >= 2 && thresholds <= KT_PR_THRESHOLDS_MAX) return KT_OK;
    return kt_events_fail(log, KT_ERR_VALUE, "%s: expected 2 to %d thresholds, got %d; 201 is TensorBoard's choice",
                          caller, KT_PR_THRESHOLDS_MAX, thresholds);
}

kt_status kt_events_pr_curve(kt_events *log, const char *tag, const float *predictions, const uint8_t *labels,
                             const float *weights, int64_t count, int thresholds, int64_t step)
{
    static const char caller[] = "kt_events_pr_curve";
    int n = thresholds == 0 ? KT_PR_THRESHOLDS : thresholds;
    kt_status status = pr_check(log, caller, n);
    if (status != KT_OK) return status;
    if (count < 0 || (count > 0 && (!predictions || !labels)))
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected predictions, labels and their number, got %s, %s and "
                              "%lld; pass 0 for none", caller, predictions ? "an array" : "NULL",
                              labels ? "an array" : "NULL", (long long)count);

    double *tp;
    float *rows;
    status = pr_allocate(log, caller, 4 * (size_t)n, n, &tp, &rows);
    if (status != KT_OK) return status;
    double *fp = tp + n, *tn = fp + n, *fn = tn + n;
    for (int i = 0; i < n; i++) tp[i] = fp[i] = 0;
    int64_t left_out = 0;
    for (int64_t i = 0; i < count; i++) {
        float p = fminf(fmaxf(predictions[i], 0), 1);
        if (isnan(predictions[i])) {
            left_out++;
            continue;
        }
        int bucket = (int)floorf(p * (float)(n - 1));
        double weight = weights ? (double)weights[i] : 1;
        if (labels[i]) tp[bucket] += weight;
        else fp[bucket] += weight;
    }
    for (int i = n - 1; i-- > 0;) {
        tp[i] += tp[i + 1];
        fp[i] += fp[i + 1];
    }
    for (int i = 0; i < n; i++) {
        tn[i] = fp[0] - fp[i];
        fn[i] = tp[0] - tp[i];
    }
    pr_finish(tp, fp, tn, fn, NULL, NULL, n, rows);
    if (left_out > 0) kt_events_count_nonfinite(log, left_out);
    status = pr_append(log, caller, tag, rows, n, step);
    pr_release(log, tp);
    return status;
}

kt_status kt_events_pr_curve_raw(kt_events *log, const char *tag, const kt_pr_counts *c, int64_t step)
{
    static const char caller[] = "kt_events_pr_curve_raw";
    if (!c || !c->true_positives || !c->false_positives || !c->true_negatives || !c->false_negatives)
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected the four arrays of counts, got NULL for one; count "
                              "true and false positives and negatives", caller);
    kt_status status = pr_check(log, caller, c->thresholds);
    if (status != KT_OK) return status;
    double *block;
    float *rows;
    status = pr_allocate(log, caller, 0, c->thresholds, &block, &rows);
    if (status != KT_OK) return status;
    pr_finish(c->true_positives, c->false_positives, c->true_negatives, c->false_negatives, c->precision, c->recall,
              c->thresholds, rows);
    status = pr_append(log, caller, tag, rows, c->thresholds, step);
    pr_release(log, block);
    return status;
}
