/* SPDX-License-Identifier: MIT */
/* tests/reader/test_own.c: what Keratin's writer writes, read back: after it has closed, and while it writes.
 */
#define _GNU_SOURCE 1

#include "made.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const top = "test_own.dir";

static void folder_clear(void)
{
    char path[600];
    DIR *list = opendir(top);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", top, entry->d_name);
        if (strstr(entry->d_name, "tfevents")) unlink(path);
    }
    closedir(list);
    rmdir(top);
}

static void test_written(void **state)
{
    (void)state;
    folder_clear();
    kt_events *events = kt_events_open(top);
    assert_non_null(events);
    static float x[1000];
    kt_bucket buckets[KT_HISTOGRAM_BUCKETS];
    for (int i = 0; i < 1000; i++) x[i] = (float)sin(i * 0.1) * (float)i;
    kt_histogram_buckets(x, 1000, buckets);
    for (int64_t step = 0; step < 300; step++) {
        kt_events_scalar(events, "loss", step == 7 ? NAN : 1.0 / (double)(1 + step), step);
        kt_events_scalar(events, "\xc3\xbc/accuracy", -0.0, step * 1000000007);
        if (step % 100 == 0) kt_events_histogram(events, "weights", x, 1000, step);
    }
    kt_events_histogram(events, "empty", NULL, 0, 5);
    assert_int_equal(kt_events_close(events), KT_OK);
    kt_logdir *log = kt_logdir_open(top);
    assert_non_null(log);
    assert_int_equal(kt_logdir_problems(log), 0);
    assert_int_equal(kt_logdir_series_count(log), 4);
    const kt_series *loss = kt_logdir_find(log, ".", "loss"), *weights = kt_logdir_find(log, ".", "weights");
    assert_int_equal(loss->count, 300);
    for (int64_t i = 0; i < 300; i++) {
        assert_int_equal(loss->steps[i], i);
        assert_true(i == 7 ? isnan(loss->values[i]) : loss->values[i] == (float)(1.0 / (double)(1 + i)));
        assert_true(loss->wall_times[i] > 1.5e9 && (i == 0 || loss->wall_times[i] >= loss->wall_times[i - 1]));
    }
    const kt_series *accuracy = kt_logdir_find(log, ".", "\xc3\xbc/accuracy");
    assert_int_equal(accuracy->steps[299], (int64_t)299 * 1000000007);
    assert_true(signbit(accuracy->values[299]));
    kt_value value;
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(kt_logdir_value(log, weights, i, &value), KT_OK);
        assert_int_equal(value.kind, KT_VALUE_BUCKETS);
        assert_int_equal(value.count, KT_HISTOGRAM_BUCKETS);
        assert_memory_equal(value.buckets, buckets, sizeof buckets);
    }
    assert_int_equal(kt_logdir_value(log, kt_logdir_find(log, ".", "empty"), 0, &value), KT_OK);
    assert_int_equal(value.count, KT_HISTOGRAM_BUCKETS);
    assert_string_equal(kt_logdir_file_at(log, 0)->writer, "keratin");
    kt_logdir_close(log);
    folder_clear();
}

enum { SCALARS = 100000 };

static void *write_all(void *arg)
{
    atomic_bool *done = arg;
    kt_events *events = kt_events_open(top, .flush_seconds = 0.001);
    for (int64_t i = 0; events && i < SCALARS; i++) {
        kt_events_scalar(events, i % 2 ? "odd" : "even", (double)i, i);
        if (i % 1000 == 0) usleep(500);
    }
    kt_events_close(events);
    atomic_store(done, true);
    return NULL;
}

/* A run that is followed: what has been read is never wrong, never falls back, and in the end all of it is there. */
static void test_while_written(void **state)
{
    (void)state;
    folder_clear();
    assert_int_equal(mkdir(top, 0777), 0);
    atomic_bool done = false;
    pthread_t writer;
    kt_logdir *log = kt_logdir_open(top);
    assert_non_null(log);
    assert_int_equal(pthread_create(&writer, NULL, write_all, &done), 0);
    int64_t points = 0, changed;
    for (bool last = false; !last;) {
        last = atomic_load(&done); /* one look more after the end */
        assert_int_equal(kt_logdir_refresh(log, &changed), KT_OK);
        assert_true(changed >= 0);
        points += changed;
        int64_t there = 0;
        for (int64_t i = 0; i < kt_logdir_series_count(log); i++) {
            const kt_series *series = kt_logdir_series(log, i);
            there += series->count;
            assert_int_equal(series->steps[series->count - 1], 2 * (series->count - 1) + (series->tag[0] == 'o'));
            assert_int_equal(series->restarts, 0);
        }
        assert_int_equal(there, points);
        for (int64_t i = 0; i < kt_logdir_problems(log); i++)
            assert_int_equal(kt_logdir_problem_at(log, i)->status, KT_OK);
        usleep(1000);
    }
    pthread_join(writer, NULL);
    assert_int_equal(points, SCALARS);
    assert_int_equal(kt_logdir_problems(log), 0);
    kt_logdir_close(log);
    folder_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_written), cmocka_unit_test(test_while_written) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
