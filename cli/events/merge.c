/* SPDX-License-Identifier: MIT */
/* merge.c: `keratin events merge`: one log from several; with a single input, a copy that holds what is sound.
 *
 * Runs stay apart. A run that only one input has is copied file by file. A run that several have becomes one file, its
 * records sorted by step, then wall time, so that the steps of each tag rise and no reader forgets points; marks of
 * sessions, which tell TensorBoard to forget, are left out there. Records are copied as they stand, each file appears
 * under its name when it is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "copy.h"

static const char help[] =
    "usage: keratin events merge OUT LOGDIR... [--apart]\n"
    "\n"
    "Makes OUT, a new folder, with the runs of all LOGDIRs. A run that several of them have (parts of one training) becomes\n"
    "one, in the order of steps, then of wall time. Damaged places are left out, so a merge of one log repairs it. Files\n"
    "that are no event files (the projector's tables, profiles) are not copied.\n"
    "\n"
    "  --apart   the runs of each LOGDIR go into a folder of its name below OUT: for trainings that have nothing to do\n"
    "            with each other but have runs of one name\n"
    "\n"
    "example: keratin events merge /tmp/merged . && keratin events ls /tmp/merged\n";

static const char command[] = "keratin events merge";

/* A file of an input, and the run it will belong to. */
typedef struct source {
    char *run;
    int input;
    int64_t file;
} source;

typedef struct merging {
    kt_logdir **logs;
    int inputs;
    const char *out;
    source *sources; /* sorted by run, then input, then file */
    size_t count;
    events_sum sum;
    int64_t runs, joined;
} merging;

static int out_of_memory(void)
{
    return cli_fail(command, "not enough memory for the list of records: merge fewer logs at once");
}

static int refused(const char *path)
{
    return cli_fail(command, "%s: could not be written, the system says: %s; what OUT has is not complete", path,
                    strerror(errno));
}

/* ---- a run that one input has ---- */

static int copy_file(merging *m, const source *from, const char *folder)
{
    kt_logdir *log = m->logs[from->input];
    const kt_logdir_file *file = kt_logdir_file_at(log, from->file);
    char *path = cli_join(folder, cli_base_name(file->path));
    if (!path) return out_of_memory();
    cli_output output;
    int status = CLI_DONE, more = 0;
    if (!cli_output_open(&output, path)) status = refused(path);
    events_walk walk = { .log = log, .file = from->file };
    while (status == CLI_DONE && (more = events_next(&walk)) > 0) {
        kt_blob frame = walk.record.frame;
        if (fwrite(frame.bytes, 1, frame.size, output.file) != frame.size) status = refused(path);
        m->sum.records_out++;
        m->sum.bytes_out += (int64_t)frame.size;
    }
    if (more < 0) status = cli_fail(command, "%s", kt_logdir_message(log));
    if (status == CLI_DONE && !cli_output_commit(&output)) status = refused(path);
    cli_output_abandon(&output);
    m->sum.files++;
    free(path);
    return status;
}

/* ---- a run that several inputs have ---- */

typedef struct place {
    int64_t step;
    double wall_time;
    size_t order; /* among the records as they were met */
    int64_t file, offset;
    int input;
} place;

typedef struct places {
    place *at;
    size_t count, room;
} places;

static int in_time(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    if (x->wall_time < y->wall_time || x->wall_time > y->wall_time) return x->wall_time < y->wall_time ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool add_place(places *all, place one)
{
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 1024;
        place *at = room > SIZE_MAX / sizeof *at ? NULL : realloc(all->at, room * sizeof *at);
        if (!at) return false;
        all->at = at;
        all->room = room;
    }
    one.order = all->count;
    all->at[all->count++] = one;
    return true;
}

/* Notes the records of one file. A version record is written at once if it is the run's first. */
static int note_records(merging *m, const source *from, places *all, cli_output *output, bool *versioned)
{
    kt_logdir *log = m->logs[from->input];
    events_walk walk = { .log = log, .file = from->file };
    int more;
    while ((more = events_next(&walk)) > 0) {
        const kt_logdir_record *r = &walk.record;
        events_sort sort = events_sort_of(r);
        if (sort.version && !*versioned) {
            fwrite(r->frame.bytes, 1, r->frame.size, output->file);
            m->sum.records_out++;
            m->sum.bytes_out += (int64_t)r->frame.size;
            *versioned = true;
        }
        if (sort.version || sort.restart) continue;
        double wall_time = isnan(r->wall_time) ? 0 : r->wall_time; /* a NaN has no place in an order */
        if (!add_place(all, (place){ r->step, wall_time, 0, from->file, r->offset, from->input }))
            return out_of_memory();
    }
    return more < 0 ? cli_fail(command, "%s", kt_logdir_message(log)) : CLI_DONE;
}

static int write_places(merging *m, const places *all, cli_output *output, const char *path)
{
    for (size_t i = 0; i < all->count; i++) {
        const place *p = &all->at[i];
        kt_logdir_record r = { 0 };
        if (kt_logdir_record_at(m->logs[p->input], p->file, p->offset, &r) != KT_OK || !r.frame.bytes ||
            r.offset != p->offset)
            return cli_fail(command,
                            "%s: expected a log at rest, a record of it is gone: merge when its program has ended",
                            kt_logdir_file_at(m->logs[p->input], p->file)->path);
        if (fwrite(r.frame.bytes, 1, r.frame.size, output->file) != r.frame.size) return refused(path);
        m->sum.bytes_out += (int64_t)r.frame.size;
    }
    m->sum.records_out += (int64_t)all->count;
    return CLI_DONE;
}

static int join_run(merging *m, const source *from, size_t count, const char *folder)
{
    char *path = cli_join(folder, cli_base_name(kt_logdir_file_at(m->logs[from->input], from->file)->path));
    if (!path) return out_of_memory();
    cli_output output;
    int status = cli_output_open(&output, path) ? CLI_DONE : refused(path);
    places all = { 0 };
    bool versioned = false;
    for (size_t i = 0; i < count && status == CLI_DONE; i++)
        status = note_records(m, from + i, &all, &output, &versioned);
    if (status == CLI_DONE) {
        if (all.count > 0) qsort(all.at, all.count, sizeof *all.at, in_time);
        status = write_places(m, &all, &output, path);
    }
    if (status == CLI_DONE && !cli_output_commit(&output)) status = refused(path);
    cli_output_abandon(&output);
    m->sum.files++;
    m->joined++;
    free(all.at);
    free(path);
    return status;
}

/* ---- all runs ---- */

static int by_run(const void *a, const void *b)
{
    const source *x = a, *y = b;
    int order = strcmp(x->run, y->run);
    if (order != 0) return order;
    if (x->input != y->input) return x->input - y->input;
    return x->file < y->file ? -1 : x->file > y->file;
}

/* A folder's name below OUT for each input; two inputs of one name get a number. */
static char *name_of_input(char **argv, int input)
{
    char *path = realpath(argv[input], NULL), *name = NULL;
    if (!path) return NULL;
    int twins = 0;
    for (int i = 0; i < input; i++) {
        char *other = realpath(argv[i], NULL);
        if (other) twins += strcmp(cli_base_name(other), cli_base_name(path)) == 0;
        free(other);
    }
    size_t room = strlen(path) + 16;
    name = malloc(room);
    if (name && twins == 0) snprintf(name, room, "%s", cli_base_name(path));
    else if (name) snprintf(name, room, "%s-%d", cli_base_name(path), twins + 1);
    free(path);
    return name;
}

/* The sources of one input; false when memory is short. `name`: the folder of the input below OUT, or NULL. */
static bool add_sources(merging *m, int input, const char *name)
{
    for (int64_t i = 0; i < kt_logdir_files(m->logs[input]); i++) {
        const char *run = kt_logdir_file_at(m->logs[input], i)->run;
        char *own = name ? cli_join(name, run) : strdup(run);
        if (!own) return false;
        m->sources[m->count++] = (source){ own, input, i };
    }
    return true;
}

static int list_sources(merging *m, char **argv, bool apart)
{
    size_t room = 1;
    for (int i = 0; i < m->inputs; i++) room += (size_t)kt_logdir_files(m->logs[i]);
    m->sources = calloc(room, sizeof *m->sources);
    if (!m->sources) return out_of_memory();
    for (int i = 0; i < m->inputs; i++) {
        char *name = apart ? name_of_input(argv, i) : NULL;
        bool listed = (name || !apart) && add_sources(m, i, name);
        free(name);
        if (!listed) return out_of_memory();
    }
    if (m->count > 0) qsort(m->sources, m->count, sizeof *m->sources, by_run);
    return CLI_DONE;
}

static int merge_runs(merging *m)
{
    int status = CLI_DONE;
    for (size_t i = 0, n; i < m->count && status == CLI_DONE; i += n, m->runs++) {
        bool several = false;
        for (n = 1; i + n < m->count && strcmp(m->sources[i].run, m->sources[i + n].run) == 0; n++)
            several |= m->sources[i].input != m->sources[i + n].input;
        char *folder = cli_join(m->out, m->sources[i].run);
        if (!folder) return out_of_memory();
        if (!cli_make_directories(folder)) status = refused(folder);
        else if (several) status = join_run(m, m->sources + i, n, folder);
        else
            for (size_t k = 0; k < n && status == CLI_DONE; k++) status = copy_file(m, m->sources + i + k, folder);
        free(folder);
    }
    return status;
}

/* OUT must be new or empty: nothing that is there is touched, and nothing is mixed in. */
static int check_out(const char *out)
{
    DIR *names = opendir(out);
    if (!names) {
        if (errno == ENOENT) return CLI_DONE;
        return cli_fail(command, "%s: expected a new or an empty folder, the system says: %s", out, strerror(errno));
    }
    int entries = 0;
    while (readdir(names)) entries++;
    closedir(names);
    if (entries <= 2) return CLI_DONE; /* "." and ".." */
    return cli_fail(command,
                    "%s: expected a new or an empty folder for the merged log, it has %d entries: give another name "
                    "as the first argument",
                    out, entries - 2);
}

/* Two inputs with points of one run at the same steps are probably two trainings. */
static void say_overlap(const merging *m)
{
    for (int i = 0; i < m->inputs; i++)
        for (int64_t k = 0; k < kt_logdir_series_count(m->logs[i]); k++) {
            const kt_series *s = kt_logdir_series(m->logs[i], k);
            for (int j = i + 1; j < m->inputs && s->count > 1; j++) {
                const kt_series *t = kt_logdir_find(m->logs[j], s->run, s->tag);
                if (!t || t->count < 2 || t->steps[0] != s->steps[0] || !events_is_scalar(s)) continue;
                (void)cli_fail(command, "note: run '%s' is in two of the logs, with '%s' from step %lld on in both: if "
                               "these are two trainings, merge again with --apart", s->run, s->tag,
                               (long long)s->steps[0]);
                return;
            }
        }
}

static int merge(merging *m, char **argv, bool apart)
{
    int status = check_out(m->out);
    if (status == CLI_DONE) status = list_sources(m, argv, apart);
    if (status == CLI_DONE && m->count == 0)
        status = cli_fail(command, "expected event files, there are none in %s%s: nothing was made", argv[0],
                          m->inputs > 1 ? " and the others" : "");
    if (status == CLI_DONE) status = merge_runs(m);
    if (status == CLI_DONE) {
        char a[32], b[32], c[32];
        printf("%s records of %s run%s in %s file%s", cli_count(a, m->sum.records_out), cli_count(b, m->runs),
               m->runs == 1 ? "" : "s", cli_count(c, m->sum.files), m->sum.files == 1 ? "" : "s");
        if (m->joined > 0)
            printf(", %s run%s joined from several logs", cli_count(a, m->joined), m->joined == 1 ? "" : "s");
        putchar('\n');
        if (!apart) say_overlap(m);
        for (int i = 0; i < m->inputs; i++) events_say_damage(command, m->logs[i], argv[i]);
        status = cli_finish(command);
    }
    for (size_t i = 0; i < m->count; i++) free(m->sources[i].run);
    free(m->sources);
    return status;
}

static int run(int argc, char **argv)
{
    bool apart = false;
    const cli_option options[] = { { .name = "--apart", .kind = CLI_FLAG, .to = &apart }, { .name = NULL } };
    int operands = 0;
    int status = cli_parse(&(cli_line){ command, options, "OUT LOGDIR...", 2, 10000 }, argc, argv, &operands);
    if (status != CLI_DONE) return status;
    merging m = { .inputs = operands - 1, .out = argv[1] };
    m.logs = calloc((size_t)m.inputs, sizeof(kt_logdir *));
    if (!m.logs) return out_of_memory();
    for (int i = 0; i < m.inputs && status == CLI_DONE; i++) {
        m.logs[i] = events_open(command, argv[2 + i], NULL);
        if (!m.logs[i]) status = CLI_FAILED;
    }
    if (status == CLI_DONE) status = merge(&m, argv + 2, apart);
    for (int i = 0; i < m.inputs; i++) kt_logdir_close(m.logs[i]);
    free(m.logs);
    return status;
}

const cli_command events_merge = { "merge", "one log from several, or a repaired copy of one", help, run, NULL };
