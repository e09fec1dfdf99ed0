/* SPDX-License-Identifier: MIT */
/* ops/formulas.h: the words of unary.def and binary.def, for reference kernels: double and int64_t.
 *
 * Doubles go to libm. Integers wrap around as the processor's do (through unsigned, since C leaves
 * signed overflow open), and dividing by zero gives zero. A back-end that makes its own kernels
 * from the tables brings its own words instead of this file.
 */
#ifndef KT_OPS_FORMULAS_H
#define KT_OPS_FORMULAS_H

#include <math.h>
#include <stdint.h>

static inline double formula_sigmoid(double x)
{
    double z = exp(-fabs(x));
    return (x >= 0 ? 1 : z) / (1 + z);
}

static inline double formula_round(double x) /* half to even, whatever the rounding mode */
{
    double below = floor(x), over = x - below;
    if (over < 0.5) return below;
    if (over > 0.5) return below + 1;
    return copysign(2 * floor(0.5 * below + 0.5), x);
}

static inline double formula_mod(double x, double y)
{
    double rest = fmod(x, y);
    if (rest == 0) return copysign(0.0, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}

static inline int64_t formula_whole_mod(int64_t x, int64_t y)
{
    if (y == 0 || y == -1) return 0;
    int64_t rest = x % y;
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static inline int64_t formula_whole_floor(int64_t x, int64_t y)
{
    if (y == 0) return 0;
    if (y == -1) return (int64_t)(0 - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

#define ABS(x) fabs(x)
#define SIGN(x) ((x) > 0 ? 1 : (x) < 0 ? -1 : (x))
#define SQRT(x) sqrt(x)
#define RSQRT(x) (1 / sqrt(x))
#define EXP(x) exp(x)
#define EXPM1(x) expm1(x)
#define LOG(x) log(x)
#define LOG1P(x) log1p(x)
#define LOG2(x) log2(x)
#define LOG10(x) log10(x)
#define SIGMOID(x) formula_sigmoid(x)
#define SIN(x) sin(x)
#define COS(x) cos(x)
#define TAN(x) tan(x)
#define ASIN(x) asin(x)
#define ACOS(x) acos(x)
#define ATAN(x) atan(x)
#define SINH(x) sinh(x)
#define COSH(x) cosh(x)
#define TANH(x) tanh(x)
#define ASINH(x) asinh(x)
#define ACOSH(x) acosh(x)
#define ATANH(x) atanh(x)
#define ERF(x) erf(x)
#define FLOOR(x) floor(x)
#define CEIL(x) ceil(x)
#define ROUND(x) formula_round(x)
#define TRUNC(x) trunc(x)
#define POW(x, y) pow(x, y)
#define MOD(x, y) formula_mod(x, y)
#define ATAN2(x, y) atan2(x, y)
/* NaN wins; of equal numbers the second, so that MAX(-0, 0) is 0. */
#define MAX(x, y) ((x) > (y) || (x) != (x) ? (x) : (y))
#define MIN(x, y) ((x) < (y) || (x) != (x) ? (x) : (y))

#define U(x) ((uint64_t)(x))
#define WRAP(x) ((int64_t)(x))
#define WHOLE_FLOOR(x, y) formula_whole_floor(x, y)
#define WHOLE_MOD(x, y) formula_whole_mod(x, y)

#endif
