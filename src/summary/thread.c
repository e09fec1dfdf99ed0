/* SPDX-License-Identifier: MIT */
/* summary/thread.c: the log's own thread, and the two conditions that it shares with callers.
 *
 * The thread sleeps until it is told that a block is full or that the queue is no longer empty; in
 * the second case it sleeps on until the records are flush_seconds old. An idle log never wakes. It
 * measures time by the steady clock, so that setting the other one disturbs nothing; it allocates
 * nothing, and it never calls the host: not its clock, not its allocator. All signals are blocked in
 * it, so that the host's handlers run where they always ran.
 *
 * After a failure it is deaf for a second: a full disk costs one attempt per second. (A caller that
 * flushes makes its own attempt.) Telling it something costs a call of the system only when it sleeps,
 * which under load is rare, and holds no lock of the log.
 *
 * A call that waits for room holds `bell` from its look at the queue to its sleep, and who makes room
 * takes `bell` before waking it: so no wake is lost.
 */
#define _DEFAULT_SOURCE 1

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "log.h"

enum { THREAD_STACK = 256 * 1024 };

static const double thread_retry_seconds = 1, thread_longest = 1e6;

static double thread_clock(void)
{
    struct timespec t = { 0, 0 };
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Waits for the condition until then. False when the time has come. `bell` is held. */
static bool thread_wait(kt_events *log, pthread_cond_t *condition, double until)
{
    double longest = thread_clock() + thread_longest; /* what a time_t of any size can hold */
    if (!(until < longest)) until = longest;
    struct timespec t = { .tv_sec = (time_t)until };
    t.tv_nsec = (long)((until - (double)t.tv_sec) * 1e9);
    return pthread_cond_timedwait(condition, &log->bell, &t) != ETIMEDOUT;
}

void kt_logger_ring(kt_events *log)
{
    pthread_mutex_lock(&log->bell);
    log->rung = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->bell);
}

/* ---- The thread ------------------------------------------------------------------------------ */

/* Sleeps until there is news or the time has come; with `deaf`, news do not count. False: stop. */
static bool thread_sleep(kt_events *log, double until, bool deaf)
{
    pthread_mutex_lock(&log->bell);
    while (!log->stop && (deaf || !log->rung) && thread_wait(log, &log->wake, until)) {}
    log->rung = false;
    bool go_on = !log->stop;
    pthread_mutex_unlock(&log->bell);
    return go_on;
}

static void *thread_run(void *user)
{
    kt_events *log = user;
    const double never = thread_clock() * 2 + 1e9;
    double due = never; /* when the growing block is to be written too */
    bool failed = false;
    while (thread_sleep(log, failed ? thread_clock() + thread_retry_seconds : due, failed)) {
        double now = thread_clock();
        kt_lock_take(&log->lock);
        bool empty = log->queue.bytes == 0, grown = log->queue.grown, urgent = log->urgent;
        log->urgent = log->queue.grown = false;
        kt_lock_give(&log->lock);
        if (empty) {
            due = never;
            failed = false;
            continue;
        }
        if (due == never) due = now + (log->flush_seconds > 0 ? log->flush_seconds : 0);
        bool all = urgent || failed || now >= due;
        if (!all && !grown) continue;
        failed = kt_logger_write(log, all) != KT_OK;

        kt_lock_take(&log->lock);
        empty = log->queue.bytes == 0;
        kt_lock_give(&log->lock);
        if (all) due = thread_clock() + (log->flush_seconds > 0 ? log->flush_seconds : 0);
        if (empty) due = never;
    }
    return NULL;
}

static bool thread_create(kt_events *log)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setstacksize(&attributes, THREAD_STACK); /* refused: then it is the usual size */
    sigset_t all, before;
    sigfillset(&all);
    bool masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
    bool created = masked && pthread_create(&log->thread, &attributes, thread_run, log) == 0;
    if (masked) pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return created;
}

static bool thread_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return false;
    bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(condition, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

bool kt_logger_start(kt_events *log)
{
    if (pthread_mutex_init(&log->bell, NULL) != 0) return false;
    if (thread_condition(&log->wake)) {
        if (thread_condition(&log->room)) {
            if (thread_create(log)) return true;
            pthread_cond_destroy(&log->room);
        }
        pthread_cond_destroy(&log->wake);
    }
    pthread_mutex_destroy(&log->bell);
    return false;
}

void kt_logger_stop(kt_events *log)
{
    pthread_mutex_lock(&log->bell);
    log->stop = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->bell);
    pthread_join(log->thread, NULL);
    pthread_cond_destroy(&log->room);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->bell);
}

/* ---- Waiting for room ------------------------------------------------------------------------ */

bool kt_logger_wait_for_room(kt_events *log, size_t need, double *until)
{
    if (*until == 0) *until = thread_clock() + log->wait_seconds;
    kt_logger_ring(log);
    bool fits = false;
    pthread_mutex_lock(&log->bell);
    for (bool in_time = true;;) {
        kt_lock_take(&log->lock);
        size_t bytes = log->queue.bytes;
        fits = bytes == 0 || (need <= log->queue.limit && bytes <= log->queue.limit - need);
        if (!fits && !in_time) log->gave_up = true;
        bool go_on = !fits && !log->gave_up;
        log->waiting += go_on ? 1 : 0;
        kt_lock_give(&log->lock);
        if (!go_on) break;
        in_time = thread_wait(log, &log->room, *until);
        kt_lock_take(&log->lock);
        log->waiting--;
        kt_lock_give(&log->lock);
    }
    pthread_mutex_unlock(&log->bell);
    return fits;
}

void kt_logger_tell_room(kt_events *log)
{
    pthread_mutex_lock(&log->bell);
    pthread_cond_broadcast(&log->room);
    pthread_mutex_unlock(&log->bell);
}
