/* SPDX-License-Identifier: MIT */
/* doctor_series.c: what is wrong with the points: steps, clock, values, kinds.
 *
 * The rules are TensorBoard's default reader's: a point whose step is not above the one before removes all points of
 * its tag from that step on; a wall time that is NaN ends the file; a scalar that is no single float32 is dropped.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copy.h"
#include "doctor.h"

/* A session that says that it goes on from a step: points from there on are meant to be replaced. */
typedef struct mark {
    int64_t file, step;
} mark;

enum { MOST_MARKS = 1000 };

/* What the series have in common is told in one sentence for all of them. */
typedef struct ailments {
    doctor_names constant, falls, resumed, repeats, gaps;
    doctor_names future, past, not_a_time, turned_back;
    doctor_names never_finite, no_longer_finite, mixed, not_float32, not_utf8;
    long long constant_step, fall_from, fall_to, fall_lost, gap_from, gap_to, first_bad;
    int64_t most_scalars, most_images, plain; /* plain: series that make a chart, a picture, a text... */
    doctor_names sampled;
    mark marks[MOST_MARKS];
    int mark_count;
    double now;
} ailments;

/* Plugins of which a run has one value, at whatever step. */
static bool is_about_the_run(const kt_series *s)
{
    return strncmp(s->plugin, "graph", 5) == 0 || strcmp(s->plugin, "hparams") == 0 ||
           strcmp(s->plugin, "custom_scalars") == 0;
}

/* From which step on a run may go back: the least that a mark of it names. */
static int64_t least_mark(const doctor *d, const ailments *a, const char *run)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < a->mark_count; i++)
        if (a->marks[i].step < least && strcmp(kt_logdir_file_at(d->log, a->marks[i].file)->run, run) == 0)
            least = a->marks[i].step;
    return least;
}

static void look_at_steps(const doctor *d, ailments *a, const kt_series *s)
{
    if (s->count < 2 || is_about_the_run(s)) return;
    int64_t falls = 0, resumed = 0, equal = 0, marked = least_mark(d, a, s->run);
    long long from = 0, to = 0, lost = 0;
    for (int64_t i = 1; i < s->count; i++) {
        int64_t step = s->steps[i];
        if (step > s->steps[i - 1]) continue;
        if (step >= marked) resumed++;
        else if (step == s->steps[i - 1]) equal++;
        else if (falls++ == 0) {
            from = (long long)s->steps[i - 1];
            to = (long long)step;
            for (int64_t k = 0; k < i; k++) lost += s->steps[k] >= step;
        }
    }
    if (resumed > 0 && falls == 0) doctor_name(&a->resumed, s->run, s->tag);
    if (equal == s->count - 1) {
        if (a->constant.count == 0) a->constant_step = (long long)s->steps[0];
        doctor_name(&a->constant, s->run, s->tag);
    } else if (falls > 0) {
        if (a->falls.count == 0) a->fall_from = from, a->fall_to = to, a->fall_lost = lost;
        doctor_name(&a->falls, s->run, s->tag);
    } else if (equal > 0) doctor_name(&a->repeats, s->run, s->tag);
}

/* A gap is an interval much longer than both its neighbours: steps that are spaced wider and wider have none. */
static void look_for_gaps(ailments *a, const kt_series *s)
{
    if (s->count < 10 || s->restarts > 0 || is_about_the_run(s)) return;
    for (int64_t i = 2; i + 1 < s->count; i++) {
        double before = (double)s->steps[i - 1] - (double)s->steps[i - 2];
        double here = (double)s->steps[i] - (double)s->steps[i - 1],
               after = (double)s->steps[i + 1] - (double)s->steps[i];
        if (here <= 20 * before || here <= 20 * after) continue;
        if (a->gaps.count == 0) a->gap_from = (long long)s->steps[i - 1], a->gap_to = (long long)s->steps[i];
        doctor_name(&a->gaps, s->run, s->tag);
        return;
    }
}

static void look_at_clock(ailments *a, const kt_series *s)
{
    enum { HOUR = 3600, MINUTE = 60 };
    const double year_2000 = 946684800.0;
    bool future = false, past = false, bad = false, back = false;
    for (int64_t i = 0; i < s->count; i++) {
        double t = s->wall_times[i];
        if (!isfinite(t)) {
            bad = true;
            continue;
        }
        future |= t > a->now + HOUR;
        past |= t < year_2000;
        back |= i > 0 && t < s->wall_times[i - 1] - MINUTE && s->steps[i] > s->steps[i - 1];
    }
    if (bad) doctor_name(&a->not_a_time, s->run, s->tag);
    if (future) doctor_name(&a->future, s->run, s->tag);
    if (past) doctor_name(&a->past, s->run, s->tag);
    else if (back) doctor_name(&a->turned_back, s->run, s->tag);
}

static void look_at_values(ailments *a, const kt_series *s)
{
    if (s->mixed) doctor_name(&a->mixed, s->run, s->tag);
    if (!events_is_scalar(s) || s->count == 0) return;
    int64_t bad = s->count;
    while (bad > 0 && !isfinite(s->values[bad - 1])) bad--;
    if (bad == 0) doctor_name(&a->never_finite, s->run, s->tag);
    else if (bad < s->count) {
        if (a->no_longer_finite.count == 0) a->first_bad = (long long)s->steps[bad];
        doctor_name(&a->no_longer_finite, s->run, s->tag);
    }
}

static void look_at_number(ailments *a, const kt_series *s)
{
    if (!is_about_the_run(s)) a->plain++;
    bool scalars = strcmp(s->plugin, "scalars") == 0, images = strcmp(s->plugin, "images") == 0;
    if ((scalars && s->count > 1000) || (images && s->count > 10)) doctor_name(&a->sampled, s->run, s->tag);
    if (scalars && s->count > a->most_scalars) a->most_scalars = s->count;
    if (images && s->count > a->most_images) a->most_images = s->count;
}

/* A field of a message whose value is a message itself; empty when there is none. */
static kt_blob message_in(kt_blob message, uint64_t number)
{
    events_field field;
    while (events_next_field(&message, &field))
        if (field.number == number) return field.bytes;
    return (kt_blob){ NULL, 0 };
}

/* Whether TensorBoard drops a scalar: a tensor that is no single float32 without dimensions. */
static bool is_dropped(kt_blob value)
{
    enum { TENSOR = 8, DTYPE = 1, SHAPE = 2, FLOAT32 = 1 };
    kt_blob tensor = message_in(value, TENSOR);
    bool other = tensor.size > 0;
    events_field field;
    for (kt_blob rest = tensor; events_next_field(&rest, &field);)
        if (field.number == DTYPE) other = field.varint != FLOAT32;
    return other || message_in(tensor, SHAPE).size > 0;
}

static bool is_utf8(kt_blob text)
{
    const char *at = text.bytes;
    for (size_t i = 0; i < text.size;) {
        uint32_t code;
        size_t piece = cli_character(at + i, text.size - i, &code);
        if (code == 0xFFFD && (piece != 3 || memcmp(at + i, "\xEF\xBF\xBD", 3) != 0)) return false;
        i += piece;
    }
    return true;
}

/* What stands in the files and not in the reader's numbers: the form of tags and scalars, marks of sessions. A writer
 * has one form and marks come first, so the beginning of each file is enough. */
static void look_at_forms(doctor *d, ailments *a)
{
    enum { MOST_RECORDS = 1000 };
    for (int64_t i = 0; i < kt_logdir_files(d->log); i++) {
        events_walk walk = { .log = d->log, .file = i };
        for (int k = 0; k < MOST_RECORDS && events_next(&walk) > 0; k++) {
            if (events_sort_of(&walk.record).restart && a->mark_count < MOST_MARKS)
                a->marks[a->mark_count++] = (mark){ i, walk.record.step };
            for (int64_t n = 0; n < walk.record.values; n++) {
                kt_logdir_record_value value = { 0 };
                if (kt_logdir_record_value_at(d->log, &walk.record, n, &value) != KT_OK || !value.series) continue;
                const kt_series *s = value.series;
                bool begins =
                    s->count > 0 && walk.record.step == s->steps[0] && walk.record.wall_time == s->wall_times[0];
                if (!begins) continue; /* one point tells of all */
                if (events_is_scalar(s) && !s->mixed && is_dropped(value.bytes))
                    doctor_name(&a->not_float32, s->run, s->tag);
                if (!is_utf8(value.tag)) doctor_name(&a->not_utf8, s->run, s->tag);
            }
        }
    }
}

/* ---- sentences ---- */

static void say_steps(doctor *d, ailments *a)
{
    if (a->constant.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Hand the step of the training to each call that logs, and let it rise.",
                    "All points of %s have one step (%lld): TensorBoard shows only the last of them.",
                    doctor_list(&a->constant), a->constant_step);
    if (a->falls.count > 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Log each training into a folder of its own; a training that is resumed goes on counting its "
                    "steps.",
                    "Steps fall back in %s: in the first from %lld to %lld, where TensorBoard forgets %lld points "
                    "that it had.",
                    doctor_list(&a->falls), a->fall_from, a->fall_to, a->fall_lost);
    if (a->resumed.count > 0)
        doctor_says(d, DOCTOR_NOTE, "Nothing needs to be done.",
                    "A training was resumed, and later points replace earlier ones of the same steps in %s.",
                    doctor_list(&a->resumed));
    if (a->repeats.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Log each tag once for each step.",
                    "Steps are used twice in %s: TensorBoard shows the later point.", doctor_list(&a->repeats));
    if (a->gaps.count > 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Look what the program did then: a paused log, points that were lost, or a step that was counted "
                    "otherwise.",
                    "There is a gap in the steps of %s: in the first from %lld to %lld.", doctor_list(&a->gaps),
                    a->gap_from, a->gap_to);
}

static void say_clock(doctor *d, ailments *a)
{
    if (a->not_a_time.count > 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Repair the clock of the program that logs; what stands in the files can be seen with keratin "
                    "events dump.",
                    "Wall times in %s are no numbers: TensorBoard stops reading the file at the first.",
                    doctor_list(&a->not_a_time));
    if (a->future.count > 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Set the clock of one of the two machines; charts over steps are right all the same.",
                    "Wall times in %s lie in the future of this machine's clock: the axes of time and the order of "
                    "runs are wrong.",
                    doctor_list(&a->future));
    if (a->past.count > 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Give the log seconds since 1970, not since the start; charts over steps are right all the same.",
                    "Wall times in %s lie before the year 2000: the axes of time and the order of runs are wrong.",
                    doctor_list(&a->past));
    if (a->turned_back.count > 0)
        doctor_says(d, DOCTOR_NOTE, "Look at charts over steps, not over time.",
                    "The clock was turned back while %s was logged.", doctor_list(&a->turned_back));
}

static void say_values(doctor *d, ailments *a)
{
    if (a->never_finite.count > 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Look at the inputs and the learning rate: TensorBoard draws no line for such values.",
                    "No value of %s is finite.", doctor_list(&a->never_finite));
    if (a->no_longer_finite.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Look at what happened at that step: TensorBoard draws no line from there on.",
                    "Values of %s are no longer finite at their end: in the first from step %lld on.",
                    doctor_list(&a->no_longer_finite), a->first_bad);
    if (a->mixed.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Log the second kind under another tag.",
                    "One tag is used for two kinds of values, of which TensorBoard shows the first only: %s.",
                    doctor_list(&a->mixed));
    if (a->not_utf8.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Give tags as UTF-8.",
                    "Tags are not UTF-8, and TensorBoard's default reader stops reading the file at the first of "
                    "them; they are shown repaired here: %s.",
                    doctor_list(&a->not_utf8));
    if (a->not_float32.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Write scalars as a single float32 without dimensions.",
                    "TensorBoard drops the scalars of %s, because they are not one float32 each.",
                    doctor_list(&a->not_float32));
}

static void say_numbers(doctor *d, ailments *a)
{
    int64_t series = kt_logdir_series_count(d->log);
    if (series > 0 && a->plain == 0)
        doctor_says(d, DOCTOR_WRONG, "Log scalars; with Keras, let fit finish at least one epoch.",
                    "There are only graphs, hparams or layouts (%lld): charts stay empty.", (long long)series);
    if (a->sampled.count == 0) return;
    char advice[200], scalars[40] = "", images[40] = "";
    if (a->most_scalars > 1000) snprintf(scalars, sizeof scalars, "scalars=%lld", (long long)a->most_scalars);
    if (a->most_images > 10)
        snprintf(images, sizeof images, "%simages=%lld", *scalars ? "," : "", (long long)a->most_images);
    snprintf(advice, sizeof advice, "To see all: tensorboard --samples_per_plugin %s%s", scalars, images);
    doctor_says(d, DOCTOR_NOTE, advice,
                "TensorBoard shows a sample of 1,000 points or 10 images of each tag; more are in %s.",
                doctor_list(&a->sampled));
}

void doctor_series(doctor *d)
{
    ailments *a = calloc(1, sizeof *a); /* its lists of names are some kilobytes */
    if (!a) return;
    a->now = (double)time(NULL);
    look_at_forms(d, a);
    for (int64_t i = 0; i < kt_logdir_series_count(d->log); i++) {
        const kt_series *s = kt_logdir_series(d->log, i);
        look_at_steps(d, a, s);
        look_for_gaps(a, s);
        look_at_clock(a, s);
        look_at_values(a, s);
        look_at_number(a, s);
    }
    say_steps(d, a);
    say_clock(d, a);
    say_values(d, a);
    say_numbers(d, a);
    free(a);
}
