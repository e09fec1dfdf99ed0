/* SPDX-License-Identifier: MIT */
/* keratin/status.h: what every part of Keratin shares: the status codes, the host's allocator, the export mark.
 *
 * A status says which kind of mistake it was; the sentence that goes with it (kt_message, or the message argument of
 * calls that have no context) says where, what was expected, what was received and what to do.
 */
#ifndef KERATIN_STATUS_H
#define KERATIN_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the library exports; everything else is hidden. */
#if defined(_WIN32)
#define KT_API
#elif defined(__GNUC__)
#define KT_API __attribute__((visibility("default")))
#else
#define KT_API
#endif

typedef enum kt_status {
    KT_OK = 0,
    KT_ERR_MEMORY,      /* an allocation failed or a size does not fit */
    KT_ERR_SHAPE,       /* shapes do not go together */
    KT_ERR_DTYPE,       /* an element type that does not go here */
    KT_ERR_VALUE,       /* an argument outside its range */
    KT_ERR_NAME,        /* an unknown name: of a layer, loss, option ... */
    KT_ERR_STATE,       /* a call at the wrong time, such as fit before compile */
    KT_ERR_IO,          /* the system refused to read or write */
    KT_ERR_FORMAT,      /* a file that is damaged or not what it should be */
    KT_ERR_MISSING,     /* a library that was left out of this build */
    KT_ERR_UNSUPPORTED, /* a combination that has no implementation */
    KT_ERR_NAN,         /* a value that is not finite where the caller asked to be told */
    KT_ERR_CANCELLED,   /* stopped on request */
    KT_ERR_INTERNAL     /* a defect of Keratin itself: please report it */
} kt_status;

/* "ok", "out of memory", "wrong shape"...: for logs. Never NULL. */
KT_API const char *kt_status_name(kt_status status);

/* The host's allocator. `resize` is realloc: old == NULL allocates. Blocks are aligned as malloc aligns.
 * `release` takes NULL. All three NULL means malloc, realloc and free. */
typedef struct kt_allocator {
    void *(*allocate)(size_t bytes, void *user);
    void *(*resize)(void *old, size_t bytes, void *user);
    void (*release)(void *block, void *user);
    void *user;
} kt_allocator;

#ifdef __cplusplus
}
#endif
#endif
