/* SPDX-License-Identifier: MIT */
/* main.c: the `keratin` command: finds the command that was asked for, prints help, says "did you mean".
 *
 * A thin user of the public headers. A new command is one row here and one file.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const cli_command *const commands[] = { &cli_version };
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* Edits that turn one word into the other, both at most 31 letters. */
static int distance(const char *a, const char *b)
{
    int row[32];
    size_t n = strlen(b);
    if (n > 30 || strlen(a) > 30) return 99;
    for (size_t j = 0; j <= n; j++) row[j] = (int)j;
    for (size_t i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = (int)i + 1;
        for (size_t j = 0; j < n; j++) {
            int change = diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            int shift = row[j] < row[j + 1] ? row[j] + 1 : row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < shift ? change : shift;
        }
    }
    return row[n];
}

int cli_unknown(const char *command, const char *kind, const char *given, const char *const *known)
{
    const char *best = NULL;
    int least = (int)strlen(given) / 3 + 2;
    for (; *known; known++) {
        int d = distance(given, *known);
        if (d < least) least = d, best = *known;
    }
    fprintf(stderr, "%s: unknown %s '%s'", command, kind, given);
    if (best) fprintf(stderr, ": did you mean '%s'?\n", best);
    else fprintf(stderr, ": '%s --help' lists what there is\n", command);
    return CLI_USAGE;
}

static void list(FILE *to)
{
    fputs("usage: keratin COMMAND [OPTIONS]\n\n", to);
    for (int i = 0; i < N_COMMANDS; i++) fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nkeratin COMMAND --help says more of each.\n", to);
}

static int is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || is_help(argv[1])) {
        list(stdout);
        return CLI_DONE;
    }
    const char *names[N_COMMANDS + 1] = { NULL };
    for (int i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(argv[1], commands[i]->name) != 0) continue;
        for (int k = 2; k < argc; k++)
            if (is_help(argv[k])) {
                fputs(commands[i]->help, stdout);
                return CLI_DONE;
            }
        return commands[i]->run(argc - 1, argv + 1);
    }
    return cli_unknown("keratin", "command", argv[1], names);
}
