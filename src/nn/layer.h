/* SPDX-License-Identifier: MIT */
/* nn/layer.h: the inside of a layer, for src/nn itself and for the models above it.
 *
 * A layer is made from a description, named at once (automatic names are counted per context, as Keras counts
 * them) and built at its first call, when its path is fixed: the path of the layer whose call is running, then
 * its own name. Models are layers whose call runs other layers; they adopt those as sub-layers. The terms of
 * add_loss belong to the latest outermost call, and regularizers to every trainable weight that has one.
 *
 * A layer must not know plans, back-ends or fit.
 */
#ifndef KT_NN_LAYER_H
#define KT_NN_LAYER_H

#include <keratin/layers.h>

#include "core/context.h"
#include "core/tensor.h"

typedef struct kt_layer_weight {
    const char *name; /* "kernel" */
    kt_tensor *variable;
    bool trainable; /* as it was made; the layer's own flag comes on top */
    kt_regularizer_spec regularizer;
} kt_layer_weight;

typedef struct kt_layer_sub {
    const char *key; /* kt_sublayer finds it by this */
    kt_layer *layer;
    bool owned; /* dies with its parent */
} kt_layer_sub;

typedef struct kt_layer_terms { /* what add_loss was given */
    kt_tensor **at;
    size_t count, capacity;
    uint64_t outer; /* kt_nn.outer of the outermost call they belong to */
} kt_layer_terms;

struct kt_layer {
    kt_object object; /* owned by the context, unless a parent owns it */
    kt_context *kt;
    const kt_layer_class *cls;
    const char *name; /* "dense_1", interned */
    const char *path; /* "sequential/dense_1", interned; NULL before the first call */
    void *config;     /* cls->config_size bytes; its texts are the context's */
    void *state;
    size_t state_bytes;
    bool built, building, trainable;
    kt_layer_weight *weights;
    size_t n_weights, weights_capacity;
    kt_layer_sub *subs;
    size_t n_subs, subs_capacity;
    kt_layer_terms terms;
    uint32_t calls;          /* in this step or capture: the ordinal of the next call, part of its random streams */
    uint64_t step, captures; /* the context's, at the latest call */
    uint64_t outer;          /* kt_nn.outer of the latest call */
    uint64_t walk;           /* the latest walk that came by: kt_nn.walks */
    kt_desc output;          /* of the latest call; rank -1 before */
    kt_tensor **listed;      /* all weights, then the trainable ones once more */
    size_t n_all, n_trainable, listed_capacity;
    uint64_t listed_at; /* kt_nn.generation of the lists; 0: never listed */
};

/* Somebody above who wants to see what layers and optimizers record, while it is recorded: each function optional, each
 * may record ops of its own, none may change anything. Nobody looks unless kt_nn.watch is set. */
typedef struct kt_watched_update { /* one variable in one update */
    kt_tensor *variable;
    kt_tensor *before, *after;     /* its content as the update found it and as it leaves it */
    kt_tensor *gradient, *applied; /* in the variable's dtype: as given, and after clipping; the same if nothing clips */
    bool last;                     /* of this update */
} kt_watched_update;

typedef struct kt_watch {
    void *user;
    void (*output)(void *user, kt_layer *layer, uint32_t call, kt_tensor *const *inputs, int n, kt_tensor *y);
    void (*term)(void *user, const char *path, const char *kind, kt_tensor *term); /* of kt_layer_losses; rank 0 */
    void (*update)(void *user, const kt_watched_update *u);
    void (*rate)(void *user, kt_tensor *learning_rate); /* what the update that follows uses */
} kt_watch;

/* What the layers of one context share: kt->nn. */
typedef struct kt_nn {
    kt_object object;
    const kt_watch *watch; /* NULL: nobody looks */
    struct kt_name_count {
        const char *base; /* interned */
        uint32_t used;
    } * names;
    size_t n_names, names_capacity;
    int depth;           /* of nested layer calls now running */
    uint64_t outer;      /* numbers outermost calls */
    uint64_t walks;      /* numbers walks over layers that must see each once */
    uint64_t generation; /* goes up when a list of weights may have changed */
} kt_nn;

static inline const kt_watch *kt_watch_of(const kt_context *kt)
{
    return kt->nn ? ((const kt_nn *)kt->nn)->watch : NULL;
}

kt_nn *kt_nn_of(kt_context *kt); /* made at first use; NULL and the context's error when memory is short */

/* A call on symbols is one node: the layer ran once for its shape and stands in the graph as itself. */
typedef struct kt_layer_call_attr {
    kt_layer *layer;
    kt_desc out;
} kt_layer_call_attr;
extern const kt_op kt_op_layer_call;

/* "dense", then "dense_1"...; interned; NULL when memory is short. */
const char *kt_nn_name(kt_context *kt, const char *class_name);

/* ---- making and ending ---- */

/* As kt_layer_new, but `name` (may be NULL) comes before the automatic name. A kt_existing gives that layer back. */
kt_layer *kt_layer_make(kt_context *kt, const kt_layer_spec *spec, const char *name);
/* Ends a layer before its context, with its weights and owned sub-layers. Nothing recorded may need them. NULL
 * is fine. */
void kt_layer_free(kt_layer *layer);
bool kt_spec_is_existing(const kt_layer_spec *spec);
/* The shape of an Input description or layer with `batch` rows in front; false for another class. */
bool kt_spec_input(const kt_layer_spec *spec, kt_context *kt, int64_t batch, kt_desc *desc);
bool kt_layer_input(const kt_layer *layer, int64_t batch, kt_desc *desc);
/* The fixed means of a Normalization layer, then as many variances (its `count`); NULL: it adapts, or is another class. */
const double *kt_normalization_numbers(const kt_layer *layer);

/* ---- sub-layers ---- */

/* Makes `child` a sub-layer, found under `key` (NULL: its name). owned: it dies with its parent from now on,
 * also on error. */
kt_status kt_layer_adopt(kt_layer *parent, const char *key, kt_layer *child, bool owned);
/* A sub-layer made at any time, with its automatic name; a kt_existing is shared. */
kt_layer *kt_layer_add(kt_layer *parent, kt_layer_spec spec);
int64_t kt_layer_children(const kt_layer *layer);
kt_layer *kt_layer_child(const kt_layer *layer, int64_t i); /* NULL past the end */

/* ---- building, losses ---- */

/* Fixes the path and makes the weights, if that has not happened. `x`: one description for each input. */
kt_status kt_layer_build(kt_layer *layer, const kt_desc *x);
const char *kt_layer_path(const kt_layer *layer); /* its name before it is built */
bool kt_layer_built(const kt_layer *layer);
const kt_layer_class *kt_layer_class_of(const kt_layer *layer);
const kt_desc *kt_layer_output_desc(const kt_layer *layer); /* of the latest call; NULL before */
/* The sum of add_loss terms (each summed) and regularizers of the latest call, rank 0; NULL if there are none
 * or on error. */
kt_tensor *kt_layer_losses(kt_layer *layer);

/* ---- configurations (spec.c) ---- */

/* What a number in a configuration says: zero the default, KT_ZERO a real zero. Safe in hosts that flush
 * subnormals. */
double kt_setting(double given, double otherwise);
const kt_field *kt_field_named(const kt_field *fields, const char *name); /* fields may be NULL */
/* Makes every text and nested description of this configuration the context's own. */
kt_status kt_own_fields(kt_context *kt, const kt_field *fields, void *config);

/* ---- by name: each list is one .def file; an unknown name is an error with "did you mean" ---- */

typedef kt_tensor *kt_activation_fn(kt_tensor *x);
kt_activation_fn *kt_find_activation(kt_context *kt, const char *name); /* NULL name: linear */
/* A description by its name or, where that is NULL, the given one, or `otherwise` if both are empty. */
kt_status kt_pick_initializer(kt_context *kt, const char *name, const kt_initializer_spec *given, const char *otherwise,
                              kt_initializer_spec *picked);
kt_status kt_pick_regularizer(kt_context *kt, const char *name, const kt_regularizer_spec *given,
                              kt_regularizer_spec *picked); /* picked->cls NULL: none */

/* Fills a new variable; `path` gives the seed where the configuration names none. */
kt_status kt_initialize(kt_context *kt, const kt_initializer_spec *spec, const char *path, kt_tensor *variable);

#endif
