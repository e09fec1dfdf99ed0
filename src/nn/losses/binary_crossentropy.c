/* SPDX-License-Identifier: MIT */
/* nn/losses/binary_crossentropy.c: mean over the last axis of -(t log p + (1-t) log(1-p)); smoothing s: t (1-s)
 * + s/2. */
#include "nn/training.h"

#include "nn/layer.h"

#include <keratin/ops.h>

static kt_tensor *binary_crossentropy(const kt_loss_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    double s = kt_setting(config->label_smoothing, 0);
    if (s != 0) y_true = kt_add(kt_mul(y_true, kt_scalar(y_true, 1 - s)), kt_scalar(y_true, s / 2));
    return kt_mean_last(kt_binary_crossentropy(y_true, y_pred, config->from_logits));
}

const kt_loss_class kt_binary_crossentropy_class = {
    .name = "BinaryCrossentropy",
    .short_name = "binary_crossentropy",
    .aliases = "bce BCE",
    .accepts = KT_LOSS_FROM_LOGITS | KT_LOSS_SMOOTHING,
    .call = binary_crossentropy,
};
