/* SPDX-License-Identifier: MIT */
/* data/friedman1.c: data that need no file: J. H. Friedman, "Multivariate adaptive regression splines", 1991.
 *
 * The same bits on every machine: numbers come from Philox, and the three functions that would come from libm, whose
 * last bits differ between systems, are computed here from operations that IEEE 754 rounds exactly. A row is three
 * Philox blocks: words 0 to 9 are x, 10 and 11 make the noise by Box and Muller's transform.
 */
#include <math.h>

#include "base/philox.h"
#include "data/arrays.h"

/* A fused multiply-add would round once where others round twice; GCC in C17 mode makes none by itself. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { INPUTS = 10 };
static const uint32_t STREAM = 0x46726931u; /* "Fri1" */

/* cos(pi t) for |t| <= 1, by its Taylor series about 0 for |t| <= 1/2 and by symmetry beyond; error below 1e-15. */
static double cos_pi(double t)
{
    t = fabs(t);
    double sign = 1;
    if (t > 0.5) {
        t = 1 - t;
        sign = -1;
    }
    double z = t * t * 9.8696044010893586, term = 1, sum = 0;
    double terms[12];
    for (int k = 0; k < 12; k++) {
        terms[k] = term;
        term = term * z / (double)-((2 * k + 1) * (2 * k + 2));
    }
    for (int k = 11; k >= 0; k--) sum += terms[k]; /* the small ones first */
    return sign * sum;
}

/* Natural logarithm of u in (0, 1]: u = m 2^e, ln m = 2 atanh((m - 1) / (m + 1)). */
static double log_of(double u)
{
    int e;
    double m = frexp(u, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int k = 25; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
    return (double)e * 0.69314718055994531 + 2 * s * sum;
}

static double uniform(uint32_t word) { return (double)(word >> 8) * (1.0 / 16777216.0); /* exact in float32 */ }

/* Row r of the set. */
static void make_row(uint64_t seed, uint64_t r, double noise, float *x, float *y)
{
    uint32_t word[12];
    for (uint32_t b = 0; b < 3; b++) {
        kt_philox p = kt_philox_block(seed, b, STREAM, r);
        for (int i = 0; i < 4; i++) word[4 * b + (uint32_t)i] = p.word[i];
    }
    double u[INPUTS];
    for (int i = 0; i < INPUTS; i++) x[i] = (float)(u[i] = uniform(word[i]));
    double radius = sqrt(-2 * log_of(((double)word[10] + 1) * (1.0 / 4294967296.0)));
    double normal = radius * cos_pi(2 * uniform(word[11]) - 1);
    double middle = u[2] - 0.5;
    *y = (float)(10 * cos_pi(u[0] * u[1] - 0.5) + 20 * middle * middle + 10 * u[3] + 5 * u[4] + noise * normal);
}

kt_arrays *kt_friedman1(kt_context *kt, int64_t rows, double noise, uint64_t seed)
{
    const char *maker = "kt_friedman1";
    if (!kt || kt->status != KT_OK) return NULL;
    if (rows < 1 || !(noise >= 0) || !isfinite(noise)) {
        kt_fail_at(kt, KT_ERR_VALUE, maker, "expected 1 row or more and a noise of 0 or more, got %lld rows and %g",
                   (long long)rows, noise);
        return NULL;
    }
    kt_arrays *arrays = kt_arrays_new(kt);
    if (!arrays) return NULL;
    float *x = kt_arrays_add(arrays, maker, "x", KT_FLOAT32, (kt_shape){ 2, { rows, INPUTS } });
    float *y = x ? kt_arrays_add(arrays, maker, "y", KT_FLOAT32, (kt_shape){ 2, { rows, 1 } }) : NULL;
    if (!y) {
        kt_arrays_free(arrays);
        return NULL;
    }
    for (int64_t r = 0; r < rows; r++) make_row(seed, (uint64_t)r, noise, x + r * INPUTS, y + r);
    return arrays;
}
