/* SPDX-License-Identifier: MIT */
/* random.c: random float32 tensors by the vector Philox; float64 ones go to the reference kernels.
 *
 * uniform and bernoulli give the reference kernels' bits (rounded to float32 where those are
 * wider), the normal ones agree within the error of the float32 logarithm and sine. An element
 * depends on its place alone, so any cut into chunks gives the same.
 */
#include <math.h>

#include "backends/cpu/cpu.h"
#include "ops/ops.h"

enum { CHUNK = 16384, PIECE = 256 };

typedef struct random_run {
    const kt_run *r;
    const kt_kernels *kernels;
    int64_t count;
    uint64_t seed, step;
    uint32_t stream;
} random_run;

static bool random_accept(const kt_step_info *info)
{
    return info->out[0]->dtype == KT_FLOAT32;
}

/* In double, as the reference does, then rounded once; rounding must not reach the maximum. */
static void scale_uniform(float *y, int64_t n, double min, double max)
{
    float top = (float)max, below = nextafterf(top, (float)min);
    for (int64_t i = 0; i < n; i++) {
        float v = (float)(min + (max - min) * (double)y[i]);
        y[i] = v >= top ? below : v;
    }
}

static void scale_normal(float *y, int64_t n, double mean, double stddev)
{
    for (int64_t i = 0; i < n; i++) y[i] = (float)(mean + stddev * (double)y[i]);
}

/* What lies beyond two standard deviations is drawn again under the next key. */
static void draw_again(const random_run *q, float *y, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t seed = q->seed;
        for (int again = 0; fabsf(y[i]) > 2 && again < 64; again++) {
            seed += 0x9E3779B97F4A7C15u;
            q->kernels->random_normal(seed, q->stream, q->step, first + i, 1, &y[i]);
        }
        if (fabsf(y[i]) > 2) y[i] = 0;
    }
}

static void random_chunk(void *arg, int64_t chunk, int thread)
{
    const random_run *q = arg;
    const double *s = q->r->slots;
    float *out = kt_run_address_out(q->r, 0);
    int64_t end = (chunk + 1) * CHUNK < q->count ? (chunk + 1) * CHUNK : q->count;
    (void)thread;
    for (int64_t first = chunk * CHUNK; first < end; first += PIECE) {
        int64_t n = end - first < PIECE ? end - first : PIECE;
        float *y = out + first;
        int op = q->r->op->id;
        if (op == KT_OP_ID_random_uniform || op == KT_OP_ID_random_bernoulli) {
            q->kernels->random_uniform(q->seed, q->stream, q->step, first, n, y);
            if (op == KT_OP_ID_random_uniform) scale_uniform(y, n, s[0], s[1]);
            else
                for (int64_t i = 0; i < n; i++) y[i] = (double)y[i] < s[0] ? 1.0f : 0.0f;
            continue;
        }
        q->kernels->random_normal(q->seed, q->stream, q->step, first, n, y);
        if (op == KT_OP_ID_random_truncated_normal) draw_again(q, y, first, n);
        scale_normal(y, n, s[0], s[1]);
    }
}

static kt_status random_run_all(kt_run *r)
{
    const double *place = r->slots + (r->op->id == KT_OP_ID_random_bernoulli ? 1 : 2);
    /* place: stream, step */
    random_run q = { .r = r,
                     .kernels = kt_cpu_of(r->kt)->kernels,
                     .count = kt_count(r),
                     .seed = kt_run_seed(r),
                     .step = (uint64_t)place[1],
                     .stream = (uint32_t)place[0] };
    kt_cpu_chunks(r, q.count >= 2 * CHUNK, random_chunk, &q, (q.count + CHUNK - 1) / CHUNK);
    return KT_OK;
}

const kt_provider kt_cpu_random[] = {
    { .name = "philox", .accept = random_accept, .run = random_run_all },
    { 0 },
};
