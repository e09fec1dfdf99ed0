/* SPDX-License-Identifier: MIT */
/* tests/reader/test_growth.c: logs on the disk, which change: files that grow, rotate, are replaced, cut and removed,
 * runs that come and go, and what else lies in folders: pipes, circles of links, odd names. After every change the log
 * that was refreshed shows what a log that is opened fresh shows.
 */
#define _GNU_SOURCE 1

#include "made.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static const char *const top = "test_growth.dir";

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

static void folder_clear(void)
{
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(top, 0777), 0);
}

static const char *in_top(const char *path)
{
    static char whole[4][5000];
    static int turn;
    char *to = whole[turn++ % 4];
    snprintf(to, sizeof whole[0], "%s/%s", top, path);
    return to;
}

static void folder_make(const char *path) { assert_int_equal(mkdir(in_top(path), 0777), 0); }

/* Writes (mode "wb") or adds (mode "ab") scalars of a tag with steps from `from` to before `to`. */
static void file_put(const char *path, const char *mode, const char *tag, int64_t from, int64_t to)
{
    made *m = made_new();
    if (mode[0] == 'w') made_version(m);
    for (int64_t step = from; step < to; step++) made_scalar(m, tag, 1700000000.0 + (double)step, step, (float)step);
    FILE *file = fopen(in_top(path), mode);
    assert_non_null(file);
    assert_int_equal(fwrite(m->at, 1, m->n, file), m->n);
    assert_int_equal(fclose(file), 0);
    free(m);
}

static void same_series(const kt_series *a, const kt_series *b)
{
    assert_string_equal(a->run, b->run);
    assert_string_equal(a->tag, b->tag);
    assert_string_equal(a->plugin, b->plugin);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->restarts, b->restarts);
    assert_memory_equal(a->steps, b->steps, (size_t)a->count * 8);
    assert_memory_equal(a->wall_times, b->wall_times, (size_t)a->count * 8);
    if (a->values) assert_memory_equal(a->values, b->values, (size_t)a->count * 4);
}

/* Refreshes, and compares with a log opened now. Returns the new points. */
static int64_t refreshed(kt_logdir *log)
{
    int64_t changed = -1;
    assert_int_equal(kt_logdir_refresh(log, &changed), KT_OK);
    kt_logdir *fresh = kt_logdir_open(top, .threads = 1);
    assert_non_null(fresh);
    assert_int_equal(kt_logdir_series_count(log), kt_logdir_series_count(fresh));
    for (int64_t i = 0; i < kt_logdir_series_count(fresh); i++)
        same_series(kt_logdir_series(log, i), kt_logdir_series(fresh, i));
    assert_int_equal(kt_logdir_files(log), kt_logdir_files(fresh));
    for (int64_t i = 0; i < kt_logdir_files(fresh); i++) {
        const kt_logdir_file *a = kt_logdir_file_at(log, i), *b = kt_logdir_file_at(fresh, i);
        assert_string_equal(a->path, b->path);
        assert_int_equal(a->records, b->records);
        assert_int_equal(a->bytes, b->bytes);
    }
    assert_int_equal(kt_logdir_problems_total(log), kt_logdir_problems_total(fresh));
    kt_logdir_close(fresh);
    return changed;
}

static int64_t count_in(const kt_logdir *log, const char *run, const char *tag)
{
    const kt_series *series = kt_logdir_find(log, run, tag);
    return series ? series->count : -1;
}

static void test_growing(void **state)
{
    (void)state;
    folder_clear();
    folder_make("run");
    kt_logdir *log = kt_logdir_open(top);
    assert_non_null(log); /* nothing yet is fine */
    assert_int_equal(kt_logdir_series_count(log), 0);
    file_put("run/a.tfevents.1", "wb", "loss", 0, 3);
    assert_int_equal(refreshed(log), 3);
    for (int i = 0; i < 20; i++) {
        file_put("run/a.tfevents.1", "ab", "loss", 3 + 50 * i, 53 + 50 * i);
        assert_int_equal(refreshed(log), 50);
    }
    assert_int_equal(refreshed(log), 0);
    file_put("run/a.tfevents.2", "wb", "loss", 1003, 1010); /* rotated */
    assert_int_equal(refreshed(log), 7);
    file_put("run/a.tfevents.2", "ab", "other", 0, 5);
    file_put("run/a.tfevents.3", "wb", "loss", 1010, 1011);
    assert_int_equal(refreshed(log), 6);
    file_put("tfevents.root", "wb", "loss", 0, 2); /* the folder itself becomes a run */
    folder_make("run/deep");
    file_put("run/deep/tfevents", "wb", "loss", 0, 4);
    assert_int_equal(refreshed(log), 6);
    assert_int_equal(count_in(log, ".", "loss"), 2);
    assert_int_equal(count_in(log, "run", "loss"), 1011);
    assert_int_equal(count_in(log, "run/deep", "loss"), 4);
    assert_int_equal(count_in(log, "run", "nothing"), -1);
    assert_int_equal(count_in(log, "nothing", "loss"), -1);
    kt_logdir_close(log);
}

/* A record arrives byte by byte. */
static void test_byte_by_byte(void **state)
{
    (void)state;
    folder_clear();
    file_put("tfevents", "wb", "loss", 0, 3);
    kt_logdir *log = kt_logdir_open(top);
    made *m = made_new();
    made_scalar(m, "loss", 1, 3, 3);
    for (size_t i = 0; i < m->n; i++) {
        int fd = open(in_top("tfevents"), O_WRONLY | O_APPEND);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, m->at + i, 1), 1);
        close(fd);
        assert_int_equal(refreshed(log), i + 1 == m->n);
        assert_int_equal(kt_logdir_problems(log), i + 1 < m->n);
    }
    kt_logdir_close(log);
    free(m);
}

static void test_replaced(void **state)
{
    (void)state;
    folder_clear();
    folder_make("run");
    file_put("run/b.tfevents", "wb", "loss", 0, 100);
    kt_logdir *log = kt_logdir_open(top);
    assert_int_equal(count_in(log, "run", "loss"), 100);
    file_put("new", "wb", "loss", 1000, 1050); /* replaced by another file */
    assert_int_equal(rename(in_top("new"), in_top("run/b.tfevents")), 0);
    assert_int_equal(refreshed(log), 50);
    assert_int_equal(truncate(in_top("run/b.tfevents"), 700), 0); /* cut in place */
    refreshed(log);
    assert_true(count_in(log, "run", "loss") < 12);
    file_put("run/b.tfevents", "wb", "loss", 7, 90); /* the same file, written anew and longer */
    assert_int_equal(refreshed(log), 83);
    assert_int_equal(kt_logdir_find(log, "run", "loss")->steps[0], 7);
    file_put("run/b.tfevents", "wb", "loss", 8, 91); /* and of the same size */
    struct timeval times[2] = { { 1, 0 }, { 1, 0 } };
    assert_int_equal(utimes(in_top("run/b.tfevents"), times), 0);
    assert_int_equal(refreshed(log), 83);
    assert_int_equal(kt_logdir_find(log, "run", "loss")->steps[0], 8);
    file_put("run/a.tfevents", "wb", "loss", 0, 8); /* one that comes before what has been read */
    assert_int_equal(refreshed(log), 91);
    assert_int_equal(kt_logdir_find(log, "run", "loss")->restarts, 0);
    assert_int_equal(truncate(in_top("run/a.tfevents"), 0), 0);
    refreshed(log);
    assert_int_equal(unlink(in_top("run/a.tfevents")), 0);
    refreshed(log);
    assert_int_equal(count_in(log, "run", "loss"), 83);
    assert_int_equal(unlink(in_top("run/b.tfevents")), 0); /* the run is gone with its last file */
    assert_int_equal(refreshed(log), 0);
    assert_int_equal(kt_logdir_series_count(log), 0);
    file_put("run/c.tfevents", "wb", "loss", 0, 1);
    assert_int_equal(refreshed(log), 1);
    nftw(in_top("run"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    refreshed(log);
    assert_int_equal(kt_logdir_series_count(log), 0);
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* and the folder itself: the log says so and lives */
    assert_int_equal(kt_logdir_refresh(log, NULL), KT_ERR_IO);
    assert_non_null(strstr(kt_logdir_message(log), "does not exist"));
    folder_clear();
    file_put("tfevents", "wb", "loss", 0, 9);
    assert_int_equal(refreshed(log), 9);
    kt_logdir_close(log);
}

/* Values that are asked for after their file has changed: a status, not other values. */
static void test_value_gone(void **state)
{
    (void)state;
    folder_clear();
    made *m = made_new();
    for (int i = 0; i < 3; i++) made_tensor(m, i, "t", "own", BYTES("\x08\x01\x2d\x00\x00\x00\x3f"));
    for (int how = 0; how < 3; how++) {
        FILE *file = fopen(in_top("tfevents"), "wb");
        assert_non_null(file);
        fwrite(m->at, 1, m->n, file);
        fclose(file);
        kt_logdir *log = kt_logdir_open(top);
        const kt_series *series = kt_logdir_find(log, ".", "t");
        kt_value value;
        assert_non_null(series);
        if (how == 0) assert_int_equal(kt_logdir_value(log, series, 2, &value), KT_OK);
        if (how == 1) assert_int_equal(truncate(in_top("tfevents"), (off_t)m->n - 1), 0);
        if (how == 2) assert_int_equal(unlink(in_top("tfevents")), 0);
        if (how > 0) {
            assert_int_equal(kt_logdir_value(log, series, 2, &value), how == 1 ? KT_ERR_FORMAT : KT_ERR_IO);
            assert_true(strlen(kt_logdir_message(log)) > 20);
            assert_int_equal(value.count, 0);
        }
        kt_logdir_close(log);
    }
    free(m);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    folder_clear();
    folder_make("run");
    file_put("run/tfevents.1", "wb", "loss", 0, 5);
    assert_int_equal(mkfifo(in_top("run/tfevents.0.fifo"), 0666), 0);
    folder_make("run/tfevents.2.folder");
    file_put("run/tfevents.2.folder/tfevents", "wb", "loss", 0, 2);
    assert_int_equal(symlink("nowhere", in_top("run/tfevents.dangling")), 0);
    assert_int_equal(symlink("../run", in_top("run/circle")), 0);
    assert_int_equal(symlink(".", in_top("run/self")), 0);
    assert_int_equal(symlink("run", in_top("alias")), 0);
    assert_int_equal(symlink("run", in_top("alias2")), 0);
    assert_int_equal(symlink("run/tfevents.1", in_top("tfevents.linked")), 0);
    file_put("run/tfevents.profile-empty", "wb", "loss", 0, 0);
    file_put("run/notes.txt", "wb", "loss", 0, 3);
    kt_logdir *log = kt_logdir_open(top); /* does not wait for anybody to write to the pipe */
    assert_non_null(log);
    assert_int_equal(count_in(log, "run", "loss"), 5);
    assert_int_equal(count_in(log, "run/tfevents.2.folder", "loss"), 2);
    assert_int_equal(count_in(log, ".", "loss"), 5);
    int64_t aliases = (count_in(log, "alias", "loss") == 5) + (count_in(log, "alias2", "loss") == 5);
    assert_int_equal(aliases, 1); /* the same folder through a link: once */
    int pipes = 0, loops = 0;
    for (int64_t i = 0; i < kt_logdir_problems(log); i++) {
        const kt_logdir_problem *problem = kt_logdir_problem_at(log, i);
        pipes += strstr(problem->reason, "pipe") != NULL;
        loops += problem->status == KT_OK && strstr(problem->reason, "link") != NULL;
    }
    assert_int_equal(pipes, 2); /* in run and in its alias */
    assert_true(loops >= 3);
    refreshed(log);
    kt_logdir_close(log);
    kt_events_error error;
    assert_null(kt_logdir_open(in_top("nothing"), .error = &error));
    assert_int_equal(error.status, KT_ERR_IO);
    assert_non_null(strstr(error.message, "does not exist"));
    assert_null(kt_logdir_open(NULL, .error = &error));
    assert_int_equal(error.status, KT_ERR_VALUE);
    log = kt_logdir_open(in_top("run/tfevents.1")); /* one file */
    assert_non_null(log);
    assert_int_equal(count_in(log, ".", "loss"), 5);
    kt_logdir_close(log);
    log = kt_logdir_open(in_top("run/tfevents.0.fifo"));
    assert_non_null(log);
    assert_int_equal(kt_logdir_series_count(log), 0);
    assert_int_equal(kt_logdir_problems(log), 1);
    kt_logdir_close(log);
}

/* Links to links: each level has two names for the next. Without a bound this is 2^40 folders. */
static void test_many_links(void **state)
{
    (void)state;
    folder_clear();
    char path[100], target[100];
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "d%d", i);
        folder_make(path);
        for (int k = 0; k < 2; k++) {
            snprintf(path, sizeof path, "d%d/l%d", i, k);
            snprintf(target, sizeof target, "../d%d", i + 1);
            if (i < 39) assert_int_equal(symlink(target, in_top(path)), 0);
        }
    }
    file_put("d39/tfevents", "wb", "loss", 0, 2);
    kt_logdir *log = kt_logdir_open(top);
    assert_non_null(log);
    assert_int_equal(count_in(log, "d39", "loss"), 2);
    assert_true(kt_logdir_series_count(log) >= 2);
    kt_logdir_close(log);
    folder_clear();
    char deep[3000] = "d";
    for (int i = 0; i < 150; i++) { /* deeper than is followed */
        folder_make(deep);
        strcat(deep, "/d");
    }
    log = kt_logdir_open(top);
    assert_non_null(log);
    assert_int_equal(kt_logdir_problems(log), 1);
    assert_non_null(strstr(kt_logdir_problem_at(log, 0)->reason, "deep"));
    kt_logdir_close(log);
}

static void test_unreadable(void **state)
{
    (void)state;
    folder_clear();
    folder_make("secret");
    file_put("tfevents.1", "wb", "loss", 0, 5);
    file_put("tfevents.2", "wb", "loss", 5, 9);
    chmod(in_top("tfevents.1"), 0);
    chmod(in_top("secret"), 0);
    if (open(in_top("tfevents.1"), O_RDONLY) >= 0) skip(); /* this user may read everything */
    kt_logdir *log = kt_logdir_open(top);
    assert_int_equal(count_in(log, ".", "loss"), 4);
    assert_int_equal(kt_logdir_problems(log), 2);
    for (int i = 0; i < 2; i++) assert_int_equal(kt_logdir_problem_at(log, i)->status, KT_ERR_IO);
    chmod(in_top("tfevents.1"), 0666);
    chmod(in_top("secret"), 0777);
    assert_int_equal(refreshed(log), 9);
    kt_logdir_close(log);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *shown;
    } names[] = { { "with space", "with space" },
                  { "new\nline", "new\nline" },
                  { "\xc3\xbc", "\xc3\xbc" },
                  { "bad\xff", "bad\xef\xbf\xbd" },
                  { "bad\xfe", "bad\xef\xbf\xbd" }, /* looks like the one before */
                  { "-x", "-x" },
                  { "%s%n", "%s%n" } };
    folder_clear();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[200];
        folder_make(names[i].raw);
        snprintf(path, sizeof path, "%s/tfevents %zu\n", names[i].raw, i);
        file_put(path, "wb", "loss", 0, (int64_t)i + 1);
    }
    kt_logdir *log = kt_logdir_open(top);
    assert_int_equal(kt_logdir_series_count(log), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t found = 0;
        for (int64_t k = 0; k < kt_logdir_series_count(log); k++)
            found += strcmp(kt_logdir_series(log, k)->run, names[i].shown) == 0 &&
                     kt_logdir_series(log, k)->count == (int64_t)i + 1;
        assert_int_equal(found, 1);
        assert_non_null(kt_logdir_find(log, names[i].shown, "loss"));
    }
    refreshed(log);
    kt_logdir_close(log);
}

/* Many runs, many tags; the lists are sorted and each is found. */
static void test_many(void **state)
{
    (void)state;
    enum { RUNS = 1500, TAGS = 10000 };
    folder_clear();
    char path[100], tag[40];
    for (int i = 0; i < RUNS; i++) {
        snprintf(path, sizeof path, "run%d", i * 7919 % RUNS);
        folder_make(path);
        strcat(path, "/tfevents");
        file_put(path, "wb", "loss", 0, 1 + i % 3);
    }
    made *m = made_new();
    for (int i = 0; i < TAGS; i++) {
        snprintf(tag, sizeof tag, "group%d/tag%d", i % 100, i * 7919 % TAGS);
        made_scalar(m, tag, 1, 1, (float)i);
    }
    FILE *file = fopen(in_top("tfevents"), "wb");
    fwrite(m->at, 1, m->n, file);
    fclose(file);
    free(m);
    for (int threads = 1; threads <= 4; threads += 3) {
        kt_logdir *log = kt_logdir_open(top, .threads = threads);
        assert_non_null(log);
        assert_int_equal(kt_logdir_series_count(log), RUNS + TAGS);
        assert_int_equal(kt_logdir_files(log), RUNS + 1);
        for (int64_t i = 1; i < RUNS + TAGS; i++) {
            const kt_series *a = kt_logdir_series(log, i - 1), *b = kt_logdir_series(log, i);
            int order = strcmp(a->run, b->run);
            assert_true(order < 0 || (order == 0 && strcmp(a->tag, b->tag) < 0));
            assert_ptr_equal(kt_logdir_find(log, b->run, b->tag), b);
        }
        for (int i = 0; i < TAGS; i += 77) {
            snprintf(tag, sizeof tag, "group%d/tag%d", i % 100, i * 7919 % TAGS);
            assert_true(kt_logdir_find(log, ".", tag)->values[0] == (float)i);
        }
        assert_int_equal(kt_logdir_problems(log), 0);
        kt_logdir_close(log);
    }
}

/* Enough for several threads: each number of them shows the same, also while files grow. */
static void test_threads(void **state)
{
    (void)state;
    enum { RUNS = 7, STEPS = 12000 };
    char path[100];
    folder_clear();
    for (int i = 0; i < RUNS; i++) {
        snprintf(path, sizeof path, "run%d", i);
        folder_make(path);
        strcat(path, "/tfevents");
        file_put(path, "wb", "loss", 0, STEPS - i);
    }
    for (int threads = 1; threads < 6; threads += 2) {
        kt_logdir *log = kt_logdir_open(top, .threads = threads);
        assert_int_equal(refreshed(log), 0);
        kt_logdir_close(log);
    }
    kt_logdir *log = kt_logdir_open(top, .threads = 3);
    for (int round = 1; round < 4; round++) {
        for (int i = 0; i < RUNS; i++) {
            snprintf(path, sizeof path, "run%d/tfevents", i);
            file_put(path, "ab", "loss", STEPS * round, STEPS * (round + 1));
            file_put(path, "ab", "more", STEPS * round, STEPS * round + 100);
        }
        assert_int_equal(refreshed(log), RUNS * (STEPS + 100));
    }
    kt_logdir_close(log);
}

static int clear_at_end(void **state)
{
    (void)state;
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),    cmocka_unit_test(test_byte_by_byte),    cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_value_gone), cmocka_unit_test(test_what_is_no_file), cmocka_unit_test(test_many_links),
        cmocka_unit_test(test_unreadable), cmocka_unit_test(test_names),           cmocka_unit_test(test_many),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, clear_at_end);
}
