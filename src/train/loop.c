/* SPDX-License-Identifier: MIT */
/* train/loop.c: what a callback may ask of its loop, and loops written by hand.
 *
 * In a hand-written loop the program says what happens (begin and end of the training, of epochs, of batches) and
 * logs numbers with kt_loop_log; callbacks see the same order of hooks, the same logs and the same history as under
 * fit. Calls at the wrong time are errors of state, so that a callback can rely on the order.
 */
#include "train/loop.h"

#include <string.h>

#include "base/text.h"
#include "train/model.h"

kt_context *kt_loop_context(kt_loop *loop) { return loop ? loop->kt : NULL; }
struct kt_model *kt_loop_model(kt_loop *loop) { return loop ? loop->model : NULL; }
kt_optimizer *kt_loop_optimizer(kt_loop *loop) { return loop ? loop->optimizer : NULL; }
int64_t kt_loop_epochs(kt_loop *loop) { return loop ? loop->epochs : 0; }
int64_t kt_loop_steps(kt_loop *loop) { return loop ? loop->steps : -1; }
int kt_loop_verbose(kt_loop *loop) { return loop ? loop->verbose : 0; }
bool kt_loop_stopped(kt_loop *loop) { return loop && loop->stop; }

void kt_loop_stop(kt_loop *loop)
{
    if (loop) loop->stop = true;
}

void kt_loop_print(kt_loop *loop, const char *format, ...)
{
    if (!loop || !loop->kt->config.print) return;
    char buffer[1024];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    va_list args;
    va_start(args, format);
    kt_text_addv(&text, format, args);
    va_end(args);
    kt_say(loop->kt, buffer);
}

/* ---- hand-written loops ---- */

enum { BEFORE, BETWEEN, IN_EPOCH, IN_BATCH, AFTER }; /* where the program stands: loop->place */

typedef struct hand_loop {
    kt_loop loop;
    int place;
    kt_logs *pending; /* kt_loop_log, for the next batch_end or epoch_end */
} hand_loop;

static void hand_loop_release(kt_context *kt, kt_object *object)
{
    hand_loop *hand = (hand_loop *)object;
    kt_loop_release(&hand->loop);
    kt_logs_free(hand->pending);
    kt_history_end(&hand->loop.own_history);
    kt_give(kt, hand);
}

kt_loop *kt_loop_new_with(kt_context *kt, const kt_loop_config *config)
{
    if (!kt || kt->status != KT_OK) return NULL;
    kt_loop_config c = { .size = sizeof c };
    if (config) memcpy(&c, config, config->size && config->size < sizeof c ? config->size : sizeof c);
    if (c.epochs < 0 || c.steps < 0) {
        kt_fail(kt, KT_ERR_VALUE,
                "loop: expected epochs and steps of 0 (not known) or more, got %lld and %lld; leave out what is not "
                "known",
                (long long)c.epochs, (long long)c.steps);
        return NULL;
    }
    hand_loop *hand = kt_take_zeroed(kt, 1, sizeof *hand);
    if (!hand) return NULL;
    kt_loop *loop = &hand->loop;
    hand->pending = kt_logs_new(kt);
    if (!hand->pending) {
        kt_give(kt, hand);
        return NULL;
    }
    kt_history_init(&loop->own_history, kt);
    loop->history = &loop->own_history;
    loop->model = c.model;
    loop->optimizer = c.optimizer ? c.optimizer : c.model ? kt_model_optimizer(c.model) : NULL;
    loop->epochs = c.epochs ? c.epochs : 1;
    loop->steps = c.steps ? c.steps : -1;
    loop->verbose = kt_resolve_verbose(kt, c.verbose);
    if (kt_loop_start(loop, kt, c.callbacks, (int)(sizeof c.callbacks / sizeof *c.callbacks)) != KT_OK) {
        kt_logs_free(hand->pending);
        kt_give(kt, hand);
        return NULL;
    }
    kt_own(kt, &loop->object, hand_loop_release);
    return loop;
}

void kt_loop_free(kt_loop *loop)
{
    if (!loop) return;
    kt_disown(&loop->object);
    hand_loop_release(loop->kt, &loop->object);
}

static kt_status at_place(kt_loop *loop, const char *call, int place, const char *expected)
{
    if (!loop) return KT_ERR_VALUE;
    if (loop->kt->status != KT_OK) return loop->kt->status;
    hand_loop *hand = (hand_loop *)loop;
    if (hand->place == place) return KT_OK;
    return kt_fail(loop->kt, KT_ERR_STATE,
                   "%s: expected to be called %s, got it at another time; keep the order train_begin, epoch_begin, "
                   "batch_begin, batch_end, epoch_end, train_end",
                   call, expected);
}

/* What kt_loop_log gathered moves into these logs. */
static kt_status take_pending(hand_loop *hand, kt_logs *to)
{
    for (int64_t i = 0, n = kt_logs_count(hand->pending); i < n; i++)
        if (kt_logs_put(to, kt_logs_name(hand->pending, i), kt_logs_value(hand->pending, i)) != KT_OK)
            return hand->loop.kt->status;
    kt_logs_clear(hand->pending);
    return KT_OK;
}

kt_status kt_loop_train_begin(kt_loop *loop)
{
    kt_status status = at_place(loop, "kt_loop_train_begin", BEFORE, "first, once");
    if (status != KT_OK) return status;
    ((hand_loop *)loop)->place = BETWEEN;
    loop->fitting = true;
    loop->stop = false;
    return kt_loop_hook(loop, KT_ON_TRAIN_BEGIN, loop->empty);
}

kt_status kt_loop_epoch_begin(kt_loop *loop, int64_t epoch)
{
    kt_status status = at_place(loop, "kt_loop_epoch_begin", BETWEEN, "between epochs");
    if (status != KT_OK) return status;
    ((hand_loop *)loop)->place = IN_EPOCH;
    loop->epoch = epoch;
    loop->last_batch = loop->steps > 0 ? loop->steps - 1 : -1;
    kt_logs_clear(loop->batch_logs);
    kt_logs_clear(loop->epoch_logs);
    kt_logs_clear(loop->empty);
    return kt_loop_hook_at(loop, KT_ON_EPOCH_BEGIN, epoch, loop->empty);
}

kt_status kt_loop_batch_begin(kt_loop *loop, int64_t batch)
{
    kt_status status = at_place(loop, "kt_loop_batch_begin", IN_EPOCH, "within an epoch");
    if (status != KT_OK) return status;
    ((hand_loop *)loop)->place = IN_BATCH;
    loop->batch = batch;
    kt_logs_clear(loop->empty);
    return kt_loop_hook_at(loop, KT_ON_TRAIN_BATCH_BEGIN, batch, loop->empty);
}

kt_status kt_loop_log(kt_loop *loop, const char *name, double value)
{
    if (!loop) return KT_ERR_VALUE;
    if (loop->kt->status != KT_OK) return loop->kt->status;
    return kt_logs_set(((hand_loop *)loop)->pending, name, value);
}

kt_status kt_loop_batch_end(kt_loop *loop, int64_t batch)
{
    kt_status status = at_place(loop, "kt_loop_batch_end", IN_BATCH, "after kt_loop_batch_begin");
    if (status != KT_OK) return status;
    hand_loop *hand = (hand_loop *)loop;
    hand->place = IN_EPOCH;
    kt_logs_clear(loop->batch_logs);
    if ((status = take_pending(hand, loop->batch_logs)) != KT_OK) return status;
    return kt_loop_hook_at(loop, KT_ON_TRAIN_BATCH_END, batch, loop->batch_logs);
}

kt_status kt_loop_epoch_end(kt_loop *loop, int64_t epoch)
{
    kt_status status = at_place(loop, "kt_loop_epoch_end", IN_EPOCH, "after the epoch's last batch");
    if (status != KT_OK) return status;
    hand_loop *hand = (hand_loop *)loop;
    hand->place = BETWEEN;
    /* What was logged since the last batch; else the last batch's. */
    kt_logs *from = kt_logs_count(hand->pending) ? hand->pending : loop->batch_logs;
    for (int64_t i = 0, n = kt_logs_count(from); i < n && status == KT_OK; i++)
        status = kt_logs_put(loop->epoch_logs, kt_logs_name(from, i), kt_logs_value(from, i));
    kt_logs_clear(hand->pending);
    if (status != KT_OK) return status;
    return kt_loop_hook_at(loop, KT_ON_EPOCH_END, epoch, loop->epoch_logs);
}

kt_status kt_loop_train_end(kt_loop *loop)
{
    kt_status status = at_place(loop, "kt_loop_train_end", BETWEEN, "after the last epoch's end");
    if (status != KT_OK) return status;
    ((hand_loop *)loop)->place = AFTER;
    return kt_loop_hook(loop, KT_ON_TRAIN_END, loop->epoch_logs);
}
