/* SPDX-License-Identifier: MIT */
/* data/dataset.h: the inside of a data set: what dataset.c keeps and loop.c uses.
 *
 * Both kinds (arrays in memory, the caller's own class) are the same to the outside: a position (epoch, index), and a
 * way to make the batch there. The position is the consumer's alone.
 */
#ifndef KT_DATA_DATASET_H
#define KT_DATA_DATASET_H

#include <keratin/data.h>

#include "core/context.h"
#include "data/batcher.h"
#include "data/prefetch.h"

struct kt_dataset {
    kt_object object;
    kt_context *kt;
    int64_t epoch, index; /* of the batch that comes next */

    /* Arrays in memory. */
    kt_batcher batcher;
    kt_host_batch shape; /* a batch without its data */
    bool shuffle;
    kt_order order;
    unsigned char *gathered; /* 64-byte aligned; the batch given out */
    kt_prefetch *prefetch;

    /* The caller's own. */
    kt_dataset_class cls; /* .batch is NULL for arrays */
    void *self;

    /* kt_for_each_batch: the loop that runs, or was left by break. */
    uint64_t loop;   /* its number; 0: none */
    uint64_t loops;  /* begun so far */
    kt_scope *scope; /* of its pass, if `scope_serial` is still the scope's */
    uint64_t scope_serial;
};

/* The next batch, whatever loop is open. */
kt_status kt_dataset_take(kt_dataset *data, kt_host_batch *batch);

/* Ends the pass that a loop over this data set left open, so that the memory of its batch is free; the loop is then
 * over. */
kt_status kt_loop_close(kt_dataset *data);

#endif
