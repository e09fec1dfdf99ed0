/* SPDX-License-Identifier: MIT */
/* tests/summary/test_resume.c: names that rise, files that are rotated, runs that are resumed.
 *
 * The two ways in which TensorBoard's readers forget points are played here over all files of a
 * directory in the order of their names: the Python reader forgets at a session start that is not
 * the first, all tags at once; the Rust reader forgets at each point the tag's points at its step
 * and later.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "events_reader.h"
#include "summary/writer.h"

static char dir[64];
static double clock_now;

static double test_clock(void *user)
{
    (void)user;
    return clock_now;
}

static int set_up(void **state)
{
    (void)state;
    clock_now = 1700000000;
    reader_make_dir(dir);
    return dir[0] ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    reader_remove(dir);
    return 0;
}

/* The points of two tags, a and b, as value * 1000 + step; and how many files there are. */
enum { POINTS = 2000 };
typedef struct points {
    int64_t step[2][POINTS];
    float value[2][POINTS];
    int count[2], starts, files;
} points;

static void forget(points *p, int tag, int64_t step)
{
    int kept = 0;
    for (int i = 0; i < p->count[tag]; i++)
        if (p->step[tag][i] < step) {
            p->step[tag][kept] = p->step[tag][i];
            p->value[tag][kept++] = p->value[tag][i];
        }
    p->count[tag] = kept;
}

static void read_directory(points *p, bool rust)
{
    *p = (points){ 0 };
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int f = 0; f < n; f++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, names[f]->d_name);
        bool is_events = strstr(names[f]->d_name, "tfevents") != NULL;
        free(names[f]);
        if (!is_events) continue;
        p->files++;
        event_file file = reader_open(path);
        event e;
        size_t at = 0;
        assert_true(reader_next(&file, &at, &e) && e.version);
        while (reader_next(&file, &at, &e)) {
            if (e.start) {
                if (p->starts++ > 0 && !rust)
                    for (int tag = 0; tag < 2; tag++) forget(p, tag, e.step);
                continue;
            }
            int tag = e.tag[0] - 'a';
            if (rust) forget(p, tag, e.step);
            p->step[tag][p->count[tag]] = e.step;
            p->value[tag][p->count[tag]++] = reader_float(&e);
        }
        assert_int_equal(at, file.size);
        free(file.bytes);
    }
    free(names);
}

static void log_steps(kt_events *log, const char *tag, int64_t from, int64_t to, double value)
{
    for (int64_t step = from; step < to; step++) assert_int_equal(kt_events_scalar(log, tag, value, step), KT_OK);
}

/* Both readers see the steps 0 to `last`, once each, from `resumed` on with the new value. */
static void expect_curve(int tag, int64_t resumed, int64_t last, float before, float after)
{
    static points p;
    for (int rust = 0; rust < 2; rust++) {
        read_directory(&p, rust);
        assert_int_equal(p.count[tag], last + 1);
        for (int64_t i = 0; i <= last; i++) {
            assert_int_equal(p.step[tag][i], i);
            assert_true(p.value[tag][i] == (i < resumed ? before : after));
        }
    }
}

static void test_resume(void **state)
{
    (void)state;
    kt_events *log = kt_events_open(dir, .now = test_clock);
    log_steps(log, "a", 0, 100, 1);
    log_steps(log, "b", 0, 100, 1);
    assert_int_equal(kt_events_close(log), KT_OK);

    /* in another process, whose clock is an hour behind */
    clock_now -= 3600;
    log = kt_events_open(dir, .now = test_clock);
    char first[512];
    strcpy(first, kt_events_path(log));
    assert_int_equal(kt_events_resume_from(log, 60), KT_OK);
    assert_string_not_equal(kt_events_path(log), first);
    assert_int_equal(access(first, F_OK), -1); /* the file that would have come first held nothing */
    log_steps(log, "a", 60, 120, 2);
    log_steps(log, "b", 60, 61, 2);
    assert_string_equal(kt_events_message(log), "");
    assert_int_equal(kt_events_close(log), KT_OK);
    static points p;
    read_directory(&p, false);
    assert_true(p.files == 2 && p.starts == 2);
    expect_curve(0, 60, 119, 1, 2);
    expect_curve(1, 60, 60, 1, 2);

    /* and once more, at once: the second's name is taken, and the marks are the run's third and fourth */
    log = kt_events_open(dir, .now = test_clock);
    assert_int_equal(kt_events_resume_from(log, 90), KT_OK);
    log_steps(log, "a", 90, 100, 3);
    assert_int_equal(kt_events_close(log), KT_OK);
    read_directory(&p, false);
    assert_true(p.files == 3 && p.starts == 4);
    assert_int_equal(p.count[0], 100);
    read_directory(&p, true);
    assert_int_equal(p.count[0], 100);
}

/* In an empty directory the file that is open serves; in the middle of a log a new one is begun. */
static void test_resume_elsewhere(void **state)
{
    (void)state;
    kt_events *log = kt_events_open(dir, .now = test_clock);
    char path[512];
    strcpy(path, kt_events_path(log));
    assert_int_equal(kt_events_resume_from(log, 0), KT_OK);
    assert_string_equal(kt_events_path(log), path);
    event_file file = reader_open(path);
    assert_int_equal(file.size, reader_le(file.bytes, 8) + 16 + 2 * (16 + 13));
    free(file.bytes);
    log_steps(log, "a", 0, 50, 1);
    assert_int_equal(kt_events_limit(log, "b", (kt_gate){ .per_decade = 1 }), KT_OK);
    log_steps(log, "b", 0, 50, 1); /* at 0, 1 and 10 */
    assert_int_equal(kt_events_resume_from(log, 10), KT_OK); /* a loop that goes back to a checkpoint */
    assert_true(strcmp(kt_events_path(log), path) > 0);
    log_steps(log, "a", 10, 60, 2);
    log_steps(log, "b", 10, 20, 2); /* limits begin anew, too */
    assert_string_equal(kt_events_message(log), ""); /* steps that go back are meant so */
    assert_int_equal(kt_events_close(log), KT_OK);
    expect_curve(0, 10, 59, 1, 2);
    static points p;
    read_directory(&p, false);
    assert_int_equal(p.count[1], 3);
    assert_true(p.step[1][2] == 10 && p.value[1][2] == 2);
    assert_int_equal(kt_events_resume_from(NULL, 1), KT_ERR_STATE);
}

/* Negative and large steps in the marks. */
static void test_resume_steps(void **state)
{
    (void)state;
    const int64_t steps[] = { -1, 7, INT64_MAX };
    const char *const golden[] = { "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x3a\x02\x08\x01",
                                   "\x10\x07\x3a\x02\x08\x01",
                                   "\x10\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x3a\x02\x08\x01" };
    for (int i = 0; i < 3; i++) {
        kt_events *log = kt_events_open(dir, .now = test_clock);
        assert_int_equal(kt_events_resume_from(log, steps[i]), KT_OK);
        event_file file = reader_open(kt_events_path(log));
        size_t n = strlen(golden[i]), at = (size_t)reader_le(file.bytes, 8) + 16;
        for (int mark = 0; mark < 2; mark++, at += 16 + 9 + n) {
            assert_int_equal(reader_le(file.bytes + at, 8), 9 + n);
            assert_memory_equal(file.bytes + at + 12 + 9, golden[i], n);
        }
        assert_int_equal(at, file.size);
        free(file.bytes);
        kt_events_close(log);
    }
}

static int64_t room;

static int64_t write_into_room(int fd, const void *bytes, size_t n, int64_t at)
{
    int64_t fits = room - at < (int64_t)n ? room - at : (int64_t)n;
    if (fits > 0) return kt_file_system.write_at(fd, bytes, (size_t)fits, at);
    errno = ENOSPC;
    return -1;
}

/* A disk that is full just then: an error, nothing half, and a second call does it. */
static void test_resume_full_disk(void **state)
{
    (void)state;
    kt_file_calls calls = kt_file_system;
    calls.write_at = write_into_room;
    kt_events *log = kt_events_open(dir, .now = test_clock);
    log_steps(log, "a", 0, 10, 1);
    kt_events_close(log);
    for (int64_t extra = 0; extra < 110; extra += 9) {
        room = INT64_MAX;
        log = kt_events_open_on(&(kt_events_config){ .logdir = dir, .now = test_clock }, &calls);
        room = extra;
        kt_status status = kt_events_resume_from(log, 5);
        assert_int_equal(status, extra < 57 + 2 * 29 ? KT_ERR_IO : KT_OK);
        assert_non_null(strstr(kt_events_message(log), "no space is left on the disk"));
        room = INT64_MAX;
        assert_int_equal(kt_events_resume_from(log, 5), KT_OK);
        log_steps(log, "a", 5, 10, 2);
        kt_events_close(log);
        expect_curve(0, 5, 9, 1, 2);
    }
}

/* ---- Rotation -------------------------------------------------------------------------------- */

static void test_rotation(void **state)
{
    (void)state;
    for (int no_thread = 0; no_thread < 2; no_thread++) {
        reader_remove(dir);
        kt_events *log = kt_events_open(dir, .now = test_clock, .rotate_bytes = 4096, .no_thread = no_thread);
        log_steps(log, "a", 0, 1000, 1); /* twelve files and more, all in one second of the log's clock */
        assert_int_equal(kt_events_flush(log), KT_OK);
        clock_now += 100;
        log_steps(log, "a", 1000, 1300, 1);
        clock_now -= 1000; /* a clock that is set back does not change the order */
        log_steps(log, "a", 1300, 1600, 1);
        assert_int_equal(kt_events_status(log), KT_OK);
        assert_int_equal(kt_events_close(log), KT_OK);

        static points p;
        read_directory(&p, true);
        assert_int_equal(p.count[0], 1600);
        assert_in_range(p.files, 1600 * 57 / 4096, 1600 * 57 / 3800);
        assert_int_equal(p.starts, 0);
        for (int i = 0; i < 1600; i++) assert_int_equal(p.step[0][i], i); /* in the order of names */
        struct dirent **names;
        int n = scandir(dir, &names, NULL, alphasort);
        for (int f = 0; f < n; f++) {
            char path[512];
            struct stat now;
            snprintf(path, sizeof path, "%s/%s", dir, names[f]->d_name);
            assert_int_equal(stat(path, &now), 0);
            if (S_ISREG(now.st_mode)) assert_true(now.st_size <= 4096);
            free(names[f]);
        }
        free(names);
    }
}

/* A record that is larger than a file may be has one of its own. */
static void test_rotation_large(void **state)
{
    (void)state;
    static kt_bucket many[1000];
    kt_events *log = kt_events_open(dir, .now = test_clock, .rotate_bytes = 4096);
    for (int64_t step = 0; step < 5; step++) {
        log_steps(log, "a", step, step + 1, 1);
        assert_int_equal(kt_events_histogram_buckets(log, "b", many, 1000, step), KT_OK);
    }
    assert_int_equal(kt_events_close(log), KT_OK);
    static points p;
    read_directory(&p, true);
    assert_true(p.count[0] == 5 && p.count[1] == 5);
    assert_int_equal(p.files, 10);
}

static int creates;

static int create_once(const char *path)
{
    errno = EMFILE;
    return creates++ > 0 ? -1 : kt_file_system.create(path);
}

/* Where no new file can be made the old one goes on. */
static void test_rotation_fails(void **state)
{
    (void)state;
    kt_file_calls calls = kt_file_system;
    calls.create = create_once;
    creates = 0;
    kt_events *log = kt_events_open_on(
        &(kt_events_config){ .logdir = dir, .now = test_clock, .rotate_bytes = 4096, .no_thread = true }, &calls);
    log_steps(log, "a", 0, 1000, 1);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_non_null(strstr(kt_events_message(log), "too many files are open"));
    assert_int_equal(kt_events_close(log), KT_OK);
    static points p;
    read_directory(&p, true);
    assert_true(p.files == 1 && p.count[0] == 1000);
}

/* A pipe that somebody put where the file would be is left alone; nobody waits for its reader. */
static void test_pipe_in_the_way(void **state)
{
    (void)state;
    kt_events *log = kt_events_open(dir, .now = test_clock);
    char path[512];
    strcpy(path, kt_events_path(log));
    kt_events_close(log);
    unlink(path);
    assert_int_equal(mkfifo(path, 0666), 0);
    log = kt_events_open(dir, .now = test_clock);
    assert_non_null(log);
    assert_string_not_equal(kt_events_path(log), path);
    assert_int_equal(kt_events_scalar(log, "a", 1, 1), KT_OK);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* More logs of one second than digits: all names differ. */
static void test_many_in_one_second(void **state)
{
    (void)state;
    kt_events *logs[25];
    for (int i = 0; i < 25; i++) logs[i] = kt_events_open(dir, .now = test_clock, .no_thread = true);
    for (int i = 0; i < 25; i++) {
        assert_non_null(logs[i]);
        for (int j = 0; j < i; j++) assert_string_not_equal(kt_events_path(logs[i]), kt_events_path(logs[j]));
    }
    assert_non_null(strstr(kt_events_path(logs[24]), "tfevents.1700000002."));
    for (int i = 0; i < 25; i++) kt_events_close(logs[i]);
}

#define life(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        life(test_resume),
        life(test_resume_elsewhere),
        life(test_resume_steps),
        life(test_resume_full_disk),
        life(test_rotation),
        life(test_rotation_large),
        life(test_rotation_fails),
        life(test_pipe_in_the_way),
        life(test_many_in_one_second),
    };
    return cmocka_run_group_tests_name("summary/resume", tests, NULL, NULL);
}
