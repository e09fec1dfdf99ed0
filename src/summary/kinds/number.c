/* SPDX-License-Identifier: MIT */
/* summary/kinds/number.c: a float as decimal digits.
 *
 * printf writes the host's decimal point, which a locale may make a comma. So digits are made here: the value, scaled
 * by a power of ten, rounded to an integer of 6 digits, or 7, or 8, or 9 (nine always suffice for a float), the first
 * of them that reads back as the same float. Powers up to 10^22 and integers below 2^53 are exact doubles, so that
 * digits * 10^e is rounded once, exactly as a reader that goes through double does it. Where the power would be
 * larger, nine digits are taken from printf, without its decimal point.
 */
#include "number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { NUMBER_DIGITS = 9, NUMBER_POWER_MAX = 22 };

static double number_power(int exponent)
{
    double power = 1;
    for (int i = 0; i < exponent; i++) power *= 10;
    return power;
}

/* value = digits * 10^exponent. */
static double number_value(int64_t digits, int exponent)
{
    return exponent < 0 ? (double)digits / number_power(-exponent) : (double)digits * number_power(exponent);
}

/* Few digits for a positive value, if its powers of ten are exact. */
static bool number_short(float value, int64_t *digits, int *exponent)
{
    int top = (int)floor(log10((double)value)); /* may be one off: then a form has one digit more or less */
    for (int n = NUMBER_DIGITS - 3; n <= NUMBER_DIGITS + 1; n++) {
        int e = top + 1 - n;
        if (e < -NUMBER_POWER_MAX || e > NUMBER_POWER_MAX) return false;
        double scaled = e < 0 ? (double)value * number_power(-e) : (double)value / number_power(e);
        *digits = (int64_t)(scaled + 0.5);
        *exponent = e;
        if ((float)number_value(*digits, e) == value) return true;
    }
    return false;
}

/* The digits that printf gives: d.dddddddde-dd with whatever stands for the point. */
static void number_printed(float value, int64_t *digits, int *exponent)
{
    char text[48];
    snprintf(text, sizeof text, "%.*e", NUMBER_DIGITS - 1, (double)value);
    *digits = 0;
    const char *at = text;
    for (; *at && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9') *digits = *digits * 10 + (*at - '0');
    int e = 0;
    bool negative = at[0] == 'e' && at[1] == '-';
    for (; *at; at++)
        if (*at >= '0' && *at <= '9') e = e * 10 + (*at - '0');
    *exponent = (negative ? -e : e) - (NUMBER_DIGITS - 1);
}

size_t kt_number_text(char out[KT_NUMBER_ROOM], float value)
{
    int64_t digits = 0;
    int exponent = 0;
    float magnitude = fabsf(value);
    if (magnitude > 0 && !number_short(magnitude, &digits, &exponent)) number_printed(magnitude, &digits, &exponent);
    for (; digits > 0 && digits % 10 == 0; digits /= 10) exponent++;

    char text[24]; /* the digits, first one first */
    int n = 0;
    do text[n++] = (char)('0' + digits % 10);
    while ((digits /= 10) > 0);
    for (int i = 0; i < n / 2; i++) {
        char swap = text[i];
        text[i] = text[n - 1 - i];
        text[n - 1 - i] = swap;
    }

    char *to = out;
    int point = n + exponent; /* how many digits stand before the point */
    if (signbit(value)) *to++ = '-';
    if (magnitude > 0 && (point < -4 || point > 16)) { /* d.ddde-dd */
        *to++ = text[0];
        if (n > 1) *to++ = '.';
        for (int i = 1; i < n; i++) *to++ = text[i];
        int power = point - 1, size = power < 0 ? -power : power;
        *to++ = 'e', *to++ = power < 0 ? '-' : '+';
        *to++ = (char)('0' + size / 10), *to++ = (char)('0' + size % 10);
    } else if (point <= 0 && magnitude > 0) { /* 0.000ddd */
        *to++ = '0', *to++ = '.';
        for (int i = point; i < 0; i++) *to++ = '0';
        for (int i = 0; i < n; i++) *to++ = text[i];
    } else { /* ddd.ddd or ddd000 */
        for (int i = 0; i < n || i < point; i++) {
            if (i == point && i > 0) *to++ = '.';
            *to++ = i < n ? text[i] : '0';
        }
    }
    *to = '\0';
    return (size_t)(to - out);
}
