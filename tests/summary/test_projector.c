/* SPDX-License-Identifier: MIT */
/* tests/summary/test_projector.c: the projector's files: numbers, labels, sprites, the configuration and what of it
 * stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <locale.h>
#include <math.h>

#include "media_reader.h"
#include "png_reader.h"
#include "summary/kinds/number.h"
#include "summary/kinds/projector_config.h"
#include "summary/new_file.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    reader_make_dir(dir);
    return dir[0] ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    reader_remove(dir);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void expect_file(const char *name, const char *expected)
{
    event_file file = reader_open(path_of(name));
    if (!file.bytes) fail_msg("there is no %s", name);
    file.bytes[file.size] = '\0';
    assert_string_equal((const char *)file.bytes, expected);
    free(file.bytes);
}

static void write_file(const char *name, const char *text)
{
    FILE *out = fopen(path_of(name), "wb");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

/* How many files the directory has: nothing else may be left of any attempt. */
static int files(void)
{
    DIR *at = opendir(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(at)) != NULL;) count += entry->d_name[0] != '.';
    closedir(at);
    return count;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static void expect_number(float value, const char *expected)
{
    char text[KT_NUMBER_ROOM];
    size_t n = kt_number_text(text, value);
    assert_string_equal(text, expected);
    assert_int_equal(n, strlen(text));
}

/* Read as a double and rounded: the same float. */
static void expect_back(float value)
{
    char text[KT_NUMBER_ROOM];
    memset(text, 'x', sizeof text);
    size_t n = kt_number_text(text, value);
    assert_true(n < KT_NUMBER_ROOM && text[n] == '\0');
    float back = (float)strtod(text, NULL);
    if (memcmp(&back, &value, 4) != 0) fail_msg("%.9g is printed as %s", (double)value, text);
}

static void test_numbers(void **state)
{
    (void)state;
    expect_number(0, "0");
    expect_number(-0.0f, "-0");
    expect_number(1, "1");
    expect_number(-3.5f, "-3.5");
    expect_number(0.1f, "0.1");
    expect_number(0.01f, "0.01");
    expect_number(0.0001f, "0.0001");
    expect_number(1e-5f, "0.00001");
    expect_number(1e-6f, "1e-06");
    expect_number(1.5e-7f, "1.5e-07");
    expect_number(100, "100");
    expect_number(123456, "123456");
    expect_number(16777216, "16777216");
    expect_number(1e10f, "10000000000");
    expect_number(1e20f, "1e+20");
    expect_number(3.4028235e38f, "3.40282347e+38");
    expect_number(1.17549435e-38f, "1.17549435e-38");
    expect_number(1.40129846e-45f, "1.40129846e-45");
    expect_number(-2.5e30f, "-2.49999996e+30"); /* beyond exact powers of ten: nine digits */
    expect_number(0.333333343f, "0.33333334");

    uint32_t bits = 1;
    for (int i = 0; i < 300000; i++) {
        bits = bits * 1664525u + 1013904223u;
        float value;
        memcpy(&value, &bits, 4);
        if (isfinite(value)) expect_back(value);
        expect_back((float)(bits >> 8) / 16777216.0f - 0.5f);
    }
    for (uint32_t exponent = 0; exponent < 255; exponent++) /* both sides of every power of two */
        for (uint32_t low = 0; low < 8; low++) {
            uint32_t around = (exponent << 23) + low - 4;
            float value;
            memcpy(&value, &around, 4);
            if (isfinite(value)) expect_back(value);
        }
}

/* A locale with a comma changes nothing; where none is installed there is nothing to show. */
static void test_locale(void **state)
{
    (void)state;
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "ru_RU.UTF-8" };
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) found = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!found) skip();
    expect_number(1.5e-40f, "1.50000593e-40"); /* one that printf helps with */
    expect_number(1.25f, "1.25");
    setlocale(LC_NUMERIC, "C");
}

/* ---- Files ----------------------------------------------------------------------------------- */

static const float vectors[6] = { 0.1f, -2, 3e-7f, 4, 5.5f, 1e10f };

static void test_files(void **state)
{
    (void)state;
    static const char *const labels[3] = { "one", "z\xC3\xBC", "three" };
    static uint8_t pixels[3 * 2 * 4];
    for (int i = 0; i < 24; i++) pixels[i] = (uint8_t)(i + 1);
    kt_images thumbnails = { .u8 = pixels, .count = 3, .height = 2, .width = 4, .channels = 1 };
    kt_embedding e = {
        .name = "emb", .vectors = vectors, .rows = 3, .columns = 2, .labels = labels, .thumbnails = &thumbnails
    };
    kt_events_error error = { .status = KT_ERR_INTERNAL };
    assert_int_equal(kt_projector_write(dir, &e, 1, .error = &error), KT_OK);
    assert_int_equal(error.status, KT_OK);
    assert_int_equal(files(), 4);
    expect_file("emb.tsv", "0.1\t-2\n3e-07\t4\n5.5\t10000000000\n");
    expect_file("emb.metadata.tsv", "one\nz\xC3\xBC\nthree\n");
    expect_file("projector_config.pbtxt",
                "embeddings {\n  tensor_name: \"emb\"\n  metadata_path: \"emb.metadata.tsv\"\n"
                "  tensor_shape: 3\n  tensor_shape: 2\n  sprite {\n    image_path: \"emb.sprite.png\"\n"
                "    single_image_dim: 4\n    single_image_dim: 2\n  }\n"
                "  tensor_path: \"emb.tsv\"\n}\n");
    event_file file = reader_open(path_of("emb.sprite.png"));
    png_read sprite = png_decode(file.bytes, file.size);
    assert_null(sprite.wrong);
    assert_int_equal(sprite.width, 8); /* two thumbnails across, no lines between them */
    assert_int_equal(sprite.height, 4);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 8; x++) {
            int index = y / 2 * 2 + x / 4;
            assert_int_equal(sprite.pixels[y * 8 + x], index < 3 ? pixels[(index * 2 + y % 2) * 4 + x % 4] : 128);
        }
    free(sprite.pixels);
    free(file.bytes);

    /* again, with less: the entry is replaced, and a directory that is not there yet is made */
    e.labels = NULL;
    e.thumbnails = NULL;
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    static const char plain[] = "embeddings {\n  tensor_name: \"emb\"\n  tensor_shape: 3\n  tensor_shape: 2\n"
                                "  tensor_path: \"emb.tsv\"\n}\n";
    expect_file("projector_config.pbtxt", plain);
    e.metadata_file = "own \"labels\".tsv"; /* somebody else's, only named */
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    expect_file("projector_config.pbtxt", "embeddings {\n  tensor_name: \"emb\"\n  metadata_path: \"own "
                                          "\\042labels\\042.tsv\"\n  tensor_shape: 3\n"
                                          "  tensor_shape: 2\n  tensor_path: \"emb.tsv\"\n}\n");
    e.metadata_file = NULL;
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    char deeper[128];
    snprintf(deeper, sizeof deeper, "%s/runs/a/", dir);
    assert_int_equal(kt_projector_write(deeper, &e, 1), KT_OK);
    expect_file("runs/a/projector_config.pbtxt", plain);
    assert_int_equal(kt_projector_write(dir, NULL, 0), KT_OK);
    expect_file("projector_config.pbtxt", plain);
}

/* The page finds thumbnails only in a sprite with as many rows as columns. */
static void test_square_sprite(void **state)
{
    (void)state;
    static const uint8_t pixels[6 * 2] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    kt_images thumbnails = { .u8 = pixels, .count = 6, .height = 1, .width = 2, .channels = 1 };
    kt_embedding e = { .name = "e", .vectors = vectors, .rows = 6, .columns = 1, .thumbnails = &thumbnails };
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    event_file file = reader_open(path_of("e.sprite.png"));
    png_read sprite = png_decode(file.bytes, file.size);
    assert_null(sprite.wrong);
    assert_int_equal(sprite.width, 6);
    assert_int_equal(sprite.height, 3);
    for (int i = 0; i < 18; i++) assert_int_equal(sprite.pixels[i], i < 12 ? pixels[i] : 128);
    free(sprite.pixels);
    free(file.bytes);
}

/* Labels in one column and in several: line ends and tabs cannot move a row, and no line is blank. */
static void test_labels(void **state)
{
    (void)state;
    static char long_label[3000];
    memset(long_label, 'a', 998);
    memcpy(long_label + 998, "\xE2\x82\xAC more", 9); /* the cut would fall into this character */
    const char *labels[6] = { "a\tb\nc\r\x01", "", NULL, "  \t", "\xFF", long_label };
    kt_embedding e = { .name = "one", .vectors = vectors, .rows = 6, .columns = 1, .labels = labels };
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    char expected[2000];
    snprintf(expected, sizeof expected, "a b c  \n-\n-\n-\n\xEF\xBF\xBD\n%.998s\n", long_label);
    expect_file("one.metadata.tsv", expected);

    static const char *const cells[6] = { "x", "1", "", NULL, " ", "2" }, *const names[2] = { "label", "" };
    e = (kt_embedding){ .name = "two",
                        .vectors = vectors,
                        .rows = 3,
                        .columns = 2,
                        .labels = cells,
                        .label_columns = 2,
                        .label_names = names };
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    expect_file("two.metadata.tsv", "label\tcolumn 2\nx\t1\n-\t\n \t2\n");
}

/* Names: steps, ":0", what does not go into a file's name, and two that would meet there. */
static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = { "a/b", "a_b", "../x", "emb:0", "x.tfevents.1", "\xC3\xBC\"\\'\n" };
    kt_embedding e[8];
    for (int i = 0; i < 6; i++) e[i] = (kt_embedding){ .name = names[i], .vectors = vectors, .rows = 1, .columns = 2 };
    e[6] = (kt_embedding){ .name = "emb", .vectors = vectors, .rows = 1, .columns = 2, .by_step = true, .step = 12 };
    e[7] = (kt_embedding){ .name = "emb", .vectors = vectors, .rows = 1, .columns = 2, .by_step = true, .step = -3 };
    assert_int_equal(kt_projector_write(dir, e, 8), KT_OK);
    assert_int_equal(files(), 9);
    DIR *at = opendir(dir);
    for (struct dirent *entry; (entry = readdir(at)) != NULL;) {
        assert_null(strstr(entry->d_name, "tfevents.")); /* else TensorBoard would read it as a log */
        for (const char *c = entry->d_name; *c; c++)
            assert_true((unsigned char)*c > ' ' && (unsigned char)*c < 127 && *c != '\\');
    }
    closedir(at);
    expect_file("a_b.tsv", "0.1\t-2\n");
    expect_file("emb.tsv", "0.1\t-2\n");
    expect_file("emb_12.tsv", "0.1\t-2\n");
    expect_file("emb_-3.tsv", "0.1\t-2\n");
    event_file config = reader_open(path_of("projector_config.pbtxt"));
    config.bytes[config.size] = '\0';
    const char *text = (const char *)config.bytes;
    assert_non_null(strstr(text, "tensor_name: \"a/b\"\n"));
    assert_non_null(strstr(text, "tensor_name: \"emb\"\n"));
    assert_non_null(strstr(text, "tensor_name: \"emb_12\"\n"));
    assert_non_null(strstr(text, "tensor_name: \"\\303\\274\\042\\134\\047\\012\"\n"));
    free(config.bytes);

    static char long_names[2][151]; /* equal in what a file's name keeps of them */
    for (int i = 0; i < 2; i++) {
        memset(long_names[i], 'n', 150);
        long_names[i][149] = (char)('0' + i);
        kt_embedding one = { .name = long_names[i], .vectors = vectors + i, .rows = 1, .columns = 1 };
        char other[160];
        snprintf(other, sizeof other, "%s/long", dir);
        assert_int_equal(kt_projector_write(other, &one, 1), KT_OK);
    }
    DIR *longs = opendir(path_of("long"));
    int long_files = 0;
    for (struct dirent *entry; (entry = readdir(longs)) != NULL;) long_files += entry->d_name[0] == 'n';
    closedir(longs);
    assert_int_equal(long_files, 2);
    reader_remove(path_of("long"));

    /* written again one by one, each finds its own entry, however it was escaped */
    for (int i = 0; i < 8; i++) assert_int_equal(kt_projector_write(dir, &e[i], 1), KT_OK);
    config = reader_open(path_of("projector_config.pbtxt"));
    config.bytes[config.size] = '\0';
    int entries = 0;
    for (const char *found = (const char *)config.bytes; (found = strstr(found, "tensor_name")) != NULL; found++)
        entries++;
    assert_int_equal(entries, 8);
    assert_int_equal(files(), 9);
    free(config.bytes);
}

/* ---- A configuration that is there ----------------------------------------------------------- */

static void test_kept(void **state)
{
    (void)state;
    static const char checkpoint[] = "model_checkpoint_path: \"m.ckpt\" # mine";
    static const char other[] =
        "embeddings: <\n  tensor_name: 'other' 'one'; tensor_shape: [1, 2] metadata_path: \"emb {\\\" }\"\n"
        "  sprite { image_path: \"x\" single_image_dim: 1 }\n>";
    static const char nameless[] = "embeddings { tensor_path: \"t.tsv\" }";
    char old[2048];
    snprintf(old, sizeof old,
             "# a comment with { and \"\n%s\n%s,\nembeddings {tensor_name:\"e\\155b:0\"}\n%s\n"
             "embeddings\n{\n  tensor_name : \"third\"\n  sprite { tensor_name: \"emb\" }\n}\n[a.b/c.d] { x: -1.5e3 } "
             "# the end",
             checkpoint, other, nameless);
    write_file("projector_config.pbtxt", old);
    kt_embedding e = { .name = "emb", .vectors = vectors, .rows = 3, .columns = 2 };
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    char expected[2048];
    snprintf(expected, sizeof expected,
             "# a comment with { and \"\nmodel_checkpoint_path: \"m.ckpt\"\n# mine\n%s\n%s\nembeddings\n{\n  "
             "tensor_name : \"third\"\n"
             "  sprite { tensor_name: \"emb\" }\n}\n[a.b/c.d] { x: -1.5e3 }\n# the end\n"
             "embeddings {\n  tensor_name: \"emb\"\n  tensor_shape: 3\n  tensor_shape: 2\n  tensor_path: "
             "\"emb.tsv\"\n}\n",
             other, nameless);
    for (int again = 0; again < 3; again++) { /* and then it stays so */
        expect_file("projector_config.pbtxt", expected);
        assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    }

    e.name = "otherone";
    assert_int_equal(kt_projector_write(dir, &e, 1), KT_OK);
    event_file config = reader_open(path_of("projector_config.pbtxt"));
    config.bytes[config.size] = '\0';
    assert_null(strstr((const char *)config.bytes, "other'"));
    free(config.bytes);
}

/* What cannot be understood is refused, stays as it is, and nothing is written beside it. */
static void test_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "{",
                                         "embeddings",
                                         "embeddings {",
                                         "embeddings { tensor_name: \"x }",
                                         "embeddings }",
                                         "a: \"x",
                                         "a: {",
                                         "embeddings { a: <} }",
                                         "embeddings: [ { } ]",
                                         "{\"json\": 1}",
                                         "a",
                                         "a:",
                                         "embeddings { tensor_name: 5 }",
                                         "embeddings { tensor_name }",
                                         "\x89PNG",
                                         "a: \"\n\"",
                                         "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{" };
    kt_embedding e = { .name = "emb", .vectors = vectors, .rows = 3, .columns = 2 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_file("projector_config.pbtxt", wrong[i]);
        kt_events_error error;
        if (kt_projector_write(dir, &e, 1, .error = &error) != KT_ERR_FORMAT) fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(error.status, KT_ERR_FORMAT);
        assert_non_null(strstr(error.message, "projector_config.pbtxt"));
        expect_file("projector_config.pbtxt", wrong[i]);
        assert_int_equal(files(), 1);
    }
}

/* Walks through a text and collects what was found, a line each, *n bytes. 0: sound; -1: refused. */
static int walk(const char *text, size_t size, char *kept, size_t *n)
{
    *n = 0;
    size_t at = 0, from, to, last = 0;
    char name[8];
    bool entry;
    for (int found;;) {
        found = kt_projector_next(text, size, &at, &from, &to, &entry, name, sizeof name);
        if (found <= 0) return found;
        assert_true(from >= last && to > from && to <= size && at >= to && strlen(name) < sizeof name);
        memcpy(kept + *n, text + from, to - from);
        *n += to - from;
        kept[(*n)++] = '\n';
        last = to;
    }
}

/* Every prefix of a sound file, and every byte of it changed: an answer, nothing read beyond the end (a sanitizer
 * would say so), and what is kept is understood in turn, as the same. */
static void test_hostile(void **state)
{
    (void)state;
    static const char sound[] =
        "m: \"a\\\"\\1\\12\\123\\n\" embeddings { tensor_name: 'x' 'long name' s < d: [1, 2] > }, # c\n"
        "[e.x/t] { a: -1 }; b: 'x'";
    static const char others[] = "{}<>[]\"'\\#:;,\n x0\xFF";
    const size_t n = sizeof sound - 1;
    size_t kept_size, again_size;
    char kept[2 * sizeof sound], again[2 * sizeof sound];
    assert_int_equal(walk(sound, n, kept, &kept_size), 0);
    int taken = 0;
    for (size_t i = 0; i <= n; i++)
        for (size_t k = 0; k <= sizeof others; k++) { /* the last one: a prefix; the last but one: a NUL */
            size_t size = k < sizeof others && i < n ? n : i;
            char *exact = malloc(size + 1);
            char *text = exact + 1; /* ends where the block ends */
            memcpy(text, sound, size);
            if (size > i) text[i] = others[k];
            if (walk(text, size, kept, &kept_size) == 0) {
                taken++;
                assert_int_equal(walk(kept, kept_size, again, &again_size), 0);
                assert_int_equal(again_size, kept_size);
                assert_memory_equal(again, kept, kept_size);
            }
            free(exact);
        }
    assert_true(taken > 100);
}

/* ---- Mistakes -------------------------------------------------------------------------------- */

static void test_mistakes(void **state)
{
    (void)state;
    static const char *const labels[2] = { "a", "b" };
    static const uint8_t pixel[2] = { 0 };
    const float bad[2] = { 0, NAN };
    static char long_name[502];
    memset(long_name, 'x', 501);
    kt_images one = { .u8 = pixel, .count = 1, .height = 1, .width = 1, .channels = 1 };
    kt_images none = { .count = 2, .height = 1, .width = 1, .channels = 1 };
    kt_images wide = { .u8 = pixel, .count = 2, .height = 1, .width = 8193, .channels = 1 };
    kt_images tall = { .u8 = pixel, .count = 2, .height = 5000, .width = 8000, .channels = 1 };
    kt_images flat = { .u8 = pixel, .count = 2, .height = 0, .width = 1, .channels = 1 };
    const kt_embedding wrong[] = {
        { .vectors = vectors, .rows = 2, .columns = 1 },
        { .name = "", .vectors = vectors, .rows = 2, .columns = 1 },
        { .name = long_name, .vectors = vectors, .rows = 2, .columns = 1 },
        { .name = "e", .rows = 2, .columns = 1 },
        { .name = "e", .vectors = vectors, .rows = 0, .columns = 1 },
        { .name = "e", .vectors = vectors, .rows = 2, .columns = 0 },
        { .name = "e", .vectors = vectors, .rows = INT64_MAX, .columns = INT64_MAX },
        { .name = "e", .vectors = bad, .rows = 2, .columns = 1 },
        { .name = "e", .vectors = vectors, .rows = 1, .columns = 1, .labels = labels, .label_columns = 2 },
        { .name = "e", .vectors = vectors, .rows = 1, .columns = 1, .labels = labels, .label_columns = -1 },
        { .name = "e", .vectors = vectors, .rows = 2, .columns = 1, .thumbnails = &one },
        { .name = "e", .vectors = vectors, .rows = 2, .columns = 1, .thumbnails = &none },
        { .name = "e", .vectors = vectors, .rows = 2, .columns = 1, .thumbnails = &wide },
        { .name = "e", .vectors = vectors, .rows = 2, .columns = 1, .thumbnails = &tall },
        { .name = "e", .vectors = vectors, .rows = 2, .columns = 1, .thumbnails = &flat },
    };
    kt_events_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (kt_projector_write(dir, &wrong[i], 1, .error = &error) != KT_ERR_VALUE)
            fail_msg("mistake %zu was taken", i);
        assert_int_equal(error.status, KT_ERR_VALUE);
        assert_memory_equal(error.message, "kt_projector_write: ", 20);
        assert_int_equal(kt_projector_write(dir, &wrong[i], 1), KT_ERR_VALUE); /* with nobody to tell */
    }
    assert_int_equal(kt_projector_write(dir, &wrong[7], 1, .error = &error), KT_ERR_VALUE);
    assert_string_equal(error.message,
                        "kt_projector_write: \"e\": expected finite numbers, got one that is not in row 1, column 0, "
                        "of which the projector would show nothing; find out where it comes from");
    kt_embedding same[2] = { { .name = "e", .vectors = vectors, .rows = 1, .columns = 1 },
                             { .name = "e:0", .vectors = vectors, .rows = 1, .columns = 1 } };
    assert_int_equal(kt_projector_write(dir, same, 2), KT_ERR_VALUE);
    assert_int_equal(kt_projector_write("", same, 1), KT_ERR_VALUE);
    assert_int_equal(kt_projector_write(NULL, same, 1), KT_ERR_VALUE);
    assert_int_equal(kt_projector_write(dir, same, -1), KT_ERR_VALUE);
    assert_int_equal(kt_projector_write(dir, same, 1001), KT_ERR_VALUE);
    assert_int_equal(kt_projector_write(dir, NULL, 1), KT_ERR_VALUE);
    assert_int_equal(kt_projector_write(dir, same, 1, .allocator = { .allocate = media_allocate }), KT_ERR_VALUE);
    assert_int_equal(kt_projector_write_with(NULL), KT_ERR_VALUE);
    assert_int_equal(files(), 0);
}

static void test_system(void **state)
{
    (void)state;
    kt_embedding e = { .name = "e", .vectors = vectors, .rows = 1, .columns = 1 };
    kt_events_error error;
    write_file("file", "");
    char path[128];
    snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(kt_projector_write(path, &e, 1, .error = &error), KT_ERR_IO);
    assert_non_null(strstr(error.message, "a part of the path is a file"));
    mkdir(path_of("e.tsv"), 0777); /* a file cannot take a directory's place */
    assert_int_equal(kt_projector_write(dir, &e, 1, .error = &error), KT_ERR_IO);
    assert_non_null(strstr(error.message, "e.tsv"));
    assert_int_equal(files(), 2);                    /* nothing under a temporary name, no configuration */
    mkfifo(path_of("projector_config.pbtxt"), 0666); /* nobody writes to it: must not wait */
    assert_int_equal(kt_projector_write(dir, &e, 1, .error = &error), KT_ERR_IO);
}

/* Each call of the system fails once: the old file stays, nothing is left. */
static int broken_call, call_count;

static int broken(int number, int result)
{
    if (number != broken_call) return result;
    errno = ENOSPC;
    return -1;
}

static int broken_create(const char *path) { return broken_call == 0 ? broken(0, -1) : kt_file_system.create(path); }

static int64_t broken_write(int fd, const void *bytes, size_t n, int64_t at)
{
    call_count++;
    return broken_call == 1 ? broken(1, -1) : kt_file_system.write_at(fd, bytes, n > 1000 ? 1000 : n, at);
}

static int broken_sync(int fd) { return broken(2, kt_file_system.sync(fd)); }

static int broken_close(int fd) { return broken(3, kt_file_system.close(fd)); }

static void test_new_file(void **state)
{
    (void)state;
    kt_file_calls calls = kt_file_system;
    calls.create = broken_create;
    calls.write_at = broken_write;
    calls.sync = broken_sync;
    calls.close = broken_close;
    write_file("f", "old");
    static char large[200000];
    memset(large, 'a', sizeof large - 1);
    for (broken_call = 0; broken_call < 5; broken_call++) {
        media_heap heap = { 0 };
        kt_allocator a = media_allocator(&heap);
        kt_new_file file = kt_new_file_begin(&calls, &a, dir, "f");
        kt_new_file_text(&file, large);
        assert_int_equal(kt_new_file_end(&file), broken_call < 4 ? ENOSPC : 0);
        assert_int_equal(heap.held, 0);
        assert_int_equal(files(), 1);
        expect_file("f", broken_call < 4 ? "old" : large);
    }
    assert_true(call_count >= 200); /* short writes were continued */

    media_heap heap = { 0 };
    kt_allocator a = media_allocator(&heap);
    char *bytes;
    size_t size;
    assert_int_equal(kt_read_file(&a, dir, "f", sizeof large, &bytes, &size), 0);
    assert_int_equal(size, sizeof large - 1);
    assert_string_equal(bytes, large);
    a.release(bytes, a.user);
    assert_int_equal(kt_read_file(&a, dir, "f", 1000, &bytes, &size), EFBIG);
    assert_null(bytes);
    assert_int_equal(kt_read_file(&a, dir, "none", 1000, &bytes, &size), 0);
    assert_null(bytes);
    assert_int_equal(heap.held, 0);
}

/* The n-th request for memory fails, for every n. */
static void test_memory(void **state)
{
    (void)state;
    static const char *const labels[3] = { "a", "b", "c" };
    static float pixels[3 * 9];
    kt_images thumbnails = { .f32 = pixels,
                             .count = 3,
                             .height = 3,
                             .width = 3,
                             .channels = 1,
                             .scale_each = true,
                             .scaling = KT_IMAGE_MINMAX };
    kt_embedding e = {
        .name = "emb", .vectors = vectors, .rows = 3, .columns = 2, .labels = labels, .thumbnails = &thumbnails
    };
    write_file("projector_config.pbtxt", "embeddings { tensor_name: \"x\" }");
    kt_status status = KT_ERR_MEMORY;
    for (int64_t n = 1; status != KT_OK; n++) {
        media_heap heap = { .fail_at = n };
        kt_events_error error;
        status = kt_projector_write(dir, &e, 1, .allocator = media_allocator(&heap), .error = &error);
        assert_true(status == KT_OK || status == KT_ERR_MEMORY);
        assert_int_equal(error.status, status);
        assert_int_equal(heap.held, 0);
        assert_true(n < 100);
        assert_int_equal(files() >= 1, 1);
    }
    assert_int_equal(files(), 4);
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_locale),
        IN_DIR(test_files),
        IN_DIR(test_square_sprite),
        IN_DIR(test_labels),
        IN_DIR(test_names),
        IN_DIR(test_kept),
        IN_DIR(test_refused),
        IN_DIR(test_hostile),
        IN_DIR(test_mistakes),
        IN_DIR(test_system),
        IN_DIR(test_new_file),
        IN_DIR(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
