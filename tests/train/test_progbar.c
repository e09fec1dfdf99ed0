/* SPDX-License-Identifier: MIT */
/* tests/train/test_progbar.c: the progress bar byte by byte, driven by the calls and the clock that Keras's own was
 * driven by (progbar_driven.txt); whole runs against Keras's with the times masked; the table of kt_summary; numbers
 * as Python prints them.
 */
#include "testing.h"

#include "train/loop.h"
#include "train/numbers.h"

/* Control characters as the goldens write them. */
static void add_visible(words *to, const char *text)
{
    for (const char *p = text; *p; p++) {
        char one[3] = { *p, 0, 0 };
        words_add(to, *p == '\033' ? "\\e" : *p == '\b' ? "\\b" : *p == '\r' ? "\\r" : *p == '\n' ? "\\n" : one);
    }
}

static void print_visible(const char *text, void *user)
{
    add_visible(user, text);
}

/* ---- driven ---- */

static double golden_clock(void *user)
{
    return *(const double *)user;
}

typedef struct drive {
    kt_context *kt;
    kt_loop loop;
    double now;
    words printed;
} drive;

static void start(drive *d, const char *line)
{
    int epochs = 0;
    char steps[32];
    kt_loop_release(&d->loop);
    memset(&d->loop, 0, sizeof d->loop);
    assert_int_equal(sscanf(line, "run verbose=%d epochs=%d steps=%31s", &d->loop.verbose, &epochs, steps), 3);
    d->loop.epochs = epochs;
    d->loop.steps = strcmp(steps, "none") == 0 ? -1 : atoll(steps);
    d->loop.now = golden_clock;
    d->loop.now_user = &d->now;
    assert_int_equal(kt_loop_start(&d->loop, d->kt, NULL, 0), KT_OK);
}

static kt_hook hook_named(const char *name)
{
#define KT_NAMED(hook, NAME) if (strcmp(name, "on_" #hook) == 0) return KT_ON_##NAME;
    KT_INDEXED_HOOKS(KT_NAMED)
    KT_PLAIN_HOOKS(KT_NAMED)
#undef KT_NAMED
    fail_msg("no hook %s", name);
    return KT_N_HOOKS;
}

static void call(drive *d, char *line)
{
    char *rest = NULL;
    strtok_r(line, " ", &rest);
    d->now = 1000.0 + strtod(strtok_r(NULL, " ", &rest), NULL);
    kt_hook hook = hook_named(strtok_r(NULL, " ", &rest));
    const char *index = strtok_r(NULL, " ", &rest);
    kt_logs *logs = kt_logs_new(d->kt);
    for (char *entry; (entry = strtok_r(NULL, " ", &rest));) {
        char *equals = strchr(entry, '=');
        *equals = 0;
        kt_logs_set(logs, entry, strtod(equals + 1, NULL));
    }
    if (hook == KT_ON_EPOCH_BEGIN) d->loop.fitting = true;
    kt_status status = strcmp(index, "-") == 0 ? kt_loop_hook(&d->loop, hook, logs)
                                               : kt_loop_hook_at(&d->loop, hook, atoll(index), logs);
    assert_int_equal(status, KT_OK);
    kt_logs_free(logs);
}

static void test_driven(void **state)
{
    (void)state;
    drive d = { .loop = { .released = true } };
    d.kt = kt_context_new(.backend = "ref", .print = print_visible, .print_user = &d.printed);
    char *golden = golden_text("progbar_driven.txt"), *rest = NULL;
    int compared = 0;
    for (char *line = strtok_r(golden, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "run ", 4) == 0) {
            start(&d, line);
        } else if (strncmp(line, "at ", 3) == 0) {
            call(&d, line);
        } else {
            const char *want = line[5] ? line + 6 : "";
            assert_string_equal(d.printed.data ? d.printed.data : "", want);
            d.printed.n = 0;
            if (d.printed.data) d.printed.data[0] = 0;
            compared++;
        }
    }
    assert_true(compared > 60);
    kt_loop_release(&d.loop);
    kt_context_free(d.kt);
    free(d.printed.data);
    free(golden);
}

/* ---- whole runs ---- */

/* Of each line what follows its last carriage return, without trailing blanks; times become <t>. */
static char *masked(const char *text)
{
    words out = { NULL, 0, 0 };
    words_add(&out, "");
    while (*text) {
        const char *end = strchr(text, '\n'), *from = text;
        size_t n = end ? (size_t)(end - text) : strlen(text);
        for (const char *p = text; p < text + n; p++)
            if (*p == '\r') from = p + 1;
        char *line = strndup(from, (size_t)(text + n - from)), *p = line;
        for (size_t last = strlen(line); last && line[last - 1] == ' ';) line[--last] = 0;
        for (bool bar = strstr(line, "━") != NULL, timed = false; *p; p++) {
            bool starts = p > line && (p[-1] == ' ' || (p > line + 3 && strncmp(p - 4, "\033[1m", 4) == 0)) &&
                          *p >= '0' && *p <= '9';
            size_t digits = strspn(p, "0123456789");
            const char *unit = p + digits;
            bool per =
                starts && (strncmp(unit, "s/", 2) == 0 || strncmp(unit, "ms/", 3) == 0 || strncmp(unit, "us/", 3) == 0);
            bool whole = starts && unit[0] == 's' && (bar ? unit[1] == '\033' : unit[1] == ' ') && !timed;
            if (per) {
                words_add(&out, "<t>");
                p = strchr(unit, '/') - 1;
            } else if (whole) {
                words_add(&out, "<t>");
                timed = true;
                p = line + (unit - line);
            } else {
                char one[2] = { *p, 0 };
                add_visible(&out, one);
            }
        }
        free(line);
        if (!end) break;
        words_add(&out, "\n");
        text = end + 1;
    }
    return out.data;
}

typedef void run_action(kt_model *model, kt_array x, kt_array y, int verbose);

static void do_fit(kt_model *model, kt_array x, kt_array y, int verbose)
{
    kt_fit(model, x, y, .batch_size = 8, .epochs = 2, .validation_split = 0.4, .no_shuffle = true, .verbose = verbose);
}
static void do_fit_one(kt_model *model, kt_array x, kt_array y, int verbose)
{
    kt_fit(model, x, y, .batch_size = 8, .epochs = 1, .validation_split = 0.4, .no_shuffle = true, .verbose = verbose);
}
static void do_evaluate(kt_model *model, kt_array x, kt_array y, int verbose)
{
    kt_evaluate(model, NULL, x, y, .batch_size = 8, .verbose = verbose);
}
static void do_predict(kt_model *model, kt_array x, kt_array y, int verbose)
{
    (void)y;
    kt_arrays_free(kt_predict(model, x, .batch_size = 8, .verbose = verbose));
}

static void test_runs(void **state)
{
    (void)state;
    const struct { const char *golden; run_action *action; int verbose;
    } cases[] = {
        { "progbar_fit_1.txt", do_fit, 1 },           { "progbar_fit_1_one_epoch.txt", do_fit_one, 0 },
        { "progbar_fit_2.txt", do_fit, 2 },           { "progbar_fit_2_one_epoch.txt", do_fit_one, 2 },
        { "progbar_evaluate_1.txt", do_evaluate, 1 }, { "progbar_evaluate_2.txt", do_evaluate, 2 },
        { "progbar_predict_1.txt", do_predict, 1 },   { "progbar_predict_2.txt", do_predict, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        words printed = { NULL, 0, 0 };
        kt_context *kt = kt_context_new(.backend = "ref", .print = words_print, .print_user = &printed);
        kt_arrays *golden = golden_open(kt, "fit_text_run");
        kt_model *model = golden_net(kt, golden, NULL);
        kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse", .metrics = { "mae" });
        cases[i].action(model, golden_need(golden, "x"), golden_need(golden, "y"), cases[i].verbose);
        assert_fine(kt);
        char *got = masked(printed.data), *want = golden_text(cases[i].golden);
        assert_string_equal(got, want);
        free(got);
        free(want);
        free(printed.data);
        kt_context_free(kt);
    }
}

static void test_quiet(void **state)
{
    (void)state;
    words printed = { NULL, 0, 0 };
    kt_context *kt = kt_context_new(.backend = "ref", .print = words_print, .print_user = &printed);
    kt_arrays *golden = golden_open(kt, "fit_text_run");
    kt_model *model = golden_net(kt, golden, NULL);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
    do_fit(model, golden_need(golden, "x"), golden_need(golden, "y"), KT_QUIET);
    assert_null(printed.data);
    kt_context_free(kt);
}

/* Messages of callbacks. */
static void test_messages(void **state)
{
    (void)state;
    words printed = { NULL, 0, 0 };
    kt_context *kt = kt_context_new(.backend = "ref", .print = words_print, .print_user = &printed);
    kt_arrays *golden = golden_open(kt, "fit_text_run");
    kt_model *model = golden_net(kt, golden, NULL);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
    kt_fit(model, golden_need(golden, "x"), golden_need(golden, "y"), .epochs = 9, .verbose = KT_QUIET,
           .callbacks = { kt_early_stopping("loss", .min_delta = 100, .patience = 1, .restore_best_weights = true,
                                            .verbose = 1) });
    assert_fine(kt);
    assert_string_equal(printed.data,
                        "Epoch 2: early stopping\nRestoring model weights from the end of the best epoch: 1.\n");
    free(printed.data);
    kt_context_free(kt);
}

/* ---- the table ---- */

static void test_summary(void **state)
{
    (void)state;
    words printed = { NULL, 0, 0 };
    kt_context *kt = kt_context_new(.backend = "ref", .print = words_print, .print_user = &printed);
    kt_model *model = kt_sequential(kt, kt_input(784), kt_dense(512, .activation = "relu"), kt_dropout(0.2),
                                    kt_dense(10, .frozen = true));
    kt_summary(model);
    assert_fine(kt);
    assert_string_equal(printed.data, "\033[1mModel: \"sequential\"\033[0m\n"
                                      "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓\n"
                                      "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃\n"
                                      "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩\n"
                                      "│ dense (Dense)                   │ (None, 512)            │       401,920 │\n"
                                      "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
                                      "│ dropout (Dropout)               │ (None, 512)            │             0 │\n"
                                      "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
                                      "│ dense_1 (Dense)                 │ (None, 10)             │         5,130 │\n"
                                      "└─────────────────────────────────┴────────────────────────┴───────────────┘\n"
                                      " Total params: 407,050 (1.55 MB)\n"
                                      " Trainable params: 401,920 (1.53 MB)\n"
                                      " Non-trainable params: 5,130 (20.04 KB)\n");
    free(printed.data);
    kt_context_free(kt);
}

static void test_summary_graph(void **state)
{
    (void)state;
    words printed = { NULL, 0, 0 };
    kt_context *kt = kt_context_new(.backend = "ref", .print = words_print, .print_user = &printed);
    kt_tensor *x = kt_symbol(kt, kt_input(10));
    kt_tensor *h = kt_apply_layer(kt_dense(64, .activation = "relu"), x);
    kt_model *model = kt_model_new(x, kt_add(h, kt_apply_layer(kt_dense(64, .name = "a_long_name_that_wraps"), h)));
    kt_summary(model);
    assert_fine(kt);
    assert_string_equal(printed.data, "\033[1mModel: \"functional\"\033[0m\n"
                                      "┏━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┓\n"
                                      "┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃\n"
                                      "┡━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━┩\n"
                                      "│ input_layer         │ (None, 10)        │          0 │ -                 │\n"
                                      "│ (InputLayer)        │                   │            │                   │\n"
                                      "├─────────────────────┼───────────────────┼────────────┼───────────────────┤\n"
                                      "│ dense (Dense)       │ (None, 64)        │        704 │ input_layer[0][0] │\n"
                                      "├─────────────────────┼───────────────────┼────────────┼───────────────────┤\n"
                                      "│ a_long_name_that_wr │ (None, 64)        │      4,160 │ dense[0][0]       │\n"
                                      "│ aps (Dense)         │                   │            │                   │\n"
                                      "├─────────────────────┼───────────────────┼────────────┼───────────────────┤\n"
                                      "│ add (op)            │ (None, 64)        │          0 │ dense[0][0],      │\n"
                                      "│                     │                   │            │ a_long_name_that_ │\n"
                                      "│                     │                   │            │ wraps[0][0]       │\n"
                                      "└─────────────────────┴───────────────────┴────────────┴───────────────────┘\n"
                                      " Total params: 4,864 (19.00 KB)\n"
                                      " Trainable params: 4,864 (19.00 KB)\n"
                                      " Non-trainable params: 0 (0.00 B)\n");
    free(printed.data);
    kt_context_free(kt);
}

/* ---- numbers ---- */

static void test_numbers(void **state)
{
    (void)state;
    const struct { double value; const char *repr, *fixed, *scientific; } cases[] = {
        { 0.1, "0.1", "0.1000", "1.0000e-01" },
        { -1.5, "-1.5", "-1.5000", "-1.5000e+00" },
        { 123456.0, "123456.0", "123456.0000", "1.2346e+05" },
        { 1e-4, "0.0001", "0.0001", "1.0000e-04" },
        { 1.25e-5, "1.25e-05", "0.0000", "1.2500e-05" },
        { 9007199254740993.0, "9007199254740992.0", "9007199254740992.0000", "9.0072e+15" },
        { 1e16, "1e+16", "10000000000000000.0000", "1.0000e+16" },
        { 1e-310, "1e-310", "0.0000", "1.0000e-310" },
        { 0.0, "0.0", "0.0000", "0.0000e+00" },
        { 2.5e-3, "0.0025", "0.0025", "2.5000e-03" },
        { -(double)INFINITY, "-inf", "-inf", "-inf" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buffer[400];
        kt_text text = kt_text_in(buffer, sizeof buffer);
        kt_text_repr(&text, cases[i].value);
        assert_string_equal(buffer, cases[i].repr);
        text = kt_text_in(buffer, sizeof buffer);
        kt_text_fixed(&text, cases[i].value, 4);
        assert_string_equal(buffer, cases[i].fixed);
        text = kt_text_in(buffer, sizeof buffer);
        kt_text_scientific(&text, cases[i].value, 4);
        assert_string_equal(buffer, cases[i].scientific);
    }
    char buffer[64];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    kt_text_thousands(&text, -1234567);
    kt_text_add(&text, " ");
    kt_text_thousands(&text, 999);
    assert_string_equal(buffer, "-1,234,567 999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_driven),   cmocka_unit_test(test_runs),          cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_summary),       cmocka_unit_test(test_summary_graph),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
