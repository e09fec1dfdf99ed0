/* SPDX-License-Identifier: MIT */
/* tests/tensorboard/write_plugins.c: logs of the structured plugins, for check_plugins.py to read with TensorBoard.
 *
 *     write_plugins FOLDER
 *
 * FOLDER/all      sessions a, b, c with hyperparameters (a and c in one group, c failed), scalars, PR curves, a layout,
 *                 graphs, run metadata, a Keras model, a trace as a profile session
 * FOLDER/config   an experiment record with domains and metrics, and one session
 * FOLDER/trace.json
 *
 * Every value follows from a formula that the check repeats. The logs' clock stands still at 1.7e9 seconds, and each
 * kind of data has a run of its own.
 */
#include <stdio.h>
#include <string.h>

#include <keratin/summary.h>
#include <keratin/summary_plugins.h>

static double clock_now(void *user)
{
    (void)user;
    return 1700000000.0;
}

static int failures;

static void check(kt_status status, const char *what, const char *message)
{
    if (status == KT_OK) return;
    fprintf(stderr, "write_plugins: %s: %s: %s\n", what, kt_status_name(status), message);
    failures++;
}

static kt_events *begin(const char *folder, const char *run)
{
    char path[2048];
    kt_events_error error;
    snprintf(path, sizeof path, "%s/%s", folder, run);
    kt_events *log = kt_events_open(path, .now = clock_now, .error = &error);
    if (!log) check(error.status, run, error.message);
    return log;
}

static void end(kt_events *log, const char *run)
{
    check(kt_events_status(log), run, kt_events_message(log));
    check(kt_events_close(log), run, "close");
}

/* ---- Hyperparameters --------------------------------------------------------------------------- */

static void session(const char *folder, const char *run, double rate, kt_session_status status)
{
    char below[64];
    kt_hparam hparams[] = { kt_hparam_number("learning_rate", rate), kt_hparam_integer("units", 64),
                            kt_hparam_text("optimizer", "adam \xE2\x82\xAC"), kt_hparam_bool("augment", true) };
    kt_events *log = begin(folder, run);
    kt_events_hparams(log, hparams, 4, NULL);
    for (int64_t step = 0; step < 4; step++) kt_events_scalar(log, "epoch_loss", rate + 1.0 / (double)(step + 1), step);
    kt_events_hparams_end(log, status);
    end(log, run);
    snprintf(below, sizeof below, "%s/validation", run);
    log = begin(folder, below);
    for (int64_t step = 0; step < 4; step++) kt_events_scalar(log, "epoch_loss", rate + 2.0 / (double)(step + 1), step);
    end(log, below);
}

static void config(const char *folder)
{
    static const char *const optimizers[] = { "adam", "sgd" };
    static const double units[] = { 32, 64 };
    const kt_hparam_info infos[] = {
        { .name = "learning_rate", .display_name = "rate", .description = "*the* rate", .min = 1e-4, .max = 0.1 },
        { .name = "optimizer", .texts = optimizers, .count = 2 },
        { .name = "units", .values = units, .count = 2 },
        { .name = "augment", .type = KT_HPARAM_BOOL },
    };
    const kt_metric_info metrics[] = {
        { .tag = "epoch_loss", .group = "validation", .display_name = "loss", .dataset = KT_DATASET_VALIDATION },
        { .tag = "epoch_loss", .dataset = KT_DATASET_TRAINING },
    };
    kt_events *log = begin(folder, "config");
    kt_events_hparams_config(log, &(kt_hparams_config){ .hparams = infos, .n_hparams = 4, .metrics = metrics, .n_metrics = 2 });
    end(log, "config");
    session(folder, "config/one", 0.01, KT_SESSION_SUCCESS);
}

/* ---- PR curves and the layout ------------------------------------------------------------------ */

static void pr_curves(const char *folder)
{
    enum { ROWS = 1000 };
    static float predictions[ROWS], weights[ROWS];
    static uint8_t labels[ROWS];
    kt_events *log = begin(folder, "all/curves");
    for (int step = 0; step < 3; step++) {
        for (int i = 0; i < ROWS; i++) {
            predictions[i] = (float)((i * 7919 + step * 13) % 1009) / 1008.0f;
            labels[i] = (i * 31 + step) % 7 < (int)(predictions[i] * 7);
            weights[i] = (float)(i % 5) / 4;
        }
        kt_events_pr_curve(log, "digits/pr_curves", predictions, labels, NULL, ROWS, 0, step);
        kt_events_pr_curve(log, "weighted", predictions, labels, weights, ROWS, 51, step);
    }
    static const double tp[] = { 3, 2 }, fp[] = { 1, 0 }, tn[] = { 0, 1 }, fn[] = { 0, 1 };
    kt_events_pr_curve_raw(log, "raw", &(kt_pr_counts){ 2, tp, fp, tn, fn, NULL, NULL }, 0);
    end(log, "all/curves");
}

static void layout(const char *folder)
{
    static const char *const losses[] = { "epoch_.*" };
    static const kt_margin margins[] = { { "mean", "low", "high" } };
    const kt_chart charts[] = { { .title = "losses", .tags = losses, .n_tags = 1 },
                                { .title = "band", .margins = margins, .n_margins = 1 } };
    const kt_chart_category categories[] = { { .title = "mine", .charts = charts, .n_charts = 2 },
                                             { .title = "folded", .charts = charts, .n_charts = 1, .closed = true } };
    kt_events *log = begin(folder, "all/charts");
    kt_events_layout(log, &(kt_layout){ categories, 2 });
    for (int64_t step = 0; step < 5; step++) {
        kt_events_scalar(log, "mean", (double)step, step);
        kt_events_scalar(log, "low", (double)step - 0.5, step);
        kt_events_scalar(log, "high", (double)step + 0.5, step);
    }
    end(log, "all/charts");
}

/* ---- Graphs ------------------------------------------------------------------------------------ */

static const char keras_model[] =
    "{\"module\": \"keras\", \"class_name\": \"Sequential\", \"config\": {\"name\": \"sequential\", \"trainable\": true, "
    "\"dtype\": {\"module\": \"keras\", \"class_name\": \"DTypePolicy\", \"config\": {\"name\": \"float32\"}, "
    "\"registered_name\": null}, \"layers\": [{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", \"config\": "
    "{\"batch_shape\": [null, 10], \"dtype\": \"float32\", \"name\": \"input_layer\"}}, {\"module\": \"keras.layers\", "
    "\"class_name\": \"Dense\", \"config\": {\"name\": \"dense\", \"dtype\": {\"config\": {\"name\": \"float32\"}}, "
    "\"units\": 64}}, {\"module\": \"keras.layers\", \"class_name\": \"Dense\", \"config\": {\"name\": \"dense_1\", "
    "\"dtype\": {\"config\": {\"name\": \"float32\"}}, \"units\": 1}}]}}";

static void graphs(const char *folder)
{
    static const char *const from_x[] = { "x", "dense/kernel" }, *const from_dense[] = { "dense/matmul", "^x" };
    static const kt_graph_shape batch = { 2, { -1, 10 } }, kernel = { 2, { 10, 64 } }, hidden = { 2, { -1, 64 } }, scalar = { 0, { 0 } };
    static const kt_graph_attr attrs[] = { { .name = "provider", .text = "cpu.avx2" }, { .name = "fused", .number = 3 } };
    static const kt_graph_node nodes[] = {
        { .name = "x", .op = "Placeholder", .outputs = &batch, .n_outputs = 1 },
        { .name = "dense/kernel", .op = "Variable", .outputs = &kernel, .n_outputs = 1 },
        { .name = "dense/matmul", .op = "matmul", .device = "/device:CPU:0", .inputs = from_x, .n_inputs = 2,
          .outputs = &hidden, .n_outputs = 1, .attrs = attrs, .n_attrs = 2 },
        { .name = "loss/mean \xFF", .op = "mean", .inputs = from_dense, .n_inputs = 2, .outputs = &scalar, .n_outputs = 1 },
    };
    static const kt_node_stat stats[] = {
        { .name = "x", .start_ns = 2000000, .end_ns = 2000100, .bytes = 1280, .outputs = &batch, .n_outputs = 1 },
        { .name = "dense/matmul", .start_ns = 2000100, .end_ns = 2012400, .bytes = 8192, .outputs = &hidden, .n_outputs = 1, .thread = 1 },
    };
    kt_events *log = begin(folder, "all/graphs");
    kt_events_keras_model(log, keras_model);
    kt_events_graph(log, nodes, 4);
    kt_events_op_graph(log, "train step", nodes, 4, 0);
    kt_events_run_metadata(log, "step 1", &(kt_run_metadata){ stats, 2, nodes, 4 }, 1);
    kt_events_run_metadata(log, "step 2", &(kt_run_metadata){ stats, 2, NULL, 0 }, 2);
    end(log, "all/graphs");
}

/* ---- A trace ----------------------------------------------------------------------------------- */

static void trace(const char *folder)
{
    char path[2048];
    kt_events_error error = { KT_OK, "" };
    kt_trace *t = kt_trace_new(.process = "a \"process\"\n", .epoch_ns = INT64_C(1700000000000000000));
    kt_trace_thread(t, 1, "loader \xF0\x9F\x98\x80");
    for (int step = 0; step < 20; step++) {
        char name[32];
        int64_t start = INT64_C(5000000000) + step * 1000000;
        snprintf(name, sizeof name, "step %d", step);
        const kt_trace_arg args[] = { { .name = "step_num", .number = step }, { .name = "shape", .text = "(32, 10)" },
                                      { .name = "ratio", .number = 0.1 } };
        const kt_span spans[] = {
            { .name = "matmul", .category = "forward", .start_ns = start + 1000, .duration_ns = 200123, .bytes = 8192, .args = args, .n_args = 3 },
            { .name = "dense/add:Add", .category = "forward", .start_ns = start + 300000, .duration_ns = 7 },
            { .name = name, .category = "step", .start_ns = start, .duration_ns = 900000, .args = args, .n_args = 1 },
            { .name = "read", .start_ns = start + 10, .duration_ns = 500000, .thread = 1 },
        };
        for (int i = 0; i < 4; i++) check(kt_trace_add(t, &spans[i]), "kt_trace_add", name);
    }
    snprintf(path, sizeof path, "%s/trace.json", folder);
    check(kt_trace_write_json(t, path, &error), "kt_trace_write_json", error.message);
    snprintf(path, sizeof path, "%s/all/graphs", folder);
    check(kt_trace_write_profile(t, path, "2026_08_01_12_30_00", &error), "kt_trace_write_profile", error.message);
    kt_trace_free(t);
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: write_plugins FOLDER\n"), 2;
    session(argv[1], "all/a", 0.01, KT_SESSION_SUCCESS);
    session(argv[1], "all/b", 0.1, KT_SESSION_SUCCESS);
    session(argv[1], "all/c", 0.01, KT_SESSION_FAILURE);
    config(argv[1]);
    pr_curves(argv[1]);
    layout(argv[1]);
    graphs(argv[1]);
    trace(argv[1]);
    return failures > 0;
}
