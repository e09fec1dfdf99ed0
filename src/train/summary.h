/* SPDX-License-Identifier: MIT */
/* train/summary.h: where the summaries of layers go: the one bridge between tensors and the event writer.
 *
 * A context has one outlet (kt->summary, made when somebody first wants to look). A step that fit records is replayed
 * with other steps and other files, so what it names goes to the outlet, which knows the current file and step; in
 * hand-written loops each summary keeps the writer and the step it was made with.
 */
#ifndef KT_TRAIN_SUMMARY_H
#define KT_TRAIN_SUMMARY_H

#include <keratin/summary.h>
#include <keratin/writer.h>

#include "core/context.h"

typedef struct kt_outlet {
    kt_object object;
    kt_context *kt;
    kt_events *events;  /* replayed steps write here, may be NULL; and */
    kt_writer *writer;  /* hand-written loops here */
    int64_t step;
    bool open;          /* somebody looks */
    bool replayed;      /* what is recorded now goes to `events` */
    uint64_t named;     /* summaries named so far, looked at or not */
} kt_outlet;

kt_outlet *kt_outlet_of(kt_context *kt); /* made if needed; NULL and the context's error when memory is short */
bool kt_outlet_looks(const kt_context *kt);

/* Around the recording of a step that will be replayed. `recorded` puts things back; true: no summary was named. */
typedef struct kt_outlet_state {
    bool open, replayed;
    uint64_t named;
} kt_outlet_state;
kt_outlet_state kt_outlet_record(kt_context *kt, bool summaries);
bool kt_outlet_recorded(kt_context *kt, kt_outlet_state before);

/* An event file whose memory is the context's. On failure NULL, and *error says why; no error of the context. */
kt_events *kt_events_for(kt_context *kt, const char *logdir, kt_events_error *error);

#endif
