/* SPDX-License-Identifier: MIT */
/* train/step.c: see step.h.
 *
 * Order inside a training step as in Keras: forward, total loss, loss tracker, gradients, update, metrics of the
 * predictions made before the update. All of it is one plan. The running loss is the sum of batch loss x rows over
 * the sum of rows, both kept in variables.
 */
#include "train/step.h"

#include <string.h>

#include <keratin/ops.h>

#include "train/watch.h"

/* ---- what a step records ---- */

/* Data as layers take it: bytes and truth values become floats; floats the context's float type. */
static kt_tensor *as_data(kt_context *kt, kt_tensor *x)
{
    kt_dtype dtype = kt_dtype_of(x), floatx = kt->config.floatx;
    if (dtype == KT_UINT8 || dtype == KT_BOOL || (kt_is_float(dtype) && dtype != floatx)) return kt_cast(x, floatx);
    return x;
}

static kt_tensor *forward(kt_model *model, kt_tensor *x, bool training)
{
    kt_context *kt = model->kt;
    bool before = kt->training, known = kt->training_known;
    kt->training = training;
    kt->training_known = true;
    kt_tensor *y = kt_call_layer(model->root, x);
    kt->training = before;
    kt->training_known = known;
    return y;
}

/* The name of the loss, as a place of summaries and of its term. */
static const char *loss_name(const kt_compiled *c)
{
    kt_loss_config config = { .name = NULL };
    if (c->loss_fn || !c->loss.cls) return "loss";
    memcpy(&config, &c->loss.config, sizeof config);
    return config.name && config.name[0] ? config.name : c->loss.cls->short_name;
}

static kt_tensor *total_loss(kt_model *model, kt_tensor *y, kt_tensor *pred, kt_tensor *weight)
{
    kt_context *kt = model->kt;
    kt_compiled *c = model->compiled;
    kt_tensor *loss = NULL, *extra = kt_layer_losses(model->root);
    if (c->loss.cls || c->loss_fn) {
        if (!y) {
            kt_fail(kt, KT_ERR_VALUE,
                    "%s: expected targets y for the loss, got none; give y, or compile without a loss",
                    kt_model_name(model));
            return NULL;
        }
        kt_outlet_place(kt, loss_name(c));
        loss = kt_loss_of(kt, &c->loss, c->loss_fn, y, pred, weight);
        kt_outlet_place(kt, NULL);
        if (!loss) return NULL;
        if (kt_rank(loss) > 0) loss = kt_mean(loss);
        loss = as_data(kt, loss);
        kt_watch_loss(kt, loss_name(c), loss);
    }
    if (!loss && !extra)
        kt_fail(kt, KT_ERR_VALUE,
                "%s: there is nothing to train on: expected a loss in kt_compile, a regularizer or kt_add_loss in a "
                "layer",
                kt_model_name(model));
    loss = !loss ? extra : extra ? kt_add(loss, extra) : loss;
    kt_watch_loss(kt, "total", loss);
    return loss;
}

static void track(kt_model *model, kt_tensor *loss, kt_tensor *x)
{
    kt_context *kt = model->kt;
    kt_tensor *rows = kt_rank(x) ? kt_size_of(x, KT_AXES(0)) : kt_ones(kt, kt->config.floatx, KT_SCALAR_SHAPE);
    rows = kt_cast(rows, kt->config.floatx);
    kt_assign_add(model->compiled->total, kt_mul(kt_cast(loss, kt->config.floatx), rows));
    kt_assign_add(model->compiled->count, rows);
}

static void update_metrics(kt_model *model, kt_tensor *y, kt_tensor *pred, kt_tensor *weight)
{
    kt_compiled *c = model->compiled;
    for (int i = 0; i < c->n_metrics && y; i++) {
        kt_outlet_place(model->kt, c->metrics[i].label);
        if (kt_metric_update(c->metrics[i].metric, y, pred, c->metrics[i].weighted ? weight : NULL) != KT_OK) return;
    }
    kt_outlet_place(model->kt, NULL);
}

/* Records one step; the prediction, or NULL and the context's error. */
static kt_tensor *record(kt_model *model, kt_step_kind kind, kt_tensor *x, kt_tensor *y, kt_tensor *weight,
                         unsigned looks)
{
    kt_context *kt = model->kt;
    x = as_data(kt, x);
    kt_tensor *pred = forward(model, x, kind == KT_STEP_TRAIN);
    if (!pred || kt->status != KT_OK) return NULL;
    if (kind == KT_STEP_PREDICT || kind == KT_STEP_INTO)
        return kt_cast(pred, kind == KT_STEP_INTO ? KT_FLOAT32 : kt->config.floatx);
    if (y) y = as_data(kt, y);
    if (weight) weight = kt_cast(weight, kt->config.floatx);
    kt_tensor *loss = total_loss(model, y, pred, weight);
    if (!loss) return NULL;
    if (looks & KT_LOOK_LOSS) kt_watch_value(kt, loss);
    track(model, loss, x);
    if (kind == KT_STEP_TRAIN) {
        kt_tensors variables = kt_trainable(model);
        if (variables.count) kt_optimizer_record(model->compiled->optimizer, kt_gradients(loss, variables), variables);
    }
    update_metrics(model, y, pred, weight);
    return kt->status == KT_OK ? pred : NULL;
}

/* ---- recorded steps ---- */

enum { MAX_RECORDED = 64 };

void kt_recorded_clear(kt_model *model)
{
    for (kt_recorded *r = model->recorded; r;) {
        kt_recorded *next = r->next;
        kt_program_free(r->program);
        kt_give(model->kt, r);
        r = next;
    }
    model->recorded = model->last = model->into = NULL;
    model->fresh = false;
    kt_program_free(model->results);
    kt_program_free(model->histograms);
    model->results = model->histograms = NULL;
}

kt_status kt_steps_check(kt_model *model)
{
    kt_context *kt = model->kt;
    kt_tensors now = kt_trainable(model);
    if (kt->status != KT_OK) return kt->status;
    bool same = (size_t)now.count == model->n_learned;
    for (int64_t i = 0; same && i < now.count; i++) same = now.at[i] == model->learned[i];
    if (same) return KT_OK;
    if (model->n_learned)
        kt_remark(kt, "%s: the set of trainable variables has changed: its steps are recorded anew",
                  kt_model_name(model));
    kt_recorded_clear(model);
    if (!kt_grow(&kt->heap, &model->learned, &model->learned_capacity, (size_t)now.count, sizeof *model->learned))
        return kt_no_memory(kt);
    for (int64_t i = 0; i < now.count; i++) model->learned[i] = now.at[i];
    model->n_learned = (size_t)now.count;
    return KT_OK;
}

static kt_desc desc_of(const kt_array *array)
{
    kt_desc desc;
    memset(&desc, 0, sizeof desc);
    if (!array->data) return desc;
    desc.dtype = array->dtype;
    desc.rank = array->rank;
    for (int i = 0; i < array->rank; i++) desc.dim[i] = array->dim[i];
    return desc;
}

kt_status kt_step_prepare(kt_model *model, kt_step_kind kind, const kt_host_batch *batch)
{
    kt_context *kt = model->kt;
    kt_desc x = desc_of(&batch->x), y = desc_of(&batch->y);
    if (kt_model_prepare(model, &x) != KT_OK) return kt->status;
    if (kind == KT_STEP_PREDICT || kind == KT_STEP_INTO) return KT_OK;
    const kt_desc *pred = kt_layer_output_desc(model->root);
    if (batch->y.data && pred && kt_compiled_resolve(model, &y, pred) != KT_OK) return kt->status;
    if (kind != KT_STEP_TRAIN) return KT_OK;
    if (kt_steps_check(model) != KT_OK) return kt->status;
    if (model->n_learned == 0) {
        kt_remark(kt, "%s: it has no trainable weights, so training changes nothing", kt_model_name(model));
        return KT_OK;
    }
    return kt_optimizer_build(model->compiled->optimizer, kt_trainable(model));
}

/* Data whose shape changes from batch to batch must not fill the memory with programs. */
static void forget_oldest(kt_model *model)
{
    kt_recorded **link = &model->recorded;
    for (int i = 0; i < MAX_RECORDED && *link; i++) link = &(*link)->next;
    kt_recorded *oldest = *link;
    if (!oldest) return;
    *link = NULL; /* it is the last: one more than the limit */
    if (model->last == oldest) model->last = NULL;
    if (model->into == oldest) model->into = NULL;
    kt_program_free(oldest->program);
    kt_give(model->kt, oldest);
}

kt_recorded *kt_step_record(kt_model *model, kt_step_kind kind, const kt_host_batch *batch, unsigned looks)
{
    kt_context *kt = model->kt;
    if (kt_step_prepare(model, kind, batch) != KT_OK) return NULL;
    kt_recorded *r = kt_take_zeroed(kt, 1, sizeof *r);
    if (!r) return NULL;
    bool predicts = kind == KT_STEP_PREDICT || kind == KT_STEP_INTO;
    r->kind = kind;
    r->results = model->looking && !predicts;
    r->looks = looks;
    r->x = desc_of(&batch->x);
    r->y = desc_of(&batch->y);
    r->weight = desc_of(&batch->sample_weight);
    if (kt_capture_begin(kt) == KT_OK) {
        kt_outlet_state state = kt_outlet_record(kt, looks, true);
        kt_tensor *x = kt_capture_input(kt, &r->x);
        kt_tensor *y = batch->y.data ? kt_capture_input(kt, &r->y) : NULL;
        kt_tensor *weight = batch->sample_weight.data ? kt_capture_input(kt, &r->weight) : NULL;
        kt_tensor *wanted[KT_MAX_RESULTS] = { record(model, kind, x, y, weight, looks) };
        bool good = wanted[0] != NULL;
        int n = predicts ? 1 : good && r->results ? kt_results_record(model, wanted) : 0;
        r->nothing_named = kt_outlet_recorded(kt, state) && kt->summary;
        if (good) r->program = kt_capture_end(kt, wanted, n);
        else kt_capture_abandon(kt);
    }
    if (!r->program) {
        kt_give(kt, r);
        kt_fail(kt, KT_ERR_INTERNAL, "%s: a step was recorded without a result and without an error",
                kt_model_name(model));
        return NULL;
    }
    r->next = model->recorded;
    model->recorded = r;
    forget_oldest(model);
    return r;
}

static bool fits(const kt_recorded *r, kt_step_kind kind, const kt_host_batch *b, unsigned looks)
{
    unsigned all_the_same = r->nothing_named ? (unsigned)KT_LOOK_LAYERS : 0;
    return r->kind == kind && (r->looks | all_the_same) == (looks | all_the_same) && kt_same_array(&b->x, &r->x) &&
           kt_same_array(&b->y, &r->y) && kt_same_array(&b->sample_weight, &r->weight);
}

static kt_recorded *find(kt_model *model, kt_step_kind kind, const kt_host_batch *batch, unsigned looks)
{
    bool results = model->looking && kind != KT_STEP_PREDICT;
    kt_recorded *r = model->last;
    if (r && r->results == results && fits(r, kind, batch, looks)) return r;
    for (r = model->recorded; r && !(r->results == results && fits(r, kind, batch, looks));) r = r->next;
    if (!r) r = kt_step_record(model, kind, batch, looks);
    return model->last = r;
}

/* ---- running ---- */

/* With run_eagerly, or to know a shape: recorded and run in a scope of its own. `to` takes the prediction, may be
 * NULL. */
static kt_status run_eagerly(kt_model *model, kt_step_kind kind, const kt_host_batch *batch, unsigned looks, void *to,
                             int64_t count)
{
    kt_context *kt = model->kt;
    if (kt_step_prepare(model, kind, batch) != KT_OK) return kt->status;
    uint64_t step = kt->random_step;
    kt_scope *scope = kt_scope_begin(kt);
    if (!scope) return kt->status;
    kt->captures++; /* layers number their calls anew, as for a step that is recorded once */
    kt_outlet_state state = kt_outlet_record(kt, looks, false);
    kt_tensor *x = kt_constant_borrow(kt, batch->x);
    kt_tensor *y = batch->y.data ? kt_constant_borrow(kt, batch->y) : NULL;
    kt_tensor *weight = batch->sample_weight.data ? kt_constant_borrow(kt, batch->sample_weight) : NULL;
    kt_tensor *pred = record(model, kind, x, y, weight, looks);
    kt_outlet_recorded(kt, state);
    if (pred && to) kt_read(pred, to, kt->config.floatx, count);
    kt_scope_end(kt, scope);
    kt->random_step = step + (kind == KT_STEP_TRAIN);
    return kt->status;
}

static kt_status run_recorded(kt_model *model, kt_step_kind kind, const kt_host_batch *batch, unsigned looks)
{
    kt_recorded *r = find(model, kind, batch, looks);
    if (!r) return model->kt->status;
    const void *inputs[3] = { batch->x.data };
    int n = 1;
    if (batch->y.data) inputs[n++] = batch->y.data;
    if (batch->sample_weight.data) inputs[n++] = batch->sample_weight.data;
    kt_status status = kt_program_run(r->program, inputs, kind == KT_STEP_TRAIN);
    model->fresh = r->results && status == KT_OK;
    return status;
}

kt_status kt_step_run(kt_model *model, kt_step_kind kind, const kt_host_batch *batch)
{
    kt_context *kt = model->kt;
    bool training = kind == KT_STEP_TRAIN;
    unsigned looks = kt_outlet_looks(kt) & (training ? ~0u : (unsigned)KT_LOOK_LAYERS);
    model->steps++;
    model->fresh = false;
    if (training && kt_optimizer_before_step(model->compiled->optimizer) != KT_OK) return kt->status;
    kt_status status = kt->config.run_eagerly ? run_eagerly(model, kind, batch, looks, NULL, 0)
                                              : run_recorded(model, kind, batch, looks);
    if (status != KT_OK && training) kt_optimizer_step_failed(model->compiled->optimizer);
    return status;
}

kt_status kt_step_output(kt_model *model, const kt_host_batch *batch, kt_desc *out)
{
    kt_context *kt = model->kt;
    if (kt->config.run_eagerly) { /* shapes only */
        if (kt_step_prepare(model, KT_STEP_PREDICT, batch) != KT_OK) return kt->status;
        kt_desc desc = desc_of(&batch->x);
        if (desc.dtype == KT_UINT8 || desc.dtype == KT_BOOL) desc.dtype = kt->config.floatx;
        bool symbolic = kt->symbolic;
        kt->symbolic = true;
        kt_tensor *y = forward(model, kt_symbol_of(kt, &desc, NULL), false);
        kt->symbolic = symbolic;
        if (!y) return kt->status;
        *out = *kt_desc_of(y);
        return KT_OK;
    }
    model->fresh = false;
    kt_recorded *r = find(model, KT_STEP_PREDICT, batch, 0);
    if (!r) return kt->status;
    *out = *kt_program_desc(r->program, 0);
    return KT_OK;
}

kt_status kt_step_predict(kt_model *model, const kt_host_batch *batch, void *to, int64_t count)
{
    kt_context *kt = model->kt;
    if (kt->config.run_eagerly) return run_eagerly(model, KT_STEP_PREDICT, batch, 0, to, count);
    model->fresh = false; /* model->last becomes another */
    kt_recorded *r = find(model, KT_STEP_PREDICT, batch, 0);
    if (!r) return kt->status;
    kt_status status = kt_program_run(r->program, &batch->x.data, false);
    return status == KT_OK ? kt_program_read(r->program, 0, to, kt->config.floatx, count) : status;
}
