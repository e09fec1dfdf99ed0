/* SPDX-License-Identifier: MIT */
/* summary/reader/curve.h: the tags of a run and the points under them.
 *
 * The first value of a tag says what the tag is: its plugin, its description, whether its points are scalars. What
 * comes later under the same tag and is something else is left out and marks the series as mixed, as TensorBoard's own
 * reader does it.
 *
 * Reading scalars fast. Programs log the same tags in the same order, step after step; records of one tag then differ
 * in time, step and value alone. So a curve keeps the bytes of its last summary (its pattern) and which curve came
 * next: a record is compared with the pattern of the expected curve, and when all other bytes are the same, it has been
 * read: no field is parsed and no name looked up. Whatever differs goes the long way and makes a new pattern.
 */
#ifndef KERATIN_SUMMARY_READER_CURVE_H
#define KERATIN_SUMMARY_READER_CURVE_H

#include "summary/reader/logdir.h"

typedef struct kt_point {
    double wall_time;
    int64_t step;
    kt_place place;
} kt_point;

/* One value of a summary. *trouble: KT_TROUBLE_COUNT, or what there is to say about it (once per tag where it can
 * repeat). KT_ERR_MEMORY: refused, by the host or by the limit. `suffix`: the end of the
 * payload from the summary's key on, if this value is all there is in it; else size 0. */
kt_status kt_curve_take(kt_run *run, const kt_value_view *value, const kt_point *point, kt_blob suffix,
                        kt_trouble_code *trouble);

/* Bytes of an event's own field: a graph, run metadata. */
kt_status kt_curve_take_event(kt_run *run, const kt_event_view *event, const kt_point *point, kt_trouble_code *trouble);

/* The tag as it is shown, NULL if there is none such. */
kt_curve *kt_curve_find(const kt_run *run, const char *tag, size_t n);

/* The same by the tag as it is written, clean or not. */
kt_curve *kt_curve_look(kt_run *run, kt_blob tag);

/* Whether a value belongs to the tag it stands under. */
bool kt_curve_fits(const kt_curve *curve, const kt_value_view *value);

/* Makes room for at least one more point; loads what lies in the index. */
bool kt_curve_grow(kt_curve *curve);

/* A curve of this run with an empty list of points; used by the index, too. NULL: memory. */
kt_curve *kt_curve_new(kt_run *run, kt_blob tag, kt_blob plugin, unsigned first);
const char *kt_curve_text(kt_run *run, kt_blob text, bool *repaired);

/* Forgets all points. */
void kt_run_clear(kt_run *run);

/* Puts arrays of `room` points under the curve; its old ones must be gone. */
bool kt_curve_columns(kt_curve *curve, int64_t room);
void kt_curve_release(kt_curve *curve);
/* Gives back room that is not used. */
void kt_curve_trim(kt_curve *curve);

/* What a new step does to what is there: counts restarts; forgets what they make void. */
static inline void kt_curve_restart(kt_curve *curve, int64_t step)
{
    curve->shown.restarts++;
    while (curve->run->forget && curve->shown.count > 0 && curve->shown.steps[curve->shown.count - 1] >= step)
        curve->shown.count--;
}

static inline bool kt_curve_push(kt_curve *curve, double wall_time, int64_t step, float value)
{
    if (curve->shown.count >= curve->room && !kt_curve_grow(curve)) return false;
    if (curve->shown.count > 0 && step <= curve->shown.steps[curve->shown.count - 1]) kt_curve_restart(curve, step);
    int64_t n = curve->shown.count++;
    ((int64_t *)curve->shown.steps)[n] = step;
    ((double *)curve->shown.wall_times)[n] = wall_time;
    ((float *)curve->shown.values)[n] = value;
    curve->run->added++;
    return true;
}

/* The long way around can be spared: true when the payload was read. */
static inline bool kt_curve_match(kt_run *run, const unsigned char *payload, size_t n, bool *full)
{
    kt_curve *curve = run->last ? run->last->next : NULL;
    if (!curve || n < (size_t)curve->pattern_size + 9 || curve->pattern_size == 0 || payload[0] != 9) return false;
    const unsigned char *end = payload + n - curve->pattern_size, *at = payload + 9;
    uint64_t step = 0;
    if (at < end) { /* a step in its shortest form, or the long way */
        if (*at++ != 16 || end - at > 10) return false;
        for (unsigned shift = 0; at < end; shift += 7) {
            unsigned char byte = *at++;
            step |= (uint64_t)(byte & 127) << shift;
            if ((byte < 128) != (at == end)) return false;
        }
    }
    size_t value = curve->pattern_value;
    if (memcmp(end, curve->pattern, value) != 0 ||
        memcmp(end + value + 4, curve->pattern + value + 4, curve->pattern_size - value - 4) != 0)
        return false;
    run->last = curve;
    *full = !kt_curve_push(curve, kt_read_double(payload + 1), (int64_t)step, kt_read_float(end + value));
    return true;
}

#endif
