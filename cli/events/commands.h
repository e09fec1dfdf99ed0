/* SPDX-License-Identifier: MIT */
/* commands.h: the rows of `keratin events`, each in the file of its name. */
#ifndef KERATIN_CLI_EVENTS_COMMANDS_H
#define KERATIN_CLI_EVENTS_COMMANDS_H

#include "../command.h"

extern const cli_command events_ls, events_dump, events_check, events_doctor, events_tail;
extern const cli_command events_merge, events_prune, events_export;

#endif
