/* SPDX-License-Identifier: MIT */
/* tests/data/test_loop.c: kt_for_each_batch over the real engine, and all the ways out of it. */
#define _GNU_SOURCE 1

#include "testing.h"

#include <keratin/ops.h>

enum { ROWS = 10 };
static float x_data[ROWS * 2], y_data[ROWS];
static const char *backend;

static kt_context *begin(test_memory *memory)
{
    for (int i = 0; i < ROWS * 2; i++) x_data[i] = (float)(i + 1);
    for (int i = 0; i < ROWS; i++) y_data[i] = (float)(100 * i);
    kt_context *kt =
        kt_context_new(.backend = backend, .allocator = { test_allocate, test_resize, test_release, memory });
    assert_non_null(kt);
    return kt;
}

static void end(kt_context *kt, const test_memory *memory)
{
    if (kt_error(kt) != KT_OK) fail_msg("%s", kt_message(kt));
    kt_context_free(kt);
    assert_int_equal(memory->out, 0);
}

static kt_dataset *batches_of(kt_context *kt, int64_t size, bool shuffle)
{
    return kt_dataset_new(kt, kt_floats(x_data, ROWS, 2), kt_floats(y_data, ROWS, 1), .batch_size = size,
                          .shuffle = shuffle);
}

/* One loop that adds up x and y in variables. */
static void test_epochs(void **state)
{
    (void)state;
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        test_memory memory = { .fail_at = 0 };
        kt_context *kt = begin(&memory);
        kt_dataset *batches = batches_of(kt, 4, shuffle);
        kt_tensor *total = kt_variable_zeros(kt, "total", KT_FLOAT32, KT_SCALAR_SHAPE);
        long long before = 0;
        for (int epoch = 0; epoch < 6; epoch++) {
            if (epoch == 2) before = memory.requests;
            int64_t passes = 0;
            kt_for_each_batch (batches, batch) {
                assert_int_equal(batch.index, passes++);
                assert_int_equal(kt_dim(batch.x, 0), passes == 3 ? 2 : 4);
                assert_int_equal(kt_dim(batch.y, 1), 1);
                assert_null(batch.sample_weight);
                kt_assign_add(total, kt_add(kt_sum(batch.x), kt_sum(batch.y)));
            }
            assert_int_equal(passes, 3);
        }
        assert_int_equal(memory.requests, before); /* a pass allocates nothing once it has been seen */
        assert_true(kt_item(total) == 6 * (210 + 4500));
        end(kt, &memory);
    }
}

/* A pass left by break: its effects come before anything else of this data set, and the next loop is a whole epoch. */
static void test_break(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        test_memory memory = { .fail_at = 0 };
        kt_context *kt = begin(&memory);
        kt_dataset *batches = batches_of(kt, 4, true), *plain = batches_of(kt, 4, true);
        kt_tensor *total = kt_variable_zeros(kt, "total", KT_FLOAT32, KT_SCALAR_SHAPE);
        kt_host_batch host;
        kt_dataset_next(plain, &host);
        kt_dataset_next(plain, &host);
        double two = 0;
        for (int i = 0; i < 4; i++) two += (double)((const float *)host.y.data)[i];
        kt_for_each_batch (batches, batch) {
            if (batch.index < 1) continue; /* ends the pass as its last line would */
            kt_assign_add(total, kt_sum(batch.y));
            break;
        }
        int64_t epoch, index, passes = 0;
        kt_dataset_tell(batches, &epoch, &index);
        assert_true(epoch == 0 && index == 2);
        if (way == 0) {
            kt_for_each_batch (batches, batch) {
                if (passes++ == 0) assert_true(kt_item(total) == two);
            }
            assert_int_equal(passes, 3);
            kt_dataset_tell(batches, &epoch, &index);
            assert_true(epoch == 2 && index == 0);
        } else if (way == 1) { /* the batch's memory is about to be used again: its pass must have run before */
            assert_int_equal(kt_dataset_next(batches, &host), KT_OK);
            assert_int_equal(host.index, 2);
            assert_true(kt_item(total) == two);
        } else if (way == 2) {
            kt_dataset_free(batches);
            assert_true(kt_item(total) == two);
        } else {
            assert_int_equal(kt_flush(kt), KT_OK); /* as kt_finish does */
            assert_true(kt_item(total) == two);
        }
        end(kt, &memory);
    }
}

static void test_seek(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = begin(&memory);
    kt_dataset *batches = batches_of(kt, 4, false);
    int64_t passes = 0;
    kt_for_each_batch (batches, batch) {
        if (passes++ == 1) break;
    }
    assert_int_equal(kt_dataset_seek(batches, 7, 1), KT_OK);
    passes = 0;
    kt_for_each_batch (batches, batch) {
        assert_int_equal(batch.index, 1 + passes++);
    }
    assert_int_equal(passes, 2);
    end(kt, &memory);
}

/* What a loop remembers of a pass left by break may by then be the memory of another scope, which must not be ended. */
static void test_scope_used_again(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = begin(&memory);
    kt_dataset *outer = batches_of(kt, 5, false), *inner = batches_of(kt, 4, false);
    kt_tensor *total = kt_variable_zeros(kt, "total", KT_FLOAT32, KT_SCALAR_SHAPE);
    kt_for_each_batch (inner, batch) break;
    kt_flush(kt);
    kt_for_each_batch (outer, batch) {
        kt_tensor *sum = kt_sum(batch.x);
        kt_for_each_batch (inner, other) {
            kt_assign_add(total, kt_sum(other.y));
            if (other.index == 1 && batch.index == 0) break; /* closed with the outer pass */
        }
        kt_assign_add(total, sum);
    }
    assert_true(kt_item(total) == 210 + 4500 + (4500 - 800 - 900));
    end(kt, &memory);
}

static void test_misuse(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = begin(&memory);
    kt_dataset *batches = batches_of(kt, 4, false);
    int64_t passes = 0;
    kt_for_each_batch (batches, batch) { /* two loops cannot share a position */
        kt_for_each_batch (batches, inner) {}
        passes++;
    }
    assert_int_equal(passes, 1);
    assert_int_equal(kt_error(kt), KT_ERR_STATE);
    assert_non_null(strstr(kt_message(kt), "make a second data set"));
    kt_clear_error(kt);
    passes = 0;
    kt_for_each_batch (batches, batch) {
        kt_fail(kt, KT_ERR_VALUE, "the program's own");
        passes++;
    }
    assert_int_equal(passes, 1);
    assert_int_equal(kt_error(kt), KT_ERR_VALUE);
    kt_clear_error(kt);
    passes = 0;
    kt_for_each_batch (batches, batch) passes++;
    assert_int_equal(passes, 3);
    kt_for_each_batch (NULL, batch) passes++;
    assert_int_equal(passes, 3);
    assert_false(kt_batch_next(NULL));
    end(kt, &memory);
}

static int on_ref(void **state)
{
    (void)state;
    backend = "ref";
    return 0;
}

static int on_offset(void **state)
{
    (void)state;
    backend = "offset"; /* addresses that the host may not read: borrowed batches are copied */
    return 0;
}

static int on_cpu(void **state)
{
    (void)state;
    backend = "cpu"; /* borrowed batches are read where they lie, so what runs too late sees another batch */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs),           cmocka_unit_test(test_break),  cmocka_unit_test(test_seek),
        cmocka_unit_test(test_scope_used_again), cmocka_unit_test(test_misuse),
    };
    int failed = cmocka_run_group_tests(tests, on_ref, NULL);
    failed += cmocka_run_group_tests(tests, on_cpu, NULL);
    return failed + cmocka_run_group_tests(tests, on_offset, NULL);
}
