/* SPDX-License-Identifier: MIT */
/* core/tensor.c: dtypes, shapes and what can be said of a tensor without computing it. */
#include "core/tensor.h"

#include "core/backend.h"

size_t kt_dtype_size(kt_dtype dtype)
{
    switch (dtype) {
    case KT_FLOAT32:
    case KT_INT32: return 4;
    case KT_FLOAT64:
    case KT_INT64: return 8;
    case KT_BOOL:
    case KT_UINT8: return 1;
    case KT_DTYPE_DEFAULT: break;
    }
    return 0;
}

const char *kt_dtype_name(kt_dtype dtype)
{
    switch (dtype) {
    case KT_FLOAT32: return "float32";
    case KT_FLOAT64: return "float64";
    case KT_INT32: return "int32";
    case KT_INT64: return "int64";
    case KT_BOOL: return "bool";
    case KT_UINT8: return "uint8";
    case KT_DTYPE_DEFAULT: break;
    }
    return "default";
}

bool kt_is_float(kt_dtype dtype)
{
    return dtype == KT_FLOAT32 || dtype == KT_FLOAT64;
}

size_t kt_storage_size(const kt_backend *backend, kt_dtype dtype)
{
    return backend->flags & KT_BACKEND_WIDE ? 8 : kt_dtype_size(dtype);
}

kt_array kt_array_of(const void *data, kt_dtype dtype, kt_shape shape)
{
    kt_array array = { .data = data, .dtype = dtype, .rank = shape.rank };
    for (int i = 0; i < shape.rank && i < KT_MAX_RANK; i++) array.dim[i] = shape.dim[i];
    return array;
}

int64_t kt_shape_count(kt_shape shape)
{
    int64_t count = 1;
    if (shape.rank < 0 || shape.rank > KT_MAX_RANK) return -1;
    for (int i = 0; i < shape.rank; i++)
        if (!kt_mul_int64(count, shape.dim[i], &count)) return -1;
    return count;
}

int64_t kt_desc_count(const kt_desc *desc)
{
    return desc ? kt_shape_count(kt_shape_of(desc)) : -1;
}

size_t kt_desc_elements(const kt_desc *desc)
{
    size_t count = 1;
    for (int i = 0; i < desc->rank; i++) count *= (size_t)desc->dim[i];
    return count;
}

bool kt_desc_same_shape(const kt_desc *a, const kt_desc *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

bool kt_desc_equal(const kt_desc *a, const kt_desc *b)
{
    return a->dtype == b->dtype && kt_desc_same_shape(a, b);
}

kt_desc kt_desc_make(kt_dtype dtype, kt_shape shape)
{
    kt_desc desc = { .dtype = dtype, .rank = shape.rank };
    for (int i = 0; i < shape.rank; i++) desc.dim[i] = shape.dim[i];
    return desc;
}

kt_shape kt_shape_of(const kt_desc *desc)
{
    kt_shape shape = { .rank = desc->rank };
    for (int i = 0; i < desc->rank; i++) shape.dim[i] = desc->dim[i];
    return shape;
}

void kt_text_desc(kt_text *text, const kt_desc *desc)
{
    int64_t dim[KT_MAX_RANK];
    for (int i = 0; i < desc->rank; i++) dim[i] = desc->dim[i] == KT_SYMBOL_BATCH ? -1 : desc->dim[i];
    kt_text_dims(text, dim, desc->rank);
}

kt_status kt_check_shape(kt_context *kt, const char *what, kt_dtype dtype, const kt_shape *shape)
{
    if (kt_dtype_size(dtype) == 0)
        return kt_fail_at(kt, KT_ERR_DTYPE, what, "expected an element type such as KT_FLOAT32, got number %d", (int)dtype);
    if (shape->rank < 0 || shape->rank > KT_MAX_RANK)
        return kt_fail_at(kt, KT_ERR_SHAPE, what, "expected a rank of 0 to %d, got %d", KT_MAX_RANK, shape->rank);
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0)
            return kt_fail_at(kt, KT_ERR_SHAPE, what, "expected sizes of 0 or more, got %lld for axis %d",
                              (long long)shape->dim[i], i);
    int64_t count = kt_shape_count(*shape);
    if (count < 0 || count > INT64_MAX / 16)
        return kt_fail_at(kt, KT_ERR_SHAPE, what, "the sizes multiply to more elements than memory can hold; check them");
    return KT_OK;
}

kt_context *kt_context_of(const kt_tensor *x)
{
    return x ? x->node->kt : NULL;
}

const kt_desc *kt_desc_of(const kt_tensor *x)
{
    return x ? &x->desc : NULL;
}

int kt_rank(const kt_tensor *x)
{
    return x ? x->desc.rank : -1;
}

int64_t kt_dim(const kt_tensor *x, int axis)
{
    if (!x) return -1;
    if (axis < 0) axis += x->desc.rank;
    return axis >= 0 && axis < x->desc.rank ? x->desc.dim[axis] : -1;
}

kt_dtype kt_dtype_of(const kt_tensor *x)
{
    return x ? x->desc.dtype : KT_DTYPE_DEFAULT;
}

kt_lanes kt_lanes_of(const kt_desc *desc, int axis)
{
    kt_lanes lanes = { 1, 1, 1 };
    if (!desc) return lanes;
    if (axis < 0) axis += desc->rank;
    for (int i = 0; i < desc->rank; i++) {
        if (i < axis) lanes.outer *= desc->dim[i];
        else if (i == axis) lanes.len = desc->dim[i];
        else lanes.inner *= desc->dim[i];
    }
    return lanes;
}

bool kt_is_variable(const kt_tensor *x)
{
    return kt_variable_of(x) != NULL;
}

const char *kt_variable_name(const kt_tensor *variable)
{
    const kt_variable_state *v = kt_variable_of(variable);
    return v ? v->name : "";
}
