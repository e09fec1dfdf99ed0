/* SPDX-License-Identifier: MIT */
/* base/host.h: the host's memory where the host has not brought its own. */
#ifndef KT_BASE_HOST_H
#define KT_BASE_HOST_H

#include <keratin/status.h>

/* malloc, realloc, free. */
extern const kt_allocator kt_host_memory;

/* The allocator that was given, if it is whole, else the one above. `given` may be NULL. */
static inline kt_allocator kt_allocator_or_host(const kt_allocator *given)
{
    return given && given->allocate && given->resize && given->release ? *given : kt_host_memory;
}

#endif
