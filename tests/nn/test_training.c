/* SPDX-License-Identifier: MIT */
/* tests/nn/test_training.c: losses, metrics and optimizers: by name, by class of the user's own, in captured
 * steps, and every mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "graph/record.h"
#include "nn/layer.h"
#include "nn/training.h"

#include <keratin/ops.h>

static kt_context *new_context(void)
{
    kt_context *kt = kt_context_new(.backend = "ref", .seed = 7);
    assert_non_null(kt);
    return kt;
}

static void expect_error(kt_context *kt, kt_status status, const char *part)
{
    if (kt_error(kt) != status || !strstr(kt_message(kt), part))
        fail_msg("expected %s with '%s', got %s: %s", kt_status_name(status), part, kt_status_name(kt_error(kt)),
                 kt_message(kt));
    kt_clear_error(kt);
}

static kt_tensor *vector(kt_context *kt, const float *values, int64_t n)
{
    return kt_constant(kt, kt_array_of(values, KT_FLOAT32, KT_SHAPE(n)));
}

static void expect_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want)))) fail_msg("expected %.9g, got %.9g", want, got);
}

/* ---- losses ---- */

static void test_ranks_and_weights(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float t[] = { 1, 2, 4 }, p[] = { 0, 0, 0 }, w[] = { 1, 0, 0.5f };
    kt_tensor *row = vector(kt, t, 3), *column = kt_expand_dims(vector(kt, p, 3), -1), *weight = vector(kt, w, 3);
    expect_near(kt_item(kt_loss_named("mse", row, column, NULL)), (1 + 4 + 16) / 3.0); /* (3) against (3, 1) */
    expect_near(kt_item(kt_loss_named("mse", row, column, weight)),
                (1 + 8) / 3.0); /* over the count, not the weights */
    expect_near(kt_item(kt_loss_named("mae", row, column, kt_expand_dims(weight, -1))), (1 + 2) / 3.0);
    expect_near(kt_item(kt_loss(kt_mean_squared_error_loss(.reduction = KT_REDUCTION_SUM), row, column, weight)), 9);
    expect_near(kt_item(
                    kt_loss(kt_mean_squared_error_loss(.reduction = KT_REDUCTION_WEIGHTED_MEAN), row, column, weight)),
                6);
    kt_tensor *whole = kt_cast(row, KT_INT32);
    expect_near(kt_item(kt_loss_named("mean_squared_error", whole, column, NULL)), 7); /* integers become floats */
    float logits[] = { 3, 1, -2, 0, 0, 0 };
    float ids[] = { 0, 2 };
    kt_tensor *two = kt_constant(kt, kt_floats(logits, 2, 3)), *classes = vector(kt, ids, 2);
    double expected = (log(1 + exp(-2.0) + exp(-5.0)) + log(3)) / 2;
    kt_loss_spec sparse = kt_sparse_categorical_crossentropy_loss(.from_logits = true);
    expect_near(kt_item(kt_loss(sparse, classes, two, NULL)), expected);
    expect_near(kt_item(kt_loss(sparse, kt_cast(kt_expand_dims(classes, -1), KT_UINT8), two, NULL)), expected);
    kt_context_free(kt);
}

static void test_kinds(void **state)
{
    (void)state;
    kt_desc p1 = { KT_FLOAT32, 2, { 8, 1 } }, p4 = { KT_FLOAT32, 2, { 8, 4 } };
    kt_desc t0 = { KT_INT32, 1, { 8 } }, t1 = { KT_INT32, 2, { 8, 1 } }, t4 = { KT_FLOAT32, 2, { 8, 4 } };
    assert_int_equal(kt_kind_of(&t1, &p1), KT_KIND_BINARY);
    assert_int_equal(kt_kind_of(&t0, &p1), KT_KIND_BINARY);
    assert_int_equal(kt_kind_of(&t0, &p4), KT_KIND_SPARSE);
    assert_int_equal(kt_kind_of(&t1, &p4), KT_KIND_SPARSE);
    assert_int_equal(kt_kind_of(&t4, &p4), KT_KIND_CATEGORICAL);
    assert_ptr_equal(kt_crossentropy_for(&t0, &p4).cls, &kt_sparse_categorical_crossentropy_class);
    assert_ptr_equal(kt_crossentropy_for(&t1, &p1).cls, &kt_binary_crossentropy_class);
    assert_ptr_equal(kt_accuracy_for(&t4, &p4).cls, &kt_categorical_accuracy_class);
    assert_true(kt_loss_needs_shapes("CE") && kt_loss_needs_shapes("crossentropy") && !kt_loss_needs_shapes("mse"));
    assert_true(kt_metric_needs_shapes("Accuracy") && kt_metric_needs_shapes("acc") &&
                !kt_metric_needs_shapes("accurac"));
}

static kt_tensor *null_fn(kt_tensor *t, kt_tensor *p)
{
    (void)t, (void)p;
    return NULL;
}

static void test_loss_mistakes(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float values[] = { 1, 2, 3, 4, 5, 6 };
    kt_tensor *six = kt_constant(kt, kt_floats(values, 2, 3)), *two = vector(kt, values, 2),
              *row = kt_constant(kt, kt_floats(values, 3, 2));
    assert_null(kt_loss_named("msse", six, six, NULL));
    expect_error(kt, KT_ERR_NAME, "did you mean 'mse'?");
    assert_null(kt_loss_named(NULL, six, six, NULL));
    expect_error(kt, KT_ERR_NAME, "unknown loss");
    assert_null(kt_loss_named("mse", row, six, NULL));
    expect_error(kt, KT_ERR_SHAPE, "expected targets of the prediction's shape (2, 3), got (3, 2)");
    assert_null(kt_loss_named("categorical_crossentropy", two, six, NULL));
    expect_error(kt, KT_ERR_SHAPE, "kt_one_hot for class numbers");
    assert_null(kt_loss(kt_mean_squared_error_loss(.from_logits = true), six, six, NULL));
    expect_error(kt, KT_ERR_VALUE, "no from_logits");
    assert_null(kt_loss(kt_mean_absolute_error_loss(.label_smoothing = 0.1), six, six, NULL));
    expect_error(kt, KT_ERR_VALUE, "no label_smoothing");
    assert_null(kt_loss(kt_sparse_categorical_crossentropy_loss(.label_smoothing = 0.1), two, six, NULL));
    expect_error(kt, KT_ERR_VALUE, "no label_smoothing");
    assert_null(kt_loss(kt_binary_crossentropy_loss(.label_smoothing = 1.5), six, six, NULL));
    expect_error(kt, KT_ERR_VALUE, "between 0 and 1, got 1.5");
    assert_null(kt_loss(kt_mean_squared_error_loss(.reduction = (kt_reduction)7), six, six, NULL));
    expect_error(kt, KT_ERR_VALUE, "got number 7");
    assert_null(kt_loss((kt_loss_spec){ .cls = NULL }, six, six, NULL));
    expect_error(kt, KT_ERR_VALUE, "empty one");
    assert_null(kt_loss_of(kt, NULL, null_fn, six, six, NULL));
    expect_error(kt, KT_ERR_VALUE, "gave no tensor");
    assert_null(kt_loss_named("mse", NULL, six, NULL));
    assert_null(kt_loss_named("mse", six, NULL, NULL));
    assert_null(kt_loss(kt_mean_squared_error_loss(), NULL, NULL, NULL));
    assert_int_equal(kt_error(kt), KT_OK);
    kt_context_free(kt);
}

/* ---- metrics ---- */

/* The largest error seen, with a state of its own. */
static kt_status largest_update(const kt_metric_config *c, kt_tensor *const *s, kt_tensor *t, kt_tensor *p,
                                kt_tensor *w)
{
    (void)c, (void)w;
    kt_assign(s[0], kt_maximum(s[0], kt_max(kt_abs(kt_sub(t, p)))));
    return KT_OK;
}
static kt_tensor *largest_result(const kt_metric_config *c, kt_tensor *const *s)
{
    (void)c;
    return s[0];
}
static const kt_metric_class largest_class = {
    .name = "LargestError",
    .short_name = "largest_error",
    .n_state = 1,
    .update = largest_update,
    .result = largest_result,
};
static const kt_metric_class broken_class = { .name = "Broken", .short_name = "broken" };

static kt_tensor *fourth_power(kt_tensor *t, kt_tensor *p) { return kt_square(kt_square(kt_sub(t, p))); }

static void test_metrics(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float t[] = { 1, 2, 4 }, p[] = { 0, 4, 1 };
    kt_tensor *tt = vector(kt, t, 3), *pt = vector(kt, p, 3);
    kt_metric *largest =
        kt_metric_new(kt, kt_metric_spec_of(&largest_class, &(kt_metric_config){ .size = sizeof(kt_metric_config) }));
    kt_metric *fourth = kt_metric_new(kt, kt_metric_of_fn(fourth_power, "fourth"));
    kt_metric *mae = kt_metric_new(kt, kt_metric_find(kt, "MAE"));
    kt_metric *named = kt_metric_new(kt, kt_binary_accuracy(.name = "hits"));
    assert_string_equal(kt_metric_name(largest), "largest_error");
    assert_string_equal(kt_metric_name(fourth), "fourth");
    assert_string_equal(kt_metric_name(mae), "MAE"); /* as it was asked for */
    assert_string_equal(kt_metric_name(named), "hits");
    assert_true(kt_metric_higher_is_better(named) && !kt_metric_higher_is_better(mae));
    for (int i = 0; i < 2; i++) {
        kt_metric_update(largest, tt, pt, NULL);
        kt_metric_update(fourth, tt, pt, NULL);
        kt_metric_update(mae, tt, pt, NULL);
        expect_near(kt_metric_result(largest), 3);
        expect_near(kt_metric_result(fourth), (1 + 16 + 81) / 3.0);
        expect_near(kt_metric_result(mae), 2);
        if (i == 0) kt_metric_reset(largest);
    }
    assert_int_equal(kt_metric_state(mae).count, 2);
    kt_metric_spec accuracy = kt_accuracy_for(kt_desc_of(tt), kt_desc_of(kt_expand_dims(pt, -1)));
    kt_metric_set_name(&accuracy, "acc");
    assert_string_equal(kt_metric_name(kt_metric_new(kt, accuracy)), "acc");
    kt_context_free(kt);
}

static void test_metric_mistakes(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float t[] = { 1, 2, 4 };
    kt_tensor *tt = vector(kt, t, 3);
    assert_null(kt_metric_find(kt, "accuray").cls);
    expect_error(kt, KT_ERR_NAME, "did you mean 'accuracy'?");
    assert_null(kt_metric_find(kt, NULL).cls);
    expect_error(kt, KT_ERR_NAME, "unknown metric");
    assert_null(kt_metric_new(kt, (kt_metric_spec){ .cls = NULL }));
    expect_error(kt, KT_ERR_VALUE, "empty one");
    assert_null(kt_metric_new(kt, kt_metric_of_fn(NULL, "none")));
    expect_error(kt, KT_ERR_VALUE, "empty one");
    assert_null(
        kt_metric_new(kt, kt_metric_spec_of(&broken_class, &(kt_metric_config){ .size = sizeof(kt_metric_config) })));
    expect_error(kt, KT_ERR_VALUE, "`update`, `result`");
    kt_metric *mse = kt_metric_new(kt, kt_mean_squared_error_metric());
    kt_metric_update(mse, tt, NULL, NULL);
    expect_error(kt, KT_ERR_VALUE, "targets and predictions");
    kt_metric_update(kt_metric_new(kt, kt_metric_of_fn(null_fn, NULL)), tt, tt, NULL);
    expect_error(kt, KT_ERR_VALUE, "gave no tensor");
    kt_metric_update(kt_metric_new(kt, kt_mean_metric()), NULL, NULL, NULL);
    expect_error(kt, KT_ERR_VALUE, "expected values");
    kt_metric_update(mse, tt, vector(kt, t, 2), NULL);
    assert_int_equal(kt_error(kt), KT_ERR_SHAPE);
    kt_clear_error(kt);
    assert_null(kt_metric_new(NULL, kt_mean_metric()));
    assert_int_equal(kt_metric_update(NULL, tt, tt, NULL), KT_ERR_VALUE);
    assert_int_equal(kt_metric_reset(NULL), KT_ERR_VALUE);
    assert_true(isnan(kt_metric_result(NULL)));
    assert_string_equal(kt_metric_name(NULL), "");
    assert_int_equal(kt_metric_state(NULL).count, 0);
    kt_metric_free(NULL);
    kt_metric_free(mse);
    kt_context_free(kt);
}

/* ---- optimizers ---- */

static void apply(kt_optimizer *optimizer, kt_tensor *variable, const float *g, int64_t n)
{
    kt_context *kt = kt_context_of(variable);
    kt_scope *scope = kt_scope_begin(kt);
    kt_tensor *gradient = vector(kt, g, n);
    kt_apply_gradients(optimizer, (kt_tensors){ &gradient, 1 }, (kt_tensors){ &variable, 1 });
    kt_scope_end(kt, scope);
}

/* A rule of a user's own: w -= lr sign(g), counting in a slot. */
typedef struct sign_config {
    size_t size;
    double learning_rate;
} sign_config;
static void sign_common(const void *config, kt_optimizer_common *to)
{
    *to = (kt_optimizer_common){ .learning_rate = ((const sign_config *)config)->learning_rate };
}
static int sign_slots(const void *config, const char *names[4])
{
    (void)config;
    names[0] = "seen";
    return 1;
}
static kt_status sign_update(const kt_update *u)
{
    kt_assign_add(u->slots[0], kt_sign(u->gradient));
    kt_assign(u->variable, kt_sub(u->variable, kt_mul(u->learning_rate, kt_sign(u->gradient))));
    return KT_OK;
}
static const kt_optimizer_class sign_class = {
    .name = "SignDescent",
    .config_size = sizeof(sign_config),
    .common = sign_common,
    .slots = sign_slots,
    .update = sign_update,
};

static void test_own_optimizer(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float w0[] = { 1, 2 }, g[] = { 3, -4 };
    double w[2], seen[2];
    kt_tensor *variable = kt_variable(kt, "net/kernel", kt_floats(w0, 2));
    sign_config config = { sizeof config, 0.25 };
    kt_optimizer *optimizer =
        kt_optimizer_new(kt, (kt_optimizer_spec){ &sign_class, kt_box_of(&config, sizeof config) });
    for (int i = 0; i < 3; i++) apply(optimizer, variable, g, 2);
    kt_read(variable, w, KT_FLOAT64, 2);
    assert_true(w[0] == 0.25 && w[1] == 2.75);
    kt_tensors all = kt_optimizer_variables(optimizer);
    assert_int_equal(all.count, 3);
    assert_string_equal(kt_variable_name(all.at[0]), "sign_descent/iteration");
    assert_string_equal(kt_variable_name(all.at[1]), "sign_descent/learning_rate");
    assert_string_equal(kt_variable_name(all.at[2]), "sign_descent/net_kernel_seen");
    kt_read(all.at[2], seen, KT_FLOAT64, 2);
    assert_true(seen[0] == 3 && seen[1] == -3);
    assert_true(kt_item(all.at[0]) == 3);
    kt_optimizer_free(optimizer);
    kt_context_free(kt);
}

static double halving(int64_t step, void *user)
{
    *(int64_t *)user = step;
    return pow(0.5, (double)step);
}

static void test_rates(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float w0[] = { 0 }, g[] = { 1 };
    kt_tensor *variable = kt_variable(kt, "w", kt_floats(w0, 1));
    int64_t last = -1;
    kt_optimizer *scheduled = kt_optimizer_new(kt, kt_sgd(.schedule = halving, .schedule_user = &last));
    assert_true(kt_optimizer_scheduled(scheduled));
    for (int i = 0; i < 4; i++) apply(scheduled, variable, g, 1);
    assert_int_equal(last, 3);
    assert_true(kt_item(variable) == -(1 + 0.5 + 0.25 + 0.125));
    assert_true(kt_learning_rate(scheduled) == 0.0625);
    assert_int_equal(kt_iterations(scheduled), 4);
    assert_int_equal(kt_optimizer_variables(scheduled).count, 1); /* no rate of its own to save */
    assert_int_equal(kt_variable_fill(kt_optimizer_variables(scheduled).at[0], 10), KT_OK); /* as loading does */
    assert_int_equal(kt_iterations(scheduled), 10);
    apply(scheduled, variable, g, 1);
    assert_int_equal(last, 10);
    kt_set_learning_rate(scheduled, 0.1);
    expect_error(kt, KT_ERR_STATE, "follows a schedule");

    kt_optimizer *plain = kt_optimizer_new(kt, kt_sgd(0.5));
    kt_variable_fill(variable, 0);
    apply(plain, variable, g, 1);
    assert_int_equal(kt_set_learning_rate(plain, 0.25), KT_OK);
    assert_true(kt_learning_rate(plain) == 0.25);
    apply(plain, variable, g, 1);
    assert_true(kt_item(variable) == -0.75);
    kt_set_learning_rate(plain, NAN);
    expect_error(kt, KT_ERR_VALUE, "finite");
    kt_optimizer *still = kt_optimizer_new(kt, kt_sgd(KT_ZERO));
    assert_true(kt_learning_rate(still) == 0);
    apply(still, variable, g, 1);
    assert_true(kt_item(variable) == -0.75);
    kt_context_free(kt);
}

/* A step captured once and run many times trains as the same step recorded by hand; weights and slots may be
 * made before the capture or inside it. */
static void test_captured(void **state)
{
    (void)state;
    enum { BY_HAND, PREPARED, INSIDE, N_WAYS };
    static const float x[] = { 1, 2, 3, -1, 0, 2 }, y[] = { 1, 0 };
    static const kt_desc x_desc = { KT_FLOAT32, 2, { 2, 3 } }, y_desc = { KT_FLOAT32, 2, { 2, 1 } };
    double got[N_WAYS][3];
    for (int way = 0; way < N_WAYS; way++) {
        kt_context *kt = new_context();
        int64_t last;
        kt_layer *layer = kt_layer_new(kt, kt_dense(1, .no_bias = true));
        kt_optimizer *optimizer =
            kt_optimizer_new(kt, kt_adam(.schedule = halving, .schedule_user = &last, .weight_decay = 0.1));
        kt_program *program = NULL;
        if (way == PREPARED) {
            assert_int_equal(kt_layer_build(layer, &x_desc), KT_OK);
            assert_int_equal(kt_optimizer_build(optimizer, kt_layer_trainable(layer)), KT_OK);
        }
        if (way != BY_HAND) {
            assert_int_equal(kt_capture_begin(kt), KT_OK);
            kt_tensor *input = kt_capture_input(kt, &x_desc), *target = kt_capture_input(kt, &y_desc);
            kt_tensor *loss = kt_loss_named("mse", target, kt_call_layer(layer, input), NULL);
            kt_tensors variables = kt_layer_trainable(layer);
            assert_int_equal(kt_optimizer_record(optimizer, kt_gradients(loss, variables), variables), KT_OK);
            program = kt_capture_end(kt, &loss, 1);
            if (!program) fail_msg("%s", kt_message(kt));
        }
        for (int i = 0; i < 5; i++) {
            if (program) {
                kt_optimizer_before_step(optimizer);
                assert_int_equal(kt_program_run(program, (const void *const[]){ x, y }, true), KT_OK);
            } else {
                kt_scope *scope = kt_scope_begin(kt);
                kt_tensor *input = kt_constant(kt, kt_floats(x, 2, 3)), *target = kt_constant(kt, kt_floats(y, 2, 1));
                kt_tensor *loss = kt_loss_named("mse", target, kt_call_layer(layer, input), NULL);
                kt_tensors variables = kt_layer_trainable(layer);
                kt_apply_gradients(optimizer, kt_gradients(loss, variables), variables);
                kt_scope_end(kt, scope);
            }
        }
        assert_int_equal(last, 4);
        assert_int_equal(kt_iterations(optimizer), 5);
        assert_true(kt_item(kt_optimizer_variables(optimizer).at[0]) == 5);
        if (kt_read(kt_w(layer, "kernel"), got[way], KT_FLOAT64, 3) != KT_OK) fail_msg("%s", kt_message(kt));
        kt_program_free(program);
        kt_context_free(kt);
    }
    assert_memory_equal(got[BY_HAND], got[PREPARED], sizeof got[0]);
    assert_memory_equal(got[BY_HAND], got[INSIDE], sizeof got[0]);
}

static void test_global_norm(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    float zero[] = { 0, 0 }, g1[] = { 3, 0 }, g2[] = { 0, 4 }, bad[] = { INFINITY, 0 };
    double w[2];
    kt_tensor *a = kt_variable(kt, "a", kt_floats(zero, 2)), *b = kt_variable(kt, "b", kt_floats(zero, 2));
    kt_tensor *variables[] = { a, b };
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_sgd(1, .global_clipnorm = 1));
    kt_tensor *gradients[] = { vector(kt, g1, 2), vector(kt, g2, 2) };
    kt_apply_gradients(optimizer, (kt_tensors){ gradients, 2 }, (kt_tensors){ variables, 2 });
    kt_read(a, w, KT_FLOAT64, 2);
    expect_near(w[0], -0.6);
    kt_tensor *infinite[] = { NULL, vector(kt, bad, 2) }; /* a missing gradient leaves its variable alone */
    kt_apply_gradients(optimizer, (kt_tensors){ infinite, 2 }, (kt_tensors){ variables, 2 });
    kt_read(a, w, KT_FLOAT64, 2);
    expect_near(w[0], -0.6);
    kt_read(b, w, KT_FLOAT64, 2);
    assert_true(isnan(w[0]) && isnan(w[1]));
    kt_context_free(kt);
}

static kt_status silent_update(const kt_update *u)
{
    (void)u;
    return KT_ERR_UNSUPPORTED;
}
static const kt_optimizer_class silent_class = {
    .name = "Silent",
    .config_size = sizeof(sign_config),
    .common = sign_common,
    .update = silent_update,
};
static const kt_optimizer_class bare_class = { .name = "Bare", .config_size = sizeof(sign_config) };

static void test_optimizer_mistakes(void **state)
{
    (void)state;
    kt_context *kt = new_context();
    sign_config config = { sizeof config, 1 };
    const struct {
        kt_optimizer_spec spec;
        kt_status status;
        const char *part;
    } rows[] = {
        { kt_sgd(-1), KT_ERR_VALUE, "learning_rate of 0 or more, got -1" },
        { kt_sgd(NAN), KT_ERR_VALUE, "learning_rate" },
        { kt_adam(INFINITY), KT_ERR_VALUE, "learning_rate" },
        { kt_sgd(.momentum = 1.5), KT_ERR_VALUE, "momentum between 0 and 1" },
        { kt_adam(.beta_1 = 1), KT_ERR_VALUE, "beta_1 and beta_2" },
        { kt_adam(.beta_2 = -0.5), KT_ERR_VALUE, "beta_1 and beta_2" },
        { kt_adam(.epsilon = -1), KT_ERR_VALUE, "epsilon of 0 or more" },
        { kt_adam(.clipnorm = -1), KT_ERR_VALUE, "clipnorm of 0 or more" },
        { kt_adam(.clipnorm = 1, .clipvalue = 1), KT_ERR_VALUE, "at most one of" },
        { kt_sgd(.clipvalue = 1, .global_clipnorm = 1), KT_ERR_VALUE, "at most one of" },
        { kt_sgd(.weight_decay = -0.1), KT_ERR_VALUE, "weight_decay" },
        { { .cls = NULL }, KT_ERR_VALUE, "empty one" },
        { { .cls = &kt_sgd_class }, KT_ERR_VALUE, "empty one" },
        { { &bare_class, kt_box_of(&config, sizeof config) }, KT_ERR_VALUE, "`common` and `update`" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(kt_optimizer_new(kt, rows[i].spec));
        expect_error(kt, rows[i].status, rows[i].part);
    }
    assert_null(kt_optimizer_find(kt, "adamm").cls);
    expect_error(kt, KT_ERR_NAME, "did you mean 'adam'?");
    assert_null(kt_optimizer_find(kt, NULL).cls);
    expect_error(kt, KT_ERR_NAME, "unknown optimizer");
    assert_ptr_equal(kt_optimizer_find(kt, "Adam").cls, &kt_adam_class);
    assert_ptr_equal(kt_optimizer_find(kt, "sgd").cls, &kt_sgd_class);
    expect_near(kt_learning_rate(kt_optimizer_new(kt, kt_optimizer_find(kt, "SGD"))), 0.01);

    float values[] = { 1, 2, 3 };
    kt_optimizer *adam = kt_optimizer_new(kt, kt_adam());
    kt_tensor *w = kt_variable(kt, "w", kt_floats(values, 2)), *g = vector(kt, values, 2),
              *longer = vector(kt, values, 3), *none = NULL;
    kt_tensor *pair[] = { g, g };
    kt_apply_gradients(adam, (kt_tensors){ pair, 2 }, (kt_tensors){ &w, 1 });
    expect_error(kt, KT_ERR_VALUE, "a gradient for each of 1 variables, got 2");
    kt_apply_gradients(adam, (kt_tensors){ &longer, 1 }, (kt_tensors){ &w, 1 });
    expect_error(kt, KT_ERR_SHAPE, "same order");
    kt_apply_gradients(adam, (kt_tensors){ &none, 1 }, (kt_tensors){ &w, 1 });
    expect_error(kt, KT_ERR_VALUE, "depends on none");
    kt_apply_gradients(adam, (kt_tensors){ &g, 1 }, (kt_tensors){ &g, 1 });
    expect_error(kt, KT_ERR_VALUE, "the result of an op");
    kt_tensor *whole = kt_variable_zeros(kt, "ints", KT_INT32, KT_SHAPE(2));
    kt_apply_gradients(adam, (kt_tensors){ &g, 1 }, (kt_tensors){ &whole, 1 });
    expect_error(kt, KT_ERR_VALUE, "int32 'ints'");
    kt_optimizer *silent =
        kt_optimizer_new(kt, (kt_optimizer_spec){ &silent_class, kt_box_of(&config, sizeof config) });
    kt_apply_gradients(silent, (kt_tensors){ &g, 1 }, (kt_tensors){ &w, 1 });
    expect_error(kt, KT_ERR_UNSUPPORTED, "without saying why");
    kt_context *other = new_context();
    kt_tensor *foreign = kt_variable(other, "w", kt_floats(values, 2));
    kt_apply_gradients(adam, (kt_tensors){ &g, 1 }, (kt_tensors){ &foreign, 1 });
    expect_error(kt, KT_ERR_VALUE, "optimizer's context");
    kt_context_free(other);
    assert_int_equal(kt_iterations(adam), 0); /* nothing of this counted as a step */

    assert_null(kt_optimizer_new(NULL, kt_adam()));
    assert_int_equal(kt_apply_gradients(NULL, (kt_tensors){ &g, 1 }, (kt_tensors){ &w, 1 }), KT_ERR_VALUE);
    assert_int_equal(kt_set_learning_rate(NULL, 1), KT_ERR_VALUE);
    assert_true(isnan(kt_learning_rate(NULL)));
    assert_int_equal(kt_iterations(NULL), 0);
    assert_int_equal(kt_optimizer_variables(NULL).count, 0);
    kt_optimizer_free(NULL);
    kt_sgd_init(NULL);
    kt_adam_config c;
    kt_adam_init(&c);
    assert_non_null(kt_optimizer_new(kt, kt_adam_spec(&c)));
    assert_null(kt_optimizer_new(kt, kt_adam_spec(NULL)));
    kt_context_free(kt);
}

/* ---- initializers and regularizers by description ---- */

static kt_status made(kt_context *kt, kt_initializer_spec spec, kt_shape shape, double *to)
{
    kt_tensor *v = kt_variable_zeros(kt, "v", KT_FLOAT64, shape);
    if (kt_initialize(kt, &spec, "some/path", v) != KT_OK) return kt_error(kt);
    return kt_read(v, to, KT_FLOAT64, kt_shape_count(shape));
}

static void test_initializers(void **state)
{
    (void)state;
    kt_context *kt = new_context(), *other = kt_context_new(.backend = "ref", .seed = 8);
    double a[64], b[64];
    assert_int_equal(made(kt, kt_constant_of(2.5), KT_SHAPE(2), a), KT_OK);
    assert_true(a[0] == 2.5 && a[1] == 2.5);
    assert_int_equal(made(kt, kt_identity_of(3), KT_SHAPE(2, 3), a), KT_OK);
    assert_true(a[0] == 3 && a[1] == 0 && a[4] == 3 && a[5] == 0);
    assert_int_equal(made(kt, kt_glorot_uniform(.seed = 5), KT_SHAPE(4, 4), a), KT_OK);
    assert_int_equal(made(other, kt_glorot_uniform(.seed = 5), KT_SHAPE(4, 4), b), KT_OK);
    assert_memory_equal(a, b, 16 * sizeof *a); /* a seed of its own: the same everywhere */
    made(kt, kt_he_normal(), KT_SHAPE(4, 4), a);
    made(kt, kt_he_normal(), KT_SHAPE(4, 4), b);
    assert_memory_equal(a, b, 16 * sizeof *a); /* the same path */
    made(other, kt_he_normal(), KT_SHAPE(4, 4), b);
    assert_memory_not_equal(a, b, 16 * sizeof *a); /* another seed of the context */
    made(kt, kt_uniform_of(1, 2), KT_SHAPE(64), a);
    for (int i = 0; i < 64; i++) assert_true(a[i] >= 1 && a[i] < 2);
    made(kt, kt_normal_of(5, KT_ZERO), KT_SHAPE(3), a);
    assert_true(a[0] == 5 && a[2] == 5);
    for (int wide = 0; wide < 2; wide++) { /* orthonormal along the shorter side, times the gain */
        assert_int_equal(made(kt, kt_orthogonal(2), wide ? KT_SHAPE(4, 8) : KT_SHAPE(8, 4), a), KT_OK);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) {
                double dot = 0;
                for (int k = 0; k < 8; k++) dot += wide ? a[i * 8 + k] * a[j * 8 + k] : a[k * 4 + i] * a[k * 4 + j];
                assert_true(fabs(dot - (i == j ? 4 : 0)) < 1e-12);
            }
    }
    made(kt, kt_variance_scaling(2, "fan_out", "uniform"), KT_SHAPE(8, 8), a);
    for (int i = 0; i < 64; i++) assert_true(fabs(a[i]) <= sqrt(6.0 / 8));
    made(kt, kt_identity_of(), KT_SHAPE(3), a);
    expect_error(kt, KT_ERR_SHAPE, "rank 2");
    made(kt, kt_orthogonal(), KT_SHAPE(3), a);
    expect_error(kt, KT_ERR_SHAPE, "rank 2 or more");
    made(kt, kt_variance_scaling(.mode = "fan_inn"), KT_SHAPE(3), a);
    expect_error(kt, KT_ERR_NAME, "did you mean 'fan_in'?");
    made(kt, kt_variance_scaling(.distribution = "unifrom"), KT_SHAPE(3), a);
    expect_error(kt, KT_ERR_NAME, "did you mean 'uniform'?");
    made(kt, kt_variance_scaling(-1), KT_SHAPE(3), a);
    expect_error(kt, KT_ERR_VALUE, "scale above 0");
    made(kt, kt_normal_of(.stddev = -1), KT_SHAPE(3), a);
    expect_error(kt, KT_ERR_VALUE, "stddev of 0 or more");
    made(kt, kt_uniform_of(2, 1), KT_SHAPE(3), a);
    expect_error(kt, KT_ERR_VALUE, "minval <= maxval");
    kt_context_free(other);
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_and_weights),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_loss_mistakes),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_metric_mistakes),
        cmocka_unit_test(test_own_optimizer),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_captured),
        cmocka_unit_test(test_global_norm),
        cmocka_unit_test(test_optimizer_mistakes),
        cmocka_unit_test(test_initializers),
    };
    return cmocka_run_group_tests_name("nn/training", tests, NULL, NULL);
}
