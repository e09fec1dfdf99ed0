/* SPDX-License-Identifier: MIT */
/* fill.c: rows without data: numbers of the step, constants, and sizes. Most are folded into fused
 * programs; those that stay must cost nothing, such as the learning rate that an update reads.
 *
 * A scalar's number is a slot and is read in each run; a constant and a size are known when the
 * plan is made. How a number becomes an element of each dtype is kt_cpu_number's matter alone.
 */
#include "backends/cpu/cpu.h"
#include "ops/ops.h"

typedef struct fill_plan {
    int64_t count;
    kt_dtype dtype;
    double value;
} fill_plan;

static kt_status fill_prepare(kt_step_info *info)
{
    fill_plan *p = kt_prepared(info, sizeof *p);
    if (!p) return KT_ERR_MEMORY;
    p->count = (int64_t)kt_desc_elements(info->out[0]);
    p->dtype = info->out[0]->dtype;
    if (info->op->id == KT_OP_ID_fill) p->value = ((const kt_fill_attr *)info->attr)->value;
    return KT_OK;
}

static kt_status fill_run(kt_run *r)
{
    const fill_plan *p = r->prepared;
    double value = r->op->id == KT_OP_ID_scalar ? r->slots[0] : p->value;
    int64_t number;
    if (p->count == 1) {
        kt_cpu_number(p->dtype, value, kt_run_address_out(r, 0));
        return KT_OK;
    }
    kt_cpu_number(p->dtype, value, &number);
    kt_cpu_of(r->kt)->elementwise->repeat[p->dtype](kt_run_address_out(r, 0), &number, NULL, NULL,
                                                    p->count);
    return KT_OK;
}

const kt_provider kt_cpu_fill[] = {
    { .name = "fill", .prepare = fill_prepare, .run = fill_run },
    { 0 },
};

static kt_status size_of_prepare(kt_step_info *info)
{
    double *size = kt_prepared(info, sizeof *size);
    if (!size) return KT_ERR_MEMORY;
    *size = 1;
    for (int i = 0; i < info->in[0]->rank; i++)
        if (((const kt_size_attr *)info->attr)->axes >> i & 1) *size *= (double)info->in[0]->dim[i];
    return KT_OK;
}

static kt_status size_of_run(kt_run *r)
{
    kt_cpu_number(r->out_desc[0]->dtype, *(const double *)r->prepared, kt_run_address_out(r, 0));
    return KT_OK;
}

const kt_provider kt_cpu_size_of[] = {
    { .name = "size", .prepare = size_of_prepare, .run = size_of_run },
    { 0 },
};
