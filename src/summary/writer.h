/* SPDX-License-Identifier: MIT */
/* summary/writer.h: what a kind of summary needs of the log it is written to.
 *
 * A kind (scalar.c, histogram.c) makes a tensor and hands it to kt_events_append; everything about
 * tags, time, queue, file and failure is the writer's. A new kind is a line in event.c's table, a
 * file like scalar.c, and its prototype.
 */
#ifndef KERATIN_SUMMARY_WRITER_H
#define KERATIN_SUMMARY_WRITER_H

#include <keratin/summary.h>

#include "event.h"
#include "file.h"

#if defined(__GNUC__)
#define KT_SUMMARY_PRINTF(sentence, first) __attribute__((format(printf, sentence, first)))
#else
#define KT_SUMMARY_PRINTF(sentence, first)
#endif

/* kt_events_open_with on a system of the caller's: for tests. `calls` must outlive the log. */
kt_events *kt_events_open_on(const kt_events_config *config, const kt_file_calls *calls);

/* Checks the tag, queues the record, writes the queue when it is time. `caller` is the public
 * function's name. */
kt_status kt_events_append(kt_events *log, const char *caller, kt_kind kind, const char *tag,
                           int64_t step, const kt_event_tensor *value);

/* The same for a scalar, and the quickest way. */
kt_status kt_events_append_scalar(kt_events *log, const char *caller, const char *tag, int64_t step,
                                  float number);

/* At most KT_EVENT_MAX_VALUES values that belong together, under tags of their own, in one event. The
 * first one's limit decides for all. */
kt_status kt_events_append_many(kt_events *log, const char *caller, int64_t step,
                                const kt_event_value *values, int count);

/* An event without a tag: bytes in a field of the Event message (4: graph_def). */
kt_status kt_events_append_bytes(kt_events *log, const char *caller, unsigned field, int64_t step,
                                 kt_event_string bytes);

/* Whether a limit holds this record back. Then that has been counted, and a kind need not make what it
 * would append. */
bool kt_events_holds_back(kt_events *log, const char *tag, int64_t step);

/* Keeps the sentence as the log's last failure; returns the status. `log` may be NULL. */
KT_SUMMARY_PRINTF(3, 4)
kt_status kt_events_fail(kt_events *log, kt_status status, const char *format, ...);

/* The wall time of what is logged now, from the log's own clock; 0 without a log. */
double kt_events_now(kt_events *log);

/* Where a kind takes the memory for what it builds before it appends it; NULL without a log. */
const kt_allocator *kt_events_allocator(const kt_events *log);

/* Adds to the values that histograms have left out. */
void kt_events_count_nonfinite(kt_events *log, int64_t count);

#endif
