/* SPDX-License-Identifier: MIT */
/* tests/nn/test_memory.c: layers, losses, metrics and optimizers when memory is short: each allocation refused
 * in turn gives a status and leaks nothing; and once the first step has run, further steps allocate nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "nn/layer.h"
#include "nn/training.h"

#include <keratin/ops.h>

typedef struct counter {
    long out, requests, fail_at;
} counter;

static void *count_allocate(size_t bytes, void *user)
{
    counter *c = user;
    if (++c->requests == c->fail_at) return NULL;
    void *block = malloc(bytes);
    if (block) c->out++;
    return block;
}

static void *count_resize(void *old, size_t bytes, void *user)
{
    counter *c = user;
    if (++c->requests == c->fail_at) return NULL;
    if (!old) c->out++;
    return realloc(old, bytes);
}

static void count_release(void *block, void *user)
{
    counter *c = user;
    if (block) c->out--;
    free(block);
}

static kt_context *counted_context(counter *c)
{
    return kt_context_new(.backend = "ref", .allocator = { count_allocate, count_resize, count_release, c });
}

static kt_status block_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "inner", kt_dense(3, .activation = "tanh", .kernel_regularizer = "l2"));
    kt_weight(self, "gain", KT_SHAPE(3), .initializer = "orthogonall");
    return KT_OK;
}
static kt_status good_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "inner", kt_dense(3, .activation = "tanh", .kernel_regularizer = "l2"));
    kt_weight(self, "gain", KT_SHAPE(3), .initializer = "he_normal");
    return KT_OK;
}
static kt_tensor *block_call(kt_layer *self, kt_tensor *x)
{
    kt_add_loss(self, kt_mean(x));
    return kt_mul(kt_call_layer(kt_sublayer(self, "inner"), x), kt_w(self, "gain"));
}
static const kt_layer_class block_class = { .name = "Block", .build = good_build, .call = block_call };
static const kt_layer_class wrong_class = { .name = "Wrong", .build = block_build, .call = block_call };

static void step(kt_layer *const *layers, kt_optimizer *optimizer, kt_metric *metric, kt_context *kt)
{
    static const float x[] = { 1, 2, 3, 4, 5, 6 }, y[] = { 1, 0 };
    kt_scope *scope = kt_scope_begin(kt);
    kt->training = true;
    kt_tensor *t = kt_constant_borrow(kt, kt_floats(x, 2, 3)), *target = kt_constant_borrow(kt, kt_floats(y, 2, 1));
    for (int i = 0; i < 4; i++) t = kt_call_layer(layers[i], t);
    kt_tensor *loss = kt_loss_named("mse", target, t, NULL), *more = kt_layer_losses(layers[1]);
    if (more) loss = kt_add(loss, more);
    kt_tensor *list[8];
    int n = 0;
    for (int i = 0; i < 4; i++) {
        kt_tensors w = kt_layer_trainable(layers[i]);
        for (int64_t j = 0; j < w.count; j++) list[n++] = w.at[j];
    }
    kt_tensors variables = { list, n };
    if (n) kt_apply_gradients(optimizer, kt_gradients(loss, variables), variables);
    kt_metric_update(metric, target, t, NULL);
    kt_scope_end(kt, scope);
}

/* Everything of this part, once. Returns the context's status. */
static kt_status work(counter *c)
{
    static const float x[] = { 1, 2, 3, 4, 5, 6 };
    kt_context *kt = counted_context(c);
    if (!kt) return KT_ERR_MEMORY;
    kt_layer *norm = kt_layer_new(kt, kt_normalization());
    kt_adapt(norm, kt_floats(x, 2, 3));
    kt_layer *layers[] = { norm, kt_layer_new(kt, kt_custom(&block_class)), kt_layer_new(kt, kt_dropout(0.5)),
                           kt_layer_new(kt, kt_dense(1, .kernel_initializer_spec = kt_orthogonal())) };
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_adam(.amsgrad = true, .clipnorm = 1, .name = "mine"));
    kt_metric *metric = kt_metric_new(kt, kt_metric_find(kt, "mae"));
    for (int i = 0; i < 2; i++) step(layers, optimizer, metric, kt);
    kt_metric_result(metric);
    kt_optimizer_variables(optimizer);
    kt_status status = kt_error(kt);
    if (status == KT_OK) {
        kt_layer_free(layers[1]);
        kt_metric_free(metric);
        kt_optimizer_free(optimizer);
    }
    kt_context_free(kt);
    return status;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    counter whole = { 0 };
    assert_int_equal(work(&whole), KT_OK);
    assert_int_equal(whole.out, 0);
    assert_true(whole.requests > 50);
    for (long n = 1; n <= whole.requests; n++) {
        counter c = { .fail_at = n };
        kt_status status = work(&c);
        if (status != KT_ERR_MEMORY && status != KT_OK) fail_msg("allocation %ld refused: status %d", n, (int)status);
        if (status == KT_OK) fail_msg("allocation %ld refused, and nobody noticed", n);
        if (c.out != 0) fail_msg("allocation %ld refused: %ld blocks leaked", n, c.out);
    }
}

static void test_steps_allocate_nothing(void **state)
{
    (void)state;
    counter c = { 0 };
    kt_context *kt = counted_context(&c);
    kt_layer *layers[] = { kt_layer_new(kt, kt_flatten()), kt_layer_new(kt, kt_custom(&block_class)),
                           kt_layer_new(kt, kt_dropout(0.5)), kt_layer_new(kt, kt_dense(1)) };
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_adam());
    kt_metric *metric = kt_metric_new(kt, kt_root_mean_squared_error());
    for (int i = 0; i < 3; i++) step(layers, optimizer, metric, kt);
    assert_int_equal(kt_error(kt), KT_OK);
    uint64_t before = kt_memory(kt).allocations;
    for (int i = 0; i < 20; i++) step(layers, optimizer, metric, kt);
    assert_int_equal(kt_memory(kt).allocations, before);
    assert_int_equal(kt_error(kt), KT_OK);
    kt_context_free(kt);
    assert_int_equal(c.out, 0);
}

/* A build that fails in the middle gives back what it made. */
static void test_failed_build(void **state)
{
    (void)state;
    counter c = { 0 };
    kt_context *kt = counted_context(&c);
    float x[] = { 1, 2, 3 };
    kt_layer *wrong = kt_layer_new(kt, kt_custom(&wrong_class));
    assert_null(kt_call_layer(wrong, kt_constant(kt, kt_floats(x, 1, 3))));
    assert_int_equal(kt_error(kt), KT_ERR_NAME);
    assert_non_null(strstr(kt_message(kt), "did you mean 'orthogonal'?"));
    kt_clear_error(kt);
    assert_int_equal(kt_layer_children(wrong), 0);
    kt_context_free(kt);
    assert_int_equal(c.out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_steps_allocate_nothing),
        cmocka_unit_test(test_failed_build),
    };
    return cmocka_run_group_tests_name("nn/memory", tests, NULL, NULL);
}
