/* SPDX-License-Identifier: MIT */
/* train/evaluate.c: evaluate, alone and inside fit.
 *
 * Metrics are reset after on_test_begin, as in Keras. Logs of test batches are running values; nobody who does not
 * look pays for them.
 */
#include <string.h>

#include "train/run.h"
#include "train/summary.h"

kt_status kt_run_ready(kt_model *model, const char *call, bool compiled)
{
    kt_status status = kt_model_ready(model);
    if (status != KT_OK) return status;
    if (compiled && !model->compiled)
        return kt_fail(model->kt, KT_ERR_STATE,
                       "%s: %s is not compiled; call kt_compile(model, .optimizer = kt_adam(), .loss = \"mse\") first",
                       call, kt_model_name(model));
    const kt_functional *f = kt_functional_of(model->root);
    if (f && f->n_inputs != 1)
        return kt_fail(model->kt, KT_ERR_UNSUPPORTED,
                       "%s: expected a model with one input, %s has %zu; train it in a loop of your own with "
                       "kt_call_layer_many",
                       call, kt_model_name(model), f->n_inputs);
    return KT_OK;
}

kt_status kt_run_cancelled(kt_model *model, const char *call)
{
    return kt_fail(model->kt, KT_ERR_CANCELLED,
                   "%s: stopped after a whole step because kt_cancel was called; the model is as that step left it, "
                   "and after kt_clear_error it can go on",
                   call);
}

kt_run_state kt_run_enter(kt_model *model)
{
    kt_outlet *outlet = model->kt->summary;
    kt_run_state before = { outlet && outlet->open, outlet && outlet->replayed, model->running };
    if (outlet) outlet->open = false;
    model->running = true;
    return before;
}

void kt_run_leave(kt_model *model, kt_run_state before)
{
    kt_outlet *outlet = model->kt->summary;
    if (outlet) {
        outlet->open = before.open;
        outlet->replayed = before.replayed;
    }
    model->running = before.running;
}

int64_t kt_run_steps(const kt_feed *feed, int64_t steps)
{
    int64_t batches = kt_dataset_batches(feed->data);
    if (steps > 0) return batches >= 0 && batches < steps ? batches : steps;
    return batches;
}

kt_status kt_run_test(kt_model *model, kt_loop *loop, kt_feed *feed, int64_t steps, bool *cancelled)
{
    kt_context *kt = model->kt;
    int64_t expected = kt_run_steps(feed, steps), i = 0, outer_last = loop->last_batch, outer_batch = loop->batch;
    loop->testing = true;
    loop->last_batch = expected >= 0 ? expected - 1 : -1;
    kt_logs_clear(loop->empty);
    kt_status status = kt_loop_hook(loop, KT_ON_TEST_BEGIN, loop->empty);
    if (status == KT_OK) status = kt_compiled_reset(model);
    if (status == KT_OK) status = kt_dataset_seek(feed->data, 0, 0);
    for (; status == KT_OK && (steps <= 0 || i < steps); i++) {
        kt_host_batch batch;
        status = kt_feed_next(feed, &batch);
        if (status != KT_OK || !batch.x.data) break;
        loop->batch = i;
        kt_logs_clear(loop->empty);
        status = kt_loop_hook_at(loop, KT_ON_TEST_BATCH_BEGIN, i, loop->empty);
        if (status == KT_OK) status = kt_step_run(model, KT_STEP_TEST, &batch);
        if (status != KT_OK) break;
        kt_logs_expire(loop->batch_logs);
        status = kt_loop_hook_at(loop, KT_ON_TEST_BATCH_END, i, loop->batch_logs);
        if (kt_cancelled(kt)) {
            *cancelled = true;
            break;
        }
    }
    if (status == KT_OK && i == 0 && !*cancelled)
        status =
            kt_fail(kt, KT_ERR_VALUE, "evaluate: expected at least one batch of data, got none; the data set is empty");
    if (status == KT_OK) {
        kt_logs_expire(loop->batch_logs);
        status = kt_loop_hook(loop, KT_ON_TEST_END, loop->batch_logs);
    }
    loop->testing = false;
    loop->last_batch = outer_last;
    loop->batch = outer_batch;
    return status;
}

kt_status kt_evaluate_with(kt_model *model, kt_logs *logs, const kt_evaluate_config *given)
{
    kt_status status = kt_run_ready(model, "evaluate", true);
    if (status != KT_OK) return status;
    kt_context *kt = model->kt;
    kt_evaluate_config c = { .size = sizeof c };
    if (given) memcpy(&c, given, given->size && given->size < sizeof c ? given->size : sizeof c);
    if (c.steps < 0)
        return kt_fail(kt, KT_ERR_VALUE, "evaluate: expected steps of 0 (all) or more, got %lld", (long long)c.steps);
    kt_feed feed;
    status = kt_feed_open(&feed, kt,
                          &(kt_feed_config){ .call = "evaluate",
                                             .x = c.x,
                                             .y = c.y,
                                             .weight = c.sample_weight,
                                             .data = c.data,
                                             .batch_size = c.batch_size });
    if (status != KT_OK) return status;
    kt_loop loop = { .model = model,
                     .optimizer = model->compiled->optimizer,
                     .epochs = 1,
                     .steps = kt_run_steps(&feed, c.steps),
                     .verbose = kt_resolve_verbose(kt, c.verbose) };
    kt_run_state before = kt_run_enter(model);
    status = kt_loop_start(&loop, kt, c.callbacks, KT_MAX_CALLBACKS);
    bool cancelled = false;
    if (status == KT_OK) {
        loop.batch_logs->fill = kt_results_fill;
        loop.batch_logs->source = model;
        status = kt_run_test(model, &loop, &feed, c.steps, &cancelled);
        if (status == KT_OK && logs) {
            kt_logs_clear(logs);
            status = kt_results_put(model, logs, "");
        }
    }
    kt_loop_release(&loop);
    kt_run_leave(model, before);
    kt_feed_close(&feed);
    if (status == KT_OK && cancelled) status = kt_run_cancelled(model, "evaluate");
    return status;
}
