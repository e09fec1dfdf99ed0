/* SPDX-License-Identifier: MIT */
/* nn/initializers/random.c: RandomNormal, RandomUniform, TruncatedNormal, and the fills behind all random
 * initializers.
 *
 * Normal numbers by Box and Muller from two uniforms of the element's own; a draw beyond two deviations is
 * repeated with the next counter, which leaves every other element as it was.
 */
#include "nn/initializers/random.h"

#include <math.h>
#include <stddef.h>

#include "base/philox.h"
#include "nn/layer.h"

static const double two_pi = 6.283185307179586;

void kt_fill_uniform(uint64_t seed, double min, double max, double *to, int64_t count)
{
    double scale = (max - min) / 16777216.0;
    for (int64_t i = 0; i < count; i += 4) {
        kt_philox block = kt_philox_block(seed, (uint32_t)(i / 4), 0, (uint64_t)(i / 4) >> 32);
        for (int64_t j = i; j < count && j < i + 4; j++) to[j] = min + scale * (double)(block.word[j - i] >> 8);
    }
}

/* Attempt `attempt` for element i. */
static double normal(uint64_t seed, int64_t i, uint32_t attempt)
{
    kt_philox block = kt_philox_block(seed, (uint32_t)i, 1 + attempt, (uint64_t)i >> 32);
    double u = ((double)(block.word[0] >> 8) + 0.5) / 16777216.0, v = (double)(block.word[1] >> 8) / 16777216.0;
    return sqrt(-2 * log(u)) * cos(two_pi * v);
}

void kt_fill_normal(uint64_t seed, double mean, double stddev, double *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] = mean + stddev * normal(seed, i, 0);
}

void kt_fill_truncated(uint64_t seed, double mean, double stddev, double *to, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double z = 3;
        for (uint32_t attempt = 0; fabs(z) > 2 && attempt < 64; attempt++) z = normal(seed, i, attempt);
        to[i] = mean + stddev * (fabs(z) > 2 ? 0 : z); /* 64 misses: once in 10^86 */
    }
}

static kt_status normal_config(kt_context *kt, const void *config, const char *name, kt_normal_config *c)
{
    *c = *(const kt_normal_config *)config;
    c->mean = kt_setting(c->mean, 0);
    c->stddev = kt_setting(c->stddev, 0.05);
    if (c->stddev >= 0) return KT_OK;
    return kt_fail_at(kt, KT_ERR_VALUE, name, "expected a stddev of 0 or more, got %g", c->stddev);
}

static kt_status random_normal_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                                    int64_t count)
{
    kt_normal_config c;
    (void)shape;
    if (normal_config(kt, config, "RandomNormal", &c) == KT_OK) kt_fill_normal(seed, c.mean, c.stddev, to, count);
    return kt_error(kt);
}

static kt_status truncated_normal_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                                       int64_t count)
{
    kt_normal_config c;
    (void)shape;
    if (normal_config(kt, config, "TruncatedNormal", &c) == KT_OK) kt_fill_truncated(seed, c.mean, c.stddev, to, count);
    return kt_error(kt);
}

static kt_status random_uniform_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                                     int64_t count)
{
    const kt_uniform_config *c = config;
    (void)shape;
    double min = kt_setting(c->minval, -0.05), max = kt_setting(c->maxval, 0.05);
    if (!(min <= max))
        return kt_fail_at(kt, KT_ERR_VALUE, "RandomUniform", "expected minval <= maxval, got %g and %g", min, max);
    kt_fill_uniform(seed, min, max, to, count);
    return KT_OK;
}

static const kt_field normal_fields[] = {
    { "mean", KT_FIELD_DOUBLE, offsetof(kt_normal_config, mean) },
    { "stddev", KT_FIELD_DOUBLE, offsetof(kt_normal_config, stddev) },
    { "seed", KT_FIELD_INT, offsetof(kt_normal_config, seed) },
    { NULL, KT_FIELD_INT, 0 },
};
static const kt_field uniform_fields[] = {
    { "minval", KT_FIELD_DOUBLE, offsetof(kt_uniform_config, minval) },
    { "maxval", KT_FIELD_DOUBLE, offsetof(kt_uniform_config, maxval) },
    { "seed", KT_FIELD_INT, offsetof(kt_uniform_config, seed) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_initializer_class kt_random_normal_class = {
    .name = "RandomNormal",
    .config_size = sizeof(kt_normal_config),
    .fields = normal_fields,
    .fill = random_normal_fill,
};
const kt_initializer_class kt_truncated_normal_class = {
    .name = "TruncatedNormal",
    .config_size = sizeof(kt_normal_config),
    .fields = normal_fields,
    .fill = truncated_normal_fill,
};
const kt_initializer_class kt_random_uniform_class = {
    .name = "RandomUniform",
    .config_size = sizeof(kt_uniform_config),
    .fields = uniform_fields,
    .fill = random_uniform_fill,
};
