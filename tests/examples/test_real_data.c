/* SPDX-License-Identifier: MIT */
/* test_real_data.c: the mission's programs on real data: plausible errors, and a weight that really selects. The data is found
 * through KERATIN_DATA; without it the tests are skipped.
 */
#include <keratin/keratin.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static kt_tensor *log_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_log(kt_add(x, kt_scalar(x, 1e-9)));
}
static const kt_layer_class log_layer = { .name = "log", .call = log_call };

static kt_tensor *weighted_mse(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *weight = kt_cast(kt_greater(y_true, kt_scalar(y_true, 0.5)), KT_FLOAT32);
    return kt_mean(kt_mul(kt_square(kt_sub(y_true, y_pred)), weight));
}

typedef struct result {
    double loss, error; /* of the last epoch; error: mean absolute, validation */
} result;

/* Rings of abalones from ten standardised inputs, the last fifth kept for validation. */
static result abalone(uint64_t seed, bool with_log, kt_loss_fn loss, bool standardise_target)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tabular/abalone.csv", getenv("KERATIN_DATA"));
    kt_context *kt = kt_context_new(.seed = seed);
    kt_arrays *data = kt_read_csv(kt, path);
    kt_array x = kt_standardise(kt, kt_arrays_get(data, "x"), NULL, NULL), y = kt_arrays_get(data, "y");
    if (standardise_target) y = kt_standardise(kt, y, NULL, NULL);
    assert_int_equal(x.dim[1], 10); /* sex is one-hot */
    kt_model *model = with_log
        ? kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_custom(&log_layer), kt_dense(1))
        : kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
    if (loss) kt_compile(model, .optimizer = kt_adam(), .loss_fn = loss, .metrics = { "mae" });
    else kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .metrics = { "mae" });
    kt_fit(model, x, y, .epochs = 50, .validation_split = 0.2, .verbose = KT_QUIET);
    if (kt_error(kt) != KT_OK) fail_msg("%s", kt_message(kt));
    const kt_history *history = kt_model_history(model);
    result r = { kt_history_value(history, "loss", 49), kt_history_value(history, "val_mae", 49) };
    kt_context_free(kt);
    return r;
}

static double middle(const double *three)
{
    double a = three[0], b = three[1], c = three[2];
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* The middle of three seeds: the logarithm of near nothing magnifies rounding, so that one seed may end on either side of a bound
 * with one instruction set and another (seed 2: 1.78 with AVX-512, 1.88 with portable kernels). The seeds are the first three, not
 * chosen. */
static void errors_on_abalone_are_plausible(void **state)
{
    (void)state;
    if (!getenv("KERATIN_DATA")) skip();
    double with[3], without[3];
    for (int i = 0; i < 3; i++) {
        with[i] = abalone((uint64_t)i + 1, true, NULL, false).error;
        without[i] = abalone((uint64_t)i + 1, false, NULL, false).error;
        print_message("seed %d: validation error %.3f with the log layer, %.3f without\n", i + 1, with[i], without[i]);
        assert_true(with[i] < 2 && without[i] < 1.55);
    }
    assert_true(middle(with) < 1.85);
    assert_true(middle(without) < 1.45);
}

/* Below one half nothing holds the predictions: the error over all rows stays large while the loss gets small. Without the
 * weight it is the other way round. */
static void the_weight_selects(void **state)
{
    (void)state;
    if (!getenv("KERATIN_DATA")) skip();
    result weighted = abalone(1, false, weighted_mse, true), plain = abalone(1, false, NULL, true);
    print_message("weighted: loss %.3f, error %.3f; plain: loss %.3f, error %.3f\n", weighted.loss, weighted.error, plain.loss,
                  plain.error);
    assert_true(weighted.error > 1.3 * plain.error);
    assert_true(weighted.loss < 0.8 * plain.loss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_on_abalone_are_plausible),
        cmocka_unit_test(the_weight_selects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
