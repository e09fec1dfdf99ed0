/* SPDX-License-Identifier: MIT */
/* pool.c: claimed chunks, spinning and sleeping threads. See pool.h for what it promises.
 *
 * A region of n chunks is dealt out as one contiguous range per thread. A range is one 64-bit word,
 * (next, end): its owner claims from the front, others, when their own range is empty, claim from
 * its back, both by compare-and-swap. So a thread meets the same chunks in each region of a step,
 * and one that does not come at all leaves nothing undone. The job (function, argument) is read
 * after a successful claim: a claimed chunk keeps the region open, so the job cannot change under
 * its reader, and a swap that succeeds by accident on the word of a later region is simply a claim
 * there.
 *
 * Waiting. A thread without work watches `region` for at most 0.2 ms (IDLE_SPIN_NS), then sleeps on it
 * (a futex on Linux, a condition variable elsewhere). The caller, out of chunks, watches `done` for
 * as long as a chunk may last, then sleeps too: on a busy machine its processor is then free for
 * the thread it waits for. (Spinning less while the machine is seen to be busy was tried and
 * changed nothing.)
 *
 * Order of memory: ranges are stored with release after the job is written and claimed with
 * acquire; `done` is counted with release and read with acquire. Sleeping uses sequential
 * consistency on (region, sleepers) and (done, caller_sleeps), so that either the sleeper sees the
 * change or the changer sees the sleeper.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#elif !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "pool.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#endif

enum {
    LINE = 64,                 /* of cache: what different threads write stands on different ones */
    IDLE_SPIN_NS = 200 * 1000, /* a thread without a region: longer than a step's serial parts */
    DONE_SPIN_NS = 30 * 1000,  /* the caller, for the last chunks of others */
    PAUSES_PER_LOOK = 16       /* between two looks at the clock */
};
static const int64_t MAX_RANGE = INT32_MAX; /* chunks per region; longer runs are cut */

typedef struct worker {
    _Alignas(LINE) _Atomic uint64_t range; /* next | end << 32 */
    kt_pool *pool;
    int index;
    pthread_t thread;
} worker;

struct kt_pool {
    /* The job: written by the caller between regions, read by whoever holds a claim. */
    kt_pool_fn *fn;
    void *arg;
    int64_t first; /* number of the region's chunk 0 in the run */
    uint32_t count;
    int ranges; /* how many workers, the caller included, got a range */

    _Alignas(LINE) _Atomic uint32_t region; /* changes with each region; idle threads watch it */
    _Atomic uint32_t sleepers;
    _Atomic bool stop;
    _Alignas(LINE) _Atomic uint32_t done; /* chunks of this region */
    _Atomic bool caller_sleeps;

    _Alignas(LINE) _Atomic bool running;
    int threads, alive; /* asked for; really there, the caller included */
    bool oversubscribed; /* more threads than processors: never spin long */
    bool built;
    pid_t process;
    void *block; /* what the allocator gave; the pool is aligned inside */
    kt_allocator allocator;
#ifndef __linux__
    pthread_mutex_t mutex;
    pthread_cond_t wake_workers, wake_caller;
#endif
    worker workers[]; /* [0] is the caller */
};

/* ---- sleeping ---- */

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#ifdef __linux__

static void sleep_while(kt_pool *p, _Atomic uint32_t *word, uint32_t value)
{
    (void)p;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(kt_pool *p, _Atomic uint32_t *word, int how_many)
{
    (void)p;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, how_many, NULL, NULL, 0);
}

#else

static void sleep_while(kt_pool *p, _Atomic uint32_t *word, uint32_t value)
{
    pthread_cond_t *cond = word == &p->region ? &p->wake_workers : &p->wake_caller;
    pthread_mutex_lock(&p->mutex);
    while (atomic_load(word) == value && !(word == &p->region && atomic_load(&p->stop)))
        pthread_cond_wait(cond, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
}

static void wake(kt_pool *p, _Atomic uint32_t *word, int how_many)
{
    (void)how_many;
    pthread_mutex_lock(&p->mutex); /* so that nobody stands between looking and sleeping */
    pthread_mutex_unlock(&p->mutex);
    pthread_cond_broadcast(word == &p->region ? &p->wake_workers : &p->wake_caller);
}

#endif

/* Watches until *word differs from value (true) or it is time to sleep (false). */
static bool watch(kt_pool *p, _Atomic uint32_t *word, uint32_t value, int64_t limit)
{
    int64_t start = 0;
    for (;;) {
        for (int i = 0; i < PAUSES_PER_LOOK; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != value)
                return true;
            cpu_relax();
        }
        int64_t now = now_ns();
        if (!start)
            start = now;
        if (p->oversubscribed || now - start >= limit)
            return atomic_load_explicit(word, memory_order_acquire) != value;
    }
}

/* ---- claiming ---- */

/* One chunk from the front or the back of a range. */
static bool claim(_Atomic uint64_t *range, bool front, uint32_t *chunk)
{
    uint64_t r = atomic_load_explicit(range, memory_order_acquire);
    for (;;) {
        uint32_t next = (uint32_t)r, end = (uint32_t)(r >> 32);
        if (next >= end)
            return false;
        uint64_t left = front ? r + 1 : r - ((uint64_t)1 << 32);
        if (atomic_compare_exchange_weak_explicit(range, &r, left, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *chunk = front ? next : end - 1;
            return true;
        }
    }
}

static void run_claimed(kt_pool *p, uint32_t chunk, int thread)
{
    uint32_t count = p->count;
    p->fn(p->arg, p->first + chunk, thread);
    /* From here on the region may be over and the job another one. */
    if (atomic_fetch_add(&p->done, 1) + 1 == count && atomic_load(&p->caller_sleeps))
        wake(p, &p->done, 1);
}

/* All that can be claimed: one's own range, then those of the others, nearest first. */
static void work(kt_pool *p, int thread)
{
    uint32_t chunk;
    while (claim(&p->workers[thread].range, true, &chunk))
        run_claimed(p, chunk, thread);
    for (int i = 1; i < p->threads; i++) {
        worker *other = &p->workers[(thread + i) % p->threads];
        while (claim(&other->range, false, &chunk))
            run_claimed(p, chunk, thread);
    }
}

static void *worker_main(void *arg)
{
    worker *self = arg;
    kt_pool *p = self->pool;
    uint32_t seen = 0;

    for (;;) {
        uint32_t region;
        while ((region = atomic_load_explicit(&p->region, memory_order_acquire)) == seen) {
            if (watch(p, &p->region, seen, IDLE_SPIN_NS))
                continue;
            atomic_fetch_add(&p->sleepers, 1);
            if (atomic_load(&p->region) == seen)
                sleep_while(p, &p->region, seen);
            atomic_fetch_sub(&p->sleepers, 1);
        }
        if (atomic_load_explicit(&p->stop, memory_order_acquire))
            return NULL;
        seen = region;
        work(p, self->index);
    }
}

/* ---- building ---- */

/* A host that has bound its thread to one processor (OpenMP does so on request) would bind our
 * threads to the same one. They get the processors of the process's first thread besides, which
 * is what the user allowed. Returns how many those are. */
static int choose_processors(pthread_attr_t *attr)
{
#ifdef __linux__
    cpu_set_t own, process, both;
    if (sched_getaffinity(0, sizeof own, &own) ||
        sched_getaffinity(getpid(), sizeof process, &process))
        return INT_MAX;
    CPU_OR(&both, &own, &process);
    if (CPU_COUNT(&both) > CPU_COUNT(&own))
        pthread_attr_setaffinity_np(attr, sizeof both, &both);
    return CPU_COUNT(&both);
#else
    (void)attr;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < INT_MAX ? (int)n : INT_MAX;
#endif
}

/* Makes the threads, for the first region of this process. Those that cannot be made are done
 * without. */
static void build(kt_pool *p)
{
    p->process = getpid();
    p->built = true;
    p->alive = 1;
    atomic_store(&p->region, 0);
    atomic_store(&p->sleepers, 0);
    atomic_store(&p->stop, false);
    atomic_store(&p->running, false);
    for (int i = 0; i < p->threads; i++)
        atomic_store(&p->workers[i].range, 0);
#ifndef __linux__
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake_workers, NULL);
    pthread_cond_init(&p->wake_caller, NULL);
#endif
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr))
        return;
    int processors = choose_processors(&attr);
    p->oversubscribed = p->threads > processors;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before)) {
        pthread_attr_destroy(&attr);
        return;
    }
    for (int i = 1; i < p->threads; i++) {
        worker *w = &p->workers[p->alive];
        if (pthread_create(&w->thread, &attr, worker_main, w))
            break;
        p->alive++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

kt_pool *kt_pool_new(const kt_allocator *allocator, int threads)
{
    threads = threads < 1 ? 1 : threads > KT_POOL_MAX ? KT_POOL_MAX : threads;
    size_t bytes = sizeof(kt_pool) + (size_t)threads * sizeof(worker) + LINE;
    bool own = allocator && allocator->allocate;
    char *block = own ? allocator->allocate(bytes, allocator->user) : malloc(bytes);
    if (!block)
        return NULL;
    memset(block, 0, bytes);
    kt_pool *p = (kt_pool *)(void *)(block + (LINE - (uintptr_t)block % LINE) % LINE);
    p->block = block;
    if (own)
        p->allocator = *allocator;
    p->threads = threads;
    p->alive = 1;
    for (int i = 0; i < threads; i++) {
        p->workers[i].pool = p;
        p->workers[i].index = i;
    }
    return p;
}

void kt_pool_free(kt_pool *p)
{
    if (!p)
        return;
    if (p->built && p->process == getpid()) { /* in a forked child the threads are not there */
        atomic_store(&p->stop, true);
        atomic_fetch_add(&p->region, 1);
        wake(p, &p->region, INT_MAX);
        for (int i = 1; i < p->alive; i++)
            pthread_join(p->workers[i].thread, NULL);
#ifndef __linux__
        pthread_mutex_destroy(&p->mutex);
        pthread_cond_destroy(&p->wake_workers);
        pthread_cond_destroy(&p->wake_caller);
#endif
    }
    kt_allocator a = p->allocator;
    if (!a.allocate)
        free(p->block);
    else if (a.release)
        a.release(p->block, a.user);
}

int kt_pool_threads(const kt_pool *p)
{
    return p ? p->threads : 1;
}

/* ---- running ---- */

static void run_region(kt_pool *p, kt_pool_fn *fn, void *arg, int64_t first, uint32_t count)
{
    int ranges = p->alive < (int64_t)count ? p->alive : (int)count;
    p->fn = fn;
    p->arg = arg;
    p->first = first;
    p->count = count;
    p->ranges = ranges;
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    for (int i = 0; i < ranges; i++) {
        uint64_t next = (uint64_t)count * (unsigned)i / (unsigned)ranges;
        uint64_t end = (uint64_t)count * ((unsigned)i + 1) / (unsigned)ranges;
        atomic_store_explicit(&p->workers[i].range, next | end << 32, memory_order_release);
    }
    atomic_fetch_add(&p->region, 1);
    if (atomic_load(&p->sleepers))
        wake(p, &p->region, ranges - 1);

    work(p, 0);
    uint32_t done;
    while ((done = atomic_load_explicit(&p->done, memory_order_acquire)) != count) {
        if (watch(p, &p->done, done, DONE_SPIN_NS))
            continue;
        atomic_store(&p->caller_sleeps, true);
        if (atomic_load(&p->done) == done)
            sleep_while(p, &p->done, done);
        atomic_store(&p->caller_sleeps, false);
    }
}

/* Which thread of the pool is this one? Others than its workers count as the caller. */
static int this_thread(const kt_pool *p)
{
    for (int i = 1; p && p->built && i < p->alive; i++)
        if (pthread_equal(p->workers[i].thread, pthread_self()))
            return i;
    return 0;
}

void kt_pool_run(kt_pool *p, kt_pool_fn *fn, void *arg, int64_t n_chunks)
{
    bool alone = !p || p->threads == 1 || n_chunks <= 1;
    if (!alone && (!p->built || p->process != getpid()))
        build(p);
    if (!alone)
        alone = p->alive == 1 || atomic_exchange_explicit(&p->running, true, memory_order_acquire);
    if (alone) {
        int thread = n_chunks > 0 ? this_thread(p) : 0;
        for (int64_t i = 0; i < n_chunks; i++)
            fn(arg, i, thread);
        return;
    }
    for (int64_t first = 0; first < n_chunks; first += MAX_RANGE) {
        int64_t left = n_chunks - first;
        run_region(p, fn, arg, first, (uint32_t)(left < MAX_RANGE ? left : MAX_RANGE));
    }
    atomic_store_explicit(&p->running, false, memory_order_release);
}
