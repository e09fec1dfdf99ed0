/* SPDX-License-Identifier: MIT */
/* data/prefetch.h: one thread that gathers batches ahead of the consumer.
 *
 * The thread owns no position: the consumer says which batch it wants each time, and asking for another one than the
 * next starts the thread anew from there. So seeking, a fork and a thread that the system refuses change the speed,
 * never the batches.
 */
#ifndef KT_DATA_PREFETCH_H
#define KT_DATA_PREFETCH_H

#include "core/context.h"
#include "data/batcher.h"

typedef struct kt_prefetch kt_prefetch;

/* `ahead` batches at most are made beforehand. The batcher must outlive it. NULL and the context's error when memory is
 * short. The thread starts with the first batch that is asked for. */
kt_prefetch *kt_prefetch_new(kt_context *kt, const kt_batcher *batcher, int ahead);
void kt_prefetch_free(kt_prefetch *prefetch); /* ends and joins the thread; NULL is fine */

/* The gathered batch; its memory is the consumer's until the next call. */
const unsigned char *kt_prefetch_take(kt_prefetch *prefetch, int64_t epoch, int64_t index);

#endif
