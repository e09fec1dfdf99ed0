/* SPDX-License-Identifier: MIT */
/* summary/kinds/png.h: PNG files made in memory: 8 bits a channel; grey, grey and alpha, RGB, RGBA.
 *
 * Compressed where zlib is present, else stored: such a file is as large as its pixels, and just as good to every
 * reader.
 */
#ifndef KERATIN_SUMMARY_PNG_H
#define KERATIN_SUMMARY_PNG_H

#include <keratin/status.h>

typedef struct kt_png {
    unsigned char *bytes; /* of the allocator; the caller's */
    size_t size;
} kt_png;

enum { KT_PNG_SIDE_MAX = 65535, KT_PNG_PIXELS_MAX = 1 << 27 };

/* Whether the encoder takes such a picture: sides from 1 to the limit, 1 to 4 channels. */
bool kt_png_fits(int64_t width, int64_t height, int64_t channels);

/* pixels: (height, width, channels), of a picture that fits. False when memory is short; nothing is kept then. */
bool kt_png_encode(const kt_allocator *a, const uint8_t *pixels, int64_t width, int64_t height, int64_t channels,
                   kt_png *out);

#endif
