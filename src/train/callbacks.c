/* SPDX-License-Identifier: MIT */
/* train/callbacks.c: the list of callbacks of a loop: making them, calling their hooks, letting them go.
 *
 * A callback's state lives exactly as long as the loop. Which callbacks have which hook is found once, so that a step
 * asks one counter. A status other than KT_OK from a hook becomes the context's error, if it is not one already. Knows
 * no model and no metric.
 */
#include "train/loop.h"

#include <string.h>

int kt_resolve_verbose(kt_context *kt, int verbose)
{
    if (verbose == 0) return kt->config.print ? 1 : 0;
    return verbose < 0 ? 0 : verbose;
}

kt_callback_spec kt_callback_of(const kt_callback_class *cls, void *self)
{
    kt_callback_spec spec = { .cls = cls, .self = self };
    return spec;
}

kt_callback_spec kt_callback_spec_of(const kt_callback_class *cls, const void *config, size_t bytes)
{
    kt_callback_spec spec = { .cls = cls };
    memset(&spec.config, 0, sizeof spec.config);
    if (config && bytes <= sizeof spec.config) memcpy(&spec.config, config, bytes);
    return spec;
}

/* Does the class have this hook? A class of an older header is shorter; what it does not reach is absent. */
static bool has_hook(const kt_callback_class *cls, kt_hook hook)
{
    size_t size = cls->size ? cls->size : sizeof *cls;
    switch (hook) {
#define KT_HAS_(name, NAME) \
    case KT_ON_##NAME: \
        return offsetof(kt_callback_class, on_##name) + sizeof cls->on_##name <= size && cls->on_##name != NULL;
        KT_INDEXED_HOOKS(KT_HAS_)
        KT_PLAIN_HOOKS(KT_HAS_)
#undef KT_HAS_
    case KT_N_HOOKS: break;
    }
    return false;
}

static kt_status call_plain(const kt_watcher *w, kt_hook hook, kt_loop *loop, kt_logs *logs)
{
    switch (hook) {
#define KT_CALL_(name, NAME) \
    case KT_ON_##NAME: return w->cls->on_##name(w->self, loop, logs);
        KT_PLAIN_HOOKS(KT_CALL_)
#undef KT_CALL_
    default: return KT_OK;
    }
}

static kt_status call_indexed(const kt_watcher *w, kt_hook hook, kt_loop *loop, int64_t index, kt_logs *logs)
{
    switch (hook) {
#define KT_CALL_(name, NAME) \
    case KT_ON_##NAME: return w->cls->on_##name(w->self, loop, index, logs);
        KT_INDEXED_HOOKS(KT_CALL_)
#undef KT_CALL_
    default: return KT_OK;
    }
}

static const char *name_of(const kt_watcher *w)
{
    return w->cls->name ? w->cls->name : "callback";
}

/* A hook's answer: errors become the context's, and an error that a hook left in the context counts as its answer. */
static kt_status answer(kt_loop *loop, const kt_watcher *w, kt_status status)
{
    if (loop->kt->status != KT_OK) return loop->kt->status;
    if (status == KT_OK) return KT_OK;
    return kt_fail(loop->kt, status, "callback %s: ended the training with status '%s'; it gave no sentence (kt_fail)",
                   name_of(w), kt_status_name(status));
}

kt_status kt_dispatch_plain(kt_loop *loop, kt_hook hook, kt_logs *logs)
{
    for (int i = 0; i < loop->n_who[hook]; i++) {
        const kt_watcher *w = &loop->watchers[loop->who[hook][i]];
        kt_status status = answer(loop, w, call_plain(w, hook, loop, logs));
        if (status != KT_OK) return status;
    }
    return KT_OK;
}

kt_status kt_dispatch_indexed(kt_loop *loop, kt_hook hook, int64_t index, kt_logs *logs)
{
    for (int i = 0; i < loop->n_who[hook]; i++) {
        const kt_watcher *w = &loop->watchers[loop->who[hook][i]];
        kt_status status = answer(loop, w, call_indexed(w, hook, loop, index, logs));
        if (status != KT_OK) return status;
    }
    return KT_OK;
}

static kt_status add(kt_loop *loop, const kt_callback_class *cls, void *self, const void *config)
{
    kt_context *kt = loop->kt;
    if (loop->n_watchers == KT_MAX_WATCHERS)
        return kt_fail(kt, KT_ERR_VALUE, "callbacks: expected at most %d, got more; join some in one callback",
                       KT_MAX_CALLBACKS);
    kt_watcher *w = &loop->watchers[loop->n_watchers];
    *w = (kt_watcher){ .cls = cls, .self = self };
    if (!self && cls->state_size) {
        w->self = kt_take_zeroed(kt, 1, cls->state_size);
        if (!w->self) return kt->status;
        w->owned = true;
    }
    loop->n_watchers++;
    w->begun = true;
    kt_status status = cls->begin ? answer(loop, w, cls->begin(w->self, loop, config)) : KT_OK;
    if (status != KT_OK) return status;
    for (int hook = 0; hook < KT_N_HOOKS; hook++)
        if (has_hook(cls, (kt_hook)hook)) loop->who[hook][loop->n_who[hook]++] = (uint8_t)(loop->n_watchers - 1);
    return KT_OK;
}

kt_status kt_loop_start(kt_loop *loop, kt_context *kt, const kt_callback_spec *specs, int n_specs)
{
    loop->kt = kt;
    loop->last_batch = -1;
    loop->empty = kt_logs_new(kt);
    loop->batch_logs = kt_logs_new(kt);
    loop->epoch_logs = kt_logs_new(kt);
    kt_status status = loop->empty && loop->batch_logs && loop->epoch_logs ? KT_OK : kt->status;
    for (int i = 0; i < n_specs && specs[i].cls && status == KT_OK; i++)
        status = add(loop, specs[i].cls, specs[i].self, specs[i].config.u.bytes);
    if (status == KT_OK && loop->history) status = add(loop, &kt_history_class, loop->history, NULL);
    if (status == KT_OK && loop->verbose) status = add(loop, &kt_progbar_class, NULL, NULL);
    if (status != KT_OK) kt_loop_release(loop);
    return status;
}

void kt_loop_release(kt_loop *loop)
{
    if (loop->released) return;
    loop->released = true;
    for (int i = loop->n_watchers; i-- > 0;) {
        kt_watcher *w = &loop->watchers[i];
        if (w->begun && w->cls->release) w->cls->release(w->self);
        if (w->owned) kt_give(loop->kt, w->self);
    }
    loop->n_watchers = 0;
    memset(loop->n_who, 0, sizeof loop->n_who);
    kt_logs_free(loop->epoch_logs);
    kt_logs_free(loop->batch_logs);
    kt_logs_free(loop->empty);
    loop->epoch_logs = loop->batch_logs = loop->empty = NULL;
}
