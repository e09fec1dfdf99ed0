/* SPDX-License-Identifier: MIT */
/* nn/clip.c: gradients clipped by value, by the norm of each, or by the norm of all.
 *
 * By norm c: g c / max(|g|, c). By the norm N of all: g c min(1/N, 1/c); an N that is not finite makes every
 * gradient NaN, so that the mistake is seen.
 */
#include "nn/optimizer.h"

#include <keratin/ops.h>

static kt_tensor *clip_norm(kt_tensor *g, double most)
{
    kt_tensor *c = kt_scalar(g, most), *norm = kt_sqrt(kt_sum(kt_square(g)));
    return kt_div(kt_mul(g, c), kt_maximum(norm, c));
}

static void clip_all(kt_tensor **gradients, int64_t count, double most)
{
    kt_tensor *squares = NULL;
    for (int64_t i = 0; i < count; i++) {
        if (!gradients[i]) continue;
        kt_tensor *square = kt_sum(kt_square(gradients[i]));
        squares = squares ? kt_add(squares, square) : square;
    }
    if (!squares) return;
    kt_tensor *norm = kt_sqrt(squares), *c = kt_scalar(norm, most);
    kt_tensor *scale = kt_mul(c, kt_minimum(kt_reciprocal(norm), kt_reciprocal(c)));
    scale = kt_add(scale, kt_sub(norm, norm));
    for (int64_t i = 0; i < count; i++)
        if (gradients[i])
            gradients[i] = kt_mul(gradients[i], kt_dtype_of(scale) == kt_dtype_of(gradients[i])
                                                    ? scale
                                                    : kt_cast(scale, kt_dtype_of(gradients[i])));
}

void kt_clip_gradients(const kt_optimizer_common *common, kt_tensor **gradients, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (!gradients[i]) continue;
        if (common->clipnorm > 0)
            gradients[i] = clip_norm(gradients[i], common->clipnorm);
        else if (common->clipvalue > 0)
            gradients[i] = kt_clip(gradients[i], -common->clipvalue, common->clipvalue);
    }
    if (common->global_clipnorm > 0) clip_all(gradients, count, common->global_clipnorm);
}
