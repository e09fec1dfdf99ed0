/* SPDX-License-Identifier: MIT */
/* doctor.c: `keratin events doctor`: why a dashboard would be empty or wrong.
 *
 * TensorBoard shows nothing, or half, without a word in most of these cases. What is asked is what its two readers do
 * with a log: the default one, written in Rust, and the one in Python.
 */
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"

static const char help[] =
    "usage: keratin events doctor LOGDIR [--json]\n"
    "\n"
    "Says why TensorBoard would show nothing or something else than was logged: the wrong folder, files without records,\n"
    "unreadable or damaged ones, two writers in one folder, steps that do not rise, gaps, clocks that are wrong, values that\n"
    "are not finite, one tag for two kinds, too many runs or points. Each finding is one sentence that says what is and one\n"
    "that says what to do. Exit status 0 when it could look, whatever it found.\n"
    "\n"
    "  --json   lines of JSON: {\"weight\": \"wrong\" or \"note\",\"what\",\"do\"}; none when nothing is wrong\n"
    "\n"
    "example: keratin events doctor .\n";

static const char command[] = "keratin events doctor";

void doctor_says(doctor *d, doctor_weight weight, const char *advice, const char *format, ...)
{
    char what[2400];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    size_t size = n < 0 ? 0 : (size_t)n < sizeof what ? (size_t)n : sizeof what - 1;
    if (weight == DOCTOR_WRONG) d->found++;
    else d->noted++;
    if (d->json) {
        printf("{\"weight\": \"%s\", \"what\": ", weight == DOCTOR_WRONG ? "wrong" : "note");
        cli_json_text(stdout, what, size);
        fputs(", \"do\": ", stdout);
        cli_json_text(stdout, advice, strlen(advice));
        fputs("}\n", stdout);
        return;
    }
    printf("%s: ", weight == DOCTOR_WRONG ? "wrong" : "note");
    cli_plain(stdout, what, size);
    printf("\n  -> ");
    cli_plain(stdout, advice, strlen(advice));
    putchar('\n');
}

void doctor_name(doctor_names *names, const char *run, const char *tag)
{
    if (names->count++ >= 3) return;
    size_t at = strlen(names->text), room = sizeof names->text - 32; /* 32: for "and ... more" */
    if (at >= room) return;
    bool root = strcmp(run, ".") == 0 && tag;
    snprintf(names->text + at, room - at, "%s'%.300s%s%.300s'", at ? ", " : "", root ? "" : run,
             tag && !root ? "/" : "", tag ? tag : "");
}

const char *doctor_list(doctor_names *names)
{
    size_t at = strlen(names->text);
    if (names->count > 3)
        snprintf(names->text + at, sizeof names->text - at, " and %lld more", (long long)(names->count - 3));
    return names->text;
}

static void say_summary(const doctor *d)
{
    int64_t files = kt_logdir_files(d->log), series = kt_logdir_series_count(d->log), points = 0, runs = 0;
    for (int64_t i = 0; i < series; i++) {
        const kt_series *s = kt_logdir_series(d->log, i);
        points += s->count;
        runs += i == 0 || strcmp(kt_logdir_series(d->log, i - 1)->run, s->run) != 0;
    }
    char a[32], b[32], c[32], e[32];
    if (d->found == 0) fputs("nothing wrong: ", stdout);
    printf("%s file%s, %s run%s with points, ", cli_count(a, files), files == 1 ? "" : "s", cli_count(b, runs),
           runs == 1 ? "" : "s");
    printf("%s tag%s, %s point%s\n", cli_count(c, series), series == 1 ? "" : "s", cli_count(e, points),
           points == 1 ? "" : "s");
}

static int run(int argc, char **argv)
{
    doctor d = { 0 };
    const cli_option options[] = { { .name = "--json", .kind = CLI_FLAG, .to = &d.json }, { .name = NULL } };
    int operands = 0, status = cli_parse(&(cli_line){ command, options, "LOGDIR", 1, 1 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    d.logdir = argv[1];
    struct stat there;
    if (stat(d.logdir, &there) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        doctor_missing(&d);
        return cli_finish(command);
    }
    d.log = events_open(command, d.logdir, NULL);
    if (!d.log) return CLI_FAILED;
    doctor_place(&d);
    doctor_files(&d);
    doctor_series(&d);
    if (!d.json) say_summary(&d);
    kt_logdir_close(d.log);
    return cli_finish(command);
}

const cli_command events_doctor = { "doctor", "why a dashboard would be empty or wrong", help, run, NULL };
