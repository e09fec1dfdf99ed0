/* SPDX-License-Identifier: MIT */
/* summary/reader/logdir.h: what a log that is being read consists of.
 *
 *     kt_logdir            the folder; sorted lists of everything below
 *       kt_run          one directory with event files; its tags in a hash table, its memory in a pile
 *         kt_source     one event file: how far it has been read, what was wrong with it
 *         kt_curve      one tag: the public kt_series first, columns of steps and times, then values or places
 *
 * A run is read by one thread, its files in the order of their names; runs are read side by side and share nothing but
 * the counted memory. What a run has depends on its files alone: when one of them was replaced, cut or removed, or a
 * new one sorts before one that has been read, the run is emptied and read again. So a log that was refreshed a
 * hundred times shows what a fresh one would show; only where several files of one run grow side by side, points stand
 * in the order in which they were read.
 *
 * Columns of scalars are 20 bytes a point. Of other values the place in the file is kept: 32 bytes a point.
 */
#ifndef KERATIN_SUMMARY_READER_LOGDIR_H
#define KERATIN_SUMMARY_READER_LOGDIR_H

#include "summary/reader/frame.h"
#include "summary/reader/parse.h"

#define KT_RUN_GRAPH_TAG "__run_graph__"

/* ---- What was wrong -------------------------------------------------------------------------- */

/* problem.c has the sentences. */
typedef enum kt_trouble_code {
    KT_TROUBLE_HEAD,
    KT_TROUBLE_GZIP,
    KT_TROUBLE_LONG,
    KT_TROUBLE_DATA,
    KT_TROUBLE_ZEROS,
    KT_TROUBLE_CUT,
    KT_TROUBLE_EVENT,
    KT_TROUBLE_MEMORY,
    KT_TROUBLE_TAIL_CUT, /* from here on nobody's fault */
    KT_TROUBLE_TAIL_ZEROS,
    KT_TROUBLE_TAG,
    KT_TROUBLE_NUMBER,
    KT_TROUBLE_MIXED,
    KT_TROUBLE_UNREAD, /* `detail` is the system's number */
    KT_TROUBLE_NOT_FILE,
    KT_TROUBLE_LOOP,
    KT_TROUBLE_FOLDER,
    KT_TROUBLE_DEEP,
    KT_TROUBLE_INDEX,
    KT_TROUBLE_STREAM, /* `detail` is how much of the file has been unpacked */
    KT_TROUBLE_TAIL_STREAM,
    KT_TROUBLE_COUNT
} kt_trouble_code;

typedef struct kt_trouble {
    int64_t offset, skipped;
    uint64_t detail;
    kt_trouble_code code;
} kt_trouble;

enum { KT_TROUBLES_KEPT = 1000 };

typedef struct kt_troubles {
    kt_trouble *at;
    size_t count, room;
    int64_t total;
} kt_troubles;

/* ---- One tag --------------------------------------------------------------------------------- */

typedef struct kt_place { /* of a value that is decoded on demand */
    int64_t offset;       /* of its record */
    uint32_t file, value; /* which file of the run; where in the payload the value's field begins */
} kt_place;

enum { KT_FIRST_EVENT = 1, KT_LIST_BYTES = 12 /* of a curve in the log's sorted list, with room to grow */ };

typedef struct kt_run kt_run;
typedef struct kt_curve kt_curve;
struct kt_curve {
    kt_series shown; /* first: a kt_series lent to the caller is a kt_curve */
    kt_run *run;
    kt_curve *next; /* the tag that was logged after this one the last time */
    kt_place *places;
    int64_t room;
    unsigned char *pattern; /* the summary of a scalar as bytes: see curve.h */
    int64_t stored_at;      /* columns that still lie in the index begin there */
    uint32_t hash, stored_crc;
    uint16_t pattern_size, pattern_room, pattern_value;
    unsigned char first; /* the member of Value that the first value had; KT_FIRST_EVENT: a field of the event's own */
    bool scalar, own_columns, from_meta, stored, told_mixed, told_number;
};

/* ---- One file -------------------------------------------------------------------------------- */

enum { KT_SIGNATURE = 16 };

typedef struct kt_source {
    kt_logdir_file shown; /* first */
    kt_run *run;
    char *name; /* of the file in the run's directory */
    uint64_t inode;
    int64_t size, modified;                /* as the system said when it was last looked at; nanoseconds */
    int64_t read_size, read_modified;      /* the same when it was last read; -1: never */
    int64_t at;                            /* everything before has been read; of what a packed one unpacks to */
    int64_t unpacked;                      /* how much that was, if packed */
    int64_t searched;                      /* behind damage: no sound record begins between `at` and here */
    unsigned char signature[KT_SIGNATURE]; /* the last bytes before `at`: whether it is still the same file */
    unsigned char signature_size;
    bool packed; /* a compressed file */
    bool irregular, has_tail, fresh, gone;
    int error;
    kt_troubles troubles;
    kt_trouble tail; /* what stands at the end now, if has_tail */
} kt_source;

/* ---- One run --------------------------------------------------------------------------------- */

struct kt_run {
    kt_logdir *log;
    char *name;      /* as shown: below the logdir, UTF-8 */
    char *raw;       /* the same as the system has it */
    char *directory; /* path */
    kt_store *store;
    kt_pile pile; /* curves and their names */
    kt_curve **table;
    size_t table_size, curves; /* a power of two or 0; at most two thirds full */
    kt_curve *last;            /* the tag that was logged last */
    kt_source **files;         /* sorted by name */
    size_t file_count;
    int64_t added;    /* points since the last refresh */
    kt_status failed; /* reading it ended with this; it is read again from the beginning */
    bool forget, seen;
    bool full; /* the limit of memory was met: no values are taken any more */
};

/* ---- The log --------------------------------------------------------------------------------- */

struct kt_logdir {
    kt_store store;
    char *logdir, *index;
    int threads;
    bool forget;
    const void *memory; /* instead of files: for the fuzzer */
    int64_t memory_size;
    kt_run **runs; /* sorted by raw name */
    size_t run_count, run_room;
    kt_curve **curves; /* sorted by run, tag */
    size_t curve_count, curve_room;
    kt_source **files;
    size_t file_count, file_room;
    kt_logdir_problem *problems;
    size_t problem_count, problem_room;
    int64_t problem_total;
    kt_pile sentences; /* of the problems */
    kt_troubles walk;  /* about folders, and paths in general */
    kt_pile walk_pile;
    char **walk_paths;
    size_t walk_room;
    kt_window window;             /* for values and records that are asked for */
    const kt_source *window_file; /* which one is open */
    kt_values asked;              /* the values of the record that is lent, and how many have been handed out */
    int64_t asked_count;
    const void *asked_event;
    struct kt_decoded {
        double *numbers;
        kt_bucket *buckets;
        kt_blob *strings;
        size_t number_room, bucket_room, string_room;
        char text[32];
        char why[256];
    } decoded;
    int index_fd;       /* open while columns are still in there */
    int64_t unsaved;    /* points that the index on the disk does not have */
    bool index_foreign; /* the path names something that is no index: it is left alone */
    char message[512];
};

/* The sentence of a failure; returns the status. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
kt_status
kt_logdir_fail(kt_logdir *log, kt_status status, const char *format, ...);

/* A run and a file of which nothing has been read yet; NULL: memory. */
kt_run *kt_run_new(kt_logdir *log, const char *raw, const char *directory);
kt_source *kt_source_new(kt_run *run, const char *directory, const char *name);
void kt_run_free(kt_run *run);

/* Whether some file is compressed: the index does not remember such a run. */
bool kt_run_packed(const kt_run *run);

/* The log's window stands on this file. */
kt_status kt_logdir_window_on(kt_logdir *log, kt_source *file);

/* A log of one file that lies in memory, for the fuzzer; the bytes must outlive it. An index may come with it. */
kt_logdir *kt_logdir_open_memory(kt_blob file, kt_blob index, const kt_logdir_config *config);

#endif
