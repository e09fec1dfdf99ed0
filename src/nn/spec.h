/* SPDX-License-Identifier: MIT */
/* nn/spec.h: what the boxes of unusual descriptions hold, and the shape an Input describes. For src/nn alone. */
#ifndef KT_NN_SPEC_H
#define KT_NN_SPEC_H

#include "nn/layer.h"

typedef struct kt_custom_box { /* kt_custom: the caller's class with its configuration */
    size_t size;
    const kt_layer_class *cls;
    const char *name;
    bool frozen, too_big;
    unsigned char config[600]; /* aligned as a pointer */
} kt_custom_box;

bool kt_spec_custom(const kt_layer_spec *spec, kt_custom_box *box); /* false if it is not one */
kt_layer *kt_spec_existing(const kt_layer_spec *spec);

/* (batch, d0, d1...): sizes up to the first zero. */
void kt_input_desc(const kt_input_config *config, kt_context *kt, int64_t batch, kt_desc *desc);

#endif
