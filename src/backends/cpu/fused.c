/* SPDX-License-Identifier: MIT */
/* fused.c: element-wise work: a small interpreter that runs a chain of rows over tiles that stay in
 * the first-level cache.
 *
 * prepare decodes a kt_fused_attr into a frame, an array of pointers, and instructions that name
 * four places in it: result and operands. The frame's places are operands, then registers, then
 * outputs. Running is: point the frame at this step's memory; for each tile of 512 elements call
 * each instruction's loop; move the pointers of whole tensors on. Whoever writes an output last
 * writes straight into it. A single element-wise row is a program of one instruction and takes the
 * same road.
 *
 * What repeats (numbers, rows) is laid out once per run, columns once per tile. Sums add blocks of
 * KT_SUM_BLOCK elements and segments of KT_SUM_SEGMENT, as the reduction kernels do, so that fused
 * and unfused agree to the bit; a segment is the chunk that a thread takes, so any number of
 * threads agrees too. Programs that are too short to split have no chunks at all.
 */
#include <string.h>

#include "backends/cpu/cpu.h"
#include "ops/fused.h"
#include "ops/ops.h"

enum {
    TILE = KT_SUM_BLOCK,
    CHUNK = 16384, /* elements, where no sum asks for KT_SUM_SEGMENT */
    FRAME = KT_FUSED_OPERANDS + KT_FUSED_REGISTERS + KT_FUSED_OUTPUTS
};

typedef struct tile_instruction {
    kt_loop *run;
    uint8_t result, a, b, c; /* places in the frame */
} tile_instruction;

typedef struct tile_operand { /* one that has to be laid out: per run or per tile */
    uint8_t place, mode, dtype, size;
    uint16_t input;
    bool cyclic;        /* a row laid out once, tile + period elements: tiles begin inside */
    uint32_t slot;
    int64_t period;
    size_t offset;      /* of its room: in the shared scratch, or in the thread's */
} tile_operand;

typedef struct tile_bound { /* a place that is a tensor itself */
    uint8_t place, size;
    uint16_t number;    /* of the input or output */
} tile_bound;

typedef struct tile_sum {
    uint8_t place, output;
    bool wide;          /* float64 */
} tile_sum;

typedef struct tile_program {
    int64_t count, tile, chunk, chunks;
    bool split;
    uint8_t n_instructions, n_inputs, n_outputs, n_fixed, n_once, n_each, n_registers, n_sums;
    tile_bound inputs[KT_FUSED_OPERANDS], outputs[KT_FUSED_OUTPUTS];
    tile_operand once[KT_FUSED_OPERANDS], each[KT_FUSED_OPERANDS];
    tile_sum sums[KT_FUSED_OUTPUTS];
    struct {
        uint8_t place;
        size_t offset;
    } registers[KT_FUSED_REGISTERS], /* in the thread's scratch */
        fixed[KT_FUSED_OPERANDS];    /* behind this struct */
    size_t partials;    /* of segments: in the shared scratch */
    tile_instruction instructions[KT_FUSED_INSTRUCTIONS];
} tile_program;

/* ---- preparing ---- */

/* What one element costs on one thread, in nanoseconds: enough to decide about threads. */
static double cost_of(int op, kt_dtype dtype)
{
    switch (op) {
    case KT_OP_ID_exp:
    case KT_OP_ID_expm1:
    case KT_OP_ID_log:
    case KT_OP_ID_log1p:
    case KT_OP_ID_log2:
    case KT_OP_ID_log10:
    case KT_OP_ID_sin:
    case KT_OP_ID_cos:
    case KT_OP_ID_tan:
    case KT_OP_ID_tanh:
    case KT_OP_ID_erf:
    case KT_OP_ID_sigmoid:
    case KT_OP_ID_softplus:
    case KT_OP_ID_silu:
    case KT_OP_ID_binary_ce: return dtype == KT_FLOAT64 ? 8 : 0.75;
    case KT_OP_ID_pow:
    case KT_OP_ID_mod:
    case KT_OP_ID_arctan2:
    case KT_OP_ID_arcsin:
    case KT_OP_ID_arccos:
    case KT_OP_ID_arctan:
    case KT_OP_ID_sinh:
    case KT_OP_ID_cosh:
    case KT_OP_ID_arcsinh:
    case KT_OP_ID_arccosh:
    case KT_OP_ID_arctanh: return 8;
    default: return kt_dtype_size(dtype) == 8 ? 0.24 : 0.12;
    }
}

static kt_loop *loop_of(const kt_elementwise *e, const kt_fused_instruction *in)
{
    if (in->op >= KT_OP_COUNT || in->from >= KT_DTYPES || in->to >= KT_DTYPES) return NULL;
    return in->op == KT_OP_ID_cast ? e->cast[in->to][in->from] : e->row[in->op][in->from];
}

static bool fused_accept(const kt_step_info *info)
{
    const kt_fused_attr *a = info->attr;
    for (int i = 0; i < a->n_instructions; i++)
        if (!loop_of(kt_cpu_of(info->kt)->elementwise, &a->instruction[i])) return false;
    return true;
}

/* A single row as a program. */
static kt_fused_attr single(const kt_step_info *info)
{
    kt_fused_attr a = { .count = (int64_t)kt_desc_elements(info->out[0]),
                        .n_operands = info->n_in,
                        .n_instructions = 1,
                        .n_outputs = 1,
                        .n_registers = 1,
                        .output = { (uint8_t)info->n_in } };
    int data = info->op->id == KT_OP_ID_where ? 1 : 0;
    a.instruction[0] = (kt_fused_instruction){ .op = (uint16_t)info->op->id,
                                               .from = (uint8_t)info->in[data]->dtype,
                                               .to = (uint8_t)info->out[0]->dtype };
    for (int i = 0; i < info->n_in; i++) {
        a.operand[i] = (kt_fused_operand){ .mode = KT_FUSED_FULL,
                                           .dtype = (uint8_t)info->in[i]->dtype,
                                           .input = (uint16_t)i };
        a.instruction[0].source[i] = (uint8_t)i;
    }
    return a;
}

static bool elementwise_accept(const kt_step_info *info)
{
    kt_fused_attr a = single(info);
    return loop_of(kt_cpu_of(info->kt)->elementwise, &a.instruction[0]) != NULL;
}

/* Where one element is all there is, every tensor is read as it lies. */
static bool reads_tensor(const kt_fused_attr *a, const kt_fused_operand *o)
{
    return o->mode == KT_FUSED_FULL ||
           (a->count == 1 && o->mode != KT_FUSED_SLOT && o->mode != KT_FUSED_CONST);
}

typedef struct layout { /* bytes given out so far */
    size_t shared, thread, fixed;
} layout;

static size_t give(size_t *used, size_t bytes)
{
    size_t at = *used;
    *used += kt_cpu_round(bytes);
    return at;
}

static void place_operands(tile_program *p, const kt_fused_attr *a, layout *used)
{
    size_t tile = (size_t)(a->count < TILE ? a->count : TILE);
    for (int i = 0; i < a->n_operands; i++) {
        const kt_fused_operand *o = &a->operand[i];
        size_t size = kt_dtype_size((kt_dtype)o->dtype);
        tile_operand t = { .place = (uint8_t)i,
                           .mode = o->mode,
                           .dtype = o->dtype,
                           .size = (uint8_t)size,
                           .input = o->input,
                           .slot = o->slot,
                           .period = o->period };
        if (reads_tensor(a, o)) {
            p->inputs[p->n_inputs++] = (tile_bound){ (uint8_t)i, (uint8_t)size, o->input };
        } else if (o->mode == KT_FUSED_CONST) {
            p->fixed[p->n_fixed].place = (uint8_t)i;
            p->fixed[p->n_fixed++].offset = give(&used->fixed, tile * size);
        } else if (o->mode == KT_FUSED_ROW && o->period <= TILE) {
            t.cyclic = true;
            t.offset = give(&used->shared, (tile + (size_t)o->period) * size);
            p->once[p->n_once++] = t;
            if (TILE % o->period) p->each[p->n_each++] = t;
        } else if (o->mode == KT_FUSED_ROW || o->mode == KT_FUSED_COLUMN) {
            t.offset = give(&used->thread, tile * size);
            p->each[p->n_each++] = t;
        } else {
            t.offset = give(&used->shared, tile * size);
            p->once[p->n_once++] = t;
        }
    }
}

/* Registers that are stored at the end are outputs from their last writing on. */
static void place_instructions(tile_program *p, const kt_fused_attr *a, const kt_elementwise *e,
                               layout *used)
{
    int registers = a->n_operands, outputs = registers + a->n_registers;
    uint8_t at[FRAME], last[KT_FUSED_REGISTERS] = { 0 };
    uint8_t stored[KT_FUSED_REGISTERS] = { 0 }, size[KT_FUSED_REGISTERS] = { 0 };
    bool used_as_scratch[KT_FUSED_REGISTERS] = { false };
    for (int i = 0; i < outputs; i++) at[i] = (uint8_t)i;
    for (int i = 0; i < a->n_instructions; i++) last[a->instruction[i].result] = (uint8_t)(i + 1);
    for (int o = 0; o < a->n_outputs; o++) /* each has a register of its own */
        stored[a->output[o] - registers] = (uint8_t)(o + 1);
    for (int i = 0; i < a->n_instructions; i++) {
        const kt_fused_instruction *in = &a->instruction[i];
        tile_instruction *t = &p->instructions[p->n_instructions++];
        *t = (tile_instruction){ loop_of(e, in), 0, at[in->source[0]], at[in->source[1]],
                                 at[in->source[2]] };
        if (last[in->result] == i + 1 && stored[in->result]) {
            at[registers + in->result] = (uint8_t)(outputs + stored[in->result] - 1);
        } else {
            uint8_t bytes = (uint8_t)kt_dtype_size((kt_dtype)in->to);
            used_as_scratch[in->result] = true;
            if (bytes > size[in->result]) size[in->result] = bytes;
        }
        t->result = at[registers + in->result];
    }
    for (int k = 0; k < a->n_registers; k++) {
        if (!used_as_scratch[k]) continue;
        p->registers[p->n_registers].place = (uint8_t)(registers + k);
        p->registers[p->n_registers++].offset = give(&used->thread, (size_t)TILE * size[k]);
    }
    for (int s = 0; s < a->n_sums; s++) p->sums[s].place = at[a->output[a->n_outputs + s]];
}

static kt_status make_program(kt_step_info *info, const kt_fused_attr *a)
{
    const kt_elementwise *e = kt_cpu_of(info->kt)->elementwise;
    tile_program p = { .count = a->count,
                       .tile = TILE,
                       .n_outputs = (uint8_t)a->n_outputs,
                       .n_sums = (uint8_t)a->n_sums };
    layout used = { 0, 0, 0 };
    place_operands(&p, a, &used);
    for (int o = 0; o < a->n_outputs; o++)
        p.outputs[o] = (tile_bound){ (uint8_t)(a->n_operands + a->n_registers + o),
                                     (uint8_t)kt_dtype_size(info->out[o]->dtype), (uint16_t)o };
    for (int s = 0; s < a->n_sums; s++)
        p.sums[s] = (tile_sum){ 0, (uint8_t)(a->n_outputs + s),
                                info->out[a->n_outputs + s]->dtype == KT_FLOAT64 };
    place_instructions(&p, a, e, &used);
    double cost = 0;
    for (int i = 0; i < a->n_instructions; i++)
        cost += cost_of(a->instruction[i].op, (kt_dtype)a->instruction[i].from);
    p.chunk = a->n_sums ? KT_SUM_SEGMENT : CHUNK;
    p.chunks = (a->count + p.chunk - 1) / p.chunk;
    p.split = p.chunks > 1 && cost * (double)a->count > KT_CPU_SPLIT_NS;
    if (!p.split && !a->n_sums) {
        p.chunk = a->count;
        p.chunks = 1;
    }
    bool streams = !p.n_registers && !p.n_once && !p.n_each && !p.n_fixed && !p.n_sums;
    if (streams) p.tile = p.chunk; /* nothing to keep in the cache */
    if (p.chunks > 1)
        p.partials = give(&used.shared, (size_t)p.chunks * (size_t)a->n_sums * sizeof(double));
    info->scratch_bytes = used.shared;
    info->thread_scratch_bytes = used.thread;
    tile_program *kept = kt_prepared(info, kt_cpu_round(sizeof *kept) + used.fixed);
    if (!kept) return KT_ERR_MEMORY;
    *kept = p;
    int64_t filled = a->count < TILE ? a->count : TILE;
    for (int i = 0; i < p.n_fixed; i++) {
        const kt_fused_operand *o = &a->operand[p.fixed[i].place];
        int64_t number; /* room for any */
        kt_cpu_number((kt_dtype)o->dtype, o->value, &number);
        e->repeat[o->dtype]((unsigned char *)kept + kt_cpu_round(sizeof *kept) + p.fixed[i].offset,
                            &number, NULL, NULL, filled);
    }
    return KT_OK;
}

static kt_status fused_prepare(kt_step_info *info)
{
    return make_program(info, info->attr);
}

static kt_status elementwise_prepare(kt_step_info *info)
{
    kt_fused_attr a = single(info);
    return make_program(info, &a);
}

/* ---- running ---- */

typedef struct tile_run {
    kt_run *r;
    const tile_program *p;
    const kt_cpu *cpu;
    unsigned char *frame[FRAME]; /* at the first element; registers are set per thread */
} tile_run;

static void lay_out_once(const tile_run *t)
{
    const tile_program *p = t->p;
    kt_run *r = t->r;
    int64_t tile = p->count < TILE ? p->count : TILE;
    for (int i = 0; i < p->n_once; i++) {
        const tile_operand *o = &p->once[i];
        unsigned char *to = t->frame[o->place];
        if (o->mode == KT_FUSED_ROW) {
            size_t have = (size_t)o->period * o->size, want = (size_t)(tile + o->period) * o->size;
            memcpy(to, kt_run_address_in(r, o->input), have);
            for (; have < want; have += have)
                memcpy(to + have, to, have < want - have ? have : want - have);
            continue;
        }
        int64_t number;
        const void *from = &number;
        if (o->mode == KT_FUSED_SLOT) kt_cpu_number((kt_dtype)o->dtype, r->slots[o->slot], &number);
        else from = kt_run_address_in(r, o->input);
        t->cpu->elementwise->repeat[o->dtype](to, from, NULL, NULL, tile);
    }
}

/* The operands whose content or place is another in each tile: elements start .. start + n - 1. */
static void lay_out_tile(const tile_run *t, unsigned char **at, unsigned char *scratch,
                         int64_t start, int64_t n)
{
    for (int i = 0; i < t->p->n_each; i++) {
        const tile_operand *o = &t->p->each[i];
        int64_t inside = start % o->period, line = start / o->period;
        if (o->cyclic) {
            at[o->place] = (unsigned char *)t->r->scratch + o->offset + (size_t)inside * o->size;
            continue;
        }
        const unsigned char *from = kt_run_address_in(t->r, o->input);
        unsigned char *to = scratch + o->offset;
        if (o->mode == KT_FUSED_ROW) {
            if (inside + n <= o->period) { /* the loops do not write here */
                at[o->place] = (unsigned char *)(uintptr_t)from + (size_t)inside * o->size;
                continue;
            }
            /* n <= TILE < period: at most two pieces */
            size_t head = (size_t)(o->period - inside) * o->size;
            memcpy(to, from + (size_t)inside * o->size, head);
            memcpy(to + head, from, (size_t)n * o->size - head);
        } else {
            kt_loop *repeat = t->cpu->elementwise->repeat[o->dtype];
            for (int64_t done = 0; done < n; line++, inside = 0) {
                int64_t length = o->period - inside < n - done ? o->period - inside : n - done;
                repeat(to + (size_t)done * o->size, from + (size_t)line * o->size, NULL, NULL,
                       length);
                done += length;
            }
        }
        at[o->place] = to;
    }
}

/* Elements start .. end - 1 and their sums; `at` points at element `start`. */
static void run_range(const tile_run *t, unsigned char **at, unsigned char *scratch, int64_t start,
                      int64_t end, double *sums)
{
    const tile_program *p = t->p;
    const int64_t first = start;
    const tile_instruction *last = p->instructions + p->n_instructions;
    for (;;) {
        int64_t n = end - start < p->tile ? end - start : p->tile;
        if (p->n_each) lay_out_tile(t, at, scratch, start, n);
        for (const tile_instruction *in = p->instructions; in < last; in++)
            in->run(at[in->result], at[in->a], at[in->b], at[in->c], n);
        for (int s = 0; s < p->n_sums; s++) {
            const void *x = at[p->sums[s].place];
            double block = p->sums[s].wide ? t->cpu->kernels->sum_block_f64(x, n)
                                           : (double)t->cpu->kernels->sum_block(x, n);
            sums[s] = (start == first ? 0 : sums[s]) + block;
        }
        start += n;
        if (start >= end) return;
        for (int i = 0; i < p->n_inputs; i++)
            at[p->inputs[i].place] += (size_t)n * p->inputs[i].size;
        for (int i = 0; i < p->n_outputs; i++)
            at[p->outputs[i].place] += (size_t)n * p->outputs[i].size;
    }
}

static void set_registers(const tile_program *p, unsigned char **at, unsigned char *scratch)
{
    for (int i = 0; i < p->n_registers; i++)
        at[p->registers[i].place] = scratch + p->registers[i].offset;
}

static void run_chunk(void *arg, int64_t chunk, int thread)
{
    const tile_run *t = arg;
    const tile_program *p = t->p;
    unsigned char *at[FRAME], *scratch = kt_cpu_thread_scratch(t->r, thread);
    int64_t start = chunk * p->chunk,
            end = start + p->chunk < p->count ? start + p->chunk : p->count;
    memcpy(at, t->frame, sizeof at);
    set_registers(p, at, scratch);
    for (int i = 0; i < p->n_inputs; i++)
        at[p->inputs[i].place] += (size_t)start * p->inputs[i].size;
    for (int i = 0; i < p->n_outputs; i++)
        at[p->outputs[i].place] += (size_t)start * p->outputs[i].size;
    double *partials = (double *)(void *)((unsigned char *)t->r->scratch + p->partials);
    run_range(t, at, scratch, start, end, partials + chunk * p->n_sums);
}

static void store_sums(const tile_run *t, const double *sums)
{
    for (int s = 0; s < t->p->n_sums; s++) {
        void *to = kt_run_address_out(t->r, t->p->sums[s].output);
        if (t->p->sums[s].wide) *(double *)to = sums[s];
        else *(float *)to = (float)sums[s];
    }
}

static kt_status program_run(kt_run *r)
{
    const tile_program *p = r->prepared;
    tile_run t;
    t.r = r;
    t.p = p;
    t.cpu = kt_cpu_of(r->kt);
    unsigned char *shared = r->scratch,
                  *fixed = (unsigned char *)r->prepared + kt_cpu_round(sizeof *p);
    for (int i = 0; i < p->n_inputs; i++)
        t.frame[p->inputs[i].place] = kt_run_address_in(r, p->inputs[i].number);
    for (int i = 0; i < p->n_outputs; i++)
        t.frame[p->outputs[i].place] = kt_run_address_out(r, p->outputs[i].number);
    for (int i = 0; i < p->n_fixed; i++) t.frame[p->fixed[i].place] = fixed + p->fixed[i].offset;
    for (int i = 0; i < p->n_once; i++) t.frame[p->once[i].place] = shared + p->once[i].offset;
    if (p->n_once) lay_out_once(&t);
    double sums[KT_FUSED_OUTPUTS];
    if (p->chunks > 1) {
        kt_cpu_chunks(r, p->split, run_chunk, &t, p->chunks);
        const double *partials = (const double *)(const void *)(shared + p->partials);
        for (int64_t c = 0; c < p->chunks; c++)
            for (int s = 0; s < p->n_sums; s++) sums[s] = (c ? sums[s] : 0) + *partials++;
    } else if (p->count > 0) {
        set_registers(p, t.frame, r->thread_scratch);
        run_range(&t, t.frame, r->thread_scratch, 0, p->count, sums);
    }
    if (p->n_sums) store_sums(&t, sums);
    return KT_OK;
}

const kt_provider kt_cpu_fused[] = {
    { .name = "tiles", .accept = fused_accept, .prepare = fused_prepare, .run = program_run },
    { 0 },
};

const kt_provider kt_cpu_elementwise[] = {
    { .name = "tiles",
      .accept = elementwise_accept,
      .prepare = elementwise_prepare,
      .run = program_run },
    { 0 },
};
