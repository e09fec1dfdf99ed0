/* SPDX-License-Identifier: MIT */
/* train/json_compile.c: what compile was given, as Keras's compile_config: texts as they were given, objects as objects.
 *
 * An optimizer is always an object, and its rate the number it has now; a schedule, which is a function in C, cannot be
 * written. Keras knows arguments that do not exist here; they stand with the value that means the same. A model that was not
 * compiled has {}.
 */
#include <string.h>

#include "train/json.h"

/* Zero means "none" where Keras says None. */
static void write_optional(kt_json *j, const char *key, double value)
{
    if (value > 0) kt_json_number(j, key, value);
    else kt_json_null(j, key);
}

static void write_optimizer(kt_model_writer *w, kt_optimizer *optimizer)
{
    kt_json *j = &w->json;
    const kt_optimizer_class *cls = kt_optimizer_class_of(optimizer);
    const kt_optimizer_common *common = kt_optimizer_common_of(optimizer);
    const void *config = kt_optimizer_config(optimizer);
    const char *module = cls == &kt_adam_class || cls == &kt_sgd_class ? "keras.optimizers" : NULL;
    kt_json_object(j, "optimizer");
    kt_write_class(w, module, cls->name);
    kt_json_object(j, "config");
    kt_json_text(j, "name", kt_optimizer_name(optimizer));
    kt_json_number(j, "learning_rate", kt_learning_rate(optimizer));
    write_optional(j, "weight_decay", common->weight_decay);
    write_optional(j, "clipnorm", common->clipnorm);
    write_optional(j, "global_clipnorm", common->global_clipnorm);
    write_optional(j, "clipvalue", common->clipvalue);
    kt_json_bool(j, "use_ema", false);
    kt_json_number(j, "ema_momentum", 0.99);
    kt_json_null(j, "ema_overwrite_frequency");
    kt_json_null(j, "loss_scale_factor");
    kt_json_null(j, "gradient_accumulation_steps");
    if (cls == &kt_adam_class) {
        const kt_adam_config *c = config;
        kt_json_number(j, "beta_1", kt_setting(c->beta_1, 0.9));
        kt_json_number(j, "beta_2", kt_setting(c->beta_2, 0.999));
        kt_json_number(j, "epsilon", kt_setting(c->epsilon, 1e-7));
        kt_json_bool(j, "amsgrad", c->amsgrad);
    } else if (cls == &kt_sgd_class) {
        const kt_sgd_config *c = config;
        kt_json_number(j, "momentum", kt_setting(c->momentum, 0));
        kt_json_bool(j, "nesterov", c->nesterov);
    } else kt_write_fields(w, cls->fields, config);
    kt_json_end_object(j);
    kt_write_registered(w, module, cls->name);
    kt_json_end_object(j);
}

static void write_loss_object(kt_model_writer *w, const kt_loss_spec *spec)
{
    static const char *const reductions[] = { "sum_over_batch_size", "sum", "mean_with_sample_weight" };
    kt_json *j = &w->json;
    const kt_loss_class *cls = spec->cls;
    const kt_loss_config *c = (const kt_loss_config *)(const void *)&spec->config;
    const char *module = kt_loss_named_class(cls->short_name) == cls ? "keras.losses" : NULL;
    kt_json_object(j, "loss");
    kt_write_class(w, module, cls->name);
    kt_json_object(j, "config");
    kt_json_text(j, "name", c->name ? c->name : cls->short_name);
    kt_json_text(j, "reduction", reductions[c->reduction]);
    if (cls->accepts & KT_LOSS_FROM_LOGITS) kt_json_bool(j, "from_logits", c->from_logits);
    if (cls->accepts & KT_LOSS_SMOOTHING) {
        kt_json_number(j, "label_smoothing", kt_setting(c->label_smoothing, 0));
        kt_json_int(j, "axis", -1);
    }
    if (cls->accepts & KT_LOSS_SPARSE) kt_json_null(j, "ignore_class");
    kt_json_end_object(j);
    kt_write_registered(w, module, cls->name);
    kt_json_end_object(j);
}

static void write_loss(kt_model_writer *w, const kt_compiled *c)
{
    if (c->loss_fn) kt_write_function(w, "loss", "loss_fn");
    else if (c->loss_name) kt_json_text(&w->json, "loss", c->loss_name);
    else if (c->loss.cls) write_loss_object(w, &c->loss);
    else kt_json_null(&w->json, "loss");
}

static void write_metric(kt_model_writer *w, const kt_compiled_metric *m)
{
    kt_json *j = &w->json;
    if (m->given) {
        kt_json_text(j, NULL, m->given);
        return;
    }
    const kt_metric_class *cls = m->spec.cls;
    if (strcmp(cls->name, "MeanMetricWrapper") == 0) { /* a function: its name is the metric's */
        kt_write_function(w, NULL, kt_metric_name(m->metric));
        return;
    }
    const char *module = kt_metric_is_stock(cls) ? "keras.metrics" : NULL;
    const kt_metric_config *c = (const kt_metric_config *)(const void *)&m->spec.config;
    kt_json_object(j, NULL);
    kt_write_class(w, module, cls->name);
    kt_json_object(j, "config");
    kt_json_text(j, "name", kt_metric_name(m->metric));
    kt_json_text(j, "dtype", kt_dtype_name(w->kt->config.floatx));
    if (cls == &kt_binary_accuracy_class) kt_json_number(j, "threshold", kt_setting(c->threshold, 0.5));
    kt_json_end_object(j);
    kt_write_registered(w, module, cls->name);
    kt_json_end_object(j);
}

static void write_metrics(kt_model_writer *w, const char *key, const kt_compiled *c, bool weighted)
{
    kt_json *j = &w->json;
    int n = 0;
    for (int i = 0; i < c->n_metrics; i++) n += c->metrics[i].weighted == weighted;
    if (!n) {
        kt_json_null(j, key);
        return;
    }
    kt_json_array(j, key);
    for (int i = 0; i < c->n_metrics; i++)
        if (c->metrics[i].weighted == weighted) write_metric(w, &c->metrics[i]);
    kt_json_end_array(j);
}

void kt_write_compile_config(kt_model_writer *w, const kt_model *model)
{
    kt_json *j = &w->json;
    const kt_compiled *c = model ? model->compiled : NULL;
    kt_json_object(j, "compile_config");
    if (c) {
        write_optimizer(w, c->optimizer);
        write_loss(w, c);
        kt_json_null(j, "loss_weights");
        write_metrics(w, "metrics", c, false);
        write_metrics(w, "weighted_metrics", c, true);
        kt_json_bool(j, "run_eagerly", w->kt->config.run_eagerly);
        kt_json_int(j, "steps_per_execution", 1);
        kt_json_bool(j, "jit_compile", false);
    }
    kt_json_end_object(j);
}
