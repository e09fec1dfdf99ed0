/* SPDX-License-Identifier: MIT */
/* tests/summary/test_png.c: the PNG encoder against a decoder that knows only the specification.
 *
 * Every channel count, sides around the places where something changes (one pixel, one block of 65,535 stored bytes),
 * and kinds of content that make the encoder take each filter. Runs the same with and without zlib.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media_reader.h"
#include "png_reader.h"
#include "summary/kinds/png.h"

enum { KINDS = 8 };

static uint32_t seed = 1;

static uint8_t noise(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint8_t)(seed >> 24);
}

/* Content number `kind` for byte i of a row of n at height y. */
static uint8_t content(int kind, int64_t i, int64_t y, int64_t channels)
{
    switch (kind) {
    case 0: return 0;
    case 1: return noise();
    case 2: return (uint8_t)(i / channels * 7);       /* falls to the left: Sub */
    case 3: return (uint8_t)(i * i * 31 + y);         /* like the row above: Up */
    case 4: return (uint8_t)((i / channels + y) * 3); /* a slope: Paeth, Average */
    case 5: return (uint8_t)(noise() % 32 + y * 2 + i / channels * 2); /* and noise: Average */
    case 6: return noise() < 60 ? noise() % 7 : 0;    /* runs of zeros, which filters only break */
    default: return (uint8_t)(noise() % 8 + noise() % 8);
    }
}

static int encode_and_compare(int kind, int64_t width, int64_t height, int64_t channels)
{
    media_heap heap = { 0 };
    kt_allocator a = media_allocator(&heap);
    size_t n = (size_t)(width * height * channels);
    uint8_t *pixels = malloc(n);
    for (int64_t y = 0; y < height; y++)
        for (int64_t i = 0; i < width * channels; i++) pixels[y * width * channels + i] = content(kind, i, y, channels);
    kt_png png;
    assert_true(kt_png_encode(&a, pixels, width, height, channels, &png));
    assert_int_equal(heap.held, 1);
    png_read got = png_decode(png.bytes, png.size);
    if (got.wrong) fail_msg("kind %d, %d x %d x %d: %s", kind, (int)width, (int)height, (int)channels, got.wrong);
    assert_int_equal(got.width, width);
    assert_int_equal(got.height, height);
    assert_int_equal(got.channels, channels);
    assert_memory_equal(got.pixels, pixels, n);
    free(got.pixels);
    free(pixels);
    a.release(png.bytes, a.user);
    return got.filters;
}

static void test_sizes(void **state)
{
    (void)state;
    static const int64_t sides[][2] = { { 1, 1 }, { 2, 1 }, { 1, 7 }, { 3, 5 }, { 28, 28 }, { 257, 33 } };
    for (int64_t channels = 1; channels <= 4; channels++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
            for (int kind = 0; kind < KINDS; kind++) encode_and_compare(kind, sides[i][0], sides[i][1], channels);
}

/* Rows and files that end just before, at and behind the end of a stored block. */
static void test_blocks(void **state)
{
    (void)state;
    for (int64_t width = 65532; width <= 65535; width++) encode_and_compare(1, width, 1, 1);
    encode_and_compare(1, 65535, 3, 1);
    encode_and_compare(4, 21844, 3, 3);
    encode_and_compare(1, 255, 256, 1); /* rows of 256 bytes: block ends fall between rows */
    encode_and_compare(1, 3, 65535, 1);
    encode_and_compare(4, 700, 500, 4);
}

/* With zlib each filter finds the content it is for; without it nothing is filtered. */
static void test_filters(void **state)
{
    (void)state;
    int used = 0;
    for (int kind = 0; kind < KINDS; kind++)
        for (int64_t channels = 1; channels <= 4; channels++) used |= encode_and_compare(kind, 64, 64, channels);
#ifdef KT_HAVE_ZLIB
    assert_int_equal(used, 31);
#else
    assert_int_equal(used, 1);
#endif
}

#ifdef KT_HAVE_ZLIB
static void test_compression(void **state)
{
    (void)state;
    media_heap heap = { 0 };
    kt_allocator a = media_allocator(&heap);
    static uint8_t slope[512 * 512 * 3];
    for (size_t i = 0; i < sizeof slope; i++) slope[i] = content(4, (int64_t)i % 1536, (int64_t)i / 1536, 3);
    kt_png png;
    assert_true(kt_png_encode(&a, slope, 512, 512, 3, &png));
    assert_true(png.size < sizeof slope / 100);
    a.release(png.bytes, a.user);
}

static size_t encoded_size(const uint8_t *pixels, int64_t width, int64_t height, int64_t channels, int *filters)
{
    media_heap heap = { 0 };
    kt_allocator a = media_allocator(&heap);
    kt_png png;
    assert_true(kt_png_encode(&a, pixels, width, height, channels, &png));
    png_read got = png_decode(png.bytes, png.size);
    assert_null(got.wrong);
    assert_memory_equal(got.pixels, pixels, (size_t)(width * height * channels));
    *filters = got.filters;
    free(got.pixels);
    a.release(png.bytes, a.user);
    return png.size;
}

/* Each kind of picture is compressed in its own way: noise costs no search for filters and what repeats far away is
 * found where it is worth a search. */
static void test_kinds(void **state)
{
    (void)state;
    enum { SIDE = 256, TILE = 32 };
    static uint8_t pixels[SIDE * SIDE];
    int filters;
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = noise(); /* even noise: stored */
    assert_in_range(encoded_size(pixels, SIDE, SIDE, 1, &filters), sizeof pixels, sizeof pixels + 1024);
    assert_int_equal(filters, 1);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = content(7, 0, 0, 1); /* 15 values, 3.6 bits each */
    assert_in_range(encoded_size(pixels, SIDE, SIDE, 1, &filters), sizeof pixels * 7 / 16, sizeof pixels * 31 / 64);
    assert_int_equal(filters, 1);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = noise() < 8 ? 9 : 0; /* sparse: less than a bit each */
    assert_in_range(encoded_size(pixels, SIDE, SIDE, 1, &filters), 1, sizeof pixels / 16);
    assert_int_equal(filters, 1);
    uint8_t tile[TILE][TILE];
    for (int y = 0; y < TILE; y++)
        for (int x = 0; x < TILE; x++) tile[y][x] = x % 8 ? tile[y][x - 1] : y % 8 ? tile[y - 1][x] : noise();
    for (int i = 0; i < SIDE * SIDE; i++) pixels[i] = tile[i / SIDE % TILE][i % TILE]; /* a drawing that repeats */
    assert_in_range(encoded_size(pixels, SIDE, SIDE, 1, &filters), 1, sizeof pixels / 100);
    assert_true(filters > 1);
}
#endif

static void test_limits(void **state)
{
    (void)state;
    assert_true(kt_png_fits(1, 1, 1));
    assert_true(kt_png_fits(65535, 2048, 4));
    assert_false(kt_png_fits(65535, 2049, 4)); /* above 2^27 pixels */
    assert_false(kt_png_fits(65536, 1, 1));
    assert_false(kt_png_fits(1, 65536, 1));
    assert_false(kt_png_fits(0, 1, 1));
    assert_false(kt_png_fits(1, -1, 1));
    assert_false(kt_png_fits(1, 1, 0));
    assert_false(kt_png_fits(1, 1, 5));
    assert_false(kt_png_fits(INT64_MAX, INT64_MAX, 1));
    assert_false(kt_png_fits(INT64_MIN, INT64_MIN, 1));
}

/* The n-th request for memory fails, for every n: nothing is lost, and the last try succeeds. */
static void test_memory(void **state)
{
    (void)state;
    static uint8_t pixels[100 * 100 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = noise();
    bool done = false;
    int tries = 0;
    while (!done) {
        media_heap heap = { .fail_at = ++tries };
        kt_allocator a = media_allocator(&heap);
        kt_png png;
        done = kt_png_encode(&a, pixels, 100, 100, 3, &png);
        assert_int_equal(heap.held, done ? 1 : 0);
        if (!done) assert_null(png.bytes);
        a.release(png.bytes, a.user);
        assert_true(tries < 100);
    }
    assert_true(tries > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_blocks), cmocka_unit_test(test_filters),
#ifdef KT_HAVE_ZLIB
        cmocka_unit_test(test_compression), cmocka_unit_test(test_kinds),
#endif
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
