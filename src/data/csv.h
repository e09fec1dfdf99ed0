/* SPDX-License-Identifier: MIT */
/* data/csv.h: a CSV table from any source: for the reader of files and for the fuzzer. */
#ifndef KT_DATA_CSV_H
#define KT_DATA_CSV_H

#include <keratin/data.h>

#include "data/source.h"

/* Reads the whole source, whose size must be exact, and adds "x" and "y". */
kt_status kt_csv_take(kt_source *source, const kt_csv_config *config, kt_arrays *to);

#endif
