/* SPDX-License-Identifier: MIT */
/* events.h: what the sub-commands of `keratin events` share: opening a log so that mistakes are explained, and choosing
 * runs and tags.
 */
#ifndef KERATIN_CLI_EVENTS_H
#define KERATIN_CLI_EVENTS_H

#include <keratin/reader.h>
#include <stdbool.h>

#include "../args.h"
#include "../command.h"
#include "../files.h"
#include "../print.h"

/* Opens a log. NULL after a sentence on standard error, which names what lies near when there is nothing of this name. */
kt_logdir *events_open(const char *command, const char *logdir, const kt_logdir_config *config);

/* Which series a command is asked for: NULL is all; else exactly this name, or a pattern with * ? [...]. */
typedef struct events_choice {
    const char *run, *tag;
} events_choice;

bool events_chosen(const events_choice *choice, const kt_series *series);

/* CLI_DONE when the choice names at least one series or nothing was chosen; else CLI_FAILED after a sentence. */
int events_check_choice(const char *command, kt_logdir *log, const char *logdir, const events_choice *choice);

/* Whether a series has its points as numbers in memory. */
bool events_is_scalar(const kt_series *series);

/* On standard error, for logs without a series: why that may be. */
void events_say_empty(const char *command, const char *logdir);

/* On standard error: how much damage was passed over, if any. */
void events_say_damage(const char *command, kt_logdir *log, const char *logdir);

#endif
