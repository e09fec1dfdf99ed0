/* SPDX-License-Identifier: MIT */
/* write_golden_logs.c: trains what Keras trained for the goldens and writes the logs: what check_programs.py compares, with the
 * real TensorBoard as the reader, with what Keras's own callback wrote (tests/golden/data/tb_*.txt).
 *
 *   usage: write_golden_logs DIR           one folder of logs below DIR for each golden
 *          write_golden_logs DIR live S    a slow training of S seconds that logs each batch into DIR
 *
 * Same weights, same order of rows, same batches as the goldens' .npz files; on the default back-end. Ends with 77 where the
 * library cannot read NPZ.
 */
#include <keratin/keratin.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the goldens' models ---- */

static kt_tensor *log_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    return kt_log(kt_add(x, kt_scalar(x, 1e-9)));
}
static const kt_layer_class log_layer = { .name = "log", .call = log_call };

static kt_tensor *watched_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    kt_summary_histogram("activations", x);
    kt_summary_scalar("largest", kt_max(x));
    return x;
}
static const kt_layer_class watched_layer = { .name = "watched", .call = watched_call };

static kt_tensor *weighted_mse(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *weight = kt_cast(kt_greater(y_true, kt_scalar(y_true, 0.5)), KT_FLOAT32);
    return kt_mean(kt_mul(kt_square(kt_sub(y_true, y_pred)), weight));
}

static kt_arrays *open_golden(kt_context *kt, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.npz", KT_TEST_DATA, name);
    return kt_read_npz(kt, path);
}

static void set_weights(kt_model *model, const kt_arrays *golden)
{
    kt_tensors weights = kt_weights(model);
    for (int64_t i = 0; i < weights.count; i++) {
        char name[32];
        snprintf(name, sizeof name, "w0_%d", (int)i);
        kt_variable_set(weights.at[i], kt_arrays_get(golden, name));
    }
}

/* ---- one log for each golden ---- */

typedef enum program { TEXT_RUN, WATCHED, CUSTOM_LAYER, CUSTOM_LOSS, CUSTOM_LOOP } program;

typedef struct log_case {
    const char *name, *golden; /* of tb_<name>.txt; the run's data */
    program program;
    kt_tensorboard_config board;
    int64_t epochs;
    bool no_validation, evaluate;
} log_case;

static kt_model *make_model(kt_context *kt, const log_case *c, const kt_arrays *golden)
{
    kt_model *model;
    if (c->program == TEXT_RUN)
        model = kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_dense(2));
    else if (c->program == WATCHED)
        model = kt_sequential(kt, kt_input(6), kt_dense(8, .activation = "tanh"), kt_custom(&watched_layer), kt_dense(2));
    else if (c->program == CUSTOM_LAYER)
        model = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_custom(&log_layer), kt_dense(1));
    else model = kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
    set_weights(model, golden);
    if (c->program == TEXT_RUN || c->program == WATCHED)
        kt_compile(model, .optimizer = kt_sgd(0.05), .loss = "mse", .metrics = { "mae" });
    else if (c->program == CUSTOM_LAYER) kt_compile(model, .optimizer = kt_adam(), .loss = "mse");
    else kt_compile(model, .optimizer = kt_adam(), .loss_fn = weighted_mse);
    return model;
}

static void loop_by_hand(kt_context *kt, kt_model *model, const kt_arrays *golden, const char *folder)
{
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_adam());
    kt_writer *writer = kt_file_writer(kt, folder);
    kt_dataset *batches = kt_dataset_new(kt, kt_arrays_get(golden, "x"), kt_arrays_get(golden, "y"), .batch_size = 32);
    int64_t step = 0;
    for (int epoch = 0; epoch < 4; epoch++) {
        kt_for_each_batch(batches, batch) {
            kt_tensor *loss = weighted_mse(batch.y, kt_call(model, batch.x));
            kt_tensors gradients = kt_gradients(loss, kt_trainable(model));
            kt_apply_gradients(optimizer, gradients, kt_trainable(model));
            kt_write_scalar(writer, "loss", loss, step++);
        }
    }
    kt_writer_close(writer);
}

static int write_case(const log_case *c, const char *directory)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/%s", directory, c->name);
    kt_context *kt = kt_context_new(.seed = 1);
    kt_arrays *golden = open_golden(kt, c->golden);
    if (!golden && kt_error(kt) == KT_ERR_MISSING) {
        kt_context_free(kt);
        return 77;
    }
    kt_model *model = make_model(kt, c, golden);
    bool mission = c->program != TEXT_RUN && c->program != WATCHED;
    kt_array x = kt_arrays_get(golden, "x"), y = kt_arrays_get(golden, "y");
    kt_tensorboard_config board = c->board;
    board.size = sizeof board;
    board.log_dir = folder;
    kt_callback_spec callback = kt_callback_spec_of(&kt_tensorboard_class, &board, sizeof board);
    if (c->program == CUSTOM_LOOP) loop_by_hand(kt, model, golden, folder);
    else if (c->evaluate) kt_evaluate(model, NULL, x, y, .batch_size = 8, .callbacks = { callback });
    else
        kt_fit(model, x, y, .batch_size = mission ? 32 : 8, .epochs = c->epochs, .no_shuffle = true,
               .validation_split = c->no_validation ? 0 : mission ? 0.2 : 0.4, .callbacks = { callback });
    return kt_finish(kt);
}

static const log_case cases[] = {
    { "epoch", "fit_text_run", TEXT_RUN, { .histogram_freq = 1 }, 2, false, false },
    { "batch", "fit_text_run", TEXT_RUN,
      { .histogram_freq = 1, .update_freq = "batch", .write_steps_per_second = true }, 2, false, false },
    { "every_3", "fit_text_run", TEXT_RUN, { .histogram_freq = 1, .update_every = 3 }, 2, false, false },
    { "histogram_freq_2", "fit_text_run", TEXT_RUN, { .histogram_freq = 2 }, 4, false, false },
    { "no_validation", "fit_text_run", TEXT_RUN, { .histogram_freq = 0 }, 2, true, false },
    { "evaluate", "fit_text_run", TEXT_RUN, { .histogram_freq = 0 }, 0, false, true },
    { "layer_summary_1", "fit_text_run", WATCHED, { .update_every = 1 }, 2, false, false },
    { "layer_summary_3", "fit_text_run", WATCHED, { .update_every = 3 }, 2, false, false },
    { "mission_custom_layer", "fit_mission_custom_layer", CUSTOM_LAYER, { .histogram_freq = 1 }, 3, false, false },
    { "mission_custom_loss", "fit_mission_custom_loss", CUSTOM_LOSS, { .histogram_freq = 1 }, 3, false, false },
    { "mission_custom_loop", "mission_custom_loop", CUSTOM_LOOP, { .histogram_freq = 0 }, 0, false, false },
};

/* ---- a training that somebody watches ---- */

static kt_status rest(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)batch, (void)logs;
    nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
    if (time(NULL) >= *(const time_t *)self) kt_loop_stop(loop);
    return KT_OK;
}
static const kt_callback_class rest_class = { .name = "rest", .on_train_batch_end = rest };

static int live(const char *folder, long seconds)
{
    kt_context *kt = kt_context_new(.seed = 1);
    kt_arrays *data = kt_friedman1(kt, 2400, 1.0, 1);
    kt_model *model = kt_sequential(kt, kt_input(10), kt_dense(8, .activation = "tanh"), kt_custom(&watched_layer), kt_dense(1));
    kt_compile(model, .optimizer = kt_adam(), .loss = "mse");
    time_t end = time(NULL) + seconds;
    /* Epochs of a minute: it is their age that brings the records to the disk, not the end of an epoch. */
    kt_fit(model, kt_arrays_get(data, "x"), kt_arrays_get(data, "y"), .batch_size = 2, .epochs = 1000000,
           .callbacks = { kt_tensorboard(folder, .update_freq = "batch"), kt_callback_of(&rest_class, &end) });
    return kt_finish(kt);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[2], "live") == 0) return live(argv[1], strtol(argv[3], NULL, 10));
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR [live SECONDS]\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = write_case(&cases[i], argv[1]);
        if (status) return status;
    }
    return 0;
}
