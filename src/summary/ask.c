/* SPDX-License-Identifier: MIT */
/* summary/ask.c: what a log answers.
 *
 * Other threads may be logging, so numbers are read under the lock, and texts are copied under it to
 * where only the caller's thread looks. A child of fork() must not touch the lock: it gets the
 * numbers as they stand, and of the texts what it needs to know.
 */
#include <stdio.h>

#include "log.h"

double kt_events_now(kt_events *log)
{
    if (!log || kt_forked(&log->guard)) return 0;
    kt_lock_take(&log->lock);
    double now = kt_logger_now(log);
    kt_lock_give(&log->lock);
    return now;
}

const kt_allocator *kt_events_allocator(const kt_events *log)
{
    return log ? &log->allocator : NULL;
}

void kt_events_count_nonfinite(kt_events *log, int64_t count)
{
    if (!log || count == 0 || kt_forked(&log->guard)) return;
    kt_lock_take(&log->lock);
    log->nonfinite += count;
    kt_lock_give(&log->lock);
}

/* A number of the log. Asking changes nothing a caller could see, but needs the lock. */
static int64_t ask_count(const kt_events *log, const int64_t *count)
{
    if (kt_forked(&log->guard)) return *count;
    kt_lock_take(&((kt_events *)log)->lock);
    int64_t value = *count;
    kt_lock_give(&((kt_events *)log)->lock);
    return value;
}

int64_t kt_events_dropped(const kt_events *log)
{
    return log ? ask_count(log, &log->dropped) : 0;
}

int64_t kt_events_waiting(const kt_events *log)
{
    if (!log || kt_forked(&log->guard)) return 0;
    kt_lock_take(&((kt_events *)log)->lock);
    int64_t waiting = log->queue.pushed - log->queue.settled;
    kt_lock_give(&((kt_events *)log)->lock);
    return waiting;
}

int64_t kt_events_held(const kt_events *log)
{
    return log ? ask_count(log, &log->held) : 0;
}

int64_t kt_events_nonfinite(const kt_events *log)
{
    return log ? ask_count(log, &log->nonfinite) : 0;
}

kt_status kt_events_status(const kt_events *log)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    kt_lock_take(&((kt_events *)log)->lock);
    kt_status status = log->status;
    kt_lock_give(&((kt_events *)log)->lock);
    return status;
}

const char *kt_events_path(const kt_events *log)
{
    if (!log) return "";
    kt_events *own = (kt_events *)log; /* made by malloc, and the copy is for the caller's eyes */
    if (kt_forked(&log->guard)) return log->shown_path;
    kt_lock_take(&own->lock);
    strcpy(own->shown_path, log->path);
    kt_lock_give(&own->lock);
    return log->shown_path;
}

const char *kt_events_message(const kt_events *log)
{
    if (!log) return "";
    kt_events *own = (kt_events *)log;
    if (kt_forked(&log->guard)) {
        snprintf(own->shown_message, sizeof own->shown_message,
                 "kt_events: this log was opened before fork() and stays with the parent, process %ld; "
                 "open another one in the child",
                 log->guard.pid);
        return log->shown_message;
    }
    kt_lock_take(&own->lock);
    memcpy(own->shown_message, log->message, sizeof own->shown_message);
    kt_lock_give(&own->lock);
    return log->shown_message;
}
