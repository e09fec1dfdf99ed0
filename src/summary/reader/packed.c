/* SPDX-License-Identifier: MIT */
/* summary/reader/packed.c: see packed.h. zlib finds out which of its two forms a stream has; several streams one after
 * the other are one file, as gzip has it, and zeros behind a stream are padding.
 *
 * A plain event file may begin with the same bytes: its first eight are a length. So what is a sound head of a record
 * is no stream; and since the upper half of a length is zero in any file that is read here, and cannot be in a zlib
 * stream, zlib's weak mark (16 bits, one in 31 values) is believed only where it is not. zlib's memory is the store's.
 */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include "summary/reader/packed.h"

#ifdef KT_HAVE_ZLIB

#include <errno.h>
#include <string.h>
#include <unistd.h>
#define ZLIB_CONST 1 /* its input pointer is to const */
#include <zlib.h>

#include "summary/crc32c.h"
#include "summary/event.h"
#include "summary/reader/fields.h"

enum { INPUT = 1 << 15, SPARE = 1 << 15, EITHER_FORM = 32 + MAX_WBITS };

struct kt_packed {
    kt_store *store;
    z_stream z;
    int fd;
    const unsigned char *memory;
    int64_t size, taken; /* of the file; how much of it zlib was given */
    int64_t at;          /* unpacked bytes so far */
    kt_packed_end end;
    bool between; /* a stream is complete, no other has begun */
    int error;
    unsigned char input[INPUT], spare[SPARE];
};

bool kt_packed_is(const unsigned char *head, size_t n)
{
    static const unsigned char zeros[4];
    if (n >= KT_RECORD_HEAD && kt_read_le(head + 8, 4) == kt_crc32c_mask(kt_crc32c(head, 8))) return false;
    if (n >= 3 && head[0] == 0x1F && head[1] == 0x8B && head[2] == Z_DEFLATED) return true;
    return n >= 8 && (head[0] & 15) == Z_DEFLATED && head[0] >> 4 <= 7 && (head[0] << 8 | head[1]) % 31 == 0 &&
           (head[1] & 32) == 0 && memcmp(head + 4, zeros, sizeof zeros) != 0;
}

static voidpf packed_allocate(voidpf store, uInt items, uInt size)
{
    return size == 0 || items <= SIZE_MAX / 4 / size ? kt_store_take(store, (size_t)items * size) : NULL;
}

static void packed_release(voidpf store, voidpf block) { kt_store_give(store, block); }

kt_packed *kt_packed_new(kt_store *store, int fd, const void *memory, int64_t size)
{
    kt_packed *p = kt_store_take(store, sizeof *p);
    if (!p) return NULL;
    memset(p, 0, offsetof(kt_packed, input));
    p->store = store;
    p->fd = fd;
    p->memory = memory;
    p->size = size;
    p->z.zalloc = packed_allocate;
    p->z.zfree = packed_release;
    p->z.opaque = store;
    if (inflateInit2(&p->z, EITHER_FORM) == Z_OK) return p;
    kt_store_give(store, p);
    return NULL;
}

void kt_packed_free(kt_packed *p)
{
    if (!p) return;
    inflateEnd(&p->z);
    kt_store_give(p->store, p);
}

/* Gives zlib more of the file; false when there is none, or the system refuses. */
static bool packed_feed(kt_packed *p)
{
    int64_t left = p->size - p->taken;
    size_t n = left < INPUT ? (size_t)left : INPUT;
    if (n == 0) return false;
    p->z.next_in = p->memory ? p->memory + p->taken : p->input;
    if (!p->memory) {
        ssize_t got;
        do got = pread(p->fd, p->input, n, (off_t)p->taken);
        while (got < 0 && errno == EINTR);
        if (got < 0) {
            p->error = errno;
            p->end = KT_PACKED_UNREAD;
        }
        if (got <= 0) return false; /* 0: it has become shorter */
        n = (size_t)got;
    }
    p->z.avail_in = (uInt)n;
    p->taken += (int64_t)n;
    return true;
}

/* Behind a stream: true when another one begins. */
static bool packed_next(kt_packed *p, bool fed)
{
    while (p->z.avail_in > 0 && *p->z.next_in == 0) {
        p->z.next_in++;
        p->z.avail_in--;
    }
    if (p->z.avail_in == 0) {
        if (!fed) p->end = KT_PACKED_WHOLE;
        return false;
    }
    inflateReset(&p->z);
    p->between = false;
    return true;
}

size_t kt_packed_read(kt_packed *p, void *to, size_t n)
{
    static const size_t most = (size_t)1 << 30;
    size_t done = 0;
    while (done < n && p->end == KT_PACKED_ON) {
        bool fed = p->z.avail_in > 0 || packed_feed(p);
        if (p->end != KT_PACKED_ON || (p->between && !packed_next(p, fed))) continue;
        size_t want = n - done < most ? n - done : most;
        p->z.next_out = (Bytef *)to + done;
        p->z.avail_out = (uInt)want;
        int code = inflate(&p->z, Z_NO_FLUSH);
        size_t made = want - p->z.avail_out;
        done += made;
        p->at += (int64_t)made;
        if (code == Z_STREAM_END) p->between = true;
        else if (code == Z_MEM_ERROR) p->end = KT_PACKED_REFUSED;
        else if (code != Z_OK && code != Z_BUF_ERROR) p->end = KT_PACKED_DAMAGED;
        else if (!fed && made == 0) p->end = KT_PACKED_CUT; /* what zlib still held has been given out */
    }
    return done;
}

int64_t kt_packed_go(kt_packed *p, int64_t to)
{
    if (to < p->at || p->end == KT_PACKED_REFUSED) {
        inflateReset2(&p->z, EITHER_FORM);
        p->z.avail_in = 0;
        p->taken = p->at = 0;
        p->between = false;
        p->end = KT_PACKED_ON;
    }
    while (p->at < to && p->end == KT_PACKED_ON)
        kt_packed_read(p, p->spare, to - p->at < SPARE ? (size_t)(to - p->at) : SPARE);
    return p->at;
}

kt_packed_end kt_packed_state(const kt_packed *p, int64_t *taken, int *error)
{
    *taken = p->taken - (int64_t)p->z.avail_in;
    *error = p->error;
    return p->end;
}

#else

bool kt_packed_is(const unsigned char *head, size_t n)
{
    (void)head;
    (void)n;
    return false;
}

kt_packed *kt_packed_new(kt_store *store, int fd, const void *memory, int64_t size)
{
    (void)store;
    (void)fd;
    (void)memory;
    (void)size;
    return NULL;
}

void kt_packed_free(kt_packed *packed) { (void)packed; }

int64_t kt_packed_go(kt_packed *packed, int64_t to)
{
    (void)packed;
    (void)to;
    return 0;
}

size_t kt_packed_read(kt_packed *packed, void *to, size_t n)
{
    (void)packed;
    (void)to;
    (void)n;
    return 0;
}

kt_packed_end kt_packed_state(const kt_packed *packed, int64_t *taken, int *error)
{
    (void)packed;
    *taken = *error = 0;
    return KT_PACKED_UNREAD;
}

#endif
