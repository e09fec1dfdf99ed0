/* SPDX-License-Identifier: MIT */
/* graph/gradient.c: kt_gradients: the chain rule over recorded nodes.
 *
 * The nodes behind the loss are listed inputs first (an iterative walk: chains may be long), those that depend on a target
 * are marked, and each marked node's row is asked for its gradient, last node first. What rows give are recorded ops, so
 * gradients have gradients. A row without `grad` lets nothing through; a row that only has `expand` is differentiated through its
 * expansion.
 */
#include "graph/graph.h"

#include <keratin/ops.h>
#include <string.h>

#include "ops/ops.h"

typedef struct kt_mark { /* one per listed node */
    kt_node *node;
    kt_tensor *gradient[KT_MAX_OUT];
    bool needed;
} kt_mark;

typedef struct kt_walk {
    kt_context *kt;
    uint64_t id;
    kt_mark *marks;
    size_t count, capacity;
} kt_walk;

struct kt_grad {
    kt_walk *walk;
    kt_mark *mark;
    kt_tensor **expansion; /* where expand puts its results; NULL in grad */
};

int kt_grad_n_in(const kt_grad *q) { return q ? q->mark->node->n_in : 0; }
kt_tensor *kt_grad_in(const kt_grad *q, int i) { return q ? q->mark->node->in[i] : NULL; }
kt_tensor *kt_grad_result(const kt_grad *q, int i) { return q ? &q->mark->node->out[i] : NULL; }
const void *kt_grad_attr(const kt_grad *q) { return q ? q->mark->node->attr : NULL; }
double kt_grad_slot(const kt_grad *q, int i) { return q ? q->mark->node->slots[i] : 0; }

static kt_mark *mark_of(const kt_walk *walk, const kt_node *node)
{
    return node->walk == walk->id ? &walk->marks[node->mark] : NULL;
}

kt_tensor *kt_grad_out(kt_grad *q, int i)
{
    if (!q) return NULL;
    if (!q->mark->gradient[i]) {
        const kt_desc *desc = &q->mark->node->out[i].desc;
        q->mark->gradient[i] = kt_zeros(q->walk->kt, desc->dtype, kt_shape_of(desc));
    }
    return q->mark->gradient[i];
}

bool kt_grad_needs(const kt_grad *q, int i)
{
    if (!q) return false;
    const kt_tensor *x = q->mark->node->in[i];
    const kt_mark *mark = mark_of(q->walk, x->node);
    return mark && mark->needed && kt_is_float(x->desc.dtype);
}

static void add_gradient(kt_walk *walk, kt_tensor *x, kt_tensor *gradient)
{
    kt_mark *mark = mark_of(walk, x->node);
    if (!gradient || !mark || !mark->needed) return;
    kt_tensor **sum = &mark->gradient[x->index];
    *sum = *sum ? kt_add(*sum, gradient) : gradient;
}

void kt_grad_set(kt_grad *q, int i, kt_tensor *gradient)
{
    if (!gradient || !kt_grad_needs(q, i)) return;
    kt_tensor *x = q->mark->node->in[i];
    if (!kt_desc_equal(&gradient->desc, &x->desc)) {
        char expected[128], got[128];
        kt_text e = kt_text_in(expected, sizeof expected), g = kt_text_in(got, sizeof got);
        kt_text_desc(&e, &x->desc);
        kt_text_desc(&g, &gradient->desc);
        kt_op_fail(q->walk->kt, q->mark->node->op, KT_ERR_SHAPE, "its grad gave %s %s for input %d, which is %s %s",
                   kt_dtype_name(gradient->desc.dtype), got, i, kt_dtype_name(x->desc.dtype), expected);
        return;
    }
    add_gradient(q->walk, x, gradient);
}

void kt_expand_set(kt_grad *q, int i, kt_tensor *result)
{
    if (q && q->expansion) q->expansion[i] = result;
}

/* The list grows in the scope's memory: a loop's later passes find room there without the heap. */
static kt_status list_node(kt_walk *walk, kt_node *node)
{
    kt_context *kt = walk->kt;
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity ? 2 * walk->capacity : 64;
        kt_mark *marks = kt_arena_take(&kt->graph->scope->nodes, capacity * sizeof *marks);
        if (!marks) return kt_no_memory(kt);
        if (walk->count) memcpy(marks, walk->marks, walk->count * sizeof *marks);
        walk->marks = marks;
        walk->capacity = capacity;
    }
    walk->marks[walk->count] = (kt_mark){ .node = node };
    node->walk = walk->id;
    node->mark = (uint32_t)walk->count++;
    return KT_OK;
}

/* Inputs before the nodes that use them. */
static kt_status list_ancestors(kt_walk *walk, kt_node *from)
{
    kt_context *kt = walk->kt;
    kt_graph *graph = kt->graph;
    size_t depth = 0;
    if (from->walk == walk->id) return KT_OK;
    if (!kt_grow(&kt->heap, &graph->stack, &graph->stack_capacity, 1, sizeof *graph->stack)) return kt_no_memory(kt);
    graph->stack[depth++] = from;
    while (depth) {
        kt_node *top = graph->stack[depth - 1], *next = NULL;
        if (top->walk == walk->id) {
            depth--;
            continue;
        }
        for (int i = 0; i < top->n_in && !next; i++)
            if (top->in[i]->node->walk != walk->id) next = top->in[i]->node;
        if (!next) {
            depth--;
            if (list_node(walk, top) != KT_OK) return kt->status;
            continue;
        }
        if (!kt_grow(&kt->heap, &graph->stack, &graph->stack_capacity, depth + 1, sizeof *graph->stack))
            return kt_no_memory(kt);
        graph->stack[depth++] = next;
    }
    return KT_OK;
}

/* Which listed tensor a target means. A variable: its latest version that the loss depends on. */
static kt_tensor *resolve(kt_walk *walk, kt_tensor *target)
{
    kt_variable_state *variable = kt_variable_of(target);
    if (!variable) return mark_of(walk, target->node) ? target : NULL;
    if (variable->current && variable->trace == walk->kt->graph->trace.id && mark_of(walk, variable->current->node))
        return variable->current;
    kt_tensor *found = NULL;
    for (size_t i = 0; i < walk->count; i++)
        if (walk->marks[i].node->variable == variable && (!found || found->node->version <= walk->marks[i].node->version))
            found = &walk->marks[i].node->out[0];
    return found;
}

/* A variable read in several traces of one version (run_eagerly, values read in the middle of a step) has a node for each read: all of
 * them are the target. */
static bool same_read(const kt_tensor *target, const kt_node *node)
{
    if (!target) return false;
    return target->node == node || (node->variable && node->variable == target->node->variable && node->version == target->node->version);
}

static kt_tensors differentiate(kt_context *kt, kt_tensor *y, kt_tensor *seed, kt_tensors targets, bool partial);

/* The gradients of the row's inputs are those of its expansion, as functions of the inputs alone. */
static void through_expansion(kt_walk *walk, size_t at)
{
    kt_tensor *results[KT_MAX_OUT] = { NULL };
    kt_grad q = { walk, &walk->marks[at], results };
    kt_node *node = walk->marks[at].node;
    node->op->expand(&q);
    for (int o = 0; o < node->n_out; o++) {
        kt_tensor *seed = walk->marks[at].gradient[o];
        if (!results[o] || !seed) continue;
        kt_tensors d = differentiate(walk->kt, results[o], seed, (kt_tensors){ node->in, node->n_in }, true);
        for (size_t i = 0; i < walk->count; i++) { /* the inner walk has marked some of our nodes as its own */
            walk->marks[i].node->walk = walk->id;
            walk->marks[i].node->mark = (uint32_t)i;
        }
        for (int i = 0; i < d.count; i++) add_gradient(walk, node->in[i], d.at[i]);
    }
}

static void backward(kt_walk *walk, size_t at)
{
    kt_node *node = walk->marks[at].node;
    bool any = false;
    for (int o = 0; o < node->n_out; o++) any = any || walk->marks[at].gradient[o];
    if (!any || !walk->marks[at].needed || node->n_in == 0) return;
    kt_grad q = { walk, &walk->marks[at], NULL };
    kt_frame outer = kt_frame_enter(walk->kt, node->path, 0);
    if (node->op->grad) node->op->grad(&q);
    else if (node->op->expand) through_expansion(walk, at);
    kt_frame_leave(walk->kt, outer);
}

/* d sum(seed x y) / d each target. partial: the targets count as independent of each other. */
static kt_tensors differentiate(kt_context *kt, kt_tensor *y, kt_tensor *seed, kt_tensors targets, bool partial)
{
    kt_tensors none = { NULL, 0 };
    kt_tensor **results = kt_arena_zeroed(&kt->graph->scope->nodes, (size_t)targets.count + 1, sizeof *results);
    kt_tensor **resolved = kt_arena_zeroed(&kt->graph->scope->nodes, (size_t)targets.count + 1, sizeof *resolved);
    if (!results || !resolved) {
        kt_no_memory(kt);
        return none;
    }
    kt_walk walk = { kt, ++kt->graph->walks, NULL, 0, 0 };
    for (int64_t t = 0; partial && t < targets.count; t++)
        if (targets.at[t]->node->walk != walk.id && list_node(&walk, targets.at[t]->node) != KT_OK) return none;
    if (list_ancestors(&walk, y->node) != KT_OK) return none;
    for (int64_t t = 0; t < targets.count; t++) {
        resolved[t] = targets.at[t] ? resolve(&walk, targets.at[t]) : NULL;
        for (size_t i = 0; resolved[t] && i < walk.count; i++)
            if (same_read(resolved[t], walk.marks[i].node)) walk.marks[i].needed = true;
    }
    for (size_t i = 0; i < walk.count; i++) {
        const kt_node *node = walk.marks[i].node;
        for (int k = 0; k < node->n_in && !walk.marks[i].needed; k++) {
            const kt_mark *in = mark_of(&walk, node->in[k]->node);
            walk.marks[i].needed = in && in->needed && kt_is_float(node->in[k]->desc.dtype);
        }
    }
    add_gradient(&walk, y, seed);
    for (size_t i = walk.count; i-- > 0 && kt->status == KT_OK;) {
        bool is_target = false;
        for (int64_t t = 0; t < targets.count; t++) {
            if (!same_read(resolved[t], walk.marks[i].node)) continue;
            kt_tensor *part = walk.marks[i].gradient[resolved[t]->index];
            results[t] = results[t] && part ? kt_add(results[t], part) : part ? part : results[t];
            is_target = true;
        }
        if (!(is_target && partial)) backward(&walk, i);
    }
    return kt->status == KT_OK ? (kt_tensors){ results, targets.count } : none;
}

kt_tensors kt_gradients(kt_tensor *loss, kt_tensors targets)
{
    kt_tensors none = { NULL, 0 };
    if (!loss) return none;
    kt_context *kt = loss->node->kt;
    if (kt->status != KT_OK) return none;
    for (int64_t t = 0; t < targets.count; t++) {
        if (targets.at && (!targets.at[t] || targets.at[t]->node->kt == kt)) continue;
        kt_fail_at(kt, KT_ERR_VALUE, "gradients", "expected %lld targets of the loss's context, got %s; give kt_trainable(model), or a list "
                   "of this context's tensors", (long long)targets.count, targets.at ? "one of another context" : "no list (NULL)");
        return none;
    }
    kt_variable_state *variable = kt_variable_of(loss);
    if (variable && !(loss = kt_variable_read(variable))) return none;
    if (!kt_is_float(loss->desc.dtype)) {
        kt_fail_at(kt, KT_ERR_DTYPE, "gradients", "expected a loss of floats, got %s: only float tensors have gradients; kt_cast it",
                   kt_dtype_name(loss->desc.dtype));
        return none;
    }
    uint8_t direction = kt->frame.direction;
    kt->frame.direction = KT_BACKWARD;
    kt_tensors d = differentiate(kt, loss, kt_ones(kt, loss->desc.dtype, kt_shape_of(&loss->desc)), targets, false);
    kt->frame.direction = direction;
    return d;
}

kt_tensor *kt_gradient(kt_tensor *loss, kt_tensor *target)
{
    kt_tensors d = kt_gradients(loss, (kt_tensors){ &target, 1 });
    return d.count ? d.at[0] : NULL;
}
