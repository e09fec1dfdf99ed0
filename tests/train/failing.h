/* SPDX-License-Identifier: MIT */
/* tests/train/failing.h: the host's memory, counted. From some allocation on all fail (failing), or only that
 * one does (counter). */
#ifndef KT_TESTS_TRAIN_FAILING_H
#define KT_TESTS_TRAIN_FAILING_H

#include <stdint.h>
#include <stdlib.h>

typedef struct failing {
    int64_t left; /* allocations until one fails; below zero: none does */
    int64_t live, made;
} failing;

static inline void *failing_allocate(size_t bytes, void *user)
{
    failing *f = user;
    if (f->left == 0) return NULL;
    if (f->left > 0) f->left--;
    void *block = malloc(bytes);
    f->live += block != NULL;
    f->made++;
    return block;
}

static inline void *failing_resize(void *old, size_t bytes, void *user)
{
    failing *f = user;
    if (!old) return failing_allocate(bytes, user);
    if (f->left == 0) return NULL;
    if (f->left > 0) f->left--;
    f->made++;
    return realloc(old, bytes);
}

static inline void failing_release(void *block, void *user)
{
    ((failing *)user)->live -= block != NULL;
    free(block);
}

typedef struct counter {
    long out, requests, fail_at;
} counter;

static inline void *count_allocate(size_t bytes, void *user)
{
    counter *c = user;
    if (++c->requests == c->fail_at) return NULL;
    c->out++;
    return malloc(bytes);
}

static inline void *count_resize(void *old, size_t bytes, void *user)
{
    counter *c = user;
    if (++c->requests == c->fail_at) return NULL;
    c->out += !old;
    return realloc(old, bytes);
}

static inline void count_release(void *block, void *user)
{
    if (block) ((counter *)user)->out--;
    free(block);
}

#endif
