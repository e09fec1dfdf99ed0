/* SPDX-License-Identifier: MIT */
/* summary/reader/parse.h: what stands in an Event, without copying or keeping anything.
 *
 * The views point into the record. Protobuf's rules hold: of a field that stands twice the last counts, message fields
 * are merged, and of the members of a oneof only the last stays. A member that is set twice in a row is merged; when
 * another came between, what stood before is forgotten: so a view says from where on its pieces count.
 *
 * A record is looked at wholly before anything of it is used (kt_event_parse, then kt_value_parse for each value), so
 * that a broken one leaves nothing behind.
 */
#ifndef KERATIN_SUMMARY_READER_PARSE_H
#define KERATIN_SUMMARY_READER_PARSE_H

#include "summary/reader/fields.h"

/* Members of the oneof in Event. */
enum {
    KT_EVENT_VERSION = 3,
    KT_EVENT_GRAPH = 4,
    KT_EVENT_SUMMARY = 5,
    KT_EVENT_SESSION = 7,
    KT_EVENT_TAGGED_METADATA = 8,
    KT_EVENT_META_GRAPH = 9
};

typedef struct kt_event_view {
    double wall_time;
    int64_t step;
    unsigned what;    /* which member, 0: none */
    kt_pieces pieces; /* of that member: of bytes, the last counts */
    kt_blob bytes;    /* of a version, a graph: the last piece */
    kt_blob writer;
} kt_event_view;

/* false: not an Event. */
bool kt_event_parse(const void *bytes, size_t size, kt_event_view *event);

/* Walks over the summary values of an event. */
typedef struct kt_values {
    kt_pieces summaries;
    kt_fields summary;
    const unsigned char *key; /* where the field of the last value begins */
    bool inside;
} kt_values;

static inline kt_values kt_values_of(const kt_event_view *event) { return (kt_values){ .summaries = event->pieces }; }

/* *broken is set when a Summary is not one. */
bool kt_values_next(kt_values *values, kt_blob *value, bool *broken);

/* Members of the oneof in Summary.Value. */
enum {
    KT_VALUE_NONE = 0,
    KT_VALUE_SIMPLE = 2,
    KT_VALUE_IMAGE = 4,
    KT_VALUE_HISTO = 5,
    KT_VALUE_AUDIO = 6,
    KT_VALUE_TENSOR = 8
};

typedef struct kt_value_view {
    kt_blob tag; /* node_name where there is no tag */
    unsigned what;
    float simple;
    const unsigned char *simple_at; /* its four bytes */
    kt_pieces pieces;               /* of the message that holds the value */
    bool has_metadata;
    kt_blob plugin, content, display_name, description;
} kt_value_view;

/* false: not a Value, or its metadata or the message of its value are broken. */
bool kt_value_parse(kt_blob bytes, kt_value_view *value);

/* The graph inside a MetaGraphDef; size 0 when there is none. */
kt_blob kt_meta_graph(kt_blob bytes);

/* TaggedRunMetadata: false when broken. */
bool kt_tagged_metadata(kt_pieces pieces, kt_blob *tag, kt_blob *bytes);

#endif
