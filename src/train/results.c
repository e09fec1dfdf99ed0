/* SPDX-License-Identifier: MIT */
/* train/results.c: loss and metrics as numbers, when somebody looks.
 *
 * One small program computes all results from the state variables, so that a callback that looks at each step costs
 * one more run of a few scalar ops, and a training whose callbacks look once an epoch costs nothing in its steps. When
 * somebody looks after each step, the steps give their results along (step.h), and reading is a copy.
 */
#include <string.h>

#include <keratin/ops.h>

#include "train/step.h"
#include "train/summary.h"

int kt_results_count(const kt_model *model)
{
    const kt_compiled *c = model->compiled;
    int n = 0;
    if (!c) return 0;
    for (int i = 0; i < c->n_metrics; i++) n += c->metrics[i].metric != NULL;
    return n + 1;
}

const char *kt_results_name(const kt_model *model, int i)
{
    const kt_compiled *c = model->compiled;
    for (int m = 0, n = 1; i > 0 && m < c->n_metrics; m++)
        if (c->metrics[m].metric && n++ == i) return c->metrics[m].label;
    return "loss";
}

int kt_results_record(kt_model *model, kt_tensor **results)
{
    kt_compiled *c = model->compiled;
    int n = 0;
    results[n++] = kt_divide_no_nan(c->total, c->count);
    for (int i = 0; i < c->n_metrics; i++)
        if (c->metrics[i].metric) results[n++] = kt_metric_result_tensor(c->metrics[i].metric);
    return n;
}

static kt_status read_eagerly(kt_model *model, double *values)
{
    kt_context *kt = model->kt;
    kt_tensor *results[KT_MAX_RESULTS];
    uint64_t step = kt->random_step;
    kt_scope *scope = kt_scope_begin(kt);
    if (!scope) return kt->status;
    kt_outlet_state state = kt_outlet_record(kt, 0, false); /* who reads results looks at no summaries */
    int n = kt_results_record(model, results);
    kt_outlet_recorded(kt, state);
    for (int i = 0; i < n; i++) values[i] = kt_item(results[i]);
    kt_scope_end(kt, scope);
    kt->random_step = step;
    return kt->status;
}

static kt_status read_program(kt_model *model, kt_program *program, double *values)
{
    kt_status status = KT_OK;
    for (int i = 0, n = kt_results_count(model); i < n && status == KT_OK; i++)
        status = kt_program_read(program, i, &values[i], KT_FLOAT64, 1);
    return status;
}

kt_status kt_results_read(kt_model *model, double *values)
{
    kt_context *kt = model->kt;
    if (kt->status != KT_OK) return kt->status;
    if (kt->config.run_eagerly) return read_eagerly(model, values);
    if (model->fresh) return read_program(model, model->last->program, values);
    if (!model->results) {
        kt_tensor *results[KT_MAX_RESULTS];
        if (kt_capture_begin(kt) != KT_OK) return kt->status;
        kt_outlet_state state = kt_outlet_record(kt, 0, true);
        int n = kt_results_record(model, results);
        kt_outlet_recorded(kt, state);
        model->results = kt_capture_end(kt, results, n);
        if (!model->results) return kt->status;
    }
    kt_status status = kt_program_run(model->results, NULL, false);
    return status == KT_OK ? read_program(model, model->results, values) : status;
}

kt_status kt_results_put(kt_model *model, kt_logs *logs, const char *prefix)
{
    double values[KT_MAX_RESULTS];
    kt_status status = kt_results_read(model, values);
    for (int i = 0, n = kt_results_count(model); i < n && status == KT_OK; i++) {
        char name[256];
        kt_text text = kt_text_in(name, sizeof name);
        kt_text_add(&text, "%s%s", prefix, kt_results_name(model, i));
        status = kt_logs_put(logs, name, values[i]);
    }
    return status;
}

void kt_results_fill(kt_logs *logs, void *source)
{
    kt_model *model = source;
    double values[KT_MAX_RESULTS];
    model->in_a_row = model->steps == model->looked + 1 ? model->in_a_row + 1 : 0;
    model->looked = model->steps;
    if (model->in_a_row == 2) model->looking = true; /* the third time: from now on the steps give them along */
    if (kt_results_read(model, values) != KT_OK) return;
    for (int i = 0, n = kt_results_count(model); i < n; i++)
        if (kt_logs_put_kept(logs, kt_results_name(model, i), values[i]) != KT_OK) return;
}
