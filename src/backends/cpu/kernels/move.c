/* SPDX-License-Identifier: MIT */
/* move.c: conversions between element types, transposition of a matrix, rows chosen by index.
 *
 * Conversions from floats saturate and turn NaN into 0, so that the result is defined on every
 * machine; C leaves it open. Booleans are read as bytes: one that is neither 0 nor 1 (it may come
 * from a file) counts as true and is harmless.
 */
#include "kernels.h"
#include "real.h"

/* ---- conversions ---- */

/* Float to integer: the first and last number that fit are exact floats, except the last of 32
 * and 64 bits, which is why the upper bound is exclusive and is given apart. */
#define SATURATE(from, to, low, above, high) \
    static inline to from##_to_##to(from x) \
    { \
        from inside = x >= (from)(low) && x < (from)(above) ? x : 0; \
        to y = (to)inside; \
        y = x >= (from)(above) ? (high) : y; \
        return x < (from)(low) ? (to)(low) : y; \
    }
SATURATE(float, int32_t, -2147483648.0, 2147483648.0, INT32_MAX)
SATURATE(float, int64_t, -9223372036854775808.0, 9223372036854775808.0, INT64_MAX)
SATURATE(float, uint8_t, 0.0, 256.0, UINT8_MAX)
SATURATE(double, int32_t, -2147483648.0, 2147483648.0, INT32_MAX)
SATURATE(double, int64_t, -9223372036854775808.0, 9223372036854775808.0, INT64_MAX)
SATURATE(double, uint8_t, 0.0, 256.0, UINT8_MAX)

#define LOOP(name, from, to, value) \
    static void name(const void *src, void *dst, int64_t n) \
    { \
        const from *restrict p = src; \
        to *restrict y = dst; \
        for (int64_t i = 0; i < n; i++) { \
            from x = p[i]; \
            y[i] = value; \
        } \
    }
#define COPY(name, type) \
    static void name(const void *src, void *dst, int64_t n) \
    { \
        if (n > 0) \
            memcpy(dst, src, (size_t)n * sizeof(type)); \
    }

COPY(f32_f32, float)
LOOP(f32_f64, float, double, x)
LOOP(f32_i32, float, int32_t, float_to_int32_t(x))
LOOP(f32_i64, float, int64_t, float_to_int64_t(x))
LOOP(f32_u8, float, uint8_t, float_to_uint8_t(x))
LOOP(f32_bool, float, uint8_t, x != 0)
LOOP(f64_f32, double, float, (float)x)
COPY(f64_f64, double)
LOOP(f64_i32, double, int32_t, double_to_int32_t(x))
LOOP(f64_i64, double, int64_t, double_to_int64_t(x))
LOOP(f64_u8, double, uint8_t, double_to_uint8_t(x))
LOOP(f64_bool, double, uint8_t, x != 0)
LOOP(i32_f32, int32_t, float, (float)x)
LOOP(i32_f64, int32_t, double, x)
COPY(i32_i32, int32_t)
LOOP(i32_i64, int32_t, int64_t, x)
LOOP(i32_u8, int32_t, uint8_t, (uint8_t)(uint32_t)x)
LOOP(i32_bool, int32_t, uint8_t, x != 0)
LOOP(i64_f32, int64_t, float, (float)x)
LOOP(i64_f64, int64_t, double, (double)x)
LOOP(i64_i32, int64_t, int32_t, (int32_t)(uint32_t)(uint64_t)x)
COPY(i64_i64, int64_t)
LOOP(i64_u8, int64_t, uint8_t, (uint8_t)(uint64_t)x)
LOOP(i64_bool, int64_t, uint8_t, x != 0)
LOOP(u8_f32, uint8_t, float, x)
LOOP(u8_f64, uint8_t, double, x)
LOOP(u8_i32, uint8_t, int32_t, x)
LOOP(u8_i64, uint8_t, int64_t, x)
COPY(u8_u8, uint8_t)
LOOP(u8_bool, uint8_t, uint8_t, x != 0)
LOOP(bool_f32, uint8_t, float, x != 0)
LOOP(bool_f64, uint8_t, double, x != 0)
LOOP(bool_i32, uint8_t, int32_t, x != 0)
LOOP(bool_i64, uint8_t, int64_t, x != 0)
LOOP(bool_bool, uint8_t, uint8_t, x != 0)

extern kt_convert_fn *const KT_NAME(kt_convert)[KT_EL_COUNT][KT_EL_COUNT];
kt_convert_fn *const KT_NAME(kt_convert)[KT_EL_COUNT][KT_EL_COUNT] = {
    [KT_EL_F32] = { f32_f32, f64_f32, i32_f32, i64_f32, u8_f32, bool_f32 },
    [KT_EL_F64] = { f32_f64, f64_f64, i32_f64, i64_f64, u8_f64, bool_f64 },
    [KT_EL_I32] = { f32_i32, f64_i32, i32_i32, i64_i32, u8_i32, bool_i32 },
    [KT_EL_I64] = { f32_i64, f64_i64, i32_i64, i64_i64, u8_i64, bool_i64 },
    [KT_EL_U8] = { f32_u8, f64_u8, i32_u8, i64_u8, u8_u8, bool_bool },
    [KT_EL_BOOL] = { f32_bool, f64_bool, i32_bool, i64_bool, u8_bool, bool_bool },
};

/* ---- transposition ---- */

/* Squares of 32 elements keep the lines of both sides in the first-level cache. */
#define TRANSPOSE(name, type) \
    static void name(const type *restrict x, int64_t x_rs, type *restrict y, int64_t y_rs, \
                     int64_t rows, int64_t cols) \
    { \
        for (int64_t i0 = 0; i0 < rows; i0 += 32) \
            for (int64_t j0 = 0; j0 < cols; j0 += 32) \
                for (int64_t j = j0; j < cols && j < j0 + 32; j++) \
                    for (int64_t i = i0; i < rows && i < i0 + 32; i++) \
                        y[j * y_rs + i] = x[i * x_rs + j]; \
    }
TRANSPOSE(transpose_u8, uint8_t)
TRANSPOSE(transpose_u32, uint32_t)
TRANSPOSE(transpose_u64, uint64_t)

/* Whole VL x VL blocks by registers, the borders by elements. float stands for any four bytes:
 * nothing is computed. */
static void transpose_4(const float *x, int64_t x_rs, float *y, int64_t y_rs, int64_t rows,
                        int64_t cols)
{
    int64_t rows_v = rows / VL * VL, cols_v = cols / VL * VL;
    for (int64_t i = 0; i < rows_v; i += VL)
        for (int64_t j = 0; j < cols_v; j += VL) {
            vec r[VL];
            for (int q = 0; q < VL; q++)
                r[q] = vload(x + (i + q) * x_rs + j);
            vtranspose(r);
            for (int q = 0; q < VL; q++)
                vstore(y + (j + q) * y_rs + i, r[q]);
        }
    transpose_u32((const uint32_t *)(const void *)(x + cols_v), x_rs,
                  (uint32_t *)(void *)(y + cols_v * y_rs), y_rs, rows_v, cols - cols_v);
    transpose_u32((const uint32_t *)(const void *)(x + rows_v * x_rs), x_rs,
                  (uint32_t *)(void *)(y + rows_v), y_rs, rows - rows_v, cols);
}

void KT_NAME(kt_transpose)(const void *x, int64_t x_rs, void *y, int64_t y_rs, int64_t rows,
                           int64_t cols, int element_bytes)
{
    if (element_bytes == 1)
        transpose_u8(x, x_rs, y, y_rs, rows, cols);
    else if (element_bytes == 4)
        transpose_4(x, x_rs, y, y_rs, rows, cols);
    else if (element_bytes == 8)
        transpose_u64(x, x_rs, y, y_rs, rows, cols);
}

/* ---- rows by index ---- */

int64_t KT_NAME(kt_gather_rows)(const void *x, size_t row_bytes, int64_t limit,
                                const int64_t *index, int64_t n, void *y)
{
    int64_t missing = 0;
    char *to = y;
    for (int64_t i = 0; i < n; i++, to += row_bytes) {
        int64_t row = index[i] < 0 ? index[i] + limit : index[i];
        if (row >= 0 && row < limit) {
            memcpy(to, (const char *)x + (size_t)row * row_bytes, row_bytes);
        } else {
            memset(to, 0, row_bytes);
            missing++;
        }
    }
    return missing;
}
