/* SPDX-License-Identifier: MIT */
/* tests/ops/test_goldens_structured.c: reductions, products, shapes, softmax, casts and losses
 * against real Keras.
 *
 * Outputs are weighted with 1, 1.5, 2... before the gradient is taken, as the goldens say.
 */
#include "golden.h"

/* The value, and the gradient of its ramp-weighted sum with respect to each of n inputs. */
static void check(kt_context *kt, kt_arrays *g, const char *key, kt_tensor *y, kt_tensor **in,
                  const char *const *grads, int n)
{
    double ramp[256];
    for (int k = 0; k < 256; k++) ramp[k] = 1 + 0.5 * k;
    kt_array out = get(g, "%s_out", key), weight = out;
    weight.data = ramp;
    weight.dtype = KT_FLOAT64;
    compare(kt, key, "out", y, out, NULL, NULL);
    for (int i = 0; i < n; i++) {
        kt_tensor *d = kt_gradient(kt_mul(y, input(kt, weight)), in[i]);
        compare(kt, key, grads[i], d ? d : kt_fill_like(in[i], 0), get(g, "%s_%s", key, grads[i]),
                NULL, NULL);
    }
}

static void check_one(kt_context *kt, kt_arrays *g, const char *key, kt_tensor *y, kt_tensor *x)
{
    check(kt, g, key, y, &x, (const char *const[]){ "grad" }, 1);
}

static void test_reduce(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        kt_tensor *(*op)(kt_tensor *, kt_axes, bool);
    } ops[] = { { "sum", kt_sum_axes },
                { "mean", kt_mean_axes },
                { "max", kt_max_axes },
                { "min", kt_min_axes },
                { "var", kt_var_axes } };
    static const struct {
        const char *name;
        kt_axes axes;
    } axes[] = {
        { "all", { 0, { 0 } } },   { "0", { 1, { 0 } } },     { "1", { 1, { 1 } } },
        { "2", { 1, { 2 } } },     { "last", { 1, { -1 } } }, { "01", { 2, { 0, 1 } } },
        { "02", { 2, { 0, 2 } } }, { "12", { 2, { 1, 2 } } }, { "012", { 3, { 0, 1, 2 } } }
    };
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_reduce");
        kt_tensor *x = input(kt, get(g, "x")), *ties = input(kt, get(g, "ties")),
                  *with_nan = input(kt, get(g, "with_nan"));
        char key[64];
        for (int i = 0; i < 5; i++)
            for (int a = 0; a < 9; a++) {
                snprintf(key, sizeof key, "%s_%s", ops[i].name, axes[a].name);
                check_one(kt, g, key, ops[i].op(x, axes[a].axes, false), x);
                kt_tensor *kept = ops[i].op(x, axes[a].axes, true);
                kt_array out = get(g, "%s_out", key);
                assert_int_equal(kt_rank(kept), 3);
                compare(kt, key, "keep", kt_reshape(kept, shape_of(&out)), out, NULL, NULL);
            }
        for (int i = 2; i < 4; i++)
            for (int a = 0; a < 3; a++) {
                snprintf(key, sizeof key, "%s_ties_%s", ops[i].name, axes[a].name);
                check_one(kt, g, key, ops[i].op(ties, axes[a].axes, false), ties);
            }
        for (int i = 0; i < 4; i++)
            compare(kt, ops[i].name, "nan", ops[i].op(with_nan, KT_AXES(1), false),
                    get(g, "%s_nan_1_out", ops[i].name), NULL, NULL);
        for (int a = 1; a < 5; a++) {
            compare(kt, "argmax", axes[a].name, kt_argmax(x, axes[a].axes.at[0]),
                    get(g, "argmax_%s_out", axes[a].name), NULL, NULL);
            compare(kt, "argmin", axes[a].name, kt_argmin(x, axes[a].axes.at[0]),
                    get(g, "argmin_%s_out", axes[a].name), NULL, NULL);
            if (a > 2) continue;
            compare(kt, "argmax", "ties", kt_argmax(ties, a - 1),
                    get(g, "argmax_ties_%d_out", a - 1), NULL, NULL);
            compare(kt, "argmin", "ties", kt_argmin(ties, a - 1),
                    get(g, "argmin_ties_%d_out", a - 1), NULL, NULL);
        }
        done(kt);
    }
}

static void test_softmax(void **state)
{
    (void)state;
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_softmax");
        kt_tensor *x = input(kt, get(g, "x")), *large = input(kt, get(g, "large"));
        check_one(kt, g, "softmax_0", kt_softmax(x, 0), x);
        check_one(kt, g, "softmax_last", kt_softmax(x, -1), x);
        check_one(kt, g, "log_softmax_0", kt_log_softmax(x, 0), x);
        check_one(kt, g, "log_softmax_last", kt_log_softmax(x, -1), x);
        compare(kt, "softmax", "large", kt_softmax(large, -1), get(g, "softmax_large_out"), NULL,
                NULL);
        compare(kt, "log_softmax", "large", kt_log_softmax(large, -1),
                get(g, "log_softmax_large_out"), NULL, NULL);
        done(kt);
    }
}

static void test_matmul(void **state)
{
    (void)state;
    static const char *const grads[] = { "grad_a", "grad_b" };
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_matmul");
        for (int k = 0; k < 10; k++) {
            char key[16];
            snprintf(key, sizeof key, "%d", k);
            kt_tensor *in[2] = { input(kt, get(g, "%d_a", k)), input(kt, get(g, "%d_b", k)) };
            check(kt, g, key, kt_matmul(in[0], in[1]), in, grads, 2);
        }
        done(kt);
    }
}

static kt_tensor *part_of(kt_tensor *x, int i)
{
    kt_tensor *parts[2];
    kt_split(x, 2, 2, parts);
    return parts[i];
}

static void test_shape(void **state)
{
    (void)state;
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_shape");
        kt_tensor *x = input(kt, get(g, "x")), *y = input(kt, get(g, "y")), *both[2] = { x, y };
        check_one(kt, g, "reshape", kt_reshape(x, KT_SHAPE(4, -1)), x);
        check_one(kt, g, "transpose", kt_transpose(x), x);
        check_one(kt, g, "transpose_201", kt_transpose_axes(x, KT_AXES(2, 0, 1)), x);
        check_one(kt, g, "expand_dims_1", kt_expand_dims(x, 1), x);
        check_one(kt, g, "expand_dims_last", kt_expand_dims(x, -1), x);
        check_one(kt, g, "broadcast_to", kt_broadcast_to(x, KT_SHAPE(5, 2, 3, 4)), x);
        check_one(kt, g, "slice", kt_slice(x, KT_SHAPE(0, 1, 2), KT_SHAPE(2, 2, 2)), x);
        check_one(kt, g, "split_0", part_of(x, 0), x);
        check_one(kt, g, "split_1", part_of(x, 1), x);
        check_one(kt, g, "split_at", kt_slice(x, KT_SHAPE(0, 1, 0), KT_SHAPE(-1, -1, -1)), x);
        check_one(kt, g, "take_axis_1", kt_gather(x, W(2, 0, 2, -1), 1), x);
        check_one(kt, g, "take_axis_0", kt_gather(x, kt_reshape(W(1, 0, 1, 1), KT_SHAPE(2, 2)), 0),
                  x);
        check_one(kt, g, "pad", kt_pad(x, KT_SHAPE(0, 1, 0), KT_SHAPE(0, 2, 1), 0), x);
        check_one(kt, g, "pad_value", kt_pad(x, KT_SHAPE(1, 0, 2), KT_SHAPE(0, 0, 0), 7.5), x);
        check(kt, g, "concatenate", kt_concatenate(both, 2, 1), both,
              (const char *const[]){ "grad_x", "grad_y" }, 2);
        compare(kt, "one_hot", "out", kt_one_hot(input(kt, get(g, "one_hot_in")), 4),
                get(g, "one_hot_out"), NULL, NULL);
        done(kt);
    }
}

static void test_cast(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        kt_dtype dtype;
    } to[] = {
        { "float32", KT_FLOAT32 }, { "int32", KT_INT32 }, { "int64", KT_INT64 }, { "bool", KT_BOOL }
    };
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_cast");
        for (int i = 0; i < 4; i++) {
            /* ref holds more digits than a float32 has: they go when the value is read as one */
            kt_tensor *y = kt_cast(input(kt, get(g, "float64_in")), to[i].dtype);
            float narrow[16];
            kt_array want = get(g, "float64_%s_out", to[i].name);
            if (i == 0) {
                assert_int_equal(kt_read(y, narrow, KT_FLOAT32, 11), KT_OK);
                assert_memory_equal(narrow, want.data, 10 * sizeof *narrow);
                assert_true(narrow[10] == 1e-40f); /* Keras flushes it to 0 */
            } else {
                compare(kt, "float64", to[i].name, y, want, NULL, NULL);
            }
            y = kt_cast(input(kt, get(g, "int32_in")), to[i].dtype);
            compare(kt, "int32", to[i].name, y, get(g, "int32_%s_out", to[i].name), NULL, NULL);
        }
        done(kt);
    }
}

/* ---- losses: in float64, of the values that float32 inputs hold ---- */

static kt_tensor *smooth(kt_tensor *t, double amount, double classes)
{
    return kt_shifted(kt_scaled(t, 1 - amount), amount / classes);
}

static kt_tensor *bce(kt_tensor *t, kt_tensor *p, bool logits)
{
    return kt_mean_axes(kt_binary_crossentropy(t, p, logits), KT_AXES(-1), false);
}

static kt_tensor *loss_bce(kt_tensor *t, kt_tensor *p) { return bce(t, p, false); }
static kt_tensor *loss_bce_logits(kt_tensor *t, kt_tensor *p) { return bce(t, p, true); }
static kt_tensor *loss_bce_smoothing(kt_tensor *t, kt_tensor *p)
{
    return bce(smooth(t, 0.1, 2), p, false);
}
static kt_tensor *loss_cce(kt_tensor *t, kt_tensor *p)
{
    return kt_categorical_crossentropy(t, p, false);
}
static kt_tensor *loss_cce_logits(kt_tensor *t, kt_tensor *p)
{
    return kt_categorical_crossentropy(t, p, true);
}
static kt_tensor *loss_cce_smoothing(kt_tensor *t, kt_tensor *p)
{
    return kt_categorical_crossentropy(smooth(t, 0.1, 4), p, false);
}
static kt_tensor *loss_scce(kt_tensor *t, kt_tensor *p)
{
    return kt_sparse_categorical_crossentropy(t, p, false);
}
static kt_tensor *loss_scce_logits(kt_tensor *t, kt_tensor *p)
{
    return kt_sparse_categorical_crossentropy(t, p, true);
}

static void test_losses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        kt_tensor *(*loss)(kt_tensor *, kt_tensor *);
    } losses[] = {
        { "bce", loss_bce },
        { "bce_clipped", loss_bce },
        { "bce_logits", loss_bce_logits },
        { "bce_smoothing", loss_bce_smoothing },
        { "cce", loss_cce },
        { "cce_logits", loss_cce_logits },
        { "cce_smoothing", loss_cce_smoothing },
        { "scce", loss_scce },
        { "scce_logits", loss_scce_logits },
    };
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
            char name[64];
            snprintf(name, sizeof name, "lossfn_%s", losses[i].name);
            kt_arrays *g = open_golden(kt, name);
            kt_tensor *t = input(kt, get(g, "y_true")),
                      *p = kt_cast(input(kt, get(g, "y_pred")), KT_FLOAT64);
            kt_tensor *value =
                losses[i].loss(kt_is_float(kt_dtype_of(t)) ? kt_cast(t, KT_FLOAT64) : t, p);
            compare(kt, losses[i].name, "value", value, get(g, "value64"), NULL, NULL);
            compare(kt, losses[i].name, "grad", kt_gradient(value, p), get(g, "grad64"), NULL,
                    NULL);
        }
        done(kt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reduce), cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_matmul), cmocka_unit_test(test_shape),
        cmocka_unit_test(test_cast),   cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
