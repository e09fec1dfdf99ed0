/* SPDX-License-Identifier: MIT */
/* summary/reader/store.h: the reader's memory: counted, and never more than it may take.
 *
 * The limit follows from the size of the files on the disk (log.c sets it), not from anything that stands in them. So
 * a hostile file may claim what it likes: when what it holds would take more than the limit, memory is refused,
 * `limited` says that it was the limit and not the host, and the reader leaves out values and says so.
 *
 * Blocks carry their size in front (16 bytes). Arenas hold what dies with a run: its series, their names, their short
 * columns. Both may be used by several threads at once as long as an arena belongs to one of them; the host's
 * allocator must then be safe in threads, as malloc is.
 */
#ifndef KERATIN_SUMMARY_READER_STORE_H
#define KERATIN_SUMMARY_READER_STORE_H

#include <stdatomic.h>

#include <keratin/status.h>

typedef struct kt_store {
    kt_allocator host;
    _Atomic int64_t used, limit;
    _Atomic bool limited; /* the limit has refused something */
} kt_store;

void kt_store_begin(kt_store *store, const kt_allocator *host); /* no limit yet */
void *kt_store_take(kt_store *store, size_t bytes);             /* NULL: the limit, or the host refuses */
void *kt_store_zeroed(kt_store *store, size_t bytes);
void *kt_store_resize(kt_store *store, void *block, size_t bytes);
void kt_store_give(kt_store *store, void *block); /* NULL is fine */

/* Makes room for `need` elements of `size` bytes in a growing array, by half more each time. */
bool kt_store_grow(kt_store *store, void *items, size_t *room, size_t need, size_t size);

typedef struct kt_pile_block kt_pile_block;
typedef struct kt_pile { /* an arena: all is given back at once */
    kt_store *store;
    kt_pile_block *last;
} kt_pile;

void *kt_pile_take(kt_pile *pile, size_t bytes); /* 8-byte aligned */
/* A copy with a 0 behind it. */
char *kt_pile_text(kt_pile *pile, const void *text, size_t n);
void kt_pile_clear(kt_pile *pile);

#endif
