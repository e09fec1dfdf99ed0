/* SPDX-License-Identifier: MIT */
/* nn/regularizer.c: regularizers by name, and the class for one. What they add to the loss is summed up by
 * weights.c. */
#include <string.h>

#include "nn/layer.h"

static const struct entry {
    const kt_regularizer_class *cls;
    const char *names[2];
} entries[] = {
#define KT_REGULARIZER(cls, name, snake) { &(cls), { name, snake } },
#include "nn/regularizers.def"
#undef KT_REGULARIZER
};
enum { N_ENTRIES = sizeof entries / sizeof *entries };

kt_status kt_pick_regularizer(kt_context *kt, const char *name, const kt_regularizer_spec *given,
                              kt_regularizer_spec *picked)
{
    const char *names[N_ENTRIES + 1] = { NULL };
    memset(picked, 0, sizeof *picked);
    if (!name) {
        if (!given || !given->cls) return kt->status;
        *picked = *given;
        if (picked->config.u.size) return kt->status;
        return kt_fail_at(kt, KT_ERR_VALUE, given->cls->name,
                          "expected a description such as kt_l2(0.01), got an empty one");
    }
    picked->config.u.size = sizeof picked->config; /* zeros: every default */
    for (int i = 0; i < N_ENTRIES; i++) {
        for (int j = 0; j < 2; j++)
            if (strcmp(entries[i].names[j], name) == 0) {
                picked->cls = entries[i].cls;
                return kt->status;
            }
        names[i] = entries[i].names[1];
    }
    return kt_fail_name(kt, "regularizer", name, names);
}
