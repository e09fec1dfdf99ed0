/* SPDX-License-Identifier: MIT */
/* summary/queue.c: blocks, from the allocator through the queue to the spares and back.
 *
 * A log whose disk keeps up lives on two or three blocks for ever. After a jam there are more: they
 * stay as spares, and each time a block is needed one that is too many is given back to the host: memory
 * returns as the log goes on, and no call frees a thousand blocks at once.
 */
#include "queue.h"

#include <stdint.h>

#include "event.h"

enum { QUEUE_SPARES = 4 };

static void queue_release(kt_queue *queue, kt_block *block)
{
    if (block->younger) block->younger->older = block->older;
    else atomic_store_explicit(&queue->all, block->older, memory_order_release);
    if (block->older) block->older->younger = block->younger;
    queue->allocator.release(block, queue->allocator.user);
}

static kt_block *queue_allocate(kt_queue *queue, size_t need)
{
    size_t capacity = need > queue->block_bytes ? need : queue->block_bytes;
    if (capacity > SIZE_MAX - sizeof(kt_block)) return NULL;
    kt_block *block = queue->allocator.allocate(sizeof *block + capacity, queue->allocator.user);
    if (!block) return NULL;
    kt_block *older = atomic_load_explicit(&queue->all, memory_order_relaxed);
    *block = (kt_block){ .older = older, .capacity = capacity };
    if (older) older->younger = block;
    atomic_store_explicit(&queue->all, block, memory_order_release);
    return block;
}

/* A spare for a record of `need` bytes: one of the usual size, or for large records one that is large
 * enough. */
static kt_block *queue_spare(kt_queue *queue, size_t need)
{
    kt_block **link = &queue->spare, *found = NULL;
    for (int look = 0; *link && look <= QUEUE_SPARES && !found; look++) {
        size_t capacity = (*link)->capacity;
        if (need > queue->block_bytes ? capacity >= need : capacity == queue->block_bytes) found = *link;
        else link = &(*link)->next;
    }
    if (found) {
        *link = found->next;
        found->next = NULL;
        queue->spares--;
    }
    if (queue->spares > QUEUE_SPARES) {
        kt_block *extra = queue->spare;
        queue->spare = extra->next;
        queue->spares--;
        queue_release(queue, extra);
    }
    return found;
}

kt_room kt_queue_grow(kt_queue *queue, size_t need)
{
    if (queue->bytes > 0 && (need > queue->limit || queue->bytes > queue->limit - need)) return KT_ROOM_FULL;
    kt_block *last = queue->last;
    if (last && need <= last->capacity - last->used) return KT_ROOM_FOUND;
    kt_block *block = queue_spare(queue, need);
    if (!block) block = queue_allocate(queue, need);
    if (!block) return KT_ROOM_NO_MEMORY;
    if (last) {
        last->next = block;
        queue->grown = true;
    } else {
        queue->first = block;
    }
    queue->last = block;
    return KT_ROOM_FOUND;
}

static void queue_put_spare(kt_queue *queue, kt_block *block)
{
    block->begin = block->used = 0;
    block->records = 0;
    block->next = queue->spare;
    queue->spare = block;
    queue->spares++;
}

/* Unlinks the first block. */
static kt_block *queue_shift(kt_queue *queue)
{
    kt_block *block = queue->first;
    queue->first = block->next;
    if (!queue->first) queue->last = NULL;
    block->next = NULL;
    return block;
}

bool kt_queue_put_aside(kt_queue *queue)
{
    kt_block *block = queue_allocate(queue, 0);
    if (block) queue_put_spare(queue, block);
    return block != NULL;
}

int64_t kt_queue_drop_oldest(kt_queue *queue, size_t need)
{
    int64_t dropped = 0;
    while (queue->first && need <= queue->limit && queue->bytes > queue->limit - need) {
        kt_block *block = queue->first;
        if (block->records > 0) {
            size_t size = kt_record_size(block->bytes + block->begin);
            block->begin += size;
            block->records--;
            queue->bytes -= size;
            queue->settled++;
            dropped++;
        }
        if (block->records == 0) queue_put_spare(queue, queue_shift(queue));
    }
    return dropped;
}

kt_block *kt_queue_take(kt_queue *queue, bool growing_too, size_t most)
{
    kt_block *taken = NULL, **end = &taken;
    size_t bytes = 0;
    while (queue->first && (growing_too || queue->first != queue->last)) {
        size_t size = queue->first->used - queue->first->begin;
        if (taken && size > most - bytes) break;
        kt_block *block = queue_shift(queue);
        if (block->records == 0) {
            queue_put_spare(queue, block); /* reserved, and the record was not made after all */
            continue;
        }
        bytes += size;
        *end = block;
        end = &block->next;
        if (bytes >= most) break;
    }
    return taken;
}

void kt_queue_return(kt_queue *queue, kt_block *blocks, size_t written, int64_t records)
{
    queue->bytes -= written;
    queue->settled += records;
    kt_block *left = NULL, **end = &left, *last = NULL;
    while (blocks) {
        kt_block *block = blocks;
        blocks = block->next;
        block->next = NULL;
        if (block->records == 0) {
            queue_put_spare(queue, block);
            continue;
        }
        *end = last = block;
        end = &block->next;
    }
    if (!left) return;
    last->next = queue->first;
    queue->first = left;
    if (!queue->last) queue->last = last;
}

void kt_queue_free(kt_queue *queue)
{
    for (kt_block *block = atomic_load_explicit(&queue->all, memory_order_acquire); block;) {
        kt_block *older = block->older;
        queue->allocator.release(block, queue->allocator.user);
        block = older;
    }
    atomic_store_explicit(&queue->all, NULL, memory_order_relaxed);
}
