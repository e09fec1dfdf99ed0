/* SPDX-License-Identifier: MIT */
/* train/logs.h: the inside of logs: names and numbers, read from the metrics only when somebody looks.
 *
 * The training loop marks its logs stale after each step, which costs one store; the first callback that looks has
 * them filled. So a training whose callbacks look once an epoch computes metric results once an epoch. Logs know
 * neither metrics nor models: they call `fill`.
 */
#ifndef KT_TRAIN_LOGS_H
#define KT_TRAIN_LOGS_H

#include <keratin/callbacks.h>

#include "core/context.h"

typedef struct kt_log_entry {
    const char *name; /* interned */
    double value;
} kt_log_entry;

struct kt_logs {
    kt_object object;
    kt_context *kt;
    kt_log_entry *at;
    size_t count, capacity;
    bool stale;                          /* `fill` has newer values */
    void (*fill)(kt_logs *logs, void *source);
    void *source;
};

/* Empties the logs; names that come again need no memory. */
void kt_logs_clear(kt_logs *logs);
/* From now on what `fill` says, when somebody looks. */
static inline void kt_logs_expire(kt_logs *logs)
{
    logs->stale = logs->fill != NULL;
}
/* Sets in alphabetical order without looking: for `fill`, and for what the loop itself knows. */
kt_status kt_logs_put(kt_logs *logs, const char *name, double value);
kt_status kt_logs_put_kept(kt_logs *logs, const char *interned,
                           double value); /* a name that lives as long as the context */
kt_status kt_logs_copy(kt_logs *to, kt_logs *from);

#endif
