// SPDX-License-Identifier: MIT
// from_cpp.cpp: the same library from C++17: the plain functions behind the macros, configurations filled by name.
#include <keratin/keratin.h>

#include <vector>

// Prints nothing; returns 0 when the loss fell.
int main()
{
    kt_context_config setup = {};
    setup.size = sizeof setup;
    setup.seed = 1;
    kt_context *kt = kt_context_new_with(&setup);
    kt_arrays *data = kt_friedman1(kt, 500, 1.0, 1);

    kt_input_config input;
    kt_input_init(&input);
    input.d0 = 10;
    kt_dense_config hidden;
    kt_dense_init(&hidden);
    hidden.units = 32;
    hidden.activation = "relu";
    kt_dense_config output;
    kt_dense_init(&output);
    output.units = 1;
    const std::vector<kt_layer_spec> layers = { kt_input_spec(&input), kt_dense_spec(&hidden), kt_dense_spec(&output) };
    kt_model *model = kt_sequential_new(kt, layers.data(), layers.size());

    kt_adam_config adam;
    kt_adam_init(&adam);
    adam.learning_rate = 0.01;
    kt_compile_config compile = {};
    compile.size = sizeof compile;
    compile.optimizer = kt_adam_spec(&adam);
    compile.loss = "mse";
    kt_compile_with(model, &compile);

    kt_fit_config fit = {};
    fit.size = sizeof fit;
    fit.x = kt_arrays_get(data, "x");
    fit.y = kt_arrays_get(data, "y");
    fit.epochs = 5;
    kt_fit_with(model, &fit);

    const kt_history *history = kt_model_history(model);
    bool fell = kt_history_value(history, "loss", 4) < kt_history_value(history, "loss", 0);
    int status = kt_finish(kt);
    return status ? status : fell ? 0 : 1;
}
