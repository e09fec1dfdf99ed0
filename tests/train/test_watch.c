/* SPDX-License-Identifier: MIT */
/* tests/train/test_watch.c: the watch options of the TensorBoard callback, number for number against a loop written by
 * hand that computes the same with plain ops.
 *
 * What the optimizer really applied is not taken from the library's word: under plain SGD it is (before - after) /
 * rate. Besides: nothing is watched but at the gate's batches, training is the same to the bit with and without,
 * nothing is allocated after the first epoch, and hand-written loops with callbacks are watched as well.
 */
#include "log_points.h"

#include <keratin/ops.h>

enum { ROWS = 20, BATCH = 8, EPOCHS = 2, STEPS = 6, WEIGHTS = 4 };

typedef struct data {
    float x[ROWS * 6], y[ROWS * 2];
} data;

static void make_data(data *d)
{
    for (int i = 0; i < ROWS * 6; i++) d->x[i] = (float)sin(i * 0.37) * 3;
    for (int i = 0; i < ROWS * 2; i++) d->y[i] = (float)cos(i * 0.11);
}
#define X(d) kt_floats((d).x, ROWS, 6)
#define Y(d) kt_floats((d).y, ROWS, 2)

static kt_tensor *pays_call(kt_layer *self, kt_tensor *x)
{
    kt_add_loss(self, kt_mul(kt_scalar(x, 0.01), kt_mean(kt_square(x))));
    return kt_relu(x);
}
static const kt_layer_class pays_class = { .name = "pays", .call = pays_call };

static kt_model *make_model(kt_context *kt)
{
    return kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh", .kernel_regularizer = "l2"),
                         kt_custom(&pays_class), kt_flatten(), kt_dense(2));
}

typedef struct clip {
    double norm, value, global;
} clip;

/* ---- the loop written by hand ---- */

typedef struct expected {
    double gradient_norm[WEIGHTS], applied_norm[WEIGHTS], ratio[WEIGHTS], weight_norm[WEIGHTS], global, applied_global;
    kt_bucket gradient[WEIGHTS][KT_HISTOGRAM_BUCKETS], hidden[KT_HISTOGRAM_BUCKETS];
    double mean, deviation, saturation, zeros; /* of the tanh layer; zeros of the relu layer */
    double loss, extra, l2, added, rate;
    const char *names[WEIGHTS];
} expected;

static double norm_of(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

enum { MOST = 64 };

static void step_by_hand(kt_model *model, kt_optimizer *optimizer, kt_tensor *x, kt_tensor *y, expected *e)
{
    kt_tensors w = kt_trainable(model);
    double before[WEIGHTS][MOST], after[WEIGHTS][MOST], g[WEIGHTS][MOST], hidden[MOST * 8], relu[MOST * 8];
    assert_int_equal(w.count, WEIGHTS);
    for (int i = 0; i < WEIGHTS; i++) kt_read(w.at[i], before[i], KT_FLOAT64, kt_desc_count(kt_desc_of(w.at[i])));
    kt_tensor *h = kt_tanh(kt_add(kt_matmul(x, w.at[0]), w.at[1])), *r = kt_relu(h);
    kt_tensor *loss = kt_loss_named("mse", y, kt_call_training(model, x), NULL), *extra = kt_model_losses(model);
    kt_tensor *l2 = kt_mul(kt_scalar(loss, 0.01), kt_sum(kt_square(w.at[0])));
    kt_tensors d = kt_gradients(kt_add(loss, extra), w);
    kt_tensor *all[] = { h, r, loss, extra, l2, d.at[0], d.at[1], d.at[2], d.at[3] };
    assert_int_equal(kt_compute(all, 9), KT_OK);
    int64_t n = kt_desc_count(kt_desc_of(h));
    kt_read(h, hidden, KT_FLOAT64, n);
    kt_read(r, relu, KT_FLOAT64, n);
    e->mean = e->deviation = e->saturation = e->zeros = e->global = e->applied_global = 0;
    for (int64_t i = 0; i < n; i++) {
        e->mean += hidden[i] / (double)n;
        e->saturation += (fabs(hidden[i]) > 0.97) / (double)n;
        e->zeros += (relu[i] == 0) / (double)n;
    }
    for (int64_t i = 0; i < n; i++) e->deviation += (hidden[i] - e->mean) * (hidden[i] - e->mean) / (double)n;
    e->deviation = sqrt(e->deviation);
    kt_histogram_buckets_f64(hidden, n, e->hidden);
    e->loss = kt_item(loss);
    e->extra = kt_item(extra);
    e->l2 = kt_item(l2);
    e->added = e->extra - e->l2;
    e->rate = kt_learning_rate(optimizer);
    for (int i = 0; i < WEIGHTS; i++) kt_read(d.at[i], g[i], KT_FLOAT64, kt_desc_count(kt_desc_of(w.at[i])));
    assert_int_equal(kt_apply_gradients(optimizer, d, w), KT_OK);
    for (int i = 0; i < WEIGHTS; i++) {
        int64_t m = kt_desc_count(kt_desc_of(w.at[i]));
        double change[MOST], applied[MOST];
        kt_read(w.at[i], after[i], KT_FLOAT64, m);
        for (int64_t k = 0; k < m; k++) change[k] = after[i][k] - before[i][k];
        for (int64_t k = 0; k < m; k++) applied[k] = -change[k] / e->rate;
        e->names[i] = kt_variable_name(w.at[i]);
        e->gradient_norm[i] = norm_of(g[i], m);
        e->applied_norm[i] = norm_of(applied, m);
        double size = norm_of(before[i], m);
        e->ratio[i] = size > 0 ? norm_of(change, m) / size : 0;
        e->weight_norm[i] = norm_of(after[i], m);
        e->global += e->gradient_norm[i] * e->gradient_norm[i];
        e->applied_global += e->applied_norm[i] * e->applied_norm[i];
        kt_histogram_buckets_f64(g[i], m, e->gradient[i]);
    }
    e->global = sqrt(e->global);
    e->applied_global = sqrt(e->applied_global);
}

static double halving(int64_t step, void *user)
{
    (void)user;
    return 0.1 / (double)(1 + step);
}

#define OPTIMIZER(c, scheduled)                                                                                        \
    kt_sgd(0.1, .clipnorm = (c).norm, .clipvalue = (c).value, .global_clipnorm = (c).global,                           \
           .schedule = (scheduled) ? halving : NULL)

static void run_by_hand(const data *d, clip c, bool scheduled, expected *e)
{
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = make_model(kt);
    kt_optimizer *optimizer = kt_optimizer_new(kt, OPTIMIZER(c, scheduled));
    kt_dataset *batches = kt_dataset_new(kt, X(*d), Y(*d), .batch_size = BATCH);
    int n = 0;
    kt_call_training(model, kt_constant(kt, kt_floats(d->x, BATCH, 6))); /* makes the weights */
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        kt_for_each_batch (batches, batch) step_by_hand(model, optimizer, batch.x, batch.y, &e[n++]);
    assert_fine(kt);
    assert_int_equal(n, STEPS);
    for (int i = 0; i < STEPS; i++)
        for (int k = 0; k < WEIGHTS; k++) e[i].names[k] = NULL; /* die with the context; the order is known */
    kt_context_free(kt);
}

/* ---- comparing ---- */

static const char *const weight_names[WEIGHTS] = { "sequential/dense/kernel", "sequential/dense/bias",
                                                   "sequential/dense_1/kernel", "sequential/dense_1/bias" };

static void near_at(const log_points *p, const char *tag, int64_t step, double want)
{
    double got = log_need(p, tag, step)->value;
    if (!(fabs(got - want) <= 2e-4 * (1e-3 + fabs(want))))
        fail_msg("%s at %lld: expected %.9g, got %.9g", tag, (long long)step, want, got);
}

static void near_histogram(const log_points *p, const char *tag, int64_t step, const kt_bucket *want)
{
    const log_point *q = log_need(p, tag, step);
    double moved = 0, total = 0;
    for (int i = 0; i < KT_HISTOGRAM_BUCKETS; i++) {
        assert_true(fabs(q->rows[i][0] - want[i].left) <= 1e-5 * (1e-2 + fabs(want[i].left)));
        moved += fabs(q->rows[i][2] - want[i].count);
        total += want[i].count;
    }
    if (moved > 2) fail_msg("%s at %lld: %g of %g are elsewhere", tag, (long long)step, moved, total);
}

static void compare_step(const log_points *p, int64_t step, const expected *e, bool clips)
{
    char tag[160];
    for (int i = 0; i < WEIGHTS; i++) {
        snprintf(tag, sizeof tag, "gradients/%s/norm", weight_names[i]);
        near_at(p, tag, step, e->gradient_norm[i]);
        snprintf(tag, sizeof tag, "gradients/%s/histogram", weight_names[i]);
        near_histogram(p, tag, step, e->gradient[i]);
        snprintf(tag, sizeof tag, "applied_gradients/%s/norm", weight_names[i]);
        if (clips) near_at(p, tag, step, e->applied_norm[i]);
        else assert_null(log_find(p, tag, step));
        snprintf(tag, sizeof tag, "updates/%s/ratio", weight_names[i]);
        near_at(p, tag, step, e->ratio[i]);
        snprintf(tag, sizeof tag, "weights/%s/norm", weight_names[i]);
        near_at(p, tag, step, e->weight_norm[i]);
    }
    near_at(p, "gradients/global_norm", step, e->global);
    if (clips) near_at(p, "applied_gradients/global_norm", step, e->applied_global);
    near_at(p, "weights/sequential/dense/norm", step, hypot(e->weight_norm[0], e->weight_norm[1]));
    near_at(p, "weights/sequential/dense_1/norm", step, hypot(e->weight_norm[2], e->weight_norm[3]));
    near_at(p, "activations/sequential/dense/mean", step, e->mean);
    near_at(p, "activations/sequential/dense/deviation", step, e->deviation);
    near_at(p, "activations/sequential/dense/saturation", step, e->saturation);
    near_at(p, "activations/sequential/dense/zeros", step, 0);
    near_at(p, "activations/sequential/pays/zeros", step, e->zeros);
    near_histogram(p, "activations/sequential/dense/histogram", step, e->hidden);
    log_need(p, "activations/sequential/dense_1/mean", step);
    assert_null(log_find(p, "activations/sequential/pays/saturation", step)); /* relu has one end only */
    assert_null(log_find(p, "activations/sequential/flatten/mean", step));    /* only another shape */
    assert_null(log_find(p, "activations/sequential/mean", step));            /* the last layer's output */
    near_at(p, "loss_terms/mean_squared_error", step, e->loss);
    near_at(p, "loss_terms/total", step, e->loss + e->extra);
    near_at(p, "loss_terms/sequential/dense/kernel/regularizer", step, e->l2);
    near_at(p, "loss_terms/sequential/pays/add_loss", step, e->added);
    near_at(p, "batch_learning_rate", step, e->rate);
}

#define WATCH_ALL                                                                                                      \
    .watch_gradients = true, .watch_updates = true, .watch_activations = true, .watch_weights = true,                  \
    .watch_learning_rate = true, .watch_loss_terms = true

static log_points run_fit(const data *d, const char *backend, bool eagerly, clip c, bool scheduled, kt_gate gate)
{
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = kt_context_new(.backend = backend, .run_eagerly = eagerly, .seed = 3);
    kt_model *model = make_model(kt);
    kt_compile(model, .optimizer = OPTIMIZER(c, scheduled), .loss = "mse", .metrics = { "mae" });
    kt_fit(model, X(*d), Y(*d), .batch_size = BATCH, .epochs = EPOCHS, .no_shuffle = true, .validation_split = 0,
           .validation_x = X(*d), .validation_y = Y(*d),
           .callbacks = { kt_tensorboard(folder, .update_freq = "batch", .watch = gate, WATCH_ALL) });
    assert_fine(kt);
    log_points p = log_read(folder, "train"), v = log_read(folder, "validation");
    for (int i = 0; i < v.n; i++) assert_null(strstr(v.at[i].tag, "activations"));
    log_free(&v);
    kt_context_free(kt);
    remove_folder(folder);
    return p;
}

static void test_numbers(void **state)
{
    (void)state;
    static const clip clips[] = { { 0, 0, 0 }, { 0.05, 0, 0 }, { 0, 0.01, 0 }, { 0, 0, 0.1 } };
    static expected e[STEPS];
    data d;
    make_data(&d);
    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++) {
        bool clips_now = clips[i].norm + clips[i].value + clips[i].global > 0;
        run_by_hand(&d, clips[i], i == 1, e);
        assert_true(e[0].saturation > 0.02 && e[0].zeros > 0.2); /* or this would test nothing */
        for (int mode = 0; mode < 3; mode++) {
            log_points p = run_fit(&d, mode == 1 ? "ref" : "cpu", mode == 2, clips[i], i == 1, (kt_gate){ 0 });
            for (int step = 0; step < STEPS; step++) compare_step(&p, step + 1, &e[step], clips_now);
            log_free(&p);
        }
    }
}

static void test_gate(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    log_points p = run_fit(&d, "cpu", false, (clip){ 0 }, false, (kt_gate){ .every = 4 });
    assert_int_equal(log_count(&p, "gradients/global_norm"), 1);
    assert_int_equal(log_count(&p, "activations/sequential/dense/mean"), 1);
    assert_int_equal(log_count(&p, "batch_learning_rate"), 1);
    log_need(&p, "gradients/global_norm", 4);
    assert_int_equal(log_count(&p, "batch_loss"), STEPS);
    log_free(&p);
}

/* ---- the training is the same ---- */

typedef struct memory_at {
    uint64_t last, grown;
    int64_t epoch;
} memory_at;

/* What was allocated from one batch's beginning to the next one's: the step and all that the board does about it. */
static kt_status at_batch(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)logs;
    memory_at *m = self;
    uint64_t now = kt_memory(kt_loop_context(loop)).allocations;
    if (batch > 0 && m->epoch >= 2) m->grown += now - m->last;
    m->last = now;
    return KT_OK;
}
static kt_status at_epoch(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)loop, (void)logs;
    ((memory_at *)self)->epoch = epoch;
    return KT_OK;
}
static const kt_callback_class memory_class = { .name = "memory",
                                                .on_train_batch_begin = at_batch,
                                                .on_epoch_begin = at_epoch };

static uint64_t train(const char *folder, float *weights, kt_optimizer_spec optimizer, bool watched)
{
    data d;
    make_data(&d);
    memory_at m = { .last = 0 };
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_dropout(0.3), kt_dense(2));
    kt_compile(model, .optimizer = optimizer, .loss = "mse");
    kt_callback_spec board = watched ? kt_tensorboard(folder, .watch = { .every = 2 }, .nan_doctor = true, WATCH_ALL)
                                     : kt_tensorboard(folder);
    kt_fit(model, X(d), Y(d), .batch_size = BATCH, .epochs = 300,
           .callbacks = { kt_callback_of(&memory_class, &m), board });
    assert_fine(kt);
    kt_tensors w = kt_weights(model);
    for (int64_t i = 0; i < w.count; i++) {
        int64_t n = kt_desc_count(kt_desc_of(w.at[i]));
        kt_read(w.at[i], weights, KT_FLOAT32, n);
        weights += n;
    }
    kt_context_free(kt);
    return m.grown;
}

static void test_same_bits(void **state)
{
    (void)state;
    enum { N = 6 * 8 + 8 + 8 * 2 + 2 };
    for (int i = 0; i < 3; i++) {
        kt_optimizer_spec optimizer = i == 0   ? kt_sgd(0.05, .momentum = 0.9)
                                      : i == 1 ? kt_adam(.global_clipnorm = 0.5)
                                               : kt_sgd(0.05, .weight_decay = 0.01);
        char folder[256];
        float plain[N], watched[N];
        make_folder(folder, sizeof folder);
        train(folder, plain, optimizer, false);
        assert_int_equal(train(folder, watched, optimizer, true), 0);
        assert_memory_equal(plain, watched, sizeof plain);
        remove_folder(folder);
    }
}

/* ---- loops written by hand, with callbacks ---- */

static void hand_loop(bool eagerly)
{
    data d;
    make_data(&d);
    static expected e[STEPS];
    run_by_hand(&d, (clip){ .value = 0.01 }, false, e);
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = kt_context_new(.run_eagerly = eagerly, .seed = 3);
    kt_model *model = make_model(kt);
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_sgd(0.1, .clipvalue = 0.01));
    kt_dataset *batches = kt_dataset_new(kt, X(d), Y(d), .batch_size = BATCH);
    kt_loop *loop = kt_loop_new(kt, .model = model, .optimizer = optimizer, .epochs = EPOCHS, .steps = 3,
                                .callbacks = { kt_tensorboard(folder, .watch = { .every = 3 }, WATCH_ALL) });
    kt_loop_train_begin(loop);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        kt_loop_epoch_begin(loop, epoch);
        kt_for_each_batch (batches, batch) {
            kt_loop_batch_begin(loop, batch.index);
            kt_tensor *loss = kt_loss_named("mse", batch.y, kt_call_training(model, batch.x), NULL);
            loss = kt_add(loss, kt_model_losses(model));
            kt_tensors w = kt_trainable(model);
            kt_apply_gradients(optimizer, kt_gradients(loss, w), w);
            kt_loop_log(loop, "loss", kt_item(loss));
            kt_loop_batch_end(loop, batch.index);
        }
        kt_loop_epoch_end(loop, epoch);
    }
    kt_loop_train_end(loop);
    assert_fine(kt);
    log_points p = log_read(folder, "train");
    for (int64_t step = 3; step <= 6; step += 3) {
        near_at(&p, "gradients/global_norm", step, e[step - 1].global);
        near_at(&p, "applied_gradients/global_norm", step, e[step - 1].applied_global);
        near_at(&p, "updates/sequential/dense/kernel/ratio", step, e[step - 1].ratio[0]);
        near_at(&p, "activations/sequential/dense/mean", step, e[step - 1].mean);
        near_at(&p, "weights/sequential/dense/norm", step,
                hypot(e[step - 1].weight_norm[0], e[step - 1].weight_norm[1]));
        near_at(&p, "batch_learning_rate", step, 0.1);
    }
    assert_int_equal(log_count(&p, "gradients/global_norm"), 2);
    log_free(&p);
    kt_context_free(kt);
    remove_folder(folder);
}

static void test_hand_loop(void **state)
{
    (void)state;
    hand_loop(false);
    hand_loop(true);
}

/* ---- a layer that is called twice in a step ---- */

static kt_status shared_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "inner", kt_dense(6, .activation = "sigmoid"));
    return KT_OK;
}
static kt_tensor *shared_call(kt_layer *self, kt_tensor *x)
{
    kt_layer *inner = kt_sublayer(self, "inner");
    return kt_call_layer(inner, kt_call_layer(inner, x));
}
static const kt_layer_class shared_class = { .name = "shared", .build = shared_build, .call = shared_call };

static void test_shared(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(6), kt_custom(&shared_class), kt_dense(2));
    kt_compile(model, .optimizer = kt_sgd(0.1), .loss = "mse");
    kt_fit(model, X(d), Y(d), .batch_size = BATCH, .epochs = 2,
           .callbacks = { kt_tensorboard(folder, .watch = { .every = 2 }, WATCH_ALL) });
    assert_fine(kt);
    log_points p = log_read(folder, "train");
    for (int64_t step = 2; step <= 6; step += 2) {
        static const char *const tags[] = { "mean", "deviation", "zeros", "saturation", "histogram" };
        for (int i = 0; i < 5; i++) {
            char first[128], second[160];
            snprintf(first, sizeof first, "activations/sequential/shared/inner/%s", tags[i]);
            snprintf(second, sizeof second, "%s_1", first);
            const log_point *a = log_need(&p, first, step), *b = log_need(&p, second, step);
            if (i == 0) assert_true(a->value != b->value);
        }
        assert_null(log_find(&p, "activations/sequential/shared/mean", step)); /* it only hands on what inner made */
        log_need(&p, "weights/sequential/shared/inner/norm", step);
    }
    assert_int_equal(log_count(&p, "gradients/sequential/shared/inner/kernel/norm"), 3);
    log_free(&p);
    kt_context_free(kt);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_hand_loop),
        cmocka_unit_test(test_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
