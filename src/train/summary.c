/* SPDX-License-Identifier: MIT */
/* train/summary.c: the bridge between tensors and the event writer; see summary.h.
 *
 * A summary is an observation of the graph: when its value is known it is delivered here and written. Histograms are
 * counted in the plan, as an op, so only 30 rows travel. A log that cannot be written never stops anything: the
 * writer counts what it drops.
 */
#include "train/summary.h"

#include <string.h>

#include <keratin/ops.h>

#include "graph/record.h"
#include "ops/ops.h"

struct kt_writer {
    kt_object object;
    kt_context *kt;
    kt_events *events;
};

enum { MAX_TAG = 1024 };

/* ---- the outlet ---- */

static void outlet_release(kt_context *kt, kt_object *object)
{
    kt->summary = NULL;
    kt_give(kt, object);
}

kt_outlet *kt_outlet_of(kt_context *kt)
{
    if (kt->summary) return kt->summary;
    kt_outlet *outlet = kt_take_zeroed(kt, 1, sizeof *outlet);
    if (!outlet) return NULL;
    outlet->kt = kt;
    kt_own(kt, &outlet->object, outlet_release);
    return kt->summary = outlet;
}

bool kt_outlet_looks(const kt_context *kt)
{
    const kt_outlet *outlet = kt->summary;
    return outlet && outlet->open && outlet->events;
}

kt_outlet_state kt_outlet_record(kt_context *kt, bool summaries)
{
    kt_outlet *outlet = kt->summary;
    if (!outlet) return (kt_outlet_state){ false, false, 0 };
    kt_outlet_state before = { outlet->open, outlet->replayed, outlet->named };
    outlet->open = summaries;
    outlet->replayed = true;
    return before;
}

bool kt_outlet_recorded(kt_context *kt, kt_outlet_state before)
{
    kt_outlet *outlet = kt->summary;
    if (!outlet) return true;
    outlet->open = before.open;
    outlet->replayed = before.replayed;
    return outlet->named == before.named;
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

static void deliver_to_writer(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data)
{
    write_value(((const kt_writer *)user)->events, tag, step, desc, data);
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

static void name_summary(const char *name, kt_tensor *x, bool histogram)
{
    kt_context *kt = kt_context_of(x);
    kt_outlet *outlet = kt ? kt->summary : NULL;
    if (!outlet || kt->status != KT_OK) return;
    outlet->named++;
    if (!outlet->open || kt->symbolic) return;
    char tag[MAX_TAG + 1];
    kt_text text = kt_text_in(tag, sizeof tag);
    kt_text_add(&text, kt->frame.path[0] ? "%s/%s" : "%s%s", kt->frame.path, name && name[0] ? name : "summary");
    kt_tensor *value = histogram ? kt_histogram(x) : as_scalar(x, "summary_scalar");
    if (outlet->replayed) kt_observe(value, deliver_to_outlet, outlet, tag, outlet->step);
    else if (outlet->writer) kt_observe(value, deliver_to_writer, outlet->writer, tag, outlet->step);
}

void kt_summary_scalar(const char *name, kt_tensor *x)
{
    name_summary(name, x, false);
}

void kt_summary_histogram(const char *name, kt_tensor *x)
{
    name_summary(name, x, true);
}

/* ---- files ---- */

static void *events_allocate(size_t bytes, void *user) { return kt_heap_take(&((kt_context *)user)->heap, bytes); }
static void *events_resize(void *old, size_t bytes, void *user)
{
    return kt_heap_resize(&((kt_context *)user)->heap, old, bytes);
}
static void events_release(void *block, void *user) { kt_heap_give(&((kt_context *)user)->heap, block); }

kt_events *kt_events_for(kt_context *kt, const char *logdir, kt_events_error *error)
{
    memset(error, 0, sizeof *error);
    return kt_events_open(logdir, .allocator = { events_allocate, events_resize, events_release, kt }, .error = error);
}

/* ---- hand-written loops ---- */

static void writer_end(kt_writer *writer)
{
    kt_outlet *outlet = writer->kt->summary;
    if (outlet && outlet->writer == writer) {
        outlet->writer = NULL;
        outlet->open = false;
    }
    kt_give(writer->kt, writer);
}

static void writer_release(kt_context *kt, kt_object *object)
{
    (void)kt;
    kt_writer *writer = (kt_writer *)object;
    kt_events_close(writer->events);
    writer_end(writer);
}

kt_writer *kt_file_writer(kt_context *kt, const char *logdir)
{
    if (!kt || kt->status != KT_OK) return NULL;
    if (!logdir || !logdir[0]) {
        kt_fail(kt, KT_ERR_VALUE, "file_writer: expected a directory such as \"logs\", got %s",
                logdir ? "\"\"" : "NULL");
        return NULL;
    }
    kt_writer *writer = kt_take_zeroed(kt, 1, sizeof *writer);
    if (!writer) return NULL;
    kt_events_error error;
    writer->kt = kt;
    writer->events = kt_events_for(kt, logdir, &error);
    if (!writer->events) {
        kt_give(kt, writer);
        kt_fail(kt, error.status ? error.status : KT_ERR_IO, "file_writer: %s", error.message);
        return NULL;
    }
    kt_own(kt, &writer->object, writer_release);
    return writer;
}

static kt_status write_tensor(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step, bool histogram)
{
    if (!writer) return KT_ERR_VALUE;
    kt_context *kt = writer->kt;
    if (kt->status != KT_OK || !value) return kt->status;
    if (!tag || !tag[0])
        return kt_fail(kt, KT_ERR_VALUE, "write: expected a tag such as \"loss\", got %s", tag ? "\"\"" : "NULL");
    if (kt_context_of(value) != kt)
        return kt_fail(kt, KT_ERR_VALUE, "write: expected a tensor of the writer's context, got one of another for tag '%s'; read it with "
                       "kt_item and use kt_write_number", tag);
    kt_tensor *small = histogram ? kt_histogram(value) : as_scalar(value, "write_scalar");
    return small ? kt_observe(small, deliver_to_writer, writer, tag, step) : kt->status;
}

kt_status kt_write_scalar(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step)
{
    return write_tensor(writer, tag, value, step, false);
}

kt_status kt_write_histogram(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step)
{
    return write_tensor(writer, tag, value, step, true);
}

kt_status kt_write_number(kt_writer *writer, const char *tag, double value, int64_t step)
{
    if (!writer) return KT_ERR_VALUE;
    if (writer->kt->status != KT_OK) return writer->kt->status;
    if (!tag || !tag[0])
        return kt_fail(writer->kt, KT_ERR_VALUE, "write_number: expected a tag such as \"loss\", got %s",
                       tag ? "\"\"" : "NULL");
    kt_events_scalar(writer->events, tag, value, step); /* a full disk is counted, not an error */
    return KT_OK;
}

kt_status kt_summaries_to(kt_context *kt, kt_writer *writer, int64_t step)
{
    if (!kt) return KT_ERR_VALUE;
    if (kt->status != KT_OK) return kt->status;
    if (!writer && !kt->summary) return KT_OK;
    if (writer && writer->kt != kt)
        return kt_fail(kt, KT_ERR_VALUE, "summaries_to: expected a writer of this context, got one of another; make one with kt_file_writer");
    kt_outlet *outlet = kt_outlet_of(kt);
    if (!outlet) return kt->status;
    outlet->writer = writer;
    outlet->step = step;
    outlet->replayed = false;
    outlet->open = writer != NULL;
    return KT_OK;
}

kt_status kt_writer_flush(kt_writer *writer)
{
    return writer ? kt_events_flush(writer->events) : KT_ERR_VALUE;
}

uint64_t kt_writer_dropped(const kt_writer *writer)
{
    return writer ? (uint64_t)kt_events_dropped(writer->events) : 0;
}

kt_status kt_writer_close(kt_writer *writer)
{
    if (!writer) return KT_OK;
    kt_context *kt = writer->kt;
    kt_status status = kt->status == KT_OK ? kt_flush(kt) : kt->status; /* what is pending may still be written */
    kt_status closed = kt_events_close(writer->events);
    kt_disown(&writer->object);
    writer_end(writer);
    return status == KT_OK ? closed : status;
}
