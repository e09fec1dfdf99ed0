/* SPDX-License-Identifier: MIT */
/* check.c: `keratin events check`: whether every record is sound.
 *
 * An unfinished end is none of the problems: every file that is still being written has one now and then, and every
 * reader waits for the rest.
 */
#include <string.h>

#include "commands.h"
#include "events.h"

static const char help[] =
    "usage: keratin events check LOGDIR [--json]\n"
    "\n"
    "Exit status 0 when every record is sound, else 1, with one line for each problem: file, offset, reason. An unfinished\n"
    "end is no problem: the file grows, or its writer was killed; all records before it are there.\n"
    "\n"
    "  --json   lines of JSON: {\"file\",\"offset\",\"skipped\",\"status\",\"reason\"}; skipped: bytes passed over; status:\n"
    "           \"damaged\", \"unreadable\", or \"note\" (an unfinished end, a repaired tag: no problem)\n"
    "\n"
    "example: keratin events check .\n";

static const char command[] = "keratin events check";

static void print_problem(const kt_logdir_problem *p, bool json)
{
    if (json) {
        fputs("{\"file\": ", stdout);
        cli_json_text(stdout, p->file, strlen(p->file));
        printf(", \"offset\": %lld, \"skipped\": %lld, \"status\": ", (long long)p->offset, (long long)p->skipped);
        fputs(p->status == KT_OK ? "\"note\"" : p->status == KT_ERR_IO ? "\"unreadable\"" : "\"damaged\"", stdout);
        fputs(", \"reason\": ", stdout);
        cli_json_text(stdout, p->reason, strlen(p->reason));
        fputs("}\n", stdout);
        return;
    }
    cli_plain(stdout, p->file, strlen(p->file));
    printf(": offset %lld: ", (long long)p->offset);
    cli_plain(stdout, p->reason, strlen(p->reason));
    if (p->status == KT_OK) fputs(" (no error)", stdout);
    else if (p->skipped > 0) printf(" (%lld bytes passed over)", (long long)p->skipped);
    putchar('\n');
}

static int run(int argc, char **argv)
{
    bool json = false;
    const cli_option options[] = { { .name = "--json", .kind = CLI_FLAG, .to = &json }, { .name = NULL } };
    int operands = 0, status = cli_parse(&(cli_line){ command, options, "LOGDIR", 1, 1 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    kt_logdir *log = events_open(command, argv[1], NULL);
    if (!log) return CLI_FAILED;
    int64_t kept = kt_logdir_problems(log), total = kt_logdir_problems_total(log), notes = 0, records = 0;
    for (int64_t i = 0; i < kept; i++) {
        const kt_logdir_problem *p = kt_logdir_problem_at(log, i);
        print_problem(p, json);
        notes += p->status == KT_OK;
    }
    int64_t files = kt_logdir_files(log), damaged = total - notes;
    for (int64_t i = 0; i < files; i++) records += kt_logdir_file_at(log, i)->records;
    char a[32], b[32];
    if (!json && damaged == 0 && files > 0)
        printf("%s records in %s file%s, all sound\n", cli_count(a, records), cli_count(b, files),
               files == 1 ? "" : "s");
    status = cli_finish(command);
    if (files == 0 && damaged == 0) events_say_empty(command, argv[1]);
    if (damaged > 0 && records == 0)
        status = cli_fail(command,
                          "%s: expected event files, found not one sound record: 'keratin events doctor %s' looks for "
                          "logs nearby",
                          argv[1], argv[1]);
    else if (damaged > 0) {
        char more[64] = "";
        if (total > kept) snprintf(more, sizeof more, ", the first %lld of them listed", (long long)kept);
        status = cli_fail(command,
                          "%s: expected sound records only, found %s damaged or unreadable place%s beside %s sound "
                          "record%s%s: 'keratin events merge OUT %s' copies what is sound",
                          argv[1], cli_count(a, damaged), damaged == 1 ? "" : "s", cli_count(b, records),
                          records == 1 ? "" : "s", more, argv[1]);
    }
    kt_logdir_close(log);
    return status;
}

const cli_command events_check = { "check", "whether every record is sound", help, run, NULL };
