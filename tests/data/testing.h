/* SPDX-License-Identifier: MIT */
/* tests/data/testing.h: what the tests of readers and data sets share.
 *
 * A context made of core alone (readers and data sets need no engine), over an allocator that counts what is out and
 * can refuse the n-th request; files of given bytes in a folder of the test's own; and the two sweeps that every reader
 * must survive: each allocation failed in turn, and the file cut after each byte.
 */
#ifndef KT_TESTS_DATA_TESTING_H
#define KT_TESTS_DATA_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <keratin/data.h>

#include "core/context.h"

typedef struct test_memory {
    long long out, requests, fail_at; /* fail_at: the number of the request refused, from 1; 0: none */
    size_t largest;
} test_memory;

static inline bool test_refuses(test_memory *memory, size_t bytes)
{
    if (bytes > memory->largest) memory->largest = bytes;
    return ++memory->requests == memory->fail_at;
}

static inline void *test_allocate(size_t bytes, void *user)
{
    test_memory *memory = user;
    if (test_refuses(memory, bytes)) return NULL;
    void *block = malloc(bytes);
    if (block) memory->out++;
    return block;
}

static inline void *test_resize(void *old, size_t bytes, void *user)
{
    test_memory *memory = user;
    if (test_refuses(memory, bytes)) return NULL;
    if (!old) memory->out++;
    return realloc(old, bytes);
}

static inline void test_release(void *block, void *user)
{
    test_memory *memory = user;
    if (block) memory->out--;
    free(block);
}

static inline kt_context *test_context(test_memory *memory)
{
    kt_context_config config = { .size = sizeof config,
                                 .threads = 1,
                                 .floatx = KT_FLOAT32,
                                 .allocator = { test_allocate, test_resize, test_release, memory } };
    return kt_context_begin(&config);
}

static inline void test_end(kt_context *kt)
{
    kt_context_end_objects(kt);
    kt_context_end(kt);
}

/* ---- files ---- */

static char test_folder[64];

static inline int test_make_folder(void **state)
{
    (void)state;
    snprintf(test_folder, sizeof test_folder, "/tmp/keratin-data-XXXXXX");
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int test_drop_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", test_folder);
    return system(command);
}

static inline const char *test_path(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", test_folder, name);
    return path;
}

static inline void test_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (count) assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static inline size_t test_read(const char *path, unsigned char *to, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(to, 1, size, file);
    fclose(file);
    return n;
}

/* ---- sweeps ---- */

typedef kt_arrays *test_reader(kt_context *kt, const char *path);

/* Reading must say KT_ERR_MEMORY for each refused request, and leave nothing behind. */
static inline void test_each_failure(test_reader *read, const char *path)
{
    for (long long n = 1;; n++) {
        assert_true(n < 1000);
        test_memory memory = { .fail_at = 0 };
        kt_context *kt = test_context(&memory);
        assert_non_null(kt);
        memory.fail_at = memory.requests + n;
        kt_arrays *arrays = read(kt, path);
        bool reached = memory.requests >= memory.fail_at;
        if (arrays)
            assert_int_equal(kt_error(kt), KT_OK);
        else if (kt_error(kt) != KT_ERR_MEMORY)
            fail_msg("request %lld: %s", n, kt_message(kt));
        test_end(kt);
        assert_int_equal(memory.out, 0);
        if (!reached) {
            assert_non_null(arrays);
            return;
        }
    }
}

/* Every shorter file must be an error with a sentence, not more; `may_pass`: bytes at the end that can be spared. */
static inline void test_each_cut(test_reader *read, const char *path, size_t may_pass)
{
    static unsigned char bytes[1 << 16];
    size_t count = test_read(path, bytes, sizeof bytes);
    assert_true(count < sizeof bytes);
    char cut[300];
    snprintf(cut, sizeof cut, "%s.cut", path);
    for (size_t n = 0; n < count; n++) {
        test_write(cut, bytes, n);
        test_memory memory = { .fail_at = 0 };
        kt_context *kt = test_context(&memory);
        kt_arrays *arrays = read(kt, cut);
        if (n + may_pass < count) {
            if (arrays) fail_msg("cut to %zu of %zu bytes and read all the same", n, count);
            assert_int_not_equal(kt_error(kt), KT_OK);
            assert_true(strlen(kt_message(kt)) > 20);
        }
        test_end(kt);
        assert_int_equal(memory.out, 0);
        assert_true(memory.largest < 1 << 20);
    }
}

/* The file of these bytes must be refused with this status and a sentence that holds `part`. */
static inline void test_refused(test_reader *read, const void *bytes, size_t count, kt_status status, const char *part)
{
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("refused"));
    test_write(path, bytes, count);
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    assert_null(read(kt, path));
    if (kt_error(kt) != status || !strstr(kt_message(kt), part))
        fail_msg("expected status %d and '%s', got status %d: %s", (int)status, part, (int)kt_error(kt),
                 kt_message(kt));
    for (const char *at = kt_message(kt); *at; at++)
        assert_true((unsigned char)*at >= 32); /* nothing for a terminal to obey */
    test_end(kt);
    assert_int_equal(memory.out, 0);
    assert_true(memory.largest < 1 << 22);
}

#endif
