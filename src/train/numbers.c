/* SPDX-License-Identifier: MIT */
/* train/numbers.c: see numbers.h.
 *
 * The digits come from the C library; only the mark between them may differ from place to place, and is replaced. Two
 * calls within one number see the same locale unless the host changes it in another thread at that moment, in which
 * case a value is printed with more digits than needed, nothing worse.
 */
#include "train/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies a printed number; whatever stands between its digits as decimal mark becomes a point. */
static void plain(kt_text *text, const char *number)
{
    char buffer[400];
    size_t n = 0;
    bool mark = false;
    for (const char *p = number; *p && n + 1 < sizeof buffer; p++) {
        bool part = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
        if (part) mark = false;
        else if (mark) continue;
        else mark = true;
        buffer[n++] = part ? *p : '.';
    }
    buffer[n] = 0;
    kt_text_add(text, "%s", buffer);
}

static bool odd(kt_text *text, double value)
{
    if (isfinite(value)) return false;
    kt_text_add(text, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
    return true;
}

void kt_text_fixed(kt_text *text, double value, int decimals)
{
    char buffer[400];
    if (odd(text, value)) return;
    snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
    plain(text, buffer);
}

void kt_text_scientific(kt_text *text, double value, int decimals)
{
    char buffer[64];
    if (odd(text, value)) return;
    snprintf(buffer, sizeof buffer, "%.*e", decimals, value);
    plain(text, buffer);
}

void kt_text_repr(kt_text *text, double value)
{
    char buffer[64];
    if (odd(text, value)) return;
    for (int digits = 0; digits < 17; digits++) {
        snprintf(buffer, sizeof buffer, "%.*e", digits, value);
        if (strtod(buffer, NULL) == value) break;
    }
    /* d.ddddde+xx -> digits and exponent, laid out as Python does: exponents from -4 to 15 without one. */
    char digit[32];
    size_t n = 0;
    const char *p = buffer;
    for (; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9' && n < sizeof digit - 1) digit[n++] = *p;
    digit[n] = 0;
    int exponent = *p ? atoi(p + 1) : 0;
    if (signbit(value)) kt_text_add(text, "-");
    if (exponent < -4 || exponent >= 16) {
        kt_text_add(text, "%c", digit[0]);
        if (n > 1) kt_text_add(text, ".%s", digit + 1);
        kt_text_add(text, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
    } else if (exponent < 0) {
        kt_text_add(text, "0.%.*s%s", -exponent - 1, "0000", digit);
    } else {
        for (int i = 0; i <= exponent; i++) kt_text_add(text, "%c", (size_t)i < n ? digit[i] : '0');
        kt_text_add(text, ".%s", (size_t)exponent + 1 < n ? digit + exponent + 1 : "0");
    }
}

void kt_text_thousands(kt_text *text, int64_t value)
{
    char buffer[32];
    int n = snprintf(buffer, sizeof buffer, "%lld", (long long)value);
    for (int i = 0; i < n; i++) {
        kt_text_add(text, "%c", buffer[i]);
        int left = n - 1 - i;
        if (left && left % 3 == 0 && buffer[i] != '-') kt_text_add(text, ",");
    }
}
