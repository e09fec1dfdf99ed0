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
typedef enum kt_kind { KT_KIND_SCALAR, KT_KIND_HISTOGRAM, KT_KIND_COUNT } kt_kind;

/* A kind in words, in the plural: for sentences. */
const char *kt_kind_name(kt_kind kind);

enum { KT_EVENT_MAX_RANK = 4 };

/* The value of a summary: dense numbers of the kind's type, row after row, in the host's byte
 * order. */
typedef struct kt_event_tensor {
    int rank;
    int64_t dim[KT_EVENT_MAX_RANK];
    const void *numbers;
    size_t count;
} kt_event_tensor;

enum { KT_RECORD_HEAD = 12, KT_RECORD_TAIL = 4, KT_RECORD_FRAME = KT_RECORD_HEAD + KT_RECORD_TAIL };

/* An upper bound of the payload of a summary. The caller has bounded tag and tensor. */
size_t kt_event_bound(size_t tag_size, kt_kind kind, const kt_event_tensor *value);

/* The payloads. `writer` may be NULL: then the file does not say who wrote it. */
void kt_event_version(kt_wire *w, double wall_time, const char *writer);
void kt_event_summary(kt_wire *w, double wall_time, int64_t step, kt_kind kind, const char *tag,
                      size_t tag_size, const kt_event_tensor *value);

/* Puts the frame around a payload of n bytes that already stands at record + KT_RECORD_HEAD. */
void kt_record_seal(unsigned char *record, size_t n);

/* The whole size of a sealed record. */
size_t kt_record_size(const unsigned char *record);

#endif
