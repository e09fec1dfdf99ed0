/* SPDX-License-Identifier: MIT */
/* data/csv_table.h: the cells of a CSV file as they are gathered, and what becomes of them.
 *
 * A column is numbers or text from its first value on; a mixture is an error, because the alternatives (a typing error
 * turned into a category, a number lost) would go unnoticed. A cell is one float: the number, or the number of its text
 * in order of first appearance.
 */
#ifndef KT_DATA_CSV_TABLE_H
#define KT_DATA_CSV_TABLE_H

#include <keratin/data.h>

#include "data/csv_scan.h"
#include "data/source.h"

enum { KT_CSV_COLUMNS_MOST = 1 << 20, KT_CSV_TEXTS_MOST = 1000 };

typedef enum kt_csv_kind { KT_CSV_UNKNOWN, KT_CSV_NUMBER, KT_CSV_TEXT } kt_csv_kind;

typedef struct kt_csv_column {
    kt_csv_kind kind;
    bool target;
    bool first_again; /* the text of the first row came again */
    int64_t texts;    /* different ones */
    int64_t line;     /* of the first value */
} kt_csv_column;

typedef struct kt_csv_text { /* one text of one column */
    const char *at;
    size_t length;
    uint32_t column, id;
    uint64_t hash;
} kt_csv_text;

typedef struct kt_csv_table {
    kt_source *source;
    const kt_csv_config *config;
    int64_t columns;
    kt_csv_column *column;
    const kt_csv_field *names; /* of the header; NULL: there is none */
    float *cells;              /* (rows, columns) */
    int64_t rows, rows_most;
    kt_csv_text *texts;            /* open hashing; at == NULL: free */
    size_t texts_used, texts_size; /* a power of two */
    uint64_t salt;                 /* of the hashes, so that a file cannot be made to collide */
} kt_csv_table;

/* What kind a field is by itself; *value for numbers, which may be infinite or NaN. */
kt_csv_kind kt_csv_kind_of(const kt_csv_field *field, double *value);
bool kt_csv_missing(const kt_csv_field *field); /* empty, or NA, N/A, NaN, null, ? without quotes */

kt_status kt_csv_table_begin(kt_csv_table *table, kt_source *source, const kt_csv_config *config, int64_t columns,
                             int64_t rows_most);
void kt_csv_table_end(kt_csv_table *table);
kt_status kt_csv_table_add(kt_csv_table *table, const kt_csv_field *fields, int64_t line);
/* The first row was the header after all: takes it out again. Its texts must not have come again. */
void kt_csv_table_drop_first(kt_csv_table *table);
/* "x" and "y". `bytes`: size of the file, which bounds what one-hot columns may grow to. */
kt_status kt_csv_table_arrays(kt_csv_table *table, uint64_t bytes, kt_arrays *to);

/* An error at a place: "line 3, column 2 from 0 ('age'): sentence". */
kt_status kt_csv_fail(kt_csv_table *table, int64_t line, int64_t column, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

#endif
