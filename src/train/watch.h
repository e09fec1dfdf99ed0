/* SPDX-License-Identifier: MIT */
/* train/watch.h: what the TensorBoard callback watches in a training step, beside the tensors that are alive anyway.
 *
 * The ops that compute it are recorded in the same plan, in a program of its own for the steps that are looked at
 * (summary.h: kt_look). Tags, by what is watched; <weight> and <layer> are paths:
 *
 *     gradients/<weight>/histogram, /norm, gradients/global_norm            as the optimizer gets them; where it clips,
 *     applied_gradients/<weight>/histogram, /norm, .../global_norm          as it uses them
 *     updates/<weight>/ratio                                                |after - before| / |before|; 0 if before is 0
 *     activations/<layer>/histogram, /mean, /deviation, /zeros, /saturation see below
 *     weights/<weight>/norm, weights/<layer>/norm                           after the update; of all weights of a layer
 *     batch_learning_rate                                                   that this step used
 *     loss_terms/<loss>, /<layer>/add_loss, /<weight>/regularizer, /total   total: what is differentiated
 *
 * Norms are square roots of sums of squares, which are kept in double. zeros and saturation are shares of all elements.
 * Saturated is an output of a layer whose activation is bounded (tanh, sigmoid, softmax) that lies within 1.5 % of the
 * range from one of its ends; other layers have no such tag. Layers are those whose call made a tensor of its own: not
 * models around others, and nothing that only gives another shape.
 */
#ifndef KT_TRAIN_WATCH_H
#define KT_TRAIN_WATCH_H

#include "train/summary.h"

/* kt_nn.watch's functions for this outlet. */
kt_watch kt_watch_hooks(kt_outlet *outlet);

/* The loss without what layers add ("mean_squared_error"), and the whole of it ("total"). NULL is passed over. */
void kt_watch_loss(kt_context *kt, const char *name, kt_tensor *loss);

/* The loss of this step to the host: kt_outlet.loss. */
void kt_watch_value(kt_context *kt, kt_tensor *loss);

#endif
