/* SPDX-License-Identifier: MIT */
/* data/standardise.c: columns of mean 0 and deviation 1.
 *
 * Two passes in double, so that a large mean does not eat the deviation. Constant columns are found by their least and
 * largest value, not by a deviation of 0, which rounding may miss.
 */
#include <math.h>
#include <string.h>

#include "data/arrays.h"

typedef struct column {
    double sum, squares, least, most, mean, scale;
} column;

static double element(const kt_array *x, int64_t i)
{
    switch (x->dtype) {
    case KT_FLOAT32: return (double)((const float *)x->data)[i];
    case KT_FLOAT64: return ((const double *)x->data)[i];
    case KT_INT32: return (double)((const int32_t *)x->data)[i];
    case KT_INT64: return (double)((const int64_t *)x->data)[i];
    case KT_BOOL:
    case KT_UINT8: return (double)((const unsigned char *)x->data)[i];
    case KT_DTYPE_DEFAULT: break;
    }
    return 0;
}

static kt_status measure(kt_context *kt, const kt_array *x, int64_t rows, int64_t columns, column *c)
{
    for (int64_t r = 0, i = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j++, i++) {
            double v = element(x, i);
            if (!isfinite(v))
                return kt_fail_at(kt, KT_ERR_NAN, "kt_standardise",
                                  "row %lld, column %lld: expected finite numbers, got %s; repair "
                                  "the data or leave the row out",
                                  (long long)r, (long long)j, isnan(v) ? "NaN" : "an infinity");
            c[j].sum += v;
            if (r == 0 || v < c[j].least) c[j].least = v;
            if (r == 0 || v > c[j].most) c[j].most = v;
        }
    for (int64_t j = 0; j < columns; j++) c[j].mean = c[j].sum / (double)rows;
    for (int64_t r = 0, i = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j++, i++) {
            double d = element(x, i) - c[j].mean;
            c[j].squares += d * d;
        }
    for (int64_t j = 0; j < columns; j++) {
        c[j].scale = sqrt(c[j].squares / (double)rows);
        if (c[j].least < c[j].most && c[j].scale > 0 && isfinite(c[j].scale)) continue;
        if (c[j].least < c[j].most)
            return kt_fail_at(kt, KT_ERR_VALUE, "kt_standardise",
                              "column %lld: its values span too many sizes for float64; scale it "
                              "first",
                              (long long)j);
        c[j].mean = c[j].least;
        c[j].scale = 1;
    }
    return KT_OK;
}

kt_array kt_standardise(kt_context *kt, kt_array x, double *mean, double *deviation)
{
    const char *what = "kt_standardise";
    kt_array none = { .data = NULL };
    if (!kt || kt->status != KT_OK || kt_check_array(kt, what, "x", &x) != KT_OK) return none;
    if (x.rank < 1 || x.dim[0] < 1 || !x.data) {
        kt_fail_at(kt, KT_ERR_SHAPE, what, "expected at least one row, got none");
        return none;
    }
    int64_t rows = x.dim[0], columns = 1;
    for (int i = 1; i < x.rank; i++) columns *= x.dim[i]; /* kt_check_array: it fits */
    kt_arrays *arrays = kt_arrays_new(kt);
    column *c = kt_take_zeroed(kt, (size_t)columns, sizeof *c);
    kt_shape shape = { .rank = x.rank };
    memcpy(shape.dim, x.dim, sizeof shape.dim);
    kt_dtype dtype = x.dtype == KT_FLOAT64 ? KT_FLOAT64 : KT_FLOAT32;
    void *to = arrays && c ? kt_arrays_add(arrays, what, "", dtype, shape) : NULL;
    if (!to || measure(kt, &x, rows, columns, c) != KT_OK) {
        kt_give(kt, c);
        kt_arrays_free(arrays);
        return none;
    }
    for (int64_t r = 0, i = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j++, i++) {
            double v = (element(&x, i) - c[j].mean) / c[j].scale;
            if (dtype == KT_FLOAT64)
                ((double *)to)[i] = v;
            else
                ((float *)to)[i] = (float)v;
        }
    for (int64_t j = 0; j < columns; j++) {
        if (mean) mean[j] = c[j].mean;
        if (deviation) deviation[j] = c[j].scale;
    }
    kt_give(kt, c);
    return kt_arrays_at(arrays, 0);
}
