/* SPDX-License-Identifier: MIT */
/* tests/summary/test_failures.c: a log whose system, disk and memory fail.
 *
 * The log's calls to the system go through a table; here they reach the real file, but the test
 * decides which call fails and how, and how much room the disk has. The law to hold after every
 * misfortune: the file is whole records, in order, none twice, and every record that was answered
 * with KT_OK is in it once the disk works again. Real misfortunes (a full tmpfs, a size limit, a
 * directory of another user) follow at the end; they are skipped where not permitted.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "events_reader.h"
#include "summary/forked.h"
#include "summary/writer.h"

static char dir[64];
static double clock_now;

/* The disk: what it does and what it was asked. */
static struct {
    int64_t room;     /* how large a file may become */
    int64_t at_most;  /* how many bytes one write takes */
    int fail_at;      /* this call fails, counted from 1; 0: none; -1: all */
    int error;        /* with this */
    bool no_truncate; /* cutting fails */
    bool close_fails;
    int interruptions; /* so many writes are interrupted before one goes through */
    int interrupted;
    int calls, writes, creates;
} disk;

static bool disk_fails(void)
{
    disk.calls++;
    errno = disk.error;
    return disk.fail_at < 0 || disk.calls == disk.fail_at;
}

static int disk_create(const char *path)
{
    disk.creates++;
    return disk_fails() ? -1 : kt_file_system.create(path);
}

static int64_t disk_write_at(int fd, const void *bytes, size_t n, int64_t at)
{
    disk.writes++;
    if (disk.interrupted < disk.interruptions) {
        disk.interrupted++;
        errno = EINTR;
        return -1;
    }
    disk.interrupted = 0;
    if (disk_fails()) return -1;
    int64_t fits = disk.room - at < (int64_t)n ? disk.room - at : (int64_t)n;
    if (fits <= 0) {
        errno = ENOSPC;
        return -1;
    }
    return kt_file_system.write_at(fd, bytes, (size_t)(fits < disk.at_most ? fits : disk.at_most),
                                   at);
}

static int disk_truncate(int fd, int64_t size)
{
    if (disk_fails() || disk.no_truncate) return -1;
    return kt_file_system.truncate(fd, size);
}

static int disk_look(int fd, int64_t *size, bool *linked)
{
    return disk_fails() ? -1 : kt_file_system.look(fd, size, linked);
}

static int disk_sync(int fd)
{
    return disk_fails() ? -1 : kt_file_system.sync(fd);
}

static int disk_close(int fd)
{
    kt_file_system.close(fd);
    errno = EIO;
    return disk.close_fails ? -1 : 0;
}

static const kt_file_calls disk_calls = {
    disk_create, disk_write_at, disk_truncate, disk_look, disk_sync, disk_close, unlink,
};

static double test_clock(void *user)
{
    (void)user;
    return clock_now;
}

static int set_up(void **state)
{
    (void)state;
    clock_now = 1700000000.0;
    memset(&disk, 0, sizeof disk);
    disk.room = disk.at_most = INT64_MAX;
    disk.error = EIO;
    reader_make_dir(dir);
    return dir[0] ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    reader_remove(dir);
    return 0;
}

static kt_events *open_log(void)
{
    return kt_events_open_on(
        &(kt_events_config){ .logdir = dir, .buffer_bytes = 4096, .no_thread = true, .now = test_clock },
        &disk_calls);
}

/* The file's steps: rising, whole, nothing behind. Returns how many summaries there are. */
static int check_file(const char *path, int64_t *last)
{
    event_file file = reader_open(path);
    event e;
    size_t at = 0;
    int count = 0;
    int64_t step = 0;
    if (!reader_next(&file, &at, &e) || !e.version) fail_msg("%s has no version record", path);
    while (reader_next(&file, &at, &e)) {
        assert_true(e.step > step);
        step = e.step;
        count++;
    }
    assert_int_equal(at, file.size);
    free(file.bytes);
    if (last) *last = step;
    return count;
}

static void test_full_disk(void **state)
{
    (void)state;
    kt_events *log = open_log();
    disk.room = 3000; /* not at a record's edge */
    int64_t step = 1, accepted = 0, last;
    for (; step <= 500; step++) {
        kt_status status = kt_events_scalar(log, "loss", 1, step);
        if (status == KT_OK)
            accepted++;
        else
            assert_int_equal(status, KT_ERR_IO);
    }
    assert_int_equal(kt_events_dropped(log), 500 - accepted);
    assert_in_range(accepted, (3000 + 4096) / 64, (3000 + 4096) / 56);
    assert_int_equal(kt_events_status(log), KT_ERR_IO);
    char expected[512];
    snprintf(expected, sizeof expected,
             "cannot write the event file \"%s\": no space is left on the disk; free some",
             kt_events_path(log));
    assert_string_equal(kt_events_message(log), expected);
    int written = check_file(kt_events_path(log), NULL); /* no half record */
    assert_in_range(written, 40, 52);
    assert_int_equal(kt_events_flush(log), KT_ERR_IO);

    disk.room = INT64_MAX;
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(check_file(kt_events_path(log), &last), accepted);
    assert_int_equal(last, accepted); /* the newest were dropped, nothing between */
    assert_int_equal(kt_events_scalar(log, "loss", 1, step), KT_OK);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(check_file(kt_events_path(log), &last), accepted + 1);
    assert_int_equal(last, step);
    assert_int_equal(kt_events_close(log), KT_ERR_IO); /* something was lost */
}

/* The cut of a half record fails too: the next write finishes it in its place. */
static void test_no_truncate(void **state)
{
    (void)state;
    kt_events *log = open_log();
    disk.room = 200;
    disk.no_truncate = true;
    for (int64_t step = 1; step <= 20; step++)
        assert_int_equal(kt_events_scalar(log, "loss", 1, step), KT_OK);
    assert_int_equal(kt_events_flush(log), KT_ERR_IO);
    assert_int_equal(kt_events_flush(log), KT_ERR_IO);
    disk.room = INT64_MAX;
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(check_file(kt_events_path(log), NULL), 20);
    assert_int_equal(kt_events_close(log), KT_OK);
}

static void test_short_and_interrupted(void **state)
{
    (void)state;
    disk.at_most = 7;
    disk.interruptions = 3;
    kt_events *log = open_log();
    assert_non_null(log);
    for (int64_t step = 1; step <= 300; step++)
        assert_int_equal(kt_events_scalar(log, "loss", 1, step), KT_OK);
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(check_file(kt_events_path(log), NULL), 300);

    disk.interruptions = INT32_MAX; /* for ever: an answer all the same */
    assert_int_equal(kt_events_scalar(log, "loss", 1, 301), KT_OK);
    assert_int_equal(kt_events_flush(log), KT_ERR_IO);
    disk.interruptions = 0;
    assert_int_equal(kt_events_flush(log), KT_OK);
    assert_int_equal(check_file(kt_events_path(log), NULL), 301);
    assert_int_equal(kt_events_close(log), KT_OK);
}

/* A broken disk is asked once a second, not at each record. */
static void test_patience(void **state)
{
    (void)state;
    kt_events *log = open_log();
    disk.fail_at = -1;
    int64_t step = 1;
    for (; step <= 200; step++) kt_events_scalar(log, "loss", 1, step);
    int calls = disk.calls;
    for (; step <= 400; step++) kt_events_scalar(log, "loss", 1, step);
    assert_int_equal(disk.calls, calls);
    clock_now += 1;
    for (; step <= 600; step++) kt_events_scalar(log, "loss", 1, step);
    assert_in_range(disk.calls, calls + 1, calls + 3);
    assert_true(kt_events_dropped(log) > 400);

    disk.fail_at = 0;
    clock_now += 1;
    assert_int_equal(kt_events_scalar(log, "loss", 1, step), KT_OK); /* resumes by itself */
    assert_int_equal(kt_events_flush(log), KT_OK);
    check_file(kt_events_path(log), NULL);
    kt_events_close(log);
}

/* Each call fails once, in turn: nothing that was accepted is lost. */
static void test_each_call(void **state)
{
    (void)state;
    const int errors[] = { EIO, ENOSPC, EINTR, EACCES };
    for (int fail = 1;; fail++) {
        disk.calls = 0;
        disk.at_most = 100 + fail;
        disk.fail_at = fail;
        disk.error = errors[fail % 4];
        clock_now += 10;
        kt_events *log = open_log();
        if (!log) {
            assert_true(fail <= 2); /* creating it, writing the version record */
            continue;
        }
        char first[512];
        strcpy(first, kt_events_path(log));
        int64_t accepted = 0;
        for (int64_t step = 1; step <= 150; step++) {
            accepted += kt_events_scalar(log, "loss", 1, step) == KT_OK;
            clock_now += 0.1;
            if (step % 40 == 0) kt_events_flush(log);
        }
        bool survived = disk.calls < fail;
        disk.fail_at = 0;
        assert_int_equal(kt_events_flush(log), KT_OK);
        assert_int_equal(accepted, 150);
        int found = check_file(first, NULL);
        if (strcmp(first, kt_events_path(log)) != 0) found += check_file(kt_events_path(log), NULL);
        assert_int_equal(found, 150);
        assert_int_equal(kt_events_close(log), KT_OK);
        if (survived) break;
    }
}

static void test_refused_open(void **state)
{
    (void)state;
    kt_events_error error;
    kt_events_config config = { .logdir = dir, .error = &error };
    disk.room = 20; /* the version record does not fit: no broken file is left */
    assert_null(kt_events_open_on(&config, &disk_calls));
    assert_int_equal(error.status, KT_ERR_IO);
    assert_non_null(strstr(error.message, "kt_events_open: cannot write the event file \""));
    assert_non_null(strstr(error.message, "no space is left on the disk; free some"));
    assert_int_equal(rmdir(dir), 0);
    disk.error = 12345;
    disk.fail_at = -1;
    assert_null(kt_events_open_on(&config, &disk_calls));
    assert_non_null(strstr(error.message, "cannot create the event file"));
    assert_non_null(strstr(error.message, "system error 12345"));
    assert_true(disk.creates < 10);
}

static void test_sync_and_close(void **state)
{
    (void)state;
    kt_events *log = open_log();
    disk.fail_at = disk.calls + 1;
    assert_int_equal(kt_events_sync(log), KT_ERR_IO);
    assert_non_null(strstr(kt_events_message(log), "cannot bring to the disk the event file"));
    disk.error = EINTR;
    disk.fail_at = disk.calls + 1;
    assert_int_equal(kt_events_sync(log), KT_OK);
    disk.close_fails = true;
    assert_int_equal(kt_events_close(log), KT_ERR_IO);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static struct {
    int left, held;
} memory;

static void *memory_allocate(size_t bytes, void *user)
{
    assert_ptr_equal(user, &memory);
    if (memory.left-- <= 0) return NULL;
    memory.held++;
    return malloc(bytes);
}

static void *memory_resize(void *old, size_t bytes, void *user)
{
    assert_ptr_equal(user, &memory);
    if (memory.left-- <= 0) return NULL;
    return realloc(old, bytes);
}

static void memory_release(void *block, void *user)
{
    assert_ptr_equal(user, &memory);
    if (block) memory.held--;
    free(block);
}

static void test_memory(void **state)
{
    (void)state;
    static kt_bucket many[1000];
    for (int allowed = 0; allowed < 20; allowed++) {
        kt_events_error error = { .status = KT_OK };
        memory.left = allowed;
        memory.held = 0;
        kt_events *log = kt_events_open(dir, .no_thread = true, .buffer_bytes = 4096, .error = &error,
                                        .allocator = { memory_allocate, memory_resize,
                                                       memory_release, &memory });
        if (!log) {
            assert_true(allowed < 3);
            assert_int_equal(error.status, KT_ERR_MEMORY);
            assert_non_null(strstr(error.message, "out of memory"));
            assert_int_equal(memory.held, 0);
            continue;
        }
        assert_true(allowed >= 3);
        assert_int_equal(kt_events_scalar(log, "loss", 1, 1),
                         KT_OK); /* also without the table of tags */
        kt_status large = kt_events_histogram_buckets(log, "h", many, 1000, 1);
        assert_int_equal(large, memory.left >= 0 ? KT_OK : KT_ERR_MEMORY);
        assert_int_equal(kt_events_dropped(log), large == KT_OK ? 0 : 1);
        assert_int_equal(kt_events_scalar(log, "loss", 1, 2), KT_OK);
        assert_int_equal(kt_events_flush(log), KT_OK);
        assert_int_equal(reader_count(kt_events_path(log), NULL), large == KT_OK ? 4 : 3);
        assert_int_equal(kt_events_close(log), large == KT_OK ? KT_OK : KT_ERR_IO);
        assert_int_equal(memory.held, 0);
    }
    /* after the first record of a tag nothing is allocated */
    memory.left = 100;
    kt_events *log = kt_events_open(dir, .no_thread = true, .allocator = { memory_allocate, memory_resize,
                                                        memory_release, &memory });
    kt_events_scalar(log, "loss", 1, 1);
    memory.left = 0;
    for (int64_t step = 2; step < 5000; step++)
        assert_int_equal(kt_events_scalar(log, "loss", 1, step), KT_OK);
    assert_int_equal(memory.left, 0);
    kt_events_close(log);
}

/* ---- Real misfortunes ------------------------------------------------------------------------ */

static void test_real_full_disk(void **state)
{
    (void)state;
    char mounted[128], filler[160];
    snprintf(mounted, sizeof mounted, "%s/small", dir);
    assert_int_equal(mkdir(mounted, 0777), 0);
    if (mount("tmpfs", mounted, "tmpfs", 0, "size=64k") != 0) skip();
    snprintf(filler, sizeof filler, "%s/filler", mounted);
    FILE *out = fopen(filler, "w");
    for (int i = 0; i < 32768; i++) fputc('x', out);
    fclose(out);

    kt_events *log = kt_events_open(mounted, .no_thread = true, .buffer_bytes = 16384);
    bool opened = log != NULL;
    int64_t accepted = 0, step = 1, last = 0;
    for (; step <= 5000; step++) accepted += kt_events_scalar(log, "loss", 1, step) == KT_OK;
    int64_t dropped = kt_events_dropped(log);
    size_t rest = 1, rest_after = 1;
    reader_count(kt_events_path(log), &rest);
    unlink(filler);
    kt_status resumed = kt_events_flush(log);
    int found = reader_count(kt_events_path(log), &rest_after) - 1;
    kt_status logged = kt_events_scalar(log, "loss", 1, step);
    kt_events_flush(log);
    check_file(kt_events_path(log), &last);
    kt_events_close(log);
    umount(mounted);

    assert_true(opened);
    assert_int_equal(accepted + dropped, 5000);
    assert_in_range(accepted, (32768 - 8192 + 8192) / 64, (32768 + 16384) / 56);
    assert_int_equal(rest, 0);
    assert_int_equal(resumed, KT_OK);
    assert_int_equal(found, accepted);
    assert_int_equal(rest_after, 0);
    assert_int_equal(logged, KT_OK);
    assert_int_equal(last, step);
}

/* A limit on the size of files raises a signal that kills, unless one asks first. */
static void test_size_limit(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit;
        getrlimit(RLIMIT_FSIZE, &limit);
        kt_events *log = kt_events_open(dir, .no_thread = true, .buffer_bytes = 4096);
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = 10000;
        setrlimit(RLIMIT_FSIZE, &limit);
        int64_t accepted = 0;
        for (int64_t step = 1; step <= 1000; step++)
            accepted += kt_events_scalar(log, "loss", 1, step) == KT_OK;
        size_t rest;
        bool good = accepted < 1000 && kt_events_dropped(log) == 1000 - accepted &&
                    strstr(kt_events_message(log),
                           "the file would exceed the size allowed here; raise the limit") &&
                    reader_count(kt_events_path(log), &rest) > 100 && rest == 0;
        limit.rlim_cur = before;
        setrlimit(RLIMIT_FSIZE, &limit);
        good = good && kt_events_flush(log) == KT_OK &&
               reader_count(kt_events_path(log), &rest) == accepted + 1;
        kt_events_close(log);
        _exit(good ? 0 : 1);
    }
    int result = -1;
    waitpid(child, &result, 0);
    assert_false(WIFSIGNALED(result));
    assert_int_equal(result, 0);
}

static void test_not_permitted(void **state)
{
    (void)state;
    assert_int_equal(chmod(dir, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0) {
            if (setuid(65534) != 0) _exit(2);
        } else {
            chmod(dir, 0555);
        }
        char run[128];
        snprintf(run, sizeof run, "%s/run", dir);
        kt_events_error error;
        bool good = !kt_events_open(run, .error = &error) && error.status == KT_ERR_IO &&
                    strstr(error.message, "cannot make the directory \"") &&
                    strstr(error.message,
                           "permission denied; choose a directory this process may write to");
        good = good && !kt_events_open(dir, .error = &error) &&
               strstr(error.message, "cannot create the event file");
        _exit(good ? 0 : 1);
    }
    int result = -1;
    waitpid(child, &result, 0);
    chmod(dir, 0755);
    if (WIFEXITED(result) && WEXITSTATUS(result) == 2) skip();
    assert_int_equal(result, 0);
}

/* Where the system cannot wipe a page for the child, the process number tells. */
static void test_fork_without_page(void **state)
{
    (void)state;
    kt_fork_guard guard = { .pid = (long)getpid() };
    assert_false(kt_forked(&guard));
    pid_t child = fork();
    if (child == 0) _exit(kt_forked(&guard) ? 0 : 1);
    int result = -1;
    waitpid(child, &result, 0);
    assert_int_equal(result, 0);
    kt_fork_guard_free(&guard);
}

#define life(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        life(test_full_disk),
        life(test_no_truncate),
        life(test_short_and_interrupted),
        life(test_patience),
        life(test_each_call),
        life(test_refused_open),
        life(test_sync_and_close),
        life(test_memory),
        life(test_real_full_disk),
        life(test_size_limit),
        life(test_not_permitted),
        life(test_fork_without_page),
    };
    return cmocka_run_group_tests_name("summary/failures", tests, NULL, NULL);
}
