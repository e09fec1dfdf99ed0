/* SPDX-License-Identifier: MIT */
/* nn/initializers/variance.c: VarianceScaling and its six famous settings: Glorot, He, Lecun, uniform and
 * normal.
 *
 * fan_in and fan_out: rank 1 (n): n, n; rank 2 (a, b): a, b; higher: receptive field x the last two sizes. With
 * s = scale / max(1, fan): uniform up to sqrt(3 s); truncated normal with deviation sqrt(s) /
 * 0.87962566103423978, the deviation of a unit normal cut at two.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "nn/initializers/random.h"
#include "nn/layer.h"

static const double cut_deviation = 0.87962566103423978;

static void fans(kt_shape shape, double *in, double *out)
{
    double field = 1;
    *in = *out = 1;
    if (shape.rank == 1) *in = *out = (double)shape.dim[0];
    if (shape.rank < 2) return;
    for (int i = 0; i < shape.rank - 2; i++) field *= (double)shape.dim[i];
    *in = field * (double)shape.dim[shape.rank - 2];
    *out = field * (double)shape.dim[shape.rank - 1];
}

enum { UNIFORM, TRUNCATED, UNTRUNCATED, N_DISTRIBUTIONS };
enum { FAN_IN, FAN_OUT, FAN_AVG, N_MODES };
static const char *const distribution_names[] = { "uniform", "truncated_normal", "untruncated_normal", NULL };
static const char *const mode_names[] = { "fan_in", "fan_out", "fan_avg", NULL };

static void scale_variance(double scale, int mode, int distribution, kt_shape shape, uint64_t seed, double *to,
                           int64_t count)
{
    double in, out;
    fans(shape, &in, &out);
    double fan = mode == FAN_IN ? in : mode == FAN_OUT ? out : (in + out) / 2, s = scale / fmax(1, fan);
    if (distribution == UNIFORM)
        kt_fill_uniform(seed, -sqrt(3 * s), sqrt(3 * s), to, count);
    else if (distribution == TRUNCATED)
        kt_fill_truncated(seed, 0, sqrt(s) / cut_deviation, to, count);
    else
        kt_fill_normal(seed, 0, sqrt(s), to, count);
}

static int place(const char *name, const char *const *names)
{
    int i = 0;
    while (names[i] && strcmp(names[i], name) != 0) i++;
    return i;
}

static kt_status variance_scaling_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                                       int64_t count)
{
    const kt_variance_config *c = config;
    double scale = kt_setting(c->scale, 1);
    int mode = c->mode ? place(c->mode, mode_names) : FAN_IN;
    int distribution = TRUNCATED;
    if (c->distribution && strcmp(c->distribution, "normal") != 0)
        distribution = place(c->distribution, distribution_names);
    if (mode == N_MODES) return kt_fail_name(kt, "mode of VarianceScaling", c->mode, mode_names);
    if (distribution == N_DISTRIBUTIONS)
        return kt_fail_name(kt, "distribution of VarianceScaling", c->distribution, distribution_names);
    if (!(scale > 0)) return kt_fail_at(kt, KT_ERR_VALUE, "VarianceScaling", "expected a scale above 0, got %g", scale);
    scale_variance(scale, mode, distribution, shape, seed, to, count);
    return KT_OK;
}

static const kt_field variance_fields[] = {
    { "scale", KT_FIELD_DOUBLE, offsetof(kt_variance_config, scale) },
    { "mode", KT_FIELD_STRING, offsetof(kt_variance_config, mode) },
    { "distribution", KT_FIELD_STRING, offsetof(kt_variance_config, distribution) },
    { "seed", KT_FIELD_INT, offsetof(kt_variance_config, seed) },
    { NULL, KT_FIELD_INT, 0 },
};
static const kt_field seed_fields[] = {
    { "seed", KT_FIELD_INT, offsetof(kt_seed_config, seed) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_initializer_class kt_variance_scaling_class = {
    .name = "VarianceScaling",
    .config_size = sizeof(kt_variance_config),
    .fields = variance_fields,
    .fill = variance_scaling_fill,
};

#define FAMOUS(id, title, scale, mode, distribution)                                                                   \
    static kt_status id##_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,          \
                               int64_t count)                                                                          \
    {                                                                                                                  \
        (void)kt, (void)config;                                                                                        \
        scale_variance(scale, mode, distribution, shape, seed, to, count);                                             \
        return KT_OK;                                                                                                  \
    }                                                                                                                  \
    const kt_initializer_class kt_##id##_class = {                                                                     \
        .name = title,                                                                                                 \
        .config_size = sizeof(kt_seed_config),                                                                         \
        .fields = seed_fields,                                                                                         \
        .fill = id##_fill,                                                                                             \
    };

FAMOUS(glorot_uniform, "GlorotUniform", 1, FAN_AVG, UNIFORM)
FAMOUS(glorot_normal, "GlorotNormal", 1, FAN_AVG, TRUNCATED)
FAMOUS(he_uniform, "HeUniform", 2, FAN_IN, UNIFORM)
FAMOUS(he_normal, "HeNormal", 2, FAN_IN, TRUNCATED)
FAMOUS(lecun_uniform, "LecunUniform", 1, FAN_IN, UNIFORM)
FAMOUS(lecun_normal, "LecunNormal", 1, FAN_IN, TRUNCATED)
