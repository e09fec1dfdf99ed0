/* SPDX-License-Identifier: MIT */
/* graph/program.c: record once, run many times: how fit, evaluate and predict drive the engine.
 *
 * A program is a plan with its own buffers for inputs and wanted values. A run copies a few pointers and goes through the
 * steps: no recording, no look-up, no allocation. Constants of the host that were recorded are copied into the program.
 */
#include "graph/graph.h"

#include <string.h>

typedef struct kt_program_observed {
    kt_deliver *deliver;
    void *user;
    char *tag;
    int64_t step;
    kt_desc desc;
    void *host; /* where the value is brought to */
} kt_program_observed;

typedef struct kt_program_input {
    uint32_t value;      /* id in the plan; KT_NONE: nobody reads it */
    kt_desc desc;
    void *buffer;        /* the program's own, where the host's memory cannot be used in place */
} kt_program_input;

struct kt_program {
    kt_object object;
    kt_context *kt;
    kt_plan *plan;
    kt_arena host;       /* structs, texts and host copies */
    kt_arena device;     /* buffers of the back-end */
    kt_program_input *inputs;   int n_inputs;
    int n_wanted;
    uint32_t *wanted;    /* value ids; KT_NONE for NULL */
    kt_desc *wanted_desc;
    void **own;          /* wanted values' own buffers */
    void **place;        /* where they go: own or the caller's */
    kt_program_observed *observed;
};

kt_status kt_capture_begin(kt_context *kt)
{
    if (kt->status != KT_OK) return kt->status;
    kt_graph *graph = kt->graph;
    if (kt->config.run_eagerly) return KT_ERR_STATE;
    if (graph->capturing)
        return kt_fail_at(kt, KT_ERR_STATE, NULL, "a training step is being recorded already: fit was called inside a layer or loss");
    if (kt_recording_close(kt, NULL, 0, false) != KT_OK) return kt->status;
    if (!kt_scope_begin(kt)) return kt->status;
    graph->capturing = true;
    graph->n_inputs = 0;
    kt->captures++;
    return KT_OK;
}

kt_tensor *kt_capture_input(kt_context *kt, const kt_desc *desc)
{
    kt_graph *graph = kt->graph;
    kt_tensor *input = kt->status == KT_OK ? kt_leaf_new(kt, graph->scope, desc, NULL) : NULL;
    if (!input) return NULL;
    if (!kt_grow(&kt->heap, &graph->inputs, &graph->inputs_capacity, graph->n_inputs + 1, sizeof *graph->inputs)) {
        kt_no_memory(kt);
        return NULL;
    }
    graph->inputs[graph->n_inputs++] = input;
    return input;
}

void kt_capture_abandon(kt_context *kt)
{
    kt_graph *graph = kt->graph;
    if (!graph->capturing) return;
    graph->capturing = false;
    kt_recording_reset(kt);
    uint64_t step = kt->random_step;
    kt_scope_end(kt, graph->scope);
    kt->random_step = step; /* recording is no step */
}

static void *device_take(void *user, size_t bytes)
{
    kt_context *kt = user;
    return kt->backend->allocate(kt, bytes);
}

static void device_give(void *user, void *block)
{
    kt_context *kt = user;
    kt->backend->release(kt, block);
}

static void program_release(kt_context *kt, kt_object *object)
{
    kt_program *program = (kt_program *)object;
    kt_plan_free(program->plan);
    kt_arena_free(&program->host);
    kt_arena_free(&program->device);
    kt_give(kt, program);
}

void kt_program_free(kt_program *program)
{
    if (!program) return;
    kt_disown(&program->object);
    program_release(program->kt, &program->object);
}

static void *device_buffer(kt_program *program, const kt_desc *desc)
{
    size_t bytes = kt_desc_elements(desc) * kt_storage_size(program->kt->backend, desc->dtype);
    void *at = kt_arena_take_aligned(&program->device, bytes ? bytes : 1);
    if (!at) kt_no_memory(program->kt);
    return at;
}

/* Recorded constants of the host live on in the program; inputs are told apart by their missing value. */
static kt_status take_leaves(kt_program *program)
{
    kt_context *kt = program->kt;
    kt_graph *graph = kt->graph;
    kt_plan *plan = program->plan;
    bool plain = kt->backend->flags & KT_BACKEND_PLAIN;
    plan->leaf_inputs = kt_arena_take(&plan->memory, (plan->n_leaves + 1) * sizeof *plan->leaf_inputs);
    if (!plan->leaf_inputs) return kt_no_memory(kt);
    for (int i = 0; i < program->n_inputs; i++) {
        kt_program_input *input = &program->inputs[i];
        *input = (kt_program_input){ .value = KT_NONE, .desc = graph->inputs[i]->desc };
        if (!plain && !(input->buffer = device_buffer(program, &input->desc))) return kt->status;
    }
    for (uint32_t l = 0; l < plan->n_leaves; l++) {
        uint32_t v = plan->leaves[l];
        plan->leaf_inputs[l] = -1;
        const kt_tensor *leaf = &graph->trace.leaves[plan->values[v].at >> 8]->out[plan->values[v].at & 255];
        if (leaf->value) {
            size_t bytes = plan->values[v].bytes;
            void *copy = device_buffer(program, &leaf->desc);
            void *through = copy ? kt_arena_take(&program->host, bytes + 1) : NULL;
            if (!through) return kt_no_memory(kt);
            kt->backend->read(kt, leaf->value, through, bytes);
            kt->backend->write(kt, copy, through, bytes);
            plan->address[v] = copy;
            continue;
        }
        for (int i = 0; i < program->n_inputs; i++)
            if (graph->inputs[i] == leaf) {
                program->inputs[i].value = v;
                plan->leaf_inputs[l] = i;
                plan->address[v] = program->inputs[i].buffer;
            }
    }
    return KT_OK;
}

static kt_status take_observations(kt_program *program)
{
    kt_context *kt = program->kt;
    const kt_recording *trace = &kt->graph->trace;
    for (size_t i = 0; i < trace->n_observed; i++) {
        const kt_observation *o = &trace->observed[i];
        size_t bytes = strlen(o->tag) + 1;
        const kt_desc *desc = &o->value->desc;
        kt_program_observed *kept = &program->observed[i];
        *kept = (kt_program_observed){ o->deliver, o->user, kt_arena_take(&program->host, bytes), o->step, *desc,
                                       kt_arena_take(&program->host, kt_desc_elements(desc) * kt_dtype_size(desc->dtype) + 1) };
        if (!kept->tag || !kept->host) return kt_no_memory(kt);
        memcpy(kept->tag, o->tag, bytes);
    }
    return KT_OK;
}

static kt_status fill_program(kt_program *program, kt_tensor *const *wanted, int n)
{
    kt_context *kt = program->kt;
    kt_graph *graph = kt->graph;
    kt_arena *host = &program->host;
    program->n_inputs = (int)graph->n_inputs;
    program->n_wanted = n;
    program->inputs = kt_arena_zeroed(host, graph->n_inputs + 1, sizeof *program->inputs);
    program->wanted = kt_arena_zeroed(host, (size_t)n + 1, sizeof *program->wanted);
    program->wanted_desc = kt_arena_zeroed(host, (size_t)n + 1, sizeof *program->wanted_desc);
    program->own = kt_arena_zeroed(host, (size_t)n + 1, sizeof *program->own);
    program->place = kt_arena_zeroed(host, (size_t)n + 1, sizeof *program->place);
    program->observed = kt_arena_zeroed(host, graph->trace.n_observed + 1, sizeof *program->observed);
    kt_tensor **hold = kt_arena_zeroed(host, (size_t)n + 1, sizeof *hold);
    if (!program->inputs || !program->wanted || !program->wanted_desc || !program->own || !program->place ||
        !program->observed || !hold)
        return kt_no_memory(kt);
    size_t n_hold = 0;
    for (int i = 0; i < n; i++) { /* what lies in variables or inputs is copied, so that it stays as it was in this run */
        kt_tensor *x = wanted[i];
        kt_variable_state *variable = kt_variable_of(x);
        if (variable) x = kt_variable_read(variable);
        if (!x) continue;
        if (x->node->variable || x->node->state == KT_HELD) x = kt_record(kt, &kt_op_copy, &x, 1, NULL, NULL);
        if (!x || kt_recording_import(kt, x) != KT_OK) return kt->status;
        program->wanted_desc[i] = x->desc;
        program->wanted[i] = (uint32_t)n_hold + 1;
        hold[n_hold++] = x;
    }
    if (kt->status != KT_OK) return kt->status;
    program->plan = kt_plan_compile(kt, hold, n_hold);
    if (!program->plan) return kt->status;
    for (int i = 0; i < n; i++) {
        uint32_t h = program->wanted[i];
        program->wanted[i] = h ? program->plan->values[program->plan->outputs[h - 1]].root : KT_NONE;
        for (int j = 0; h && j < i && !program->own[i]; j++)
            if (program->wanted[j] == program->wanted[i]) program->own[i] = program->own[j];
        if (h && !program->own[i] && !(program->own[i] = device_buffer(program, &program->wanted_desc[i]))) return kt->status;
        program->place[i] = program->own[i];
        if (h) program->plan->address[program->wanted[i]] = program->own[i];
    }
    if (take_leaves(program) != KT_OK || take_observations(program) != KT_OK) return kt->status;
    kt_remark(kt, "program made: %u steps, %zu bytes, %zu nodes recorded", (unsigned)program->plan->n_steps,
              program->plan->arena_bytes, graph->trace.n_nodes);
    return KT_OK;
}

kt_program *kt_capture_end(kt_context *kt, kt_tensor *const *wanted, int n_wanted)
{
    if (!kt->graph->capturing) return NULL;
    kt_program *program = kt->status == KT_OK ? kt_take_zeroed(kt, 1, sizeof *program) : NULL;
    if (program) {
        program->kt = kt;
        kt_arena_init(&program->host, &kt->heap, 2048);
        kt_arena_init(&program->device, &kt->heap, 4096);
        program->device.take = device_take;
        program->device.give = device_give;
        program->device.user = kt;
        kt_own(kt, &program->object, program_release);
        if (fill_program(program, wanted, n_wanted) != KT_OK) {
            kt_program_free(program);
            program = NULL;
        }
    }
    kt_capture_abandon(kt);
    return program;
}

kt_status kt_program_output(kt_program *program, int i, void *to)
{
    if (!(program->kt->backend->flags & KT_BACKEND_PLAIN)) return KT_ERR_UNSUPPORTED;
    if (i < 0 || i >= program->n_wanted || program->wanted[i] == KT_NONE) return KT_ERR_VALUE;
    program->place[i] = to ? to : program->own[i];
    program->plan->address[program->wanted[i]] = program->place[i];
    return KT_OK;
}

static kt_status deliver_observed(kt_program *program)
{
    kt_plan *plan = program->plan;
    for (uint32_t i = 0; i < plan->n_observed; i++) {
        kt_program_observed *o = &program->observed[i];
        if (kt_load(program->kt, plan->address[plan->observed[i]], o->desc.dtype, o->host, o->desc.dtype,
                    kt_desc_elements(&o->desc)) != KT_OK)
            return program->kt->status;
        o->deliver(o->user, o->tag, o->step, &o->desc, o->host);
    }
    return KT_OK;
}

kt_status kt_program_run(kt_program *program, const void *const *inputs, bool advance)
{
    kt_context *kt = program->kt;
    kt_graph *graph = kt->graph;
    kt_plan *plan = program->plan;
    if (kt->status != KT_OK) return kt->status;
    if (graph->capturing)
        return kt_fail_at(kt, KT_ERR_STATE, NULL, "a model was run while a training step is being recorded: call it with kt_call instead");
    if (graph->trace.n_nodes + graph->trace.n_assigned + graph->trace.n_observed &&
        kt_recording_close(kt, NULL, 0, false) != KT_OK)
        return kt->status;
    if (plan->generation != graph->generation && kt_plan_ready(plan) != KT_OK) return kt->status;
    for (int i = 0; i < program->n_inputs; i++) {
        const kt_program_input *input = &program->inputs[i];
        if (input->value == KT_NONE) continue;
        if (!input->buffer) {
            uintptr_t address = (uintptr_t)inputs[i]; /* leaves are never written */
            plan->address[input->value] = (void *)address;
        } else if (kt_store(kt, input->buffer, input->desc.dtype, inputs[i], input->desc.dtype,
                            kt_desc_elements(&input->desc)) != KT_OK)
            return kt->status;
    }
    for (uint32_t i = 0; i < plan->n_random; i++) plan->slots[plan->steps_of_random[i]] = (double)kt->random_step;
    if (kt_plan_run(plan) != KT_OK) return kt->status;
    for (uint32_t i = 0; i < plan->n_variables; i++)
        if (plan->variables[i].assigned != KT_NONE) plan->variables[i].variable->version++;
    graph->trace.id++; /* reads of the old versions are not used again */
    if (advance) kt->random_step++;
    return plan->n_observed ? deliver_observed(program) : KT_OK;
}

kt_status kt_program_read(kt_program *program, int i, void *to, kt_dtype dtype, int64_t count)
{
    kt_context *kt = program->kt;
    if (i < 0 || i >= program->n_wanted || program->wanted[i] == KT_NONE || count != kt_desc_count(&program->wanted_desc[i]))
        return kt_fail(kt, KT_ERR_INTERNAL, "program: value %d was read as %lld elements, which it has not", i, (long long)count);
    return kt_load(kt, program->place[i], program->wanted_desc[i].dtype, to, dtype, (size_t)count);
}

const kt_desc *kt_program_desc(const kt_program *program, int i)
{
    return i >= 0 && i < program->n_wanted ? &program->wanted_desc[i] : NULL;
}

const kt_plan *kt_program_plan(const kt_program *program) { return program->plan; }

size_t kt_program_dump(const kt_program *program, char *to, size_t size)
{
    return kt_plan_dump(program->plan, to, size);
}
