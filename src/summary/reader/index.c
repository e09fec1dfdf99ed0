/* SPDX-License-Identifier: MIT */
/* summary/reader/index.c: reading what was remembered. The order of things in the directory is that of index_write.c.
 *
 * An index is as hostile as any file: nothing of it is believed beyond its own size, and nothing that it says can make
 * the reader look into a file that the walk has not found. The worst that a lying one with right checksums can do is to
 * show other numbers than the files hold, as any file can.
 */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include "summary/reader/index.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "summary/reader/curve.h"
#include "summary/reader/load.h"
#include "summary/reader/problem.h"

static bool index_pread(int fd, void *to, size_t n, int64_t at)
{
    unsigned char *bytes = to;
    while (n > 0) {
        ssize_t got = pread(fd, bytes, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        bytes += got;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* ---- The directory --------------------------------------------------------------------------- */

typedef struct contents { /* a stream of numbers and texts; past its end all are 0 and it is broken */
    const unsigned char *at, *end;
    bool broken;
} contents;

static void take(contents *d, void *to, size_t n)
{
    d->broken = d->broken || (size_t)(d->end - d->at) < n;
    if (d->broken) {
        memset(to, 0, n);
        return;
    }
    memcpy(to, d->at, n);
    d->at += n;
}

static int64_t take_number(contents *d)
{
    int64_t number;
    take(d, &number, sizeof number);
    return number;
}

static double take_double(contents *d)
{
    double number;
    take(d, &number, sizeof number);
    return number;
}

static kt_blob take_text(contents *d)
{
    int64_t n = take_number(d);
    d->broken = d->broken || n < 0 || n > d->end - d->at;
    if (d->broken) return (kt_blob){ "", 0 };
    kt_blob text = { d->at, (size_t)n };
    d->at += n;
    return text;
}

/* A path or name: without zeros. Copied, since what takes it wants one at its end. */
static char *take_name(kt_pile *pile, contents *d)
{
    kt_blob text = take_text(d);
    d->broken = d->broken || text.size == 0 || memchr(text.bytes, 0, text.size) != NULL;
    return d->broken ? NULL : kt_pile_text(pile, text.bytes, text.size);
}

static void take_trouble(contents *d, kt_trouble *trouble)
{
    take(d, trouble, sizeof *trouble);
    int code = (int)trouble->code;
    d->broken = d->broken || code < 0 || code >= KT_TROUBLE_COUNT;
}

static bool source_restore(kt_run *run, contents *d, kt_source *source)
{
    bool repaired;
    source->inode = (uint64_t)take_number(d);
    source->at = take_number(d);
    source->searched = take_number(d);
    source->size = source->read_size = take_number(d);
    source->modified = source->read_modified = take_number(d);
    source->shown.records = take_number(d);
    source->shown.first_wall = take_double(d);
    source->shown.last_wall = take_double(d);
    source->shown.version = take_double(d);
    source->shown.writer = kt_curve_text(run, take_text(d), &repaired);
    int64_t flags = take_number(d);
    run->full = run->full || (flags & 1);
    source->has_tail = flags & 2;
    kt_blob signature = take_text(d);
    if (signature.size > KT_SIGNATURE) return false;
    memcpy(source->signature, signature.bytes, signature.size);
    source->signature_size = (unsigned char)signature.size;
    if (source->has_tail) take_trouble(d, &source->tail);
    int64_t count = take_number(d), total = take_number(d);
    if (count < 0 || count > KT_TROUBLES_KEPT || total < count) return false;
    for (int64_t i = 0; i < count && !d->broken; i++) {
        kt_trouble trouble;
        take_trouble(d, &trouble);
        if (!d->broken) kt_trouble_add(run->store, &source->troubles, trouble);
    }
    source->troubles.total = total;
    return !d->broken && source->shown.writer && source->at >= source->signature_size && source->searched >= 0;
}

static bool curve_restore(kt_run *run, contents *d, int64_t index_size)
{
    kt_blob tag = take_text(d), plugin = take_text(d), display = take_text(d), description = take_text(d),
            content = take_text(d);
    int64_t count = take_number(d), restarts = take_number(d), flags = take_number(d), at = take_number(d),
            crc = take_number(d);
    bool repaired = false;
    if (d->broken || count < 0 || at < 0 || memchr(tag.bytes, 0, tag.size)) return false;
    kt_curve *curve = kt_curve_new(run, tag, plugin, (unsigned)flags & 15);
    if (!curve) return false;
    curve->shown.display_name = kt_curve_text(run, display, &repaired);
    curve->shown.description = kt_curve_text(run, description, &repaired);
    curve->shown.content = content.size ? kt_pile_text(&run->pile, content.bytes, content.size) : "";
    curve->shown.content_size = content.size;
    curve->shown.restarts = restarts;
    curve->from_meta = flags & 16;
    curve->shown.mixed = flags & 32;
    curve->told_mixed = flags & 64;
    curve->told_number = flags & 128;
    size_t width = kt_index_width(curve);
    if (at > index_size || count > (index_size - at) / (int64_t)width) return false;
    curve->shown.count = curve->room = count;
    curve->stored = count > 0;
    if (count == 0) curve->room = 0;
    curve->stored_at = at;
    curve->stored_crc = (uint32_t)crc;
    return curve->shown.display_name && curve->shown.description && curve->shown.content;
}

static bool run_restore(kt_logdir *log, contents *d, int64_t index_size)
{
    kt_pile names = { .store = &log->store };
    char *raw = take_name(&names, d), *folder = take_name(&names, d);
    kt_run *run = raw && folder ? kt_run_new(log, raw, folder) : NULL;
    bool fine = run && kt_store_grow(&log->store, &log->runs, &log->run_room, log->run_count + 1, sizeof *log->runs);
    if (fine) log->runs[log->run_count++] = run;
    else if (run) kt_run_free(run);
    int64_t files = fine ? take_number(d) : 0, curves = fine ? take_number(d) : 0;
    if (files < 0 || curves < 0 || files > d->end - d->at) fine = false;
    if (fine) run->files = kt_store_zeroed(&log->store, (size_t)files * sizeof(kt_source *) + 1);
    fine = fine && run->files;
    for (int64_t i = 0; fine && i < files; i++) {
        char *name = take_name(&names, d);
        kt_source *source = name ? kt_source_new(run, run->directory, name) : NULL;
        if (source) run->files[run->file_count++] = source;
        fine = source && source_restore(run, d, source);
        if (fine && i > 0) fine = strcmp(run->files[i - 1]->name, source->name) < 0;
    }
    for (int64_t i = 0; fine && i < curves; i++) fine = curve_restore(run, d, index_size);
    kt_pile_clear(&names);
    return fine && !d->broken;
}

static bool directory_parse(kt_logdir *log, const kt_index_head *head, const void *bytes)
{
    contents d = { .at = bytes };
    d.end = d.at + head->directory_size;
    kt_blob logdir = take_text(&d);
    size_t n = log->logdir ? strlen(log->logdir) : 0;
    if (d.broken || logdir.size != n || (n > 0 && memcmp(logdir.bytes, log->logdir, n) != 0)) return false;
    int64_t runs = take_number(&d);
    for (int64_t i = 0; i < runs; i++) {
        if (!run_restore(log, &d, head->directory_at)) return false;
        if (i > 0 && strcmp(log->runs[i - 1]->raw, log->runs[i]->raw) >= 0) return false;
    }
    return !d.broken && runs >= 0 && d.at == d.end;
}

static bool head_is_sound(const kt_logdir *log, const kt_index_head *head, int64_t size)
{
    return memcmp(head->magic, KT_INDEX_MAGIC, sizeof head->magic) == 0 && head->version == KT_INDEX_VERSION &&
           head->order == KT_INDEX_ORDER && head->layout == KT_INDEX_LAYOUT && head->forget == log->forget &&
           head->crc == kt_crc32c(head, offsetof(kt_index_head, crc)) && head->size == size &&
           head->directory_at >= 0 && head->directory_size >= 0 && head->directory_at <= size &&
           head->directory_size == size - head->directory_at;
}

static void log_empty(kt_logdir *log)
{
    for (size_t i = 0; i < log->run_count; i++) kt_run_free(log->runs[i]);
    log->run_count = 0;
}

kt_status kt_index_parse(kt_logdir *log, const void *bytes, size_t size)
{
    kt_index_head head;
    if (size < sizeof head) return KT_ERR_FORMAT;
    memcpy(&head, bytes, sizeof head);
    if (!head_is_sound(log, &head, (int64_t)size)) return KT_ERR_FORMAT;
    const unsigned char *directory = (const unsigned char *)bytes + head.directory_at;
    if (kt_crc32c(directory, (size_t)head.directory_size) == head.directory_crc &&
        directory_parse(log, &head, directory))
        return KT_OK;
    log_empty(log);
    return KT_ERR_FORMAT;
}

kt_status kt_index_read(kt_logdir *log)
{
    kt_index_head head = { 0 };
    struct stat now;
    int error;
    int fd = kt_source_open(log->index, &error);
    if (fd < 0) {
        log->index_foreign = error != ENOENT;
        return KT_OK;
    }
    int64_t size = fstat(fd, &now) == 0 ? (int64_t)now.st_size : 0;
    bool whole = size >= (int64_t)sizeof head && index_pread(fd, &head, sizeof head, 0);
    log->index_foreign = size > 0 && (!whole || memcmp(head.magic, KT_INDEX_MAGIC, sizeof head.magic) != 0);
    bool sound = whole && head_is_sound(log, &head, size);
    unsigned char *bytes = sound ? kt_store_take(&log->store, (size_t)head.directory_size + 1) : NULL;
    if (bytes && index_pread(fd, bytes, (size_t)head.directory_size, head.directory_at) &&
        kt_crc32c(bytes, (size_t)head.directory_size) == head.directory_crc && directory_parse(log, &head, bytes)) {
        log->index_fd = fd;
    } else {
        log_empty(log);
        close(fd);
    }
    kt_store_give(&log->store, bytes);
    return KT_OK;
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* The three arrays of a curve, as they follow each other in the index. */
uint32_t kt_index_columns_crc(const kt_curve *curve)
{
    size_t n = (size_t)curve->shown.count;
    uint32_t parts[3] = { kt_crc32c(curve->shown.steps, n * 8), kt_crc32c(curve->shown.wall_times, n * 8),
                          curve->scalar ? kt_crc32c(curve->shown.values, n * 4)
                                        : kt_crc32c(curve->places, n * sizeof(kt_place)) };
    return kt_crc32c(parts, sizeof parts);
}

/* Reads the run's files again, as far as they had been read, for all columns that are not in memory. */
static bool run_rescue(kt_run *run)
{
    kt_window window = { .store = run->store, .fd = -1 };
    kt_run *again = kt_run_new(run->log, run->raw, run->directory);
    bool fine = again != NULL;
    if (fine) again->files = kt_store_zeroed(run->store, run->file_count * sizeof(kt_source *) + 1);
    fine = fine && again->files;
    for (size_t i = 0; fine && i < run->file_count; i++) {
        kt_source *source = kt_source_new(again, run->directory, run->files[i]->name);
        fine = source != NULL;
        if (!fine) break;
        source->size = run->files[i]->at;
        source->irregular = run->files[i]->irregular;
        again->files[again->file_count++] = source;
    }
    if (fine) kt_run_load(again, &window);
    kt_window_free(&window);
    for (size_t i = 0; fine && i < run->table_size; i++) {
        kt_curve *curve = run->table[i];
        if (!curve || !curve->stored) continue;
        const kt_curve *found = kt_curve_find(again, curve->shown.tag, strlen(curve->shown.tag));
        bool same = found && found->scalar == curve->scalar;
        int64_t count = same ? found->shown.count : 0;
        if (count > curve->shown.count) count = curve->shown.count; /* a run that has changed meanwhile is no better */
        curve->stored = false;
        curve->shown.count = curve->room = 0;
        if (count == 0) continue;
        fine = kt_curve_columns(curve, count);
        if (!fine) break;
        memcpy((int64_t *)curve->shown.steps, found->shown.steps, (size_t)count * 8);
        memcpy((double *)curve->shown.wall_times, found->shown.wall_times, (size_t)count * 8);
        if (curve->scalar) memcpy((float *)curve->shown.values, found->shown.values, (size_t)count * 4);
        else memcpy(curve->places, found->places, (size_t)count * sizeof(kt_place));
        curve->shown.count = count;
    }
    if (again) kt_run_free(again);
    return fine;
}

bool kt_index_load(kt_curve *curve)
{
    int fd = curve->run->log->index_fd;
    int64_t count = curve->shown.count, at = curve->stored_at;
    size_t n = (size_t)count;
    curve->shown.count = curve->room = 0;
    bool fine = kt_curve_columns(curve, count);
    curve->shown.count = count;
    if (!fine) {
        curve->room = count;
        return false;
    }
    bool read = fd >= 0 && index_pread(fd, (int64_t *)curve->shown.steps, n * 8, at) &&
                index_pread(fd, (double *)curve->shown.wall_times, n * 8, at + count * 8) &&
                (curve->scalar ? index_pread(fd, (float *)curve->shown.values, n * 4, at + count * 16)
                               : index_pread(fd, curve->places, n * sizeof(kt_place), at + count * 16));
    if (read && kt_index_columns_crc(curve) == curve->stored_crc) {
        curve->stored = false;
        return true;
    }
    kt_curve_release(curve);
    curve->room = count;
    return run_rescue(curve->run) && !curve->stored;
}
