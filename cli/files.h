/* SPDX-License-Identifier: MIT */
/* files.h: a result that is a file: written beside its place under another name, synced, renamed. Whoever looks sees
 * the old content or the whole new one.
 */
#ifndef KERATIN_CLI_FILES_H
#define KERATIN_CLI_FILES_H

#include <stdbool.h>
#include <stdio.h>

typedef struct cli_output {
    FILE *file;      /* write here; NULL when it is not open */
    char *path, *temporary;
} cli_output;

/* These say false and leave errno when the system refuses. The temporary name holds no "tfevents", so that no reader of
 * logs takes it for one. */
bool cli_output_open(cli_output *output, const char *path);
bool cli_output_commit(cli_output *output);  /* the output is closed either way; on failure the old content stays */
void cli_output_abandon(cli_output *output); /* nothing has happened; fine after a commit */

/* Makes the directory with its parents; fine when it is there. */
bool cli_make_directories(const char *path);

/* folder/name; "." and "" as one of them leave the other. Freed with free; NULL when memory is short. */
char *cli_join(const char *folder, const char *name);

/* The last part of a path; not changed and not allocated. */
const char *cli_base_name(const char *path);

#endif
