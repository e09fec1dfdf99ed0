/* SPDX-License-Identifier: MIT */
/* summary/reader/index.h: what a log remembers between two openings, in a file beside (or far from) the events.
 *
 * The file holds a directory (files with size, time and how far they were read; tags; where their columns lie) and the
 * columns as they are in memory. Opening reads the directory; a column is read when somebody asks for it, and its
 * checksum is checked then. The directory only restores the state in which the log was: what has changed on the disk
 * since is found and read as in any refresh. A directory that is damaged, of another version, of another machine's byte
 * order or made with other options is ignored, and the file is written anew.
 */
#ifndef KERATIN_SUMMARY_READER_INDEX_H
#define KERATIN_SUMMARY_READER_INDEX_H

#include "summary/reader/logdir.h"

/* Restores runs from the log's index file, if it is sound. Otherwise the log stays empty. KT_ERR_MEMORY or KT_OK. */
kt_status kt_index_read(kt_logdir *log);

/* Writes it under a temporary name, and renames, if there is something new; `last`: only if that is worth it. A failure
 * is a notice among the problems. */
void kt_index_write(kt_logdir *log, bool last);

/* What stands in the file's first bytes, in the order of bytes of the machine that wrote it. */
typedef struct kt_index_head {
    char magic[8];
    uint32_t version, order;
    int64_t size, directory_at, directory_size;
    uint32_t directory_crc, forget;
    uint32_t layout; /* sizes of what lies in the columns */
    uint32_t crc;    /* of all of the above */
} kt_index_head;

#define KT_INDEX_MAGIC "KTEVTIDX"
enum { KT_INDEX_VERSION = 1, KT_INDEX_ORDER = 0x01020304, KT_INDEX_LAYOUT = 8 << 16 | 4 << 8 | sizeof(kt_place) };

/* Bytes a point takes in the columns. */
static inline size_t kt_index_width(const kt_curve *curve) { return curve->scalar ? 20 : 16 + sizeof(kt_place); }

/* Loads the columns of a curve. When the index lies about them, from the event files. false: memory. */
bool kt_index_load(kt_curve *curve);

/* The checksum of a curve's columns. */
uint32_t kt_index_columns_crc(const kt_curve *curve);

/* The directory read from memory: for the fuzzer. */
kt_status kt_index_parse(kt_logdir *log, const void *bytes, size_t size);

#endif
