/* SPDX-License-Identifier: MIT */
/* summary/kinds/graph.c: graphs of ops, and what running them cost.
 *
 *     GraphDef      { 1 node, 4 versions { 1 producer } }
 *     NodeDef       { 1 name, 2 op, 3 input, 4 device, 5 attr { 1 key, 2 value { 1 list { 7 shape } | 2 bytes | 3 int } } }
 *     RunMetadata   { 1 step_stats { 1 dev_stats }, 4 function_graphs { 2 pre_optimization_graph } }
 *     dev_stats     { 1 device, 2 node_stats, 3 thread_names { 1 key, 2 value } }
 *     NodeExecStats { 1 node_name, 2 all_start_micros, 3 op_start_rel, 4 op_end_rel, 5 all_end_rel, 6 memory { 1 allocator,
 *                     2 total_bytes }, 7 output { 1 slot, 3 tensor_description { 2 shape } }, 8 timeline_label,
 *                     10 thread_id, 13 to 16 the times in nanoseconds }
 *
 * A tagged RunMetadata is a string with the plugin content "1", the only version TensorBoard takes. With a graph inside,
 * the tab shows that graph and its colours; without one it would show an empty graph, so then the message goes the older
 * way, Event.tagged_run_metadata, for which the tab takes the run's graph. The page reads times in whole microseconds
 * and ignores what has none, so an op that took less counts as one.
 */
#include "summary/kinds/plugins.h"
#include "base/utf8.h"

enum { GRAPH_MOST = 1000000, GRAPH_PRODUCER = 22, GRAPH_TAG_MAX = 1024, EVENT_GRAPH_DEF = 4, EVENT_TAGGED_RUN = 8 };

static const char graph_default_device[] = "/device:CPU:0";

/* ---- Graphs ------------------------------------------------------------------------------------ */

void kt_graph_shape_encode(kt_wire *w, const kt_graph_shape *shape)
{
    if (shape->rank < 0) kt_wire_int(w, 3, 1);
    for (int i = 0; i < shape->rank && i < KT_GRAPH_MAX_RANK; i++) {
        kt_wire_mark dim = kt_wire_open(w, 2, 0);
        if (shape->dim[i] != 0) kt_wire_int(w, 1, shape->dim[i] < 0 ? -1 : shape->dim[i]);
        kt_wire_close(w, dim);
    }
}

static void graph_shapes_encode(kt_wire *w, const kt_graph_node *node)
{
    kt_wire_mark attr = kt_wire_open(w, 5, 60);
    kt_wire_text_always(w, 1, "_output_shapes");
    kt_wire_mark value = kt_wire_open(w, 2, 40), list = kt_wire_open(w, 1, 40);
    for (int i = 0; i < node->n_outputs; i++) {
        kt_wire_mark shape = kt_wire_open(w, 7, 10);
        kt_graph_shape_encode(w, &node->outputs[i]);
        kt_wire_close(w, shape);
    }
    kt_wire_close(w, list);
    kt_wire_close(w, value);
    kt_wire_close(w, attr);
}

static void graph_node_encode(kt_wire *w, const kt_graph_node *node)
{
    kt_wire_mark outer = kt_wire_open(w, 1, 200);
    kt_wire_text(w, 1, node->name);
    kt_wire_text(w, 2, node->op);
    for (int i = 0; i < node->n_inputs; i++) kt_wire_text_always(w, 3, node->inputs[i]);
    kt_wire_text(w, 4, node->device);
    if (node->n_outputs > 0) graph_shapes_encode(w, node);
    for (int i = 0; i < node->n_attrs; i++) {
        const kt_graph_attr *a = &node->attrs[i];
        kt_wire_mark attr = kt_wire_open(w, 5, 40);
        kt_wire_text_always(w, 1, a->name);
        kt_wire_mark value = kt_wire_open(w, 2, 20);
        if (a->text) kt_wire_text_always(w, 2, a->text);
        else kt_wire_int(w, 3, a->number);
        kt_wire_close(w, value);
        kt_wire_close(w, attr);
    }
    kt_wire_close(w, outer);
}

void kt_graph_encode(kt_wire *w, const void *what)
{
    const kt_graph *graph = what;
    for (int i = 0; i < graph->count; i++) graph_node_encode(w, &graph->nodes[i]);
    kt_wire_mark versions = kt_wire_open(w, 4, 0);
    kt_wire_int(w, 1, GRAPH_PRODUCER);
    kt_wire_close(w, versions);
}

/* ---- Run metadata ------------------------------------------------------------------------------ */

static void stat_encode(kt_wire *w, const kt_node_stat *stat)
{
    int64_t nanos = stat->end_ns - stat->start_ns, micros = (nanos + 500) / 1000;
    if (micros == 0) micros = 1;
    kt_wire_mark outer = kt_wire_open(w, 2, 120);
    kt_wire_text(w, 1, stat->name);
    if (stat->start_ns / 1000 != 0) kt_wire_int(w, 2, stat->start_ns / 1000);
    kt_wire_int(w, 4, micros);
    kt_wire_int(w, 5, micros);
    if (stat->bytes > 0) {
        kt_wire_mark memory = kt_wire_open(w, 6, 16);
        kt_wire_text(w, 1, "cpu");
        kt_wire_int(w, 2, stat->bytes);
        kt_wire_close(w, memory);
    }
    for (int i = 0; i < stat->n_outputs; i++) {
        kt_wire_mark output = kt_wire_open(w, 7, 20);
        if (i > 0) kt_wire_int(w, 1, i);
        kt_wire_mark description = kt_wire_open(w, 3, 16), shape = kt_wire_open(w, 2, 12);
        kt_graph_shape_encode(w, &stat->outputs[i]);
        kt_wire_close(w, shape);
        kt_wire_close(w, description);
        kt_wire_close(w, output);
    }
    if (stat->thread != 0) kt_wire_int(w, 10, stat->thread);
    if (stat->start_ns != 0) kt_wire_int(w, 13, stat->start_ns);
    if (nanos > 0) {
        kt_wire_int(w, 15, nanos);
        kt_wire_varint(w, 16 << 3 | KT_WIRE_VARINT); /* the one field whose key takes two bytes */
        kt_wire_varint(w, (uint64_t)nanos);
    }
    kt_wire_close(w, outer);
}

static const char *stat_device(const kt_node_stat *stat)
{
    return stat->device && stat->device[0] ? stat->device : graph_default_device;
}

/* Each device once, at its first node: `first` skips the stats whose device has been seen. */
static bool stat_is_first_of_device(const kt_node_stat *stats, int i)
{
    for (int k = 0; k < i; k++)
        if (strcmp(stat_device(&stats[k]), stat_device(&stats[i])) == 0) return false;
    return true;
}

void kt_run_metadata_encode(kt_wire *w, const void *what)
{
    const kt_run_metadata *run = what;
    kt_wire_mark stats = kt_wire_open(w, 1, 10000);
    for (int i = 0; i < run->n_stats && !w->full; i++) {
        if (!stat_is_first_of_device(run->stats, i)) continue;
        kt_wire_mark device = kt_wire_open(w, 1, 10000);
        kt_wire_text(w, 1, stat_device(&run->stats[i]));
        for (int k = i; k < run->n_stats; k++)
            if (strcmp(stat_device(&run->stats[k]), stat_device(&run->stats[i])) == 0) stat_encode(w, &run->stats[k]);
        kt_wire_close(w, device);
    }
    kt_wire_close(w, stats);
    if (run->n_nodes > 0) {
        kt_graph graph = { run->nodes, run->n_nodes };
        kt_wire_mark function = kt_wire_open(w, 4, 10000), before = kt_wire_open(w, 2, 10000);
        kt_graph_encode(w, &graph);
        kt_wire_close(w, before);
        kt_wire_close(w, function);
    }
}

/* RunMetadata with the graph alone. */
static void graph_function_encode(kt_wire *w, const void *what)
{
    kt_wire_mark function = kt_wire_open(w, 4, 10000), before = kt_wire_open(w, 2, 10000);
    kt_graph_encode(w, what);
    kt_wire_close(w, before);
    kt_wire_close(w, function);
}

typedef struct graph_tagged {
    const char *tag;
    const kt_run_metadata *run;
} graph_tagged;

static void graph_tagged_encode(kt_wire *w, const void *what)
{
    const graph_tagged *tagged = what;
    kt_wire_text_always(w, 1, tagged->tag);
    kt_wire_mark metadata = kt_wire_open(w, 2, 10000);
    kt_run_metadata_encode(w, tagged->run);
    kt_wire_close(w, metadata);
}

/* ---- Checks ------------------------------------------------------------------------------------ */

static bool graph_list_is_sound(const void *list, int count)
{
    return count >= 0 && count <= GRAPH_MOST && (count == 0 || list);
}

static const char *graph_shapes_wrong(const kt_graph_shape *shapes, int count)
{
    if (!graph_list_is_sound(shapes, count))
        return "expected output shapes with their number, got another number or NULL";
    for (int i = 0; i < count; i++)
        if (shapes[i].rank < -1 || shapes[i].rank > KT_GRAPH_MAX_RANK) return "expected ranks of -1 to 8, got another";
    return NULL;
}

static const char *graph_node_wrong(const kt_graph_node *node)
{
    if (!node->name || !node->name[0]) return "expected a name, got none";
    if (!graph_list_is_sound(node->inputs, node->n_inputs))
        return "expected inputs with their number, got another number or NULL";
    for (int i = 0; i < node->n_inputs; i++)
        if (!node->inputs[i] || !node->inputs[i][0]) return "expected names of inputs, got an empty one";
    if (!graph_list_is_sound(node->attrs, node->n_attrs))
        return "expected attributes with their number, got another number or NULL";
    for (int i = 0; i < node->n_attrs; i++)
        if (!node->attrs[i].name || !node->attrs[i].name[0]) return "expected names of attributes, got an empty one";
    return graph_shapes_wrong(node->outputs, node->n_outputs);
}

static kt_status graph_check(kt_events *log, const char *caller, const kt_graph_node *nodes, int count)
{
    if (!graph_list_is_sound(nodes, count))
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected 0 to %d nodes, got %d%s; log a part of the graph", caller,
                              GRAPH_MOST, count, nodes ? "" : " at NULL");
    for (int i = 0; i < count; i++) {
        const char *wrong = graph_node_wrong(&nodes[i]);
        if (wrong)
            return kt_events_fail(log, KT_ERR_VALUE, "%s: node %d (\"%.100s\"): %s; correct its kt_graph_node", caller, i,
                                  nodes[i].name ? nodes[i].name : "", wrong);
    }
    return KT_OK;
}

static kt_status run_check(kt_events *log, const char *caller, const kt_run_metadata *run)
{
    if (!run || !graph_list_is_sound(run->stats, run->n_stats))
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected 0 to %d stats, got %s; give the array with its length",
                              caller, GRAPH_MOST, run ? "another number or NULL" : "NULL");
    for (int i = 0; i < run->n_stats; i++) {
        const kt_node_stat *stat = &run->stats[i];
        const char *wrong = graph_shapes_wrong(stat->outputs, stat->n_outputs);
        if (!stat->name || !stat->name[0]) wrong = "expected the name of a node, got none";
        else if (stat->start_ns < 0 || stat->end_ns < stat->start_ns)
            wrong = "expected a start of 0 or more and an end behind it, got others";
        else if (stat->bytes < 0) wrong = "expected bytes of 0 or more, got fewer";
        if (wrong)
            return kt_events_fail(log, KT_ERR_VALUE, "%s: stat %d (\"%.100s\"): %s; correct its kt_node_stat", caller, i,
                                  stat->name ? stat->name : "", wrong);
    }
    return graph_check(log, caller, run->nodes, run->n_nodes);
}

/* ---- Logging ----------------------------------------------------------------------------------- */

/* A string with the content "1". */
static kt_status graph_append(kt_events *log, const char *caller, kt_kind kind, const char *tag, kt_event_string bytes,
                              int64_t step)
{
    kt_event_tensor value = { .strings = &bytes, .count = 1, .content = { "1", 1 } };
    return kt_events_append(log, caller, kind, tag, step, &value);
}

kt_status kt_events_graph(kt_events *log, const kt_graph_node *nodes, int count)
{
    static const char caller[] = "kt_events_graph";
    kt_status status = graph_check(log, caller, nodes, count);
    if (status != KT_OK) return status;
    kt_graph graph = { nodes, count };
    kt_built built;
    status = kt_build(log, caller, kt_graph_encode, &graph, &built);
    if (status != KT_OK) return status;
    status = kt_events_append_bytes(log, caller, EVENT_GRAPH_DEF, 0, built.bytes);
    kt_built_free(log, &built);
    return status;
}

kt_status kt_events_op_graph(kt_events *log, const char *tag, const kt_graph_node *nodes, int count, int64_t step)
{
    static const char caller[] = "kt_events_op_graph";
    kt_status status = graph_check(log, caller, nodes, count);
    if (status != KT_OK) return status;
    kt_graph graph = { nodes, count };
    kt_built built;
    status = kt_build(log, caller, graph_function_encode, &graph, &built);
    if (status != KT_OK) return status;
    status = graph_append(log, caller, KT_KIND_OP_GRAPH, tag, built.bytes, step);
    kt_built_free(log, &built);
    return status;
}

kt_status kt_events_run_metadata(kt_events *log, const char *tag, const kt_run_metadata *run, int64_t step)
{
    static const char caller[] = "kt_events_run_metadata";
    kt_status status = run_check(log, caller, run);
    if (status != KT_OK) return status;
    if (!tag || !tag[0] || strnlen(tag, GRAPH_TAG_MAX + 1) > GRAPH_TAG_MAX)
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected a tag of 1 to %d bytes, got another; name the step", caller,
                              GRAPH_TAG_MAX);
    kt_built built;
    if (run->n_nodes > 0) {
        status = kt_build(log, caller, kt_run_metadata_encode, run, &built);
        if (status != KT_OK) return status;
        status = graph_append(log, caller, KT_KIND_RUN_METADATA, tag, built.bytes, step);
    } else {
        graph_tagged tagged = { tag, run };
        status = kt_build(log, caller, graph_tagged_encode, &tagged, &built);
        if (status != KT_OK) return status;
        status = kt_events_append_bytes(log, caller, EVENT_TAGGED_RUN, step, built.bytes);
    }
    kt_built_free(log, &built);
    return status;
}

kt_status kt_events_keras_model(kt_events *log, const char *json)
{
    static const char caller[] = "kt_events_keras_model";
    if (!json || !json[0])
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected a model as JSON, got %s; pass what model.to_json() gives",
                              caller, json ? "an empty text" : "NULL");
    if (!kt_utf8_valid(json, strlen(json))) /* TensorBoard could not parse it, nor could a repair know what was meant */
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected JSON in UTF-8, got other bytes; escape them as \\uXXXX",
                              caller);
    return graph_append(log, caller, KT_KIND_MODEL_GRAPH, "keras", (kt_event_string){ json, strlen(json) }, 0);
}
