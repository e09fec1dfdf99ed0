/* SPDX-License-Identifier: MIT */
/* Products of the CPU kernels against loops in double: all layouts, all epilogues, every small
 * shape's edges, several chunks, bits that do not depend on who runs which chunk when. */
#include "kernels_common.h"

typedef struct product {
    int64_t m, n, k;
    bool a_transposed, b_transposed;
    int64_t gap; /* extra elements in each row of A, B and C */
    unsigned flags;
} product;

static void fail_product(const kt_kernels *k, const product *p, bool f64, int64_t i, int64_t j,
                         double got, double want)
{
    fail_msg(
        "%s %s (%lld, %lld, %lld)%s%s gap %lld flags %u at (%lld, %lld): got %.9g, expected %.9g",
        k->name, f64 ? "f64" : "f32", (long long)p->m, (long long)p->n, (long long)p->k,
        p->a_transposed ? " A'" : "", p->b_transposed ? " B'" : "", (long long)p->gap, p->flags,
        (long long)i, (long long)j, got, want);
}

/* The buffers of one product in float and double; the same numbers in both. */
typedef struct operands {
    guarded a, b, c, bias, scratch;
    int64_t lda, ldb, ldc;
} operands;

static int64_t extent(int64_t rows, int64_t cols, int64_t ld)
{
    return rows && cols ? (rows - 1) * ld + cols : 0;
}

#define AT(buffer, f64, i) \
    ((f64) ? ((double *)(buffer).data)[i] : (double)((float *)(buffer).data)[i])

static void put_number(guarded *g, bool f64, int64_t i, double x)
{
    if (f64)
        ((double *)g->data)[i] = x;
    else
        ((float *)g->data)[i] = (float)x;
}

static kt_gemm plan(const product *p, operands *o)
{
    int64_t a_cols = p->a_transposed ? p->m : p->k, b_cols = p->b_transposed ? p->k : p->n;
    o->lda = a_cols + p->gap;
    o->ldb = b_cols + p->gap;
    o->ldc = p->n + p->gap;
    return (kt_gemm){
        .m = p->m, .n = p->n, .k = p->k, .ldc = o->ldc, .flags = p->flags,
        .a_rs = p->a_transposed ? 1 : o->lda, .a_cs = p->a_transposed ? o->lda : 1,
        .b_rs = p->b_transposed ? 1 : o->ldb, .b_cs = p->b_transposed ? o->ldb : 1,
    };
}

static void check(const kt_kernels *k, const product *p, bool f64)
{
    operands o;
    kt_gemm g = plan(p, &o);
    size_t size = f64 ? 8 : 4;
    int64_t a_rows = p->a_transposed ? p->k : p->m, b_rows = p->b_transposed ? p->n : p->k;
    int64_t na = extent(a_rows, o.lda - p->gap, o.lda), nb = extent(b_rows, o.ldb - p->gap, o.ldb);
    int64_t nc = extent(p->m, p->n, o.ldc);
    o.a = guarded_new((size_t)na * size);
    o.b = guarded_new((size_t)nb * size);
    o.c = guarded_new((size_t)nc * size);
    o.bias = guarded_new((size_t)p->n * size);
    uint64_t seed = (uint64_t)(p->m * 1000003 + p->n * 1009 + p->k);
    for (int64_t i = 0; i < na; i++)
        put_number(&o.a, f64, i, noise(&seed));
    for (int64_t i = 0; i < nb; i++)
        put_number(&o.b, f64, i, noise(&seed));
    for (int64_t i = 0; i < p->n; i++)
        put_number(&o.bias, f64, i, noise(&seed));
    for (int64_t i = 0; i < nc; i++)
        put_number(&o.c, f64, i, 0.5 + (double)(i % 7)); /* also the gaps, which must stay */

    (f64 ? k->gemm_prepare_f64 : k->gemm_prepare)(&g);
    o.scratch = guarded_new((g.scratch_bytes + 63) / 64 * 64);
    for (int64_t chunk = g.chunks - 1; chunk >= 0; chunk--) /* any order is fine */
        if (f64)
            k->gemm_run_f64(&g, o.a.data, o.b.data, o.c.data,
                            p->flags & KT_GEMM_BIAS ? o.bias.data : NULL, o.scratch.data, chunk);
        else
            k->gemm_run(&g, o.a.data, o.b.data, o.c.data,
                        p->flags & KT_GEMM_BIAS ? o.bias.data : NULL, o.scratch.data, chunk);

    double unit = f64 ? 1.2e-16 : 6e-8;
    int64_t step = p->m * p->n * p->k > 2000000 ? 37 : 1;
    for (int64_t at = 0; at < nc; at += step) {
        int64_t i = at / o.ldc, j = at % o.ldc;
        double got = AT(o.c, f64, at), before = 0.5 + (double)(at % 7), want = before, sizes = 0;
        if (j < p->n) {
            want = 0;
            for (int64_t q = 0; q < p->k; q++) {
                double t = AT(o.a, f64, i * g.a_rs + q * g.a_cs) *
                           AT(o.b, f64, q * g.b_rs + j * g.b_cs);
                want += t;
                sizes += fabs(t);
            }
            if (p->flags & KT_GEMM_ADD)
                want += before, sizes += before;
            if (p->flags & KT_GEMM_BIAS)
                want += AT(o.bias, f64, j), sizes += 1;
            if (p->flags & KT_GEMM_RELU)
                want = want > 0 ? want : 0;
        }
        if (!(fabs(got - want) <= unit * (4 + 0.5 * (double)p->k) * (sizes + (double)(p->k == 0))))
            fail_product(k, p, f64, i, j, got, want);
    }
    guarded_free(&o.a);
    guarded_free(&o.b);
    guarded_free(&o.c);
    guarded_free(&o.bias);
    guarded_free(&o.scratch);
}

static void check_layouts(const kt_kernels *k, int64_t m, int64_t n, int64_t kk, int64_t gap,
                          unsigned flags)
{
    for (int layout = 0; layout < 4; layout++) {
        product p = { m, n, kk, layout & 1, layout & 2, gap, flags };
        check(k, &p, false);
        check(k, &p, true);
    }
}

static void small_shapes(void **state)
{
    (void)state;
    static const unsigned flags[] = {
        0, KT_GEMM_ADD, KT_GEMM_BIAS, KT_GEMM_RELU, KT_GEMM_BIAS | KT_GEMM_RELU, 7
    };
    FOR_EACH_TABLE(k)
    {
        for (int64_t m = 1; m <= 40; m += m < 4 ? 1 : 3)
            for (int64_t n = 1; n <= 40; n += n < 4 ? 1 : 3)
                for (int64_t q = 1; q <= 40; q += q < 4 ? 1 : 5)
                    check_layouts(k, m, n, q, (m + n + q) % 3, flags[(m * 7 + n * 3 + q) % 6]);
    }
}

static void vector_edges(void **state)
{
    (void)state;
    static const int64_t edge[] = { 1,  2,  5,  6,  7,  14, 15, 16, 17, 28,
                                    31, 32, 33, 47, 48, 49, 63, 64, 65, 100 };
    enum { N = sizeof edge / sizeof *edge };
    FOR_EACH_TABLE(k)
    {
        for (int m = 0; m < N; m += 2)
            for (int n = 0; n < N; n++)
                check_layouts(k, edge[m], edge[n], edge[(m * 5 + n * 3) % N], 0,
                              (unsigned)(m + n) % 8);
    }
}

static void many_blocks_and_chunks(void **state)
{
    (void)state;
    static const int64_t shape[][3] = { { 32, 128, 784 },  { 128, 512, 300 }, { 70, 520, 513 },
                                        { 515, 70, 129 },  { 1, 3000, 200 },  { 3000, 1, 200 },
                                        { 2000, 10, 100 }, { 3, 700, 700 },   { 1, 1, 5000 },
                                        { 300, 1030, 64 }, { 1000, 500, 1 } };
    FOR_EACH_TABLE(k)
    {
        for (size_t s = 0; s < sizeof shape / sizeof *shape; s++)
            check_layouts(k, shape[s][0], shape[s][1], shape[s][2], 0, s % 2 ? 0 : KT_GEMM_ADD);
        check_layouts(k, 64, 1100, 1024, 0, 0);  /* strides of whole pages: A is packed */
        check_layouts(k, 600, 1024, 300, 0, KT_GEMM_BIAS | KT_GEMM_RELU);
    }
}

static void empty_shapes(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        check_layouts(k, 0, 5, 3, 0, 0);
        check_layouts(k, 5, 0, 3, 0, 0);
        check_layouts(k, 5, 7, 0, 0, 0); /* zeros */
        check_layouts(k, 5, 37, 0, 0, 7);
        check_layouts(k, 1, 1, 0, 0, KT_GEMM_BIAS);
        check_layouts(k, 1, 40, 0, 0, KT_GEMM_ADD);
    }
}

/* relu keeps NaN, makes -0 and negative numbers +0. */
static void relu_of_odd_numbers(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int64_t n = 1; n <= 40; n += 13) {
            float a[2] = { 1, 0 }, b[80], c[40];
            for (int64_t j = 0; j < n; j++) {
                b[j] = j % 3 == 0 ? NAN : j % 3 == 1 ? -0.0f : -3.0f;
                b[n + j] = 0;
            }
            kt_gemm g = { .m = 1,
                          .n = n,
                          .k = 2,
                          .a_rs = 2,
                          .a_cs = 1,
                          .b_rs = n,
                          .b_cs = 1,
                          .ldc = n,
                          .flags = KT_GEMM_RELU };
            k->gemm_prepare(&g);
            assert_int_equal(g.scratch_bytes, 0);
            for (int64_t i = 0; i < g.chunks; i++)
                k->gemm_run(&g, a, b, c, NULL, NULL, i);
            for (int64_t j = 0; j < n; j++)
                assert_true(j % 3 == 0 ? isnan(c[j]) : c[j] == 0 && !signbit(c[j]));
        }
    }
}

/* A product fused with its epilogue has the bits of the separate steps. */
static void epilogue_does_not_change_bits(void **state)
{
    (void)state;
    enum { M = 33, N = 45, K = 70 };
    static float a[M * K], b[K * N], bias[N], plain[M * N], fused[M * N];
    uint64_t seed = 5;
    for (int i = 0; i < M * K; i++)
        a[i] = (float)noise(&seed);
    for (int i = 0; i < K * N; i++)
        b[i] = (float)noise(&seed);
    for (int i = 0; i < N; i++)
        bias[i] = (float)noise(&seed);
    FOR_EACH_TABLE(k)
    {
        kt_gemm g = {
            .m = M, .n = N, .k = K, .a_rs = K, .a_cs = 1, .b_rs = N, .b_cs = 1, .ldc = N
        };
        k->gemm_prepare(&g);
        guarded scratch = guarded_new(g.scratch_bytes + 64);
        for (int64_t i = 0; i < g.chunks; i++)
            k->gemm_run(&g, a, b, plain, NULL, scratch.data, i);
        g.flags = KT_GEMM_BIAS | KT_GEMM_RELU;
        k->gemm_prepare(&g);
        for (int64_t i = 0; i < g.chunks; i++)
            k->gemm_run(&g, a, b, fused, bias, scratch.data, i);
        for (int i = 0; i < M * N; i++) {
            float y = plain[i] + bias[i % N];
            y = y > 0 ? y : 0;
            assert_memory_equal(&y, &fused[i], sizeof y);
        }
        guarded_free(&scratch);
    }
}

static void unknown_tables(void **state)
{
    (void)state;
    assert_null(kt_kernels_choose("sse9"));
    assert_null(kt_kernels_choose(""));
    assert_non_null(kt_kernels_choose("portable"));
    const kt_kernels *best = kt_kernels_choose(NULL);
    assert_non_null(best);
    assert_ptr_equal(best, kt_kernels_choose(best->name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_tables),
        cmocka_unit_test(small_shapes),
        cmocka_unit_test(vector_edges),
        cmocka_unit_test(many_blocks_and_chunks),
        cmocka_unit_test(empty_shapes),
        cmocka_unit_test(relu_of_odd_numbers),
        cmocka_unit_test(epilogue_does_not_change_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
