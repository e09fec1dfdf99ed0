/* SPDX-License-Identifier: MIT */
/* callbacks/terminate_on_nan.c: stops when the running loss is not finite. It looks after every batch, which costs
 * each step one reading of the metrics. */
#include <math.h>

#include "train/loop.h"

typedef struct terminate {
    bool raise_error;
} terminate;

static kt_status terminate_begin(void *self, kt_loop *loop, const void *config)
{
    (void)loop;
    ((terminate *)self)->raise_error = config && ((const kt_terminate_on_nan_config *)config)->raise_error;
    return KT_OK;
}

static kt_status terminate_batch_end(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    double loss;
    if (!kt_logs_get(logs, "loss", &loss) || isfinite(loss)) return KT_OK;
    if (((const terminate *)self)->raise_error)
        return kt_fail(loop->kt, KT_ERR_NAN,
                       "batch %lld: invalid loss (%s): look for the first bad value with check_numerics, or for NaN "
                       "in the data",
                       (long long)batch, isnan(loss) ? "NaN" : "infinite");
    kt_loop_print(loop, "Batch %lld: Invalid loss, terminating training\n", (long long)batch);
    kt_loop_stop(loop);
    return KT_OK;
}

const kt_callback_class kt_terminate_on_nan_class = {
    .name = "TerminateOnNaN", .config_size = sizeof(kt_terminate_on_nan_config), .state_size = sizeof(terminate),
    .begin = terminate_begin, .on_train_batch_end = terminate_batch_end,
};
