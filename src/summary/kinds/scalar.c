/* SPDX-License-Identifier: MIT */
/* summary/scalar.c: one number per step.
 *
 * TensorBoard's default reader takes a scalar only as one float32 of rank 0; a double would be
 * dropped as data loss. So the rounding happens here, once, and a double beyond float32's range
 * becomes an infinity.
 */
#include "summary/writer.h"

kt_status kt_events_scalar(kt_events *log, const char *tag, double value, int64_t step)
{
    return kt_events_append_scalar(log, "kt_events_scalar", tag, step, (float)value);
}
