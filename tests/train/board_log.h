/* SPDX-License-Identifier: MIT */
/* tests/train/board_log.h: the records of a log folder, of any kind, for tests of the TensorBoard callback.
 *
 * Reads with the independent reader of tests/summary; of a value of strings it keeps the strings. Files of a run are
 * read in the order of their names.
 */
#ifndef KT_TESTS_TRAIN_BOARD_LOG_H
#define KT_TESTS_TRAIN_BOARD_LOG_H

#include "../summary/events_reader.h"
#include "testing.h"

enum { MAX_STRINGS = 8 };

typedef struct entry {
    char run[32], tag[256], plugin[32];
    int64_t step;
    float value; /* of a scalar */
    int n_strings;
    const unsigned char *strings[MAX_STRINGS], *content; /* content: of the plugin */
    size_t sizes[MAX_STRINGS], content_size;
    const unsigned char *numbers; /* tensor_content */
    size_t numbers_size;
} entry;

typedef struct board_log {
    entry *at;
    int n;
    event_file files[32];
    int n_files;
    int starts; /* session marks of a resumed run */
    int64_t start_step;
} board_log;

static inline void log_value(entry *e, const unsigned char *at, size_t size, char place)
{
    const unsigned char *end = at + size, *bytes = NULL;
    uint64_t value = 0;
    size_t n = 0;
    while (at < end) {
        unsigned field = reader_field(&at, &value, &bytes, &n);
        if (place == 'v' && field == 8) log_value(e, bytes, n, 't');
        if (place == 'v' && field == 9) log_value(e, bytes, n, 'm');
        if (place == 'm' && field == 1) log_value(e, bytes, n, 'p');
        if (place == 'p' && field == 2) e->content = bytes, e->content_size = n;
        if (place == 't' && field == 4) e->numbers = bytes, e->numbers_size = n;
        if (place == 't' && field == 8 && e->n_strings < MAX_STRINGS) {
            e->strings[e->n_strings] = bytes;
            e->sizes[e->n_strings++] = n;
        }
    }
}

static inline void log_event(board_log *log, const char *run, const unsigned char *at, size_t size, const event *e)
{
    const unsigned char *end = at + size, *bytes = NULL;
    uint64_t value = 0;
    size_t n = 0;
    while (at < end) {
        unsigned field = reader_field(&at, &value, &bytes, &n);
        if (field == 7) log->starts++, log->start_step = e->step;
        if (field != 5) continue;
        const unsigned char *inner = bytes, *inner_end = bytes + n;
        while (inner < inner_end) { /* each value of the summary */
            if (reader_field(&inner, &value, &bytes, &n) != 1) continue;
            log->at = realloc(log->at, (size_t)(log->n + 1) * sizeof *log->at);
            assert_non_null(log->at);
            entry *to = &log->at[log->n++];
            event one = *e;
            memset(to, 0, sizeof *to);
            one.tag[0] = one.plugin[0] = 0;
            one.content = NULL;
            one.rank = 0;
            reader_message(&one, 'v', bytes, n);
            snprintf(to->run, sizeof to->run, "%s", run);
            snprintf(to->tag, sizeof to->tag, "%.255s", one.tag);
            snprintf(to->plugin, sizeof to->plugin, "%.31s", one.plugin);
            to->step = e->step;
            log_value(to, bytes, n, 'v');
            if (strcmp(to->plugin, "scalars") == 0) to->value = reader_float(&one);
        }
    }
}

static inline int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static inline void log_run(board_log *log, const char *folder, const char *run)
{
    char path[512], file[1024], *names[32];
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, run);
    DIR *dir = opendir(path);
    for (struct dirent *found; dir && (found = readdir(dir));)
        if (strstr(found->d_name, "tfevents") && n < 32) names[n++] = strdup(found->d_name);
    if (dir) closedir(dir);
    qsort(names, (size_t)n, sizeof *names, by_name);
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%.500s/%.500s", path, names[i]);
        event_file bytes = log->files[log->n_files++] = reader_open(file);
        event e;
        for (size_t at = 0, from = 0; reader_next(&bytes, &at, &e); from = at)
            log_event(log, run, bytes.bytes + from + 12, at - from - 16, &e);
        free(names[i]);
    }
}

static inline board_log log_read(const char *folder)
{
    board_log log = { .at = NULL };
    log_run(&log, folder, "");
    log_run(&log, folder, "train");
    log_run(&log, folder, "validation");
    return log;
}

static inline void log_free(board_log *log)
{
    for (int i = 0; i < log->n_files; i++) free(log->files[i].bytes);
    free(log->at);
}

/* The record of this run, tag and step; NULL if there is none. step -1: the last one. */
static inline const entry *log_find(const board_log *log, const char *run, const char *tag, int64_t step)
{
    const entry *found = NULL;
    for (int i = 0; i < log->n; i++)
        if (strcmp(log->at[i].run, run) == 0 && strcmp(log->at[i].tag, tag) == 0 &&
            (step < 0 || log->at[i].step == step))
            found = &log->at[i];
    return found;
}

static inline const entry *log_need(const board_log *log, const char *run, const char *tag, int64_t step)
{
    const entry *found = log_find(log, run, tag, step);
    if (!found) fail_msg("no record %s %s %lld", run, tag, (long long)step);
    return found;
}

/* How many records of the run have this tag; a tag that ends in '*' is a beginning. */
static inline int log_count(const board_log *log, const char *run, const char *tag)
{
    size_t n = strlen(tag);
    bool beginning = n && tag[n - 1] == '*';
    int count = 0;
    for (int i = 0; i < log->n; i++) {
        bool same = beginning ? strncmp(log->at[i].tag, tag, n - 1) == 0 : strcmp(log->at[i].tag, tag) == 0;
        count += same && strcmp(log->at[i].run, run) == 0;
    }
    return count;
}

/* Does this text record have these words? */
static inline void assert_words(const entry *e, const char *expected)
{
    assert_int_equal(e->n_strings, 1);
    char *text = malloc(e->sizes[0] + 1);
    memcpy(text, e->strings[0], e->sizes[0]);
    text[e->sizes[0]] = 0;
    if (!strstr(text, expected)) fail_msg("%s: expected '%s' in:\n%s", e->tag, expected, text);
    free(text);
}

#endif
