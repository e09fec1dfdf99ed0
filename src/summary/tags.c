/* SPDX-License-Identifier: MIT */
/* summary/tags.c: an open-addressed table of tags.
 *
 * Grown by doubling into a new block, never shrunk, entries never removed: so there are no
 * tombstones and a search ends at the first free place. Each tag is a block of its own, since
 * others point to it. A tag is whole before a place names it, a table before `tags` does, and the old
 * one is freed after that: stores that release keep this order for a child of fork(), which sees a
 * moment's state.
 */
#include "tags.h"

enum { TAGS_FIRST = 64, TAGS_MAX = 65536 };

uint64_t kt_tags_hash(const char *tag, size_t n)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u; /* 2^64 over the golden ratio */
    uint64_t hash = n * odd, word = 0;
    const char *end = tag + n;
    for (; end - tag > 8; tag += 8) {
        memcpy(&word, tag, 8);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    if (n >= 8)
        memcpy(&word, end - 8, 8); /* overlaps what was read, which does no harm */
    else
        while (tag < end) word = word << 8 | (unsigned char)*tag++;
    hash = (hash ^ word) * odd;
    hash ^= hash >> 29;
    hash *= odd;
    return hash ^ hash >> 32;
}

/* Where the tag is or would stand. The table has a free place. */
static _Atomic(kt_tag *) *tags_place(kt_tag_table *table, const char *tag, size_t n, uint64_t hash)
{
    for (size_t at = (size_t)hash;; at++) {
        size_t i = at & (table->capacity - 1);
        const kt_tag *there = kt_tags_at(table, i);
        if (!there || (there->hash == hash && there->size == n && memcmp(there->text, tag, n) == 0))
            return &table->places[i];
    }
}

kt_tag *kt_tags_find(const kt_tags *tags, const char *tag, size_t n)
{
    kt_tag_table *table = kt_tags_table(tags);
    if (!table) return NULL;
    return atomic_load_explicit(tags_place(table, tag, n, kt_tags_hash(tag, n)), memory_order_relaxed);
}

static bool tags_grow(kt_tags *tags, const kt_allocator *allocator)
{
    kt_tag_table *old = kt_tags_table(tags);
    size_t capacity = old ? 2 * old->capacity : TAGS_FIRST;
    if (capacity > 2 * TAGS_MAX) return false;
    kt_tag_table *table = allocator->allocate(sizeof *table + capacity * sizeof *table->places, allocator->user);
    if (!table) return false;

    table->capacity = capacity;
    table->count = old ? old->count : 0;
    for (size_t i = 0; i < capacity; i++) atomic_init(&table->places[i], NULL);
    for (size_t i = 0; old && i < old->capacity; i++) {
        kt_tag *tag = kt_tags_at(old, i);
        if (tag) atomic_init(tags_place(table, tag->text, tag->size, tag->hash), tag);
    }
    atomic_store_explicit(&tags->table, table, memory_order_release);
    allocator->release(old, allocator->user);
    return true;
}

kt_tag *kt_tags_add(kt_tags *tags, const char *tag, size_t n, kt_kind kind,
                    const kt_allocator *allocator)
{
    kt_tag_table *table = kt_tags_table(tags);
    if ((!table || table->count >= table->capacity / 2) && !tags_grow(tags, allocator)) return NULL;
    size_t room = kind == KT_KIND_SCALAR ? kt_scalar_form_bound(n) : 0;
    kt_tag *added = allocator->allocate(sizeof *added + n + 1 + room, allocator->user);
    if (!added) return NULL;
    *added = (kt_tag){ .hash = kt_tags_hash(tag, n), .limit = -1, .kind = kind, .size = n };
    memcpy(added->text, tag, n);
    added->text[n] = '\0';
    if (room > 0) added->form = kt_scalar_form_make((unsigned char *)added->text + n + 1, tag, n);

    table = kt_tags_table(tags);
    atomic_store_explicit(tags_place(table, tag, n, added->hash), added, memory_order_release);
    table->count++;
    return added;
}

void kt_tags_free(kt_tags *tags, const kt_allocator *allocator)
{
    kt_tag_table *table = atomic_load_explicit(&tags->table, memory_order_acquire);
    for (size_t i = 0; table && i < table->capacity; i++)
        allocator->release(kt_tags_at(table, i), allocator->user);
    allocator->release(table, allocator->user);
    atomic_store_explicit(&tags->table, NULL, memory_order_relaxed);
}
