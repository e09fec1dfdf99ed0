/* SPDX-License-Identifier: MIT */
/* tests/nn/test_golden_training.c: small nets trained twenty steps by hand, against Keras, step by step.
 *
 * The same weights and batches must give the same losses and the same final weights, on every back-end, in
 * float32 by Keras's own spread and in float64 within 1e-10. Cases are described in tests/golden/README.md;
 * here each is a few lines that fill a `trial`.
 */
#include "golden.h"

#include "core/context.h"
#include "nn/layer.h"
#include "nn/training.h"

#include <keratin/ops.h>

enum { MAX_LAYERS = 6, MAX_WEIGHTS = 16, STEPS = 20 };

typedef struct trial {
    kt_layer_spec layers[MAX_LAYERS];
    int n;
    const char *loss;
    kt_loss_spec loss_spec;
    kt_loss_fn loss_fn;
    kt_optimizer_spec optimizer;
    bool rate_set;
    const kt_arrays *golden; /* for configurations that stand in it */
} trial;

static void add(trial *t, kt_layer_spec layer) { t->layers[t->n++] = layer; }

/* ---- layers and losses of a user's own ---- */

static kt_tensor *log_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_log(kt_add(x, kt_scalar(x, 1e-9)));
}
static const kt_layer_class log_class = { .name = "Log", .call = log_call };

static kt_status scale_build(kt_layer *self, const kt_desc *x)
{
    kt_weight(self, "gain", KT_SHAPE(x->dim[1]), .initializer = "ones");
    kt_sublayer_new(self, "inner", kt_dense(x->dim[1], .activation = "tanh"));
    return KT_OK;
}
static kt_tensor *scale_call(kt_layer *self, kt_tensor *x)
{
    kt_add_loss(self, kt_mul(kt_sum(kt_square(x)), kt_scalar(x, 0.01)));
    return kt_add(kt_mul(x, kt_w(self, "gain")), kt_call_layer(kt_sublayer(self, "inner"), x));
}
static const kt_layer_class scale_class = { .name = "Scale", .build = scale_build, .call = scale_call };

static kt_status functional_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "first", kt_dense(8, .activation = "tanh"));
    kt_sublayer_new(self, "shared", kt_dense(8, .activation = "relu"));
    kt_sublayer_new(self, "last", kt_dense(2));
    return KT_OK;
}
static kt_tensor *functional_call(kt_layer *self, kt_tensor *x)
{
    kt_layer *shared = kt_sublayer(self, "shared");
    kt_tensor *h = kt_call_layer(kt_sublayer(self, "first"), x);
    kt_tensor *s = kt_call_layer(shared, kt_call_layer(shared, h));
    return kt_call_layer(kt_sublayer(self, "last"), kt_add(s, h));
}
static const kt_layer_class functional_class = { .name = "Net", .build = functional_build, .call = functional_call };

static kt_status residual_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "first", kt_dense(8, .activation = "tanh"));
    kt_sublayer_new(self, "second", kt_dense(8, .activation = "silu"));
    kt_sublayer_new(self, "out", kt_dense(2));
    return KT_OK;
}
static kt_tensor *residual_call(kt_layer *self, kt_tensor *x)
{
    kt_tensor *h = kt_call_layer(kt_sublayer(self, "first"), x);
    return kt_call_layer(kt_sublayer(self, "out"), kt_add(h, kt_call_layer(kt_sublayer(self, "second"), h)));
}
static const kt_layer_class residual_class = { .name = "Residual", .build = residual_build, .call = residual_call };

static kt_status nested_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, NULL, kt_dense(5, .activation = "relu"));
    kt_sublayer_new(self, NULL, kt_dense(4, .activation = "sigmoid"));
    return KT_OK;
}
static kt_tensor *nested_call(kt_layer *self, kt_tensor *x)
{
    for (int64_t i = 0; i < kt_layer_children(self); i++) x = kt_call_layer(kt_layer_child(self, i), x);
    return x;
}
static const kt_layer_class nested_class = { .name = "Nested", .build = nested_build, .call = nested_call };

static kt_tensor *weighted_mse(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *weight = kt_cast(kt_greater(y_true, kt_scalar(y_true, 0.5)), kt_dtype_of(y_pred));
    return kt_mean(kt_mul(kt_square(kt_sub(y_true, y_pred)), weight));
}

static kt_tensor *cubed_error(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *e = kt_abs(kt_sub(y_true, y_pred));
    return kt_mean_axes(kt_mul(e, kt_square(e)), KT_AXES(-1), false);
}

/* ---- cases: `what` is the end of the case's name ---- */

static void mission(trial *t, const char *what)
{
    add(t, kt_dense(64, .activation = "relu"));
    if (strcmp(what, "layer") == 0)
        add(t, kt_custom(&log_class));
    else
        t->loss_fn = weighted_mse;
    add(t, kt_dense(1));
    t->optimizer = kt_adam();
}

static void dense(trial *t, const char *what)
{
    add(t, kt_dense(8, .activation = what));
    add(t, kt_dense(2));
}

static void activation(trial *t, const char *what)
{
    add(t, kt_dense(8));
    add(t, kt_activation(what));
    add(t, kt_dense(2));
}

static void layer(trial *t, const char *what)
{
    bool is_rank_3 = strcmp(what, "dense_rank_3") == 0;
    if (strcmp(what, "normalization") == 0) {
        kt_array mean = golden_need(t->golden, "mean"), variance = golden_need(t->golden, "variance");
        double m[6], v[6];
        for (int i = 0; i < 6; i++) m[i] = golden_at(mean, i), v[i] = golden_at(variance, i);
        static double kept[12];
        memcpy(kept, m, sizeof m);
        memcpy(kept + 6, v, sizeof v);
        add(t, kt_normalization(.mean = kept, .variance = kept + 6, .count = 6));
    }
    if (strcmp(what, "functional") == 0)
        add(t, kt_custom(&functional_class));
    else if (strcmp(what, "subclass") == 0)
        add(t, kt_custom(&residual_class));
    else {
        if (strcmp(what, "flatten") == 0) add(t, kt_flatten());
        if (strcmp(what, "dense_one_unit") == 0)
            add(t, kt_dense(1, .activation = "tanh"));
        else if (strcmp(what, "dense_no_bias") == 0)
            add(t, kt_dense(8, .activation = "tanh", .no_bias = true));
        else if (strcmp(what, "frozen") == 0)
            add(t, kt_dense(8, .activation = "tanh", .frozen = true, .kernel_regularizer = "l2"));
        else
            add(t, kt_dense(is_rank_3 ? 5 : 8, .activation = "tanh"));
        if (is_rank_3) add(t, kt_flatten());
        if (strcmp(what, "add_loss") == 0) add(t, kt_custom(&scale_class));
        if (strcmp(what, "nested") == 0) add(t, kt_custom(&nested_class));
        if (strcmp(what, "dropout_rate_0") == 0) add(t, kt_dropout(KT_ZERO));
        if (strcmp(what, "dropout_predict") == 0) add(t, kt_dropout(0.5));
        if (strcmp(what, "dense_one_unit") == 0)
            add(t, kt_dense(1));
        else if (strcmp(what, "frozen") == 0)
            add(t, kt_dense(2, .kernel_regularizer_spec = kt_l2(0.01)));
        else
            add(t, kt_dense(2));
    }
}

static void regularizer(trial *t, const char *what)
{
    kt_regularizer_spec spec = strcmp(what, "l1") == 0   ? kt_l1(0.01)
                               : strcmp(what, "l2") == 0 ? kt_l2()
                                                         : kt_l1_l2(0.02, 0.03);
    add(t, kt_dense(8, .activation = "tanh", .kernel_regularizer_spec = spec));
    add(t, kt_dense(2, .kernel_regularizer_spec = spec, .bias_regularizer_spec = spec));
}

/* "bce", "bce_logits", "bce_columns_sw"...: which net and loss stand in the name itself. */
static void loss(trial *t, const char *what)
{
    bool logits = strstr(what, "logits") != NULL, apart = strstr(what, "apart") != NULL;
    double smoothing = strstr(what, "smoothing") ? 0.1 : 0;
    kt_reduction reduction = strstr(what, "_sum")                      ? KT_REDUCTION_SUM
                             : strstr(what, "mean_with_sample_weight") ? KT_REDUCTION_WEIGHTED_MEAN
                                                                       : KT_REDUCTION_MEAN;
    const char *last = NULL;
    int64_t units = 2;
    if (strncmp(what, "bce", 3) == 0) {
        units = strstr(what, "columns") || reduction ? 3 : 1;
        last = logits ? NULL : "sigmoid";
        t->loss_spec =
            kt_binary_crossentropy_loss(.from_logits = logits, .label_smoothing = smoothing, .reduction = reduction);
    } else if (strncmp(what, "cce", 3) == 0 || strncmp(what, "scce", 4) == 0) {
        units = 4;
        last = logits ? NULL : "softmax";
        t->loss_spec = what[0] == 's'
                           ? kt_sparse_categorical_crossentropy_loss(.from_logits = logits, .reduction = reduction)
                           : kt_categorical_crossentropy_loss(.from_logits = logits, .label_smoothing = smoothing,
                                                              .reduction = reduction);
    } else if (strncmp(what, "function", 8) == 0)
        t->loss_fn = cubed_error;
    else if (strncmp(what, "scalar_function", 15) == 0)
        t->loss_fn = weighted_mse;
    else if (strncmp(what, "mae", 3) == 0)
        t->loss = "mae";
    else
        t->loss_spec = kt_mean_squared_error_loss(.reduction = reduction);
    add(t, kt_dense(8, .activation = "tanh"));
    add(t, kt_dense(units, .activation = apart ? NULL : last));
    if (apart) add(t, kt_activation(last));
    t->optimizer = kt_sgd(reduction == KT_REDUCTION_SUM ? 0.004 : 0.1);
}

static double decay(int64_t step, void *user)
{
    (void)user;
    return 0.05 * pow(0.9, (double)step / 7);
}

static double staircase(int64_t step, void *user)
{
    (void)user;
    return 0.05 * pow(0.9, floor((double)step / 7));
}

static void optimizer(trial *t, const char *what)
{
    double norm = strstr(what, "_clipnorm") ? 0.5 : 0, value = strstr(what, "clipvalue") ? 0.1 : 0;
    double global = strstr(what, "global_clipnorm") ? 0.5 : 0, weight = strstr(what, "weight_decay") ? 0.01 : 0;
    if (global > 0) norm = 0;
    add(t, kt_dense(8, .activation = "tanh"));
    add(t, kt_dense(2));
    if (strcmp(what, "sgd_defaults") == 0)
        t->optimizer = kt_sgd();
    else if (strcmp(what, "adam_defaults") == 0)
        t->optimizer = kt_adam();
    else if (strcmp(what, "adam_settings") == 0)
        t->optimizer = kt_adam(0.02, .beta_1 = 0.8, .beta_2 = 0.99, .epsilon = 1e-3);
    else if (strcmp(what, "sgd_exponential_decay") == 0)
        t->optimizer = kt_sgd(.schedule = decay);
    else if (strcmp(what, "adam_exponential_decay") == 0)
        t->optimizer = kt_adam(.schedule = decay);
    else if (strcmp(what, "sgd_staircase") == 0)
        t->optimizer = kt_sgd(.schedule = staircase, .momentum = 0.9);
    else if (strncmp(what, "adam", 4) == 0)
        t->optimizer = kt_adam(0.01, .amsgrad = strstr(what, "amsgrad") != NULL, .clipnorm = norm, .clipvalue = value,
                               .global_clipnorm = global, .weight_decay = weight);
    else
        t->optimizer =
            kt_sgd(0.05,
                   .momentum =
                       strncmp(what, "sgd_momentum", 12) == 0 || strncmp(what, "sgd_nesterov", 12) == 0 ? 0.9 : 0,
                   .nesterov = strncmp(what, "sgd_nesterov", 12) == 0, .clipnorm = norm, .clipvalue = value,
                   .global_clipnorm = global, .weight_decay = weight);
    t->rate_set = strcmp(what, "adam_rate_set") == 0;
}

static const struct family {
    const char *prefix;
    void (*make)(trial *t, const char *what);
    const char *cases[32];
} families[] = {
    { "mission_custom_", mission, { "layer", "loss", "loop" } },
    { "layer_dense_",
      dense,
      { "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus", "softmax",
        "log_softmax" } },
    { "layer_activation_", activation, { "relu", "gelu", "softmax" } },
    { "layer_",
      layer,
      { "dense_no_bias", "dense_one_unit", "dense_rank_3", "flatten", "short_batch", "batch_of_one", "nested",
        "functional", "subclass", "frozen", "add_loss", "normalization", "dropout_predict", "dropout_rate_0" } },
    { "regularizer_", regularizer, { "l1", "l2", "l1l2" } },
    { "loss_",
      loss,
      { "mse", "mse_sw", "mae", "mae_sw", "mse_sum", "mse_sum_sw", "mse_mean_with_sample_weight", "mse_steps_sw",
        "function", "function_sw", "scalar_function", "scalar_function_sw" } },
    { "loss_",
      loss,
      { "bce", "bce_sw", "bce_cw", "bce_logits", "bce_apart", "bce_smoothing", "bce_columns", "bce_sum" } },
    { "loss_",
      loss,
      { "cce", "cce_sw", "cce_cw", "cce_logits", "cce_apart", "cce_smoothing", "cce_logits_smoothing", "cce_sum" } },
    { "loss_", loss, { "scce", "scce_sw", "scce_cw", "scce_logits", "scce_apart", "scce_sum", "scce_steps_sw" } },
    { "opt_",
      optimizer,
      { "sgd", "sgd_clipnorm", "sgd_clipvalue", "sgd_global_clipnorm", "sgd_weight_decay", "sgd_momentum",
        "sgd_momentum_clipnorm", "sgd_momentum_clipvalue", "sgd_momentum_global_clipnorm", "sgd_momentum_weight_decay",
        "sgd_nesterov", "sgd_nesterov_clipnorm", "sgd_nesterov_clipvalue", "sgd_nesterov_global_clipnorm",
        "sgd_nesterov_weight_decay", "sgd_defaults", "sgd_exponential_decay", "sgd_staircase" } },
    { "opt_",
      optimizer,
      { "adam", "adam_clipnorm", "adam_clipvalue", "adam_global_clipnorm", "adam_weight_decay", "adam_amsgrad",
        "adam_amsgrad_clipnorm", "adam_amsgrad_clipvalue", "adam_amsgrad_global_clipnorm", "adam_amsgrad_weight_decay",
        "adam_defaults", "adam_settings", "adam_exponential_decay", "adam_rate_set" } },
};

/* ---- running a case ---- */

typedef struct net {
    kt_layer *layers[MAX_LAYERS];
    int n;
    kt_tensor *weights[MAX_WEIGHTS], *trainable[MAX_WEIGHTS];
    int n_weights, n_trainable;
} net;

static kt_tensor *call_net(const net *m, kt_tensor *x)
{
    for (int i = 0; i < m->n; i++) x = kt_call_layer(m->layers[i], x);
    return x;
}

static void list_weights(net *m)
{
    m->n_weights = m->n_trainable = 0;
    for (int i = 0; i < m->n; i++) {
        kt_tensors all = kt_layer_weights(m->layers[i]), trainable = kt_layer_trainable(m->layers[i]);
        for (int64_t j = 0; j < all.count; j++) m->weights[m->n_weights++] = all.at[j];
        for (int64_t j = 0; j < trainable.count; j++) m->trainable[m->n_trainable++] = trainable.at[j];
    }
}

static kt_tensor *total_loss(const net *m, const trial *t, kt_context *kt, kt_tensor *y, kt_tensor *p,
                             kt_tensor *weight)
{
    kt_tensor *total =
        t->loss ? kt_loss_named(t->loss, y, p, weight) : kt_loss_of(kt, &t->loss_spec, t->loss_fn, y, p, weight);
    for (int i = 0; i < m->n; i++) {
        kt_tensor *more = kt_layer_losses(m->layers[i]);
        if (more) total = kt_add(total, more);
    }
    return total;
}

/* The weight of each row: given, by its class, or none (data == NULL). */
static kt_array row_weights(const kt_arrays *golden, kt_array y, float *storage)
{
    kt_array given = kt_arrays_get(golden, "sample_weight"), by_class = kt_arrays_get(golden, "class_weight");
    if (given.data || !by_class.data) return given;
    int64_t rows = y.dim[0], width = golden_count(y) / rows;
    for (int64_t r = 0; r < rows; r++) {
        int64_t cls = 0;
        for (int64_t k = 1; k < width; k++)
            if (golden_at(y, r * width + k) > golden_at(y, r * width + cls)) cls = k;
        if (width == 1) cls = (int64_t)lround(golden_at(y, r));
        storage[r] = cls < golden_count(by_class) ? (float)golden_at(by_class, cls) : 1.0f;
    }
    return kt_array_of(storage, KT_FLOAT32, KT_SHAPE(rows));
}

static double *read_all(kt_tensor *x, int64_t *count)
{
    *count = kt_desc_count(kt_desc_of(x));
    double *values = malloc((size_t)*count * sizeof *values);
    if (kt_read(x, values, KT_FLOAT64, *count) != KT_OK) fail_msg("%s", kt_message(kt_context_of(x)));
    return values;
}

static double worst_weights(const net *m, const kt_arrays *golden, const golden_mode *mode)
{
    double worst = 0;
    for (int i = 0; i < m->n_weights; i++) {
        char index[16];
        int64_t count;
        snprintf(index, sizeof index, "_%d", i);
        double *values = read_all(m->weights[i], &count);
        worst = fmax(worst, golden_compare(golden, mode, "w", index, values, count));
        free(values);
    }
    return worst;
}

static void run_case(const char *prefix, const struct family *family, const char *what, const golden_mode *mode)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", prefix, what);
    kt_context *kt = golden_context(mode);
    kt_arrays *golden = golden_open(kt, name);
    trial t = { .loss = NULL, .loss_spec = kt_mean_squared_error_loss(), .optimizer = kt_sgd(0.05), .golden = golden };
    net m = { .n = 0 };
    float storage[256];
    family->make(&t, what);
    for (int i = 0; i < t.n; i++) m.layers[m.n++] = kt_layer_new(kt, t.layers[i]);
    kt_optimizer *opt = kt_optimizer_new(kt, t.optimizer);
    if (kt_error(kt) != KT_OK) fail_msg("%s: %s", name, kt_message(kt));

    kt_array x = golden_need(golden, "x"), y = kt_arrays_get(golden, "y");
    kt_scope *scope = kt_scope_begin(kt);
    call_net(&m, kt_constant(kt, x)); /* builds */
    list_weights(&m);
    for (int i = 0; i < m.n_weights; i++) {
        char key[16];
        snprintf(key, sizeof key, "w0_%d", i);
        kt_variable_set(m.weights[i], golden_need(golden, key));
    }
    int64_t count;
    double *pred = read_all(call_net(&m, kt_constant(kt, x)), &count);
    double worst_pred = 0, worst_loss = 0, worst_w = 0;
    if (kt_arrays_get(golden, "pred32").data) worst_pred = golden_compare(golden, mode, "pred", "", pred, count);
    free(pred);
    kt_scope_end(kt, scope);

    if (y.data) {
        double losses[STEPS];
        int64_t rows = x.dim[0], batch = (int64_t)golden_at(golden_need(golden, "batch_size"), 0), from = 0;
        kt_array weights = row_weights(golden, y, storage);
        for (int step = 0; step < STEPS; step++, from = from + batch < rows ? from + batch : 0) {
            int64_t to = from + batch < rows ? from + batch : rows;
            scope = kt_scope_begin(kt);
            kt->training = true;
            if (t.rate_set && step == 10) kt_set_learning_rate(opt, 0.002);
            kt_tensor *p = call_net(&m, kt_constant_borrow(kt, golden_rows(x, from, to)));
            kt_tensor *target = kt_constant_borrow(kt, golden_rows(y, from, to));
            kt_tensor *weight = weights.data ? kt_constant_borrow(kt, golden_rows(weights, from, to)) : NULL;
            kt_tensor *total = total_loss(&m, &t, kt, target, p, weight);
            kt_tensors variables = { m.trainable, m.n_trainable };
            kt_apply_gradients(opt, kt_gradients(total, variables), variables);
            losses[step] = kt_item(total);
            kt_scope_end(kt, scope);
            if (kt_error(kt) != KT_OK) fail_msg("%s, step %d: %s", name, step, kt_message(kt));
        }
        worst_loss = golden_compare(golden, mode, "loss", "", losses, STEPS);
        worst_w = worst_weights(&m, golden, mode);
        assert_int_equal(kt_iterations(opt), STEPS);
    }
    if (getenv("KERATIN_TEST_VERBOSE"))
        print_message("            %-40s %s/%s pred %.3f loss %.3f w %.3f\n", name, mode->backend,
                      kt_dtype_name(mode->floatx), worst_pred, worst_loss, worst_w);
    if (!(worst_pred <= 1) || !(worst_loss <= 1) || !(worst_w <= 1))
        fail_msg("%s on %s in %s: distances over what is allowed: predictions %g, losses %g, weights %g", name,
                 mode->backend, kt_dtype_name(mode->floatx), worst_pred, worst_loss, worst_w);
    kt_context_free(kt);
}

static void run_mode(void **state)
{
    const golden_mode *mode = *state;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (int i = 0; families[f].cases[i]; i++)
            run_case(families[f].prefix, &families[f], families[f].cases[i], mode);
}

int main(void)
{
    struct CMUnitTest tests[N_GOLDEN_MODES];
    char names[N_GOLDEN_MODES][40];
    golden_mode modes[N_GOLDEN_MODES];
    for (int i = 0; i < N_GOLDEN_MODES; i++) {
        modes[i] = golden_modes[i];
        snprintf(names[i], sizeof names[i], "%s in %s%s", modes[i].backend, kt_dtype_name(modes[i].floatx),
                 modes[i].eager ? ", eager" : "");
        tests[i] = (struct CMUnitTest){ names[i], run_mode, NULL, NULL, &modes[i] };
    }
    return cmocka_run_group_tests_name("nn/golden_training", tests, NULL, NULL);
}
