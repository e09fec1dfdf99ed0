/* SPDX-License-Identifier: MIT */
/* tests/weather/test_memory.c: each allocation of a whole program failed in turn, on "cpu": alone (memory comes back) and with all after
 * it (memory stays short). Nothing crashes, nothing leaks, and the status says so: only a program that ran to its end answers KT_OK.
 *
 * The programs: a model trained by fit with every callback, threads and prefetching; a loop by hand with its own writer, metric and
 * gradients. What each does is small: the number of allocations is what takes the time.
 */
#include "weather.h"

typedef struct world {
    small_data d;
    char folder[256], csv[300], weights[300];
    bool done; /* the program ran to its end */
} world;

static kt_context *begin(failing_heap *heap)
{
    return kt_context_new(.seed = 5, .threads = 2, .allocator = FAILING(heap));
}

static kt_status end(kt_context *kt)
{
    kt_status status = kt_error(kt);
    kt_context_free(kt);
    return status;
}

static double nth_rate(int64_t epoch, double rate, void *user)
{
    (void)epoch, (void)user;
    return rate * 0.9;
}

/* By fit. */
static kt_status by_fit(failing_heap *heap, world *w)
{
    kt_context *kt = begin(heap);
    if (!kt) return KT_ERR_MEMORY;
    kt_model *model = small_model(kt);
    kt_dataset *data = kt_dataset_new(kt, X(w->d), Y(w->d), .batch_size = 24, .shuffle = true, .prefetch = 2);
    kt_fit(model, .data = data, .epochs = 2, .validation_x = X(w->d), .validation_y = Y(w->d),
           .callbacks = { kt_tensorboard(w->folder, .histogram_freq = 1, .update_freq = "batch"), kt_csv_logger(w->csv),
                          kt_early_stopping(.patience = 1, .restore_best_weights = true), kt_terminate_on_nan(),
                          kt_learning_rate_scheduler(nth_rate) });
    kt_logs *logs = kt_logs_new(kt);
    kt_evaluate(model, logs, X(w->d), Y(w->d));
    float y[3];
    kt_predict_into(model, 3, w->d.x, 3 * INPUTS, y, 3);
    kt_arrays_free(kt_predict(model, X(w->d)));
    kt_train_on_batch(model, X(w->d), Y(w->d), (kt_array){ .data = NULL }, logs);
    kt_save_weights(model, w->weights);
    kt_load_weights(model, w->weights);
    kt_logs_free(logs);
    kt_dataset_free(data);
    w->done = kt_error(kt) == KT_OK;
    return end(kt);
}

/* By hand. */
static kt_status by_hand(failing_heap *heap, world *w)
{
    kt_context *kt = begin(heap);
    if (!kt) return KT_ERR_MEMORY;
    kt_model *model = small_model(kt);
    kt_optimizer *optimizer = kt_optimizer_new(kt, kt_sgd(0.05, .momentum = 0.9, .clipnorm = 1));
    kt_metric *mean = kt_metric_new(kt, kt_mean_metric());
    kt_writer *writer = kt_file_writer(kt, w->folder);
    kt_dataset *data = kt_dataset_new(kt, X(w->d), Y(w->d), .batch_size = 24);
    int64_t step = 0;
    for (int epoch = 0; epoch < 2; epoch++)
        kt_for_each_batch(data, batch) {
            kt_summaries_to(kt, writer, step);
            kt_tensor *loss = kt_loss_named("mse", batch.y, kt_call_training(model, batch.x), NULL);
            kt_tensors gradients = kt_gradients(loss, kt_trainable(model));
            kt_apply_gradients(optimizer, gradients, kt_trainable(model));
            kt_metric_update(mean, loss, NULL, NULL);
            kt_write_scalar(writer, "loss", loss, step++);
        }
    double last = kt_metric_result(mean);
    kt_write_number(writer, "mean", last, step);
    w->done = kt_error(kt) == KT_OK && last > 0;
    kt_writer_close(writer);
    return end(kt);
}

typedef kt_status program(failing_heap *heap, world *w);

static void fail_each(program *run, bool once)
{
    world w = { .d = make_small_data() };
    make_folder(w.folder, sizeof w.folder);
    snprintf(w.csv, sizeof w.csv, "%s/log.csv", w.folder);
    snprintf(w.weights, sizeof w.weights, "%s/w.npz", w.folder);
    failing_heap heap = { .left = -1 };
    assert_int_equal(run(&heap, &w), KT_OK);
    assert_true(w.done);
    assert_int_equal(heap.live, 0);
    int64_t all = heap.made, refused = 0;
    assert_true(all > 100);
    for (int64_t n = 0; n < all; n++) {
        heap = (failing_heap){ .left = n, .once = once };
        w.done = false;
        kt_status status = run(&heap, &w);
        if (heap.live != 0) fail_msg("allocation %lld of %lld: %lld blocks leaked", (long long)n, (long long)all, (long long)heap.live);
        if (heap.failed) refused += status != KT_OK;
        else assert_int_equal(status, KT_OK);
        if (status == KT_OK) assert_true(w.done || !heap.failed);
        else if (status != KT_ERR_MEMORY && status != KT_ERR_IO) /* IO: a log or a file that could not be kept in memory */
            fail_msg("allocation %lld of %lld: '%s'", (long long)n, (long long)all, kt_status_name(status));
    }
    assert_true(refused > all / 2);
    remove_folder(w.folder);
}

static void fit_with_memory_gone(void **state)
{
    (void)state;
    fail_each(by_fit, false);
}
static void fit_with_one_refusal(void **state)
{
    (void)state;
    fail_each(by_fit, true);
}
static void loop_with_memory_gone(void **state)
{
    (void)state;
    fail_each(by_hand, false);
}
static void loop_with_one_refusal(void **state)
{
    (void)state;
    fail_each(by_hand, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_with_memory_gone), cmocka_unit_test(fit_with_one_refusal),
        cmocka_unit_test(loop_with_memory_gone), cmocka_unit_test(loop_with_one_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
