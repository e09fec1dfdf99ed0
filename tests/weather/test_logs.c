/* SPDX-License-Identifier: MIT */
/* tests/weather/test_logs.c: trainings whose logs cannot be kept: a full disk, a limit on files, a folder that is none or that
 * vanishes. A training that has begun goes on, computes what it would have computed, and tells what it lost.
 *
 * The full disk is a real one, a tmpfs of 64 KiB, where this may be mounted (as root); the same trainings run under a limit on the
 * size of files, where exceeding it would kill the process by a signal.
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../summary/events_reader.h"
#include "weather.h"

enum { EPOCHS = 40 };

static double fit(kt_context *kt, const kt_callback_spec *callbacks, int n)
{
    small_data d = make_small_data();
    kt_fit_config c = { .size = sizeof c, .x = X(d), .y = Y(d), .batch_size = 8, .epochs = EPOCHS, .validation_split = 0.25 };
    for (int i = 0; i < n; i++) c.callbacks[i] = callbacks[i];
    kt_model *model = small_model(kt);
    return kt_fit_with(model, &c) == KT_OK && kt_history_epochs(kt_model_history(model)) == EPOCHS
               ? kt_history_value(kt_model_history(model), "loss", EPOCHS - 1) : (double)NAN;
}

static double without_logs(void)
{
    kt_context *kt = kt_context_new(.seed = 2);
    double loss = fit(kt, NULL, 0);
    kt_context_free(kt);
    return loss;
}

/* What the whole files of a run hold, and that nothing half stands behind it. */
static int records(const char *run)
{
    char path[1024];
    int count = 0;
    DIR *dir = opendir(run);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t rest = 0;
        if (!strstr(entry->d_name, "tfevents")) continue;
        snprintf(path, sizeof path, "%s/%s", run, entry->d_name);
        count += reader_count(path, &rest);
        if (rest) return -1;
    }
    if (dir) closedir(dir);
    return count;
}

/* The trainings of a full disk; `folder` is on it. Returns what went wrong, NULL if nothing did. */
static const char *train_on_full_disk(const char *folder, double expected)
{
    char board[300], csv[300], weights[300], run[600];
    words said = { NULL, 0, 0 };
    kt_context *kt = kt_context_new(.seed = 2, .log = words_print, .log_user = &said);
    snprintf(board, sizeof board, "%s/board", folder);
    snprintf(csv, sizeof csv, "%s/log.csv", folder);
    snprintf(weights, sizeof weights, "%s/w.npz", folder);
    kt_callback_spec callbacks[] = { kt_tensorboard(board, .histogram_freq = 1, .update_freq = "batch"), kt_csv_logger(csv) };
    double loss = fit(kt, callbacks, 2);
    if (loss != expected) return "the training was disturbed";
    if (!strstr(said.data, "TensorBoard: run train lost ")) return "the lost records were not told";
    snprintf(run, sizeof run, "%s/train", board);
    int kept = records(run);
    if (kept < 3) return "no whole records";
    char *text = read_text(csv, NULL);
    if (!text || strncmp(text, "epoch,loss,mae,val_loss,val_mae\r\n", 33) != 0) return "no head in the CSV file";
    size_t length = strlen(text);
    if (length < 2 || strcmp(text + length - 2, "\r\n") != 0) return "a line of the CSV file is cut";
    free(text);

    /* A loop by hand: the writer counts. */
    snprintf(run, sizeof run, "%s/hand", folder);
    kt_tensor *x = kt_random_normal(kt, KT_SHAPE(100), 0, 1);
    kt_writer *writer = kt_file_writer(kt, run);
    for (int64_t step = 0; writer && step < 400; step++) {
        kt_scope *pass = kt_scope_begin(kt);
        kt_write_histogram(writer, "x", x, step);
        kt_scope_end(kt, pass);
    }
    if (writer && kt_writer_flush(writer) != KT_ERR_IO) return "the writer did not say that the disk is full";
    if (writer) kt_writer_close(writer);
    kt_clear_error(kt); /* on a disk without any room the folder itself cannot be made */

    /* Weights: whole or not at all. */
    small_data d = make_small_data();
    kt_model *large = kt_sequential(kt, kt_input(INPUTS), kt_dense(5000), kt_dense(1));
    kt_predict(large, X(d));
    if (kt_save_weights(large, weights) != KT_ERR_IO || !strstr(kt_message(kt), "cannot be written")) return "weights were written";
    kt_clear_error(kt);
    if (access(weights, F_OK) == 0) return "half of the weights were left";
    kt_context_free(kt);
    free(said.data);
    return NULL;
}

static void tell(int result, const char *what)
{
    if (WIFSIGNALED(result)) fail_msg("%s: killed by signal %d", what, WTERMSIG(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void full_disk(void **state)
{
    (void)state;
    char folder[256];
    double expected = without_logs();
    make_folder(folder, sizeof folder);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=64k") != 0) {
        remove_folder(folder);
        skip();
    }
    const char *wrong = train_on_full_disk(folder, expected);
    umount(folder);
    remove_folder(folder);
    if (wrong) fail_msg("%s", wrong);
}

static void limit_on_files(void **state)
{
    (void)state;
    char folder[256];
    double expected = without_logs();
    make_folder(folder, sizeof folder);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 8000, 8000 });
        const char *wrong = train_on_full_disk(folder, expected);
        if (wrong) (void)!write(2, wrong, strlen(wrong));
        _exit(wrong ? 1 : 0);
    }
    int result = -1;
    assert_true(waitpid(child, &result, 0) == child);
    remove_folder(folder);
    tell(result, "limit on the size of files");
}

/* ---- folders that are none ---- */

static void no_folder(void **state)
{
    (void)state;
    static char long_name[6000];
    char folder[256], file[300], below[400];
    make_folder(folder, sizeof folder);
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(below, sizeof below, "%s/logs", file);
    fclose(fopen(file, "w"));
    memset(long_name, 'x', sizeof long_name - 1);
    const char *const bad[] = { file, below, "/proc/keratin/logs", long_name, "/dev/null" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kt_context *kt = kt_context_new(.seed = 2);
        kt_callback_spec board = kt_tensorboard(bad[i]);
        assert_true(isnan(fit(kt, &board, 1)));
        assert_int_equal(kt_error(kt), KT_ERR_IO);
        assert_non_null(strstr(kt_message(kt), "TensorBoard"));
        kt_clear_error(kt);
        assert_null(kt_file_writer(kt, bad[i]));
        assert_int_equal(kt_error(kt), KT_ERR_IO);
        kt_clear_error(kt);
        kt_callback_spec csv = kt_csv_logger(i == 0 ? folder : i == 4 ? "/nowhere/log.csv" : bad[i]);
        assert_true(isnan(fit(kt, &csv, 1)));
        assert_int_equal(kt_error(kt), KT_ERR_IO);
        kt_clear_error(kt);
        assert_true(isfinite(fit(kt, NULL, 0)));
        kt_context_free(kt);
    }
    remove_folder(folder);
}

/* Somebody removes the folder while it is written to; or puts a file where the validation run should be. */
static kt_status remove_logs(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)loop, (void)logs;
    if (epoch == 3) remove_folder(self);
    return KT_OK;
}
static const kt_callback_class remover_class = { .name = "remover", .on_epoch_end = remove_logs };

static void folder_vanishes(void **state)
{
    (void)state;
    char folder[256];
    double expected = without_logs();
    make_folder(folder, sizeof folder);
    kt_context *kt = kt_context_new(.seed = 2);
    kt_callback_spec callbacks[] = { kt_tensorboard(folder, .histogram_freq = 1, .update_freq = "batch"), kt_callback_of(&remover_class, folder) };
    double loss = fit(kt, callbacks, 2);
    assert_fine(kt);
    kt_context_free(kt);
    remove_folder(folder);
    assert_true(loss == expected);
}

static void file_in_place_of_validation(void **state)
{
    (void)state;
    char folder[256], path[300];
    words said = { NULL, 0, 0 };
    double expected = without_logs();
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/validation", folder);
    fclose(fopen(path, "w"));
    kt_context *kt = kt_context_new(.seed = 2, .log = words_print, .log_user = &said);
    kt_callback_spec board = kt_tensorboard(folder);
    double loss = fit(kt, &board, 1);
    assert_fine(kt);
    kt_context_free(kt);
    snprintf(path, sizeof path, "%s/train", folder);
    assert_true(records(path) > EPOCHS);
    assert_true(loss == expected);
    assert_non_null(strstr(said.data, "the run validation is not logged"));
    free(said.data);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk),       cmocka_unit_test(limit_on_files), cmocka_unit_test(no_folder),
        cmocka_unit_test(folder_vanishes), cmocka_unit_test(file_in_place_of_validation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
