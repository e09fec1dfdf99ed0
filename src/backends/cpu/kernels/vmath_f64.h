/* SPDX-License-Identifier: MIT */
/* vmath_f64.h: from here on the words of vmath_names.h mean double. No guard: it switches back
 * and forth with vmath_f32.h. */
#include "vmath_names.h"
#undef KT_VM
#define KT_VM(name) kt_vm_##name
