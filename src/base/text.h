/* SPDX-License-Identifier: MIT */
/* base/text.h: bounded text: sentences, paths, numbers, "did you mean". No locale: numbers look the same in any host. */
#ifndef KT_BASE_TEXT_H
#define KT_BASE_TEXT_H

#include <stdarg.h>

#include "base/memory.h"

/* A text that never overflows: what does not fit is cut, and the end stays a whole UTF-8 character. */
typedef struct kt_text {
    char *at;
    size_t size, length;
} kt_text;

kt_text kt_text_in(char *buffer, size_t size); /* empty text in this buffer */
void kt_text_add(kt_text *text, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
void kt_text_addv(kt_text *text, const char *format, va_list args);
void kt_text_dims(kt_text *text, const int64_t *dim, int rank); /* "(32, 10)"; -1 as "None" */

/* The name among `names` (ends with NULL) that is nearest to `given`, or NULL if none is near enough to be meant. */
const char *kt_nearest(const char *given, const char *const *names);

/* "GlorotUniform" -> "glorot_uniform", "Conv2D" -> "conv2d": Keras's rule. */
void kt_snake_case(const char *camel, char *to, size_t size);

/* Decimal text to double, '.' in any locale. Returns the end of what was read, NULL if there is no number.
 * Accepts nan, inf, infinity in any case, with a sign. `end` bounds the text (one past the last byte). */
const char *kt_parse_double(const char *text, const char *end, double *value);

uint64_t kt_hash_bytes(const void *data, size_t bytes, uint64_t seed);

#endif
