/* SPDX-License-Identifier: MIT */
/* summary/reader/walk.h: finds the event files below a folder. */
#ifndef KERATIN_SUMMARY_READER_WALK_H
#define KERATIN_SUMMARY_READER_WALK_H

#include "summary/reader/logdir.h"

typedef struct kt_found { /* one file, as the system knows it */
    const char *run, *directory, *name;
    uint64_t inode;
    int64_t size, modified; /* bytes, nanoseconds */
    bool irregular;
} kt_found;

typedef struct kt_walk {
    kt_pile pile; /* of the names */
    kt_found *found;
    size_t count, room;
} kt_walk;

/* Sorted by run, then name. KT_ERR_IO with *error: the folder itself cannot be read. */
kt_status kt_walk_folder(kt_logdir *log, kt_walk *walk, int *error);
void kt_walk_free(kt_logdir *log, kt_walk *walk);

#endif
