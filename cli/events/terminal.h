/* SPDX-License-Identifier: MIT */
/* terminal.h: the terminal as a screen, given back as it was however the program ends. */
#ifndef KERATIN_CLI_EVENTS_TERMINAL_H
#define KERATIN_CLI_EVENTS_TERMINAL_H

#include <stdbool.h>

typedef enum terminal_event {
    TERMINAL_TIME,    /* nothing happened */
    TERMINAL_QUIT,    /* q, or a signal that ends programs */
    TERMINAL_REDRAW,  /* another size, or back from being stopped */
    TERMINAL_UP,
    TERMINAL_DOWN,
    TERMINAL_PAGE_UP,
    TERMINAL_PAGE_DOWN
} terminal_event;

/* From here on SIGINT, SIGTERM, SIGHUP and SIGQUIT arrive as TERMINAL_QUIT. With `screen`: an empty screen without a
 * cursor, keys without Return. */
void terminal_begin(bool screen);
void terminal_end(void);

/* Waits at most so long for something to happen. */
terminal_event terminal_wait(double seconds);

/* The size of the terminal on standard output; else what COLUMNS and LINES say; else 80 x 24. */
void terminal_size(int *columns, int *lines);

/* Whether the terminal shows UTF-8, by the locale of the environment. */
bool terminal_utf8(void);

#endif
