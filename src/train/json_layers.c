/* SPDX-License-Identifier: MIT */
/* train/json_layers.c: the configurations of the stock layers, initializers and regularizers, under Keras's keys.
 *
 * Keras's keys are not our fields one by one (use_bias against no_bias, constants that we do not have), so each stock class
 * has a short function here; a new layer adds one. What Keras would have resolved is written resolved: defaults as their
 * numbers, names by their first spelling. A class of the caller's own is written by its table of fields. A function of the
 * caller's has no name in C, so that of its field stands for it.
 */
#include "train/json.h"

#include <string.h>

static const char initializers[] = "keras.initializers", regularizers[] = "keras.regularizers";

/* ---- initializers ---- */

static void write_seed(kt_model_writer *w, int64_t seed)
{
    if (seed) kt_json_int(&w->json, "seed", seed);
    else kt_json_null(&w->json, "seed");
}

static void write_axes_of_variance(kt_model_writer *w)
{
    kt_json_null(&w->json, "input_axes");
    kt_json_null(&w->json, "output_axes");
}

static void write_variance(kt_model_writer *w, const kt_variance_config *c)
{
    bool normal = !c->distribution || strcmp(c->distribution, "normal") == 0;
    write_seed(w, c->seed);
    kt_json_number(&w->json, "scale", kt_setting(c->scale, 1));
    kt_json_text(&w->json, "mode", c->mode ? c->mode : "fan_in");
    kt_json_text(&w->json, "distribution", normal ? "truncated_normal" : c->distribution);
    write_axes_of_variance(w);
}

/* Of a stock class; false for another one. */
static bool write_initializer_config(kt_model_writer *w, const kt_initializer_class *cls, const void *config)
{
    static const kt_initializer_class *const famous[] = {
        &kt_glorot_uniform_class, &kt_glorot_normal_class, &kt_he_uniform_class,
        &kt_he_normal_class, &kt_lecun_uniform_class, &kt_lecun_normal_class,
    };
    kt_json *j = &w->json;
    if (cls == &kt_zeros_class || cls == &kt_ones_class) return true;
    if (cls == &kt_constant_class) {
        kt_json_number(j, "value", kt_setting(((const kt_constant_config *)config)->value, 0));
    } else if (cls == &kt_identity_class) { /* Keras forgets its gain; where it is 1 that does no harm */
        double gain = kt_setting(((const kt_gain_config *)config)->gain, 1);
        if (gain != 1) kt_json_number(j, "gain", gain);
    } else if (cls == &kt_random_normal_class || cls == &kt_truncated_normal_class) {
        const kt_normal_config *c = config;
        write_seed(w, c->seed);
        kt_json_number(j, "mean", kt_setting(c->mean, 0));
        kt_json_number(j, "stddev", kt_setting(c->stddev, 0.05));
    } else if (cls == &kt_random_uniform_class) {
        const kt_uniform_config *c = config;
        write_seed(w, c->seed);
        kt_json_number(j, "minval", kt_setting(c->minval, -0.05));
        kt_json_number(j, "maxval", kt_setting(c->maxval, 0.05));
    } else if (cls == &kt_orthogonal_class) {
        const kt_gain_config *c = config;
        write_seed(w, c->seed);
        kt_json_number(j, "gain", kt_setting(c->gain, 1));
    } else if (cls == &kt_variance_scaling_class) {
        write_variance(w, config);
    } else {
        for (size_t i = 0; i < sizeof famous / sizeof *famous; i++) {
            if (cls != famous[i]) continue;
            write_seed(w, ((const kt_seed_config *)config)->seed);
            write_axes_of_variance(w);
            return true;
        }
        return false;
    }
    return true;
}

static bool is_stock_initializer(const kt_initializer_class *cls)
{
    static const kt_initializer_class *const stock[] = {
#define KT_INITIALIZER(id, name, snake, alias) &id,
#include "nn/initializers.def"
#undef KT_INITIALIZER
    };
    for (size_t i = 0; i < sizeof stock / sizeof *stock; i++)
        if (stock[i] == cls) return true;
    return false;
}

static void write_initializer(kt_model_writer *w, const char *key, const char *name, const kt_initializer_spec *given,
                              const char *otherwise)
{
    kt_initializer_spec spec;
    if (kt_pick_initializer(w->kt, name, given, otherwise, &spec) != KT_OK) return;
    const char *module = is_stock_initializer(spec.cls) ? initializers : NULL;
    kt_json_object(&w->json, key);
    kt_write_class(w, module, spec.cls->name);
    kt_json_object(&w->json, "config");
    if (!write_initializer_config(w, spec.cls, &spec.config)) kt_write_fields(w, spec.cls->fields, &spec.config);
    kt_json_end_object(&w->json);
    kt_write_registered(w, module, spec.cls->name);
    kt_json_end_object(&w->json);
}

/* ---- regularizers ---- */

static void write_regularizer(kt_model_writer *w, const char *key, const char *name, const kt_regularizer_spec *given)
{
    kt_json *j = &w->json;
    kt_regularizer_spec spec;
    if (kt_pick_regularizer(w->kt, name, given, &spec) != KT_OK) return;
    if (!spec.cls) {
        kt_json_null(j, key);
        return;
    }
    bool stock = spec.cls == &kt_l1_class || spec.cls == &kt_l2_class || spec.cls == &kt_l1_l2_class;
    const void *config = &spec.config;
    kt_json_object(j, key);
    kt_write_class(w, stock ? regularizers : NULL, spec.cls->name);
    kt_json_object(j, "config");
    if (spec.cls == &kt_l1_class) /* Keras keeps this one as a float32 */
        kt_json_number(j, "l1", (double)(float)kt_setting(((const kt_l1_config *)config)->l1, 0.01));
    else if (spec.cls == &kt_l2_class)
        kt_json_number(j, "l2", kt_setting(((const kt_l2_config *)config)->l2, 0.01));
    else if (spec.cls == &kt_l1_l2_class) {
        kt_json_number(j, "l1", kt_setting(((const kt_l1_l2_config *)config)->l1, 0));
        kt_json_number(j, "l2", kt_setting(((const kt_l1_l2_config *)config)->l2, 0));
    } else kt_write_fields(w, spec.cls->fields, config);
    kt_json_end_object(j);
    kt_write_registered(w, stock ? regularizers : NULL, spec.cls->name);
    kt_json_end_object(j);
}

/* ---- layers ---- */

static void write_activation(kt_model_writer *w, const char *name, bool own)
{
    if (own) kt_write_function(w, "activation", "activation_fn");
    else if (name && strcmp(name, "swish") == 0) kt_json_text(&w->json, "activation", "silu");
    else kt_json_text(&w->json, "activation", name ? name : "linear");
}

static void write_dense(kt_model_writer *w, kt_layer *layer)
{
    const kt_dense_config *c = kt_config(layer);
    kt_json *j = &w->json;
    kt_json_int(j, "units", c->units);
    write_activation(w, c->activation, c->activation_fn != NULL);
    kt_json_bool(j, "use_bias", !c->no_bias);
    write_initializer(w, "kernel_initializer", c->kernel_initializer, &c->kernel_initializer_spec, "glorot_uniform");
    write_initializer(w, "bias_initializer", c->bias_initializer, &c->bias_initializer_spec, "zeros");
    write_regularizer(w, "kernel_regularizer", c->kernel_regularizer, &c->kernel_regularizer_spec);
    write_regularizer(w, "bias_regularizer", c->bias_regularizer, &c->bias_regularizer_spec);
    kt_json_null(j, "kernel_constraint");
    kt_json_null(j, "bias_constraint");
    kt_json_null(j, "quantization_config");
}

static void write_activation_layer(kt_model_writer *w, kt_layer *layer)
{
    const kt_activation_config *c = kt_config(layer);
    write_activation(w, c->activation, c->activation_fn != NULL);
}

static void write_dropout(kt_model_writer *w, kt_layer *layer)
{
    const kt_dropout_config *c = kt_config(layer);
    kt_json_number(&w->json, "rate", kt_setting(c->rate, 0));
    write_seed(w, c->seed);
    kt_json_null(&w->json, "noise_shape");
}

static void write_flatten(kt_model_writer *w, kt_layer *layer)
{
    (void)layer;
    kt_json_text(&w->json, "data_format", "channels_last");
}

static void write_numbers(kt_model_writer *w, const char *key, const double *numbers, int64_t count)
{
    if (!numbers) {
        kt_json_null(&w->json, key);
        return;
    }
    kt_json_array(&w->json, key);
    for (int64_t i = 0; i < count; i++) kt_json_number(&w->json, NULL, numbers[i]);
    kt_json_end_array(&w->json);
}

static void write_normalization(kt_model_writer *w, kt_layer *layer)
{
    const kt_normalization_config *c = kt_config(layer);
    const double *numbers = kt_normalization_numbers(layer);
    kt_json *j = &w->json;
    kt_json_array(j, "axis");
    if (c->axis != KT_AXIS_NONE) kt_json_int(j, NULL, c->axis ? c->axis : -1);
    kt_json_end_array(j);
    kt_json_bool(j, "invert", c->invert);
    write_numbers(w, "mean", numbers, c->count);
    write_numbers(w, "variance", numbers ? numbers + c->count : NULL, c->count);
}

typedef struct stock_layer {
    const kt_layer_class *cls;
    void (*write)(kt_model_writer *w, kt_layer *layer);
    bool build;    /* Keras's class has one */
    bool training; /* its call takes the flag */
} stock_layer;

static const stock_layer *stock_of(const kt_layer *layer)
{
    static const stock_layer stock[] = {
        { &kt_dense_class, write_dense, true, false },
        { &kt_activation_class, write_activation_layer, false, false },
        { &kt_dropout_class, write_dropout, false, true },
        { &kt_flatten_class, write_flatten, true, false },
        { &kt_normalization_class, write_normalization, true, false },
    };
    for (size_t i = 0; i < sizeof stock / sizeof *stock; i++)
        if (stock[i].cls == kt_layer_class_of(layer)) return &stock[i];
    return NULL;
}

const char *kt_layer_module(const kt_layer *layer)
{
    return stock_of(layer) ? "keras.layers" : NULL;
}

bool kt_layer_has_build(const kt_layer *layer)
{
    return !stock_of(layer) || stock_of(layer)->build;
}

bool kt_layer_tells_training(const kt_layer *layer)
{
    return stock_of(layer) && stock_of(layer)->training;
}

void kt_write_layer_config(kt_model_writer *w, kt_layer *layer)
{
    if (stock_of(layer)) stock_of(layer)->write(w, layer);
    else kt_write_fields(w, kt_layer_class_of(layer)->fields, kt_config(layer));
}

/* ---- by the table of fields ---- */

static void write_field(kt_model_writer *w, const kt_field *field, const unsigned char *at)
{
    kt_json *j = &w->json;
    kt_initializer_spec initializer;
    kt_regularizer_spec regularizer;
    const char *text;
    int64_t whole;
    double number;
    kt_dtype dtype;
    bool truth;
    switch (field->kind) {
    case KT_FIELD_INT:
        memcpy(&whole, at, sizeof whole);
        kt_json_int(j, field->name, whole);
        break;
    case KT_FIELD_DOUBLE:
        memcpy(&number, at, sizeof number);
        kt_json_number(j, field->name, kt_setting(number, 0));
        break;
    case KT_FIELD_BOOL:
        memcpy(&truth, at, sizeof truth);
        kt_json_bool(j, field->name, truth);
        break;
    case KT_FIELD_STRING:
        memcpy(&text, at, sizeof text);
        kt_json_text(j, field->name, text);
        break;
    case KT_FIELD_DTYPE:
        memcpy(&dtype, at, sizeof dtype);
        kt_json_text(j, field->name, kt_dtype_name(dtype ? dtype : w->kt->config.floatx));
        break;
    case KT_FIELD_INITIALIZER:
        memcpy(&initializer, at, sizeof initializer);
        if (initializer.cls) write_initializer(w, field->name, NULL, &initializer, NULL);
        else kt_json_null(j, field->name);
        break;
    case KT_FIELD_REGULARIZER:
        memcpy(&regularizer, at, sizeof regularizer);
        write_regularizer(w, field->name, NULL, &regularizer);
        break;
    }
}

void kt_write_fields(kt_model_writer *w, const kt_field *fields, const void *config)
{
    for (; config && fields && fields->name; fields++) {
        if (strcmp(fields->name, "name") == 0 || strcmp(fields->name, "frozen") == 0) continue; /* the layer's, written already */
        write_field(w, fields, (const unsigned char *)config + fields->offset);
    }
}
