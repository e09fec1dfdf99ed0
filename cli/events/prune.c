/* SPDX-License-Identifier: MIT */
/* prune.c: `keratin events prune`: smaller logs, in place.
 *
 * Of each series of numbers or media every N-th point stays, the first and the last always; texts, graphs, hparams,
 * layouts and everything unknown stay whole. A record stays when any of its values does. Each file is written anew
 * beside the old one, synced and renamed over it, with the old one's mode and times, so that at each moment either the
 * old or the new file is there. A file that somebody may still be writing is refused: the writer would go on in the
 * removed one.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "commands.h"
#include "copy.h"

static const char help[] =
    "usage: keratin events prune LOGDIR --keep-every N [--keep-last K] [--run R] [--tag T] [--dry-run] [--force]\n"
    "\n"
    "Makes logs smaller, in place. Of scalars, histograms, images, audio, PR curves and meshes every N-th point of each\n"
    "series is kept, the first and the last always; all else is kept whole.\n"
    "\n"
    "  --keep-every N     1 keeps all; with --tag 'x' and a very large N only the first and the last point of x are kept\n"
    "  --keep-last K      the last K points of each series are kept, too (default 1)\n"
    "  --run R, --tag T   thin out only these: a name, or a pattern with * ? [...]\n"
    "  --dry-run          say what would be kept, change nothing\n"
    "  --force            also files that were written less than a minute ago, and damaged ones (which lose the damage)\n"
    "\n"
    "A running TensorBoard shows the old points until it is started again.\n"
    "\n"
    "example: keratin events prune . --keep-every 10 --dry-run\n";

static const char command[] = "keratin events prune";

typedef struct pruning {
    kt_logdir *log;
    events_choice choice;
    int64_t every, last;
    bool dry, force;
    const kt_series **series; /* sorted by address; */
    int64_t *met;             /* how many points of each have been met */
    int64_t count;
} pruning;

static bool may_be_thinned(const kt_series *s)
{
    static const char *const plugins[] = { "scalars", "histograms", "images", "audio", "pr_curves", "mesh" };
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (strcmp(s->plugin, plugins[i]) == 0) return true;
    return false;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)*(const kt_series *const *)a, y = (uintptr_t)*(const kt_series *const *)b;
    return x < y ? -1 : x > y;
}

/* Whether the next point of this series stays. Points are met in the order in which the reader counted them. */
static bool stays(pruning *p, const kt_series *s)
{
    const kt_series **found =
        s ? bsearch(&s, p->series, (size_t)p->count, sizeof *p->series, by_address) : NULL;
    if (!found) return true;
    int64_t point = p->met[found - p->series]++;
    if (!may_be_thinned(s) || !events_chosen(&p->choice, s)) return true;
    return point % p->every == 0 || point >= s->count - p->last;
}

/* 1: the record stays; 0: all its values go; -1: it could not be read. */
static int record_stays(pruning *p, const kt_logdir_record *record)
{
    bool any = record->values == 0;
    for (int64_t i = 0; i < record->values; i++) {
        kt_logdir_record_value value = { 0 };
        if (kt_logdir_record_value_at(p->log, record, i, &value) != KT_OK) return -1;
        any |= stays(p, value.series);
    }
    return any;
}

static int refused(const char *path)
{
    return cli_fail(command, "%s: the new file could not be written, the system says: %s; the old one is unchanged",
                    path, strerror(errno));
}

/* Puts the new content in the old one's place, if the old one is still what was read. */
static int replace(cli_output *output, const char *path, const struct stat *old)
{
    struct stat now;
    if (stat(path, &now) != 0 || now.st_size != old->st_size || now.st_ino != old->st_ino) {
        cli_output_abandon(output);
        return cli_fail(command,
                        "%s: expected a file at rest, it was changed meanwhile: stop the program that writes it; the "
                        "file is unchanged",
                        path);
    }
    struct timespec times[2] = { old->st_atim, old->st_mtim };
    bool kept = fflush(output->file) == 0 && fchmod(fileno(output->file), old->st_mode & 07777) == 0;
    if (kept) (void)futimens(fileno(output->file), times); /* old times are a courtesy to readers that go by them */
    if (!kept) {
        refused(path);
        cli_output_abandon(output);
        return CLI_FAILED;
    }
    return cli_output_commit(output) ? CLI_DONE : refused(path);
}

/* Walks over the records and writes those that stay. */
static int thin_out(pruning *p, int64_t i, const char *path, FILE *to, events_sum *sum)
{
    events_walk walk = { .log = p->log, .file = i };
    for (int more = events_next(&walk); more != 0; more = events_next(&walk)) {
        int stay = more < 0 ? -1 : record_stays(p, &walk.record);
        if (stay < 0) return cli_fail(command, "%s: %s; the file is unchanged", path, kt_logdir_message(p->log));
        kt_blob frame = walk.record.frame; /* values of a record do not end its loan */
        sum->records_in++;
        if (stay == 0) continue;
        sum->records_out++;
        sum->bytes_out += (int64_t)frame.size;
        if (to && fwrite(frame.bytes, 1, frame.size, to) != frame.size) return refused(path);
    }
    return CLI_DONE;
}

static int prune_file(pruning *p, int64_t i, events_sum *total)
{
    char *path = strdup(kt_logdir_file_at(p->log, i)->path); /* lent only until the next call */
    if (!path) return cli_fail(command, "not enough memory for a path");
    struct stat old = { 0 };
    cli_output output = { 0 };
    events_sum sum = { 0 };
    int status = CLI_DONE;
    if (stat(path, &old) != 0)
        status = cli_fail(command, "%s: expected a file, the system says: %s", path, strerror(errno));
    else if (!p->dry && !cli_output_open(&output, path)) status = refused(path);
    else status = thin_out(p, i, path, output.file, &sum);
    bool smaller = sum.records_out < sum.records_in;
    if (!smaller) sum.bytes_out = old.st_size;
    if (status == CLI_DONE && smaller && !p->dry) status = replace(&output, path, &old);
    cli_output_abandon(&output);
    total->records_in += sum.records_in;
    total->records_out += sum.records_out;
    total->bytes_in += old.st_size;
    total->bytes_out += sum.bytes_out;
    total->files += smaller;
    free(path);
    return status;
}

/* Nothing is changed when any of the files must not be. */
static int refuse_live(pruning *p)
{
    time_t now = time(NULL);
    for (int64_t i = 0; i < kt_logdir_files(p->log); i++) {
        const char *path = kt_logdir_file_at(p->log, i)->path;
        struct stat there;
        if (stat(path, &there) != 0) continue; /* told when its turn comes */
        if (now - there.st_mtime < 60 && now >= there.st_mtime)
            return cli_fail(command,
                            "%s: expected a file at rest, it was written %lld s ago: wait until its program has ended "
                            "(what it still writes would be lost) or give --force; nothing was changed",
                            path, (long long)(now - there.st_mtime));
        if (events_damaged(p->log, path))
            return cli_fail(command,
                            "%s: expected sound records, some are damaged ('keratin events check' lists them): give "
                            "--force to drop the damage with the other points; nothing was changed",
                            path);
    }
    return CLI_DONE;
}

static int prune(pruning *p)
{
    p->count = kt_logdir_series_count(p->log);
    p->series = calloc((size_t)p->count + 1, sizeof *p->series);
    p->met = calloc((size_t)p->count + 1, sizeof *p->met);
    int status = p->series && p->met ? CLI_DONE : cli_fail(command, "not enough memory for the list of series");
    events_sum sum = { 0 };
    if (status == CLI_DONE) {
        for (int64_t i = 0; i < p->count; i++) p->series[i] = kt_logdir_series(p->log, i);
        qsort(p->series, (size_t)p->count, sizeof *p->series, by_address);
        if (!p->force && !p->dry) status = refuse_live(p);
    }
    for (int64_t i = 0; i < kt_logdir_files(p->log) && status == CLI_DONE; i++) status = prune_file(p, i, &sum);
    char a[32], b[32], c[32];
    if (status == CLI_DONE) {
        printf("%s%s of %s records kept, ", p->dry ? "dry run: " : "", cli_count(a, sum.records_out),
               cli_count(b, sum.records_in));
        printf("%s of %s bytes, ", cli_count(a, sum.bytes_out), cli_count(b, sum.bytes_in));
        printf("%s file%s %s\n", cli_count(c, sum.files), sum.files == 1 ? "" : "s",
               p->dry ? "would be rewritten" : "rewritten");
        status = cli_finish(command);
    }
    free(p->series);
    free(p->met);
    return status;
}

static int run(int argc, char **argv)
{
    pruning p = { .last = 1 };
    const cli_option options[] = {
        { .name = "--keep-every", .kind = CLI_COUNT, .to = &p.every, .least = 1, .most = 9e15 },
        { .name = "--keep-last", .kind = CLI_COUNT, .to = &p.last, .least = 1, .most = 9e15 },
        { .name = "--run", .kind = CLI_TEXT, .to = &p.choice.run },
        { .name = "--tag", .kind = CLI_TEXT, .to = &p.choice.tag },
        { .name = "--dry-run", .kind = CLI_FLAG, .to = &p.dry },
        { .name = "--force", .kind = CLI_FLAG, .to = &p.force },
        { .name = NULL },
    };
    int operands = 0, status = cli_parse(&(cli_line){ command, options, "LOGDIR", 1, 1 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    if (p.every == 0)
        return cli_misused(command, "expects --keep-every N, a whole number of at least 1: 10 keeps a tenth");
    p.log = events_open(command, argv[1], NULL);
    if (!p.log) return CLI_FAILED;
    status = events_check_choice(command, p.log, argv[1], &p.choice);
    if (status == CLI_DONE) status = prune(&p);
    kt_logdir_close(p.log);
    return status;
}

const cli_command events_prune = { "prune", "smaller logs, in place", help, run, NULL };
