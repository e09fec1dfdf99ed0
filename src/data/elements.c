/* SPDX-License-Identifier: MIT */
/* data/elements.c: see elements.h.
 *
 * Elements of their final width are read straight into place, and turned there if the byte order is the other one.
 * Narrower ones pass through a small stage on the stack.
 */
#include "data/elements.h"

#include <string.h>

enum { STAGE = 8192 };

kt_dtype kt_element_dtype(kt_element e)
{
    switch (e.kind) {
    case 'f': return e.width == 8 ? KT_FLOAT64 : e.width == 4 || e.width == 2 ? KT_FLOAT32 : KT_DTYPE_DEFAULT;
    case 'i':
        return e.width == 8 ? KT_INT64 : e.width == 4 || e.width == 2 || e.width == 1 ? KT_INT32 : KT_DTYPE_DEFAULT;
    case 'u':
        if (e.width == 1) return KT_UINT8;
        return e.width == 2 ? KT_INT32 : e.width == 4 || e.width == 8 ? KT_INT64 : KT_DTYPE_DEFAULT;
    case 'b': return e.width == 1 ? KT_BOOL : KT_DTYPE_DEFAULT;
    default: return KT_DTYPE_DEFAULT;
    }
}

bool kt_machine_is_big(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

static void turn(unsigned char *at, size_t width, size_t count)
{
    for (size_t i = 0; i < count; i++, at += width)
        for (size_t j = 0; j < width / 2; j++) {
            unsigned char byte = at[j];
            at[j] = at[width - 1 - j];
            at[width - 1 - j] = byte;
        }
}

/* IEEE binary16 to binary32, every value exactly. */
static float half_value(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 31u, fraction = half & 0x3FFu, bits;
    if (exponent == 31)
        bits = sign | 0x7F800000u | fraction << 13;
    else if (exponent)
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    else {
        float tiny = (float)fraction * (1.0f / 16777216.0f); /* fraction * 2^-24 */
        return sign ? -tiny : tiny;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* `count` elements of `width` bytes at `from`, in the machine's byte order, widened into to[at...]. */
static void widen(kt_element e, const unsigned char *from, void *to, size_t at, size_t count)
{
    if (e.kind == 'f') {
        for (size_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, from + 2 * i, 2);
            ((float *)to)[at + i] = half_value(half);
        }
    } else if (e.width == 1) {
        for (size_t i = 0; i < count; i++) ((int32_t *)to)[at + i] = (int32_t)(from[i] ^ 0x80) - 0x80;
    } else if (e.width == 2) {
        for (size_t i = 0; i < count; i++) {
            uint16_t word;
            memcpy(&word, from + 2 * i, 2);
            ((int32_t *)to)[at + i] = e.kind == 'u' ? (int32_t)word : (int32_t)(word ^ 0x8000) - 0x8000;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            uint32_t word;
            memcpy(&word, from + 4 * i, 4);
            ((int64_t *)to)[at + i] = (int64_t)word;
        }
    }
}

kt_status kt_elements_take(kt_source *source, kt_element e, void *to, size_t count)
{
    size_t width = (size_t)e.width, bytes;
    bool other = e.big != kt_machine_is_big() && width > 1;
    if (!kt_mul_size(count, width, &bytes)) return kt_no_memory(source->kt);
    if (width == kt_dtype_size(kt_element_dtype(e))) {
        kt_status status = kt_source_take(source, to, bytes);
        if (status != KT_OK) return status;
        if (other) turn(to, width, count);
        if (e.kind == 'b')
            for (size_t i = 0; i < count; i++) ((unsigned char *)to)[i] = ((unsigned char *)to)[i] != 0;
        if (e.kind == 'u' && width == 8)
            for (size_t i = 0; i < count; i++)
                if (((const int64_t *)to)[i] < 0)
                    return kt_source_fail(source, KT_ERR_UNSUPPORTED,
                                          "element %zu is above 9223372036854775807, the largest "
                                          "int64; store it as int64 or float64",
                                          i);
        return KT_OK;
    }
    unsigned char stage[STAGE];
    for (size_t done = 0; done < count;) {
        size_t n = count - done < STAGE / width ? count - done : STAGE / width;
        kt_status status = kt_source_take(source, stage, n * width);
        if (status != KT_OK) return status;
        if (other) turn(stage, width, n);
        widen(e, stage, to, done, n);
        done += n;
    }
    return KT_OK;
}
