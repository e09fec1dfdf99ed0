/* SPDX-License-Identifier: MIT */
/* data/batcher.h: batch `index` of epoch `epoch` of arrays in memory, into memory given by the caller.
 *
 * A batcher does not change once it is made: the consumer and the prefetching thread use the same one, each with its
 * own order and its own memory, and so make the same bits.
 */
#ifndef KT_DATA_BATCHER_H
#define KT_DATA_BATCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "data/order.h"

enum { KT_PART_X, KT_PART_Y, KT_PART_WEIGHT, KT_PARTS };

typedef struct kt_part { /* one of the arrays; data == NULL: absent */
    const unsigned char *data;
    size_t row_bytes;
    size_t offset; /* of its rows in a gathered batch, a multiple of 64 */
} kt_part;

typedef struct kt_batcher {
    kt_part part[KT_PARTS];
    int64_t rows, batch_size, batches;
    uint64_t seed;
    size_t bytes; /* of a gathered batch */
} kt_batcher;

int64_t kt_batcher_rows(const kt_batcher *batcher, int64_t index); /* the last batch may be short */

/* The shuffled batch, all parts at their offsets. */
void kt_batcher_gather(const kt_batcher *batcher, kt_order *order, int64_t epoch, int64_t index, unsigned char *to);

/* to[i] = from[row[i]] for rows of `row_bytes` bytes. */
void kt_gather_rows(unsigned char *to, const unsigned char *from, size_t row_bytes, const uint32_t *row, size_t count);

#endif
