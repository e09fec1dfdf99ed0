/* SPDX-License-Identifier: MIT */
/* ops/table.c: number to row. The numbers are the order of ops.def; nothing else lists the rows. */
#include "ops/ops.h"

static const kt_op *const rows[KT_OP_COUNT] = {
#define KT_OP(name) [KT_OP_ID_##name] = &kt_op_##name,
#include "ops/ops.def"
#undef KT_OP
};

const kt_op *kt_op_of(int id) { return id > KT_OP_ID_NONE && id < KT_OP_COUNT ? rows[id] : NULL; }
