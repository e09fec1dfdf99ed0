/* SPDX-License-Identifier: MIT */
/* summary/lock.h: the short lock of a log, held for some fifty nanoseconds at a time.
 *
 * Taken by one exchange and given back by one store, where a mutex of the system needs two
 * exchanges: a scalar is logged in about the time of six of them. Whoever finds it taken looks again
 * for about a microsecond and then sleeps in short pieces, so that a holder that was put aside, also
 * one of lower priority on the same processor, gets its turn. It is not fair and need not be: nobody
 * holds it while waiting for anything, least of all for the disk.
 */
#ifndef KERATIN_SUMMARY_LOCK_H
#define KERATIN_SUMMARY_LOCK_H

#include <stdatomic.h>

typedef struct kt_lock {
    atomic_int taken;
} kt_lock;

/* The rest of kt_lock_take, when somebody has the lock. */
void kt_lock_wait(kt_lock *lock);

static inline void kt_lock_take(kt_lock *lock)
{
    if (atomic_exchange_explicit(&lock->taken, 1, memory_order_acquire)) kt_lock_wait(lock);
}

static inline void kt_lock_give(kt_lock *lock)
{
    atomic_store_explicit(&lock->taken, 0, memory_order_release);
}

#endif
