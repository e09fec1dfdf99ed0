/* SPDX-License-Identifier: MIT */
/* nn/metrics/accuracy.c: accuracy in its kinds: how often target and prediction agree.
 *
 * The string "accuracy" is none of these classes: it chooses one by the shapes (kt_accuracy_for).
 */
#include "nn/training.h"

#include "nn/layer.h"

#include <keratin/ops.h>

static kt_tensor *accuracy_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config;
    kt_same_rank(&y_true, &y_pred);
    return kt_as_float(kt_equal(y_true, y_pred));
}

static kt_tensor *binary_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    y_true = kt_as_float(y_true);
    kt_same_rank(&y_true, &y_pred);
    kt_tensor *yes = kt_greater(y_pred, kt_scalar(y_pred, kt_setting(config->threshold, 0.5)));
    return kt_as_float(kt_equal(y_true, kt_as_float(yes)));
}

static kt_tensor *categorical_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config;
    return kt_as_float(kt_equal(kt_argmax(y_true, -1), kt_argmax(y_pred, -1)));
}

static kt_tensor *sparse_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    (void)config;
    if (y_true && kt_rank(y_true) == kt_rank(y_pred) && kt_dim(y_true, -1) == 1) y_true = kt_squeeze(y_true, -1);
    return kt_as_float(kt_equal(kt_cast(y_true, KT_INT32), kt_argmax(y_pred, -1)));
}

const kt_metric_class kt_accuracy_class = {
    .name = "Accuracy",
    .short_name = "accuracy",
    .aliases = "",
    .higher_is_better = true,
    .values = accuracy_values,
};
const kt_metric_class kt_binary_accuracy_class = {
    .name = "BinaryAccuracy",
    .short_name = "binary_accuracy",
    .aliases = "",
    .higher_is_better = true,
    .values = binary_values,
};
const kt_metric_class kt_categorical_accuracy_class = {
    .name = "CategoricalAccuracy",
    .short_name = "categorical_accuracy",
    .aliases = "",
    .higher_is_better = true,
    .values = categorical_values,
};
const kt_metric_class kt_sparse_categorical_accuracy_class = {
    .name = "SparseCategoricalAccuracy",
    .short_name = "sparse_categorical_accuracy",
    .aliases = "",
    .higher_is_better = true,
    .values = sparse_values,
};
