/* SPDX-License-Identifier: MIT */
/* summary/reader/index_write.c: remembering. Head, columns, directory; the order of things is that of index.c.
 *
 * Columns are written as they are in memory, each curve's steps, times, then values or places, at a multiple of 8.
 * What still lies in the old index is loaded, written and given back, so that rewriting needs no more memory than the
 * log has already. The file gets its name when it is whole; it is not synced: after a power failure its checksums
 * decide.
 */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "summary/file.h"
#include "summary/reader/curve.h"
#include "summary/reader/index.h"
#include "summary/reader/problem.h"

typedef struct sink {
    kt_logdir *log;
    int fd, error;
    int64_t at;
    unsigned char *directory;
    size_t used, room;
    bool refused; /* memory */
} sink;

static void sink_write(sink *s, const void *bytes, size_t n)
{
    if (s->error == 0 && n > 0) kt_file_write(&kt_file_system, s->fd, bytes, n, s->at, &s->error);
    s->at += (int64_t)n;
}

static void put(sink *s, const void *bytes, size_t n)
{
    if (s->refused || !kt_store_grow(&s->log->store, &s->directory, &s->room, s->used + n, 1)) {
        s->refused = true;
        return;
    }
    if (n > 0) memcpy(s->directory + s->used, bytes, n);
    s->used += n;
}

static void put_number(sink *s, int64_t number) { put(s, &number, sizeof number); }
static void put_double(sink *s, double number) { put(s, &number, sizeof number); }

static void put_text(sink *s, const void *text, size_t n)
{
    put_number(s, (int64_t)n);
    put(s, text, n);
}

static void put_string(sink *s, const char *text) { put_text(s, text, strlen(text)); }

static void put_trouble(sink *s, const kt_trouble *trouble)
{
    kt_trouble clean; /* no bytes of padding go to the disk */
    memset(&clean, 0, sizeof clean);
    clean.offset = trouble->offset;
    clean.skipped = trouble->skipped;
    clean.detail = trouble->detail;
    clean.code = trouble->code;
    put(s, &clean, sizeof clean);
}

static void put_source(sink *s, const kt_source *source)
{
    put_string(s, source->name);
    put_number(s, (int64_t)source->inode);
    put_number(s, source->at);
    put_number(s, source->searched);
    put_number(s, source->read_size);
    put_number(s, source->read_modified);
    put_number(s, source->shown.records);
    put_double(s, source->shown.first_wall);
    put_double(s, source->shown.last_wall);
    put_double(s, source->shown.version);
    put_string(s, source->shown.writer);
    put_number(s, source->run->full | source->has_tail << 1);
    put_text(s, source->signature, source->signature_size);
    if (source->has_tail) put_trouble(s, &source->tail);
    put_number(s, (int64_t)source->troubles.count);
    put_number(s, source->troubles.total);
    for (size_t i = 0; i < source->troubles.count; i++) put_trouble(s, &source->troubles.at[i]);
}

/* Where a curve's columns now lie, in the file that is being written. */
typedef struct new_place {
    kt_curve *curve;
    int64_t at;
    uint32_t crc;
} new_place;

static void put_curve(sink *s, kt_curve *curve, new_place *moved)
{
    static const unsigned char zeros[8];
    bool borrowed = curve->stored;
    if (borrowed && !kt_index_load(curve)) {
        s->refused = true;
        return;
    }
    sink_write(s, zeros, (size_t)(-s->at & 7));
    int64_t count = curve->shown.count;
    *moved = (new_place){ curve, s->at, kt_index_columns_crc(curve) };
    sink_write(s, curve->shown.steps, (size_t)count * 8);
    sink_write(s, curve->shown.wall_times, (size_t)count * 8);
    if (curve->scalar) sink_write(s, curve->shown.values, (size_t)count * 4);
    else sink_write(s, curve->places, (size_t)count * sizeof(kt_place));
    if (borrowed && curve->own_columns && count > 0) { /* back to where it lies: nobody has asked for it */
        kt_curve_release(curve);
        curve->stored = true;
        curve->room = count;
    }
    put_string(s, curve->shown.tag);
    put_string(s, curve->shown.plugin);
    put_string(s, curve->shown.display_name);
    put_string(s, curve->shown.description);
    put_text(s, curve->shown.content, curve->shown.content_size);
    put_number(s, count);
    put_number(s, curve->shown.restarts);
    put_number(s, curve->first | curve->from_meta << 4 | curve->shown.mixed << 5 | curve->told_mixed << 6 |
                      curve->told_number << 7);
    put_number(s, moved->at);
    put_number(s, moved->crc);
}

static void put_run(sink *s, const kt_run *run, new_place **moved)
{
    put_string(s, run->raw);
    put_string(s, run->directory);
    put_number(s, (int64_t)run->file_count);
    put_number(s, (int64_t)run->curves);
    for (size_t i = 0; i < run->file_count; i++) put_source(s, run->files[i]);
    for (size_t i = 0; i < run->table_size; i++)
        if (run->table[i]) put_curve(s, run->table[i], (*moved)++);
}

/* A compressed file is cheap to keep and dear to seek in: it is read anew. */
static bool index_takes(const kt_run *run) { return run->failed == KT_OK && !kt_run_packed(run); }

static void index_fill(sink *s, new_place *moved)
{
    kt_logdir *log = s->log;
    kt_index_head head;
    memset(&head, 0, sizeof head);
    sink_write(s, &head, sizeof head);
    int64_t runs = 0;
    for (size_t i = 0; i < log->run_count; i++) runs += index_takes(log->runs[i]);
    put_string(s, log->logdir);
    put_number(s, runs);
    for (size_t i = 0; i < log->run_count; i++)
        if (index_takes(log->runs[i])) put_run(s, log->runs[i], &moved);
    memcpy(head.magic, KT_INDEX_MAGIC, sizeof head.magic);
    head.version = KT_INDEX_VERSION;
    head.order = KT_INDEX_ORDER;
    head.layout = KT_INDEX_LAYOUT;
    head.forget = log->forget;
    head.directory_at = s->at;
    head.directory_size = (int64_t)s->used;
    head.directory_crc = kt_crc32c(s->directory, s->used);
    sink_write(s, s->directory, s->used);
    head.size = s->at;
    head.crc = kt_crc32c(&head, offsetof(kt_index_head, crc));
    s->at = 0;
    sink_write(s, &head, sizeof head);
    s->at = head.size;
}

/* A file beside the index with a name that nobody has. */
static int index_create(kt_logdir *log, char *path, size_t size)
{
    for (int n = 0; n < 100; n++) {
        snprintf(path, size, "%s.%ld.%d.tmp", log->index, (long)getpid(), n);
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

static int index_replace(kt_logdir *log, const char *path, new_place *moved, size_t curves)
{
    sink s = { .log = log };
    s.fd = open(path, O_RDWR | O_CLOEXEC);
    if (s.fd < 0) return errno;
    index_fill(&s, moved);
    kt_store_give(&log->store, s.directory);
    int error = s.refused ? ENOMEM : s.error;
    if (error == 0 && rename(path, log->index) != 0) error = errno;
    if (error != 0) {
        close(s.fd);
        return error;
    }
    if (log->index_fd >= 0) close(log->index_fd);
    log->index_fd = s.fd;
    log->unsaved = 0;
    for (size_t i = 0; i < curves; i++)
        if (moved[i].curve) {
            moved[i].curve->stored_at = moved[i].at;
            moved[i].curve->stored_crc = moved[i].crc;
        }
    return 0;
}

void kt_index_write(kt_logdir *log, bool last)
{
    int64_t points = 0;
    size_t curves = 0;
    for (size_t i = 0; i < log->run_count; i++) curves += log->runs[i]->curves;
    for (size_t i = 0; i < log->curve_count; i++) points += log->curves[i]->shown.count;
    if (log->unsaved == 0 || log->index_foreign || (last && log->unsaved < 100000 && log->unsaved < points / 8)) return;
    int64_t limit = atomic_exchange(&log->store.limit, INT64_MAX); /* the directory is no larger than what is there */
    size_t size = strlen(log->index) + 64;
    char *path = kt_store_take(&log->store, size);
    new_place *moved = kt_store_zeroed(&log->store, (curves + 1) * sizeof *moved);
    int error = path && moved ? 0 : ENOMEM;
    int fd = error ? -1 : index_create(log, path, size);
    if (fd < 0 && !error) error = errno;
    if (fd >= 0) {
        close(fd);
        error = index_replace(log, path, moved, curves);
        if (error) unlink(path);
    }
    kt_store_give(&log->store, moved);
    kt_store_give(&log->store, path);
    if (error && !last) {
        kt_walk_trouble(log, log->index, KT_TROUBLE_INDEX, error);
        kt_problems_collect(log);
    }
    atomic_store(&log->store.limit, limit);
}
