/* SPDX-License-Identifier: MIT */
/* train/summary.c: the bridge between tensors and the event writer; see summary.h.
 *
 * A summary is an observation of the graph: when its value is known it is delivered here and written. Histograms are
 * counted in the plan, as an op, so only 30 rows travel; of pictures and clips only those that will be written do. A
 * log that cannot be written never stops anything: the writer counts what it drops.
 *
 * How a picture is written does not fit into an observation, which carries one pointer: it is kept in a short list of
 * distinct ways (kt_media), which lasts as long as the outlet. Texts have no tensor: where a step is recorded to be
 * replayed, a constant is observed in their stead.
 */
#include "train/watch.h"

#include <string.h>

#include <keratin/ops.h>

#include "graph/record.h"
#include "ops/ops.h"

struct kt_media {
    kt_media *next;
    kt_outlet *outlet;
    kt_writer *writer; /* NULL: the outlet's run */
    const char *text;  /* interned; NULL: pictures or clips */
    kt_image_scaling scaling;
    bool scale_each;
    int64_t columns, max_outputs, rate; /* rate 0: pictures */
};

enum { DEFAULT_OUTPUTS = 3 };

/* ---- the outlet ---- */

static void outlet_release(kt_context *kt, kt_object *object)
{
    kt_outlet *outlet = (kt_outlet *)object;
    for (kt_media *m = outlet->media; m;) {
        kt_media *next = m->next;
        kt_give(kt, m);
        m = next;
    }
    kt_nn *nn = kt->nn;
    if (nn && nn->watch == &outlet->hooks) nn->watch = NULL;
    kt->summary = NULL;
    kt_give(kt, outlet->given);
    kt_give(kt, outlet);
}

kt_outlet *kt_outlet_of(kt_context *kt)
{
    if (kt->summary) return kt->summary;
    if (!kt_nn_of(kt)) return NULL; /* made first, so that it dies after the outlet */
    kt_outlet *outlet = kt_take_zeroed(kt, 1, sizeof *outlet);
    if (!outlet) return NULL;
    outlet->kt = kt;
    outlet->hooks = kt_watch_hooks(outlet);
    kt_own(kt, &outlet->object, outlet_release);
    return kt->summary = outlet;
}

unsigned kt_outlet_looks(const kt_context *kt)
{
    const kt_outlet *outlet = kt->summary;
    if (!outlet) return 0;
    return outlet->watch | (outlet->open && outlet->events ? (unsigned)KT_LOOK_LAYERS : 0);
}

kt_outlet_state kt_outlet_record(kt_context *kt, unsigned looks, bool capture)
{
    kt_outlet *outlet = kt->summary;
    if (!outlet) return (kt_outlet_state){ .named = 0 };
    kt_outlet_state before = { outlet->open, outlet->replayed, outlet->capturing, outlet->active, outlet->named };
    outlet->open = looks & KT_LOOK_LAYERS;
    outlet->replayed = true;
    outlet->capturing = capture;
    outlet->active = looks & KT_LOOK_WATCH;
    outlet->shown = NULL;
    ((kt_nn *)kt->nn)->watch = outlet->active ? &outlet->hooks : NULL;
    return before;
}

bool kt_outlet_recorded(kt_context *kt, kt_outlet_state before)
{
    kt_outlet *outlet = kt->summary;
    if (!outlet) return true;
    outlet->open = before.open;
    outlet->replayed = before.replayed;
    outlet->capturing = before.capturing;
    outlet->active = before.active;
    outlet->place = NULL;
    ((kt_nn *)kt->nn)->watch = outlet->active ? &outlet->hooks : NULL;
    return outlet->named == before.named;
}

/* ---- tags ---- */

static void begin_tags(kt_outlet *outlet)
{
    outlet->n_given = 0;
    outlet->given_step = outlet->kt->random_step;
    outlet->given_captures = outlet->kt->captures;
}

void kt_outlet_tag(kt_outlet *outlet, kt_text *tag)
{
    kt_context *kt = outlet->kt;
    if (outlet->given_step != kt->random_step || outlet->given_captures != kt->captures) begin_tags(outlet);
    uint64_t hash = kt_hash_bytes(tag->at, tag->length, 0);
    size_t i = 0;
    while (i < outlet->n_given && outlet->given[i].hash != hash) i++;
    if (i < outlet->n_given) {
        kt_text_add(tag, "_%u", (unsigned)outlet->given[i].times++);
        return;
    }
    if (!kt_grow(&kt->heap, &outlet->given, &outlet->given_capacity, i + 1, sizeof *outlet->given)) return;
    outlet->given[i] = (kt_tag_given){ hash, 1 };
    outlet->n_given++;
}

/* "path/name", and whether somebody wants it. */
static bool tag_of(kt_outlet *outlet, const char *name, char *buffer, kt_text *tag)
{
    const kt_context *kt = outlet->kt;
    outlet->named++;
    if (!outlet->open || kt->symbolic) return false;
    const char *place = kt->frame.path[0] ? kt->frame.path : outlet->place ? outlet->place : "";
    *tag = kt_text_in(buffer, KT_MAX_TAG + 1);
    kt_text_add(tag, place[0] ? "%s/%s" : "%s%s", place, name && name[0] ? name : "summary");
    kt_outlet_tag(outlet, tag);
    return outlet->replayed || outlet->writer;
}

/* ---- deliveries ---- */

static double number(const kt_desc *desc, const void *data)
{
    switch (desc->dtype) {
    case KT_FLOAT32: return (double)*(const float *)data;
    case KT_FLOAT64: return *(const double *)data;
    case KT_INT32: return (double)*(const int32_t *)data;
    case KT_INT64: return (double)*(const int64_t *)data;
    default: return (double)*(const uint8_t *)data;
    }
}

static void write_value(kt_events *events, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    if (!events) return;
    if (desc->rank == 2) kt_events_histogram_buckets(events, tag, data, desc->dim[0], step);
    else kt_events_scalar(events, tag, number(desc, data), step);
}

static void deliver_to_outlet(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    const kt_outlet *outlet = user;
    (void)step; /* of the recording; the outlet knows the current one */
    write_value(outlet->events, tag, outlet->step, desc, data);
}

static void deliver_watched(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    const kt_outlet *outlet = user;
    (void)step;
    write_value(outlet->events, tag, outlet->watch_step, desc, data);
}

static void deliver_to_writer(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    write_value(((const kt_writer *)user)->events, tag, step, desc, data);
}

static void deliver_media(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    const kt_media *m = user;
    kt_events *events = m->writer ? m->writer->events : m->outlet->events;
    if (!events) return;
    if (!m->writer) step = m->outlet->step;
    if (m->text) {
        kt_events_text(events, tag, m->text, step);
    } else if (m->rate) {
        kt_audio audio = { .samples = data,
                           .clips = desc->dim[0],
                           .frames = desc->dim[1],
                           .channels = desc->dim[2],
                           .rate = m->rate,
                           .max_outputs = desc->dim[0] };
        kt_events_audio(events, tag, &audio, step);
    } else {
        kt_images images = { .count = desc->dim[0],
                             .height = desc->dim[1],
                             .width = desc->dim[2],
                             .channels = desc->dim[3],
                             .scaling = m->scaling,
                             .scale_each = m->scale_each,
                             .columns = m->columns,
                             .max_outputs = desc->dim[0] };
        if (desc->dtype == KT_UINT8) images.u8 = data;
        else images.f32 = data;
        kt_events_image(events, tag, &images, step);
    }
}

/* ---- one value ---- */

static kt_status observe(kt_outlet *outlet, kt_writer *writer, const char *tag, kt_tensor *x, int64_t step)
{
    if (!x) return outlet ? outlet->kt->status : writer->kt->status;
    return writer ? kt_observe(x, deliver_to_writer, writer, tag, step)
                  : kt_observe(x, deliver_to_outlet, outlet, tag, step);
}

static kt_tensor *shape_fail(kt_tensor *x, const char *what, const char *expected)
{
    char dims[128];
    kt_text text = kt_text_in(dims, sizeof dims);
    kt_text_desc(&text, kt_desc_of(x));
    kt_fail_at(kt_context_of(x), KT_ERR_SHAPE, what, "expected %s, got shape %s", expected, dims);
    return NULL;
}

/* One element, as rank 0 of its own type. */
static kt_tensor *as_scalar(kt_tensor *x, const char *what)
{
    if (kt_desc_count(kt_desc_of(x)) == 1) return kt_rank(x) ? kt_reshape(x, KT_SCALAR_SHAPE) : x;
    char dims[128];
    kt_text text = kt_text_in(dims, sizeof dims);
    kt_text_desc(&text, kt_desc_of(x));
    kt_fail_at(kt_context_of(x), KT_ERR_SHAPE, what, "expected one element, got shape %s; use kt_mean, or a histogram",
               dims);
    return NULL;
}

kt_status kt_show_scalar(kt_outlet *outlet, kt_writer *writer, const char *tag, kt_tensor *x, int64_t step)
{
    return observe(outlet, writer, tag, x ? as_scalar(x, writer ? "write_scalar" : "summary_scalar") : NULL, step);
}

kt_status kt_show_histogram(kt_outlet *outlet, kt_writer *writer, const char *tag, kt_tensor *x, int64_t step)
{
    return observe(outlet, writer, tag, x ? kt_histogram(x) : NULL, step);
}

void kt_show_watched_scalar(kt_outlet *outlet, const char *tag, kt_tensor *x)
{
    kt_observe(x, deliver_watched, outlet, tag, 0);
}

void kt_show_watched_histogram(kt_outlet *outlet, const char *tag, kt_tensor *x)
{
    kt_observe(kt_histogram(x), deliver_watched, outlet, tag, 0);
}

/* The way `like`, kept. NULL and the context's error when memory is short. */
static kt_media *media_of(kt_outlet *outlet, const kt_media *like)
{
    for (kt_media *m = outlet->media; m; m = m->next)
        if (m->writer == like->writer && m->text == like->text && m->scaling == like->scaling &&
            m->scale_each == like->scale_each && m->columns == like->columns && m->rate == like->rate)
            return m;
    kt_media *m = kt_take_zeroed(outlet->kt, 1, sizeof *m);
    if (!m) return NULL;
    *m = *like;
    m->outlet = outlet;
    m->next = outlet->media;
    return outlet->media = m;
}

/* The first rows of x that will be written, as bytes or float32. */
static kt_tensor *first_rows(kt_tensor *x, int64_t most)
{
    const kt_desc *desc = kt_desc_of(x);
    kt_shape start = { desc->rank, { 0 } }, size = kt_shape_of(desc);
    if (most > 0 && size.dim[0] > most) size.dim[0] = most;
    if (size.dim[0] != desc->dim[0]) x = kt_slice(x, start, size);
    return !x || kt_dtype_of(x) == KT_FLOAT32 || kt_dtype_of(x) == KT_UINT8 ? x : kt_cast(x, KT_FLOAT32);
}

kt_status kt_show_image(kt_outlet *outlet, kt_writer *writer, const char *tag, const kt_image_summary *image,
                        int64_t step)
{
    kt_tensor *x = image->x;
    const char *what = writer ? "write_image" : "summary_image";
    if (!x) return outlet->kt->status;
    const kt_desc *desc = kt_desc_of(x);
    if (desc->rank != 4 || desc->dim[3] < 1 || desc->dim[3] > 4)
        shape_fail(x, what, "pictures (batch, height, width, channels) with 1 to 4 channels; use kt_reshape");
    if (image->max_outputs < 0 || image->columns < 0)
        kt_fail_at(outlet->kt, KT_ERR_VALUE, what, "expected max_outputs and columns of 0 or more, got %lld and %lld",
                   (long long)image->max_outputs, (long long)image->columns);
    if (outlet->kt->status != KT_OK) return outlet->kt->status;
    kt_media *media = media_of(outlet, &(kt_media){ .writer = writer,
                                                    .scaling = image->scaling,
                                                    .scale_each = image->scale_each,
                                                    .columns = image->columns });
    x = first_rows(x, image->max_outputs ? image->max_outputs : image->columns ? 0 : DEFAULT_OUTPUTS);
    return media && x ? kt_observe(x, deliver_media, media, tag, step) : outlet->kt->status;
}

kt_status kt_show_audio(kt_outlet *outlet, kt_writer *writer, const char *tag, kt_tensor *x, int64_t rate,
                        int64_t max_outputs, int64_t step)
{
    const char *what = writer ? "write_audio" : "summary_audio";
    if (!x) return outlet->kt->status;
    if (kt_rank(x) != 3) shape_fail(x, what, "clips (batch, frames, channels); use kt_reshape");
    if (rate < 1 || max_outputs < 0)
        kt_fail_at(outlet->kt, KT_ERR_VALUE, what,
                   "expected a rate of 1 or more samples a second and max_outputs of 0 or "
                   "more, got %lld and %lld",
                   (long long)rate, (long long)max_outputs);
    if (outlet->kt->status != KT_OK) return outlet->kt->status;
    kt_media *media = media_of(outlet, &(kt_media){ .writer = writer, .rate = rate });
    x = first_rows(kt_dtype_of(x) == KT_FLOAT32 ? x : kt_cast(x, KT_FLOAT32),
                   max_outputs ? max_outputs : DEFAULT_OUTPUTS);
    return media && x ? kt_observe(x, deliver_media, media, tag, step) : outlet->kt->status;
}

/* ---- in layers ---- */

/* NULL: nobody has ever looked, or there is nothing to show. */
static kt_outlet *outlet_for(const kt_tensor *x)
{
    const kt_context *kt = kt_context_of(x);
    return kt && kt->status == KT_OK ? kt->summary : NULL;
}

static kt_writer *writer_of(const kt_outlet *outlet) { return outlet->replayed ? NULL : outlet->writer; }

void kt_summary_scalar(const char *name, kt_tensor *x)
{
    char buffer[KT_MAX_TAG + 1];
    kt_text tag;
    kt_outlet *outlet = outlet_for(x);
    if (outlet && tag_of(outlet, name, buffer, &tag))
        kt_show_scalar(outlet, writer_of(outlet), buffer, x, outlet->step);
}

void kt_summary_histogram(const char *name, kt_tensor *x)
{
    char buffer[KT_MAX_TAG + 1];
    kt_text tag;
    kt_outlet *outlet = outlet_for(x);
    if (outlet && tag_of(outlet, name, buffer, &tag))
        kt_show_histogram(outlet, writer_of(outlet), buffer, x, outlet->step);
}

void kt_summary_image_with(const char *name, const kt_image_summary *image)
{
    char buffer[KT_MAX_TAG + 1];
    kt_text tag;
    kt_outlet *outlet = image ? outlet_for(image->x) : NULL;
    if (!outlet || !tag_of(outlet, name, buffer, &tag)) return;
    kt_image_summary whole = { .size = sizeof whole };
    memcpy(&whole, image, image->size && image->size < sizeof whole ? image->size : sizeof whole);
    kt_show_image(outlet, writer_of(outlet), buffer, &whole, outlet->step);
}

void kt_summary_audio(const char *name, kt_tensor *x, int64_t rate, int64_t max_outputs)
{
    char buffer[KT_MAX_TAG + 1];
    kt_text tag;
    kt_outlet *outlet = outlet_for(x);
    if (outlet && tag_of(outlet, name, buffer, &tag))
        kt_show_audio(outlet, writer_of(outlet), buffer, x, rate, max_outputs, outlet->step);
}

void kt_summary_text(kt_context *kt, const char *name, const char *markdown)
{
    char buffer[KT_MAX_TAG + 1];
    kt_text tag;
    kt_outlet *outlet = kt && kt->status == KT_OK && markdown ? kt->summary : NULL;
    if (!outlet || !tag_of(outlet, name, buffer, &tag)) return;
    if (!outlet->capturing) { /* this step and no other */
        kt_events *events = outlet->replayed ? outlet->events : outlet->writer->events;
        kt_events_text(events, buffer, markdown, outlet->step);
        return;
    }
    const char *text = kt_intern(kt, markdown);
    kt_media *media = text ? media_of(outlet, &(kt_media){ .text = text }) : NULL;
    if (media) kt_observe(kt_zeros(kt, KT_FLOAT32, KT_SCALAR_SHAPE), deliver_media, media, buffer, 0);
}

/* ---- files ---- */

static void *events_allocate(size_t bytes, void *user) { return kt_heap_take(&((kt_context *)user)->heap, bytes); }
static void *events_resize(void *old, size_t bytes, void *user)
{
    return kt_heap_resize(&((kt_context *)user)->heap, old, bytes);
}
static void events_release(void *block, void *user) { kt_heap_give(&((kt_context *)user)->heap, block); }

kt_allocator kt_summary_allocator(kt_context *kt)
{
    return (kt_allocator){ events_allocate, events_resize, events_release, kt };
}

kt_events *kt_events_for(kt_context *kt, const char *logdir, kt_events_error *error)
{
    memset(error, 0, sizeof *error);
    return kt_events_open(logdir, .allocator = kt_summary_allocator(kt), .error = error);
}
