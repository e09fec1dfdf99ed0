/* SPDX-License-Identifier: MIT */
/* tests/train/test_board_images.c: write_images of the TensorBoard callback, pixel by pixel against what Keras's own
 * callback drew of the same weights (tests/golden/data/tb_images.npz): which shapes are pictures, how they lie, how
 * many of them, and how values become bytes.
 */
#include "../summary/png_reader.h"
#include "board_log.h"

static const char *const shapes = "abcdefghij"; /* names of the weights */

static const kt_arrays *weights_golden; /* the layer's build has no other way to it */

static kt_status pictures_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    for (const char *name = shapes; *name; name++) {
        char weight[8], key[2] = { *name, 0 };
        snprintf(weight, sizeof weight, "w_%c", *name);
        kt_array value = golden_need(weights_golden, weight);
        kt_shape shape = { .rank = value.rank };
        for (int i = 0; i < value.rank; i++) shape.dim[i] = value.dim[i];
        kt_variable_set(kt_weight(self, key, shape, .initializer = "zeros", .not_trainable = true), value);
    }
    return KT_OK;
}

static kt_tensor *pictures_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return x;
}

static const kt_layer_class pictures = { .name = "pictures", .build = pictures_build, .call = pictures_call };

static void compare(const kt_arrays *golden, const entry *e, const char *name)
{
    char key[16];
    int n = 0;
    for (; n < MAX_STRINGS; n++) {
        snprintf(key, sizeof key, "%s_%d", name, n);
        kt_array want = kt_arrays_get(golden, key);
        if (!want.data) break;
        assert_true(n + 2 < e->n_strings);
        png_read got = png_decode(e->strings[n + 2], e->sizes[n + 2]);
        assert_null(got.wrong);
        assert_int_equal(got.height, want.dim[0]);
        assert_int_equal(got.width, want.dim[1]);
        assert_int_equal(got.channels, want.dim[2]);
        for (int64_t i = 0; i < want.dim[0] * want.dim[1] * want.dim[2]; i++)
            if (got.pixels[i] != (int)golden_at(want, i))
                fail_msg("%s: pixel %d: expected %d, got %d", key, (int)i, (int)golden_at(want, i), got.pixels[i]);
        free(got.pixels);
    }
    assert_int_equal(e->n_strings, n + 2);
}

static void test_golden(void **state)
{
    (void)state;
    for (int run = 0; run < 3; run++) {
        char folder[256], tag[64];
        make_folder(folder, sizeof folder);
        kt_context *kt = kt_context_new(.backend = run == 1 ? "cpu" : "ref", .run_eagerly = run == 2);
        kt_arrays *golden = golden_open(kt, "tb_images"), *data = golden_open(kt, "fit_text_run");
        weights_golden = golden;
        kt_model *model = kt_sequential(kt, kt_input(6), kt_custom(&pictures), kt_dense(2));
        kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
        kt_fit(model, golden_need(data, "x"), golden_need(data, "y"), .epochs = 3,
               .callbacks = { kt_tensorboard(folder, .histogram_freq = 2, .write_images = true) });
        assert_fine(kt);
        board_log log = log_read(folder);
        for (const char *name = shapes; *name; name++) {
            char key[] = { *name, 0 };
            snprintf(tag, sizeof tag, "sequential/pictures/%s/image", key);
            bool none = *name == 'i' || *name == 'j';
            assert_int_equal(log_count(&log, "train", tag), none ? 0 : 2);
            for (int64_t step = 0; step < 3 && !none; step += 2)
                compare(golden, log_need(&log, "train", tag, step), key);
        }
        assert_int_equal(log_count(&log, "train", "sequential/dense/kernel/image"), 2);
        assert_int_equal(log_count(&log, "train", "sequential/dense/bias/image"), 2);
        log_free(&log);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

/* The other scalings show what clipping hides: zero is the middle grey. A vector is a row. */
static void test_scale(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT64);
    kt_model *model = kt_sequential(kt, kt_input(2), kt_dense(2, .frozen = true), kt_dense(1, .no_bias = true));
    kt_model_build(model, KT_SHAPE(1, 2));
    float w[] = { -3, 0, 1.5f, 3 }, x[] = { 1, 2, 3, 4 };
    kt_variable_set(kt_weights(model).at[0], kt_floats(w, 2, 2));
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
    kt_fit(model, kt_floats(x, 2, 2), kt_floats(x, 2, 1),
           .callbacks = {
               kt_tensorboard(folder, .histogram_freq = 1, .write_images = true, .images_scale = KT_IMAGE_SYMMETRIC) });
    assert_fine(kt);
    board_log log = log_read(folder);
    const entry *e = log_need(&log, "train", "sequential/dense/kernel/image", 0);
    png_read got = png_decode(e->strings[2], e->sizes[2]);
    assert_null(got.wrong);
    assert_int_equal(got.pixels[0], 0);
    assert_int_equal(got.pixels[1], 128);
    assert_in_range(got.pixels[2], 190, 193);
    assert_int_equal(got.pixels[3], 255);
    free(got.pixels);
    static const char *const vectors[] = { "sequential/dense/bias/image", "sequential/dense_1/kernel/image" };
    for (int i = 0; i < 2; i++) { /* (2) and (2, 1) */
        e = log_need(&log, "train", vectors[i], 0);
        got = png_decode(e->strings[2], e->sizes[2]);
        assert_null(got.wrong);
        assert_int_equal(got.width, 2);
        assert_int_equal(got.height, 1);
        free(got.pixels);
    }
    log_free(&log);
    kt_context_free(kt);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_golden), cmocka_unit_test(test_scale) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
