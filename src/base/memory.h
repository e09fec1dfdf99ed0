/* SPDX-License-Identifier: MIT */
/* base/memory.h: allocation through the host's allocator, counted; sizes checked before anything is multiplied.
 *
 * Every block carries its size in front (16 bytes), so that what a context uses can be told without asking the host.
 * kt_heap is the one place where the host's three functions are called. Bump arenas hand out memory that dies together:
 * the nodes of a scope, the steps of a plan; a cleared arena keeps its blocks, so that the next step allocates nothing.
 */
#ifndef KT_BASE_MEMORY_H
#define KT_BASE_MEMORY_H

#include <keratin/status.h>

typedef struct kt_heap {
    kt_allocator host;
    size_t bytes, peak;
    uint64_t allocations;
} kt_heap;

void kt_heap_init(kt_heap *heap, const kt_allocator *host); /* host NULL or empty: malloc and free */
void *kt_heap_take(kt_heap *heap, size_t bytes);            /* not cleared; NULL if memory is short */
void *kt_heap_zeroed(kt_heap *heap, size_t count, size_t size);
void *kt_heap_resize(kt_heap *heap, void *block, size_t bytes);
void kt_heap_give(kt_heap *heap, void *block);              /* NULL is fine */
void *kt_heap_take_aligned(kt_heap *heap, size_t bytes);    /* 64 bytes: a cache line, a vector; given back by: */
void kt_heap_give_aligned(kt_heap *heap, void *block);
char *kt_heap_text(kt_heap *heap, const char *text);        /* a copy; NULL if memory is short */

/* false on overflow; *out is then untouched. */
bool kt_mul_size(size_t a, size_t b, size_t *out);
bool kt_add_size(size_t a, size_t b, size_t *out);
bool kt_mul_int64(int64_t a, int64_t b, int64_t *out);      /* both >= 0 */

typedef struct kt_arena_block kt_arena_block;
typedef struct kt_arena {
    kt_heap *heap;
    kt_arena_block *first, *current;
    size_t used, block_bytes; /* used: of the current block */
    /* Where blocks come from when not from the heap: a back-end's memory. Both or none. */
    void *(*take)(void *user, size_t bytes);
    void (*give)(void *user, void *block);
    void *user;
} kt_arena;

void kt_arena_init(kt_arena *arena, kt_heap *heap, size_t block_bytes);
void *kt_arena_take(kt_arena *arena, size_t bytes);         /* 16-byte aligned, not cleared */
void *kt_arena_take_aligned(kt_arena *arena, size_t bytes); /* 64-byte aligned */
void *kt_arena_zeroed(kt_arena *arena, size_t count, size_t size);
void kt_arena_clear(kt_arena *arena);                       /* keeps the blocks */
void kt_arena_free(kt_arena *arena);

/* Makes room for `need` elements in a growing array: `items` is the address of the pointer to it, `size` an element's bytes. */
bool kt_grow_slowly(kt_heap *heap, void *items, size_t *capacity, size_t need, size_t size);
static inline bool kt_grow(kt_heap *heap, void *items, size_t *capacity, size_t need, size_t size)
{
    return need <= *capacity || kt_grow_slowly(heap, items, capacity, need, size);
}

#endif
