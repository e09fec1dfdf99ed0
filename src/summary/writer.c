/* SPDX-License-Identifier: MIT */
/* summary/writer.c: the life of a log: open, queue, write, survive, close.
 *
 * The queue is one block of memory that holds sealed records only, oldest first; file_size is how
 * much of the file is whole records. Writing copies the queue to the file at file_size. When the
 * system takes only a part, the whole records in it leave the queue and the file is cut back behind
 * them; should even the cut fail, the next attempt writes the same bytes to the same place, since
 * the record that was cut is still the first of the queue. So no half record stays.
 *
 * A file can vanish under a log: removed, its directory removed, cut by somebody. Before each write
 * the file is looked at, and if it is gone a new one is begun, with its own version record, in a
 * directory made again.
 *
 * After a failure nothing is tried for a second (except by an explicit flush), so that a full disk
 * costs the training nothing; records that no longer fit are dropped, the newest first, and
 * counted.
 */
#define _DEFAULT_SOURCE 1

#include "writer.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "forked.h"
#include "tags.h"
#include "utf8.h"

enum { WRITER_BUFFER = 65536, WRITER_BUFFER_MIN = 4096, WRITER_TAG_MAX = 1024 };

static const double writer_flush_seconds = 2, writer_retry_seconds = 1;

struct kt_events {
    kt_allocator allocator;
    const kt_file_calls *calls;
    double (*now)(void *);
    void *now_user;
    double flush_seconds;
    size_t buffer_bytes; /* as configured; `capacity` grows beyond it for a large record */

    char *logdir, *suffix, *path, *scratch; /* one block, which begins at logdir */
    int fd;                                 /* -1 while there is no file */
    int64_t file_size;

    unsigned char *buffer;
    size_t capacity, used;
    double oldest;    /* wall time of the first queued record */
    double last_time; /* the last finite time the clock gave */
    double failed_at;
    bool failing;

    kt_tags tags;
    kt_fork_guard guard;
    int64_t dropped, nonfinite;
    kt_status status;
    char message[480]; /* fits a kt_events_error behind the name of the call */
};

/* ---- The host's memory, clock and ear -------------------------------------------------------- */

static void *writer_malloc(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void *writer_realloc(void *old, size_t bytes, void *user)
{
    (void)user;
    return realloc(old, bytes);
}

static void writer_release(void *block, void *user)
{
    (void)user;
    free(block);
}

static double writer_now(kt_events *log)
{
    double now;
    if (log->now) {
        now = log->now(log->now_user);
    } else {
        struct timespec t = { 0, 0 };
        clock_gettime(CLOCK_REALTIME, &t);
        now = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    }
    if (isfinite(now)) log->last_time = now; /* another time would make readers give up the file */
    return log->last_time;
}

kt_status kt_events_fail(kt_events *log, kt_status status, const char *format, ...)
{
    if (!log) return KT_ERR_STATE;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(log->message, sizeof log->message, format, arguments);
    va_end(arguments);
    log->status = status;
    return status;
}

/* What is worth saying and no failure. The first one stays until there is a failure. */
KT_SUMMARY_PRINTF(2, 3) static void writer_notice(kt_events *log, const char *format, ...)
{
    if (log->message[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(log->message, sizeof log->message, format, arguments);
    va_end(arguments);
}

static kt_status writer_fail_io(kt_events *log, const char *what, const char *path, int error)
{
    const char *reason = kt_file_reason(error);
    char number[32];
    snprintf(number, sizeof number, "system error %d", error);
    size_t n = strlen(path), shown = 200; /* a path's end says most; the reason must fit too */
    return kt_events_fail(log, KT_ERR_IO, "%s \"%s%s\": %s", what, n > shown ? "..." : "",
                          n > shown ? path + n - shown : path, reason ? reason : number);
}

static bool writer_in_child(kt_events *log, const char *caller)
{
    if (!kt_forked(&log->guard)) return false;
    kt_events_fail(log, KT_ERR_STATE,
                   "%s: this log was opened before fork() and stays with the parent, process %ld; "
                   "open another one in the child",
                   caller, log->guard.pid);
    return true;
}

/* ---- The file -------------------------------------------------------------------------------- */

/* Makes the directory and a new file that holds the version record. */
static kt_status writer_begin_file(kt_events *log)
{
    int error = kt_file_make_directory(log->logdir, log->scratch);
    if (error) return writer_fail_io(log, "cannot make the directory", log->logdir, error);
    double now = writer_now(log);
    int fd = kt_file_create(log->calls, log->logdir, now, log->suffix, log->path);
    if (fd < 0) return writer_fail_io(log, "cannot create the event file", log->path, errno);

    unsigned char record[128];
    kt_wire w = { record + KT_RECORD_HEAD, record + sizeof record - KT_RECORD_TAIL, false };
    kt_event_version(&w, now, "keratin");
    kt_record_seal(record, (size_t)(w.at - record) - KT_RECORD_HEAD);
    size_t n = kt_record_size(record);
    if (kt_file_write(log->calls, fd, record, n, 0, &error) < n) {
        log->calls->close(fd);
        log->calls->remove(log->path);
        return writer_fail_io(log, "cannot write the event file", log->path, error);
    }
    log->fd = fd;
    log->file_size = (int64_t)n;
    return KT_OK;
}

/* Closes a file that is no longer the one this log has written. */
static void writer_leave_lost_file(kt_events *log)
{
    int64_t size = 0;
    bool linked = false;
    if (log->fd < 0 ||
        (log->calls->look(log->fd, &size, &linked) == 0 && linked && size >= log->file_size))
        return;
    log->calls->close(log->fd);
    log->fd = -1;
    size_t n = strlen(log->path), shown = 200;
    kt_events_fail(log, KT_ERR_IO,
                   "the event file \"%s%s\" was %s by somebody; logging goes on in a new file",
                   n > shown ? "..." : "", n > shown ? log->path + n - shown : log->path,
                   linked ? "cut" : "removed");
}

/* Takes the records that are in the file out of the queue, and cuts the file behind the last of
 * them. */
static void writer_settle(kt_events *log, size_t written)
{
    size_t whole = 0;
    if (written == log->used) {
        whole = written;
    } else {
        for (size_t next = 0; next <= written;) {
            whole = next;
            next += kt_record_size(log->buffer + next);
        }
    }
    log->file_size += (int64_t)whole;
    log->used -= whole;
    if (log->used > 0) memmove(log->buffer, log->buffer + whole, log->used);
    if (written > whole) log->calls->truncate(log->fd, log->file_size);
}

/* Writes the queue. Whatever happens, the queue holds what the file does not. */
static kt_status writer_flush(kt_events *log)
{
    if (log->used == 0) return KT_OK;
    writer_leave_lost_file(log);
    kt_status status = log->fd >= 0 ? KT_OK : writer_begin_file(log);
    if (status == KT_OK) {
        int error;
        writer_settle(log, kt_file_write(log->calls, log->fd, log->buffer, log->used,
                                         log->file_size, &error));
        if (error) status = writer_fail_io(log, "cannot write the event file", log->path, error);
    }
    log->failing = status != KT_OK;
    log->failed_at = log->last_time;
    return status;
}

static bool writer_is_due(const kt_events *log)
{
    double age = log->last_time - log->oldest;
    if (log->used == 0 ||
        (log->used < log->buffer_bytes / 2 && age >= 0 && age < log->flush_seconds))
        return false;
    double rest = log->last_time - log->failed_at; /* below 0: the clock was set back */
    return !log->failing || rest < 0 || rest >= writer_retry_seconds;
}

/* ---- Open and close -------------------------------------------------------------------------- */

static kt_events *writer_refuse(kt_events_error *error, kt_status status, const char *message)
{
    if (error) {
        error->status = status;
        snprintf(error->message, sizeof error->message, "kt_events_open: %s", message);
    }
    return NULL;
}

/* What is wrong with a configuration, or NULL. */
static const char *writer_check(const kt_events_config *c)
{
    const kt_allocator *a = &c->allocator;
    if (!c->logdir || !c->logdir[0])
        return "expected a directory, got none; name the run's directory";
    if (c->suffix && (strchr(c->suffix, '/') || strlen(c->suffix) > KT_FILE_SUFFIX_MAX))
        return "expected a suffix of at most 64 bytes without a slash; choose one such as \".v2\"";
    if (c->buffer_bytes != 0 && (c->buffer_bytes < WRITER_BUFFER_MIN || c->buffer_bytes > 1u << 30))
        return "expected buffer_bytes from 4096 to 1 GiB, or 0 for 65536";
    if (isnan(c->flush_seconds)) return "flush_seconds is not a number; give seconds, or 0 for 2";
    if (!a->allocate != !a->resize || !a->allocate != !a->release)
        return "expected all three functions of the allocator or none; give the missing ones";
    return NULL;
}

static void writer_free(kt_events *log)
{
    kt_allocator a = log->allocator;
    kt_fork_guard_free(&log->guard);
    a.release(log->tags.places, a.user);
    a.release(log->buffer, a.user);
    a.release(log->logdir, a.user);
    a.release(log, a.user);
}

static bool writer_allocate(kt_events *log, const kt_events_config *c, const char *suffix)
{
    size_t dir = strlen(c->logdir) + 1, end = strlen(suffix) + 1;
    if (dir > 65536) return false; /* no system takes such a path, and the sum cannot overflow */
    log->buffer = log->allocator.allocate(log->buffer_bytes, log->allocator.user);
    log->capacity = log->buffer_bytes;
    log->logdir = log->allocator.allocate(3 * dir + end + KT_FILE_NAME_MAX, log->allocator.user);
    if (!log->buffer || !log->logdir) return false;
    log->scratch = log->logdir + dir;
    log->suffix = log->scratch + dir;
    log->path = log->suffix + end;
    memcpy(log->logdir, c->logdir, dir);
    memcpy(log->suffix, suffix, end);
    log->path[0] = '\0';
    return true;
}

kt_events *kt_events_open_on(const kt_events_config *config, const kt_file_calls *calls)
{
    kt_events_config c = { 0 };
    if (!config) return NULL;
    memcpy(&c, config, config->size > 0 && config->size < sizeof c ? config->size : sizeof c);
    const char *wrong = writer_check(&c);
    if (wrong) return writer_refuse(c.error, KT_ERR_VALUE, wrong);

    if (!c.allocator.allocate)
        c.allocator = (kt_allocator){ writer_malloc, writer_realloc, writer_release, NULL };
    kt_events *log = c.allocator.allocate(sizeof *log, c.allocator.user);
    if (!log) return writer_refuse(c.error, KT_ERR_MEMORY, "out of memory for the log; free some");
    *log = (kt_events){
        .allocator = c.allocator,
        .calls = calls,
        .now = c.now,
        .now_user = c.now_user,
        .flush_seconds = c.flush_seconds != 0 ? c.flush_seconds : writer_flush_seconds,
        .buffer_bytes = c.buffer_bytes != 0 ? c.buffer_bytes : WRITER_BUFFER,
        .fd = -1,
    };
    if (!writer_allocate(log, &c, c.suffix && c.suffix[0] ? c.suffix : ".v2")) {
        writer_free(log);
        return writer_refuse(c.error, KT_ERR_MEMORY,
                             "out of memory for the queue; free some or set a smaller buffer");
    }
    kt_fork_guard_init(&log->guard);
    if (writer_begin_file(log) != KT_OK) {
        writer_refuse(c.error, log->status, log->message);
        writer_free(log);
        return NULL;
    }
    if (c.error) *c.error = (kt_events_error){ .status = KT_OK };
    return log;
}

kt_events *kt_events_open_with(const kt_events_config *config)
{
    return kt_events_open_on(config, &kt_file_system);
}

kt_status kt_events_close(kt_events *log)
{
    if (!log) return KT_ERR_STATE;
    kt_status status = KT_ERR_STATE;
    bool child = kt_forked(&log->guard);
    if (!child) {
        writer_now(log);
        status = writer_flush(log);
        if (log->dropped > 0 && status == KT_OK) status = KT_ERR_IO;
    }
    /* Network disks and quotas may refuse as late as here. */
    if (log->fd >= 0 && log->calls->close(log->fd) != 0 && !child && errno != EINTR)
        status = KT_ERR_IO;
    writer_free(log);
    return status;
}

kt_status kt_events_flush(kt_events *log)
{
    if (!log || writer_in_child(log, "kt_events_flush")) return KT_ERR_STATE;
    writer_now(log);
    return writer_flush(log);
}

kt_status kt_events_tick(kt_events *log)
{
    if (!log || writer_in_child(log, "kt_events_tick")) return KT_ERR_STATE;
    writer_now(log);
    return writer_is_due(log) ? writer_flush(log) : KT_OK;
}

kt_status kt_events_sync(kt_events *log)
{
    kt_status status = kt_events_flush(log);
    if (status != KT_OK || log->fd < 0) return status;
    int result;
    do result = log->calls->sync(log->fd);
    while (result != 0 && errno == EINTR);
    if (result == 0) return KT_OK;
    return writer_fail_io(log, "cannot bring to the disk the event file", log->path, errno);
}

/* ---- Appending ------------------------------------------------------------------------------- */

/* How many bytes of a tag a sentence shows: whole characters. */
static int writer_shown(const char *tag, size_t n)
{
    size_t shown = n;
    if (n > 100)
        for (shown = 100; shown > 0 && ((unsigned char)tag[shown] & 0xC0) == 0x80;) shown--;
    return (int)shown;
}

/* Makes room for a record of at most `need` bytes. */
static kt_status writer_reserve(kt_events *log, const char *caller, size_t need)
{
    if (need <= log->capacity - log->used) return KT_OK;
    if (writer_is_due(log) || (log->used > 0 && !log->failing)) writer_flush(log);
    if (need <= log->capacity - log->used) return KT_OK;
    if (log->used > 0) {
        log->dropped++; /* the sentence is that of the write that failed */
        return KT_ERR_IO;
    }
    unsigned char *larger = log->allocator.resize(log->buffer, need, log->allocator.user);
    if (!larger) {
        log->dropped++;
        return kt_events_fail(log, KT_ERR_MEMORY,
                              "%s: out of memory for a record of %zu bytes; free some or log less",
                              caller, need);
    }
    log->buffer = larger;
    log->capacity = need;
    return KT_OK;
}

/* The record that `w` was written to: sealed, counted, and the file written when it is due. */
static kt_status writer_queue(kt_events *log, const char *caller, const kt_wire *w)
{
    unsigned char *record = log->buffer + log->used;
    if (w->full)
        return kt_events_fail(log, KT_ERR_INTERNAL,
                              "%s: a record is larger than foreseen; please report it", caller);
    size_t payload = (size_t)(w->at - record) - KT_RECORD_HEAD;
    kt_record_seal(record, payload);
    if (log->used == 0) log->oldest = log->last_time;
    log->used += payload + KT_RECORD_FRAME;
    return KT_OK;
}

static kt_wire writer_wire(kt_events *log)
{
    return (kt_wire){ log->buffer + log->used + KT_RECORD_HEAD,
                      log->buffer + log->capacity - KT_RECORD_TAIL, false };
}

/* Queues a record whose tag is sound. */
static kt_status writer_append(kt_events *log, const char *caller, kt_kind kind, const char *tag,
                               size_t n, kt_tag *known, int64_t step, const kt_event_tensor *value)
{
    if (known && known->kind != kind)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: the tag \"%.*s\" is of %s since its first use, got %s; "
                              "TensorBoard shows one kind per tag: choose another tag",
                              caller, writer_shown(tag, n), tag, kt_kind_name(known->kind),
                              kt_kind_name(kind));
    writer_now(log);
    kt_status status =
        writer_reserve(log, caller, kt_event_bound(n, kind, value) + KT_RECORD_FRAME);
    if (status != KT_OK) return status;

    kt_wire w = writer_wire(log);
    kt_event_summary(&w, log->last_time, step, kind, tag, n, value);
    status = writer_queue(log, caller, &w);
    if (status != KT_OK) return status;

    if (known && known->begun && step <= known->last_step)
        writer_notice(log,
                      "%s: the tag \"%.*s\" got step %lld after step %lld; TensorBoard forgets "
                      "its points from there on: let steps rise",
                      caller, writer_shown(tag, n), tag, (long long)step,
                      (long long)known->last_step);
    if (known) {
        known->last_step = step;
        known->begun = true;
    }
    if (writer_is_due(log)) writer_flush(log); /* the record is queued whatever becomes of this */
    return KT_OK;
}

/* The same for a tag at its first use, or one that is not UTF-8 at any use. */
static kt_status writer_append_new(kt_events *log, const char *caller, kt_kind kind,
                                   const char *tag, size_t n, int64_t step,
                                   const kt_event_tensor *value)
{
    char repaired[3 * WRITER_TAG_MAX + 1];
    kt_tag *known = NULL;
    uint64_t hash = kt_tags_hash(tag, n);
    if (!kt_utf8_valid(tag, n)) {
        n = kt_utf8_repair(repaired, tag, n);
        repaired[n] = '\0';
        tag = repaired;
        hash = kt_tags_hash(tag, n);
        known = kt_tags_find(&log->tags, hash);
        writer_notice(log,
                      "%s: the tag \"%.*s\" was not UTF-8 and is logged with U+FFFD for what was "
                      "wrong: pass UTF-8",
                      caller, writer_shown(tag, n), tag);
    }
    if (!known) known = kt_tags_add(&log->tags, hash, kind, &log->allocator);
    return writer_append(log, caller, kind, tag, n, known, step, value);
}

kt_status kt_events_append(kt_events *log, const char *caller, kt_kind kind, const char *tag,
                           int64_t step, const kt_event_tensor *value)
{
    if (!log || writer_in_child(log, caller)) return KT_ERR_STATE;
    const char *end = tag ? memchr(tag, '\0', WRITER_TAG_MAX + 1) : NULL;
    const char *wrong = !tag ? "NULL" : !end ? "a longer one" : end == tag ? "an empty one" : NULL;
    if (wrong)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected a tag of 1 to 1024 bytes, got %s; name the series",
                              caller, wrong);
    size_t n = (size_t)(end - tag);
    kt_tag *known = kt_tags_find(&log->tags, kt_tags_hash(tag, n));
    return known ? writer_append(log, caller, kind, tag, n, known, step, value)
                 : writer_append_new(log, caller, kind, tag, n, step, value);
}

kt_status kt_events_append_many(kt_events *log, const char *caller, int64_t step,
                                const kt_event_value *values, int count)
{
    kt_status status = log ? KT_OK : KT_ERR_STATE;
    for (int i = 0; i < count && status == KT_OK; i++)
        status = kt_events_append(log, caller, values[i].kind, values[i].tag, step,
                                  &values[i].tensor);
    return status;
}

kt_status kt_events_append_bytes(kt_events *log, const char *caller, unsigned field, int64_t step,
                                 kt_event_string bytes)
{
    if (!log || writer_in_child(log, caller)) return KT_ERR_STATE;
    writer_now(log);
    kt_status status = writer_reserve(log, caller, bytes.size + 64 + KT_RECORD_FRAME);
    if (status != KT_OK) return status;
    kt_wire w = writer_wire(log);
    kt_event_bytes(&w, log->last_time, step, field, bytes);
    status = writer_queue(log, caller, &w);
    if (status == KT_OK && writer_is_due(log)) writer_flush(log);
    return status;
}

/* ---- Questions ------------------------------------------------------------------------------- */

void kt_events_count_nonfinite(kt_events *log, int64_t count)
{
    if (log) log->nonfinite += count;
}

const char *kt_events_path(const kt_events *log)
{
    return log ? log->path : "";
}

kt_status kt_events_status(const kt_events *log)
{
    return log ? log->status : KT_ERR_STATE;
}

const char *kt_events_message(const kt_events *log)
{
    return log ? log->message : "";
}

int64_t kt_events_dropped(const kt_events *log)
{
    return log ? log->dropped : 0;
}

int64_t kt_events_nonfinite(const kt_events *log)
{
    return log ? log->nonfinite : 0;
}
