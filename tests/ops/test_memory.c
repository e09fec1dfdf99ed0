/* SPDX-License-Identifier: MIT */
/* tests/ops/test_memory.c: ops with each allocation failed in turn: NULL and KT_ERR_MEMORY, nothing
 * else, and everything is given back. What succeeds gives the same numbers as with plenty.
 */
#include <stdlib.h>

#include "check.h"
#include "ops/update.h"

typedef struct budget {
    int64_t left, blocks;
} budget;

static void *take(size_t bytes, void *user)
{
    budget *b = user;
    if (b->left-- <= 0) return NULL;
    void *block = malloc(bytes);
    b->blocks += block != NULL;
    return block;
}

static void *resize(void *block, size_t bytes, void *user)
{
    budget *b = user;
    if (b->left-- <= 0) return NULL;
    void *moved = realloc(block, bytes);
    b->blocks += moved != NULL && !block;
    return moved;
}

static void give(void *block, void *user)
{
    budget *b = user;
    b->blocks -= block != NULL;
    free(block);
}

/* A bit of everything: element-wise, broadcast, reductions, a product, softmax, shapes, random
 * numbers, an update, gradients. */
static double work(kt_context *kt)
{
    kt_tensor *w = kt_variable_zeros(kt, "w", KT_FLOAT32, KT_SHAPE(6, 4)), *out[3];
    kt_tensor *x = kt_random_normal(kt, KT_SHAPE(8, 6), 0, 1),
              *b = kt_fill(kt, KT_FLOAT32, KT_SHAPE(4), 0.5);
    kt_tensor *y = kt_gelu(kt_add(kt_matmul(x, kt_add(w, kt_fill_like(w, 0.1))), b), false);
    kt_tensor *loss = kt_mean(
        kt_sparse_categorical_crossentropy(kt_argmax(x, -1),
                                           kt_concatenate((kt_tensor *[]){ y, y }, 2, 1), true));
    loss = kt_add(loss, kt_var(kt_softmax(kt_transpose(y), 0)));
    kt_tensor *g = kt_gradient(loss, w);
    kt_adam_update(w, kt_fill_like(w, 0), kt_fill_like(w, 0), g, kt_scalar(w, 0.1),
                   kt_scalar_new(kt, KT_INT64, 0), (kt_adam_numbers){ 0.9, 0.999, 1e-7 }, out);
    kt_assign(w, out[0]);
    return kt_item(kt_add(kt_sum(kt_square(w)), loss));
}

static void each_allocation(const char *backend)
{
    double want = 0;
    kt_context *plenty = kt_context_new(.backend = backend, .seed = 3);
    want = work(plenty);
    assert_true(isfinite(want) && want > 0);
    kt_context_free(plenty);
    bool whole = false;
    int64_t n = 0;
    for (; !whole && n < 100000; n++) {
        budget b = { n, 0 };
        kt_context *kt =
            kt_context_new(.backend = backend, .seed = 3,
                           .allocator = {
                               .allocate = take, .resize = resize, .release = give, .user = &b });
        if (kt) {
            double got = work(kt);
            if (kt_error(kt) == KT_OK) {
                assert_true(got == want);
                whole = b.left >= 0;
            } else {
                assert_int_equal(kt_error(kt), KT_ERR_MEMORY);
                assert_true(isnan(got));
            }
            kt_context_free(kt);
        }
        assert_int_equal(b.blocks, 0);
    }
    assert_true(whole && n > 10);
}

static void test_ref(void **state)
{
    (void)state;
    each_allocation("ref");
}

static void test_cpu(void **state)
{
    (void)state;
    each_allocation("cpu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ref),
        cmocka_unit_test(test_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
