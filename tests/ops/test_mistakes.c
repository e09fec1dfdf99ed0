/* SPDX-License-Identifier: MIT */
/* tests/ops/test_mistakes.c: each wrong shape, dtype or number gives NULL, a status and a sentence
 * that names the op, what was expected and what was received; the context goes on afterwards.
 */
#include "check.h"

/* The expression fails with this status, and its sentence begins with `op` and contains `part`. */
#define MISTAKE(status_, op, part, expression) \
    do { \
        assert_null(expression); \
        mistake(kt, #expression, status_, "(" op ")", part); \
    } while (0)

static void mistake(kt_context *kt, const char *what, kt_status status, const char *op,
                    const char *part)
{
    char place[64];
    snprintf(place, sizeof place, "%.*s: ", (int)strlen(op) - 2, op + 1);
    const char *message = kt_message(kt);
    if (kt_error(kt) != status)
        fail_msg("%s: status %d, not %d: %s", what, (int)kt_error(kt), (int)status, message);
    if (strncmp(message, place, strlen(place)) != 0 && !strstr(message, op))
        fail_msg("%s: does not name %s: %s", what, op, message);
    if (!strstr(message, part) || !strstr(message, "expected"))
        fail_msg("%s: lacks '%s': %s", what, part, message);
    kt_clear_error(kt);
}

static void test_shapes(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *a = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 3)),
              *b = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 4));
    kt_tensor *n = kt_scalar_new(kt, KT_FLOAT64, 1), *i = W(0, 1);
    kt_tensor *deep = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    MISTAKE(KT_ERR_SHAPE, "add", "got (2, 3) float64 and (2, 4) float64", kt_add(a, b));
    MISTAKE(KT_ERR_SHAPE, "where", "broadcast", kt_where(a, a, b));
    MISTAKE(KT_ERR_SHAPE, "broadcast_to", "(3, 3)", kt_broadcast_to(a, KT_SHAPE(3, 3)));
    MISTAKE(KT_ERR_SHAPE, "broadcast_to", "(3,)", kt_broadcast_to(a, KT_SHAPE(3)));
    MISTAKE(KT_ERR_SHAPE, "matmul", "inner sizes", kt_matmul(a, b));
    MISTAKE(KT_ERR_SHAPE, "matmul", "kt_mul", kt_matmul(a, n));
    MISTAKE(KT_ERR_SHAPE, "matmul", "leading axes",
            kt_matmul(kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 1, 3)),
                      kt_zeros(kt, KT_FLOAT64, KT_SHAPE(3, 3, 1))));
    MISTAKE(KT_ERR_SHAPE, "sum", "axis from -2 to 1", kt_sum_axes(a, KT_AXES(2), false));
    MISTAKE(KT_ERR_VALUE, "max", "twice", kt_max_axes(a, KT_AXES(1, -1), false));
    MISTAKE(KT_ERR_SHAPE, "argmax", "axis", kt_argmax(a, -3));
    MISTAKE(KT_ERR_SHAPE, "argmax", "rank 0", kt_argmax(n, 0));
    MISTAKE(KT_ERR_SHAPE, "argmin", "at least one",
            kt_argmin(kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 0)), 1));
    MISTAKE(KT_ERR_SHAPE, "size_of", "axis", kt_size_of(a, KT_AXES(5)));
    MISTAKE(KT_ERR_SHAPE, "reshape", "(4, 2)", kt_reshape(a, KT_SHAPE(4, 2)));
    MISTAKE(KT_ERR_SHAPE, "reshape", "None", kt_reshape(a, KT_SHAPE(4, -1)));
    MISTAKE(KT_ERR_SHAPE, "reshape", "-1", kt_reshape(a, KT_SHAPE(-1, -1)));
    MISTAKE(KT_ERR_SHAPE, "reshape", "rank", kt_reshape(a, (kt_shape){ 9, { 0 } }));
    MISTAKE(KT_ERR_SHAPE, "expand_dims", "axis", kt_expand_dims(a, 3));
    MISTAKE(KT_ERR_SHAPE, "expand_dims", "rank below 8", kt_expand_dims(deep, 0));
    MISTAKE(KT_ERR_SHAPE, "squeeze", "size 1", kt_squeeze(a, 0));
    MISTAKE(KT_ERR_SHAPE, "transpose", "all 2 axes", kt_transpose_axes(a, KT_AXES(0)));
    MISTAKE(KT_ERR_VALUE, "transpose", "once", kt_transpose_axes(a, KT_AXES(0, 0)));
    MISTAKE(KT_ERR_SHAPE, "concatenate", "number 1", kt_concatenate((kt_tensor *[]){ a, b }, 2, 0));
    MISTAKE(KT_ERR_SHAPE, "concatenate", "axis", kt_concatenate((kt_tensor *[]){ a, b }, 2, 2));
    MISTAKE(KT_ERR_SHAPE, "slice", "inside", kt_slice(a, KT_SHAPE(0, 2), KT_SHAPE(1, 2)));
    MISTAKE(KT_ERR_SHAPE, "slice", "inside", kt_slice(a, KT_SHAPE(-3, 0), KT_SHAPE(1, 1)));
    MISTAKE(KT_ERR_SHAPE, "slice", "each of the 2", kt_slice(a, KT_SHAPE(0), KT_SHAPE(1)));
    MISTAKE(KT_ERR_SHAPE, "pad", "0 or more", kt_pad(a, KT_SHAPE(0, -1), KT_SHAPE(0, 0), 0));
    MISTAKE(KT_ERR_SHAPE, "pad", "memory",
            kt_pad(a, KT_SHAPE(INT64_MAX / 8, INT64_MAX / 8), KT_SHAPE(0, 0), 0));
    MISTAKE(KT_ERR_DTYPE, "gather", "int32", kt_gather(a, b, 0));
    MISTAKE(KT_ERR_SHAPE, "gather", "axis", kt_gather(a, i, 2));
    MISTAKE(KT_ERR_SHAPE, "gather", "rank", kt_gather(deep, kt_cast(b, KT_INT32), 0));
    MISTAKE(KT_ERR_DTYPE, "one_hot", "int32", kt_one_hot(a, 3));
    MISTAKE(KT_ERR_SHAPE, "one_hot", "depth", kt_one_hot(i, -1));
    MISTAKE(KT_ERR_SHAPE, "softmax", "rank 0", kt_softmax(n, -1));
    MISTAKE(KT_ERR_SHAPE, "log_softmax", "axis", kt_log_softmax(a, 2));
    kt_tensor *parts[3] = { a, a, a };
    assert_int_equal(kt_split(a, 2, 1, parts), KT_ERR_SHAPE);
    assert_null(parts[0]);
    mistake(kt, "kt_split", KT_ERR_SHAPE, "(split)", "divides");
    assert_int_equal(kt_split(a, 3, 2, parts), KT_ERR_SHAPE);
    mistake(kt, "kt_split", KT_ERR_SHAPE, "(split)", "axis");
    kt_context_free(kt);
}

static void test_losses(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *a = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 3)),
              *b = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 4)), *i = W(0, 1, 1);
    MISTAKE(KT_ERR_SHAPE, "binary_crossentropy", "(2, 4)", kt_binary_crossentropy(a, b, true));
    MISTAKE(KT_ERR_SHAPE, "categorical_crossentropy", "(2, 4)",
            kt_categorical_crossentropy(a, b, false));
    MISTAKE(KT_ERR_SHAPE, "sparse_categorical_crossentropy", "class number",
            kt_sparse_categorical_crossentropy(i, a, true));
    MISTAKE(KT_ERR_SHAPE, "sparse_categorical_crossentropy", "class number",
            kt_sparse_categorical_crossentropy(b, a, true));
    MISTAKE(KT_ERR_SHAPE, "sparse_categorical_crossentropy", "class number",
            kt_sparse_categorical_crossentropy(kt_sum(a), kt_sum(a), true));
    kt_context_free(kt);
}

static void test_numbers(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *a = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 3));
    MISTAKE(KT_ERR_VALUE, "clip", "min <= max", kt_clip(a, 1, -1));
    MISTAKE(KT_ERR_VALUE, "clip", "min <= max", kt_clip(a, NAN, 1));
    MISTAKE(KT_ERR_VALUE, "random_uniform", "min <= max", kt_random_uniform(kt, KT_SHAPE(2), 1, 0));
    MISTAKE(KT_ERR_VALUE, "random_uniform", "finite", kt_random_uniform_like(a, 0, INFINITY));
    MISTAKE(KT_ERR_VALUE, "random_normal", "deviation", kt_random_normal(kt, KT_SHAPE(2), 0, -1));
    MISTAKE(KT_ERR_VALUE, "random_truncated_normal", "deviation",
            kt_random_truncated_normal(kt, KT_SHAPE(2), 0, NAN));
    MISTAKE(KT_ERR_VALUE, "random_bernoulli", "probability",
            kt_random_bernoulli(kt, KT_SHAPE(2), 1.5));
    MISTAKE(KT_ERR_VALUE, "random_bernoulli", "probability", kt_random_bernoulli_like(a, NAN));
    MISTAKE(KT_ERR_SHAPE, "random_normal", "0 or more",
            kt_random_normal(kt, KT_SHAPE(2, -1), 0, 1));
    MISTAKE(KT_ERR_SHAPE, "fill", "0 or more", kt_zeros(kt, KT_FLOAT32, KT_SHAPE(-1)));
    MISTAKE(KT_ERR_SHAPE, "fill", "rank", kt_ones(kt, KT_FLOAT32, (kt_shape){ 9, { 0 } }));
    MISTAKE(KT_ERR_DTYPE, "fill", "element type", kt_fill(kt, (kt_dtype)99, KT_SHAPE(1), 0));
    MISTAKE(KT_ERR_DTYPE, "cast", "element type", kt_cast(a, (kt_dtype)99));
    MISTAKE(KT_ERR_DTYPE, "scalar", "element type", kt_scalar_new(kt, (kt_dtype)99, 1));
    kt_context_free(kt);
}

/* Rows applied by hand with operands that public functions would have prepared. */
static void test_rows(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *a = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 3)),
              *b = kt_zeros(kt, KT_FLOAT32, KT_SHAPE(2, 3)), *i = W(0, 1);
    kt_tensor *rate = kt_scalar_new(kt, KT_FLOAT64, 1);
    MISTAKE(KT_ERR_SHAPE, "add", "one shape and dtype", kt_apply2(&kt_op_add, a, b, NULL));
    MISTAKE(KT_ERR_DTYPE, "exp", "floats", kt_apply1(&kt_op_exp, i, NULL));
    MISTAKE(KT_ERR_SHAPE, "where", "bool", kt_apply3(&kt_op_where, a, a, a, NULL));
    MISTAKE(KT_ERR_SHAPE, "matmul", "leading axes",
            kt_apply2(&kt_op_matmul, i, i, &(kt_matmul_attr){ 0, 0 }));
    MISTAKE(KT_ERR_SHAPE, "sum", "axes below", kt_apply1(&kt_op_sum, a, &(kt_reduce_attr){ 4, 0 }));
    MISTAKE(KT_ERR_SHAPE, "scatter_add", "indices",
            kt_apply2(&kt_op_scatter_add, a, W(0, 1, 2), &(kt_scatter_attr){ 0, 3 }));
    MISTAKE(KT_ERR_SHAPE, "sparse_ce", "class numbers", kt_apply2(&kt_op_sparse_ce, a, a, NULL));
    MISTAKE(KT_ERR_SHAPE, "categorical_ce", "targets",
            kt_apply2(&kt_op_categorical_ce, a, b, NULL));
    MISTAKE(KT_ERR_SHAPE, "sgd_update", "alike", kt_apply3(&kt_op_sgd_update, a, b, rate, NULL));
    MISTAKE(KT_ERR_SHAPE, "sgd_update", "learning rate",
            kt_apply3(&kt_op_sgd_update, a, a, a, NULL));
    MISTAKE(KT_ERR_SHAPE, "adam_update", "iteration",
            kt_apply(&kt_op_adam_update, (kt_tensor *[]){ a, a, a, a, rate, rate }, 6, NULL,
                     (double[]){ 0.9, 0.9, 0 }));
    EXPECT(kt_sum(a), 0); /* the context goes on */
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
