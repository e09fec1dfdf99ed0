/* SPDX-License-Identifier: MIT */
/* gemm_f64.c: the products of gemm.c once more, for double. Same forms and cuts; VL is half as
 * long. */
#define KT_F64
#include "gemm.c"
