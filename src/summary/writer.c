/* SPDX-License-Identifier: MIT */
/* summary/writer.c: a record from the caller into the queue.
 *
 * A call takes the short lock, finds its tag, asks the clock, makes the record in its place at the
 * end of the queue and gives the lock back. For a scalar whose tag is known that is a copy of the
 * tag's form with the numbers filled in. Everything that takes longer (a new tag, a full queue, a
 * sentence) is done on a second way. Nothing here waits for the disk, except in a log without a
 * thread, which writes when it is time.
 *
 * The kinds (kinds/scalar.c and the others) are between the public functions and this file, and call
 * it without the lock.
 */
#define _DEFAULT_SOURCE 1

#include "writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "log.h"
#include "base/utf8.h"

static const double writer_retry_seconds = 1;
static const size_t writer_record_max = INT32_MAX; /* readers are protobuf's, which ends there */

/* ---- Time and sentences ---------------------------------------------------------------------- */

double kt_logger_now(kt_events *log)
{
    double now;
    if (log->now) {
        now = log->now(log->now_user);
    } else {
        struct timespec t = { 0, 0 };
#ifdef CLOCK_REALTIME_COARSE
        clock_gettime(CLOCK_REALTIME_COARSE, &t); /* milliseconds will do, at a fifth of the price */
#else
        clock_gettime(CLOCK_REALTIME, &t);
#endif
        now = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    }
    if (isfinite(now)) log->last_time = now; /* another time would make readers give up the file */
    return log->last_time;
}

bool kt_logger_is_due(const kt_events *log)
{
    double age = log->last_time - log->oldest;
    size_t bytes = log->queue.bytes;
    if (bytes == 0 || (bytes < log->queue.block_bytes / 2 && age >= 0 && age < log->flush_seconds))
        return false;
    double rest = log->last_time - log->failed_at; /* below 0: the clock was set back */
    return !log->failing || rest < 0 || rest >= writer_retry_seconds;
}

kt_status kt_logger_fail(kt_events *log, kt_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(log->message, sizeof log->message, format, arguments);
    va_end(arguments);
    log->status = status;
    return status;
}

kt_status kt_events_fail(kt_events *log, kt_status status, const char *format, ...)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    kt_lock_take(&log->lock);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(log->message, sizeof log->message, format, arguments);
    va_end(arguments);
    log->status = status;
    kt_lock_give(&log->lock);
    return status;
}

/* What is worth saying and no failure. The first one stays until there is a failure. */
KT_SUMMARY_PRINTF(2, 3) static void writer_notice(kt_events *log, const char *format, ...)
{
    if (log->message[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(log->message, sizeof log->message, format, arguments);
    va_end(arguments);
}

/* How many bytes of a tag a sentence shows: whole characters. */
static int writer_shown(const char *tag, size_t n)
{
    size_t shown = n;
    if (n > 100)
        for (shown = 100; shown > 0 && ((unsigned char)tag[shown] & 0xC0) == 0x80;) shown--;
    return (int)shown;
}

/* ---- Tags ------------------------------------------------------------------------------------ */

/* The tag of one value: what the log remembers of it, or at least a text that can be written. */
typedef struct writer_tag {
    kt_tag *known; /* NULL: too many tags, or no memory */
    const char *text;
    size_t size;
} writer_tag;

/* A tag at its first use, or one that is not UTF-8 at any use. `repaired` has room for one. */
static writer_tag writer_tag_new(kt_events *log, const char *caller, kt_kind kind, const char *tag,
                                 size_t n, char *repaired)
{
    writer_tag t = { NULL, tag, n };
    if (!kt_utf8_valid(tag, n)) {
        t.size = kt_utf8_repair(repaired, tag, n);
        repaired[t.size] = '\0';
        t.text = repaired;
        t.known = kt_tags_find(&log->tags, t.text, t.size);
        writer_notice(log,
                      "%s: the tag \"%.*s\" was not UTF-8 and is logged with U+FFFD for what was "
                      "wrong: pass UTF-8",
                      caller, writer_shown(t.text, t.size), t.text);
    }
    if (t.known) return t;
    t.known = kt_tags_add(&log->tags, t.text, t.size, kind, &log->allocator);
    if (t.known) t.known->limit = kt_logger_limit_of(log, t.text);
    return t;
}

enum { WRITER_REPAIRED = 3 * KT_TAG_MAX + 1 };

/* Finds or adds the tag of a value and checks it. */
static kt_status writer_tag_check(kt_events *log, const char *caller, kt_kind kind, const char *tag,
                                  char *repaired, writer_tag *t)
{
    const char *end = tag ? memchr(tag, '\0', KT_TAG_MAX + 1) : NULL;
    const char *wrong = !tag ? "NULL" : !end ? "a longer one" : end == tag ? "an empty one" : NULL;
    if (wrong)
        return kt_logger_fail(log, KT_ERR_VALUE,
                              "%s: expected a tag of 1 to 1024 bytes, got %s; name the series", caller,
                              wrong);
    size_t n = (size_t)(end - tag);
    *t = (writer_tag){ kt_tags_find(&log->tags, tag, n), tag, n };
    if (t->known) *kt_tags_note(&log->tags, tag) = t->known;
    else *t = writer_tag_new(log, caller, kind, tag, n, repaired);
    if (t->known && t->known->kind != kind)
        return kt_logger_fail(log, KT_ERR_VALUE,
                              "%s: the tag \"%.*s\" is of %s since its first use, got %s; "
                              "TensorBoard shows one kind per tag: choose another tag",
                              caller, writer_shown(t->text, t->size), t->text,
                              kt_kind_name(t->known->kind), kt_kind_name(kind));
    return KT_OK;
}

/* Whether the tag's limit lets this step through. */
static bool writer_opens(kt_events *log, kt_tag *known, int64_t step)
{
    if (!known || known->limit < 0) return true;
    if (kt_gate_opens(&log->limits[known->limit].gate, &known->gate_state, step, log->last_time)) return true;
    log->held++;
    return false;
}

static void writer_stepped(kt_events *log, const char *caller, kt_tag *known, int64_t step)
{
    if (!known) return;
    if (known->begun && step <= known->last_step)
        writer_notice(log,
                      "%s: the tag \"%.*s\" got step %lld after step %lld; TensorBoard forgets "
                      "its points from there on: let steps rise",
                      caller, writer_shown(known->text, known->size), known->text, (long long)step,
                      (long long)known->last_step);
    known->last_step = step;
    known->begun = true;
}

/* ---- The queue ------------------------------------------------------------------------------- */

/* Something was dropped. While writes fail the sentence is that of the write. */
static void writer_say_slow(kt_events *log, const char *caller)
{
    if (!log->failing)
        kt_logger_fail(log, KT_ERR_IO,
                       "%s: the disk is too slow, %zu bytes wait for it and no more may; log less or set a larger "
                       "queue_bytes",
                       caller, log->queue.bytes);
}

/* The second way to room for a record: writes, waits or drops as the log was opened to. Gives the
 * lock away meanwhile. */
static kt_status writer_make_room(kt_events *log, const char *caller, size_t need, kt_room room)
{
    kt_queue *queue = &log->queue;
    if (room == KT_ROOM_FULL && !log->threaded) {
        bool now = kt_logger_is_due(log) || !log->failing;
        kt_lock_give(&log->lock);
        if (now) kt_logger_write(log, true);
        kt_lock_take(&log->lock);
        room = kt_queue_reserve(queue, need);
    } else if (room == KT_ROOM_FULL) {
        log->urgent = true;
        bool wait = log->when_full == KT_FULL_WAIT && !log->gave_up;
        double until = 0;
        do { /* again where another call that waited was quicker */
            kt_lock_give(&log->lock);
            if (wait) wait = kt_logger_wait_for_room(log, need, &until);
            else kt_logger_ring(log);
            kt_lock_take(&log->lock);
            room = kt_queue_reserve(queue, need);
        } while (room == KT_ROOM_FULL && wait);
    }
    if (room == KT_ROOM_FULL && log->when_full == KT_FULL_DROP_OLDEST) {
        int64_t dropped = kt_queue_drop_oldest(queue, need);
        log->dropped += dropped;
        if (dropped > 0) writer_say_slow(log, caller);
        room = kt_queue_reserve(queue, need);
    }
    if (room == KT_ROOM_FOUND) return KT_OK;
    log->dropped++;
    if (room == KT_ROOM_NO_MEMORY)
        return kt_logger_fail(log, KT_ERR_MEMORY,
                              "%s: out of memory for a record of %zu bytes; free some or log less",
                              caller, need);
    writer_say_slow(log, caller);
    return KT_ERR_IO;
}

static kt_status writer_reserve(kt_events *log, const char *caller, size_t need)
{
    if (need > writer_record_max)
        return kt_logger_fail(log, KT_ERR_VALUE,
                              "%s: expected a record below 2 GiB, got one of %zu bytes; log less at once",
                              caller, need);
    kt_room room = kt_queue_reserve(&log->queue, need);
    return room == KT_ROOM_FOUND ? KT_OK : writer_make_room(log, caller, need, room);
}

/* The record of `size` bytes at the end of the queue is whole. Gives the lock away, and sees to it
 * that what is due is written. */
static inline void writer_push_and_give(kt_events *log, size_t size)
{
    bool first = log->queue.bytes == 0;
    bool grown = log->queue.last->records == 0 && log->queue.grown; /* the block before is full */
    if (first) log->oldest = log->last_time;
    kt_queue_push(&log->queue, size);
    if (log->threaded) {
        kt_lock_give(&log->lock);
        if (first || grown) kt_logger_ring(log);
    } else {
        bool due = kt_logger_is_due(log);
        kt_lock_give(&log->lock);
        if (due) kt_logger_write(log, true); /* the record is queued whatever becomes of this */
    }
}

static kt_wire writer_wire(kt_events *log)
{
    return (kt_wire){ kt_queue_end(&log->queue) + KT_RECORD_HEAD,
                      kt_queue_room_end(&log->queue) - KT_RECORD_TAIL, false };
}

/* Seals the record that `w` was written to and gives the lock away. */
static kt_status writer_finish(kt_events *log, const char *caller, const kt_wire *w)
{
    if (w->full) {
        kt_logger_fail(log, KT_ERR_INTERNAL,
                       "%s: a record is larger than foreseen; please report it", caller);
        kt_lock_give(&log->lock);
        return KT_ERR_INTERNAL;
    }
    unsigned char *record = kt_queue_end(&log->queue);
    size_t payload = (size_t)(w->at - record) - KT_RECORD_HEAD;
    kt_record_seal(record, payload);
    writer_push_and_give(log, payload + KT_RECORD_FRAME);
    return KT_OK;
}

static kt_status writer_give(kt_events *log, kt_status status)
{
    kt_lock_give(&log->lock);
    return status;
}

/* ---- Appending ------------------------------------------------------------------------------- */

kt_status kt_events_append(kt_events *log, const char *caller, kt_kind kind, const char *tag,
                           int64_t step, const kt_event_tensor *value)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    char repaired[WRITER_REPAIRED];
    writer_tag t;
    kt_lock_take(&log->lock);
    kt_status status = writer_tag_check(log, caller, kind, tag, repaired, &t);
    if (status != KT_OK) return writer_give(log, status);
    kt_logger_now(log);
    if (!writer_opens(log, t.known, step)) return writer_give(log, KT_OK);
    status = writer_reserve(log, caller, kt_event_bound(t.size, kind, value) + KT_RECORD_FRAME);
    if (status != KT_OK) return writer_give(log, status);

    writer_stepped(log, caller, t.known, step);
    kt_wire w = writer_wire(log);
    kt_event_summary(&w, log->last_time, step, kind, t.text, t.size, value);
    return writer_finish(log, caller, &w);
}

kt_status kt_events_append_scalar(kt_events *log, const char *caller, const char *tag, int64_t step,
                                  float number)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    if (tag) {
        kt_lock_take(&log->lock);
        kt_tag *known = kt_tags_recent(&log->tags, tag);
        size_t need = known ? kt_scalar_record_bound(&known->form) : 0;
        if (known && known->form.size > 0 && known->limit < 0 && (!known->begun || step > known->last_step) &&
            kt_queue_reserve(&log->queue, need) == KT_ROOM_FOUND) {
            known->last_step = step;
            known->begun = true;
            size_t size = kt_scalar_record(kt_queue_end(&log->queue), &known->form, kt_logger_now(log), step, number);
            writer_push_and_give(log, size);
            return KT_OK;
        }
        kt_lock_give(&log->lock);
    }
    kt_event_tensor scalar = { .numbers = &number, .count = 1 };
    return kt_events_append(log, caller, KT_KIND_SCALAR, tag, step, &scalar);
}

kt_status kt_events_append_many(kt_events *log, const char *caller, int64_t step,
                                const kt_event_value *values, int count)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    if (count < 1 || count > KT_EVENT_MAX_VALUES)
        return kt_events_fail(log, KT_ERR_INTERNAL, "%s: expected 1 to %d values, got %d; please report it", caller,
                              KT_EVENT_MAX_VALUES, count);
    char repaired[WRITER_REPAIRED];
    writer_tag t[KT_EVENT_MAX_VALUES];
    kt_event_value sound[KT_EVENT_MAX_VALUES];
    size_t sizes[KT_EVENT_MAX_VALUES];
    kt_lock_take(&log->lock);
    for (int i = 0; i < count; i++) {
        kt_status status = writer_tag_check(log, caller, values[i].kind, values[i].tag, repaired, &t[i]);
        if (status != KT_OK) return writer_give(log, status);
        if (!t[i].known && t[i].text == repaired) /* a second one would overwrite it */
            return writer_give(log, kt_logger_fail(log, KT_ERR_MEMORY,
                                                   "%s: out of memory for a tag; free some or pass UTF-8", caller));
        sound[i] = values[i];
        sound[i].tag = t[i].known ? t[i].known->text : t[i].text;
        sizes[i] = t[i].size;
    }
    kt_logger_now(log);
    if (!writer_opens(log, t[0].known, step)) return writer_give(log, KT_OK); /* all or none */
    kt_status status = writer_reserve(log, caller, kt_event_values_bound(sound, sizes, count) + KT_RECORD_FRAME);
    if (status != KT_OK) return writer_give(log, status);

    for (int i = 0; i < count; i++) writer_stepped(log, caller, t[i].known, step);
    kt_wire w = writer_wire(log);
    kt_event_values(&w, log->last_time, step, sound, sizes, count);
    return writer_finish(log, caller, &w);
}

kt_status kt_events_append_bytes(kt_events *log, const char *caller, unsigned field, int64_t step,
                                 kt_event_string bytes)
{
    if (!log || kt_forked(&log->guard)) return KT_ERR_STATE;
    kt_lock_take(&log->lock);
    kt_logger_now(log);
    kt_status status = writer_reserve(log, caller, bytes.size + 64 + KT_RECORD_FRAME);
    if (status != KT_OK) return writer_give(log, status);
    kt_wire w = writer_wire(log);
    kt_event_bytes(&w, log->last_time, step, field, bytes);
    return writer_finish(log, caller, &w);
}
