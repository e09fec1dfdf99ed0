/* SPDX-License-Identifier: MIT */
/* test_failed_step.c: a step that fails does not count, and says whether something was assigned before it failed. */
#include <keratin/keratin.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static kt_tensor *log_loss(kt_tensor *y_true, kt_tensor *y_pred)
{
    return kt_mean(kt_log(kt_sub(kt_mul(y_pred, kt_scalar(y_pred, 0)), y_true))); /* log of a negative number */
}

static void a_step_with_a_nan_does_not_count(void **state)
{
    (void)state;
    static const float x[32] = { 1 }, y[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    kt_context *kt = kt_context_new(.check_numerics = true);
    kt_model *model = kt_sequential(kt, kt_input(4), kt_dense(2), kt_dense(1));
    kt_compile(model, .optimizer = kt_adam(), .loss_fn = log_loss);
    assert_int_equal(kt_fit(model, kt_floats(x, 8, 4), kt_floats(y, 8, 1), .verbose = KT_QUIET), KT_ERR_NAN);
    assert_non_null(strstr(kt_message(kt), "(log)"));
    kt_clear_error(kt);
    assert_int_equal(kt_iterations(kt_model_optimizer(model)), 0);
    kt_compile(model, .optimizer = kt_adam(), .loss = "mse");
    assert_int_equal(kt_fit(model, kt_floats(x, 8, 4), kt_floats(y, 8, 1), .verbose = KT_QUIET), KT_OK);
    assert_int_equal(kt_iterations(kt_model_optimizer(model)), 1);
    kt_context_free(kt);
}

static kt_status same(kt_infer *q)
{
    *kt_out(q, 0) = *kt_in(q, 0);
    return KT_OK;
}

static kt_status refuse(kt_run *r)
{
    (void)r;
    return KT_ERR_VALUE;
}

static const kt_op refusing = { .name = "refusing", .n_in = 1, .n_out = 1, .infer = same, .kernel = refuse };

static void a_torn_step_is_named(void **state)
{
    (void)state;
    static const float numbers[3] = { 1, 2, 3 };
    kt_context *kt = kt_context_new();
    kt_tensor *a = kt_variable(kt, "first", kt_floats(numbers, 3)), *b = kt_variable(kt, "second", kt_floats(numbers, 3));
    kt_assign(b, kt_apply1(&refusing, kt_constant(kt, kt_floats(numbers, 3)), NULL));
    assert_int_equal(kt_flush(kt), KT_ERR_VALUE);
    assert_non_null(strstr(kt_message(kt), "nothing was assigned"));
    kt_clear_error(kt);
    kt_assign(a, kt_exp(kt_constant(kt, kt_floats(numbers, 3))));
    kt_assign(b, kt_apply1(&refusing, kt_constant(kt, kt_floats(numbers, 3)), NULL));
    assert_int_equal(kt_flush(kt), KT_ERR_VALUE);
    assert_non_null(strstr(kt_message(kt), "torn: 'first'"));
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_with_a_nan_does_not_count),
        cmocka_unit_test(a_torn_step_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
