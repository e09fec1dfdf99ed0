/* SPDX-License-Identifier: MIT */
/* summary/lock.c: waiting for the short lock: first awake, then asleep.
 *
 * While awake it only reads, so that the holder keeps the line of cache that it writes to. A sleep
 * lasts 20 us and then twice as long each time, up to 0.2 ms: what is slept through is about as long
 * again as what was waited for.
 */
#define _DEFAULT_SOURCE 1

#include "lock.h"

#include <time.h>

enum { LOOKS = 64, SLEEP_NS = 20 * 1000, SLEEP_MAX_NS = 200 * 1000 };

static inline void lock_pause(void)
{
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int lock_try(kt_lock *lock)
{
    return atomic_load_explicit(&lock->taken, memory_order_relaxed) == 0 &&
           atomic_exchange_explicit(&lock->taken, 1, memory_order_acquire) == 0;
}

void kt_lock_wait(kt_lock *lock)
{
    for (int look = 0; look < LOOKS; look++) {
        if (lock_try(lock)) return;
        lock_pause();
    }
    struct timespec nap = { 0, SLEEP_NS };
    while (!lock_try(lock)) {
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < SLEEP_MAX_NS / 2) nap.tv_nsec *= 2;
    }
}
