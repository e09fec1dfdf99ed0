/* SPDX-License-Identifier: MIT */
/* export.c: `keratin events export`: scalars as a table for papers and spreadsheets.
 *
 * The long form has one row per point and loses nothing. The wide form has one row per step; a step that a series has
 * more than once gives its last value, which is also what TensorBoard shows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "events.h"

static const char help[] =
    "usage: keratin events export LOGDIR --csv OUT [--wide] [--run R] [--tag T]\n"
    "\n"
    "All scalars as one table: run,tag,step,wall_time,value.\n"
    "\n"
    "  --csv OUT          the file, or - for standard output\n"
    "  --wide             one row per step and one column per run and tag; a cell is empty where there is no point\n"
    "  --run R, --tag T   only these: a name, or a pattern with * ? [...]; the logdir itself is the run .\n"
    "\n"
    "example: keratin events export . --csv scalars.csv --wide\n";

static const char command[] = "keratin events export";

/* ---- the long form ---- */

static int64_t write_long(FILE *to, kt_logdir *log, const events_choice *choice)
{
    int64_t rows = 0;
    fputs("run,tag,step,wall_time,value\n", to);
    for (int64_t i = 0; i < kt_logdir_series_count(log); i++) {
        const kt_series *s = kt_logdir_series(log, i);
        if (!events_is_scalar(s) || !events_chosen(choice, s)) continue;
        for (int64_t k = 0; k < s->count; k++, rows++) {
            cli_csv_text(to, s->run, strlen(s->run));
            fputc(',', to);
            cli_csv_text(to, s->tag, strlen(s->tag));
            fprintf(to, ",%lld,", (long long)s->steps[k]);
            cli_csv_double(to, s->wall_times[k]);
            fputc(',', to);
            cli_csv_float(to, s->values[k]);
            fputc('\n', to);
        }
    }
    return rows;
}

/* ---- the wide form ---- */

typedef struct cell {
    int64_t step, point;
} cell;

/* A series with its steps in rising order, each once. */
typedef struct column {
    const kt_series *series;
    cell *cells; /* NULL where the steps rise anyway */
    int64_t count, at;
} column;

static int by_step(const void *a, const void *b)
{
    const cell *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    return x->point < y->point ? -1 : x->point > y->point;
}

static bool column_of(column *c, const kt_series *s)
{
    *c = (column){ .series = s, .count = s->count };
    if (s->restarts == 0) return true;
    c->cells = malloc((size_t)s->count * sizeof *c->cells); /* the reader holds more than that for the series */
    if (!c->cells) return false;
    for (int64_t i = 0; i < s->count; i++) c->cells[i] = (cell){ s->steps[i], i };
    qsort(c->cells, (size_t)s->count, sizeof *c->cells, by_step);
    int64_t n = 0;
    for (int64_t i = 0; i < s->count; i++)
        if (i + 1 == s->count || c->cells[i + 1].step != c->cells[i].step) c->cells[n++] = c->cells[i];
    c->count = n;
    return true;
}

static int64_t column_step(const column *c)
{
    return c->cells ? c->cells[c->at].step : c->series->steps[c->at];
}

static void header_cell(FILE *to, const kt_series *s)
{
    char *name = cli_join(s->run, s->tag);
    if (!name) return;
    cli_csv_text(to, name, strlen(name));
    free(name);
}

static int64_t write_rows(FILE *to, column *columns, int64_t n)
{
    int64_t rows = 0;
    for (;; rows++) {
        int64_t step = 0;
        bool left = false;
        for (int64_t i = 0; i < n; i++) {
            if (columns[i].at == columns[i].count) continue;
            int64_t own = column_step(&columns[i]);
            if (!left || own < step) step = own;
            left = true;
        }
        if (!left) return rows;
        fprintf(to, "%lld", (long long)step);
        for (int64_t i = 0; i < n; i++) {
            column *c = &columns[i];
            fputc(',', to);
            if (c->at == c->count || column_step(c) != step) continue;
            cli_csv_float(to, c->series->values[c->cells ? c->cells[c->at].point : c->at]);
            c->at++;
        }
        fputc('\n', to);
    }
}

/* The number of rows, or -1 when memory is short. */
static int64_t write_wide(FILE *to, kt_logdir *log, const events_choice *choice)
{
    int64_t count = kt_logdir_series_count(log), n = 0, rows = 0;
    column *columns = calloc((size_t)count + 1, sizeof *columns);
    if (!columns) return -1;
    fputs("step", to);
    for (int64_t i = 0; i < count && rows == 0; i++) {
        const kt_series *s = kt_logdir_series(log, i);
        if (!events_is_scalar(s) || !events_chosen(choice, s)) continue;
        if (!column_of(&columns[n++], s)) rows = -1;
        fputc(',', to);
        header_cell(to, s);
    }
    fputc('\n', to);
    if (rows == 0) rows = write_rows(to, columns, n);
    for (int64_t i = 0; i < n; i++) free(columns[i].cells);
    free(columns);
    return rows;
}

/* ---- the command ---- */

static int export_to(const char *path, kt_logdir *log, const events_choice *choice, bool wide)
{
    bool standard = strcmp(path, "-") == 0;
    cli_output output = { .file = stdout };
    if (!standard && !cli_output_open(&output, path))
        return cli_fail(command, "%s: expected a place where a file can be made, the system says: %s", path,
                        strerror(errno));
    int64_t rows = wide ? write_wide(output.file, log, choice) : write_long(output.file, log, choice);
    if (rows < 0) {
        if (!standard) cli_output_abandon(&output);
        return cli_fail(command, "not enough memory to sort the steps: choose fewer series with --run and --tag");
    }
    if (standard) return cli_finish(command);
    if (!cli_output_commit(&output))
        return cli_fail(command, "%s: could not be written, the system says: %s; nothing was changed", path,
                        strerror(errno));
    char count[32];
    fprintf(stderr, "%s: %s rows in ", command, cli_count(count, rows));
    cli_plain(stderr, path, strlen(path));
    fputc('\n', stderr);
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    events_choice choice = { 0 };
    const char *path = NULL;
    bool wide = false;
    const cli_option options[] = {
        { .name = "--csv", .kind = CLI_TEXT, .to = &path },
        { .name = "--wide", .kind = CLI_FLAG, .to = &wide },
        { .name = "--run", .kind = CLI_TEXT, .to = &choice.run },
        { .name = "--tag", .kind = CLI_TEXT, .to = &choice.tag },
        { .name = NULL },
    };
    int operands = 0, status = cli_parse(&(cli_line){ command, options, "LOGDIR", 1, 1 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    if (!path || !*path) return cli_misused(command, "expects --csv OUT, the file to write (- is standard output)");
    kt_logdir *log = events_open(command, argv[1], NULL);
    if (!log) return CLI_FAILED;
    status = events_check_choice(command, log, argv[1], &choice);
    if (status == CLI_DONE) status = export_to(path, log, &choice, wide);
    if (status == CLI_DONE) events_say_damage(command, log, argv[1]);
    kt_logdir_close(log);
    return status;
}

const cli_command events_export = { "export", "scalars as a table (CSV)", help, run, NULL };
