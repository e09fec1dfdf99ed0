/* SPDX-License-Identifier: MIT */
/* tests/data/test_dataset.c: batches: order, position, prefetching, the caller's own. */
#define _GNU_SOURCE 1

#include "testing.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/philox.h"
#include "data/batcher.h"

#if defined(__SANITIZE_THREAD__)
#define KT_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KT_TEST_TSAN 1
#endif
#endif

enum { ROWS = 103, COLUMNS = 10 };
static float x_data[ROWS * COLUMNS], weight_data[ROWS];
static int64_t y_data[ROWS];

static int fill_data(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS * COLUMNS; i++) x_data[i] = (float)i;
    for (int i = 0; i < ROWS; i++) {
        y_data[i] = 1000 + i;
        weight_data[i] = (float)i / 2;
    }
    return 0;
}

static kt_array x_array(void) { return kt_floats(x_data, ROWS, COLUMNS); }
static kt_array y_array(void) { return kt_array_of(y_data, KT_INT64, KT_SHAPE(ROWS)); }
static kt_array w_array(void) { return kt_floats(weight_data, ROWS, 1); }

/* Row numbers of the batch, after checking that x, y and weight belong together. */
static void rows_of(const kt_host_batch *b, int64_t *rows)
{
    assert_true(b->x.rank == 2 && b->x.dim[1] == COLUMNS && b->y.rank == 1 && b->y.dim[0] == b->x.dim[0]);
    assert_true(b->y.dtype == KT_INT64 && b->sample_weight.dim[0] == b->x.dim[0]);
    for (int64_t i = 0; i < b->x.dim[0]; i++) {
        rows[i] = ((const int64_t *)b->y.data)[i] - 1000;
        assert_true(((const float *)b->sample_weight.data)[i] == (float)rows[i] / 2);
        assert_memory_equal((const float *)b->x.data + i * COLUMNS, x_data + rows[i] * COLUMNS,
                            COLUMNS * sizeof(float));
    }
}

static int64_t next(kt_dataset *data, int64_t *rows)
{
    kt_host_batch b;
    assert_int_equal(kt_dataset_next(data, &b), KT_OK);
    if (!b.x.data) return 0;
    rows_of(&b, rows);
    return b.x.dim[0];
}

static void test_in_order(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_dataset *data = kt_dataset_new(kt, x_array(), y_array(), w_array());
    assert_non_null(data);
    assert_int_equal(kt_dataset_batches(data), 4);
    long long requests = memory.requests;
    int64_t rows[32];
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int i = 0; i < 4; i++) {
            kt_host_batch b;
            assert_int_equal(kt_dataset_next(data, &b), KT_OK);
            assert_int_equal(b.index, i);
            assert_int_equal(b.x.dim[0], i == 3 ? 7 : 32);
            assert_ptr_equal(b.x.data, x_data + i * 32 * COLUMNS); /* not copied */
            rows_of(&b, rows);
            assert_int_equal(rows[0], i * 32);
        }
        assert_int_equal(next(data, rows), 0);
    }
    assert_int_equal(memory.requests, requests);
    kt_dataset_free(data);
    kt_dataset_free(NULL);
    data = kt_dataset_new(kt, x_array(), .batch_size = 50, .drop_remainder = true);
    assert_int_equal(kt_dataset_batches(data), 2);
    kt_host_batch b;
    assert_int_equal(kt_dataset_next(data, &b), KT_OK);
    assert_null(b.y.data);
    assert_null(b.sample_weight.data);
    data = kt_dataset_new(kt, x_array(), .batch_size = INT64_MAX);
    assert_int_equal(kt_dataset_batches(data), 1);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

/* One epoch's rows in the order given out. */
static void epoch_rows(kt_dataset *data, int64_t *all)
{
    int64_t at = 0, n, rows[32];
    while ((n = next(data, rows)) > 0) {
        memcpy(all + at, rows, (size_t)n * sizeof *rows);
        at += n;
    }
    assert_int_equal(at, ROWS);
}

static void test_shuffled(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_dataset *data = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .seed = 5);
    kt_dataset *same = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .seed = 5, .batch_size = 7);
    kt_dataset *other = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .seed = 6);
    long long requests = memory.requests;
    int64_t a[ROWS], b[ROWS], before[ROWS] = { 0 };
    for (int epoch = 0; epoch < 3; epoch++) {
        epoch_rows(data, a);
        epoch_rows(same, b);
        assert_memory_equal(a, b, sizeof a); /* the order does not depend on the batches */
        epoch_rows(other, b);
        assert_memory_not_equal(a, b, sizeof a);
        assert_memory_not_equal(a, before, sizeof a);
        memcpy(before, a, sizeof a);
        char seen[ROWS] = { 0 };
        for (int i = 0; i < ROWS; i++) seen[a[i]]++;
        for (int i = 0; i < ROWS; i++) assert_int_equal(seen[i], 1);
    }
    assert_int_equal(memory.requests, requests);
    /* This order is part of every published figure and of every checkpoint. */
    static const int64_t first[8] = { 84, 92, 19, 74, 76, 53, 4, 62 };
    kt_dataset_seek(data, 0, 0);
    epoch_rows(data, a);
    assert_memory_equal(a, first, sizeof first);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

/* The definition, without haste: Philox words one by one. */
static void test_order_as_defined(void **state)
{
    (void)state;
    enum { N = 1000 };
    uint32_t row[N], expected[N];
    const uint64_t seed = 0x123456789ABCDEF0u;
    for (int64_t epoch = 0; epoch < 1 + ((int64_t)3 << 32); epoch += (int64_t)3 << 32) {
        kt_order order = { row, -1 };
        kt_order_enter(&order, seed, epoch, N);
        uint64_t word = 0;
        for (uint32_t i = 0; i < N; i++) expected[i] = i;
        for (uint32_t i = N; i > 1; i--) {
            uint64_t product;
            do product = (uint64_t)kt_philox_u32(seed, 0x6F726472u, (uint64_t)epoch, word++) * i;
            while ((uint32_t)product < (uint32_t)(((uint64_t)1 << 32) % i));
            uint32_t j = (uint32_t)(product >> 32), swap = expected[j];
            expected[j] = expected[i - 1];
            expected[i - 1] = swap;
        }
        assert_memory_equal(row, expected, sizeof row);
    }
}

/* Each row must come to each place equally often: chi-square over places of row 0 and over pairs. */
static void test_fair(void **state)
{
    (void)state;
    enum { N = 8, EPOCHS = 16000 };
    uint32_t row[N];
    kt_order order = { row, -1 };
    int at[N][N] = { { 0 } }, pairs[N][N] = { { 0 } };
    for (int e = 0; e < EPOCHS; e++) {
        kt_order_enter(&order, 99, e, N);
        for (int i = 0; i < N; i++) at[i][row[i]]++;
        pairs[row[0]][row[1]]++;
    }
    double chi = 0, chi_pairs = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double expected = EPOCHS / (double)N, expected_pairs = EPOCHS / (double)(N * (N - 1));
            chi += (at[i][j] - expected) * (at[i][j] - expected) / expected;
            if (i != j) chi_pairs += (pairs[i][j] - expected_pairs) * (pairs[i][j] - expected_pairs) / expected_pairs;
        }
    assert_true(chi < 90);        /* 49 degrees of freedom: 1 in 3000 */
    assert_true(chi_pairs < 100); /* 55 */
}

static void test_position(void **state)
{
    (void)state;
    for (int prefetch = 0; prefetch <= 3; prefetch += 3) {
        test_memory memory = { .fail_at = 0 };
        kt_context *kt = test_context(&memory);
        kt_dataset *data = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .prefetch = prefetch);
        kt_dataset *plain = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true);
        int64_t a[32], b[32], epoch, index;
        for (int step = 0; step < 300; step++) {
            int64_t n;
            if (step % 7 == 3) { /* a position saved in one, sought in the other */
                int64_t e = step % 5, i = step % 4;
                assert_int_equal(kt_dataset_seek(data, e, i), KT_OK);
                kt_dataset_tell(data, &epoch, &index);
                assert_true(epoch == e && index == i);
                assert_int_equal(kt_dataset_seek(plain, epoch, index), KT_OK);
            }
            kt_dataset_tell(data, &epoch, &index);
            n = next(data, a);
            assert_int_equal(next(plain, b), n);
            assert_memory_equal(a, b, (size_t)n * sizeof *a);
            kt_dataset_tell(plain, &epoch, NULL);
            kt_dataset_tell(data, &index, NULL);
            assert_int_equal(epoch, index);
        }
        assert_int_equal(kt_dataset_seek(data, 2, 4), KT_OK); /* the end of an epoch */
        assert_int_equal(next(data, a), 0);
        kt_dataset_tell(data, &epoch, &index);
        assert_true(epoch == 3 && index == 0);
        static const int64_t bad[3][2] = { { -1, 0 }, { 0, -1 }, { 0, 5 } };
        for (int i = 0; i < 3; i++) {
            assert_int_equal(kt_dataset_seek(data, bad[i][0], bad[i][1]), KT_ERR_VALUE);
            assert_non_null(strstr(kt_message(kt), "a batch of 0 to 4"));
            kt_clear_error(kt);
        }
        assert_int_equal(kt_dataset_seek(NULL, 0, 0), KT_ERR_VALUE);
        test_end(kt);
        assert_int_equal(memory.out, 0);
    }
}

static void test_prefetch(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_dataset *plain = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .batch_size = 5);
    for (int ahead = 1; ahead <= 40; ahead += 13) {
        kt_dataset *data =
            kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .batch_size = 5, .prefetch = ahead);
        long long requests = memory.requests;
        int64_t a[ROWS], b[ROWS];
        assert_int_equal(kt_dataset_seek(plain, 0, 0), KT_OK);
        for (int epoch = 0; epoch < 20; epoch++) {
            epoch_rows(data, a);
            epoch_rows(plain, b);
            assert_memory_equal(a, b, sizeof a);
            if (epoch == 10) usleep(2000); /* the ring is full */
        }
        assert_int_equal(memory.requests, requests);
        if (ahead != 14) kt_dataset_free(data); /* one is left to the context */
    }
    kt_dataset *unused = kt_dataset_new(kt, x_array(), .shuffle = true, .prefetch = 2);
    assert_non_null(unused); /* freed before its thread ever began */
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

/* The ring has a place for each batch made ahead and one for the consumer's, which the thread leaves alone. */
static void test_ring(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    for (int ahead = 1; ahead <= 3; ahead++) {
        kt_dataset *data =
            kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .batch_size = 5, .prefetch = ahead);
        const void *places[8];
        kt_host_batch b;
        int64_t rows[5], again[5];
        for (int i = 0; i < 8; i++) {
            assert_int_equal(kt_dataset_next(data, &b), KT_OK);
            rows_of(&b, rows);
            usleep(1000); /* time for the thread to fill all it may */
            rows_of(&b, again);
            assert_memory_equal(rows, again, sizeof rows);
            places[i] = b.x.data;
            if (i > ahead) assert_ptr_equal(places[i], places[i - ahead - 1]);
            for (int j = i > ahead ? i - ahead : 0; j < i; j++) assert_ptr_not_equal(places[i], places[j]);
        }
    }
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static volatile sig_atomic_t signals;
static pthread_t signalled;

static void on_signal(int number)
{
    (void)number;
    signals++;
    signalled = pthread_self();
}

/* The host's signal handlers run on the host's threads. */
static void test_signals_stay_with_the_host(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_dataset *data = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .prefetch = 2);
    int64_t rows[32];
    next(data, rows);
    struct sigaction action = { .sa_handler = on_signal }, before;
    sigaction(SIGUSR1, &action, &before);
    sigset_t one, old;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, &old); /* now only another thread could take it */
    kill(getpid(), SIGUSR1);
    usleep(20000);
    assert_int_equal(signals, 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert_int_equal(signals, 1);
    assert_true(pthread_equal(signalled, pthread_self()));
    sigaction(SIGUSR1, &before, NULL);
    test_end(kt);
}

static void test_fork(void **state)
{
    (void)state;
#ifdef KT_TEST_TSAN
    skip(); /* the sanitizer does not follow threads into a forked child */
#endif
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_dataset *data =
        kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .prefetch = 3, .batch_size = 5);
    kt_dataset *plain = kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .batch_size = 5);
    int64_t a[ROWS], b[ROWS];
    for (int i = 0; i < 3; i++) {
        next(data, a);
        next(plain, b);
    }
    for (int round = 0; round < 8; round++) { /* whatever the thread is doing at that moment */
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            for (int i = 0; i < 60; i++) {
                int64_t n = next(data, a);
                if (next(plain, b) != n || memcmp(a, b, (size_t)n * sizeof *a) != 0) _exit(1);
            }
            kt_dataset_free(data);
            _exit(7);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
        int64_t n = next(data, a); /* the parent's goes on */
        assert_int_equal(next(plain, b), n);
        assert_memory_equal(a, b, (size_t)n * sizeof *a);
    }
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_gather(void **state)
{
    (void)state;
    enum { MOST = 300, N = 9 };
    static unsigned char from[MOST * N], to[MOST * N + 16];
    static const uint32_t order[N] = { 3, 1, 4, 8, 5, 0, 2, 6, 7 };
    for (size_t i = 0; i < sizeof from; i++) from[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t size = 0; size <= MOST; size++) {
        memset(to, 0xEE, sizeof to);
        kt_gather_rows(to, from, size, order, N);
        for (size_t i = 0; i < N; i++) assert_memory_equal(to + i * size, from + order[i] * size, size);
        for (size_t i = 0; i < 16; i++) assert_int_equal(to[N * size + i], 0xEE);
    }
}

/* ---- the caller's own ---- */

typedef struct counter {
    float data[4];
    int64_t per_epoch, calls, epoch, index;
    int released;
    kt_status status;
    int flaw;
} counter;

static kt_status counter_batch(void *self, int64_t epoch, int64_t index, kt_host_batch *batch)
{
    counter *c = self;
    c->calls++;
    c->epoch = epoch;
    c->index = index;
    if (c->status != KT_OK) return c->status;
    if (index >= c->per_epoch) return KT_OK;
    c->data[0] = (float)(epoch * 100 + index);
    batch->x = kt_floats(c->data, 2, 2);
    if (c->flaw == 1) batch->y = kt_floats(c->data, 3);
    if (c->flaw == 2) batch->x.rank = 12;
    if (c->flaw == 3) batch->x.rank = 0;
    if (c->flaw == 4) batch->sample_weight = kt_floats(c->data, -2);
    return KT_OK;
}

static int64_t counter_count(void *self) { return ((counter *)self)->per_epoch; }
static void counter_release(void *self) { ((counter *)self)->released++; }

static void test_custom(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    counter c = { .per_epoch = 3 };
    kt_dataset_class cls = { sizeof cls, counter_batch, counter_count, counter_release };
    kt_dataset *data = kt_dataset_custom(kt, &cls, &c);
    assert_int_equal(kt_dataset_batches(data), 3);
    kt_host_batch b;
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(kt_dataset_next(data, &b), KT_OK);
            assert_true(b.index == i && ((const float *)b.x.data)[0] == (float)(epoch * 100 + i));
        }
        assert_int_equal(kt_dataset_next(data, &b), KT_OK);
        assert_null(b.x.data);
    }
    assert_int_equal(kt_dataset_seek(data, 5, 1), KT_OK);
    assert_int_equal(kt_dataset_next(data, &b), KT_OK);
    assert_true(((const float *)b.x.data)[0] == 501);
    static const kt_status expected[5] = { KT_OK, KT_ERR_SHAPE, KT_ERR_SHAPE, KT_ERR_SHAPE, KT_ERR_SHAPE };
    for (int flaw = 1; flaw < 5; flaw++) {
        c.flaw = flaw;
        assert_int_equal(kt_dataset_seek(data, 0, 0), KT_OK);
        assert_int_equal(kt_dataset_next(data, &b), expected[flaw]);
        assert_null(b.x.data);
        assert_true(strlen(kt_message(kt)) > 20);
        kt_clear_error(kt);
    }
    c.status = KT_ERR_IO;
    assert_int_equal(kt_dataset_next(data, &b), KT_ERR_IO);
    assert_non_null(strstr(kt_message(kt), "failed in epoch 0 at batch 0"));
    kt_clear_error(kt);
    assert_int_equal(c.released, 0);
    kt_dataset_free(data);
    assert_int_equal(c.released, 1);

    cls.count = NULL;
    data = kt_dataset_custom(kt, &cls, &c);
    assert_int_equal(kt_dataset_batches(data), -1);
    cls.batch = NULL;
    assert_null(kt_dataset_custom(kt, &cls, &c)); /* given all the same: released */
    assert_int_equal(c.released, 2);
    assert_int_equal(kt_error(kt), KT_ERR_VALUE);
    kt_clear_error(kt);
    assert_null(kt_dataset_custom(kt, NULL, &c));
    assert_int_equal(kt_error(kt), KT_ERR_VALUE);
    assert_null(kt_dataset_custom(NULL, &cls, &c));
    test_end(kt);
    assert_int_equal(c.released, 3);
    assert_int_equal(memory.out, 0);
}

static void refused(kt_context *kt, const kt_dataset_config *config, kt_status status, const char *part)
{
    assert_null(kt_dataset_new_with(kt, config));
    if (kt_error(kt) != status || !strstr(kt_message(kt), part)) fail_msg("%d: %s", (int)kt_error(kt), kt_message(kt));
    kt_clear_error(kt);
}

#define CONFIG(...) (&(kt_dataset_config){ .size = sizeof(kt_dataset_config), __VA_ARGS__ })

static void test_bad_configurations(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    refused(kt, NULL, KT_ERR_VALUE, "none (NULL)");
    refused(kt, &(kt_dataset_config){ .x = x_array() }, KT_ERR_VALUE, "its size");
    refused(kt, CONFIG(.y = y_array()), KT_ERR_VALUE, "expected x");
    refused(kt, CONFIG(.x = kt_array_of(x_data, KT_FLOAT32, KT_SCALAR_SHAPE)), KT_ERR_SHAPE, "got a single number");
    refused(kt, CONFIG(.x = kt_floats(x_data, 0, 10)), KT_ERR_SHAPE, "no rows");
    refused(kt, CONFIG(.x = kt_floats(x_data, -3, 10)), KT_ERR_SHAPE, "sizes of 0 or more");
    refused(kt, CONFIG(.x = kt_floats(x_data, INT64_MAX, INT64_MAX)), KT_ERR_SHAPE, "more than memory can hold");
    refused(kt, CONFIG(.x = kt_array_of(x_data, KT_DTYPE_DEFAULT, KT_SHAPE(3))), KT_ERR_DTYPE, "element type");
    refused(kt, CONFIG(.x = x_array(), .y = kt_floats(x_data, 7)), KT_ERR_SHAPE, "y has 7 rows, but x has 103");
    refused(kt, CONFIG(.x = x_array(), .sample_weight = kt_floats(x_data, 7)), KT_ERR_SHAPE,
            "sample_weight has 7 rows");
    refused(kt, CONFIG(.x = x_array(), .batch_size = -1), KT_ERR_VALUE, "batch_size of 1 or more");
    refused(kt, CONFIG(.x = x_array(), .prefetch = -1), KT_ERR_VALUE, "prefetch of 0");
    refused(kt, CONFIG(.x = x_array(), .prefetch = 1 << 30), KT_ERR_VALUE, "prefetch of 0");
    refused(kt, CONFIG(.x = x_array(), .batch_size = 200, .drop_remainder = true), KT_ERR_VALUE, "leaves no batch");
    refused(kt, CONFIG(.x = kt_floats(x_data, 5000000000), .shuffle = true), KT_ERR_UNSUPPORTED, "rows to shuffle");
    assert_null(kt_dataset_new_with(NULL, CONFIG(.x = x_array())));
    kt_host_batch b;
    assert_int_equal(kt_dataset_next(NULL, &b), KT_ERR_VALUE);
    assert_int_equal(kt_dataset_next(NULL, NULL), KT_ERR_VALUE);
    assert_int_equal(kt_dataset_batches(NULL), -1);
    /* After an error every verb gives it back, until it is cleared. */
    kt_dataset *data = kt_dataset_new(kt, x_array());
    kt_fail(kt, KT_ERR_NAN, "something else");
    assert_int_equal(kt_dataset_next(data, &b), KT_ERR_NAN);
    assert_null(b.x.data);
    assert_int_equal(kt_dataset_seek(data, 0, 0), KT_ERR_NAN);
    assert_null(kt_dataset_new(kt, x_array()));
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_short_memory(void **state)
{
    (void)state;
    for (int prefetch = 0; prefetch < 3; prefetch++)
        for (long long n = 1;; n++) {
            test_memory memory = { .fail_at = 0 };
            kt_context *kt = test_context(&memory);
            memory.fail_at = memory.requests + n;
            kt_dataset *data =
                kt_dataset_new(kt, x_array(), y_array(), w_array(), .shuffle = true, .prefetch = prefetch);
            bool reached = memory.requests >= memory.fail_at;
            int64_t rows[32];
            if (data) assert_int_equal(next(data, rows), 32);
            assert_int_equal(kt_error(kt), reached ? KT_ERR_MEMORY : KT_OK);
            assert_true((data != NULL) == !reached);
            test_end(kt);
            assert_int_equal(memory.out, 0);
            if (!reached) break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_shuffled),
        cmocka_unit_test(test_order_as_defined),
        cmocka_unit_test(test_fair),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_prefetch),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_signals_stay_with_the_host),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_custom),
        cmocka_unit_test(test_bad_configurations),
        cmocka_unit_test(test_short_memory),
    };
    return cmocka_run_group_tests(tests, fill_data, NULL);
}
