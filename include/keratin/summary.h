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
 * A log never stops or blocks the program that writes it. Records are queued in one bounded buffer
 * and written when it is half full, when the oldest is two seconds old, on flush and at close.
 * While the disk refuses (full, unwritable, directory removed) what is queued stays queued, what
 * does not fit any more is counted in kt_events_dropped, and logging goes on when the disk does.
 * The file only ever holds whole records, except that a process killed in the middle of a write
 * leaves its last one cut, which every reader passes over.
 *
 * Every function takes NULL for the log: it then does nothing and answers KT_ERR_STATE, 0 or "".
 * One log belongs to one thread at a time; any number of logs may be used in any number of threads.
 * After fork() a log stays with the parent: in the child every call answers KT_ERR_STATE and close
 * only frees.
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

/* How to open. Zero means the default everywhere; new fields come at the end only. */
typedef struct kt_events_config {
    size_t size;            /* set by kt_events_open; 0 means the fields below */
    const char *logdir;     /* the run's directory, made with its parents; needed */
    const char *suffix;     /* end of the file's name; default ".v2" */
    size_t buffer_bytes;    /* the queue, 4096 to 1 GiB; default 65536; grows for a larger record */
    double flush_seconds;   /* the age at which the queue is written; default 2; below 0: at once */
    kt_allocator allocator; /* default: malloc, realloc, free */
    double (*now)(void *);  /* wall time, seconds since 1970; default: the system's clock */
    void *now_user;         /* handed to `now` */
    kt_events_error *error; /* told how the open went; default: nobody is */
} kt_events_config;

/* Makes the directory and in it a new file `events.out.tfevents.<seconds>.<host>.<pid>.<n>.v2`,
 * which holds the version record at once. Existing files are never touched; two logs opened in one
 * second get different names. NULL when that fails: KT_ERR_IO, KT_ERR_MEMORY, or KT_ERR_VALUE for a
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

/* Writes what is queued, closes the file and frees the log, whatever happens. KT_OK when all that
 * was logged has been handed to the system, KT_ERR_IO when some of it was lost. To know why, flush
 * and ask kt_events_message before. A program that exits without it loses the last two seconds. */
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

/* ---- The file -------------------------------------------------------------------------------- */

/* Writes what is queued now. KT_ERR_IO when the system refuses; nothing that was queued is lost by
 * that. */
KT_API kt_status kt_events_flush(kt_events *log);

/* Writes what is queued if it is older than flush_seconds, else costs one reading of the clock.
 * There is no thread behind a log: call it where nothing is logged for a while. */
KT_API kt_status kt_events_tick(kt_events *log);

/* Flush, then wait until the disk has it (fsync): for what must survive a power failure. May take
 * milliseconds. */
KT_API kt_status kt_events_sync(kt_events *log);

/* The file's path, until the next call that writes: a new file is begun when the old one was
 * removed or cut. */
KT_API const char *kt_events_path(const kt_events *log);

/* ---- What went wrong ------------------------------------------------------------------------- */

/* The last failure, KT_OK while there was none. It stays when logging has resumed. */
KT_API kt_status kt_events_status(const kt_events *log);

/* Its sentence; while there was none, the first notice (a tag that was repaired, a step that did
 * not rise) or "". */
KT_API const char *kt_events_message(const kt_events *log);

/* Records lost because the disk refused for too long or memory was short. */
KT_API int64_t kt_events_dropped(const kt_events *log);

/* Values left out of histograms because they were not finite. */
KT_API int64_t kt_events_nonfinite(const kt_events *log);

#ifdef __cplusplus
}
#endif
#endif
