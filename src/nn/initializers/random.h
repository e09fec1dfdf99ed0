/* SPDX-License-Identifier: MIT */
/* nn/initializers/random.h: reproducible fills: value i is a function of (seed, i) alone.
 *
 * Uniform numbers have 24 bits, so that they are the same in float32 and float64.
 */
#ifndef KT_NN_INITIALIZERS_RANDOM_H
#define KT_NN_INITIALIZERS_RANDOM_H

#include <stdint.h>

void kt_fill_uniform(uint64_t seed, double min, double max, double *to, int64_t count); /* [min, max) */
void kt_fill_normal(uint64_t seed, double mean, double stddev, double *to, int64_t count);
void kt_fill_truncated(uint64_t seed, double mean, double stddev, double *to,
                       int64_t count); /* drawn again beyond 2 stddev */

#endif
