/* SPDX-License-Identifier: MIT */
/* ops/update.h: one optimizer step of one variable as one row. Recording only: nothing is assigned
 * here.
 *
 * Each function gives the new values in out[]: the variable first, then its slots in the order of
 * the arguments; all NULL on an error. w, slots and g have one shape and one float dtype;
 * learning_rate is a number (rank 0) of that dtype, iteration an int64 of rank 0 that counts from
 * 0. Formulas are Keras's (section 5.2 of its rules: Adam adds epsilon to the uncorrected root).
 */
#ifndef KT_OPS_UPDATE_H
#define KT_OPS_UPDATE_H

#include "core/tensor.h"

/* w - lr g */
kt_tensor *kt_sgd_update(kt_tensor *w, kt_tensor *g, kt_tensor *learning_rate);

/* m' = momentum m - lr g; w' = w + m', or with nesterov w + momentum m' - lr g. out: w', m' */
void kt_momentum_update(kt_tensor *w, kt_tensor *m, kt_tensor *g, kt_tensor *learning_rate,
                        double momentum, bool nesterov, kt_tensor *out[2]);

typedef struct kt_adam_numbers {
    double beta_1, beta_2, epsilon;
} kt_adam_numbers;

/* m' = m + (g - m)(1 - beta_1); v' = v + (g g - v)(1 - beta_2); w' = w - alpha m' / (sqrt(v') +
 * epsilon), with alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t), t = iteration + 1. out: w', m', v'
 */
void kt_adam_update(kt_tensor *w, kt_tensor *m, kt_tensor *v, kt_tensor *g,
                    kt_tensor *learning_rate, kt_tensor *iteration, kt_adam_numbers numbers,
                    kt_tensor *out[3]);

/* The same with vhat' = max(vhat, v') below the root. out: w', m', v', vhat' */
void kt_adam_amsgrad_update(kt_tensor *w, kt_tensor *m, kt_tensor *v, kt_tensor *vhat, kt_tensor *g,
                            kt_tensor *learning_rate, kt_tensor *iteration, kt_adam_numbers numbers,
                            kt_tensor *out[4]);

#endif
