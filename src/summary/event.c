/* SPDX-License-Identifier: MIT */
/* summary/event.c: from a tag and a tensor to the bytes of a record.
 *
 *     record     u64 length, u32 masked crc of the length, payload, u32 masked crc of the payload
 *     payload    Event   { 1 wall_time, 2 step, 3 file_version | 5 summary, 10 source_metadata }
 *     summary    Summary { 1 value { 1 tag,
 *                                    8 tensor { 1 dtype, 2 shape { 2 dim { 1 size } },
 *                                               4 content of numbers | 8 strings },
 *                                    9 metadata { 1 plugin_data { 1 plugin_name, 2 content } } } }
 *
 * Numbers have their little end first. Fields stand in rising order and zeros are left out, except
 * inside a oneof: a scalar 0.0 at step 0 has its content but no step. A scalar's shape is present
 * and empty. The metadata stands on every value, because a reader may begin in the middle of a run.
 * Its data class is left to the reader: set here, it would switch the reader's own fixes off.
 */
#include "event.h"

#include "crc32c.h"

static const struct {
    const char *plugin; /* the name TensorBoard knows, and a good word for sentences */
    kt_event_dtype dtype;
} kinds[KT_KIND_COUNT] = {
    [KT_KIND_SCALAR] = { "scalars", KT_EVENT_FLOAT32 },
    [KT_KIND_HISTOGRAM] = { "histograms", KT_EVENT_FLOAT64 },
    [KT_KIND_IMAGE] = { "images", KT_EVENT_STRING },
    [KT_KIND_AUDIO] = { "audio", KT_EVENT_STRING },
    [KT_KIND_TEXT] = { "text", KT_EVENT_STRING },
    [KT_KIND_HPARAMS] = { "hparams", KT_EVENT_FLOAT32 },
    [KT_KIND_PR_CURVE] = { "pr_curves", KT_EVENT_FLOAT32 },
    [KT_KIND_MESH] = { "mesh", KT_EVENT_FLOAT32 },
    [KT_KIND_LAYOUT] = { "custom_scalars", KT_EVENT_STRING },
    [KT_KIND_MODEL_GRAPH] = { "graph_keras_model", KT_EVENT_STRING },
    [KT_KIND_OP_GRAPH] = { "graph_run_metadata_graph", KT_EVENT_STRING },
    [KT_KIND_RUN_METADATA] = { "graph_run_metadata", KT_EVENT_STRING },
};

static const unsigned char widths[] = {
    [KT_EVENT_FLOAT32] = 4, [KT_EVENT_FLOAT64] = 8, [KT_EVENT_INT32] = 4,
    [KT_EVENT_UINT8] = 1,   [KT_EVENT_STRING] = 0,
};

static kt_event_dtype event_dtype(kt_kind kind, const kt_event_tensor *value)
{
    return value->dtype != KT_EVENT_OF_KIND ? value->dtype : kinds[kind].dtype;
}

/* The bytes that the value's numbers or strings take, lengths of strings included, and rounded up. */
static size_t event_value_bytes(kt_kind kind, const kt_event_tensor *value)
{
    kt_event_dtype dtype = event_dtype(kind, value);
    if (dtype != KT_EVENT_STRING) return value->count * widths[dtype];
    size_t bytes = 0;
    for (size_t i = 0; i < value->count; i++)
        bytes += 1 + kt_wire_varint_size(value->strings[i].size) + value->strings[i].size;
    return bytes;
}

const char *kt_kind_name(kt_kind kind)
{
    return kinds[kind].plugin;
}

size_t kt_event_bound(size_t tag_size, kt_kind kind, const kt_event_tensor *value)
{
    /* 9 wall time, 11 step, and for each of at most 10 lengths and their keys 11 more; 13 per
     * dimension; the plugin's name */
    return 9 + 11 + 10 * 11 + 13 * (size_t)KT_EVENT_MAX_RANK + strlen(kinds[kind].plugin) +
           tag_size + value->content.size + event_value_bytes(kind, value);
}

void kt_event_version(kt_wire *w, double wall_time, const char *writer)
{
    static const char version[] = "brain.Event:2";
    kt_wire_double(w, 1, wall_time);
    kt_wire_bytes(w, 3, version, sizeof version - 1);
    if (writer) {
        kt_wire_mark source = kt_wire_open(w, 10, strlen(writer) + 2);
        kt_wire_bytes(w, 1, writer, strlen(writer));
        kt_wire_close(w, source);
    }
}

static void event_tensor(kt_wire *w, kt_kind kind, const kt_event_tensor *value, size_t bytes)
{
    kt_event_dtype dtype = event_dtype(kind, value);
    kt_wire_mark tensor = kt_wire_open(w, 8, bytes + 8 + 4 * (size_t)value->rank);
    kt_wire_int(w, 1, dtype);
    kt_wire_mark shape = kt_wire_open(w, 2, 0);
    for (int i = 0; i < value->rank; i++) {
        kt_wire_mark dim = kt_wire_open(w, 2, 0);
        if (value->dim[i] != 0) kt_wire_int(w, 1, value->dim[i]);
        kt_wire_close(w, dim);
    }
    kt_wire_close(w, shape);
    if (dtype == KT_EVENT_STRING)
        for (size_t i = 0; i < value->count; i++)
            kt_wire_bytes(w, 8, value->strings[i].bytes, value->strings[i].size);
    else if (bytes > 0)
        kt_wire_numbers(w, 4, value->numbers, value->count, widths[dtype]);
    kt_wire_close(w, tensor);
}

static void event_metadata(kt_wire *w, kt_kind kind, kt_event_string content)
{
    const char *plugin = kinds[kind].plugin;
    kt_wire_mark metadata = kt_wire_open(w, 9, content.size), data = kt_wire_open(w, 1, content.size);
    kt_wire_bytes(w, 1, plugin, strlen(plugin));
    if (content.size > 0) kt_wire_bytes(w, 2, content.bytes, content.size);
    kt_wire_close(w, data);
    kt_wire_close(w, metadata);
}

static size_t event_guess(size_t tag_size, const kt_event_tensor *value, size_t bytes)
{
    return tag_size + bytes + value->content.size + 30;
}

static void event_value(kt_wire *w, kt_kind kind, const char *tag, size_t tag_size,
                        const kt_event_tensor *value, size_t bytes)
{
    kt_wire_mark one = kt_wire_open(w, 1, event_guess(tag_size, value, bytes));
    kt_wire_bytes(w, 1, tag, tag_size);
    event_tensor(w, kind, value, bytes);
    event_metadata(w, kind, value->content);
    kt_wire_close(w, one);
}

void kt_event_summary(kt_wire *w, double wall_time, int64_t step, kt_kind kind, const char *tag,
                      size_t tag_size, const kt_event_tensor *value)
{
    kt_wire own = *w; /* a copy that nothing written can alias stays in registers */
    size_t bytes = event_value_bytes(kind, value);
    kt_wire_double(&own, 1, wall_time);
    if (step != 0) kt_wire_int(&own, 2, step);
    kt_wire_mark summary = kt_wire_open(&own, 5, event_guess(tag_size, value, bytes) + 3);
    event_value(&own, kind, tag, tag_size, value, bytes);
    kt_wire_close(&own, summary);
    *w = own;
}

size_t kt_event_values_bound(const kt_event_value *values, const size_t *tag_sizes, int count)
{
    size_t bound = 0;
    for (int i = 0; i < count; i++)
        bound += kt_event_bound(tag_sizes[i], values[i].kind, &values[i].tensor);
    return bound;
}

void kt_event_values(kt_wire *w, double wall_time, int64_t step, const kt_event_value *values,
                     const size_t *tag_sizes, int count)
{
    kt_wire_double(w, 1, wall_time);
    if (step != 0) kt_wire_int(w, 2, step);
    size_t guess = 0;
    for (int i = 0; i < count; i++) {
        size_t bytes = event_value_bytes(values[i].kind, &values[i].tensor);
        guess += event_guess(tag_sizes[i], &values[i].tensor, bytes) + 3;
    }
    kt_wire_mark summary = kt_wire_open(w, 5, guess);
    for (int i = 0; i < count; i++)
        event_value(w, values[i].kind, values[i].tag, tag_sizes[i], &values[i].tensor,
                    event_value_bytes(values[i].kind, &values[i].tensor));
    kt_wire_close(w, summary);
}

void kt_event_bytes(kt_wire *w, double wall_time, int64_t step, unsigned field,
                    kt_event_string bytes)
{
    kt_wire_double(w, 1, wall_time);
    if (step != 0) kt_wire_int(w, 2, step);
    kt_wire_bytes(w, field, bytes.bytes, bytes.size);
}

static inline void record_frame(unsigned char *record, size_t n, uint32_t crc)
{
    kt_wire_put_le(record, n, 8);
    kt_wire_put_le(record + 8, kt_crc32c_mask(kt_crc32c(record, 8)), 4);
    kt_wire_put_le(record + KT_RECORD_HEAD + n, kt_crc32c_mask(crc), 4);
}

/* ---- Scalars by copying ---------------------------------------------------------------------- */

static const float form_zero = 0;
static const kt_event_tensor form_scalar = { .numbers = &form_zero, .count = 1 };
enum {
    FORM_HEAD = 9,  /* the wall time, which stands before what is common */
    FORM_BEHIND = 8 /* zeros, for sums that load whole words */
};

size_t kt_scalar_form_bound(size_t tag_size)
{
    return kt_event_bound(tag_size, KT_KIND_SCALAR, &form_scalar) + FORM_BEHIND;
}

kt_scalar_form kt_scalar_form_make(unsigned char *room, const char *tag, size_t tag_size)
{
    size_t bound = kt_scalar_form_bound(tag_size);
    kt_wire w = { room, room + bound - FORM_BEHIND, false };
    kt_event_summary(&w, 0, 0, KT_KIND_SCALAR, tag, tag_size, &form_scalar);
    if (w.full) return (kt_scalar_form){ NULL, 0, 0 };
    size_t size = (size_t)(w.at - room) - FORM_HEAD;
    memmove(room, room + FORM_HEAD, size);
    memset(room + size, 0, FORM_BEHIND);
    size_t metadata = 6 + strlen(kinds[KT_KIND_SCALAR].plugin); /* three keys with lengths, the name */
    return (kt_scalar_form){ room, size, size - metadata - sizeof form_zero };
}

size_t kt_scalar_record(unsigned char *record, const kt_scalar_form *form, double wall_time,
                        int64_t step, float number)
{
    unsigned char *at = record + KT_RECORD_HEAD;
    uint64_t wall;
    uint32_t bits;
    memcpy(&wall, &wall_time, sizeof wall);
    memcpy(&bits, &number, sizeof bits);
    /* Key, time, key, step: made in registers as long as they fit two words. */
    uint64_t head[2] = { wall << 8 | (1 << 3 | KT_WIRE_FIXED64), wall >> 56 };
    size_t head_size = FORM_HEAD;
    if (step != 0) {
        head[1] |= (uint64_t)(2 << 3 | KT_WIRE_VARINT) << 8;
        uint64_t rest = (uint64_t)step;
        for (unsigned shift = 16; rest > 0 && shift < 64; shift += 8, rest >>= 7)
            head[1] |= ((rest & 127) | (rest > 127 ? 128u : 0)) << shift;
        head_size = FORM_HEAD + 1 + kt_wire_varint_size((uint64_t)step);
    }
    bool in_words = head_size <= 16;
    kt_wire_put_le(at, head[0], 8);
    kt_wire_put_le(at + 8, head[1], 8);
    if (!in_words) kt_wire_put_varint(at + FORM_HEAD + 1, (uint64_t)step);
    at += head_size;
    memcpy(at, form->bytes, form->size);
    kt_wire_put_le(at + form->hole, bits, 4);

    size_t n = head_size + form->size;
    kt_crc32c_pieces pieces = { { head[0], head[1] }, head_size, form->bytes, form->bytes + form->hole + 4,
                                form->hole, form->size - form->hole - 4, bits };
    const unsigned char *payload = record + KT_RECORD_HEAD;
    uint32_t crc = in_words ? kt_crc32c_of_pieces(&pieces, payload, n) : kt_crc32c(payload, n);
    record_frame(record, n, crc);
    return n + KT_RECORD_FRAME;
}

/* ---- The frame ------------------------------------------------------------------------------- */

void kt_record_seal(unsigned char *record, size_t n)
{
    record_frame(record, n, kt_crc32c(record + KT_RECORD_HEAD, n));
}

size_t kt_record_size(const unsigned char *record)
{
    uint64_t n = 0;
    for (size_t i = 8; i-- > 0;) n = n << 8 | record[i];
    return (size_t)n + KT_RECORD_FRAME;
}
