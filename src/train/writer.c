/* SPDX-License-Identifier: MIT */
/* train/writer.c: event files of hand-written loops: keratin/writer.h.
 *
 * What is written is observed like a summary in a layer (summary.c) and keeps its writer and step. A writer outlives
 * the pass that used it, since closing runs what is pending first. Errors of the disk are no errors of the context.
 */
#include <string.h>

#include <keratin/ops.h>

#include "graph/record.h"
#include "train/summary.h"

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

/* Can this be written? What there is nothing of is passed over without an error: false and KT_OK. */
static bool ready(kt_writer *writer, const char *call, const char *tag, const kt_tensor *value)
{
    if (!writer || writer->kt->status != KT_OK || !value) return false;
    kt_context *kt = writer->kt;
    if (!tag || !tag[0])
        kt_fail(kt, KT_ERR_VALUE, "%s: expected a tag such as \"loss\", got %s", call, tag ? "\"\"" : "NULL");
    else if (kt_context_of(value) != kt)
        kt_fail(kt, KT_ERR_VALUE,
                "%s: expected a tensor of the writer's context, got one of another for tag '%s'; read it with "
                "kt_item and use kt_write_number",
                call, tag);
    return kt->status == KT_OK;
}

static kt_status status_of(const kt_writer *writer) { return writer ? writer->kt->status : KT_ERR_VALUE; }

kt_status kt_write_scalar(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step)
{
    if (!ready(writer, "write_scalar", tag, value)) return status_of(writer);
    return kt_show_scalar(NULL, writer, tag, value, step);
}

kt_status kt_write_histogram(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step)
{
    if (!ready(writer, "write_histogram", tag, value)) return status_of(writer);
    return kt_show_histogram(NULL, writer, tag, value, step);
}

kt_status kt_write_image_with(kt_writer *writer, const char *tag, const kt_image_summary *image)
{
    kt_image_summary whole = { .size = sizeof whole };
    if (image) memcpy(&whole, image, image->size && image->size < sizeof whole ? image->size : sizeof whole);
    if (!ready(writer, "write_image", tag, whole.x)) return status_of(writer);
    kt_outlet *outlet = kt_outlet_of(writer->kt);
    return outlet ? kt_show_image(outlet, writer, tag, &whole, whole.step) : writer->kt->status;
}

kt_status kt_write_audio(kt_writer *writer, const char *tag, kt_tensor *value, int64_t rate, int64_t max_outputs,
                         int64_t step)
{
    if (!ready(writer, "write_audio", tag, value)) return status_of(writer);
    kt_outlet *outlet = kt_outlet_of(writer->kt);
    return outlet ? kt_show_audio(outlet, writer, tag, value, rate, max_outputs, step) : writer->kt->status;
}

/* Numbers and texts of the host need no tensor. A full disk is counted, not an error. */
static bool ready_now(kt_writer *writer, const char *call, const char *tag)
{
    if (!writer || writer->kt->status != KT_OK) return false;
    if (tag && tag[0]) return true;
    kt_fail(writer->kt, KT_ERR_VALUE, "%s: expected a tag such as \"loss\", got %s", call, tag ? "\"\"" : "NULL");
    return false;
}

kt_status kt_write_number(kt_writer *writer, const char *tag, double value, int64_t step)
{
    if (ready_now(writer, "write_number", tag)) kt_events_scalar(writer->events, tag, value, step);
    return status_of(writer);
}

kt_status kt_write_text(kt_writer *writer, const char *tag, const char *markdown, int64_t step)
{
    if (markdown && ready_now(writer, "write_text", tag)) kt_events_text(writer->events, tag, markdown, step);
    return status_of(writer);
}

kt_status kt_summaries_to(kt_context *kt, kt_writer *writer, int64_t step)
{
    if (!kt) return KT_ERR_VALUE;
    if (kt->status != KT_OK) return kt->status;
    if (!writer && !kt->summary) return KT_OK;
    if (writer && writer->kt != kt)
        return kt_fail(kt, KT_ERR_VALUE,
                       "summaries_to: expected a writer of this context, got one of another; make one with "
                       "kt_file_writer");
    kt_outlet *outlet = kt_outlet_of(kt);
    if (!outlet) return kt->status;
    outlet->writer = writer;
    outlet->step = step;
    outlet->replayed = false;
    outlet->capturing = false;
    outlet->open = writer != NULL;
    outlet->n_given = 0;
    return KT_OK;
}

kt_status kt_writer_flush(kt_writer *writer) { return writer ? kt_events_flush(writer->events) : KT_ERR_VALUE; }

uint64_t kt_writer_dropped(const kt_writer *writer) { return writer ? (uint64_t)kt_events_dropped(writer->events) : 0; }

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
