/* SPDX-License-Identifier: MIT */
/* summary/disk.c: from the queue into the file.
 *
 * file_size is how much of the file is whole records, and writing means: copy a block to the file at
 * file_size. When the system takes only a part, the whole records in it are done, the file is cut
 * back behind them, and the rest of the block returns to the head of the queue. Should even the cut
 * fail, the next attempt writes to the same place, as a rule the same bytes, since the record that
 * was cut is still the first of the queue. So no half record stays.
 *
 * A file can vanish under a log: removed, its directory removed, cut by somebody. Before each write
 * the file is looked at, and if it is gone a new one is begun, with its own version record, in a
 * directory made again. A new one is also begun when a block would make the file larger than
 * rotate_bytes. File names of one log only ever rise.
 *
 * The same code runs in the log's thread and in the caller's; `disk` sees to it that it is one at a
 * time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

enum {
    DISK_PATH_SHOWN = 200, /* a path's end says most, and the reason must fit too */
    DISK_BATCH = 1 << 20
};

static const char *disk_shown(const char *path)
{
    size_t n = strlen(path);
    return n > DISK_PATH_SHOWN ? path + n - DISK_PATH_SHOWN : path;
}

kt_status kt_logger_fail_io(kt_events *log, const char *what, const char *path, int error)
{
    const char *reason = kt_file_reason(error), *shown = disk_shown(path);
    char number[32];
    snprintf(number, sizeof number, "system error %d", error);
    kt_lock_take(&log->lock);
    kt_logger_fail(log, KT_ERR_IO, "%s \"%s%s\": %s", what, shown > path ? "..." : "", shown,
                   reason ? reason : number);
    kt_lock_give(&log->lock);
    return KT_ERR_IO;
}

static double disk_time(kt_events *log)
{
    kt_lock_take(&log->lock);
    double now = log->now ? log->last_time : kt_logger_now(log); /* the host's clock is asked by callers only */
    kt_lock_give(&log->lock);
    return now;
}

static void disk_close(kt_events *log)
{
    int fd = log->fd;
    log->fd = -1; /* first: a child of fork() shall never close a number that means another file */
    log->torn = false;
    if (fd >= 0) log->calls->close(fd);
}

/* ---- Beginning a file ------------------------------------------------------------------------ */

static size_t disk_version(unsigned char record[128], double now)
{
    kt_wire w = { record + KT_RECORD_HEAD, record + 128 - KT_RECORD_TAIL, false };
    kt_event_version(&w, now, "keratin");
    kt_record_seal(record, (size_t)(w.at - record) - KT_RECORD_HEAD);
    return kt_record_size(record);
}

kt_status kt_logger_begin_file(kt_events *log)
{
    int error = kt_file_make_directory(log->logdir, log->scratch);
    if (error) return kt_logger_fail_io(log, "cannot make the directory", log->logdir, error);
    double now = disk_time(log);
    int fd = kt_file_create(log->calls, log->logdir, now, log->suffix, &log->name, log->file_path);
    if (fd < 0) return kt_logger_fail_io(log, "cannot create the event file", log->file_path, errno);

    unsigned char record[128];
    size_t n = disk_version(record, now);
    if (kt_file_write(log->calls, fd, record, n, 0, &error) < n) {
        log->calls->close(fd);
        log->calls->remove(log->file_path);
        return kt_logger_fail_io(log, "cannot write the event file", log->file_path, error);
    }
    disk_close(log);
    log->fd = fd;
    log->file_size = (int64_t)n;
    kt_lock_take(&log->lock);
    strcpy(log->path, log->file_path);
    kt_lock_give(&log->lock);
    return KT_OK;
}

bool kt_logger_file_is_fresh(const kt_events *log)
{
    unsigned char version[128];
    return log->fd >= 0 && log->file_size == (int64_t)disk_version(version, 0);
}

/* Closes a file that is no longer the one this log has written. */
static void disk_leave_lost_file(kt_events *log)
{
    int64_t size = 0;
    bool linked = false;
    if (log->fd < 0 ||
        (log->calls->look(log->fd, &size, &linked) == 0 && linked && size >= log->file_size))
        return;
    disk_close(log);
    const char *shown = disk_shown(log->file_path);
    kt_lock_take(&log->lock);
    kt_logger_fail(log, KT_ERR_IO, "the event file \"%s%s\" was %s by somebody; logging goes on in a new file",
                   shown > log->file_path ? "..." : "", shown, linked ? "cut" : "removed");
    kt_lock_give(&log->lock);
}

/* How many of the bytes belong into the current file: whole records, as far as rotate_bytes lets it
 * grow, and none when it is full. A file that is still fresh takes one record of any size. */
static size_t disk_share(const kt_events *log, const unsigned char *bytes, size_t n)
{
    if (log->rotate_bytes <= 0) return n;
    int64_t room = log->rotate_bytes - log->file_size;
    if ((int64_t)n <= room) return n;
    size_t share = kt_logger_file_is_fresh(log) ? kt_record_size(bytes) : 0;
    for (size_t next = kt_record_size(bytes); (int64_t)next <= room && next < n;) {
        share = next;
        next += kt_record_size(bytes + next);
    }
    return share;
}

/* Sees to it that there is a file, and says how much of the bytes belongs into it. */
static kt_status disk_prepare(kt_events *log, const unsigned char *bytes, size_t n, size_t *share)
{
    disk_leave_lost_file(log);
    *share = log->fd >= 0 ? disk_share(log, bytes, n) : 0;
    if (*share > 0) return KT_OK;
    if (log->fd >= 0 && log->sync) kt_logger_sync_file(log);
    kt_status status = kt_logger_begin_file(log);
    *share = status == KT_OK ? disk_share(log, bytes, n) : n; /* no new file: the old one goes on, if there is one */
    return log->fd >= 0 ? KT_OK : status;
}

kt_status kt_logger_sync_file(kt_events *log)
{
    if (log->fd < 0) return KT_OK;
    int result;
    do result = log->calls->sync(log->fd);
    while (result != 0 && errno == EINTR);
    if (result == 0) return KT_OK;
    return kt_logger_fail_io(log, "cannot bring to the disk the event file", log->file_path, errno);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Writes as much of a block as belongs into one file. What is done of it, in whole records, leaves the
 * block and is added to the sums. */
static kt_status disk_write(kt_events *log, kt_block *block, size_t *bytes_done, int64_t *records_done)
{
    const unsigned char *bytes = block->bytes + block->begin;
    size_t all = block->used - block->begin, n, done = 0;
    int64_t records = 0;
    kt_status status = disk_prepare(log, bytes, all, &n);
    if (status != KT_OK) return status;

    int error;
    size_t written = kt_file_write(log->calls, log->fd, bytes, n, log->file_size, &error);
    if (written == all) {
        done = all;
        records = block->records;
    } else {
        for (size_t next = kt_record_size(bytes); next <= written; next += kt_record_size(bytes + next)) {
            done = next;
            records++;
        }
    }
    kt_block_written(block, done, records);
    *bytes_done += done;
    *records_done += records;
    log->file_size += (int64_t)done;
    if (written > done || log->torn) log->torn = log->calls->truncate(log->fd, log->file_size) != 0;
    if (error) return kt_logger_fail_io(log, "cannot write the event file", log->file_path, error);
    return log->sync ? kt_logger_sync_file(log) : KT_OK;
}

/* Several blocks are taken at once where the queue is long, because each look at it needs the lock, and
 * a thread that shares its processor with one that logs finds it taken most of the time. Not more than
 * an eighth of what may wait, because what is being written is neither dropped nor room. */
kt_status kt_logger_write(kt_events *log, bool all)
{
    kt_status status = KT_OK;
    pthread_mutex_lock(&log->disk);
    kt_lock_take(&log->lock);
    size_t most = log->queue.limit / 8 < DISK_BATCH ? log->queue.limit / 8 : DISK_BATCH;
    int64_t wanted = log->queue.pushed; /* an end, however fast others go on logging */
    for (kt_block *blocks; status == KT_OK && log->queue.settled < wanted &&
                           (blocks = kt_queue_take(&log->queue, all, most)) != NULL;) {
        kt_lock_give(&log->lock);
        size_t bytes = 0;
        int64_t records = 0;
        for (kt_block *block = blocks; block && status == KT_OK; block = block->next)
            while (block->records > 0 && status == KT_OK) status = disk_write(log, block, &bytes, &records);

        kt_lock_take(&log->lock);
        kt_queue_return(&log->queue, blocks, bytes, records);
        log->failing = status != KT_OK;
        log->failed_at = log->last_time;
        if (records > 0) log->gave_up = false;
        if (log->waiting > 0 && records > 0) {
            kt_lock_give(&log->lock);
            kt_logger_tell_room(log);
            kt_lock_take(&log->lock);
        }
    }
    kt_lock_give(&log->lock);
    pthread_mutex_unlock(&log->disk);
    return status;
}
