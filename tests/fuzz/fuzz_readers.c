/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_readers.c: libFuzzer over the readers of arrays and tables.
 *
 * The first byte says which reader and, for tables, with which options; the rest is the file. Whatever comes in, the
 * reader must end with arrays whose every byte can be read, or with an error and a sentence; all memory must come back,
 * and no request may be out of proportion to the file.
 */
#define _GNU_SOURCE 1

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/tensor.h"
#include "data/arrays.h"
#include "data/csv.h"
#include "data/idx.h"
#include "data/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_memory {
    size_t file;
    long long out;
} fuzz_memory;

static void *fuzz_resize(void *old, size_t bytes, void *user)
{
    fuzz_memory *memory = user;
    /* gzip can make 1,032 bytes of one, widened by up to 4; one-hot columns have 256 MiB free, then 100 times the
     * file. */
    if (bytes > ((size_t)300 << 20) + 5000 * memory->file) abort();
    if (!old) memory->out++;
    return realloc(old, bytes);
}

static void *fuzz_allocate(size_t bytes, void *user) { return fuzz_resize(NULL, bytes, user); }

static void fuzz_release(void *block, void *user)
{
    if (block) ((fuzz_memory *)user)->out--;
    free(block);
}

static bool read_one(kt_context *kt, uint8_t how, const uint8_t *data, size_t size, kt_arrays **arrays)
{
    kt_memory_source memory;
    kt_memory_open(&memory, kt, "fuzz", data, size);
    static const char *const targets[] = { NULL, "0", "a", "b,c", "1,0", "x y" };
    kt_csv_config table = { .size = sizeof table,
                            .target = targets[(how >> 2) % 6],
                            .separator = how & 128 ? ';' : 0,
                            .no_target = (how >> 2) % 16 == 15,
                            .drop_text = how & 64 };
    int fd;
    char path[64];
    switch (how & 3) {
    case 0: return kt_npy_take(&memory.source, *arrays, "") == KT_OK;
    case 1: return kt_idx_take(&memory.source, *arrays) == KT_OK;
    case 2: return kt_csv_take(&memory.source, &table, *arrays) == KT_OK;
    default: break;
    }
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    kt_arrays *read = kt_read_npz(kt, path);
    close(fd);
    if (!read) return false;
    kt_arrays_free(*arrays);
    *arrays = read;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    fuzz_memory memory = { .file = size };
    kt_context_config config = { .size = sizeof config,
                                 .allocator = { fuzz_allocate, fuzz_resize, fuzz_release, &memory } };
    kt_context *kt = kt_context_begin(&config);
    kt_arrays *arrays = kt ? kt_arrays_new(kt) : NULL;
    if (!arrays) abort();
    bool read = read_one(kt, data[0], data + 1, size - 1, &arrays);
    if (read != (kt_error(kt) == KT_OK) || (!read && !kt_message(kt)[0])) abort();
    unsigned sum = 0;
    for (int64_t i = 0; read && i < kt_arrays_count(arrays); i++) {
        kt_array a = kt_arrays_at(arrays, i);
        kt_shape shape = { .rank = a.rank };
        for (int k = 0; k < a.rank; k++) shape.dim[k] = a.dim[k];
        size_t bytes = (size_t)kt_shape_count(shape) * kt_dtype_size(a.dtype);
        for (size_t b = 0; b < bytes; b++) sum += ((const unsigned char *)a.data)[b];
    }
    volatile unsigned keep = sum;
    (void)keep;
    kt_context_end_objects(kt);
    kt_context_end(kt);
    if (memory.out) abort();
    return 0;
}
