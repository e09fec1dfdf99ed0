/* SPDX-License-Identifier: MIT */
/* tests/data/test_idx.c: MNIST's format, plain and gzip, and MNIST itself where it is at hand. */
#define _GNU_SOURCE 1

#include "testing.h"

#ifdef KT_HAVE_ZLIB
#include <zlib.h>
#endif

/* Two rows of three int16. */
static const unsigned char small[] = { 0, 0, 0x0B, 2,    0,    0,    0,    2, 0, 0, 0, 3,
                                       0, 1, 0xFF, 0xFE, 0x7F, 0xFF, 0x80, 0, 0, 0, 1, 0 };

static void expect_small(kt_arrays *arrays)
{
    kt_array a = kt_arrays_get(arrays, "");
    static const int32_t expected[6] = { 1, -2, 32767, -32768, 0, 256 };
    assert_true(a.data && a.dtype == KT_INT32 && a.rank == 2 && a.dim[0] == 2 && a.dim[1] == 3);
    assert_memory_equal(a.data, expected, sizeof expected);
}

static void test_types(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    const char *path = test_path("a.idx");
    test_write(path, small, sizeof small);
    expect_small(kt_read_idx(kt, path));
    test_write(path, "\0\0\x08\1\0\0\0\3\0\x80\xFF", 11);
    kt_array a = kt_arrays_at(kt_read_idx(kt, path), 0);
    assert_true(a.dtype == KT_UINT8 && a.dim[0] == 3);
    assert_memory_equal(a.data, "\0\x80\xFF", 3);
    test_write(path, "\0\0\x09\1\0\0\0\2\x80\x7F", 10);
    a = kt_arrays_at(kt_read_idx(kt, path), 0);
    assert_true(((const int32_t *)a.data)[0] == -128 && ((const int32_t *)a.data)[1] == 127);
    test_write(path, "\0\0\x0C\1\0\0\0\1\xFF\xFF\xFF\xFE", 12);
    a = kt_arrays_at(kt_read_idx(kt, path), 0);
    assert_true(a.dtype == KT_INT32 && ((const int32_t *)a.data)[0] == -2);
    test_write(path, "\0\0\x0D\1\0\0\0\1\x3F\xC0\0\0", 12);
    a = kt_arrays_at(kt_read_idx(kt, path), 0);
    assert_true(a.dtype == KT_FLOAT32 && ((const float *)a.data)[0] == 1.5f);
    test_write(path, "\0\0\x0E\1\0\0\0\1\x3F\xF8\0\0\0\0\0\0", 16);
    a = kt_arrays_at(kt_read_idx(kt, path), 0);
    assert_true(a.dtype == KT_FLOAT64 && ((const double *)a.data)[0] == 1.5);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_hostile(void **state)
{
    (void)state;
    test_refused(kt_read_idx, "", 0, KT_ERR_FORMAT, "ends too early");
    test_refused(kt_read_idx, "abcdefgh", 8, KT_ERR_FORMAT, "expected an IDX file");
    test_refused(kt_read_idx, "\0\0\x0A\1\0\0\0\1x", 9, KT_ERR_FORMAT, "got 0, 0, 10, 1");
    test_refused(kt_read_idx, "\0\0\x08\0x", 5, KT_ERR_FORMAT, "expected an IDX file");
    test_refused(kt_read_idx, "\0\0\x08\x09", 4, KT_ERR_UNSUPPORTED, "at most 8 axes");
    test_refused(kt_read_idx, "\0\0\x08\1\xFF\xFF\xFF\xFFx", 9, KT_ERR_FORMAT, "at most 1 bytes follow");
    test_refused(kt_read_idx, "\0\0\x0E\4\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 20,
                 KT_ERR_FORMAT, "at most 0 bytes follow");
    test_refused(kt_read_idx, "\0\0\x08\1\0\0\0\1xy", 10, KT_ERR_FORMAT, "bytes follow after the data");
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("small.idx"));
    test_write(path, small, sizeof small);
    test_each_cut(kt_read_idx, path, 0);
    test_each_failure(kt_read_idx, path);
}

#ifdef KT_HAVE_ZLIB

static size_t pack(const void *bytes, size_t count, unsigned char *to, size_t size)
{
    z_stream z = {
        .next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)count, .next_out = to, .avail_out = (uInt)size
    };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return size - z.avail_out;
}

static void test_gzip(void **state)
{
    (void)state;
    unsigned char packed[4096];
    size_t n = pack(small, sizeof small, packed, sizeof packed);
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("small.gz"));
    test_write(path, packed, n);
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    expect_small(kt_read_idx(kt, path));
    test_each_cut(kt_read_idx, path, 0);
    test_each_failure(kt_read_idx, path);
    /* Two members, as `cat a.gz b.gz` makes. */
    size_t first = pack(small, 13, packed, sizeof packed);
    n = first + pack(small + 13, sizeof small - 13, packed + first, sizeof packed - first);
    test_write(path, packed, n);
    expect_small(kt_read_idx(kt, path));
    /* Damage: a wrong checksum, rubbish behind, a header that claims more than can be inside. */
    n = pack(small, sizeof small, packed, sizeof packed);
    packed[n - 5] ^= 1;
    test_refused(kt_read_idx, packed, n, KT_ERR_FORMAT, "gzip stream is damaged");
    packed[n - 5] ^= 1;
    memcpy(packed + n, "rubbish", 7);
    test_refused(kt_read_idx, packed, n + 7, KT_ERR_FORMAT, "damaged");
    static const unsigned char claims[] = { 0, 0, 0x08, 1, 0x7F, 0xFF, 0xFF, 0xFF };
    n = pack(claims, sizeof claims, packed, sizeof packed);
    test_refused(kt_read_idx, packed, n, KT_ERR_FORMAT, "the file is cut or damaged");
    static unsigned char longer[100000] = { 0, 0, 0x08, 1, 0, 0, 0, 100 };
    n = pack(longer, sizeof longer, packed, sizeof packed);
    test_refused(kt_read_idx, packed, n, KT_ERR_FORMAT, "bytes follow after the data");
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

#else

static void test_gzip(void **state)
{
    (void)state;
    test_refused(kt_read_idx, "\x1F\x8B\x08\0\0\0\0\0\0\0", 10, KT_ERR_MISSING, "zlib");
}

#endif

static void test_mnist(void **state)
{
    (void)state;
    const char *folder = getenv("KERATIN_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/mnist/t10k-images-idx3-ubyte.gz", folder ? folder : "/nonexistent");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no MNIST (set KERATIN_DATA)\n");
        skip();
    }
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_arrays *images = kt_read_idx(kt, path);
    if (!images) {
        assert_int_equal(kt_error(kt), KT_ERR_MISSING); /* built without zlib */
    } else {
        kt_array a = kt_arrays_at(images, 0);
        assert_true(a.dtype == KT_UINT8 && a.rank == 3 && a.dim[0] == 10000 && a.dim[1] == 28 && a.dim[2] == 28);
        double sum = 0;
        for (int i = 0; i < 7840000; i++) sum += ((const unsigned char *)a.data)[i];
        assert_true(sum / 7840000 > 33.7 && sum / 7840000 < 33.9); /* 33.79 as published */
        snprintf(path, sizeof path, "%s/mnist/t10k-labels-idx1-ubyte.gz", folder);
        a = kt_arrays_at(kt_read_idx(kt, path), 0);
        assert_memory_equal(a.data, "\7\2\1\0\4\1\4\x09\5\x09", 10);
    }
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_mnist),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_drop_folder);
}
