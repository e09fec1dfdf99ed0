/* SPDX-License-Identifier: MIT */
/* pool.h: a small pool of threads that claim fixed chunks of work.
 *
 * The caller works too, and waits only for chunks that somebody has already claimed: a thread that
 * the system has put aside before it claims costs nothing. Which thread runs which chunk is open
 * (it tends to be the same one each time, for the caches), so chunks must be independent, and their
 * number must come from the problem, never from the number of threads.
 *
 * One pool is used by one thread at a time. Threads block all signals. After a fork the child's
 * first run makes new threads.
 */
#ifndef KT_BASE_POOL_H
#define KT_BASE_POOL_H

#include <keratin/status.h>

typedef struct kt_pool kt_pool;

/* One piece of work. thread is 0 for the caller, else 1 .. kt_pool_threads() - 1: use it to
 * choose scratch memory. */
typedef void kt_pool_fn(void *arg, int64_t chunk, int thread);

/* A pool of `threads` threads, the caller included (values below 1 count as 1, at most
 * KT_POOL_MAX). Threads start with the first region that needs them; where the system refuses
 * one, the pool goes on with fewer. NULL when memory is short. allocator may be NULL (malloc)
 * and is copied. */
enum { KT_POOL_MAX = 256 };
kt_pool *kt_pool_new(const kt_allocator *allocator, int threads);

/* Ends and joins the threads. NULL is fine. */
void kt_pool_free(kt_pool *pool);

/* The number asked for; an upper bound of `thread` + 1. */
int kt_pool_threads(const kt_pool *pool);

/* Calls fn(arg, chunk, thread) once for each chunk in 0 .. n_chunks - 1 and returns when all are
 * done. What fn wrote is then visible to the caller. A run inside a run, and a run with pool ==
 * NULL, does its chunks one after the other on the calling thread (as thread 0 when pool is
 * NULL, else as the thread that it is). */
void kt_pool_run(kt_pool *pool, kt_pool_fn *fn, void *arg, int64_t n_chunks);

#endif
