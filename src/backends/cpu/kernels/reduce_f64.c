/* SPDX-License-Identifier: MIT */
/* reduce_f64.c: the reductions of reduce.c once more, for double. */
#define KT_F64
#include "reduce.c"
