/* SPDX-License-Identifier: MIT */
/* tests/data/test_csv.c: tables as people write them, and as they should not. */
#define _GNU_SOURCE 1

#include "testing.h"

static kt_csv_config options; /* of the next read; size is filled there */

static kt_arrays *read_with_options(kt_context *kt, const char *path)
{
    kt_csv_config config = options;
    config.size = sizeof config;
    config.path = path;
    return kt_read_csv_with(kt, &config);
}

/* x and y of this text must be these, row by row. */
static void expect(const char *text, int64_t rows, int64_t inputs, const float *x, int64_t targets, const float *y)
{
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("a.csv"));
    test_write(path, text, strlen(text));
    kt_arrays *arrays = read_with_options(kt, path);
    if (!arrays) fail_msg("%s", kt_message(kt));
    kt_array a = kt_arrays_get(arrays, "x"), b = kt_arrays_get(arrays, "y");
    assert_true(a.rank == 2 && a.dtype == KT_FLOAT32);
    assert_int_equal(a.dim[0], rows);
    assert_int_equal(a.dim[1], inputs);
    assert_memory_equal(a.data, x, (size_t)(rows * inputs) * sizeof *x);
    if (targets) {
        assert_int_equal(b.dim[0], rows);
        assert_int_equal(b.dim[1], targets);
        assert_memory_equal(b.data, y, (size_t)(rows * targets) * sizeof *y);
    } else {
        assert_null(b.data);
    }
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void refused(const char *text, kt_status status, const char *part)
{
    test_refused(read_with_options, text, strlen(text), status, part);
}

#define F(...)                                                                                                         \
    (const float[]) { __VA_ARGS__ }

static void test_numbers(void **state)
{
    (void)state;
    options = (kt_csv_config){ .size = 0 };
    expect("1,2,3\n4,5,6\n", 2, 2, F(1, 2, 4, 5), 1, F(3, 6));
    expect("1,2,3\r\n4,5,6", 2, 2, F(1, 2, 4, 5), 1, F(3, 6));
    expect("1,2,3\r4,5,6\r", 2, 2, F(1, 2, 4, 5), 1, F(3, 6));
    expect("\xEF\xBB\xBF"
           "1,2\n3,4\n",
           2, 1, F(1, 3), 1, F(2, 4));
    expect("\n  \n 1 ,\t2 \n\n3,4\n \n\n", 2, 1, F(1, 3), 1, F(2, 4));
}

static void test_number_forms(void **state)
{
    (void)state;
    options = (kt_csv_config){ .size = 0 };
    expect("-1.5e1,+.25\n\"7\",2.\n", 2, 1, F(-15, 7), 1, F(.25f, 2));
    expect("5,1\n", 1, 1, F(5), 1, F(1));
    options.no_target = true;
    expect("5\n6", 2, 1, F(5, 6), 0, NULL);
    options = (kt_csv_config){ .separator = ';' };
    expect("1;2\n3;4\n", 2, 1, F(1, 3), 1, F(2, 4));
    options.separator = '\t';
    expect("1\t 2\n3\t4\n", 2, 1, F(1, 3), 1, F(2, 4));
    options.separator = ' ';
    expect("1 2\n3 4\n", 2, 1, F(1, 3), 1, F(2, 4));
}

static void test_header(void **state)
{
    (void)state;
    options = (kt_csv_config){ .size = 0 };
    expect("a,b\n1,2\n", 1, 1, F(1), 1, F(2));
    expect("\"a, b\",\"b\"\"c\"\n1,2\n", 1, 1, F(1), 1, F(2));
    expect(",b\n1,2\n", 1, 1, F(1), 1, F(2)); /* pandas names its index column so */
    expect("1990,b\n1,2\n", 1, 1, F(1), 1, F(2));
    expect("sex,age\nM,2\nF,3\nM,4\n", 3, 2, F(1, 0, 0, 1, 1, 0), 1, F(2, 3, 4));
    expect("M,2\nF,3\nM,4\n", 3, 2, F(1, 0, 0, 1, 1, 0), 1, F(2, 3, 4));
    /* Text only: a first line that does not come again is a header... */
    expect("sex,eats\nM,yes\nF,no\nM,no\n", 3, 2, F(1, 0, 0, 1, 1, 0), 2, F(1, 0, 0, 1, 0, 1));
    /* ...one that does is data. */
    expect("M,yes\nF,no\nM,maybe\n", 3, 2, F(1, 0, 0, 1, 1, 0), 3, F(1, 0, 0, 0, 1, 0, 0, 0, 1));
    options.target = "M";
    expect("M,yes\nF,no\nM,no\n", 2, 1, F(1, 1), 2, F(1, 0, 0, 1)); /* named by the caller */
}

static void test_targets(void **state)
{
    (void)state;
    static const char text[] = "a,b,\"c,d\"\n1,2,3\n4,5,6\n";
    options = (kt_csv_config){ .target = "a" };
    expect(text, 2, 2, F(2, 3, 5, 6), 1, F(1, 4));
    options.target = "1";
    expect(text, 2, 2, F(1, 3, 4, 6), 1, F(2, 5));
    options.target = "b, 0";
    expect(text, 2, 1, F(3, 6), 2, F(1, 2, 4, 5));
    options.target = "c,d";
    expect(text, 2, 2, F(1, 2, 4, 5), 1, F(3, 6));
    options = (kt_csv_config){ .no_target = true };
    expect(text, 2, 3, F(1, 2, 3, 4, 5, 6), 0, NULL);
    options = (kt_csv_config){ .target = "kind" };
    expect("kind,b\nx,1\ny,2\n", 2, 1, F(1, 2), 2, F(1, 0, 0, 1));
    options = (kt_csv_config){ .drop_text = true };
    expect("kind,b,c\nx,1,3\ny,2,4\n", 2, 1, F(1, 2), 1, F(3, 4));
    options.target = "0";
    expect("x,1,3\ny,2,4\n", 2, 2, F(1, 3, 2, 4), 2, F(1, 0, 0, 1));

    options = (kt_csv_config){ .target = "rigns" };
    refused("sex,rings\n1,2\n", KT_ERR_NAME, "did you mean 'rings'?");
    refused("1,2\n3,4\n", KT_ERR_NAME,
            "unknown target 'rigns': expected the number of a column, 0 to 1 (the file has no header");
    options.target = "2";
    refused("sex,rings\n1,2\n", KT_ERR_NAME, "0 to 1, or its name");
    options.target = "0,1";
    refused("1,2\n3,4\n", KT_ERR_FORMAT, "no inputs are left");
    options.target = "0,0";
    refused("1,2\n3,4\n", KT_ERR_NAME, "twice");
    options.target = "a";
    refused("a,a\n3,4\n", KT_ERR_NAME, "two columns are named 'a'");
    options.target = "0,";
    refused("a,b\n3,4\n", KT_ERR_NAME, "unknown target");
    options = (kt_csv_config){ .size = 0 };
    refused("1;2\n3;4\n", KT_ERR_FORMAT, "no inputs are left: 1 columns were found, split at ','");
}

static void test_quotes(void **state)
{
    (void)state;
    options = (kt_csv_config){ .size = 0 };
    expect("k,v\n\"a,\"\"b\"\"\nc\" ,1\n\"\"\"\",2\n", 2, 2, F(1, 0, 0, 1), 1, F(1, 2));
    expect("\"NA\",1\nx,2\n", 2, 2, F(1, 0, 0, 1), 1, F(1, 2)); /* in quotes it is a text like any other */
    refused("1,2\n\"3,4\n5,6\n", KT_ERR_FORMAT, "line 2, column 0 from 0: the quote that begins here never ends");
    refused("1,2\n3,\"4\"5\n", KT_ERR_FORMAT, "line 2, column 1 from 0: text follows the closing quote");
    refused("\"", KT_ERR_FORMAT, "never ends");
    /* Line numbers count the breaks inside quotes. */
    refused("k,v\n\"a\nb\",1\nx,\n", KT_ERR_FORMAT, "line 4, column 1 from 0 ('v'): the value is missing");
}

static void test_flaws(void **state)
{
    (void)state;
    options = (kt_csv_config){ .size = 0 };
    refused("", KT_ERR_FORMAT, "the file is empty");
    refused("\n \n\t\n", KT_ERR_FORMAT, "the file is empty");
    refused("a,b\n", KT_ERR_FORMAT, "a header line, but no rows");
    refused("1,2\n3\n", KT_ERR_FORMAT, "line 2: expected 2 fields, as in line 1, got 1");
    refused("1,2\n3,4,5,6\n", KT_ERR_FORMAT, "line 2: expected 2 fields, as in line 1, got at least 3");
    refused("1,2\n3,\n", KT_ERR_FORMAT, "line 2, column 1 from 0: the value is missing");
    refused("a,b\n1,2\n?,4\n", KT_ERR_FORMAT, "line 3, column 0 from 0 ('a'): '?' says that the value is missing");
    refused("a,b\n1,2\nNaN,4\n", KT_ERR_FORMAT, "'NaN' says that");
    refused("a,b\n1,2\n3,n/a\n", KT_ERR_FORMAT, "'n/a' says that");
    refused("a,b\n1,2\n3,1e39\n", KT_ERR_FORMAT, "that float32 can hold, got '1e39'");
    refused("a,b\n1,2\n3,-inf\n", KT_ERR_FORMAT, "that float32 can hold, got '-inf'");
    refused("a,b\n1,2\n3,4x\n", KT_ERR_FORMAT, "column 1 from 0 ('b'): expected a number, as in line 2, got '4x'");
    refused("a,b\nx,2\n3,4\n", KT_ERR_FORMAT, "line 3, column 0 from 0 ('a'): expected text, as in line 2, got '3'");
    refused("a,b\n1,2\n0x10,4\n", KT_ERR_FORMAT, "got '0x10'");
    refused("a,b\n1,2\n\x1b[2J,4\n", KT_ERR_FORMAT, "got '?[2J'");
    test_refused(read_with_options, "1,2\n3,\0004\n", 9, KT_ERR_FORMAT, "line 2 holds a zero byte");
    test_refused(read_with_options,
                 "\xFF\xFE"
                 "1\0,\0002\0\n\0",
                 10, KT_ERR_FORMAT, "line 1 holds a zero byte");
    options.no_target = true;
    refused("1\n\n2\n", KT_ERR_FORMAT,
            "line 2, column 0 from 0: the value is missing"); /* one column: no blank lines */
    options = (kt_csv_config){ .separator = '"' };
    refused("1,2\n", KT_ERR_VALUE, "expected a separator");
}

static void test_too_many(void **state)
{
    (void)state;
    options = (kt_csv_config){ .size = 0 };
    static char text[400000];
    size_t n = 0;
    for (int i = 0; i < 1001; i++) n += (size_t)sprintf(text + n, "t%d,%d\n", i, i);
    refused(text, KT_ERR_FORMAT, "line 1001, column 0 from 0: a text column becomes one input per different text");
    options.drop_text = true;
    refused(text, KT_ERR_FORMAT, "and text is left out");
    /* One line of a hundred thousand columns must not cost more than in proportion. */
    memset(text, ',', sizeof text);
    for (size_t i = 0; i < 200000; i += 2) text[i] = '1';
    memcpy(text + 199999, "\n1\n", 4);
    refused(text, KT_ERR_FORMAT, "line 2: expected 100000 fields");
}

static void test_cut_and_short_memory(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", test_path("b.csv"));
    static const char text[] = "sex,\"size\",kind\nM,1.5,\"a \"\"b\"\"\"\nF,2.5,c\nF,2.5,c\n";
    options = (kt_csv_config){ .target = "kind" };
    test_write(path, text, sizeof text - 1);
    test_each_failure(read_with_options, path);
    test_each_cut(read_with_options, path, sizeof text); /* a shorter table is a table: nothing worse must happen */
}

static void test_configuration(void **state)
{
    (void)state;
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    test_write(test_path("c.csv"), "1,2\n3,4\n", 8);
    assert_non_null(kt_read_csv(kt, test_path("c.csv"), .target = "0"));
    assert_non_null(kt_read_csv(kt, test_path("c.csv")));
    assert_null(kt_read_csv_with(kt, NULL));
    assert_int_equal(kt_error(kt), KT_ERR_VALUE);
    kt_clear_error(kt);
    assert_null(kt_read_csv_with(kt, &(kt_csv_config){ .path = test_path("c.csv") }));
    assert_non_null(strstr(kt_message(kt), "its size"));
    kt_clear_error(kt);
    assert_null(kt_read_csv(kt, NULL));
    kt_clear_error(kt);
    assert_null(kt_read_csv(kt, test_path("d.csv")));
    assert_int_equal(kt_error(kt), KT_ERR_IO);
    assert_null(kt_read_csv(NULL, test_path("c.csv")));
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

static void test_real(void **state)
{
    (void)state;
    const char *folder = getenv("KERATIN_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/tabular/abalone.csv", folder ? folder : "/nonexistent");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no tables (set KERATIN_DATA)\n");
        skip();
    }
    test_memory memory = { .fail_at = 0 };
    kt_context *kt = test_context(&memory);
    kt_arrays *arrays = kt_read_csv(kt, path);
    if (!arrays) fail_msg("%s", kt_message(kt));
    kt_array x = kt_arrays_get(arrays, "x"), y = kt_arrays_get(arrays, "y");
    assert_true(x.dim[0] == 4177 && x.dim[1] == 10 && y.dim[0] == 4177 && y.dim[1] == 1);
    static const float first[10] = { 1, 0, 0, 0.455f, 0.365f, 0.095f, 0.514f, 0.2245f, 0.101f, 0.15f };
    assert_memory_equal(x.data, first, sizeof first);
    double sum = 0;
    for (int i = 0; i < 4177; i++) sum += (double)((const float *)y.data)[i];
    assert_true(sum / 4177 > 9.93 && sum / 4177 < 9.94); /* 9.9337 in the literature */
    static const struct {
        const char *name;
        int64_t rows, inputs, targets;
    } tables[] = {
        { "housing", 506, 13, 1 },
        { "iris", 150, 4, 3 },
        { "wine", 178, 13, 1 },
        { "pima-indians-diabetes", 768, 8, 1 },
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(path, sizeof path, "%s/tabular/%s.csv", folder, tables[i].name);
        arrays = kt_read_csv(kt, path);
        if (!arrays) fail_msg("%s", kt_message(kt));
        x = kt_arrays_get(arrays, "x");
        y = kt_arrays_get(arrays, "y");
        assert_int_equal(x.dim[0], tables[i].rows);
        assert_int_equal(x.dim[1], tables[i].inputs);
        assert_int_equal(y.dim[1], tables[i].targets);
    }
    snprintf(path, sizeof path, "%s/tabular/daily-min-temperatures.csv", folder);
    assert_null(kt_read_csv(kt, path)); /* 3,650 dates: not to be one-hot by accident */
    assert_non_null(strstr(kt_message(kt), "('Date')"));
    kt_clear_error(kt);
    arrays = kt_read_csv(kt, path, .target = "Date", .drop_text = true);
    assert_null(arrays); /* as a target it would be 3,650 columns too */
    kt_clear_error(kt);
    test_end(kt);
    assert_int_equal(memory.out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_number_forms),
        cmocka_unit_test(test_header),        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_quotes),        cmocka_unit_test(test_flaws),
        cmocka_unit_test(test_too_many),      cmocka_unit_test(test_cut_and_short_memory),
        cmocka_unit_test(test_configuration), cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_drop_folder);
}
