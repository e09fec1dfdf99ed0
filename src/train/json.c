/* SPDX-License-Identifier: MIT */
/* train/json.c: a model as JSON, as Keras 3's model.to_json() writes it, key by key and in its order.
 *
 *     {"module", "class_name", "config": {...}, "registered_name", "build_config", "compile_config"}
 *
 * A layer inside is the same object without compile_config. build_config tells the shape that it was built for, and stands
 * only where Keras's class has a build. Classes of the caller's own are written as a class registered with
 * keras.saving.register_keras_serializable() would be: module null, registered_name "Custom>Name".
 */
#include "train/json.h"

#include <string.h>

enum { MAX_DEPTH = 100 };

/* ---- pieces ---- */

void kt_write_class(kt_model_writer *w, const char *module, const char *class_name)
{
    kt_json_text(&w->json, "module", module);
    kt_json_text(&w->json, "class_name", class_name);
}

/* Classes that Keras exports need no second name. */
void kt_write_registered(kt_model_writer *w, const char *module, const char *class_name)
{
    char name[320];
    if (module && strncmp(module, "keras.src.", 10) != 0) {
        kt_json_null(&w->json, "registered_name");
        return;
    }
    kt_text text = kt_text_in(name, sizeof name);
    kt_text_add(&text, "%s%.300s", module ? "" : "Custom>", class_name);
    kt_json_text(&w->json, "registered_name", name);
}

void kt_write_function(kt_model_writer *w, const char *key, const char *name)
{
    kt_json_object(&w->json, key);
    kt_write_class(w, "builtins", "function");
    kt_json_text(&w->json, "config", name);
    kt_json_text(&w->json, "registered_name", "function");
    kt_json_end_object(&w->json);
}

void kt_write_shape(kt_model_writer *w, const char *key, const kt_desc *desc)
{
    kt_json_array(&w->json, key);
    for (int i = 0; i < desc->rank; i++) {
        if (i == 0 || desc->dim[i] < 0 || (desc->dim[i] >= KT_SYMBOL_BATCH && desc->dim[i] % KT_SYMBOL_BATCH == 0))
            kt_json_null(&w->json, NULL);
        else kt_json_int(&w->json, NULL, desc->dim[i]);
    }
    kt_json_end_array(&w->json);
}

static void write_dtype_policy(kt_model_writer *w)
{
    kt_json_object(&w->json, "dtype");
    kt_write_class(w, "keras", "DTypePolicy");
    kt_json_object(&w->json, "config");
    kt_json_text(&w->json, "name", kt_dtype_name(w->kt->config.floatx));
    kt_json_end_object(&w->json);
    kt_write_registered(w, "keras", "DTypePolicy");
    kt_json_end_object(&w->json);
}

void kt_write_input(kt_model_writer *w, const kt_desc *desc, const char *name)
{
    kt_json *j = &w->json;
    kt_json_object(j, NULL);
    kt_write_class(w, "keras.layers", "InputLayer");
    kt_json_object(j, "config");
    kt_write_shape(w, "batch_shape", desc);
    kt_json_text(j, "dtype", kt_dtype_name(desc->dtype));
    kt_json_bool(j, "sparse", false);
    kt_json_bool(j, "ragged", false);
    kt_json_text(j, "name", name);
    kt_json_bool(j, "optional", false);
    kt_json_end_object(j);
    kt_write_registered(w, "keras.layers", "InputLayer");
}

/* ---- models ---- */

static void write_sequential(kt_model_writer *w, kt_layer *layer, const kt_desc *in)
{
    kt_json *j = &w->json;
    write_dtype_policy(w);
    kt_json_array(j, "layers");
    if (in) {
        const char *name = kt_sequential_input_name(layer);
        kt_write_input(w, in, name ? name : "");
        kt_json_end_object(j);
    }
    const kt_desc *x = in;
    for (int64_t i = 0; i < kt_layer_children(layer); i++) {
        kt_layer *child = kt_layer_child(layer, i);
        kt_write_layer(w, NULL, child, x, true);
        kt_json_end_object(j);
        x = x ? kt_layer_output_desc(child) : NULL;
    }
    kt_json_end_array(j);
    if (in) kt_write_shape(w, "build_input_shape", in);
}

static void write_build(kt_model_writer *w, kt_layer *layer, const kt_desc *in)
{
    bool functional = kt_functional_of(layer) != NULL;
    if (!functional && (!in || !kt_layer_built(layer) || !kt_layer_has_build(layer))) return;
    kt_json_object(&w->json, "build_config");
    if (functional) kt_json_null(&w->json, "input_shape");
    else kt_write_shape(w, "input_shape", in);
    kt_json_end_object(&w->json);
}

void kt_write_layer(kt_model_writer *w, const char *key, kt_layer *layer, const kt_desc *in, bool in_sequential)
{
    kt_json *j = &w->json;
    const kt_functional *f = kt_functional_of(layer);
    const kt_sequential *sequential = kt_sequential_of(layer);
    if (sequential && sequential->known) in = &sequential->input;
    const char *module = f ? "keras.src.models.functional" : sequential ? "keras" : kt_layer_module(layer);
    const char *class_name = kt_layer_class_name(layer);
    if (++w->depth > MAX_DEPTH)
        kt_fail(w->kt, KT_ERR_UNSUPPORTED, "%s: as JSON models may be nested %d deep, got more; flatten some of them",
                kt_layer_name(layer), MAX_DEPTH);
    kt_json_object(j, key);
    if (w->kt->status == KT_OK) {
        kt_write_class(w, module, class_name);
        kt_json_object(j, "config");
        kt_json_text(j, "name", kt_layer_name(layer));
        kt_json_bool(j, "trainable", layer->trainable);
        if (sequential) write_sequential(w, layer, in);
        else if (f) kt_write_graph(w, f, in_sequential);
        else {
            write_dtype_policy(w);
            kt_write_layer_config(w, layer);
        }
        kt_json_end_object(j);
        kt_write_registered(w, module, class_name);
        write_build(w, layer, in);
        if ((f || sequential) && w->depth > 1) kt_write_compile_config(w, NULL);
    }
    w->depth--;
}

/* ---- the whole ---- */

static void write_model(kt_model_writer *w, kt_model *model)
{
    kt_desc in = model->input;
    kt_write_layer(w, NULL, model->root, in.rank >= 0 ? &in : NULL, false);
    kt_write_compile_config(w, model);
    kt_json_end_object(&w->json);
}

char *kt_model_json_text(kt_model *model, bool board)
{
    if (kt_model_ready(model) != KT_OK) return NULL;
    kt_context *kt = model->kt;
    kt_model_writer w = { .json = kt_json_in(NULL, 0), .kt = kt, .board = board };
    write_model(&w, model);
    size_t size = w.json.length + 1;
    char *text = kt->status == KT_OK ? kt_take(kt, size) : NULL;
    if (!text) return NULL;
    w = (kt_model_writer){ .json = kt_json_in(text, size), .kt = kt, .board = board };
    write_model(&w, model);
    if (kt->status == KT_OK) return text;
    kt_give(kt, text);
    return NULL;
}

const char *kt_model_json(kt_model *model)
{
    if (kt_model_ready(model) != KT_OK) return NULL;
    char *text = kt_model_json_text(model, false);
    if (!text) return NULL;
    kt_give(model->kt, model->json);
    return model->json = text;
}
