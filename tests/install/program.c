/* SPDX-License-Identifier: MIT */
/* tests/install/program.c: a user's program, built against the installed library: it trains, and logs what it did. */
#include <keratin/keratin.h>

int main(int argc, char **argv)
{
    kt_context *kt = kt_context_new(.seed = 1);
    kt_arrays *data = kt_friedman1(kt, 200, 1.0, 1);
    kt_model *model = kt_sequential(kt, kt_input(10), kt_dense(8, .activation = "relu"), kt_dense(1));
    kt_compile(model, .optimizer = kt_adam(.learning_rate = 0.01), .loss = "mse");
    kt_fit(model, kt_arrays_get(data, "x"), kt_arrays_get(data, "y"), .epochs = 3,
           .callbacks = { kt_tensorboard(argc > 1 ? argv[1] : "logs") });
    const kt_history *history = kt_model_history(model);
    bool fell = kt_history_value(history, "loss", 2) < kt_history_value(history, "loss", 0);
    int status = kt_finish(kt);
    return status ? status : fell ? 0 : 1;
}
