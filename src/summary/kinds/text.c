/* SPDX-License-Identifier: MIT */
/* summary/kinds/text.c: Markdown, by itself or in cells, and tables made into Markdown.
 *
 * TensorBoard makes HTML of a string of rank 0; of a tensor of rank 1 or 2 it makes a table whose cells are Markdown
 * each. Text that is not UTF-8 would make its request fail, so it is repaired as tags are.
 *
 * A Markdown table is one line per row, cells between '|'. What python-markdown, TensorBoard's own, needs so that a
 * cell stays a cell: a '|' gets a backslash, but not inside a code span, where the backslash would be seen; a back
 * quote without a partner in its cell gets one, or it would find one in a later cell; what has a backslash already is
 * left alone; an end of line, of any of the three kinds, becomes <br>, in a code span a space.
 */
#include <keratin/summary_media.h>

#include "base/utf8.h"
#include "summary/writer.h"

enum { TEXT_CELLS_MAX = 1 << 20 };

static const size_t text_bytes_max = (size_t)1 << 30;

/* ---- Tables as Markdown ---------------------------------------------------------------------- */

/* A text that is counted to its end and kept as far as there is room. */
typedef struct text_out {
    char *out;
    size_t room, size;
} text_out;

static void text_put(text_out *o, const char *piece, size_t n)
{
    if (o->size < o->room) memcpy(o->out + o->size, piece, n < o->room - o->size ? n : o->room - o->size);
    o->size += n;
}

/* How many bytes of a code span stand at `at`, from its back quotes to as many again; 0 when those do not come. */
static size_t text_code_span(const char *at)
{
    size_t quotes = strspn(at, "`");
    for (size_t i = quotes; at[i];) {
        size_t run = strspn(at + i, "`");
        i += run > 0 ? run : strcspn(at + i, "`");
        if (run == quotes) return i;
    }
    return 0;
}

static void text_cell(text_out *o, const char *cell)
{
    for (const char *at = cell ? cell : ""; *at;) {
        size_t size = *at == '`' ? text_code_span(at) : 0;
        for (const char *end = at + size; at < end; at++) text_put(o, *at == '\r' || *at == '\n' ? " " : at, 1);
        if (size > 0) continue;

        if (*at == '\r' || *at == '\n') {
            text_put(o, "<br>", 4);
            at += *at == '\r' && at[1] == '\n' ? 2 : 1;
        } else if (*at == '`') { /* without a partner, all of them */
            for (; *at == '`'; at++) text_put(o, "\\`", 2);
        } else if (*at == '\\' && at[1] && at[1] != '\r' && at[1] != '\n') {
            text_put(o, at, 2);
            at += 2;
        } else {
            if (*at == '|') text_put(o, "\\", 1);
            text_put(o, at++, 1);
        }
    }
}

size_t kt_markdown_table(char *out, size_t room, const char *const *cells, int64_t rows, int64_t columns)
{
    text_out o = { out, out && room > 0 ? room - 1 : 0, 0 };
    for (int64_t r = 0; cells && r < rows && columns > 0; r++) {
        for (int64_t c = 0; c < columns; c++) {
            text_put(&o, "| ", 2);
            text_cell(&o, cells[r * columns + c]);
            text_put(&o, " ", 1);
        }
        text_put(&o, "|\n", 2);
        for (int64_t c = 0; r == 0 && c < columns; c++) text_put(&o, c == 0 ? "| --- |" : " --- |", c == 0 ? 7 : 6);
        if (r == 0) text_put(&o, "\n", 1);
    }
    if (out && room > 0) out[o.size < room ? o.size : room - 1] = '\0';
    return o.size;
}

/* ---- Logging --------------------------------------------------------------------------------- */

/* Appends the strings of `value` as they are when they are UTF-8, else repaired copies. */
static kt_status text_append(kt_events *log, const char *caller, const char *tag, kt_event_tensor *value,
                             kt_event_string *strings, int64_t step)
{
    size_t bytes = 0, broken = 0;
    for (size_t i = 0; i < value->count; i++) {
        size_t n = strings[i].size;
        if (n >= text_bytes_max / 3 - bytes)
            return kt_events_fail(log, KT_ERR_VALUE,
                                  "%s: expected less than 300 MiB of text, got more; log a part of it", caller);
        bytes += n;
        if (!kt_utf8_valid(strings[i].bytes, n)) broken += 3 * n;
    }
    value->strings = strings;
    if (broken == 0) return kt_events_append(log, caller, KT_KIND_TEXT, tag, step, value);

    const kt_allocator *a = kt_events_allocator(log);
    char *repaired = a->allocate(broken, a->user), *to = repaired;
    if (!repaired)
        return kt_events_fail(log, KT_ERR_MEMORY,
                              "%s: out of memory for a text of %zu bytes; free some or log a part of it", caller,
                              bytes);
    for (size_t i = 0; i < value->count; i++) {
        if (kt_utf8_valid(strings[i].bytes, strings[i].size)) continue;
        strings[i] = (kt_event_string){ to, kt_utf8_repair(to, strings[i].bytes, strings[i].size) };
        to += strings[i].size;
    }
    kt_status status = kt_events_append(log, caller, KT_KIND_TEXT, tag, step, value);
    a->release(repaired, a->user);
    return status;
}

kt_status kt_events_text(kt_events *log, const char *tag, const char *markdown, int64_t step)
{
    const char *caller = "kt_events_text";
    if (!log) return KT_ERR_STATE;
    if (!markdown)
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected a text, got NULL; pass \"\" for none", caller);
    kt_event_string string = { markdown, strlen(markdown) };
    kt_event_tensor value = { .count = 1 };
    return text_append(log, caller, tag, &value, &string, step);
}

kt_status kt_events_text_table(kt_events *log, const char *tag, const char *const *cells, int64_t rows, int64_t columns,
                               int64_t step)
{
    const char *caller = "kt_events_text_table";
    if (!log) return KT_ERR_STATE;
    if (rows < 0 || rows > TEXT_CELLS_MAX || columns < 0 || columns > TEXT_CELLS_MAX ||
        rows * columns > TEXT_CELLS_MAX || (!cells && rows > 0))
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected at most %d cells, got %lld rows and %lld columns%s; pass the cells row "
                              "after row",
                              caller, TEXT_CELLS_MAX, (long long)rows, (long long)columns, cells ? "" : " at NULL");
    size_t count = (size_t)(columns > 0 ? rows * columns : rows);
    const kt_allocator *a = kt_events_allocator(log);
    kt_event_string *strings = a->allocate(count * sizeof *strings + 1, a->user);
    if (!strings)
        return kt_events_fail(log, KT_ERR_MEMORY, "%s: out of memory for %zu cells; free some or log fewer", caller,
                              count);
    for (size_t i = 0; i < count; i++) {
        const char *cell = cells[i] ? cells[i] : "";
        strings[i] = (kt_event_string){ cell, strlen(cell) };
    }
    kt_event_tensor value = { .rank = columns > 0 ? 2 : 1, .dim = { rows, columns }, .count = count };
    kt_status status = text_append(log, caller, tag, &value, strings, step);
    a->release(strings, a->user);
    return status;
}

kt_status kt_events_markdown_table(kt_events *log, const char *tag, const char *const *cells, int64_t rows,
                                   int64_t columns, int64_t step)
{
    const char *caller = "kt_events_markdown_table";
    if (!log) return KT_ERR_STATE;
    if (!cells || rows < 1 || rows > TEXT_CELLS_MAX || columns < 1 || columns > TEXT_CELLS_MAX / rows)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected 1 to %d cells, got %lld rows and %lld columns%s; the first row is the head",
                              caller, TEXT_CELLS_MAX, (long long)rows, (long long)columns, cells ? "" : " at NULL");
    const kt_allocator *a = kt_events_allocator(log);
    size_t n = kt_markdown_table(NULL, 0, cells, rows, columns);
    char *markdown = a->allocate(n + 1, a->user);
    if (!markdown)
        return kt_events_fail(log, KT_ERR_MEMORY,
                              "%s: out of memory for a table of %zu bytes; free some or log a smaller one", caller, n);
    kt_markdown_table(markdown, n + 1, cells, rows, columns);
    kt_event_string string = { markdown, n };
    kt_event_tensor value = { .count = 1 };
    kt_status status = text_append(log, caller, tag, &value, &string, step);
    a->release(markdown, a->user);
    return status;
}
