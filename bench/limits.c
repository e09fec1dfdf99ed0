/* SPDX-License-Identifier: MIT */
/*
 * What this machine allows: the limit beside which the figures of the bench stand.
 *
 *   limits THREADS          build: cc -std=c17 -O3 -fno-math-errno -pthread limits.c -lm
 *
 * Measured first: multiply-adds per second in the inner loop of a matrix product, loads included,
 * operands in the first-level cache; bytes read per second from the first-level cache and from main
 * memory; the arithmetic of one Adam update at the parameter counts of the models. Each is the best
 * of many short samples, for a limit is what the machine can do, not what it did. Threads run at
 * the same time, each on its own data, and never wait for each other.
 *
 * Computed from that, per bench: the products' multiply-adds at peak, or their bytes where these
 * take longer, plus the update, plus what must come from main memory. Activations, losses, copies
 * and synchronisation cost nothing here, so no program reaches these figures; how near it comes is
 * what they are for.
 *
 * The code for each instruction set is chosen at run time, so that one binary runs everywhere.
 */
#include "peers/bench.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { DEPTH = 256, MAX_THREADS = 256, SAMPLES = 60 };

/* Every kernel is one `work`: do it `count` times on the worker's own memory. */
typedef struct worker {
    float *p[4];   /* aligned to 64 bytes */
    int64_t n;     /* floats in each */
    int64_t count; /* repetitions a sample */
    double us;     /* out: best sample, for `count` repetitions */
    float sink;
    void (*work)(struct worker *);
    pthread_barrier_t *together;
} worker;

/* ---- Multiply-adds of a register tile, c += a b', over DEPTH ------------- */

typedef struct { /* one instruction set's kernels, and the tile of its product */
    const char *name;
    int rows, columns;
    void (*product)(worker *), (*adam)(worker *), (*read)(worker *);
} isa;

/* Keras's Adam: 28 bytes a parameter, a root and a division. The compiler makes the vectors. */
static inline __attribute__((always_inline)) void adam_body(worker *w)
{
    float *restrict x = w->p[0], *restrict m = w->p[1], *restrict v = w->p[2];
    const float *restrict g = w->p[3];
    const float rate = 1e-3f, epsilon = 1e-7f, b1 = 0.1f, b2 = 0.001f;
    for (int64_t c = 0; c < w->count; c++) {
        for (int64_t i = 0; i < w->n; i++) {
            m[i] += (g[i] - m[i]) * b1;
            v[i] += (g[i] * g[i] - v[i]) * b2;
            x[i] -= m[i] * rate / (sqrtf(v[i]) + epsilon);
        }
        __asm__ volatile("" ::: "memory"); /* the next repetition reads memory again */
    }
}

/* The compiler splits these where registers are shorter. */
typedef uint64_t lanes __attribute__((vector_size(64), may_alias));

static inline __attribute__((always_inline)) void read_body(worker *w)
{
    lanes even = { 0 }, odd = { 0 }; /* two chains of sums, for two loads a cycle */
    for (int64_t c = 0; c < w->count; c++) {
        const lanes *p = (const lanes *)(const void *)w->p[0];
        for (int64_t i = 0; i < w->n / 16; i += 2) {
            even += p[i];
            odd += p[i + 1];
        }
        __asm__ volatile("" ::: "memory");
    }
    even += odd;
    w->sink = (float)even[0];
}

static void adam_portable(worker *w) { adam_body(w); }
static void read_portable(worker *w) { read_body(w); }

/* 4 x 4: what the registers of any machine hold. */
static void product_portable(worker *w)
{
    float sum = 0;
    for (int64_t c = 0; c < w->count; c++) {
        const float *restrict a = w->p[0], *restrict b = w->p[1];
        float t[4][4] = { { 0 } };
        for (int k = 0; k < DEPTH; k++, a += 4, b += 4)
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++) t[i][j] += a[i] * b[j];
        for (int i = 0; i < 16; i++) sum += t[i / 4][i % 4];
    }
    w->sink = sum;
}

#if defined(__x86_64__)

/* Accumulators have names, because compilers keep arrays of vectors in memory. A row of the tile is
 * one broadcast of a and two multiply-adds: ROW(3) is c30 += a[3] b0, c31 += a[3] b1. */
#define AVX2 __attribute__((target("avx2,fma")))
#define START(i) __m256 c##i##0 = zero, c##i##1 = zero;
#define ROW(i)                                      \
    {                                               \
        __m256 s = _mm256_broadcast_ss(a + i);      \
        c##i##0 = _mm256_fmadd_ps(s, b0, c##i##0);  \
        c##i##1 = _mm256_fmadd_ps(s, b1, c##i##1);  \
    }
#define KEEP(i) sum = _mm256_add_ps(sum, _mm256_add_ps(c##i##0, c##i##1));
#define ROWS6(X) X(0) X(1) X(2) X(3) X(4) X(5)

AVX2 static void adam_avx2(worker *w) { adam_body(w); }
AVX2 static void read_avx2(worker *w) { read_body(w); }

AVX2 static void product_avx2(worker *w) /* 6 x 16 */
{
    const __m256 zero = _mm256_setzero_ps();
    __m256 sum = zero;
    for (int64_t c = 0; c < w->count; c++) {
        const float *a = w->p[0], *b = w->p[1];
        ROWS6(START)
        for (int k = 0; k < DEPTH; k++, a += 6, b += 16) {
            __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
            ROWS6(ROW)
        }
        ROWS6(KEEP)
    }
    w->sink = sum[0];
}

#undef START
#undef ROW
#undef KEEP

#define AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma")))
#define START(i) __m512 c##i##0 = zero, c##i##1 = zero;
#define ROW(i)                                      \
    {                                               \
        __m512 s = _mm512_set1_ps(a[i]);            \
        c##i##0 = _mm512_fmadd_ps(s, b0, c##i##0);  \
        c##i##1 = _mm512_fmadd_ps(s, b1, c##i##1);  \
    }
#define KEEP(i) sum = _mm512_add_ps(sum, _mm512_add_ps(c##i##0, c##i##1));
#define ROWS14(X) ROWS6(X) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

AVX512 static void adam_avx512(worker *w) { adam_body(w); }
AVX512 static void read_avx512(worker *w) { read_body(w); }

AVX512 static void product_avx512(worker *w) /* 14 x 32 */
{
    const __m512 zero = _mm512_setzero_ps();
    __m512 sum = zero;
    for (int64_t c = 0; c < w->count; c++) {
        const float *a = w->p[0], *b = w->p[1];
        ROWS14(START)
        for (int k = 0; k < DEPTH; k++, a += 14, b += 32) {
            __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + 16);
            ROWS14(ROW)
        }
        ROWS14(KEEP)
    }
    w->sink = sum[0];
}

#endif

static isa best_isa(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return (isa){ "AVX-512", 14, 32, product_avx512, adam_avx512, read_avx512 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (isa){ "AVX2", 6, 16, product_avx2, adam_avx2, read_avx2 };
#endif
    return (isa){ "portable", 4, 4, product_portable, adam_portable, read_portable };
}

/* ---- Measuring ----------------------------------------------------------- */

static void *sample(void *arg)
{
    worker *w = arg;
    w->us = HUGE_VAL;
    for (int s = 0; s < SAMPLES; s++) {
        pthread_barrier_wait(w->together);
        double start = bench_now();
        w->work(w);
        double us = bench_now() - start;
        if (s > 0 && us < w->us) w->us = us; /* the first one touches the memory */
    }
    return NULL;
}

/* Microseconds that `threads` workers need at once for one repetition of `work`, each on its own
 * arrays of n floats. */
static double measure(int threads, void (*work)(worker *), int arrays, int64_t n, int64_t count)
{
    static worker all[MAX_THREADS];
    static pthread_t id[MAX_THREADS];
    pthread_barrier_t together;
    double worst = 0;
    if (pthread_barrier_init(&together, NULL, (unsigned)threads)) exit(1);
    n = (n + 31) / 32 * 32;
    for (int t = 0; t < threads; t++) {
        all[t] = (worker){ .n = n, .count = count, .work = work, .together = &together };
        for (int i = 0; i < arrays; i++) {
            all[t].p[i] = aligned_alloc(64, (size_t)n * sizeof(float));
            if (!all[t].p[i]) exit(1);
            for (int64_t k = 0; k < n; k++) all[t].p[i][k] = 0.5f + 1e-3f * (float)(k % 7);
        }
    }
    for (int t = 1; t < threads; t++)
        if (pthread_create(&id[t], NULL, sample, &all[t])) exit(1);
    sample(&all[0]);
    for (int t = 1; t < threads; t++) pthread_join(id[t], NULL);
    for (int t = 0; t < threads; t++) {
        if (all[t].us > worst) worst = all[t].us;
        for (int i = 0; i < arrays; i++) free(all[t].p[i]);
    }
    pthread_barrier_destroy(&together);
    return worst / (double)count;
}

/* ---- From measures to limits --------------------------------------------- */

typedef struct {
    double mads;       /* multiply-adds a microsecond */
    double near, far;  /* bytes read a microsecond: first-level cache, main memory */
    int threads;
    const isa *set;
} machine;

static machine measured(int threads, const isa *set)
{
    machine m = { .threads = threads, .set = set };
    int64_t panel = (int64_t)DEPTH * (set->rows > set->columns ? set->rows : set->columns);
    double tile = (double)DEPTH * set->rows * set->columns;
    int64_t far = 16 << 20, near = 4 << 10; /* floats a thread: 64 MiB and 16 KiB */

    m.mads = threads * tile / measure(threads, set->product, 2, panel, 100);
    m.near = threads * 4.0 * (double)near / measure(threads, set->read, 1, near, 500);
    m.far = threads * 4.0 * (double)far / measure(threads, set->read, 1, far, 1);
    return m;
}

static double adam_us(const machine *m, int64_t parameters)
{
    int64_t share = (parameters + m->threads - 1) / m->threads;
    return measure(m->threads, m->set->adam, 4, share, 100000 / share + 1);
}

typedef struct { /* layers of units, the input first */
    const char *bench;
    int units[5], layers, batch;
    int trains;
    int rows; /* of a whole epoch; 0: one step */
} model;

static const model models[] = {
    { "tiny_b32", { 10, 64, 1 }, 2, 32, 1, 0 },
    { "tiny_b1", { 10, 64, 1 }, 2, 1, 1, 0 },
    { "tiny_predict", { 10, 64, 1 }, 2, 1, 0, 0 },
    { "mlp_b128", { 784, 512, 512, 10 }, 3, 128, 1, 0 },
    { "mnist_epoch", { 784, 512, 512, 10 }, 3, 128, 1, 60000 },
};

static double limit(const machine *m, const model *net)
{
    double mads = 0, bytes = 0, us, rows = net->rows ? net->rows : net->batch;
    int64_t parameters = 0;
    for (int i = 0; i < net->layers; i++) {
        double weights = (double)net->units[i] * net->units[i + 1];
        int products = !net->trains ? 1 : i == 0 ? 2 : 3; /* forward, dW, and dX but the first */
        mads += products * weights * rows;
        bytes += products * weights * 4 * (rows / net->batch);
        parameters += (int64_t)net->units[i] * net->units[i + 1] + net->units[i + 1];
    }
    us = fmax(mads / m->mads, bytes / m->near);
    if (net->trains) us += adam_us(m, parameters) * ceil(rows / net->batch);
    if (net->rows) us += rows * net->units[0] * 4 / m->far; /* the data, read once */
    return us;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (threads < 1 || threads > MAX_THREADS) return 2;
    isa set = best_isa();
    machine one = measured(1, &set), all = threads > 1 ? measured(threads, &set) : one;

    printf("{\"machine\":\"%s\",\"threads\":%d,\"gflops\":%.1f,\"near_gb_s\":%.1f,"
           "\"far_gb_s\":%.1f}\n", set.name, threads, all.mads * 2e-3, all.near * 1e-3,
           all.far * 1e-3);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        bench b = { 0 };
        bench_add(&b, limit(&all, &models[i]));
        bench_print(&b, models[i].bench, threads, "limit", set.name);
    }
    return 0;
}
