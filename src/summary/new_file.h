/* SPDX-License-Identifier: MIT */
/* summary/new_file.h: files that appear whole or not at all, for what is no log: tables, pictures,
 * traces. */
#ifndef KERATIN_SUMMARY_NEW_FILE_H
#define KERATIN_SUMMARY_NEW_FILE_H

#include <keratin/status.h>

#include "summary/file.h"

/* A file that is being written. Failure is kept in `error` (the system's number) and asked for once, at the end. */
typedef struct kt_new_file {
    const kt_file_calls *calls;
    const kt_allocator *a;
    char *path, *temporary; /* one block, which begins at path */
    int fd, error;
    int64_t size;
    unsigned char *buffer;
    size_t used;
} kt_new_file;

/* Begins the file `directory`/`name`, under a temporary name. Must be ended, whatever comes between. */
kt_new_file kt_new_file_begin(const kt_file_calls *calls, const kt_allocator *a, const char *directory,
                              const char *name);

void kt_new_file_add(kt_new_file *file, const void *bytes, size_t n);
void kt_new_file_text(kt_new_file *file, const char *text);

/* Brings it to the disk and gives it its name; or, after a failure, removes what there is of it. 0, or the error's
 * number. */
int kt_new_file_end(kt_new_file *file);

/* Reads a file of at most `most` bytes; *bytes is of the allocator, has a NUL behind its end, and is NULL with *size
 * 0 when there is no such file. 0, or the system's number of the error: EFBIG for a larger file. */
int kt_read_file(const kt_allocator *a, const char *directory, const char *name, size_t most, char **bytes,
                 size_t *size);

#endif
