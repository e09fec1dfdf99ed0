/* SPDX-License-Identifier: MIT */
/* random.c: Philox 4x32-10 for many blocks at once, and what is made of it.
 *
 * The scalar form, base/philox.h, defines the numbers; here some blocks go through the ten rounds
 * side by side. Element i takes word i % 4 of block i / 4 (the block number wraps at 2^32 as it
 * does there), so any range of elements can be made by anyone at any time. Ranges that begin or end
 * inside a group of blocks go through a small buffer.
 */
#include "isa.h"
#include "kernels.h"
#include "vmath.h"

#include <string.h>

#if KT_VECTOR_BYTES > 16 || defined(__SSE2__)
#include <immintrin.h>
#endif

/* A 32-bit word in the low half of each 64-bit lane; what the high halves hold is of no
 * interest, because the multiplication of low halves ignores it. Two chains of rounds run side
 * by side to hide its latency. */
typedef uint64_t words __attribute__((vector_size(KT_VECTOR_BYTES)));
enum { LANES = KT_VECTOR_BYTES / 8, BLOCKS = 2 * LANES, GROUP = 4 * BLOCKS };

static inline words multiply_low(words a, words b)
{
#if KT_VECTOR_BYTES == 64
    return (words)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif KT_VECTOR_BYTES == 32
    return (words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

/* Elements of blocks: word pairs (0, 1) and (2, 3) are 64-bit numbers that only have to be
 * interleaved. */
static inline void store_blocks(words c0, words c1, words c2, words c3, uint32_t *out)
{
    words first = (c0 & 0xffffffffu) | c1 << 32, second = (c2 & 0xffffffffu) | c3 << 32;
#if KT_VECTOR_BYTES == 64
    words low = __builtin_shufflevector(first, second, 0, 8, 1, 9, 2, 10, 3, 11);
    words high = __builtin_shufflevector(first, second, 4, 12, 5, 13, 6, 14, 7, 15);
#elif KT_VECTOR_BYTES == 32
    words low = __builtin_shufflevector(first, second, 0, 4, 1, 5);
    words high = __builtin_shufflevector(first, second, 2, 6, 3, 7);
#else
    words low = __builtin_shufflevector(first, second, 0, 2);
    words high = __builtin_shufflevector(first, second, 1, 3);
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    low = low << 32 | low >> 32, high = high << 32 | high >> 32;
#endif
    memcpy(out, &low, sizeof low);
    memcpy(out + 2 * LANES, &high, sizeof high);
}

/* GROUP words from `block` on, in element order. */
static void philox_group(uint64_t seed, uint32_t stream, uint64_t step, uint32_t block,
                         uint32_t *out)
{
    static const uint64_t lane[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    const words zero = { 0 }, m0 = zero + 0xD2511F53u, m2 = zero + 0xCD9E8D57u;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    words a0, a1 = zero + stream, a2 = zero + (uint32_t)step, a3 = zero + (step >> 32);
    memcpy(&a0, lane, sizeof a0);
    a0 += block;
    words b0 = a0 + LANES, b1 = a1, b2 = a2, b3 = a3;
    for (int round = 0; round < 10; round++) {
        words a = multiply_low(a0, m0), c = multiply_low(a2, m2);
        words b = multiply_low(b0, m0), d = multiply_low(b2, m2);
        a0 = (c >> 32) ^ a1 ^ k0;
        b0 = (d >> 32) ^ b1 ^ k0;
        a2 = (a >> 32) ^ a3 ^ k1;
        b2 = (b >> 32) ^ b3 ^ k1;
        a1 = c, a3 = a;
        b1 = d, b3 = b;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    store_blocks(a0, a1, a2, a3, out);
    store_blocks(b0, b1, b2, b3, out + GROUP / 2);
}

typedef void group_fn(const uint32_t *restrict u, void *restrict y);

static void group_u32(const uint32_t *restrict u, void *restrict y)
{
    memcpy(y, u, GROUP * sizeof *u);
}

static void group_uniform(const uint32_t *restrict u, void *restrict y)
{
    float *f = y;
    for (int i = 0; i < GROUP; i++)
        f[i] = (float)(int32_t)(u[i] >> 8) * (1.0f / 16777216.0f);
}

static void group_normal(const uint32_t *restrict u, void *restrict y)
{
    float radius[GROUP / 2], c[GROUP / 2], s[GROUP / 2], *f = y;
    for (int i = 0; i < GROUP / 2; i++) {
        uint32_t a = (u[2 * i] >> 8) + 1, b = u[2 * i + 1] >> 8;
        radius[i] = sqrtf(-2.0f * kt_vm_logf((float)(int32_t)a * (1.0f / 16777216.0f)));
        /* The angle is exact: quarter turns and a signed rest in units of 2 pi / 2^24. */
        uint32_t quarter = (b + 0x200000u) >> 22;
        float r = (float)((int32_t)b - (int32_t)(quarter << 22)) * 3.74507038e-07f;
        float sine = kt_vm_sin_poly(r), cosine = kt_vm_cos_poly(r);
        c[i] = kt_vm_float(kt_vm_bits(quarter & 1u ? sine : cosine) ^
                           (((quarter + 1u) & 2u) << 30));
        s[i] = kt_vm_float(kt_vm_bits(quarter & 1u ? cosine : sine) ^ ((quarter & 2u) << 30));
    }
    for (int i = 0; i < GROUP / 2; i++) {
        f[2 * i] = radius[i] * c[i];
        f[2 * i + 1] = radius[i] * s[i];
    }
}

/* Elements first .. first + n - 1, four bytes each. */
static KT_INLINE void fill(group_fn *make, uint64_t seed, uint32_t stream, uint64_t step,
                                                       int64_t first, int64_t n, char *y)
{
    uint32_t made[GROUP], part[GROUP];
    int64_t skip = first % 4;
    uint32_t block = (uint32_t)(uint64_t)(first / 4);
    while (n > 0) {
        philox_group(seed, stream, step, block, made);
        int64_t take = GROUP - skip < n ? GROUP - skip : n;
        if (take == GROUP) {
            make(made, y);
        } else {
            make(made, part);
            memcpy(y, part + skip, (size_t)take * 4);
        }
        y += take * 4;
        n -= take;
        skip = 0;
        block += BLOCKS;
    }
}

void KT_NAME(kt_random_u32)(uint64_t seed, uint32_t stream, uint64_t step, int64_t first, int64_t n,
                            uint32_t *y)
{
    fill(group_u32, seed, stream, step, first, n, (char *)y);
}

void KT_NAME(kt_random_uniform)(uint64_t seed, uint32_t stream, uint64_t step, int64_t first,
                                int64_t n, float *y)
{
    fill(group_uniform, seed, stream, step, first, n, (char *)y);
}

void KT_NAME(kt_random_normal)(uint64_t seed, uint32_t stream, uint64_t step, int64_t first,
                               int64_t n, float *y)
{
    fill(group_normal, seed, stream, step, first, n, (char *)y);
}
