/* SPDX-License-Identifier: MIT */
/* doctor_place.c: the commonest reason of an empty dashboard: the logs are elsewhere.
 *
 * Folders near the given one are searched for event files: below its parent or, when it is missing, below what exists
 * of its path. The search is bounded in depth and in names, follows no links and opens nothing that is not a regular
 * file. TensorBoard takes every file for an event file whose name holds "tfevents" and no other; so names are looked
 * at, too, and the first bytes of those that could be mistaken.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

typedef struct search {
    int64_t names_left;
    const char *skip;       /* not this folder; its path as joined, or NULL */
    bool heads;             /* look into files, too */
    doctor_names folders;   /* that hold event files themselves */
    int64_t files;
    char *first;            /* the first of the folders */
    doctor_names closed, compressed, misnamed;
    dev_t skip_device;
    ino_t skip_inode;
} search;

static bool is_event_name(const char *name)
{
    return strstr(name, "tfevents") != NULL;
}

/* The first bytes of a regular file: -1 when it cannot be read. */
static ssize_t read_head(const char *path, unsigned char *head, size_t size)
{
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t n = read(file, head, size);
    close(file);
    return n;
}

static void look_into(search *s, const char *path, bool event_name)
{
    unsigned char head[64];
    ssize_t n = read_head(path, head, sizeof head);
    static const char version[] = "brain.Event:";
    if (event_name && n >= 2 && head[0] == 0x1F && head[1] == 0x8B) doctor_name(&s->compressed, path, NULL);
    if (event_name) return;
    for (ssize_t i = 12; i + (ssize_t)sizeof version - 1 <= n; i++) /* behind the frame of the first record */
        if (memcmp(head + i, version, sizeof version - 1) == 0) {
            doctor_name(&s->misnamed, path, NULL);
            return;
        }
}

static void search_folder(search *s, const char *folder, int depth)
{
    DIR *names = opendir(folder);
    if (!names) {
        if (errno == EACCES) doctor_name(&s->closed, folder, NULL);
        return;
    }
    bool counted = false;
    for (struct dirent *entry; s->names_left > 0 && (entry = readdir(names)); s->names_left--) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *path = cli_join(strcmp(folder, ".") == 0 ? "./" : folder, entry->d_name);
        struct stat there;
        if (path && lstat(path, &there) == 0) {
            bool event_name = is_event_name(entry->d_name), same = there.st_dev == s->skip_device &&
                              there.st_ino == s->skip_inode && s->skip;
            if (S_ISDIR(there.st_mode) && depth > 0 && !same && entry->d_name[0] != '.')
                search_folder(s, path, depth - 1);
            if (S_ISREG(there.st_mode) && event_name) {
                s->files++;
                if (!counted) doctor_name(&s->folders, folder, NULL);
                if (!counted && !s->first) s->first = strdup(folder);
                counted = true;
            }
            if (S_ISREG(there.st_mode) && s->heads) look_into(s, path, event_name);
        }
        free(path);
    }
    closedir(names);
}

/* path/.. as text where that is possible, so that it can be given to TensorBoard as it stands. */
static char *parent_of(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t end = n;
    while (n > 0 && path[n - 1] != '/') n--;
    bool dots = (end - n == 1 && path[n] == '.') || (end - n == 2 && path[n] == '.' && path[n + 1] == '.');
    if (dots) return cli_join(path[0] == '.' && end == 1 ? "./" : path, "..");
    if (n == 0) return strdup(".");
    while (n > 1 && path[n - 1] == '/') n--;
    return strndup(path, n);
}

/* Where event files are near `place`, as a sentence's end; false when there are none. */
static bool say_near(doctor *d, const char *place, const char *what)
{
    search s = { .names_left = 20000, .skip = d->logdir };
    struct stat own;
    if (stat(d->logdir, &own) == 0) s.skip_device = own.st_dev, s.skip_inode = own.st_ino;
    else s.skip = NULL;
    search_folder(&s, place, 4);
    if (s.files > 0) {
        char advice[700];
        const char *give = s.folders.count == 1 && s.first ? s.first : place;
        snprintf(advice, sizeof advice, "Give TensorBoard that folder: tensorboard --logdir %s", give);
        doctor_says(d, DOCTOR_WRONG, advice, "%s %s, but there %s %lld event file%s in %s.", d->logdir, what,
                    s.files == 1 ? "is" : "are", (long long)s.files, s.files == 1 ? "" : "s", doctor_list(&s.folders));
    }
    free(s.first);
    return s.files > 0;
}

void doctor_missing(doctor *d)
{
    char *place = parent_of(d->logdir);
    struct stat there;
    while (place && stat(place, &there) != 0 && strcmp(place, ".") != 0 && strcmp(place, "/") != 0) {
        char *above = parent_of(place);
        free(place);
        place = above;
    }
    if (!place || !say_near(d, place, "does not exist"))
        doctor_says(d, DOCTOR_WRONG,
                    "Give the folder that the program logs to, from where the program was started; TensorBoard waits "
                    "without a word for a folder that is missing.",
                    "%s does not exist, and no event files are near it.", d->logdir);
    free(place);
}

static void say_names(doctor *d)
{
    search s = { .names_left = 50000, .heads = true };
    struct stat there;
    if (stat(d->logdir, &there) != 0 || !S_ISDIR(there.st_mode)) return;
    search_folder(&s, d->logdir, 20);
    free(s.first);
    if (s.closed.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Allow it with chmod u+rx, or start TensorBoard as the user who trained.",
                    "%lld folder%s may not be looked into: %s.", (long long)s.closed.count,
                    s.closed.count == 1 ? "" : "s", doctor_list(&s.closed));
    if (s.compressed.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Unpack with gunzip: TensorBoard reads no compressed event files.",
                    "%lld event file%s compressed: %s.", (long long)s.compressed.count,
                    s.compressed.count == 1 ? " is" : "s are", doctor_list(&s.compressed));
    if (s.misnamed.count > 0)
        doctor_says(d, DOCTOR_WRONG, "Rename it so that its name holds 'tfevents': TensorBoard looks at no other file.",
                    "%lld file%s event records under a name that is no event file's: %s.", (long long)s.misnamed.count,
                    s.misnamed.count == 1 ? " holds" : "s hold", doctor_list(&s.misnamed));
}

/* The logdir is one run's own folder and others lie beside it. */
static void say_siblings(doctor *d)
{
    for (int64_t i = 0; i < kt_logdir_files(d->log); i++)
        if (strcmp(kt_logdir_file_at(d->log, i)->run, ".") != 0) return;
    struct stat there;
    if (stat(d->logdir, &there) != 0 || !S_ISDIR(there.st_mode)) return;
    char *parent = parent_of(d->logdir);
    search s = { .names_left = 5000, .skip = d->logdir, .skip_device = there.st_dev, .skip_inode = there.st_ino };
    if (parent) search_folder(&s, parent, 1);
    if (parent && s.folders.count > 0) {
        char advice[700];
        snprintf(advice, sizeof advice, "To compare them, give the folder above: tensorboard --logdir %s", parent);
        doctor_says(d, DOCTOR_NOTE, advice, "%s is the folder of one run, and other runs lie beside it: %s.", d->logdir,
                    doctor_list(&s.folders));
    }
    free(s.first);
    free(parent);
}

void doctor_place(doctor *d)
{
    say_names(d);
    if (kt_logdir_files(d->log) > 0) {
        say_siblings(d);
        return;
    }
    char *parent = parent_of(d->logdir);
    if (!(parent && say_near(d, parent, "holds no event files")) && d->found == 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Look at the path that the program logs to, and from which folder it was started: a path without "
                    "a slash in front is relative to that.",
                    "%s holds no event files, and none are near it.", d->logdir);
    free(parent);
}
