/* SPDX-License-Identifier: MIT */
/* keratin/data.h: readers and data sets.
 *
 * A data set gives batches (x, y, sample_weight) in an order that is a pure function of (seed, epoch). The consumer
 * owns the position, not the prefetching thread, so a position can be saved and sought exactly.
 */
#ifndef KERATIN_DATA_H
#define KERATIN_DATA_H

#include <keratin/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- arrays in memory that the library owns ---- */
typedef struct kt_arrays kt_arrays; /* named arrays; belongs to the context, may be freed earlier */
KT_API void kt_arrays_free(kt_arrays *arrays); /* NULL is fine */
KT_API int64_t kt_arrays_count(const kt_arrays *arrays);
KT_API const char *kt_arrays_name(const kt_arrays *arrays, int64_t i);
KT_API kt_array kt_arrays_at(const kt_arrays *arrays, int64_t i);
/* .data == NULL if there is none, which is no error. */
KT_API kt_array kt_arrays_get(const kt_arrays *arrays, const char *name);

/* ---- readers; NULL and the context's error on failure ----
 * Files are treated as hostile: sizes are checked against the file before anything is allocated, and only regular files
 * are opened. Types become the library's without loss: float16 becomes float32; int8, int16 and uint16 become int32;
 * uint32 and uint64 become int64. */
KT_API kt_arrays *kt_read_npy(kt_context *kt, const char *path); /* one array, named ""; pickles are never read */
KT_API kt_arrays *kt_read_npz(kt_context *kt, const char *path); /* stored or deflated; KT_ERR_MISSING without libzip */
/* MNIST's format, gzip or not (KT_ERR_MISSING without zlib for gzip); one array, named "". */
KT_API kt_arrays *kt_read_idx(kt_context *kt, const char *path);

/* Writers: the file appears whole, under a temporary name first, or stays as it was. They need no library. */
KT_API kt_status kt_write_npy(kt_context *kt, const char *path, kt_array array);
KT_API kt_status kt_write_npz(kt_context *kt, const char *path, const char *const *names, const kt_array *arrays,
                              int64_t count);

typedef struct kt_csv_config {
    size_t size;
    const char *path;     /* the file */
    const char *target;   /* column name or 0-based number, several joined by ','; NULL: the last column */
    char separator;       /* default: ',' */
    bool no_target;       /* all columns are x */
    bool drop_text;       /* text columns are left out instead of one-hot encoded; targets are encoded all the same */
} kt_csv_config;
/* Gives float32 arrays "x" (rows, inputs) and "y" (rows, targets), columns in the order of the file. A column is all
 * numbers or all text; a text column becomes one-hot in order of first appearance (at most 1000 different texts). The
 * first line is a header if a text in it stands above a number, or is the target's name; in a table of text only, if
 * none of its fields comes again in its column. Ragged rows, empty files, missing values (empty, NA, N/A, NaN, null, ?)
 * and mixed columns are errors that name line and column. Fields may be quoted; blanks around them and blank lines do
 * not count. */
#ifndef __cplusplus
/* kt_arrays *table = kt_read_csv(kt, "abalone.csv", .target = "rings"); */
#define kt_read_csv(kt, ...) KT_READ_CSV_(kt, __VA_ARGS__)
#define KT_READ_CSV_(kt, ...) kt_read_csv_with(kt, &(kt_csv_config){ .size = sizeof(kt_csv_config), __VA_ARGS__ })
#endif
KT_API kt_arrays *kt_read_csv_with(kt_context *kt, const kt_csv_config *config);

/* Friedman #1 (Friedman 1991): x uniform in [0,1)^10,
 * y = 10 sin(pi x0 x1) + 20 (x2 - 0.5)^2 + 10 x3 + 5 x4 + N(0, noise). float32 arrays "x" (rows, 10) and "y" (rows, 1); the same numbers for the same seed everywhere. */
KT_API kt_arrays *kt_friedman1(kt_context *kt, int64_t rows, double noise, uint64_t seed);

/* (x - mean) / deviation per column (element of a row), as a new array that lives until the context dies: float64 for
 * float64, else float32. Stores mean and deviation (of the population), one number per column each, where asked (may be
 * NULL). Constant columns become 0, and their deviation is given as 1, so that other rows can be divided by it. */
KT_API kt_array kt_standardise(kt_context *kt, kt_array x, double *mean, double *deviation);

/* ---- data sets ---- */
typedef struct kt_dataset kt_dataset;

typedef struct kt_dataset_config {
    size_t size;
    kt_array x, y, sample_weight;  /* borrowed; y and sample_weight may be absent */
    int64_t batch_size;            /* 32 */
    bool shuffle;                  /* each epoch anew, by (seed, epoch) */
    uint64_t seed;
    bool drop_remainder;
    int prefetch;                  /* batches made ahead by a thread of its own; 0: none */
} kt_dataset_config;
#ifndef __cplusplus
/* kt_dataset *batches = kt_dataset_new(kt, x, y, .batch_size = 32, .shuffle = true); */
#define kt_dataset_new(kt, ...) KT_DATASET_(kt, __VA_ARGS__)
#define KT_DATASET_(kt, ...) \
    kt_dataset_new_with(kt, &(kt_dataset_config){ .size = sizeof(kt_dataset_config), __VA_ARGS__ })
#endif
KT_API kt_dataset *kt_dataset_new_with(kt_context *kt, const kt_dataset_config *config);
KT_API void kt_dataset_free(kt_dataset *data); /* NULL is fine */

typedef struct kt_host_batch { /* arrays of one batch; .data == NULL where absent; valid until the next call */
    kt_array x, y, sample_weight;
    int64_t index; /* of the batch in its epoch */
} kt_host_batch;

/* A data set of the caller's own: batches from a simulator, a socket, a file too large for memory. Called on the thread
 * that uses the data set. */
typedef struct kt_dataset_class {
    size_t size; /* sizeof(kt_dataset_class) */
    /* Batch `index` of epoch `epoch`; KT_OK with batch->x.data == NULL: the epoch has ended. Called in order, or after
     * seek. The arrays must stay as they are until the next call. */
    kt_status (*batch)(void *self, int64_t epoch, int64_t index, kt_host_batch *batch);
    int64_t (*count)(void *self);               /* (optional) batches in an epoch; -1: not known beforehand */
    void (*release)(void *self);                /* (optional) */
} kt_dataset_class;
/* `self` is given: it is released with the data set, and also when this fails. */
KT_API kt_dataset *kt_dataset_custom(kt_context *kt, const kt_dataset_class *cls, void *self);

KT_API int64_t kt_dataset_batches(const kt_dataset *data); /* in an epoch; -1: not known */
/* The position: the batch that comes next. Saved and sought, it continues exactly. Seeking the number of batches means
 * the end of that epoch. */
KT_API void kt_dataset_tell(const kt_dataset *data, int64_t *epoch, int64_t *index);
KT_API kt_status kt_dataset_seek(kt_dataset *data, int64_t epoch, int64_t index);
/* The next batch of the current epoch; KT_OK with x.data == NULL at its end, and the call after that begins the next
 * epoch. */
KT_API kt_status kt_dataset_next(kt_dataset *data, kt_host_batch *batch);

/* ---- hand-written loops ---- */
typedef struct kt_batch { /* one pass: tensors of the pass's scope */
    kt_tensor *x, *y, *sample_weight; /* NULL where absent */
    int64_t index;
    kt_dataset *data_;                /* the loop's own */
    kt_scope *scope_;
    uint64_t loop_;
} kt_batch;

/* for each batch of one epoch: `batch.x`, `batch.y`; each pass is a scope: what it recorded runs at its end and is
 * freed. A pass left by break is run and freed when its data set is used again or at kt_finish, and the next loop
 * begins with the next epoch; after kt_dataset_seek the loop begins in the middle. Ends early on an error. In the body
 * the data set itself must not be used: other calls on it end the pass. */
#define kt_for_each_batch(data, batch) for (kt_batch batch = kt_batch_begin(data); kt_batch_next(&batch);)
KT_API kt_batch kt_batch_begin(kt_dataset *data);
KT_API bool kt_batch_next(kt_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
