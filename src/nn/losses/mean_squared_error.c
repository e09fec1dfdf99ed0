/* SPDX-License-Identifier: MIT */
/* nn/losses/mean_squared_error.c: mean over the last axis of (t - p)^2. */
#include "nn/training.h"

#include <keratin/ops.h>

static kt_tensor *mean_squared_error(const kt_loss_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config;
    return kt_mean_last(kt_square(kt_sub(y_true, y_pred)));
}

const kt_loss_class kt_mean_squared_error_class = {
    .name = "MeanSquaredError",
    .short_name = "mean_squared_error",
    .aliases = "mse MSE",
    .call = mean_squared_error,
};
