/* SPDX-License-Identifier: MIT */
/* tests/train/test_board_samples.c: what the TensorBoard callback writes of samples: confusion matrix, grid of
 * predictions, PR curves. The model's weights are set by hand, so that every prediction is known; nothing is learned.
 */
#include "../summary/png_reader.h"
#include "board_log.h"
#include "train/callbacks/tensorboard/canvas.h"

enum { H = 4, W = 5, CLASSES = 3, ROWS = 300 };

/* Row i is a picture whose first pixels are one-hot of what the model will answer: logits are these pixels times 4. */
typedef struct samples {
    float x[ROWS * H * W];
    int32_t y[ROWS], guess[ROWS];
} samples;

static samples make_samples(void)
{
    samples s;
    memset(&s, 0, sizeof s);
    for (int i = 0; i < ROWS; i++) {
        s.y[i] = i % CLASSES;
        s.guess[i] = i % 7 == 0 ? (i + 1) % CLASSES : i % CLASSES; /* every seventh is wrong */
        s.x[i * H * W + s.guess[i]] = 1;
        s.x[i * H * W + H * W - 1] = 0.5f;
    }
    return s;
}

static kt_model *model_of(kt_context *kt, const char *activation, bool from_logits)
{
    kt_model *model = kt_sequential(kt, kt_input(H, W), kt_flatten(),
                                    kt_dense(CLASSES, .no_bias = true, .activation = activation, .frozen = true));
    float kernel[H * W * CLASSES] = { 0 };
    for (int i = 0; i < CLASSES; i++) kernel[i * CLASSES + i] = 4;
    kt_model_build(model, KT_SHAPE(1, H, W));
    kt_variable_set(kt_weights(model).at[0], kt_floats(kernel, H * W, CLASSES));
    kt_compile(model, .optimizer = kt_sgd(0.1),
               .loss_spec = kt_sparse_categorical_crossentropy_loss(.from_logits = from_logits));
    return model;
}

static const char *const names[] = { "ant", "b|ee", "c", NULL };

static png_read picture_of(const entry *e)
{
    png_read picture = png_decode(e->strings[2], e->sizes[2]);
    assert_null(picture.wrong);
    return picture;
}

static bool is_colour(const png_read *p, int64_t x, int64_t y, int r, int g, int b)
{
    const uint8_t *at = p->pixels + (y * p->width + x) * 3;
    return at[0] == r && at[1] == g && at[2] == b;
}

static void run(const char *backend, bool eagerly, bool logits)
{
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = kt_context_new(.backend = backend, .run_eagerly = eagerly);
    kt_model *model = model_of(kt, logits ? NULL : "softmax", logits);
    samples s = make_samples();
    kt_array x = kt_floats(s.x, ROWS, H, W), y = kt_ints(s.y, ROWS);
    kt_fit(model, x, y, .batch_size = 64, .epochs = 2,
           .callbacks = { kt_tensorboard(folder, .samples_x = x, .samples_y = y, .class_names = names,
                                         .confusion_matrix = true, .prediction_grid = true, .pr_curves = true) });
    assert_fine(kt);
    board_log log = log_read(folder);

    /* The matrix: 100 of each class; 43 wrong ones are spread over the classes. */
    int64_t count[CLASSES][CLASSES] = { { 0 } };
    for (int i = 0; i < ROWS; i++) count[s.y[i]][s.guess[i]]++;
    for (int i = 0; i < CLASSES; i++) {
        char line[128];
        snprintf(line, sizeof line, "| %s | %d | %d | %d | 100 |", i == 1 ? "b\\|ee" : names[i], (int)count[i][0],
                 (int)count[i][1], (int)count[i][2]);
        assert_words(log_need(&log, "train", "samples/confusion_table", 1), line);
    }
    const entry *matrix = log_need(&log, "train", "samples/confusion_matrix", 0);
    assert_string_equal(matrix->plugin, "images");
    png_read picture = picture_of(matrix);
    int64_t side = 40, left = picture.width - 4 - CLASSES * side, top = picture.height - 4 - CLASSES * side;
    for (int i = 0; i < CLASSES; i++)
        for (int j = 0; j < CLASSES; j++) { /* the upper left corner of each cell: its blue, by its share of the row */
            double share = (double)count[i][j] / 100;
            assert_true(is_colour(&picture, left + j * side, top + i * side, (int)(255 - 247 * share),
                                  (int)(255 - 207 * share), (int)(255 - 148 * share)));
        }
    free(picture.pixels);

    /* The grid: 8 x 8 tiles of 48 x 60 in frames of 2, two lines of text below each. */
    picture = picture_of(log_need(&log, "train", "samples/predictions", 1));
    for (int i = 0; i < 64; i++) {
        int64_t tile_x = 4 + i % 8 * 68, tile_y = 4 + i / 8 * (52 + 2 * 9 + 4);
        if (s.y[i] == s.guess[i]) assert_true(is_colour(&picture, tile_x, tile_y, 40, 160, 60));
        else assert_true(is_colour(&picture, tile_x, tile_y, 210, 40, 40));
        for (int k = 0; k < CLASSES; k++) { /* the middle of pixel k of the first row */
            int shade = k == s.guess[i] ? 255 : 0;
            assert_true(is_colour(&picture, tile_x + 2 + 12 * k + 6, tile_y + 2 + 6, shade, shade, shade));
        }
        assert_true(is_colour(&picture, tile_x + 2 + 12 * 4 + 6, tile_y + 2 + 12 * 3 + 6, 128, 128, 128));
        bool second = false; /* only a wrong one has a second line */
        for (int64_t at_y = 0; at_y < 9; at_y++)
            for (int64_t at_x = 0; at_x < 64; at_x++)
                second |= !is_colour(&picture, tile_x + at_x, tile_y + 52 + 2 + 9 + at_y, 255, 255, 255);
        assert_true(second == (s.y[i] != s.guess[i]));
    }
    assert_int_equal(picture.width, 4 + 8 * 68);
    free(picture.pixels);
    const entry *table = log_need(&log, "train", "samples/predictions_table", 0);
    double most = exp(4) / (exp(4) + 2);
    char line[128];
    snprintf(line, sizeof line, "| 0 | ant | b\\|ee | %.4f | **wrong** |", most);
    assert_words(table, line);
    snprintf(line, sizeof line, "| 1 | b\\|ee | b\\|ee | %.4f |  |", most);
    assert_words(table, line);

    /* The curve of the first class: at threshold 0.5 true and false positives are those of the matrix. */
    const entry *curve = log_need(&log, "train", "pr_curves/ant", 1);
    assert_int_equal(curve->numbers_size, 6 * 201 * sizeof(float));
    float numbers[6 * 201];
    memcpy(numbers, curve->numbers, sizeof numbers);
    assert_true(numbers[100] == (float)count[0][0]);
    assert_true(numbers[201 + 100] == (float)(count[1][0] + count[2][0]));
    assert_true(numbers[0] == 100); /* at threshold 0 everything is positive */
    assert_int_equal(log_count(&log, "train", "pr_curves/*"), 2 * CLASSES);
    log_free(&log);
    kt_context_free(kt);
    remove_folder(folder);
}

static void test_classes(void **state)
{
    (void)state;
    run("ref", false, true);
    run("cpu", false, true);
    run("cpu", false, false);
    run("ref", true, true);
}

/* One column is two classes; targets as numbers; no class names: numbers. */
static void test_binary(void **state)
{
    (void)state;
    for (int logits = 0; logits < 2; logits++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = test_context("ref", KT_FLOAT64);
        kt_model *model =
            kt_sequential(kt, kt_input(1),
                          kt_dense(1, .no_bias = true, .frozen = true, .activation = logits ? NULL : "sigmoid"));
        kt_model_build(model, KT_SHAPE(1, 1));
        float one = 1, x[] = { -2, -1, 0.5f, 3, 4 }, y[] = { 0, 1, 0, 1, 1 };
        kt_variable_set(kt_weights(model).at[0], kt_floats(&one, 1, 1));
        kt_compile(model, .optimizer = kt_sgd(0.1), .loss_spec = kt_binary_crossentropy_loss(.from_logits = logits));
        kt_array rows = kt_floats(x, 5, 1), truth = kt_floats(y, 5, 1);
        kt_fit(model, rows, truth,
               .callbacks = { kt_tensorboard(folder, .samples_x = rows, .samples_y = truth, .confusion_matrix = true,
                                             .pr_curves = true) });
        assert_fine(kt);
        board_log log = log_read(folder);
        assert_words(log_need(&log, "train", "samples/confusion_table", 0), "| 0 | 1 | 1 | 2 | 0.5000 | 0.5000 |");
        assert_words(log_need(&log, "train", "samples/confusion_table", 0), "| 1 | 1 | 2 | 3 | 0.6667 | 0.6667 |");
        assert_int_equal(log_count(&log, "train", "pr_curves/1"), 1);
        assert_int_equal(log_count(&log, "train", "pr_curves/*"), 1);
        log_free(&log);
        kt_context_free(kt);
        remove_folder(folder);
    }
}

/* Everything on, watched at each second batch. */
static kt_callback_spec everything(const char *folder, kt_array x, kt_array y)
{
    static const kt_hparam hparams[] = { { .name = "units", .number = 8 } };
    return kt_tensorboard(folder, .histogram_freq = 1, .update_freq = "batch", .write_steps_per_second = true,
                          .write_images = true, .embeddings_freq = 1, .profile_begin = 3, .profile_end = 5,
                          .watch = { .every = 2 }, .watch_gradients = true, .watch_updates = true,
                          .watch_activations = true, .watch_weights = true, .watch_learning_rate = true,
                          .watch_loss_terms = true, .nan_doctor = true, .write_op_graph = true, .write_speed = true,
                          .write_memory = true, .write_text = true, .hparams = hparams, .hparams_count = 1,
                          .samples_x = x, .samples_y = y, .confusion_matrix = true, .prediction_grid = true,
                          .pr_curves = true);
}

/* Looking changes nothing of what is learned: same weights, bit for bit, with dropout, shuffling and clipping, and
 * same logs; and what one part writes stands in no other's way. */
static void test_changes_nothing(void **state)
{
    (void)state;
    for (int eagerly = 0; eagerly < 2; eagerly++) {
        float weights[2][H * W * 8];
        double last[2];
        for (int looked = 0; looked < 2; looked++) {
            char folder[256];
            make_folder(folder, sizeof folder);
            kt_context *kt = kt_context_new(.seed = 5, .run_eagerly = eagerly);
            kt_model *model = kt_sequential(kt, kt_input(H, W), kt_flatten(), kt_dense(8, .activation = "relu"),
                                            kt_dropout(0.3), kt_dense(CLASSES, .activation = "softmax"));
            kt_compile(model, .optimizer = kt_adam(.clipnorm = 0.5), .loss = "sparse_categorical_crossentropy",
                       .metrics = { "accuracy" });
            samples s = make_samples();
            kt_array x = kt_floats(s.x, ROWS, H, W), y = kt_ints(s.y, ROWS);
            kt_callback_spec none = { .cls = NULL };
            kt_fit(model, x, y, .batch_size = 32, .epochs = 3, .validation_split = 0.2,
                   .callbacks = { looked ? everything(folder, x, y) : none });
            assert_fine(kt);
            kt_read(kt_weights(model).at[0], weights[looked], KT_FLOAT32, H * W * 8);
            last[looked] = kt_history_value(kt_model_history(model), "val_loss", 2);
            board_log log = log_read(folder);
            for (int i = 0; i < log.n; i++) /* a tag is of one kind */
                for (int k = 0; k < i; k++)
                    if (strcmp(log.at[i].tag, log.at[k].tag) == 0 && strcmp(log.at[i].run, log.at[k].run) == 0)
                        assert_string_equal(log.at[i].plugin, log.at[k].plugin);
            assert_int_equal(log_count(&log, "train", "batch_loss"), looked ? 24 : 0);
            assert_int_equal(log_count(&log, "train", "batch_learning_rate"), looked ? 12 : 0);
            assert_int_equal(log_count(&log, "train", "samples/confusion_matrix"), looked ? 3 : 0);
            log_free(&log);
            kt_context_free(kt);
            remove_folder(folder);
        }
        assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
        assert_true(last[0] == last[1]);
    }
}

/* Letters as they are drawn, upright and upward, cut at the picture's edge; characters are counted, not bytes. */
static void test_letters(void **state)
{
    (void)state;
    static const char *const seven[KT_LETTER_HEIGHT] = {
        "#####", "....#", "...#.", "..#..", "..#..", "..#..", "..#.."
    };
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_canvas canvas;
    const kt_colour black = { 0, 0, 0 };
    assert_int_equal(kt_canvas_make(kt, &canvas, 40, 20), KT_OK);
    kt_canvas_text(&canvas, 2, 3, false, black, "t7", 2);
    kt_canvas_text(&canvas, 20, 15, true, black, "7", 9);
    kt_canvas_text(&canvas, -3, -4, false, black, "88", 9);
    kt_canvas_text(&canvas, 37, 18, false, black, "88", 9);
    kt_canvas_fill(&canvas, 39, -5, 100, 7, black);
    for (int row = 0; row < KT_LETTER_HEIGHT; row++)
        for (int column = 0; column < 5; column++) {
            int ink = seven[row][column] == '#' ? 0 : 255;
            assert_int_equal(canvas.rgb[((3 + row) * 40 + 2 + KT_LETTER_WIDTH + column) * 3], ink);
            assert_int_equal(canvas.rgb[((15 - column) * 40 + 20 + row) * 3 + 2], ink);
        }
    assert_int_equal(canvas.rgb[(1 * 40 + 39) * 3], 0);
    assert_int_equal(canvas.rgb[(2 * 40 + 39) * 3], 255);
    assert_int_equal(kt_canvas_letters("b\xc3\xa4r", 9), 3);
    assert_int_equal(kt_canvas_letters("b\xc3\xa4r", 2), 2);
    assert_int_equal(kt_canvas_letters("", 2), 0);
    kt_canvas_free(kt, &canvas);
    assert_int_equal(kt_canvas_make(kt, &canvas, INT64_MAX / 2, 4), KT_ERR_MEMORY);
    assert_null(canvas.rgb);
    kt_clear_error(kt);
    kt_context_free(kt);
}

static void test_refused(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = model_of(kt, "softmax", false);
    samples s = make_samples();
    float flat[ROWS * 2] = { 0 };
    kt_array x = kt_floats(s.x, ROWS, H, W), y = kt_ints(s.y, ROWS);
    const struct {
        kt_tensorboard_config config;
        kt_status status;
        const char *words;
    } wrong[] = {
        { { .confusion_matrix = true }, KT_ERR_VALUE, "samples_x" },
        { { .pr_curves = true, .samples_x = x }, KT_ERR_VALUE, "samples_y" },
        { { .pr_curves = true, .samples_x = x, .samples_y = kt_ints(s.y, 7) }, KT_ERR_SHAPE, "rows" },
        { { .pr_curves = true, .samples_x = x, .samples_y = kt_floats(flat, ROWS, 2) }, KT_ERR_SHAPE, "(300, 2)" },
        { { .prediction_grid = true, .samples_x = kt_floats(s.x, ROWS, H * W), .samples_y = y },
          KT_ERR_SHAPE,
          "kt_flatten" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kt_tensorboard_config c = wrong[i].config;
        c.size = sizeof c;
        c.log_dir = folder;
        assert_int_equal(kt_fit(model, x, y, .callbacks = { kt_callback_spec_of(&kt_tensorboard_class, &c, sizeof c) }),
                         wrong[i].status);
        assert_error(kt, wrong[i].status, wrong[i].words);
    }
    s.y[5] = 3;
    assert_int_equal(kt_fit(model, x, kt_ints(s.guess, ROWS),
                            .callbacks = { kt_tensorboard(folder, .samples_x = x, .samples_y = y, .pr_curves = true) }),
                     KT_ERR_VALUE);
    assert_error(kt, KT_ERR_VALUE, "row 5");
    kt_context_free(kt);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes), cmocka_unit_test(test_binary),  cmocka_unit_test(test_changes_nothing),
        cmocka_unit_test(test_letters), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
