/* SPDX-License-Identifier: MIT */
/* data/idx.h: an IDX array, plain or gzip, from any source: for the reader of files and for the fuzzer. */
#ifndef KT_DATA_IDX_H
#define KT_DATA_IDX_H

#include <keratin/data.h>

#include "data/source.h"

/* Reads one array, which must fill the source, and adds it under the name "". */
kt_status kt_idx_take(kt_source *source, kt_arrays *to);

#endif
