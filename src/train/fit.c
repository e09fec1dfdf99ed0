/* SPDX-License-Identifier: MIT */
/* train/fit.c: fit: Keras's loop, exactly (order of hooks, logs, validation, what stops it).
 *
 * A step costs what its plan costs: no allocation, no lock, no text, no clock unless a callback wants it. Whatever
 * happens, callbacks are released and the context's state is put back; a cancelled training still sees on_train_end.
 */
#include <math.h>
#include <string.h>

#include "train/run.h"
#include "train/summary.h"

typedef struct fit {
    kt_model *model;
    kt_fit_config c;
    kt_feed train, validation; /* validation.data NULL: none */
    bool cancelled;
    kt_loop loop;
} fit;

static kt_status check_numbers(kt_context *kt, const kt_fit_config *c)
{
    const struct { const char *name; int64_t value; } least_zero[] = {
        { "epochs", c->epochs }, { "initial_epoch", c->initial_epoch }, { "steps_per_epoch", c->steps_per_epoch },
        { "validation_batch_size", c->validation_batch_size }, { "validation_steps", c->validation_steps },
        { "validation_freq", c->validation_freq },
    };
    for (size_t i = 0; i < sizeof least_zero / sizeof *least_zero; i++)
        if (least_zero[i].value < 0)
            return kt_fail(kt, KT_ERR_VALUE, "fit: expected %s of 0 (the default) or more, got %lld",
                           least_zero[i].name, (long long)least_zero[i].value);
    if (!(c->validation_split >= 0 && c->validation_split < 1))
        return kt_fail(kt, KT_ERR_VALUE,
                       "fit: expected a validation_split from 0 to below 1, got %g; 0.2 takes the last fifth",
                       c->validation_split);
    if (c->validation_x.data && c->validation_data)
        return kt_fail(kt, KT_ERR_VALUE, "fit: expected validation_x or validation_data, got both; leave out one");
    return KT_OK;
}

/* The last rows become the validation arrays, before any shuffling. */
static kt_status split(kt_context *kt, kt_fit_config *c)
{
    if (c->validation_split <= 0 || c->validation_x.data || c->validation_data) return KT_OK;
    if (c->data)
        return kt_fail(kt, KT_ERR_VALUE, "fit: validation_split needs arrays, got a data set; give validation_data");
    int64_t rows;
    if (kt_check_rows(kt, "fit", &c->x, &c->y, &c->sample_weight, &rows) != KT_OK) return kt->status;
    int64_t at = (int64_t)floor((double)rows * (1.0 - c->validation_split));
    if (at < 1 || at >= rows)
        return kt_fail(kt, KT_ERR_VALUE,
                       "fit: validation_split %g of %lld rows leaves %lld to train on and %lld to validate on; both "
                       "need one at least",
                       c->validation_split, (long long)rows, (long long)at, (long long)(rows - at));
    c->validation_x = kt_rows_of(&c->x, at, rows - at);
    c->validation_y = kt_rows_of(&c->y, at, rows - at);
    c->validation_sample_weight = kt_rows_of(&c->sample_weight, at, rows - at);
    c->x = kt_rows_of(&c->x, 0, at);
    c->y = kt_rows_of(&c->y, 0, at);
    c->sample_weight = kt_rows_of(&c->sample_weight, 0, at);
    return KT_OK;
}

static kt_status open_feeds(fit *f)
{
    kt_context *kt = f->model->kt;
    kt_fit_config *c = &f->c;
    if (check_numbers(kt, c) != KT_OK || split(kt, c) != KT_OK) return kt->status;
    int64_t batch = c->batch_size;
    if (!batch && c->steps_per_epoch && c->x.data && c->x.rank > 0)
        batch = (c->x.dim[0] + c->steps_per_epoch - 1) / c->steps_per_epoch; /* Keras: ceil(rows / steps) */
    kt_status status = kt_feed_open(&f->train, kt, &(kt_feed_config){
        .call = "fit", .x = c->x, .y = c->y, .weight = c->sample_weight, .data = c->data, .batch_size = batch,
        .shuffle = !c->no_shuffle, .seed = c->shuffle_seed ? c->shuffle_seed : kt->config.seed,
        .classes = c->class_weight, .n_classes = c->class_weight_count });
    if (status != KT_OK || (!c->validation_x.data && !c->validation_data)) return status;
    int64_t validation_batch = c->validation_batch_size ? c->validation_batch_size : c->validation_data ? 0 : batch;
    return kt_feed_open(&f->validation, kt, &(kt_feed_config){
        .call = "fit (validation)", .x = c->validation_x, .y = c->validation_y, .weight = c->validation_sample_weight,
        .data = c->validation_data, .batch_size = validation_batch });
}

/* The batches of one epoch. With steps_per_epoch the data goes on where the last epoch stopped; when it runs dry,
 * this epoch is shorter and the next begins at the data's beginning. */
static kt_status run_batches(fit *f)
{
    kt_model *model = f->model;
    kt_context *kt = model->kt;
    kt_loop *loop = &f->loop;
    int64_t limit = f->c.steps_per_epoch;
    bool again = limit > 0;
    for (int64_t i = 0; limit == 0 || i < limit; i++) {
        kt_host_batch batch;
        double asked = loop->timed ? kt_loop_now(loop) : 0;
        kt_status status = kt_feed_next(&f->train, &batch);
        if (status != KT_OK) return status;
        if (loop->timed) loop->waited += kt_loop_now(loop) - asked;
        if (!batch.x.data && i == 0 && again) { /* the last epoch ended exactly with the data */
            again = false;
            i--;
            continue;
        }
        if (!batch.x.data) {
            if (i == 0)
                return kt_fail(kt, KT_ERR_VALUE,
                               "fit: expected at least one batch of data, got none; the data set is empty");
            break;
        }
        loop->batch = i;
        loop->host = &batch;
        loop->rows += batch.x.dim[0];
        if (loop->n_who[KT_ON_TRAIN_BATCH_BEGIN]) {
            kt_logs_clear(loop->empty);
            status = kt_dispatch_indexed(loop, KT_ON_TRAIN_BATCH_BEGIN, i, loop->empty);
            if (status != KT_OK) return status;
        }
        status = kt_step_run(model, KT_STEP_TRAIN, &batch);
        if (status != KT_OK) return status;
        kt_logs_expire(loop->batch_logs);
        status = kt_loop_hook_at(loop, KT_ON_TRAIN_BATCH_END, i, loop->batch_logs);
        if (status != KT_OK) return status;
        if (kt_cancelled(kt)) {
            f->cancelled = true;
            break;
        }
        if (loop->stop) break;
    }
    return KT_OK;
}

static kt_status run_epoch(fit *f, int64_t epoch)
{
    kt_model *model = f->model;
    kt_loop *loop = &f->loop;
    loop->epoch = epoch;
    int64_t steps = f->c.steps_per_epoch ? f->c.steps_per_epoch : kt_dataset_batches(f->train.data);
    loop->last_batch = steps > 0 ? steps - 1 : -1;
    kt_status status = kt_compiled_reset(model);
    kt_logs_clear(loop->empty);
    if (status == KT_OK) status = kt_loop_hook_at(loop, KT_ON_EPOCH_BEGIN, epoch, loop->empty);
    if (status == KT_OK && kt_layer_built(model->root)) status = kt_steps_check(model);
    if (status == KT_OK) status = run_batches(f);
    if (status != KT_OK || f->cancelled) return status;
    kt_logs_clear(loop->epoch_logs);
    status = kt_results_put(model, loop->epoch_logs, "");
    int64_t freq = f->c.validation_freq ? f->c.validation_freq : 1;
    if (status == KT_OK && f->validation.data && (epoch + 1) % freq == 0) {
        status = kt_run_test(model, loop, &f->validation, f->c.validation_steps, &f->cancelled);
        if (status == KT_OK && !f->cancelled) status = kt_results_put(model, loop->epoch_logs, "val_");
    }
    if (status != KT_OK || f->cancelled) return status;
    /* on_train_end gets the epoch's logs without what callbacks add to them now. */
    status = kt_logs_copy(loop->batch_logs, loop->epoch_logs);
    return status == KT_OK ? kt_loop_hook_at(loop, KT_ON_EPOCH_END, epoch, loop->epoch_logs) : status;
}

static kt_status run(fit *f)
{
    kt_loop *loop = &f->loop;
    loop->fitting = true;
    loop->stop = false;
    kt_status status = kt_loop_hook(loop, KT_ON_TRAIN_BEGIN, loop->empty);
    if (status == KT_OK) status = kt_dataset_seek(f->train.data, f->c.initial_epoch, 0);
    for (int64_t epoch = f->c.initial_epoch; status == KT_OK && epoch < f->loop.epochs && !loop->stop && !f->cancelled;
         epoch++)
        status = run_epoch(f, epoch);
    if (status != KT_OK) return status;
    return kt_loop_hook(loop, KT_ON_TRAIN_END, loop->batch_logs);
}

kt_status kt_fit_with(kt_model *model, const kt_fit_config *given)
{
    kt_status status = kt_run_ready(model, "fit", true);
    if (status != KT_OK) return status;
    kt_context *kt = model->kt;
    if (model->running)
        return kt_fail(kt, KT_ERR_STATE, "fit: %s is being used already; call fit when the other call has returned",
                       kt_model_name(model));
    fit f = { .model = model, .c = { .size = sizeof f.c } };
    if (given) memcpy(&f.c, given, given->size && given->size < sizeof f.c ? given->size : sizeof f.c);
    status = open_feeds(&f);
    if (status == KT_OK) {
        kt_run_state before = kt_run_enter(model);
        kt_history_clear(&model->history);
        model->looking = false; /* until a callback of this training does */
        f.loop.model = model;
        f.loop.optimizer = model->compiled->optimizer;
        f.loop.history = &model->history;
        f.loop.feed = &f.train;
        f.loop.epochs = f.c.epochs ? f.c.epochs : 1;
        f.loop.initial_epoch = f.c.initial_epoch;
        f.loop.steps = f.c.steps_per_epoch ? f.c.steps_per_epoch : kt_dataset_batches(f.train.data);
        f.loop.verbose = kt_resolve_verbose(kt, f.c.verbose);
        status = kt_loop_start(&f.loop, kt, f.c.callbacks, KT_MAX_CALLBACKS);
        if (status == KT_OK) {
            f.loop.batch_logs->fill = kt_results_fill;
            f.loop.batch_logs->source = model;
            status = run(&f);
        }
        kt_loop_release(&f.loop);
        kt_run_leave(model, before);
    }
    kt_feed_close(&f.validation);
    kt_feed_close(&f.train);
    if (status == KT_OK && f.cancelled) status = kt_run_cancelled(model, "fit");
    return status;
}
