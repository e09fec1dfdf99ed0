/* SPDX-License-Identifier: MIT */
/* summary/reader/fields.h: the protobuf wire format, read from memory that may hold anything.
 *
 * One function takes the next field of a message. It never reads past the end, never recurses (groups are passed over
 * by a counter) and never allocates. What it cannot make sense of ends the message with `broken` set: a varint of more
 * than ten bytes, a length past the end, field number 0, a group that does not end.
 *
 * A message field may stand in several pieces that are to be read as one (protobuf merges them). Nobody copies them
 * together: kt_pieces walks over the pieces, and whoever reads a message reads them one after the other into the same
 * place, which is what merging means.
 *
 * Inline, because every record passes through here.
 */
#ifndef KERATIN_SUMMARY_READER_FIELDS_H
#define KERATIN_SUMMARY_READER_FIELDS_H

#include <keratin/reader.h>

#include "summary/wire.h"

enum { KT_WIRE_GROUP = 3, KT_WIRE_GROUP_END = 4, KT_GROUP_DEPTH = 100 };

typedef struct kt_fields { /* what is left of a message */
    const unsigned char *at, *end;
    bool broken;
} kt_fields;

typedef struct kt_field {
    unsigned number, type;
    uint64_t value;             /* KT_WIRE_VARINT, and the bits of fixed ones */
    const unsigned char *bytes; /* KT_WIRE_BYTES; of fixed ones the place */
    size_t size;
} kt_field;

static inline kt_fields kt_fields_of(const void *bytes, size_t size)
{
    return (kt_fields){ .at = bytes, .end = size > 0 ? (const unsigned char *)bytes + size : bytes };
}

static inline uint64_t kt_read_le(const unsigned char *at, size_t width)
{
    uint64_t bits = 0;
    if (kt_wire_host_is_little()) memcpy(&bits, at, width);
    else
        for (size_t i = width; i-- > 0;) bits = bits << 8 | at[i];
    return bits;
}

static inline double kt_read_double(const unsigned char *at)
{
    uint64_t bits = kt_read_le(at, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float kt_read_float(const unsigned char *at)
{
    uint32_t bits = (uint32_t)kt_read_le(at, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t kt_fields_varint(kt_fields *m)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && m->at < m->end; shift += 7) {
        unsigned char byte = *m->at++;
        value |= (uint64_t)(byte & 127) << (shift > 63 ? 63 : shift); /* the tenth byte has one bit */
        if (byte < 128) return value;
    }
    m->broken = true;
    m->at = m->end;
    return 0;
}

static inline bool kt_fields_one(kt_fields *m, kt_field *field)
{
    uint64_t key = kt_fields_varint(m);
    *field = (kt_field){ .number = (unsigned)(key >> 3 & 0x1FFFFFFF), .type = (unsigned)(key & 7) };
    if (m->broken || key > UINT32_MAX || field->number == 0) return false;
    size_t size = 0;
    switch (field->type) {
    case KT_WIRE_VARINT: field->value = kt_fields_varint(m); return !m->broken;
    case KT_WIRE_FIXED64: size = 8; break;
    case KT_WIRE_FIXED32: size = 4; break;
    case KT_WIRE_BYTES: {
        uint64_t length = kt_fields_varint(m);
        if (m->broken || length > (uint64_t)(m->end - m->at)) return false;
        size = (size_t)length;
        break;
    }
    case KT_WIRE_GROUP:
    case KT_WIRE_GROUP_END: return true;
    default: return false;
    }
    if (size > (size_t)(m->end - m->at)) return false;
    field->bytes = m->at;
    field->size = size;
    if (field->type != KT_WIRE_BYTES) field->value = kt_read_le(m->at, size);
    m->at += size;
    return true;
}

/* The next field that is not a group; false at the end, and when the rest is broken. */
static inline bool kt_fields_next(kt_fields *m, kt_field *field)
{
    int depth = 0; /* which numbers the groups have does not matter to somebody who passes them over */
    while (m->at < m->end && !m->broken) {
        if (!kt_fields_one(m, field)) m->broken = true;
        else if (field->type == KT_WIRE_GROUP) m->broken = ++depth > KT_GROUP_DEPTH;
        else if (field->type == KT_WIRE_GROUP_END) m->broken = --depth < 0;
        else if (depth == 0) return true;
    }
    if (depth != 0) m->broken = true;
    m->at = m->end;
    return false;
}

/* The pieces of one message field inside another message, from a place on. */
typedef struct kt_pieces {
    kt_fields rest;
    unsigned number;
} kt_pieces;

static inline bool kt_pieces_next(kt_pieces *pieces, kt_fields *message)
{
    kt_field field;
    while (kt_fields_next(&pieces->rest, &field))
        if (field.number == pieces->number && field.type == KT_WIRE_BYTES) {
            *message = kt_fields_of(field.bytes, field.size);
            return true;
        }
    return false;
}

static inline kt_blob kt_field_blob(const kt_field *field) { return (kt_blob){ field->bytes, field->size }; }

#endif
