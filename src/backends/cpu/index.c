/* SPDX-License-Identifier: MIT */
/* index.c: rows chosen by number: gather and one_hot. Class numbers and indices come as int32 or
 * int64; the former are converted into the step's scratch, because the kernels know one type.
 * Indices are checked while they are used: nothing outside is read or written, and no value of an
 * index is known when the plan is made. Small enough to need no chunks.
 */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "ops/ops.h"

static kt_status gather_prepare(kt_step_info *info)
{
    info->scratch_bytes = kt_cpu_indices_bytes(info->in[1]);
    return KT_OK;
}

static kt_status gather_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(r->in_desc[0], (int)((const kt_axis_attr *)r->attr)->axis);
    int64_t n = (int64_t)kt_desc_elements(r->in_desc[1]);
    const int64_t *index = kt_cpu_indices(r, 1);
    size_t row = (size_t)l.inner * kt_dtype_size(r->in_desc[0]->dtype);
    const unsigned char *x = kt_run_address_in(r, 0);
    unsigned char *y = kt_run_address_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++, x += (size_t)l.len * row, y += (size_t)n * row)
        kt_cpu_of(r->kt)->kernels->gather_rows(x, row, l.len, index, n, y);
    return KT_OK;
}

const kt_provider kt_cpu_gather[] = {
    { .name = "rows", .prepare = gather_prepare, .run = gather_run },
    { 0 },
};

static kt_status one_hot_prepare(kt_step_info *info)
{
    info->scratch_bytes = kt_cpu_indices_bytes(info->in[0]);
    return KT_OK;
}

static kt_status one_hot_run(kt_run *r)
{
    kt_dtype dtype = r->out_desc[0]->dtype;
    int64_t depth = ((const kt_one_hot_attr *)r->attr)->depth,
            n = (int64_t)kt_desc_elements(r->in_desc[0]), one;
    const int64_t *index = kt_cpu_indices(r, 0);
    size_t size = kt_dtype_size(dtype), row = (size_t)depth * size;
    unsigned char *y = kt_run_address_out(r, 0);
    kt_cpu_number(dtype, 1, &one);
    if (n > 0 && row > 0) memset(y, 0, (size_t)n * row);
    for (int64_t i = 0; i < n; i++, y += row)
        if (index[i] >= 0 && index[i] < depth) memcpy(y + (size_t)index[i] * size, &one, size);
    return KT_OK;
}

const kt_provider kt_cpu_one_hot[] = {
    { .name = "rows", .prepare = one_hot_prepare, .run = one_hot_run },
    { 0 },
};
