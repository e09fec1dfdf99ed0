/* SPDX-License-Identifier: MIT */
/* nn/regularizers/l1_l2.c: L1: l1 sum |w|; L2: l2 sum w^2, without a half; L1L2: both.
 *
 * Defaults are Keras's: 0.01 for L1 and L2 alone, zero for both factors of L1L2.
 */
#include <stddef.h>

#include "nn/layer.h"

#include <keratin/ops.h>

static kt_tensor *l1(double factor, kt_tensor *w) { return kt_mul(kt_sum(kt_abs(w)), kt_scalar(w, factor)); }
static kt_tensor *l2(double factor, kt_tensor *w) { return kt_mul(kt_sum(kt_square(w)), kt_scalar(w, factor)); }

static kt_tensor *l1_call(const void *config, kt_tensor *w)
{
    return l1(kt_setting(((const kt_l1_config *)config)->l1, 0.01), w);
}

static kt_tensor *l2_call(const void *config, kt_tensor *w)
{
    return l2(kt_setting(((const kt_l2_config *)config)->l2, 0.01), w);
}

static kt_tensor *l1_l2_call(const void *config, kt_tensor *w)
{
    const kt_l1_l2_config *c = config;
    return kt_add(l1(kt_setting(c->l1, 0), w), l2(kt_setting(c->l2, 0), w));
}

static const kt_field l1_fields[] = { { "l1", KT_FIELD_DOUBLE, offsetof(kt_l1_config, l1) },
                                      { NULL, KT_FIELD_INT, 0 } };
static const kt_field l2_fields[] = { { "l2", KT_FIELD_DOUBLE, offsetof(kt_l2_config, l2) },
                                      { NULL, KT_FIELD_INT, 0 } };
static const kt_field l1_l2_fields[] = {
    { "l1", KT_FIELD_DOUBLE, offsetof(kt_l1_l2_config, l1) },
    { "l2", KT_FIELD_DOUBLE, offsetof(kt_l1_l2_config, l2) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_regularizer_class kt_l1_class = {
    .name = "L1",
    .config_size = sizeof(kt_l1_config),
    .fields = l1_fields,
    .call = l1_call,
};
const kt_regularizer_class kt_l2_class = {
    .name = "L2",
    .config_size = sizeof(kt_l2_config),
    .fields = l2_fields,
    .call = l2_call,
};
const kt_regularizer_class kt_l1_l2_class = {
    .name = "L1L2",
    .config_size = sizeof(kt_l1_l2_config),
    .fields = l1_l2_fields,
    .call = l1_l2_call,
};
