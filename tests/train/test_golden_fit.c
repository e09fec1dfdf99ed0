/* SPDX-License-Identifier: MIT */
/* tests/train/test_golden_fit.c: whole calls of fit, evaluate and predict against real Keras, on each back-end and
 * float type: the history of every epoch under its key, the number of batches, the weights, and what evaluate and
 * predict give afterwards.
 */
#include "testing.h"

/* ---- the mission's own layer and loss ---- */

static kt_tensor *log_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_log(kt_add(x, kt_scalar(x, 1e-9)));
}
static const kt_layer_class log_layer = { .name = "log", .call = log_call };

static kt_tensor *weighted_mse(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *weight = kt_cast(kt_greater(y_true, kt_scalar(y_true, 0.5)), kt_dtype_of(y_true));
    return kt_mean(kt_mul(kt_square(kt_sub(y_true, y_pred)), weight));
}

/* ---- cases ---- */

typedef struct fit_case {
    const char *name, *head, *loss;
    const char *metrics[3], *weighted[3];
    double rate; /* 0: 0.05 */
    bool from_logits, regularized, log_net, plain_net;
    kt_callback_spec callback;
} fit_case;

typedef struct counter {
    int64_t per_epoch[64];
    int epochs;
} counter;

static kt_status count_epoch(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)loop, (void)epoch, (void)logs;
    counter *c = self;
    if (c->epochs < 64) c->epochs++;
    return KT_OK;
}

static kt_status count_batch(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop, (void)batch, (void)logs;
    counter *c = self;
    c->per_epoch[c->epochs - 1]++;
    return KT_OK;
}

static const kt_callback_class counter_class = { .name = "counter",
                                                 .on_epoch_begin = count_epoch,
                                                 .on_train_batch_end = count_batch };

static kt_model *build(kt_context *kt, const fit_case *c, const kt_arrays *golden)
{
    kt_model *model;
    if (c->log_net)
        model = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_custom(&log_layer), kt_dense(1));
    else if (c->plain_net)
        model = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
    else if (c->regularized)
        model = kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh", .kernel_regularizer = "l2"),
                              kt_dense(2, .kernel_regularizer = "l2"));
    else return golden_net(kt, golden, c->head);
    assert_non_null(model);
    set_weights(model, golden);
    return model;
}

static void compile(kt_model *model, const fit_case *c)
{
    kt_compile_config config = { .size = sizeof config };
    for (int i = 0; i < 3; i++) {
        config.metrics[i] = c->metrics[i];
        config.weighted_metrics[i] = c->weighted[i];
    }
    config.optimizer = c->log_net || c->plain_net ? kt_adam() : kt_sgd(c->rate != 0 ? c->rate : 0.05);
    if (c->plain_net) config.loss_fn = weighted_mse;
    else if (c->from_logits) config.loss_spec = kt_sparse_categorical_crossentropy_loss(.from_logits = true);
    else config.loss = c->loss ? c->loss : "mse";
    assert_int_equal(kt_compile_with(model, &config), KT_OK);
}

static int64_t whole(const kt_arrays *golden, const char *name)
{
    kt_array a = kt_arrays_get(golden, name);
    return a.data ? (int64_t)golden_at(a, 0) : 0;
}

static void compare(const kt_arrays *golden, const golden_mode *mode, const char *what, const char *stem,
                    const char *index, const double *got, int64_t count)
{
    double over = golden_compare(golden, mode, stem, index, got, count);
    if (!(over <= 1))
        fail_msg("%s: %s%s is %.3g times the tolerance away (%s, %s)", what, stem, index, over, mode->backend,
                 kt_dtype_name(mode->floatx));
}

/* Every hist_* of the golden is in the history, and nothing else. */
static void compare_history(kt_model *model, const fit_case *c, const kt_arrays *golden, const golden_mode *mode)
{
    const kt_history *history = kt_model_history(model);
    const char *width = mode->floatx == KT_FLOAT32 ? "32" : "64";
    int64_t keys = 0;
    for (int64_t i = 0; i < kt_arrays_count(golden); i++) {
        const char *name = kt_arrays_name(golden, i);
        size_t n = strlen(name);
        if (strncmp(name, "hist_", 5) != 0 || strcmp(name + n - 2, width) != 0) continue;
        char key[64], stem[80];
        snprintf(key, sizeof key, "%.*s", (int)(n - 7), name + 5);
        snprintf(stem, sizeof stem, "hist_%s", key);
        double values[64];
        int64_t length = kt_history_length(history, key);
        assert_true(length > 0 && length <= 64);
        for (int64_t e = 0; e < length; e++) values[e] = kt_history_value(history, key, e);
        compare(golden, mode, c->name, stem, "", values, length);
        keys++;
    }
    assert_true(keys > 0);
    assert_int_equal(kt_history_count(history), keys);
}

static void compare_weights(kt_model *model, const fit_case *c, const kt_arrays *golden, const golden_mode *mode)
{
    kt_tensors weights = kt_weights(model);
    for (int64_t i = 0; i < weights.count; i++) {
        char index[16];
        double values[4096];
        int64_t count = kt_desc_count(kt_desc_of(weights.at[i]));
        snprintf(index, sizeof index, "_%d", (int)i);
        assert_int_equal(kt_read(weights.at[i], values, KT_FLOAT64, count), KT_OK);
        compare(golden, mode, c->name, "w", index, values, count);
    }
}

static void compare_after(kt_context *kt, kt_model *model, const fit_case *c, const kt_arrays *golden,
                          const golden_mode *mode)
{
    const char *width = mode->floatx == KT_FLOAT32 ? "32" : "64";
    kt_array x = golden_need(golden, "x"), y = golden_need(golden, "y");
    if (!kt_arrays_get(golden, "pred32").data) return;
    kt_logs *logs = kt_logs_new(kt);
    assert_int_equal(kt_evaluate(model, logs, x, y, .sample_weight = kt_arrays_get(golden, "sample_weight"),
                                 .batch_size = whole(golden, "batch_size")), KT_OK);
    for (int64_t i = 0; i < kt_logs_count(logs); i++) {
        char stem[64], name[80];
        double value = kt_logs_value(logs, i);
        snprintf(stem, sizeof stem, "eval_%s", kt_logs_name(logs, i));
        snprintf(name, sizeof name, "%s%s", stem, width);
        golden_need(golden, name);
        compare(golden, mode, c->name, stem, "", &value, 1);
    }
    kt_logs_free(logs);
    kt_arrays *pred = kt_predict(model, x, .batch_size = whole(golden, "batch_size"));
    assert_non_null(pred);
    kt_array p = kt_arrays_at(pred, 0);
    int64_t count = golden_count(p);
    double *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) values[i] = golden_at(p, i);
    compare(golden, mode, c->name, "pred", "", values, count);
    free(values);
    kt_arrays_free(pred);
}

static void run_case(const fit_case *c, const golden_mode *mode)
{
    kt_context *kt =
        kt_context_new(.backend = mode->backend, .floatx = mode->floatx, .seed = 3, .run_eagerly = mode->eager);
    if (!kt) return;
    char file[64];
    snprintf(file, sizeof file, "fit_%s", c->name);
    kt_arrays *golden = golden_open(kt, file);
    if (!golden) {
        kt_context_free(kt);
        return;
    }
    kt_model *model = build(kt, c, golden);
    compile(model, c);
    kt_class_weight classes[16];
    kt_array weights = kt_arrays_get(golden, "class_weight");
    int64_t n_classes = 0;
    for (int64_t i = 0; weights.data && i < golden_count(weights); i++) /* classes of weight 1 are not listed */
        if (golden_at(weights, i) != 1) classes[n_classes++] = (kt_class_weight){ i, golden_at(weights, i) };
    kt_array split = kt_arrays_get(golden, "validation_split");
    counter count = { .epochs = 0 };
    kt_fit(model, golden_need(golden, "x"), golden_need(golden, "y"),
           .sample_weight = kt_arrays_get(golden, "sample_weight"), .batch_size = whole(golden, "batch_size"),
           .epochs = whole(golden, "epochs"), .initial_epoch = whole(golden, "initial_epoch"),
           .steps_per_epoch = whole(golden, "steps_per_epoch"),
           .validation_split = split.data ? golden_at(split, 0) : 0, .validation_x = kt_arrays_get(golden, "x_val"),
           .validation_y = kt_arrays_get(golden, "y_val"),
           .validation_sample_weight = kt_arrays_get(golden, "sample_weight_val"),
           .validation_batch_size = whole(golden, "validation_batch_size"),
           .validation_steps = whole(golden, "validation_steps"), .validation_freq = whole(golden, "validation_freq"),
           .no_shuffle = true, .class_weight = n_classes ? classes : NULL, .class_weight_count = n_classes,
           .callbacks = { kt_callback_of(&counter_class, &count), c->callback });
    assert_fine(kt);
    kt_array steps = golden_need(golden, "steps");
    assert_int_equal(count.epochs, golden_count(steps));
    for (int e = 0; e < count.epochs; e++) assert_int_equal(count.per_epoch[e], (int64_t)golden_at(steps, e));
    compare_history(model, c, golden, mode);
    compare_weights(model, c, golden, mode);
    compare_after(kt, model, c, golden, mode);
    assert_fine(kt);
    kt_context_free(kt);
}

#define EARLY(...) .callback = kt_early_stopping(__VA_ARGS__)

static void test_goldens(void **state)
{
    (void)state;
    const fit_case cases[] = {
        { .name = "plain", .metrics = { "mae" } },
        { .name = "validation_split", .metrics = { "mae", "mse" } },
        { .name = "validation_data", .metrics = { "mae" } },
        { .name = "validation_weighted", .metrics = { "mae" }, .weighted = { "mae", "mse" } },
        { .name = "sample_weight", .metrics = { "mae" }, .weighted = { "mae", "mse" } },
        { .name = "class_weight",
          .head = "softmax",
          .loss = "sparse_categorical_crossentropy",
          .metrics = { "accuracy" },
          .weighted = { "accuracy" },
          .rate = 0.2 },
        { .name = "accuracy_sparse", .from_logits = true, .metrics = { "accuracy" }, .rate = 0.2 },
        { .name = "accuracy_categorical",
          .head = "softmax",
          .loss = "categorical_crossentropy",
          .metrics = { "accuracy" },
          .rate = 0.2 },
        { .name = "accuracy_binary",
          .head = "sigmoid",
          .loss = "binary_crossentropy",
          .metrics = { "accuracy", "mse" },
          .rate = 0.2 },
        { .name = "regularized", .regularized = true, .metrics = { "mse" } },
        { .name = "rmse", .metrics = { "root_mean_squared_error", "mean_absolute_error" } },
        { .name = "initial_epoch" },
        { .name = "validation_freq" },
        { .name = "validation_steps" },
        { .name = "validation_batch_size", .metrics = { "mae" } },
        { .name = "steps_per_epoch" },
        { .name = "short_batch", .metrics = { "mae" } },
        { .name = "terminate_on_nan", .callback = kt_terminate_on_nan() },
        { .name = "early_stopping", .rate = 0.1, EARLY(.patience = 2) },
        { .name = "early_stopping_complete", .rate = 0.4, EARLY(.patience = 5, .restore_best_weights = true) },
        { .name = "early_stopping_delta", .rate = 0.2, EARLY(.patience = 2, .min_delta = 0.02) },
        { .name = "early_stopping_start",
          .rate = 0.5,
          EARLY("loss", .patience = 1, .min_delta = 0.01, .start_from_epoch = 4) },
        { .name = "early_stopping_baseline",
          .rate = 0.2,
          EARLY(.patience = 3, .baseline = 0.01, .has_baseline = true) },
        { .name = "early_stopping_max",
          .head = "softmax",
          .loss = "sparse_categorical_crossentropy",
          .metrics = { "accuracy" },
          .rate = 0.5,
          EARLY("val_accuracy", .patience = 2, .restore_best_weights = true) },
        { .name = "text_run", .metrics = { "mae" } },
        { .name = "mission_custom_layer", .log_net = true },
        { .name = "mission_custom_loss", .plain_net = true },
        { .name = "early_stopping_restore", .rate = 0.4, EARLY(.patience = 3, .restore_best_weights = true) },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int m = 0; m < N_GOLDEN_MODES; m++) run_case(&cases[i], &golden_modes[m]);
    }
}

/* Data sets give what arrays give: the same losses, class weights included. */
static void test_dataset(void **state)
{
    (void)state;
    const golden_mode *mode = &golden_modes[0];
    double losses[2][3];
    for (int kind = 0; kind < 2; kind++) {
        kt_context *kt = test_context(mode->backend, mode->floatx);
        kt_arrays *golden = golden_open(kt, "fit_class_weight");
        kt_model *model = golden_net(kt, golden, "softmax");
        kt_compile(model, .optimizer = kt_sgd(0.2), .loss = "crossentropy");
        kt_array x = golden_need(golden, "x"), y = golden_need(golden, "y");
        kt_class_weight classes[] = { { 1, 2.5 }, { 3, 0.25 } };
        if (kind == 0) {
            kt_fit(model, x, y, .batch_size = 16, .epochs = 3, .shuffle_seed = 9, .class_weight = classes,
                   .class_weight_count = 2);
        } else {
            kt_dataset *data = kt_dataset_new(kt, x, y, .batch_size = 16, .shuffle = true, .seed = 9, .prefetch = 2);
            kt_fit(model, .data = data, .epochs = 3, .class_weight = classes, .class_weight_count = 2);
        }
        assert_fine(kt);
        for (int e = 0; e < 3; e++) losses[kind][e] = kt_history_value(kt_model_history(model), "loss", e);
        kt_context_free(kt);
    }
    assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
}

/* Shuffling follows the seed, and another seed gives another order. */
static void test_shuffle(void **state)
{
    (void)state;
    double losses[3];
    const uint64_t seeds[] = { 1, 1, 2 };
    for (int i = 0; i < 3; i++) {
        kt_context *kt = test_context("ref", KT_FLOAT64);
        kt_arrays *golden = golden_open(kt, "fit_plain");
        kt_model *model = golden_net(kt, golden, NULL);
        kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
        kt_fit(model, golden_need(golden, "x"), golden_need(golden, "y"), .batch_size = 16, .epochs = 2,
               .shuffle_seed = seeds[i]);
        losses[i] = kt_history_value(kt_model_history(model), "loss", 1);
        assert_fine(kt);
        kt_context_free(kt);
    }
    assert_true(losses[0] == losses[1]);
    assert_true(losses[0] != losses[2]);
}

/* One call of train_on_batch or test_on_batch gives the loss of its batch alone. */
static void test_on_batch(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT64);
    kt_arrays *golden = golden_open(kt, "fit_plain");
    kt_model *model = golden_net(kt, golden, NULL);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse", .metrics = { "mae" });
    kt_array x = golden_rows(golden_need(golden, "x"), 0, 16), y = golden_rows(golden_need(golden, "y"), 0, 16),
             none = { .data = NULL };
    kt_logs *logs = kt_logs_new(kt);
    double before, during, after;
    assert_int_equal(kt_test_on_batch(model, x, y, none, logs), KT_OK);
    assert_true(kt_logs_get(logs, "loss", &before));
    assert_int_equal(kt_train_on_batch(model, x, y, none, logs), KT_OK);
    assert_true(kt_logs_get(logs, "loss", &during) && kt_logs_get(logs, "mae", NULL));
    assert_true(before == during);
    assert_int_equal(kt_test_on_batch(model, x, y, none, logs), KT_OK);
    assert_true(kt_logs_get(logs, "loss", &after));
    assert_true(after < before);
    assert_int_equal(kt_iterations(kt_model_optimizer(model)), 1);
    assert_fine(kt);
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_dataset),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_on_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
