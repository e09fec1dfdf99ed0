/* SPDX-License-Identifier: MIT */
/* tests/train/test_nan_doctor.c: the NaN doctor names the op, the layer, the step and the direction, whichever way the
 * first bad number came: forward, backward, from the update, from the data; and leaves the weights of before.
 *
 * Each training is made ill at one chosen step: by one row of the data or by the learning rate. The batch size is 4
 * and nothing is shuffled unless said, so step s of epoch 0 trains on rows 4 (s - 1) and on.
 */
#include "log_points.h"
#include "failing.h"

#include <keratin/ops.h>

enum { WIDTH = 3, BATCH = 4, MOST_STEPS = 300 };

/* ---- layers with a weak spot ---- */

static kt_tensor *logs_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_log(kt_add(x, kt_scalar(x, 2)));
}
static const kt_layer_class logs_class = { .name = "logs", .call = logs_call };

static kt_tensor *roots_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_sqrt(kt_abs(x)); /* its slope at 0 is infinite */
}
static const kt_layer_class roots_class = { .name = "roots", .call = roots_call };

typedef struct illness {
    const char *name;
    const kt_layer_class *layer;
    int64_t step; /* at which it begins */
    float value;  /* of the whole row, if a row is made ill */
    bool row, rate;
    int seen_after;       /* steps until the loss shows it */
    const char *words[5]; /* in the sentence */
} illness;

static const illness forward_illness = {
    "forward",   &logs_class,
    7,           -3,
    .row = true, .words = { "NaN at step 7", "log in sequential/logs, forward, of step 7", "a logarithm of 0 or less" }
};
static const illness backward_illness = { "backward",
                                          &roots_class,
                                          9,
                                          0,
                                          .row = true,
                                          .seen_after = 1,
                                          .words = { "NaN at step 10", "in sequential/roots, backward, of step 9" } };
static const illness update_illness = {
    "update", &logs_class, 5, 0, .rate = true, .seen_after = 1, .words = { "at step 6", "update, of step 5" }
};
static const illness data_illness = { "data",
                                      &logs_class,
                                      4,
                                      NAN,
                                      .row = true,
                                      .words = { "NaN at step 4", "the data is ill", "'x' of batch 3 of epoch 0",
                                                 "holds 3 NaN", "the first in row 2" } };
/* The step before a copy is due: the weights are found ill when they are about to be copied. */
static const illness late_illness = { "late", &roots_class, 256, 0, .row = true, .words = { "backward, of step 256" } };
static const illness later_illness = {
    "later", &logs_class, 290, -3, .row = true, .words = { "forward, of step 290" }
};

static double ill_rate(int64_t step, void *user) { return step + 1 == *(const int64_t *)user ? 1.7e308 : 0.01; }

static void make_data(const illness *ill, float *x, float *y)
{
    for (int i = 0; i < MOST_STEPS * BATCH; i++) {
        for (int k = 0; k < WIDTH; k++) x[i * WIDTH + k] = 0.6f + 0.4f * (float)sin(i * 0.37 + k);
        y[i] = (float)cos(i * 0.11) * 20;
    }
    for (int k = 0; ill->row && k < WIDTH; k++) x[((ill->step - 1) * BATCH + 2) * WIDTH + k] = ill->value;
}

static kt_model *make_model(kt_context *kt, const illness *ill)
{
    bool direct = ill->layer == &logs_class;
    kt_model *model =
        direct
            ? kt_sequential(kt, kt_input(WIDTH), kt_custom(ill->layer), kt_dense(4, .activation = "tanh"), kt_dense(1))
            : kt_sequential(kt, kt_input(WIDTH), kt_dense(4, .no_bias = true), kt_custom(ill->layer), kt_dense(1));
    static int64_t step;
    step = ill->step;
    if (ill->rate) kt_compile(model, .optimizer = kt_sgd(.schedule = ill_rate, .schedule_user = &step), .loss = "mse");
    else kt_compile(model, .optimizer = kt_adam(0.001), .loss = "mse");
    return model;
}

static kt_status train(kt_model *model, const float *x, const float *y, int64_t steps, bool shuffle,
                       kt_callback_spec board)
{
    return kt_fit(model, kt_floats(x, steps * BATCH, WIDTH), kt_floats(y, steps * BATCH, 1), .batch_size = BATCH,
                  .no_shuffle = !shuffle, .callbacks = { board });
}

static int read_weights(kt_model *model, double *to)
{
    kt_tensors w = kt_weights(model);
    int n = 0;
    for (int64_t i = 0; i < w.count; i++) {
        int64_t m = kt_desc_count(kt_desc_of(w.at[i]));
        kt_read(w.at[i], to + n, KT_FLOAT64, m);
        n += (int)m;
    }
    return n;
}

static void expect_batch(kt_context *kt, const char *path, const float *x, const illness *ill)
{
    kt_arrays *batch = kt_read_npz(kt, path);
    if (!batch && kt_error(kt) == KT_ERR_MISSING) {
        kt_clear_error(kt);
        return;
    }
    assert_non_null(batch);
    kt_array kept = kt_arrays_get(batch, "x");
    assert_int_equal(kept.dim[0], BATCH);
    assert_memory_equal(kept.data, x + (ill->step - 1) * BATCH * WIDTH, sizeof(float) * BATCH * WIDTH);
    assert_non_null(kt_arrays_get(batch, "y").data);
}

static void run_case(const illness *ill, int64_t steps, const char *backend, bool eagerly)
{
    static float x[MOST_STEPS * BATCH * WIDTH], y[MOST_STEPS * BATCH];
    double after[64], before[64];
    char folder[256], batch_file[300];
    make_folder(folder, sizeof folder);
    snprintf(batch_file, sizeof batch_file, "%s/batch.npz", folder);
    make_data(ill, x, y);
    kt_context *kt = kt_context_new(.backend = backend, .run_eagerly = eagerly, .seed = 3);
    kt_model *model = make_model(kt, ill);
    kt_status status = train(model, x, y, steps, false,
                             kt_tensorboard(folder, .nan_doctor = true, .nan_batch = batch_file,
                                            .watch_gradients = true, .watch = { .every = 3 }));
    if (status != KT_ERR_NAN) fail_msg("%s on %s: %s: %s", ill->name, backend, kt_status_name(status), kt_message(kt));
    for (int i = 0; i < 5 && ill->words[i]; i++)
        if (!strstr(kt_message(kt), ill->words[i]))
            fail_msg("%s on %s: expected '%s' in: %s", ill->name, backend, ill->words[i], kt_message(kt));
    kt_clear_error(kt);
    log_points p = log_read(folder, "train");
    assert_int_equal(log_count(&p, "nan_doctor"), 1);
    if (ill->seen_after || !ill->row || ill->step < 250) log_need(&p, "nan_doctor", ill->step + ill->seen_after);
    log_free(&p);
    expect_batch(kt, batch_file, x, ill);
    int n = read_weights(model, after);
    kt_context_free(kt);
    remove_folder(folder);
    /* The weights are those of a training that ended before the step at fault. */
    kt = kt_context_new(.backend = backend, .run_eagerly = eagerly, .seed = 3);
    model = make_model(kt, ill);
    assert_int_equal(train(model, x, y, ill->step - 1, false, (kt_callback_spec){ .cls = NULL }), KT_OK);
    assert_int_equal(read_weights(model, before), n);
    assert_memory_equal(after, before, (size_t)n * sizeof *after);
    kt_context_free(kt);
}

static void test_directions(void **state)
{
    (void)state;
    const illness *const cases[] = { &forward_illness, &backward_illness, &update_illness, &data_illness };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(cases[i], 20, "cpu", false);
        run_case(cases[i], 20, "ref", false);
        run_case(cases[i], 20, "offset", false);
        run_case(cases[i], 20, "cpu", true);
    }
}

static void test_long_trainings(void **state)
{
    (void)state;
    run_case(&late_illness, MOST_STEPS, "cpu", false);
    run_case(&later_illness, MOST_STEPS, "cpu", false);
}

/* Shuffled, several epochs, a short last batch, validation between them, dropout: the replay meets the same numbers. */
typedef struct stopper {
    int64_t at, seen;
} stopper;
static kt_status stop_at(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)batch, (void)logs;
    stopper *s = self;
    if (++s->seen == s->at) kt_loop_stop(loop);
    return KT_OK;
}
static const kt_callback_class stopper_class = { .name = "stopper", .on_train_batch_end = stop_at };

static void test_epochs(void **state)
{
    (void)state;
    enum { ROWS = 30, ILL = 27 };
    float x[ROWS * WIDTH], y[ROWS];
    double weights[2][64];
    int n[2];
    static int64_t ill_step = ILL; /* batch 2 of epoch 3 */
    for (int i = 0; i < ROWS * WIDTH; i++) x[i] = (float)sin(i);
    for (int i = 0; i < ROWS; i++) y[i] = (float)cos(i);
    char folder[256];
    make_folder(folder, sizeof folder);
    for (int turn = 0; turn < 2; turn++) {
        kt_context *kt = test_context("cpu", KT_FLOAT32);
        kt_model *model =
            kt_sequential(kt, kt_input(WIDTH), kt_dense(8, .activation = "relu"), kt_dropout(0.5), kt_dense(1));
        kt_compile(model, .optimizer = kt_sgd(.momentum = 0.9, .schedule = ill_rate, .schedule_user = &ill_step),
                   .loss = "mse", .metrics = { "mae" });
        stopper s = { ILL - 1, 0 };
        kt_callback_spec board = kt_tensorboard(folder, .nan_doctor = true), stop = kt_callback_of(&stopper_class, &s);
        kt_status status =
            kt_fit(model, kt_floats(x, ROWS, WIDTH), kt_floats(y, ROWS, 1), .batch_size = BATCH, .epochs = 6,
                   .validation_x = kt_floats(x, ROWS, WIDTH), .validation_y = kt_floats(y, ROWS, 1),
                   .class_weight = (kt_class_weight[]){ { 0, 2 } }, .class_weight_count = 1,
                   .callbacks = { turn ? stop : board });
        if (turn) assert_int_equal(status, KT_OK);
        else assert_error(kt, KT_ERR_NAN, "update, of step 27 (epoch 3, batch 2)");
        n[turn] = read_weights(model, weights[turn]);
        kt_context_free(kt);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(weights[0], weights[1], (size_t)n[0] * sizeof(double));
    remove_folder(folder);
}

/* A callback that changes the weights between the steps of an epoch: nothing is found, and that is said. */
static kt_status spoil(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)self, (void)logs;
    if (batch == 5) kt_variable_fill(kt_weights(kt_loop_model(loop)).at[0], (double)NAN);
    return KT_OK;
}
static const kt_callback_class spoil_class = { .name = "spoil", .on_train_batch_end = spoil };

static void test_not_found(void **state)
{
    (void)state;
    static float x[MOST_STEPS * BATCH * WIDTH], y[MOST_STEPS * BATCH];
    char folder[256];
    make_folder(folder, sizeof folder);
    make_data(&(illness){ .step = 1 }, x, y);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = make_model(kt, &(illness){ .layer = &logs_class, .step = 1000 });
    assert_int_equal(kt_fit(model, kt_floats(x, 80, WIDTH), kt_floats(y, 80, 1), .batch_size = BATCH,
                            .no_shuffle = true,
                            .callbacks = { kt_tensorboard(folder, .nan_doctor = true),
                                           kt_callback_of(&spoil_class, NULL) }),
                     KT_ERR_NAN);
    assert_error(kt, KT_ERR_NAN, "found no op that made it");
    log_points p = log_read(folder, "train");
    assert_true(log_says(&p, "something that is no part of them"));
    log_free(&p);
    kt_context_free(kt);
    remove_folder(folder);
}

/* A data set that makes batches ahead is sought back; a batch file that cannot be written changes nothing. */
static void test_prefetched(void **state)
{
    (void)state;
    static float x[MOST_STEPS * BATCH * WIDTH], y[MOST_STEPS * BATCH];
    char folder[256];
    make_folder(folder, sizeof folder);
    make_data(&forward_illness, x, y);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = make_model(kt, &forward_illness);
    kt_dataset *data =
        kt_dataset_new(kt, kt_floats(x, 80, WIDTH), kt_floats(y, 80, 1), .batch_size = BATCH, .prefetch = 3);
    assert_int_equal(kt_fit(model, .data = data,
                            .callbacks = { kt_tensorboard(folder, .nan_doctor = true,
                                                          .nan_batch = "/nowhere/at/all.npz") }),
                     KT_ERR_NAN);
    assert_error(kt, KT_ERR_NAN, "log in sequential/logs, forward, of step 7 (epoch 0, batch 6)");
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- every allocation fails in turn ---- */

static kt_status sick_program(failing *f, const float *x, const float *y, const char *folder)
{
    kt_context *kt =
        kt_context_new(.backend = "cpu", .allocator = { failing_allocate, failing_resize, failing_release, f });
    if (!kt) return KT_ERR_MEMORY;
    kt_model *model = make_model(kt, &backward_illness);
    if (model)
        train(model, x, y, 12, false,
              kt_tensorboard(folder, .nan_doctor = true, .watch = { .every = 2 }, .watch_gradients = true,
                             .watch_updates = true, .watch_activations = true, .watch_weights = true,
                             .watch_learning_rate = true, .watch_loss_terms = true));
    kt_status status = kt_error(kt);
    kt_context_free(kt);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    static float x[MOST_STEPS * BATCH * WIDTH], y[MOST_STEPS * BATCH];
    char folder[256];
    make_folder(folder, sizeof folder);
    make_data(&backward_illness, x, y);
    failing f = { .left = -1 };
    assert_int_equal(sick_program(&f, x, y, folder), KT_ERR_NAN);
    assert_int_equal(f.live, 0);
    int64_t all = f.made;
    assert_true(all > 100);
    for (int64_t n = 0; n < all; n++) {
        f = (failing){ .left = n };
        kt_status status = sick_program(&f, x, y, folder);
        if (f.live != 0 || (status != KT_ERR_MEMORY && status != KT_ERR_NAN && status != KT_ERR_IO))
            fail_msg("allocation %lld of %lld: %s, %lld blocks were not given back", (long long)n, (long long)all,
                     kt_status_name(status), (long long)f.live);
    }
    remove_folder(folder);
}

static void test_hand_loop(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_loop *loop = kt_loop_new(kt, .epochs = 1, .callbacks = { kt_tensorboard(folder, .nan_doctor = true) });
    kt_loop_train_begin(loop);
    kt_loop_epoch_begin(loop, 0);
    for (int i = 0; i < 3; i++) {
        kt_loop_batch_begin(loop, i);
        kt_loop_log(loop, "loss", i == 2 ? (double)INFINITY : 1);
        assert_int_equal(kt_loop_batch_end(loop, i), i == 2 ? KT_ERR_NAN : KT_OK);
    }
    assert_error(kt, KT_ERR_NAN, "the loss became infinite at step 3");
    kt_loop_free(loop);
    kt_context_free(kt);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directions),
        cmocka_unit_test(test_long_trainings),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_prefetched),
        cmocka_unit_test(test_hand_loop),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
