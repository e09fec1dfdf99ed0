/* SPDX-License-Identifier: MIT */
/* nn/optimizers/adam.c: Adam (Kingma and Ba, 2015), as Keras: epsilon is added to the uncorrected root.
 *
 * m += (g - m)(1 - b1); v += (g^2 - v)(1 - b2); w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + e); amsgrad
 * takes the root of the largest v so far.
 */
#include <stddef.h>

#include "nn/layer.h"
#include "nn/optimizer.h"
#include "ops/update.h"

_Static_assert(sizeof(kt_adam_config) <= sizeof(kt_box), "kt_adam_config does not fit its box");

kt_optimizer_spec kt_adam_spec(const kt_adam_config *c)
{
    return (kt_optimizer_spec){ &kt_adam_class, kt_box_of(c, c ? c->size : 0) };
}

void kt_adam_init(kt_adam_config *c)
{
    if (c) *c = (kt_adam_config){ .size = sizeof *c };
}

static kt_adam_numbers numbers_of(const kt_adam_config *c)
{
    return (kt_adam_numbers){ kt_setting(c->beta_1, 0.9), kt_setting(c->beta_2, 0.999), kt_setting(c->epsilon, 1e-7) };
}

static void adam_common(const void *config, kt_optimizer_common *to)
{
    *to = KT_COMMON_OF((const kt_adam_config *)config, 0.001);
}

static kt_status adam_check(kt_context *kt, const void *config)
{
    kt_adam_numbers n = numbers_of(config);
    if (!(n.beta_1 >= 0 && n.beta_1 < 1) || !(n.beta_2 >= 0 && n.beta_2 < 1))
        return kt_fail_at(kt, KT_ERR_VALUE, "Adam", "expected beta_1 and beta_2 from 0 to below 1, got %g and %g",
                          n.beta_1, n.beta_2);
    if (!(n.epsilon >= 0))
        return kt_fail_at(kt, KT_ERR_VALUE, "Adam", "expected an epsilon of 0 or more, got %g", n.epsilon);
    return KT_OK;
}

static int adam_slots(const void *config, const char *names[4])
{
    names[0] = "momentum";
    names[1] = "velocity";
    names[2] = "velocity_hat";
    return ((const kt_adam_config *)config)->amsgrad ? 3 : 2;
}

static kt_status adam_update(const kt_update *u)
{
    const kt_adam_config *c = u->config;
    kt_adam_numbers numbers = numbers_of(c);
    kt_tensor *out[4] = { NULL, NULL, NULL, NULL };
    if (c->amsgrad)
        kt_adam_amsgrad_update(u->variable, u->slots[0], u->slots[1], u->slots[2], u->gradient, u->learning_rate,
                               u->iteration, numbers, out);
    else
        kt_adam_update(u->variable, u->slots[0], u->slots[1], u->gradient, u->learning_rate, u->iteration, numbers,
                       out);
    kt_assign(u->variable, out[0]);
    for (int i = 0; i < (c->amsgrad ? 3 : 2); i++) kt_assign(u->slots[i], out[i + 1]);
    return KT_OK; /* what failed is the context's first error */
}

static const kt_field fields[] = {
    { "learning_rate", KT_FIELD_DOUBLE, offsetof(kt_adam_config, learning_rate) },
    { "beta_1", KT_FIELD_DOUBLE, offsetof(kt_adam_config, beta_1) },
    { "beta_2", KT_FIELD_DOUBLE, offsetof(kt_adam_config, beta_2) },
    { "epsilon", KT_FIELD_DOUBLE, offsetof(kt_adam_config, epsilon) },
    { "amsgrad", KT_FIELD_BOOL, offsetof(kt_adam_config, amsgrad) },
    { "weight_decay", KT_FIELD_DOUBLE, offsetof(kt_adam_config, weight_decay) },
    { "clipnorm", KT_FIELD_DOUBLE, offsetof(kt_adam_config, clipnorm) },
    { "clipvalue", KT_FIELD_DOUBLE, offsetof(kt_adam_config, clipvalue) },
    { "global_clipnorm", KT_FIELD_DOUBLE, offsetof(kt_adam_config, global_clipnorm) },
    { "name", KT_FIELD_STRING, offsetof(kt_adam_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_optimizer_class kt_adam_class = {
    .name = "Adam",
    .config_size = sizeof(kt_adam_config),
    .fields = fields,
    .check = adam_check,
    .common = adam_common,
    .slots = adam_slots,
    .update = adam_update,
};
