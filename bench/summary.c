/* SPDX-License-Identifier: MIT */
/*
 * What a log costs: nanoseconds for each scalar, how long a single call can take, a histogram.
 *
 *   summary DIR        writes logs below DIR and removes them again; build: with libkeratin-summary
 *
 * "encoded, buffered and written" is the time from the first call until a flush has returned, so
 * that each record is in the file (in the system's cache, as for every writer that does not fsync),
 * divided by the number of records. It is measured for a log that writes in the calls themselves,
 * for one with its thread, with both threads bound to one processor, and for two and four threads
 * that log to one log; behind each stands the processor time of all threads together, the system's
 * included, which a busy machine changes less. The percentiles are those of single calls over a
 * million queued scalars, the stop-watch's own time included. Best of several rounds: other programs
 * only ever add.
 */
#define _GNU_SOURCE
#include "peers/bench.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <keratin/summary.h>

enum { SCALARS = 1000000, FLOATS = 1000000, ROUNDS = 7, TAGS = 8, MAX_THREADS = 4 };

static char dir[512];
static const char *const tags[TAGS] = { "loss",          "accuracy",       "epoch_loss", "epoch_accuracy",
                                        "learning_rate", "gradients/norm", "val_loss",   "val_accuracy" };

static void remove_logs(void)
{
    DIR *list = opendir(dir);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (strstr(entry->d_name, "tfevents")) unlink(path);
    }
    closedir(list);
}

static kt_events *open_log(bool no_thread)
{
    kt_events *log = kt_events_open(dir, .no_thread = no_thread, .queue_bytes = 256u << 20);
    if (!log) {
        fprintf(stderr, "summary: cannot write a log into %s\n", dir);
        exit(1);
    }
    return log;
}

static void close_log(kt_events *log)
{
    long long dropped = (long long)kt_events_dropped(log);
    if (dropped != 0) fprintf(stderr, "summary: %lld records were dropped\n", dropped);
    kt_events_close(log);
    remove_logs();
}

typedef struct producer {
    pthread_t thread;
    kt_events *log;
    int index, scalars;
} producer;

static void *produce(void *user)
{
    const producer *p = user;
    for (int i = 0; i < p->scalars; i++)
        kt_events_scalar(p->log, tags[p->index + i % 2 * MAX_THREADS], 1.0 / (1 + i), i);
    return NULL;
}

static double processor_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

/* ns for each scalar, of so many threads. */
static void print_scalars(const char *what, int threads, bool no_thread, bool call_alone)
{
    double best = 1e300, best_processor = 1e300;
    for (int round = 0; round < ROUNDS; round++) {
        kt_events *log = open_log(no_thread);
        for (int t = 0; t < TAGS; t++) kt_events_scalar(log, tags[t], 0, -1);
        producer producers[MAX_THREADS];
        double start = bench_now(), processor = processor_now(), queued;
        for (int t = 0; t < threads; t++) {
            producers[t] = (producer){ .log = log, .index = t, .scalars = SCALARS / threads };
            if (threads == 1) produce(&producers[t]);
            else pthread_create(&producers[t].thread, NULL, produce, &producers[t]);
        }
        for (int t = 0; t < threads && threads > 1; t++) pthread_join(producers[t].thread, NULL);
        queued = bench_now();
        kt_events_flush(log);
        double us = (call_alone ? queued : bench_now()) - start;
        processor = processor_now() - processor;
        if (us < best) best = us;
        if (processor < best_processor) best_processor = processor;
        close_log(log);
    }
    printf("%-44s %.1f ns", what, best * 1e3 / SCALARS);
    if (!call_alone) printf("  (processors %.1f)", best_processor * 1e3 / SCALARS);
    printf("\n");
    fflush(stdout);
}

static void bind_to_one(bool one)
{
    static cpu_set_t before;
    static bool asked;
    if (!asked) sched_getaffinity(0, sizeof before, &before);
    asked = true;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(sched_getcpu(), &set);
    sched_setaffinity(0, sizeof set, one ? &set : &before);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_percentiles(const char *what, bool one)
{
    double *us = malloc(SCALARS * sizeof *us), best[4] = { 1e300, 1e300, 1e300, 1e300 };
    bind_to_one(one);
    for (int round = 0; round < ROUNDS; round++) {
        kt_events *log = open_log(false);
        for (int i = 0; i < SCALARS; i++) {
            double start = bench_now();
            kt_events_scalar(log, tags[i % TAGS], 1.0 / (1 + i), i / TAGS);
            us[i] = bench_now() - start;
        }
        close_log(log);
        qsort(us, SCALARS, sizeof *us, by_value);
        const double at[4] = { us[SCALARS / 2], us[SCALARS / 100 * 99], us[SCALARS / 1000 * 999], us[SCALARS - 1] };
        for (int i = 0; i < 4; i++)
            if (at[i] < best[i]) best[i] = at[i];
    }
    bind_to_one(false);
    free(us);
    printf("%-44s 50%% %.3f  99%% %.3f  99.9%% %.3f  max %.1f us\n", what, best[0], best[1], best[2], best[3]);
}

static double time_clock(void)
{
    double best = 1e300;
    for (int i = 0; i < 100000; i++) {
        double start = bench_now(), us = bench_now() - start;
        if (us < best) best = us;
    }
    return best * 1e3;
}

static void print_histogram(void)
{
    float *x = malloc(FLOATS * sizeof *x);
    kt_bucket buckets[KT_HISTOGRAM_BUCKETS];
    unsigned seed = 1;
    for (int i = 0; i < FLOATS; i++) { /* four uniform numbers make a bell */
        float sum = -2;
        for (int k = 0; k < 4; k++) sum += (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 16777216.0f;
        x[i] = sum;
    }
    double best = 1e300;
    for (int round = 0; round < 5 * ROUNDS; round++) {
        double start = bench_now();
        kt_histogram_buckets(x, FLOATS, buckets);
        double us = bench_now() - start;
        if (us < best) best = us;
    }
    free(x);
    printf("%-44s %.3f ms\n", "histogram of a million floats", best / 1e3);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: summary DIR\n");
        return 2;
    }
    snprintf(dir, sizeof dir, "%s/keratin-bench-summary", argv[1]);
    print_scalars("scalar, written by the call (no thread)", 1, true, false);
    print_scalars("scalar, the call alone", 1, false, true);
    print_scalars("scalar, until written", 1, false, false);
    bind_to_one(true);
    print_scalars("scalar, until written, one processor", 1, false, false);
    bind_to_one(false);
    print_scalars("scalar, until written, 2 threads log", 2, false, false);
    print_scalars("scalar, until written, 4 threads log", 4, false, false);
    printf("%-44s %.1f ns\n", "(the stop-watch itself)", time_clock());
    print_percentiles("a call, of a million", false);
    print_percentiles("a call, of a million, one processor", true);
    print_histogram();
    rmdir(dir);
    return 0;
}
