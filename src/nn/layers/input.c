/* SPDX-License-Identifier: MIT */
/* nn/layers/input.c: Input: says the shape of what a model receives, and passes it on, checked. */
#include <stddef.h>

#include "nn/spec.h"

static void dims_of(const kt_input_config *c, kt_shape *shape)
{
    const int64_t dims[] = { c->d0, c->d1, c->d2, c->d3, c->d4, c->d5, c->d6 };
    shape->rank = 0;
    while (shape->rank < 7 && dims[shape->rank]) {
        shape->dim[shape->rank] = dims[shape->rank];
        shape->rank++;
    }
}

void kt_input_desc(const kt_input_config *config, kt_context *kt, int64_t batch, kt_desc *desc)
{
    kt_shape shape;
    dims_of(config, &shape);
    *desc =
        (kt_desc){ .dtype = config->dtype ? config->dtype : kt_floatx(kt), .rank = shape.rank + 1, .dim = { batch } };
    for (int i = 0; i < shape.rank; i++) desc->dim[i + 1] = shape.dim[i];
}

static kt_status input_create(kt_layer *self)
{
    kt_desc desc;
    kt_input_desc(kt_config(self), self->kt, 1, &desc);
    if (kt_dtype_size(desc.dtype) == 0)
        return kt_fail_at(self->kt, KT_ERR_DTYPE, "Input", "expected an element type such as KT_FLOAT32, got number %d",
                          (int)desc.dtype);
    for (int i = 1; i < desc.rank; i++)
        if (desc.dim[i] < 0)
            return kt_fail_at(self->kt, KT_ERR_SHAPE, "Input",
                              "expected sizes of 1 or more, as in kt_input(28, 28), got %lld", (long long)desc.dim[i]);
    return KT_OK;
}

static kt_tensor *input_call(kt_layer *self, kt_tensor *x)
{
    kt_desc desc;
    const kt_desc *got = kt_desc_of(x);
    kt_input_desc(kt_config(self), self->kt, got->rank ? got->dim[0] : 1, &desc);
    if (kt_desc_same_shape(&desc, got)) return x;
    char expected[128], received[128];
    kt_text e = kt_text_in(expected, sizeof expected), r = kt_text_in(received, sizeof received);
    desc.dim[0] = -1; /* "None" */
    kt_text_desc(&e, &desc);
    kt_text_desc(&r, got);
    kt_fail_at(self->kt, KT_ERR_SHAPE, "Input", "expected data of shape %s, got %s", expected, received);
    return NULL;
}

static const kt_field fields[] = {
    { "d0", KT_FIELD_INT, offsetof(kt_input_config, d0) },
    { "d1", KT_FIELD_INT, offsetof(kt_input_config, d1) },
    { "d2", KT_FIELD_INT, offsetof(kt_input_config, d2) },
    { "d3", KT_FIELD_INT, offsetof(kt_input_config, d3) },
    { "d4", KT_FIELD_INT, offsetof(kt_input_config, d4) },
    { "d5", KT_FIELD_INT, offsetof(kt_input_config, d5) },
    { "d6", KT_FIELD_INT, offsetof(kt_input_config, d6) },
    { "dtype", KT_FIELD_DTYPE, offsetof(kt_input_config, dtype) },
    { "name", KT_FIELD_STRING, offsetof(kt_input_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_layer_class kt_input_class = {
    .name = "InputLayer",
    .config_size = sizeof(kt_input_config),
    .fields = fields,
    .create = input_create,
    .call = input_call,
};
