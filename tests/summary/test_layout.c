/* SPDX-License-Identifier: MIT */
/* tests/summary/test_layout.c: the layout of custom scalars: the format's vector, margins, what is refused. */
#include "plugins_log.h"

/* V12. */
static void test_vector(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    const char *tags[] = { "loss" };
    kt_chart chart = { .title = "t", .tags = tags, .n_tags = 1 };
    kt_chart_category category = { .title = "c", .charts = &chart, .n_charts = 1 };
    assert_int_equal(kt_events_layout(p.log, &(kt_layout){ &category, 1 }), KT_OK);
    plugins_is(&p, 1, "55 00 00 00 00 00 00 00 d7 df 0f c1 09 00 00 00 40 fc 54 d9 41 2a 4a 0a 48 0a 18 63 75 73 74 6f"
                      "6d 5f 73 63 61 6c 61 72 73 5f 5f 63 6f 6e 66 69 67 5f 5f 42 18 08 07 12 00 42 12 12 10 0a 01 63"
                      "12 0b 0a 01 74 12 06 0a 04 6c 6f 73 73 4a 12 0a 10 0a 0e 63 75 73 74 6f 6d 5f 73 63 61 6c 61 72"
                      "73 c8 dc 4d f3");
    plugins_close(&p);
}

static void test_margins(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    const char *tags[] = { "a/.*", "b\xFF" };
    kt_margin margins[] = { { "mean", "low", "high" }, { "m", "l", "h" } };
    kt_chart charts[] = { { .title = "lines", .tags = tags, .n_tags = 2 }, { .title = "band", .margins = margins, .n_margins = 2 } };
    kt_chart_category categories[] = { { .title = "first", .charts = charts, .n_charts = 2, .closed = true },
                                       { .title = "second", .charts = charts, .n_charts = 1 }, { .title = "none" } };
    assert_int_equal(kt_events_layout(p.log, &(kt_layout){ categories, 3 }), KT_OK);
    proto layout = plugins_string(&p, 1), first = field_at(layout, 2, 0);
    assert_int_equal(field_count(layout, 2), 3);
    assert_true(field_is(field_of(first, 1), "first"));
    assert_int_equal(field_of(first, 3).value, 1);
    assert_false(field_of(field_at(layout, 2, 1), 3).there);
    proto lines = field_of(field_at(first, 2, 0), 2), series = field_at(field_of(field_at(first, 2, 1), 3), 1, 1);
    assert_true(field_is(field_at(lines, 1, 0), "a/.*"));
    assert_true(field_is(field_at(lines, 1, 1), "b\xEF\xBF\xBD"));
    assert_true(field_is(field_of(series, 1), "m") && field_is(field_of(series, 2), "l") && field_is(field_of(series, 3), "h"));
    plugins_close(&p);
}

static void test_refused(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    const char *tags[] = { "a", "" };
    kt_margin margin = { "mean", "low", NULL };
    const struct {
        kt_chart chart;
        const char *part;
    } wrong[] = {
        { { .title = "t" }, "none" },
        { { .title = "t", .tags = tags, .n_tags = 1, .margins = &margin, .n_margins = 1 }, "both" },
        { { .title = "t", .tags = tags, .n_tags = 2 }, "empty" },
        { { .title = "t", .n_tags = 1 }, "NULL" },
        { { .title = "t", .tags = tags, .n_tags = -1 }, "number" },
        { { .title = "t", .margins = &margin, .n_margins = 1 }, "three tags" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kt_chart_category category = { .title = "c", .charts = &wrong[i].chart, .n_charts = 1 };
        plugins_refused(&p, kt_events_layout(p.log, &(kt_layout){ &category, 1 }), wrong[i].part);
    }
    plugins_refused(&p, kt_events_layout(p.log, NULL), "NULL");
    plugins_refused(&p, kt_events_layout(p.log, &(kt_layout){ NULL, 2 }), "categories");
    assert_int_equal(kt_events_layout(NULL, &(kt_layout){ NULL, 0 }), KT_ERR_STATE);
    plugins_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_vector), cmocka_unit_test(test_margins),
                                        cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests_name("summary/layout", tests, NULL, NULL);
}
