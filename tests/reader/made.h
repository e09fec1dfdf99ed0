/* SPDX-License-Identifier: MIT */
/* tests/reader/made.h: event files put together by hand, in memory, as no writer would: what the reader has to bear.
 *
 * A `made` is the bytes of a file. Records are sealed with right checksums; damage is done to the bytes afterwards.
 * Messages are written with the library's own wire.h, or as text of bytes where they are to be wrong.
 */
#ifndef TESTS_READER_MADE_H
#define TESTS_READER_MADE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keratin/reader.h>

#include "summary/event.h"
#include "summary/reader/logdir.h"

enum { MADE_MOST = 1 << 20 };

typedef struct made {
    unsigned char at[MADE_MOST];
    size_t n;
} made;

static inline made *made_new(void)
{
    made *m = calloc(1, sizeof *m);
    assert_non_null(m);
    return m;
}

/* A record around a payload; returns where it begins. */
static inline size_t made_record(made *m, const void *payload, size_t n)
{
    size_t at = m->n;
    assert_true(m->n + n + KT_RECORD_FRAME <= sizeof m->at);
    if (n > 0) memcpy(m->at + at + KT_RECORD_HEAD, payload, n);
    kt_record_seal(m->at + at, n);
    m->n += n + KT_RECORD_FRAME;
    return at;
}

static inline size_t made_version(made *m)
{
    unsigned char payload[64];
    kt_wire w = { payload, payload + sizeof payload, false };
    kt_event_version(&w, 1700000000.0, "made");
    return made_record(m, payload, (size_t)(w.at - payload));
}

static inline size_t made_scalar(made *m, const char *tag, double wall, int64_t step, float value)
{
    unsigned char payload[2048];
    kt_wire w = { payload, payload + sizeof payload, false };
    kt_event_tensor tensor = { .numbers = &value, .count = 1 };
    kt_event_summary(&w, wall, step, KT_KIND_SCALAR, tag, strlen(tag), &tensor);
    assert_false(w.full);
    return made_record(m, payload, (size_t)(w.at - payload));
}

/* An event with a summary of these bytes, in field 5. */
static inline size_t made_summary(made *m, int64_t step, const void *summary, size_t n)
{
    static unsigned char payload[1 << 19];
    kt_wire w = { payload, payload + sizeof payload, false };
    kt_wire_double(&w, 1, 1700000000.0);
    if (step) kt_wire_int(&w, 2, step);
    kt_wire_bytes(&w, 5, summary, n);
    assert_false(w.full);
    return made_record(m, payload, (size_t)(w.at - payload));
}

/* A summary with one value of these bytes. */
static inline size_t made_value(made *m, int64_t step, const void *value, size_t n)
{
    static unsigned char summary[1 << 19];
    kt_wire w = { summary, summary + sizeof summary, false };
    kt_wire_bytes(&w, 1, value, n);
    assert_false(w.full);
    return made_summary(m, step, summary, (size_t)(w.at - summary));
}

/* A value with a tag, a tensor of these bytes, and metadata for a plugin ("" for none). */
static inline size_t made_tensor(made *m, int64_t step, const char *tag, const char *plugin, const void *tensor,
                                 size_t n)
{
    static unsigned char value[1 << 19];
    kt_wire w = { value, value + sizeof value, false };
    kt_wire_bytes(&w, 1, tag, strlen(tag));
    kt_wire_bytes(&w, 8, tensor, n);
    if (plugin[0]) {
        kt_wire_mark metadata = kt_wire_open(&w, 9, 20), data = kt_wire_open(&w, 1, 20);
        kt_wire_bytes(&w, 1, plugin, strlen(plugin));
        kt_wire_close(&w, data);
        kt_wire_close(&w, metadata);
    }
    assert_false(w.full);
    return made_value(m, step, value, (size_t)(w.at - value));
}

static inline kt_logdir *made_open(const made *m)
{
    kt_logdir_config config = { .size = sizeof config, .threads = 1 };
    kt_logdir *log = kt_logdir_open_memory((kt_blob){ m->at, m->n }, (kt_blob){ 0 }, &config);
    assert_non_null(log);
    return log;
}

static inline int64_t made_count(const kt_logdir *log, const char *tag)
{
    const kt_series *series = kt_logdir_find(log, ".", tag);
    return series ? series->count : -1;
}

#define BYTES(text) (text), (sizeof(text) - 1)

#endif
