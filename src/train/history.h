/* SPDX-License-Identifier: MIT */
/* train/history.h: what the epochs of a training gave, key by key, as Keras's History. */
#ifndef KT_TRAIN_HISTORY_H
#define KT_TRAIN_HISTORY_H

#include <keratin/model.h>

#include "core/context.h"

typedef struct kt_history_series {
    const char *key; /* interned */
    double *at;
    size_t count, capacity;
} kt_history_series;

struct kt_history {
    kt_context *kt;
    kt_history_series *series; /* in the order first seen */
    size_t count, capacity;
    int64_t epochs;
};

void kt_history_init(kt_history *history, kt_context *kt);
void kt_history_clear(kt_history *history); /* keeps its memory */
void kt_history_end(kt_history *history);
kt_status kt_history_add(kt_history *history, kt_logs *logs); /* one epoch */

#endif
