/* SPDX-License-Identifier: MIT */
/* tests/weather/test_null.c: NULL for every pointer argument of every public function: nothing crashes, nothing is printed, and the
 * context can be used afterwards.
 *
 * First every pointer at once (what a program does that never looked whether its context was made), then each pointer alone. That
 * no function of the headers is forgotten is checked at the end, against the headers themselves.
 */
#include "null.h"

#define UNARY(op) \
    op(neg) op(abs) op(sign) op(square) op(sqrt) op(rsqrt) op(reciprocal) op(exp) op(expm1) op(log) op(log1p) op(log2) \
    op(log10) op(sin) op(cos) op(tan) op(arcsin) op(arccos) op(arctan) op(sinh) op(cosh) op(tanh) op(arcsinh) op(arccosh) \
    op(arctanh) op(erf) op(floor) op(ceil) op(round) op(trunc) op(isnan) op(isfinite) op(logical_not) op(relu) op(sigmoid) \
    op(softplus) op(silu) op(selu) op(stop_gradient) op(sum) op(mean) op(max) op(min) op(var) op(transpose)
#define BINARY(op) \
    op(add) op(sub) op(mul) op(div) op(divide_no_nan) op(floor_divide) op(mod) op(pow) op(maximum) op(minimum) op(arctan2) \
    op(equal) op(not_equal) op(less) op(less_equal) op(greater) op(greater_equal) op(logical_and) op(logical_or) op(matmul)

static const kt_array no_array = { .data = NULL };
static const kt_tensors no_tensors = { NULL, 0 }, null_tensors = { NULL, 3 };
static const char *volatile no_format = NULL;

/* ---- tensors and ops; x may be NULL ---- */

static void ops_with(kt_tensor *x)
{
#define CALL(name) NONE(kt_##name(NULL));
    UNARY(CALL)
#undef CALL
#define CALL(name) NONE(kt_##name(NULL, x)); NONE(kt_##name(x, NULL));
    BINARY(CALL)
#undef CALL
    NONE(kt_gelu(NULL, true));
    NONE(kt_leaky_relu(NULL, 0.1));
    NONE(kt_elu(NULL, 1));
    NONE(kt_softmax(NULL, -1));
    NONE(kt_log_softmax(NULL, -1));
    NONE(kt_where(NULL, x, x));
    NONE(kt_where(x, NULL, x));
    NONE(kt_where(x, x, NULL));
    NONE(kt_clip(NULL, 0, 1));
    NONE(kt_cast(NULL, KT_FLOAT32));
    NONE(kt_sum_axes(NULL, KT_AXES(0), false));
    NONE(kt_mean_axes(NULL, KT_AXES(0), false));
    NONE(kt_max_axes(NULL, KT_AXES(0), false));
    NONE(kt_min_axes(NULL, KT_AXES(0), false));
    NONE(kt_var_axes(NULL, KT_AXES(0), false));
    NONE(kt_argmax(NULL, 0));
    NONE(kt_argmin(NULL, 0));
    NONE(kt_size_of(NULL, KT_ALL_AXES));
    NONE(kt_matmul_transposed(NULL, true, x, false));
    NONE(kt_matmul_transposed(x, true, NULL, false));
    NONE(kt_reshape(NULL, KT_SHAPE(1)));
    NONE(kt_transpose_axes(NULL, KT_AXES(0)));
    NONE(kt_expand_dims(NULL, 0));
    NONE(kt_squeeze(NULL, 0));
    NONE(kt_broadcast_to(NULL, KT_SHAPE(1)));
    NONE(kt_broadcast_like(NULL, x));
    NONE(kt_broadcast_like(x, NULL));
    NONE(kt_concatenate(NULL, 2, 0));
    NONE(kt_concatenate(NULL, 0, 0));
    NONE(kt_concatenate((kt_tensor *[]){ x, NULL }, 2, 0));
    kt_tensor *parts[2] = { NULL, NULL };
    FAILS(kt_split(NULL, 2, 0, parts));
    FAILS(kt_split(x, 2, 0, NULL));
    NONE(kt_slice(NULL, KT_SHAPE(0), KT_SHAPE(1)));
    NONE(kt_pad(NULL, KT_SHAPE(0), KT_SHAPE(1), 0));
    NONE(kt_gather(NULL, x, 0));
    NONE(kt_gather(x, NULL, 0));
    NONE(kt_one_hot(NULL, 3));
    NONE(kt_binary_crossentropy(NULL, x, true));
    NONE(kt_binary_crossentropy(x, NULL, true));
    NONE(kt_categorical_crossentropy(NULL, x, false));
    NONE(kt_categorical_crossentropy(x, NULL, false));
    NONE(kt_sparse_categorical_crossentropy(NULL, x, false));
    NONE(kt_sparse_categorical_crossentropy(x, NULL, false));
    NONE(kt_random_uniform(NULL, KT_SHAPE(2), 0, 1));
    NONE(kt_random_normal(NULL, KT_SHAPE(2), 0, 1));
    NONE(kt_random_truncated_normal(NULL, KT_SHAPE(2), 0, 1));
    NONE(kt_random_bernoulli(NULL, KT_SHAPE(2), 0.5));
    NONE(kt_random_uniform_like(NULL, 0, 1));
    NONE(kt_random_bernoulli_like(NULL, 0.5));
}

static void tensors_with(kt_context *kt, kt_tensor *x, kt_tensor *v)
{
    float room[64];
    RUNS(kt_array_of(NULL, KT_FLOAT32, KT_SHAPE(2)));
    RUNS(kt_shape_count(KT_SHAPE(2)));
    RUNS(kt_desc_count(NULL));
    NONE(kt_constant(NULL, kt_floats(room, 4)));
    NONE(kt_constant(kt, no_array));
    NONE(kt_constant_borrow(NULL, kt_floats(room, 4)));
    NONE(kt_constant_borrow(kt, no_array));
    NONE(kt_scalar(NULL, 1));
    NONE(kt_scalar_new(NULL, KT_FLOAT32, 1));
    NONE(kt_zeros(NULL, KT_FLOAT32, KT_SHAPE(2)));
    NONE(kt_ones(NULL, KT_FLOAT32, KT_SHAPE(2)));
    NONE(kt_fill(NULL, KT_FLOAT32, KT_SHAPE(2), 1));
    NONE(kt_context_of(NULL));
    NONE(kt_desc_of(NULL));
    RUNS(kt_rank(NULL));
    RUNS(kt_dim(NULL, 0));
    RUNS(kt_dtype_of(NULL));
    RUNS(kt_item(NULL));
    FAILS(kt_read(NULL, room, KT_FLOAT32, 1));
    FAILS(kt_read(x, NULL, KT_FLOAT32, 8));
    FAILS(kt_compute(NULL, 2));
    RUNS(kt_compute((kt_tensor *[]){ x, NULL }, 2));
    FAILS(kt_flush(NULL));
    NONE(kt_variable(NULL, "v", kt_floats(room, 4)));
    NONE(kt_variable(kt, "v", no_array));
    RUNS(kt_variable(kt, NULL, kt_floats(room, 4)));
    NONE(kt_variable_zeros(NULL, "v", KT_FLOAT32, KT_SHAPE(2)));
    RUNS(kt_variable_zeros(kt, NULL, KT_FLOAT32, KT_SHAPE(2)));
    RUNS(kt_is_variable(NULL));
    RUNS(kt_variable_name(NULL));
    NONE(kt_assign(NULL, x));
    NONE(kt_assign(v, NULL));
    NONE(kt_assign_add(NULL, x));
    NONE(kt_assign_add(v, NULL));
    FAILS(kt_variable_set(NULL, kt_floats(room, 4)));
    FAILS(kt_variable_set(v, no_array));
    FAILS(kt_variable_fill(NULL, 0));
    RUNS(kt_gradients(NULL, no_tensors));
    RUNS(kt_gradients(NULL, null_tensors));
    RUNS(kt_gradients(x, no_tensors));
    RUNS(kt_gradients(x, null_tensors));
    RUNS(kt_gradients(x, (kt_tensors){ (kt_tensor *[]){ v, NULL }, 2 }));
    NONE(kt_gradient(NULL, v));
    NONE(kt_gradient(x, NULL));
    NONE(kt_scope_begin(NULL));
    FAILS(kt_scope_end(NULL, NULL));
    RUNS(kt_scope_end(kt, NULL));
    NONE(kt_keep(NULL));
}

/* ---- op.h: what extenders call ---- */

static void extenders_with(kt_tensor *x)
{
    static const kt_op nameless = { .n_in = 1, .n_out = 1 };
    NONE(kt_apply(NULL, &x, 1, NULL, NULL));
    NONE(kt_apply1(NULL, x, NULL));
    NONE(kt_apply2(NULL, x, x, NULL));
    NONE(kt_apply3(NULL, x, x, x, NULL));
    NONE(kt_apply(&nameless, NULL, 1, NULL, NULL));
    NONE(kt_apply1(&nameless, NULL, NULL));
    NONE(kt_apply2(&nameless, NULL, x, NULL));
    NONE(kt_apply2(&nameless, x, NULL, NULL));
    NONE(kt_apply3(&nameless, x, NULL, x, NULL));
    NONE(kt_apply1(&nameless, x, NULL)); /* neither infer nor kernel */
    NONE(kt_output(NULL, 0));
    NONE(kt_in(NULL, 0));
    RUNS(kt_n_in(NULL));
    NONE(kt_out(NULL, 0));
    NONE(kt_infer_attr(NULL));
    FAILS(kt_infer_fail(NULL, KT_ERR_SHAPE, "%s", "x"));
    NONE(kt_ref_in(NULL, 0));
    NONE(kt_ref_out(NULL, 0));
    NONE(kt_ref_in_int(NULL, 0));
    NONE(kt_ref_out_int(NULL, 0));
    NONE(kt_in_f32(NULL, 0));
    NONE(kt_out_f32(NULL, 0));
    NONE(kt_run_in(NULL, 0));
    NONE(kt_run_out(NULL, 0));
    RUNS(kt_run_n_in(NULL));
    NONE(kt_run_attr(NULL));
    RUNS(kt_run_slot(NULL, 0));
    RUNS(kt_run_seed(NULL));
    RUNS(kt_count(NULL));
    RUNS(kt_lanes_of(NULL, 0));
    NONE(kt_grad_in(NULL, 0));
    NONE(kt_grad_result(NULL, 0));
    NONE(kt_grad_out(NULL, 0));
    NONE(kt_grad_attr(NULL));
    RUNS(kt_grad_slot(NULL, 0));
    RUNS(kt_grad_n_in(NULL));
    RUNS(kt_grad_needs(NULL, 0));
    RUNS(kt_grad_set(NULL, 0, x));
    RUNS(kt_expand_set(NULL, 0, x));
}

/* ---- contexts ---- */

static void contexts_with(kt_context *kt)
{
    char message[64];
    NONE(kt_context_new_with(NULL));
    FAILS(kt_context_check(NULL, message, sizeof message));
    FAILS(kt_context_check(NULL, NULL, 0));
    FINE(kt_context_check(&(kt_context_config){ .size = sizeof(kt_context_config) }, NULL, 0));
    RUNS(kt_context_free(NULL));
    FAILS(kt_error(NULL));
    RUNS(kt_message(NULL));
    RUNS(kt_clear_error(NULL));
    FAILS(kt_fail(NULL, KT_ERR_VALUE, "%s", "x"));
    FAILS(kt_fail(kt, KT_ERR_VALUE, no_format, 0));
    RUNS(kt_cancel(NULL));
    RUNS(kt_memory(NULL));
    RUNS(kt_threads(NULL));
    RUNS(kt_backend_name(NULL));
    RUNS(kt_isa_name(NULL));
    RUNS(kt_floatx(NULL));
    RUNS(kt_version());
    RUNS(kt_status_name((kt_status)99));
    RUNS(kt_dtype_size((kt_dtype)99));
    RUNS(kt_dtype_name((kt_dtype)99));
}

/* ---- layers ---- */

static void layers_with(kt_context *kt, kt_layer *layer, kt_tensor *x)
{
    RUNS(kt_small_box_of(NULL, 8));
    RUNS(kt_box_of(NULL, 8));
    RUNS(kt_layer_box_of(NULL, 8));
    RUNS(kt_input_init(NULL));
    RUNS(kt_dense_init(NULL));
    RUNS(kt_activation_init(NULL));
    RUNS(kt_dropout_init(NULL));
    RUNS(kt_flatten_init(NULL));
    RUNS(kt_normalization_init(NULL));
    const kt_layer_spec specs[] = { kt_input_spec(NULL), kt_dense_spec(NULL), kt_activation_spec(NULL), kt_dropout_spec(NULL),
                                    kt_flatten_spec(NULL), kt_normalization_spec(NULL), kt_custom_spec(NULL), kt_existing(NULL),
                                    kt_custom(NULL), { .cls = NULL } };
    for (volatile size_t i = 0; i < sizeof specs / sizeof *specs; i++) { /* volatile: it outlives a crash */
        RUNS(kt_layer_new(kt, specs[i]));
        RUNS(kt_model_of(kt, specs[i]));
        RUNS(kt_sequential_new(kt, &specs[i], 1));
        RUNS(kt_symbol(kt, specs[i]));
        NONE(kt_layer_new(NULL, specs[i]));
    }
    NONE(kt_layer_new(NULL, kt_dense(2)));
    NONE(kt_layer_new(kt, (kt_layer_spec){ .cls = NULL }));
    NONE(kt_layer_new(kt, kt_custom(NULL)));
    NONE(kt_call_layer(NULL, x));
    NONE(kt_call_layer(layer, NULL));
    NONE(kt_call_layer_many(NULL, &x, 1));
    NONE(kt_call_layer_many(layer, NULL, 1));
    NONE(kt_call_layer_many(layer, (kt_tensor *[]){ NULL }, 1));
    RUNS(kt_layer_name(NULL));
    RUNS(kt_layer_class_name(NULL));
    RUNS(kt_layer_weights(NULL));
    RUNS(kt_layer_trainable(NULL));
    FAILS(kt_layer_set_trainable(NULL, true));
    FAILS(kt_adapt(NULL, no_array));
    FAILS(kt_adapt(layer, no_array));
    NONE(kt_weight_with(NULL, "w", KT_SHAPE(2), NULL));
    NONE(kt_weight_with(layer, NULL, KT_SHAPE(2), NULL));
    RUNS(kt_weight_with(layer, "w", KT_SHAPE(2), NULL));
    NONE(kt_w(NULL, "kernel"));
    NONE(kt_w(layer, NULL));
    NONE(kt_sublayer_new(NULL, "sub", kt_dense(2)));
    RUNS(kt_sublayer_new(layer, NULL, kt_dense(2)));
    NONE(kt_sublayer(NULL, "sub"));
    NONE(kt_sublayer(layer, NULL));
    NONE(kt_config(NULL));
    NONE(kt_layer_state(NULL, 8));
    NONE(kt_layer_context(NULL));
    RUNS(kt_training(NULL));
    RUNS(kt_add_loss(NULL, x));
    RUNS(kt_add_loss(layer, NULL));
    NONE(kt_activate(kt, "relu", NULL));
    NONE(kt_activate(kt, NULL, NULL));
    RUNS(kt_activate(kt, NULL, x));
    RUNS(kt_activate(NULL, "relu", x));
}

/* ---- losses, metrics, optimizers ---- */

static void training_with(kt_context *kt, kt_tensor *x, kt_optimizer *optimizer, kt_metric *metric)
{
    RUNS(kt_loss_spec_of(NULL, NULL));
    RUNS(kt_loss_spec_of(&kt_mean_squared_error_class, NULL));
    NONE(kt_loss(kt_loss_spec_of(NULL, NULL), x, x, NULL));
    NONE(kt_loss(kt_mean_squared_error_loss(), NULL, x, NULL));
    NONE(kt_loss(kt_mean_squared_error_loss(), x, NULL, NULL));
    NONE(kt_loss_named(NULL, x, x, NULL));
    NONE(kt_loss_named("mse", NULL, x, NULL));
    NONE(kt_loss_named("mse", x, NULL, NULL));
    RUNS(kt_metric_spec_of(NULL, NULL));
    RUNS(kt_metric_of_fn(NULL, NULL));
    NONE(kt_metric_new(NULL, kt_mean_metric()));
    NONE(kt_metric_new(kt, kt_metric_spec_of(NULL, NULL)));
    NONE(kt_metric_new(kt, kt_metric_of_fn(NULL, NULL)));
    RUNS(kt_metric_new(kt, kt_metric_spec_of(&kt_mean_metric_class, NULL)));
    FAILS(kt_metric_update(NULL, x, x, NULL));
    RUNS(kt_metric_update(metric, NULL, x, NULL));
    RUNS(kt_metric_update(metric, x, NULL, NULL));
    RUNS(kt_metric_result(NULL));
    FAILS(kt_metric_reset(NULL));
    RUNS(kt_metric_name(NULL));
    RUNS(kt_sgd_init(NULL));
    RUNS(kt_adam_init(NULL));
    RUNS(kt_optimizer_new(kt, kt_sgd_spec(NULL)));
    RUNS(kt_optimizer_new(kt, kt_adam_spec(NULL)));
    NONE(kt_optimizer_new(NULL, kt_adam()));
    NONE(kt_optimizer_new(kt, (kt_optimizer_spec){ .cls = NULL }));
    FAILS(kt_apply_gradients(NULL, no_tensors, no_tensors));
    FAILS(kt_apply_gradients(optimizer, null_tensors, null_tensors));
    RUNS(kt_apply_gradients(optimizer, no_tensors, no_tensors));
    FAILS(kt_apply_gradients(optimizer, (kt_tensors){ (kt_tensor *[]){ x }, 1 }, (kt_tensors){ (kt_tensor *[]){ NULL }, 1 }));
    RUNS(kt_learning_rate(NULL));
    FAILS(kt_set_learning_rate(NULL, 0.1));
    RUNS(kt_iterations(NULL));
    RUNS(kt_optimizer_variables(NULL));
}

/* ---- models ---- */

static void models_with(kt_context *kt, kt_model *model, kt_tensor *x, const small_data *d)
{
    float room[64];
    const kt_history *history = kt_model_history(model);
    NONE(kt_sequential_new(NULL, &(kt_layer_spec){ .cls = NULL }, 1));
    NONE(kt_sequential_new(kt, NULL, 2));
    RUNS(kt_sequential_new(kt, NULL, 0));
    NONE(kt_symbol(NULL, kt_input(2)));
    NONE(kt_apply_layer(kt_dense(2), NULL));
    NONE(kt_apply_layer(kt_existing(NULL), x));
    NONE(kt_model_new(NULL, x));
    NONE(kt_model_new(x, NULL));
    NONE(kt_model_new_many(NULL, no_tensors, x));
    NONE(kt_model_new_many(kt, null_tensors, x));
    NONE(kt_model_new_many(kt, no_tensors, NULL));
    NONE(kt_model_new_many(kt, (kt_tensors){ (kt_tensor *[]){ NULL }, 1 }, x));
    NONE(kt_model_of(NULL, kt_dense(2)));
    RUNS(kt_model_free(NULL));
    RUNS(kt_model_name(NULL));
    NONE(kt_model_layer(NULL));
    NONE(kt_model_layer_at(NULL, 0));
    NONE(kt_model_layer_named(NULL, "dense"));
    NONE(kt_model_layer_named(model, NULL));
    FAILS(kt_model_build(NULL, KT_SHAPE(1, 2)));
    FAILS(kt_summary(NULL));
    NONE(kt_model_json(NULL));
    NONE(kt_call(NULL, x));
    NONE(kt_call(model, NULL));
    NONE(kt_call_training(NULL, x));
    NONE(kt_call_training(model, NULL));
    RUNS(kt_trainable(NULL));
    RUNS(kt_weights(NULL));
    NONE(kt_model_losses(NULL));
    FAILS(kt_compile_with(NULL, &(kt_compile_config){ .size = sizeof(kt_compile_config) }));
    FAILS(kt_compile_with(model, NULL));
    NONE(kt_model_optimizer(NULL));
    FAILS(kt_fit_with(NULL, &(kt_fit_config){ .size = sizeof(kt_fit_config) }));
    FAILS(kt_fit_with(model, NULL));
    FAILS(kt_fit(model, no_array, no_array));
    FAILS(kt_fit(model, X(*d), no_array));
    FAILS(kt_fit(model, no_array, Y(*d)));
    FAILS(kt_fit(model, X(*d), Y(*d), .class_weight_count = 2));
    RUNS(kt_fit(model, X(*d), Y(*d), .callbacks = { kt_callback_of(NULL, NULL) }));
    RUNS(kt_model_history(NULL));
    RUNS(kt_history_epochs(NULL));
    RUNS(kt_history_count(NULL));
    NONE(kt_history_key(NULL, 0));
    RUNS(kt_history_value(NULL, "loss", 0));
    RUNS(kt_history_value(history, NULL, 0));
    RUNS(kt_history_length(NULL, "loss"));
    RUNS(kt_history_length(history, NULL));
    FAILS(kt_evaluate_with(NULL, NULL, &(kt_evaluate_config){ .size = sizeof(kt_evaluate_config) }));
    FAILS(kt_evaluate_with(model, NULL, NULL));
    FAILS(kt_evaluate(model, NULL, no_array, no_array));
    NONE(kt_predict_with(NULL, &(kt_predict_config){ .size = sizeof(kt_predict_config) }));
    NONE(kt_predict_with(model, NULL));
    NONE(kt_predict(model, no_array));
    FAILS(kt_predict_into(NULL, 1, d->x, INPUTS, room, 1));
    FAILS(kt_predict_into(model, 1, NULL, INPUTS, room, 1));
    FAILS(kt_predict_into(model, 1, d->x, INPUTS, NULL, 1));
    FAILS(kt_train_on_batch(NULL, X(*d), Y(*d), no_array, NULL));
    FAILS(kt_train_on_batch(model, no_array, Y(*d), no_array, NULL));
    FAILS(kt_train_on_batch(model, X(*d), no_array, no_array, NULL));
    FAILS(kt_test_on_batch(NULL, X(*d), Y(*d), no_array, NULL));
    FAILS(kt_test_on_batch(model, no_array, Y(*d), no_array, NULL));
    FAILS(kt_save_weights(NULL, "/tmp/x.npz"));
    FAILS(kt_save_weights(model, NULL));
    FAILS(kt_load_weights(NULL, "/tmp/x.npz"));
    FAILS(kt_load_weights(model, NULL));
    RUNS(kt_model_parameters(NULL, true));
}

/* ---- logs, loops, callbacks ---- */

static void loops_with(kt_context *kt, kt_logs *logs, kt_loop *loop)
{
    double value;
    NONE(kt_logs_new(NULL));
    RUNS(kt_logs_free(NULL));
    RUNS(kt_logs_count(NULL));
    NONE(kt_logs_name(NULL, 0));
    RUNS(kt_logs_value(NULL, 0));
    RUNS(kt_logs_get(NULL, "loss", &value));
    RUNS(kt_logs_get(logs, NULL, &value));
    RUNS(kt_logs_get(logs, "loss", NULL));
    FAILS(kt_logs_set(NULL, "loss", 1));
    FAILS(kt_logs_set(logs, NULL, 1));
    NONE(kt_loop_context(NULL));
    NONE(kt_loop_model(NULL));
    NONE(kt_loop_optimizer(NULL));
    RUNS(kt_loop_epochs(NULL));
    RUNS(kt_loop_steps(NULL));
    RUNS(kt_loop_verbose(NULL));
    RUNS(kt_loop_stop(NULL));
    RUNS(kt_loop_stopped(NULL));
    RUNS(kt_loop_print(NULL, "%s", "x"));
    RUNS(kt_loop_print(loop, no_format, 0));
    RUNS(kt_callback_of(NULL, NULL));
    RUNS(kt_callback_spec_of(NULL, NULL, 8));
    NONE(kt_loop_new_with(NULL, &(kt_loop_config){ .size = sizeof(kt_loop_config) }));
    RUNS(kt_loop_free(kt_loop_new_with(kt, NULL)));
    RUNS(kt_loop_free(kt_loop_new(kt, .callbacks = { kt_callback_of(NULL, NULL) })));
    RUNS(kt_loop_free(kt_loop_new(kt, .callbacks = { kt_callback_spec_of(&kt_tensorboard_class, NULL, 0) })));
    FAILS(kt_loop_train_begin(NULL));
    FAILS(kt_loop_epoch_begin(NULL, 0));
    FAILS(kt_loop_batch_begin(NULL, 0));
    FAILS(kt_loop_log(NULL, "loss", 1));
    FAILS(kt_loop_log(loop, NULL, 1));
    FAILS(kt_loop_batch_end(NULL, 0));
    FAILS(kt_loop_epoch_end(NULL, 0));
    FAILS(kt_loop_train_end(NULL));
    RUNS(kt_loop_free(NULL));
}

/* ---- data ---- */

static kt_status no_batch(void *self, int64_t epoch, int64_t index, kt_host_batch *batch)
{
    (void)self, (void)epoch, (void)index;
    *batch = (kt_host_batch){ .index = 0 };
    return KT_OK;
}

static void data_with(kt_context *kt, kt_arrays *arrays, kt_dataset *data, const small_data *d)
{
    static const kt_dataset_class empty = { .size = sizeof(kt_dataset_class), .batch = no_batch };
    static const kt_dataset_class batchless = { .size = sizeof(kt_dataset_class) };
    kt_host_batch batch;
    kt_array x = X(*d);
    double numbers[INPUTS];
    int64_t epoch, index;
    RUNS(kt_arrays_free(NULL));
    RUNS(kt_arrays_count(NULL));
    RUNS(kt_arrays_name(NULL, 0));
    NONE(kt_arrays_at(NULL, 0).data);
    NONE(kt_arrays_get(NULL, "x").data);
    NONE(kt_arrays_get(arrays, NULL).data);
    NONE(kt_read_npy(NULL, "x.npy"));
    NONE(kt_read_npy(kt, NULL));
    NONE(kt_read_npz(NULL, "x.npz"));
    NONE(kt_read_npz(kt, NULL));
    NONE(kt_read_idx(NULL, "x"));
    NONE(kt_read_idx(kt, NULL));
    FAILS(kt_write_npy(NULL, "/tmp/x.npy", x));
    FAILS(kt_write_npy(kt, NULL, x));
    FAILS(kt_write_npy(kt, "/tmp/x.npy", no_array));
    FAILS(kt_write_npz(NULL, "/tmp/x.npz", (const char *[]){ "x" }, &x, 1));
    FAILS(kt_write_npz(kt, NULL, (const char *[]){ "x" }, &x, 1));
    FAILS(kt_write_npz(kt, "/tmp/x.npz", NULL, &x, 1));
    FAILS(kt_write_npz(kt, "/tmp/x.npz", (const char *[]){ NULL }, &x, 1));
    FAILS(kt_write_npz(kt, "/tmp/x.npz", (const char *[]){ "x" }, NULL, 1));
    NONE(kt_read_csv_with(NULL, &(kt_csv_config){ .size = sizeof(kt_csv_config) }));
    NONE(kt_read_csv_with(kt, NULL));
    NONE(kt_read_csv(kt, NULL));
    NONE(kt_friedman1(NULL, 10, 1, 1));
    NONE(kt_standardise(NULL, x, numbers, numbers).data);
    NONE(kt_standardise(kt, no_array, numbers, numbers).data);
    RUNS(kt_standardise(kt, x, NULL, NULL));
    NONE(kt_dataset_new_with(NULL, &(kt_dataset_config){ .size = sizeof(kt_dataset_config), .x = x }));
    NONE(kt_dataset_new_with(kt, NULL));
    NONE(kt_dataset_new(kt, no_array, no_array));
    RUNS(kt_dataset_free(NULL));
    NONE(kt_dataset_custom(NULL, &empty, NULL));
    NONE(kt_dataset_custom(kt, NULL, NULL));
    NONE(kt_dataset_custom(kt, &batchless, NULL));
    RUNS(kt_dataset_free(kt_dataset_custom(kt, &empty, NULL)));
    RUNS(kt_dataset_batches(NULL));
    RUNS(kt_dataset_tell(NULL, &epoch, &index));
    RUNS(kt_dataset_tell(data, NULL, &index));
    RUNS(kt_dataset_tell(data, &epoch, NULL));
    FAILS(kt_dataset_seek(NULL, 0, 0));
    FAILS(kt_dataset_next(NULL, &batch));
    FAILS(kt_dataset_next(data, NULL));
    RUNS(kt_batch_begin(NULL));
    RUNS(kt_batch_next(NULL));
    kt_batch pass = kt_batch_begin(NULL);
    RUNS(kt_batch_next(&pass));
}

/* ---- logs on disk ---- */

static void logs_with(kt_context *kt, kt_events *log, kt_writer *writer, kt_tensor *x)
{
    float f[2] = { 0, 1 };
    double g[2] = { 0, 1 };
    kt_bucket buckets[KT_HISTOGRAM_BUCKETS] = { { 0, 0, 0 } };
    NONE(kt_events_open_with(NULL));
    NONE(kt_events_open(NULL));
    RUNS(kt_events_close(NULL));
    FAILS(kt_events_scalar(NULL, "loss", 1, 1));
    FAILS(kt_events_scalar(log, NULL, 1, 1));
    FAILS(kt_events_histogram(NULL, "w", f, 2, 1));
    FAILS(kt_events_histogram(log, NULL, f, 2, 1));
    FAILS(kt_events_histogram(log, "w", NULL, 2, 1));
    FAILS(kt_events_histogram_f64(NULL, "w", g, 2, 1));
    FAILS(kt_events_histogram_f64(log, NULL, g, 2, 1));
    FAILS(kt_events_histogram_f64(log, "w", NULL, 2, 1));
    FAILS(kt_events_histogram_buckets(NULL, "w", buckets, 2, 1));
    FAILS(kt_events_histogram_buckets(log, NULL, buckets, 2, 1));
    FAILS(kt_events_histogram_buckets(log, "w", NULL, 2, 1));
    RUNS(kt_histogram_buckets(NULL, 2, buckets));
    RUNS(kt_histogram_buckets(f, 2, NULL));
    RUNS(kt_histogram_buckets_f64(NULL, 2, buckets));
    RUNS(kt_histogram_buckets_f64(g, 2, NULL));
    FAILS(kt_events_flush(NULL));
    FAILS(kt_events_tick(NULL));
    FAILS(kt_events_sync(NULL));
    RUNS(kt_events_path(NULL));
    FAILS(kt_events_status(NULL));
    RUNS(kt_events_message(NULL));
    RUNS(kt_events_dropped(NULL));
    RUNS(kt_events_nonfinite(NULL));
    RUNS(kt_summary_scalar(NULL, x));
    RUNS(kt_summary_scalar("a", NULL));
    RUNS(kt_summary_histogram(NULL, x));
    RUNS(kt_summary_histogram("a", NULL));
    RUNS(kt_summary_image_with(NULL, &(kt_image_summary){ .size = sizeof(kt_image_summary), .x = x }));
    RUNS(kt_summary_image_with("a", NULL));
    RUNS(kt_summary_image("a", NULL));
    RUNS(kt_summary_audio(NULL, x, 8000, 0));
    RUNS(kt_summary_audio("a", NULL, 8000, 0));
    RUNS(kt_summary_text(NULL, "a", "b"));
    RUNS(kt_summary_text(now, NULL, "b"));
    RUNS(kt_summary_text(now, "a", NULL));
    NONE(kt_file_writer(NULL, "/tmp/x"));
    NONE(kt_file_writer(kt, NULL));
    FAILS(kt_write_scalar(NULL, "loss", x, 1));
    FAILS(kt_write_scalar(writer, NULL, x, 1));
    RUNS(kt_write_scalar(writer, "loss", NULL, 1));
    FAILS(kt_write_histogram(NULL, "w", x, 1));
    FAILS(kt_write_histogram(writer, NULL, x, 1));
    RUNS(kt_write_histogram(writer, "w", NULL, 1));
    FAILS(kt_write_number(NULL, "loss", 1, 1));
    FAILS(kt_write_number(writer, NULL, 1, 1));
    FAILS(kt_write_image_with(NULL, "a", NULL));
    RUNS(kt_write_image_with(writer, "a", NULL));
    FAILS(kt_write_image(writer, NULL, x, 1));
    FAILS(kt_write_audio(NULL, "a", x, 8000, 0, 1));
    FAILS(kt_write_audio(writer, NULL, x, 8000, 0, 1));
    RUNS(kt_write_audio(writer, "a", NULL, 8000, 0, 1));
    FAILS(kt_write_text(NULL, "a", "b", 1));
    FAILS(kt_write_text(writer, NULL, "b", 1));
    RUNS(kt_write_text(writer, "a", NULL, 1));
    FAILS(kt_summaries_to(NULL, writer, 1));
    RUNS(kt_summaries_to(kt, NULL, 1));
    FAILS(kt_writer_flush(NULL));
    RUNS(kt_writer_dropped(NULL));
    RUNS(kt_writer_close(NULL));
}

/* ---- the tests ---- */

static void everything_null(void **state)
{
    (void)state;
    static const small_data none;
    silence s;
    listen_begin(&s);
    now = NULL;
    ops_with(NULL);
    tensors_with(NULL, NULL, NULL);
    extenders_with(NULL);
    contexts_with(NULL);
    layers_with(NULL, NULL, NULL);
    training_with(NULL, NULL, NULL, NULL);
    models_with(NULL, NULL, NULL, &none);
    loops_with(NULL, NULL, NULL);
    data_with(NULL, NULL, NULL, &none);
    logs_with(NULL, NULL, NULL, NULL);
    listen_end(&s);
}

static void one_null_at_a_time(void **state)
{
    (void)state;
    char folder[256], runs[300];
    make_folder(folder, sizeof folder);
    snprintf(runs, sizeof runs, "%s/runs", folder);
    silence s;
    listen_begin(&s);
    small_data d = make_small_data();
    kt_context *kt = now = test_context("cpu", KT_FLOAT32);
    kt_model *model = small_model(kt);
    must(kt_fit(model, X(d), Y(d)) == KT_OK, "did not fit");
    kt_layer *layer = kt_model_layer_at(model, 0);
    kt_tensor *x = kt_ones(kt, KT_FLOAT32, KT_SHAPE(2, 4)), *v = kt_variable_zeros(kt, "v", KT_FLOAT32, KT_SHAPE(2, 4));
    kt_logs *logs = kt_logs_new(kt);
    kt_loop *loop = kt_loop_new(kt, .model = model);
    kt_dataset *data = kt_dataset_new(kt, X(d), Y(d));
    kt_writer *writer = kt_file_writer(kt, runs);
    kt_events *log = kt_events_open(folder);
    ops_with(x);
    tensors_with(kt, x, v);
    extenders_with(x);
    contexts_with(kt);
    layers_with(kt, layer, x);
    training_with(kt, x, kt_optimizer_new(kt, kt_adam()), kt_metric_new(kt, kt_mean_metric()));
    models_with(kt, model, x, &d);
    loops_with(kt, logs, loop);
    data_with(kt, kt_friedman1(kt, 8, 1, 1), data, &d);
    logs_with(kt, log, writer, x);
    calling = "afterwards";
    kt_clear_error(kt);
    must(kt_item(kt_sum(kt_ones(kt, KT_FLOAT32, KT_SHAPE(3)))) == 3, "the context cannot compute");
    kt_model *other = small_model(kt);
    must(kt_fit(other, X(d), Y(d)) == KT_OK, "the context cannot fit");
    kt_events_close(log);
    kt_context_free(kt);
    listen_end(&s);
    remove_folder(folder);
}

/* Each name behind KT_API in the headers stands in this file (most ops through the lists UNARY and BINARY) or, for the
 * summary library, in test_null_summary.c. */
static void no_function_is_forgotten(void **state)
{
    (void)state;
    static const char *const headers[] = { "callbacks", "context", "data", "layers", "model", "op", "ops", "reader",
                                           "status", "summary", "summary_media", "summary_plugins", "tensor", "training",
                                           "writer" };
#define NAME(name) " kt_" #name "("
    static const char listed[] = UNARY(NAME) BINARY(NAME);
    char path[1024];
    snprintf(path, sizeof path, "%s/../../weather/test_null.c", KT_TEST_DATA);
    char *mine = read_text(path, NULL);
    snprintf(path, sizeof path, "%s/../../weather/test_null_summary.c", KT_TEST_DATA);
    char *beside = read_text(path, NULL);
    assert_non_null(mine);
    assert_non_null(beside);
    int found = 0;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        snprintf(path, sizeof path, "%s/../../../include/keratin/%s.h", KT_TEST_DATA, headers[i]);
        char *text = read_text(path, NULL);
        assert_non_null(text);
        for (char *at = text; (at = strstr(at, "\nKT_API "));) {
            char name[80];
            at += 8;
            size_t line = strcspn(at, ";{"), before = strcspn(at, "(");
            if (before > line) continue; /* a variable */
            while (before > 0 && !strchr(" *\n", at[before - 1])) before--;
            size_t length = strcspn(at + before, "(");
            snprintf(name, sizeof name, "%.*s(", (int)length, at + before);
            bool used = strstr(mine, name) || strstr(beside, name) || strstr(listed, name);
            if (!used) fail_msg("%s.h: no call of %s)", headers[i], name);
            found++;
        }
        free(text);
    }
    free(mine);
    free(beside);
    assert_true(found > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_null),
        cmocka_unit_test(one_null_at_a_time),
        cmocka_unit_test(no_function_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
