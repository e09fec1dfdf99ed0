/* SPDX-License-Identifier: MIT */
/* nn/losses/sparse_categorical_crossentropy.c: -log p of the true class; targets are class numbers, a trailing
 * axis of 1 is dropped. */
#include "nn/training.h"

#include <keratin/ops.h>

static kt_tensor *sparse_categorical_crossentropy(const kt_loss_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    if (kt_rank(y_true) == kt_rank(y_pred) && kt_dim(y_true, -1) == 1) y_true = kt_squeeze(y_true, -1);
    return kt_sparse_categorical_crossentropy(y_true, y_pred, config->from_logits);
}

const kt_loss_class kt_sparse_categorical_crossentropy_class = {
    .name = "SparseCategoricalCrossentropy",
    .short_name = "sparse_categorical_crossentropy",
    .aliases = "",
    .accepts = KT_LOSS_FROM_LOGITS | KT_LOSS_SPARSE,
    .call = sparse_categorical_crossentropy,
};
