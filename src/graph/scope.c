/* SPDX-License-Identifier: MIT */
/* graph/scope.c: scopes, values that come from or go to the host, and reading.
 *
 * Ended scopes are kept with their blocks, so that the passes of a loop allocate nothing after the first.
 */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

enum { NODE_BLOCK = 16384, VALUE_BLOCK = 16384 };

static void *take_block(void *user, size_t bytes)
{
    kt_context *kt = user;
    return kt->backend->allocate(kt, bytes);
}

static void give_block(void *user, void *block)
{
    kt_context *kt = user;
    kt->backend->release(kt, block);
}

static void scope_init(kt_context *kt, kt_scope *scope)
{
    kt_arena_init(&scope->nodes, &kt->heap, NODE_BLOCK);
    kt_arena_init(&scope->values, &kt->heap, VALUE_BLOCK);
    scope->values.take = take_block;
    scope->values.give = give_block;
    scope->values.user = kt;
}

kt_status kt_graph_begin(kt_context *kt)
{
    kt_graph *graph = kt_take_zeroed(kt, 1, sizeof *graph);
    if (!graph) return kt->status;
    kt->graph = graph;
    graph->trace.id = 1;
    graph->generation = 1; /* no plan has seen it */
    scope_init(kt, &graph->root);
    graph->scope = &graph->root;
    return KT_OK;
}

static void scope_free(kt_context *kt, kt_scope *scope)
{
    kt_arena_free(&scope->nodes);
    kt_arena_free(&scope->values);
    kt_give(kt, scope);
}

void kt_graph_end(kt_context *kt)
{
    kt_graph *graph = kt->graph;
    if (!graph) return;
    kt_cache_clear(kt);
    while (graph->scope != &graph->root) {
        kt_scope *outer = graph->scope->outer;
        scope_free(kt, graph->scope);
        graph->scope = outer;
    }
    while (graph->spare) {
        kt_scope *next = graph->spare->outer;
        scope_free(kt, graph->spare);
        graph->spare = next;
    }
    kt_arena_free(&graph->root.nodes);
    kt_arena_free(&graph->root.values);
    if (graph->arena) kt->backend->release(kt, graph->arena);
    kt_heap_give_aligned(&kt->heap, graph->scratch);
    kt_recording *trace = &graph->trace;
    void *blocks[] = { trace->nodes, trace->leaves, trace->assigned, trace->observed, trace->slots, trace->key,
                       graph->hold, graph->stack, graph->inputs, graph->moments, graph->cache.buckets, graph };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) kt_give(kt, blocks[i]);
    kt->graph = NULL;
}

/* While a step is being recorded there are no values: nothing may run. */
static bool reading_allowed(kt_context *kt)
{
    if (!kt->graph->capturing && !kt->symbolic) return true;
    kt_fail_at(kt, KT_ERR_STATE, NULL, "a value was read while a training step is being recorded: layers and losses may only record "
                                       "ops; use kt_where for decisions and kt_summary_scalar to look");
    return false;
}

kt_scope *kt_scope_begin(kt_context *kt)
{
    if (!kt || kt->status != KT_OK || !reading_allowed(kt)) return NULL;
    kt_graph *graph = kt->graph;
    kt_scope *scope = graph->spare;
    if (scope) graph->spare = scope->outer;
    else {
        scope = kt_take_zeroed(kt, 1, sizeof *scope);
        if (!scope) return NULL;
        scope_init(kt, scope);
    }
    scope->outer = graph->scope;
    scope->serial++;
    return graph->scope = scope;
}

kt_status kt_scope_end(kt_context *kt, kt_scope *scope)
{
    if (!kt) return KT_ERR_VALUE;
    kt_graph *graph = kt->graph;
    kt_scope *found = graph->scope;
    while (found && found != scope) found = found->outer;
    if (!scope || found != scope || scope == &graph->root) return kt->status; /* already closed by an outer one */
    if (!reading_allowed(kt)) return kt->status;
    kt_recording_close(kt, NULL, 0, true);
    for (bool last = false; !last;) {
        kt_scope *ended = graph->scope;
        last = ended == scope;
        graph->scope = ended->outer;
        kt_arena_clear(&ended->nodes);
        kt_arena_clear(&ended->values);
        ended->outer = graph->spare;
        graph->spare = ended;
    }
    kt_recording_reset(kt);
    if (graph->scope == &graph->root) kt->random_step++;
    return kt->status;
}

void *kt_scope_value(kt_context *kt, kt_scope *scope, const kt_desc *desc)
{
    size_t bytes;
    if (!kt_mul_size(kt_desc_elements(desc), kt_storage_size(kt->backend, desc->dtype), &bytes)) bytes = SIZE_MAX;
    void *at = bytes == SIZE_MAX ? NULL : kt_arena_take_aligned(&scope->values, bytes ? bytes : 1);
    if (!at) kt_no_memory(kt);
    return at;
}

kt_tensor *kt_leaf_new(kt_context *kt, kt_scope *scope, const kt_desc *desc, void *value)
{
    kt_node *node = kt_node_new(kt, scope, &kt_op_data, 0, 1, 0, 0);
    if (!node) return NULL;
    node->state = KT_HELD;
    node->out[0].desc = *desc;
    node->out[0].value = value;
    return &node->out[0];
}

static kt_tensor *constant(kt_context *kt, kt_array array, bool borrow)
{
    if (!kt || kt->status != KT_OK) return NULL;
    kt_shape shape = { .rank = array.rank };
    for (int i = 0; i < array.rank && i < KT_MAX_RANK; i++) shape.dim[i] = array.dim[i];
    if (kt_check_shape(kt, "constant", array.dtype, &shape) != KT_OK) return NULL;
    kt_desc desc = kt_desc_make(array.dtype, shape);
    size_t count = kt_desc_elements(&desc);
    if (!array.data && count) {
        kt_fail_at(kt, KT_ERR_VALUE, "constant", "expected an array, got one without data (NULL)");
        return NULL;
    }
    void *value;
    if (borrow && kt->backend->flags & KT_BACKEND_PLAIN && count) {
        uintptr_t address = (uintptr_t)array.data; /* never written: leaves are inputs only */
        value = (void *)address;
    } else {
        value = kt_scope_value(kt, kt->graph->scope, &desc);
        if (!value || kt_store(kt, value, desc.dtype, array.data, array.dtype, count) != KT_OK) return NULL;
    }
    return kt_leaf_new(kt, kt->graph->scope, &desc, value);
}

kt_tensor *kt_constant(kt_context *kt, kt_array value) { return constant(kt, value, false); }
kt_tensor *kt_constant_borrow(kt_context *kt, kt_array value) { return constant(kt, value, true); }

kt_tensor *kt_keep(kt_tensor *x)
{
    if (!x) return NULL;
    kt_context *kt = x->node->kt;
    kt_graph *graph = kt->graph;
    if (kt->status != KT_OK) return NULL;
    kt_variable_state *variable = kt_variable_of(x);
    if (variable && !(x = kt_variable_read(variable))) return NULL;
    if (!graph->scope->outer) return x;
    if (!reading_allowed(kt)) return NULL;
    if (kt_recording_import(kt, x) != KT_OK) return NULL;
    kt_node *node = kt_node_new(kt, graph->scope->outer, &kt_op_copy, 1, 1, 0, 0);
    if (!node) return NULL;
    node->in[0] = x;
    node->out[0].desc = x->desc;
    if (kt_recording_append(kt, node) != KT_OK) return NULL;
    kt_tensor *kept = &node->out[0]; /* run now: afterwards it depends on nothing that dies with the inner scope */
    if (kt_recording_close(kt, &kept, 1, false) != KT_OK) return NULL;
    node->n_in = 0;
    return kept;
}

kt_status kt_compute(kt_tensor *const *tensors, int64_t count)
{
    kt_context *kt = NULL;
    for (int64_t i = 0; tensors && i < count; i++)
        if (tensors[i]) kt = tensors[i]->node->kt;
    if (!kt) return KT_ERR_VALUE;
    if (kt->status != KT_OK || !reading_allowed(kt)) return kt->status;
    kt_scope *scope = kt->graph->scope;
    kt_tensor **wanted = kt_arena_take(&scope->nodes, (size_t)count * sizeof *wanted);
    if (!wanted) return kt_no_memory(kt);
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!tensors[i] || kt_is_variable(tensors[i])) continue;
        if (tensors[i]->node->kt != kt)
            return kt_fail(kt, KT_ERR_VALUE, "compute: tensors of two contexts were given; compute each context's by itself");
        wanted[n++] = tensors[i];
    }
    return kt_recording_close(kt, wanted, n, false);
}

kt_status kt_flush(kt_context *kt)
{
    if (!kt) return KT_ERR_VALUE;
    if (!reading_allowed(kt)) return kt->status;
    while (kt->graph->scope->outer) kt_scope_end(kt, kt->graph->scope); /* loop passes left by break */
    return kt_recording_close(kt, NULL, 0, false);
}

kt_status kt_read(kt_tensor *x, void *to, kt_dtype dtype, int64_t count)
{
    if (!x) return KT_ERR_VALUE;
    kt_context *kt = x->node->kt;
    if (kt->status != KT_OK || !reading_allowed(kt)) return kt->status;
    if (count != kt_desc_count(&x->desc) || kt_dtype_size(dtype) == 0 || (!to && count)) {
        char dims[128];
        kt_text text = kt_text_in(dims, sizeof dims);
        kt_text_desc(&text, &x->desc);
        return kt_fail_at(kt, KT_ERR_VALUE, "read", "expected room for the %lld elements of a tensor of shape %s, got %lld of type "
                          "%s%s", (long long)kt_desc_count(&x->desc), dims, (long long)count, kt_dtype_name(dtype),
                          to ? "" : " at NULL");
    }
    kt_variable_state *variable = kt_variable_of(x);
    if (variable) {
        if (!variable->buffer && !kt_variable_read(variable)) return kt->status;
        if (variable->trace == kt->graph->trace.id && variable->current && variable->current->node->variable == NULL &&
            kt_recording_close(kt, NULL, 0, false) != KT_OK)
            return kt->status;
        return kt_load(kt, variable->buffer, x->desc.dtype, to, dtype, (size_t)count);
    }
    if (x->node->variable) { /* a read of a variable, not its handle */
        if (kt_recording_import(kt, x) != KT_OK) return kt->status;
        return kt_load(kt, x->node->variable->buffer, x->desc.dtype, to, dtype, (size_t)count);
    }
    if (x->node->state != KT_HELD && kt_recording_close(kt, &x, 1, false) != KT_OK) return kt->status;
    return kt_load(kt, x->value, x->desc.dtype, to, dtype, (size_t)count);
}

double kt_item(kt_tensor *x)
{
    double value = (double)NAN;
    if (!x) return value;
    if (kt_desc_count(&x->desc) != 1) {
        char dims[128];
        kt_text text = kt_text_in(dims, sizeof dims);
        kt_text_desc(&text, &x->desc);
        kt_fail_at(x->node->kt, KT_ERR_SHAPE, "item", "expected a tensor of one element, got shape %s; use kt_read", dims);
        return value;
    }
    return kt_read(x, &value, KT_FLOAT64, 1) == KT_OK ? value : (double)NAN;
}
