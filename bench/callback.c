/* SPDX-License-Identifier: MIT */
/*
 * What the TensorBoard callback costs: callback MODE THREADS [ROUNDS], one JSON line a variant.
 *
 * mlp: 784-512-512-10, batch 128, an epoch of 469 steps as on MNIST; tiny: 10-64-1, batch 32, 1,000 steps. In each
 * round every variant trains one epoch, one after the other, so that a machine that is slow for a while is slow for all;
 * a variant's share is the median over the rounds of its time over that of the training without a callback in the same
 * round; cpu_share is the same of processor time, the log's thread included, which a machine with other work disturbs
 * less. What happens once a training (graph, texts, files) is in it. "scalars": of each batch; "keras": besides,
 * histograms each epoch, rates, the graph; "images": with write_images; "all": every option, watched at each 100th step,
 * 256 samples looked at.
 */
#include "peers/bench.h"

#include <keratin/keratin.h>
#include <string.h>

enum { ROUNDS = 64, SAMPLES = 256, VARIANTS = 5 };
static const char *const variants[VARIANTS] = { "none", "scalars", "keras", "images", "all" };

typedef struct subject {
    kt_context *kt;
    kt_model *model[VARIANTS]; /* one each: what is recorded stays */
    kt_array x, y;
    int64_t batch, steps;
    bool classes;
    char logs[64];
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
    fprintf(stderr, "callback: %s\n", kt ? kt_message(kt) : "no context");
    exit(1);
}

static subject make(const char *mode, int threads)
{
    bool mlp = strcmp(mode, "mlp") == 0;
    subject s = { .kt = kt_context_new(.seed = 1, .threads = threads), .batch = mlp ? 128 : 32, .steps = mlp ? 469 : 1000,
                  .classes = mlp, .logs = "/tmp/keratin-bench-XXXXXX" };
    int64_t rows = s.batch * s.steps, in = mlp ? 784 : 10;
    float *x = need((size_t)(rows * in), sizeof *x), *y = need((size_t)rows, sizeof *y);
    int32_t *classes = need((size_t)rows, sizeof *classes);
    uint32_t seed = 1;
    for (int64_t i = 0; i < rows * in; i++) x[i] = noise(&seed);
    for (int64_t i = 0; i < rows; i++) y[i] = x[i * in], classes[i] = (int32_t)((noise(&seed) + 1) * 4.9999f);
    s.x = mlp ? kt_floats(x, rows, 28, 28) : kt_floats(x, rows, 10);
    s.y = mlp ? kt_ints(classes, rows) : kt_floats(y, rows, 1);
    for (int i = 0; i < VARIANTS; i++) {
        s.model[i] = mlp ? kt_sequential(s.kt, kt_input(28, 28), kt_flatten(), kt_dense(512, .activation = "relu"),
                                         kt_dense(512, .activation = "relu"), kt_dense(10, .activation = "softmax"))
                         : kt_sequential(s.kt, kt_input(10), kt_dense(64, .activation = "relu"), kt_dense(1));
        kt_compile(s.model[i], .optimizer = kt_adam(), .loss = mlp ? "sparse_categorical_crossentropy" : "mse");
    }
    if (!mkdtemp(s.logs)) exit(1);
    check(s.kt);
    return s;
}

static kt_callback_spec callback_of(const subject *s, int variant)
{
    static const kt_hparam hparams[] = { { .name = "units", .number = 512 } };
    if (variant == 0) return (kt_callback_spec){ .cls = NULL };
    if (variant == 1) return kt_tensorboard(s->logs, .update_freq = "batch");
    if (variant == 2)
        return kt_tensorboard(s->logs, .histogram_freq = 1, .update_freq = "batch", .write_steps_per_second = true);
    if (variant == 3)
        return kt_tensorboard(s->logs, .histogram_freq = 1, .update_freq = "batch", .write_steps_per_second = true,
                              .write_images = true);
    kt_array x = s->x, y = s->y;
    x.dim[0] = y.dim[0] = SAMPLES;
    return kt_tensorboard(s->logs, .histogram_freq = 1, .write_steps_per_second = true, .write_images = true,
                          .watch = { .every = 100 }, .watch_gradients = true, .watch_updates = true,
                          .watch_activations = true, .watch_weights = true, .watch_learning_rate = true,
                          .watch_loss_terms = true, .nan_doctor = true, .write_op_graph = true, .write_speed = true,
                          .write_memory = true, .write_text = true, .hparams = hparams, .hparams_count = 1,
                          .samples_x = x, .samples_y = y, .confusion_matrix = s->classes,
                          .prediction_grid = s->classes, .pr_curves = s->classes);
}

typedef struct cost { double us, cpu; } cost;

static double cpu_now(void) /* microseconds of all threads */
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static cost one_epoch(subject *s, int variant)
{
    double start = bench_now(), cpu = cpu_now();
    kt_fit(s->model[variant], s->x, s->y, .batch_size = s->batch, .verbose = KT_QUIET,
           .callbacks = { callback_of(s, variant) });
    cost c = { bench_now() - start, cpu_now() - cpu };
    check(s->kt);
    return c;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: callback mlp|tiny THREADS [ROUNDS]\n");
        return 2;
    }
    int threads = atoi(argv[2]), rounds = argc > 3 ? atoi(argv[3]) : 5;
    if (strcmp(argv[1], "mlp") != 0 && strcmp(argv[1], "tiny") != 0) return 0;
    if (rounds < 1 || rounds > ROUNDS) rounds = 5;
    subject s = make(argv[1], threads);
    static double us[VARIANTS][ROUNDS], share[VARIANTS][ROUNDS], cpu_share[VARIANTS][ROUNDS];
    for (int v = 0; v < VARIANTS; v++) one_epoch(&s, v); /* plans are made */
    for (int r = 0; r < rounds; r++) {
        cost c[VARIANTS];
        for (int v = 0; v < VARIANTS; v++) c[v] = one_epoch(&s, v);
        for (int v = 0; v < VARIANTS; v++) {
            us[v][r] = c[v].us;
            share[v][r] = c[v].us / c[0].us;
            cpu_share[v][r] = c[v].cpu / c[0].cpu;
        }
    }
    for (int v = 0; v < VARIANTS; v++) {
        qsort(us[v], (size_t)rounds, sizeof **us, bench_order);
        qsort(share[v], (size_t)rounds, sizeof **share, bench_order);
        qsort(cpu_share[v], (size_t)rounds, sizeof **cpu_share, bench_order);
        printf("{\"bench\":\"callback_%s\",\"threads\":%d,\"who\":\"keratin\",\"variant\":\"%s\",\"us\":%.3f,\"best_us\":%.3f,"
               "\"share\":%.4f,\"cpu_share\":%.4f,\"n\":%d}\n",
               argv[1], threads, variants[v], us[v][rounds / 2] / (double)s.steps, us[v][0] / (double)s.steps,
               share[v][rounds / 2], cpu_share[v][rounds / 2], rounds);
    }
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", s.logs);
    if (system(command) != 0) fprintf(stderr, "callback: could not remove %s\n", s.logs);
    return kt_finish(s.kt);
}
