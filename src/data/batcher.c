/* SPDX-License-Identifier: MIT */
/* data/batcher.c: gathering rows.
 *
 * For a small network this is a visible part of a step, and memcpy with a size that the compiler does not know costs
 * more than the copying. So the size is looked at once per batch: rows of up to 256 bytes are copied in whole words,
 * the last of which may overlap the one before.
 */
#include "data/batcher.h"

#include <string.h>

/* Copies rows in pieces of `word` bytes, a constant where this is inlined; row_bytes >= word. */
static inline void gather_words(unsigned char *to, const unsigned char *from, size_t row_bytes, const uint32_t *row,
                                size_t count, size_t word)
{
    for (size_t i = 0; i < count; i++, to += row_bytes) {
        const unsigned char *at = from + (size_t)row[i] * row_bytes;
        for (size_t j = 0; j + word < row_bytes; j += word) memcpy(to + j, at + j, word);
        memcpy(to + row_bytes - word, at + row_bytes - word, word);
    }
}

/* Rows that are one word. */
static inline void gather_word(unsigned char *to, const unsigned char *from, const uint32_t *row, size_t count,
                               size_t word)
{
    for (size_t i = 0; i < count; i++) memcpy(to + i * word, from + (size_t)row[i] * word, word);
}

void kt_gather_rows(unsigned char *to, const unsigned char *from, size_t row_bytes, const uint32_t *row, size_t count)
{
    switch (row_bytes) {
    case 0: return;
    case 1: gather_word(to, from, row, count, 1); return;
    case 4: gather_word(to, from, row, count, 4); return;
    case 8: gather_word(to, from, row, count, 8); return;
    case 16: gather_word(to, from, row, count, 16); return;
    case 40: /* ten inputs, the commonest table */ gather_words(to, from, 40, row, count, 16); return;
    default: break;
    }
    if (row_bytes > 256)
        for (size_t i = 0; i < count; i++) memcpy(to + i * row_bytes, from + (size_t)row[i] * row_bytes, row_bytes);
    else if (row_bytes > 16)
        gather_words(to, from, row_bytes, row, count, 16);
    else if (row_bytes > 8)
        gather_words(to, from, row_bytes, row, count, 8);
    else if (row_bytes > 4)
        gather_words(to, from, row_bytes, row, count, 4);
    else
        gather_words(to, from, row_bytes, row, count, 1);
}

int64_t kt_batcher_rows(const kt_batcher *batcher, int64_t index)
{
    int64_t left = batcher->rows - index * batcher->batch_size;
    return left < batcher->batch_size ? left : batcher->batch_size;
}

void kt_batcher_gather(const kt_batcher *batcher, kt_order *order, int64_t epoch, int64_t index, unsigned char *to)
{
    kt_order_enter(order, batcher->seed, epoch, (uint32_t)batcher->rows);
    const uint32_t *row = order->row + index * batcher->batch_size;
    size_t count = (size_t)kt_batcher_rows(batcher, index);
    for (int i = 0; i < KT_PARTS; i++) {
        const kt_part *part = &batcher->part[i];
        if (part->data) kt_gather_rows(to + part->offset, part->data, part->row_bytes, row, count);
    }
}
