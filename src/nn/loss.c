/* SPDX-License-Identifier: MIT */
/* nn/loss.c: from values per sample to the loss of a batch, as Keras: losses by name, ranks, weights,
 * reduction.
 *
 * The mean divides by the number of values, not by the sum of the weights. No number derived from a shape is
 * computed here: kt_mean divides when the plan runs.
 */
#include <ctype.h>
#include <string.h>

#include "nn/names.h"
#include "nn/training.h"

#include <keratin/ops.h>

static const kt_loss_class *const classes[] = {
#define KT_LOSS(cls) &cls,
#include "nn/losses.def"
#undef KT_LOSS
};
enum { N_CLASSES = sizeof classes / sizeof *classes };

kt_loss_spec kt_loss_spec_of(const kt_loss_class *cls, const kt_loss_config *config)
{
    return (kt_loss_spec){ cls, kt_small_box_of(config, config ? config->size : 0) };
}

static kt_loss_spec default_spec(const kt_loss_class *cls)
{
    return kt_loss_spec_of(cls, &(kt_loss_config){ .size = sizeof(kt_loss_config) });
}

const kt_loss_class *kt_loss_named_class(const char *name)
{
    for (int i = 0; i < N_CLASSES; i++)
        if (strcmp(classes[i]->name, name) == 0 || strcmp(classes[i]->short_name, name) == 0 ||
            kt_word_in(classes[i]->aliases, name))
            return classes[i];
    return NULL;
}

kt_loss_spec kt_loss_find(kt_context *kt, const char *name)
{
    const kt_loss_class *found = name ? kt_loss_named_class(name) : NULL;
    const char *names[2 * N_CLASSES + 1] = { NULL };
    if (found) return default_spec(found);
    static const char *const short_forms[N_CLASSES] = { "mse", "mae", "bce" };
    int n = 0;
    for (int i = 0; i < N_CLASSES; i++) {
        if (short_forms[i]) names[n++] = short_forms[i];
        names[n++] = classes[i]->short_name;
    }
    kt_fail_name(kt, "loss", name, names);
    return (kt_loss_spec){ .cls = NULL };
}

static bool same_without_case(const char *a, const char *lower)
{
    for (; *a && *lower; a++, lower++)
        if (tolower((unsigned char)*a) != *lower) return false;
    return *a == *lower;
}

bool kt_loss_needs_shapes(const char *name)
{
    return name && (same_without_case(name, "crossentropy") || same_without_case(name, "ce"));
}

bool kt_metric_needs_shapes(const char *name)
{
    return name && (same_without_case(name, "accuracy") || same_without_case(name, "acc"));
}

enum kt_kind kt_kind_of(const kt_desc *y_true, const kt_desc *y_pred)
{
    int64_t last = y_pred->rank ? y_pred->dim[y_pred->rank - 1] : 1;
    if (last == 1) return KT_KIND_BINARY;
    if (y_true->rank < y_pred->rank || y_true->dim[y_true->rank - 1] == 1) return KT_KIND_SPARSE;
    return KT_KIND_CATEGORICAL;
}

kt_loss_spec kt_crossentropy_for(const kt_desc *y_true, const kt_desc *y_pred)
{
    switch (kt_kind_of(y_true, y_pred)) {
    case KT_KIND_BINARY: return default_spec(&kt_binary_crossentropy_class);
    case KT_KIND_SPARSE: return default_spec(&kt_sparse_categorical_crossentropy_class);
    case KT_KIND_CATEGORICAL: break;
    }
    return default_spec(&kt_categorical_crossentropy_class);
}

static kt_loss_config config_of(const kt_loss_spec *spec)
{
    kt_loss_config c;
    memcpy(&c, &spec->config, sizeof c);
    return c;
}

kt_status kt_loss_check(kt_context *kt, const kt_loss_spec *spec)
{
    if (!spec->cls || spec->config.u.size == 0)
        return kt_fail_at(kt, KT_ERR_VALUE, "loss",
                          "expected a description such as kt_mean_squared_error_loss(), got an empty one");
    kt_loss_config c = config_of(spec);
    double smoothing = kt_setting(c.label_smoothing, 0);
    if (c.from_logits && !(spec->cls->accepts & KT_LOSS_FROM_LOGITS))
        return kt_fail_at(kt, KT_ERR_VALUE, spec->cls->name,
                          "expected no from_logits, which this loss does not have; leave it out");
    if (smoothing != 0 && !(spec->cls->accepts & KT_LOSS_SMOOTHING))
        return kt_fail_at(kt, KT_ERR_VALUE, spec->cls->name,
                          "expected no label_smoothing, which this loss does not have; leave it out");
    if (!(smoothing >= 0 && smoothing <= 1))
        return kt_fail_at(kt, KT_ERR_VALUE, spec->cls->name, "expected a label_smoothing between 0 and 1, got %g",
                          smoothing);
    if (c.reduction != KT_REDUCTION_MEAN && c.reduction != KT_REDUCTION_SUM &&
        c.reduction != KT_REDUCTION_WEIGHTED_MEAN)
        return kt_fail_at(kt, KT_ERR_VALUE, spec->cls->name,
                          "expected a reduction such as KT_REDUCTION_SUM, got number %d", (int)c.reduction);
    return kt->status;
}

/* ---- ranks and dtypes ---- */

kt_tensor *kt_as_float(kt_tensor *x)
{
    if (!x) return NULL;
    kt_dtype floatx = kt_floatx(kt_context_of(x));
    return kt_dtype_of(x) == floatx ? x : kt_cast(x, floatx);
}

static void fit_longer(kt_tensor **longer, kt_tensor **shorter)
{
    if (kt_dim(*longer, -1) != 1) return;
    if (kt_rank(*shorter) == 1)
        *shorter = kt_expand_dims(*shorter, -1);
    else
        *longer = kt_squeeze(*longer, -1);
}

void kt_same_rank(kt_tensor **a, kt_tensor **b)
{
    if (!*a || !*b) return;
    if (kt_rank(*a) == kt_rank(*b) + 1)
        fit_longer(a, b);
    else if (kt_rank(*b) == kt_rank(*a) + 1)
        fit_longer(b, a);
}

kt_tensor *kt_mean_last(kt_tensor *x)
{
    if (!x || kt_rank(x) == 0) return x;
    return kt_dim(x, -1) == 1 ? kt_squeeze(x, -1) : kt_mean_axes(x, KT_AXES(-1), false);
}

/* ---- the loss of a batch ---- */

static kt_tensor *reduce(kt_tensor *values, kt_tensor *sample_weight, kt_reduction reduction)
{
    values = kt_as_float(values);
    if (sample_weight) {
        sample_weight = kt_as_float(sample_weight);
        kt_same_rank(&values, &sample_weight);
        values = kt_mul(values, sample_weight);
    }
    if (!values || kt_rank(values) == 0) return values;
    if (reduction == KT_REDUCTION_SUM) return kt_sum(values);
    if (reduction == KT_REDUCTION_MEAN || !sample_weight) return kt_mean(values);
    return kt_divide_no_nan(kt_sum(values), kt_sum(sample_weight));
}

static bool shapes_fit(kt_context *kt, const char *name, kt_tensor *y_true, kt_tensor *y_pred)
{
    const kt_desc *t = kt_desc_of(y_true), *p = kt_desc_of(y_pred);
    if (t && p && kt_desc_same_shape(t, p)) return true;
    if (!t || !p) return false;
    char target[128], prediction[128];
    kt_text tt = kt_text_in(target, sizeof target), pt = kt_text_in(prediction, sizeof prediction);
    kt_text_desc(&tt, t);
    kt_text_desc(&pt, p);
    kt_fail_at(kt, KT_ERR_SHAPE, name,
               "expected targets of the prediction's shape %s, got %s; use kt_reshape, or kt_one_hot for class numbers",
               prediction, target);
    return false;
}

kt_tensor *kt_loss_of(kt_context *kt, const kt_loss_spec *spec, kt_loss_fn fn, kt_tensor *y_true, kt_tensor *y_pred,
                      kt_tensor *sample_weight)
{
    if (!y_true || !y_pred || kt->status != KT_OK) return NULL;
    kt_tensor *values;
    kt_reduction reduction = KT_REDUCTION_MEAN;
    y_pred = kt_as_float(y_pred);
    if (fn) {
        y_true = kt_as_float(y_true);
        kt_same_rank(&y_true, &y_pred);
        values = y_true && y_pred ? fn(y_true, y_pred) : NULL;
        if (!values && kt->status == KT_OK)
            kt_fail_at(kt, KT_ERR_VALUE, "loss", "the loss function gave no tensor (NULL): return the result of an op");
    } else {
        if (kt_loss_check(kt, spec) != KT_OK) return NULL;
        kt_loss_config config = config_of(spec);
        bool sparse = spec->cls->accepts & KT_LOSS_SPARSE;
        if (!sparse) y_true = kt_as_float(y_true);
        kt_same_rank(&y_true, &y_pred);
        if (!y_true || !y_pred || (!sparse && !shapes_fit(kt, spec->cls->name, y_true, y_pred))) return NULL;
        reduction = config.reduction;
        values = spec->cls->call(&config, y_true, y_pred);
    }
    return reduce(values, sample_weight, reduction);
}

kt_tensor *kt_loss(kt_loss_spec spec, kt_tensor *y_true, kt_tensor *y_pred, kt_tensor *sample_weight)
{
    return y_pred ? kt_loss_of(kt_context_of(y_pred), &spec, NULL, y_true, y_pred, sample_weight) : NULL;
}

kt_tensor *kt_loss_named(const char *name, kt_tensor *y_true, kt_tensor *y_pred, kt_tensor *sample_weight)
{
    if (!y_true || !y_pred || kt_error(kt_context_of(y_pred)) != KT_OK) return NULL;
    kt_context *kt = kt_context_of(y_pred);
    kt_loss_spec spec = kt_loss_needs_shapes(name) ? kt_crossentropy_for(kt_desc_of(y_true), kt_desc_of(y_pred))
                                                   : kt_loss_find(kt, name);
    return spec.cls ? kt_loss_of(kt, &spec, NULL, y_true, y_pred, sample_weight) : NULL;
}
