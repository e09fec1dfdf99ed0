/* SPDX-License-Identifier: MIT */
/* nn/layers/flatten.c: Flatten: (batch, a, b...) -> (batch, a b ...); (batch) -> (batch, 1). No work: a view. */
#include <stddef.h>

#include "nn/layer.h"

#include <keratin/ops.h>

static kt_tensor *flatten_call(kt_layer *self, kt_tensor *x)
{
    const kt_desc *desc = kt_desc_of(x);
    int64_t features = 1;
    if (desc->rank < 1) {
        kt_fail_at(self->kt, KT_ERR_SHAPE, "Flatten",
                   "expected data with a batch axis, got a number (rank 0); use kt_reshape");
        return NULL;
    }
    for (int i = 1; i < desc->rank; i++) features *= desc->dim[i];
    return kt_reshape(x, features ? KT_SHAPE(-1, features) : KT_SHAPE(desc->dim[0], 0));
}

static const kt_field fields[] = {
    { "name", KT_FIELD_STRING, offsetof(kt_flatten_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_layer_class kt_flatten_class = {
    .name = "Flatten",
    .config_size = sizeof(kt_flatten_config),
    .fields = fields,
    .call = flatten_call,
};
