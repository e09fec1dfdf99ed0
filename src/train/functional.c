/* SPDX-License-Identifier: MIT */
/* train/functional.c: the functional style: a graph drawn with symbols, then called as a layer.
 *
 * Layers called on symbols stand in the graph as single nodes (nn's layer_call row), ops between layers as
 * themselves. kt_model_new walks back from the output, copies what it finds into a list of steps in order, and from
 * then on needs no symbol any more. Calling the model runs the list on real tensors: layers are called, so that
 * training flag, random streams and assignments work as everywhere, and ops are recorded anew. Symbols have
 * KT_SYMBOL_BATCH rows, a prime; an attribute of an op that is a multiple of it was derived from the batch size and
 * is scaled to the batch at hand.
 */
#include <string.h>

#include "train/model.h"

/* Attributes above this are other things than sizes (doubles, packed pairs). */
static const int64_t LARGEST_SIZE = (int64_t)KT_SYMBOL_BATCH << 28;

kt_functional *kt_functional_of(const kt_layer *layer)
{
    return layer->cls == &kt_functional_class ? layer->state : NULL;
}

/* ---- drawing ---- */

kt_tensor *kt_symbol(kt_context *kt, kt_layer_spec input)
{
    if (!kt || kt->status != KT_OK) return NULL;
    kt_desc desc;
    if (!kt_spec_input(&input, kt, KT_SYMBOL_BATCH, &desc)) {
        kt_fail_at(kt, KT_ERR_VALUE, "kt_symbol",
                   "expected the description of an input such as kt_input(10), got a %s; apply other layers with "
                   "kt_apply_layer",
                   input.cls && input.cls->name ? input.cls->name : "description without a class");
        return NULL;
    }
    kt_layer *layer = kt_layer_make(kt, &input, NULL); /* only for its name */
    if (!layer) return NULL;
    const char *name = kt_layer_name(layer);
    kt_layer_free(layer);
    return kt_symbol_of(kt, &desc, name);
}

kt_tensor *kt_apply_layer(kt_layer_spec spec, kt_tensor *x)
{
    kt_context *kt = kt_context_of(x);
    if (!kt || kt->status != KT_OK) return NULL;
    return kt_call_layer(kt_layer_new(kt, spec), x);
}

/* ---- walking back from the output ---- */

typedef struct walk {
    kt_context *kt;
    kt_functional *f;
    kt_layer *root;
    kt_arena memory;          /* of the two below */
    kt_node **nodes;          /* found: in order of their values */
    int *first;               /* value number of their output 0 */
    size_t n_nodes, capacity;
    size_t steps_capacity, constants_capacity, values;
    kt_graph_step *steps;
    kt_tensor **constants;
    size_t n_constants;
} walk;

static int found(const walk *w, const kt_tensor *x)
{
    for (size_t i = w->n_nodes; i-- > 0;)
        if (w->nodes[i] == x->node) return w->first[i] + x->index;
    return -1;
}

static bool remember(walk *w, kt_node *node, int first)
{
    size_t capacity = w->capacity;
    if (!kt_grow(&w->kt->heap, &w->nodes, &capacity, w->n_nodes + 1, sizeof *w->nodes) ||
        !kt_grow(&w->kt->heap, &w->first, &w->capacity, w->n_nodes + 1, sizeof *w->first)) {
        kt_no_memory(w->kt);
        return false;
    }
    w->nodes[w->n_nodes] = node;
    w->first[w->n_nodes++] = first;
    return true;
}

/* A tensor that is the same in every call: -1 - its number. */
static kt_status constant(walk *w, kt_tensor *x, int *value)
{
    if (!kt_grow(&w->kt->heap, &w->constants, &w->constants_capacity, w->n_constants + 1, sizeof *w->constants))
        return kt_no_memory(w->kt);
    w->constants[w->n_constants++] = x;
    *value = -(int)w->n_constants;
    return KT_OK;
}

/* Data of the host that was drawn into the graph lives on as a variable: its scope may end before the model does. */
static kt_status held(walk *w, kt_tensor *x, int *value)
{
    kt_context *kt = w->kt;
    size_t bytes;
    if (!kt_mul_size(kt_desc_elements(&x->desc), kt_dtype_size(x->desc.dtype), &bytes)) return kt_no_memory(kt);
    void *data = kt_take(kt, bytes ? bytes : 1);
    if (!data) return kt->status;
    kt_tensor *kept = NULL;
    if (kt_read(x, data, x->desc.dtype, kt_desc_count(&x->desc)) == KT_OK)
        kept = kt_variable(kt, "constant", kt_array_of(data, x->desc.dtype, kt_shape_of(&x->desc)));
    kt_give(kt, data);
    return kept ? constant(w, kept, value) : kt->status;
}

static kt_status visit(walk *w, kt_tensor *x, int depth, int *value);

static kt_status visit_step(walk *w, kt_node *node, int depth)
{
    kt_context *kt = w->kt;
    kt_graph_step step = { .op = node->op, .n_in = node->n_in, .n_out = node->n_out, .desc = node->out[0].desc };
    step.in = kt_arena_take(&w->f->memory, (node->n_in ? node->n_in : 1u) * sizeof *step.in);
    if (!step.in) return kt_no_memory(kt);
    for (int i = 0; i < node->n_in; i++) {
        kt_status status = visit(w, node->in[i], depth + 1, &step.in[i]);
        if (status != KT_OK) return status;
    }
    if (node->op == &kt_op_layer_call) {
        step.layer = ((const kt_layer_call_attr *)node->attr)->layer;
        bool new = true;
        for (int64_t i = 0; i < kt_layer_children(w->root); i++) new = new && kt_layer_child(w->root, i) != step.layer;
        if (new && kt_layer_adopt(w->root, NULL, step.layer, false) != KT_OK) return kt->status;
    } else {
        size_t slots = (size_t)node->op->n_slots * sizeof *step.slots;
        step.attr = kt_arena_zeroed(&w->f->memory, 1, node->op->attr_size + 8);
        step.slots = kt_arena_zeroed(&w->f->memory, 1, slots + 8);
        if (!step.attr || !step.slots) return kt_no_memory(kt);
        if (node->op->attr_size) memcpy(step.attr, node->attr, node->op->attr_size);
        if (slots) memcpy(step.slots, node->slots, slots);
    }
    step.out = (int)w->values;
    w->values += (size_t)step.n_out;
    if (!kt_grow(&kt->heap, &w->steps, &w->steps_capacity, w->f->n_steps + 1, sizeof *w->steps))
        return kt_no_memory(kt);
    w->steps[w->f->n_steps++] = step;
    return remember(w, node, step.out) ? KT_OK : kt->status;
}

static kt_status visit(walk *w, kt_tensor *x, int depth, int *value)
{
    kt_context *kt = w->kt;
    *value = found(w, x);
    if (*value >= 0) return KT_OK;
    if (depth > 4000)
        return kt_fail(kt, KT_ERR_UNSUPPORTED,
                       "model: the graph is more than 4000 steps deep; nest parts of it as models");
    if (kt_symbol_name(x)) {
        return kt_fail(kt, KT_ERR_VALUE,
                       "model: the output depends on the symbol '%s', which is not among the model's inputs; give "
                       "it to kt_model_new_many",
                       kt_symbol_name(x));
    }
    if (x->node->variable) return constant(w, &x->node->variable->node->out[0], value);
    if (!kt_is_symbol(x) && x->value) return held(w, x, value);
    kt_status status = visit_step(w, x->node, depth);
    *value = found(w, x);
    return status;
}

/* Moves what the walk gathered into the model's own memory. */
static kt_status settle(walk *w)
{
    kt_functional *f = w->f;
    f->n_values = w->values;
    f->n_constants = w->n_constants;
    f->steps = kt_arena_take(&f->memory, (f->n_steps + 1) * sizeof *f->steps);
    f->constants = kt_arena_take(&f->memory, (f->n_constants + 1) * sizeof *f->constants);
    f->values = kt_arena_zeroed(&f->memory, f->n_values + 1, sizeof *f->values);
    if (!f->steps || !f->constants || !f->values) return kt_no_memory(w->kt);
    if (f->n_steps) memcpy(f->steps, w->steps, f->n_steps * sizeof *f->steps);
    if (f->n_constants) memcpy(f->constants, w->constants, f->n_constants * sizeof *f->constants);
    return KT_OK;
}

static kt_status draw(walk *w, kt_tensors inputs, kt_tensor *output)
{
    kt_context *kt = w->kt;
    kt_functional *f = w->f;
    f->n_inputs = (size_t)inputs.count;
    f->inputs = kt_arena_take(&f->memory, f->n_inputs * sizeof *f->inputs);
    f->input_names = kt_arena_take(&f->memory, f->n_inputs * sizeof *f->input_names);
    if (!f->inputs || !f->input_names) return kt_no_memory(kt);
    for (size_t i = 0; i < f->n_inputs; i++) {
        kt_tensor *x = inputs.at[i];
        if (!kt_is_symbol(x))
            return kt_fail(kt, KT_ERR_VALUE,
                           "model: expected symbols as inputs (kt_symbol), got the result of '%s' as input %zu",
                           x->node->op->name, i);
        if (found(w, x) >= 0) return kt_fail(kt, KT_ERR_VALUE, "model: input %zu was given twice; give each once", i);
        f->inputs[i] = x->desc;
        f->input_names[i] = kt_symbol_name(x) ? kt_symbol_name(x) : "input";
        if (!remember(w, x->node, (int)i - x->index)) return kt->status;
    }
    w->values = f->n_inputs;
    if (!kt_is_symbol(output))
        return kt_fail(kt, KT_ERR_VALUE,
                       "model: expected an output made from symbols, got the result of '%s', which does not depend "
                       "on the inputs",
                       output->node->op->name);
    kt_status status = visit(w, output, 0, &f->output);
    return status == KT_OK ? settle(w) : status;
}

kt_model *kt_model_new_many(kt_context *kt, kt_tensors inputs, kt_tensor *output)
{
    if (!kt || kt->status != KT_OK || !output) return NULL;
    for (int64_t i = 0; inputs.at && i < inputs.count; i++)
        if (!inputs.at[i]) return NULL;
    if (inputs.count < 1 || !inputs.at) {
        kt_fail(kt, KT_ERR_VALUE, "model: expected at least one input, got none; make one with kt_symbol");
        return NULL;
    }
    kt_layer *root = kt_layer_new(kt, (kt_layer_spec){ .cls = &kt_functional_class });
    kt_functional *f = kt_layer_state(root, sizeof *f);
    kt_model *model = NULL;
    if (f) {
        kt_arena_init(&f->memory, &kt->heap, 2048);
        walk w = { .kt = kt, .f = f, .root = root };
        if (draw(&w, inputs, output) == KT_OK) model = kt_model_from(kt, root);
        kt_give(kt, w.nodes);
        kt_give(kt, w.first);
        kt_give(kt, w.steps);
        kt_give(kt, w.constants);
    }
    if (!model) {
        kt_layer_free(root);
    } else if (f->n_inputs == 1 && kt_model_prepare(model, &f->inputs[0]) != KT_OK) {
        kt_model_free(model);
        model = NULL;
    }
    return model;
}

kt_model *kt_model_new(kt_tensor *input, kt_tensor *output)
{
    return kt_model_new_many(kt_context_of(input), (kt_tensors){ &input, 1 }, output);
}

/* ---- calling ---- */

static kt_status check_input(kt_layer *self, const kt_functional *f, size_t i, const kt_desc *x)
{
    const kt_desc *expected = &f->inputs[i];
    bool same = x->rank == expected->rank;
    for (int axis = 1; same && axis < x->rank; axis++) same = x->dim[axis] == expected->dim[axis];
    if (same) return KT_OK;
    char want[128], got[128];
    kt_text w = kt_text_in(want, sizeof want), g = kt_text_in(got, sizeof got);
    kt_desc any = *expected;
    if (any.rank) any.dim[0] = -1;
    kt_text_desc(&w, &any);
    kt_text_desc(&g, x);
    return kt_fail_at(kt_layer_context(self), KT_ERR_SHAPE, kt_layer_class_name(self),
                      "expected shape %s for input '%s', got %s; the model was drawn for that shape",
                      want, f->input_names[i], got);
}

/* Sizes that derive from the symbols' batch size become those of this one. */
static void scale(const kt_op *op, void *attr, int64_t batch)
{
    for (size_t at = 0; at + sizeof(int64_t) <= op->attr_size; at += sizeof(int64_t)) {
        int64_t word;
        memcpy(&word, (char *)attr + at, sizeof word);
        if (word < KT_SYMBOL_BATCH || word > LARGEST_SIZE || word % KT_SYMBOL_BATCH) continue;
        word = word / KT_SYMBOL_BATCH * batch;
        memcpy((char *)attr + at, &word, sizeof word);
    }
}

static kt_tensor *run_op(kt_context *kt, const kt_graph_step *step, kt_tensor *const *in, int64_t batch)
{
    unsigned char attr[512];
    double slots[64];
    if (step->op->attr_size > sizeof attr || step->op->n_slots > 64) {
        kt_fail_at(kt, KT_ERR_UNSUPPORTED, step->op->name,
                   "expected attributes of at most %zu bytes in a functional model, got %zu; wrap the op in a layer",
                   sizeof attr, step->op->attr_size);
        return NULL;
    }
    memset(attr, 0, sizeof attr);
    memcpy(attr, step->attr, step->op->attr_size);
    memcpy(slots, step->slots, (size_t)step->op->n_slots * sizeof *slots);
    scale(step->op, attr, batch);
    if (step->op->flags & KT_OP_RANDOM) { /* each call draws anew */
        slots[step->op->n_slots - 2] = kt_next_stream(kt);
        slots[step->op->n_slots - 1] = (double)kt->random_step;
    }
    return kt_record(kt, step->op, in, step->n_in, attr, slots);
}

static kt_tensor *functional_call(kt_layer *self, const kt_call_args *args)
{
    kt_functional *f = self->state;
    kt_context *kt = kt_layer_context(self);
    kt_tensor *in[255];
    if (!f) return NULL;
    if ((size_t)args->n_inputs != f->n_inputs) {
        kt_fail_at(kt, KT_ERR_VALUE, "Functional", "expected %zu inputs, got %d; call it with kt_call_layer_many",
                   f->n_inputs, args->n_inputs);
        return NULL;
    }
    for (size_t i = 0; i < f->n_inputs; i++) {
        if (check_input(self, f, i, kt_desc_of(args->inputs[i])) != KT_OK) return NULL;
        f->values[i] = args->inputs[i];
    }
    int64_t batch = kt_rank(args->inputs[0]) > 0 ? kt_dim(args->inputs[0], 0) : 1;
    for (size_t s = 0; s < f->n_steps; s++) {
        const kt_graph_step *step = &f->steps[s];
        for (int i = 0; i < step->n_in; i++)
            in[i] = step->in[i] >= 0 ? f->values[step->in[i]] : f->constants[-1 - step->in[i]];
        kt_tensor *y = step->layer ? kt_call_layer_many(step->layer, in, step->n_in) : run_op(kt, step, in, batch);
        if (!y) return NULL;
        for (int i = 0; i < step->n_out; i++) f->values[step->out + i] = kt_output(y, i);
    }
    return f->values[f->output];
}

static void functional_release(kt_layer *self)
{
    kt_functional *f = self->state;
    if (f) kt_arena_free(&f->memory);
}

const kt_layer_class kt_functional_class = { .name = "Functional",
                                             .call_with = functional_call,
                                             .release = functional_release };
