/* SPDX-License-Identifier: MIT */
/* summary/reader/packed.h: an event file that is a gzip or zlib stream as a whole, unpacked as it is read.
 *
 * TFRecord knows two compressions, GZIP and ZLIB, and people gzip old logs. What is in such a file has offsets of its
 * own: those of the unpacked bytes, which all above uses as it uses the offsets of a plain file. Nothing unpacked is
 * kept here, so that a small file that unpacks to a thousand times its size costs time and no memory: a state of zlib
 * and two blocks. Going forward is reading on; going back begins anew.
 *
 * It knows bytes, not records.
 */
#ifndef KERATIN_SUMMARY_READER_PACKED_H
#define KERATIN_SUMMARY_READER_PACKED_H

#include "summary/reader/store.h"

typedef struct kt_packed kt_packed;

typedef enum kt_packed_end {
    KT_PACKED_ON,      /* there may be more */
    KT_PACKED_WHOLE,   /* the stream, or the last of several, is complete */
    KT_PACKED_CUT,     /* the file ends within it */
    KT_PACKED_DAMAGED, /* it cannot be unpacked any further, or its checksum does not match */
    KT_PACKED_UNREAD,  /* the system refused */
    KT_PACKED_REFUSED  /* memory was refused */
} kt_packed_end;

enum { KT_PACKED_HEAD = 12 };

/* Whether a file that begins with these n bytes (KT_PACKED_HEAD of them, or the whole file) is to be unpacked. Never
 * without zlib. */
bool kt_packed_is(const unsigned char *head, size_t n);

/* The first `size` bytes of an open file, or of memory where there is some. NULL: memory. */
kt_packed *kt_packed_new(kt_store *store, int fd, const void *memory, int64_t size);
void kt_packed_free(kt_packed *packed); /* NULL is fine; the file stays open */

/* Goes to an unpacked offset, or to the end if that comes before. Returns where it is. */
int64_t kt_packed_go(kt_packed *packed, int64_t to);

/* The next n bytes; fewer at the end. */
size_t kt_packed_read(kt_packed *packed, void *to, size_t n);

/* How it ended, if it did. *taken: bytes of the file that were taken; *error: the system's number. */
kt_packed_end kt_packed_state(const kt_packed *packed, int64_t *taken, int *error);

#endif
