/* SPDX-License-Identifier: MIT */
/* doctor_files.c: what is wrong with the files of a log: unreadable, damaged, empty, written by two at once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static void say_problems(doctor *d)
{
    doctor_names closed = { 0 }, damaged = { 0 };
    const char *last_closed = "", *last_damaged = "", *reason = "", *why_closed = "";
    long long offset = 0;
    for (int64_t i = 0; i < kt_logdir_problems(d->log); i++) {
        const kt_logdir_problem *p = kt_logdir_problem_at(d->log, i);
        if (p->status == KT_OK) continue;
        bool unreadable = p->status == KT_ERR_IO;
        const char **last = unreadable ? &last_closed : &last_damaged;
        if (strcmp(*last, p->file) == 0) continue; /* problems of a file stand together */
        *last = p->file;
        if (unreadable && closed.count == 0) why_closed = p->reason;
        if (!unreadable && damaged.count == 0) offset = (long long)p->offset, reason = p->reason;
        doctor_name(unreadable ? &closed : &damaged, p->file, NULL);
    }
    if (closed.count > 0)
        doctor_says(d, DOCTOR_WRONG,
                    "Make it a file that can be read (chmod u+r), or start TensorBoard as the user who trained.",
                    "%lld file%s cannot be read: %s (%s).", (long long)closed.count, closed.count == 1 ? "" : "s",
                    doctor_list(&closed), why_closed);
    if (damaged.count > 0) {
        char advice[700];
        snprintf(advice, sizeof advice, "Copy what is sound and give TensorBoard the copy: keratin events merge OUT %s",
                 d->logdir);
        doctor_says(d, DOCTOR_WRONG, advice,
                    "%lld file%s damaged, and TensorBoard shows nothing of what stands behind the damage: %s; the "
                    "first place is at offset %lld: %s.",
                    (long long)damaged.count, damaged.count == 1 ? " is" : "s are", doctor_list(&damaged), offset,
                    reason);
    }
}

static bool is_unreadable(kt_logdir *log, const char *path)
{
    for (int64_t i = 0; i < kt_logdir_problems(log); i++) {
        const kt_logdir_problem *p = kt_logdir_problem_at(log, i);
        if (p->status == KT_ERR_IO && strcmp(p->file, path) == 0) return true;
    }
    return false;
}

/* Runs whose files hold no points. Files come sorted by run. */
static void say_empty(doctor *d)
{
    doctor_names empty = { 0 };
    int64_t files = kt_logdir_files(d->log), series = kt_logdir_series_count(d->log), k = 0, runs = 0;
    bool nothing_at_all = true;
    for (int64_t i = 0; i < files;) {
        const char *run = kt_logdir_file_at(d->log, i)->run;
        int64_t bytes = 0;
        bool told = false; /* that it cannot be read says more */
        for (; i < files && strcmp(kt_logdir_file_at(d->log, i)->run, run) == 0; i++) {
            bytes += kt_logdir_file_at(d->log, i)->bytes;
            told = told || is_unreadable(d->log, kt_logdir_file_at(d->log, i)->path);
        }
        for (k = 0; k < series && strcmp(kt_logdir_series(d->log, k)->run, run) != 0; k++) {}
        runs++;
        if (k < series || told) continue;
        doctor_name(&empty, run, NULL);
        nothing_at_all = nothing_at_all && bytes == 0;
    }
    if (empty.count == 0) return;
    doctor_says(d, DOCTOR_WRONG,
                "Flush or close the writer: TensorFlow and PyTorch write after ten summaries or two minutes only, and "
                "a program that was killed has written nothing of the rest.",
                "%lld run%s of %lld %s no points, only %s: %s.", (long long)empty.count, empty.count == 1 ? "" : "s",
                (long long)runs, empty.count == 1 ? "has" : "have",
                nothing_at_all ? "empty files" : "the records that begin a file", doctor_list(&empty));
}

static int by_begin(const void *a, const void *b)
{
    const kt_logdir_file *x = *(const kt_logdir_file *const *)a, *y = *(const kt_logdir_file *const *)b;
    int order = strcmp(x->run, y->run);
    if (order != 0) return order;
    return x->first_wall < y->first_wall ? -1 : x->first_wall > y->first_wall;
}

/* Files of one run whose times overlap. One writer's files, even rotated ones, follow each other. */
static void say_two_writers(doctor *d)
{
    int64_t files = kt_logdir_files(d->log);
    size_t n = 0;
    const kt_logdir_file **order = calloc((size_t)files + 1, sizeof *order);
    if (!order) return;
    for (int64_t i = 0; i < files; i++) {
        const kt_logdir_file *f = kt_logdir_file_at(d->log, i);
        if (f->records > 1 && isfinite(f->first_wall) && isfinite(f->last_wall)) order[n++] = f;
    }
    if (n > 0) qsort(order, n, sizeof *order, by_begin);
    doctor_names runs = { 0 };
    const char *last = NULL;
    double end = 0;
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && strcmp(order[i]->run, order[i - 1]->run) == 0;
        if (same && order[i]->first_wall < end && (!last || strcmp(last, order[i]->run) != 0)) {
            last = order[i]->run;
            doctor_name(&runs, last, NULL);
        }
        if (!same || order[i]->last_wall > end) end = order[i]->last_wall;
    }
    free(order);
    if (runs.count == 0) return;
    doctor_says(d, DOCTOR_WRONG,
                "Give each writer a folder of its own: points of one tag from two writers remove each other, and "
                "TensorBoard's Python reader looks at the last file only.",
                "In %lld run%s two files were written at the same time: %s.", (long long)runs.count,
                runs.count == 1 ? "" : "s", doctor_list(&runs));
}

static void say_runs(doctor *d)
{
    int64_t runs = 0, series = kt_logdir_series_count(d->log);
    for (int64_t i = 0; i < series; i++)
        runs += i == 0 || strcmp(kt_logdir_series(d->log, i)->run, kt_logdir_series(d->log, i - 1)->run) != 0;
    if (runs <= 500) return;
    doctor_says(d, DOCTOR_WRONG, "Tick runs in the list at the left, or give TensorBoard a folder further down.",
                "There are %lld runs; above 500 TensorBoard selects none, so that all charts are empty at first.",
                (long long)runs);
}

void doctor_files(doctor *d)
{
    say_problems(d);
    say_empty(d);
    say_two_writers(d);
    say_runs(d);
}
