/* SPDX-License-Identifier: MIT */
/* summary/reader/logdir.c: opening, refreshing, and the lists that callers see.
 *
 * Opening is: restore what the index remembers, if there is one; then refresh. A refresh walks the folders, compares
 * with what is known, lets threads read the runs in which something changed, and makes the sorted lists anew. Threads
 * live for one refresh and are made only when there is enough to read; each takes the next run until none is left, the
 * largest first.
 */
#define _DEFAULT_SOURCE 1

#include "summary/reader/logdir.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "summary/reader/curve.h"
#include "summary/reader/index.h"
#include "summary/reader/load.h"
#include "summary/reader/problem.h"
#include "summary/reader/walk.h"

enum { THREADS_MOST = 64, WORTH_A_THREAD = 1 << 21 };

kt_status kt_logdir_fail(kt_logdir *log, kt_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(log->message, sizeof log->message, format, args);
    va_end(args);
    return status;
}

static kt_status log_no_memory(kt_logdir *log, const char *caller)
{
    return kt_logdir_fail(log, KT_ERR_MEMORY, "%s: memory is short; free some, or read fewer runs at once", caller);
}

/* ---- Comparing with the disk ----------------------------------------------------------------- */

static void source_free(kt_run *run, kt_source *source)
{
    kt_troubles_clear(run->store, &source->troubles);
    kt_store_give(run->store, source);
}

void kt_run_free(kt_run *run)
{
    kt_run_clear(run);
    for (size_t i = 0; i < run->file_count; i++) source_free(run, run->files[i]);
    kt_store_give(run->store, run->files);
    if (run->name != run->raw) kt_store_give(run->store, run->name);
    kt_store_give(run->store, run);
}

kt_source *kt_source_new(kt_run *run, const char *directory, const char *name)
{
    size_t a = strlen(directory), b = strlen(name);
    bool slash = a > 0 && directory[a - 1] != '/';
    kt_source *source = kt_store_zeroed(run->store, sizeof *source + a + b + 2);
    if (!source) return NULL;
    char *path = (char *)(source + 1);
    memcpy(path, directory, a);
    if (slash) path[a++] = '/';
    memcpy(path + a, name, b + 1);
    source->run = run;
    source->shown.path = path;
    source->shown.run = run->name;
    source->name = path + a;
    kt_source_forget(run, source);
    return source;
}

kt_run *kt_run_new(kt_logdir *log, const char *raw, const char *directory)
{
    size_t a = strlen(raw), b = strlen(directory);
    kt_run *run = kt_store_zeroed(&log->store, sizeof *run + a + b + 2);
    if (!run) return NULL;
    run->log = log;
    run->store = run->pile.store = &log->store;
    run->forget = log->forget;
    run->raw = (char *)(run + 1);
    memcpy(run->raw, raw, a + 1);
    run->directory = run->raw + a + 1;
    memcpy(run->directory, directory, b + 1);
    bool repaired = false;
    kt_pile text = { .store = &log->store };
    kt_run scratch = { .store = &log->store, .pile = text };
    const char *name = kt_curve_text(&scratch, (kt_blob){ raw, a }, &repaired);
    run->name = run->raw;
    if (name && repaired) {
        run->name = kt_store_take(&log->store, strlen(name) + 1);
        if (run->name) memcpy(run->name, name, strlen(name) + 1);
    }
    kt_pile_clear(&scratch.pile);
    if (name && run->name) return run;
    kt_run_free(run);
    return NULL;
}

bool kt_run_packed(const kt_run *run)
{
    for (size_t i = 0; i < run->file_count; i++)
        if (run->files[i]->packed) return true;
    return false;
}

static int run_order(const void *a, const void *b)
{
    return strcmp((*(kt_run *const *)a)->raw, (*(kt_run *const *)b)->raw);
}

/* What one run has on the disk now: n files from `found` on, sorted by name as the run's are. */
static bool run_meet(kt_run *run, const kt_found *found, size_t n)
{
    kt_source **files = kt_store_zeroed(run->store, n * sizeof(kt_source *));
    bool done = files != NULL, again = false;
    size_t k = 0;
    for (size_t i = 0; done && i < n; i++) {
        for (; k < run->file_count && strcmp(run->files[k]->name, found[i].name) < 0; k++)
            again = true; /* one is gone */
        if (k < run->file_count && strcmp(run->files[k]->name, found[i].name) == 0) {
            files[i] = run->files[k++];
            continue;
        }
        files[i] = kt_source_new(run, found[i].directory, found[i].name);
        done = files[i] != NULL;
        if (done) files[i]->fresh = true;
        again = again || k < run->file_count; /* comes before one that has been read */
    }
    again = again || k < run->file_count;
    if (!done) {
        for (size_t i = 0; files && i < n; i++)
            if (files[i] && files[i]->fresh) source_free(run, files[i]);
        kt_store_give(run->store, files);
        return false;
    }
    for (size_t i = 0; i < run->file_count; i++) run->files[i]->gone = true;
    for (size_t i = 0; i < n; i++) {
        kt_source *file = files[i];
        bool other = file->inode != found[i].inode || found[i].size < (file->packed ? file->read_size : file->at);
        if (!file->fresh && other && (file->at > 0 || file->searched > 0)) again = true;
        file->inode = found[i].inode;
        file->size = file->shown.bytes = found[i].size;
        file->modified = found[i].modified;
        file->irregular = found[i].irregular;
        file->fresh = file->gone = false;
    }
    for (size_t i = 0; i < run->file_count; i++)
        if (run->files[i]->gone) source_free(run, run->files[i]);
    kt_store_give(run->store, run->files);
    run->files = files;
    run->file_count = n;
    if (again && run->failed == KT_OK) run->failed = KT_ERR_STATE; /* read it again from the beginning */
    return true;
}

static kt_status log_meet(kt_logdir *log, const kt_walk *walk)
{
    for (size_t i = 0; i < log->run_count; i++) log->runs[i]->seen = false;
    size_t known = log->run_count;
    for (size_t i = 0, n; i < walk->count; i += n) {
        const kt_found *found = &walk->found[i];
        for (n = 1; i + n < walk->count && strcmp(walk->found[i + n].run, found->run) == 0;) n++;
        kt_run key = { .raw = (char *)found->run }, *wanted = &key;
        kt_run **slot = known ? bsearch(&wanted, log->runs, known, sizeof *log->runs, run_order) : NULL;
        kt_run *run = slot ? *slot : NULL;
        if (run && strcmp(run->directory, found->directory) != 0) { /* only an index can say so: it is another log's */
            kt_run *fresh = kt_run_new(log, found->run, found->directory);
            if (!fresh) return KT_ERR_MEMORY;
            kt_run_free(run);
            *slot = run = fresh;
        }
        if (!run) {
            if (!kt_store_grow(&log->store, &log->runs, &log->run_room, log->run_count + 1, sizeof *log->runs))
                return KT_ERR_MEMORY;
            run = kt_run_new(log, found->run, found->directory);
            if (!run) return KT_ERR_MEMORY;
            log->runs[log->run_count++] = run;
        }
        run->seen = true;
        if (!run_meet(run, found, n)) return KT_ERR_MEMORY;
    }
    size_t kept = 0;
    for (size_t i = 0; i < log->run_count; i++)
        if (log->runs[i]->seen) log->runs[kept++] = log->runs[i];
        else kt_run_free(log->runs[i]);
    log->run_count = kept;
    if (kept > 1) qsort(log->runs, kept, sizeof *log->runs, run_order);
    return KT_OK;
}

/* ---- Reading, by threads --------------------------------------------------------------------- */

typedef struct job {
    kt_run *run;
    int64_t bytes;
} job;

typedef struct crew {
    kt_logdir *log;
    job *jobs;
    size_t count;
    _Atomic size_t next;
} crew;

static int job_order(const void *a, const void *b)
{
    const job *x = a, *y = b;
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void *crew_work(void *arg)
{
    crew *c = arg;
    kt_window window = { .store = &c->log->store, .fd = -1 };
    for (;;) {
        size_t i = atomic_fetch_add(&c->next, 1);
        if (i >= c->count) break;
        kt_run_load(c->jobs[i].run, &window);
    }
    kt_window_free(&window);
    return NULL;
}

static void crew_run(crew *c, int threads, int64_t bytes)
{
    pthread_t helpers[THREADS_MOST];
    sigset_t all, before;
    int made = 0;
    if ((size_t)threads > c->count) threads = (int)c->count;
    if (threads > 1 && bytes > WORTH_A_THREAD) {
        sigfillset(&all); /* signals are for the host's threads */
        bool masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
        while (made < threads - 1 && pthread_create(&helpers[made], NULL, crew_work, c) == 0) made++;
        if (masked) pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    crew_work(c);
    for (int i = 0; i < made; i++) pthread_join(helpers[i], NULL);
}

static int log_threads(const kt_logdir *log)
{
    long threads = log->threads > 0 ? log->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return threads < 1 ? 1 : threads > THREADS_MOST ? THREADS_MOST : (int)threads;
}

/* Four times the files, and what every file, thread and log costs even when there is nothing in it. */
static void log_limit(kt_logdir *log, int threads)
{
    int64_t files = 0, bytes = 0, curves = 0;
    for (size_t i = 0; i < log->run_count; i++) {
        curves += (int64_t)log->runs[i]->curves;
        for (size_t k = 0; k < log->runs[i]->file_count; k++, files++) {
            int64_t size = log->runs[i]->files[k]->size;
            bytes = size > INT64_MAX / 8 - bytes ? INT64_MAX / 8 : bytes + size;
        }
    }
    int64_t fixed = ((int64_t)8 << 20) - curves * KT_LIST_BYTES + (int64_t)threads * 2 * KT_WINDOW_BYTES + files * 4096;
    atomic_store(&log->store.limit, bytes * 4 + fixed);
    atomic_store(&log->store.limited, false);
}

static kt_status log_load(kt_logdir *log)
{
    int threads = log_threads(log);
    int64_t bytes = 0;
    crew c = { .log = log };
    job *jobs = kt_store_take(&log->store, (log->run_count + 1) * sizeof *jobs);
    if (!jobs) return KT_ERR_MEMORY;
    for (size_t i = 0; i < log->run_count; i++) {
        kt_run *run = log->runs[i];
        int64_t more = 0;
        bool work = run->failed != KT_OK;
        run->added = 0;
        for (size_t k = 0; k < run->file_count; k++) {
            const kt_source *file = run->files[k];
            work = work || file->size != file->read_size || file->modified != file->read_modified;
            more += run->failed || file->packed ? file->size : file->size > file->at ? file->size - file->at : 0;
        }
        if (work) jobs[c.count++] = (job){ run, more };
        bytes += more;
    }
    if (c.count > 1) qsort(jobs, c.count, sizeof *jobs, job_order);
    c.jobs = jobs;
    atomic_init(&c.next, 0);
    log_limit(log, threads);
    if (c.count > 0) crew_run(&c, threads, bytes);
    kt_store_give(&log->store, jobs);
    for (size_t i = 0; i < log->run_count; i++)
        if (log->runs[i]->failed == KT_ERR_MEMORY) return KT_ERR_MEMORY;
    return KT_OK;
}

/* ---- The lists ------------------------------------------------------------------------------- */

static int curve_order(const void *a, const void *b)
{
    const kt_curve *x = *(kt_curve *const *)a, *y = *(kt_curve *const *)b;
    int order = x->run == y->run ? 0 : strcmp(x->shown.run, y->shown.run);
    if (order == 0) order = strcmp(x->shown.tag, y->shown.tag);
    return order ? order : strcmp(x->run->raw, y->run->raw); /* two folders may be repaired to one name */
}

static int source_order(const void *a, const void *b)
{
    const kt_source *x = *(kt_source *const *)a, *y = *(kt_source *const *)b;
    int order = strcmp(x->shown.run, y->shown.run);
    return order ? order : strcmp(x->shown.path, y->shown.path);
}

static kt_status log_list(kt_logdir *log)
{
    size_t curves = 0, files = 0;
    for (size_t i = 0; i < log->run_count; i++) {
        curves += log->runs[i]->curves;
        files += log->runs[i]->file_count;
    }
    log->curve_count = log->file_count = 0;
    if (!kt_store_grow(&log->store, &log->curves, &log->curve_room, curves, sizeof *log->curves) ||
        !kt_store_grow(&log->store, &log->files, &log->file_room, files, sizeof *log->files))
        return KT_ERR_MEMORY;
    for (size_t i = 0; i < log->run_count; i++) {
        kt_run *run = log->runs[i];
        for (size_t k = 0; k < run->table_size; k++)
            if (run->table[k] && run->table[k]->shown.count > 0) log->curves[log->curve_count++] = run->table[k];
        for (size_t k = 0; k < run->file_count; k++) log->files[log->file_count++] = run->files[k];
    }
    if (log->curve_count > 1) qsort(log->curves, log->curve_count, sizeof *log->curves, curve_order);
    if (log->file_count > 1) qsort(log->files, log->file_count, sizeof *log->files, source_order);
    return kt_problems_collect(log);
}

static void log_window_close(kt_logdir *log)
{
    kt_source_done(&log->window);
    log->window_file = NULL;
}

/* What the memory of a log in memory looks like to the rest: one run with one file. */
static kt_status log_refresh_memory(kt_logdir *log)
{
    kt_found found = { .run = ".", .directory = "/", .name = "memory", .size = log->memory_size };
    kt_walk walk = { .found = &found, .count = 1 };
    return log_meet(log, &walk);
}

static kt_status log_refresh_folder(kt_logdir *log)
{
    kt_walk walk;
    int error;
    kt_troubles_clear(&log->store, &log->walk);
    kt_pile_clear(&log->walk_pile);
    kt_status status = kt_walk_folder(log, &walk, &error);
    if (status == KT_ERR_IO)
        kt_logdir_fail(log, status,
                       "kt_logdir_open: expected a folder with event files, or one such file, got \"%s\": %s",
                       log->logdir, kt_system_reason(error));
    else if (status == KT_OK) status = log_meet(log, &walk);
    kt_walk_free(log, &walk);
    return status;
}

kt_status kt_logdir_refresh(kt_logdir *log, int64_t *changed)
{
    if (changed) *changed = 0;
    if (!log) return KT_ERR_STATE;
    log_window_close(log);
    log->curve_count = log->file_count = log->problem_count = 0;
    atomic_store(&log->store.limit, INT64_MAX); /* names of folders are no files' claims */
    kt_status status = log->memory ? log_refresh_memory(log) : log_refresh_folder(log);
    kt_status loaded = status == KT_ERR_MEMORY ? status : log_load(log);
    int64_t limit = atomic_exchange(&log->store.limit, INT64_MAX);
    kt_status listed = log_list(log);
    atomic_store(&log->store.limit, limit);
    if (status == KT_OK) status = loaded != KT_OK ? loaded : listed;
    if (status == KT_ERR_MEMORY) log_no_memory(log, "kt_logdir_refresh");
    for (size_t i = 0; i < log->run_count; i++) {
        if (changed) *changed += log->runs[i]->added;
        if (!kt_run_packed(log->runs[i])) log->unsaved += log->runs[i]->added;
    }
    return status;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

void kt_logdir_close(kt_logdir *log)
{
    if (!log) return;
    if (log->index) kt_index_write(log, true);
    log_window_close(log);
    if (log->index_fd >= 0) close(log->index_fd);
    for (size_t i = 0; i < log->run_count; i++) kt_run_free(log->runs[i]);
    kt_pile_clear(&log->sentences);
    kt_pile_clear(&log->walk_pile);
    kt_troubles_clear(&log->store, &log->walk);
    kt_window_free(&log->window);
    void *blocks[] = { log->runs,   log->curves, log->files,           log->problems,        log->walk_paths,
                       log->logdir, log->index,  log->decoded.numbers, log->decoded.buckets, log->decoded.strings };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) kt_store_give(&log->store, blocks[i]);
    kt_store store;
    kt_store_begin(&store, &log->store.host);
    kt_store_give(&store, log);
}

static void open_tell(const kt_logdir_config *config, kt_status status, const char *message)
{
    if (!config->error) return;
    config->error->status = status;
    snprintf(config->error->message, sizeof config->error->message, "%s", message);
}

static kt_logdir *log_new(const kt_logdir_config *config)
{
    kt_store store;
    kt_store_begin(&store, &config->allocator);
    kt_logdir *log = kt_store_zeroed(&store, sizeof *log);
    if (!log) {
        open_tell(config, KT_ERR_MEMORY, "kt_logdir_open: memory is short; free some");
        return NULL;
    }
    kt_store_begin(&log->store, &config->allocator);
    log->sentences.store = log->walk_pile.store = log->window.store = &log->store;
    log->window.fd = log->index_fd = -1;
    log->threads = config->threads;
    log->forget = config->forget_restarts;
    return log;
}

static char *log_text(kt_logdir *log, const char *text)
{
    char *copy = kt_store_take(&log->store, strlen(text) + 1);
    if (copy) memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static kt_logdir *log_opened(kt_logdir *log, const kt_logdir_config *config, kt_status status)
{
    if (status == KT_OK) status = kt_logdir_refresh(log, NULL);
    else if (status == KT_ERR_MEMORY) log_no_memory(log, "kt_logdir_open");
    open_tell(config, status, status == KT_OK ? "" : log->message);
    if (status == KT_OK) return log;
    kt_store_give(&log->store, log->index); /* nothing to remember */
    log->index = NULL;
    kt_logdir_close(log);
    return NULL;
}

kt_logdir *kt_logdir_open_with(const kt_logdir_config *given)
{
    kt_logdir_config config = { 0 };
    if (!given) return NULL;
    memcpy(&config, given, given->size == 0 || given->size > sizeof config ? sizeof config : given->size);
    if (!config.logdir || !config.logdir[0]) {
        open_tell(&config, KT_ERR_VALUE,
                  "kt_logdir_open: expected a folder with event files, got no path; set .logdir");
        return NULL;
    }
    kt_logdir *log = log_new(&config);
    if (!log) return NULL;
    log->logdir = log_text(log, config.logdir);
    log->index = config.index ? log_text(log, config.index) : NULL;
    kt_status status = log->logdir && (log->index || !config.index) ? KT_OK : KT_ERR_MEMORY;
    if (status == KT_OK && log->index) status = kt_index_read(log);
    log = log_opened(log, &config, status);
    if (log && log->index) kt_index_write(log, false);
    return log;
}

kt_logdir *kt_logdir_open_memory(kt_blob file, kt_blob index, const kt_logdir_config *config)
{
    kt_logdir *log = log_new(config);
    if (!log) return NULL;
    log->memory = file.bytes;
    log->memory_size = (int64_t)file.size;
    kt_status status = (log->logdir = log_text(log, "")) ? KT_OK : KT_ERR_MEMORY;
    if (status == KT_OK && index.size > 0) (void)kt_index_parse(log, index.bytes, index.size);
    return log_opened(log, config, status);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

int64_t kt_logdir_series_count(const kt_logdir *log) { return log ? (int64_t)log->curve_count : 0; }

/* A series with its columns; NULL when memory for them is short. */
static const kt_series *log_shown(kt_curve *curve)
{
    if (!curve->stored || kt_index_load(curve)) return &curve->shown;
    log_no_memory(curve->run->log, "kt_logdir_series");
    return NULL;
}

const kt_series *kt_logdir_series(const kt_logdir *log, int64_t i)
{
    return log && i >= 0 && i < (int64_t)log->curve_count ? log_shown(log->curves[i]) : NULL;
}

const kt_series *kt_logdir_find(const kt_logdir *log, const char *run, const char *tag)
{
    size_t low = 0, high = log && run && tag ? log->curve_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const kt_series *series = &log->curves[middle]->shown;
        int order = strcmp(series->run, run);
        if (order == 0) order = strcmp(series->tag, tag);
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    if (!log || low >= log->curve_count) return NULL;
    const kt_series *series = &log->curves[low]->shown;
    bool same = run && tag && strcmp(series->run, run) == 0 && strcmp(series->tag, tag) == 0;
    return same ? log_shown(log->curves[low]) : NULL;
}

int64_t kt_logdir_problems(const kt_logdir *log) { return log ? (int64_t)log->problem_count : 0; }

const kt_logdir_problem *kt_logdir_problem_at(const kt_logdir *log, int64_t i)
{
    return log && i >= 0 && i < (int64_t)log->problem_count ? &log->problems[i] : NULL;
}

int64_t kt_logdir_problems_total(const kt_logdir *log) { return log ? log->problem_total : 0; }

int64_t kt_logdir_files(const kt_logdir *log) { return log ? (int64_t)log->file_count : 0; }

const kt_logdir_file *kt_logdir_file_at(const kt_logdir *log, int64_t i)
{
    return log && i >= 0 && i < (int64_t)log->file_count ? &log->files[i]->shown : NULL;
}

const char *kt_logdir_message(const kt_logdir *log) { return log ? log->message : ""; }
