/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/embeddings.c: embeddings_freq: the tables of embedding layers, for the projector.
 *
 * An embedding layer is one with a weight "embeddings" of rank 2, (rows, columns), wherever it stands in the model:
 * Keras's name for it, so that layers of the caller's own are found, too. Keras saves a checkpoint that the projector
 * cannot read; here the table itself is written as text, in log_dir, with projector_config.pbtxt, over the one of the
 * epoch before: the projector shows the newest. The metadata file is the caller's and only named there.
 */
#include <string.h>

#include "train/callbacks/tensorboard/board.h"
#include "train/model.h"

enum { MAX_TABLES = 64 };

typedef struct table {
    const kt_layer *layer;
    kt_tensor *weight;
} table;

typedef struct embeddings {
    table tables[MAX_TABLES];
    int n;
    bool told;
} embeddings;

static void find_tables(embeddings *e, const kt_layer *layer)
{
    for (size_t i = 0; i < layer->n_weights; i++) {
        const kt_layer_weight *w = &layer->weights[i];
        if (strcmp(w->name, "embeddings") != 0 || kt_rank(w->variable) != 2) continue;
        bool seen = false;
        for (int k = 0; k < e->n; k++) seen = seen || e->tables[k].weight == w->variable;
        if (!seen && e->n < MAX_TABLES) e->tables[e->n++] = (table){ layer, w->variable };
    }
    for (size_t i = 0; i < layer->n_subs; i++) find_tables(e, layer->subs[i].layer);
}

/* Layers are told apart by the weights they hold, so a name in the list that no such layer has is found as soon as the
 * model is built: before training, or else at the first writing. */
static kt_status check_names(kt_board *b, const embeddings *e)
{
    const kt_tensorboard_config *c = &b->config;
    const char *names[MAX_TABLES + 1] = { NULL };
    for (int i = 0; i < e->n; i++) names[i] = kt_layer_name(e->tables[i].layer);
    for (int64_t i = 0; i < c->embeddings_files_count; i++) {
        bool found = false;
        for (int k = 0; k < e->n; k++) found = found || strcmp(names[k], c->embeddings_files[i].layer) == 0;
        if (!found)
            return kt_fail_name(b->kt, "embedding layer in embeddings_files of TensorBoard",
                                c->embeddings_files[i].layer, names);
    }
    return KT_OK;
}

static const char *metadata_of(const kt_tensorboard_config *c, const kt_layer *layer)
{
    for (int64_t i = 0; i < c->embeddings_files_count; i++)
        if (strcmp(c->embeddings_files[i].layer, kt_layer_name(layer)) == 0) return c->embeddings_files[i].file;
    return c->embeddings_metadata;
}

/* What cannot be written stops nothing, and is told once. */
static void told(kt_board *b, embeddings *e, const char *why)
{
    if (!e->told) kt_remark(b->kt, "TensorBoard (embeddings): %s", why);
    e->told = true;
}

static kt_status write_table(kt_board *b, embeddings *e, const table *t)
{
    kt_context *kt = b->kt;
    const kt_desc *desc = kt_desc_of(t->weight);
    int64_t count = kt_desc_count(desc);
    float *values = kt_take_zeroed(kt, (size_t)count, sizeof *values);
    if (!values) return kt->status;
    kt_events_error error;
    kt_embedding one = { .name = kt_model_path(b->loop->model, t->weight),
                         .vectors = values,
                         .rows = desc->dim[0],
                         .columns = desc->dim[1],
                         .metadata_file = metadata_of(&b->config, t->layer) };
    kt_status status = kt_read(t->weight, values, KT_FLOAT32, count);
    if (status == KT_OK && kt_projector_write(b->log_dir, &one, 1, .error = &error) != KT_OK) told(b, e, error.message);
    kt_give(kt, values);
    return status;
}

static kt_status embeddings_begin(kt_board *b, void *self)
{
    (void)self;
    const kt_tensorboard_config *c = &b->config;
    if (c->embeddings_freq < 0)
        return kt_fail(b->kt, KT_ERR_VALUE, "TensorBoard: expected embeddings_freq of 0 (never) or more, got %lld",
                       (long long)c->embeddings_freq);
    if (c->embeddings_files_count < 0 || (c->embeddings_files_count > 0 && !c->embeddings_files))
        return kt_fail(b->kt, KT_ERR_VALUE,
                       "TensorBoard: expected embeddings_files and their number, got %lld of them%s",
                       (long long)c->embeddings_files_count, c->embeddings_files ? "" : " at NULL");
    for (int64_t i = 0; i < c->embeddings_files_count; i++)
        if (!c->embeddings_files[i].layer || !c->embeddings_files[i].file)
            return kt_fail(b->kt, KT_ERR_VALUE,
                           "TensorBoard: expected the name of a layer and of a file in embeddings_files, got NULL in "
                           "number "
                           "%lld",
                           (long long)i);
    return KT_OK;
}

static kt_status embeddings_train_begin(kt_board *b, void *self)
{
    embeddings *e = self;
    e->n = 0;
    if (!b->loop->model || !kt_layer_built(b->loop->model->root)) return KT_OK; /* its layers are found later */
    find_tables(e, b->loop->model->root);
    return check_names(b, e);
}

static kt_status embeddings_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    (void)logs;
    embeddings *e = self;
    if (epoch % b->config.embeddings_freq || !b->loop->model) return KT_OK;
    e->n = 0;
    find_tables(e, b->loop->model->root);
    kt_status status = check_names(b, e);
    if (status == KT_OK && !e->n)
        told(b, e,
             "expected a layer with a weight \"embeddings\" of shape (rows, columns), got none; nothing is written");
    for (int i = 0; i < e->n && status == KT_OK; i++) status = write_table(b, e, &e->tables[i]);
    return status;
}

static bool embeddings_wanted(const kt_tensorboard_config *c) { return c->embeddings_freq != 0; }

const kt_board_part kt_board_embeddings = {
    .name = "embeddings",
    .wanted = embeddings_wanted,
    .state_size = sizeof(embeddings),
    .begin = embeddings_begin,
    .train_begin = embeddings_train_begin,
    .epoch_end = embeddings_epoch_end,
};
