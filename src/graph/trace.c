/* SPDX-License-Identifier: MIT */
/* graph/trace.c: the trace: what was recorded since the last execution, and closing it.
 *
 * A node recorded in an earlier trace is brought into the current one when it is used again (import): HELD values become
 * leaves, others are recorded again from their inputs, down to leaves and variables. That is sound because nodes are
 * functions of their inputs, random ones included (their counter is a slot); the one thing that can be gone is the old content of a
 * variable, and then import says so. So that this is rare, a close in the middle of a scope that assigns variables also runs
 * and holds what is still pending and reads their old content.
 *
 * The key is a word sequence: per node its row, path, inputs and attributes; per leaf its shape; at the close what is held,
 * assigned and observed. Slots, tags and steps are not in it.
 */
#include "graph/graph.h"

#include <string.h>

#define KIND_SHIFT 62

static bool key_room(kt_context *kt, size_t words)
{
    kt_recording *trace = &kt->graph->trace;
    if (kt_grow(&kt->heap, &trace->key, &trace->key_capacity, trace->n_key + words, sizeof *trace->key)) return true;
    kt_no_memory(kt);
    return false;
}

kt_ref kt_recording_ref(const kt_tensor *x)
{
    const kt_node *node = x->node;
    if (node->variable) return (uint64_t)KT_REF_VARIABLE << KIND_SHIFT | (uint64_t)node->variable->id;
    uint64_t kind = node->state == KT_HELD ? KT_REF_LEAF : KT_REF_NODE;
    return kind << KIND_SHIFT | (uint64_t)node->serial << 8 | (uint64_t)x->index;
}

kt_status kt_recording_append(kt_context *kt, kt_node *node)
{
    kt_recording *trace = &kt->graph->trace;
    size_t attr_words = (node->op->attr_size + 7) / 8;
    if (!key_room(kt, 2 + (size_t)node->n_in + attr_words)) return kt->status;
    if (!kt_grow(&kt->heap, &trace->nodes, &trace->nodes_capacity, trace->n_nodes + 1, sizeof *trace->nodes) ||
        !kt_grow(&kt->heap, &trace->slots, &trace->slots_capacity, trace->n_slots + (size_t)node->op->n_slots,
                 sizeof *trace->slots))
        return kt_no_memory(kt);
    uint64_t *key = trace->key + trace->n_key;
    *key++ = (uint64_t)(uintptr_t)node->op;
    *key++ = (uint64_t)(uintptr_t)node->path | (uint64_t)node->n_in << 56;
    for (int i = 0; i < node->n_in; i++) *key++ = kt_recording_ref(node->in[i]);
    if (attr_words) memcpy(key, node->attr, attr_words * 8);
    trace->n_key += 2 + (size_t)node->n_in + attr_words;
    for (int i = 0; i < node->op->n_slots; i++) trace->slots[trace->n_slots++] = node->slots[i];
    node->trace = trace->id;
    node->serial = (uint32_t)trace->n_nodes;
    trace->nodes[trace->n_nodes++] = node;
    return KT_OK;
}

static kt_status append_leaf(kt_context *kt, kt_node *node)
{
    kt_recording *trace = &kt->graph->trace;
    if (!kt_grow(&kt->heap, &trace->leaves, &trace->leaves_capacity, trace->n_leaves + 1, sizeof *trace->leaves))
        return kt_no_memory(kt);
    for (int i = 0; i < node->n_out; i++) {
        const kt_desc *desc = &node->out[i].desc;
        if (!key_room(kt, 1 + (size_t)desc->rank)) return kt->status;
        trace->key[trace->n_key++] = 1u | (uint64_t)desc->dtype << 8 | (uint64_t)desc->rank << 16;
        for (int d = 0; d < desc->rank; d++) trace->key[trace->n_key++] = (uint64_t)desc->dim[d];
    }
    node->trace = trace->id;
    node->serial = (uint32_t)trace->n_leaves;
    trace->leaves[trace->n_leaves++] = node;
    return KT_OK;
}

/* Read nodes are never appended: their variable is the reference. */
static kt_status check_read(kt_context *kt, const kt_node *node)
{
    if (node->version == node->variable->version) return KT_OK;
    return kt_fail_at(kt, KT_ERR_STATE, NULL,
                      "a tensor recorded from variable '%s' is needed, but the variable was assigned since and the step that used its old "
                      "value has run: record gradients and other uses before values are read, or kt_keep the tensor",
                      node->variable->name);
}

kt_status kt_recording_import(kt_context *kt, kt_tensor *x)
{
    kt_graph *graph = kt->graph;
    uint64_t id = graph->trace.id;
    if (x->node->variable) return check_read(kt, x->node);
    if (x->node->trace == id) return KT_OK;
    if (kt_is_symbol(x))
        return kt_fail_at(kt, KT_ERR_STATE, x->node->op->name, "a symbol has a shape but no value: build a model from it with "
                                                               "kt_model_new and call the model on data");
    if (x->node->state == KT_HELD) return append_leaf(kt, x->node);
    size_t depth = 0;
    if (!kt_grow(&kt->heap, &graph->stack, &graph->stack_capacity, 1, sizeof *graph->stack)) return kt_no_memory(kt);
    graph->stack[depth++] = x->node;
    while (depth) {
        kt_node *top = graph->stack[depth - 1], *missing = NULL;
        for (int i = 0; i < top->n_in && !missing; i++) {
            kt_node *in = top->in[i]->node;
            if (in->variable) {
                if (check_read(kt, in) != KT_OK) return kt->status;
            } else if (in->trace != id) {
                if (in->state != KT_HELD) missing = in;
                else if (append_leaf(kt, in) != KT_OK) return kt->status;
            }
        }
        if (missing) {
            if (!kt_grow(&kt->heap, &graph->stack, &graph->stack_capacity, depth + 1, sizeof *graph->stack))
                return kt_no_memory(kt);
            graph->stack[depth++] = missing;
            continue;
        }
        depth--;
        if (top->trace != id) {
            if (top->op == &kt_op_data)
                return kt_fail_at(kt, KT_ERR_STATE, NULL, "a value of a recorded model step was used outside of it");
            if (kt_recording_append(kt, top) != KT_OK) return kt->status;
        }
    }
    return KT_OK;
}

void kt_recording_reset(kt_context *kt)
{
    kt_recording *trace = &kt->graph->trace;
    trace->id++;
    trace->n_nodes = trace->n_leaves = trace->n_assigned = trace->n_observed = trace->n_slots = trace->n_key = 0;
}

kt_tensor *kt_variable_read(kt_variable_state *variable)
{
    kt_context *kt = variable->kt;
    kt_graph *graph = kt->graph;
    if (variable->current && variable->trace == graph->trace.id) return variable->current;
    if (!variable->buffer) {
        kt_fail_at(kt, KT_ERR_STATE, NULL, "variable '%s' is used after the model or optimizer it belonged to was freed",
                   variable->name);
        return NULL;
    }
    kt_node *node = kt_node_new(kt, graph->scope, &kt_op_read, 0, 1, 0, 0);
    if (!node) return NULL;
    node->variable = variable;
    node->version = variable->version;
    node->trace = graph->trace.id;
    node->out[0].desc = variable->node->out[0].desc;
    variable->current = &node->out[0];
    variable->trace = graph->trace.id;
    return variable->current;
}

static kt_status hold(kt_context *kt, kt_tensor *x)
{
    kt_graph *graph = kt->graph;
    kt_node *node = x->node;
    if (node->variable || node->state == KT_HELD) return KT_OK;
    for (size_t i = 0; i < graph->n_hold; i++)
        if (graph->hold[i]->node == node) return KT_OK;
    for (int i = 0; i < node->n_out; i++) {
        if (!kt_grow(&kt->heap, &graph->hold, &graph->hold_capacity, graph->n_hold + 1, sizeof *graph->hold))
            return kt_no_memory(kt);
        graph->hold[graph->n_hold++] = &node->out[i];
    }
    return KT_OK;
}

/* Holds what is pending, will not run now, and reads variables that this step assigns. */
static kt_status hold_old_readers(kt_context *kt)
{
    kt_recording *trace = &kt->graph->trace;
    enum { NEEDED = 1, OLD = 2 };
    size_t n = trace->n_nodes;
    unsigned char *marks = kt_take_zeroed(kt, n ? n : 1, 1);
    if (!marks) return kt->status;
    for (size_t i = 0; i < kt->graph->n_hold; i++) marks[kt->graph->hold[i]->node->serial] |= NEEDED;
    for (size_t i = 0; i < trace->n_assigned; i++) {
        const kt_node *node = trace->assigned[i].value->node;
        if (!node->variable && node->state != KT_HELD) marks[node->serial] |= NEEDED;
    }
    for (size_t i = 0; i < trace->n_observed; i++) {
        const kt_node *node = trace->observed[i].value->node;
        if (!node->variable && node->state != KT_HELD) marks[node->serial] |= NEEDED;
    }
    for (size_t k = n; k-- > 0;)
        for (int i = 0; marks[k] & NEEDED && i < trace->nodes[k]->n_in; i++) {
            const kt_node *in = trace->nodes[k]->in[i]->node;
            if (!in->variable && in->state != KT_HELD) marks[in->serial] |= NEEDED;
        }
    for (size_t k = 0; k < n && kt->status == KT_OK; k++) {
        for (int i = 0; i < trace->nodes[k]->n_in; i++) {
            const kt_node *in = trace->nodes[k]->in[i]->node;
            bool assigned = false;
            for (size_t a = 0; in->variable && a < trace->n_assigned; a++)
                assigned |= trace->assigned[a].variable == in->variable;
            if (assigned || (!in->variable && in->state != KT_HELD && marks[in->serial] & OLD)) marks[k] |= OLD;
        }
        if ((marks[k] & (OLD | NEEDED)) == OLD) hold(kt, &trace->nodes[k]->out[0]);
    }
    kt_give(kt, marks);
    return kt->status;
}

static kt_status finish_key(kt_context *kt)
{
    kt_graph *graph = kt->graph;
    kt_recording *trace = &graph->trace;
    if (!key_room(kt, 3 + graph->n_hold + 2 * trace->n_assigned + trace->n_observed)) return kt->status;
    uint64_t *key = trace->key + trace->n_key;
    for (size_t i = 0; i < graph->n_hold; i++) *key++ = kt_recording_ref(graph->hold[i]);
    *key++ = (uint64_t)graph->n_hold << 32 | 7;
    for (size_t i = 0; i < trace->n_assigned; i++) {
        *key++ = trace->assigned[i].variable->id;
        *key++ = kt_recording_ref(trace->assigned[i].value);
    }
    *key++ = (uint64_t)trace->n_assigned << 32 | 5;
    for (size_t i = 0; i < trace->n_observed; i++) *key++ = kt_recording_ref(trace->observed[i].value);
    *key++ = (uint64_t)trace->n_observed << 32 | 3;
    trace->n_key = (size_t)(key - trace->key);
    return KT_OK;
}

static kt_plan *find_or_compile(kt_context *kt)
{
    kt_graph *graph = kt->graph;
    kt_recording *trace = &graph->trace;
    uint64_t hash = kt_hash_bytes(trace->key, trace->n_key * sizeof *trace->key, 0);
    kt_plan *plan = kt_cache_find(kt, hash, trace->key, trace->n_key);
    if (plan) {
        graph->misses = 0;
        return plan;
    }
    plan = kt_plan_compile(kt, graph->hold, graph->n_hold);
    if (!plan) return NULL;
    plan->hash = hash;
    plan->n_key = trace->n_key;
    plan->key = kt_arena_take(&plan->memory, trace->n_key * sizeof *trace->key);
    if (!plan->key) {
        kt_no_memory(kt);
        kt_plan_free(plan);
        return NULL;
    }
    memcpy(plan->key, trace->key, trace->n_key * sizeof *trace->key);
    if (kt_cache_add(kt, plan) != KT_OK) return NULL;
    if (!kt->config.run_eagerly) {
        kt_remark(kt, "plan made: %u steps, %zu bytes, %zu nodes recorded at '%s'", (unsigned)plan->n_steps,
                  plan->arena_bytes, trace->n_nodes, kt->frame.path);
        if (++graph->misses == 8)
            kt_remark(kt, "eight steps running needed a new plan: shapes, attributes or the order of ops change each time; "
                          "numbers that change belong in kt_scalar");
    }
    return plan;
}

/* Observed values on the host, in their own dtype. */
static kt_status deliver(kt_context *kt, const kt_plan *plan)
{
    kt_recording *trace = &kt->graph->trace;
    for (size_t i = 0; i < trace->n_observed; i++) {
        const kt_observation *o = &trace->observed[i];
        const kt_desc *desc = &o->value->desc;
        void *host = kt_arena_take(&kt->graph->scope->nodes, kt_desc_elements(desc) * kt_dtype_size(desc->dtype) + 1);
        if (!host) return kt_no_memory(kt);
        if (kt_load(kt, plan->address[plan->observed[i]], desc->dtype, host, desc->dtype, kt_desc_elements(desc)) != KT_OK)
            return kt->status;
        o->deliver(o->user, o->tag, o->step, desc, host);
    }
    return KT_OK;
}

static kt_status bind_and_run(kt_context *kt, kt_plan *plan)
{
    kt_graph *graph = kt->graph;
    kt_recording *trace = &graph->trace;
    if (kt_plan_ready(plan) != KT_OK) return kt->status;
    for (uint32_t v = 0; v < plan->n_leaves; v++) {
        const kt_plan_value *value = &plan->values[plan->leaves[v]];
        plan->address[plan->leaves[v]] = trace->leaves[value->at >> 8]->out[value->at & 255].value;
    }
    for (size_t i = 0; i < graph->n_hold; i++) {
        const kt_plan_value *value = &plan->values[plan->outputs[i]];
        void *at = NULL;
        for (size_t j = 0; j < i && !at; j++)
            if (plan->values[plan->outputs[j]].root == value->root) at = graph->hold[j]->value;
        if (!at) at = kt_scope_value(kt, graph->hold[i]->node->scope, &graph->hold[i]->desc);
        if (!at) return kt->status;
        graph->hold[i]->value = at;
        plan->address[value->root] = at;
    }
    if (trace->n_slots) memcpy(plan->slots, trace->slots, trace->n_slots * sizeof *plan->slots);
    return kt_plan_run(plan);
}

kt_status kt_recording_close(kt_context *kt, kt_tensor *const *wanted, int64_t n, bool ending)
{
    kt_graph *graph = kt->graph;
    kt_recording *trace = &graph->trace;
    if (kt->status != KT_OK) {
        kt_recording_reset(kt);
        return kt->status;
    }
    graph->n_hold = 0;
    for (int64_t i = 0; i < n; i++)
        if (kt_recording_import(kt, wanted[i]) != KT_OK || hold(kt, wanted[i]) != KT_OK) goto out;
    for (size_t i = 0; graph->scope != &graph->root && i < trace->n_nodes; i++)
        if (trace->nodes[i]->scope != graph->scope && hold(kt, &trace->nodes[i]->out[0]) != KT_OK) goto out;
    if (!ending && trace->n_assigned && !kt->config.run_eagerly && hold_old_readers(kt) != KT_OK) goto out;
    if (graph->n_hold + trace->n_assigned + trace->n_observed == 0) goto out;
    if (finish_key(kt) != KT_OK) goto out;
    kt_plan *plan = find_or_compile(kt);
    if (!plan) goto out;
    if (bind_and_run(kt, plan) != KT_OK) {
        for (size_t i = 0; i < graph->n_hold; i++) graph->hold[i]->value = NULL;
        goto out;
    }
    deliver(kt, plan);
    for (size_t i = 0; i < trace->n_nodes; i++) trace->nodes[i]->state = KT_DONE;
    for (size_t i = 0; i < graph->n_hold; i++) {
        kt_node *node = graph->hold[i]->node;
        node->state = KT_HELD;
        node->trace = 0;
    }
    for (size_t i = 0; i < trace->n_assigned; i++) trace->assigned[i].variable->version++;
out:
    kt_recording_reset(kt);
    return kt->status;
}
