/* SPDX-License-Identifier: MIT */
/* nn/layers/normalization.c: Normalization: (x - mean) / max(sqrt(variance), 1e-7) along one axis; invert: the
 * way back.
 *
 * The statistics are three weights that are not trained (mean, variance, count), filled by kt_adapt, or fixed
 * numbers of the configuration, which are no weights. Population variance, computed on the host in double in
 * two passes. Keras never sets count; neither does this.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "nn/layer.h"

#include <keratin/ops.h>

typedef struct normalization_state {
    double *numbers;            /* the configuration's means, then its variances; NULL: weights */
    kt_tensor *mean, *variance; /* of the configuration; else NULL */
} normalization_state;

static const double least_deviation = 1e-7;

static kt_status normalization_create(kt_layer *self)
{
    const kt_normalization_config *c = kt_config(self);
    normalization_state *state = kt_layer_state(self, sizeof *state);
    size_t bytes;
    if (!state) return KT_ERR_MEMORY;
    if (!c->mean && !c->variance) return KT_OK;
    if (!c->mean || !c->variance || c->count < 1)
        return kt_fail_at(self->kt, KT_ERR_VALUE, "Normalization",
                          "expected mean, variance and their count together, got %s mean, %s variance, "
                          "count %lld",
                          c->mean ? "a" : "no", c->variance ? "a" : "no", (long long)c->count);
    if (!kt_mul_size((size_t)c->count, 2 * sizeof(double), &bytes)) return kt_no_memory(self->kt);
    state->numbers = kt_take(self->kt, bytes);
    if (!state->numbers) return KT_ERR_MEMORY;
    memcpy(state->numbers, c->mean, bytes / 2);
    memcpy(state->numbers + c->count, c->variance, bytes / 2);
    return KT_OK;
}

static void normalization_release(kt_layer *self)
{
    normalization_state *state = self->state;
    if (state) kt_give(self->kt, state->numbers);
}

/* The axis that keeps its statistics, from the front; -1 for none. False if there is no such axis. */
static bool find_axis(kt_layer *self, int rank, int *axis)
{
    const kt_normalization_config *c = kt_config(self);
    int64_t found = c->axis == 0 ? rank - 1 : c->axis == KT_AXIS_NONE ? -1 : c->axis < 0 ? c->axis + rank : c->axis;
    *axis = (int)found;
    if (c->axis == KT_AXIS_NONE || (found >= 1 && found < rank)) return true;
    kt_fail_at(self->kt, KT_ERR_SHAPE, "Normalization",
               "expected an axis after the batch axis, got axis %lld with data of rank %d", (long long)c->axis, rank);
    return false;
}

static kt_status normalization_build(kt_layer *self, const kt_desc *x)
{
    const kt_normalization_config *c = kt_config(self);
    normalization_state *state = kt_layer_state(self, sizeof *state);
    int axis;
    if (!find_axis(self, x->rank, &axis)) return kt_error(self->kt);
    kt_shape shape = axis < 0 ? KT_SCALAR_SHAPE : KT_SHAPE(x->dim[axis]);
    if (!state->numbers) {
        kt_weight(self, "mean", shape, .initializer = "zeros", .not_trainable = true);
        kt_weight(self, "variance", shape, .initializer = "ones", .not_trainable = true);
        kt_weight(self, "count", KT_SCALAR_SHAPE, .dtype = KT_INT64, .not_trainable = true);
        return KT_OK;
    }
    if (c->count != kt_shape_count(shape))
        return kt_fail_at(self->kt, KT_ERR_SHAPE, "Normalization",
                          "expected %lld numbers for mean and variance, got %lld", (long long)kt_shape_count(shape),
                          (long long)c->count);
    state->mean = kt_variable_zeros(self->kt, "mean", KT_DTYPE_DEFAULT, shape);
    state->variance = kt_variable_zeros(self->kt, "variance", KT_DTYPE_DEFAULT, shape);
    if (!state->mean || !state->variance) return kt_error(self->kt);
    kt_variable_set(state->mean, kt_array_of(state->numbers, KT_FLOAT64, shape));
    return kt_variable_set(state->variance, kt_array_of(state->numbers + c->count, KT_FLOAT64, shape));
}

static kt_tensor *normalization_call(kt_layer *self, kt_tensor *x)
{
    const kt_normalization_config *c = kt_config(self);
    normalization_state *state = kt_layer_state(self, sizeof *state);
    kt_tensor *mean = state->numbers ? state->mean : kt_w(self, "mean");
    kt_tensor *variance = state->numbers ? state->variance : kt_w(self, "variance");
    int axis, rank = kt_rank(x);
    if (!find_axis(self, rank, &axis)) return NULL;
    if (axis >= 0 && kt_dim(x, axis) != kt_dim(mean, 0)) {
        kt_fail_at(self->kt, KT_ERR_SHAPE, "Normalization",
                   "the layer was built for size %lld in axis %d, got %lld; use another layer",
                   (long long)kt_dim(mean, 0), axis, (long long)kt_dim(x, axis));
        return NULL;
    }
    if (axis >= 0 && axis < rank - 1) { /* (d) to (d, 1, 1): broadcasting needs the axes behind */
        kt_shape shape = { .rank = rank - axis, .dim = { kt_dim(x, axis) } };
        for (int i = 1; i < shape.rank; i++) shape.dim[i] = 1;
        mean = kt_reshape(mean, shape);
        variance = kt_reshape(variance, shape);
    }
    if (!kt_is_float(kt_dtype_of(x))) x = kt_cast(x, kt_floatx(self->kt));
    kt_tensor *deviation = kt_sqrt(variance);
    deviation = kt_maximum(deviation, kt_scalar(deviation, least_deviation));
    return c->invert ? kt_add(mean, kt_mul(x, deviation)) : kt_div(kt_sub(x, mean), deviation);
}

const double *kt_normalization_numbers(const kt_layer *layer)
{
    const normalization_state *state = layer->cls == &kt_normalization_class ? layer->state : NULL;
    return state ? state->numbers : NULL;
}

/* ---- adapt ---- */

static double element(const kt_array *data, int64_t i)
{
    switch (data->dtype) {
    case KT_FLOAT32: return (double)((const float *)data->data)[i];
    case KT_FLOAT64: return ((const double *)data->data)[i];
    case KT_INT32: return (double)((const int32_t *)data->data)[i];
    case KT_INT64: return (double)((const int64_t *)data->data)[i];
    default: return (double)((const unsigned char *)data->data)[i];
    }
}

static void statistics(const kt_array *data, kt_lanes lanes, double *mean, double *variance)
{
    double n = (double)lanes.outer * (double)lanes.inner;
    memset(mean, 0, (size_t)lanes.len * sizeof *mean);
    memset(variance, 0, (size_t)lanes.len * sizeof *variance);
    for (int pass = 0; pass < 2; pass++) {
        int64_t i = 0;
        for (int64_t o = 0; o < lanes.outer; o++)
            for (int64_t k = 0; k < lanes.len; k++)
                for (int64_t j = 0; j < lanes.inner; j++, i++) {
                    double x = element(data, i);
                    if (pass == 0)
                        mean[k] += x;
                    else
                        variance[k] += (x - mean[k]) * (x - mean[k]);
                }
        for (int64_t k = 0; k < lanes.len; k++) *(pass == 0 ? &mean[k] : &variance[k]) /= n;
    }
}

kt_status kt_adapt(kt_layer *self, kt_array data)
{
    if (!self) return KT_ERR_VALUE;
    kt_context *kt = self->kt;
    if (kt->status != KT_OK) return kt->status;
    normalization_state *state = self->state;
    if (self->cls != &kt_normalization_class)
        return kt_fail_at(kt, KT_ERR_VALUE, "kt_adapt", "expected a Normalization layer, got '%s' (%s)", self->name,
                          self->cls->name);
    if (state->numbers)
        return kt_fail_at(kt, KT_ERR_STATE, "kt_adapt",
                          "layer '%s' was made with its mean and variance: leave them out to adapt", self->name);
    kt_shape shape = { .rank = data.rank };
    for (int i = 0; i < data.rank && i < KT_MAX_RANK; i++) shape.dim[i] = data.dim[i];
    if (kt_check_shape(kt, "kt_adapt", data.dtype, &shape) != KT_OK) return kt->status;
    kt_desc desc = kt_desc_make(kt->config.floatx, shape);
    if (!data.data || desc.rank < 1 || kt_desc_elements(&desc) == 0)
        return kt_fail_at(kt, KT_ERR_VALUE, "kt_adapt", "expected data with at least one row, got %s",
                          data.data ? "none" : "no array (NULL)");
    int axis;
    if (kt_layer_build(self, &desc) != KT_OK || !find_axis(self, desc.rank, &axis)) return kt->status;
    kt_tensor *mean = kt_w(self, "mean"), *variance = kt_w(self, "variance");
    kt_lanes lanes = axis < 0 ? (kt_lanes){ (int64_t)kt_desc_elements(&desc), 1, 1 } : kt_lanes_of(&desc, axis);
    if (lanes.len != kt_desc_count(kt_desc_of(mean)))
        return kt_fail_at(kt, KT_ERR_SHAPE, "kt_adapt", "layer '%s' was built for size %lld in axis %d, got %lld",
                          self->name, (long long)kt_desc_count(kt_desc_of(mean)), axis, (long long)lanes.len);
    double *numbers = kt_take_zeroed(kt, (size_t)lanes.len, 2 * sizeof *numbers);
    if (!numbers) return kt->status;
    statistics(&data, lanes, numbers, numbers + lanes.len);
    kt_shape kept = kt_shape_of(kt_desc_of(mean));
    kt_variable_set(mean, kt_array_of(numbers, KT_FLOAT64, kept));
    kt_variable_set(variance, kt_array_of(numbers + lanes.len, KT_FLOAT64, kept));
    kt_give(kt, numbers);
    return kt->status;
}

static const kt_field fields[] = {
    { "axis", KT_FIELD_INT, offsetof(kt_normalization_config, axis) },
    { "invert", KT_FIELD_BOOL, offsetof(kt_normalization_config, invert) },
    { "count", KT_FIELD_INT, offsetof(kt_normalization_config, count) },
    { "name", KT_FIELD_STRING, offsetof(kt_normalization_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_layer_class kt_normalization_class = {
    .name = "Normalization",
    .config_size = sizeof(kt_normalization_config),
    .fields = fields,
    .create = normalization_create,
    .build = normalization_build,
    .call = normalization_call,
    .release = normalization_release,
};
