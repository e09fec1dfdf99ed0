/* SPDX-License-Identifier: MIT */
/* summary/tags.c: an open-addressed table of hashes.
 *
 * Grown by doubling into a new block, never shrunk, entries never removed: so there are no
 * tombstones and a search ends at the first free place. The tags' own bytes are not kept (see
 * tags.h). The log owns the table and frees `places`.
 */
#include "tags.h"

#include <string.h>

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

/* Where the hash is or would stand. The table has a free place. */
static kt_tag *tags_place(kt_tag *places, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);
    while (places[at].used && places[at].hash != hash) at = (at + 1) & (capacity - 1);
    return &places[at];
}

kt_tag *kt_tags_find(const kt_tags *tags, uint64_t hash)
{
    if (tags->capacity == 0) return NULL;
    kt_tag *place = tags_place(tags->places, tags->capacity, hash);
    return place->used ? place : NULL;
}

static bool tags_grow(kt_tags *tags, const kt_allocator *allocator)
{
    size_t capacity = tags->capacity == 0 ? TAGS_FIRST : 2 * tags->capacity;
    if (capacity > 2 * TAGS_MAX) return false;
    kt_tag *places = allocator->allocate(capacity * sizeof *places, allocator->user);
    if (!places) return false;

    memset(places, 0, capacity * sizeof *places);
    for (size_t i = 0; i < tags->capacity; i++)
        if (tags->places[i].used)
            *tags_place(places, capacity, tags->places[i].hash) = tags->places[i];
    allocator->release(tags->places, allocator->user);
    tags->places = places;
    tags->capacity = capacity;
    return true;
}

kt_tag *kt_tags_add(kt_tags *tags, uint64_t hash, kt_kind kind, const kt_allocator *allocator)
{
    if (tags->count >= tags->capacity / 2 && !tags_grow(tags, allocator)) return NULL;
    kt_tag *place = tags_place(tags->places, tags->capacity, hash);
    *place = (kt_tag){ .hash = hash, .kind = kind, .used = true };
    tags->count++;
    return place;
}
