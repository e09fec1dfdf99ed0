/* SPDX-License-Identifier: MIT */
/* summary/reader/value.c: one value of a series, read from its file and brought into today's form.
 *
 * Today every value is a tensor. The forms of TensorFlow 1, which PyTorch and tensorboardX still write, become what
 * TensorBoard makes of them: an image the strings (width, height, bytes), a sound the strings [1, 2] (bytes, ""), a
 * histogram rows (left, right, count). For the last there are two rules in TensorBoard; this is the one of its Python
 * reader, in double: empty buckets at both ends are dropped, then the first left edge is `min` and the last right edge
 * `max`. (The other, of its data server, keeps the empty ones, so that outer buckets can have a right edge left of
 * their left one.)
 *
 * A tensor's shape is a claim. What the record holds is decoded; a list of one number is spread over its shape only
 * while that is small.
 */
#define _DEFAULT_SOURCE 1

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "summary/reader/index.h"
#include "summary/reader/load.h"
#include "summary/reader/problem.h"
#include "summary/reader/tensor.h"

static const int64_t SPREAD = 4096; /* how far one number is spread */

/* ---- Getting at the record ------------------------------------------------------------------- */

kt_status kt_logdir_window_on(kt_logdir *log, kt_source *file)
{
    if (log->window_file == file) return KT_OK;
    kt_source_done(&log->window);
    log->window_file = NULL;
    int before = file->error;
    bool seen = kt_source_see(file->run, file, &log->window, file->unpacked);
    int error = file->error;
    file->error = before;
    if (!seen && log->window.refused) {
        log->window.refused = false;
        return kt_logdir_fail(log, KT_ERR_MEMORY, "%s: there is no memory to unpack it; free some", file->shown.path);
    }
    if (!seen)
        return kt_logdir_fail(log, KT_ERR_IO, "%s: cannot be read: %s", file->shown.path, kt_system_reason(error));
    log->window_file = file;
    return KT_OK;
}

static kt_status value_record(kt_logdir *log, kt_run *run, const kt_place *place, const unsigned char **payload,
                              uint64_t *n)
{
    if (place->file >= run->file_count)
        return kt_logdir_fail(log, KT_ERR_FORMAT,
                              "kt_logdir_value: the index names a file that run \"%s\" does not have", run->name);
    kt_source *file = run->files[place->file];
    kt_status status = kt_logdir_window_on(log, file);
    if (status != KT_OK) return status;
    switch (kt_frame_at(&log->window, place->offset, payload, n)) {
    case KT_FRAME_SOUND: return KT_OK;
    case KT_FRAME_UNREAD:
        if (log->window.refused) {
            log->window.refused = false;
            return kt_logdir_fail(log, KT_ERR_MEMORY, "%s: there is no memory for a record of %llu bytes",
                                  file->shown.path, (unsigned long long)*n);
        }
        return kt_logdir_fail(log, KT_ERR_IO, "%s: cannot be read: %s", file->shown.path,
                              kt_system_reason(log->window.error));
    default:
        return kt_logdir_fail(log, KT_ERR_FORMAT,
                              "%s: the record at %lld is not there any more; call kt_logdir_refresh", file->shown.path,
                              (long long)place->offset);
    }
}

/* ---- Today's forms --------------------------------------------------------------------------- */

static kt_status value_room(kt_logdir *log, void *array, size_t *room, int64_t count, size_t size)
{
    if ((uint64_t)count <= SIZE_MAX / 2 && kt_store_grow(&log->store, array, room, (size_t)count, size)) return KT_OK;
    return kt_logdir_fail(log, KT_ERR_MEMORY, "kt_logdir_value: there is no memory for %lld elements",
                          (long long)count);
}

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
value_why(kt_logdir *log, kt_value *value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(log->decoded.why, sizeof log->decoded.why, format, args);
    va_end(args);
    value->why = log->decoded.why;
}

/* Rank and dimensions; *wanted: the elements that they ask for, -1: there is no sense in them. */
static void value_shape(kt_logdir *log, const kt_tensor_view *tensor, int64_t count, kt_value *value, int64_t *wanted)
{
    *wanted = count;
    if (!tensor->shaped) { /* as many as there are, in a row */
        value->rank = count == 1 ? 0 : 1;
        value->dim[0] = count == 1 ? 0 : count;
        return;
    }
    value->rank = tensor->rank > KT_TENSOR_RANK ? KT_TENSOR_RANK : (int)tensor->rank;
    for (int i = 0; i < value->rank; i++) value->dim[i] = tensor->dim[i];
    *wanted = tensor->rank > KT_TENSOR_RANK ? -1 : kt_tensor_claims(tensor);
    if (*wanted < 0)
        value_why(log, value,
                  tensor->rank > KT_TENSOR_RANK
                      ? "a tensor of rank %lld, above 8"
                      : "a shape with a negative dimension, or beyond any memory, of rank %lld",
                  (long long)tensor->rank);
}

static void value_compare(kt_logdir *log, kt_value *value, int64_t count, int64_t wanted)
{
    if (wanted >= 0 && wanted != count)
        value_why(log, value, "the shape asks for %lld elements and the record holds %lld: TensorBoard refuses it",
                  (long long)wanted, (long long)count);
}

static kt_status value_strings(kt_logdir *log, const kt_tensor_view *tensor, kt_value *value)
{
    int64_t count = kt_tensor_count(tensor), wanted;
    kt_status status = value_room(log, &log->decoded.strings, &log->decoded.string_room, count, sizeof(kt_blob));
    if (status != KT_OK) return status;
    kt_tensor_strings(tensor, log->decoded.strings, count);
    value->kind = KT_VALUE_STRINGS;
    value->strings = log->decoded.strings;
    value->count = count;
    value_shape(log, tensor, count, value, &wanted);
    value_compare(log, value, count, wanted);
    return KT_OK;
}

static kt_status value_numbers(kt_logdir *log, const kt_tensor_view *tensor, kt_value *value)
{
    int64_t count = kt_tensor_count(tensor), wanted;
    int parts = kt_tensor_parts(tensor);
    if (count < 0) {
        value_why(log, value, "the bytes of the tensor are not a whole number of %s", value->dtype_name);
        return KT_OK;
    }
    value_shape(log, tensor, count, value, &wanted);
    bool zeros = count == 0 && wanted > 0 && tensor->content.size == 0; /* nothing listed: zeros */
    bool spread = (count == 1 || zeros) && wanted > 1 && wanted <= SPREAD && tensor->content.size == 0;
    int64_t held = zeros ? 1 : count, shown = spread ? wanted : held;
    if (shown > INT64_MAX / 4)
        return kt_logdir_fail(log, KT_ERR_MEMORY, "kt_logdir_value: there is no memory for the tensor");
    kt_status status = value_room(log, &log->decoded.numbers, &log->decoded.number_room, shown * parts, sizeof(double));
    if (status != KT_OK) return status;
    double *numbers = log->decoded.numbers;
    if (zeros) memset(numbers, 0, (size_t)parts * sizeof *numbers);
    else kt_tensor_numbers(tensor, numbers, held * parts, NULL);
    for (int64_t i = parts; i < shown * parts && spread; i++) numbers[i] = numbers[i - parts];
    value->numbers = numbers;
    value->count = shown;
    value->content = tensor->content;
    if (!value->why && wanted > 1 && held == 1 && !spread && tensor->content.size == 0)
        value_why(log, value, "one number that stands for all %lld of its shape; it is given once", (long long)wanted);
    else if (!value->why) value_compare(log, value, shown, wanted);
    if (parts == 2) { /* complex numbers: pairs, as one more dimension */
        value->count *= 2;
        if (value->rank < KT_TENSOR_RANK) value->dim[value->rank++] = 2;
        else value_why(log, value, "complex numbers in a tensor of rank 8: they are given as pairs");
    }
    return KT_OK;
}

/* Rows of a histogram that is a tensor. */
static kt_status value_rows(kt_logdir *log, kt_value *value)
{
    int64_t rows = value->count / 3;
    if (value->rank != 2 || value->dim[1] != 3 || rows != value->dim[0] || value->count % 3 != 0) {
        if (!value->why)
            value_why(log, value,
                      "a histogram has rows of left edge, right edge and count; this one has another shape");
        return KT_OK;
    }
    kt_status status = value_room(log, &log->decoded.buckets, &log->decoded.bucket_room, rows, sizeof(kt_bucket));
    if (status != KT_OK) return status;
    for (int64_t i = 0; i < rows; i++) {
        const double *row = value->numbers + 3 * i;
        log->decoded.buckets[i] = (kt_bucket){ row[0], row[1], row[2] };
    }
    value->kind = KT_VALUE_BUCKETS;
    value->buckets = log->decoded.buckets;
    value->numbers = NULL;
    value->count = rows;
    return KT_OK;
}

static kt_status value_tensor(kt_logdir *log, const kt_curve *curve, const kt_value_view *view, kt_value *value)
{
    kt_tensor_view tensor;
    if (!kt_tensor_parse(view->pieces, &tensor)) {
        value_why(log, value, "the record's tensor is no TensorProto message");
        return KT_OK;
    }
    value->dtype = (int)tensor.dtype;
    value->dtype_name = kt_tensor_dtype(&tensor);
    if (!value->dtype_name) {
        value->dtype_name = "";
        value_why(log, value, "a tensor of element type %u, which is none of numbers or strings", tensor.dtype);
        return KT_OK;
    }
    if (tensor.dtype == KT_TENSOR_STRING) return value_strings(log, &tensor, value);
    kt_status status = value_numbers(log, &tensor, value);
    if (status != KT_OK || value->why || strcmp(curve->shown.plugin, "histograms") != 0) return status;
    return value_rows(log, value);
}

/* ---- The forms of TensorFlow 1 --------------------------------------------------------------- */

static int64_t doubles_at(kt_pieces pieces, unsigned number, int64_t from, double *to, int64_t most)
{
    kt_fields m;
    kt_field f;
    int64_t count = 0;
    while (kt_pieces_next(&pieces, &m))
        while (kt_fields_next(&m, &f)) {
            if (f.number != number || (f.type != KT_WIRE_BYTES && f.type != KT_WIRE_FIXED64)) continue;
            for (size_t i = 0; i + 8 <= f.size; i += 8, count++)
                if (count >= from && count - from < most) to[count - from] = kt_read_double(f.bytes + i);
        }
    return count;
}

static kt_status value_histo(kt_logdir *log, const kt_value_view *view, kt_value *value)
{
    double min = 0, max = 0;
    kt_pieces pieces = view->pieces;
    kt_fields m;
    kt_field f;
    while (kt_pieces_next(&pieces, &m))
        while (kt_fields_next(&m, &f)) {
            if (f.number == 1 && f.type == KT_WIRE_FIXED64) min = kt_read_double(f.bytes);
            if (f.number == 2 && f.type == KT_WIRE_FIXED64) max = kt_read_double(f.bytes);
        }
    int64_t limits = doubles_at(view->pieces, 6, 0, NULL, 0), counts = doubles_at(view->pieces, 7, 0, NULL, 0);
    value->kind = KT_VALUE_BUCKETS;
    value->dtype = KT_TENSOR_DOUBLE;
    value->dtype_name = "float64";
    value->rank = 2;
    value->dim[1] = 3;
    if (limits != counts) {
        value_why(log, value, "the histogram has %lld edges and %lld counts: TensorBoard refuses it", (long long)limits,
                  (long long)counts);
        return KT_OK;
    }
    if (limits == 0) return KT_OK;
    kt_status status = value_room(log, &log->decoded.numbers, &log->decoded.number_room, 2 * limits, sizeof(double));
    if (status == KT_OK)
        status = value_room(log, &log->decoded.buckets, &log->decoded.bucket_room, limits, sizeof(kt_bucket));
    if (status != KT_OK) return status;
    double *limit = log->decoded.numbers, *count = limit + limits;
    doubles_at(view->pieces, 6, 0, limit, limits);
    doubles_at(view->pieces, 7, 0, count, limits);
    int64_t first = 0, last = limits;
    while (first < last && !(count[first] > 0)) first++;
    while (last > first && !(count[last - 1] > 0)) last--;
    for (int64_t i = first; i < last; i++)
        log->decoded.buckets[i - first] =
            (kt_bucket){ i == first ? min : limit[i - 1], i == last - 1 ? max : limit[i], count[i] };
    value->buckets = log->decoded.buckets;
    value->count = value->dim[0] = last - first;
    return KT_OK;
}

/* Image: 1 height, 2 width, 4 bytes. Audio: 4 bytes. */
static kt_status value_media(kt_logdir *log, const kt_value_view *view, kt_value *value)
{
    kt_status status = value_room(log, &log->decoded.strings, &log->decoded.string_room, 3, sizeof(kt_blob));
    if (status != KT_OK) return status;
    int64_t size[3] = { 0 };
    kt_blob bytes = { "", 0 }, *strings = log->decoded.strings;
    kt_pieces pieces = view->pieces;
    kt_fields m;
    kt_field f;
    while (kt_pieces_next(&pieces, &m))
        while (kt_fields_next(&m, &f)) {
            if (f.type == KT_WIRE_VARINT && f.number < 3) size[f.number] = (int32_t)(uint32_t)f.value;
            if (f.type == KT_WIRE_BYTES && f.number == 4) bytes = kt_field_blob(&f);
        }
    value->kind = KT_VALUE_STRINGS;
    value->dtype = KT_TENSOR_STRING;
    value->dtype_name = "string";
    value->strings = strings;
    if (view->what == KT_VALUE_AUDIO) {
        strings[0] = bytes;
        strings[1] = (kt_blob){ "", 0 };
        value->rank = 2;
        value->dim[0] = 1;
        value->dim[1] = value->count = 2;
        return KT_OK;
    }
    char *text = log->decoded.text;
    int width = snprintf(text, 16, "%lld", (long long)size[2]),
        height = snprintf(text + 16, 16, "%lld", (long long)size[1]);
    strings[0] = (kt_blob){ text, (size_t)width };
    strings[1] = (kt_blob){ text + 16, (size_t)height };
    strings[2] = bytes;
    value->rank = 1;
    value->dim[0] = value->count = 3;
    return KT_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static kt_status value_event(kt_logdir *log, const unsigned char *payload, size_t n, kt_value *value)
{
    kt_event_view event;
    kt_blob bytes = { NULL, 0 }, tag;
    kt_status status = value_room(log, &log->decoded.strings, &log->decoded.string_room, 1, sizeof(kt_blob));
    if (status != KT_OK) return status;
    if (kt_event_parse(payload, n, &event)) {
        if (event.what == KT_EVENT_GRAPH) bytes = event.bytes;
        if (event.what == KT_EVENT_META_GRAPH) bytes = kt_meta_graph(event.bytes);
        if (event.what == KT_EVENT_TAGGED_METADATA) kt_tagged_metadata(event.pieces, &tag, &bytes);
    }
    log->decoded.strings[0] = bytes.bytes ? bytes : (kt_blob){ "", 0 };
    value->kind = KT_VALUE_BYTES;
    value->strings = log->decoded.strings;
    value->count = 1;
    value->dtype = KT_TENSOR_STRING;
    value->dtype_name = "string";
    return KT_OK;
}

static kt_status value_one(kt_logdir *log, double number, kt_value *value)
{
    kt_status status = value_room(log, &log->decoded.numbers, &log->decoded.number_room, 1, sizeof(double));
    if (status != KT_OK) return status;
    log->decoded.numbers[0] = number;
    value->numbers = log->decoded.numbers;
    value->count = 1;
    value->dtype = KT_TENSOR_FLOAT;
    value->dtype_name = "float32";
    return KT_OK;
}

kt_status kt_logdir_value(kt_logdir *log, const kt_series *series, int64_t point, kt_value *value)
{
    if (value) *value = (kt_value){ .dtype_name = "" };
    if (!log || !series || !value) return KT_ERR_STATE;
    kt_curve *curve = (kt_curve *)series; /* its first member */
    if (point < 0 || point >= curve->shown.count)
        return kt_logdir_fail(log, KT_ERR_VALUE, "kt_logdir_value: expected a point from 0 to %lld of \"%s\", got %lld",
                              (long long)curve->shown.count - 1, curve->shown.tag, (long long)point);
    if (curve->stored && !kt_index_load(curve))
        return kt_logdir_fail(log, KT_ERR_MEMORY, "kt_logdir_value: memory is short; free some");
    if (curve->scalar) return value_one(log, (double)curve->shown.values[point], value);
    const unsigned char *payload;
    uint64_t n;
    const kt_place *place = &curve->places[point];
    kt_status status = value_record(log, curve->run, place, &payload, &n);
    if (status != KT_OK) return status;
    if (curve->first == KT_FIRST_EVENT) return value_event(log, payload, (size_t)n, value);
    kt_fields rest =
        kt_fields_of(payload + (place->value < n ? place->value : n), place->value < n ? (size_t)n - place->value : 0);
    kt_field field;
    kt_value_view view;
    if (!kt_fields_next(&rest, &field) || field.type != KT_WIRE_BYTES || !kt_value_parse(kt_field_blob(&field), &view))
        return kt_logdir_fail(log, KT_ERR_FORMAT, "kt_logdir_value: the index does not fit the log; delete it");
    switch (view.what) {
    case KT_VALUE_SIMPLE: return value_one(log, (double)view.simple, value);
    case KT_VALUE_HISTO: return value_histo(log, &view, value);
    case KT_VALUE_IMAGE:
    case KT_VALUE_AUDIO: return value_media(log, &view, value);
    case KT_VALUE_TENSOR: return value_tensor(log, curve, &view, value);
    default: /* a value that is all in its metadata: hparams of old */
        value->rank = 1;
        value->dtype = KT_TENSOR_FLOAT;
        value->dtype_name = "float32";
        return KT_OK;
    }
}
