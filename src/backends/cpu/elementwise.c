/* SPDX-License-Identifier: MIT */
/* elementwise.c: loops for all element-wise rows, from the same tables as the rows themselves;
 * compiled once per instruction set, as the kernels are (kernels/isa.h), without contraction.
 *
 * The capitals in the tables' formulas mean float functions here that compilers turn into vector
 * code (kernels/vmath.h), then, for the same lines, double ones (libm). Integers are computed as
 * int64_t and cut to their size, which wraps around as the reference kernels do. Because nothing is
 * contracted, a loop gives the same bits for every length, alignment and instruction set, on which
 * fusion and threads rely.
 *
 * Loops allow y == a exactly and say so to the compiler with a pragma instead of restrict, which
 * would be untrue.
 */
#if defined(__clang__)
/* Loops that call libm stay as they are. Said before the tables are read for the first time. */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#include "backends/cpu/elementwise.h"

#include <math.h>

#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/kernels.h"
#include "ops/ops.h"

#if defined(__clang__)
#define EACH _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < n; i++)
#elif defined(__GNUC__)
#define EACH _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++)
#else
#define EACH for (int64_t i = 0; i < n; i++)
#endif

#if defined(__GNUC__)
#define FLAT __attribute__((flatten)) /* formulas must be inlined to become vectors, however long */
#else
#define FLAT
#endif

#define LOOP_1(name, from, to, value) \
    FLAT static void name(void *to_, const void *a_, const void *b_, const void *c_, int64_t n) \
    { \
        to *r = to_; \
        const from *a = a_; \
        (void)b_, (void)c_; \
        EACH { from x = a[i]; r[i] = (to)(value); } \
    }
#define LOOP_2(name, from, to, value) \
    FLAT static void name(void *to_, const void *a_, const void *b_, const void *c_, int64_t n) \
    { \
        to *r = to_; \
        const from *a = a_, *b = b_; \
        (void)c_; \
        EACH { from x = a[i], y = b[i]; r[i] = (to)(value); } \
    }

/* ---- words of the formulas that vmath.h does not have ---- */

static inline float float_mod(float x, float y)
{
    float rest = fmodf(x, y);
    if (rest == 0) return copysignf(0.0f, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}

static inline double double_mod(double x, double y)
{
    double rest = fmod(x, y);
    if (rest == 0) return copysign(0.0, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}

static inline int64_t whole_mod(int64_t x, int64_t y)
{
    if (y == 0 || y == -1) return 0;
    int64_t rest = x % y;
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static inline int64_t whole_floor(int64_t x, int64_t y)
{
    if (y == 0) return 0;
    if (y == -1) return (int64_t)(0 - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

#define U(x) ((uint64_t)(x))
#define WRAP(x) ((int64_t)(x))
#define WHOLE_FLOOR(x, y) whole_floor(x, y)
#define WHOLE_MOD(x, y) whole_mod(x, y)

/* ---- float32 ---- */

#include "backends/cpu/kernels/vmath_f32.h"
#define MOD(x, y) float_mod(x, y)
#define KT_UNARY(name, value, gradient, kind) LOOP_1(name##_f32, float, float, value)
#define KT_UNARY_ANY(name, value, whole, gradient, kind) LOOP_1(name##_f32, float, float, value)
#define KT_PREDICATE(name, value) LOOP_1(name##_f32, float, uint8_t, value)
#define KT_NOT(name, value) LOOP_1(name##_bool, uint8_t, uint8_t, value)
#include "ops/unary.def"
#undef KT_UNARY
#undef KT_UNARY_ANY
#undef KT_PREDICATE
#undef KT_NOT
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) LOOP_2(name##_f32, float, float, value)
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    LOOP_2(name##_f32, float, float, value)
#define KT_COMPARE(name, value) LOOP_2(name##_f32, float, uint8_t, value)
#define KT_LOGICAL(name, value) LOOP_2(name##_bool, uint8_t, uint8_t, value)
#include "ops/binary.def"
#undef KT_BINARY
#undef KT_BINARY_ANY
#undef KT_COMPARE
#undef KT_LOGICAL
#undef MOD

/* ---- float64 ---- */

#include "backends/cpu/kernels/vmath_f64.h"
#define MOD(x, y) double_mod(x, y)
#define KT_UNARY(name, value, gradient, kind) LOOP_1(name##_f64, double, double, value)
#define KT_UNARY_ANY(name, value, whole, gradient, kind) LOOP_1(name##_f64, double, double, value)
#define KT_PREDICATE(name, value) LOOP_1(name##_f64, double, uint8_t, value)
#define KT_NOT(name, value)
#include "ops/unary.def"
#undef KT_UNARY
#undef KT_UNARY_ANY
#undef KT_PREDICATE
#undef KT_NOT
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) \
    LOOP_2(name##_f64, double, double, value)
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    LOOP_2(name##_f64, double, double, value)
#define KT_COMPARE(name, value) LOOP_2(name##_f64, double, uint8_t, value)
#define KT_LOGICAL(name, value)
#include "ops/binary.def"
#undef KT_BINARY
#undef KT_BINARY_ANY
#undef KT_COMPARE
#undef KT_LOGICAL
#undef MOD

/* ---- int32 and int64: x and y are int64_t in the formulas ---- */

#define WHOLE_1(name, type, value) \
    static void name(void *to_, const void *a_, const void *b_, const void *c_, int64_t n) \
    { \
        type *r = to_; \
        const type *a = a_; \
        (void)b_, (void)c_; \
        EACH { int64_t x = a[i]; r[i] = (type)(uint64_t)(value); } \
    }
#define WHOLE_2(name, type, to, value) \
    static void name(void *to_, const void *a_, const void *b_, const void *c_, int64_t n) \
    { \
        to *r = to_; \
        const type *a = a_, *b = b_; \
        (void)c_; \
        EACH { int64_t x = a[i], y = b[i]; r[i] = (to)(uint64_t)(value); } \
    }
#define KT_UNARY(name, value, gradient, kind)
#define KT_UNARY_ANY(name, value, whole, gradient, kind) \
    WHOLE_1(name##_i32, int32_t, whole) WHOLE_1(name##_i64, int64_t, whole)
#define KT_PREDICATE(name, value)
#define KT_NOT(name, value)
#include "ops/unary.def"
#undef KT_UNARY
#undef KT_UNARY_ANY
#undef KT_PREDICATE
#undef KT_NOT
#define KT_BINARY(name, value, gradient_x, gradient_y, kind)
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    WHOLE_2(name##_i32, int32_t, int32_t, whole) WHOLE_2(name##_i64, int64_t, int64_t, whole)
#define KT_COMPARE(name, value) \
    WHOLE_2(name##_i32, int32_t, uint8_t, value) WHOLE_2(name##_i64, int64_t, uint8_t, value)
#define KT_LOGICAL(name, value)
#include "ops/binary.def"
#undef KT_BINARY
#undef KT_BINARY_ANY
#undef KT_COMPARE
#undef KT_LOGICAL

/* ---- loops that look at sizes only: where, broadcast_to (a copy), repeat, cast ---- */

#define BY_SIZE(type) \
    static void where_##type(void *to_, const void *a_, const void *b_, const void *c_, int64_t n) \
    { \
        type *r = to_; \
        const uint8_t *a = a_; \
        const type *b = b_, *c = c_; \
        EACH \
        { \
            type x = b[i], y = c[i]; \
            r[i] = a[i] ? x : y; \
        } \
    } \
    static void copy_##type(void *to_, const void *a_, const void *b_, const void *c_, int64_t n) \
    { \
        (void)b_, (void)c_; \
        if (to_ != a_ && n > 0) memcpy(to_, a_, (size_t)n * sizeof(type)); \
    } \
    static void repeat_##type(void *to_, const void *a_, const void *b_, const void *c_, \
                              int64_t n) \
    { \
        type *r = to_, x = *(const type *)a_; \
        (void)b_, (void)c_; \
        for (int64_t i = 0; i < n; i++) r[i] = x; \
    }
BY_SIZE(uint8_t)
BY_SIZE(uint32_t)
BY_SIZE(uint64_t)

/* The kernels' conversions; between equal types the row is never recorded. */
extern kt_convert_fn *const KT_NAME(kt_convert)[KT_EL_COUNT][KT_EL_COUNT];
#define CAST(from, to) \
    static void cast_##from##_##to(void *to_, const void *a_, const void *b_, const void *c_, \
                                   int64_t n) \
    { \
        (void)b_, (void)c_; \
        KT_NAME(kt_convert)[KT_EL_##to][KT_EL_##from](a_, to_, n); \
    }
#define CASTS_TO(to) \
    CAST(F32, to) CAST(F64, to) CAST(I32, to) CAST(I64, to) CAST(BOOL, to) CAST(U8, to)
CASTS_TO(F32)
CASTS_TO(F64)
CASTS_TO(I32)
CASTS_TO(I64)
CASTS_TO(BOOL)
CASTS_TO(U8)

/* ---- the tables ---- */

/* OF_SIZE and CASTS list loops in the order of kt_dtype. */
#define OF_SIZE(name) \
    { \
        NULL, name##_uint32_t, name##_uint64_t, name##_uint32_t, name##_uint64_t, name##_uint8_t, \
            name##_uint8_t \
    }
#define REALS(name) { [KT_FLOAT32] = name##_f32, [KT_FLOAT64] = name##_f64 }
#define NUMBERS(name) \
    { \
        [KT_FLOAT32] = name##_f32, [KT_FLOAT64] = name##_f64, [KT_INT32] = name##_i32, \
        [KT_INT64] = name##_i64 \
    }

static kt_loop *const rows[KT_OP_COUNT][KT_DTYPES] = {
#define KT_UNARY(name, value, gradient, kind) [KT_OP_ID_##name] = REALS(name),
#define KT_UNARY_ANY(name, value, whole, gradient, kind) [KT_OP_ID_##name] = NUMBERS(name),
#define KT_PREDICATE(name, value) [KT_OP_ID_##name] = REALS(name),
#define KT_NOT(name, value) [KT_OP_ID_##name] = { [KT_BOOL] = name##_bool },
#include "ops/unary.def"
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) [KT_OP_ID_##name] = REALS(name),
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    [KT_OP_ID_##name] = NUMBERS(name),
#define KT_COMPARE(name, value) [KT_OP_ID_##name] = NUMBERS(name),
#define KT_LOGICAL(name, value) [KT_OP_ID_##name] = { [KT_BOOL] = name##_bool },
#include "ops/binary.def"
    [KT_OP_ID_where] = OF_SIZE(where),
    [KT_OP_ID_broadcast_to] = OF_SIZE(copy),
};

#define CASTS(to) \
    { \
        NULL, cast_F32_##to, cast_F64_##to, cast_I32_##to, cast_I64_##to, cast_BOOL_##to, \
            cast_U8_##to \
    }
static kt_loop *const casts[KT_DTYPES][KT_DTYPES] = {
    [KT_FLOAT32] = CASTS(F32), [KT_FLOAT64] = CASTS(F64), [KT_INT32] = CASTS(I32),
    [KT_INT64] = CASTS(I64),   [KT_BOOL] = CASTS(BOOL),   [KT_UINT8] = CASTS(U8),
};

static kt_loop *const repeats[KT_DTYPES] = OF_SIZE(repeat);

const kt_elementwise KT_NAME(kt_elementwise) = { rows, casts, repeats };
