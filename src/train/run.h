/* SPDX-License-Identifier: MIT */
/* train/run.h: what fit and evaluate share: a run over one feed with its hooks.
 */
#ifndef KT_TRAIN_RUN_H
#define KT_TRAIN_RUN_H

#include "train/feed.h"
#include "train/loop.h"
#include "train/step.h"

/* Test steps over the feed from its beginning, at most `steps` (0: all), with test hooks; the results are then the
 * metrics' state. *cancelled: kt_cancel was called. */
kt_status kt_run_test(kt_model *model, kt_loop *loop, kt_feed *feed, int64_t steps, bool *cancelled);

/* Batches a run of this feed will have: -1 if that is not known. */
int64_t kt_run_steps(const kt_feed *feed, int64_t steps);

/* fit, evaluate, predict and the *_on_batch calls: a model that can be used now, compiled if needed. */
kt_status kt_run_ready(kt_model *model, const char *call, bool compiled);

/* The error of a run that was cancelled, after everything has been ended in order. */
kt_status kt_run_cancelled(kt_model *model, const char *call);

/* Around a run: summaries of an enclosing hand-written loop pause. */
typedef struct kt_run_state {
    bool open, replayed, running;
} kt_run_state;
kt_run_state kt_run_enter(kt_model *model);
void kt_run_leave(kt_model *model, kt_run_state before);

#endif
