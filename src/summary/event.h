/* SPDX-License-Identifier: MIT */
/* summary/event.h: TensorBoard's messages, and the frame around each in the file.
 *
 * Everything TensorBoard shows is, since its second version, the same message: a tag, a tensor, and
 * the name of the plugin that shows it. So a kind of summary is one line of a table here and one
 * file that makes its tensor (scalar.c, histogram.c). The format is described in the header comment
 * of event.c; what is written here is byte for byte what TensorFlow writes.
 */
#ifndef KERATIN_SUMMARY_EVENT_H
#define KERATIN_SUMMARY_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* What a tag holds. A tag keeps its kind for the life of a log. */
typedef enum kt_kind {
    KT_KIND_SCALAR,
    KT_KIND_HISTOGRAM,
    KT_KIND_IMAGE,
    KT_KIND_AUDIO,
    KT_KIND_TEXT,
    KT_KIND_HPARAMS,
    KT_KIND_PR_CURVE,
    KT_KIND_MESH,
    KT_KIND_LAYOUT,       /* custom scalars */
    KT_KIND_MODEL_GRAPH,  /* Keras's model as JSON */
    KT_KIND_OP_GRAPH,     /* RunMetadata with graphs */
    KT_KIND_RUN_METADATA, /* RunMetadata with times and memory of the nodes */
    KT_KIND_COUNT
} kt_kind;

/* A kind in words, in the plural: for sentences. */
const char *kt_kind_name(kt_kind kind);

enum { KT_EVENT_MAX_RANK = 4, KT_EVENT_MAX_VALUES = 8 };

/* Numbers of TensorFlow's DataType. */
typedef enum kt_event_dtype {
    KT_EVENT_OF_KIND, /* the one that the kind has */
    KT_EVENT_FLOAT32,
    KT_EVENT_FLOAT64,
    KT_EVENT_INT32,
    KT_EVENT_UINT8,
    KT_EVENT_STRING = 7
} kt_event_dtype;

typedef struct kt_event_string {
    const void *bytes;
    size_t size;
} kt_event_string;

/* The value of a summary: `count` dense numbers, row after row, in the host's byte order; or as
 * many strings. */
typedef struct kt_event_tensor {
    int rank;
    int64_t dim[KT_EVENT_MAX_RANK];
    const void *numbers;
    size_t count;
    const kt_event_string *strings; /* instead of numbers, for kinds of strings */
    kt_event_string content;        /* what the plugin wants to know beside its name */
    kt_event_dtype dtype;           /* only where it differs from the kind's */
} kt_event_tensor;

/* One of several values that belong together. */
typedef struct kt_event_value {
    const char *tag;
    kt_kind kind;
    kt_event_tensor tensor;
} kt_event_value;

enum { KT_RECORD_HEAD = 12, KT_RECORD_TAIL = 4, KT_RECORD_FRAME = KT_RECORD_HEAD + KT_RECORD_TAIL };

/* An upper bound of the payload of a summary. The caller has bounded tag and tensor. */
size_t kt_event_bound(size_t tag_size, kt_kind kind, const kt_event_tensor *value);

/* The payloads. `writer` may be NULL: then the file does not say who wrote it. */
void kt_event_version(kt_wire *w, double wall_time, const char *writer);
void kt_event_summary(kt_wire *w, double wall_time, int64_t step, kt_kind kind, const char *tag,
                      size_t tag_size, const kt_event_tensor *value);

/* Several values in one event: they belong together and arrive together. */
size_t kt_event_values_bound(const kt_event_value *values, const size_t *tag_sizes, int count);
void kt_event_values(kt_wire *w, double wall_time, int64_t step, const kt_event_value *values,
                     const size_t *tag_sizes, int count);

/* An event that holds bytes instead of a summary: field 4 is a GraphDef. `step` stands only where it
 * is not 0. */
void kt_event_bytes(kt_wire *w, double wall_time, int64_t step, unsigned field,
                    kt_event_string bytes);

/* What the scalars of one tag have in common: everything behind the step, with a hole for the
 * number. A record is then a copy with three numbers and two checksums filled in. */
typedef struct kt_scalar_form {
    const unsigned char *bytes;
    size_t size, hole;
} kt_scalar_form;

/* How many bytes the form of a tag may take. */
size_t kt_scalar_form_bound(size_t tag_size);

/* Fills `room`, which must last as long as the form. */
kt_scalar_form kt_scalar_form_make(unsigned char *room, const char *tag, size_t tag_size);

/* The most that a record of this form takes, and what kt_scalar_record may write behind its end. */
static inline size_t kt_scalar_record_bound(const kt_scalar_form *form)
{
    return KT_RECORD_FRAME + 9 + 11 + form->size;
}

/* A whole sealed record, the same bytes as by kt_event_summary and kt_record_seal. Returns its
 * size. */
size_t kt_scalar_record(unsigned char *record, const kt_scalar_form *form, double wall_time,
                        int64_t step, float number);

/* Puts the frame around a payload of n bytes that already stands at record + KT_RECORD_HEAD. */
void kt_record_seal(unsigned char *record, size_t n);

/* The whole size of a sealed record. */
size_t kt_record_size(const unsigned char *record);

#endif
