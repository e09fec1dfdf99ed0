/* SPDX-License-Identifier: MIT */
/* train/model.c: a model's life, its layers and weights, and calling it.
 *
 * The root layer belongs to the context like any layer, so that models nest by kt_existing; kt_model_free ends it
 * with the model. Symbols stand here because each style needs them: a symbol is an input with a shape and no value,
 * and a call on one builds layers without computing anything.
 */
#include "train/model.h"

#include <string.h>

#include "train/step.h"

/* ---- symbols ---- */

typedef struct symbol_attr {
    kt_desc desc;
    const char *name;
} symbol_attr;

static kt_status symbol_infer(kt_infer *q)
{
    *kt_out(q, 0) = ((const symbol_attr *)kt_infer_attr(q))->desc;
    return KT_OK;
}

static const kt_op symbol_op = {
    .name = "symbol",
    .n_in = 0,
    .n_out = 1,
    .attr_size = sizeof(symbol_attr),
    .flags = KT_OP_SYMBOL,
    .infer = symbol_infer,
};

kt_tensor *kt_symbol_of(kt_context *kt, const kt_desc *desc, const char *name)
{
    symbol_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.desc = *desc;
    attr.name = name;
    return kt_record(kt, &symbol_op, NULL, 0, &attr, NULL);
}

const char *kt_symbol_name(const kt_tensor *symbol)
{
    return symbol->node->op == &symbol_op ? ((const symbol_attr *)symbol->node->attr)->name : NULL;
}

/* ---- life ---- */

/* When the context ends, programs, optimizer, metrics and variables, being younger, are gone already. */
static void model_release(kt_context *kt, kt_object *object)
{
    kt_model *model = (kt_model *)object;
    for (kt_recorded *r = model->recorded, *next; r; r = next) {
        next = r->next;
        kt_give(kt, r);
    }
    kt_give(kt, model->compiled);
    kt_history_end(&model->history);
    kt_give(kt, model->learned);
    kt_give(kt, model->json);
    kt_give(kt, model);
}

kt_model *kt_model_from(kt_context *kt, kt_layer *root)
{
    if (!root) return NULL;
    kt_model *model = kt_take_zeroed(kt, 1, sizeof *model);
    if (!model) return NULL;
    model->kt = kt;
    model->root = root;
    model->input.rank = -1;
    kt_history_init(&model->history, kt);
    kt_own(kt, &model->object, model_release);
    return model;
}

void kt_model_free(kt_model *model)
{
    if (!model) return;
    kt_layer *root = model->lent ? NULL : model->root;
    kt_recorded_clear(model);
    kt_compiled_free(model->kt, model->compiled);
    model->compiled = NULL;
    kt_disown(&model->object);
    model_release(model->kt, &model->object);
    kt_layer_free(root);
}

kt_model *kt_model_of(kt_context *kt, kt_layer_spec layer)
{
    if (!kt || kt->status != KT_OK) return NULL;
    kt_layer *root = kt_layer_new(kt, layer);
    kt_model *model = kt_model_from(kt, root);
    bool lent = kt_spec_is_existing(&layer);
    if (model) model->lent = lent;
    else if (!lent) kt_layer_free(root);
    return model;
}

kt_status kt_model_ready(kt_model *model)
{
    return model ? model->kt->status : KT_ERR_VALUE;
}

kt_status kt_model_prepare(kt_model *model, const kt_desc *input)
{
    kt_context *kt = model->kt;
    if (kt->status != KT_OK) return kt->status;
    if (model->input.rank >= 0 && model->root->built) return KT_OK;
    kt_desc desc = *input;
    if (desc.rank > 0) desc.dim[0] = KT_SYMBOL_BATCH;
    if (desc.dtype == KT_UINT8 || desc.dtype == KT_BOOL || kt_is_float(desc.dtype)) desc.dtype = kt->config.floatx;
    bool symbolic = kt->symbolic, training = kt->training, known = kt->training_known;
    kt->symbolic = true;
    kt->training = false;
    kt->training_known = true;
    kt_tensor *y = kt_call_layer(model->root, kt_symbol_of(kt, &desc, NULL));
    kt->symbolic = symbolic;
    kt->training = training;
    kt->training_known = known;
    if (!y)
        return kt_fail(kt, KT_ERR_INTERNAL,
                       "%s: its call gave no tensor and no error; a layer's call must return what it made",
                       kt_layer_name(model->root));
    model->input = desc;
    return KT_OK;
}

kt_status kt_model_build(kt_model *model, kt_shape shape)
{
    kt_status status = kt_model_ready(model);
    if (status != KT_OK) return status;
    kt_context *kt = model->kt;
    if (shape.rank < 1 || shape.rank > KT_MAX_RANK)
        return kt_fail(kt, KT_ERR_SHAPE,
                       "%s: build: expected a shape with the batch size in front, got rank %d; give (1, features)",
                       kt_model_name(model), shape.rank);
    kt_shape whole = shape;
    whole.dim[0] = KT_SYMBOL_BATCH;
    if (kt_check_shape(kt, "build", kt->config.floatx, &whole) != KT_OK) return kt->status;
    kt_desc desc = kt_desc_make(kt->config.floatx, whole);
    return kt_model_prepare(model, &desc);
}

/* ---- looking at it ---- */

const char *kt_model_name(const kt_model *model)
{
    return model ? kt_layer_name(model->root) : "";
}

kt_layer *kt_model_layer(kt_model *model)
{
    return model ? model->root : NULL;
}

kt_layer *kt_model_layer_at(kt_model *model, int64_t i)
{
    return model ? kt_layer_child(model->root, i) : NULL;
}

kt_layer *kt_model_layer_named(kt_model *model, const char *name)
{
    if (!model || model->kt->status != KT_OK) return NULL;
    int64_t n = kt_layer_children(model->root);
    for (int64_t i = 0; name && i < n; i++)
        if (strcmp(kt_layer_name(kt_layer_child(model->root, i)), name) == 0) return kt_layer_child(model->root, i);
    const char **names = kt_take_zeroed(model->kt, (size_t)n + 1, sizeof *names);
    if (!names) return NULL;
    for (int64_t i = 0; i < n; i++) names[i] = kt_layer_name(kt_layer_child(model->root, i));
    kt_fail_name(model->kt, "layer", name, names);
    kt_give(model->kt, names);
    return NULL;
}

kt_tensors kt_weights(kt_model *model)
{
    return model ? kt_layer_weights(model->root) : (kt_tensors){ NULL, 0 };
}

kt_tensors kt_trainable(kt_model *model)
{
    return model ? kt_layer_trainable(model->root) : (kt_tensors){ NULL, 0 };
}

kt_tensor *kt_model_losses(kt_model *model)
{
    return model && model->kt->status == KT_OK ? kt_layer_losses(model->root) : NULL;
}

int64_t kt_model_parameters(kt_model *model, bool trainable_only)
{
    kt_tensors list = trainable_only ? kt_trainable(model) : kt_weights(model);
    int64_t count = 0;
    for (int64_t i = 0; i < list.count; i++) count += kt_desc_count(kt_desc_of(list.at[i]));
    return count;
}

kt_optimizer *kt_model_optimizer(kt_model *model)
{
    return model && model->compiled ? model->compiled->optimizer : NULL;
}

const kt_history *kt_model_history(kt_model *model)
{
    return model ? &model->history : NULL;
}

const char *kt_model_path(const kt_model *model, const kt_tensor *variable)
{
    const char *path = kt_variable_name(variable), *own = kt_model_name(model);
    size_t n = strlen(own);
    return strncmp(path, own, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

/* ---- calling ---- */

kt_tensor *kt_call(kt_model *model, kt_tensor *x)
{
    if (!model || !x) return NULL;
    if (model->input.rank < 0 && !kt_is_symbol(x)) model->input = x->desc;
    return kt_call_layer(model->root, x);
}

kt_tensor *kt_call_training(kt_model *model, kt_tensor *x)
{
    if (!model) return NULL;
    kt_context *kt = model->kt;
    bool training = kt->training, known = kt->training_known;
    kt->training = kt->training_known = true;
    kt_tensor *y = kt_call(model, x);
    kt->training = training;
    kt->training_known = known;
    return y;
}
