/* SPDX-License-Identifier: MIT */
/* tests/graph/test_profile.c: what can be seen of a plan, and listening to how long its steps take: who makes which value,
 * directions, one report a run, nothing changed by it, nothing allocated after the first time, nothing left when it is over. */
#include <keratin/keratin.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/record.h"

typedef struct step_program {
    kt_context *kt;
    kt_model *model;
    kt_program *program;
} step_program;

/* One training step of input(3), dense(4, relu), dense(1). */
static step_program record_step(const kt_context_config *config)
{
    step_program s = { .kt = kt_context_new_with(config) };
    kt_desc x_desc = { KT_FLOAT32, 2, { 8, 3 } }, y_desc = { KT_FLOAT32, 2, { 8, 1 } };
    s.model = kt_sequential(s.kt, kt_input(3), kt_dense(4, .activation = "relu"), kt_dense(1));
    kt_optimizer *optimizer = kt_optimizer_new(s.kt, kt_adam());
    assert_int_equal(kt_capture_begin(s.kt), KT_OK);
    kt_tensor *x = kt_capture_input(s.kt, &x_desc), *y = kt_capture_input(s.kt, &y_desc);
    kt_tensor *loss = kt_loss_named("mse", y, kt_call_training(s.model, x), NULL);
    assert_int_equal(kt_apply_gradients(optimizer, kt_gradients(loss, kt_trainable(s.model)), kt_trainable(s.model)), KT_OK);
    s.program = kt_capture_end(s.kt, &loss, 1);
    if (!s.program) fail_msg("%s", kt_message(s.kt));
    return s;
}

static float run_step(step_program *s)
{
    static float x[24], y[8];
    const void *inputs[] = { x, y };
    float loss;
    for (int i = 0; i < 24; i++) x[i] = (float)(i % 7) / 7;
    for (int i = 0; i < 8; i++) y[i] = (float)(i % 3);
    assert_int_equal(kt_program_run(s->program, inputs, true), KT_OK);
    assert_int_equal(kt_program_read(s->program, 0, &loss, KT_FLOAT32, 1), KT_OK);
    return loss;
}

static const kt_seen_step *step_of(const kt_seen_plan *seen, const char *op, enum kt_direction direction, const char *path)
{
    for (int i = 0; i < seen->n_steps; i++) {
        const kt_seen_step *step = &seen->steps[i];
        if (strcmp(step->op, op) == 0 && step->direction == direction && strcmp(step->path, path) == 0) return step;
    }
    fail_msg("no step %s of '%s'", op, path);
    return NULL;
}

static void a_plan_is_seen(void **state)
{
    (void)state;
    step_program s = record_step(&(kt_context_config){ .size = sizeof(kt_context_config) });
    kt_seen_plan *seen = kt_plan_look(kt_program_plan(s.program));
    assert_non_null(seen);
    assert_int_equal(seen->n_steps, kt_plan_steps(kt_program_plan(s.program)));
    assert_true(kt_plan_updates(kt_program_plan(s.program)));
    kt_program_free(s.program); /* what was seen stays */

    const kt_seen_step *first = step_of(seen, "dense", KT_FORWARD, "sequential/dense");
    const kt_seen_step *second = step_of(seen, "dense", KT_FORWARD, "sequential/dense_1");
    assert_string_equal(first->parts, "matmul add relu");
    assert_string_equal(second->parts, "matmul add");
    assert_string_equal(first->provider, "gemm");
    assert_int_equal(first->n_in, 3);
    assert_int_equal(first->in[0].step, -1);
    assert_int_equal(first->in[0].input, 0);
    assert_null(first->in[0].variable);
    assert_string_equal(first->in[1].variable, "sequential/dense/kernel");
    assert_string_equal(first->in[2].variable, "sequential/dense/bias");
    assert_int_equal(first->bytes, 8 * 4 * sizeof(float));
    assert_int_equal(first->out[0].desc.dim[1], 4);
    assert_ptr_equal(&seen->steps[second->in[0].step], first);
    assert_int_equal(second->in[0].index, 0);

    /* the product for dense_1's kernel: of the hidden layer and the loss's gradient; then Adam on it */
    const kt_seen_step *update = NULL;
    for (int i = 0; i < seen->n_steps; i++) {
        const kt_seen_step *step = &seen->steps[i];
        if (step->direction == KT_UPDATE && step->n_out == 3 && strcmp(step->out[0].variable, "sequential/dense_1/kernel") == 0)
            update = step;
    }
    assert_non_null(update);
    assert_string_equal(update->op, "adam_update");
    const kt_seen_step *gradient = &seen->steps[update->in[3].step];
    assert_string_equal(gradient->op, "matmul");
    assert_int_equal(gradient->direction, KT_BACKWARD);
    assert_string_equal(gradient->path, "sequential/dense_1");
    assert_ptr_equal(&seen->steps[gradient->in[0].step], first);
    bool y = false;
    for (int i = 0; i < seen->n_steps; i++)
        for (int k = 0; k < seen->steps[i].n_in; k++) y = y || seen->steps[i].in[k].input == 1;
    assert_true(y);
    kt_plan_look_end(s.kt, seen);
    kt_plan_look_end(s.kt, NULL);
    kt_context_free(s.kt);
}

/* ---- listening ---- */

typedef struct listener {
    kt_profiler profiler;
    int runs;
    uint64_t serial;
    kt_context *ends; /* it ends itself when told */
} listener;

static void told(void *user, const kt_plan *plan, const int64_t *moments)
{
    listener *l = user;
    l->runs++;
    l->serial = kt_plan_serial(plan);
    for (int i = 0; i < kt_plan_steps(plan); i++) assert_true(moments[i] <= moments[i + 1]);
    if (l->ends) kt_profile_end(l->ends, &l->profiler);
}

static void listening_changes_nothing(void **state)
{
    (void)state;
    for (int numerics = 0; numerics < 2; numerics++) {
        kt_context_config config = { .size = sizeof config, .seed = 4, .check_numerics = numerics };
        step_program plain = record_step(&config), timed = record_step(&config);
        listener one = { .profiler = { .ran = told, .user = &one } }, two = { .profiler = { .ran = told, .user = &two } };
        assert_true(run_step(&plain) == run_step(&timed));
        two.ends = timed.kt;
        kt_profile_begin(timed.kt, &one.profiler);
        kt_profile_begin(timed.kt, &two.profiler);
        kt_profile_begin(timed.kt, &one.profiler); /* once is enough */
        int64_t before = kt_profile_now();
        assert_true(run_step(&plain) == run_step(&timed));
        assert_true(kt_profile_now() > before);
        uint64_t allocations = kt_memory(timed.kt).allocations;
        for (int i = 0; i < 5; i++) assert_true(run_step(&plain) == run_step(&timed));
        assert_int_equal(kt_memory(timed.kt).allocations, allocations);
        assert_int_equal(one.runs, 6);
        assert_int_equal(two.runs, 1);
        assert_int_equal(one.serial, kt_plan_serial(kt_program_plan(timed.program)));
        assert_int_not_equal(one.serial, 0);
        kt_profile_end(timed.kt, &one.profiler);
        kt_profile_end(timed.kt, &one.profiler); /* fine */
        assert_true(run_step(&plain) == run_step(&timed));
        assert_int_equal(one.runs, 6);
        kt_context_free(plain.kt);
        kt_context_free(timed.kt);
    }
}

/* Plans of a hand-written loop are told of, too, and with run_eagerly each op is one. */
static void transient_plans_are_told(void **state)
{
    (void)state;
    for (int eagerly = 0; eagerly < 2; eagerly++) {
        kt_context *kt = kt_context_new(.run_eagerly = eagerly);
        listener l = { .profiler = { .ran = told, .user = &l } };
        kt_profile_begin(kt, &l.profiler);
        kt_tensor *w = kt_variable(kt, "w", kt_floats(((float[]){ 1, 2 }), 2));
        float y;
        assert_int_equal(kt_read(kt_sum(kt_square(kt_add(w, w))), &y, KT_FLOAT32, 1), KT_OK);
        assert_true(y == 20);
        assert_int_equal(l.runs, eagerly ? 3 : 1);
        kt_profile_end(kt, &l.profiler);
        kt_context_free(kt);
    }
}

/* A failed step is not told of; a context may end while somebody listens. */
static kt_status bad_infer(kt_infer *q)
{
    *kt_out(q, 0) = *kt_in(q, 0);
    return KT_OK;
}
static kt_status bad_run(kt_run *r)
{
    (void)r;
    return KT_ERR_VALUE;
}

static void a_failed_step_is_not_told(void **state)
{
    (void)state;
    static const kt_op bad = { .name = "bad", .n_in = 1, .n_out = 1, .infer = bad_infer, .kernel = bad_run };
    kt_context *kt = kt_context_new();
    listener l = { .profiler = { .ran = told, .user = &l } };
    float y;
    kt_profile_begin(kt, &l.profiler);
    assert_int_equal(kt_read(kt_apply1(&bad, kt_ones(kt, KT_FLOAT32, KT_SHAPE(1)), NULL), &y, KT_FLOAT32, 1), KT_ERR_VALUE);
    assert_int_equal(l.runs, 0);
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_seen), cmocka_unit_test(listening_changes_nothing), cmocka_unit_test(transient_plans_are_told),
        cmocka_unit_test(a_failed_step_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
