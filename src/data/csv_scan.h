/* SPDX-License-Identifier: MIT */
/* data/csv_scan.h: the text of a CSV file, one field at a time.
 *
 * RFC 4180 and what people do beside it: quotes with doubled quotes inside, line breaks inside quotes, CRLF, LF or CR,
 * a byte order mark, blanks around fields. Fields are unescaped in place, so the text must be the caller's to change.
 */
#ifndef KT_DATA_CSV_SCAN_H
#define KT_DATA_CSV_SCAN_H

#include "core/context.h"

typedef struct kt_csv_field {
    const char *at; /* in the scanned text */
    size_t length;
    bool quoted, last; /* last of its line */
} kt_csv_field;

typedef struct kt_csv_scan {
    char *at, *end;
    int64_t line; /* of `at`, from 1 */
    char separator;
} kt_csv_scan;

typedef enum kt_csv_flaw { /* what is wrong with a field */
                           KT_CSV_FINE,
                           KT_CSV_OPEN_QUOTE, /* the quote that begins it never ends */
                           KT_CSV_AFTER_QUOTE /* text between its closing quote and the separator */
} kt_csv_flaw;

kt_csv_scan kt_csv_scan_of(char *text, size_t length, char separator); /* steps over the mark */
/* Steps over lines that hold nothing but blanks. `only_at_end`: only if nothing else follows them. */
void kt_csv_skip_blank_lines(kt_csv_scan *scan, bool only_at_end);
static inline bool kt_csv_at_end(const kt_csv_scan *scan) { return scan->at == scan->end; }
kt_csv_flaw kt_csv_next(kt_csv_scan *scan, kt_csv_field *field);

#endif
