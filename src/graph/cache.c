/* SPDX-License-Identifier: MIT */
/* graph/cache.c: plans by key, bounded by bytes, least recently used first out. Hits are compared in full. */
#include "graph/graph.h"

#include <string.h>

enum { BUCKETS = 256 };

static void unlink_use(kt_graph *graph, kt_plan *plan)
{
    if (plan->newer) plan->newer->older = plan->older;
    else graph->cache.newest = plan->older;
    if (plan->older) plan->older->newer = plan->newer;
    else graph->cache.oldest = plan->newer;
}

static void link_newest(kt_graph *graph, kt_plan *plan)
{
    plan->newer = NULL;
    plan->older = graph->cache.newest;
    if (plan->older) plan->older->newer = plan;
    else graph->cache.oldest = plan;
    graph->cache.newest = plan;
}

kt_plan *kt_cache_find(kt_context *kt, uint64_t hash, const uint64_t *key, size_t n_key)
{
    kt_graph *graph = kt->graph;
    if (!graph->cache.buckets) return NULL;
    kt_plan *plan = graph->cache.buckets[hash % BUCKETS];
    for (; plan; plan = plan->chain)
        if (plan->hash == hash && plan->n_key == n_key && memcmp(plan->key, key, n_key * sizeof *key) == 0) break;
    if (plan && plan != graph->cache.newest) {
        unlink_use(graph, plan);
        link_newest(graph, plan);
    }
    return plan;
}

static void drop(kt_context *kt, kt_plan *plan)
{
    kt_graph *graph = kt->graph;
    kt_plan **at = &graph->cache.buckets[plan->hash % BUCKETS];
    while (*at != plan) at = &(*at)->chain;
    *at = plan->chain;
    unlink_use(graph, plan);
    graph->cache.bytes -= plan->bytes;
    graph->cache.count--;
    kt_plan_free(plan);
}

kt_status kt_cache_add(kt_context *kt, kt_plan *plan)
{
    kt_graph *graph = kt->graph;
    if (!graph->cache.buckets) {
        graph->cache.buckets = kt_heap_zeroed(&kt->heap, BUCKETS, sizeof *graph->cache.buckets);
        if (!graph->cache.buckets) {
            kt_plan_free(plan);
            return kt_no_memory(kt);
        }
    }
    plan->bytes = sizeof *plan + plan->n_key * sizeof *plan->key + plan->n_values * sizeof *plan->values +
                  plan->n_steps * (sizeof *plan->steps + 64) + plan->n_slots * sizeof *plan->slots;
    kt_plan **bucket = &graph->cache.buckets[plan->hash % BUCKETS];
    plan->chain = *bucket;
    *bucket = plan;
    plan->cached = true;
    link_newest(graph, plan);
    graph->cache.bytes += plan->bytes;
    graph->cache.count++;
    while (graph->cache.bytes > kt->config.plan_cache_bytes && graph->cache.oldest != plan) drop(kt, graph->cache.oldest);
    return KT_OK;
}

void kt_cache_clear(kt_context *kt)
{
    kt_graph *graph = kt->graph;
    while (graph->cache.oldest) drop(kt, graph->cache.oldest);
}
