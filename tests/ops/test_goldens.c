/* SPDX-License-Identifier: MIT */
/* tests/ops/test_goldens.c: element-wise ops against real Keras, edges and broadcasting included.
 */
#include "golden.h"

/* ---- element by element ---- */

static kt_tensor *leaky(kt_tensor *x) { return kt_leaky_relu(x, 0.2); }
static kt_tensor *elu(kt_tensor *x) { return kt_elu(x, 1); }
static kt_tensor *gelu(kt_tensor *x) { return kt_gelu(x, false); }
static kt_tensor *gelu_tanh(kt_tensor *x) { return kt_gelu(x, true); }

static const struct {
    const char *name;
    kt_tensor *(*op)(kt_tensor *);
} unary[] = {
    { "abs", kt_abs },
    { "neg", kt_neg },
    { "sign", kt_sign },
    { "square", kt_square },
    { "sqrt", kt_sqrt },
    { "rsqrt", kt_rsqrt },
    { "reciprocal", kt_reciprocal },
    { "exp", kt_exp },
    { "expm1", kt_expm1 },
    { "log", kt_log },
    { "log1p", kt_log1p },
    { "log2", kt_log2 },
    { "log10", kt_log10 },
    { "sin", kt_sin },
    { "cos", kt_cos },
    { "tan", kt_tan },
    { "asin", kt_arcsin },
    { "acos", kt_arccos },
    { "atan", kt_arctan },
    { "sinh", kt_sinh },
    { "cosh", kt_cosh },
    { "tanh", kt_tanh },
    { "asinh", kt_arcsinh },
    { "acosh", kt_arccosh },
    { "atanh", kt_arctanh },
    { "floor", kt_floor },
    { "ceil", kt_ceil },
    { "round", kt_round },
    { "trunc", kt_trunc },
    { "erf", kt_erf },
    { "relu", kt_relu },
    { "leaky_relu", leaky },
    { "elu", elu },
    { "selu", kt_selu },
    { "gelu", gelu },
    { "gelu_tanh", gelu_tanh },
    { "silu", kt_silu },
    { "sigmoid", kt_sigmoid },
    { "softplus", kt_softplus },
    { "isnan", kt_isnan },
    { "isfinite", kt_isfinite },
};

static void test_unary(void **state)
{
    (void)state;
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_unary");
        kt_array x = get(g, "x");
        for (size_t i = 0; i < sizeof unary / sizeof *unary; i++) {
            kt_tensor *in = input(kt, x), *y = unary[i].op(in);
            compare(kt, unary[i].name, "out", y, get(g, "%s_out", unary[i].name), x.data, NULL);
            char grad[64];
            snprintf(grad, sizeof grad, "%s_grad", unary[i].name);
            kt_array want = kt_arrays_get(g, grad);
            if (!want.data || !kt_is_float(kt_dtype_of(y))) continue;
            kt_tensor *d = kt_gradient(y, in);
            compare(kt, unary[i].name, "grad", d ? d : kt_fill_like(in, 0), want, x.data, NULL);
        }
        done(kt);
    }
}

static const struct {
    const char *name;
    kt_tensor *(*op)(kt_tensor *, kt_tensor *);
} binary[] = {
    { "add", kt_add },
    { "sub", kt_sub },
    { "mul", kt_mul },
    { "div", kt_div },
    { "pow", kt_pow },
    { "max", kt_maximum },
    { "min", kt_minimum },
    { "mod", kt_mod },
    { "floor_div", kt_floor_divide },
    { "atan2", kt_arctan2 },
    { "equal", kt_equal },
    { "not_equal", kt_not_equal },
    { "greater", kt_greater },
    { "greater_equal", kt_greater_equal },
    { "less", kt_less },
    { "less_equal", kt_less_equal },
};
enum { N_BINARY = sizeof binary / sizeof *binary };

static void compare_binary(kt_context *kt, kt_arrays *g, int i, const char *key, kt_array a,
                           kt_array b, bool elements)
{
    const double *x = elements ? a.data : NULL, *y = elements ? b.data : NULL;
    const char *name = strcmp(binary[i].name, "max") == 0   ? "maximum"
                       : strcmp(binary[i].name, "min") == 0 ? "minimum"
                                                            : binary[i].name;
    kt_tensor *in[2] = { input(kt, a), input(kt, b) }, *z = binary[i].op(in[0], in[1]);
    compare(kt, name, "out", z, get(g, "%s_out", key), x, y);
    if (!kt_is_float(kt_dtype_of(z))) return;
    kt_array want = get(g, "%s_out", key);
    kt_tensor *loss = z;
    if (!elements) { /* weighted 1, 1.5, 2... */
        double ramp[256];
        for (int k = 0; k < 256; k++) ramp[k] = 1 + 0.5 * k;
        want.data = ramp;
        loss = kt_mul(z, input(kt, want));
    }
    for (int k = 0; k < 2; k++) {
        kt_tensor *d = kt_gradient(loss, in[k]);
        compare(kt, name, k ? "grad_b" : "grad_a", d ? d : kt_fill_like(in[k], 0),
                get(g, "%s_grad_%c", key, k ? 'b' : 'a'), x, y);
    }
}

static void test_binary(void **state)
{
    (void)state;
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_binary");
        for (int i = 0; i < N_BINARY; i++)
            compare_binary(kt, g, i, binary[i].name, get(g, "a"), get(g, "b"), true);
        kt_tensor *p = input(kt, get(g, "p")), *q = input(kt, get(g, "q"));
        compare(kt, "logical_and", "out", kt_logical_and(p, q), get(g, "logical_and_out"), NULL,
                NULL);
        compare(kt, "logical_or", "out", kt_logical_or(p, q), get(g, "logical_or_out"), NULL, NULL);
        compare(kt, "logical_not", "out", kt_logical_not(p), get(g, "logical_not_out"), NULL, NULL);
        done(kt);
    }
}

static void test_broadcast(void **state)
{
    (void)state;
    static const char *const names[] = { "add", "mul", "div", "max" };
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_broadcast");
        for (int n = 0; n < 4; n++)
            for (int k = 0, i = 0; k < 6; k++) {
                char key[32];
                snprintf(key, sizeof key, "%s_%d", names[n], k);
                for (i = 0; strcmp(binary[i].name, names[n]) != 0;) i++;
                compare_binary(kt, g, i, key, get(g, "%s_a", key), get(g, "%s_b", key), false);
            }
        kt_tensor *x = input(kt, get(g, "clip_in")), *y = kt_clip(x, -1, 1);
        compare(kt, "clip", "out", y, get(g, "clip_out"), NULL, NULL);
        compare(kt, "clip", "grad", kt_gradient(y, x), get(g, "clip_grad"), get(g, "clip_in").data,
                NULL);
        y = kt_where(input(kt, get(g, "where_condition")), input(kt, get(g, "where_a")),
                     input(kt, get(g, "where_b")));
        compare(kt, "where", "out", y, get(g, "where_out"), NULL, NULL);
        done(kt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_broadcast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
