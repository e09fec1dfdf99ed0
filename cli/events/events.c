/* SPDX-License-Identifier: MIT */
/* events.c: the table of `keratin events`, and what its sub-commands share.
 *
 * A sub-command is one file with one row here. They only read logs through <keratin/reader.h>; what they tell about a
 * log is what the reader tells. Opening looks at the path first, because "there is nothing of this name, but there is
 * logs2" helps more than the system's word.
 */
#include "events.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"

static const cli_command *const commands[] = { &events_ls,     &events_dump,   &events_check,
                                               &events_doctor, &events_tail,   &events_merge,
                                               &events_prune,  &events_export, NULL };

static const char help[] =
    "\n"
    "LOGDIR is a folder of event files and what lies below it, as for `tensorboard --logdir`, or one event file. Logs of\n"
    "TensorFlow, Keras, PyTorch, tensorboardX and Keratin are read.\n"
    "\n"
    "example: keratin events ls .\n";

const cli_command cli_events = { "events", "look at, repair, thin out and follow TensorBoard logs", help, NULL,
                                 commands };

bool events_is_scalar(const kt_series *series)
{
    return series->values && series->steps;
}

/* The name in the path's folder that is most like its last part; freed with free. NULL when none is. */
static char *nearest_in_folder(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    char *clean = strndup(path, n), *found = NULL;
    if (!clean) return NULL;
    char *slash = strrchr(clean, '/');
    const char *wanted = slash ? slash + 1 : clean;
    char *folder = slash ? strndup(clean, slash == clean ? 1 : (size_t)(slash - clean)) : strdup(".");
    DIR *names = folder ? opendir(folder) : NULL;
    int seen = 0;
    for (struct dirent *entry; names && seen < 10000 && (entry = readdir(names)); seen++) {
        if (entry->d_name[0] == '.') continue;
        const char *const known[] = { found ? found : entry->d_name, entry->d_name, NULL }; /* equals: the first */
        if (cli_nearest(wanted, known) != entry->d_name) continue;
        char *place = cli_join(strcmp(folder, ".") == 0 ? "./" : folder, entry->d_name);
        struct stat there;
        bool fits = place && stat(place, &there) == 0 && (S_ISDIR(there.st_mode) || strstr(entry->d_name, "tfevents"));
        free(place);
        if (!fits) continue;
        free(found);
        found = strdup(entry->d_name);
    }
    if (names) closedir(names);
    char *near = found ? cli_join(folder, found) : NULL;
    free(found);
    free(folder);
    free(clean);
    return near;
}

kt_logdir *events_open(const char *command, const char *logdir, const kt_logdir_config *config)
{
    struct stat there;
    if (stat(logdir, &there) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            char *near = nearest_in_folder(logdir);
            if (near)
                cli_fail(command, "%s: expected a folder of event files or one of them, there is nothing of this name: "
                         "did you mean '%s'?", logdir, near);
            else
                cli_fail(command, "%s: expected a folder of event files or one of them, there is nothing of this name: "
                         "give the folder that was given to the program that logs", logdir);
            free(near);
        } else cli_fail(command, "%s: expected a folder of event files, the system says: %s", logdir, strerror(errno));
        return NULL;
    }
    kt_events_error error = { 0 };
    kt_logdir_config own = config ? *config : (kt_logdir_config){ 0 };
    own.size = sizeof own;
    own.logdir = logdir;
    own.error = &error;
    kt_logdir *log = kt_logdir_open_with(&own);
    if (!log) cli_fail(command, "%s", error.message[0] ? error.message : kt_status_name(error.status));
    return log;
}

static bool matches(const char *wanted, const char *name)
{
    return !wanted || strcmp(wanted, name) == 0 || fnmatch(wanted, name, 0) == 0;
}

bool events_chosen(const events_choice *choice, const kt_series *series)
{
    return matches(choice->run, series->run) && matches(choice->tag, series->tag);
}

int events_check_choice(const char *command, kt_logdir *log, const char *logdir, const events_choice *choice)
{
    int64_t count = kt_logdir_series_count(log);
    if (!choice->run && !choice->tag) return CLI_DONE;
    bool run_seen = !choice->run;
    for (int64_t i = 0; i < count; i++) {
        const kt_series *series = kt_logdir_series(log, i);
        if (events_chosen(choice, series)) return CLI_DONE;
        if (choice->run && matches(choice->run, series->run)) run_seen = true;
    }
    const char *kind = run_seen ? "tag" : "run", *wanted = run_seen ? choice->tag : choice->run, *best = NULL;
    for (int64_t i = 0; i < count && wanted; i++) {
        const kt_series *series = kt_logdir_series(log, i);
        if (run_seen && !matches(choice->run, series->run)) continue;
        const char *const known[] = { best ? best : series->run, run_seen ? series->tag : series->run, NULL };
        best = cli_nearest(wanted, best ? known : known + 1) ? cli_nearest(wanted, best ? known : known + 1) : best;
    }
    if (best) return cli_fail(command, "%s: there is no %s '%s': did you mean '%s'?", logdir, kind, wanted, best);
    return cli_fail(command, "%s: there is no %s '%s': 'keratin events ls' lists what there is", logdir, kind, wanted);
}

void events_say_empty(const char *command, const char *logdir)
{
    (void)cli_fail(command, "%s holds no points: 'keratin events doctor' looks for the reason", logdir);
}

void events_say_damage(const char *command, kt_logdir *log, const char *logdir)
{
    int64_t damaged = 0, kept = kt_logdir_problems(log);
    for (int64_t i = 0; i < kept; i++) damaged += kt_logdir_problem_at(log, i)->status != KT_OK;
    damaged += kt_logdir_problems_total(log) - kept;
    if (damaged > 0)
        (void)cli_fail(command, "%s: %lld damaged or unreadable place%s passed over: 'keratin events check' lists them",
                       logdir, (long long)damaged, damaged == 1 ? " was" : "s were");
}
