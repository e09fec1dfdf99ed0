/* SPDX-License-Identifier: MIT */
/* keratin/layers.h: layers: descriptions (values) and handles; initializers and regularizers.
 *
 * kt_dense(64, .activation = "relu") is a description: a plain value that may be copied, returned and thrown
 * away. A layer is made from it by kt_sequential, kt_apply_layer or kt_layer_new. A class is a struct of
 * functions: `build` makes weights when the first input's shape is known, `call` records ops. The gradient
 * comes from the ops.
 *
 * In C++ the macros are absent: fill a configuration with kt_dense_init and pass kt_dense_spec(&config).
 */
#ifndef KERATIN_LAYERS_H
#define KERATIN_LAYERS_H

#include <keratin/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_layer kt_layer;
typedef struct kt_layer_class kt_layer_class;
typedef struct kt_initializer_class kt_initializer_class;
typedef struct kt_regularizer_class kt_regularizer_class;

/* Configurations, copied into a description; their first member is their size. One box size per kind. */
typedef struct kt_small_box {
    union { size_t size; double d; unsigned char bytes[48]; } u;
} kt_small_box;
typedef struct kt_box {
    union { size_t size; double d; unsigned char bytes[176]; } u;
} kt_box;
typedef struct kt_layer_box {
    union { size_t size; double d; unsigned char bytes[640]; } u;
} kt_layer_box;

typedef struct kt_initializer_spec { const kt_initializer_class *cls; kt_small_box config; } kt_initializer_spec;
typedef struct kt_regularizer_spec { const kt_regularizer_class *cls; kt_small_box config; } kt_regularizer_spec;
typedef struct kt_layer_spec { const kt_layer_class *cls; kt_layer_box config; } kt_layer_spec;

/* Copies `bytes` bytes of configuration into a box; what does not fit is a compile-time assertion in the
 * class's own file. */
KT_API kt_small_box kt_small_box_of(const void *config, size_t bytes);
KT_API kt_box kt_box_of(const void *config, size_t bytes);
KT_API kt_layer_box kt_layer_box_of(const void *config, size_t bytes);

/* ---- initializers (Keras's, section by name: "zeros", "ones", "glorot_uniform"...) ---- */
typedef struct kt_constant_config { size_t size; double value; } kt_constant_config;
typedef struct kt_normal_config { size_t size; double mean, stddev; int64_t seed; } kt_normal_config; /* 0, 0.05 */
typedef struct kt_uniform_config { /* -0.05, 0.05 */
    size_t size;
    double minval, maxval;
    int64_t seed;
} kt_uniform_config;
typedef struct kt_variance_config { /* scale 1, "fan_in", "truncated_normal" */
    size_t size; double scale; const char *mode, *distribution; int64_t seed;
} kt_variance_config;
/* In all of them: seed 0: from the context's seed and the weight's path. */
typedef struct kt_seed_config { size_t size; int64_t seed; } kt_seed_config;
typedef struct kt_gain_config { size_t size; double gain; int64_t seed; } kt_gain_config;                      /* 1 */

extern KT_API const kt_initializer_class kt_zeros_class, kt_ones_class, kt_constant_class, kt_identity_class,
    kt_random_normal_class, kt_random_uniform_class, kt_truncated_normal_class, kt_variance_scaling_class,
    kt_glorot_uniform_class, kt_glorot_normal_class, kt_he_uniform_class, kt_he_normal_class, kt_lecun_uniform_class,
    kt_lecun_normal_class, kt_orthogonal_class;

/* ---- regularizers ---- */
typedef struct kt_l1_config { size_t size; double l1; } kt_l1_config;        /* 0.01: l1 * sum |w| */
typedef struct kt_l2_config { size_t size; double l2; } kt_l2_config;        /* 0.01: l2 * sum w^2 */
typedef struct kt_l1_l2_config { size_t size; double l1, l2; } kt_l1_l2_config; /* 0, 0 */
extern KT_API const kt_regularizer_class kt_l1_class, kt_l2_class, kt_l1_l2_class;

#ifndef __cplusplus
#define KT_SMALL(cls, type, ...) \
    { &(cls), kt_small_box_of(&(type){ .size = sizeof(type), __VA_ARGS__ }, sizeof(type)) }
#define kt_constant_of(...) ((kt_initializer_spec)KT_SMALL(kt_constant_class, kt_constant_config, __VA_ARGS__))
#define kt_normal_of(...) ((kt_initializer_spec)KT_SMALL(kt_random_normal_class, kt_normal_config, __VA_ARGS__))
#define kt_uniform_of(...) ((kt_initializer_spec)KT_SMALL(kt_random_uniform_class, kt_uniform_config, __VA_ARGS__))
#define kt_truncated_normal_of(...) \
    ((kt_initializer_spec)KT_SMALL(kt_truncated_normal_class, kt_normal_config, __VA_ARGS__))
#define kt_variance_scaling(...) \
    ((kt_initializer_spec)KT_SMALL(kt_variance_scaling_class, kt_variance_config, __VA_ARGS__))
#define kt_glorot_uniform(...) ((kt_initializer_spec)KT_SMALL(kt_glorot_uniform_class, kt_seed_config, __VA_ARGS__))
#define kt_glorot_normal(...) ((kt_initializer_spec)KT_SMALL(kt_glorot_normal_class, kt_seed_config, __VA_ARGS__))
#define kt_he_uniform(...) ((kt_initializer_spec)KT_SMALL(kt_he_uniform_class, kt_seed_config, __VA_ARGS__))
#define kt_he_normal(...) ((kt_initializer_spec)KT_SMALL(kt_he_normal_class, kt_seed_config, __VA_ARGS__))
#define kt_lecun_uniform(...) ((kt_initializer_spec)KT_SMALL(kt_lecun_uniform_class, kt_seed_config, __VA_ARGS__))
#define kt_lecun_normal(...) ((kt_initializer_spec)KT_SMALL(kt_lecun_normal_class, kt_seed_config, __VA_ARGS__))
#define kt_orthogonal(...) ((kt_initializer_spec)KT_SMALL(kt_orthogonal_class, kt_gain_config, __VA_ARGS__))
#define kt_identity_of(...) ((kt_initializer_spec)KT_SMALL(kt_identity_class, kt_gain_config, __VA_ARGS__))
#define kt_l1(...) ((kt_regularizer_spec)KT_SMALL(kt_l1_class, kt_l1_config, __VA_ARGS__))
#define kt_l2(...) ((kt_regularizer_spec)KT_SMALL(kt_l2_class, kt_l2_config, __VA_ARGS__))
#define kt_l1_l2(...) ((kt_regularizer_spec)KT_SMALL(kt_l1_l2_class, kt_l1_l2_config, __VA_ARGS__))
#endif

/* ---- stock layers: configuration, class ----
 * Every configuration begins with size, then the layer's own positional fields, and has `name` (NULL: Keras's
 * automatic name, "dense", "dense_1"...) and `frozen` (Keras's trainable = False). */

typedef struct kt_input_config { /* Input(shape): sizes without the batch; kt_input(28, 28) */
    size_t size;
    int64_t d0, d1, d2, d3, d4, d5, d6;
    kt_dtype dtype;
    const char *name;
} kt_input_config;

typedef struct kt_dense_config { /* y = activation(x kernel + bias); (..., in) -> (..., units) */
    size_t size;
    int64_t units;
    const char *activation;                          /* "relu"...; NULL: linear */
    kt_tensor *(*activation_fn)(kt_tensor *x);       /* or the caller's own */
    bool no_bias;                                    /* use_bias = False */
    const char *kernel_initializer, *bias_initializer; /* "glorot_uniform", "zeros" */
    kt_initializer_spec kernel_initializer_spec, bias_initializer_spec;
    const char *kernel_regularizer, *bias_regularizer; /* "l1", "l2", "l1_l2" */
    kt_regularizer_spec kernel_regularizer_spec, bias_regularizer_spec;
    const char *name;
    bool frozen;
} kt_dense_config;

typedef struct kt_activation_config {
    size_t size;
    const char *activation;
    kt_tensor *(*activation_fn)(kt_tensor *x);
    const char *name;
} kt_activation_config;

typedef struct kt_dropout_config { /* keep with probability 1 - rate, kept values / (1 - rate); identity in inference */
    size_t size;
    double rate;
    int64_t seed; /* 0: from the context's seed and the layer's path */
    const char *name;
} kt_dropout_config;

/* (batch, a, b...) -> (batch, a*b...) */
typedef struct kt_flatten_config { size_t size; const char *name; } kt_flatten_config;

/* (x - mean) / max(sqrt(variance), 1e-7); weights mean, variance, count (not trained) */
typedef struct kt_normalization_config {
    size_t size;
    int64_t axis;        /* default -1; KT_AXIS_NONE: one mean and variance for all */
    bool invert;
    const double *mean, *variance; /* `count` numbers each, copied when the layer is made; NULL: kt_adapt gives them */
    int64_t count;
    const char *name;
} kt_normalization_config;
#define KT_AXIS_NONE 99

typedef struct kt_custom_config {  /* a class of the caller's own */
    size_t size;
    const kt_layer_class *cls;
    const void *config;            /* copied: cls->config_size bytes, at most 600; kt_config(self) gives it back */
    const char *name;
    bool frozen;
} kt_custom_config;

extern KT_API const kt_layer_class kt_input_class, kt_dense_class, kt_activation_class, kt_dropout_class,
    kt_flatten_class, kt_normalization_class;

KT_API kt_layer_spec kt_input_spec(const kt_input_config *c);
KT_API kt_layer_spec kt_dense_spec(const kt_dense_config *c);
KT_API kt_layer_spec kt_activation_spec(const kt_activation_config *c);
KT_API kt_layer_spec kt_dropout_spec(const kt_dropout_config *c);
KT_API kt_layer_spec kt_flatten_spec(const kt_flatten_config *c);
KT_API kt_layer_spec kt_normalization_spec(const kt_normalization_config *c);
KT_API kt_layer_spec kt_custom_spec(const kt_custom_config *c);
/* A layer (or model, kt_model_layer) that exists: shared, not copied. */
KT_API kt_layer_spec kt_existing(kt_layer *layer);
KT_API void kt_input_init(kt_input_config *c);     /* what the macros fill: size, zero elsewhere */
KT_API void kt_dense_init(kt_dense_config *c);
KT_API void kt_activation_init(kt_activation_config *c);
KT_API void kt_dropout_init(kt_dropout_config *c);
KT_API void kt_flatten_init(kt_flatten_config *c);
KT_API void kt_normalization_init(kt_normalization_config *c);

#ifndef __cplusplus
#define kt_input(...) kt_input_spec(&(kt_input_config){ .size = sizeof(kt_input_config), __VA_ARGS__ })
#define kt_dense(...) kt_dense_spec(&(kt_dense_config){ .size = sizeof(kt_dense_config), __VA_ARGS__ })
#define kt_activation(...) \
    kt_activation_spec(&(kt_activation_config){ .size = sizeof(kt_activation_config), __VA_ARGS__ })
#define kt_dropout(...) kt_dropout_spec(&(kt_dropout_config){ .size = sizeof(kt_dropout_config), __VA_ARGS__ })
#define kt_flatten(...) kt_flatten_spec(&(kt_flatten_config){ .size = sizeof(kt_flatten_config), __VA_ARGS__ })
#define kt_normalization(...) \
    kt_normalization_spec(&(kt_normalization_config){ .size = sizeof(kt_normalization_config), __VA_ARGS__ })
/* kt_custom(&my_class), kt_custom(&my_class, .config = &my_config, .name = "first") */
#define kt_custom(...) kt_custom_spec(&(kt_custom_config){ .size = sizeof(kt_custom_config), __VA_ARGS__ })
#endif

/* ---- using layers ---- */
KT_API kt_layer *kt_layer_new(kt_context *kt, kt_layer_spec spec);
KT_API kt_tensor *kt_call_layer(kt_layer *layer, kt_tensor *x);      /* builds it at the first call */
KT_API kt_tensor *kt_call_layer_many(kt_layer *layer, kt_tensor *const *inputs, int n);
KT_API const char *kt_layer_name(const kt_layer *layer);             /* "dense_1" */
KT_API const char *kt_layer_class_name(const kt_layer *layer);       /* "Dense" */
/* Own trainable ones, own others, then the sub-layers'; borrowed until the layer changes. */
KT_API kt_tensors kt_layer_weights(kt_layer *layer);
KT_API kt_tensors kt_layer_trainable(kt_layer *layer);
KT_API kt_status kt_layer_set_trainable(kt_layer *layer, bool trainable); /* and of its sub-layers */
/* Normalization: mean and variance of `data` (rows, ...); forgets what it knew. */
KT_API kt_status kt_adapt(kt_layer *normalization, kt_array data);

/* ---- writing layers ---- */

typedef struct kt_call_args { /* a call with more than one tensor */
    kt_tensor *const *inputs;
    int n_inputs;
} kt_call_args;

typedef enum kt_field_kind {
    KT_FIELD_INT, KT_FIELD_DOUBLE, KT_FIELD_BOOL, KT_FIELD_STRING, KT_FIELD_DTYPE, KT_FIELD_INITIALIZER,
    KT_FIELD_REGULARIZER
} kt_field_kind;
typedef struct kt_field { /* one configuration field: gives saving, loading, printing and "did you mean" */
    const char *name;
    kt_field_kind kind;
    size_t offset;
} kt_field;

struct kt_layer_class {
    size_t size;           /* 0: as in this header */
    const char *name;      /* "Dense": the automatic name is its snake case */
    size_t config_size;
    const kt_field *fields; /* ends with a NULL name; may be NULL */
    kt_status (*build)(kt_layer *self, const kt_desc *x);       /* (optional) makes weights and sub-layers */
    kt_tensor *(*call)(kt_layer *self, kt_tensor *x);           /* one tensor; or */
    kt_tensor *(*call_with)(kt_layer *self, const kt_call_args *args); /* several */
    void (*release)(kt_layer *self);     /* (optional) frees what create and build took, with the layer */
    kt_status (*create)(kt_layer *self); /* (optional) checks the configuration, copies what it points to */
};

typedef struct kt_weight_config {
    size_t size;
    const char *initializer;             /* "glorot_uniform"; NULL: glorot_uniform for floats, zeros for integers */
    kt_initializer_spec initializer_spec;
    const char *regularizer;
    kt_regularizer_spec regularizer_spec;
    bool not_trainable;
    kt_dtype dtype;                      /* default: the context's float type */
} kt_weight_config;
#ifndef __cplusplus
/* In build: kt_weight(self, "kernel", KT_SHAPE(in, units), .initializer = "he_normal"); NULL on error, which is
 * then the context's. */
#define kt_weight(self, name, ...) KT_WEIGHT_(self, name, __VA_ARGS__, .size = sizeof(kt_weight_config))
#define KT_WEIGHT_(self, name, shape, ...) kt_weight_with(self, name, shape, &(kt_weight_config){ __VA_ARGS__ })
#endif
KT_API kt_tensor *kt_weight_with(kt_layer *self, const char *name, kt_shape shape, const kt_weight_config *config);
KT_API kt_tensor *kt_w(kt_layer *self, const char *name); /* its weight of this name; NULL and an error if none */
/* In build: a layer inside this one, found again by `name`, which is also its name unless the description has one. */
KT_API kt_layer *kt_sublayer_new(kt_layer *self, const char *name, kt_layer_spec spec);
KT_API kt_layer *kt_sublayer(kt_layer *self, const char *name);
KT_API const void *kt_config(const kt_layer *self);
KT_API void *kt_layer_state(kt_layer *self, size_t bytes); /* zeroed memory of its own, made when first asked for */
KT_API kt_context *kt_layer_context(const kt_layer *self);
KT_API bool kt_training(const kt_layer *self); /* constant while recording: two plans, no branch at run time */
KT_API void kt_add_loss(kt_layer *self, kt_tensor *loss);  /* its sum joins the total loss of this call */
KT_API kt_tensor *kt_activate(kt_context *kt, const char *name, kt_tensor *x); /* by name; NULL or "linear": x */

struct kt_initializer_class {
    size_t size;
    const char *name;      /* "GlorotUniform" */
    size_t config_size;
    const kt_field *fields;
    /* Fills `count` doubles of a weight of this shape. `seed` is the configuration's, or drawn from the
     * context's seed and the weight's path. */
    kt_status (*fill)(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to, int64_t count);
};
struct kt_regularizer_class {
    size_t size;
    const char *name;      /* "L2" */
    size_t config_size;
    const kt_field *fields;
    kt_tensor *(*call)(const void *config, kt_tensor *weight);
};

#ifdef __cplusplus
}
#endif
#endif
