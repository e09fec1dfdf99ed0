/* SPDX-License-Identifier: MIT */
/* train/json.h: the inside of writing a model as JSON, as Keras 3's model.to_json() does: what its files share.
 *
 * json.c drives it and knows the models, json_layers.c the stock layers, initializers and regularizers, json_graph.c the
 * functional layout, json_ops.c the ops between layers, json_compile.c what compile was given.
 *
 * Everything is written twice, first into nothing to learn the size: so nothing here may change what it writes about.
 */
#ifndef KT_TRAIN_JSON_H
#define KT_TRAIN_JSON_H

#include "base/json.h"
#include "train/model.h"

typedef struct kt_model_writer {
    kt_json json;
    kt_context *kt;
    /* For TensorBoard's converter instead of Keras: it stumbles over plain numbers among the arguments of a call, and over
     * the flat form of input_layers where a functional model stands in a sequential one. What is written instead means the
     * same to Keras. */
    bool board;
    int depth; /* of models in models */
} kt_model_writer;

/* json.c: the text, which the caller gives back with kt_give; NULL and the context's error. */
char *kt_model_json_text(kt_model *model, bool board);
/* A layer or model as an object that is left open for what a functional model adds. `in`: the shape it is given, whose
 * first size is the batch; NULL: not known. */
void kt_write_layer(kt_model_writer *w, const char *key, kt_layer *layer, const kt_desc *in, bool in_sequential);
void kt_write_shape(kt_model_writer *w, const char *key, const kt_desc *desc); /* [null, 10] */
/* "module", "class_name", and behind the configuration "registered_name". A class of the user's own has module NULL. */
void kt_write_class(kt_model_writer *w, const char *module, const char *class_name);
void kt_write_registered(kt_model_writer *w, const char *module, const char *class_name);
void kt_write_function(kt_model_writer *w, const char *key, const char *name); /* a function by its name */
void kt_write_input(kt_model_writer *w, const kt_desc *desc, const char *name); /* an InputLayer, left open */

/* json_layers.c: the configuration of a layer that is no model. */
void kt_write_layer_config(kt_model_writer *w, kt_layer *layer);
const char *kt_layer_module(const kt_layer *layer); /* "keras.layers"; NULL: the user's own */
bool kt_layer_has_build(const kt_layer *layer);     /* does Keras write its build_config? */
bool kt_layer_tells_training(const kt_layer *layer); /* does a call name `training`? */
/* Each field of a class of the user's own, by its table. */
void kt_write_fields(kt_model_writer *w, const kt_field *fields, const void *config);

/* json_graph.c: "layers", "input_layers", "output_layers" of a functional model. */
kt_status kt_write_graph(kt_model_writer *w, const kt_functional *f, bool in_sequential);

/* json_ops.c: ops between layers. */
const char *kt_step_class(const kt_graph_step *step);   /* Keras's name of the op: "Add" */
void kt_write_op(kt_model_writer *w, const kt_graph_step *step, const kt_desc *in, const char *name); /* left open */
bool kt_step_takes_list(const kt_graph_step *step);     /* are its inputs one argument? */
/* Is the step nothing in Keras: a broadcast, which its ops do themselves, or a number (then *literal)? */
bool kt_step_vanishes(const kt_graph_step *step, const kt_desc *in, bool *is_number, double *number);

/* json_compile.c */
void kt_write_compile_config(kt_model_writer *w, const kt_model *model); /* NULL: {} */

#endif
