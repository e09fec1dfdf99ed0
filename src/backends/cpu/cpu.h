/* SPDX-License-Identifier: MIT */
/* cpu.h: inside the CPU back-end: its state, and what its families of providers share.
 *
 * A family is one file: it prepares a step (shapes, kernel plan, scratch; once per plan) and runs
 * it (no decisions, no allocation). Kernels are plain functions behind kt_kernels and
 * kt_elementwise, chosen when the context opens. Work is cut into chunks that follow from the shape
 * alone; whether threads share them is decided at plan time from the estimated cost.
 */
#ifndef KT_CPU_CPU_H
#define KT_CPU_CPU_H

#include "backends/cpu/elementwise.h"
#include "backends/cpu/kernels/kernels.h"
#include "core/backend.h"
#include "core/tensor.h"

typedef struct kt_cpu {
    const kt_kernels *kernels;
    const kt_elementwise *elementwise;
    struct { /* the step-dependent factor of Adam's rate, which all variables of a model share */
        double beta_1, beta_2, factor;
        int64_t iteration;
    } adam;
} kt_cpu;

static inline kt_cpu *kt_cpu_of(const kt_context *kt)
{
    return kt->backend_state;
}

/* Below this estimated time a step runs on the calling thread alone: waking the others would cost
 * as much. */
#define KT_CPU_SPLIT_NS 20000.0

/* Runs body for each chunk, on all threads if `split`. */
static inline void kt_cpu_chunks(kt_run *r, bool split,
                                 void (*body)(void *arg, int64_t chunk, int thread), void *arg,
                                 int64_t chunks)
{
    if (split) kt_run_parallel(r, body, arg, chunks);
    else
        for (int64_t i = 0; i < chunks; i++) body(arg, i, 0);
}

static inline void *kt_cpu_thread_scratch(const kt_run *r, int thread)
{
    return (unsigned char *)r->thread_scratch + (size_t)thread * r->thread_scratch_bytes;
}

static inline size_t kt_cpu_round(size_t bytes) /* to whole cache lines */
{
    return (bytes + 63) & ~(size_t)63;
}

kt_element kt_cpu_element(kt_dtype dtype); /* as the kernels call it */
/* One element with this value, as the rows scalar and fill make it. */
void kt_cpu_number(kt_dtype dtype, double value, void *to);
/* The integers of input i as int64_t: as they are, or converted into the step's scratch. */
const int64_t *kt_cpu_indices(const kt_run *r, int i);
size_t kt_cpu_indices_bytes(const kt_desc *desc); /* of scratch for that */

/* Lists of providers, each ended by one without a name. */
extern const kt_provider kt_cpu_fused[], kt_cpu_elementwise[], kt_cpu_product[], kt_cpu_reduce[],
    kt_cpu_extreme[], kt_cpu_softmax[], kt_cpu_update[], kt_cpu_random[], kt_cpu_fill[],
    kt_cpu_size_of[], kt_cpu_broadcast[], kt_cpu_transpose[], kt_cpu_concatenate[], kt_cpu_block[],
    kt_cpu_gather[], kt_cpu_one_hot[];

#endif
