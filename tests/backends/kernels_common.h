/* SPDX-License-Identifier: MIT */
/* kernels_common.h: what the tests of the CPU kernels share.
 *
 * Arrays end where an unreadable page begins, so that a kernel that reads or writes one element
 * too far crashes on the spot; sanitizers do not see masked vector accesses. Each test runs for
 * every instruction set this machine has. */
#ifndef KT_TESTS_KERNELS_COMMON_H
#define KT_TESTS_KERNELS_COMMON_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "backends/cpu/kernels/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct guarded {
    void *map;
    size_t map_bytes;
    void *data;
} guarded;

static inline guarded guarded_new(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes + page - 1) / page * page;
    guarded g = { .map_bytes = room + page };
    g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect((char *)g.map + room, page, PROT_NONE))
        abort();
    g.data = (char *)g.map + room - bytes;
    return g;
}

static inline void guarded_free(guarded *g)
{
    munmap(g->map, g->map_bytes);
}

/* Reproducible numbers in (-1, 1). */
static inline double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int32_t)(*state >> 32) / 2147483648.0;
}

/* The tables this machine can run; the first is the portable one. */
static inline int tables(const kt_kernels *list[3])
{
    static const char *const names[] = { "portable", "avx2", "avx512" };
    int n = 0;
    for (int i = 0; i < 3; i++)
        if ((list[n] = kt_kernels_choose(names[i])))
            n++;
    return n;
}

#define FOR_EACH_TABLE(k) \
    const kt_kernels *tables_[3]; \
    int count_ = tables(tables_); \
    for (int i_ = 0; i_ < count_; i_++) \
        for (const kt_kernels *k = tables_[i_]; k; k = NULL)

#endif
