/* SPDX-License-Identifier: MIT */
/* custom_loss.c: a custom loss made of backend functions. */
#include "example.h"

/* Squared error that counts only where the target is above one half. */
static kt_tensor *weighted_mse(kt_tensor *y_true, kt_tensor *y_pred)
{
    kt_tensor *squared_difference = kt_square(kt_sub(y_true, y_pred));
    kt_tensor *weight = kt_cast(kt_greater(y_true, kt_scalar(y_true, 0.5)), KT_FLOAT32);
    return kt_mean(kt_mul(squared_difference, weight));
}

int main(int argc, char **argv)
{
    example_options o = example_parse(argc, argv, (example_options){ .epochs = 20, .batch_size = 32, .histogram_freq = 1,
                                                                     .validation_split = 0.2, .log_dir = "logs/custom_loss" });
    kt_context *kt = kt_context_new(.seed = (uint64_t)o.seed, .print = o.quiet ? NULL : kt_print_stdout);
    example_data data = example_load(kt, &o, true); /* a standardised target: above one half is its upper third */

    kt_model *model = kt_sequential(kt, kt_input(data.x.dim[1]),
        kt_dense(64, .activation = "relu"), kt_dense(1));

    kt_compile(model, .optimizer = kt_adam(), .loss_fn = weighted_mse, .metrics = { "mae" });

    kt_fit(model, data.x, data.y, .epochs = o.epochs, .batch_size = o.batch_size, .validation_split = o.validation_split,
           .no_shuffle = o.no_shuffle, .callbacks = { example_board(&o) });

    example_report_model(model, &o, "custom_loss");
    return kt_finish(kt);
}
