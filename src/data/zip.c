/* SPDX-License-Identifier: MIT */
/* data/zip.c: see zip.h. Layout after PKWARE's APPNOTE 6.3: local header, name, data, for each member; then the central
 * directory and its end.
 *
 * Sizes and offsets that 32 bits do not hold go into the zip64 fields; smaller archives have none, as readers expect.
 * More members than 16 bits can count are refused by the caller. Checksums are computed over the caller's memory before
 * the header is written, so nothing is patched afterwards.
 */
#include "data/zip.h"

#include <string.h>

enum { HEADER_MOST = 128 };
static const uint32_t FULL = 0xFFFFFFFFu;

/* ---- checksum ---- */

typedef struct crc_tables {
    uint32_t at[4][256];
} crc_tables;

/* Built on the stack for each member: 3 microseconds, and no memory that could be written by two threads. */
static void crc_build(crc_tables *t)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
        t->at[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 4; k++) t->at[k][i] = t->at[k - 1][i] >> 8 ^ t->at[0][t->at[k - 1][i] & 255];
}

static uint32_t crc_add(const crc_tables *t, uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    crc = ~crc;
    for (; bytes >= 4; p += 4, bytes -= 4) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = t->at[3][crc & 255] ^ t->at[2][crc >> 8 & 255] ^ t->at[1][crc >> 16 & 255] ^ t->at[0][crc >> 24];
    }
    for (; bytes; p++, bytes--) crc = crc >> 8 ^ t->at[0][(crc ^ *p) & 255];
    return ~crc;
}

/* ---- headers ---- */

typedef struct header {
    unsigned char bytes[HEADER_MOST];
    size_t used;
} header;

static void put(header *h, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) h->bytes[h->used++] = (unsigned char)(value >> 8 * i);
}

static uint32_t low(uint64_t value) { return value >= FULL ? FULL : (uint32_t)value; }

static kt_status send(kt_zip_writer *zip, const void *bytes, size_t count)
{
    zip->at += count;
    return kt_sink_write(zip->sink, bytes, count);
}

static kt_status send_header(kt_zip_writer *zip, const header *h, const kt_zip_member *m, const header *extra)
{
    kt_status status = send(zip, h->bytes, h->used);
    if (status == KT_OK) status = send(zip, m->name, strlen(m->name));
    if (status == KT_OK) status = send(zip, m->ending, strlen(m->ending));
    return status == KT_OK ? send(zip, extra->bytes, extra->used) : status;
}

/* What local and central header share: version needed (4.5 with zip64), flags (UTF-8 names), stored, 1980-01-01. */
static void put_common(header *h, const kt_zip_member *m, bool wide, size_t extra)
{
    put(h, wide ? 45 : 20, 2);
    put(h, 0x0800, 2);
    put(h, 0, 2);
    put(h, 0, 2);
    put(h, 0x0021, 2);
    put(h, m->checksum, 4);
    put(h, low(m->size), 4);
    put(h, low(m->size), 4);
    put(h, strlen(m->name) + strlen(m->ending), 2);
    put(h, extra, 2);
}

static kt_status send_local(kt_zip_writer *zip, const kt_zip_member *m)
{
    header h = { .used = 0 }, extra = { .used = 0 };
    bool wide = m->size >= FULL;
    if (wide) {
        put(&extra, 1, 2);
        put(&extra, 16, 2);
        put(&extra, m->size, 8);
        put(&extra, m->size, 8);
    }
    put(&h, 0x04034B50, 4);
    put_common(&h, m, wide, extra.used);
    return send_header(zip, &h, m, &extra);
}

static kt_status send_central(kt_zip_writer *zip, const kt_zip_member *m)
{
    header h = { .used = 0 }, extra = { .used = 0 };
    bool wide_size = m->size >= FULL, wide_at = m->at >= FULL;
    if (wide_size || wide_at) {
        put(&extra, 1, 2);
        put(&extra, (wide_size ? 16u : 0u) + (wide_at ? 8u : 0u), 2);
        if (wide_size) {
            put(&extra, m->size, 8);
            put(&extra, m->size, 8);
        }
        if (wide_at) put(&extra, m->at, 8);
    }
    put(&h, 0x02014B50, 4);
    put(&h, 3 << 8 | 45, 2); /* made on Unix, so that the mode below counts */
    put_common(&h, m, wide_size || wide_at, extra.used);
    put(&h, 0, 2); /* comment */
    put(&h, 0, 2); /* disk */
    put(&h, 0, 2);
    put(&h, (uint64_t)0100644 << 16, 4);
    put(&h, low(m->at), 4);
    return send_header(zip, &h, m, &extra);
}

/* ---- writing ---- */

void kt_zip_begin(kt_zip_writer *zip, kt_sink *sink) { *zip = (kt_zip_writer){ .sink = sink }; }

kt_status kt_zip_add(kt_zip_writer *zip, const char *name, const char *ending, const void *head, size_t head_bytes,
                     const void *data, size_t data_bytes)
{
    kt_context *kt = zip->sink->kt;
    if (!kt_grow(&kt->heap, &zip->members, &zip->capacity, zip->count + 1, sizeof *zip->members))
        return kt_no_memory(kt);
    crc_tables tables;
    crc_build(&tables);
    uint32_t crc = crc_add(&tables, crc_add(&tables, 0, head, head_bytes), data, data_bytes);
    kt_zip_member *m = &zip->members[zip->count++];
    *m = (kt_zip_member){ name, ending, zip->at, (uint64_t)head_bytes + data_bytes, crc };
    kt_status status = send_local(zip, m);
    if (status == KT_OK) status = send(zip, head, head_bytes);
    return status == KT_OK ? send(zip, data, data_bytes) : status;
}

kt_status kt_zip_finish(kt_zip_writer *zip)
{
    uint64_t from = zip->at;
    for (size_t i = 0; i < zip->count; i++) {
        kt_status status = send_central(zip, &zip->members[i]);
        if (status != KT_OK) return status;
    }
    uint64_t end = zip->at, size = end - from;
    header h = { .used = 0 };
    if (size >= FULL || from >= FULL) {
        put(&h, 0x06064B50, 4);
        put(&h, 44, 8);
        put(&h, 3 << 8 | 45, 2);
        put(&h, 45, 2);
        put(&h, 0, 4);
        put(&h, 0, 4);
        put(&h, zip->count, 8);
        put(&h, zip->count, 8);
        put(&h, size, 8);
        put(&h, from, 8);
        put(&h, 0x07064B50, 4); /* where that record is */
        put(&h, 0, 4);
        put(&h, end, 8);
        put(&h, 1, 4);
    }
    put(&h, 0x06054B50, 4);
    put(&h, 0, 4);
    put(&h, zip->count, 2);
    put(&h, zip->count, 2);
    put(&h, low(size), 4);
    put(&h, low(from), 4);
    put(&h, 0, 2);
    return send(zip, h.bytes, h.used);
}

void kt_zip_end(kt_zip_writer *zip)
{
    kt_give(zip->sink->kt, zip->members);
    zip->members = NULL;
}
