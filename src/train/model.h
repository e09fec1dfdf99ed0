/* SPDX-License-Identifier: MIT */
/* train/model.h: the inside of a model: a root layer, what compile gave, and the steps recorded for it.
 *
 * Whatever the style in which it was made, a model is one layer whose call runs others. Sequential and Functional are
 * layer classes of this folder. Everything that fit records (steps.h) hangs on the model, so that a second fit finds
 * it.
 */
#ifndef KT_TRAIN_MODEL_H
#define KT_TRAIN_MODEL_H

#include <keratin/model.h>

#include "graph/record.h"
#include "nn/layer.h"
#include "nn/training.h"
#include "train/history.h"

enum { KT_MAX_COMPILED = 4 * KT_MAX_METRICS };

typedef struct kt_compiled_metric {
    const char *given;       /* by name: resolved at the first batch if that needs shapes; NULL: by object */
    kt_metric_spec spec;
    const char *label;       /* in logs */
    bool weighted;
    kt_metric *metric;       /* NULL until it is resolved */
} kt_compiled_metric;

typedef struct kt_compiled {
    kt_optimizer *optimizer;
    kt_loss_spec loss;       /* cls NULL: by name (needs shapes), by function, or none */
    const char *loss_name;   /* as it was given; NULL: by function or by object */
    kt_loss_fn loss_fn;
    kt_compiled_metric metrics[KT_MAX_COMPILED];
    int n_metrics;
    kt_tensor *total, *count; /* the loss tracker's variables: sum of loss x rows, and rows */
} kt_compiled;

typedef struct kt_recorded kt_recorded; /* step.h */

struct kt_model {
    kt_object object;
    kt_context *kt;
    kt_layer *root;
    bool lent;               /* the root is another's: it does not die with the model */
    kt_desc input;           /* of the first call, dim[0] whatever it was; rank -1: not known yet */
    kt_compiled *compiled;   /* NULL before compile */
    kt_history history;
    kt_recorded *recorded;   /* the newest first */
    kt_recorded *last;       /* that ran: most often the next */
    kt_recorded *into;       /* predict_into's last */
    kt_program *results;     /* loss and metrics, as numbers */
    kt_program *histograms;  /* one (30, 3) for each weight */
    uint64_t steps, looked;  /* training and test steps run; their number when somebody last looked at results */
    int in_a_row;            /* looks, each one step after the other */
    bool looking;            /* somebody looks after each step: steps give their results themselves */
    bool fresh;              /* the last step's program holds the results as they stand */
    kt_tensor **learned;     /* the trainable variables that the recorded steps know */
    size_t n_learned, learned_capacity;
    bool running;            /* inside fit, evaluate or predict: the model may not be changed */
    char *json;              /* kt_model_json's latest */
};

/* A tensor without a value: for calls that only ask for shapes. `name` interned. */
kt_tensor *kt_symbol_of(kt_context *kt, const kt_desc *desc, const char *name);
const char *kt_symbol_name(const kt_tensor *symbol);

kt_model *kt_model_from(kt_context *kt, kt_layer *root);
/* Builds by a call on a symbol of this description, if that has not happened. */
kt_status kt_model_prepare(kt_model *model, const kt_desc *input);
/* "fit: ..." an error when model is NULL or its context has one; `call` names the caller. */
kt_status kt_model_ready(kt_model *model);
/* A variable's path without the model's own name in front. */
const char *kt_model_path(const kt_model *model, const kt_tensor *variable);

/* compile.c */
void kt_compiled_free(kt_context *kt, kt_compiled *compiled);
kt_status kt_compiled_resolve(kt_model *model, const kt_desc *y_true, const kt_desc *y_pred); /* what needs shapes */
kt_status kt_compiled_reset(kt_model *model);                /* metrics and loss tracker to zero */
kt_metric *kt_compiled_metric_named(kt_model *model, const char *label);

/* ---- models as layers ---- */
extern const kt_layer_class kt_sequential_class, kt_functional_class;

typedef struct kt_sequential {
    bool known;              /* the chain began with a description of its input: */
    kt_desc input;           /* batch size KT_SYMBOL_BATCH */
    const char *input_name;  /* NULL: not named yet */
} kt_sequential;

kt_sequential *kt_sequential_of(const kt_layer *layer); /* NULL for another class */
/* "input_layer_1": a chain has its Input in Keras also where none was described; counted when first asked for. */
const char *kt_sequential_input_name(kt_layer *layer);

typedef struct kt_graph_step { /* Functional: one layer's call, or one op between layers */
    kt_layer *layer;      /* NULL: an op */
    const kt_op *op;
    void *attr;
    double *slots;
    int *in;              /* value numbers; below zero: constant -1 - number */
    int n_in, out, n_out; /* values out ... out + n_out - 1 */
    kt_desc desc;         /* of its first output, batch size KT_SYMBOL_BATCH */
} kt_graph_step;

typedef struct kt_functional {
    kt_arena memory;
    kt_graph_step *steps;
    size_t n_steps;
    kt_tensor **values, **constants; /* values of the call that runs */
    size_t n_values, n_constants;
    kt_desc *inputs;                 /* value numbers 0 ... n_inputs - 1 */
    const char **input_names;
    size_t n_inputs;
    int output;                      /* value number */
} kt_functional;

kt_functional *kt_functional_of(const kt_layer *layer); /* NULL for another class */

#endif
