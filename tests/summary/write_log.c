/* SPDX-License-Identifier: MIT */
/* tests/summary/write_log.c: the logs that check_tensorboard.py reads with the real TensorBoard.
 *
 *     write_log DIR         scalars and histograms of known values, in DIR/train and DIR/validation;
 *                           a run continued from step 60 in DIR/resumed, many files in DIR/rotated
 *     write_log DIR slow    a scalar every 50 ms for 4 s in DIR/live, to be read meanwhile
 *
 * The values are simple enough for the script to compute them again by itself. It exits with 1 when
 * a call fails.
 */
#define _GNU_SOURCE 1

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <keratin/summary.h>

enum { POINTS = 100, VALUES = 10007 };

static int write_train(const char *dir)
{
    static float x[VALUES];
    static double y[VALUES];
    char run[512];
    snprintf(run, sizeof run, "%s/train", dir);
    kt_events *log = kt_events_open(run);
    if (!log) return 1;
    for (int64_t step = 0; step < POINTS; step++) {
        kt_events_scalar(log, "epoch_loss", 1.0 / (double)(1 + step), step);
        kt_events_scalar(log, "group/\xC3\xBC", -(double)step, step * 1000);
    }
    const double special[] = { (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, -0.0 };
    for (int64_t step = 0; step < 5; step++) kt_events_scalar(log, "special", special[step], step);
    kt_events_scalar(log, "broken/\xFF", 1, 1);

    for (int64_t step = 0; step < 3; step++) {
        for (int64_t i = 0; i < VALUES; i++) {
            y[i] = (double)((i * 7919 + step) % 10007) / 10007 - 0.25;
            x[i] = (float)y[i];
        }
        kt_events_histogram(log, "dense/kernel/histogram", x, VALUES, step);
        kt_events_histogram_f64(log, "double/histogram", y, VALUES, step);
    }
    x[5] = NAN;
    kt_events_histogram(log, "with_nan", x, VALUES, 0);
    kt_events_histogram(log, "equal", (float[]){ 2, 2, 2, 2 }, 4, 0);
    kt_events_histogram(log, "empty", NULL, 0, 0);
    kt_events_histogram_buckets(log, "own", (kt_bucket[]){ { 0, 1, 3 }, { 1, 2, 5 } }, 2, 0);
    int failed = kt_events_status(log) != KT_OK;
    return kt_events_close(log) != KT_OK || failed;
}

static int write_validation(const char *dir)
{
    char run[512];
    snprintf(run, sizeof run, "%s/validation", dir);
    kt_events *log = kt_events_open(run);
    if (!log) return 1;
    for (int64_t step = 0; step < POINTS; step++)
        kt_events_scalar(log, "epoch_loss", 2.0 / (double)(1 + step), step);
    return kt_events_close(log) != KT_OK;
}

/* Steps 0 to 99, and from 60 on once more by a second log. */
static int write_resumed(const char *dir)
{
    char run[512];
    snprintf(run, sizeof run, "%s/resumed", dir);
    for (int life = 1; life <= 2; life++) {
        kt_events *log = kt_events_open(run);
        if (!log || (life == 2 && kt_events_resume_from(log, 60) != KT_OK)) return 1;
        for (int64_t step = life == 1 ? 0 : 60; step < (life == 1 ? 100 : 140); step++)
            kt_events_scalar(log, "loss", life, step);
        if (kt_events_close(log) != KT_OK) return 1;
    }
    return 0;
}

static int write_rotated(const char *dir)
{
    char run[512];
    snprintf(run, sizeof run, "%s/rotated", dir);
    kt_events *log = kt_events_open(run, .rotate_bytes = 4096);
    if (!log) return 1;
    for (int64_t step = 0; step < 900; step++) kt_events_scalar(log, "loss", (double)step, step);
    return kt_events_close(log) != KT_OK;
}

static int write_slowly(const char *dir)
{
    char run[512];
    snprintf(run, sizeof run, "%s/live", dir);
    kt_events *log = kt_events_open(run, .flush_seconds = 1);
    if (!log) return 1;
    for (int64_t step = 1; step <= 80; step++) {
        kt_events_scalar(log, "loss", (double)step, step);
        usleep(50000);
    }
    return kt_events_close(log) != KT_OK;
}

int main(int argc, char **argv)
{
    if (argc < 2) return 2;
    if (argc > 2 && strcmp(argv[2], "slow") == 0) return write_slowly(argv[1]);
    return write_train(argv[1]) || write_validation(argv[1]) || write_resumed(argv[1]) || write_rotated(argv[1]);
}
