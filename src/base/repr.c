/* SPDX-License-Identifier: MIT */
/* base/repr.c: shortest digits by exact arithmetic.
 *
 * The digits are generated as Steele and White do ("How to Print Floating-Point Numbers Accurately", 1990), with the
 * integers of Dragon4: value = r / s, and half the distances to the neighbours below and above are low / s and
 * high / s. Digits leave r * 10 / s one by one until the rest lies within a half distance, where every continuation
 * would read back as this value. Bounds count as within when the mantissa is even, since reading rounds half to even.
 * The largest integer is 2^53 * 10^324 * 10, of 1,135 bits. Slow, some microseconds, and right without a table.
 */
#include "base/repr.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>


/* ---- Whole numbers of up to 1,280 bits --------------------------------------------------------- */

enum { BIG_WORDS = 40 };

typedef struct big {
    uint32_t word[BIG_WORDS]; /* the lowest first */
} big;

static void big_times(big *a, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < BIG_WORDS; i++) {
        carry += (uint64_t)a->word[i] * factor;
        a->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void big_shift(big *a, int bits)
{
    for (; bits > 30; bits -= 30) big_times(a, 1u << 30);
    big_times(a, 1u << bits);
}

static void big_times_ten(big *a, int power)
{
    for (; power > 9; power -= 9) big_times(a, 1000000000u);
    for (; power > 0; power--) big_times(a, 10);
}

static big big_sum(const big *a, const big *b)
{
    big sum;
    uint64_t carry = 0;
    for (int i = 0; i < BIG_WORDS; i++) {
        carry += (uint64_t)a->word[i] + b->word[i];
        sum.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return sum;
}

static void big_subtract(big *a, const big *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < BIG_WORDS; i++) {
        uint64_t difference = (uint64_t)a->word[i] - b->word[i] - borrow;
        a->word[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
}

static int big_compare(const big *a, const big *b)
{
    for (int i = BIG_WORDS; i-- > 0;)
        if (a->word[i] != b->word[i]) return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

/* ---- Digits ------------------------------------------------------------------------------------ */

/* The digits of a finite value above 0, at most 17; value = 0.d1d2d3... * 10^*point. Returns how many. */
static int repr_digits(double value, char digits[17], int *point)
{
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(value, &exponent), 53); /* value = mantissa * 2^exponent */
    exponent -= 53;
    if (exponent < -1074) { /* a subnormal number: its neighbours lie 2^-1074 apart */
        mantissa >>= -1074 - exponent;
        exponent = -1074;
    }
    bool even = mantissa % 2 == 0, narrow = mantissa == (uint64_t)1 << 52 && exponent > -1074;

    big r = { { (uint32_t)mantissa, (uint32_t)(mantissa >> 32) } }, s = { { 1 } }, low = { { 1 } }, high;
    int up = 1 + narrow; /* below a power of two the neighbour is half as far */
    big_shift(&r, up + (exponent > 0 ? exponent : 0));
    big_shift(&s, up + (exponent < 0 ? -exponent : 0));
    big_shift(&low, exponent > 0 ? exponent : 0);
    high = low;
    if (narrow) big_shift(&high, 1);

    int k = (int)ceil(log10(value) - 1e-9); /* the true one, or one less */
    if (k > 0) big_times_ten(&s, k);
    if (k < 0) {
        big_times_ten(&r, -k);
        big_times_ten(&low, -k);
        big_times_ten(&high, -k);
    }
    big above = big_sum(&r, &high);
    if (big_compare(&above, &s) >= (even ? 0 : 1)) k++;
    else {
        big_times(&r, 10);
        big_times(&low, 10);
        big_times(&high, 10);
    }
    *point = k;

    for (int n = 0;; n++) {
        int digit = 0;
        for (; big_compare(&r, &s) >= 0; digit++) big_subtract(&r, &s);
        above = big_sum(&r, &high);
        bool may_end_low = big_compare(&r, &low) < (even ? 1 : 0);
        bool may_end_high = big_compare(&above, &s) >= (even ? 0 : 1);
        if (may_end_low || may_end_high || n == 16) {
            big twice = big_sum(&r, &r);
            bool nearer_high = big_compare(&twice, &s) > 0 || (big_compare(&twice, &s) == 0 && digit % 2 == 1);
            digits[n] = (char)('0' + digit + (may_end_high && (!may_end_low || nearer_high)));
            return n + 1;
        }
        digits[n] = (char)('0' + digit);
        big_times(&r, 10);
        big_times(&low, 10);
        big_times(&high, 10);
    }
}

static char *repr_copy(char *to, const char *text, size_t n)
{
    memcpy(to, text, n);
    return to + n;
}

static char *repr_zeros(char *to, int n)
{
    for (; n > 0; n--) *to++ = '0';
    return to;
}

size_t kt_repr_int(int64_t value, char out[KT_REPR_BYTES])
{
    char digits[20], *to = out;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int n = 0;
    do digits[n++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0) *to++ = '-';
    while (n > 0) *to++ = digits[--n];
    *to = '\0';
    return (size_t)(to - out);
}

size_t kt_repr_double(double value, char out[KT_REPR_BYTES])
{
    char digits[17], *to = out;
    int point = 1, n = 1;
    if (signbit(value) && !isnan(value)) *to++ = '-';
    if (!isfinite(value)) {
        to = repr_copy(to, isnan(value) ? "nan" : "inf", 3);
        *to = '\0';
        return (size_t)(to - out);
    }
    digits[0] = '0';
    if (value != 0) n = repr_digits(fabs(value), digits, &point);

    if (point > 16 || point < -3) {
        *to++ = digits[0];
        if (n > 1) {
            *to++ = '.';
            to = repr_copy(to, digits + 1, (size_t)n - 1);
        }
        int power = point - 1;
        *to++ = 'e';
        *to++ = power < 0 ? '-' : '+';
        if (power > -10 && power < 10) *to++ = '0';
        char number[KT_REPR_BYTES];
        to = repr_copy(to, number, kt_repr_int(power < 0 ? -power : power, number));
    } else if (point <= 0) {
        to = repr_copy(to, "0.", 2);
        to = repr_zeros(to, -point);
        to = repr_copy(to, digits, (size_t)n);
    } else {
        int whole = n < point ? n : point;
        to = repr_copy(to, digits, (size_t)whole);
        to = repr_zeros(to, point - whole);
        *to++ = '.';
        if (n > whole) to = repr_copy(to, digits + whole, (size_t)(n - whole));
        else *to++ = '0';
    }
    *to = '\0';
    return (size_t)(to - out);
}
