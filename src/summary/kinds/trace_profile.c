/* SPDX-License-Identifier: MIT */
/* summary/kinds/trace_profile.c: a trace in the profile plugin's form, in the folder where it looks.
 *
 *     XSpace  { 1 planes, 4 hostnames }
 *     XPlane  { 1 id, 2 name, 3 lines, 4 event_metadata { 1 key, 2 value { 1 id, 2 name } }, 5 stat_metadata {...},
 *               6 stats }
 *     XLine   { 1 id, 2 name, 4 events { 1 metadata_id, 2 offset_ps, 3 duration_ps, 4 stats } }
 *     XStat   { 1 metadata_id, 2 double | 4 int64 | 5 string }
 *
 * A text's place plus one serves as its metadata's number. The plane is the host's, "/host:CPU", which the plugin shows
 * without being told more. Times count from the first span: the plugin counts picoseconds in 64 bits, which wall time
 * would overflow, so that stands in a plane of its own. The events of a line are wanted in order of time, a surrounding
 * one first; they are sorted here by heap sort, which needs no memory but the keys. The session's name is in UTC, since
 * local time would depend on the host's environment.
 */
#define _DEFAULT_SOURCE 1

#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "summary/kinds/build.h"
#include "summary/kinds/trace.h"

enum { TRACE_SESSION_MAX = 200, TRACE_HOST = 64 };

typedef struct space_key {
    int64_t start, duration;
    int thread;
    uint32_t index;
} space_key;

typedef struct space {
    const kt_trace *trace;
    const space_key *keys; /* of all spans, in order */
    const char *host;
    int64_t first, last; /* begin of the first span, end of the last */
} space;

static bool space_before(const space_key *a, const space_key *b)
{
    if (a->thread != b->thread) return a->thread < b->thread;
    if (a->start != b->start) return a->start < b->start;
    if (a->duration != b->duration) return a->duration > b->duration;
    return a->index < b->index;
}

static void space_sink(space_key *keys, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && space_before(&keys[child], &keys[child + 1])) child++;
        if (!space_before(&keys[at], &keys[child])) return;
        space_key held = keys[at];
        keys[at] = keys[child];
        keys[child] = held;
    }
}

static void space_sort(space_key *keys, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) space_sink(keys, i, n);
    for (size_t i = n; i-- > 1;) {
        space_key last = keys[i];
        keys[i] = keys[0];
        keys[0] = last;
        space_sink(keys, 0, i);
    }
}

static int64_t space_picos(int64_t nanos)
{
    return nanos > INT64_MAX / 1000 ? INT64_MAX : nanos * 1000;
}

/* What has a name here has a number: its place, from 1 on. */
static int64_t space_number(kt_trace_text text)
{
    return (int64_t)text + 1;
}

static void space_stat(kt_wire *w, const kt_trace *t, kt_trace_text name, const kt_trace_value *value, int64_t number,
                       kt_trace_text text)
{
    kt_wire_mark stat = kt_wire_open(w, 4, 20);
    kt_wire_int(w, 1, space_number(name));
    if (text || (value && value->is_text)) kt_wire_text_always(w, 5, t->texts + text);
    else if (value) kt_wire_double(w, 2, value->number);
    else kt_wire_int(w, 4, number);
    kt_wire_close(w, stat);
}

static void space_event(kt_wire *w, const space *s, const kt_trace_span *span)
{
    const kt_trace *t = s->trace;
    kt_wire_mark event = kt_wire_open(w, 4, 30);
    kt_wire_int(w, 1, space_number(span->name));
    kt_wire_int(w, 2, space_picos(span->start - s->first));
    if (span->duration > 0) kt_wire_int(w, 3, space_picos(span->duration));
    if (span->category) space_stat(w, t, t->category, NULL, 0, span->category);
    if (span->bytes != 0) space_stat(w, t, t->bytes, NULL, span->bytes, 0);
    for (uint32_t i = 0; i < span->n_args; i++) {
        const kt_trace_value *value = &t->args[span->first_arg + i];
        space_stat(w, t, value->name, value, 0, value->is_text ? value->text : 0);
    }
    kt_wire_close(w, event);
}

static void space_line(kt_wire *w, const space *s, const kt_trace_row *row, size_t from, size_t to)
{
    char room[64];
    kt_wire_mark line = kt_wire_open(w, 3, 10000);
    kt_wire_int(w, 1, row->thread);
    kt_wire_text(w, 2, kt_trace_row_name(s->trace, row, room));
    for (size_t i = from; i < to && !w->full; i++) space_event(w, s, &s->trace->spans[s->keys[i].index]);
    kt_wire_close(w, line);
}

static void space_lines(kt_wire *w, const space *s)
{
    const kt_trace *t = s->trace;
    for (size_t from = 0, to; from < t->n_spans && !w->full; from = to) {
        for (to = from; to < t->n_spans && s->keys[to].thread == s->keys[from].thread;) to++;
        for (size_t i = 0; i < t->n_rows; i++)
            if (t->rows[i].thread == s->keys[from].thread) space_line(w, s, &t->rows[i], from, to);
    }
}

/* The map of what events or stats are called. */
static void space_names(kt_wire *w, const kt_trace *t, unsigned field, unsigned char role)
{
    for (size_t i = 0; i < t->room_places && !w->full; i++) {
        const kt_trace_place *place = &t->places[i];
        if (!place->used || !(place->roles & role)) continue;
        kt_wire_mark entry = kt_wire_open(w, field, 40);
        kt_wire_int(w, 1, space_number(place->text));
        kt_wire_mark metadata = kt_wire_open(w, 2, 30);
        kt_wire_int(w, 1, space_number(place->text));
        kt_wire_text(w, 2, t->texts + place->text);
        kt_wire_close(w, metadata);
        kt_wire_close(w, entry);
    }
}

/* When it all began and ended in wall time, where that is known. */
static void space_clock(kt_wire *w, const space *s)
{
    static const char *const names[] = { "profile_start_time", "profile_stop_time" };
    int64_t times[] = { s->trace->epoch + s->first, s->trace->epoch + s->last };
    if (s->trace->epoch <= 0 || times[0] <= 0 || times[1] < times[0]) return;
    kt_wire_mark plane = kt_wire_open(w, 1, 150);
    kt_wire_int(w, 1, 2);
    kt_wire_text(w, 2, "Task Environment");
    for (int i = 0; i < 2; i++) {
        kt_wire_mark entry = kt_wire_open(w, 5, 30);
        kt_wire_int(w, 1, i + 1);
        kt_wire_mark metadata = kt_wire_open(w, 2, 30);
        kt_wire_int(w, 1, i + 1);
        kt_wire_text(w, 2, names[i]);
        kt_wire_close(w, metadata);
        kt_wire_close(w, entry);
    }
    for (int i = 0; i < 2; i++) {
        kt_wire_mark stat = kt_wire_open(w, 6, 12);
        kt_wire_int(w, 1, i + 1);
        kt_wire_int(w, 3, times[i]);
        kt_wire_close(w, stat);
    }
    kt_wire_close(w, plane);
}

static void space_encode(kt_wire *w, const void *what)
{
    const space *s = what;
    kt_wire_mark plane = kt_wire_open(w, 1, 100000);
    kt_wire_int(w, 1, 1);
    kt_wire_text(w, 2, "/host:CPU");
    space_lines(w, s);
    space_names(w, s->trace, 4, KT_TRACE_AS_EVENT);
    space_names(w, s->trace, 5, KT_TRACE_AS_STAT);
    kt_wire_close(w, plane);
    space_clock(w, s);
    kt_wire_text(w, 4, s->host);
}

/* ---- The session's folder ---------------------------------------------------------------------- */

/* 2026_08_01_12_30_00 of a time in seconds since 1970. Days become dates by counting years from March, so that the leap
 * day is the last (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static void session_name(int64_t seconds, char name[64])
{
    int64_t days = seconds / 86400 + 719468, rest = seconds % 86400;
    int64_t era = days / 146097, day = days % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    int64_t march = (5 * day + 2) / 153, date = day - (153 * march + 2) / 5 + 1, month = march < 10 ? march + 3 : march - 9;
    snprintf(name, 64, "%04d_%02d_%02d_%02d_%02d_%02d", (int)(era * 400 + year + (month <= 2)), (int)month, (int)date,
             (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

static bool session_is_sound(const char *session)
{
    size_t n = strnlen(session, TRACE_SESSION_MAX + 1);
    return n > 0 && n <= TRACE_SESSION_MAX && !strchr(session, '/') && session[0] != '.';
}

static void session_host(char host[TRACE_HOST])
{
    if (gethostname(host, TRACE_HOST) != 0) host[0] = '\0';
    host[TRACE_HOST - 1] = '\0';
    for (char *c = host; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-';
        if (!plain) *c = '_'; /* what follows a point would be taken for the name of a tool */
    }
    if (!host[0]) memcpy(host, "localhost", sizeof "localhost");
}

/* Sorts, builds the message and writes it to `path`. */
static kt_status space_write(const kt_trace *t, const char *path, const char *host, kt_events_error *error)
{
    static const char caller[] = "kt_trace_write_profile";
    const kt_allocator *a = &t->allocator;
    space_key *keys = a->allocate((t->n_spans + 1) * sizeof *keys, a->user);
    if (!keys)
        return kt_trace_fail(error, KT_ERR_MEMORY, "%s: out of memory to sort %zu spans; free some", caller, t->n_spans);
    for (size_t i = 0; i < t->n_spans; i++)
        keys[i] = (space_key){ t->spans[i].start, t->spans[i].duration, t->spans[i].thread, (uint32_t)i };
    space_sort(keys, t->n_spans);

    space s = { t, keys, host, kt_trace_first(t), 0 };
    for (size_t i = 0; i < t->n_spans; i++)
        if (i == 0 || keys[i].start + keys[i].duration > s.last) s.last = keys[i].start + keys[i].duration;
    kt_built built;
    kt_status status = kt_build_in(a, space_encode, &s, &built);
    if (status == KT_OK) {
        kt_new_file file = kt_trace_file_begin(t, path);
        kt_new_file_add(&file, built.bytes.bytes, built.bytes.size);
        status = kt_trace_file_end(&file, caller, path, error);
        if (built.block) a->release(built.block, a->user);
    } else {
        kt_trace_fail(error, status, "%s: %s; trace fewer steps", caller,
                     status == KT_ERR_MEMORY ? "out of memory for the file" : "expected at most 256 MiB, got more");
    }
    a->release(keys, a->user);
    return status;
}

kt_status kt_trace_write_profile(const kt_trace *trace, const char *rundir, const char *session, kt_events_error *error)
{
    static const char caller[] = "kt_trace_write_profile";
    if (!trace || !rundir || !rundir[0])
        return kt_trace_fail(error, trace ? KT_ERR_VALUE : KT_ERR_STATE, "%s: expected a trace and a run's directory, got "
                            "none; name the run's directory", caller);
    if (session && !session_is_sound(session))
        return kt_trace_fail(error, KT_ERR_VALUE, "%s: expected a session of 1 to %d bytes without a slash that does not "
                            "begin with a point, got another; or pass NULL for the time", caller, TRACE_SESSION_MAX);
    char host[TRACE_HOST], now[64];
    session_host(host);
    struct timespec t = { 0, 0 };
    clock_gettime(CLOCK_REALTIME, &t);
    session_name((int64_t)t.tv_sec, now);
    if (!session) session = now;

    size_t n = strlen(rundir) + strlen(session) + strlen(host) + 64;
    const kt_allocator *a = &trace->allocator;
    char *path = a->allocate(n, a->user);
    if (!path) return kt_trace_fail(error, KT_ERR_MEMORY, "%s: out of memory for the path; free some", caller);
    snprintf(path, n, "%s%splugins/profile/%s/%s.xplane.pb", rundir, rundir[strlen(rundir) - 1] == '/' ? "" : "/", session,
             host);
    kt_status status = space_write(trace, path, host, error);
    a->release(path, a->user);
    return status;
}
