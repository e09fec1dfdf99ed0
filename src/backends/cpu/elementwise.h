/* SPDX-License-Identifier: MIT */
/* elementwise.h: the element-wise rows as loops over plain arrays, one table per instruction set.
 *
 * The tables come from the .def files of src/ops: a new element-wise op is here the moment its line
 * is there. A loop may work in place (y equal to an operand of the same element size), never on
 * partly overlapping ranges.
 */
#ifndef KT_CPU_ELEMENTWISE_H
#define KT_CPU_ELEMENTWISE_H

#include <keratin/context.h>

enum { KT_DTYPES = KT_UINT8 + 1 };

/* y[i] = row(a[i], b[i], c[i]) for i < n; rows with fewer operands do not look at the others. */
typedef void kt_loop(void *y, const void *a, const void *b, const void *c, int64_t n);

typedef struct kt_elementwise {
    /* row[number in ops.def][dtype of the operands; of the last two for `where`]; NULL: none. */
    kt_loop *const (*row)[KT_DTYPES];
    kt_loop *const (*cast)[KT_DTYPES]; /* cast[to][from] */
    kt_loop *const *repeat;            /* repeat[dtype]: y[i] = a[0] */
} kt_elementwise;

extern const kt_elementwise kt_elementwise_portable;
#if defined(__x86_64__) && !defined(KT_PORTABLE_ONLY)
extern const kt_elementwise kt_elementwise_avx2;
extern const kt_elementwise kt_elementwise_avx512;
#endif

#endif
