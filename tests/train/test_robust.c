/* SPDX-License-Identifier: MIT */
/* tests/train/test_robust.c: what must hold whatever happens: cancelling from a thread and from a signal handler, no
 * allocation once steps are recorded, every allocation failing in turn, contexts in two threads, trainable flags that
 * change.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "testing.h"
#include "failing.h"

enum { ROWS = 64 };

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

static kt_model *small_model(kt_context *kt)
{
    kt_model *model = kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_dropout(0.1), kt_dense(2));
    kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .metrics = { "mae" });
    return model;
}

/* ---- cancel ---- */

typedef struct ended {
    int train_ends, epochs;
    int64_t steps;
    kt_context *kt;
} ended;

static kt_status count_end(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    ((ended *)self)->train_ends++;
    return KT_OK;
}
static kt_status count_step(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop, (void)batch, (void)logs;
    ((ended *)self)->steps++;
    return KT_OK;
}
static const kt_callback_class ended_class = { .name = "ended",
                                               .on_train_end = count_end,
                                               .on_train_batch_end = count_step };

static void *cancel_soon(void *arg)
{
    nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
    kt_cancel(arg);
    return NULL;
}

static void after_cancel(kt_context *kt, kt_model *model, const ended *e, kt_status status, const data *d)
{
    assert_int_equal(status, KT_ERR_CANCELLED);
    assert_int_equal(e->train_ends, 1);
    assert_true(e->steps >= 1);
    assert_int_equal(kt_iterations(kt_model_optimizer(model)), e->steps); /* whole steps only */
    assert_error(kt, KT_ERR_CANCELLED, "kt_cancel");
    assert_int_equal(kt_fit(model, X(*d), Y(*d)), KT_OK); /* and it can go on */
}

static void test_cancel_thread(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = small_model(kt);
    ended e = { .epochs = 0 };
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_soon, kt);
    kt_status status =
        kt_fit(model, X(d), Y(d), .epochs = 100000000, .callbacks = { kt_callback_of(&ended_class, &e) });
    pthread_join(thread, NULL);
    after_cancel(kt, model, &e, status, &d);
    kt_context_free(kt);
}

static kt_context *signalled;
static void on_signal(int number)
{
    (void)number;
    kt_cancel(signalled);
}

static void test_cancel_signal(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    kt_context *kt = signalled = test_context("ref", KT_FLOAT32);
    kt_model *model = small_model(kt);
    ended e = { .epochs = 0 };
    struct sigaction act = { .sa_handler = on_signal }, old;
    sigaction(SIGALRM, &act, &old);
    timer_t timer;
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &(struct itimerspec){ .it_value = { 0, 20000000 } }, NULL);
    kt_status status =
        kt_fit(model, X(d), Y(d), .epochs = 100000000, .callbacks = { kt_callback_of(&ended_class, &e) });
    timer_delete(timer);
    sigaction(SIGALRM, &old, NULL);
    after_cancel(kt, model, &e, status, &d);
    kt_cancel(kt);
    assert_int_equal(kt_evaluate(model, NULL, X(d), Y(d), .batch_size = 4), KT_ERR_CANCELLED);
    assert_error(kt, KT_ERR_CANCELLED, "evaluate");
    kt_cancel(kt);
    assert_null(kt_predict(model, X(d), .batch_size = 4));
    assert_error(kt, KT_ERR_CANCELLED, "predict");
    kt_context_free(kt);
}

/* ---- allocations ---- */

typedef struct memory_at {
    uint64_t after_first, at_end;
} memory_at;

static kt_status watch_memory(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)batch, (void)logs;
    memory_at *m = self;
    m->at_end = kt_memory(kt_loop_context(loop)).allocations;
    return KT_OK;
}
static kt_status first_epoch(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)logs;
    memory_at *m = self;
    if (epoch == 1) m->after_first = kt_memory(kt_loop_context(loop)).allocations;
    return KT_OK;
}
static const kt_callback_class memory_class = { .name = "memory",
                                                .on_train_batch_end = watch_memory,
                                                .on_epoch_begin = first_epoch };

static kt_status look_at_logs(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)self, (void)loop, (void)batch;
    return kt_logs_get(logs, "loss", NULL) ? KT_OK : KT_ERR_INTERNAL;
}
static const kt_callback_class looker_class = { .name = "looker", .on_train_batch_end = look_at_logs };

/* After the first epoch, which records the steps (the short last batch too), nothing allocates: not the steps, not
 * shuffling, not validation, not reading logs, not a scalar in TensorBoard each step. */
static void test_no_allocation(void **state)
{
    (void)state;
    const char *backends[] = { "ref", "cpu" };
    for (int k = 0; k < 2; k++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        data d;
        make_data(&d);
        kt_context *kt = test_context(backends[k], KT_FLOAT32);
        kt_model *model = small_model(kt);
        memory_at m = { 0, 0 };
        assert_int_equal(kt_fit(model, X(d), Y(d), .batch_size = 12, .epochs = 8, .validation_split = 0.25,
                                .callbacks = { kt_callback_of(&looker_class, NULL), kt_callback_of(&memory_class, &m),
                                               kt_tensorboard(folder, .histogram_freq = 1, .update_freq = "batch") }),
                         KT_OK);
        assert_true(m.after_first > 0);
        assert_int_equal(m.at_end, m.after_first);
        uint64_t before = kt_memory(kt).allocations;
        kt_array none = { .data = NULL };
        kt_train_on_batch(model, X(d), Y(d), none, NULL);
        uint64_t recorded = kt_memory(kt).allocations;
        for (int i = 0; i < 20; i++) kt_train_on_batch(model, X(d), Y(d), none, NULL);
        assert_true(recorded > before);
        assert_int_equal(kt_memory(kt).allocations, recorded);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

/* The third program of the mission, watched by callbacks and a writer. */
static void hand_loop(kt_context *kt, const data *d, const char *folder)
{
    kt_model *model = kt_sequential(kt, kt_input(6), kt_dense(4), kt_dense(2));
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_adam());
    kt_writer *writer = kt_file_writer(kt, folder);
    kt_dataset *batches = kt_dataset_new(kt, X(*d), Y(*d), .batch_size = 24);
    kt_loop *loop =
        kt_loop_new(kt, .model = model, .epochs = 1, .callbacks = { kt_tensorboard(folder, .histogram_freq = 1) });
    kt_loop_train_begin(loop);
    kt_loop_epoch_begin(loop, 0);
    kt_for_each_batch(batches, batch) {
        kt_loop_batch_begin(loop, batch.index);
        kt_tensor *loss = kt_loss_named("mse", batch.y, kt_call_training(model, batch.x), NULL);
        kt_apply_gradients(optimizer, kt_gradients(loss, kt_trainable(model)), kt_trainable(model));
        kt_write_scalar(writer, "loss", loss, batch.index);
        kt_loop_log(loop, "loss", kt_item(loss));
        kt_loop_batch_end(loop, batch.index);
    }
    kt_loop_epoch_end(loop, 0);
    kt_loop_train_end(loop);
    kt_loop_free(loop);
    kt_writer_close(writer);
    kt_dataset_free(batches);
}

/* A whole program: three styles of models, training with callbacks, evaluation, prediction, weights in a file. */
static kt_status whole_program(failing *f, const data *d, const char *folder)
{
    char path[300];
    snprintf(path, sizeof path, "%s/w.npz", folder);
    kt_context *kt =
        kt_context_new(.backend = "ref", .allocator = { failing_allocate, failing_resize, failing_release, f });
    if (!kt) return KT_ERR_MEMORY;
    kt_model *model = small_model(kt);
    kt_fit(model, X(*d), Y(*d), .batch_size = 24, .epochs = 2, .validation_split = 0.25,
           .callbacks = { kt_tensorboard(folder, .histogram_freq = 1),
                          kt_early_stopping(.patience = 1, .restore_best_weights = true) });
    kt_logs *logs = kt_logs_new(kt);
    kt_evaluate(model, logs, X(*d), Y(*d));
    kt_arrays_free(kt_predict(model, X(*d)));
    float y[2];
    kt_predict_into(model, 1, d->x, 6, y, 2);
    kt_save_weights(model, path);
    kt_load_weights(model, path);
    kt_tensor *x = kt_symbol(kt, kt_input(6)), *h = kt_apply_layer(kt_dense(4, .activation = "relu"), x);
    kt_model *drawn = kt_model_new(x, kt_add(h, kt_apply_layer(kt_dense(4), h)));
    kt_arrays_free(kt_predict(drawn, X(*d)));
    kt_model_free(drawn);
    hand_loop(kt, d, folder);
    kt_logs_free(logs);
    kt_model_free(model);
    kt_status status = kt_error(kt);
    if (status != KT_OK && status != KT_ERR_MEMORY && f->left == 0) print_message("%s\n", kt_message(kt));
    kt_context_free(kt);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    data d;
    make_data(&d);
    failing f = { .left = -1 };
    assert_int_equal(whole_program(&f, &d, folder), KT_OK);
    assert_int_equal(f.live, 0);
    int64_t all = f.made;
    assert_true(all > 100);
    for (int64_t n = 0; n < all; n++) {
        f = (failing){ .left = n };
        kt_status status = whole_program(&f, &d, folder);
        if (f.live != 0)
            fail_msg("allocation %lld of %lld: %lld blocks were not given back", (long long)n, (long long)all,
                     (long long)f.live);
        /* The validation run's file may fail without harm: a log that cannot be written stops nothing. */
        if (status != KT_ERR_MEMORY && status != KT_OK && status != KT_ERR_IO)
            fail_msg("allocation %lld of %lld: '%s'", (long long)n, (long long)all, kt_status_name(status));
    }
    remove_folder(folder);
}

/* ---- threads ---- */

static void *train_one(void *arg)
{
    data d;
    make_data(&d);
    kt_context *kt = kt_context_new(.backend = "cpu", .seed = 11, .threads = 2);
    kt_model *model = small_model(kt);
    kt_fit(model, X(d), Y(d), .epochs = 20);
    *(double *)arg = kt_error(kt) == KT_OK ? kt_history_value(kt_model_history(model), "loss", 19) : -1;
    kt_context_free(kt);
    return NULL;
}

static void test_two_contexts(void **state)
{
    (void)state;
    double losses[3] = { 0, 0, 0 };
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, train_one, &losses[i]);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    train_one(&losses[2]);
    assert_true(losses[0] > 0);
    assert_true(losses[0] == losses[1] && losses[0] == losses[2]);
}

/* ---- changes between and during fits ---- */

static kt_status thaw(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)self, (void)logs;
    return kt_layer_set_trainable(kt_model_layer_at(kt_loop_model(loop), 0), epoch >= 1);
}
static const kt_callback_class thaw_class = { .name = "thaw", .on_epoch_begin = thaw };

/* A layer that is frozen in the first epoch and free in the second moves in the second only. */
static void test_trainable(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    for (int eagerly = 0; eagerly < 2; eagerly++) {
        kt_context *kt = kt_context_new(.backend = "ref", .run_eagerly = eagerly);
        kt_model *model = kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_dense(2));
        kt_compile(model, .optimizer = kt_sgd(0.1), .loss = "mse");
        double start[48], first[48], second[48];
        kt_read(kt_weights(model).at[0], start, KT_FLOAT64, 48);
        kt_fit(model, X(d), Y(d), .epochs = 1, .callbacks = { kt_callback_of(&thaw_class, NULL) });
        kt_read(kt_weights(model).at[0], first, KT_FLOAT64, 48);
        kt_fit(model, X(d), Y(d), .epochs = 2, .callbacks = { kt_callback_of(&thaw_class, NULL) });
        kt_read(kt_weights(model).at[0], second, KT_FLOAT64, 48);
        assert_fine(kt);
        assert_memory_equal(start, first, sizeof start);
        assert_true(memcmp(first, second, sizeof first) != 0);
        kt_context_free(kt);
    }
}

static kt_status compile_inside(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)self, (void)epoch, (void)logs;
    return kt_compile(kt_loop_model(loop), .optimizer = kt_sgd(0.1), .loss = "mse");
}
static const kt_callback_class compiler_class = { .name = "compiler", .on_epoch_begin = compile_inside };

static void test_compile_inside(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = small_model(kt);
    assert_int_equal(kt_fit(model, X(d), Y(d), .callbacks = { kt_callback_of(&compiler_class, NULL) }), KT_ERR_STATE);
    assert_error(kt, KT_ERR_STATE, "being trained");
    assert_int_equal(kt_fit(model, X(d), Y(d)), KT_OK);
    kt_compile(model, .optimizer = kt_sgd(0.1), .loss = "mae"); /* a second compile forgets the first */
    assert_int_equal(kt_fit(model, X(d), Y(d)), KT_OK);
    assert_int_equal(kt_iterations(kt_model_optimizer(model)), 2);
    kt_context_free(kt);
}

/* A callback may predict and evaluate; the training is not disturbed. */
static kt_status predict_inside(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)epoch, (void)logs;
    const data *d = self;
    kt_arrays_free(kt_predict(kt_loop_model(loop), X(*d), .verbose = KT_QUIET));
    return KT_OK;
}
static const kt_callback_class predictor_class = { .name = "predictor", .on_epoch_end = predict_inside };

static void test_predict_inside(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    double losses[2];
    for (int with = 0; with < 2; with++) {
        kt_context *kt = test_context("cpu", KT_FLOAT32);
        kt_model *model = small_model(kt);
        kt_fit(model, X(d), Y(d), .epochs = 4,
               .callbacks = { kt_callback_of(with ? &predictor_class : &looker_class, &d) });
        assert_fine(kt);
        losses[with] = kt_history_value(kt_model_history(model), "loss", 3);
        kt_context_free(kt);
    }
    assert_true(losses[0] == losses[1]);
}

/* Dropout draws the same whether steps are planned or run one op at a time, and validation does not move the random
 * numbers. */
static void test_random_steps(void **state)
{
    (void)state;
    data d;
    make_data(&d);
    double losses[4];
    for (int kind = 0; kind < 4; kind++) {
        kt_context *kt = kt_context_new(.backend = "ref", .seed = 4, .run_eagerly = kind % 2);
        kt_model *model = small_model(kt);
        kt_array none = { .data = NULL };
        kt_fit(model, X(d), Y(d), .epochs = 3, .validation_x = kind > 1 ? X(d) : none,
               .validation_y = kind > 1 ? Y(d) : none);
        assert_fine(kt);
        losses[kind] = kt_history_value(kt_model_history(model), "loss", 2);
        kt_context_free(kt);
    }
    for (int kind = 1; kind < 4; kind++) assert_true(losses[kind] == losses[0]);
}

/* ---- data of the caller's own ---- */

typedef struct source {
    data d;
    int64_t batches;
    bool vary; /* rows: 1, 2, 3... */
} source;

static kt_status source_batch(void *self, int64_t epoch, int64_t index, kt_host_batch *batch)
{
    (void)epoch;
    source *s = self;
    int64_t rows = s->vary ? index % 60 + 1 : 8;
    if (index == s->batches) return KT_OK;
    batch->x = kt_floats(s->d.x, rows, 6);
    batch->y = kt_floats(s->d.y, rows, 2);
    return KT_OK;
}

/* Epochs of unknown length, empty ones, and batches that never have the same shape twice in a row. */
static void test_own_data(void **state)
{
    (void)state;
    const kt_dataset_class cls = { .size = sizeof cls, .batch = source_batch };
    source s = { .batches = 3 };
    make_data(&s.d);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_model *model = small_model(kt);
    kt_dataset *own = kt_dataset_custom(kt, &cls, &s);
    ended e = { .epochs = 0 };
    assert_int_equal(kt_fit(model, .data = own, .epochs = 2, .validation_data = own,
                            .callbacks = { kt_callback_of(&ended_class, &e) }), KT_OK);
    assert_int_equal(e.steps, 6);
    assert_int_equal(kt_history_length(kt_model_history(model), "val_loss"), 2);
    s.vary = true;
    s.batches = 180; /* 60 shapes: two programs each would not be kept for ever */
    assert_int_equal(kt_fit(model, .data = own), KT_OK);
    assert_int_equal(kt_evaluate(model, NULL, .data = own), KT_OK);
    s.batches = 0;
    assert_int_equal(kt_fit(model, .data = own), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "at least one batch");
    assert_int_equal(kt_evaluate(model, NULL, .data = own), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "at least one batch");
    kt_context_free(kt);
}

/* A model around a layer that exists leaves it alive. */
static void test_lent_layer(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_layer *layer = kt_layer_new(kt, kt_dense(2));
    kt_model *model = kt_model_of(kt, kt_existing(layer));
    kt_model_build(model, KT_SHAPE(1, 3));
    kt_model_free(model);
    assert_int_equal(kt_layer_weights(layer).count, 2);
    assert_fine(kt);
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_thread),  cmocka_unit_test(test_cancel_signal),
        cmocka_unit_test(test_no_allocation),  cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_two_contexts),   cmocka_unit_test(test_trainable),
        cmocka_unit_test(test_compile_inside), cmocka_unit_test(test_predict_inside),
        cmocka_unit_test(test_random_steps),
        cmocka_unit_test(test_own_data),
        cmocka_unit_test(test_lent_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
