/* SPDX-License-Identifier: MIT */
/* write_logs.c: logs as the library writes them, for the tests of `keratin events`.
 *
 *     write_logs FOLDER             a run "train" and a run "validation", of the same bytes each time
 *     write_logs FOLDER live N      N points, one every 50 ms, each on the disk at once
 */
#define _POSIX_C_SOURCE 200809L
#include <keratin/summary.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A clock that goes on by a second each time it is asked. */
static double tick(void *user)
{
    double *now = user;
    return *now += 1;
}

static int write_run(const char *folder, const char *run, double worse)
{
    char path[4096];
    double now = 1.7e9;
    snprintf(path, sizeof path, "%s/%s", folder, run);
    kt_events *log = kt_events_open(path, .now = tick, .now_user = &now);
    if (!log) return 1;
    const float weights[] = { -1.0f, -0.5f, 0.0f, 0.25f, 0.5f, 1.0f };
    for (int64_t step = 0; step < 20; step++) {
        kt_events_scalar(log, "epoch_loss", worse / (1.0 + (double)step), step);
        kt_events_scalar(log, "epoch_accuracy", 1 - worse / (2.0 + (double)step), step);
        if (step % 10 == 0) kt_events_histogram(log, "dense/kernel", weights, 6, step);
    }
    kt_events_text(log, "notes", "# Title\n\nline \"two\"", 0);
    return kt_events_close(log) != KT_OK;
}

static int write_live(const char *folder, long points)
{
    kt_events *log = kt_events_open(folder, .flush_seconds = -1);
    const struct timespec pause = { 0, 50000000 };
    for (long step = 0; log && step < points; step++) {
        kt_events_scalar(log, "loss", 1 / (1.0 + (double)step), step);
        nanosleep(&pause, NULL);
    }
    return kt_events_close(log) != KT_OK;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[2], "live") == 0) return write_live(argv[1], strtol(argv[3], NULL, 10));
    if (argc != 2) return 2;
    return write_run(argv[1], "train", 1.0) || write_run(argv[1], "validation", 1.25);
}
