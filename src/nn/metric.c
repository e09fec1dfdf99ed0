/* SPDX-License-Identifier: MIT */
/* nn/metric.c: metrics: state in variables, updates recorded, results read only when somebody asks.
 *
 * Most metrics are Keras's Mean over values per sample: state total and count; total += sum of values x
 * weights, count += sum of weights (or the number of samples), both reduced to one number per sample first. A
 * loss is such a metric too, by its name. Others bring a state of their own.
 */
#include <stdio.h>
#include <string.h>

#include "nn/names.h"
#include "nn/training.h"

#include <keratin/ops.h>

enum { MAX_STATE = 8 };

struct kt_metric {
    kt_object object;
    kt_context *kt;
    const kt_metric_class *cls;
    kt_small_box config;
    const char *name;
    int n_state;
    kt_tensor *state[MAX_STATE];
};

static const kt_metric_class *const classes[] = {
#define KT_METRIC(cls) &cls,
#include "nn/metrics.def"
#undef KT_METRIC
};
enum { N_CLASSES = sizeof classes / sizeof *classes };

/* ---- descriptions ---- */

kt_metric_spec kt_metric_spec_of(const kt_metric_class *cls, const kt_metric_config *config)
{
    return (kt_metric_spec){ cls, kt_small_box_of(config, config ? config->size : 0) };
}

/* A function or a loss as a metric: these begin as kt_metric_config does. */
typedef struct fn_config {
    kt_metric_config common;
    kt_loss_fn fn;
} fn_config;
typedef struct loss_config {
    kt_metric_config common;
    const kt_loss_class *loss;
} loss_config;
_Static_assert(sizeof(fn_config) <= sizeof(kt_small_box), "fn_config does not fit its box");
_Static_assert(sizeof(loss_config) <= sizeof(kt_small_box), "loss_config does not fit its box");

static kt_tensor *fn_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    return ((const fn_config *)(const void *)config)->fn(y_true, y_pred);
}

static const kt_metric_class fn_class = { .name = "MeanMetricWrapper", .short_name = "metric", .values = fn_values };

kt_metric_spec kt_metric_of_fn(kt_loss_fn fn, const char *name)
{
    fn_config config = { { .size = sizeof(kt_metric_config), .name = name }, fn };
    return (kt_metric_spec){ fn ? &fn_class : NULL, kt_small_box_of(&config, sizeof config) };
}

static kt_tensor *loss_values(const kt_metric_config *config, kt_tensor *y_true, kt_tensor *y_pred)
{
    const kt_loss_class *loss = ((const loss_config *)(const void *)config)->loss;
    kt_loss_config defaults = { .size = sizeof defaults };
    if (!(loss->accepts & KT_LOSS_SPARSE)) y_true = kt_as_float(y_true);
    y_pred = kt_as_float(y_pred);
    kt_same_rank(&y_true, &y_pred);
    return y_true && y_pred ? loss->call(&defaults, y_true, y_pred) : NULL;
}

static const kt_metric_class loss_class = { .name = "MeanMetricWrapper",
                                            .short_name = "metric",
                                            .values = loss_values };

void kt_metric_set_name(kt_metric_spec *spec, const char *name)
{
    memcpy(spec->config.u.bytes + offsetof(kt_metric_config, name), &name, sizeof name);
}

kt_metric_spec kt_metric_find(kt_context *kt, const char *name)
{
    const char *names[N_CLASSES + 3] = { "accuracy", "mse", "mae" };
    kt_metric_config config = { .size = sizeof config, .name = name };
    for (int i = 0; name && i < N_CLASSES; i++)
        if (strcmp(classes[i]->name, name) == 0 || strcmp(classes[i]->short_name, name) == 0 ||
            kt_word_in(classes[i]->aliases, name))
            return kt_metric_spec_of(classes[i], &config);
    const kt_loss_class *loss = name ? kt_loss_named_class(name) : NULL;
    if (loss) {
        loss_config of_loss = { config, loss };
        return (kt_metric_spec){ &loss_class, kt_small_box_of(&of_loss, sizeof of_loss) };
    }
    for (int i = 0, n = 3; i < N_CLASSES; i++)
        if (strcmp(classes[i]->short_name, "accuracy") != 0) names[n++] = classes[i]->short_name;
    kt_fail_name(kt, "metric", name, names);
    return (kt_metric_spec){ .cls = NULL };
}

kt_metric_spec kt_accuracy_for(const kt_desc *y_true, const kt_desc *y_pred)
{
    const kt_metric_class *cls = &kt_categorical_accuracy_class;
    enum kt_kind kind = kt_kind_of(y_true, y_pred);
    if (kind == KT_KIND_BINARY)
        cls = &kt_binary_accuracy_class;
    else if (kind == KT_KIND_SPARSE)
        cls = &kt_sparse_categorical_accuracy_class;
    return kt_metric_spec_of(cls, &(kt_metric_config){ .size = sizeof(kt_metric_config) });
}

bool kt_metric_is_stock(const kt_metric_class *cls)
{
    for (int i = 0; i < N_CLASSES; i++)
        if (classes[i] == cls) return true;
    return false;
}

/* ---- life ---- */

static void end(kt_metric *metric, bool variables)
{
    kt_context *kt = metric->kt;
    for (int i = 0; variables && i < metric->n_state; i++) kt_variable_free(metric->state[i]);
    kt_give(kt, metric);
}

static void metric_release(kt_context *kt, kt_object *object)
{
    (void)kt;
    end((kt_metric *)object, false);
}

void kt_metric_free(kt_metric *metric)
{
    if (!metric) return;
    kt_disown(&metric->object);
    end(metric, true);
}

kt_metric *kt_metric_new(kt_context *kt, kt_metric_spec spec)
{
    if (!kt || kt->status != KT_OK) return NULL;
    const kt_metric_class *cls = spec.cls;
    if (!cls || spec.config.u.size == 0) {
        kt_fail_at(kt, KT_ERR_VALUE, "metric", "expected a description such as kt_binary_accuracy(), got an empty one");
        return NULL;
    }
    if (!cls->values == !(cls->update && cls->result) || cls->n_state < 0 || cls->n_state > MAX_STATE ||
        (!cls->values && cls->n_state == 0)) {
        kt_fail_at(kt, KT_ERR_VALUE, cls->name,
                   "expected a class with `values`, or with `update`, `result` and a state of 1 to %d numbers",
                   MAX_STATE);
        return NULL;
    }
    kt_metric *metric = kt_take_zeroed(kt, 1, sizeof *metric);
    if (!metric) return NULL;
    const char *name;
    memcpy(&name, spec.config.u.bytes + offsetof(kt_metric_config, name), sizeof name);
    metric->kt = kt;
    metric->cls = cls;
    metric->config = spec.config;
    metric->name = kt_intern(kt, name ? name : cls->short_name ? cls->short_name : cls->name);
    memcpy(metric->config.u.bytes + offsetof(kt_metric_config, name), &metric->name, sizeof metric->name);
    kt_own(kt, &metric->object, metric_release);
    int n_state = cls->values ? 2 : cls->n_state;
    for (int i = 0; metric->name && i < n_state; i++) {
        char path[256];
        if (cls->values)
            snprintf(path, sizeof path, "%.200s/%s", metric->name, i ? "count" : "total");
        else
            snprintf(path, sizeof path, "%.200s/state_%d", metric->name, i);
        metric->state[i] = kt_variable_zeros(kt, path, KT_DTYPE_DEFAULT, KT_SCALAR_SHAPE);
        metric->n_state = i + 1;
    }
    if (kt->status == KT_OK) return metric;
    kt_metric_free(metric);
    return NULL;
}

/* ---- updating ---- */

/* The mean over all axes from `first` on. */
static kt_tensor *mean_from(kt_tensor *x, int first)
{
    kt_axes axes = { .count = 0 };
    for (int i = first; i < kt_rank(x); i++) axes.at[axes.count++] = i;
    return axes.count ? kt_mean_axes(x, axes, false) : x;
}

/* Keras's Mean.update_state. */
static kt_status update_mean(kt_metric *metric, kt_tensor *values, kt_tensor *weight)
{
    kt_context *kt = metric->kt;
    values = kt_as_float(values);
    if (weight) {
        weight = kt_as_float(weight);
        kt_same_rank(&values, &weight);
        if (!values || !weight) return kt->status;
        values = mean_from(values, kt_rank(weight));
        weight = kt_broadcast_like(weight, values);
        values = kt_mul(values, weight);
        if (weight) weight = mean_from(weight, 1);
    }
    if (values) values = mean_from(values, 1);
    if (!values) return kt->status;
    kt_tensor *count = weight            ? weight
                       : kt_rank(values) ? kt_size_of(values, KT_AXES(0))
                                         : kt_ones(kt, KT_DTYPE_DEFAULT, KT_SCALAR_SHAPE);
    kt_assign_add(metric->state[0], kt_rank(values) ? kt_sum(values) : values);
    kt_assign_add(metric->state[1], kt_rank(count) > 0 ? kt_sum(count) : count);
    return kt->status;
}

kt_status kt_metric_update(kt_metric *metric, kt_tensor *y_true, kt_tensor *y_pred, kt_tensor *sample_weight)
{
    if (!metric) return KT_ERR_VALUE;
    kt_context *kt = metric->kt;
    const kt_metric_config *config = (const kt_metric_config *)(const void *)&metric->config;
    bool alone = metric->cls == &kt_mean_metric_class;
    if (kt->status != KT_OK) return kt->status;
    if (!y_true || (!y_pred && !alone))
        return kt_fail_at(kt, KT_ERR_VALUE, metric->name, "expected %s, got NULL",
                          alone ? "values" : "targets and predictions");
    if (!metric->cls->values) {
        kt_status status = metric->cls->update(config, metric->state, y_true, y_pred, sample_weight);
        return status == KT_OK ? kt->status
                               : kt_fail_at(kt, status, metric->name, "its update failed without saying why; call kt_fail there");
    }
    kt_tensor *values = metric->cls->values(config, y_true, y_pred);
    if (!values && kt->status == KT_OK)
        return kt_fail_at(kt, KT_ERR_VALUE, metric->name,
                          "the metric gave no tensor (NULL): return the result of an op");
    return values ? update_mean(metric, values, sample_weight) : kt->status;
}

kt_tensor *kt_metric_result_tensor(kt_metric *metric)
{
    if (!metric || metric->kt->status != KT_OK) return NULL;
    const kt_metric_config *config = (const kt_metric_config *)(const void *)&metric->config;
    if (!metric->cls->values) return metric->cls->result(config, metric->state);
    kt_tensor *mean = kt_divide_no_nan(metric->state[0], metric->state[1]);
    return metric->cls->finish ? metric->cls->finish(config, mean) : mean;
}

double kt_metric_result(kt_metric *metric) { return kt_item(kt_metric_result_tensor(metric)); }

kt_status kt_metric_reset(kt_metric *metric)
{
    if (!metric) return KT_ERR_VALUE;
    for (int i = 0; i < metric->n_state; i++) kt_variable_fill(metric->state[i], 0);
    return metric->kt->status;
}

const char *kt_metric_name(const kt_metric *metric) { return metric ? metric->name : ""; }
bool kt_metric_higher_is_better(const kt_metric *metric) { return metric && metric->cls->higher_is_better; }

kt_tensors kt_metric_state(kt_metric *metric)
{
    return metric ? (kt_tensors){ metric->state, metric->n_state } : (kt_tensors){ NULL, 0 };
}
