/* SPDX-License-Identifier: MIT */
/* ops/unary.c: everything that unary.def says once: row, public function, reference kernel and
 * gradient of each element-wise op of one operand.
 *
 * `exp` becomes: exp_at(x) (the formula), exp_run (its loop), exp_grad, kt_op_exp and kt_exp.
 * Integers are int64_t in reference kernels.
 */
#include "ops/elementwise.h"
#include "ops/formulas.h"

/* A table's line refers to x, y, g; not every gradient uses all of them. */
typedef struct unary_terms {
    kt_tensor *x, *y, *g;
} unary_terms;

static unary_terms terms_of(kt_grad *q)
{
    return (unary_terms){ kt_grad_in(q, 0), kt_grad_result(q, 0), kt_grad_out(q, 0) };
}

static inline kt_status real_run(kt_run *r, double (*at)(double))
{
    const double *x = kt_ref_in(r, 0);
    double *y = kt_ref_out(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) y[i] = at(x[i]);
    return KT_OK;
}

static inline kt_status whole_run(kt_run *r, int64_t (*at)(int64_t))
{
    const int64_t *x = kt_ref_in_int(r, 0);
    int64_t *y = kt_ref_out_int(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) y[i] = at(x[i]);
    return KT_OK;
}

static inline kt_status test_run(kt_run *r, bool (*at)(double))
{
    const double *x = kt_ref_in(r, 0);
    int64_t *y = kt_ref_out_int(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) y[i] = at(x[i]);
    return KT_OK;
}

/* ---- gradients ---- */

#define GRADIENT_KT_FLAT(name, gradient)
#define GRADIENT_KT_KINKED(name, gradient) GRADIENT_KT_SMOOTH(name, gradient)
#define GRADIENT_KT_SMOOTH(name, gradient) \
    static void name##_grad(kt_grad *q) \
    { \
        unary_terms t = terms_of(q); \
        kt_tensor *x = t.x, *y = t.y, *g = t.g; \
        (void)x, (void)y; \
        kt_grad_set(q, 0, gradient); \
    }
#define KT_UNARY(name, value, gradient, kind) GRADIENT_##kind(name, gradient)
#define KT_UNARY_ANY(name, value, whole, gradient, kind) GRADIENT_##kind(name, gradient)
#define KT_PREDICATE(name, value)
#define KT_NOT(name, value)
#include "ops/unary.def"
#undef KT_UNARY
#undef KT_UNARY_ANY
#undef KT_PREDICATE
#undef KT_NOT

/* ---- kernels ---- */

#define KT_UNARY(name, value, gradient, kind) \
    static double name##_at(double x) { return value; } \
    static kt_status name##_run(kt_run *r) { return real_run(r, name##_at); }
#define KT_UNARY_ANY(name, value, whole, gradient, kind) \
    static double name##_at(double x) { return value; } \
    static int64_t name##_whole(int64_t x) { return whole; } \
    static kt_status name##_run(kt_run *r) \
    { \
        return kt_is_float(kt_run_in(r, 0)->dtype) ? real_run(r, name##_at) \
                                                   : whole_run(r, name##_whole); \
    }
#define KT_PREDICATE(name, value) \
    static bool name##_at(double x) { return value; } \
    static kt_status name##_run(kt_run *r) { return test_run(r, name##_at); }
#define KT_NOT(name, value) \
    static int64_t name##_at(int64_t x) { return value; } \
    static kt_status name##_run(kt_run *r) { return whole_run(r, name##_at); }
#include "ops/unary.def"
#undef KT_UNARY
#undef KT_UNARY_ANY
#undef KT_PREDICATE
#undef KT_NOT

/* ---- rows and public functions ---- */

#define ROW(row, map, infer_, grad_, inplace_) \
    const kt_op kt_op_##row = { .size = sizeof(kt_op), \
                                .name = #row, \
                                .n_in = 1, \
                                .n_out = 1, \
                                .flags = KT_OP_ELEMENTWISE, \
                                .inplace = { inplace_ }, \
                                .infer = infer_, \
                                .kernel = row##_run, \
                                .grad = grad_, \
                                .id = KT_OP_ID_##row }; \
    kt_tensor *kt_##row(kt_tensor *x) { return map(&kt_op_##row, x); }
#define KT_UNARY(name, value, gradient, kind) \
    ROW(name, kt_map_real, kt_infer_unary, KT_GRAD_OF_##kind(name##_grad), 1)
#define KT_UNARY_ANY(name, value, whole, gradient, kind) \
    ROW(name, kt_map_any, kt_infer_any, KT_GRAD_OF_##kind(name##_grad), 1)
#define KT_PREDICATE(name, value) ROW(name, kt_map_real, kt_infer_test, NULL, 0)
#define KT_NOT(name, value) ROW(name, kt_map_bool, kt_infer_test, NULL, 1)
#include "ops/unary.def"
