/* SPDX-License-Identifier: MIT */
/* base/memory.c: see memory.h. Knows the host's allocator and nothing else. */
#include "base/memory.h"

#include <string.h>

#include "base/host.h"

enum { HEAD = 16, LINE = 64 };

void kt_heap_init(kt_heap *heap, const kt_allocator *host)
{
    memset(heap, 0, sizeof *heap);
    heap->host = kt_allocator_or_host(host);
}

static void count(kt_heap *heap, size_t bytes)
{
    heap->bytes += bytes;
    heap->allocations++;
    if (heap->bytes > heap->peak) heap->peak = heap->bytes;
}

void *kt_heap_take(kt_heap *heap, size_t bytes)
{
    size_t all;
    if (!kt_add_size(bytes, HEAD, &all)) return NULL;
    unsigned char *block = heap->host.allocate(all, heap->host.user);
    if (!block) return NULL;
    memcpy(block, &bytes, sizeof bytes);
    count(heap, bytes);
    return block + HEAD;
}

void *kt_heap_zeroed(kt_heap *heap, size_t n, size_t size)
{
    size_t bytes;
    if (!kt_mul_size(n, size, &bytes)) return NULL;
    void *block = kt_heap_take(heap, bytes);
    if (block) memset(block, 0, bytes);
    return block;
}

void *kt_heap_resize(kt_heap *heap, void *block, size_t bytes)
{
    if (!block) return kt_heap_take(heap, bytes);
    size_t all, old;
    if (!kt_add_size(bytes, HEAD, &all)) return NULL;
    memcpy(&old, (unsigned char *)block - HEAD, sizeof old);
    unsigned char *moved = heap->host.resize((unsigned char *)block - HEAD, all, heap->host.user);
    if (!moved) return NULL;
    memcpy(moved, &bytes, sizeof bytes);
    heap->bytes -= old;
    count(heap, bytes);
    return moved + HEAD;
}

void kt_heap_give(kt_heap *heap, void *block)
{
    if (!block) return;
    size_t bytes;
    memcpy(&bytes, (unsigned char *)block - HEAD, sizeof bytes);
    heap->bytes -= bytes;
    heap->host.release((unsigned char *)block - HEAD, heap->host.user);
}

void *kt_heap_take_aligned(kt_heap *heap, size_t bytes)
{
    size_t all;
    if (!kt_add_size(bytes, LINE + sizeof(void *), &all)) return NULL;
    unsigned char *block = kt_heap_take(heap, all);
    if (!block) return NULL;
    uintptr_t at = ((uintptr_t)block + sizeof(void *) + LINE - 1) & ~(uintptr_t)(LINE - 1);
    memcpy((void *)(at - sizeof(void *)), &block, sizeof block);
    return (void *)at;
}

void kt_heap_give_aligned(kt_heap *heap, void *aligned)
{
    if (!aligned) return;
    void *block;
    memcpy(&block, (unsigned char *)aligned - sizeof(void *), sizeof block);
    kt_heap_give(heap, block);
}

char *kt_heap_text(kt_heap *heap, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = kt_heap_take(heap, bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

bool kt_mul_size(size_t a, size_t b, size_t *out)
{
    if (a && b > SIZE_MAX / a) return false;
    *out = a * b;
    return true;
}

bool kt_add_size(size_t a, size_t b, size_t *out)
{
    if (b > SIZE_MAX - a) return false;
    *out = a + b;
    return true;
}

bool kt_mul_int64(int64_t a, int64_t b, int64_t *out)
{
    if (a < 0 || b < 0 || (a && b > INT64_MAX / a)) return false;
    *out = a * b;
    return true;
}

struct kt_arena_block {
    kt_arena_block *next;
    size_t bytes;
    unsigned char *data; /* 64-byte aligned */
};

void kt_arena_init(kt_arena *arena, kt_heap *heap, size_t block_bytes)
{
    *arena = (kt_arena){ .heap = heap, .block_bytes = block_bytes };
}

static void *arena_take(kt_arena *arena, size_t bytes, size_t align)
{
    for (;;) {
        kt_arena_block *block = arena->current;
        if (block) {
            size_t at = (arena->used + align - 1) & ~(align - 1);
            if (at <= block->bytes && bytes <= block->bytes - at) {
                arena->used = at + bytes;
                return block->data + at;
            }
            if (block->next && block->next->bytes >= bytes) {
                arena->current = block->next;
                arena->used = 0;
                continue;
            }
        }
        size_t size = bytes > arena->block_bytes ? bytes : arena->block_bytes;
        kt_arena_block *fresh = kt_heap_take(arena->heap, sizeof *fresh);
        if (!fresh) return NULL;
        fresh->bytes = size;
        fresh->data = arena->take ? arena->take(arena->user, size) : kt_heap_take_aligned(arena->heap, size);
        if (!fresh->data) {
            kt_heap_give(arena->heap, fresh);
            return NULL;
        }
        fresh->next = block ? block->next : arena->first;
        if (block) block->next = fresh;
        else arena->first = fresh;
        arena->current = fresh;
        arena->used = 0;
    }
}

void *kt_arena_take(kt_arena *arena, size_t bytes)
{
    const kt_arena_block *block = arena->current;
    size_t at = (arena->used + 15) & ~(size_t)15;
    if (block && at <= block->bytes && bytes <= block->bytes - at) { /* nearly always */
        arena->used = at + bytes;
        return block->data + at;
    }
    return arena_take(arena, bytes, 16);
}

void *kt_arena_take_aligned(kt_arena *arena, size_t bytes)
{
    return arena_take(arena, bytes, LINE);
}

void *kt_arena_zeroed(kt_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (!kt_mul_size(n, size, &bytes)) return NULL;
    void *block = arena_take(arena, bytes, 16);
    if (block) memset(block, 0, bytes);
    return block;
}

void kt_arena_clear(kt_arena *arena)
{
    arena->current = arena->first;
    arena->used = 0;
}

void kt_arena_free(kt_arena *arena)
{
    for (kt_arena_block *block = arena->first; block;) {
        kt_arena_block *next = block->next;
        if (arena->give) arena->give(arena->user, block->data);
        else kt_heap_give_aligned(arena->heap, block->data);
        kt_heap_give(arena->heap, block);
        block = next;
    }
    arena->first = arena->current = NULL;
    arena->used = 0;
}

bool kt_grow_slowly(kt_heap *heap, void *items, size_t *capacity, size_t need, size_t size)
{
    size_t more = *capacity ? *capacity : 8, bytes;
    while (more < need) {
        if (!kt_mul_size(more, 2, &more)) return false;
    }
    if (!kt_mul_size(more, size, &bytes)) return false;
    void *old;
    memcpy(&old, items, sizeof old);
    void *moved = kt_heap_resize(heap, old, bytes);
    if (!moved) return false;
    memcpy(items, &moved, sizeof moved);
    *capacity = more;
    return true;
}
