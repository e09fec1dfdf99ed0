/* SPDX-License-Identifier: MIT */
/* tests/data/test_synthetic.c: generated data and standardised columns. */
#define _GNU_SOURCE 1

#include "testing.h"

#include <math.h>

static void test_friedman1(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    enum { ROWS = 20000 };
    kt_arrays *clean = kt_friedman1(kt, ROWS, 0, 7), *noisy = kt_friedman1(kt, ROWS, 2, 7);
    kt_array x = kt_arrays_get(clean, "x"), y = kt_arrays_get(clean, "y"), z = kt_arrays_get(noisy, "y");
    assert_true(x.rank == 2 && x.dim[0] == ROWS && x.dim[1] == 10 && x.dtype == KT_FLOAT32);
    assert_true(y.rank == 2 && y.dim[0] == ROWS && y.dim[1] == 1);
    assert_memory_equal(x.data, kt_arrays_get(noisy, "x").data, ROWS * 10 * sizeof(float)); /* noise changes y only */
    double sum[10] = { 0 }, noise = 0, noise2 = 0, noise4 = 0;
    for (int r = 0; r < ROWS; r++) {
        const float *u = (const float *)x.data + 10 * r;
        double a = u[0], b = u[1], c = u[2], d = u[3], e = u[4];
        double f = 10 * sin(3.14159265358979323846 * a * b) + 20 * (c - 0.5) * (c - 0.5) + 10 * d + 5 * e;
        double got = (double)((const float *)y.data)[r], n = ((double)((const float *)z.data)[r] - got) / 2;
        assert_true(fabs(got - f) < 2e-6);
        for (int i = 0; i < 10; i++) {
            assert_true(u[i] >= 0 && u[i] < 1);
            sum[i] += (double)u[i];
        }
        noise += n;
        noise2 += n * n;
        noise4 += n * n * n * n;
    }
    for (int i = 0; i < 10; i++) assert_true(fabs(sum[i] / ROWS - 0.5) < 0.01);
    assert_true(fabs(noise / ROWS) < 0.03 && fabs(noise2 / ROWS - 1) < 0.04 && fabs(noise4 / ROWS - 3) < 0.25);
    /* The first row, for ever: a change here changes every published figure. */
    kt_arrays *first = kt_friedman1(kt, 1, 1, 0);
    const float *u = kt_arrays_get(first, "x").data;
    static const float expected[10] = { 0.751110554f, 0.874841928f, 0.0191068053f, 0.375761092f, 0.488055408f,
                                        0.574209988f, 0.77080965f,  0.175854802f,  0.844080925f, 0.66962117f };
    assert_memory_equal(u, expected, sizeof expected);
    assert_true(((const float *)kt_arrays_get(first, "y").data)[0] == 20.7724476f);
    assert_true(kt_hash_bytes(z.data, ROWS * sizeof(float), 0) == 0x9a1851b4b63bd2c7); /* to the last bit */
    /* Rows do not depend on how many there are. */
    assert_memory_equal(kt_arrays_get(kt_friedman1(kt, 3, 2, 7), "y").data, z.data, 3 * sizeof(float));
    assert_memory_not_equal(kt_arrays_get(kt_friedman1(kt, 3, 2, 8), "y").data, z.data, 3 * sizeof(float));
    static const double bad[] = { -1, (double)NAN, (double)INFINITY };
    for (int i = 0; i < 3; i++) {
        assert_null(kt_friedman1(kt, 3, bad[i], 7));
        assert_int_equal(kt_error(kt), KT_ERR_VALUE);
        kt_clear_error(kt);
    }
    assert_null(kt_friedman1(kt, 0, 1, 7));
    kt_clear_error(kt);
    assert_null(kt_friedman1(kt, INT64_MAX / 2, 1, 7));
    assert_int_equal(kt_error(kt), KT_ERR_SHAPE);
    assert_null(kt_friedman1(NULL, 1, 1, 1));
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_standardise(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    static const float data[12] = { 1, 0.1f, 1e6f, 2, 0.1f, 1e6f + 1, 3, 0.1f, 1e6f + 2, 4, 0.1f, 1e6f + 3 };
    double mean[3], deviation[3];
    kt_array a = kt_standardise(kt, kt_floats(data, 4, 3), mean, deviation);
    assert_true(a.dtype == KT_FLOAT32 && a.rank == 2 && a.dim[0] == 4 && a.dim[1] == 3 && a.data != data);
    assert_true(mean[0] == 2.5 && mean[1] == (double)0.1f && mean[2] == 1e6 + 1.5);
    assert_true(fabs(deviation[0] - sqrt(1.25)) < 1e-12 && deviation[1] == 1 && fabs(deviation[2] - sqrt(1.25)) < 1e-9);
    for (int r = 0; r < 4; r++) {
        const float *row = (const float *)a.data + 3 * r;
        assert_true(fabs((double)row[0] - (r - 1.5) / sqrt(1.25)) < 1e-6 && row[1] == 0 && row[2] == row[0]);
    }
    static const double doubles[2] = { 3, 5 };
    a = kt_standardise(kt, kt_doubles(doubles, 2), NULL, NULL);
    assert_true(a.dtype == KT_FLOAT64 && ((const double *)a.data)[0] == -1 && ((const double *)a.data)[1] == 1);
    a = kt_standardise(kt, kt_array_of("\0\x02", KT_UINT8, KT_SHAPE(2, 1)), mean, NULL);
    assert_true(a.dtype == KT_FLOAT32 && ((const float *)a.data)[1] == 1 && mean[0] == 1);

    static const float flawed[4] = { 1, 2, 3, NAN };
    assert_null(kt_standardise(kt, kt_floats(flawed, 2, 2), NULL, NULL).data);
    assert_int_equal(kt_error(kt), KT_ERR_NAN);
    assert_non_null(strstr(kt_message(kt), "row 1, column 1: expected finite numbers, got NaN"));
    kt_clear_error(kt);
    static const double wide[2] = { -1e308, 1e308 };
    assert_null(kt_standardise(kt, kt_doubles(wide, 2), NULL, NULL).data);
    assert_int_equal(kt_error(kt), KT_ERR_VALUE);
    kt_clear_error(kt);
    assert_null(kt_standardise(kt, kt_floats(data, 0, 3), NULL, NULL).data);
    assert_int_equal(kt_error(kt), KT_ERR_SHAPE);
    kt_clear_error(kt);
    assert_null(kt_standardise(kt, (kt_array){ .data = NULL }, NULL, NULL).data);
    assert_int_not_equal(kt_error(kt), KT_OK);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_short_memory(void **state)
{
    (void)state;
    static const float data[4] = { 1, 2, 3, 4 };
    for (long long n = 1;; n++) {
        test_memory memory = { .fail_at = 0 };
        kt_context *kt = test_context(&memory);
        memory.fail_at = memory.requests + n;
        kt_arrays *arrays = kt_friedman1(kt, 5, 1, 1);
        kt_array a = kt_standardise(kt, kt_floats(data, 2, 2), NULL, NULL);
        bool reached = memory.requests >= memory.fail_at;
        assert_int_equal(kt_error(kt), reached ? KT_ERR_MEMORY : KT_OK);
        assert_true((arrays && a.data) == !reached);
        test_end(kt);
        assert_int_equal(memory.out, 0);
        if (!reached) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_friedman1),
        cmocka_unit_test(test_standardise),
        cmocka_unit_test(test_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
