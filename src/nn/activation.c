/* SPDX-License-Identifier: MIT */
/* nn/activation.c: activations by name. A layer looks its name up once, when it is made, and keeps the function.
 *
 * Each line of activations.def becomes one function and one entry of the table, so that there is no second list.
 */
#include <string.h>

#include "nn/layer.h"

#include <keratin/ops.h>

enum { /* one number for each line */
#define KT_ACTIVATION(name, formula) KT_JOIN(ACTIVATION_, __LINE__),
#define KT_JOIN(a, b) KT_JOIN_(a, b)
#define KT_JOIN_(a, b) a##b
#include "nn/activations.def"
#undef KT_ACTIVATION
       N_ACTIVATIONS
};

#define KT_ACTIVATION(name, formula)                                                                                   \
    static kt_tensor *KT_JOIN(activation_, __LINE__)(kt_tensor * x) { return formula; }
#include "nn/activations.def"
#undef KT_ACTIVATION

static const struct activation {
    const char *name;
    kt_activation_fn *call;
} activations[N_ACTIVATIONS] = {
#define KT_ACTIVATION(name, formula) { name, KT_JOIN(activation_, __LINE__) },
#include "nn/activations.def"
#undef KT_ACTIVATION
};

static kt_tensor *linear(kt_tensor *x) { return x; }

kt_activation_fn *kt_find_activation(kt_context *kt, const char *name)
{
    const char *names[N_ACTIVATIONS + 1] = { NULL };
    if (!name) return linear;
    for (int i = 0; i < N_ACTIVATIONS; i++) {
        if (strcmp(activations[i].name, name) == 0) return activations[i].call;
        names[i] = activations[i].name;
    }
    kt_fail_name(kt, "activation", name, names);
    return NULL;
}

kt_tensor *kt_activate(kt_context *kt, const char *name, kt_tensor *x)
{
    if (!kt || !x) return NULL;
    kt_activation_fn *call = kt_find_activation(kt, name);
    return call ? call(x) : NULL;
}
