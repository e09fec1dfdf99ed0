/* SPDX-License-Identifier: MIT */
/* data/loop.c: kt_for_each_batch.
 *
 * A `break` runs none of this code, so what it leaves behind is found later: the data set remembers its open pass and
 * ends it before it gives out another batch, whose memory may be the same. A scope's memory is used again for later
 * scopes; the serial tells whether the remembered one is still meant.
 */
#include "core/tensor.h"
#include "data/dataset.h"

static kt_status end_pass(kt_dataset *data)
{
    kt_scope *scope = data->scope;
    data->scope = NULL;
    if (!scope || scope->serial != data->scope_serial) return data->kt->status;
    return kt_scope_end(data->kt, scope);
}

kt_status kt_loop_close(kt_dataset *data)
{
    data->loop = 0;
    return end_pass(data);
}

kt_batch kt_batch_begin(kt_dataset *data)
{
    kt_batch batch = { .data_ = data };
    if (!data) return batch;
    bool left = data->loop != 0;
    (void)kt_loop_close(data);
    if (left && data->index) { /* by break, or by an error: a loop goes over an epoch from its start */
        data->epoch++;
        data->index = 0;
    }
    data->loop = batch.loop_ = ++data->loops;
    return batch;
}

bool kt_batch_next(kt_batch *batch)
{
    kt_dataset *data = batch ? batch->data_ : NULL;
    if (!data) return false;
    kt_context *kt = data->kt;
    batch->x = batch->y = batch->sample_weight = NULL;
    if (data->loop != batch->loop_) {
        kt_fail_at(kt, KT_ERR_STATE, "for_each_batch",
                   "the data set was used for something else inside a loop over it; make a second "
                   "data set for that");
        return false;
    }
    kt_host_batch host;
    if (end_pass(data) != KT_OK || kt_dataset_take(data, &host) != KT_OK) return false;
    if (!host.x.data) {
        data->loop = 0;
        return false;
    }
    data->scope = kt_scope_begin(kt);
    if (!data->scope) return false;
    data->scope_serial = data->scope->serial;
    batch->scope_ = data->scope;
    batch->index = host.index;
    batch->x = kt_constant_borrow(kt, host.x);
    if (host.y.data) batch->y = kt_constant_borrow(kt, host.y);
    if (host.sample_weight.data) batch->sample_weight = kt_constant_borrow(kt, host.sample_weight);
    return kt->status == KT_OK;
}
