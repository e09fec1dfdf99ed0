/* SPDX-License-Identifier: MIT */
/* tests/ops/test_samples.c: every line of samples.def in every mode.
 *
 * On `ref` in float64: first and second derivatives against central differences. On `cpu`: float32
 * against `ref`, planned against eager and fused against unfused to the bit. With a short batch:
 * the same plan cache, other shapes. With a NULL operand: NULL and no error. Together the lines
 * must reach every row there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/philox.h"
#include "ops/ops.h"
#include "ops/update.h"

enum { MAX_INPUTS = 7, MAX_VALUES = 512, B = -1 };
enum kind { NONE, REAL, WHOLE, TRUTH, STEP };
enum traits { VALUES, KINKED, SMOOTH };

typedef struct input {
    enum kind kind;
    double low, high;
    int rank, dim[4];
} input;

typedef struct sample {
    const char *text;
    kt_tensor *(*make)(kt_tensor *const *in);
    enum traits traits;
    input in[MAX_INPUTS];
} sample;

/* ---- what samples call beside public functions ---- */

static kt_tensor *second_part(kt_tensor *x)
{
    kt_tensor *parts[2];
    kt_split(x, 2, 1, parts);
    return parts[1];
}

static kt_tensor *momentum_of(kt_tensor *w, kt_tensor *m, kt_tensor *g, kt_tensor *rate,
                              bool nesterov)
{
    kt_tensor *out[2];
    kt_momentum_update(w, m, g, rate, 0.9, nesterov, out);
    return kt_concatenate(out, 2, 0);
}

static kt_tensor *adam_of(kt_tensor *w, kt_tensor *m, kt_tensor *v, kt_tensor *g, kt_tensor *rate,
                          kt_tensor *step)
{
    kt_tensor *out[3];
    kt_adam_update(w, m, v, g, rate, kt_cast(step, KT_INT64), (kt_adam_numbers){ 0.9, 0.999, 1e-7 },
                   out);
    return kt_concatenate(out, 3, 0);
}

static kt_tensor *amsgrad_of(kt_tensor *w, kt_tensor *m, kt_tensor *v, kt_tensor *vhat,
                             kt_tensor *g, kt_tensor *rate, kt_tensor *step)
{
    kt_tensor *out[4];
    kt_adam_amsgrad_update(w, m, v, vhat, g, rate, kt_cast(step, KT_INT64),
                           (kt_adam_numbers){ 0.9, 0.999, 1e-7 }, out);
    return kt_concatenate(out, 4, 0);
}

static kt_tensor *random_normal_like(kt_tensor *x)
{
    return x ? kt_random_normal(kt_context_of(x), kt_shape_of(kt_desc_of(x)), 1, 2) : NULL;
}

static kt_tensor *random_truncated_like(kt_tensor *x)
{
    return x ? kt_random_truncated_normal(kt_context_of(x), kt_shape_of(kt_desc_of(x)), 1, 2)
             : NULL;
}

/* ---- the table ---- */

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define SAMPLE(expression, traits, ...) \
    static kt_tensor *PASTE(make_, __LINE__)(kt_tensor *const *in) \
    { \
        kt_tensor *x = in[0], *y = in[1], *z = in[2], *t = in[3], *u = in[4], *v = in[5], \
                  *w = in[6]; \
        (void)x, (void)y, (void)z, (void)t, (void)u, (void)v, (void)w; \
        return expression; \
    }
#include "samples.def"
#undef SAMPLE

#define RANK(...) (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))
#define R(low, high, ...) { REAL, low, high, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define POINT(low, high) { REAL, low, high, 0, { 0 } }
#define I(low, high, ...) { WHOLE, low, high, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define BITS(...) { TRUTH, 0, 1, RANK(__VA_ARGS__), { __VA_ARGS__ } }
#define STEPS { STEP, 3, 3, 0, { 0 } }
#define SAMPLE(expression, traits, ...) \
    { #expression, PASTE(make_, __LINE__), traits, { __VA_ARGS__ } },
static const sample samples[] = {
#include "samples.def"
};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

/* ---- data ---- */

typedef double sample_data[MAX_INPUTS][MAX_VALUES];

static int inputs_of(const sample *s)
{
    int n = 0;
    while (n < MAX_INPUTS && s->in[n].kind != NONE) n++;
    return n;
}

static bool has_batch(const sample *s)
{
    for (int i = 0; i < inputs_of(s); i++)
        for (int k = 0; k < s->in[i].rank; k++)
            if (s->in[i].dim[k] == B) return true;
    return false;
}

static kt_shape shape_of(const input *in, int batch)
{
    kt_shape shape = { .rank = in->rank };
    for (int i = 0; i < in->rank; i++) shape.dim[i] = in->dim[i] == B ? batch : in->dim[i];
    return shape;
}

/* Floats from -0.1 to 0.1 are moved away from zero. */
static void draw(const sample *s, int batch, sample_data data)
{
    for (int i = 0; i < inputs_of(s); i++) {
        const input *in = &s->in[i];
        int64_t n = kt_shape_count(shape_of(in, batch));
        assert_in_range(n, 0, MAX_VALUES);
        for (int64_t k = 0; k < n; k++) {
            double u = kt_philox_uniform(1, (uint32_t)i, (uint64_t)(s - samples), (uint64_t)k);
            double x = in->kind == REAL ? in->low + (in->high - in->low) * u
                                        : floor(in->low + (in->high - in->low + 1) * u);
            if (in->kind == REAL && in->low < 0 && fabs(x) < 0.1) x = x < 0 ? x - 0.1 : x + 0.1;
            data[i][k] = (float)x;
        }
    }
}

/* ---- one run ---- */

typedef struct outcome {
    kt_desc desc;
    double value[MAX_VALUES * 4];
    double loss; /* sum of the value (of the gradient) with fixed weights */
    double gradient[MAX_INPUTS][MAX_VALUES]; /* of the loss */
} outcome;

static uint8_t reached[KT_OP_COUNT];

static void mark_reached(const kt_tensor *x)
{
    if (!x) return;
    if (x->node->op->id > 0) reached[x->node->op->id] = 1;
    for (int i = 0; i < x->node->n_in; i++) mark_reached(x->node->in[i]);
}

static kt_tensor *constant(kt_context *kt, const input *in, kt_shape shape, const double *data)
{
    kt_tensor *x = kt_constant(kt, kt_array_of(data, KT_FLOAT64, shape));
    kt_dtype dtype = in->kind == REAL ? kt_floatx(kt) : in->kind == TRUTH ? KT_BOOL : KT_INT32;
    return kt_dtype_of(x) == dtype ? x : kt_cast(x, dtype);
}

/* The weighted sum of x: weights are between 0.5 and 1.5 and the same in every run. */
static kt_tensor *weighted(kt_context *kt, kt_tensor *x, uint32_t stream)
{
    double weight[MAX_VALUES * 4];
    int64_t n = kt_desc_count(kt_desc_of(x));
    assert_in_range(n, 0, MAX_VALUES * 4);
    for (int64_t i = 0; i < n; i++) weight[i] = 0.5 + kt_philox_uniform(2, stream, 0, (uint64_t)i);
    kt_tensor *w = kt_constant(kt, kt_array_of(weight, KT_FLOAT64, kt_shape_of(kt_desc_of(x))));
    return kt_sum(kt_mul(x, kt_cast(w, kt_dtype_of(x))));
}

static void check(kt_context *kt, const sample *s, const char *when)
{
    if (kt_error(kt) != KT_OK) fail_msg("%s, %s: %s", s->text, when, kt_message(kt));
}

/* order 0: the value; 1: the loss and its gradient; 2: a loss of the gradient, and that one's
 * gradient. */
static void run(kt_context *kt, const sample *s, int batch, sample_data data, int order,
                outcome *out)
{
    kt_scope *scope = kt_scope_begin(kt);
    kt_tensor *in[MAX_INPUTS] = { NULL }, *wanted[MAX_INPUTS + 2];
    int n = inputs_of(s);
    for (int i = 0; i < n; i++)
        in[i] = constant(kt, &s->in[i], shape_of(&s->in[i], batch), data[i]);
    kt_tensor *y = s->make(in);
    check(kt, s, "recording");
    assert_non_null(y);
    kt_tensor *loss = order && kt_is_float(kt_dtype_of(y)) ? weighted(kt, y, 100) : NULL;
    kt_tensors gradients = { NULL, 0 };
    if (loss) gradients = kt_gradients(loss, (kt_tensors){ in, n });
    check(kt, s, "gradient");
    if (order == 2) {
        loss = NULL;
        for (int i = 0; i < n; i++) {
            if (s->in[i].kind != REAL || !gradients.at[i]) continue;
            kt_tensor *part = weighted(kt, gradients.at[i], (uint32_t)i);
            loss = loss ? kt_add(loss, part) : part;
        }
        if (loss) gradients = kt_gradients(loss, (kt_tensors){ in, n });
        else gradients.count = 0;
        check(kt, s, "second gradient");
    }
    int64_t n_wanted = 0;
    wanted[n_wanted++] = y;
    if (loss) wanted[n_wanted++] = loss;
    for (int i = 0; i < gradients.count; i++)
        if (gradients.at[i]) wanted[n_wanted++] = gradients.at[i];
    for (int64_t i = 0; i < n_wanted; i++) mark_reached(wanted[i]);
    kt_compute(wanted, n_wanted);
    check(kt, s, "computing");
    memset(out, 0, sizeof *out);
    out->desc = *kt_desc_of(y);
    kt_read(y, out->value, KT_FLOAT64, kt_desc_count(&out->desc));
    if (loss) kt_read(loss, &out->loss, KT_FLOAT64, 1);
    for (int i = 0; i < gradients.count; i++) {
        kt_tensor *g = gradients.at[i];
        if (!g) continue;
        assert_true(kt_desc_same_shape(kt_desc_of(g), kt_desc_of(in[i])));
        kt_read(g, out->gradient[i], KT_FLOAT64, kt_desc_count(kt_desc_of(g)));
    }
    check(kt, s, "reading");
    kt_scope_end(kt, scope);
}

static const char *isa; /* of cpu contexts; NULL: the best */

static kt_context *context(const char *backend, kt_dtype floatx, bool eagerly, bool no_fusion)
{
    kt_context *kt = kt_context_new(.backend = backend, .floatx = floatx, .seed = 3,
                                    .isa = strcmp(backend, "cpu") == 0 ? isa : NULL,
                                    .run_eagerly = eagerly, .no_fusion = no_fusion);
    assert_non_null(kt);
    return kt;
}

/* ---- modes ---- */

static void test_differences(void **state)
{
    (void)state;
    static sample_data data;
    static outcome analytic, up, down;
    for (int k = 0; k < N_SAMPLES; k++) {
        const sample *s = &samples[k];
        kt_context *kt = context("ref", KT_FLOAT64, false, false);
        draw(s, 5, data);
        run(kt, s, 5, data, 0, &analytic);
        for (int order = 1; order <= (int)s->traits; order++) {
            run(kt, s, 5, data, order, &analytic);
            for (int i = 0; i < inputs_of(s); i++) {
                if (s->in[i].kind != REAL) continue;
                int64_t n = kt_shape_count(shape_of(&s->in[i], 5));
                for (int64_t e = 0; e < n; e++) {
                    double x = data[i][e], h = 1e-5, a = analytic.gradient[i][e];
                    data[i][e] = x + h;
                    run(kt, s, 5, data, order, &up);
                    data[i][e] = x - h;
                    run(kt, s, 5, data, order, &down);
                    data[i][e] = x;
                    double d = (up.loss - down.loss) / (2 * h);
                    if (!(fabs(d - a) <= 2e-6 * (1 + fabs(d) + fabs(analytic.loss))))
                        fail_msg("%s, order %d, input %d, element %lld: %.12g by differences, "
                                 "%.12g by rows",
                                 s->text, order, i, (long long)e, d, a);
                }
            }
        }
        kt_context_free(kt);
    }
}

/* to_the_bit, or within float32's rounding. */
static void compare(const sample *s, const char *what, const outcome *a, const outcome *b,
                    int batch, bool to_the_bit)
{
    assert_true(kt_desc_same_shape(&a->desc, &b->desc));
    int64_t n = kt_desc_count(&a->desc);
    double scale = 1;
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, isfinite(a->value[i]) ? fabs(a->value[i]) : 0);
    for (int64_t i = 0; i < n; i++) {
        double x = a->value[i], y = b->value[i];
        bool same = x == y || (isnan(x) && isnan(y));
        if (to_the_bit ? !same : !same && !(fabs(x - y) <= 4e-6 * scale))
            fail_msg("%s, %s: element %lld is %.9g and %.9g", s->text, what, (long long)i, x, y);
    }
    for (int k = 0; k < inputs_of(s); k++) {
        if (s->in[k].kind != REAL) continue;
        n = kt_shape_count(shape_of(&s->in[k], batch));
        scale = 1;
        for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(a->gradient[k][i]));
        for (int64_t i = 0; i < n; i++) {
            double x = a->gradient[k][i], y = b->gradient[k][i];
            if (to_the_bit ? x != y : !(fabs(x - y) <= 1e-5 * scale))
                fail_msg("%s, %s: gradient %d, element %lld is %.9g and %.9g", s->text, what, k,
                         (long long)i, x, y);
        }
    }
}

static void compare_contexts(const char *what, kt_context *(*first)(void),
                             kt_context *(*second)(void), bool to_the_bit)
{
    static sample_data data;
    static outcome a, b;
    for (int k = 0; k < N_SAMPLES; k++) {
        const sample *s = &samples[k];
        int order = s->traits == VALUES ? 0 : 1;
        kt_context *one = first(), *two = second();
        draw(s, 5, data);
        run(one, s, 5, data, order, &a);
        run(two, s, 5, data, order, &b);
        compare(s, what, &a, &b, 5, to_the_bit);
        kt_context_free(one);
        kt_context_free(two);
    }
}

static kt_context *ref_f32(void) { return context("ref", KT_FLOAT32, false, false); }
static kt_context *ref_f32_eager(void) { return context("ref", KT_FLOAT32, true, false); }
static kt_context *cpu_f32(void) { return context("cpu", KT_FLOAT32, false, false); }
static kt_context *cpu_f32_plain(void) { return context("cpu", KT_FLOAT32, false, true); }
static kt_context *cpu_f32_eager(void) { return context("cpu", KT_FLOAT32, true, true); }
static kt_context *cpu_f64(void) { return context("cpu", KT_FLOAT64, false, false); }
static kt_context *cpu_f64_plain(void) { return context("cpu", KT_FLOAT64, false, true); }

static void test_cpu(void **state)
{
    (void)state;
    static const char *const sets[] = { "portable", "avx2", "avx512" };
    for (int i = 0; i < 3; i++) {
        kt_context *kt = kt_context_new(.backend = "cpu", .isa = sets[i]);
        if (!kt) continue; /* not on this machine */
        kt_context_free(kt);
        isa = sets[i];
        compare_contexts("cpu against ref", ref_f32, cpu_f32, false);
        compare_contexts("fused against unfused", cpu_f32, cpu_f32_plain, true);
    }
    isa = NULL;
}

static void test_eager(void **state)
{
    (void)state;
    compare_contexts("planned against eager on ref", ref_f32, ref_f32_eager, true);
    compare_contexts("planned against eager on cpu", cpu_f32_plain, cpu_f32_eager, true);
}

static void test_fusion(void **state)
{
    (void)state;
    compare_contexts("fused against unfused", cpu_f32, cpu_f32_plain, true);
    compare_contexts("fused against unfused in float64", cpu_f64, cpu_f64_plain, true);
}

/* Batches of 5, 3, 5 in one context give what fresh contexts give. */
static void test_short_batch(void **state)
{
    (void)state;
    static sample_data data;
    static outcome kept, fresh;
    static const int batches[] = { 5, 3, 5, 1 };
    for (int k = 0; k < N_SAMPLES; k++) {
        const sample *s = &samples[k];
        if (!has_batch(s) || strstr(s->text, "random"))
            continue;                                  /* random numbers go on with each run */
        if (strstr(s->text, "KT_SHAPE(1, ")) continue; /* slices need two rows */
        kt_context *kt = cpu_f32();
        for (int i = 0; i < 4; i++) {
            kt_context *other = cpu_f32();
            draw(s, batches[i], data);
            run(kt, s, batches[i], data, s->traits == VALUES ? 0 : 1, &kept);
            run(other, s, batches[i], data, s->traits == VALUES ? 0 : 1, &fresh);
            compare(s, "short batch", &kept, &fresh, batches[i], true);
            kt_context_free(other);
        }
        kt_context_free(kt);
    }
}

static void test_null(void **state)
{
    (void)state;
    static sample_data data;
    kt_context *kt = ref_f32();
    for (int k = 0; k < N_SAMPLES; k++) {
        const sample *s = &samples[k];
        draw(s, 5, data);
        for (int missing = 0; missing < inputs_of(s); missing++) {
            kt_tensor *in[MAX_INPUTS] = { NULL };
            kt_scope *scope = kt_scope_begin(kt);
            for (int i = 0; i < inputs_of(s); i++)
                if (i != missing) in[i] = constant(kt, &s->in[i], shape_of(&s->in[i], 5), data[i]);
            if (s->make(in)) fail_msg("%s: not NULL for a NULL operand", s->text);
            check(kt, s, "with a NULL operand");
            kt_scope_end(kt, scope);
        }
    }
    kt_context_free(kt);
}

/* After the other tests: which rows have they met? `dense` is the fusion pass's, see test_rows.c.
 */
static void test_coverage(void **state)
{
    (void)state;
    for (int id = 1; id < KT_OP_COUNT; id++)
        if (!reached[id] && id != KT_OP_ID_dense)
            fail_msg("no sample reaches the row %s", kt_op_of(id)->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences), cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_eager),       cmocka_unit_test(test_fusion),
        cmocka_unit_test(test_short_batch), cmocka_unit_test(test_null),
        cmocka_unit_test(test_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
