/* SPDX-License-Identifier: MIT */
/*
 * Keratin's side of the bench: keratin_bench MODE THREADS, one JSON line a measurement (bench.h says how).
 *
 * tiny: 10-64-1, MSE, Adam; mlp: 784-512-512-10, sparse cross-entropy, Adam. A step is what fit makes of it: shuffled batch,
 * forward, backward, update, loss and metrics; "loop" is the same by hand, "tensorboard" with the callback writing a scalar
 * every step and histograms every epoch. Only the public headers are used.
 */
#include "peers/bench.h"

#include <keratin/keratin.h>
#include <string.h>

typedef struct subject {
    kt_context *kt;
    kt_model *model;
    kt_array x, y;
    int64_t batch, steps, epochs; /* steps of an epoch; epochs of a call */
    kt_dataset *data;
    kt_optimizer *optimizer;
    const char *loss;
    const char *logs;
} subject;

static float noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 8388608.0f - 1.0f;
}

static void *need(size_t count, size_t size)
{
    void *block = calloc(count, size);
    if (!block) exit(1);
    return block;
}

static void check(kt_context *kt)
{
    if (kt && kt_error(kt) == KT_OK) return;
    fprintf(stderr, "keratin_bench: %s\n", kt ? kt_message(kt) : "no context");
    exit(1);
}

static subject tiny(int threads, int64_t batch, int64_t rows)
{
    subject s = { .kt = kt_context_new(.seed = 1, .threads = threads), .batch = batch, .steps = rows / batch, .epochs = 10,
                  .loss = "mse" };
    s.model = kt_sequential(s.kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
    float *x = need((size_t)rows * 10, sizeof *x), *y = need((size_t)rows, sizeof *y);
    uint32_t seed = 1;
    for (int64_t i = 0; i < rows * 10; i++) x[i] = noise(&seed);
    for (int64_t i = 0; i < rows; i++) y[i] = x[i * 10] + x[i * 10 + 1] + x[i * 10 + 2];
    s.x = kt_floats(x, rows, 10);
    s.y = kt_floats(y, rows, 1);
    return s;
}

static kt_model *mlp_model(kt_context *kt)
{
    return kt_sequential(kt, kt_input(784), kt_dense(512, .activation = "relu"), kt_dense(512, .activation = "relu"),
                         kt_dense(10, .activation = "softmax"));
}

static subject mlp(int threads)
{
    enum { ROWS = 128 * 20 };
    subject s = { .kt = kt_context_new(.seed = 1, .threads = threads), .batch = 128, .steps = ROWS / 128, .epochs = 1,
                  .loss = "sparse_categorical_crossentropy" };
    s.model = mlp_model(s.kt);
    float *x = need(ROWS * 784, sizeof *x);
    int32_t *y = need(ROWS, sizeof *y);
    uint32_t seed = 1;
    for (int i = 0; i < ROWS * 784; i++) x[i] = noise(&seed);
    for (int i = 0; i < ROWS; i++) y[i] = (int32_t)((noise(&seed) + 1) * 4.9999f);
    s.x = kt_floats(x, ROWS, 784);
    s.y = kt_ints(y, ROWS);
    return s;
}

static void one_fit(void *argument)
{
    subject *s = argument;
    if (s->logs)
        kt_fit(s->model, s->x, s->y, .batch_size = s->batch, .epochs = s->epochs, .verbose = KT_QUIET,
               .callbacks = { kt_tensorboard(s->logs, .histogram_freq = 1, .update_freq = "batch") });
    else kt_fit(s->model, s->x, s->y, .batch_size = s->batch, .epochs = s->epochs, .verbose = KT_QUIET);
    check(s->kt);
}

static void one_loop(void *argument)
{
    subject *s = argument;
    for (int64_t epoch = 0; epoch < s->epochs; epoch++)
        kt_for_each_batch(s->data, batch) {
            kt_tensor *loss = kt_loss_named(s->loss, batch.y, kt_call_training(s->model, batch.x), NULL);
            kt_tensors gradients = kt_gradients(loss, kt_trainable(s->model));
            kt_apply_gradients(s->optimizer, gradients, kt_trainable(s->model));
        }
    check(s->kt);
}

static void report(subject *s, double seconds, void (*one)(void *), const char *mode, int threads, const char *who)
{
    one(s);
    bench b = bench_run(seconds, 1, one, s);
    for (int i = 0; i < b.n; i++) b.us[i] /= (double)(s->steps * s->epochs);
    bench_print(&b, mode, threads, who, "");
}

static void training(const char *mode, int threads, subject s)
{
    kt_compile(s.model, .optimizer = kt_adam(), .loss = s.loss);
    check(s.kt);
    report(&s, 0.4, one_fit, mode, threads, "keratin");
    s.data = kt_dataset_new(s.kt, s.x, s.y, .batch_size = s.batch, .shuffle = true);
    s.optimizer = kt_optimizer_new(s.kt, kt_adam());
    report(&s, 0.4, one_loop, mode, threads, "keratin loop");
    char folder[] = "/tmp/keratin-bench-XXXXXX";
    s.logs = mkdtemp(folder);
    if (s.logs) {
        report(&s, 0.4, one_fit, mode, threads, "keratin tensorboard");
        char command[64];
        snprintf(command, sizeof command, "rm -rf %s", folder);
        if (system(command) != 0) fprintf(stderr, "keratin_bench: could not remove %s\n", folder);
    }
    kt_finish(s.kt);
}

static void one_prediction(void *argument)
{
    subject *s = argument;
    static const float row[10] = { 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1.0f };
    float out;
    kt_predict_into(s->model, 1, row, 10, &out, 1);
}

static void prediction(int threads)
{
    subject s = tiny(threads, 1, 16);
    one_prediction(&s);
    check(s.kt);
    bench b = bench_run(0.4, 1000, one_prediction, &s);
    bench_print(&b, "tiny_predict", threads, "keratin", "");
    check(s.kt);
    kt_finish(s.kt);
}

/* One warm epoch of MNIST: shuffling and the accuracy are in it. KERATIN_DATA/mnist holds the files. */
static void mnist(int threads)
{
    const char *root = getenv("KERATIN_DATA");
    char path[1024];
    if (!root) return;
    subject s = { .kt = kt_context_new(.seed = 1, .threads = threads), .batch = 128, .steps = 1, .epochs = 1 };
    snprintf(path, sizeof path, "%s/mnist/train-images-idx3-ubyte.gz", root);
    kt_array images = kt_arrays_get(kt_read_idx(s.kt, path), "");
    snprintf(path, sizeof path, "%s/mnist/train-labels-idx1-ubyte.gz", root);
    s.y = kt_arrays_get(kt_read_idx(s.kt, path), "");
    check(s.kt);
    size_t n = (size_t)images.dim[0] * 784;
    float *x = need(n, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (float)((const unsigned char *)images.data)[i] / 255;
    s.x = kt_floats(x, images.dim[0], 784);
    s.model = mlp_model(s.kt);
    kt_compile(s.model, .optimizer = kt_adam(), .loss = "sparse_categorical_crossentropy", .metrics = { "accuracy" });
    one_fit(&s);
    bench b = { .n = 0 };
    double start = bench_now();
    one_fit(&s);
    bench_add(&b, bench_now() - start);
    double us = b.us[0];
    printf("{\"bench\":\"mnist_epoch\",\"threads\":%d,\"who\":\"keratin\",\"variant\":\"\",\"us\":%.1f,\"best_us\":%.1f,"
           "\"mean_us\":%.1f,\"n\":1,\"accuracy\":%.4f}\n", threads, us, us, us,
           kt_history_value(kt_model_history(s.model), "accuracy", 0));
    kt_finish(s.kt);
}

static void first_step(void)
{
    subject s = tiny(1, 32, 32);
    kt_compile(s.model, .optimizer = kt_adam(), .loss = s.loss);
    kt_train_on_batch(s.model, s.x, s.y, (kt_array){ 0 }, NULL);
    check(s.kt);
    kt_finish(s.kt);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: keratin_bench MODE THREADS\n");
        return 2;
    }
    const char *mode = argv[1];
    int threads = atoi(argv[2]);
    if (strcmp(mode, "tiny_b32") == 0) training(mode, threads, tiny(threads, 32, 32000));
    else if (strcmp(mode, "tiny_b1") == 0) training(mode, threads, tiny(threads, 1, 2000));
    else if (strcmp(mode, "mlp_b128") == 0) training(mode, threads, mlp(threads));
    else if (strcmp(mode, "tiny_predict") == 0) prediction(threads);
    else if (strcmp(mode, "mnist_epoch") == 0) mnist(threads);
    else if (strcmp(mode, "first_step") == 0) first_step();
    return 0;
}
