/* SPDX-License-Identifier: MIT */
/* nn/layers/dense.c: Dense: y = activation(x kernel + bias), on the last axis: (..., in) -> (..., units).
 *
 * Weights: kernel (in, units), bias (units). The graph makes one row of product, bias and relu.
 */
#include <stddef.h>

#include "nn/layer.h"

#include <keratin/ops.h>

static kt_status dense_create(kt_layer *self)
{
    const kt_dense_config *c = kt_config(self);
    kt_activation_fn **activation = kt_layer_state(self, sizeof *activation);
    if (!activation) return KT_ERR_MEMORY;
    if (c->units < 1)
        return kt_fail_at(self->kt, KT_ERR_VALUE, "Dense", "expected units of 1 or more, as in kt_dense(64), got %lld",
                          (long long)c->units);
    if (c->activation && c->activation_fn)
        return kt_fail_at(self->kt, KT_ERR_VALUE, "Dense",
                          "expected one activation, got the name '%s' and a function: give one of them", c->activation);
    *activation = c->activation_fn ? c->activation_fn : kt_find_activation(self->kt, c->activation);
    return kt_error(self->kt);
}

static kt_status dense_build(kt_layer *self, const kt_desc *x)
{
    const kt_dense_config *c = kt_config(self);
    if (x->rank < 2)
        return kt_fail_at(self->kt, KT_ERR_SHAPE, "Dense",
                          "expected data of rank 2 or more, (batch, ..., features), got rank %d; use kt_reshape",
                          x->rank);
    kt_weight(self, "kernel", KT_SHAPE(x->dim[x->rank - 1], c->units), .initializer = c->kernel_initializer,
              .initializer_spec = c->kernel_initializer_spec, .regularizer = c->kernel_regularizer,
              .regularizer_spec = c->kernel_regularizer_spec);
    bool given = c->bias_initializer || c->bias_initializer_spec.cls;
    if (!c->no_bias)
        kt_weight(self, "bias", KT_SHAPE(c->units), .initializer = given ? c->bias_initializer : "zeros",
                  .initializer_spec = c->bias_initializer_spec, .regularizer = c->bias_regularizer,
                  .regularizer_spec = c->bias_regularizer_spec);
    return KT_OK; /* a failed kt_weight is already the context's first error */
}

static kt_tensor *dense_call(kt_layer *self, kt_tensor *x)
{
    const kt_dense_config *c = kt_config(self);
    kt_activation_fn **activation = kt_layer_state(self, sizeof *activation);
    kt_tensor *kernel = kt_w(self, "kernel");
    if (kt_dim(x, -1) != kt_dim(kernel, 0)) {
        kt_fail_at(self->kt, KT_ERR_SHAPE, "Dense",
                   "the layer was built for %lld features in the last axis, got %lld (rank %d); use another "
                   "layer or kt_reshape",
                   (long long)kt_dim(kernel, 0), (long long)kt_dim(x, -1), kt_rank(x));
        return NULL;
    }
    kt_tensor *y = kt_matmul(x, kernel);
    if (!c->no_bias) y = kt_add(y, kt_w(self, "bias"));
    return y ? (*activation)(y) : NULL;
}

static const kt_field fields[] = {
    { "units", KT_FIELD_INT, offsetof(kt_dense_config, units) },
    { "activation", KT_FIELD_STRING, offsetof(kt_dense_config, activation) },
    { "no_bias", KT_FIELD_BOOL, offsetof(kt_dense_config, no_bias) },
    { "kernel_initializer", KT_FIELD_STRING, offsetof(kt_dense_config, kernel_initializer) },
    { "bias_initializer", KT_FIELD_STRING, offsetof(kt_dense_config, bias_initializer) },
    { "kernel_initializer_spec", KT_FIELD_INITIALIZER, offsetof(kt_dense_config, kernel_initializer_spec) },
    { "bias_initializer_spec", KT_FIELD_INITIALIZER, offsetof(kt_dense_config, bias_initializer_spec) },
    { "kernel_regularizer", KT_FIELD_STRING, offsetof(kt_dense_config, kernel_regularizer) },
    { "bias_regularizer", KT_FIELD_STRING, offsetof(kt_dense_config, bias_regularizer) },
    { "kernel_regularizer_spec", KT_FIELD_REGULARIZER, offsetof(kt_dense_config, kernel_regularizer_spec) },
    { "bias_regularizer_spec", KT_FIELD_REGULARIZER, offsetof(kt_dense_config, bias_regularizer_spec) },
    { "name", KT_FIELD_STRING, offsetof(kt_dense_config, name) },
    { "frozen", KT_FIELD_BOOL, offsetof(kt_dense_config, frozen) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_layer_class kt_dense_class = {
    .name = "Dense",
    .config_size = sizeof(kt_dense_config),
    .fields = fields,
    .create = dense_create,
    .build = dense_build,
    .call = dense_call,
};
