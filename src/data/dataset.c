/* SPDX-License-Identifier: MIT */
/* data/dataset.c: data sets.
 *
 * What a batch needs is decided when the set is made: rows in their order are given out where they lie, without a copy
 * or a thread; shuffled rows are gathered into memory taken beforehand. So no batch allocates, and none can fail.
 */
#include "data/dataset.h"

#include <string.h>

#include "core/tensor.h"
#include "data/arrays.h"

enum { BATCH_SIZE = 32, PREFETCH_MOST = 4096, LINE = 64 };

static void dataset_release(kt_context *kt, kt_object *self)
{
    kt_dataset *data = (kt_dataset *)self;
    kt_prefetch_free(data->prefetch);
    kt_heap_give_aligned(&kt->heap, data->gathered);
    kt_give(kt, data->order.row);
    if (data->cls.release) data->cls.release(data->self);
    kt_give(kt, data);
}

void kt_dataset_free(kt_dataset *data)
{
    if (!data) return;
    (void)kt_loop_close(data);
    kt_disown(&data->object);
    dataset_release(data->kt, &data->object);
}

/* ---- of arrays ---- */

static kt_status add_part(kt_dataset *data, int part, const char *name, const kt_array *array)
{
    kt_context *kt = data->kt;
    kt_batcher *b = &data->batcher;
    if (!array->data) return KT_OK;
    kt_status status = kt_check_array(kt, "dataset", name, array);
    if (status != KT_OK) return status;
    if (array->rank < 1)
        return kt_fail_at(kt, KT_ERR_SHAPE, "dataset",
                          "%s: expected rows, got a single number; give it the shape (rows, ...)", name);
    if (part == KT_PART_X) b->rows = array->dim[0];
    if (array->dim[0] != b->rows)
        return kt_fail_at(kt, KT_ERR_SHAPE, "dataset", "%s has %lld rows, but x has %lld; each row of x needs one",
                          name, (long long)array->dim[0], (long long)b->rows);
    size_t row_bytes = kt_dtype_size(array->dtype);
    for (int i = 1; i < array->rank; i++) row_bytes *= (size_t)array->dim[i]; /* kt_check_array: it fits */
    b->part[part] = (kt_part){ .data = array->data, .row_bytes = row_bytes };
    kt_array *shape = part == KT_PART_X   ? &data->shape.x
                      : part == KT_PART_Y ? &data->shape.y
                                          : &data->shape.sample_weight;
    *shape = *array;
    return KT_OK;
}

static kt_status divide(kt_dataset *data, const kt_dataset_config *config)
{
    kt_context *kt = data->kt;
    kt_batcher *b = &data->batcher;
    if (!config->x.data) return kt_fail_at(kt, KT_ERR_VALUE, "dataset", "expected x, got no array (data is NULL)");
    kt_status status = add_part(data, KT_PART_X, "x", &config->x);
    if (status == KT_OK) status = add_part(data, KT_PART_Y, "y", &config->y);
    if (status == KT_OK) status = add_part(data, KT_PART_WEIGHT, "sample_weight", &config->sample_weight);
    if (status != KT_OK) return status;
    if (b->rows == 0) return kt_fail_at(kt, KT_ERR_SHAPE, "dataset", "x has no rows; expected at least one");
    if (config->batch_size < 0 || config->prefetch < 0 || config->prefetch > PREFETCH_MOST)
        return kt_fail_at(kt, KT_ERR_VALUE, "dataset",
                          "expected batch_size of 1 or more and prefetch of 0 to %d, got %lld and %d", PREFETCH_MOST,
                          (long long)config->batch_size, config->prefetch);
    if (config->shuffle && b->rows > (int64_t)KT_ORDER_ROWS_MOST)
        return kt_fail_at(kt, KT_ERR_UNSUPPORTED, "dataset",
                          "expected at most %lld rows to shuffle, got %lld; write a data set of "
                          "your own (kt_dataset_custom)",
                          (long long)KT_ORDER_ROWS_MOST, (long long)b->rows);
    b->batch_size = config->batch_size ? config->batch_size : BATCH_SIZE;
    if (b->batch_size > b->rows && !config->drop_remainder) b->batch_size = b->rows;
    b->batches = b->rows / b->batch_size + (!config->drop_remainder && b->rows % b->batch_size ? 1 : 0);
    if (b->batches == 0)
        return kt_fail_at(kt, KT_ERR_VALUE, "dataset",
                          "drop_remainder leaves no batch: %lld rows, batch_size %lld; make batch_size "
                          "smaller",
                          (long long)b->rows, (long long)b->batch_size);
    b->seed = config->seed;
    data->shuffle = config->shuffle && b->rows > 1;
    return KT_OK;
}

/* Memory for shuffled batches. */
static kt_status make_room(kt_dataset *data, int prefetch)
{
    kt_context *kt = data->kt;
    kt_batcher *b = &data->batcher;
    for (int i = 0; i < KT_PARTS; i++) {
        size_t bytes;
        b->part[i].offset = b->bytes;
        if (!kt_mul_size(b->part[i].row_bytes, (size_t)b->batch_size, &bytes) || bytes > SIZE_MAX / 8 - b->bytes)
            return kt_no_memory(kt);
        b->bytes += (bytes + LINE - 1) / LINE * LINE;
    }
    if (prefetch) {
        data->prefetch = kt_prefetch_new(kt, b, prefetch);
        return kt->status;
    }
    data->order.epoch = -1;
    size_t bytes;
    if (kt_mul_size((size_t)b->rows, sizeof *data->order.row, &bytes)) data->order.row = kt_heap_take(&kt->heap, bytes);
    data->gathered = kt_heap_take_aligned(&kt->heap, b->bytes);
    return data->order.row && data->gathered ? KT_OK : kt_no_memory(kt);
}

static kt_dataset *dataset_new(kt_context *kt)
{
    kt_dataset *data = kt_take_zeroed(kt, 1, sizeof *data);
    if (!data) return NULL;
    data->kt = kt;
    kt_own(kt, &data->object, dataset_release);
    return data;
}

kt_dataset *kt_dataset_new_with(kt_context *kt, const kt_dataset_config *config)
{
    kt_dataset_config settings;
    if (!kt || kt->status != KT_OK || kt_config_copy(kt, "dataset", &settings, sizeof settings, config) != KT_OK)
        return NULL;
    kt_dataset *data = dataset_new(kt);
    if (!data) return NULL;
    kt_status status = divide(data, &settings);
    if (status == KT_OK && data->shuffle) status = make_room(data, settings.prefetch);
    if (status == KT_OK) return data;
    kt_dataset_free(data);
    return NULL;
}

static void set_rows(kt_array *array, const void *data, int64_t rows)
{
    array->data = data;
    array->dim[0] = rows;
}

/* The batch at data's position, which is not the end of the epoch. */
static void take_rows(kt_dataset *data, kt_host_batch *batch)
{
    const kt_batcher *b = &data->batcher;
    const unsigned char *at[KT_PARTS] = { NULL, NULL, NULL }, *from = data->gathered;
    if (data->prefetch)
        from = kt_prefetch_take(data->prefetch, data->epoch, data->index);
    else if (data->shuffle)
        kt_batcher_gather(b, &data->order, data->epoch, data->index, data->gathered);
    for (int i = 0; i < KT_PARTS; i++) {
        const kt_part *part = &b->part[i];
        if (!part->data) continue;
        at[i] =
            data->shuffle ? from + part->offset : part->data + (size_t)(data->index * b->batch_size) * part->row_bytes;
    }
    int64_t rows = kt_batcher_rows(b, data->index);
    *batch = data->shape;
    set_rows(&batch->x, at[KT_PART_X], rows);
    if (at[KT_PART_Y]) set_rows(&batch->y, at[KT_PART_Y], rows);
    if (at[KT_PART_WEIGHT]) set_rows(&batch->sample_weight, at[KT_PART_WEIGHT], rows);
    batch->index = data->index;
}

/* ---- the caller's own ---- */

kt_dataset *kt_dataset_custom(kt_context *kt, const kt_dataset_class *cls, void *self)
{
    kt_dataset_class copy = { .size = 0 };
    kt_dataset *data = NULL;
    bool usable = cls && kt && kt_config_copy(kt, "dataset", &copy, sizeof copy, cls) == KT_OK;
    if (usable && kt->status == KT_OK && !copy.batch)
        kt_fail_at(kt, KT_ERR_VALUE, "dataset", "expected a class with a batch function, got one without (NULL)");
    if (usable && kt->status == KT_OK) data = dataset_new(kt);
    if (data) {
        data->cls = copy;
        data->self = self;
    } else if (kt && !cls) {
        kt_fail_at(kt, KT_ERR_VALUE, "dataset", "expected a class, got none (NULL)");
    } else if (usable && copy.release) {
        copy.release(self); /* what is given is no longer the caller's, even on failure */
    }
    return data;
}

static kt_status check_part(kt_dataset *data, const char *name, const kt_array *array, int64_t rows)
{
    if (!array->data) return KT_OK;
    kt_status status = kt_check_array(data->kt, "dataset", name, array);
    if (status != KT_OK) return status;
    if (array->rank >= 1 && array->dim[0] == rows) return KT_OK;
    return kt_fail_at(data->kt, KT_ERR_SHAPE, "dataset",
                      "epoch %lld, batch %lld: %s has %lld rows, expected %lld as in x", (long long)data->epoch,
                      (long long)data->index, name, array->rank ? (long long)array->dim[0] : 0LL, (long long)rows);
}

static kt_status take_custom(kt_dataset *data, kt_host_batch *batch)
{
    kt_context *kt = data->kt;
    kt_status status = data->cls.batch(data->self, data->epoch, data->index, batch);
    if (status != KT_OK)
        return kt_fail_at(kt, status, "dataset", "the data set's batch function failed in epoch %lld at batch %lld: %s",
                          (long long)data->epoch, (long long)data->index, kt_status_name(status));
    if (kt->status != KT_OK || !batch->x.data) return kt->status;
    batch->index = data->index;
    int64_t rows = batch->x.rank >= 1 ? batch->x.dim[0] : -1;
    status = check_part(data, "x", &batch->x, rows);
    if (status == KT_OK) status = check_part(data, "y", &batch->y, rows);
    return status == KT_OK ? check_part(data, "sample_weight", &batch->sample_weight, rows) : status;
}

/* ---- position ---- */

int64_t kt_dataset_batches(const kt_dataset *data)
{
    if (!data) return -1;
    if (!data->cls.batch) return data->batcher.batches;
    int64_t count = data->cls.count ? data->cls.count(data->self) : -1;
    return count < 0 ? -1 : count;
}

void kt_dataset_tell(const kt_dataset *data, int64_t *epoch, int64_t *index)
{
    if (epoch) *epoch = data ? data->epoch : 0;
    if (index) *index = data ? data->index : 0;
}

kt_status kt_dataset_seek(kt_dataset *data, int64_t epoch, int64_t index)
{
    if (!data) return KT_ERR_VALUE;
    kt_context *kt = data->kt;
    (void)kt_loop_close(data);
    if (kt->status != KT_OK) return kt->status;
    int64_t batches = kt_dataset_batches(data);
    if (epoch < 0 || index < 0 || (batches >= 0 && index > batches)) {
        char range[48];
        kt_text text = kt_text_in(range, sizeof range);
        if (batches >= 0)
            kt_text_add(&text, "0 to %lld", (long long)batches);
        else
            kt_text_add(&text, "0 or more");
        return kt_fail_at(kt, KT_ERR_VALUE, "dataset",
                          "seek: expected an epoch of 0 or more and a batch of %s, got epoch %lld, batch "
                          "%lld",
                          range, (long long)epoch, (long long)index);
    }
    data->epoch = epoch;
    data->index = index;
    return KT_OK;
}

kt_status kt_dataset_take(kt_dataset *data, kt_host_batch *batch)
{
    kt_context *kt = data->kt;
    *batch = (kt_host_batch){ .index = 0 };
    if (kt->status != KT_OK) return kt->status;
    if (data->cls.batch) {
        kt_status status = take_custom(data, batch);
        if (status != KT_OK) {
            *batch = (kt_host_batch){ .index = 0 };
            return status;
        }
    } else if (data->index < data->batcher.batches) {
        take_rows(data, batch);
    }
    if (batch->x.data) {
        data->index++;
    } else { /* the epoch is over */
        data->epoch++;
        data->index = 0;
    }
    return KT_OK;
}

kt_status kt_dataset_next(kt_dataset *data, kt_host_batch *batch)
{
    if (!batch) return KT_ERR_VALUE;
    *batch = (kt_host_batch){ .index = 0 };
    if (!data) return KT_ERR_VALUE;
    if (data->loop) (void)kt_loop_close(data);
    return kt_dataset_take(data, batch);
}
