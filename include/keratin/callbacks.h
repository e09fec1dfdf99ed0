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

#include <keratin/summary.h>
#include <keratin/summary_media.h>
#include <keratin/summary_plugins.h>
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
typedef struct kt_layer_file { const char *layer, *file; } kt_layer_file;

/* Keras's TensorBoard, and more: runs `train` and `validation` below log_dir. Its texts, lists and arrays belong to the
 * caller and must last as long as the training. An option that is not asked for costs nothing. A disk that refuses
 * stops no training: what was lost is told to the log hook at the end; only if the run cannot be begun is it an error.
 *
 * What is written, in the run train unless said; "epoch" and "batch" are the steps, epochs from 0, batches from 1 since
 * training began; <weight> and <layer> are paths ("sequential/dense/kernel"):
 *
 *     epoch_<log>, epoch_learning_rate                   epoch; those of val_<log> as epoch_<log> in validation
 *     evaluation_<log>_vs_iterations                     in validation, at the optimizer's iterations
 *     batch_<log>                                        each update_every-th batch
 *     epoch_steps_per_second, batch_steps_per_second     write_steps_per_second
 *     <weight>/histogram, <weight>/image                 epoch; histogram_freq, write_images
 *     keras                                              the model as a graph
 *     batch_<profile_end>                                the last traced batch; and plugins/profile/<time>/ beside it
 *     train_step                                         write_op_graph: graph of ops, times and memory
 *     (no tag)                                           embeddings_freq: log_dir/projector_config.pbtxt and TSV
 *   at each batch that `watch` lets through, and never in the steps between, which run the same plan as without:
 *     gradients/<weight>/histogram, /norm, gradients/global_norm; applied_gradients/... where the optimizer clips
 *     updates/<weight>/ratio                             |after - before| / |before|
 *     activations/<layer>/histogram, /mean, /deviation, /zeros, /saturation
 *     weights/<weight>/norm, weights/<layer>/norm
 *     loss_terms/<loss>, /<layer>/add_loss, /<weight>/regularizer, /total
 *     batch_learning_rate
 *   at those batches and at the end of each epoch, as means since the point before, evaluations left out:
 *     speed/steps_per_second, speed/samples_per_second, speed/data_wait_share      the last two under fit only
 *     memory/process_mib, memory/context_mib, memory/context_peak_mib
 *   of the run:
 *     model/summary, model/compile                       texts
 *     nan_doctor                                         text; the training ends with KT_ERR_NAN
 *     _hparams_/..., _hparam/<log>                       hparams; _hparam/<log>: the last value of each log
 *   of samples, epoch:
 *     samples/confusion_matrix, samples/confusion_table  picture and text; rows are true classes
 *     samples/predictions, samples/predictions_table     of the first 64 samples
 *     pr_curves/<class>                                  of the first 64 classes
 *
 * nan_doctor: fit looks at each step's loss; when it is NaN or infinite, the steps since the last copy of the variables
 * (each 256 steps; memory for one such copy) are trained again, the last two with check_numerics, to name the first op
 * with a bad result, its layer, step and direction (forward, backward, update) and what it was given. The model is left
 * as it was before that step. In a hand-written loop the logged loss is looked at, and only the step is named.
 *
 * Samples are for classifiers: predictions (n, classes), or (n, 1) for two classes, taken as probabilities, or as
 * logits if the compiled loss says from_logits; samples_y class numbers or rows of zeros and a one.
 *
 * resume: steps of batches go on from the optimizer's iterations (or initial_epoch x steps_per_epoch, if that is more)
 * instead of 1. TensorBoard drops what the new points overtake, tag by tag. Its Python reader (--load_fast=false) drops
 * by one step for a whole run: by initial_epoch if only epochs are logged in it, else by that batch, so that it shows
 * the overtaken points of an epoch_<log> twice. */
typedef struct kt_tensorboard_config {
    size_t size;
    const char *log_dir;             /* "logs" */
    int64_t histogram_freq;          /* every n epochs; 0: never */
    const char *update_freq;         /* "epoch" (default) or "batch"; or */
    int64_t update_every;            /* a number of batches */
    bool write_steps_per_second;

    /* ---- Keras's others ---- */
    bool no_graph;                   /* Keras's write_graph = False: not the model as the conceptual graph */
    bool write_images;               /* each weight as a picture, whenever its histogram is written */
    kt_image_scaling images_scale;   /* Keras's clipping to 0..1 by default; KT_IMAGE_SYMMETRIC shows weights better;
                                        with it (n) is a row, with Keras's a column */
    int64_t profile_begin;           /* profile_batch: the first and */
    int64_t profile_end;             /* the last batch, from 1, to trace op by op; 0: profile_begin alone */
    int64_t embeddings_freq;         /* every n epochs: the tables of layers with a weight "embeddings" of rank 2 */
    const char *embeddings_metadata; /* a TSV with a line for each row of every table, below log_dir; or */
    const kt_layer_file *embeddings_files; /* one for each layer that is named here */
    int64_t embeddings_files_count;

    /* ---- what is computed inside the step, beside the tensor that is alive anyway ---- */
    kt_gate watch;                   /* at which batches; zero: every update_every-th, with "epoch" every 100th */
    bool watch_gradients;            /* histogram and norm of each weight's gradient, as computed and as applied */
    bool watch_updates;              /* |update| / |weight| of each weight */
    bool watch_activations;          /* of each layer's output: histogram, mean, deviation, zeros, saturation */
    bool watch_weights;              /* norm of each weight and of each layer */
    bool watch_learning_rate;        /* at each step that is looked at */
    bool watch_loss_terms;           /* the loss and each term that layers add to it */
    bool nan_doctor;                 /* when the loss is not finite: which op, layer and step made it so */
    const char *nan_batch;           /* with nan_doctor: the batch goes to this NPZ file */
    bool write_op_graph;             /* the plan of a training step as a graph of ops, with time and memory */

    /* ---- the run ---- */
    bool write_speed;                /* samples and steps per second, share of the time spent waiting for data */
    bool write_memory;               /* of the process and of the context, in MiB */
    bool write_text;                 /* the model's summary, and what it was compiled with */
    const kt_hparam *hparams;        /* of this run, for the HPARAMS tab; an error or a last loss of NaN: it failed */
    int64_t hparams_count;
    bool resume;                     /* the run goes on, with initial_epoch of fit: see above */

    /* ---- of samples, at the end of each epoch, step = epoch ---- */
    kt_array samples_x, samples_y;   /* as for fit */
    const char *const *class_names;  /* ends with NULL; default: numbers */
    bool confusion_matrix;           /* as a picture and as a table */
    bool prediction_grid;            /* samples_x (n, h, w) or (n, h, w, c), framed green if right, else red */
    bool pr_curves;                  /* precision and recall of each class */
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
