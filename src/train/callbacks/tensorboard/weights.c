/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/weights.c: every n epochs the distribution of each weight: <path>/histogram.
 *
 * The buckets are counted where the weights are, by one recorded program for all, so that 30 rows travel and not the
 * weights.
 */
#include <keratin/ops.h>

#include "graph/record.h"
#include "ops/ops.h"
#include "train/callbacks/tensorboard/board.h"
#include "train/model.h"

static void write_histogram(kt_board *b, const kt_tensor *weight, const kt_bucket *buckets, int64_t epoch)
{
    char tag[KT_BOARD_TAG_MAX];
    kt_text text = kt_text_in(tag, sizeof tag);
    kt_text_add(&text, "%s/histogram", kt_variable_name(weight));
    kt_events_histogram_buckets(b->train, tag, buckets, KT_HISTOGRAM_BUCKETS, epoch);
}

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

static kt_status weights_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    (void)self, (void)logs;
    kt_context *kt = b->kt;
    kt_model *model = b->loop->model;
    if (epoch % b->config.histogram_freq || !model) return KT_OK;
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

static bool weights_wanted(const kt_tensorboard_config *c) { return c->histogram_freq > 0; }

const kt_board_part kt_board_weights = { .name = "weights", .wanted = weights_wanted, .epoch_end = weights_epoch_end };
