/* SPDX-License-Identifier: MIT */
/* nn/optimizers/sgd.c: SGD: w -= lr g; with momentum mu: m = mu m - lr g, w += m, or nesterov: w += mu m - lr g. */
#include <stddef.h>

#include "nn/layer.h"
#include "nn/optimizer.h"
#include "ops/update.h"

_Static_assert(sizeof(kt_sgd_config) <= sizeof(kt_box), "kt_sgd_config does not fit its box");

kt_optimizer_spec kt_sgd_spec(const kt_sgd_config *c)
{
    return (kt_optimizer_spec){ &kt_sgd_class, kt_box_of(c, c ? c->size : 0) };
}

void kt_sgd_init(kt_sgd_config *c)
{
    if (c) *c = (kt_sgd_config){ .size = sizeof *c };
}

static void sgd_common(const void *config, kt_optimizer_common *to)
{
    *to = KT_COMMON_OF((const kt_sgd_config *)config, 0.01);
}

static kt_status sgd_check(kt_context *kt, const void *config)
{
    double momentum = kt_setting(((const kt_sgd_config *)config)->momentum, 0);
    if (momentum >= 0 && momentum <= 1) return KT_OK;
    return kt_fail_at(kt, KT_ERR_VALUE, "SGD", "expected a momentum between 0 and 1, got %g", momentum);
}

static int sgd_slots(const void *config, const char *names[4])
{
    names[0] = "momentum";
    return kt_setting(((const kt_sgd_config *)config)->momentum, 0) != 0;
}

static kt_status sgd_update(const kt_update *u)
{
    const kt_sgd_config *c = u->config;
    double momentum = kt_setting(c->momentum, 0);
    kt_tensor *out[2] = { NULL, NULL };
    if (momentum != 0) {
        kt_momentum_update(u->variable, u->slots[0], u->gradient, u->learning_rate, momentum, c->nesterov, out);
        kt_assign(u->slots[0], out[1]);
    } else
        out[0] = kt_sgd_update(u->variable, u->gradient, u->learning_rate);
    kt_assign(u->variable, out[0]);
    return KT_OK; /* what failed is the context's first error */
}

static const kt_field fields[] = {
    { "learning_rate", KT_FIELD_DOUBLE, offsetof(kt_sgd_config, learning_rate) },
    { "momentum", KT_FIELD_DOUBLE, offsetof(kt_sgd_config, momentum) },
    { "nesterov", KT_FIELD_BOOL, offsetof(kt_sgd_config, nesterov) },
    { "weight_decay", KT_FIELD_DOUBLE, offsetof(kt_sgd_config, weight_decay) },
    { "clipnorm", KT_FIELD_DOUBLE, offsetof(kt_sgd_config, clipnorm) },
    { "clipvalue", KT_FIELD_DOUBLE, offsetof(kt_sgd_config, clipvalue) },
    { "global_clipnorm", KT_FIELD_DOUBLE, offsetof(kt_sgd_config, global_clipnorm) },
    { "name", KT_FIELD_STRING, offsetof(kt_sgd_config, name) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_optimizer_class kt_sgd_class = {
    .name = "SGD",
    .config_size = sizeof(kt_sgd_config),
    .fields = fields,
    .check = sgd_check,
    .common = sgd_common,
    .slots = sgd_slots,
    .update = sgd_update,
};
