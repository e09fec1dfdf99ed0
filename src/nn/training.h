/* SPDX-License-Identifier: MIT */
/* nn/training.h: the insides of losses, metrics and optimizers that the training loop uses.
 *
 * Everything here records ops; the loop decides when they run. The one exception is kt_optimizer_before_step,
 * which sets the learning-rate variable from the host, so that a captured step with a schedule is still one
 * plan.
 */
#ifndef KT_NN_TRAINING_H
#define KT_NN_TRAINING_H

#include <keratin/training.h>

#include "core/context.h"
#include "core/tensor.h"
#include "nn/layer.h"

/* ---- losses ---- */

/* By name; cls NULL and an error if there is none. "crossentropy" and "ce" depend on the shapes:
 * kt_crossentropy_for. */
kt_loss_spec kt_loss_find(kt_context *kt, const char *name);
const kt_loss_class *kt_loss_named_class(const char *name); /* NULL, without an error, if there is none */
bool kt_loss_needs_shapes(const char *name);
kt_loss_spec kt_crossentropy_for(const kt_desc *y_true, const kt_desc *y_pred);
/* What "crossentropy" and "accuracy" mean for a target and a prediction of these shapes. */
enum kt_kind { KT_KIND_BINARY, KT_KIND_SPARSE, KT_KIND_CATEGORICAL };
enum kt_kind kt_kind_of(const kt_desc *y_true, const kt_desc *y_pred);
/* Is this configuration one that the class has in Keras? */
kt_status kt_loss_check(kt_context *kt, const kt_loss_spec *spec);
/* The reduced loss, rank 0 unless `fn` gave a value of rank 0 itself: casts, rank rule, values, weights,
 * reduction. Of the caller's own function where fn is set, else of the description. sample_weight may be NULL. */
kt_tensor *kt_loss_of(kt_context *kt, const kt_loss_spec *spec, kt_loss_fn fn, kt_tensor *y_true, kt_tensor *y_pred,
                      kt_tensor *sample_weight);

/* Keras's rule for two tensors whose ranks differ by one and the longer of which ends in 1. */
void kt_same_rank(kt_tensor **a, kt_tensor **b);
/* The mean over the last axis; a last axis of size 1 is dropped without arithmetic. */
kt_tensor *kt_mean_last(kt_tensor *x);
/* x in the context's float type. */
kt_tensor *kt_as_float(kt_tensor *x);

/* ---- metrics ---- */

/* By name, which it keeps as given; cls NULL and an error if there is none. "accuracy" and "acc", in any case,
 * depend on the shapes: kt_accuracy_for, then set the name. */
kt_metric_spec kt_metric_find(kt_context *kt, const char *name);
bool kt_metric_needs_shapes(const char *name);
kt_metric_spec kt_accuracy_for(const kt_desc *y_true, const kt_desc *y_pred);
void kt_metric_set_name(kt_metric_spec *spec, const char *name); /* in logs; lent until kt_metric_new */
bool kt_metric_higher_is_better(const kt_metric *metric);
kt_tensor *kt_metric_result_tensor(kt_metric *metric); /* recorded: rank 0 */
kt_tensors kt_metric_state(kt_metric *metric);         /* its variables; borrowed */
bool kt_metric_is_stock(const kt_metric_class *cls);   /* one of metrics.def */
void kt_metric_free(kt_metric *metric);                /* before its context; NULL is fine */

/* ---- optimizers ---- */

/* What it was made of: the common arguments resolved, texts interned. */
const kt_optimizer_class *kt_optimizer_class_of(const kt_optimizer *optimizer);
const kt_optimizer_common *kt_optimizer_common_of(const kt_optimizer *optimizer);
const void *kt_optimizer_config(const kt_optimizer *optimizer);
const char *kt_optimizer_name(const kt_optimizer *optimizer);

kt_optimizer_spec kt_optimizer_find(kt_context *kt, const char *name); /* any case; cls NULL and an error if unknown */
bool kt_optimizer_scheduled(const kt_optimizer *optimizer);

/* A captured step: kt_optimizer_record inside the capture, kt_optimizer_before_step before each run of it,
 * which gives a schedule's rate to the variable and counts the step. kt_apply_gradients is both at once, for
 * loops that record each step. */
kt_status kt_optimizer_record(kt_optimizer *optimizer, kt_tensors gradients, kt_tensors variables);
kt_status kt_optimizer_before_step(kt_optimizer *optimizer);
void kt_optimizer_step_failed(kt_optimizer *optimizer); /* after a run that did not succeed: it does not count */
/* Makes the slots of these variables now (else the first update does). */
kt_status kt_optimizer_build(kt_optimizer *optimizer, kt_tensors variables);
void kt_optimizer_free(kt_optimizer *optimizer); /* before its context; NULL is fine */

#endif
