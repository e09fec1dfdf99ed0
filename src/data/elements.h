/* SPDX-License-Identifier: MIT */
/* data/elements.h: numbers as files store them, turned into the library's.
 *
 * NPY and IDX share it. Widening is the rule (int16 becomes int32, float16 float32), so that no value changes; uint64
 * is the one type with values that int64 lacks, and these are an error.
 */
#ifndef KT_DATA_ELEMENTS_H
#define KT_DATA_ELEMENTS_H

#include "data/source.h"

typedef struct kt_element {
    char kind; /* 'f', 'i', 'u', or 'b' (bool) */
    int width; /* bytes */
    bool big;  /* most significant byte first */
} kt_element;

/* The type that holds it; KT_DTYPE_DEFAULT: there is none. */
kt_dtype kt_element_dtype(kt_element element);

/* Is the machine itself big-endian? */
bool kt_machine_is_big(void);

/* `count` elements from the source into `to`, which has room for them in kt_element_dtype(element). */
kt_status kt_elements_take(kt_source *source, kt_element element, void *to, size_t count);

#endif
