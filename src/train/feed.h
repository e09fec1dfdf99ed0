/* SPDX-License-Identifier: MIT */
/* train/feed.h: where the batches of a training or an evaluation come from.
 *
 * Arrays and data sets are the same from here on. What was given is checked once, with sentences that name the
 * argument; class weights become sample weights. Knows neither models nor metrics.
 */
#ifndef KT_TRAIN_FEED_H
#define KT_TRAIN_FEED_H

#include <keratin/model.h>

#include "core/context.h"

typedef struct kt_feed {
    kt_context *kt;
    kt_dataset *data;
    bool owned;
    const kt_class_weight *classes; /* (optional) for each batch of a data set */
    int64_t n_classes;
    float *weights;                 /* of the batch, or of all rows */
    size_t capacity;
} kt_feed;

typedef struct kt_feed_config {
    const char *call;               /* "fit", "evaluate": for sentences */
    kt_array x, y, weight;
    kt_dataset *data;
    int64_t batch_size;
    bool shuffle;
    uint64_t seed;
    const kt_class_weight *classes;
    int64_t n_classes;
} kt_feed_config;

/* Arrays that go together: rows in each, and as many. *rows gets their number. */
kt_status kt_check_rows(kt_context *kt, const char *call, const kt_array *x, const kt_array *y, const kt_array *weight,
                        int64_t *rows);
/* The rows [from, from + rows) of an array; of no array, no array. */
kt_array kt_rows_of(const kt_array *array, int64_t from, int64_t rows);

kt_status kt_feed_open(kt_feed *feed, kt_context *kt, const kt_feed_config *config);
void kt_feed_close(kt_feed *feed); /* twice does no harm */
/* The next batch; x.data NULL: the data's epoch has ended, and the next call begins the next. */
kt_status kt_feed_next(kt_feed *feed, kt_host_batch *batch);

/* Makes `weights` (room for the rows of y) from class weights: classes that are not listed weigh 1. */
kt_status kt_class_weights(kt_context *kt, const char *call, const kt_array *y, const kt_class_weight *classes,
                           int64_t n, float *weights);

#endif
