/* SPDX-License-Identifier: MIT */
/* ops/random.c: random tensors. Element i is a pure function of (seed, stream, step, i), by Philox
 * 4x32-10 (base/philox.h).
 *
 * The stream names the place in the program (layer path, call, draw), the step counts executed
 * training steps; both are the last two slots of the row, so a replayed plan draws new numbers and
 * a resumed training the same ones. Definitions, which fast kernels repeat:
 * - uniform: min + (max - min) u, u = 24 bits of word i; never max
 * - normal: Box-Muller on the pair of words 2j, 2j + 1 (a, b: their upper 24 bits), radius
 *   sqrt(-2 ln((a + 1) / 2^24)), angle 2 pi b / 2^24; even elements take the cosine, odd the sine
 * - truncated normal: the first of the normals under the keys seed, seed + G, seed + 2 G... that
 *   lies within two standard deviations
 * - bernoulli: u < p
 */
#include <math.h>

#include "base/philox.h"
#include "ops/ops.h"

/* ---- recording ---- */

static kt_tensor *draw(kt_context *kt, const kt_op *op, kt_dtype dtype, const kt_shape *shape,
                       double first, double second)
{
    if (kt_check_shape(kt, op->name, dtype, shape) != KT_OK) return NULL;
    kt_random_attr a = { .dtype = (int64_t)dtype, .rank = shape->rank };
    for (int i = 0; i < shape->rank; i++) a.dim[i] = shape->dim[i];
    double slots[4] = { first, second }, *place = slots + op->n_slots - 2;
    place[0] = (double)kt_next_stream(kt);
    place[1] = (double)kt->random_step;
    return kt_record(kt, op, NULL, 0, &a, slots);
}

static kt_tensor *uniform(kt_context *kt, kt_dtype dtype, kt_shape shape, double min, double max)
{
    if (!(min <= max) || !isfinite(max - min))
        return kt_op_fail(kt, &kt_op_random_uniform, KT_ERR_VALUE,
                          "expected finite min <= max, got %g and %g", min, max);
    return draw(kt, &kt_op_random_uniform, dtype, &shape, min, max);
}

static kt_tensor *bernoulli(kt_context *kt, kt_dtype dtype, kt_shape shape, double p)
{
    if (!(p >= 0 && p <= 1))
        return kt_op_fail(kt, &kt_op_random_bernoulli, KT_ERR_VALUE,
                          "expected a probability from 0 to 1, got %g", p);
    return draw(kt, &kt_op_random_bernoulli, dtype, &shape, p, 0);
}

static kt_tensor *normal(const kt_op *op, kt_context *kt, kt_shape shape, double mean,
                         double stddev)
{
    if (!kt) return NULL;
    if (!(stddev >= 0) || !isfinite(stddev) || !isfinite(mean))
        return kt_op_fail(
            kt, op, KT_ERR_VALUE,
            "expected a finite mean and a standard deviation of 0 or more, got %g and %g", mean,
            stddev);
    return draw(kt, op, kt_floatx(kt), &shape, mean, stddev);
}

kt_tensor *kt_random_uniform(kt_context *kt, kt_shape shape, double min, double max)
{
    return kt ? uniform(kt, kt_floatx(kt), shape, min, max) : NULL;
}

kt_tensor *kt_random_normal(kt_context *kt, kt_shape shape, double mean, double stddev)
{
    return normal(&kt_op_random_normal, kt, shape, mean, stddev);
}

kt_tensor *kt_random_truncated_normal(kt_context *kt, kt_shape shape, double mean, double stddev)
{
    return normal(&kt_op_random_truncated_normal, kt, shape, mean, stddev);
}

kt_tensor *kt_random_bernoulli(kt_context *kt, kt_shape shape, double p)
{
    return kt ? bernoulli(kt, kt_floatx(kt), shape, p) : NULL;
}

static kt_dtype float_of(const kt_tensor *x)
{
    return kt_is_float(x->desc.dtype) ? x->desc.dtype : kt_floatx(x->node->kt);
}

kt_tensor *kt_random_uniform_like(kt_tensor *x, double min, double max)
{
    return x ? uniform(x->node->kt, float_of(x), kt_shape_of(&x->desc), min, max) : NULL;
}

kt_tensor *kt_random_bernoulli_like(kt_tensor *x, double p)
{
    return x ? bernoulli(x->node->kt, float_of(x), kt_shape_of(&x->desc), p) : NULL;
}

/* ---- rows ---- */

static kt_status random_infer(kt_infer *q)
{
    const kt_random_attr *a = kt_infer_attr(q);
    kt_desc *y = kt_out(q, 0);
    *y = (kt_desc){ .dtype = (kt_dtype)a->dtype, .rank = (int)a->rank };
    for (int i = 0; i < y->rank; i++) y->dim[i] = a->dim[i];
    return KT_OK;
}

typedef struct random_place {
    uint64_t seed, step;
    uint32_t stream;
} random_place;

/* The stream is in this slot, the step in the next. */
static random_place place_of(const kt_run *r, int slot)
{
    return (random_place){ kt_run_seed(r), (uint64_t)kt_run_slot(r, slot + 1),
                           (uint32_t)kt_run_slot(r, slot) };
}

static double uniform_at(const random_place *p, int64_t i)
{
    return kt_philox_uniform(p->seed, p->stream, p->step, (uint64_t)i);
}

static kt_status random_uniform_run(kt_run *r)
{
    random_place p = place_of(r, 2);
    double min = kt_run_slot(r, 0), max = kt_run_slot(r, 1), *y = kt_ref_out(r, 0);
    bool narrow = kt_run_out(r, 0)->dtype == KT_FLOAT32;
    for (int64_t i = 0, n = kt_count(r); i < n; i++) {
        y[i] = min + (max - min) * uniform_at(&p, i);
        if (narrow && (float)y[i] >= (float)max)
            y[i] = nextafterf((float)max, (float)min); /* rounding must not reach max */
    }
    return KT_OK;
}

static double normal_at(const random_place *p, int64_t i)
{
    const double scale = 1.0 / 16777216.0, turn = 6.283185307179586;
    kt_philox block = kt_philox_block(p->seed, (uint32_t)(i / 4), p->stream, p->step);
    const uint32_t *pair = block.word + (i % 4 & 2);
    double radius = sqrt(-2 * log(((pair[0] >> 8) + 1) * scale)),
           angle = turn * ((pair[1] >> 8) * scale);
    return radius * (i & 1 ? sin(angle) : cos(angle));
}

static kt_status random_normal_run(kt_run *r)
{
    random_place p = place_of(r, 2);
    double mean = kt_run_slot(r, 0), stddev = kt_run_slot(r, 1), *y = kt_ref_out(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) y[i] = mean + stddev * normal_at(&p, i);
    return KT_OK;
}

static kt_status random_truncated_normal_run(kt_run *r)
{
    random_place first = place_of(r, 2);
    double mean = kt_run_slot(r, 0), stddev = kt_run_slot(r, 1), *y = kt_ref_out(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) {
        random_place p = first;
        double z = normal_at(&p, i);
        for (int again = 0; fabs(z) > 2 && again < 64; again++) { /* one in 22 is drawn again */
            p.seed += 0x9E3779B97F4A7C15u;
            z = normal_at(&p, i);
        }
        y[i] = mean + stddev * (fabs(z) > 2 ? 0 : z);
    }
    return KT_OK;
}

static kt_status random_bernoulli_run(kt_run *r)
{
    random_place place = place_of(r, 1);
    double p = kt_run_slot(r, 0), *y = kt_ref_out(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) y[i] = uniform_at(&place, i) < p;
    return KT_OK;
}

#define RANDOM(row, slots) \
    const kt_op kt_op_##row = { .size = sizeof(kt_op), \
                                .name = #row, \
                                .n_in = 0, \
                                .n_out = 1, \
                                .attr_size = sizeof(kt_random_attr), \
                                .n_slots = slots, \
                                .flags = KT_OP_RANDOM, \
                                .infer = random_infer, \
                                .kernel = row##_run, \
                                .id = KT_OP_ID_##row };
RANDOM(random_uniform, 4)
RANDOM(random_normal, 4)
RANDOM(random_truncated_normal, 4)
RANDOM(random_bernoulli, 3)
