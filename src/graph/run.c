/* SPDX-License-Identifier: MIT */
/* graph/run.c: choosing providers, binding addresses, running a plan; what reference kernels see of it.
 *
 * Reference kernels compute floats in double and integers in int64_t. Where the back-end stores something else the accessors convert
 * on demand into the plan's scratch, and the runner converts outputs back. Only this file calls reference kernels.
 */
#include "graph/graph.h"

#include <math.h>
#include <string.h>

/* ---- conversion between element types, on the host ---- */

#define EACH(TO, EXPRESSION)                                   \
    do {                                                       \
        TO *y = to;                                            \
        for (size_t i = 0; i < n; i++) y[i] = EXPRESSION;      \
    } while (0)

/* Floats to integers: towards zero, held inside the range, NaN is 0. */
static int64_t whole(double v, double low, double high)
{
    return v != v ? 0 : v <= low ? (int64_t)low : v >= high ? (high > 9e18 ? INT64_MAX : (int64_t)high) : (int64_t)v;
}

#define CONVERT_FROM(FROM, IS_FLOAT)                                                                              \
    static void convert_##FROM(const FROM *x, void *to, kt_dtype dtype, size_t n)                                \
    {                                                                                                             \
        switch (dtype) {                                                                                          \
        case KT_FLOAT32: EACH(float, (float)x[i]); break;                                                         \
        case KT_FLOAT64: EACH(double, (double)x[i]); break;                                                       \
        case KT_INT32: EACH(int32_t, IS_FLOAT ? (int32_t)whole((double)x[i], INT32_MIN, INT32_MAX) : (int32_t)x[i]); break; \
        case KT_INT64: EACH(int64_t, IS_FLOAT ? whole((double)x[i], -9.3e18, 9.3e18) : (int64_t)x[i]); break;      \
        case KT_BOOL: EACH(uint8_t, (uint8_t)(x[i] != 0)); break;                                                 \
        case KT_UINT8: EACH(uint8_t, IS_FLOAT ? (uint8_t)whole((double)x[i], 0, 255) : (uint8_t)x[i]); break;     \
        case KT_DTYPE_DEFAULT: break;                                                                             \
        }                                                                                                         \
    }
CONVERT_FROM(float, 1)
CONVERT_FROM(double, 1)
CONVERT_FROM(int32_t, 0)
CONVERT_FROM(int64_t, 0)
CONVERT_FROM(uint8_t, 0)

void kt_convert(const void *from, kt_dtype from_dtype, void *to, kt_dtype to_dtype, size_t n)
{
    if (from_dtype == to_dtype) {
        if (n) memcpy(to, from, n * kt_dtype_size(to_dtype));
        return;
    }
    switch (from_dtype) {
    case KT_FLOAT32: convert_float(from, to, to_dtype, n); break;
    case KT_FLOAT64: convert_double(from, to, to_dtype, n); break;
    case KT_INT32: convert_int32_t(from, to, to_dtype, n); break;
    case KT_INT64: convert_int64_t(from, to, to_dtype, n); break;
    case KT_BOOL:
    case KT_UINT8: convert_uint8_t(from, to, to_dtype, n); break;
    case KT_DTYPE_DEFAULT: break;
    }
}

/* How this back-end stores a dtype. */
static kt_dtype stored(const kt_context *kt, kt_dtype dtype)
{
    if (!(kt->backend->flags & KT_BACKEND_WIDE)) return dtype;
    return kt_is_float(dtype) ? KT_FLOAT64 : KT_INT64;
}

/* On wide back-ends a float32 tensor's content need not be a float32; what comes from outside as another dtype is rounded to
 * the tensor's own first, as it would be elsewhere. */
kt_status kt_store(kt_context *kt, void *address, kt_dtype as, const void *data, kt_dtype from, size_t count)
{
    enum { PIECE = 1024 };
    unsigned char first[PIECE * 8], second[PIECE * 8];
    kt_dtype to = stored(kt, as);
    size_t size = kt_dtype_size(from), storage = kt_dtype_size(to);
    if (from == as && to == as) {
        if (count) kt->backend->write(kt, address, data, count * size);
        return KT_OK;
    }
    for (size_t i = 0; i < count; i += PIECE) {
        size_t n = count - i < PIECE ? count - i : PIECE;
        kt_convert((const unsigned char *)data + i * size, from, first, as, n);
        kt_convert(first, as, second, to, n);
        kt->backend->write(kt, (unsigned char *)address + i * storage, second, n * storage);
    }
    return KT_OK;
}

kt_status kt_load(kt_context *kt, const void *address, kt_dtype dtype, void *to, kt_dtype as, size_t count)
{
    enum { PIECE = 1024 };
    unsigned char piece[PIECE * 8];
    kt_dtype from = stored(kt, dtype);
    size_t storage = kt_dtype_size(from), size = kt_dtype_size(as);
    for (size_t i = 0; i < count; i += PIECE) {
        size_t n = count - i < PIECE ? count - i : PIECE;
        kt->backend->read(kt, (const unsigned char *)address + i * storage, piece, n * storage);
        kt_convert(piece, from, (unsigned char *)to + i * size, as, n);
    }
    return KT_OK;
}

/* ---- what kernels see ---- */

static void *host(const kt_run *r, void *address)
{
    return r->kt->backend->host ? r->kt->backend->host(address) : address;
}

static void *room(kt_run *r, size_t count, kt_dtype dtype)
{
    unsigned char *at = r->convert_at;
    r->convert_at += (count * kt_dtype_size(dtype) + 63) & ~(size_t)63;
    return at;
}

static const void *input_as(kt_run *r, int i, kt_dtype dtype)
{
    if (!r) return NULL;
    const kt_desc *desc = r->in_desc[i];
    kt_dtype from = stored(r->kt, desc->dtype);
    void *address = host(r, kt_run_address_in(r, i));
    if (from == dtype) return address;
    if (!r->in_converted[i]) {
        size_t count = kt_desc_elements(desc);
        r->in_converted[i] = room(r, count, dtype);
        kt_convert(address, from, r->in_converted[i], dtype, count);
    }
    return r->in_converted[i];
}

static void *output_as(kt_run *r, int i, kt_dtype dtype)
{
    if (!r) return NULL;
    const kt_desc *desc = r->out_desc[i];
    if (stored(r->kt, desc->dtype) == dtype) return host(r, kt_run_address_out(r, i));
    if (!r->converted[i]) {
        r->converted[i] = room(r, kt_desc_elements(desc), dtype);
        r->converted_as[i] = dtype;
    }
    return r->converted[i];
}

const double *kt_ref_in(kt_run *r, int i) { return input_as(r, i, KT_FLOAT64); }
double *kt_ref_out(kt_run *r, int i) { return output_as(r, i, KT_FLOAT64); }
const int64_t *kt_ref_in_int(kt_run *r, int i) { return input_as(r, i, KT_INT64); }
int64_t *kt_ref_out_int(kt_run *r, int i) { return output_as(r, i, KT_INT64); }
const float *kt_in_f32(kt_run *r, int i) { return input_as(r, i, KT_FLOAT32); }
float *kt_out_f32(kt_run *r, int i) { return output_as(r, i, KT_FLOAT32); }
const kt_desc *kt_run_in(const kt_run *r, int i) { return r ? r->in_desc[i] : NULL; }
const kt_desc *kt_run_out(const kt_run *r, int i) { return r ? r->out_desc[i] : NULL; }
int kt_run_n_in(const kt_run *r) { return r ? r->n_in : 0; }
const void *kt_run_attr(const kt_run *r) { return r ? r->attr : NULL; }
double kt_run_slot(const kt_run *r, int i) { return r ? r->slots[i] : 0; }
uint64_t kt_run_seed(const kt_run *r) { return r ? r->kt->config.seed : 0; }
int64_t kt_count(const kt_run *r) { return r ? (int64_t)kt_desc_elements(r->out_desc[0]) : 0; }

static kt_status run_reference(kt_run *r)
{
    unsigned char *start = r->convert_at;
    for (int i = 0; i < r->n_in; i++) r->in_converted[i] = NULL;
    for (int o = 0; o < r->n_out; o++) r->converted[o] = NULL;
    kt_status status = r->op->kernel(r);
    for (int o = 0; o < r->n_out; o++) {
        if (!r->converted[o]) continue;
        const kt_desc *desc = r->out_desc[o];
        kt_convert(r->converted[o], r->converted_as[o], host(r, kt_run_address_out(r, o)), stored(r->kt, desc->dtype),
                   kt_desc_elements(desc));
    }
    r->convert_at = start;
    return status;
}

static kt_status run_copy(kt_run *r)
{
    const kt_desc *desc = r->out_desc[0];
    void *to = host(r, kt_run_address_out(r, 0)), *from = host(r, kt_run_address_in(r, 0));
    size_t bytes = kt_desc_elements(desc) * kt_storage_size(r->kt->backend, desc->dtype);
    if (to != from && bytes) memcpy(to, from, bytes);
    return KT_OK;
}

static const kt_provider reference_provider = { .name = "reference", .run = run_reference };
static const kt_provider copy_provider = { .name = "copy", .run = run_copy };

void *kt_prepared(kt_step_info *info, size_t bytes)
{
    info->prepared = kt_heap_take_aligned(&info->kt->heap, bytes ? bytes : 1);
    if (!info->prepared) kt_no_memory(info->kt);
    else memset(info->prepared, 0, bytes);
    return info->prepared;
}

void kt_run_parallel(kt_run *r, void (*body)(void *arg, int64_t chunk, int thread), void *arg, int64_t chunks)
{
    kt_context *kt = r->kt;
    if (chunks > 1 && kt->config.parallel_for) kt->config.parallel_for(body, arg, chunks, kt->config.parallel_user);
    else if (chunks > 1 && kt->pool) kt_pool_run(kt->pool, body, arg, chunks);
    else
        for (int64_t i = 0; i < chunks; i++) body(arg, i, 0);
}

/* ---- making a plan ready ---- */

static kt_status choose_provider(kt_plan *plan, kt_step *step)
{
    kt_context *kt = plan->kt;
    const kt_desc **descs = kt_arena_take(&plan->memory, ((size_t)step->n_in + step->n_out + 1) * sizeof *descs);
    void **converted = kt_arena_zeroed(&plan->memory, (size_t)step->n_in + 1, sizeof *converted);
    if (!descs || !converted) return kt_no_memory(kt);
    size_t convert = 0;
    for (uint32_t i = 0; i < step->n_in + step->n_out; i++) {
        uint32_t v = i < step->n_in ? step->in[i] : step->out[i - step->n_in];
        descs[i] = &plan->values[v].desc;
        convert += (kt_desc_elements(descs[i]) * 8 + 63) & ~(size_t)63;
    }
    kt_step_info info = { .kt = kt, .op = step->op, .attr = step->attr, .n_in = (int)step->n_in, .n_out = (int)step->n_out,
                          .in = descs, .out = descs + step->n_in, .n_slots = (int)step->n_slots };
    const kt_provider *list = kt->backend->providers ? kt->backend->providers(kt, step->op) : NULL;
    step->provider = step->op == &kt_op_copy ? &copy_provider : NULL;
    for (; !step->provider && list && list->name; list++)
        if (!list->accept || list->accept(&info)) step->provider = list;
    if (step->provider && step->provider->prepare) {
        kt_status status = step->provider->prepare(&info);
        step->run.prepared = info.prepared;
        if (status != KT_OK)
            return kt_fail_at(kt, status, step->op->name, "provider '%s' could not prepare its step", step->provider->name);
    }
    if (!step->provider) {
        if (!step->op->kernel && !(kt->backend->flags & KT_BACKEND_IDLE))
            return kt_fail_at(kt, KT_ERR_UNSUPPORTED, step->op->name, "back-end '%s' has no kernel for this row and these shapes, and "
                              "the row has no reference kernel", kt->backend->name);
        step->provider = &reference_provider;
        info.scratch_bytes = convert;
    }
    if (info.scratch_bytes > plan->scratch_bytes) plan->scratch_bytes = info.scratch_bytes;
    if (info.thread_scratch_bytes > plan->thread_scratch_bytes) plan->thread_scratch_bytes = info.thread_scratch_bytes;
    uint32_t slot = step->op == &kt_op_fused ? 0 : step->slot;
    void *prepared = info.prepared;
    step->run = (kt_run){ .kt = kt, .op = step->op, .attr = step->attr, .n_in = info.n_in, .n_out = info.n_out,
                          .in = step->in, .out = step->out, .in_desc = info.in, .out_desc = info.out,
                          .slots = plan->slots + slot, .prepared = prepared, .in_converted = converted };
    return KT_OK;
}

/* Afterwards `steps` holds only what runs, and inputs are named by the value whose memory they are. */
kt_status kt_plan_prepare(kt_plan *plan)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        kt_step *step = &plan->steps[s];
        if (step->dead || step->op->flags & KT_OP_VIEW) continue;
        if (s != n) plan->steps[n] = *step;
        n++;
    }
    plan->n_steps = n;
    for (uint32_t s = 0; s < n; s++)
        if (choose_provider(plan, &plan->steps[s]) != KT_OK) return plan->kt->status;
    for (uint32_t s = 0; s < n; s++) {
        kt_step *step = &plan->steps[s];
        for (uint32_t i = 0; i < step->n_in; i++) step->in[i] = plan->values[step->in[i]].root;
    }
    for (uint32_t i = 0; i < plan->n_observed; i++) plan->observed[i] = plan->values[plan->observed[i]].root;
    plan->address = kt_arena_zeroed(&plan->memory, plan->n_values + 1, sizeof *plan->address);
    if (!plan->address) return kt_no_memory(plan->kt);
    for (uint32_t s = 0; s < n; s++) plan->steps[s].run.address = plan->address;
    return KT_OK;
}

kt_status kt_plan_ready(kt_plan *plan)
{
    kt_context *kt = plan->kt;
    kt_graph *graph = kt->graph;
    size_t threads = (size_t)(kt->config.threads > 0 ? kt->config.threads : 1);
    size_t per_thread = (plan->thread_scratch_bytes + 63) & ~(size_t)63;
    size_t shared = (plan->scratch_bytes + 63) & ~(size_t)63;
    size_t scratch = shared + threads * per_thread;
    if (plan->arena_bytes > graph->arena_bytes) {
        void *arena = kt->backend->allocate(kt, plan->arena_bytes);
        if (!arena) return kt_no_memory(kt);
        if (graph->arena) kt->backend->release(kt, graph->arena);
        graph->arena = arena;
        graph->arena_bytes = plan->arena_bytes;
        graph->generation++;
    }
    if (scratch > graph->scratch_bytes || !graph->scratch) {
        void *more = kt_heap_take_aligned(&kt->heap, scratch ? scratch : 64);
        if (!more) return kt_no_memory(kt);
        kt_heap_give_aligned(&kt->heap, graph->scratch);
        graph->scratch = more;
        graph->scratch_bytes = scratch;
        graph->generation++;
    }
    if (plan->generation == graph->generation) return KT_OK;
    plan->generation = graph->generation;
    for (uint32_t v = 0; v < plan->n_values; v++) {
        const kt_plan_value *value = &plan->values[v];
        if (value->root != v) continue;
        if (value->place == KT_IN_ARENA) plan->address[v] = (unsigned char *)graph->arena + value->offset;
        else if (value->place == KT_IN_VARIABLE) plan->address[v] = plan->variables[value->at].variable->buffer;
    }
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        kt_run *r = &plan->steps[s].run;
        r->scratch = graph->scratch;
        r->convert_at = graph->scratch;
        r->convert_end = (unsigned char *)graph->scratch + shared;
        r->thread_scratch = (unsigned char *)graph->scratch + shared;
        r->thread_scratch_bytes = per_thread;
    }
    return KT_OK;
}

/* ---- running ---- */

static bool all_finite(const kt_run *r, void *address, const kt_desc *desc)
{
    if (!kt_is_float(desc->dtype)) return true;
    size_t n = kt_desc_elements(desc);
    const void *data = host(r, address);
    bool wide = stored(r->kt, desc->dtype) == KT_FLOAT64;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(wide ? ((const double *)data)[i] : (double)((const float *)data)[i])) return false;
    return true;
}

/* The first op that makes something that is not finite out of finite inputs, named with its layer. */
static kt_status check(kt_plan *plan, const kt_step *step)
{
    const kt_run *r = &step->run;
    for (int o = 0; o < r->n_out; o++) {
        if (all_finite(r, kt_run_address_out(r, o), r->out_desc[o])) continue;
        bool inputs = true;
        for (int i = 0; i < r->n_in; i++) inputs = inputs && all_finite(r, kt_run_address_in(r, i), r->in_desc[i]);
        if (plan->kt->graph->fault) kt_fault_fill(plan, step, (uint32_t)o, inputs);
        char dims[128];
        kt_text text = kt_text_in(dims, sizeof dims);
        kt_text_desc(&text, r->out_desc[o]);
        return kt_fail(plan->kt, KT_ERR_NAN, "%s (%s): expected finite numbers, got a NaN or infinity in its result of shape %s, %s; "
                       "nothing was assigned in this step", step->path[0] ? step->path : "outside of layers", step->op->name, dims,
                       inputs ? "made from finite inputs: look at the range of this op's inputs"
                              : "which came in with its inputs: look at the data or the weights");
    }
    return KT_OK;
}

/* Variables already overwritten when step `failed` failed are said to be so: the step is torn. */
static kt_status fail_step(kt_plan *plan, const kt_step *failed, kt_status status)
{
    const kt_variable_state *torn = NULL;
    for (const kt_step *step = plan->steps; step < failed; step++)
        for (uint32_t o = 0; o < step->n_out; o++) {
            const kt_plan_value *value = &plan->values[step->out[o]];
            if (value->place == KT_IN_VARIABLE) {
                torn = plan->variables[value->at].variable;
                plan->variables[value->at].variable->version++;
            }
        }
    if (!torn) return kt_fail_at(plan->kt, status, failed->op->name, "its kernel failed; nothing was assigned in this step");
    return kt_fail_at(plan->kt, status, failed->op->name, "its kernel failed, and the step is torn: '%s' and what else was assigned before "
                      "have new values, the rest has old ones; load the last saved weights", torn->name);
}

kt_status kt_plan_run(kt_plan *plan)
{
    kt_context *kt = plan->kt;
    if (kt->backend->flags & KT_BACKEND_IDLE) return KT_OK;
    const kt_step *end = plan->steps + plan->n_steps;
    int64_t *moment = kt->graph->profilers ? kt_profile_moments(plan) : NULL;
    for (kt_step *step = plan->steps; step < end; step++) {
        if (moment) *moment++ = kt_profile_now();
        kt_status status = step->provider->run(&step->run);
        if (status == KT_OK && kt->config.check_numerics) status = check(plan, step);
        if (status != KT_OK) return fail_step(plan, step, status);
    }
    if (moment) {
        *moment = kt_profile_now();
        kt_profile_tell(plan);
    }
    return KT_OK;
}
