/* SPDX-License-Identifier: MIT */
/* real.h: `real` (float, or double under KT_F64), `vec` (VL of them) and the few operations kernels
 * need.
 *
 * vec is a compiler vector: + - * / and comparisons work on it as they stand, under GCC and Clang.
 * Named functions exist only for what the language has no word for: unaligned and partial loads and
 * stores, fused multiply-add, horizontal sums, the transpose of a VL x VL block. Partial loads give
 * zeros beyond the mask and never touch that memory.
 *
 * KT_MASKED says whether a partial load is as cheap as a full one, so that it may stand in an inner
 * loop.
 */
#ifndef KT_CPU_REAL_H
#define KT_CPU_REAL_H

#include "isa.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if KT_VECTOR_BYTES > 16
#include <immintrin.h>
#endif

#ifdef KT_F64
typedef double real;
typedef int64_t real_bits;
#define VL (KT_VECTOR_BYTES / 8)
#else
typedef float real;
typedef int32_t real_bits;
#define VL (KT_VECTOR_BYTES / 4)
#endif

typedef real vec __attribute__((vector_size(KT_VECTOR_BYTES)));
typedef real_bits ivec __attribute__((vector_size(KT_VECTOR_BYTES)));

static inline vec vload(const real *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vstore(real *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec vset1(real x)
{
    return x - (vec){ 0 }; /* minus keeps the sign of a zero */
}

/* x > 0 ? x : 0, NaN stays NaN: the same bits as MAX(x, 0) of vmath. */
static inline vec vrelu(vec x)
{
    return (vec)((ivec)x & ~(ivec)(x <= (vec){ 0 }));
}

#if KT_VECTOR_BYTES == 64

#define KT_MASKED 1
#ifdef KT_F64
typedef __mmask8 vmask;
static inline vmask vmask_of(int64_t n) { return (vmask)((1u << n) - 1u); }
static inline vec vload_n(const real *p, vmask m) { return (vec)_mm512_maskz_loadu_pd(m, p); }
static inline void vstore_n(real *p, vmask m, vec v) { _mm512_mask_storeu_pd(p, m, (__m512d)v); }
static inline vec vfma(vec a, vec b, vec c)
{
    return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
static inline real vsum(vec v) { return _mm512_reduce_add_pd((__m512d)v); }
#else
typedef __mmask16 vmask;
static inline vmask vmask_of(int64_t n) { return (vmask)((1u << n) - 1u); }
static inline vec vload_n(const real *p, vmask m) { return (vec)_mm512_maskz_loadu_ps(m, p); }
static inline void vstore_n(real *p, vmask m, vec v) { _mm512_mask_storeu_ps(p, m, (__m512)v); }
static inline vec vfma(vec a, vec b, vec c)
{
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
static inline real vsum(vec v) { return _mm512_reduce_add_ps((__m512)v); }
#endif

#elif KT_VECTOR_BYTES == 32

#define KT_MASKED 1
typedef __m256i vmask;
#ifdef KT_F64
static inline vmask vmask_of(int64_t n)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
static inline vec vload_n(const real *p, vmask m) { return (vec)_mm256_maskload_pd(p, m); }
static inline void vstore_n(real *p, vmask m, vec v) { _mm256_maskstore_pd(p, m, (__m256d)v); }
static inline vec vfma(vec a, vec b, vec c)
{
    return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
static inline real vsum(vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }
#else
static inline vmask vmask_of(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec vload_n(const real *p, vmask m) { return (vec)_mm256_maskload_ps(p, m); }
static inline void vstore_n(real *p, vmask m, vec v) { _mm256_maskstore_ps(p, m, (__m256)v); }
static inline vec vfma(vec a, vec b, vec c)
{
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
static inline real vsum(vec v)
{
    __m128 h = _mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}
#endif

#else

#define KT_MASKED 0
typedef int64_t vmask; /* how many elements */
static inline vmask vmask_of(int64_t n) { return n; }
static inline vec vload_n(const real *p, vmask m)
{
    vec v = { 0 };
    for (int64_t i = 0; i < m; i++)
        v[i] = p[i];
    return v;
}
static inline void vstore_n(real *p, vmask m, vec v)
{
    for (int64_t i = 0; i < m; i++)
        p[i] = v[i];
}
/* One rounding or two, as the processor has it. */
static inline vec vfma(vec a, vec b, vec c) { return a * b + c; }
#ifdef KT_F64
static inline real vsum(vec v) { return v[0] + v[1]; }
#else
static inline real vsum(vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }
#endif

#endif

/* Lane numbers below n get v, the others fill. */
static inline vec vfill(vec v, int64_t n, real fill)
{
    static const real_bits lane[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    ivec i;
    memcpy(&i, lane, sizeof i);
    ivec keep = i < ((real_bits)n - (ivec){ 0 });
    return (vec)((keep & (ivec)v) | (~keep & (ivec)vset1(fill)));
}

/* NaN if either is one. */
static inline vec vmax(vec a, vec b)
{
    ivec first = (ivec)(a > b) | (ivec)(a != a);
    return (vec)((first & (ivec)a) | (~first & (ivec)b));
}

static inline vec vmin(vec a, vec b)
{
    ivec first = (ivec)(a < b) | (ivec)(a != a);
    return (vec)((first & (ivec)a) | (~first & (ivec)b));
}

/* Transposes the VL x VL block in r. Each stage interleaves row i with row i + VL/2; after
 * log2(VL) stages row i holds what was column i. (A perfect shuffle of the index bits, repeated
 * until it comes round.) */
#if VL == 16
#define KT_LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define KT_HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif VL == 8
#define KT_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define KT_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif VL == 4
#define KT_LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define KT_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#else
#define KT_LOW(a, b) __builtin_shufflevector(a, b, 0, 2)
#define KT_HIGH(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif

static KT_INLINE void vtranspose(vec r[VL])
{
    for (int stage = 1; stage < VL; stage *= 2) {
        vec t[VL];
        for (int i = 0; i < VL / 2; i++) {
            t[2 * i] = KT_LOW(r[i], r[i + VL / 2]);
            t[2 * i + 1] = KT_HIGH(r[i], r[i + VL / 2]);
        }
        for (int i = 0; i < VL; i++)
            r[i] = t[i];
    }
}

#endif
