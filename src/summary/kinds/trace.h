/* SPDX-License-Identifier: MIT */
/* summary/kinds/trace.h: the inside of a trace: what trace.c collects, trace_json.c and trace_profile.c write.
 *
 * Texts are stored once each, ended by zeros, in one block; everything else names them by where they begin. So a span
 * is 48 bytes however long its name is, and the same name in ten thousand batches costs nothing.
 */
#ifndef KERATIN_SUMMARY_KINDS_TRACE_H
#define KERATIN_SUMMARY_KINDS_TRACE_H

#include <keratin/summary_plugins.h>

#include "summary/new_file.h"

/* What a text is used for: the profile's form lists names of events and names of arguments apart. */
enum { KT_TRACE_AS_TEXT = 0, KT_TRACE_AS_EVENT = 1, KT_TRACE_AS_STAT = 2 };

typedef uint32_t kt_trace_text; /* where a text begins in `texts`; 0 is "" */

typedef struct kt_trace_place {
    uint64_t hash;
    kt_trace_text text;
    unsigned char used, roles;
} kt_trace_place;

typedef struct kt_trace_span {
    int64_t start, duration, bytes;
    kt_trace_text name, category;
    uint32_t first_arg, n_args;
    int thread;
} kt_trace_span;

typedef struct kt_trace_value {
    double number;
    kt_trace_text name, text;
    bool is_text;
} kt_trace_value;

typedef struct kt_trace_row {
    int thread;
    kt_trace_text name; /* 0: none given */
} kt_trace_row;

struct kt_trace {
    kt_allocator allocator;
    int64_t epoch, dropped;
    kt_trace_text process, bytes, category; /* the name of the whole, and of the arguments made of a span's own fields */

    kt_trace_span *spans;
    size_t n_spans, room_spans, max_spans;
    kt_trace_value *args;
    size_t n_args, room_args;
    kt_trace_row *rows;
    size_t n_rows, room_rows, last_row;

    char *texts;
    size_t n_texts, room_texts, max_texts;
    kt_trace_place *places; /* a power of two of them, at most half taken */
    size_t n_places, room_places;
};

/* The least start of all spans. */
int64_t kt_trace_first(const kt_trace *trace);

/* The name given to a row, or one made in `room`. */
const char *kt_trace_row_name(const kt_trace *trace, const kt_trace_row *row, char room[64]);

/* A new file at `path`, and the folders above it. The end is owed even if `error` is set, and tells of it. */
kt_new_file kt_trace_file_begin(const kt_trace *trace, const char *path);
kt_status kt_trace_file_end(kt_new_file *file, const char *caller, const char *path, kt_events_error *error);

/* Fills `error`, which may be NULL; returns the status. */
kt_status kt_trace_fail(kt_events_error *error, kt_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#endif
