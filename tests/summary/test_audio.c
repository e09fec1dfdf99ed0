/* SPDX-License-Identifier: MIT */
/* tests/summary/test_audio.c: logged sounds: WAV files byte for byte, the table of them, mistakes.
 *
 * The bytes of test_tensorflow are those of tf.audio.encode_wav (TensorFlow 2) for the same samples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "media_reader.h"
#include "summary/event.h"

static kt_status log_audio(const kt_audio *audio, media_file *m)
{
    kt_events *log = media_open(m, NULL);
    kt_status status = kt_events_audio(log, "a", audio, 1);
    if (status != KT_OK) assert_true(strlen(kt_events_message(log)) > 30);
    media_read(m, log);
    assert_int_equal(m->count, status == KT_OK ? 1 : 0);
    return status;
}

static void expect_hex(const unsigned char *got, size_t n, const char *hex)
{
    assert_int_equal(n, strlen(hex) / 2);
    for (size_t i = 0; i < n; i++) {
        char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
        if (got[i] != strtoul(two, NULL, 16)) fail_msg("byte %zu is %02x, expected %s", i, got[i], two);
    }
}

static void test_golden(void **state)
{
    (void)state;
    unsigned char record[128];
    kt_event_string strings[2] = { { "RIFF", 4 }, { "", 0 } };
    kt_event_tensor value = {
        .rank = 2, .dim = { 1, 2 }, .strings = strings, .count = 2, .content = { "\x10\x0b", 2 }
    };
    kt_wire w = { record + KT_RECORD_HEAD, record + sizeof record, false };
    kt_event_summary(&w, 1700000000.0, 1, KT_KIND_AUDIO, "a", 1, &value);
    kt_record_seal(record, (size_t)(w.at - record) - KT_RECORD_HEAD);
    media_file m = { .file = { record, kt_record_size(record) } };
    assert_int_equal(m.file.size, 71);
    assert_true(media_ends_with(
        &m, "37 00 00 00 00 00 00 00 e7 e8 ca 59 09 00 00 00 40 fc 54 d9 41 10 01 2a 2a 0a 28 0a 01 61 42 14 "
            "08 07 12 08 12 02 08 01 12 02 08 02 42 04 52 49 46 46 42 00 4a 0d 0a 0b 0a 05 61 75 64 69 6f 12 "
            "02 10 0b eb 08 a1 c8"));
}

static void test_tensorflow(void **state)
{
    (void)state;
    const float x[] = { 0, 1,  -1,  0.5f,     -0.5f,     0.5f / 32768, 1.5f / 32768, -0.5f / 32768, -1.5f / 32768,
                        2, -2, NAN, INFINITY, -INFINITY, 0.99999f,     1e-30f };
    kt_audio audio = { .samples = x, .clips = 1, .frames = 16, .channels = 1, .rate = 8000 };
    media_file m;
    assert_int_equal(log_audio(&audio, &m), KT_OK);
    const media_value *v = &m.value[0];
    assert_string_equal(v->plugin, "audio");
    assert_int_equal(v->content_size, 2);
    assert_memory_equal(v->content, "\x10\x0b", 2);
    assert_int_equal(v->rank, 2);
    assert_int_equal(v->dim[0], 1);
    assert_int_equal(v->dim[1], 2);
    assert_int_equal(v->strings, 2);
    assert_int_equal(v->string_size[1], 0);
    expect_hex(v->string[0], v->string_size[0],
               "524946464400000057415645666d74201000000001000100401f0000803e00000200100064617461200000000000ff7f008000"
               "4000c001000200fffffeffff7f00800000ff7f0080ff7f0000");
    media_close(&m);

    const float silence[6] = { 0 };
    audio = (kt_audio){ .samples = silence, .clips = 1, .frames = 3, .channels = 2, .rate = 44100 };
    assert_int_equal(log_audio(&audio, &m), KT_OK);
    expect_hex(m.value[0].string[0], m.value[0].string_size[0],
               "524946463000000057415645666d7420100000000100020044ac000010b1020004001000646174610c00000000000000000000"
               "0000000000");
    media_close(&m);

    audio.frames = 0; /* a sound of no length is a head */
    assert_int_equal(log_audio(&audio, &m), KT_OK);
    expect_hex(m.value[0].string[0], m.value[0].string_size[0],
               "524946462400000057415645666d7420100000000100020044ac000010b10200040010006461746100000000");
    media_close(&m);
}

/* Fields of the head for odd rates and channels, and each clip's own samples. */
static void test_clips(void **state)
{
    (void)state;
    static float x[5 * 7 * 3];
    for (int i = 0; i < 105; i++) x[i] = (float)(i - 50) / 64;
    kt_audio audio = { .samples = x, .clips = 5, .frames = 7, .channels = 3, .rate = 12345 };
    const int64_t most[] = { 0, 1, 5, 9 }, taken[] = { 3, 1, 5, 5 };
    for (int i = 0; i < 4; i++) {
        media_file m;
        audio.max_outputs = most[i];
        assert_int_equal(log_audio(&audio, &m), KT_OK);
        const media_value *v = &m.value[0];
        assert_int_equal(v->dim[0], taken[i]);
        assert_int_equal(v->strings, 2 * taken[i]);
        for (int clip = 0; clip < taken[i]; clip++) {
            const unsigned char *wav = v->string[2 * clip];
            assert_int_equal(v->string_size[2 * clip], 44 + 42);
            assert_int_equal(v->string_size[2 * clip + 1], 0);
            assert_int_equal(reader_le(wav + 4, 4), 36 + 42);
            assert_int_equal(reader_le(wav + 16, 4), 16);
            assert_int_equal(reader_le(wav + 20, 2), 1);
            assert_int_equal(reader_le(wav + 22, 2), 3);
            assert_int_equal(reader_le(wav + 24, 4), 12345);
            assert_int_equal(reader_le(wav + 28, 4), 12345 * 6);
            assert_int_equal(reader_le(wav + 32, 2), 6);
            assert_int_equal(reader_le(wav + 34, 2), 16);
            assert_int_equal(reader_le(wav + 40, 4), 42);
            for (int s = 0; s < 21; s++)
                assert_int_equal((int16_t)reader_le(wav + 44 + 2 * s, 2), (clip * 21 + s - 50) * 512);
        }
        media_close(&m);
    }
    audio.clips = 0;
    media_file m;
    assert_int_equal(log_audio(&audio, &m), KT_OK);
    assert_int_equal(m.value[0].dim[0], 0);
    assert_int_equal(m.value[0].dim[1], 2);
    assert_int_equal(m.value[0].strings, 0);
    media_close(&m);
}

static void test_mistakes(void **state)
{
    (void)state;
    const float x = 0;
    const kt_audio wrong[] = {
        { .clips = 1, .frames = 1, .channels = 1, .rate = 1 },
        { .samples = &x, .clips = -1, .frames = 1, .channels = 1, .rate = 1 },
        { .samples = &x, .clips = 1, .frames = -1, .channels = 1, .rate = 1 },
        { .samples = &x, .clips = 1, .frames = 1, .channels = 0, .rate = 1 },
        { .samples = &x, .clips = 1, .frames = 1, .channels = 32768, .rate = 1 },
        { .samples = &x, .clips = 1, .frames = 1, .channels = 1, .rate = 0 },
        { .samples = &x, .clips = 1, .frames = 1, .channels = 2, .rate = INT64_MAX },
        { .samples = &x, .clips = 1, .frames = 1, .channels = 2, .rate = 1 << 30 },
        { .samples = &x, .clips = 1, .frames = INT64_MAX, .channels = 2, .rate = 1 },
        { .samples = &x, .clips = 1 << 16, .frames = 1 << 20, .channels = 2, .rate = 1, .max_outputs = INT64_MAX },
        { .samples = &x, .clips = INT64_MAX, .frames = 1, .channels = 1, .rate = 1, .max_outputs = INT64_MAX },
        { .samples = &x, .clips = 1, .frames = 1, .channels = 1, .rate = 1, .max_outputs = -1 },
    };
    media_file m;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(log_audio(&wrong[i], &m), KT_ERR_VALUE);
        media_close(&m);
    }
    assert_int_equal(log_audio(NULL, &m), KT_ERR_VALUE);
    media_close(&m);
    assert_int_equal(kt_events_audio(NULL, "a", &wrong[0], 1), KT_ERR_STATE);

    kt_audio sound = { .samples = &x, .clips = 1, .frames = 1, .channels = 1, .rate = 8000 };
    media_heap heap = { 0 };
    kt_events *log = media_open(&m, &heap);
    int64_t held = heap.held;
    heap.fail_at = heap.requests + 1;
    assert_int_equal(kt_events_audio(log, "a", &sound, 1), KT_ERR_MEMORY);
    assert_int_equal(heap.held, held);
    assert_int_equal(kt_events_audio(log, "a", &sound, 1), KT_OK);
    media_read(&m, log);
    assert_int_equal(heap.held, 0);
    media_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_tensorflow),
        cmocka_unit_test(test_clips),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
