/* SPDX-License-Identifier: MIT */
/* graph/fault.c: what check_numerics found, in numbers: the op, its layer and direction, and of its inputs and its bad
 * result shape, range, mean and how many elements are not finite.
 *
 * Only the first fault is kept: later ones follow from it. Values are read where they lie, piece by piece, so nothing
 * is allocated. Inputs that share their memory with the output (an update in place) do not exist here: with
 * check_numerics plans write variables by copies at the end.
 */
#include <math.h>

#include "graph/graph.h"

void kt_check_into(kt_context *kt, kt_fault *fault)
{
    kt->graph->fault = fault;
    if (fault) fault->found = false;
}

static void copy(char *to, size_t size, const char *from)
{
    kt_text text = kt_text_in(to, size);
    kt_text_add(&text, "%s", from);
}

static void describe(kt_plan *plan, kt_fault_value *v, const kt_desc *desc, uint32_t value)
{
    enum { PIECE = 256 };
    const kt_plan_value *root = &plan->values[plan->values[value].root];
    size_t n = kt_desc_elements(desc), storage = kt_storage_size(plan->kt->backend, desc->dtype);
    double sum = 0, finite = 0, piece[PIECE];
    *v = (kt_fault_value){ .desc = *desc, .count = (int64_t)n };
    if (root->place == KT_IN_VARIABLE) copy(v->variable, sizeof v->variable, plan->variables[root->at].variable->name);
    for (size_t i = 0; i < n; i += PIECE) {
        size_t m = n - i < PIECE ? n - i : PIECE;
        const unsigned char *at = plan->address[plan->values[value].root];
        if (kt_load(plan->kt, at + i * storage, desc->dtype, piece, KT_FLOAT64, m) != KT_OK) return;
        for (size_t k = 0; k < m; k++) {
            double x = piece[k];
            if (x != x) v->nans++;
            else if (isinf(x)) v->infinities++;
            else {
                v->min = finite == 0 || x < v->min ? x : v->min;
                v->max = finite == 0 || x > v->max ? x : v->max;
                finite++;
                sum += x;
            }
        }
    }
    v->mean = finite > 0 ? sum / finite : 0;
}

void kt_fault_fill(kt_plan *plan, const kt_step *step, uint32_t bad, bool finite_inputs)
{
    kt_fault *fault = plan->kt->graph->fault;
    if (fault->found) return;
    fault->found = true;
    fault->finite_inputs = finite_inputs;
    fault->direction = step->direction;
    fault->n_inputs = (int)step->n_in;
    copy(fault->op, sizeof fault->op, step->op->name);
    copy(fault->path, sizeof fault->path, step->path);
    describe(plan, &fault->result, step->run.out_desc[bad], step->out[bad]);
    for (uint32_t i = 0; i < step->n_in && i < KT_FAULT_INPUTS; i++)
        describe(plan, &fault->input[i], step->run.in_desc[i], step->in[i]);
}
