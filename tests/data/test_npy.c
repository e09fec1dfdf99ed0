/* SPDX-License-Identifier: MIT */
/* tests/data/test_npy.c: NumPy arrays: what numpy.save writes, byte by byte, and what it never would. */
#define _GNU_SOURCE 1

#include "testing.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/resource.h>
#include <signal.h>

typedef struct file {
    unsigned char bytes[4096];
    size_t count;
} file;

/* A .npy file of this version with this dictionary and data. */
static file npy(int version, const char *dictionary, const void *data, size_t count)
{
    file f = { .count = 0 };
    size_t n = strlen(dictionary), head = version == 1 ? 10 : 12;
    unsigned char begin[12] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0, (unsigned char)(n & 255), (unsigned char)(n >> 8),
        0,    0
    };
    memcpy(f.bytes, begin, head);
    memcpy(f.bytes + head, dictionary, n);
    if (count) memcpy(f.bytes + head + n, data, count);
    f.count = head + n + count;
    return f;
}

static kt_array read_file(kt_context *kt, const file *f)
{
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("a.npy"));
    test_write(path, f->bytes, f->count);
    kt_arrays *arrays = kt_read_npy(kt, path);
    if (!arrays) fail_msg("%s", kt_message(kt));
    assert_int_equal(kt_arrays_count(arrays), 1);
    assert_string_equal(kt_arrays_name(arrays, 0), "");
    return kt_arrays_get(arrays, "");
}

static kt_array read_type(kt_context *kt, const char *type, const void *data, size_t count, int elements)
{
    char dictionary[128];
    snprintf(dictionary, sizeof dictionary, "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }\n", type,
             elements);
    file f = npy(1, dictionary, data, count);
    kt_array a = read_file(kt, &f);
    assert_int_equal(a.rank, 1);
    assert_int_equal(a.dim[0], elements);
    return a;
}

static void test_types(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    /* 1.5, -2 in float32; the same with the other byte order; float64; float16. */
    kt_array a = read_type(kt, "<f4", "\0\0\xC0\x3F\0\0\0\xC0", 8, 2);
    assert_int_equal(a.dtype, KT_FLOAT32);
    assert_true(((const float *)a.data)[0] == 1.5f && ((const float *)a.data)[1] == -2);
    a = read_type(kt, ">f4", "\x3F\xC0\0\0\xC0\0\0\0", 8, 2);
    assert_true(((const float *)a.data)[0] == 1.5f && ((const float *)a.data)[1] == -2);
    a = read_type(kt, ">f8", "\x3F\xF8\0\0\0\0\0\0", 8, 1);
    assert_int_equal(a.dtype, KT_FLOAT64);
    assert_true(((const double *)a.data)[0] == 1.5);
    a = read_type(kt, "<f2", "\0\x3E\0\xC0\x01\0\0\x7C\0\x80\xFF\x7B\x01\x7E\xFF\x03", 16, 8);
    assert_int_equal(a.dtype, KT_FLOAT32);
    const float *h = a.data;
    assert_true(h[0] == 1.5f && h[1] == -2 && h[2] == 0x1p-24f && isinf(h[3]) && h[3] > 0);
    assert_true(h[4] == 0 && signbit(h[4]) && h[5] == 65504 && isnan(h[6]) && h[7] == 1023 * 0x1p-24f);
    /* Integers keep their values. */
    a = read_type(kt, "|i1", "\x80\x7F\xFF", 3, 3);
    assert_int_equal(a.dtype, KT_INT32);
    assert_true(((const int32_t *)a.data)[0] == -128 && ((const int32_t *)a.data)[1] == 127 &&
                ((const int32_t *)a.data)[2] == -1);
    a = read_type(kt, "<i2", "\x00\x80\xFE\xFF", 4, 2);
    assert_true(((const int32_t *)a.data)[0] == -32768 && ((const int32_t *)a.data)[1] == -2);
    a = read_type(kt, ">u2", "\xFF\xFE\0\1", 4, 2);
    assert_int_equal(a.dtype, KT_INT32);
    assert_true(((const int32_t *)a.data)[0] == 65534 && ((const int32_t *)a.data)[1] == 1);
    a = read_type(kt, "<u4", "\xFE\xFF\xFF\xFF", 4, 1);
    assert_int_equal(a.dtype, KT_INT64);
    assert_true(((const int64_t *)a.data)[0] == 4294967294);
    a = read_type(kt, ">u8", "\0\0\0\1\0\0\0\2", 8, 1);
    assert_int_equal(a.dtype, KT_INT64);
    assert_true(((const int64_t *)a.data)[0] == 4294967298);
    a = read_type(kt, ">i8", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFD", 8, 1);
    assert_true(((const int64_t *)a.data)[0] == -3);
    a = read_type(kt, ">i4", "\xFF\xFF\xFF\xFD", 4, 1);
    assert_int_equal(a.dtype, KT_INT32);
    assert_true(((const int32_t *)a.data)[0] == -3);
    a = read_type(kt, "|u1", "\xFE", 1, 1);
    assert_int_equal(a.dtype, KT_UINT8);
    assert_int_equal(((const unsigned char *)a.data)[0], 254);
    a = read_type(kt, "|b1", "\0\1\2", 3, 3);
    assert_int_equal(a.dtype, KT_BOOL);
    assert_memory_equal(a.data, "\0\1\1", 3); /* 2 would be no bool */
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_long_runs_pass_the_stage(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    enum { N = 20000 };
    static unsigned char bytes[2 * N + 200];
    char dictionary[128];
    int n = snprintf(dictionary, sizeof dictionary, "{'descr': '>i2', 'fortran_order': False, 'shape': (%d, 2), }\n",
                     N / 2);
    unsigned char begin[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)n, 0 };
    memcpy(bytes, begin, 10);
    memcpy(bytes + 10, dictionary, (size_t)n);
    for (int i = 0; i < N; i++) {
        bytes[10 + n + 2 * i] = (unsigned char)(i >> 8);
        bytes[11 + n + 2 * i] = (unsigned char)i;
    }
    const char *path = test_path("long.npy");
    test_write(path, bytes, 10 + (size_t)n + 2 * N);
    kt_array a = kt_arrays_at(kt_read_npy(kt, path), 0);
    for (int i = 0; i < N; i++) assert_int_equal(((const int32_t *)a.data)[i], i);
    test_end(kt);
}

static void test_orders_and_versions(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    /* numpy.asfortranarray(numpy.arange(24, dtype=uint8).reshape(2, 3, 4)).tobytes('A') */
    unsigned char data[24];
    for (int k = 0, n = 0; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++) data[n++] = (unsigned char)(i * 12 + j * 4 + k);
    for (int version = 1; version <= 3; version++) {
        file f = npy(version, "{'shape': (2, 3, 4), 'fortran_order': True, 'descr': '|u1'}   \n", data, sizeof data);
        kt_array a = read_file(kt, &f);
        assert_int_equal(a.rank, 3);
        for (int i = 0; i < 24; i++) assert_int_equal(((const unsigned char *)a.data)[i], i);
    }
    file f = npy(1, "{\"descr\":\"<f8\",\"fortran_order\":True,\"shape\":()}", "\0\0\0\0\0\0\xF8\x3F", 8);
    kt_array a = read_file(kt, &f);
    assert_int_equal(a.rank, 0);
    assert_true(((const double *)a.data)[0] == 1.5);
    f = npy(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (3L, 0L)}", NULL, 0);
    a = read_file(kt, &f);
    assert_true(a.rank == 2 && a.dim[0] == 3 && a.dim[1] == 0 && a.data);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    static const kt_dtype types[] = { KT_FLOAT32, KT_FLOAT64, KT_INT32, KT_INT64, KT_BOOL, KT_UINT8 };
    static const unsigned char data[96] = { 1, 0, 1, 1 };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        kt_array a = kt_array_of(data, types[t], KT_SHAPE(1, 2, 2, 3));
        assert_int_equal(kt_write_npy(kt, test_path("b.npy"), a), KT_OK);
        kt_array b = kt_arrays_at(kt_read_npy(kt, test_path("b.npy")), 0);
        assert_true(b.data && b.dtype == a.dtype && b.rank == 4);
        assert_memory_equal(b.dim, a.dim, 4 * sizeof *a.dim);
        assert_memory_equal(b.data, data, 12 * kt_dtype_size(types[t]));
    }
    /* The bytes are numpy.save's own. */
    static const int32_t three[3] = { 1, 2, 3 };
    unsigned char bytes[256], expected[128];
    memset(expected, ' ', sizeof expected);
    memcpy(expected, "\x93NUMPY\1\0\x76\0{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", 10 + 57);
    expected[127] = '\n';
    assert_int_equal(kt_write_npy(kt, test_path("c.npy"), kt_ints(three, 3)), KT_OK);
    assert_int_equal(test_read(test_path("c.npy"), bytes, sizeof bytes), 128 + 12);
    assert_memory_equal(bytes, expected, 128);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void refused(const char *dictionary, size_t data, kt_status status, const char *part)
{
    static const unsigned char zeros[2048];
    file f = npy(1, dictionary, zeros, data);
    test_refused(kt_read_npy, f.bytes, f.count, status, part);
}

static void test_hostile(void **state)
{
    (void)state;
    test_refused(kt_read_npy, "", 0, KT_ERR_FORMAT, "ends too early");
    test_refused(kt_read_npy, "PK\3\4 this is a zip", 19, KT_ERR_FORMAT, "expected a NumPy array");
    test_refused(kt_read_npy, "\x93NUMPY\4\0\0\0\0\0", 12, KT_ERR_UNSUPPORTED, "got 4.0");
    test_refused(kt_read_npy, "\x93NUMPY\2\0\xFF\xFF\xFF\xFF", 12, KT_ERR_FORMAT, "claims 4294967295 bytes");
    refused("", 0, KT_ERR_FORMAT, "not what NumPy writes");
    refused("{}", 0, KT_ERR_FORMAT, "not what NumPy writes");
    refused("{'descr': '<f4', 'fortran_order': False}", 4, KT_ERR_FORMAT, "not what NumPy writes");
    refused("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4, KT_ERR_FORMAT,
            "not what NumPy writes");
    refused("{'descr': '<f4', 'fortran_order': maybe, 'shape': (1,)}", 4, KT_ERR_FORMAT, "not what NumPy writes");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, KT_ERR_FORMAT, "not what NumPy writes");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4, KT_ERR_FORMAT, "not what");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': ((((((((((1,", 4, KT_ERR_FORMAT,
            "not what NumPy writes");
    refused("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 4, KT_ERR_UNSUPPORTED, "pickled");
    refused("{'descr': '<U5', 'fortran_order': False, 'shape': (1,)}", 20, KT_ERR_UNSUPPORTED, "'<U5'");
    refused("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 8, KT_ERR_UNSUPPORTED, "'<c8'");
    refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, KT_ERR_UNSUPPORTED, "'[...]'");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4, KT_ERR_UNSUPPORTED,
            "at most 8 axes");
    /* Sizes that lie: more than the file has, products that overflow, zeros that hide them. */
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,)}", 64, KT_ERR_FORMAT,
            "only 64 bytes follow");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,)}", 64, KT_ERR_FORMAT,
            "only 64 bytes");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296)}", 64, KT_ERR_FORMAT,
            "only 64 bytes");
    refused("{'descr': '<f4', 'fortran_order': True, 'shape': (0,4294967296,4294967296)}", 0, KT_ERR_FORMAT,
            "only 0 bytes");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 8, KT_ERR_FORMAT, "only 8 bytes");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 8, KT_ERR_FORMAT, "bytes follow after the data");
    file f = npy(1, "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}", "\0\0\0\0\0\0\0\x80", 8);
    test_refused(kt_read_npy, f.bytes, f.count, KT_ERR_UNSUPPORTED, "above 9223372036854775807");
}

static void test_cut_and_short_memory(void **state)
{
    (void)state;
    file f = npy(1, "{'descr': '>u4', 'fortran_order': True, 'shape': (2, 3)}", "123456781234567812345678", 24);
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("whole.npy"));
    test_write(path, f.bytes, f.count);
    test_each_cut(kt_read_npy, path, 0);
    test_each_failure(kt_read_npy, path);
}

static void test_bad_paths(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    static const float one[1] = { 1 };
    assert_null(kt_read_npy(kt, test_path("absent.npy")));
    assert_int_equal(kt_error(kt), KT_ERR_IO);
    assert_non_null(strstr(kt_message(kt), "absent.npy: cannot be opened"));
    assert_int_equal(kt_write_npy(kt, test_path("d.npy"), kt_floats(one, 1)), KT_ERR_IO); /* the first error stays */
    assert_int_not_equal(access(test_path("d.npy"), F_OK), 0);
    kt_clear_error(kt);
    assert_null(kt_read_npy(kt, test_folder));
    assert_non_null(strstr(kt_message(kt), "expected a regular file"));
    kt_clear_error(kt);
    assert_int_equal(mkfifo(test_path("pipe"), 0600), 0);
    assert_null(kt_read_npy(kt, test_path("pipe"))); /* and does not wait for a writer */
    assert_int_equal(kt_error(kt), KT_ERR_IO);
    kt_clear_error(kt);
    assert_null(kt_read_npy(kt, NULL));
    assert_int_equal(kt_error(kt), KT_ERR_VALUE);
    kt_clear_error(kt);
    assert_null(kt_read_npy(NULL, test_path("a.npy")));
    assert_int_equal(kt_write_npy(kt, test_path("no/such/folder/a.npy"), kt_floats(one, 1)), KT_ERR_IO);
    kt_clear_error(kt);
    assert_int_equal(kt_write_npy(kt, test_path("d.npy"), kt_floats(one, -1)), KT_ERR_SHAPE);
    kt_clear_error(kt);
    assert_int_equal(kt_write_npy(kt, test_path("d.npy"), kt_floats(NULL, 1)), KT_ERR_VALUE);
    kt_clear_error(kt);
    kt_array odd = kt_floats(one, 1);
    odd.dtype = (kt_dtype)77;
    assert_int_equal(kt_write_npy(kt, test_path("d.npy"), odd), KT_ERR_DTYPE);
    kt_clear_error(kt);
    odd = kt_floats(one, 1);
    odd.rank = 9;
    assert_int_equal(kt_write_npy(kt, test_path("d.npy"), odd), KT_ERR_SHAPE);
    assert_int_not_equal(access(test_path("d.npy"), F_OK), 0);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

/* A disk that is full (here: a limit on the size of files) leaves the old file, no other, and no dead process. */
static void test_full_disk(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    static const float old[2] = { 1, 2 };
    static float large[1 << 16];
    char folder[300];
    snprintf(folder, sizeof folder, "%s/full", test_folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(kt_write_npy(kt, test_path("full/a.npy"), kt_floats(old, 2)), KT_OK);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = { 8192, 8192 };
        setrlimit(RLIMIT_FSIZE, &limit);
        kt_status status = kt_write_npy(kt, test_path("full/a.npy"), kt_floats(large, 1 << 16));
        _exit(status == KT_ERR_IO ? 7 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    kt_array a = kt_arrays_at(kt_read_npy(kt, test_path("full/a.npy")), 0);
    assert_memory_equal(a.data, old, sizeof old);
    snprintf(folder, sizeof folder, "test \"$(ls -A '%s/full')\" = a.npy", test_folder);
    assert_int_equal(system(folder), 0);
    struct stat look;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(test_path("full/a.npy"), &look), 0);
    assert_int_equal(look.st_mode & 0777, 0666 & ~mask);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_long_runs_pass_the_stage),
        cmocka_unit_test(test_orders_and_versions),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_cut_and_short_memory),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_drop_folder);
}
