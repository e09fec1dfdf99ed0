/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard.c: Keras's TensorBoard callback: runs `train` and `validation` below log_dir.
 *
 * Tags and steps are Keras's: epoch_* at epoch ends with the 0-based epoch, batch_* with the 1-based number of the
 * batch since training began, evaluation_*_vs_iterations at each test end, <path>/histogram of every weight.
 * Summaries inside layers are looked at when the gate is open: each N-th batch, or, with update_freq "epoch", the
 * last batch of an epoch whose histograms are written (of each epoch if histogram_freq is 0). Only batch-level data
 * is gated.
 *
 * If the first file cannot be made, training does not begin; afterwards a log that cannot be written stops nothing,
 * and what was lost is told to the log hook at the end.
 */
#include <string.h>

#include <keratin/ops.h>

#include "graph/record.h"
#include "ops/ops.h"
#include "train/loop.h"
#include "train/model.h"
#include "train/summary.h"

enum { MAX_TAG = 1024, MAX_BATCH_TAGS = 64 };

typedef struct batch_tag { /* made once: a scalar each step must not cost text */
    const char *name, *tag; /* both interned: found by address */
} batch_tag;

typedef struct board {
    kt_context *kt;
    char *log_dir;
    int64_t histogram_freq, update_every; /* update_every 0: "epoch" */
    bool steps_per_second;
    kt_events *train, *validation;        /* opened when first needed */
    bool no_validation;                   /* it could not be opened */
    int64_t train_batch, test_batch;      /* since training began; since the callback was made */
    int64_t first_iteration;              /* of this epoch */
    double epoch_start, batch_start;
    batch_tag batch_tags[MAX_BATCH_TAGS];
    int n_batch_tags;
} board;

/* ---- life ---- */

static kt_status board_begin(void *self, kt_loop *loop, const void *config)
{
    static const char *const known[] = { "epoch", "batch", NULL };
    board *b = self;
    kt_context *kt = loop->kt;
    const kt_tensorboard_config *c = config;
    const char *freq = c->update_freq ? c->update_freq : "epoch";
    b->kt = kt;
    b->histogram_freq = c->histogram_freq;
    b->update_every = c->update_every;
    b->steps_per_second = c->write_steps_per_second;
    if (c->histogram_freq < 0 || c->update_every < 0)
        return kt_fail(kt, KT_ERR_VALUE,
                       "TensorBoard: expected histogram_freq and update_every of 0 or more, got %lld and %lld",
                       (long long)c->histogram_freq, (long long)c->update_every);
    if (strcmp(freq, "batch") == 0 && !b->update_every) b->update_every = 1;
    else if (strcmp(freq, "epoch") != 0 && strcmp(freq, "batch") != 0)
        return kt_fail_name(kt, "update_freq of TensorBoard (a number of batches goes to update_every)", freq, known);
    b->log_dir = kt_copy_text(kt, c->log_dir && c->log_dir[0] ? c->log_dir : "logs");
    if (b->log_dir) kt_outlet_of(kt);
    return kt->status;
}

static kt_events *open_run(board *b, const char *run, kt_events_error *error)
{
    char path[4096];
    kt_text text = kt_text_in(path, sizeof path);
    kt_text_add(&text, "%s/%s", b->log_dir, run);
    return kt_events_for(b->kt, path, error);
}

static kt_status open_train(board *b)
{
    kt_events_error error;
    if (!b->train) b->train = open_run(b, "train", &error);
    if (b->train) return KT_OK;
    return kt_fail(b->kt, error.status ? error.status : KT_ERR_IO, "TensorBoard: %s", error.message);
}

static kt_events *validation_run(board *b)
{
    kt_events_error error;
    if (b->validation || b->no_validation) return b->validation;
    b->validation = open_run(b, "validation", &error);
    b->no_validation = !b->validation;
    if (b->no_validation) kt_remark(b->kt, "TensorBoard: the validation run is not logged: %s", error.message);
    return b->validation;
}

static void look(board *b, kt_events *events, int64_t step, bool open)
{
    kt_outlet *outlet = b->kt->summary;
    if (!outlet) return;
    outlet->events = events;
    outlet->step = step;
    outlet->replayed = true;
    outlet->open = open && events;
}

static void close_run(board *b, kt_events **events, const char *run)
{
    kt_outlet *outlet = b->kt->summary;
    if (!*events) return;
    if (outlet && outlet->events == *events) look(b, NULL, 0, false);
    kt_events_flush(*events);
    if (kt_events_dropped(*events))
        kt_remark(b->kt, "TensorBoard: run %s lost %lld records: %s", run, (long long)kt_events_dropped(*events),
                  kt_events_message(*events));
    kt_events_close(*events);
    *events = NULL;
}

static void board_release(void *self)
{
    board *b = self;
    if (!b->kt) return;
    close_run(b, &b->train, "train");
    close_run(b, &b->validation, "validation");
    kt_give(b->kt, b->log_dir);
}

/* ---- scalars ---- */

static void scalar(kt_events *events, const char *before, const char *name, const char *after, double value,
                   int64_t step)
{
    const char *const parts[3] = { before, name, after };
    char tag[MAX_TAG];
    size_t length =
        0; /* joined by hand: with update_freq "batch" this runs at every step, and printf would be half its cost */
    for (int i = 0; i < 3; i++)
        for (const char *c = parts[i]; *c && length < sizeof tag - 1; c++) tag[length++] = *c;
    tag[length] = 0;
    if (events) kt_events_scalar(events, tag, value, step);
}

static void batch_scalar(board *b, const char *name, double value)
{
    int i = 0;
    while (i < b->n_batch_tags && b->batch_tags[i].name != name) i++;
    if (i == b->n_batch_tags && i < MAX_BATCH_TAGS) {
        char tag[MAX_TAG];
        kt_text text = kt_text_in(tag, sizeof tag);
        kt_text_add(&text, "batch_%s", name);
        const char *kept = kt_intern(b->kt, tag);
        if (!kept) return;
        b->batch_tags[b->n_batch_tags++] = (batch_tag){ name, kept };
    }
    if (i < b->n_batch_tags) kt_events_scalar(b->train, b->batch_tags[i].tag, value, b->train_batch);
    else scalar(b->train, "batch_", name, "", value, b->train_batch);
}

static void epoch_scalars(board *b, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++) {
        const char *name = kt_logs_name(logs, i);
        double value = kt_logs_value(logs, i);
        if (strncmp(name, "val_", 4) == 0) scalar(validation_run(b), "epoch_", name + 4, "", value, epoch);
        else if (!loop->optimizer || strcmp(name, "learning_rate") != 0)
            scalar(b->train, "epoch_", name, "", value, epoch);
    }
    if (loop->optimizer) scalar(b->train, "epoch_", "learning_rate", "", kt_learning_rate(loop->optimizer), epoch);
    if (b->steps_per_second && loop->optimizer) {
        double steps = (double)(kt_iterations(loop->optimizer) - b->first_iteration),
               seconds = kt_loop_now(loop) - b->epoch_start;
        scalar(b->train, "epoch_", "steps_per_second", "", seconds > 0 ? steps / seconds : 0, epoch);
    }
}

/* ---- histograms ---- */

static void write_histogram(board *b, const kt_tensor *weight, const kt_bucket *buckets, int64_t epoch)
{
    char tag[MAX_TAG];
    kt_text text = kt_text_in(tag, sizeof tag);
    kt_text_add(&text, "%s/histogram", kt_variable_name(weight));
    kt_events_histogram_buckets(b->train, tag, buckets, KT_HISTOGRAM_BUCKETS, epoch);
}

/* The buckets are counted where the weights are, by one program for all. */
static kt_status record_histograms(kt_model *model, kt_tensors weights)
{
    kt_context *kt = model->kt;
    kt_tensor **rows = kt_take_zeroed(kt, (size_t)weights.count + 1, sizeof *rows);
    if (!rows) return kt->status;
    if (kt_capture_begin(kt) == KT_OK) {
        for (int64_t i = 0; i < weights.count; i++) rows[i] = kt_histogram(weights.at[i]);
        model->histograms = kt_capture_end(kt, rows, (int)weights.count);
    }
    kt_give(kt, rows);
    return kt->status;
}

static kt_status histograms(board *b, kt_model *model, int64_t epoch)
{
    kt_context *kt = b->kt;
    kt_tensors weights = kt_weights(model);
    kt_bucket buckets[KT_HISTOGRAM_BUCKETS];
    bool eager = kt->config.run_eagerly;
    kt_status status = kt->status;
    if (!eager && !model->histograms) status = record_histograms(model, weights);
    if (!eager && status == KT_OK) status = kt_program_run(model->histograms, NULL, false);
    for (int64_t i = 0; i < weights.count && status == KT_OK; i++) {
        if (eager) status = kt_read(kt_histogram(weights.at[i]), buckets, KT_FLOAT64, 3 * KT_HISTOGRAM_BUCKETS);
        else status = kt_program_read(model->histograms, (int)i, buckets, KT_FLOAT64, 3 * KT_HISTOGRAM_BUCKETS);
        if (status == KT_OK) write_histogram(b, weights.at[i], buckets, epoch);
    }
    return status;
}

/* ---- hooks ---- */

static kt_status board_train_begin(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    board *b = self;
    b->train_batch = 0;
    return open_train(b);
}

static kt_status board_epoch_begin(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)epoch, (void)logs;
    board *b = self;
    if (!b->steps_per_second) return KT_OK;
    b->epoch_start = kt_loop_now(loop);
    b->first_iteration = loop->optimizer ? kt_iterations(loop->optimizer) : 0;
    return KT_OK;
}

static bool epoch_fires(const board *b, int64_t epoch)
{
    return b->histogram_freq == 0 || epoch % b->histogram_freq == 0;
}

static kt_status board_train_batch_begin(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)logs;
    board *b = self;
    b->train_batch++;
    if (b->steps_per_second) b->batch_start = kt_loop_now(loop);
    if (b->update_every) look(b, b->train, b->train_batch, b->train_batch % b->update_every == 0);
    else look(b, b->train, loop->epoch, batch == loop->last_batch && epoch_fires(b, loop->epoch));
    return KT_OK;
}

static kt_status board_train_batch_end(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)batch;
    board *b = self;
    if (!b->update_every || b->train_batch % b->update_every) return KT_OK;
    if (b->steps_per_second) {
        double seconds = kt_loop_now(loop) - b->batch_start;
        scalar(b->train, "batch_", "steps_per_second", "", seconds > 0 ? 1 / seconds : 0, b->train_batch);
    }
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++)
        batch_scalar(b, kt_logs_name(logs, i), kt_logs_value(logs, i));
    return KT_OK;
}

static kt_status board_epoch_end(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    board *b = self;
    kt_status status = KT_OK;
    epoch_scalars(b, loop, epoch, logs);
    if (b->histogram_freq && epoch % b->histogram_freq == 0 && loop->model) status = histograms(b, loop->model, epoch);
    kt_events_flush(b->train);
    if (b->validation) kt_events_flush(b->validation);
    return status;
}

static kt_status board_train_end(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    board *b = self;
    close_run(b, &b->train, "train");
    close_run(b, &b->validation, "validation");
    return KT_OK;
}

static kt_status board_test_begin(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    validation_run(self);
    return KT_OK;
}

static kt_status board_test_batch_begin(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)logs;
    board *b = self;
    b->test_batch++;
    if (b->update_every) look(b, b->validation, b->test_batch, b->test_batch % b->update_every == 0);
    else look(b, b->validation, loop->epoch, batch == loop->last_batch && epoch_fires(b, loop->epoch));
    return KT_OK;
}

static kt_status board_test_end(void *self, kt_loop *loop, kt_logs *logs)
{
    board *b = self;
    look(b, NULL, 0, false);
    if (!b->validation || !loop->optimizer) return KT_OK;
    int64_t step = kt_iterations(loop->optimizer);
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++)
        scalar(b->validation, "evaluation_", kt_logs_name(logs, i), "_vs_iterations", kt_logs_value(logs, i), step);
    kt_events_flush(b->validation);
    return KT_OK;
}

const kt_callback_class kt_tensorboard_class = {
    .name = "TensorBoard", .config_size = sizeof(kt_tensorboard_config), .state_size = sizeof(board),
    .begin = board_begin, .release = board_release,
    .on_train_begin = board_train_begin, .on_train_end = board_train_end,
    .on_epoch_begin = board_epoch_begin, .on_epoch_end = board_epoch_end,
    .on_train_batch_begin = board_train_batch_begin, .on_train_batch_end = board_train_batch_end,
    .on_test_begin = board_test_begin, .on_test_end = board_test_end, .on_test_batch_begin = board_test_batch_begin,
};
