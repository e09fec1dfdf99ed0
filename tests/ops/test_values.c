/* SPDX-License-Identifier: MIT */
/* tests/ops/test_values.c: what ops give where it is easy to be wrong: signs of zero, NaN,
 * infinities, ties, integers, empty tensors, indices out of range; and the results of fused rows
 * against numbers computed by hand.
 */
#include "check.h"
#include "ops/update.h"

static void test_unary_edges(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *x = V(0, -0.0, NAN, INFINITY, -INFINITY);
    EXPECT(kt_relu(x), 0, 0, NAN, INFINITY, 0);
    EXPECT(kt_reciprocal(kt_relu(x)), INFINITY, INFINITY, NAN, 0,
           INFINITY); /* no -0 comes out of relu */
    EXPECT(kt_sigmoid(x), 0.5, 0.5, NAN, 1, 0);
    EXPECT(kt_softplus(x), log(2), log(2), NAN, INFINITY, 0);
    EXPECT(kt_tanh(x), 0, 0, NAN, 1, -1);
    EXPECT(kt_sign(x), 0, 0, NAN, 1, -1);
    EXPECT(kt_isnan(x), 0, 0, 1, 0, 0);
    EXPECT(kt_isfinite(x), 1, 1, 0, 0, 0);
    EXPECT(kt_log(x), -INFINITY, -INFINITY, NAN, INFINITY, NAN);
    EXPECT(kt_elu(V(1000, -1000, NAN), 2), 1000, -2, NAN);
    EXPECT(kt_gradient(kt_elu(x, 2), x), 2, 2, 2, 1, 0);
    EXPECT(kt_sigmoid(V(-1000, 1000, -30)), 0, 1, 9.357622968839299e-14);
    EXPECT(kt_softplus(V(-1000, 1000, -30)), 0, 1000, 9.357622968839299e-14);
    EXPECT(kt_round(V(0.5, 1.5, 2.5, -0.5, -1.5, 2.51, -2.49)), 0, 2, 2, 0, -2, 3, -2);
    EXPECT(kt_trunc(V(-1.7, 1.7)), -1, 1);
    EXPECT(kt_gradient(kt_relu(x), x), 0, 0, 0, 1, 0);
    EXPECT(kt_gradient(kt_abs(x), x), 0, 0, NAN, 1, -1);
    EXPECT(kt_exp(W(0, 1)), 1, 2.718281828459045);
    assert_int_equal(kt_dtype_of(kt_exp(W(0, 1))), KT_FLOAT64);
    assert_int_equal(kt_dtype_of(kt_square(W(0, 1))), KT_INT32);
    kt_context_free(kt);
}

static void test_binary_edges(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    EXPECT(kt_maximum(V(NAN, 1, 2, -0.0), V(1, NAN, 3, 0)), NAN, NAN, 3, 0);
    EXPECT(kt_minimum(V(NAN, 1, 2), V(1, NAN, 3)), NAN, NAN, 2);
    kt_tensor *x = V(1, 2, 3), *y = V(1, 3, 2);
    EXPECT(kt_gradient(kt_maximum(x, y), x), 0.5, 0, 1);
    EXPECT(kt_gradient(kt_minimum(x, y), y), 0.5, 0, 1);
    EXPECT(kt_mod(V(5, -5, 5, -5, 6), V(3, 3, -3, -3, 3)), 2, 1, -1, -2, 0);
    EXPECT(kt_mod(W(5, -5, 5, -5, 5, 7), W(3, 3, -3, -3, 0, -1)), 2, 1, -1, -2, 0, 0);
    EXPECT(kt_floor_divide(V(5, -5, 5), V(3, 3, -3)), 1, -2, -2);
    EXPECT(kt_floor_divide(W(5, -5, 5, 6, 1), W(3, 3, -3, 3, 0)), 1, -2, -2, 2, 0);
    EXPECT(kt_div(W(1, 3), W(2, 4)), 0.5, 0.75);
    EXPECT(kt_divide_no_nan(V(1, 0, 3), V(0, 0, 2)), 0, 0, 1.5);
    x = V(2, 0, -1);
    EXPECT(kt_gradient(kt_pow(x, V(3, 2, 2)), x), 12, 0, -2);
    y = V(3, 2, 2);
    EXPECT(kt_gradient(kt_pow(x, y), y), 8 * log(2), 0, 0); /* finite where the logarithm is not */
    EXPECT(kt_equal(V(NAN, 1), V(NAN, 1)), 0, 1);
    EXPECT(kt_not_equal(V(NAN, 1), V(NAN, 1)), 1, 0);
    EXPECT(kt_add(kt_cast(V(1, 0), KT_BOOL), kt_cast(V(1, 1), KT_BOOL)), 2, 1);
    assert_int_equal(kt_dtype_of(kt_add(W(1), V(1))), KT_FLOAT64);
    assert_int_equal(kt_dtype_of(kt_less(W(1), V(1))), KT_BOOL);
    EXPECT(kt_clip(V(-2, NAN, 0.5, INFINITY), -1, 1), -1, NAN, 0.5, 1);
    x = V(-2, -1, 0, 1, 2, NAN);
    EXPECT(kt_gradient(kt_clip(x, -1, 1), x), 0, 1, 1, 1, 0, 1);
    EXPECT(kt_where(V(0, 2, NAN), V(1, 2, 3), V(4, 5, 6)), 4, 2, 3);
    kt_context_free(kt);
}

static void test_cast(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    EXPECT(kt_cast(V(1.9, -1.9, 3e9, -3e9, NAN), KT_INT32), 1, -1, 2147483647, -2147483648.0, 0);
    EXPECT(kt_cast(V(300, -1, 7.5), KT_UINT8), 255, 0, 7);
    EXPECT(kt_cast(V(0, -0.0, NAN, 0.1), KT_BOOL), 0, 0, 1, 1);
    EXPECT(kt_cast(W(256, 257, -1), KT_UINT8), 0, 1, 255);
    EXPECT(kt_cast(V(1e300, -1e300), KT_INT64), 9223372036854775807.0, -9223372036854775808.0);
    kt_tensor *x = V(1.5);
    assert_ptr_equal(kt_cast(x, KT_FLOAT64), x);
    kt_context_free(kt);
}

/* A function that has nothing to do still fixes what a variable means. */
static void test_variables(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *v = kt_variable(kt, "v", kt_doubles(((double[]){ 1, 2 }), 2));
    kt_tensor *cast = kt_cast(v, KT_FLOAT64), *shaped = kt_reshape(v, KT_SHAPE(2)),
              *joined = kt_concatenate(&v, 1, 0);
    kt_tensor *stretched = kt_broadcast_to(v, KT_SHAPE(2)),
              *part = kt_slice(v, KT_SHAPE(0), KT_SHAPE(2));
    kt_tensor *turned = kt_transpose(v), *padded = kt_pad(v, KT_SHAPE(0), KT_SHAPE(0), 0);
    kt_assign(v, kt_fill_like(v, 7));
    kt_tensor *old[] = { cast, shaped, joined, stretched, part, turned, padded };
    for (int i = 0; i < 7; i++) EXPECT(old[i], 1, 2);
    EXPECT(v, 7, 7);
    kt_context_free(kt);
}

static void test_reductions(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *x = kt_reshape(V(1, 5, 5, 2, NAN, 0), KT_SHAPE(2, 3));
    EXPECT(kt_max_axes(x, KT_AXES(1), false), 5, NAN);
    EXPECT(kt_min_axes(x, KT_AXES(0), false), 1, NAN, 0);
    EXPECT(kt_argmax(x, 1), 1, 1);
    EXPECT(kt_argmin(x, 1), 0, 1);
    kt_tensor *ties = kt_reshape(V(1, 5, 5, 2, 3, 3), KT_SHAPE(2, 3));
    EXPECT(kt_gradient(kt_max_axes(ties, KT_AXES(1), false), ties), 0, 0.5, 0.5, 0, 0.5, 0.5);
    EXPECT(kt_gradient(kt_max(ties), ties), 0, 0.5, 0.5, 0, 0, 0);
    EXPECT(kt_mean(W(1, 2)), 1.5);
    EXPECT(kt_sum(kt_cast(V(1, 1, 0), KT_BOOL)), 2);
    EXPECT(kt_var(V(1, 2, 3, 4)), 1.25);
    EXPECT(kt_mean_axes(ties, KT_AXES(0), true), 1.5, 4, 4);
    kt_tensor *none = kt_zeros(kt, KT_FLOAT64, KT_SHAPE(0, 3));
    EXPECT(kt_sum_axes(none, KT_AXES(0), false), 0, 0, 0);
    EXPECT(kt_max_axes(none, KT_AXES(0), false), -INFINITY, -INFINITY, -INFINITY);
    EXPECT(kt_mean(none), NAN);
    EXPECT(kt_sum(kt_scalar_new(kt, KT_FLOAT64, 4)), 4);
    EXPECT(kt_size_of(ties, KT_AXES(-1)), 3);
    kt_context_free(kt);
}

static void test_shapes(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *x = kt_reshape(V(1, 2, 3, 4, 5, 6), KT_SHAPE(2, -1));
    assert_int_equal(kt_dim(x, 1), 3);
    EXPECT(kt_transpose(x), 1, 4, 2, 5, 3, 6);
    EXPECT(kt_gather(x, W(-1, 7, 0), 1), 3, 0, 1, 6, 0, 4);
    EXPECT(kt_gather(x, W(1, -3), 0), 4, 5, 6, 0, 0, 0);
    EXPECT(kt_gradient(kt_gather(x, W(1, 1, -2, 9), 0), x), 1, 1, 1, 2, 2, 2);
    EXPECT(kt_one_hot(W(1, -1, 2, 3), 3), 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
    EXPECT(kt_pad(x, KT_SHAPE(1, 0), KT_SHAPE(0, 1), 9), 9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9);
    EXPECT(kt_slice(x, KT_SHAPE(-1, 1), KT_SHAPE(1, -1)), 5, 6);
    kt_tensor *parts[3];
    assert_int_equal(kt_split(x, 3, -1, parts), KT_OK);
    EXPECT(parts[2], 3, 6);
    EXPECT(kt_concatenate((kt_tensor *[]){ parts[2], kt_cast(parts[0], KT_INT32) }, 2, 1), 3, 1, 6,
           4);
    EXPECT(kt_broadcast_to(W(1, 2), KT_SHAPE(2, 2)), 1, 2, 1, 2);
    EXPECT(kt_matmul(W(1, 2, 3), W(4, 5, 6)), 32);
    assert_int_equal(kt_rank(kt_matmul(W(1, 2, 3), W(4, 5, 6))), 0);
    EXPECT(kt_matmul(kt_zeros(kt, KT_FLOAT64, KT_SHAPE(2, 0)),
                     kt_zeros(kt, KT_FLOAT64, KT_SHAPE(0, 2))),
           0, 0, 0, 0);
    kt_context_free(kt);
}

static void test_softmax(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *large =
        kt_reshape(V(1000, 0, -1000, -1e30, 1e30, 0, NAN, 0, 1, INFINITY, 0, 0), KT_SHAPE(4, 3));
    EXPECT(kt_softmax(large, -1), 1, 0, 0, 0, 1, 0, NAN, NAN, NAN, NAN, NAN, NAN);
    EXPECT(kt_slice(kt_log_softmax(large, -1), KT_SHAPE(0, 0), KT_SHAPE(2, 3)), 0, -1000, -2000,
           -2e30, 0, -1e30);
    EXPECT(kt_softmax(kt_transpose(kt_reshape(V(0, log(3)), KT_SHAPE(1, 2))), 0), 0.25, 0.75);
    kt_context_free(kt);
}

static void test_crossentropy(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *x = kt_reshape(V(1000, -1000, 0, 1), KT_SHAPE(2, 2)),
              *hot = kt_reshape(V(0, 1, 0, 1), KT_SHAPE(2, 2));
    double soft = log(1 + exp(-1));
    EXPECT(kt_categorical_crossentropy(hot, x, true), 2000, soft);
    EXPECT(kt_sparse_categorical_crossentropy(W(1, 1), x, true), 2000, soft);
    EXPECT(kt_sparse_categorical_crossentropy(V(1, 1), x, true), 2000,
           soft); /* floats that hold integers */
    EXPECT(kt_sparse_categorical_crossentropy(kt_reshape(W(1, 1), KT_SHAPE(2, 1)), x, true), 2000,
           soft);
    /* Taken back to the logits, through views too: nothing is clipped. */
    EXPECT(kt_categorical_crossentropy(hot, kt_softmax(x, -1), false), 2000, soft);
    EXPECT(kt_sparse_categorical_crossentropy(
               W(1, 1),
               kt_reshape(kt_softmax(kt_reshape(x, KT_SHAPE(1, 2, 2)), -1), KT_SHAPE(2, 2)), false),
           2000, soft);
    EXPECT(kt_binary_crossentropy(hot, kt_sigmoid(x), false), 1000, 1000, log(2), soft);
    EXPECT(kt_binary_crossentropy(
               hot, kt_reshape(kt_sigmoid(kt_reshape(x, KT_SHAPE(4))), KT_SHAPE(2, 2)), false),
           1000, 1000, log(2), soft);
    /* A reshape that mixes rows, and a softmax over another axis, stay probabilities. */
    kt_tensor *p = kt_reshape(V(0.25, 0.75, 1, 0), KT_SHAPE(2, 2));
    EXPECT(kt_categorical_crossentropy(hot, p, false), -log(0.75), -log(1e-7));
    EXPECT(kt_categorical_crossentropy(kt_reshape(hot, KT_SHAPE(1, 4)),
                                       kt_reshape(kt_softmax(x, -1), KT_SHAPE(1, 4)), false),
           -log(1e-7) - log(0.5 / (1 + exp(-1))));
    EXPECT(kt_sparse_categorical_crossentropy(W(1, 0), p, false), -log(0.75),
           -log(1 / (1 + 1e-7 / (1 - 1e-7))));
    EXPECT_NEAR(kt_binary_crossentropy(V(1, 0, 1), V(0, 1, 0.5), false), 1e-9, -log(1e-7),
                -log(1e-7), log(2));
    /* Labels out of range: NaN there and only there, nothing read out of bounds. */
    EXPECT(kt_sparse_categorical_crossentropy(W(2, 1), x, true), NAN, soft);
    EXPECT(kt_sparse_categorical_crossentropy(W(-1, 1), x, true), NAN, soft);
    EXPECT(kt_gradient(kt_sparse_categorical_crossentropy(W(-1, 1), x, true), x), NAN, NAN,
           1 / (1 + exp(1)), -1 / (1 + exp(1)));
    kt_context_free(kt);
}

static void test_updates(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    kt_tensor *w = V(1, -2), *g = V(0.5, -4), *m = V(0.1, 0.2), *v = V(0.3, 0.4), *out[4];
    kt_tensor *rate = kt_scalar_new(kt, KT_FLOAT64, 0.1), *step = kt_scalar_new(kt, KT_INT64, 2);
    EXPECT(kt_sgd_update(w, g, rate), 0.95, -1.6);
    kt_momentum_update(w, m, g, rate, 0.9, false, out);
    EXPECT(out[1], 0.04, 0.58);
    EXPECT(out[0], 1.04, -1.42);
    kt_momentum_update(w, m, g, rate, 0.9, true, out);
    EXPECT(out[1], 0.04, 0.58);
    EXPECT(out[0], 1 + 0.9 * 0.04 - 0.05, -2 + 0.9 * 0.58 + 0.4);
    kt_adam_numbers betas = { 0.9, 0.99, 1e-3 };
    double alpha = 0.1 * sqrt(1 - pow(0.99, 3)) / (1 - pow(0.9, 3));
    double m0 = 0.1 + 0.1 * 0.4, m1 = 0.2 + 0.1 * -4.2, v0 = 0.3 + 0.01 * (0.25 - 0.3),
           v1 = 0.4 + 0.01 * (16 - 0.4);
    kt_adam_update(w, m, v, g, rate, step, betas, out);
    EXPECT(out[1], m0, m1);
    EXPECT(out[2], v0, v1);
    EXPECT(out[0], 1 - alpha * m0 / (sqrt(v0) + 1e-3), -2 - alpha * m1 / (sqrt(v1) + 1e-3));
    kt_adam_amsgrad_update(w, m, v, V(0.1, 9), g, rate, step, betas, out);
    EXPECT(out[3], v0, 9);
    EXPECT(out[0], 1 - alpha * m0 / (sqrt(v0) + 1e-3), -2 - alpha * m1 / (3 + 1e-3));
    kt_context_free(kt);
}

/* The betas' powers are taken of the float32 betas where the variable is float32, as in Keras. */
static void test_adam_in_float32(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new(.backend = "ref");
    kt_tensor *w = kt_zeros(kt, KT_FLOAT32, KT_SHAPE(1)), *one = kt_fill_like(w, 1), *out[3];
    kt_adam_update(w, w, w, one, kt_scalar_new(kt, KT_FLOAT32, 1), kt_scalar_new(kt, KT_INT64, 0),
                   (kt_adam_numbers){ 0.9, 0.999, 0 }, out);
    double alpha = sqrt(1 - (double)0.999f) / (1 - (double)0.9f);
    EXPECT(out[0], -alpha * (1 - 0.9) / sqrt(1 - 0.999));
    kt_context_free(kt);
}

static void test_histogram(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    double rows[30][3], sum = 0;
    kt_tensor *h = kt_histogram(V(0, 1, 2, 3, 29, 29.5, 30, NAN, INFINITY));
    assert_int_equal(kt_read(h, rows, KT_FLOAT64, 90), KT_OK);
    for (int i = 0; i < 30; i++) {
        assert_true(rows[i][0] == i && rows[i][1] == i + 1);
        sum += rows[i][2];
    }
    assert_true(sum == 7 && rows[0][2] == 1 && rows[3][2] == 1 && rows[29][2] == 3);
    kt_read(kt_histogram(V(2, 2, 2)), rows, KT_FLOAT64, 90);
    for (int i = 0; i < 30; i++)
        assert_true(rows[i][0] == 2 && rows[i][1] == 2 && rows[i][2] == (i == 29 ? 3 : 0));
    kt_read(kt_histogram(kt_zeros(kt, KT_FLOAT64, KT_SHAPE(0))), rows, KT_FLOAT64, 90);
    for (int i = 0; i < 30; i++) assert_true(rows[i][0] == 0 && rows[i][1] == 0 && rows[i][2] == 0);
    kt_read(kt_histogram(V(-1.7e308, 1.7e308, 0)), rows, KT_FLOAT64, 90); /* the range overflows */
    assert_true(rows[0][2] == 1 && rows[15][2] == 1 && rows[29][2] == 1 && rows[29][1] == 1.7e308);
    kt_context_free(kt);
}

static void test_statistics(void **state)
{
    (void)state;
    kt_context *kt = ref_context();
    double s[KT_STATISTICS];
    kt_tensor *x = V(0, 0, -1, 3, NAN, INFINITY, -INFINITY, 0.98);
    assert_int_equal(kt_read(kt_statistics(x, -1, 1), s, KT_FLOAT64, KT_STATISTICS), KT_OK);
    double mean = 2.98 / 5;
    assert_true(s[KT_STAT_COUNT] == 8 && s[KT_STAT_NANS] == 1 && s[KT_STAT_INFINITIES] == 2);
    assert_true(s[KT_STAT_MIN] == -1 && s[KT_STAT_MAX] == 3 && s[KT_STAT_ZEROS] == 2 && s[KT_STAT_ENDS] == 3);
    assert_true(fabs(s[KT_STAT_MEAN] - mean) < 1e-6 && isnan(s[KT_STAT_SQUARES]));
    assert_true(fabs(s[KT_STAT_DEVIATION] - sqrt((1 + 9 + 0.98 * 0.98) / 5 - mean * mean)) < 1e-6);
    kt_read(kt_statistics(V(3, -4, INFINITY), 0, 0), s, KT_FLOAT64, KT_STATISTICS);
    assert_true(isinf(s[KT_STAT_SQUARES]) && s[KT_STAT_ENDS] == 0);
    kt_read(kt_statistics(V(3, -4), 0, 1), s, KT_FLOAT64, KT_STATISTICS);
    assert_true(s[KT_STAT_SQUARES] == 25);
    kt_read(kt_statistics(kt_zeros(kt, KT_FLOAT64, KT_SHAPE(0)), 0, 1), s, KT_FLOAT64, KT_STATISTICS);
    for (int i = 0; i < KT_STATISTICS; i++) assert_true(s[i] == 0);
    kt_context_free(kt);
    enum { MANY = 1500 }; /* whole blocks and a rest, with and without a value that is not finite */
    static float data[MANY];
    static double wide[MANY];
    kt = kt_context_new(.backend = "cpu");
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < MANY; i++) data[i] = (float)((i * 7919) % 1000 - 500) / 250.0f;
        if (turn) data[700] = -INFINITY;
        for (int i = 0; i < MANY; i++) wide[i] = (double)data[i];
        double expected[KT_STATISTICS];
        kt_statistics_f64(wide, MANY, -2, 2.1, expected);
        kt_read(kt_statistics(kt_constant(kt, kt_floats(data, MANY)), -2, 2.1), s, KT_FLOAT64, KT_STATISTICS);
        for (int i = 0; i < KT_STATISTICS; i++)
            assert_true(s[i] == expected[i] || fabs(s[i] - expected[i]) <= 1e-9 * fabs(expected[i]) + 1e-12);
        assert_true(s[KT_STAT_ENDS] > 20 && s[KT_STAT_ZEROS] >= 1 && s[KT_STAT_INFINITIES] == turn);
    }
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_unary_edges), cmocka_unit_test(test_binary_edges),
        cmocka_unit_test(test_cast),        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_reductions),  cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_softmax),     cmocka_unit_test(test_crossentropy),
        cmocka_unit_test(test_updates),     cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_adam_in_float32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
