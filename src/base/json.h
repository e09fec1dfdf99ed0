/* SPDX-License-Identifier: MIT */
/* base/json.h: JSON as Python's json.dumps writes it, into memory that somebody else has bounded.
 *
 * What does not fit is counted and not written, as snprintf does: written once into nothing it tells the size that the
 * second time needs. Separators are ", " and ": "; texts are ASCII, with \u for everything else; a floating-point number is
 * the shortest that reads back as the same double, with a point or an exponent, whatever the host's locale. NaN and
 * infinities are Python's words NaN, Infinity, -Infinity, which are not JSON: who cannot have them asks before.
 *
 * A key is NULL inside arrays and at the top. Nobody checks that what was begun is ended.
 */
#ifndef KT_BASE_JSON_H
#define KT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_json {
    char *to;            /* always ended by a zero, if size > 0 */
    size_t size, length; /* length: of the whole text, written or not */
    bool more;           /* something stands before at this level */
} kt_json;

kt_json kt_json_in(char *to, size_t size);

void kt_json_object(kt_json *j, const char *key);
void kt_json_end_object(kt_json *j);
void kt_json_array(kt_json *j, const char *key);
void kt_json_end_array(kt_json *j);

void kt_json_text(kt_json *j, const char *key, const char *text); /* NULL: null */
void kt_json_int(kt_json *j, const char *key, int64_t value);
void kt_json_number(kt_json *j, const char *key, double value);
void kt_json_bool(kt_json *j, const char *key, bool value);
void kt_json_null(kt_json *j, const char *key);

/* Whoever takes text piece by piece. */
typedef struct kt_json_sink {
    void (*put)(void *to, const char *bytes, size_t n);
    void *to;
} kt_json_sink;

/* The text in quotes, all but printable ASCII escaped; U+FFFD for what is no UTF-8. */
void kt_json_string(const kt_json_sink *sink, const char *text);

#endif
