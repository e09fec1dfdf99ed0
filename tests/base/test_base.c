/* SPDX-License-Identifier: MIT */
/* test_base.c: memory (counted, bounded, aligned), text (cut, nearest, numbers in any locale), Philox's published values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/philox.h"
#include "base/text.h"

static void memory_is_counted(void **state)
{
    (void)state;
    kt_heap heap;
    kt_heap_init(&heap, NULL);
    char *a = kt_heap_take(&heap, 100), *b = kt_heap_take_aligned(&heap, 1000);
    assert_int_equal((uintptr_t)b % 64, 0);
    assert_true(heap.bytes >= 1100 && heap.allocations == 2);
    a = kt_heap_resize(&heap, a, 200);
    memset(a, 1, 200);
    memset(b, 1, 1000);
    kt_heap_give(&heap, a);
    kt_heap_give_aligned(&heap, b);
    kt_heap_give(&heap, NULL);
    assert_int_equal(heap.bytes, 0);
    assert_true(heap.peak >= 1200);
    assert_null(kt_heap_take(&heap, SIZE_MAX));
    assert_null(kt_heap_zeroed(&heap, SIZE_MAX / 2, 3));
    size_t out = 7;
    assert_false(kt_mul_size(SIZE_MAX, 2, &out) || kt_add_size(SIZE_MAX, 1, &out));
    assert_int_equal(out, 7);
    int64_t whole;
    assert_false(kt_mul_int64(INT64_MAX, 2, &whole) || kt_mul_int64(-1, 2, &whole));
    assert_true(kt_mul_int64(0, INT64_MAX, &whole) && whole == 0);
}

static void arenas_are_used_again(void **state)
{
    (void)state;
    kt_heap heap;
    kt_heap_init(&heap, NULL);
    kt_arena arena;
    kt_arena_init(&arena, &heap, 256);
    uint64_t allocations = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 600; n += 37) {
            unsigned char *at = kt_arena_take(&arena, n), *line = kt_arena_take_aligned(&arena, n);
            assert_int_equal((uintptr_t)at % 16, 0);
            assert_int_equal((uintptr_t)line % 64, 0);
            memset(at, (int)n, n);
            memset(line, (int)n + 1, n);
            assert_int_equal(at[n - 1], (unsigned char)n);
        }
        if (round == 0) allocations = heap.allocations;
        kt_arena_clear(&arena);
    }
    assert_int_equal(heap.allocations, allocations);
    assert_null(kt_arena_zeroed(&arena, SIZE_MAX, 2));
    kt_arena_free(&arena);
    assert_int_equal(heap.bytes, 0);
}

static void text_is_cut_at_whole_characters(void **state)
{
    (void)state;
    char buffer[8];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    kt_text_add(&text, "%s", "abcdef\xC3\xA9"); /* the last character has two bytes, one would fit */
    assert_string_equal(buffer, "abcdef");
    kt_text_add(&text, "gh");
    assert_true(strlen(buffer) < sizeof buffer);
    char dims[32];
    kt_text shape = kt_text_in(dims, sizeof dims);
    kt_text_dims(&shape, (const int64_t[]){ -1, 28, 3 }, 3);
    assert_string_equal(dims, "(None, 28, 3)");
}

static void names_that_were_meant(void **state)
{
    (void)state;
    const char *const names[] = { "relu", "sigmoid", "softmax", "mse", NULL };
    assert_string_equal(kt_nearest("sigmoyd", names), "sigmoid");
    assert_string_equal(kt_nearest("ReLu", names), "relu");
    assert_string_equal(kt_nearest("softmx", names), "softmax");
    assert_null(kt_nearest("transformer", names));
    assert_null(kt_nearest(NULL, names));
    const char *const pairs[][2] = { { "Conv2D", "conv2d" }, { "LSTM", "lstm" }, { "Dense", "dense" }, { "MyLayer", "my_layer" },
                                     { "GlobalAveragePooling2D", "global_average_pooling2d" }, { "my_Metric", "my__metric" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char snake[64];
        kt_snake_case(pairs[i][0], snake, sizeof snake);
        assert_string_equal(snake, pairs[i][1]);
    }
}

static double parsed(const char *text)
{
    double value = -77;
    const char *end = kt_parse_double(text, text + strlen(text), &value);
    return end && !*end ? value : -77;
}

static void numbers_in_any_locale(void **state)
{
    (void)state;
    const char *const texts[] = { "0", "-0", "1", "-1.5", ".5", "5.", "1e3", "1E-3", "123456789012345", "0.1", "1e22", "1e-22",
                                  "3.4028235e38", "2.2250738585072014e-308", "0.000001234", "1e-320" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double truth = strtod(texts[i], NULL), got = parsed(texts[i]);
        assert_true(fabs(got - truth) <= fabs(truth) * 3e-16 + 5e-324);
        assert_int_equal(signbit(got) != 0, signbit(truth) != 0);
    }
    assert_true(parsed("0.1") == 0.1 && parsed("123.456") == 123.456 && parsed("1e22") == 1e22);
    assert_true(isinf(parsed("1e999")) && parsed("-1e-999") == 0);
    assert_true(isnan(parsed("NaN")) && isinf(parsed("-Infinity")) && isinf(parsed("inf")));
    const char *const none[] = { "", "-", "e5", ".", "abc", "+-1" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        double value;
        assert_null(kt_parse_double(none[i], none[i] + strlen(none[i]), &value));
    }
    double value;
    const char *text = "1.5,2";
    assert_ptr_equal(kt_parse_double(text, text + 5, &value), text + 3);
    assert_true(parsed("1e+") == -77 && parsed("12x") == -77);
}

/* Known answers of the Random123 distribution. */
static void philox_is_philox(void **state)
{
    (void)state;
    kt_philox zeros = kt_philox_block(0, 0, 0, 0);
    const uint32_t expected[4] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
    assert_memory_equal(zeros.word, expected, sizeof expected);
    kt_philox ones = kt_philox_block(UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX);
    const uint32_t all[4] = { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd };
    assert_memory_equal(ones.word, all, sizeof all);
    for (uint64_t i = 0; i < 1000; i++) {
        double u = kt_philox_uniform(1, 2, 3, i);
        assert_true(u >= 0 && u < 1 && (double)(float)u == u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_counted),
        cmocka_unit_test(arenas_are_used_again),
        cmocka_unit_test(text_is_cut_at_whole_characters),
        cmocka_unit_test(names_that_were_meant),
        cmocka_unit_test(numbers_in_any_locale),
        cmocka_unit_test(philox_is_philox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
