/* SPDX-License-Identifier: MIT */
/* nn/initializers/orthogonal.c: Orthogonal: rows or columns of a random rotation, times gain.
 *
 * The weight is seen as (product of leading sizes, last). The shorter side's vectors are drawn normal and made
 * orthonormal by Gram and Schmidt, twice, which is as exact as a Householder QR; the diagonal of R is positive
 * by construction, so this is Keras's Q sign(diag R).
 */
#include <math.h>
#include <stddef.h>

#include "nn/initializers/random.h"
#include "nn/layer.h"

/* Vector k of the shorter side: element i at to[k * across + i * along]. */
typedef struct vectors {
    double *at;
    int64_t count, length, across, along;
} vectors;

static double dot(const vectors *v, int64_t a, int64_t b)
{
    double sum = 0;
    for (int64_t i = 0; i < v->length; i++)
        sum += v->at[a * v->across + i * v->along] * v->at[b * v->across + i * v->along];
    return sum;
}

static bool orthonormal(const vectors *v)
{
    for (int64_t k = 0; k < v->count; k++) {
        for (int pass = 0; pass < 2; pass++)
            for (int64_t j = 0; j < k; j++) {
                double along = dot(v, j, k);
                for (int64_t i = 0; i < v->length; i++)
                    v->at[k * v->across + i * v->along] -= along * v->at[j * v->across + i * v->along];
            }
        double norm = sqrt(dot(v, k, k));
        if (!(norm > 1e-10)) return false;
        for (int64_t i = 0; i < v->length; i++) v->at[k * v->across + i * v->along] /= norm;
    }
    return true;
}

static kt_status orthogonal_fill(kt_context *kt, const void *config, kt_shape shape, uint64_t seed, double *to,
                                 int64_t count)
{
    const kt_gain_config *c = config;
    if (shape.rank < 2)
        return kt_fail_at(kt, KT_ERR_SHAPE, "Orthogonal",
                          "expected a weight of rank 2 or more, got rank %d; use another initializer", shape.rank);
    int64_t columns = shape.dim[shape.rank - 1], rows = count / columns;
    vectors v =
        rows >= columns ? (vectors){ to, columns, rows, 1, columns } : (vectors){ to, rows, columns, columns, 1 };
    bool done = false;
    for (uint64_t attempt = 0; !done && attempt < 8; attempt++) { /* a random matrix is singular almost never */
        kt_fill_normal(seed + attempt, 0, 1, to, count);
        done = orthonormal(&v);
    }
    if (!done) return kt_fail_at(kt, KT_ERR_INTERNAL, "Orthogonal", "no independent vectors in eight draws");
    double gain = kt_setting(c->gain, 1);
    for (int64_t i = 0; i < count; i++) to[i] *= gain;
    return KT_OK;
}

static const kt_field fields[] = {
    { "gain", KT_FIELD_DOUBLE, offsetof(kt_gain_config, gain) },
    { "seed", KT_FIELD_INT, offsetof(kt_gain_config, seed) },
    { NULL, KT_FIELD_INT, 0 },
};

const kt_initializer_class kt_orthogonal_class = {
    .name = "Orthogonal",
    .config_size = sizeof(kt_gain_config),
    .fields = fields,
    .fill = orthogonal_fill,
};
