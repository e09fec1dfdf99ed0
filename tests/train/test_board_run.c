/* SPDX-License-Identifier: MIT */
/* tests/train/test_board_run.c: what the TensorBoard callback writes about a run as a whole: speed, memory, texts,
 * hyperparameters and how it ended, embedding tables; and a run that goes on where another one stopped.
 */
#include "board_log.h"
#include "train/loop.h"

enum { ROWS = 100, IN = 6 };

typedef struct data {
    float x[ROWS * IN], y[ROWS];
} data;

static data make_data(void)
{
    data d;
    for (int i = 0; i < ROWS * IN; i++) d.x[i] = (float)sin(0.7 * i);
    for (int i = 0; i < ROWS; i++) d.y[i] = (float)cos(i);
    return d;
}

static kt_model *small_net(kt_context *kt)
{
    kt_model *model = kt_sequential(kt, kt_input(IN), kt_dense(8, .activation = "tanh"), kt_dense(1));
    kt_compile(model, .optimizer = kt_adam(.learning_rate = 0.01, .clipnorm = 2), .loss = "mse", .metrics = { "mae" });
    return model;
}

/* ---- speed and memory ---- */

static void test_speed(void **state)
{
    (void)state;
    static const int64_t steps[] = { 4, 8, 10, 12, 16, 20, 24, 28, 30 }; /* each fourth, and the last of each epoch */
    data d = make_data();
    for (int validated = 0; validated < 2; validated++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = test_context("cpu", KT_FLOAT32);
        kt_model *model = small_net(kt);
        kt_array x = kt_floats(d.x, ROWS, IN), y = kt_floats(d.y, ROWS, 1), none = { .data = NULL };
        kt_fit(model, x, y, .batch_size = 10, .epochs = 3, .validation_x = validated ? x : none,
               .validation_y = validated ? y : none,
               .callbacks = {
                   kt_tensorboard(folder, .write_speed = true, .write_memory = true, .watch = { .every = 4 }) });
        assert_fine(kt);
        board_log log = log_read(folder);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            float rate = log_need(&log, "train", "speed/steps_per_second", steps[i])->value;
            float samples = log_need(&log, "train", "speed/samples_per_second", steps[i])->value;
            float share = log_need(&log, "train", "speed/data_wait_share", steps[i])->value;
            assert_true(rate > 0 && isfinite(rate));
            assert_true(fabsf(samples / rate - 10) < 1e-3f);
            assert_true(share >= 0 && share <= 1);
            float mib = log_need(&log, "train", "memory/context_mib", steps[i])->value;
            assert_true(mib > 0 && mib <= log_need(&log, "train", "memory/context_peak_mib", steps[i])->value);
#ifdef __linux__
            assert_true(log_need(&log, "train", "memory/process_mib", steps[i])->value > mib);
#endif
        }
        assert_int_equal(log_count(&log, "train", "speed/steps_per_second"), sizeof steps / sizeof *steps);
        assert_int_equal(log_count(&log, "train", "memory/context_mib"), sizeof steps / sizeof *steps);
        log_free(&log);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

/* A clock that only this callback moves: a second for each training step, a minute for each test step. */
static double told_time(void *user) { return *(const double *)user; }

static kt_status clock_begin(void *self, kt_loop *loop, const void *config)
{
    (void)config;
    loop->now = told_time;
    loop->now_user = self;
    return KT_OK;
}

static kt_status clock_step(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop, (void)logs, (void)batch;
    *(double *)self += 1;
    return KT_OK;
}

static kt_status clock_test(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop, (void)logs, (void)batch;
    *(double *)self += 60;
    return KT_OK;
}
static const kt_callback_class clock_class = {
    .name = "clock", .begin = clock_begin, .on_train_batch_end = clock_step, .on_test_batch_end = clock_test
};

/* Rates are exact, and an evaluation is no part of the training's time. A gate of seconds follows the same clock. */
static void test_speed_is_of_training(void **state)
{
    (void)state;
    data d = make_data();
    char folder[256];
    double now = 1000;
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("cpu", KT_FLOAT32);
    kt_array x = kt_floats(d.x, ROWS, IN), y = kt_floats(d.y, ROWS, 1);
    kt_fit(small_net(kt), x, y, .batch_size = 10, .epochs = 2, .validation_x = x, .validation_y = y,
           .callbacks = { kt_callback_of(&clock_class, &now),
                          kt_tensorboard(folder, .write_speed = true, .watch = { .seconds = 4 }) });
    assert_fine(kt);
    board_log log = log_read(folder);
    static const int64_t steps[] = { 1, 5, 9, 10, 11, 15, 19, 20 };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_true(log_need(&log, "train", "speed/steps_per_second", steps[i])->value == 1);
        assert_true(log_need(&log, "train", "speed/samples_per_second", steps[i])->value == 10);
        assert_true(log_need(&log, "train", "speed/data_wait_share", steps[i])->value == 0);
    }
    assert_int_equal(log_count(&log, "train", "speed/steps_per_second"), sizeof steps / sizeof *steps);
    log_free(&log);
    kt_context_free(kt);
    remove_folder(folder);
}

static void test_nothing_asked(void **state)
{
    (void)state;
    data d = make_data();
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_fit(small_net(kt), kt_floats(d.x, ROWS, IN), kt_floats(d.y, ROWS, 1), .epochs = 2,
           .callbacks = { kt_tensorboard(folder, .no_graph = true) });
    assert_fine(kt);
    board_log log = log_read(folder);
    assert_int_equal(log.n, 6); /* loss, mae and learning rate of two epochs */
    assert_int_equal(log_count(&log, "train", "epoch_*"), 6);
    log_free(&log);
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- texts ---- */

static void test_text(void **state)
{
    (void)state;
    data d = make_data();
    for (int late = 0; late < 2; late++) { /* late: the model learns its shapes from the first batch */
        char folder[256];
        words printed = { NULL, 0, 0 };
        make_folder(folder, sizeof folder);
        kt_context *kt = kt_context_new(.backend = "ref", .seed = 7, .print = words_print, .print_user = &printed);
        kt_model *model = small_net(kt);
        if (late) {
            model = kt_sequential(kt, kt_dense(8, .activation = "tanh"), kt_dense(1));
            kt_compile(model, .optimizer = kt_sgd(0.5, .nesterov = true, .momentum = 0.5), .loss = "mae");
        }
        kt_fit(model, kt_floats(d.x, ROWS, IN), kt_floats(d.y, ROWS, 1), .epochs = 2, .verbose = 2,
               .callbacks = { kt_tensorboard(folder, .write_text = true) });
        assert_fine(kt);
        assert_non_null(strstr(printed.data, "Epoch 2/2")); /* the host's print hook is its own again */
        assert_null(strstr(printed.data, "Total params"));
        board_log log = log_read(folder);
        const entry *summary = log_need(&log, "train", "model/summary", 0);
        const entry *table = log_need(&log, "train", "model/compile", 0);
        assert_int_equal(log_count(&log, "train", "model/*"), 2);
        assert_words(summary, late ? "```\nModel: \"sequential_1\"\n" : "```\nModel: \"sequential\"\n");
        assert_words(summary, "(None, 8)");
        assert_words(summary, "Total params: ");
        assert_null(memchr(summary->strings[0], '\033', summary->sizes[0]));
        assert_words(table, "| setting | value |");
        assert_words(table, late ? "| optimizer | SGD |" : "| optimizer | Adam |");
        assert_words(table, late ? "| learning_rate | 0.5 |" : "| learning_rate | 0.01 |");
        assert_words(table, late ? "| nesterov | true |" : "| clipnorm | 2.0 |");
        assert_words(table, late ? "| loss | mean_absolute_error |" : "| metrics | mae |");
        assert_words(table, "| parameters | 65 |");
        assert_words(table, "| seed | 7 |");
        log_free(&log);
        free(printed.data);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

/* ---- hyperparameters ---- */

enum { SUCCESS = 1, FAILURE = 2 };

static kt_status break_off(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)self, (void)logs;
    return epoch == 1 ? kt_fail(kt_loop_context(loop), KT_ERR_VALUE, "enough") : KT_OK;
}
static const kt_callback_class break_class = { .name = "break", .on_epoch_end = break_off };

static void check_session(const char *folder, int status, int64_t last_epoch, bool finals)
{
    board_log log = log_read(folder);
    const entry *start = log_need(&log, "train", "_hparams_/session_start_info", 0);
    const entry *end = log_need(&log, "train", "_hparams_/session_end_info", 0);
    assert_string_equal(start->plugin, "hparams");
    assert_true(start->content_size > 20);
    assert_true(end->content_size > 4); /* field 4: session_end_info, whose field 1 is the status */
    assert_int_equal(end->content[0], 0x22);
    assert_int_equal(end->content[2], 0x08);
    assert_int_equal(end->content[3], status);
    assert_int_equal(log_count(&log, "train", "_hparam/*"), finals ? 2 : 0);
    if (finals) {
        float want = log_need(&log, "train", "epoch_loss", last_epoch)->value;
        float got = log_need(&log, "train", "_hparam/loss", last_epoch)->value;
        assert_true(want == got || (isnan(want) && isnan(got)));
    }
    log_free(&log);
}

static void test_hparams(void **state)
{
    (void)state;
    data d = make_data();
    const kt_hparam hparams[] = { kt_hparam_number("rate", 0.01), kt_hparam_text("optimizer", "adam"),
                                  kt_hparam_bool("clipped", true) };
    kt_array x = kt_floats(d.x, ROWS, IN), y = kt_floats(d.y, ROWS, 1);
    for (int kind = 0; kind < 4; kind++) { /* good; an error in the second epoch; a loss of NaN; an error in a batch */
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = test_context("ref", KT_FLOAT32);
        kt_model *model = small_net(kt);
        d.y[3] = kind >= 2 ? NAN : 0;
        kt_callback_spec board = kt_tensorboard(folder, .hparams = hparams, .hparams_count = 3);
        kt_callback_spec second = { .cls = NULL };
        if (kind == 1) second = kt_callback_of(&break_class, NULL);
        if (kind == 3) second = kt_terminate_on_nan(.raise_error = true);
        kt_fit(model, x, y, .epochs = 3, .callbacks = { board, second });
        assert_int_equal(kt_error(kt) == KT_OK, kind == 0 || kind == 2);
        check_session(folder, kind == 0 ? SUCCESS : FAILURE, kind == 1 ? 1 : 2, kind != 3);
        kt_context_free(kt);
        remove_folder(folder);
    }
    d.y[3] = 0;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = small_net(kt);
    const kt_hparam twice[] = { kt_hparam_number("rate", 1), kt_hparam_number("rate", 2) };
    const kt_hparam infinite[] = { kt_hparam_number("rate", INFINITY) };
    kt_fit(model, x, y, .callbacks = { kt_tensorboard("/dev/null/x", .hparams = twice, .hparams_count = 2) });
    assert_error(kt, KT_ERR_VALUE, "hparams");
    kt_fit(model, x, y, .callbacks = { kt_tensorboard("/dev/null/x", .hparams = infinite, .hparams_count = 1) });
    assert_error(kt, KT_ERR_VALUE, "finite");
    kt_context_free(kt);
}

/* A hand-written loop that is given up without kt_loop_train_end has failed. */
static void test_given_up(void **state)
{
    (void)state;
    const kt_hparam hparams[] = { kt_hparam_number("rate", 0.01) };
    for (int ended = 0; ended < 2; ended++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = test_context("ref", KT_FLOAT32);
        kt_loop *loop = kt_loop_new(kt, .model = small_net(kt),
                                    .callbacks = { kt_tensorboard(folder, .hparams = hparams, .hparams_count = 1,
                                                                  .write_speed = true) });
        kt_loop_train_begin(loop);
        kt_loop_epoch_begin(loop, 0);
        kt_loop_batch_begin(loop, 0);
        kt_loop_batch_end(loop, 0);
        kt_loop_log(loop, "loss", 0.5);
        kt_loop_log(loop, "mae", 0.25);
        kt_loop_epoch_end(loop, 0);
        if (ended) kt_loop_train_end(loop);
        kt_loop_free(loop);
        assert_fine(kt);
        check_session(folder, ended ? SUCCESS : FAILURE, 0, true);
        board_log log = log_read(folder);
        assert_int_equal(log_count(&log, "train", "speed/*"), 1); /* steps per second; rows are not known */
        log_free(&log);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

/* ---- embeddings ---- */

static kt_status table_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_weight(self, "embeddings", KT_SHAPE(5, 2), .initializer = "glorot_uniform");
    return KT_OK;
}

static kt_tensor *table_call(kt_layer *self, kt_tensor *x) /* its gradient is not zero, so that the table learns */
{
    return kt_add(x, kt_sum(kt_w(self, "embeddings")));
}
static const kt_layer_class table_class = { .name = "table", .build = table_build, .call = table_call };

static void test_embeddings(void **state)
{
    (void)state;
    data d = make_data();
    char folder[256], path[512];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *inner = kt_sequential(kt, kt_input(IN), kt_custom(&table_class));
    kt_model *model =
        kt_sequential(kt, kt_input(IN), kt_custom(&table_class), kt_existing(kt_model_layer(inner)), kt_dense(1));
    kt_compile(model, .optimizer = kt_sgd(0.01), .loss = "mse");
    kt_array x = kt_floats(d.x, ROWS, IN), y = kt_floats(d.y, ROWS, 1);
    const kt_layer_file files[] = { { "table", "words.tsv" } }, wrong[] = { { "tabel", "words.tsv" } };
    kt_fit(model, x, y, .epochs = 3, /* of epochs 0, 1, 2 the last is written */
           .callbacks = {
               kt_tensorboard(folder, .embeddings_freq = 2, .embeddings_files = files, .embeddings_files_count = 1) });
    assert_fine(kt);
    snprintf(path, sizeof path, "%s/projector_config.pbtxt", folder);
    char *config = read_text(path, NULL);
    assert_non_null(config);
    assert_non_null(strstr(config, "metadata_path: \"words.tsv\""));
    char *first = strstr(config, "tensor_path: \""), *second = first ? strstr(first + 1, "tensor_path: \"") : NULL;
    assert_non_null(second); /* two tables */
    assert_null(strstr(strstr(config, "metadata_path") + 1, "metadata_path"));
    snprintf(path, sizeof path, "%s/%.*s", folder, (int)strcspn(first + 14, "\""), first + 14);
    char *tsv = read_text(path, NULL);
    float weights[10];
    kt_read(kt_layer_weights(kt_model_layer_at(model, 0)).at[0], weights, KT_FLOAT32, 10);
    char *at = tsv;
    for (int i = 0; i < 10; i++) {
        assert_true((float)strtod(at, &at) == weights[i]);
        assert_true(*at++ == (i % 2 ? '\n' : '\t'));
    }
    assert_int_equal(*at, 0);
    free(tsv);
    free(config);
    assert_int_equal(kt_fit(model, x, y,
                            .callbacks = { kt_tensorboard(folder, .embeddings_freq = 1, .embeddings_files = wrong,
                                                          .embeddings_files_count = 1) }),
                     KT_ERR_NAME);
    assert_error(kt, KT_ERR_NAME, "did you mean 'table'");
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- a run that goes on ---- */

static void test_resume(void **state)
{
    (void)state;
    data d = make_data();
    for (int batches = 0; batches < 2; batches++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = test_context("ref", KT_FLOAT32);
        kt_model *model = small_net(kt);
        kt_array x = kt_floats(d.x, ROWS, IN), y = kt_floats(d.y, ROWS, 1);
        kt_fit(model, x, y, .batch_size = 20, .epochs = 2, .validation_x = x, .validation_y = y,
               .callbacks = { kt_tensorboard(folder, .update_every = batches, .resume = true) });
        kt_fit(model, x, y, .batch_size = 20, .epochs = 4, .initial_epoch = 2, .validation_x = x, .validation_y = y,
               .callbacks = { kt_tensorboard(folder, .update_every = batches, .resume = true) });
        assert_fine(kt);
        board_log log = log_read(folder);
        for (int64_t epoch = 0; epoch < 4; epoch++) {
            log_need(&log, "train", "epoch_loss", epoch);
            log_need(&log, "validation", "epoch_loss", epoch);
        }
        assert_int_equal(log_count(&log, "train", "epoch_loss"), 4);
        for (int64_t step = 1; step <= 20 && batches; step++) log_need(&log, "train", "batch_loss", step);
        assert_int_equal(log_count(&log, "train", "batch_loss"), batches ? 20 : 0);
        log_free(&log);
        /* the marks that the Python reader wants: two in each file, at the step its run begins with */
        log = (board_log){ .at = NULL };
        log_run(&log, folder, "train");
        assert_int_equal(log.starts, 4);
        assert_int_equal(log.start_step, batches ? 11 : 2);
        log_free(&log);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

static void test_gate_refused(void **state)
{
    (void)state;
    data d = make_data();
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_fit(small_net(kt), kt_floats(d.x, ROWS, IN), kt_floats(d.y, ROWS, 1),
           .callbacks = { kt_tensorboard("/dev/null/x", .watch = { .every = -1 }) });
    assert_error(kt, KT_ERR_VALUE, ".watch");
    kt_fit(small_net(kt), kt_floats(d.x, ROWS, IN), kt_floats(d.y, ROWS, 1),
           .callbacks = { kt_tensorboard("/dev/null/x", .embeddings_freq = -1) });
    assert_error(kt, KT_ERR_VALUE, "embeddings_freq");
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speed),         cmocka_unit_test(test_speed_is_of_training),
        cmocka_unit_test(test_nothing_asked), cmocka_unit_test(test_text),
        cmocka_unit_test(test_hparams),       cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_embeddings),    cmocka_unit_test(test_resume),
        cmocka_unit_test(test_gate_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
