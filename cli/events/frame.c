/* SPDX-License-Identifier: MIT */
/* frame.c: lays a log out on 80 x 24 characters, or however many there are.
 *
 *     logs | 2 runs, 2 tags | last point 21:31:05 | smoothing 0.6
 *                                             last   smoothed        min        max
 *     epoch_loss                                                 step 19, 3.1 steps/s
 *       train       ##**+===--::::....__     0.1213     0.1402     0.1213      2.301
 *       validation  #*++==--:::.......__     0.1520     0.1544     0.1498      2.114
 *
 * Runs of one tag share both scales, so that validation above training looks like it. Only blocks that are on the
 * screen are drawn, so thousands of tags cost nothing. All text goes through cli_plain: tags cannot command the
 * terminal.
 */
#include "frame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "curve.h"

enum { NUMBER = 10, GAP = 1 }; /* "-1.234e-05" */

typedef struct layout {
    int name, curve, numbers; /* numbers: how many of last, smoothed, min, max */
} layout;

static int by_tag(const void *a, const void *b)
{
    const kt_series *x = *(const kt_series *const *)a, *y = *(const kt_series *const *)b;
    int order = strcmp(x->tag, y->tag);
    return order ? order : strcmp(x->run, y->run);
}

/* ---- pieces of lines ---- */

/* Text cut to `room` columns; the end is what tells runs apart, so the beginning goes. Returns the columns used. */
static int put_text(FILE *to, const char *text, int room, bool ascii)
{
    size_t n = strlen(text), from = 0;
    int columns = cli_columns(text, n), used = 0;
    if (columns > room) {
        const char *dots = ascii ? ".." : "\u2026";
        int wide = ascii ? 2 : 1;
        while (from < n && cli_columns(text + from, n - from) > room - wide) {
            uint32_t code;
            from += cli_character(text + from, n - from, &code);
        }
        fputs(dots, to);
        used = wide;
    }
    for (size_t i = from; i < n;) {
        uint32_t code;
        size_t piece = cli_character(text + i, n - i, &code);
        if (ascii && code >= 0x80) fputc('?', to), used++;
        else cli_plain(to, text + i, piece), used += cli_columns(text + i, piece);
        i += piece;
    }
    return used;
}

static void put_spaces(FILE *to, int n)
{
    while (n-- > 0) fputc(' ', to);
}

static void put_number(FILE *to, double x)
{
    char text[32];
    if (isfinite(x)) snprintf(text, sizeof text, "%.4g", x);
    else snprintf(text, sizeof text, "%s", isnan(x) ? "NaN" : x < 0 ? "-Infinity" : "Infinity");
    fprintf(to, "%*s", NUMBER + GAP, text);
}

/* Steps per second over the last points, or 0. */
static double speed(const kt_series *s)
{
    int64_t last = s->count - 1, from = last > 20 ? last - 20 : 0;
    double seconds = s->wall_times[last] - s->wall_times[from];
    double steps = (double)s->steps[last] - (double)s->steps[from];
    return seconds > 0 && steps > 0 && isfinite(seconds) ? steps / seconds : 0;
}

/* ---- lines ---- */

static layout lay_out(const kt_series *const *series, int64_t count, int columns)
{
    layout l = { .name = 4, .numbers = columns >= 72 ? 4 : columns >= 50 ? 2 : columns >= 30 ? 1 : 0 };
    for (int64_t i = 0; i < count; i++) {
        int wide = cli_columns(series[i]->run, strlen(series[i]->run));
        if (wide > l.name) l.name = wide;
    }
    int most = columns / 4 > 4 ? columns / 4 : 4;
    if (l.name > most) l.name = most;
    l.curve = columns - 2 - l.name - 2 - l.numbers * (NUMBER + GAP);
    if (l.curve < 0) l.curve = 0;
    if (l.curve > CURVE_COLUMNS) l.curve = CURVE_COLUMNS;
    return l;
}

static void title(FILE *to, const kt_series *const *series, int64_t count, int64_t runs, const frame_style *style)
{
    double newest = -INFINITY;
    int64_t tags = 0;
    const char *bar = style->ascii ? " | " : " \u00b7 ";
    for (int64_t i = 0; i < count; i++) {
        double wall_time = series[i]->wall_times[series[i]->count - 1];
        if (wall_time > newest) newest = wall_time;
        tags += i == 0 || strcmp(series[i]->tag, series[i - 1]->tag) != 0;
    }
    char rest[160], clock[16] = "never";
    struct tm parts;
    if (newest > 0 && newest < 253370764800.0) {
        time_t seconds = (time_t)newest;
        if (localtime_r(&seconds, &parts)) strftime(clock, sizeof clock, "%H:%M:%S", &parts);
    }
    snprintf(rest, sizeof rest, "%s%lld run%s, %lld tag%s%slast point %s%ssmoothing %.3g", bar, (long long)runs,
             runs == 1 ? "" : "s", (long long)tags, tags == 1 ? "" : "s", bar, clock, bar, style->smoothing);
    int room = style->columns - cli_columns(rest, strlen(rest));
    if (room >= 4) put_text(to, style->logdir, room, style->ascii);
    put_text(to, room >= 4 ? rest : style->logdir, style->columns, style->ascii);
}

static void column_heads(FILE *to, const layout *l)
{
    static const char *const names[] = { "last", "smoothed", "min", "max" };
    put_spaces(to, 2 + l->name + 2 + l->curve);
    for (int i = 0; i < l->numbers; i++) fprintf(to, "%*s", NUMBER + GAP, names[i]);
}

static void tag_line(FILE *to, const kt_series *const *series, int64_t count, const frame_style *style)
{
    const kt_series *newest = series[0];
    for (int64_t i = 1; i < count; i++)
        if (series[i]->wall_times[series[i]->count - 1] > newest->wall_times[newest->count - 1]) newest = series[i];
    char rest[80];
    double fast = speed(newest);
    long long step = (long long)newest->steps[newest->count - 1];
    if (fast >= 0.1) snprintf(rest, sizeof rest, "  step %lld, %.3g steps/s", step, fast);
    else if (fast > 0) snprintf(rest, sizeof rest, "  step %lld, %.3g steps/min", step, fast * 60);
    else snprintf(rest, sizeof rest, "  step %lld", step);
    int room = style->columns - (int)strlen(rest);
    if (room < 8) room = style->columns, rest[0] = 0;
    if (style->terminal) fputs("\x1b[1m", to);
    int used = put_text(to, series[0]->tag, room, style->ascii);
    if (style->terminal) fputs("\x1b[0m", to);
    put_spaces(to, room - used);
    fputs(rest, to);
}

static void run_line(FILE *to, const kt_series *s, const curve *c, double low, double high, const layout *l,
                     const frame_style *style)
{
    put_spaces(to, 2);
    put_spaces(to, l->name + 2 - put_text(to, s->run, l->name, style->ascii));
    curve_print(to, c, low, high, style->ascii);
    const double numbers[] = { c->last, c->smoothed, c->least, c->most };
    for (int i = 0; i < l->numbers; i++) put_number(to, numbers[i]);
}

/* ---- blocks ---- */

/* Which lines are wanted, and which one comes next. */
typedef struct window {
    FILE *to;
    int64_t next, from, end;
} window;

static bool wanted(window *w)
{
    int64_t line = w->next++;
    return line >= w->from && line < w->end;
}

/* A tag with its runs: a line, one for each run, an empty one. Drawn only where the window is. */
static bool block(window *w, const kt_series *const *series, int64_t count, const layout *l, const frame_style *style)
{
    if (w->next + count + 2 <= w->from || w->next >= w->end) {
        w->next += count + 2;
        return true;
    }
    curve *curves = calloc((size_t)count, sizeof *curves);
    if (!curves) return false;
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (int64_t i = 0; i < count; i++)
        for (int end = 0; end < 2; end++) {
            int64_t step = series[i]->steps[end ? series[i]->count - 1 : 0];
            if (step < first) first = step;
            if (step > last) last = step;
        }
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        curves[i].width = l->curve;
        curve_draw(&curves[i], series[i]->steps, series[i]->values, series[i]->count, first, last, style->smoothing);
        for (int k = 0; k < l->curve; k++) {
            if (curves[i].cell[k] != CURVE_VALUE) continue;
            if (curves[i].value[k] < low) low = curves[i].value[k];
            if (curves[i].value[k] > high) high = curves[i].value[k];
        }
    }
    if (wanted(w)) tag_line(w->to, series, count, style), fputc('\n', w->to);
    for (int64_t i = 0; i < count; i++)
        if (wanted(w)) run_line(w->to, series[i], &curves[i], low, high, l, style), fputc('\n', w->to);
    if (wanted(w)) fputc('\n', w->to);
    free(curves);
    return true;
}

static int64_t same_tag(const kt_series *const *series, int64_t count)
{
    int64_t n = 1;
    while (n < count && strcmp(series[n]->tag, series[0]->tag) == 0) n++;
    return n;
}

static bool blocks(window *w, const kt_series *const *series, int64_t count, const layout *l, const frame_style *style)
{
    bool fine = true;
    for (int64_t i = 0, n; i < count && fine; i += n) {
        n = same_tag(series + i, count - i);
        fine = block(w, series + i, n, l, style);
    }
    return fine;
}

static void last_line(FILE *to, int64_t from, int64_t shown, int64_t all, const frame_style *style)
{
    char text[120];
    const char *dot = style->ascii ? "|" : "\u00b7";
    if (shown < all)
        snprintf(text, sizeof text, "lines %lld to %lld of %lld %s j, k and the arrows scroll %s q quits",
                 (long long)from + 1, (long long)(from + shown), (long long)all, dot, dot);
    else snprintf(text, sizeof text, "q quits");
    put_text(to, text, style->columns, style->ascii);
}

bool frame_print(FILE *to, kt_logdir *log, const events_choice *choice, frame_style *style)
{
    enum { HEAD = 2, FOOT = 1 };
    int64_t all = kt_logdir_series_count(log), count = 0, lines = 0, runs = 0;
    const kt_series **series = calloc((size_t)all + 1, sizeof *series);
    if (!series) return false;
    for (int64_t i = 0; i < all; i++) {
        const kt_series *s = kt_logdir_series(log, i);
        if (!events_is_scalar(s) || s->count == 0 || !events_chosen(choice, s)) continue;
        runs += count == 0 || strcmp(series[count - 1]->run, s->run) != 0; /* they come sorted by run */
        series[count++] = s;
    }
    if (count > 0) qsort(series, (size_t)count, sizeof *series, by_tag);
    for (int64_t i = 0, n; i < count; i += n) lines += (n = same_tag(series + i, count - i)) + 2;
    if (lines > 0) lines--; /* the last block needs no empty line */

    int64_t room = style->lines > 0 ? (style->lines > HEAD + FOOT ? style->lines - HEAD - FOOT : 1) : lines;
    if (style->top > lines - room) style->top = lines - room;
    if (style->top < 0) style->top = 0;
    layout l = lay_out(series, count, style->columns);
    title(to, series, count, runs, style);
    fputc('\n', to);
    if (count > 0) column_heads(to, &l);
    else put_text(to, "no scalars yet", style->columns, style->ascii);
    fputc('\n', to);
    int64_t end = style->top + room < lines ? style->top + room : lines;
    window w = { to, 0, style->top, end };
    bool fine = blocks(&w, series, count, &l, style);
    if (style->lines > 0) {
        for (int64_t i = end - style->top; i < room; i++) fputc('\n', to);
        last_line(to, style->top, end - style->top, lines, style);
    }
    free(series);
    return fine;
}
