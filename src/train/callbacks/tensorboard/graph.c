/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/graph.c: the model as Keras shows it, and the training step as it really runs.
 *
 * The model's JSON goes under the tag "keras" to the run train, step 0: only models that Keras's callback writes, Sequential
 * and functional ones, and as Keras does also when evaluate is called alone. It stands there before training, or, where
 * the model learns its shapes from the first batch, after that.
 *
 * write_op_graph: the first batches of the training are timed op by op; the first has caches to fill and pages to fetch, so
 * that the third one's times are shown, or the last one's of a shorter training.
 */
#include "train/callbacks/tensorboard/plan_graph.h"
#include "train/json.h"

enum { TIMED_BATCHES = 3 };

typedef struct graph_part {
    bool model_written, timing;
    int batches;
    kt_step_watch watch;
} graph_part;

static bool is_keras_model(const kt_model *model)
{
    return model && (kt_functional_of(model->root) || kt_sequential_of(model->root));
}

static kt_status write_model(kt_board *b, graph_part *g, kt_events *events)
{
    kt_model *model = b->loop->model;
    if (g->model_written || b->config.no_graph || !is_keras_model(model) || !events) return KT_OK;
    if (!kt_functional_of(model->root) && !kt_layer_built(model->root)) return KT_OK;
    char *json = kt_model_json_text(model, true);
    if (!json) return b->kt->status;
    kt_events_keras_model(events, json);
    kt_give(b->kt, json);
    g->model_written = true;
    return KT_OK;
}

static kt_status graph_train_begin(kt_board *b, void *self)
{
    graph_part *g = self;
    g->model_written = false;
    g->batches = 0;
    kt_step_watch_end(&g->watch);
    g->timing = b->config.write_op_graph && !b->kt->config.run_eagerly;
    if (b->config.write_op_graph && !g->timing)
        kt_remark(b->kt, "TensorBoard: with run_eagerly there is no plan of the training step: write_op_graph writes nothing");
    if (g->timing) kt_step_watch_begin(b->kt, &g->watch);
    return write_model(b, g, b->train);
}

static kt_status write_step(kt_board *b, graph_part *g)
{
    if (!g->timing) return KT_OK;
    g->timing = false;
    kt_step_watch_pause(&g->watch);
    kt_status status = kt_step_watch_write(&g->watch, b->train, true, "train_step", b->train_batch);
    kt_step_watch_end(&g->watch);
    return status;
}

static kt_status graph_batch_end(kt_board *b, void *self, int64_t batch, kt_logs *logs)
{
    (void)batch, (void)logs;
    graph_part *g = self;
    if (!g->model_written && g->batches == 0 && write_model(b, g, b->train) != KT_OK) return b->kt->status;
    if (g->batches < TIMED_BATCHES && ++g->batches == TIMED_BATCHES) return write_step(b, g);
    return KT_OK;
}

static kt_status graph_train_end(kt_board *b, void *self) { return write_step(b, self); }

/* A stand-alone evaluate: a run train that holds nothing else. */
static kt_status graph_test_end(kt_board *b, void *self, kt_logs *logs)
{
    (void)logs;
    graph_part *g = self;
    if (b->training || b->train || g->model_written || b->config.no_graph || !is_keras_model(b->loop->model)) return KT_OK;
    kt_events *events = kt_board_open_run(b, "train");
    kt_status status = write_model(b, g, events);
    kt_board_close_run(b, &events, "train");
    return status;
}

static void graph_release(kt_board *b, void *self)
{
    (void)b;
    kt_step_watch_end(&((graph_part *)self)->watch);
}

static bool graph_wanted(const kt_tensorboard_config *c) { return !c->no_graph || c->write_op_graph; }

const kt_board_part kt_board_graph = {
    .name = "graph", .wanted = graph_wanted, .state_size = sizeof(graph_part), .release = graph_release,
    .train_begin = graph_train_begin, .train_end = graph_train_end, .batch_end = graph_batch_end, .test_end = graph_test_end,
};
