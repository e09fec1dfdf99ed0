/* SPDX-License-Identifier: MIT */
/* callbacks/learning_rate_scheduler.c: the learning rate as a function of the epoch, set at its begin and logged at
 * its end. */
#include <math.h>

#include "train/loop.h"
#include "train/numbers.h"

typedef struct scheduler {
    kt_learning_rate_scheduler_config c;
} scheduler;

static kt_status scheduler_begin(void *self, kt_loop *loop, const void *config)
{
    const kt_learning_rate_scheduler_config *c = config;
    if (!c->schedule)
        return kt_fail(loop->kt, KT_ERR_VALUE,
                       "LearningRateScheduler: expected a function of epoch and rate, got NULL; give .schedule");
    ((scheduler *)self)->c = *c;
    return KT_OK;
}

static kt_status scheduler_epoch_begin(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)logs;
    const scheduler *s = self;
    kt_context *kt = loop->kt;
    if (!loop->optimizer)
        return kt_fail(kt, KT_ERR_STATE,
                       "LearningRateScheduler: expected a loop with an optimizer, got none; give .optimizer to "
                       "kt_loop_new");
    double rate = s->c.schedule(epoch, kt_learning_rate(loop->optimizer), s->c.user);
    if (!isfinite(rate) || rate < 0)
        return kt_fail(kt, KT_ERR_VALUE,
                       "LearningRateScheduler: expected a finite rate of 0 or more for epoch %lld, got %g",
                       (long long)epoch, rate);
    kt_status status = kt_set_learning_rate(loop->optimizer, rate);
    if (status == KT_OK && s->c.verbose) {
        char buffer[128];
        kt_text text = kt_text_in(buffer, sizeof buffer);
        kt_text_add(&text, "\nEpoch %lld: LearningRateScheduler setting learning rate to ", (long long)epoch + 1);
        kt_text_repr(&text, rate);
        kt_text_add(&text, ".\n");
        kt_say(kt, buffer);
    }
    return status;
}

static kt_status scheduler_epoch_end(void *self, kt_loop *loop, int64_t epoch, kt_logs *logs)
{
    (void)self, (void)epoch;
    return kt_logs_set(logs, "learning_rate", kt_learning_rate(loop->optimizer));
}

const kt_callback_class kt_learning_rate_scheduler_class = {
    .name = "LearningRateScheduler",
    .config_size = sizeof(kt_learning_rate_scheduler_config),
    .state_size = sizeof(scheduler),
    .begin = scheduler_begin,
    .on_epoch_begin = scheduler_epoch_begin,
    .on_epoch_end = scheduler_epoch_end,
};
