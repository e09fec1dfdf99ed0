/* SPDX-License-Identifier: MIT */
/* graph/compile.c: a trace becomes a plan: steps and values, passes, order, places, providers.
 *
 * Values and steps are numbered; a pass may add some, replace inputs, and mark steps dead, but never renumbers. All of a plan's
 * memory is one arena, given back at once.
 */
#include "graph/graph.h"

#include <string.h>

uint32_t kt_plan_add_value(kt_plan *plan, const kt_desc *desc)
{
    if (plan->n_values == plan->values_capacity) {
        uint32_t capacity = plan->values_capacity ? 2 * plan->values_capacity : 64;
        kt_plan_value *more = kt_arena_take(&plan->memory, capacity * sizeof *more);
        if (!more) {
            kt_no_memory(plan->kt);
            return KT_NONE;
        }
        if (plan->n_values) memcpy(more, plan->values, plan->n_values * sizeof *more);
        plan->values = more;
        plan->values_capacity = capacity;
    }
    uint32_t id = plan->n_values++;
    plan->values[id] = (kt_plan_value){ .desc = *desc, .root = id, .producer = KT_NONE,
                                   .bytes = kt_desc_elements(desc) * kt_storage_size(plan->kt->backend, desc->dtype) };
    return id;
}

kt_step *kt_plan_add_step(kt_plan *plan, const kt_op *op, uint32_t n_in, uint32_t n_out, const void *attr, size_t attr_bytes)
{
    if (plan->n_steps == plan->steps_capacity) {
        uint32_t capacity = plan->steps_capacity ? 2 * plan->steps_capacity : 64;
        kt_step *more = kt_arena_take(&plan->memory, capacity * sizeof *more);
        if (!more) {
            kt_no_memory(plan->kt);
            return NULL;
        }
        if (plan->n_steps) memcpy(more, plan->steps, plan->n_steps * sizeof *more);
        plan->steps = more;
        plan->steps_capacity = capacity;
    }
    uint32_t *ids = kt_arena_take(&plan->memory, ((size_t)n_in + n_out + 1) * sizeof *ids);
    void *copy = kt_arena_take(&plan->memory, attr_bytes + 1);
    if (!ids || !copy) {
        kt_no_memory(plan->kt);
        return NULL;
    }
    if (attr_bytes) memcpy(copy, attr, attr_bytes);
    kt_step *step = &plan->steps[plan->n_steps++];
    *step = (kt_step){ .op = op, .attr = copy, .path = "", .n_in = n_in, .n_out = n_out, .in = ids, .out = ids + n_in };
    return step;
}

typedef struct kt_numbering { /* from the trace's names to value ids */
    uint32_t *nodes, *leaves; /* first output of each */
    uint32_t *variables;      /* by variable id: number in the plan + 1 */
} kt_numbering;

static kt_plan_variable *plan_variable(kt_plan *plan, kt_numbering *n, kt_variable_state *variable)
{
    if (!n->variables[variable->id]) {
        plan->variables[plan->n_variables] = (kt_plan_variable){ variable, KT_NONE, KT_NONE };
        n->variables[variable->id] = ++plan->n_variables;
    }
    return &plan->variables[n->variables[variable->id] - 1];
}

static uint32_t value_of(kt_plan *plan, kt_numbering *n, const kt_tensor *x)
{
    kt_node *node = x->node;
    if (node->variable) {
        kt_plan_variable *pv = plan_variable(plan, n, node->variable);
        if (pv->read == KT_NONE) {
            pv->read = kt_plan_add_value(plan, &x->desc);
            if (pv->read == KT_NONE) return KT_NONE;
            plan->values[pv->read].place = KT_IN_VARIABLE;
            plan->values[pv->read].at = (uint32_t)(pv - plan->variables);
        }
        return pv->read;
    }
    return (node->state == KT_HELD ? n->leaves[node->serial] : n->nodes[node->serial]) + (uint32_t)x->index;
}

static kt_status add_leaves(kt_plan *plan, kt_numbering *n, const kt_recording *trace)
{
    for (size_t i = 0; i < trace->n_leaves; i++) {
        const kt_node *node = trace->leaves[i];
        n->leaves[i] = plan->n_values;
        for (int o = 0; o < node->n_out; o++) {
            uint32_t id = kt_plan_add_value(plan, &node->out[o].desc);
            if (id == KT_NONE) return plan->kt->status;
            plan->values[id].place = KT_IN_LEAF;
            plan->values[id].at = (uint32_t)(i << 8 | (size_t)o);
            plan->leaves[plan->n_leaves++] = id;
        }
    }
    return KT_OK;
}

static kt_status add_nodes(kt_plan *plan, kt_numbering *n, const kt_recording *trace)
{
    uint32_t slot = 0;
    for (size_t i = 0; i < trace->n_nodes; i++) {
        const kt_node *node = trace->nodes[i];
        uint32_t in[255];
        for (int k = 0; k < node->n_in; k++)
            if ((in[k] = value_of(plan, n, node->in[k])) == KT_NONE) return plan->kt->status;
        kt_step *step = kt_plan_add_step(plan, node->op, node->n_in, node->n_out, node->attr, node->op->attr_size);
        if (!step) return plan->kt->status;
        step->path = node->path;
        step->direction = node->direction;
        step->slot = slot;
        step->n_slots = (uint32_t)node->op->n_slots;
        slot += step->n_slots;
        if (node->op->flags & KT_OP_RANDOM) plan->steps_of_random[plan->n_random++] = slot - 1;
        if (node->n_in) memcpy(step->in, in, (size_t)node->n_in * sizeof *in);
        n->nodes[i] = plan->n_values;
        for (int o = 0; o < node->n_out; o++) {
            uint32_t id = kt_plan_add_value(plan, &node->out[o].desc);
            if (id == KT_NONE) return plan->kt->status;
            plan->values[id].producer = (uint32_t)i;
            step->out[o] = id;
        }
    }
    return KT_OK;
}

void kt_plan_sweep(kt_plan *plan)
{
    for (uint32_t v = 0; v < plan->n_values; v++) plan->values[v].last = 0; /* borrowed here: 1 = wanted */
    for (uint32_t i = 0; i < plan->n_outputs; i++) plan->values[plan->outputs[i]].last = 1;
    for (uint32_t i = 0; i < plan->n_observed; i++) plan->values[plan->observed[i]].last = 1;
    for (uint32_t i = 0; i < plan->n_variables; i++)
        if (plan->variables[i].assigned != KT_NONE) plan->values[plan->variables[i].assigned].last = 1;
    for (uint32_t s = plan->n_steps; s-- > 0;) {
        kt_step *step = &plan->steps[s];
        bool wanted = false;
        for (uint32_t o = 0; o < step->n_out; o++) wanted = wanted || plan->values[step->out[o]].last;
        step->dead = step->dead || !wanted;
        for (uint32_t i = 0; i < step->n_in && !step->dead; i++) plan->values[step->in[i]].last = 1;
    }
}

static kt_status build(kt_plan *plan, kt_tensor *const *hold, size_t n_hold)
{
    kt_context *kt = plan->kt;
    const kt_recording *trace = &kt->graph->trace;
    kt_arena *memory = &plan->memory;
    kt_numbering n = { .nodes = kt_arena_take(memory, (trace->n_nodes + 1) * sizeof *n.nodes),
                       .leaves = kt_arena_take(memory, (trace->n_leaves + 1) * sizeof *n.leaves),
                       .variables = kt_arena_zeroed(memory, kt->graph->variables + 1, sizeof *n.variables) };
    plan->leaves = kt_arena_take(memory, (trace->n_leaves * KT_MAX_OUT + 1) * sizeof *plan->leaves);
    plan->variables = kt_arena_take(memory, (kt->graph->variables + 1) * sizeof *plan->variables);
    plan->outputs = kt_arena_take(memory, (n_hold + 1) * sizeof *plan->outputs);
    plan->observed = kt_arena_take(memory, (trace->n_observed + 1) * sizeof *plan->observed);
    plan->slots = kt_arena_zeroed(memory, trace->n_slots + 1, sizeof *plan->slots);
    plan->steps_of_random = kt_arena_take(memory, (trace->n_nodes + 1) * sizeof *plan->steps_of_random);
    if (!n.nodes || !n.leaves || !n.variables || !plan->leaves || !plan->variables || !plan->outputs || !plan->observed ||
        !plan->slots || !plan->steps_of_random)
        return kt_no_memory(kt);
    if (trace->n_slots) memcpy(plan->slots, trace->slots, trace->n_slots * sizeof *plan->slots);
    plan->n_slots = (uint32_t)trace->n_slots;
    if (add_leaves(plan, &n, trace) != KT_OK || add_nodes(plan, &n, trace) != KT_OK) return kt->status;
    for (size_t i = 0; i < n_hold; i++) plan->outputs[plan->n_outputs++] = value_of(plan, &n, hold[i]);
    for (size_t i = 0; i < trace->n_observed; i++)
        plan->observed[plan->n_observed++] = value_of(plan, &n, trace->observed[i].value);
    for (size_t i = 0; i < trace->n_assigned; i++) {
        uint32_t value = value_of(plan, &n, trace->assigned[i].value);
        plan_variable(plan, &n, trace->assigned[i].variable)->assigned = value;
    }
    return kt->status;
}

kt_plan *kt_plan_compile(kt_context *kt, kt_tensor *const *hold, size_t n_hold)
{
    kt_plan *plan = kt_take_zeroed(kt, 1, sizeof *plan);
    if (!plan) return NULL;
    plan->kt = kt;
    plan->serial = ++kt->graph->plans;
    kt_arena_init(&plan->memory, &kt->heap, 8192);
    const kt_context_config *c = &kt->config;
    plan->fused = kt->backend->flags & KT_BACKEND_FUSES && !c->no_fusion && !c->check_numerics && !c->run_eagerly;
    if (build(plan, hold, n_hold) != KT_OK) goto fail;
    kt_plan_sweep(plan);
    if (!c->run_eagerly && kt_pass_simplify(plan) != KT_OK) goto fail;
    if (plan->fused && (kt_pass_dense(plan) != KT_OK || kt_pass_fuse(plan) != KT_OK)) goto fail;
    if (kt_pass_order(plan) != KT_OK || kt_plan_place(plan) != KT_OK || kt_plan_prepare(plan) != KT_OK) goto fail;
    return plan;
fail:
    kt_plan_free(plan);
    return NULL;
}

void kt_plan_free(kt_plan *plan)
{
    if (!plan) return;
    for (uint32_t i = 0; i < plan->n_steps; i++) {
        const kt_step *step = &plan->steps[i];
        if (step->provider && step->provider->release && step->run.prepared) step->provider->release(step->run.prepared);
        kt_heap_give_aligned(&plan->kt->heap, step->run.prepared);
    }
    kt_context *kt = plan->kt;
    kt_arena_free(&plan->memory);
    kt_give(kt, plan);
}
