/* SPDX-License-Identifier: MIT */
/* tests/ops/check.h: small tensors from numbers, and numbers from small tensors, for tests of ops.
 *
 * V(1, 2, 3) is a float64 vector, W(1, 2, 3) an int32 one, in the context `kt`; expect_values reads
 * a tensor and compares it with what it should hold (NaN equals NaN).
 */
#ifndef TESTS_OPS_CHECK_H
#define TESTS_OPS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

#define COUNT(...) ((int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)))
#define V(...) numbers(kt, KT_FLOAT64, (double[]){ __VA_ARGS__ }, COUNT(__VA_ARGS__))
#define W(...) numbers(kt, KT_INT32, (double[]){ __VA_ARGS__ }, COUNT(__VA_ARGS__))
#define EXPECT(x, ...) \
    expect_values(kt, #x, x, (double[]){ __VA_ARGS__ }, COUNT(__VA_ARGS__), 1e-12)
#define EXPECT_NEAR(x, tolerance, ...) \
    expect_values(kt, #x, x, (double[]){ __VA_ARGS__ }, COUNT(__VA_ARGS__), tolerance)

static inline kt_tensor *numbers(kt_context *kt, kt_dtype dtype, const double *values, int64_t n)
{
    return kt_cast(kt_constant(kt, kt_array_of(values, KT_FLOAT64, KT_SHAPE(n))), dtype);
}

static inline void expect_values(kt_context *kt, const char *what, kt_tensor *x,
                                 const double *values, int64_t n, double tolerance)
{
    double got[256];
    if (!x) fail_msg("%s: %s", what, kt_message(kt));
    assert_in_range(n, 0, 256);
    if (kt_read(x, got, KT_FLOAT64, n) != KT_OK) fail_msg("%s: %s", what, kt_message(kt));
    for (int64_t i = 0; i < n; i++) {
        bool same = got[i] == values[i] || (isnan(got[i]) && isnan(values[i])) ||
                    fabs(got[i] - values[i]) <= tolerance * fmax(1, fabs(values[i]));
        if (!same)
            fail_msg("%s: element %lld is %.17g, not %.17g", what, (long long)i, got[i], values[i]);
    }
}

static inline kt_context *ref_context(void)
{
    kt_context *kt = kt_context_new(.backend = "ref", .floatx = KT_FLOAT64, .seed = 11);
    assert_non_null(kt);
    return kt;
}

#endif
