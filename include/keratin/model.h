/* SPDX-License-Identifier: MIT */
/* keratin/model.h: models: building, compile, fit, evaluate, predict, weights.
 *
 * A model is a function from tensors to tensors, whether made by kt_sequential, by the functional style or from a
 * class with its own call. fit follows Keras's loop, names, order of hooks and weighting; differences are listed in
 * docs/differences.md.
 */
#ifndef KERATIN_MODEL_H
#define KERATIN_MODEL_H

#include <keratin/callbacks.h>
#include <keratin/data.h>
#include <keratin/training.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_model kt_model;
typedef struct kt_history kt_history;

/* ---- building ---- */

KT_API kt_model *kt_sequential_new(kt_context *kt, const kt_layer_spec *layers, size_t count);
#ifndef __cplusplus
#define kt_sequential(kt, ...)                                                                                         \
    kt_sequential_new(kt, (kt_layer_spec[]){ __VA_ARGS__ },                                                            \
                      sizeof((kt_layer_spec[]){ __VA_ARGS__ }) / sizeof(kt_layer_spec))
#endif

/* The functional style:
 *     kt_tensor *x = kt_symbol(kt, kt_input(10));
 *     kt_tensor *h = kt_apply_layer(kt_dense(64, .activation = "relu"), x);
 *     kt_model *model = kt_model_new(x, kt_add(h, kt_apply_layer(kt_dense(64), x)));
 * A symbol stands for a batch of unknown size; ops and layers may be used on it. */
KT_API kt_tensor *kt_symbol(kt_context *kt, kt_layer_spec input);
KT_API kt_tensor *kt_apply_layer(kt_layer_spec layer, kt_tensor *x);
KT_API kt_model *kt_model_new(kt_tensor *input, kt_tensor *output);
KT_API kt_model *kt_model_new_many(kt_context *kt, kt_tensors inputs, kt_tensor *output);

/* A class with its own call (and sub-layers made in build): kt_model_of(kt, kt_custom(&my_model)). */
KT_API kt_model *kt_model_of(kt_context *kt, kt_layer_spec layer);
KT_API void kt_model_free(kt_model *model);            /* NULL is fine; else it dies with the context */
KT_API const char *kt_model_name(const kt_model *model);
KT_API kt_layer *kt_model_layer(kt_model *model); /* the model as a layer: kt_existing(kt_model_layer(m)) nests it */
KT_API kt_layer *kt_model_layer_at(kt_model *model, int64_t i);  /* its top-level layers; NULL past the end */
KT_API kt_layer *kt_model_layer_named(kt_model *model, const char *name); /* "did you mean" on error */
KT_API kt_status kt_model_build(kt_model *model, kt_shape input_shape); /* with the batch size in front, any number */
/* Keras's summary(), through the context's print hook. */
KT_API kt_status kt_summary(kt_model *model);
/* Keras 3's model.to_json(): what keras.models.model_from_json makes the model from again, without its weights. Lent by the
 * model until the next call; NULL and an error when it cannot be written. Classes of your own are written as Keras's
 * registered ones ("Custom>Name", with the fields of their table), so Keras needs a class of that name; functions of your
 * own (an activation_fn, a loss_fn) have no name in C and stand under that of their field; a schedule of the learning rate
 * stands as the rate it gives now. */
KT_API const char *kt_model_json(kt_model *model);

/* ---- using ---- */

KT_API kt_tensor *kt_call(kt_model *model, kt_tensor *x);            /* records; training flag as the context says */
KT_API kt_tensor *kt_call_training(kt_model *model, kt_tensor *x);   /* with training = True */
KT_API kt_tensors kt_trainable(kt_model *model);  /* variables; borrowed until the model changes */
KT_API kt_tensors kt_weights(kt_model *model);    /* all, in Keras's order */
KT_API kt_tensor *
kt_model_losses(kt_model *model); /* sum of add_loss and regularizers of the last call; NULL if there are none */

/* ---- compile ---- */

#define KT_MAX_METRICS 8
typedef struct kt_compile_config {
    size_t size;
    kt_optimizer_spec optimizer;     /* kt_adam(); or */
    const char
        *optimizer_name; /* "adam"; neither: "rmsprop" is Keras's default, here "adam" must be asked for: an error */
    const char *loss;                /* "mse"; or */
    kt_loss_fn loss_fn;              /* the caller's own; or */
    kt_loss_spec loss_spec;          /* kt_binary_crossentropy_loss(.from_logits = true) */
    const char *metrics[KT_MAX_METRICS];          /* "mae", "accuracy": by name */
    kt_metric_spec metric_specs[KT_MAX_METRICS];  /* by object; they follow the named ones */
    const char *weighted_metrics[KT_MAX_METRICS];
    kt_metric_spec weighted_metric_specs[KT_MAX_METRICS];
} kt_compile_config;
#ifndef __cplusplus
#define kt_compile(model, ...) \
    kt_compile_with(model, &(kt_compile_config){ .size = sizeof(kt_compile_config), __VA_ARGS__ })
#endif
KT_API kt_status kt_compile_with(kt_model *model, const kt_compile_config *config);
KT_API kt_optimizer *kt_model_optimizer(kt_model *model); /* NULL before compile */

/* ---- fit ---- */

typedef struct kt_class_weight { int64_t cls; double weight; } kt_class_weight;
#define KT_MAX_CALLBACKS 12

typedef struct kt_fit_config {
    size_t size;
    kt_array x, y;                   /* or */
    kt_dataset *data;
    kt_array sample_weight;          /* (rows) */
    int64_t batch_size;              /* 32 */
    int64_t epochs;                  /* 1; the number of the last epoch, not how many */
    int64_t initial_epoch;
    int64_t steps_per_epoch;         /* 0: the whole data */
    double validation_split;         /* the last samples, taken before shuffling */
    kt_array validation_x, validation_y, validation_sample_weight;
    kt_dataset *validation_data;
    int64_t validation_batch_size;   /* batch_size */
    int64_t validation_steps;        /* 0: all */
    int64_t validation_freq;         /* 1: after each epoch */
    bool no_shuffle;
    uint64_t shuffle_seed;           /* 0: from the context's seed */
    int verbose; /* 0: the default: 1 if the context has a print hook; KT_QUIET; 1: bar; 2: a line per epoch */
    const kt_class_weight *class_weight;
    int64_t class_weight_count;
    kt_callback_spec callbacks[KT_MAX_CALLBACKS];
} kt_fit_config;
#define KT_QUIET (-1)
#ifndef __cplusplus
/* kt_fit(model, x, y, .epochs = 10, .callbacks = { kt_tensorboard("logs") }) */
#define kt_fit(model, ...) kt_fit_with(model, &(kt_fit_config){ .size = sizeof(kt_fit_config), __VA_ARGS__ })
#endif
KT_API kt_status kt_fit_with(kt_model *model, const kt_fit_config *config);

/* Of the last fit, lent by the model; empty before. */
KT_API const kt_history *kt_model_history(kt_model *model);
KT_API int64_t kt_history_epochs(const kt_history *history);
KT_API int64_t kt_history_count(const kt_history *history);              /* keys */
KT_API const char *kt_history_key(const kt_history *history, int64_t i);
/* The value of `key` in the i-th recorded epoch; NaN if there is none. kt_history_length: how many there are. */
KT_API double kt_history_value(const kt_history *history, const char *key, int64_t i);
KT_API int64_t kt_history_length(const kt_history *history, const char *key);

/* ---- evaluate, predict ---- */

typedef struct kt_evaluate_config {
    size_t size;
    kt_array x, y;
    kt_dataset *data;
    kt_array sample_weight;
    int64_t batch_size, steps;
    int verbose;
    kt_callback_spec callbacks[KT_MAX_CALLBACKS];
} kt_evaluate_config;
#ifndef __cplusplus
/* kt_evaluate(model, &logs, x, y): the results as logs; logs may be NULL */
#define kt_evaluate(model, logs, ...) \
    kt_evaluate_with(model, logs, &(kt_evaluate_config){ .size = sizeof(kt_evaluate_config), __VA_ARGS__ })
#endif
KT_API kt_status kt_evaluate_with(kt_model *model, kt_logs *logs, const kt_evaluate_config *config);

typedef struct kt_predict_config {
    size_t size;
    kt_array x;
    int64_t batch_size;
    int verbose;
    kt_callback_spec callbacks[KT_MAX_CALLBACKS];
} kt_predict_config;
#ifndef __cplusplus
/* kt_arrays *y = kt_predict(model, x): one array of the context's float type, named ""; free it or let the context */
#define kt_predict(model, ...)                                                                                         \
    kt_predict_with(model, &(kt_predict_config){ .size = sizeof(kt_predict_config), __VA_ARGS__ })
#endif
KT_API kt_arrays *kt_predict_with(kt_model *model, const kt_predict_config *config);

/* `rows` rows in, `rows` rows out, float32, one call, no allocation after the first for a number of rows: for hosts
 * that ask one row at a time. `from_count` and `to_count` are the numbers of floats, checked. */
KT_API kt_status kt_predict_into(kt_model *model, int64_t rows, const float *from, int64_t from_count, float *to,
                                 int64_t to_count);

/* One step on one batch, metrics reset first; logs may be NULL. sample_weight.data may be NULL. */
KT_API kt_status kt_train_on_batch(kt_model *model, kt_array x, kt_array y, kt_array sample_weight, kt_logs *logs);
KT_API kt_status kt_test_on_batch(kt_model *model, kt_array x, kt_array y, kt_array sample_weight, kt_logs *logs);

/* ---- weights ---- */

/* NPZ, one array per weight, named by its path without the model's own name; written whole or not at all. */
KT_API kt_status kt_save_weights(kt_model *model, const char *path);
/* Every weight must be there with its shape; nothing changes on error. */
KT_API kt_status kt_load_weights(kt_model *model, const char *path);
KT_API int64_t kt_model_parameters(kt_model *model, bool trainable_only);

#ifdef __cplusplus
}
#endif
#endif
