/* SPDX-License-Identifier: MIT */
/* tests/summary/test_histogram.c: buckets against the reference's formula written out in double.
 *
 * The formula is TensorBoard's: width = (max - min) / 30, bucket = min(floor((x - min) / width),
 * 29), edges min + i * width with the last one max. Counts must be equal to the last one for every
 * kind of data, above all for data that lies on the edges or a rounding beside them, where a quick
 * computation is tempted to be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <keratin/summary.h>

enum { K = KT_HISTOGRAM_BUCKETS, MOST = 100000 };

static float data[MOST];
static double wide[MOST];
static uint64_t seed = 1;

static double uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-53;
}

static void plain(const double *x, int64_t n, kt_bucket rows[K])
{
    double min = INFINITY, max = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) continue;
        min = fmin(min, x[i]);
        max = fmax(max, x[i]);
    }
    double width = (max - min) / K;
    for (int b = 0; b < K; b++)
        rows[b] = (kt_bucket){ min + b * width, b == K - 1 ? max : min + (b + 1) * width, 0 };
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            rows[min == max ? K - 1 : (int)fmin(floor((x[i] - min) / width), K - 1)].count++;
}

static void compare(const kt_bucket *got, const kt_bucket *expected)
{
    for (int b = 0; b < K; b++) {
        assert_true(got[b].left == expected[b].left);
        assert_true(got[b].right == expected[b].right);
        if (got[b].count != expected[b].count)
            fail_msg("bucket %d has %g values, expected %g", b, got[b].count, expected[b].count);
    }
}

/* Both forms against the formula, on the first n of `data`. */
static void check(int64_t n)
{
    kt_bucket expected[K], got[K];
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        wide[i] = (double)data[i];
        bad += !isfinite(data[i]);
    }
    plain(wide, n, expected);
    assert_true(kt_histogram_buckets(data, n, got) == bad);
    compare(got, expected);
    assert_true(kt_histogram_buckets_f64(wide, n, got) == bad);
    compare(got, expected);
}

static void test_random(void **state)
{
    (void)state;
    const int64_t sizes[] = { 2, 3, 15, 16, 17, 255, 256, 257, 511, 513, 1000, MOST };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int kind = 0; kind < 6; kind++) {
            for (int64_t i = 0; i < sizes[s]; i++) {
                double u = uniform();
                double value[] = {
                    u, 2 * u - 1, log(u + 1e-12), u < 0.5 ? 0 : u, 1e-30 * (u - 0.3), 1e30 * u
                };
                data[i] = (float)value[kind];
            }
            check(sizes[s]);
        }
}

/* Integers whose edges fall on values, and every float beside an edge. */
static void test_edges(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 3100; i++) data[i] = (float)(i % 31);
    check(3100);
    for (int64_t i = 0; i < 6100; i++) data[i] = (float)(i % 61) * 0.1f - 3;
    check(6100);
    const float ranges[][2] = { { 0, 1 },         { -1, 1 },         { 1, 1.0001f },
                                { -3e-5f, 7e3f }, { 1e6f, 1000001 }, { 0.1f, 0.7f } };
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        double min = (double)ranges[r][0], max = (double)ranges[r][1];
        int64_t n = 0;
        data[n++] = ranges[r][0];
        data[n++] = ranges[r][1];
        for (int repeat = 0; repeat < 40; repeat++)
            for (int b = 0; b <= K; b++) {
                float at = (float)(min + b * ((max - min) / K)), below = nextafterf(at, -INFINITY),
                      above = nextafterf(at, INFINITY);
                const float near[] = { at, below, above, nextafterf(below, -INFINITY),
                                       nextafterf(above, INFINITY) };
                for (int j = 0; j < 5; j++)
                    if (near[j] >= ranges[r][0] && near[j] <= ranges[r][1]) data[n++] = near[j];
            }
        check(n);
    }
}

static void test_empty_and_equal(void **state)
{
    (void)state;
    kt_bucket got[K];
    assert_int_equal(kt_histogram_buckets(data, 0, got), 0);
    for (int b = 0; b < K; b++)
        assert_true(got[b].left == 0 && got[b].right == 0 && got[b].count == 0);
    assert_int_equal(kt_histogram_buckets(NULL, 5, got), 0);
    assert_int_equal(kt_histogram_buckets_f64(NULL, -1, got), 0);

    const int64_t sizes[] = { 1, 2, 300, 1000 };
    for (size_t s = 0; s < 4; s++) {
        for (int64_t i = 0; i < sizes[s]; i++) data[i] = -2.5f;
        assert_int_equal(kt_histogram_buckets(data, sizes[s], got), 0);
        for (int b = 0; b < K; b++) {
            assert_true(got[b].left == -2.5 && got[b].right == -2.5);
            assert_true(got[b].count == (b == K - 1 ? (double)sizes[s] : 0));
        }
    }
}

static void test_nonfinite(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 5000; i++) {
        float bad[] = { NAN, INFINITY, -INFINITY };
        data[i] = i % 7 == 3 ? bad[i % 3] : (float)uniform();
    }
    check(5000);
    for (int64_t i = 0; i < 600; i++) data[i] = (float)uniform();
    data[599] = NAN; /* in the part behind the last whole block */
    check(600);
    data[0] = NAN; /* what the first value must not spoil */
    check(600);
    for (int64_t i = 0; i < 600; i++) data[i] = NAN;
    kt_bucket got[K];
    assert_int_equal(kt_histogram_buckets(data, 600, got), 600);
    for (int b = 0; b < K; b++)
        assert_true(got[b].left == 0 && got[b].right == 0 && got[b].count == 0);
}

/* Ranges that overflow, or vanish beside the numbers: every value counted once, edges rising,
 * ends exact. */
static void extreme(double min, double max)
{
    kt_bucket got[K];
    double total = 0;
    for (int64_t i = 0; i < 1000; i++) {
        double t = uniform();
        wide[i] = fmin(fmax(min * (1 - t) + max * t, min), max);
    }
    wide[0] = min;
    wide[999] = max;
    assert_int_equal(kt_histogram_buckets_f64(wide, 1000, got), 0);
    for (int b = 0; b < K; b++) {
        assert_true(isfinite(got[b].left) && isfinite(got[b].right) && got[b].left <= got[b].right);
        if (b > 0) assert_true(got[b].left == got[b - 1].right);
        total += got[b].count;
    }
    assert_true(total == 1000 && got[0].left == min && got[K - 1].right == max);
    assert_true(got[0].count > 0 && got[K - 1].count > 0);
}

static void test_extremes(void **state)
{
    (void)state;
    extreme(-DBL_MAX, DBL_MAX);
    extreme(-DBL_MAX, 0);
    extreme(-1e308, 1.1e308);
    extreme(0, 0x1p-1074);
    extreme(-0x1p-1074, 0x1p-1074);
    extreme(0x1p-1022, nextafter(0x1p-1022, 1));
    extreme(1, nextafter(1, 2));
    extreme(0, DBL_MIN);
    data[0] = -FLT_MAX;
    data[1] = FLT_MAX;
    check(2);
    data[0] = 0;
    data[1] = nextafterf(0, 1);
    check(2);
    for (int64_t i = 0; i < 1000; i++)
        data[i] = (float)(i % 2 ? uniform() * 3e38 : -uniform() * 3e38);
    check(1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_empty_and_equal),
        cmocka_unit_test(test_nonfinite),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests_name("summary/histogram", tests, NULL, NULL);
}
