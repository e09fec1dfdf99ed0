/* SPDX-License-Identifier: MIT */
/* update.c: optimizer steps: one pass over a variable, its slots and its gradient.
 *
 * The kernels update in place. Where the planner gave a result memory of its own, the old value is
 * copied there first, chunk by chunk. Everything that depends on the step alone (Adam's bias
 * correction) is computed in double, once per step and not once per variable: kt_cpu keeps the last
 * one.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "ops/ops.h"

enum { CHUNK = 16384 }; /* parameters */

typedef struct update_plan {
    int64_t count, chunks;
    size_t size;
    bool wide, split;
} update_plan;

typedef struct update_run {
    const kt_run *r;
    double rate, alpha;
} update_run;

static kt_status update_prepare(kt_step_info *info)
{
    update_plan *p = kt_prepared(info, sizeof *p);
    if (!p) return KT_ERR_MEMORY;
    p->count = (int64_t)kt_desc_elements(info->in[0]);
    p->wide = info->in[0]->dtype == KT_FLOAT64;
    p->size = kt_dtype_size(info->in[0]->dtype);
    p->chunks = (p->count + CHUNK - 1) / CHUNK;
    p->split = p->count >= 65536;
    return KT_OK;
}

/* One of the kernels' two forms; the arguments after the arrays are numbers, given as doubles. */
static void step_f32(const kt_kernels *k, const kt_run *r, int64_t n, void *const *y, const void *g,
                     double rate, double alpha)
{
    const double *s = r->slots;
    float lr = (float)rate, a = (float)alpha;
    switch (r->op->id) {
    case KT_OP_ID_sgd_update: k->sgd(n, y[0], g, lr); break;
    case KT_OP_ID_momentum_update:
        k->sgd_momentum(n, y[0], y[1], g, lr, (float)s[0],
                        ((const kt_momentum_attr *)r->attr)->nesterov != 0);
        break;
    case KT_OP_ID_adam_update:
        k->adam(n, y[0], y[1], y[2], g, a, (float)(1 - s[0]), (float)(1 - s[1]), (float)s[2]);
        break;
    default:
        k->adam_amsgrad(n, y[0], y[1], y[2], y[3], g, a, (float)(1 - s[0]), (float)(1 - s[1]),
                        (float)s[2]);
        break;
    }
}

static void step_f64(const kt_kernels *k, const kt_run *r, int64_t n, void *const *y, const void *g,
                     double rate, double alpha)
{
    const double *s = r->slots;
    switch (r->op->id) {
    case KT_OP_ID_sgd_update: k->sgd_f64(n, y[0], g, rate); break;
    case KT_OP_ID_momentum_update:
        k->sgd_momentum_f64(n, y[0], y[1], g, rate, s[0],
                            ((const kt_momentum_attr *)r->attr)->nesterov != 0);
        break;
    case KT_OP_ID_adam_update:
        k->adam_f64(n, y[0], y[1], y[2], g, alpha, 1 - s[0], 1 - s[1], s[2]);
        break;
    default:
        k->adam_amsgrad_f64(n, y[0], y[1], y[2], y[3], g, alpha, 1 - s[0], 1 - s[1], s[2]);
        break;
    }
}

/* Inputs are the n_out old values, then the gradient. */
static void update_range(const update_run *u, int64_t start, int64_t n)
{
    const kt_run *r = u->r;
    const update_plan *p = r->prepared;
    const kt_kernels *k = kt_cpu_of(r->kt)->kernels;
    void *y[KT_MAX_OUT];
    for (int i = 0; i < r->n_out; i++) {
        const unsigned char *from = kt_run_address_in(r, i);
        unsigned char *to = kt_run_address_out(r, i);
        if (to != from)
            memcpy(to + (size_t)start * p->size, from + (size_t)start * p->size,
                   (size_t)n * p->size);
        y[i] = to + (size_t)start * p->size;
    }
    const void *g = (const unsigned char *)kt_run_address_in(r, r->n_out) + (size_t)start * p->size;
    if (p->wide) step_f64(k, r, n, y, g, u->rate, u->alpha);
    else step_f32(k, r, n, y, g, u->rate, u->alpha);
}

static void update_chunk(void *arg, int64_t chunk, int thread)
{
    const update_run *u = arg;
    const update_plan *p = u->r->prepared;
    int64_t start = chunk * CHUNK;
    (void)thread;
    update_range(u, start, p->count - start < CHUNK ? p->count - start : CHUNK);
}

static double adam_factor(kt_cpu *cpu, double beta_1, double beta_2, int64_t iteration)
{
    if (cpu->adam.factor == 0 || cpu->adam.iteration != iteration || cpu->adam.beta_1 != beta_1 ||
        cpu->adam.beta_2 != beta_2) {
        double t = (double)iteration + 1;
        cpu->adam.beta_1 = beta_1;
        cpu->adam.beta_2 = beta_2;
        cpu->adam.iteration = iteration;
        cpu->adam.factor = sqrt(1 - pow(beta_2, t)) / (1 - pow(beta_1, t));
    }
    return cpu->adam.factor;
}

/* Keras takes the powers of betas that were rounded to the variable's type. (A conditional rounding
 * of both at the call is dropped by GCC 12's vectoriser at -O2.) */
static double adam_factor_f32(kt_cpu *cpu, double beta_1, double beta_2, int64_t iteration)
{
    float narrow_1 = (float)beta_1, narrow_2 = (float)beta_2;
    return adam_factor(cpu, (double)narrow_1, (double)narrow_2, iteration);
}

static kt_status update_run_all(kt_run *r)
{
    const update_plan *p = r->prepared;
    const void *rate = kt_run_address_in(r, r->n_out + 1);
    update_run u = { .r = r,
                     .rate = p->wide ? *(const double *)rate : (double)*(const float *)rate };
    if (r->n_in > r->n_out + 2)
        u.alpha = u.rate *
                  (p->wide ? adam_factor
                           : adam_factor_f32)(kt_cpu_of(r->kt), r->slots[0], r->slots[1],
                                              *(const int64_t *)kt_run_address_in(r, r->n_out + 2));
    if (p->split) kt_run_parallel(r, update_chunk, &u, p->chunks);
    else if (p->count > 0) update_range(&u, 0, p->count);
    return KT_OK;
}

const kt_provider kt_cpu_update[] = {
    { .name = "update", .prepare = update_prepare, .run = update_run_all },
    { 0 },
};
