/* SPDX-License-Identifier: MIT */
/* data/arrays.c: named arrays that the library owns.
 *
 * Names are compared by hash first: an archive from a stranger may hold tens of thousands, and each new one is looked
 * up among those before.
 */
#include "data/arrays.h"

#include <string.h>

#include "core/tensor.h"

typedef struct named_array {
    char *name;
    uint64_t hash;
    void *memory; /* what array.data points at */
    kt_array array;
} named_array;

struct kt_arrays {
    kt_object object;
    kt_context *kt;
    named_array *at;
    size_t count, capacity;
};

static void arrays_release(kt_context *kt, kt_object *self)
{
    kt_arrays *arrays = (kt_arrays *)self;
    for (size_t i = 0; i < arrays->count; i++) {
        kt_heap_give_aligned(&kt->heap, arrays->at[i].memory);
        kt_give(kt, arrays->at[i].name);
    }
    kt_give(kt, arrays->at);
    kt_give(kt, arrays);
}

kt_arrays *kt_arrays_new(kt_context *kt)
{
    kt_arrays *arrays = kt_take_zeroed(kt, 1, sizeof *arrays);
    if (!arrays) return NULL;
    arrays->kt = kt;
    kt_own(kt, &arrays->object, arrays_release);
    return arrays;
}

void kt_arrays_free(kt_arrays *arrays)
{
    if (!arrays) return;
    kt_disown(&arrays->object);
    arrays_release(arrays->kt, &arrays->object);
}

int64_t kt_shape_elements(const kt_shape *shape)
{
    int64_t nonzero = 1, count = 1;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dim[i];
        if (dim < 0 || !kt_mul_int64(nonzero, dim ? dim : 1, &nonzero)) return -1;
        count = dim ? count * dim : 0; /* at most `nonzero`, which fits */
    }
    return nonzero > INT64_MAX / 16 ? -1 : count;
}

kt_status kt_check_array(kt_context *kt, const char *what, const char *name, const kt_array *array)
{
    if (array->rank < 0 || array->rank > KT_MAX_RANK)
        return kt_fail_at(kt, KT_ERR_SHAPE, what, "%s: expected a rank of 0 to %d, got %d", name, KT_MAX_RANK,
                          array->rank);
    if (kt_dtype_size(array->dtype) == 0)
        return kt_fail_at(kt, KT_ERR_DTYPE, what, "%s: expected an element type such as KT_FLOAT32, got number %d",
                          name, (int)array->dtype);
    kt_shape shape = { .rank = array->rank };
    for (int i = 0; i < array->rank; i++) {
        shape.dim[i] = array->dim[i];
        if (shape.dim[i] < 0)
            return kt_fail_at(kt, KT_ERR_SHAPE, what, "%s: expected sizes of 0 or more, got %lld for axis %d", name,
                              (long long)shape.dim[i], i);
    }
    int64_t count = kt_shape_elements(&shape);
    if (count < 0)
        return kt_fail_at(kt, KT_ERR_SHAPE, what, "%s: the sizes multiply to more than memory can hold; check them",
                          name);
    if (!array->data && count)
        return kt_fail_at(kt, KT_ERR_VALUE, what, "%s: expected %lld elements, got no memory (data is NULL)", name,
                          (long long)count);
    return KT_OK;
}

kt_status kt_config_copy(kt_context *kt, const char *what, void *to, size_t size, const void *from)
{
    size_t given = 0;
    if (from) memcpy(&given, from, sizeof given);
    if (given < sizeof given)
        return kt_fail_at(kt, KT_ERR_VALUE, what,
                          "expected a configuration whose first field is its size, got %s; use the macro, or "
                          "set .size",
                          from ? "one without" : "none (NULL)");
    memset(to, 0, size);
    memcpy(to, from, given < size ? given : size);
    memcpy(to, &size, sizeof size);
    return KT_OK;
}

static const named_array *find(const kt_arrays *arrays, const char *name, uint64_t hash)
{
    for (size_t i = 0; i < arrays->count; i++)
        if (arrays->at[i].hash == hash && strcmp(arrays->at[i].name, name) == 0) return &arrays->at[i];
    return NULL;
}

void *kt_arrays_add(kt_arrays *arrays, const char *reader, const char *name, kt_dtype dtype, kt_shape shape)
{
    kt_context *kt = arrays->kt;
    uint64_t hash = kt_hash_bytes(name, strlen(name), 0);
    if (find(arrays, name, hash)) {
        kt_fail_at(kt, KT_ERR_FORMAT, reader, "two arrays have the name '%.80s'; names must differ", name);
        return NULL;
    }
    int64_t count = kt_shape_elements(&shape);
    size_t bytes;
    if (count < 0 || !kt_mul_size((size_t)count, kt_dtype_size(dtype), &bytes)) {
        kt_fail_at(kt, KT_ERR_SHAPE, reader, "'%.80s': the sizes multiply to more than memory can hold", name);
        return NULL;
    }
    char *copy = kt_copy_text(kt, name);
    if (!copy) return NULL;
    void *memory = kt_heap_take_aligned(&kt->heap, bytes);
    if (!memory || !kt_grow(&kt->heap, &arrays->at, &arrays->capacity, arrays->count + 1, sizeof *arrays->at)) {
        kt_heap_give_aligned(&kt->heap, memory);
        kt_give(kt, copy);
        kt_no_memory(kt);
        return NULL;
    }
    arrays->at[arrays->count++] = (named_array){ copy, hash, memory, kt_array_of(memory, dtype, shape) };
    return memory;
}

int64_t kt_arrays_count(const kt_arrays *arrays) { return arrays ? (int64_t)arrays->count : 0; }

const char *kt_arrays_name(const kt_arrays *arrays, int64_t i)
{
    return i >= 0 && i < kt_arrays_count(arrays) ? arrays->at[i].name : "";
}

kt_array kt_arrays_at(const kt_arrays *arrays, int64_t i)
{
    return i >= 0 && i < kt_arrays_count(arrays) ? arrays->at[i].array : (kt_array){ .data = NULL };
}

kt_array kt_arrays_get(const kt_arrays *arrays, const char *name)
{
    if (!arrays || !name) return (kt_array){ .data = NULL };
    const named_array *found = find(arrays, name, kt_hash_bytes(name, strlen(name), 0));
    return found ? found->array : (kt_array){ .data = NULL };
}
