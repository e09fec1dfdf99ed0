/* SPDX-License-Identifier: MIT */
/* nn/layer.c: the life of a layer: made from a description, built and called, ended.
 *
 * A call enters a frame with the layer's path, so that errors, summaries and random streams know where they
 * are. Streams are numbered by (path, ordinal of the call, ordinal of the draw); ordinals start again with each
 * step and each capture, so a captured step and the same step recorded by hand draw the same numbers. A call
 * that is only asked for shapes (symbols) does not count.
 *
 * Weights and lists of weights are in weights.c, descriptions in spec.c.
 */
#include "nn/layer.h"

#include <string.h>

#include "graph/record.h"
#include "nn/spec.h"

#include <keratin/ops.h>

enum { MAX_INPUTS = 64, FEW_INPUTS = 4, MAX_PATH = 1000 };

/* ---- making ---- */

typedef struct description { /* a spec, taken apart */
    const kt_layer_class *cls;
    const void *config;
    size_t bytes;
    const char *name;
    bool frozen;
} description;

static kt_status take_apart(kt_context *kt, const kt_layer_spec *spec, kt_custom_box *box, description *d)
{
    if (kt_spec_custom(spec, box)) {
        if (!box->cls)
            return kt_fail_at(kt, KT_ERR_VALUE, "kt_custom", "expected a class, as in kt_custom(&my_class), got NULL");
        if (box->too_big)
            return kt_fail_at(kt, KT_ERR_VALUE, box->cls->name,
                              "expected a configuration of at most %zu bytes, got %zu; put what is "
                              "larger behind a pointer",
                              sizeof box->config, box->cls->config_size);
        *d = (description){ box->cls, box->config, box->cls->config_size, box->name, box->frozen };
    } else {
        size_t size = spec->config.u.size;
        if (!spec->cls || (size == 0 && spec->cls->config_size != 0) || size > sizeof spec->config)
            return kt_fail_at(kt, KT_ERR_VALUE, spec->cls ? spec->cls->name : "layer",
                              "expected a description such as kt_dense(64), "
                              "got an empty one; in C++ call kt_dense_init first");
        *d = (description){ spec->cls, &spec->config, size < spec->cls->config_size ? size : spec->cls->config_size,
                            NULL, false };
    }
    return KT_OK;
}

/* The name: the caller's in kt_custom or in a `name` field, else `name`, else automatic. */
static kt_status name_layer(kt_layer *layer, const char *given, const char *name)
{
    kt_context *kt = layer->kt;
    const kt_field *field = kt_field_named(layer->cls->fields, "name");
    if (!given && field && field->kind == KT_FIELD_STRING)
        memcpy(&given, (char *)layer->config + field->offset, sizeof given);
    if (!given) given = name;
    if (given && (!given[0] || strchr(given, '/') || strlen(given) > 200))
        return kt_fail_at(kt, KT_ERR_VALUE, layer->cls->name,
                          "expected a name of 1 to 200 characters without '/', got '%.64s'", given);
    layer->name = given ? kt_intern(kt, given) : kt_nn_name(kt, layer->cls->name ? layer->cls->name : "layer");
    return kt->status;
}

static void end(kt_layer *layer, bool variables);

kt_layer *kt_layer_make(kt_context *kt, const kt_layer_spec *spec, const char *name)
{
    kt_custom_box box;
    description d = { 0 };
    if (!kt || kt->status != KT_OK || !kt_nn_of(kt)) return NULL;
    if (kt_spec_is_existing(spec)) {
        kt_layer *layer = kt_spec_existing(spec);
        if (layer && layer->kt == kt) return layer;
        kt_fail_at(kt, KT_ERR_VALUE, "kt_existing",
                   layer ? "the layer belongs to another context; make one in this context"
                         : "expected a layer that exists, got NULL");
        return NULL;
    }
    if (take_apart(kt, spec, &box, &d) != KT_OK) return NULL;
    kt_layer *layer = kt_take_zeroed(kt, 1, sizeof *layer);
    if (!layer) return NULL;
    layer->kt = kt;
    layer->cls = d.cls;
    layer->trainable = true;
    layer->output.rank = -1;
    layer->config = kt_take_zeroed(kt, 1, d.cls->config_size ? d.cls->config_size : 1);
    if (!layer->config) goto fail;
    if (d.bytes) memcpy(layer->config, d.config, d.bytes);
    if (kt_own_fields(kt, d.cls->fields, layer->config) != KT_OK || name_layer(layer, d.name, name) != KT_OK) goto fail;
    const kt_field *frozen = kt_field_named(d.cls->fields, "frozen");
    if (frozen && frozen->kind == KT_FIELD_BOOL)
        memcpy(&d.frozen, (char *)layer->config + frozen->offset, sizeof d.frozen);
    layer->trainable = !d.frozen;
    if (d.cls->create) {
        kt_frame outer = kt_frame_enter(kt, layer->name, 0);
        kt_status status = d.cls->create(layer);
        if (status != KT_OK)
            kt_fail_at(kt, status, d.cls->name, "its create refused the configuration without saying why; call kt_fail there");
        kt_frame_leave(kt, outer);
        if (kt->status != KT_OK) goto fail;
    }
    return layer;
fail:
    end(layer, true);
    return NULL;
}

static void layer_release(kt_context *kt, kt_object *object)
{
    (void)kt;
    end((kt_layer *)object, false); /* the variables are the context's, and may be gone already */
}

kt_layer *kt_layer_new(kt_context *kt, kt_layer_spec spec)
{
    kt_layer *layer = kt_layer_make(kt, &spec, NULL);
    if (layer && !kt_spec_is_existing(&spec)) kt_own(kt, &layer->object, layer_release);
    return layer;
}

/* ---- ending ---- */

static void end_contents(kt_layer *layer, bool variables)
{
    for (size_t i = 0; variables && i < layer->n_weights; i++) kt_variable_free(layer->weights[i].variable);
    for (size_t i = 0; i < layer->n_subs; i++)
        if (layer->subs[i].owned) end(layer->subs[i].layer, variables);
    layer->n_weights = layer->n_subs = 0;
    layer->built = false;
    layer->listed_at = 0;
}

static void end(kt_layer *layer, bool variables)
{
    kt_context *kt = layer->kt;
    kt_nn *nn = kt->nn;
    if (layer->cls->release && layer->config) layer->cls->release(layer);
    end_contents(layer, variables);
    if (nn) nn->generation++;
    kt_give(kt, layer->weights);
    kt_give(kt, layer->subs);
    kt_give(kt, layer->terms.at);
    kt_give(kt, layer->listed);
    kt_give(kt, layer->state);
    kt_give(kt, layer->config);
    kt_give(kt, layer);
}

void kt_layer_free(kt_layer *layer)
{
    if (!layer) return;
    kt_disown(&layer->object);
    end(layer, true);
}

/* ---- building ---- */

static kt_status fix_path(kt_layer *layer)
{
    kt_context *kt = layer->kt;
    if (layer->path) return KT_OK;
    char path[MAX_PATH + 2];
    kt_text text = kt_text_in(path, sizeof path);
    kt_text_add(&text, kt->frame.path[0] ? "%s/%s" : "%s%s", kt->frame.path, layer->name);
    if (text.length > MAX_PATH)
        return kt_fail_at(kt, KT_ERR_VALUE, layer->name, "layers are nested too deep: a path may have %d characters",
                          MAX_PATH);
    layer->path = kt_intern(kt, path);
    return kt->status;
}

/* In the layer's frame. */
static kt_status build(kt_layer *layer, const kt_desc *x)
{
    kt_context *kt = layer->kt;
    kt_nn *nn = kt->nn;
    if (layer->built) return KT_OK;
    if (layer->building)
        return kt_fail_at(kt, KT_ERR_STATE, layer->cls->name,
                          "the layer was called by its own build: call it when build has returned");
    layer->building = true;
    kt_status status = layer->cls->build ? layer->cls->build(layer, x) : KT_OK;
    layer->building = false;
    if (status != KT_OK) kt_fail_at(kt, status, layer->cls->name, "its build failed without saying why; call kt_fail there");
    if (kt->status != KT_OK) {
        end_contents(layer, true);
        return kt->status;
    }
    layer->built = true;
    nn->generation++;
    return KT_OK;
}

kt_status kt_layer_build(kt_layer *layer, const kt_desc *x)
{
    kt_context *kt = layer->kt;
    if (kt->status != KT_OK || layer->built) return kt->status;
    if (fix_path(layer) != KT_OK) return kt->status;
    kt_frame outer = kt_frame_enter(kt, layer->path, 0);
    build(layer, x);
    kt_frame_leave(kt, outer);
    return kt->status;
}

/* ---- calling ---- */

/* Floats come in the context's float type; integers and bools stay what they are. */
static bool prepare_inputs(kt_layer *layer, kt_tensor *const *given, kt_tensor **inputs, kt_desc *descs, int n)
{
    for (int i = 0; i < n; i++) {
        kt_dtype dtype = given[i]->desc.dtype, floatx = layer->kt->config.floatx;
        inputs[i] = kt_is_float(dtype) && dtype != floatx ? kt_cast(given[i], floatx) : given[i];
        if (!inputs[i]) return false;
        descs[i] = inputs[i]->desc;
    }
    return true;
}

static kt_tensor *run_class(kt_layer *layer, kt_tensor *const *inputs, int n)
{
    const kt_layer_class *cls = layer->cls;
    if (cls->call && n == 1) return cls->call(layer, inputs[0]);
    if (cls->call_with) return cls->call_with(layer, &(kt_call_args){ inputs, n });
    if (cls->call)
        kt_fail_at(layer->kt, KT_ERR_VALUE, cls->name, "expected one tensor, got %d; its class has no call_with", n);
    else
        kt_fail_at(layer->kt, KT_ERR_STATE, cls->name, "the class has neither call nor call_with: give it one");
    return NULL;
}

/* In the layer's frame. */
static kt_tensor *build_and_run(kt_layer *layer, kt_tensor *const *given, int n)
{
    kt_context *kt = layer->kt;
    kt_tensor *few_inputs[FEW_INPUTS], **inputs = few_inputs, *y = NULL;
    kt_desc few_descs[FEW_INPUTS], *descs = few_descs; /* calls nest: the stack stays small */
    void *many = NULL;
    if (n > FEW_INPUTS) {
        many = kt_take(kt, (size_t)n * (sizeof *descs + sizeof *inputs));
        if (!many) return NULL;
        descs = many;
        inputs = (kt_tensor **)(void *)(descs + n);
    }
    if (prepare_inputs(layer, given, inputs, descs, n) && build(layer, descs) == KT_OK) {
        y = run_class(layer, inputs, n);
        if (!y && kt->status == KT_OK)
            kt_fail_at(kt, KT_ERR_VALUE, layer->cls->name,
                       "its call gave no tensor (NULL): return the result of an op");
        if (kt->status != KT_OK) y = NULL;
    }
    kt_give(kt, many);
    return y;
}

static kt_tensor *call(kt_layer *layer, kt_tensor *const *given, int n)
{
    kt_context *kt = layer->kt;
    kt_nn *nn = kt->nn;
    if (fix_path(layer) != KT_OK) return NULL;
    if (layer->step != kt->random_step || layer->captures != kt->captures) layer->calls = 0;
    layer->step = kt->random_step;
    layer->captures = kt->captures;
    if (nn->depth == 0) nn->outer++;
    layer->outer = nn->outer;
    kt_frame outer = kt_frame_enter(kt, layer->path, layer->calls);
    if (!kt->symbolic) layer->calls++;
    nn->depth++;
    kt_tensor *y = build_and_run(layer, given, n);
    if (y) layer->output = y->desc;
    if (y && nn->watch && nn->watch->output && !kt->symbolic)
        nn->watch->output(nn->watch->user, layer, kt->frame.call, given, n, y);
    nn->depth--;
    kt_frame_leave(kt, outer);
    return y;
}

static kt_tensor *call_on_symbols(kt_layer *layer, kt_tensor *const *inputs, int n)
{
    kt_context *kt = layer->kt;
    kt->symbolic = true;
    kt_tensor *y = call(layer, inputs, n);
    kt->symbolic = false;
    if (!y) return NULL;
    kt_layer_call_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.layer = layer;
    attr.out = y->desc;
    return kt_record(kt, &kt_op_layer_call, inputs, n, &attr, NULL);
}

kt_tensor *kt_call_layer_many(kt_layer *layer, kt_tensor *const *inputs, int n)
{
    if (!layer || layer->kt->status != KT_OK) return NULL;
    kt_context *kt = layer->kt;
    bool symbols = false;
    if (!inputs || n < 1 || n > MAX_INPUTS) {
        kt_fail_at(kt, KT_ERR_VALUE, layer->name, "expected 1 to %d tensors, got %d", MAX_INPUTS, inputs ? n : 0);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        if (!inputs[i]) return NULL;
        if (kt_context_of(inputs[i]) != kt) {
            kt_fail_at(kt, KT_ERR_VALUE, layer->name,
                       "input %d belongs to another context; copy its value with kt_read and "
                       "kt_constant",
                       i);
            return NULL;
        }
        symbols = symbols || kt_is_symbol(inputs[i]);
    }
    return symbols && !kt->symbolic ? call_on_symbols(layer, inputs, n) : call(layer, inputs, n);
}

kt_tensor *kt_call_layer(kt_layer *layer, kt_tensor *x) { return kt_call_layer_many(layer, &x, 1); }
