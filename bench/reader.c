/* SPDX-License-Identifier: MIT */
/*
 * What reading a log costs: 10 runs x 10 tags x 100,000 scalars, 538 MB, every point kept.
 *
 *   reader DIR [RUNS TAGS POINTS]      DIR/logs is made if it is not there, and stays; DIR/index
 *                                      is made and removed; build: with libkeratin-summary
 *
 * The records are those that PyTorch writes (simple_value, one record a scalar), written by hand:
 * what is read here must not depend on what our own writer does. Each reading is a process of its
 * own, so that its peak of memory is its own; the files are in the system's cache. Printed are the
 * best and the middle one of several. "reopen" opens through the index that the reading before has
 * written; "and asked" loads each column then, which a program does as it asks for them.
 */
#define _GNU_SOURCE
#include "peers/bench.h"

#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <keratin/reader.h>

enum { ROUNDS = 7 };

/* ---- The log --------------------------------------------------------------------------------- */

static uint32_t crc_table[256];

static void crc_begin(void) /* the plain form, once per process: making the log may take a while */
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
        crc_table[i] = crc;
    }
}

static void put_crc(unsigned char *to, const unsigned char *bytes, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 255];
    crc = ~crc;
    crc = ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
    memcpy(to, &crc, 4);
}

static void put_record(FILE *file, const unsigned char *payload, size_t n)
{
    unsigned char record[256];
    uint64_t length = n;
    memcpy(record, &length, 8);
    put_crc(record + 8, record, 8);
    memcpy(record + 12, payload, n);
    put_crc(record + 12 + n, payload, n);
    fwrite(record, 1, n + 16, file);
}

static void put_scalar(FILE *file, double wall, long step, const char *tag, float value)
{
    unsigned char p[128], *at = p;
    size_t n = strlen(tag);
    *at++ = 9;
    memcpy(at, &wall, 8);
    at += 8;
    *at++ = 16;
    for (unsigned long rest = (unsigned long)step;; rest >>= 7) {
        *at++ = (unsigned char)(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest <= 127) break;
    }
    const unsigned char head[] = { 42, (unsigned char)(n + 9), 10, (unsigned char)(n + 7), 10, (unsigned char)n };
    memcpy(at, head, sizeof head);
    at += sizeof head;
    memcpy(at, tag, n);
    at += n;
    *at++ = 21;
    memcpy(at, &value, 4);
    put_record(file, p, (size_t)(at + 4 - p));
}

static void make_log(const char *logs, int runs, int tags, long points)
{
    static const unsigned char version[] = "\x09\0\0\0\0\0\0\xd9\x41\x1a\x0d"
                                           "brain.Event:2";
    char path[1024], tag[32];
    mkdir(logs, 0777);
    crc_begin();
    for (int r = 0; r < runs; r++) {
        snprintf(path, sizeof path, "%s/run%02d", logs, r);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "%s/run%02d/events.out.tfevents.1700000000.host.%d.0", logs, r, r);
        FILE *file = fopen(path, "wb");
        if (!file) {
            fprintf(stderr, "reader: cannot write %s\n", path);
            exit(1);
        }
        put_record(file, version, sizeof version - 1);
        for (long i = 0; i < points; i++)
            for (int t = 0; t < tags; t++) {
                snprintf(tag, sizeof tag, "train/metric_%d", t);
                put_scalar(file, 1.7e9 + (double)i * 1e-3, i, tag, 1.0f / (float)(1 + i) + (float)t);
            }
        if (fclose(file) != 0) exit(1);
    }
}

/* ---- The readings ---------------------------------------------------------------------------- */

typedef struct reading {
    double opened, asked; /* seconds until it was open, and until all columns were there */
    double points, bytes;
    double peak_mb;
} reading;

static reading read_once(const char *logs, int threads, const char *index)
{
    reading r = { 0 };
    double start = bench_now();
    kt_logdir *log = kt_logdir_open(logs, .threads = threads, .index = index);
    r.opened = (bench_now() - start) * 1e-6;
    for (int64_t i = 0; i < kt_logdir_series_count(log); i++) {
        const kt_series *series = kt_logdir_series(log, i);
        if (series) r.points += (double)series->count;
    }
    r.asked = (bench_now() - start) * 1e-6;
    for (int64_t i = 0; i < kt_logdir_files(log); i++) r.bytes += (double)kt_logdir_file_at(log, i)->bytes;
    kt_logdir_close(log);
    return r;
}

static int reading_order(const void *a, const void *b)
{
    const reading *x = a, *y = b;
    return (x->opened > y->opened) - (x->opened < y->opened);
}

static void measure(const char *name, const char *logs, int threads, const char *index, bool afresh)
{
    reading all[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        int ends[2], status;
        if (afresh && index) unlink(index);
        if (pipe(ends) != 0) exit(1);
        pid_t child = fork();
        if (child == 0) {
            reading r = read_once(logs, threads, index);
            struct rusage use;
            getrusage(RUSAGE_SELF, &use);
            r.peak_mb = (double)use.ru_maxrss / 1024;
            _exit(write(ends[1], &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
        }
        close(ends[1]);
        if (child < 0 || read(ends[0], &all[i], sizeof all[i]) != (ssize_t)sizeof all[i]) exit(1);
        close(ends[0]);
        waitpid(child, &status, 0);
    }
    qsort(all, ROUNDS, sizeof *all, reading_order);
    double peak = 0;
    for (int i = 0; i < ROUNDS; i++) peak = all[i].peak_mb > peak ? all[i].peak_mb : peak;
    printf("{\"what\": \"%s\", \"threads\": %d, \"points\": %.0f, \"mb\": %.0f, \"seconds\": %.4f, \"median_seconds\": "
           "%.4f, "
           "\"asked_seconds\": %.4f, \"peak_mb\": %.0f}\n",
           name, threads, all[0].points, all[0].bytes * 1e-6, all[0].opened, all[ROUNDS / 2].opened, all[0].asked,
           peak);
    fflush(stdout);
}

int main(int count, char **words)
{
    char logs[900], index[900];
    if (count != 2 && count != 5) {
        fprintf(stderr, "usage: reader DIR [RUNS TAGS POINTS]\n");
        return 2;
    }
    snprintf(logs, sizeof logs, "%s/logs", words[1]);
    snprintf(index, sizeof index, "%s/index", words[1]);
    int runs = count > 2 ? atoi(words[2]) : 10, tags = count > 2 ? atoi(words[3]) : 10;
    long points = count > 2 ? atol(words[4]) : 100000;
    mkdir(words[1], 0777);
    if (access(logs, F_OK) != 0) make_log(logs, runs, tags, points);
    measure("read", logs, 1, NULL, false);
    measure("read", logs, 2, NULL, false);
    measure("read and remember", logs, 2, index, true);
    measure("reopen", logs, 2, index, false);
    unlink(index);
    return 0;
}
