/* SPDX-License-Identifier: MIT */
/* summary/log.h: a log, for the files that are its parts.
 *
 *     writer.c   a record from the caller into the queue: the path that has to be fast
 *     limit.c    which records pass
 *     disk.c     blocks of the queue into the file, over everything that goes wrong with files
 *     thread.c   when to write, and the log's own thread
 *     resume.c   a run continued from a checkpoint
 *     open.c     the beginning and the end
 *     ask.c      status, sentences, numbers
 *
 * Two locks. `lock` is short: what stands below it is only touched by who has it. `disk` is held as
 * long as the system is busy, and whoever has it may take `lock` too, never the other way round: so
 * a call that logs never waits for the disk. `bell` belongs to two conditions, wake and room; it is
 * taken without `lock`, or before it.
 *
 * In a child of fork() no lock may be touched, since somebody may have held it: each public function
 * asks kt_forked first.
 */
#ifndef KERATIN_SUMMARY_LOG_H
#define KERATIN_SUMMARY_LOG_H

#include <pthread.h>

#include "file.h"
#include "forked.h"
#include "lock.h"
#include "queue.h"
#include "tags.h"
#include "writer.h"

/* Of the tags that begin with a text. */
typedef struct kt_limit {
    char *prefix;
    size_t size;
    kt_gate gate;
} kt_limit;

struct kt_events {
    /* as opened */
    kt_allocator allocator;
    const kt_file_calls *calls;
    double (*now)(void *);
    void *now_user;
    double flush_seconds, wait_seconds;
    int64_t rotate_bytes;
    kt_full when_full;
    bool sync;
    bool threaded; /* the thread runs */
    char *logdir, *suffix; /* in one block, which begins at logdir */
    kt_fork_guard guard;

    kt_lock lock;
    kt_queue queue;
    kt_tags tags;
    kt_limit *limits;
    int limit_count;
    double oldest;    /* wall time of the first queued record */
    double last_time; /* the last finite time the clock gave */
    double failed_at; /* and `failing`: the disk has refused, and since when */
    bool failing;
    bool urgent;      /* the thread is to write also the block that still grows */
    bool gave_up;     /* a call has waited for room in vain */
    int waiting;      /* calls that wait for room */
    int64_t dropped, held, nonfinite;
    kt_status status;
    char message[480]; /* fits a kt_events_error behind the name of the call */
    char *path;

    pthread_mutex_t disk;
    int fd; /* -1 while there is no file */
    int64_t file_size; /* of whole records */
    bool torn;         /* a part of a record stands behind them, and could not be cut off */
    kt_file_name name;
    char *file_path, *scratch; /* the same as `path`, and room for making directories */

    pthread_mutex_t bell;
    pthread_cond_t wake, room;
    bool rung, stop;
    pthread_t thread;

    char shown_message[480]; /* what was answered last: these belong to the caller's thread */
    char *shown_path;
};

/* disk.c */

/* Begins a file that holds the version record and sorts behind the one before. `disk` is held. */
kt_status kt_logger_begin_file(kt_events *log);

/* Whether the file holds nothing but its version record. */
bool kt_logger_file_is_fresh(const kt_events *log);

/* Writes the records that were queued before the call; without `all`, only those in full blocks. */
kt_status kt_logger_write(kt_events *log, bool all);

/* Brings the file to the disk. `disk` is held. */
kt_status kt_logger_sync_file(kt_events *log);

/* Keeps the sentence of a failed call of the system: "what "path": reason". */
kt_status kt_logger_fail_io(kt_events *log, const char *what, const char *path, int error);

/* thread.c */

/* Starts the thread; false when there can be none. */
bool kt_logger_start(kt_events *log);

/* Ends it; what is queued stays queued. */
void kt_logger_stop(kt_events *log);

/* Tells the thread that there is something to do. `lock` is not held. */
void kt_logger_ring(kt_events *log);

/* Waits until a record of `need` bytes fits, or until *until, which is set where it is 0. False when
 * waiting is over and was in vain. `lock` is not held. */
bool kt_logger_wait_for_room(kt_events *log, size_t need, double *until);

/* Tells those who wait for room that there is some. Neither `lock` nor `bell` is held. */
void kt_logger_tell_room(kt_events *log);

/* writer.c; `lock` is held, except where said */

/* Asks the clock; the last finite time. */
double kt_logger_now(kt_events *log);

/* Whether a log without a thread shall write now. */
bool kt_logger_is_due(const kt_events *log);

/* The index of the limit for a tag, -1: none. (limit.c) */
int kt_logger_limit_of(const kt_events *log, const char *tag);

/* As kt_events_fail. */
KT_SUMMARY_PRINTF(3, 4)
kt_status kt_logger_fail(kt_events *log, kt_status status, const char *format, ...);

#endif
