/* SPDX-License-Identifier: MIT */
/* graph/profile.c: a plan for those above to look at, and how long its steps take.
 *
 * What is seen is a copy without addresses: rows, layers, providers, and for each value who makes it. The plan has forgotten
 * some of that (steps move, views share their source's number), so it is found again from the steps' outputs.
 *
 * Timing is the same run with a reading of the clock between steps. It tells of the step on the thread that runs the plan,
 * work that other threads did for it included.
 */
#include "graph/graph.h"

#include <string.h>
#include <time.h>

#include "ops/fused.h"
#include "ops/ops.h"

/* ---- looking ---- */

typedef struct looker {
    const kt_plan *plan;
    kt_seen_plan *seen;
    kt_seen_value *values; /* by value number */
} looker;

static const char *kept_text(kt_arena *memory, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = kt_arena_take(memory, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

/* Leaves, variables and what steps make; other values are nobody's. */
static bool see_values(looker *l)
{
    const kt_plan *plan = l->plan;
    for (uint32_t v = 0; v < plan->n_values; v++) {
        const kt_plan_value *value = &plan->values[v];
        kt_seen_value *seen = &l->values[v];
        *seen = (kt_seen_value){ .desc = value->desc, .step = -1, .input = -1 };
        if (value->place == KT_IN_VARIABLE &&
            !(seen->variable = kept_text(&l->seen->memory, plan->variables[value->at].variable->name)))
            return false;
    }
    for (uint32_t i = 0; i < plan->n_leaves; i++) {
        kt_seen_value *leaf = &l->values[plan->leaves[i]];
        leaf->index = (int)i;
        if (plan->leaf_inputs) leaf->input = plan->leaf_inputs[i];
    }
    for (uint32_t s = 0; s < plan->n_steps; s++)
        for (uint32_t o = 0; o < plan->steps[s].n_out; o++) {
            l->values[plan->steps[s].out[o]].step = (int)s;
            l->values[plan->steps[s].out[o]].index = (int)o;
        }
    return true;
}

/* The rows that a step does at once. */
static const char *parts_of(looker *l, const kt_step *step)
{
    char words[1024];
    kt_text text = kt_text_in(words, sizeof words);
    if (step->op == &kt_op_fused) {
        const kt_fused_attr *attr = step->attr;
        for (int i = 0; i < attr->n_instructions; i++)
            kt_text_add(&text, "%s%s", i ? " " : "", kt_op_of(attr->instruction[i].op)->name);
        for (int i = 0; i < attr->n_sums; i++) kt_text_add(&text, "%ssum", text.length ? " " : "");
    } else if (step->op == &kt_op_dense)
        kt_text_add(&text, "matmul add%s", ((const kt_dense_attr *)step->attr)->relu ? " relu" : "");
    return kept_text(&l->seen->memory, words);
}

static bool see_step(looker *l, uint32_t s)
{
    const kt_step *step = &l->plan->steps[s];
    kt_arena *memory = &l->seen->memory;
    kt_seen_value *in = kt_arena_take(memory, (step->n_in + step->n_out + 1u) * sizeof *in), *out = in ? in + step->n_in : NULL;
    kt_seen_step *seen = &l->seen->steps[s];
    if (!in) return false;
    *seen = (kt_seen_step){ .op = step->op->name, .path = kept_text(memory, step->path), .provider = step->provider->name,
                            .parts = parts_of(l, step), .direction = (enum kt_direction)step->direction,
                            .n_in = (int)step->n_in, .n_out = (int)step->n_out, .in = in, .out = out };
    for (uint32_t i = 0; i < step->n_in; i++) in[i] = l->values[step->in[i]];
    for (uint32_t o = 0; o < step->n_out; o++) {
        out[o] = l->values[step->out[o]];
        seen->bytes += l->plan->values[step->out[o]].bytes;
    }
    return seen->path && seen->parts;
}

kt_seen_plan *kt_plan_look(const kt_plan *plan)
{
    kt_context *kt = plan->kt;
    kt_seen_plan *seen = kt_take_zeroed(kt, 1, sizeof *seen);
    if (!seen) return NULL;
    kt_arena_init(&seen->memory, &kt->heap, 8192);
    looker l = { plan, seen, kt_arena_zeroed(&seen->memory, plan->n_values + 1u, sizeof *l.values) };
    seen->steps = kt_arena_zeroed(&seen->memory, plan->n_steps + 1u, sizeof *seen->steps);
    seen->n_steps = (int)plan->n_steps;
    seen->serial = plan->serial;
    bool good = l.values && seen->steps && see_values(&l);
    for (uint32_t s = 0; good && s < plan->n_steps; s++) good = see_step(&l, s);
    if (good) return seen;
    kt_plan_look_end(kt, seen);
    kt_no_memory(kt);
    return NULL;
}

void kt_plan_look_end(kt_context *kt, kt_seen_plan *seen)
{
    if (!seen) return;
    kt_arena_free(&seen->memory);
    kt_give(kt, seen);
}

uint64_t kt_plan_serial(const kt_plan *plan) { return plan->serial; }
int kt_plan_steps(const kt_plan *plan) { return (int)plan->n_steps; }

bool kt_plan_updates(const kt_plan *plan)
{
    for (uint32_t s = 0; s < plan->n_steps; s++)
        if (plan->steps[s].direction == KT_UPDATE) return true;
    return false;
}

/* ---- timing ---- */

void kt_profile_begin(kt_context *kt, kt_profiler *profiler)
{
    kt_profile_end(kt, profiler);
    profiler->next = kt->graph->profilers;
    kt->graph->profilers = profiler;
}

void kt_profile_end(kt_context *kt, kt_profiler *profiler)
{
    for (kt_profiler **at = &kt->graph->profilers; *at; at = &(*at)->next)
        if (*at == profiler) {
            *at = profiler->next;
            return;
        }
}

int64_t kt_profile_now(void)
{
    struct timespec t = { 0, 0 };
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t *kt_profile_moments(kt_plan *plan)
{
    kt_graph *graph = plan->kt->graph;
    size_t need = (size_t)plan->n_steps + 1;
    return kt_grow(&plan->kt->heap, &graph->moments, &graph->moments_capacity, need, sizeof *graph->moments) ? graph->moments : NULL;
}

void kt_profile_tell(kt_plan *plan)
{
    kt_graph *graph = plan->kt->graph;
    for (kt_profiler *p = graph->profilers, *next; p; p = next) {
        next = p->next; /* it may end itself */
        p->ran(p->user, plan, graph->moments);
    }
}
