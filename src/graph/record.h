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

/* ---- with check_numerics: what the first bad op was given and what it made ---- */
enum { KT_FAULT_INPUTS = 6 };

typedef struct kt_fault_value { /* range and mean are those of the finite elements, 0 where there are none */
    kt_desc desc;
    double min, max, mean;
    int64_t count, nans, infinities;
    char variable[200];         /* its name, where the value is a variable's; else "" */
} kt_fault_value;

typedef struct kt_fault {
    bool found;
    bool finite_inputs;         /* this op made it; else it came in */
    char op[64], path[400];     /* path: of the layer, "" outside of layers */
    int direction;              /* kt_direction */
    kt_fault_value result;
    kt_fault_value input[KT_FAULT_INPUTS]; /* the first ones */
    int n_inputs;               /* of the op */
} kt_fault;

/* From now on check_numerics fills this, too, with the first fault; NULL: it only fails. */
void kt_check_into(kt_context *kt, kt_fault *fault);

/* ---- looking at a plan, and timing it (profile.c) ---- */
typedef struct kt_plan kt_plan;

typedef struct kt_seen_value {
    kt_desc desc;
    int step, index;         /* made by this output of this step; step -1: by none (index: tells such values apart): */
    const char *variable;    /* its name, if it lies in one; else */
    int input;               /* the program's input of this number; -1: a constant */
} kt_seen_value;

typedef struct kt_seen_step {
    const char *op, *path;   /* the row's name; the layer's path, "" outside of layers */
    const char *provider;    /* "gemm" */
    const char *parts;       /* of a row that is several: "sub square sum"; else "" */
    enum kt_direction direction;
    int n_in, n_out;
    const kt_seen_value *in;
    const kt_seen_value *out; /* variable: where it is written to */
    size_t bytes;            /* of its outputs in the back-end's storage */
} kt_seen_step;

/* A copy that does not need the plan any more; steps in the order in which they run. */
typedef struct kt_seen_plan {
    kt_arena memory;
    kt_seen_step *steps;
    int n_steps;
    uint64_t serial;         /* of the plan: no other of this context has it */
} kt_seen_plan;

const kt_plan *kt_program_plan(const kt_program *program);
kt_seen_plan *kt_plan_look(const kt_plan *plan); /* NULL and the context's error when memory is short */
void kt_plan_look_end(kt_context *kt, kt_seen_plan *seen); /* NULL is fine */
uint64_t kt_plan_serial(const kt_plan *plan);
int kt_plan_steps(const kt_plan *plan);
bool kt_plan_updates(const kt_plan *plan);       /* has it steps of an optimizer? */

/* Somebody who is told after each plan that has run in this context how long its steps took: step i from moments[i] to
 * moments[i + 1], nanoseconds of one clock that only goes forward. A plan that failed is not told of. While nobody listens,
 * a run pays one comparison; else a reading of the clock per step. */
typedef struct kt_profiler {
    void (*ran)(void *user, const kt_plan *plan, const int64_t *moments);
    void *user;
    struct kt_profiler *next; /* the graph's */
} kt_profiler;
int64_t kt_profile_now(void);                                 /* of that clock */
void kt_profile_begin(kt_context *kt, kt_profiler *profiler); /* lent until: */
void kt_profile_end(kt_context *kt, kt_profiler *profiler);   /* fine if it has not begun */

/* A stable text of the plan, for tests and for people: one line per step. Returns the length needed, as snprintf. */
size_t kt_program_dump(const kt_program *program, char *to, size_t size);

#endif
