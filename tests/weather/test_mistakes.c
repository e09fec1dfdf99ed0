/* SPDX-License-Identifier: MIT */
/* tests/weather/test_mistakes.c: wrong shapes, types, names, numbers and options given to public functions: each a status and a
 * sentence that says what was expected, what was received, and what to do; nothing is printed and the context goes on.
 *
 * One line is one mistake: the status, words of the sentence, the call. Ops have their own list (tests/ops/test_mistakes.c),
 * readers of files theirs (test_files.c).
 */
#include <keratin/op.h>

#include "weather.h"

static kt_context *kt;
static int wrong;

/* Where stands in front of a colon; then what was expected, what was received, what to do, in whatever words: two clauses or more. */
static bool has_parts(const char *sentence)
{
    static const char *const between[] = { "; ", ", ", ": " };
    const char *where = strstr(sentence, ": ");
    bool clauses = false;
    for (size_t i = 0; where && i < sizeof between / sizeof *between; i++) clauses = clauses || strstr(where + 2, between[i]);
    return clauses && strlen(sentence) > 30;
}

static void check(const char *call, kt_status status, const char *part)
{
    const char *message = kt_message(kt);
    if (kt_error(kt) != status || !strstr(message, part) || !has_parts(message)) {
        wrong++;
        print_error("%s\n    expected %s with '%s'\n    got %s: %s\n", call, kt_status_name(status), part, kt_status_name(kt_error(kt)), message);
    }
    kt_clear_error(kt);
}

#define WRONG(status, part, ...) ((void)(__VA_ARGS__), check(#__VA_ARGS__, (status), (part)))

/* A test begins with a context and ends by computing something in it. */
static int set_up(void **state)
{
    (void)state;
    kt = test_context("cpu", KT_FLOAT32);
    wrong = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    double three = kt_item(kt_sum(kt_ones(kt, KT_FLOAT32, KT_SHAPE(3))));
    kt_context_free(kt);
    return three == 3 ? 0 : -1;
}

/* ---- contexts ---- */

static void refused(kt_context_config config, kt_status status, const char *part)
{
    char message[256] = "";
    config.size = config.size ? config.size : sizeof config;
    assert_null(kt_context_new_with(&config));
    assert_int_equal(kt_context_check(&config, message, sizeof message), status);
    if (!strstr(message, part)) fail_msg("expected '%s' in: %s", part, message);
}

static void *some_memory(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void contexts(void **state)
{
    (void)state;
    refused((kt_context_config){ .backend = "gpu" }, KT_ERR_NAME, "'gpu'");
    refused((kt_context_config){ .backend = "cp" }, KT_ERR_NAME, "did you mean 'cpu'");
    refused((kt_context_config){ .isa = "avx1024" }, KT_ERR_UNSUPPORTED, "avx1024");
    refused((kt_context_config){ .threads = -1 }, KT_ERR_VALUE, "got -1");
    refused((kt_context_config){ .threads = 1 << 30 }, KT_ERR_VALUE, "1073741824");
    refused((kt_context_config){ .floatx = KT_INT32 }, KT_ERR_DTYPE, "KT_FLOAT32");
    refused((kt_context_config){ .size = 4 }, KT_ERR_VALUE, "kt_context_new");
    refused((kt_context_config){ .allocator = { .allocate = some_memory } }, KT_ERR_VALUE, "allocator");
}

/* ---- tensors, variables, scopes ---- */

static void tensors(void **state)
{
    (void)state;
    float f[12] = { 0 };
    kt_tensor *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 3)), *v = kt_variable_zeros(kt, "v", KT_FLOAT32, KT_SHAPE(2, 3));
    kt_context *other = test_context("ref", KT_FLOAT32);
    kt_tensor *foreign = kt_ones(other, KT_FLOAT32, KT_SHAPE(2, 3)), *foreign_v = kt_variable_zeros(other, "w", KT_FLOAT32, KT_SHAPE(2, 3));
    WRONG(KT_ERR_SHAPE, "-2", kt_constant(kt, kt_floats(f, -2, 3)));
    WRONG(KT_ERR_SHAPE, "rank", kt_constant(kt, (kt_array){ f, KT_FLOAT32, 9, { 1 } }));
    WRONG(KT_ERR_SHAPE, "rank", kt_constant(kt, (kt_array){ f, KT_FLOAT32, -1, { 1 } }));
    WRONG(KT_ERR_DTYPE, "77", kt_constant(kt, (kt_array){ f, (kt_dtype)77, 1, { 3 } }));
    WRONG(KT_ERR_SHAPE, "multiply to more", kt_zeros(kt, KT_FLOAT32, KT_SHAPE(INT64_MAX / 2, 8)));
    WRONG(KT_ERR_SHAPE, "-3", kt_zeros(kt, KT_FLOAT32, KT_SHAPE(-3)));
    WRONG(KT_ERR_DTYPE, "77", kt_zeros(kt, (kt_dtype)77, KT_SHAPE(3)));
    WRONG(KT_ERR_DTYPE, "77", kt_scalar_new(kt, (kt_dtype)77, 1));
    WRONG(KT_ERR_SHAPE, "one element", kt_item(x));
    WRONG(KT_ERR_VALUE, "got 7", kt_read(x, f, KT_FLOAT32, 7));
    WRONG(KT_ERR_VALUE, "of type", kt_read(x, f, (kt_dtype)77, 6));
    WRONG(KT_ERR_SHAPE, "-3", kt_variable_zeros(kt, "bad", KT_FLOAT32, KT_SHAPE(-3)));
    WRONG(KT_ERR_SHAPE, "v", kt_assign(v, kt_ones(kt, KT_FLOAT32, KT_SHAPE(3, 2))));
    WRONG(KT_ERR_VALUE, "variable", kt_assign(x, x));
    WRONG(KT_ERR_VALUE, "variable", kt_assign_add(x, x));
    WRONG(KT_ERR_SHAPE, "v", kt_assign_add(v, kt_ones(kt, KT_FLOAT32, KT_SHAPE(3, 2))));
    WRONG(KT_ERR_VALUE, "context", kt_assign(v, foreign));
    WRONG(KT_ERR_SHAPE, "v", kt_variable_set(v, kt_floats(f, 3, 2)));
    WRONG(KT_ERR_VALUE, "variable", kt_variable_set(x, kt_floats(f, 2, 3)));
    WRONG(KT_ERR_VALUE, "variable", kt_variable_fill(x, 1));
    WRONG(KT_ERR_VALUE, "context", kt_add(x, foreign));
    WRONG(KT_ERR_VALUE, "context", kt_gradient(x, foreign));
    WRONG(KT_ERR_VALUE, "context", kt_gradient(x, foreign_v));
    WRONG(KT_ERR_VALUE, "context", kt_compute((kt_tensor *[]){ foreign, x }, 2));
    WRONG(KT_ERR_DTYPE, "int32", kt_gradient(kt_cast(x, KT_INT32), v));
    WRONG(KT_ERR_VALUE, "outputs", kt_output(x, 3));
    kt_context_free(other);
}

/* ---- rows of extenders ---- */

static kt_status silent_infer(kt_infer *q)
{
    (void)q;
    return KT_ERR_SHAPE;
}
static kt_status same_infer(kt_infer *q)
{
    *kt_out(q, 0) = *kt_in(q, 0);
    return KT_OK;
}
static kt_status no_kernel(kt_run *r)
{
    (void)r;
    return KT_ERR_UNSUPPORTED;
}
static void wrong_grad(kt_grad *q)
{
    kt_grad_set(q, 0, kt_ones(kt, KT_FLOAT32, KT_SHAPE(7)));
}

static void rows(void **state)
{
    (void)state;
    static const kt_op silent_row = { .name = "silent", .n_in = 1, .n_out = 1, .infer = silent_infer, .kernel = no_kernel };
    static const kt_op failing_row = { .name = "failing", .n_in = 1, .n_out = 1, .infer = same_infer, .kernel = no_kernel, .grad = wrong_grad };
    static const kt_op empty = { .name = "empty", .n_in = 1, .n_out = 1 };
    static const kt_op wide = { .name = "wide", .n_in = 1, .n_out = 9, .infer = same_infer, .kernel = no_kernel };
    static const kt_op slots = { .name = "slots", .n_in = 1, .n_out = 1, .n_slots = 2, .infer = same_infer, .kernel = no_kernel };
    kt_tensor *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 3));
    WRONG(KT_ERR_SHAPE, "silent", kt_apply1(&silent_row, x, NULL));
    WRONG(KT_ERR_VALUE, "expected 1 inputs, got 2", kt_apply2(&failing_row, x, x, NULL));
    WRONG(KT_ERR_VALUE, "empty", kt_apply1(&empty, x, NULL));
    WRONG(KT_ERR_VALUE, "wide", kt_apply1(&wide, x, NULL));
    WRONG(KT_ERR_VALUE, "slots", kt_apply1(&slots, x, NULL));
    kt_item(kt_sum(kt_apply1(&failing_row, x, NULL))); /* the kernel's own status */
    assert_error(kt, KT_ERR_UNSUPPORTED, "failing");
    WRONG(KT_ERR_SHAPE, "failing", kt_gradient(kt_sum(kt_apply1(&failing_row, x, NULL)), x));
}

/* ---- layers ---- */

static kt_tensor *call_nothing(kt_layer *self, kt_tensor *x)
{
    (void)self, (void)x;
    return NULL;
}
static kt_status build_nothing(kt_layer *self, const kt_desc *x)
{
    (void)self, (void)x;
    return KT_ERR_VALUE;
}
static kt_tensor *call_unknown_weight(kt_layer *self, kt_tensor *x)
{
    return kt_mul(x, kt_w(self, "kernal"));
}
static kt_status build_twice(kt_layer *self, const kt_desc *x)
{
    (void)x;
    return kt_weight(self, "kernel", KT_SHAPE(2)) && kt_weight(self, "kernel", KT_SHAPE(2)) ? KT_OK : kt_error(kt_layer_context(self));
}
static kt_status build_kernel(kt_layer *self, const kt_desc *x)
{
    (void)x;
    return kt_weight(self, "kernel", KT_SHAPE(6)) ? KT_OK : kt_error(kt_layer_context(self));
}
static kt_status build_shapeless(kt_layer *self, const kt_desc *x)
{
    (void)x;
    return kt_weight(self, "kernel", KT_SHAPE(-2)) ? KT_OK : kt_error(kt_layer_context(self));
}
static kt_status build_named(kt_layer *self, const kt_desc *x)
{
    (void)x;
    return kt_weight(self, "kernel", KT_SHAPE(2), .initializer = "glorot_unifrom") ? KT_OK : kt_error(kt_layer_context(self));
}

static void layer_classes(void **state)
{
    (void)state;
    static const kt_layer_class nothing = { .name = "Nothing", .call = call_nothing }, callless = { .name = "Callless" },
                                builder = { .name = "Builder", .build = build_nothing, .call = call_nothing },
                                speller = { .name = "Speller", .build = build_kernel, .call = call_unknown_weight },
                                twice = { .name = "Twice", .build = build_twice, .call = call_nothing },
                                shapeless = { .name = "Shapeless", .build = build_shapeless, .call = call_nothing },
                                named = { .name = "Named", .build = build_named, .call = call_nothing },
                                huge = { .name = "Huge", .config_size = 5000, .call = call_nothing };
    kt_tensor *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 6));
    WRONG(KT_ERR_VALUE, "nothing", kt_call_layer(kt_layer_new(kt, kt_custom(&nothing)), x));
    WRONG(KT_ERR_VALUE, "builder", kt_call_layer(kt_layer_new(kt, kt_custom(&builder)), x));
    WRONG(KT_ERR_STATE, "Callless", kt_call_layer(kt_layer_new(kt, kt_custom(&callless)), x));
    WRONG(KT_ERR_NAME, "did you mean 'kernel'", kt_call_layer(kt_layer_new(kt, kt_custom(&speller)), x));
    WRONG(KT_ERR_NAME, "kernel", kt_call_layer(kt_layer_new(kt, kt_custom(&twice)), x));
    WRONG(KT_ERR_SHAPE, "-2", kt_call_layer(kt_layer_new(kt, kt_custom(&shapeless)), x));
    WRONG(KT_ERR_NAME, "did you mean 'glorot_uniform'", kt_call_layer(kt_layer_new(kt, kt_custom(&named)), x));
    WRONG(KT_ERR_VALUE, "Huge", kt_layer_new(kt, kt_custom(&huge, .config = x)));
    WRONG(KT_ERR_VALUE, "class", kt_layer_new(kt, kt_custom(NULL)));
}

static void layers(void **state)
{
    (void)state;
    double mean[2] = { 0, 0 };
    float rows2[4] = { 0 };
    kt_tensor *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 6));
    kt_layer *dense = kt_layer_new(kt, kt_dense(4)), *dropout = kt_layer_new(kt, kt_dropout(0.5));
    kt_call_layer(dense, x);
    WRONG(KT_ERR_VALUE, "units", kt_layer_new(kt, kt_dense(0)));
    WRONG(KT_ERR_VALUE, "-3", kt_layer_new(kt, kt_dense(-3)));
    WRONG(KT_ERR_NAME, "did you mean 'relu'", kt_layer_new(kt, kt_dense(3, .activation = "relo")));
    WRONG(KT_ERR_NAME, "did you mean 'zeros'", kt_call_layer(kt_layer_new(kt, kt_dense(3, .bias_initializer = "zeroes")), x));
    WRONG(KT_ERR_NAME, "did you mean", kt_call_layer(kt_layer_new(kt, kt_dense(3, .kernel_regularizer = "l3")), x));
    WRONG(KT_ERR_NAME, "swishh", kt_layer_new(kt, kt_activation("swishh")));
    WRONG(KT_ERR_VALUE, "1.5", kt_layer_new(kt, kt_dropout(1.5)));
    WRONG(KT_ERR_VALUE, "-0.5", kt_layer_new(kt, kt_dropout(-0.5)));
    WRONG(KT_ERR_VALUE, "nan", kt_layer_new(kt, kt_dropout((double)NAN)));
    WRONG(KT_ERR_VALUE, "variance", kt_layer_new(kt, kt_normalization(.mean = mean, .count = 2)));
    WRONG(KT_ERR_SHAPE, "6", kt_call_layer(dense, kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 5))));
    WRONG(KT_ERR_SHAPE, "rank 0", kt_call_layer(dense, kt_ones(kt, KT_FLOAT32, KT_SCALAR_SHAPE)));
    WRONG(KT_ERR_VALUE, "one tensor, got 2", kt_call_layer_many(dense, (kt_tensor *[]){ x, x }, 2));
    WRONG(KT_ERR_VALUE, "Normalization", kt_adapt(dropout, kt_floats(rows2, 2, 2)));
    WRONG(KT_ERR_NAME, "did you mean 'kernel'", kt_w(dense, "kernle"));
    WRONG(KT_ERR_NAME, "sub", kt_sublayer(dense, "sub"));
    WRONG(KT_ERR_NAME, "did you mean 'tanh'", kt_activate(kt, "thanh", x));
}

/* ---- models ---- */

static void models(void **state)
{
    (void)state;
    small_data d = make_small_data();
    float room[8];
    kt_model *model = small_model(kt), *shapeless = kt_sequential(kt, kt_dense(3)), *plain = kt_sequential(kt, kt_input(INPUTS), kt_dense(1));
    kt_tensor *s = kt_symbol(kt, kt_input(4)), *t = kt_symbol(kt, kt_input(4)), *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, INPUTS));
    assert_fine(kt);
    WRONG(KT_ERR_VALUE, "NULL", kt_sequential_new(kt, NULL, 2));
    WRONG(KT_ERR_VALUE, "first layer", kt_sequential(kt, kt_dense(3), kt_input(3)));
    WRONG(KT_ERR_SHAPE, "-1", kt_sequential(kt, kt_input(-1), kt_dense(3)));
    WRONG(KT_ERR_VALUE, "kt_input", kt_symbol(kt, kt_dense(3)));
    WRONG(KT_ERR_VALUE, "symbol", kt_model_new(x, x));
    WRONG(KT_ERR_VALUE, "input", kt_model_new(s, kt_mul(t, t)));
    WRONG(KT_ERR_STATE, "symbol", kt_item(kt_sum(s)));
    WRONG(KT_ERR_NAME, "did you mean 'dense", kt_model_layer_named(plain, "dense_"));
    WRONG(KT_ERR_SHAPE, "rank", kt_model_build(plain, (kt_shape){ 99, { 0 } }));
    WRONG(KT_ERR_SHAPE, "6", kt_call(plain, kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 7))));
    WRONG(KT_ERR_STATE, "compile", kt_fit(plain, X(d), Y(d)));
    WRONG(KT_ERR_STATE, "compile", kt_evaluate(plain, NULL, X(d), Y(d)));
    WRONG(KT_ERR_STATE, "compile", kt_train_on_batch(plain, X(d), Y(d), (kt_array){ .data = NULL }, NULL));
    WRONG(KT_ERR_STATE, "kt_model_build", kt_save_weights(shapeless, "/tmp/never.npz"));
    WRONG(KT_ERR_SHAPE, "6", kt_predict(model, kt_floats(d.x, 8, 7)));
    WRONG(KT_ERR_VALUE, "-4", kt_predict(model, X(d), .batch_size = -4));
    WRONG(KT_ERR_SHAPE, "5", kt_predict_into(model, 1, d.x, 5, room, 1));
    WRONG(KT_ERR_SHAPE, "2", kt_predict_into(model, 1, d.x, INPUTS, room, 2));
    WRONG(KT_ERR_VALUE, "-1", kt_predict_into(model, -1, d.x, INPUTS, room, 1));
    WRONG(KT_ERR_SHAPE, "rows", kt_predict_into(model, INT64_MAX, d.x, INPUTS, room, 1));
}

static void compiles(void **state)
{
    (void)state;
    kt_model *model = kt_sequential(kt, kt_input(INPUTS), kt_dense(1));
    WRONG(KT_ERR_VALUE, "optimizer", kt_compile(model, .loss = "mse"));
    WRONG(KT_ERR_NAME, "did you mean 'adam'", kt_compile(model, .optimizer_name = "adm", .loss = "mse"));
    WRONG(KT_ERR_NAME, "did you mean", kt_compile(model, .optimizer = kt_adam(), .loss = "mean_square_error"));
    WRONG(KT_ERR_NAME, "did you mean", kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .metrics = { "acuracy" }));
    WRONG(KT_ERR_NAME, "did you mean", kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .weighted_metrics = { "maee" }));
    WRONG(KT_ERR_VALUE, "-0.1", kt_compile(model, .optimizer = kt_adam(.learning_rate = -0.1), .loss = "mse"));
    WRONG(KT_ERR_VALUE, "nan", kt_compile(model, .optimizer = kt_sgd(.learning_rate = (double)NAN), .loss = "mse"));
    WRONG(KT_ERR_VALUE, "clip", kt_compile(model, .optimizer = kt_adam(.clipnorm = 1, .clipvalue = 1), .loss = "mse"));
    WRONG(KT_ERR_VALUE, "beta_1", kt_compile(model, .optimizer = kt_adam(.beta_1 = 1.5), .loss = "mse"));
    WRONG(KT_ERR_VALUE, "momentum", kt_compile(model, .optimizer = kt_sgd(0.1, .momentum = -1), .loss = "mse"));
    WRONG(KT_ERR_VALUE, "from_logits", kt_compile(model, .optimizer = kt_adam(), .loss_spec = kt_mean_squared_error_loss(.from_logits = true)));
    WRONG(KT_ERR_VALUE, "smoothing", kt_compile(model, .optimizer = kt_adam(),
                                                .loss_spec = kt_binary_crossentropy_loss(.label_smoothing = 3)));
    WRONG(KT_ERR_VALUE, "optimizer", kt_compile_with(model, &(kt_compile_config){ .loss = "mse" }));
}

static void fits(void **state)
{
    (void)state;
    small_data d = make_small_data();
    int32_t ids[ROWS] = { 0 };
    kt_array x = X(d), y = Y(d), none = { .data = NULL };
    kt_model *model = small_model(kt);
    kt_context *other = test_context("ref", KT_FLOAT32);
    kt_dataset *data = kt_dataset_new(kt, x, y), *foreign = kt_dataset_new(other, x, y);
    WRONG(KT_ERR_VALUE, "data", kt_fit(model, none, none));
    WRONG(KT_ERR_VALUE, "context", kt_fit(model, .data = foreign));
    kt_context_free(other);
    WRONG(KT_ERR_VALUE, "both", kt_fit(model, x, y, .data = data));
    WRONG(KT_ERR_SHAPE, "63", kt_fit(model, x, kt_floats(d.y, 63, 1)));
    WRONG(KT_ERR_SHAPE, "got 5", kt_fit(model, kt_floats(d.x, ROWS, 5), y));
    WRONG(KT_ERR_SHAPE, "got (32, 2)", kt_fit(model, x, kt_floats(d.x, ROWS, 2)));
    WRONG(KT_ERR_SHAPE, "x is empty", kt_fit(model, kt_floats(d.x, 0, INPUTS), kt_floats(d.y, 0, 1)));
    WRONG(KT_ERR_SHAPE, "sample_weight", kt_fit(model, x, y, .sample_weight = kt_floats(d.y, 3)));
    WRONG(KT_ERR_VALUE, "-1", kt_fit(model, x, y, .batch_size = -1));
    WRONG(KT_ERR_VALUE, "-5", kt_fit(model, x, y, .epochs = -5));
    WRONG(KT_ERR_VALUE, "-5", kt_fit(model, x, y, .initial_epoch = -5));
    WRONG(KT_ERR_VALUE, "-2", kt_fit(model, x, y, .steps_per_epoch = -2));
    WRONG(KT_ERR_VALUE, "1.5", kt_fit(model, x, y, .validation_split = 1.5));
    WRONG(KT_ERR_VALUE, "-0.2", kt_fit(model, x, y, .validation_split = -0.2));
    WRONG(KT_ERR_VALUE, "nan", kt_fit(model, x, y, .validation_split = (double)NAN));
    WRONG(KT_ERR_VALUE, "validation_split", kt_fit(model, none, none, .data = data, .validation_split = 0.2));
    WRONG(KT_ERR_SHAPE, "got 5", kt_fit(model, x, y, .validation_x = kt_floats(d.x, 8, 5), .validation_y = kt_floats(d.y, 8, 1)));
    WRONG(KT_ERR_VALUE, "targets y", kt_fit(model, x, y, .validation_x = x));
    WRONG(KT_ERR_VALUE, "-1", kt_fit(model, x, y, .validation_split = 0.5, .validation_freq = -1));
    WRONG(KT_ERR_VALUE, "-1", kt_fit(model, x, y, .validation_split = 0.5, .validation_batch_size = -1));
    WRONG(KT_ERR_VALUE, "class_weight", kt_fit(model, x, y, .class_weight = (kt_class_weight[]){ { 0, 1 } }, .class_weight_count = -3));
    WRONG(KT_ERR_SHAPE, "got 5", kt_evaluate(model, NULL, kt_floats(d.x, ROWS, 5), y));
    WRONG(KT_ERR_VALUE, "-1", kt_evaluate(model, NULL, x, y, .batch_size = -1));
    WRONG(KT_ERR_SHAPE, "63", kt_train_on_batch(model, x, kt_floats(d.y, 63, 1), none, NULL));
    kt_model *classes = kt_sequential(kt, kt_input(INPUTS), kt_dense(4, .activation = "softmax"));
    kt_compile(classes, .optimizer = kt_adam(), .loss = "sparse_categorical_crossentropy", .metrics = { "accuracy" });
    WRONG(KT_ERR_SHAPE, "(", kt_fit(classes, x, kt_floats(d.x, ROWS, 2)));
    assert_int_equal(kt_fit(classes, x, kt_ints(ids, ROWS)), KT_OK);
}

/* ---- training by hand ---- */

static void by_hand(void **state)
{
    (void)state;
    kt_tensor *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(4, 3)), *y = kt_ones(kt, KT_FLOAT32, KT_SHAPE(4, 2)),
              *v = kt_variable_zeros(kt, "v", KT_FLOAT32, KT_SHAPE(4, 3));
    kt_optimizer *adam = kt_optimizer_new(kt, kt_adam());
    kt_metric *mean = kt_metric_new(kt, kt_mean_metric());
    kt_tensors one = { &v, 1 }, two = { (kt_tensor *[]){ v, v }, 2 }, none = { (kt_tensor *[]){ NULL }, 1 };
    WRONG(KT_ERR_SHAPE, "(4, 2)", kt_loss_named("mse", x, y, NULL));
    WRONG(KT_ERR_NAME, "did you mean 'mse'", kt_loss_named("msee", x, x, NULL));
    WRONG(KT_ERR_SHAPE, "(3,)", kt_loss_named("mse", x, x, kt_ones(kt, KT_FLOAT32, KT_SHAPE(3))));
    WRONG(KT_ERR_SHAPE, "(3,)", kt_metric_update(mean, x, NULL, kt_ones(kt, KT_FLOAT32, KT_SHAPE(3))));
    WRONG(KT_ERR_VALUE, "got 2", kt_apply_gradients(adam, two, one));
    WRONG(KT_ERR_VALUE, "gradient", kt_apply_gradients(adam, none, one));
    WRONG(KT_ERR_SHAPE, "v", kt_apply_gradients(adam, (kt_tensors){ &y, 1 }, one));
    WRONG(KT_ERR_VALUE, "variable", kt_apply_gradients(adam, (kt_tensors){ &x, 1 }, (kt_tensors){ &x, 1 }));
    WRONG(KT_ERR_VALUE, "nan", kt_set_learning_rate(adam, (double)NAN));
    WRONG(KT_ERR_VALUE, "-1", kt_optimizer_new(kt, kt_adam(-1)));
    kt_loop *loop = kt_loop_new(kt, .epochs = 2);
    WRONG(KT_ERR_STATE, "train_begin", kt_loop_epoch_begin(loop, 0));
    WRONG(KT_ERR_STATE, "train_begin", kt_loop_batch_end(loop, 0));
    WRONG(KT_ERR_STATE, "train_begin", kt_loop_train_end(loop));
    kt_loop_free(loop);
}

/* ---- callbacks ---- */

static void callbacks(void **state)
{
    (void)state;
    small_data d = make_small_data();
    kt_model *model = small_model(kt);
#define WITH(...) kt_fit(model, X(d), Y(d), .callbacks = { __VA_ARGS__ })
    WRONG(KT_ERR_VALUE, "-1", WITH(kt_tensorboard("/tmp/never", .histogram_freq = -1)));
    WRONG(KT_ERR_NAME, "did you mean 'epoch'", WITH(kt_tensorboard("/tmp/never", .update_freq = "epochs")));
    WRONG(KT_ERR_NAME, "10", WITH(kt_tensorboard("/tmp/never", .update_freq = "10")));
    WRONG(KT_ERR_VALUE, "-3", WITH(kt_tensorboard("/tmp/never", .update_every = -3)));
    WRONG(KT_ERR_VALUE, "file name", WITH(kt_csv_logger(NULL)));
    WRONG(KT_ERR_IO, "/nowhere/log.csv", WITH(kt_csv_logger("/nowhere/log.csv")));
    WRONG(KT_ERR_NAME, "mode", WITH(kt_early_stopping(.monitor = "loss", .mode = "maxx")));
    WRONG(KT_ERR_VALUE, "patience", WITH(kt_early_stopping(.monitor = "loss", .patience = -1)));
    WRONG(KT_ERR_VALUE, "schedule", WITH(kt_learning_rate_scheduler(NULL)));
#undef WITH
    assert_int_equal(access("/tmp/never", F_OK), -1);
}

/* ---- data ---- */

static kt_status bad_batch(void *self, int64_t epoch, int64_t index, kt_host_batch *batch)
{
    (void)epoch;
    *batch = (kt_host_batch){ .x = kt_floats(self, 4, 5), .y = kt_floats(self, 4, 1), .index = index };
    if (index == 2) *batch = (kt_host_batch){ .index = index };
    return KT_OK;
}

static void data(void **state)
{
    (void)state;
    small_data d = make_small_data();
    kt_array x = X(d), y = Y(d), none = { .data = NULL };
    kt_dataset *set = kt_dataset_new(kt, x, y);
    WRONG(KT_ERR_SHAPE, "63", kt_dataset_new(kt, x, kt_floats(d.y, 63, 1)));
    WRONG(KT_ERR_SHAPE, "single number", kt_dataset_new(kt, (kt_array){ d.x, KT_FLOAT32, 0, { 0 } }, none));
    WRONG(KT_ERR_VALUE, "-2", kt_dataset_new(kt, x, y, .batch_size = -2));
    WRONG(KT_ERR_VALUE, "-2", kt_dataset_new(kt, x, y, .prefetch = -2));
    WRONG(KT_ERR_SHAPE, "sample_weight", kt_dataset_new(kt, x, y, .sample_weight = kt_floats(d.y, 3)));
    WRONG(KT_ERR_DTYPE, "77", kt_dataset_new(kt, ((kt_array){ d.x, (kt_dtype)77, 1, { 4 } }), none));
    WRONG(KT_ERR_VALUE, "-1", kt_dataset_seek(set, -1, 0));
    WRONG(KT_ERR_VALUE, "99", kt_dataset_seek(set, 0, 99));
    WRONG(KT_ERR_VALUE, "-5", kt_friedman1(kt, -5, 1, 1));
    WRONG(KT_ERR_VALUE, "-1", kt_friedman1(kt, 5, -1, 1));
    WRONG(KT_ERR_SHAPE, "one row", kt_standardise(kt, kt_floats(d.x, 0, 5), NULL, NULL));
    WRONG(KT_ERR_IO, "/nowhere", kt_write_npy(kt, "/nowhere/x.npy", x));
    WRONG(KT_ERR_IO, "/nowhere", kt_write_npz(kt, "/nowhere/x.npz", (const char *[]){ "x" }, &x, 1));
    WRONG(KT_ERR_VALUE, "-1", kt_write_npz(kt, "/tmp/never.npz", (const char *[]){ "x" }, &x, -1));
    static const kt_dataset_class bad = { .size = sizeof(kt_dataset_class), .batch = bad_batch };
    kt_model *model = small_model(kt);
    WRONG(KT_ERR_SHAPE, "got 5", kt_fit(model, .data = kt_dataset_custom(kt, &bad, d.x)));
}

/* ---- logs ---- */

static void logs(void **state)
{
    (void)state;
    char folder[256], file[300];
    make_folder(folder, sizeof folder);
    snprintf(file, sizeof file, "%s/file", folder);
    kt_tensor *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 3));
    kt_writer *writer = kt_file_writer(kt, folder);
    fclose(fopen(file, "w"));
    WRONG(KT_ERR_IO, file, kt_file_writer(kt, file));
    WRONG(KT_ERR_VALUE, "directory", kt_file_writer(kt, ""));
    WRONG(KT_ERR_SHAPE, "(2, 3)", kt_write_scalar(writer, "x", x, 1));
    WRONG(KT_ERR_VALUE, "tag", kt_write_scalar(writer, "", kt_sum(x), 1));
    WRONG(KT_ERR_VALUE, "tag", kt_write_number(writer, "", 1, 1));
    kt_summaries_to(kt, writer, 1);
    WRONG(KT_ERR_SHAPE, "(2, 3)", kt_summary_scalar("x", x));
    kt_context *other = test_context("ref", KT_FLOAT32);
    kt_tensor *foreign = kt_ones(other, KT_FLOAT32, KT_SCALAR_SHAPE);
    WRONG(KT_ERR_VALUE, "context", kt_write_scalar(writer, "x", foreign, 1));
    assert_int_equal(kt_summaries_to(other, writer, 1), KT_ERR_VALUE);
    assert_error(other, KT_ERR_VALUE, "writer of this context");
    kt_context_free(other);
    kt_events *log = kt_events_open(folder);
    const struct { kt_status got, want; } each[] = {
        { kt_events_scalar(log, "", 1, 1), KT_ERR_VALUE },
        { kt_events_scalar(log, "a", 1, 1), KT_OK },
        { kt_events_histogram(log, "a", (float[]){ 1 }, 1, 1), KT_ERR_VALUE },
        { kt_events_histogram(log, "h", (float[]){ 1 }, -1, 1), KT_ERR_VALUE },
        { kt_events_histogram_buckets(log, "b", NULL, 700000, 1), KT_ERR_VALUE },
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) assert_int_equal(each[i].got, each[i].want);
    assert_non_null(strstr(kt_events_message(log), "700000"));
    assert_int_equal(kt_events_status(log), KT_ERR_VALUE);
    kt_events_close(log);
    kt_writer_close(writer);
    remove_folder(folder);
}

/* A list of mistakes as a test. */
#define ALL(list) \
    static void wrong_##list(void **state) \
    { \
        list(state); \
        assert_int_equal(wrong, 0); \
    }
ALL(tensors) ALL(rows) ALL(layer_classes) ALL(layers) ALL(models) ALL(compiles) ALL(fits) ALL(by_hand) ALL(callbacks) ALL(data) ALL(logs)

int main(void)
{
#define LIST(list) cmocka_unit_test_setup_teardown(wrong_##list, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts), LIST(tensors), LIST(rows), LIST(layer_classes), LIST(layers), LIST(models), LIST(compiles),
        LIST(fits), LIST(by_hand), LIST(callbacks), LIST(data), LIST(logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
