/* SPDX-License-Identifier: MIT */
/* args.c: reads a command line by its table. What is wrong is said in one sentence with what was expected.
 *
 * Numbers are read in the C locale, which the command never leaves for numbers.
 */
#include "args.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum { MOST_OPTIONS = 24 };

static int unknown_option(const cli_line *line, const char *given, size_t n)
{
    const char *known[MOST_OPTIONS + 2];
    int k = 0;
    for (; line->options[k].name && k < MOST_OPTIONS; k++) known[k] = line->options[k].name;
    known[k++] = "--help";
    known[k] = NULL;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), given);
    return cli_unknown(line->command, "option", word, known);
}

static int take_number(const cli_line *line, const cli_option *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    double real = 0;
    bool whole = false;
    if (option->kind == CLI_COUNT) {
        long long n = strtoll(text, &end, 10);
        real = (double)n;
        whole = errno == 0 && end != text && *end == 0 && real >= option->least && real <= option->most;
        if (whole) *(int64_t *)option->to = n;
    } else {
        real = strtod(text, &end);
        whole = end != text && *end == 0 && isfinite(real) && real >= option->least && real <= option->most;
        if (whole) *(double *)option->to = real;
    }
    if (whole) return CLI_DONE;
    const char *kind = option->kind == CLI_COUNT ? "a whole number" : "a number";
    if (option->most >= 1e15)
        return cli_misused(line->command, "%s expects %s of at least %.15g, received '%s'", option->name, kind,
                           option->least, text);
    return cli_misused(line->command, "%s expects %s from %.15g to %.15g, received '%s'", option->name, kind,
                       option->least, option->most, text);
}

/* The option at argv[*at], with its value; *at goes to the last word it used. */
static int take_option(const cli_line *line, int argc, char **argv, int *at)
{
    const char *word = argv[*at], *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const cli_option *option = line->options;
    while (option->name && (strlen(option->name) != n || memcmp(option->name, word, n) != 0)) option++;
    if (!option->name) return unknown_option(line, word, n);
    if (option->kind == CLI_FLAG) {
        if (equals)
            return cli_misused(line->command, "%s takes no value, received '%s'", option->name, equals + 1);
        *(bool *)option->to = true;
        return CLI_DONE;
    }
    const char *value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
    if (!value)
        return cli_misused(line->command, "%s expects a value and the command line ends there: '%s --help' shows one",
                           option->name, line->command);
    if (option->kind != CLI_TEXT) return take_number(line, option, value);
    *(const char **)option->to = value;
    return CLI_DONE;
}

int cli_parse(const cli_line *line, int argc, char **argv, int *count)
{
    int operands = 0;
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            int status = take_option(line, argc, argv, &i);
            if (status != CLI_DONE) return status;
        } else {
            argv[1 + operands++] = argv[i];
        }
    }
    *count = operands;
    if (operands < line->least)
        return cli_misused(line->command, "expects %s, received %s: '%s --help' shows an example", line->operands,
                           operands ? "too few" : "none", line->command);
    if (operands > line->most)
        return cli_misused(line->command, "expects %s, received '%s', too: put names with spaces in quotes",
                           line->operands, argv[1 + line->most]);
    return CLI_DONE;
}
