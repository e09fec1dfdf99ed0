/* SPDX-License-Identifier: MIT */
/* graph/record.h: what the folders above may ask of recording: apply a row, observe a value, capture a program.
 *
 * This is the graph's public face inside the library: ops uses kt_record, nn the flags, train captures and programs.
 */
#ifndef KT_GRAPH_RECORD_H
#define KT_GRAPH_RECORD_H

#include "core/tensor.h"

/* Applies `op` to these inputs: checks, records, returns output 0; NULL and the context's error on failure, NULL without
 * an error of its own for a NULL input. A variable's handle stands for what a read of it means now. */
kt_tensor *kt_record(kt_context *kt, const kt_op *op, kt_tensor *const *inputs, int n_inputs, const void *attr,
                     const double *slots);

/* A row with this flag, and everything made from its outputs, is a symbol: a shape without a value. */
enum { KT_OP_SYMBOL = 1 << 8 };

/* An error of an op's public function: "path (name): sentence". Returns NULL. */
kt_tensor *kt_op_fail(kt_context *kt, const kt_op *op, kt_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

/* When the value of x is known (the end of the step), calls deliver once, on the same thread, with the data on the host in x's own dtype.
 * `tag` is copied. Tag, user and step are no part of a plan's key. */
typedef void kt_deliver(void *user, const char *tag, int64_t step, const kt_desc *desc, const void *data);
kt_status kt_observe(kt_tensor *x, kt_deliver *deliver, void *user, const char *tag, int64_t step);

/* ---- programs: record once, run many times ----
 * Between begin and end everything recorded, with its assignments and observations, becomes one plan. Reading a value meanwhile is an
 * error. Inputs are numbered as made. With run_eagerly there are no programs: kt_capture_begin says KT_ERR_STATE, and the
 * caller records each step anew. */
typedef struct kt_program kt_program;
kt_status kt_capture_begin(kt_context *kt);
kt_tensor *kt_capture_input(kt_context *kt, const kt_desc *desc);
/* NULL on error (the capture is over in any case). wanted may hold NULLs, which give NULL values. */
kt_program *kt_capture_end(kt_context *kt, kt_tensor *const *wanted, int n_wanted);
void kt_capture_abandon(kt_context *kt);

/* inputs[i]: the host's data in the input's own dtype and shape. A wanted value can be read until the next run.
 * advance: this run is a training step: the random counter goes on afterwards. */
kt_status kt_program_run(kt_program *program, const void *const *inputs, bool advance);
/* On back-ends with plain host memory: where wanted value i goes instead (its own dtype); NULL: back to the plan's memory. */
kt_status kt_program_output(kt_program *program, int i, void *to);
kt_status kt_program_read(kt_program *program, int i, void *to, kt_dtype dtype, int64_t count);
const kt_desc *kt_program_desc(const kt_program *program, int i);
void kt_program_free(kt_program *program); /* NULL is fine */

/* A stable text of the plan, for tests and for people: one line per step. Returns the length needed, as snprintf. */
size_t kt_program_dump(const kt_program *program, char *to, size_t size);

#endif
