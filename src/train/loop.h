/* SPDX-License-Identifier: MIT */
/* train/loop.h: the inside of a loop: the callbacks that watch it, in order, and for each hook only those that have
 * it.
 *
 * fit, evaluate, predict and hand-written loops drive one and the same struct. A hook that nobody has costs one
 * comparison. Order: the caller's callbacks as given, then the history, then the progress bar, as in Keras.
 */
#ifndef KT_TRAIN_LOOP_H
#define KT_TRAIN_LOOP_H

#include <keratin/callbacks.h>
#include <keratin/data.h>

#include "core/context.h"
#include "train/clock.h"
#include "train/history.h"
#include "train/logs.h"

/* Name of the hook, name of its number. Those with an index (an epoch, a batch) and those without. */
#define KT_INDEXED_HOOKS(X) \
    X(epoch_begin, EPOCH_BEGIN) X(epoch_end, EPOCH_END) \
    X(train_batch_begin, TRAIN_BATCH_BEGIN) X(train_batch_end, TRAIN_BATCH_END) \
    X(test_batch_begin, TEST_BATCH_BEGIN) X(test_batch_end, TEST_BATCH_END) \
    X(predict_batch_begin, PREDICT_BATCH_BEGIN) X(predict_batch_end, PREDICT_BATCH_END)
#define KT_PLAIN_HOOKS(X) \
    X(train_begin, TRAIN_BEGIN) X(train_end, TRAIN_END) X(test_begin, TEST_BEGIN) X(test_end, TEST_END) \
    X(predict_begin, PREDICT_BEGIN) X(predict_end, PREDICT_END)

#define KT_HOOK_NUMBER_(name, NAME) KT_ON_##NAME,
typedef enum kt_hook { KT_INDEXED_HOOKS(KT_HOOK_NUMBER_) KT_PLAIN_HOOKS(KT_HOOK_NUMBER_) KT_N_HOOKS } kt_hook;

enum { KT_MAX_WATCHERS = KT_MAX_CALLBACKS + 2 }; /* and the history and the progress bar */

typedef struct kt_watcher {
    const kt_callback_class *cls;
    void *self;
    bool owned; /* self is ours */
    bool begun; /* release is due */
} kt_watcher;

struct kt_loop {
    kt_object object;
    kt_context *kt;
    kt_model *model;
    kt_optimizer *optimizer;
    kt_history *history;       /* (optional) */
    int64_t epochs, steps, initial_epoch;
    int verbose;
    bool fitting, testing;     /* train_begin seen; inside an evaluation */
    bool stop;
    int64_t epoch, batch;      /* current */
    int64_t last_batch;        /* of the epoch or evaluation that runs; -1: not known */
    int64_t rows;              /* trained on since the loop began; 0 in hand-written loops */
    bool timed;                /* a callback asks for: */
    double waited;             /* seconds spent getting batches since the loop began */
    struct kt_feed *feed;      /* where the batches of fit come from; NULL elsewhere; and */
    const kt_host_batch *host; /* the current one, valid in the hooks of its batch */
    kt_watcher watchers[KT_MAX_WATCHERS];
    int n_watchers;
    uint8_t who[KT_N_HOOKS][KT_MAX_WATCHERS], n_who[KT_N_HOOKS];
    kt_logs *empty, *batch_logs, *epoch_logs;
    kt_history own_history;    /* hand-written loops */
    double (*now)(void *user); /* seconds; NULL: the system's clock */
    void *now_user;
    bool released;
};

/* Resolves the verbosity of a configuration: 0 without a print hook, else 1; KT_QUIET: 0. */
int kt_resolve_verbose(kt_context *kt, int verbose);

/* Callbacks are begun (Keras's set_model) in order. `specs` ends at the first without a class. On error everything is
 * released already. */
kt_status kt_loop_start(kt_loop *loop, kt_context *kt, const kt_callback_spec *specs, int n_specs);
void kt_loop_release(kt_loop *loop); /* once is enough, more do no harm */

static inline double kt_loop_now(const kt_loop *loop)
{
    return loop->now ? loop->now(loop->now_user) : kt_seconds();
}

kt_status kt_dispatch_plain(kt_loop *loop, kt_hook hook, kt_logs *logs);
kt_status kt_dispatch_indexed(kt_loop *loop, kt_hook hook, int64_t index, kt_logs *logs);

static inline kt_status kt_loop_hook(kt_loop *loop, kt_hook hook, kt_logs *logs)
{
    return loop->n_who[hook] ? kt_dispatch_plain(loop, hook, logs) : KT_OK;
}

static inline kt_status kt_loop_hook_at(kt_loop *loop, kt_hook hook, int64_t index, kt_logs *logs)
{
    return loop->n_who[hook] ? kt_dispatch_indexed(loop, hook, index, logs) : KT_OK;
}

extern const kt_callback_class kt_progbar_class, kt_history_class;

#endif
