/* SPDX-License-Identifier: MIT */
/* base/histogram.c: thirty buckets of equal width, with Keras's counts to the last one.
 *
 * The reference computes in double: width = (max - min) / 30, bucket = floor((x - min) / width), at
 * most 29; edges are min + i * width and the last is max. A division for every value would cost
 * most of the time, so float data goes another way to the same counts: the bucket is computed in
 * float32 by a multiplication, whose error is below 1e-5, and only a value nearer than that to an
 * inner edge is divided in double. Counting goes to four tables in turn, since values next to each
 * other are often in one bucket and its counter would have to wait for itself.
 *
 * The two loops over float data are compiled twice where the compiler can: for any processor and for AVX2, which is
 * asked for at run time and takes two thirds of the time. Both compute the same, operation by operation.
 *
 * Values that are not finite would poison every edge: they are left out and counted. Data whose
 * range overflows or almost vanishes in double is scaled by a power of two first, which changes no
 * bucket.
 *
 * It stands here because two who may not know each other need it: the summary library for arrays, and the engine's histogram row for
 * tensors inside a plan. Its prototypes are the public ones of keratin/summary.h.
 */
#include <float.h>
#include <keratin/summary.h>
#include <math.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF /* GCC needs no telling under -std=c17 */
#endif

enum { BUCKETS = KT_HISTOGRAM_BUCKETS, LANES = 16, BLOCK = 256, TABLES = 4 };

#if defined(__GNUC__) && defined(__x86_64__)
#define HISTOGRAM_INLINE static inline __attribute__((always_inline))
#define HISTOGRAM_AVX2   __attribute__((target("avx2")))
#else
#define HISTOGRAM_INLINE static inline
#endif

/* The data, either float or double: the other pointer is NULL. */
typedef struct histogram_data {
    const float *f32;
    const double *f64;
    int64_t n;
} histogram_data;

/* What fixes the buckets. Values are multiplied by `scale`, a power of two, before anything
 * else. */
typedef struct histogram_range {
    double min, max; /* unscaled */
    double low, width, scale;
    int64_t finite;
} histogram_range;

static inline double histogram_value(const histogram_data *x, int64_t i)
{
    return x->f32 ? (double)x->f32[i] : x->f64[i];
}

static inline int histogram_bucket(const histogram_range *r, double value)
{
    double place = (value * r->scale - r->low) / r->width;
    return place < BUCKETS - 1 ? (int)place : BUCKETS - 1;
}

/* histogram_extent for float data; false, and no answer, when something in it
 * is not finite. */
HISTOGRAM_INLINE bool histogram_extent_loop(const float *x, int64_t n, double *min, double *max)
{
    float low[LANES], high[LANES], bad[LANES]; /* apart, so that the compiler may use vectors */
    for (int l = 0; l < LANES; l++) {
        low[l] = high[l] = x[0];
        bad[l] = 0;
    }
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float v = x[i + l];
            low[l] = v < low[l] ? v : low[l];
            high[l] = v > high[l] ? v : high[l];
            bad[l] += v - v; /* stays 0 exactly as long as all are finite */
        }
    for (; i < n; i++) {
        low[0] = x[i] < low[0] ? x[i] : low[0];
        high[0] = x[i] > high[0] ? x[i] : high[0];
        bad[0] += x[i] - x[i];
    }
    for (int l = 1; l < LANES; l++) {
        low[0] = low[l] < low[0] ? low[l] : low[0];
        high[0] = high[l] > high[0] ? high[l] : high[0];
        bad[0] += bad[l];
    }
    if (bad[0] != 0) return false;
    *min = low[0];
    *max = high[0];
    return true;
}

#ifdef HISTOGRAM_AVX2
HISTOGRAM_AVX2 static bool histogram_extent_avx2(const float *x, int64_t n, double *min, double *max)
{
    return histogram_extent_loop(x, n, min, max);
}
#endif

static bool histogram_extent_quick(const float *x, int64_t n, double *min, double *max)
{
#ifdef HISTOGRAM_AVX2
    if (__builtin_cpu_supports("avx2")) return histogram_extent_avx2(x, n, min, max);
#endif
    return histogram_extent_loop(x, n, min, max);
}

static histogram_range histogram_extent(const histogram_data *x)
{
    histogram_range r = { .scale = 1 };
    if (x->n > 0 && x->f32 && histogram_extent_quick(x->f32, x->n, &r.min, &r.max)) {
        r.finite = x->n;
    } else {
        for (int64_t i = 0; i < x->n; i++) {
            double v = histogram_value(x, i);
            if (!isfinite(v)) continue;
            if (r.finite == 0) r.min = r.max = v;
            r.min = v < r.min ? v : r.min;
            r.max = v > r.max ? v : r.max;
            r.finite++;
        }
    }
    if (r.max - r.min > DBL_MAX)
        r.scale = 0x1p-2;
    else if (r.max - r.min < 0x1p-1000)
        r.scale = 0x1p+200; /* then the values themselves are below 2^-900, or all equal */
    if (r.min == r.max) r.scale = 1;
    r.low = r.min * r.scale;
    r.width = (r.max * r.scale - r.low) / BUCKETS;
    return r;
}

static void histogram_count(const histogram_data *x, const histogram_range *r,
                            int64_t counts[BUCKETS])
{
    for (int64_t i = 0; i < x->n; i++) {
        double v = histogram_value(x, i);
        if (isfinite(v)) counts[histogram_bucket(r, v)]++;
    }
}

/* The same counts for finite float data of an ordinary range. */
HISTOGRAM_INLINE void histogram_count_loop(const float *x, int64_t n, const histogram_range *r,
                                           int64_t counts[BUCKETS])
{
    const float low = (float)r->min, inverse = (float)(1 / r->width);
    const float near = 0x1p-16f; /* above 30 times three roundings of 2^-24 */
    uint32_t tables[TABLES][32] = { { 0 } };
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        int32_t bucket[BLOCK], other[BLOCK], doubtful = 0;
        for (int k = 0; k < BLOCK; k++) {
            float place = (x[i + k] - low) * inverse;
            int32_t up = (int32_t)(place + near), down = (int32_t)(place - near);
            bucket[k] = up < BUCKETS - 1 ? up : BUCKETS - 1;
            other[k] = down < BUCKETS - 1 ? down : BUCKETS - 1; /* at both ends there is no doubt */
            doubtful |= bucket[k] ^ other[k];
        }
        for (int k = 0; doubtful && k < BLOCK; k++)
            if (bucket[k] != other[k]) bucket[k] = histogram_bucket(r, x[i + k]);
        for (int k = 0; k < BLOCK; k += TABLES) {
            tables[0][bucket[k]]++;
            tables[1][bucket[k + 1]]++;
            tables[2][bucket[k + 2]]++;
            tables[3][bucket[k + 3]]++;
        }
    }
    for (int t = 0; t < TABLES; t++)
        for (int b = 0; b < BUCKETS; b++) counts[b] += tables[t][b];
    histogram_data rest = { .f32 = x + i, .n = n - i };
    histogram_count(&rest, r, counts);
}

#ifdef HISTOGRAM_AVX2
HISTOGRAM_AVX2 static void histogram_count_avx2(const float *x, int64_t n, const histogram_range *r,
                                                int64_t counts[BUCKETS])
{
    histogram_count_loop(x, n, r, counts);
}
#endif

static void histogram_count_quick(const float *x, int64_t n, const histogram_range *r, int64_t counts[BUCKETS])
{
#ifdef HISTOGRAM_AVX2
    if (__builtin_cpu_supports("avx2")) {
        histogram_count_avx2(x, n, r, counts);
        return;
    }
#endif
    histogram_count_loop(x, n, r, counts);
}

static int64_t histogram_fill(const histogram_data *x, kt_bucket buckets[BUCKETS])
{
    histogram_range r = histogram_extent(x);
    int64_t counts[BUCKETS] = { 0 };
    if (r.min == r.max) {
        counts[BUCKETS - 1] = r.finite;
    } else if (x->f32 && r.finite == x->n && r.width > 0x1p-100 && r.width < 0x1p100) {
        const int64_t part = 1 << 30; /* no counter of 32 bits overflows */
        for (int64_t i = 0; i < x->n; i += part)
            histogram_count_quick(x->f32 + i, x->n - i < part ? x->n - i : part, &r, counts);
    } else {
        histogram_count(x, &r, counts);
    }
    for (int b = 0; b < BUCKETS; b++) {
        buckets[b].left = b == 0 ? r.min : (r.low + b * r.width) / r.scale;
        buckets[b].count = (double)counts[b];
        if (b > 0) buckets[b - 1].right = buckets[b].left;
    }
    buckets[BUCKETS - 1].right = r.max;
    return x->n - r.finite;
}

int64_t kt_histogram_buckets(const float *x, int64_t n, kt_bucket buckets[KT_HISTOGRAM_BUCKETS])
{
    if (!buckets) return 0;
    return histogram_fill(&(histogram_data){ .f32 = x, .n = x && n > 0 ? n : 0 }, buckets);
}

int64_t kt_histogram_buckets_f64(const double *x, int64_t n,
                                 kt_bucket buckets[KT_HISTOGRAM_BUCKETS])
{
    if (!buckets) return 0;
    return histogram_fill(&(histogram_data){ .f64 = x, .n = x && n > 0 ? n : 0 }, buckets);
}
