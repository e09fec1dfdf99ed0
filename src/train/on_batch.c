/* SPDX-License-Identifier: MIT */
/* train/on_batch.c: one step on one batch, metrics reset first, no callbacks: for programs that have a loop of their
 * own.
 */
#include "train/run.h"

static kt_status on_batch(kt_model *model, kt_step_kind kind, const char *call, kt_array x, kt_array y, kt_array weight,
                          kt_logs *logs)
{
    kt_status status = kt_run_ready(model, call, true);
    if (status != KT_OK) return status;
    kt_host_batch batch = { .x = x, .y = y, .sample_weight = weight };
    int64_t rows;
    status = kt_check_rows(model->kt, call, &x, &y, &weight, &rows);
    if (status != KT_OK) return status;
    kt_run_state before = kt_run_enter(model);
    status = kt_compiled_reset(model);
    if (status == KT_OK && kind == KT_STEP_TRAIN && kt_layer_built(model->root)) status = kt_steps_check(model);
    if (status == KT_OK) status = kt_step_run(model, kind, &batch);
    if (status == KT_OK && logs) {
        kt_logs_clear(logs);
        status = kt_results_put(model, logs, "");
    }
    kt_run_leave(model, before);
    return status;
}

kt_status kt_train_on_batch(kt_model *model, kt_array x, kt_array y, kt_array sample_weight, kt_logs *logs)
{
    return on_batch(model, KT_STEP_TRAIN, "train_on_batch", x, y, sample_weight, logs);
}

kt_status kt_test_on_batch(kt_model *model, kt_array x, kt_array y, kt_array sample_weight, kt_logs *logs)
{
    return on_batch(model, KT_STEP_TEST, "test_on_batch", x, y, sample_weight, logs);
}
