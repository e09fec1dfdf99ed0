/* SPDX-License-Identifier: MIT */
/* tests/summary/test_image.c: logged pictures: the tensor's bytes, scaling of floats, grids, encoded files, mistakes.
 *
 * Expected pixels come from the formulas written out here; those of KT_IMAGE_CLIP are what TensorFlow 2 gave for the
 * same floats (tf.image.convert_image_dtype(x, tf.uint8, saturate=True)).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "media_reader.h"
#include "png_reader.h"
#include "summary/event.h"

/* Logs the pictures and decodes them; `shown` may be NULL where a failure is expected. */
static kt_status log_images(const kt_images *images, media_file *m)
{
    kt_events *log = media_open(m, NULL);
    kt_status status = kt_events_image(log, "i", images, 1);
    if (status != KT_OK) assert_true(strlen(kt_events_message(log)) > 30);
    media_read(m, log);
    assert_int_equal(m->count, status == KT_OK ? 1 : 0);
    return status;
}

static png_read picture(const media_file *m, int index)
{
    const media_value *v = &m->value[0];
    assert_true(index + 2 < v->strings);
    png_read p = png_decode(v->string[index + 2], v->string_size[index + 2]);
    if (p.wrong) fail_msg("picture %d: %s", index, p.wrong);
    return p;
}

static void expect_text(const media_value *v, int i, const char *text)
{
    assert_int_equal(v->string_size[i], strlen(text));
    assert_memory_equal(v->string[i], text, strlen(text));
}

/* One picture of one row of floats: its bytes. */
static void expect_bytes(kt_images images, const uint8_t *expected)
{
    media_file m;
    images.count = 1;
    images.height = 1;
    assert_int_equal(log_images(&images, &m), KT_OK);
    png_read p = picture(&m, 0);
    for (int64_t i = 0; i < images.width * images.channels; i++)
        if (p.pixels[i] != expected[i])
            fail_msg("scaling %d, number %d: %d, expected %d", images.scaling, (int)i, p.pixels[i], expected[i]);
    free(p.pixels);
    media_close(&m);
}

/* ---- The tensor ------------------------------------------------------------------------------ */

/* The golden record: strings "2", "1" and four bytes. */
static void test_golden(void **state)
{
    (void)state;
    unsigned char record[128];
    kt_event_string strings[3] = { { "2", 1 }, { "1", 1 }, { "\x89PNG", 4 } };
    kt_event_tensor value = { .rank = 1, .dim = { 3 }, .strings = strings, .count = 3 };
    kt_wire w = { record + KT_RECORD_HEAD, record + sizeof record, false };
    kt_event_summary(&w, 1700000000.0, 1, KT_KIND_IMAGE, "i", 1, &value);
    kt_record_seal(record, (size_t)(w.at - record) - KT_RECORD_HEAD);
    media_file m = { .file = { record, kt_record_size(record) } };
    assert_int_equal(m.file.size, 68);
    assert_true(media_ends_with(
        &m, "34 00 00 00 00 00 00 00 5e 33 17 5c 09 00 00 00 40 fc 54 d9 41 10 01 2a 27 0a 25 0a 01 69 42 14 "
            "08 07 12 04 12 02 08 03 42 01 32 42 01 31 42 04 89 50 4e 47 4a 0a 0a 08 0a 06 69 6d 61 67 65 73 "
            "e2 d2 81 3c"));
}

static void test_tensor(void **state)
{
    (void)state;
    static uint8_t pixels[5 * 4 * 6 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37);
    kt_images images = { .u8 = pixels, .count = 5, .height = 4, .width = 6, .channels = 3 };
    media_file m;
    assert_int_equal(log_images(&images, &m), KT_OK);
    const media_value *v = &m.value[0];
    assert_string_equal(v->plugin, "images");
    assert_int_equal(v->content_size, 0);
    assert_int_equal(v->dtype, 7);
    assert_int_equal(v->rank, 1);
    assert_int_equal(v->dim[0], 5); /* two sides and three of the five */
    assert_int_equal(v->strings, 5);
    expect_text(v, 0, "6");
    expect_text(v, 1, "4");
    for (int i = 0; i < 3; i++) {
        png_read p = picture(&m, i);
        assert_int_equal(p.width, 6);
        assert_int_equal(p.height, 4);
        assert_memory_equal(p.pixels, pixels + i * 72, 72);
        free(p.pixels);
    }
    media_close(&m);

    const int64_t most[] = { 1, 4, 5, 100 }, taken[] = { 1, 4, 5, 5 };
    for (int i = 0; i < 4; i++) {
        images.max_outputs = most[i];
        assert_int_equal(log_images(&images, &m), KT_OK);
        assert_int_equal(m.value[0].strings, taken[i] + 2);
        media_close(&m);
    }
}

/* No pictures are a tensor of the two sides. */
static void test_empty(void **state)
{
    (void)state;
    for (int64_t columns = 0; columns < 3; columns++) {
        kt_images images = { .height = 2, .width = 3, .channels = 1, .columns = columns };
        media_file m;
        assert_int_equal(log_images(&images, &m), KT_OK);
        assert_int_equal(m.value[0].strings, 2);
        assert_int_equal(m.value[0].dim[0], 2);
        media_close(&m);
    }
}

/* ---- Floats ---------------------------------------------------------------------------------- */

static void test_clip(void **state)
{
    (void)state;
    const float x[] = { 0,      1,    0.5f, 1 / 255.5f, 0.999999f / 255.5f, 254.9999f / 255.5f, 255 / 255.5f,
                        0.998f, 2,    -1,   NAN,        INFINITY,           -INFINITY,          0.25f,
                        0.75f,  -0.0f };
    const uint8_t bytes[] = { 0, 255, 127, 1, 0, 254, 255, 254, 255, 0, 0, 255, 0, 63, 191, 0 };
    expect_bytes((kt_images){ .f32 = x, .width = 16, .channels = 1 }, bytes);
    expect_bytes((kt_images){ .f32 = x, .width = 4, .channels = 4 }, bytes);
}

static void test_minmax(void **state)
{
    (void)state;
    const float x[] = { -3, 5, 1, NAN, INFINITY, -INFINITY, -1, 4.99f };
    const uint8_t bytes[] = { 0, 255, 127, 0, 255, 0, 63, 255 };
    expect_bytes((kt_images){ .f32 = x, .width = 8, .channels = 1, .scaling = KT_IMAGE_MINMAX }, bytes);
    /* the whole range of float, whose width float does not hold */
    const float wide[] = { -3.4e38f, 3.4e38f, 0, 1.7e38f };
    expect_bytes((kt_images){ .f32 = wide, .width = 4, .channels = 1, .scaling = KT_IMAGE_MINMAX },
                 (const uint8_t[]){ 0, 255, 127, 191 });
    /* a width that is no normal number */
    const float narrow[] = { 0, 1e-45f, 3e-45f };
    expect_bytes((kt_images){ .f32 = narrow, .width = 3, .channels = 1, .scaling = KT_IMAGE_MINMAX },
                 (const uint8_t[]){ 0, 127, 255 });
    const float equal[] = { 7, 7, 7 }, none[] = { NAN, INFINITY, -INFINITY };
    expect_bytes((kt_images){ .f32 = equal, .width = 3, .channels = 1, .scaling = KT_IMAGE_MINMAX },
                 (const uint8_t[]){ 0, 0, 0 });
    expect_bytes((kt_images){ .f32 = none, .width = 3, .channels = 1, .scaling = KT_IMAGE_MINMAX },
                 (const uint8_t[]){ 0, 255, 0 });
}

static void test_symmetric(void **state)
{
    (void)state;
    const float x[] = { 0, -2, 2, 1, -1, NAN, INFINITY, -INFINITY };
    expect_bytes((kt_images){ .f32 = x, .width = 8, .channels = 1, .scaling = KT_IMAGE_SYMMETRIC },
                 (const uint8_t[]){ 128, 0, 255, 191, 64, 0, 255, 0 });
    const float zero[] = { 0, -0.0f }, above[] = { 4, 0, 2 };
    expect_bytes((kt_images){ .f32 = zero, .width = 2, .channels = 1, .scaling = KT_IMAGE_SYMMETRIC },
                 (const uint8_t[]){ 128, 128 });
    expect_bytes((kt_images){ .f32 = above, .width = 3, .channels = 1, .scaling = KT_IMAGE_SYMMETRIC },
                 (const uint8_t[]){ 255, 128, 191 });
}

/* Alpha is neither stretched nor looked at for the range. */
static void test_alpha(void **state)
{
    (void)state;
    const float grey[] = { -1, 1, 1, 0.5f, 0, 100 };
    expect_bytes((kt_images){ .f32 = grey, .width = 3, .channels = 2, .scaling = KT_IMAGE_MINMAX },
                 (const uint8_t[]){ 0, 255, 255, 127, 127, 255 });
    const float rgba[] = { -4, 0, 2, 0.5f, 4, 1, -2, -9 };
    expect_bytes((kt_images){ .f32 = rgba, .width = 2, .channels = 4, .scaling = KT_IMAGE_SYMMETRIC },
                 (const uint8_t[]){ 0, 128, 191, 127, 255, 159, 64, 0 });
}

/* One range for all pictures that are taken, or one for each. */
static void test_ranges(void **state)
{
    (void)state;
    const float x[] = { 0, 1, 0, 4, 0, 8, 0, 1000 };
    for (int each = 0; each < 2; each++)
        for (int64_t columns = 0; columns < 2; columns++) {
            kt_images images = { .f32 = x,
                                 .count = 4,
                                 .height = 1,
                                 .width = 2,
                                 .channels = 1,
                                 .max_outputs = 3,
                                 .scaling = KT_IMAGE_MINMAX,
                                 .scale_each = each,
                                 .columns = columns };
            media_file m;
            assert_int_equal(log_images(&images, &m), KT_OK);
            for (int i = 0; i < 3; i++) {
                png_read p = picture(&m, columns ? 0 : i);
                int at = columns ? (1 + 2 * i) * 4 + 2 : 1;
                assert_int_equal(p.pixels[at], each ? 255 : (int)(255.5 / 8 * x[2 * i + 1]));
                assert_int_equal(p.pixels[at - 1], 0);
                free(p.pixels);
            }
            media_close(&m);
        }
}

/* ---- Grids ----------------------------------------------------------------------------------- */

static void test_grid(void **state)
{
    (void)state;
    static uint8_t pixels[5 * 2 * 3 * 4];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(200 + i % 50);
    for (int64_t channels = 1; channels <= 4; channels++)
        for (int64_t columns = 1; columns <= 7; columns++) {
            kt_images images = {
                .u8 = pixels, .count = 5, .height = 2, .width = 3, .channels = channels, .columns = columns
            };
            int64_t across = columns < 5 ? columns : 5, down = (5 + across - 1) / across;
            media_file m;
            assert_int_equal(log_images(&images, &m), KT_OK);
            assert_int_equal(m.value[0].strings, 3);
            png_read p = picture(&m, 0);
            assert_int_equal(p.width, across * 4 + 1);
            assert_int_equal(p.height, down * 3 + 1);
            char side[24];
            snprintf(side, sizeof side, "%d", (int)p.width);
            expect_text(&m.value[0], 0, side);
            snprintf(side, sizeof side, "%d", (int)p.height);
            expect_text(&m.value[0], 1, side);
            for (int64_t y = 0; y < p.height; y++)
                for (int64_t x = 0; x < p.width; x++)
                    for (int64_t c = 0; c < channels; c++) {
                        int64_t index = y / 3 * across + x / 4, py = y % 3 - 1, px = x % 4 - 1;
                        bool inside = py >= 0 && px >= 0 && index < 5;
                        bool alpha = channels % 2 == 0 && c == channels - 1;
                        int expected = inside ? pixels[((index * 2 + py) * 3 + px) * channels + c] : alpha ? 255 : 128;
                        assert_int_equal(p.pixels[(y * p.width + x) * channels + c], expected);
                    }
            free(p.pixels);
            media_close(&m);
        }
    /* where grey means 0, lines are black */
    const float zero = 0;
    kt_images one = {
        .f32 = &zero, .count = 1, .height = 1, .width = 1, .channels = 1, .columns = 1, .scaling = KT_IMAGE_SYMMETRIC
    };
    media_file m;
    assert_int_equal(log_images(&one, &m), KT_OK);
    png_read p = picture(&m, 0);
    assert_memory_equal(p.pixels, ((uint8_t[]){ 0, 0, 0, 0, 128, 0, 0, 0, 0 }), 9);
    free(p.pixels);
    media_close(&m);
}

/* ---- Files that are encoded already ---------------------------------------------------------- */

static kt_status log_file(const void *bytes, size_t n, media_file *m)
{
    kt_blob file = { bytes, n };
    kt_events *log = media_open(m, NULL);
    kt_status status = kt_events_image_encoded(log, "i", &file, 1, 1);
    media_read(m, log);
    return status;
}

static void expect_sides(const void *bytes, size_t n, const char *width, const char *height)
{
    media_file m;
    assert_int_equal(log_file(bytes, n, &m), KT_OK);
    assert_int_equal(m.value[0].strings, 3);
    expect_text(&m.value[0], 0, width);
    expect_text(&m.value[0], 1, height);
    assert_int_equal(m.value[0].string_size[2], n);
    assert_memory_equal(m.value[0].string[2], bytes, n);
    media_close(&m);
}

static const char jpeg[] = "\xFF\xD8\xFF\xE0\x00\x06JFIF\xFF\xFF\xDB\x00\x04xx\xFF\xC4\x00\x0Bwrongside\xFF\xC2\x00\x0B"
                           "\x08\x01\x02\x03\x04\x01xxx";

static void test_encoded(void **state)
{
    (void)state;
    expect_sides("\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\1\2\0\0\3\4", 24, "258", "772");
    expect_sides("GIF89a\x10\x01\x20\x02", 10, "272", "544");
    expect_sides("GIF87a\x01\x00\x01\x00;;;", 13, "1", "1");
    expect_sides(jpeg, sizeof jpeg - 1, "772", "258");
    expect_sides("BM............\x28\0\0\0\x05\0\0\0\xF9\xFF\xFF\xFF", 26, "5", "7");
    expect_sides("BM............\x0C\0\0\0\x05\0\x07\0......", 26, "5", "7");

    kt_blob files[3] = { { "GIF89a\x10\x01\x20\x02", 10 }, { jpeg, sizeof jpeg - 1 }, { "GIF89a\2\0\2\0", 10 } };
    media_file m;
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_image_encoded(log, "i", files, 3, 7), KT_OK);
    media_read(&m, log);
    assert_int_equal(m.value[0].step, 7);
    assert_int_equal(m.value[0].strings, 5);
    for (int i = 0; i < 3; i++) assert_memory_equal(m.value[0].string[2 + i], files[i].bytes, files[i].size);
    media_close(&m);
}

/* What is cut or no picture at all is refused, and nothing is read behind its end (a sanitizer would say so). */
static void test_not_encoded(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",
                                         "\x89PNG",
                                         "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
                                         "GIF89a\0\0\0\0",
                                         "BM",
                                         "\xFF\xD8\xFFxxxxxxxxxxxxxxxxx",
                                         "RIFF....WEBPVP8 " };
    media_file m;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *exact = malloc(strlen(wrong[i]) + 1);
        memcpy(exact, wrong[i], strlen(wrong[i]) + 1);
        assert_int_equal(log_file(exact, strlen(wrong[i]), &m), KT_ERR_VALUE);
        media_close(&m);
        free(exact);
    }
    for (size_t n = 0; n < sizeof jpeg - 5; n++) {
        char *exact = malloc(n + 1);
        memcpy(exact, jpeg, n);
        char *moved = exact + 1;
        memmove(moved, exact, n);
        assert_int_equal(log_file(moved, n, &m), KT_ERR_VALUE);
        media_close(&m);
        free(exact);
    }
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_image_encoded(log, "i", NULL, 1, 1), KT_ERR_VALUE);
    kt_blob none = { NULL, 10 };
    assert_int_equal(kt_events_image_encoded(log, "i", &none, 1, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_image_encoded(log, "i", &none, 0, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_image_encoded(log, "i", &none, INT64_MAX, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_image_encoded(NULL, "i", &none, 1, 1), KT_ERR_STATE);
    media_read(&m, log);
    media_close(&m);
}

/* ---- Mistakes -------------------------------------------------------------------------------- */

static void test_mistakes(void **state)
{
    (void)state;
    const uint8_t pixel[4] = { 0 };
    const float number[4] = { 0 };
    const kt_images wrong[] = {
        { .count = 1, .height = 1, .width = 1, .channels = 1 },
        { .u8 = pixel, .f32 = number, .count = 1, .height = 1, .width = 1, .channels = 1 },
        { .u8 = pixel, .count = 1, .height = 0, .width = 1, .channels = 1 },
        { .u8 = pixel, .count = 1, .height = 1, .width = -1, .channels = 1 },
        { .u8 = pixel, .count = 1, .height = 1, .width = 65536, .channels = 1 },
        { .u8 = pixel, .count = 1, .height = 65535, .width = 65535, .channels = 1 },
        { .u8 = pixel, .count = 1, .height = 1, .width = 1, .channels = 5 },
        { .u8 = pixel, .count = 1, .height = 1, .width = 1 },
        { .u8 = pixel, .count = -1, .height = 1, .width = 1, .channels = 1 },
        { .u8 = pixel, .count = INT64_MAX, .height = 1, .width = 1, .channels = 1, .max_outputs = INT64_MAX },
        { .u8 = pixel, .count = INT64_MAX, .height = 1, .width = 1, .channels = 1, .columns = INT64_MAX },
        { .u8 = pixel, .count = 1000, .height = 100, .width = 100, .channels = 1, .columns = 1000 },
        { .u8 = pixel, .count = 1, .height = 1, .width = 1, .channels = 1, .columns = -1 },
        { .u8 = pixel, .count = 1, .height = 1, .width = 1, .channels = 1, .max_outputs = -1 },
        { .f32 = number, .count = 1, .height = 1, .width = 1, .channels = 1, .scaling = (kt_image_scaling)3 },
    };
    media_file m;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(log_images(&wrong[i], &m), KT_ERR_VALUE);
        media_close(&m);
    }
    assert_int_equal(log_images(NULL, &m), KT_ERR_VALUE);
    media_close(&m);
    assert_int_equal(kt_events_image(NULL, "i", &wrong[0], 1), KT_ERR_STATE);

    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_image(log, "i", &wrong[2], 1), KT_ERR_VALUE);
    assert_string_equal(kt_events_message(log), "kt_events_image: expected sides of 1 to 65535, at most 134217728 "
                                                "pixels and 1 to 4 channels, got 1 x 0 "
                                                "with 1 channels; pass (count, height, width, channels)");
    kt_images sound = { .u8 = pixel, .count = 1, .height = 1, .width = 1, .channels = 1 };
    assert_int_equal(kt_events_scalar(log, "i", 1, 1), KT_OK);
    assert_int_equal(kt_events_image(log, "i", &sound, 1), KT_ERR_VALUE); /* one kind per tag */
    media_read(&m, log);
    media_close(&m);
}

/* The n-th request for memory fails, for every n. */
static void test_memory(void **state)
{
    (void)state;
    static float pixels[4 * 8 * 8];
    for (int i = 0; i < 4 * 8 * 8; i++) pixels[i] = (float)i;
    for (int64_t columns = 0; columns < 3; columns += 2) {
        kt_images images = { .f32 = pixels,
                             .count = 4,
                             .height = 8,
                             .width = 8,
                             .channels = 1,
                             .columns = columns,
                             .scaling = KT_IMAGE_MINMAX };
        kt_status status = KT_ERR_MEMORY;
        for (int64_t n = 1; status != KT_OK; n++) {
            media_heap heap = { 0 };
            media_file m;
            kt_events *log = media_open(&m, &heap);
            int64_t held = heap.held;
            heap.fail_at = heap.requests + n;
            status = kt_events_image(log, "i", &images, 1);
            if (status != KT_OK) {
                assert_int_equal(status, KT_ERR_MEMORY);
                assert_int_equal(heap.held, held);
            }
            heap.fail_at = 0;
            media_read(&m, log);
            assert_int_equal(heap.held, 0);
            assert_int_equal(m.count, status == KT_OK ? 1 : 0);
            media_close(&m);
            assert_true(n < 200);
        }
    }
}

/* What a limit holds back is counted and not even encoded: it takes no memory for pixels. */
static void test_limit(void **state)
{
    (void)state;
    static const float pixels[3 * 64 * 64];
    kt_images images = { .f32 = pixels, .count = 3, .height = 64, .width = 64, .channels = 1 };
    media_heap heap = { 0 };
    media_file m;
    kt_events *log = media_open(&m, &heap);
    assert_int_equal(kt_events_limit(log, "i", (kt_gate){ .every = 10 }), KT_OK);
    for (int64_t step = 0; step <= 30; step++) {
        int64_t before = heap.requests;
        assert_int_equal(kt_events_image(log, "i", &images, step), KT_OK);
        if (step % 10 != 0) assert_true(heap.requests - before <= 2);
    }
    assert_int_equal(kt_events_held(log), 27);
    media_read(&m, log);
    assert_int_equal(m.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(m.value[i].step, 10 * i);
        assert_int_equal(m.value[i].strings, 5);
    }
    media_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_tensor),      cmocka_unit_test(test_empty),
        cmocka_unit_test(test_clip),    cmocka_unit_test(test_minmax),      cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_alpha),   cmocka_unit_test(test_ranges),      cmocka_unit_test(test_grid),
        cmocka_unit_test(test_encoded), cmocka_unit_test(test_not_encoded), cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_memory),  cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
