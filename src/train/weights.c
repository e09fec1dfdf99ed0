/* SPDX-License-Identifier: MIT */
/* train/weights.c: a model's weights in an NPZ file, one array per weight, named by its path without the model's own
 * name.
 *
 * Saving writes a temporary file and renames it (the NPZ writer does), so there is the old file or the new one,
 * whole. Loading compares every name and shape before it touches a weight: on error nothing has changed.
 */
#include <string.h>

#include "train/model.h"

typedef struct bundle { /* host copies of all weights */
    const char **names;
    kt_array *arrays;
    unsigned char **data;
    int64_t count;
} bundle;

static void bundle_free(kt_context *kt, bundle *b)
{
    for (int64_t i = 0; b->data && i < b->count; i++) kt_give(kt, b->data[i]);
    kt_give(kt, b->names);
    kt_give(kt, b->arrays);
    kt_give(kt, b->data);
}

static kt_status bundle_make(kt_model *model, kt_tensors weights, bundle *b)
{
    kt_context *kt = model->kt;
    size_t n = (size_t)weights.count;
    b->count = weights.count;
    b->names = kt_take_zeroed(kt, n + 1, sizeof *b->names);
    b->arrays = kt_take_zeroed(kt, n + 1, sizeof *b->arrays);
    b->data = kt_take_zeroed(kt, n + 1, sizeof *b->data);
    if (!b->names || !b->arrays || !b->data) return kt->status;
    for (size_t i = 0; i < n; i++) {
        const kt_desc *desc = kt_desc_of(weights.at[i]);
        b->names[i] = kt_model_path(model, weights.at[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(b->names[i], b->names[j]) == 0)
                return kt_fail(kt, KT_ERR_NAME,
                               "save_weights: two weights of %s are named '%s'; give their layers different names",
                               kt_model_name(model), b->names[i]);
        size_t elements = kt_desc_elements(desc);
        b->data[i] = kt_take(kt, elements * kt_dtype_size(desc->dtype) + 1);
        if (!b->data[i] || kt_read(weights.at[i], b->data[i], desc->dtype, (int64_t)elements) != KT_OK)
            return kt->status;
        b->arrays[i] = kt_array_of(b->data[i], desc->dtype, kt_shape_of(desc));
    }
    return KT_OK;
}

static kt_status check_built(kt_model *model, const char *call, const char *path)
{
    kt_context *kt = model->kt;
    if (!path || !path[0])
        return kt_fail(kt, KT_ERR_VALUE, "%s: expected the path of a file, got %s", call, path ? "\"\"" : "NULL");
    if (!kt_layer_built(model->root))
        return kt_fail(kt, KT_ERR_STATE,
                       "%s: %s has no weights yet: its input is not known; call kt_model_build or fit first", call,
                       kt_model_name(model));
    return KT_OK;
}

kt_status kt_save_weights(kt_model *model, const char *path)
{
    kt_status status = kt_model_ready(model);
    if (status == KT_OK) status = check_built(model, "save_weights", path);
    if (status != KT_OK) return status;
    bundle b = { .count = 0 };
    status = bundle_make(model, kt_weights(model), &b);
    if (status == KT_OK) status = kt_write_npz(model->kt, path, b.names, b.arrays, b.count);
    bundle_free(model->kt, &b);
    return status;
}

static kt_status check_weight(kt_model *model, const char *path, const kt_arrays *file, const kt_tensor *weight)
{
    kt_context *kt = model->kt;
    const char *name = kt_model_path(model, weight);
    kt_array found = kt_arrays_get(file, name);
    const kt_desc *desc = kt_desc_of(weight);
    if (!found.data && kt_desc_elements(desc)) {
        const char *first = kt_arrays_count(file) ? kt_arrays_name(file, 0) : "nothing";
        return kt_fail(kt, KT_ERR_NAME,
                       "load_weights: %s: expected an array '%s' for %s, found %lld others such as '%s'; is it the "
                       "file of another model?",
                       path, name, kt_model_name(model), (long long)kt_arrays_count(file), first);
    }
    kt_shape shape = { .rank = found.rank };
    for (int i = 0; i < found.rank; i++) shape.dim[i] = found.dim[i];
    kt_desc got = kt_desc_make(found.dtype, shape);
    if (!found.data || kt_desc_same_shape(desc, &got)) return KT_OK;
    char want[128], have[128];
    kt_text w = kt_text_in(want, sizeof want), h = kt_text_in(have, sizeof have);
    kt_text_desc(&w, desc);
    kt_text_desc(&h, &got);
    return kt_fail(kt, KT_ERR_SHAPE,
                   "load_weights: %s: expected shape %s for '%s', found %s; the file belongs to a model of other sizes",
                   path, want, name, have);
}

kt_status kt_load_weights(kt_model *model, const char *path)
{
    kt_status status = kt_model_ready(model);
    if (status == KT_OK) status = check_built(model, "load_weights", path);
    if (status != KT_OK) return status;
    kt_arrays *file = kt_read_npz(model->kt, path);
    if (!file) return model->kt->status;
    kt_tensors weights = kt_weights(model);
    for (int64_t i = 0; i < weights.count && status == KT_OK; i++)
        status = check_weight(model, path, file, weights.at[i]);
    for (int64_t i = 0; i < weights.count && status == KT_OK; i++)
        if (kt_desc_count(kt_desc_of(weights.at[i])))
            status = kt_variable_set(weights.at[i], kt_arrays_get(file, kt_model_path(model, weights.at[i])));
    kt_arrays_free(file);
    return status;
}
