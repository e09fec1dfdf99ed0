/* SPDX-License-Identifier: MIT */
/* tests/summary/test_crc32c.c: the checksum against its published values, and its two forms against
 * each other at every length and alignment that a loop could get wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "summary/crc32c.h"

typedef uint32_t crc_function(const void *bytes, size_t n);

static void published(crc_function *crc)
{
    unsigned char bytes[48];
    assert_int_equal(crc("", 0), 0);
    assert_int_equal(crc("123456789", 9), 0xE3069283u);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc(bytes, 32), 0x8A9136AAu);
    assert_int_equal(crc(bytes, 8), 0x8C28B28Au);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(crc(bytes, 32), 0x62A8AB43u);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
    assert_int_equal(crc(bytes, 32), 0x46DD794Eu);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(crc(bytes, 32), 0x113FDB5Cu);
}

static void test_published(void **state)
{
    (void)state;
    published(kt_crc32c);
    published(kt_crc32c_portable);
}

static void test_masked(void **state)
{
    (void)state;
    const unsigned char length[8] = { 24 };
    assert_int_equal(kt_crc32c_mask(0), 0xA282EAD8u);
    assert_int_equal(kt_crc32c_mask(kt_crc32c("123456789", 9)), 0xC78AB0E5u);
    assert_int_equal(kt_crc32c_mask(kt_crc32c(length, 8)), 0x224B7FA3u);
    assert_int_equal(kt_crc32c_mask(kt_crc32c("\x1a\x11"
                                              "CRC test, one two",
                                              19)),
                     0x5794D08Au);
}

static void test_both_forms(void **state)
{
    (void)state;
    unsigned char bytes[300];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
    for (size_t start = 0; start < 9; start++)
        for (size_t n = 0; n + start <= sizeof bytes; n++) {
            uint32_t bitwise = 0xFFFFFFFFu;
            for (size_t i = 0; i < n; i++) {
                bitwise ^= bytes[start + i];
                for (int b = 0; b < 8; b++)
                    bitwise = bitwise & 1 ? bitwise >> 1 ^ 0x82F63B78u : bitwise >> 1;
            }
            assert_int_equal(kt_crc32c_portable(bytes + start, n), ~bitwise);
            assert_int_equal(kt_crc32c(bytes + start, n), ~bitwise);
        }
}

/* Every size of every piece, against the sum of the bytes. */
static void test_pieces(void **state)
{
    (void)state;
    unsigned char bytes[128], form[128] = { 0 };
    uint32_t seed = 7;
    for (size_t head = 8; head <= 16; head++)
        for (size_t before = 0; before < 40; before++)
            for (size_t behind = 0; behind < 20; behind++) {
                size_t n = head + before + 4 + behind;
                for (size_t i = 0; i < n; i++)
                    bytes[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
                memset(form, 0xEE, sizeof form); /* what stands behind a piece does not count */
                memcpy(form, bytes + head, before);
                memcpy(form + 64, bytes + head + before + 4, behind);
                kt_crc32c_pieces p = { .head_size = head, .before = form, .behind = form + 64,
                                       .before_size = before, .behind_size = behind };
                for (size_t i = 0; i < head; i++) p.head[i / 8] |= (uint64_t)bytes[i] << (8 * (i % 8));
                for (size_t i = 0; i < 4; i++) p.number |= (uint32_t)bytes[head + before + i] << (8 * i);
                assert_int_equal(kt_crc32c_of_pieces(&p, bytes, n), kt_crc32c_portable(bytes, n));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests_name("summary/crc32c", tests, NULL, NULL);
}
