/* SPDX-License-Identifier: MIT */
/* graph/dump.c: a plan as stable text: one line per step, one line of totals. No addresses, so that tests keep it.
 *
 *     0 dense        sequential/dense  a0 f32(32, 64) <- leaf0 v0 v1   [gemm] @0
 *
 * aN: a value in the arena, outN: asked for, leafN: brought in, vN: a variable.
 */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "ops/fused.h"
#include "ops/ops.h"

typedef struct kt_dump {
    char *to;
    size_t size, length;
} kt_dump;

static void put(kt_dump *d, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

static void put(kt_dump *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t left = d->length < d->size ? d->size - d->length : 0;
    int n = vsnprintf(left ? d->to + d->length : NULL, left, format, args);
    if (n > 0) d->length += (size_t)n;
    va_end(args);
}

static void put_value(kt_dump *d, const kt_plan *plan, uint32_t v, bool shape)
{
    static const char *const places[] = { "a", "leaf", "v", "out" };
    const kt_plan_value *value = &plan->values[v], *root = &plan->values[value->root];
    put(d, " %s%u", places[root->place], root->place == KT_IN_ARENA ? (unsigned)value->root
        : root->place == KT_IN_LEAF ? (unsigned)(root->at >> 8) : (unsigned)root->at);
    if (!shape) return;
    char dims[128];
    kt_text text = kt_text_in(dims, sizeof dims);
    kt_text_desc(&text, &value->desc);
    put(d, " %s%s", kt_dtype_name(value->desc.dtype), dims);
}

static void put_fused(kt_dump *d, const kt_fused_attr *attr)
{
    put(d, " {");
    for (int i = 0; i < attr->n_instructions; i++)
        put(d, "%s%s", i ? " " : "", kt_op_of(attr->instruction[i].op)->name);
    if (attr->n_sums) put(d, "%ssum x%d", attr->n_instructions ? " " : "", (int)attr->n_sums);
    put(d, "}");
}

size_t kt_plan_dump(const kt_plan *plan, char *to, size_t size)
{
    kt_dump d = { to, size, 0 };
    if (size) to[0] = 0;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        const kt_step *step = &plan->steps[s];
        put(&d, "%3u %s", (unsigned)s, step->op->name);
        if (step->op == &kt_op_fused) put_fused(&d, step->attr);
        if (step->path[0]) put(&d, " %s", step->path);
        for (uint32_t o = 0; o < step->n_out; o++) put_value(&d, plan, step->out[o], true);
        put(&d, " <-");
        for (uint32_t i = 0; i < step->n_in; i++) put_value(&d, plan, step->in[i], false);
        put(&d, " [%s]\n", step->provider->name);
    }
    put(&d, "%u steps, %zu bytes, %u variables, %u leaves\n", (unsigned)plan->n_steps, plan->arena_bytes,
        (unsigned)plan->n_variables, (unsigned)plan->n_leaves);
    return d.length;
}
