/* SPDX-License-Identifier: MIT */
/* product.c: the rows matmul and dense in float32 and float64, by the kernels' products.
 *
 * The kernel's plan (form, blocks, packing, chunks) is made once per plan of the program. A batch
 * is the same product at several places. Large products are shared among threads by chunks, whose
 * borders do not depend on how many threads there are. A dense row's bias and relu are the
 * product's epilogue and round as the rows they replace.
 */
#include "backends/cpu/cpu.h"
#include "ops/ops.h"

typedef struct product {
    kt_gemm gemm;
    int64_t batch;
    size_t a_step, b_step, c_step; /* bytes from one product of the batch to the next */
    bool wide, split;
} product;

static bool product_accept(const kt_step_info *info)
{
    return kt_is_float(info->out[0]->dtype);
}

static kt_status product_prepare(kt_step_info *info)
{
    const kt_desc *a = info->in[0], *b = info->in[1];
    const kt_matmul_attr *t = info->attr; /* a dense row's attribute begins with the same two */
    const kt_dense_attr *dense = info->op->id == KT_OP_ID_dense ? info->attr : NULL;
    product *p = kt_prepared(info, sizeof *p);
    if (!p) return KT_ERR_MEMORY;
    int64_t m = a->dim[a->rank - (t->transpose_a ? 1 : 2)],
            k = a->dim[a->rank - (t->transpose_a ? 2 : 1)];
    int64_t n = b->dim[b->rank - (t->transpose_b ? 2 : 1)];
    p->batch = 1;
    for (int i = 0; i < a->rank - 2; i++) p->batch *= a->dim[i];
    bool shared = b->rank == 2;
    if (shared && !t->transpose_a) { /* leading axes are only more rows */
        m *= p->batch;
        p->batch = 1;
    }
    p->wide = a->dtype == KT_FLOAT64;
    size_t size = kt_dtype_size(a->dtype);
    p->a_step = (size_t)(m * k) * size;
    p->b_step = shared ? 0 : (size_t)(k * n) * size;
    p->c_step = (size_t)(m * n) * size;
    p->gemm = (kt_gemm){ .m = m, .n = n, .k = k, .ldc = n,
                         .a_rs = t->transpose_a ? 1 : k, .a_cs = t->transpose_a ? m : 1,
                         .b_rs = t->transpose_b ? 1 : n, .b_cs = t->transpose_b ? k : 1,
                         .flags = dense ? KT_GEMM_BIAS | (dense->relu ? KT_GEMM_RELU : 0) : 0 };
    const kt_kernels *kernels = kt_cpu_of(info->kt)->kernels;
    if (p->wide) kernels->gemm_prepare_f64(&p->gemm);
    else kernels->gemm_prepare(&p->gemm);
    info->thread_scratch_bytes = p->gemm.scratch_bytes;
    p->split = p->batch * p->gemm.chunks > 1 && p->gemm.flops * (double)p->batch > 2e6;
    return KT_OK;
}

static void product_chunk(void *arg, int64_t chunk, int thread)
{
    const kt_run *r = arg;
    const product *p = r->prepared;
    const kt_kernels *kernels = kt_cpu_of(r->kt)->kernels;
    size_t at = (size_t)(chunk / p->gemm.chunks);
    const unsigned char *a = kt_run_address_in(r, 0), *b = kt_run_address_in(r, 1);
    unsigned char *c = kt_run_address_out(r, 0);
    const void *pa = a + at * p->a_step, *pb = b + at * p->b_step;
    const void *bias = p->gemm.flags & KT_GEMM_BIAS ? kt_run_address_in(r, 2) : NULL;
    void *pc = c + at * p->c_step, *scratch = kt_cpu_thread_scratch(r, thread);
    if (p->wide) kernels->gemm_run_f64(&p->gemm, pa, pb, pc, bias, scratch, chunk % p->gemm.chunks);
    else kernels->gemm_run(&p->gemm, pa, pb, pc, bias, scratch, chunk % p->gemm.chunks);
}

static kt_status product_run(kt_run *r)
{
    const product *p = r->prepared;
    kt_cpu_chunks(r, p->split, product_chunk, r, p->batch * p->gemm.chunks);
    return KT_OK;
}

const kt_provider kt_cpu_product[] = {
    { .name = "gemm", .accept = product_accept, .prepare = product_prepare, .run = product_run },
    { 0 },
};
