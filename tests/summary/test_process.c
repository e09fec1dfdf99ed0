/* SPDX-License-Identifier: MIT */
/* tests/summary/test_process.c: a log when processes fork, end or are killed, and what it does to a
 * process: signals, threads.
 *
 * Children do something while threads log, and the files say afterwards what became of it. Each child
 * has an alarm, since a lock that somebody held at the fork would be waited for without end.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <keratin/summary.h>

#include "events_reader.h"

#if defined(__SANITIZE_THREAD__)
#define SANITIZED_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZED_THREADS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SANITIZED_THREADS)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
static const bool child_memory = false;
#else
static const bool child_memory = true;
#endif
#ifdef SANITIZED_THREADS
static const bool child_threads = false; /* the sanitizer allows none after a fork */
#else
static const bool child_threads = true;
#endif

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

static int set_up(void **state)
{
    (void)state;
    reader_make_dir(dir);
    return dir[0] ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    reader_remove(dir);
    return 0;
}

typedef struct writer {
    pthread_t thread;
    kt_events *log;
    int index;
    atomic_bool stop;
} writer;

static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled = 1;
}

/* A signal to the process is never handled in the log's thread. */
static void test_signals(void **state)
{
    (void)state;
    kt_events *log = kt_events_open(dir);
    struct sigaction action = { .sa_handler = handle }, before;
    sigset_t one, old, waiting;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    sigaction(SIGUSR1, &action, &before);
    pthread_sigmask(SIG_BLOCK, &one, &old);
    kill(getpid(), SIGUSR1);
    pause_ms(50);
    sigpending(&waiting);
    assert_true(sigismember(&waiting, SIGUSR1));
    assert_int_equal(handled, 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert_int_equal(handled, 1);
    sigaction(SIGUSR1, &before, NULL);
    assert_int_equal(kt_events_close(log), KT_OK);
}

static void *log_for_ever(void *user)
{
    writer *w = user;
    char tag[32];
    for (int64_t step = 1;; step++) {
        /* the table of tags grows meanwhile */
        snprintf(tag, sizeof tag, "thread%d/tag%d", w->index, (int)(step % 700));
        kt_events_scalar(w->log, tag, 1, step);
        if (step % 100 == 0) usleep(100);
        if (w->stop) return NULL;
    }
}

/* What the child of a fork may do with the log, in whatever state it got it. */
static bool child_is_right(kt_events *log)
{
    bool good = kt_events_scalar(log, "thread0/tag1", 1, 1) == KT_ERR_STATE &&
                kt_events_histogram(log, "h", NULL, -1, 1) == KT_ERR_STATE &&
                kt_events_flush(log) == KT_ERR_STATE && kt_events_tick(log) == KT_ERR_STATE &&
                kt_events_sync(log) == KT_ERR_STATE && kt_events_resume_from(log, 1) == KT_ERR_STATE &&
                kt_events_limit(log, "", (kt_gate){ .every = 2 }) == KT_ERR_STATE &&
                !kt_events_wants(log, "x", 1) && kt_events_status(log) == KT_ERR_STATE &&
                strstr(kt_events_message(log), "opened before fork() and stays with the parent") &&
                kt_events_dropped(log) == 0 && kt_events_path(log);
    /* The sanitizers' allocators, unlike the system's, may be locked for ever in a child. */
    if (!child_memory) return good;
    good = good && kt_events_close(log) == KT_ERR_STATE;
    char own[128];
    snprintf(own, sizeof own, "%s/child%ld", dir, (long)getpid());
    log = kt_events_open(own);
    return good && kt_events_scalar(log, "x", 1, 1) == KT_OK && kt_events_close(log) == KT_OK;
}

static void test_fork_while_logging(void **state)
{
    (void)state;
    enum { LOGGERS = 3 };
    char run[128];
    snprintf(run, sizeof run, "%s/run", dir);
    kt_events *log = kt_events_open(run, .flush_seconds = 0.001, .buffer_bytes = 4096, .rotate_bytes = 100000);
    writer loggers[LOGGERS];
    for (int i = 0; i < LOGGERS; i++) {
        loggers[i] = (writer){ .log = log, .index = i };
        pthread_create(&loggers[i].thread, NULL, log_for_ever, &loggers[i]);
    }
    for (int round = 0; round < 60; round++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(60); /* a lock somebody held would be waited for without end */
            _exit(child_is_right(log) ? 0 : 1);
        }
        int result = -1;
        waitpid(child, &result, 0);
        assert_int_equal(result, 0);
    }
    for (int i = 0; i < LOGGERS; i++) loggers[i].stop = true;
    for (int i = 0; i < LOGGERS; i++) pthread_join(loggers[i].thread, NULL);
    assert_int_equal(kt_events_close(log), KT_OK);

    struct dirent **names;
    int files = scandir(run, &names, NULL, alphasort);
    int64_t last[LOGGERS] = { 0 };
    for (int f = 0; f < files; f++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", run, names[f]->d_name);
        if (strstr(names[f]->d_name, "tfevents")) {
            event_file file = reader_open(path);
            event e;
            size_t at = 0;
            assert_true(reader_next(&file, &at, &e) && e.version);
            while (reader_next(&file, &at, &e)) assert_int_equal(e.step, ++last[e.tag[6] - '0']); /* none twice */
            assert_int_equal(at, file.size);
            free(file.bytes);
        }
        free(names[f]);
    }
    free(names);
    assert_true(last[0] > 100);
}

/* Finds the only event file of a directory. */
static void find_file(const char *run, char path[512])
{
    path[0] = '\0';
    DIR *list = opendir(run);
    for (struct dirent *entry; list && (entry = readdir(list)) != NULL;)
        if (strstr(entry->d_name, "tfevents")) snprintf(path, 512, "%s/%s", run, entry->d_name);
    if (list) closedir(list);
}

/* exit() without close, while other threads log: it returns, and at most the last record is cut. */
static void test_exit_while_logging(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        char run[128], path[512];
        snprintf(run, sizeof run, "%s/%d", dir, round);
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            static writer loggers[2]; /* threads outlive this function */
            kt_events *log = kt_events_open(run, .flush_seconds = 0.001, .buffer_bytes = 4096,
                                            .no_thread = !child_threads);
            for (int i = 0; i < 2 && child_threads; i++) {
                loggers[i] = (writer){ .log = log, .index = i };
                pthread_create(&loggers[i].thread, NULL, log_for_ever, &loggers[i]);
            }
            pause_ms(5 + round);
            fclose(stdout); /* cmocka's text stays the parent's */
            exit(0);
        }
        int result = -1;
        waitpid(child, &result, 0);
        assert_int_equal(result, 0);
        find_file(run, path);
        event_file file = reader_open(path);
        event e;
        size_t at = 0;
        int64_t last[2] = { 0 };
        assert_true(reader_next(&file, &at, &e) && e.version);
        while (reader_next(&file, &at, &e)) assert_int_equal(e.step, ++last[e.tag[6] - '0']);
        assert_true(file.size - at < 80);
        free(file.bytes);
    }
}

/* kill -9 at 200 moments: what was acknowledged by a flush is there, what is there is whole and in
 * order, at most one record is cut. */
static void test_kill(void **state)
{
    (void)state;
    _Atomic int64_t *acknowledged = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(acknowledged != MAP_FAILED);
    uint32_t seed = (uint32_t)time(NULL);
    print_message("seed %u\n", seed);
    int flushed = 0;
    for (int round = 0; round < 200; round++) {
        char run[128], path[512];
        snprintf(run, sizeof run, "%s/%d", dir, round);
        *acknowledged = -1;
        pid_t child = fork();
        if (child == 0) {
            kt_events *log = kt_events_open(run, .buffer_bytes = 4096, .flush_seconds = 0.001,
                                            .no_thread = !child_threads || round % 4 == 3);
            *acknowledged = 0;
            for (int64_t step = 1;; step++) {
                kt_events_scalar(log, "x", (double)step, step);
                if (step % 1000 == 0 && kt_events_flush(log) == KT_OK) *acknowledged = step;
            }
        }
        double start = seconds();
        int64_t least = round % 2 ? 1 : 0; /* half of them when something has been flushed */
        while (*acknowledged < least && seconds() - start < 20) usleep(50);
        seed = seed * 1664525u + 1013904223u;
        usleep(seed >> 20); /* up to 4 ms */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        find_file(run, path);
        event_file file = reader_open(path);
        event e;
        size_t at = 0;
        int64_t step = 0;
        assert_true(reader_next(&file, &at, &e) && e.version);
        while (reader_next(&file, &at, &e)) {
            assert_int_equal(e.step, ++step);
            assert_true(reader_float(&e) == (float)step);
        }
        assert_true(step >= *acknowledged);
        assert_true(file.size - at < 64);
        flushed += *acknowledged > 0;
        free(file.bytes);
        unlink(path);
    }
    assert_true(flushed >= 100);
    munmap(acknowledged, 4096);
}

#ifndef SANITIZED
static void *no_work(void *user)
{
    return user;
}
#endif

/* Where no thread can be had the log works without. */
static void test_no_thread_to_be_had(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip(); /* there is no room to be limited: the sanitizer has taken all of it */
#else
    pid_t child = fork();
    if (child == 0) {
        FILE *in = fopen("/proc/self/statm", "r");
        long pages = 0;
        if (!in || fscanf(in, "%ld", &pages) != 1) _exit(77);
        fclose(in);
        free(malloc(100000)); /* enough for the log itself is at hand */
        rlim_t now = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
        setrlimit(RLIMIT_AS, &(struct rlimit){ now + 65536, RLIM_INFINITY });
        pthread_t probe;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 256 * 1024);
        if (pthread_create(&probe, &attributes, no_work, NULL) == 0) _exit(77);
        kt_events *log = kt_events_open(dir, .buffer_bytes = 4096);
        if (!log) _exit(1);
        for (int64_t step = 1; step <= 300; step++)
            if (kt_events_scalar(log, "x", 1, step) != KT_OK) _exit(2);
        if (reader_count(kt_events_path(log), NULL) < 200) _exit(3); /* written by the calls */
        _exit(kt_events_close(log) == KT_OK ? 0 : 4);
    }
    int result = -1;
    waitpid(child, &result, 0);
    if (WIFEXITED(result) && WEXITSTATUS(result) == 77) skip();
    assert_int_equal(result, 0);
#endif
}

#define life(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        life(test_no_thread_to_be_had), /* first: stacks of threads that have ended would be used again */
        life(test_signals),
        life(test_fork_while_logging),
        life(test_exit_while_logging),
        life(test_kill),
    };
    return cmocka_run_group_tests_name("summary/process", tests, NULL, NULL);
}
