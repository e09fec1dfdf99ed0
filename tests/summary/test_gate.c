/* SPDX-License-Identifier: MIT */
/* tests/summary/test_gate.c: when a gate opens, and limits by prefix in a log.
 *
 * Gates are pure, so time is a number here too. What a log held back is counted, costs no error, and
 * leaves no record.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include <keratin/summary.h>

#include "events_reader.h"

static double clock_now;

static double test_clock(void *user)
{
    (void)user;
    return clock_now;
}

/* The steps of 0..last, each `stride`, at which the gate opens, as text. */
static void opens_at(kt_gate gate, int64_t last, int64_t stride, double seconds_per_step, const char *expected)
{
    kt_gate_state state = { 0 };
    char got[512] = "";
    for (int64_t step = 0; step <= last; step += stride)
        if (kt_gate_opens(&gate, &state, step, 1e9 + (double)step * seconds_per_step)) {
            size_t n = strlen(got);
            snprintf(got + n, sizeof got - n, "%s%lld", n ? " " : "", (long long)step);
        }
    assert_string_equal(got, expected);
}

static void test_gates(void **state)
{
    (void)state;
    opens_at((kt_gate){ 0 }, 5, 1, 1, "0 1 2 3 4 5");
    opens_at((kt_gate){ .every = 3 }, 10, 1, 1, "0 3 6 9");
    opens_at((kt_gate){ .every = 1 }, 3, 1, 1, "0 1 2 3");
    opens_at((kt_gate){ .seconds = 2.5 }, 10, 1, 1, "0 3 6 9");
    opens_at((kt_gate){ .seconds = 1 }, 3, 1, 1, "0 1 2 3");
    opens_at((kt_gate){ .per_decade = 9 }, 250, 1, 1,
             "0 1 2 3 4 5 6 7 8 9 10 20 30 40 50 60 70 80 90 100 200");
    opens_at((kt_gate){ .per_decade = 1 }, 20000, 1, 1, "0 1 10 100 1000 10000");
    opens_at((kt_gate){ .per_decade = 3 }, 200, 1, 1, "0 1 4 7 10 40 70 100");
    opens_at((kt_gate){ .per_decade = 18 }, 24, 1, 1, "0 1 2 3 4 5 6 7 8 9 10 15 20");
    opens_at((kt_gate){ .per_decade = 9 }, 130, 7, 1, "0 7 14 21 35 42 56 63 70 84 91 105");
    opens_at((kt_gate){ .per_decade = 2 }, 60, 1, 1, "0 1 6 10 55");
    opens_at((kt_gate){ .per_decade = INT64_MAX }, 12, 1, 1, "0 1 2 3 4 5 6 7 8 9 10 11 12");
    opens_at((kt_gate){ .every = 2, .seconds = 3 }, 12, 1, 1, "0 4 8 12");
    opens_at((kt_gate){ .every = 20, .per_decade = 9 }, 130, 1, 1, "0 20 40 60 80 100");

    kt_gate all = { .every = 1, .per_decade = 9 };
    kt_gate_state s = { 0 };
    assert_true(kt_gate_opens(&all, &s, -5, 0)); /* below 1 is one point */
    assert_false(kt_gate_opens(&all, &s, 0, 0));
    assert_true(kt_gate_opens(&all, &s, INT64_MAX, 0));
    assert_true(kt_gate_opens(&all, &s, 1, 0)); /* and back */
    assert_true(kt_gate_opens(NULL, NULL, 7, 0));

    kt_gate timed = { .seconds = 100 };
    s = (kt_gate_state){ 0 };
    assert_true(kt_gate_opens(&timed, &s, 1, 5000));
    assert_false(kt_gate_opens(&timed, &s, 2, 5099));
    assert_true(kt_gate_opens(&timed, &s, 3, 4000)); /* the clock was set back */
    assert_false(kt_gate_opens(&timed, &s, 4, 4099));
}

/* Borders of all decades, for steps that come one by one at each border. */
static void test_decades(void **state)
{
    (void)state;
    kt_gate gate = { .per_decade = 9 };
    kt_gate_state s = { 0 };
    int64_t start = 1;
    for (int decade = 0; decade < 15; decade++, start *= 10)
        for (int64_t m = 1; m <= 9; m++) {
            if (m * start > 1) assert_false(kt_gate_opens(&gate, &s, m * start - 1, 0) && start > 1);
            assert_true(kt_gate_opens(&gate, &s, m * start, 0));
            assert_false(kt_gate_opens(&gate, &s, m * start, 0));
        }
}

static int count_tag(const char *path, const char *tag)
{
    event_file file = reader_open(path);
    event e;
    size_t at = 0;
    int count = 0;
    while (reader_next(&file, &at, &e)) count += strcmp(e.tag, tag) == 0;
    free(file.bytes);
    return count;
}

static void test_limits(void **state)
{
    (void)state;
    char dir[64];
    reader_make_dir(dir);
    clock_now = 1700000000;
    kt_events *log = kt_events_open(dir, .now = test_clock);
    for (int64_t step = 0; step < 4; step++) kt_events_scalar(log, "weights/a", 1, step); /* before there is a limit */
    assert_int_equal(kt_events_limit(log, "weights/", (kt_gate){ .every = 10 }), KT_OK);
    assert_int_equal(kt_events_limit(log, "weights/slow", (kt_gate){ .seconds = 30 }), KT_OK);
    assert_int_equal(kt_events_limit(log, "x", (kt_gate){ .every = 1000 }), KT_OK);
    assert_int_equal(kt_events_limit(log, "x", (kt_gate){ 0 }), KT_OK); /* replaced: open again */
    int64_t held = 0;
    for (int64_t step = 4; step < 100; step++) {
        clock_now += 1;
        assert_int_equal(kt_events_wants(log, "weights/a", step), step % 10 == 0);
        assert_int_equal(kt_events_wants(log, "weights/a", step), step % 10 == 0); /* asking changes nothing */
        assert_true(kt_events_wants(log, "loss", step));
        assert_int_equal(kt_events_scalar(log, "weights/a", 1, step), KT_OK);
        assert_int_equal(kt_events_histogram(log, "weights/h", (float[]){ 1, 2 }, 2, step), KT_OK);
        assert_int_equal(kt_events_scalar(log, "weights/slow", 1, step), KT_OK);
        assert_int_equal(kt_events_scalar(log, "weights/slow/2", 1, step + 5), KT_OK); /* a state of its own */
        assert_int_equal(kt_events_scalar(log, "x", 1, step), KT_OK);
        assert_int_equal(kt_events_scalar(log, "loss", 1, step), KT_OK);
        held += 2 * (step % 10 != 0) + 2 * ((step - 4) % 30 != 0);
    }
    assert_int_equal(kt_events_held(log), held);
    assert_int_equal(kt_events_dropped(log), 0);
    assert_int_equal(kt_events_status(log), KT_OK);
    assert_int_equal(kt_events_flush(log), KT_OK);
    char path[512];
    strcpy(path, kt_events_path(log));
    assert_int_equal(count_tag(path, "weights/a"), 4 + 9);
    assert_int_equal(count_tag(path, "weights/h"), 9);
    assert_int_equal(count_tag(path, "weights/slow"), 4);
    assert_int_equal(count_tag(path, "weights/slow/2"), 4);
    assert_int_equal(count_tag(path, "x"), 96);
    assert_int_equal(count_tag(path, "loss"), 96);

    assert_int_equal(kt_events_limit(log, NULL, (kt_gate){ 0 }), KT_ERR_VALUE);
    assert_string_equal(kt_events_message(log),
                        "kt_events_limit: expected a prefix of at most 1024 bytes, got NULL; \"\" means all tags");
    assert_int_equal(kt_events_limit(log, "", (kt_gate){ .every = -1 }), KT_ERR_VALUE);
    assert_int_equal(kt_events_limit(log, "", (kt_gate){ .seconds = (double)NAN }), KT_ERR_VALUE);
    assert_int_equal(kt_events_limit(log, "", (kt_gate){ .per_decade = -9 }), KT_ERR_VALUE);
    assert_non_null(strstr(kt_events_message(log), "got a negative one or NaN; 0 switches a part of a gate off"));
    assert_int_equal(kt_events_limit(NULL, "", (kt_gate){ 0 }), KT_ERR_STATE);
    assert_int_equal(kt_events_held(NULL), 0);
    assert_false(kt_events_wants(NULL, "x", 1));
    int made = 0;
    for (; made < 2000; made++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "p%d", made);
        if (kt_events_limit(log, prefix, (kt_gate){ .every = 2 }) != KT_OK) break;
    }
    assert_int_equal(made, 1000 - 3);
    assert_int_equal(kt_events_close(log), KT_OK);
    reader_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_decades),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("summary/gate", tests, NULL, NULL);
}
