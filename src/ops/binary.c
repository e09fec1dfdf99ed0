/* SPDX-License-Identifier: MIT */
/* ops/binary.c: everything that binary.def says once: row, public function, reference kernel and
 * gradients of each element-wise op of two operands.
 *
 * Operands reach a row alike in shape and dtype (elementwise.c sees to it), so kernels are plain
 * loops and gradients need no un-broadcast.
 */
#include "ops/elementwise.h"
#include "ops/formulas.h"

typedef struct binary_terms {
    kt_tensor *x, *y, *z, *g;
} binary_terms;

static binary_terms terms_of(kt_grad *q)
{
    return (binary_terms){ kt_grad_in(q, 0), kt_grad_in(q, 1), kt_grad_result(q, 0),
                           kt_grad_out(q, 0) };
}

static inline kt_status real_run(kt_run *r, double (*at)(double, double))
{
    const double *x = kt_ref_in(r, 0), *y = kt_ref_in(r, 1);
    double *z = kt_ref_out(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) z[i] = at(x[i], y[i]);
    return KT_OK;
}

static inline kt_status whole_run(kt_run *r, int64_t (*at)(int64_t, int64_t))
{
    const int64_t *x = kt_ref_in_int(r, 0), *y = kt_ref_in_int(r, 1);
    int64_t *z = kt_ref_out_int(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) z[i] = at(x[i], y[i]);
    return KT_OK;
}

static inline kt_status compare_run(kt_run *r, bool (*at)(double, double))
{
    const double *x = kt_ref_in(r, 0), *y = kt_ref_in(r, 1);
    int64_t *z = kt_ref_out_int(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) z[i] = at(x[i], y[i]);
    return KT_OK;
}

/* ---- gradients ---- */

#define NOTHING NULL
#define GRADIENT_KT_FLAT(name, gradient_x, gradient_y)
#define GRADIENT_KT_KINKED(name, gradient_x, gradient_y) \
    GRADIENT_KT_SMOOTH(name, gradient_x, gradient_y)
#define GRADIENT_KT_SMOOTH(name, gradient_x, gradient_y) \
    static void name##_grad(kt_grad *q) \
    { \
        binary_terms t = terms_of(q); \
        kt_tensor *x = t.x, *y = t.y, *z = t.z, *g = t.g; \
        (void)x, (void)y, (void)z; \
        if (kt_grad_needs(q, 0)) kt_grad_set(q, 0, gradient_x); \
        if (kt_grad_needs(q, 1)) kt_grad_set(q, 1, gradient_y); \
    }
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) \
    GRADIENT_##kind(name, gradient_x, gradient_y)
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    GRADIENT_##kind(name, gradient_x, gradient_y)
#define KT_COMPARE(name, value)
#define KT_LOGICAL(name, value)
#include "ops/binary.def"
#undef KT_BINARY
#undef KT_BINARY_ANY
#undef KT_COMPARE
#undef KT_LOGICAL

/* ---- kernels ---- */

#define KT_BINARY(name, value, gradient_x, gradient_y, kind) \
    static double name##_at(double x, double y) { return value; } \
    static kt_status name##_run(kt_run *r) { return real_run(r, name##_at); }
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    static double name##_at(double x, double y) { return value; } \
    static int64_t name##_whole(int64_t x, int64_t y) { return whole; } \
    static kt_status name##_run(kt_run *r) \
    { \
        return kt_is_float(kt_run_in(r, 0)->dtype) ? real_run(r, name##_at) \
                                                   : whole_run(r, name##_whole); \
    }
#define KT_COMPARE(name, value) \
    static bool name##_at(double x, double y) { return value; } \
    static int64_t name##_whole(int64_t x, int64_t y) { return value; } \
    static kt_status name##_run(kt_run *r) \
    { \
        return kt_is_float(kt_run_in(r, 0)->dtype) ? compare_run(r, name##_at) \
                                                   : whole_run(r, name##_whole); \
    }
#define KT_LOGICAL(name, value) \
    static int64_t name##_at(int64_t x, int64_t y) { return value; } \
    static kt_status name##_run(kt_run *r) { return whole_run(r, name##_at); }
#include "ops/binary.def"
#undef KT_BINARY
#undef KT_BINARY_ANY
#undef KT_COMPARE
#undef KT_LOGICAL

/* ---- rows and public functions ---- */

#define ROW(row, zip, infer_, grad_, inplace_) \
    const kt_op kt_op_##row = { .size = sizeof(kt_op), \
                                .name = #row, \
                                .n_in = 2, \
                                .n_out = 1, \
                                .flags = KT_OP_ELEMENTWISE, \
                                .inplace = { inplace_ }, \
                                .infer = infer_, \
                                .kernel = row##_run, \
                                .grad = grad_, \
                                .id = KT_OP_ID_##row }; \
    kt_tensor *kt_##row(kt_tensor *a, kt_tensor *b) { return zip(&kt_op_##row, a, b); }
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) \
    ROW(name, kt_zip_real, kt_infer_binary, KT_GRAD_OF_##kind(name##_grad), 1)
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    ROW(name, kt_zip_any, kt_infer_binary_any, KT_GRAD_OF_##kind(name##_grad), 1)
#define KT_COMPARE(name, value) ROW(name, kt_zip_any, kt_infer_compare, NULL, 0)
#define KT_LOGICAL(name, value) ROW(name, kt_zip_bool, kt_infer_compare, NULL, 1)
#include "ops/binary.def"
