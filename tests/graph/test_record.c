/* SPDX-License-Identifier: MIT */
/* test_record.c: recording and running: values, scopes, variables and their versions, reads in the middle of a step, plans
 * that are found again, programs. Runs on every back-end that computes, planned and eager.
 */
#include <keratin/keratin.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

typedef struct setting {
    const char *backend;
    bool eager, no_fusion;
} setting;

static kt_context *open_context(void **state)
{
    const setting *s = *state;
    kt_context *kt = kt_context_new(.backend = s->backend, .run_eagerly = s->eager, .no_fusion = s->no_fusion, .seed = 3);
    assert_non_null(kt);
    return kt;
}

static void close_context(kt_context *kt)
{
    if (kt_error(kt) != KT_OK) fail_msg("%s", kt_message(kt));
    kt_context_free(kt);
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

static void values(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *x = vec3(kt, 1, 2, 3);
    kt_tensor *y = kt_add(kt_mul(x, x), kt_scalar(x, 1));
    expect3(y, 2, 5, 10);
    assert_float_equal(kt_item(kt_sum(y)), 17, 1e-6);
    assert_float_equal(kt_item(kt_mean(kt_square(y))), (4 + 25 + 100) / 3.0, 1e-5);
    expect3(kt_reshape(kt_sub(y, x), KT_SHAPE(3)), 1, 3, 7);
    expect3(x, 1, 2, 3);
    close_context(kt);
}

static void reading_twice_and_together(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *x = vec3(kt, 1, 2, 3), *y = kt_exp(x), *z = kt_log(y), *w = kt_mul(z, y);
    kt_tensor *all[] = { w, NULL, z };
    assert_int_equal(kt_compute(all, 3), KT_OK);
    expect3(z, 1, 2, 3);
    expect3(z, 1, 2, 3);
    expect3(kt_div(w, z), exp(1), exp(2), exp(3)); /* y was not kept: computed again */
    expect3(kt_neg(y), -exp(1), -exp(2), -exp(3));
    close_context(kt);
}

static void variables_have_versions(void **state)
{
    const setting *s = *state;
    kt_context *kt = open_context(state);
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *before = kt_add(v, v);
    kt_tensor *assigned = kt_assign(v, kt_mul(v, vec3(kt, 10, 10, 10)));
    kt_tensor *after = kt_add(v, v); /* sees the new value */
    assert_non_null(assigned);
    kt_tensor *both[] = { before, after };
    assert_int_equal(kt_compute(both, 2), KT_OK);
    expect3(before, 2, 4, 6);
    expect3(after, 20, 40, 60);
    expect3(v, 10, 20, 30);
    kt_assign_add(v, vec3(kt, 1, 1, 1));
    kt_assign_add(v, vec3(kt, 1, 1, 1));
    expect3(v, 12, 22, 32);
    assert_int_equal(kt_variable_fill(v, 5), KT_OK);
    expect3(v, 5, 5, 5);
    (void)s;
    close_context(kt);
}

static void swapped_variables(void **state)
{
    const setting *s = *state;
    if (s->eager) skip(); /* one assignment after the other there: `a` would be read after it was assigned */
    kt_context *kt = open_context(state);
    kt_tensor *a = kt_variable(kt, "a", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *b = kt_variable(kt, "b", kt_floats(((float[]){ 4, 5, 6 }), 3));
    kt_tensor *old_a = kt_stop_gradient(a);
    kt_assign(a, b);
    kt_assign(b, old_a);
    assert_int_equal(kt_flush(kt), KT_OK);
    expect3(a, 4, 5, 6);
    expect3(b, 1, 2, 3);
    close_context(kt);
}

static void pending_readers_keep_the_old_value(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *old = kt_mul(v, vec3(kt, 2, 2, 2));
    kt_assign(v, vec3(kt, 7, 7, 7));
    expect3(vec3(kt, 0, 0, 0), 0, 0, 0);
    assert_float_equal(kt_item(kt_sum(v)), 21, 1e-6); /* closes the segment: v is assigned now */
    expect3(old, 2, 4, 6);
    close_context(kt);
}

static void gradients(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *x = vec3(kt, 1, 2, 3);
    kt_tensor *y = kt_mul(kt_mul(x, x), x); /* x^3 */
    kt_tensor *d = kt_gradient(y, x);
    expect3(d, 3, 12, 27);
    kt_tensor *dd = kt_gradient(d, x);
    expect3(dd, 6, 12, 18);
    expect3(kt_gradient(dd, x), 6, 6, 6);
    assert_null(kt_gradient(y, vec3(kt, 0, 0, 0))); /* does not depend on it */
    assert_int_equal(kt_error(kt), KT_OK);
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *loss = kt_sum(kt_square(kt_sub(v, x)));
    assert_float_equal(kt_item(loss), 0, 1e-12); /* a read in the middle */
    expect3(kt_gradient(kt_add(loss, kt_sum(v)), v), 1, 1, 1);
    close_context(kt);
}

static void loops_find_their_plan_and_allocate_nothing(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    uint64_t allocations = 0;
    for (int i = 0; i < 20; i++) {
        kt_scope *scope = kt_scope_begin(kt);
        kt_tensor *loss = kt_mean(kt_square(kt_sub(v, vec3(kt, (float)i, 0, 0))));
        kt_tensor *d = kt_gradient(loss, v);
        kt_assign(v, kt_sub(v, kt_mul(d, kt_scalar(d, 0.1 * i))));
        assert_int_equal(kt_scope_end(kt, scope), KT_OK);
        if (i == 2) allocations = kt_memory(kt).allocations;
    }
    const setting *s = *state;
    if (!s->eager) assert_int_equal(kt_memory(kt).allocations, allocations);
    if (!s->eager) assert_true(kt->graph->cache.count <= 2);
    close_context(kt);
}

static void kept_values_outlive_their_scope(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *kept = NULL;
    for (int i = 0; i < 3; i++) {
        kt_scope *scope = kt_scope_begin(kt);
        kt_tensor *x = vec3(kt, (float)i, 1, 2);
        if (i == 1) kept = kt_keep(kt_add(x, x));
        assert_int_equal(kt_scope_end(kt, scope), KT_OK);
    }
    expect3(kept, 2, 2, 4);
    expect3(kt_mul(kept, kept), 4, 4, 16);
    close_context(kt);
}

static void outer_values_are_computed_once(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *outer = kt_exp(vec3(kt, 0, 0, 0));
    for (int i = 0; i < 3; i++) {
        kt_scope *scope = kt_scope_begin(kt);
        expect3(kt_mul(outer, vec3(kt, 1, 2, (float)i)), 1, 2, i);
        kt_scope_end(kt, scope);
    }
    expect3(outer, 1, 1, 1);
    close_context(kt);
}

static void programs_replay(void **state)
{
    const setting *s = *state;
    kt_context *kt = open_context(state);
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    if (s->eager) {
        assert_int_equal(kt_capture_begin(kt), KT_ERR_STATE);
        assert_int_equal(kt_error(kt), KT_OK);
        close_context(kt);
        return;
    }
    assert_int_equal(kt_capture_begin(kt), KT_OK);
    kt_desc desc = { KT_FLOAT32, 1, { 3 } };
    kt_tensor *x = kt_capture_input(kt, &desc);
    kt_tensor *sum = kt_add(x, v);
    kt_assign(v, sum);
    kt_tensor *wanted[] = { kt_sum(sum), NULL, v, x };
    kt_program *program = kt_capture_end(kt, wanted, 4);
    assert_non_null(program);
    for (int i = 1; i <= 3; i++) {
        float in[3] = { (float)i, 0, 0 };
        const void *inputs[] = { in };
        assert_int_equal(kt_program_run(program, inputs, true), KT_OK);
        double total, now[3];
        assert_int_equal(kt_program_read(program, 0, &total, KT_FLOAT64, 1), KT_OK);
        assert_int_equal(kt_program_read(program, 2, now, KT_FLOAT64, 3), KT_OK);
        assert_float_equal(total, (float)(6 + i * (i + 1) / 2), 1e-6);
        assert_float_equal(now[0], (float)(1 + i * (i + 1) / 2), 1e-6);
        assert_int_equal(kt_program_read(program, 3, now, KT_FLOAT64, 3), KT_OK);
        assert_float_equal(now[0], i, 0);
    }
    expect3(v, 7, 2, 3);
    char dump[2048];
    assert_true(kt_program_dump(program, dump, sizeof dump) > 0);
    assert_non_null(strstr(dump, "steps"));
    kt_program_free(program);
    close_context(kt);
}

static void reading_while_recording_is_refused(void **state)
{
    const setting *s = *state;
    if (s->eager) skip();
    kt_context *kt = open_context(state);
    assert_int_equal(kt_capture_begin(kt), KT_OK);
    kt_desc desc = { KT_FLOAT32, 1, { 3 } };
    kt_tensor *x = kt_capture_input(kt, &desc);
    assert_true(isnan(kt_item(kt_sum(x))));
    assert_int_equal(kt_error(kt), KT_ERR_STATE);
    assert_non_null(strstr(kt_message(kt), "while a training step is being recorded"));
    assert_null(kt_capture_end(kt, NULL, 0));
    kt_clear_error(kt);
    assert_int_equal(kt_capture_begin(kt), KT_OK);
    assert_null(kt_scope_begin(kt));
    kt_clear_error(kt);
    assert_null(kt_keep(kt_capture_input(kt, &desc)));
    assert_int_equal(kt_error(kt), KT_ERR_STATE);
    kt_clear_error(kt);
    assert_int_equal(kt_flush(kt), KT_ERR_STATE);
    kt_capture_abandon(kt);
    kt_context_free(kt);
}

static void null_passes_through(void **state)
{
    kt_context *kt = open_context(state);
    assert_null(kt_add(NULL, vec3(kt, 1, 2, 3)));
    assert_null(kt_mean(kt_square(NULL)));
    assert_null(kt_keep(NULL));
    assert_null(kt_assign(NULL, NULL));
    assert_int_equal(kt_gradients(NULL, (kt_tensors){ NULL, 0 }).count, 0);
    assert_true(isnan(kt_item(NULL)));
    assert_int_equal(kt_error(kt), KT_OK);
    kt_scope_end(kt, NULL);
    kt_context_free(NULL);
    close_context(kt);
}

static void old_versions_that_are_gone_are_named(void **state)
{
    const setting *s = *state;
    if (s->eager) skip(); /* everything was kept there */
    kt_context *kt = open_context(state);
    kt_tensor *v = kt_variable(kt, "kernel", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *y = kt_square(v), *z = kt_sum(y);
    kt_assign(v, vec3(kt, 0, 0, 0));
    assert_float_equal(kt_item(z), 14, 1e-6);
    assert_true(isnan(kt_item(kt_sum(kt_exp(y))))); /* y ran, was not kept, and v has changed */
    assert_int_equal(kt_error(kt), KT_ERR_STATE);
    assert_non_null(strstr(kt_message(kt), "'kernel'"));
    kt_context_free(kt);
}

static void a_scope_left_open_is_closed(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_scope *outer = kt_scope_begin(kt);
    kt_scope_begin(kt);
    kt_assign_add(v, vec3(kt, 1, 1, 1));
    assert_int_equal(kt_scope_end(kt, outer), KT_OK);
    expect3(v, 2, 3, 4);
    kt_scope_begin(kt);
    kt_assign_add(v, vec3(kt, 1, 1, 1));
    assert_int_equal(kt_flush(kt), KT_OK);
    expect3(v, 3, 4, 5);
    close_context(kt);
}

static void a_freed_variable_is_named(void **state)
{
    kt_context *kt = open_context(state);
    kt_tensor *v = kt_variable(kt, "gone", kt_floats(((float[]){ 1, 2, 3 }), 3)), *y = kt_square(v);
    size_t bytes = kt_memory(kt).bytes;
    kt_variable_free(v);
    kt_variable_free(v);
    kt_variable_free(NULL);
    assert_true(kt_memory(kt).bytes <= bytes);
    if (((const setting *)*state)->eager) expect3(y, 1, 4, 9);
    assert_null(kt_add(v, v));
    assert_int_equal(kt_error(kt), KT_ERR_STATE);
    assert_non_null(strstr(kt_message(kt), "'gone'"));
    kt_context_free(kt);
}

static void not_a_number_is_traced(void **state)
{
    const setting *s = *state;
    kt_context *kt = kt_context_new(.backend = s->backend, .run_eagerly = s->eager, .check_numerics = true);
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *x = kt_log(kt_sub(v, vec3(kt, 2, 2, 2)));
    kt_assign(v, kt_exp(x));
    assert_int_not_equal(kt_flush(kt), KT_OK);
    assert_int_equal(kt_error(kt), KT_ERR_NAN);
    assert_non_null(strstr(kt_message(kt), "(log)"));
    kt_clear_error(kt);
    expect3(v, 1, 2, 3); /* nothing was assigned */
    kt_context_free(kt);
}

int main(void)
{
    static setting settings[] = { { "ref", false, false }, { "ref", true, false }, { "cpu", false, false },
                                  { "cpu", false, true }, { "cpu", true, true }, { "offset", false, false } };
    int failed = 0;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        void *s = &settings[i];
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(values, s),
            cmocka_unit_test_prestate(reading_twice_and_together, s),
            cmocka_unit_test_prestate(variables_have_versions, s),
            cmocka_unit_test_prestate(swapped_variables, s),
            cmocka_unit_test_prestate(pending_readers_keep_the_old_value, s),
            cmocka_unit_test_prestate(gradients, s),
            cmocka_unit_test_prestate(loops_find_their_plan_and_allocate_nothing, s),
            cmocka_unit_test_prestate(kept_values_outlive_their_scope, s),
            cmocka_unit_test_prestate(outer_values_are_computed_once, s),
            cmocka_unit_test_prestate(programs_replay, s),
            cmocka_unit_test_prestate(reading_while_recording_is_refused, s),
            cmocka_unit_test_prestate(null_passes_through, s),
            cmocka_unit_test_prestate(old_versions_that_are_gone_are_named, s),
            cmocka_unit_test_prestate(a_scope_left_open_is_closed, s),
            cmocka_unit_test_prestate(a_freed_variable_is_named, s),
            cmocka_unit_test_prestate(not_a_number_is_traced, s),
        };
        char name[64];
        snprintf(name, sizeof name, "record on %s%s%s", settings[i].backend, settings[i].eager ? ", eager" : "",
                 settings[i].no_fusion ? ", unfused" : "");
        failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
    }
    return failed;
}
