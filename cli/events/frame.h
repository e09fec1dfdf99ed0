/* SPDX-License-Identifier: MIT */
/* frame.h: what `keratin events tail` shows at one moment: one block for each tag, one line in it for each run. */
#ifndef KERATIN_CLI_EVENTS_FRAME_H
#define KERATIN_CLI_EVENTS_FRAME_H

#include "events.h"

typedef struct frame_style {
    const char *logdir;
    int columns;
    int lines;           /* of the screen; 0: all blocks are shown */
    int64_t top;         /* scrolled by so many lines; frame_print keeps it inside */
    double smoothing;
    bool ascii;
    bool terminal;       /* bold tags, and a last line that names the keys */
} frame_style;

/* One frame: lines that end with '\n', except that the last line of a screen has none. false when memory is short. */
bool frame_print(FILE *to, kt_logdir *log, const events_choice *choice, frame_style *style);

#endif
