/* SPDX-License-Identifier: MIT */
/* table.c: the one thing each compilation of the kernels exports: its table.
 *
 * The functions are declared here and nowhere else; kernels.h's table type checks that they fit.
 * Their names carry the instruction set, so that the three compilations link side by side.
 */
#include "isa.h"
#include "kernels.h"

#define BOTH(X) X(, float) X(_f64, double)
#define DECLARE(suffix, real) \
    void KT_PASTE(kt_gemm_prepare##suffix, KT_ISA)(kt_gemm *); \
    void KT_PASTE(kt_gemm_run##suffix, KT_ISA)(const kt_gemm *, const real *, const real *, \
                                               real *, const real *, void *, int64_t); \
    void KT_PASTE(kt_reduce_prepare##suffix, KT_ISA)(kt_reduce *); \
    void KT_PASTE(kt_reduce_run##suffix, KT_ISA)(const kt_reduce *, const real *, real *, void *, \
                                                 int64_t); \
    void KT_PASTE(kt_reduce_finish##suffix, KT_ISA)(const kt_reduce *, const void *, real *); \
    real KT_PASTE(kt_sum_block##suffix, KT_ISA)(const real *, int64_t); \
    void KT_PASTE(kt_sgd##suffix, KT_ISA)(int64_t, real *, const real *, real); \
    void KT_PASTE(kt_sgd_momentum##suffix, KT_ISA)(int64_t, real *, real *, const real *, real, \
                                                   real, bool); \
    void KT_PASTE(kt_adam##suffix, KT_ISA)(int64_t, real *, real *, real *, const real *, real, \
                                           real, real, real); \
    void KT_PASTE(kt_adam_amsgrad##suffix, KT_ISA)(int64_t, real *, real *, real *, real *, \
                                                   const real *, real, real, real, real);
BOTH(DECLARE)

void KT_NAME(kt_softmax)(const float *, float *, int64_t, int64_t);
void KT_NAME(kt_softmax_grad)(const float *, const float *, float *, int64_t, int64_t);
void KT_NAME(kt_log_softmax)(const float *, float *, int64_t, int64_t);
void KT_NAME(kt_log_softmax_grad)(const float *, const float *, float *, int64_t, int64_t);
void KT_NAME(kt_sparse_ce)(const float *, const int64_t *, float *, int64_t, int64_t);
void KT_NAME(kt_sparse_ce_grad)(const float *, const int64_t *, const float *, float *, int64_t,
                                int64_t);
void KT_NAME(kt_categorical_ce)(const float *, const float *, float *, int64_t, int64_t);
void KT_NAME(kt_categorical_ce_grad)(const float *, const float *, const float *, float *, int64_t,
                                     int64_t);
void KT_NAME(kt_random_u32)(uint64_t, uint32_t, uint64_t, int64_t, int64_t, uint32_t *);
void KT_NAME(kt_random_uniform)(uint64_t, uint32_t, uint64_t, int64_t, int64_t, float *);
void KT_NAME(kt_random_normal)(uint64_t, uint32_t, uint64_t, int64_t, int64_t, float *);
extern kt_convert_fn *const KT_NAME(kt_convert)[KT_EL_COUNT][KT_EL_COUNT];
void KT_NAME(kt_transpose)(const void *, int64_t, void *, int64_t, int64_t, int64_t, int);
int64_t KT_NAME(kt_gather_rows)(const void *, size_t, int64_t, const int64_t *, int64_t, void *);

extern const kt_kernels KT_NAME(kt_kernels);
const kt_kernels KT_NAME(kt_kernels) = {
    .name = KT_STRING(KT_ISA),
#define ENTRIES(suffix, real) \
    .gemm_prepare##suffix = KT_PASTE(kt_gemm_prepare##suffix, KT_ISA), \
    .gemm_run##suffix = KT_PASTE(kt_gemm_run##suffix, KT_ISA), \
    .reduce_prepare##suffix = KT_PASTE(kt_reduce_prepare##suffix, KT_ISA), \
    .reduce_run##suffix = KT_PASTE(kt_reduce_run##suffix, KT_ISA), \
    .reduce_finish##suffix = KT_PASTE(kt_reduce_finish##suffix, KT_ISA), \
    .sum_block##suffix = KT_PASTE(kt_sum_block##suffix, KT_ISA), \
    .sgd##suffix = KT_PASTE(kt_sgd##suffix, KT_ISA), \
    .sgd_momentum##suffix = KT_PASTE(kt_sgd_momentum##suffix, KT_ISA), \
    .adam##suffix = KT_PASTE(kt_adam##suffix, KT_ISA), \
    .adam_amsgrad##suffix = KT_PASTE(kt_adam_amsgrad##suffix, KT_ISA),
    BOTH(ENTRIES)
    .softmax = KT_NAME(kt_softmax),
    .softmax_grad = KT_NAME(kt_softmax_grad),
    .log_softmax = KT_NAME(kt_log_softmax),
    .log_softmax_grad = KT_NAME(kt_log_softmax_grad),
    .sparse_ce = KT_NAME(kt_sparse_ce),
    .sparse_ce_grad = KT_NAME(kt_sparse_ce_grad),
    .categorical_ce = KT_NAME(kt_categorical_ce),
    .categorical_ce_grad = KT_NAME(kt_categorical_ce_grad),
    .random_u32 = KT_NAME(kt_random_u32),
    .random_uniform = KT_NAME(kt_random_uniform),
    .random_normal = KT_NAME(kt_random_normal),
    .convert = KT_NAME(kt_convert),
    .transpose = KT_NAME(kt_transpose),
    .gather_rows = KT_NAME(kt_gather_rows),
};
