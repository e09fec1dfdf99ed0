/* SPDX-License-Identifier: MIT */
/* summary/reader/tensor.c: see tensor.h. The table is TensorFlow's DataType: what an element looks like dense, and
 * which field lists it how. Types below a byte (int4, float4...) take a byte each in TensorFlow's content.
 */
#include "summary/reader/tensor.h"

#include <math.h>

typedef enum tensor_form { NOTHING, REAL32, REAL64, SIGNED, UNSIGNED, TRUTH, HALF, BRAIN, EIGHTH, STRINGS } tensor_form;

typedef struct tensor_type {
    const char *name;
    unsigned char form, width, parts, field; /* width: bytes of a part in the content */
    signed char exponent, bias;              /* EIGHTH: bits of the exponent, its bias, below 0 without infinities;
                                                integers of less than a byte: bits */
} tensor_type;

enum { TYPES = 34 };
static const tensor_type types[TYPES] = {
    [1] = { "float32", REAL32, 4, 1, 5, 0, 0 },
    [2] = { "float64", REAL64, 8, 1, 6, 0, 0 },
    [3] = { "int32", SIGNED, 4, 1, 7, 0, 0 },
    [4] = { "uint8", UNSIGNED, 1, 1, 7, 0, 0 },
    [5] = { "int16", SIGNED, 2, 1, 7, 0, 0 },
    [6] = { "int8", SIGNED, 1, 1, 7, 0, 0 },
    [7] = { "string", STRINGS, 0, 0, 8, 0, 0 },
    [8] = { "complex64", REAL32, 4, 2, 9, 0, 0 },
    [9] = { "int64", SIGNED, 8, 1, 10, 0, 0 },
    [10] = { "bool", TRUTH, 1, 1, 11, 0, 0 },
    [11] = { "qint8", SIGNED, 1, 1, 7, 0, 0 },
    [12] = { "quint8", UNSIGNED, 1, 1, 7, 0, 0 },
    [13] = { "qint32", SIGNED, 4, 1, 7, 0, 0 },
    [14] = { "bfloat16", BRAIN, 2, 1, 13, 0, 0 },
    [15] = { "qint16", SIGNED, 2, 1, 7, 0, 0 },
    [16] = { "quint16", UNSIGNED, 2, 1, 7, 0, 0 },
    [17] = { "uint16", UNSIGNED, 2, 1, 7, 0, 0 },
    [18] = { "complex128", REAL64, 8, 2, 12, 0, 0 },
    [19] = { "float16", HALF, 2, 1, 13, 0, 0 },
    [22] = { "uint32", UNSIGNED, 4, 1, 16, 0, 0 },
    [23] = { "uint64", UNSIGNED, 8, 1, 17, 0, 0 },
    [24] = { "float8_e5m2", EIGHTH, 1, 1, 18, 5, 15 },
    [25] = { "float8_e4m3fn", EIGHTH, 1, 1, 18, 4, -7 },
    [26] = { "float8_e4m3fnuz", EIGHTH, 1, 1, 18, 4, -8 },
    [27] = { "float8_e4m3b11fnuz", EIGHTH, 1, 1, 18, 4, -11 },
    [28] = { "float8_e5m2fnuz", EIGHTH, 1, 1, 18, 5, -16 },
    [29] = { "int4", SIGNED, 1, 1, 7, 4, 0 },
    [30] = { "uint4", UNSIGNED, 1, 1, 7, 4, 0 },
    [31] = { "int2", SIGNED, 1, 1, 7, 2, 0 },
    [32] = { "uint2", UNSIGNED, 1, 1, 7, 2, 0 },
    [33] = { "float4_e2m1fn", EIGHTH, 1, 1, 18, 2, -1 },
};

static const tensor_type *tensor_type_of(const kt_tensor_view *tensor)
{
    return &types[tensor->dtype < TYPES ? tensor->dtype : 0];
}

const char *kt_tensor_dtype(const kt_tensor_view *tensor) { return tensor_type_of(tensor)->name; }

int kt_tensor_parts(const kt_tensor_view *tensor) { return tensor_type_of(tensor)->parts; }

static bool dim_parse(kt_fields m, int64_t *size)
{
    kt_field f;
    *size = 0;
    while (kt_fields_next(&m, &f))
        if (f.number == 1 && f.type == KT_WIRE_VARINT) *size = (int64_t)f.value;
    return !m.broken;
}

static bool shape_parse(kt_fields m, kt_tensor_view *tensor, bool *unknown)
{
    kt_field f;
    while (kt_fields_next(&m, &f)) {
        if (f.number == 3 && f.type == KT_WIRE_VARINT) *unknown = f.value != 0;
        if (f.number != 2 || f.type != KT_WIRE_BYTES) continue;
        int64_t size;
        if (!dim_parse(kt_fields_of(f.bytes, f.size), &size)) return false;
        if (tensor->rank < KT_TENSOR_RANK) tensor->dim[tensor->rank] = size;
        tensor->rank++;
    }
    return !m.broken;
}

bool kt_tensor_parse(kt_pieces pieces, kt_tensor_view *tensor)
{
    *tensor = (kt_tensor_view){ .pieces = pieces };
    kt_fields m;
    kt_field f;
    bool unknown = false;
    while (kt_pieces_next(&pieces, &m)) {
        while (kt_fields_next(&m, &f)) {
            if (f.number == 1 && f.type == KT_WIRE_VARINT)
                tensor->dtype = f.value > 100 && f.value < 200 ? (unsigned)f.value - 100
                                : f.value < 100                ? (unsigned)f.value
                                                               : 0;
            if (f.number == 4 && f.type == KT_WIRE_BYTES) tensor->content = kt_field_blob(&f);
            if (f.number == 2 && f.type == KT_WIRE_BYTES) {
                tensor->shaped = true;
                if (!shape_parse(kt_fields_of(f.bytes, f.size), tensor, &unknown)) return false;
            }
        }
        if (m.broken) return false;
    }
    if (unknown) {
        tensor->shaped = false;
        tensor->rank = 0;
    }
    return true;
}

int64_t kt_tensor_claims(const kt_tensor_view *tensor)
{
    int64_t product = 1;
    bool none = false;
    for (int64_t i = 0; i < tensor->rank && i < KT_TENSOR_RANK; i++) {
        if (tensor->dim[i] < 0) return -1;
        none = none || tensor->dim[i] == 0;
    }
    if (none) return 0;
    for (int64_t i = 0; i < tensor->rank && i < KT_TENSOR_RANK; i++) {
        if (product > INT64_MAX / tensor->dim[i]) return -1;
        product *= tensor->dim[i];
    }
    return product;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* A small float: sign, exponent, mantissa; subnormals where the exponent is 0. */
static double small_float(unsigned bits, int exponent_bits, int mantissa_bits, int bias, bool infinite)
{
    unsigned mantissa = bits & ((1u << mantissa_bits) - 1);
    unsigned exponent = bits >> mantissa_bits & ((1u << exponent_bits) - 1);
    double sign = bits >> (mantissa_bits + exponent_bits) & 1 ? -1.0 : 1.0;
    if (infinite && exponent == (1u << exponent_bits) - 1) return mantissa ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(mantissa | 1u << mantissa_bits, (int)exponent - bias - mantissa_bits);
}

static double eighth(unsigned bits, const tensor_type *type)
{
    bool fourth = type->exponent == 2; /* four bits, everything finite */
    int bias = type->bias < 0 ? -type->bias : type->bias, mantissa = fourth ? 1 : 7 - type->exponent;
    bool unsigned_zero = type->bias == -8 || type->bias == -11 || type->bias == -16;
    if (unsigned_zero && bits == 0x80) return NAN;             /* the fnuz types have no -0: its place is NaN */
    if (type->bias == -7 && (bits & 0x7F) == 0x7F) return NAN; /* fn: no infinity, one NaN of each sign */
    return small_float(fourth ? bits & 15 : bits, type->exponent, mantissa, bias, type->bias > 0);
}

/* A number from the bits of its dense form. */
static double number_of(uint64_t bits, const tensor_type *type)
{
    float single;
    double real;
    uint32_t low = (uint32_t)bits;
    switch (type->form) {
    case REAL32: memcpy(&single, &low, sizeof single); return single;
    case REAL64: memcpy(&real, &bits, sizeof real); return real;
    case SIGNED:
    case UNSIGNED: {
        int width = type->exponent > 0 ? type->exponent : 8 * type->width;
        uint64_t top = (uint64_t)1 << (width - 1), all = top | (top - 1);
        bits &= all;
        return type->form == SIGNED && bits & top ? -(double)(all - bits) - 1.0 : (double)bits;
    }
    case TRUTH: return bits != 0;
    case HALF: return small_float(low & 0xFFFF, 5, 10, 15, true);
    case BRAIN:
        low <<= 16;
        memcpy(&single, &low, sizeof single);
        return single;
    case EIGHTH: return eighth(low & 0xFF, type);
    default: return 0;
    }
}

static bool is_fixed(const tensor_type *type) { return type->form == REAL32 || type->form == REAL64; }

/* One list, which may stand in many fields, packed and not. Counts, and hands out the first `most`. */
static int64_t list_walk(const kt_tensor_view *tensor, double *to, int64_t most, const unsigned char **at)
{
    const tensor_type *type = tensor_type_of(tensor);
    unsigned single = type->form == REAL32 ? KT_WIRE_FIXED32 : type->form == REAL64 ? KT_WIRE_FIXED64 : KT_WIRE_VARINT;
    kt_pieces pieces = tensor->pieces;
    kt_fields m;
    kt_field f;
    int64_t count = 0;
    while (kt_pieces_next(&pieces, &m))
        while (kt_fields_next(&m, &f)) {
            if (f.number != type->field) continue;
            if (type->form == EIGHTH) { /* one bytes field, of which the last counts */
                if (f.type != KT_WIRE_BYTES) continue;
                count = (int64_t)f.size;
                for (int64_t i = 0; i < count && i < most; i++) to[i] = number_of(f.bytes[i], type);
            } else if (f.type == single) {
                if (count < most) to[count] = number_of(f.value, type);
                if (at) *at = f.bytes;
                count++;
            } else if (f.type == KT_WIRE_BYTES && is_fixed(type)) {
                for (size_t i = 0; i + type->width <= f.size; i += type->width, count++) {
                    if (at) *at = f.bytes + i;
                    if (count < most) to[count] = number_of(kt_read_le(f.bytes + i, type->width), type);
                }
            } else if (f.type == KT_WIRE_BYTES) {
                kt_fields packed = kt_fields_of(f.bytes, f.size);
                while (packed.at < packed.end) {
                    uint64_t bits = kt_fields_varint(&packed);
                    if (packed.broken) break;
                    if (count < most) to[count] = number_of(bits, type);
                    count++;
                }
            }
        }
    return count;
}

int64_t kt_tensor_count(const kt_tensor_view *tensor)
{
    const tensor_type *type = tensor_type_of(tensor);
    if (type->form == NOTHING) return 0;
    if (type->form == STRINGS) return kt_tensor_strings(tensor, NULL, 0);
    size_t width = (size_t)type->width * type->parts;
    if (tensor->content.size > 0) return tensor->content.size % width ? -1 : (int64_t)(tensor->content.size / width);
    int64_t numbers = list_walk(tensor, NULL, 0, NULL);
    return numbers % type->parts ? -1 : numbers / type->parts;
}

int64_t kt_tensor_numbers(const kt_tensor_view *tensor, double *to, int64_t most, const unsigned char **at)
{
    const tensor_type *type = tensor_type_of(tensor);
    if (at) *at = NULL;
    if (type->parts == 0) return 0;
    if (tensor->content.size == 0) {
        int64_t listed = list_walk(tensor, to, most, at);
        if (at && (type->form != REAL32 || listed != 1)) *at = NULL;
        return listed < most ? listed : most;
    }
    const unsigned char *from = tensor->content.bytes;
    int64_t count = (int64_t)(tensor->content.size / type->width);
    if (at && count == 1 && type->form == REAL32) *at = from;
    if (count > most) count = most;
    for (int64_t i = 0; i < count; i++) to[i] = number_of(kt_read_le(from + i * type->width, type->width), type);
    return count;
}

int64_t kt_tensor_strings(const kt_tensor_view *tensor, kt_blob *to, int64_t most)
{
    kt_pieces pieces = tensor->pieces;
    kt_fields m;
    kt_field f;
    int64_t count = 0;
    while (kt_pieces_next(&pieces, &m))
        while (kt_fields_next(&m, &f))
            if (f.number == 8 && f.type == KT_WIRE_BYTES) {
                if (count < most) to[count] = kt_field_blob(&f);
                count++;
            }
    return count;
}

bool kt_tensor_scalar(kt_pieces pieces, double *value, const unsigned char **at)
{
    kt_tensor_view tensor;
    *at = NULL;
    if (!kt_tensor_parse(pieces, &tensor) || kt_tensor_parts(&tensor) != 1) return false;
    if (tensor.shaped && (tensor.rank > KT_TENSOR_RANK || kt_tensor_claims(&tensor) != 1)) return false;
    int64_t count = kt_tensor_count(&tensor);
    *value = 0;
    if (count == 0) return tensor.shaped; /* nothing listed: zeros of that shape */
    return count == 1 && kt_tensor_numbers(&tensor, value, 1, at) == 1;
}
