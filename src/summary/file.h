/* SPDX-License-Identifier: MIT */
/* summary/file.h: the system's side of a log: directories, a new file with a name of its own,
 * writes that end.
 *
 * What the system is asked stands in one table, so that tests can make each call fail, fall short
 * or be interrupted at will; the real one is kt_file_system. Every call answers at once or fails:
 * the file is always a new regular one (it is created exclusively, so never a pipe or a device
 * somebody put there), therefore no SIGPIPE and no waiting for a reader.
 */
#ifndef KERATIN_SUMMARY_FILE_H
#define KERATIN_SUMMARY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All return -1 with errno set when they fail. */
typedef struct kt_file_calls {
    int (*create)(const char *path); /* a file that was not there */
    int64_t (*write_at)(int fd, const void *bytes, size_t n, int64_t at); /* may write fewer */
    int (*truncate)(int fd, int64_t size);
    int (*look)(int fd, int64_t *size, bool *linked); /* linked: some directory still names it */
    int (*sync)(int fd);
    int (*close)(int fd);
    int (*remove)(const char *path);
} kt_file_calls;

extern const kt_file_calls kt_file_system;

enum { KT_FILE_NAME_MAX = 256, KT_FILE_SUFFIX_MAX = 64 };

/* Makes the directory and what is missing above it. 0, or the error's number. `scratch` is as long
 * as the path. */
int kt_file_make_directory(const char *path, char *scratch);

/* What makes the names of one log's files differ and rise. All zero: before the first. */
typedef struct kt_file_name {
    int64_t seconds;
    int n; /* the next one to try in that second, from 0 to 9 */
} kt_file_name;

/* Creates `<logdir>/events.out.tfevents.<seconds>.<host>.<pid>.<n><suffix>` and leaves its path in
 * `path` (strlen(logdir) + KT_FILE_NAME_MAX bytes). Seconds are those given or, when names of that
 * second are used up or the clock was set back, the first ones that make the name sort behind the
 * log's last one. The descriptor, or -1 with errno. */
int kt_file_create(const kt_file_calls *calls, const char *logdir, double seconds,
                   const char *suffix, kt_file_name *name, char *path);

/* The seconds that a new file's name needs to sort behind all other event files of the directory; 0
 * when `path` itself does already. */
int64_t kt_file_seconds_behind_all(const char *logdir, const char *path);

/* Writes all n bytes at `at`, over interruptions and short writes. Returns how many were written;
 * *error is 0 if all. */
size_t kt_file_write(const kt_file_calls *calls, int fd, const unsigned char *bytes, size_t n,
                     int64_t at, int *error);

/* An error's number as half a sentence: what is wrong, and what to do. In English whatever the
 * host's locale. */
const char *kt_file_reason(int error);

#endif
