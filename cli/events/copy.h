/* SPDX-License-Identifier: MIT */
/* copy.h: records as they stand: merge and prune copy them, the doctor looks at their form.
 *
 * Nothing is decoded and encoded again, so nothing is lost that this program does not know.
 */
#ifndef KERATIN_CLI_EVENTS_COPY_H
#define KERATIN_CLI_EVENTS_COPY_H

#include "events.h"

/* Goes through the sound records of one file, in their order. Records whose checksums match and that are no events all the
 * same are passed over like other damage: TensorBoard would stop at them. */
typedef struct events_walk {
    kt_logdir *log;
    int64_t file;
    kt_logdir_record record; /* the one that events_next has found, lent until the next call */
} events_walk;

/* 1: there is a record; 0: the end; -1: it could not be read, kt_logdir_message says why. */
int events_next(events_walk *walk);

/* One field of a protobuf message: its number, and its bytes or its varint. */
typedef struct events_field {
    uint64_t number, varint;
    kt_blob bytes;
} events_field;

/* The next field of what is left of a message; false at its end, and where it is cut. */
bool events_next_field(kt_blob *rest, events_field *field);

/* What an event is, beside its summary values. */
typedef struct events_sort {
    bool version; /* names the version of the format, as the first record of a file does */
    bool restart; /* a mark of the session: TensorBoard's Python reader may forget points at it */
} events_sort;

events_sort events_sort_of(const kt_logdir_record *record);

/* How many bytes and records went where. */
typedef struct events_sum {
    int64_t records_in, records_out, bytes_in, bytes_out, files;
} events_sum;

/* Whether the log has told of damage in this file. */
bool events_damaged(kt_logdir *log, const char *path);

#endif
