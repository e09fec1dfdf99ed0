/* SPDX-License-Identifier: MIT */
/* summary/queue.h: sealed records that wait to be written, in blocks, oldest first.
 *
 * Records are made in place at the end of the last block and never move. Whoever writes takes whole
 * blocks out of the queue, has them for itself while the system is busy with them, and brings them
 * back empty or with what was not written. So logging and writing meet for moments only.
 *
 * Nothing here locks: the owner holds its lock around every call except while it writes a block it
 * has taken. Blocks are allocated and released only where a record is reserved, that is by threads
 * that log. All blocks hang in one list besides, so that a child of fork() can free them in
 * whatever state it found the queue.
 */
#ifndef KERATIN_SUMMARY_QUEUE_H
#define KERATIN_SUMMARY_QUEUE_H

#include <keratin/status.h>
#include <stdatomic.h>

typedef struct kt_block {
    struct kt_block *next;              /* in the queue, or among the spares */
    struct kt_block *older, *younger;   /* among all blocks there are */
    size_t capacity, begin, used;       /* records stand in [begin, used) */
    int64_t records;
    unsigned char bytes[];
} kt_block;

typedef struct kt_queue {
    kt_block *first, *last;
    kt_block *spare;
    _Atomic(kt_block *) all; /* what hangs here is whole: see above */
    size_t spares;
    size_t block_bytes, limit;
    size_t bytes;            /* queued, and in blocks that are being written */
    int64_t pushed, settled; /* records ever queued; of these, written or dropped again */
    bool grown;              /* a block was filled up: there is something worth writing */
    kt_allocator allocator;
} kt_queue;

typedef enum kt_room { KT_ROOM_FOUND, KT_ROOM_FULL, KT_ROOM_NO_MEMORY } kt_room;

/* Makes room for a record of at most `need` bytes at the end of the last block. FULL while more than
 * `limit` bytes would wait; one record of any size is let in when nothing else waits. */
kt_room kt_queue_grow(kt_queue *queue, size_t need);

/* Puts one block aside, for a record that comes while the only other one is being written. False when
 * there is no memory. */
bool kt_queue_put_aside(kt_queue *queue);

static inline kt_room kt_queue_reserve(kt_queue *queue, size_t need)
{
    const kt_block *last = queue->last;
    if (last && need <= last->capacity - last->used && queue->bytes + need <= queue->limit)
        return KT_ROOM_FOUND;
    return kt_queue_grow(queue, need);
}

/* Where the reserved record stands, and where its room ends. */
static inline unsigned char *kt_queue_end(const kt_queue *queue)
{
    return queue->last->bytes + queue->last->used;
}

static inline unsigned char *kt_queue_room_end(const kt_queue *queue)
{
    return queue->last->bytes + queue->last->capacity;
}

/* The record of `size` bytes that was made there belongs to the queue. */
static inline void kt_queue_push(kt_queue *queue, size_t size)
{
    queue->last->used += size;
    queue->last->records++;
    queue->bytes += size;
    queue->pushed++;
}

/* Drops the oldest records until `need` bytes fit; returns how many. */
int64_t kt_queue_drop_oldest(kt_queue *queue, size_t need);

/* The oldest blocks that have records, linked by `next`: one, and more as long as they have less than
 * `most` bytes together. Without `growing_too` the block that still grows stays. NULL when there is
 * none. */
kt_block *kt_queue_take(kt_queue *queue, bool growing_too, size_t most);

/* The first `written` bytes of a block that was taken, `records` records, are done. Touches the block
 * alone, so it needs no lock. */
static inline void kt_block_written(kt_block *block, size_t written, int64_t records)
{
    block->begin += written;
    block->records -= records;
}

/* Brings blocks back of which so much is done altogether. What is left of them stands at the head of
 * the queue again, in its order; the empty ones are spares. */
void kt_queue_return(kt_queue *queue, kt_block *blocks, size_t written, int64_t records);

void kt_queue_free(kt_queue *queue);

#endif
