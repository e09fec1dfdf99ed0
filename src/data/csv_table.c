/* SPDX-License-Identifier: MIT */
/* data/csv_table.c: see csv_table.h.
 *
 * Memory is bounded by the file: a cell needs two bytes of text, so all cells together take at most twice the file;
 * one-hot columns, which do grow, are held to 256 MiB or a hundred times the file.
 */
#include "data/csv_table.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "data/arrays.h"

static const uint64_t ONE_HOT_FREE = (uint64_t)256 << 20;
enum { ONE_HOT_RATIO = 100 };

static bool is_word(const kt_csv_field *field, const char *lower)
{
    if (strlen(lower) != field->length) return false;
    for (size_t i = 0; i < field->length; i++) {
        char c = field->at[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != lower[i]) return false;
    }
    return true;
}

bool kt_csv_missing(const kt_csv_field *field)
{
    if (field->length == 0) return true;
    if (field->quoted) return false;
    return is_word(field, "na") || is_word(field, "n/a") || is_word(field, "nan") || is_word(field, "null") ||
           is_word(field, "?");
}

kt_csv_kind kt_csv_kind_of(const kt_csv_field *field, double *value)
{
    const char *end = field->at + field->length;
    return field->length && kt_parse_double(field->at, end, value) == end ? KT_CSV_NUMBER : KT_CSV_TEXT;
}

kt_status kt_csv_fail(kt_csv_table *table, int64_t line, int64_t column, const char *format, ...)
{
    char sentence[320], quote[KT_QUOTE_SIZE] = "";
    kt_text text = kt_text_in(sentence, sizeof sentence);
    va_list args;
    va_start(args, format);
    kt_text_addv(&text, format, args);
    va_end(args);
    const kt_csv_field *name = table->names && column < table->columns ? &table->names[column] : NULL;
    if (name) kt_quote(quote, name->at, name->length);
    return kt_source_fail(table->source, KT_ERR_FORMAT, "line %lld, column %lld from 0%s%s%s: %s", (long long)line,
                          (long long)column, name ? " ('" : "", quote, name ? "')" : "", sentence);
}

/* ---- the texts ---- */

static bool grow_texts(kt_csv_table *table)
{
    size_t size = table->texts_size ? table->texts_size * 2 : 64;
    kt_csv_text *larger = kt_take_zeroed(table->source->kt, size, sizeof *larger);
    if (!larger) return false;
    for (size_t i = 0; i < table->texts_size; i++) {
        if (!table->texts[i].at) continue;
        size_t slot = (size_t)table->texts[i].hash & (size - 1);
        while (larger[slot].at) slot = (slot + 1) & (size - 1);
        larger[slot] = table->texts[i];
    }
    kt_give(table->source->kt, table->texts);
    table->texts = larger;
    table->texts_size = size;
    return true;
}

/* The number of this text in its column, a new one if it is new; -1 and an error if there are too many. */
static int64_t text_id(kt_csv_table *table, int64_t c, const kt_csv_field *field, int64_t line)
{
    kt_csv_column *column = &table->column[c];
    if (table->texts_used * 2 >= table->texts_size && !grow_texts(table)) return -1;
    uint64_t hash = kt_hash_bytes(field->at, field->length, table->salt + (uint64_t)c);
    size_t slot = (size_t)hash & (table->texts_size - 1);
    for (const kt_csv_text *t; (t = &table->texts[slot])->at; slot = (slot + 1) & (table->texts_size - 1)) {
        if (t->hash != hash || t->column != (uint32_t)c || t->length != field->length ||
            memcmp(t->at, field->at, field->length) != 0)
            continue;
        if (t->id == 0) column->first_again = true;
        return t->id;
    }
    if (column->texts == KT_CSV_TEXTS_MOST) {
        kt_csv_fail(table, line, c,
                    "a text column becomes one input per different text, of which there are more than %d here; "
                    "leave text out with .drop_text, or encode the column first",
                    KT_CSV_TEXTS_MOST);
        return -1;
    }
    table->texts[slot] = (kt_csv_text){ field->at, field->length, (uint32_t)c, (uint32_t)column->texts, hash };
    table->texts_used++;
    return column->texts++;
}

/* ---- rows ---- */

kt_status kt_csv_table_begin(kt_csv_table *table, kt_source *source, const kt_csv_config *config, int64_t columns,
                             int64_t rows_most)
{
    *table = (kt_csv_table){ .source = source, .config = config, .columns = columns, .rows_most = rows_most };
    size_t cells;
    if (!kt_mul_size((size_t)columns, (size_t)rows_most, &cells)) return kt_no_memory(source->kt);
    table->column = kt_take_zeroed(source->kt, (size_t)columns, sizeof *table->column);
    if (!table->column) return source->kt->status;
    size_t bytes;
    if (!kt_mul_size(cells, sizeof *table->cells, &bytes)) return kt_no_memory(source->kt);
    table->cells = kt_take(source->kt, bytes);
    table->salt = (uint64_t)(uintptr_t)table->cells; /* an address, which a file cannot know */
    return source->kt->status;
}

void kt_csv_table_end(kt_csv_table *table)
{
    kt_give(table->source->kt, table->column);
    kt_give(table->source->kt, table->cells);
    kt_give(table->source->kt, table->texts);
}

static kt_status missing(kt_csv_table *table, int64_t line, int64_t c, const kt_csv_field *field)
{
    char quote[KT_QUOTE_SIZE];
    if (!field->length) return kt_csv_fail(table, line, c, "the value is missing; fill it in or leave the row out");
    return kt_csv_fail(table, line, c, "'%s' says that the value is missing; fill it in or leave the row out",
                       kt_quote(quote, field->at, field->length));
}

static kt_status add_cell(kt_csv_table *table, int64_t c, const kt_csv_field *field, int64_t line, float *cell)
{
    kt_csv_column *column = &table->column[c];
    char quote[KT_QUOTE_SIZE];
    double value = 0;
    kt_csv_kind kind = kt_csv_kind_of(field, &value);
    if (kt_csv_missing(field)) return missing(table, line, c, field);
    if (kind == KT_CSV_NUMBER && !(fabs(value) <= (double)FLT_MAX))
        return kt_csv_fail(table, line, c, "expected a number that float32 can hold, got '%s'",
                           kt_quote(quote, field->at, field->length));
    if (column->kind == KT_CSV_UNKNOWN) {
        column->kind = kind;
        column->line = line;
    } else if (column->kind != kind) {
        return kt_csv_fail(table, line, c,
                           "expected %s, as in line %lld, got '%s'; a column must be all numbers or all text",
                           kind == KT_CSV_TEXT ? "a number" : "text", (long long)column->line,
                           kt_quote(quote, field->at, field->length));
    }
    *cell = (float)value;
    if (kind == KT_CSV_NUMBER) return KT_OK;
    *cell = 0;
    if (table->config->drop_text && !column->target) return KT_OK;
    int64_t id = text_id(table, c, field, line);
    *cell = (float)id;
    return id < 0 ? table->source->kt->status : KT_OK;
}

kt_status kt_csv_table_add(kt_csv_table *table, const kt_csv_field *fields, int64_t line)
{
    if (table->rows == table->rows_most) /* cannot be: each value takes two bytes */
        return kt_source_fail(table->source, KT_ERR_INTERNAL, "line %lld: more rows than the file can hold",
                              (long long)line);
    float *row = table->cells + table->rows * table->columns;
    for (int64_t c = 0; c < table->columns; c++) {
        kt_status status = add_cell(table, c, &fields[c], line, &row[c]);
        if (status != KT_OK) return status;
    }
    table->rows++;
    return KT_OK;
}

void kt_csv_table_drop_first(kt_csv_table *table)
{
    table->rows--;
    memmove(table->cells, table->cells + table->columns, (size_t)(table->rows * table->columns) * sizeof *table->cells);
    for (int64_t c = 0; c < table->columns; c++) table->column[c].texts--;
    for (int64_t i = 0; i < table->rows * table->columns; i++) table->cells[i] -= 1; /* all columns are text */
}

/* ---- the arrays ---- */

static int64_t width_of(const kt_csv_table *table, int64_t c)
{
    const kt_csv_column *column = &table->column[c];
    if (column->kind == KT_CSV_NUMBER) return 1;
    return table->config->drop_text && !column->target ? 0 : column->texts;
}

static void fill(const kt_csv_table *table, bool target, float *to, int64_t width)
{
    int64_t at = 0;
    memset(to, 0, (size_t)(table->rows * width) * sizeof *to);
    for (int64_t c = 0; c < table->columns; c++) {
        int64_t columns = width_of(table, c);
        if (table->column[c].target != target || !columns) continue;
        const float *cell = table->cells + c;
        float *out = to + at;
        if (table->column[c].kind == KT_CSV_NUMBER)
            for (int64_t r = 0; r < table->rows; r++) out[r * width] = cell[r * table->columns];
        else
            for (int64_t r = 0; r < table->rows; r++) out[r * width + (int64_t)cell[r * table->columns]] = 1;
        at += columns;
    }
}

kt_status kt_csv_table_arrays(kt_csv_table *table, uint64_t bytes, kt_arrays *to)
{
    kt_source *source = table->source;
    int64_t width[2] = { 0, 0 }; /* of x, of y: at most 2^20 columns of 1000 texts */
    for (int64_t c = 0; c < table->columns; c++) width[table->column[c].target] += width_of(table, c);
    if (!width[0])
        return kt_source_fail(source, KT_ERR_FORMAT,
                              "no inputs are left: %lld columns were found, split at '%c'%s; name another "
                              ".target or .separator, or set .no_target",
                              (long long)table->columns, table->config->separator ? table->config->separator : ',',
                              table->config->drop_text ? ", and text is left out" : "");
    int64_t count;
    uint64_t allowed = bytes > UINT64_MAX / ONE_HOT_RATIO ? UINT64_MAX : bytes * ONE_HOT_RATIO;
    if (allowed < ONE_HOT_FREE) allowed = ONE_HOT_FREE;
    if (!kt_mul_int64(table->rows, width[0] + width[1], &count) || (uint64_t)count > allowed / sizeof(float))
        return kt_source_fail(source, KT_ERR_FORMAT,
                              "its text columns become %lld one-hot columns in %lld rows, more than a hundred "
                              "times the file; leave text out with .drop_text, or encode it first",
                              (long long)(width[0] + width[1]), (long long)table->rows);
    for (int i = 0; i < 2; i++) {
        if (i == 1 && table->config->no_target) break;
        kt_shape shape = { .rank = 2, .dim = { table->rows, width[i] } };
        float *memory = kt_arrays_add(to, source->reader, i ? "y" : "x", KT_FLOAT32, shape);
        if (!memory) return source->kt->status;
        fill(table, i == 1, memory, width[i]);
    }
    return KT_OK;
}
