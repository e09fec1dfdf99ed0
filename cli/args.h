/* SPDX-License-Identifier: MIT */
/* args.h: a command line from a table of options: `--name`, `--name VALUE`, `--name=VALUE`, operands anywhere among
 * them, and "--" before operands that begin with a dash.
 */
#ifndef KERATIN_CLI_ARGS_H
#define KERATIN_CLI_ARGS_H

typedef enum cli_kind {
    CLI_FLAG,  /* to: bool */
    CLI_TEXT,  /* to: const char * */
    CLI_COUNT, /* to: int64_t, between least and most */
    CLI_REAL   /* to: double, between least and most */
} cli_kind;

typedef struct cli_option {
    const char *name; /* with its dashes; the table ends with NULL */
    cli_kind kind;
    void *to;         /* unchanged where the option is not given */
    double least, most;
} cli_option;

typedef struct cli_line {
    const char *command;       /* "keratin events ls": for sentences */
    const cli_option *options;
    const char *operands;      /* "LOGDIR": for sentences */
    int least, most;           /* operands */
} cli_line;

/* Reads argv[1..argc). The operands are moved to the front of argv[1..], *count of them. CLI_DONE, or CLI_USAGE with a
 * sentence on standard error. */
int cli_parse(const cli_line *line, int argc, char **argv, int *count);

#endif
