/* SPDX-License-Identifier: MIT */
/* tail.c: `keratin events tail`: follows a live run.
 *
 * On a terminal it is a screen that is drawn anew when points have come, at most five times a second. Elsewhere it is
 * one plain line for each new point, without a control byte, so that `| grep` and `>> file` work. --once shows the
 * screen's content once and ends.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "events.h"
#include "frame.h"
#include "terminal.h"

static const char help[] =
    "usage: keratin events tail LOGDIR [--once] [--smoothing W] [--run R] [--tag T] [--ascii] [--lines N] [--for S]\n"
    "\n"
    "Follows the scalars of a log while it grows. On a terminal: a block for each tag with a curve for each run; j, k, the\n"
    "arrows and space scroll, q quits. Elsewhere: a line for each new point.\n"
    "\n"
    "  --once             show what is there and end\n"
    "  --smoothing W      from 0 to 0.999, as in TensorBoard (default 0.6); numbers under last, min and max are not smoothed\n"
    "  --run R, --tag T   only these: a name, or a pattern with * ? [...]\n"
    "  --ascii            no block characters (the default where the locale is not UTF-8)\n"
    "  --lines N          not on a terminal: begin with the newest N points (default 10)\n"
    "  --for S            end after S seconds\n"
    "\n"
    "example: keratin events tail . --once\n";

static const char command[] = "keratin events tail";

typedef struct tailing {
    kt_logdir *log;
    events_choice choice;
    frame_style style;
    int64_t lines;
    double seconds; /* 0: until somebody ends it */
} tailing;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How long to wait for news: a log that takes long to look at is looked at less often. */
static double pause_after(double took)
{
    double pause = 4 * took;
    return pause < 0.2 ? 0.2 : pause > 5 ? 5 : pause;
}

/* ---- a screen ---- */

static bool draw(tailing *t)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to) return false;
    terminal_size(&t->style.columns, &t->style.lines);
    bool fine = frame_print(to, t->log, &t->choice, &t->style);
    fine = fclose(to) == 0 && fine;
    fputs("\x1b[H", stdout);
    for (size_t i = 0; fine && i < size; i++) {
        if (text[i] == '\n') fputs("\x1b[K", stdout); /* what the last frame had behind it */
        putchar(text[i]);
    }
    fputs("\x1b[K\x1b[J", stdout);
    fflush(stdout);
    free(text);
    return fine;
}

static int show(tailing *t)
{
    double begun = now(), drawn = 0, pause = 0.2;
    bool fine = true, changed = true;
    terminal_begin(true);
    while (fine) {
        if (changed && now() - drawn >= 0.2) {
            fine = draw(t);
            drawn = now();
            changed = false;
        }
        if (t->seconds > 0 && now() - begun >= t->seconds) break;
        terminal_event event = terminal_wait(pause);
        if (event == TERMINAL_QUIT) break;
        int64_t page = t->style.lines > 6 ? t->style.lines - 5 : 1;
        if (event == TERMINAL_UP) t->style.top--;
        if (event == TERMINAL_DOWN) t->style.top++;
        if (event == TERMINAL_PAGE_UP) t->style.top -= page;
        if (event == TERMINAL_PAGE_DOWN) t->style.top += page;
        if (event != TERMINAL_TIME) {
            changed = true;
            drawn = 0; /* who presses a key wants to see what it does */
            continue;
        }
        double before = now();
        int64_t news = 0;
        (void)kt_logdir_refresh(t->log, &news); /* a folder that is gone may come back; the screen stays */
        pause = pause_after(now() - before);
        changed |= news != 0;
    }
    terminal_end();
    if (!fine) return cli_fail(command, "not enough memory to draw the curves: choose fewer with --run and --tag");
    return CLI_DONE;
}

/* ---- lines ---- */

/* How far a series has been printed. */
typedef struct mark {
    char *run, *tag;
    int64_t printed;
} mark;

typedef struct line {
    const kt_series *series;
    int64_t point;
    size_t order;
} line;

typedef struct follower {
    mark *marks;
    size_t count, room;
    line *lines;
    size_t waiting, lines_room;
} follower;

static int in_time(const void *a, const void *b)
{
    const line *x = a, *y = b;
    double p = x->series->wall_times[x->point], q = y->series->wall_times[y->point];
    if (p < q || p > q) return p < q ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The mark of a series, made when it is new; NULL when memory is short. */
static mark *mark_of(follower *f, const kt_series *s)
{
    size_t low = 0, high = f->count;
    while (low < high) { /* sorted by run, then tag */
        size_t middle = (low + high) / 2;
        int order = strcmp(f->marks[middle].run, s->run);
        if (order == 0) order = strcmp(f->marks[middle].tag, s->tag);
        if (order == 0) return &f->marks[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 64;
        mark *marks = realloc(f->marks, room * sizeof *marks);
        if (!marks) return NULL;
        f->marks = marks;
        f->room = room;
    }
    mark new = { strdup(s->run), strdup(s->tag), 0 };
    if (!new.run || !new.tag) {
        free(new.run);
        free(new.tag);
        return NULL;
    }
    memmove(f->marks + low + 1, f->marks + low, (f->count - low) * sizeof *f->marks);
    f->marks[low] = new;
    f->count++;
    return &f->marks[low];
}

static bool add_line(follower *f, const kt_series *s, int64_t point)
{
    if (f->waiting == f->lines_room) {
        size_t room = f->lines_room ? 2 * f->lines_room : 256;
        line *lines = room > SIZE_MAX / sizeof *lines ? NULL : realloc(f->lines, room * sizeof *lines);
        if (!lines) return false;
        f->lines = lines;
        f->lines_room = room;
    }
    f->lines[f->waiting] = (line){ s, point, f->waiting };
    f->waiting++;
    return true;
}

static void print_line(const line *l)
{
    const kt_series *s = l->series;
    cli_time(stdout, s->wall_times[l->point]);
    fputs("  ", stdout);
    cli_plain(stdout, s->run, strlen(s->run));
    fputs("  ", stdout);
    cli_plain(stdout, s->tag, strlen(s->tag));
    printf("  step %lld  ", (long long)s->steps[l->point]);
    cli_plain_float(stdout, s->values[l->point]);
    putchar('\n');
}

/* Prints the newest points, or with most < 0 all that are new, in the order of their times. */
static bool print_news(tailing *t, follower *f, int64_t most)
{
    f->waiting = 0;
    for (int64_t i = 0; i < kt_logdir_series_count(t->log); i++) {
        const kt_series *s = kt_logdir_series(t->log, i);
        if (!events_is_scalar(s) || !events_chosen(&t->choice, s)) continue;
        mark *m = mark_of(f, s);
        if (!m) return false;
        int64_t from = m->printed < s->count ? m->printed : s->count;
        if (most >= 0 && s->count - from > most) from = s->count - most;
        for (int64_t k = from; k < s->count; k++)
            if (!add_line(f, s, k)) return false;
        m->printed = s->count;
    }
    if (f->waiting > 1) qsort(f->lines, f->waiting, sizeof *f->lines, in_time);
    size_t first = most >= 0 && f->waiting > (size_t)most ? f->waiting - (size_t)most : 0;
    for (size_t i = first; i < f->waiting; i++) print_line(&f->lines[i]);
    return true;
}

static int follow(tailing *t)
{
    follower f = { 0 };
    double begun = now(), pause = 0.2;
    bool fine = print_news(t, &f, t->lines);
    terminal_begin(false);
    int status = fine ? cli_finish(command) : CLI_FAILED;
    while (status == CLI_DONE && fine) {
        double left = t->seconds > 0 ? t->seconds - (now() - begun) : pause;
        if (left <= 0 || terminal_wait(left < pause ? left : pause) == TERMINAL_QUIT) break;
        double before = now();
        int64_t news = 0;
        (void)kt_logdir_refresh(t->log, &news); /* a folder that is gone may come back */
        pause = pause_after(now() - before);
        if (news == 0) continue;
        fine = print_news(t, &f, -1);
        status = cli_finish(command);
    }
    for (size_t i = 0; i < f.count; i++) {
        free(f.marks[i].run);
        free(f.marks[i].tag);
    }
    free(f.marks);
    free(f.lines);
    if (!fine) return cli_fail(command, "not enough memory for the new points: choose fewer with --run and --tag");
    return status;
}

/* ---- the command ---- */

static int once(tailing *t)
{
    terminal_size(&t->style.columns, &t->style.lines);
    t->style.lines = 0; /* all blocks, whatever the screen holds */
    if (!frame_print(stdout, t->log, &t->choice, &t->style))
        return cli_fail(command, "not enough memory to draw the curves: choose fewer with --run and --tag");
    return cli_finish(command);
}

static int run(int argc, char **argv)
{
    tailing t = { .style = { .smoothing = 0.6 }, .lines = 10 };
    bool only_once = false;
    const cli_option options[] = {
        { .name = "--once", .kind = CLI_FLAG, .to = &only_once },
        { .name = "--smoothing", .kind = CLI_REAL, .to = &t.style.smoothing, .least = 0, .most = 0.999 },
        { .name = "--run", .kind = CLI_TEXT, .to = &t.choice.run },
        { .name = "--tag", .kind = CLI_TEXT, .to = &t.choice.tag },
        { .name = "--ascii", .kind = CLI_FLAG, .to = &t.style.ascii },
        { .name = "--lines", .kind = CLI_COUNT, .to = &t.lines, .least = 0, .most = 9e15 },
        { .name = "--for", .kind = CLI_REAL, .to = &t.seconds, .least = 0, .most = 1e9 },
        { .name = NULL },
    };
    int operands = 0, status = cli_parse(&(cli_line){ command, options, "LOGDIR", 1, 1 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    bool screen = isatty(STDOUT_FILENO) && !only_once;
    t.style.logdir = argv[1];
    t.style.terminal = screen;
    if (!terminal_utf8()) t.style.ascii = true;
    /* a curve goes on where a restarted run goes on; lines, once printed, cannot be forgotten */
    kt_logdir_config config = { .forget_restarts = screen || only_once };
    t.log = events_open(command, argv[1], &config);
    if (!t.log) return CLI_FAILED;
    if (only_once) status = events_check_choice(command, t.log, argv[1], &t.choice); /* else it may still come */
    if (status == CLI_DONE) status = only_once ? once(&t) : screen ? show(&t) : follow(&t);
    kt_logdir_close(t.log);
    return status;
}

const cli_command events_tail = { "tail", "follow a live run", help, run, NULL };
