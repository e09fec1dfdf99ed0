/* SPDX-License-Identifier: MIT */
/* data/arrays.h: how a reader makes the named arrays that it gives out.
 *
 * A kt_arrays owns the memory of its arrays, 64-byte aligned, and belongs to the context: a reader that fails half way
 * frees it, a program that forgets it loses nothing beyond the context's life.
 */
#ifndef KT_DATA_ARRAYS_H
#define KT_DATA_ARRAYS_H

#include <keratin/data.h>

#include "core/context.h"

kt_arrays *kt_arrays_new(kt_context *kt); /* empty */

/* One more array; its memory, to be filled by the caller, is not cleared. The shape is checked. NULL and the context's
 * error when it cannot be. `reader` is the name of the public function for the sentence. */
void *kt_arrays_add(kt_arrays *arrays, const char *reader, const char *name, kt_dtype dtype, kt_shape shape);

/* Elements of this shape, or -1 when any product of its sizes is too large: sizes of 0 hide no other. */
int64_t kt_shape_elements(const kt_shape *shape);

/* A description that a caller may have left unfinished: sizes, dtype, data. KT_OK if its memory can be read. */
kt_status kt_check_array(kt_context *kt, const char *what, const char *name, const kt_array *array);

/* A configuration struct of the caller's, made by this or another version of the header: the fields that both know are
 * copied to `to`, the others become 0. Each struct begins with its size. */
kt_status kt_config_copy(kt_context *kt, const char *what, void *to, size_t size, const void *from);

#endif
