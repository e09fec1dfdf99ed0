/* SPDX-License-Identifier: MIT */
/* nn/initializers/constant.c: Zeros, Ones, Constant, Identity: the initializers without chance. */
#include <stddef.h>

#include "nn/layer.h"

static kt_status all(double value, double *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] = value;
    return KT_OK;
}

static kt_status zeros_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                            int64_t count)
{
    (void)kt, (void)config, (void)shape, (void)seed;
    return all(0, to, count);
}

static kt_status ones_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to, int64_t count)
{
    (void)kt, (void)config, (void)shape, (void)seed;
    return all(1, to, count);
}

static kt_status constant_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                               int64_t count)
{
    const kt_constant_config *c = config;
    (void)kt, (void)shape, (void)seed;
    return all(kt_setting(c->value, 0), to, count);
}

static kt_status identity_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                               int64_t count)
{
    const kt_gain_config *c = config;
    (void)seed;
    if (shape.rank != 2)
        return kt_fail_at(kt, KT_ERR_SHAPE, "Identity",
                          "expected a weight of rank 2, got rank %d; use another initializer", shape.rank);
    all(0, to, count);
    for (int64_t i = 0; i < shape.dim[0] && i < shape.dim[1]; i++) to[i * shape.dim[1] + i] = kt_setting(c->gain, 1);
    return KT_OK;
}

static const kt_field constant_fields[] = {
    { "value", KT_FIELD_DOUBLE, offsetof(kt_constant_config, value) },
    { NULL, KT_FIELD_INT, 0 },
};
static const kt_field identity_fields[] = {
    { "gain", KT_FIELD_DOUBLE, offsetof(kt_gain_config, gain) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_initializer_class kt_zeros_class = { .name = "Zeros", .fill = zeros_fill };
const kt_initializer_class kt_ones_class = { .name = "Ones", .fill = ones_fill };
const kt_initializer_class kt_constant_class = {
    .name = "Constant",
    .config_size = sizeof(kt_constant_config),
    .fields = constant_fields,
    .fill = constant_fill,
};
const kt_initializer_class kt_identity_class = {
    .name = "Identity",
    .config_size = sizeof(kt_gain_config),
    .fields = identity_fields,
    .fill = identity_fill,
};
