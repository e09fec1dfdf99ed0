/* SPDX-License-Identifier: MIT */
/* offset.c: a back-end whose addresses crash when the host reads them: proof that nothing above the
 * back-ends touches tensor memory, without a GPU at hand.
 *
 * Every address is shifted by a constant that no process can have mapped: bit 54 makes it
 * non-canonical on x86-64 and lies below the ignored top byte of 64-bit ARM; the odd pages break
 * code that masks addresses. The shift keeps alignment to 64. Only read, write and host (which the
 * runner uses for reference kernels) shift back. Floats are stored in their own dtype, as on cpu;
 * there are no providers.
 */
#include "core/backend.h"

#include <string.h>

#define SHIFT (((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 10)) + (uintptr_t)3 * 4096 + 64)

static void *shifted(void *address)
{
    return (void *)((uintptr_t)address + SHIFT);
}

static void *offset_host(void *address)
{
    return (void *)((uintptr_t)address - SHIFT);
}

static void *offset_allocate(kt_context *kt, size_t bytes)
{
    void *address = kt_heap_take_aligned(&kt->heap, bytes);
    return address ? shifted(address) : NULL;
}

static void offset_release(kt_context *kt, void *address)
{
    if (address) kt_heap_give_aligned(&kt->heap, offset_host(address));
}

static void offset_write(kt_context *kt, void *address, const void *from, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(offset_host(address), from, bytes);
}

static void offset_read(kt_context *kt, const void *address, void *to, size_t bytes)
{
    (void)kt;
    if (bytes) memcpy(to, (const void *)((uintptr_t)address - SHIFT), bytes);
}

extern const kt_backend kt_backend_offset;
const kt_backend kt_backend_offset = {
    .name = "offset",
    .allocate = offset_allocate,
    .release = offset_release,
    .write = offset_write,
    .read = offset_read,
    .host = offset_host,
};
