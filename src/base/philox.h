/* SPDX-License-Identifier: MIT */
/* base/philox.h: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Counter-based: the value is a pure function of key and counter, so threads, order and resume cannot change it. Keratin's
 * use: key = the context's seed (low, high word); counter = (element / 4, stream, step low, step high), and element i
 * takes word i % 4. Vector forms elsewhere give the same bits.
 */
#ifndef KT_BASE_PHILOX_H
#define KT_BASE_PHILOX_H

#include <stdint.h>

typedef struct kt_philox {
    uint32_t word[4];
} kt_philox;

static inline kt_philox kt_philox_block(uint64_t seed, uint32_t block, uint32_t stream, uint64_t step)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = block, c1 = stream, c2 = (uint32_t)step, c3 = (uint32_t)(step >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(b >> 32) ^ c1 ^ k0, n2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (kt_philox){ { c0, c1, c2, c3 } };
}

static inline uint32_t kt_philox_u32(uint64_t seed, uint32_t stream, uint64_t step, uint64_t element)
{
    return kt_philox_block(seed, (uint32_t)(element / 4), stream, step).word[element % 4];
}

/* [0, 1) with 24 bits: exact in float32 and the same number in float64. */
static inline double kt_philox_uniform(uint64_t seed, uint32_t stream, uint64_t step, uint64_t element)
{
    return (double)(kt_philox_u32(seed, stream, step, element) >> 8) * (1.0 / 16777216.0);
}

#endif
