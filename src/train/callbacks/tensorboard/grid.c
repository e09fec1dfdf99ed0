/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/grid.c: the first samples as pictures, each with what it was taken for.
 *
 * A green frame is right, a red one wrong; below stands the predicted class, and below a wrong one the true class in
 * brackets. Columns are as wide as the longest name needs, up to LABEL_LETTERS, and every tile has room for two lines:
 * the picture keeps its size from epoch to epoch. Small pictures are enlarged by a whole factor, so that the longer
 * side is LEAST_SIDE points or more; large ones are thinned. Bytes are taken as they are and floats
 * within 0..1 as they are; other numbers from the least to the greatest value shown. The table (under TEXT) has names
 * and probabilities in full.
 */
#include <math.h>
#include <string.h>

#include "train/callbacks/tensorboard/canvas.h"
#include "train/callbacks/tensorboard/samples.h"
#include "train/numbers.h"

enum {
    MAX_TILES = 64,
    MAX_COLUMNS = 8,
    SIDE = 64,
    LEAST_SIDE = 48,
    MAX_SIDE = 128,
    FRAME = 2,
    GAP = 4,
    LINE = KT_LETTER_HEIGHT + 2,
    LABEL_LETTERS = 20,
    TABLE_COLUMNS = 5,
    CELL_TEXT = KT_CLASS_NAME_MAX
};

typedef struct grid {
    const kt_samples *s;
    int64_t n, height, width, channels; /* of the samples */
    int64_t up, down;                   /* factors: one of them is 1 */
    int64_t tile_height, tile_width;    /* drawn, without frame */
    double least, span;
} grid;

kt_status kt_check_grid(kt_board *b, const kt_array *x)
{
    int64_t channels = x->rank == 4 ? x->dim[3] : 1;
    bool good = x->rank == 3 || (x->rank == 4 && (channels == 1 || channels == 3 || channels == 4));
    for (int i = 1; good && i < 3; i++) good = x->dim[i] >= 1 && x->dim[i] <= 65535;
    if (good) return KT_OK;
    char dims[128];
    kt_text text = kt_text_in(dims, sizeof dims);
    kt_text_dims(&text, x->dim, x->rank);
    return kt_fail(b->kt, KT_ERR_SHAPE,
                   "TensorBoard (prediction_grid): expected samples_x (n, height, width) or (n, height, width, "
                   "channels) "
                   "with 1, 3 or 4 channels, got %s; begin the model with kt_flatten() to train on pictures",
                   dims);
}

/* ---- pixels ---- */

static double value_at(const grid *g, int64_t i, int64_t y, int64_t x, int64_t c)
{
    return kt_sample_value(&g->s->x, ((i * g->height + y) * g->width + x) * g->channels + c);
}

static void find_scale(grid *g)
{
    g->least = 0;
    g->span = 255;
    if (g->s->x.dtype == KT_UINT8) return;
    double least = INFINITY, most = -INFINITY;
    int64_t count = g->n * g->height * g->width * g->channels;
    for (int64_t i = 0; i < count; i++) {
        double v = kt_sample_value(&g->s->x, i);
        if (!isfinite(v)) continue;
        if (v < least) least = v;
        if (v > most) most = v;
    }
    bool unit = least >= 0 && most <= 1;
    g->least = unit || !(least <= most) ? 0 : least;
    g->span = unit || !(most > least) ? 1 : most - least;
}

static uint8_t shade(const grid *g, double v)
{
    double share = (v - g->least) / g->span;
    return !(share > 0) ? 0 : share >= 1 ? 255 : (uint8_t)(share * 255 + 0.5); /* NaN is black */
}

static void draw_tile(kt_canvas *canvas, const grid *g, int64_t i, int64_t left, int64_t top)
{
    for (int64_t y = 0; y < g->tile_height; y++)
        for (int64_t x = 0; x < g->tile_width; x++) {
            int64_t row = y / g->up * g->down, column = x / g->up * g->down;
            uint8_t r = shade(g, value_at(g, i, row, column, 0)), green = r, blue = r;
            if (g->channels >= 3) {
                green = shade(g, value_at(g, i, row, column, 1));
                blue = shade(g, value_at(g, i, row, column, 2));
            }
            kt_canvas_point(canvas, left + x, top + y, (kt_colour){ r, green, blue });
        }
}

/* How many letters the longest label of a class has, its brackets included. */
static int64_t label_letters(kt_board *b, const kt_samples *s)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < s->classes; i++) {
        char name[KT_CLASS_NAME_MAX];
        kt_class_name(b, s, i, name);
        int64_t letters = kt_canvas_letters(name, LABEL_LETTERS) + 2;
        if (letters > longest) longest = letters;
    }
    return longest < LABEL_LETTERS ? longest : LABEL_LETTERS;
}

/* What does not fit ends with two points. */
static void draw_label(kt_canvas *canvas, int64_t x, int64_t y, kt_colour colour, const char *text, int64_t letters)
{
    bool cut = kt_canvas_letters(text, letters + 1) > letters;
    kt_canvas_text(canvas, x, y, false, colour, text, cut ? letters - 2 : letters);
    if (cut) kt_canvas_text(canvas, x + (letters - 2) * KT_LETTER_WIDTH, y, false, colour, "..", 2);
}

static kt_status draw(kt_board *b, const grid *g, int64_t epoch)
{
    static const kt_colour right = { 40, 160, 60 }, wrong = { 210, 40, 40 };
    int64_t columns = 1, width = g->tile_width + 2 * FRAME, height = g->tile_height + 2 * FRAME;
    while (columns < MAX_COLUMNS && columns * columns < g->n) columns++;
    int64_t label = label_letters(b, g->s) * KT_LETTER_WIDTH, wider = width > label ? width : label;
    int64_t letters = wider / KT_LETTER_WIDTH, across = wider + GAP, down = height + 2 * LINE + GAP;
    int64_t rows = (g->n + columns - 1) / columns;
    kt_canvas canvas;
    if (kt_canvas_make(b->kt, &canvas, columns * across + GAP, rows * down + GAP) != KT_OK) return b->kt->status;
    for (int64_t i = 0; i < g->n; i++) {
        int64_t x = GAP + i % columns * across, y = GAP + i / columns * down;
        bool good = g->s->truth[i] == g->s->guess[i];
        kt_colour colour = good ? right : wrong;
        char name[KT_CLASS_NAME_MAX], truth[KT_CLASS_NAME_MAX + 2];
        kt_canvas_fill(&canvas, x, y, width, height, colour);
        draw_tile(&canvas, g, i, x + FRAME, y + FRAME);
        kt_class_name(b, g->s, g->s->guess[i], name);
        draw_label(&canvas, x, y + height + 2, colour, name, letters);
        if (good) continue;
        kt_class_name(b, g->s, g->s->truth[i], name);
        kt_text text = kt_text_in(truth, sizeof truth);
        kt_text_add(&text, "(%s)", name);
        draw_label(&canvas, x, y + height + 2 + LINE, colour, truth, letters);
    }
    kt_images picture = { .u8 = canvas.rgb, .count = 1, .height = canvas.height, .width = canvas.width, .channels = 3 };
    kt_events_image(b->train, "samples/predictions", &picture, epoch);
    kt_canvas_free(b->kt, &canvas);
    return KT_OK;
}

/* ---- the table ---- */

static kt_status tabulate(kt_board *b, const grid *g, int64_t epoch)
{
    static const char *const heads[] = { "sample", "true", "predicted", "probability", "" };
    int64_t cells = (g->n + 1) * TABLE_COLUMNS;
    char *memory = kt_take(b->kt, (size_t)cells * CELL_TEXT);
    const char **at = kt_take_zeroed(b->kt, (size_t)cells, sizeof *at);
    if (memory && at) {
        const kt_samples *s = g->s;
        for (int64_t i = 0; i < cells; i++) at[i] = i < TABLE_COLUMNS ? heads[i] : memory + i * CELL_TEXT;
        for (int64_t i = 0; i < g->n; i++) {
            char *row = memory + (i + 1) * TABLE_COLUMNS * CELL_TEXT;
            double p = (double)s->probabilities[i * s->columns + (s->columns == 1 ? 0 : s->guess[i])];
            kt_text number = kt_text_in(row, CELL_TEXT), probability = kt_text_in(row + 3 * CELL_TEXT, CELL_TEXT);
            kt_text_add(&number, "%lld", (long long)i);
            kt_class_name(b, s, s->truth[i], row + CELL_TEXT);
            kt_class_name(b, s, s->guess[i], row + 2 * CELL_TEXT);
            kt_text_fixed(&probability, s->columns == 1 && !s->guess[i] ? 1 - p : p, 4);
            kt_text mark = kt_text_in(row + 4 * CELL_TEXT, CELL_TEXT);
            kt_text_add(&mark, "%s", s->truth[i] == s->guess[i] ? "" : "**wrong**");
        }
        kt_events_markdown_table(b->train, "samples/predictions_table", at, g->n + 1, TABLE_COLUMNS, epoch);
    }
    kt_give(b->kt, at);
    kt_give(b->kt, memory);
    return b->kt->status;
}

kt_status kt_write_grid(kt_board *b, const kt_samples *s, int64_t epoch)
{
    grid g = { .s = s,
               .n = s->rows < MAX_TILES ? s->rows : MAX_TILES,
               .height = s->x.dim[1],
               .width = s->x.dim[2],
               .channels = s->x.rank == 4 ? s->x.dim[3] : 1,
               .up = 1,
               .down = 1 };
    int64_t longer = g.height > g.width ? g.height : g.width;
    if (longer < SIDE) g.up = SIDE / longer;
    if (g.up * longer < LEAST_SIDE) g.up++;
    if (longer > MAX_SIDE) g.down = (longer + MAX_SIDE - 1) / MAX_SIDE;
    g.tile_height = (g.height + g.down - 1) / g.down * g.up;
    g.tile_width = (g.width + g.down - 1) / g.down * g.up;
    find_scale(&g);
    kt_status status = draw(b, &g, epoch);
    return status == KT_OK ? tabulate(b, &g, epoch) : status;
}
