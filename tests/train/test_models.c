/* SPDX-License-Identifier: MIT */
/* tests/train/test_models.c: the three styles of models, nested in each other; symbols at any batch size; names,
 * layers, weights in files; predictions; and the sentences of every mistake.
 */
#include "testing.h"

#include "train/model.h"

static void fill(float *x, int n, double step)
{
    for (int i = 0; i < n; i++) x[i] = (float)sin(step * (i + 1));
}

static double at(kt_arrays *arrays, int64_t i)
{
    return golden_at(kt_arrays_at(arrays, 0), i);
}

/* ---- goldens of the styles ---- */

/* class Residual: out(h + second(h)), h = first(x) */
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

static kt_model *make_functional(kt_context *kt)
{
    kt_tensor *x = kt_symbol(kt, kt_input(6)), *h = kt_apply_layer(kt_dense(8, .activation = "tanh"), x);
    kt_layer *shared = kt_layer_new(kt, kt_dense(8, .activation = "relu"));
    kt_tensor *s = kt_call_layer(shared, kt_call_layer(shared, h));
    return kt_model_new(x, kt_apply_layer(kt_dense(2), kt_add(s, h)));
}

static kt_model *make_residual(kt_context *kt)
{
    kt_model *model = kt_model_of(kt, kt_custom(&residual_class));
    kt_model_build(model, KT_SHAPE(1, 6));
    return model;
}

static kt_model *make_nested(kt_context *kt)
{
    kt_model *innermost = kt_sequential(kt, kt_dense(4, .activation = "sigmoid"));
    kt_model *inner = kt_sequential(kt, kt_dense(5, .activation = "relu"), kt_existing(kt_model_layer(innermost)));
    return kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_existing(kt_model_layer(inner)),
                         kt_dense(2));
}

static void style_case(const char *name, kt_model *(*make)(kt_context *kt), const golden_mode *mode)
{
    kt_context *kt = kt_context_new(.backend = mode->backend, .floatx = mode->floatx, .run_eagerly = mode->eager);
    kt_arrays *golden = golden_open(kt, name);
    kt_model *model = make(kt);
    assert_fine(kt);
    set_weights(model, golden);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
    kt_array x = golden_need(golden, "x"), y = golden_need(golden, "y"), none = { .data = NULL };
    int64_t batch = (int64_t)golden_at(golden_need(golden, "batch_size"), 0), rows = x.dim[0], from = 0;
    kt_logs *logs = kt_logs_new(kt);
    double losses[20], values[1024];
    kt_arrays *pred = kt_predict(model, x);
    for (int64_t i = 0; i < rows * 2; i++) values[i] = at(pred, i);
    assert_true(golden_compare(golden, mode, "pred", "", values, rows * 2) <= 1);
    for (int step = 0; step < 20; step++) {
        int64_t to = from + batch < rows ? from + batch : rows;
        kt_train_on_batch(model, golden_rows(x, from, to), golden_rows(y, from, to), none, logs);
        assert_true(kt_logs_get(logs, "loss", &losses[step]));
        from = to == rows ? 0 : to;
    }
    assert_fine(kt);
    assert_true(golden_compare(golden, mode, "loss", "", losses, 20) <= 1);
    kt_tensors weights = kt_weights(model);
    for (int64_t i = 0; i < weights.count; i++) {
        char index[16];
        snprintf(index, sizeof index, "_%d", (int)i);
        int64_t count = kt_desc_count(kt_desc_of(weights.at[i]));
        kt_read(weights.at[i], values, KT_FLOAT64, count);
        assert_true(golden_compare(golden, mode, "w", index, values, count) <= 1);
    }
    kt_context_free(kt);
}

static void test_styles(void **state)
{
    (void)state;
    for (int m = 0; m < N_GOLDEN_MODES; m++) {
        style_case("layer_functional", make_functional, &golden_modes[m]);
        style_case("layer_subclass", make_residual, &golden_modes[m]);
        style_case("layer_nested", make_nested, &golden_modes[m]);
    }
}

/* ---- symbols ---- */

/* Ops between layers at several batch sizes: broadcasts, reshapes, slices and constants follow the batch. */
static void test_ops_between(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT64);
    double data[] = { 10, 20, 30 };
    kt_tensor *x = kt_symbol(kt, kt_input(2, 3));
    kt_tensor *rows = kt_reshape(x, KT_SHAPE(-1, 3));                            /* (2 batch, 3) */
    kt_tensor *shifted = kt_add(rows, kt_constant(kt, kt_doubles(data, 3)));     /* broadcast over 2 batch rows */
    kt_tensor *back = kt_mul(kt_reshape(shifted, KT_SHAPE(KT_SYMBOL_BATCH, 2, 3)), kt_scalar(x, 2));
    kt_tensor *centred = kt_sub(back, kt_mean_axes(back, KT_AXES(0), true));
    kt_model *model = kt_model_new(x, centred);
    assert_fine(kt);
    kt_scope_end(kt, kt_scope_begin(kt)); /* a whole pass in between: symbols live on */
    for (int64_t n = 1; n <= 5; n += 2) {
        double in[30], out[30], mean[6] = { 0 };
        for (int64_t i = 0; i < 6 * n; i++) in[i] = (double)(i * i % 17);
        kt_arrays *y = kt_predict(model, kt_doubles(in, n, 2, 3));
        assert_fine(kt);
        for (int64_t i = 0; i < 6 * n; i++) {
            out[i] = 2 * (in[i] + data[i % 3]);
            mean[i % 6] += out[i] / (double)n;
        }
        for (int64_t i = 0; i < 6 * n; i++) assert_true(fabs(at(y, i) - (out[i] - mean[i % 6])) < 1e-12);
        kt_arrays_free(y);
    }
    kt_context_free(kt);
}

static void test_many_inputs(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT64);
    kt_tensor *inputs[] = { kt_symbol(kt, kt_input(3, .name = "left")), kt_symbol(kt, kt_input(3, .name = "right")) };
    kt_tensor *both[] = { inputs[0], kt_square(inputs[1]) };
    kt_model *model = kt_model_new_many(kt, (kt_tensors){ inputs, 2 }, kt_concatenate(both, 2, 1));
    assert_fine(kt);
    double a[] = { 1, 2, 3 }, b[] = { 4, 5, 6 }, y[6];
    kt_tensor *real[] = { kt_constant(kt, kt_doubles(a, 1, 3)), kt_constant(kt, kt_doubles(b, 1, 3)) };
    assert_int_equal(kt_read(kt_call_layer_many(kt_model_layer(model), real, 2), y, KT_FLOAT64, 6), KT_OK);
    const double want[] = { 1, 2, 3, 16, 25, 36 };
    assert_memory_equal(y, want, sizeof want);
    assert_null(kt_call(model, real[0]));
    assert_error(kt, KT_ERR_VALUE, "2 inputs");
    assert_null(kt_predict(model, kt_doubles(a, 1, 3)));
    assert_error(kt, KT_ERR_UNSUPPORTED, "one input");
    kt_context_free(kt);
}

/* Random ops between layers draw anew in each call, and the same for the same seed. */
static void test_random_between(void **state)
{
    (void)state;
    double y[2][4];
    for (int k = 0; k < 2; k++) {
        kt_context *kt = test_context("ref", KT_FLOAT64);
        kt_tensor *x = kt_symbol(kt, kt_input(4));
        kt_model *model = kt_model_new(x, kt_mul(x, kt_random_uniform_like(x, 1, 2)));
        double ones[] = { 1, 1, 1, 1 }, other[4];
        kt_read(kt_call(model, kt_constant(kt, kt_doubles(ones, 1, 4))), y[k], KT_FLOAT64, 4);
        kt_read(kt_call(model, kt_constant(kt, kt_doubles(ones, 1, 4))), other, KT_FLOAT64, 4);
        assert_fine(kt);
        assert_true(memcmp(y[k], other, sizeof other) != 0);
        for (int i = 0; i < 4; i++) assert_true(y[k][i] >= 1 && y[k][i] < 2);
        kt_context_free(kt);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

static kt_tensor *counting_call(kt_layer *self, kt_tensor *x)
{
    kt_assign_add(kt_w(self, "calls"), kt_ones(kt_layer_context(self), KT_FLOAT64, KT_SCALAR_SHAPE));
    return x;
}
static kt_status counting_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_weight(self, "calls", KT_SCALAR_SHAPE, .initializer = "zeros", .not_trainable = true);
    return KT_OK;
}
static const kt_layer_class counting_class = { .name = "counting", .build = counting_build, .call = counting_call };

/* Drawing and building have no effects. */
static void test_no_effects(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT64);
    kt_layer *layer = kt_layer_new(kt, kt_custom(&counting_class));
    kt_tensor *x = kt_symbol(kt, kt_input(2));
    kt_model *model = kt_model_new(x, kt_call_layer(layer, x));
    assert_true(kt_item(kt_layer_weights(layer).at[0]) == 0);
    double in[] = { 1, 2 };
    kt_arrays_free(kt_predict(model, kt_doubles(in, 1, 2)));
    assert_true(kt_item(kt_layer_weights(layer).at[0]) == 1);
    assert_fine(kt);
    kt_context_free(kt);
}

static void test_symbol_mistakes(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT64);
    kt_tensor *x = kt_symbol(kt, kt_input(4)), *y = kt_apply_layer(kt_dense(2), x);
    double one = 1;
    assert_null(kt_symbol(kt, kt_dense(3)));
    assert_error(kt, KT_ERR_VALUE, "kt_input(10)");
    assert_true(isnan(kt_item(kt_sum(x))));
    assert_error(kt, KT_ERR_STATE, "no value");
    assert_null(kt_model_new(kt_constant(kt, kt_doubles(&one, 1)), y));
    assert_error(kt, KT_ERR_VALUE, "expected symbols as inputs");
    assert_null(kt_model_new(x, kt_constant(kt, kt_doubles(&one, 1))));
    assert_error(kt, KT_ERR_VALUE, "does not depend on");
    assert_null(kt_model_new(kt_symbol(kt, kt_input(4)), y));
    assert_error(kt, KT_ERR_VALUE, "not among the model's inputs");
    kt_tensor *twice[] = { x, x };
    assert_null(kt_model_new_many(kt, (kt_tensors){ twice, 2 }, y));
    assert_error(kt, KT_ERR_VALUE, "given twice");
    assert_null(kt_apply_layer(kt_dense(0), x));
    assert_int_not_equal(kt_error(kt), KT_OK);
    kt_clear_error(kt);
    assert_null(kt_model_new(NULL, y));
    assert_null(kt_apply_layer(kt_dense(3), NULL));
    assert_null(kt_symbol(NULL, kt_input(3)));
    kt_model *model = kt_model_new(x, y);
    double wrong[] = { 1, 2, 3 };
    assert_null(kt_predict(model, kt_doubles(wrong, 1, 3)));
    assert_error(kt, KT_ERR_SHAPE, "expected shape (None, 4)");
    kt_context_free(kt);
}

/* ---- sequential ---- */

static void test_names(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(3), kt_dense(4), kt_dense(2, .name = "head"));
    assert_string_equal(kt_model_name(model), "sequential");
    assert_string_equal(kt_layer_name(kt_model_layer_at(model, 0)), "dense");
    assert_ptr_equal(kt_model_layer_at(model, 1), kt_model_layer_named(model, "head"));
    assert_null(kt_model_layer_at(model, 2));
    assert_null(kt_model_layer_at(model, -1));
    assert_null(kt_model_layer_named(model, "haed"));
    assert_error(kt, KT_ERR_NAME, "did you mean 'head'");
    assert_string_equal(kt_variable_name(kt_weights(model).at[0]), "sequential/dense/kernel");
    assert_int_equal(kt_model_parameters(model, false), 3 * 4 + 4 + 4 * 2 + 2);
    kt_layer_set_trainable(kt_model_layer_at(model, 0), false);
    assert_int_equal(kt_model_parameters(model, true), 4 * 2 + 2);
    kt_model *second = kt_sequential(kt, kt_dense(4));
    assert_string_equal(kt_model_name(second), "sequential_1");
    assert_int_equal(kt_weights(second).count, 0); /* not built */
    assert_int_equal(kt_model_build(second, KT_SHAPE(32, 7)), KT_OK);
    assert_int_equal(kt_model_parameters(second, false), 7 * 4 + 4);
    kt_model_free(second);
    kt_model_free(NULL);
    assert_fine(kt);
    kt_context_free(kt);
}

static void test_sequential_mistakes(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    assert_null(kt_sequential(kt, kt_dense(4), kt_input(3)));
    assert_error(kt, KT_ERR_VALUE, "move it to the front");
    assert_null(kt_sequential(kt, kt_input(3), kt_dense(4, .activation = "rellu")));
    assert_error(kt, KT_ERR_NAME, "did you mean 'relu'");
    assert_null(kt_sequential(kt, (kt_layer_spec){ .cls = NULL }));
    assert_error(kt, KT_ERR_VALUE, "description");
    assert_null(kt_sequential_new(NULL, NULL, 0));
    kt_model *model = kt_sequential(kt, kt_input(3), kt_dense(4));
    assert_int_equal(kt_model_build(model, KT_SCALAR_SHAPE), KT_ERR_SHAPE);
    assert_error(kt, KT_ERR_SHAPE, "batch size in front");
    kt_context_free(kt);
}

/* ---- what fit and its like refuse ---- */

static void test_fit_mistakes(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(3), kt_dense(2));
    float x[12], y[8];
    fill(x, 12, 1);
    fill(y, 8, 2);
    kt_array ax = kt_floats(x, 4, 3), ay = kt_floats(y, 4, 2), none = { .data = NULL };
    assert_int_equal(kt_fit(model, ax, ay), KT_ERR_STATE);
    assert_error(kt, KT_ERR_STATE, "not compiled");
    assert_int_equal(kt_compile(model, .loss = "mse"), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, ".optimizer = kt_adam()");
    assert_int_equal(kt_compile(model, .optimizer_name = "adma", .loss = "mse"), KT_ERR_NAME);
    assert_error(kt, KT_ERR_NAME, "did you mean");
    assert_int_equal(kt_compile(model, .optimizer = kt_adam(), .loss = "msee"), KT_ERR_NAME);
    assert_error(kt, KT_ERR_NAME, "did you mean 'mse'");
    assert_int_equal(kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .metrics = { "maee" }), KT_ERR_NAME);
    assert_error(kt, KT_ERR_NAME, "did you mean 'mae'");
    assert_int_equal(kt_compile(model, .optimizer = kt_adam(), .loss = "mse",
                                .loss_spec = kt_mean_squared_error_loss()),
                     KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "one of loss");
    assert_int_equal(kt_compile(model, .optimizer = kt_adam()), KT_OK);
    assert_int_equal(kt_fit(model, ax, ay), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "nothing to train on");
    assert_int_equal(kt_compile(model, .optimizer_name = "ADAM", .loss = "mse"), KT_OK);
    const struct { kt_status status; const char *words; kt_fit_config c; } cases[] = {
        { KT_ERR_VALUE, "no array x", { .x = none } },
        { KT_ERR_VALUE, "expected targets y", { .x = ax } },
        { KT_ERR_SHAPE, "rows in y", { .x = ax, .y = kt_floats(y, 3, 2) } },
        { KT_ERR_SHAPE, "at least one row", { .x = kt_floats(x, 0, 3), .y = kt_floats(y, 0, 2) } },
        { KT_ERR_SHAPE, "rank 0", { .x = kt_array_of(x, KT_FLOAT32, KT_SCALAR_SHAPE), .y = ay } },
        { KT_ERR_SHAPE, "", { .x = kt_floats(x, 6, 2), .y = kt_floats(y, 6, 1) } },
        { KT_ERR_SHAPE, "rows in sample_weight", { .x = ax, .y = ay, .sample_weight = kt_floats(y, 3) } },
        { KT_ERR_VALUE, "batch_size", { .x = ax, .y = ay, .batch_size = -1 } },
        { KT_ERR_VALUE, "epochs", { .x = ax, .y = ay, .epochs = -1 } },
        { KT_ERR_VALUE, "validation_split", { .x = ax, .y = ay, .validation_split = 1.5 } },
        { KT_ERR_VALUE, "validation_split", { .x = ax, .y = ay, .validation_split = 0.9 } },
        { KT_ERR_VALUE, "class_weight or sample_weight", { .x = ax, .y = ay, .sample_weight = kt_floats(y, 4),
          .class_weight = (kt_class_weight[]){ { 0, 1 } }, .class_weight_count = 1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kt_fit_config c = cases[i].c;
        c.size = sizeof c;
        if (kt_fit_with(model, &c) == KT_OK) fail_msg("case %d was not refused", (int)i);
        assert_error(kt, cases[i].status, cases[i].words);
    }
    assert_int_equal(kt_evaluate(model, NULL, ax, ay, .steps = -1), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "steps");
    kt_dataset *data = kt_dataset_new(kt, ax, ay);
    assert_int_equal(kt_fit(model, ax, ay, .data = data), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "got both");
    assert_int_equal(kt_fit(model, .data = data, .batch_size = 3), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "its own batch size");
    assert_int_equal(kt_fit(model, .data = data, .validation_split = 0.5), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "needs arrays");
    assert_int_equal(kt_fit(model, ax, ay), KT_OK); /* and after all of that it works */
    assert_int_equal(kt_fit(NULL, ax, ay), KT_ERR_VALUE);
    assert_int_equal(kt_compile(NULL, .loss = "mse"), KT_ERR_VALUE);
    assert_int_equal(kt_evaluate(NULL, NULL, ax, ay), KT_ERR_VALUE);
    assert_null(kt_predict(NULL, ax));
    assert_int_equal(kt_summary(NULL), KT_ERR_VALUE);
    assert_int_equal(kt_save_weights(NULL, "x"), KT_ERR_VALUE);
    assert_null(kt_call(NULL, NULL));
    assert_int_equal(kt_trainable(NULL).count, 0);
    kt_context_free(kt);
}

/* Integers, bytes and doubles are data too. */
static void test_dtypes(void **state)
{
    (void)state;
    double losses[5];
    for (int kind = 0; kind < 5; kind++) {
        kt_context *kt = test_context("ref", KT_FLOAT32);
        unsigned char bytes[8 * 3], labels[8];
        double doubles[8 * 3];
        int32_t ints[8 * 3];
        float floats[8 * 3];
        int64_t ids[8];
        for (int i = 0; i < 24; i++) doubles[i] = ints[i] = bytes[i] = (unsigned char)(i * 7 % 5);
        for (int i = 0; i < 24; i++) floats[i] = (float)bytes[i];
        for (int i = 0; i < 8; i++) ids[i] = labels[i] = (unsigned char)(i % 3);
        kt_model *model =
            kt_sequential(kt, kt_input(3), kt_dense(3, .activation = "softmax", .kernel_initializer = "ones"));
        kt_compile(model, .optimizer = kt_sgd(0.1), .loss = "sparse_categorical_crossentropy",
                   .metrics = { "accuracy" });
        const kt_array inputs[] = { kt_floats(floats, 8, 3), kt_doubles(doubles, 8, 3), kt_ints(ints, 8, 3),
                                    kt_array_of(bytes, KT_UINT8, KT_SHAPE(8, 3)), kt_floats(floats, 8, 3) };
        kt_array x = inputs[kind];
        kt_array y = kind == 3 ? kt_array_of(labels, KT_UINT8, KT_SHAPE(8)) : kt_array_of(ids, KT_INT64, KT_SHAPE(8));
        kt_fit(model, x, y, .epochs = 3, .no_shuffle = true);
        assert_fine(kt);
        losses[kind] = kt_history_value(kt_model_history(model), "loss", 2);
        kt_context_free(kt);
    }
    for (int kind = 1; kind < 5; kind++) assert_true(losses[kind] == losses[0]);
}

/* ---- weights in files ---- */

static void test_weights_file(void **state)
{
    (void)state;
    char folder[256], path[300], other[300];
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/w.npz", folder);
    snprintf(other, sizeof other, "%s/nowhere/w.npz", folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(3), kt_dense(4), kt_normalization(), kt_dense(2, .name = "head"));
    float before[12], after[12];
    kt_read(kt_weights(model).at[0], before, KT_FLOAT32, 12);
    assert_int_equal(kt_save_weights(model, path), KT_OK);
    kt_arrays *file = kt_read_npz(kt, path);
    assert_int_equal(kt_arrays_count(file), kt_weights(model).count);
    assert_non_null(kt_arrays_get(file, "dense/kernel").data);
    assert_non_null(kt_arrays_get(file, "head/bias").data);
    kt_variable_fill(kt_weights(model).at[0], 7);
    assert_int_equal(kt_load_weights(model, path), KT_OK);
    kt_read(kt_weights(model).at[0], after, KT_FLOAT32, 12);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(kt_save_weights(model, other), KT_ERR_IO);
    assert_error(kt, KT_ERR_IO, "nowhere");
    assert_int_not_equal(kt_load_weights(model, other), KT_OK);
    kt_clear_error(kt);
    kt_model *wider = kt_sequential(kt, kt_input(3), kt_dense(4, .name = "dense"),
                                    kt_normalization(.name = "normalization"), kt_dense(3, .name = "head"));
    kt_variable_fill(kt_weights(wider).at[0], 7); /* it would fit; the last one does not */
    assert_int_equal(kt_load_weights(wider, path), KT_ERR_SHAPE);
    assert_error(kt, KT_ERR_SHAPE, "head/kernel");
    float untouched[12];
    kt_read(kt_weights(wider).at[0], untouched, KT_FLOAT32, 12);
    for (int i = 0; i < 12; i++) assert_true(untouched[i] == 7);
    kt_model *renamed = kt_sequential(kt, kt_input(3), kt_dense(4, .name = "tail"));
    assert_int_equal(kt_load_weights(renamed, path), KT_ERR_NAME);
    assert_error(kt, KT_ERR_NAME, "'tail/kernel'");
    kt_model *unbuilt = kt_sequential(kt, kt_dense(4));
    assert_int_equal(kt_save_weights(unbuilt, path), KT_ERR_STATE);
    assert_error(kt, KT_ERR_STATE, "kt_model_build");
    assert_int_equal(kt_save_weights(model, NULL), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "path");
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- predictions ---- */

static void test_predict_into(void **state)
{
    (void)state;
    static const golden_mode modes[] = {
        { .backend = "ref", .floatx = KT_FLOAT64 }, { .backend = "ref", .floatx = KT_FLOAT32 },
        { .backend = "cpu", .floatx = KT_FLOAT32 }, { .backend = "cpu", .floatx = KT_FLOAT64 },
    };
    for (int m = 0; m < 5; m++) {
        kt_context *kt =
            kt_context_new(.backend = modes[m % 4].backend, .floatx = modes[m % 4].floatx, .run_eagerly = m == 4);
        kt_model *model = kt_sequential(kt, kt_input(5), kt_dense(16, .activation = "relu"), kt_dense(3));
        float x[20], y[12], again[12];
        fill(x, 20, 0.7);
        kt_arrays *want = kt_predict(model, kt_floats(x, 4, 5));
        for (int64_t rows = 1; rows <= 4; rows++) {
            assert_int_equal(kt_predict_into(model, rows, x, rows * 5, y, rows * 3), KT_OK);
            for (int i = 0; i < rows * 3; i++) assert_true(fabs((double)y[i] - at(want, i)) < 1e-6);
        }
        for (int i = 0; i < 4; i++) assert_int_equal(kt_predict_into(model, 1, x + 5 * i, 5, again + 3 * i, 3), KT_OK);
        for (int i = 0; i < 12; i++) assert_true(fabs((double)(again[i] - y[i])) < 1e-6);
        kt_memory_use before = kt_memory(kt);
        for (int i = 0; i < 100 && m != 4; i++)
            kt_predict_into(model, 1 + i % 3, x, (1 + i % 3) * 5, y, (1 + i % 3) * 3);
        assert_int_equal(kt_memory(kt).allocations, m == 4 ? kt_memory(kt).allocations : before.allocations);
        assert_int_equal(kt_predict_into(model, 1, x, 4, y, 3), KT_ERR_SHAPE);
        assert_error(kt, KT_ERR_SHAPE, "expected 5 numbers");
        assert_int_equal(kt_predict_into(model, 2, x, 10, y, 5), KT_ERR_SHAPE);
        assert_error(kt, KT_ERR_SHAPE, "room for 6 numbers");
        assert_int_equal(kt_predict_into(model, 0, x, 0, y, 0), KT_ERR_VALUE);
        assert_error(kt, KT_ERR_VALUE, "1 row");
        if (m != 4) {
            assert_int_equal(kt_predict_into(model, 1, NULL, 5, y, 3), KT_ERR_VALUE);
            assert_error(kt, KT_ERR_VALUE, "NULL");
        }
        assert_int_equal(kt_predict_into(model, 1, x, 5, y, 3), KT_OK);
        kt_context_free(kt);
    }
}

/* Weights that change are seen; a model compiled anew, too. */
static void test_predict_follows(void **state)
{
    (void)state;
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(2), kt_dense(1, .kernel_initializer = "ones"));
    float x[] = { 1, 2 }, y;
    kt_predict_into(model, 1, x, 2, &y, 1);
    assert_true(y == 3);
    kt_variable_fill(kt_weights(model).at[0], 2);
    kt_predict_into(model, 1, x, 2, &y, 1);
    assert_true(y == 6);
    kt_compile(model, .optimizer = kt_sgd(0.1), .loss = "mse");
    kt_predict_into(model, 1, x, 2, &y, 1);
    assert_true(y == 6);
    assert_fine(kt);
    kt_context_free(kt);
}

static kt_tensor *collapse_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_mean(x);
}
static const kt_layer_class collapse_class = { .name = "collapse", .call = collapse_call };

static void test_predict_mistakes(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(2), kt_custom(&collapse_class));
    float x[] = { 1, 2 };
    assert_null(kt_predict(model, kt_floats(x, 1, 2)));
    assert_error(kt, KT_ERR_SHAPE, "rows as first axis");
    assert_null(kt_predict(model, kt_floats(x, 0, 2)));
    assert_error(kt, KT_ERR_SHAPE, "x is empty");
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_styles),          cmocka_unit_test(test_ops_between),
        cmocka_unit_test(test_many_inputs),     cmocka_unit_test(test_random_between),
        cmocka_unit_test(test_no_effects),      cmocka_unit_test(test_symbol_mistakes),
        cmocka_unit_test(test_names),           cmocka_unit_test(test_sequential_mistakes),
        cmocka_unit_test(test_fit_mistakes),    cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_weights_file),    cmocka_unit_test(test_predict_into),
        cmocka_unit_test(test_predict_follows), cmocka_unit_test(test_predict_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
