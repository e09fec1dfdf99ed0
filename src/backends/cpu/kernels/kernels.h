/* SPDX-License-Identifier: MIT */
/* kernels.h: the raw loops of the CPU back-end, one table of functions per instruction set.
 *
 * The same sources are compiled three times (portable C, AVX2 with FMA, AVX-512); each compilation
 * exports one constant table and kt_kernels_choose picks one at run time. Everything here is plain
 * arithmetic over plain memory: no tensor, no plan, no context, no allocation, no failure. Shapes
 * were checked by the caller; matrices are row-major.
 *
 * Rules all kernels keep:
 * - Work is cut into *chunks* whose number and borders follow from the shape alone. A chunk writes
 *   only its own part of the output, so any thread may run any chunk at any time and the bits never
 *   depend on the number of threads.
 * - Where no chunks are mentioned, elements (or rows) are independent: the caller cuts by moving
 *   the pointers.
 * - The order of each sum is fixed per table and shape, and stated below where a fused kernel has
 *   to imitate it.
 * - Element-wise code is never contracted: every operation rounds, so all tables give the same
 *   bits. Only products use fused multiply-add.
 * - Inputs and outputs may be the same array only where "in place" is said; partial overlap is
 *   never allowed.
 */
#ifndef KT_CPU_KERNELS_H
#define KT_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- products ---- */

enum {
    KT_GEMM_ADD = 1,  /* C += A B instead of C = A B */
    KT_GEMM_BIAS = 2, /* then each row of C gets bias[n] added */
    KT_GEMM_RELU = 4  /* then x becomes x > 0 ? x : 0; NaN stays NaN */
};

/* C (m, n) = A (m, k) B (k, n), planned once, run many times.
 *
 *     kt_gemm g = { .m = 128, .n = 512, .k = 784, .a_rs = 784, .a_cs = 1, .b_rs = 512, .b_cs = 1,
 *         .ldc = 512 };
 *     kernels->gemm_prepare(&g);
 *     for (int64_t i = 0; i < g.chunks; i++)
 *         kernels->gemm_run(&g, a, b, c, NULL, scratch, i);
 *
 * Element A(i, p) is a[i * a_rs + p * a_cs]: a transposed operand has its strides swapped. One
 * stride of A and one of B must be 1 (either one where the dimension is 1). Zero sizes are fine;
 * k == 0 gives zeros (then bias and relu). */
typedef struct kt_gemm {
    int64_t m, n, k;
    int64_t a_rs, a_cs;
    int64_t b_rs, b_cs;
    int64_t ldc;
    unsigned flags;

    /* Answers of gemm_prepare. */
    int64_t chunks;       /* 0 when C is empty */
    size_t scratch_bytes; /* for each thread that runs chunks; 64-byte aligned; may be 0 */
    double flops;         /* of the whole product, for deciding about threads */

    /* How it will be done; private to gemm.h. */
    int form;            /* which of the algorithms */
    int mr, nv;          /* rows and vectors of a tile */
    bool pack_a, pack_b; /* copy operands into tile order first? */
    bool column;         /* one column of C, computed as a row */
    int64_t kc;          /* length of a block of the sum */
    int64_t mc, nc;      /* rows and columns of a chunk */
    int64_t row_chunks;  /* chunks = row_chunks * column chunks */
} kt_gemm;

/* ---- reductions ---- */

typedef enum kt_reduce_op {
    KT_REDUCE_SUM,
    KT_REDUCE_SUMSQ,
    KT_REDUCE_MAX,
    KT_REDUCE_MIN
} kt_reduce_op;

enum {
    KT_SUM_BLOCK = 512,    /* rows: elements that one call of sum_block adds in the element type */
    KT_SUM_ROWS = 128,     /* columns: rows that are added in the element type, in order */
    KT_SUM_SEGMENT = 32768 /* terms of one double-precision partial sum */
};

/* y (outer, inner) = op over the middle axis of x (outer, len, inner). Maximum and minimum
 * propagate NaN; those of nothing (len == 0) are -inf and +inf, the sum of nothing is 0.
 *
 * Order of a sum. The axis is cut into segments of KT_SUM_SEGMENT terms; partial sums of
 * segments, kept in double, are added in order. inner == 1: inside a segment the sums of blocks
 * of KT_SUM_BLOCK elements (sum_block, in the element type) are added in order, in double. inner
 * > 1: groups of KT_SUM_ROWS terms are added in order in the element type, the groups' sums in
 * order in double. The total is rounded once. So sums of millions of terms stay exact to a few
 * units, and a fused kernel that produces x block by block can repeat the order.
 *
 * Run all chunks, then finish once when needs_finish (after all chunks). */
typedef struct kt_reduce {
    kt_reduce_op op;
    int64_t outer, len, inner;

    /* Answers of reduce_prepare. */
    int64_t chunks;
    size_t shared_bytes; /* for the whole reduction, from first chunk to finish; 64-byte aligned */
    bool needs_finish;

    int64_t segments, rows_per_chunk, strips; /* private */
} kt_reduce;

/* ---- element types of conversions ---- */

typedef enum kt_element {
    KT_EL_F32, KT_EL_F64, KT_EL_I32, KT_EL_I64, KT_EL_U8, KT_EL_BOOL, KT_EL_COUNT
} kt_element;

/* y[i] = (type of y) x[i]. Floats to integers: towards zero, saturating, NaN gives 0. Wide to
 * narrow integers wrap, as in C on every machine we know. Anything to bool: x != 0. Never in
 * place, unless the sizes are equal. */
typedef void kt_convert_fn(const void *x, void *y, int64_t n);

/* ---- the table ---- */

typedef struct kt_kernels {
    const char *name; /* "portable", "avx2", "avx512" */

    /* Products, see kt_gemm. bias may be NULL without KT_GEMM_BIAS, scratch may be NULL when
     * scratch_bytes is 0. */
    void (*gemm_prepare)(kt_gemm *g);
    void (*gemm_run)(const kt_gemm *g, const float *a, const float *b, float *c, const float *bias,
                     void *scratch, int64_t chunk);
    void (*gemm_prepare_f64)(kt_gemm *g);
    void (*gemm_run_f64)(const kt_gemm *g, const double *a, const double *b, double *c,
                         const double *bias, void *scratch, int64_t chunk);

    /* Reductions, see kt_reduce. */
    void (*reduce_prepare)(kt_reduce *r);
    void (*reduce_run)(const kt_reduce *r, const float *x, float *y, void *shared, int64_t chunk);
    void (*reduce_finish)(const kt_reduce *r, const void *shared, float *y);
    void (*reduce_prepare_f64)(kt_reduce *r);
    void (*reduce_run_f64)(const kt_reduce *r, const double *x, double *y, void *shared,
                           int64_t chunk);
    void (*reduce_finish_f64)(const kt_reduce *r, const void *shared, double *y);
    float (*sum_block)(const float *x, int64_t n);       /* n <= KT_SUM_BLOCK */
    double (*sum_block_f64)(const double *x, int64_t n);

    /* Softmax family over rows of n numbers. In place where x and y have the same shape. With y =
     * softmax(x) dx = y (dy - sum dy y), with y = log_softmax(x) dx = dy - exp(y) sum dy.
     * Cross-entropies are from logits; with probabilities p = softmax(x):
     *   sparse:      loss[r] = log sum exp(x[r]) - x[r][label[r]],     dx = (p - onehot) * g[r]
     *   categorical: loss[r] = sum_j t[r][j] (log sum exp(x[r]) - x[r][j]),
     *                dx = (p * sum_j t[r][j] - t) * g[r]
     * A label outside 0 .. n-1 gives NaN in its loss and its row of dx: nothing is read or
     * written out of bounds. */
    void (*softmax)(const float *x, float *y, int64_t rows, int64_t n);
    void (*softmax_grad)(const float *y, const float *dy, float *dx, int64_t rows, int64_t n);
    void (*log_softmax)(const float *x, float *y, int64_t rows, int64_t n);
    void (*log_softmax_grad)(const float *y, const float *dy, float *dx, int64_t rows, int64_t n);
    void (*sparse_ce)(const float *x, const int64_t *label, float *loss, int64_t rows, int64_t n);
    void (*sparse_ce_grad)(const float *x, const int64_t *label, const float *g, float *dx,
                           int64_t rows, int64_t n);
    void (*categorical_ce)(const float *x, const float *t, float *loss, int64_t rows, int64_t n);
    void (*categorical_ce_grad)(const float *x, const float *t, const float *g, float *dx,
                                int64_t rows, int64_t n);

    /* Optimizer steps over n parameters; w and the slots are updated in place. Keras's formulas
     * and order:
     *   sgd:       w -= lr g
     *   momentum:  v = mu v - lr g;  w += v            nesterov:  w += mu v - lr g (with the new v)
     *   adam:      m += (g - m) rate_1;  v += (g g - v) rate_2;  w -= m alpha / (sqrt(v) + epsilon)
     *   amsgrad:   the same with vhat = max(vhat, v) below the root
     * rate_i = 1 - beta_i (subtracted in double, then rounded, as Keras does); alpha =
     * lr sqrt(1 - beta_2^t) / (1 - beta_1^t). */
    void (*sgd)(int64_t n, float *w, const float *g, float lr);
    void (*sgd_momentum)(int64_t n, float *w, float *v, const float *g, float lr, float mu,
                         bool nesterov);
    void (*adam)(int64_t n, float *w, float *m, float *v, const float *g, float alpha, float rate_1,
                 float rate_2, float epsilon);
    void (*adam_amsgrad)(int64_t n, float *w, float *m, float *v, float *vhat, const float *g,
                         float alpha, float rate_1, float rate_2, float epsilon);
    void (*sgd_f64)(int64_t n, double *w, const double *g, double lr);
    void (*sgd_momentum_f64)(int64_t n, double *w, double *v, const double *g, double lr, double mu,
                             bool nesterov);
    void (*adam_f64)(int64_t n, double *w, double *m, double *v, const double *g, double alpha,
                     double rate_1, double rate_2, double epsilon);
    void (*adam_amsgrad_f64)(int64_t n, double *w, double *m, double *v, double *vhat,
                             const double *g, double alpha, double rate_1, double rate_2,
                             double epsilon);

    /* Random numbers: n elements from `first` on; element i depends on (seed, stream, step, i)
     * alone, so that work can be cut anywhere. u32 and uniform ([0, 1), 24 bits) have the same bits
     * as base/philox.h. normal: with a = u32(2q) >> 8 and b = u32(2q + 1) >> 8, elements 2q and
     * 2q + 1 are sqrt(-2 log((a + 1) / 2^24)) times cos and sin of 2 pi b / 2^24 (Box, Muller). */
    void (*random_u32)(uint64_t seed, uint32_t stream, uint64_t step, int64_t first, int64_t n,
                       uint32_t *y);
    void (*random_uniform)(uint64_t seed, uint32_t stream, uint64_t step, int64_t first, int64_t n,
                           float *y);
    void (*random_normal)(uint64_t seed, uint32_t stream, uint64_t step, int64_t first, int64_t n,
                          float *y);

    /* Moving data. */
    /* convert[to][from](x, y, n); the diagonal copies. */
    kt_convert_fn *const (*convert)[KT_EL_COUNT];
    /* y[j * y_rs + i] = x[i * x_rs + j] for i < rows, j < cols; elements of 1, 4 or 8 bytes. */
    void (*transpose)(const void *x, int64_t x_rs, void *y, int64_t y_rs, int64_t rows,
                      int64_t cols, int element_bytes);
    /* y row i = x row index[i], for x of `limit` rows. Negative indices count from the end; rows
     * that x does not have become zero bytes. Returns how many those were. */
    int64_t (*gather_rows)(const void *x, size_t row_bytes, int64_t limit, const int64_t *index,
                           int64_t n, void *y);
} kt_kernels;

extern const kt_kernels kt_kernels_portable;
#if defined(__x86_64__) && !defined(KT_PORTABLE_ONLY)
#define KT_KERNELS_X86 1 /* these exist besides */
extern const kt_kernels kt_kernels_avx2;
extern const kt_kernels kt_kernels_avx512;
#endif

/* The best table this machine (processor and operating system) can run, or the one named by
 * force: "portable", "avx2", "avx512". NULL when the forced one is unknown or cannot run here.
 * Costs some hundred nanoseconds: ask once. */
const kt_kernels *kt_kernels_choose(const char *force);

#endif
