/* SPDX-License-Identifier: MIT */
/* train/compile.c: compile: loss, metrics and optimizer of a model, and their names in logs.
 *
 * Whatever can be checked is checked here, so that a wrong name fails before any data is touched; only what depends
 * on the shapes of target and prediction ("accuracy", "crossentropy") waits for the first batch. Names in logs follow
 * Keras: the string as it was given, the metric's own name for objects, "_1" for a second of the same name,
 * "weighted_" where a weighted metric meets a plain one.
 */
#include <stdio.h>
#include <string.h>

#include "train/step.h"

void kt_compiled_free(kt_context *kt, kt_compiled *c)
{
    if (!c) return;
    kt_variable_free(c->total);
    kt_variable_free(c->count);
    for (int i = 0; i < c->n_metrics; i++) kt_metric_free(c->metrics[i].metric);
    kt_optimizer_free(c->optimizer);
    kt_give(kt, c);
}

static kt_status choose_optimizer(kt_model *model, kt_compiled *c, const kt_compile_config *config)
{
    kt_context *kt = model->kt;
    kt_optimizer_spec spec = config->optimizer;
    if (spec.cls && config->optimizer_name)
        return kt_fail(kt, KT_ERR_VALUE,
                       "compile: expected an optimizer by object or by name, got both; leave out optimizer_name");
    if (!spec.cls && !config->optimizer_name)
        return kt_fail(kt, KT_ERR_VALUE,
                       "compile: expected an optimizer, got none; say .optimizer = kt_adam() or .optimizer_name = "
                       "\"adam\"");
    if (!spec.cls) spec = kt_optimizer_find(kt, config->optimizer_name);
    if (!spec.cls) return kt->status;
    c->optimizer = kt_optimizer_new(kt, spec);
    return c->optimizer ? KT_OK : kt->status;
}

static kt_status choose_loss(kt_model *model, kt_compiled *c, const kt_compile_config *config)
{
    kt_context *kt = model->kt;
    int given = (config->loss != NULL) + (config->loss_fn != NULL) + (config->loss_spec.cls != NULL);
    if (given > 1)
        return kt_fail(kt, KT_ERR_VALUE, "compile: expected one of loss, loss_fn and loss_spec, got %d; keep one",
                       given);
    c->loss_fn = config->loss_fn;
    c->loss = config->loss_spec;
    if (c->loss.cls) {
        kt_loss_config *own = (kt_loss_config *)(void *)&c->loss.config;
        if (own->name && !(own->name = kt_intern(kt, own->name))) return kt->status;
        return kt_loss_check(kt, &c->loss);
    }
    if (!config->loss) return KT_OK;
    c->loss_name = kt_intern(kt, config->loss);
    if (c->loss_name && !kt_loss_needs_shapes(config->loss)) c->loss = kt_loss_find(kt, config->loss);
    return kt->status;
}

static kt_status add_metric(kt_model *model, kt_compiled *c, const char *name, const kt_metric_spec *spec,
                            bool weighted)
{
    kt_context *kt = model->kt;
    if (c->n_metrics == KT_MAX_COMPILED)
        return kt_fail(kt, KT_ERR_VALUE, "compile: expected at most %d metrics, got more", KT_MAX_COMPILED);
    kt_compiled_metric *m = &c->metrics[c->n_metrics++];
    m->weighted = weighted;
    if (name) {
        m->given = kt_intern(kt, name);
        if (!m->given) return kt->status;
        m->label = m->given;
        if (kt_metric_needs_shapes(name)) return KT_OK;
        m->spec = kt_metric_find(kt, name);
        if (!m->spec.cls) return kt->status;
    } else {
        m->spec = *spec;
    }
    m->metric = kt_metric_new(kt, m->spec);
    if (!m->metric) return kt->status;
    if (!name) m->label = kt_metric_name(m->metric);
    return KT_OK;
}

static int bearers(const kt_compiled *c, int before, const char *label)
{
    int n = 0;
    for (int i = 0; i < before; i++) n += strcmp(c->metrics[i].label, label) == 0;
    return n;
}

/* Labels that are unique. Plain metrics stand before weighted ones. */
static kt_status name_metrics(kt_context *kt, kt_compiled *c)
{
    for (int i = 0; i < c->n_metrics; i++) {
        kt_compiled_metric *m = &c->metrics[i];
        char label[256], base[256];
        snprintf(base, sizeof base, "%s", m->label);
        snprintf(label, sizeof label, "%s", base);
        if (m->weighted && bearers(c, i, label)) {
            snprintf(base, sizeof base, "weighted_%.240s", m->label);
            snprintf(label, sizeof label, "%s", base);
        }
        for (int n = 1; bearers(c, i, label) && n <= KT_MAX_COMPILED; n++)
            snprintf(label, sizeof label, "%.240s_%d", base, n);
        m->label = kt_intern(kt, label);
        if (!m->label) return kt->status;
    }
    return KT_OK;
}

static kt_status choose_metrics(kt_model *model, kt_compiled *c, const kt_compile_config *config)
{
    kt_status status = KT_OK;
    for (int i = 0; i < KT_MAX_METRICS && config->metrics[i] && status == KT_OK; i++)
        status = add_metric(model, c, config->metrics[i], NULL, false);
    for (int i = 0; i < KT_MAX_METRICS && config->metric_specs[i].cls && status == KT_OK; i++)
        status = add_metric(model, c, NULL, &config->metric_specs[i], false);
    for (int i = 0; i < KT_MAX_METRICS && config->weighted_metrics[i] && status == KT_OK; i++)
        status = add_metric(model, c, config->weighted_metrics[i], NULL, true);
    for (int i = 0; i < KT_MAX_METRICS && config->weighted_metric_specs[i].cls && status == KT_OK; i++)
        status = add_metric(model, c, NULL, &config->weighted_metric_specs[i], true);
    return status == KT_OK ? name_metrics(model->kt, c) : status;
}

kt_status kt_compile_with(kt_model *model, const kt_compile_config *given)
{
    kt_status status = kt_model_ready(model);
    if (status != KT_OK) return status;
    kt_context *kt = model->kt;
    if (model->running)
        return kt_fail(kt, KT_ERR_STATE, "compile: %s is being trained; compile it when fit has returned",
                       kt_model_name(model));
    kt_compile_config config = { .size = sizeof config };
    if (given) memcpy(&config, given, given->size && given->size < sizeof config ? given->size : sizeof config);
    kt_compiled *c = kt_take_zeroed(kt, 1, sizeof *c);
    if (!c) return kt->status;
    status = choose_optimizer(model, c, &config);
    if (status == KT_OK) status = choose_loss(model, c, &config);
    if (status == KT_OK) status = choose_metrics(model, c, &config);
    if (status == KT_OK) {
        c->total = kt_variable_zeros(kt, "loss/total", kt->config.floatx, KT_SCALAR_SHAPE);
        c->count = kt_variable_zeros(kt, "loss/count", kt->config.floatx, KT_SCALAR_SHAPE);
        if (!c->total || !c->count) status = kt->status;
    }
    if (status != KT_OK) {
        kt_compiled_free(kt, c);
        return status;
    }
    kt_recorded_clear(model);
    kt_compiled_free(kt, model->compiled);
    model->compiled = c;
    model->n_learned = 0;
    return KT_OK;
}

kt_status kt_compiled_resolve(kt_model *model, const kt_desc *y_true, const kt_desc *y_pred)
{
    kt_context *kt = model->kt;
    kt_compiled *c = model->compiled;
    if (c->loss_name && !c->loss.cls) {
        c->loss = kt_crossentropy_for(y_true, y_pred);
        if (!c->loss.cls) return kt->status;
    }
    for (int i = 0; i < c->n_metrics; i++) {
        kt_compiled_metric *m = &c->metrics[i];
        if (m->metric) continue;
        m->spec = kt_accuracy_for(y_true, y_pred);
        kt_metric_set_name(&m->spec, m->given);
        m->metric = kt_metric_new(kt, m->spec);
        if (!m->metric) return kt->status;
        kt_program_free(model->results);
        model->results = NULL;
    }
    return kt->status;
}

kt_status kt_compiled_reset(kt_model *model)
{
    kt_compiled *c = model->compiled;
    model->fresh = false;
    kt_status status = kt_variable_fill(c->total, 0);
    if (status == KT_OK) status = kt_variable_fill(c->count, 0);
    for (int i = 0; i < c->n_metrics && status == KT_OK; i++)
        if (c->metrics[i].metric) status = kt_metric_reset(c->metrics[i].metric);
    return status;
}

kt_metric *kt_compiled_metric_named(kt_model *model, const char *label)
{
    for (int i = 0; model && model->compiled && i < model->compiled->n_metrics; i++)
        if (strcmp(model->compiled->metrics[i].label, label) == 0) return model->compiled->metrics[i].metric;
    return NULL;
}
