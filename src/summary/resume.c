/* SPDX-License-Identifier: MIT */
/* summary/resume.c: a run that goes on from a checkpoint.
 *
 * TensorBoard's two readers differ in what they forget. The Rust one drops, when a point of a tag
 * comes, the tag's points at its step and later: the new points do that by themselves, provided they
 * are read after the old ones, and files are read in the order of their names. The Python one drops
 * only where it meets a session start that is not the run's first, and then everything from that step
 * on: hence the mark is written twice. Written where nothing is resumed it would do harm, so the
 * writer never does it by itself.
 *
 * The marks go straight into the file, behind its version record, because they mean a place in the
 * order of files and not a moment in the queue.
 */
#include "log.h"

/* Makes the current file the last one of its directory. `disk` is held. */
static kt_status resume_begin_file(kt_events *log)
{
    const kt_allocator *a = &log->allocator;
    int64_t behind = kt_file_seconds_behind_all(log->logdir, log->file_path);
    bool fresh = kt_logger_file_is_fresh(log);
    if (fresh && behind == 0) return KT_OK;
    size_t n = strlen(log->file_path) + 1;
    char *old = fresh ? a->allocate(n, a->user) : NULL;
    if (old) memcpy(old, log->file_path, n);

    if (behind > log->name.seconds) log->name = (kt_file_name){ .seconds = behind };
    kt_status status = kt_logger_begin_file(log);
    if (status == KT_OK && old) log->calls->remove(old); /* it held nothing */
    a->release(old, a->user);
    return status;
}

static kt_status resume_write_marks(kt_events *log, int64_t step, double now)
{
    static const unsigned char start[2] = { 1 << 3 | KT_WIRE_VARINT, 1 }; /* SessionLog { status START } */
    enum { SESSION_LOG = 7, ROOM = 64 };
    unsigned char marks[2 * ROOM];
    kt_wire w = { marks + KT_RECORD_HEAD, marks + ROOM, false };
    kt_event_bytes(&w, now, step, SESSION_LOG, (kt_event_string){ start, sizeof start });
    kt_record_seal(marks, (size_t)(w.at - marks) - KT_RECORD_HEAD);
    size_t one = kt_record_size(marks), both = 2 * one;
    memmove(marks + one, marks, one);

    int error;
    size_t written = kt_file_write(log->calls, log->fd, marks, both, log->file_size, &error);
    if (written < both) {
        log->torn = log->calls->truncate(log->fd, log->file_size) != 0;
        return kt_logger_fail_io(log, "cannot write the event file", log->file_path, error);
    }
    log->file_size += (int64_t)both;
    return log->sync ? kt_logger_sync_file(log) : KT_OK;
}

/* What the log remembered of steps and limits belongs to what is forgotten. */
static void resume_tags(kt_events *log, int64_t step)
{
    const kt_tag_table *table = kt_tags_table(&log->tags);
    for (size_t i = 0; table && i < table->capacity; i++) {
        kt_tag *tag = kt_tags_at(table, i);
        if (!tag) continue;
        if (tag->last_step >= step) tag->begun = false;
        tag->gate_state = (kt_gate_state){ 0 };
    }
}

kt_status kt_events_resume_from(kt_events *log, int64_t step)
{
    kt_status status = kt_events_flush(log);
    if (status != KT_OK) return status;
    double now = kt_events_now(log);
    pthread_mutex_lock(&log->disk);
    status = resume_begin_file(log);
    if (status == KT_OK) status = resume_write_marks(log, step, now);
    pthread_mutex_unlock(&log->disk);
    if (status != KT_OK) return status;

    kt_lock_take(&log->lock);
    resume_tags(log, step);
    kt_lock_give(&log->lock);
    return KT_OK;
}
