/* SPDX-License-Identifier: MIT */
/* graph/leaf.c: the rows that only the graph makes: data, reads of variables, copies. */
#include "graph/graph.h"

static kt_status infer_never(kt_infer *q)
{
    return kt_infer_fail(q, KT_ERR_INTERNAL, "this row is made by the graph itself and cannot be applied");
}

static kt_status infer_same(kt_infer *q)
{
    *kt_out(q, 0) = *kt_in(q, 0);
    return KT_OK;
}

static void copy_grad(kt_grad *q)
{
    kt_grad_set(q, 0, kt_grad_out(q, 0));
}

const kt_op kt_op_data = { .name = "data", .n_in = 0, .n_out = 1, .infer = infer_never };
const kt_op kt_op_read = { .name = "read", .n_in = 0, .n_out = 1, .infer = infer_never };
const kt_op kt_op_copy = { .name = "copy", .n_in = 1, .n_out = 1, .infer = infer_same, .grad = copy_grad };
