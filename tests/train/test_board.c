/* SPDX-License-Identifier: MIT */
/* tests/train/test_board.c: what the TensorBoard callback and the writer of hand-written loops put into event files,
 * point by point against what Keras wrote for the same runs (tests/golden/data/tb_*.txt; buckets in
 * tb_histograms.npz).
 *
 * Files are read by an independent reader. Left out of the comparison: the model's graph, which is not written yet,
 * and Keras's bug that an integer update_freq also gates what belongs to epochs (docs/differences.md).
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>

#include "../summary/events_reader.h"
#include "testing.h"

/* ---- points ---- */

typedef struct point {
    char run[32], tag[128], plugin[24];
    int64_t step;
    double value; /* of a scalar; sum of counts of a histogram; NaN: not compared */
    double rows[30][3];
} point;

typedef struct points {
    point *at;
    int n;
} points;

static point *points_add(points *p)
{
    p->at = realloc(p->at, (size_t)(p->n + 1) * sizeof *p->at);
    assert_non_null(p->at);
    memset(&p->at[p->n], 0, sizeof *p->at);
    return &p->at[p->n++];
}

static void read_file(points *p, const char *run, const char *path)
{
    event_file file = reader_open(path);
    event e;
    for (size_t at = 0; reader_next(&file, &at, &e);) {
        if (!e.tag[0]) continue;
        point *q = points_add(p);
        snprintf(q->run, sizeof q->run, "%s", run);
        snprintf(q->tag, sizeof q->tag, "%.127s", e.tag);
        snprintf(q->plugin, sizeof q->plugin, "%.23s", e.plugin);
        q->step = e.step;
        if (strcmp(e.plugin, "scalars") == 0) {
            q->value = (double)reader_float(&e);
            continue;
        }
        if (strcmp(e.plugin, "histograms") != 0) continue; /* 0, as a golden that has no number */
        assert_int_equal(e.dim[0], 30);
        for (size_t i = 0; i < 90; i++) q->rows[i / 3][i % 3] = reader_double(&e, i);
        for (int i = 0; i < 30; i++) q->value += q->rows[i][2];
    }
    free(file.bytes);
}

static int order(const void *a, const void *b)
{
    const point *p = a, *q = b;
    int run = strcmp(p->run, q->run), tag = strcmp(p->tag, q->tag);
    return run ? run : tag ? tag : (p->step > q->step) - (p->step < q->step);
}

static points read_run(const char *folder, const char *run)
{
    points p = { NULL, 0 };
    char path[512], file[1024];
    snprintf(path, sizeof path, "%s/%s", folder, run);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!strstr(entry->d_name, "tfevents")) continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        read_file(&p, run, file);
    }
    if (dir) closedir(dir);
    return p;
}

static points read_all(const char *folder)
{
    points p = read_run(folder, "train"), v = read_run(folder, "validation");
    for (int i = 0; i < v.n; i++) *points_add(&p) = v.at[i];
    free(v.at);
    if (p.n) qsort(p.at, (size_t)p.n, sizeof *p.at, order);
    return p;
}

/* keep: should this point of the golden be there? NULL: all */
static points read_golden(const char *name, bool (*keep)(const point *p))
{
    points p = { NULL, 0 };
    char *text = golden_text(name), *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char value[64];
        point *q = points_add(&p);
        assert_int_equal(sscanf(line, "%31s %127s %23s %" SCNd64 " %63s", q->run, q->tag, q->plugin, &q->step, value),
                         5);
        q->value = value[0] == '*' ? (double)NAN : atof(value);
        if (keep && !keep(q)) p.n--;
    }
    free(text);
    qsort(p.at, (size_t)p.n, sizeof *p.at, order);
    return p;
}

static void compare(const char *name, const points *got, const points *want, double tolerance)
{
    for (int i = 0; i < got->n || i < want->n; i++) {
        const point *g = i < got->n ? &got->at[i] : NULL, *w = i < want->n ? &want->at[i] : NULL;
        if (!g || !w || order(g, w) != 0 || strcmp(g->plugin, w->plugin) != 0)
            fail_msg("%s: point %d: expected %s %s %lld, got %s %s %lld", name, i, w ? w->run : "nothing",
                     w ? w->tag : "", w ? (long long)w->step : 0, g ? g->run : "nothing", g ? g->tag : "",
                     g ? (long long)g->step : 0);
        if (isnan(w->value)) assert_true(g->value > 0);
        else if (!(fabs(g->value - w->value) <= tolerance * (1 + fabs(w->value))))
            fail_msg("%s: %s %s %lld: expected %.9g, got %.9g", name, w->run, w->tag, (long long)w->step, w->value,
                     g->value);
    }
}

/* ---- the run of the texts ---- */

static kt_tensor *watched_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    kt_summary_histogram("activations", x);
    kt_summary_scalar("largest", kt_max(x));
    return x;
}
static const kt_layer_class watched_class = { .name = "watched", .call = watched_call };

typedef struct board_case {
    const char *golden;
    kt_tensorboard_config config;
    int64_t epochs;
    bool no_validation, watched, evaluate;
    bool (*keep)(const point *p);
} board_case;

static void run_case(const board_case *c, const char *backend, bool eagerly)
{
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = kt_context_new(.backend = backend, .run_eagerly = eagerly);
    kt_arrays *golden = golden_open(kt, "fit_text_run");
    kt_model *model;
    if (c->watched) {
        model =
            kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_custom(&watched_class), kt_dense(2));
        set_weights(model, golden);
    } else {
        model = golden_net(kt, golden, NULL);
    }
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse", .metrics = { "mae" });
    kt_tensorboard_config config = c->config;
    config.size = sizeof config;
    config.log_dir = folder;
    kt_callback_spec board = kt_callback_spec_of(&kt_tensorboard_class, &config, sizeof config);
    kt_array x = golden_need(golden, "x"), y = golden_need(golden, "y");
    if (c->evaluate) kt_evaluate(model, NULL, x, y, .batch_size = 8, .callbacks = { board });
    else
        kt_fit(model, x, y, .batch_size = 8, .epochs = c->epochs ? c->epochs : 2,
               .validation_split = c->no_validation ? 0 : 0.4, .no_shuffle = true, .callbacks = { board });
    assert_fine(kt);
    points got = read_all(folder), want = read_golden(c->golden, c->keep);
    compare(c->golden, &got, &want, 2e-5);
    free(got.at);
    free(want.at);
    kt_context_free(kt);
    remove_folder(folder);
}

/* update_freq 3 in tb_batch.txt: batches 3 and 6, everything of epochs and evaluations, no rates. */
static bool every_third(const point *p)
{
    if (strstr(p->tag, "steps_per_second")) return false;
    return strncmp(p->tag, "batch_", 6) != 0 || p->step % 3 == 0;
}

static bool of_layer(const point *p)
{
    return strncmp(p->tag, "sequential/watched/", 19) == 0;
}

static void test_callback(void **state)
{
    (void)state;
    const board_case cases[] = {
        { .golden = "tb_epoch.txt", .config = { .histogram_freq = 1 } },
        { .golden = "tb_batch.txt",
          .config = { .histogram_freq = 1, .update_freq = "batch", .write_steps_per_second = true } },
        { .golden = "tb_batch.txt", .config = { .histogram_freq = 1, .update_every = 3 }, .keep = every_third },
        { .golden = "tb_histogram_freq_2.txt", .config = { .histogram_freq = 2 }, .epochs = 4 },
        { .golden = "tb_no_graph.txt", .config = { .no_graph = true } },
        { .golden = "tb_no_validation.txt", .config = { .histogram_freq = 0 }, .no_validation = true },
        { .golden = "tb_evaluate.txt", .config = { .histogram_freq = 0 }, .evaluate = true },
        { .golden = "tb_layer_summary_1.txt", .config = { .update_freq = "batch" }, .watched = true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(&cases[i], "ref", false);
        run_case(&cases[i], "cpu", false);
        run_case(&cases[i], "ref", true);
    }
}

static points layer_points(const kt_tensorboard_config *given, int64_t epochs)
{
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_arrays *golden = golden_open(kt, "fit_text_run");
    kt_model *model =
        kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_custom(&watched_class), kt_dense(2));
    set_weights(model, golden);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse", .metrics = { "mae" });
    kt_tensorboard_config config = *given;
    config.size = sizeof config;
    config.log_dir = folder;
    kt_fit(model, golden_need(golden, "x"), golden_need(golden, "y"), .batch_size = 8, .epochs = epochs,
           .validation_split = 0.4, .no_shuffle = true,
           .callbacks = { kt_callback_spec_of(&kt_tensorboard_class, &config, sizeof config) });
    assert_fine(kt);
    kt_context_free(kt);
    points all = read_all(folder), own = { NULL, 0 };
    for (int i = 0; i < all.n; i++)
        if (of_layer(&all.at[i])) *points_add(&own) = all.at[i];
    free(all.at);
    remove_folder(folder);
    return own;
}

static void test_layer_gates(void **state)
{
    (void)state;
    points got = layer_points(&(kt_tensorboard_config){ .update_every = 3 }, 2);
    points want = read_golden("tb_layer_summary_3.txt", of_layer);
    compare("tb_layer_summary_3.txt", &got, &want, 2e-5);
    free(got.at);
    free(want.at);
    /* "epoch": the last batch of each epoch, step = epoch, in both runs; the same values as batches 3 and 6, tests 2
     * and 4. */
    got = layer_points(&(kt_tensorboard_config){ .histogram_freq = 0 }, 2);
    want = read_golden("tb_layer_summary_1.txt", of_layer);
    int kept = 0;
    for (int i = 0; i < want.n; i++) {
        int64_t per_epoch = strcmp(want.at[i].run, "train") == 0 ? 3 : 2;
        if (want.at[i].step % per_epoch) continue;
        want.at[kept] = want.at[i];
        want.at[kept++].step = want.at[i].step / per_epoch - 1;
    }
    want.n = kept;
    compare("update_freq epoch", &got, &want, 2e-5);
    free(got.at);
    free(want.at);
    /* ... of those epochs whose histograms are written: the first and third of four, 4 points each. */
    got = layer_points(&(kt_tensorboard_config){ .histogram_freq = 2 }, 4);
    assert_int_equal(got.n, 8);
    for (int i = 0; i < got.n; i++) assert_true(got.at[i].step == 0 || got.at[i].step == 2);
    free(got.at);
}

/* Buckets as Keras's, edge by edge. */
static void test_buckets(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_arrays *golden = golden_open(kt, "fit_text_run"), *buckets = golden_open(kt, "tb_histograms");
    kt_model *model = golden_net(kt, golden, NULL);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse", .metrics = { "mae" });
    kt_fit(model, golden_need(golden, "x"), golden_need(golden, "y"), .batch_size = 8, .epochs = 2,
           .validation_split = 0.4, .no_shuffle = true, .callbacks = { kt_tensorboard(folder, .histogram_freq = 1) });
    points got = read_all(folder);
    int seen = 0, moved = 0;
    for (int64_t step = 0; step < 2; step++) {
        int tag = 0;
        for (int i = 0; i < got.n; i++) {
            if (got.at[i].step != step || strcmp(got.at[i].plugin, "histograms") != 0) continue;
            char name[32];
            snprintf(name, sizeof name, "epoch_%d_%d", (int)step, tag++);
            kt_array want = golden_need(buckets, name);
            for (int k = 0; k < 90; k++) {
                double g = got.at[i].rows[k / 3][k % 3], w = golden_at(want, k);
                if (k % 3 < 2) assert_true(fabs(g - w) <= 1e-5 * (0.1 + fabs(w)));
                else moved += g != w; /* a weight that differs in its last bit may lie beyond an edge */
            }
            seen++;
        }
    }
    assert_int_equal(seen, 8);
    assert_true(moved <= 2);
    free(got.at);
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- tags of other kinds of models ---- */

static void fit_once(kt_context *kt, kt_model *model, const char *folder)
{
    float x[16 * 6], y[16 * 2];
    for (int i = 0; i < 16 * 6; i++) x[i] = (float)sin(i);
    for (int i = 0; i < 16 * 2; i++) y[i] = (float)cos(i);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
    kt_fit(model, kt_floats(x, 16, 6), kt_floats(y, 16, 2),
           .callbacks = { kt_tensorboard(folder, .histogram_freq = 1) });
    assert_fine(kt);
}

static void compare_tags(kt_context *kt, kt_model *model, const char *golden)
{
    char folder[256];
    make_folder(folder, sizeof folder);
    fit_once(kt, model, folder);
    points got = read_all(folder), want = read_golden(golden, NULL);
    assert_int_equal(got.n, want.n);
    for (int i = 0; i < got.n; i++) {
        assert_string_equal(got.at[i].tag, want.at[i].tag);
        if (strcmp(want.at[i].plugin, "histograms") == 0) assert_true(got.at[i].value == want.at[i].value);
    }
    free(got.at);
    free(want.at);
    remove_folder(folder);
    kt_context_free(kt);
}

static void test_tags(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_tensor *x = kt_symbol(kt, kt_input(6)), *h = kt_apply_layer(kt_dense(8, .activation = "tanh"), x);
    kt_layer *shared = kt_layer_new(kt, kt_dense(8, .activation = "relu"));
    kt_tensor *s = kt_call_layer(shared, kt_call_layer(shared, h));
    compare_tags(kt, kt_model_new(x, kt_apply_layer(kt_dense(2), kt_add(s, h))), "tb_tags_functional.txt");

    kt = test_context("ref", KT_FLOAT32);
    kt_model *inner = kt_sequential(kt, kt_input(8), kt_dense(5, .activation = "relu"));
    compare_tags(kt,
                 kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_existing(kt_model_layer(inner)),
                               kt_dense(2)),
                 "tb_tags_nested.txt");
}

/* ---- hand-written loops ---- */

static kt_tensor *weighted_mse(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *weight = kt_cast(kt_greater(y_true, kt_scalar(y_true, 0.5)), kt_dtype_of(y_true));
    return kt_mean(kt_mul(kt_square(kt_sub(y_true, y_pred)), weight));
}

static void test_hand_loop(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_arrays *golden = golden_open(kt, "mission_custom_loop");
    kt_model *model = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
    set_weights(model, golden);
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_adam());
    kt_writer *writer = kt_file_writer(kt, folder);
    kt_dataset *batches = kt_dataset_new(kt, golden_need(golden, "x"), golden_need(golden, "y"), .batch_size = 32);
    int64_t step = 0;
    for (int epoch = 0; epoch < 4; epoch++) {
        kt_for_each_batch(batches, batch) {
            kt_tensor *loss = weighted_mse(batch.y, kt_call(model, batch.x));
            kt_tensors gradients = kt_gradients(loss, kt_trainable(model));
            kt_apply_gradients(optimizer, gradients, kt_trainable(model));
            kt_write_scalar(writer, "loss", loss, step++);
        }
    }
    kt_write_number(writer, "number", 2.5, 7);
    assert_int_equal(kt_writer_close(writer), KT_OK);
    assert_fine(kt);
    points got = read_run(folder, "."), want = read_golden("tb_mission_custom_loop.txt", NULL);
    qsort(got.at, (size_t)got.n, sizeof *got.at, order);
    assert_true(got.n == want.n + 1 && strcmp(got.at[want.n].tag, "number") == 0);
    got.n--;
    compare("tb_mission_custom_loop.txt", &got, &want, 1e-4);
    free(got.at);
    free(want.at);
    kt_context_free(kt);
    remove_folder(folder);
}

/* Summaries inside layers with the writer of a loop: step by step, and silent when nobody looks. */
static void test_summaries_to(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(3), kt_custom(&watched_class));
    kt_writer *writer = kt_file_writer(kt, folder);
    float x[6] = { 1, 2, 3, 4, 5, 6 };
    kt_dataset *data = kt_dataset_new(kt, kt_floats(x, 2, 3), .batch_size = 1);
    int64_t step = 10;
    kt_for_each_batch(data, batch) {
        kt_summaries_to(kt, writer, step++);
        kt_call(model, batch.x);
    }
    kt_summaries_to(kt, NULL, 0);
    kt_for_each_batch(data, batch) kt_call(model, batch.x);
    kt_summary_scalar("outside", NULL);
    assert_int_equal(kt_writer_close(writer), KT_OK);
    assert_fine(kt);
    points got = read_run(folder, ".");
    qsort(got.at, (size_t)got.n, sizeof *got.at, order);
    assert_int_equal(got.n, 4);
    assert_string_equal(got.at[2].tag, "sequential/watched/largest");
    assert_true(got.at[2].step == 10 && got.at[2].value == 3 && got.at[3].step == 11 && got.at[3].value == 6);
    assert_true(got.at[0].value == 3);
    free(got.at);
    kt_context_free(kt);
    remove_folder(folder);
}

/* The callback in a loop written by hand: batch and epoch points, summaries of layers. */
static void test_callback_by_hand(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_model *model = kt_sequential(kt, kt_input(3), kt_custom(&watched_class), kt_dense(1));
    float x[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    kt_dataset *data = kt_dataset_new(kt, kt_floats(x, 4, 3), .batch_size = 1);
    kt_loop *loop = kt_loop_new(kt, .model = model, .epochs = 2, .steps = 4,
                                .callbacks = { kt_tensorboard(folder, .histogram_freq = 1, .update_every = 2) });
    kt_loop_train_begin(loop);
    for (int epoch = 0; epoch < 2; epoch++) {
        kt_loop_epoch_begin(loop, epoch);
        kt_for_each_batch(data, batch) {
            kt_loop_batch_begin(loop, batch.index);
            kt_tensor *y = kt_mean(kt_call(model, batch.x));
            kt_loop_log(loop, "loss", kt_item(y));
            kt_loop_batch_end(loop, batch.index);
        }
        kt_loop_epoch_end(loop, epoch);
    }
    kt_loop_train_end(loop);
    kt_loop_free(loop);
    assert_fine(kt);
    points got = read_all(folder);
    int batch_points = 0, epoch_points = 0, layer_points_seen = 0, weights = 0;
    for (int i = 0; i < got.n; i++) {
        batch_points += strcmp(got.at[i].tag, "batch_loss") == 0 && got.at[i].step % 2 == 0;
        epoch_points += strcmp(got.at[i].tag, "epoch_loss") == 0;
        weights += strstr(got.at[i].tag, "/histogram") != NULL;
        if (strcmp(got.at[i].tag, "sequential/watched/largest") != 0) continue;
        layer_points_seen++;
        double want = got.at[i].step % 4 == 2 ? 6 : 12; /* batches 2, 4, 6, 8: rows 2 and 4 */
        assert_true(got.at[i].value == want);
    }
    assert_int_equal(batch_points, 4);
    assert_int_equal(epoch_points, 2);
    assert_int_equal(layer_points_seen, 4);
    assert_int_equal(weights, 4);
    free(got.at);
    kt_context_free(kt);
    remove_folder(folder);
}

/* ---- what may go wrong ---- */

static void test_refused(void **state)
{
    (void)state;
    kt_context *kt = test_context("ref", KT_FLOAT32);
    kt_arrays *golden = golden_open(kt, "fit_text_run");
    kt_model *model = golden_net(kt, golden, NULL);
    kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
    assert_int_equal(kt_fit(model, golden_need(golden, "x"), golden_need(golden, "y"),
                            .callbacks = { kt_tensorboard("/dev/null/logs") }),
                     KT_ERR_IO);
    assert_error(kt, KT_ERR_IO, "/dev/null/logs");
    assert_null(kt_file_writer(kt, "/dev/null/logs"));
    assert_error(kt, KT_ERR_IO, "/dev/null/logs");
    assert_null(kt_file_writer(kt, NULL));
    assert_error(kt, KT_ERR_VALUE, "directory");
    assert_null(kt_file_writer(NULL, "logs"));
    assert_int_equal(kt_write_scalar(NULL, "loss", NULL, 0), KT_ERR_VALUE);
    assert_int_equal(kt_writer_close(NULL), KT_OK);
    assert_int_equal(kt_writer_dropped(NULL), 0);
    assert_int_equal(kt_summaries_to(NULL, NULL, 0), KT_ERR_VALUE);
    kt_summary_scalar(NULL, NULL);
    kt_context_free(kt);
}

/* A disk that is full: training goes on to the same weights, what is lost is counted. */
static void test_full_disk(void **state)
{
    (void)state;
    double weights[2][64];
    for (int full = 0; full < 2; full++) {
        char folder[256];
        make_folder(folder, sizeof folder);
        kt_context *kt = test_context("ref", KT_FLOAT64);
        kt_arrays *golden = golden_open(kt, "fit_text_run");
        kt_model *model = golden_net(kt, golden, NULL);
        kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse");
        struct rlimit before, small;
        getrlimit(RLIMIT_FSIZE, &before);
        small = before;
        small.rlim_cur = 600;
        void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
        kt_writer *writer = kt_file_writer(kt, folder);
        if (full) setrlimit(RLIMIT_FSIZE, &small);
        kt_status status = kt_fit(model, golden_need(golden, "x"), golden_need(golden, "y"), .batch_size = 8,
                                  .epochs = 200, .no_shuffle = true,
                                  .callbacks = { kt_tensorboard(folder, .histogram_freq = 1, .update_freq = "batch") });
        /* A log holds 64 MiB back before it drops anything. */
        for (int i = 0; i < (full ? 4000000 : 100) && kt_writer_dropped(writer) == 0; i++)
            kt_write_number(writer, "x", i, i);
        setrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, old);
        assert_int_equal(status, KT_OK);
        assert_fine(kt);
        assert_int_equal(kt_writer_dropped(writer) > 0, full);
        kt_read(kt_weights(model).at[0], weights[full], KT_FLOAT64, 48);
        kt_context_free(kt);
        remove_folder(folder);
    }
    assert_memory_equal(weights[0], weights[1], 48 * sizeof(double));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callback),  cmocka_unit_test(test_layer_gates),  cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_tags),      cmocka_unit_test(test_hand_loop),    cmocka_unit_test(test_summaries_to),
        cmocka_unit_test(test_callback_by_hand), cmocka_unit_test(test_refused), cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
