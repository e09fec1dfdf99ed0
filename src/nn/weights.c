/* SPDX-License-Identifier: MIT */
/* nn/weights.c: what a layer holds: weights, sub-layers, state, loss terms, and the lists of them.
 *
 * Order as Keras: own trainable weights, own others, then the sub-layers' in the order they were added, each
 * once. A frozen layer trains nothing below it. Lists are made again only when some list of the context may
 * have changed (kt_nn.generation).
 *
 * Loss terms carry the number of the outermost call that made them, so nothing has to be cleared when a model
 * is called again.
 */
#include <string.h>

#include "graph/record.h"
#include "nn/layer.h"

#include <keratin/ops.h>

/* ---- weights ---- */

kt_tensor *kt_weight_with(kt_layer *self, const char *name, kt_shape shape, const kt_weight_config *config)
{
    kt_weight_config none = { .size = sizeof none };
    if (!self || self->kt->status != KT_OK) return NULL;
    kt_context *kt = self->kt;
    if (!config) config = &none;
    if (!name || !name[0] || strchr(name, '/') || strlen(name) > 100) {
        kt_fail_at(kt, KT_ERR_VALUE, self->cls->name,
                   "expected a weight's name of 1 to 100 characters without '/', got '%.64s'", name ? name : "(null)");
        return NULL;
    }
    if (!self->building) {
        kt_fail_at(kt, KT_ERR_STATE, self->cls->name,
                   "weight '%s' was asked for outside of build: make weights in build, where the "
                   "input's shape is known",
                   name);
        return NULL;
    }
    for (size_t i = 0; i < self->n_weights; i++)
        if (strcmp(self->weights[i].name, name) == 0) {
            kt_fail_at(kt, KT_ERR_NAME, self->cls->name, "there is a weight '%s' already: names must differ", name);
            return NULL;
        }
    kt_dtype dtype = config->dtype ? config->dtype : kt->config.floatx;
    kt_layer_weight weight = { .name = kt_intern(kt, name), .trainable = !config->not_trainable };
    kt_initializer_spec initializer;
    if (!weight.name ||
        kt_pick_initializer(kt, config->initializer, &config->initializer_spec,
                            kt_is_float(dtype) ? "glorot_uniform" : "zeros", &initializer) != KT_OK ||
        kt_pick_regularizer(kt, config->regularizer, &config->regularizer_spec, &weight.regularizer) != KT_OK)
        return NULL;
    if (weight.trainable && !kt_is_float(dtype)) {
        kt_fail_at(kt, KT_ERR_DTYPE, self->cls->name,
                   "weight '%s' is %s: only floats can be trained; say .not_trainable = true", name,
                   kt_dtype_name(dtype));
        return NULL;
    }
    char path[1200];
    kt_text text = kt_text_in(path, sizeof path);
    kt_text_add(&text, "%s/%s", self->path, name);
    weight.variable = kt_variable_zeros(kt, path, dtype, shape);
    if (!weight.variable || kt_initialize(kt, &initializer, path, weight.variable) != KT_OK) return NULL;
    if (!kt_grow(&kt->heap, &self->weights, &self->weights_capacity, self->n_weights + 1, sizeof *self->weights)) {
        kt_no_memory(kt);
        return NULL;
    }
    self->weights[self->n_weights++] = weight;
    return weight.variable;
}

kt_tensor *kt_w(kt_layer *self, const char *name)
{
    if (!self || !name) return NULL;
    for (size_t i = 0; i < self->n_weights; i++)
        if (strcmp(self->weights[i].name, name) == 0) return self->weights[i].variable;
    const char *names[17] = { NULL };
    for (size_t i = 0; i < self->n_weights && i < 16; i++) names[i] = self->weights[i].name;
    kt_fail_name(self->kt, "weight", name, names);
    return NULL;
}

/* ---- sub-layers ---- */

static bool contains(const kt_layer *layer, const kt_layer *sought)
{
    if (layer == sought) return true;
    for (size_t i = 0; i < layer->n_subs; i++)
        if (contains(layer->subs[i].layer, sought)) return true;
    return false;
}

kt_status kt_layer_adopt(kt_layer *parent, const char *key, kt_layer *child, bool owned)
{
    kt_context *kt = parent->kt;
    kt_nn *nn = kt->nn;
    if (!child) return kt->status;
    if (contains(child, parent))
        return kt_fail_at(kt, KT_ERR_VALUE, parent->name,
                          "layer '%s' holds '%s' already: a layer cannot be inside itself", child->name, parent->name);
    if (owned) kt_disown(&child->object);
    key = key ? kt_intern(kt, key) : child->name;
    if (!key || !kt_grow(&kt->heap, &parent->subs, &parent->subs_capacity, parent->n_subs + 1, sizeof *parent->subs)) {
        kt_no_memory(kt);
        if (owned) kt_layer_free(child);
        return kt->status;
    }
    parent->subs[parent->n_subs++] = (kt_layer_sub){ key, child, owned };
    nn->generation++;
    return KT_OK;
}

static kt_layer *add(kt_layer *parent, const char *name, const kt_layer_spec *spec)
{
    kt_layer *child = kt_layer_make(parent->kt, spec, name);
    if (!child) return NULL;
    return kt_layer_adopt(parent, name, child, !kt_spec_is_existing(spec)) == KT_OK ? child : NULL;
}

kt_layer *kt_layer_add(kt_layer *parent, kt_layer_spec spec) { return parent ? add(parent, NULL, &spec) : NULL; }

kt_layer *kt_sublayer_new(kt_layer *self, const char *name, kt_layer_spec spec)
{
    if (!self || self->kt->status != KT_OK) return NULL;
    if (!self->building) {
        kt_fail_at(self->kt, KT_ERR_STATE, self->cls->name,
                   "sub-layer '%s' was asked for outside of build: make sub-layers in build",
                   name ? name : "(unnamed)");
        return NULL;
    }
    for (size_t i = 0; name && i < self->n_subs; i++)
        if (strcmp(self->subs[i].key, name) == 0) {
            kt_fail_at(self->kt, KT_ERR_NAME, self->cls->name, "there is a sub-layer '%s' already: names must differ",
                       name);
            return NULL;
        }
    return add(self, name, &spec);
}

kt_layer *kt_sublayer(kt_layer *self, const char *name)
{
    if (!self || !name) return NULL;
    for (size_t i = 0; i < self->n_subs; i++)
        if (strcmp(self->subs[i].key, name) == 0) return self->subs[i].layer;
    const char *names[17] = { NULL };
    for (size_t i = 0; i < self->n_subs && i < 16; i++) names[i] = self->subs[i].key;
    kt_fail_name(self->kt, "sub-layer", name, names);
    return NULL;
}

int64_t kt_layer_children(const kt_layer *layer) { return layer ? (int64_t)layer->n_subs : 0; }

kt_layer *kt_layer_child(const kt_layer *layer, int64_t i)
{
    return layer && i >= 0 && (size_t)i < layer->n_subs ? layer->subs[i].layer : NULL;
}

/* ---- lists ---- */

static bool list_add(kt_layer *root, kt_tensor *variable)
{
    for (size_t i = 0; i < root->n_all; i++)
        if (root->listed[i] == variable) return true;
    if (!kt_grow(&root->kt->heap, &root->listed, &root->listed_capacity, 2 * (root->n_all + 1), sizeof *root->listed))
        return false;
    root->listed[root->n_all++] = variable;
    return true;
}

static bool list_all(kt_layer *root, const kt_layer *layer)
{
    for (int trainable = 1; trainable >= 0; trainable--)
        for (size_t i = 0; i < layer->n_weights; i++)
            if (layer->weights[i].trainable == (trainable == 1) && !list_add(root, layer->weights[i].variable))
                return false;
    for (size_t i = 0; i < layer->n_subs; i++)
        if (!list_all(root, layer->subs[i].layer)) return false;
    return true;
}

/* Calls visit for every weight that trains, in order, once. `walk`: the walk's number. */
static void each_trainable(kt_layer *layer, uint64_t walk, void (*visit)(void *user, const kt_layer_weight *weight),
                           void *user)
{
    if (!layer->trainable || layer->walk == walk) return;
    layer->walk = walk;
    for (size_t i = 0; i < layer->n_weights; i++)
        if (layer->weights[i].trainable) visit(user, &layer->weights[i]);
    for (size_t i = 0; i < layer->n_subs; i++) each_trainable(layer->subs[i].layer, walk, visit, user);
}

static uint64_t new_walk(kt_layer *layer)
{
    kt_nn *nn = layer->kt->nn;
    return ++nn->walks;
}

static void list_trainable(void *user, const kt_layer_weight *weight)
{
    kt_layer *root = user; /* the list has room for as many again: see list_add */
    root->listed[root->n_all + root->n_trainable++] = weight->variable;
}

static bool make_lists(kt_layer *layer)
{
    kt_nn *nn = layer->kt->nn;
    if (layer->listed_at == nn->generation) return true;
    layer->n_all = layer->n_trainable = 0;
    layer->listed_at = 0;
    if (!list_all(layer, layer)) {
        kt_no_memory(layer->kt);
        return false;
    }
    each_trainable(layer, new_walk(layer), list_trainable, layer);
    layer->listed_at = nn->generation;
    return true;
}

kt_tensors kt_layer_weights(kt_layer *layer)
{
    if (!layer || !make_lists(layer)) return (kt_tensors){ NULL, 0 };
    return (kt_tensors){ layer->listed, (int64_t)layer->n_all };
}

kt_tensors kt_layer_trainable(kt_layer *layer)
{
    if (!layer || !make_lists(layer)) return (kt_tensors){ NULL, 0 };
    return (kt_tensors){ layer->listed + layer->n_all, (int64_t)layer->n_trainable };
}

kt_status kt_layer_set_trainable(kt_layer *layer, bool trainable)
{
    if (!layer) return KT_ERR_VALUE;
    kt_nn *nn = layer->kt->nn;
    layer->trainable = trainable;
    for (size_t i = 0; i < layer->n_subs; i++) kt_layer_set_trainable(layer->subs[i].layer, trainable);
    nn->generation++;
    return layer->kt->status;
}

/* ---- losses ---- */

void kt_add_loss(kt_layer *self, kt_tensor *loss)
{
    if (!self || !loss || self->kt->status != KT_OK || self->kt->symbolic) return;
    kt_context *kt = self->kt;
    kt_nn *nn = kt->nn;
    kt_layer_terms *terms = &self->terms;
    if (nn->depth == 0) {
        kt_fail_at(kt, KT_ERR_STATE, self->name,
                   "kt_add_loss was called outside of a layer's call: add the term to the loss yourself");
        return;
    }
    if (terms->outer != nn->outer) terms->count = 0;
    terms->outer = nn->outer;
    if (!kt_grow(&kt->heap, &terms->at, &terms->capacity, terms->count + 1, sizeof *terms->at))
        kt_no_memory(kt);
    else
        terms->at[terms->count++] = loss;
}

static void show_term(kt_context *kt, const char *path, const char *kind, kt_tensor *term)
{
    const kt_watch *watch = kt_watch_of(kt);
    if (term && watch && watch->term) watch->term(watch->user, path, kind, term);
}

static void add_terms(const kt_layer *root, kt_layer *layer, uint64_t walk, kt_tensor **sum)
{
    kt_context *kt = root->kt;
    if (layer->walk == walk) return;
    layer->walk = walk;
    for (size_t i = 0; layer->terms.outer == root->outer && i < layer->terms.count; i++) {
        if (root->step != kt->random_step || root->captures != kt->captures) {
            kt_fail_at(kt, KT_ERR_STATE, layer->path,
                       "the terms of kt_add_loss belong to the step of the call that made them, which has "
                       "ended: ask for them in the same loop pass");
            return;
        }
        kt_tensor *term = kt_sum(kt_cast(layer->terms.at[i], kt->config.floatx));
        show_term(kt, layer->path, "add_loss", term);
        *sum = *sum ? kt_add(*sum, term) : term;
    }
    for (size_t i = 0; i < layer->n_subs; i++) add_terms(root, layer->subs[i].layer, walk, sum);
}

static void add_regularizer(void *user, const kt_layer_weight *weight)
{
    kt_tensor **sum = user;
    if (!weight->regularizer.cls) return;
    kt_tensor *term = weight->regularizer.cls->call(&weight->regularizer.config, weight->variable);
    if (term && kt_rank(term) > 0) term = kt_sum(term);
    if (term) show_term(kt_context_of(term), kt_variable_name(weight->variable), "regularizer", term);
    if (term) *sum = *sum ? kt_add(*sum, term) : term;
}

kt_tensor *kt_layer_losses(kt_layer *layer)
{
    kt_tensor *sum = NULL;
    if (!layer || layer->kt->status != KT_OK) return NULL;
    add_terms(layer, layer, new_walk(layer), &sum);
    each_trainable(layer, new_walk(layer), add_regularizer, &sum);
    return layer->kt->status == KT_OK ? sum : NULL;
}

/* ---- small answers ---- */

const void *kt_config(const kt_layer *self) { return self ? self->config : NULL; }

void *kt_layer_state(kt_layer *self, size_t bytes)
{
    if (!self) return NULL;
    if (!self->state) {
        self->state = kt_take_zeroed(self->kt, 1, bytes ? bytes : 1);
        self->state_bytes = self->state ? bytes : 0;
    } else if (bytes > self->state_bytes) {
        kt_fail_at(self->kt, KT_ERR_VALUE, self->cls->name,
                   "kt_layer_state was first asked for %zu bytes, now for %zu: ask for the same "
                   "size each time",
                   self->state_bytes, bytes);
        return NULL;
    }
    return self->state;
}

const char *kt_layer_name(const kt_layer *layer) { return layer ? layer->name : ""; }
const char *kt_layer_class_name(const kt_layer *layer) { return layer && layer->cls->name ? layer->cls->name : ""; }
const kt_layer_class *kt_layer_class_of(const kt_layer *layer) { return layer ? layer->cls : NULL; }
const char *kt_layer_path(const kt_layer *layer) { return !layer ? "" : layer->path ? layer->path : layer->name; }
bool kt_layer_built(const kt_layer *layer) { return layer && layer->built; }
const kt_desc *kt_layer_output_desc(const kt_layer *layer)
{
    return layer && layer->output.rank >= 0 ? &layer->output : NULL;
}
kt_context *kt_layer_context(const kt_layer *self) { return self ? self->kt : NULL; }
bool kt_training(const kt_layer *self) { return self && self->kt->training; }
