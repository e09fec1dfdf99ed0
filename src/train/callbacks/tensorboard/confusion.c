/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/confusion.c: the confusion matrix of the samples, as a picture and as a table.
 *
 * Row: the true class, column: the predicted one. A cell's blue is its share of its row, so that rare classes are seen
 * as well as frequent ones; the count stands in it where there is room. The table (under TEXT) has every number, and
 * precision and recall of each class; above KT_CONFUSION_TABLE classes only those.
 */
#include <string.h>

#include "train/callbacks/tensorboard/canvas.h"
#include "train/callbacks/tensorboard/samples.h"
#include "train/numbers.h"

enum { GAP = 4, LABEL_LETTERS = 12, TITLE = 12, CELL_TEXT = KT_CLASS_NAME_MAX };

typedef struct matrix {
    const kt_board *b;
    const kt_samples *s;
    int64_t k;      /* classes */
    int64_t *count; /* (k, k) */
    int64_t *rows, *columns;
} matrix;

static const kt_colour black = { 0, 0, 0 }, white = { 255, 255, 255 }, grey = { 200, 200, 200 };

/* ---- the picture ---- */

static int64_t cell_side(int64_t k) { return k <= 12 ? 40 : k <= 20 ? 28 : k <= 40 ? 18 : k <= 64 ? 12 : 6; }

static kt_colour blue_of(double share)
{
    return (kt_colour){ (uint8_t)(255 - 247 * share), (uint8_t)(255 - 207 * share), (uint8_t)(255 - 148 * share) };
}

static void draw_cell(kt_canvas *canvas, const matrix *m, int64_t i, int64_t j, int64_t x, int64_t y, int64_t side)
{
    int64_t count = m->count[i * m->k + j];
    double share = m->rows[i] ? (double)count / (double)m->rows[i] : 0;
    char number[24];
    kt_text text = kt_text_in(number, sizeof number);
    kt_text_add(&text, "%lld", (long long)count);
    kt_canvas_fill(canvas, x, y, side - 1, side - 1, blue_of(share));
    int64_t width = (int64_t)text.length * KT_LETTER_WIDTH - 1;
    if (count && width <= side - 3 && KT_LETTER_HEIGHT <= side - 3)
        kt_canvas_text(canvas, x + (side - width) / 2, y + (side - KT_LETTER_HEIGHT) / 2, false,
                       share > 0.5 ? white : black, number, (int64_t)text.length);
}

static kt_status draw(kt_board *b, const matrix *m, int64_t epoch)
{
    int64_t side = cell_side(m->k), longest = 1;
    bool named = side > KT_LETTER_HEIGHT; /* else the names of two rows would run into each other */
    char name[KT_CLASS_NAME_MAX];
    for (int64_t i = 0; i < m->k; i++) {
        kt_class_name(b, m->s, i, name);
        int64_t letters = kt_canvas_letters(name, LABEL_LETTERS);
        if (letters > longest) longest = letters;
    }
    bool upward = longest * KT_LETTER_WIDTH > side - 2;
    int64_t label = named ? longest * KT_LETTER_WIDTH : 0, left = TITLE + GAP + label + GAP;
    int64_t top = TITLE + GAP + (!named ? 0 : upward ? label : KT_LETTER_HEIGHT) + GAP;
    kt_canvas canvas;
    if (kt_canvas_make(b->kt, &canvas, left + m->k * side + GAP, top + m->k * side + GAP) != KT_OK)
        return b->kt->status;
    kt_canvas_text(&canvas, left, GAP, false, black, "predicted", LABEL_LETTERS);
    kt_canvas_text(&canvas, GAP, top + 5 * KT_LETTER_WIDTH, true, black, "true", LABEL_LETTERS);
    kt_canvas_fill(&canvas, left - 1, top - 1, m->k * side + 1, m->k * side + 1, grey);
    for (int64_t i = 0; i < m->k; i++) {
        for (int64_t j = 0; j < m->k; j++) draw_cell(&canvas, m, i, j, left + j * side, top + i * side, side);
        if (!named) continue;
        kt_class_name(b, m->s, i, name);
        int64_t middle = i * side + (side - KT_LETTER_HEIGHT) / 2, letters = kt_canvas_letters(name, LABEL_LETTERS);
        kt_canvas_text(&canvas, left - GAP - letters * KT_LETTER_WIDTH, top + middle, false, black, name, letters);
        if (upward) kt_canvas_text(&canvas, left + middle, top - GAP - 1, true, black, name, letters);
        else
            kt_canvas_text(&canvas, left + i * side + (side - letters * KT_LETTER_WIDTH + 1) / 2,
                           top - GAP - KT_LETTER_HEIGHT, false, black, name, letters);
    }
    kt_images picture = { .u8 = canvas.rgb, .count = 1, .height = canvas.height, .width = canvas.width, .channels = 3 };
    kt_events_image(b->train, "samples/confusion_matrix", &picture, epoch);
    kt_canvas_free(b->kt, &canvas);
    return KT_OK;
}

/* ---- the table ---- */

static void number_cell(char *cell, int64_t value)
{
    kt_text text = kt_text_in(cell, CELL_TEXT);
    kt_text_add(&text, "%lld", (long long)value);
}

static void share_cell(char *cell, int64_t part, int64_t whole)
{
    kt_text text = kt_text_in(cell, CELL_TEXT);
    if (!whole) kt_text_add(&text, "-");
    else kt_text_fixed(&text, (double)part / (double)whole, 4);
}

static void word_cell(char *cell, const char *word)
{
    kt_text text = kt_text_in(cell, CELL_TEXT);
    kt_text_add(&text, "%s", word);
}

static kt_status tabulate(kt_board *b, const matrix *m, int64_t epoch)
{
    int64_t counts = m->k <= KT_CONFUSION_TABLE ? m->k : 0, columns = counts + 4, cells = (m->k + 1) * columns;
    char *memory = kt_take(b->kt, (size_t)cells * CELL_TEXT);
    const char **at = kt_take_zeroed(b->kt, (size_t)cells, sizeof *at);
    if (memory && at) {
        for (int64_t i = 0; i < cells; i++) at[i] = memory + i * CELL_TEXT;
        word_cell(memory, "true \\ predicted");
        static const char *const heads[] = { "samples", "recall", "precision" };
        for (int64_t j = 0; j < counts; j++) kt_class_name(b, m->s, j, memory + (1 + j) * CELL_TEXT);
        for (int64_t j = 0; j < 3; j++) word_cell(memory + (1 + counts + j) * CELL_TEXT, heads[j]);
        for (int64_t i = 0; i < m->k; i++) {
            char *row = memory + (i + 1) * columns * CELL_TEXT;
            int64_t right = m->count[i * m->k + i];
            kt_class_name(b, m->s, i, row);
            for (int64_t j = 0; j < counts; j++) number_cell(row + (1 + j) * CELL_TEXT, m->count[i * m->k + j]);
            number_cell(row + (1 + counts) * CELL_TEXT, m->rows[i]);
            share_cell(row + (2 + counts) * CELL_TEXT, right, m->rows[i]);
            share_cell(row + (3 + counts) * CELL_TEXT, right, m->columns[i]);
        }
        kt_events_markdown_table(b->train, "samples/confusion_table", at, m->k + 1, columns, epoch);
    }
    kt_give(b->kt, at);
    kt_give(b->kt, memory);
    return b->kt->status;
}

kt_status kt_write_confusion(kt_board *b, const kt_samples *s, int64_t epoch)
{
    int64_t k = s->classes;
    if (k > KT_CONFUSION_CLASSES) {
        kt_remark(b->kt, "TensorBoard (confusion_matrix): expected at most %d classes, got %lld; it is left out",
                  KT_CONFUSION_CLASSES, (long long)k);
        return KT_OK;
    }
    matrix m = { .b = b, .s = s, .k = k, .count = kt_take_zeroed(b->kt, (size_t)(k * k + 2 * k), sizeof *m.count) };
    if (!m.count) return b->kt->status;
    m.rows = m.count + k * k;
    m.columns = m.rows + k;
    for (int64_t i = 0; i < s->rows; i++) {
        m.count[s->truth[i] * k + s->guess[i]]++;
        m.rows[s->truth[i]]++;
        m.columns[s->guess[i]]++;
    }
    kt_status status = draw(b, &m, epoch);
    if (status == KT_OK) status = tabulate(b, &m, epoch);
    kt_give(b->kt, m.count);
    return status;
}
