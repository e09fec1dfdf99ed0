/* SPDX-License-Identifier: MIT */
/* tests/weather/test_data.c: bad data in good shape: NaN and infinities, classes that do not exist, weights of zero, columns that never
 * change. fit goes on as Keras does, unless the caller asked to be told.
 */
#include "weather.h"

/* A place where the inputs get worse: log(x) of what may be negative. */
static kt_tensor *log_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_log(x);
}
static const kt_layer_class log_layer = { .name = "log", .call = log_call };

static kt_tensor *mean_squared(kt_tensor *y_true, kt_tensor *y_pred)
{
    return kt_mean(kt_square(kt_sub(y_true, y_pred)));
}

static void nan_goes_on(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    small_data d = make_small_data();
    d.x[40] = NAN;
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = small_model(kt);
    assert_int_equal(kt_fit(model, X(d), Y(d), .epochs = 3, .callbacks = { kt_tensorboard(folder, .histogram_freq = 1) }), KT_OK);
    const kt_history *h = kt_model_history(model);
    assert_int_equal(kt_history_length(h, "loss"), 3);
    assert_true(isnan(kt_history_value(h, "loss", 2)));
    assert_int_equal(kt_iterations(kt_model_optimizer(model)), 6);
    kt_context_free(kt);
    remove_folder(folder);
}

static void nan_terminates(void **state)
{
    (void)state;
    small_data d = make_small_data();
    d.y[40] = NAN; /* in the second batch */
    for (int eagerly = 0; eagerly < 2; eagerly++) {
        kt_context *kt = kt_context_new(.run_eagerly = eagerly);
        kt_model *model = small_model(kt);
        assert_int_equal(kt_fit(model, X(d), Y(d), .batch_size = 32, .no_shuffle = true, .epochs = 5,
                                .callbacks = { kt_terminate_on_nan() }), KT_OK);
        assert_int_equal(kt_history_epochs(kt_model_history(model)), 1);
        assert_int_equal(kt_iterations(kt_model_optimizer(model)), 2);
        kt_status status = kt_fit(model, X(d), Y(d), .callbacks = { kt_terminate_on_nan(.raise_error = true) });
        assert_int_equal(status, KT_ERR_NAN);
        kt_context_free(kt);
    }
}

/* check_numerics names the layer and the op that made the first NaN, and says whether it came in with the data. */
static void nan_is_traced(void **state)
{
    (void)state;
    const char *const isas[] = { NULL, "portable" };
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        small_data d = make_small_data();
        kt_context *kt = kt_context_new(.check_numerics = true, .isa = isas[i]);
        kt_model *model = kt_sequential(kt, kt_input(INPUTS), kt_dense(8), kt_custom(&log_layer), kt_dense(1));
        kt_compile(model, .optimizer = kt_adam(), .loss_fn = mean_squared);
        double before[8 * INPUTS], after[8 * INPUTS];
        kt_read(kt_weights(model).at[0], before, KT_FLOAT64, 8 * INPUTS);
        assert_int_equal(kt_fit(model, X(d), Y(d)), KT_ERR_NAN);
        assert_error(kt, KT_ERR_NAN, "sequential/log");
        kt_read(kt_weights(model).at[0], after, KT_FLOAT64, 8 * INPUTS);
        assert_memory_equal(before, after, sizeof before); /* the step that failed moved nothing */
        kt_model *plain = small_model(kt);
        d.x[3] = (float)INFINITY;
        kt_fit(plain, X(d), Y(d));
        assert_true(strstr(kt_message(kt), "dense") != NULL);
        assert_error(kt, KT_ERR_NAN, "came in with its inputs");
        d = make_small_data();
        assert_int_equal(kt_fit(plain, X(d), Y(d), .epochs = 2), KT_OK);
        kt_context_free(kt);
    }
}

/* A class number that does not exist makes the loss NaN, as documented, and nothing is read out of bounds (the sanitizers look). */
static void classes_out_of_range(void **state)
{
    (void)state;
    small_data d = make_small_data();
    static const int32_t bad[] = { -1, 4, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int32_t ids[ROWS];
        for (int r = 0; r < ROWS; r++) ids[r] = r % 4;
        ids[9] = bad[i];
        kt_context *kt = test_context("cpu", KT_FLOAT32);
        kt_model *model = kt_sequential(kt, kt_input(INPUTS), kt_dense(4, .activation = "softmax"));
        kt_compile(model, .optimizer = kt_sgd(0.1), .loss = "sparse_categorical_crossentropy", .metrics = { "accuracy" });
        assert_int_equal(kt_fit(model, X(d), kt_ints(ids, ROWS), .epochs = 2), KT_OK);
        assert_true(isnan(kt_history_value(kt_model_history(model), "loss", 1)));
        kt_tensor *picked = kt_gather(kt_ones(kt, KT_FLOAT32, KT_SHAPE(4, 2)), kt_constant(kt, kt_ints(ids, ROWS)), 0);
        assert_true(isfinite(kt_item(kt_sum(picked))));
        assert_true(isfinite(kt_item(kt_sum(kt_one_hot(kt_constant(kt, kt_ints(ids, ROWS)), 4)))));
        kt_context_free(kt);
    }
}

static void weights_of_zero(void **state)
{
    (void)state;
    small_data d = make_small_data();
    float weights[ROWS] = { 0 };
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(INPUTS), kt_dense(1));
    kt_compile(model, .optimizer = kt_sgd(0.1), .loss = "mse", .weighted_metrics = { "mae" });
    double before[INPUTS], after[INPUTS];
    kt_read(kt_weights(model).at[0], before, KT_FLOAT64, INPUTS);
    assert_int_equal(kt_fit(model, X(d), Y(d), .sample_weight = kt_floats(weights, ROWS), .epochs = 2), KT_OK);
    kt_read(kt_weights(model).at[0], after, KT_FLOAT64, INPUTS);
    assert_memory_equal(before, after, sizeof before);
    assert_true(kt_history_value(kt_model_history(model), "loss", 1) == 0);
    assert_true(kt_history_value(kt_model_history(model), "mae", 1) == 0); /* 0 / 0 counts as 0 */
    kt_context_free(kt);
}

static void constant_columns(void **state)
{
    (void)state;
    small_data d = make_small_data();
    for (int r = 0; r < ROWS; r++) d.x[r * INPUTS + 2] = 7;
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    double mean[INPUTS], deviation[INPUTS];
    kt_array x = kt_standardise(kt, X(d), mean, deviation);
    assert_true(mean[2] == 7 && deviation[2] == 1);
    kt_layer *normalization = kt_layer_new(kt, kt_normalization());
    assert_int_equal(kt_adapt(normalization, X(d)), KT_OK);
    assert_true(isfinite(kt_item(kt_sum(kt_call_layer(normalization, kt_constant(kt, X(d)))))));
    kt_model *model = small_model(kt);
    assert_int_equal(kt_fit(model, x, Y(d)), KT_OK);
    assert_true(isfinite(kt_history_value(kt_model_history(model), "loss", 0)));
    kt_context_free(kt);
}

/* Targets and inputs of other types are converted; what cannot be is refused with a sentence. */
static void types_of_data(void **state)
{
    (void)state;
    static double x64[ROWS * INPUTS];
    static uint8_t x8[ROWS * INPUTS];
    static int64_t y64[ROWS];
    small_data d = make_small_data();
    for (int i = 0; i < ROWS * INPUTS; i++) x64[i] = (double)d.x[i], x8[i] = (uint8_t)i;
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    const kt_array xs[] = { kt_doubles(x64, ROWS, INPUTS), kt_array_of(x8, KT_UINT8, KT_SHAPE(ROWS, INPUTS)) };
    for (int i = 0; i < 2; i++) {
        kt_model *model = small_model(kt);
        assert_int_equal(kt_fit(model, xs[i], kt_array_of(y64, KT_INT64, KT_SHAPE(ROWS, 1)), .epochs = 1), KT_OK);
        assert_true(isfinite(kt_history_value(kt_model_history(model), "loss", 0)));
    }
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_goes_on),     cmocka_unit_test(nan_terminates),   cmocka_unit_test(nan_is_traced),
        cmocka_unit_test(classes_out_of_range), cmocka_unit_test(weights_of_zero), cmocka_unit_test(constant_columns),
        cmocka_unit_test(types_of_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
