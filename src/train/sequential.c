/* SPDX-License-Identifier: MIT */
/* train/sequential.c: the Sequential model: layers one after the other.
 *
 * Its layers are made with it, named as Keras names them. If the first is an Input (or a model that knows its input)
 * the whole chain is built at once, so that paths, summary and weights are there before the first batch; else at the
 * first call. A chain with a layer that cannot be made is no model: the error is the context's, and what was made is
 * freed.
 */
#include "train/model.h"

static kt_tensor *sequential_call(kt_layer *self, kt_tensor *x)
{
    for (int64_t i = 0, n = kt_layer_children(self); i < n; i++) x = kt_call_layer(kt_layer_child(self, i), x);
    return x;
}

const kt_layer_class kt_sequential_class = { .name = "Sequential", .call = sequential_call };

/* The input that the first layer tells of, if it does. */
static bool input_of(const kt_layer *layer, kt_desc *desc)
{
    const kt_functional *functional = kt_functional_of(layer);
    if (functional && functional->n_inputs == 1) {
        *desc = functional->inputs[0];
        return true;
    }
    if (kt_layer_class_of(layer) == &kt_sequential_class && layer->state) {
        *desc = *(const kt_desc *)layer->state;
        return true;
    }
    return kt_layer_input(layer, KT_SYMBOL_BATCH, desc);
}

/* Adds the layers to the root. *known: the input has been described. */
static kt_status add_layers(kt_layer *root, const kt_layer_spec *layers, size_t count, bool *known, kt_desc *input)
{
    kt_context *kt = kt_layer_context(root);
    const char *name = kt_layer_name(root);
    for (size_t i = 0; i < count; i++) {
        kt_desc desc;
        if (kt_spec_input(&layers[i], kt, KT_SYMBOL_BATCH,
                          &desc)) { /* describes the input; no layer in the list, as in Keras */
            if (i)
                return kt_fail_at(kt, KT_ERR_VALUE, name,
                                  "expected the input description as the first layer, got it as layer %zu; move it "
                                  "to the front",
                                  i);
            *known = true;
            *input = desc;
            continue;
        }
        kt_layer *layer = kt_layer_add(root, layers[i]);
        if (!layer) return kt->status;
        if (!*known && kt_layer_children(root) == 1) *known = input_of(layer, input);
    }
    return kt->status;
}

kt_model *kt_sequential_new(kt_context *kt, const kt_layer_spec *layers, size_t count)
{
    if (!kt || kt->status != KT_OK) return NULL;
    if (!layers && count) {
        kt_fail(kt, KT_ERR_VALUE,
                "sequential: expected %zu descriptions of layers, got NULL; use the macro kt_sequential", count);
        return NULL;
    }
    kt_layer *root = kt_layer_new(kt, (kt_layer_spec){ .cls = &kt_sequential_class });
    if (!root) return NULL;
    kt_desc input;
    bool known = false;
    kt_model *model = NULL;
    if (add_layers(root, layers, count, &known, &input) == KT_OK) {
        kt_desc *told = known ? kt_layer_state(root, sizeof *told) : NULL; /* for a chain that this one is nested in */
        if (told) *told = input;
        model = kt_model_from(kt, root);
    }
    if (!model) {
        kt_layer_free(root);
    } else if (known && kt_model_prepare(model, &input) != KT_OK) {
        kt_model_free(model);
        model = NULL;
    }
    return model;
}
