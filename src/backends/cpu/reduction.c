/* SPDX-License-Identifier: MIT */
/* reduction.c: sum, max, min, argmax and argmin of floats.
 *
 * The kernels reduce the middle axis of (outer, len, inner). Axes are folded to that where the
 * reduced ones stand together (axes of size 1 stand anywhere); anything else, and integers, go to
 * the row's reference kernel. The order of a sum is the kernels' and does not depend on threads.
 */
#include "backends/cpu/cpu.h"
#include "ops/ops.h"

typedef struct reduction {
    kt_reduce reduce;
    bool wide, split;
} reduction;

/* false: reduced axes with others between them. */
static bool fold(const kt_desc *x, uint32_t axes, kt_reduce *r)
{
    r->outer = r->len = r->inner = 1;
    int part = 0; /* which of the three the axis before belonged to */
    for (int i = 0; i < x->rank; i++) {
        bool reduced = axes >> i & 1;
        if (x->dim[i] == 1) continue;
        if (reduced && part == 2) return false;
        if (reduced) part = 1;
        else if (part == 1) part = 2;
        *(part == 0 ? &r->outer : part == 1 ? &r->len : &r->inner) *= x->dim[i];
    }
    return true;
}

static bool reduction_accept(const kt_step_info *info)
{
    kt_reduce r;
    return kt_is_float(info->in[0]->dtype) &&
           fold(info->in[0], ((const kt_reduce_attr *)info->attr)->axes, &r);
}

static kt_status reduction_prepare(kt_step_info *info)
{
    reduction *p = kt_prepared(info, sizeof *p);
    if (!p) return KT_ERR_MEMORY;
    fold(info->in[0], ((const kt_reduce_attr *)info->attr)->axes, &p->reduce);
    p->reduce.op = info->op->id == KT_OP_ID_max   ? KT_REDUCE_MAX
                   : info->op->id == KT_OP_ID_min ? KT_REDUCE_MIN
                                                  : KT_REDUCE_SUM;
    p->wide = info->in[0]->dtype == KT_FLOAT64;
    const kt_kernels *kernels = kt_cpu_of(info->kt)->kernels;
    if (p->wide) kernels->reduce_prepare_f64(&p->reduce);
    else kernels->reduce_prepare(&p->reduce);
    info->scratch_bytes = p->reduce.shared_bytes;
    p->split = p->reduce.chunks > 1 &&
               (double)kt_desc_elements(info->in[0]) * (p->wide ? 0.24 : 0.12) > KT_CPU_SPLIT_NS;
    return KT_OK;
}

static void reduction_chunk(void *arg, int64_t chunk, int thread)
{
    const kt_run *r = arg;
    const reduction *p = r->prepared;
    const kt_kernels *kernels = kt_cpu_of(r->kt)->kernels;
    (void)thread;
    const void *x = kt_run_address_in(r, 0);
    void *y = kt_run_address_out(r, 0);
    if (p->wide) kernels->reduce_run_f64(&p->reduce, x, y, r->scratch, chunk);
    else kernels->reduce_run(&p->reduce, x, y, r->scratch, chunk);
}

static kt_status reduction_run(kt_run *r)
{
    const reduction *p = r->prepared;
    kt_cpu_chunks(r, p->split, reduction_chunk, r, p->reduce.chunks);
    if (!p->reduce.needs_finish) return KT_OK;
    const kt_kernels *kernels = kt_cpu_of(r->kt)->kernels;
    if (p->wide) kernels->reduce_finish_f64(&p->reduce, r->scratch, kt_run_address_out(r, 0));
    else kernels->reduce_finish(&p->reduce, r->scratch, kt_run_address_out(r, 0));
    return KT_OK;
}

const kt_provider kt_cpu_reduce[] = {
    { .name = "reduce",
      .accept = reduction_accept,
      .prepare = reduction_prepare,
      .run = reduction_run },
    { 0 },
};

/* ---- argmax, argmin: the first of equals; the first NaN wins ---- */

#define EXTREME(name, real) \
    static int32_t name(const real *x, int64_t n, int64_t step, bool greatest) \
    { \
        int64_t best = 0; \
        real top = x[0]; \
        for (int64_t k = 1; k < n && top == top; k++) { \
            real v = x[k * step]; \
            if (v != v || (greatest ? v > top : v < top)) { \
                top = v; \
                best = k; \
            } \
        } \
        return (int32_t)best; \
    }
EXTREME(extreme_f32, float)
EXTREME(extreme_f64, double)

static bool extreme_accept(const kt_step_info *info)
{
    return kt_is_float(info->in[0]->dtype);
}

static kt_status extreme_run(kt_run *r)
{
    kt_lanes l = kt_lanes_of(r->in_desc[0], (int)((const kt_axis_attr *)r->attr)->axis);
    bool greatest = r->op->id == KT_OP_ID_argmax, wide = r->in_desc[0]->dtype == KT_FLOAT64;
    const void *x = kt_run_address_in(r, 0);
    int32_t *y = kt_run_address_out(r, 0);
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            int64_t first = o * l.len * l.inner + i;
            *y++ = wide ? extreme_f64((const double *)x + first, l.len, l.inner, greatest)
                        : extreme_f32((const float *)x + first, l.len, l.inner, greatest);
        }
    return KT_OK;
}

const kt_provider kt_cpu_extreme[] = {
    { .name = "lanes", .accept = extreme_accept, .run = extreme_run },
    { 0 },
};
