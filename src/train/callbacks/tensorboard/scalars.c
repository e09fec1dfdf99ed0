/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/scalars.c: the logs of batches, epochs and evaluations, under Keras's tags and steps.
 *
 * epoch_* at epoch ends with the 0-based epoch (val_* without the prefix in the validation run), batch_* each N-th
 * batch with the 1-based number of the batch, evaluation_*_vs_iterations at each test end with the optimizer's
 * iterations. The learning rate is always written at epoch ends.
 */
#include <string.h>

#include "train/callbacks/tensorboard/board.h"

enum { MAX_BATCH_TAGS = 64 };

typedef struct batch_tag { /* made once: a scalar each step must not cost text */
    const char *name, *tag; /* both interned: found by address */
} batch_tag;

typedef struct scalars {
    int64_t first_iteration; /* of this epoch */
    double epoch_start, batch_start;
    batch_tag batch_tags[MAX_BATCH_TAGS];
    int n_batch_tags;
} scalars;

static kt_status scalars_epoch_begin(kt_board *b, void *self, int64_t epoch)
{
    (void)epoch;
    scalars *s = self;
    if (!b->config.write_steps_per_second) return KT_OK;
    s->epoch_start = kt_loop_now(b->loop);
    s->first_iteration = b->loop->optimizer ? kt_iterations(b->loop->optimizer) : 0;
    return KT_OK;
}

static kt_status scalars_batch_begin(kt_board *b, void *self, int64_t batch)
{
    (void)batch;
    if (b->config.write_steps_per_second) ((scalars *)self)->batch_start = kt_loop_now(b->loop);
    return KT_OK;
}

static void batch_scalar(kt_board *b, scalars *s, const char *name, double value)
{
    int i = 0;
    while (i < s->n_batch_tags && s->batch_tags[i].name != name) i++;
    if (i == s->n_batch_tags && i < MAX_BATCH_TAGS) {
        char tag[KT_BOARD_TAG_MAX];
        kt_text text = kt_text_in(tag, sizeof tag);
        kt_text_add(&text, "batch_%s", name);
        const char *kept = kt_intern(b->kt, tag);
        if (!kept) return;
        s->batch_tags[s->n_batch_tags++] = (batch_tag){ name, kept };
    }
    if (i < s->n_batch_tags) kt_events_scalar(b->train, s->batch_tags[i].tag, value, b->train_batch);
    else kt_board_scalar(b->train, "batch_", name, "", value, b->train_batch);
}

static kt_status scalars_batch_end(kt_board *b, void *self, int64_t batch, kt_logs *logs)
{
    (void)batch;
    scalars *s = self;
    if (!b->update_every || b->train_batch % b->update_every) return KT_OK;
    if (b->config.write_steps_per_second) {
        double seconds = kt_loop_now(b->loop) - s->batch_start;
        kt_events_scalar(b->train, "batch_steps_per_second", seconds > 0 ? 1 / seconds : 0, b->train_batch);
    }
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++)
        batch_scalar(b, s, kt_logs_name(logs, i), kt_logs_value(logs, i));
    return KT_OK;
}

static kt_status scalars_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    const scalars *s = self;
    kt_optimizer *optimizer = b->loop->optimizer;
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++) {
        const char *name = kt_logs_name(logs, i);
        double value = kt_logs_value(logs, i);
        if (strncmp(name, "val_", 4) == 0) kt_board_scalar(kt_board_validation(b), "epoch_", name + 4, "", value, epoch);
        else if (!optimizer || strcmp(name, "learning_rate") != 0)
            kt_board_scalar(b->train, "epoch_", name, "", value, epoch);
    }
    if (optimizer) kt_board_scalar(b->train, "epoch_", "learning_rate", "", kt_learning_rate(optimizer), epoch);
    if (b->config.write_steps_per_second && optimizer) {
        double steps = (double)(kt_iterations(optimizer) - s->first_iteration),
               seconds = kt_loop_now(b->loop) - s->epoch_start;
        kt_board_scalar(b->train, "epoch_", "steps_per_second", "", seconds > 0 ? steps / seconds : 0, epoch);
    }
    return KT_OK;
}

static kt_status scalars_test_end(kt_board *b, void *self, kt_logs *logs)
{
    (void)self;
    if (!b->validation || !b->loop->optimizer) return KT_OK;
    int64_t step = kt_iterations(b->loop->optimizer);
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++)
        kt_board_scalar(b->validation, "evaluation_", kt_logs_name(logs, i), "_vs_iterations", kt_logs_value(logs, i),
                        step);
    return KT_OK;
}

const kt_board_part kt_board_scalars = {
    .name = "scalars", .state_size = sizeof(scalars),
    .epoch_begin = scalars_epoch_begin, .epoch_end = scalars_epoch_end,
    .batch_begin = scalars_batch_begin, .batch_end = scalars_batch_end, .test_end = scalars_test_end,
};
