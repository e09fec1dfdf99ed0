/* SPDX-License-Identifier: MIT */
/* tests/summary/test_event.c: records byte for byte as TensorFlow writes them.
 *
 * The vectors come from an independent encoder that reproduces records dumped from TensorFlow. Each
 * is a whole record, with its frame.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "events_reader.h"
#include "summary/event.h"

static unsigned char record[1 << 16];

static kt_wire begin(void)
{
    return (kt_wire){ record + KT_RECORD_HEAD, record + sizeof record - KT_RECORD_TAIL, false };
}

static size_t seal(const kt_wire *w)
{
    assert_false(w->full);
    kt_record_seal(record, (size_t)(w->at - record) - KT_RECORD_HEAD);
    return kt_record_size(record);
}

static size_t summary(double wall, int64_t step, kt_kind kind, const char *tag,
                      kt_event_tensor value)
{
    kt_wire w = begin();
    kt_event_summary(&w, wall, step, kind, tag, strlen(tag), &value);
    size_t n = seal(&w);
    assert_true(n - KT_RECORD_FRAME <= kt_event_bound(strlen(tag), kind, &value));
    return n;
}

static void expect(size_t n, const char *hex)
{
    size_t i = 0;
    for (const char *at = hex; *at; at += *at == ' ' ? 1 : 2) {
        if (*at == ' ') continue;
        char two[3] = { at[0], at[1], '\0' };
        assert_true(i < n);
        if (record[i] != strtoul(two, NULL, 16))
            fail_msg("byte %zu is %02x, expected %s", i, record[i], two);
        i++;
    }
    assert_int_equal(i, n);
}

static void test_version(void **state)
{
    (void)state;
    kt_wire w = begin();
    kt_event_version(&w, 1700000000.0, NULL);
    expect(seal(&w), "18 00 00 00 00 00 00 00 a3 7f 4b 22 09 00 00 00 40 fc 54 d9 41 1a 0d 62 72 "
                     "61 69 6e 2e 45 76 65 "
                     "6e 74 3a 32 ec ed 8f 9d");
}

static void test_scalars(void **state)
{
    (void)state;
    float value = 0.99f, zero = 0;
    kt_event_tensor scalar = { .numbers = &value, .count = 1 };
    expect(summary(1599759606.859727, 77, KT_KIND_SCALAR, "accuracy", scalar),
           "32 00 00 00 00 00 00 00 24 19 56 ec 09 c4 05 b7 3d 99 d6 d7 41 10 4d 2a 25 0a 23 0a 08 "
           "61 63 63 "
           "75 72 61 63 79 42 0a 08 01 12 00 22 04 a4 70 7d 3f 4a 0b 0a 09 0a 07 73 63 61 6c 61 72 "
           "73 a5 5b 64 33");
    scalar.numbers = &zero;
    expect(summary(1700000000.0, 0, KT_KIND_SCALAR, "a", scalar),
           "29 00 00 00 00 00 00 00 37 ff 5f 00 09 00 00 00 40 fc 54 d9 41 2a 1e 0a 1c 0a 01 61 42 "
           "0a 08 01 "
           "12 00 22 04 00 00 00 00 4a 0b 0a 09 0a 07 73 63 61 6c 61 72 73 20 6f 20 48");
}

static void test_histogram(void **state)
{
    (void)state;
    const double rows[2][3] = { { 0, 1, 3 }, { 1, 2, 5 } };
    expect(summary(1700000000.0, 1, KT_KIND_HISTOGRAM, "h",
                   (kt_event_tensor){ .rank = 2, .dim = { 2, 3 }, .numbers = rows, .count = 6 }),
           "62 00 00 00 00 00 00 00 79 fd 60 6f 09 00 00 00 40 fc 54 d9 41 10 01 2a 55 0a 53 0a 01 "
           "68 42 3e "
           "08 02 12 08 12 02 08 02 12 02 08 03 22 30 00 00 00 00 00 00 00 00 00 00 00 00 00 00 f0 "
           "3f 00 00 "
           "00 00 00 00 08 40 00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 40 00 00 00 00 00 00 14 "
           "40 4a 0e "
           "0a 0c 0a 0a 68 69 73 74 6f 67 72 61 6d 73 ca 81 65 93");
}

/* A dimension of size 0 is an empty message and no content is written. */
static void test_empty_tensor(void **state)
{
    (void)state;
    size_t n = summary(1, 1, KT_KIND_HISTOGRAM, "h", (kt_event_tensor){ .rank = 2, .dim = { 0, 3 } });
    event_file file = { record, n };
    event e;
    size_t at = 0;
    assert_true(reader_next(&file, &at, &e));
    assert_int_equal(e.rank, 2);
    assert_int_equal(e.dim[0], 0);
    assert_int_equal(e.dim[1], 3);
    assert_int_equal(e.content_size, 0);
    assert_non_null(memmem(record, n, "\x12\x06\x12\x00\x12\x02\x08\x03", 8));
}

/* Steps at the edges of the varint, and -1 in its ten bytes. */
static void test_steps(void **state)
{
    (void)state;
    const int64_t steps[] = { 1, 127, 128, INT64_C(1) << 31, INT64_MAX, -1, INT64_MIN };
    const int sizes[] = { 1, 1, 2, 5, 9, 10, 10 };
    float value = 1;
    kt_event_tensor scalar = { .numbers = &value, .count = 1 };
    size_t without = summary(1, 0, KT_KIND_SCALAR, "t", scalar);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        size_t n = summary(1, steps[i], KT_KIND_SCALAR, "t", scalar), at = 0;
        assert_int_equal(n, without + 1 + (size_t)sizes[i]);
        event_file file = { record, n };
        event e;
        assert_true(reader_next(&file, &at, &e));
        assert_true(e.step == steps[i]);
        assert_string_equal(e.plugin, "scalars");
    }
}

/* Tags and tensors of every length around the places where a length gets another digit: the encoder
 * guesses lengths and moves the body when it guessed wrong. */
static void test_lengths(void **state)
{
    (void)state;
    static char tag[1025];
    static double numbers[3 * 1000];
    for (size_t i = 0; i < 3 * 1000; i++) numbers[i] = (double)i;
    for (size_t n = 1; n <= 1024; n++) {
        memset(tag, 'x', n);
        tag[n] = '\0';
        int64_t rows = (int64_t)(n * 7 % 1000);
        kt_event_tensor value = { .rank = 2, .dim = { rows, 3 }, .numbers = numbers, .count = (size_t)rows * 3 };
        size_t size = summary(2.5, 9, KT_KIND_HISTOGRAM, tag, value), at = 0;
        event_file file = { record, size };
        event e;
        assert_true(reader_next(&file, &at, &e));
        assert_int_equal(at, size);
        assert_string_equal(e.tag, tag);
        assert_string_equal(e.plugin, "histograms");
        assert_int_equal(e.content_size, (size_t)rows * 24);
        if (rows > 0)
            assert_true(reader_double(&e, (size_t)rows * 3 - 1) == (double)(rows * 3 - 1));
    }
}

/* A message whose length was guessed too short or too long is the same bytes. */
static void test_guesses(void **state)
{
    (void)state;
    const size_t sizes[] = { 0, 1, 126, 127, 128, 129, 16383, 16384, 16385 };
    const size_t count = sizeof sizes / sizeof *sizes;
    static unsigned char body[16385];
    for (size_t i = 0; i < sizeof body; i++) body[i] = (unsigned char)(i * 7 + 1);
    for (size_t g = 0; g < count; g++)
        for (size_t s = 0; s < count; s++) {
            kt_wire w = begin();
            kt_wire_mark mark = kt_wire_open(&w, 3, sizes[g]);
            kt_wire_raw(&w, body, sizes[s]);
            kt_wire_close(&w, mark);
            kt_wire_int(&w, 1, 5); /* what follows stands right behind */
            assert_false(w.full);
            const unsigned char *at = record + KT_RECORD_HEAD;
            assert_int_equal(*at++, 3 << 3 | 2);
            assert_int_equal(reader_varint(&at), sizes[s]);
            assert_memory_equal(at, body, sizes[s]);
            assert_memory_equal(at + sizes[s], "\x08\x05", 2);
            assert_ptr_equal(at + sizes[s] + 2, w.at);
        }
}

/* What does not fit is said, and nothing is written beyond the end. */
static void test_full(void **state)
{
    (void)state;
    float value = 1;
    kt_event_tensor scalar = { .numbers = &value, .count = 1 };
    size_t whole = summary(1, 5, KT_KIND_SCALAR, "tag", scalar) - KT_RECORD_FRAME;
    for (size_t room = 0; room <= whole; room++) {
        unsigned char bytes[128];
        memset(bytes, 0xA5, sizeof bytes);
        kt_wire w = { bytes, bytes + room, false };
        kt_event_summary(&w, 1, 5, KT_KIND_SCALAR, "tag", 3, &scalar);
        assert_int_equal(w.full, room < whole);
        for (size_t i = room; i < sizeof bytes; i++) assert_int_equal(bytes[i], 0xA5);
    }
}

/* A scalar by its tag's form has the bytes of one that is made from nothing. */
static void test_scalar_form(void **state)
{
    (void)state;
    static const int64_t steps[] = { 0, 1, 127, 128, 16383, 16384, 1 << 21, INT32_MAX, INT64_C(1) << 35,
                                     (INT64_C(1) << 42) - 1, INT64_C(1) << 42, INT64_C(1) << 49,
                                     INT64_MAX, -1, INT64_MIN };
    const float values[] = { 0, -0.0f, 1.5f, (float)NAN, (float)INFINITY, 1e-45f };
    static char tag[1025];
    for (size_t n = 1; n <= 1024; n += n < 300 ? 1 : 181) {
        memset(tag, 'a' + (int)(n % 26), n);
        tag[n] = '\0';
        unsigned char *room = malloc(kt_scalar_form_bound(n)); /* its own block: nothing is read or written beyond */
        kt_scalar_form form = kt_scalar_form_make(room, tag, n);
        assert_true(form.size > 0);
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
            for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                double wall = 1700000000.25 + (double)v;
                size_t size = summary(wall, steps[s], KT_KIND_SCALAR, tag,
                                      (kt_event_tensor){ .numbers = &values[v], .count = 1 });
                unsigned char *own = malloc(kt_scalar_record_bound(&form));
                assert_int_equal(kt_scalar_record(own, &form, wall, steps[s], values[v]), size);
                assert_memory_equal(own, record, size);
                free(own);
            }
        free(room);
    }
}

/* Several values in one event: the values of single events one after the other, in one summary. */
static void test_values_together(void **state)
{
    (void)state;
    const float one = 1, two[2] = { 2, 3 };
    const double row[3] = { 0, 1, 5 };
    const kt_event_string mark = { "\x08\x02", 2 };
    const kt_event_value values[3] = {
        { "m_VERTEX", KT_KIND_MESH, { .rank = 1, .dim = { 2 }, .numbers = two, .count = 2, .content = mark } },
        { "h", KT_KIND_HISTOGRAM, { .rank = 2, .dim = { 1, 3 }, .numbers = row, .count = 3 } },
        { "s", KT_KIND_SCALAR, { .numbers = &one, .count = 1 } },
    };
    const size_t sizes[3] = { 8, 1, 1 };
    for (int count = 1; count <= 3; count++) {
        unsigned char bodies[512];
        size_t n = 0;
        for (int i = 0; i < count; i++) { /* each summary is short: its key and length take two bytes */
            size_t size = summary(1, 300, values[i].kind, values[i].tag, values[i].tensor);
            size_t at = KT_RECORD_HEAD + 9 + 3 + 2, body = size - at - KT_RECORD_TAIL;
            assert_int_equal(record[at - 1], body);
            memcpy(bodies + n, record + at, body);
            n += body;
        }
        kt_wire w = begin();
        kt_event_values(&w, 1, 300, values, sizes, count);
        size_t size = seal(&w), at = size - KT_RECORD_TAIL - n;
        assert_memory_equal(record + at, bodies, n);
        assert_int_equal(record[KT_RECORD_HEAD + 12], 5 << 3 | 2);
        assert_int_equal(at, KT_RECORD_HEAD + 9 + 3 + 1 + kt_wire_varint_size(n));
        assert_true(size - KT_RECORD_FRAME <= kt_event_values_bound(values, sizes, count));
        event_file file = { record, size };
        event e;
        size_t next = 0;
        assert_true(reader_next(&file, &next, &e) && e.step == 300);
        assert_string_equal(e.tag, values[count - 1].tag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_empty_tensor),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_guesses),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_scalar_form),
        cmocka_unit_test(test_values_together),
    };
    return cmocka_run_group_tests_name("summary/event", tests, NULL, NULL);
}
