/* SPDX-License-Identifier: MIT */
/* graph/graph.h: the inside of recording and running: traces, plans, their cache.
 *
 * Life of a step: ops are recorded into the trace, each with a few bytes of key; when a value is needed the trace is closed:
 * its key is looked up, a plan is compiled if there is none, the plan is bound to this step's buffers and run, effects are
 * delivered, and a new trace begins. Knows rows and back-ends through their tables, and no layer.
 */
#ifndef KT_GRAPH_GRAPH_H
#define KT_GRAPH_GRAPH_H

#include "core/backend.h"
#include "graph/record.h"

/* How an input is named in keys: two bits of kind, then serial (or leaf, or variable) and output index. */
typedef uint64_t kt_ref;
enum { KT_REF_NODE, KT_REF_LEAF, KT_REF_VARIABLE };

typedef struct kt_assignment {
    kt_variable_state *variable;
    kt_tensor *value;
} kt_assignment;

typedef struct kt_observation {
    kt_tensor *value;
    kt_deliver *deliver;
    void *user;
    char *tag;      /* in the scope's memory, or the program's */
    int64_t step;
} kt_observation;

typedef struct kt_recording {
    uint64_t id;
    kt_node **nodes;        size_t n_nodes, nodes_capacity;
    kt_node **leaves;       size_t n_leaves, leaves_capacity;
    kt_assignment *assigned;   size_t n_assigned, assigned_capacity;
    kt_observation *observed;  size_t n_observed, observed_capacity;
    double *slots;          size_t n_slots, slots_capacity;
    uint64_t *key;          size_t n_key, key_capacity; /* words */
} kt_recording;

struct kt_graph {
    kt_recording trace;
    kt_scope *scope, *spare;      /* innermost; ended ones kept for reuse */
    kt_scope root;
    uint64_t walks;               /* numbers walks over nodes */
    uint32_t variables;           /* ids given */
    bool capturing;
    kt_tensor **inputs;           size_t n_inputs, inputs_capacity; /* of the program being recorded */
    kt_tensor **hold;             size_t n_hold, hold_capacity; /* what a close must keep */
    kt_node **stack;              size_t stack_capacity;
    struct { kt_plan **buckets; size_t n_buckets; kt_plan *newest, *oldest; size_t bytes, count; } cache;
    int misses;                   /* running */
    void *arena;                  size_t arena_bytes; /* the plans' common memory, in the back-end */
    void *scratch;                size_t scratch_bytes; /* host memory for kernels */
    uint64_t generation;          /* of arena and scratch: plans look whether they moved */
    kt_profiler *profilers;       /* listening */
    int64_t *moments;             size_t moments_capacity; /* of the plan that runs, while somebody listens */
    uint64_t plans;               /* serials given */
    kt_fault *fault;              /* (optional) check_numerics tells it what it found */
};

/* ---- trace.c ---- */
kt_status kt_recording_append(kt_context *kt, kt_node *node);     /* its inputs are in the trace already */
kt_status kt_recording_import(kt_context *kt, kt_tensor *x);      /* makes x usable as an input now */
kt_ref kt_recording_ref(const kt_tensor *x);
void kt_recording_reset(kt_context *kt);                          /* a new, empty trace */
/* Runs what is pending and what is asked for. ending: the current scope dies afterwards. */
kt_status kt_recording_close(kt_context *kt, kt_tensor *const *wanted, int64_t n, bool ending);
kt_tensor *kt_variable_read(kt_variable_state *variable);     /* what its handle means now */
kt_node *kt_node_new(kt_context *kt, kt_scope *scope, const kt_op *op, int n_in, int n_out, size_t attr_size,
                     int n_slots);
kt_tensor *kt_leaf_new(kt_context *kt, kt_scope *scope, const kt_desc *desc, void *value);
void *kt_scope_value(kt_context *kt, kt_scope *scope, const kt_desc *desc); /* storage in this scope */
extern const kt_op kt_op_read, kt_op_data, kt_op_copy, kt_op_fused;

/* Host data in dtype `from` to storage at `address`, and back. */
kt_status kt_store(kt_context *kt, void *address, kt_dtype as, const void *data, kt_dtype from, size_t count);
kt_status kt_load(kt_context *kt, const void *address, kt_dtype stored, void *to, kt_dtype as, size_t count);
void kt_convert(const void *from, kt_dtype from_dtype, void *to, kt_dtype to_dtype, size_t count);

/* ---- plan ---- */
#define KT_NONE UINT32_MAX

enum kt_place { KT_IN_ARENA, KT_IN_LEAF, KT_IN_VARIABLE, KT_IN_OUTPUT };

typedef struct kt_plan_value {
    kt_desc desc;
    uint8_t place;
    uint32_t at;          /* number of the leaf, variable or output */
    uint32_t root;        /* views: the value whose memory this is; else itself */
    uint32_t producer;    /* step; KT_NONE for leaves and variables */
    uint32_t first, last; /* steps between which it lives */
    size_t offset, bytes;
} kt_plan_value;

typedef struct kt_step {
    const kt_op *op;
    const void *attr;
    const char *path;
    uint32_t n_in, n_out;
    uint32_t *in, *out;
    uint32_t slot, n_slots;
    bool dead;
    uint8_t direction;           /* kt_direction of the op it was recorded as; of the first one where several became one */
    const kt_provider *provider; /* NULL: the row's reference kernel */
    kt_run run;
} kt_step;

typedef struct kt_plan_variable {
    kt_variable_state *variable;
    uint32_t read;     /* value id of its old content; KT_NONE if nobody reads it */
    uint32_t assigned; /* value id of its new content; KT_NONE if it keeps the old one */
} kt_plan_variable;

struct kt_plan {
    kt_context *kt;
    uint64_t serial;            /* no other plan of this context has it */
    kt_arena memory;            /* of everything below */
    kt_plan_value *values;           uint32_t n_values, values_capacity;
    kt_step *steps;             uint32_t n_steps, steps_capacity;
    kt_plan_variable *variables; uint32_t n_variables;
    uint32_t *leaves;           uint32_t n_leaves;   /* value ids */
    int *leaf_inputs;           /* of a program: which input each leaf is, -1: a constant; else NULL */
    uint32_t *outputs;          uint32_t n_outputs;  /* value ids of what is held, in the order asked */
    uint32_t *observed;         uint32_t n_observed;
    double *slots;              uint32_t n_slots;
    uint32_t *steps_of_random;  uint32_t n_random;   /* slots that hold the random step */
    void **address;
    size_t arena_bytes, scratch_bytes, thread_scratch_bytes;
    uint64_t generation;
    bool fused;
    uint64_t hash;
    uint64_t *key;              size_t n_key;
    kt_plan *chain, *newer, *older;
    bool cached;
    size_t bytes;
};

/* compile.c: the current trace as a plan; `hold`: nodes whose outputs stay, in order. */
kt_plan *kt_plan_compile(kt_context *kt, kt_tensor *const *hold, size_t n_hold);
void kt_plan_free(kt_plan *plan);
kt_status kt_plan_run(kt_plan *plan); /* addresses of leaves and outputs are bound, slots are set */
kt_status kt_plan_place(kt_plan *plan); /* memory.c: arena offsets */
kt_status kt_plan_prepare(kt_plan *plan); /* run.c: providers and their scratch */
kt_status kt_plan_ready(kt_plan *plan); /* addresses for the current arena */
size_t kt_plan_dump(const kt_plan *plan, char *to, size_t size);

/* profile.c: while somebody listens: room for the moments of this plan's steps and one more (NULL when memory is short), and
 * telling. */
int64_t *kt_profile_moments(kt_plan *plan);
void kt_profile_tell(kt_plan *plan);
/* fault.c: what `step`, whose output `bad` is not finite, was given and made, into the graph's fault. */
void kt_fault_fill(kt_plan *plan, const kt_step *step, uint32_t bad, bool finite_inputs);

/* passes: each leaves a plan that computes the same bits. */
kt_status kt_pass_simplify(kt_plan *plan);
kt_status kt_pass_dense(kt_plan *plan);
kt_status kt_pass_fuse(kt_plan *plan);
kt_status kt_pass_order(kt_plan *plan);
void kt_plan_sweep(kt_plan *plan); /* marks dead what nobody wants */
uint32_t kt_plan_add_value(kt_plan *plan, const kt_desc *desc);
kt_step *kt_plan_add_step(kt_plan *plan, const kt_op *op, uint32_t n_in, uint32_t n_out, const void *attr, size_t attr_bytes);

/* cache.c */
kt_plan *kt_cache_find(kt_context *kt, uint64_t hash, const uint64_t *key, size_t n_key);
kt_status kt_cache_add(kt_context *kt, kt_plan *plan); /* takes the plan, also on failure */
void kt_cache_clear(kt_context *kt);

/* The graph's half of making and ending a context. */
kt_status kt_graph_begin(kt_context *kt);
void kt_graph_end(kt_context *kt);

#endif
