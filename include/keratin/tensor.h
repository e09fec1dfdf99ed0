/* SPDX-License-Identifier: MIT */
/* keratin/tensor.h: shapes, arrays of the host, tensors, variables, scopes.
 *
 * A tensor is a recorded result: nothing is computed until a value is needed (kt_item, kt_read, the end of a loop
 * pass or of a training step). It belongs to the scope in which it was recorded and dies with it: a pass of
 * kt_for_each_batch, a step of fit, or the context itself. kt_keep moves a value one scope out.
 */
#ifndef KERATIN_TENSOR_H
#define KERATIN_TENSOR_H

#include <keratin/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KT_MAX_RANK 8

typedef struct kt_tensor kt_tensor;

typedef struct kt_shape {
    int rank;
    int64_t dim[KT_MAX_RANK];
} kt_shape;

#ifndef __cplusplus
/* KT_SHAPE(32, 10): rank 2. KT_SCALAR_SHAPE: rank 0. */
#define KT_SHAPE(...) \
    ((kt_shape){ (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })
#define KT_SCALAR_SHAPE ((kt_shape){ 0, { 0 } })
#endif

/* What is known of a tensor without computing it. */
typedef struct kt_desc {
    kt_dtype dtype;
    int rank;
    int64_t dim[KT_MAX_RANK];
} kt_desc;

/* An array of the host, C order, borrowed: the memory stays the caller's. data == NULL: no array. */
typedef struct kt_array {
    const void *data;
    kt_dtype dtype;
    int rank;
    int64_t dim[KT_MAX_RANK];
} kt_array;

KT_API kt_array kt_array_of(const void *data, kt_dtype dtype, kt_shape shape);
#ifndef __cplusplus
#define kt_floats(data, ...) kt_array_of((data), KT_FLOAT32, KT_SHAPE(__VA_ARGS__)) /* kt_floats(x, rows, 10) */
#define kt_doubles(data, ...) kt_array_of((data), KT_FLOAT64, KT_SHAPE(__VA_ARGS__))
#define kt_ints(data, ...) kt_array_of((data), KT_INT32, KT_SHAPE(__VA_ARGS__))
#endif

KT_API int64_t kt_shape_count(kt_shape shape);              /* elements; -1 if that does not fit */
KT_API int64_t kt_desc_count(const kt_desc *desc);

/* ---- making tensors ---- */

KT_API kt_tensor *kt_constant(kt_context *kt, kt_array value);         /* a copy of the host's array */
KT_API kt_tensor *kt_constant_borrow(kt_context *kt, kt_array value);  /* not copied: must outlive its scope, unchanged */
/* A number with the dtype of `like` (rank 0). May change from step to step without a new plan. */
KT_API kt_tensor *kt_scalar(kt_tensor *like, double value);
KT_API kt_tensor *kt_scalar_new(kt_context *kt, kt_dtype dtype, double value);
KT_API kt_tensor *kt_zeros(kt_context *kt, kt_dtype dtype, kt_shape shape);
KT_API kt_tensor *kt_ones(kt_context *kt, kt_dtype dtype, kt_shape shape);
KT_API kt_tensor *kt_fill(kt_context *kt, kt_dtype dtype, kt_shape shape, double value);

/* ---- looking at tensors ---- */

KT_API kt_context *kt_context_of(const kt_tensor *x);        /* NULL for NULL */
KT_API const kt_desc *kt_desc_of(const kt_tensor *x);        /* borrowed; NULL for NULL */
KT_API int kt_rank(const kt_tensor *x);                      /* -1 for NULL */
KT_API int64_t kt_dim(const kt_tensor *x, int axis);         /* negative axes count from the end; -1 if there is none */
KT_API kt_dtype kt_dtype_of(const kt_tensor *x);

/* ---- reading values: computes what is needed; not allowed while a model is being recorded by fit ---- */

KT_API double kt_item(kt_tensor *x);                         /* the only element of x as a double; NaN on error */
/* Copies the value out, converted to dtype; `count` must be the number of elements. */
KT_API kt_status kt_read(kt_tensor *x, void *to, kt_dtype dtype, int64_t count);
/* Computes all of these in one plan (reading one by one may compute shared parts twice). */
KT_API kt_status kt_compute(kt_tensor *const *tensors, int64_t count);
/* Ends the scopes that are open and runs what is pending: assignments and summaries. */
KT_API kt_status kt_flush(kt_context *kt);

/* ---- variables ---- */

/* A tensor that lasts: its handle may be used wherever a tensor may. `value` gives the first value, and its name is for
 * messages and files. Lives until the context dies. */
KT_API kt_tensor *kt_variable(kt_context *kt, const char *name, kt_array value);
KT_API kt_tensor *kt_variable_zeros(kt_context *kt, const char *name, kt_dtype dtype, kt_shape shape);
KT_API bool kt_is_variable(const kt_tensor *x);
KT_API const char *kt_variable_name(const kt_tensor *variable); /* "sequential/dense/kernel" */
/* From here on reads see `value`; what was recorded before still sees the old one. Returns `value` as the variable will
 * hold it. */
KT_API kt_tensor *kt_assign(kt_tensor *variable, kt_tensor *value);
KT_API kt_tensor *kt_assign_add(kt_tensor *variable, kt_tensor *value);
/* At once, from the host, converted: initial values, loading. */
KT_API kt_status kt_variable_set(kt_tensor *variable, kt_array value);
KT_API kt_status kt_variable_fill(kt_tensor *variable, double value);

/* ---- lists of tensors ---- */

typedef struct kt_tensors { /* borrowed from whoever made it */
    kt_tensor **at;
    int64_t count;
} kt_tensors;

/* d loss / d each target, in order; NULL where the loss does not depend on it. `loss` may have any shape: its sum is
 * differentiated. The gradients are recorded ops like any others: they can be differentiated again. Targets may be
 * variables or any tensors. The list belongs to the current scope. */
KT_API kt_tensors kt_gradients(kt_tensor *loss, kt_tensors targets);
/* The same for one target. */
KT_API kt_tensor *kt_gradient(kt_tensor *loss, kt_tensor *target);

/* ---- scopes ---- */

/* Between begin and end tensors belong to this scope; end runs its effects and frees them. kt_for_each_batch does it
 * for each pass. Scopes nest; an end closes inner scopes that were left open. */
typedef struct kt_scope kt_scope;
KT_API kt_scope *kt_scope_begin(kt_context *kt);
KT_API kt_status kt_scope_end(kt_context *kt, kt_scope *scope);
/* x's value, in the enclosing scope. Computed at once; no gradient flows through it. */
KT_API kt_tensor *kt_keep(kt_tensor *x);

#ifdef __cplusplus
}
#endif
#endif
