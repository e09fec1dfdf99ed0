/* SPDX-License-Identifier: MIT */
/* The CPU kernels other than products: reductions, softmax and cross-entropies, optimizer steps,
 * random numbers, moving data. Everything against plain loops in double, on arrays that end at
 * an unreadable page. */
#include "kernels_common.h"

#include "base/philox.h"

#include <limits.h>

/* ---- reductions ---- */

static void check_reduction(const kt_kernels *k, kt_reduce_op op, int64_t outer, int64_t len,
                            int64_t inner, bool f64)
{
    size_t size = f64 ? 8 : 4;
    int64_t n = outer * len * inner;
    guarded x = guarded_new((size_t)n * size), y = guarded_new((size_t)(outer * inner) * size);
    uint64_t seed = (uint64_t)(outer * 31 + len * 7 + inner);
    for (int64_t i = 0; i < n; i++) {
        double v = noise(&seed) + 0.25;
        if (f64)
            ((double *)x.data)[i] = v;
        else
            ((float *)x.data)[i] = (float)v;
    }
    kt_reduce r = { .op = op, .outer = outer, .len = len, .inner = inner };
    (f64 ? k->reduce_prepare_f64 : k->reduce_prepare)(&r);
    guarded shared = guarded_new(r.shared_bytes);
    for (int64_t c = r.chunks - 1; c >= 0; c--)
        if (f64)
            k->reduce_run_f64(&r, x.data, y.data, shared.data, c);
        else
            k->reduce_run(&r, x.data, y.data, shared.data, c);
    if (r.needs_finish && f64)
        k->reduce_finish_f64(&r, shared.data, y.data);
    else if (r.needs_finish)
        k->reduce_finish(&r, shared.data, y.data);

    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < inner; j++) {
            double want = op == KT_REDUCE_MAX   ? -INFINITY
                          : op == KT_REDUCE_MIN ? INFINITY
                                                : 0,
                   sizes = 0;
            for (int64_t i = 0; i < len; i++) {
                int64_t at = (o * len + i) * inner + j;
                double v = f64 ? ((double *)x.data)[at] : (double)((float *)x.data)[at];
                want = op == KT_REDUCE_MAX ? fmax(want, v) : op == KT_REDUCE_MIN ? fmin(want, v)
                     : op == KT_REDUCE_SUM ? want + v : want + v * v;
                sizes += fabs(v) + v * v;
            }
            double got = f64 ? ((double *)y.data)[o * inner + j]
                             : (double)((float *)y.data)[o * inner + j];
            double allowed = op == KT_REDUCE_MAX || op == KT_REDUCE_MIN ? 0
                             : f64                                      ? 2e-14 * sizes
                                                                        : 1.5e-6 * sizes;
            if (!(got == want || fabs(got - want) <= allowed))
                fail_msg("%s op %d (%lld, %lld, %lld) %s: got %.9g, expected %.9g", k->name,
                         (int)op, (long long)outer, (long long)len, (long long)inner,
                         f64 ? "f64" : "f32", got, want);
        }
    guarded_free(&x);
    guarded_free(&y);
    guarded_free(&shared);
}

static void reductions(void **state)
{
    (void)state;
    static const int64_t shape[][3] = {
        { 1, 0, 1 },      { 3, 0, 5 },      { 0, 3, 1 },     { 2, 3, 0 },     { 1, 1, 1 },
        { 5, 7, 1 },      { 128, 10, 1 },   { 3, 16, 1 },    { 3, 17, 1 },    { 2, 63, 1 },
        { 2, 64, 1 },     { 2, 65, 1 },     { 4, 511, 1 },   { 4, 512, 1 },   { 4, 513, 1 },
        { 1, 40000, 1 },  { 2, 70001, 1 },  { 70000, 2, 1 }, { 1, 128, 512 }, { 1, 129, 10 },
        { 1, 32, 64 },    { 1, 300, 65 },   { 7, 5, 3 },     { 2, 33000, 3 }, { 3, 3, 200 },
        { 1, 700, 1000 }, { 1, 33000, 66 }, { 300, 4, 63 },
    };
    FOR_EACH_TABLE(k)
    {
        for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
            for (int op = KT_REDUCE_SUM; op <= KT_REDUCE_MIN; op++) {
                check_reduction(k, (kt_reduce_op)op, shape[s][0], shape[s][1], shape[s][2], false);
                check_reduction(k, (kt_reduce_op)op, shape[s][0], shape[s][1], shape[s][2], true);
            }
    }
}

static void maxima_propagate_nan(void **state)
{
    (void)state;
    enum { LEN = 100, INNER = 37 };
    static float x[LEN * INNER], y[INNER];
    FOR_EACH_TABLE(k)
    {
        for (int columns = 0; columns < 2; columns++)
            for (int at = 0; at < LEN; at += 3)
                for (int op = KT_REDUCE_MAX; op <= KT_REDUCE_MIN; op++) {
                    kt_reduce r = {
                        .op = (kt_reduce_op)op, .outer = 1, .len = LEN, .inner = columns ? INNER : 1
                    };
                    for (int i = 0; i < LEN * INNER; i++)
                        x[i] = (float)(i % 13);
                    for (int j = 0; j < r.inner; j += 2)
                        x[at * r.inner + j] = NAN;
                    k->reduce_prepare(&r);
                    assert_false(r.needs_finish);
                    for (int64_t c = 0; c < r.chunks; c++)
                        k->reduce_run(&r, x, y, NULL, c);
                    for (int j = 0; j < r.inner; j++)
                        assert_int_equal(!!isnan(y[j]), j % 2 == 0);
                }
    }
}

/* Ten million terms: a float accumulator would be off in the third digit. */
static void long_sums_stay_exact(void **state)
{
    (void)state;
    int64_t n = 10000000;
    float *x = malloc((size_t)n * sizeof *x), y = 0;
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = 0.1f;
    FOR_EACH_TABLE(k)
    {
        kt_reduce r = { .op = KT_REDUCE_SUM, .outer = 1, .len = n, .inner = 1 };
        k->reduce_prepare(&r);
        void *shared = malloc(r.shared_bytes);
        for (int64_t c = 0; c < r.chunks; c++)
            k->reduce_run(&r, x, &y, shared, c);
        k->reduce_finish(&r, shared, &y);
        assert_true(fabs((double)y - (double)n * (double)0.1f) < 1.0);
        free(shared);
    }
    free(x);
}

/* The stated order: blocks of 512 in the element type, added in double. */
static void sums_keep_the_stated_order(void **state)
{
    (void)state;
    enum { LEN = 3000 };
    static float x[LEN];
    uint64_t seed = 9;
    for (int i = 0; i < LEN; i++)
        x[i] = (float)noise(&seed);
    FOR_EACH_TABLE(k)
    {
        kt_reduce r = { .op = KT_REDUCE_SUM, .outer = 1, .len = LEN, .inner = 1 };
        float y = 0;
        k->reduce_prepare(&r);
        k->reduce_run(&r, x, &y, NULL, 0);
        double want = 0;
        for (int i = 0; i < LEN; i += KT_SUM_BLOCK)
            want += k->sum_block(x + i, LEN - i < KT_SUM_BLOCK ? LEN - i : KT_SUM_BLOCK);
        assert_true(y == (float)want);

        r = (kt_reduce){ .op = KT_REDUCE_SUM, .outer = 1, .len = LEN / 2, .inner = 2 };
        float pair[2];
        k->reduce_prepare(&r);
        for (int64_t c = 0; c < r.chunks; c++)
            k->reduce_run(&r, x, pair, NULL, c);
        want = 0;
        for (int i = 0; i < LEN / 2; i += KT_SUM_ROWS) {
            float group = 0;
            for (int q = i; q < LEN / 2 && q < i + KT_SUM_ROWS; q++)
                group += x[2 * q + 1];
            want += group;
        }
        assert_true(pair[1] == (float)want);
    }
}

/* ---- softmax family ---- */

static void close_enough(const kt_kernels *k, const char *what, int64_t n, double got, double want,
                         double allowed)
{
    if (!(fabs(got - want) <= allowed + 2e-6 * fabs(want)))
        fail_msg("%s %s n = %lld: got %.9g, expected %.9g", k->name, what, (long long)n, got, want);
}

static void check_softmax(const kt_kernels *k, int64_t rows, int64_t n)
{
    size_t bytes = (size_t)(rows * n) * sizeof(float);
    guarded gx = guarded_new(bytes), gt = guarded_new(bytes), gy = guarded_new(bytes),
            gl = guarded_new(bytes), gd = guarded_new(bytes);
    guarded glabel = guarded_new((size_t)rows * 8), gloss = guarded_new((size_t)rows * 4),
            gg = guarded_new((size_t)rows * 4);
    float *x = gx.data, *t = gt.data, *y = gy.data, *l = gl.data, *d = gd.data, *loss = gloss.data,
          *g = gg.data;
    int64_t *label = glabel.data;
    uint64_t seed = (uint64_t)(rows * 1000 + n);
    double *p = malloc((size_t)n * sizeof *p);
    for (int64_t i = 0; i < rows * n; i++) {
        x[i] = (float)(noise(&seed) * 20 + 50);
        t[i] = (float)fabs(noise(&seed));
    }
    for (int64_t r = 0; r < rows; r++) {
        label[r] = (r * 7 + n / 2) % n;
        g[r] = (float)noise(&seed);
    }
    k->softmax(x, y, rows, n);
    k->log_softmax(x, l, rows, n);
    for (int64_t r = 0; r < rows; r++) {
        double m = -INFINITY, sum = 0, dot = 0, tsum = 0, tloss = 0;
        for (int64_t j = 0; j < n; j++)
            m = fmax(m, x[r * n + j]);
        for (int64_t j = 0; j < n; j++)
            sum += exp((double)x[r * n + j] - m);
        for (int64_t j = 0; j < n; j++) {
            int64_t at = r * n + j;
            p[j] = exp((double)x[at] - m) / sum;
            close_enough(k, "softmax", n, y[at], p[j], 1e-12);
            close_enough(k, "log_softmax", n, l[at], (double)x[at] - m - log(sum), 2e-6);
            dot += t[at] * p[j];
            tsum += t[at];
            tloss += t[at] * (m + log(sum) - (double)x[at]);
        }
        k->softmax_grad(y + r * n, t + r * n, d, 1, n);
        for (int64_t j = 0; j < n; j++)
            close_enough(k, "softmax_grad", n, d[j], p[j] * (t[r * n + j] - dot),
                         1e-6 * p[j] + 1e-12);
        k->log_softmax_grad(l + r * n, t + r * n, d, 1, n);
        for (int64_t j = 0; j < n; j++)
            close_enough(k, "log_softmax_grad", n, d[j], t[r * n + j] - p[j] * tsum,
                         1e-5 * p[j] * tsum + 1e-6);
        k->categorical_ce(x + r * n, t + r * n, loss, 1, n);
        close_enough(k, "categorical_ce", n, loss[0], tloss, 1e-5);
        k->categorical_ce_grad(x + r * n, t + r * n, g + r, d, 1, n);
        for (int64_t j = 0; j < n; j++)
            close_enough(k, "categorical_ce_grad", n, d[j], (p[j] * tsum - t[r * n + j]) * g[r],
                         2e-6 * tsum);
    }
    k->sparse_ce(x, label, loss, rows, n);
    k->sparse_ce_grad(x, label, g, d, rows, n);
    for (int64_t r = 0; r < rows; r++) {
        double m = -INFINITY, sum = 0;
        for (int64_t j = 0; j < n; j++)
            m = fmax(m, x[r * n + j]);
        for (int64_t j = 0; j < n; j++)
            sum += exp((double)x[r * n + j] - m);
        close_enough(k, "sparse_ce", n, loss[r], m + log(sum) - (double)x[r * n + label[r]], 2e-6);
        for (int64_t j = 0; j < n; j++)
            close_enough(k, "sparse_ce_grad", n, d[r * n + j],
                         (exp((double)x[r * n + j] - m) / sum - (j == label[r])) * g[r], 2e-7);
    }
    free(p);
    guarded *all[] = { &gx, &gt, &gy, &gl, &gd, &glabel, &gloss, &gg };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
}

static void softmax_family(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 1,  2,  3,  4,  5,  7,   8,   9,   10,  15,
                                     16, 17, 31, 32, 33, 100, 511, 512, 513, 1025 };
    FOR_EACH_TABLE(k)
    {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            check_softmax(k, 5, sizes[s]);
        k->softmax(NULL, NULL, 0, 10);
    }
}

static void softmax_of_odd_numbers(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        float x[20], y[20], loss[2], d[20], g[2] = { 1, 1 };
        for (int i = 0; i < 20; i++)
            x[i] = i < 10 ? 1000.0f : -1e30f;
        k->softmax(x, y, 2, 10);
        for (int i = 0; i < 20; i++)
            assert_true(fabsf(y[i] - 0.1f) < 1e-7f);
        x[3] = NAN;
        x[11] = -INFINITY;
        k->softmax(x, y, 2, 10);
        for (int i = 0; i < 10; i++)
            assert_true(isnan(y[i]));
        assert_true(y[11] == 0 && fabsf(y[12] - 1.0f / 9) < 1e-7f);

        static const int64_t wrong[] = { -1, 10, INT64_MAX, INT64_MIN };
        for (int i = 0; i < 4; i++) {
            int64_t label[2] = { wrong[i], 2 };
            float z[20] = { 0 };
            k->sparse_ce(z, label, loss, 2, 10);
            k->sparse_ce_grad(z, label, g, d, 2, 10);
            assert_true(isnan(loss[0]) && isnan(d[0]) && isnan(d[9]));
            assert_true(fabsf(loss[1] - logf(10)) < 1e-6f && fabsf(d[12] + 0.9f) < 1e-6f);
        }
    }
}

/* ---- optimizers ---- */

enum { PARAMETERS = 77 };

/* Element by element in the element's own type, in the stated order: all tables must give these
 * very bits. */
#define CHECK_OPTIMIZERS(name, real, root, sgd, momentum, adam, amsgrad) \
    static void name(const kt_kernels *k) \
    { \
        real lr = (real)0.01, mu = (real)0.9, r1 = (real)(1 - 0.9), r2 = (real)(1 - 0.999), \
             eps = (real)1e-7; \
        guarded b[5]; \
        real *a[5], w[PARAMETERS], s[3][PARAMETERS]; \
        uint64_t seed = 3; \
        for (int i = 0; i < 5; i++) \
            a[i] = (b[i] = guarded_new(sizeof w)).data; \
        for (int kind = 0; kind < 5; kind++) { \
            for (int i = 0; i < PARAMETERS; i++) { \
                w[i] = a[0][i] = (real)noise(&seed); \
                s[0][i] = a[1][i] = (real)noise(&seed); \
                s[1][i] = a[2][i] = (real)fabs(noise(&seed)); \
                s[2][i] = a[3][i] = (real)fabs(noise(&seed)); \
                a[4][i] = (real)noise(&seed); \
            } \
            if (kind == 0) \
                k->sgd(PARAMETERS, a[0], a[4], lr); \
            else if (kind < 3) \
                k->momentum(PARAMETERS, a[0], a[1], a[4], lr, mu, kind == 2); \
            else if (kind == 3) \
                k->adam(PARAMETERS, a[0], a[1], a[2], a[4], lr, r1, r2, eps); \
            else \
                k->amsgrad(PARAMETERS, a[0], a[1], a[2], a[3], a[4], lr, r1, r2, eps); \
            for (int i = 0; i < PARAMETERS; i++) { \
                volatile real g = a[4][i], t, v = s[1][i], m = s[0][i]; \
                if (kind < 3) { \
                    t = g * lr; \
                    v = m * mu; \
                    v = v - t; \
                    m = kind == 1 ? v : v * mu; \
                    if (kind == 2) \
                        m = m - t; \
                    w[i] = kind ? w[i] + m : w[i] - t; \
                    assert_true(kind == 0 || a[1][i] == v); \
                } else { \
                    t = g - m; \
                    t = t * r1; \
                    m = m + t; \
                    t = g * g; \
                    t = t - v; \
                    t = t * r2; \
                    v = v + t; \
                    assert_true(a[1][i] == m && a[2][i] == v); \
                    if (kind == 4) \
                        v = s[2][i] > v ? s[2][i] : v; \
                    assert_true(kind == 3 || a[3][i] == v); \
                    t = root(v); \
                    t = t + eps; \
                    m = m * lr; \
                    m = m / t; \
                    w[i] = w[i] - m; \
                } \
                assert_true(a[0][i] == w[i]); \
            } \
        } \
        for (int i = 0; i < 5; i++) \
            guarded_free(&b[i]); \
    }
CHECK_OPTIMIZERS(check_optimizers, float, sqrtf, sgd, sgd_momentum, adam, adam_amsgrad)
CHECK_OPTIMIZERS(check_optimizers_f64, double, sqrt, sgd_f64, sgd_momentum_f64, adam_f64,
                 adam_amsgrad_f64)

static void optimizers(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        check_optimizers(k);
        check_optimizers_f64(k);
    }
}

/* ---- random numbers ---- */

static void random_numbers_are_philox(void **state)
{
    (void)state;
    enum { N = 300 };
    const uint64_t seed = 0x123456789abcdef0u, step = 0x500000007u;
    static const int64_t firsts[] = { 0, 1, 2, 3, 4, 63, 64, 65, 1000003, ((int64_t)1 << 34) - 77 };
    FOR_EACH_TABLE(k)
    {
        for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++)
            for (int64_t n = 0; n < N; n = n * 3 / 2 + 1) {
                guarded u = guarded_new((size_t)n * 4), x = guarded_new((size_t)n * 4),
                        z = guarded_new((size_t)n * 4);
                uint32_t *pu = u.data;
                float *px = x.data, *pz = z.data;
                k->random_u32(seed, 42, step, firsts[f], n, pu);
                k->random_uniform(seed, 42, step, firsts[f], n, px);
                k->random_normal(seed, 42, step, firsts[f], n, pz);
                for (int64_t i = 0; i < n; i++) {
                    uint64_t e = (uint64_t)(firsts[f] + i);
                    assert_int_equal(pu[i], kt_philox_u32(seed, 42, step, e));
                    assert_true(px[i] == (float)kt_philox_uniform(seed, 42, step, e));
                    double a = kt_philox_uniform(seed, 42, step, e & ~(uint64_t)1) + 1.0 / 16777216;
                    double b = kt_philox_uniform(seed, 42, step, e | 1) * 6.283185307179586;
                    double want = sqrt(-2 * log(a)) * (e & 1 ? sin(b) : cos(b));
                    assert_true(fabs(pz[i] - want) < 1e-6);
                }
                guarded_free(&u);
                guarded_free(&x);
                guarded_free(&z);
            }
    }
}

static void normal_numbers_are_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    float *z = malloc(N * sizeof *z);
    FOR_EACH_TABLE(k)
    {
        double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
        k->random_normal(7, 1, 1, 0, N, z);
        for (int i = 0; i < N; i++) {
            double v = z[i];
            m1 += v / N, m2 += v * v / N, m3 += v * v * v / N, m4 += v * v * v * v / N;
        }
        assert_true(fabs(m1) < 0.01 && fabs(m2 - 1) < 0.015 && fabs(m3) < 0.03 &&
                    fabs(m4 - 3) < 0.1);
    }
    free(z);
}

/* ---- moving data ---- */

static const size_t element_bytes[KT_EL_COUNT] = { 4, 8, 4, 8, 1, 1 };

static double element(const void *p, kt_element type, int i)
{
    switch (type) {
    case KT_EL_F32: return ((const float *)p)[i];
    case KT_EL_F64: return ((const double *)p)[i];
    case KT_EL_I32: return ((const int32_t *)p)[i];
    case KT_EL_I64: return (double)((const int64_t *)p)[i];
    default: return ((const uint8_t *)p)[i];
    }
}

static void conversions(void **state)
{
    (void)state;
    enum { N = 77 };
    FOR_EACH_TABLE(k)
    {
        for (int from = 0; from < KT_EL_COUNT; from++)
            for (int to = 0; to < KT_EL_COUNT; to++) {
                guarded x = guarded_new(N * element_bytes[from]),
                        y = guarded_new(N * element_bytes[to]);
                for (int i = 0; i < N; i++) {
                    int v = from == KT_EL_BOOL ? i % 2
                            : i % 5 == 0       ? 0
                            : from == KT_EL_U8 ? i * 3
                                               : i * 1000 - 30000;
                    if (to == KT_EL_U8 && from < KT_EL_U8)
                        v = i * 3;
                    if (from == KT_EL_F32)
                        ((float *)x.data)[i] = (float)v + (v > 0 ? 0.75f : 0);
                    else if (from == KT_EL_F64)
                        ((double *)x.data)[i] = v + (v > 0 ? 0.75 : 0);
                    else if (from == KT_EL_I32)
                        ((int32_t *)x.data)[i] = v;
                    else if (from == KT_EL_I64)
                        ((int64_t *)x.data)[i] = v;
                    else
                        ((uint8_t *)x.data)[i] = (uint8_t)v;
                }
                k->convert[to][from](x.data, y.data, N);
                k->convert[to][from](x.data, y.data, 0);
                for (int i = 0; i < N; i++) {
                    double v = element(x.data, (kt_element)from, i), want = v;
                    if (to == KT_EL_BOOL)
                        want = v != 0;
                    else if (to >= KT_EL_I32)
                        want = trunc(v);
                    if (element(y.data, (kt_element)to, i) != want)
                        fail_msg("%s: type %d to %d of %g gave %g", k->name, from, to, v,
                                 element(y.data, (kt_element)to, i));
                }
                guarded_free(&x);
                guarded_free(&y);
            }
    }
}

static void conversions_saturate(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        float f[42], odd[5] = { NAN, INFINITY, -INFINITY, 3e9f, -1e30f };
        double d[42];
        int32_t i32[40];
        int64_t i64[40];
        uint8_t u8[40];
        for (int i = 0; i < 40; i++)
            d[i] = f[i] = odd[i % 5];
        for (int wide = 0; wide < 2; wide++) {
            kt_element from = wide ? KT_EL_F64 : KT_EL_F32;
            const void *x = wide ? (const void *)d : (const void *)f;
            k->convert[KT_EL_I32][from](x, i32, 40);
            k->convert[KT_EL_I64][from](x, i64, 40);
            k->convert[KT_EL_U8][from](x, u8, 40);
            for (int i = 0; i < 40; i++) {
                int o = i % 5;
                assert_int_equal(i32[i], o == 0 ? 0 : o == 1 || o == 3 ? INT32_MAX : INT32_MIN);
                assert_true(i64[i] == (o == 0   ? 0
                                       : o == 1 ? INT64_MAX
                                       : o == 3 ? 3000000000
                                                : INT64_MIN));
                assert_int_equal(u8[i], o == 1 || o == 3 ? 255 : 0);
            }
        }
        f[40] = 2147483648.0f, f[41] = -2147483648.0f; /* the bounds themselves */
        k->convert[KT_EL_I32][KT_EL_F32](f + 40, i32, 2);
        assert_true(i32[0] == INT32_MAX && i32[1] == INT32_MIN);
        f[40] = 256, f[41] = 255;
        k->convert[KT_EL_U8][KT_EL_F32](f + 40, u8, 2);
        assert_true(u8[0] == 255 && u8[1] == 255);
        d[40] = 9223372036854775808.0, d[41] = -9223372036854775808.0;
        k->convert[KT_EL_I64][KT_EL_F64](d + 40, i64, 2);
        assert_true(i64[0] == INT64_MAX && i64[1] == INT64_MIN);
        int64_t big[3] = { 0x1234567890, -1, 300 };
        k->convert[KT_EL_I32][KT_EL_I64](big, i32, 3);
        assert_int_equal(i32[0], 0x34567890);
        assert_int_equal(i32[1], -1);
        k->convert[KT_EL_U8][KT_EL_I64](big, u8, 3);
        assert_int_equal(u8[2], 44);
        uint8_t stranger[2] = { 7, 0 }, truth[2];
        k->convert[KT_EL_BOOL][KT_EL_BOOL](stranger, truth, 2);
        assert_true(truth[0] == 1 && truth[1] == 0);
    }
}

static void transposes(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 50, 67 };
    enum { N = sizeof sizes / sizeof *sizes };
    FOR_EACH_TABLE(k)
    {
        for (int bytes = 1; bytes <= 8; bytes = bytes == 1 ? 4 : bytes * 2)
            for (int a = 0; a < N; a++)
                for (int b = 0; b < N; b++) {
                    int64_t rows = sizes[a], cols = sizes[b], xs = cols + a % 3, ys = rows + b % 3;
                    guarded x = guarded_new((size_t)((rows - 1) * xs + cols) * (size_t)bytes);
                    guarded y = guarded_new((size_t)((cols - 1) * ys + rows) * (size_t)bytes);
                    unsigned char *px = x.data, *py = y.data;
                    for (int64_t i = 0; i < ((rows - 1) * xs + cols) * bytes; i++)
                        px[i] = (unsigned char)(i * 37 + i / 251);
                    memset(py, 0xee, (size_t)((cols - 1) * ys + rows) * (size_t)bytes);
                    k->transpose(px, xs, py, ys, rows, cols, bytes);
                    for (int64_t j = 0; j < cols; j++)
                        for (int64_t i = 0; i < ys && j * ys + i < (cols - 1) * ys + rows; i++)
                            for (int q = 0; q < bytes; q++)
                                assert_int_equal(py[(j * ys + i) * bytes + q],
                                                 i < rows ? px[(i * xs + j) * bytes + q] : 0xee);
                    guarded_free(&x);
                    guarded_free(&y);
                }
    }
}

static void gathers(void **state)
{
    (void)state;
    const float x[3][2] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
    const int64_t index[] = { 2, 0, -1, -3, 3, -4, INT64_MAX, INT64_MIN };
    FOR_EACH_TABLE(k)
    {
        float y[8][2];
        memset(y, 0x55, sizeof y);
        assert_int_equal(k->gather_rows(x, sizeof x[0], 3, index, 8, y), 4);
        const float want[8][2] = { { 5, 6 }, { 1, 2 }, { 5, 6 }, { 1, 2 } };
        assert_memory_equal(y, want, sizeof y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions),
        cmocka_unit_test(maxima_propagate_nan),
        cmocka_unit_test(long_sums_stay_exact),
        cmocka_unit_test(sums_keep_the_stated_order),
        cmocka_unit_test(softmax_family),
        cmocka_unit_test(softmax_of_odd_numbers),
        cmocka_unit_test(optimizers),
        cmocka_unit_test(random_numbers_are_philox),
        cmocka_unit_test(normal_numbers_are_normal),
        cmocka_unit_test(conversions),
        cmocka_unit_test(conversions_saturate),
        cmocka_unit_test(transposes),
        cmocka_unit_test(gathers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
