/* SPDX-License-Identifier: MIT */
/* summary/reader/walk.c: which folders are runs.
 *
 * As TensorBoard does it: every folder that directly holds a file with `tfevents` in its name is a run, whatever else
 * is in it; links are followed. A link that leads back to a folder it stands in is a circle and is not followed; and a
 * folder is entered through links once at most, so that links to links to links cannot make a small tree endless.
 * Folders wait in a list, not on the stack, and one of them is open at a time.
 */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64
#define _POSIX_C_SOURCE 200809L

#include "summary/reader/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "summary/reader/problem.h"

enum { PATH_MOST = 4096, DEPTH_MOST = 100 };

typedef struct folder folder;
struct folder {
    folder *parent, *next;
    const char *path, *run;
    uint64_t device, inode;
    int depth;
    bool linked;
};

typedef struct search {
    kt_logdir *log;
    kt_walk *walk;
    folder *waiting;
    folder **linked; /* entered through a link: open hash table */
    size_t links, link_size;
    bool failed;
} search;

static char *path_join(search *s, const char *folder_path, const char *name)
{
    size_t a = strlen(folder_path), b = strlen(name);
    bool slash = a > 0 && folder_path[a - 1] != '/';
    char *path = kt_pile_take(&s->walk->pile, a + b + 2);
    if (!path) {
        s->failed = true;
        return NULL;
    }
    memcpy(path, folder_path, a);
    if (slash) path[a++] = '/';
    memcpy(path + a, name, b + 1);
    return path;
}

static int64_t stat_modified(const struct stat *now)
{
#if defined(__APPLE__)
    return (int64_t)now->st_mtimespec.tv_sec * 1000000000 + now->st_mtimespec.tv_nsec;
#else
    return (int64_t)now->st_mtim.tv_sec * 1000000000 + now->st_mtim.tv_nsec;
#endif
}

static void found_add(search *s, const char *run, const char *directory, const char *name, const struct stat *now)
{
    kt_walk *walk = s->walk;
    char *copy = kt_pile_text(&walk->pile, name, strlen(name));
    if (!copy || !kt_store_grow(&s->log->store, &walk->found, &walk->room, walk->count + 1, sizeof *walk->found)) {
        s->failed = true;
        return;
    }
    bool regular = S_ISREG(now->st_mode);
    walk->found[walk->count++] = (kt_found){ .run = run,
                                             .directory = directory,
                                             .name = copy,
                                             .inode = (uint64_t)now->st_ino,
                                             .size = regular ? (int64_t)now->st_size : 0,
                                             .modified = stat_modified(now),
                                             .irregular = !regular };
}

static void folder_add(search *s, folder *parent, const char *path, const char *run, const struct stat *now,
                       bool linked)
{
    folder *f = kt_pile_take(&s->walk->pile, sizeof *f);
    if (!f) {
        s->failed = true;
        return;
    }
    *f = (folder){ .parent = parent,
                   .next = s->waiting,
                   .path = path,
                   .run = run,
                   .linked = linked,
                   .device = (uint64_t)now->st_dev,
                   .inode = (uint64_t)now->st_ino,
                   .depth = parent ? parent->depth + 1 : 0 };
    s->waiting = f;
}

static folder **link_slot(const search *s, const folder *f)
{
    size_t i = (size_t)((f->inode ^ f->device << 32) * 0x9E3779B97F4A7C15u >> 20) & (s->link_size - 1);
    while (s->linked[i] && (s->linked[i]->inode != f->inode || s->linked[i]->device != f->device))
        i = (i + 1) & (s->link_size - 1);
    return &s->linked[i];
}

/* Whether a folder that a link leads to is to be read; notes it. */
static bool link_is_new(search *s, folder *f)
{
    for (const folder *up = f->parent; up; up = up->parent)
        if (up->inode == f->inode && up->device == f->device) return false;
    if (s->links + s->links / 2 >= s->link_size) {
        folder **old = s->linked;
        size_t old_size = s->link_size;
        s->link_size = old_size ? old_size * 2 : 16;
        s->linked = kt_store_zeroed(&s->log->store, s->link_size * sizeof(folder *));
        if (!s->linked) {
            s->failed = true;
            s->linked = old;
            s->link_size = old_size;
            return false;
        }
        for (size_t i = 0; i < old_size; i++)
            if (old[i]) *link_slot(s, old[i]) = old[i];
        kt_store_give(&s->log->store, old);
    }
    folder **slot = link_slot(s, f);
    if (*slot) return false;
    *slot = f;
    s->links++;
    return true;
}

static void folder_entry(search *s, folder *f, const struct dirent *entry)
{
    const char *name = entry->d_name;
    bool event_file = strstr(name, "tfevents") != NULL, linked = true;
    struct stat now, itself;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return;
#ifdef DT_DIR
    if (!event_file && entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) return;
    if (entry->d_type == DT_DIR) linked = false;
#endif
    if (strlen(f->path) + strlen(name) + 2 > PATH_MOST) {
        kt_walk_trouble(s->log, f->path, KT_TROUBLE_DEEP, 0);
        return;
    }
    char *path = path_join(s, f->path, name);
    if (!path) return;
    if (stat(path, &now) != 0) {
        if (event_file && errno != ENOENT) kt_walk_trouble(s->log, path, KT_TROUBLE_UNREAD, errno);
        return;
    }
    if (!S_ISDIR(now.st_mode)) {
        if (event_file) found_add(s, f->run, f->path, name, &now);
        return;
    }
    if (linked && lstat(path, &itself) == 0) linked = S_ISLNK(itself.st_mode);
    const char *run = f->parent ? path_join(s, f->run, name) : kt_pile_text(&s->walk->pile, name, strlen(name));
    if (!run) s->failed = true;
    else if (f->depth + 1 > DEPTH_MOST) kt_walk_trouble(s->log, path, KT_TROUBLE_DEEP, 0);
    else folder_add(s, f, path, run, &now, linked);
}

static void folder_read(search *s, folder *f, int *error)
{
    if (f->linked && !link_is_new(s, f)) {
        if (!s->failed) kt_walk_trouble(s->log, f->path, KT_TROUBLE_LOOP, 0);
        return;
    }
    DIR *open = opendir(f->path);
    if (!open) {
        if (!f->parent) *error = errno;
        else if (errno != ENOENT) kt_walk_trouble(s->log, f->path, KT_TROUBLE_FOLDER, errno);
        return;
    }
    const struct dirent *entry;
    errno = 0;
    while (!s->failed && (entry = readdir(open)) != NULL) {
        folder_entry(s, f, entry);
        errno = 0;
    }
    if (errno != 0) kt_walk_trouble(s->log, f->path, KT_TROUBLE_FOLDER, errno);
    closedir(open);
}

static int found_order(const void *a, const void *b)
{
    const kt_found *x = a, *y = b;
    int order = strcmp(x->run, y->run);
    return order ? order : strcmp(x->name, y->name);
}

kt_status kt_walk_folder(kt_logdir *log, kt_walk *walk, int *error)
{
    *walk = (kt_walk){ .pile = { .store = &log->store } };
    search s = { .log = log, .walk = walk };
    struct stat now;
    *error = 0;
    if (stat(log->logdir, &now) != 0) {
        *error = errno;
        return KT_ERR_IO;
    }
    if (S_ISDIR(now.st_mode)) {
        folder_add(&s, NULL, log->logdir, ".", &now, false);
        while (s.waiting && !s.failed) {
            folder *next = s.waiting;
            s.waiting = next->next;
            folder_read(&s, next, error);
        }
        kt_store_give(&log->store, s.linked);
    } else { /* one file, whatever its name */
        const char *slash = strrchr(log->logdir, '/');
        size_t n = slash ? (size_t)(slash - log->logdir) + 1 : 0;
        const char *directory = kt_pile_text(&walk->pile, log->logdir, n);
        if (directory) found_add(&s, ".", directory, log->logdir + n, &now);
        else s.failed = true;
    }
    if (walk->count > 1) qsort(walk->found, walk->count, sizeof *walk->found, found_order);
    return s.failed ? KT_ERR_MEMORY : *error ? KT_ERR_IO : KT_OK;
}

void kt_walk_free(kt_logdir *log, kt_walk *walk)
{
    kt_store_give(&log->store, walk->found);
    kt_pile_clear(&walk->pile);
    *walk = (kt_walk){ 0 };
}
