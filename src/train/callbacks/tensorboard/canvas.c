/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/canvas.c: rectangles and letters in a picture; see canvas.h.
 *
 * The letters are of our own drawing, seven rows of five points, the leftmost point the highest of five bits: space to
 * 'Z' of ASCII. That is enough for numbers and names of classes, and needs no font library.
 */
#include "train/callbacks/tensorboard/canvas.h"

#include <string.h>

enum { FIRST = ' ', LAST = 'Z', LETTERS = LAST - FIRST + 1, POINTS = 5 };

static const uint8_t letters[LETTERS][KT_LETTER_HEIGHT] = {
    {  0,  0,  0,  0,  0,  0,  0 }, {  4,  4,  4,  4,  4,  0,  4 }, { 31, 17, 17, 17, 17, 17, 31 }, /* space ! " */
    { 10, 10, 31, 10, 31, 10, 10 }, { 31, 17, 17, 17, 17, 17, 31 }, { 24, 25,  2,  4,  8, 19,  3 }, /* # $ % */
    { 12, 18, 20,  8, 21, 18, 13 }, {  4,  4,  0,  0,  0,  0,  0 }, {  2,  4,  8,  8,  8,  4,  2 }, /* & ' ( */
    {  8,  4,  2,  2,  2,  4,  8 }, {  0,  4, 21, 14, 21,  4,  0 }, {  0,  4,  4, 31,  4,  4,  0 }, /* ) star + */
    {  0,  0,  0,  0, 12,  4,  8 }, {  0,  0,  0, 31,  0,  0,  0 }, {  0,  0,  0,  0,  0, 12, 12 }, /* , - . */
    {  1,  1,  2,  4,  8, 16, 16 }, { 14, 17, 19, 21, 25, 17, 14 }, {  4, 12,  4,  4,  4,  4, 14 }, /* slash 0 1 */
    { 14, 17,  1,  2,  4,  8, 31 }, { 14, 17,  1,  6,  1, 17, 14 }, {  2,  6, 10, 18, 31,  2,  2 }, /* 2 3 4 */
    { 31, 16, 30,  1,  1, 17, 14 }, { 14, 16, 16, 30, 17, 17, 14 }, { 31,  1,  2,  4,  4,  4,  4 }, /* 5 6 7 */
    { 14, 17, 17, 14, 17, 17, 14 }, { 14, 17, 17, 15,  1,  1, 14 }, {  0, 12, 12,  0, 12, 12,  0 }, /* 8 9 : */
    { 31, 17, 17, 17, 17, 17, 31 }, {  2,  4,  8, 16,  8,  4,  2 }, {  0,  0, 31,  0, 31,  0,  0 }, /* ; < = */
    {  8,  4,  2,  1,  2,  4,  8 }, { 14, 17,  1,  2,  4,  0,  4 }, { 31, 17, 17, 17, 17, 17, 31 }, /* > ? @ */
    { 14, 17, 17, 31, 17, 17, 17 }, { 30, 17, 17, 30, 17, 17, 30 }, { 14, 17, 16, 16, 16, 17, 14 }, /* A B C */
    { 30, 17, 17, 17, 17, 17, 30 }, { 31, 16, 16, 30, 16, 16, 31 }, { 31, 16, 16, 30, 16, 16, 16 }, /* D E F */
    { 14, 17, 16, 23, 17, 17, 14 }, { 17, 17, 17, 31, 17, 17, 17 }, { 14,  4,  4,  4,  4,  4, 14 }, /* G H I */
    {  7,  2,  2,  2,  2, 18, 12 }, { 17, 18, 20, 24, 20, 18, 17 }, { 16, 16, 16, 16, 16, 16, 31 }, /* J K L */
    { 17, 27, 21, 17, 17, 17, 17 }, { 17, 25, 21, 19, 17, 17, 17 }, { 14, 17, 17, 17, 17, 17, 14 }, /* M N O */
    { 30, 17, 17, 30, 16, 16, 16 }, { 14, 17, 17, 17, 21, 18, 13 }, { 30, 17, 17, 30, 20, 18, 17 }, /* P Q R */
    { 15, 16, 16, 14,  1,  1, 30 }, { 31,  4,  4,  4,  4,  4,  4 }, { 17, 17, 17, 17, 17, 17, 14 }, /* S T U */
    { 17, 17, 17, 17, 17, 10,  4 }, { 17, 17, 17, 21, 21, 27, 17 }, { 17, 17, 10,  4, 10, 17, 17 }, /* V W X */
    { 17, 17, 10,  4,  4,  4,  4 }, { 31,  1,  2,  4,  8, 16, 31 }, /* Y Z */
};
static const uint8_t unknown[KT_LETTER_HEIGHT] = { 31, 17, 17, 17, 17, 17, 31 };

kt_status kt_canvas_make(kt_context *kt, kt_canvas *canvas, int64_t width, int64_t height)
{
    int64_t bytes;
    memset(canvas, 0, sizeof *canvas);
    if (!kt_mul_int64(width, height, &bytes) || !kt_mul_int64(bytes, 3, &bytes)) return kt_no_memory(kt);
    canvas->rgb = kt_take(kt, (size_t)bytes);
    if (!canvas->rgb) return kt->status;
    memset(canvas->rgb, 255, (size_t)bytes);
    canvas->width = width;
    canvas->height = height;
    return KT_OK;
}

void kt_canvas_free(kt_context *kt, kt_canvas *canvas)
{
    kt_give(kt, canvas->rgb);
    canvas->rgb = NULL;
}

void kt_canvas_point(kt_canvas *canvas, int64_t x, int64_t y, kt_colour colour)
{
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height) return;
    uint8_t *at = canvas->rgb + (y * canvas->width + x) * 3;
    at[0] = colour.r;
    at[1] = colour.g;
    at[2] = colour.b;
}

void kt_canvas_fill(kt_canvas *canvas, int64_t x, int64_t y, int64_t width, int64_t height, kt_colour colour)
{
    for (int64_t j = y; j < y + height; j++)
        for (int64_t i = x; i < x + width; i++) kt_canvas_point(canvas, i, j, colour);
}

/* ---- letters ---- */

static bool is_inner(char c) /* a byte of UTF-8 that begins no character */
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static const uint8_t *letter_of(char c)
{
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    return c >= FIRST && c <= LAST ? letters[c - FIRST] : unknown;
}

int64_t kt_canvas_letters(const char *text, int64_t most)
{
    int64_t n = 0;
    for (; *text && n <= most; text++) n += !is_inner(*text);
    return n < most ? n : most;
}

void kt_canvas_text(kt_canvas *canvas, int64_t x, int64_t y, bool upward, kt_colour colour, const char *text,
                    int64_t letters_at_most)
{
    for (int64_t n = 0; *text; text++) {
        if (is_inner(*text)) continue;
        if (n++ == letters_at_most) return;
        const uint8_t *rows = letter_of(*text);
        for (int row = 0; row < KT_LETTER_HEIGHT; row++)
            for (int column = 0; column < POINTS; column++) {
                if (!(rows[row] >> (POINTS - 1 - column) & 1)) continue;
                if (upward) kt_canvas_point(canvas, x + row, y - column, colour);
                else kt_canvas_point(canvas, x + column, y + row, colour);
            }
        if (upward) y -= KT_LETTER_WIDTH;
        else x += KT_LETTER_WIDTH;
    }
}
