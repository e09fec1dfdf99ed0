/* SPDX-License-Identifier: MIT */
/* tests/ops/golden.h: ops in float64 on `ref` and `cpu` against real Keras (tests/golden/data).
 *
 * Everything must agree within 1e-10, but for what the table `exceptions` names: where Keratin
 * differs on purpose, or where tests/golden/README.md says that Keras is not to be followed.
 */
#ifndef TESTS_OPS_GOLDEN_H
#define TESTS_OPS_GOLDEN_H

#include "check.h"
#include <keratin/data.h>

static const char *const backends[] = { "ref", "cpu" };
enum { N_BACKENDS = sizeof backends / sizeof *backends };

static inline kt_arrays *open_golden(kt_context *kt, const char *name)
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
static inline kt_array get(kt_arrays *g, const char *format, ...)
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

static inline kt_tensor *input(kt_context *kt, kt_array a) { return kt_constant(kt, a); }

/* What is known to differ: element value `x` (and `y`) of an op, or of its gradient. */
typedef struct exception {
    const char *op, *part;
    bool (*holds)(double x, double y);
} exception;

static inline bool infinite(double x, double y)
{
    (void)y;
    return isinf(x);
}
static inline bool tiny(double x, double y)
{
    (void)y;
    return x != 0 && fabs(x) < 1e-15;
}
static inline bool equal(double x, double y) { return x == y; }
static inline bool undefined(double x, double y)
{
    (void)y;
    return isnan(x);
}
static const exception exceptions[] = {
    { "clip", "grad", undefined },                            /* Keras gives 0 */
    { "erf", "out", infinite },                               /* Keras gives NaN */
    { "elu", "out", tiny },                                   /* Keras gives 0 */
    { "selu", "out", tiny },        { "selu", "grad", tiny }, /* and with it the other side's
                                                                 derivative */
    { "maximum", "grad_a", equal }, /* we give half to each side, TensorFlow all to the first */
    { "maximum", "grad_b", equal }, { "minimum", "grad_a", equal }, { "minimum", "grad_b", equal },
};

static inline bool excepted(const char *op, const char *part, double x, double y)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (strcmp(op, exceptions[i].op) == 0 && strcmp(part, exceptions[i].part) == 0 &&
            exceptions[i].holds(x, y))
            return true;
    return false;
}

static inline kt_shape shape_of(const kt_array *a)
{
    kt_shape shape = { .rank = a->rank };
    for (int i = 0; i < a->rank; i++) shape.dim[i] = a->dim[i];
    return shape;
}

static int differences; /* of one test: all are told before it fails */

static inline void compare(kt_context *kt, const char *op, const char *part, kt_tensor *got,
                           kt_array want, const double *x, const double *y)
{
    static double values[4096];
    int64_t n = kt_shape_count(shape_of(&want));
    if (!got) fail_msg("%s %s: %s", op, part, kt_message(kt));
    assert_in_range(n, 0, 4096);
    assert_int_equal(kt_rank(got), want.rank);
    for (int i = 0; i < want.rank; i++) assert_int_equal(kt_dim(got, i), want.dim[i]);
    if (kt_read(got, values, KT_FLOAT64, n) != KT_OK)
        fail_msg("%s %s: %s", op, part, kt_message(kt));
    for (int64_t i = 0; i < n; i++) {
        double w = want.dtype == KT_FLOAT64   ? ((const double *)want.data)[i]
                   : want.dtype == KT_FLOAT32 ? (double)((const float *)want.data)[i]
                   : want.dtype == KT_INT64   ? (double)((const int64_t *)want.data)[i]
                                              : (double)((const int32_t *)want.data)[i];
        double g = values[i];
        if (g == w || (isnan(g) && isnan(w)) || fabs(g - w) <= 1e-10 * (fabs(w) + 1e-3)) continue;
        if (x && excepted(op, part, x[i], y ? y[i] : 0)) continue;
        print_error("%s: %s %s, element %lld (x %g, y %g): %.15g, Keras %.15g\n",
                    kt_backend_name(kt), op, part, (long long)i, x ? x[i] : 0, y ? y[i] : 0, g, w);
        differences++;
    }
}

static inline kt_context *wide(int i)
{
    kt_context *kt = kt_context_new(.backend = backends[i], .floatx = KT_FLOAT64);
    assert_non_null(kt);
    differences = 0;
    return kt;
}

static inline void done(kt_context *kt)
{
    kt_context_free(kt);
    assert_int_equal(differences, 0);
}

#endif
