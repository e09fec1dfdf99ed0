/* SPDX-License-Identifier: MIT */
/* summary/reader/frame.h: records in a file, sound and damaged, and a window through which the file is seen.
 *
 *     record     u64 length, u32 masked crc of the length, payload, u32 masked crc of the payload
 *
 * A record counts when both checksums match. There is no mark between records: behind damage, the next one is found by
 * trying each byte until a length with its checksum, and then its content with its own, match; twelve chance bytes do
 * so once in 2^32 places, a whole record never. Work and memory follow the file's size: a length is believed only when
 * its checksum matches and that many bytes are there.
 *
 * Files are read, not mapped: one that is cut while it is mapped would kill the host with SIGBUS.
 *
 * Of a compressed file the window shows what it unpacks to, and offsets and sizes are those of the unpacked bytes. How
 * many there are is found out first, by unpacking all of it once, so that claims are measured by what is there.
 */
#ifndef KERATIN_SUMMARY_READER_FRAME_H
#define KERATIN_SUMMARY_READER_FRAME_H

#include "summary/crc32c.h"
#include "summary/event.h"
#include "summary/reader/fields.h"
#include "summary/reader/packed.h"
#include "summary/reader/store.h"

enum { KT_WINDOW_BYTES = 1 << 19 };
static const uint64_t KT_RECORD_MOST = 0x7FFFFFFF; /* protobuf's own limit */

typedef struct kt_window {
    kt_store *store;
    int fd;                     /* -1: all of the file is in memory at `bytes` */
    kt_packed *packed;          /* NULL: a plain file */
    int64_t end;                /* the file's size as far as it counts */
    const unsigned char *bytes; /* [base, base + have) of the file */
    int64_t base;
    size_t have, room;
    unsigned char *buffer;
    int error;    /* of the system; then nothing more is read */
    bool refused; /* memory for a record was refused */
} kt_window;

void kt_window_on_file(kt_window *window, int fd, int64_t size); /* keeps its buffer */
void kt_window_on_memory(kt_window *window, const void *bytes, int64_t size);
void kt_window_on_packed(kt_window *window, int fd, kt_packed *packed, int64_t size); /* -1: of unknown size */
void kt_window_free(kt_window *window);

/* The bytes [at, at + n), NULL when the file does not have them or cannot be read. Valid until the next call. */
const unsigned char *kt_window_see(kt_window *window, int64_t at, size_t n);

typedef enum kt_frame {
    KT_FRAME_SOUND,
    KT_FRAME_END,   /* nothing begins here: the end of the file */
    KT_FRAME_CUT,   /* begins soundly, or with fewer bytes than a head has, and ends with the file */
    KT_FRAME_ZEROS, /* twelve zeros: space that nobody has written to */
    KT_FRAME_HEAD,  /* the length does not match its checksum */
    KT_FRAME_LONG,  /* it does, and is beyond what a record can have */
    KT_FRAME_DATA,  /* the content does not match its checksum */
    KT_FRAME_UNREAD /* the system, or memory, refused: see the window */
} kt_frame;

/* What begins at `at`. *payload and *n: of a sound record; *n also of a cut one, of a long one, and of one whose
 * content is damaged. */
kt_frame kt_frame_at(kt_window *window, int64_t at, const unsigned char **payload, uint64_t *n);

/* Behind a record at `at` whose content, of n bytes, is damaged: where the next one begins, or -1 when none does. */
int64_t kt_frame_behind(kt_window *window, int64_t at, uint64_t n);

/* The first sound record at or behind `from`, or -1. *resume: where to look on when the file has grown. */
int64_t kt_frame_search(kt_window *window, int64_t from, int64_t *resume);

#endif
