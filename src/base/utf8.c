/* SPDX-License-Identifier: MIT */
/* base/utf8.c: finds where UTF-8 is broken.
 *
 * One function decides everything: how many bytes at a place make a whole character, or else how
 * many make the longest beginning of one. The range of the second byte depends on the first (that
 * excludes overlong forms, surrogates and what lies above U+10FFFF); all later bytes are 80 to BF.
 */
#include "base/utf8.h"

#include <string.h>

/* The length of the piece at `at`, at least 1; *whole says whether it is a character. */
static size_t utf8_piece(const unsigned char *at, size_t left, bool *whole)
{
    unsigned char first = at[0], low = 0x80, high = 0xBF;
    *whole = first < 0x80;
    if (first < 0xC2 || first > 0xF4) return 1;
    size_t need = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    size_t have = 1;
    while (have < need && have < left && at[have] >= low && at[have] <= high) {
        have++;
        low = 0x80;
        high = 0xBF;
    }
    *whole = have == need;
    return have;
}

bool kt_utf8_valid(const char *text, size_t n)
{
    const unsigned char *at = (const unsigned char *)text;
    for (size_t i = 0; i < n;) {
        bool whole;
        i += utf8_piece(at + i, n - i, &whole);
        if (!whole) return false;
    }
    return true;
}

size_t kt_utf8_repair(char *out, const char *text, size_t n)
{
    const unsigned char *at = (const unsigned char *)text;
    char *to = out;
    for (size_t i = 0; i < n;) {
        bool whole;
        size_t piece = utf8_piece(at + i, n - i, &whole);
        const char *from = whole ? text + i : "\xEF\xBF\xBD";
        size_t size = whole ? piece : 3;
        memcpy(to, from, size);
        to += size;
        i += piece;
    }
    return (size_t)(to - out);
}
