/* SPDX-License-Identifier: MIT */
/* summary/kinds/trace_file.c: what both forms of a trace's file need: the folders above it, and a sentence when it fails.
 *
 * The file is written under another name and renamed (new_file.h), so that nobody opens half a trace. A trace has
 * no log to keep a sentence in: it goes to the caller's own kt_events_error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "summary/kinds/trace.h"

kt_status kt_trace_fail(kt_events_error *error, kt_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
    return status;
}

const char *kt_trace_row_name(const kt_trace *t, const kt_trace_row *row, char room[64])
{
    if (row->name) return t->texts + row->name;
    snprintf(room, 64, "thread %d", row->thread);
    return room;
}

kt_new_file kt_trace_file_begin(const kt_trace *t, const char *path)
{
    kt_new_file failed = { .a = &t->allocator, .fd = -1, .error = ENAMETOOLONG };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 1;
    if (n > 65536 || strlen(name) > 255) return failed;
    failed.error = name[0] ? ENOMEM : ENOENT;
    char *folder = name[0] ? t->allocator.allocate(2 * (n + 1), t->allocator.user) : NULL;
    if (!folder) return failed;
    memcpy(folder, slash ? path : ".", n);
    folder[n] = '\0';
    failed.error = kt_file_make_directory(folder, folder + n + 1);
    kt_new_file file = failed.error ? failed : kt_new_file_begin(&kt_file_system, &t->allocator, folder, name);
    t->allocator.release(folder, t->allocator.user);
    return file;
}

kt_status kt_trace_file_end(kt_new_file *file, const char *caller, const char *path, kt_events_error *error)
{
    int failed = kt_new_file_end(file);
    if (failed == ENOMEM)
        return kt_trace_fail(error, KT_ERR_MEMORY, "%s: out of memory to write the file; free some", caller);
    if (failed) {
        const char *reason = kt_file_reason(failed);
        char number[32];
        snprintf(number, sizeof number, "system error %d", failed);
        size_t n = strlen(path), shown = 200;
        return kt_trace_fail(error, KT_ERR_IO, "%s: cannot write the file \"%s%s\": %s", caller, n > shown ? "..." : "",
                             n > shown ? path + n - shown : path, reason ? reason : number);
    }
    if (error) *error = (kt_events_error){ .status = KT_OK };
    return KT_OK;
}
