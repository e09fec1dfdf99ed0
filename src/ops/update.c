/* SPDX-License-Identifier: MIT */
/* ops/update.c: optimizer steps as rows: one step reads a variable's gradient and slots once and
 * writes all of them once.
 *
 * Rows give new values; that they overwrite the old ones in place is the planner's doing
 * (`inplace`). Numbers that a schedule or a user may change are tensors or slots, never part of a
 * plan's key. No gradient flows through an update.
 */
#include "ops/update.h"

#include <math.h>

#include "ops/ops.h"

static void outputs(kt_tensor *first, kt_tensor **out, int n)
{
    for (int i = 0; i < n; i++) out[i] = kt_output(first, i);
}

kt_tensor *kt_sgd_update(kt_tensor *w, kt_tensor *g, kt_tensor *learning_rate)
{
    return kt_apply3(&kt_op_sgd_update, w, g, learning_rate, NULL);
}

void kt_momentum_update(kt_tensor *w, kt_tensor *m, kt_tensor *g, kt_tensor *learning_rate,
                        double momentum, bool nesterov, kt_tensor *out[2])
{
    kt_tensor *in[] = { w, m, g, learning_rate };
    outputs(kt_apply(&kt_op_momentum_update, in, 4, &(kt_momentum_attr){ nesterov }, &momentum),
            out, 2);
}

void kt_adam_update(kt_tensor *w, kt_tensor *m, kt_tensor *v, kt_tensor *g,
                    kt_tensor *learning_rate, kt_tensor *iteration, kt_adam_numbers numbers,
                    kt_tensor *out[3])
{
    kt_tensor *in[] = { w, m, v, g, learning_rate, iteration };
    double slots[] = { numbers.beta_1, numbers.beta_2, numbers.epsilon };
    outputs(kt_apply(&kt_op_adam_update, in, 6, NULL, slots), out, 3);
}

void kt_adam_amsgrad_update(kt_tensor *w, kt_tensor *m, kt_tensor *v, kt_tensor *vhat, kt_tensor *g,
                            kt_tensor *learning_rate, kt_tensor *iteration, kt_adam_numbers numbers,
                            kt_tensor *out[4])
{
    kt_tensor *in[] = { w, m, v, vhat, g, learning_rate, iteration };
    double slots[] = { numbers.beta_1, numbers.beta_2, numbers.epsilon };
    outputs(kt_apply(&kt_op_adam_amsgrad_update, in, 7, NULL, slots), out, 4);
}

/* The first `alike` inputs have one shape and float dtype (w, slots, g), then comes the rate, then
 * perhaps the iteration. */
static kt_status update_infer(kt_infer *q, int alike, int n_out, bool iteration)
{
    const kt_desc *w = kt_in(q, 0), *rate = kt_in(q, alike);
    for (int i = 1; i < alike; i++)
        if (!kt_desc_equal(kt_in(q, i), w) || !kt_is_float(w->dtype))
            return kt_infer_fail(
                q, KT_ERR_SHAPE,
                "expected slots and a gradient alike the variable, all floats, got %s and %s",
                kt_describe(w).at, kt_describe(kt_in(q, i)).at);
    if (rate->rank != 0 || rate->dtype != w->dtype)
        return kt_infer_fail(q, KT_ERR_SHAPE,
                             "expected a learning rate that is a number of %s, got %s",
                             kt_dtype_name(w->dtype), kt_describe(rate).at);
    if (iteration && (kt_in(q, alike + 1)->rank != 0 || kt_in(q, alike + 1)->dtype != KT_INT64))
        return kt_infer_fail(q, KT_ERR_SHAPE,
                             "expected an iteration that is a number of int64, got %s",
                             kt_describe(kt_in(q, alike + 1)).at);
    for (int i = 0; i < n_out; i++) *kt_out(q, i) = *w;
    return KT_OK;
}

static kt_status sgd_update_infer(kt_infer *q) { return update_infer(q, 2, 1, false); }
static kt_status momentum_update_infer(kt_infer *q) { return update_infer(q, 3, 2, false); }
static kt_status adam_update_infer(kt_infer *q) { return update_infer(q, 4, 3, true); }
static kt_status adam_amsgrad_update_infer(kt_infer *q) { return update_infer(q, 5, 4, true); }

static kt_status sgd_update_run(kt_run *r)
{
    const double *w = kt_ref_in(r, 0), *g = kt_ref_in(r, 1);
    double rate = *kt_ref_in(r, 2), *out = kt_ref_out(r, 0);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) out[i] = w[i] - g[i] * rate;
    return KT_OK;
}

static kt_status momentum_update_run(kt_run *r)
{
    bool nesterov = ((const kt_momentum_attr *)kt_run_attr(r))->nesterov;
    const double *w = kt_ref_in(r, 0), *m = kt_ref_in(r, 1), *g = kt_ref_in(r, 2);
    double rate = *kt_ref_in(r, 3), momentum = kt_run_slot(r, 0), *w_out = kt_ref_out(r, 0),
           *m_out = kt_ref_out(r, 1);
    for (int64_t i = 0, n = kt_count(r); i < n; i++) {
        double step = g[i] * rate, moved = m[i] * momentum - step;
        w_out[i] = w[i] + (nesterov ? moved * momentum - step : moved);
        m_out[i] = moved;
    }
    return KT_OK;
}

/* Keras takes powers of betas that have been rounded to the variable's dtype. */
static double beta_power(double beta, double t, kt_dtype dtype)
{
    if (dtype != KT_FLOAT32) return pow(beta, t);
    float rounded = (float)beta;
    return pow(rounded, t);
}

/* n_slots: 2, or 3 with vhat. */
static kt_status adam_run(kt_run *r, int n_slots)
{
    bool amsgrad = n_slots == 3;
    const double *w = kt_ref_in(r, 0), *m = kt_ref_in(r, 1), *v = kt_ref_in(r, 2);
    const double *vhat = amsgrad ? kt_ref_in(r, 3) : NULL, *g = kt_ref_in(r, n_slots + 1);
    double beta_1 = kt_run_slot(r, 0), beta_2 = kt_run_slot(r, 1), epsilon = kt_run_slot(r, 2);
    double t = (double)*kt_ref_in_int(r, n_slots + 3) + 1, rate = *kt_ref_in(r, n_slots + 2);
    kt_dtype dtype = kt_run_in(r, 0)->dtype;
    double alpha = rate * sqrt(1 - beta_power(beta_2, t, dtype));
    alpha /= 1 - beta_power(beta_1, t, dtype);
    double *w_out = kt_ref_out(r, 0), *m_out = kt_ref_out(r, 1), *v_out = kt_ref_out(r, 2);
    double *vhat_out = amsgrad ? kt_ref_out(r, 3) : NULL;
    for (int64_t i = 0, n = kt_count(r); i < n; i++) {
        double mi = m[i] + (g[i] - m[i]) * (1 - beta_1),
               vi = v[i] + (g[i] * g[i] - v[i]) * (1 - beta_2), root = vi;
        if (amsgrad) root = vhat_out[i] = vhat[i] > vi || vhat[i] != vhat[i] ? vhat[i] : vi;
        w_out[i] = w[i] - mi * alpha / (sqrt(root) + epsilon);
        m_out[i] = mi;
        v_out[i] = vi;
    }
    return KT_OK;
}

static kt_status adam_update_run(kt_run *r) { return adam_run(r, 2); }
static kt_status adam_amsgrad_update_run(kt_run *r) { return adam_run(r, 3); }

const kt_op kt_op_sgd_update = {
    .size = sizeof(kt_op), .name = "sgd_update", .n_in = 3, .n_out = 1, .inplace = { 1 },
    .infer = sgd_update_infer, .kernel = sgd_update_run, .id = KT_OP_ID_sgd_update,
};

const kt_op kt_op_momentum_update = {
    .size = sizeof(kt_op), .name = "momentum_update", .n_in = 4, .n_out = 2,
    .attr_size = sizeof(kt_momentum_attr), .n_slots = 1, .inplace = { 1, 2 },
    .infer = momentum_update_infer, .kernel = momentum_update_run, .id = KT_OP_ID_momentum_update,
};

const kt_op kt_op_adam_update = {
    .size = sizeof(kt_op), .name = "adam_update", .n_in = 6, .n_out = 3, .n_slots = 3,
    .inplace = { 1, 2, 3 }, .infer = adam_update_infer, .kernel = adam_update_run,
    .id = KT_OP_ID_adam_update,
};

const kt_op kt_op_adam_amsgrad_update = {
    .size = sizeof(kt_op), .name = "adam_amsgrad_update", .n_in = 7, .n_out = 4, .n_slots = 3,
    .inplace = { 1, 2, 3, 4 }, .infer = adam_amsgrad_update_infer,
    .kernel = adam_amsgrad_update_run, .id = KT_OP_ID_adam_amsgrad_update,
};
