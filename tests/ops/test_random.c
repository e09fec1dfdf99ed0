/* SPDX-License-Identifier: MIT */
/* tests/ops/test_random.c: random tensors: moments and bounds, the exact definition by Philox, and
 * what numbers depend on: seed, place and step, never the back-end, the shape's batch or the order
 * of reading.
 */
#include "base/philox.h"
#include "check.h"

enum { N = 40000 };
static double drawn[N], again[N];

static void read_all(kt_context *kt, kt_tensor *x, double *to)
{
    if (kt_read(x, to, KT_FLOAT64, N) != KT_OK) fail_msg("%s", kt_message(kt));
}

static void moments(const double *x, double *mean, double *stddev)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) sum += x[i];
    *mean = sum / N;
    for (int i = 0; i < N; i++) squares += (x[i] - *mean) * (x[i] - *mean);
    *stddev = sqrt(squares / N);
}

static void test_moments(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    double mean, stddev;
    read_all(kt, kt_random_uniform(kt, KT_SHAPE(N), -1, 3), drawn);
    moments(drawn, &mean, &stddev);
    assert_true(fabs(mean - 1) < 0.02 && fabs(stddev - 4 / sqrt(12)) < 0.02);
    for (int i = 0; i < N; i++) assert_true(drawn[i] >= -1 && drawn[i] < 3);
    read_all(kt, kt_random_normal(kt, KT_SHAPE(N), 5, 2), drawn);
    moments(drawn, &mean, &stddev);
    assert_true(fabs(mean - 5) < 0.04 && fabs(stddev - 2) < 0.03);
    double neighbours = 0, beyond = 0;
    for (int i = 0; i < N; i += 2) neighbours += (drawn[i] - 5) * (drawn[i + 1] - 5) / 4 / (N / 2);
    for (int i = 0; i < N; i++) beyond += fabs(drawn[i] - 5) > 4;
    assert_true(fabs(neighbours) < 0.03 && fabs(beyond / N - 0.0455) < 0.005);
    read_all(kt, kt_random_truncated_normal(kt, KT_SHAPE(N), 5, 2), drawn);
    moments(drawn, &mean, &stddev);
    assert_true(fabs(mean - 5) < 0.04 && fabs(stddev - 2 * 0.87962566103423978) < 0.02);
    for (int i = 0; i < N; i++) assert_true(fabs(drawn[i] - 5) <= 4);
    read_all(kt, kt_random_bernoulli(kt, KT_SHAPE(N), 0.3), drawn);
    moments(drawn, &mean, &stddev);
    assert_true(fabs(mean - 0.3) < 0.01);
    for (int i = 0; i < N; i++) assert_true(drawn[i] == 0 || drawn[i] == 1);
    EXPECT(kt_sum(kt_random_bernoulli(kt, KT_SHAPE(1000), 0)), 0);
    EXPECT(kt_sum(kt_random_bernoulli(kt, KT_SHAPE(1000), 1)), 1000);
    EXPECT(kt_random_normal(kt, KT_SHAPE(3), 4, 0), 4, 4, 4);
    kt_context_free(kt);
}

/* In float32 rounding must not turn the largest number below max into max. */
static void test_below_max(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new(.backend = "ref", .seed = 1);
    float x[1000];
    assert_int_equal(kt_read(kt_random_uniform(kt, KT_SHAPE(1000), 1e6, 1e6 + 0.125), x, KT_FLOAT32,
                             1000),
                     KT_OK);
    for (int i = 0; i < 1000; i++) assert_true(x[i] >= 1e6f && x[i] < 1e6f + 0.125f);
    kt_context_free(kt);
}

static void test_definition(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *u = kt_random_uniform(kt, KT_SHAPE(N), 0, 1),
              *z = kt_random_normal(kt, KT_SHAPE(N), 0, 1);
    uint32_t stream_u = (uint32_t)u->node->slots[2], stream_z = (uint32_t)z->node->slots[2];
    assert_int_not_equal(stream_u, stream_z);
    read_all(kt, u, drawn);
    for (int i = 0; i < N; i++)
        assert_true(drawn[i] == kt_philox_uniform(11, stream_u, 0, (uint64_t)i));
    read_all(kt, z, drawn);
    for (int i = 0; i < N; i += 2) {
        double a = ((kt_philox_u32(11, stream_z, 0, (uint64_t)i) >> 8) + 1) / 16777216.0;
        double b = (kt_philox_u32(11, stream_z, 0, (uint64_t)i + 1) >> 8) / 16777216.0;
        assert_true(fabs(drawn[i] - sqrt(-2 * log(a)) * cos(6.283185307179586 * b)) < 1e-12);
        assert_true(fabs(drawn[i + 1] - sqrt(-2 * log(a)) * sin(6.283185307179586 * b)) < 1e-12);
    }
    kt_context_free(kt);
}

static void test_dependence(void **state)
{
    (void)state;
    kt_context *kt = ref_context(), *other = ref_context();
    kt_tensor *first = kt_random_uniform(kt, KT_SHAPE(N), 0, 1),
              *second = kt_random_uniform(kt, KT_SHAPE(N), 0, 1);
    read_all(kt, second, again);
    read_all(kt, first, drawn);
    int equal = 0;
    for (int i = 0; i < N; i++) equal += drawn[i] == again[i];
    assert_true(equal < 10); /* two places, two streams: never merged */
    read_all(other, kt_random_uniform(other, KT_SHAPE(N), 0, 1), again);
    assert_memory_equal(drawn, again, sizeof drawn); /* same seed, same place */
    kt_context_free(other);
    other = kt_context_new(.backend = "ref", .floatx = KT_FLOAT64, .seed = 12);
    read_all(other, kt_random_uniform(other, KT_SHAPE(N), 0, 1), again);
    assert_memory_not_equal(drawn, again, sizeof drawn);
    kt_context_free(other);
    other = ref_context();
    other->random_step = 1; /* the next training step */
    read_all(other, kt_random_uniform(other, KT_SHAPE(N), 0, 1), again);
    assert_memory_not_equal(drawn, again, sizeof drawn);
    kt_context_free(other);
    other = ref_context();
    read_all(other, kt_reshape(kt_random_uniform(other, KT_SHAPE(N / 10, 10), 0, 1), KT_SHAPE(N)),
             again);
    assert_memory_equal(drawn, again,
                        sizeof drawn); /* of the shape only the number of the element counts */
    kt_context_free(other);
    kt_context_free(kt);
}

static void test_cpu_agrees(void **state)
{
    (void)state;
    kt_context *ref = kt_context_new(.backend = "ref", .seed = 5),
               *cpu = kt_context_new(.backend = "cpu", .seed = 5);
    read_all(ref, kt_random_uniform(ref, KT_SHAPE(N), 0, 1), drawn);
    read_all(cpu, kt_random_uniform(cpu, KT_SHAPE(N), 0, 1), again);
    assert_memory_equal(drawn, again, sizeof drawn);
    read_all(ref, kt_random_bernoulli(ref, KT_SHAPE(N), 0.25), drawn);
    read_all(cpu, kt_random_bernoulli(cpu, KT_SHAPE(N), 0.25), again);
    assert_memory_equal(drawn, again, sizeof drawn);
    read_all(ref, kt_random_normal(ref, KT_SHAPE(N), 1, 2), drawn);
    read_all(cpu, kt_random_normal(cpu, KT_SHAPE(N), 1, 2), again);
    for (int i = 0; i < N; i++) assert_true(fabs(drawn[i] - again[i]) < 1e-5);
    read_all(ref, kt_random_truncated_normal(ref, KT_SHAPE(N), 1, 2), drawn);
    read_all(cpu, kt_random_truncated_normal(cpu, KT_SHAPE(N), 1, 2), again);
    for (int i = 0; i < N; i++) assert_true(fabs(drawn[i] - again[i]) < 1e-5);
    kt_context_free(ref);
    kt_context_free(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),    cmocka_unit_test(test_below_max),
        cmocka_unit_test(test_definition), cmocka_unit_test(test_dependence),
        cmocka_unit_test(test_cpu_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
