/* SPDX-License-Identifier: MIT */
/* tests/summary/media_reader.h: logs one value with a fixed clock and takes apart what the file then holds.
 *
 * Adds to events_reader.h what pictures, sounds, texts and meshes need: strings, the plugin's content, several values
 * in one event. Also an allocator that fails at the n-th request and counts what is still held.
 */
#ifndef KERATIN_TESTS_MEDIA_READER_H
#define KERATIN_TESTS_MEDIA_READER_H

#include "events_reader.h"

#include <keratin/summary.h>
#include <keratin/summary_media.h>

enum { MEDIA_VALUES = 64, MEDIA_STRINGS = 64 };

typedef struct media_value {
    int64_t step;
    int record; /* which record of the file, 1 is the first behind the version */
    char tag[4096], plugin[32];
    int dtype, rank;
    int64_t dim[4];
    const unsigned char *numbers, *content, *string[MEDIA_STRINGS];
    size_t numbers_size, content_size, string_size[MEDIA_STRINGS];
    int strings;
} media_value;

typedef struct media_file {
    char dir[64];
    event_file file;
    media_value value[MEDIA_VALUES];
    int count;
    kt_status status; /* of closing */
} media_file;

/* ---- An allocator with a will of its own ----------------------------------------------------- */

typedef struct media_heap {
    int64_t requests, fail_at, held; /* fail_at 0: never */
} media_heap;

static inline void *media_allocate(size_t bytes, void *user)
{
    media_heap *heap = user;
    if (++heap->requests == heap->fail_at) return NULL;
    heap->held++;
    return malloc(bytes);
}

static inline void *media_resize(void *old, size_t bytes, void *user)
{
    media_heap *heap = user;
    if (++heap->requests == heap->fail_at) return NULL;
    if (!old) heap->held++;
    return realloc(old, bytes);
}

static inline void media_release(void *block, void *user)
{
    media_heap *heap = user;
    if (block) heap->held--;
    free(block);
}

static inline kt_allocator media_allocator(media_heap *heap)
{
    return (kt_allocator){ media_allocate, media_resize, media_release, heap };
}

/* ---- A log and its values -------------------------------------------------------------------- */

static inline double media_now(void *user)
{
    (void)user;
    return 1700000000.0;
}

static inline kt_events *media_open(media_file *m, media_heap *heap)
{
    kt_events_config config = { .size = sizeof config, .now = media_now };
    memset(m, 0, sizeof *m);
    reader_make_dir(m->dir);
    config.logdir = m->dir;
    if (heap) config.allocator = media_allocator(heap);
    return kt_events_open_with(&config);
}

static inline void media_field(media_file *m, char place, const unsigned char *at, size_t size, int64_t step,
                               int record)
{
    const unsigned char *end = at + size, *bytes = NULL;
    uint64_t value = 0;
    size_t n = 0;
    while (at < end) {
        unsigned field = reader_field(&at, &value, &bytes, &n);
        if (place == 'e' && field == 2) step = (int64_t)value;
        if (place == 'e' && field == 5) media_field(m, 's', bytes, n, step, record);
        if (place == 's' && field == 1 && m->count < MEDIA_VALUES) {
            media_value *v = &m->value[m->count++];
            v->step = step;
            v->record = record;
            media_field(m, 'v', bytes, n, step, record);
        }
        media_value *v = m->count > 0 ? &m->value[m->count - 1] : NULL;
        if (!v) continue;
        if (place == 'v' && field == 1) reader_text(v->tag, sizeof v->tag, bytes, n);
        if (place == 'v' && field == 8) media_field(m, 't', bytes, n, step, record);
        if (place == 'v' && field == 9) media_field(m, 'm', bytes, n, step, record);
        if (place == 'm' && field == 1) media_field(m, 'p', bytes, n, step, record);
        if (place == 'p' && field == 1) reader_text(v->plugin, sizeof v->plugin, bytes, n);
        if (place == 'p' && field == 2) v->content = bytes, v->content_size = n;
        if (place == 't' && field == 1) v->dtype = (int)value;
        if (place == 't' && field == 2) media_field(m, 'h', bytes, n, step, record);
        if (place == 't' && field == 4) v->numbers = bytes, v->numbers_size = n;
        if (place == 't' && field == 8 && v->strings < MEDIA_STRINGS) {
            v->string[v->strings] = bytes;
            v->string_size[v->strings++] = n;
        }
        if (place == 'h' && field == 2) v->dim[v->rank++] = 0, media_field(m, 'd', bytes, n, step, record);
        if (place == 'd' && field == 1) v->dim[v->rank - 1] = (int64_t)value;
    }
}

/* Closes the log and decodes its file. */
static inline void media_read(media_file *m, kt_events *log)
{
    char path[512];
    snprintf(path, sizeof path, "%s", kt_events_path(log));
    m->status = kt_events_close(log);
    m->file = reader_open(path);
    int record = 0;
    for (size_t at = 0; m->file.size - at >= 16; record++) {
        const unsigned char *start = m->file.bytes + at;
        uint64_t n = reader_le(start, 8);
        if (n > m->file.size - at - 16 || reader_le(start + 8, 4) != reader_crc(start, 8) ||
            reader_le(start + 12 + n, 4) != reader_crc(start + 12, (size_t)n))
            break;
        if (record > 0) media_field(m, 'e', start + 12, (size_t)n, 0, record);
        at += (size_t)n + 16;
    }
}

static inline void media_close(media_file *m)
{
    free(m->file.bytes);
    reader_remove(m->dir);
}

/* Whether the file's last record is exactly these bytes, in hexadecimal. */
static inline bool media_ends_with(const media_file *m, const char *hex)
{
    size_t n = 0;
    for (const char *at = hex; *at; at += *at == ' ' ? 1 : 2) n += *at != ' ';
    if (n > m->file.size) return false;
    size_t i = m->file.size - n;
    for (const char *at = hex; *at; at += *at == ' ' ? 1 : 2) {
        if (*at == ' ') continue;
        char two[3] = { at[0], at[1], '\0' };
        if (m->file.bytes[i++] != strtoul(two, NULL, 16)) return false;
    }
    return true;
}

#endif
