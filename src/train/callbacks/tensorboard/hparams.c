/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/hparams.c: the run as one row of the HPARAMS tab.
 *
 * The session stands in the run `train`, not in log_dir itself where Keras's hparams callback has it: TensorBoard finds
 * no metrics of a session whose folder is the logdir. The last value of each log, those of validation among them, is
 * written once more at the end as _hparam/<name>: the table ticks the first five metrics in the order of their bytes,
 * and '_' stands before every small letter, so these are what it shows at first sight. An experiment record could name
 * them too, but TensorBoard takes one for all runs, and the hyperparameters of the others would have no columns. A
 * training that an error ended, or whose last loss is not finite, failed; one that never ended stays "unknown".
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
    (void)self;
    kt_events_hparams(b->train, b->config.hparams, (int)b->config.hparams_count, NULL);
    kt_events_flush(b->train); /* the run has its row while it trains */
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

static void finish(const kt_board *b, const hparams *h, bool good)
{
    for (int i = 0; i < h->n; i++) {
        kt_board_scalar(b->train, "_hparam/", h->last[i].name, "", h->last[i].value, h->epoch);
        if (strcmp(h->last[i].name, "loss") == 0 && !isfinite(h->last[i].value)) good = false;
    }
    kt_events_hparams_end(b->train, good ? KT_SESSION_SUCCESS : KT_SESSION_FAILURE);
}

static kt_status hparams_train_end(kt_board *b, void *self)
{
    finish(b, self, true);
    return KT_OK;
}

static void hparams_failed(kt_board *b, void *self) { finish(b, self, false); }

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
};
