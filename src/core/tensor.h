/* SPDX-License-Identifier: MIT */
/* core/tensor.h: nodes, tensors, variables, scopes: what recording makes.
 *
 * A node is one recorded op; its outputs are tensors. Life of a node: PENDING when recorded; DONE when a plan has run it
 * without keeping its outputs (it can be computed again as long as the variables it reads have not changed); HELD when
 * its values lie in a buffer of its scope: read values, constants, batches. A read node stands for a variable at one version.
 *
 * A SYMBOL has a shape but never a value: functional models are built from symbols; it belongs to no trace.
 *
 * Every other node belongs to a trace: the run of recording between two executions. Its serial is its place there: among the nodes, or,
 * HELD, among the leaves.
 */
#ifndef KT_CORE_TENSOR_H
#define KT_CORE_TENSOR_H

#include <keratin/op.h>
#include <keratin/tensor.h>

#include "core/context.h"

typedef struct kt_node kt_node;
typedef struct kt_variable_state kt_variable_state;

struct kt_tensor {
    kt_node *node;
    void *value;     /* in the back-end's storage; NULL: not held */
    int index;       /* which output of the node */
    kt_desc desc;
};

/* The batch size of symbols: a prime, so that what was made from it can be told from other sizes; sentences say None. */
enum { KT_SYMBOL_BATCH = 1048583 };

enum kt_node_state { KT_PENDING, KT_DONE, KT_HELD, KT_SYMBOL };

struct kt_node {
    const kt_op *op;
    kt_context *kt;
    kt_scope *scope;
    const char *path;        /* of the layer that recorded it */
    uint64_t trace;          /* the trace it is part of, and */
    uint32_t serial;         /* its place there */
    uint32_t mark;           /* for walks: index + 1 in the walker's list */
    uint64_t walk;           /* the walk that set `mark` */
    uint8_t n_in, n_out, state, direction;
    kt_tensor **in;
    void *attr;
    double *slots;
    kt_variable_state *variable; /* reads and handles only */
    uint64_t version;            /* of the variable, reads only */
    kt_tensor out[];
};

/* A variable: its storage and what a read of it means at this point of recording. */
struct kt_variable_state {
    kt_object object;
    kt_context *kt;
    char *name;
    void *buffer;            /* in the back-end's storage */
    uint32_t id;             /* never used again in this context */
    uint64_t version;        /* of the content of `buffer` */
    kt_tensor *current;      /* what reads see now in the trace `trace`: a read of `buffer`, or a value assigned */
    uint64_t trace;
    kt_node *node;           /* of the handle, which is its output 0 */
};

struct kt_scope {
    kt_scope *outer;         /* NULL: the context's own */
    uint64_t serial;         /* changes each time this memory becomes a scope again: loops left by break look at it */
    kt_arena nodes;          /* nodes and host-side copies */
    kt_arena values;         /* held values, 64-byte aligned, in the back-end's storage */
};

static inline bool kt_is_symbol(const kt_tensor *x) { return x && x->node->state == KT_SYMBOL; }

/* Ends a variable before its context: its storage is given back at once, after what is pending has run; what was recorded from it
 * before gets an error that names it when it is used. NULL and other tensors are passed over. (graph/variable.c) */
void kt_variable_free(kt_tensor *variable);

size_t kt_desc_elements(const kt_desc *desc);            /* product of sizes; 0 elements is fine */
bool kt_desc_same_shape(const kt_desc *a, const kt_desc *b);
bool kt_desc_equal(const kt_desc *a, const kt_desc *b);
kt_desc kt_desc_make(kt_dtype dtype, kt_shape shape);
kt_shape kt_shape_of(const kt_desc *desc);
void kt_text_desc(kt_text *text, const kt_desc *desc);   /* "(32, 10)" */
bool kt_is_float(kt_dtype dtype);

/* Is every size fit to be multiplied? A maker checks a shape once with this. */
kt_status kt_check_shape(kt_context *kt, const char *what, kt_dtype dtype, const kt_shape *shape);

/* NULL if x is no variable's handle. */
static inline kt_variable_state *kt_variable_of(const kt_tensor *x)
{
    return x && x->node->variable && x->node == x->node->variable->node ? x->node->variable : NULL;
}

#endif
