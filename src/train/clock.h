/* SPDX-License-Identifier: MIT */
/* train/clock.h: seconds that only go forward, for bars and rates. */
#ifndef KT_TRAIN_CLOCK_H
#define KT_TRAIN_CLOCK_H

#include <time.h>

static inline double kt_seconds(void)
{
    struct timespec t = { 0, 0 };
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
