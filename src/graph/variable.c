/* SPDX-License-Identifier: MIT */
/* graph/variable.c: variables: storage, versions, assignment.
 *
 * Only assign has an effect, and it has it when the step runs; until then the assigned tensor is what reads see. The buffer's
 * version tells whether a read recorded earlier still finds what it meant.
 */
#include "graph/graph.h"

#include <keratin/ops.h>
#include <string.h>

static void variable_release(kt_context *kt, kt_object *object)
{
    kt_variable_state *variable = (kt_variable_state *)object;
    if (variable->buffer) kt->backend->release(kt, variable->buffer);
    kt_give(kt, variable->name);
    kt_give(kt, variable->node);
    kt_give(kt, variable);
}

void kt_variable_free(kt_tensor *x)
{
    kt_variable_state *variable = kt_variable_of(x);
    if (!variable || !variable->buffer) return;
    kt_context *kt = variable->kt;
    if (variable->current && variable->trace == kt->graph->trace.id) {
        if (kt->graph->capturing) kt_recording_reset(kt);
        else kt_recording_close(kt, NULL, 0, false);
    }
    kt->backend->release(kt, variable->buffer);
    variable->buffer = NULL;  /* the rest is small and stays: recorded nodes point to it */
    variable->version++;
    variable->current = NULL;
}

kt_tensor *kt_variable_zeros(kt_context *kt, const char *name, kt_dtype dtype, kt_shape shape)
{
    if (!kt || kt->status != KT_OK) return NULL;
    if (dtype == KT_DTYPE_DEFAULT) dtype = kt->config.floatx;
    if (kt_check_shape(kt, name ? name : "variable", dtype, &shape) != KT_OK) return NULL;
    kt_variable_state *variable = kt_take_zeroed(kt, 1, sizeof *variable);
    if (!variable) return NULL;
    variable->kt = kt;
    variable->node = kt_take_zeroed(kt, 1, sizeof(kt_node) + sizeof(kt_tensor));
    variable->name = kt_copy_text(kt, name ? name : "variable");
    kt_own(kt, &variable->object, variable_release);
    if (!variable->node || !variable->name) return NULL;
    kt_node *node = variable->node;
    node->op = &kt_op_read;
    node->kt = kt;
    node->scope = &kt->graph->root;
    node->path = "";
    node->n_out = 1;
    node->variable = variable;
    node->out[0].node = node;
    node->out[0].desc = kt_desc_make(dtype, shape);
    variable->id = kt->graph->variables++;
    size_t count = kt_desc_elements(&node->out[0].desc);
    variable->buffer = kt->backend->allocate(kt, count * kt_storage_size(kt->backend, dtype) + 1);
    if (!variable->buffer) {
        kt_no_memory(kt);
        return NULL;
    }
    return kt_variable_fill(&node->out[0], 0) == KT_OK ? &node->out[0] : NULL;
}

kt_tensor *kt_variable(kt_context *kt, const char *name, kt_array value)
{
    kt_shape shape = { .rank = value.rank };
    for (int i = 0; i < value.rank && i < KT_MAX_RANK; i++) shape.dim[i] = value.dim[i];
    kt_tensor *variable = kt_variable_zeros(kt, name, value.dtype, shape);
    return variable && kt_variable_set(variable, value) == KT_OK ? variable : NULL;
}

static kt_variable_state *need_variable(kt_tensor *x, const char *what)
{
    kt_variable_state *variable = kt_variable_of(x);
    if (!variable && x)
        kt_fail_at(x->node->kt, KT_ERR_VALUE, what, "expected a variable, got the result of '%s'", x->node->op->name);
    return variable;
}

/* What the host writes at once must not overtake what is recorded: pending assignments run first. */
static kt_status settle(kt_variable_state *variable)
{
    kt_context *kt = variable->kt;
    if (kt->status != KT_OK) return kt->status;
    if (!variable->buffer)
        return kt_fail_at(kt, KT_ERR_STATE, NULL, "variable '%s' is used after the model or optimizer it belonged to was freed",
                          variable->name);
    if (!variable->current || variable->trace != kt->graph->trace.id) { /* nothing recorded has read or assigned it */
        variable->current = NULL;
        variable->version++;
        return KT_OK;
    }
    if (kt->graph->capturing)
        return kt_fail_at(kt, KT_ERR_STATE, NULL, "variable '%s' was set while a training step is being recorded: use kt_assign",
                          variable->name);
    if (kt_recording_close(kt, NULL, 0, false) != KT_OK) return kt->status;
    variable->current = NULL;
    variable->version++;
    return KT_OK;
}

kt_status kt_variable_set(kt_tensor *x, kt_array value)
{
    kt_variable_state *variable = need_variable(x, "variable_set");
    if (!variable) return x ? x->node->kt->status : KT_ERR_VALUE;
    kt_context *kt = variable->kt;
    kt_shape shape = { .rank = value.rank };
    for (int i = 0; i < value.rank && i < KT_MAX_RANK; i++) shape.dim[i] = value.dim[i];
    if (kt_check_shape(kt, variable->name, value.dtype, &shape) != KT_OK) return kt->status;
    kt_desc given = kt_desc_make(value.dtype, shape);
    if (!kt_desc_same_shape(&given, &x->desc)) {
        char expected[128], got[128];
        kt_text e = kt_text_in(expected, sizeof expected), g = kt_text_in(got, sizeof got);
        kt_text_desc(&e, &x->desc);
        kt_text_desc(&g, &given);
        return kt_fail_at(kt, KT_ERR_SHAPE, variable->name, "expected an array of shape %s, got %s", expected, got);
    }
    if (!value.data && kt_desc_elements(&given))
        return kt_fail_at(kt, KT_ERR_VALUE, variable->name, "expected an array, got one without data (NULL)");
    if (settle(variable) != KT_OK) return kt->status;
    return kt_store(kt, variable->buffer, x->desc.dtype, value.data, value.dtype, kt_desc_elements(&given));
}

kt_status kt_variable_fill(kt_tensor *x, double value)
{
    kt_variable_state *variable = need_variable(x, "variable_fill");
    if (!variable) return x ? x->node->kt->status : KT_ERR_VALUE;
    kt_context *kt = variable->kt;
    if (settle(variable) != KT_OK) return kt->status;
    enum { PIECE = 512 };
    double piece[PIECE];
    for (int i = 0; i < PIECE; i++) piece[i] = value;
    size_t count = kt_desc_elements(&x->desc), size = kt_storage_size(kt->backend, x->desc.dtype);
    for (size_t i = 0; i < count; i += PIECE) {
        size_t n = count - i < PIECE ? count - i : PIECE;
        if (kt_store(kt, (unsigned char *)variable->buffer + i * size, x->desc.dtype, piece, KT_FLOAT64, n) != KT_OK) break;
    }
    return kt->status;
}

kt_tensor *kt_assign(kt_tensor *x, kt_tensor *value)
{
    if (!x || !value) return NULL;
    kt_variable_state *variable = need_variable(x, "assign");
    if (!variable) return NULL;
    kt_context *kt = variable->kt;
    if (kt->status != KT_OK) return NULL;
    if (value->node->kt != kt) {
        kt_fail_at(kt, KT_ERR_VALUE, "assign", "expected a value of the context of variable '%s', got one of another; copy it with kt_read and "
                   "kt_constant", variable->name);
        return NULL;
    }
    kt_variable_state *source = kt_variable_of(value);
    if (source && !(value = kt_variable_read(source))) return NULL;
    if (!kt_desc_equal(&x->desc, &value->desc)) {
        char expected[128], got[128];
        kt_text e = kt_text_in(expected, sizeof expected), g = kt_text_in(got, sizeof got);
        kt_text_desc(&e, &x->desc);
        kt_text_desc(&g, &value->desc);
        kt_fail_at(kt, kt_desc_same_shape(&x->desc, &value->desc) ? KT_ERR_DTYPE : KT_ERR_SHAPE, "assign",
                   "variable '%s' is %s %s, got %s %s; use kt_cast, kt_reshape or kt_broadcast_to", variable->name,
                   kt_dtype_name(x->desc.dtype), expected, kt_dtype_name(value->desc.dtype), got);
        return NULL;
    }
    if (kt->symbolic) return value;
    if (kt_recording_import(kt, value) != KT_OK) return NULL;
    kt_recording *trace = &kt->graph->trace;
    size_t i = 0;
    while (i < trace->n_assigned && trace->assigned[i].variable != variable) i++;
    if (i == trace->n_assigned) {
        if (!kt_grow(&kt->heap, &trace->assigned, &trace->assigned_capacity, i + 1, sizeof *trace->assigned)) {
            kt_no_memory(kt);
            return NULL;
        }
        trace->n_assigned++;
    }
    trace->assigned[i] = (kt_assignment){ variable, value };
    variable->current = value;
    variable->trace = trace->id;
    if (kt->config.run_eagerly && !kt->graph->capturing && kt_recording_close(kt, NULL, 0, false) != KT_OK) return NULL;
    return value;
}

kt_tensor *kt_assign_add(kt_tensor *variable, kt_tensor *value)
{
    return kt_assign(variable, kt_add(variable, value));
}
