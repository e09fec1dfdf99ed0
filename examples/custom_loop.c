/* SPDX-License-Identifier: MIT */
/* custom_loop.c: a custom training loop with hand-written TensorBoard updates. */
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
                                                                     .validation_split = 0.2, .log_dir = "logs/custom_loop" });
    kt_context *kt = kt_context_new(.seed = (uint64_t)o.seed);
    example_data data = example_load(kt, &o, true);
    kt_dataset *batches = kt_dataset_new(kt, data.x_train, data.y_train, .batch_size = o.batch_size, .shuffle = !o.no_shuffle,
                                         .seed = (uint64_t)o.seed);

    kt_model *model = kt_sequential(kt, kt_input(data.x.dim[1]),
        kt_dense(64, .activation = "relu"), kt_dense(1));
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_adam());
    kt_metric *epoch_loss = kt_metric_new(kt, kt_mean_metric(.name = "loss"));
    kt_writer *writer = kt_file_writer(kt, o.log_dir);
    double losses[1000] = { 0 };
    int64_t step = 0;

    for (int epoch = 0; epoch < o.epochs && epoch < 1000; epoch++) {
        kt_metric_reset(epoch_loss);
        kt_for_each_batch(batches, batch) { /* each pass frees what it made */
            kt_tensor *predictions = kt_call(model, batch.x);
            kt_tensor *loss = weighted_mse(batch.y, predictions);
            kt_tensors gradients = kt_gradients(loss, kt_trainable(model));
            kt_apply_gradients(optimizer, gradients, kt_trainable(model));
            kt_metric_update(epoch_loss, loss, NULL, NULL);
            kt_write_scalar(writer, "loss", loss, step++);
        }
        kt_tensors weights = kt_trainable(model);
        for (int64_t i = 0; o.histogram_freq > 0 && epoch % o.histogram_freq == 0 && i < weights.count; i++)
            kt_write_histogram(writer, kt_variable_name(weights.at[i]), weights.at[i], epoch);
        losses[epoch] = kt_metric_result(epoch_loss);
        kt_write_number(writer, "epoch_loss", losses[epoch], epoch);
        if (!o.quiet) printf("Epoch %d/%lld - loss: %.4f\n", epoch + 1, o.epochs, losses[epoch]);
    }
    kt_writer_close(writer);
    example_report(&o, "custom_loop", losses, o.epochs);
    return kt_finish(kt);
}
