/* SPDX-License-Identifier: MIT */
/* keratin/reader.h: reading TensorBoard logs, whoever wrote them: TensorFlow 1 and 2, Keras, PyTorch, tensorboardX,
 * TensorBoard's own writers, Keratin.
 *
 *     kt_logdir *log = kt_logdir_open("logs");
 *     for (int64_t i = 0; i < kt_logdir_series_count(log); i++) {
 *         const kt_series *s = kt_logdir_series(log, i);
 *         if (s->steps && s->values) printf("%s %s: %lld points\n", s->run, s->tag, (long long)s->count);
 *     }
 *     kt_logdir_close(log);
 *
 * Every point is kept, none is sampled away. Numbers of scalars lie in columns in memory; of all other kinds the place
 * in the file is kept, and a value is read and decoded when somebody asks for it. Files are hostile: nothing is
 * allocated from a size that a file claims, damage is passed over to the next sound record and reported, and memory
 * stays below four times the size of the files, and 8 MB, 1 MB a thread and 4 KB a file. Where what they hold would
 * take more, values are left out and a problem says so. A value that is asked for counts, too.
 *
 * A log shows what is on the disk: files that grow are read on, and when one was replaced, cut or removed its run is
 * read again. Every folder that directly holds a file with "tfevents" in its name is a run, links are followed. Pipes
 * and devices of such a name are never opened.
 *
 * A file that is a gzip or zlib stream as a whole (TFRecord's GZIP and ZLIB, or gzipped later) is read as what it
 * unpacks to, where the library was built with zlib; offsets are those of the unpacked bytes, its size is that on the
 * disk, and the limit of memory follows from that. It is unpacked as it is read: when it has grown it is unpacked from
 * the beginning again, and so it is for each value or record that stands before the one asked for last, or in another
 * file. Ask in the order of the file, or unpack such a file once. TensorBoard does not read them.
 *
 * A log belongs to one thread at a time. It may be open while others write to its files.
 */
#ifndef KERATIN_READER_H
#define KERATIN_READER_H

#include <keratin/status.h>
#include <keratin/summary.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_logdir kt_logdir;

typedef struct kt_logdir_config {
    size_t size;            /* set by kt_logdir_open; 0 means the fields below */
    const char *logdir;     /* read with everything below it; one event file is fine, too */
    int threads;            /* 0: as many as there are processors */
    const char *index;      /* (optional) a file that remembers what has been read: opening again takes milliseconds,
                               and columns are read when they are asked for. Written after opening and at the end when
                               there is something new; one that is damaged, or of other options or another folder, is
                               written anew; a file that is no index is left alone. 20 bytes a point;
                               runs with compressed files are not in it */
    bool forget_restarts;   /* as TensorBoard's default reader: a point with step s removes those with steps >= s before
                               it; otherwise all are kept */
    kt_allocator allocator; /* default: malloc, realloc, free; called by all threads of the log at once */
    kt_events_error *error; /* told why an open failed */
} kt_logdir_config;

/* Reads what is there. A directory without event files is an empty log, a missing one is KT_ERR_IO. Damaged and
 * unreadable files are no failure: see kt_logdir_problem_at. kt_logdir_open("logs", .threads = 2) expands to
 * kt_logdir_open_with(&(kt_logdir_config){ .size = ..., "logs", .threads = 2 }); in C++ it takes the folder only. */
KT_API kt_logdir *kt_logdir_open_with(const kt_logdir_config *config);
#ifndef __cplusplus
#define kt_logdir_open(...) kt_logdir_open_with(&(kt_logdir_config){ .size = sizeof(kt_logdir_config), __VA_ARGS__ })
#else
static inline kt_logdir *kt_logdir_open(const char *logdir)
{
    kt_logdir_config config = kt_logdir_config();
    config.size = sizeof config;
    config.logdir = logdir;
    return kt_logdir_open_with(&config);
}
#endif
KT_API void kt_logdir_close(kt_logdir *log); /* NULL is fine; everything lent by the log ends */

/* Reads what has been added since: records, files, runs. *changed (may be NULL): how many points are new; all points
 * of a run that was read again count. Everything lent before ends: series, values, problems, files. KT_ERR_IO: the
 * folder itself cannot be read, the log stays as it was; KT_ERR_MEMORY: what could not be read is read by the next
 * call. */
KT_API kt_status kt_logdir_refresh(kt_logdir *log, int64_t *changed);

/* ---- series: one run and tag ---- */

typedef struct kt_series {
    const char *run;         /* path below the logdir with '/'; the logdir itself is "." */
    const char *tag;         /* always UTF-8; "__run_graph__" for a raw graph */
    const char *plugin;      /* "scalars", "histograms"...: what TensorBoard would show it as, legacy records too */
    const char *display_name, *description; /* "" where there is none */
    const void *content;     /* the plugin's own bytes of the first value */
    size_t content_size;
    int64_t count;
    const int64_t *steps;    /* in the order of the file */
    const double *wall_times; /* seconds since 1970 */
    const float *values;     /* scalars only, else NULL */
    int64_t restarts;        /* how often the step did not rise; several files of a run are read in the order of their
                                names, so two writers in one folder count as restarts */
    bool mixed;              /* one name used for two kinds: TensorBoard shows the first */
} kt_series;

KT_API int64_t kt_logdir_series_count(const kt_logdir *log); /* sorted by run, then tag */
/* NULL past the end, and when there is no memory to load columns from the index. Until refresh or close. */
KT_API const kt_series *kt_logdir_series(const kt_logdir *log, int64_t i);
/* NULL if there is none. */
KT_API const kt_series *kt_logdir_find(const kt_logdir *log, const char *run, const char *tag);

/* ---- values of any kind ---- */

typedef enum kt_value_kind {
    KT_VALUE_NUMBERS, /* a tensor of numbers, as double */
    KT_VALUE_BUCKETS, /* a histogram, in today's form whatever it was written as */
    KT_VALUE_STRINGS, /* texts, pictures, sounds: shape and bytes */
    KT_VALUE_BYTES    /* a graph, run metadata */
} kt_value_kind;

typedef struct kt_value {
    kt_value_kind kind;
    int dtype;                /* TensorFlow's DataType of the tensor: 1 float, 2 double, 3 int32, 7 string... */
    int rank;
    int64_t dim[8];           /* as the record says; of a histogram (count, 3) */
    int64_t count;            /* of what follows; the product of dim unless `why` says otherwise, and never more than
                                 the record holds: a tensor of one number that claims a giant shape has count 1 */
    const double *numbers;    /* complex ones as pairs: one more dimension of 2 */
    const kt_bucket *buckets;
    const kt_blob *strings;   /* KT_VALUE_BYTES: one */
    const char *why;          /* NULL, or a sentence: the value cannot be shown as it is, and why */
    const char *dtype_name;   /* "float32", "uint8", "string"...: as NumPy and TensorFlow call it; "" if unknown */
    kt_blob content;          /* numbers as they stand in the record: dense, little end first; empty where the record
                                 lists them one by one */
} kt_value;

/* Value `point` of a series, read from its file; lent until the next call on this log. Scalars come from memory.
 *
 * Old forms are given as TensorBoard's Python reader converts them: an image as the strings width, height, bytes; a
 * sound as the strings [1, 2] bytes, ""; a histogram without the empty buckets at its ends, the first left edge `min`
 * and the last right edge `max`. KT_ERR_FORMAT: the record is not there any more (refresh); KT_ERR_IO, KT_ERR_MEMORY.
 * */
KT_API kt_status kt_logdir_value(kt_logdir *log, const kt_series *series, int64_t point, kt_value *value);

/* ---- what was wrong ---- */

typedef struct kt_logdir_problem {
    const char *file;     /* its path */
    int64_t offset;       /* where in the file; of a compressed one: in what it unpacks to, as `skipped` */
    int64_t skipped;      /* bytes passed over; 0 for a notice */
    kt_status status;     /* KT_ERR_FORMAT: damaged; KT_ERR_IO: unreadable; KT_ERR_MEMORY: values were left out;
                             KT_OK: a notice: an unfinished end, as while it grows, a tag that was repaired, ... */
    const char *reason;   /* a sentence */
} kt_logdir_problem;
KT_API int64_t kt_logdir_problems(const kt_logdir *log);                      /* the first 1,000 are kept, */
KT_API const kt_logdir_problem *kt_logdir_problem_at(const kt_logdir *log, int64_t i);
KT_API int64_t kt_logdir_problems_total(const kt_logdir *log);                /* all are counted */

/* ---- files ---- */

typedef struct kt_logdir_file {
    const char *path, *run;
    int64_t bytes, records;       /* bytes: on the disk */
    double first_wall, last_wall; /* NaN without records */
    const char *writer;           /* as it names itself, or "" */
    double version;               /* 2 for "brain.Event:2"; NaN without a version record */
} kt_logdir_file;
KT_API int64_t kt_logdir_files(const kt_logdir *log);                           /* sorted by run, then name */
KT_API const kt_logdir_file *kt_logdir_file_at(const kt_logdir *log, int64_t i);

/* ---- records, as they stand: for tools that copy logs ---- */

typedef struct kt_logdir_record {
    int64_t file, offset;     /* which file, and where in it */
    int64_t next;             /* where the record behind it begins */
    double wall_time;
    int64_t step;
    kt_blob frame;            /* the whole record: length, checksum, event, checksum */
    kt_blob event;            /* the Event message inside */
    int64_t values;           /* how many summary values it holds; 0: a version, a graph, a session mark... */
    bool broken;              /* the checksums match, but it is no Event message: TensorBoard stops reading there */
} kt_logdir_record;

/* The first sound record at or behind `offset` of file i; frame.bytes is NULL when there is none. Lent until the next
 * call on this log.
 *
 *     kt_logdir_record r = { 0 };
 *     while (kt_logdir_record_at(log, file, r.next, &r) == KT_OK && r.frame.bytes)
 *         fwrite(r.frame.bytes, 1, r.frame.size, out);
 */
KT_API kt_status kt_logdir_record_at(kt_logdir *log, int64_t file, int64_t offset, kt_logdir_record *record);

typedef struct kt_logdir_record_value {
    kt_blob bytes;            /* the Value message: field 1 of the Summary, which is field 5 of the Event */
    kt_blob tag;              /* as written */
    const kt_series *series;  /* NULL when the log keeps none for it */
} kt_logdir_record_value;

/* Summary value i of a record that is still lent. */
KT_API kt_status kt_logdir_record_value_at(kt_logdir *log, const kt_logdir_record *record, int64_t i,
                                           kt_logdir_record_value *value);

/* The sentence of the last failure, "" when there was none. */
KT_API const char *kt_logdir_message(const kt_logdir *log);

#ifdef __cplusplus
}
#endif
#endif
