/* SPDX-License-Identifier: MIT */
/* The pool: every chunk runs exactly once, whatever the number of threads; results are visible
 * to the caller; it survives forks, nesting, bound threads and hosts whose allocator fails. Run
 * it under ThreadSanitizer too. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "base/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 1000 };

typedef struct tally {
    kt_pool *pool;
    int threads;
    int plain[MANY]; /* not atomic: chunks are independent, and the end of a run orders them */
    _Atomic int calls, wrong; /* wrong: a thread number out of range */
    _Atomic int in_use[8];    /* by thread number: no two chunks at once may have the same */
} tally;

static void count_chunk(void *arg, int64_t chunk, int thread)
{
    tally *t = arg;
    if (thread < 0 || thread >= t->threads || atomic_fetch_add(&t->in_use[thread], 1))
        atomic_fetch_add(&t->wrong, 1);
    t->plain[chunk]++;
    atomic_fetch_add(&t->calls, 1);
    if (thread >= 0 && thread < t->threads)
        atomic_fetch_sub(&t->in_use[thread], 1);
}

static void every_chunk_once(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 100, MANY };
    for (int threads = 1; threads <= 4; threads++) {
        kt_pool *pool = kt_pool_new(NULL, threads);
        assert_non_null(pool);
        assert_int_equal(kt_pool_threads(pool), threads);
        for (int round = 0; round < 200; round++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                tally t = { .threads = threads };
                kt_pool_run(pool, count_chunk, &t, sizes[s]);
                assert_int_equal(t.calls, sizes[s]);
                assert_int_equal(t.wrong, 0);
                for (int64_t i = 0; i < MANY; i++)
                    assert_int_equal(t.plain[i], i < sizes[s]);
            }
        kt_pool_free(pool);
    }
}

static void nothing_chunk(void *arg, int64_t chunk, int thread)
{
    (void)chunk, (void)thread;
    atomic_fetch_add((_Atomic int64_t *)arg, 1);
}

static void regions_back_to_back(void **state)
{
    (void)state;
    kt_pool *pool = kt_pool_new(NULL, 2);
    _Atomic int64_t calls = 0;
    for (int i = 0; i < 20000; i++)
        kt_pool_run(pool, nothing_chunk, &calls, 4);
    assert_int_equal(calls, 80000);
    kt_pool_free(pool);
}

static void sleepers_wake(void **state)
{
    (void)state;
    kt_pool *pool = kt_pool_new(NULL, 3);
    for (int i = 0; i < 20; i++) {
        tally t = { .threads = 3 };
        kt_pool_run(pool, count_chunk, &t, 50);
        assert_int_equal(t.calls, 50);
        usleep(3000); /* longer than idle threads watch */
    }
    kt_pool_free(pool);
}

/* A chunk that waits for another one to have started: only done if two threads really work at
 * the same time, after sleeping. */
static void meet_chunk(void *arg, int64_t chunk, int thread)
{
    (void)chunk, (void)thread;
    _Atomic int *arrived = arg;
    atomic_fetch_add(arrived, 1);
    for (int i = 0; i < 5000 && atomic_load(arrived) < 2; i++)
        usleep(1000);
}

static void threads_really_work(void **state)
{
    (void)state;
    kt_pool *pool = kt_pool_new(NULL, 2);
    for (int i = 0; i < 5; i++) {
        _Atomic int arrived = 0;
        kt_pool_run(pool, meet_chunk, &arrived, 2);
        assert_int_equal(arrived, 2);
        usleep(2000);
    }
    kt_pool_free(pool);
}

static void inner_chunk(void *arg, int64_t chunk, int thread)
{
    tally *t = arg;
    (void)chunk;
    if (thread < 0 || thread >= t->threads || atomic_load(&t->in_use[thread]) != 1)
        atomic_fetch_add(&t->wrong, 1);
    atomic_fetch_add(&t->calls, 1);
}

static void outer_chunk(void *arg, int64_t chunk, int thread)
{
    tally *t = arg;
    (void)chunk;
    atomic_fetch_add(&t->in_use[thread], 1);
    kt_pool_run(t->pool, inner_chunk, t, 3); /* on this thread, under this thread's number */
    atomic_fetch_sub(&t->in_use[thread], 1);
}

static void nested_runs_stay_on_their_thread(void **state)
{
    (void)state;
    tally t = { .threads = 4, .pool = kt_pool_new(NULL, 4) };
    for (int i = 0; i < 50; i++)
        kt_pool_run(t.pool, outer_chunk, &t, 40);
    assert_int_equal(t.calls, 50 * 40 * 3);
    assert_int_equal(t.wrong, 0);
    kt_pool_free(t.pool);
}

static void without_a_pool(void **state)
{
    (void)state;
    tally t = { .threads = 1 };
    kt_pool_run(NULL, count_chunk, &t, 10);
    assert_int_equal(t.calls, 10);
    assert_int_equal(t.wrong, 0);
    assert_int_equal(kt_pool_threads(NULL), 1);
    kt_pool_free(NULL);
}

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

static void a_fork_gets_its_own_threads(void **state)
{
    (void)state;
#ifdef UNDER_TSAN
    skip(); /* ThreadSanitizer refuses threads in the child of a process that has some */
#else
    kt_pool *pool = kt_pool_new(NULL, 2);
    _Atomic int64_t calls = 0;
    kt_pool_run(pool, nothing_chunk, &calls, 8);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _Atomic int arrived = 0;
        alarm(60);
        kt_pool_run(pool, meet_chunk, &arrived, 2);
        calls = 0;
        for (int i = 0; i < 100; i++)
            kt_pool_run(pool, nothing_chunk, &calls, 8);
        kt_pool_free(pool);
        _exit(arrived == 2 && calls == 800 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    calls = 0;
    kt_pool_run(pool, nothing_chunk, &calls, 8);
    assert_int_equal(calls, 8);
    kt_pool_free(pool);

    pool = kt_pool_new(NULL,
                       2); /* a child that only frees must not wait for threads it does not have */
    kt_pool_run(pool, nothing_chunk, &calls, 8);
    child = fork();
    if (child == 0) {
        alarm(60);
        kt_pool_free(pool);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    kt_pool_free(pool);
#endif
}

static void mask_chunk(void *arg, int64_t chunk, int thread)
{
    sigset_t set;
    _Atomic int *open = arg;
    (void)chunk;
    if (thread && (pthread_sigmask(SIG_SETMASK, NULL, &set) || !sigismember(&set, SIGINT) ||
                   !sigismember(&set, SIGALRM)))
        atomic_fetch_add(open, 1);
    usleep(200);
}

static void threads_block_signals(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    kt_pool *pool = kt_pool_new(NULL, 3);
    _Atomic int open = 0;
    kt_pool_run(pool, mask_chunk, &open, 30);
    assert_int_equal(open, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
    kt_pool_free(pool);
}

#ifdef __linux__
static void processors_chunk(void *arg, int64_t chunk, int thread)
{
    cpu_set_t set;
    _Atomic int *most = arg;
    (void)chunk;
    if (thread && !sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > atomic_load(most))
        atomic_store(most, CPU_COUNT(&set));
    usleep(200);
}

static void *bound_host(void *arg)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)*(int *)arg, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    kt_pool *pool = kt_pool_new(NULL, 3);
    _Atomic int most = 0;
    kt_pool_run(pool, processors_chunk, &most, 30);
    kt_pool_free(pool);
    *(int *)arg = most;
    return NULL;
}

static void a_bound_caller_does_not_bind_the_threads(void **state)
{
    (void)state;
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(getpid(), sizeof all, &all), 0);
    int first = 0;
    while (!CPU_ISSET((size_t)first, &all))
        first++;
    pthread_t host;
    assert_int_equal(pthread_create(&host, NULL, bound_host, &first), 0);
    pthread_join(host, NULL);
    assert_true(first == CPU_COUNT(&all) ||
                first == 0); /* 0: the workers came too late for any chunk */
}
#endif

static void *refuse(size_t bytes, void *user)
{
    (void)bytes;
    ++*(int *)user;
    return NULL;
}

static void *give(size_t bytes, void *user)
{
    ++*(int *)user;
    return malloc(bytes);
}

static void take_back(void *block, void *user)
{
    --*(int *)user;
    free(block);
}

static void the_hosts_allocator(void **state)
{
    (void)state;
    int asked = 0;
    kt_allocator mean = { .allocate = refuse, .release = take_back, .user = &asked };
    assert_null(kt_pool_new(&mean, 2));
    assert_int_equal(asked, 1);
    int open = 0;
    kt_allocator kind = { .allocate = give, .release = take_back, .user = &open };
    tally t = { .threads = 2 };
    kt_pool *pool = kt_pool_new(&kind, 2);
    kt_pool_run(pool, count_chunk, &t, 20);
    assert_int_equal(open, 1);
    kt_pool_free(pool);
    assert_int_equal(open, 0);
}

static void odd_thread_counts(void **state)
{
    (void)state;
    kt_pool *pool = kt_pool_new(NULL, -5);
    assert_int_equal(kt_pool_threads(pool), 1);
    kt_pool_free(pool);
    pool = kt_pool_new(NULL, 1000000);
    assert_int_equal(kt_pool_threads(pool), KT_POOL_MAX);
    kt_pool_free(pool); /* never ran: no thread was made */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_once),
        cmocka_unit_test(regions_back_to_back),
        cmocka_unit_test(sleepers_wake),
        cmocka_unit_test(threads_really_work),
        cmocka_unit_test(nested_runs_stay_on_their_thread),
        cmocka_unit_test(without_a_pool),
        cmocka_unit_test(a_fork_gets_its_own_threads),
        cmocka_unit_test(threads_block_signals),
#ifdef __linux__
        cmocka_unit_test(a_bound_caller_does_not_bind_the_threads),
#endif
        cmocka_unit_test(the_hosts_allocator),
        cmocka_unit_test(odd_thread_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
