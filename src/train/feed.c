/* SPDX-License-Identifier: MIT */
/* train/feed.c: see feed.h.
 *
 * Only host arrays are read here, never tensors. Class of a row as in Keras: the position of the greatest element
 * where y's last axis is longer than 1, else the value, rounded.
 */
#include "train/feed.h"

#include <math.h>
#include <string.h>

#include "core/tensor.h"
#include "data/dataset.h"

static kt_status check_array(kt_context *kt, const char *call, const char *name, const kt_array *a)
{
    kt_shape shape = { .rank = a->rank };
    for (int i = 0; i < a->rank && i < KT_MAX_RANK; i++) shape.dim[i] = a->dim[i];
    char what[80];
    kt_text text = kt_text_in(what, sizeof what);
    kt_text_add(&text, "%s: %s", call, name);
    if (kt_check_shape(kt, what, a->dtype, &shape) != KT_OK) return kt->status;
    if (a->rank >= 1) return KT_OK;
    return kt_fail(kt, KT_ERR_SHAPE, "%s: expected an array with rows, got rank 0; give it the shape (rows, ...)",
                   what);
}

kt_status kt_check_rows(kt_context *kt, const char *call, const kt_array *x, const kt_array *y, const kt_array *weight,
                        int64_t *rows)
{
    const kt_array *arrays[] = { x, y, weight };
    static const char *const names[] = { "x", "y", "sample_weight" };
    if (!x->data)
        return kt_fail(kt, KT_ERR_VALUE,
                       "%s: expected data, got no array x (its data is NULL); give arrays or a data set", call);
    for (int i = 0; i < 3; i++) {
        if (!arrays[i]->data) continue;
        if (check_array(kt, call, names[i], arrays[i]) != KT_OK) return kt->status;
        if (arrays[i]->dim[0] == x->dim[0]) continue;
        return kt_fail(kt, KT_ERR_SHAPE,
                       "%s: expected as many rows in %s as in x, got %lld and %lld; each row of x needs one", call,
                       names[i], (long long)arrays[i]->dim[0], (long long)x->dim[0]);
    }
    if (x->dim[0] < 1)
        return kt_fail(kt, KT_ERR_SHAPE, "%s: expected at least one row of data, got none; x is empty", call);
    *rows = x->dim[0];
    return KT_OK;
}

kt_array kt_rows_of(const kt_array *array, int64_t from, int64_t rows)
{
    kt_array part = *array;
    if (!array->data) return part;
    size_t bytes = kt_dtype_size(array->dtype);
    for (int i = 1; i < array->rank; i++) bytes *= (size_t)array->dim[i];
    part.data = (const unsigned char *)array->data + (size_t)from * bytes;
    part.dim[0] = rows;
    return part;
}

static double element(const kt_array *a, size_t i)
{
    switch (a->dtype) {
    case KT_FLOAT32: return (double)((const float *)a->data)[i];
    case KT_FLOAT64: return ((const double *)a->data)[i];
    case KT_INT32: return (double)((const int32_t *)a->data)[i];
    case KT_INT64: return (double)((const int64_t *)a->data)[i];
    default: return (double)((const uint8_t *)a->data)[i];
    }
}

kt_status kt_class_weights(kt_context *kt, const char *call, const kt_array *y, const kt_class_weight *classes,
                           int64_t n, float *weights)
{
    size_t rows = (size_t)y->dim[0], width = 1;
    for (int i = 1; i < y->rank; i++) width *= (size_t)y->dim[i];
    if (width != 1 && (y->rank != 2 || width == 0))
        return kt_fail(kt, KT_ERR_SHAPE,
                       "%s: class_weight expects y of shape (rows), (rows, 1) or (rows, classes), got rank %d; use "
                       "sample_weight",
                       call, y->rank);
    for (size_t row = 0; row < rows; row++) {
        double cls = 0;
        if (width == 1) {
            cls = nearbyint(element(y, row));
        } else {
            for (size_t k = 1; k < width; k++)
                if (element(y, row * width + k) > element(y, row * width + (size_t)cls)) cls = (double)k;
        }
        weights[row] = 1;
        for (int64_t i = 0; i < n; i++)
            if ((double)classes[i].cls == cls) weights[row] = (float)classes[i].weight;
    }
    return KT_OK;
}

static kt_status room(kt_feed *feed, int64_t rows)
{
    return kt_grow(&feed->kt->heap, &feed->weights, &feed->capacity, (size_t)rows, sizeof *feed->weights)
               ? KT_OK
               : kt_no_memory(feed->kt);
}

kt_status kt_feed_open(kt_feed *feed, kt_context *kt, const kt_feed_config *c)
{
    *feed = (kt_feed){ .kt = kt };
    if (c->data && c->x.data)
        return kt_fail(kt, KT_ERR_VALUE, "%s: expected arrays or a data set, got both; leave out one", c->call);
    if (c->n_classes && c->weight.data)
        return kt_fail(kt, KT_ERR_VALUE,
                       "%s: expected class_weight or sample_weight, got both; multiply them into sample_weight",
                       c->call);
    if (c->n_classes < 0 || (c->n_classes && !c->classes))
        return kt_fail(kt, KT_ERR_VALUE, "%s: expected class_weight_count class weights, got %lld at %s", c->call,
                       (long long)c->n_classes, c->classes ? "class_weight" : "NULL");
    if (c->batch_size < 0)
        return kt_fail(kt, KT_ERR_VALUE, "%s: expected a batch_size of 1 or more, got %lld", c->call,
                       (long long)c->batch_size);
    if (c->data) {
        if (c->batch_size)
            return kt_fail(kt, KT_ERR_VALUE,
                           "%s: a data set has its own batch size, got batch_size %lld as well; set it in "
                           "kt_dataset_new",
                           c->call, (long long)c->batch_size);
        if (c->data->kt != kt)
            return kt_fail(kt, KT_ERR_VALUE, "%s: expected a data set of the model's context, got one of another; make it there",
                           c->call);
        feed->data = c->data;
        feed->classes = c->classes;
        feed->n_classes = c->n_classes;
        return KT_OK;
    }
    int64_t rows;
    kt_array weight = c->weight;
    kt_status status = kt_check_rows(kt, c->call, &c->x, &c->y, &weight, &rows);
    if (status == KT_OK && c->n_classes) {
        if (!c->y.data) return kt_fail(kt, KT_ERR_VALUE, "%s: class_weight needs targets y, got none", c->call);
        status = room(feed, rows);
        if (status == KT_OK) status = kt_class_weights(kt, c->call, &c->y, c->classes, c->n_classes, feed->weights);
        if (status == KT_OK)
            weight = (kt_array){ .data = feed->weights, .dtype = KT_FLOAT32, .rank = 1, .dim = { rows } };
    }
    if (status == KT_OK) {
        feed->data = kt_dataset_new(kt, .x = c->x, .y = c->y, .sample_weight = weight, .batch_size = c->batch_size,
                                    .shuffle = c->shuffle, .seed = c->seed);
        feed->owned = feed->data != NULL;
        if (!feed->data) status = kt->status;
    }
    if (status != KT_OK) kt_feed_close(feed);
    return status;
}

void kt_feed_close(kt_feed *feed)
{
    if (!feed->kt) return;
    if (feed->owned) kt_dataset_free(feed->data);
    kt_give(feed->kt, feed->weights);
    *feed = (kt_feed){ .kt = NULL };
}

kt_status kt_feed_next(kt_feed *feed, kt_host_batch *batch)
{
    kt_status status = kt_dataset_next(feed->data, batch);
    if (!feed->n_classes || status != KT_OK || !batch->x.data || !batch->y.data) return status;
    if (batch->sample_weight.data)
        return kt_fail(feed->kt, KT_ERR_VALUE,
                       "fit: expected class_weight or the data set's sample_weight, got both; leave out one");
    status = room(feed, batch->y.dim[0]);
    if (status == KT_OK)
        status = kt_class_weights(feed->kt, "fit", &batch->y, feed->classes, feed->n_classes, feed->weights);
    batch->sample_weight =
        (kt_array){ .data = feed->weights, .dtype = KT_FLOAT32, .rank = 1, .dim = { batch->y.dim[0] } };
    return status;
}
