/* SPDX-License-Identifier: MIT */
/* tests/reader/test_damage.c: files that were cut, holed, flipped and lied in: what is sound is read, the rest is named
 * with place, length and reason, and nothing takes more memory or time than the file's size allows.
 */
#include "made.h"

enum { POINTS = 20 };

typedef struct sample {
    made *m;
    size_t at[POINTS + 1]; /* where each scalar's record begins, and the end */
} sample;

static sample sample_new(void)
{
    sample s = { .m = made_new() };
    made_version(s.m);
    for (int i = 0; i < POINTS; i++) s.at[i] = made_scalar(s.m, "loss", 1700000000.0 + i, i * 3, (float)i);
    s.at[POINTS] = s.m->n;
    return s;
}

/* Points `first` (inclusive) to `last` (exclusive) are missing, all others are there. */
static void check_points(const kt_logdir *log, int first, int last)
{
    const kt_series *series = kt_logdir_find(log, ".", "loss");
    int expected = POINTS - (last - first);
    assert_int_equal(series ? series->count : 0, expected);
    for (int i = 0, k = 0; i < POINTS; i++) {
        if (i >= first && i < last) continue;
        assert_int_equal(series->steps[k], i * 3);
        assert_true(series->wall_times[k] == 1700000000.0 + i);
        assert_true(series->values[k] == (float)i);
        k++;
    }
}

static void check_problem(const kt_logdir *log, size_t offset, size_t skipped, kt_status status, const char *word)
{
    assert_int_equal(kt_logdir_problems(log), 1);
    const kt_logdir_problem *problem = kt_logdir_problem_at(log, 0);
    assert_int_equal(problem->offset, offset);
    assert_int_equal(problem->skipped, skipped);
    assert_int_equal(problem->status, status);
    if (!strstr(problem->reason, word)) fail_msg("\"%s\" does not say \"%s\"", problem->reason, word);
}

/* Every place where the file can end; then the rest comes, in the same log. */
static void test_cut_everywhere(void **state)
{
    (void)state;
    sample s = sample_new();
    size_t whole = s.m->n;
    for (size_t n = 0; n <= whole; n++) {
        s.m->n = n;
        kt_logdir *log = made_open(s.m);
        int points = 0;
        while (points < POINTS && s.at[points + 1] <= n) points++;
        bool at_end = n == 0 || n == s.at[0];
        for (int i = 0; i <= POINTS; i++) at_end = at_end || n == s.at[i];
        check_points(log, points, POINTS);
        assert_int_equal(kt_logdir_problems(log), !at_end);
        if (!at_end) assert_int_equal(kt_logdir_problem_at(log, 0)->status, KT_OK);
        log->memory_size = (int64_t)whole;
        int64_t changed = 0;
        assert_int_equal(kt_logdir_refresh(log, &changed), KT_OK);
        assert_int_equal(changed, POINTS - points);
        check_points(log, 0, 0);
        assert_int_equal(kt_logdir_problems(log), 0);
        kt_logdir_close(log);
    }
    free(s.m);
}

static void test_flips(void **state)
{
    (void)state;
    sample s = sample_new();
    const struct {
        size_t byte; /* in the record */
        const char *word;
    } cases[] = { { 0, "length" }, { 5, "length" }, { 9, "length" }, { 20, "content" }, { 40, "content" } };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int bit = 0; bit < 8; bit++) {
            size_t at = s.at[7] + cases[c].byte;
            s.m->at[at] ^= (unsigned char)(1 << bit);
            kt_logdir *log = made_open(s.m);
            check_points(log, 7, 8);
            check_problem(log, s.at[7], s.at[8] - s.at[7], KT_ERR_FORMAT, cases[c].word);
            assert_int_equal(kt_logdir_problems_total(log), 1);
            kt_logdir_close(log);
            s.m->at[at] ^= (unsigned char)(1 << bit);
        }
    s.m->at[s.at[8] - 1] ^= 64; /* the checksum of the content */
    kt_logdir *log = made_open(s.m);
    check_points(log, 7, 8);
    check_problem(log, s.at[7], s.at[8] - s.at[7], KT_ERR_FORMAT, "content");
    kt_logdir_close(log);
    free(s.m);
}

/* The last record is damaged: nothing follows, so it may still become sound. */
static void test_damaged_end(void **state)
{
    (void)state;
    sample s = sample_new();
    unsigned char *byte = &s.m->at[s.at[POINTS - 1] + 20];
    *byte ^= 1;
    kt_logdir *log = made_open(s.m);
    check_points(log, POINTS - 1, POINTS);
    check_problem(log, s.at[POINTS - 1], s.at[POINTS] - s.at[POINTS - 1], KT_ERR_FORMAT, "content");
    *byte ^= 1;
    log->runs[0]->files[0]->read_size = -1;
    assert_int_equal(kt_logdir_refresh(log, NULL), KT_OK);
    check_points(log, 0, 0);
    assert_int_equal(kt_logdir_problems(log), 0);
    kt_logdir_close(log);
    free(s.m);
}

static void test_zeros(void **state)
{
    (void)state;
    static const size_t tails[] = { 1, 11, 12, 15, 16, 100, 4096 - 17, 100000 };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) { /* at the end: nobody's fault */
        sample s = sample_new();
        s.m->n += tails[i];
        kt_logdir *log = made_open(s.m);
        check_points(log, 0, 0);
        check_problem(log, s.at[POINTS], tails[i], KT_OK, tails[i] < 12 ? "not complete" : "zeros");
        size_t end = s.m->n; /* what was reserved is written */
        s.m->n = s.at[POINTS];
        made_scalar(s.m, "loss", 1.0, 100, 1.0f);
        if (s.m->n > end) end = s.m->n;
        log->memory_size = (int64_t)end;
        log->runs[0]->files[0]->read_size = -1;
        assert_int_equal(kt_logdir_refresh(log, NULL), KT_OK);
        assert_int_equal(made_count(log, "loss"), POINTS + 1);
        kt_logdir_close(log);
        free(s.m);
    }
    for (int from = 0; from < 60; from += 7) { /* in the middle: damage */
        sample s = sample_new();
        memset(s.m->at + s.at[4], 0, s.at[9] - s.at[4] + (size_t)from);
        int last = from == 0 ? 9 : 10;
        kt_logdir *log = made_open(s.m);
        check_points(log, 4, last);
        check_problem(log, s.at[4], s.at[last] - s.at[4], KT_ERR_FORMAT, "zeros");
        kt_logdir_close(log);
        free(s.m);
    }
}

/* Something else stands first: a text, noise. */
static void test_garbage_head(void **state)
{
    (void)state;
    for (size_t n = 1; n < 5000; n = n * 3 + 1) {
        sample s = sample_new();
        memmove(s.m->at + n, s.m->at, s.m->n);
        uint32_t seed = (uint32_t)n;
        for (size_t i = 0; i < n; i++) s.m->at[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
        s.m->n += n;
        kt_logdir *log = made_open(s.m);
        check_points(log, 0, 0);
        check_problem(log, 0, n, KT_ERR_FORMAT, "length");
        kt_logdir_close(log);
        free(s.m);
    }
}

/* A length is claimed and its checksum is right. */
static void test_claims(void **state)
{
    (void)state;
    static const uint64_t claims[] = { 200,
                                       1000,
                                       (uint64_t)1 << 30,
                                       ((uint64_t)1 << 31) - 1,
                                       (uint64_t)1 << 31,
                                       (uint64_t)1 << 32,
                                       (uint64_t)1 << 40,
                                       (uint64_t)1 << 63,
                                       UINT64_MAX - 20,
                                       UINT64_MAX };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        for (int last = 0; last < 2; last++) {
            sample s = sample_new();
            size_t at = s.at[last ? POINTS - 1 : 5], end = s.at[last ? POINTS : 6];
            kt_wire_put_le(s.m->at + at, claims[i], 8);
            kt_wire_put_le(s.m->at + at + 8, kt_crc32c_mask(kt_crc32c(s.m->at + at, 8)), 4);
            kt_logdir *log = made_open(s.m);
            check_points(log, last ? POINTS - 1 : 5, last ? POINTS : 6);
            bool possible = claims[i] <= KT_RECORD_MOST;
            bool there = possible && claims[i] + KT_RECORD_FRAME <= s.m->n - at;
            const char *word = !possible ? "claims" : there ? "content" : last ? "not complete" : "was cut";
            check_problem(log, at, end - at, possible && last ? KT_OK : KT_ERR_FORMAT, word);
            assert_true(atomic_load(&log->store.used) < 100000 + KT_WINDOW_BYTES);
            kt_logdir_close(log);
            free(s.m);
        }
}

/* A record that is cut in the middle of the file, as a killed writer and a new one that appended leave it. */
static void test_cut_inside(void **state)
{
    (void)state;
    sample whole = sample_new();
    size_t size = whole.at[11] - whole.at[10];
    for (size_t cut = 1; cut < size; cut++) {
        sample s = sample_new();
        memmove(s.m->at + s.at[11] - cut, s.m->at + s.at[11], s.m->n - s.at[11]);
        s.m->n -= cut;
        kt_logdir *log = made_open(s.m);
        check_points(log, 10, 11);
        assert_int_equal(kt_logdir_problems(log), 1);
        assert_int_equal(kt_logdir_problem_at(log, 0)->offset, s.at[10]);
        assert_int_equal(kt_logdir_problem_at(log, 0)->skipped, size - cut);
        kt_logdir_close(log);
        free(s.m);
    }
    free(whole.m);
}

/* A text that holds an event file, damaged: what stands in it is no record of this file. */
static void test_file_in_file(void **state)
{
    (void)state;
    sample inner = sample_new();
    made *m = made_new();
    unsigned char tensor[8000];
    kt_wire w = { tensor, tensor + sizeof tensor, false };
    kt_wire_int(&w, 1, 7);
    kt_wire_bytes(&w, 8, inner.m->at, inner.m->n);
    assert_false(w.full);
    size_t at = made_tensor(m, 1, "file", "text", tensor, (size_t)(w.at - tensor)), end = m->n;
    made_scalar(m, "behind", 1, 1, 1);
    for (int damaged = 0; damaged < 2; damaged++) {
        if (damaged) m->at[at + 30] ^= 1;
        kt_logdir *log = made_open(m);
        assert_int_equal(made_count(log, "file"), damaged ? -1 : 1);
        assert_int_equal(made_count(log, "behind"), 1);
        assert_int_equal(made_count(log, "loss"), -1);
        if (damaged) check_problem(log, at, end - at, KT_ERR_FORMAT, "content");
        kt_logdir_record r = { 0 };
        int64_t records = 0;
        while (kt_logdir_record_at(log, 0, r.next, &r) == KT_OK && r.frame.bytes) records++;
        assert_int_equal(records, 2 - damaged);
        kt_logdir_close(log);
    }
    free(inner.m);
    free(m);
}

static void test_compressed(void **state)
{
    (void)state;
    made *m = made_new();
    memcpy(m->at, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x07ome more bytes of it", m->n = 31);
    kt_logdir *log = made_open(m);
#ifdef KT_HAVE_ZLIB
    check_problem(log, 0, 0, KT_ERR_FORMAT, "compressed, and damaged");
#else
    check_problem(log, 0, 31, KT_ERR_FORMAT, "gunzip");
#endif
    kt_logdir_close(log);
    free(m);
}

/* Checksums are right and what is inside is no event. The record is left out as a whole. */
static void test_not_events(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "\x09\x01\x02",                                         /* a double of three bytes */
        "\x2a\x05\x0a\x01\x61",                                 /* a summary longer than the record */
        "\x2a\x02\x0a\x05",                                     /* a value longer than the summary */
        "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",     /* a varint of eleven bytes */
        "\x10\xff",                                             /* one that does not end */
        "\x01\x02",                                             /* field 0 */
        "\x0f",                                                 /* wire type 7 */
        "\x0b\x08\x01",                                         /* a group that does not end */
        "\x0c",                                                 /* one that has not begun */
        "\x2a\x0b\x0a\x09\x0a\x01\x61\x42\x04\x12\x05\x12\x02", /* a tensor whose shape is cut */
        "\x2a\x12\x0a\x06\x0a\x01\x61\x15\x00\x00\x0a\x08\x0a\x04\x6c\x6f\x73\x73\x15\x00", /* the first value is cut */
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        sample s = sample_new();
        size_t at = s.m->n, n = strlen(payloads[i]);
        if (i == 9) n = 13;
        if (i == 10) n = 20;
        made_record(s.m, payloads[i], n);
        made_scalar(s.m, "behind", 1, 1, 1);
        kt_logdir *log = made_open(s.m);
        check_points(log, 0, 0);
        assert_int_equal(made_count(log, "behind"), 1);
        check_problem(log, at, n + KT_RECORD_FRAME, KT_ERR_FORMAT, "no Event");
        kt_logdir_close(log);
        free(s.m);
    }
}

/* A file that is nothing but heads with right checksums, each claiming as much as there is: time must not be
 * quadratic. */
static void test_many_heads(void **state)
{
    (void)state;
    made *m = made_new();
    m->n = sizeof m->at;
    for (size_t at = 1; at + 12 <= m->n; at += 12) {
        kt_wire_put_le(m->at + at, m->n - at - 16, 8);
        kt_wire_put_le(m->at + at + 8, kt_crc32c_mask(kt_crc32c(m->at + at, 8)), 4);
    }
    kt_logdir *log = made_open(m); /* 87,000 checksums of half a megabyte each would be 40 seconds */
    assert_int_equal(kt_logdir_series_count(log), 0);
    kt_logdir_close(log);
    free(m);
}

/* More damage than is kept: all is counted. */
static void test_many_problems(void **state)
{
    (void)state;
    made *m = made_new();
    for (int i = 0; i < 5000; i++) {
        size_t at = made_scalar(m, "a", i, i, 0);
        if (i % 2 == 0) m->at[at + 20] ^= 255;
    }
    kt_logdir *log = made_open(m);
    assert_int_equal(made_count(log, "a"), 2500);
    assert_int_equal(kt_logdir_problems(log), 1000);
    assert_int_equal(kt_logdir_problems_total(log), 2500);
    assert_null(kt_logdir_problem_at(log, 1000));
    assert_null(kt_logdir_problem_at(log, -1));
    kt_logdir_close(log);
    free(m);
}

/* Records larger than the window through which files are seen, and such that begin at every place in it. */
static void test_large_records(void **state)
{
    (void)state;
    const char *path = "test_damage.tfevents";
    size_t size = 3 * KT_WINDOW_BYTES / 2;
    unsigned char *record = calloc(1, size + KT_RECORD_FRAME + 64);
    assert_non_null(record);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    made *m = made_new();
    int64_t scalars = 0;
    for (int round = 0; round < 8; round++) {
        m->n = 0;
        for (int i = 0; i < 3000; i++) made_scalar(m, "a", 1, scalars++, (float)i);
        fwrite(m->at, 1, m->n, file);
        size_t text = size - 20 * (size_t)round;
        kt_event_string string = { record, text };
        kt_event_tensor tensor = { .strings = &string, .count = 1 };
        size_t bound = kt_event_bound(1, KT_KIND_TEXT, &tensor);
        unsigned char *payload = calloc(1, bound + KT_RECORD_FRAME);
        assert_non_null(payload);
        kt_wire w = { payload + KT_RECORD_HEAD, payload + KT_RECORD_HEAD + bound, false };
        kt_event_summary(&w, 1, round, KT_KIND_TEXT, "t", 1, &tensor);
        assert_false(w.full);
        size_t n = (size_t)(w.at - payload) - KT_RECORD_HEAD;
        kt_record_seal(payload, n);
        if (round == 3) payload[1000] ^= 1; /* one of them damaged */
        fwrite(payload, 1, n + KT_RECORD_FRAME, file);
        free(payload);
    }
    fclose(file);
    kt_logdir *log = kt_logdir_open(path);
    assert_non_null(log);
    assert_int_equal(made_count(log, "a"), scalars);
    assert_int_equal(made_count(log, "t"), 7);
    assert_int_equal(kt_logdir_problems(log), 1);
    kt_value value;
    const kt_series *series = kt_logdir_find(log, ".", "t");
    for (int64_t i = 7; i-- > 0;) {
        assert_int_equal(kt_logdir_value(log, series, i, &value), KT_OK);
        assert_int_equal(value.strings[0].size, size - 20 * (size_t)series->steps[i]);
    }
    kt_logdir_record r = { 0 };
    int64_t records = 0;
    while (kt_logdir_record_at(log, 0, r.next, &r) == KT_OK && r.frame.bytes) records++;
    assert_int_equal(records, scalars + 7);
    kt_logdir_close(log);
    remove(path);
    free(record);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_everywhere), cmocka_unit_test(test_flips),
        cmocka_unit_test(test_damaged_end),    cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_garbage_head),   cmocka_unit_test(test_claims),
        cmocka_unit_test(test_cut_inside),     cmocka_unit_test(test_not_events),
        cmocka_unit_test(test_many_heads),     cmocka_unit_test(test_many_problems),
        cmocka_unit_test(test_large_records),  cmocka_unit_test(test_file_in_file),
        cmocka_unit_test(test_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
