/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/samples.h: what a classifier says about the samples that the callback was given, and what is
 * made of it: a confusion matrix (confusion.c), a grid of pictures (grid.c), PR curves (samples.c).
 */
#ifndef KT_CALLBACKS_TENSORBOARD_SAMPLES_H
#define KT_CALLBACKS_TENSORBOARD_SAMPLES_H

#include "train/callbacks/tensorboard/board.h"

typedef struct kt_samples {
    kt_array x;
    int64_t rows, columns, classes; /* columns of the prediction; one column is two classes, else classes = columns */
    float *probabilities;           /* (rows, columns) of the latest epoch: softmax or sigmoid already taken */
    int32_t *truth, *guess;         /* (rows) classes; of one column: 1 from 0.5 on */
    int64_t n_names;                /* of config.class_names */
} kt_samples;

enum { KT_CLASS_NAME_MAX = 128 };

/* The class's name as given, or its number. */
void kt_class_name(const kt_board *b, const kt_samples *s, int64_t class_number, char to[KT_CLASS_NAME_MAX]);

/* The i-th element of an array as a number. */
double kt_sample_value(const kt_array *array, int64_t i);

/* Both write to the run of training, step = epoch. */
enum { KT_CONFUSION_CLASSES = 256, KT_CONFUSION_TABLE = 32 }; /* as a picture, and with every count as a table */
kt_status kt_write_confusion(kt_board *b, const kt_samples *s, int64_t epoch);
kt_status kt_write_grid(kt_board *b, const kt_samples *s, int64_t epoch);
/* Can these samples be shown as pictures? Else an error of the context that says which shape is needed. */
kt_status kt_check_grid(kt_board *b, const kt_array *x);

#endif
