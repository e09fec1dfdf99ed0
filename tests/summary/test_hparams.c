/* SPDX-License-Identifier: MIT */
/* tests/summary/test_hparams.c: hyperparameters: the format's vectors, the group's hash, what is refused.
 *
 * The hashes were computed by tensorboard.plugins.hparams.summary_v2.hparams_pb (TensorBoard 2.21) for the same values;
 * check_plugins.py computes them again with whatever TensorBoard is installed. Numbers are compared with Python's repr.
 */
#include "plugins_log.h"

#include <locale.h>
#include <math.h>

#include "summary/kinds/plugins.h"
#include "base/repr.h"
#include "summary/kinds/sha256.h"

/* V9: a session start with one number, no group and no time. */
static void test_start_vector(void **state)
{
    (void)state;
    kt_hparam lr = kt_hparam_number("lr", 0.01);
    unsigned char bytes[64], expected[64];
    kt_wire w = { bytes, bytes + sizeof bytes, false };
    kt_session_start start = { &lr, 1, "", 0 };
    kt_session_start_encode(&w, &start);
    size_t n = plugins_hex("1a 11 0a 0f 0a 02 6c 72 12 09 11 7b 14 ae 47 e1 7a 84 3f", expected);
    assert_int_equal(w.at - bytes, n);
    assert_memory_equal(bytes, expected, n);
}

/* The same in the file: tag, empty tensor, metadata; with the time; a group of "" is left out. */
static void test_start(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    kt_hparam hparams[] = { kt_hparam_number("lr", 0.01), kt_hparam_text("optimizer", "adam"), kt_hparam_bool("augment", true),
                            kt_hparam_integer("units", 64), { .name = "decay", .text = "" } };
    assert_int_equal(kt_events_hparams(p.log, hparams, 5, "row"), KT_OK);
    proto value = plugins_value(&p, 1);
    assert_true(field_is(field_of(value, 1), "_hparams_/session_start_info"));
    assert_memory_equal(field_of(value, 8).at, "\x08\x01\x12\x02\x12\x00", 6);
    assert_int_equal(field_of(value, 8).n, 6);
    proto info = field_of(plugins_content(&p, 1), 3);
    assert_int_equal(field_count(info, 1), 5);
    assert_true(field_is(field_of(field_at(info, 1, 0), 1), "lr"));
    assert_true(field_double(field_of(field_of(field_at(info, 1, 0), 2), 2)) == 0.01);
    assert_true(field_is(field_of(field_of(field_at(info, 1, 1), 2), 3), "adam"));
    assert_int_equal(field_of(field_of(field_at(info, 1, 2), 2), 4).value, 1);
    assert_true(field_double(field_of(field_of(field_at(info, 1, 3), 2), 2)) == 64);
    assert_true(field_is(field_of(field_of(field_at(info, 1, 4), 2), 3), "")); /* there, though empty: a oneof */
    assert_true(field_is(field_of(info, 4), "row"));
    assert_true(field_double(field_of(info, 5)) == 1700000000.0);
    plugins_close(&p);

    p = plugins_open();
    assert_int_equal(kt_events_hparams(p.log, hparams, 1, ""), KT_OK);
    assert_false(field_of(field_of(plugins_content(&p, 1), 3), 4).there);
    plugins_close(&p);

    p = plugins_open();
    assert_int_equal(kt_events_hparams(p.log, hparams, 5, NULL), KT_OK);
    char group[KT_HPARAM_GROUP_BYTES];
    assert_int_equal(kt_hparams_group(hparams, 5, group), KT_OK);
    assert_true(field_is(field_of(field_of(plugins_content(&p, 1), 3), 4), group));
    plugins_close(&p);
}

/* V10. */
static void test_end(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    assert_int_equal(kt_events_hparams_end(p.log, KT_SESSION_SUCCESS), KT_OK);
    plugins_is(&p, 1, "4d 00 00 00 00 00 00 00 3d 63 d4 a6 09 00 00 00 40 fc 54 d9 41 2a 42 0a 40 0a 1a 5f 68 70 61 72"
                      "61 6d 73 5f 2f 73 65 73 73 69 6f 6e 5f 65 6e 64 5f 69 6e 66 6f 42 06 08 01 12 02 12 00 4a 1a 0a"
                      "18 0a 07 68 70 61 72 61 6d 73 12 0d 22 0b 08 01 11 00 00 00 40 fc 54 d9 41 e5 6a 21 b4");
    plugins_refused(&p, kt_events_hparams_end(p.log, (kt_session_status)7), "got 7");
    plugins_close(&p);
}

static void test_groups(void **state)
{
    (void)state;
    char group[KT_HPARAM_GROUP_BYTES];
    assert_int_equal(kt_hparams_group(NULL, 0, group), KT_OK); /* {} */
    assert_string_equal(group, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    kt_hparam all[] = {
        kt_hparam_number("lr", 0.01),          kt_hparam_number("batch", 64),
        kt_hparam_integer("units", 64),        kt_hparam_text("optimizer", "adam \"w\"\n\t\x7f"),
        kt_hparam_bool("augment", true),       kt_hparam_bool("Augment", false),
        kt_hparam_text("\xC3\xBC\xF0\x9F\x98\x80", "\xE2\x82\xAC"), kt_hparam_number("tiny", 1e-7),
        kt_hparam_number("huge", -1.5e300),    kt_hparam_integer("minus", -3),
    };
    assert_int_equal(kt_hparams_group(all, 10, group), KT_OK);
    assert_string_equal(group, "a09335312e869d78d9437dc9aeb68b91478e33abd17bbe0e67c3e6da173b09c6");
    for (int i = 0; i < 5; i++) { /* the order does not matter */
        kt_hparam held = all[i];
        all[i] = all[9 - i];
        all[9 - i] = held;
    }
    char again[KT_HPARAM_GROUP_BYTES];
    assert_int_equal(kt_hparams_group(all, 10, again), KT_OK);
    assert_string_equal(group, again);
    all[0].number += 1;
    assert_int_equal(kt_hparams_group(all, 10, again), KT_OK);
    assert_string_not_equal(group, again);
}

static void test_sha256(void **state)
{
    (void)state;
    const struct {
        const char *text, *hash;
    } known[] = { /* FIPS 180-4's examples, and the lengths at which the padding takes another block */
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "0123456789012345678901234567890123456789012345678901234", /* 55 */ "f34d5a0f80c0cbf84c8c0b90218c22637abd199965249da736a20143c8c9c9d9" },
        { "0123456789012345678901234567890123456789012345678901234567890123", /* 64 */ "9674d9e078535b7cec43284387a6ee39956188e735a85452b0050b55341cda56" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char hex[65];
        kt_sha256 sha = kt_sha256_begin();
        kt_sha256_feed(&sha, known[i].text, strlen(known[i].text));
        kt_sha256_end(&sha, hex);
        assert_string_equal(hex, known[i].hash);
    }
}

/* Python's repr, also where the host's locale has a comma. */
static void test_repr(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } known[] = {
        { 0, "0.0" }, { -0.0, "-0.0" }, { 64, "64.0" }, { 0.01, "0.01" }, { 0.1 + 0.2, "0.30000000000000004" },
        { 1e-4, "0.0001" }, { 1e-5, "1e-05" }, { 1e15, "1000000000000000.0" }, { 1e16, "1e+16" },
        { 123456789012345680, "1.2345678901234568e+17" }, { 5e-324, "5e-324" }, { 0x1.fffffffffffffp1023, "1.7976931348623157e+308" },
        { 0x1p-1022, "2.2250738585072014e-308" }, { 9007199254740992, "9007199254740992.0" }, { 1e23, "1e+23" },
        { 0x1p-44, "5.684341886080802e-14" }, { INFINITY, "inf" }, { -INFINITY, "-inf" }, { NAN, "nan" },
    };
    char *old = setlocale(LC_NUMERIC, "de_DE.UTF-8"); /* where it is installed */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[KT_REPR_BYTES];
        assert_int_equal(kt_repr_double(known[i].value, text), strlen(known[i].text));
        assert_string_equal(text, known[i].text);
    }
    if (old) setlocale(LC_NUMERIC, "C");

    uint64_t seed = 1;
    for (int i = 0; i < 5000; i++) { /* reads back as the same double */
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = seed ^ seed >> 29;
        double value;
        char text[KT_REPR_BYTES];
        memcpy(&value, &bits, 8);
        if (!isfinite(value)) continue;
        kt_repr_double(value, text);
        assert_true(strtod(text, NULL) == value);
    }
    char text[KT_REPR_BYTES];
    kt_repr_int(INT64_MIN, text);
    assert_string_equal(text, "-9223372036854775808");
}

static void test_config(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    const char *optimizers[] = { "adam", "sgd" };
    const double batches[] = { 32, 0 };
    kt_hparam_info infos[] = {
        { .name = "lr", .display_name = "rate", .description = "*step*", .min = 0, .max = 0.1 },
        { .name = "optimizer", .texts = optimizers, .count = 2 },
        { .name = "batch", .values = batches, .count = 2 },
        { .name = "augment", .type = KT_HPARAM_BOOL },
        { .name = "free" },
    };
    kt_metric_info metrics[] = { { .tag = "epoch_loss", .group = "validation", .display_name = "loss", .description = "d",
                                   .dataset = KT_DATASET_VALIDATION },
                                 { .tag = "epoch_accuracy" } };
    kt_hparams_config config = { .hparams = infos, .n_hparams = 5, .metrics = metrics, .n_metrics = 2, .user = "me" };
    assert_int_equal(kt_events_hparams_config(p.log, &config), KT_OK);
    assert_true(field_is(field_of(plugins_value(&p, 1), 1), "_hparams_/experiment"));
    proto e = field_of(plugins_content(&p, 1), 2);
    assert_true(field_is(field_of(e, 2), "me"));
    assert_true(field_double(field_of(e, 3)) == 1700000000.0);
    assert_int_equal(field_count(e, 4), 5);
    proto lr = field_at(e, 4, 0);
    assert_true(field_is(field_of(lr, 2), "rate") && field_is(field_of(lr, 3), "*step*"));
    assert_int_equal(field_of(lr, 4).value, 3);
    assert_false(field_of(field_of(lr, 6), 1).there); /* 0 is left out */
    assert_true(field_double(field_of(field_of(lr, 6), 2)) == 0.1);
    proto optimizer = field_at(e, 4, 1);
    assert_int_equal(field_of(optimizer, 4).value, 1);
    assert_true(field_is(field_of(field_at(field_of(optimizer, 5), 1, 1), 3), "sgd"));
    proto batch = field_at(e, 4, 2);
    assert_int_equal(field_of(batch, 4).value, 3);
    assert_true(field_of(field_at(field_of(batch, 5), 1, 1), 2).there); /* 0.0 in a oneof stands */
    proto augment = field_at(e, 4, 3);
    assert_int_equal(field_of(augment, 4).value, 2);
    assert_int_equal(field_of(field_at(field_of(augment, 5), 1, 1), 4).value, 1);
    assert_false(field_of(field_at(e, 4, 4), 4).there); /* no domain, no type: as Python's HParam */
    proto metric = field_at(e, 5, 0);
    assert_true(field_is(field_of(field_of(metric, 1), 1), "validation") && field_is(field_of(field_of(metric, 1), 2), "epoch_loss"));
    assert_int_equal(field_of(metric, 5).value, 2);
    assert_false(field_of(field_of(field_at(e, 5, 1), 1), 1).there);

    infos[1].count = -1;
    plugins_refused(&p, kt_events_hparams_config(p.log, &config), "hyperparameter 1 (\"optimizer\")");
    infos[1].count = 2;
    optimizers[0] = NULL;
    plugins_refused(&p, kt_events_hparams_config(p.log, &config), "expected texts");
    optimizers[0] = "adam";
    infos[0].max = INFINITY;
    plugins_refused(&p, kt_events_hparams_config(p.log, &config), "endless");
    infos[0].max = 1;
    metrics[1].tag = "";
    plugins_refused(&p, kt_events_hparams_config(p.log, &config), "metric 1");
    plugins_refused(&p, kt_events_hparams_config(p.log, NULL), "got NULL");
    plugins_close(&p);
}

static void test_refused(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    char group[KT_HPARAM_GROUP_BYTES];
    static char longer[1026];
    memset(longer, 'n', 1025);
    const struct {
        kt_hparam hparams[2];
        const char *part;
    } wrong[] = {
        { { kt_hparam_number("lr", NAN), kt_hparam_number("b", 1) }, "got nan" },
        { { kt_hparam_number("b", 1), kt_hparam_number("lr", -INFINITY) }, "\"lr\": expected a finite number, got -inf" },
        { { kt_hparam_number("lr", 1), kt_hparam_number("lr", 2) }, "twice" },
        { { kt_hparam_number("", 1), kt_hparam_number("b", 2) }, "got none" },
        { { kt_hparam_number(NULL, 1), kt_hparam_number("b", 2) }, "hyperparameter 0" },
        { { kt_hparam_number(longer, 1), kt_hparam_number("b", 2) }, "a longer one" },
        { { kt_hparam_text("t", NULL), kt_hparam_number("b", 2) }, "got NULL" },
        { { { .name = "i", .number = 0.5, .type = KT_HPARAM_INTEGER }, kt_hparam_number("b", 2) }, "whole number" },
        { { { .name = "i", .number = 1e300, .type = KT_HPARAM_INTEGER }, kt_hparam_number("b", 2) }, "whole number" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        plugins_refused(&p, kt_events_hparams(p.log, wrong[i].hparams, 2, NULL), wrong[i].part);
        assert_int_equal(kt_hparams_group(wrong[i].hparams, 2, group), KT_ERR_VALUE);
        assert_string_equal(group, "");
    }
    plugins_refused(&p, kt_events_hparams(p.log, NULL, 3, NULL), "at NULL");
    plugins_refused(&p, kt_events_hparams(p.log, wrong[0].hparams, -1, NULL), "got -1");
    assert_int_equal(kt_events_hparams(NULL, NULL, 0, NULL), KT_ERR_STATE);
    assert_int_equal(kt_events_hparams_end(NULL, KT_SESSION_SUCCESS), KT_ERR_STATE);
    plugins_close(&p);
}

/* Names and texts that are not UTF-8 are repaired in the record, and hash as what they became. */
static void test_repaired(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    kt_hparam broken = kt_hparam_text("a\xFF" "b\xE2\x82", "\xF0\x9F\x98"), fixed = kt_hparam_text("a\xEF\xBF\xBD" "b\xEF\xBF\xBD", "\xEF\xBF\xBD");
    assert_int_equal(kt_events_hparams(p.log, &broken, 1, NULL), KT_OK);
    proto entry = field_of(field_of(plugins_content(&p, 1), 3), 1);
    assert_true(field_is(field_of(entry, 1), fixed.name));
    assert_true(field_is(field_of(field_of(entry, 2), 3), fixed.text));
    char one[KT_HPARAM_GROUP_BYTES], two[KT_HPARAM_GROUP_BYTES];
    kt_hparams_group(&broken, 1, one);
    kt_hparams_group(&fixed, 1, two);
    assert_string_equal(one, two);
    plugins_close(&p);
}

/* A text larger than any fixed room, and one so large that it cannot be logged at once. */
static void test_large(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    char *text = malloc(3000001);
    memset(text, 'x', 3000000);
    text[3000000] = '\0';
    kt_hparam hparam = kt_hparam_text("notes", text);
    assert_int_equal(kt_events_hparams(p.log, &hparam, 1, NULL), KT_OK);
    assert_int_equal(field_of(field_of(field_of(field_of(plugins_content(&p, 1), 3), 1), 2), 3).n, 3000000);
    free(text);
    plugins_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_vector), cmocka_unit_test(test_start),    cmocka_unit_test(test_end),
        cmocka_unit_test(test_groups),       cmocka_unit_test(test_sha256),   cmocka_unit_test(test_repr),
        cmocka_unit_test(test_config),       cmocka_unit_test(test_refused),  cmocka_unit_test(test_repaired),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests_name("summary/hparams", tests, NULL, NULL);
}
