/* SPDX-License-Identifier: MIT */
/* graph/fuse.c: chains of element-wise steps become one step that runs them tile by tile.
 *
 * Steps are visited in order. An element-wise step joins the group of one of its producers when both work on the same number of
 * elements and nobody outside the group that comes before the step needs the group's results; otherwise it opens a group. Views are
 * looked through. Broadcasts of numbers, rows and columns are ways of loading, not steps; scalars and constants are operands. A sum over
 * everything may stand in a group. Single numbers (loss, metrics, counters) share groups even when they have nothing to do with each
 * other. A group runs where its last member stood. Every instruction rounds as its row does, sums keep the order of the sum row: the
 * bits stay.
 */
#include "graph/graph.h"

#include <string.h>

#include "ops/fused.h"
#include "ops/ops.h"

static kt_status infer_never(kt_infer *q)
{
    return kt_infer_fail(q, KT_ERR_INTERNAL, "this row is made by the fusion pass and cannot be applied");
}

const kt_op kt_op_fused = { .name = "fused", .n_in = -1, .n_out = 1, .attr_size = sizeof(kt_fused_attr), .id = KT_OP_ID_FUSED,
                            .infer = infer_never };

typedef struct kt_group {
    uint32_t members[KT_FUSED_INSTRUCTIONS];
    uint32_t n;
    int64_t count;
} kt_group;

typedef struct kt_fuser {
    kt_plan *plan;
    kt_group *groups;
    uint32_t n_groups;
    uint32_t *group_of;  /* step -> group + 1 */
    uint32_t *first_outside; /* group -> earliest step outside that reads one of its results */
    uint8_t *kept;       /* value is asked for, observed or assigned */
} kt_fuser;

static int64_t count_of(const kt_plan *plan, uint32_t v)
{
    return (int64_t)kt_desc_elements(&plan->values[v].desc);
}

/* How a broadcast reads its operand; KT_FUSED_CONST: not in any way the interpreter knows. */
static enum kt_fused_mode broadcast_mode(const kt_desc *x, const kt_desc *y, int64_t *period)
{
    int64_t n = (int64_t)kt_desc_elements(x);
    int lead = y->rank - x->rank, first = -1, last = -1;
    if (n == 1) return KT_FUSED_SCALAR;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] != 1) {
            if (first < 0) first = i + lead;
            last = i + lead;
        }
    for (int i = first; i <= last; i++)
        if (x->dim[i - lead] != y->dim[i]) return KT_FUSED_CONST;
    int64_t before = 1, after = 1;
    for (int i = 0; i < first; i++) before *= y->dim[i];
    for (int i = last + 1; i < y->rank; i++) after *= y->dim[i];
    if (before == 1 && after == 1) return KT_FUSED_FULL;
    if (after == 1) {
        *period = n;
        return KT_FUSED_ROW;
    }
    if (before == 1) {
        *period = after;
        return KT_FUSED_COLUMN;
    }
    return KT_FUSED_CONST;
}

static bool fusable_dtype(kt_dtype dtype)
{
    return dtype == KT_FLOAT32 || dtype == KT_FLOAT64 || dtype == KT_INT32 || dtype == KT_INT64 || dtype == KT_BOOL;
}

static bool is_load(const kt_step *step)
{
    return step->op == &kt_op_scalar || step->op == &kt_op_fill;
}

typedef struct kt_source { /* where the elements of a value really come from */
    uint32_t value;
    enum kt_fused_mode mode;
    int64_t period;
} kt_source;

/* Through views, which keep the flat order, and through one broadcast. */
static kt_source look_through(const kt_plan *plan, uint32_t v)
{
    kt_source s = { v, KT_FUSED_FULL, 0 };
    for (;;) {
        uint32_t p = plan->values[s.value].producer;
        const kt_step *step = p == KT_NONE ? NULL : &plan->steps[p];
        if (!step || step->dead) return s;
        if (step->op->flags & KT_OP_VIEW) {
            s.value = step->in[0];
        } else if (step->op == &kt_op_broadcast_to && s.mode == KT_FUSED_FULL) {
            int64_t period = 0;
            enum kt_fused_mode mode = broadcast_mode(&plan->values[step->in[0]].desc, &plan->values[step->out[0]].desc, &period);
            if (mode == KT_FUSED_CONST) return s;
            s = (kt_source){ step->in[0], mode, period };
        } else return s;
    }
}

static bool is_sum_of_all(const kt_plan *plan, const kt_step *step)
{
    kt_dtype dtype = plan->values[step->out[0]].desc.dtype;
    return step->op == &kt_op_sum && kt_is_float(dtype) && count_of(plan, step->out[0]) == 1 && count_of(plan, step->in[0]) > 1;
}

static bool fusable(const kt_plan *plan, const kt_step *step)
{
    if (step->dead || step->n_out != 1 || step->n_in > 3 || step->op->id <= 0) return false;
    bool good = is_sum_of_all(plan, step) ||
                (step->op->flags & KT_OP_ELEMENTWISE && step->n_in > 0 && step->op != &kt_op_broadcast_to);
    for (uint32_t i = 0; i < step->n_in && good; i++) good = fusable_dtype(plan->values[step->in[i]].desc.dtype);
    return good && fusable_dtype(plan->values[step->out[0]].desc.dtype);
}

/* The number of elements a step's group works on. */
static int64_t range_of(const kt_plan *plan, const kt_step *step)
{
    return count_of(plan, is_sum_of_all(plan, step) ? step->in[0] : step->out[0]);
}

static bool may_join(const kt_fuser *f, uint32_t g, uint32_t s)
{
    const kt_group *group = &f->groups[g];
    const kt_step *step = &f->plan->steps[s];
    if (group->n + 1 >= KT_FUSED_INSTRUCTIONS - 8 || group->count != range_of(f->plan, step)) return false;
    return f->first_outside[g] > s;
}

/* Step s reads value v: whoever made v in a group can no longer be moved behind s by later members. */
static void note_reader(kt_fuser *f, uint32_t v, uint32_t s)
{
    uint32_t p = f->plan->values[look_through(f->plan, v).value].producer;
    if (p == KT_NONE || !f->group_of[p]) return;
    uint32_t g = f->group_of[p] - 1;
    if (f->group_of[s] != g + 1 && s < f->first_outside[g]) f->first_outside[g] = s;
}

static uint32_t choose_group(kt_fuser *f, uint32_t s)
{
    const kt_step *step = &f->plan->steps[s];
    for (uint32_t i = 0; i < step->n_in; i++) {
        uint32_t p = f->plan->values[look_through(f->plan, step->in[i]).value].producer;
        if (p == KT_NONE || !f->group_of[p]) continue;
        if (may_join(f, f->group_of[p] - 1, s)) return f->group_of[p] - 1;
    }
    if (range_of(f->plan, step) != 1) return KT_NONE;
    for (uint32_t g = f->n_groups; g-- > 0;)
        if (may_join(f, g, s)) return g;
    return KT_NONE;
}

static kt_status group_steps(kt_fuser *f)
{
    kt_plan *plan = f->plan;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        const kt_step *step = &plan->steps[s];
        if (step->dead) continue;
        if (fusable(plan, step)) {
            uint32_t g = choose_group(f, s);
            bool opens = g == KT_NONE && !is_sum_of_all(plan, step);
            if (opens) {
                g = f->n_groups++;
                f->groups[g] = (kt_group){ .count = range_of(plan, step) };
                f->first_outside[g] = KT_NONE;
            }
            if (g != KT_NONE) {
                kt_group *group = &f->groups[g];
                group->members[group->n++] = s;
                f->group_of[s] = g + 1;
            }
        }
        bool view = step->op->flags & KT_OP_VIEW; /* read where its readers stand, which look through it */
        for (uint32_t i = 0; i < step->n_in && !view; i++) note_reader(f, step->in[i], s);
    }
    return KT_OK;
}

/* ---- writing the program of a group ---- */

typedef struct kt_emitter {
    kt_fuser *f;
    kt_fused_attr attr;
    uint32_t inputs[KT_FUSED_OPERANDS];
    uint32_t n_inputs;
    uint32_t outputs[KT_FUSED_OUTPUTS];
    uint8_t *source;      /* value -> source number + 1 */
    uint32_t touched[KT_FUSED_INSTRUCTIONS + KT_FUSED_OPERANDS];
    uint32_t n_touched;
    bool full;
} kt_emitter;

static bool in_group(const kt_fuser *f, uint32_t v, uint32_t g)
{
    uint32_t p = f->plan->values[v].producer;
    return p != KT_NONE && f->group_of[p] == g + 1;
}

static void remember(kt_emitter *e, uint32_t v, int source)
{
    e->source[v] = (uint8_t)(source + 1);
    e->touched[e->n_touched++] = v;
}

static int operand(kt_emitter *e, uint32_t v, enum kt_fused_mode mode, int64_t period)
{
    kt_plan *plan = e->f->plan;
    kt_fused_attr *attr = &e->attr;
    if (attr->n_operands == KT_FUSED_OPERANDS) {
        e->full = true;
        return 0;
    }
    uint32_t p = plan->values[v].producer;
    const kt_step *load = p == KT_NONE ? NULL : &plan->steps[p];
    kt_fused_operand *o = &attr->operand[attr->n_operands];
    *o = (kt_fused_operand){ .mode = (uint8_t)mode, .dtype = (uint8_t)plan->values[v].desc.dtype, .period = period };
    if (load && !load->dead && is_load(load)) {
        o->mode = load->op == &kt_op_scalar ? KT_FUSED_SLOT : KT_FUSED_CONST;
        o->period = 0;
        if (o->mode == KT_FUSED_SLOT) o->slot = load->slot;
        else o->value = ((const kt_fill_attr *)load->attr)->value;
    } else {
        uint32_t i = 0;
        while (i < e->n_inputs && e->inputs[i] != v) i++;
        if (i == e->n_inputs) e->inputs[e->n_inputs++] = v;
        o->input = (uint16_t)i;
    }
    return attr->n_operands++;
}

/* The source that stands for value v: a register if the group makes it, else an operand. */
static int source_of(kt_emitter *e, uint32_t g, uint32_t v)
{
    kt_source s = look_through(e->f->plan, v);
    if (in_group(e->f, s.value, g)) return e->source[s.value] - 1; /* then both have as many elements: the mode is FULL */
    if (e->source[v]) return e->source[v] - 1;
    enum kt_fused_mode mode = e->attr.count == 1 ? KT_FUSED_SCALAR : s.mode;
    int number = operand(e, s.value, mode, s.period);
    remember(e, v, number);
    return number;
}

/* Operands first, because registers are numbered after them. */
static void collect_operands(kt_emitter *e, uint32_t g)
{
    const kt_group *group = &e->f->groups[g];
    kt_plan *plan = e->f->plan;
    for (uint32_t m = 0; m < group->n; m++) {
        const kt_step *step = &plan->steps[group->members[m]];
        for (uint32_t i = 0; i < step->n_in; i++)
            if (!in_group(e->f, look_through(plan, step->in[i]).value, g)) source_of(e, g, step->in[i]);
    }
}

/* A view or broadcast whose readers are all members of the group is looked through: nobody reads it in memory. */
static bool reads_memory(const kt_fuser *f, uint32_t s, uint32_t g)
{
    const kt_step *step = &f->plan->steps[s];
    if (!(step->op->flags & KT_OP_VIEW) && step->op != &kt_op_broadcast_to) return true;
    if (f->kept[step->out[0]] || look_through(f->plan, step->out[0]).value == step->out[0]) return true;
    for (uint32_t r = s + 1; r < f->plan->n_steps; r++) {
        const kt_step *reader = &f->plan->steps[r];
        for (uint32_t i = 0; !reader->dead && i < reader->n_in; i++)
            if (reader->in[i] == step->out[0] && f->group_of[r] != g + 1 && reads_memory(f, r, g)) return true;
    }
    return false;
}

static bool read_outside(const kt_fuser *f, uint32_t v, uint32_t g)
{
    if (f->kept[v]) return true;
    for (uint32_t s = 0; s < f->plan->n_steps; s++) {
        const kt_step *step = &f->plan->steps[s];
        for (uint32_t i = 0; !step->dead && f->group_of[s] != g + 1 && i < step->n_in; i++)
            if (step->in[i] == v && reads_memory(f, s, g)) return true;
    }
    return false;
}

/* Instructions, with registers given back when their last reader has run. */
static bool emit(kt_emitter *e, uint32_t g)
{
    const kt_group *group = &e->f->groups[g];
    kt_plan *plan = e->f->plan;
    kt_fused_attr *attr = &e->attr;
    attr->count = group->count;
    collect_operands(e, g);
    if (e->full) return false;
    uint32_t last_use[KT_FUSED_INSTRUCTIONS], holds[KT_FUSED_REGISTERS];
    bool stored[KT_FUSED_INSTRUCTIONS];
    for (int r = 0; r < KT_FUSED_REGISTERS; r++) holds[r] = KT_NONE;
    uint32_t sums[KT_FUSED_OUTPUTS], n_sums = 0;
    for (uint32_t m = 0; m < group->n; m++) {
        const kt_step *step = &plan->steps[group->members[m]];
        last_use[m] = m;
        bool sum = is_sum_of_all(plan, step);
        stored[m] = !sum && read_outside(e->f, step->out[0], g);
        for (uint32_t k = 0; k < m; k++)
            for (uint32_t i = 0; i < step->n_in; i++)
                if (plan->steps[group->members[k]].out[0] == look_through(plan, step->in[i]).value && last_use[k] != KT_NONE)
                    last_use[k] = sum ? KT_NONE : m;
    }
    for (uint32_t m = 0; m < group->n; m++) {
        const kt_step *step = &plan->steps[group->members[m]];
        uint32_t out = step->out[0];
        if (is_sum_of_all(plan, step)) {
            sums[n_sums++] = m;
            continue;
        }
        for (int r = 0; r < KT_FUSED_REGISTERS; r++) /* whose last reader has run */
            if (holds[r] != KT_NONE && !stored[holds[r]] && last_use[holds[r]] < m) holds[r] = KT_NONE;
        int r = 0;
        while (r < KT_FUSED_REGISTERS && holds[r] != KT_NONE) r++;
        if (r == KT_FUSED_REGISTERS) return false;
        holds[r] = m;
        if (r >= attr->n_registers) attr->n_registers = r + 1;
        kt_fused_instruction *ins = &attr->instruction[attr->n_instructions++];
        uint32_t data = step->op == &kt_op_where ? 1 : 0;
        *ins = (kt_fused_instruction){ .op = (uint16_t)step->op->id, .from = (uint8_t)plan->values[step->in[data]].desc.dtype,
                                       .to = (uint8_t)plan->values[out].desc.dtype, .result = (uint8_t)r };
        for (uint32_t i = 0; i < step->n_in; i++) ins->source[i] = (uint8_t)source_of(e, g, step->in[i]);
        remember(e, out, attr->n_operands + r);
        if (stored[m]) {
            if (attr->n_outputs == KT_FUSED_OUTPUTS) return false;
            e->outputs[attr->n_outputs] = out;
            attr->output[attr->n_outputs++] = (uint8_t)(attr->n_operands + r);
        }
    }
    for (uint32_t k = 0; k < n_sums; k++) {
        const kt_step *step = &plan->steps[group->members[sums[k]]];
        if (attr->n_outputs + attr->n_sums == KT_FUSED_OUTPUTS) return false;
        e->outputs[attr->n_outputs + attr->n_sums] = step->out[0];
        attr->output[attr->n_outputs + attr->n_sums++] = (uint8_t)source_of(e, g, step->in[0]);
    }
    return attr->n_outputs + attr->n_sums > 0;
}

/* A group is worth a step of its own when it replaces several, or when its only member has a broadcast folded in. */
static kt_status replace_group(kt_fuser *f, uint32_t g, uint8_t *source)
{
    kt_plan *plan = f->plan;
    kt_group *group = &f->groups[g];
    kt_emitter e = { .f = f, .source = source };
    memset(&e.attr, 0, sizeof e.attr);
    bool good = emit(&e, g);
    for (uint32_t i = 0; i < e.n_touched; i++) source[e.touched[i]] = 0;
    if (!good) {
        for (uint32_t m = 0; m < group->n; m++) f->group_of[group->members[m]] = 0;
        return KT_OK;
    }
    uint32_t place = group->members[group->n - 1], n_out = (uint32_t)(e.attr.n_outputs + e.attr.n_sums);
    const char *path = plan->steps[group->members[0]].path;
    uint8_t direction = plan->steps[group->members[0]].direction;
    kt_step *fresh = kt_plan_add_step(plan, &kt_op_fused, e.n_inputs, n_out, &e.attr, sizeof e.attr);
    if (!fresh) return plan->kt->status;
    fresh->path = path;
    fresh->direction = direction;
    memcpy(fresh->in, e.inputs, e.n_inputs * sizeof *e.inputs);
    memcpy(fresh->out, e.outputs, n_out * sizeof *e.outputs);
    for (uint32_t m = 0; m < group->n; m++) plan->steps[group->members[m]].dead = true;
    plan->steps[place] = *fresh;
    plan->n_steps--;
    for (uint32_t o = 0; o < n_out; o++) plan->values[e.outputs[o]].producer = place;
    return KT_OK;
}

kt_status kt_pass_fuse(kt_plan *plan)
{
    kt_arena *memory = &plan->memory;
    kt_fuser f = { .plan = plan, .groups = kt_arena_take(memory, (plan->n_steps + 1) * sizeof *f.groups),
                   .group_of = kt_arena_zeroed(memory, plan->n_steps + 1, sizeof *f.group_of),
                   .first_outside = kt_arena_take(memory, (plan->n_steps + 1) * sizeof *f.first_outside),
                   .kept = kt_arena_zeroed(memory, plan->n_values + 1, 1) };
    uint8_t *source = kt_arena_zeroed(memory, plan->n_values + 1, 1);
    if (!f.groups || !f.group_of || !f.first_outside || !f.kept || !source) return kt_no_memory(plan->kt);
    for (uint32_t i = 0; i < plan->n_outputs; i++) f.kept[plan->outputs[i]] = 1;
    for (uint32_t i = 0; i < plan->n_observed; i++) f.kept[plan->observed[i]] = 1;
    for (uint32_t i = 0; i < plan->n_variables; i++)
        if (plan->variables[i].assigned != KT_NONE) f.kept[plan->variables[i].assigned] = 1;
    if (group_steps(&f) != KT_OK) return plan->kt->status;
    for (uint32_t g = 0; g < f.n_groups; g++)
        if (replace_group(&f, g, source) != KT_OK) return plan->kt->status;
    kt_plan_sweep(plan);
    return KT_OK;
}
