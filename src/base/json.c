/* SPDX-License-Identifier: MIT */
/* base/json.c: see json.h. A text is cut into what stands for itself and what needs an escape; whatever is no UTF-8
 * becomes U+FFFD, cut as kt_utf8_repair cuts it.
 */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/repr.h"
#include "base/utf8.h"

kt_json kt_json_in(char *to, size_t size)
{
    if (size) to[0] = 0;
    return (kt_json){ to, size, 0, false };
}

static void put(kt_json *j, const char *bytes, size_t n)
{
    if (j->length < j->size) {
        size_t left = j->size - 1 - j->length, fits = n < left ? n : left;
        memcpy(j->to + j->length, bytes, fits);
        j->to[j->length + fits] = 0;
    }
    j->length += n;
}

/* ---- texts ---- */

/* The character that begins a piece of the text, and how many bytes the piece has. What is no UTF-8 is cut into pieces
 * as kt_utf8_repair cuts it. */
static uint32_t json_character(const unsigned char *at, size_t left, size_t *size)
{
    *size = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (*size <= left && kt_utf8_valid((const char *)at, *size)) {
        uint32_t code = *size == 1 ? at[0] : at[0] & (0x7Fu >> *size);
        for (size_t i = 1; i < *size; i++) code = code << 6 | (at[i] & 0x3Fu);
        return code;
    }
    char repaired[9];
    *size = left < 3 ? left : 3;
    while (*size > 1 && kt_utf8_repair(repaired, (const char *)at, *size) != 3) --*size;
    return 0xFFFD;
}

static void json_escape(const kt_json_sink *sink, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = { '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15] };
    sink->put(sink->to, escape, 6);
}

void kt_json_string(const kt_json_sink *sink, const char *text)
{
    static const char named[] = "\"\\\n\r\t\b\f", names[] = "\"\\nrtbf";
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    sink->put(sink->to, "\"", 1);
    while (at < end) {
        size_t size, plain = 0;
        while (at + plain < end && at[plain] >= ' ' && at[plain] <= '~' && at[plain] != '"' && at[plain] != '\\') plain++;
        if (plain > 0) sink->put(sink->to, (const char *)at, plain);
        at += plain;
        if (at == end) break;

        uint32_t code = json_character(at, (size_t)(end - at), &size);
        const char *name = code < 0x80 ? strchr(named, (int)code) : NULL;
        if (name) {
            char escape[2] = { '\\', names[name - named] };
            sink->put(sink->to, escape, 2);
        } else if (code > 0xFFFF) {
            json_escape(sink, 0xD800 + ((code - 0x10000) >> 10));
            json_escape(sink, 0xDC00 + ((code - 0x10000) & 0x3FF));
        } else {
            json_escape(sink, code);
        }
        at += size;
    }
    sink->put(sink->to, "\"", 1);
}

static void put_piece(void *to, const char *bytes, size_t n) { put(to, bytes, n); }

static void put_text(kt_json *j, const char *text) { kt_json_string(&(kt_json_sink){ put_piece, j }, text); }

/* ---- structure ---- */

static void before(kt_json *j, const char *key)
{
    if (j->more) put(j, ", ", 2);
    j->more = true;
    if (!key) return;
    put_text(j, key);
    put(j, ": ", 2);
}

static void begin(kt_json *j, const char *key, const char *bracket)
{
    before(j, key);
    put(j, bracket, 1);
    j->more = false;
}

static void end(kt_json *j, const char *bracket)
{
    put(j, bracket, 1);
    j->more = true;
}

void kt_json_object(kt_json *j, const char *key) { begin(j, key, "{"); }
void kt_json_end_object(kt_json *j) { end(j, "}"); }
void kt_json_array(kt_json *j, const char *key) { begin(j, key, "["); }
void kt_json_end_array(kt_json *j) { end(j, "]"); }

/* ---- values ---- */

void kt_json_text(kt_json *j, const char *key, const char *text)
{
    before(j, key);
    if (text) put_text(j, text);
    else put(j, "null", 4);
}

void kt_json_null(kt_json *j, const char *key) { kt_json_text(j, key, NULL); }

void kt_json_int(kt_json *j, const char *key, int64_t value)
{
    char digits[KT_REPR_BYTES];
    before(j, key);
    put(j, digits, kt_repr_int(value, digits));
}

void kt_json_bool(kt_json *j, const char *key, bool value)
{
    before(j, key);
    put(j, value ? "true" : "false", value ? 4 : 5);
}

void kt_json_number(kt_json *j, const char *key, double value)
{
    char text[KT_REPR_BYTES];
    before(j, key);
    if (isnan(value)) put(j, "NaN", 3);
    else if (isinf(value)) put(j, value < 0 ? "-Infinity" : "Infinity", value < 0 ? 9 : 8);
    else put(j, text, kt_repr_double(value, text));
}
