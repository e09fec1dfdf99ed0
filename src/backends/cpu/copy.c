/* SPDX-License-Identifier: MIT */
/* copy.c: rows that only move elements: broadcast_to, transpose, slice, pad, concatenate.
 *
 * All are one thing: y[i . y_stride] = x[i . x_stride] over a box of indices, where a broadcast has
 * strides of 0, a transposition has them in another order, and parts begin somewhere inside.
 * prepare drops axes of size 1, joins axes that lie together on both sides, and names what is left
 * at the bottom: a run of bytes, one number repeated, a plane to transpose (a kernel each), or
 * single elements. run counts through the axes above that.
 */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "ops/ops.h"

typedef enum copy_kind { COPY_NOTHING, COPY_RUN, COPY_REPEAT, COPY_PLANE, COPY_ELEMENTS } copy_kind;

typedef struct copy_plan {
    copy_kind kind;
    kt_dtype dtype;
    int size;           /* of an element */
    int rank, outer;    /* axes; those that are counted through */
    int64_t dim[KT_MAX_RANK], x[KT_MAX_RANK], y[KT_MAX_RANK];
    int64_t x_at, y_at; /* where the box begins */
} copy_plan;

/* p holds rank, dim, x, y and the beginnings. */
static void copy_prepare(copy_plan *p, kt_dtype dtype)
{
    int n = 0;
    p->dtype = dtype;
    p->size = (int)kt_dtype_size(dtype);
    p->kind = COPY_NOTHING;
    for (int i = 0; i < p->rank; i++) {
        if (p->dim[i] == 0) return;
        if (p->dim[i] == 1) continue;
        bool joins =
            n > 0 && p->x[n - 1] == p->x[i] * p->dim[i] && p->y[n - 1] == p->y[i] * p->dim[i];
        int to = joins ? n - 1 : n++;
        p->dim[to] = joins ? p->dim[to] * p->dim[i] : p->dim[i];
        p->x[to] = p->x[i];
        p->y[to] = p->y[i];
    }
    if (n == 0) { /* a single element */
        p->dim[0] = p->x[0] = p->y[0] = 1;
        n = 1;
    }
    p->rank = n;
    p->outer = n - 1;
    int last = n - 1, along = last;
    while (along >= 0 && p->x[along] != 1) along--;
    p->kind = p->y[last] != 1   ? COPY_ELEMENTS
              : p->x[last] == 1 ? COPY_RUN
              : p->x[last] == 0 ? COPY_REPEAT
              : along >= 0      ? COPY_PLANE
                                : COPY_ELEMENTS;
    if (p->kind != COPY_PLANE) return;
    int64_t dim = p->dim[along], x = p->x[along], y = p->y[along];
    for (int i = along; i < last - 1; i++) { /* the axis along which x is read comes last but one */
        p->dim[i] = p->dim[i + 1];
        p->x[i] = p->x[i + 1];
        p->y[i] = p->y[i + 1];
    }
    p->dim[last - 1] = dim;
    p->x[last - 1] = x;
    p->y[last - 1] = y;
    p->outer = n - 2;
}

static void copy_bottom(const copy_plan *p, const kt_cpu *cpu, const unsigned char *x,
                        unsigned char *y)
{
    int last = p->rank - 1;
    int64_t n = p->dim[last];
    if (p->kind == COPY_RUN) {
        memcpy(y, x, (size_t)n * (size_t)p->size);
    } else if (p->kind == COPY_REPEAT) {
        cpu->elementwise->repeat[p->dtype](y, x, NULL, NULL, n);
    } else if (p->kind == COPY_PLANE) {
        cpu->kernels->transpose(x, p->x[last], y, p->y[last - 1], n, p->dim[last - 1], p->size);
    } else {
        for (int64_t i = 0; i < n; i++)
            memcpy(y + i * p->y[last] * p->size, x + i * p->x[last] * p->size, (size_t)p->size);
    }
}

static void copy_run(const copy_plan *p, const kt_cpu *cpu, const void *from, void *to)
{
    if (p->kind == COPY_NOTHING) return;
    const unsigned char *x = (const unsigned char *)from + p->x_at * p->size;
    unsigned char *y = (unsigned char *)to + p->y_at * p->size;
    int64_t at[KT_MAX_RANK] = { 0 };
    for (;;) {
        copy_bottom(p, cpu, x, y);
        int k = p->outer - 1;
        for (; k >= 0; k--) {
            x += p->x[k] * p->size;
            y += p->y[k] * p->size;
            if (++at[k] < p->dim[k]) break;
            x -= p->x[k] * p->dim[k] * p->size;
            y -= p->y[k] * p->dim[k] * p->size;
            at[k] = 0;
        }
        if (k < 0) return;
    }
}

static void strides_of(const kt_desc *desc, int64_t *stride)
{
    int64_t step = 1;
    for (int i = desc->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= desc->dim[i];
    }
}

/* The box of y's (or x's) whole shape, y contiguous. */
static copy_plan *copy_new(kt_step_info *info, size_t count, const kt_desc *box)
{
    copy_plan *p = kt_prepared(info, count * sizeof *p);
    if (!p) return NULL;
    p->rank = box->rank;
    memcpy(p->dim, box->dim, sizeof p->dim);
    return p;
}

static kt_status copy_run_one(kt_run *r)
{
    copy_run(r->prepared, kt_cpu_of(r->kt), kt_run_address_in(r, 0), kt_run_address_out(r, 0));
    return KT_OK;
}

/* ---- broadcast_to ---- */

static kt_status broadcast_prepare(kt_step_info *info)
{
    const kt_desc *x = info->in[0], *y = info->out[0];
    copy_plan *p = copy_new(info, 1, y);
    if (!p) return KT_ERR_MEMORY;
    int64_t stride[KT_MAX_RANK];
    strides_of(x, stride);
    strides_of(y, p->y);
    for (int i = 0; i < y->rank; i++) {
        int k = i - (y->rank - x->rank);
        p->x[i] = k < 0 || x->dim[k] == 1 ? 0 : stride[k];
    }
    copy_prepare(p, y->dtype);
    return KT_OK;
}

const kt_provider kt_cpu_broadcast[] = {
    { .name = "copy", .prepare = broadcast_prepare, .run = copy_run_one },
    { 0 },
};

/* ---- transpose ---- */

static kt_status transpose_prepare(kt_step_info *info)
{
    const kt_transpose_attr *a = info->attr;
    const kt_desc *y = info->out[0];
    copy_plan *p = copy_new(info, 1, y);
    if (!p) return KT_ERR_MEMORY;
    int64_t stride[KT_MAX_RANK];
    strides_of(info->in[0], stride);
    strides_of(y, p->y);
    for (int i = 0; i < y->rank; i++) p->x[i] = stride[a->axis[i]];
    copy_prepare(p, y->dtype);
    return KT_OK;
}

const kt_provider kt_cpu_transpose[] = {
    { .name = "copy", .prepare = transpose_prepare, .run = copy_run_one },
    { 0 },
};

/* ---- slice, pad: a box inside of x, or inside of y ---- */

static kt_status block_prepare(kt_step_info *info)
{
    bool pad = info->op->id == KT_OP_ID_pad;
    const kt_desc *x = info->in[0], *y = info->out[0];
    copy_plan *p = copy_new(info, 1, pad ? x : y);
    if (!p) return KT_ERR_MEMORY;
    strides_of(x, p->x);
    strides_of(y, p->y);
    for (int i = 0; i < x->rank; i++) {
        if (pad) p->y_at += ((const kt_pad_attr *)info->attr)->before[i] * p->y[i];
        else p->x_at += ((const kt_slice_attr *)info->attr)->start[i] * p->x[i];
    }
    copy_prepare(p, y->dtype);
    return KT_OK;
}

static kt_status block_run(kt_run *r)
{
    if (r->op->id == KT_OP_ID_pad) {
        kt_dtype dtype = r->out_desc[0]->dtype;
        int64_t number;
        kt_cpu_number(dtype, r->slots[0], &number);
        kt_cpu_of(r->kt)->elementwise->repeat[dtype](kt_run_address_out(r, 0), &number, NULL, NULL,
                                                     kt_count(r));
    }
    return copy_run_one(r);
}

const kt_provider kt_cpu_block[] = {
    { .name = "copy", .prepare = block_prepare, .run = block_run },
    { 0 },
};

/* ---- concatenate: a box of y for each input ---- */

static kt_status concatenate_prepare(kt_step_info *info)
{
    int64_t axis = ((const kt_axis_attr *)info->attr)->axis, before = 0;
    const kt_desc *y = info->out[0];
    copy_plan *plans = copy_new(info, (size_t)info->n_in, y);
    if (!plans) return KT_ERR_MEMORY;
    for (int i = 0; i < info->n_in; i++) {
        const kt_desc *x = info->in[i];
        copy_plan *p = &plans[i];
        p->rank = x->rank;
        memcpy(p->dim, x->dim, sizeof p->dim);
        strides_of(x, p->x);
        strides_of(y, p->y);
        p->y_at = before * p->y[axis];
        before += x->dim[axis];
        copy_prepare(p, y->dtype);
    }
    return KT_OK;
}

static kt_status concatenate_run(kt_run *r)
{
    const copy_plan *plans = r->prepared;
    for (int i = 0; i < r->n_in; i++)
        copy_run(&plans[i], kt_cpu_of(r->kt), kt_run_address_in(r, i), kt_run_address_out(r, 0));
    return KT_OK;
}

const kt_provider kt_cpu_concatenate[] = {
    { .name = "copy", .prepare = concatenate_prepare, .run = concatenate_run },
    { 0 },
};
