/* SPDX-License-Identifier: MIT */
/* nn/spec.c: descriptions: configurations copied into boxes, and read from them again.
 *
 * A description is a value: its box holds the configuration itself, so it may be returned from a helper and
 * thrown away. Texts in it are still the caller's; they become the context's when a layer is made
 * (kt_own_fields). A custom description carries the caller's configuration behind a small head, and kt_existing
 * carries the layer.
 */
#include "nn/layer.h"

#include <string.h>

#include "nn/spec.h"

_Static_assert(sizeof(kt_input_config) <= sizeof(kt_layer_box), "kt_input_config does not fit its box");
_Static_assert(sizeof(kt_dense_config) <= sizeof(kt_layer_box), "kt_dense_config does not fit its box");
_Static_assert(sizeof(kt_activation_config) <= sizeof(kt_layer_box), "kt_activation_config does not fit its box");
_Static_assert(sizeof(kt_dropout_config) <= sizeof(kt_layer_box), "kt_dropout_config does not fit its box");
_Static_assert(sizeof(kt_flatten_config) <= sizeof(kt_layer_box), "kt_flatten_config does not fit its box");
_Static_assert(sizeof(kt_normalization_config) <= sizeof(kt_layer_box), "kt_normalization_config does not fit its box");
_Static_assert(sizeof(kt_custom_box) <= sizeof(kt_layer_box), "kt_custom_box does not fit its box");
_Static_assert(sizeof(kt_variance_config) <= sizeof(kt_small_box), "kt_variance_config does not fit its box");

/* What does not fit leaves an empty box, which every maker refuses. */
static void box_copy(void *box, size_t room, const void *config, size_t bytes)
{
    memset(box, 0, room);
    if (config && bytes <= room) memcpy(box, config, bytes);
}

kt_small_box kt_small_box_of(const void *config, size_t bytes)
{
    kt_small_box box;
    box_copy(&box, sizeof box, config, bytes);
    return box;
}

kt_box kt_box_of(const void *config, size_t bytes)
{
    kt_box box;
    box_copy(&box, sizeof box, config, bytes);
    return box;
}

kt_layer_box kt_layer_box_of(const void *config, size_t bytes)
{
    kt_layer_box box;
    box_copy(&box, sizeof box, config, bytes);
    return box;
}

/* kt_dense_spec and kt_dense_init, and so on. */
#define KT_LAYER(layer)                                                                                                \
    kt_layer_spec kt_##layer##_spec(const kt_##layer##_config *c)                                                      \
    {                                                                                                                  \
        return (kt_layer_spec){ &kt_##layer##_class, kt_layer_box_of(c, c ? c->size : 0) };                            \
    }                                                                                                                  \
    void kt_##layer##_init(kt_##layer##_config *c)                                                                     \
    {                                                                                                                  \
        if (c) *c = (kt_##layer##_config){ .size = sizeof *c };                                                        \
    }
#include "nn/layers.def"
#undef KT_LAYER

/* Marks: their boxes hold something other than a configuration of the class. */
static const kt_layer_class custom_mark = { .name = "Custom" };
static const kt_layer_class existing_mark = { .name = "Existing" };

kt_layer_spec kt_custom_spec(const kt_custom_config *c)
{
    kt_custom_box box;
    memset(&box, 0, sizeof box);
    if (c && c->size) {
        size_t bytes = c->cls && c->config ? c->cls->config_size : 0;
        box.size = sizeof box;
        box.cls = c->cls;
        box.name = c->name;
        box.frozen = c->frozen;
        box.too_big = bytes > sizeof box.config;
        if (bytes && !box.too_big) memcpy(box.config, c->config, bytes);
    }
    return (kt_layer_spec){ &custom_mark, kt_layer_box_of(&box, sizeof box) };
}

bool kt_spec_custom(const kt_layer_spec *spec, kt_custom_box *box)
{
    if (spec->cls != &custom_mark) return false;
    memcpy(box, &spec->config, sizeof *box);
    return true;
}

typedef struct existing_box {
    size_t size;
    kt_layer *layer;
} existing_box;

kt_layer_spec kt_existing(kt_layer *layer)
{
    existing_box box = { sizeof box, layer };
    return (kt_layer_spec){ &existing_mark, kt_layer_box_of(&box, sizeof box) };
}

bool kt_spec_is_existing(const kt_layer_spec *spec) { return spec && spec->cls == &existing_mark; }

kt_layer *kt_spec_existing(const kt_layer_spec *spec)
{
    existing_box box;
    memcpy(&box, &spec->config, sizeof box);
    return box.layer;
}

double kt_setting(double given, double otherwise)
{
    uint64_t bits;
    memcpy(&bits, &given, sizeof bits); /* a comparison would flush KT_ZERO in hosts that run with DAZ */
    if (bits == 1) return 0;
    return given == 0 ? otherwise : given;
}

const kt_field *kt_field_named(const kt_field *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (strcmp(fields->name, name) == 0) return fields;
    return NULL;
}

static kt_status own_text(kt_context *kt, void *at)
{
    const char *text;
    memcpy(&text, at, sizeof text);
    if (text && !(text = kt_intern(kt, text))) return kt->status;
    memcpy(at, &text, sizeof text);
    return KT_OK;
}

kt_status kt_own_fields(kt_context *kt, const kt_field *fields, void *config)
{
    kt_status status = KT_OK;
    for (; fields && fields->name && status == KT_OK; fields++) {
        unsigned char *at = (unsigned char *)config + fields->offset;
        if (fields->kind == KT_FIELD_STRING) {
            status = own_text(kt, at);
        } else if (fields->kind == KT_FIELD_INITIALIZER) {
            kt_initializer_spec *spec = (kt_initializer_spec *)(void *)at;
            if (spec->cls) status = kt_own_fields(kt, spec->cls->fields, &spec->config);
        } else if (fields->kind == KT_FIELD_REGULARIZER) {
            kt_regularizer_spec *spec = (kt_regularizer_spec *)(void *)at;
            if (spec->cls) status = kt_own_fields(kt, spec->cls->fields, &spec->config);
        }
    }
    return status;
}

bool kt_spec_input(const kt_layer_spec *spec, kt_context *kt, int64_t batch, kt_desc *desc)
{
    if (!spec || spec->cls != &kt_input_class) return false;
    kt_input_config config;
    memcpy(&config, &spec->config, sizeof config);
    kt_input_desc(&config, kt, batch, desc);
    return true;
}

bool kt_layer_input(const kt_layer *layer, int64_t batch, kt_desc *desc)
{
    if (!layer || layer->cls != &kt_input_class) return false;
    kt_input_desc(layer->config, layer->kt, batch, desc);
    return true;
}
