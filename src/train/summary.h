/* SPDX-License-Identifier: MIT */
/* train/summary.h: where the summaries of layers go: the one bridge between tensors and the event writer.
 *
 * A context has one outlet (kt->summary, made when somebody first wants to look). A step that fit records is replayed
 * with other steps and other files, so what it names goes to the outlet, which knows the current file and step; in
 * hand-written loops each summary keeps the writer and the step it was made with.
 *
 * What is looked at is a set (kt_look) and part of what a recorded step is found by: summaries that layers name, and
 * what the TensorBoard callback watches on its own (watch.h). Each set is a program of its own, so a step at which
 * nobody looks runs the plain one.
 *
 * A tag is given once in a step: the second time the same name comes at the same place (a layer called twice, a loop
 * inside a call) it gets "_1", then "_2". The counting begins anew with each step, so a place keeps its tag.
 */
#ifndef KT_TRAIN_SUMMARY_H
#define KT_TRAIN_SUMMARY_H

#include <keratin/summary.h>
#include <keratin/writer.h>

#include "core/context.h"
#include "nn/layer.h"

enum { KT_MAX_TAG = 1024 };

enum kt_look {
    KT_LOOK_LAYERS = 1, /* kt_summary_* in layers, losses, metrics */
    KT_LOOK_GRADIENTS = 2,
    KT_LOOK_UPDATES = 4,
    KT_LOOK_ACTIVATIONS = 8,
    KT_LOOK_WEIGHTS = 16,
    KT_LOOK_RATE = 32,
    KT_LOOK_TERMS = 64,  /* of the loss */
    KT_LOOK_WATCH = 126, /* the six above: watch.c */
    KT_LOOK_LOSS = 128,  /* the step's loss, into kt_outlet.loss */
    KT_LOOK_CHECK = 256  /* each op's result: the context's check_numerics, for this step */
};

struct kt_writer { /* keratin/writer.h */
    kt_object object;
    kt_context *kt;
    kt_events *events;
};

typedef struct kt_tag_given {
    uint64_t hash;
    uint32_t times;
} kt_tag_given;

typedef struct kt_media kt_media; /* summary.c: how a picture or a sound is written */

typedef struct kt_outlet {
    kt_object object;
    kt_context *kt;
    kt_events *events; /* replayed steps write here, may be NULL; and */
    kt_writer *writer; /* hand-written loops here */
    int64_t step;
    bool open;         /* somebody looks at what layers name */
    bool replayed;     /* what is recorded now goes to `events` */
    bool capturing;    /* ... and runs later, perhaps many times */
    uint64_t named;    /* summaries named so far, looked at or not */
    const char *place; /* of what is recorded outside of layers: the name of a loss or metric; NULL: nowhere */

    unsigned watch;     /* kt_look but LAYERS: what is watched at the batch that comes; and */
    int64_t watch_step; /* its step */
    unsigned active;    /* what is watched of what is recorded now */
    kt_watch hooks;     /* while something is: what kt_nn.watch points to */
    double loss;        /* KT_LOOK_LOSS: of the last step */
    kt_tensor *shown;   /* the last output that was watched */
    kt_tensor *squares, *applied_squares, *layer_squares; /* sums over the variables of the update that is recorded */
    char layer[KT_MAX_TAG];                               /* whose weights layer_squares is of */

    kt_media *media;
    kt_tag_given *given; /* tags of this step */
    size_t n_given, given_capacity;
    uint64_t given_step, given_captures;
} kt_outlet;

kt_outlet *kt_outlet_of(kt_context *kt); /* made if needed; NULL and the context's error when memory is short */
unsigned kt_outlet_looks(const kt_context *kt);

/* Watches this set from here on, in recorded steps and in what is recorded by hand; 0: nothing. */
void kt_outlet_watch(kt_context *kt, unsigned looks, int64_t step);

/* Around the recording of a step that will be replayed; `capture`: not at once. `recorded` puts things back; true: no
 * summary was named. */
typedef struct kt_outlet_state {
    bool open, replayed, capturing;
    unsigned active;
    uint64_t named;
} kt_outlet_state;
kt_outlet_state kt_outlet_record(kt_context *kt, unsigned looks, bool capture);
bool kt_outlet_recorded(kt_context *kt, kt_outlet_state before);

/* Names the place of what is recorded outside of layers until the next call; NULL: none. Free when nobody looks. */
static inline void kt_outlet_place(kt_context *kt, const char *name)
{
    if (kt->summary) ((kt_outlet *)kt->summary)->place = name;
}

/* Makes the tag unique in this step. */
void kt_outlet_tag(kt_outlet *outlet, kt_text *tag);

/* ---- one value, observed: written when it is known. writer NULL: to the outlet's run, at the outlet's step of then;
 * the watched ones at its watch_step. A NULL tensor is passed over. ---- */
kt_status kt_show_scalar(kt_outlet *outlet, kt_writer *writer, const char *tag, kt_tensor *x, int64_t step);
kt_status kt_show_histogram(kt_outlet *outlet, kt_writer *writer, const char *tag, kt_tensor *x, int64_t step);
kt_status kt_show_image(kt_outlet *outlet, kt_writer *writer, const char *tag, const kt_image_summary *image,
                        int64_t step);
kt_status kt_show_audio(kt_outlet *outlet, kt_writer *writer, const char *tag, kt_tensor *x, int64_t rate,
                        int64_t max_outputs, int64_t step);
void kt_show_watched_scalar(kt_outlet *outlet, const char *tag, kt_tensor *x);
void kt_show_watched_histogram(kt_outlet *outlet, const char *tag, kt_tensor *x);

/* The context's memory for src/summary, which counts refusals itself: they are no errors of the context. */
kt_allocator kt_summary_allocator(kt_context *kt);
/* An event file whose memory is the context's. On failure NULL, and *error says why; no error of the context. */
kt_events *kt_events_for(kt_context *kt, const char *logdir, kt_events_error *error);

#endif
