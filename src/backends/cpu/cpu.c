/* SPDX-License-Identifier: MIT */
/* cpu.c: the CPU back-end: plain host memory, kernels for the best instruction set, and the table
 * from rows to providers.
 *
 * Rows of unary.def and binary.def need no line here; of the others each has one, and holes go to
 * the row's reference kernel (argmax of integers, float64 softmax...). Knows rows by their numbers
 * and attributes, never graphs or layers.
 */
#include "backends/cpu/cpu.h"

#include <string.h>

#include "ops/fused.h"
#include "ops/ops.h"

static const kt_provider *const providers[KT_OP_COUNT] = {
#define KT_UNARY(name, value, gradient, kind) [KT_OP_ID_##name] = kt_cpu_elementwise,
#define KT_UNARY_ANY(name, value, whole, gradient, kind) [KT_OP_ID_##name] = kt_cpu_elementwise,
#define KT_PREDICATE(name, value) [KT_OP_ID_##name] = kt_cpu_elementwise,
#define KT_NOT(name, value) [KT_OP_ID_##name] = kt_cpu_elementwise,
#include "ops/unary.def"
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) [KT_OP_ID_##name] = kt_cpu_elementwise,
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    [KT_OP_ID_##name] = kt_cpu_elementwise,
#define KT_COMPARE(name, value) [KT_OP_ID_##name] = kt_cpu_elementwise,
#define KT_LOGICAL(name, value) [KT_OP_ID_##name] = kt_cpu_elementwise,
#include "ops/binary.def"
    [KT_OP_ID_cast] = kt_cpu_elementwise,
    [KT_OP_ID_where] = kt_cpu_elementwise,
    [KT_OP_ID_matmul] = kt_cpu_product,
    [KT_OP_ID_dense] = kt_cpu_product,
    [KT_OP_ID_sum] = kt_cpu_reduce,
    [KT_OP_ID_max] = kt_cpu_reduce,
    [KT_OP_ID_min] = kt_cpu_reduce,
    [KT_OP_ID_argmax] = kt_cpu_extreme,
    [KT_OP_ID_argmin] = kt_cpu_extreme,
    [KT_OP_ID_size_of] = kt_cpu_size_of,
    [KT_OP_ID_scalar] = kt_cpu_fill,
    [KT_OP_ID_fill] = kt_cpu_fill,
    [KT_OP_ID_broadcast_to] = kt_cpu_broadcast,
    [KT_OP_ID_transpose] = kt_cpu_transpose,
    [KT_OP_ID_concatenate] = kt_cpu_concatenate,
    [KT_OP_ID_slice] = kt_cpu_block,
    [KT_OP_ID_pad] = kt_cpu_block,
    [KT_OP_ID_gather] = kt_cpu_gather,
    [KT_OP_ID_one_hot] = kt_cpu_one_hot,
    [KT_OP_ID_softmax] = kt_cpu_softmax,
    [KT_OP_ID_softmax_grad] = kt_cpu_softmax,
    [KT_OP_ID_log_softmax] = kt_cpu_softmax,
    [KT_OP_ID_log_softmax_grad] = kt_cpu_softmax,
    [KT_OP_ID_sparse_ce] = kt_cpu_softmax,
    [KT_OP_ID_sparse_ce_grad] = kt_cpu_softmax,
    [KT_OP_ID_categorical_ce] = kt_cpu_softmax,
    [KT_OP_ID_categorical_ce_grad] = kt_cpu_softmax,
    [KT_OP_ID_random_uniform] = kt_cpu_random,
    [KT_OP_ID_random_normal] = kt_cpu_random,
    [KT_OP_ID_random_truncated_normal] = kt_cpu_random,
    [KT_OP_ID_random_bernoulli] = kt_cpu_random,
    [KT_OP_ID_sgd_update] = kt_cpu_update,
    [KT_OP_ID_momentum_update] = kt_cpu_update,
    [KT_OP_ID_adam_update] = kt_cpu_update,
    [KT_OP_ID_adam_amsgrad_update] = kt_cpu_update,
};

static const kt_provider *cpu_providers(kt_context *kt, const kt_op *op)
{
    (void)kt;
    if (op->id == KT_OP_ID_FUSED) return kt_cpu_fused;
    return op->id > 0 && op->id < KT_OP_COUNT ? providers[op->id] : NULL;
}

/* ---- opening ---- */

static const kt_elementwise *elementwise_of(const kt_kernels *kernels)
{
#if defined(__x86_64__) && !defined(KT_PORTABLE_ONLY)
    if (kernels == &kt_kernels_avx512) return &kt_elementwise_avx512;
    if (kernels == &kt_kernels_avx2) return &kt_elementwise_avx2;
#endif
    (void)kernels;
    return &kt_elementwise_portable;
}

static kt_status cpu_open(kt_context *kt)
{
    const char *force = kt->config.isa;
    const kt_kernels *kernels = kt_kernels_choose(force);
    if (!kernels)
        return kt_fail(kt, KT_ERR_UNSUPPORTED,
                       "context: expected an instruction set that this processor has (portable, "
                       "avx2, avx512), got '%s'; leave .isa out to get the best one",
                       force);
    kt_cpu *cpu = kt_take_zeroed(kt, 1, sizeof *cpu);
    if (!cpu) return kt->status;
    cpu->kernels = kernels;
    cpu->elementwise = elementwise_of(kernels);
    kt->backend_state = cpu;
    return KT_OK;
}

static void cpu_close(kt_context *kt)
{
    kt_give(kt, kt->backend_state);
    kt->backend_state = NULL;
}

static const char *cpu_isa(kt_context *kt)
{
    return kt_cpu_of(kt)->kernels->name;
}

/* ---- memory ---- */

static void *cpu_allocate(kt_context *kt, size_t bytes)
{
    return kt_heap_take_aligned(&kt->heap, bytes);
}

static void cpu_release(kt_context *kt, void *address)
{
    kt_heap_give_aligned(&kt->heap, address);
}

static void cpu_write(kt_context *kt, void *address, const void *from, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(address, from, bytes);
}

static void cpu_read(kt_context *kt, const void *address, void *to, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(to, address, bytes);
}

extern const kt_backend kt_backend_cpu;
const kt_backend kt_backend_cpu = {
    .name = "cpu", .flags = KT_BACKEND_PLAIN | KT_BACKEND_FUSES,
    .open = cpu_open, .close = cpu_close,
    .allocate = cpu_allocate, .release = cpu_release, .write = cpu_write, .read = cpu_read,
    .providers = cpu_providers, .isa = cpu_isa,
};

/* ---- shared by the families ---- */

kt_element kt_cpu_element(kt_dtype dtype)
{
    switch (dtype) {
    case KT_FLOAT64: return KT_EL_F64;
    case KT_INT32: return KT_EL_I32;
    case KT_INT64: return KT_EL_I64;
    case KT_BOOL: return KT_EL_BOOL;
    case KT_UINT8: return KT_EL_U8;
    case KT_FLOAT32:
    case KT_DTYPE_DEFAULT: break;
    }
    return KT_EL_F32;
}

void kt_cpu_number(kt_dtype dtype, double value, void *to)
{
    int64_t whole = INT64_MIN; /* of NaN, too */
    if (value >= 0x1p63) whole = INT64_MAX;
    else if (value >= -0x1p63) whole = (int64_t)value;
    float narrow = (float)value;
    int32_t whole_32 = (int32_t)(uint32_t)(uint64_t)whole;
    uint8_t byte = dtype == KT_BOOL ? value != 0 : (uint8_t)(uint64_t)whole;
    switch (dtype) {
    case KT_FLOAT32: memcpy(to, &narrow, sizeof narrow); break;
    case KT_FLOAT64: memcpy(to, &value, sizeof value); break;
    case KT_INT32: memcpy(to, &whole_32, sizeof whole_32); break;
    case KT_INT64: memcpy(to, &whole, sizeof whole); break;
    case KT_BOOL:
    case KT_UINT8: memcpy(to, &byte, sizeof byte); break;
    case KT_DTYPE_DEFAULT: break;
    }
}

size_t kt_cpu_indices_bytes(const kt_desc *desc)
{
    return desc->dtype == KT_INT64 ? 0 : kt_cpu_round(kt_desc_elements(desc) * sizeof(int64_t));
}

const int64_t *kt_cpu_indices(const kt_run *r, int i)
{
    const kt_desc *desc = r->in_desc[i];
    const void *data = kt_run_address_in(r, i);
    if (desc->dtype == KT_INT64) return data;
    const kt_kernels *kernels = kt_cpu_of(r->kt)->kernels;
    kernels->convert[KT_EL_I64][kt_cpu_element(desc->dtype)](data, r->scratch,
                                                             (int64_t)kt_desc_elements(desc));
    return r->scratch;
}
