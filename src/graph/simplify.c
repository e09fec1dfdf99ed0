/* SPDX-License-Identifier: MIT */
/* graph/simplify.c: fewer steps, the same bits: constants folded where the arithmetic is exact to the bit, x * 1, shapes that do not
 * change, equal subexpressions shared, and what nobody wants then dropped.
 *
 * Steps with slots are never shared or folded (their numbers may differ next time), random ones neither.
 */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

#include "ops/ops.h"

typedef struct kt_simplifier {
    kt_plan *plan;
    uint32_t *same;      /* value -> the value to use instead */
    uint32_t *table;     /* hash of a step -> step + 1 */
    uint32_t mask;
} kt_simplifier;

static const kt_step *producer_of(const kt_plan *plan, uint32_t v)
{
    return plan->values[v].producer == KT_NONE ? NULL : &plan->steps[plan->values[v].producer];
}

/* Is the value the same known number everywhere? Looks through fills, broadcasts and views. */
static bool uniform(const kt_plan *plan, uint32_t v, double *number)
{
    for (const kt_step *step = producer_of(plan, v); step; step = producer_of(plan, step->in[0])) {
        if (step->op == &kt_op_fill) {
            *number = ((const kt_fill_attr *)step->attr)->value;
            return true;
        }
        if (step->op != &kt_op_broadcast_to && step->op != &kt_op_reshape) return false;
    }
    return false;
}

static double round_to(double x, kt_dtype dtype)
{
    return dtype == KT_FLOAT32 ? (double)(float)x : x;
}

/* Sums, products and quotients of two floats computed in double and rounded once are the float's own: exact for +, -, x, / and
 * sqrt (double has more than 2 x 24 + 2 bits). */
static bool fold(const kt_step *step, const double *x, kt_dtype dtype, double *result)
{
    if (!kt_is_float(dtype)) return false;
    double a = round_to(x[0], dtype), b = step->n_in > 1 ? round_to(x[1], dtype) : 0, y;
    if (step->op == &kt_op_add) y = a + b;
    else if (step->op == &kt_op_sub) y = a - b;
    else if (step->op == &kt_op_mul) y = a * b;
    else if (step->op == &kt_op_div) y = a / b;
    else if (step->op == &kt_op_neg) y = -a;
    else if (step->op == &kt_op_square) y = a * a;
    else if (step->op == &kt_op_sqrt) y = sqrt(a);
    else return false;
    *result = round_to(y, dtype);
    return !isnan(*result);
}

/* The number of elements over some axes is known here: the plan is made for these shapes. */
static bool known_size(const kt_plan *plan, const kt_step *step, double *count)
{
    if (step->op != &kt_op_size_of) return false;
    const kt_size_attr *attr = step->attr;
    const kt_desc *x = &plan->values[step->in[0]].desc;
    *count = 1;
    for (int i = 0; i < x->rank; i++)
        if (attr->axes >> i & 1) *count *= (double)x->dim[i];
    return true;
}

static void become_fill(kt_plan *plan, kt_step *step, double number)
{
    const kt_desc *desc = &plan->values[step->out[0]].desc;
    kt_fill_attr attr = { .dtype = desc->dtype, .value = number, .rank = desc->rank };
    for (int i = 0; i < desc->rank; i++) attr.dim[i] = desc->dim[i];
    kt_fill_attr *kept = kt_arena_take(&plan->memory, sizeof *kept);
    if (!kept) {
        kt_no_memory(plan->kt);
        return;
    }
    *kept = attr;
    step->op = &kt_op_fill;
    step->attr = kept;
    step->n_in = 0;
}

/* What this step's result equals among its inputs; KT_NONE: nothing. */
static uint32_t equals_input(const kt_plan *plan, const kt_step *step)
{
    const kt_desc *out = &plan->values[step->out[0]].desc;
    double number;
    if (step->op == &kt_op_mul) {
        for (uint32_t i = 0; i < 2; i++)
            if (kt_is_float(out->dtype) && uniform(plan, step->in[i], &number) && number == 1) return step->in[1 - i];
    } else if (step->op == &kt_op_div) {
        if (uniform(plan, step->in[1], &number) && number == 1) return step->in[0];
    } else if (step->op == &kt_op_broadcast_to || step->op == &kt_op_reshape || step->op == &kt_op_cast ||
               step->op == &kt_op_stop_gradient) {
        if (kt_desc_equal(out, &plan->values[step->in[0]].desc)) return step->in[0];
    } else if (step->op == &kt_op_relu_grad && uniform(plan, step->in[0], &number) && number == 0) {
        return step->in[0];
    }
    return KT_NONE;
}

static bool alike(const kt_plan *plan, const kt_step *a, const kt_step *b)
{
    (void)plan;
    return a->op == b->op && a->n_in == b->n_in && memcmp(a->in, b->in, a->n_in * sizeof *a->in) == 0 &&
           memcmp(a->attr, b->attr, a->op->attr_size) == 0;
}

static uint32_t find_alike(kt_simplifier *q, uint32_t s)
{
    const kt_step *step = &q->plan->steps[s];
    uint64_t h = kt_hash_bytes(step->in, step->n_in * sizeof *step->in, (uint64_t)(uintptr_t)step->op);
    h = kt_hash_bytes(step->attr, step->op->attr_size, h);
    for (uint32_t i = (uint32_t)h & q->mask;; i = (i + 1) & q->mask) {
        if (!q->table[i]) {
            q->table[i] = s + 1;
            return KT_NONE;
        }
        if (alike(q->plan, &q->plan->steps[q->table[i] - 1], step)) return q->table[i] - 1;
    }
}

kt_status kt_pass_simplify(kt_plan *plan)
{
    uint32_t buckets = 16;
    while (buckets < 2 * plan->n_steps + 2) buckets *= 2;
    kt_simplifier q = { plan, kt_arena_take(&plan->memory, (plan->n_values + 1) * sizeof *q.same),
                        kt_arena_zeroed(&plan->memory, buckets, sizeof *q.table), buckets - 1 };
    if (!q.same || !q.table) return kt_no_memory(plan->kt);
    for (uint32_t v = 0; v < plan->n_values; v++) q.same[v] = v;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        kt_step *step = &plan->steps[s];
        if (step->dead) continue;
        for (uint32_t i = 0; i < step->n_in; i++) step->in[i] = q.same[step->in[i]];
        if (step->n_slots || step->op->flags & KT_OP_RANDOM || step->op->id == 0) continue;
        uint32_t equal = step->n_in ? equals_input(plan, step) : KT_NONE;
        if (equal != KT_NONE) {
            q.same[step->out[0]] = equal;
            step->dead = true;
            continue;
        }
        double number[2], result;
        if (known_size(plan, step, &result)) become_fill(plan, step, result);
        bool known = step->n_in && step->n_in <= 2 && step->op->flags & KT_OP_ELEMENTWISE;
        for (uint32_t i = 0; i < step->n_in && known; i++) known = uniform(plan, step->in[i], &number[i]);
        if (known && fold(step, number, plan->values[step->out[0]].desc.dtype, &result)) become_fill(plan, step, result);
        uint32_t twin = find_alike(&q, s);
        if (twin == KT_NONE) continue;
        for (uint32_t o = 0; o < step->n_out; o++) q.same[step->out[o]] = plan->steps[twin].out[o];
        step->dead = true;
    }
    for (uint32_t i = 0; i < plan->n_outputs; i++) plan->outputs[i] = q.same[plan->outputs[i]];
    for (uint32_t i = 0; i < plan->n_observed; i++) plan->observed[i] = q.same[plan->observed[i]];
    for (uint32_t i = 0; i < plan->n_variables; i++)
        if (plan->variables[i].assigned != KT_NONE) plan->variables[i].assigned = q.same[plan->variables[i].assigned];
    kt_plan_sweep(plan);
    return plan->kt->status;
}
