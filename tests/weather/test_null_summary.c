/* SPDX-License-Identifier: MIT */
/* tests/weather/test_null_summary.c: NULL for every pointer argument of the summary library's newer functions: media, plugins, traces,
 * limits, the reader. test_null.c sees to it that none is forgotten.
 */
#include <keratin/reader.h>

#include "null.h"

static const uint8_t labels[2] = { 0, 1 };
static const float numbers[6] = { 0, 1, 2, 3, 4, 5 };
static const char *const cells[2] = { "a", NULL };

static void media_with(kt_events *log)
{
    const kt_images images = { .f32 = numbers, .count = 1, .height = 2, .width = 3, .channels = 1 }, no_pixels = { .count = 1, .height = 2, .width = 3, .channels = 1 };
    const kt_audio audio = { .samples = numbers, .clips = 1, .frames = 6, .channels = 1, .rate = 8000 }, no_sound = { .clips = 1, .frames = 6, .channels = 1, .rate = 8000 };
    const kt_mesh mesh = { .vertices = numbers, .vertex_count = 2 }, no_mesh = { .vertex_count = 2 };
    const kt_blob no_file = { NULL, 5 };
    char out[40];
    FAILS(kt_events_image(NULL, "a", &images, 1));
    FAILS(kt_events_image(log, NULL, &images, 1));
    FAILS(kt_events_image(log, "image", NULL, 1));
    FAILS(kt_events_image(log, "image", &no_pixels, 1));
    FAILS(kt_events_image_encoded(NULL, "a", &no_file, 1, 1));
    FAILS(kt_events_image_encoded(log, NULL, &no_file, 1, 1));
    FAILS(kt_events_image_encoded(log, "image", NULL, 1, 1));
    FAILS(kt_events_image_encoded(log, "image", &no_file, 1, 1));
    FAILS(kt_events_audio(NULL, "a", &audio, 1));
    FAILS(kt_events_audio(log, NULL, &audio, 1));
    FAILS(kt_events_audio(log, "audio", NULL, 1));
    FAILS(kt_events_audio(log, "audio", &no_sound, 1));
    FAILS(kt_events_text(NULL, "a", "b", 1));
    FAILS(kt_events_text(log, NULL, "b", 1));
    RUNS(kt_events_text(log, "text", NULL, 1));
    FAILS(kt_events_text_table(NULL, "a", cells, 1, 2, 1));
    FAILS(kt_events_text_table(log, NULL, cells, 1, 2, 1));
    FAILS(kt_events_text_table(log, "table", NULL, 1, 2, 1));
    FAILS(kt_events_markdown_table(NULL, "a", cells, 1, 2, 1));
    FAILS(kt_events_markdown_table(log, NULL, cells, 1, 2, 1));
    FAILS(kt_events_markdown_table(log, "markdown", NULL, 1, 2, 1));
    RUNS(kt_markdown_table(NULL, 0, cells, 1, 2));
    RUNS(kt_markdown_table(out, sizeof out, NULL, 1, 2));
    FAILS(kt_events_mesh(NULL, "a", &mesh, 1));
    FAILS(kt_events_mesh(log, NULL, &mesh, 1));
    FAILS(kt_events_mesh(log, "mesh", NULL, 1));
    FAILS(kt_events_mesh(log, "mesh", &no_mesh, 1));
    FAILS(kt_projector_write_with(NULL));
    FAILS(kt_projector_write(NULL, NULL, 0));
    FAILS(kt_projector_write("nowhere", NULL, 1));
}

static void plugins_with(kt_events *log)
{
    const kt_hparam hparam = kt_hparam_number("a", 1), nameless = kt_hparam_number(NULL, 1);
    const kt_pr_counts no_counts = { .thresholds = 3 };
    const kt_layout no_categories = { .n_categories = 1 };
    const kt_graph_node node = { .name = "a" }, no_name = { .op = "Add" };
    const kt_run_metadata no_stats = { .n_stats = 1 };
    const kt_hparams_config no_infos = { .n_hparams = 1 };
    char group[KT_HPARAM_GROUP_BYTES];
    FAILS(kt_events_hparams(NULL, &hparam, 1, NULL));
    FAILS(kt_events_hparams(log, NULL, 1, NULL));
    FAILS(kt_events_hparams(log, &nameless, 1, NULL));
    FAILS(kt_hparams_group(NULL, 1, group));
    FAILS(kt_hparams_group(&nameless, 1, group));
    FAILS(kt_events_hparams_end(NULL, KT_SESSION_SUCCESS));
    FAILS(kt_events_hparams_config(NULL, &no_infos));
    FAILS(kt_events_hparams_config(log, NULL));
    FAILS(kt_events_hparams_config(log, &no_infos));
    FAILS(kt_events_pr_curve(NULL, "a", numbers, labels, NULL, 2, 0, 1));
    FAILS(kt_events_pr_curve(log, NULL, numbers, labels, NULL, 2, 0, 1));
    FAILS(kt_events_pr_curve(log, "curve", NULL, labels, NULL, 2, 0, 1));
    FAILS(kt_events_pr_curve(log, "curve", numbers, NULL, NULL, 2, 0, 1));
    FAILS(kt_events_pr_curve_raw(NULL, "a", &no_counts, 1));
    FAILS(kt_events_pr_curve_raw(log, NULL, &no_counts, 1));
    FAILS(kt_events_pr_curve_raw(log, "curve", NULL, 1));
    FAILS(kt_events_pr_curve_raw(log, "curve", &no_counts, 1));
    FAILS(kt_events_layout(NULL, &no_categories));
    FAILS(kt_events_layout(log, NULL));
    FAILS(kt_events_layout(log, &no_categories));
    FAILS(kt_events_graph(NULL, &node, 1));
    FAILS(kt_events_graph(log, NULL, 1));
    FAILS(kt_events_graph(log, &no_name, 1));
    FAILS(kt_events_op_graph(NULL, "a", &node, 1, 1));
    FAILS(kt_events_op_graph(log, NULL, &node, 1, 1));
    FAILS(kt_events_op_graph(log, "graph", NULL, 1, 1));
    FAILS(kt_events_run_metadata(NULL, "a", &no_stats, 1));
    FAILS(kt_events_run_metadata(log, NULL, &no_stats, 1));
    FAILS(kt_events_run_metadata(log, "metadata", NULL, 1));
    FAILS(kt_events_run_metadata(log, "metadata", &no_stats, 1));
    FAILS(kt_events_keras_model(NULL, "{}"));
    FAILS(kt_events_keras_model(log, NULL));
}

static void traces_with(kt_trace *trace)
{
    const kt_span span = { .name = "a" }, nameless = { .duration_ns = 1 };
    RUNS(kt_trace_free(NULL));
    FAILS(kt_trace_add(NULL, &span));
    FAILS(kt_trace_add(trace, NULL));
    FAILS(kt_trace_add(trace, &nameless));
    FAILS(kt_trace_thread(NULL, 0, "a"));
    FAILS(kt_trace_thread(trace, 0, NULL));
    RUNS(kt_trace_count(NULL));
    RUNS(kt_trace_dropped(NULL));
    RUNS(kt_trace_clear(NULL));
    FAILS(kt_trace_write_json(NULL, "nowhere.json", NULL));
    FAILS(kt_trace_write_json(trace, NULL, NULL));
    FAILS(kt_trace_write_profile(NULL, "nowhere", NULL, NULL));
    FAILS(kt_trace_write_profile(trace, NULL, NULL, NULL));
}

static void logs_with(kt_events *log)
{
    kt_gate gate = { .every = 2 };
    kt_gate_state state = { 0 };
    RUNS(kt_gate_opens(NULL, &state, 1, 1));
    RUNS(kt_gate_opens(&gate, NULL, 1, 1));
    FAILS(kt_events_limit(NULL, "a", gate));
    FAILS(kt_events_limit(log, NULL, gate));
    RUNS(kt_events_wants(NULL, "a", 1));
    RUNS(kt_events_wants(log, NULL, 1));
    FAILS(kt_events_resume_from(NULL, 1));
    RUNS(kt_events_held(NULL));
    RUNS(kt_events_waiting(NULL));
}

static void reader_with(kt_logdir *log)
{
    kt_value value;
    kt_logdir_record record;
    kt_logdir_record_value one;
    memset(&record, 0, sizeof record);
    NONE(kt_logdir_open_with(NULL));
    NONE(kt_logdir_open(NULL));
    RUNS(kt_logdir_close(NULL));
    FAILS(kt_logdir_refresh(NULL, NULL));
    RUNS(kt_logdir_refresh(log, NULL));
    RUNS(kt_logdir_series_count(NULL));
    NONE(kt_logdir_series(NULL, 0));
    NONE(kt_logdir_find(NULL, "a", "b"));
    NONE(kt_logdir_find(log, NULL, "b"));
    NONE(kt_logdir_find(log, "a", NULL));
    FAILS(kt_logdir_value(NULL, NULL, 0, &value));
    FAILS(kt_logdir_value(log, NULL, 0, &value));
    FAILS(kt_logdir_value(log, NULL, 0, NULL));
    RUNS(kt_logdir_problems(NULL));
    NONE(kt_logdir_problem_at(NULL, 0));
    RUNS(kt_logdir_problems_total(NULL));
    RUNS(kt_logdir_files(NULL));
    NONE(kt_logdir_file_at(NULL, 0));
    FAILS(kt_logdir_record_at(NULL, 0, 0, &record));
    FAILS(kt_logdir_record_at(log, 0, 0, NULL));
    FAILS(kt_logdir_record_value_at(NULL, &record, 0, &one));
    FAILS(kt_logdir_record_value_at(log, NULL, 0, &one));
    FAILS(kt_logdir_record_value_at(log, &record, 0, NULL));
    RUNS(kt_logdir_message(NULL));
}

static void everything(void **state)
{
    (void)state;
    char folder[256];
    silence s;
    make_folder(folder, sizeof folder);
    kt_events *log = kt_events_open(folder);
    kt_trace *trace = kt_trace_new();
    kt_events_scalar(log, "a", 1, 1);
    kt_events_flush(log);
    kt_logdir *reader = kt_logdir_open(folder);
    assert_non_null(log);
    assert_non_null(trace);
    assert_non_null(reader);
    listen_begin(&s);
    now = NULL;
    media_with(log);
    plugins_with(log);
    traces_with(trace);
    logs_with(log);
    reader_with(reader);
    RUNS(kt_trace_free(kt_trace_new_with(NULL)));
    listen_end(&s);
    assert_int_equal(kt_events_scalar(log, "a", 2, 2), KT_OK); /* all of them can be used afterwards */
    assert_int_equal(kt_trace_add(trace, &(kt_span){ .name = "a" }), KT_OK);
    assert_int_equal(kt_logdir_series_count(reader), 1);
    kt_logdir_close(reader);
    kt_trace_free(trace);
    assert_int_equal(kt_events_close(log), KT_OK);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(everything) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
