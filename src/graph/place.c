/* SPDX-License-Identifier: MIT */
/* graph/place.c: the order of updates, and where each value lies: the memory plan.
 *
 * Every value that lives only inside a step gets an offset in the context's one arena; two values share bytes when they do
 * not live at the same time. What is asked for goes straight to its scope's buffer, and a variable's new value straight into the
 * variable wherever nobody still needs the old one; otherwise a copy is made at the end. The planner alone decides what is overwritten.
 */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "ops/fused.h"

static bool is_view(const kt_step *step)
{
    return (step->op->flags & KT_OP_VIEW) != 0;
}

static void find_roots(kt_plan *plan)
{
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        const kt_step *step = &plan->steps[s];
        if (!step->dead && is_view(step)) plan->values[step->out[0]].root = plan->values[step->in[0]].root;
    }
}

/* Which variable's old value lies under this value? KT_NONE: none. */
static uint32_t variable_under(const kt_plan *plan, uint32_t v)
{
    const kt_plan_value *root = &plan->values[plan->values[v].root];
    return root->place == KT_IN_VARIABLE ? root->at : KT_NONE;
}

static kt_plan_variable *assigned_from(const kt_plan *plan, uint32_t v)
{
    for (uint32_t i = 0; i < plan->n_variables; i++)
        if (plan->variables[i].assigned == v) return &plan->variables[i];
    return NULL;
}

/* Output o of this step may be computed in the storage of the variable it is assigned to? */
static bool updates_in_place(const kt_plan *plan, const kt_step *step, uint32_t o)
{
    int input = o < KT_MAX_OUT ? step->op->inplace[o] - 1 : -1; /* the fused row may have more outputs */
    if (input < 0) return false;
    const kt_plan_variable *variable = assigned_from(plan, step->out[o]);
    return variable && variable_under(plan, step->in[input]) == (uint32_t)(variable - plan->variables);
}

typedef struct kt_place_key {
    double at;
    uint32_t step;
} kt_place_key;

static int by_key(const void *a, const void *b)
{
    const kt_place_key *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->step < y->step ? -1 : x->step > y->step;
}

/* Each update right after its gradient: as soon as its inputs are there and every other reader of the old value has run, so that
 * the gradient's memory is free again. */
kt_status kt_pass_order(kt_plan *plan)
{
    find_roots(plan);
    uint32_t n = plan->n_steps;
    kt_place_key *keys = kt_arena_take(&plan->memory, (n + 1) * sizeof *keys);
    kt_step *sorted = kt_arena_take(&plan->memory, (n + 1) * sizeof *sorted);
    uint32_t *producer = kt_arena_take(&plan->memory, (plan->n_values + 1) * sizeof *producer);
    uint32_t *last_reader = kt_arena_zeroed(&plan->memory, plan->n_variables + 1, 2 * sizeof *last_reader);
    if (!keys || !sorted || !producer || !last_reader) return kt_no_memory(plan->kt);
    for (uint32_t v = 0; v < plan->n_values; v++) producer[v] = KT_NONE;
    for (uint32_t s = 0; s < n; s++)
        for (uint32_t o = 0; o < plan->steps[s].n_out && !plan->steps[s].dead; o++) producer[plan->steps[s].out[o]] = s;
    for (uint32_t s = 0; s < n; s++) keys[s] = (kt_place_key){ s, s };
    for (uint32_t s = 0; s < n; s++) {
        const kt_step *step = &plan->steps[s];
        bool update = false;
        for (uint32_t o = 0; o < step->n_out && !step->dead; o++) update = update || updates_in_place(plan, step, o);
        if (!update) continue;
        double earliest = -1;
        for (uint32_t i = 0; i < step->n_in; i++) {
            uint32_t p = producer[step->in[i]];
            if (p != KT_NONE && keys[p].at > earliest) earliest = keys[p].at;
        }
        for (uint32_t o = 0; o < step->n_out; o++) {
            if (!updates_in_place(plan, step, o)) continue;
            uint32_t variable = variable_under(plan, step->in[step->op->inplace[o] - 1]);
            for (uint32_t r = 0; r < n; r++) {
                const kt_step *reader = &plan->steps[r];
                for (uint32_t i = 0; r != s && !reader->dead && i < reader->n_in; i++)
                    if (variable_under(plan, reader->in[i]) == variable && keys[r].at > earliest) earliest = keys[r].at;
            }
        }
        if (earliest < s) keys[s].at = earliest + 0.5;
    }
    qsort(keys, n, sizeof *keys, by_key);
    for (uint32_t s = 0; s < n; s++) sorted[s] = plan->steps[keys[s].step];
    if (n) memcpy(plan->steps, sorted, n * sizeof *sorted); /* a plan without steps has no list */
    for (uint32_t s = 0; s < n; s++)
        for (uint32_t o = 0; o < plan->steps[s].n_out && !plan->steps[s].dead; o++)
            plan->values[plan->steps[s].out[o]].producer = s;
    return KT_OK;
}

static uint32_t add_copy(kt_plan *plan, uint32_t from)
{
    kt_desc desc = plan->values[from].desc;
    uint32_t to = kt_plan_add_value(plan, &desc);
    kt_step *step = to == KT_NONE ? NULL : kt_plan_add_step(plan, &kt_op_copy, 1, 1, NULL, 0);
    if (!step) return KT_NONE;
    step->in[0] = from;
    step->out[0] = to;
    plan->values[to].producer = plan->n_steps - 1;
    return to;
}

/* What is asked for must lie in memory that outlives the plan's arena and nobody else's. */
static kt_status place_outputs(kt_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_outputs; i++) {
        kt_plan_value *root = &plan->values[plan->values[plan->outputs[i]].root];
        if (root->place == KT_IN_OUTPUT) continue;
        if (root->place != KT_IN_ARENA) {
            uint32_t copy = add_copy(plan, plan->outputs[i]);
            if (copy == KT_NONE) return plan->kt->status;
            plan->outputs[i] = copy;
            root = &plan->values[copy];
        }
        root->place = KT_IN_OUTPUT;
        root->at = i;
    }
    for (uint32_t i = 0; i < plan->n_observed; i++) {
        uint32_t variable = variable_under(plan, plan->observed[i]);
        if (variable == KT_NONE || plan->variables[variable].assigned == KT_NONE) continue;
        if ((plan->observed[i] = add_copy(plan, plan->observed[i])) == KT_NONE) return plan->kt->status;
    }
    return KT_OK;
}

static bool old_value_needed_after(const kt_plan *plan, uint32_t variable, uint32_t s, const kt_step *self)
{
    for (uint32_t r = s; r < plan->n_steps; r++) {
        const kt_step *reader = &plan->steps[r];
        for (uint32_t i = 0; reader != self && !reader->dead && i < reader->n_in; i++)
            if (variable_under(plan, reader->in[i]) == variable) return true;
    }
    for (uint32_t i = 0; i < plan->n_variables; i++) /* swapped variables: the copy at the end reads it */
        if (plan->variables[i].assigned != KT_NONE && i != variable &&
            variable_under(plan, plan->variables[i].assigned) == variable)
            return true;
    return false;
}

static bool reads_variable(const kt_plan *plan, const kt_step *step, uint32_t variable)
{
    for (uint32_t i = 0; i < step->n_in; i++)
        if (variable_under(plan, step->in[i]) == variable) return true;
    return false;
}

/* A fused step may write output v over the variable it reads element by element, if no instruction reads the old value after
 * the one that writes the new. */
static bool overwrites_safely(const kt_plan *plan, const kt_step *step, uint32_t v, uint32_t variable)
{
    const kt_fused_attr *a = step->attr;
    if (step->op != &kt_op_fused) return false;
    int written = -1;
    for (int o = 0; o < a->n_outputs; o++) {
        if (step->out[o] != v) continue;
        for (int k = 0; k < a->n_instructions; k++)
            if (a->instruction[k].result + a->n_operands == a->output[o]) written = k;
    }
    for (int i = 0; i < a->n_operands && written >= 0; i++) {
        const kt_fused_operand *operand = &a->operand[i];
        if (operand->mode == KT_FUSED_SLOT || operand->mode == KT_FUSED_CONST ||
            variable_under(plan, step->in[operand->input]) != variable)
            continue;
        if (operand->mode != KT_FUSED_FULL && a->count != 1) return false;
        for (int k = written + 1; k < a->n_instructions; k++)
            for (int n = 0; n < 3; n++)
                if (a->instruction[k].source[n] == i) return false;
    }
    return written >= 0;
}

static kt_status place_variables(kt_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_variables; i++) { /* straight into the variable */
        uint32_t v = plan->variables[i].assigned;
        if (v == KT_NONE || plan->kt->config.check_numerics) continue;
        kt_plan_value *value = &plan->values[v];
        if (value->root != v || value->place != KT_IN_ARENA || value->producer == KT_NONE) continue;
        const kt_step *step = &plan->steps[value->producer];
        bool in_place = false;
        for (uint32_t o = 0; o < step->n_out; o++) in_place = in_place || (step->out[o] == v && updates_in_place(plan, step, o));
        if (!in_place && reads_variable(plan, step, i) && !overwrites_safely(plan, step, v, i)) continue;
        if (old_value_needed_after(plan, i, value->producer, step)) continue;
        value->place = KT_IN_VARIABLE;
        value->at = i;
    }
    uint32_t *source = kt_arena_take(&plan->memory, (plan->n_variables + 1) * sizeof *source);
    if (!source) return kt_no_memory(plan->kt);
    for (uint32_t i = 0; i < plan->n_variables; i++) { /* what another copy would overwrite is saved first */
        uint32_t v = source[i] = plan->variables[i].assigned;
        if (v == KT_NONE) continue;
        uint32_t under = variable_under(plan, v);
        bool placed = plan->values[v].place == KT_IN_VARIABLE && plan->values[v].at == i && plan->values[v].producer != KT_NONE;
        if (!placed && under != KT_NONE && under != i && plan->variables[under].assigned != KT_NONE &&
            (source[i] = add_copy(plan, v)) == KT_NONE)
            return plan->kt->status;
    }
    for (uint32_t i = 0; i < plan->n_variables; i++) {
        if (source[i] == KT_NONE) continue;
        const kt_plan_value *value = &plan->values[source[i]];
        if (value->place == KT_IN_VARIABLE && value->at == i) continue; /* there already, or its own old value */
        if (variable_under(plan, source[i]) == i) continue;
        uint32_t copy = add_copy(plan, source[i]);
        if (copy == KT_NONE) return plan->kt->status;
        plan->values[copy].place = KT_IN_VARIABLE;
        plan->values[copy].at = i;
    }
    return KT_OK;
}

typedef struct kt_span {
    size_t from, to;
} kt_span;

static int by_from(const void *a, const void *b)
{
    const kt_span *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

static int by_size(const void *a, const void *b)
{
    const kt_plan_value *const *x = a, *const *y = b;
    if ((*x)->bytes != (*y)->bytes) return (*x)->bytes > (*y)->bytes ? -1 : 1;
    return (*x)->first < (*y)->first ? -1 : (*x)->first > (*y)->first;
}

/* Largest first, each at the lowest offset that is free for as long as it lives. */
static kt_status place_arena(kt_plan *plan)
{
    kt_plan_value **roots = kt_arena_take(&plan->memory, (plan->n_values + 1) * sizeof *roots);
    kt_span *taken = kt_arena_take(&plan->memory, (plan->n_values + 1) * sizeof *taken);
    if (!roots || !taken) return kt_no_memory(plan->kt);
    size_t n = 0;
    for (uint32_t v = 0; v < plan->n_values; v++) {
        plan->values[v].first = KT_NONE;
        plan->values[v].last = 0;
    }
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        const kt_step *step = &plan->steps[s];
        if (step->dead) continue;
        for (uint32_t o = 0; o < step->n_out; o++) {
            kt_plan_value *value = &plan->values[plan->values[step->out[o]].root];
            if (value->first == KT_NONE) value->first = s;
            if (s > value->last) value->last = s;
        }
        for (uint32_t i = 0; i < step->n_in; i++) plan->values[plan->values[step->in[i]].root].last = s;
    }
    for (uint32_t i = 0; i < plan->n_observed; i++) plan->values[plan->values[plan->observed[i]].root].last = plan->n_steps;
    for (uint32_t v = 0; v < plan->n_values; v++) {
        kt_plan_value *value = &plan->values[v];
        if (value->root == v && value->place == KT_IN_ARENA && value->first != KT_NONE) roots[n++] = value;
    }
    qsort(roots, n, sizeof *roots, by_size);
    for (size_t i = 0; i < n; i++) {
        size_t count = 0, offset = 0;
        for (size_t j = 0; j < i; j++)
            if (roots[j]->first <= roots[i]->last && roots[i]->first <= roots[j]->last)
                taken[count++] = (kt_span){ roots[j]->offset, roots[j]->offset + roots[j]->bytes };
        qsort(taken, count, sizeof *taken, by_from);
        for (size_t k = 0; k < count; k++) {
            if (taken[k].from >= offset + roots[i]->bytes) break;
            if (taken[k].to > offset) offset = (taken[k].to + 63) & ~(size_t)63;
        }
        roots[i]->offset = offset;
        if (offset + roots[i]->bytes > plan->arena_bytes) plan->arena_bytes = offset + roots[i]->bytes;
    }
    return KT_OK;
}

kt_status kt_plan_place(kt_plan *plan)
{
    find_roots(plan);
    if (place_outputs(plan) != KT_OK || place_variables(plan) != KT_OK) return plan->kt->status;
    return place_arena(plan);
}
