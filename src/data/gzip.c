/* SPDX-License-Identifier: MIT */
/* data/gzip.c: a gzip stream as a source.
 *
 * Deflate cannot make one byte stand for more than 1,032, so `left` stays an honest bound, and a small file cannot make
 * its reader take much memory. zlib's own memory comes from the context's allocator. Streams of several members, as
 * gzip joins them, read as one.
 */
#include "data/source.h"

#ifdef KT_HAVE_ZLIB

#include <string.h>
#include <zlib.h>

enum { DEFLATE_MOST = 1032, INPUT = 16384 };

typedef struct gzip_source {
    kt_source source;
    kt_source *from;
    z_stream z;
    bool member_ended;
    unsigned char input[INPUT];
} gzip_source;

static voidpf gzip_allocate(voidpf heap, uInt items, uInt size)
{
    size_t bytes;
    return kt_mul_size(items, size, &bytes) ? kt_heap_take(heap, bytes) : NULL;
}

static void gzip_release(voidpf heap, voidpf block) { kt_heap_give(heap, block); }

/* More input; false at its end or on an error. */
static bool refill(gzip_source *gzip)
{
    kt_source *from = gzip->from;
    size_t n = from->left < INPUT ? (size_t)from->left : INPUT;
    if (!n || kt_source_take(from, gzip->input, n) != KT_OK) return false;
    gzip->z.next_in = gzip->input;
    gzip->z.avail_in = (uInt)n;
    return true;
}

static size_t gzip_read(kt_source *self, void *to, size_t bytes)
{
    gzip_source *gzip = (gzip_source *)self;
    z_stream *z = &gzip->z;
    const size_t most = (size_t)1 << 30;
    size_t got = 0;
    while (got < bytes) {
        if (!z->avail_in && !refill(gzip)) {
            if (!gzip->member_ended)
                kt_source_fail(self, KT_ERR_FORMAT, "the gzip stream ends too early; the file is cut");
            break;
        }
        if (gzip->member_ended) {
            if (inflateReset(z) != Z_OK) break;
            gzip->member_ended = false;
        }
        size_t want = bytes - got < most ? bytes - got : most;
        z->next_out = (Bytef *)to + got;
        z->avail_out = (uInt)want;
        int code = inflate(z, Z_NO_FLUSH);
        got += want - z->avail_out;
        if (code == Z_STREAM_END) {
            gzip->member_ended = true;
        } else if (code == Z_MEM_ERROR) {
            kt_no_memory(self->kt);
            break;
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            kt_source_fail(self, KT_ERR_FORMAT, "the gzip stream is damaged: %s", z->msg ? z->msg : "unexpected data");
            break;
        }
    }
    return got;
}

kt_source *kt_gzip_open(kt_source *from, const void *begun, size_t n_begun)
{
    gzip_source *gzip = kt_take_zeroed(from->kt, 1, sizeof *gzip);
    if (!gzip) return NULL;
    uint64_t packed = from->left + n_begun;
    gzip->source = (kt_source){ .kt = from->kt,
                                .reader = from->reader,
                                .name = from->name,
                                .read = gzip_read,
                                .left = packed > UINT64_MAX / DEFLATE_MOST ? UINT64_MAX : packed * DEFLATE_MOST };
    gzip->from = from;
    gzip->z.zalloc = gzip_allocate;
    gzip->z.zfree = gzip_release;
    gzip->z.opaque = &from->kt->heap;
    memcpy(gzip->input, begun, n_begun);
    gzip->z.next_in = gzip->input;
    gzip->z.avail_in = (uInt)n_begun;
    if (inflateInit2(&gzip->z, 16 + MAX_WBITS) == Z_OK) return &gzip->source;
    kt_give(from->kt, gzip);
    kt_no_memory(from->kt);
    return NULL;
}

void kt_gzip_close(kt_source *source)
{
    if (!source) return;
    gzip_source *gzip = (gzip_source *)source;
    inflateEnd(&gzip->z);
    kt_give(source->kt, gzip);
}

#else

kt_source *kt_gzip_open(kt_source *from, const void *begun, size_t n_begun)
{
    (void)begun;
    (void)n_begun;
    kt_source_fail(from, KT_ERR_MISSING,
                   "the file is gzip, and this build was made without zlib; unpack it with gunzip, or build "
                   "with zlib");
    return NULL;
}

void kt_gzip_close(kt_source *source) { (void)source; }

#endif
