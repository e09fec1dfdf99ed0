/* SPDX-License-Identifier: MIT */
/* The elementary functions of the CPU kernels against libm in double: stated errors hold over
 * the whole range of floats, and special values come out as C's Annex F says. Samples step
 * through all bit patterns; tools may shorten the step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/cpu/kernels/vmath_f32.h"

#ifndef VMATH_STEP
#define VMATH_STEP 6007 /* odd, so that low bits vary */
#endif

/* Units in the last place between a float and the exact value; 1e9 where one is special and the
 * other is not. */
static double error_of(float got, double want)
{
    float rounded = (float)want;
    if (isnan(want))
        return isnan(got) ? 0 : 1e9;
    if (isinf(rounded) || isinf(got))
        return got == rounded ? 0 : fabsf(got) == FLT_MAX || fabsf(rounded) == FLT_MAX ? 1 : 1e9;
    if (want == 0)
        return got == 0 && !signbit(got) == !signbit(want) ? 0 : 1e9;
    int e;
    frexp(fabs(want), &e);
    return fabs(got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static const float special[] = {
    0.0f,       -0.0f,      INFINITY,   -INFINITY,  NAN,      1.0f,        -1.0f,      FLT_MIN,
    -FLT_MIN,   1e-45f,     -1e-45f,    FLT_MAX,    -FLT_MAX, 0.5f,        -0.5f,      2.0f,
    3.0f,       -2.5f,      3.5f,       1e-8f,      -1e-8f,   88.72f,      88.73f,     -87.4f,
    -103.9f,    -104.0f,    8388607.5f, 8388608.0f, 1024.0f,  0.99999994f, 1.0000001f, -0.99999994f,
    3.1415927f, 1.5707964f, 6.2831855f, 1e22f,
};
enum { SPECIAL = sizeof special / sizeof *special };

static void check_function(const char *name, float (*f)(float), double (*exact)(double),
                           double allowed)
{
    double worst = 0;
    float where = 0;
    for (uint64_t u = 0; u < 0x100000000u; u += VMATH_STEP) {
        float x = kt_vm_float((uint32_t)u);
        double e = error_of(f(x), exact((double)x));
        if (e > worst)
            worst = e, where = x;
    }
    for (int i = 0; i < SPECIAL; i++) {
        double e = error_of(f(special[i]), exact((double)special[i]));
        if (e > worst)
            worst = e, where = special[i];
    }
    if (worst > allowed)
        fail_msg("%s is %.3g units off at %a: %a, exact %a", name, worst, where, f(where),
                 exact((double)where));
}

static double exact_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double exact_rsqrt(double x) { return 1 / sqrt(x); }
static double exact_sign(double x) { return isnan(x) ? x : (x > 0) - (x < 0); }

/* Through the words that formulas use, so that those are tested too. */
#define FUNCTION(word) static float f_##word(float x) { return word(x); }
FUNCTION(EXP)
FUNCTION(EXPM1)
FUNCTION(LOG)
FUNCTION(LOG1P)
FUNCTION(LOG2)
FUNCTION(LOG10)
FUNCTION(SIGMOID)
FUNCTION(TANH)
FUNCTION(ERF)
FUNCTION(SIN)
FUNCTION(COS)
FUNCTION(TAN)
FUNCTION(ASIN)
FUNCTION(ACOS)
FUNCTION(ATAN)
FUNCTION(SINH)
FUNCTION(COSH)
FUNCTION(ASINH)
FUNCTION(ACOSH)
FUNCTION(ATANH)
FUNCTION(FLOOR)
FUNCTION(CEIL)
FUNCTION(TRUNC)
FUNCTION(ROUND) FUNCTION(SQRT) FUNCTION(RSQRT) FUNCTION(ABS) FUNCTION(SIGN)

static void stated_errors_hold(void **state)
{
    (void)state;
    check_function("exp", f_EXP, exp, 1.0);
    check_function("expm1", f_EXPM1, expm1, 1.5);
    check_function("log", f_LOG, log, 0.95);
    check_function("log1p", f_LOG1P, log1p, 1.5);
    check_function("log2", f_LOG2, log2, 1.05);
    check_function("log10", f_LOG10, log10, 1.9);
    check_function("sigmoid", f_SIGMOID, exact_sigmoid, 2.35);
    check_function("tanh", f_TANH, tanh, 2.45);
    check_function("erf", f_ERF, erf, 1.45);
    check_function("sin", f_SIN, sin, 1.65);
    check_function("cos", f_COS, cos, 1.65);
    check_function("tan", f_TAN, tan, 3.45);
    check_function("rsqrt", f_RSQRT, exact_rsqrt, 1.55);
    check_function("sqrt", f_SQRT, sqrt, 0.51);
    check_function("abs", f_ABS, fabs, 0);
    check_function("round", f_ROUND, rint, 0);
    check_function("floor", f_FLOOR, floor, 0);
    check_function("ceil", f_CEIL, ceil, 0);
    check_function("trunc", f_TRUNC, trunc, 0);
    check_function("asin", f_ASIN, asin, 4);
    check_function("acos", f_ACOS, acos, 4);
    check_function("atan", f_ATAN, atan, 4);
    check_function("sinh", f_SINH, sinh, 4);
    check_function("cosh", f_COSH, cosh, 4);
    check_function("asinh", f_ASINH, asinh, 4);
    check_function("acosh", f_ACOSH, acosh, 4);
    check_function("atanh", f_ATANH, atanh, 4);
    for (int i = 0; i < SPECIAL; i++)
        assert_true(f_SIGN(special[i]) == (float)exact_sign(special[i]) || isnan(special[i]));
}

static void powers(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 1000000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        float x = kt_vm_float((uint32_t)(seed >> 32)),
              y = (float)(int32_t)(uint32_t)(seed >> 8) / 1e8f;
        if (i % 3 == 0)
            y = truncf(y);
        if (!(error_of(POW(x, y), pow(x, y)) <= 0.6))
            fail_msg("pow(%a, %a) = %a, exact %a", x, y, POW(x, y), pow(x, y));
    }
    for (int i = 0; i < SPECIAL; i++)
        for (int j = 0; j < SPECIAL; j++)
            if (!(error_of(POW(special[i], special[j]), pow(special[i], special[j])) <= 0.6))
                fail_msg("pow(%a, %a) = %a, exact %a", special[i], special[j],
                         POW(special[i], special[j]), pow(special[i], special[j]));
}

static void maxima(void **state)
{
    (void)state;
    assert_true(MAX(2.0f, 1.0f) == 2 && MAX(1.0f, 2.0f) == 2 && MIN(2.0f, 1.0f) == 1 &&
                MIN(1.0f, 2.0f) == 1);
    assert_true(isnan(MAX(NAN, 1.0f)) && isnan(MAX(1.0f, NAN)) && isnan(MIN(NAN, 1.0f)) &&
                isnan(MIN(1.0f, NAN)));
    assert_true(!signbit(MAX(-0.0f, 0.0f))); /* relu of -0 is +0 */
}

#include "backends/cpu/kernels/vmath_f64.h"

/* The same words now mean double. */
static void double_forms(void **state)
{
    (void)state;
    for (double x = -5; x < 5; x += 0.37) {
        assert_true(EXP(x) == exp(x) && EXPM1(x) == expm1(x) && TANH(x) == tanh(x) &&
                    ERF(x) == erf(x));
        assert_true(SIN(x) == sin(x) && COS(x) == cos(x) && TAN(x) == tan(x) &&
                    ATAN2(x, 2.0) == atan2(x, 2));
        assert_true(fabs(SIGMOID(x) - exact_sigmoid(x)) < 1e-15 && POW(2.0, x) == pow(2, x));
        assert_true(ROUND(x) == rint(x) && FLOOR(x) == floor(x) && SIGN(x) == (x > 0) - (x < 0));
        assert_true(LOG(x + 6) == log(x + 6) && SQRT(x + 6) == sqrt(x + 6) &&
                    RSQRT(x + 6) == 1 / sqrt(x + 6));
    }
    assert_true(ROUND(2.5) == 2 && ROUND(-3.5) == -4 && signbit(ROUND(-0.2)) &&
                ROUND(1e300) == 1e300);
    assert_true(isnan(MAX((double)NAN, 1.0)) && isnan(MIN(1.0, (double)NAN)) &&
                isnan(SIGN((double)NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stated_errors_hold),
        cmocka_unit_test(powers),
        cmocka_unit_test(maxima),
        cmocka_unit_test(double_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
