/* SPDX-License-Identifier: MIT */
/* train/numbers.c: see numbers.h.
 *
 * The digits come from the C library; only the mark between them may differ from place to place, and is replaced.
 */
#include "train/numbers.h"

#include <math.h>
#include <stdio.h>

#include "base/repr.h"

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
    char digits[KT_REPR_BYTES];
    kt_repr_double(value, digits);
    kt_text_add(text, "%s", digits);
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
