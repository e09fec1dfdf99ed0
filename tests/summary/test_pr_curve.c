/* SPDX-License-Identifier: MIT */
/* tests/summary/test_pr_curve.c: PR curves against the definition written out, and the format's vector.
 *
 * The definition is counting: at threshold i / (n - 1) a prediction counts as positive if its bucket, floor(p * (n - 1))
 * in float32, is i or more. Here each threshold goes over all data; the library takes one pass and sums from the right.
 * check_plugins.py compares with TensorBoard's own pr_curve.summary.
 */
#include "plugins_log.h"

#include <math.h>

enum { MOST = 5000 };

static float predictions[MOST], weights[MOST];
static uint8_t labels[MOST];
static uint64_t seed = 7;

static double uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-53;
}

static float row(proto content, int n, int r, int i)
{
    uint32_t bits = (uint32_t)reader_le(content.at + 4 * (r * n + i), 4);
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* V11, from counts made elsewhere; precision and recall computed here, and given. */
static void test_vector(void **state)
{
    (void)state;
    const double tp[] = { 3, 2 }, fp[] = { 1, 0 }, tn[] = { 0, 1 }, fn[] = { 0, 1 };
    const double precision[] = { 0.75, 1 }, recall[] = { 1, 2.0 / 3 };
    for (int given = 0; given < 2; given++) {
        plugins_log p = plugins_open();
        kt_pr_counts counts = { 2, tp, fp, tn, fn, given ? precision : NULL, given ? recall : NULL };
        assert_int_equal(kt_events_pr_curve_raw(p.log, "p", &counts, 1), KT_OK);
        plugins_is(&p, 1, "65 00 00 00 00 00 00 00 eb d0 5a 69 09 00 00 00 40 fc 54 d9 41 10 01 2a 58 0a 56 0a 01 70 42 3e"
                          "08 01 12 08 12 02 08 06 12 02 08 02 22 30 00 00 40 40 00 00 00 40 00 00 80 3f 00 00 00 00 00 00"
                          "00 00 00 00 80 3f 00 00 00 00 00 00 80 3f 00 00 40 3f 00 00 80 3f 00 00 80 3f ab aa 2a 3f 4a 11"
                          "0a 0f 0a 09 70 72 5f 63 75 72 76 65 73 12 02 10 02 1b 63 71 2a");
        plugins_close(&p);
    }
}

/* What vector V11 counts, from predictions. */
static void test_vector_from_predictions(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    const float x[] = { 1, 0.5f, 1, 0.25f };
    const uint8_t y[] = { 1, 7, 1, 0 }; /* any label but 0 is positive */
    assert_int_equal(kt_events_pr_curve(p.log, "p", x, y, NULL, 4, 2, 1), KT_OK);
    proto content = field_of(field_of(plugins_value(&p, 1), 8), 4);
    const float expected[] = { 3, 2, 1, 0, 0, 1, 0, 1, 0.75f, 1, 1, (float)(2.0 / 3) };
    for (int i = 0; i < 12; i++) assert_true(row(content, 2, i / 2, i % 2) == expected[i]);
    plugins_close(&p);
}

static void compare(int64_t count, int n, bool weighted)
{
    plugins_log p = plugins_open();
    int given = n == KT_PR_THRESHOLDS ? 0 : n;
    assert_int_equal(kt_events_pr_curve(p.log, "curve", predictions, labels, weighted ? weights : NULL, count, given, 3), KT_OK);
    proto tensor = field_of(plugins_value(&p, 1), 8), content = field_of(tensor, 4), shape = field_of(tensor, 2);
    assert_int_equal(content.n, 24 * n);
    assert_int_equal(field_of(field_at(shape, 2, 0), 1).value, 6);
    assert_int_equal(field_of(field_at(shape, 2, 1), 1).value, n);
    assert_int_equal(field_of(plugins_content(&p, 1), 2).value, n);
    for (int i = 0; i < n; i++) {
        double tp = 0, fp = 0, tn = 0, fn = 0;
        for (int64_t k = 0; k < count; k++) {
            if (isnan(predictions[k])) continue;
            float x = predictions[k] < 0 ? 0 : predictions[k] > 1 ? 1 : predictions[k];
            bool positive = (int)floorf(x * (float)(n - 1)) >= i;
            double weight = weighted ? (double)weights[k] : 1;
            *(positive ? labels[k] ? &tp : &fp : labels[k] ? &fn : &tn) += weight;
        }
        const double expected[] = { tp, fp, tn, fn, tp / fmax(1e-7, tp + fp), tp / fmax(1e-7, tp + fn) };
        for (int r = 0; r < 6; r++) {
            float got = row(content, n, r, i);
            double near = weighted ? 1e-5 * (1 + fabs(expected[r])) : 0; /* sums of weights in another order */
            if (!(fabs(got - (float)expected[r]) <= near))
                fail_msg("row %d threshold %d: %.9g, expected %.9g", r, i, (double)got, expected[r]);
        }
    }
    plugins_close(&p);
}

static void test_random(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++) {
        predictions[i] = (float)uniform();
        if (i % 3 == 0) predictions[i] = (float)(i % 201) / 200; /* upon the thresholds */
        labels[i] = uniform() < (double)predictions[i];
        weights[i] = (float)(i % 7) / 4;
    }
    compare(MOST, KT_PR_THRESHOLDS, false);
    compare(MOST, KT_PR_THRESHOLDS, true);
    compare(MOST, 2, false);
    compare(MOST, 1000, false);
    compare(1, KT_PR_THRESHOLDS, false);
    compare(0, KT_PR_THRESHOLDS, false);
}

/* Predictions outside [0, 1] are clipped; NaN is left out and counted. */
static void test_odd(void **state)
{
    (void)state;
    const float odd[] = { -0.5f, 1.5f, INFINITY, -INFINITY, NAN, 0.5f, -0.0f, NAN };
    memcpy(predictions, odd, sizeof odd);
    for (int i = 0; i < 8; i++) labels[i] = (uint8_t)(i % 2);
    compare(8, 11, false);
    plugins_log p = plugins_open();
    assert_int_equal(kt_events_pr_curve(p.log, "odd", predictions, labels, NULL, 8, 0, 0), KT_OK);
    assert_int_equal(kt_events_nonfinite(p.log), 2);
    plugins_close(&p);
}

static void test_refused(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    plugins_refused(&p, kt_events_pr_curve(p.log, "p", predictions, labels, NULL, 3, 1, 0), "got 1");
    plugins_refused(&p, kt_events_pr_curve(p.log, "p", predictions, labels, NULL, 3, KT_PR_THRESHOLDS_MAX + 1, 0), "got 100002");
    plugins_refused(&p, kt_events_pr_curve(p.log, "p", NULL, labels, NULL, 3, 0, 0), "NULL");
    plugins_refused(&p, kt_events_pr_curve(p.log, "p", predictions, labels, NULL, -3, 0, 0), "-3");
    plugins_refused(&p, kt_events_pr_curve_raw(p.log, "p", NULL, 0), "NULL");
    plugins_refused(&p, kt_events_pr_curve(p.log, "", predictions, labels, NULL, 3, 0, 0), "tag");
    assert_int_equal(kt_events_pr_curve(NULL, "p", predictions, labels, NULL, 3, 0, 0), KT_ERR_STATE);
    plugins_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector), cmocka_unit_test(test_vector_from_predictions), cmocka_unit_test(test_random),
        cmocka_unit_test(test_odd),    cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("summary/pr_curve", tests, NULL, NULL);
}
