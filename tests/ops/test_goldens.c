/* SPDX-License-Identifier: MIT */
/* tests/ops/test_goldens.c: ops in float64 on `ref` and `cpu` against real Keras (tests/golden/data/ops_*.npz, lossfn_*.npz).
 *
 * Elements where Keratin differs on purpose, or where Keras is marked wrong in tests/golden/README.md, are named in one table at the
 * head; everything else must agree within 1e-10.
 */
#include "check.h"
#include <keratin/data.h>

static const char *const backends[] = { "ref", "cpu" };
enum { N_BACKENDS = sizeof backends / sizeof *backends };

static kt_arrays *open_golden(kt_context *kt, const char *name)
{
    char path[1024];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof path, "%.*s/../golden/data/%s.npz", slash ? (int)(slash - __FILE__) : 1,
             slash ? __FILE__ : ".", name);
    kt_arrays *arrays = kt_read_npz(kt, path);
    if (!arrays && kt_error(kt) == KT_ERR_MISSING) {
        kt_clear_error(kt);
        skip(); /* built without libzip */
    }
    if (!arrays) fail_msg("%s: %s", name, kt_message(kt));
    return arrays;
}

/* The array of this name, which must exist. */
static kt_array get(kt_arrays *g, const char *format, ...)
{
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    kt_array a = kt_arrays_get(g, name);
    if (!a.data) fail_msg("no array %s in the golden", name);
    return a;
}

static kt_tensor *input(kt_context *kt, kt_array a)
{
    return kt_constant(kt, a);
}

/* What is known to differ: element value `x` (and `y`) of an op, or of its gradient. */
typedef struct exception {
    const char *op, *part;
    bool (*holds)(double x, double y);
} exception;

static bool infinite(double x, double y) { (void)y; return isinf(x); }
static bool tiny(double x, double y) { (void)y; return x != 0 && fabs(x) < 1e-15; }
static bool equal(double x, double y) { return x == y; }
static const exception exceptions[] = {
    { "erf", "out", infinite },      /* Keras gives NaN */
    { "elu", "out", tiny },          /* Keras gives 0 */
    { "selu", "out", tiny },
    { "maximum", "grad_a", equal },  /* we give half to each side, TensorFlow all to the first */
    { "maximum", "grad_b", equal },
    { "minimum", "grad_a", equal },
    { "minimum", "grad_b", equal },
};

static bool excepted(const char *op, const char *part, double x, double y)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (strcmp(op, exceptions[i].op) == 0 && strcmp(part, exceptions[i].part) == 0 && exceptions[i].holds(x, y)) return true;
    return false;
}

static int differences; /* of one test: all are told before it fails */

static void compare(kt_context *kt, const char *op, const char *part, kt_tensor *got, kt_array want, const double *x, const double *y)
{
    static double values[4096];
    int64_t n = kt_shape_count((kt_shape){ want.rank, { want.dim[0], want.dim[1], want.dim[2], want.dim[3] } });
    if (!got) fail_msg("%s %s: %s", op, part, kt_message(kt));
    assert_in_range(n, 0, 4096);
    assert_int_equal(kt_rank(got), want.rank);
    for (int i = 0; i < want.rank; i++) assert_int_equal(kt_dim(got, i), want.dim[i]);
    if (kt_read(got, values, KT_FLOAT64, n) != KT_OK) fail_msg("%s %s: %s", op, part, kt_message(kt));
    for (int64_t i = 0; i < n; i++) {
        double w = want.dtype == KT_FLOAT64   ? ((const double *)want.data)[i]
                   : want.dtype == KT_FLOAT32 ? (double)((const float *)want.data)[i]
                   : want.dtype == KT_INT64   ? (double)((const int64_t *)want.data)[i]
                                              : (double)((const int32_t *)want.data)[i];
        double g = values[i];
        if (g == w || (isnan(g) && isnan(w)) || fabs(g - w) <= 1e-10 * (fabs(w) + 1e-3)) continue;
        if (x && excepted(op, part, x[i], y ? y[i] : 0)) continue;
        print_error("%s: %s %s, element %lld (x %g, y %g): %.15g, Keras %.15g\n", kt_backend_name(kt), op, part, (long long)i, x ? x[i] : 0, y ? y[i] : 0, g, w);
        differences++;
    }
}

static kt_context *wide(int i)
{
    kt_context *kt = kt_context_new(.backend = backends[i], .floatx = KT_FLOAT64);
    assert_non_null(kt);
    differences = 0;
    return kt;
}

static void done(kt_context *kt)
{
    kt_context_free(kt);
    assert_int_equal(differences, 0);
}

/* ---- element by element ---- */

static kt_tensor *leaky(kt_tensor *x) { return kt_leaky_relu(x, 0.2); }
static kt_tensor *elu(kt_tensor *x) { return kt_elu(x, 1); }
static kt_tensor *gelu(kt_tensor *x) { return kt_gelu(x, false); }
static kt_tensor *gelu_tanh(kt_tensor *x) { return kt_gelu(x, true); }

static const struct {
    const char *name;
    kt_tensor *(*op)(kt_tensor *);
} unary[] = {
    { "abs", kt_abs }, { "neg", kt_neg }, { "sign", kt_sign }, { "square", kt_square }, { "sqrt", kt_sqrt }, { "rsqrt", kt_rsqrt },
    { "reciprocal", kt_reciprocal }, { "exp", kt_exp }, { "expm1", kt_expm1 }, { "log", kt_log }, { "log1p", kt_log1p },
    { "log2", kt_log2 }, { "log10", kt_log10 }, { "sin", kt_sin }, { "cos", kt_cos }, { "tan", kt_tan }, { "asin", kt_arcsin },
    { "acos", kt_arccos }, { "atan", kt_arctan }, { "sinh", kt_sinh }, { "cosh", kt_cosh }, { "tanh", kt_tanh },
    { "asinh", kt_arcsinh }, { "acosh", kt_arccosh }, { "atanh", kt_arctanh }, { "floor", kt_floor }, { "ceil", kt_ceil },
    { "round", kt_round }, { "trunc", kt_trunc }, { "erf", kt_erf }, { "relu", kt_relu }, { "leaky_relu", leaky }, { "elu", elu },
    { "selu", kt_selu }, { "gelu", gelu }, { "gelu_tanh", gelu_tanh }, { "silu", kt_silu }, { "sigmoid", kt_sigmoid },
    { "softplus", kt_softplus }, { "isnan", kt_isnan }, { "isfinite", kt_isfinite },
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
    { "add", kt_add }, { "sub", kt_sub }, { "mul", kt_mul }, { "div", kt_div }, { "pow", kt_pow }, { "max", kt_maximum },
    { "min", kt_minimum }, { "mod", kt_mod }, { "floor_div", kt_floor_divide }, { "atan2", kt_arctan2 }, { "equal", kt_equal },
    { "not_equal", kt_not_equal }, { "greater", kt_greater }, { "greater_equal", kt_greater_equal }, { "less", kt_less },
    { "less_equal", kt_less_equal },
};
enum { N_BINARY = sizeof binary / sizeof *binary };

static void compare_binary(kt_context *kt, kt_arrays *g, int i, const char *key, kt_array a, kt_array b, bool elements)
{
    const double *x = elements ? a.data : NULL, *y = elements ? b.data : NULL;
    const char *name = strcmp(binary[i].name, "max") == 0 ? "maximum" : strcmp(binary[i].name, "min") == 0 ? "minimum" : binary[i].name;
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
        compare(kt, name, k ? "grad_b" : "grad_a", d ? d : kt_fill_like(in[k], 0), get(g, "%s_grad_%c", key, k ? 'b' : 'a'), x, y);
    }
}

static void test_binary(void **state)
{
    (void)state;
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_binary");
        for (int i = 0; i < N_BINARY; i++) compare_binary(kt, g, i, binary[i].name, get(g, "a"), get(g, "b"), true);
        kt_tensor *p = input(kt, get(g, "p")), *q = input(kt, get(g, "q"));
        compare(kt, "logical_and", "out", kt_logical_and(p, q), get(g, "logical_and_out"), NULL, NULL);
        compare(kt, "logical_or", "out", kt_logical_or(p, q), get(g, "logical_or_out"), NULL, NULL);
        compare(kt, "logical_not", "out", kt_logical_not(p), get(g, "logical_not_out"), NULL, NULL);
        done(kt);
    }
}

static void test_broadcast(void **state)
{
    (void)state;
    static const char *const names[] = { "add", "sub", "mul", "div", "max", "pow" };
    for (int b = 0; b < N_BACKENDS; b++) {
        kt_context *kt = wide(b);
        kt_arrays *g = open_golden(kt, "ops_broadcast");
        for (int n = 0; n < 6; n++)
            for (int k = 0, i = 0; k < 7; k++) {
                char key[32];
                snprintf(key, sizeof key, "%s_%d", names[n], k);
                for (i = 0; strcmp(binary[i].name, names[n]) != 0;) i++;
                compare_binary(kt, g, i, key, get(g, "%s_a", key), get(g, "%s_b", key), false);
            }
        kt_tensor *x = input(kt, get(g, "clip_in")), *y = kt_clip(x, -1, 1);
        compare(kt, "clip", "out", y, get(g, "clip_out"), NULL, NULL);
        compare(kt, "clip", "grad", kt_gradient(y, x), get(g, "clip_grad"), NULL, NULL);
        y = kt_where(input(kt, get(g, "where_condition")), input(kt, get(g, "where_a")), input(kt, get(g, "where_b")));
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
