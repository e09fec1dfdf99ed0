/* SPDX-License-Identifier: MIT */
/* tests/train/test_op_graph.c: the parts graph and profile of the TensorBoard callback: what is written when and what is not,
 * mistakes, a disk that refuses, memory that is short, and that they change no weight. What the graphs look like is
 * tests/tensorboard/check_graph.py's affair. */
#include "../summary/events_reader.h"
#include "testing.h"
#include "failing.h"

#include <keratin/ops.h>

enum { ROWS = 40 };

static char remarks[4096];

static void remember(const char *text, void *user)
{
    (void)user;
    strncat(remarks, text, sizeof remarks - strlen(remarks) - 2);
    strcat(remarks, "\n");
}

static kt_status fit(kt_context *kt, kt_tensorboard_config board, int64_t batch_size, float *first_weight)
{
    static float x[ROWS * 6], y[ROWS * 2];
    for (int i = 0; i < ROWS * 6; i++) x[i] = (float)sin(i);
    for (int i = 0; i < ROWS * 2; i++) y[i] = (float)cos(i);
    kt_model *model = kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_dense(2));
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
    board.size = sizeof board;
    kt_status status = kt_fit(model, kt_floats(x, ROWS, 6), kt_floats(y, ROWS, 2), .batch_size = batch_size, .epochs = 2,
                              .callbacks = { kt_callback_spec_of(&kt_tensorboard_class, &board, sizeof board) });
    if (status == KT_OK && first_weight) kt_read(kt_weights(model).at[0], first_weight, KT_FLOAT32, 48);
    return status;
}

typedef struct found {
    int keras, runs, graphs; /* records: the model, profiled steps, graph_def */
    int64_t run_step;
    char bytes[1 << 18];     /* of the graph */
    size_t n;
} found;

static bool has(const found *f, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= f->n; i++)
        if (memcmp(f->bytes + i, word, n) == 0) return true;
    return false;
}

/* graph_def and its like have no tag, so the records are looked at here. */
static void look(const char *folder, found *f)
{
    char path[512], file_path[1024];
    memset(f, 0, sizeof *f);
    snprintf(path, sizeof path, "%s/train", folder);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!strstr(entry->d_name, "tfevents")) continue;
        snprintf(file_path, sizeof file_path, "%s/%s", path, entry->d_name);
        event_file file = reader_open(file_path);
        event e;
        size_t before = 0;
        for (size_t at = 0; reader_next(&file, &at, &e); before = at) {
            f->keras += strcmp(e.plugin, "graph_keras_model") == 0 && strcmp(e.tag, "keras") == 0 && e.step == 0;
            if (strcmp(e.plugin, "graph_run_metadata") == 0) {
                f->runs++;
                f->run_step = e.step;
            }
            const unsigned char *field = file.bytes + before + 12, *bytes = NULL;
            while (field < file.bytes + at - 4) {
                uint64_t value;
                size_t n = 0;
                if (reader_field(&field, &value, &bytes, &n) == 4) {
                    f->graphs++;
                    assert_true(n < sizeof f->bytes);
                    memcpy(f->bytes, bytes, n);
                    f->n = n;
                }
            }
        }
        free(file.bytes);
    }
    if (dir) closedir(dir);
}

static void what_is_written(void **state)
{
    (void)state;
    static found f;
    float weights[4][48];
    const struct {
        kt_tensorboard_config board;
        int64_t batch_size;
        bool eagerly;
        int keras, runs, graphs;
        int64_t step;
    } cases[] = {
        { { .no_graph = true }, 8, false, 0, 0, 0, 0 },
        { { .write_op_graph = true }, 8, false, 1, 1, 1, 3 },
        { { .write_op_graph = true, .no_graph = true }, 20, false, 0, 1, 1, 3 },
        { { .write_op_graph = true }, ROWS, false, 1, 1, 1, 2 }, /* two batches in all */
        { { .profile_begin = 2 }, 8, false, 1, 1, 0, 2 },
        { { .profile_begin = 9, .profile_end = 50 }, 8, false, 1, 1, 0, 50 },
        { { .profile_begin = 99 }, 8, false, 1, 0, 0, 0 },
        { { .write_op_graph = true, .profile_begin = 2, .profile_end = 3 }, 8, false, 1, 2, 1, 3 },
        { { .write_op_graph = true, .profile_begin = 1 }, 8, true, 1, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = kt_context_new(.seed = 2, .run_eagerly = cases[i].eagerly, .log = remember);
        kt_tensorboard_config board = cases[i].board;
        board.log_dir = folder;
        remarks[0] = 0;
        assert_int_equal(fit(kt, board, cases[i].batch_size, weights[i < 2 ? i : 2]), KT_OK);
        look(folder, &f);
        assert_int_equal(f.keras, cases[i].keras);
        assert_int_equal(f.runs, cases[i].runs);
        assert_int_equal(f.graphs, cases[i].graphs);
        if (f.runs) assert_int_equal(f.run_step, cases[i].step);
        if (f.graphs) {
            assert_true(has(&f, "gradients/sequential/dense_1/matmul"));
            assert_true(has(&f, "update/sequential_dense_kernel"));
            assert_true(has(&f, "sequential/dense/kernel"));
            assert_true(has(&f, "inputs/x"));
        }
        assert_int_equal(strstr(remarks, "write_op_graph writes nothing") != NULL, cases[i].eagerly);
        kt_context_free(kt);
        remove_folder(folder);
    }
    assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
}

static void mistakes(void **state)
{
    (void)state;
    const int64_t ranges[][2] = { { -1, 0 }, { 5, 4 }, { 0, 3 } };
    for (int i = 0; i < 3; i++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = kt_context_new();
        fit(kt, (kt_tensorboard_config){ .log_dir = folder, .profile_begin = ranges[i][0], .profile_end = ranges[i][1] }, 8, NULL);
        assert_error(kt, KT_ERR_VALUE, "expected profile_begin of 1 or more and profile_end not before it");
        kt_context_free(kt);
        remove_folder(folder);
    }
}

/* Where the profile should go is a file: said, and nothing stops. */
static void a_disk_that_refuses(void **state)
{
    (void)state;
    char folder[256], path[512];
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/train", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/train/plugins", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    kt_context *kt = kt_context_new(.log = remember);
    remarks[0] = 0;
    assert_int_equal(fit(kt, (kt_tensorboard_config){ .log_dir = folder, .profile_begin = 1, .profile_end = 2 }, 8, NULL), KT_OK);
    assert_fine(kt);
    assert_non_null(strstr(remarks, "the profile was not written"));
    assert_non_null(strstr(remarks, "the trace was not written"));
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- memory ---- */

static void short_memory_leaks_nothing(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    bool done = false;
    for (long at = 1; !done; at += at < 150 ? 7 : 3) {
        counter c = { .fail_at = at };
        kt_context *kt = kt_context_new(.allocator = { count_allocate, count_resize, count_release, &c });
        if (!kt) continue;
        kt_tensorboard_config board = { .log_dir = folder, .write_op_graph = true, .profile_begin = 1, .profile_end = 2 };
        kt_status status = fit(kt, board, 20, NULL);
        done = c.requests < at;
        if (done) assert_int_equal(status, KT_OK);
        if (status != KT_OK) assert_int_equal(kt_error(kt), KT_ERR_MEMORY);
        kt_context_free(kt);
        assert_int_equal(c.out, 0);
    }
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written), cmocka_unit_test(mistakes), cmocka_unit_test(a_disk_that_refuses),
        cmocka_unit_test(short_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
