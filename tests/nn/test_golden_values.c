/* SPDX-License-Identifier: MIT */
/* tests/nn/test_golden_values.c: losses as functions of given values, metrics over several batches,
 * Normalization and the parameters of initializers, against Keras. */
#include "golden.h"

#include "core/context.h"
#include "nn/layer.h"
#include "nn/training.h"

#include <keratin/ops.h>

static void check(const char *what, const golden_mode *mode, double distance)
{
    if (!(distance <= 1))
        fail_msg("%s on %s in %s: distance over what is allowed: %g", what, mode->backend, kt_dtype_name(mode->floatx),
                 distance);
}

static void compare_tensor(const kt_arrays *golden, const golden_mode *mode, const char *what, const char *stem,
                           kt_tensor *x)
{
    double values[512];
    int64_t count = kt_desc_count(kt_desc_of(x));
    assert_true(count >= 0 && count <= 512);
    if (kt_read(x, values, KT_FLOAT64, count) != KT_OK) fail_msg("%s: %s", what, kt_message(kt_context_of(x)));
    check(what, mode, golden_compare(golden, mode, stem, "", values, count));
}

/* ---- losses ---- */

static kt_tensor *values_of(const char *loss, bool from_logits, double smoothing, kt_tensor *t, kt_tensor *p)
{
    kt_loss_config config = { .size = sizeof config, .from_logits = from_logits, .label_smoothing = smoothing };
    const kt_loss_class *cls = kt_loss_named_class(loss);
    assert_non_null(cls);
    return cls->call(&config, cls->accepts & KT_LOSS_SPARSE ? t : kt_as_float(t), kt_as_float(p));
}

static void test_losses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *loss;
        bool from_logits;
        double smoothing;
    } rows[] = {
        { "mse", "mse", false, 0 },
        { "mae", "mae", false, 0 },
        { "bce", "bce", false, 0 },
        { "bce_clipped", "bce", false, 0 },
        { "bce_logits", "bce", true, 0 },
        { "bce_smoothing", "bce", false, 0.1 },
        { "cce", "categorical_crossentropy", false, 0 },
        { "cce_logits", "categorical_crossentropy", true, 0 },
        { "cce_smoothing", "categorical_crossentropy", false, 0.1 },
        { "scce", "sparse_categorical_crossentropy", false, 0 },
        { "scce_logits", "sparse_categorical_crossentropy", true, 0 },
    };
    for (int m = 0; m < N_GOLDEN_MODES; m++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            kt_context *kt = golden_context(&golden_modes[m]);
            char name[64];
            snprintf(name, sizeof name, "lossfn_%s", rows[i].name);
            kt_arrays *golden = golden_open(kt, name);
            kt_tensor *t = kt_constant(kt, golden_need(golden, "y_true")),
                      *p = kt_as_float(kt_constant(kt, golden_need(golden, "y_pred")));
            kt_tensor *values = values_of(rows[i].loss, rows[i].from_logits, rows[i].smoothing, t, p);
            kt_tensor *gradient = kt_gradient(values, p);
            compare_tensor(golden, &golden_modes[m], name, "value", values);
            compare_tensor(golden, &golden_modes[m], name, "grad", gradient);
            kt_context_free(kt);
        }
}

/* ---- metrics ---- */

static void run_metric(const char *golden_name, kt_metric_spec spec, bool by_name, const char *name_of_metric,
                       const golden_mode *mode)
{
    kt_context *kt = golden_context(mode);
    char name[64];
    snprintf(name, sizeof name, "metric_%s", golden_name);
    kt_arrays *golden = golden_open(kt, name);
    for (int weighted = 0; weighted < 2; weighted++) {
        kt_metric *metric = kt_metric_new(kt, by_name ? kt_metric_find(kt, name_of_metric) : spec);
        if (!metric) fail_msg("%s: %s", name, kt_message(kt));
        kt_array p = golden_need(golden, "y_pred"), t = kt_arrays_get(golden, "y_true"),
                 w = golden_need(golden, "sample_weight");
        double running[8];
        int n = 0;
        int64_t rows = p.dim[0], batch = (int64_t)golden_at(golden_need(golden, "batch_size"), 0);
        for (int64_t from = 0; from < rows; from += batch) {
            int64_t to = from + batch < rows ? from + batch : rows;
            kt_scope *scope = kt_scope_begin(kt);
            kt_tensor *pt = kt_constant(kt, golden_rows(p, from, to));
            kt_tensor *wt = weighted ? kt_constant(kt, golden_rows(w, from, to)) : NULL;
            if (t.data)
                kt_metric_update(metric, kt_constant(kt, golden_rows(t, from, to)), pt, wt);
            else
                kt_metric_update(metric, pt, NULL, wt);
            kt_scope_end(kt, scope);
            running[n++] = kt_metric_result(metric);
        }
        if (kt_error(kt) != KT_OK) fail_msg("%s: %s", name, kt_message(kt));
        check(name, mode, golden_compare(golden, mode, weighted ? "weighted" : "value", "", running, n));
        double before = kt_metric_result(metric);
        kt_metric_reset(metric);
        assert_true(before == running[n - 1] && kt_metric_result(metric) == 0); /* nothing seen: 0, as Keras */
    }
    kt_context_free(kt);
}

static void test_metrics(void **state)
{
    (void)state;
    for (int m = 0; m < N_GOLDEN_MODES; m++) {
        const golden_mode *mode = &golden_modes[m];
        run_metric("mean", kt_mean_metric(), false, NULL, mode);
        run_metric("accuracy", kt_accuracy_metric(), false, NULL, mode);
        run_metric("binary_accuracy", kt_binary_accuracy(), false, NULL, mode);
        run_metric("binary_accuracy_column", kt_binary_accuracy(), false, NULL, mode);
        run_metric("binary_accuracy_quarter", kt_binary_accuracy(.threshold = 0.25), false, NULL, mode);
        run_metric("categorical_accuracy", kt_categorical_accuracy(), false, NULL, mode);
        run_metric("sparse_categorical_accuracy", kt_sparse_categorical_accuracy(), false, NULL, mode);
        run_metric("sparse_categorical_accuracy_column", kt_sparse_categorical_accuracy(), false, NULL, mode);
        run_metric("sparse_categorical_accuracy_steps", kt_sparse_categorical_accuracy(), false, NULL, mode);
        run_metric("rmse", kt_root_mean_squared_error(), false, NULL, mode);
        run_metric("mse_column", kt_mean_squared_error_metric(), false, NULL, mode);
        static const char *const named[][2] = {
            { "mse", "mse" },
            { "mae", "MAE" },
            { "rmse", "RootMeanSquaredError" },
            { "binary_crossentropy", "bce" },
            { "categorical_crossentropy", "categorical_crossentropy" },
            { "sparse_categorical_crossentropy", "sparse_categorical_crossentropy" },
        };
        for (size_t i = 0; i < sizeof named / sizeof *named; i++)
            run_metric(named[i][0], (kt_metric_spec){ 0 }, true, named[i][1], mode);
    }
}

/* ---- Normalization ---- */

static void test_normalization(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int axis;
        bool invert;
    } rows[] = {
        { "last_axis", -1, false },  { "constant", 0, false },     { "no_axis", KT_AXIS_NONE, false },
        { "rank_3_last", 2, false }, { "rank_3_first", 1, false }, { "invert", -1, true },
        { "one_row", -1, false },
    };
    for (int m = 0; m < N_GOLDEN_MODES; m++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            kt_context *kt = golden_context(&golden_modes[m]);
            char name[64];
            snprintf(name, sizeof name, "normalization_%s", rows[i].name);
            kt_arrays *golden = golden_open(kt, name);
            kt_layer *layer = kt_layer_new(kt, kt_normalization(rows[i].axis, .invert = rows[i].invert));
            assert_int_equal(kt_adapt(layer, golden_need(golden, "adapt")), KT_OK);
            kt_tensor *y = kt_call_layer(layer, kt_constant(kt, golden_need(golden, "x")));
            if (!y) fail_msg("%s: %s", name, kt_message(kt));
            compare_tensor(golden, &golden_modes[m], name, "mean", kt_w(layer, "mean"));
            compare_tensor(golden, &golden_modes[m], name, "variance", kt_w(layer, "variance"));
            compare_tensor(golden, &golden_modes[m], name, "y", y);
            kt_context_free(kt);
        }
}

/* ---- initializers ---- */

static void check_distribution(const char *name, const kt_array golden, const double *values, int64_t n)
{
    int kind = (int)golden_at(golden, 0);
    double a = golden_at(golden, 1), b = golden_at(golden, 2), mean = 0, square = 0, least = (double)INFINITY,
           most = -(double)INFINITY;
    for (int64_t i = 0; i < n; i++) {
        mean += values[i] / (double)n;
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
    }
    for (int64_t i = 0; i < n; i++) square += (values[i] - mean) * (values[i] - mean) / (double)n;
    double centre = kind == 0 ? (a + b) / 2 : a, deviation = kind == 0   ? (b - a) / sqrt(12)
                                                             : kind == 1 ? b
                                                                         : b * 0.87962566103423978;
    double root = sqrt((double)n);
    if (fabs(mean - centre) > 4 * deviation / root + 1e-12) fail_msg("%s: mean %g, expected %g", name, mean, centre);
    if (n > 100 && fabs(sqrt(square) / deviation - 1) > 5 / root)
        fail_msg("%s: deviation %g, expected %g", name, sqrt(square), deviation);
    if (kind == 0) assert_true(least >= a - 1e-7 && most <= b + 1e-7);
    if (kind == 2) assert_true(least >= a - 2 * b - 1e-7 && most <= a + 2 * b + 1e-7);
    if (n > 100 && kind != 1) { /* and the range is used */
        double reach = kind == 0 ? b : 2 * b;
        assert_true(most > 0.8 * reach && least < -0.8 * reach);
    }
}

static void test_initializers(void **state)
{
    (void)state;
    static const char *const names[] = { "glorot_uniform", "glorot_normal", "he_uniform",
                                         "he_normal",      "lecun_uniform", "lecun_normal",
                                         "random_uniform", "random_normal", "truncated_normal" };
    static const struct {
        const char *name;
        kt_shape shape;
    } shapes[] = {
        { "10x64", { 2, { 10, 64 } } },
        { "784x512", { 2, { 784, 512 } } },
        { "7", { 1, { 7 } } },
        { "3x5x8x16", { 4, { 3, 5, 8, 16 } } },
    };
    kt_context *kt = kt_context_new(.backend = "ref", .seed = 3);
    kt_arrays *golden = golden_open(kt, "initializers");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++) {
            char key[64];
            snprintf(key, sizeof key, "%s_%s", names[i], shapes[j].name);
            kt_initializer_spec spec;
            assert_int_equal(kt_pick_initializer(kt, names[i], NULL, "zeros", &spec), KT_OK);
            kt_tensor *variable = kt_variable_zeros(kt, key, KT_FLOAT32, shapes[j].shape);
            assert_int_equal(kt_initialize(kt, &spec, key, variable), KT_OK);
            int64_t n = kt_shape_count(shapes[j].shape);
            double *values = malloc((size_t)n * sizeof *values);
            kt_read(variable, values, KT_FLOAT64, n);
            check_distribution(key, golden_need(golden, key), values, n);
            free(values);
        }
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_normalization),
        cmocka_unit_test(test_initializers),
    };
    return cmocka_run_group_tests_name("nn/golden_values", tests, NULL, NULL);
}
