/* SPDX-License-Identifier: MIT */
/* curve.h: a series of numbers as TensorBoard smooths it, and as a line of characters. */
#ifndef KERATIN_CLI_EVENTS_CURVE_H
#define KERATIN_CLI_EVENTS_CURVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* TensorBoard's smoothing: s = w s + (1 - w) x, shown s / (1 - w^n), n counting finite points; what is not finite
 * passes through, a constant series stays as it is. One value after the other: */
typedef struct curve_smoother {
    double weight, sum, left; /* left: w^n */
    bool constant;
} curve_smoother;

curve_smoother curve_begin(double weight, const float *values, int64_t count);
double curve_next(curve_smoother *smoother, float x);

/* A series drawn into columns: the mean of the smoothed values whose steps fall there. */
enum { CURVE_COLUMNS = 240 };

typedef enum curve_cell { CURVE_EMPTY, CURVE_VALUE, CURVE_NOT_FINITE } curve_cell;

typedef struct curve {
    int width;
    curve_cell cell[CURVE_COLUMNS];
    double value[CURVE_COLUMNS];
    double last, smoothed, least, most; /* least and most: of the values as they are; NaN where none is finite */
} curve;

/* Fills `curve`, whose width is set, with the points of steps from first to last over the width. Columns between points
 * repeat the one before. */
void curve_draw(curve *curve, const int64_t *steps, const float *values, int64_t count, int64_t first, int64_t last,
                double weight);

/* Prints the columns between the limits as eighths of blocks or in ASCII; what was not finite is a cross. */
void curve_print(FILE *to, const curve *curve, double low, double high, bool ascii);

#endif
