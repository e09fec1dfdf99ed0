/* SPDX-License-Identifier: MIT */
/* train/nan_doctor.c: see nan_doctor.h.
 *
 * Copies lie in host memory, as the back-end stores the variable, one piece for each, made once. A copy is looked at
 * before it replaces the last good one, so the doctor never keeps weights that are ill already.
 */
#include "train/nan_doctor.h"

#include <math.h>
#include <string.h>

#include "core/backend.h"
#include "train/step.h"
#include "train/watch.h"

enum { KEEP_EVERY = 256 }; /* steps: the copying is then below 0.5 % of the training, a replay as long as 256 steps */

/* ---- copies ---- */

static bool is_wide(const kt_context *kt) { return kt->backend->flags & KT_BACKEND_WIDE; }

static kt_dtype stored_as(const kt_context *kt, kt_dtype dtype)
{
    return !is_wide(kt) ? dtype : kt_is_float(dtype) ? KT_FLOAT64 : KT_INT64;
}

static kt_status list_variable(kt_nan_doctor *doctor, size_t i, kt_tensor *variable)
{
    kt_context *kt = doctor->kt;
    const kt_desc *desc = kt_desc_of(variable);
    size_t bytes = kt_desc_elements(desc) * kt_storage_size(kt->backend, desc->dtype);
    size_t before = doctor->capacity;
    if (!kt_grow(&kt->heap, &doctor->kept, &doctor->capacity, i + 1, sizeof *doctor->kept)) return kt_no_memory(kt);
    for (; before < doctor->capacity; before++) doctor->kept[before] = (kt_kept_variable){ .copy = NULL };
    kt_kept_variable *k = &doctor->kept[i];
    if (!k->copy || k->bytes != bytes) {
        kt_give(kt, k->copy);
        k->copy = kt_take(kt, bytes ? bytes : 1);
        if (!k->copy) return kt->status;
    }
    k->variable = variable;
    k->bytes = bytes;
    return KT_OK;
}

static kt_status list_variables(kt_nan_doctor *doctor)
{
    const kt_compiled *c = doctor->model->compiled;
    kt_tensor *tracker[2] = { c->total, c->count };
    size_t n = 0;
    for (int l = 0; l < 3 + c->n_metrics; l++) {
        kt_tensors list = l == 0   ? kt_weights(doctor->model)
                          : l == 1 ? kt_optimizer_variables(c->optimizer)
                          : l == 2 ? (kt_tensors){ tracker, 2 } /* these hold sums that become ill with the loss */
                                   : kt_metric_state(c->metrics[l - 3].metric);
        for (int64_t i = 0; i < list.count && doctor->kt->status == KT_OK; i++, n++) {
            bool same = n < doctor->n_kept && doctor->kept[n].variable == list.at[i];
            if (!same && list_variable(doctor, n, list.at[i]) != KT_OK) return doctor->kt->status;
        }
    }
    doctor->n_kept = n;
    return doctor->kt->status;
}

/* Through the public calls, which settle what is pending; on back-ends that store more than the dtype holds, the bits
 * themselves afterwards. */
static kt_status read_variable(const kt_kept_variable *k)
{
    const kt_desc *desc = kt_desc_of(k->variable);
    kt_context *kt = kt_context_of(k->variable);
    if (kt_read(k->variable, k->copy, stored_as(kt, desc->dtype), kt_desc_count(desc)) != KT_OK) return kt->status;
    if (is_wide(kt)) kt->backend->read(kt, kt_variable_of(k->variable)->buffer, k->copy, k->bytes);
    return KT_OK;
}

static kt_status write_variable(const kt_kept_variable *k)
{
    const kt_desc *desc = kt_desc_of(k->variable);
    kt_context *kt = kt_context_of(k->variable);
    kt_array value = kt_array_of(k->copy, stored_as(kt, desc->dtype), kt_shape_of(desc));
    if (kt_variable_set(k->variable, value) != KT_OK) return kt->status;
    if (is_wide(kt)) kt->backend->write(kt, kt_variable_of(k->variable)->buffer, k->copy, k->bytes);
    return KT_OK;
}

static kt_status copy_all(kt_nan_doctor *doctor)
{
    for (size_t i = 0; i < doctor->n_kept; i++)
        if (read_variable(&doctor->kept[i]) != KT_OK) return doctor->kt->status;
    return KT_OK;
}

static kt_status restore(kt_nan_doctor *doctor)
{
    kt_context *kt = doctor->kt;
    for (size_t i = 0; i < doctor->n_kept; i++)
        if (write_variable(&doctor->kept[i]) != KT_OK) return kt->status;
    kt_optimizer_step_failed(doctor->model->compiled->optimizer); /* it counts anew from its variable */
    kt->random_step = doctor->random_step;
    return kt->status;
}

/* ---- what is finite ---- */

/* How many of x are NaN and infinite, and where the first of them is (-1: none). */
static int64_t look_at(const void *data, kt_dtype dtype, int64_t n, int64_t *nans, int64_t *infinities)
{
    int64_t first = -1;
    *nans = *infinities = 0;
    for (int64_t i = 0; i < n && kt_is_float(dtype); i++) {
        double x = dtype == KT_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
        if (isfinite(x)) continue;
        *(x != x ? nans : infinities) += 1;
        first = first < 0 ? i : first;
    }
    return first;
}

/* Are the variables as they stand finite? Sums stay exactly zero as long as they are: one pass, no branch. */
static bool is_finite(const void *data, kt_dtype dtype, int64_t n)
{
    enum { LANES = 16 };
    float f[LANES] = { 0 };
    double d = 0;
    int64_t i = 0;
    for (; dtype == KT_FLOAT32 && i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float x = ((const float *)data)[i + l];
            f[l] += x - x;
        }
    for (int l = 0; l < LANES; l++) d += (double)f[l];
    for (; dtype == KT_FLOAT32 && i < n; i++) d += (double)(((const float *)data)[i] - ((const float *)data)[i]);
    for (; dtype == KT_FLOAT64 && i < n; i++) d += ((const double *)data)[i] - ((const double *)data)[i];
    return d == 0;
}

static bool weights_are_finite(kt_nan_doctor *doctor)
{
    kt_context *kt = doctor->kt;
    kt_tensors weights = kt_weights(doctor->model);
    for (int64_t i = 0; i < weights.count; i++) {
        const kt_desc *desc = kt_desc_of(weights.at[i]);
        size_t bytes = kt_desc_elements(desc) * kt_dtype_size(desc->dtype);
        if (bytes > doctor->piece_bytes) {
            kt_give(kt, doctor->piece);
            doctor->piece = kt_take(kt, bytes);
            doctor->piece_bytes = doctor->piece ? bytes : 0;
        }
        if (!doctor->piece || kt_read(weights.at[i], doctor->piece, desc->dtype, kt_desc_count(desc)) != KT_OK ||
            !is_finite(doctor->piece, desc->dtype, kt_desc_count(desc)))
            return false;
    }
    return true;
}

/* ---- keeping ---- */

static bool is_due(kt_nan_doctor *doctor, int64_t step, const kt_host_batch *host)
{
    if (!doctor->step || step - doctor->step >= KEEP_EVERY) return true;
    kt_optimizer *optimizer = doctor->model->compiled->optimizer;
    return host->index == 0 && !kt_optimizer_scheduled(optimizer) &&
           kt_learning_rate(optimizer) != doctor->learning_rate;
}

kt_status kt_nan_doctor_keep(kt_nan_doctor *doctor, int64_t step, const kt_host_batch *host)
{
    kt_context *kt = doctor->kt;
    if (!is_due(doctor, step, host)) return KT_OK;
    if (kt_step_prepare(doctor->model, KT_STEP_TRAIN, host) != KT_OK) return kt->status; /* weights and slots exist */
    bool finite = weights_are_finite(doctor); /* the first time there is no step before that could be examined */
    if (doctor->step && !finite) return kt->status == KT_OK ? KT_ERR_NAN : kt->status;
    if (list_variables(doctor) != KT_OK || copy_all(doctor) != KT_OK) return kt->status;
    kt_dataset_tell(doctor->feed->data, &doctor->epoch, &doctor->index);
    doctor->index = host->index;
    doctor->random_step = kt->random_step;
    kt_optimizer *optimizer = doctor->model->compiled->optimizer;
    if (!kt_optimizer_scheduled(optimizer)) doctor->learning_rate = kt_learning_rate(optimizer);
    doctor->step = step;
    return kt->status;
}

/* ---- examining ---- */

static void look_at_batch(const kt_host_batch *batch, kt_diagnosis *d)
{
    const struct {
        const char *name;
        const kt_array *array;
    } parts[] = {
        { "x", &batch->x },
        { "y", &batch->y },
        { "sample_weight", &batch->sample_weight },
    };
    for (int i = 0; i < 3 && !d->data; i++) {
        const kt_array *a = parts[i].array;
        int64_t n = a->data ? 1 : 0;
        for (int k = 0; k < a->rank && a->data; k++) n *= a->dim[k];
        int64_t first = look_at(a->data, a->dtype, n, &d->data_nans, &d->data_infinities);
        if (first < 0) continue;
        d->data = parts[i].name;
        d->data_row = a->dim[0] > 0 ? first / (n / a->dim[0]) : 0;
    }
}

static void keep_batch(kt_context *kt, const kt_host_batch *batch, const char *path)
{
    const char *const names[] = { "x", "y", "sample_weight" };
    const kt_array *const parts[] = { &batch->x, &batch->y, &batch->sample_weight };
    const char *given[3];
    kt_array arrays[3];
    int64_t n = 0;
    for (int i = 0; i < 3; i++) {
        if (!parts[i]->data) continue;
        given[n] = names[i];
        arrays[n++] = *parts[i];
    }
    if (kt_write_npz(kt, path, given, arrays, n) == KT_OK) return;
    kt_remark(kt, "TensorBoard (NaN doctor): the batch is not kept: %s", kt->message);
    kt_clear_error(kt);
}

/* One step again, looked at op by op, its variables copied first. True: it is the one at fault. */
static bool check_step(kt_nan_doctor *doctor, const kt_host_batch *batch, kt_diagnosis *d)
{
    kt_context *kt = doctor->kt;
    bool before = kt->config.check_numerics;
    doctor->random_step = kt->random_step;
    if (copy_all(doctor) != KT_OK) return false;
    look_at_batch(batch, d);
    kt->config.check_numerics = true;
    kt_check_into(kt, &d->fault);
    kt_outlet_watch(kt, KT_LOOK_CHECK, 0); /* a program of its own */
    kt_status status = kt_step_run(doctor->model, KT_STEP_TRAIN, batch);
    kt_outlet_watch(kt, 0, 0);
    kt_check_into(kt, NULL);
    kt->config.check_numerics = before;
    d->found = d->fault.found;
    if (status == KT_ERR_NAN && d->found) kt_clear_error(kt);
    return d->found || d->data;
}

static kt_status replay(kt_nan_doctor *doctor, int64_t step, const char *batch_file, kt_diagnosis *d)
{
    kt_context *kt = doctor->kt;
    kt_dataset *data = doctor->feed->data;
    if (kt_dataset_seek(data, doctor->epoch, doctor->index) != KT_OK || restore(doctor) != KT_OK) return kt->status;
    int64_t empty = 0;
    for (int64_t s = doctor->step; s <= step && kt->status == KT_OK;) {
        kt_host_batch batch;
        kt_dataset_tell(data, &d->epoch, &d->batch);
        if (kt_feed_next(doctor->feed, &batch) != KT_OK) return kt->status;
        if (!batch.x.data) {               /* the data's epoch has ended */
            if (++empty > 1) return KT_OK; /* it gives nothing any more: not found */
            continue;
        }
        empty = 0;
        d->step = s++;
        if (d->step < step - 1) {
            if (kt_step_run(doctor->model, KT_STEP_TRAIN, &batch) != KT_OK) return kt->status;
            continue;
        }
        if (!check_step(doctor, &batch, d) && d->step < step) continue;
        if (kt->status == KT_OK) restore(doctor); /* run_eagerly assigns as it goes */
        if (kt->status == KT_OK && batch_file) keep_batch(kt, &batch, batch_file);
        return kt->status;
    }
    return kt->status;
}

kt_status kt_nan_doctor_examine(kt_nan_doctor *doctor, int64_t step, const char *batch_file, kt_diagnosis *diagnosis)
{
    kt_context *kt = doctor->kt;
    *diagnosis = (kt_diagnosis){ .step = step };
    if (!doctor->step || step < doctor->step || kt->status != KT_OK) return kt->status;
    kt_outlet *outlet = kt->summary;
    bool open = outlet && outlet->open;
    if (outlet) outlet->open = false;
    kt_outlet_watch(kt, 0, 0);
    kt_status status = replay(doctor, step, batch_file, diagnosis);
    if (outlet) outlet->open = open;
    if (status == KT_OK || status == KT_ERR_MEMORY) return status;
    kt_text text = kt_text_in(diagnosis->obstacle, sizeof diagnosis->obstacle);
    kt_text_add(&text, "%s", kt->message);
    kt_clear_error(kt);
    return KT_OK;
}

void kt_nan_doctor_end(kt_nan_doctor *doctor)
{
    for (size_t i = 0; i < doctor->capacity; i++) kt_give(doctor->kt, doctor->kept[i].copy);
    if (!doctor->kt) return;
    kt_give(doctor->kt, doctor->kept);
    kt_give(doctor->kt, doctor->piece);
    doctor->kept = NULL;
    doctor->piece = NULL;
    doctor->piece_bytes = 0;
    doctor->n_kept = doctor->capacity = 0;
    doctor->step = 0;
}
