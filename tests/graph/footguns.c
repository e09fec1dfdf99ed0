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
    finish(kt);
}

static void old_versions_are_gone_after_the_step(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *v = kt_variable(kt, "kernel", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *y = kt_square(v), *total = kt_sum(y);
    kt_tensor *kept = kt_square(v);
    kt_assign(v, vec3(kt, 0, 0, 0));
    kt_tensor *wanted[] = { total, kept };
    assert_int_equal(kt_compute(wanted, 2), KT_OK); /* the step runs: v is 0 now */
    expect3(kt_sqrt(kept), 1, 2, 3);                /* asked for, so it is still there */
    assert_true(isnan(kt_item(kt_sum(kt_exp(y))))); /* was in the step, not asked for: its input has changed since */
    expect_error(kt, KT_ERR_STATE, "'kernel'");
    kt_context_free(kt);
}

static void setting_a_variable_from_the_host_is_at_once(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_tensor *y = kt_square(v);              /* recorded, not computed */
    assert_int_equal(kt_variable_fill(v, 5), KT_OK);
    assert_true(isnan(kt_item(kt_sum(y))));   /* never the square of 5, but an error */
    expect_error(kt, KT_ERR_STATE, "'v'");
    kt_clear_error(kt);
    expect3(kt_square(v), 25, 25, 25);
    finish(kt);
}

/* ---- plans ---- */

static kt_tensor *scaled_by_scalar(kt_tensor *x, int i) { return kt_mul(x, kt_scalar(x, i)); }
static kt_tensor *scaled_by_fill(kt_tensor *x, int i)
{
    return kt_mul(x, kt_fill(kt_context_of(x), KT_FLOAT32, KT_SCALAR_SHAPE, i));
}
static kt_tensor *either_way(kt_tensor *x, int i) { return i % 3 == 0 ? kt_neg(x) : kt_exp(x); }

/* Twelve passes over other data with host numbers or decisions in them. */
static remarks twelve_passes(kt_tensor *(*pass)(kt_tensor *x, int i))
{
    remarks r = { 0, 0 };
    kt_context *kt = kt_context_new(.log = remember, .log_user = &r);
    for (int i = 0; i < 12; i++) {
        kt_scope *scope = kt_scope_begin(kt);
        assert_true(isfinite(kt_item(kt_sum(pass(vec3(kt, 1, 2, (float)i), i)))));
        kt_scope_end(kt, scope);
    }
    finish(kt);
    return r;
}

static void a_host_if_makes_another_plan(void **state)
{
    (void)state;
    assert_int_equal(twelve_passes(either_way).plans, 2); /* each branch once; then both are found again */
}

static void numbers_that_change_belong_in_kt_scalar(void **state)
{
    (void)state;
    assert_int_equal(twelve_passes(scaled_by_scalar).plans, 1);
    remarks r = twelve_passes(scaled_by_fill);
    assert_int_equal(r.plans, 12); /* kt_fill, kt_zeros and kt_ones are constants: part of what a plan is found by */
    assert_int_equal(r.misses, 1); /* and the log says so, once */
}

static void kt_scalar_takes_the_type_of_its_neighbour(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *x = kt_constant(kt, kt_ints(((int32_t[]){ 1, 2, 3 }), 3));
    expect3(kt_mul(x, kt_scalar(x, 0.5)), 0, 0, 0); /* 0.5 as an int32 is 0 */
    expect3(kt_mul(x, kt_scalar_new(kt, KT_FLOAT32, 0.5)), 0.5, 1, 1.5);
    finish(kt);
}

typedef struct padded_attr { /* seven unset bytes after `kind` */
    char kind;
    double factor;
} padded_attr;

static kt_status times_infer(kt_infer *q)
{
    *kt_out(q, 0) = *kt_in(q, 0);
    return KT_OK;
}

static kt_status times_run(kt_run *r)
{
    const double *x = kt_ref_in(r, 0), factor = ((const padded_attr *)kt_run_attr(r))->factor;
    double *y = kt_ref_out(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) y[i] = factor * x[i];
    return KT_OK;
}

static const kt_op times_op = { .name = "times", .n_in = 1, .n_out = 1, .attr_size = sizeof(padded_attr), .infer = times_infer,
                                .kernel = times_run };

static kt_tensor *times_with_rubbish(kt_tensor *x, int i)
{
    padded_attr attr;
    memset(&attr, i % 4, sizeof attr); /* what the stack happens to hold */
    attr.kind = 1;
    attr.factor = 2;
    return kt_apply1(&times_op, x, &attr);
}

static kt_tensor *times_zeroed(kt_tensor *x, int i)
{
    (void)i;
    padded_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.kind = 1;
    attr.factor = 2;
    return kt_apply1(&times_op, x, &attr);
}

static void padding_in_attributes_is_compared(void **state)
{
    (void)state;
    assert_int_equal(twelve_passes(times_with_rubbish).plans, 4);
    assert_int_equal(twelve_passes(times_zeroed).plans, 1);
}

/* ---- fit records once ---- */

static kt_tensor *peeking_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_item(kt_sum(x)) > 0 ? x : kt_neg(x);
}
static const kt_layer_class peeking_layer = { .name = "peeking", .call = peeking_call };

static kt_tensor *peeking_loss(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *loss = kt_mean(kt_square(kt_sub(y_true, y_pred)));
    return kt_item(loss) > 100 ? kt_sum(loss) : loss;
}

static void reading_while_fit_records_is_an_error(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    assert_null(kt_sequential(kt, kt_input(3), kt_custom(&peeking_layer))); /* its shapes are asked for at once */
    expect_error(kt, KT_ERR_STATE, "peeking: a value was read while a training step is being recorded");
    kt_clear_error(kt);
    kt_arrays *data = kt_friedman1(kt, 64, 1, 1);
    kt_model *model = kt_sequential(kt, kt_input(10), kt_dense(1));
    kt_compile(model, .optimizer = kt_sgd(), .loss_fn = peeking_loss);
    assert_int_equal(kt_fit(model, kt_arrays_get(data, "x"), kt_arrays_get(data, "y")), KT_ERR_STATE);
    kt_clear_error(kt);
    finish(kt);
    kt = kt_context_new(.run_eagerly = true); /* to debug: the same program, each op run as it is recorded */
    data = kt_friedman1(kt, 64, 1, 1);
    model = kt_sequential(kt, kt_input(10), kt_dense(1));
    kt_compile(model, .optimizer = kt_sgd(), .loss_fn = peeking_loss);
    assert_int_equal(kt_fit(model, kt_arrays_get(data, "x"), kt_arrays_get(data, "y")), KT_OK);
    finish(kt);
}

typedef struct scale_config {
    double *host;         /* a number of the program, as it is when the step is recorded; or */
    kt_tensor **variable; /* a variable, as it is when the step runs */
    int *calls;
} scale_config;

static kt_tensor *scale_call(kt_layer *self, kt_tensor *x)
{
    const scale_config *c = kt_config(self);
    ++*c->calls;
    return kt_mul(x, c->variable ? *c->variable : kt_scalar(x, *c->host));
}
static const kt_layer_class scale_layer = { .name = "scale", .config_size = sizeof(scale_config), .call = scale_call };

/* Prediction of ones through a layer that multiplies: with factor 2, then with factor 3. */
static void predict_twice(bool by_variable, float to[2], int *calls)
{
    kt_context *kt = kt_context_new();
    double host = 2;
    kt_tensor *variable = kt_variable_zeros(kt, "factor", KT_FLOAT32, KT_SCALAR_SHAPE);
    kt_variable_fill(variable, 2);
    scale_config config = { &host, by_variable ? &variable : NULL, calls };
    kt_model *model = kt_sequential(kt, kt_input(1), kt_custom(&scale_layer, .config = &config));
    float one = 1;
    kt_predict_into(model, 1, &one, 1, &to[0], 1);
    host = 3;
    kt_variable_fill(variable, 3);
    kt_predict_into(model, 1, &one, 1, &to[1], 1);
    finish(kt);
}

static void a_recorded_step_keeps_the_numbers_of_the_host(void **state)
{
    (void)state;
    float y[2];
    int calls = 0;
    predict_twice(false, y, &calls);
    assert_float_equal(y[0], 2, 0);
    assert_float_equal(y[1], 2, 0); /* the layer's code did not run again */
    assert_int_equal(calls, 2);     /* once for shapes, once to record */
    predict_twice(true, y, &calls);
    assert_float_equal(y[0], 2, 0);
    assert_float_equal(y[1], 3, 0); /* a variable is read when the step runs */
}

static void training_must_be_said_in_a_hand_written_loop(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_model *model = kt_sequential(kt, kt_input(100), kt_dropout(0.5));
    kt_tensor *ones = kt_ones(kt, KT_FLOAT32, KT_SHAPE(1, 100));
    assert_float_equal(kt_item(kt_min(kt_call(model, ones))), 1, 0);          /* inference: dropout does nothing */
    assert_float_equal(kt_item(kt_min(kt_call_training(model, ones))), 0, 0); /* some are dropped */
    finish(kt);
}

/* ---- scopes ---- */

static void keeping_a_tensor_cuts_its_gradient(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_scope *scope = kt_scope_begin(kt);
    kt_tensor *y = kt_square(v), *kept = kt_keep(y);
    assert_non_null(kt_gradient(y, v));
    assert_null(kt_gradient(kept, v)); /* a value, no longer a formula */
    kt_scope_end(kt, scope);
    expect3(kept, 1, 4, 9);
    assert_null(kt_gradient(kt_sum(kept), v));
    assert_int_equal(kt_error(kt), KT_OK); /* no gradient is an answer, no error */
    kt_tensor *z = kt_square(v);
    assert_ptr_equal(kt_keep(z), z); /* outside of scopes there is nothing to keep it from */
    assert_non_null(kt_gradient(z, v));
    finish(kt);
}

static void tensors_die_with_their_pass(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_arrays *data = kt_friedman1(kt, 64, 1, 1);
    kt_dataset *batches = kt_dataset_new(kt, kt_arrays_get(data, "x"), kt_arrays_get(data, "y"), .batch_size = 32);
    kt_tensor *best = NULL;
    kt_for_each_batch(batches, batch) {
        kt_tensor *y = kt_max(batch.y);
        assert_ptr_equal(y->node->scope, kt->graph->scope); /* `best = y` would read freed memory after this pass */
        if (batch.index == 0) best = kt_keep(y);
    }
    assert_ptr_equal(best->node->scope, &kt->graph->root);
    assert_true(kt_item(best) > 0);
    finish(kt);
}

static void a_pass_left_by_break_stays_open(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_arrays *data = kt_friedman1(kt, 64, 1, 1);
    kt_dataset *batches = kt_dataset_new(kt, kt_arrays_get(data, "x"), kt_arrays_get(data, "y"), .batch_size = 32);
    kt_tensor *steps = kt_variable_zeros(kt, "steps", KT_FLOAT32, KT_SCALAR_SHAPE);
    kt_for_each_batch(batches, batch) {
        kt_assign_add(steps, kt_scalar(steps, 1));
        break;
    }
    assert_int_equal(kt->graph->trace.n_assigned, 1); /* nothing has run yet, and */
    assert_ptr_not_equal(kt->graph->scope, &kt->graph->root); /* what is recorded now would die with the pass */
    assert_int_equal(kt_flush(kt), KT_OK);            /* ends it; so do the next loop over the data set and kt_finish */
    assert_ptr_equal(kt->graph->scope, &kt->graph->root);
    assert_float_equal(kt_item(steps), 1, 0);
    finish(kt);
}

/* ---- errors ---- */

static void null_passes_through_and_the_first_error_stays(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *x = vec3(kt, 1, 2, 3), *wrong = kt_constant(kt, kt_floats(((float[]){ 1, 2 }), 2));
    assert_null(kt_mean(kt_square(kt_sub(NULL, x))));
    assert_int_equal(kt_error(kt), KT_OK); /* NULL in, NULL out, and no error of its own */
    assert_null(kt_mean(kt_square(kt_sub(x, wrong))));
    expect_error(kt, KT_ERR_SHAPE, "sub: expected shapes that broadcast");
    assert_null(kt_cast(x, (kt_dtype)99)); /* wrong too, but not the cause */
    assert_null(kt_add(x, x));             /* right, but nothing is recorded any more */
    assert_true(isnan(kt_item(x)));
    expect_error(kt, KT_ERR_SHAPE, "sub: expected shapes that broadcast");
    kt_clear_error(kt);
    assert_float_equal(kt_item(kt_sum(x)), 6, 0);
    finish(kt);
}

static void an_error_drops_the_pass(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *v = kt_variable(kt, "v", kt_floats(((float[]){ 1, 2, 3 }), 3));
    kt_scope *scope = kt_scope_begin(kt);
    kt_assign(v, vec3(kt, 0, 0, 0));
    assert_null(kt_add(v, kt_constant(kt, kt_floats(((float[]){ 1, 2 }), 2))));
    assert_int_equal(kt_scope_end(kt, scope), KT_ERR_SHAPE);
    kt_clear_error(kt);
    expect3(v, 1, 2, 3); /* not a half of the pass has happened */
    finish(kt);
}

/* ---- gradients and numbers ---- */

static void the_gradient_of_a_tensor_is_that_of_its_sum(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    kt_tensor *x = vec3(kt, 1, 2, 3), *y = kt_square(x);
    expect3(kt_gradient(y, x), 2, 4, 6);
    expect3(kt_gradient(kt_mean(y), x), 2 / 3.0, 4 / 3.0, 2);
    assert_null(kt_gradient(kt_sum(kt_round(x)), x)); /* no gradient at all: NULL, not zeros */
    assert_null(kt_gradient(kt_sum(y), vec3(kt, 0, 0, 0)));
    assert_int_equal(kt_error(kt), KT_OK);
    finish(kt);
}

static void draw(kt_context *kt, float to[3])
{
    kt_scope *scope = kt_scope_begin(kt);
    kt_read(kt_random_uniform(kt, KT_SHAPE(3), 0, 1), to, KT_FLOAT32, 3);
    kt_scope_end(kt, scope);
}

static void random_numbers_have_a_place_not_an_order(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new(.seed = 4);
    kt_tensor *u = kt_random_uniform(kt, KT_SHAPE(3), 0, 1);
    float once[3], twice[3], doubled[3];
    kt_read(kt_mul(u, kt_scalar(u, 2)), doubled, KT_FLOAT32, 3); /* u itself is not kept, */
    kt_read(u, once, KT_FLOAT32, 3);                             /* so it is drawn again: the same numbers */
    kt_read(u, twice, KT_FLOAT32, 3);
    assert_memory_equal(once, twice, sizeof once);
    for (int i = 0; i < 3; i++) assert_float_equal(doubled[i], 2 * once[i], 0);
    draw(kt, twice); /* another draw, another pass: other numbers */
    assert_memory_not_equal(once, twice, sizeof once);
    kt_context *other = kt_context_new(.seed = 4, .run_eagerly = true, .threads = 2);
    kt_read(kt_random_uniform(other, KT_SHAPE(3), 0, 1), twice, KT_FLOAT32, 3);
    assert_memory_equal(once, twice, sizeof once); /* seed and place decide, not how it is run */
    finish(other);
    finish(kt);
}

static void a_second_model_has_other_names_and_other_weights(void **state)
{
    (void)state;
    float kernel[3][10];
    kt_context *kt = kt_context_new(.seed = 4), *other = kt_context_new(.seed = 4);
    kt_model *models[3];
    models[0] = kt_sequential(kt, kt_input(10), kt_dense(1));
    models[1] = kt_sequential(kt, kt_input(10), kt_dense(1));
    models[2] = kt_sequential(other, kt_input(10), kt_dense(1));
    for (int i = 0; i < 3; i++) assert_int_equal(kt_read(kt_weights(models[i]).at[0], kernel[i], KT_FLOAT32, 10), KT_OK);
    assert_string_equal(kt_variable_name(kt_weights(models[0]).at[0]), "sequential/dense/kernel");
    assert_string_equal(kt_variable_name(kt_weights(models[1]).at[0]), "sequential_1/dense_1/kernel");
    assert_memory_not_equal(kernel[0], kernel[1], sizeof kernel[0]);
    assert_memory_equal(kernel[0], kernel[2], sizeof kernel[0]);
    finish(other);
    finish(kt);
}

static void zero_means_the_default(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new();
    assert_float_equal(kt_learning_rate(kt_optimizer_new(kt, kt_sgd(.learning_rate = 0))), 0.01, 1e-9);
    assert_float_equal(kt_learning_rate(kt_optimizer_new(kt, kt_sgd(.learning_rate = KT_ZERO))), 0, 0);
    finish(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_in_the_middle_cuts_the_step_in_two),
        cmocka_unit_test(reading_anything_runs_everything_pending),
        cmocka_unit_test(what_was_not_read_is_computed_again),
        cmocka_unit_test(assignments_happen_at_the_end_of_the_step),
        cmocka_unit_test(old_versions_are_gone_after_the_step),
        cmocka_unit_test(setting_a_variable_from_the_host_is_at_once),
        cmocka_unit_test(a_host_if_makes_another_plan),
        cmocka_unit_test(numbers_that_change_belong_in_kt_scalar),
        cmocka_unit_test(kt_scalar_takes_the_type_of_its_neighbour),
        cmocka_unit_test(padding_in_attributes_is_compared),
        cmocka_unit_test(reading_while_fit_records_is_an_error),
        cmocka_unit_test(a_recorded_step_keeps_the_numbers_of_the_host),
        cmocka_unit_test(training_must_be_said_in_a_hand_written_loop),
        cmocka_unit_test(keeping_a_tensor_cuts_its_gradient),
        cmocka_unit_test(tensors_die_with_their_pass),
        cmocka_unit_test(a_pass_left_by_break_stays_open),
        cmocka_unit_test(null_passes_through_and_the_first_error_stays),
        cmocka_unit_test(an_error_drops_the_pass),
        cmocka_unit_test(the_gradient_of_a_tensor_is_that_of_its_sum),
        cmocka_unit_test(random_numbers_have_a_place_not_an_order),
        cmocka_unit_test(a_second_model_has_other_names_and_other_weights),
        cmocka_unit_test(zero_means_the_default),
    };
    return cmocka_run_group_tests_name("footguns", tests, NULL, NULL);
}
