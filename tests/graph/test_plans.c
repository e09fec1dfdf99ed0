/* SPDX-License-Identifier: MIT */
/* test_plans.c: what the passes make of a step. Dumps are goldens: a change of the engine that changes a plan shows here, line by
 * line. KERATIN_WRITE_PLANS=1 writes them anew. Then the bits: fused, unfused, eager, with one, two and three threads, and each
 * instruction set for itself, must agree with one another.
 */
#include <keratin/keratin.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

static kt_tensor *log_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    kt_tensor *y = kt_log(kt_add(x, kt_scalar(x, 1e-9)));
    kt_summary_histogram("activations", y); /* nobody looks: must leave no trace in the plan */
    return y;
}
static const kt_layer_class log_layer = { .name = "log", .call = log_call };

static kt_tensor *weighted_mse(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *weight = kt_cast(kt_greater(y_true, kt_scalar(y_true, 0.5)), KT_FLOAT32);
    return kt_mean(kt_mul(kt_square(kt_sub(y_true, y_pred)), weight));
}

/* Records one training step and dumps its plan. */
static void dump_step(kt_context *kt, kt_model *model, kt_tensor *(*loss_of)(kt_tensor *, kt_tensor *), int64_t batch,
                      int64_t inputs, char *to, size_t size)
{
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_adam());
    kt_metric *mean = kt_metric_new(kt, kt_mean_metric(.name = "loss"));
    kt_desc x_desc = { KT_FLOAT32, 2, { batch, inputs } }, y_desc = { KT_FLOAT32, 2, { batch, 1 } };
    assert_int_equal(kt_capture_begin(kt), KT_OK);
    kt_tensor *x = kt_capture_input(kt, &x_desc), *y = kt_capture_input(kt, &y_desc);
    kt_tensor *predictions = kt_call_training(model, x);
    kt_tensor *loss = loss_of ? loss_of(y, predictions) : kt_loss_named("mse", y, predictions, NULL);
    kt_tensors gradients = kt_gradients(loss, kt_trainable(model));
    assert_int_equal(kt_apply_gradients(optimizer, gradients, kt_trainable(model)), KT_OK);
    assert_int_equal(kt_metric_update(mean, loss, NULL, kt_size_of(x, KT_AXES(0))), KT_OK);
    kt_program *program = kt_capture_end(kt, NULL, 0);
    if (!program) fail_msg("%s", kt_message(kt));
    assert_true(kt_program_dump(program, to, size) < size);
    kt_program_free(program);
}

static void compare(const char *name, const char *dump)
{
    char path[512], *kept = calloc(1, 65536);
    snprintf(path, sizeof path, "%s/../../graph/plans/%s.txt", KT_TEST_DATA, name);
    if (getenv("KERATIN_WRITE_PLANS")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(dump, file);
        fclose(file);
    }
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("no golden plan at %s", path);
    size_t n = fread(kept, 1, 65535, file);
    kept[n] = 0;
    fclose(file);
    if (strcmp(kept, dump) != 0) fail_msg("the plan of '%s' has changed; expected\n%s\ngot\n%s", name, kept, dump);
    free(kept);
}

static void plans_are_as_kept(void **state)
{
    (void)state;
    static char dump[32768];
    kt_context *kt = kt_context_new(.seed = 1);
    kt_model *tiny = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
    dump_step(kt, tiny, NULL, 32, 10, dump, sizeof dump);
    compare("tiny", dump);
    kt_model *layer = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_custom(&log_layer), kt_dense(1));
    dump_step(kt, layer, NULL, 32, 10, dump, sizeof dump);
    compare("custom_layer", dump);
    dump_step(kt, tiny, weighted_mse, 32, 10, dump, sizeof dump);
    compare("custom_loss", dump);
    kt_context_free(kt);
    kt = kt_context_new(.seed = 1, .no_fusion = true);
    tiny = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
    dump_step(kt, tiny, NULL, 32, 10, dump, sizeof dump);
    compare("tiny_unfused", dump);
    kt_context_free(kt);
}

enum { ROWS = 70, INPUTS = 10, STEPS = 6, WEIGHTS = 10 * 64 + 64 + 64 + 1 };

/* Trains a little and gives back the weights: every bit counts. */
static void train(const kt_context_config *config, float *weights, float *losses)
{
    kt_context *kt = kt_context_new_with(config);
    if (!kt) {
        weights[0] = NAN;
        return;
    }
    kt_arrays *data = kt_friedman1(kt, ROWS, 1.0, 3);
    kt_model *model = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_custom(&log_layer),
                                    kt_dropout(0.1), kt_dense(1));
    kt_compile(model, .optimizer = kt_adam(.learning_rate = 0.01), .loss = "mse", .metrics = { "mae" });
    kt_fit(model, kt_arrays_get(data, "x"), kt_arrays_get(data, "y"), .epochs = STEPS, .verbose = KT_QUIET); /* a short last batch */
    for (int i = 0; i < STEPS; i++) losses[i] = (float)kt_history_value(kt_model_history(model), "loss", i);
    kt_tensors w = kt_weights(model);
    float *at = weights;
    for (int64_t i = 0; i < w.count; i++) {
        kt_read(w.at[i], at, KT_FLOAT32, kt_desc_count(kt_desc_of(w.at[i])));
        at += kt_desc_count(kt_desc_of(w.at[i]));
    }
    assert_int_equal(at - weights, WEIGHTS);
    if (kt_error(kt) != KT_OK) fail_msg("%s", kt_message(kt));
    kt_context_free(kt);
}

static void every_way_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const sets[] = { "portable", "avx2", "avx512" };
    for (int s = 0; s < 3; s++) {
        float truth[WEIGHTS], truth_losses[STEPS];
        kt_context_config plain = { .size = sizeof plain, .isa = sets[s], .seed = 5 };
        if (kt_context_check(&plain, NULL, 0) != KT_OK) {
            print_message("%s: not on this machine\n", sets[s]);
            continue;
        }
        train(&plain, truth, truth_losses);
        assert_true(truth_losses[STEPS - 1] < truth_losses[0]);
        const kt_context_config ways[] = {
            { .size = sizeof plain, .isa = sets[s], .seed = 5, .no_fusion = true },
            { .size = sizeof plain, .isa = sets[s], .seed = 5, .run_eagerly = true },
            { .size = sizeof plain, .isa = sets[s], .seed = 5, .threads = 2 },
            { .size = sizeof plain, .isa = sets[s], .seed = 5, .threads = 3, .no_fusion = true },
        };
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            float weights[WEIGHTS], losses[STEPS];
            train(&ways[w], weights, losses);
            if (memcmp(weights, truth, sizeof truth) != 0 || memcmp(losses, truth_losses, sizeof losses) != 0)
                fail_msg("%s, way %zu: other bits than fused on one thread", sets[s], w);
        }
    }
}

static void remember_remark(const char *sentence, void *user)
{
    if (strstr(sentence, "eight steps running")) ++*(int *)user;
}

static void plans_are_bounded_and_misses_are_named(void **state)
{
    (void)state;
    int remarks = 0;
    kt_context *kt = kt_context_new(.plan_cache_bytes = 20000, .log = remember_remark, .log_user = &remarks);
    static const float zeros[100] = { 0 };
    for (int i = 1; i <= 60; i++) { /* another shape each time */
        kt_scope *scope = kt_scope_begin(kt);
        kt_tensor *x = kt_constant_borrow(kt, kt_floats(zeros, i));
        assert_float_equal(kt_item(kt_sum(kt_exp(x))), i, 1e-4);
        assert_int_equal(kt_scope_end(kt, scope), KT_OK);
    }
    assert_int_equal(remarks, 1);
    assert_true(kt->graph->cache.bytes <= 20000);
    assert_true(kt->graph->cache.count < 30);
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_as_kept),
        cmocka_unit_test(every_way_gives_the_same_bits),
        cmocka_unit_test(plans_are_bounded_and_misses_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
