/* SPDX-License-Identifier: MIT */
/* train/watch.c: the ops behind the watch options; see watch.h.
 *
 * The functions here are called while layers, the loss and the optimizer are recorded, and observe what these made.
 * Several numbers of one tensor come from one row (ops/statistics.c) and are told apart when they are delivered: the
 * tag then has a '*' where their names go. Sums over variables are recorded too, as ops on single numbers.
 */
#include "train/watch.h"

#include <math.h>
#include <string.h>

#include <keratin/ops.h>

#include "graph/record.h"
#include "ops/ops.h"
#include "train/model.h"

/* ---- deliveries ---- */

/* One scalar under the tag with `name` in place of its last '*'. */
static void put(const kt_outlet *outlet, const char *tag, const char *name, double value)
{
    char whole[KT_MAX_TAG + 1];
    const char *star = strrchr(tag, '*');
    size_t head = star ? (size_t)(star - tag) : strlen(tag), length = strlen(name);
    size_t tail = star ? strlen(star + 1) : 0;
    if (head + length + tail > KT_MAX_TAG) return;
    memcpy(whole, tag, head); /* by hand: printf would be most of the cost */
    memcpy(whole + head, name, length);
    memcpy(whole + head + length, star ? star + 1 : "", tail + 1);
    kt_events_scalar(outlet->events, whole, value, outlet->watch_step);
}

static void deliver_output(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    (void)step, (void)desc;
    const kt_outlet *outlet = user;
    const double *s = data;
    double n = s[KT_STAT_COUNT] > 0 ? s[KT_STAT_COUNT] : 1;
    bool finite = s[KT_STAT_NANS] + s[KT_STAT_INFINITIES] == 0;
    if (!outlet->events) return;
    put(outlet, tag, "mean", finite ? s[KT_STAT_MEAN] : (double)NAN);
    put(outlet, tag, "deviation", finite ? s[KT_STAT_DEVIATION] : (double)NAN);
    put(outlet, tag, "zeros", s[KT_STAT_ZEROS] / n);
}

static void deliver_bounded(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    const kt_outlet *outlet = user;
    const double *s = data;
    deliver_output(user, tag, step, desc, data);
    if (outlet->events) put(outlet, tag, "saturation", s[KT_STAT_ENDS] / (s[KT_STAT_COUNT] > 0 ? s[KT_STAT_COUNT] : 1));
}

static void deliver_value(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    (void)tag, (void)step;
    ((kt_outlet *)user)->loss = desc->dtype == KT_FLOAT32 ? (double)*(const float *)data : *(const double *)data;
}

/* ---- single numbers ---- */

static kt_tensor *squares_of(kt_tensor *x)
{
    kt_tensor *all = kt_statistics(x, 0, 0);
    return kt_reshape(kt_slice(all, KT_SHAPE(KT_STAT_SQUARES), KT_SHAPE(1)), KT_SCALAR_SHAPE);
}

static kt_tensor *plus(kt_tensor *sum, kt_tensor *x) { return sum ? kt_add(sum, x) : x; }

static void show(kt_outlet *outlet, const char *group, const char *path, const char *name, kt_tensor *x)
{
    char tag[KT_MAX_TAG + 1];
    kt_text text = kt_text_in(tag, sizeof tag);
    kt_text_add(&text, path[0] ? "%s/%s/%s" : "%s%s/%s", group, path, name);
    kt_outlet_tag(outlet, &text);
    kt_show_watched_scalar(outlet, tag, x);
}

static void show_histogram(kt_outlet *outlet, const char *group, const char *path, kt_tensor *x)
{
    char tag[KT_MAX_TAG + 1];
    kt_text text = kt_text_in(tag, sizeof tag);
    kt_text_add(&text, "%s/%s/histogram", group, path);
    kt_outlet_tag(outlet, &text);
    kt_show_watched_histogram(outlet, tag, x);
}

/* ---- the outputs of layers ---- */

typedef struct bounds {
    const char *activation;
    double low, high;
} bounds;

/* The range of the layer's activation; NULL: it has none, or none that ends. */
static const bounds *bounds_of(kt_layer *layer)
{
    static const bounds known[] = { { "tanh", -1, 1 }, { "sigmoid", 0, 1 }, { "softmax", 0, 1 } };
    const kt_field *field = kt_field_named(kt_layer_class_of(layer)->fields, "activation");
    const char *name = NULL;
    if (field && field->kind == KT_FIELD_STRING)
        memcpy(&name, (const char *)kt_config(layer) + field->offset, sizeof name);
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].activation, name) == 0) return &known[i];
    return NULL;
}

static bool is_own(const kt_outlet *outlet, const kt_layer *layer, kt_tensor *const *inputs, int n, const kt_tensor *y)
{
    const kt_layer_class *cls = kt_layer_class_of(layer);
    if (cls == &kt_sequential_class || cls == &kt_functional_class || y == outlet->shown) return false;
    for (int i = 0; i < n; i++)
        if (inputs[i] == y) return false;
    return kt_is_float(kt_dtype_of(y)) && !kt_is_symbol(y) && !(y->node->op->flags & KT_OP_VIEW);
}

static void watch_output(void *user, kt_layer *layer, uint32_t call, kt_tensor *const *inputs, int n, kt_tensor *y)
{
    (void)call; /* tags count for themselves */
    kt_outlet *outlet = user;
    if (!(outlet->active & KT_LOOK_ACTIVATIONS) || !outlet->kt->training || !is_own(outlet, layer, inputs, n, y))
        return;
    const bounds *b = bounds_of(layer);
    char tag[KT_MAX_TAG + 1];
    kt_text text = kt_text_in(tag, sizeof tag);
    outlet->shown = y;
    show_histogram(outlet, "activations", kt_layer_path(layer), y);
    kt_text_add(&text, "activations/%s/*", kt_layer_path(layer));
    kt_outlet_tag(outlet, &text);
    kt_observe(kt_statistics(y, b ? b->low : 0, b ? b->high : 0), b ? deliver_bounded : deliver_output, outlet, tag, 0);
}

/* ---- terms of the loss ---- */

static void watch_term(void *user, const char *path, const char *kind, kt_tensor *term)
{
    kt_outlet *outlet = user;
    if (outlet->active & KT_LOOK_TERMS) show(outlet, "loss_terms", path, kind, term);
}

void kt_watch_loss(kt_context *kt, const char *name, kt_tensor *loss)
{
    kt_outlet *outlet = kt->summary;
    if (loss && outlet && outlet->active & KT_LOOK_TERMS) show(outlet, "loss_terms", "", name, loss);
}

void kt_watch_value(kt_context *kt, kt_tensor *loss)
{
    kt_outlet *outlet = kt->summary;
    if (loss && outlet) kt_observe(loss, deliver_value, outlet, "loss", 0);
}

/* ---- the update ---- */

static void watch_rate(void *user, kt_tensor *learning_rate)
{
    kt_outlet *outlet = user;
    outlet->squares = outlet->applied_squares = outlet->layer_squares = NULL; /* an update begins */
    outlet->layer[0] = 0;
    if (outlet->active & KT_LOOK_RATE) kt_show_watched_scalar(outlet, "batch_learning_rate", kt_as_is(learning_rate));
}

static void watch_gradient(kt_outlet *outlet, const char *group, const char *path, kt_tensor *gradient, kt_tensor **sum)
{
    kt_tensor *squares = squares_of(gradient);
    show_histogram(outlet, group, path, gradient);
    show(outlet, group, path, "norm", kt_sqrt(squares));
    *sum = plus(*sum, squares);
}

/* Weights of one layer come one after the other. `path` NULL: the last layer is over. */
static void watch_weight(kt_outlet *outlet, const char *path, kt_tensor *after)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    size_t length = slash ? (size_t)(slash - path) : 0;
    bool same =
        path && length < sizeof outlet->layer && strncmp(outlet->layer, path, length) == 0 && !outlet->layer[length];
    if (!same) {
        if (outlet->layer_squares && outlet->layer[0])
            show(outlet, "weights", outlet->layer, "norm", kt_sqrt(outlet->layer_squares));
        outlet->layer_squares = NULL;
        if (length >= sizeof outlet->layer) length = 0;
        if (path) memcpy(outlet->layer, path, length);
        outlet->layer[length] = 0;
    }
    if (!path) return;
    kt_tensor *squares = squares_of(after);
    show(outlet, "weights", path, "norm", kt_sqrt(squares));
    outlet->layer_squares = plus(outlet->layer_squares, squares);
}

static void watch_update(void *user, const kt_watched_update *u)
{
    kt_outlet *outlet = user;
    const char *path = kt_variable_name(u->variable);
    if (outlet->active & KT_LOOK_GRADIENTS) {
        watch_gradient(outlet, "gradients", path, u->gradient, &outlet->squares);
        if (u->applied != u->gradient)
            watch_gradient(outlet, "applied_gradients", path, u->applied, &outlet->applied_squares);
        if (u->last) show(outlet, "gradients", "", "global_norm", kt_sqrt(outlet->squares));
        if (u->last && outlet->applied_squares)
            show(outlet, "applied_gradients", "", "global_norm", kt_sqrt(outlet->applied_squares));
    }
    if (outlet->active & KT_LOOK_UPDATES) {
        kt_tensor *changed = squares_of(kt_sub(u->after, u->before));
        show(outlet, "updates", path, "ratio", kt_sqrt(kt_divide_no_nan(changed, squares_of(u->before))));
    }
    if (outlet->active & KT_LOOK_WEIGHTS) {
        watch_weight(outlet, path, u->after);
        if (u->last) watch_weight(outlet, NULL, NULL);
    }
}

kt_watch kt_watch_hooks(kt_outlet *outlet)
{
    return (kt_watch){
        .user = outlet, .output = watch_output, .term = watch_term, .rate = watch_rate, .update = watch_update
    };
}

void kt_outlet_watch(kt_context *kt, unsigned looks, int64_t step)
{
    kt_outlet *outlet = kt->summary;
    if (!outlet) return;
    outlet->watch = looks;
    outlet->watch_step = step;
    outlet->active = looks & KT_LOOK_WATCH;
    outlet->shown = NULL;
    ((kt_nn *)kt->nn)->watch = outlet->active ? &outlet->hooks : NULL;
}
