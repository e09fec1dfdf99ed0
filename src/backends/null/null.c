/* SPDX-License-Identifier: MIT */
/* null.c: a back-end that computes nothing: plans are made, checked and cached, memory is taken, no
 * kernel runs.
 *
 * For tests of recording and planning, and for finding out what a program would need. What is
 * written can be read again; results that a kernel would have made are zeros, or whatever shared
 * their memory.
 */
#include "core/backend.h"

#include <string.h>

static void *null_allocate(kt_context *kt, size_t bytes)
{
    void *address = kt_heap_take_aligned(&kt->heap, bytes);
    if (address) memset(address, 0, bytes); /* nobody else will write here before somebody reads */
    return address;
}

static void null_release(kt_context *kt, void *address)
{
    kt_heap_give_aligned(&kt->heap, address);
}

static void null_write(kt_context *kt, void *address, const void *from, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(address, from, bytes);
}

static void null_read(kt_context *kt, const void *address, void *to, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(to, address, bytes);
}

extern const kt_backend kt_backend_null;
const kt_backend kt_backend_null = {
    .name = "null", .flags = KT_BACKEND_IDLE,
    .allocate = null_allocate, .release = null_release, .write = null_write, .read = null_read,
};
