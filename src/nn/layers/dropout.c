/* SPDX-License-Identifier: MIT */
/* nn/layers/dropout.c: Dropout: in training each element is kept with probability 1 - rate and divided by it,
 * else 0.
 *
 * Identity in inference and for rate 0. Zeros are chosen, not multiplied, so that an infinity that is dropped
 * becomes 0. A seed of the configuration names the random stream instead of the layer's path.
 */
#include <stddef.h>
#include <stdio.h>

#include "nn/layer.h"

#include <keratin/ops.h>

static kt_status dropout_create(kt_layer *self)
{
    double rate = kt_setting(((const kt_dropout_config *)kt_config(self))->rate, 0);
    if (rate >= 0 && rate <= 1) return KT_OK;
    return kt_fail_at(self->kt, KT_ERR_VALUE, "Dropout",
                      "expected a rate between 0 and 1, as in kt_dropout(0.5), got %g", rate);
}

static kt_tensor *uniform(kt_layer *self, kt_tensor *x, int64_t seed)
{
    kt_context *kt = self->kt;
    if (!seed) return kt_random_uniform_like(x, 0, 1);
    char stream[48];
    snprintf(stream, sizeof stream, "dropout seed %lld", (long long)seed);
    const char *path = kt_intern(kt, stream);
    if (!path) return NULL;
    kt_frame outer = kt_frame_enter(kt, path, kt->frame.call);
    kt_tensor *u = kt_random_uniform_like(x, 0, 1);
    kt_frame_leave(kt, outer);
    return u;
}

static kt_tensor *dropout_call(kt_layer *self, kt_tensor *x)
{
    const kt_dropout_config *c = kt_config(self);
    double rate = kt_setting(c->rate, 0);
    if (!kt_training(self) || rate <= 0) return x;
    if (!kt_is_float(kt_dtype_of(x))) x = kt_cast(x, kt_floatx(self->kt));
    kt_tensor *zero = kt_scalar(x, 0);
    if (rate >= 1) return kt_broadcast_like(zero, x);
    kt_tensor *u = uniform(self, x, c->seed);
    return kt_where(kt_greater_equal(u, kt_scalar(u, rate)), kt_mul(x, kt_scalar(x, 1 / (1 - rate))), zero);
}

static const kt_field fields[] = {
    { "rate", KT_FIELD_DOUBLE, offsetof(kt_dropout_config, rate) },
    { "seed", KT_FIELD_INT, offsetof(kt_dropout_config, seed) },
    { "name", KT_FIELD_STRING, offsetof(kt_dropout_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_layer_class kt_dropout_class = {
    .name = "Dropout",
    .config_size = sizeof(kt_dropout_config),
    .fields = fields,
    .create = dropout_create,
    .call = dropout_call,
};
