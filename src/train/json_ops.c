/* SPDX-License-Identifier: MIT */
/* train/json_ops.c: ops between the layers of a functional model, as Keras's operations.
 *
 * Keras has an operation class for each function of keras.ops; a row that has its counterpart there is one line of the
 * table. What only exists because our rows are primitive disappears: broadcasts (Keras's operations broadcast themselves)
 * and numbers, which become arguments. A row without a counterpart, the user's own rows among them, is written as a
 * registered class "Custom>name": shown by TensorBoard, and loaded by Keras where somebody registers it.
 */
#include <string.h>

#include "ops/ops.h"
#include "train/json.h"

#define KERAS_NUMPY "keras.src.ops.numpy"
#define KERAS_NN "keras.src.ops.nn"
#define KERAS_MATH "keras.src.ops.math"
#define KERAS_CORE "keras.src.ops.core"

typedef struct counterpart {
    const kt_op *op;
    const char *module, *name;
} counterpart;

static const counterpart counterparts[] = {
    { &kt_op_add, KERAS_NUMPY, "Add" },
    { &kt_op_sub, KERAS_NUMPY, "Subtract" },
    { &kt_op_mul, KERAS_NUMPY, "Multiply" },
    { &kt_op_div, KERAS_NUMPY, "Divide" },
    { &kt_op_divide_no_nan, KERAS_NUMPY, "DivideNoNan" },
    { &kt_op_floor_divide, KERAS_NUMPY, "FloorDivide" },
    { &kt_op_mod, KERAS_NUMPY, "Mod" },
    { &kt_op_pow, KERAS_NUMPY, "Power" },
    { &kt_op_maximum, KERAS_NUMPY, "Maximum" },
    { &kt_op_minimum, KERAS_NUMPY, "Minimum" },
    { &kt_op_arctan2, KERAS_NUMPY, "Arctan2" },
    { &kt_op_equal, KERAS_NUMPY, "Equal" },
    { &kt_op_not_equal, KERAS_NUMPY, "NotEqual" },
    { &kt_op_less, KERAS_NUMPY, "Less" },
    { &kt_op_less_equal, KERAS_NUMPY, "LessEqual" },
    { &kt_op_greater, KERAS_NUMPY, "Greater" },
    { &kt_op_greater_equal, KERAS_NUMPY, "GreaterEqual" },
    { &kt_op_logical_and, KERAS_NUMPY, "LogicalAnd" },
    { &kt_op_logical_or, KERAS_NUMPY, "LogicalOr" },
    { &kt_op_logical_not, KERAS_NUMPY, "LogicalNot" },
    { &kt_op_neg, KERAS_NUMPY, "Negative" },
    { &kt_op_abs, KERAS_NUMPY, "Absolute" },
    { &kt_op_sign, KERAS_NUMPY, "Sign" },
    { &kt_op_square, KERAS_NUMPY, "Square" },
    { &kt_op_sqrt, KERAS_NUMPY, "Sqrt" },
    { &kt_op_rsqrt, KERAS_MATH, "Rsqrt" },
    { &kt_op_reciprocal, KERAS_NUMPY, "Reciprocal" },
    { &kt_op_exp, KERAS_NUMPY, "Exp" },
    { &kt_op_expm1, KERAS_NUMPY, "Expm1" },
    { &kt_op_log, KERAS_NUMPY, "Log" },
    { &kt_op_log1p, KERAS_NUMPY, "Log1p" },
    { &kt_op_log2, KERAS_NUMPY, "Log2" },
    { &kt_op_log10, KERAS_NUMPY, "Log10" },
    { &kt_op_sin, KERAS_NUMPY, "Sin" },
    { &kt_op_cos, KERAS_NUMPY, "Cos" },
    { &kt_op_tan, KERAS_NUMPY, "Tan" },
    { &kt_op_arcsin, KERAS_NUMPY, "Arcsin" },
    { &kt_op_arccos, KERAS_NUMPY, "Arccos" },
    { &kt_op_arctan, KERAS_NUMPY, "Arctan" },
    { &kt_op_sinh, KERAS_NUMPY, "Sinh" },
    { &kt_op_cosh, KERAS_NUMPY, "Cosh" },
    { &kt_op_tanh, KERAS_NUMPY, "Tanh" },
    { &kt_op_arcsinh, KERAS_NUMPY, "Arcsinh" },
    { &kt_op_arccosh, KERAS_NUMPY, "Arccosh" },
    { &kt_op_arctanh, KERAS_NUMPY, "Arctanh" },
    { &kt_op_erf, KERAS_MATH, "Erf" },
    { &kt_op_floor, KERAS_NUMPY, "Floor" },
    { &kt_op_ceil, KERAS_NUMPY, "Ceil" },
    { &kt_op_round, KERAS_NUMPY, "Round" },
    { &kt_op_trunc, KERAS_NUMPY, "Trunc" },
    { &kt_op_isnan, KERAS_NUMPY, "Isnan" },
    { &kt_op_isfinite, KERAS_NUMPY, "Isfinite" },
    { &kt_op_relu, KERAS_NN, "Relu" },
    { &kt_op_sigmoid, KERAS_NN, "Sigmoid" },
    { &kt_op_softplus, KERAS_NN, "Softplus" },
    { &kt_op_silu, KERAS_NN, "Silu" },
    { &kt_op_softmax, KERAS_NN, "Softmax" },
    { &kt_op_log_softmax, KERAS_NN, "LogSoftmax" },
    { &kt_op_where, KERAS_NUMPY, "Where" },
    { &kt_op_cast, KERAS_CORE, "Cast" },
    { &kt_op_stop_gradient, KERAS_CORE, "StopGradient" },
    { &kt_op_sum, KERAS_NUMPY, "Sum" },
    { &kt_op_max, KERAS_NUMPY, "Max" },
    { &kt_op_min, KERAS_NUMPY, "Min" },
    { &kt_op_argmax, KERAS_NUMPY, "Argmax" },
    { &kt_op_argmin, KERAS_NUMPY, "Argmin" },
    { &kt_op_reshape, KERAS_NUMPY, "Reshape" },
    { &kt_op_transpose, KERAS_NUMPY, "Transpose" },
    { &kt_op_concatenate, KERAS_NUMPY, "Concatenate" },
    { &kt_op_matmul, KERAS_NUMPY, "Matmul" },
};

static const counterpart *counterpart_of(const kt_graph_step *step)
{
    if (step->op == &kt_op_matmul) {
        const kt_matmul_attr *a = step->attr;
        if (a->transpose_a || a->transpose_b) return NULL;
    }
    for (size_t i = 0; i < sizeof counterparts / sizeof *counterparts; i++)
        if (counterparts[i].op == step->op) return &counterparts[i];
    return NULL;
}

const char *kt_step_class(const kt_graph_step *step)
{
    const counterpart *c = counterpart_of(step);
    return c ? c->name : step->op->name;
}

bool kt_step_takes_list(const kt_graph_step *step) { return step->op == &kt_op_concatenate; }

bool kt_step_vanishes(const kt_graph_step *step, const kt_desc *in, bool *is_number, double *number)
{
    *is_number = true;
    if (step->op == &kt_op_fill) *number = ((const kt_fill_attr *)step->attr)->value;
    else if (step->op == &kt_op_scalar) *number = step->slots[0];
    else if (step->op == &kt_op_size_of && in && !(((const kt_size_attr *)step->attr)->axes & 1)) { /* not of the batch */
        *number = 1;
        for (int i = 1; i < in->rank; i++)
            if (((const kt_size_attr *)step->attr)->axes >> i & 1) *number *= (double)in->dim[i];
    } else *is_number = false;
    return *is_number || step->op == &kt_op_broadcast_to;
}

/* Axes as Keras's argument: one number, a list, or null for all of them. */
static void write_reduce(kt_json *j, const kt_reduce_attr *a, const kt_desc *in)
{
    uint32_t all = in ? (1u << in->rank) - 1 : 0;
    int count = 0, last = 0;
    for (int i = 0; i < KT_MAX_RANK; i++)
        if (a->axes >> i & 1) count++, last = i;
    if (in && a->axes == all) kt_json_null(j, "axis");
    else if (count == 1) kt_json_int(j, "axis", last);
    else {
        kt_json_array(j, "axis");
        for (int i = 0; i < KT_MAX_RANK; i++)
            if (a->axes >> i & 1) kt_json_int(j, NULL, i);
        kt_json_end_array(j);
    }
    kt_json_bool(j, "keepdims", a->keepdims != 0);
}

static void write_reshape(kt_json *j, const kt_shape_attr *a)
{
    kt_json_array(j, "newshape");
    for (int64_t i = 0; i < a->rank; i++) {
        bool batch = a->dim[i] >= KT_SYMBOL_BATCH && a->dim[i] % KT_SYMBOL_BATCH == 0;
        kt_json_int(j, NULL, batch ? -1 : a->dim[i]);
    }
    kt_json_end_array(j);
}

static void write_transpose(kt_json *j, const kt_transpose_attr *a)
{
    bool reversed = true;
    for (int i = 0; i < a->rank; i++) reversed = reversed && a->axis[i] == a->rank - 1 - i;
    if (reversed) {
        kt_json_null(j, "axes");
        return;
    }
    kt_json_array(j, "axes");
    for (int i = 0; i < a->rank; i++) kt_json_int(j, NULL, a->axis[i]);
    kt_json_end_array(j);
}

static void write_op_config(kt_json *j, const kt_graph_step *step, const kt_desc *in)
{
    const kt_op *op = step->op;
    if (op == &kt_op_sum || op == &kt_op_max || op == &kt_op_min) write_reduce(j, step->attr, in);
    else if (op == &kt_op_reshape) write_reshape(j, step->attr);
    else if (op == &kt_op_transpose) write_transpose(j, step->attr);
    else if (op == &kt_op_cast) kt_json_text(j, "dtype", kt_dtype_name((kt_dtype)((const kt_dtype_attr *)step->attr)->dtype));
    else if (op == &kt_op_softmax || op == &kt_op_log_softmax) kt_json_int(j, "axis", -1);
    else if (op == &kt_op_concatenate) kt_json_int(j, "axis", ((const kt_axis_attr *)step->attr)->axis);
    else if (op == &kt_op_round) kt_json_int(j, "decimals", 0);
    else if (op == &kt_op_argmax || op == &kt_op_argmin) {
        kt_json_int(j, "axis", ((const kt_axis_attr *)step->attr)->axis);
        kt_json_bool(j, "keepdims", false);
    }
}

void kt_write_op(kt_model_writer *w, const kt_graph_step *step, const kt_desc *in, const char *name)
{
    kt_json *j = &w->json;
    const counterpart *c = counterpart_of(step);
    const char *module = c ? c->module : NULL;
    kt_json_object(j, NULL);
    kt_write_class(w, module, kt_step_class(step));
    kt_json_object(j, "config");
    kt_json_text(j, "name", name);
    if (c) write_op_config(j, step, in);
    kt_json_end_object(j);
    kt_write_registered(w, module, kt_step_class(step));
}
