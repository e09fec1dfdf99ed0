/* SPDX-License-Identifier: MIT */
/* vmath_names.h: the words in which formulas of element-wise ops are written: EXP(x), MAX(a, b),
 * ...
 *
 * They mean the float or the double functions of vmath.h according to KT_VM, which vmath_f32.h and
 * vmath_f64.h define; a file that makes both kernels from one table includes one, the table, the
 * other, the table. A formula written with these words and constants of the table's element type is
 * computed wholly in that type.
 */
#ifndef KT_CPU_VMATH_NAMES_H
#define KT_CPU_VMATH_NAMES_H

#include "vmath.h"

#define ABS(x) KT_VM(fabs)(x)
#define SIGN(x) KT_VM(sign)(x)
#define SQRT(x) KT_VM(sqrt)(x)
#define RSQRT(x) KT_VM(rsqrt)(x)
#define EXP(x) KT_VM(exp)(x)
#define EXPM1(x) KT_VM(expm1)(x)
#define LOG(x) KT_VM(log)(x)
#define LOG1P(x) KT_VM(log1p)(x)
#define LOG2(x) KT_VM(log2)(x)
#define LOG10(x) KT_VM(log10)(x)
#define SIGMOID(x) KT_VM(sigmoid)(x)
#define TANH(x) KT_VM(tanh)(x)
#define ERF(x) KT_VM(erf)(x)
#define SIN(x) KT_VM(sin)(x)
#define COS(x) KT_VM(cos)(x)
#define TAN(x) KT_VM(tan)(x)
#define ASIN(x) KT_VM(asin)(x)
#define ACOS(x) KT_VM(acos)(x)
#define ATAN(x) KT_VM(atan)(x)
#define SINH(x) KT_VM(sinh)(x)
#define COSH(x) KT_VM(cosh)(x)
#define ASINH(x) KT_VM(asinh)(x)
#define ACOSH(x) KT_VM(acosh)(x)
#define ATANH(x) KT_VM(atanh)(x)
#define FLOOR(x) KT_VM(floor)(x)
#define CEIL(x) KT_VM(ceil)(x)
#define TRUNC(x) KT_VM(trunc)(x)
#define ROUND(x) KT_VM(round)(x)
#define POW(x, y) KT_VM(pow)(x, y)
#define ATAN2(y, x) KT_VM(atan2)(y, x)
#define MAX(a, b) KT_VM(max)(a, b)
#define MIN(a, b) KT_VM(min)(a, b)

#endif
