/* SPDX-License-Identifier: MIT */
/* ref.c: the truth: every row by its own reference kernel, floats held as double, integers as
 * int64_t.
 *
 * Nothing is rounded to a tensor's dtype between two ops, so what another back-end computes in
 * float32 or in float64 is measured against this. Slow, and meant to be. It has no providers and
 * knows no op. `host` is left out: addresses are the host's, but their content is wider than the
 * dtype says, hence not KT_BACKEND_PLAIN.
 */
#include "core/backend.h"

#include <string.h>

static void *ref_allocate(kt_context *kt, size_t bytes)
{
    return kt_heap_take_aligned(&kt->heap, bytes);
}

static void ref_release(kt_context *kt, void *address)
{
    kt_heap_give_aligned(&kt->heap, address);
}

static void ref_write(kt_context *kt, void *address, const void *from, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(address, from, bytes);
}

static void ref_read(kt_context *kt, const void *address, void *to, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(to, address, bytes);
}

extern const kt_backend kt_backend_ref;
const kt_backend kt_backend_ref = {
    .name = "ref", .flags = KT_BACKEND_WIDE,
    .allocate = ref_allocate, .release = ref_release, .write = ref_write, .read = ref_read,
};
