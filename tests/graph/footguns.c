/* SPDX-License-Identifier: MIT */
/* footguns.c: the surprises of recording, each as a passing test. docs/footguns.md has a paragraph for each, under the test's
 * name; who changes one of these behaviours finds out here, and changes the page too.
 *
 * The log hook tells how many plans were made: that is how a test sees what a program pays. Nothing here uses a tensor after its
 * scope has ended, since that reads freed memory; what can be shown of it without doing it is shown.
 */
#include <keratin/keratin.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

typedef struct remarks {
    int plans, misses;
} remarks;

static void remember(const char *sentence, void *user)
{
    remarks *r = user;
    r->plans += strstr(sentence, "plan made") != NULL;
    r->misses += strstr(sentence, "eight steps running") != NULL;
}

static kt_tensor *vec3(kt_context *kt, float a, float b, float c)
{
    return kt_constant(kt, kt_floats(((float[]){ a, b, c }), 3));
}

static void expect3(kt_tensor *x, double a, double b, double c)
{
    double got[3] = { NAN, NAN, NAN };
    assert_int_equal(kt_read(x, got, KT_FLOAT64, 3), KT_OK);
    assert_float_equal(got[0], a, 1e-6);
    assert_float_equal(got[1], b, 1e-6);
    assert_float_equal(got[2], c, 1e-6);
}

static void expect_error(const kt_context *kt, kt_status status, const char *part)
{
    assert_int_equal(kt_error(kt), status);
    if (!strstr(kt_message(kt), part)) fail_msg("expected '%s' in: %s", part, kt_message(kt));
}

static void finish(kt_context *kt)
{
    if (kt_error(kt) != KT_OK) fail_msg("%s", kt_message(kt));
    kt_context_free(kt);
}

/* ---- reading ---- */

enum read_at { READ_NEVER, READ_BEFORE_UPDATE, READ_AFTER_UPDATE };

/* Ten steps of gradient descent on (w - 3)^2 by hand; how many plans they took. */
static int descend(enum read_at read_at, float to[3])
{
    remarks r = { 0, 0 };
    kt_context *kt = kt_context_new(.log = remember, .log_user = &r);
    kt_tensor *w = kt_variable_zeros(kt, "w", KT_FLOAT32, KT_SHAPE(3));
    for (int i = 0; i < 10; i++) {
        kt_scope *scope = kt_scope_begin(kt);
        kt_tensor *loss = kt_mean(kt_square(kt_sub(w, vec3(kt, 3, 4, 5))));
        if (read_at == READ_BEFORE_UPDATE) assert_true(kt_item(loss) > 0);
        kt_tensor *gradient = kt_gradient(loss, w);
        kt_assign(w, kt_sub(w, kt_mul(gradient, kt_scalar(gradient, 0.5))));
        if (read_at == READ_AFTER_UPDATE) assert_true(kt_item(loss) > 0);
        kt_scope_end(kt, scope);
    }
    kt_read(w, to, KT_FLOAT32, 3);
    finish(kt);
    return r.plans;
}

static void a_read_in_the_middle_cuts_the_step_in_two(void **state)
{
    (void)state;
    float never[3], before[3], after[3];
    assert_int_equal(descend(READ_NEVER, never), 1);
    assert_int_equal(descend(READ_BEFORE_UPDATE, before), 2);
    assert_int_equal(descend(READ_AFTER_UPDATE, after), 1);
    assert_memory_equal(before, never, sizeof never); /* the same numbers in any case */
    assert_memory_equal(after, never, sizeof never);
}

static void reading_anything_runs_everything_pending(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *v = kt_variable_zeros(kt, "v", KT_FLOAT32, KT_SHAPE(3));
    kt_assign_add(v, vec3(kt, 1, 1, 1));
    assert_int_equal(kt->graph->trace.n_assigned, 1);
    assert_float_equal(kt_item(kt_sum(vec3(kt, 1, 2, 3))), 6, 0); /* has nothing to do with v */
    assert_int_equal(kt->graph->trace.n_assigned, 0);
    expect3(v, 1, 1, 1);
    finish(kt);
}

static void what_was_not_read_is_computed_again(void **state)
{
    (void)state;
    remarks r = { 0, 0 };
    kt_context *kt = kt_context_new(.log = remember, .log_user = &r);
    kt_tensor *x = vec3(kt, 1, 2, 3), *y = kt_exp(x), *a = kt_log(y), *b = kt_sqrt(kt_square(y));
    expect3(a, 1, 2, 3); /* computes y, keeps only a */
    expect3(b, exp(1), exp(2), exp(3));
    assert_int_equal(r.plans, 2); /* y is in both */
    kt_tensor *c = kt_neg(a), *d = kt_neg(b), *both[] = { c, d };
    assert_int_equal(kt_compute(both, 2), KT_OK); /* one plan for all that is wanted */
    expect3(c, -1, -2, -3);
    expect3(d, -exp(1), -exp(2), -exp(3));
    assert_int_equal(r.plans, 3);
    finish(kt);
}

/* ---- variables ---- */

static void assignments_happen_at_the_end_of_the_step(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *before = kt_neg(v);
    kt_assign(v, vec3(kt, 7, 8, 9));
    kt_tensor *after = kt_neg(v);
    kt_tensor *both[] = { before, after };
    assert_int_equal(kt_compute(both, 2), KT_OK);
    expect3(before, -1, -2, -3); /* recorded before: the old value */
    expect3(after, -7, -8, -9);
    kt_assign_add(v, vec3(kt, 1, 1, 1)); /* a second assignment sees the first */
    kt_assign_add(v, vec3(kt, 1, 1, 1));
    expect3(v, 9, 10, 11);
    kt_assign(v, vec3(kt, 0, 0, 0));
    assert_null(kt_matmul(v, vec3(kt, 1, 2, 3)) ? NULL : kt_add(v, kt_constant(kt, kt_floats(((float[]){ 1, 2 }), 2))));
    kt_clear_error(kt);
    finish(kt);
}

static void an_error_drops_what_is_pending(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_assign(v, vec3(kt, 0, 0, 0));
    assert_null(kt_add(v, kt_constant(kt, kt_floats(((float[]){ 1, 2 }), 2))));
    assert_int_equal(kt_flush(kt), KT_ERR_SHAPE);
    kt_clear_error(kt);
    (void)kt_flush(kt);
    expect3(v, 1, 2, 3);
    finish(kt);
}
