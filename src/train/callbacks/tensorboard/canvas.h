/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/canvas.h: a small picture to draw in: rectangles, and letters of 5 x 7 points.
 *
 * For what the callback draws itself (confusion.c, grid.c). RGB, 8 bits, row after row, which is what
 * kt_events_image takes. Drawing outside of the picture is cut off. Knows neither tensors nor logs.
 */
#ifndef KT_CALLBACKS_TENSORBOARD_CANVAS_H
#define KT_CALLBACKS_TENSORBOARD_CANVAS_H

#include "core/context.h"

typedef struct kt_canvas {
    uint8_t *rgb; /* (height, width, 3) */
    int64_t width, height;
} kt_canvas;

typedef struct kt_colour {
    uint8_t r, g, b;
} kt_colour;

enum { KT_LETTER_WIDTH = 6, KT_LETTER_HEIGHT = 7 }; /* a letter with the gap behind it; without a gap below */

/* White. NULL rgb and the context's error when memory is short. */
kt_status kt_canvas_make(kt_context *kt, kt_canvas *canvas, int64_t width, int64_t height);
void kt_canvas_free(kt_context *kt, kt_canvas *canvas);

void kt_canvas_fill(kt_canvas *canvas, int64_t x, int64_t y, int64_t width, int64_t height, kt_colour colour);
void kt_canvas_point(kt_canvas *canvas, int64_t x, int64_t y, kt_colour colour);

/* The first `letters` characters of a text, its upper left corner at (x, y); upward: turned by a quarter, read from
 * below, its lower left corner at (x, y). Small letters are drawn as capitals, unknown ones as a box. */
void kt_canvas_text(kt_canvas *canvas, int64_t x, int64_t y, bool upward, kt_colour colour, const char *text,
                    int64_t letters);
/* How many characters a text has (UTF-8), at most `most`. */
int64_t kt_canvas_letters(const char *text, int64_t most);

#endif
