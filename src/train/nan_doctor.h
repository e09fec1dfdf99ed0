/* SPDX-License-Identifier: MIT */
/* train/nan_doctor.h: which op made the first number that is not finite, found when the loss has become NaN.
 *
 * When a step's loss is not finite that step has been applied, and the cause may lie in the step before: a gradient
 * that overflowed there left weights behind which only now reach the loss. To be exact about it without looking at
 * every op of every step, the doctor keeps a copy of the model's and the optimizer's variables every so many steps,
 * and when called trains the steps since then again, which gives the same bits: the last two of them with
 * check_numerics, which names the first op whose result is not finite. Steps in between cost one look at the loss.
 *
 * That works for batches which the feed gives again (arrays, and data sets of the caller's own that answer for a
 * position), and for variables that only the steps change; where a callback changes weights between the steps of an
 * epoch the replay may find nothing, and the diagnosis says so. A learning rate set at the beginning of an epoch is
 * seen. An infinity that is made on purpose (a mask of -inf) is a fault like any other.
 *
 * Afterwards the variables are those of before the step at fault, or of before the last step where none was found.
 */
#ifndef KT_TRAIN_NAN_DOCTOR_H
#define KT_TRAIN_NAN_DOCTOR_H

#include "train/feed.h"
#include "train/model.h"

typedef struct kt_kept_variable {
    kt_tensor *variable;
    void *copy;
    size_t bytes;
} kt_kept_variable;

typedef struct kt_nan_doctor {
    kt_context *kt;
    kt_model *model;
    kt_feed *feed;
    kt_kept_variable *kept;
    size_t n_kept, capacity;
    void *piece; /* room for any one of the weights */
    size_t piece_bytes;
    int64_t step;         /* the one that comes after the copies; 0: there are none */
    int64_t epoch, index; /* its batch in the data */
    uint64_t random_step;
    double learning_rate;
} kt_nan_doctor;

typedef struct kt_diagnosis {
    int64_t step, epoch, batch; /* of the fault; epoch and batch as the data counts them */
    bool found;                 /* an op, told by `fault` */
    kt_fault fault;
    const char *data; /* "x", "y" or "sample_weight" of the batch was not finite already; else NULL */
    int64_t data_nans, data_infinities, data_row; /* how many, and the row of the first */
    char obstacle[200];                           /* why the steps could not be run again; "" if they were */
} kt_diagnosis;

/* Before the batch `host` of step `step` (counted from 1) is trained on: copies what it must, now and then. KT_ERR_NAN
 * without an error of the context: weights are not finite already, so the step before is at fault: examine it. */
kt_status kt_nan_doctor_keep(kt_nan_doctor *doctor, int64_t step, const kt_host_batch *host);

/* Step `step` had a loss that is not finite, or left such weights. batch_file: (optional) where the batch of the fault
 * goes, as NPZ with x, y and sample_weight; when that cannot be written the log hook is told. What else goes wrong
 * becomes `obstacle`: the loss is the news. KT_ERR_MEMORY is given back as it is. */
kt_status kt_nan_doctor_examine(kt_nan_doctor *doctor, int64_t step, const char *batch_file, kt_diagnosis *diagnosis);

void kt_nan_doctor_end(kt_nan_doctor *doctor); /* twice does no harm */

#endif
