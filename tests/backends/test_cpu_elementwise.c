/* SPDX-License-Identifier: MIT */
/* tests/backends/test_cpu_elementwise.c: every line of unary.def and binary.def on `cpu` against
 * `ref`, over lengths around vectors, tiles and chunks, with ordinary and with special numbers;
 * equal bits for all instruction sets, thread counts and ways to plan.
 */
#include "compare.h"

typedef struct row {
    const char *name;
    computation *make;
    int n_in;
    kt_dtype dtype; /* KT_INT32: integers too; KT_BOOL: truth values only */
} row;

#define UNARY(name) \
    static kt_tensor *make_##name(kt_tensor *const *x) { return kt_##name(x[0]); }
#define BINARY(name) \
    static kt_tensor *make_##name(kt_tensor *const *x) { return kt_##name(x[0], x[1]); }
#define KT_UNARY(name, value, gradient, kind) UNARY(name)
#define KT_UNARY_ANY(name, value, whole, gradient, kind) UNARY(name)
#define KT_PREDICATE(name, value) UNARY(name)
#define KT_NOT(name, value) UNARY(name)
#include "ops/unary.def"
#undef KT_UNARY
#undef KT_UNARY_ANY
#undef KT_PREDICATE
#undef KT_NOT
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) BINARY(name)
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) BINARY(name)
#define KT_COMPARE(name, value) BINARY(name)
#define KT_LOGICAL(name, value) BINARY(name)
#include "ops/binary.def"
#undef KT_BINARY
#undef KT_BINARY_ANY
#undef KT_COMPARE
#undef KT_LOGICAL

static const row rows[] = {
#define KT_UNARY(name, value, gradient, kind) { #name, make_##name, 1, KT_FLOAT32 },
#define KT_UNARY_ANY(name, value, whole, gradient, kind) { #name, make_##name, 1, KT_INT32 },
#define KT_PREDICATE(name, value) { #name, make_##name, 1, KT_FLOAT32 },
#define KT_NOT(name, value) { #name, make_##name, 1, KT_BOOL },
#include "ops/unary.def"
#define KT_BINARY(name, value, gradient_x, gradient_y, kind) { #name, make_##name, 2, KT_FLOAT32 },
#define KT_BINARY_ANY(name, value, whole, gradient_x, gradient_y, kind) \
    { #name, make_##name, 2, KT_INT32 },
#define KT_COMPARE(name, value) { #name, make_##name, 2, KT_INT32 },
#define KT_LOGICAL(name, value) { #name, make_##name, 2, KT_BOOL },
#include "ops/binary.def"
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const int64_t lengths[] = { 1, 2, 7, 16, 33, 511, 512, 513, 1500, 40000 };
enum { N_LENGTHS = sizeof lengths / sizeof *lengths };

static void operands(operand *in, const row *r, kt_dtype dtype, int64_t n)
{
    double range = kt_is_float(dtype) ? 3 : dtype == KT_BOOL ? 1 : 100;
    for (int k = 0; k < MAX_IN; k++) in[k] = (operand){ 0 };
    for (int k = 0; k < r->n_in; k++)
        in[k] = (operand){ dtype, dtype == KT_BOOL ? 0 : -range, range + 1, KT_SHAPE(n) };
}

/* In every set, fused and not, with threads: near the truth, and equal bits among each other. */
static void compare(const row *r, kt_dtype dtype, kt_dtype floatx, double tolerance, bool special)
{
    operand in[MAX_IN];
    for (int l = 0; l < N_LENGTHS; l++) {
        operands(in, r, dtype, lengths[l]);
        variant ref = { .backend = "ref", .threads = 1, .floatx = floatx };
        result truth = run_variant(r->name, r->make, in, &ref, special), first = { .value = NULL };
        for (int s = 0; s < 3; s++) {
            if (!has_set(sets[s])) continue;
            for (int way = 0; way < 3; way++) {
                if (way == 2 && lengths[l] < 20000) continue;
                variant v = { .backend = "cpu",
                              .isa = sets[s],
                              .threads = way + 1,
                              .no_fusion = way == 1,
                              .floatx = floatx };
                result got = run_variant(r->name, r->make, in, &v, special);
                expect_near(r->name, sets[s], &truth, &got, tolerance);
                if (first.value) {
                    expect_same(r->name, sets[s], &first, &got);
                    release(&got);
                } else {
                    first = got;
                }
            }
        }
        release(&truth);
        release(&first);
    }
}

static void test_float32(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].dtype != KT_BOOL) compare(&rows[i], KT_FLOAT32, KT_FLOAT32, 3e-6, false);
}

static void test_float64(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].dtype != KT_BOOL) compare(&rows[i], KT_FLOAT32, KT_FLOAT64, 1e-13, false);
}

static void test_special_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].dtype == KT_BOOL) continue;
        /* A quotient that underflows to -0 has another floor. */
        bool jumps = strcmp(rows[i].name, "floor_divide") == 0;
        if (!jumps) compare(&rows[i], KT_FLOAT32, KT_FLOAT32, 3e-6, true);
        compare(&rows[i], KT_FLOAT32, KT_FLOAT64, 1e-13, true);
    }
}

static void test_integers(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++) {
        if (rows[i].dtype != KT_INT32) continue;
        compare(&rows[i], KT_INT32, KT_FLOAT32, 0, false);
        compare(&rows[i], KT_INT64, KT_FLOAT32, 0, false);
    }
}

static void test_truth_values(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].dtype == KT_BOOL) compare(&rows[i], KT_BOOL, KT_FLOAT32, 0, false);
}

/* ---- cast and where ---- */

static kt_tensor *cast_f32(kt_tensor *const *x) { return kt_cast(x[0], KT_FLOAT32); }
static kt_tensor *cast_f64(kt_tensor *const *x) { return kt_cast(x[0], KT_FLOAT64); }
static kt_tensor *cast_i32(kt_tensor *const *x) { return kt_cast(x[0], KT_INT32); }
static kt_tensor *cast_i64(kt_tensor *const *x) { return kt_cast(x[0], KT_INT64); }
static kt_tensor *cast_bool(kt_tensor *const *x) { return kt_cast(x[0], KT_BOOL); }
static kt_tensor *cast_u8(kt_tensor *const *x) { return kt_cast(x[0], KT_UINT8); }
static kt_tensor *choose(kt_tensor *const *x) { return kt_where(x[0], x[1], x[2]); }

static void test_cast(void **state)
{
    (void)state;
    static const row casts[] = {
        { "to float32", cast_f32, 1, KT_FLOAT32 }, { "to float64", cast_f64, 1, KT_FLOAT32 },
        { "to int32", cast_i32, 1, KT_FLOAT32 },   { "to int64", cast_i64, 1, KT_FLOAT32 },
        { "to bool", cast_bool, 1, KT_FLOAT32 },   { "to uint8", cast_u8, 1, KT_FLOAT32 }
    };
    static const kt_dtype from[] = { KT_FLOAT32, KT_INT32, KT_INT64, KT_BOOL, KT_UINT8 };
    for (int i = 0; i < 6; i++)
        for (int f = 0; f < 5; f++) {
            if (from[f] == KT_FLOAT32 && i >= 2) { /* of special numbers: saturating */
                compare(&casts[i], KT_FLOAT32, KT_FLOAT32, 0, true);
                compare(&casts[i], KT_FLOAT32, KT_FLOAT64, 0, true);
            }
            compare(&casts[i], from[f], KT_FLOAT32, 0, false);
        }
    compare(&casts[0], KT_FLOAT32, KT_FLOAT64, 1e-7, false);
}

static void test_where(void **state)
{
    (void)state;
    static const kt_dtype dtypes[] = {
        KT_FLOAT32, KT_FLOAT64, KT_INT32, KT_INT64, KT_BOOL, KT_UINT8
    };
    for (int d = 0; d < 6; d++)
        for (int l = 0; l < N_LENGTHS; l++) {
            kt_shape shape = KT_SHAPE(lengths[l]);
            operand in[MAX_IN] = { { KT_BOOL, 0, 2, shape },
                                   { dtypes[d], 0, 2, shape },
                                   { dtypes[d], 0, 2, shape } };
            variant ref = { .backend = "ref", .threads = 1 };
            result truth = run_variant("where", choose, in, &ref, false);
            for (int s = 0; s < 3; s++) {
                if (!has_set(sets[s])) continue;
                variant v = { .backend = "cpu", .isa = sets[s], .threads = 2 };
                result got = run_variant("where", choose, in, &v, false);
                expect_same("where", sets[s], &truth, &got);
                release(&got);
            }
            release(&truth);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float32),         cmocka_unit_test(test_float64),
        cmocka_unit_test(test_special_numbers), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_truth_values),    cmocka_unit_test(test_cast),
        cmocka_unit_test(test_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
