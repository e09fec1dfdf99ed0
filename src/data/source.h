/* SPDX-License-Identifier: MIT */
/* data/source.h: where bytes come from, and never more of them than there can be.
 *
 * Every reader takes a source instead of a file: the same parser then reads files, members of archives, gzip streams
 * and the memory of a fuzzer. `left` is the whole defence against files whose headers lie: nothing is allocated for a
 * claim before the claim is compared with it.
 */
#ifndef KT_DATA_SOURCE_H
#define KT_DATA_SOURCE_H

#include "core/context.h"

typedef struct kt_source kt_source;
struct kt_source {
    kt_context *kt;
    const char *reader; /* for sentences: the public function, "kt_read_npy", and */
    const char *name;   /* the file, "weights.npz", with the member if it has one */
    uint64_t left;      /* bytes that may still come, at most */
    bool exact;         /* that many will come: known of files, unknown of gzip streams */
    /* Up to `bytes` bytes; fewer only at the end, or when the context's error is set. Does not change `left`. */
    size_t (*read)(kt_source *self, void *to, size_t bytes);
};

typedef struct kt_file_source {
    kt_source source;
    int fd;
} kt_file_source;

typedef struct kt_memory_source {
    kt_source source;
    const unsigned char *at;
} kt_memory_source;

/* A regular file (anything else could block), opened for reading. `name` of the source lives in the path's own
 * memory. */
kt_status kt_file_open(kt_file_source *file, kt_context *kt, const char *reader, const char *path);
void kt_file_close(kt_file_source *file);
void kt_memory_open(kt_memory_source *memory, kt_context *kt, const char *reader, const void *data, size_t bytes);

/* A stream that inflates `begun`, the at most 8 bytes already taken, and then `from`, which must outlive it. NULL and
 * KT_ERR_MISSING without zlib. */
kt_source *kt_gzip_open(kt_source *from, const void *begun, size_t n_begun);
void kt_gzip_close(kt_source *gzip); /* NULL is fine */

/* All of these bytes, or KT_ERR_FORMAT: the file ends too early. */
kt_status kt_source_take(kt_source *source, void *to, size_t bytes);
/* KT_ERR_FORMAT if anything follows. */
kt_status kt_source_end(kt_source *source);
/* "READER: FILE: sentence". */
kt_status kt_source_fail(kt_source *source, kt_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Text out of a file, made fit for a sentence: control characters become '?', and it is cut. Returns `to`. */
enum { KT_QUOTE_SIZE = 64 };
const char *kt_quote(char to[KT_QUOTE_SIZE], const void *text, size_t length);

/* The end of a path, so that a long one does not push the reason out of the sentence. */
const char *kt_path_tail(const char *path);

#endif
