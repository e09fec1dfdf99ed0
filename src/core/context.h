/* SPDX-License-Identifier: MIT */
/* core/context.h: the inside of a context: heap, first error, owned objects, current path and flags.
 *
 * The parts above keep their own state in the context behind opaque pointers (graph, nn), so that core knows none of
 * them. One context is used by one thread at a time; only `cancel` may be touched from outside.
 */
#ifndef KT_CORE_CONTEXT_H
#define KT_CORE_CONTEXT_H

#include <keratin/context.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "base/pool.h"
#include "base/text.h"

typedef struct kt_backend kt_backend;
typedef struct kt_graph kt_graph;

/* Whatever dies with its context begins with this; freed in reverse order of making. */
typedef struct kt_object kt_object;
struct kt_object {
    kt_object *before, *after;
    void (*release)(kt_context *kt, kt_object *self);
};

/* What an op is recorded for: it travels to the plan's step, for people: no part of a plan's key. */
enum kt_direction { KT_FORWARD, KT_BACKWARD, KT_UPDATE };

/* One level of naming: a layer's call. Random streams are numbered by (path, call, draw). */
typedef struct kt_frame {
    const char *path;      /* "sequential/dense", interned; "" outside of any layer */
    uint32_t call, draws;
    uint8_t direction;     /* kt_direction; inner frames have the outer one's */
} kt_frame;

struct kt_context {
    kt_heap heap;
    kt_context_config config;
    kt_status status;
    char message[640];
    kt_object objects;             /* ring */
    const kt_backend *backend;
    void *backend_state;
    kt_pool *pool;                 /* NULL: one thread, or the host's parallel_for */
    kt_graph *graph;
    void *nn;                      /* the layers': names counted */
    void *summary;                 /* the training's: where kt_summary_* goes; NULL: nobody looks */
    kt_frame frame;
    kt_arena texts;                /* interned strings */
    const char **interned;
    size_t n_interned, interned_capacity;
    uint64_t random_step;          /* advanced once per executed training step or loop pass */
    uint64_t captures;             /* programs recorded so far: layers number their calls anew for each */
    bool training, training_known; /* the flag of the enclosing call; is there one? */
    bool symbolic;                 /* only shapes are asked for: assignments and observations have no effect */
    atomic_int cancel;
};

void *kt_take(kt_context *kt, size_t bytes);               /* sets the error when memory is short */
void *kt_take_zeroed(kt_context *kt, size_t count, size_t size);
void kt_give(kt_context *kt, void *block);
char *kt_copy_text(kt_context *kt, const char *text);
kt_status kt_no_memory(kt_context *kt);                    /* the error of a failed allocation */

/* The four-part sentence with its place in front: "sequential/dense (matmul): ...". `what` may be NULL. */
kt_status kt_fail_at(kt_context *kt, kt_status status, const char *what, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;
kt_status kt_fail_atv(kt_context *kt, kt_status status, const char *what, const char *format, va_list args);

/* "unknown loss 'msee': expected one of ...; did you mean 'mse'?" */
kt_status kt_fail_name(kt_context *kt, const char *kind, const char *given, const char *const *names);

void kt_own(kt_context *kt, kt_object *object, void (*release)(kt_context *kt, kt_object *self));
void kt_disown(kt_object *object);                         /* safe on an object that is not owned */

const char *kt_intern(kt_context *kt, const char *text);   /* NULL if memory is short */
kt_frame kt_frame_enter(kt_context *kt, const char *path, uint32_t call); /* returns what to give back to: */
void kt_frame_leave(kt_context *kt, kt_frame outer);
uint32_t kt_next_stream(kt_context *kt);                   /* of the next random draw at this place */

void kt_remark(kt_context *kt, const char *format, ...)    /* to the log hook */
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
void kt_say(kt_context *kt, const char *text);             /* to the print hook */
bool kt_cancelled(kt_context *kt);                         /* and forgets it */

/* Core's half of making and ending a context; the rest is src/context.c. */
kt_context *kt_context_begin(const kt_context_config *config);
void kt_context_end_objects(kt_context *kt);
void kt_context_end(kt_context *kt);

#endif
