/* SPDX-License-Identifier: MIT */
/* tests/train/log_points.h: the points of a run, looked up by tag and step.
 *
 * Files are read by the independent reader of the summary tests. Scalars and histograms are decoded; of other kinds
 * only plugin and shape are known, and their bytes can be searched for words.
 */
#ifndef KT_TESTS_TRAIN_LOG_POINTS_H
#define KT_TESTS_TRAIN_LOG_POINTS_H

#include "../summary/events_reader.h"
#include "testing.h"

typedef struct log_point {
    char tag[160], plugin[24];
    int64_t step, first_dim;
    double value;          /* of a scalar */
    double rows[30][3];    /* of a histogram */
} log_point;

typedef struct log_points {
    log_point *at;
    int n;
    unsigned char *bytes;  /* of the last file */
    size_t size;
} log_points;

static inline void log_add(log_points *p, const event *e)
{
    p->at = realloc(p->at, (size_t)(p->n + 1) * sizeof *p->at);
    assert_non_null(p->at);
    log_point *q = &p->at[p->n++];
    memset(q, 0, sizeof *q);
    snprintf(q->tag, sizeof q->tag, "%.159s", e->tag);
    snprintf(q->plugin, sizeof q->plugin, "%.23s", e->plugin);
    q->step = e->step;
    q->first_dim = e->rank ? e->dim[0] : 0;
    if (strcmp(e->plugin, "scalars") == 0) q->value = (double)reader_float(e);
    if (strcmp(e->plugin, "histograms") == 0)
        for (size_t i = 0; i < 90; i++) q->rows[i / 3][i % 3] = reader_double(e, i);
}

/* All points below folder/run ("": folder itself); the caller frees `at` and `bytes`. */
static inline log_points log_read(const char *folder, const char *run)
{
    log_points p = { .n = 0 };
    char path[512], file[1024];
    snprintf(path, sizeof path, "%s/%s", folder, run);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!strstr(entry->d_name, "tfevents")) continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        event_file f = reader_open(file);
        event e;
        for (size_t at = 0; reader_next(&f, &at, &e);)
            if (e.tag[0]) log_add(&p, &e);
        free(p.bytes);
        p.bytes = f.bytes;
        p.size = f.size;
    }
    if (dir) closedir(dir);
    return p;
}

static inline void log_free(log_points *p)
{
    free(p->at);
    free(p->bytes);
}

/* NULL if there is none; more than one is a failure. */
static inline const log_point *log_find(const log_points *p, const char *tag, int64_t step)
{
    const log_point *found = NULL;
    for (int i = 0; i < p->n; i++) {
        if (p->at[i].step != step || strcmp(p->at[i].tag, tag) != 0) continue;
        if (found) fail_msg("%s at step %lld is there twice", tag, (long long)step);
        found = &p->at[i];
    }
    return found;
}

static inline const log_point *log_need(const log_points *p, const char *tag, int64_t step)
{
    const log_point *found = log_find(p, tag, step);
    if (!found) fail_msg("no %s at step %lld among %d points", tag, (long long)step, p->n);
    return found;
}

/* How many points have this tag. */
static inline int log_count(const log_points *p, const char *tag)
{
    int n = 0;
    for (int i = 0; i < p->n; i++) n += strcmp(p->at[i].tag, tag) == 0;
    return n;
}

static inline bool log_says(const log_points *p, const char *sought)
{
    size_t n = strlen(sought);
    for (size_t i = 0; p->bytes && i + n <= p->size; i++)
        if (memcmp(p->bytes + i, sought, n) == 0) return true;
    return false;
}

#endif
