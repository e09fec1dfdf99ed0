/* SPDX-License-Identifier: MIT */
/* base/repr.h: numbers as Python's repr prints them, in any locale.
 *
 * Logs of metrics, the JSON of a model and the hash of a run's hyperparameters must come out as Python's do, to the last
 * digit. So a double is printed as the shortest digits that read back as the same double, and among those the nearest.
 * The C library cannot help: its printf knows no shortest form, and both printf and strtod follow the host's locale.
 */
#ifndef KT_BASE_REPR_H
#define KT_BASE_REPR_H

#include <stddef.h>
#include <stdint.h>

enum { KT_REPR_BYTES = 32 };

/* "0.01", "64.0", "1e-07", "nan", "-inf"; with a final zero. Returns the length. */
size_t kt_repr_double(double value, char out[KT_REPR_BYTES]);

/* "-42", with a final zero. Returns the length. */
size_t kt_repr_int(int64_t value, char out[KT_REPR_BYTES]);

#endif
