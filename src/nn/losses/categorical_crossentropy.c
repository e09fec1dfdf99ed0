/* SPDX-License-Identifier: MIT */
/* nn/losses/categorical_crossentropy.c: -sum over the last axis of t log p; smoothing s over K classes: t (1-s)
 * + s/K.
 *
 * K is the size of the last axis, which is never the batch, so that it may be a constant of the recording.
 */
#include "nn/training.h"

#include "nn/layer.h"

#include <keratin/ops.h>

static kt_tensor *categorical_crossentropy(const kt_loss_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    double s = kt_setting(config->label_smoothing, 0), classes = (double)kt_dim(y_true, -1);
    if (s != 0) y_true = kt_add(kt_mul(y_true, kt_scalar(y_true, 1 - s)), kt_scalar(y_true, s / classes));
    return kt_categorical_crossentropy(y_true, y_pred, config->from_logits);
}

const kt_loss_class kt_categorical_crossentropy_class = {
    .name = "CategoricalCrossentropy",
    .short_name = "categorical_crossentropy",
    .aliases = "",
    .accepts = KT_LOSS_FROM_LOGITS | KT_LOSS_SMOOTHING,
    .call = categorical_crossentropy,
};
