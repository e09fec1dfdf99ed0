/* SPDX-License-Identifier: MIT */
/* callbacks/early_stopping.c: stops when the monitored value no longer improves, as Keras does.
 *
 * Weights are kept in the host's memory, taken once. They are restored at the end of training whenever any were kept,
 * even if training ran to its end.
 */
#include <math.h>
#include <string.h>

#include "core/tensor.h"
#include "train/loop.h"
#include "train/model.h"

typedef struct early {
    kt_context *kt;
    const char *monitor;      /* interned */
    kt_early_stopping_config c;
    int direction;            /* -1: less is better, 1: more, 0: not known yet */
    double best;
    bool has_best, kept, warned;
    int64_t wait, best_epoch, stopped_epoch; /* stopped_epoch below 0: not stopped */
    unsigned char **weights;
    int64_t n_weights;
} early;

static kt_status early_begin(void *self, kt_loop *loop, const void *config)
{
    static const char *const modes[] = { "auto", "min", "max", NULL };
    early *e = self;
    kt_context *kt = loop->kt;
    e->c = *(const kt_early_stopping_config *)config;
    const char *mode = e->c.mode ? e->c.mode : "auto";
    e->kt = kt;
    e->stopped_epoch = -1;
    e->c.min_delta = fabs(e->c.min_delta);
    if (strcmp(mode, "min") == 0) e->direction = -1;
    else if (strcmp(mode, "max") == 0) e->direction = 1;
    else if (strcmp(mode, "auto") != 0) return kt_fail_name(kt, "mode of EarlyStopping", mode, modes);
    if (e->c.patience < 0 || e->c.start_from_epoch < 0)
        return kt_fail(kt, KT_ERR_VALUE,
                       "EarlyStopping: expected patience and start_from_epoch of 0 or more, got %lld and %lld",
                       (long long)e->c.patience, (long long)e->c.start_from_epoch);
    if (e->c.restore_best_weights && !loop->model)
        return kt_fail(kt, KT_ERR_STATE,
                       "EarlyStopping: restore_best_weights needs a model, the loop has none; give .model to "
                       "kt_loop_new");
    e->monitor = kt_intern(kt, e->c.monitor ? e->c.monitor : "val_loss");
    return kt->status;
}

static void early_release(void *self)
{
    early *e = self;
    if (!e->kt) return;
    for (int64_t i = 0; e->weights && i < e->n_weights; i++) kt_give(e->kt, e->weights[i]);
    kt_give(e->kt, e->weights);
}

static kt_status early_train_begin(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    early *e = self;
    e->wait = 0;
    e->has_best = e->kept = false;
    e->stopped_epoch = -1;
    return KT_OK;
}

/* "auto": losses go down, metrics as they say of themselves. */
static kt_status find_direction(early *e, kt_loop *loop)
{
    if (e->direction) return KT_OK;
    const char *name = strncmp(e->monitor, "val_", 4) == 0 ? e->monitor + 4 : e->monitor;
    kt_metric *metric = kt_compiled_metric_named(loop->model, name);
    if (strcmp(name, "loss") == 0) e->direction = -1;
    else if (metric) e->direction = kt_metric_higher_is_better(metric) ? 1 : -1;
    else
        return kt_fail(e->kt, KT_ERR_VALUE,
                       "EarlyStopping: expected a monitor whose direction is known, got '%s'; say .mode = \"min\" "
                       "or .mode = \"max\"",
                       e->monitor);
    return KT_OK;
}

static bool better(const early *e, double value, double than)
{
    return e->direction < 0 ? value < than - e->c.min_delta : value > than + e->c.min_delta;
}

static kt_status keep_weights(early *e, kt_model *model)
{
    kt_context *kt = e->kt;
    kt_tensors weights = kt_weights(model);
    if (!e->weights) {
        e->weights = kt_take_zeroed(kt, (size_t)weights.count + 1, sizeof *e->weights);
        if (!e->weights) return kt->status;
        e->n_weights = weights.count;
    }
    for (int64_t i = 0; i < weights.count && i < e->n_weights; i++) {
        const kt_desc *desc = kt_desc_of(weights.at[i]);
        if (!e->weights[i]) e->weights[i] = kt_take(kt, kt_desc_elements(desc) * kt_dtype_size(desc->dtype) + 1);
        if (!e->weights[i] || kt_read(weights.at[i], e->weights[i], desc->dtype, kt_desc_count(desc)) != KT_OK)
            return kt->status;
    }
    e->kept = true;
    return KT_OK;
}

static kt_status early_epoch_end(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    early *e = self;
    double value;
    if (!kt_logs_get(logs, e->monitor, &value)) {
        if (!e->warned)
            kt_remark(e->kt, "EarlyStopping: '%s' is not among the logs; nothing is monitored until it is", e->monitor);
        e->warned = true;
        return KT_OK;
    }
    kt_status status = find_direction(e, loop);
    if (status != KT_OK || epoch < e->c.start_from_epoch) return status;
    if (e->c.restore_best_weights && !e->kept) {
        status = keep_weights(e, loop->model);
        e->best_epoch = epoch;
    }
    e->wait++;
    if (status == KT_OK && (!e->has_best || better(e, value, e->best))) {
        e->best = value;
        e->has_best = true;
        e->best_epoch = epoch;
        if (e->c.restore_best_weights) status = keep_weights(e, loop->model);
        if (!e->c.has_baseline || better(e, value, e->c.baseline)) e->wait = 0;
        return status;
    }
    if (status == KT_OK && e->wait >= e->c.patience && epoch > 0) {
        e->stopped_epoch = epoch;
        kt_loop_stop(loop);
    }
    return status;
}

static kt_status early_train_end(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)logs;
    early *e = self;
    if (e->stopped_epoch >= 0 && e->c.verbose > 0)
        kt_loop_print(loop, "Epoch %lld: early stopping\n", (long long)e->stopped_epoch + 1);
    if (!e->c.restore_best_weights || !e->kept) return KT_OK;
    if (e->c.verbose > 0)
        kt_loop_print(loop, "Restoring model weights from the end of the best epoch: %lld.\n",
                      (long long)e->best_epoch + 1);
    kt_tensors weights = kt_weights(loop->model);
    kt_status status = KT_OK;
    for (int64_t i = 0; i < weights.count && i < e->n_weights && status == KT_OK; i++) {
        const kt_desc *desc = kt_desc_of(weights.at[i]);
        status = kt_variable_set(weights.at[i], kt_array_of(e->weights[i], desc->dtype, kt_shape_of(desc)));
    }
    return status;
}

const kt_callback_class kt_early_stopping_class = {
    .name = "EarlyStopping",
    .config_size = sizeof(kt_early_stopping_config),
    .state_size = sizeof(early),
    .begin = early_begin,
    .release = early_release,
    .on_train_begin = early_train_begin,
    .on_epoch_end = early_epoch_end,
    .on_train_end = early_train_end,
};
