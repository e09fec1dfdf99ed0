/* SPDX-License-Identifier: MIT */
/* keratin/summary.h: TensorBoard logs from any C or C++ program, training or not.
 *
 *     kt_events *log = kt_events_open("logs/run1");
 *     for (int64_t step = 0; step < 100; step++)
 *         kt_events_scalar(log, "loss", 1.0 / (1.0 + (double)step), step);
 *     kt_events_close(log);
 *
 * and `tensorboard --logdir logs` shows it. The part stands alone (libkeratin-summary: libc,
 * nothing else) and knows neither tensors nor training.
 *
 * A log never stops or blocks the program that writes it. A call puts its record into a queue in
 * memory, which takes some fifty nanoseconds, and a thread of the log writes the queue: when a
 * block of it is full, when the oldest record is two seconds old, on flush and at close. No call
 * that logs touches the disk. While the disk refuses (full, unwritable, directory removed) or is
 * slow, records wait; what does not fit any more is dropped as `when_full` says and counted in
 * kt_events_dropped; logging goes on when the disk does. The file only ever holds whole records,
 * except that a process that ends in the middle of a write leaves its last one cut, which every
 * reader passes over.
 *
 * Threads: any number may log to one log at the same time; each record is whole and the records of
 * one thread keep their order. Close must be the last call of all. Texts and paths that a log
 * answers belong to the thread that asked and last until the next such question: let one thread at
 * a time ask.
 *
 * Every function takes NULL for the log: it then does nothing and answers KT_ERR_STATE, 0 or "".
 * After fork() a log stays with the parent: in the child every call answers KT_ERR_STATE and close
 * only frees. A program that ends without close loses what is younger than flush_seconds.
 *
 * Tags are UTF-8; "group/name" makes cards grouped by what stands before the first slash. One tag
 * is of one kind: the same tag for scalars and for histograms is an error, since TensorBoard would
 * silently drop the second. Let steps of a tag rise: at a step that does not, TensorBoard forgets
 * the tag's points from that step on.
 */
#ifndef KERATIN_SUMMARY_H
#define KERATIN_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <keratin/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Opening and closing --------------------------------------------------------------------- */

/* One event file that grows: one run in TensorBoard is one directory. */
typedef struct kt_events kt_events;

/* Why an open failed, for callers that want to say so. */
typedef struct kt_events_error {
    kt_status status;
    char message[512];
} kt_events_error;

/* What a log call does when the queue is full because the disk refuses or is slow. */
typedef enum kt_full {
    KT_FULL_DROP_NEWEST, /* its record is dropped and the call answers KT_ERR_IO */
    KT_FULL_DROP_OLDEST, /* the oldest records that are not being written make room */
    KT_FULL_WAIT         /* waits for room, at most wait_seconds, then drops its record. Once a wait
                            was in vain no other is begun until the disk takes something again, so a
                            disk that stays full costs wait_seconds once. A log without a thread
                            tries to write instead, and then drops */
} kt_full;

/* How to open. Zero means the default everywhere; new fields come at the end only. */
typedef struct kt_events_config {
    size_t size;            /* set by kt_events_open; 0 means the fields below */
    const char *logdir;     /* the run's directory, made with its parents; needed */
    const char *suffix;     /* end of the file's name; default ".v2" */
    size_t buffer_bytes;    /* a block of the queue, written when it is full (without a thread: half
                               full); 4096 to 1 GiB; default 65536 */
    double flush_seconds;   /* the age at which records are written; default 2; below 0: at once */
    kt_allocator allocator; /* default: malloc, realloc, free. Called by threads that log (by several
                               at once when several log), never by the log's own thread */
    double (*now)(void *);  /* wall time, seconds since 1970; default: the system's clock, to some
                               milliseconds. Called by threads that log, one at a time; must not
                               call the log */
    void *now_user;         /* handed to `now` */
    kt_events_error *error; /* told how the open went; default: nobody is */

    size_t queue_bytes;     /* the most that waits in memory, at least buffer_bytes; default 64 MiB,
                               of which a healthy disk needs one or two blocks; without a thread
                               buffer_bytes. A larger record is taken when nothing else waits */
    kt_full when_full;      /* default KT_FULL_DROP_NEWEST */
    double wait_seconds;    /* for KT_FULL_WAIT; default 1 */
    int64_t rotate_bytes;   /* a new file is begun before one grows beyond this; at least 4096;
                               default: never. TensorBoard reads the files of a run in order */
    bool no_thread;         /* log calls write themselves when it is time: for hosts that forbid
                               threads. Also what happens where no thread can be started */
    bool sync;              /* each write is followed by an fsync */
} kt_events_config;

/* Makes the directory and in it a new file `events.out.tfevents.<seconds>.<host>.<pid>.<n>.v2`,
 * which holds the version record at once. Existing files are never touched; two logs opened in one
 * second get different names, and the files of one log have names that rise. The log's thread has
 * all signals blocked. NULL when that fails: KT_ERR_IO, KT_ERR_MEMORY, or KT_ERR_VALUE for a
 * configuration that makes no sense. */
KT_API kt_events *kt_events_open_with(const kt_events_config *config);

/* kt_events_open("logs/run1") or kt_events_open("logs/run1", .flush_seconds = 10, .error = &error).
 * Expands to kt_events_open_with(&(kt_events_config){ .size = ..., "logs/run1", ... }). In C++ it
 * takes the directory only. */
#ifndef __cplusplus
#define kt_events_open(...) \
    kt_events_open_with(&(kt_events_config){ .size = sizeof(kt_events_config), __VA_ARGS__ })
#else
static inline kt_events *kt_events_open(const char *logdir)
{
    kt_events_config config = kt_events_config();
    config.size = sizeof config;
    config.logdir = logdir;
    return kt_events_open_with(&config);
}
#endif

/* Writes what is queued, ends the thread, closes the file and frees the log, whatever happens. KT_OK
 * when all that was logged has been handed to the system, KT_ERR_IO when some of it was lost. To know
 * why, flush and ask kt_events_message before. */
KT_API kt_status kt_events_close(kt_events *log);

/* ---- Logging --------------------------------------------------------------------------------- */
/* KT_OK: the record is queued or written. KT_ERR_IO: the disk refuses and the queue is full, the
 * record is dropped and counted. KT_ERR_VALUE: an empty tag, one above 1,024 bytes, one of another
 * kind, or arguments that make no sense. */

/* One point. TensorBoard keeps float32: a double is rounded. NaN and infinities are written as they
 * are. */
KT_API kt_status kt_events_scalar(kt_events *log, const char *tag, double value, int64_t step);

/* The distribution of x[0..n) as Keras logs it: 30 buckets of equal width from the least to the
 * greatest value. Values that are not finite are left out and counted in kt_events_nonfinite. n may
 * be 0. */
KT_API kt_status kt_events_histogram(kt_events *log, const char *tag, const float *x, int64_t n,
                                     int64_t step);
KT_API kt_status kt_events_histogram_f64(kt_events *log, const char *tag, const double *x,
                                         int64_t n, int64_t step);

/* One row of a histogram: how many values lie in [left, right); in the last row, right too. */
typedef struct kt_bucket {
    double left, right, count;
} kt_bucket;

/* A histogram somebody else has counted: `count` rows, at most 600,000, written as they are. */
KT_API kt_status kt_events_histogram_buckets(kt_events *log, const char *tag,
                                             const kt_bucket *buckets, int64_t count,
                                             int64_t step);

#define KT_HISTOGRAM_BUCKETS 30

/* The buckets that kt_events_histogram writes, to the last count those of Keras and TensorBoard in
 * double. All equal: every edge is that value and the last row has the count; empty: zeros. Returns
 * how many values were left out because they are not finite. Pure: needs no log. */
KT_API int64_t kt_histogram_buckets(const float *x, int64_t n,
                                    kt_bucket buckets[KT_HISTOGRAM_BUCKETS]);
KT_API int64_t kt_histogram_buckets_f64(const double *x, int64_t n,
                                        kt_bucket buckets[KT_HISTOGRAM_BUCKETS]);

/* ---- Sampling -------------------------------------------------------------------------------- */

/* When to log: always, unless something is set; where several are set, only where each agrees. */
typedef struct kt_gate {
    int64_t every;      /* steps that are multiples of it */
    double seconds;     /* at most once in so many seconds */
    int64_t per_decade; /* so many steps between 10^k and 10^(k+1), evenly spaced; 9: at 1, 2 ... 9,
                           10, 20 ... 90, 100, 200 ...; where those steps do not come, the first one
                           after each. Steps below 1 count as one point */
} kt_gate;

/* What a gate remembers between calls; zeroed at first. */
typedef struct kt_gate_state {
    double opened_at;
    int64_t cell;
    bool begun;
} kt_gate_state;

/* Whether to log at this step, at time `now` in seconds of any steady count; if so, that is
 * remembered. NULL for the gate: always. Pure: needs no log. */
KT_API bool kt_gate_opens(const kt_gate *gate, kt_gate_state *state, int64_t step, double now);

/* From now on, lets records whose tags begin with `prefix` through this gate only; each tag has a
 * state of its own; "" means all tags. The longest prefix that fits a tag counts; the same prefix
 * again replaces its gate. What is held back is not an error (KT_OK) and counted in kt_events_held.
 * KT_ERR_VALUE: NULL, a prefix above 1,024 bytes, negative numbers or more than 1,000 prefixes. */
KT_API kt_status kt_events_limit(kt_events *log, const char *prefix, kt_gate gate);

/* Whether a record of this tag and step would pass its limit now: to be asked before something
 * costly is made. Changes nothing. */
KT_API bool kt_events_wants(kt_events *log, const char *tag, int64_t step);

/* ---- Resuming -------------------------------------------------------------------------------- */

/* Continues a run from a checkpoint: TensorBoard forgets the points of this directory from `step` on,
 * and what is logged next takes their place. Call it right after open, before the first record. A
 * file is begun whose name sorts behind all others of the directory, whatever the clocks were, with
 * the mark that TensorBoard's Python reader wants (a session start at `step`, twice; its Rust reader
 * needs none). Writes at once; KT_ERR_IO when the system refuses, then it may be called again. */
KT_API kt_status kt_events_resume_from(kt_events *log, int64_t step);

/* ---- The file -------------------------------------------------------------------------------- */

/* Writes what was queued before the call, and waits for that. KT_ERR_IO when the system refuses;
 * nothing that was queued is lost by that. */
KT_API kt_status kt_events_flush(kt_events *log);

/* For logs without a thread: writes what is queued if it is older than flush_seconds, else costs one
 * reading of the clock. Call it where nothing is logged for a while. With a thread it does nothing. */
KT_API kt_status kt_events_tick(kt_events *log);

/* Flush, then wait until the disk has it (fsync): for what must survive a power failure. May take
 * milliseconds. */
KT_API kt_status kt_events_sync(kt_events *log);

/* The file's path. A new file is begun when the old one is full, was removed or was cut. */
KT_API const char *kt_events_path(const kt_events *log);

/* ---- What went wrong ------------------------------------------------------------------------- */

/* The last failure, KT_OK while there was none. It stays when logging has resumed. */
KT_API kt_status kt_events_status(const kt_events *log);

/* Its sentence; while there was none, the first notice (a tag that was repaired, a step that did
 * not rise) or "". */
KT_API const char *kt_events_message(const kt_events *log);

/* Records lost because the disk refused for too long or memory was short. */
KT_API int64_t kt_events_dropped(const kt_events *log);

/* Records that are queued and not yet in the file: after a flush that failed, what close would lose. */
KT_API int64_t kt_events_waiting(const kt_events *log);

/* Records that a limit held back. */
KT_API int64_t kt_events_held(const kt_events *log);

/* Values left out of histograms because they were not finite. */
KT_API int64_t kt_events_nonfinite(const kt_events *log);

#ifdef __cplusplus
}
#endif

#include <keratin/summary_media.h>
#include <keratin/summary_plugins.h>
#endif
