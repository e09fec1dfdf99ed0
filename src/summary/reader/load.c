/* SPDX-License-Identifier: MIT */
/* summary/reader/load.c: from the bytes of a file to points.
 *
 * source->at stands before the first byte that has not been read. As long as records are sound it moves from one to the
 * next. Where none begins soundly there are two cases. If a sound record follows somewhere, what lies between is passed
 * over and reported. If none follows, it may be the end of a file that is being written: `at` stays, what is there is
 * reported as it looks now, and the next refresh looks again, first at `at`, then behind what was searched already.
 *
 * A record whose content is damaged but whose length is sound gives the place where the next one begins; it is tried
 * before every byte is.
 */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include "summary/reader/load.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "summary/reader/curve.h"
#include "summary/reader/problem.h"

enum { KNOWN_LENGTHS = 256 };

typedef struct loader {
    kt_run *run;
    kt_source *file;
    uint32_t number; /* of the file in the run */
    kt_window *window;
    bool failed;       /* the host refused memory */
    kt_packed_end end; /* of a compressed file */
    int64_t taken;     /* how much of it was unpacked */
} loader;

int kt_source_open(const char *path, int *error)
{
    struct stat now;
    int fd;
    do fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    *error = fd < 0 ? errno : 0; /* a success leaves the last failure there */
    if (fd < 0) return -1;
    if (fstat(fd, &now) == 0 && S_ISREG(now.st_mode)) return fd;
    close(fd);
    *error = 0;
    return -1;
}

/* Whether it begins as a compressed file; what cannot be read is told by whoever reads on. */
static bool source_is_packed(int fd, const unsigned char *memory, int64_t size)
{
    unsigned char head[KT_PACKED_HEAD];
    ssize_t n = size < KT_PACKED_HEAD ? (ssize_t)size : KT_PACKED_HEAD;
    if (!memory) {
        ssize_t got;
        do got = pread(fd, head, (size_t)n, 0);
        while (got < 0 && errno == EINTR);
        n = got;
    }
    return n > 0 && kt_packed_is(memory ? memory : head, (size_t)n);
}

bool kt_source_see(kt_run *run, kt_source *source, kt_window *window, int64_t unpacked)
{
    const void *memory = run->log->memory;
    int fd = -1;
    source->error = 0;
    window->refused = false;
    if (!memory) fd = kt_source_open(source->shown.path, &source->error);
    if (!memory && fd < 0) {
        source->irregular = source->error == 0;
        return false;
    }
    if (source_is_packed(fd, memory, source->size)) {
        kt_packed *packed = kt_packed_new(window->store, fd, memory, source->size);
        kt_packed_end end = KT_PACKED_REFUSED;
        int64_t taken;
        if (packed) {
            kt_window_on_packed(window, fd, packed, unpacked);
            end = kt_packed_state(packed, &taken, &source->error);
            if (end != KT_PACKED_REFUSED && end != KT_PACKED_UNREAD) return true;
            kt_source_done(window);
        } else if (fd >= 0) {
            close(fd);
        }
        window->refused = end == KT_PACKED_REFUSED;
        return false;
    }
    if (memory) kt_window_on_memory(window, memory, source->size);
    else kt_window_on_file(window, fd, source->size);
    return true;
}

void kt_source_done(kt_window *window)
{
    kt_packed_free(window->packed);
    window->packed = NULL;
    if (window->fd >= 0) close(window->fd);
    window->fd = -1;
    window->have = 0;
    window->bytes = window->buffer;
}

void kt_source_forget(kt_run *run, kt_source *source)
{
    source->at = source->searched = source->unpacked = 0;
    source->packed = false;
    source->read_size = source->read_modified = -1;
    source->signature_size = 0;
    source->has_tail = false;
    source->shown.records = 0;
    source->shown.first_wall = source->shown.last_wall = source->shown.version = NAN;
    source->shown.writer = "";
    kt_troubles_clear(run->store, &source->troubles);
}

static void load_trouble(loader *l, kt_trouble_code code, int64_t offset, int64_t skipped, uint64_t detail)
{
    if (code == KT_TROUBLE_COUNT) return;
    kt_trouble_add(l->run->store, &l->file->troubles,
                   (kt_trouble){ .offset = offset, .skipped = skipped, .detail = detail, .code = code });
}

/* ---- One record ------------------------------------------------------------------------------ */

/* The number behind "brain.Event:". Digits and one point: nobody has written anything else. */
static double version_number(kt_blob text)
{
    static const char mark[] = "brain.Event:";
    const char *at = text.bytes;
    if (text.size < sizeof mark || memcmp(at, mark, sizeof mark - 1) != 0) return NAN;
    double number = 0, unit = 0;
    for (size_t i = sizeof mark - 1; i < text.size && i < 32; i++) {
        if (at[i] == '.' && unit == 0) unit = 1;
        else if (at[i] < '0' || at[i] > '9') return NAN;
        else if (unit == 0) number = number * 10 + (at[i] - '0');
        else number += (at[i] - '0') * (unit /= 10);
    }
    return number;
}

static void load_version(loader *l, const kt_event_view *event)
{
    kt_logdir_file *shown = &l->file->shown;
    bool repaired;
    if (event->what == KT_EVENT_VERSION && isnan(shown->version)) shown->version = version_number(event->bytes);
    if (event->writer.size > 0 && event->writer.size <= 128 && !shown->writer[0]) {
        const char *writer = kt_curve_text(l->run, event->writer, &repaired);
        if (writer) shown->writer = writer;
    }
}

/* The end of the payload from the summary's key on, when before it stand time and step and nothing else, and in it one
 * value that fills it. */
static kt_blob load_suffix(const unsigned char *payload, size_t n, kt_blob value)
{
    const kt_blob none = { NULL, 0 };
    size_t at = 9;
    if (n < 10 || payload[0] != 9) return none;
    if (payload[at] == 16)
        for (at++; at < n && payload[at++] >= 128;) continue;
    if (at >= n || payload[at] != 42) return none;
    kt_fields rest = kt_fields_of(payload + at, n - at);
    kt_field summary;
    if (!kt_fields_next(&rest, &summary) || rest.at != rest.end) return none;
    const unsigned char *body = value.bytes;
    if (summary.size < value.size || body + value.size != payload + n || summary.bytes[0] != 10) return none;
    kt_fields inner = kt_fields_of(summary.bytes, summary.size);
    kt_field one;
    if (!kt_fields_next(&inner, &one) || one.bytes != body) return none;
    return (kt_blob){ payload + at, n - at };
}

/* Memory refused: by the limit, then it is said once and values are left out; or by the host, then reading fails. */
static void load_refused(loader *l, int64_t offset)
{
    if (!atomic_load(&l->run->store->limited)) {
        l->failed = true;
        return;
    }
    if (!l->run->full) load_trouble(l, KT_TROUBLE_MEMORY, offset, 0, 0);
    l->run->full = true; /* trying again with every value would cost more than reading does */
}

static void load_summary(loader *l, const kt_event_view *event, const unsigned char *payload, size_t n, int64_t offset)
{
    kt_values values = kt_values_of(event);
    kt_value_view view;
    kt_blob bytes, first = { NULL, 0 };
    bool broken = false;
    int64_t count = 0;
    for (; kt_values_next(&values, &bytes, &broken); count++) { /* nothing is used of a record that is broken later */
        if (!kt_value_parse(bytes, &view)) broken = true;
        if (broken) break;
        first = bytes;
    }
    if (broken) {
        load_trouble(l, KT_TROUBLE_EVENT, offset, (int64_t)n + KT_RECORD_FRAME, n);
        return;
    }
    kt_blob suffix = count == 1 ? load_suffix(payload, n, first) : (kt_blob){ NULL, 0 };
    kt_point point = { event->wall_time, event->step, { .offset = offset, .file = l->number } };
    values = kt_values_of(event);
    while (!l->failed && !l->run->full && kt_values_next(&values, &bytes, &broken)) {
        kt_trouble_code trouble;
        kt_value_parse(bytes, &view);
        point.place.value = (uint32_t)(values.key - payload);
        if (kt_curve_take(l->run, &view, &point, suffix, &trouble) != KT_OK) load_refused(l, offset);
        else load_trouble(l, trouble, offset, 0, 0);
    }
}

static void load_record(loader *l, const unsigned char *payload, size_t n, int64_t offset)
{
    kt_logdir_file *shown = &l->file->shown;
    kt_event_view event;
    bool full = false;
    if (!l->run->full && kt_curve_match(l->run, payload, n, &full)) {
        if (full) load_refused(l, offset);
        event.wall_time = kt_read_double(payload + 1);
    } else if (!kt_event_parse(payload, n, &event)) {
        load_trouble(l, KT_TROUBLE_EVENT, offset, (int64_t)n + KT_RECORD_FRAME, n);
        return;
    } else {
        load_version(l, &event);
        kt_point point = { event.wall_time, event.step, { .offset = offset, .file = l->number } };
        kt_trouble_code trouble = KT_TROUBLE_COUNT;
        if (l->run->full) event.what = 0;
        if (event.what == KT_EVENT_SUMMARY) load_summary(l, &event, payload, n, offset);
        else if (event.what == KT_EVENT_GRAPH || event.what == KT_EVENT_META_GRAPH ||
                 event.what == KT_EVENT_TAGGED_METADATA) {
            if (kt_curve_take_event(l->run, &event, &point, &trouble) != KT_OK) load_refused(l, offset);
            else load_trouble(l, trouble, offset, trouble == KT_TROUBLE_EVENT ? (int64_t)n + KT_RECORD_FRAME : 0, n);
        }
    }
    if (shown->records++ == 0) shown->first_wall = event.wall_time;
    shown->last_wall = event.wall_time;
}

/* ---- One file -------------------------------------------------------------------------------- */

/* Reads sound records that lie in the window as a whole, as fast as it goes. Returns where it stopped. */
static int64_t load_quickly(loader *l, int64_t at)
{
    kt_window *w = l->window;
    uint32_t known[KNOWN_LENGTHS] = { 0 }; /* checksums of short lengths: one table look-up instead of a checksum */
    const unsigned char *p = w->bytes + (at - w->base), *end = w->bytes + w->have;
    while (end - p >= KT_RECORD_FRAME && !l->failed) {
        uint64_t n = kt_read_le(p, 8);
        if (n >= KNOWN_LENGTHS || n + KT_RECORD_FRAME > (uint64_t)(end - p)) break;
        if (known[n] == 0) known[n] = kt_crc32c_mask(kt_crc32c(p, 8));
        if (kt_read_le(p + 8, 4) != known[n]) break;
        const unsigned char *payload = p + KT_RECORD_HEAD;
        if (kt_read_le(payload + n, 4) != kt_crc32c_mask(kt_crc32c(payload, (size_t)n))) break;
        load_record(l, payload, (size_t)n, w->base + (p - w->bytes));
        p = payload + n + KT_RECORD_TAIL;
    }
    return w->base + (p - w->bytes);
}

/* At damage, or at the end. Moves source->at to the next sound record; false when there is none yet. */
static bool load_past(loader *l, kt_frame frame, uint64_t n)
{
    static const kt_trouble_code codes[] = { [KT_FRAME_CUT] = KT_TROUBLE_CUT,
                                             [KT_FRAME_ZEROS] = KT_TROUBLE_ZEROS,
                                             [KT_FRAME_HEAD] = KT_TROUBLE_HEAD,
                                             [KT_FRAME_LONG] = KT_TROUBLE_LONG,
                                             [KT_FRAME_DATA] = KT_TROUBLE_DATA };
    kt_source *file = l->file;
    int64_t found = frame == KT_FRAME_DATA ? kt_frame_behind(l->window, file->at, n) : -1;
    if (found < 0) {
        int64_t from = file->searched > file->at ? file->searched : file->at + 1;
        found = kt_frame_search(l->window, from, &file->searched);
    }
    if (found >= 0) {
        load_trouble(l, codes[frame], file->at, found - file->at, n);
        file->at = found;
        return true;
    }
    kt_trouble_code code = frame == KT_FRAME_CUT     ? KT_TROUBLE_TAIL_CUT
                           : frame == KT_FRAME_ZEROS ? KT_TROUBLE_TAIL_ZEROS
                                                     : codes[frame];
    const unsigned char *first = file->at == 0 ? kt_window_see(l->window, 0, 3) : NULL;
    if (first && memcmp(first, "\x1f\x8b\x08", 3) == 0) code = KT_TROUBLE_GZIP;
    int64_t skipped = l->window->end - file->at;
    file->has_tail = true;
    file->tail = (kt_trouble){ .offset = file->at, .skipped = skipped, .detail = n, .code = code };
    return false;
}

/* Whether zeros fill the file from `at` to its end. */
static bool load_only_zeros(loader *l, int64_t at)
{
    while (at < l->window->end) {
        int64_t left = l->window->end - at;
        size_t n = left < 4096 ? (size_t)left : 4096;
        const unsigned char *bytes = kt_window_see(l->window, at, n);
        if (!bytes) return true;
        for (size_t i = 0; i < n; i++)
            if (bytes[i] != 0) return false;
        at += (int64_t)n;
    }
    return true;
}

static void load_records(loader *l)
{
    kt_source *file = l->file;
    kt_window *w = l->window;
    for (;;) {
        int64_t before = file->at;
        if (kt_window_see(w, file->at, KT_RECORD_FRAME)) file->at = load_quickly(l, file->at);
        if (l->failed) return;
        if (file->at > before) file->searched = 0;
        const unsigned char *payload;
        uint64_t n;
        kt_frame frame = kt_frame_at(w, file->at, &payload, &n);
        if (frame == KT_FRAME_SOUND) {
            load_record(l, payload, (size_t)n, file->at);
            file->at += (int64_t)n + KT_RECORD_FRAME;
            file->searched = 0;
            continue;
        }
        if (frame == KT_FRAME_END) return;
        if (frame == KT_FRAME_UNREAD && w->refused) { /* a record for which there is no room */
            w->refused = false;
            load_refused(l, file->at);
            if (l->failed) return;
            file->at += (int64_t)n + KT_RECORD_FRAME;
            continue;
        }
        if (frame == KT_FRAME_UNREAD) {
            file->error = w->error;
            return;
        }
        if (!load_past(l, frame, n)) {
            if (frame == KT_FRAME_ZEROS && !load_only_zeros(l, file->at)) file->tail.code = KT_TROUBLE_ZEROS;
            return;
        }
    }
}

/* What there is to say about a compressed file's end. */
static void load_packed_end(loader *l)
{
    kt_source *file = l->file;
    bool damaged = l->end == KT_PACKED_DAMAGED, cut = l->end == KT_PACKED_CUT;
    file->unpacked = l->window->end;
    if (cut && file->has_tail) cut = file->tail.code == KT_TROUBLE_TAIL_CUT;
    if (!damaged && !cut) return;
    file->has_tail = true;
    file->tail = (kt_trouble){ .offset = file->at,
                               .skipped = l->window->end - file->at,
                               .detail = (uint64_t)l->taken,
                               .code = cut ? KT_TROUBLE_TAIL_STREAM : KT_TROUBLE_STREAM };
}

/* Whether the bytes before `at` are still those that were read. */
static bool load_is_same(loader *l)
{
    kt_source *file = l->file;
    bool packed = l->window->packed != NULL;
    if (packed != file->packed && file->at > 0) return false;
    if (packed != file->packed) file->searched = 0;
    file->packed = packed;
    if (file->signature_size == 0) return true;
    const unsigned char *now = kt_window_see(l->window, file->at - file->signature_size, file->signature_size);
    return now && memcmp(now, file->signature, file->signature_size) == 0;
}

static void load_sign(loader *l)
{
    kt_source *file = l->file;
    size_t n = file->at < KT_SIGNATURE ? (size_t)file->at : KT_SIGNATURE;
    const unsigned char *now = n ? kt_window_see(l->window, file->at - (int64_t)n, n) : NULL;
    file->signature_size = now ? (unsigned char)n : 0;
    if (now) memcpy(file->signature, now, n);
}

/* false: the file is another one than before. */
static bool load_file(loader *l)
{
    kt_source *file = l->file;
    int64_t size = file->size, modified = file->modified;
    file->has_tail = false;
    file->error = 0;
    if (!file->irregular && kt_source_see(l->run, file, l->window, -1)) {
        int error;
        if (l->window->packed) l->end = kt_packed_state(l->window->packed, &l->taken, &error);
        bool same = load_is_same(l);
        if (same) {
            load_records(l);
            load_sign(l);
        }
        if (same && file->packed) load_packed_end(l);
        kt_source_done(l->window);
        if (!same && !file->error) return false;
    } else if (l->window->refused) {
        l->window->refused = false;
        load_refused(l, file->at);
    }
    if (file->error || file->irregular) {
        file->has_tail = true;
        file->tail = (kt_trouble){ .offset = file->at,
                                   .detail = (uint64_t)file->error,
                                   .code = file->irregular ? KT_TROUBLE_NOT_FILE : KT_TROUBLE_UNREAD };
    }
    file->read_size = file->error ? -1 : size; /* what could not be read may be readable the next time */
    file->read_modified = modified;
    return true;
}

void kt_run_load(kt_run *run, kt_window *window)
{
    bool again = run->failed != KT_OK;
    for (int round = 0; round < 2; round++) {
        if (again) {
            kt_run_clear(run);
            for (size_t i = 0; i < run->file_count; i++) kt_source_forget(run, run->files[i]);
            run->failed = KT_OK;
            run->added = 0;
        }
        again = false;
        for (size_t i = 0; i < run->file_count && !again && run->failed == KT_OK; i++) {
            kt_source *file = run->files[i];
            if (file->size == file->read_size && file->modified == file->read_modified) continue;
            loader l = { .run = run, .file = file, .number = (uint32_t)i, .window = window };
            again = !load_file(&l);
            if (l.failed) run->failed = KT_ERR_MEMORY;
        }
        if (!again) break;
        run->failed = KT_ERR_STATE;
    }
    for (size_t i = 0; i < run->table_size; i++)
        if (run->table[i] && !run->table[i]->stored) kt_curve_trim(run->table[i]);
}
