/* SPDX-License-Identifier: MIT */
/* data/npy.c: NumPy's file format, versions 1 to 3.
 *
 * The header is a Python dictionary as text. It is read by a small parser that knows exactly the three keys the format
 * has; whatever else Python could say there (lists of fields, calls, long strings) is an error, and pickles (type
 * 'O') are never touched. Sizes are compared with what the file holds before memory is taken.
 */
#include "data/npy.h"

#include <string.h>

#include "core/tensor.h"
#include "data/arrays.h"
#include "data/elements.h"
#include "data/sink.h"

enum { HEADER_MOST = 65536 };

typedef struct npy_header {
    char type[24]; /* "<f4" */
    bool seen_type, seen_order, seen_shape, fortran;
    kt_shape shape;
    bool too_deep; /* more axes than the library has */
} npy_header;

/* ---- the dictionary ---- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) c->at++;
}

static bool accept(cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at >= c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

static bool accept_word(cursor *c, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0) return false;
    c->at += n;
    return true;
}

static bool take_text(cursor *c, char *to, size_t size)
{
    skip_blanks(c);
    if (c->at >= c->end || (*c->at != '\'' && *c->at != '"')) return false;
    char quote = *c->at++;
    size_t n = 0;
    for (; c->at < c->end && *c->at != quote; c->at++) {
        if (*c->at == '\\' || *c->at == 0 || n + 1 >= size) return false;
        to[n++] = *c->at;
    }
    to[n] = 0;
    return accept(c, quote);
}

static bool take_size(cursor *c, int64_t *value)
{
    skip_blanks(c);
    if (c->at >= c->end || *c->at < '0' || *c->at > '9') return false;
    int64_t v = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (!kt_mul_int64(v, 10, &v) || v > INT64_MAX - 9)
            return false;
        else
            v += *c->at - '0';
    if (c->at < c->end && *c->at == 'L') c->at++; /* Python 2 wrote long integers so */
    *value = v;
    return true;
}

static bool take_shape(cursor *c, npy_header *h)
{
    if (!accept(c, '(')) return false;
    while (!accept(c, ')')) {
        int64_t size;
        if (!take_size(c, &size)) return false;
        if (h->shape.rank < KT_MAX_RANK)
            h->shape.dim[h->shape.rank++] = size;
        else
            h->too_deep = true;
        if (!accept(c, ',')) return accept(c, ')');
    }
    return true;
}

static bool take_header(cursor *c, npy_header *h)
{
    char key[24];
    if (!accept(c, '{')) return false;
    while (!accept(c, '}')) {
        if (!take_text(c, key, sizeof key) || !accept(c, ':')) return false;
        bool *seen;
        if (strcmp(key, "descr") == 0) {
            seen = &h->seen_type;
            skip_blanks(c);
            if (c->at < c->end && *c->at == '[') { /* a record type: name it in the sentence */
                memcpy(h->type, "[...]", 6);
                h->seen_type = h->seen_order = h->seen_shape = true;
                return true;
            }
            if (!take_text(c, h->type, sizeof h->type)) return false;
        } else if (strcmp(key, "fortran_order") == 0) {
            seen = &h->seen_order;
            h->fortran = accept_word(c, "True");
            if (!h->fortran && !accept_word(c, "False")) return false;
        } else if (strcmp(key, "shape") == 0) {
            seen = &h->seen_shape;
            h->shape.rank = 0;
            if (!take_shape(c, h)) return false;
        } else {
            return false;
        }
        if (*seen) return false; /* twice */
        *seen = true;
        if (!accept(c, ',')) return accept(c, '}');
    }
    return true;
}

/* ---- reading ---- */

static kt_status take_length(kt_source *source, size_t *length)
{
    unsigned char head[12];
    static const unsigned char magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };
    kt_status status = kt_source_take(source, head, 8);
    if (status != KT_OK) return status;
    if (memcmp(head, magic, sizeof magic) != 0)
        return kt_source_fail(source, KT_ERR_FORMAT, "expected a NumPy array (.npy), got a file that begins otherwise");
    int version = head[6];
    if (version < 1 || version > 3 || head[7] != 0)
        return kt_source_fail(source, KT_ERR_UNSUPPORTED, "expected version 1.0, 2.0 or 3.0 of the format, got %d.%d",
                              version, head[7]);
    size_t bytes = version == 1 ? 2 : 4;
    status = kt_source_take(source, head + 8, bytes);
    if (status != KT_OK) return status;
    uint64_t n = 0;
    for (size_t i = bytes; i-- > 0;) n = n << 8 | head[8 + i];
    if (n > HEADER_MOST || n > source->left)
        return kt_source_fail(source, KT_ERR_FORMAT, "the header claims %llu bytes; the file is damaged",
                              (unsigned long long)n);
    *length = (size_t)n;
    return KT_OK;
}

static kt_status read_header(kt_source *source, npy_header *h)
{
    size_t length = 0;
    kt_status status = take_length(source, &length);
    if (status != KT_OK) return status;
    char *text = kt_take(source->kt, length + 1);
    if (!text) return source->kt->status;
    status = kt_source_take(source, text, length);
    if (status == KT_OK) {
        cursor c = { text, text + length };
        *h = (npy_header){ .seen_type = false };
        bool whole = take_header(&c, h) && h->seen_type && h->seen_order && h->seen_shape;
        char quote[KT_QUOTE_SIZE];
        if (!whole)
            status = kt_source_fail(source, KT_ERR_FORMAT,
                                    "the header is not what NumPy writes: expected a dictionary of descr, "
                                    "fortran_order and shape, got %s",
                                    kt_quote(quote, text, length));
    }
    kt_give(source->kt, text);
    return status;
}

static kt_status element_of(kt_source *source, const char *type, kt_element *e)
{
    char order = type[0];
    *e = (kt_element){ .kind = 0 };
    if (order && strchr("<>=|", order) && type[1] && type[2] >= '1' && type[2] <= '9' && !type[3])
        *e = (kt_element){ .kind = type[1],
                           .width = type[2] - '0',
                           .big = order == '>' || (order == '=' && kt_machine_is_big()) };
    if (kt_element_dtype(*e) != KT_DTYPE_DEFAULT) return KT_OK;
    char quote[KT_QUOTE_SIZE];
    return kt_source_fail(source, KT_ERR_UNSUPPORTED,
                          "elements of type '%s'%s: expected float16, 32 or 64, int8 to int64, uint8 "
                          "to uint64 or bool; convert them with numpy.ndarray.astype",
                          kt_quote(quote, type, strlen(type)),
                          type[0] && type[1] == 'O' ? " (Python objects, which are pickled and never read here)" : "");
}

/* The elements of an array of `shape` at `from`, in Fortran order, to C order. */
static void reorder(const unsigned char *from, unsigned char *to, size_t size, const kt_shape *shape, int64_t count)
{
    int64_t stride[KT_MAX_RANK], index[KT_MAX_RANK] = { 0 }, at = 0;
    for (int i = shape->rank - 1; i >= 0; i--) stride[i] = i == shape->rank - 1 ? 1 : stride[i + 1] * shape->dim[i + 1];
    for (int64_t n = 0; n < count; n++, from += size) {
        memcpy(to + (size_t)at * size, from, size);
        for (int i = 0; i < shape->rank; i++) { /* the first index runs fastest */
            at += stride[i];
            if (++index[i] < shape->dim[i]) break;
            at -= stride[i] * shape->dim[i];
            index[i] = 0;
        }
    }
}

kt_status kt_npy_take(kt_source *source, kt_arrays *to, const char *name)
{
    npy_header h;
    kt_element e;
    kt_status status = read_header(source, &h);
    if (status == KT_OK) status = element_of(source, h.type, &e);
    if (status != KT_OK) return status;
    if (h.too_deep)
        return kt_source_fail(source, KT_ERR_UNSUPPORTED, "expected at most %d axes, got more; reshape the array",
                              KT_MAX_RANK);

    int64_t count = kt_shape_elements(&h.shape);
    size_t bytes;
    if (count < 0 || !kt_mul_size((size_t)count, (size_t)e.width, &bytes) || bytes > source->left) {
        char dims[192];
        kt_text text = kt_text_in(dims, sizeof dims);
        kt_text_dims(&text, h.shape.dim, h.shape.rank);
        return kt_source_fail(source, KT_ERR_FORMAT,
                              "the header announces %s elements of %d bytes, but only %llu bytes follow; "
                              "the file is cut or damaged",
                              dims, e.width, (unsigned long long)source->left);
    }
    kt_dtype dtype = kt_element_dtype(e);
    void *memory = kt_arrays_add(to, source->reader, name, dtype, h.shape);
    if (!memory) return source->kt->status;
    if (h.fortran && h.shape.rank > 1) {
        void *stage = kt_take(source->kt, (size_t)count * kt_dtype_size(dtype));
        if (!stage) return source->kt->status;
        status = kt_elements_take(source, e, stage, (size_t)count);
        if (status == KT_OK) reorder(stage, memory, kt_dtype_size(dtype), &h.shape, count);
        kt_give(source->kt, stage);
    } else {
        status = kt_elements_take(source, e, memory, (size_t)count);
    }
    return status == KT_OK ? kt_source_end(source) : status;
}

kt_arrays *kt_read_npy(kt_context *kt, const char *path)
{
    if (!kt) return NULL;
    kt_file_source file;
    if (kt_file_open(&file, kt, "kt_read_npy", path) != KT_OK) return NULL;
    kt_arrays *arrays = kt_arrays_new(kt);
    if (arrays && kt_npy_take(&file.source, arrays, "") != KT_OK) {
        kt_arrays_free(arrays);
        arrays = NULL;
    }
    kt_file_close(&file);
    return arrays;
}

/* ---- writing ---- */

size_t kt_npy_head(unsigned char head[KT_NPY_HEAD], const kt_array *array)
{
    const char *type = "f4";
    switch (array->dtype) {
    case KT_FLOAT64: type = "f8"; break;
    case KT_INT32: type = "i4"; break;
    case KT_INT64: type = "i8"; break;
    case KT_BOOL: type = "b1"; break;
    case KT_UINT8: type = "u1"; break;
    case KT_FLOAT32:
    case KT_DTYPE_DEFAULT: break;
    }
    char order = kt_dtype_size(array->dtype) == 1 ? '|' : kt_machine_is_big() ? '>' : '<';
    kt_text text = kt_text_in((char *)head + 10, KT_NPY_HEAD - 10);
    kt_text_add(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': ", order, type);
    kt_text_dims(&text, array->dim, array->rank);
    kt_text_add(&text, ", }");
    size_t length = 10 + text.length, whole = (length + 1 + 63) / 64 * 64;
    memset(head + length, ' ', whole - length);
    head[whole - 1] = '\n';
    static const unsigned char magic[8] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0 };
    memcpy(head, magic, sizeof magic);
    head[8] = (unsigned char)((whole - 10) & 255);
    head[9] = (unsigned char)((whole - 10) >> 8);
    return whole;
}

kt_status kt_write_npy(kt_context *kt, const char *path, kt_array array)
{
    const char *writer = "kt_write_npy";
    if (!kt) return KT_ERR_VALUE;
    if (kt->status != KT_OK) return kt->status;
    kt_status status = kt_check_array(kt, writer, "array", &array);
    if (status != KT_OK) return status;
    kt_sink sink;
    status = kt_sink_open(&sink, kt, writer, path);
    if (status != KT_OK) return status;
    unsigned char head[KT_NPY_HEAD];
    status = kt_sink_write(&sink, head, kt_npy_head(head, &array));
    kt_desc desc = { .dtype = array.dtype, .rank = array.rank };
    memcpy(desc.dim, array.dim, sizeof desc.dim);
    if (status == KT_OK)
        status = kt_sink_write(&sink, array.data, kt_desc_elements(&desc) * kt_dtype_size(array.dtype));
    return kt_sink_close(&sink, status);
}
