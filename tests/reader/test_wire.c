/* SPDX-License-Identifier: MIT */
/* tests/reader/test_wire.c: every way in which protobuf lets the same message be written, and what a tag may hold.
 *
 * Bytes are written by hand: 0a is field 1 with a length, 15 field 2 as four bytes, 42 field 8, 4a field 9, 2a field 5.
 */
#include "made.h"

#include <math.h>

/* The last point of a tag of scalars. */
static float last_of(const kt_logdir *log, const char *tag)
{
    const kt_series *series = kt_logdir_find(log, ".", tag);
    assert_non_null(series);
    assert_non_null(series->values);
    return series->values[series->count - 1];
}

#define SCALARS "\x4a\x0b\x0a\x09\x0a\x07scalars"

/* One value, in many ways of writing it: each must be the scalar "a" = 0.5. */
static void test_scalars(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } ways[] = {
        { BYTES("\x0a\x01"
                "a\x15\x00\x00\x00\x3f") }, /* simple_value */
        { BYTES("\x15\x00\x00\x00\x3f\x0a\x01"
                "a") }, /* the other way round */
        { BYTES("\x0a\x01"
                "x\x0a\x01"
                "a\x15\x00\x00\x80\x3f\x15\x00\x00\x00\x3f") }, /* twice: the last counts */
        { BYTES("\x3a\x01"
                "a\x15\x00\x00\x00\x3f") }, /* node_name for a tag */
        { BYTES("\x0a\x01"
                "a\x42\x0a\x08\x01\x12\x00\x22\x04\x00\x00\x00\x3f" SCALARS) }, /* tensor_content */
        { BYTES("\x0a\x01"
                "a\x42\x0a\x08\x01\x12\x00\x2a\x04\x00\x00\x00\x3f" SCALARS) }, /* float_val, packed */
        { BYTES("\x0a\x01"
                "a\x42\x09\x08\x01\x12\x00\x2d\x00\x00\x00\x3f" SCALARS) }, /* not packed */
        { BYTES("\x0a\x01"
                "a\x42\x07\x08\x01\x2d\x00\x00\x00\x3f" SCALARS) }, /* without a shape */
        { BYTES("\x0a\x01"
                "a\x42\x0f\x08\x02\x12\x00\x31\x00\x00\x00\x00\x00\x00\xe0\x3f"
                "\x08\x02" SCALARS) }, /* double */
        { BYTES("\x0a\x01"
                "a\x42\x0d\x08\x01\x12\x04\x12\x02\x08\x01\x2d\x00\x00\x00\x3f" SCALARS) }, /* shape [1] */
        { BYTES("\x0a\x01"
                "a\x42\x08\x08\x13\x12\x00\x6a\x02\x80\x70" SCALARS) }, /* half 0x3800 as a varint */
        { BYTES("\x0a\x01"
                "a\x42\x08\x08\x0e\x12\x00\x22\x02\x00\x3f" SCALARS) }, /* bfloat16 */
        { BYTES("\x42\x02\x08\x01\x0a\x01"
                "a\x42\x07\x12\x00\x2d\x00\x00\x00\x3f" SCALARS) }, /* a tensor in two pieces */
        { BYTES("\x0a\x01"
                "a\x42\x07\x08\x01\x2d\x00\x00\x80\x3f\x15\x00\x00\x00\x3f") }, /* a oneof: the last member */
        { BYTES("\x0a\x01"
                "a\x15\x00\x00\x00\x3f\x18\x05") }, /* field 3 with another type */
        { BYTES("\x0a\x01"
                "a\xa0\x06\x01\xa1\x06\x01\x02\x03\x04\x05\x06\x07\x08\xa2\x06\x01x\xa5\x06\x01\x02\x03\x04"
                "\x15\x00\x00\x00\x3f") }, /* unknown fields of every type */
        { BYTES("\x0a\x01"
                "a\xa3\x06\x15\x00\x00\x80\x3f\xa3\x06\xa4\x06\xa4\x06\x15\x00\x00\x00\x3f") }, /* groups */
        { BYTES("\x0a\x81\x00"
                "a\x15\x00\x00\x00\x3f") }, /* a length that is too long */
        { BYTES("\x8a\x80\x00\x01"
                "a\x15\x00\x00\x00\x3f") }, /* and a key */
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        made *m = made_new();
        made_value(m, 5, ways[i].bytes, ways[i].n);
        kt_logdir *log = made_open(m);
        if (kt_logdir_series_count(log) != 1)
            fail_msg("way %zu has %lld series", i, (long long)kt_logdir_series_count(log));
        assert_true(last_of(log, "a") == 0.5f);
        assert_int_equal(kt_logdir_series(log, 0)->steps[0], 5);
        assert_int_equal(kt_logdir_problems(log), 0);
        kt_logdir_close(log);
        free(m);
    }
}

/* The event around it. */
static void test_events(void **state)
{
    (void)state;
#define VALUE                                                                                                          \
    "\x0a\x08\x0a\x01"                                                                                                 \
    "a\x15\x00\x00\x00\x3f" /* ten bytes: one value of a summary */
    static const struct {
        const char *bytes;
        size_t n;
        int64_t step, count;
    } ways[] = {
        { BYTES("\x2a\x0a" VALUE), 0, 1 },                                              /* no time, no step */
        { BYTES("\x2a\x0a" VALUE "\x10\x07"), 7, 1 },                                   /* the step behind it */
        { BYTES("\x10\x05\x10\x07\x2a\x0a" VALUE), 7, 1 },                              /* twice */
        { BYTES("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x2a\x0a" VALUE), -1, 1 }, /* negative */
        { BYTES("\x10\x87\x80\x80\x80\x80\x80\x80\x80\x80\x00\x2a\x0a" VALUE), 7, 1 },  /* ten bytes for one */
        { BYTES("\x10\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x2a\x0a" VALUE), INT64_MAX, 1 },
        { BYTES("\x2a\x0a" VALUE "\x2a\x0a" VALUE), 0, 2 }, /* summaries are merged */
        { BYTES("\x2a\x14" VALUE VALUE), 0, 2 },            /* two values */
        { BYTES("\x2a\x0a" VALUE "\x1a\x0d"
                "brain.Event:2"
                "\x2a\x0a" VALUE),
          0, 1 }, /* a oneof between them */
        { BYTES("\x2a\x0a" VALUE "\x1a\x0d"
                "brain.Event:2"),
          0, -1 },                                 /* the last member counts */
        { BYTES("\x2a\x00"), 0, -1 },              /* an empty summary */
        { BYTES(""), 0, -1 },                      /* an empty event */
        { BYTES("\x2a\x0c\x12\x00" VALUE), 0, 1 }, /* an unknown field in it */
        { BYTES("\x13\x14\x2a\x0a" VALUE), 0, 1 }, /* an empty group */
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        made *m = made_new();
        made_record(m, ways[i].bytes, ways[i].n);
        kt_logdir *log = made_open(m);
        if (made_count(log, "a") != ways[i].count)
            fail_msg("way %zu has %lld points", i, (long long)made_count(log, "a"));
        if (ways[i].count > 0) assert_int_equal(kt_logdir_series(log, 0)->steps[0], ways[i].step);
        assert_int_equal(kt_logdir_problems(log), 0);
        assert_int_equal(kt_logdir_file_at(log, 0)->records, 1);
        kt_logdir_close(log);
        free(m);
    }
}

/* Groups in groups: a hundred are passed over, more are not believed; nothing recurses. */
static void test_depth(void **state)
{
    (void)state;
    static unsigned char payload[200000];
    for (size_t depth = 1; depth <= 90000; depth = depth * 9 + 1) {
        made *m = made_new();
        memset(payload, 0x1b, depth); /* group 3 begins */
        memset(payload + depth, 0x1c, depth);
        made_record(m, payload, 2 * depth);
        kt_logdir *log = made_open(m);
        assert_int_equal(kt_logdir_problems(log), depth > KT_GROUP_DEPTH);
        kt_logdir_close(log);
        free(m);
    }
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static kt_value value_of(kt_logdir *log, const char *tag)
{
    kt_value value;
    const kt_series *series = kt_logdir_find(log, ".", tag);
    assert_non_null(series);
    assert_int_equal(kt_logdir_value(log, series, 0, &value), KT_OK);
    return value;
}

/* Each dtype, dense and listed: the numbers 1 and -2 (or 2 where there is no sign). */
static void test_dtypes(void **state)
{
    (void)state;
    static const struct {
        int dtype;
        const char *name, *dense, *listed;
        size_t dense_n, listed_n;
        double second;
    } types[] = {
        { 1, "float32", "\0\0\x80\x3f\0\0\0\xc0", "\x2a\x08\0\0\x80\x3f\0\0\0\xc0", 8, 10, -2 },
        { 2, "float64", "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", "\x32\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", 16,
          18, -2 },
        { 3, "int32", "\1\0\0\0\xfe\xff\xff\xff", "\x38\1\x38\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 8, 13, -2 },
        { 4, "uint8", "\1\2", "\x3a\2\1\2", 2, 4, 2 },
        { 5, "int16", "\1\0\xfe\xff", "\x3a\x0b\1\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 4, 13, -2 },
        { 6, "int8", "\1\xfe", "\x3a\x0b\1\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 2, 13, -2 },
        { 9, "int64", "\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff",
          "\x52\x0b\1\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 16, 13, -2 },
        { 11, "qint8", "\1\xfe", "\x3a\x0b\1\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 2, 13, -2 },
        { 13, "qint32", "\1\0\0\0\xfe\xff\xff\xff", "\x38\1\x38\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 8, 13, -2 },
        { 14, "bfloat16", "\x80\x3f\0\xc0", "\x6a\5\x80\x7f\x80\x80\3", 4, 7, -2 },
        { 17, "uint16", "\1\0\2\0", "\x38\1\x38\2", 4, 4, 2 },
        { 19, "float16", "\0\x3c\0\xc0", "\x6a\5\x80\x78\x80\x80\3", 4, 7, -2 },
        { 22, "uint32", "\1\0\0\0\2\0\0\0", "\x82\1\2\1\2", 8, 5, 2 },
        { 23, "uint64", "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", "\x8a\1\2\1\2", 16, 5, 2 },
        { 24, "float8_e5m2", "\x3c\xc0", "\x92\1\2\x3c\xc0", 2, 5, -2 },
        { 25, "float8_e4m3fn", "\x38\xc0", "\x92\1\2\x38\xc0", 2, 5, -2 },
        { 26, "float8_e4m3fnuz", "\x40\xc8", "\x92\1\2\x40\xc8", 2, 5, -2 },
        { 27, "float8_e4m3b11fnuz", "\x58\xe0", "\x92\1\2\x58\xe0", 2, 5, -2 },
        { 28, "float8_e5m2fnuz", "\x40\xc4", "\x92\1\2\x40\xc4", 2, 5, -2 },
        { 29, "int4", "\1\x0e", "\x3a\2\1\x0e", 2, 4, -2 },
        { 30, "uint4", "\1\2", "\x3a\2\1\2", 2, 4, 2 },
        { 33, "float4_e2m1fn", "\2\x0c", "\x92\1\2\2\x0c", 2, 5, -2 },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        made *m = made_new();
        for (int form = 0; form < 3; form++) { /* dense, listed, dense as a reference type */
            unsigned char tensor[100];
            char tag[2] = { (char)('a' + form), 0 };
            kt_wire w = { tensor, tensor + sizeof tensor, false };
            kt_wire_int(&w, 1, types[i].dtype + (form == 2 ? 100 : 0));
            kt_wire_raw(&w, "\x12\x04\x12\x02\x08\x02", 6); /* shape [2] */
            if (form == 1) kt_wire_raw(&w, types[i].listed, types[i].listed_n);
            else kt_wire_bytes(&w, 4, types[i].dense, types[i].dense_n);
            made_tensor(m, 1, tag, "own", tensor, (size_t)(w.at - tensor));
        }
        kt_logdir *log = made_open(m);
        for (int form = 0; form < 3; form++) {
            kt_value value = value_of(log, form == 0 ? "a" : form == 1 ? "b" : "c");
            if (value.why) fail_msg("%s, form %d: %s", types[i].name, form, value.why);
            assert_int_equal(value.kind, KT_VALUE_NUMBERS);
            assert_string_equal(value.dtype_name, types[i].name);
            assert_int_equal(value.dtype, types[i].dtype);
            assert_int_equal(value.count, 2);
            assert_int_equal(value.rank, 1);
            assert_int_equal(value.dim[0], 2);
            if (value.numbers[0] != 1 || value.numbers[1] != types[i].second)
                fail_msg("%s, form %d: %g and %g", types[i].name, form, value.numbers[0], value.numbers[1]);
            assert_int_equal(value.content.size, form == 1 ? 0 : types[i].dense_n);
        }
        kt_logdir_close(log);
        free(m);
    }
}

static void test_float_edges(void **state)
{
    (void)state;
    static const struct {
        int dtype;
        unsigned bits;
        double value; /* NaN: not a number */
    } cases[] = {
        { 19, 0x0001, 0x1p-24 },  { 19, 0x03ff, 0x1.ff8p-15 }, { 19, 0x0400, 0x1p-14 },
        { 19, 0x7bff, 65504 },    { 19, 0x7c00, INFINITY },    { 19, 0xfc00, -INFINITY },
        { 19, 0x7e00, NAN },      { 14, 0x7f80, INFINITY },    { 14, 0x7fc0, NAN },
        { 14, 0x0080, 0x1p-126 }, { 24, 0x7c, INFINITY },      { 24, 0x7d, NAN },
        { 24, 0x7b, 57344 },      { 24, 0x01, 0x1p-16 },       { 25, 0x7e, 448 },
        { 25, 0x7f, NAN },        { 25, 0xff, NAN },           { 25, 0x01, 0x1p-9 },
        { 26, 0x7f, 240 },        { 26, 0x80, NAN },           { 26, 0x01, 0x1p-10 },
        { 27, 0x7f, 30 },         { 27, 0x80, NAN },           { 28, 0x7f, 57344 },
        { 28, 0x80, NAN },        { 28, 0x01, 0x1p-17 },       { 33, 0x07, 6 },
        { 33, 0x01, 0.5 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made *m = made_new();
        unsigned char tensor[20];
        kt_wire w = { tensor, tensor + sizeof tensor, false };
        unsigned char bits[2] = { (unsigned char)cases[i].bits, (unsigned char)(cases[i].bits >> 8) };
        kt_wire_int(&w, 1, cases[i].dtype);
        kt_wire_bytes(&w, 4, bits, cases[i].dtype < 24 ? 2 : 1);
        made_tensor(m, 0, "a", "own", tensor, (size_t)(w.at - tensor));
        kt_logdir *log = made_open(m);
        kt_value value = value_of(log, "a");
        double got = value.numbers[0];
        if (isnan(cases[i].value) ? !isnan(got) : got != cases[i].value)
            fail_msg("dtype %d, bits %x: %g", cases[i].dtype, cases[i].bits, got);
        kt_logdir_close(log);
        free(m);
    }
}

/* What shapes claim. */
static void test_shapes(void **state)
{
    (void)state;
#define DIM(byte) "\x12\x02\x08" byte
    static const struct {
        const char *bytes;
        size_t n;
        int64_t count;
        int rank;
        const char *why; /* a word of it */
    } shapes[] = {
        { BYTES("\x08\x01\x12\x08" DIM("\x02") DIM("\x03") "\x2a\x04\x00\x00\x00\x3f"), 6, 2, NULL }, /* one for all */
        { BYTES("\x08\x01\x12\x08" DIM("\x02") DIM("\x03")), 6, 2, NULL },                            /* none: zeros */
        { BYTES("\x08\x01\x12\x0a\x12\x08\x08\xff\xff\xff\xff\xff\xff\x1f\x2a\x04\x00\x00\x00\x3f"), 1, 1,
          "stands for all" },
        { BYTES("\x08\x01\x12\x0d\x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x2d\x00\x00\x00\x3f"), 1, 1,
          "negative" },
        { BYTES("\x08\x01\x12\x18\x12\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x12\x0a\x08\xff\xff\xff\xff\xff\xff"
                "\xff\xff"
                "\x7f\x2d\x00\x00\x00\x3f"),
          1, 2, "beyond" },
        { BYTES("\x08\x01\x12\x04" DIM("\x03") "\x2a\x08\x00\x00\x00\x3f\x00\x00\x00\x3f"), 2, 1,
          "asks for 3" }, /* short */
        { BYTES("\x08\x01\x12\x04" DIM("\x01") "\x2a\x08\x00\x00\x00\x3f\x00\x00\x00\x3f"), 2, 1,
          "asks for 1" },                                                                          /* long */
        { BYTES("\x08\x01\x12\x02\x18\x01\x2a\x08\x00\x00\x00\x3f\x00\x00\x00\x3f"), 2, 1, NULL }, /* unknown_rank */
        { BYTES("\x08\x01\x2a\x08\x00\x00\x00\x3f\x00\x00\x00\x3f"), 2, 1, NULL },                 /* no shape */
        { BYTES("\x08\x01\x22\x05\x00\x00\x00\x3f\x00"), 0, 0, "whole number" },                   /* five bytes */
        { BYTES("\x08\x3f\x22\x04\x00\x00\x00\x3f"), 0, 0, "element type 63" },
        { BYTES("\x22\x04\x00\x00\x00\x3f"), 0, 0, "element type 0" },
        { BYTES("\x08\x01\x12\x24" DIM("\x01") DIM("\x01") DIM("\x01") DIM("\x01") DIM("\x01") DIM("\x01") DIM("\x01")
                    DIM("\x01") DIM("\x01") "\x2d\x00\x00\x00\x3f"),
          1, 8, "rank 9" },
        { BYTES("\x08\x01\x12\x02\x12\x00"), 0, 1, NULL },                                                /* [0] */
        { BYTES("\x08\x08\x12\x04" DIM("\x01") "\x4a\x08\x00\x00\x00\x3f\x00\x00\x80\x3f"), 2, 2, NULL }, /* complex */
        { BYTES("\x08\x08\x12\x04" DIM("\x01") "\x4a\x04\x00\x00\x00\x3f"), 0, 0, "whole number" },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        made *m = made_new();
        made_tensor(m, 0, "a", "own", shapes[i].bytes, shapes[i].n);
        kt_logdir *log = made_open(m);
        assert_int_equal(kt_logdir_problems(log), 0);
        kt_value value = value_of(log, "a");
        if (value.count != shapes[i].count || value.rank != shapes[i].rank || !value.why != !shapes[i].why)
            fail_msg("shape %zu: count %lld, rank %d, %s", i, (long long)value.count, value.rank,
                     value.why ? value.why : "fine");
        if (value.why && !strstr(value.why, shapes[i].why)) fail_msg("shape %zu: %s", i, value.why);
        for (int64_t k = 0; k < value.count && i != 1 && shapes[i].bytes[1] != 8; k++)
            assert_true(value.numbers[k] == 0.5);
        kt_logdir_close(log);
        free(m);
    }
}

/* ---- Kinds ----------------------------------------------------------------------------------- */

static void test_old_histograms(void **state)
{
    (void)state;
    unsigned char histo[400];
    static const double limits[] = { -1, 0, 1, 2, 1e308 }, counts[] = { 0, 3, 0, 2, 0 };
    static const struct {
        int limits, counts;
        int64_t rows;
        const char *why;
    } cases[] = {
        { 5, 5, 3, NULL }, { 4, 5, 0, "4 edges and 5 counts" }, { 1, 1, 0, NULL }, { 0, 0, 0, NULL }, { 2, 2, 1, NULL }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int packed = 0; packed < 2; packed++) {
            made *m = made_new();
            unsigned char value[500];
            kt_wire w = { histo, histo + sizeof histo, false }, v = { value, value + sizeof value, false };
            kt_wire_double(&w, 1, -0.5);
            kt_wire_double(&w, 2, 1.5);
            if (packed) {
                kt_wire_numbers(&w, 6, limits, (size_t)cases[i].limits, 8);
                kt_wire_numbers(&w, 7, counts, (size_t)cases[i].counts, 8);
            }
            for (int k = 0; k < cases[i].limits && !packed; k++) kt_wire_double(&w, 6, limits[k]);
            for (int k = 0; k < cases[i].counts && !packed; k++) kt_wire_double(&w, 7, counts[k]);
            kt_wire_bytes(&v, 1, "h", 1);
            kt_wire_bytes(&v, 5, histo, (size_t)(w.at - histo));
            made_value(m, 1, value, (size_t)(v.at - value));
            kt_logdir *log = made_open(m);
            assert_string_equal(kt_logdir_series(log, 0)->plugin, "histograms");
            kt_value got = value_of(log, "h");
            assert_int_equal(got.kind, KT_VALUE_BUCKETS);
            assert_int_equal(got.count, cases[i].rows);
            assert_int_equal(!got.why, !cases[i].why);
            if (got.why && !strstr(got.why, cases[i].why)) fail_msg("%s", got.why);
            if (got.count == 3) {
                static const kt_bucket rows[] = { { -0.5, 0, 3 }, { 0, 1, 0 }, { 1, 1.5, 2 } };
                assert_memory_equal(got.buckets, rows, sizeof rows);
            }
            kt_logdir_close(log);
            free(m);
        }
}

static void test_old_media(void **state)
{
    (void)state;
    made *m = made_new();
    made_value(m, 1,
               BYTES("\x0a\x01"
                     "i\x22\x0a\x08\x04\x10\x06\x18\x03\x22\x02xy"));
    made_value(m, 1,
               BYTES("\x0a\x01"
                     "s\x32\x0a\x0d\x00\x00\xfa\x45\x10\x01\x22\x01w"));
    made_value(m, 2,
               BYTES("\x0a\x01"
                     "i\x22\x00"));
    kt_logdir *log = made_open(m);
    assert_string_equal(kt_logdir_find(log, ".", "i")->plugin, "images");
    assert_string_equal(kt_logdir_find(log, ".", "s")->plugin, "audio");
    kt_value value = value_of(log, "i");
    assert_int_equal(value.count, 3);
    assert_memory_equal(value.strings[0].bytes, "6", 1);
    assert_memory_equal(value.strings[1].bytes, "4", 1);
    assert_memory_equal(value.strings[2].bytes, "xy", 2);
    value = value_of(log, "s");
    assert_int_equal(value.rank, 2);
    assert_memory_equal(value.strings[0].bytes, "w", 1);
    assert_int_equal(value.strings[1].size, 0);
    assert_int_equal(kt_logdir_value(log, kt_logdir_find(log, ".", "i"), 1, &value), KT_OK);
    assert_int_equal(value.strings[2].size, 0);
    assert_int_equal(kt_logdir_value(log, kt_logdir_find(log, ".", "i"), 2, &value), KT_ERR_VALUE);
    assert_non_null(strstr(kt_logdir_message(log), "from 0 to 1"));
    kt_logdir_close(log);
    free(m);
}

/* The first value says what a tag is; metadata may come with it alone. */
static void test_first_metadata(void **state)
{
    (void)state;
    made *m = made_new();
    made_value(m, 1,
               BYTES("\x0a\x01"
                     "t\x42\x06\x08\x07\x12\x00\x42\x00\x4a\x0e\x0a\x0a\x0a\x04text\x12\x02{}\x12\x00"));
    made_value(m, 2,
               BYTES("\x0a\x01"
                     "t\x42\x08\x08\x07\x12\x00\x42\x02hi"));
    made_value(m, 3,
               BYTES("\x0a\x01"
                     "t\x15\x00\x00\x00\x3f")); /* a scalar under a text's name */
    made_scalar(m, "t", 1, 4, 1);               /* and one that says so */
    made_scalar(m, "n", 1, 1, 1);
    made_value(m, 2,
               BYTES("\x0a\x01"
                     "n\x42\x08\x08\x07\x12\x00\x42\x02hi" SCALARS)); /* a text that says it is a scalar */
    made_value(m, 3,
               BYTES("\x0a\x01"
                     "n\x15\x00\x00\x00\x40")); /* the old form continues the new */
    made_value(m, 1,
               BYTES("\x0a\x01"
                     "p\x4a\x0b\x0a\x09\x0a\x07hparams")); /* all in the metadata */
    made_value(m, 1,
               BYTES("\x0a\x01"
                     "z")); /* nothing at all */
    kt_logdir *log = made_open(m);
    const kt_series *text = kt_logdir_find(log, ".", "t"), *number = kt_logdir_find(log, ".", "n");
    assert_int_equal(text->count, 2);
    assert_true(text->mixed);
    assert_string_equal(text->plugin, "text");
    assert_int_equal(text->content_size, 2);
    assert_memory_equal(text->content, "{}", 2);
    assert_null(text->values);
    assert_int_equal(number->count, 2);
    assert_false(number->mixed);
    assert_true(number->values[1] == 2.0f);
    assert_int_equal(made_count(log, "p"), 1);
    assert_int_equal(made_count(log, "z"), -1);
    kt_value value = value_of(log, "p");
    assert_int_equal(value.count, 0);
    assert_int_equal(kt_logdir_problems(log), 2); /* one that a tag is mixed, one that a value is not a number */
    for (int i = 0; i < 2; i++) assert_int_equal(kt_logdir_problem_at(log, i)->status, KT_OK);
    kt_logdir_close(log);
    free(m);
}

static void test_graphs(void **state)
{
    (void)state;
    made *m = made_new();
    made_record(m, BYTES("\x10\x01\x4a\x04\x12\x02gm"));          /* meta graph with the graph "gm" */
    made_record(m, BYTES("\x10\x02\x4a\x02\x0a\x00"));            /* one without */
    made_record(m, BYTES("\x10\x03\x42\x07\x0a\x02rm\x12\x01z")); /* run metadata "rm" */
    kt_logdir *log = made_open(m);
    kt_value value = value_of(log, "__run_graph__");
    assert_int_equal(value.kind, KT_VALUE_BYTES);
    assert_int_equal(value.strings[0].size, 2);
    assert_memory_equal(value.strings[0].bytes, "gm", 2);
    value = value_of(log, "rm");
    assert_memory_equal(value.strings[0].bytes, "z", 1);
    assert_string_equal(kt_logdir_find(log, ".", "rm")->plugin, "graph_tagged_run_metadata");
    made_record(m, BYTES("\x10\x04\x22\x01G")); /* a graph itself takes its place */
    made_record(m, BYTES("\x10\x05\x4a\x04\x12\x02gm"));
    log->memory_size = (int64_t)m->n;
    assert_int_equal(kt_logdir_refresh(log, NULL), KT_OK);
    assert_int_equal(made_count(log, "__run_graph__"), 1);
    value = value_of(log, "__run_graph__");
    assert_memory_equal(value.strings[0].bytes, "G", 1);
    kt_logdir_close(log);
    free(m);
}

static void test_tags(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        size_t n;
        const char *shown;
        bool clean;
    } tags[] = {
        { BYTES("plain"), "plain", true },
        { BYTES("\xc3\xbc/\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xbc/\xe2\x82\xac\xf0\x9f\x98\x80", true },
        { BYTES("new\nline \t"), "new\nline \t", true },
        { BYTES("a\0b"),
          "a\xef\xbf\xbd"
          "b",
          false },
        { BYTES("\0"), "\xef\xbf\xbd", false },
        { BYTES("x\xff\xfe"), "x\xef\xbf\xbd\xef\xbf\xbd", false },
        { BYTES("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false },
        { BYTES("cut \xe2\x82"), "cut \xef\xbf\xbd", false },
        { BYTES(""), "", true },
    };
    made *m = made_new();
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
            unsigned char value[100];
            kt_wire w = { value, value + sizeof value, false };
            kt_wire_bytes(&w, 1, tags[i].raw, tags[i].n);
            kt_wire_raw(&w, "\x15\0\0\0\x3f", 5);
            made_value(m, (int64_t)round, value, (size_t)(w.at - value));
        }
    kt_logdir *log = made_open(m);
    int64_t notices = 0;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        assert_int_equal(made_count(log, tags[i].shown), 3);
        notices += !tags[i].clean;
    }
    assert_int_equal(kt_logdir_problems(log), notices); /* once for each */
    for (int64_t i = 0; i < notices; i++) assert_int_equal(kt_logdir_problem_at(log, i)->status, KT_OK);
    for (int64_t i = 1; i < kt_logdir_series_count(log); i++)
        assert_true(strcmp(kt_logdir_series(log, i - 1)->tag, kt_logdir_series(log, i)->tag) < 0);
    kt_logdir_close(log);
    free(m);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void test_restarts(void **state)
{
    (void)state;
    static const int64_t steps[] = { 0, 1, 2, 3, 2, 3, 4, 4, 0, 5 }, kept[] = { 0, 5 };
    made *m = made_new();
    for (size_t i = 0; i < 10; i++) {
        made_scalar(m, "a", (double)i, steps[i], (float)i);
        made_tensor(m, steps[i], "b", "own", BYTES("\x08\x01\x2d\x00\x00\x00\x3f"));
    }
    for (int forget = 0; forget < 2; forget++) {
        kt_logdir_config config = { .size = sizeof config, .threads = 1, .forget_restarts = forget };
        kt_logdir *log = kt_logdir_open_memory((kt_blob){ m->at, m->n }, (kt_blob){ 0 }, &config);
        for (int64_t i = 0; i < 2; i++) {
            const kt_series *series = kt_logdir_series(log, i);
            assert_int_equal(series->restarts, 3);
            assert_int_equal(series->count, forget ? 2 : 10);
            for (int64_t k = 0; k < series->count; k++) assert_int_equal(series->steps[k], forget ? kept[k] : steps[k]);
        }
        assert_true(kt_logdir_series(log, 0)->values[1] == (forget ? 9.0f : 1.0f));
        kt_logdir_close(log);
    }
    free(m);
}

/* Scalars by the short way and the long way, mixed as they come. */
static void test_patterns(void **state)
{
    (void)state;
    static const char *const tags[] = { "loss", "accuracy", "a/very/long/tag/that/goes/on", "loss2" };
    made *m = made_new();
    float value = 0;
    int64_t count[4] = { 0 };
    uint32_t seed = 7;
    for (int i = 0; i < 4000; i++) {
        seed = seed * 1664525u + 1013904223u;
        size_t tag = i % 7 == 3 ? seed >> 30 : (size_t)i % 4;
        int64_t step =
            i < 3900 ? count[tag] * (i > 2000 ? 1000003 : 1) - (i % 500 == 0 ? 5 : 0) : (int64_t)1 << (i % 63);
        if (i % 11 == 5) { /* the old form now and then */
            unsigned char bytes[100];
            kt_wire w = { bytes, bytes + sizeof bytes, false };
            kt_wire_bytes(&w, 1, tags[tag], strlen(tags[tag]));
            kt_wire_key(&w, 2, KT_WIRE_FIXED32);
            memcpy(kt_wire_take(&w, 4), &value, 4);
            made_value(m, step, bytes, (size_t)(w.at - bytes));
        } else {
            made_scalar(m, tags[tag], 1700000000.0, step, value);
        }
        value += 0.25f;
        count[tag]++;
    }
    kt_logdir *log = made_open(m);
    float sum = 0, wanted = 0;
    for (int i = 0; i < 4000; i++) wanted += 0.25f * (float)i;
    for (int i = 0; i < 4; i++) {
        const kt_series *series = kt_logdir_find(log, ".", tags[i]);
        assert_int_equal(series->count, count[i]);
        for (int64_t k = 0; k < series->count; k++) {
            sum += series->values[k];
            if (k > 0) assert_true(series->values[k] > series->values[k - 1]);
        }
    }
    assert_true(fabsf(sum - wanted) < wanted * 1e-3f);
    kt_logdir_record r = { 0 };
    for (int i = 0; i < 4000; i++) { /* each record's own step is the one in the column */
        assert_int_equal(kt_logdir_record_at(log, 0, r.next, &r), KT_OK);
        kt_logdir_record_value v;
        assert_int_equal(kt_logdir_record_value_at(log, &r, 0, &v), KT_OK);
        assert_non_null(v.series);
        bool found = false;
        for (int64_t k = 0; k < v.series->count && !found; k++)
            found = v.series->values[k] == 0.25f * (float)i && v.series->steps[k] == r.step;
        assert_true(found);
    }
    kt_logdir_close(log);
    free(m);
}

/* A record like the ones before, but for a field between step and summary: it must not be taken for a step. */
static void test_nearly_a_pattern(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int64_t step;
    } between[] = { { BYTES("\x10\x05"), 5 },
                    { BYTES("\x10\x05\x58\x01"), 5 }, /* an unknown field */
                    { BYTES("\x10\x85\x01\x58\x01"), 133 },
                    { BYTES("\x10\x85\x80\x00"), 5 }, /* three bytes for a step of one */
                    { BYTES("\x58\x01\x10\x05"), 5 },
                    { BYTES("\x10\x07\x10\x05"), 5 },
                    { BYTES(""), 0 } };
    made *m = made_new();
    for (int i = 0; i < 5; i++) made_scalar(m, "a", 1, 300 + i, 0.5f);
    size_t begin = made_scalar(m, "a", 1, 0, 0.5f) + KT_RECORD_HEAD, n = m->n - begin - KT_RECORD_TAIL;
    unsigned char suffix[200], payload[300];
    assert_true(n > 9 && n < sizeof suffix);
    memcpy(suffix, m->at + begin + 9, n - 9); /* a step of 0 is left out */
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        memcpy(payload, m->at + begin, 9);
        memcpy(payload + 9, between[i].bytes, between[i].n);
        memcpy(payload + 9 + between[i].n, suffix, n - 9);
        made_record(m, payload, n + between[i].n);
    }
    kt_logdir *log = made_open(m);
    const kt_series *series = kt_logdir_find(log, ".", "a");
    assert_int_equal(series->count, 6 + sizeof between / sizeof *between);
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        assert_int_equal(series->steps[6 + i], between[i].step);
        assert_true(series->values[6 + i] == 0.5f && series->wall_times[6 + i] == 1);
    }
    assert_int_equal(kt_logdir_problems(log), 0);
    kt_logdir_close(log);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),        cmocka_unit_test(test_events),
        cmocka_unit_test(test_depth),          cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_float_edges),    cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_old_histograms), cmocka_unit_test(test_old_media),
        cmocka_unit_test(test_first_metadata), cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_tags),           cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_patterns),       cmocka_unit_test(test_nearly_a_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
