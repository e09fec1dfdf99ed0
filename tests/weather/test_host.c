/* SPDX-License-Identifier: MIT */
/* tests/weather/test_host.c: a training is a guest in the host's process: it leaves no trace in the locale, the environment, the
 * signals, the floating-point mode or on the terminal; it survives the host's forks, its threads, and its wish to stop.
 */
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "weather.h"

extern char **environ;

#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN true
#else
#define WITH_TSAN false
#endif

/* A training with everything that writes or computes in odd ways, and its last loss. */
static double train(kt_context *kt, const char *folder)
{
    char csv[300], weights[300];
    small_data d = make_small_data();
    snprintf(csv, sizeof csv, "%s/log.csv", folder);
    snprintf(weights, sizeof weights, "%s/w.npz", folder);
    kt_model *model = small_model(kt);
    kt_fit(model, X(d), Y(d), .batch_size = 24, .epochs = 3, .validation_split = 0.25,
           .callbacks = { kt_tensorboard(folder, .histogram_freq = 1, .update_freq = "batch"), kt_csv_logger(csv) });
    kt_arrays_free(kt_predict(model, X(d)));
    kt_save_weights(model, weights);
    if (!WITH_TSAN) kt_load_weights(model, weights); /* libzip calls mktime, whose lock ThreadSanitizer does not see */
    if (kt_error(kt) != KT_OK) fail_msg("%s", kt_message(kt));
    return kt_history_value(kt_model_history(model), "loss", 2);
}

static double train_afresh(int threads)
{
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = kt_context_new(.seed = 9, .threads = threads);
    double loss = train(kt, folder);
    kt_context_free(kt);
    remove_folder(folder);
    return loss;
}

/* ---- what must stay as it was ---- */

typedef struct host {
    char locale[256];
    char **environ_at;
    size_t variables;
    unsigned long hash; /* of the environment's text */
    struct sigaction actions[32];
    sigset_t mask;
    unsigned csr;
    int rounding;
    mode_t umask;
    char folder[1024];
} host;

static host look(void)
{
    host h;
    memset(&h, 0, sizeof h);
    snprintf(h.locale, sizeof h.locale, "%s", setlocale(LC_ALL, NULL));
    h.environ_at = environ;
    for (char **v = environ; *v; v++, h.variables++)
        for (const char *c = *v; *c; c++) h.hash = h.hash * 31 + (unsigned char)*c;
    for (int i = 1; i < 32; i++) sigaction(i, NULL, &h.actions[i]);
    pthread_sigmask(SIG_BLOCK, NULL, &h.mask);
#if defined(__SSE__)
    h.csr = _mm_getcsr() & ~0x3fu; /* control bits; the flags of what happened may be set */
#endif
    h.rounding = fegetround();
    h.umask = umask(022);
    umask(h.umask);
    assert_non_null(getcwd(h.folder, sizeof h.folder));
    return h;
}

static void same(const host *a, const host *b)
{
    assert_string_equal(a->locale, b->locale);
    assert_ptr_equal(a->environ_at, b->environ_at);
    assert_int_equal(a->variables, b->variables);
    assert_true(a->hash == b->hash);
    for (int i = 1; i < 32; i++) assert_ptr_equal(a->actions[i].sa_sigaction, b->actions[i].sa_sigaction);
    assert_memory_equal(&a->mask, &b->mask, sizeof a->mask);
    assert_int_equal(a->csr, b->csr);
    assert_int_equal(a->rounding, b->rounding);
    assert_int_equal(a->umask, b->umask);
    assert_string_equal(a->folder, b->folder);
}

static void nothing_is_touched(void **state)
{
    (void)state;
    host before = look();
    silence s = silence_begin();
    train_afresh(2);
    host after = look();
    long printed = silence_end(&s);
    assert_int_equal(printed, 0);
    same(&before, &after);
}

#if defined(__SSE__)
/* The host may run with subnormals flushed; that mode stays, on its thread, and the library works. */
static void host_that_flushes_subnormals(void **state)
{
    (void)state;
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    double loss = train_afresh(1);
    unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    assert_int_equal(after & 0x8040, 0x8040);
    assert_true(isfinite(loss));
}
#endif

/* ---- a locale with a decimal comma ---- */

/* One is made where the system has none: localedef is part of libc-bin. */
static const char *comma_locale(const char *folder)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_ALL, names[i])) return names[i];
    char command[600];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
    if (system(command) != 0) return NULL;
    setenv("LOCPATH", folder, 1);
    const char *made = setlocale(LC_ALL, "de_DE.UTF-8");
    unsetenv("LOCPATH");
    return made;
}

static void decimal_comma(void **state)
{
    (void)state;
    char folder[256], path[400], inner[300];
    make_folder(folder, sizeof folder);
    snprintf(inner, sizeof inner, "%s/train", folder);
    snprintf(path, sizeof path, "%s/table.csv", folder);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 20; i++) fprintf(file, "%d.5,1e-%d,%d.25\n", i, i % 4, 2 * i);
    fclose(file);
    double plain = train_afresh(1);
    if (!comma_locale(folder)) {
        remove_folder(folder);
        skip();
    }
    char half[16];
    snprintf(half, sizeof half, "%.1f", 0.5);
    bool comma = strcmp(half, "0,5") == 0;
    words printed = { NULL, 0, 0 };
    kt_context *kt = kt_context_new(.seed = 9, .print = words_print, .print_user = &printed);
    kt_arrays *table = kt_read_csv(kt, path);
    const float *x = kt_arrays_get(table, "x").data, *y = kt_arrays_get(table, "y").data;
    bool read = x && y && x[2] == 1.5f && x[3] == 0.1f && y[1] == 2.25f;
    double loss = train(kt, inner);
    snprintf(path, sizeof path, "%s/log.csv", inner);
    char *log = read_text(path, NULL);
    kt_context_free(kt);
    setlocale(LC_ALL, "C");
    assert_true(comma);
    assert_true(read);
    assert_true(loss == plain);
    assert_non_null(log);
    int commas = 0, lines = 0;
    for (const char *c = log; *c; c++) commas += *c == ',', lines += *c == '\n';
    assert_int_equal(lines, 4);
    assert_int_equal(commas, lines * 4); /* epoch, loss, mae, val_loss, val_mae */
    assert_non_null(strstr(printed.data, "loss: 0."));
    free(log);
    free(printed.data);
    remove_folder(folder);
}

/* ---- forks and threads ---- */

static void fork_after_threads(void **state)
{
    (void)state;
    if (WITH_TSAN) skip(); /* its own threads do not survive a fork */
    char folder[256];
    make_folder(folder, sizeof folder);
    kt_context *kt = kt_context_new(.seed = 9, .threads = 2);
    double first = train(kt, folder);
    pid_t child = fork();
    if (child == 0) {
        alarm(60); /* a child that waits for threads it does not have would wait for ever */
        small_data d = make_small_data();
        kt_model *model = small_model(kt); /* in the parent's context, whose pool has no threads here */
        bool good = kt_fit(model, X(d), Y(d), .epochs = 3) == KT_OK;
        kt_context_free(kt);
        kt_context *own = kt_context_new(.seed = 9, .threads = 2);
        kt_model *again = small_model(own);
        good = good && kt_fit(again, X(d), Y(d), .batch_size = 24, .epochs = 3, .validation_split = 0.25) == KT_OK &&
               kt_history_value(kt_model_history(again), "loss", 2) == first;
        kt_context_free(own);
        _exit(good ? 0 : 1);
    }
    int result = -1;
    assert_true(waitpid(child, &result, 0) == child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    small_data d = make_small_data(); /* and the parent goes on */
    assert_int_equal(kt_fit(small_model(kt), X(d), Y(d), .epochs = 2), KT_OK);
    kt_context_free(kt);
    remove_folder(folder);
}

static void *train_in_thread(void *arg)
{
    *(double *)arg = train_afresh(2);
    return NULL;
}

static void contexts_in_threads(void **state)
{
    (void)state;
    double losses[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, train_in_thread, &losses[i]), 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    double alone = train_afresh(1);
    for (int i = 0; i < 3; i++) assert_true(losses[i] == alone);
}

/* The host's own threads, or here none at all, in any order: the same numbers. */
static void in_reverse(void (*body)(void *arg, int64_t chunk, int worker), void *arg, int64_t chunks, void *user)
{
    for (int64_t chunk = chunks; chunk-- > 0;) body(arg, chunk, (int)(chunk % 2));
    ++*(int *)user;
}

static void threads_of_the_host(void **state)
{
    (void)state;
    int calls = 0;
    double losses[2];
    for (int own = 0; own < 2; own++) {
        kt_context *kt = kt_context_new(.seed = 3, .threads = 2, .parallel_for = own ? NULL : in_reverse, .parallel_user = &calls);
        kt_arrays *data = kt_friedman1(kt, 1024, 1, 1);
        kt_model *model = kt_sequential(kt, kt_input(10), kt_dense(512, .activation = "relu"), kt_dense(1));
        kt_compile(model, .optimizer = kt_adam(), .loss = "mse");
        kt_fit(model, kt_arrays_get(data, "x"), kt_arrays_get(data, "y"), .batch_size = 512, .epochs = 2);
        assert_fine(kt);
        losses[own] = kt_history_value(kt_model_history(model), "loss", 1);
        kt_context_free(kt);
    }
    assert_true(calls > 0);
    assert_true(losses[0] == losses[1]);
}

/* ---- stopping ---- */

static kt_context *running;
static volatile sig_atomic_t rings;

static void on_alarm(int number)
{
    (void)number;
    rings++;
    kt_cancel(running);
}

static void *cancel_at_once(void *arg)
{
    nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
    kt_cancel(arg);
    return NULL;
}

/* Signals arrive all the time, in writes and waits too; one in four means stop. */
static void cancelled_from_outside(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder, sizeof folder);
    small_data d = make_small_data();
    struct sigaction act = { .sa_handler = on_alarm }, old; /* no SA_RESTART: calls to the system are interrupted */
    sigaction(SIGALRM, &act, &old);
    for (int i = 0; i < 6; i++) {
        bool by_signal = i % 2;
        kt_context *kt = running = kt_context_new(.threads = 2);
        kt_model *model = small_model(kt);
        pthread_t thread;
        if (by_signal) setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 20000 } }, NULL);
        else pthread_create(&thread, NULL, cancel_at_once, kt);
        kt_status status = kt_fit(model, X(d), Y(d), .batch_size = 16, .epochs = INT32_MAX,
                                  .callbacks = { kt_tensorboard(folder, .update_freq = "batch") });
        if (!by_signal) pthread_join(thread, NULL);
        assert_int_equal(status, KT_ERR_CANCELLED);
        kt_clear_error(kt);
        kt_logs *logs = kt_logs_new(kt);
        assert_int_equal(kt_evaluate(model, logs, X(d), Y(d)), KT_OK); /* everything is whole */
        double loss = NAN;
        assert_true(kt_logs_get(logs, "loss", &loss) && isfinite(loss));
        kt_context_free(kt);
    }
    sigaction(SIGALRM, &old, NULL);
    assert_int_equal(rings, 3);
    remove_folder(folder);
}

static void on_tick(int number)
{
    (void)number;
    rings++;
}

/* A host with an interval timer: hundreds of interrupted calls change nothing. */
static void interrupted_all_the_time(void **state)
{
    (void)state;
    double calm = train_afresh(2);
    struct sigaction act = { .sa_handler = on_tick }, old;
    sigaction(SIGALRM, &act, &old);
    rings = 0;
    setitimer(ITIMER_REAL, &(struct itimerval){ .it_interval = { 0, 300 }, .it_value = { 0, 300 } }, NULL);
    bool equal = true;
    for (int i = 0; i < 5; i++) equal = equal && train_afresh(2) == calm;
    setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 0 } }, NULL);
    sigaction(SIGALRM, &old, NULL);
    assert_true(equal);
    assert_true(rings > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_touched),
#if defined(__SSE__)
        cmocka_unit_test(host_that_flushes_subnormals),
#endif
        cmocka_unit_test(decimal_comma),
        cmocka_unit_test(fork_after_threads),
        cmocka_unit_test(contexts_in_threads),
        cmocka_unit_test(threads_of_the_host),
        cmocka_unit_test(cancelled_from_outside),
        cmocka_unit_test(interrupted_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
