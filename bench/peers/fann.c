/* SPDX-License-Identifier: MIT */
/*
 * FANN on the tiny network: one incremental training step (batch 1) and one prediction.
 *
 *   peer_fann tiny_b1|tiny_predict|first_step 1
 *
 * FANN has neither mini-batches nor Adam, so its step is plain SGD, less arithmetic than the step
 * of everyone else; and its hidden activation is the linear piece, the nearest it has to a ReLU. It
 * uses one thread. Other modes print nothing.
 */
#include "bench.h"

#include <fann.h>
#include <string.h>

enum { INNER = 2000 }; /* steps a sample: one is too short for the clock */

static fann_type x[10] = { .1f, .2f, -.3f, .4f, .5f, -.1f, .7f, .2f, .1f, .9f }, y[1] = { .5f };

static struct fann *tiny(void)
{
    struct fann *net = fann_create_standard(3, 10, 64, 1);
    if (!net) exit(1);
    fann_set_activation_function_hidden(net, FANN_LINEAR_PIECE);
    fann_set_activation_function_output(net, FANN_LINEAR);
    fann_set_training_algorithm(net, FANN_TRAIN_INCREMENTAL);
    fann_set_learning_rate(net, 1e-3f);
    return net;
}

static void train(void *net)
{
    fann_train(net, x, y);
}

static void predict(void *net)
{
    fann_run(net, x);
}

int main(int argc, char **argv)
{
    if (argc < 2) return 2;
    struct fann *net = tiny();

    if (!strcmp(argv[1], "first_step")) {
        train(net);
    } else if (!strcmp(argv[1], "tiny_b1")) {
        bench b = bench_run(0.3, INNER, train, net);
        bench_print(&b, "tiny_b1", 1, "fann", "incremental, plain SGD");
    } else if (!strcmp(argv[1], "tiny_predict")) {
        bench b = bench_run(0.3, INNER, predict, net);
        bench_print(&b, "tiny_predict", 1, "fann", "fann_run");
    }
    fann_destroy(net);
    return 0;
}
