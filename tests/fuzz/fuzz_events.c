/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_events.c: libFuzzer over the reader of event files and of its own index.
 *
 * The first byte says how the rest is taken: 0, as an event file; 1, as an event file whose checksums are put right
 * first, so that what is inside the records is read; 2, as the length of an index (four bytes), the index, whose
 * checksums are put right, and an event file as in 1. Everything is asked for: each series, each value of each, each
 * record and the values in it, the problems and the files. All memory must come back, and at no time may it be more
 * than four times the file and what a log costs that holds nothing.
 */
#include <stdlib.h>

#include "summary/reader/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_memory {
    size_t used, most;
} fuzz_memory;

static void *fuzz_resize(void *old, size_t bytes, void *user)
{
    fuzz_memory *memory = user;
    size_t before = old ? ((size_t *)old)[-2] : 0;
    memory->used = memory->used - before + bytes;
    if (memory->used > memory->most) abort();
    size_t *block = realloc(old ? (size_t *)old - 2 : NULL, bytes + 16);
    if (!block) abort();
    block[0] = bytes;
    return block + 2;
}

static void *fuzz_allocate(size_t bytes, void *user) { return fuzz_resize(NULL, bytes, user); }

static void fuzz_release(void *block, void *user)
{
    if (!block) return;
    ((fuzz_memory *)user)->used -= ((size_t *)block)[-2];
    free((size_t *)block - 2);
}

static void repair_events(unsigned char *bytes, size_t size)
{
    for (size_t at = 0; size - at >= KT_RECORD_FRAME;) {
        uint64_t n = kt_read_le(bytes + at, 8);
        if (n > size - at - KT_RECORD_FRAME) n = bytes[at] & 127; /* most lengths are short */
        if (n > size - at - KT_RECORD_FRAME) n = size - at - KT_RECORD_FRAME;
        kt_record_seal(bytes + at, (size_t)n);
        at += (size_t)n + KT_RECORD_FRAME;
    }
}

static void repair_index(unsigned char *bytes, size_t size)
{
    kt_index_head head;
    if (size < sizeof head) return;
    memcpy(&head, bytes, sizeof head);
    memcpy(head.magic, KT_INDEX_MAGIC, sizeof head.magic);
    head.version = KT_INDEX_VERSION;
    head.order = KT_INDEX_ORDER;
    head.layout = KT_INDEX_LAYOUT;
    head.forget = 0;
    head.size = (int64_t)size;
    if (head.directory_at < (int64_t)sizeof head || head.directory_at > (int64_t)size) head.directory_at = sizeof head;
    head.directory_size = (int64_t)size - head.directory_at;
    head.directory_crc = kt_crc32c(bytes + head.directory_at, (size_t)head.directory_size);
    head.crc = kt_crc32c(&head, offsetof(kt_index_head, crc));
    memcpy(bytes, &head, sizeof head);
}

static unsigned sum_of(const void *bytes, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) sum += ((const unsigned char *)bytes)[i];
    return sum;
}

static unsigned sum_text(const char *text) { return sum_of(text, strlen(text)); }

static unsigned ask_value(kt_logdir *log, const kt_series *series, int64_t point)
{
    kt_value value;
    unsigned sum = 0;
    if (kt_logdir_value(log, series, point, &value) != KT_OK) return sum_text(kt_logdir_message(log));
    sum += sum_text(value.dtype_name) + (value.why ? sum_text(value.why) : 0);
    if (value.numbers) sum += sum_of(value.numbers, (size_t)value.count * sizeof *value.numbers);
    if (value.buckets) sum += sum_of(value.buckets, (size_t)value.count * sizeof *value.buckets);
    for (int64_t i = 0; value.strings && i < value.count; i++)
        sum += sum_of(value.strings[i].bytes, value.strings[i].size);
    return sum + sum_of(value.content.bytes, value.content.size);
}

static unsigned ask_everything(kt_logdir *log)
{
    unsigned sum = 0;
    for (int64_t i = 0; i < kt_logdir_series_count(log); i++) {
        const kt_series *series = kt_logdir_series(log, i);
        if (!series) continue; /* the index has lied about it and there is no memory for the rescue */
        sum += sum_text(series->run) + sum_text(series->tag) + sum_text(series->plugin) +
               sum_text(series->display_name) + sum_text(series->description) +
               sum_of(series->content, series->content_size);
        sum += sum_of(series->steps, (size_t)series->count * 8) + sum_of(series->wall_times, (size_t)series->count * 8);
        if (series->values) sum += sum_of(series->values, (size_t)series->count * 4);
        for (int64_t k = 0; k < series->count; k += 1 + k / 64) sum += ask_value(log, series, k);
    }
    for (int64_t i = 0; i < kt_logdir_problems(log); i++) sum += sum_text(kt_logdir_problem_at(log, i)->reason);
    for (int64_t i = 0; i < kt_logdir_files(log); i++) {
        kt_logdir_record record = { 0 };
        kt_logdir_record_value value;
        sum += sum_text(kt_logdir_file_at(log, i)->writer);
        for (int n = 0; n < 1000 && kt_logdir_record_at(log, i, record.next, &record) == KT_OK && record.frame.bytes;
             n++)
            for (int64_t k = 0; k < record.values && k < 100; k++)
                if (kt_logdir_record_value_at(log, &record, k, &value) == KT_OK)
                    sum += sum_of(value.tag.bytes, value.tag.size);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    unsigned char *copy = malloc(size);
    if (!copy) abort();
    memcpy(copy, data + 1, size - 1);
    kt_blob file = { copy, size - 1 }, index = { copy, 0 };
    if (data[0] % 3 == 2 && file.size >= 4) {
        index.size = (size_t)kt_read_le(copy, 4) % file.size;
        index.bytes = copy + 4;
        if (index.size > file.size - 4) index.size = file.size - 4;
        file = (kt_blob){ copy + 4 + index.size, file.size - 4 - index.size };
        repair_index(copy + 4, index.size);
    }
    if (data[0] % 3 != 0) repair_events(copy + (size - 1 - file.size), file.size);
    fuzz_memory memory = { .most = 4 * size + ((size_t)10 << 20) };
    kt_logdir_config config = { .size = sizeof config,
                                .threads = 1,
                                .forget_restarts = data[0] >= 128,
                                .allocator = { fuzz_allocate, fuzz_resize, fuzz_release, &memory } };
    kt_logdir *log = kt_logdir_open_memory(file, index, &config);
    if (!log) abort();
    volatile unsigned keep = ask_everything(log);
    if (kt_logdir_refresh(log, NULL) != KT_OK) abort();
    keep = keep + ask_everything(log);
    kt_logdir_close(log);
    if (memory.used != 0) abort();
    free(copy);
    return 0;
}
