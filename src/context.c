/* SPDX-License-Identifier: MIT */
/* context.c: puts the house together: the one file that knows core, graph and every back-end.
 *
 * A new back-end is one line in the list below.
 */
#include <string.h>

#include "core/backend.h"
#include "graph/graph.h"

#define KT_VERSION "0.1.0"

extern const kt_backend kt_backend_cpu, kt_backend_ref, kt_backend_null, kt_backend_offset;
static const kt_backend *const backends[] = { &kt_backend_cpu, &kt_backend_ref, &kt_backend_null, &kt_backend_offset };
enum { N_BACKENDS = sizeof backends / sizeof *backends };

const char *kt_version(void)
{
    return KT_VERSION;
}

static const kt_backend *find_backend(const char *name)
{
    for (int i = 0; i < N_BACKENDS; i++)
        if (!name || strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}

/* The configuration with its defaults, or the status and sentence of what is wrong with it. */
static kt_status resolve(const kt_context_config *given, kt_context_config *config, kt_text *why)
{
    memset(config, 0, sizeof *config);
    if (!given || given->size < offsetof(kt_context_config, threads)) {
        kt_text_add(why, "context: expected a configuration whose size is set; use the macro kt_context_new");
        return KT_ERR_VALUE;
    }
    memcpy(config, given, given->size < sizeof *config ? given->size : sizeof *config);
    if (!find_backend(config->backend)) {
        const char *names[N_BACKENDS + 1] = { NULL };
        for (int i = 0; i < N_BACKENDS; i++) names[i] = backends[i]->name;
        const char *near = kt_nearest(config->backend, names);
        kt_text_add(why, "context: unknown back-end '%s': ", config->backend);
        if (near) kt_text_add(why, "did you mean '%s'? ", near);
        kt_text_add(why, "known: cpu, ref, null, offset");
        return KT_ERR_NAME;
    }
    const kt_allocator *a = &config->allocator;
    if ((a->allocate || a->resize || a->release) && !(a->allocate && a->resize && a->release)) {
        kt_text_add(why, "context: expected an allocator with allocate, resize and release, got some of them; give all three or none");
        return KT_ERR_VALUE;
    }
    if (config->threads < 0 || config->threads > KT_POOL_MAX) {
        kt_text_add(why, "context: expected 1 to %d threads, got %d", (int)KT_POOL_MAX, config->threads);
        return KT_ERR_VALUE;
    }
    if (config->threads == 0) config->threads = 1;
    if (config->floatx == KT_DTYPE_DEFAULT) config->floatx = KT_FLOAT32;
    if (!(config->floatx == KT_FLOAT32 || config->floatx == KT_FLOAT64)) {
        kt_text_add(why, "context: expected a float type for floatx, got number %d: KT_FLOAT32 or KT_FLOAT64",
                    (int)config->floatx);
        return KT_ERR_DTYPE;
    }
    if (config->plan_cache_bytes == 0) config->plan_cache_bytes = (size_t)64 << 20;
    config->size = sizeof *config;
    return KT_OK;
}

static kt_context *make(const kt_context_config *config, kt_status *status, kt_text *why)
{
    kt_context *kt = kt_context_begin(config);
    *status = KT_ERR_MEMORY;
    if (!kt) return NULL;
    kt->backend = find_backend(config->backend);
    if (kt_graph_begin(kt) == KT_OK && (!kt->backend->open || kt->backend->open(kt) == KT_OK)) {
        bool own_pool = config->threads > 1 && !config->parallel_for;
        if (own_pool) kt->pool = kt_pool_new(&kt->heap.host, config->threads);
        if (!own_pool || kt->pool) {
            *status = KT_OK;
            return kt;
        }
        kt_no_memory(kt);
    }
    *status = kt->status;
    kt_text_add(why, "%s", kt->message);
    kt_context_free(kt);
    return NULL;
}

kt_context *kt_context_new_with(const kt_context_config *given)
{
    char unused[256];
    kt_text why = kt_text_in(unused, sizeof unused);
    kt_context_config config;
    kt_status status = resolve(given, &config, &why);
    return status == KT_OK ? make(&config, &status, &why) : NULL;
}

kt_status kt_context_check(const kt_context_config *given, char *message, size_t message_size)
{
    char room[256];
    kt_text why = kt_text_in(message && message_size ? message : room, message && message_size ? message_size : sizeof room);
    kt_context_config config;
    kt_status status = resolve(given, &config, &why);
    if (status == KT_OK) kt_context_free(make(&config, &status, &why));
    return status;
}

void kt_context_free(kt_context *kt)
{
    if (!kt) return;
    kt_context_end_objects(kt);
    kt_graph_end(kt);
    kt_pool_free(kt->pool);
    if (kt->backend && kt->backend->close) kt->backend->close(kt);
    kt_context_end(kt);
}

const char *kt_backend_name(const kt_context *kt)
{
    return kt ? kt->backend->name : "";
}

const char *kt_isa_name(const kt_context *kt)
{
    kt_context *open = (kt_context *)(uintptr_t)kt;
    return kt && kt->backend->isa ? kt->backend->isa(open) : "";
}
