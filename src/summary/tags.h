/* SPDX-License-Identifier: MIT */
/* summary/tags.h: what a log remembers of each tag: its kind, its last step, its limit, and the
 * bytes that its records have in common.
 *
 * TensorBoard has one kind per tag and drops the second silently; and its default reader forgets a
 * tag's points from step s on when another point with a step of s or less follows. Neither is ever
 * said to the user there, so the log says it here.
 *
 * At most 65,536 tags are remembered; those beyond that number, or when memory is short, are logged
 * without being checked or limited. A tag stays where it is until the table is freed. The table can
 * be freed in a child of fork() whatever another thread was doing to it at that moment: what is
 * reachable from it is always whole.
 */
#ifndef KERATIN_SUMMARY_TAGS_H
#define KERATIN_SUMMARY_TAGS_H

#include <keratin/summary.h>
#include <stdatomic.h>
#include <string.h>

#include "event.h"

typedef struct kt_tag {
    uint64_t hash;
    int64_t last_step;
    kt_gate_state gate_state;
    int limit; /* the index of its gate, -1: none */
    kt_kind kind;
    bool begun;           /* last_step is one that was logged */
    kt_scalar_form form;  /* of scalars: its bytes follow the text; else of size 0 */
    size_t size;          /* of the text, without the NUL that ends it */
    char text[];
} kt_tag;

enum { KT_TAG_MAX = 1024, KT_TAGS_RECENT = 256 };

typedef struct kt_tag_table {
    size_t capacity, count; /* a power of two places, at most half of them taken */
    _Atomic(kt_tag *) places[];
} kt_tag_table;

typedef struct kt_tags {
    _Atomic(kt_tag_table *) table; /* what hangs here is whole: see above */
    kt_tag *recent[KT_TAGS_RECENT]; /* by the address of the caller's text */
} kt_tags;

uint64_t kt_tags_hash(const char *tag, size_t n);

/* The tag, or NULL when it has not been seen. */
kt_tag *kt_tags_find(const kt_tags *tags, const char *tag, size_t n);

/* Adds a tag that was not found. NULL when it cannot be remembered; that is no error. */
kt_tag *kt_tags_add(kt_tags *tags, const char *tag, size_t n, kt_kind kind,
                    const kt_allocator *allocator);

void kt_tags_free(kt_tags *tags, const kt_allocator *allocator);

/* The i-th place of the table, which may be free, and the table, which may be none. */
static inline kt_tag *kt_tags_at(const kt_tag_table *table, size_t i)
{
    return atomic_load_explicit(&table->places[i], memory_order_relaxed);
}

static inline kt_tag_table *kt_tags_table(const kt_tags *tags)
{
    return atomic_load_explicit(&tags->table, memory_order_relaxed);
}

/* Where the tag that stood at this address last time is noted. Most callers pass the same literal
 * each time, and comparing texts is cheaper than hashing one. */
static inline kt_tag **kt_tags_note(kt_tags *tags, const char *tag)
{
    uintptr_t at = (uintptr_t)tag;
    return &tags->recent[(at ^ at >> 8) % KT_TAGS_RECENT];
}

static inline kt_tag *kt_tags_recent(kt_tags *tags, const char *tag)
{
    kt_tag *known = *kt_tags_note(tags, tag);
    return known && strcmp(known->text, tag) == 0 ? known : NULL;
}

#endif
