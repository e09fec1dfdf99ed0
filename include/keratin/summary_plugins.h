/* SPDX-License-Identifier: MIT */
/* keratin/summary_plugins.h: what TensorBoard's structured tabs show: hparams, PR curves, custom scalars, graphs,
 * times of ops, profiles.
 *
 *     kt_hparam hparams[] = { kt_hparam_number("learning_rate", 0.01), kt_hparam_text("optimizer", "adam") };
 *     kt_events_hparams(log, hparams, 2, NULL);
 *     ...
 *     kt_events_hparams_end(log, KT_SESSION_SUCCESS);
 *
 * Part of libkeratin-summary; summary.h includes it. What summary.h says of logs, tags, steps and NULL holds here too.
 * Everything that is handed over is copied before a call returns. Texts are UTF-8, and repaired as tags are where they
 * are not. Beside the statuses of summary.h, a call answers KT_ERR_MEMORY when there is no room to build its message,
 * and KT_ERR_VALUE for one above 256 MiB, which TensorBoard could not transport.
 *
 * Structs are all zero by default: in C name the fields you set, in C++ value-initialise (kt_graph_node node = {}).
 */
#ifndef KERATIN_SUMMARY_PLUGINS_H
#define KERATIN_SUMMARY_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <keratin/summary.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- HParams --------------------------------------------------------------------------------- */
/* One session is one run: its log gets one record of its hyperparameters when it starts and one of how it ended. The
 * table's metrics are the last points of the scalars in that run and in the runs below it. TensorBoard reads the first
 * start record of a run and no later one: new values want a new run. */

typedef enum kt_hparam_type {
    KT_HPARAM_NUMBER,  /* also a text, where `text` is set */
    KT_HPARAM_TEXT,
    KT_HPARAM_BOOL,
    KT_HPARAM_INTEGER  /* a number that is an int in Python: matters for the default group only */
} kt_hparam_type;

/* A name, unique and of 1 to 1,024 bytes, and its value: made by one of the functions below, or with .text or .number
 * alone, whose type need not be said. */
typedef struct kt_hparam {
    const char *name;
    double number; /* finite: TensorBoard drops a NaN or infinity without a word, so it is refused here; give a text */
    const char *text;
    bool truth;
    kt_hparam_type type;
} kt_hparam;

static inline kt_hparam kt_hparam_number(const char *name, double number)
{
    kt_hparam h = { name, number, NULL, false, KT_HPARAM_NUMBER };
    return h;
}

static inline kt_hparam kt_hparam_integer(const char *name, int64_t number)
{
    kt_hparam h = { name, (double)number, NULL, false, KT_HPARAM_INTEGER };
    return h;
}

static inline kt_hparam kt_hparam_text(const char *name, const char *text)
{
    kt_hparam h = { name, 0, text, false, KT_HPARAM_TEXT };
    return h;
}

static inline kt_hparam kt_hparam_bool(const char *name, bool truth)
{
    kt_hparam h = { name, 0, NULL, truth, KT_HPARAM_BOOL };
    return h;
}

enum { KT_HPARAM_GROUP_BYTES = 65, KT_HPARAMS_MAX = 4096 };

/* The session's hyperparameters and its start, now. Sessions with one `group` are one row of the table (repetitions,
 * seeds); NULL: kt_hparams_group's; "": a row of its own. KT_ERR_VALUE: a name that is missing or stands twice, a number
 * that is not finite, more than KT_HPARAMS_MAX. */
KT_API kt_status kt_events_hparams(kt_events *log, const kt_hparam *hparams, int count, const char *group);

/* The group that TensorBoard's Python (hp.hparams) gives these values, so that runs of both stand in one row: SHA-256,
 * in hexadecimal, of the values as JSON with sorted keys. A NUMBER counts as a Python float, "64.0", an INTEGER as an
 * int, "64". Pure. Same errors as above. */
KT_API kt_status kt_hparams_group(const kt_hparam *hparams, int count, char group[KT_HPARAM_GROUP_BYTES]);

typedef enum kt_session_status {
    KT_SESSION_UNKNOWN,
    KT_SESSION_SUCCESS,
    KT_SESSION_FAILURE,
    KT_SESSION_RUNNING
} kt_session_status;

/* How the session ended, and that it ended now. Without it the table says unknown. */
KT_API kt_status kt_events_hparams_end(kt_events *log, kt_session_status status);

/* What one column of the table is: Python's hp.HParam. The domain is `values` if there are any, else [min, max] if
 * min < max, else none; of a BOOL both. */
typedef struct kt_hparam_info {
    const char *name, *display_name, *description; /* the last two may be NULL; a description is Markdown */
    kt_hparam_type type;
    double min, max;
    const double *values;      /* count of them, of a NUMBER or INTEGER */
    const char *const *texts;  /* count of them, of a TEXT; set, they make it a text */
    int count;
} kt_hparam_info;

typedef enum kt_metric_dataset { KT_DATASET_UNKNOWN, KT_DATASET_TRAINING, KT_DATASET_VALIDATION } kt_metric_dataset;

/* Python's hp.Metric: the scalar `tag` in the run <session>/<group>, or in the session's own without a group. */
typedef struct kt_metric_info {
    const char *tag, *group, *display_name, *description; /* all but the first may be NULL */
    kt_metric_dataset dataset;
} kt_metric_info;

typedef struct kt_hparams_config {
    const kt_hparam_info *hparams;
    int n_hparams;
    const kt_metric_info *metrics;
    int n_metrics;
    const char *description, *user; /* may be NULL */
} kt_hparams_config;

/* The experiment's record, for the log of the folder above the sessions. Optional, and better left out unless domains,
 * names or the order matter: with it, hyperparameters and metrics that it does not name are not shown at all. */
KT_API kt_status kt_events_hparams_config(kt_events *log, const kt_hparams_config *config);

/* ---- PR curves ------------------------------------------------------------------------------- */

enum { KT_PR_THRESHOLDS = 201, KT_PR_THRESHOLDS_MAX = 100001 };

/* Precision and recall of a binary classifier at `thresholds` thresholds from 0 to 1 (0: 201; at least 2).
 * `predictions` in [0, 1] are clipped to it; NaN ones are left out and counted in kt_events_nonfinite. `labels`: 0 or
 * not. `weights`: NULL for 1. Computed as TensorBoard's pr_curve.summary.pb does (there the tag would be
 * "<name>/pr_curves"): bucket floor(p * (thresholds - 1)) in float32, sums from the right in double,
 * precision = TP / max(1e-7, TP + FP), recall = TP / max(1e-7, TP + FN). A tag keeps its number of thresholds. */
KT_API kt_status kt_events_pr_curve(kt_events *log, const char *tag, const float *predictions, const uint8_t *labels,
                                    const float *weights, int64_t count, int thresholds, int64_t step);

/* Counts that were made elsewhere, one for each threshold i / (thresholds - 1). */
typedef struct kt_pr_counts {
    int thresholds; /* 2 or more */
    const double *true_positives, *false_positives, *true_negatives, *false_negatives;
    const double *precision, *recall; /* NULL: from the counts, as above */
} kt_pr_counts;

KT_API kt_status kt_events_pr_curve_raw(kt_events *log, const char *tag, const kt_pr_counts *counts, int64_t step);

/* ---- Custom scalars -------------------------------------------------------------------------- */
/* The layout of the Custom Scalars tab: which scalars share a chart. Layouts of several runs are merged by title. */

/* A line with a band around it: three tags with points at the same steps. */
typedef struct kt_margin {
    const char *value, *lower, *upper;
} kt_margin;

/* Either lines, each tag a regular expression that the beginning of a tag must match, or margins. */
typedef struct kt_chart {
    const char *title;
    const char *const *tags;
    int n_tags;
    const kt_margin *margins;
    int n_margins;
} kt_chart;

typedef struct kt_chart_category {
    const char *title;
    const kt_chart *charts;
    int n_charts;
    bool closed; /* folded at first */
} kt_chart_category;

typedef struct kt_layout {
    const kt_chart_category *categories;
    int n_categories;
} kt_layout;

/* Once per run, best in the folder above the runs. */
KT_API kt_status kt_events_layout(kt_events *log, const kt_layout *layout);

/* ---- Graphs ---------------------------------------------------------------------------------- */

enum { KT_GRAPH_MAX_RANK = 8 };

/* The shape of a node's output, drawn on its edges. rank -1: unknown; a dimension of -1: unknown. */
typedef struct kt_graph_shape {
    int rank;
    int64_t dim[KT_GRAPH_MAX_RANK];
} kt_graph_shape;

/* What the tab tells of a selected node: a text if there is one, else the number. */
typedef struct kt_graph_attr {
    const char *name;
    const char *text;
    int64_t number;
} kt_graph_attr;

/* An op. Names are unique; "/" in them makes boxes ("dense/matmul"). An input is "name" (its output 0), "name:2", or
 * "^name" for an order without data. op and device may be NULL; devices look like "/device:CPU:0" and colour nodes. */
typedef struct kt_graph_node {
    const char *name, *op, *device;
    const char *const *inputs;
    int n_inputs;
    const kt_graph_shape *outputs; /* the attribute _output_shapes; may be NULL */
    int n_outputs;
    const kt_graph_attr *attrs; /* sorted or not, names unique; may be NULL */
    int n_attrs;
} kt_graph_node;

/* The graph of the run (Event.graph_def): one per run, TensorBoard keeps one. Shown as "Default" in the Graphs tab. */
KT_API kt_status kt_events_graph(kt_events *log, const kt_graph_node *nodes, int count);

/* A graph under a tag of its own, as many as wanted: RunMetadata with one function graph. */
KT_API kt_status kt_events_op_graph(kt_events *log, const char *tag, const kt_graph_node *nodes, int count,
                                    int64_t step);

/* When a node ran and what its outputs took: colours the graph by time and by memory. */
typedef struct kt_node_stat {
    const char *name;   /* the node's, as in the graph */
    const char *device; /* NULL: "/device:CPU:0" */
    int64_t start_ns, end_ns; /* of one clock; shown in whole microseconds, at least 1 */
    int64_t bytes;      /* of all outputs */
    const kt_graph_shape *outputs; /* may be NULL */
    int n_outputs;
    int thread;
} kt_node_stat;

typedef struct kt_run_metadata {
    const kt_node_stat *stats;
    int n_stats;
    const kt_graph_node *nodes; /* the graph that ran, so that the tag also has an op graph; may be NULL */
    int n_nodes;
} kt_run_metadata;

/* One profiled step under a tag of its own ("step 12"). Choose it under "Tag" in the Graphs tab, then colour by
 * compute time or memory. `run` without nodes colours the run's graph of kt_events_graph. */
KT_API kt_status kt_events_run_metadata(kt_events *log, const char *tag, const kt_run_metadata *run, int64_t step);

/* Keras's model.to_json(), shown as the conceptual graph; under the tag "keras" at step 0, as Keras's callback does. */
KT_API kt_status kt_events_keras_model(kt_events *log, const char *json);

/* ---- Traces ---------------------------------------------------------------------------------- */
/* Spans of time, collected in memory and written as one file when it is over: Chrome's trace JSON (chrome://tracing,
 * https://ui.perfetto.dev) or the form of TensorBoard's profile plugin. One trace belongs to one thread at a time; the
 * spans may be those of many. */

typedef struct kt_trace kt_trace;

typedef struct kt_trace_arg {
    const char *name;
    const char *text; /* if there is one, else the number */
    double number;
} kt_trace_arg;

/* A name of the form "dense/matmul:Matmul", path and op, the op with a capital, is what the Profile tab's statistics of
 * ops count; any other name is shown in the trace only. */
typedef struct kt_span {
    const char *name;
    const char *category;          /* may be NULL */
    int thread;                    /* 0, 1...: one row each */
    int64_t start_ns, duration_ns; /* of any clock that all spans share */
    int64_t bytes;                 /* shown as the argument "bytes" unless 0 */
    const kt_trace_arg *args;
    int n_args;
} kt_span;

enum { KT_SPAN_MAX_ARGS = 16 };

typedef struct kt_trace_config {
    size_t size;            /* set by kt_trace_new; 0 means the fields below */
    int64_t max_spans;      /* what comes later is dropped and counted; default 200,000 */
    size_t max_bytes;       /* of names and arguments' texts, each stored once; default 16 MiB */
    int64_t epoch_ns;       /* the wall time, in nanoseconds since 1970, at which the spans' clock said 0 */
    const char *process;    /* shown above the rows; default "keratin" */
    kt_allocator allocator; /* default: malloc, realloc, free */
} kt_trace_config;

/* NULL: out of memory. `config` may be NULL. Free with kt_trace_free. */
KT_API kt_trace *kt_trace_new_with(const kt_trace_config *config);
KT_API void kt_trace_free(kt_trace *trace);

/* kt_trace_new() or kt_trace_new(.max_spans = 1000); in C++ kt_trace_new_with. */
#ifndef __cplusplus
#define kt_trace_new(...) kt_trace_new_with(&(kt_trace_config){ .size = sizeof(kt_trace_config), __VA_ARGS__ })
#endif

/* Takes a copy. KT_ERR_VALUE: no name, a negative duration, more than KT_SPAN_MAX_ARGS arguments. KT_ERR_MEMORY: it
 * was dropped. Costs a few hash look-ups; takes memory only when the trace grows. */
KT_API kt_status kt_trace_add(kt_trace *trace, const kt_span *span);

/* Names the row of a thread; else it is "thread 0" and so on. */
KT_API kt_status kt_trace_thread(kt_trace *trace, int thread, const char *name);

KT_API int64_t kt_trace_count(const kt_trace *trace);
KT_API int64_t kt_trace_dropped(const kt_trace *trace);
KT_API void kt_trace_clear(kt_trace *trace); /* forgets the spans and the count of drops, keeps the memory */

/* Writes the file `path`, under another name at first; folders above it are made. Valid JSON whatever the names are.
 * Times begin with 0 at the first span. `error` may be NULL. KT_ERR_IO, KT_ERR_MEMORY. */
KT_API kt_status kt_trace_write_json(const kt_trace *trace, const char *path, kt_events_error *error);

/* Writes <rundir>/plugins/profile/<session>/<host>.xplane.pb, which the Profile tab (package xprof or
 * tensorboard-plugin-profile) lists as a session of that run. session NULL: the UTC time now, as 2026_08_01_12_30_00. */
KT_API kt_status kt_trace_write_profile(const kt_trace *trace, const char *rundir, const char *session,
                                        kt_events_error *error);

#ifdef __cplusplus
}
#endif
#endif
