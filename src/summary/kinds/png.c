/* SPDX-License-Identifier: MIT */
/* summary/kinds/png.c: PNG (ISO/IEC 15948): a signature, a head, one IDAT chunk, an end.
 *
 *     chunk    u32 length, 4 letters, data, u32 CRC-32 of letters and data; all numbers high byte first
 *     IDAT     a zlib stream of the rows, each behind one byte that names its filter
 *
 * A filter replaces each byte by its difference to what its neighbours foretell, which compresses better. Which of
 * the five is best nobody knows before compressing; the usual rule, that of the specification's section 12.8, takes
 * the one whose differences, read as signed bytes, have the least sum of magnitudes. That search is half of an
 * encoder's time and compression the other half, and pictures are logged while a network trains; so a few rows are
 * looked at first, and what cannot gain is not tried (png_look). Without zlib nothing compresses, so rows are not
 * filtered and stand in stored blocks.
 *
 * All sizes are bounded by KT_PNG_PIXELS_MAX pixels of 4 bytes: half a gigabyte, so sums below never overflow.
 */
#include "png.h"

#include <string.h>

#ifdef KT_HAVE_ZLIB
#define ZLIB_CONST 1 /* its input pointer is to const */
#include <zlib.h>
#endif

bool kt_png_fits(int64_t width, int64_t height, int64_t channels)
{
    return width >= 1 && width <= KT_PNG_SIDE_MAX && height >= 1 && height <= KT_PNG_SIDE_MAX &&
           width * height <= KT_PNG_PIXELS_MAX && channels >= 1 && channels <= 4;
}

/* ---- Bytes that grow ------------------------------------------------------------------------- */

typedef struct png_out {
    const kt_allocator *a;
    unsigned char *bytes;
    size_t size, capacity;
} png_out;

static bool png_reserve(png_out *o, size_t more)
{
    if (more <= o->capacity - o->size) return true;
    size_t capacity = o->size + (more > o->size / 2 ? more : o->size / 2);
    unsigned char *bytes = o->a->resize(o->bytes, capacity, o->a->user);
    if (!bytes) return false;
    o->bytes = bytes;
    o->capacity = capacity;
    return true;
}

static void png_u32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

#ifdef KT_HAVE_ZLIB
static uint32_t png_crc(const unsigned char *at, size_t n)
{
    return (uint32_t)crc32(0, at, (uInt)n);
}
#else
/* CRC-32, polynomial EDB88320 reflected, four bits at a time. */
static uint32_t png_crc(const unsigned char *at, size_t n)
{
    static const uint32_t table[16] = { 0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
                                        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C };
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        crc = table[(crc ^ at[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ (uint32_t)at[i] >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}
#endif

/* Begins a chunk; its data follow. Returns its place, or SIZE_MAX. */
static size_t png_begin(png_out *o, const char letters[5], size_t guess)
{
    if (!png_reserve(o, 12 + guess)) return SIZE_MAX;
    memcpy(o->bytes + o->size + 4, letters, 4);
    o->size += 8;
    return o->size - 8;
}

static bool png_end(png_out *o, size_t chunk)
{
    if (!png_reserve(o, 4)) return false;
    size_t n = o->size - chunk - 8;
    png_u32(o->bytes + chunk, (uint32_t)n);
    png_u32(o->bytes + o->size, png_crc(o->bytes + chunk + 4, n + 4));
    o->size += 4;
    return true;
}

/* ---- The pixels, compressed ------------------------------------------------------------------ */

#ifdef KT_HAVE_ZLIB

enum { PNG_FILTERS = 5, PNG_WINDOW_BITS = 15, PNG_MEMORY = 8, PNG_LOOKS = 16 };

/* How to compress, by what a few rows look like. */
typedef struct png_plan {
    bool filters; /* search one for each row */
    int level, strategy;
} png_plan;

static uint8_t png_paeth(int left, int above, int corner)
{
    int to_left = above - corner, to_above = left - corner, to_corner = to_left + to_above;
    to_left = to_left < 0 ? -to_left : to_left;
    to_above = to_above < 0 ? -to_above : to_above;
    to_corner = to_corner < 0 ? -to_corner : to_corner;
    if (to_left <= to_above && to_left <= to_corner) return (uint8_t)left;
    return (uint8_t)(to_above <= to_corner ? above : corner);
}

/* One row through filter f. `above` is the row before, zeros for the first; `step` the bytes of a pixel. */
static void png_filter(int f, uint8_t *to, const uint8_t *row, const uint8_t *above, size_t n, size_t step)
{
    *to++ = (uint8_t)f;
    for (size_t i = 0; i < step; i++) {
        int foretold[PNG_FILTERS] = { 0, 0, above[i], above[i] / 2, above[i] };
        to[i] = (uint8_t)(row[i] - foretold[f]);
    }
    const uint8_t *left = row, *corner = above;
    row += step, above += step, to += step, n -= step;
    switch (f) {
    case 0: memcpy(to, row, n); break;
    case 1: for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(row[i] - left[i]); break;
    case 2: for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(row[i] - above[i]); break;
    case 3: for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(row[i] - (left[i] + above[i]) / 2); break;
    default: for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(row[i] - png_paeth(left[i], above[i], corner[i]));
    }
}

static uint32_t png_magnitude(const uint8_t *bytes, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += bytes[i] < 128 ? bytes[i] : 256u - bytes[i];
    return sum;
}

/* The five forms of a row into `forms`, each n + 1 bytes; which one to take. Where a row is noise to the plain
 * neighbours, which is cheap to find out, the two filters that mix them are not tried: they are half of an encoder's
 * time. */
static const uint8_t *png_choose(uint8_t *forms, const uint8_t *row, const uint8_t *above, size_t n, size_t step)
{
    static const int order[PNG_FILTERS] = { 0, 2, 1, 3, 4 };
    int best = 0;
    uint32_t least = UINT32_MAX;
    for (int i = 0; i < PNG_FILTERS && least > 0 && !(i == 3 && best == 0); i++) {
        int f = order[i];
        uint8_t *form = forms + (size_t)f * (n + 1);
        png_filter(f, form, row, above, n, step);
        uint32_t sum = png_magnitude(form + 1, n);
        if (sum < least) least = sum, best = f;
    }
    return forms + (size_t)best * (n + 1);
}

static void png_count(uint32_t frequency[256], const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) frequency[bytes[i]]++;
}

/* The chance that two of n bytes are equal, times n * n: the larger, the fewer bits a byte needs. */
static double png_likeness(const uint32_t frequency[256])
{
    double sum = 0;
    for (int i = 0; i < 256; i++) sum += (double)frequency[i] * frequency[i];
    return sum;
}

/* Five kinds of pictures. Figures are of 670,000 weights, and of a grid of digits (580 x 652, RGB).
 *
 *   drawing     a filter helps, and most pixels are like their left neighbour: zlib's search finds what repeats
 *               farther away (the grid: 19 KB in 5 ms, without the search 34 KB in 3 ms)
 *   photograph  a filter helps, and after it nearly all redundancy is in how frequent each byte is, and in runs: the
 *               search costs three to seven times as much and saves nothing
 *   sparse      no filter helps, but there are runs
 *   noise       weights: how frequent each byte is, nothing else (with a search for filters twice the time)
 *   even noise  not even that: stored, in a fifth of the time */
static png_plan png_look(uint8_t *forms, const uint8_t *zeros, const uint8_t *pixels, size_t n, size_t rows,
                         size_t step)
{
    uint32_t plain[256] = { 0 }, filtered[256] = { 0 };
    size_t looks = rows < PNG_LOOKS ? rows : PNG_LOOKS, flat = 0;
    for (size_t i = 0; i < looks; i++) {
        size_t y = rows * i / looks + i * (i + 1) / 2 % (rows / looks); /* uneven, as enlarged pixels are even */
        const uint8_t *row = pixels + y * n;
        png_count(plain, row, n);
        png_count(filtered, png_choose(forms, row, y > 0 ? row - n : zeros, n, step) + 1, n);
        for (size_t k = step; k < n; k++) flat += row[k] == row[k - step];
    }
    double seen = (double)looks * (double)n, likeness = png_likeness(plain);
    bool flat_mostly = (double)flat > 0.75 * seen;
    if (png_likeness(filtered) > 1.25 * likeness) return (png_plan){ true, 4, flat_mostly ? Z_FILTERED : Z_RLE };
    if (flat_mostly) return (png_plan){ false, 1, Z_RLE };
    if (seen >= 4096 && likeness < 1.25 / 256 * seen * seen) return (png_plan){ false, 0, Z_DEFAULT_STRATEGY };
    return (png_plan){ false, 1, Z_HUFFMAN_ONLY };
}

static void *png_zalloc(void *user, unsigned count, unsigned size)
{
    const kt_allocator *a = user;
    return a->allocate((size_t)count * size, a->user);
}

static void png_zfree(void *user, void *block)
{
    const kt_allocator *a = user;
    a->release(block, a->user);
}

/* Hands n bytes to the compressor, or its end with Z_FINISH. */
static bool png_deflate(png_out *o, z_stream *z, const uint8_t *bytes, size_t n, int flush)
{
    z->next_in = bytes;
    z->avail_in = (uInt)n;
    for (int result = Z_OK; z->avail_in > 0 || (flush == Z_FINISH && result != Z_STREAM_END);) {
        if (!png_reserve(o, 1024)) return false;
        size_t room = o->capacity - o->size;
        z->next_out = o->bytes + o->size;
        z->avail_out = (uInt)room;
        result = deflate(z, flush);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return false;
        o->size += room - z->avail_out;
    }
    return true;
}

static bool png_pixels(png_out *o, const uint8_t *pixels, size_t row_bytes, size_t rows, size_t step)
{
    const kt_allocator *a = o->a;
    uint8_t *forms = a->allocate((PNG_FILTERS + 1) * (row_bytes + 1), a->user);
    if (!forms) return false;
    uint8_t *zeros = forms + PNG_FILTERS * (row_bytes + 1);
    memset(zeros, 0, row_bytes);

    png_plan plan = png_look(forms, zeros, pixels, row_bytes, rows, step);
    kt_allocator copy = *a; /* zlib wants a pointer that is not to const */
    z_stream z = { .zalloc = png_zalloc, .zfree = png_zfree, .opaque = &copy };
    bool done = deflateInit2(&z, plan.level, Z_DEFLATED, PNG_WINDOW_BITS, PNG_MEMORY, plan.strategy) == Z_OK;
    if (done) {
        const uint8_t *above = zeros;
        for (size_t y = 0; y < rows && done; y++) {
            const uint8_t *row = pixels + y * row_bytes;
            if (!plan.filters) png_filter(0, forms, row, above, row_bytes, step);
            const uint8_t *form = plan.filters ? png_choose(forms, row, above, row_bytes, step) : forms;
            done = png_deflate(o, &z, form, row_bytes + 1, Z_NO_FLUSH);
            above = row;
        }
        done = done && png_deflate(o, &z, zeros, 0, Z_FINISH);
        deflateEnd(&z);
    }
    a->release(forms, a->user);
    return done;
}

static size_t png_guess(size_t row_bytes, size_t rows)
{
    return (row_bytes + 1) * rows / 4 + 256;
}

/* ---- The pixels, stored ---------------------------------------------------------------------- */

#else

enum { PNG_BLOCK = 65535 };

typedef struct png_stored {
    unsigned char *to;
    size_t rest, block; /* of the whole stream, and of the block that is open */
    uint32_t a, b;      /* Adler-32's two sums */
} png_stored;

static void png_store(png_stored *s, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        if (s->block == 0) {
            s->block = s->rest < PNG_BLOCK ? s->rest : PNG_BLOCK;
            unsigned low = (unsigned)s->block & 255, high = (unsigned)s->block >> 8;
            *s->to++ = s->block == s->rest; /* the last one says so */
            *s->to++ = (unsigned char)low, *s->to++ = (unsigned char)high;
            *s->to++ = (unsigned char)~low, *s->to++ = (unsigned char)~high;
        }
        size_t take = n < s->block ? n : s->block;
        take = take < 5552 ? take : 5552; /* b overflows no sooner */
        memcpy(s->to, bytes, take);
        for (size_t i = 0; i < take; i++) {
            s->a += bytes[i];
            s->b += s->a;
        }
        s->a %= 65521;
        s->b %= 65521;
        s->to += take, bytes += take, n -= take;
        s->block -= take, s->rest -= take;
    }
}

static size_t png_guess(size_t row_bytes, size_t rows)
{
    size_t n = (row_bytes + 1) * rows;
    return 2 + n + 5 * (n / PNG_BLOCK + 1) + 4;
}

static bool png_pixels(png_out *o, const uint8_t *pixels, size_t row_bytes, size_t rows, size_t step)
{
    (void)step;
    if (!png_reserve(o, png_guess(row_bytes, rows))) return false;
    png_stored s = { .to = o->bytes + o->size, .rest = (row_bytes + 1) * rows, .a = 1 };
    *s.to++ = 0x78, *s.to++ = 0x01; /* a window of 32 KiB, no dictionary, quickest */
    for (size_t y = 0; y < rows; y++) {
        static const uint8_t no_filter = 0;
        png_store(&s, &no_filter, 1);
        png_store(&s, pixels + y * row_bytes, row_bytes);
    }
    png_u32(s.to, s.b << 16 | s.a);
    o->size = (size_t)(s.to + 4 - o->bytes);
    return true;
}

#endif

/* ---- The file -------------------------------------------------------------------------------- */

static bool png_file(png_out *o, const uint8_t *pixels, int64_t width, int64_t height, int64_t channels)
{
    static const unsigned char signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n' };
    static const unsigned char colour_type[5] = { 0, 0, 4, 2, 6 };
    size_t row_bytes = (size_t)(width * channels), rows = (size_t)height;

    if (!png_reserve(o, 8 + 25 + 12 + png_guess(row_bytes, rows) + 12)) return false;
    memcpy(o->bytes, signature, 8);
    o->size = 8;
    size_t chunk = png_begin(o, "IHDR", 13);
    unsigned char *head = o->bytes + o->size;
    png_u32(head, (uint32_t)width);
    png_u32(head + 4, (uint32_t)height);
    memcpy(head + 8, (unsigned char[]){ 8, colour_type[channels], 0, 0, 0 }, 5);
    o->size += 13;
    png_end(o, chunk); /* there is room: reserved above */

    chunk = png_begin(o, "IDAT", 0);
    if (!png_pixels(o, pixels, row_bytes, rows, (size_t)channels) || !png_end(o, chunk)) return false;
    chunk = png_begin(o, "IEND", 0);
    return chunk != SIZE_MAX && png_end(o, chunk);
}

bool kt_png_encode(const kt_allocator *a, const uint8_t *pixels, int64_t width, int64_t height, int64_t channels,
                   kt_png *out)
{
    png_out o = { .a = a };
    *out = (kt_png){ NULL, 0 };
    if (!png_file(&o, pixels, width, height, channels)) {
        a->release(o.bytes, a->user);
        return false;
    }
    *out = (kt_png){ o.bytes, o.size };
    return true;
}
