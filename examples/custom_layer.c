/* SPDX-License-Identifier: MIT */
/* custom_layer.c: a custom layer made of backend functions, watched by TensorBoard. */
#include "example.h"

/* log(x + 1e-9), element by element: any shape in, the same shape out. */
static kt_tensor *log_call(kt_layer *self, kt_tensor *x)
{
    (void)self;
    kt_tensor *y = kt_log(kt_add(x, kt_scalar(x, 1e-9)));
    kt_summary_histogram("activations", y); /* a callback cannot live in here; a summary can */
    return y;
}

static const kt_layer_class log_layer = { .name = "log", .call = log_call };

int main(int argc, char **argv)
{
    example_options o = example_parse(argc, argv, (example_options){ .epochs = 20, .batch_size = 32, .histogram_freq = 1,
                                                                     .validation_split = 0.2, .log_dir = "logs/custom_layer" });
    kt_context *kt = kt_context_new(.seed = (uint64_t)o.seed, .print = o.quiet ? NULL : kt_print_stdout);
    example_data data = example_load(kt, &o, false);

    kt_model *model = kt_sequential(kt,
        kt_input(data.x.dim[1]),
        kt_dense(64, .activation = "relu"),
        kt_custom(&log_layer),
        kt_dense(1));

    kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .metrics = { "mae" });

    kt_fit(model, data.x, data.y, .epochs = o.epochs, .batch_size = o.batch_size, .validation_split = o.validation_split,
           .no_shuffle = o.no_shuffle, .callbacks = { example_board(&o) });

    example_report_model(model, &o, "custom_layer");
    return kt_finish(kt); /* 0, or a message on stderr and the status of the first error */
}
