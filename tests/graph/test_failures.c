/* SPDX-License-Identifier: MIT */
/* test_failures.c: each allocation of a context's life failed in turn; wrong shapes, dtypes and contexts; two contexts in two threads. */
#include <keratin/keratin.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

typedef struct budget {
    long left;   /* allocations until one fails; negative: never */
    long alive;
    bool failed;
} budget;

static bool spend(budget *b)
{
    if (b->left == 0) {
        b->failed = true;
        return false;
    }
    if (b->left > 0) b->left--;
    return true;
}

static void *take(size_t bytes, void *user)
{
    budget *b = user;
    void *block = spend(b) ? malloc(bytes) : NULL;
    if (block) b->alive++;
    return block;
}

static void *resize(void *old, size_t bytes, void *user)
{
    budget *b = user;
    void *block = spend(b) ? realloc(old, bytes) : NULL;
    if (block && !old) b->alive++;
    return block;
}

static void release(void *block, void *user)
{
    if (block) ((budget *)user)->alive--;
    free(block);
}

/* A loop with variables, gradients, a kept value, a plan and a program: returns what it computed, NaN on error. */
static double scenario(kt_context *kt)
{
    double total = 0;
    float numbers[3] = { 1, 2, 3 };
    kt_tensor *v = kt_variable(kt, "v", kt_floats(numbers, 3)), *kept = NULL;
    for (int i = 0; i < 3; i++) {
        kt_scope *scope = kt_scope_begin(kt);
        kt_tensor *x = kt_constant(kt, kt_floats(numbers, 3));
        kt_tensor *loss = kt_mean(kt_square(kt_sub(kt_exp(v), x)));
        kt_tensor *d = kt_gradient(loss, v);
        kt_assign(v, kt_sub(v, kt_mul(d, kt_scalar(d, 0.001))));
        if (i == 1) kept = kt_keep(loss);
        kt_scope_end(kt, scope);
    }
    total += kt_item(kept) + kt_item(kt_sum(v));
    if (kt_error(kt) != KT_OK || kt_capture_begin(kt) != KT_OK) return total;
    kt_desc desc = { KT_FLOAT32, 1, { 3 } };
    kt_tensor *x = kt_capture_input(kt, &desc);
    kt_tensor *wanted = kt_sum(kt_mul(x, v));
    kt_program *program = kt_capture_end(kt, &wanted, 1);
    const void *inputs[] = { numbers };
    double result = 0;
    if (program && kt_program_run(program, inputs, true) == KT_OK) kt_program_read(program, 0, &result, KT_FLOAT64, 1);
    return total + result;
}

static void each_allocation_may_fail(void **state)
{
    const char *backend = *state;
    double truth = 0;
    for (long n = -1; n < 4000; n++) {
        budget b = { n, 0, false };
        kt_allocator allocator = { take, resize, release, &b };
        kt_context *kt = kt_context_new(.backend = backend, .allocator = allocator);
        if (!kt) {
            assert_true(b.failed);
            assert_int_equal(b.alive, 0);
            continue;
        }
        double result = scenario(kt);
        if (n < 0) truth = result;
        if (b.failed) {
            assert_int_equal(kt_error(kt), KT_ERR_MEMORY);
            assert_non_null(strstr(kt_message(kt), "out of memory"));
        } else {
            assert_int_equal(kt_error(kt), KT_OK);
            assert_float_equal(result, truth, 0);
        }
        kt_context_free(kt);
        assert_int_equal(b.alive, 0);
        if (n >= 0 && !b.failed) return; /* every allocation has had its turn */
    }
    fail_msg("the scenario allocates without end");
}

static void expect_error(kt_context *kt, kt_status status, const char *words)
{
    if (kt_error(kt) != status || !strstr(kt_message(kt), words))
        fail_msg("expected status %d and '%s', got %d: %s", (int)status, words, (int)kt_error(kt), kt_message(kt));
    kt_clear_error(kt);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    float numbers[12] = { 0 };
    kt_context *kt = kt_context_new(.backend = "ref"), *other = kt_context_new(.backend = "ref");
    kt_tensor *a = kt_constant(kt, kt_floats(numbers, 3, 4)), *b = kt_constant(kt, kt_floats(numbers, 5));
    assert_null(kt_add(a, b));
    expect_error(kt, KT_ERR_SHAPE, "(3, 4)");
    assert_null(kt_matmul(a, a));
    expect_error(kt, KT_ERR_SHAPE, "matmul");
    assert_null(kt_add(a, kt_constant(other, kt_floats(numbers, 3, 4))));
    expect_error(kt, KT_ERR_VALUE, "another context");
    kt_tensor *v = kt_variable_zeros(kt, "kernel", KT_FLOAT32, KT_SHAPE(3, 4));
    assert_null(kt_assign(v, b));
    expect_error(kt, KT_ERR_SHAPE, "'kernel'");
    assert_null(kt_assign(a, a));
    expect_error(kt, KT_ERR_VALUE, "expected a variable");
    assert_int_equal(kt_variable_set(v, kt_floats(numbers, 4, 3)), KT_ERR_SHAPE);
    expect_error(kt, KT_ERR_SHAPE, "(4, 3)");
    assert_null(kt_constant(kt, kt_floats(NULL, 3)));
    expect_error(kt, KT_ERR_VALUE, "NULL");
    assert_null(kt_constant(kt, kt_floats(numbers, -3)));
    expect_error(kt, KT_ERR_SHAPE, "0 or more");
    assert_null(kt_constant(kt, kt_floats(numbers, INT64_MAX, INT64_MAX)));
    expect_error(kt, KT_ERR_SHAPE, "memory");
    kt_item(a);
    expect_error(kt, KT_ERR_SHAPE, "one element");
    kt_read(a, numbers, KT_FLOAT32, 5);
    expect_error(kt, KT_ERR_VALUE, "12 elements");
    kt_gradients(kt_cast(a, KT_INT32), (kt_tensors){ &a, 1 });
    expect_error(kt, KT_ERR_DTYPE, "floats");
    char message[256];
    kt_context_config wrong = { .size = sizeof wrong, .backend = "gpu" };
    assert_null(kt_context_new_with(&wrong));
    assert_int_equal(kt_context_check(&wrong, message, sizeof message), KT_ERR_NAME);
    assert_non_null(strstr(message, "'gpu'"));
    assert_null(kt_context_new_with(NULL));
    assert_int_equal(kt_context_check(NULL, NULL, 0), KT_ERR_VALUE);
    kt_fail(kt, KT_ERR_VALUE, "the first");
    kt_fail(kt, KT_ERR_IO, "the second");
    assert_string_equal(kt_message(kt), "the first");
    assert_null(kt_add(a, a)); /* nothing goes on after an error */
    kt_context_free(kt);
    kt_context_free(other);
}

static void *train_alone(void *argument)
{
    double *result = argument;
    kt_context *kt = kt_context_new(.seed = 1, .threads = 2);
    *result = kt ? scenario(kt) : -1;
    kt_context_free(kt);
    return NULL;
}

static void two_contexts_do_not_meet(void **state)
{
    (void)state;
    double results[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, train_alone, &results[i]), 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_float_equal(results[0], results[1], 0);
}

int main(void)
{
    static char cpu[] = "cpu", ref[] = "ref", offset[] = "offset";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(each_allocation_may_fail, ref),
        cmocka_unit_test_prestate(each_allocation_may_fail, cpu),
        cmocka_unit_test_prestate(each_allocation_may_fail, offset),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(two_contexts_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
