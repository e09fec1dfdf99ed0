/* SPDX-License-Identifier: MIT */
/* keratin/callbacks.h: what watches a training: the hooks, the logs they see, the stock callbacks, and how a
 * hand-written loop drives them.
 *
 * Hooks run on the thread that called fit, in Keras's order. They may stop training, change the learning rate and add
 * log entries, which later callbacks see. They never live inside the graph; what a layer wants to show it names by
 * kt_summary_* (writer.h).
 */
#ifndef KERATIN_CALLBACKS_H
#define KERATIN_CALLBACKS_H

#include <keratin/training.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kt_model;

/* ---- logs: names and numbers, in alphabetical order; what callbacks add stands behind, in the order it came ---- */
typedef struct kt_logs kt_logs;
KT_API kt_logs *kt_logs_new(kt_context *kt);
KT_API void kt_logs_free(kt_logs *logs);
KT_API int64_t kt_logs_count(kt_logs *logs);
KT_API const char *kt_logs_name(kt_logs *logs, int64_t i);
KT_API double kt_logs_value(kt_logs *logs, int64_t i);
KT_API bool kt_logs_get(kt_logs *logs, const char *name, double *value); /* false if there is none; value may be NULL */
KT_API kt_status kt_logs_set(kt_logs *logs, const char *name, double value);

/* ---- the loop that a callback watches ---- */
typedef struct kt_loop kt_loop;
KT_API kt_context *kt_loop_context(kt_loop *loop);
KT_API struct kt_model *kt_loop_model(kt_loop *loop);       /* NULL in a hand-written loop without one */
KT_API kt_optimizer *kt_loop_optimizer(kt_loop *loop);      /* NULL if there is none */
KT_API int64_t kt_loop_epochs(kt_loop *loop);
KT_API int64_t kt_loop_steps(kt_loop *loop);                /* per epoch; -1: not known */
KT_API int kt_loop_verbose(kt_loop *loop);
KT_API void kt_loop_stop(kt_loop *loop); /* Keras's stop_training = True: after the current batch or epoch */
KT_API bool kt_loop_stopped(kt_loop *loop);
KT_API void kt_loop_print(kt_loop *loop, const char *format, ...) /* through the context's print hook */
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* ---- a callback: a struct of functions, each optional. A status other than KT_OK ends the training with it. ---- */
typedef struct kt_callback_class {
    size_t size;        /* 0: as in this header */
    const char *name;
    size_t config_size; /* a stock-like callback: configuration copied into the spec, and */
    size_t state_size;  /* zeroed memory of its own for each training (self) */
    kt_status (*begin)(void *self, kt_loop *loop, const void *config); /* set_model: before on_*_begin */
    void (*release)(void *self);                                       /* when the training has ended, also on error */
    kt_status (*on_train_begin)(void *self, kt_loop *loop, kt_logs *logs);
    kt_status (*on_train_end)(void *self, kt_loop *loop, kt_logs *logs);
    kt_status (*on_epoch_begin)(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs);
    kt_status (*on_epoch_end)(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs);
    kt_status (*on_train_batch_begin)(void *self, kt_loop *loop, int64_t batch, kt_logs *logs);
    kt_status (*on_train_batch_end)(void *self, kt_loop *loop, int64_t batch, kt_logs *logs);
    kt_status (*on_test_begin)(void *self, kt_loop *loop, kt_logs *logs);
    kt_status (*on_test_end)(void *self, kt_loop *loop, kt_logs *logs);
    kt_status (*on_test_batch_begin)(void *self, kt_loop *loop, int64_t batch, kt_logs *logs);
    kt_status (*on_test_batch_end)(void *self, kt_loop *loop, int64_t batch, kt_logs *logs);
    kt_status (*on_predict_begin)(void *self, kt_loop *loop, kt_logs *logs);
    kt_status (*on_predict_end)(void *self, kt_loop *loop, kt_logs *logs);
    kt_status (*on_predict_batch_begin)(void *self, kt_loop *loop, int64_t batch, kt_logs *logs);
    kt_status (*on_predict_batch_end)(void *self, kt_loop *loop, int64_t batch, kt_logs *logs);
} kt_callback_class;

typedef struct kt_callback_box { /* a configuration, copied; as the boxes in layers.h */
    union { size_t size; double d; unsigned char bytes[640]; } u;
} kt_callback_box;
typedef struct kt_callback_spec {
    const kt_callback_class *cls;
    void *self;     /* state of the caller's own; NULL: cls->state_size bytes are made */
    kt_callback_box config;
} kt_callback_spec;

/* A callback of the caller's own: .callbacks = { kt_callback_of(&my_class, &my_state) } */
KT_API kt_callback_spec kt_callback_of(const kt_callback_class *cls, void *self);
KT_API kt_callback_spec kt_callback_spec_of(const kt_callback_class *cls, const void *config, size_t bytes);

/* ---- stock callbacks ---- */
typedef struct kt_tensorboard_config { /* Keras's TensorBoard; runs `train` and `validation` below log_dir */
    size_t size;
    const char *log_dir;             /* "logs" */
    int64_t histogram_freq;          /* every n epochs; 0: never */
    const char *update_freq;         /* "epoch" (default) or "batch"; or */
    int64_t update_every;            /* a number of batches */
    bool write_steps_per_second;
} kt_tensorboard_config;

typedef struct kt_csv_logger_config {
    size_t size;
    const char *filename;
    const char *separator;           /* "," */
    bool append;
} kt_csv_logger_config;

typedef struct kt_early_stopping_config {
    size_t size;
    const char *monitor;             /* "val_loss" */
    double min_delta;
    int64_t patience;
    const char *mode;                /* "auto", "min", "max" */
    double baseline;                 /* with has_baseline */
    bool has_baseline;
    bool restore_best_weights;
    int64_t start_from_epoch;
    int verbose;
} kt_early_stopping_config;

typedef struct kt_terminate_on_nan_config { size_t size; bool raise_error; } kt_terminate_on_nan_config;

typedef struct kt_learning_rate_scheduler_config {
    size_t size;
    double (*schedule)(int64_t epoch, double rate, void *user);
    void *user;
    int verbose;
} kt_learning_rate_scheduler_config;

extern KT_API const kt_callback_class kt_tensorboard_class, kt_csv_logger_class, kt_early_stopping_class,
    kt_terminate_on_nan_class, kt_learning_rate_scheduler_class;
#ifndef __cplusplus
#define KT_CALLBACK_(cls, type, ...)                                                                                   \
    kt_callback_spec_of(&(cls), &(type){ .size = sizeof(type), __VA_ARGS__ }, sizeof(type))
#define kt_tensorboard(...) KT_CALLBACK_(kt_tensorboard_class, kt_tensorboard_config, __VA_ARGS__)
#define kt_csv_logger(...) KT_CALLBACK_(kt_csv_logger_class, kt_csv_logger_config, __VA_ARGS__)
#define kt_early_stopping(...) KT_CALLBACK_(kt_early_stopping_class, kt_early_stopping_config, __VA_ARGS__)
#define kt_terminate_on_nan(...) KT_CALLBACK_(kt_terminate_on_nan_class, kt_terminate_on_nan_config, __VA_ARGS__)
#define kt_learning_rate_scheduler(...) \
    KT_CALLBACK_(kt_learning_rate_scheduler_class, kt_learning_rate_scheduler_config, __VA_ARGS__)
#endif

/* ---- callbacks in a hand-written loop ---- */
typedef struct kt_loop_config {
    size_t size;
    struct kt_model *model;       /* (optional) gives TensorBoard its histograms */
    kt_optimizer *optimizer;      /* (optional) gives it the learning rate */
    int64_t epochs, steps;        /* 0: not known */
    int verbose;                  /* as kt_fit_config */
    kt_callback_spec callbacks[12];
} kt_loop_config;
/* kt_loop *loop = kt_loop_new(kt, .model = model, .epochs = 10, .callbacks = { ... }); a history and, if verbose, a
 * progress bar follow them. */
#ifndef __cplusplus
#define kt_loop_new(kt, ...) kt_loop_new_with(kt, &(kt_loop_config){ .size = sizeof(kt_loop_config), __VA_ARGS__ })
#endif
KT_API kt_loop *kt_loop_new_with(kt_context *kt, const kt_loop_config *config);
KT_API kt_status kt_loop_train_begin(kt_loop *loop);
KT_API kt_status kt_loop_epoch_begin(kt_loop *loop, int64_t epoch);
KT_API kt_status kt_loop_batch_begin(kt_loop *loop, int64_t batch);
KT_API kt_status kt_loop_log(kt_loop *loop, const char *name, double value);   /* for the next batch_end or epoch_end */
KT_API kt_status kt_loop_batch_end(kt_loop *loop, int64_t batch);
KT_API kt_status kt_loop_epoch_end(kt_loop *loop, int64_t epoch);
KT_API kt_status kt_loop_train_end(kt_loop *loop);
KT_API void kt_loop_free(kt_loop *loop); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
