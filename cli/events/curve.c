/* SPDX-License-Identifier: MIT */
/* curve.c: smoothing and sparklines.
 *
 * The average starts at zero and is corrected for that by 1 - w^n, so the first shown value is the first point itself.
 * Columns stand for steps, not for points: so a training and a validation curve with different numbers of points lie
 * over each other.
 */
#include "curve.h"

#include <math.h>

curve_smoother curve_begin(double weight, const float *values, int64_t count)
{
    bool constant = true;
    for (int64_t i = 1; i < count && constant; i++) constant = values[i] == values[0];
    return (curve_smoother){ .weight = weight, .left = 1, .constant = constant };
}

double curve_next(curve_smoother *s, float x)
{
    if (s->constant || !isfinite(x)) return (double)x;
    s->sum = s->weight * s->sum + (1 - s->weight) * (double)x;
    s->left *= s->weight;
    return s->weight < 1 ? s->sum / (1 - s->left) : s->sum;
}

static int column_of(const curve *c, int64_t step, int64_t first, int64_t last)
{
    if (last <= first || step <= first) return 0;
    double part = ((double)step - (double)first) / ((double)last - (double)first);
    int column = (int)(part * (double)(c->width - 1) + 0.5);
    return column < c->width ? column : c->width - 1;
}

void curve_draw(curve *c, const int64_t *steps, const float *values, int64_t count, int64_t first, int64_t last,
                double weight)
{
    int64_t points[CURVE_COLUMNS] = { 0 };
    if (c->width > CURVE_COLUMNS) c->width = CURVE_COLUMNS;
    for (int i = 0; i < c->width; i++) c->cell[i] = CURVE_EMPTY, c->value[i] = 0;
    c->last = c->smoothed = c->least = c->most = NAN;
    curve_smoother smoother = curve_begin(weight, values, count);
    for (int64_t i = 0; i < count; i++) {
        double x = (double)values[i], smooth = curve_next(&smoother, values[i]);
        c->last = x;
        c->smoothed = smooth;
        if (isfinite(x) && !(x >= c->least)) c->least = x;
        if (isfinite(x) && !(x <= c->most)) c->most = x;
        if (c->width <= 0) continue;
        int at = column_of(c, steps[i], first, last);
        if (isfinite(smooth)) {
            c->cell[at] = CURVE_VALUE;
            c->value[at] += (smooth - c->value[at]) / (double)++points[at]; /* the mean, without a large sum */
        } else if (c->cell[at] == CURVE_EMPTY) c->cell[at] = CURVE_NOT_FINITE;
    }
    int end = count > 0 && c->width > 0 ? column_of(c, steps[count - 1], first, last) : 0;
    for (int i = 1; i < end; i++)
        if (c->cell[i] == CURVE_EMPTY && c->cell[i - 1] != CURVE_EMPTY) {
            c->cell[i] = c->cell[i - 1];
            c->value[i] = c->value[i - 1];
        }
}

void curve_print(FILE *to, const curve *c, double low, double high, bool ascii)
{
    static const char *const blocks[] = {
        "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"
    };
    static const char *const letters[] = { "_", ".", ":", "-", "=", "+", "*", "#" };
    enum { LEVELS = 8 };
    for (int i = 0; i < c->width; i++) {
        if (c->cell[i] == CURVE_EMPTY) {
            fputc(' ', to);
        } else if (c->cell[i] == CURVE_NOT_FINITE) {
            fputs(ascii ? "x" : "\u00d7", to);
        } else {
            double part = high > low ? (c->value[i] - low) / (high - low) : 0.5;
            int level = (int)(part * LEVELS);
            level = level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level;
            fputs(ascii ? letters[level] : blocks[level], to);
        }
    }
}
