/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/plan_graph.c: see plan_graph.h.
 *
 * Steps that run several rows at once are named by them (sub_square_sum) as long as that is short. Names are made unique as
 * Keras does, by _1, _2; characters that graph viewers take amiss become underscores. An edge goes from the step that
 * makes a value; a variable's new value that is read again in the same step comes from the step that made it.
 */
#include "train/callbacks/tensorboard/plan_graph.h"

#include <stdio.h>
#include <string.h>

#include "train/model.h"

enum { NAME_MAX_BYTES = 512, PARTS_MAX = 32, N_ATTRS = 5 };

typedef struct builder {
    kt_context *kt;
    kt_plan_graph *graph;
    const kt_seen_plan *seen;
    uint64_t *hashes, *bases; /* of the names given so far, and of what they were before they were numbered */
    int n_names;
    const kt_seen_value **sources; /* nodes that are no steps */
    int n_sources;
    const char *device;
} builder;

static void *take(builder *b, size_t count, size_t size)
{
    void *block = kt_arena_zeroed(&b->graph->memory, count ? count : 1, size);
    if (!block) kt_no_memory(b->kt);
    return block;
}

static const char *keep(builder *b, const char *text)
{
    char *copy = take(b, strlen(text) + 1, 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* ---- names ---- */

static unsigned count_of(const uint64_t *hashes, int n, uint64_t hash)
{
    unsigned count = 0;
    for (int i = 0; i < n; i++) count += hashes[i] == hash;
    return count;
}

/* Unique, and of characters that graph viewers take. */
static const char *unique(builder *b, char *name)
{
    char numbered[NAME_MAX_BYTES + 16];
    for (char *c = name; *c; c++) {
        bool good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("/_.-", *c);
        if (!good) *c = '_';
    }
    uint64_t base = kt_hash_bytes(name, strlen(name), 0), hash = base;
    unsigned number = count_of(b->bases, b->n_names, base);
    snprintf(numbered, sizeof numbered, "%s", name);
    while (number > 0 || count_of(b->hashes, b->n_names, hash) > 0) {
        snprintf(numbered, sizeof numbered, "%s_%u", name, number ? number : 1);
        hash = kt_hash_bytes(numbered, strlen(numbered), 0);
        if (count_of(b->hashes, b->n_names, hash) == 0) break;
        number += number ? 1 : 2;
    }
    b->bases[b->n_names] = base;
    b->hashes[b->n_names++] = hash;
    return keep(b, numbered);
}

/* "sub square sum" as sub_square_sum, or the row's own name. */
static void own_name(const kt_seen_step *step, char *to, size_t size)
{
    size_t n = strlen(step->parts);
    bool fused = strcmp(step->op, "fused") == 0;
    snprintf(to, size, "%s", fused && n > 0 && n <= PARTS_MAX ? step->parts : step->op);
    for (char *c = to; *c; c++)
        if (*c == ' ') *c = '_';
}

void kt_plan_step_name(const kt_seen_step *step, char *name, size_t size)
{
    char own[PARTS_MAX + 64];
    own_name(step, own, sizeof own);
    kt_text text = kt_text_in(name, size);
    const char *variable = step->n_out ? step->out[0].variable : NULL;
    if (step->direction == KT_UPDATE && variable) {
        kt_text_add(&text, "update/");
        size_t at = text.length;
        kt_text_add(&text, "%s", variable);
        for (; at < text.length; at++)
            if (name[at] == '/') name[at] = '_';
    } else {
        const char *front = step->direction == KT_BACKWARD ? "gradients/" : step->direction == KT_UPDATE ? "update/" : "";
        if (step->path[0]) kt_text_add(&text, "%s%s/%s", front, step->path, own);
        else kt_text_add(&text, "%s%s", front[0] ? front : "step/", own);
    }
}

static const char *step_name(builder *b, const kt_seen_step *step)
{
    char name[NAME_MAX_BYTES];
    kt_plan_step_name(step, name, sizeof name - 8);
    return unique(b, name);
}

/* ---- sources: variables, inputs, constants ---- */

static bool same_source(const kt_seen_value *a, const kt_seen_value *b)
{
    if (a->variable || b->variable) return a->variable && b->variable && strcmp(a->variable, b->variable) == 0;
    return a->input == b->input && a->index == b->index;
}

static int source_of(builder *b, const kt_seen_value *value)
{
    for (int i = 0; i < b->n_sources; i++)
        if (same_source(b->sources[i], value)) return i;
    b->sources[b->n_sources] = value;
    return b->n_sources++;
}

static const char *source_name(builder *b, const kt_seen_value *value)
{
    static const char *const inputs[] = { "x", "y", "sample_weight" };
    char name[NAME_MAX_BYTES];
    kt_text text = kt_text_in(name, sizeof name - 8);
    if (value->variable) kt_text_add(&text, "%s", value->variable);
    else if (value->input >= 0 && value->input < 3) kt_text_add(&text, "inputs/%s", inputs[value->input]);
    else kt_text_add(&text, "%s", value->input < 0 ? "constants/constant" : "inputs/input");
    return unique(b, name);
}

/* ---- nodes ---- */

static kt_graph_shape shape_of(const kt_desc *desc)
{
    kt_graph_shape shape = { .rank = desc->rank <= KT_GRAPH_MAX_RANK ? desc->rank : -1 };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = desc->dim[i];
    return shape;
}

static void give_shapes(builder *b, kt_graph_node *node, const kt_seen_value *values, int n)
{
    kt_graph_shape *shapes = take(b, (size_t)n, sizeof *shapes);
    if (!shapes) return;
    for (int i = 0; i < n; i++) shapes[i] = shape_of(&values[i].desc);
    node->outputs = shapes;
    node->n_outputs = n;
}

static kt_graph_attr *give_attrs(builder *b, kt_graph_node *node)
{
    kt_graph_attr *attrs = take(b, N_ATTRS, sizeof *attrs);
    node->attrs = attrs;
    return attrs;
}

static void source_node(builder *b, kt_graph_node *node, const kt_seen_value *value)
{
    node->name = source_name(b, value);
    node->op = value->variable ? "Variable" : value->input >= 0 ? "Input" : "Constant";
    node->device = b->device;
    give_shapes(b, node, value, 1);
    kt_graph_attr *attrs = give_attrs(b, node);
    if (attrs) attrs[node->n_attrs++] = (kt_graph_attr){ .name = "dtype", .text = kt_dtype_name(value->desc.dtype) };
}

static void step_node(builder *b, kt_graph_node *node, const kt_seen_step *step)
{
    static const char *const directions[] = { "forward", "backward", "update" };
    node->name = step_name(b, step);
    node->op = step->op;
    node->device = b->device;
    give_shapes(b, node, step->out, step->n_out);
    kt_graph_attr *attrs = give_attrs(b, node);
    if (!attrs) return;
    attrs[node->n_attrs++] = (kt_graph_attr){ .name = "provider", .text = step->provider };
    attrs[node->n_attrs++] = (kt_graph_attr){ .name = "direction", .text = directions[step->direction] };
    if (step->parts[0]) attrs[node->n_attrs++] = (kt_graph_attr){ .name = "fused", .text = keep(b, step->parts) };
    if (step->path[0]) attrs[node->n_attrs++] = (kt_graph_attr){ .name = "layer", .text = keep(b, step->path) };
    if (step->n_out)
        attrs[node->n_attrs++] = (kt_graph_attr){ .name = "dtype", .text = kt_dtype_name(step->out[0].desc.dtype) };
}

static void connect(builder *b, kt_graph_node *node, const kt_seen_step *step)
{
    const char **inputs = take(b, (size_t)step->n_in, sizeof *inputs);
    for (int i = 0; inputs && i < step->n_in; i++) {
        char name[NAME_MAX_BYTES + 32];
        const kt_seen_value *value = &step->in[i];
        const kt_graph_node *from = &b->graph->nodes[value->step >= 0 ? b->graph->first_step + value->step : source_of(b, value)];
        if (!from->name) return;
        if (value->step < 0 || value->index == 0) inputs[i] = from->name;
        else {
            snprintf(name, sizeof name, "%s:%d", from->name, value->index);
            inputs[i] = keep(b, name);
        }
        if (!inputs[i]) return;
        node->n_inputs = i + 1;
    }
    node->inputs = inputs;
}

static void build(builder *b)
{
    const kt_seen_plan *seen = b->seen;
    kt_plan_graph *g = b->graph;
    size_t inputs = 0;
    for (int s = 0; s < seen->n_steps; s++) inputs += (size_t)seen->steps[s].n_in;
    b->sources = take(b, inputs, sizeof *b->sources);
    if (!b->sources) return;
    for (int s = 0; s < seen->n_steps; s++)
        for (int i = 0; i < seen->steps[s].n_in; i++)
            if (seen->steps[s].in[i].step < 0) source_of(b, &seen->steps[s].in[i]);
    g->first_step = b->n_sources;
    g->n_nodes = b->n_sources + seen->n_steps;
    g->nodes = take(b, (size_t)g->n_nodes, sizeof *g->nodes);
    b->hashes = take(b, (size_t)g->n_nodes, sizeof *b->hashes);
    b->bases = take(b, (size_t)g->n_nodes, sizeof *b->bases);
    if (!g->nodes || !b->hashes || !b->bases) return;
    for (int i = 0; i < b->n_sources; i++) source_node(b, &g->nodes[i], b->sources[i]);
    for (int s = 0; s < seen->n_steps; s++) step_node(b, &g->nodes[g->first_step + s], &seen->steps[s]);
    for (int s = 0; s < seen->n_steps; s++) connect(b, &g->nodes[g->first_step + s], &seen->steps[s]);
}

kt_status kt_plan_graph_make(kt_context *kt, const kt_seen_plan *seen, kt_plan_graph *graph)
{
    char device[64];
    kt_text text = kt_text_in(device, sizeof device);
    const char *name = kt_backend_name(kt);
    *graph = (kt_plan_graph){ 0 };
    kt_arena_init(&graph->memory, &kt->heap, 16384);
    kt_text_add(&text, "/device:%s:0", strcmp(name, "cpu") == 0 ? "CPU" : name);
    builder b = { .kt = kt, .graph = graph, .seen = seen };
    b.device = keep(&b, device);
    if (b.device) build(&b);
    return kt->status;
}

void kt_plan_graph_end(kt_plan_graph *graph) { kt_arena_free(&graph->memory); }

/* ---- times ---- */

/* The training step is the plan in which an optimizer updates; where none does (a loop that assigns by itself), the longest. */
static bool is_step(const kt_step_watch *watch, const kt_plan *plan)
{
    if (kt_plan_updates(plan)) return true;
    return !watch->updates && (!watch->seen || kt_plan_steps(plan) >= watch->seen->n_steps);
}

static void keep_moments(void *user, const kt_plan *plan, const int64_t *moments)
{
    kt_step_watch *watch = user;
    kt_context *kt = watch->kt;
    size_t n = (size_t)kt_plan_steps(plan) + 1;
    if (kt->status != KT_OK || !is_step(watch, plan)) return;
    watch->updates = kt_plan_updates(plan);
    if (!watch->seen || watch->seen->serial != kt_plan_serial(plan)) {
        kt_plan_look_end(kt, watch->seen);
        watch->seen = NULL;
        if (!kt_grow(&kt->heap, &watch->moments, &watch->moments_capacity, n, sizeof *watch->moments)) {
            kt_no_memory(kt);
            return;
        }
        if (!(watch->seen = kt_plan_look(plan))) return;
    }
    memcpy(watch->moments, moments, n * sizeof *moments);
}

void kt_step_watch_begin(kt_context *kt, kt_step_watch *watch)
{
    watch->kt = kt;
    watch->updates = false;
    watch->profiler.ran = keep_moments;
    watch->profiler.user = watch;
    kt_profile_begin(kt, &watch->profiler);
}

void kt_step_watch_pause(kt_step_watch *watch)
{
    if (watch->kt) kt_profile_end(watch->kt, &watch->profiler);
}

void kt_step_watch_end(kt_step_watch *watch)
{
    if (!watch->kt) return;
    kt_step_watch_pause(watch);
    kt_plan_look_end(watch->kt, watch->seen);
    kt_give(watch->kt, watch->moments);
    watch->seen = NULL;
    watch->moments = NULL;
    watch->moments_capacity = 0;
}

kt_status kt_step_watch_write(kt_step_watch *watch, kt_events *events, bool graph, const char *tag, int64_t step)
{
    kt_context *kt = watch->kt;
    kt_plan_graph g;
    if (!kt || !watch->seen) return KT_OK;
    if (kt_plan_graph_make(kt, watch->seen, &g) == KT_OK) {
        kt_node_stat *stats = kt_take_zeroed(kt, (size_t)watch->seen->n_steps + 1, sizeof *stats);
        for (int i = 0; stats && i < watch->seen->n_steps; i++) {
            const kt_graph_node *node = &g.nodes[g.first_step + i];
            stats[i] = (kt_node_stat){ .name = node->name, .device = node->device, .start_ns = watch->moments[i],
                                       .end_ns = watch->moments[i + 1], .bytes = (int64_t)watch->seen->steps[i].bytes,
                                       .outputs = node->outputs, .n_outputs = node->n_outputs };
        }
        if (stats) {
            kt_run_metadata run = { stats, watch->seen->n_steps, g.nodes, g.n_nodes };
            if (graph) kt_events_graph(events, g.nodes, g.n_nodes);
            kt_events_run_metadata(events, tag, &run, step);
        }
        kt_give(kt, stats);
    }
    kt_plan_graph_end(&g);
    return kt->status;
}
