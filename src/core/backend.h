/* SPDX-License-Identifier: MIT */
/* core/backend.h: what a back-end is: memory, and for each row an ordered list of providers.
 *
 * A back-end never sees graphs or layers. At plan time the runner asks each provider of a row in turn whether it accepts the
 * step; the first that does prepares it (may be slow, may ask for scratch) and its `run` is called each time; the row's own
 * reference kernel is last, for every back-end whose memory the host can reach. `run` may not allocate.
 *
 * Nothing above the back-ends reads tensor memory directly: everything goes through read and write.
 */
#ifndef KT_CORE_BACKEND_H
#define KT_CORE_BACKEND_H

#include <keratin/op.h>

#include "core/context.h"

enum { /* kt_backend.flags */
    KT_BACKEND_WIDE = 1,   /* stores floats as double, integers and bool as int64_t */
    KT_BACKEND_FUSES = 2,  /* has a provider for the `fused` row, and for `dense` */
    KT_BACKEND_IDLE = 4,   /* runs nothing: plans are made, memory is taken, values are what they happen to be */
    KT_BACKEND_PLAIN = 8   /* addresses are the host's: borrowed arrays may be used in place */
};

typedef struct kt_step_info { /* one step of a plan, as its provider sees it when it is made */
    kt_context *kt;
    const kt_op *op;
    const void *attr;
    int n_in, n_out;
    const kt_desc *const *in;
    const kt_desc *const *out;
    int n_slots;
    /* Answers of prepare. */
    void *prepared;        /* kept with the plan: take it with kt_prepared */
    size_t scratch_bytes;  /* shared by all threads */
    size_t thread_scratch_bytes; /* for each thread */
} kt_step_info;

/* Zeroed memory that lives as long as the plan; NULL and the context's error when memory is short. */
void *kt_prepared(kt_step_info *info, size_t bytes);

typedef struct kt_provider {
    const char *name;      /* for dumps: "gemm" */
    bool (*accept)(const kt_step_info *info);
    kt_status (*prepare)(kt_step_info *info); /* (optional) */
    kt_status (*run)(kt_run *r);
    void (*release)(void *prepared);          /* (optional) */
} kt_provider;

struct kt_backend {
    const char *name;
    unsigned flags;
    kt_status (*open)(kt_context *kt);        /* (optional) sets kt->backend_state */
    void (*close)(kt_context *kt);            /* (optional) */
    void *(*allocate)(kt_context *kt, size_t bytes); /* 64-byte aligned; NULL when memory is short */
    void (*release)(kt_context *kt, void *address);
    void (*write)(kt_context *kt, void *address, const void *from, size_t bytes);
    void (*read)(kt_context *kt, const void *address, void *to, size_t bytes);
    void *(*host)(void *address);             /* (optional) where the host reaches this address */
    /* The providers of a row, ended by one without a name; NULL: none. */
    const kt_provider *(*providers)(kt_context *kt, const kt_op *op);
    const char *(*isa)(kt_context *kt);       /* (optional) */
};

size_t kt_storage_size(const kt_backend *backend, kt_dtype dtype); /* bytes of one stored element */

/* What run sees. `address` is indexed by the plan's value numbers in `in` and `out`; slots are this step's own. */
struct kt_run {
    kt_context *kt;
    const kt_op *op;
    const void *attr;
    int n_in, n_out;
    void *const *address;
    const uint32_t *in, *out;
    const kt_desc *const *in_desc;
    const kt_desc *const *out_desc;
    const double *slots;
    void *prepared;
    void *scratch;          /* scratch_bytes, host's address */
    void *thread_scratch;   /* threads x thread_scratch_bytes */
    size_t thread_scratch_bytes;
    /* The runner's, for reference kernels: where converted data lies, and what must go back. */
    unsigned char *convert_at, *convert_end;
    void *converted[KT_MAX_OUT];
    kt_dtype converted_as[KT_MAX_OUT];
    void **in_converted;
};

static inline void *kt_run_address_in(const kt_run *r, int i) { return r->address[r->in[i]]; }
static inline void *kt_run_address_out(const kt_run *r, int i) { return r->address[r->out[i]]; }

/* Calls body for each chunk, on the context's threads if it has several; body gets its thread's number for thread_scratch. */
void kt_run_parallel(kt_run *r, void (*body)(void *arg, int64_t chunk, int thread), void *arg, int64_t chunks);

#endif
