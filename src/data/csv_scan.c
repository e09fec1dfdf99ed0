/* SPDX-License-Identifier: MIT */
/* data/csv_scan.c: see csv_scan.h. Never reads beyond `end`; a file may end in the middle of anything. */
#include "data/csv_scan.h"

#include <string.h>

kt_csv_scan kt_csv_scan_of(char *text, size_t length, char separator)
{
    size_t mark = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    return (kt_csv_scan){ text + mark, text + length, 1, separator };
}

static bool blank(const kt_csv_scan *scan, char c) { return (c == ' ' || c == '\t') && c != scan->separator; }

static bool line_ends(char c) { return c == '\n' || c == '\r'; }

/* One past the line break that begins at `at`. */
static char *after_break(const kt_csv_scan *scan, char *at)
{
    return at + (*at == '\r' && at + 1 < scan->end && at[1] == '\n' ? 2 : 1);
}

void kt_csv_skip_blank_lines(kt_csv_scan *scan, bool only_at_end)
{
    char *at = scan->at;
    int64_t line = scan->line;
    for (;;) {
        char *next = at;
        while (next < scan->end && blank(scan, *next)) next++;
        if (next == scan->end) { /* blanks only */
            scan->at = scan->end;
            return;
        }
        if (!line_ends(*next)) break;
        at = after_break(scan, next);
        line++;
        if (only_at_end) continue;
        scan->at = at;
        scan->line = line;
    }
}

/* Ends the field at scan->at, where a separator, a line break or the end must stand. */
static bool finish(kt_csv_scan *scan, kt_csv_field *field)
{
    while (scan->at < scan->end && blank(scan, *scan->at)) scan->at++;
    field->last = scan->at == scan->end || line_ends(*scan->at);
    if (!field->last) {
        if (*scan->at != scan->separator) return false;
        scan->at++;
    } else if (scan->at < scan->end) {
        scan->at = after_break(scan, scan->at);
        scan->line++;
    }
    return true;
}

static kt_csv_flaw take_quoted(kt_csv_scan *scan, kt_csv_field *field)
{
    char *to = ++scan->at;
    field->at = to;
    field->quoted = true;
    for (;;) {
        if (scan->at == scan->end) return KT_CSV_OPEN_QUOTE;
        char c = *scan->at++;
        if (c == '"') {
            if (scan->at == scan->end || *scan->at != '"') break;
            scan->at++;
        }
        if (c == '\n') scan->line++;
        *to++ = c;
    }
    field->length = (size_t)(to - field->at);
    return finish(scan, field) ? KT_CSV_FINE : KT_CSV_AFTER_QUOTE;
}

kt_csv_flaw kt_csv_next(kt_csv_scan *scan, kt_csv_field *field)
{
    *field = (kt_csv_field){ .last = true };
    while (scan->at < scan->end && blank(scan, *scan->at)) scan->at++;
    if (scan->at < scan->end && *scan->at == '"') return take_quoted(scan, field);
    char *from = scan->at;
    while (scan->at < scan->end && *scan->at != scan->separator && !line_ends(*scan->at)) scan->at++;
    char *to = scan->at;
    while (to > from && blank(scan, to[-1])) to--;
    field->at = from;
    field->length = (size_t)(to - from);
    (void)finish(scan, field);
    return KT_CSV_FINE;
}
