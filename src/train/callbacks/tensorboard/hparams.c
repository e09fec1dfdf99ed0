/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/hparams.c: the run as one row of the HPARAMS tab.
 *
 * The session stands in log_dir itself, as that of Keras's hparams callback does, so that the table finds the scalars
 * of `train` and `validation` below it. The last value of each log is written once more at the end as hparam/<name>,
 * which gives the table short columns: what a run was compared by. A training that an error ended, or whose last loss
 * is not finite, failed; one that never ended stays "unknown".
 */
#include <math.h>
#include <string.h>

#include "train/callbacks/tensorboard/board.h"

enum { MAX_FINALS = 64 };

typedef struct final_value {
    const char *name; /* interned */
    double value;
} final_value;

typedef struct hparams {
    kt_events *root; /* may be NULL: it could not be opened */
    int64_t epoch;
    final_value last[MAX_FINALS];
    int n;
} hparams;

static kt_status hparams_begin(kt_board *b, void *self)
{
    (void)self;
    const kt_tensorboard_config *c = &b->config;
    char group[KT_HPARAM_GROUP_BYTES];
    if (c->hparams_count >= 0 && c->hparams_count <= KT_HPARAMS_MAX &&
        kt_hparams_group(c->hparams, (int)c->hparams_count, group) == KT_OK)
        return KT_OK;
    return kt_fail(b->kt, KT_ERR_VALUE,
                   "TensorBoard (hparams): expected up to %d hyperparameters, each name once and of 1 to 1,024 bytes, "
                   "numbers finite, got %lld that do not fit; give a number that is not finite as a text",
                   KT_HPARAMS_MAX, (long long)c->hparams_count);
}

static kt_status hparams_train_begin(kt_board *b, void *self)
{
    hparams *h = self;
    h->root = kt_board_open_run(b, "");
    kt_events_hparams(h->root, b->config.hparams, (int)b->config.hparams_count, NULL);
    kt_events_flush(h->root); /* the run has its row while it trains */
    return KT_OK;
}

static kt_status hparams_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    (void)b;
    hparams *h = self;
    int64_t count = kt_logs_count(logs);
    h->epoch = epoch;
    h->n = count < MAX_FINALS ? (int)count : MAX_FINALS;
    for (int i = 0; i < h->n; i++) h->last[i] = (final_value){ kt_logs_name(logs, i), kt_logs_value(logs, i) };
    return KT_OK;
}

static void finish(kt_board *b, hparams *h, bool good)
{
    for (int i = 0; i < h->n; i++) {
        kt_board_scalar(h->root, "hparam/", h->last[i].name, "", h->last[i].value, h->epoch);
        if (strcmp(h->last[i].name, "loss") == 0 && !isfinite(h->last[i].value)) good = false;
    }
    kt_events_hparams_end(h->root, good ? KT_SESSION_SUCCESS : KT_SESSION_FAILURE);
    kt_board_close_run(b, &h->root, ".");
}

static kt_status hparams_train_end(kt_board *b, void *self)
{
    finish(b, self, true);
    return KT_OK;
}

static void hparams_failed(kt_board *b, void *self) { finish(b, self, false); }

static void hparams_release(kt_board *b, void *self) { kt_board_close_run(b, &((hparams *)self)->root, "."); }

static bool hparams_wanted(const kt_tensorboard_config *c) { return c->hparams && c->hparams_count; }

const kt_board_part kt_board_hparams = {
    .name = "hparams",
    .wanted = hparams_wanted,
    .state_size = sizeof(hparams),
    .begin = hparams_begin,
    .train_begin = hparams_train_begin,
    .epoch_end = hparams_epoch_end,
    .train_end = hparams_train_end,
    .failed = hparams_failed,
    .release = hparams_release,
};
