/* SPDX-License-Identifier: MIT */
/* ops/elementwise.h: what the public functions of unary.def and binary.def do before they record:
 * dtypes and shapes are brought together here, so that rows see operands that are alike.
 */
#ifndef KT_OPS_ELEMENTWISE_H
#define KT_OPS_ELEMENTWISE_H

#include "ops/ops.h"

/* The row on kt_real(x), kt_countable(x), or x as bool. */
kt_tensor *kt_map_real(const kt_op *op, kt_tensor *x);
kt_tensor *kt_map_any(const kt_op *op, kt_tensor *x);
kt_tensor *kt_map_bool(const kt_op *op, kt_tensor *x);

/* The same for two operands, promoted to one dtype and broadcast to one shape. */
kt_tensor *kt_zip_real(const kt_op *op, kt_tensor *x, kt_tensor *y);
kt_tensor *kt_zip_any(const kt_op *op, kt_tensor *x, kt_tensor *y);
kt_tensor *kt_zip_bool(const kt_op *op, kt_tensor *x, kt_tensor *y);

/* For a gradient function: sets it where one is wanted and one exists. */
#define KT_GRAD_OF_KT_SMOOTH(f) f
#define KT_GRAD_OF_KT_KINKED(f) f
#define KT_GRAD_OF_KT_FLAT(f) NULL

#endif
