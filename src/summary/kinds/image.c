/* SPDX-License-Identifier: MIT */
/* summary/kinds/image.c: pictures: from numbers to bytes, to a grid, to a PNG file, to a record.
 *
 * TensorBoard's value is a row of strings: width, height, then one encoded picture each. Floats are made bytes here: by
 * TensorFlow's own formula, in float as there, so that the pixels are equal; or by one of two that it lacks, without
 * which activations are black and weights are half black. Quantities of those two are double: the difference of two
 * floats may exceed float's range.
 *
 * An alpha channel has its meaning already and is never stretched.
 */
#include "image.h"

#include <math.h>
#include <stdio.h>

#include "summary/writer.h"

enum { IMAGE_OUTPUTS = 3 }; /* what TensorFlow takes when nobody says */

static const int64_t image_count_max = 1 << 20;
static const size_t image_bytes_max = (size_t)1 << 30;

static int64_t image_rows(const kt_image_grid *grid)
{
    return grid->rows ? grid->rows : (grid->count + grid->columns - 1) / grid->columns;
}

int64_t kt_image_grid_width(const kt_images *images, const kt_image_grid *grid)
{
    return grid->columns * (images->width + grid->border) + grid->border;
}

int64_t kt_image_grid_height(const kt_images *images, const kt_image_grid *grid)
{
    return image_rows(grid) * (images->height + grid->border) + grid->border;
}

kt_status kt_images_check(const kt_images *images, const kt_image_grid *grid, char *wrong, size_t room)
{
    if (!images) {
        snprintf(wrong, room, "expected pictures, got NULL; pass a kt_images");
        return KT_ERR_VALUE;
    }
    const kt_images *m = images;
    if (!m->u8 == !m->f32 && (m->count > 0 || m->u8)) {
        snprintf(wrong, room, "expected pixels in u8 or in f32, got %s; set one of them", m->u8 ? "both" : "none");
        return KT_ERR_VALUE;
    }
    if (m->scaling < KT_IMAGE_CLIP || m->scaling > KT_IMAGE_SYMMETRIC) {
        snprintf(wrong, room, "expected a scaling of kt_image_scaling, got %d; choose one", (int)m->scaling);
        return KT_ERR_VALUE;
    }
    if (m->count < 0 || m->columns < 0 || m->max_outputs < 0) {
        snprintf(wrong, room,
                 "expected count, columns and max_outputs of 0 or more, got %lld, %lld and %lld; correct them",
                 (long long)m->count, (long long)m->columns, (long long)m->max_outputs);
        return KT_ERR_VALUE;
    }
    if (!kt_png_fits(m->width, m->height, m->channels)) {
        snprintf(wrong, room,
                 "expected sides of 1 to %d, at most %d pixels and 1 to 4 channels, got %lld x %lld with %lld "
                 "channels; "
                 "pass (count, height, width, channels)",
                 KT_PNG_SIDE_MAX, KT_PNG_PIXELS_MAX, (long long)m->width, (long long)m->height, (long long)m->channels);
        return KT_ERR_VALUE;
    }
    /* Bounded factors first: the sides of the grid cannot overflow then. */
    if (grid->count > image_count_max ||
        !kt_png_fits(kt_image_grid_width(m, grid), kt_image_grid_height(m, grid), m->channels)) {
        snprintf(wrong, room,
                 "expected a grid with sides of at most %d and %d pixels, got %lld pictures of %lld x %lld in %lld "
                 "columns; "
                 "take fewer or smaller ones",
                 KT_PNG_SIDE_MAX, KT_PNG_PIXELS_MAX, (long long)grid->count, (long long)m->width, (long long)m->height,
                 (long long)grid->columns);
        return KT_ERR_VALUE;
    }
    return KT_OK;
}

/* ---- From floats to bytes -------------------------------------------------------------------- */

kt_image_range kt_images_range(const kt_images *images, int64_t first, int64_t count)
{
    kt_image_range range = { .clip = true, .scale = 255.5 };
    if (!images->f32 || images->scaling == KT_IMAGE_CLIP) return range;

    int64_t channels = images->channels, stretched = channels - (channels % 2 == 0);
    int64_t size = images->height * images->width * channels;
    const float *x = images->f32 + first * size;
    float least = INFINITY, greatest = -INFINITY;
    for (int64_t i = 0; i < count * size; i += channels)
        for (int64_t c = 0; c < stretched; c++) {
            float value = x[i + c];
            if (!isfinite(value)) continue;
            if (value < least) least = value;
            if (value > greatest) greatest = value;
        }
    if (least > greatest) least = greatest = 0; /* nothing finite */
    range = (kt_image_range){ .offset = images->scaling == KT_IMAGE_SYMMETRIC ? 128 : 0 };
    if (images->scaling == KT_IMAGE_SYMMETRIC) {
        double most = fmax(fabs((double)least), fabs((double)greatest));
        range.scale = most > 0 ? 127.5 / most : 0;
    } else {
        range.zero = least;
        range.scale = greatest > least ? 255.5 / ((double)greatest - least) : 0;
    }
    return range;
}

/* max(byte, 0) is (byte + |byte|) / 2, exactly: of weights every second one is below 0, nobody foretells which, and a
 * wrong guess at the branch costs more than the rest. */
static uint8_t image_clip(float x)
{
    float byte = x * 255.5f, size = fabsf(byte);
    if (!(size < 255)) return byte > 0 ? 255 : 0; /* NaN is black */
    return (uint8_t)((byte + size) * 0.5f);
}

static uint8_t image_stretch(float x, const kt_image_range *range)
{
    if (isinf(x)) return x > 0 ? 255 : 0; /* times a scale of 0 it would be NaN */
    double byte = ((double)x - range->zero) * range->scale + range->offset;
    if (!(byte > 0)) return 0;
    return byte < 255 ? (uint8_t)byte : 255;
}

/* `count` pixels of a row. */
static void image_row(uint8_t *to, const float *x, int64_t count, int64_t channels, const kt_image_range *range)
{
    if (range->clip) {
        for (int64_t i = 0; i < count * channels; i++) to[i] = image_clip(x[i]);
        return;
    }
    int64_t stretched = channels - (channels % 2 == 0);
    for (int64_t i = 0; i < count * channels; i += channels) {
        for (int64_t c = 0; c < stretched; c++) to[i + c] = image_stretch(x[i + c], range);
        if (stretched < channels) to[i + stretched] = image_clip(x[i + stretched]);
    }
}

/* ---- From bytes to a file -------------------------------------------------------------------- */

/* Lines and empty places: grey, opaque; black where grey means 0. */
static void image_background(const kt_images *images, uint8_t *pixels, int64_t count)
{
    bool symmetric = images->f32 && images->scaling == KT_IMAGE_SYMMETRIC;
    int64_t channels = images->channels;
    for (int64_t i = 0; i < count * channels; i++)
        pixels[i] = channels % 2 == 0 && i % channels == channels - 1 ? 255 : symmetric ? 0 : 128;
}

static void image_paint(const kt_images *images, int64_t index, kt_image_range range, uint8_t *to, int64_t stride)
{
    int64_t row = images->width * images->channels;
    if (images->f32 && images->scale_each) range = kt_images_range(images, index, 1);
    for (int64_t y = 0; y < images->height; y++) {
        int64_t from = (index * images->height + y) * row;
        if (images->u8) memcpy(to + y * stride, images->u8 + from, (size_t)row);
        else image_row(to + y * stride, images->f32 + from, images->width, images->channels, &range);
    }
}

bool kt_images_png(const kt_allocator *a, const kt_images *images, const kt_image_grid *grid, kt_image_range range,
                   kt_png *out)
{
    int64_t width = kt_image_grid_width(images, grid), height = kt_image_grid_height(images, grid);
    int64_t channels = images->channels, stride = width * channels;
    if (images->u8 && grid->count == 1 && grid->border == 0) /* as it lies in memory */
        return kt_png_encode(a, images->u8 + grid->first * height * stride, width, height, channels, out);

    uint8_t *pixels = a->allocate((size_t)(height * stride), a->user);
    if (!pixels) return false;
    if (grid->count > 1 || grid->border > 0) image_background(images, pixels, width * height);
    for (int64_t i = 0; i < grid->count; i++) {
        int64_t y = grid->border + i / grid->columns * (images->height + grid->border);
        int64_t x = grid->border + i % grid->columns * (images->width + grid->border);
        image_paint(images, grid->first + i, range, pixels + y * stride + x * channels, stride);
    }
    bool done = kt_png_encode(a, pixels, width, height, channels, out);
    a->release(pixels, a->user);
    return done;
}

/* ---- Logging --------------------------------------------------------------------------------- */

/* The row of strings: sides and `count` files. */
static kt_status image_append(kt_events *log, const char *caller, const char *tag, int64_t width, int64_t height,
                              kt_event_string *strings, int64_t count, int64_t step)
{
    char sides[2][24];
    size_t bytes = 0;
    for (int64_t i = 0; i < count; i++) {
        bytes = strings[2 + i].size < image_bytes_max - bytes ? bytes + strings[2 + i].size : image_bytes_max;
        if (bytes == image_bytes_max)
            return kt_events_fail(log, KT_ERR_VALUE,
                                  "%s: expected files below 1 GiB in all, got more; log fewer at once", caller);
    }
    strings[0] = (kt_event_string){ sides[0], (size_t)snprintf(sides[0], sizeof *sides, "%lld", (long long)width) };
    strings[1] = (kt_event_string){ sides[1], (size_t)snprintf(sides[1], sizeof *sides, "%lld", (long long)height) };
    kt_event_tensor row = { .rank = 1, .dim = { count + 2 }, .strings = strings, .count = (size_t)count + 2 };
    return kt_events_append(log, caller, KT_KIND_IMAGE, tag, step, &row);
}

/* Encodes `count` files, each a grid like `grid` moved on by its count. */
static kt_status image_encode(kt_events *log, const char *caller, const kt_images *images, kt_image_grid grid,
                              kt_event_string *strings, int64_t count)
{
    const kt_allocator *a = kt_events_allocator(log);
    kt_image_range range = kt_images_range(images, 0, images->scale_each ? 0 : grid.count * count);
    for (int64_t i = 0; i < count; i++, grid.first += grid.count) {
        kt_png png;
        if (!kt_images_png(a, images, &grid, range, &png))
            return kt_events_fail(log, KT_ERR_MEMORY,
                                  "%s: out of memory for a picture of %lld x %lld; free some or log smaller ones",
                                  caller, (long long)kt_image_grid_width(images, &grid),
                                  (long long)kt_image_grid_height(images, &grid));
        strings[2 + i] = (kt_event_string){ png.bytes, png.size };
    }
    return KT_OK;
}

static kt_event_string *image_strings(kt_events *log, const char *caller, int64_t count)
{
    const kt_allocator *a = kt_events_allocator(log);
    size_t bytes = ((size_t)count + 2) * sizeof(kt_event_string);
    kt_event_string *strings = a->allocate(bytes, a->user);
    if (strings) memset(strings, 0, bytes);
    else
        kt_events_fail(log, KT_ERR_MEMORY, "%s: out of memory for %lld pictures; free some or log fewer", caller,
                       (long long)count);
    return strings;
}

kt_status kt_events_image(kt_events *log, const char *tag, const kt_images *images, int64_t step)
{
    const char *caller = "kt_events_image";
    if (!log) return KT_ERR_STATE;
    int64_t given = images && images->count > 0 ? images->count : 0;
    bool one = images && images->columns > 0; /* a grid is one file */
    int64_t most = images && images->max_outputs > 0 ? images->max_outputs : one ? given : IMAGE_OUTPUTS;
    int64_t taken = given < most ? given : most, files = one ? taken > 0 : taken;
    kt_image_grid grid = { .count = 1, .columns = 1 };
    if (one && taken > 0)
        grid = (kt_image_grid){ .count = taken,
                                .columns = images->columns < taken ? images->columns : taken,
                                .border = 1 };

    char wrong[256];
    kt_status status = kt_images_check(images, &grid, wrong, sizeof wrong);
    if (status != KT_OK) return kt_events_fail(log, status, "%s: %s", caller, wrong);
    if (files > image_count_max)
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected at most %lld pictures, got %lld; take fewer", caller,
                              (long long)image_count_max, (long long)files);

    /* What a limit holds back is not encoded: a row of no pictures is held back, and counted, in its place. */
    if (!kt_events_wants(log, tag, step)) files = 0;
    kt_event_string *strings = image_strings(log, caller, files);
    if (!strings) return KT_ERR_MEMORY;
    status = image_encode(log, caller, images, grid, strings, files);
    if (status == KT_OK)
        status = image_append(log, caller, tag, kt_image_grid_width(images, &grid), kt_image_grid_height(images, &grid),
                              strings, files, step);
    const kt_allocator *a = kt_events_allocator(log);
    for (int64_t i = 0; i < files; i++) a->release((void *)strings[2 + i].bytes, a->user);
    a->release(strings, a->user);
    return status;
}

/* ---- Files that are encoded already ---------------------------------------------------------- */

static int64_t image_le(const unsigned char *at, int width)
{
    int64_t value = 0;
    for (int i = width; i-- > 0;) value = value << 8 | at[i];
    return value;
}

static int64_t image_be(const unsigned char *at, int width)
{
    int64_t value = 0;
    for (int i = 0; i < width; i++) value = value << 8 | at[i];
    return value;
}

/* JPEG: the first frame header, marker C0 to CF but C4, C8 and CC, behind segments that say how long they are. */
static bool image_jpeg_sides(const unsigned char *at, size_t n, int64_t *width, int64_t *height)
{
    for (size_t i = 2; i + 9 <= n;) {
        if (at[i] != 0xFF) return false;
        unsigned char marker = at[i + 1];
        if (marker == 0xFF) { /* padding */
            i++;
            continue;
        }
        if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
            *height = image_be(at + i + 5, 2);
            *width = image_be(at + i + 7, 2);
            return true;
        }
        bool alone = marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
        i += alone ? 2 : 2 + (size_t)image_be(at + i + 2, 2);
    }
    return false;
}

/* The sides of a picture, read from its first bytes. False for what is no picture that browsers show. */
static bool image_sides(const unsigned char *at, size_t n, int64_t *width, int64_t *height)
{
    if (n >= 24 && memcmp(at, "\x89PNG\r\n\x1A\n", 8) == 0) {
        *width = image_be(at + 16, 4);
        *height = image_be(at + 20, 4);
    } else if (n >= 10 && (memcmp(at, "GIF87a", 6) == 0 || memcmp(at, "GIF89a", 6) == 0)) {
        *width = image_le(at + 6, 2);
        *height = image_le(at + 8, 2);
    } else if (n >= 26 && memcmp(at, "BM", 2) == 0) {
        bool old = image_le(at + 14, 4) == 12; /* OS/2's */
        *width = image_le(at + 18, old ? 2 : 4);
        *height = old ? image_le(at + 20, 2) : (int32_t)(uint32_t)image_le(at + 22, 4);
        if (*height < 0) *height = -*height; /* top row first */
    } else if (n < 4 || memcmp(at, "\xFF\xD8\xFF", 3) != 0 || !image_jpeg_sides(at, n, width, height)) {
        return false;
    }
    return *width > 0 && *height > 0;
}

kt_status kt_events_image_encoded(kt_events *log, const char *tag, const kt_blob *files, int64_t count, int64_t step)
{
    const char *caller = "kt_events_image_encoded";
    if (!log) return KT_ERR_STATE;
    if (count < 1 || count > 65536 || !files)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected 1 to 65536 files, got %lld%s; pass an array and its length", caller,
                              (long long)count, files ? "" : " at NULL");
    int64_t sides[2] = { 0, 0 };
    for (int64_t i = 0; i < count; i++) {
        int64_t width, height;
        if (!files[i].bytes || !image_sides(files[i].bytes, files[i].size, &width, &height))
            return kt_events_fail(log, KT_ERR_VALUE,
                                  "%s: expected PNG, JPEG, GIF or BMP, got %zu bytes that are none of these as file "
                                  "%lld; "
                                  "encode the picture as PNG, or pass its pixels to kt_events_image",
                                  caller, files[i].bytes ? files[i].size : 0, (long long)i);
        if (i == 0) sides[0] = width, sides[1] = height;
    }
    kt_event_string *strings = image_strings(log, caller, count);
    if (!strings) return KT_ERR_MEMORY;
    for (int64_t i = 0; i < count; i++) strings[2 + i] = (kt_event_string){ files[i].bytes, files[i].size };
    kt_status status = image_append(log, caller, tag, sides[0], sides[1], strings, count, step);
    const kt_allocator *a = kt_events_allocator(log);
    a->release(strings, a->user);
    return status;
}
