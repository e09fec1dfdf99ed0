/* SPDX-License-Identifier: MIT */
/* base/host.c: see host.h. */
#include "base/host.h"

#include <stdlib.h>

static void *host_allocate(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void *host_resize(void *old, size_t bytes, void *user)
{
    (void)user;
    return realloc(old, bytes);
}

static void host_release(void *block, void *user)
{
    (void)user;
    free(block);
}

const kt_allocator kt_host_memory = { host_allocate, host_resize, host_release, NULL };
