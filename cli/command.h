/* SPDX-License-Identifier: MIT */
/* command.h: what a command of `keratin` is: one row in main.c's table, one file.
 *
 * A command gets its own arguments (argv[0] is its name), prints results to standard output and everything else to standard
 * error, and returns the exit status: CLI_DONE, CLI_FAILED (the last line on standard error then is one sentence), or what
 * cli_usage returns. Commands use the public headers only.
 */
#ifndef KERATIN_CLI_COMMAND_H
#define KERATIN_CLI_COMMAND_H

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

typedef struct cli_command {
    const char *name;
    const char *summary;  /* one line for the list */
    const char *help;     /* the page of `keratin NAME --help`; ends with an example that works as typed */
    int (*run)(int argc, char **argv);
} cli_command;

extern const cli_command cli_version;

/* "keratin version: unknown option '--jsn': did you mean '--json'?" and CLI_USAGE. `known` ends with NULL. */
int cli_unknown(const char *command, const char *kind, const char *given, const char *const *known);

#endif
