/* SPDX-License-Identifier: MIT */
/* base/text.c: see text.h. */
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

kt_text kt_text_in(char *buffer, size_t size)
{
    if (size) buffer[0] = 0;
    return (kt_text){ buffer, size, 0 };
}

void kt_text_addv(kt_text *text, const char *format, va_list args)
{
    if (!format || text->length + 1 >= text->size) return;
    int n = vsnprintf(text->at + text->length, text->size - text->length, format, args);
    if (n < 0) return;
    if ((size_t)n < text->size - text->length) {
        text->length += (size_t)n;
        return;
    }
    text->length = text->size - 1;
    while (text->length && ((unsigned char)text->at[text->length - 1] & 0xC0) == 0x80) text->length--;
    if (text->length && (unsigned char)text->at[text->length - 1] >= 0xC0) text->length--;
    text->at[text->length] = 0;
}

void kt_text_add(kt_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kt_text_addv(text, format, args);
    va_end(args);
}

void kt_text_dims(kt_text *text, const int64_t *dim, int rank)
{
    kt_text_add(text, "(");
    for (int i = 0; i < rank; i++) {
        if (i) kt_text_add(text, ", ");
        if (dim[i] < 0) kt_text_add(text, "None");
        else kt_text_add(text, "%lld", (long long)dim[i]);
    }
    kt_text_add(text, rank == 1 ? ",)" : ")");
}

/* Levenshtein distance without case, of names up to 63 letters. */
static int distance(const char *a, const char *b)
{
    int row[64];
    size_t n = strlen(b);
    if (n > 62 || strlen(a) > 62) return 99;
    for (size_t j = 0; j <= n; j++) row[j] = (int)j;
    for (size_t i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = (int)i + 1;
        for (size_t j = 0; j < n; j++) {
            int change = diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            int best = row[j] < row[j + 1] ? row[j] + 1 : row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < best ? change : best;
        }
    }
    return row[n];
}

const char *kt_nearest(const char *given, const char *const *names)
{
    const char *best = NULL;
    int least = 99;
    for (; given && *names; names++) {
        int d = distance(given, *names);
        if (d < least) least = d, best = *names;
    }
    size_t length = given ? strlen(given) : 0;
    return best && least <= (length < 4 ? 1 : (int)length / 3 + 1) ? best : NULL;
}

void kt_snake_case(const char *camel, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; camel[i] && n + 2 < size; i++) {
        unsigned char c = (unsigned char)camel[i], before = i ? (unsigned char)camel[i - 1] : 0;
        unsigned char after = (unsigned char)camel[i + 1];
        bool starts_run = i && isupper(c) && islower(after);
        bool lower_to_upper = i && isupper(c) && islower(before);
        if (starts_run || lower_to_upper) to[n++] = '_';
        to[n++] = (char)tolower(c);
    }
    if (size) to[n < size ? n : size - 1] = 0;
}

static bool word(const char **at, const char *end, const char *lower)
{
    size_t n = strlen(lower);
    if ((size_t)(end - *at) < n) return false;
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)(*at)[i]) != lower[i]) return false;
    *at += n;
    return true;
}

/* digits x 10^exponent. Powers up to 22 are exact doubles, so that one rounding is all there is for ordinary data. */
static double scaled(double digits, int64_t exponent)
{
    static const double power[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    if (digits == 0 || exponent == 0) return digits;
    if (exponent > 400) return (double)INFINITY;
    if (exponent < -400) return 0;
    if (exponent > 0) return exponent <= 22 ? digits * power[exponent] : digits * pow(10, (double)exponent);
    if (exponent >= -22) return digits / power[-exponent];
    if (exponent < -300) return digits / pow(10, 300) / pow(10, (double)(-exponent - 300));
    return digits / pow(10, (double)-exponent);
}

/* Digits are gathered into a 19-digit integer and a power of ten; the result is within one unit in the last place of the
 * double that is nearest, and exact for up to 15 digits and |exponent| <= 22, which covers float32 data. */
const char *kt_parse_double(const char *at, const char *end, double *value)
{
    bool negative = false;
    if (at < end && (*at == '-' || *at == '+')) negative = *at++ == '-';
    double v;
    if (word(&at, end, "infinity") || word(&at, end, "inf")) v = (double)INFINITY;
    else if (word(&at, end, "nan")) v = (double)NAN;
    else {
        uint64_t digits = 0;
        int64_t exponent = 0;
        int seen = 0, kept = 0;
        bool point = false;
        for (; at < end; at++) {
            if (*at == '.' && !point) {
                point = true;
                continue;
            }
            if (*at < '0' || *at > '9') break;
            seen++;
            if (kept < 19) {
                digits = digits * 10 + (uint64_t)(*at - '0');
                if (digits) kept++;
                if (point) exponent--;
            } else if (!point) exponent++;
        }
        if (!seen) return NULL;
        if (at < end && (*at == 'e' || *at == 'E')) {
            const char *mark = at++;
            bool minus = false;
            if (at < end && (*at == '-' || *at == '+')) minus = *at++ == '-';
            if (at < end && *at >= '0' && *at <= '9') {
                int64_t e = 0;
                for (; at < end && *at >= '0' && *at <= '9'; at++)
                    if (e < 100000) e = e * 10 + (*at - '0');
                exponent += minus ? -e : e;
            } else at = mark;
        }
        v = scaled((double)digits, exponent);
    }
    *value = negative ? -v : v;
    return at;
}

static uint64_t mix(uint64_t h, uint64_t k)
{
    h = (h ^ k) * 0xD6E8FEB86659FD93u;
    return h ^ (h >> 32);
}

/* Four lanes, so that the multiplications of a long key overlap. */
uint64_t kt_hash_bytes(const void *data, size_t bytes, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ (bytes * 0x9E3779B97F4A7C15u), lane[4] = { h, h + 1, h + 2, h + 3 }, k[4] = { 0 };
    for (; bytes >= 32; p += 32, bytes -= 32) {
        memcpy(k, p, 32);
        for (int i = 0; i < 4; i++) lane[i] = mix(lane[i], k[i]);
    }
    memset(k, 0, sizeof k);
    memcpy(k, p, bytes);
    for (int i = 0; i < 4; i++) h = mix(h, mix(lane[i], k[i]));
    return mix(h, h >> 29);
}
