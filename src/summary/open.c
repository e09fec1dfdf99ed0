/* SPDX-License-Identifier: MIT */
/* summary/open.c: the beginning and the end of a log, and what the caller may ask of its file.
 *
 * Opening makes the file and its version record in the caller's thread, so that a directory that
 * cannot be written is known at once; then the thread starts. Where none can be started the log
 * works without: it writes from the calls that log. Closing ends the thread first and then writes
 * what is left in the caller's thread, so the status of the last write is the caller's.
 *
 * In a child of fork(), close frees what the log has, without a lock and whatever another thread was
 * doing to it: queue and tags see to that.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/host.h"
#include "log.h"

enum { OPEN_BUFFER = 65536, OPEN_BUFFER_MIN = 4096, OPEN_QUEUE = 64 << 20, OPEN_ROTATE_MIN = 4096 };

static const double open_flush_seconds = 2, open_wait_seconds = 1;

static kt_events *open_refuse(kt_events_error *error, kt_status status, const char *message)
{
    if (error) {
        error->status = status;
        snprintf(error->message, sizeof error->message, "kt_events_open: %s", message);
    }
    return NULL;
}

/* What is wrong with a configuration, or NULL. */
static const char *open_check(const kt_events_config *c)
{
    const kt_allocator *a = &c->allocator;
    size_t block = c->buffer_bytes != 0 ? c->buffer_bytes : OPEN_BUFFER;
    if (!c->logdir || !c->logdir[0])
        return "expected a directory, got none; name the run's directory";
    if (c->suffix && (strchr(c->suffix, '/') || strlen(c->suffix) > KT_FILE_SUFFIX_MAX))
        return "expected a suffix of at most 64 bytes without a slash; choose one such as \".v2\"";
    if (block < OPEN_BUFFER_MIN || block > 1u << 30)
        return "expected buffer_bytes from 4096 to 1 GiB, or 0 for 65536";
    if (c->queue_bytes != 0 && c->queue_bytes < block)
        return "expected queue_bytes of at least buffer_bytes, got fewer; set more, or 0 for 64 MiB";
    if (isnan(c->flush_seconds)) return "flush_seconds is not a number; give seconds, or 0 for 2";
    if (!(c->wait_seconds >= 0)) return "wait_seconds is negative or not a number; give seconds, or 0 for 1";
    if (c->rotate_bytes != 0 && c->rotate_bytes < OPEN_ROTATE_MIN)
        return "expected rotate_bytes of at least 4096, or 0 for never; set more";
    if ((unsigned)c->when_full > KT_FULL_WAIT)
        return "expected when_full to be one of KT_FULL_..., got another number; choose one of them";
    if (!a->allocate != !a->resize || !a->allocate != !a->release)
        return "expected all three functions of the allocator or none; give the missing ones";
    return NULL;
}

static void open_free(kt_events *log)
{
    kt_allocator a = log->allocator;
    kt_fork_guard_free(&log->guard);
    kt_tags_free(&log->tags, &a);
    kt_queue_free(&log->queue);
    for (int i = 0; i < log->limit_count; i++) a.release(log->limits[i].prefix, a.user);
    a.release(log->limits, a.user);
    a.release(log->logdir, a.user);
    a.release(log, a.user);
}

/* The first blocks, and one block of memory for all texts. */
static bool open_allocate(kt_events *log, const char *logdir, const char *suffix, bool threaded)
{
    size_t dir = strlen(logdir) + 1, end = strlen(suffix) + 1, path = dir + KT_FILE_NAME_MAX;
    if (dir > 65536) return false; /* no system takes such a path, and the sum cannot overflow */
    if (kt_queue_grow(&log->queue, 1) != KT_ROOM_FOUND) return false;
    if (threaded && !kt_queue_put_aside(&log->queue)) return false;
    log->logdir = log->allocator.allocate(2 * dir + end + 3 * path, log->allocator.user);
    if (!log->logdir) return false;
    log->scratch = log->logdir + dir;
    log->suffix = log->scratch + dir;
    log->file_path = log->suffix + end;
    log->path = log->file_path + path;
    log->shown_path = log->path + path;
    memcpy(log->logdir, logdir, dir);
    memcpy(log->suffix, suffix, end);
    log->file_path[0] = log->path[0] = log->shown_path[0] = '\0';
    return true;
}

kt_events *kt_events_open_on(const kt_events_config *config, const kt_file_calls *calls)
{
    kt_events_config c = { 0 };
    if (!config) return NULL;
    memcpy(&c, config, config->size > 0 && config->size < sizeof c ? config->size : sizeof c);
    const char *wrong = open_check(&c);
    if (wrong) return open_refuse(c.error, KT_ERR_VALUE, wrong);

    c.allocator = kt_allocator_or_host(&c.allocator);
    kt_events *log = c.allocator.allocate(sizeof *log, c.allocator.user);
    if (!log) return open_refuse(c.error, KT_ERR_MEMORY, "out of memory for the log; free some");
    size_t block = c.buffer_bytes != 0 ? c.buffer_bytes : OPEN_BUFFER;
    size_t usual = c.no_thread || block > OPEN_QUEUE ? block : OPEN_QUEUE;
    *log = (kt_events){
        .allocator = c.allocator,
        .calls = calls,
        .now = c.now,
        .now_user = c.now_user,
        .flush_seconds = c.flush_seconds != 0 ? c.flush_seconds : open_flush_seconds,
        .wait_seconds = c.wait_seconds != 0 ? c.wait_seconds : open_wait_seconds,
        .rotate_bytes = c.rotate_bytes,
        .when_full = c.when_full,
        .sync = c.sync,
        .queue = { .block_bytes = block,
                   .limit = c.queue_bytes != 0 ? c.queue_bytes : usual,
                   .allocator = c.allocator },
        .fd = -1,
        .disk = PTHREAD_MUTEX_INITIALIZER,
    };
    if (!open_allocate(log, c.logdir, c.suffix && c.suffix[0] ? c.suffix : ".v2", !c.no_thread)) {
        open_free(log);
        return open_refuse(c.error, KT_ERR_MEMORY,
                           "out of memory for the queue; free some or set a smaller buffer");
    }
    kt_fork_guard_init(&log->guard);
    kt_logger_now(log);
    if (kt_logger_begin_file(log) != KT_OK) {
        open_refuse(c.error, log->status, log->message);
        open_free(log);
        return NULL;
    }
    log->threaded = !c.no_thread && kt_logger_start(log);
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
        if (log->threaded) kt_logger_stop(log);
        kt_logger_now(log);
        status = kt_logger_write(log, true);
        if (log->dropped > 0 && status == KT_OK) status = KT_ERR_IO;
        pthread_mutex_destroy(&log->disk);
    }
    /* Network disks and quotas may refuse as late as here. */
    if (log->fd >= 0 && log->calls->close(log->fd) != 0 && !child && errno != EINTR)
        status = KT_ERR_IO;
    open_free(log);
    return status;
}

/* ---- The file -------------------------------------------------------------------------------- */

static void open_refresh_clock(kt_events *log)
{
    kt_lock_take(&log->lock);
    kt_logger_now(log);
    kt_lock_give(&log->lock);
}

kt_status kt_events_flush(kt_events *log)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    open_refresh_clock(log);
    return kt_logger_write(log, true);
}

kt_status kt_events_tick(kt_events *log)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    if (log->threaded) return KT_OK;
    kt_lock_take(&log->lock);
    kt_logger_now(log);
    bool due = kt_logger_is_due(log);
    kt_lock_give(&log->lock);
    return due ? kt_logger_write(log, true) : KT_OK;
}

kt_status kt_events_sync(kt_events *log)
{
    kt_status status = kt_events_flush(log);
    if (status != KT_OK) return status;
    pthread_mutex_lock(&log->disk);
    status = kt_logger_sync_file(log);
    pthread_mutex_unlock(&log->disk);
    return status;
}
