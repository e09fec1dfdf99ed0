/* SPDX-License-Identifier: MIT */
/* tests/train/test_summaries.c: kt_summary_* wherever it may stand: in layers that are shared or nested, in losses and
 * metrics, in training and evaluation, in loops written by hand; and every kind of it.
 *
 * The rule that is tested: the tag is the place and the name; the second time in a step it gets "_1".
 */
#include "log_points.h"

#include <time.h>

#include <keratin/ops.h>

enum { ROWS = 12, BATCH = 4 };

typedef struct data {
    float x[ROWS * 6], y[ROWS * 2];
} data;

static void make_data(data *d)
{
    for (int i = 0; i < ROWS * 6; i++) d->x[i] = (float)sin(i * 0.37);
    for (int i = 0; i < ROWS * 2; i++) d->y[i] = (float)cos(i * 0.11);
}
#define X(d) kt_floats((d).x, ROWS, 6)
#define Y(d) kt_floats((d).y, ROWS, 2)

/* ---- layers that show something ---- */

static kt_tensor *show_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    kt_summary_scalar("largest", kt_max(x));
    kt_summary_histogram("values", x);
    return x;
}
static const kt_layer_class show_class = { .name = "show", .call = show_call };

/* Calls one layer twice, which shows itself; and the same name twice in one call. */
static kt_status twice_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "inner", kt_custom(&show_class));
    return KT_OK;
}
static kt_tensor *twice_call(kt_layer *self, kt_tensor *x)
{
    kt_layer *inner = kt_sublayer(self, "inner");
    kt_tensor *a = kt_call_layer(inner, x), *b = kt_call_layer(inner, kt_mul(a, kt_scalar(a, 2)));
    kt_summary_scalar("sum", kt_sum(a));
    kt_summary_scalar("sum", kt_sum(b));
    return b;
}
static const kt_layer_class twice_class = { .name = "twice", .build = twice_build, .call = twice_call };

static kt_tensor *my_loss(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *difference = kt_sub(y_true, y_pred);
    kt_summary_scalar("worst", kt_max(kt_abs(difference)));
    return kt_square(difference);
}
static kt_tensor *my_metric(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *difference = kt_abs(kt_sub(y_true, y_pred));
    kt_summary_histogram("distance", difference);
    return difference;
}

static void fit_shown(const char *folder, const char *backend, bool eagerly, const char *freq, float *last)
{
    data d;
    make_data(&d);
    kt_context *kt = kt_context_new(.backend = backend, .run_eagerly = eagerly, .seed = 3);
    kt_model *model = kt_sequential(kt, kt_input(6), kt_custom(&twice_class), kt_dense(2));
    kt_compile(model, .optimizer = kt_sgd(0.01), .loss_fn = my_loss,
               .metric_specs = { kt_metric_of_fn(my_metric, "distance_metric") });
    kt_fit(model, X(d), Y(d), .batch_size = BATCH, .epochs = 2, .no_shuffle = true, .validation_x = X(d),
           .validation_y = Y(d), .callbacks = { kt_tensorboard(folder, .update_freq = freq) });
    assert_fine(kt);
    for (int batch = 0; batch < 3; batch++) {
        last[batch] = -1e9f;
        for (int i = 0; i < BATCH * 6; i++) last[batch] = fmaxf(last[batch], d.x[batch * BATCH * 6 + i]);
    }
    kt_context_free(kt);
}

static void need_value(const log_points *p, const char *tag, int64_t step, double want)
{
    double got = log_need(p, tag, step)->value;
    if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want))))
        fail_msg("%s at %lld: %g, not %g", tag, (long long)step, got, want);
}

static void test_places(void **state)
{
    (void)state;
    for (int mode = 0; mode < 3; mode++) {
        char folder[256];
        float largest[3];
        make_folder(folder, sizeof folder);
        fit_shown(folder, mode == 1 ? "ref" : "cpu", mode == 2, "batch", largest);
        for (int run = 0; run < 2; run++) {
            log_points p = log_read(folder, run ? "validation" : "train");
            for (int step = 1; step <= 6; step++) {
                float want = largest[(step - 1) % 3];
                need_value(&p, "sequential/twice/inner/largest", step, (double)want);
                need_value(&p, "sequential/twice/inner/largest_1", step, 2 * (double)want);
                double sum = log_need(&p, "sequential/twice/sum", step)->value;
                need_value(&p, "sequential/twice/sum_1", step, 2 * sum);
                log_need(&p, "sequential/twice/inner/values_1", step);
                log_need(&p, "loss/worst", step);
                log_need(&p, "distance_metric/distance", step);
            }
            assert_int_equal(log_count(&p, "sequential/twice/inner/largest_2"), 0);
            assert_int_equal(log_count(&p, "loss/worst"), 6);
            log_free(&p);
        }
        remove_folder(folder);
    }
}

/* The same model in a loop written by hand: the same tags but for the loss, which stands in no place there. */
static void test_hand_loop(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(6), kt_custom(&twice_class), kt_dense(2));
    kt_writer *writer = kt_file_writer(kt, folder);
    kt_dataset *batches = kt_dataset_new(kt, X(d), Y(d), .batch_size = BATCH);
    int64_t step = 0;
    kt_for_each_batch (batches, batch) {
        kt_summaries_to(kt, writer, ++step);
        kt_tensor *pred = kt_call_training(model, batch.x);
        kt_write_scalar(writer, "loss", kt_mean(my_loss(batch.y, pred)), step);
    }
    kt_summaries_to(kt, writer, ++step); /* without a scope of its own: the counting begins anew all the same */
    kt_call(model, kt_constant(kt, X(d)));
    kt_summaries_to(kt, writer, ++step);
    kt_call(model, kt_constant(kt, X(d)));
    kt_writer_close(writer);
    assert_fine(kt);
    log_points p = log_read(folder, "");
    for (int s = 1; s <= 5; s++) {
        double first = log_need(&p, "sequential/twice/inner/largest", s)->value;
        need_value(&p, "sequential/twice/inner/largest_1", s, 2 * first);
        if (s <= 3) log_need(&p, "worst", s);
    }
    assert_int_equal(log_count(&p, "sequential/twice/inner/largest"), 5);
    log_free(&p);
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- kinds ---- */

static kt_tensor *media_call(kt_layer *self, kt_tensor *x)
{
    kt_tensor *pictures = kt_reshape(x, (kt_shape){ 4, { kt_dim(x, 0), 2, 3, 1 } });
    kt_summary_image("few", pictures);
    kt_summary_image("grid", pictures, .columns = 2, .scaling = KT_IMAGE_MINMAX);
    kt_summary_image("one", kt_cast(pictures, KT_UINT8), .max_outputs = 1);
    kt_summary_audio("clip", kt_reshape(x, (kt_shape){ 3, { kt_dim(x, 0), 6, 1 } }), 8000, 2);
    kt_summary_text(kt_layer_context(self), "note", "**written** once, shown often");
    return x;
}
static const kt_layer_class media_class = { .name = "media", .call = media_call };

static void expect_media(const log_points *p, const char *place, int64_t step)
{
    static const struct {
        const char *name, *plugin;
        int64_t first_dim;
    } want[] = {
        { "few", "images", 5 }, { "grid", "images", 3 }, { "one", "images", 3 },
        { "clip", "audio", 2 }, { "note", "text", 0 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        char tag[128];
        snprintf(tag, sizeof tag, "%s%s", place, want[i].name);
        const log_point *q = log_need(p, tag, step);
        assert_string_equal(q->plugin, want[i].plugin);
        if (want[i].first_dim) assert_int_equal(q->first_dim, want[i].first_dim);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    for (int mode = 0; mode < 4; mode++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = kt_context_new(.backend = mode == 1   ? "ref"
                                                   : mode == 3 ? "offset"
                                                               : "cpu",
                                        .run_eagerly = mode == 2, .floatx = mode == 1 ? KT_FLOAT64 : KT_FLOAT32);
        kt_model *model = kt_sequential(kt, kt_input(6), kt_custom(&media_class), kt_dense(2));
        kt_compile(model, .optimizer = kt_sgd(0.01), .loss = "mse");
        kt_fit(model, X(d), Y(d), .batch_size = BATCH, .epochs = 1,
               .callbacks = { kt_tensorboard(folder, .update_every = 2) });
        assert_fine(kt);
        log_points p = log_read(folder, "train");
        expect_media(&p, "sequential/media/", 2);
        assert_int_equal(log_count(&p, "sequential/media/few"), 1); /* three batches, one of them looked at */
        assert_true(log_says(&p, "**written** once, shown often"));
        log_free(&p);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

static void test_writing(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_writer *writer = kt_file_writer(kt, folder);
    kt_tensor *x = kt_constant(kt, X(d));
    kt_tensor *pictures = kt_reshape(x, KT_SHAPE(12, 2, 3, 1));
    assert_int_equal(kt_write_image(writer, "few", pictures, 7), KT_OK);
    assert_int_equal(kt_write_image(writer, "grid", pictures, 7, .columns = 4), KT_OK);
    assert_int_equal(kt_write_image(writer, "one", kt_cast(pictures, KT_UINT8), 7, .max_outputs = 1), KT_OK);
    assert_int_equal(kt_write_audio(writer, "clip", kt_reshape(x, KT_SHAPE(12, 6, 1)), 8000, 2, 7), KT_OK);
    assert_int_equal(kt_write_text(writer, "note", "words", 7), KT_OK);
    assert_int_equal(kt_write_image(writer, "nothing", NULL, 7), KT_OK);
    assert_int_equal(kt_write_text(NULL, "note", "words", 7), KT_ERR_VALUE);
    assert_int_equal(kt_write_image(NULL, "few", pictures, 7), KT_ERR_VALUE);
    assert_int_equal(kt_write_image(writer, "few", x, 7), KT_ERR_SHAPE);
    assert_error(kt, KT_ERR_SHAPE, "pictures (batch, height, width, channels)");
    assert_int_equal(kt_write_audio(writer, "clip", x, 8000, 0, 7), KT_ERR_SHAPE);
    assert_error(kt, KT_ERR_SHAPE, "clips (batch, frames, channels)");
    kt_write_audio(writer, "clip", kt_reshape(x, KT_SHAPE(12, 6, 1)), 0, 0, 7);
    assert_error(kt, KT_ERR_VALUE, "rate of 1 or more");
    kt_write_text(writer, "", "words", 7);
    assert_error(kt, KT_ERR_VALUE, "expected a tag");
    assert_int_equal(kt_writer_close(writer), KT_OK);
    log_points p = log_read(folder, "");
    expect_media(&p, "", 7);
    assert_int_equal(log_count(&p, "nothing"), 0);
    log_free(&p);
    kt_context_free(kt);
    remove_folder(folder);
}

/* When nobody looks a summary costs next to nothing; the bound is far above, for slow and busy machines. */
static void test_off(void **state)
{
    (void)state;
    enum { TIMES = 2000000 };
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_tensor *x = kt_zeros(kt, KT_FLOAT32, KT_SHAPE(3));
    for (int turn = 0; turn < 2; turn++) {
        struct timespec a, b;
        double best = 1e9;
        for (int repeat = 0; repeat < 5; repeat++) {
            clock_gettime(CLOCK_MONOTONIC, &a);
            for (int i = 0; i < TIMES; i++) kt_summary_histogram("values", x);
            clock_gettime(CLOCK_MONOTONIC, &b);
            best = fmin(best, ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / TIMES);
        }
        print_message("a summary that nobody looks at%s: %.1f ns\n", turn ? " any more" : "", best);
        assert_true(best < 200);
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_writer *writer = kt_file_writer(kt, folder);
        kt_summaries_to(kt, writer, 1);
        kt_summaries_to(kt, NULL, 1);
        kt_writer_close(writer);
        remove_folder(folder);
    }
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),  cmocka_unit_test(test_hand_loop), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_writing), cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
