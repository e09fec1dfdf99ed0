/* SPDX-License-Identifier: MIT */
/* main.c: the `keratin` command: finds the command that was asked for and prints help.
 *
 * A thin user of the public headers. A new command is one row here and one file; a command with sub-commands has a
 * table like this one in a file of its own.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"

static const cli_command *const commands[] = { &cli_version, &cli_events, NULL };

enum { MOST_COMMANDS = 32 };

static void list(const char *path, const cli_command *const *table)
{
    printf("usage: %s COMMAND [OPTIONS]\n\n", path);
    for (int i = 0; table[i]; i++) printf("  %-10s %s\n", table[i]->name, table[i]->summary);
    printf("\n%s COMMAND --help says more of each.\n", path);
}

static int is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Whether --help stands among the arguments, before a "--". */
static int wants_help(int argc, char **argv)
{
    for (int k = 1; k < argc && strcmp(argv[k], "--") != 0; k++)
        if (is_help(argv[k])) return 1;
    return 0;
}

/* Runs the command of `table` that argv[1] names; `path` is what was typed before it. */
static int dispatch(const char *path, const cli_command *const *table, int argc, char **argv)
{
    const char *names[MOST_COMMANDS + 1] = { NULL };
    for (int i = 0; table[i] && i < MOST_COMMANDS; i++) {
        names[i] = table[i]->name;
        if (argc < 2 || strcmp(argv[1], table[i]->name) != 0) continue;
        if (table[i]->commands) {
            char longer[64];
            snprintf(longer, sizeof longer, "%s %s", path, table[i]->name);
            if (argc > 2 && !is_help(argv[2])) return dispatch(longer, table[i]->commands, argc - 1, argv + 1);
            list(longer, table[i]->commands);
            fputs(table[i]->help, stdout);
            return cli_finish(longer);
        }
        if (!wants_help(argc - 1, argv + 1)) return table[i]->run(argc - 1, argv + 1);
        fputs(table[i]->help, stdout);
        return cli_finish(path);
    }
    return cli_unknown(path, "command", argv[1], names);
}

int main(int argc, char **argv)
{
    if (argc >= 2 && !is_help(argv[1])) return dispatch("keratin", commands, argc, argv);
    list("keratin", commands);
    return cli_finish("keratin");
}
