/* SPDX-License-Identifier: MIT */
/* summary/reader/store.c: see store.h. The only place of the reader that calls the host's allocator. */
#include "summary/reader/store.h"

#include <string.h>

#include "base/host.h"

enum { HEAD = 16, PILE_FIRST = 512, PILE_MOST = 32768 };

void kt_store_begin(kt_store *store, const kt_allocator *host)
{
    store->host = kt_allocator_or_host(host);
    atomic_init(&store->used, 0);
    atomic_init(&store->limit, INT64_MAX);
    atomic_init(&store->limited, false);
}

static bool store_is_full(kt_store *store, size_t bytes)
{
    int64_t limit = atomic_load_explicit(&store->limit, memory_order_relaxed);
    int64_t used = atomic_load_explicit(&store->used, memory_order_relaxed);
    if (bytes <= (size_t)INT64_MAX / 2 && used <= limit && (int64_t)bytes <= limit - used) return false;
    atomic_store_explicit(&store->limited, true, memory_order_relaxed);
    return true;
}

static void store_count(kt_store *store, int64_t bytes)
{
    atomic_fetch_add_explicit(&store->used, bytes, memory_order_relaxed);
}

void *kt_store_resize(kt_store *store, void *block, size_t bytes)
{
    size_t old = 0;
    unsigned char *base = block ? (unsigned char *)block - HEAD : NULL;
    if (base) memcpy(&old, base, sizeof old);
    if (bytes > old && store_is_full(store, bytes - old + HEAD)) return NULL;
    unsigned char *moved = base ? store->host.resize(base, bytes + HEAD, store->host.user)
                                : store->host.allocate(bytes + HEAD, store->host.user);
    if (!moved) return NULL;
    memcpy(moved, &bytes, sizeof bytes);
    store_count(store, (int64_t)bytes - (int64_t)old + (base ? 0 : HEAD));
    return moved + HEAD;
}

void *kt_store_take(kt_store *store, size_t bytes) { return kt_store_resize(store, NULL, bytes); }

void *kt_store_zeroed(kt_store *store, size_t bytes)
{
    void *block = kt_store_take(store, bytes);
    if (block) memset(block, 0, bytes);
    return block;
}

void kt_store_give(kt_store *store, void *block)
{
    if (!block) return;
    size_t bytes;
    unsigned char *base = (unsigned char *)block - HEAD;
    memcpy(&bytes, base, sizeof bytes);
    store_count(store, -(int64_t)bytes - HEAD);
    store->host.release(base, store->host.user);
}

bool kt_store_grow(kt_store *store, void *items, size_t *room, size_t need, size_t size)
{
    if (need <= *room) return true;
    size_t more = *room + *room / 2;
    if (more < need) more = need < 4 ? 4 : need;
    if (more > SIZE_MAX / 2 / size) return false;
    void *old;
    memcpy(&old, items, sizeof old);
    void *grown = kt_store_resize(store, old, more * size);
    if (!grown) return false;
    memcpy(items, &grown, sizeof grown);
    *room = more;
    return true;
}

/* ---- Piles ----------------------------------------------------------------------------------- */

struct kt_pile_block {
    kt_pile_block *before;
    size_t used, size; /* of what follows this head */
};

void *kt_pile_take(kt_pile *pile, size_t bytes)
{
    if (bytes > SIZE_MAX / 4) return NULL;
    bytes = (bytes + 7) / 8 * 8;
    kt_pile_block *block = pile->last;
    if (!block || block->size - block->used < bytes) {
        size_t size = !block ? PILE_FIRST : block->size < PILE_MOST / 2 ? block->size * 2 : PILE_MOST;
        bool alone = block && bytes > size / 4; /* a large one leaves the current block open */
        if (alone || bytes > size) size = bytes;
        kt_pile_block *fresh = kt_store_take(pile->store, sizeof *fresh + size);
        if (!fresh) return NULL;
        *fresh = (kt_pile_block){ .size = size };
        if (alone) {
            fresh->before = block->before;
            block->before = fresh;
        } else {
            fresh->before = block;
            pile->last = fresh;
        }
        block = fresh;
    }
    void *here = (unsigned char *)(block + 1) + block->used;
    block->used += bytes;
    return here;
}

char *kt_pile_text(kt_pile *pile, const void *text, size_t n)
{
    char *copy = n < SIZE_MAX ? kt_pile_take(pile, n + 1) : NULL;
    if (!copy) return NULL;
    if (n > 0) memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

void kt_pile_clear(kt_pile *pile)
{
    while (pile->last) {
        kt_pile_block *before = pile->last->before;
        kt_store_give(pile->store, pile->last);
        pile->last = before;
    }
}
