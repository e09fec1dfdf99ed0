/* SPDX-License-Identifier: MIT */
/* tests/backends/test_cpu_rows.c: the structured rows on `cpu` against `ref`, float32 and float64,
 * in shapes around the borders of vectors, blocks, chunks and special cases; for each instruction
 * set; equal bits for one, two and three threads, planned and eager.
 */
#include "compare.h"

#include "ops/update.h"

typedef struct sample {
    const char *name;
    computation *make;
    operand in[MAX_IN];
    double tolerance; /* float32; 0: exact */
    bool int_only;
} sample;

#define SHAPE(...) { (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } }
#define F(...) { KT_FLOAT32, -2, 2, SHAPE(__VA_ARGS__) }
#define POSITIVE(...) { KT_FLOAT32, 0.01, 1, SHAPE(__VA_ARGS__) }
#define I32(low, high, ...) { KT_INT32, low, high, SHAPE(__VA_ARGS__) }
#define I64(low, high, ...) { KT_INT64, low, high, SHAPE(__VA_ARGS__) }
#define TRUTH(...) { KT_BOOL, 0, 2, SHAPE(__VA_ARGS__) }
#define BYTES(...) { KT_UINT8, 0, 256, SHAPE(__VA_ARGS__) }

/* ---- products ---- */

static kt_tensor *nn(kt_tensor *const *x) { return kt_matmul(x[0], x[1]); }
static kt_tensor *tn(kt_tensor *const *x) { return kt_matmul_transposed(x[0], true, x[1], false); }
static kt_tensor *nt(kt_tensor *const *x) { return kt_matmul_transposed(x[0], false, x[1], true); }
static kt_tensor *tt(kt_tensor *const *x) { return kt_matmul_transposed(x[0], true, x[1], true); }
static kt_tensor *dense(kt_tensor *const *x) { return kt_add(kt_matmul(x[0], x[1]), x[2]); }
static kt_tensor *dense_relu(kt_tensor *const *x) { return kt_relu(dense(x)); }

static const sample products[] = {
    { "nn", nn, { F(1, 1), F(1, 1) }, 1e-6, false },
    { "nn", nn, { F(32, 10), F(10, 64) }, 3e-6, false },
    { "nn", nn, { F(32, 64), F(64, 1) }, 1e-5, false },
    { "nn", nn, { F(1, 10), F(10, 64) }, 3e-6, false },
    { "nn", nn, { F(129, 785), F(785, 131) }, 1e-4, false },
    { "nn", nn, { F(300, 200), F(200, 301) }, 5e-5, false },
    { "nn", nn, { F(3, 0), F(0, 5) }, 0, false },
    { "nn", nn, { F(0, 3), F(3, 5) }, 0, false },
    { "tn", tn, { F(32, 10), F(32, 64) }, 5e-6, false },
    { "tn", tn, { F(200, 300), F(200, 301) }, 5e-5, false },
    { "nt", nt, { F(32, 64), F(10, 64) }, 1e-5, false },
    { "nt", nt, { F(300, 200), F(301, 200) }, 5e-5, false },
    { "tt", tt, { F(7, 13), F(9, 7) }, 3e-6, false },
    { "batched", nn, { F(5, 3, 7), F(5, 7, 4) }, 3e-6, false },
    { "batched", tn, { F(2, 3, 7, 3), F(2, 3, 7, 4) }, 3e-6, false },
    { "batched", nt, { F(64, 30, 50), F(64, 40, 50) }, 1e-5, false },
    { "shared", nn, { F(5, 3, 7), F(7, 4) }, 3e-6, false },
    { "shared", tn, { F(5, 7, 3), F(7, 4) }, 3e-6, false },
    { "stretched", nn, { F(2, 1, 3, 7), F(4, 7, 2) }, 3e-6, false },
    { "row", nn, { F(7), F(7, 4) }, 3e-6, false },
    { "column", nn, { F(4, 7), F(7) }, 3e-6, false },
    { "dot", nn, { F(700), F(700) }, 3e-5, false },
    { "whole", nn, { I32(-9, 9, 3, 4), I32(-9, 9, 4, 5) }, 0, true },
    { "dense", dense, { F(32, 10), F(10, 64), F(64) }, 3e-6, false },
    { "dense", dense, { F(1, 64), F(64, 1), F(1) }, 3e-6, false },
    { "dense relu", dense_relu, { F(33, 10), F(10, 65), F(65) }, 3e-6, false },
    { "dense relu", dense_relu, { F(128, 784), F(784, 130), F(130) }, 1e-4, false },
};

/* ---- reductions ---- */

static kt_tensor *sum(kt_tensor *const *x) { return kt_sum(x[0]); }
static kt_tensor *sum_first(kt_tensor *const *x) { return kt_sum_axes(x[0], KT_AXES(0), false); }
static kt_tensor *sum_last(kt_tensor *const *x) { return kt_sum_axes(x[0], KT_AXES(-1), true); }
static kt_tensor *sum_middle(kt_tensor *const *x) { return kt_sum_axes(x[0], KT_AXES(1), false); }
static kt_tensor *sum_outer(kt_tensor *const *x) { return kt_sum_axes(x[0], KT_AXES(0, 2), false); }
static kt_tensor *max_last(kt_tensor *const *x) { return kt_max_axes(x[0], KT_AXES(-1), false); }
static kt_tensor *min_first(kt_tensor *const *x) { return kt_min_axes(x[0], KT_AXES(0), false); }
static kt_tensor *mean(kt_tensor *const *x) { return kt_mean(x[0]); }
static kt_tensor *var_first(kt_tensor *const *x) { return kt_var_axes(x[0], KT_AXES(0), false); }
static kt_tensor *argmax_last(kt_tensor *const *x) { return kt_argmax(x[0], -1); }
static kt_tensor *argmin_first(kt_tensor *const *x) { return kt_argmin(x[0], 0); }

static const sample reductions[] = {
    { "sum", sum, { F(2) }, 1e-6, false },
    { "sum", sum, { F(511) }, 1e-4, false },
    { "sum", sum, { F(513) }, 1e-4, false },
    { "sum", sum, { F(32769) }, 1e-3, false },
    { "sum", sum, { F(500, 700) }, 1e-2, false },
    { "sum", sum, { I32(-9, 9, 30, 4) }, 0, true },
    { "sum", sum, { TRUTH(301) }, 0, true },
    { "sum_first", sum_first, { F(128, 10) }, 1e-5, false },
    { "sum_first", sum_first, { F(40000, 3) }, 1e-3, false },
    { "sum_first", sum_first, { F(700, 515) }, 1e-4, false },
    { "sum_last", sum_last, { F(128, 10) }, 1e-5, false },
    { "sum_last", sum_last, { F(3, 70000) }, 1e-3, false },
    { "sum_last", sum_last, { F(2, 3, 1) }, 0, false },
    { "sum_middle", sum_middle, { F(5, 6, 7) }, 1e-5, false },
    { "sum_middle", sum_middle, { F(9, 300, 70) }, 1e-4, false },
    { "sum_outer", sum_outer, { F(5, 6, 7) }, 1e-5, false },
    { "sum_outer", sum_outer, { F(5, 1, 7) }, 1e-5, false },
    { "sum of nothing", sum_first, { F(0, 4) }, 0, false },
    { "max", max_last, { F(33, 17) }, 0, false },
    { "max", max_last, { F(3, 70000) }, 0, false },
    { "max", max_last, { I64(-99, 99, 4, 9) }, 0, true },
    { "min", min_first, { F(33, 17) }, 0, false },
    { "mean", mean, { F(128, 10) }, 1e-6, false },
    { "mean", mean, { I32(0, 9, 128, 10) }, 1e-6, true },
    { "var", var_first, { F(129, 33) }, 1e-5, false },
    { "argmax", argmax_last, { F(128, 10) }, 0, false },
    { "argmax", argmax_last, { I32(0, 4, 30, 10) }, 0, true },
    { "argmin", argmin_first, { F(30, 11) }, 0, false },
};

/* ---- softmax and cross-entropies ---- */

static kt_tensor *softmax(kt_tensor *const *x) { return kt_softmax(x[0], -1); }
static kt_tensor *log_softmax(kt_tensor *const *x) { return kt_log_softmax(x[0], -1); }
static kt_tensor *softmax_grad(kt_tensor *const *x)
{
    return kt_apply2(&kt_op_softmax_grad, x[0], x[1], NULL);
}
static kt_tensor *log_softmax_grad(kt_tensor *const *x)
{
    return kt_apply2(&kt_op_log_softmax_grad, x[0], x[1], NULL);
}
static kt_tensor *sparse(kt_tensor *const *x)
{
    return kt_sparse_categorical_crossentropy(x[1], x[0], true);
}
static kt_tensor *sparse_grad(kt_tensor *const *x)
{
    return kt_apply3(&kt_op_sparse_ce_grad, x[0], x[1], x[2], NULL);
}
static kt_tensor *categorical(kt_tensor *const *x)
{
    return kt_categorical_crossentropy(x[1], x[0], true);
}
static kt_tensor *categorical_grad(kt_tensor *const *x)
{
    return kt_apply3(&kt_op_categorical_ce_grad, x[0], x[1], x[2], NULL);
}

static const sample rows_of_numbers[] = {
    { "softmax", softmax, { F(128, 10) }, 1e-6, false },
    { "softmax", softmax, { F(1, 1) }, 0, false },
    { "softmax", softmax, { F(3, 20000) }, 1e-6, false },
    { "softmax", softmax, { F(900, 70) }, 1e-6, false },
    { "softmax", softmax, { F(0, 7) }, 0, false },
    { "softmax_grad", softmax_grad, { POSITIVE(700, 70), F(700, 70) }, 1e-4, false },
    { "log_softmax", log_softmax, { F(700, 70) }, 2e-6, false },
    { "log_softmax_grad", log_softmax_grad, { F(700, 70), F(700, 70) }, 1e-4, false },
    { "sparse_ce", sparse, { F(128, 10), I32(0, 10, 128) }, 2e-6, false },
    { "sparse_ce", sparse, { F(9, 5, 33), I64(0, 33, 9, 5) }, 2e-6, false },
    { "sparse_ce", sparse, { F(9, 3), I32(-3, 6, 9) }, 2e-6, false },
    { "sparse_ce_grad", sparse_grad, { F(128, 10), I32(0, 10, 128), F(128) }, 2e-6, false },
    { "sparse_ce_grad", sparse_grad, { F(4000, 11), I32(-1, 13, 4000), F(4000) }, 2e-6, false },
    { "categorical_ce", categorical, { F(128, 10), POSITIVE(128, 10) }, 1e-5, false },
    { "categorical_ce_grad",
      categorical_grad,
      { F(4000, 11), POSITIVE(4000, 11), F(4000) },
      1e-5,
      false },
};

/* ---- moving ---- */

static kt_tensor *spread(kt_tensor *const *x)
{
    return kt_broadcast_to(x[0], KT_SHAPE(3, 4, 5, 6));
}
static kt_tensor *reversed(kt_tensor *const *x) { return kt_transpose(x[0]); }
static kt_tensor *channels(kt_tensor *const *x)
{
    return kt_transpose_axes(x[0], KT_AXES(0, 3, 1, 2));
}
static kt_tensor *swapped(kt_tensor *const *x) { return kt_transpose_axes(x[0], KT_AXES(1, 0, 2)); }
static kt_tensor *joined(kt_tensor *const *x)
{
    return kt_concatenate((kt_tensor *[]){ x[0], x[1], x[0] }, 3, 1);
}
static kt_tensor *joined_last(kt_tensor *const *x) { return kt_concatenate(x, 2, -1); }
static kt_tensor *inside(kt_tensor *const *x)
{
    return kt_slice(x[0], KT_SHAPE(1, 2, 0), KT_SHAPE(3, -1, 2));
}
static kt_tensor *padded(kt_tensor *const *x)
{
    return kt_pad(x[0], KT_SHAPE(1, 0, 2), KT_SHAPE(0, 3, 1), 7);
}
static kt_tensor *taken(kt_tensor *const *x) { return kt_gather(x[0], x[1], 0); }
static kt_tensor *taken_inside(kt_tensor *const *x) { return kt_gather(x[0], x[1], 1); }
static kt_tensor *hot(kt_tensor *const *x) { return kt_one_hot(x[0], 10); }

static const sample moves[] = {
    { "broadcast", spread, { F(6) }, 0, false },
    { "broadcast", spread, { F(4, 1, 6) }, 0, false },
    { "broadcast", spread, { F(3, 1, 5, 1) }, 0, false },
    { "broadcast", spread, { I64(0, 99, 5, 1) }, 0, true },
    { "broadcast", spread, { { KT_FLOAT32, -1, 1, { 0, { 0 } } } }, 0, false },
    { "broadcast", spread, { TRUTH(1, 4, 1, 1) }, 0, true },
    { "transpose", reversed, { F(7, 33) }, 0, false },
    { "transpose", reversed, { F(40, 50) }, 0, false },
    { "transpose", reversed, { F(2, 3, 4, 5) }, 0, false },
    { "transpose", reversed, { TRUTH(2, 37, 4) }, 0, true },
    { "transpose", reversed, { BYTES(40, 41) }, 0, true },
    { "transpose", channels, { F(3, 5, 6, 7) }, 0, false },
    { "transpose", channels, { I32(0, 99, 2, 1, 6, 17) }, 0, true },
    { "transpose", swapped, { F(5, 6, 7) }, 0, false },
    { "transpose", swapped, { F(0, 6, 7) }, 0, false },
    { "concatenate", joined, { F(4, 2, 3), F(4, 5, 3) }, 0, false },
    { "concatenate", joined_last, { I32(0, 9, 4, 2), I32(0, 9, 4, 1) }, 0, true },
    { "slice", inside, { F(4, 5, 6) }, 0, false },
    { "slice", inside, { TRUTH(4, 5, 6) }, 0, true },
    { "pad", padded, { F(4, 5, 6) }, 0, false },
    { "pad", padded, { I64(0, 99, 4, 5, 6) }, 0, true },
    { "gather", taken, { F(9, 5), I32(-12, 12, 4, 3) }, 0, false },
    { "gather", taken_inside, { F(3, 9, 2), I64(0, 9, 5) }, 0, false },
    { "gather", taken, { I64(0, 99, 9), I32(0, 9, 20) }, 0, true },
    { "one_hot", hot, { I32(-2, 13, 6, 5) }, 0, false },
    { "one_hot", hot, { I64(0, 10, 30) }, 0, false },
};

/* ---- updates: no variables here, so results lie beside the old values ---- */

static kt_tensor *joined_outputs(kt_tensor *const *out, int n)
{
    kt_tensor *flat[4];
    for (int i = 0; i < n; i++) flat[i] = kt_reshape(out[i], KT_SHAPE(-1));
    return kt_concatenate(flat, n, 0);
}

static kt_tensor *rate_of(kt_tensor *const *x) { return kt_scalar(x[0], 0.01); }

static kt_tensor *iteration_of(kt_tensor *const *x)
{
    return kt_scalar_new(kt_context_of(x[0]), KT_INT64, 4);
}

static kt_tensor *sgd(kt_tensor *const *x) { return kt_sgd_update(x[0], x[1], rate_of(x)); }

static kt_tensor *momentum(kt_tensor *const *x, bool nesterov)
{
    kt_tensor *out[2];
    kt_momentum_update(x[0], x[1], x[2], rate_of(x), 0.9, nesterov, out);
    return joined_outputs(out, 2);
}

static kt_tensor *plain_momentum(kt_tensor *const *x) { return momentum(x, false); }
static kt_tensor *nesterov(kt_tensor *const *x) { return momentum(x, true); }

static kt_tensor *adam(kt_tensor *const *x)
{
    kt_tensor *out[3];
    kt_adam_update(x[0], x[1], x[2], x[3], rate_of(x), iteration_of(x),
                   (kt_adam_numbers){ 0.9, 0.999, 1e-7 }, out);
    return joined_outputs(out, 3);
}

static kt_tensor *amsgrad(kt_tensor *const *x)
{
    kt_tensor *out[4];
    kt_adam_amsgrad_update(x[0], x[1], x[2], x[3], x[4], rate_of(x), iteration_of(x),
                           (kt_adam_numbers){ 0.9, 0.999, 1e-7 }, out);
    return joined_outputs(out, 4);
}

static const sample updates[] = {
    { "sgd", sgd, { F(1), F(1) }, 1e-6, false },
    { "sgd", sgd, { F(300, 301), F(300, 301) }, 1e-6, false },
    { "momentum", plain_momentum, { F(640), F(640), F(640) }, 1e-6, false },
    { "nesterov", nesterov, { F(70001), F(70001), F(70001) }, 1e-6, false },
    { "adam", adam, { F(10, 64), F(10, 64), POSITIVE(10, 64), F(10, 64) }, 1e-6, false },
    { "adam", adam, { F(70001), F(70001), POSITIVE(70001), F(70001) }, 1e-6, false },
    { "amsgrad",
      amsgrad,
      { F(70001), F(70001), POSITIVE(70001), POSITIVE(70001), F(70001) },
      1e-6,
      false },
};

/* ---- random rows ---- */

static kt_shape shape_of(kt_tensor *x)
{
    kt_shape shape = { .rank = kt_rank(x) };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = kt_dim(x, i);
    return shape;
}

static kt_tensor *uniform(kt_tensor *const *x) { return kt_random_uniform_like(x[0], -0.3, 0.7); }
static kt_tensor *bernoulli(kt_tensor *const *x) { return kt_random_bernoulli_like(x[0], 0.3); }
static kt_tensor *normal(kt_tensor *const *x)
{
    return kt_random_normal(kt_context_of(x[0]), shape_of(x[0]), 1, 2);
}
static kt_tensor *truncated(kt_tensor *const *x)
{
    return kt_random_truncated_normal(kt_context_of(x[0]), shape_of(x[0]), 0, 0.05);
}

static const sample draws[] = {
    { "uniform", uniform, { F(7) }, 0, false },
    { "uniform", uniform, { F(333, 301) }, 0, false },
    { "bernoulli", bernoulli, { F(333, 301) }, 0, false },
    { "normal", normal, { F(333, 301) }, 1e-5, false },
    { "truncated", truncated, { F(1) }, 1e-6, false },
    { "truncated", truncated, { F(333, 101) }, 1e-6, false },
};

/* ---- the comparison ---- */

static void compare(const sample *s, kt_dtype floatx)
{
    double tolerance = floatx == KT_FLOAT64 && s->tolerance > 0 ? 1e-11 : s->tolerance;
    variant ref = { .backend = "ref", .threads = 1, .floatx = floatx };
    result truth = run_variant(s->name, s->make, s->in, &ref, false);
    for (int set = 0; set < 3; set++) {
        if (!has_set(sets[set])) continue;
        result first = { .value = NULL };
        for (int way = 0; way < 4; way++) {
            variant v = { .backend = "cpu",
                          .isa = sets[set],
                          .threads = way < 3 ? way + 1 : 1,
                          .run_eagerly = way == 3,
                          .floatx = floatx };
            result got = run_variant(s->name, s->make, s->in, &v, false);
            expect_near(s->name, sets[set], &truth, &got, tolerance);
            if (first.value) {
                expect_same(s->name, sets[set], &first, &got);
                release(&got);
            } else {
                first = got;
            }
        }
        release(&first);
    }
    release(&truth);
}

static void compare_all(const sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        compare(&s[i], KT_FLOAT32);
        if (!s[i].int_only) compare(&s[i], KT_FLOAT64);
    }
}

#define GROUP(name) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        compare_all(name, sizeof name / sizeof *name); \
    }
GROUP(products)
GROUP(reductions)
GROUP(rows_of_numbers)
GROUP(moves)
GROUP(updates)
GROUP(draws)

/* ---- in place: what a training program does to its variables ---- */

static void train(const variant *v, double *w, int64_t n, int steps)
{
    kt_context *kt = context_of(v);
    kt_tensor *var[3], *iteration = kt_variable_zeros(kt, "iteration", KT_INT64, KT_SCALAR_SHAPE);
    static const char *const names[] = { "w", "m", "v" };
    for (int i = 0; i < 3; i++) var[i] = kt_variable_zeros(kt, names[i], KT_FLOAT32, KT_SHAPE(n));
    for (int s = 0; s < steps; s++) {
        kt_scope *scope = kt_scope_begin(kt);
        kt_tensor *g = kt_sub(kt_sin(kt_mul(var[0], kt_scalar(var[0], 3))),
                              kt_scalar(var[0], 0.5 + s)),
                  *out[3];
        kt_adam_update(var[0], var[1], var[2], g, kt_scalar(g, 0.1), iteration,
                       (kt_adam_numbers){ 0.9, 0.999, 1e-7 }, out);
        for (int i = 0; i < 3; i++) kt_assign(var[i], out[i]);
        kt_assign_add(iteration, kt_scalar(iteration, 1));
        assert_int_equal(kt_scope_end(kt, scope), KT_OK);
    }
    for (int i = 0; i < 3; i++)
        if (kt_read(var[i], w + i * n, KT_FLOAT64, n) != KT_OK) fail_msg("%s", kt_message(kt));
    kt_context_free(kt);
}

static void test_in_place(void **state)
{
    (void)state;
    enum { N = 70001, STEPS = 5 };
    double *truth = take(3 * N * sizeof *truth), *got = take(3 * N * sizeof *got),
           *first = take(3 * N * sizeof *first);
    train(&(variant){ .backend = "ref", .threads = 1 }, truth, N, STEPS);
    for (int s = 0; s < 3; s++) {
        if (!has_set(sets[s])) continue;
        for (int threads = 1; threads <= 3; threads++) {
            train(&(variant){ .backend = "cpu",
                              .isa = sets[s],
                              .threads = threads,
                              .no_fusion = threads == 2 },
                  got, N, STEPS);
            if (threads == 1) memcpy(first, got, 3 * N * sizeof *first);
            for (int64_t i = 0; i < 3 * N; i++)
                if (got[i] != first[i] ||
                    !(fabs(got[i] - truth[i]) <= 2e-5 * fmax(1, fabs(truth[i]))))
                    fail_msg("%s, %d threads: element %lld is %.9g, not %.9g", sets[s], threads,
                             (long long)i, got[i], truth[i]);
        }
    }
    free(truth);
    free(got);
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_rows_of_numbers), cmocka_unit_test(test_moves),
        cmocka_unit_test(test_updates),         cmocka_unit_test(test_draws),
        cmocka_unit_test(test_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
