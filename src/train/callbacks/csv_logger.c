/* SPDX-License-Identifier: MIT */
/* callbacks/csv_logger.c: one line per epoch in a CSV file, byte for byte as Keras writes it.
 *
 * Columns are fixed at the first epoch: `epoch`, then the keys in order; if none of them is a validation key, a
 * `val_` column for each, since validation may only run in later epochs. Missing values are NA. The file is written
 * through at each epoch. If it cannot be opened, training does not begin; if a later line cannot be written, training
 * goes on and the log hook is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "train/loop.h"
#include "train/numbers.h"

enum { MAX_COLUMNS = 160, LINE = 16384 };

typedef struct csv {
    char *filename, *separator;
    bool append;
    int file;             /* -1: closed */
    kt_context *kt;
    const char *columns[MAX_COLUMNS]; /* interned */
    int n_columns;        /* 0: not fixed yet */
    bool header_there;
} csv;

static kt_status csv_begin(void *self, kt_loop *loop, const void *config)
{
    csv *c = self;
    const kt_csv_logger_config *given = config;
    const char *separator = given->separator ? given->separator : ",";
    c->kt = loop->kt;
    c->file = -1;
    c->append = given->append;
    if (!given->filename || !given->filename[0])
        return kt_fail(loop->kt, KT_ERR_VALUE, "CSVLogger: expected a file name, got %s",
                       given->filename ? "\"\"" : "NULL");
    if (strlen(separator) != 1 || strchr("\"\r\n", separator[0]))
        return kt_fail(loop->kt, KT_ERR_VALUE,
                       "CSVLogger: expected a separator of one character such as \",\" or \"\\t\", got '%.16s'",
                       separator);
    c->filename = kt_copy_text(loop->kt, given->filename);
    c->separator = kt_copy_text(loop->kt, separator);
    return loop->kt->status;
}

static void csv_release(void *self)
{
    csv *c = self;
    if (!c->kt) return;
    if (c->file >= 0) close(c->file);
    kt_give(c->kt, c->filename);
    kt_give(c->kt, c->separator);
}

static kt_status csv_train_begin(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)logs;
    csv *c = self;
    char byte;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (c->append ? O_APPEND : O_TRUNC);
    if (c->append) {
        int old = open(c->filename, O_RDONLY | O_CLOEXEC);
        c->header_there = old >= 0 && read(old, &byte, 1) == 1;
        if (old >= 0) close(old);
    }
    c->file = open(c->filename, flags, 0666);
    if (c->file >= 0) return KT_OK;
    return kt_fail(loop->kt, KT_ERR_IO,
                   "CSVLogger: expected to write '%s', but the system refused (error %d: %s); does its folder exist?",
                   c->filename, errno,
                   errno == ENOENT   ? "no such folder"
                   : errno == EACCES ? "no permission"
                                     : "see errno");
}

/* A whole line or none. A write beyond the process's limit on the size of files raises SIGXFSZ, which kills: it is asked first. */
static void write_line(const csv *c, const char *line, size_t n)
{
    struct rlimit limit;
    off_t start = lseek(c->file, 0, SEEK_END);
    bool good = start < 0 || getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
                (rlim_t)start + n <= limit.rlim_cur;
    int error = EFBIG;
    for (size_t at = 0; good && at < n;) {
        ssize_t done = write(c->file, line + at, n - at);
        if (done < 0 && errno == EINTR) continue;
        if (done > 0) {
            at += (size_t)done;
            continue;
        }
        error = done < 0 ? errno : ENOSPC;
        good = false;
        if (at && start >= 0 && ftruncate(c->file, start) != 0) error = errno;
    }
    if (!good)
        kt_remark(c->kt, "CSVLogger: '%s' cannot be written (error %d): a line is lost, training goes on", c->filename,
                  error);
}

/* As Python's csv writer: quoted only if it must be. */
static void add_text(kt_text *text, const csv *c, const char *field)
{
    if (!strpbrk(field, "\"\r\n") && !strchr(field, c->separator[0])) {
        kt_text_add(text, "%s", field);
        return;
    }
    kt_text_add(text, "\"");
    for (const char *p = field; *p; p++) kt_text_add(text, "%s%c", *p == '"' ? "\"" : "", *p);
    kt_text_add(text, "\"");
}

static kt_status fix_columns(csv *c, kt_loop *loop, kt_logs *logs)
{
    bool validated = false;
    int64_t n = kt_logs_count(logs);
    for (int64_t i = 0; i < n && c->n_columns < MAX_COLUMNS; i++) { /* sorted: callbacks may have added some behind */
        const char *name = kt_logs_name(logs, i);
        int at = c->n_columns++;
        for (; at > 0 && strcmp(c->columns[at - 1], name) > 0; at--) c->columns[at] = c->columns[at - 1];
        c->columns[at] = name;
        validated = validated || strncmp(name, "val_", 4) == 0;
    }
    for (int i = 0, known = c->n_columns; i < known && !validated && c->n_columns < MAX_COLUMNS; i++) {
        char name[256];
        kt_text text = kt_text_in(name, sizeof name);
        kt_text_add(&text, "val_%s", c->columns[i]);
        const char *kept = kt_intern(loop->kt, name);
        if (!kept) return loop->kt->status;
        c->columns[c->n_columns++] = kept;
    }
    if (c->header_there) return KT_OK;
    char line[LINE];
    kt_text text = kt_text_in(line, sizeof line);
    kt_text_add(&text, "epoch");
    for (int i = 0; i < c->n_columns; i++) {
        kt_text_add(&text, "%s", c->separator);
        add_text(&text, c, c->columns[i]);
    }
    kt_text_add(&text, "\r\n");
    write_line(c, line, text.length);
    return KT_OK;
}

static kt_status csv_epoch_end(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    csv *c = self;
    if (!c->n_columns && fix_columns(c, loop, logs) != KT_OK) return loop->kt->status;
    char line[LINE];
    kt_text text = kt_text_in(line, sizeof line);
    kt_text_add(&text, "%lld", (long long)epoch);
    for (int i = 0; i < c->n_columns; i++) {
        double value;
        kt_text_add(&text, "%s", c->separator);
        if (kt_logs_get(logs, c->columns[i], &value)) kt_text_repr(&text, value);
        else kt_text_add(&text, "NA");
    }
    kt_text_add(&text, "\r\n");
    write_line(c, line, text.length);
    return KT_OK;
}

static kt_status csv_train_end(void *self, kt_loop *loop, kt_logs *logs)
{
    (void)loop, (void)logs;
    csv *c = self;
    if (c->file >= 0) close(c->file);
    c->file = -1;
    return KT_OK;
}

const kt_callback_class kt_csv_logger_class = {
    .name = "CSVLogger", .config_size = sizeof(kt_csv_logger_config), .state_size = sizeof(csv),
    .begin = csv_begin, .release = csv_release, .on_train_begin = csv_train_begin, .on_epoch_end = csv_epoch_end,
    .on_train_end = csv_train_end,
};
