/* SPDX-License-Identifier: MIT */
/* tests/tensorboard/write_graph.c: trainings whose graphs check_graph.py looks at with the real TensorBoard.
 *
 *     write_graph FOLDER        one log directory for each model below FOLDER
 */
#include <keratin/keratin.h>
#include <stdio.h>
#include <string.h>

#include <keratin/ops.h>

enum { ROWS = 96 };

static kt_status scale_build(kt_layer *self, const kt_desc *x)
{
    kt_sublayer_new(self, "inner", kt_dense(x->dim[1], .activation = "tanh"));
    kt_weight(self, "gain", KT_SHAPE(x->dim[1]));
    return KT_OK;
}
static kt_tensor *scale_call(kt_layer *self, kt_tensor *x)
{
    return kt_mul(kt_call_layer(kt_sublayer(self, "inner"), x), kt_w(self, "gain"));
}
static const kt_layer_class scale_class = { .name = "Scale", .build = scale_build, .call = scale_call };

static kt_model *sequential(kt_context *kt)
{
    return kt_sequential(kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_custom(&scale_class), kt_dense(1));
}

static kt_model *built_by_the_batch(kt_context *kt) { return kt_sequential(kt, kt_dense(8, .activation = "relu"), kt_dense(1)); }

/* A shared chain, an op with a number, one with a broadcast. */
static kt_model *functional(kt_context *kt)
{
    kt_tensor *x = kt_symbol(kt, kt_input(10));
    kt_tensor *h = kt_apply_layer(kt_dense(64, .activation = "relu"), x);
    h = kt_apply_layer(kt_dropout(0.1), kt_mul(h, kt_scalar(h, 2.0)));
    h = kt_sub(h, kt_sum_axes(h, KT_AXES(1), true));
    kt_layer *chain = kt_model_layer(kt_sequential(kt, kt_input(64), kt_dense(64, .activation = "tanh"), kt_dense(64)));
    return kt_model_new(x, kt_apply_layer(kt_dense(1), kt_add(kt_call_layer(chain, kt_call_layer(chain, h)), h)));
}

/* A drawn model in a chain, and both in another drawn one. */
static kt_model *nested(kt_context *kt)
{
    kt_tensor *a = kt_symbol(kt, kt_input(8)), *x = kt_symbol(kt, kt_input(10));
    kt_layer *drawn = kt_model_layer(kt_model_new(a, kt_apply_layer(kt_dense(4), a)));
    kt_layer *chain = kt_model_layer(kt_sequential(kt, kt_input(10), kt_dense(8), kt_existing(drawn)));
    return kt_model_new(x, kt_apply_layer(kt_dense(1), kt_call_layer(chain, x)));
}

static kt_tensor *own_call(kt_layer *self, kt_tensor *x)
{
    return kt_call_layer(kt_sublayer(self, "last"), kt_call_layer(kt_sublayer(self, "first"), x));
}
static kt_status own_build(kt_layer *self, const kt_desc *x)
{
    (void)x;
    kt_sublayer_new(self, "first", kt_dense(16, .activation = "relu"));
    kt_sublayer_new(self, "last", kt_dense(1));
    return KT_OK;
}
static const kt_layer_class own_class = { .name = "OwnModel", .build = own_build, .call = own_call };

static kt_model *own(kt_context *kt) { return kt_model_of(kt, kt_custom(&own_class)); }

typedef struct run {
    const char *name;
    kt_model *(*make)(kt_context *kt);
    kt_tensorboard_config board;
    bool eagerly;
    int64_t epochs;
} run;

static const run runs[] = {
    { "sequential", sequential, { .write_op_graph = true, .profile_begin = 2, .profile_end = 4 }, false, 2 },
    { "functional", functional, { .write_op_graph = true }, false, 1 },
    { "nested", nested, { .profile_begin = 2 }, false, 1 },
    { "built_by_the_batch", built_by_the_batch, { .update_freq = "batch" }, false, 1 },
    { "own", own, { .write_op_graph = true, .profile_begin = 3, .profile_end = 100 }, false, 1 },
    { "eager", sequential, { .write_op_graph = true, .profile_begin = 1 }, true, 1 },
    { "no_graph", sequential, { .no_graph = true }, false, 1 },
};

static int write_run(const run *r, const char *directory)
{
    static float x[ROWS * 10], y[ROWS];
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/%s", directory, r->name);
    for (int i = 0; i < ROWS * 10; i++) x[i] = (float)(i % 17) / 17;
    for (int i = 0; i < ROWS; i++) y[i] = (float)(i % 5);
    kt_context *kt = kt_context_new(.seed = 1, .run_eagerly = r->eagerly);
    kt_model *model = r->make(kt);
    kt_tensorboard_config board = r->board;
    board.size = sizeof board;
    board.log_dir = folder;
    kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .metrics = { "mae" });
    kt_fit(model, kt_floats(x, ROWS, 10), kt_floats(y, ROWS, 1), .epochs = r->epochs, .verbose = KT_QUIET,
           .callbacks = { kt_callback_spec_of(&kt_tensorboard_class, &board, sizeof board) });
    return kt_finish(kt);
}

int main(int argc, char **argv)
{
    int status = argc != 2;
    for (size_t i = 0; argc == 2 && i < sizeof runs / sizeof *runs; i++) status |= write_run(&runs[i], argv[1]);
    return status;
}
