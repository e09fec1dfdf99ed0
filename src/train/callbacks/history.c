/* SPDX-License-Identifier: MIT */
/* callbacks/history.c: the automatic history: every log value of every epoch, under its key. Its self is the
 * kt_history. */
#include "train/loop.h"

static kt_status history_epoch_end(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)loop, (void)epoch;
    return kt_history_add(self, logs);
}

const kt_callback_class kt_history_class = { .name = "History", .on_epoch_end = history_epoch_end };
