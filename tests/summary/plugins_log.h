/* SPDX-License-Identifier: MIT */
/* tests/summary/plugins_log.h: a log with a clock that stands still, and its file taken apart field by field.
 *
 * For tests of the structured plugins: what they write is compared whole with vectors of the format, or asked for by
 * field numbers. Shares nothing with the library's encoder. Static functions, so that each test stays one file.
 */
#ifndef KERATIN_TESTS_PLUGINS_LOG_H
#define KERATIN_TESTS_PLUGINS_LOG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <keratin/summary.h>
#include <keratin/summary_plugins.h>

#include "events_reader.h"

typedef struct plugins_log {
    char dir[64];
    kt_events *log;
    event_file file;
} plugins_log;

static double plugins_clock(void *user)
{
    (void)user;
    return 1700000000.0;
}

static inline plugins_log plugins_open(void)
{
    plugins_log p = { .dir = "" };
    reader_make_dir(p.dir);
    p.log = kt_events_open(p.dir, .now = plugins_clock);
    assert_non_null(p.log);
    return p;
}

static inline void plugins_close(plugins_log *p)
{
    free(p->file.bytes);
    kt_events_close(p->log);
    reader_remove(p->dir);
}

/* The payload of record `index`; 0 is the version. What was asked for before stays valid until something is logged. */
static inline const unsigned char *plugins_payload(plugins_log *p, int index, size_t *n)
{
    assert_int_equal(kt_events_flush(p->log), KT_OK);
    event_file now = reader_open(kt_events_path(p->log));
    bool same = p->file.bytes && p->file.size == now.size && memcmp(p->file.bytes, now.bytes, now.size) == 0;
    free(same ? now.bytes : p->file.bytes);
    if (!same) p->file = now;
    size_t at = 0;
    event e;
    for (int i = 0;; i++) {
        size_t here = at;
        assert_true(reader_next(&p->file, &at, &e));
        if (i < index) continue;
        *n = at - here - 16;
        return p->file.bytes + here + 12;
    }
}

static inline size_t plugins_hex(const char *text, unsigned char *bytes)
{
    size_t n = 0;
    for (; *text; text++) {
        unsigned value;
        if (*text == ' ' || sscanf(text, "%2x", &value) != 1) continue;
        bytes[n++] = (unsigned char)value;
        text++;
    }
    return n;
}

/* Record `index`, frame and all, is these bytes. */
static inline void plugins_is(plugins_log *p, int index, const char *hex)
{
    unsigned char expected[512];
    size_t size = plugins_hex(hex, expected), n;
    const unsigned char *payload = plugins_payload(p, index, &n);
    assert_int_equal(n + 16, size);
    assert_memory_equal(payload - 12, expected, size);
}

/* A field of a message: its bytes, or its number. */
typedef struct proto {
    const unsigned char *at;
    size_t n;
    uint64_t value;
    bool there;
} proto;

/* The `index`-th field with this number. */
static inline proto field_at(proto message, unsigned number, int index)
{
    const unsigned char *at = message.at, *end = at + message.n;
    while (at < end) {
        proto f = { NULL, 0, 0, true };
        unsigned found = reader_field(&at, &f.value, &f.at, &f.n);
        assert_true(at <= end);
        if (found == number && index-- == 0) return f;
    }
    return (proto){ NULL, 0, 0, false };
}

static inline proto field_of(proto message, unsigned number)
{
    return field_at(message, number, 0);
}

static inline int field_count(proto message, unsigned number)
{
    int count = 0;
    while (field_at(message, number, count).there) count++;
    return count;
}

static inline double field_double(proto f)
{
    double value;
    memcpy(&value, &f.value, 8);
    return value;
}

static inline bool field_is(proto f, const char *text)
{
    return f.there && f.n == strlen(text) && memcmp(f.at, text, f.n) == 0;
}

/* The one value of the summary in record `index`. */
static inline proto plugins_value(plugins_log *p, int index)
{
    size_t n;
    const unsigned char *payload = plugins_payload(p, index, &n);
    return field_of(field_of((proto){ payload, n, 0, true }, 5), 1);
}

/* What the plugin of that value is told. */
static inline proto plugins_content(plugins_log *p, int index)
{
    return field_of(field_of(field_of(plugins_value(p, index), 9), 1), 2);
}

/* The string that is that value. */
static inline proto plugins_string(plugins_log *p, int index)
{
    return field_of(field_of(plugins_value(p, index), 8), 8);
}

/* The call is refused with a sentence that has this in it. */
static inline void plugins_refused(plugins_log *p, kt_status got, const char *part)
{
    assert_int_equal(got, KT_ERR_VALUE);
    if (!strstr(kt_events_message(p->log), part)) fail_msg("\"%s\" is not in \"%s\"", part, kt_events_message(p->log));
}

#endif
