/* SPDX-License-Identifier: MIT */
/* summary/kinds/image.h: from kt_images to PNG: what logged pictures and the projector's sprite share. */
#ifndef KERATIN_SUMMARY_IMAGE_H
#define KERATIN_SUMMARY_IMAGE_H

#include <keratin/summary_media.h>

#include "png.h"

/* Which pictures become one file, and how they lie in it. */
typedef struct kt_image_grid {
    int64_t first, count; /* count >= 1 */
    int64_t columns;      /* 1 to count */
    int64_t rows;         /* 0: as many as are needed */
    int border;           /* the width of the lines around each: 0 or 1 */
} kt_image_grid;

/* Checks everything about the pictures and such a grid of them. KT_OK, or what is wrong as the end of a sentence. */
kt_status kt_images_check(const kt_images *images, const kt_image_grid *grid, char *wrong, size_t room);

/* The file's sides. */
int64_t kt_image_grid_width(const kt_images *images, const kt_image_grid *grid);
int64_t kt_image_grid_height(const kt_images *images, const kt_image_grid *grid);

/* How float pixels are stretched: byte = x * scale + offset - zero * scale. */
typedef struct kt_image_range {
    bool clip; /* as TensorFlow, in float */
    double zero, scale, offset;
} kt_image_range;

/* The range of the pictures [first, first + count). */
kt_image_range kt_images_range(const kt_images *images, int64_t first, int64_t count);

/* The file, with the range of all pictures or, where the pictures say so, of each. False when memory is short. */
bool kt_images_png(const kt_allocator *a, const kt_images *images, const kt_image_grid *grid, kt_image_range range,
                   kt_png *out);

#endif
