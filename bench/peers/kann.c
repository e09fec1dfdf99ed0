/* SPDX-License-Identifier: MIT */
/*
 * KANN: training steps, one prediction, and a whole MNIST epoch through its own training function.
 *
 *   peer_kann MODE THREADS [FOLDER]     FOLDER holds the two uncompressed MNIST files of the
 *                                       training set; only mnist_epoch needs it
 *
 * KANN has no Adam: it trains with RMSprop, which moves 20 bytes a parameter where Adam moves 28.
 * With two threads there are two ways, both timed: KANN splits the batch (kann_mt), or OpenBLAS
 * splits the products. Built without HAVE_CBLAS, KANN multiplies with its own plain kernels and
 * only the first way exists.
 */
#include "bench.h"
#include "kann.h"

#include <string.h>
#ifdef HAVE_CBLAS
#include <cblas.h>
#endif

enum { TURN = 8, ROWS = 60000, PIXELS = 784, CLASSES = 10 };

typedef struct { /* what one training step needs */
    kann_t *net;
    int batch, inputs, outputs, variables, at;
    float *x, *y;         /* (TURN, batch, inputs), (TURN, batch, outputs) */
    float *bound_x, *bound_y, *state;
} trainer;

static void *need(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p) exit(1);
    return p;
}

static trainer tiny(int batch)
{
    kad_node_t *t = kad_relu(kann_layer_dense(kann_layer_input(10), 64));
    return (trainer){ .net = kann_new(kann_layer_cost(t, 1, KANN_C_MSE), 0), .batch = batch,
                      .inputs = 10, .outputs = 1 };
}

static trainer mlp(void)
{
    kad_node_t *t = kad_relu(kann_layer_dense(kann_layer_input(PIXELS), 512));
    t = kad_relu(kann_layer_dense(t, 512));
    return (trainer){ .net = kann_new(kann_layer_cost(t, CLASSES, KANN_C_CEM), 0), .batch = 128,
                      .inputs = PIXELS, .outputs = CLASSES };
}

static void prepare(trainer *t, int threads)
{
    size_t rows = (size_t)TURN * (size_t)t->batch;
    t->variables = kann_size_var(t->net);
    t->x = need(rows * (size_t)t->inputs, sizeof(float));
    t->y = need(rows * (size_t)t->outputs, sizeof(float));
    t->bound_x = need((size_t)(t->batch * t->inputs), sizeof(float));
    t->bound_y = need((size_t)(t->batch * t->outputs), sizeof(float));
    t->state = need((size_t)t->variables, sizeof(float));
    for (size_t i = 0; i < rows * (size_t)t->inputs; i++) t->x[i] = (float)kad_drand_normal(0);
    for (size_t i = 0; i < rows; i++) /* one-hot classes, or a target of one */
        t->y[i * (size_t)t->outputs + i % (size_t)t->outputs] = 1;
    if (threads > 1) kann_mt(t->net, threads, t->batch);
    kann_feed_bind(t->net, KANN_F_IN, 0, &t->bound_x);
    kann_feed_bind(t->net, KANN_F_TRUTH, 0, &t->bound_y);
    kann_set_batch_size(t->net, t->batch);
    kann_switch(t->net, 1);
}

static void step(void *arg)
{
    trainer *t = arg;
    size_t nx = (size_t)(t->batch * t->inputs), ny = (size_t)(t->batch * t->outputs);
    memcpy(t->bound_x, t->x + (size_t)t->at * nx, nx * sizeof(float));
    memcpy(t->bound_y, t->y + (size_t)t->at * ny, ny * sizeof(float));
    t->at = (t->at + 1) % TURN;
    kann_cost(t->net, 0, 1);
    kann_RMSprop(t->variables, 0.001f, 0, 0.9f, t->net->g, t->net->x, t->state);
}

static void predict(void *arg)
{
    trainer *t = arg;
    kann_apply1(t->net, t->x);
}

/* The bytes of an IDX file behind its header. */
static unsigned char *idx(const char *folder, const char *name, long header, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unsigned char *bytes = need(size, 1);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, header, SEEK_SET) || fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

static void mnist_epoch(trainer *t, int threads, const char *folder, const char *variant)
{
    unsigned char *pixels = idx(folder, "train-images-idx3-ubyte", 16, (size_t)ROWS * PIXELS);
    unsigned char *labels = idx(folder, "train-labels-idx1-ubyte", 8, ROWS);
    float *x = need((size_t)ROWS * PIXELS, sizeof *x), *y = need((size_t)ROWS * CLASSES, sizeof *y);
    float **row_x = need(ROWS, sizeof *row_x), **row_y = need(ROWS, sizeof *row_y);
    for (size_t i = 0; i < (size_t)ROWS * PIXELS; i++) x[i] = (float)pixels[i] / 255;
    for (size_t i = 0; i < ROWS; i++) {
        row_x[i] = x + i * PIXELS;
        row_y[i] = y + i * CLASSES;
        row_y[i][labels[i]] = 1;
    }
    kann_verbose = 0;
    if (threads > 1) kann_mt(t->net, threads, t->batch);
    kann_train_fnn1(t->net, 0.001f, t->batch, 1, 10, 0.0f, 4096, row_x, row_y); /* warm */
    bench b = { 0 };
    double start = bench_now();
    kann_train_fnn1(t->net, 0.001f, t->batch, 1, 10, 0.0f, ROWS, row_x, row_y);
    bench_add(&b, bench_now() - start);
    bench_print(&b, "mnist_epoch", threads, "kann", variant);
}

/* One mode with the batch split by KANN over `split` threads. */
static void run(const char *mode, int threads, int split, const char *folder, const char *variant)
{
    int big = !strcmp(mode, "mlp_b128") || !strcmp(mode, "mnist_epoch");
    trainer t = big ? mlp() : tiny(strcmp(mode, "tiny_b32") ? 1 : 32);

    if (!strcmp(mode, "mnist_epoch")) {
        mnist_epoch(&t, split, folder, variant);
        return;
    }
    prepare(&t, split);
    if (!strcmp(mode, "first_step")) {
        step(&t);
    } else if (!strcmp(mode, "tiny_predict")) {
        kann_switch(t.net, 0);
        bench b = bench_run(0.3, 1000, predict, &t);
        bench_print(&b, mode, threads, "kann", "kann_apply1");
    } else {
        bench b = bench_run(0.4, big ? 1 : 500, step, &t);
        bench_print(&b, mode, threads, "kann", variant);
    }
}

int main(int argc, char **argv)
{
    static const char *const modes[] = { "tiny_b32", "tiny_b1", "tiny_predict", "mlp_b128",
                                         "mnist_epoch", "first_step" };
    if (argc < 3) return 2;
    const char *mode = argv[1], *folder = argc > 3 ? argv[3] : ".";
    int threads = atoi(argv[2]), known = 0;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) known |= !strcmp(mode, modes[i]);
    if (!known) return 0;
#ifdef HAVE_CBLAS
    openblas_set_num_threads(1);
    run(mode, threads, threads, folder, threads > 1 ? "RMSprop, batch split" : "RMSprop, OpenBLAS");
    if (threads > 1 && strcmp(mode, "tiny_predict") && strcmp(mode, "first_step")) {
        openblas_set_num_threads(threads);
        run(mode, threads, 1, folder, "RMSprop, OpenBLAS threads");
    }
#else
    run(mode, threads, threads, folder, "RMSprop, own products");
#endif
    return 0;
}
