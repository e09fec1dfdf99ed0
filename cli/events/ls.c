/* SPDX-License-Identifier: MIT */
/* ls.c: `keratin events ls`: one line per run and tag. */
#include <string.h>

#include "commands.h"
#include "events.h"

static const char help[] =
    "usage: keratin events ls LOGDIR [--run R] [--tag T] [--json]\n"
    "\n"
    "One line per run and tag: plugin, number of points, first and last step, last value of scalars.\n"
    "\n"
    "  --run R, --tag T   only these: a name, or a pattern with * ? [...]; the logdir itself is the run .\n"
    "  --json             lines of JSON: {\"run\",\"tag\",\"plugin\",\"count\",\"first_step\",\"last_step\",\"last_value\"};\n"
    "                     last_value is null where a point is no single number\n"
    "\n"
    "example: keratin events ls . --json\n";

static const char command[] = "keratin events ls";

static void as_json(const kt_series *s)
{
    fputs("{\"run\": ", stdout);
    cli_json_text(stdout, s->run, strlen(s->run));
    fputs(", \"tag\": ", stdout);
    cli_json_text(stdout, s->tag, strlen(s->tag));
    fputs(", \"plugin\": ", stdout);
    cli_json_text(stdout, s->plugin, strlen(s->plugin));
    printf(", \"count\": %lld, \"first_step\": ", (long long)s->count);
    if (s->count > 0)
        printf("%lld, \"last_step\": %lld", (long long)s->steps[0], (long long)s->steps[s->count - 1]);
    else fputs("null, \"last_step\": null", stdout);
    fputs(", \"last_value\": ", stdout);
    if (s->count > 0 && events_is_scalar(s)) cli_json_float(stdout, s->values[s->count - 1]);
    else fputs("null", stdout);
    fputs("}\n", stdout);
}

static void as_line(const kt_series *s, const int *widths)
{
    char count[32], steps[64];
    cli_plain_padded(stdout, s->run, widths[0] + 2);
    cli_plain_padded(stdout, s->tag, widths[1] + 2);
    cli_plain_padded(stdout, *s->plugin ? s->plugin : "-", widths[2] + 2);
    if (s->count == 0) steps[0] = 0;
    else if (s->steps[0] == s->steps[s->count - 1]) snprintf(steps, sizeof steps, "%lld", (long long)s->steps[0]);
    else
        snprintf(steps, sizeof steps, "%lld to %lld", (long long)s->steps[0], (long long)s->steps[s->count - 1]);
    bool number = s->count > 0 && events_is_scalar(s);
    printf("%10s  %s", cli_count(count, s->count), steps);
    if (number) {
        printf("%*s", strlen(steps) < 18 ? 20 - (int)strlen(steps) : 2, "");
        cli_plain_float(stdout, s->values[s->count - 1]);
    }
    putchar('\n');
}

static void widen(int *width, const char *text)
{
    int columns = cli_columns(text, strlen(text));
    if (columns > *width) *width = columns;
}

static int run(int argc, char **argv)
{
    events_choice choice = { 0 };
    bool json = false;
    const cli_option options[] = {
        { .name = "--run", .kind = CLI_TEXT, .to = &choice.run },
        { .name = "--tag", .kind = CLI_TEXT, .to = &choice.tag },
        { .name = "--json", .kind = CLI_FLAG, .to = &json },
        { .name = NULL },
    };
    int operands = 0, status = cli_parse(&(cli_line){ command, options, "LOGDIR", 1, 1 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    kt_logdir *log = events_open(command, argv[1], NULL);
    if (!log) return CLI_FAILED;
    status = events_check_choice(command, log, argv[1], &choice);
    int widths[3] = { 3, 3, 6 };
    int64_t count = kt_logdir_series_count(log);
    for (int64_t i = 0; i < count && !json; i++) {
        const kt_series *s = kt_logdir_series(log, i);
        if (!events_chosen(&choice, s)) continue;
        widen(&widths[0], s->run);
        widen(&widths[1], s->tag);
        widen(&widths[2], s->plugin);
    }
    if (!json && count > 0 && status == CLI_DONE)
        printf("%-*s%-*s%-*s%10s  %-20s%s\n", widths[0] + 2, "run", widths[1] + 2, "tag", widths[2] + 2, "plugin",
               "points", "steps", "last value");
    for (int64_t i = 0; i < count; i++) {
        const kt_series *s = kt_logdir_series(log, i);
        if (!events_chosen(&choice, s)) continue;
        if (json) as_json(s);
        else as_line(s, widths);
    }
    if (status == CLI_DONE) status = cli_finish(command);
    if (status == CLI_DONE) events_say_damage(command, log, argv[1]);
    if (status == CLI_DONE && count == 0) events_say_empty(command, argv[1]);
    kt_logdir_close(log);
    return status;
}

const cli_command events_ls = { "ls", "one line per run and tag", help, run, NULL };
