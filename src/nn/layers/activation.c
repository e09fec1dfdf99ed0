/* SPDX-License-Identifier: MIT */
/* nn/layers/activation.c: Activation: a function of one tensor as a layer, by name or the caller's own. */
#include <stddef.h>

#include "nn/layer.h"

static kt_status activation_create(kt_layer *self)
{
    const kt_activation_config *c = kt_config(self);
    kt_activation_fn **activation = kt_layer_state(self, sizeof *activation);
    if (!activation) return KT_ERR_MEMORY;
    if (!c->activation == !c->activation_fn)
        return kt_fail_at(self->kt, KT_ERR_VALUE, "Activation",
                          "expected a name, as in kt_activation(\"relu\"), or a function, got %s",
                          c->activation ? "both" : "neither");
    *activation = c->activation_fn ? c->activation_fn : kt_find_activation(self->kt, c->activation);
    return kt_error(self->kt);
}

static kt_tensor *activation_call(kt_layer *self, kt_tensor *x)
{
    kt_activation_fn **activation = kt_layer_state(self, sizeof *activation);
    return (*activation)(x);
}

static const kt_field fields[] = {
    { "activation", KT_FIELD_STRING, offsetof(kt_activation_config, activation) },
    { "name", KT_FIELD_STRING, offsetof(kt_activation_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_layer_class kt_activation_class = {
    .name = "Activation",
    .config_size = sizeof(kt_activation_config),
    .fields = fields,
    .create = activation_create,
    .call = activation_call,
};
