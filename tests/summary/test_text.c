/* SPDX-License-Identifier: MIT */
/* tests/summary/test_text.c: logged Markdown: strings and tables of strings, tables made into Markdown, repairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media_reader.h"

static void expect_cell(const media_value *v, int i, const char *text)
{
    assert_true(i < v->strings);
    if (v->string_size[i] != strlen(text) || memcmp(v->string[i], text, strlen(text)) != 0)
        fail_msg("got \"%.*s\", expected \"%s\"", (int)v->string_size[i], (const char *)v->string[i], text);
}

static void test_golden(void **state)
{
    (void)state;
    media_file m;
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_text(log, "t", "hi", 1), KT_OK);
    media_read(&m, log);
    assert_true(media_ends_with(&m, "26 00 00 00 00 00 00 00 73 4f e3 00 09 00 00 00 40 fc 54 d9 41 10 01 2a 19 0a 17 "
                                    "0a 01 74 42 08 "
                                    "08 07 12 00 42 02 68 69 4a 08 0a 06 0a 04 74 65 78 74 c7 7c 32 f8"));
    media_close(&m);
}

static void test_texts(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "# a\n\n* b\r\n", "\xC3\xBC \xF0\x9F\x99\x82", "a\xFFz\xE2\x82",
                                         "\xC0\x80" };
    static const char *const meant[] = { "", "# a\n\n* b\r\n", "\xC3\xBC \xF0\x9F\x99\x82",
                                         "a\xEF\xBF\xBDz\xEF\xBF\xBD", "\xEF\xBF\xBD\xEF\xBF\xBD" };
    media_file m;
    kt_events *log = media_open(&m, NULL);
    for (int i = 0; i < 5; i++) assert_int_equal(kt_events_text(log, "t", texts[i], i), KT_OK);
    static char large[300000];
    memset(large, 'x', sizeof large - 1);
    assert_int_equal(kt_events_text(log, "t", large, 5), KT_OK);
    assert_int_equal(kt_events_text(log, "t", NULL, 6), KT_ERR_VALUE);
    assert_int_equal(kt_events_text(NULL, "t", "", 6), KT_ERR_STATE);
    media_read(&m, log);
    assert_int_equal(m.count, 6);
    for (int i = 0; i < 5; i++) {
        expect_cell(&m.value[i], 0, meant[i]);
        assert_int_equal(m.value[i].rank, 0);
        assert_int_equal(m.value[i].step, i);
    }
    expect_cell(&m.value[5], 0, large);
    media_close(&m);
}

static void test_tables(void **state)
{
    (void)state;
    static const char *const cells[6] = { "a", "**b**", NULL, "\xFF", "e|e", "f\ng" };
    media_file m;
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_text_table(log, "t", cells, 2, 3, 1), KT_OK);
    assert_int_equal(kt_events_text_table(log, "t", cells, 6, 0, 2), KT_OK);
    assert_int_equal(kt_events_text_table(log, "t", NULL, 0, 3, 3), KT_OK);
    assert_int_equal(kt_events_text_table(log, "t", NULL, 1, 3, 4), KT_ERR_VALUE);
    assert_int_equal(kt_events_text_table(log, "t", cells, -1, 3, 4), KT_ERR_VALUE);
    assert_int_equal(kt_events_text_table(log, "t", cells, 1, -3, 4), KT_ERR_VALUE);
    assert_int_equal(kt_events_text_table(log, "t", cells, INT64_MAX, INT64_MAX, 4), KT_ERR_VALUE);
    assert_int_equal(kt_events_text_table(log, "t", cells, 1 << 20, 2, 4), KT_ERR_VALUE);
    assert_true(strlen(kt_events_message(log)) > 30);
    assert_int_equal(kt_events_text_table(NULL, "t", cells, 1, 3, 4), KT_ERR_STATE);
    media_read(&m, log);
    assert_int_equal(m.count, 3);
    static const char *const meant[6] = { "a", "**b**", "", "\xEF\xBF\xBD", "e|e", "f\ng" };
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < 6; i++) expect_cell(&m.value[t], i, meant[i]);
    assert_int_equal(m.value[0].rank, 2);
    assert_int_equal(m.value[0].dim[0], 2);
    assert_int_equal(m.value[0].dim[1], 3);
    assert_int_equal(m.value[1].rank, 1);
    assert_int_equal(m.value[1].dim[0], 6);
    assert_int_equal(m.value[2].dim[0], 0);
    assert_int_equal(m.value[2].strings, 0);
    media_close(&m);
}

static void expect_markdown(const char *const *cells, int64_t rows, int64_t columns, const char *expected)
{
    size_t n = kt_markdown_table(NULL, 0, cells, rows, columns);
    assert_int_equal(n, strlen(expected));
    for (size_t room = 0; room < n + 3; room++) { /* every room, and nothing behind it */
        char *out = malloc(room + 1);
        out[room] = 'x';
        assert_int_equal(kt_markdown_table(out, room, cells, rows, columns), n);
        assert_int_equal(out[room], 'x');
        if (room > 0) {
            size_t kept = n < room ? n : room - 1;
            assert_memory_equal(out, expected, kept);
            assert_int_equal(out[kept], '\0');
        }
        free(out);
    }
}

static void test_markdown(void **state)
{
    (void)state;
    static const char *const cells[6] = { "name", "value", "a|b", "1\n2\r\n3\r", NULL, "`x||y`" };
    static const char *const table = "| name | value |\n| --- | --- |\n| a\\|b | 1<br>2<br>3<br> |\n|  | `x||y` |\n";
    expect_markdown(cells, 3, 2, table);
    static const char *const odd[][2] = {
        { "a\\|b", "a\\|b" },         { "a\\\\|b", "a\\\\\\|b" },
        { "end\\", "end\\" },         { "a\\\n", "a\\<br>" },
        { "a`b", "a\\`b" },           { "``a`|", "\\`\\`a\\`\\|" },
        { "\\`a|`b`", "\\`a\\|`b`" }, { "``a`|\r\nb``|", "``a`|  b``\\|" },
        { "`|`|`", "`|`\\|\\`" },     { "`a\\`|", "`a\\`\\|" },
        { "`a``|", "\\`a\\`\\`\\|" },
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "| %s |\n| --- |\n", odd[i][1]);
        expect_markdown(odd[i], 1, 1, expected);
    }
    expect_markdown(cells, 1, 1, "| name |\n| --- |\n");
    expect_markdown(cells, 0, 2, "");
    expect_markdown(cells, 2, 0, "");
    expect_markdown(cells, -1, -1, "");
    expect_markdown(NULL, 1, 1, "");

    media_file m;
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_markdown_table(log, "t", cells, 3, 2, 1), KT_OK);
    assert_int_equal(kt_events_markdown_table(log, "t", cells, 0, 2, 2), KT_ERR_VALUE);
    assert_int_equal(kt_events_markdown_table(log, "t", cells, 1, 0, 2), KT_ERR_VALUE);
    assert_int_equal(kt_events_markdown_table(log, "t", cells, INT64_MAX, 2, 2), KT_ERR_VALUE);
    assert_int_equal(kt_events_markdown_table(log, "t", NULL, 1, 2, 2), KT_ERR_VALUE);
    assert_int_equal(kt_events_markdown_table(NULL, "t", cells, 3, 2, 1), KT_ERR_STATE);
    media_read(&m, log);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.value[0].rank, 0);
    expect_cell(&m.value[0], 0, table);
    media_close(&m);
}

/* The n-th request for memory fails, for every n; broken UTF-8 makes the most requests. */
static void test_memory(void **state)
{
    (void)state;
    static const char *const cells[2] = { "\xFF", "a" };
    for (int kind = 0; kind < 3; kind++) {
        kt_status status = KT_ERR_MEMORY;
        for (int64_t n = 1; status != KT_OK; n++) {
            media_heap heap = { 0 };
            media_file m;
            kt_events *log = media_open(&m, &heap);
            int64_t held = heap.held;
            heap.fail_at = heap.requests + n;
            status = kind == 0   ? kt_events_text(log, "t", cells[0], 1)
                     : kind == 1 ? kt_events_text_table(log, "t", cells, 2, 1, 1)
                                 : kt_events_markdown_table(log, "t", cells, 2, 1, 1);
            if (status != KT_OK) {
                assert_int_equal(status, KT_ERR_MEMORY);
                assert_int_equal(heap.held, held);
            }
            heap.fail_at = 0;
            media_read(&m, log);
            assert_int_equal(heap.held, 0);
            assert_int_equal(m.count, status == KT_OK ? 1 : 0);
            media_close(&m);
            assert_true(n < 50);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_texts),  cmocka_unit_test(test_tables),
        cmocka_unit_test(test_markdown), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
