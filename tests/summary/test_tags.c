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
#include "summary/utf8.h"

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
    int left = 1000;
    kt_allocator allocator = { allocate, NULL, release, &left };
    kt_tags tags = { 0 };
    assert_null(kt_tags_find(&tags, kt_tags_hash("a", 1)));
    int held = 0;
    for (int i = 0; i < 70000; i++) {
        char tag[32];
        int n = snprintf(tag, sizeof tag, "layer/%d", i);
        uint64_t hash = kt_tags_hash(tag, (size_t)n);
        assert_null(kt_tags_find(&tags, hash));
        kt_tag *added =
            kt_tags_add(&tags, hash, i % 2 ? KT_KIND_HISTOGRAM : KT_KIND_SCALAR, &allocator);
        if (added) held++;
    }
    assert_int_equal(held, 65536); /* a bound, and no crash beyond it */
    for (int i = 0; i < 65536; i++) {
        char tag[32];
        int n = snprintf(tag, sizeof tag, "layer/%d", i);
        kt_tag *found = kt_tags_find(&tags, kt_tags_hash(tag, (size_t)n));
        assert_non_null(found);
        assert_int_equal(found->kind, i % 2 ? KT_KIND_HISTOGRAM : KT_KIND_SCALAR);
    }
    free(tags.places);
}

static void test_table_without_memory(void **state)
{
    (void)state;
    for (int allowed = 0; allowed < 3; allowed++) {
        int left = allowed;
        kt_allocator allocator = { allocate, NULL, release, &left };
        kt_tags tags = { 0 };
        for (int i = 0; i < 200; i++)
            kt_tags_add(&tags, kt_tags_hash((char *)&i, sizeof i), KT_KIND_SCALAR, &allocator);
        assert_int_equal(tags.count, allowed == 0 ? 0 : 32 << (allowed - 1));
        free(tags.places);
    }
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
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("summary/tags", tests, NULL, NULL);
}
