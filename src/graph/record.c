/* SPDX-License-Identifier: MIT */
/* graph/record.c: applying a row: check, make a node, append it to the trace.
 *
 * This is the hot path of hand-written loops (at most some 100 ns an op): one piece of memory a node, `infer`, and a few words
 * of key. Nothing is computed here, except with run_eagerly.
 */
#include "graph/graph.h"

#include <string.h>

struct kt_infer {
    kt_context *kt;
    const kt_op *op;
    kt_tensor *const *in;
    int n_in;
    kt_node *node;
};

const kt_desc *kt_in(const kt_infer *q, int i) { return q ? &q->in[i]->desc : NULL; }
int kt_n_in(const kt_infer *q) { return q ? q->n_in : 0; }
kt_desc *kt_out(kt_infer *q, int i) { return q ? &q->node->out[i].desc : NULL; }
const void *kt_infer_attr(const kt_infer *q) { return q ? q->node->attr : NULL; }

kt_status kt_infer_fail(kt_infer *q, kt_status status, const char *format, ...)
{
    if (!q) return status;
    va_list args;
    va_start(args, format);
    kt_status kept = kt_fail_atv(q->kt, status, q->op->name, format, args);
    va_end(args);
    return kept;
}

kt_tensor *kt_op_fail(kt_context *kt, const kt_op *op, kt_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kt_fail_atv(kt, status, op->name, format, args);
    va_end(args);
    return NULL;
}

kt_node *kt_node_new(kt_context *kt, kt_scope *scope, const kt_op *op, int n_in, int n_out, size_t attr_size,
                     int n_slots)
{
    size_t head = sizeof(kt_node) + (size_t)n_out * sizeof(kt_tensor);
    size_t inputs = (size_t)n_in * sizeof(kt_tensor *), slots = (size_t)n_slots * sizeof(double);
    size_t attr = (attr_size + 7) & ~(size_t)7;
    unsigned char *block = kt_arena_take(&scope->nodes, head + inputs + slots + attr);
    if (!block) {
        kt_no_memory(kt);
        return NULL;
    }
    kt_node *node = (kt_node *)block;
    *node = (kt_node){ .op = op, .kt = kt, .scope = scope, .path = kt->frame.path, .direction = kt->frame.direction,
                       .n_in = (uint8_t)n_in, .n_out = (uint8_t)n_out, .in = (kt_tensor **)(void *)(block + head),
                       .slots = (double *)(void *)(block + head + inputs), .attr = block + head + inputs + slots };
    if (attr) memset((unsigned char *)node->attr + attr - 8, 0, 8); /* the key compares whole words */
    for (int i = 0; i < n_out; i++) node->out[i] = (kt_tensor){ .node = node, .index = i };
    return node;
}

kt_tensor *kt_record(kt_context *kt, const kt_op *op, kt_tensor *const *inputs, int n, const void *attr,
                     const double *slots)
{
    kt_tensor *in[255];
    if (!kt || kt->status != KT_OK) return NULL;
    if (n > 255 || (op->n_in >= 0 ? n != op->n_in : n < 1))
        return kt_op_fail(kt, op, KT_ERR_VALUE, "expected %d inputs, got %d", op->n_in < 0 ? 1 : op->n_in, n);
    bool symbol = op->flags & KT_OP_SYMBOL || kt->symbolic;
    for (int i = 0; i < n; i++) {
        kt_tensor *x = inputs[i];
        if (!x) return NULL;
        symbol = symbol || x->node->state == KT_SYMBOL;
        if (x->node->kt != kt)
            return kt_op_fail(kt, op, KT_ERR_VALUE, "input %d belongs to another context; copy its value with kt_read "
                                                    "and kt_constant", i);
        kt_variable_state *variable = kt_variable_of(x);
        if (variable && !(x = kt_variable_read(variable))) return NULL;
        in[i] = x;
    }
    for (int i = 0; i < n && !symbol; i++)
        if (in[i]->node->trace != kt->graph->trace.id && kt_recording_import(kt, in[i]) != KT_OK) return NULL;
    kt_node *node = kt_node_new(kt, kt->graph->scope, op, n, op->n_out, op->attr_size, op->n_slots);
    if (!node) return NULL;
    for (int i = 0; i < n; i++) node->in[i] = in[i];
    if (op->attr_size && attr) memcpy(node->attr, attr, op->attr_size);
    else if (op->attr_size) memset(node->attr, 0, op->attr_size);
    for (int i = 0; i < op->n_slots; i++) node->slots[i] = slots[i];
    kt_infer q = { kt, op, in, n, node };
    kt_status status = op->infer(&q);
    if (status != KT_OK) {
        kt_fail_at(kt, status, op->name, "the row's infer refused its inputs without saying why; call kt_infer_fail there");
        return NULL;
    }
    if (symbol) {
        node->state = KT_SYMBOL;
        return &node->out[0];
    }
    if (kt_recording_append(kt, node) != KT_OK) return NULL;
    if (kt->config.run_eagerly && !kt->graph->capturing) {
        kt_tensor *out = &node->out[0];
        if (kt_recording_close(kt, &out, 1, false) != KT_OK) return NULL;
    }
    return &node->out[0];
}

kt_tensor *kt_apply(const kt_op *op, kt_tensor *const *inputs, int n, const void *attr, const double *slots)
{
    if (n < 1 || !inputs || !inputs[0]) return NULL;
    kt_context *kt = inputs[0]->node->kt;
    bool whole = op && op->name && op->infer && (op->kernel || op->id > 0) && op->n_out >= 1 && op->n_out <= KT_MAX_OUT &&
                 (op->n_slots == 0 || (op->n_slots > 0 && slots));
    if (whole) return kt_record(kt, op, inputs, n, attr, slots);
    kt_fail_at(kt, KT_ERR_VALUE, op && op->name ? op->name : "apply",
               "expected a row with a name, infer, kernel, 1 to %d outputs and values for its slots, got %s; see keratin/op.h",
               KT_MAX_OUT, op ? "one that lacks some" : "NULL");
    return NULL;
}

kt_tensor *kt_apply1(const kt_op *op, kt_tensor *x, const void *attr)
{
    return kt_apply(op, (kt_tensor *[]){ x }, 1, attr, NULL);
}

kt_tensor *kt_apply2(const kt_op *op, kt_tensor *a, kt_tensor *b, const void *attr)
{
    return kt_apply(op, (kt_tensor *[]){ a, b }, 2, attr, NULL);
}

kt_tensor *kt_apply3(const kt_op *op, kt_tensor *a, kt_tensor *b, kt_tensor *c, const void *attr)
{
    return kt_apply(op, (kt_tensor *[]){ a, b, c }, 3, attr, NULL);
}

kt_tensor *kt_output(kt_tensor *x, int index)
{
    if (!x) return NULL;
    if (index < 0 || index >= x->node->n_out)
        return kt_op_fail(x->node->kt, x->node->op, KT_ERR_VALUE, "it has %d outputs, output %d was asked for",
                          x->node->n_out, index);
    return &x->node->out[index];
}

kt_status kt_observe(kt_tensor *x, kt_deliver *deliver, void *user, const char *tag, int64_t step)
{
    if (!x) return KT_OK;
    kt_context *kt = x->node->kt;
    kt_graph *graph = kt->graph;
    if (kt->status != KT_OK || kt->symbolic || kt_is_symbol(x)) return kt->status;
    kt_variable_state *variable = kt_variable_of(x);
    if (variable && !(x = kt_variable_read(variable))) return kt->status;
    if (kt_recording_import(kt, x) != KT_OK) return kt->status;
    kt_recording *trace = &graph->trace;
    size_t bytes = strlen(tag) + 1;
    char *copy = kt_arena_take(&graph->scope->nodes, bytes);
    if (!copy || !kt_grow(&kt->heap, &trace->observed, &trace->observed_capacity, trace->n_observed + 1,
                          sizeof *trace->observed))
        return kt_no_memory(kt);
    memcpy(copy, tag, bytes);
    trace->observed[trace->n_observed++] = (kt_observation){ x, deliver, user, copy, step };
    if (kt->config.run_eagerly && !graph->capturing) return kt_recording_close(kt, NULL, 0, false);
    return KT_OK;
}
