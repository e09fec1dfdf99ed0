/* SPDX-License-Identifier: MIT */
/* print.c: text and numbers as JSON, CSV and plain lines.
 *
 * The command's own decoder of UTF-8, since it uses public headers only: the second byte's range depends on the first
 * (no overlong forms, no surrogates, nothing above U+10FFFF), later ones are 80 to BF. A broken piece is the longest
 * beginning of a character that stands there, as browsers cut it.
 */
#include "print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

size_t cli_character(const char *text, size_t n, uint32_t *code)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char first = at[0], low = 0x80, high = 0xBF;
    *code = first;
    if (first < 0x80) return 1;
    *code = 0xFFFD;
    if (first < 0xC2 || first > 0xF4) return 1;
    size_t need = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4, have = 1;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    uint32_t bits = first & (0xFFu >> (need + 1));
    for (; have < need && have < n && at[have] >= low && at[have] <= high; have++) {
        bits = bits << 6 | (at[have] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    if (have == need) *code = bits;
    return have;
}

/* What a terminal may take as a command, or what makes text look like another. */
static bool hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

int cli_columns_of(uint32_t code)
{
    if ((code >= 0x300 && code <= 0x36F) || (code >= 0x200B && code <= 0x200F) || (code >= 0xFE00 && code <= 0xFE0F))
        return 0;
    bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                (code >= 0xFFE0 && code <= 0xFFE6) || (code >= 0x1F300 && code <= 0x1FAFF) ||
                (code >= 0x20000 && code <= 0x3FFFD);
    return wide ? 2 : 1;
}

/* How a hidden character is shown: at most 7 bytes. */
static int escape(char *to, size_t room, uint32_t code)
{
    if (code == '\n') return snprintf(to, room, "\\n");
    if (code == '\t') return snprintf(to, room, "\\t");
    return snprintf(to, room, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
}

int cli_columns(const char *text, size_t n)
{
    int columns = 0;
    char shown[16];
    for (size_t i = 0; i < n;) {
        uint32_t code;
        i += cli_character(text + i, n - i, &code);
        columns += hidden(code) ? escape(shown, sizeof shown, code) : cli_columns_of(code);
    }
    return columns;
}

/* How a text is written in one of the forms: true when the character has been put out in a form of its own. */
typedef bool put_form(FILE *to, uint32_t code);

/* What needs no form of its own goes out in long pieces: characters one by one would take most of the time of a large
 * table. */
static void put_text(FILE *to, const char *text, size_t n, put_form *put)
{
    size_t from = 0;
    for (size_t i = 0; i < n;) {
        unsigned char first = (unsigned char)text[i];
        if (first >= ' ' && first < 0x7F && first != '"' && first != '\\') { /* the same in all forms */
            i++;
            continue;
        }
        uint32_t code;
        size_t piece = cli_character(text + i, n - i, &code);
        if (i > from) fwrite(text + from, 1, i - from, to);
        from = i + piece;
        if (!put(to, code)) {
            if (code == 0xFFFD) fputs("\xEF\xBF\xBD", to);
            else fwrite(text + i, 1, piece, to);
        }
        i += piece;
    }
    if (n > from) fwrite(text + from, 1, n - from, to);
}

static bool put_plain(FILE *to, uint32_t code)
{
    char shown[16];
    if (!hidden(code)) return false;
    escape(shown, sizeof shown, code);
    fputs(shown, to);
    return true;
}

void cli_plain(FILE *to, const char *text, size_t n)
{
    put_text(to, text, n, put_plain);
}

void cli_plain_padded(FILE *to, const char *text, int columns)
{
    size_t n = strlen(text);
    cli_plain(to, text, n);
    for (int k = cli_columns(text, n); k < columns; k++) fputc(' ', to);
}

static bool put_json(FILE *to, uint32_t code)
{
    if (code == '"' || code == '\\') fprintf(to, "\\%c", (int)code);
    else if (code == '\n') fputs("\\n", to);
    else if (code == '\t') fputs("\\t", to);
    else if (code == '\r') fputs("\\r", to);
    else if (hidden(code)) fprintf(to, "\\u%04x", (unsigned)code); /* so that a terminal may print it, too */
    else return false;
    return true;
}

void cli_json_text(FILE *to, const char *text, size_t n)
{
    fputc('"', to);
    put_text(to, text, n, put_json);
    fputc('"', to);
}

void cli_json_base64(FILE *to, const void *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;
    fputc('"', to);
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        unsigned bits = (unsigned)at[i] << 16 | (have > 1 ? (unsigned)at[i + 1] << 8 : 0) | (have > 2 ? at[i + 2] : 0u);
        char four[4] = { digits[bits >> 18], digits[bits >> 12 & 63], have > 1 ? digits[bits >> 6 & 63] : '=',
                         have > 2 ? digits[bits & 63] : '=' };
        fwrite(four, 1, sizeof four, to);
    }
    fputc('"', to);
}

/* The word for a number that is not finite, or NULL. */
static const char *word(double x)
{
    return isnan(x) ? "NaN" : isinf(x) ? (x < 0 ? "-Infinity" : "Infinity") : NULL;
}

void cli_json_float(FILE *to, float x)
{
    const char *special = word((double)x);
    if (special) fprintf(to, "\"%s\"", special);
    else fprintf(to, "%.9g", (double)x);
}

void cli_json_double(FILE *to, double x)
{
    const char *special = word(x);
    if (special) fprintf(to, "\"%s\"", special);
    else fprintf(to, "%.17g", x);
}

static bool put_csv(FILE *to, uint32_t code)
{
    if (code == '"') fputs("\"\"", to);
    return code == '"' || code == 0; /* no reader of CSV takes a NUL */
}

void cli_csv_text(FILE *to, const char *text, size_t n)
{
    bool quoted = n == 0 || memchr(text, ',', n) || memchr(text, '"', n) || memchr(text, '\n', n) ||
                  memchr(text, '\r', n) || text[0] == ' ' || text[n - 1] == ' ';
    if (quoted) fputc('"', to);
    put_text(to, text, n, put_csv);
    if (quoted) fputc('"', to);
}

void cli_csv_float(FILE *to, float x)
{
    const char *special = word((double)x);
    if (special) fputs(special, to);
    else fprintf(to, "%.9g", (double)x);
}

void cli_csv_double(FILE *to, double x)
{
    const char *special = word(x);
    if (special) fputs(special, to);
    else fprintf(to, "%.17g", x);
}

void cli_plain_float(FILE *to, float x)
{
    char text[40];
    const char *special = word((double)x);
    for (int digits = 6; digits <= 9 && !special; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if (strtof(text, NULL) == x) break;
    }
    fputs(special ? special : text, to);
}

void cli_time(FILE *to, double wall_time)
{
    struct tm parts;
    char text[40];
    /* the year 9999 and before: what strftime prints in four digits */
    if (wall_time >= 0 && wall_time < 253370764800.0) {
        time_t seconds = (time_t)wall_time;
        if (localtime_r(&seconds, &parts) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) > 0) {
            fputs(text, to);
            return;
        }
    }
    cli_csv_double(to, wall_time);
}

const char *cli_count(char *text, int64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n);
    char *to = text;
    for (int i = 0; i < length; i++) {
        *to++ = digits[i];
        int left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') *to++ = ',';
    }
    *to = 0;
    return text;
}
