/* SPDX-License-Identifier: MIT */
/* nn/initializer.c: initializers by name, and a new variable filled by one.
 *
 * Values are made on the host in double, whatever the back-end: the first weights are the same everywhere. The
 * seed is the configuration's (then the same numbers for every weight, as in Keras) or comes from the context's
 * seed and the weight's path, so that neither the order of building nor other layers change a layer's first
 * weights.
 */
#include <string.h>

#include "nn/layer.h"

static const struct entry {
    const kt_initializer_class *cls;
    const char *names[3];
} entries[] = {
#define KT_INITIALIZER(cls, name, snake, alias) { &(cls), { name, snake, alias } },
#include "nn/initializers.def"
#undef KT_INITIALIZER
};
enum { N_ENTRIES = sizeof entries / sizeof *entries };

static const kt_initializer_class *find(kt_context *kt, const char *name)
{
    const char *names[N_ENTRIES + 1] = { NULL };
    for (int i = 0; i < N_ENTRIES; i++) {
        for (int j = 0; j < 3; j++)
            if (entries[i].names[j] && strcmp(entries[i].names[j], name) == 0) return entries[i].cls;
        names[i] = entries[i].names[1];
    }
    kt_fail_name(kt, "initializer", name, names);
    return NULL;
}

kt_status kt_pick_initializer(kt_context *kt, const char *name, const kt_initializer_spec *given, const char *otherwise,
                              kt_initializer_spec *picked)
{
    if (!name && given && given->cls) {
        *picked = *given;
        return kt->status;
    }
    memset(picked, 0, sizeof *picked);
    picked->cls = find(kt, name ? name : otherwise);
    picked->config.u.size = sizeof picked->config; /* zeros: every default */
    return kt->status;
}

kt_status kt_initialize(kt_context *kt, const kt_initializer_spec *spec, const char *path, kt_tensor *variable)
{
    kt_shape shape = kt_shape_of(kt_desc_of(variable));
    int64_t count = kt_shape_count(shape), seed = 0;
    size_t bytes;
    if (count == 0) return kt->status;
    if (spec->config.u.size == 0)
        return kt_fail_at(kt, KT_ERR_VALUE, spec->cls->name,
                          "expected a description such as kt_he_normal(), got an empty one");
    if (count < 0 || !kt_mul_size((size_t)count, sizeof(double), &bytes)) return kt_no_memory(kt);
    const kt_field *field = kt_field_named(spec->cls->fields, "seed");
    if (field && field->kind == KT_FIELD_INT) memcpy(&seed, spec->config.u.bytes + field->offset, sizeof seed);
    uint64_t key = seed ? (uint64_t)seed : kt_hash_bytes(path, strlen(path), kt->config.seed);
    double *values = kt_take(kt, bytes);
    if (!values) return kt->status;
    kt_status status = spec->cls->fill(kt, &spec->config, shape, key, values, count);
    if (status != KT_OK)
        kt_fail_at(kt, status, spec->cls->name, "the initializer failed for '%s' without saying why; call kt_fail there", path);
    if (kt->status == KT_OK) kt_variable_set(variable, kt_array_of(values, KT_FLOAT64, shape));
    kt_give(kt, values);
    return kt->status;
}
