/* SPDX-License-Identifier: MIT */
/*
 * What the small C programs of the bench share: a clock, the median, and the line they print.
 *
 * Each of them is called as `PROGRAM MODE THREADS`, prints JSON lines on standard output, one a
 * measurement, and ends; the driver (bench/run.py) calls them again in each round. Times are
 * microseconds a step: `us` is the median of the samples, `best_us` the shortest, `mean_us` the
 * mean (a few long stalls, which a median hides, are what a busy machine costs). A program that
 * has nothing to say to a mode prints nothing and ends with 0.
 *
 * Measuring code only: nothing here belongs to the library, and errors simply end the program.
 */
#ifndef KERATIN_BENCH_H
#define KERATIN_BENCH_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, pthread_barrier: include this header first */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BENCH_SAMPLES = 400 };

/* One measurement: samples are added until it is full or its time is over. */
typedef struct bench {
    double us[BENCH_SAMPLES];
    int n;
    double end; /* us of bench_now at which to stop */
} bench;

static inline double bench_now(void) /* microseconds */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static inline bench bench_begin(double seconds)
{
    return (bench){ .end = bench_now() + 1e6 * seconds };
}

static inline int bench_more(const bench *b) /* at least three samples are taken */
{
    return b->n < 3 || (b->n < BENCH_SAMPLES && bench_now() < b->end);
}

static inline void bench_add(bench *b, double us)
{
    b->us[b->n++] = us;
}

static inline int bench_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double bench_median(bench *b) /* sorts the samples */
{
    qsort(b->us, (size_t)b->n, sizeof b->us[0], bench_order);
    return b->n % 2 ? b->us[b->n / 2] : 0.5 * (b->us[b->n / 2 - 1] + b->us[b->n / 2]);
}

/* Calls one(arg) `inner` times a sample for some time, after a quarter of a second that only warms: caches, and the clock of a
 * processor that has just come from other work. */
static inline bench bench_run(double seconds, int inner, void (*one)(void *), void *arg)
{
    for (double warm = bench_now() + 250e3; bench_now() < warm;)
        for (int i = 0; i < inner; i++) one(arg);
    bench b = bench_begin(seconds);
    while (bench_more(&b)) {
        double start = bench_now();
        for (int i = 0; i < inner; i++) one(arg);
        bench_add(&b, (bench_now() - start) / inner);
    }
    return b;
}

static inline void bench_print(bench *b, const char *name, int threads, const char *who,
                               const char *variant)
{
    double us = bench_median(b), sum = 0;
    for (int i = 0; i < b->n; i++) sum += b->us[i];
    printf("{\"bench\":\"%s\",\"threads\":%d,\"who\":\"%s\",\"variant\":\"%s\",\"us\":%.4f,"
           "\"best_us\":%.4f,\"mean_us\":%.4f,\"n\":%d}\n",
           name, threads, who, variant, us, b->us[0], sum / b->n, b->n);
    fflush(stdout);
}

#endif
