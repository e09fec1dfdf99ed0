/* SPDX-License-Identifier: MIT */
/* nn/nn.c: what the layers of one context share: automatic names, and the row that stands for a layer's call on
 * symbols.
 *
 * Names are counted per context and per base name, as Keras counts them per process: "dense", "dense_1"...;
 * names given by the user are not counted. The state is made with the first layer and dies after the last one,
 * since it is older.
 */
#include "nn/layer.h"

#include <stdio.h>
#include <string.h>

#include "graph/record.h"

static void nn_release(kt_context *kt, kt_object *object)
{
    kt_nn *nn = (kt_nn *)object;
    kt_give(kt, nn->names);
    kt_give(kt, nn);
    kt->nn = NULL;
}

kt_nn *kt_nn_of(kt_context *kt)
{
    if (kt->nn) return kt->nn;
    kt_nn *nn = kt_take_zeroed(kt, 1, sizeof *nn);
    if (!nn) return NULL;
    nn->generation = 1;
    kt_own(kt, &nn->object, nn_release);
    return kt->nn = nn;
}

const char *kt_nn_name(kt_context *kt, const char *class_name)
{
    char base[64], numbered[80];
    kt_nn *nn = kt_nn_of(kt);
    if (!nn) return NULL;
    kt_snake_case(class_name, base, sizeof base);
    for (size_t i = 0; i < nn->n_names; i++)
        if (strcmp(nn->names[i].base, base) == 0) {
            snprintf(numbered, sizeof numbered, "%s_%u", base, (unsigned)nn->names[i].used);
            const char *name = kt_intern(kt, numbered);
            if (name) nn->names[i].used++;
            return name;
        }
    const char *name = kt_intern(kt, base);
    if (!name) return NULL;
    if (!kt_grow(&kt->heap, &nn->names, &nn->names_capacity, nn->n_names + 1, sizeof *nn->names)) {
        kt_no_memory(kt);
        return NULL;
    }
    nn->names[nn->n_names].base = name;
    nn->names[nn->n_names++].used = 1;
    return name;
}

static kt_status layer_call_infer(kt_infer *q)
{
    const kt_layer_call_attr *attr = kt_infer_attr(q);
    *kt_out(q, 0) = attr->out;
    return KT_OK;
}

const kt_op kt_op_layer_call = {
    .name = "layer_call",
    .n_in = -1,
    .n_out = 1,
    .attr_size = sizeof(kt_layer_call_attr),
    .flags = KT_OP_SYMBOL,
    .infer = layer_call_infer,
};
