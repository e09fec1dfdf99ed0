/* SPDX-License-Identifier: MIT */
/* summary/reader/records.c: records as they stand in a file, and the values in them: for tools that copy logs.
 *
 * Damage is passed over without a word: it has been reported when the log was opened.
 */
#include "summary/reader/curve.h"
#include "summary/reader/load.h"

kt_status kt_logdir_record_at(kt_logdir *log, int64_t file, int64_t offset, kt_logdir_record *record)
{
    if (record) *record = (kt_logdir_record){ .file = file };
    if (!log || !record) return KT_ERR_STATE;
    if (file < 0 || file >= (int64_t)log->file_count || offset < 0)
        return kt_logdir_fail(log, KT_ERR_VALUE,
                              "kt_logdir_record_at: expected a file from 0 to %lld and an offset, got %lld and %lld",
                              (long long)log->file_count - 1, (long long)file, (long long)offset);
    kt_source *source = log->files[file];
    if (source->irregular || offset >= (source->packed ? source->unpacked : source->size)) return KT_OK;
    kt_status status = kt_logdir_window_on(log, source);
    if (status != KT_OK) return status;
    const unsigned char *payload;
    uint64_t n;
    kt_frame frame = kt_frame_at(&log->window, offset, &payload, &n);
    if (frame == KT_FRAME_DATA) { /* its length leads to the next one, as in load.c */
        int64_t next = kt_frame_behind(&log->window, offset, n);
        if (next >= 0) frame = kt_frame_at(&log->window, offset = next, &payload, &n);
    }
    while (frame != KT_FRAME_SOUND && frame != KT_FRAME_END && frame != KT_FRAME_UNREAD) {
        int64_t resume;
        offset = kt_frame_search(&log->window, offset + 1, &resume);
        if (offset < 0) return KT_OK;
        frame = kt_frame_at(&log->window, offset, &payload, &n);
    }
    if (frame == KT_FRAME_END) return KT_OK;
    if (frame == KT_FRAME_UNREAD) {
        bool refused = log->window.refused;
        log->window.refused = false;
        return kt_logdir_fail(log, refused ? KT_ERR_MEMORY : KT_ERR_IO, "%s: %s", source->shown.path,
                              refused ? "there is no memory for a record" : "cannot be read");
    }
    kt_event_view event;
    kt_value_view view;
    bool broken = false;
    kt_blob value;
    record->offset = offset;
    record->next = offset + (int64_t)n + KT_RECORD_FRAME;
    record->frame = (kt_blob){ payload - KT_RECORD_HEAD, (size_t)n + KT_RECORD_FRAME };
    record->event = (kt_blob){ payload, (size_t)n };
    record->broken = !kt_event_parse(payload, (size_t)n, &event);
    if (record->broken) return KT_OK;
    record->wall_time = event.wall_time;
    record->step = event.step;
    kt_values values = kt_values_of(&event);
    if (event.what == KT_EVENT_SUMMARY)
        for (; !broken && kt_values_next(&values, &value, &broken); record->values++)
            broken = !kt_value_parse(value, &view); /* as in load.c: nothing is used of such a record */
    if (event.what == KT_EVENT_TAGGED_METADATA) broken = !kt_tagged_metadata(event.pieces, &value, &value);
    if (broken) record->values = 0;
    record->broken = broken;
    return KT_OK;
}

kt_status kt_logdir_record_value_at(kt_logdir *log, const kt_logdir_record *record, int64_t i,
                                    kt_logdir_record_value *value)
{
    if (value) *value = (kt_logdir_record_value){ 0 };
    if (!log || !record || !value) return KT_ERR_STATE;
    kt_event_view event;
    kt_value_view view;
    kt_blob bytes;
    bool broken = false;
    if (i < 0 || i >= record->values || !kt_event_parse(record->event.bytes, record->event.size, &event))
        return kt_logdir_fail(log, KT_ERR_VALUE, "kt_logdir_record_value_at: expected a value from 0 to %lld, got %lld",
                              (long long)record->values - 1, (long long)i);
    if (log->asked_event != record->event.bytes ||
        i < log->asked_count) { /* one after the other they cost nothing twice */
        log->asked = kt_values_of(&event);
        log->asked_count = 0;
        log->asked_event = record->event.bytes;
    }
    for (; log->asked_count <= i; log->asked_count++)
        if (!kt_values_next(&log->asked, &bytes, &broken)) return KT_ERR_FORMAT;
    value->bytes = bytes;
    if (!kt_value_parse(bytes, &view)) return KT_OK;
    value->tag = view.tag;
    if (record->file < 0 || record->file >= (int64_t)log->file_count) return KT_OK;
    kt_curve *curve = kt_curve_look(log->files[record->file]->run, view.tag);
    if (curve && curve->shown.count > 0 && kt_curve_fits(curve, &view)) value->series = &curve->shown;
    return KT_OK;
}
