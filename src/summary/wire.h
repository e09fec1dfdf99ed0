/* SPDX-License-Identifier: MIT */
/* summary/wire.h: the protobuf wire format, written forward into memory that somebody else has
 * bounded.
 *
 * A message inside a message is preceded by its length, which is not known before it is written.
 * wire_open leaves room for the length that was guessed, wire_close puts the true one and moves the
 * body by a few bytes where the guess had another number of digits: so no message is sized twice,
 * and a good guess makes the move rare. Bytes are always the shortest form, as protobuf writes
 * them.
 *
 * What does not fit sets `full` and writes nothing more; nobody needs to ask before the end.
 * Inline, because a scalar is some twenty of these calls and shall cost nanoseconds.
 */
#ifndef KERATIN_SUMMARY_WIRE_H
#define KERATIN_SUMMARY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct kt_wire {
    unsigned char *at, *end;
    bool full;
} kt_wire;

enum { KT_WIRE_VARINT = 0, KT_WIRE_FIXED64 = 1, KT_WIRE_BYTES = 2, KT_WIRE_FIXED32 = 5 };

/* Where a message's body began, and how many bytes were left for its length. */
typedef struct kt_wire_mark {
    unsigned char *body;
    size_t room;
} kt_wire_mark;

/* Whether numbers stand in memory as in the file; known to the compiler. */
static inline bool kt_wire_host_is_little(void)
{
    const uint16_t one = 1;
    unsigned char low;
    memcpy(&low, &one, 1);
    return low == 1;
}

static inline void kt_wire_put_le(unsigned char *at, uint64_t bits, size_t width)
{
    if (kt_wire_host_is_little())
        memcpy(at, &bits, width);
    else
        for (size_t i = 0; i < width; i++) at[i] = (unsigned char)(bits >> (8 * i));
}

static inline size_t kt_wire_varint_size(uint64_t value)
{
    if (value < 128) return 1;
    size_t size = 2;
    for (value >>= 14; value > 0; value >>= 7) size++;
    return size;
}

/* The next n bytes, or NULL when there are not as many. */
static inline unsigned char *kt_wire_take(kt_wire *w, size_t n)
{
    if ((size_t)(w->end - w->at) < n) {
        w->full = true;
        w->at = w->end;
        return NULL;
    }
    unsigned char *here = w->at;
    w->at += n;
    return here;
}

static inline void kt_wire_put_varint(unsigned char *at, uint64_t value)
{
    for (; value > 127; value >>= 7) *at++ = (unsigned char)(value | 128);
    *at = (unsigned char)value;
}

static inline void kt_wire_varint(kt_wire *w, uint64_t value)
{
    unsigned char *at = kt_wire_take(w, kt_wire_varint_size(value));
    if (at) kt_wire_put_varint(at, value);
}

/* The fields of these messages are below 16, so that a key is one byte. */
static inline void kt_wire_key(kt_wire *w, unsigned field, unsigned type)
{
    unsigned char *at = kt_wire_take(w, 1);
    if (at) *at = (unsigned char)(field << 3 | type);
}

/* An int32, int64 or enum field; negative numbers take ten bytes, as protobuf wants. */
static inline void kt_wire_int(kt_wire *w, unsigned field, int64_t value)
{
    kt_wire_key(w, field, KT_WIRE_VARINT);
    kt_wire_varint(w, (uint64_t)value);
}

static inline void kt_wire_double(kt_wire *w, unsigned field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    kt_wire_key(w, field, KT_WIRE_FIXED64);
    unsigned char *at = kt_wire_take(w, 8);
    if (at) kt_wire_put_le(at, bits, 8);
}

static inline void kt_wire_raw(kt_wire *w, const void *bytes, size_t n)
{
    unsigned char *at = kt_wire_take(w, n);
    if (at && n > 0) memcpy(at, bytes, n);
}

/* A string or bytes field. */
static inline void kt_wire_bytes(kt_wire *w, unsigned field, const void *bytes, size_t n)
{
    kt_wire_key(w, field, KT_WIRE_BYTES);
    kt_wire_varint(w, n);
    kt_wire_raw(w, bytes, n);
}

/* Numbers of `width` bytes in the host's order as one bytes field, little end first. */
static inline void kt_wire_numbers(kt_wire *w, unsigned field, const void *numbers, size_t count,
                                   size_t width)
{
    if (kt_wire_host_is_little()) {
        kt_wire_bytes(w, field, numbers, count * width);
        return;
    }
    kt_wire_key(w, field, KT_WIRE_BYTES);
    kt_wire_varint(w, count * width);
    unsigned char *at = kt_wire_take(w, count * width);
    const unsigned char *from = numbers;
    if (at)
        for (size_t i = 0; i < count * width; i++)
            at[i] = from[i / width * width + (width - 1 - i % width)];
}

/* Begins a message field whose body will have about `guess` bytes. */
static inline kt_wire_mark kt_wire_open(kt_wire *w, unsigned field, size_t guess)
{
    kt_wire_key(w, field, KT_WIRE_BYTES);
    kt_wire_mark mark = { NULL, kt_wire_varint_size(guess) };
    if (kt_wire_take(w, mark.room)) mark.body = w->at;
    return mark;
}

static inline void kt_wire_close(kt_wire *w, kt_wire_mark mark)
{
    if (w->full || !mark.body) return;
    size_t n = (size_t)(w->at - mark.body), room = kt_wire_varint_size(n);
    if (room != mark.room) {
        if (room > mark.room && !kt_wire_take(w, room - mark.room)) return;
        memmove(mark.body - mark.room + room, mark.body, n);
        w->at = mark.body - mark.room + room + n;
    }
    kt_wire_put_varint(mark.body - mark.room, n);
}

#endif
