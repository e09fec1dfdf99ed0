/* SPDX-License-Identifier: MIT */
/* softmax.c: softmax, its logarithm, the cross-entropies from logits, and the gradients of all:
 * float32 rows by the kernels.
 *
 * Each row of numbers is independent, so chunks are groups of rows. Class numbers that are not
 * int64 are converted into the step's scratch. float64 goes to the reference kernels, which compute
 * in double anyway.
 */
#include "backends/cpu/cpu.h"
#include "ops/ops.h"

enum { CHUNK = 8192 }; /* elements */

typedef struct softmax_plan {
    int64_t rows, n, chunk_rows, chunks;
    bool split;
} softmax_plan;

typedef struct softmax_run {
    const kt_run *r;
    const int64_t *labels;
} softmax_run;

static bool softmax_accept(const kt_step_info *info)
{
    return info->in[0]->dtype == KT_FLOAT32;
}

static bool has_labels(int op)
{
    return op == KT_OP_ID_sparse_ce || op == KT_OP_ID_sparse_ce_grad;
}

static kt_status softmax_prepare(kt_step_info *info)
{
    softmax_plan *p = kt_prepared(info, sizeof *p);
    if (!p) return KT_ERR_MEMORY;
    kt_lanes l = kt_lanes_of(info->in[0], -1);
    p->rows = l.outer;
    p->n = l.len;
    p->chunk_rows = p->n < CHUNK && p->n > 0 ? CHUNK / p->n : 1;
    p->chunks = (p->rows + p->chunk_rows - 1) / p->chunk_rows;
    p->split = p->chunks > 1 && (double)p->rows * (double)p->n * 0.75 > KT_CPU_SPLIT_NS;
    if (has_labels(info->op->id)) info->scratch_bytes = kt_cpu_indices_bytes(info->in[1]);
    return KT_OK;
}

static void softmax_chunk(void *arg, int64_t chunk, int thread)
{
    const softmax_run *s = arg;
    const kt_run *r = s->r;
    const softmax_plan *p = r->prepared;
    const kt_kernels *k = kt_cpu_of(r->kt)->kernels;
    (void)thread;
    int64_t first = chunk * p->chunk_rows,
            rows = p->rows - first < p->chunk_rows ? p->rows - first : p->chunk_rows;
    int64_t n = p->n, at = first * n;
    const float *x = (const float *)kt_run_address_in(r, 0) + at;
    const float *t = r->n_in > 1 && !s->labels ? (const float *)kt_run_address_in(r, 1) + at : NULL;
    const float *g = r->n_in > 2 ? (const float *)kt_run_address_in(r, 2) + first : NULL;
    float *y = kt_run_address_out(r, 0);
    switch (r->op->id) {
    case KT_OP_ID_softmax: k->softmax(x, y + at, rows, n); break;
    case KT_OP_ID_softmax_grad: k->softmax_grad(x, t, y + at, rows, n); break;
    case KT_OP_ID_log_softmax: k->log_softmax(x, y + at, rows, n); break;
    case KT_OP_ID_log_softmax_grad: k->log_softmax_grad(x, t, y + at, rows, n); break;
    case KT_OP_ID_sparse_ce: k->sparse_ce(x, s->labels + first, y + first, rows, n); break;
    case KT_OP_ID_sparse_ce_grad:
        k->sparse_ce_grad(x, s->labels + first, g, y + at, rows, n);
        break;
    case KT_OP_ID_categorical_ce: k->categorical_ce(x, t, y + first, rows, n); break;
    case KT_OP_ID_categorical_ce_grad: k->categorical_ce_grad(x, t, g, y + at, rows, n); break;
    default: break;
    }
}

static kt_status softmax_run_rows(kt_run *r)
{
    const softmax_plan *p = r->prepared;
    softmax_run s = { r, has_labels(r->op->id) ? kt_cpu_indices(r, 1) : NULL };
    kt_cpu_chunks(r, p->split, softmax_chunk, &s, p->chunks);
    return KT_OK;
}

const kt_provider kt_cpu_softmax[] = {
    { .name = "rows",
      .accept = softmax_accept,
      .prepare = softmax_prepare,
      .run = softmax_run_rows },
    { 0 },
};
