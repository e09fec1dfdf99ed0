/* SPDX-License-Identifier: MIT */
/* data/order.c: see order.h. In a small network's epoch the shuffle is the data set's largest part, so words are made
 * in bulk and the rows are 32 bits wide.
 */
#include "data/order.h"

enum { BLOCKS = 16, WORDS = 4 * BLOCKS };
static const uint32_t STREAM = 0x6F726472u; /* "ordr": apart from all layers' streams */

typedef struct words {
    uint64_t seed, epoch;
    uint32_t block;
    int left;
    uint32_t word[WORDS];
} words;

/* Sixteen blocks of Philox side by side: the same words as kt_philox_block's, in a form that compilers turn into vector
 * code (a third less time per word). */
static void fill(words *w)
{
    uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS];
    uint32_t k0 = (uint32_t)w->seed, k1 = (uint32_t)(w->seed >> 32);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        c0[b] = w->block + b;
        c1[b] = STREAM;
        c2[b] = (uint32_t)w->epoch;
        c3[b] = (uint32_t)(w->epoch >> 32);
    }
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
        for (int b = 0; b < BLOCKS; b++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0[b], p2 = (uint64_t)0xCD9E8D57u * c2[b];
            uint32_t n0 = (uint32_t)(p2 >> 32) ^ c1[b] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3[b] ^ k1;
            c1[b] = (uint32_t)p2;
            c3[b] = (uint32_t)p0;
            c0[b] = n0;
            c2[b] = n2;
        }
    for (int b = 0; b < BLOCKS; b++) {
        w->word[4 * b] = c0[b];
        w->word[4 * b + 1] = c1[b];
        w->word[4 * b + 2] = c2[b];
        w->word[4 * b + 3] = c3[b];
    }
    w->block += BLOCKS;
    w->left = WORDS;
}

static uint32_t next_word(words *w)
{
    if (!w->left) fill(w);
    return w->word[WORDS - w->left--];
}

/* Uniform in [0, range): Lemire, "Fast random integer generation in an interval", 2019. */
static uint32_t below(words *w, uint32_t range)
{
    uint64_t product = (uint64_t)next_word(w) * range;
    if ((uint32_t)product < range) {
        uint32_t unfair = (0u - range) % range;
        while ((uint32_t)product < unfair) product = (uint64_t)next_word(w) * range;
    }
    return (uint32_t)(product >> 32);
}

void kt_order_enter(kt_order *order, uint64_t seed, int64_t epoch, uint32_t rows)
{
    if (order->epoch == epoch) return;
    uint32_t *row = order->row;
    words w = { .seed = seed, .epoch = (uint64_t)epoch };
    for (uint32_t i = 0; i < rows; i++) row[i] = i;
    for (uint32_t i = rows; i > 1; i--) {
        uint32_t j = below(&w, i), swap = row[j];
        row[j] = row[i - 1];
        row[i - 1] = swap;
    }
    order->epoch = epoch;
}
