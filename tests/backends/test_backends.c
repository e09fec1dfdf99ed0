/* SPDX-License-Identifier: MIT */
/* tests/backends/test_backends.c: a small network trained by hand on every back-end: `ref` and
 * `cpu` agree, `offset` (whose addresses crash when read) agrees with both, `null` plans it and
 * computes nothing; memory refused anywhere ends in a status, never in a crash or a leak.
 */
#include "compare.h"

#include "ops/update.h"

enum { ROWS = 24, IN = 7, HIDDEN = 19, CLASSES = 5, STEPS = 6 };

typedef struct training {
    kt_status status;
    double loss[STEPS];
    double kernel[IN * HIDDEN];
} training;

static kt_tensor *weight(kt_context *kt, const char *name, uint32_t stream, kt_shape shape)
{
    float data[HIDDEN * IN];
    operand o = { KT_FLOAT32, -0.5, 0.5, shape };
    int64_t n = kt_shape_count(shape);
    for (int64_t i = 0; i < n; i++) data[i] = (float)number_at(&o, stream, i, false);
    return kt_variable(kt, name, kt_array_of(data, KT_FLOAT32, shape));
}

static void step(kt_context *kt, kt_tensor *const *w, kt_tensor *const *m, kt_tensor *rate,
                 const float *x, const int32_t *label, double *loss)
{
    kt_scope *scope = kt_scope_begin(kt);
    kt_tensor *in = kt_constant(kt, kt_floats(x, ROWS, IN)),
              *y = kt_constant(kt, kt_ints(label, ROWS));
    kt_tensor *h = kt_relu(kt_add(kt_matmul(in, w[0]), w[1]));
    h = kt_mul(h, kt_random_bernoulli_like(h, 0.8));
    kt_tensor *logits = kt_add(kt_matmul(h, w[2]), w[3]);
    kt_tensor *l = kt_mean(kt_sparse_categorical_crossentropy(y, kt_softmax(logits, -1), false));
    kt_tensors g = kt_gradients(l, (kt_tensors){ (kt_tensor **)(uintptr_t)w, 4 });
    for (int i = 0; i < 4 && g.count == 4; i++) {
        kt_tensor *out[2];
        kt_momentum_update(w[i], m[i], g.at[i], rate, 0.9, i & 1, out);
        kt_assign(w[i], out[0]);
        kt_assign(m[i], out[1]);
    }
    kt_tensor *kept = kt_keep(l);
    kt_scope_end(kt, scope);
    *loss = kt_item(kept);
}

static training train(kt_context *kt)
{
    static const char *const names[] = { "k1", "b1", "k2", "b2", "mk1", "mb1", "mk2", "mb2" };
    const kt_shape shape[4] = { KT_SHAPE(IN, HIDDEN), KT_SHAPE(HIDDEN), KT_SHAPE(HIDDEN, CLASSES),
                                KT_SHAPE(CLASSES) };
    training t = { .status = KT_OK };
    kt_tensor *w[4], *m[4];
    float x[ROWS * IN];
    int32_t label[ROWS];
    operand o = { KT_FLOAT32, -1, 1, { 0, { 0 } } };
    for (int i = 0; i < ROWS * IN; i++) x[i] = (float)number_at(&o, 9, i, false);
    for (int i = 0; i < ROWS; i++) label[i] = i % CLASSES;
    for (int i = 0; i < 4; i++) {
        w[i] = weight(kt, names[i], (uint32_t)i + 1, shape[i]);
        m[i] = kt_variable_zeros(kt, names[4 + i], KT_FLOAT32, shape[i]);
    }
    kt_tensor *rate =
        kt_variable(kt, "rate", kt_array_of(&(float){ 0.05f }, KT_FLOAT32, KT_SCALAR_SHAPE));
    for (int s = 0; s < STEPS; s++) step(kt, w, m, rate, x, label, &t.loss[s]);
    kt_read(w[0], t.kernel, KT_FLOAT64, IN * HIDDEN);
    t.status = kt_error(kt);
    return t;
}

static training train_on(const variant *v)
{
    kt_context *kt = context_of(v);
    training t = train(kt);
    if (t.status != KT_OK) fail_msg("%s: %s", v->backend, kt_message(kt));
    kt_context_free(kt);
    return t;
}

static void expect_alike(const char *who, const training *a, const training *b, double tolerance)
{
    for (int i = 0; i < STEPS; i++)
        if (!(fabs(a->loss[i] - b->loss[i]) <= tolerance))
            fail_msg("%s: loss %d is %.9g, not %.9g", who, i, b->loss[i], a->loss[i]);
    for (int i = 0; i < IN * HIDDEN; i++)
        if (!(fabs(a->kernel[i] - b->kernel[i]) <= tolerance))
            fail_msg("%s: weight %d is %.9g, not %.9g", who, i, b->kernel[i], a->kernel[i]);
}

static void test_training_agrees(void **state)
{
    (void)state;
    training ref = train_on(&(variant){ .backend = "ref", .threads = 1 });
    assert_true(ref.loss[STEPS - 1] < ref.loss[0] && ref.loss[0] > 0.5);
    training offset = train_on(&(variant){ .backend = "offset", .threads = 1 });
    expect_alike("offset", &ref, &offset, 2e-6);
    for (int s = 0; s < 3; s++) {
        if (!has_set(sets[s])) continue;
        training first = train_on(&(variant){ .backend = "cpu", .isa = sets[s], .threads = 1 });
        expect_alike(sets[s], &ref, &first, 2e-6);
        expect_alike(sets[s], &offset, &first, 2e-6);
        training other = train_on(
            &(variant){ .backend = "cpu", .isa = sets[s], .threads = 3, .no_fusion = true });
        expect_alike(sets[s], &first, &other, 0);
    }
}

static void test_null_plans(void **state)
{
    (void)state;
    kt_context *kt = kt_context_new(.backend = "null");
    assert_non_null(kt);
    training t = train(kt);
    assert_int_equal(t.status, KT_OK);
    kt_memory_use before = kt_memory(kt);
    assert_true(before.bytes > 0);
    float x[3] = { 1, 2, 3 }, back[3] = { 0 };
    assert_int_equal(kt_read(kt_constant(kt, kt_floats(x, 3)), back, KT_FLOAT32, 3), KT_OK);
    assert_true(back[0] == 1 && back[2] == 3);
    kt_context_free(kt);
}

/* ---- names and instruction sets ---- */

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = { "cpu", "ref", "null", "offset" };
    for (int i = 0; i < 4; i++) {
        kt_context *kt = kt_context_new(.backend = names[i]);
        assert_non_null(kt);
        assert_string_equal(kt_backend_name(kt), names[i]);
        assert_string_equal(kt_isa_name(kt), i == 0 ? kt_isa_name(kt) : "");
        kt_context_free(kt);
    }
    for (int s = 0; s < 3; s++) {
        if (!has_set(sets[s])) continue;
        kt_context *kt = kt_context_new(.isa = sets[s]);
        assert_string_equal(kt_isa_name(kt), sets[s]);
        kt_context_free(kt);
    }
    char why[256];
    assert_int_equal(kt_context_check(&(kt_context_config){ .size = sizeof(kt_context_config),
                                                            .isa = "mmx" },
                                      why, sizeof why),
                     KT_ERR_UNSUPPORTED);
    assert_non_null(strstr(why, "mmx"));
    assert_null(kt_context_new(.isa = "mmx"));
}

/* ---- memory that runs out ---- */

typedef struct ration { /* the allocation that is refused, and what is out */
    int64_t left, out;
} ration;

static void *ration_allocate(size_t bytes, void *user)
{
    ration *r = user;
    if (r->left-- <= 0) return NULL;
    void *block = malloc(bytes);
    if (block) r->out++;
    return block;
}

static void *ration_resize(void *old, size_t bytes, void *user)
{
    ration *r = user;
    if (r->left-- <= 0) return NULL;
    void *block = realloc(old, bytes);
    if (block && !old) r->out++;
    return block;
}

static void ration_release(void *block, void *user)
{
    if (block) ((ration *)user)->out--;
    free(block);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    static const char *const names[] = { "cpu", "ref", "null", "offset" };
    for (int b = 0; b < 4; b++) {
        bool enough = false;
        for (int64_t allowed = 0; !enough; allowed++) {
            assert_true(allowed < 3000);
            ration r = { allowed, 0 };
            kt_allocator allocator = { ration_allocate, ration_resize, ration_release, &r };
            kt_context *kt = kt_context_new(.backend = names[b], .allocator = allocator,
                                            .threads = b == 0 ? 2 : 1);
            if (kt) {
                training t = train(kt);
                if (t.status != KT_OK) assert_int_equal(t.status, KT_ERR_MEMORY);
                enough = t.status == KT_OK;
            }
            kt_context_free(kt);
            assert_int_equal(r.out, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_agrees),
        cmocka_unit_test(test_null_plans),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
