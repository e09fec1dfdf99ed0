/* SPDX-License-Identifier: MIT */
/* nn/losses/mean_absolute_error.c: mean over the last axis of |t - p|. */
#include "nn/training.h"

#include <keratin/ops.h>

static kt_tensor *mean_absolute_error(const kt_loss_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config;
    return kt_mean_last(kt_abs(kt_sub(y_true, y_pred)));
}

const kt_loss_class kt_mean_absolute_error_class = {
    .name = "MeanAbsoluteError",
    .short_name = "mean_absolute_error",
    .aliases = "mae MAE",
    .call = mean_absolute_error,
};
