/* SPDX-License-Identifier: MIT */
/* callbacks/progbar.c: the automatic progress bar, character by character as Keras prints it.
 *
 * verbose 1 draws a line again and again (backspaces, carriage return), at most every 0.05 s and at the end; verbose
 * 2 prints a line per epoch. Each drawing goes to the print hook as one whole text. Under fit only training draws;
 * evaluate and predict alone draw their own.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/loop.h"
#include "train/numbers.h"

enum { CELLS = 20, MAX_KEYS = 72, LINE = 8192 };
static const double INTERVAL = 0.05;

typedef struct progbar {
    int64_t target, seen; /* target below 0: not known */
    double start, after_first, last; /* last: when drawn; 0: never */
    bool first_known;
    int width;            /* visible, of the line on the screen */
    const char *keys[MAX_KEYS];
    double values[MAX_KEYS];
    int n_keys;           /* in the order first seen */
} progbar;

static void begin_bar(progbar *bar, const kt_loop *loop)
{
    memset(bar, 0, sizeof *bar);
    bar->target = loop->steps;
    bar->start = kt_loop_now(loop);
}

static void take_values(progbar *bar, kt_logs *logs)
{
    for (int64_t i = 0, n = kt_logs_count(logs); i < n; i++) {
        const char *key = kt_logs_name(logs, i);
        int k = 0;
        while (k < bar->n_keys && strcmp(bar->keys[k], key) != 0) k++;
        if (k == MAX_KEYS) continue;
        if (k == bar->n_keys) bar->keys[bar->n_keys++] = key;
        bar->values[k] = kt_logs_value(logs, i);
    }
}

static double unit_time(progbar *bar, int64_t current, double now)
{
    if (current == 0) return 0;
    double unit = bar->first_known && current > 1 ? (now - bar->after_first) / (double)(current - 1)
                                                  : (now - bar->start) / (double)current;
    if (current == 1) {
        bar->after_first = now;
        bar->first_known = true;
    }
    return unit;
}

static void add_unit(kt_text *text, double unit)
{
    kt_text_add(text, " ");
    if (unit >= 1 || unit == 0) kt_text_fixed(text, unit, 0);
    else kt_text_fixed(text, unit >= 1e-3 ? unit * 1e3 : unit * 1e6, 0);
    kt_text_add(text, unit >= 1 || unit == 0 ? "s/step" : unit >= 1e-3 ? "ms/step" : "us/step");
}

static void add_values(kt_text *text, const progbar *bar, bool absolute)
{
    for (int k = 0; k < bar->n_keys; k++) {
        double v = bar->values[k];
        kt_text_add(text, " - %s: ", bar->keys[k]);
        if ((absolute ? fabs(v) : v) > 1e-3) kt_text_fixed(text, v, 4);
        else kt_text_scientific(text, v, 4);
    }
}

static int digits(int64_t n)
{
    int d = 1;
    while (n >= 10) {
        n /= 10;
        d++;
    }
    return d;
}

static void add_repeated(kt_text *text, const char *piece, int64_t times)
{
    for (int64_t i = 0; i < times; i++) kt_text_add(text, "%s", piece);
}

/* Characters on the screen: what is neither an escape sequence nor the tail of a UTF-8 character. */
static int visible(const char *line)
{
    int n = 0;
    for (const char *p = line; *p; p++) {
        if (*p == '\033') {
            while (*p && *p != 'm') p++;
            if (!*p) break;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            n++;
        }
    }
    return n;
}

static void add_bar(kt_text *text, const progbar *bar, int64_t current)
{
    if (bar->target < 0) {
        kt_text_add(text, "%7lld/Unknown", (long long)current);
        return;
    }
    int64_t done = bar->target ? CELLS * current / bar->target : CELLS;
    done = done < 0 ? 0 : done > CELLS ? CELLS : done;
    kt_text_add(text, "\033[1m%*lld/%lld\033[0m ", digits(bar->target), (long long)current, (long long)bar->target);
    if (done) {
        kt_text_add(text, "\033[32m");
        add_repeated(text, "━", done);
        kt_text_add(text, "\033[0m");
    }
    kt_text_add(text, "\033[37m");
    add_repeated(text, "━", CELLS - done);
    kt_text_add(text, "\033[0m");
}

static void add_time(kt_text *text, const progbar *bar, int64_t current, double unit, double now, bool finalise)
{
    kt_text_add(text, " \033[1m");
    if (bar->target >= 0 && !finalise) {
        double left = unit * (double)(bar->target - current);
        long long eta = (long long)left;
        if (left > 3600) kt_text_add(text, "%lld:%02lld:%02lld", eta / 3600, eta % 3600 / 60, eta % 60);
        else if (left > 60) kt_text_add(text, "%lld:%02lld", eta / 60, eta % 60);
        else kt_text_add(text, "%llds", eta);
    } else {
        kt_text_fixed(text, now - bar->start, 0);
        kt_text_add(text, "s");
    }
    kt_text_add(text, "\033[0m");
}

/* verbose 1: over the last line. */
static void draw(progbar *bar, kt_loop *loop, int64_t current, double unit, double now, bool finalise)
{
    char buffer[LINE];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    add_repeated(&text, "\b", bar->width);
    kt_text_add(&text, "\r");
    size_t start = text.length;
    add_bar(&text, bar, current);
    add_time(&text, bar, current, unit, now, finalise);
    add_unit(&text, unit);
    add_values(&text, bar, true);
    int width = visible(buffer + start);
    if (bar->width > width) add_repeated(&text, " ", bar->width - width);
    if (finalise) kt_text_add(&text, "\n");
    bar->width = width;
    kt_say(loop->kt, buffer);
}

/* verbose 2: one line at the end. */
static void print_line(const progbar *bar, kt_loop *loop, int64_t current, double unit, double now)
{
    char buffer[LINE];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    kt_text_add(&text, "%*lld/%lld - ", digits(bar->target), (long long)current, (long long)bar->target);
    kt_text_fixed(&text, now - bar->start, 0);
    kt_text_add(&text, "s -");
    add_unit(&text, unit);
    add_values(&text, bar, false);
    kt_text_add(&text, "\n");
    kt_say(loop->kt, buffer);
}

static void update(progbar *bar, kt_loop *loop, int64_t current, kt_logs *logs, bool finalise)
{
    if (loop->verbose == 2 && !finalise) return;
    double now = kt_loop_now(loop), unit = unit_time(bar, current, now);
    if (!finalise && bar->last > 0 && now - bar->last < INTERVAL) return;
    if (logs) take_values(bar, logs);
    if (loop->verbose == 1) draw(bar, loop, current, unit, now, finalise);
    else print_line(bar, loop, current, unit, now);
    bar->last = now;
}

static void finalise(progbar *bar, kt_loop *loop, kt_logs *logs)
{
    if (bar->target < 0) {
        bar->target = bar->seen;
        loop->steps = bar->seen; /* the next epochs know */
    }
    update(bar, loop, bar->target, logs, true);
}

static kt_status progbar_epoch_begin(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)logs;
    begin_bar(self, loop);
    if (loop->epochs > 1) kt_loop_print(loop, "Epoch %lld/%lld\n", (long long)epoch + 1, (long long)loop->epochs);
    return KT_OK;
}

static kt_status progbar_train_batch_end(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    progbar *bar = self;
    bar->seen = batch + 1;
    update(bar, loop, bar->seen, logs, false);
    return KT_OK;
}

static kt_status progbar_epoch_end(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)epoch;
    finalise(self, loop, logs);
    return KT_OK;
}

static kt_status progbar_run_begin(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)logs;
    if (!loop->fitting) begin_bar(self, loop);
    return KT_OK;
}

static kt_status progbar_test_batch_end(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    return loop->fitting ? KT_OK : progbar_train_batch_end(self, loop, batch, logs);
}

static kt_status progbar_test_end(void *self, kt_loop *loop, kt_logs *logs)
{
    if (!loop->fitting) finalise(self, loop, logs);
    return KT_OK;
}

static kt_status progbar_predict_batch_end(void *self, kt_loop *loop, int64_t batch, kt_logs *logs)
{
    (void)logs;
    return progbar_train_batch_end(self, loop, batch, NULL);
}

static kt_status progbar_predict_end(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)logs;
    finalise(self, loop, NULL);
    return KT_OK;
}

const kt_callback_class kt_progbar_class = {
    .name = "ProgbarLogger",
    .state_size = sizeof(progbar),
    .on_epoch_begin = progbar_epoch_begin,
    .on_train_batch_end = progbar_train_batch_end,
    .on_epoch_end = progbar_epoch_end,
    .on_test_begin = progbar_run_begin,
    .on_test_batch_end = progbar_test_batch_end,
    .on_test_end = progbar_test_end,
    .on_predict_begin = progbar_run_begin,
    .on_predict_batch_end = progbar_predict_batch_end,
    .on_predict_end = progbar_predict_end,
};
