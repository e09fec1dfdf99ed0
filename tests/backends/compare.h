/* SPDX-License-Identifier: MIT */
/* tests/backends/compare.h: one computation on several back-ends, and what came out.
 *
 * A computation is a function from inputs to one tensor. Inputs are drawn as doubles that float32
 * holds exactly, so that every back-end starts from the same numbers. Results are read as doubles;
 * `same` compares bits (NaN equals NaN), `near` allows an error relative to max(1, |expected|).
 */
#ifndef TESTS_BACKENDS_COMPARE_H
#define TESTS_BACKENDS_COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "ops/ops.h"

enum { MAX_IN = 7 };

typedef struct operand { /* dtype 0: no operand */
    kt_dtype dtype;
    double low, high;
    kt_shape shape;
} operand;

typedef kt_tensor *computation(kt_tensor *const *x);

typedef struct variant { /* how to run it */
    const char *backend, *isa;
    int threads;
    bool no_fusion, run_eagerly;
    kt_dtype floatx;
} variant;

typedef struct result {
    kt_desc desc;
    int64_t count;
    double *value;
} result;

static inline void *take(size_t bytes)
{
    void *block = malloc(bytes ? bytes : 1);
    if (!block) abort();
    return block;
}

/* Element i of the operand that draws from `stream`: of its range, or one of the odd numbers. */
static inline double number_at(const operand *o, uint32_t stream, int64_t i, bool special)
{
    static const double odd[] = { 0,    -0.0, 1,     -1,   INFINITY, -INFINITY, NAN, 0.5,
                                  -0.5, 2.5,  1e-20, -3e7, 1e-40,    88.5,      -104 };
    enum { N_ODD = sizeof odd / sizeof *odd };
    if (special && kt_is_float(o->dtype))
        return (double)(float)odd[kt_philox_u32(5, stream, 0, (uint64_t)i) % N_ODD];
    double x = o->low + (o->high - o->low) * kt_philox_uniform(3, stream, 0, (uint64_t)i);
    return kt_is_float(o->dtype) ? (double)(float)x : floor(x);
}

static inline kt_context *context_of(const variant *v)
{
    kt_context *kt = kt_context_new(.backend = v->backend, .isa = v->isa, .threads = v->threads,
                                    .no_fusion = v->no_fusion, .run_eagerly = v->run_eagerly,
                                    .floatx = v->floatx, .seed = 5);
    if (!kt) fail_msg("no context for %s %s", v->backend, v->isa ? v->isa : "");
    return kt;
}

/* floats == KT_FLOAT64: float32 operands are given as float64. */
static inline result run_variant(const char *what, computation *make, const operand *in,
                                 const variant *v, bool special)
{
    kt_context *kt = context_of(v);
    kt_tensor *x[MAX_IN] = { NULL };
    double *data[MAX_IN] = { NULL };
    for (int k = 0; k < MAX_IN && in[k].dtype; k++) {
        int64_t n = kt_shape_count(in[k].shape);
        data[k] = take((size_t)n * sizeof(double));
        for (int64_t i = 0; i < n; i++) data[k][i] = number_at(&in[k], (uint32_t)k + 1, i, special);
        kt_dtype dtype = in[k].dtype == KT_FLOAT32 ? kt_floatx(kt) : in[k].dtype;
        kt_tensor *wide = kt_constant(kt, kt_array_of(data[k], KT_FLOAT64, in[k].shape));
        x[k] = dtype == KT_FLOAT64 ? wide : kt_cast(wide, dtype);
    }
    kt_tensor *y = make(x);
    if (!y) fail_msg("%s: %s", what, kt_message(kt));
    result r = { .desc = *kt_desc_of(y), .count = kt_desc_count(kt_desc_of(y)) };
    r.value = take((size_t)r.count * sizeof(double));
    if (kt_read(y, r.value, KT_FLOAT64, r.count) != KT_OK) fail_msg("%s: %s", what, kt_message(kt));
    kt_context_free(kt);
    for (int k = 0; k < MAX_IN; k++) free(data[k]);
    return r;
}

static inline void release(result *r)
{
    free(r->value);
    r->value = NULL;
}

static inline bool same_number(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && (a != 0 || signbit(a) == signbit(b)));
}

static inline void expect_same(const char *what, const char *how, const result *a, const result *b)
{
    assert_int_equal(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++)
        if (!same_number(a->value[i], b->value[i]))
            fail_msg("%s, %s: element %lld of %lld is %.17g, not %.17g", what, how, (long long)i,
                     (long long)a->count, b->value[i], a->value[i]);
}

static inline void expect_near(const char *what, const char *how, const result *truth,
                               const result *b, double tolerance)
{
    assert_int_equal(truth->count, b->count);
    assert_int_equal(truth->desc.dtype, b->desc.dtype);
    for (int64_t i = 0; i < truth->count; i++) {
        double t = truth->value[i], got = b->value[i];
        if (truth->desc.dtype == KT_FLOAT32) t = (double)(float)t;
        bool near =
            got == t || (isnan(got) && isnan(t)) || fabs(got - t) <= tolerance * fmax(1, fabs(t));
        if (!near)
            fail_msg("%s, %s: element %lld of %lld is %.9g, not %.9g", what, how, (long long)i,
                     (long long)truth->count, got, t);
    }
}

static const char *const sets[] = { "portable", "avx2", "avx512" };

static inline bool has_set(const char *isa)
{
    return kt_context_check(&(kt_context_config){ .size = sizeof(kt_context_config),
                                                  .backend = "cpu",
                                                  .isa = isa },
                            NULL, 0) == KT_OK;
}

#endif
