/* SPDX-License-Identifier: MIT */
/* data/idx.c: the format of MNIST's files, plain or gzip.
 *
 * Four bytes (0, 0, element type, number of axes), the sizes as big-endian 32-bit numbers, then the elements,
 * big-endian, last axis fastest. Whether a file is gzip is seen from its first bytes, not from its name.
 */
#include <string.h>

#include "data/arrays.h"
#include "data/elements.h"
#include "data/idx.h"

static bool element_of(unsigned char code, kt_element *e)
{
    switch (code) {
    case 0x08: *e = (kt_element){ 'u', 1, true }; return true;
    case 0x09: *e = (kt_element){ 'i', 1, true }; return true;
    case 0x0B: *e = (kt_element){ 'i', 2, true }; return true;
    case 0x0C: *e = (kt_element){ 'i', 4, true }; return true;
    case 0x0D: *e = (kt_element){ 'f', 4, true }; return true;
    case 0x0E: *e = (kt_element){ 'f', 8, true }; return true;
    default: return false;
    }
}

static kt_status take_shape(kt_source *source, int rank, kt_shape *shape)
{
    unsigned char size[4];
    shape->rank = rank;
    for (int i = 0; i < rank; i++) {
        kt_status status = kt_source_take(source, size, sizeof size);
        if (status != KT_OK) return status;
        shape->dim[i] = (int64_t)size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3];
    }
    return KT_OK;
}

static kt_status take_array(kt_source *source, const unsigned char head[4], kt_arrays *to)
{
    kt_element e;
    kt_shape shape = { .rank = 0 };
    if (head[0] != 0 || head[1] != 0 || !element_of(head[2], &e) || head[3] < 1)
        return kt_source_fail(source, KT_ERR_FORMAT,
                              "expected an IDX file (bytes 0, 0, a known type, a number of axes), got "
                              "%d, %d, %d, %d",
                              head[0], head[1], head[2], head[3]);
    if (head[3] > KT_MAX_RANK)
        return kt_source_fail(source, KT_ERR_UNSUPPORTED, "expected at most %d axes, got %d", KT_MAX_RANK, head[3]);
    kt_status status = take_shape(source, head[3], &shape);
    if (status != KT_OK) return status;

    int64_t count = kt_shape_elements(&shape);
    size_t bytes;
    if (count < 0 || !kt_mul_size((size_t)count, (size_t)e.width, &bytes) || bytes > source->left) {
        char dims[192];
        kt_text text = kt_text_in(dims, sizeof dims);
        kt_text_dims(&text, shape.dim, shape.rank);
        return kt_source_fail(source, KT_ERR_FORMAT,
                              "the header announces %s elements of %d bytes, but at most %llu bytes "
                              "follow; the file is cut or damaged",
                              dims, e.width, (unsigned long long)source->left);
    }
    void *memory = kt_arrays_add(to, source->reader, "", kt_element_dtype(e), shape);
    if (!memory) return source->kt->status;
    status = kt_elements_take(source, e, memory, (size_t)count);
    return status == KT_OK ? kt_source_end(source) : status;
}

kt_status kt_idx_take(kt_source *source, kt_arrays *to)
{
    unsigned char head[4];
    kt_status status = kt_source_take(source, head, sizeof head);
    if (status != KT_OK) return status;
    if (head[0] != 0x1F || head[1] != 0x8B) return take_array(source, head, to);

    kt_source *gzip = kt_gzip_open(source, head, sizeof head);
    if (!gzip) return source->kt->status;
    status = kt_source_take(gzip, head, sizeof head);
    if (status == KT_OK) status = take_array(gzip, head, to);
    kt_gzip_close(gzip);
    return status;
}

kt_arrays *kt_read_idx(kt_context *kt, const char *path)
{
    if (!kt) return NULL;
    kt_file_source file;
    if (kt_file_open(&file, kt, "kt_read_idx", path) != KT_OK) return NULL;
    kt_arrays *arrays = kt_arrays_new(kt);
    if (arrays && kt_idx_take(&file.source, arrays) != KT_OK) {
        kt_arrays_free(arrays);
        arrays = NULL;
    }
    kt_file_close(&file);
    return arrays;
}
