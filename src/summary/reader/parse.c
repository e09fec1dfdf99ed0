/* SPDX-License-Identifier: MIT */
/* summary/reader/parse.c: see parse.h. Numbers of fields are those of TensorFlow's event.proto and summary.proto.
 *
 * A known field with another wire type than its own is passed over like an unknown one, as protobuf does.
 */
#include "summary/reader/parse.h"

bool kt_event_parse(const void *bytes, size_t size, kt_event_view *event)
{
    kt_fields m = kt_fields_of(bytes, size);
    kt_field f;
    const unsigned char *before = m.at;
    *event = (kt_event_view){ .wall_time = 0 };
    for (; kt_fields_next(&m, &f); before = m.at) {
        if (f.number == 1 && f.type == KT_WIRE_FIXED64) event->wall_time = kt_read_double(f.bytes);
        if (f.number == 2 && f.type == KT_WIRE_VARINT) event->step = (int64_t)f.value;
        if (f.type != KT_WIRE_BYTES) continue;
        if (f.number == 10) {
            kt_fields source = kt_fields_of(f.bytes, f.size);
            kt_field s;
            while (kt_fields_next(&source, &s))
                if (s.number == 1 && s.type == KT_WIRE_BYTES) event->writer = kt_field_blob(&s);
            if (source.broken) return false;
        }
        if (f.number < KT_EVENT_VERSION || f.number > KT_EVENT_META_GRAPH) continue;
        if (f.number != event->what) {
            event->what = f.number;
            event->pieces = (kt_pieces){ .rest = { .at = before, .end = m.end }, .number = f.number };
        }
        event->bytes = kt_field_blob(&f);
    }
    return !m.broken;
}

bool kt_values_next(kt_values *values, kt_blob *value, bool *broken)
{
    for (;;) {
        kt_field f;
        if (values->inside) {
            for (;;) {
                values->key = values->summary.at;
                if (!kt_fields_next(&values->summary, &f)) break;
                if (f.number == 1 && f.type == KT_WIRE_BYTES) {
                    *value = kt_field_blob(&f);
                    return true;
                }
            }
            if (values->summary.broken) {
                *broken = true;
                return false;
            }
        }
        values->inside = kt_pieces_next(&values->summaries, &values->summary);
        if (!values->inside) return false;
    }
}

static bool plugin_data_parse(kt_blob bytes, kt_value_view *value)
{
    kt_fields m = kt_fields_of(bytes.bytes, bytes.size);
    kt_field f;
    while (kt_fields_next(&m, &f)) {
        if (f.type != KT_WIRE_BYTES) continue;
        if (f.number == 1) value->plugin = kt_field_blob(&f);
        if (f.number == 2) value->content = kt_field_blob(&f);
    }
    return !m.broken;
}

static bool metadata_parse(kt_blob bytes, kt_value_view *value)
{
    kt_fields m = kt_fields_of(bytes.bytes, bytes.size);
    kt_field f;
    value->has_metadata = true;
    while (kt_fields_next(&m, &f)) {
        if (f.type != KT_WIRE_BYTES) continue;
        if (f.number == 1 && !plugin_data_parse(kt_field_blob(&f), value)) return false;
        if (f.number == 2) value->display_name = kt_field_blob(&f);
        if (f.number == 3) value->description = kt_field_blob(&f);
    }
    return !m.broken;
}

static bool pieces_are_sound(kt_pieces pieces)
{
    kt_fields m;
    kt_field f;
    while (kt_pieces_next(&pieces, &m)) {
        while (kt_fields_next(&m, &f)) continue;
        if (m.broken) return false;
    }
    return true;
}

bool kt_value_parse(kt_blob bytes, kt_value_view *value)
{
    kt_fields m = kt_fields_of(bytes.bytes, bytes.size);
    kt_field f;
    kt_blob node_name = { NULL, 0 };
    const unsigned char *before = m.at;
    *value = (kt_value_view){ .what = KT_VALUE_NONE };
    for (; kt_fields_next(&m, &f); before = m.at) {
        if (f.number == KT_VALUE_SIMPLE && f.type == KT_WIRE_FIXED32) {
            value->what = KT_VALUE_SIMPLE;
            value->simple = kt_read_float(f.bytes);
            value->simple_at = f.bytes;
        }
        if (f.type != KT_WIRE_BYTES) continue;
        switch (f.number) {
        case 1: value->tag = kt_field_blob(&f); break;
        case 7: node_name = kt_field_blob(&f); break;
        case 9:
            if (!metadata_parse(kt_field_blob(&f), value)) return false;
            break;
        case 3: value->what = KT_VALUE_NONE; break; /* bytes that nobody has read since 2015 */
        case KT_VALUE_IMAGE:
        case KT_VALUE_HISTO:
        case KT_VALUE_AUDIO:
        case KT_VALUE_TENSOR:
            if (value->what == f.number) break;
            value->what = f.number;
            value->pieces = (kt_pieces){ .rest = { .at = before, .end = m.end }, .number = f.number };
            break;
        default: break;
        }
    }
    if (value->tag.size == 0) value->tag = node_name;
    return !m.broken && (value->what <= KT_VALUE_SIMPLE || pieces_are_sound(value->pieces));
}

kt_blob kt_meta_graph(kt_blob bytes)
{
    kt_fields m = kt_fields_of(bytes.bytes, bytes.size);
    kt_field f;
    kt_blob graph = { NULL, 0 };
    while (kt_fields_next(&m, &f))
        if (f.number == 2 && f.type == KT_WIRE_BYTES) graph = kt_field_blob(&f);
    return m.broken ? (kt_blob){ NULL, 0 } : graph;
}

bool kt_tagged_metadata(kt_pieces pieces, kt_blob *tag, kt_blob *bytes)
{
    kt_fields m;
    kt_field f;
    *tag = *bytes = (kt_blob){ NULL, 0 };
    while (kt_pieces_next(&pieces, &m)) {
        while (kt_fields_next(&m, &f)) {
            if (f.type == KT_WIRE_BYTES && f.number == 1) *tag = kt_field_blob(&f);
            if (f.type == KT_WIRE_BYTES && f.number == 2) *bytes = kt_field_blob(&f);
        }
        if (m.broken) return false;
    }
    return true;
}
