/* SPDX-License-Identifier: MIT */
/* summary/kinds/trace_json.c: a trace as Chrome's JSON, which chrome://tracing and Perfetto open.
 *
 *     {"traceEvents": [{"ph": "X", "pid": 1, "tid": 0, "ts": 1.25, "dur": 0.5, "name": ..., "cat": ..., "args": {...}}]}
 *
 * Times are microseconds with all nanoseconds behind the point; "M" events name the process and its rows. Numbers are
 * written without printf, so that no locale puts a comma into them, and texts as ASCII with escapes: the file is valid
 * JSON whatever a trace was told. Needs no memory but the file's buffer.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/repr.h"
#include "summary/kinds/trace.h"

static void json_to_file(void *file, const char *bytes, size_t n)
{
    kt_new_file_add(file, bytes, n);
}

static void json_put(const kt_json_sink *sink, const char *text)
{
    sink->put(sink->to, text, strlen(text));
}

static void json_int(const kt_json_sink *sink, int64_t number)
{
    char digits[KT_REPR_BYTES];
    sink->put(sink->to, digits, kt_repr_int(number, digits));
}

/* Nanoseconds of 0 or more as microseconds. */
static void json_time(const kt_json_sink *sink, int64_t nanos)
{
    int64_t rest = nanos % 1000;
    char fraction[5] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10), '\0' };
    json_int(sink, nanos / 1000);
    if (rest > 0) json_put(sink, fraction);
}

static void json_name(const kt_json_sink *sink, const char *what, const int *thread, const char *name)
{
    json_put(sink, "{\"ph\": \"M\", \"pid\": 1, ");
    if (thread) {
        json_put(sink, "\"tid\": ");
        json_int(sink, *thread);
        json_put(sink, ", ");
    }
    json_put(sink, "\"name\": \"");
    json_put(sink, what);
    json_put(sink, "\", \"args\": {\"name\": ");
    kt_json_string(sink, name);
    json_put(sink, "}}");
}

static void json_args(const kt_json_sink *sink, const kt_trace *t, const kt_trace_span *span)
{
    json_put(sink, ", \"args\": {");
    if (span->bytes != 0) {
        json_put(sink, "\"bytes\": ");
        json_int(sink, span->bytes);
    }
    for (uint32_t i = 0; i < span->n_args; i++) {
        const kt_trace_value *value = &t->args[span->first_arg + i];
        char digits[KT_REPR_BYTES];
        if (i > 0 || span->bytes != 0) json_put(sink, ", ");
        kt_json_string(sink, t->texts + value->name);
        json_put(sink, ": ");
        if (value->is_text) kt_json_string(sink, t->texts + value->text);
        else if (!isfinite(value->number)) { /* JSON has no such numbers */
            kt_repr_double(value->number, digits);
            kt_json_string(sink, digits);
        } else if (fabs(value->number) < 1e15 && value->number == floor(value->number)) {
            json_int(sink, (int64_t)value->number);
        } else {
            sink->put(sink->to, digits, kt_repr_double(value->number, digits));
        }
    }
    json_put(sink, "}");
}

static void json_trace(const kt_json_sink *sink, const kt_trace *t)
{
    int64_t first = kt_trace_first(t);
    char room[64];
    json_put(sink, "{\"displayTimeUnit\": \"ns\", \"otherData\": {\"dropped_spans\": ");
    json_int(sink, t->dropped);
    json_put(sink, "}, \"traceEvents\": [\n");
    json_name(sink, "process_name", NULL, t->texts + t->process);
    for (size_t i = 0; i < t->n_rows; i++) {
        json_put(sink, ",\n");
        json_name(sink, "thread_name", &t->rows[i].thread, kt_trace_row_name(t, &t->rows[i], room));
    }
    for (size_t i = 0; i < t->n_spans; i++) {
        const kt_trace_span *span = &t->spans[i];
        json_put(sink, ",\n{\"ph\": \"X\", \"pid\": 1, \"tid\": ");
        json_int(sink, span->thread);
        json_put(sink, ", \"ts\": ");
        json_time(sink, span->start - first);
        json_put(sink, ", \"dur\": ");
        json_time(sink, span->duration);
        json_put(sink, ", \"name\": ");
        kt_json_string(sink, t->texts + span->name);
        if (span->category) {
            json_put(sink, ", \"cat\": ");
            kt_json_string(sink, t->texts + span->category);
        }
        if (span->n_args > 0 || span->bytes != 0) json_args(sink, t, span);
        json_put(sink, "}");
    }
    json_put(sink, "\n]}\n");
}

kt_status kt_trace_write_json(const kt_trace *trace, const char *path, kt_events_error *error)
{
    static const char caller[] = "kt_trace_write_json";
    if (!trace || !path)
        return kt_trace_fail(error, trace ? KT_ERR_VALUE : KT_ERR_STATE, "%s: expected a trace and a path, got NULL; "
                             "make one with kt_trace_new", caller);
    kt_new_file file = kt_trace_file_begin(trace, path);
    kt_json_sink sink = { json_to_file, &file };
    if (!file.error) json_trace(&sink, trace);
    return kt_trace_file_end(&file, caller, path, error);
}
