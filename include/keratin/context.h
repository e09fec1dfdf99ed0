/* SPDX-License-Identifier: MIT */
/* keratin/context.h: the context: where everything lives, and where errors are kept.
 *
 * One context is used by one thread at a time; any number of contexts may work at the same time, and they share
 * nothing. Everything made in a context dies with it. The library never prints, exits, raises signals or
 * touches the locale, the environment or the floating-point mode; text for people (progress bar, summary) goes to
 * the context's `print` hook, remarks for developers (a plan was made, and why) to its `log` hook; both are silent when unset.
 *
 * Errors: verbs return a kt_status, makers return NULL, ops take NULL and return NULL. The first error of a context
 * is kept with its sentence; every later verb returns it until kt_clear_error.
 */
#ifndef KERATIN_CONTEXT_H
#define KERATIN_CONTEXT_H

#include <keratin/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kt_context kt_context;

typedef enum kt_dtype {
    KT_DTYPE_DEFAULT = 0, /* in configurations: the context's float type */
    KT_FLOAT32,
    KT_FLOAT64,
    KT_INT32,
    KT_INT64,
    KT_BOOL,
    KT_UINT8 /* data only: cast it before computing */
} kt_dtype;

KT_API size_t kt_dtype_size(kt_dtype dtype);      /* bytes of one element; 0 for KT_DTYPE_DEFAULT */
KT_API const char *kt_dtype_name(kt_dtype dtype); /* "float32"... */

/* In configuration structs a zero means "Keras's default"; KT_ZERO says a real zero: `.beta_1 = KT_ZERO`. */
#define KT_ZERO 4.9406564584124654e-324

typedef struct kt_context_config {
    size_t size;          /* filled by kt_context_new */
    const char *backend;  /* "cpu" (default); "ref": float64 reference; "null", "offset": for tests */
    const char *isa;      /* "portable", "avx2", "avx512"; NULL: the best this processor has */
    int threads;          /* threads that compute, the caller included; default 1 */
    uint64_t seed;        /* of weights, dropout and shuffling; 0 is a seed like any other */
    kt_dtype floatx;      /* float type of layers: KT_FLOAT32 (default) or KT_FLOAT64 */
    bool run_eagerly;     /* plan each op by itself: slow, for debugging; same numbers */
    bool no_fusion;       /* plan without element-wise fusion; same numbers */
    bool check_numerics;  /* stop at the first op that makes a NaN or infinity from finite inputs: KT_ERR_NAN */
    size_t plan_cache_bytes; /* plans kept for hand-written loops; default 64 MiB, least recently used go first */
    kt_allocator allocator;
    void (*print)(const char *text, void *user); /* text for people, no newline added */
    void *print_user;
    void (*log)(const char *sentence, void *user); /* remarks for developers */
    void *log_user;
    /* The host's own threads: call body(arg, chunk, worker) for each chunk in [0, chunks), worker in [0, threads).
     * NULL: the context has a pool of its own. Results do not depend on either. */
    void (*parallel_for)(void (*body)(void *arg, int64_t chunk, int worker), void *arg, int64_t chunks, void *user);
    void *parallel_user;
} kt_context_config;

/* kt_context *kt = kt_context_new(.seed = 7, .threads = 2);
 * NULL when memory is short or the configuration is wrong (kt_context_check says which). */
#define kt_context_new(...) kt_context_new_with(&(kt_context_config){ .size = sizeof(kt_context_config), __VA_ARGS__ })
KT_API kt_context *kt_context_new_with(const kt_context_config *config);

/* The status and the sentence with which kt_context_new_with would refuse this configuration; KT_OK if it would not. */
KT_API kt_status kt_context_check(const kt_context_config *config, char *message, size_t message_size);

/* Frees the context and everything made in it. NULL is fine. */
KT_API void kt_context_free(kt_context *kt);

KT_API kt_status kt_error(const kt_context *kt);         /* the first error since the last clear, or KT_OK */
KT_API const char *kt_message(const kt_context *kt);     /* its sentence, or "" ; valid until the next clear */
KT_API void kt_clear_error(kt_context *kt);

/* Makes an error of the caller's own the context's first error (custom layers, losses, callbacks); returns `status`. */
KT_API kt_status kt_fail(kt_context *kt, kt_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Asks the running fit, evaluate or predict to stop after its current step, which then returns KT_ERR_CANCELLED
 * with everything whole. May be called from any thread and from a signal handler. */
KT_API void kt_cancel(kt_context *kt);

/* Memory taken through the context's allocator, now and at most; allocations made since the context began. */
typedef struct kt_memory_use {
    size_t bytes, peak_bytes;
    uint64_t allocations;
} kt_memory_use;
KT_API kt_memory_use kt_memory(const kt_context *kt);

KT_API int kt_threads(const kt_context *kt);
KT_API const char *kt_backend_name(const kt_context *kt); /* "cpu" ... */
KT_API const char *kt_isa_name(const kt_context *kt);     /* "avx512" ... */
KT_API kt_dtype kt_floatx(const kt_context *kt);

/* Library version, "1.2.3". */
KT_API const char *kt_version(void);

#ifdef __cplusplus
}
#endif
#endif
