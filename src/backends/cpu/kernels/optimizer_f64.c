/* SPDX-License-Identifier: MIT */
/* optimizer_f64.c: the optimizer steps of optimizer.c once more, for double. */
#define KT_F64
#include "optimizer.c"
