/* SPDX-License-Identifier: MIT */
/* tests/reader/test_index.c: what a log remembers: an opening through an index shows what one without it shows,
 * whatever has happened to the event files or to the index in between; and the index itself may be anything.
 */
#define _GNU_SOURCE 1

#include "made.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const top = "test_index.dir", *const index_path = "test_index.idx";

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

static void file_put(const char *path, const char *mode, int64_t from, int64_t to, bool all)
{
    made *m = made_new();
    char whole[200], tag[20];
    if (mode[0] == 'w') made_version(m);
    for (int64_t step = from; step < to; step++)
        for (int i = 0; i < (all ? 3 : 1); i++) {
            snprintf(tag, sizeof tag, "tag%d", i);
            made_scalar(m, tag, 1700000000.0 + (double)step, step, (float)step * 0.5f);
        }
    made_tensor(m, from, "own", "own", BYTES("\x08\x01\x12\x00\x2d\x00\x00\x00\x3f"));
    made_value(m, from,
               BYTES("\x0a\x01"
                     "m\x15\x00\x00\x00\x3f\x4a\x0f\x0a\x09\x0a\x07scalars\x12\x02xy"));
    if (from == 0) m->at[made_scalar(m, "damaged", 1, 1, 1) + 20] ^= 1;
    made_scalar(m, "end", 1, from, 1);
    snprintf(whole, sizeof whole, "%s/%s", top, path);
    FILE *file = fopen(whole, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(m->at, 1, m->n, file), m->n);
    fclose(file);
    free(m);
}

static void start(void)
{
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    remove(index_path);
    char path[100];
    assert_int_equal(mkdir(top, 0777), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/run%d", top, i);
        assert_int_equal(mkdir(path, 0777), 0);
        snprintf(path, sizeof path, "run%d/tfevents.1", i);
        file_put(path, "wb", 0, 500 + i, true);
    }
}

static void same_logs(kt_logdir *a, kt_logdir *b)
{
    assert_int_equal(kt_logdir_series_count(a), kt_logdir_series_count(b));
    for (int64_t i = 0; i < kt_logdir_series_count(a); i++) {
        const kt_series *x = kt_logdir_series(a, i), *y = kt_logdir_series(b, i);
        kt_value v, w;
        assert_string_equal(x->run, y->run);
        assert_string_equal(x->tag, y->tag);
        assert_string_equal(x->plugin, y->plugin);
        assert_string_equal(x->display_name, y->display_name);
        assert_string_equal(x->description, y->description);
        assert_int_equal(x->content_size, y->content_size);
        assert_memory_equal(x->content, y->content, x->content_size);
        assert_int_equal(x->count, y->count);
        assert_int_equal(x->restarts, y->restarts);
        assert_int_equal(x->mixed, y->mixed);
        assert_memory_equal(x->steps, y->steps, (size_t)x->count * 8);
        assert_memory_equal(x->wall_times, y->wall_times, (size_t)x->count * 8);
        assert_int_equal(!x->values, !y->values);
        if (x->values) assert_memory_equal(x->values, y->values, (size_t)x->count * 4);
        assert_int_equal(kt_logdir_value(a, x, x->count - 1, &v), KT_OK);
        assert_int_equal(kt_logdir_value(b, y, y->count - 1, &w), KT_OK);
        assert_true(v.numbers[0] == w.numbers[0]);
    }
    assert_int_equal(kt_logdir_problems_total(a), kt_logdir_problems_total(b));
    for (int64_t i = 0; i < kt_logdir_problems(a); i++) {
        const kt_logdir_problem *x = kt_logdir_problem_at(a, i), *y = kt_logdir_problem_at(b, i);
        assert_string_equal(x->file, y->file);
        assert_string_equal(x->reason, y->reason);
        assert_true(x->offset == y->offset && x->skipped == y->skipped && x->status == y->status);
    }
    assert_int_equal(kt_logdir_files(a), kt_logdir_files(b));
    for (int64_t i = 0; i < kt_logdir_files(a); i++) {
        const kt_logdir_file *x = kt_logdir_file_at(a, i), *y = kt_logdir_file_at(b, i);
        assert_string_equal(x->path, y->path);
        assert_string_equal(x->writer, y->writer);
        assert_true(x->records == y->records && x->bytes == y->bytes && x->first_wall == y->first_wall &&
                    x->last_wall == y->last_wall && x->version == y->version);
    }
}

/* Opens through the index, and without; both the same. Returns whether columns still lay in the index. */
static bool check(bool forget)
{
    kt_logdir *log = kt_logdir_open(top, .index = index_path, .forget_restarts = forget),
              *plain = kt_logdir_open(top, .forget_restarts = forget);
    assert_non_null(log);
    assert_non_null(plain);
    bool stored = false;
    for (size_t i = 0; i < log->curve_count; i++) stored = stored || log->curves[i]->stored;
    same_logs(log, plain);
    kt_logdir_close(log);
    kt_logdir_close(plain);
    return stored;
}

static void test_changes(void **state)
{
    (void)state;
    start();
    assert_false(check(false)); /* there is none yet */
    assert_true(check(false));
    assert_true(check(false));
    file_put("run1/tfevents.1", "ab", 600, 700, true); /* a file has grown */
    assert_true(check(false));
    assert_true(check(false));
    file_put("run2/tfevents.2", "wb", 700, 800, false); /* a file more */
    check(false);
    file_put("run0/tfevents.1", "wb", 9, 20, true); /* written anew */
    check(false);
    file_put("run0/tfevents.0", "wb", 0, 9, true); /* before what has been read */
    check(false);
    assert_int_equal(truncate("test_index.dir/run1/tfevents.1", 5000), 0);
    check(false);
    assert_int_equal(unlink("test_index.dir/run2/tfevents.1"), 0);
    check(false);
    nftw("test_index.dir/run0", remove_one, 16, FTW_DEPTH | FTW_PHYS);
    check(false);
    assert_false(check(true)); /* other options: not from this one */
    assert_true(check(true));
    assert_false(check(false));
}

/* Only what is asked for is loaded; adding to a series that lies in the index loads it. */
static void test_lazy(void **state)
{
    (void)state;
    start();
    check(false);
    kt_logdir *log = kt_logdir_open(top, .index = index_path);
    for (size_t i = 0; i < log->curve_count; i++) assert_true(log->curves[i]->stored);
    assert_non_null(kt_logdir_find(log, "run1", "tag1")->values);
    size_t loaded = 0;
    for (size_t i = 0; i < log->curve_count; i++) loaded += !log->curves[i]->stored;
    assert_int_equal(loaded, 1);
    file_put("run2/tfevents.1", "ab", 600, 603, false);
    int64_t changed;
    assert_int_equal(kt_logdir_refresh(log, &changed), KT_OK);
    assert_int_equal(changed, 6);
    const kt_series *series = kt_logdir_find(log, "run2", "tag0");
    assert_int_equal(series->count, 505);
    assert_int_equal(series->steps[0], 0);
    assert_int_equal(series->steps[504], 602);
    kt_logdir_close(log);
    check(false);
}

static size_t index_read(unsigned char *bytes, size_t most)
{
    FILE *file = fopen(index_path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, most, file);
    fclose(file);
    return n;
}

static void index_put(const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(index_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

/* Any byte of it wrong, and any end: it is ignored or what it says is right. */
static void test_damage(void **state)
{
    (void)state;
    start();
    check(false);
    static unsigned char bytes[1 << 20];
    size_t n = index_read(bytes, sizeof bytes);
    for (size_t at = 0; at < n; at += at < 80 || at > n - 300 ? 1 : 211) {
        bytes[at] ^= 0x10;
        index_put(bytes, n);
        bool foreign = at < 8; /* without our mark it may be somebody's file: it stays as it is */
        check(false);
        static unsigned char after[1 << 20];
        if (foreign) {
            assert_int_equal(index_read(after, sizeof after), n);
            assert_memory_equal(after, bytes, n);
        }
        bytes[at] ^= 0x10;
    }
    for (size_t end = 0; end < n; end += end < 100 ? 3 : 997) {
        index_put(bytes, end);
        check(false);
    }
    index_put(bytes, n);
    assert_true(check(false));
}

/* An index of another log, whose names and files look the same. */
static void test_foreign_index(void **state)
{
    (void)state;
    start();
    check(false);
    static unsigned char bytes[1 << 20];
    size_t n = index_read(bytes, sizeof bytes);
    start(); /* the same again: other files, other inodes perhaps, other times */
    file_put("run1/tfevents.1", "wb", 40, 700, true);
    index_put(bytes, n);
    check(false);
    assert_int_equal(rename(top, "test_index.other"), 0);
    kt_logdir *log = kt_logdir_open("test_index.other", .index = index_path);
    assert_non_null(log);
    assert_false(log->curves[0]->stored);
    kt_logdir_close(log);
    nftw("test_index.other", remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Where no index can be written the log is read all the same. */
static void test_unwritable(void **state)
{
    (void)state;
    start();
    kt_logdir *log = kt_logdir_open(top, .index = "test_index.dir/nowhere/index");
    assert_non_null(log);
    assert_true(kt_logdir_series_count(log) > 10);
    bool said = false;
    for (int64_t i = 0; i < kt_logdir_problems(log); i++)
        said = said ||
               (kt_logdir_problem_at(log, i)->status == KT_OK && strstr(kt_logdir_problem_at(log, i)->reason, "index"));
    assert_true(said);
    kt_logdir_close(log);
    assert_int_equal(access(index_path, F_OK), -1); /* and none is written unless asked for */
    log = kt_logdir_open(top);
    kt_logdir_close(log);
    assert_int_equal(access(index_path, F_OK), -1);
}

static int clear_at_end(void **state)
{
    (void)state;
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    remove(index_path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),       cmocka_unit_test(test_lazy),       cmocka_unit_test(test_damage),
        cmocka_unit_test(test_foreign_index), cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, clear_at_end);
}
