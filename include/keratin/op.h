/* SPDX-License-Identifier: MIT */
/* keratin/op.h: for extenders: what an op is.
 *
 * An op is one immutable row: a name, the arity, the size of its attribute struct, `infer` (the only place where its
 * inputs are checked), `kernel` (one portable implementation) and `grad` (recorded ops again). A user's own op is the
 * same struct in the user's own file; nothing is registered.
 *
 *     static const kt_op my_op = { .name = "my_op", .n_in = 1, .n_out = 1, .infer = ..., .kernel = ..., .grad = ... };
 *     kt_tensor *my_op_of(kt_tensor *x) { return kt_apply1(&my_op, x, NULL); }
 *
 * Attributes are compared byte by byte when a plan is looked up: make the struct with designated initialisers and without
 * padding (unset padding bytes would make equal steps look different: a new plan each time). Numbers that change from step
 * to step are slots (doubles), never attributes.
 */
#ifndef KERATIN_OP_H
#define KERATIN_OP_H

#include <keratin/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KT_MAX_OUT 4

typedef struct kt_infer kt_infer; /* what `infer` sees */
typedef struct kt_run kt_run;     /* what `kernel` sees */
typedef struct kt_grad kt_grad;   /* what `grad` sees */

enum { /* kt_op.flags */
    KT_OP_ELEMENTWISE = 1,  /* output element i depends on element i of each input; all shapes equal */
    KT_OP_RANDOM = 2,       /* never merged, never folded; its last two slots are stream and step */
    KT_OP_VIEW = 4,         /* same elements in the same order: no work, shares its input's memory */
    KT_OP_SHAPE_ONLY = 8    /* looks at the shape of its inputs, not at their values */
};

typedef struct kt_op {
    size_t size;         /* 0: as in this header */
    const char *name;
    int n_in;            /* -1: any number, at least one */
    int n_out;           /* 1 to KT_MAX_OUT */
    size_t attr_size;
    int n_slots;         /* doubles that may change without a new plan */
    unsigned flags;
    signed char inplace[KT_MAX_OUT]; /* output i may overwrite input inplace[i] - 1; 0: none */
    kt_status (*infer)(kt_infer *q);
    kt_status (*kernel)(kt_run *r);
    void (*grad)(kt_grad *q);        /* NULL: no gradient flows */
    /* Rows that fuse several ops: the same result by primitive rows, for second derivatives and for tests (optional). */
    void (*expand)(kt_grad *q);
    int id;              /* stock rows: their number in ops.def; 0 for user's own */
} kt_op;

/* ---- recording ---- */

/* Record `op` on these inputs; a NULL among them gives NULL. `attr` is copied (attr_size bytes), `slots` too. */
KT_API kt_tensor *kt_apply(const kt_op *op, kt_tensor *const *inputs, int n_inputs, const void *attr,
                           const double *slots);
KT_API kt_tensor *kt_apply1(const kt_op *op, kt_tensor *x, const void *attr);
KT_API kt_tensor *kt_apply2(const kt_op *op, kt_tensor *a, kt_tensor *b, const void *attr);
KT_API kt_tensor *kt_apply3(const kt_op *op, kt_tensor *a, kt_tensor *b, kt_tensor *c, const void *attr);
/* Output `index` of the op that made x. */
KT_API kt_tensor *kt_output(kt_tensor *x, int index);

/* ---- in infer ---- */

KT_API const kt_desc *kt_in(const kt_infer *q, int i);
KT_API int kt_n_in(const kt_infer *q);
KT_API kt_desc *kt_out(kt_infer *q, int i);
KT_API const void *kt_infer_attr(const kt_infer *q);
/* The sentence gets "path (op): " in front. */
KT_API kt_status kt_infer_fail(kt_infer *q, kt_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* ---- in kernel ----
 * Each accessor gives the data in the type asked for, converted if the back-end stores another; outputs are converted
 * back when the kernel returns. Reference kernels compute floats in double and integers in int64_t. */

KT_API const double *kt_ref_in(kt_run *r, int i);    /* float tensors as double */
KT_API double *kt_ref_out(kt_run *r, int i);
KT_API const int64_t *kt_ref_in_int(kt_run *r, int i); /* int, bool and uint8 tensors as int64_t */
KT_API int64_t *kt_ref_out_int(kt_run *r, int i);
KT_API const float *kt_in_f32(kt_run *r, int i);
KT_API float *kt_out_f32(kt_run *r, int i);
KT_API const kt_desc *kt_run_in(const kt_run *r, int i);
KT_API const kt_desc *kt_run_out(const kt_run *r, int i);
KT_API int kt_run_n_in(const kt_run *r);
KT_API const void *kt_run_attr(const kt_run *r);
KT_API double kt_run_slot(const kt_run *r, int i);
KT_API uint64_t kt_run_seed(const kt_run *r);
KT_API int64_t kt_count(const kt_run *r);            /* elements of output 0 */

/* x seen as (outer, len, inner) around an axis (negative: from the end). */
typedef struct kt_lanes {
    int64_t outer, len, inner;
} kt_lanes;
KT_API kt_lanes kt_lanes_of(const kt_desc *desc, int axis);

/* ---- in grad ---- */

KT_API kt_tensor *kt_grad_in(const kt_grad *q, int i);      /* input i of the op */
KT_API kt_tensor *kt_grad_result(const kt_grad *q, int i);  /* its output i */
KT_API kt_tensor *kt_grad_out(kt_grad *q, int i);           /* d loss / d output i, in the output's shape (zeros where none came) */
KT_API const void *kt_grad_attr(const kt_grad *q);
KT_API double kt_grad_slot(const kt_grad *q, int i);
KT_API int kt_grad_n_in(const kt_grad *q);
KT_API bool kt_grad_needs(const kt_grad *q, int i);         /* is the gradient of input i wanted? */
KT_API void kt_grad_set(kt_grad *q, int i, kt_tensor *gradient); /* d loss / d input i, in the input's shape */
/* In expand: the tensor that stands for output i. */
KT_API void kt_expand_set(kt_grad *q, int i, kt_tensor *result);

#ifdef __cplusplus
}
#endif
#endif
