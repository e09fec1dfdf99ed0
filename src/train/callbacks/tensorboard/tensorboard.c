/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/tensorboard.c: Keras's TensorBoard callback: runs `train` and `validation` below log_dir.
 *
 * This file owns the two runs and says when summaries inside layers are looked at: each N-th batch, or, with
 * update_freq "epoch", the last batch of an epoch whose histograms are written (of each epoch if histogram_freq is 0).
 * What is written beside them is the parts' affair (board.h). Only batch-level data is gated.
 *
 * If the first file cannot be made, training does not begin; afterwards a log that cannot be written stops nothing,
 * and what was lost is told to the log hook at the end.
 */
#include <string.h>

#include "train/callbacks/tensorboard/board.h"
#include "train/summary.h"

static const kt_board_part *const all_parts[] = {
#define KT_BOARD_PART(part) &part,
#include "train/callbacks/tensorboard/parts.def"
#undef KT_BOARD_PART
};
enum { N_PARTS = sizeof all_parts / sizeof *all_parts, WATCH_EVERY = 100 };
_Static_assert((int)N_PARTS <= (int)KT_BOARD_MAX_PARTS, "board.h has room for too few parts");
_Static_assert(sizeof(kt_tensorboard_config) <= sizeof(kt_callback_box), "the configuration does not fit its box");

/* Calls one hook of each part that has it, until one fails; `state` is the part's own. */
#define EACH_PART(b, hook, arguments)                                                                                  \
    for (int part = 0; part < (b)->n_parts; part++) {                                                                  \
        void *state = (b)->state[part];                                                                                \
        kt_status status = (b)->parts[part]->hook ? (b)->parts[part]->hook arguments : KT_OK;                          \
        (void)state;                                                                                                   \
        if (status != KT_OK) return status;                                                                            \
    }

/* ---- life ---- */

static kt_status check(kt_board *b, const kt_tensorboard_config *c)
{
    static const char *const known[] = { "epoch", "batch", NULL };
    const char *freq = c->update_freq ? c->update_freq : "epoch";
    if (c->histogram_freq < 0 || c->update_every < 0)
        return kt_fail(b->kt, KT_ERR_VALUE,
                       "TensorBoard: expected histogram_freq and update_every of 0 or more, got %lld and %lld",
                       (long long)c->histogram_freq, (long long)c->update_every);
    b->update_every = c->update_every;
    if (strcmp(freq, "batch") == 0 && !b->update_every) b->update_every = 1;
    else if (strcmp(freq, "epoch") != 0 && strcmp(freq, "batch") != 0)
        return kt_fail_name(b->kt, "update_freq of TensorBoard (a number of batches goes to update_every)", freq,
                            known);
    const kt_gate *given = &c->watch;
    b->watch = *given;
    if (given->every == 0 && given->seconds == 0 && given->per_decade == 0)
        b->watch.every = b->update_every ? b->update_every : WATCH_EVERY;
    if (given->every < 0 || given->per_decade < 0 || !(given->seconds >= 0))
        return kt_fail(b->kt, KT_ERR_VALUE,
                       "TensorBoard: expected a watch gate of 0 or more in each field, got every %lld, per_decade %lld "
                       "and seconds %g; .watch = { .every = 100 } looks at each hundredth batch",
                       (long long)given->every, (long long)given->per_decade, given->seconds);
    b->watches = c->watch_gradients || c->watch_updates || c->watch_activations || c->watch_weights ||
                 c->watch_learning_rate || c->watch_loss_terms || c->write_speed || c->write_memory;
    return KT_OK;
}

static kt_status add_part(kt_board *b, const kt_board_part *part)
{
    void *state = part->state_size ? kt_take_zeroed(b->kt, 1, part->state_size) : NULL;
    if (part->state_size && !state) return b->kt->status;
    b->parts[b->n_parts] = part;
    b->state[b->n_parts++] = state;
    return part->begin ? part->begin(b, state) : KT_OK;
}

static kt_status board_begin(void *self, kt_loop *loop, const void *config)
{
    kt_board *b = self;
    const kt_tensorboard_config *c = config;
    b->kt = loop->kt;
    b->loop = loop;
    b->config = *c;
    if (check(b, c) != KT_OK) return b->kt->status;
    b->log_dir = kt_copy_text(b->kt, c->log_dir && c->log_dir[0] ? c->log_dir : "logs");
    if (!b->log_dir || !kt_outlet_of(b->kt)) return b->kt->status;
    for (int i = 0; i < N_PARTS; i++)
        if ((!all_parts[i]->wanted || all_parts[i]->wanted(&b->config)) && add_part(b, all_parts[i]) != KT_OK)
            return b->kt->status;
    return b->kt->status;
}

static kt_events *open_run(kt_board *b, const char *run, kt_events_error *error)
{
    char path[4096];
    kt_text text = kt_text_in(path, sizeof path);
    kt_text_add(&text, run[0] ? "%s/%s" : "%s%s", b->log_dir, run);
    return kt_events_for(b->kt, path, error);
}

/* The training steps that lie before this training. */
static int64_t steps_before(const kt_board *b)
{
    const kt_loop *loop = b->loop;
    int64_t done = loop->optimizer ? kt_iterations(loop->optimizer) : 0, steps = loop->steps > 0 ? loop->steps : 0;
    int64_t asked = 0;
    if (!kt_mul_int64(loop->initial_epoch, steps, &asked)) asked = 0;
    return done > asked ? done : asked;
}

/* TensorBoard's default reader drops what is overtaken tag by tag and needs no mark. Its Python reader drops, in all
 * tags at once, what lies beyond one step: where some tags count batches and others epochs, the larger number, since
 * points shown twice are better than points lost. */
static void resume_run(kt_board *b, kt_events *events, bool batches)
{
    if (kt_events_resume_from(events, batches ? steps_before(b) + 1 : b->loop->initial_epoch) != KT_OK)
        kt_remark(b->kt, "TensorBoard (resume): %s", kt_events_message(events));
}

kt_status kt_board_open_train(kt_board *b)
{
    kt_events_error error;
    if (b->train) return KT_OK;
    b->train = open_run(b, "train", &error);
    if (b->train) {
        if (b->config.resume) resume_run(b, b->train, b->update_every || b->watches);
        return KT_OK;
    }
    return kt_fail(b->kt, error.status ? error.status : KT_ERR_IO, "TensorBoard: %s", error.message);
}

kt_events *kt_board_open_run(kt_board *b, const char *run)
{
    kt_events_error error;
    kt_events *events = open_run(b, run, &error);
    if (!events)
        kt_remark(b->kt, "TensorBoard: the run %s is not logged: %s", run[0] ? run : b->log_dir, error.message);
    return events;
}

kt_events *kt_board_validation(kt_board *b)
{
    if (b->validation || b->no_validation) return b->validation;
    b->validation = kt_board_open_run(b, "validation");
    b->no_validation = !b->validation;
    if (b->config.resume && b->validation) resume_run(b, b->validation, b->loop->optimizer != NULL);
    return b->validation;
}

static void look(kt_board *b, kt_events *events, int64_t step, bool open)
{
    kt_outlet *outlet = b->kt->summary;
    if (!outlet) return;
    outlet->events = events;
    outlet->step = step;
    outlet->replayed = true;
    outlet->open = open && events;
}

void kt_board_close_run(kt_board *b, kt_events **events, const char *run)
{
    kt_outlet *outlet = b->kt->summary;
    if (!*events) return;
    if (outlet && outlet->events == *events) look(b, NULL, 0, false);
    kt_events_flush(*events);
    int64_t lost = kt_events_dropped(*events) + kt_events_waiting(*events);
    if (lost)
        kt_remark(b->kt, "TensorBoard: run %s lost %lld records: %s", run, (long long)lost, kt_events_message(*events));
    kt_events_close(*events);
    *events = NULL;
}

static void board_release(void *self)
{
    kt_board *b = self;
    if (!b->kt) return;
    for (int i = 0; b->training && i < b->n_parts; i++)
        if (b->parts[i]->failed) b->parts[i]->failed(b, b->state[i]);
    for (int i = b->n_parts; i-- > 0;) {
        if (b->parts[i]->release) b->parts[i]->release(b, b->state[i]);
        kt_give(b->kt, b->state[i]);
    }
    kt_board_close_run(b, &b->train, "train");
    kt_board_close_run(b, &b->validation, "validation");
    kt_give(b->kt, b->log_dir);
}

void kt_board_scalar(kt_events *events, const char *before, const char *name, const char *after, double value,
                     int64_t step)
{
    const char *const parts[3] = { before, name, after };
    char tag[KT_BOARD_TAG_MAX];
    size_t length = 0; /* joined by hand: with update_freq "batch" this may run at every step, and printf would be
                          half its cost */
    for (int i = 0; i < 3; i++)
        for (const char *c = parts[i]; *c && length < sizeof tag - 1; c++) tag[length++] = *c;
    tag[length] = 0;
    if (events) kt_events_scalar(events, tag, value, step);
}

/* ---- hooks ---- */

static kt_status board_train_begin(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    kt_board *b = self;
    b->train_batch = b->config.resume ? steps_before(b) : 0;
    if (b->config.resume) b->test_batch = b->train_batch; /* not known; in order as long as tests are shorter */
    b->watch_state = (kt_gate_state){ 0 };
    if (kt_board_open_train(b) != KT_OK) return b->kt->status;
    b->training = true;
    EACH_PART(b, train_begin, (b, state))
    return KT_OK;
}

static kt_status board_epoch_begin(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)loop, (void)logs;
    kt_board *b = self;
    EACH_PART(b, epoch_begin, (b, state, epoch))
    return KT_OK;
}

bool kt_board_epoch_fires(const kt_board *b, int64_t epoch)
{
    return b->config.histogram_freq == 0 || epoch % b->config.histogram_freq == 0;
}

/* `step` counts batches; `batch` numbers them within the epoch or evaluation. */
static void look_at_batch(kt_board *b, kt_events *events, int64_t step, int64_t batch)
{
    const kt_loop *loop = b->loop;
    if (b->update_every) look(b, events, step, step % b->update_every == 0);
    else look(b, events, loop->epoch, batch == loop->last_batch && kt_board_epoch_fires(b, loop->epoch));
}

static kt_status board_train_batch_begin(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop, (void)logs;
    kt_board *b = self;
    look_at_batch(b, b->train, ++b->train_batch, batch);
    if (b->watches)
        b->watching = kt_gate_opens(&b->watch, &b->watch_state, b->train_batch,
                                    b->watch.seconds > 0 ? kt_loop_now(loop) : 0);
    EACH_PART(b, batch_begin, (b, state, batch))
    return KT_OK;
}

static kt_status board_train_batch_end(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop;
    kt_board *b = self;
    EACH_PART(b, batch_end, (b, state, batch, logs))
    return KT_OK;
}

static kt_status board_epoch_end(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)loop;
    kt_board *b = self;
    EACH_PART(b, epoch_end, (b, state, epoch, logs))
    kt_events_flush(b->train);
    if (b->validation) kt_events_flush(b->validation);
    return KT_OK;
}

static kt_status board_train_end(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    kt_board *b = self;
    b->training = false;
    EACH_PART(b, train_end, (b, state))
    kt_board_close_run(b, &b->train, "train");
    kt_board_close_run(b, &b->validation, "validation");
    return KT_OK;
}

static kt_status board_test_begin(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    kt_board *b = self;
    EACH_PART(b, test_begin, (b, state))
    kt_board_validation(b);
    return KT_OK;
}

static kt_status board_test_batch_begin(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop, (void)logs;
    kt_board *b = self;
    look_at_batch(b, b->validation, ++b->test_batch, batch);
    return KT_OK;
}

static kt_status board_test_end(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop;
    kt_board *b = self;
    look(b, NULL, 0, false);
    EACH_PART(b, test_end, (b, state, logs))
    if (b->validation) kt_events_flush(b->validation);
    return KT_OK;
}

const kt_callback_class kt_tensorboard_class = {
    .name = "TensorBoard", .config_size = sizeof(kt_tensorboard_config), .state_size = sizeof(kt_board),
    .begin = board_begin, .release = board_release,
    .on_train_begin = board_train_begin, .on_train_end = board_train_end,
    .on_epoch_begin = board_epoch_begin, .on_epoch_end = board_epoch_end,
    .on_train_batch_begin = board_train_batch_begin, .on_train_batch_end = board_train_batch_end,
    .on_test_begin = board_test_begin, .on_test_end = board_test_end, .on_test_batch_begin = board_test_batch_begin,
};
