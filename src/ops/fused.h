/* SPDX-License-Identifier: MIT */
/* ops/fused.h: the `fused` row: a chain of element-wise rows over one flat range of elements, run tile by tile.
 *
 * The graph's fusion pass makes it, a back-end's interpreter runs it. All operands are seen as flat ranges of `count` elements:
 *   FULL    element i is data[i]
 *   SCALAR  element i is data[0]
 *   ROW     element i is data[i % period]              (a bias under a batch)
 *   COLUMN  element i is data[i / period]              (one number per row of `period` elements)
 *   SLOT    a number of the step: slots[slot]; CONST: `value`. Both rounded to the dtype.
 * Operands are numbered first, then registers: source s < n_operands is an operand, else register s - n_operands. Each
 * instruction is a stock element-wise row (its id) on registers of the dtypes given; one rounding per instruction, never
 * contracted, so that fused and unfused give the same bits. `outputs` are registers stored as they are; `sums` are registers
 * added up over all elements in the order of the sum row (blocks of KT_SUM_BLOCK, see the kernels' reduce) into one element each.
 */
#ifndef KT_OPS_FUSED_H
#define KT_OPS_FUSED_H

#include <keratin/op.h>

enum kt_fused_mode { KT_FUSED_FULL, KT_FUSED_SCALAR, KT_FUSED_ROW, KT_FUSED_COLUMN, KT_FUSED_SLOT, KT_FUSED_CONST };

enum { KT_FUSED_OPERANDS = 24, KT_FUSED_INSTRUCTIONS = 64, KT_FUSED_OUTPUTS = 12, KT_FUSED_REGISTERS = 16 };

typedef struct kt_fused_operand {
    uint8_t mode;
    uint8_t dtype;      /* kt_dtype */
    uint16_t input;     /* of the step, for the first four modes */
    uint32_t slot;      /* into the run's slots, which for this row are the whole plan's */
    int64_t period;
    double value;
} kt_fused_operand;

typedef struct kt_fused_instruction {
    uint16_t op;        /* KT_OP_ID_add...; KT_OP_ID_broadcast_to: copies its source */
    uint8_t from, to;   /* dtype of the sources (for `where`: of the second and third), of the result */
    uint8_t result;     /* register */
    uint8_t source[3];
} kt_fused_instruction;

typedef struct kt_fused_attr {
    int64_t count;      /* elements */
    int32_t n_operands, n_instructions, n_outputs, n_sums, n_registers;
    uint8_t output[KT_FUSED_OUTPUTS]; /* source numbers, first the stored ones, then the sums */
    kt_fused_operand operand[KT_FUSED_OPERANDS];
    kt_fused_instruction instruction[KT_FUSED_INSTRUCTIONS];
} kt_fused_attr;

extern const kt_op kt_op_fused; /* id KT_OP_ID_FUSED; made by the fusion pass only, and only where the back-end has a provider */
enum { KT_OP_ID_FUSED = -1 };

#endif
