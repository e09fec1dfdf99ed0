/* SPDX-License-Identifier: MIT */
/* train/predict.c: predict over arrays, and predict_into for hosts that ask a few rows at a time.
 *
 * predict_into keeps one recorded step per number of rows and remembers the last, so that a call is: compare three
 * numbers, point the plan at the caller's memory, run it.
 */
#include <string.h>

#include "data/arrays.h"
#include "train/run.h"

enum { DEFAULT_BATCH = 32 };

static kt_status predict_batches(kt_model *model, kt_loop *loop, kt_feed *feed, unsigned char *to, int64_t row_elements,
                                 bool *cancelled)
{
    kt_context *kt = model->kt;
    size_t size = kt_dtype_size(kt->config.floatx);
    kt_status status = KT_OK;
    for (int64_t i = 0; status == KT_OK && !loop->stop; i++) {
        kt_host_batch batch;
        status = kt_feed_next(feed, &batch);
        if (status != KT_OK || !batch.x.data) break;
        loop->batch = i;
        kt_logs_clear(loop->empty);
        status = kt_loop_hook_at(loop, KT_ON_PREDICT_BATCH_BEGIN, i, loop->empty);
        int64_t count = batch.x.dim[0] * row_elements;
        if (status == KT_OK) status = kt_step_predict(model, &batch, to, count);
        to += (size_t)count * size;
        if (status == KT_OK) status = kt_loop_hook_at(loop, KT_ON_PREDICT_BATCH_END, i, loop->batch_logs);
        if (kt_cancelled(kt)) {
            *cancelled = true;
            break;
        }
    }
    return status;
}

/* The result for all rows, from the shape of the first batch's. */
static kt_arrays *make_room(kt_model *model, kt_feed *feed, const kt_array *x, void **to, int64_t *row_elements)
{
    kt_context *kt = model->kt;
    kt_host_batch first;
    kt_desc out;
    if (kt_feed_next(feed, &first) != KT_OK || kt_step_output(model, &first, &out) != KT_OK ||
        kt_dataset_seek(feed->data, 0, 0) != KT_OK)
        return NULL;
    if (out.rank < 1 || out.dim[0] != first.x.dim[0]) {
        char dims[128];
        kt_text text = kt_text_in(dims, sizeof dims);
        kt_text_desc(&text, &out);
        kt_fail(kt, KT_ERR_SHAPE,
                "predict: expected a prediction for each of the %lld rows of a batch, got shape %s; a model's "
                "output needs the rows as first axis",
                (long long)first.x.dim[0], dims);
        return NULL;
    }
    kt_shape shape = kt_shape_of(&out);
    *row_elements = kt_desc_count(&out) / out.dim[0];
    shape.dim[0] = x->dim[0];
    kt_arrays *result = kt_arrays_new(kt);
    *to = result ? kt_arrays_add(result, "predict", "", kt->config.floatx, shape) : NULL;
    if (*to) return result;
    kt_arrays_free(result);
    return NULL;
}

kt_arrays *kt_predict_with(kt_model *model, const kt_predict_config *given)
{
    if (kt_run_ready(model, "predict", false) != KT_OK) return NULL;
    kt_context *kt = model->kt;
    kt_predict_config c = { .size = sizeof c };
    if (given) memcpy(&c, given, given->size && given->size < sizeof c ? given->size : sizeof c);
    kt_feed feed;
    if (kt_feed_open(&feed, kt, &(kt_feed_config){ .call = "predict", .x = c.x, .batch_size = c.batch_size }) != KT_OK)
        return NULL;
    kt_loop loop = { .model = model,
                     .optimizer = kt_model_optimizer(model),
                     .epochs = 1,
                     .steps = kt_dataset_batches(feed.data),
                     .verbose = kt_resolve_verbose(kt, c.verbose) };
    kt_run_state before = kt_run_enter(model);
    kt_status status = kt_loop_start(&loop, kt, c.callbacks, KT_MAX_CALLBACKS);
    kt_arrays *result = NULL;
    bool cancelled = false;
    if (status == KT_OK) {
        void *to = NULL;
        int64_t row_elements = 0;
        status = kt_loop_hook(&loop, KT_ON_PREDICT_BEGIN, loop.empty);
        if (status == KT_OK) result = make_room(model, &feed, &c.x, &to, &row_elements);
        if (status == KT_OK) status = kt->status;
        if (status == KT_OK) status = predict_batches(model, &loop, &feed, to, row_elements, &cancelled);
        if (status == KT_OK) status = kt_loop_hook(&loop, KT_ON_PREDICT_END, loop.empty);
    }
    kt_loop_release(&loop);
    kt_run_leave(model, before);
    kt_feed_close(&feed);
    if (status == KT_OK && cancelled) status = kt_run_cancelled(model, "predict");
    if (status == KT_OK) return result;
    kt_arrays_free(result);
    return NULL;
}

/* ---- predict_into ---- */

static kt_status check_counts(kt_model *model, const kt_recorded *r)
{
    kt_context *kt = model->kt;
    const kt_desc *out = kt_program_desc(r->program, 0);
    if (kt_desc_count(out) == r->to_count) return KT_OK;
    return kt_fail(kt, KT_ERR_SHAPE, "predict_into: expected room for %lld numbers (%lld rows), got %lld",
                   (long long)kt_desc_count(out), (long long)r->x.dim[0], (long long)r->to_count);
}

/* The shape of `rows` rows as the model knows its input; unknown: (rows, numbers in a row). */
static kt_status shape_rows(kt_model *model, int64_t rows, int64_t from_count, const float *from, kt_array *x)
{
    kt_context *kt = model->kt;
    if (rows < 1) return kt_fail(kt, KT_ERR_VALUE, "predict_into: expected 1 row or more, got %lld", (long long)rows);
    *x = (kt_array){ .data = from, .dtype = KT_FLOAT32, .rank = 2, .dim = { rows, from_count / rows } };
    int64_t expected = rows * x->dim[1];
    if (model->input.rank >= 1) {
        x->rank = model->input.rank;
        expected = rows;
        for (int i = 1; i < x->rank; i++) {
            x->dim[i] = model->input.dim[i];
            if (!kt_mul_int64(expected, x->dim[i], &expected)) expected = -1;
        }
    }
    if (expected == from_count) return KT_OK;
    return kt_fail(kt, KT_ERR_SHAPE, "predict_into: expected %lld numbers for %lld rows, got %lld", (long long)expected,
                   (long long)rows, (long long)from_count);
}

static kt_recorded *into_step(kt_model *model, int64_t rows, const float *from, int64_t from_count, float *to,
                              int64_t to_count)
{
    kt_context *kt = model->kt;
    if (kt_run_ready(model, "predict_into", false) != KT_OK) return NULL;
    if (!from || !to) {
        kt_fail(kt, KT_ERR_VALUE, "predict_into: expected memory for input and output, got NULL");
        return NULL;
    }
    for (kt_recorded *r = model->recorded; r; r = r->next)
        if (r->kind == KT_STEP_INTO && r->x.dim[0] == rows && r->from_count == from_count && r->to_count == to_count)
            return model->into = r;
    kt_host_batch batch = { .index = 0 };
    if (shape_rows(model, rows, from_count, from, &batch.x) != KT_OK) return NULL;
    kt_recorded *r = kt_step_record(model, KT_STEP_INTO, &batch, 0);
    if (!r) return NULL;
    r->from_count = from_count;
    r->to_count = to_count;
    r->direct = kt_program_output(r->program, 0, to) == KT_OK;
    if (check_counts(model, r) == KT_OK) return model->into = r;
    r->from_count = r->to_count = -1; /* no call finds it */
    return NULL;
}

static kt_status into_eagerly(kt_model *model, int64_t rows, const float *from, int64_t from_count, float *to,
                              int64_t to_count)
{
    kt_context *kt = model->kt;
    kt_host_batch batch = { .index = 0 };
    kt_desc out;
    if (kt_run_ready(model, "predict_into", false) != KT_OK ||
        shape_rows(model, rows, from_count, from, &batch.x) != KT_OK || kt_step_output(model, &batch, &out) != KT_OK)
        return kt->status;
    if (kt_desc_count(&out) != to_count)
        return kt_fail(kt, KT_ERR_SHAPE, "predict_into: expected room for %lld numbers (%lld rows), got %lld",
                       (long long)kt_desc_count(&out), (long long)rows, (long long)to_count);
    uint64_t step = kt->random_step;
    kt_scope *scope = kt_scope_begin(kt);
    if (!scope) return kt->status;
    kt->captures++; /* layers number their calls anew */
    kt_tensor *y = kt_call(model, kt_constant_borrow(kt, batch.x));
    if (y) kt_read(y, to, KT_FLOAT32, to_count);
    kt_scope_end(kt, scope);
    kt->random_step = step;
    return kt->status;
}

kt_status kt_predict_into(kt_model *model, int64_t rows, const float *from, int64_t from_count, float *to,
                          int64_t to_count)
{
    if (!model) return KT_ERR_VALUE;
    kt_recorded *r = model->into;
    if (!r || r->x.dim[0] != rows || r->from_count != from_count || r->to_count != to_count || !from || !to) {
        if (model->kt->config.run_eagerly && model->kt->status == KT_OK)
            return into_eagerly(model, rows, from, from_count, to, to_count);
        r = into_step(model, rows, from, from_count, to, to_count);
        if (!r) return model->kt->status;
    }
    const void *inputs[] = { from };
    if (r->direct) kt_program_output(r->program, 0, to);
    kt_status status = kt_program_run(r->program, inputs, false);
    return r->direct || status != KT_OK ? status : kt_program_read(r->program, 0, to, KT_FLOAT32, to_count);
}
