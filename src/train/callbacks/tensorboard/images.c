/* SPDX-License-Identifier: MIT */
/* callbacks/tensorboard/images.c: write_images: each weight as a picture, <path>/image, when its histogram is written.
 *
 * Keras's rules for what is a picture: axes of size 1 go; (n) is one column of n points; of a matrix the shorter side
 * is the height; (h, w, c) is c grey pictures; another rank stays as it is and is a picture only if it is (n, h, w, c)
 * with 3 or 4 channels. Three pictures of a weight at most. Values are clipped to 0..1 as in Keras unless images_scale
 * says otherwise; who asks for that is not after Keras's pictures, and gets (n) as a row, which a card stretches to a
 * band instead of a tower. A weight too large for a picture (a side above 65,535) is told to the log hook once.
 */
#include "train/callbacks/tensorboard/board.h"
#include "train/model.h"

enum { MAX_IMAGES = 3 };

typedef struct images {
    float *values, *turned; /* of the largest weight so far; transposed */
    size_t room, turned_room;
    bool told;
} images;

/* The picture of a weight of this shape. False: there is none. `turn`: rows and columns change places, or, of
 * (h, w, c), the channels come first. */
static bool picture_of(const kt_desc *desc, kt_image_scaling scaling, kt_images *to, bool *turn)
{
    int64_t dim[KT_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < desc->rank; i++)
        if (desc->dim[i] != 1) dim[rank++] = desc->dim[i];
    *turn = false;
    *to = (kt_images){ .count = 1, .channels = 1, .max_outputs = MAX_IMAGES, .scaling = scaling };
    switch (rank) {
    case 1:
        to->height = scaling == KT_IMAGE_CLIP ? dim[0] : 1;
        to->width = scaling == KT_IMAGE_CLIP ? 1 : dim[0];
        return true;
    case 2:
        *turn = dim[0] > dim[1];
        to->height = *turn ? dim[1] : dim[0];
        to->width = *turn ? dim[0] : dim[1];
        return true;
    case 3:
        *turn = true;
        to->count = dim[2];
        to->height = dim[0];
        to->width = dim[1];
        return true;
    case 4:
        to->count = dim[0];
        to->height = dim[1];
        to->width = dim[2];
        to->channels = dim[3];
        return dim[3] == 3 || dim[3] == 4;
    default: return false;
    }
}

/* (rows, columns) -> (columns, rows) */
static void transpose(const float *from, float *to, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
}

static kt_status write_image(kt_board *b, images *s, kt_tensor *weight, int64_t epoch)
{
    kt_context *kt = b->kt;
    const kt_desc *desc = kt_desc_of(weight);
    kt_images picture;
    bool turn;
    size_t n = (size_t)kt_desc_count(desc);
    if (!n || !picture_of(desc, b->config.images_scale, &picture, &turn)) return KT_OK;
    if (!kt_grow(&kt->heap, &s->values, &s->room, n, sizeof *s->values) ||
        (turn && !kt_grow(&kt->heap, &s->turned, &s->turned_room, n, sizeof *s->turned)))
        return kt_no_memory(kt);
    kt_status status = kt_read(weight, s->values, KT_FLOAT32, (int64_t)n);
    if (status != KT_OK) return status;
    if (turn && picture.count > 1) transpose(s->values, s->turned, picture.height * picture.width, picture.count);
    else if (turn) transpose(s->values, s->turned, picture.width, picture.height);
    picture.f32 = turn ? s->turned : s->values;
    char tag[KT_BOARD_TAG_MAX];
    kt_text text = kt_text_in(tag, sizeof tag);
    kt_text_add(&text, "%s/image", kt_variable_name(weight));
    if (kt_events_image(b->train, tag, &picture, epoch) == KT_ERR_VALUE && !s->told) {
        s->told = true;
        kt_remark(kt, "TensorBoard (write_images): %s", kt_events_message(b->train));
    }
    return KT_OK;
}

static kt_status images_epoch_end(kt_board *b, void *self, int64_t epoch, kt_logs *logs)
{
    (void)logs;
    if (epoch % b->config.histogram_freq || !b->loop->model) return KT_OK;
    kt_tensors weights = kt_weights(b->loop->model);
    kt_status status = b->kt->status;
    for (int64_t i = 0; i < weights.count && status == KT_OK; i++) status = write_image(b, self, weights.at[i], epoch);
    return status;
}

static void images_release(kt_board *b, void *self)
{
    images *s = self;
    kt_heap_give(&b->kt->heap, s->values);
    kt_heap_give(&b->kt->heap, s->turned);
}

static bool images_wanted(const kt_tensorboard_config *c) { return c->write_images && c->histogram_freq > 0; }

const kt_board_part kt_board_images = {
    .name = "images",
    .wanted = images_wanted,
    .state_size = sizeof(images),
    .epoch_end = images_epoch_end,
    .release = images_release,
};
