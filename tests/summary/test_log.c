/* SPDX-License-Identifier: MIT */
/* tests/summary/test_log.c: the life of a log on real files.
 *
 * What is written is read back by a reader that shares no code with the library. Time is a number
 * the test sets, so that flushing by age, retries and file names are exact and nothing sleeps.
 * Failures of the system are in test_failures.c.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#include <keratin/summary.h>

#include "events_reader.h"

static char dir[64];
static double clock_now;

static double test_clock(void *user)
{
    assert_ptr_equal(user, &clock_now);
    return clock_now;
}

static int set_up(void **state)
{
    (void)state;
    clock_now = 1700000000.0;
    reader_make_dir(dir);
    return dir[0] ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    reader_remove(dir);
    return 0;
}

/* Without a thread, so that what is written when is exact. Threads are in test_threads.c. */
#define open_log(...) \
    kt_events_open(__VA_ARGS__, .no_thread = true, .now = test_clock, .now_user = &clock_now)

/* The n-th event of a file, from 0; false when there are fewer. */
static bool nth(const char *path, int n, event *e, event_file *file)
{
    *file = reader_open(path);
    size_t at = 0;
    for (int i = 0; i <= n; i++)
        if (!reader_next(file, &at, e)) return false;
    return true;
}

static void test_first_record(void **state)
{
    (void)state;
    char run[128], expected[256], host[64];
    snprintf(run, sizeof run, "%s/a/b//c/", dir);
    kt_events *log = open_log(run);
    assert_non_null(log);
    assert_int_equal(kt_events_status(log), KT_OK);
    assert_string_equal(kt_events_message(log), "");

    gethostname(host, sizeof host);
    snprintf(expected, sizeof expected, "%sevents.out.tfevents.1700000000.%s.%ld.0.v2", run, host,
             (long)getpid());
    assert_string_equal(kt_events_path(log), expected);

    event e;
    event_file file;
    assert_true(nth(kt_events_path(log), 0, &e, &file)); /* without a flush */
    assert_true(e.version && e.wall == 1700000000.0 && e.step == 0);
    assert_string_equal(e.writer, "keratin");
    free(file.bytes);
    assert_int_equal(kt_events_close(log), KT_OK);
}

static void test_values(void **state)
{
    (void)state;
    const double values[] = { 0.25, 0, -0.0, NAN, INFINITY, -INFINITY, 1e300, 1e-45, 0.1 };
    const size_t count = sizeof values / sizeof *values;
    kt_events *log = open_log(dir);
    char path[512];
    strcpy(path, kt_events_path(log));
    for (size_t i = 0; i < count; i++) {
        clock_now += 0.5;
        assert_int_equal(kt_events_scalar(log, "group/loss", values[i], (int64_t)i * 1000000007),
                         KT_OK);
    }
    assert_int_equal(kt_events_close(log), KT_OK);

    event_file file = reader_open(path);
    event e;
    size_t at = 0;
    assert_true(reader_next(&file, &at, &e) && e.version);
    for (size_t i = 0; i < count; i++) {
        assert_true(reader_next(&file, &at, &e));
        assert_true(e.wall == 1700000000.0 + 0.5 * (double)(i + 1));
        assert_true(e.step == (int64_t)i * 1000000007);
        assert_string_equal(e.tag, "group/loss");
        assert_string_equal(e.plugin, "scalars");
        assert_int_equal(e.dtype, 1);
        assert_int_equal(e.rank, 0);
        assert_int_equal(e.content_size, 4);
        float expected = (float)values[i], got = reader_float(&e);
        assert_true(isnan(expected) ? isnan(got) : memcmp(&expected, &got, 4) == 0);
    }
    assert_int_equal(at, file.size);
    free(file.bytes);
}

static void test_histograms(void **state)
{
    (void)state;
    const float x[] = { 0, 1, 2, 3, NAN, 30 };
    const double y[] = { 5, 5, 5 };
    const kt_bucket own[2] = { { 0, 1, 3 }, { 1, 2, 5 } };
    kt_events *log = open_log(dir);
    assert_int_equal(kt_events_histogram(log, "x", x, 6, 1), KT_OK);
    assert_int_equal(kt_events_histogram_f64(log, "y", y, 3, 2), KT_OK);
    assert_int_equal(kt_events_histogram_buckets(log, "own", own, 2, 3), KT_OK);
    assert_int_equal(kt_events_histogram(log, "none", NULL, 0, 4), KT_OK);
    assert_int_equal(kt_events_nonfinite(log), 1);
    assert_int_equal(kt_events_flush(log), KT_OK);

    event_file file = reader_open(kt_events_path(log));
    event e;
    size_t at = 0;
    reader_next(&file, &at, &e);
    assert_true(reader_next(&file, &at, &e));
    assert_string_equal(e.plugin, "histograms");
    assert_true(e.dtype == 2 && e.rank == 2 && e.dim[0] == 30 && e.dim[1] == 3 &&
                e.content_size == 30 * 3 * 8);
    for (size_t b = 0; b < 30; b++) {
        assert_true(reader_double(&e, 3 * b) == (double)b &&
                    reader_double(&e, 3 * b + 1) == (double)b + 1);
        assert_true(reader_double(&e, 3 * b + 2) == (b < 4 || b == 29 ? 1 : 0));
    }
    assert_true(reader_next(&file, &at, &e) && e.step == 2);
    assert_true(reader_double(&e, 0) == 5 && reader_double(&e, 89) == 3);
    assert_true(reader_next(&file, &at, &e) && e.dim[0] == 2 && reader_double(&e, 5) == 5);
    assert_true(reader_next(&file, &at, &e) && e.dim[0] == 30);
    for (size_t i = 0; i < 90; i++) assert_true(reader_double(&e, i) == 0);
    free(file.bytes);
    assert_int_equal(kt_events_close(log), KT_OK);
}

static void test_mistakes(void **state)
{
    (void)state;
    static char longest[1026];
    memset(longest, 'x', 1025);
    kt_events *log = open_log(dir);
    assert_int_equal(kt_events_scalar(log, "", 1, 1), KT_ERR_VALUE);
    assert_string_equal(
        kt_events_message(log),
        "kt_events_scalar: expected a tag of 1 to 1024 bytes, got an empty one; name the series");
    assert_int_equal(kt_events_scalar(log, NULL, 1, 1), KT_ERR_VALUE);
    assert_non_null(strstr(kt_events_message(log), "got NULL"));
    assert_int_equal(kt_events_scalar(log, longest, 1, 1), KT_ERR_VALUE);
    assert_non_null(strstr(kt_events_message(log), "got a longer one"));
    assert_int_equal(kt_events_scalar(log, longest + 1, 1, 1), KT_OK);
    assert_int_equal(kt_events_histogram(log, "h", NULL, 3, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_histogram(log, "h", &(float){ 1 }, -3, 1), KT_ERR_VALUE);
    assert_non_null(strstr(kt_events_message(log), "got an array and -3"));
    assert_int_equal(kt_events_histogram_buckets(log, "h", NULL, 1, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_histogram_buckets(log, "h", NULL, -1, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_histogram_buckets(log, "h", NULL, INT64_MAX, 1), KT_ERR_VALUE);

    assert_int_equal(kt_events_scalar(log, "loss", 1, 1), KT_OK);
    assert_int_equal(kt_events_histogram(log, "loss", &(float){ 1 }, 1, 2), KT_ERR_VALUE);
    assert_string_equal(
        kt_events_message(log),
        "kt_events_histogram: the tag \"loss\" is of scalars since its first use, got "
        "histograms; TensorBoard shows one kind per tag: choose another tag");
    assert_int_equal(kt_events_scalar(log, "loss", 1, 3), KT_OK); /* the first kind goes on */
    assert_int_equal(kt_events_status(log), KT_ERR_VALUE);
    assert_int_equal(kt_events_dropped(log), 0);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 4);
    assert_int_equal(kt_events_close(log), KT_OK);
}

static void test_null(void **state)
{
    (void)state;
    assert_int_equal(kt_events_scalar(NULL, "a", 1, 1), KT_ERR_STATE);
    assert_int_equal(kt_events_histogram(NULL, "a", NULL, 0, 1), KT_ERR_STATE);
    assert_int_equal(kt_events_histogram(NULL, "a", NULL, 1, 1), KT_ERR_STATE);
    assert_int_equal(kt_events_histogram_f64(NULL, "a", NULL, 0, 1), KT_ERR_STATE);
    assert_int_equal(kt_events_histogram_buckets(NULL, "a", NULL, 0, 1), KT_ERR_STATE);
    assert_int_equal(kt_events_flush(NULL), KT_ERR_STATE);
    assert_int_equal(kt_events_tick(NULL), KT_ERR_STATE);
    assert_int_equal(kt_events_sync(NULL), KT_ERR_STATE);
    assert_int_equal(kt_events_close(NULL), KT_ERR_STATE);
    assert_int_equal(kt_events_status(NULL), KT_ERR_STATE);
    assert_int_equal(kt_events_dropped(NULL), 0);
    assert_int_equal(kt_events_nonfinite(NULL), 0);
    assert_string_equal(kt_events_message(NULL), "");
    assert_string_equal(kt_events_path(NULL), "");
    assert_null(kt_events_open_with(NULL));
}

static void *some_allocate(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void refused(kt_events_config config, const char *sentence)
{
    kt_events_error error = { .status = KT_OK };
    config.error = &error;
    assert_null(kt_events_open_with(&config));
    assert_int_equal(error.status, KT_ERR_VALUE);
    if (!strstr(error.message, sentence)) fail_msg("got \"%s\"", error.message);
}

static void test_configuration(void **state)
{
    (void)state;
    refused((kt_events_config){ .logdir = NULL }, "kt_events_open: expected a directory, got none");
    refused((kt_events_config){ .logdir = "" }, "expected a directory");
    refused((kt_events_config){ .logdir = dir, .suffix = "/x" }, "without a slash");
    refused((kt_events_config){ .logdir = dir, .buffer_bytes = 10 }, "buffer_bytes");
    refused((kt_events_config){ .logdir = dir, .flush_seconds = NAN }, "flush_seconds");
    refused((kt_events_config){ .logdir = dir, .allocator = { .allocate = some_allocate } },
            "allocator");

    kt_events_error error = { .status = KT_ERR_IO };
    kt_events *log = kt_events_open_with(
        &(kt_events_config){ .logdir = dir, .suffix = "mine", .error = &error });
    assert_non_null(log);
    assert_int_equal(error.status, KT_OK);
    const char *path = kt_events_path(log);
    assert_string_equal(path + strlen(path) - 7, ".0.mine");
    assert_int_equal(kt_events_close(log), KT_OK);

    /* a caller that knows fewer fields */
    log = kt_events_open_with(&(kt_events_config){ .size = offsetof(kt_events_config, suffix),
                                                   .logdir = dir,
                                                   .suffix = "/",
                                                   .buffer_bytes = 1 });
    assert_non_null(log);
    kt_events_close(log);
}

static void test_two_in_one_second(void **state)
{
    (void)state;
    kt_events *a = open_log(dir), *b = open_log(dir);
    assert_string_not_equal(kt_events_path(a), kt_events_path(b));
    assert_non_null(strstr(kt_events_path(b), ".1.v2"));
    kt_events_scalar(a, "x", 1, 1);
    kt_events_scalar(b, "x", 2, 1);
    kt_events_flush(a);
    kt_events_flush(b);
    assert_int_equal(reader_count(kt_events_path(a), NULL), 2);
    assert_int_equal(reader_count(kt_events_path(b), NULL), 2);
    kt_events_close(a);
    kt_events_close(b);
}

/* Written by age, by bytes, at once when asked; never before. */
static void test_flushing(void **state)
{
    (void)state;
    kt_events *log = open_log(dir, .flush_seconds = 10, .buffer_bytes = 4096);
    kt_events_scalar(log, "x", 1, 1);
    clock_now += 9;
    kt_events_scalar(log, "x", 1, 2);
    assert_int_equal(kt_events_tick(log), KT_OK);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 1);
    clock_now += 1; /* the age of the first one counts */
    kt_events_scalar(log, "x", 1, 3);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 4);
    kt_events_scalar(log, "x", 1, 4);
    clock_now += 10;
    assert_int_equal(reader_count(kt_events_path(log), NULL), 4);
    assert_int_equal(kt_events_tick(log), KT_OK);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 5);
    kt_events_scalar(log, "x", 1, 5);
    clock_now -= 100; /* a clock that is set back must not stop the flushing */
    kt_events_tick(log);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 6);
    int64_t step = 6;
    while (reader_count(kt_events_path(log), NULL) == 6 && step < 1000)
        kt_events_scalar(log, "x", 1, step++);
    assert_in_range(step, 6 + 2048 / 60,
                    6 + 2048 / 50); /* half the buffer of records of 56 bytes */
    kt_events_scalar(log, "x", 1, step++);
    assert_int_equal(kt_events_sync(log), KT_OK);
    assert_int_equal(reader_count(kt_events_path(log), NULL), step);
    kt_events_close(log);

    log = open_log(dir, .flush_seconds = -1);
    kt_events_scalar(log, "x", 1, 1);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 2);
    kt_events_close(log);
}

static void test_wall_time_is_finite(void **state)
{
    (void)state;
    kt_events *log = open_log(dir);
    clock_now = NAN;
    kt_events_scalar(log, "x", 1, 1);
    clock_now = INFINITY;
    kt_events_scalar(log, "x", 1, 2);
    kt_events_flush(log);
    event e;
    event_file file;
    for (int i = 1; i < 3; i++) {
        assert_true(nth(kt_events_path(log), i, &e, &file) && e.wall == 1700000000.0);
        free(file.bytes);
    }
    kt_events_close(log);
}

static void test_notices(void **state)
{
    (void)state;
    kt_events *log = open_log(dir);
    assert_int_equal(kt_events_scalar(log, "caf\xE9/\xC3\xA9", 1, 5), KT_OK);
    assert_string_equal(
        kt_events_message(log),
        "kt_events_scalar: the tag \"caf\xEF\xBF\xBD/\xC3\xA9\" was not UTF-8 and is logged "
        "with U+FFFD for what was wrong: pass UTF-8");
    assert_int_equal(kt_events_status(log), KT_OK);
    assert_int_equal(kt_events_histogram(log, "caf\xE9/\xC3\xA9", NULL, 0, 6),
                     KT_ERR_VALUE); /* known under its repaired name */
    kt_events_flush(log);
    event e;
    event_file file;
    assert_true(nth(kt_events_path(log), 1, &e, &file));
    assert_string_equal(e.tag, "caf\xEF\xBF\xBD/\xC3\xA9");
    free(file.bytes);
    kt_events_close(log);

    log = open_log(dir);
    kt_events_scalar(log, "x", 1, 5);
    kt_events_scalar(log, "y", 1, 1);
    kt_events_scalar(log, "x", 1, 6);
    assert_string_equal(kt_events_message(log), "");
    assert_int_equal(kt_events_scalar(log, "x", 1, 6), KT_OK);
    assert_string_equal(
        kt_events_message(log),
        "kt_events_scalar: the tag \"x\" got step 6 after step 6; TensorBoard forgets its "
        "points from there on: let steps rise");
    assert_int_equal(kt_events_status(log), KT_OK);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* A record larger than the buffer goes through whole, and smaller ones after it. */
static void test_large_record(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    kt_bucket *many = calloc(MANY, sizeof *many);
    many[MANY - 1].count = 7;
    kt_events *log = open_log(dir, .buffer_bytes = 4096);
    assert_int_equal(kt_events_scalar(log, "x", 1, 1), KT_OK);
    assert_int_equal(kt_events_histogram_buckets(log, "h", many, MANY, 1), KT_OK);
    assert_int_equal(kt_events_scalar(log, "x", 1, 2), KT_OK);
    assert_int_equal(kt_events_flush(log), KT_OK);
    event e;
    event_file file;
    assert_true(nth(kt_events_path(log), 2, &e, &file));
    assert_true(e.dim[0] == MANY && reader_double(&e, 3 * MANY - 1) == 7);
    free(file.bytes);
    assert_int_equal(reader_count(kt_events_path(log), NULL), 4);
    kt_events_close(log);
    free(many);
}

static void test_refused_places(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/file", dir);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/file/run", dir);
    kt_events_error error;
    assert_null(kt_events_open(path, .error = &error));
    assert_int_equal(error.status, KT_ERR_IO);
    char expected[512];
    snprintf(expected, sizeof expected,
             "kt_events_open: cannot make the directory \"%s\": a part of the path is a file and "
             "not a directory; choose "
             "another path",
             path);
    assert_string_equal(error.message, expected);
    assert_null(kt_events_open("/proc/keratin", .error = &error));
    assert_int_equal(error.status, KT_ERR_IO);
    assert_null(kt_events_open("/dev/null", .error = &error));
    assert_non_null(strstr(error.message, "cannot make the directory \"/dev/null\": a part"));
}

/* The directory vanishes under the log: a new file is begun, complete with its version record. */
static void test_removed_directory(void **state)
{
    (void)state;
    char run[128], before[512];
    snprintf(run, sizeof run, "%s/run", dir);
    kt_events *log = open_log(run);
    strcpy(before, kt_events_path(log));
    kt_events_scalar(log, "x", 1, 1);
    assert_int_equal(kt_events_flush(log), KT_OK);
    reader_remove(run);
    clock_now += 1;
    kt_events_scalar(log, "x", 2, 2);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_string_not_equal(kt_events_path(log), before);
    assert_int_equal(kt_events_status(log), KT_ERR_IO);
    assert_non_null(
        strstr(kt_events_message(log), "was removed by somebody; logging goes on in a new file"));
    event e;
    event_file file;
    assert_true(nth(kt_events_path(log), 0, &e, &file) && e.version);
    free(file.bytes);
    assert_true(nth(kt_events_path(log), 1, &e, &file) && e.step == 2);
    free(file.bytes);

    /* cut by somebody: what follows must not land behind a hole */
    assert_int_equal(truncate(kt_events_path(log), 10), 0);
    kt_events_scalar(log, "x", 3, 3);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_non_null(strstr(kt_events_message(log), "was cut by somebody"));
    size_t rest;
    assert_int_equal(reader_count(kt_events_path(log), &rest), 2);
    assert_int_equal(rest, 0);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* A child neither writes the parent's queue a second time nor anything else. */
static void test_fork(void **state)
{
    (void)state;
    kt_events *log = open_log(dir);
    kt_events_scalar(log, "x", 1, 1);
    pid_t child = fork();
    if (child == 0) {
        clock_now += 100;
        bool good = kt_events_scalar(log, "x", 1, 2) == KT_ERR_STATE &&
                    kt_events_flush(log) == KT_ERR_STATE && kt_events_tick(log) == KT_ERR_STATE &&
                    kt_events_sync(log) == KT_ERR_STATE &&
                    strstr(kt_events_message(log), "opened before fork()") &&
                    kt_events_close(log) == KT_ERR_STATE;
        log = open_log(dir);
        good = good && kt_events_scalar(log, "x", 1, 1) == KT_OK && kt_events_close(log) == KT_OK;
        _exit(good ? 0 : 1);
    }
    int result = -1;
    waitpid(child, &result, 0);
    assert_int_equal(result, 0);
    kt_events_scalar(log, "x", 1, 2);
    assert_int_equal(kt_events_flush(log), KT_OK);
    size_t rest;
    assert_int_equal(reader_count(kt_events_path(log), &rest), 3);
    assert_int_equal(rest, 0);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* kill -9 at any moment: what is in the file are whole records in order, at most the last one
 * cut. */
static void test_kill(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        char run[128];
        snprintf(run, sizeof run, "%s/%d", dir, round);
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            kt_events *log = kt_events_open(run, .buffer_bytes = 4096);
            if (write(ready[1], "", 1) != 1) _exit(1);
            for (int64_t step = 1;; step++) kt_events_scalar(log, "x", (double)step, step);
        }
        char byte;
        assert_int_equal(read(ready[0], &byte, 1), 1);
        usleep(1000 + (useconds_t)round * 700);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ready[0]);
        close(ready[1]);

        DIR *list = opendir(run);
        char path[512] = "";
        for (struct dirent *entry; (entry = readdir(list)) != NULL;)
            if (strstr(entry->d_name, "tfevents"))
                snprintf(path, sizeof path, "%s/%s", run, entry->d_name);
        closedir(list);
        event_file file = reader_open(path);
        event e;
        size_t at = 0;
        assert_true(reader_next(&file, &at, &e) && e.version);
        for (int64_t step = 1; reader_next(&file, &at, &e); step++) assert_true(e.step == step);
        assert_true(file.size - at < 64);
        free(file.bytes);
    }
}

#define life(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        life(test_first_record),
        life(test_values),
        life(test_histograms),
        life(test_mistakes),
        life(test_null),
        life(test_configuration),
        life(test_two_in_one_second),
        life(test_flushing),
        life(test_wall_time_is_finite),
        life(test_notices),
        life(test_large_record),
        life(test_refused_places),
        life(test_removed_directory),
        life(test_fork),
        life(test_kill),
    };
    return cmocka_run_group_tests_name("summary/log", tests, NULL, NULL);
}
