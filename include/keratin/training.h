/* SPDX-License-Identifier: MIT */
/* keratin/training.h: losses, metrics, optimizers: descriptions and classes, and how to write your own.
 *
 * Formulas are Keras's; `e` is Keras's epsilon, 1e-7. Values per sample are reduced by the caller (compile, or
 * kt_loss): sum of values x weights / number of values, unless a loss says otherwise.
 */
#ifndef KERATIN_TRAINING_H
#define KERATIN_TRAINING_H

#include <keratin/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_loss_class kt_loss_class;
typedef struct kt_metric_class kt_metric_class;
typedef struct kt_optimizer_class kt_optimizer_class;
typedef struct kt_optimizer kt_optimizer;
typedef struct kt_metric kt_metric;

typedef struct kt_loss_spec { const kt_loss_class *cls; kt_small_box config; } kt_loss_spec;
typedef struct kt_metric_spec { const kt_metric_class *cls; kt_small_box config; } kt_metric_spec;
typedef struct kt_optimizer_spec { const kt_optimizer_class *cls; kt_box config; } kt_optimizer_spec;

/* A loss or metric as a plain function: y_true, y_pred -> values of any shape (their mean counts). */
typedef kt_tensor *(*kt_loss_fn)(kt_tensor *y_true, kt_tensor *y_pred);

/* ---- losses ---- */
typedef enum kt_reduction { /* of values v with weights w, n values in all */
    KT_REDUCTION_MEAN = 0,       /* sum(v w) / n: Keras's "sum_over_batch_size" */
    KT_REDUCTION_SUM,            /* sum(v w) */
    KT_REDUCTION_WEIGHTED_MEAN   /* sum(v w) / sum(w): "mean_with_sample_weight" */
} kt_reduction;

typedef struct kt_loss_config { /* the fields a loss does not have in Keras must stay zero */
    size_t size;
    bool from_logits;
    double label_smoothing;
    kt_reduction reduction;
    const char *name;
} kt_loss_config;

extern KT_API const kt_loss_class kt_mean_squared_error_class, kt_mean_absolute_error_class,
    kt_binary_crossentropy_class, kt_categorical_crossentropy_class, kt_sparse_categorical_crossentropy_class;
KT_API kt_loss_spec kt_loss_spec_of(const kt_loss_class *cls, const kt_loss_config *config);
#ifndef __cplusplus
#define KT_LOSS_(cls, ...) kt_loss_spec_of(&(cls), &(kt_loss_config){ .size = sizeof(kt_loss_config), __VA_ARGS__ })
#define kt_mean_squared_error_loss(...) KT_LOSS_(kt_mean_squared_error_class, __VA_ARGS__)
#define kt_mean_absolute_error_loss(...) KT_LOSS_(kt_mean_absolute_error_class, __VA_ARGS__)
#define kt_binary_crossentropy_loss(...) KT_LOSS_(kt_binary_crossentropy_class, __VA_ARGS__)
#define kt_categorical_crossentropy_loss(...) KT_LOSS_(kt_categorical_crossentropy_class, __VA_ARGS__)
#define kt_sparse_categorical_crossentropy_loss(...) KT_LOSS_(kt_sparse_categorical_crossentropy_class, __VA_ARGS__)
#endif
/* The reduced loss of a batch: rank 0. sample_weight may be NULL. For hand-written loops. */
KT_API kt_tensor *kt_loss(kt_loss_spec spec, kt_tensor *y_true, kt_tensor *y_pred, kt_tensor *sample_weight);
KT_API kt_tensor *kt_loss_named(const char *name, kt_tensor *y_true, kt_tensor *y_pred, kt_tensor *sample_weight);

struct kt_loss_class {
    size_t size;
    const char *name;       /* "MeanSquaredError" */
    const char *short_name; /* the function's name: "mean_squared_error" */
    const char *aliases;    /* space separated: "mse MSE" */
    unsigned accepts;       /* KT_LOSS_FROM_LOGITS | KT_LOSS_SMOOTHING */
    /* y_true and y_pred have one dtype and ranks that fit; the result is per sample. */
    kt_tensor *(*call)(const kt_loss_config *config, kt_tensor *y_true, kt_tensor *y_pred);
};
enum { KT_LOSS_FROM_LOGITS = 1, KT_LOSS_SMOOTHING = 2, KT_LOSS_SPARSE = 4 /* y_true: class numbers, one rank less */ };

/* ---- metrics ---- */
typedef struct kt_metric_config {
    size_t size;
    double threshold;  /* BinaryAccuracy: 0.5 */
    const char *name;
} kt_metric_config;

extern KT_API const kt_metric_class kt_mean_metric_class, kt_accuracy_class, kt_binary_accuracy_class,
    kt_categorical_accuracy_class, kt_sparse_categorical_accuracy_class, kt_mean_squared_error_metric_class,
    kt_mean_absolute_error_metric_class, kt_root_mean_squared_error_class;
KT_API kt_metric_spec kt_metric_spec_of(const kt_metric_class *cls, const kt_metric_config *config);
KT_API kt_metric_spec kt_metric_of_fn(kt_loss_fn fn, const char *name); /* mean of the function's values */
#ifndef __cplusplus
#define KT_METRIC_(cls, ...) \
    kt_metric_spec_of(&(cls), &(kt_metric_config){ .size = sizeof(kt_metric_config), __VA_ARGS__ })
#define kt_binary_accuracy(...) KT_METRIC_(kt_binary_accuracy_class, __VA_ARGS__)
#define kt_categorical_accuracy(...) KT_METRIC_(kt_categorical_accuracy_class, __VA_ARGS__)
#define kt_sparse_categorical_accuracy(...) KT_METRIC_(kt_sparse_categorical_accuracy_class, __VA_ARGS__)
#define kt_accuracy_metric(...) KT_METRIC_(kt_accuracy_class, __VA_ARGS__)
#define kt_mean_metric(...) KT_METRIC_(kt_mean_metric_class, __VA_ARGS__)
#define kt_mean_squared_error_metric(...) KT_METRIC_(kt_mean_squared_error_metric_class, __VA_ARGS__)
#define kt_mean_absolute_error_metric(...) KT_METRIC_(kt_mean_absolute_error_metric_class, __VA_ARGS__)
#define kt_root_mean_squared_error(...) KT_METRIC_(kt_root_mean_squared_error_class, __VA_ARGS__)
#endif
/* Metrics in hand-written loops. kt_mean_metric takes its values as y_true (y_pred NULL). */
KT_API kt_metric *kt_metric_new(kt_context *kt, kt_metric_spec spec);
KT_API kt_status kt_metric_update(kt_metric *metric, kt_tensor *y_true, kt_tensor *y_pred, kt_tensor *sample_weight);
KT_API double kt_metric_result(kt_metric *metric);  /* runs what is pending first */
KT_API kt_status kt_metric_reset(kt_metric *metric);
KT_API const char *kt_metric_name(const kt_metric *metric);

struct kt_metric_class {
    size_t size;
    const char *name;        /* "BinaryAccuracy" */
    const char *short_name;  /* "binary_accuracy": its name in logs */
    const char *aliases;
    bool higher_is_better;   /* direction for callbacks that monitor it */
    int n_state;             /* scalars of state, zeroed by reset: at most 8; 0 with `values`: Mean's total and count */
    /* Either: values per sample (any shape), of which the weighted mean counts ... */
    kt_tensor *(*values)(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred);
    /* ... (optional) what becomes of that mean: sqrt for RMSE */
    kt_tensor *(*finish)(const kt_metric_config *config, kt_tensor *mean);
    /* ... or a state of the metric's own: */
    kt_status (*update)(const kt_metric_config *config, kt_tensor *const *state, kt_tensor *y_true, kt_tensor *y_pred,
                        kt_tensor *sample_weight); /* kt_assign to state; sample_weight may be NULL */
    kt_tensor *(*result)(const kt_metric_config *config, kt_tensor *const *state);
};

/* ---- optimizers ---- */
typedef struct kt_optimizer_common { /* Keras's common arguments; at most one of the three clips */
    double learning_rate;                                  /* the optimizer's default when zero */
    /* the rate as a function of the step (0, 1, ...); evaluated on the host before each step; overrides
     * learning_rate */
    double (*schedule)(int64_t step, void *user);
    void *schedule_user;
    double weight_decay, clipnorm, clipvalue, global_clipnorm; /* zero: none */
    const char *name;
} kt_optimizer_common;

typedef struct kt_sgd_config { /* w -= lr g; momentum: m = mu m - lr g, w += m (nesterov: w += mu m - lr g) */
    size_t size;
    double learning_rate;     /* 0.01 */
    double momentum;
    bool nesterov;
    double (*schedule)(int64_t step, void *user);
    void *schedule_user;
    double weight_decay, clipnorm, clipvalue, global_clipnorm;
    const char *name;
} kt_sgd_config;

/* m += (g-m)(1-b1), v += (g^2-v)(1-b2), w -= lr sqrt(1-b2^t)/(1-b1^t) m / (sqrt(v)+e) */
typedef struct kt_adam_config {
    size_t size;
    double learning_rate;     /* 0.001 */
    double beta_1, beta_2;    /* 0.9, 0.999 */
    double epsilon;           /* 1e-7 */
    bool amsgrad;
    double (*schedule)(int64_t step, void *user);
    void *schedule_user;
    double weight_decay, clipnorm, clipvalue, global_clipnorm;
    const char *name;
} kt_adam_config;

extern KT_API const kt_optimizer_class kt_sgd_class, kt_adam_class;
KT_API kt_optimizer_spec kt_sgd_spec(const kt_sgd_config *c);
KT_API kt_optimizer_spec kt_adam_spec(const kt_adam_config *c);
KT_API void kt_sgd_init(kt_sgd_config *c);
KT_API void kt_adam_init(kt_adam_config *c);
#ifndef __cplusplus
#define kt_sgd(...) kt_sgd_spec(&(kt_sgd_config){ .size = sizeof(kt_sgd_config), __VA_ARGS__ })
#define kt_adam(...) kt_adam_spec(&(kt_adam_config){ .size = sizeof(kt_adam_config), __VA_ARGS__ })
#endif

KT_API kt_optimizer *kt_optimizer_new(kt_context *kt, kt_optimizer_spec spec);
/* Records one update of the variables, in Keras's order: clipping, weight decay, the rule, iteration + 1. A
 * NULL gradient leaves its variable alone; all NULL is an error. */
KT_API kt_status kt_apply_gradients(kt_optimizer *optimizer, kt_tensors gradients, kt_tensors variables);
KT_API double kt_learning_rate(kt_optimizer *optimizer);
/* KT_ERR_STATE where a schedule drives it. */
KT_API kt_status kt_set_learning_rate(kt_optimizer *optimizer, double rate);
KT_API int64_t kt_iterations(kt_optimizer *optimizer);
/* iteration, learning_rate (unless a schedule drives it), then the slots, as Keras saves them; borrowed. Ask
 * anew each time before setting them from outside: the optimizer then looks at what they have become. */
KT_API kt_tensors kt_optimizer_variables(kt_optimizer *optimizer);

typedef struct kt_update { /* what a rule sees for one variable */
    const void *config;
    kt_tensor *variable, *gradient;  /* gradient already clipped */
    kt_tensor *const *slots;         /* variables of the rule's own, zeroed at first */
    kt_tensor *learning_rate;        /* rank 0, the variable's dtype */
    kt_tensor *iteration;            /* rank 0, int64: steps taken before this one */
} kt_update;

struct kt_optimizer_class {
    size_t size;
    const char *name;       /* "Adam" */
    size_t config_size;
    const kt_field *fields;
    void (*common)(const void *config, kt_optimizer_common *to); /* tells the common arguments, defaults resolved */
    int (*slots)(const void *config, const char *names[4]); /* (optional) per variable, named: "momentum", "velocity" */
    kt_status (*update)(const kt_update *u);                /* kt_assign to variable and slots */
    kt_status (*check)(kt_context *kt, const void *config); /* (optional) refuses a configuration with kt_fail */
};

#ifdef __cplusplus
}
#endif
#endif
