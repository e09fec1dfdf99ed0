/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/watch.c: the watch options: gradients, updates, activations, weights, rate, terms of the loss.
 *
 * They are computed inside the step (train/watch.h has their tags), at batches where the board's gate is open; their
 * step is the number of the batch, whatever update_freq says. This part only says before each batch what is looked
 * at; at other batches the plain program runs. In hand-written loops the same is watched of what the pass records,
 * but for the terms of the loss, which only a model's own step knows.
 */
#include "train/callbacks/tensorboard/board.h"
#include "train/watch.h"

static unsigned looks_of(const kt_tensorboard_config *c)
{
    return (c->watch_gradients ? (unsigned)KT_LOOK_GRADIENTS : 0) | (c->watch_updates ? (unsigned)KT_LOOK_UPDATES : 0) |
           (c->watch_activations ? (unsigned)KT_LOOK_ACTIVATIONS : 0) |
           (c->watch_weights ? (unsigned)KT_LOOK_WEIGHTS : 0) | (c->watch_learning_rate ? (unsigned)KT_LOOK_RATE : 0) |
           (c->watch_loss_terms ? (unsigned)KT_LOOK_TERMS : 0);
}

static bool watch_wanted(const kt_tensorboard_config *c) { return looks_of(c) || c->nan_doctor; }

static kt_status watch_batch_begin(kt_board *b, void *self, int64_t batch)
{
    (void)self, (void)batch;
    kt_outlet_watch(b->kt,
                    (b->watching ? looks_of(&b->config) : 0) | (b->config.nan_doctor ? (unsigned)KT_LOOK_LOSS : 0),
                    b->train_batch);
    return KT_OK;
}

static void watch_release(kt_board *b, void *self)
{
    (void)self;
    kt_outlet_watch(b->kt, 0, 0);
}

static kt_status watch_train_end(kt_board *b, void *self)
{
    watch_release(b, self);
    return KT_OK;
}

const kt_board_part kt_board_watch = {
    .name = "watch",
    .wanted = watch_wanted,
    .batch_begin = watch_batch_begin,
    .train_end = watch_train_end,
    .release = watch_release,
};
