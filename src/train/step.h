/* SPDX-License-Identifier: MIT */
/* train/step.h: one training, test or prediction step: recorded once per shape, then run again and again.
 *
 * The key of a recorded step is its kind, the descriptions of x, y and weight, what is looked at in it (summary.h:
 * kt_look), and whether it gives its results. A step is recorded anew when the set of trainable variables changes or
 * compile is called. Metric results are no part of a step, they are computed when somebody looks (kt_results_read),
 * until somebody has looked after three steps in a row: then the steps give them along. With run_eagerly nothing is
 * kept; each step is recorded and run.
 */
#ifndef KT_TRAIN_STEP_H
#define KT_TRAIN_STEP_H

#include "train/logs.h"
#include "train/model.h"

typedef enum kt_step_kind { KT_STEP_TRAIN, KT_STEP_TEST, KT_STEP_PREDICT, KT_STEP_INTO } kt_step_kind;

struct kt_recorded {
    kt_recorded *next;
    kt_step_kind kind;
    bool results;                  /* its wanted values are loss and metrics */
    unsigned looks;                /* kt_look */
    bool nothing_named;            /* no layer names a summary, so it serves with KT_LOOK_LAYERS and without */
    kt_desc x, y, weight;          /* dtype KT_DTYPE_DEFAULT: absent */
    kt_program *program;
    int64_t from_count, to_count;  /* KT_STEP_INTO: floats in and out */
    bool direct;                   /* KT_STEP_INTO: the plan may write to the caller's memory */
};

void kt_recorded_clear(kt_model *model);
/* Before the first step of a training or an epoch: forgets what was recorded for other trainable variables. */
kt_status kt_steps_check(kt_model *model);

/* Everything a step needs that cannot be made while it is recorded: weights, slots, metrics chosen by shapes. */
kt_status kt_step_prepare(kt_model *model, kt_step_kind kind, const kt_host_batch *batch);
kt_recorded *kt_step_record(kt_model *model, kt_step_kind kind, const kt_host_batch *batch, unsigned looks);

/* Runs one step on this batch; records it first if it is new. */
kt_status kt_step_run(kt_model *model, kt_step_kind kind, const kt_host_batch *batch);
/* A prediction step: *out is the shape of its result, which goes to `to` (count elements of the context's float
 * type). */
kt_status kt_step_predict(kt_model *model, const kt_host_batch *batch, void *to, int64_t count);
/* The shape of a prediction for this batch. */
kt_status kt_step_output(kt_model *model, const kt_host_batch *batch, kt_desc *out);

/* Loss and metrics as they stand: kt_results_count numbers with their names, loss first. */
int kt_results_record(kt_model *model, kt_tensor **results);
int kt_results_count(const kt_model *model);
const char *kt_results_name(const kt_model *model, int i);
kt_status kt_results_read(kt_model *model, double *values);
enum { KT_MAX_RESULTS = KT_MAX_COMPILED + 1 };

/* A `fill` for logs: loss and metrics of the model that is `source`. */
void kt_results_fill(kt_logs *logs, void *source);
kt_status kt_results_put(kt_model *model, kt_logs *logs, const char *prefix);

/* Does this array have this shape and type? */
static inline bool kt_same_array(const kt_array *a, const kt_desc *d)
{
    if (!a->data) return d->dtype == KT_DTYPE_DEFAULT;
    if (a->dtype != d->dtype || a->rank != d->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != d->dim[i]) return false;
    return true;
}

#endif
