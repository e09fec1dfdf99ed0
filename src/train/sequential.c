/* SPDX-License-Identifier: MIT */
/* train/sequential.c: the Sequential model: layers one after the other.
 *
 * Its layers are made with it, named as Keras names them. If the first is an Input (or a model that knows its input)
 * the whole chain is built at once, so that paths, summary and weights are there before the first batch; else at the
 * first call. A chain with a layer that cannot be made is no model: the error is the context's, and what was made is
 * freed.
 */
#include <string.h>

#include "train/model.h"

static kt_tensor *sequential_call(kt_layer *self, kt_tensor *x)
{
    for (int64_t i = 0, n = kt_layer_children(self); i < n; i++) x = kt_call_layer(kt_layer_child(self, i), x);
    return x;
}

const kt_layer_class kt_sequential_class = { .name = "Sequential", .call = sequential_call };

kt_sequential *kt_sequential_of(const kt_layer *layer)
{
    return kt_layer_class_of(layer) == &kt_sequential_class ? layer->state : NULL;
}

const char *kt_sequential_input_name(kt_layer *layer)
{
    kt_sequential *s = kt_sequential_of(layer);
    if (s && !s->input_name) s->input_name = kt_nn_name(kt_layer_context(layer), kt_input_class.name);
    return s ? s->input_name : NULL;
}

/* What the description of an input calls it; NULL: nothing. */
static const char *given_name(const kt_layer_spec *input)
{
    kt_input_config config;
    memcpy(&config, &input->config, sizeof config);
    return config.name;
}

/* The input that the first layer tells of, if it does. */
static bool input_of(const kt_layer *layer, kt_desc *desc)
{
    const kt_functional *functional = kt_functional_of(layer);
    if (functional && functional->n_inputs == 1) {
        *desc = functional->inputs[0];
        return true;
    }
    const kt_sequential *sequential = kt_sequential_of(layer);
    if (sequential && sequential->known) {
        *desc = sequential->input;
        return true;
    }
    return kt_layer_input(layer, KT_SYMBOL_BATCH, desc);
}

/* Adds the layers to the root. */
static kt_status add_layers(kt_layer *root, kt_sequential *s, const kt_layer_spec *layers, size_t count)
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
            s->known = true;
            s->input = desc;
            if (given_name(&layers[i])) s->input_name = kt_intern(kt, given_name(&layers[i]));
            continue;
        }
        kt_layer *layer = kt_layer_add(root, layers[i]);
        if (!layer) return kt->status;
        if (!s->known && kt_layer_children(root) == 1) s->known = input_of(layer, &s->input);
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
    kt_sequential *s = root ? kt_layer_state(root, sizeof *s) : NULL;
    kt_model *model = NULL;
    if (s && add_layers(root, s, layers, count) == KT_OK && (!s->known || kt_sequential_input_name(root)))
        model = kt_model_from(kt, root);
    if (!model) {
        kt_layer_free(root);
    } else if (s->known && kt_model_prepare(model, &s->input) != KT_OK) {
        kt_model_free(model);
        model = NULL;
    }
    return model;
}
