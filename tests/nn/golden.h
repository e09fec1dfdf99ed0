/* SPDX-License-Identifier: MIT */
/* tests/nn/golden.h: what Keras computed, read from tests/golden/data and compared by the rule of
 * tests/golden/README.md.
 *
 * The files are committed; one that is missing is a failure. Only a build without libzip cannot read them: it
 * skips.
 */
#ifndef KT_TESTS_NN_GOLDEN_H
#define KT_TESTS_NN_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keratin/data.h>

/* One way of computing that a golden is compared on. */
typedef struct golden_mode {
    const char *backend;
    kt_dtype floatx;
    bool eager; /* each op by itself */
} golden_mode;
static const golden_mode golden_modes[] = {
    { "ref", KT_FLOAT64, false },
    { "ref", KT_FLOAT32, false },
    { "cpu", KT_FLOAT64, false },
    { "cpu", KT_FLOAT32, false },
    { "cpu", KT_FLOAT32, true },
    { "offset", KT_FLOAT32, false }, /* memory that crashes when it is read directly */
};
enum { N_GOLDEN_MODES = sizeof golden_modes / sizeof *golden_modes };

static inline kt_context *golden_context(const golden_mode *mode)
{
    kt_context *kt = kt_context_new(.backend = mode->backend, .floatx = mode->floatx, .run_eagerly = mode->eager);
    assert_non_null(kt);
    return kt;
}

static inline kt_arrays *golden_open(kt_context *kt, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.npz", KT_TEST_DATA, name); /* where the data lies: the build says it */
    kt_arrays *arrays = kt_read_npz(kt, path);
    if (!arrays && kt_error(kt) == KT_ERR_MISSING) {
        kt_context_free(kt);
        skip();
    }
    if (!arrays) fail_msg("%s: %s", name, kt_message(kt));
    return arrays;
}

static inline int64_t golden_count(kt_array a)
{
    int64_t n = 1;
    for (int i = 0; i < a.rank; i++) n *= a.dim[i];
    return n;
}

static inline kt_shape golden_shape(kt_array a)
{
    kt_shape shape = { .rank = a.rank };
    for (int i = 0; i < a.rank; i++) shape.dim[i] = a.dim[i];
    return shape;
}

static inline double golden_at(kt_array a, int64_t i)
{
    switch (a.dtype) {
    case KT_FLOAT32: return (double)((const float *)a.data)[i];
    case KT_FLOAT64: return ((const double *)a.data)[i];
    case KT_INT32: return ((const int32_t *)a.data)[i];
    case KT_INT64: return (double)((const int64_t *)a.data)[i];
    default: return ((const unsigned char *)a.data)[i];
    }
}

static inline kt_array golden_need(const kt_arrays *arrays, const char *name)
{
    kt_array a = kt_arrays_get(arrays, name);
    if (!a.data) fail_msg("the golden has no array '%s'", name);
    return a;
}

/* Rows [from, to) of an array. */
static inline kt_array golden_rows(kt_array a, int64_t from, int64_t to)
{
    int64_t row = golden_count(a) / a.dim[0] * (int64_t)kt_dtype_size(a.dtype);
    a.data = (const unsigned char *)a.data + from * row;
    a.dim[0] = to - from;
    return a;
}

static inline double golden_distance(const double *got, kt_array want)
{
    int64_t n = golden_count(want);
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(golden_at(want, i))) largest = fmax(largest, fabs(golden_at(want, i)));
    double s = fmin(0.1, fmax(largest, 1e-3));
    for (int64_t i = 0; i < n; i++) {
        double w = golden_at(want, i);
        if (!isfinite(w) || !isfinite(got[i])) {
            if (!(isnan(w) && isnan(got[i])) && !(w == got[i])) return (double)INFINITY;
        } else
            worst = fmax(worst, fabs(got[i] - w) / (fabs(w) + s));
    }
    return worst;
}

/* Compares with `<stem>32<index>` or `<stem>64<index>`; returns the distance over what is allowed (1 is the
 * limit). */
static inline double golden_compare(const kt_arrays *arrays, const golden_mode *mode, const char *stem,
                                    const char *index, const double *got, int64_t count)
{
    char name[64], tolerance_name[64];
    bool single = mode->floatx == KT_FLOAT32;
    snprintf(name, sizeof name, "%s%s%s", stem, single ? "32" : "64", index);
    snprintf(tolerance_name, sizeof tolerance_name, "tol_%s", stem);
    kt_array want = golden_need(arrays, name);
    assert_int_equal(golden_count(want), count);
    double allowed = single ? golden_at(golden_need(arrays, tolerance_name), 0) : 1e-10;
    return golden_distance(got, want) / allowed;
}

#endif
