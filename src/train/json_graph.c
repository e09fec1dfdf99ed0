/* SPDX-License-Identifier: MIT */
/* train/json_graph.c: the layers of a functional model and the calls that connect them, in Keras's order.
 *
 * One call is a node; a shared layer has several. Keras lists layers by depth (the longest way to the output, deepest first),
 * those of one depth as a walk back from the output meets them. A tensor is named by its layer, the number of the call
 * among that layer's, and the number of the output: its "keras_history".
 *
 * Ops have no names here, so they are numbered within the model: "add", "add_1". Keras counts them in the whole program.
 */
#include <stdio.h>
#include <string.h>

#include "train/json.h"

enum { NO_NODE = -1, MAX_WALK = 4000 };

typedef struct graph_node {
    const kt_graph_step *step; /* NULL: an input */
    int first;                 /* layers and ops: the first node of the same one, which stands for it */
    int place;                 /* of this call among the layer's */
    int depth, met;            /* of the first node: its layer's; met: when the walk came by, -1: never */
    bool seen;
    char name[80];             /* of an op; else the layer's or input's own */
} graph_node;

typedef struct graph {
    kt_model_writer *w;
    const kt_functional *f;
    graph_node *nodes; /* inputs, then steps */
    int n_nodes;
    int *producer;     /* node of each value */
    int *finished;     /* nodes of the walk, inputs before what uses them */
    int n_finished, n_met;
} graph;

/* What stands for an input of a step: a tensor of another node, one of the model's constants, or a number. */
typedef struct operand {
    int value;       /* value number; below zero: constant */
    bool is_number;
    double number;
} operand;

static const kt_desc *value_desc(const graph *g, int value)
{
    if (value < 0) return kt_desc_of(g->f->constants[-1 - value]);
    const graph_node *node = &g->nodes[g->producer[value]];
    return node->step ? &node->step->desc : &g->f->inputs[value];
}

/* Broadcasts and numbers are arguments where the op that takes them broadcasts itself. */
static operand operand_of(const graph *g, const kt_graph_step *user, int i)
{
    operand o = { .value = user->in[i] };
    bool spreads = !user->layer && user->n_in > 1 && user->op->flags & KT_OP_ELEMENTWISE;
    while (spreads && o.value >= 0) {
        const kt_graph_step *step = g->nodes[g->producer[o.value]].step;
        if (!step || step->layer ||
            !kt_step_vanishes(step, step->n_in ? value_desc(g, step->in[0]) : NULL, &o.is_number, &o.number))
            break;
        if (o.is_number) return o;
        o.value = step->in[0];
    }
    o.is_number = false;
    return o;
}

/* ---- numbering ---- */

static const char *node_name(const graph *g, int n)
{
    const graph_node *node = &g->nodes[g->nodes[n].first];
    if (!node->step) return g->f->input_names[node - g->nodes];
    return node->step->layer ? kt_layer_name(node->step->layer) : node->name;
}

static bool name_taken(const graph *g, const char *name, int but)
{
    for (int n = 0; n < g->n_nodes; n++)
        if (n != but && g->nodes[n].first == n && strcmp(node_name(g, n), name) == 0) return true;
    return false;
}

static void name_op(graph *g, int n)
{
    char base[64];
    graph_node *node = &g->nodes[n];
    unsigned before = 0; /* ops of the same class: saves trying their numbers */
    for (int m = 0; m < n; m++)
        before += g->nodes[m].seen && g->nodes[m].step && !g->nodes[m].step->layer &&
                  kt_step_class(g->nodes[m].step) == kt_step_class(node->step);
    kt_snake_case(kt_step_class(node->step), base, sizeof base);
    do snprintf(node->name, sizeof node->name, before ? "%s_%u" : "%s", base, before);
    while (name_taken(g, node->name, n) && ++before);
}

/* Back from a value; a call finishes when all that it takes has. */
static void walk(graph *g, int n, int deep)
{
    graph_node *node = &g->nodes[n];
    if (node->seen || deep > MAX_WALK) return;
    node->seen = true;
    if (g->nodes[node->first].met < 0) g->nodes[node->first].met = g->n_met++;
    for (int i = 0; node->step && i < node->step->n_in; i++) {
        operand o = operand_of(g, node->step, i);
        if (!o.is_number && o.value >= 0) walk(g, g->producer[o.value], deep + 1);
    }
    g->finished[g->n_finished++] = n;
}

static void measure_depths(graph *g, int *depths)
{
    for (int i = g->n_finished; i-- > 0;) {
        int n = g->finished[i];
        graph_node *node = &g->nodes[n], *first = &g->nodes[node->first];
        int depth = depths[n] > first->depth ? depths[n] : first->depth;
        depths[n] = first->depth = depth;
        for (int k = 0; node->step && k < node->step->n_in; k++) {
            operand o = operand_of(g, node->step, k);
            int parent = o.is_number || o.value < 0 ? NO_NODE : g->producer[o.value];
            if (parent != NO_NODE && depths[parent] < depth + 1) depths[parent] = depth + 1;
        }
    }
}

static void number_nodes(graph *g)
{
    const kt_functional *f = g->f;
    int n_inputs = (int)f->n_inputs;
    for (int n = 0; n < g->n_nodes; n++) {
        graph_node *node = &g->nodes[n];
        *node = (graph_node){ .step = n < n_inputs ? NULL : &f->steps[n - n_inputs], .first = n, .met = -1 };
        if (!node->step) g->producer[n] = n;
        for (int o = 0; node->step && o < node->step->n_out; o++) g->producer[node->step->out + o] = n;
        for (int m = n_inputs; node->step && node->step->layer && m < n; m++)
            if (g->nodes[m].step->layer == node->step->layer) {
                node->first = m;
                break;
            }
    }
    walk(g, g->producer[f->output], 0);
    for (int n = n_inputs; n < g->n_nodes; n++) {
        graph_node *node = &g->nodes[n];
        for (int m = n_inputs; m < n; m++) node->place += g->nodes[m].seen && g->nodes[m].first == node->first;
        if (node->seen && !node->step->layer) name_op(g, n);
    }
}

/* ---- writing ---- */

static void write_history(kt_json *j, const char *key, const char *name, int place, int index)
{
    kt_json_array(j, key);
    kt_json_text(j, NULL, name);
    kt_json_int(j, NULL, place);
    kt_json_int(j, NULL, index);
    kt_json_end_array(j);
}

static void begin_special(kt_json *j, const char *class_name)
{
    kt_json_object(j, NULL);
    kt_json_text(j, "class_name", class_name);
    kt_json_object(j, "config");
}

static void end_special(kt_json *j)
{
    kt_json_end_object(j);
    kt_json_end_object(j);
}

static void write_nested(kt_json *j, const char *key, const kt_desc *desc, int axis, const double **at)
{
    if (axis == desc->rank) {
        if (kt_is_float(desc->dtype)) kt_json_number(j, key, *(*at)++);
        else if (desc->dtype == KT_BOOL) kt_json_bool(j, key, *(*at)++ != 0);
        else kt_json_int(j, key, (int64_t)*(*at)++);
        return;
    }
    kt_json_array(j, key);
    for (int64_t i = 0; i < desc->dim[axis]; i++) write_nested(j, NULL, desc, axis + 1, at);
    kt_json_end_array(j);
}

static void write_constant(kt_model_writer *w, kt_tensor *x)
{
    const kt_desc *desc = kt_desc_of(x);
    double *values = kt_take_zeroed(w->kt, kt_desc_elements(desc) + 1, sizeof *values);
    if (values && kt_read(x, values, KT_FLOAT64, kt_desc_count(desc)) == KT_OK) {
        const double *at = values;
        begin_special(&w->json, "__tensor__");
        write_nested(&w->json, "value", desc, 0, &at);
        kt_json_text(&w->json, "dtype", kt_dtype_name(desc->dtype));
        end_special(&w->json);
    }
    kt_give(w->kt, values);
}

static void write_number(kt_model_writer *w, double number, kt_dtype dtype)
{
    kt_json *j = &w->json;
    const double *at = &number;
    kt_desc desc = { .dtype = dtype };
    if (!w->board) {
        write_nested(j, NULL, &desc, 0, &at);
        return;
    }
    begin_special(j, "__tensor__");
    write_nested(j, "value", &desc, 0, &at);
    kt_json_text(j, "dtype", kt_dtype_name(dtype));
    end_special(j);
}

static void write_operand(const graph *g, const kt_graph_step *step, int i)
{
    kt_model_writer *w = g->w;
    operand o = operand_of(g, step, i);
    if (o.is_number) {
        write_number(w, o.number, value_desc(g, step->in[i])->dtype);
        return;
    }
    if (o.value < 0) {
        write_constant(w, g->f->constants[-1 - o.value]);
        return;
    }
    int n = g->producer[o.value];
    const kt_desc *desc = value_desc(g, o.value);
    begin_special(&w->json, "__keras_tensor__");
    kt_write_shape(w, "shape", desc);
    kt_json_text(&w->json, "dtype", kt_dtype_name(desc->dtype));
    write_history(&w->json, "keras_history", node_name(g, n), g->nodes[n].place,
                  g->nodes[n].step ? o.value - g->nodes[n].step->out : 0);
    end_special(&w->json);
}

static void write_call(const graph *g, const kt_graph_step *step)
{
    kt_json *j = &g->w->json;
    bool list = step->layer ? step->n_in > 1 : kt_step_takes_list(step);
    kt_json_object(j, NULL);
    kt_json_array(j, "args");
    if (list) kt_json_array(j, NULL);
    for (int i = 0; i < step->n_in; i++) write_operand(g, step, i);
    if (list) kt_json_end_array(j);
    kt_json_end_array(j);
    kt_json_object(j, "kwargs");
    if (step->layer && (kt_functional_of(step->layer) || kt_sequential_of(step->layer))) {
        if (list) kt_json_array(j, "mask");
        for (int i = 0; i < step->n_in; i++) kt_json_null(j, list ? NULL : "mask");
        if (list) kt_json_end_array(j);
    } else if (step->layer && kt_layer_tells_training(step->layer)) kt_json_bool(j, "training", false);
    kt_json_end_object(j);
    kt_json_end_object(j);
}

static void write_node(const graph *g, int n)
{
    kt_model_writer *w = g->w;
    kt_json *j = &w->json;
    const graph_node *node = &g->nodes[n];
    const kt_graph_step *step = node->step;
    const kt_desc *in = step && step->n_in ? value_desc(g, step->in[0]) : NULL;
    if (!step) kt_write_input(w, &g->f->inputs[n], node_name(g, n));
    else if (step->layer) kt_write_layer(w, NULL, step->layer, in, false);
    else kt_write_op(w, step, in, node_name(g, n));
    kt_json_text(j, "name", node_name(g, n));
    kt_json_array(j, "inbound_nodes");
    for (int m = n; step && step->n_in && m < g->n_nodes; m++)
        if (g->nodes[m].first == n && g->nodes[m].seen) write_call(g, g->nodes[m].step);
    kt_json_end_array(j);
    kt_json_end_object(j);
}

/* Layers by depth, then as they were met; inputs that nobody uses are at depth 0 and come first there. */
static void write_layers(const graph *g)
{
    kt_json *j = &g->w->json;
    int deepest = 0;
    for (int n = 0; n < g->n_nodes; n++)
        if (g->nodes[n].depth > deepest) deepest = g->nodes[n].depth;
    kt_json_array(j, "layers");
    for (int depth = deepest; depth >= 0; depth--) {
        for (int n = 0; depth == 0 && n < (int)g->f->n_inputs; n++)
            if (g->nodes[n].met < 0) write_node(g, n);
        for (int last = -1;;) {
            int next = NO_NODE;
            for (int n = 0; n < g->n_nodes; n++) {
                const graph_node *node = &g->nodes[n];
                if (node->first == n && node->depth == depth && node->met > last &&
                    (next == NO_NODE || node->met < g->nodes[next].met))
                    next = n;
            }
            if (next == NO_NODE) break;
            last = g->nodes[next].met;
            write_node(g, next);
        }
    }
    kt_json_end_array(j);
}

static void write_ends(const graph *g, bool in_sequential)
{
    kt_json *j = &g->w->json;
    bool many = g->f->n_inputs > 1 || (g->w->board && in_sequential);
    int n = g->producer[g->f->output];
    const kt_graph_step *step = g->nodes[n].step;
    if (many) kt_json_array(j, "input_layers");
    for (int i = 0; i < (int)g->f->n_inputs; i++) write_history(j, many ? NULL : "input_layers", node_name(g, i), 0, 0);
    if (many) kt_json_end_array(j);
    /* Keras counts the calls of a nested functional model from 1 here, and only here. */
    int place = g->nodes[n].place + (step && step->layer && kt_functional_of(step->layer));
    write_history(j, "output_layers", node_name(g, n), place, step ? g->f->output - step->out : 0);
}

kt_status kt_write_graph(kt_model_writer *w, const kt_functional *f, bool in_sequential)
{
    kt_context *kt = w->kt;
    graph g = { .w = w, .f = f, .n_nodes = (int)(f->n_inputs + f->n_steps) };
    size_t n = (size_t)g.n_nodes;
    g.nodes = kt_take_zeroed(kt, n, sizeof *g.nodes);
    g.producer = kt_take_zeroed(kt, f->n_values + 1, sizeof *g.producer);
    g.finished = kt_take_zeroed(kt, n, sizeof *g.finished);
    int *depths = kt_take_zeroed(kt, n, sizeof *depths);
    if (g.nodes && g.producer && g.finished && depths) {
        number_nodes(&g);
        measure_depths(&g, depths);
        write_layers(&g);
        write_ends(&g, in_sequential);
    }
    kt_give(kt, g.nodes);
    kt_give(kt, g.producer);
    kt_give(kt, g.finished);
    kt_give(kt, depths);
    return kt->status;
}
