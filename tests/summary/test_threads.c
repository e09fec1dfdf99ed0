/* SPDX-License-Identifier: MIT */
/* tests/summary/test_threads.c: many threads that log to one log, and the log's own thread.
 *
 * The records say who wrote them and in which order, so the files tell what was lost, doubled or
 * mixed up. The disk is a real one behind a table of calls that can be stopped at a gate, so that
 * what happens while it is slow is exact; where time itself is tested, limits are generous, since
 * the machine may be busy.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <time.h>

#include "events_reader.h"
#include "summary/writer.h"

static char dir[64];

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

/* ---- A disk with a gate ---------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool closed;   /* writes wait */
    int inside;    /* writes that wait or are being made */
    atomic_int delay_ms; /* before each write */
    int64_t room;  /* how large a file may become */
    _Atomic int writes, syncs;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static int64_t disk_write_at(int fd, const void *bytes, size_t n, int64_t at)
{
    disk.writes++;
    if (disk.delay_ms > 0) pause_ms(disk.delay_ms);
    pthread_mutex_lock(&disk.lock);
    disk.inside++;
    pthread_cond_broadcast(&disk.moved);
    while (disk.closed) pthread_cond_wait(&disk.moved, &disk.lock);
    disk.inside--;
    int64_t room = disk.room;
    pthread_mutex_unlock(&disk.lock);
    if (at >= room) {
        errno = ENOSPC;
        return -1;
    }
    return kt_file_system.write_at(fd, bytes, room - at < (int64_t)n ? (size_t)(room - at) : n, at);
}

static int disk_sync(int fd)
{
    disk.syncs++;
    return kt_file_system.sync(fd);
}

static kt_file_calls disk_calls;

static void disk_set(bool closed, int64_t room)
{
    pthread_mutex_lock(&disk.lock);
    disk.closed = closed;
    disk.room = room;
    pthread_cond_broadcast(&disk.moved);
    pthread_mutex_unlock(&disk.lock);
}

static void disk_wait_until_inside(void)
{
    pthread_mutex_lock(&disk.lock);
    while (disk.inside == 0) pthread_cond_wait(&disk.moved, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

static int set_up(void **state)
{
    (void)state;
    disk_calls = kt_file_system;
    disk_calls.write_at = disk_write_at;
    disk_calls.sync = disk_sync;
    disk_set(false, INT64_MAX);
    disk.delay_ms = 0;
    disk.writes = disk.syncs = 0;
    reader_make_dir(dir);
    return dir[0] ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    reader_remove(dir);
    return 0;
}

#define open_on_disk(...) \
    kt_events_open_on(&(kt_events_config){ .logdir = dir, .buffer_bytes = 4096, __VA_ARGS__ }, &disk_calls)

/* The steps of a file's only tag: how many, the first, the last; each above the one before. */
typedef struct series {
    int count;
    int64_t first, last;
    size_t rest;
} series;

static series read_series(const char *path)
{
    series s = { 0 };
    event_file file = reader_open(path);
    event e;
    size_t at = 0;
    assert_true(reader_next(&file, &at, &e) && e.version);
    while (reader_next(&file, &at, &e)) {
        if (s.count++ == 0) s.first = e.step;
        else assert_true(e.step > s.last);
        s.last = e.step;
    }
    s.rest = file.size - at;
    free(file.bytes);
    return s;
}

/* ---- Many threads ---------------------------------------------------------------------------- */

enum { WRITERS = 8, WRITER_TAGS = 20, WRITER_STEPS = 600 };

typedef struct writer {
    pthread_t thread;
    kt_events *log;
    int index;
    int kind_errors;
    atomic_bool stop;
} writer;

static void *write_much(void *user)
{
    writer *w = user;
    char tag[32];
    for (int step = 1; step <= WRITER_STEPS; step++)
        for (int t = 0; t < WRITER_TAGS; t++) {
            snprintf(tag, sizeof tag, "thread%d/tag%d", w->index, t);
            kt_status status = t % 5 == 4
                                   ? kt_events_histogram(w->log, tag, (float[]){ (float)step, 1, 2 }, 3, step)
                                   : kt_events_scalar(w->log, tag, w->index * 1000000 + step, step);
            if (status != KT_OK) return "a call failed";
            if (step % 100 == 0 && t == 0 && kt_events_flush(w->log) != KT_OK) return "a flush failed";
        }
    /* one name, two kinds: who is first decides for all */
    kt_status status = w->index % 2 ? kt_events_scalar(w->log, "shared", 1, w->index)
                                    : kt_events_histogram(w->log, "shared", NULL, 0, w->index);
    w->kind_errors = status == KT_ERR_VALUE;
    return NULL;
}

static void many_threads(bool no_thread, int64_t rotate_bytes)
{
    char run[128];
    snprintf(run, sizeof run, "%s/%d-%d", dir, no_thread, rotate_bytes > 0);
    kt_events *log = kt_events_open(run, .no_thread = no_thread, .rotate_bytes = rotate_bytes);
    writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){ .log = log, .index = i };
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_much, &writers[i]), 0);
    }
    int kind_errors = 0;
    for (int i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(writers[i].thread, &failed);
        if (failed) fail_msg("%s: %s", (char *)failed, kt_events_message(log));
        kind_errors += writers[i].kind_errors;
    }
    assert_int_equal(kind_errors, WRITERS / 2);
    assert_int_equal(kt_events_dropped(log), 0);
    assert_int_equal(kt_events_close(log), KT_OK);

    static int last[WRITERS][WRITER_TAGS];
    memset(last, 0, sizeof last);
    struct dirent **names;
    int files = scandir(run, &names, NULL, alphasort), records = 0, shared = 0;
    for (int f = 0; f < files; f++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", run, names[f]->d_name);
        if (strstr(names[f]->d_name, "tfevents")) {
            event_file file = reader_open(path);
            event e;
            size_t at = 0;
            assert_true(reader_next(&file, &at, &e) && e.version);
            if (rotate_bytes > 0) assert_true((int64_t)file.size <= rotate_bytes);
            while (reader_next(&file, &at, &e)) {
                int index, t;
                if (sscanf(e.tag, "thread%d/tag%d", &index, &t) != 2) {
                    assert_string_equal(e.tag, "shared");
                    shared++;
                    continue;
                }
                assert_int_equal(e.step, ++last[index][t]); /* each once, in order */
                if (t % 5 == 4) assert_int_equal(e.content_size, 30 * 24);
                else assert_true(reader_float(&e) == (float)(index * 1000000 + e.step));
                records++;
            }
            assert_int_equal(at, file.size);
            free(file.bytes);
        }
        free(names[f]);
    }
    free(names);
    assert_int_equal(records, WRITERS * WRITER_TAGS * WRITER_STEPS);
    assert_int_equal(shared, WRITERS / 2);
    if (rotate_bytes > 0) assert_true(files > 20);
}

static void test_many_threads(void **state)
{
    (void)state;
    many_threads(false, 0);
    many_threads(true, 0);
    many_threads(false, 300000);
}

/* What was logged before a flush is in the file after it, whoever else logs meanwhile. */
static void *log_until_told(void *user)
{
    writer *w = user;
    for (int64_t step = 1; !w->stop; step++) {
        kt_events_scalar(w->log, "noise", 1, step);
        if (step % 20 == 0) usleep(2000);
    }
    return NULL;
}

static void test_flush_is_an_end(void **state)
{
    (void)state;
    kt_events *log = kt_events_open(dir);
    writer noise = { .log = log };
    pthread_create(&noise.thread, NULL, log_until_told, &noise);
    for (int step = 1; step <= 30; step++) {
        kt_events_scalar(log, "mine", 1, step);
        assert_int_equal(step == 25 ? kt_events_sync(log) : kt_events_flush(log), KT_OK);
        event_file file = reader_open(kt_events_path(log));
        event e;
        size_t at = 0;
        int64_t last = 0;
        while (reader_next(&file, &at, &e))
            if (strcmp(e.tag, "mine") == 0) last = e.step;
        free(file.bytes);
        assert_int_equal(last, step);
    }
    noise.stop = true;
    pthread_join(noise.thread, NULL);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* ---- The log's thread ------------------------------------------------------------------------ */

/* Nobody flushes: the thread does, when the records are old enough and not before. */
static void test_writes_by_itself(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.flush_seconds = 0.2);
    for (int round = 0; round < 3; round++) {
        double start = seconds();
        kt_events_scalar(log, "x", 1, round);
        while (reader_count(kt_events_path(log), NULL) < 2 + round && seconds() - start < 20) pause_ms(5);
        assert_true(seconds() - start < 20);
        assert_true(seconds() - start > 0.19);
    }
    kt_events_close(log);

    log = open_on_disk(.flush_seconds = 1000); /* a full block is written at once */
    double start = seconds();
    for (int64_t step = 0; step < 100; step++) kt_events_scalar(log, "x", 1, step);
    while (reader_count(kt_events_path(log), NULL) < 50 && seconds() - start < 20) pause_ms(5);
    int found = reader_count(kt_events_path(log), NULL);
    assert_in_range(found, 50, 99); /* but not the block that still grows */
    assert_int_equal(kt_events_tick(log), KT_OK);
    assert_int_equal(kt_events_close(log), KT_OK);

    log = open_on_disk(.flush_seconds = -1); /* at once */
    for (int round = 0; round < 20; round++) {
        kt_events_scalar(log, "x", 1, round);
        for (start = seconds(); reader_count(kt_events_path(log), NULL) < 2 + round;) {
            assert_true(seconds() - start < 20);
            pause_ms(1);
        }
    }
    kt_events_close(log);
}

/* While the disk is stuck in a write, calls are as quick as ever and nothing is lost. */
static void test_stuck_disk(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.flush_seconds = -1);
    disk_set(true, INT64_MAX);
    kt_events_scalar(log, "x", 1, 0);
    disk_wait_until_inside();
    double start = seconds();
    for (int64_t step = 1; step <= 10000; step++) assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_OK);
    assert_int_equal(kt_events_histogram(log, "h", NULL, 0, 1), KT_OK);
    assert_int_equal(kt_events_status(log), KT_OK);
    assert_true(seconds() - start < 10); /* no call has waited: the gate is still closed */
    disk_set(false, INT64_MAX);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 10003);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* Each write takes 20 ms; the slowest of the calls meanwhile is far from that. */
static void test_slow_disk(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.flush_seconds = 0.01);
    disk.delay_ms = 20;
    int slow = 0;
    for (int64_t step = 0; step < 20000; step++) {
        double start = seconds();
        assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_OK);
        slow += seconds() - start > 0.010;
        if (step % 1000 == 0) pause_ms(1);
    }
    assert_true(slow < 10); /* other programs may take the processor away now and then */
    disk.delay_ms = 0;
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* The three policies, with a disk that takes nothing until the gate opens. */
static void test_drop_newest(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.queue_bytes = 16384, .flush_seconds = -1);
    disk_set(true, INT64_MAX);
    int64_t accepted = 0;
    bool dropping = false;
    for (int64_t step = 1; step <= 1000; step++) {
        bool taken = kt_events_scalar(log, "x", 1, step) == KT_OK;
        assert_false(taken && dropping);
        dropping = !taken;
        accepted += taken;
    }
    assert_in_range(accepted, 16384 / 60 - 4, 16384 / 56);
    assert_int_equal(kt_events_dropped(log), 1000 - accepted);
    assert_int_equal(kt_events_status(log), KT_ERR_IO);
    assert_non_null(strstr(kt_events_message(log), "kt_events_scalar: the disk is too slow, "));
    assert_non_null(strstr(kt_events_message(log), "log less or set a larger queue_bytes"));
    disk_set(false, INT64_MAX);
    assert_int_equal(kt_events_flush(log), KT_OK);
    series s = read_series(kt_events_path(log));
    assert_true(s.count == accepted && s.first == 1 && s.last == accepted && s.rest == 0);
    assert_int_equal(kt_events_scalar(log, "x", 1, 1001), KT_OK);
    assert_int_equal(kt_events_close(log), KT_ERR_IO); /* something was lost */
}

static void test_drop_oldest(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.queue_bytes = 16384, .flush_seconds = -1, .when_full = KT_FULL_DROP_OLDEST);
    disk_set(true, INT64_MAX);
    kt_events_scalar(log, "x", 1, 1);
    disk_wait_until_inside(); /* with the first record */
    for (int64_t step = 2; step <= 1000; step++) assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_OK);
    int64_t dropped = kt_events_dropped(log);
    assert_in_range(dropped, 1000 - 16384 / 56, 1000 - 16384 / 60 + 8);
    assert_int_equal(kt_events_status(log), KT_ERR_IO);
    assert_non_null(strstr(kt_events_message(log), "kt_events_scalar: the disk is too slow, "));
    disk_set(false, INT64_MAX);
    assert_int_equal(kt_events_flush(log), KT_OK);
    event_file file = reader_open(kt_events_path(log));
    event e;
    size_t at = 0;
    int count = 0;
    int64_t last = 0;
    reader_next(&file, &at, &e);
    while (reader_next(&file, &at, &e)) {
        if (count++ == 0) assert_int_equal(e.step, 1); /* it was being written */
        else assert_int_equal(e.step, count == 2 ? dropped + 2 : last + 1);
        last = e.step;
    }
    assert_int_equal(at, file.size);
    free(file.bytes);
    assert_int_equal(last, 1000);
    assert_int_equal(count, 1000 - dropped);
    assert_int_equal(kt_events_close(log), KT_ERR_IO);
}

static void *open_gate_later(void *user)
{
    pause_ms(*(int *)user);
    disk_set(false, INT64_MAX);
    return NULL;
}

static void test_wait(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.queue_bytes = 8192, .when_full = KT_FULL_WAIT, .wait_seconds = 0.3);
    disk_set(true, INT64_MAX);
    int64_t step = 1;
    double start = seconds();
    while (kt_events_scalar(log, "x", 1, step) == KT_OK) step++; /* the last one waits in vain */
    assert_true(seconds() - start >= 0.3);
    start = seconds();
    for (int i = 0; i < 1000; i++) assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_ERR_IO);
    assert_true(seconds() - start < 5); /* no second wait while the disk takes nothing */
    assert_int_equal(kt_events_dropped(log), 1001);
    disk_set(false, INT64_MAX);
    assert_int_equal(kt_events_flush(log), KT_OK);
    kt_events_close(log);

    /* a disk that is merely slow: everything arrives */
    disk.delay_ms = 3;
    log = open_on_disk(.queue_bytes = 8192, .when_full = KT_FULL_WAIT, .wait_seconds = 60);
    char path[512];
    strcpy(path, kt_events_path(log));
    for (step = 1; step <= 3000; step++) assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_OK);
    disk_set(true, INT64_MAX);
    pthread_t later;
    int ms = 150;
    pthread_create(&later, NULL, open_gate_later, &ms);
    for (; step <= 4000; step++) assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_OK);
    pthread_join(later, NULL);
    assert_int_equal(kt_events_dropped(log), 0);
    assert_int_equal(kt_events_close(log), KT_OK);
    series s = read_series(path);
    assert_true(s.count == 4000 && s.last == 4000 && s.rest == 0);
}

/* Several calls that wait at once: none goes without because another was
 * quicker. Five of their records fill the queue. */
static void *log_a_lot(void *user)
{
    const writer *w = user;
    char tag[32];
    snprintf(tag, sizeof tag, "thread%d", w->index);
    for (int64_t step = 1; step <= 50; step++)
        if (kt_events_histogram(w->log, tag, NULL, 0, step) != KT_OK) return "a call failed";
    return NULL;
}

static void test_many_wait(void **state)
{
    (void)state;
    disk.delay_ms = 2;
    kt_events *log = open_on_disk(.queue_bytes = 4096, .when_full = KT_FULL_WAIT, .wait_seconds = 60);
    char path[512];
    strcpy(path, kt_events_path(log));
    writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){ .log = log, .index = i };
        pthread_create(&writers[i].thread, NULL, log_a_lot, &writers[i]);
    }
    for (int i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(writers[i].thread, &failed);
        assert_null(failed);
    }
    assert_int_equal(kt_events_dropped(log), 0);
    assert_int_equal(kt_events_close(log), KT_OK);
    assert_int_equal(reader_count(path, NULL), 1 + WRITERS * 50);
}

/* A record above queue_bytes goes through when nothing else waits. */
static void test_large_record(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    kt_bucket *many = calloc(MANY, sizeof *many);
    kt_events *log = open_on_disk(.queue_bytes = 8192);
    kt_events_scalar(log, "x", 1, 1);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(kt_events_histogram_buckets(log, "h", many, MANY, 1), KT_OK);
    assert_int_equal(kt_events_flush(log), KT_OK);
    kt_events_scalar(log, "x", 1, 2);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 4);
    assert_int_equal(kt_events_close(log), KT_OK);
    free(many);
}

/* The disk is full for a while: the thread tries each second and goes on by itself. */
static void test_full_disk(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.flush_seconds = 0.01);
    disk_set(false, 500);
    for (int64_t step = 1; step <= 300; step++) assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_OK);
    double start = seconds();
    while (kt_events_status(log) == KT_OK && seconds() - start < 20) pause_ms(5);
    assert_int_equal(kt_events_status(log), KT_ERR_IO);
    assert_non_null(strstr(kt_events_message(log), "no space is left on the disk; free some"));
    assert_int_equal(kt_events_flush(log), KT_ERR_IO);
    assert_int_equal(read_series(kt_events_path(log)).rest, 0); /* no half record */
    int writes = disk.writes;
    pause_ms(300);
    assert_true(disk.writes - writes <= 2); /* once a second, two calls each */

    disk_set(false, INT64_MAX);
    for (start = seconds(); reader_count(kt_events_path(log), NULL) < 301 && seconds() - start < 20;) pause_ms(20);
    series s = read_series(kt_events_path(log));
    assert_true(s.count == 300 && s.last == 300 && s.rest == 0);
    assert_int_equal(kt_events_dropped(log), 0);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* A real one: a small file system in memory, full to the brim. The thread resumes without being asked. */
static void test_real_full_disk(void **state)
{
    (void)state;
    char mounted[128], filler[160];
    snprintf(mounted, sizeof mounted, "%s/small", dir);
    assert_int_equal(mkdir(mounted, 0777), 0);
    if (mount("tmpfs", mounted, "tmpfs", 0, "size=64k") != 0) skip();
    snprintf(filler, sizeof filler, "%s/filler", mounted);
    FILE *out = fopen(filler, "w");
    for (int i = 0; i < 40960; i++) fputc('x', out);
    fclose(out);

    kt_events *log = kt_events_open(mounted, .buffer_bytes = 4096, .queue_bytes = 20480, .flush_seconds = 0.01);
    bool opened = log != NULL;
    int64_t accepted = 0;
    int calls = 0;
    for (; calls < 3000 && (calls < 1000 || kt_events_dropped(log) == 0); calls++) {
        accepted += kt_events_scalar(log, "loss", 1, calls + 1) == KT_OK;
        if (calls % 100 == 0) pause_ms(1);
    }
    int64_t dropped = kt_events_dropped(log);
    size_t rest = 1, rest_after = 1;
    kt_status refused = kt_events_flush(log);
    reader_count(kt_events_path(log), &rest);
    bool said = strstr(kt_events_message(log), "no space is left on the disk") != NULL;
    unlink(filler);
    int found = 0;
    for (double start = seconds(); found < accepted && seconds() - start < 20; pause_ms(20))
        found = reader_count(kt_events_path(log), &rest_after) - 1;
    kt_events_close(log);
    umount(mounted);

    assert_true(opened && said);
    assert_int_equal(refused, KT_ERR_IO);
    assert_int_equal(accepted + dropped, calls);
    assert_true(dropped > 0);
    assert_int_equal(rest, 0);
    assert_int_equal(found, accepted);
    assert_int_equal(rest_after, 0);
}

static void test_removed_directory(void **state)
{
    (void)state;
    char run[128], before[512];
    snprintf(run, sizeof run, "%s/run", dir);
    kt_events *log = kt_events_open(run, .flush_seconds = 0.05);
    strcpy(before, kt_events_path(log));
    kt_events_scalar(log, "x", 1, 1);
    assert_int_equal(kt_events_flush(log), KT_OK);
    reader_remove(run);
    kt_events_scalar(log, "x", 1, 2);
    double start = seconds();
    while (strcmp(kt_events_path(log), before) == 0 && seconds() - start < 20) pause_ms(5);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_true(strcmp(kt_events_path(log), before) > 0);
    series s = read_series(kt_events_path(log));
    assert_true(s.count == 1 && s.first == 2 && s.rest == 0);
    assert_int_equal(kt_events_status(log), KT_ERR_IO);
    assert_int_equal(kt_events_close(log), KT_OK);
}

static void test_sync_option(void **state)
{
    (void)state;
    kt_events *log = open_on_disk(.sync = true);
    kt_events_scalar(log, "x", 1, 1);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(disk.syncs, 1);
    assert_int_equal(kt_events_close(log), KT_OK);
}

#define life(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        life(test_many_threads),
        life(test_flush_is_an_end),
        life(test_writes_by_itself),
        life(test_stuck_disk),
        life(test_slow_disk),
        life(test_drop_newest),
        life(test_drop_oldest),
        life(test_wait),
        life(test_many_wait),
        life(test_large_record),
        life(test_full_disk),
        life(test_real_full_disk),
        life(test_removed_directory),
        life(test_sync_option),
    };
    return cmocka_run_group_tests_name("summary/threads", tests, NULL, NULL);
}
