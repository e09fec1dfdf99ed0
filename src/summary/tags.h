/* SPDX-License-Identifier: MIT */
/* summary/tags.h: what a log remembers of each tag: its kind and its last step.
 *
 * TensorBoard has one kind per tag and drops the second silently; and its default reader forgets a
 * tag's points from step s on when another point with a step of s or less follows. Neither is ever
 * said to the user there, so the log says it here.
 *
 * A tag is known by a 64-bit hash: with the 65,536 tags that are remembered at most, the chance
 * that any two meet is one in eight billion. Tags beyond that number, or when memory is short, are
 * logged without being checked.
 */
#ifndef KERATIN_SUMMARY_TAGS_H
#define KERATIN_SUMMARY_TAGS_H

#include <keratin/status.h>

#include "event.h"

typedef struct kt_tag {
    uint64_t hash;
    int64_t last_step;
    kt_kind kind;
    bool used;  /* this place of the table is taken */
    bool begun; /* last_step is one that was logged */
} kt_tag;

typedef struct kt_tags {
    kt_tag *places; /* a power of two of them, at most half taken */
    size_t capacity, count;
} kt_tags;

uint64_t kt_tags_hash(const char *tag, size_t n);

/* The tag, or NULL when it has not been seen. */
kt_tag *kt_tags_find(const kt_tags *tags, uint64_t hash);

/* Adds a tag that was not found. NULL when it cannot be remembered; that is no error. Moves the
 * other tags. */
kt_tag *kt_tags_add(kt_tags *tags, uint64_t hash, kt_kind kind, const kt_allocator *allocator);

#endif
