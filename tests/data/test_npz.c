/* SPDX-License-Identifier: MIT */
/* tests/data/test_npz.c: archives: our own, libzip's as numpy.savez_compressed makes them, and bombs. */
#define _GNU_SOURCE 1

#include "testing.h"

#ifdef KT_HAVE_LIBZIP
#include <zip.h>
#endif

static const float kernel[6] = { 1, 2, 3, 4, 5, 6 };
static const int64_t steps[1] = { 77 };

static void write_two(kt_context *kt, const char *path)
{
    const char *names[2] = { "sequential/dense/kernel", "schritt\xC3\xA4" };
    kt_array arrays[2] = { kt_floats(kernel, 2, 3), kt_array_of(steps, KT_INT64, (kt_shape){ 0, { 0 } }) };
    if (kt_write_npz(kt, path, names, arrays, 2) != KT_OK) fail_msg("%s", kt_message(kt));
}

/* The archive's bytes, checked against the format's own description: signatures, offsets, the known CRC of known
 * data. */
static void test_written_bytes(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    static const char *const name[1] = { "a" };
    kt_array array = kt_array_of("123456789", KT_UINT8, KT_SHAPE(9));
    unsigned char first[1024], again[1024];
    assert_int_equal(kt_write_npz(kt, test_path("w.npz"), name, &array, 1), KT_OK);
    size_t n = test_read(test_path("w.npz"), first, sizeof first);
    assert_int_equal(n, 30 + 5 + 128 + 9 + 46 + 5 + 22);
    assert_memory_equal(first, "PK\3\4", 4);
    assert_memory_equal(first + 30, "a.npy", 5);
    assert_memory_equal(first + 35, "\x93NUMPY\1\0", 8);
    assert_memory_equal(first + 35 + 128, "123456789", 9);
    assert_memory_equal(first + 172, "PK\1\2", 4);
    assert_memory_equal(first + 172 + 51, "PK\5\6", 4);
    assert_int_equal(first[18] | first[19] << 8, 137);
    assert_memory_equal(first + 14, first + 172 + 16, 4); /* both headers have the same checksum */
    assert_int_equal(kt_write_npz(kt, test_path("w.npz"), name, &array, 1), KT_OK);
    assert_int_equal(test_read(test_path("w.npz"), again, sizeof again), n);
    assert_memory_equal(first, again, n); /* no clock in it */
    assert_int_equal(kt_write_npz(kt, test_path("empty.npz"), NULL, NULL, 0), KT_OK);
    assert_int_equal(test_read(test_path("empty.npz"), again, sizeof again), 22);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_bad_lists(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_array two[2] = { kt_floats(kernel, 6), kt_floats(kernel, 6) };
    const char *names[2] = { "a", "a" };
    assert_int_equal(kt_write_npz(kt, test_path("n.npz"), names, two, 2), KT_ERR_NAME);
    assert_non_null(strstr(kt_message(kt), "two arrays have the name 'a'"));
    kt_clear_error(kt);
    names[1] = NULL;
    assert_int_equal(kt_write_npz(kt, test_path("n.npz"), names, two, 2), KT_ERR_NAME);
    kt_clear_error(kt);
    assert_int_equal(kt_write_npz(kt, test_path("n.npz"), NULL, two, 2), KT_ERR_VALUE);
    kt_clear_error(kt);
    assert_int_equal(kt_write_npz(kt, test_path("n.npz"), names, two, -1), KT_ERR_VALUE);
    kt_clear_error(kt);
    names[1] = "b";
    two[1].dim[0] = -5;
    assert_int_equal(kt_write_npz(kt, test_path("n.npz"), names, two, 2), KT_ERR_SHAPE);
    assert_int_not_equal(access(test_path("n.npz"), F_OK), 0);
    assert_int_equal(kt_write_npz(NULL, test_path("n.npz"), names, two, 2), KT_ERR_VALUE);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_writing_without_memory(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("m.npz"));
    for (long long n = 1;; n++) {
        test_memory memory = { .fail_at = 0 };
        kt_context *kt = test_context(&memory);
        const char *names[1] = { "a" };
        kt_array array = kt_floats(kernel, 6);
        memory.fail_at = memory.requests + n;
        kt_status status = kt_write_npz(kt, path, names, &array, 1);
        bool reached = memory.requests >= memory.fail_at;
        assert_int_equal(status, reached ? KT_ERR_MEMORY : KT_OK);
        assert_true((access(path, F_OK) == 0) == !reached);
        test_end(kt);
        assert_int_equal(memory.out, 0);
        if (!reached) break;
    }
}

#ifdef KT_HAVE_LIBZIP

static void expect_two(kt_context *kt, kt_arrays *arrays)
{
    if (!arrays) fail_msg("%s", kt_message(kt));
    assert_int_equal(kt_arrays_count(arrays), 2);
    assert_string_equal(kt_arrays_name(arrays, 0), "sequential/dense/kernel");
    kt_array a = kt_arrays_get(arrays, "sequential/dense/kernel"), b = kt_arrays_get(arrays, "schritt\xC3\xA4");
    assert_true(a.dtype == KT_FLOAT32 && a.rank == 2 && a.dim[0] == 2 && a.dim[1] == 3);
    assert_memory_equal(a.data, kernel, sizeof kernel);
    assert_true(b.dtype == KT_INT64 && b.rank == 0);
    assert_memory_equal(b.data, steps, sizeof steps);
    assert_null(kt_arrays_get(arrays, "bias").data);
    assert_null(kt_arrays_at(arrays, 2).data);
    assert_null(kt_arrays_at(arrays, -1).data);
    assert_string_equal(kt_arrays_name(arrays, 2), "");
}

static void test_round_trip(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("two.npz"));
    write_two(kt, path);
    kt_arrays *arrays = kt_read_npz(kt, path);
    expect_two(kt, arrays);
    kt_arrays_free(arrays);
    kt_arrays_free(NULL);
    assert_int_equal(kt_arrays_count(NULL), 0);
    assert_int_equal(kt_write_npz(kt, test_path("none.npz"), NULL, NULL, 0), KT_OK);
    assert_int_equal(kt_arrays_count(kt_read_npz(kt, test_path("none.npz"))), 0);
    test_each_failure(kt_read_npz, path);
    test_each_cut(kt_read_npz, path, 0);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

/* An archive of one member "x.npy" (or `name`), packed by libzip. */
static void make_zip(const char *path, const char *name, const void *bytes, size_t count, int method)
{
    int code;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(zip);
    zip_source_t *source = zip_source_buffer(zip, bytes, count, 0);
    zip_int64_t i = zip_file_add(zip, name, source, 0);
    assert_true(i >= 0);
    zip_set_file_compression(zip, (zip_uint64_t)i, method, 9);
    assert_int_equal(zip_close(zip), 0);
}

static unsigned char npy[200000];

static size_t make_npy(int elements)
{
    memset(npy, 0, sizeof npy);
    char dictionary[128];
    int n = snprintf(dictionary, sizeof dictionary, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }\n",
                     elements);
    unsigned char head[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)n, 0 };
    memcpy(npy, head, 10);
    memcpy(npy + 10, dictionary, (size_t)n);
    return 10 + (size_t)n + 4 * (size_t)elements;
}

static void put_size(unsigned char *at, uint32_t size)
{
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(size >> 8 * i);
}

static void test_packed_and_bombs(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    static unsigned char bytes[1 << 16];
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("packed.npz"));
    size_t n = make_npy(40000);
    make_zip(path, "x.npy", npy, n, ZIP_CM_DEFLATE);
    kt_arrays *arrays = kt_read_npz(kt, path);
    if (!arrays) fail_msg("%s", kt_message(kt));
    assert_int_equal(kt_arrays_get(arrays, "x").dim[0], 40000);
    size_t count = test_read(path, bytes, sizeof bytes);
    assert_true(count < 1000);
    test_each_failure(kt_read_npz, path);

    /* The directory claims 4 GB for some hundred bytes. */
    unsigned char *central = memmem(bytes, count, "PK\1\2", 4);
    assert_non_null(central);
    put_size(central + 24, 0xF0000000u);
    test_refused(kt_read_npz, bytes, count, KT_ERR_FORMAT, "could be made to fill the memory");
    put_size(central + 24, (uint32_t)n);
    /* Stored bytes beyond the file. */
    put_size(central + 20, 0x7FFFFFFFu);
    test_refused(kt_read_npz, bytes, count, KT_ERR_FORMAT, "");
    /* An array that claims more than its member holds. */
    n = make_npy(4000);
    memcpy(strstr((char *)npy + 10, "4000"), "9999", 4);
    make_zip(path, "x.npy", npy, n, ZIP_CM_STORE);
    count = test_read(path, bytes, sizeof bytes);
    test_refused(kt_read_npz, bytes, count, KT_ERR_FORMAT, "'x.npy': the header announces (9999,)");
    /* A wrong checksum. */
    n = make_npy(100);
    make_zip(path, "x.npy", npy, n, ZIP_CM_STORE);
    count = test_read(path, bytes, sizeof bytes);
    unsigned char *data = memmem(bytes, count, "\x93NUMPY", 6);
    data[n - 1] ^= 1;
    test_refused(kt_read_npz, bytes, count, KT_ERR_FORMAT, "damaged");
    /* Two members in the same place: the bytes would count twice. */
    n = make_npy(100);
    make_zip(path, "x.npy", npy, n, ZIP_CM_STORE);
    count = test_read(path, bytes, sizeof bytes);
    central = memmem(bytes, count, "PK\1\2", 4);
    size_t one = 46 + 5, at = (size_t)(central - bytes);
    memmove(central + one, central, count - at);
    count += one;
    central[46 + 4] = 'z'; /* another name, so that only the place is the same */
    unsigned char *end = memmem(bytes, count, "PK\5\6", 4);
    end[8] = end[10] = 2;
    put_size(end + 12, (uint32_t)(2 * one));
    test_refused(kt_read_npz, bytes, count, KT_ERR_FORMAT, "");
    /* What is no archive of arrays. */
    make_zip(path, "readme.txt", "hello", 5, ZIP_CM_STORE);
    count = test_read(path, bytes, sizeof bytes);
    test_refused(kt_read_npz, bytes, count, KT_ERR_FORMAT, "'readme.txt': expected arrays only");
    make_zip(path, "evil\x1b[2J.npy", "hello", 5, ZIP_CM_STORE);
    count = test_read(path, bytes, sizeof bytes);
    test_refused(kt_read_npz, bytes, count, KT_ERR_FORMAT, "[2J.npy': ends too early");
    test_refused(kt_read_npz, "", 0, KT_ERR_FORMAT, "");
    test_refused(kt_read_npz, "\x93NUMPY\1\0 an array by itself", 27, KT_ERR_FORMAT, "expected a NumPy archive");
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

#else

static void test_round_trip(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    write_two(kt, test_path("two.npz"));
    assert_null(kt_read_npz(kt, test_path("two.npz")));
    assert_int_equal(kt_error(kt), KT_ERR_MISSING);
    assert_non_null(strstr(kt_message(kt), "libzip"));
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_packed_and_bombs(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_bytes),          cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_writing_without_memory), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_packed_and_bombs),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_drop_folder);
}
