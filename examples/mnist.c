/* SPDX-License-Identifier: MIT */
/* mnist.c: an MLP classifier on the MNIST files (IDX, gzip or not): 97.5 % of the test set in 5 epochs.
 *
 * --data DIR: the folder of train-images-idx3-ubyte[.gz] and the other three.
 */
#include "example.h"

static kt_array read_idx(kt_context *kt, const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.gz", folder, name);
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    else snprintf(path, sizeof path, "%s/%s", folder, name);
    return kt_arrays_get(kt_read_idx(kt, path), "");
}

/* 0..255 to 0..1, each picture a row; the buffer is the caller's. */
static kt_array scaled(kt_array images, float **buffer)
{
    size_t n = images.data ? (size_t)images.dim[0] * 784 : 0;
    *buffer = malloc((n + 1) * sizeof **buffer);
    for (size_t i = 0; *buffer && i < n; i++) (*buffer)[i] = (float)((const unsigned char *)images.data)[i] / 255;
    return kt_floats(*buffer, images.dim[0], 784);
}

int main(int argc, char **argv)
{
    example_options o = example_parse(argc, argv, (example_options){ .data = "mnist", .epochs = 5, .batch_size = 128,
                                                                     .log_dir = "logs/mnist" });
    kt_context *kt = kt_context_new(.seed = (uint64_t)o.seed, .print = o.quiet ? NULL : kt_print_stdout, .threads = 2);
    float *train = NULL, *test = NULL;
    kt_array x_train = scaled(read_idx(kt, o.data, "train-images-idx3-ubyte"), &train);
    kt_array y_train = read_idx(kt, o.data, "train-labels-idx1-ubyte");
    kt_array x_test = scaled(read_idx(kt, o.data, "t10k-images-idx3-ubyte"), &test);
    kt_array y_test = read_idx(kt, o.data, "t10k-labels-idx1-ubyte");

    kt_model *model = kt_sequential(kt,
        kt_input(784),
        kt_dense(512, .activation = "relu"),
        kt_dropout(0.2),
        kt_dense(512, .activation = "relu"),
        kt_dropout(0.2),
        kt_dense(10, .activation = "softmax"));
    kt_compile(model, .optimizer = kt_adam(), .loss = "sparse_categorical_crossentropy", .metrics = { "accuracy" });
    kt_fit(model, x_train, y_train, .epochs = o.epochs, .batch_size = o.batch_size, .no_shuffle = o.no_shuffle,
           .callbacks = { example_board(&o) });

    kt_logs *results = kt_logs_new(kt);
    double accuracy = 0;
    kt_evaluate(model, results, x_test, y_test, .batch_size = 500, .verbose = KT_QUIET);
    kt_logs_get(results, "accuracy", &accuracy);
    if (kt_error(kt) == KT_OK) printf("mnist: test accuracy %.4f\n", accuracy);
    int status = kt_finish(kt);
    free(train);
    free(test);
    return status;
}
