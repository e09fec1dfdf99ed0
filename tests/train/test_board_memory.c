/* SPDX-License-Identifier: MIT */
/* tests/train/test_board_memory.c: the TensorBoard callback with everything it can write beside the plan, each
 * allocation failing in turn: an error or a smaller log, never a leak and never a crash.
 */
#include "testing.h"
#include "failing.h"

enum { ROWS = 12, H = 3, W = 4 };

static kt_status table_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_weight(self, "embeddings", KT_SHAPE(3, 2), .initializer = "zeros");
    return KT_OK;
}

static kt_tensor *table_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return x;
}
static const kt_layer_class table_class = { .name = "table", .build = table_build, .call = table_call };

static kt_status train(failing *f, const char *folder, bool late)
{
    static const kt_hparam hparams[] = { { .name = "rate", .number = 0.1 } };
    static const char *const names[] = { "one", "two", "three", NULL };
    float x[ROWS * H * W];
    int32_t y[ROWS];
    for (int i = 0; i < ROWS * H * W; i++) x[i] = (float)sin(i);
    for (int i = 0; i < ROWS; i++) y[i] = i % 3;
    kt_context *kt =
        kt_context_new(.backend = "ref", .allocator = { failing_allocate, failing_resize, failing_release, f });
    if (!kt) return KT_ERR_MEMORY;
    kt_array rows = kt_floats(x, ROWS, H, W), classes = kt_ints(y, ROWS);
    kt_model *model = late ? kt_sequential(kt, kt_flatten(), kt_custom(&table_class), kt_dense(3))
                           : kt_sequential(kt, kt_input(H, W), kt_flatten(), kt_custom(&table_class), kt_dense(3));
    kt_compile(model, .optimizer = kt_sgd(0.1),
               .loss_spec = kt_sparse_categorical_crossentropy_loss(.from_logits = true), .metrics = { "accuracy" });
    kt_fit(model, rows, classes, .batch_size = 5,
           .callbacks = { kt_tensorboard(folder, .no_graph = true, .histogram_freq = 1, .write_images = true,
                                         .embeddings_freq = 1, .watch = { .every = 1 }, .write_speed = true,
                                         .write_memory = true, .write_text = true, .hparams = hparams,
                                         .hparams_count = 1, .resume = true, .samples_x = rows, .samples_y = classes,
                                         .class_names = names, .confusion_matrix = true, .prediction_grid = true,
                                         .pr_curves = true) });
    kt_status status = kt_error(kt);
    kt_context_free(kt);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        failing f = { .left = -1 };
        assert_int_equal(train(&f, folder, late), KT_OK);
        assert_int_equal(f.live, 0);
        int64_t all = f.made;
        assert_true(all > 100);
        for (int64_t n = 0; n < all; n++) {
            if (n % 100 == 0) { /* thousands of runs in one folder, and resuming would read its names each time */
                remove_folder(folder);
                make_folder(folder, sizeof folder);
            }
            f = (failing){ .left = n };
            kt_status status = train(&f, folder, late);
            if (f.live != 0)
                fail_msg("allocation %lld of %lld: %lld blocks were not given back", (long long)n, (long long)all,
                         (long long)f.live);
            if (status != KT_ERR_MEMORY && status != KT_OK && status != KT_ERR_IO)
                fail_msg("allocation %lld of %lld: '%s'", (long long)n, (long long)all, kt_status_name(status));
        }
        remove_folder(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_failing_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
