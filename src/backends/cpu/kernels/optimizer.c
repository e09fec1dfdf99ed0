/* SPDX-License-Identifier: MIT */
/* optimizer.c: one pass over parameters and slots per step, in float or double.
 *
 * Plain loops: compilers vectorise them to the speed of hand-written code (measured), and memory is
 * the limit beyond the caches anyway. Formulas are Keras's, in Keras's order of operations,
 * uncontracted, because a training of some steps is compared with Keras's own numbers. The arrays
 * never overlap.
 *
 * Slots that decay without new gradients (a relu that is off) would end among the subnormal numbers and
 * stay there, where every operation costs a hundred others: a tiny step became five times slower.
 * They are stored as zero below 1e-30 (1e-300 in double), far enough above the subnormals that
 * neither they nor their products with a rate get there, and far below what a weight can see beside
 * epsilon. The host's floating-point mode stays untouched.
 */
#include "kernels.h"
#include "real.h"

#include <math.h>

#ifdef KT_F64
#define ROOT sqrt
#define SIZE fabs
#define SMALLEST 1e-300
#else
#define ROOT sqrtf
#define SIZE fabsf
#define SMALLEST 1e-30f
#endif

static inline real settled(real x) { return SIZE(x) < SMALLEST ? 0 : x; }

void KT_REAL_NAME(kt_sgd)(int64_t n, real *restrict w, const real *restrict g, real lr)
{
    for (int64_t i = 0; i < n; i++)
        w[i] -= g[i] * lr;
}

void KT_REAL_NAME(kt_sgd_momentum)(int64_t n, real *restrict w, real *restrict v,
                                   const real *restrict g, real lr, real mu, bool nesterov)
{
    if (nesterov)
        for (int64_t i = 0; i < n; i++) {
            real step = g[i] * lr;
            v[i] = settled(v[i] * mu - step);
            w[i] += v[i] * mu - step;
        }
    else
        for (int64_t i = 0; i < n; i++) {
            v[i] = settled(v[i] * mu - g[i] * lr);
            w[i] += v[i];
        }
}

void KT_REAL_NAME(kt_adam)(int64_t n, real *restrict w, real *restrict m, real *restrict v,
                           const real *restrict g, real alpha, real rate_1, real rate_2,
                           real epsilon)
{
    for (int64_t i = 0; i < n; i++) {
        real d = g[i];
        m[i] = settled(m[i] + (d - m[i]) * rate_1);
        v[i] = settled(v[i] + (d * d - v[i]) * rate_2);
        w[i] -= m[i] * alpha / (ROOT(v[i]) + epsilon);
    }
}

void KT_REAL_NAME(kt_adam_amsgrad)(int64_t n, real *restrict w, real *restrict m, real *restrict v,
                                   real *restrict vhat, const real *restrict g, real alpha,
                                   real rate_1, real rate_2, real epsilon)
{
    for (int64_t i = 0; i < n; i++) {
        real d = g[i];
        m[i] = settled(m[i] + (d - m[i]) * rate_1);
        v[i] = settled(v[i] + (d * d - v[i]) * rate_2);
        vhat[i] = vhat[i] > v[i] || vhat[i] != vhat[i] ? vhat[i] : v[i];
        w[i] -= m[i] * alpha / (ROOT(vhat[i]) + epsilon);
    }
}
