/* SPDX-License-Identifier: MIT */
/* graph/dense.c: matmul, then a bias added, then perhaps relu: one `dense` step, whose product adds the bias and clips while
 * the result is still in registers. Each operation rounds as before, so the bits stay.
 */
#include "graph/graph.h"

#include "ops/ops.h"

typedef struct kt_uses { /* per value: how many steps read it, and the last of them */
    uint32_t count, step;
} kt_uses;

static const kt_step *producer_of(const kt_plan *plan, uint32_t v)
{
    uint32_t p = plan->values[v].producer;
    return p == KT_NONE || plan->steps[p].dead ? NULL : &plan->steps[p];
}

/* The single step that uses this value and nobody else does. */
static kt_step *only_user(kt_plan *plan, const kt_uses *uses, uint32_t v)
{
    return uses[v].count == 1 ? &plan->steps[uses[v].step] : NULL;
}

kt_status kt_pass_dense(kt_plan *plan)
{
    kt_uses *uses = kt_arena_zeroed(&plan->memory, plan->n_values + 1, sizeof *uses);
    if (!uses) return kt_no_memory(plan->kt);
    for (uint32_t s = 0; s < plan->n_steps; s++)
        for (uint32_t i = 0; i < plan->steps[s].n_in && !plan->steps[s].dead; i++)
            uses[plan->steps[s].in[i]] = (kt_uses){ uses[plan->steps[s].in[i]].count + 1, s };
    for (uint32_t i = 0; i < plan->n_outputs; i++) uses[plan->outputs[i]].count += 2;
    for (uint32_t i = 0; i < plan->n_observed; i++) uses[plan->observed[i]].count += 2;
    for (uint32_t i = 0; i < plan->n_variables; i++)
        if (plan->variables[i].assigned != KT_NONE) uses[plan->variables[i].assigned].count += 2;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        kt_step *product = &plan->steps[s];
        const kt_desc *y = product->dead ? NULL : &plan->values[product->out[0]].desc;
        if (!y || product->op != &kt_op_matmul || plan->values[product->in[0]].desc.rank != 2 ||
            plan->values[product->in[1]].desc.rank != 2)
            continue;
        kt_step *sum = only_user(plan, uses, product->out[0]);
        if (!sum || sum->op != &kt_op_add) continue;
        const kt_step *spread = producer_of(plan, sum->in[0] == product->out[0] ? sum->in[1] : sum->in[0]);
        if (!spread || spread->op != &kt_op_broadcast_to) continue;
        const kt_desc *bias = &plan->values[spread->in[0]].desc;
        if (bias->rank != 1 || bias->dim[0] != y->dim[1]) continue;
        kt_step *clip = only_user(plan, uses, sum->out[0]);
        if (clip && clip->op != &kt_op_relu) clip = NULL;
        kt_step *last = clip ? clip : sum;
        const kt_matmul_attr *attr = product->attr;
        kt_dense_attr dense = { attr->transpose_a, attr->transpose_b, clip != NULL };
        uint32_t a = product->in[0], b = product->in[1], c = spread->in[0], out = last->out[0];
        uint32_t place = (uint32_t)(last - plan->steps);
        const char *path = product->path;
        uint8_t direction = product->direction;
        kt_step *fresh = kt_plan_add_step(plan, &kt_op_dense, 3, 1, &dense, sizeof dense); /* may move the steps */
        if (!fresh) return plan->kt->status;
        fresh->path = path;
        fresh->direction = direction;
        fresh->in[0] = a;
        fresh->in[1] = b;
        fresh->in[2] = c;
        fresh->out[0] = out;
        plan->steps[s].dead = true;
        plan->steps[place].dead = true;
        if (clip) plan->steps[uses[plan->steps[s].out[0]].step].dead = true;
        plan->steps[place] = plan->steps[plan->n_steps - 1]; /* stands where the last of the three stood */
        plan->n_steps--;
    }
    kt_plan_sweep(plan);
    return KT_OK;
}
