/* SPDX-License-Identifier: MIT */
/* gemm_tiles.h: the micro-kernels of products, as tables of functions indexed by vectors and rows.
 *
 *     tile(kc, a, ra, ca, b, ldb, c, ldc, mask, bias, flags):  C (mr, nv * VL) (+)= A (mr, kc) B
 *         (kc, nv * VL)
 *
 * A is read by broadcasts at a[i * ra + p * ca], so plain, transposed and packed operands need no
 * different code; B by whole vectors, the last of a row under a mask. The accumulators are named
 * variables made by the preprocessor, because GCC 12 keeps accumulators that are an array on the
 * stack: 2.5 times slower. The sizes are what fits the registers: nv * mr accumulators, nv vectors
 * of B, one broadcast.
 *
 * Rows are addressed in groups of three from one pointer (p, p + ra, p + 2 ra), which is what x86
 * addressing gives for free.
 */
#ifndef KT_CPU_GEMM_TILES_H
#define KT_CPU_GEMM_TILES_H

#include "kernels.h"
#include "real.h"

/* Beside the KT_GEMM_ flags: C is probably far away, fetch it while the sum runs. */
enum { TILE_FAR = 8 };

typedef void tile_fn(int64_t kc, const real *a, int64_t ra, int64_t ca, const real *b, int64_t ldb,
                     real *c, int64_t ldc, vmask mask, const real *bias, unsigned flags);

/* X(row, first row of its group, place in the group) */
#define ROWS_1(X) X(0, 0, 0)
#define ROWS_2(X) ROWS_1(X) X(1, 0, 1)
#define ROWS_3(X) ROWS_2(X) X(2, 0, 2)
#define ROWS_4(X) ROWS_3(X) X(3, 3, 0)
#define ROWS_5(X) ROWS_4(X) X(4, 3, 1)
#define ROWS_6(X) ROWS_5(X) X(5, 3, 2)
#define ROWS_7(X) ROWS_6(X) X(6, 6, 0)
#define ROWS_8(X) ROWS_7(X) X(7, 6, 1)
#define ROWS_9(X) ROWS_8(X) X(8, 6, 2)
#define ROWS_10(X) ROWS_9(X) X(9, 9, 0)
#define ROWS_11(X) ROWS_10(X) X(10, 9, 1)
#define ROWS_12(X) ROWS_11(X) X(11, 9, 2)
#define ROWS_13(X) ROWS_12(X) X(12, 12, 0)
#define ROWS_14(X) ROWS_13(X) X(13, 12, 1)
#define ROWS_15(X) ROWS_14(X) X(14, 12, 2)
#define ROWS_16(X) ROWS_15(X) X(15, 15, 0)

/* X(first row of a group) */
#define GROUPS_1(X) X(0)
#define GROUPS_2(X) X(0)
#define GROUPS_3(X) X(0)
#define GROUPS_4(X) X(0) X(3)
#define GROUPS_5(X) X(0) X(3)
#define GROUPS_6(X) X(0) X(3)
#define GROUPS_7(X) X(0) X(3) X(6)
#define GROUPS_8(X) X(0) X(3) X(6)
#define GROUPS_9(X) X(0) X(3) X(6)
#define GROUPS_10(X) X(0) X(3) X(6) X(9)
#define GROUPS_11(X) X(0) X(3) X(6) X(9)
#define GROUPS_12(X) X(0) X(3) X(6) X(9)
#define GROUPS_13(X) X(0) X(3) X(6) X(9) X(12)
#define GROUPS_14(X) X(0) X(3) X(6) X(9) X(12)
#define GROUPS_15(X) X(0) X(3) X(6) X(9) X(12)
#define GROUPS_16(X) X(0) X(3) X(6) X(9) X(12) X(15)

/* The empty statement hides from Clang that the pointers are related; it would walk from row to
 * row with one pointer, and that chain of additions takes longer than the arithmetic. */
#define GROUP_DECLARE(g) const real *p##g = a + g * ra; __asm__("" : "+r"(p##g));
#define GROUP_NEXT(g) p##g += ca;

/* What is done to vector j of row i, for tiles one, two and four vectors wide; LAST is the
 * masked one. */
#define DECLARE(i, g, o, j) vec c##i##_##j = { 0 };
#define STEP(i, g, o, j) c##i##_##j = vfma(x##i, b##j, c##i##_##j);
#define ADD_FULL(i, j) c##i##_##j += vload(c + i * ldc + j * VL);
#define ADD_LAST(i, j) c##i##_##j += KT_TILE_LOAD(c + i * ldc + j * VL, mask);
#define BIAS(i, j) c##i##_##j += bias##j;
#define RELU(i, j) c##i##_##j = vrelu(c##i##_##j);
#define PUT_FULL(i, j) vstore(c + i * ldc + j * VL, c##i##_##j);
#define PUT_LAST(i, j) KT_TILE_STORE(c + i * ldc + j * VL, mask, c##i##_##j);

#define FETCH(i, j) __builtin_prefetch(c + i * ldc + j * VL, 1);

#define FETCH_1(i, g, o) FETCH(i, 0)
#define FETCH_2(i, g, o) FETCH_1(i, g, o) FETCH(i, 1)
#define FETCH_4(i, g, o) FETCH_2(i, g, o) FETCH(i, 2) FETCH(i, 3)
#define DECLARE_1(i, g, o) DECLARE(i, g, o, 0)
#define DECLARE_2(i, g, o) DECLARE_1(i, g, o) DECLARE(i, g, o, 1)
#define DECLARE_4(i, g, o) DECLARE_2(i, g, o) DECLARE(i, g, o, 2) DECLARE(i, g, o, 3)
#define LOAD_X(i, g, o) const vec x##i = vset1(p##g[o * ra]);
#define STEP_1(i, g, o) LOAD_X(i, g, o) STEP(i, g, o, 0)
#define STEP_2(i, g, o) STEP_1(i, g, o) STEP(i, g, o, 1)
#define STEP_4(i, g, o) STEP_2(i, g, o) STEP(i, g, o, 2) STEP(i, g, o, 3)
#define ADD_1(i, g, o) ADD_LAST(i, 0)
#define ADD_2(i, g, o) ADD_FULL(i, 0) ADD_LAST(i, 1)
#define ADD_4(i, g, o) ADD_FULL(i, 0) ADD_FULL(i, 1) ADD_FULL(i, 2) ADD_LAST(i, 3)
#define BIAS_1(i, g, o) BIAS(i, 0)
#define BIAS_2(i, g, o) BIAS_1(i, g, o) BIAS(i, 1)
#define BIAS_4(i, g, o) BIAS_2(i, g, o) BIAS(i, 2) BIAS(i, 3)
#define RELU_1(i, g, o) RELU(i, 0)
#define RELU_2(i, g, o) RELU_1(i, g, o) RELU(i, 1)
#define RELU_4(i, g, o) RELU_2(i, g, o) RELU(i, 2) RELU(i, 3)
#define PUT_1(i, g, o) PUT_LAST(i, 0)
#define PUT_2(i, g, o) PUT_FULL(i, 0) PUT_LAST(i, 1)
#define PUT_4(i, g, o) PUT_FULL(i, 0) PUT_FULL(i, 1) PUT_FULL(i, 2) PUT_LAST(i, 3)

#define LOAD_FULL(name, p, j) const vec name##j = vload((p) + j * VL);
#define LOAD_B_1 const vec b0 = KT_TILE_LOAD_B(b, mask);
#define LOAD_B_2 LOAD_FULL(b, b, 0) const vec b1 = KT_TILE_LOAD_B(b + VL, mask);
#define LOAD_B_4 LOAD_FULL(b, b, 0) LOAD_FULL(b, b, 1) LOAD_FULL(b, b, 2) \
    const vec b3 = KT_TILE_LOAD_B(b + 3 * VL, mask);
#define LOAD_BIAS_1 const vec bias0 = KT_TILE_LOAD(bias, mask);
#define LOAD_BIAS_2 LOAD_FULL(bias, bias, 0) const vec bias1 = KT_TILE_LOAD(bias + VL, mask);
#define LOAD_BIAS_4 LOAD_FULL(bias, bias, 0) LOAD_FULL(bias, bias, 1) LOAD_FULL(bias, bias, 2) \
    const vec bias3 = KT_TILE_LOAD(bias + 3 * VL, mask);

#define TILE(kind, mr, nv) \
    static void tile_##kind##_##nv##_##mr(int64_t kc, const real *a, int64_t ra, int64_t ca, \
                                          const real *b, int64_t ldb, real *c, int64_t ldc, \
                                          vmask mask, const real *bias, unsigned flags) \
    { \
        GROUPS_##mr(GROUP_DECLARE) \
        ROWS_##mr(DECLARE_##nv) \
        (void)mask, (void)ra, (void)ldc; \
        if (flags & TILE_FAR) { ROWS_##mr(FETCH_##nv) } \
        for (int64_t k = 0; k < kc; k++, b += ldb) { \
            LOAD_B_##nv \
            ROWS_##mr(STEP_##nv) \
            GROUPS_##mr(GROUP_NEXT) \
        } \
        if (flags & KT_GEMM_ADD) { ROWS_##mr(ADD_##nv) } \
        if (flags & KT_GEMM_BIAS) { LOAD_BIAS_##nv ROWS_##mr(BIAS_##nv) } \
        if (flags & KT_GEMM_RELU) { ROWS_##mr(RELU_##nv) } \
        ROWS_##mr(PUT_##nv) \
    }

/* T(kind, rows, vectors) for all tiles of an instruction set, up to tile_max_rows[nv] rows. */
#if KT_VECTOR_BYTES == 64
#define TILES_1(T, k) \
    T(k, 1, 1) T(k, 2, 1) T(k, 3, 1) T(k, 4, 1) T(k, 5, 1) T(k, 6, 1) T(k, 7, 1) T(k, 8, 1) \
    T(k, 9, 1) T(k, 10, 1) T(k, 11, 1) T(k, 12, 1) T(k, 13, 1) T(k, 14, 1) T(k, 15, 1) \
    T(k, 16, 1)
#define TILES_2(T, k) \
    T(k, 1, 2) T(k, 2, 2) T(k, 3, 2) T(k, 4, 2) T(k, 5, 2) T(k, 6, 2) T(k, 7, 2) T(k, 8, 2) \
    T(k, 9, 2) T(k, 10, 2) T(k, 11, 2) T(k, 12, 2) T(k, 13, 2) T(k, 14, 2)
#define TILES_4(T, k) \
    T(k, 1, 4) T(k, 2, 4) T(k, 3, 4) T(k, 4, 4) T(k, 5, 4) T(k, 6, 4)
static const int tile_max_rows[5] = { 0, 16, 14, 0, 6 };
#elif KT_VECTOR_BYTES == 32
#define TILES_1(T, k) \
    T(k, 1, 1) T(k, 2, 1) T(k, 3, 1) T(k, 4, 1) T(k, 5, 1) T(k, 6, 1) T(k, 7, 1) T(k, 8, 1)
#define TILES_2(T, k) \
    T(k, 1, 2) T(k, 2, 2) T(k, 3, 2) T(k, 4, 2) T(k, 5, 2) T(k, 6, 2)
#define TILES_4(T, k) \
    T(k, 1, 4) T(k, 2, 4)
static const int tile_max_rows[5] = { 0, 8, 6, 0, 2 };
#else
#define TILES_1(T, k) \
    T(k, 1, 1) T(k, 2, 1) T(k, 3, 1) T(k, 4, 1) T(k, 5, 1) T(k, 6, 1)
#define TILES_2(T, k) \
    T(k, 1, 2) T(k, 2, 2) T(k, 3, 2) T(k, 4, 2)
#define TILES_4(T, k) \
    T(k, 1, 4) T(k, 2, 4)
static const int tile_max_rows[5] = { 0, 6, 4, 0, 2 };
#endif

/* "edge" tiles end in a partial vector. With cheap masks they also read B under the mask;
 * without, B must be packed, and the padding is read. AVX-512 has free masks and needs no other
 * kind. */
#define KT_TILE_LOAD(p, m) vload_n(p, m)
#define KT_TILE_STORE(p, m, v) vstore_n(p, m, v)
#if KT_MASKED
#define KT_TILE_LOAD_B(p, m) vload_n(p, m)
#else
#define KT_TILE_LOAD_B(p, m) vload(p)
#endif
TILES_1(TILE, edge)
TILES_2(TILE, edge)
TILES_4(TILE, edge)
#undef KT_TILE_LOAD
#undef KT_TILE_STORE
#undef KT_TILE_LOAD_B

#if KT_VECTOR_BYTES < 64
#define KT_TILE_LOAD(p, m) vload(p)
#define KT_TILE_STORE(p, m, v) vstore(p, v)
#define KT_TILE_LOAD_B(p, m) vload(p)
TILES_1(TILE, full)
TILES_2(TILE, full)
TILES_4(TILE, full)
#undef KT_TILE_LOAD
#undef KT_TILE_STORE
#undef KT_TILE_LOAD_B
#define KT_FULL_TILE(mr, nv) tile_full_##nv##_##mr
#else
#define KT_FULL_TILE(mr, nv) tile_edge_##nv##_##mr
#endif

/* tile_table[edge][nv][mr] */
#define ENTRY_EDGE(k, mr, nv) tile_edge_##nv##_##mr,
#define ENTRY_FULL(k, mr, nv) KT_FULL_TILE(mr, nv),
static tile_fn *const tile_table[2][5][17] = {
    { { 0 },
      { 0, TILES_1(ENTRY_FULL, ) },
      { 0, TILES_2(ENTRY_FULL, ) },
      { 0 },
      { 0, TILES_4(ENTRY_FULL, ) } },
    { { 0 },
      { 0, TILES_1(ENTRY_EDGE, ) },
      { 0, TILES_2(ENTRY_EDGE, ) },
      { 0 },
      { 0, TILES_4(ENTRY_EDGE, ) } },
};

#endif
