/* SPDX-License-Identifier: MIT */
/* data/npy.h: one NumPy array in a stream: what files and archive members share. */
#ifndef KT_DATA_NPY_H
#define KT_DATA_NPY_H

#include <keratin/data.h>

#include "data/source.h"

/* Reads one array, which must fill the source, and adds it under this name. */
kt_status kt_npy_take(kt_source *source, kt_arrays *to, const char *name);

/* The bytes before the data of a .npy file (version 1.0) for an array that was checked; returns how many, a multiple of
 * 64. */
enum { KT_NPY_HEAD = 512 };
size_t kt_npy_head(unsigned char head[KT_NPY_HEAD], const kt_array *array);

#endif
