/* SPDX-License-Identifier: MIT */
/* nn/metrics/errors.c: Mean, MeanSquaredError, MeanAbsoluteError, RootMeanSquaredError: running means of what
 * the losses compute. */
#include "nn/training.h"

#include <keratin/ops.h>

static kt_tensor *difference(kt_tensor *y_true, kt_tensor *y_pred)
{
    y_true = kt_as_float(y_true);
    y_pred = kt_as_float(y_pred);
    kt_same_rank(&y_true, &y_pred);
    return kt_sub(y_true, y_pred);
}

static kt_tensor *mean_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config, (void)y_pred;
    return y_true;
}

static kt_tensor *squared_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config;
    return kt_mean_last(kt_square(difference(y_true, y_pred)));
}

static kt_tensor *absolute_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config;
    return kt_mean_last(kt_abs(difference(y_true, y_pred)));
}

static kt_tensor *square_root(const kt_metric_config *config, kt_tensor *mean)
{
    (void)config;
    return kt_sqrt(mean);
}

const kt_metric_class kt_mean_metric_class = {
    .name = "Mean",
    .short_name = "mean",
    .aliases = "",
    .values = mean_values,
};
const kt_metric_class kt_mean_squared_error_metric_class = {
    .name = "MeanSquaredError",
    .short_name = "mean_squared_error",
    .aliases = "mse MSE",
    .values = squared_values,
};
const kt_metric_class kt_mean_absolute_error_metric_class = {
    .name = "MeanAbsoluteError",
    .short_name = "mean_absolute_error",
    .aliases = "mae MAE",
    .values = absolute_values,
};
const kt_metric_class kt_root_mean_squared_error_class = {
    .name = "RootMeanSquaredError",
    .short_name = "root_mean_squared_error",
    .aliases = "",
    .values = squared_values,
    .finish = square_root,
};
