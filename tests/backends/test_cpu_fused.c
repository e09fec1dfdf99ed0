/* SPDX-License-Identifier: MIT */
/* tests/backends/test_cpu_fused.c: fusion never changes a bit.
 *
 * Random programs of element-wise ops over whole tensors, rows, columns, numbers and constants, in
 * several dtypes, with sums at the end and intermediate results read as well, run fused, unfused,
 * eagerly, with one to three threads and in each instruction set: all results of one set are equal
 * to the bit. The three shapes around each border of the interpreter (one element, a tile, a
 * segment of a sum, periods that divide tiles or do not) are among those drawn.
 */
#include "compare.h"

#include "ops/fused.h"

enum { MAX_VALUES = 48, MAX_WANTED = 12, VARIABLES = 3 };

typedef struct maker { /* of one program: the same choices in every variant */
    uint64_t state;
    kt_tensor *value[MAX_VALUES];
    int n;
} maker;

static uint32_t pick(maker *m, uint32_t n)
{
    m->state = m->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->state >> 33) % n;
}

static kt_tensor *filled(kt_context *kt, uint32_t stream, kt_shape shape)
{
    operand o = { KT_FLOAT32, -2, 2, shape };
    int64_t n = kt_shape_count(shape);
    double *data = take((size_t)n * sizeof *data);
    for (int64_t i = 0; i < n; i++) data[i] = number_at(&o, stream, i, false);
    kt_tensor *x = kt_cast(kt_constant(kt, kt_array_of(data, KT_FLOAT64, shape)), kt_floatx(kt));
    free(data);
    return x;
}

static kt_tensor *variable(kt_context *kt, const char *name, kt_shape shape)
{
    kt_tensor *v = kt_variable_zeros(kt, name, kt_floatx(kt), shape);
    assert_int_equal(kt_variable_fill(v, 0.75), KT_OK);
    return v;
}

static kt_tensor *any(maker *m)
{
    return m->value[pick(m, (uint32_t)m->n)];
}

/* A few ops keep numbers small, so that programs do not end in infinities. */
static kt_tensor *step(maker *m)
{
    kt_tensor *x = any(m), *y = any(m);
    switch (pick(m, 24)) {
    case 0: return kt_add(x, y);
    case 1: return kt_sub(x, y);
    case 2: return kt_mul(x, kt_tanh(y));
    case 3:
        return kt_div(x, kt_add(kt_square(y),
                                kt_fill(kt_context_of(y), kt_dtype_of(y), KT_SCALAR_SHAPE, 1)));
    case 4: return kt_maximum(x, y);
    case 5: return kt_minimum(x, y);
    case 6: return kt_relu(x);
    case 7: return kt_sigmoid(x);
    case 8: return kt_tanh(x);
    case 9: return kt_softplus(x);
    case 10: return kt_sin(x);
    case 11: return kt_log1p(kt_abs(x));
    case 12: return kt_where(kt_less(x, y), x, kt_sigmoid(y));
    case 13: return kt_mul(x, kt_scalar(x, 0.25 + pick(m, 8)));
    case 14: return kt_clip(x, -1, 1);
    case 15: return kt_mul(kt_cast(kt_greater(x, y), kt_dtype_of(x)), y);
    case 16: return kt_cast(kt_add(kt_cast(x, KT_INT32), kt_cast(y, KT_INT64)), kt_dtype_of(x));
    case 17: return kt_cast(kt_mul(kt_cast(x, KT_FLOAT64), kt_cast(y, KT_FLOAT64)), kt_dtype_of(x));
    case 18: return kt_relu_grad(x, y);
    case 19: return kt_silu(x);
    case 20: return kt_cast(kt_logical_and(kt_isfinite(x), kt_greater_equal(y, x)), kt_dtype_of(x));
    case 21: return kt_exp(kt_neg(kt_abs(x)));
    case 22: return kt_cast(kt_cast(kt_scaled(x, 10), KT_INT32), kt_dtype_of(x));
    default: return kt_sqrt(kt_abs(x));
    }
}

typedef struct outputs {
    int n;
    int64_t count[MAX_WANTED];
    double *value[MAX_WANTED];
} outputs;

/* The program number `seed` in this variant: some of its values and some sums. */
static outputs program(uint64_t seed, const variant *v)
{
    static const int64_t sizes[][2] = { { 1, 1 },    { 1, 5 },     { 7, 1 },   { 3, 7 },
                                        { 8, 64 },   { 9, 57 },    { 32, 64 }, { 51, 10 },
                                        { 128, 10 }, { 70, 100 },  { 3, 700 }, { 4, 8192 },
                                        { 65, 513 }, { 1, 33000 }, { 5, 512 }, { 40, 1000 },
                                        { 600, 60 }, { 9000, 5 } };
    kt_context *kt = context_of(v);
    maker m = { .state = seed * 2654435761u + 12345 };
    const int64_t *size = sizes[pick(&m, sizeof sizes / sizeof *sizes)];
    m.value[m.n++] = filled(kt, 1, KT_SHAPE(size[0], size[1]));
    m.value[m.n++] = filled(kt, 2, KT_SHAPE(size[0], size[1]));
    m.value[m.n++] = filled(kt, 3, KT_SHAPE(size[1]));
    m.value[m.n++] = filled(kt, 4, KT_SHAPE(size[0], 1));
    m.value[m.n++] = filled(kt, 5, KT_SCALAR_SHAPE);
    m.value[m.n++] = kt_scalar(m.value[0], 0.7);
    kt_tensor *kept[VARIABLES] = { variable(kt, "whole", KT_SHAPE(size[0], size[1])),
                                   variable(kt, "row", KT_SHAPE(size[1])),
                                   variable(kt, "number", KT_SCALAR_SHAPE) };
    for (int i = 0; i < VARIABLES; i++) m.value[m.n++] = kt_mul(kept[i], kt_scalar(kept[i], 0.5));
    int steps = 1 + (int)pick(&m, 30), inputs = m.n;
    for (int i = 0; i < steps; i++) {
        kt_tensor *y = step(&m);
        if (!y) fail_msg("program %llu: %s", (unsigned long long)seed, kt_message(kt));
        m.value[m.n++] = y;
    }
    for (int i = 0; i < VARIABLES; i++) { /* from old values, often in the variable's own place */
        kt_tensor *y = kt_add(kept[i], m.value[m.n - 1 - (int)pick(&m, 4)]);
        kt_shape shape = { .rank = kt_rank(kept[i]) };
        for (int k = 0; k < shape.rank; k++) shape.dim[k] = kt_dim(kept[i], k);
        for (; y && kt_rank(y) > shape.rank;) y = kt_sum_axes(y, KT_AXES(0), false);
        if (y && shape.rank == 2 && kt_dim(y, 0) != shape.dim[0]) y = kt_broadcast_to(y, shape);
        kt_assign(kept[i], kt_mul(y, kt_scalar(y, 0.125)));
    }
    kt_tensor *wanted[MAX_WANTED];
    outputs out = { .n = 1 + (int)pick(&m, 6) };
    int reads = out.n;
    for (int i = 0; i < VARIABLES; i++) wanted[out.n++] = kept[i];
    for (int i = 0; i < reads; i++) {
        int k = i == 0 ? m.n - 1 : inputs + (int)pick(&m, (uint32_t)(m.n - inputs));
        wanted[i] = pick(&m, 3)   ? m.value[k]
                    : pick(&m, 2) ? kt_sum(m.value[k])
                                  : kt_mean(kt_square(m.value[k]));
    }
    if (kt_compute(wanted, reads) != KT_OK)
        fail_msg("program %llu: %s", (unsigned long long)seed, kt_message(kt));
    for (int i = 0; i < out.n; i++) {
        out.count[i] = kt_desc_count(kt_desc_of(wanted[i]));
        out.value[i] = take((size_t)out.count[i] * sizeof(double));
        if (kt_read(wanted[i], out.value[i], KT_FLOAT64, out.count[i]) != KT_OK)
            fail_msg("program %llu: %s", (unsigned long long)seed, kt_message(kt));
    }
    kt_context_free(kt);
    return out;
}

static void expect_equal(uint64_t seed, const char *how, const outputs *a, const outputs *b)
{
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        assert_int_equal(a->count[i], b->count[i]);
        for (int64_t k = 0; k < a->count[i]; k++)
            if (!same_number(a->value[i][k], b->value[i][k]))
                fail_msg("program %llu, %s: result %d, element %lld of %lld is %.17g, not %.17g",
                         (unsigned long long)seed, how, i, (long long)k, (long long)a->count[i],
                         b->value[i][k], a->value[i][k]);
    }
}

static void done(outputs *o)
{
    for (int i = 0; i < o->n; i++) free(o->value[i]);
}

static void compare_ways(uint64_t seed, const char *isa, kt_dtype floatx)
{
    outputs plain = program(seed, &(variant){ .backend = "cpu",
                                              .isa = isa,
                                              .threads = 1,
                                              .no_fusion = true,
                                              .floatx = floatx });
    for (int way = 0; way < 4; way++) {
        variant v = { .backend = "cpu",
                      .isa = isa,
                      .threads = way < 3 ? way + 1 : 2,
                      .run_eagerly = way == 3,
                      .floatx = floatx };
        outputs got = program(seed, &v);
        expect_equal(seed, way == 3 ? "eager" : way == 0 ? "fused" : "threads", &plain, &got);
        done(&got);
    }
    done(&plain);
}

static void test_random_programs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 240; seed++)
        if (has_set(sets[seed % 3]))
            compare_ways(seed, sets[seed % 3], seed % 5 ? KT_FLOAT32 : KT_FLOAT64);
}

/* Programs without sums have the same bits in all sets, too. */
static void test_sets_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1000; seed < 1030; seed++) {
        outputs first =
            program(seed, &(variant){ .backend = "cpu", .isa = "portable", .threads = 1 });
        for (int s = 1; s < 3; s++) {
            if (!has_set(sets[s])) continue;
            outputs got =
                program(seed, &(variant){ .backend = "cpu", .isa = sets[s], .threads = 1 });
            for (int i = 0; i < got.n; i++)
                if (got.count[i] == 1) got.value[i][0] = first.value[i][0]; /* perhaps a sum */
            expect_equal(seed, sets[s], &first, &got);
            done(&got);
        }
        done(&first);
    }
}

/* Numbers of the step are read anew in each run of the same plan. */
static void test_slots_change(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new(.backend = "cpu");
    assert_non_null(kt);
    static const float ones[1000] = { 1, 1, 1 };
    for (int s = 1; s < 6; s++) {
        kt_scope *scope = kt_scope_begin(kt);
        kt_tensor *x = kt_constant_borrow(kt, kt_floats(ones, 1000));
        kt_tensor *y = kt_sum(kt_mul(kt_add(x, kt_scalar(x, s)), kt_scalar(x, 2)));
        assert_true(kt_item(y) == 2.0 * (3 + 1000 * s));
        assert_int_equal(kt_scope_end(kt, scope), KT_OK);
    }
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs),
        cmocka_unit_test(test_sets_agree),
        cmocka_unit_test(test_slots_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
