/* SPDX-License-Identifier: MIT */
/* ops/activations.c: activations and clipping, composed of rows; those of one line stand in
 * unary.def.
 *
 * Element-wise rows have no attributes, so that they can be fused; what needs a number is a
 * composition, and fusion makes one loop of it. The branch of a kt_where that is not taken is kept
 * finite before it is computed: its gradient would be zero times infinity otherwise.
 */
#include "ops/ops.h"

kt_tensor *kt_leaky_relu(kt_tensor *x, double slope)
{
    x = kt_real(x);
    return kt_where(kt_greater(x, kt_fill_like(x, 0)), x, kt_scaled(x, slope));
}

/* x < 0: below (e^x - 1), else above x. At 0 the derivative is the right side's, as in Keras. */
static kt_tensor *exponential_below(kt_tensor *x, double below, double above)
{
    kt_tensor *zero = kt_fill_like(x, 0), *negative = kt_less(x, zero);
    kt_tensor *left = kt_expm1(kt_where(negative, x, zero));
    return kt_where(negative, below == 1 ? left : kt_scaled(left, below),
                    above == 1 ? x : kt_scaled(x, above));
}

kt_tensor *kt_elu(kt_tensor *x, double alpha)
{
    x = kt_real(x);
    kt_tensor *y = exponential_below(x, 1, 1);
    return alpha == 1 ? y : kt_where(kt_greater(x, kt_fill_like(x, 0)), y, kt_scaled(y, alpha));
}

kt_tensor *kt_selu(kt_tensor *x)
{
    const double alpha = 1.6732632423543772848, scale = 1.0507009873554804934;
    return exponential_below(kt_real(x), alpha * scale, scale);
}

kt_tensor *kt_gelu(kt_tensor *x, bool approximate)
{
    x = kt_real(x);
    kt_tensor *inner;
    if (approximate) {
        kt_tensor *cubic = kt_scaled(kt_mul(x, kt_square(x)), 0.044715);
        inner = kt_tanh(kt_scaled(kt_add(x, cubic), 0.79788456080286535588)); /* sqrt(2 / pi) */
    } else {
        inner = kt_erf(kt_scaled(x, 0.70710678118654752440));
    }
    return kt_mul(kt_scaled(x, 0.5), kt_shifted(inner, 1));
}

/* d silu / d x = s (1 + x (1 - s)), s = sigmoid(x) */
kt_tensor *kt_silu_slope(kt_tensor *x)
{
    kt_tensor *s = kt_sigmoid(x);
    return kt_mul(s, kt_shifted(kt_mul(x, kt_one_minus(s)), 1));
}

kt_tensor *kt_clip(kt_tensor *x, double min, double max)
{
    if (!x) return NULL;
    if (!(min <= max))
        return kt_fail_at(x->node->kt, KT_ERR_VALUE, "clip",
                          "expected min <= max, got %g and %g; swap them", min, max),
               NULL;
    x = kt_countable(x);
    kt_tensor *low = kt_fill_like(x, min), *high = kt_fill_like(x, max);
    return kt_where(kt_less(x, low), low, kt_where(kt_greater(x, high), high, x)); /* NaN stays */
}
