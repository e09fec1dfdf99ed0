/* SPDX-License-Identifier: MIT */
/* tests/train/test_hooks.c: the order of hooks, the names in logs, what callbacks may change, against what Keras
 * recorded (tests/golden/data/hooks_*.txt); the CSV files; errors from hooks; the same callbacks in a hand-written
 * loop.
 */
#include "testing.h"

/* ---- a recorder: one line a hook, as in the goldens ---- */

typedef struct recorder {
    words *lines;
    const char *label;
} recorder;

static kt_status note(void *self, const char *hook, int64_t index, kt_logs *logs)
{
    const recorder *r = self;
    char line[512];
    int n = snprintf(line, sizeof line, "%s%s ", r->label, hook);
    n += index < 0 ? snprintf(line + n, sizeof line - (size_t)n, "- ")
                   : snprintf(line + n, sizeof line - (size_t)n, "%lld ", (long long)index);
    for (int64_t i = 0; i < kt_logs_count(logs); i++)
        n += snprintf(line + n, sizeof line - (size_t)n, "%s%s", i ? "," : "", kt_logs_name(logs, i));
    if (kt_logs_count(logs) == 0) n += snprintf(line + n, sizeof line - (size_t)n, "-");
    snprintf(line + n, sizeof line - (size_t)n, "\n");
    words_add(r->lines, line);
    return KT_OK;
}

#define NOTE(hook)                                                                                                     \
    static kt_status note_##hook(void *self, kt_loop *loop, kt_logs *logs)                                             \
    {                                                                                                                  \
        (void)loop;                                                                                                    \
        return note(self, #hook, -1, logs);                                                                            \
    }
#define NOTE_AT(hook)                                                                                                  \
    static kt_status note_##hook(void *self, kt_loop *loop, int64_t i, kt_logs *logs)                                  \
    {                                                                                                                  \
        (void)loop;                                                                                                    \
        return note(self, #hook, i, logs);                                                                             \
    }
NOTE(on_train_begin)
NOTE(on_train_end) NOTE(on_test_begin) NOTE(on_test_end) NOTE(on_predict_begin) NOTE(on_predict_end)
    NOTE_AT(on_epoch_begin) NOTE_AT(on_epoch_end) NOTE_AT(on_train_batch_begin) NOTE_AT(on_train_batch_end)
        NOTE_AT(on_test_batch_begin) NOTE_AT(on_test_batch_end) NOTE_AT(on_predict_batch_begin)
            NOTE_AT(on_predict_batch_end)

                static const kt_callback_class recorder_class = {
                    .name = "recorder",
                    .on_train_begin = note_on_train_begin,
                    .on_train_end = note_on_train_end,
                    .on_test_begin = note_on_test_begin,
                    .on_test_end = note_on_test_end,
                    .on_predict_begin = note_on_predict_begin,
                    .on_predict_end = note_on_predict_end,
                    .on_epoch_begin = note_on_epoch_begin,
                    .on_epoch_end = note_on_epoch_end,
                    .on_train_batch_begin = note_on_train_batch_begin,
                    .on_train_batch_end = note_on_train_batch_end,
                    .on_test_batch_begin = note_on_test_batch_begin,
                    .on_test_batch_end = note_on_test_batch_end,
                    .on_predict_batch_begin = note_on_predict_batch_begin,
                    .on_predict_batch_end = note_on_predict_batch_end,
                };

static kt_status stop_at_batch_1(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)self, (void)logs;
    if (batch == 1) kt_loop_stop(loop);
    return KT_OK;
}
static const kt_callback_class stopper_class = { .name = "stopper", .on_train_batch_end = stop_at_batch_1 };

static kt_status add_extra(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)self, (void)loop, (void)epoch;
    return kt_logs_set(logs, "extra", 1.5);
}
static const kt_callback_class adder_class = { .name = "adder", .on_epoch_end = add_extra };

/* ---- the run of the goldens ---- */

typedef struct run {
    kt_context *kt;
    kt_arrays *golden;
    kt_model *model;
    kt_array x, y;
    words lines;
    recorder r;
} run;

static void run_begin(run *t)
{
    *t = (run){ .kt = test_context("ref", KT_FLOAT32) };
    t->r = (recorder){ &t->lines, "" };
    t->golden = golden_open(t->kt, "fit_text_run");
    t->model = golden_net(t->kt, t->golden, NULL);
    t->x = golden_need(t->golden, "x");
    t->y = golden_need(t->golden, "y");
    kt_compile(t->model, .optimizer = kt_sgd(0.05), .loss = "mse", .metrics = { "mae" });
    assert_fine(t->kt);
}

static void run_end(run *t, const char *golden)
{
    assert_fine(t->kt);
    if (golden) {
        char *want = golden_text(golden);
        assert_string_equal(t->lines.data ? t->lines.data : "", want);
        free(want);
    }
    free(t->lines.data);
    kt_context_free(t->kt);
}

#define RECORD(t) kt_callback_of(&recorder_class, &(t).r)
#define FIT(t, ...) kt_fit((t).model, (t).x, (t).y, .batch_size = 8, .no_shuffle = true, __VA_ARGS__)

static void test_order(void **state)
{
    (void)state;
    run t;
    run_begin(&t);
    FIT(t, .epochs = 2, .callbacks = { RECORD(t) });
    run_end(&t, "hooks_fit.txt");

    run_begin(&t);
    FIT(t, .epochs = 2, .validation_split = 0.4, .callbacks = { RECORD(t) });
    run_end(&t, "hooks_fit_validation.txt");

    run_begin(&t);
    FIT(t, .epochs = 2, .validation_split = 0.4, .validation_freq = 2, .callbacks = { RECORD(t) });
    run_end(&t, "hooks_fit_validation_freq.txt");

    run_begin(&t);
    FIT(t, .epochs = 5, .initial_epoch = 3, .validation_split = 0.4, .callbacks = { RECORD(t) });
    run_end(&t, "hooks_fit_initial_epoch.txt");

    run_begin(&t);
    kt_evaluate(t.model, NULL, t.x, t.y, .batch_size = 8, .callbacks = { RECORD(t) });
    run_end(&t, "hooks_evaluate.txt");

    run_begin(&t);
    FIT(t, .epochs = 5, .validation_split = 0.4,
        .callbacks = { kt_early_stopping(.patience = 1, .min_delta = 100), RECORD(t) });
    run_end(&t, "hooks_early_stopping.txt");

    run_begin(&t);
    FIT(t, .epochs = 2, .validation_split = 0.4, .callbacks = { kt_callback_of(&stopper_class, NULL), RECORD(t) });
    run_end(&t, "hooks_stop_in_epoch.txt");

    run_begin(&t);
    recorder second = { &t.lines, "second:" };
    FIT(t, .epochs = 1,
        .callbacks = { RECORD(t), kt_callback_of(&adder_class, NULL), kt_callback_of(&recorder_class, &second) });
    run_end(&t, "hooks_two_callbacks.txt");

    run_begin(&t);
    FIT(t, .epochs = 2, .validation_split = 0.4, .callbacks = { kt_callback_of(&adder_class, NULL) });
    for (int64_t i = 0; i < kt_history_count(kt_model_history(t.model)); i++) {
        words_add(&t.lines, kt_history_key(kt_model_history(t.model), i));
        words_add(&t.lines, "\n");
    }
    assert_true(kt_history_value(kt_model_history(t.model), "extra", 1) == 1.5);
    run_end(&t, "history_keys.txt");
}

/* Keras gives on_predict_batch_end the outputs; logs here hold numbers only. */
static void test_predict_order(void **state)
{
    (void)state;
    run t;
    run_begin(&t);
    kt_arrays_free(kt_predict(t.model, t.x, .batch_size = 8, .callbacks = { RECORD(t) }));
    char *want = golden_text("hooks_predict.txt");
    for (char *at; (at = strstr(want, " outputs"));) {
        at[1] = '-';
        memmove(at + 2, at + 8, strlen(at + 8) + 1);
    }
    assert_string_equal(t.lines.data, want);
    free(want);
    run_end(&t, NULL);
}

/* ---- CSV ---- */

/* Fields equal, numbers within 1e-5: Keras ran in float32 too. */
static void compare_csv(const char *path, const char *golden)
{
    size_t n;
    char *got = read_text(path, &n), *want = golden_text(golden);
    assert_non_null(got);
    char *g = got, *w = want;
    while (*g && *w) {
        size_t gn = strcspn(g, ",;\r\n"), wn = strcspn(w, ",;\r\n");
        char *g_end, *w_end;
        double a = strtod(g, &g_end), b = strtod(w, &w_end);
        if (g_end == g + gn && w_end == w + wn && gn && wn) assert_true(fabs(a - b) <= 1e-5 * (1 + fabs(b)));
        else if (gn != wn || strncmp(g, w, gn) != 0) fail_msg("%s: expected '%.40s', got '%.40s'", golden, w, g);
        assert_int_equal(g[gn], w[wn]);
        g += gn + (g[gn] != 0);
        w += wn + (w[wn] != 0);
    }
    assert_int_equal(*g, *w);
    free(got);
    free(want);
}

static void csv_case(const char *golden, int times, const char *before, int64_t epochs, double split, int64_t freq,
                     const char *separator, bool append)
{
    char folder[256], path[300];
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/log.csv", folder);
    for (int i = 0; i < times; i++) {
        run t;
        run_begin(&t);
        FIT(t, .epochs = epochs, .validation_split = split, .validation_freq = freq,
            .callbacks = { kt_csv_logger(path, .separator = separator, .append = append && (i > 0 || !before)) });
        run_end(&t, NULL);
    }
    compare_csv(path, golden);
    remove_folder(folder);
}

static void test_csv(void **state)
{
    (void)state;
    csv_case("csvlogger_plain.csv", 1, NULL, 2, 0, 0, NULL, false);
    csv_case("csvlogger_validation.csv", 1, NULL, 2, 0.4, 0, NULL, false);
    csv_case("csvlogger_validation_freq.csv", 1, NULL, 4, 0.4, 2, NULL, false);
    csv_case("csvlogger_separator.csv", 1, NULL, 2, 0.4, 0, ";", false);
    csv_case("csvlogger_append.csv", 2, "", 2, 0.4, 0, NULL, true);
    csv_case("csvlogger_append_new.csv", 1, NULL, 2, 0.4, 0, NULL, true);
}

/* Numbers in the file exactly as Python prints them, through a hand-written loop. */
static void test_csv_values(void **state)
{
    (void)state;
    const double values[] = { 0.1,
                              0.5,
                              1.0 / 3,
                              1e-5,
                              1e-4,
                              1e16,
                              123456789012345680.0,
                              1e15,
                              5e-324,
                              1.7976931348623157e308,
                              0.10000000149011612,
                              2.0,
                              -0.0,
                              100.0,
                              (double)NAN,
                              (double)INFINITY,
                              -(double)INFINITY };
    char folder[256], path[300], line[64];
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/log.csv", folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_loop *loop = kt_loop_new(kt, .epochs = 17, .callbacks = { kt_csv_logger(path) });
    assert_int_equal(kt_loop_train_begin(loop), KT_OK);
    for (int e = 0; e < 17; e++) {
        kt_loop_epoch_begin(loop, e);
        kt_loop_log(loop, "loss", values[e]);
        kt_loop_epoch_end(loop, e);
    }
    kt_loop_train_end(loop);
    kt_loop_free(loop);
    assert_fine(kt);
    char *got = read_text(path, NULL), *want = golden_text("csvlogger_values.csv");
    char *g = strchr(got, '\n') + 1, *w = strchr(want, '\n') + 1;
    for (int e = 0; e < 17; e++) { /* epoch and loss; the golden has an integer as third */
        int n = (int)(strchr(strchr(w, ',') + 1, ',') - w);
        snprintf(line, sizeof line, "%.*s,NA\r\n", n, w);
        assert_memory_equal(g, line, strlen(line));
        g = strchr(g, '\n') + 1;
        w = strchr(w, '\n') + 1;
    }
    free(got);
    free(want);
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- what else callbacks do ---- */

static double halve(int64_t epoch, double rate, void *user)
{
    (void)user;
    return epoch ? rate / 2 : 0.04;
}

static void test_scheduler(void **state)
{
    (void)state;
    run t;
    run_begin(&t);
    FIT(t, .epochs = 3, .callbacks = { kt_learning_rate_scheduler(halve) });
    const kt_history *h = kt_model_history(t.model);
    assert_int_equal(kt_history_length(h, "learning_rate"), 3);
    const double want[] = { 0.04, 0.02, 0.01 };
    for (int e = 0; e < 3; e++) assert_true(fabs(kt_history_value(h, "learning_rate", e) - want[e]) < 1e-8);
    run_end(&t, NULL);
}

static kt_status refuse(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)loop, (void)logs;
    *(int *)self += 1;
    return batch == 2 ? KT_ERR_VALUE : KT_OK;
}
static void count_release(void *self) { *(int *)self += 100; }
static const kt_callback_class refuser_class = { .name = "refuser",
                                                 .on_train_batch_end = refuse,
                                                 .release = count_release };

static void test_errors(void **state)
{
    (void)state;
    run t;
    run_begin(&t);
    int calls = 0;
    assert_int_equal(FIT(t, .epochs = 2, .callbacks = { kt_callback_of(&refuser_class, &calls) }), KT_ERR_VALUE);
    assert_int_equal(calls, 103); /* three batches, released once */
    assert_error(t.kt, KT_ERR_VALUE, "refuser");
    assert_int_equal(FIT(t, .callbacks = { kt_csv_logger("/nowhere/at/all.csv") }), KT_ERR_IO);
    assert_error(t.kt, KT_ERR_IO, "/nowhere/at/all.csv");
    assert_int_equal(FIT(t, .callbacks = { kt_csv_logger(NULL) }), KT_ERR_VALUE);
    assert_error(t.kt, KT_ERR_VALUE, "file name");
    assert_int_equal(FIT(t, .callbacks = { kt_early_stopping(.mode = "mim") }), KT_ERR_NAME);
    assert_error(t.kt, KT_ERR_NAME, "did you mean 'min'");
    assert_int_equal(FIT(t, .callbacks = { kt_tensorboard(.update_freq = "bacth") }), KT_ERR_NAME);
    assert_error(t.kt, KT_ERR_NAME, "did you mean 'batch'");
    assert_int_equal(FIT(t, .callbacks = { kt_learning_rate_scheduler() }), KT_ERR_VALUE);
    assert_error(t.kt, KT_ERR_VALUE, "schedule");
    assert_int_equal(FIT(t, .epochs = 2, .callbacks = { kt_early_stopping("losss") }),
                     KT_OK); /* nothing of that name: nothing happens */
    run_end(&t, NULL);
}

/* A monitor whose direction nobody knows. */
static void test_direction(void **state)
{
    (void)state;
    run t;
    run_begin(&t);
    assert_int_equal(FIT(t, .epochs = 2,
                         .callbacks = { kt_callback_of(&adder_class, NULL), kt_early_stopping("extra") }),
                     KT_ERR_VALUE);
    assert_error(t.kt, KT_ERR_VALUE, "mode");
    run_end(&t, NULL);
}

static void test_nan(void **state)
{
    (void)state;
    run t;
    run_begin(&t);
    float bad[40 * 2];
    memcpy(bad, t.y.data, sizeof bad);
    bad[20] = (float)NAN;
    kt_array y = t.y;
    y.data = bad;
    assert_int_equal(kt_fit(t.model, t.x, y, .batch_size = 8, .no_shuffle = true,
                            .callbacks = { kt_terminate_on_nan(true) }),
                     KT_ERR_NAN);
    assert_error(t.kt, KT_ERR_NAN, "batch 1");
    run_end(&t, NULL);
}

/* ---- hand-written loops ---- */

/* The callbacks of fit see the same in a loop written by hand, given the same numbers. */
static void test_hand_loop(void **state)
{
    (void)state;
    run t;
    run_begin(&t);
    kt_loop *loop = kt_loop_new(t.kt, .model = t.model, .epochs = 2, .steps = 5,
                                .callbacks = { RECORD(t), kt_early_stopping("loss", .patience = 9) });
    kt_loop_train_begin(loop);
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        kt_loop_epoch_begin(loop, epoch);
        for (int64_t batch = 0; batch < 5; batch++) {
            kt_loop_batch_begin(loop, batch);
            kt_loop_log(loop, "mae", 0.5);
            kt_loop_log(loop, "loss", 1.0 / (double)(batch + 1));
            assert_int_equal(kt_loop_batch_end(loop, batch), KT_OK);
        }
        assert_int_equal(kt_loop_epoch_end(loop, epoch), KT_OK);
    }
    assert_int_equal(kt_loop_train_end(loop), KT_OK);
    assert_int_equal(kt_loop_steps(loop), 5);
    assert_ptr_equal(kt_loop_model(loop), t.model);
    kt_loop_free(loop);
    run_end(&t, "hooks_fit.txt");
}

static void test_hand_loop_order(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_loop *loop = kt_loop_new(kt, .epochs = 2);
    assert_int_equal(kt_loop_batch_begin(loop, 0), KT_ERR_STATE);
    assert_error(kt, KT_ERR_STATE, "within an epoch");
    kt_loop_train_begin(loop);
    assert_int_equal(kt_loop_train_begin(loop), KT_ERR_STATE);
    assert_error(kt, KT_ERR_STATE, "first, once");
    kt_loop_epoch_begin(loop, 0);
    assert_int_equal(kt_loop_train_end(loop), KT_ERR_STATE);
    assert_error(kt, KT_ERR_STATE, "after the last epoch");
    assert_null(kt_loop_new(kt, .epochs = -1));
    assert_error(kt, KT_ERR_VALUE, "epochs");
    assert_int_equal(kt_loop_log(NULL, "loss", 1), KT_ERR_VALUE);
    kt_loop_free(NULL);
    kt_context_free(kt); /* the loop dies with it */
}

/* ---- logs ---- */

static void test_logs(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_logs *logs = kt_logs_new(kt);
    double value = 7;
    kt_logs_set(logs, "b", 2);
    kt_logs_set(logs, "a", 1);
    kt_logs_set(logs, "c", 3);
    kt_logs_set(logs, "b", 4);
    assert_int_equal(kt_logs_count(logs), 3);
    assert_string_equal(kt_logs_name(logs, 0), "b"); /* in the order they came, as a Python dict */
    assert_string_equal(kt_logs_name(logs, 2), "c");
    assert_true(kt_logs_get(logs, "b", &value) && value == 4);
    assert_false(kt_logs_get(logs, "d", &value));
    assert_true(kt_logs_get(logs, "a", NULL));
    assert_true(isnan(kt_logs_value(logs, 3)));
    assert_null(kt_logs_name(logs, -1));
    assert_int_equal(kt_logs_count(NULL), 0);
    assert_int_equal(kt_logs_set(NULL, "a", 1), KT_ERR_VALUE);
    assert_int_equal(kt_logs_set(logs, "", 1), KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "name");
    kt_logs_free(logs);
    kt_logs_free(NULL);
    kt_context_free(kt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_predict_order), cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_values),      cmocka_unit_test(test_scheduler),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_direction),       cmocka_unit_test(test_nan),           cmocka_unit_test(test_hand_loop),
        cmocka_unit_test(test_hand_loop_order), cmocka_unit_test(test_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
