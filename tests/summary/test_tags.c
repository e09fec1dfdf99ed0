/* SPDX-License-Identifier: MIT */
/* tests/summary/test_tags.c: UTF-8 checked and repaired as Python's and the browsers' decoders do
 * it, and the table of tags at every size, with its memory failing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "summary/tags.h"
#include "base/utf8.h"

#define BAD "\xEF\xBF\xBD"

static void repaired(const char *text, const char *expected)
{
    char out[64];
    size_t n = kt_utf8_repair(out, text, strlen(text));
    out[n] = '\0';
    assert_string_equal(out, expected);
    assert_int_equal(kt_utf8_valid(text, strlen(text)), strcmp(text, expected) == 0);
    assert_true(kt_utf8_valid(out, n));
}

static void test_utf8(void **state)
{
    (void)state;
    repaired("plain/ascii", "plain/ascii");
    repaired("Fehler/\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80",
             "Fehler/\xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80");
    repaired("\xC2\x80 \xE0\xA0\x80 \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF",
             "\xC2\x80 \xE0\xA0\x80 \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF");
    repaired("a\xFF"
             "b",
             "a" BAD "b");
    repaired("\x80\xBF", BAD BAD);
    repaired("\xC3", BAD);     /* cut at the end */
    repaired("\xE2\x82", BAD); /* one piece, one mark */
    repaired("\xE2\x82x", BAD "x");
    repaired("\xC0\xAF", BAD BAD); /* overlong */
    repaired("\xE0\x80\xAF", BAD BAD BAD);
    repaired("\xED\xA0\x80", BAD BAD BAD);         /* a surrogate */
    repaired("\xF4\x90\x80\x80", BAD BAD BAD BAD); /* above U+10FFFF */
    repaired("\xF0\x9F\x98\xC3\xBC", BAD "\xC3\xBC");
}

static void *allocate(size_t bytes, void *user)
{
    int *left = user;
    return (*left)-- > 0 ? malloc(bytes) : NULL;
}

static void release(void *block, void *user)
{
    (void)user;
    free(block);
}

static void test_table(void **state)
{
    (void)state;
    int left = 1000000;
    kt_allocator allocator = { allocate, NULL, release, &left };
    kt_tags tags = { .table = NULL };
    assert_null(kt_tags_find(&tags, "a", 1));
    int held = 0;
    kt_tag *first = NULL;
    for (int i = 0; i < 70000; i++) {
        char tag[32];
        size_t n = (size_t)snprintf(tag, sizeof tag, "layer/%d", i);
        assert_null(kt_tags_find(&tags, tag, n));
        kt_tag *added = kt_tags_add(&tags, tag, n, i % 2 ? KT_KIND_HISTOGRAM : KT_KIND_SCALAR, &allocator);
        if (added) held++;
        if (i == 0) first = added;
    }
    assert_int_equal(held, 65536); /* a bound, and no crash beyond it */
    assert_ptr_equal(first, kt_tags_find(&tags, "layer/0", 7)); /* it has not moved */
    for (int i = 0; i < 65536; i++) {
        char tag[32];
        size_t n = (size_t)snprintf(tag, sizeof tag, "layer/%d", i);
        kt_tag *found = kt_tags_find(&tags, tag, n);
        assert_non_null(found);
        assert_string_equal(found->text, tag);
        assert_int_equal(found->size, n);
        assert_int_equal(found->kind, i % 2 ? KT_KIND_HISTOGRAM : KT_KIND_SCALAR);
        assert_true((found->form.size > 0) == (i % 2 == 0));
    }
    kt_tags_free(&tags, &allocator);
}

static void test_table_without_memory(void **state)
{
    (void)state;
    for (int allowed = 0; allowed < 40; allowed++) {
        int left = allowed;
        kt_allocator allocator = { allocate, NULL, release, &left };
        kt_tags tags = { .table = NULL };
        size_t added = 0;
        for (int i = 0; i < 200; i++)
            added += kt_tags_add(&tags, (char *)&i, sizeof i, KT_KIND_SCALAR, &allocator) != NULL;
        /* one allocation for the table, another for a larger one when it is half full with 32 */
        assert_int_equal(added, allowed == 0 ? 0 : allowed <= 33 ? allowed - 1 : allowed - 2);
        assert_int_equal(added, tags.table ? kt_tags_table(&tags)->count : 0);
        kt_tags_free(&tags, &allocator);
    }
}

/* The note of an address helps while the text there is the same, and only then. */
static void test_recent(void **state)
{
    (void)state;
    int left = 100;
    kt_allocator allocator = { allocate, NULL, release, &left };
    kt_tags tags = { .table = NULL };
    char text[] = "loss";
    assert_null(kt_tags_recent(&tags, text));
    kt_tag *loss = kt_tags_add(&tags, text, 4, KT_KIND_SCALAR, &allocator);
    *kt_tags_note(&tags, text) = loss;
    assert_ptr_equal(kt_tags_recent(&tags, text), loss);
    text[3] = 't';
    assert_null(kt_tags_recent(&tags, text));
    text[3] = '\0';
    assert_null(kt_tags_recent(&tags, text));
    kt_tags_free(&tags, &allocator);
}

/* Every byte and the length take part in the hash. */
static void test_hash(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        char tag[40] = { 0 };
        uint64_t before = kt_tags_hash(tag, n);
        assert_true(before != kt_tags_hash(tag, n - 1));
        for (size_t i = 0; i < n; i++) {
            tag[i] = 1;
            assert_true(kt_tags_hash(tag, n) != before);
            tag[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_without_memory),
        cmocka_unit_test(test_recent),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("summary/tags", tests, NULL, NULL);
}
