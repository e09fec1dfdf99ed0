/* SPDX-License-Identifier: MIT */
/* print.h: results as JSON, as CSV and for people.
 *
 * What is printed is always valid UTF-8, whatever bytes came in: a piece that is none becomes U+FFFD. Numbers read back
 * as the same float32 or float64; what is not finite is "NaN", "Infinity", "-Infinity" (in JSON as strings, as
 * TensorBoard prints them). Nothing depends on the locale.
 */
#ifndef KERATIN_CLI_PRINT_H
#define KERATIN_CLI_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The character at the beginning of text[0..n), n > 0, and how many bytes it takes. *code: U+FFFD for a broken piece. */
size_t cli_character(const char *text, size_t n, uint32_t *code);

/* Terminal columns of a character: 0, 1 or 2. */
int cli_columns_of(uint32_t code);

/* Terminal columns that cli_plain will need. */
int cli_columns(const char *text, size_t n);

/* For people: the shortest number that reads back as the same float32: 0.1, not 0.100000001. */
void cli_plain_float(FILE *to, float x);

/* For people: control characters and those that turn the direction of writing are shown as \n, \x1b, \u202e. */
void cli_plain(FILE *to, const char *text, size_t n);
void cli_plain_padded(FILE *to, const char *text, int columns); /* and spaces up to that many columns */

void cli_json_text(FILE *to, const char *text, size_t n); /* with its quotes */
void cli_json_base64(FILE *to, const void *bytes, size_t n);
void cli_json_float(FILE *to, float x);
void cli_json_double(FILE *to, double x);

void cli_csv_text(FILE *to, const char *text, size_t n); /* in quotes where it needs them */
void cli_csv_float(FILE *to, float x);
void cli_csv_double(FILE *to, double x);

/* 2026-11-22 21:00:03 in local time; a time no calendar has is shown as its number. */
void cli_time(FILE *to, double wall_time);

/* 1234567 as "1,234,567"; the text lies in `text`, which has room for 32. */
const char *cli_count(char *text, int64_t n);

#endif
