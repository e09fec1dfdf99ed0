/* SPDX-License-Identifier: MIT */
/* command.h: what a command of `keratin` is: one row in a table, one file.
 *
 * A command gets its own arguments (argv[0] is its name), prints results to standard output and everything else to
 * standard error, and returns the exit status: CLI_DONE, CLI_FAILED (the last line on standard error then is one
 * sentence), or CLI_USAGE, which cli_unknown and cli_parse return. Commands use the public headers only. A command
 * with sub-commands has a table instead of `run`; its page is the list of them.
 */
#ifndef KERATIN_CLI_COMMAND_H
#define KERATIN_CLI_COMMAND_H

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

typedef struct cli_command cli_command;
struct cli_command {
    const char *name;
    const char *summary;  /* one line for the list */
    const char *help;     /* the page of `keratin NAME --help`; ends with an example that works as typed */
    int (*run)(int argc, char **argv);
    const cli_command *const *commands; /* instead of `run`: sub-commands, the last is NULL */
};

extern const cli_command cli_version;
extern const cli_command cli_events;

/* "keratin version: unknown option '--jsn': did you mean '--json'?" and CLI_USAGE. `known` ends with NULL. */
int cli_unknown(const char *command, const char *kind, const char *given, const char *const *known);

/* The one of `known` that `given` was probably meant to be, or NULL. */
const char *cli_nearest(const char *given, const char *const *known);

/* "COMMAND: SENTENCE" on standard error, control characters made visible, and CLI_FAILED. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int cli_fail(const char *command, const char *format, ...);

/* The same for a command line that makes no sense: CLI_USAGE. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int cli_misused(const char *command, const char *format, ...);

/* The end of a command that printed results: CLI_DONE, or CLI_FAILED when standard output did not take all of them. */
int cli_finish(const char *command);

#endif
