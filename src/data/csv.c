/* SPDX-License-Identifier: MIT */
/* data/csv.c: reading a table: is there a header, which columns are targets, then the rows.
 *
 * The header is seen by comparing the first line with the second: text above a number is a name. Where a table is text
 * throughout this says nothing; then the first line is taken for a header if none of its texts comes again in its
 * column. A target that the caller names decides too.
 */
#include "data/csv.h"

#include <string.h>

#include "data/arrays.h"
#include "data/csv_table.h"

typedef struct csv_file {
    kt_source *source;
    const kt_csv_config *config;
    char *text;
    size_t length;
    kt_csv_scan scan;
    kt_csv_field *first, *record; /* `columns` fields each */
    int64_t columns, first_line;
    bool header, maybe_header;
    kt_csv_table table;
} csv_file;

/* ---- the text ---- */

static int64_t line_of(const char *text, const char *at)
{
    int64_t line = 1;
    for (; text < at; text++) line += *text == '\n';
    return line;
}

static kt_status take_text(csv_file *f)
{
    kt_source *source = f->source;
    kt_context *kt = source->kt;
    if (source->left >= SIZE_MAX / 4) return kt_no_memory(kt);
    f->length = (size_t)source->left;
    f->text = kt_take(kt, f->length + 1);
    if (!f->text) return kt->status;
    kt_status status = kt_source_take(source, f->text, f->length);
    if (status != KT_OK) return status;
    const char *nul = memchr(f->text, 0, f->length);
    if (nul)
        return kt_source_fail(source, KT_ERR_FORMAT,
                              "line %lld holds a zero byte: expected text in UTF-8 or ASCII; is it UTF-16, "
                              "or no CSV file?",
                              (long long)line_of(f->text, nul));
    f->scan = kt_csv_scan_of(f->text, f->length, f->config->separator ? f->config->separator : ',');
    kt_csv_skip_blank_lines(&f->scan, false);
    if (kt_csv_at_end(&f->scan))
        return kt_source_fail(source, KT_ERR_FORMAT, "the file is empty; expected at least one row");
    return KT_OK;
}

static kt_status take_field(csv_file *f, int64_t column, kt_csv_field *field)
{
    int64_t line = f->scan.line;
    kt_csv_flaw flaw = kt_csv_next(&f->scan, field);
    if (flaw == KT_CSV_FINE) return KT_OK;
    return kt_csv_fail(&f->table, line, column,
                       flaw == KT_CSV_OPEN_QUOTE
                           ? "the quote that begins here never ends; close it, or double it if it is part of the text"
                           : "text follows the closing quote; double a quote that is part of the text");
}

/* The first line, which says how many columns there are. */
static kt_status take_first(csv_file *f)
{
    size_t capacity = 0;
    f->first_line = f->scan.line;
    kt_csv_field field;
    do {
        if (f->columns == KT_CSV_COLUMNS_MOST)
            return kt_source_fail(f->source, KT_ERR_UNSUPPORTED, "expected at most %d columns, got more in line %lld",
                                  KT_CSV_COLUMNS_MOST, (long long)f->first_line);
        kt_status status = take_field(f, f->columns, &field);
        if (status != KT_OK) return status;
        if (!kt_grow(&f->source->kt->heap, &f->first, &capacity, (size_t)f->columns + 1, sizeof *f->first))
            return kt_no_memory(f->source->kt);
        f->first[f->columns++] = field;
    } while (!field.last);
    f->record = kt_take_zeroed(f->source->kt, (size_t)f->columns, sizeof *f->record);
    return f->source->kt->status;
}

/* The next line into f->record; *more is false at the end of the file. */
static kt_status take_record(csv_file *f, bool *more, int64_t *line)
{
    kt_csv_skip_blank_lines(&f->scan, f->columns == 1); /* with one column an empty line is a missing value */
    *more = !kt_csv_at_end(&f->scan);
    *line = f->scan.line;
    for (int64_t c = 0; *more; c++) {
        kt_csv_field field;
        kt_status status = take_field(f, c, &field);
        if (status != KT_OK) return status;
        if (c < f->columns) f->record[c] = field;
        if (field.last && c + 1 == f->columns) break;
        if (field.last || c >= f->columns)
            return kt_source_fail(f->source, KT_ERR_FORMAT,
                                  "line %lld: expected %lld fields, as in line %lld, got %s%lld; quote "
                                  "fields that hold the separator",
                                  (long long)*line, (long long)f->columns, (long long)f->first_line,
                                  field.last ? "" : "at least ", (long long)c + 1);
    }
    return KT_OK;
}

/* ---- header and targets ---- */

static bool is_name(const kt_csv_field *field)
{
    double value;
    return kt_csv_kind_of(field, &value) == KT_CSV_TEXT && !kt_csv_missing(field);
}

static bool names(const kt_csv_field *field, const char *at, size_t length)
{
    return field->length == length && memcmp(field->at, at, length) == 0;
}

static bool all_different(const csv_file *f)
{
    if (f->columns > 4096) return true; /* the comparison of all pairs would take long, and proves little */
    for (int64_t i = 0; i < f->columns; i++)
        for (int64_t j = 0; j < i; j++)
            if (names(&f->first[i], f->first[j].at, f->first[j].length)) return false;
    return true;
}

/* Decides from the first line and, if there is one, the second (in f->record). */
static void look_for_header(csv_file *f, bool second)
{
    bool all_names = true, all_text = second;
    double value;
    for (int64_t c = 0; c < f->columns; c++) {
        bool name = is_name(&f->first[c]);
        bool number = second && kt_csv_kind_of(&f->record[c], &value) == KT_CSV_NUMBER;
        if (name && number) f->header = true;
        if (!name) all_names = false;
        if (number) all_text = false;
        const char *target = f->config->target;
        if (name && target && !f->config->no_target && names(&f->first[c], target, strlen(target))) f->header = true;
    }
    if (!second && all_names) f->header = true;
    f->maybe_header = !f->header && all_names && all_text && all_different(f);
}

static kt_status unknown_target(csv_file *f, const char *given)
{
    enum { SHOWN = 24 };
    const char *known[SHOWN + 1];
    char kind[224], texts[SHOWN][KT_QUOTE_SIZE];
    int n = 0;
    for (; n < SHOWN && n < f->columns; n++) known[n] = kt_quote(texts[n], f->first[n].at, f->first[n].length);
    known[n] = NULL;
    kt_text text = kt_text_in(kind, sizeof kind);
    kt_text_add(&text, "target column of %s", f->source->name);
    return kt_fail_name(f->source->kt, kind, given, known);
}

static kt_status mark_target(csv_file *f, const char *at, size_t length)
{
    kt_source *source = f->source;
    char given[KT_QUOTE_SIZE];
    kt_quote(given, at, length);
    int64_t found = -1, number = 0;
    if (f->header || f->maybe_header) {
        for (int64_t c = 0; c < f->columns; c++) {
            if (!names(&f->first[c], at, length)) continue;
            if (found >= 0)
                return kt_source_fail(source, KT_ERR_NAME,
                                      "two columns are named '%s'; give the target's number, from 0", given);
            found = c;
        }
    }
    if (found < 0) {
        bool digits = length > 0 && length < 10;
        for (size_t i = 0; i < length && digits; i++) {
            digits = at[i] >= '0' && at[i] <= '9';
            number = number * 10 + (at[i] - '0');
        }
        if (!digits && (f->header || f->maybe_header)) return unknown_target(f, given);
        if (!digits || number >= f->columns)
            return kt_source_fail(source, KT_ERR_NAME,
                                  "unknown target '%s': expected the number of a column, 0 to %lld%s", given,
                                  (long long)f->columns - 1,
                                  f->header ? ", or its name" : " (the file has no header line)");
        found = number;
    }
    if (f->table.column[found].target)
        return kt_source_fail(source, KT_ERR_NAME, "column '%s' is named twice as target", given);
    f->table.column[found].target = true;
    return KT_OK;
}

static kt_status mark_targets(csv_file *f)
{
    const char *target = f->config->target;
    if (f->config->no_target) return KT_OK;
    if (!target || !target[0]) {
        f->table.column[f->columns - 1].target = true;
        return KT_OK;
    }
    for (int64_t c = 0; f->header && c < f->columns; c++) /* a name may hold a comma itself */
        if (names(&f->first[c], target, strlen(target))) return mark_target(f, target, strlen(target));
    for (;;) {
        const char *comma = strchr(target, ',');
        size_t length = comma ? (size_t)(comma - target) : strlen(target);
        size_t skip = 0;
        while (skip < length && target[skip] == ' ') skip++;
        while (length > skip && target[length - 1] == ' ') length--;
        kt_status status = mark_target(f, target + skip, length - skip);
        if (status != KT_OK || !comma) return status;
        target = comma + 1;
    }
}

/* ---- all of it ---- */

static kt_status begin_table(csv_file *f)
{
    size_t lines = 1;
    for (size_t i = 0; i < f->length; i++) lines += f->text[i] == '\n' || f->text[i] == '\r';
    size_t most = (f->length + 1) / ((size_t)f->columns * 2) + 1; /* a value and what ends it: two bytes */
    return kt_csv_table_begin(&f->table, f->source, f->config, f->columns, (int64_t)(lines < most ? lines : most));
}

static kt_status take_rows(csv_file *f)
{
    bool more;
    int64_t line;
    kt_status status = take_record(f, &more, &line);
    if (status != KT_OK) return status;
    look_for_header(f, more);
    if (f->header) f->table.names = f->first;
    status = mark_targets(f);
    if (status == KT_OK && !f->header) status = kt_csv_table_add(&f->table, f->first, f->first_line);
    while (status == KT_OK && more) {
        status = kt_csv_table_add(&f->table, f->record, line);
        if (status == KT_OK) status = take_record(f, &more, &line);
    }
    if (status != KT_OK) return status;
    bool again = f->table.rows < 3;
    for (int64_t c = 0; c < f->columns; c++) again = again || f->table.column[c].first_again;
    if (f->maybe_header && !again) kt_csv_table_drop_first(&f->table);
    if (f->table.rows == 0)
        return kt_source_fail(f->source, KT_ERR_FORMAT,
                              "the file has a header line, but no rows; expected at least one");
    return KT_OK;
}

kt_status kt_csv_take(kt_source *source, const kt_csv_config *config, kt_arrays *to)
{
    kt_context *kt = source->kt;
    csv_file f = { .source = source, .config = config, .table = { .source = source, .config = config } };
    char s = config->separator;
    if (s == '"' || s == '\n' || s == '\r' || s == '.' || s == '-' || s == '+' || (s >= '0' && s <= '9'))
        return kt_source_fail(source, KT_ERR_VALUE,
                              "expected a separator such as ',' or ';', got a quote, line break, digit, sign or "
                              "point");
    kt_status status = take_text(&f);
    if (status == KT_OK) status = take_first(&f);
    if (status == KT_OK) status = begin_table(&f);
    if (status == KT_OK) status = take_rows(&f);
    f.table.names = NULL;
    kt_give(kt, f.text); /* before the arrays are made: both can be large */
    if (status == KT_OK) status = kt_csv_table_arrays(&f.table, f.length, to);
    kt_csv_table_end(&f.table);
    kt_give(kt, f.first);
    kt_give(kt, f.record);
    return status;
}

kt_arrays *kt_read_csv_with(kt_context *kt, const kt_csv_config *config)
{
    const char *reader = "kt_read_csv";
    if (!kt) return NULL;
    kt_csv_config settings = { .size = sizeof settings };
    if (kt_config_copy(kt, reader, &settings, sizeof settings, config) != KT_OK) return NULL;
    kt_file_source file;
    if (kt_file_open(&file, kt, reader, settings.path) != KT_OK) return NULL;
    kt_arrays *arrays = kt_arrays_new(kt);
    if (arrays && kt_csv_take(&file.source, &settings, arrays) != KT_OK) {
        kt_arrays_free(arrays);
        arrays = NULL;
    }
    kt_file_close(&file);
    return arrays;
}
