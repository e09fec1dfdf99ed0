/* SPDX-License-Identifier: MIT */
/* tests/weather/test_files.c: files that are missing, of another kind, cut, damaged or empty, for every function that reads one:
 * NULL or a status, a sentence that names the file, nothing leaked, and a model that keeps its weights.
 *
 * Each kind of file is written whole first; then it is read cut at every length and with every byte damaged. A damaged file may
 * still be readable (a changed number is a number): then what is read has sane sizes.
 */
#include <errno.h>

#include "weather.h"

static failing_heap heap;
static char folder[256], path[300];

static kt_context *new_context(void)
{
    heap = (failing_heap){ .left = -1 };
    return kt_context_new(.seed = 1, .allocator = FAILING(&heap));
}

static int set_up(void **state)
{
    (void)state;
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static void write_bytes(const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

/* ---- the readers ---- */

typedef kt_arrays *reader(kt_context *kt, const char *file);

static kt_arrays *read_csv(kt_context *kt, const char *file)
{
    return kt_read_csv(kt, file);
}

typedef struct kind {
    const char *name;
    reader *read;
    void (*write)(void);
} kind;

static void write_csv(void)
{
    static const char text[] = "kind,size,\"a \"\"b\"\"\",rings\nM,0.5,1e3,15\nF,-.25,+7,9\nI,3,4.5,7\n";
    write_bytes(text, sizeof text - 1);
}
static void write_npy(void)
{
    small_data d = make_small_data();
    kt_context *kt = new_context();
    assert_int_equal(kt_write_npy(kt, path, kt_floats(d.x, 4, 3)), KT_OK);
    kt_context_free(kt);
}
static void write_npz(void)
{
    small_data d = make_small_data();
    kt_context *kt = new_context();
    const kt_array two[] = { kt_floats(d.x, 4, 3), kt_floats(d.y, 5) };
    assert_int_equal(kt_write_npz(kt, path, (const char *[]){ "x", "y" }, two, 2), KT_OK);
    kt_context_free(kt);
}
static void write_idx(void)
{
    unsigned char bytes[16 + 2 * 3 * 4] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4 };
    write_bytes(bytes, sizeof bytes);
}

static const kind kinds[] = {
    { "csv", read_csv, write_csv }, { "npy", kt_read_npy, write_npy }, { "npz", kt_read_npz, write_npz }, { "idx", kt_read_idx, write_idx },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Reads and frees; the result is whole and of sane size, or there is none and a sentence that names the file. */
static kt_status try(const kind *k, const char *file)
{
    kt_context *kt = new_context();
    kt_arrays *arrays = k->read(kt, file);
    kt_status status = kt_error(kt);
    if (!arrays == (status == KT_OK)) fail_msg("%s: a result and a status that do not go together: %s", k->name, kt_message(kt));
    const char *tail = strrchr(file, '/');
    bool named = strstr(kt_message(kt), tail ? tail + 1 : file) || strstr(kt_message(kt), "two arrays have the name");
    if (status != KT_OK && status != KT_ERR_MISSING && !named)
        fail_msg("%s: the file is not named: %s", k->name, kt_message(kt));
    for (int64_t i = 0; i < kt_arrays_count(arrays); i++) {
        kt_array a = kt_arrays_at(arrays, i);
        int64_t n = 1;
        for (int axis = 0; axis < a.rank; axis++) n *= a.dim[axis];
        assert_true(a.rank >= 0 && a.rank <= KT_MAX_RANK && n >= 0 && n < 10000);
        volatile unsigned char sum = 0;
        for (int64_t b = 0; b < n * (int64_t)kt_dtype_size(a.dtype); b++) sum = (unsigned char)(sum + ((const unsigned char *)a.data)[b]);
    }
    kt_context_free(kt);
    assert_int_equal(heap.live, 0);
    return status;
}

/* Is this build without what the format needs? */
static bool missing(const kind *k)
{
    k->write();
    return try(k, path) == KT_ERR_MISSING;
}

static void whole_cut_damaged(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        if (missing(k)) continue;
        assert_int_equal(try(k, path), KT_OK);
        size_t size = 0;
        char *whole = read_text(path, &size);
        assert_non_null(whole);
        int refused = 0, bad = 0;
        for (size_t n = 0; n < size; n++) {
            write_bytes(whole, n);
            refused += try(k, path) != KT_OK;
        }
        if (strcmp(k->name, "csv") == 0) assert_true(refused > 30); /* a table that ends earlier may be one too */
        else assert_int_equal(refused, size);
        for (size_t at = 0; at < size; at++) {
            static const unsigned char masks[] = { 0xff, 0x10 };
            for (size_t m = 0; m < sizeof masks; m++) {
                whole[at] = (char)(whole[at] ^ masks[m]);
                write_bytes(whole, size);
                bad += try(k, path) != KT_OK;
                whole[at] = (char)(whole[at] ^ masks[m]);
            }
        }
        assert_true(bad > (int)size / 3);
        free(whole);
    }
}

static void no_such_file(void **state)
{
    (void)state;
    static const unsigned char noise[64] = { 0x50, 0x4b, 3, 4, 1, 2, 3 };
    char absent[400];
    snprintf(absent, sizeof absent, "%s/absent", folder);
    for (int i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        bool without = missing(k);
        assert_int_equal(try(k, absent), without ? KT_ERR_MISSING : KT_ERR_IO);
        assert_true(try(k, folder) != KT_OK);
        assert_true(try(k, "/dev/zero") != KT_OK);
        write_bytes("", 0);
        assert_true(try(k, path) != KT_OK);
        write_bytes(noise, sizeof noise);
        assert_true(try(k, path) != KT_OK);
        for (int other = 0; other < KINDS; other++) { /* a file of each other kind */
            kinds[other].write();
            if (other != i) assert_true(try(k, path) != KT_OK);
        }
    }
}

/* ---- tables ---- */

static void tables(void **state)
{
    (void)state;
    static const struct { const char *text, *part; } bad[] = {
        { "a,b\n1,2\n3\n", "line 3" },       { "a,b\n1,2\n3,4,5\n", "line 3" }, { "a,b\n1,2\n,4\n", "line 3" },
        { "a,b\n1,2\nNA,4\n", "line 3" },    { "a,b\n1,2\nx,4\n", "line 3" },   { "a,b\n1,2\n\"x,4\n", "never ends" },
        { "a,b\n", "row" },                  { "\n\n\n", "empty" },             { "a,b\n1,2\n1e999,4\n", "line 3" },
        { "a,b\n1,2\n0x10,4\n", "line 3" },  { "a,b\n1,2\n1 2,4\n", "line 3" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_bytes(bad[i].text, strlen(bad[i].text));
        kt_context *kt = new_context();
        kt_arrays *table = kt_read_csv(kt, path);
        if (table || kt_error(kt) != KT_ERR_FORMAT || !strstr(kt_message(kt), bad[i].part))
            fail_msg("table %d: expected '%s': %s", (int)i, bad[i].part, kt_message(kt));
        kt_clear_error(kt);
        assert_null(kt_read_csv(kt, path, .target = "nothing"));
        kt_context_free(kt);
        assert_int_equal(heap.live, 0);
    }
}

/* ---- weights ---- */

static void read_weights(kt_model *model, double *to)
{
    kt_tensors weights = kt_weights(model);
    for (int64_t i = 0; i < weights.count; i++) {
        int64_t n = kt_desc_count(kt_desc_of(weights.at[i]));
        assert_int_equal(kt_read(weights.at[i], to, KT_FLOAT64, n), KT_OK);
        to += n;
    }
}

static void weights(void **state)
{
    (void)state;
    enum { COUNT = INPUTS * 8 + 8 + 8 + 8 + 1 };
    double before[COUNT], after[COUNT];
    kt_context *kt = new_context();
    kt_model *model = small_model(kt), *other = kt_sequential(kt, kt_input(INPUTS), kt_dense(9, .name = "dense")),
             *less = kt_sequential(kt, kt_input(INPUTS), kt_dense(8, .name = "dense"));
    assert_int_equal(kt_save_weights(model, path), KT_OK);
    kt_status status = kt_load_weights(model, path);
    if (status == KT_ERR_MISSING) {
        kt_context_free(kt);
        skip();
    }
    assert_int_equal(status, KT_OK);
    assert_int_equal(kt_load_weights(other, path), KT_ERR_SHAPE);
    assert_error(kt, KT_ERR_SHAPE, "(6, 9)");
    assert_int_equal(kt_save_weights(less, path), KT_OK);
    assert_true(kt_load_weights(model, path) != KT_OK); /* weights that are not in the file */
    assert_non_null(strstr(kt_message(kt), "gain"));
    kt_clear_error(kt);
    assert_int_equal(kt_load_weights(model, folder), KT_ERR_IO);
    kt_clear_error(kt);
    assert_int_equal(kt_save_weights(model, folder), KT_ERR_IO);
    kt_clear_error(kt);

    assert_int_equal(kt_save_weights(model, path), KT_OK);
    size_t size = 0;
    char *whole = read_text(path, &size);
    for (int64_t i = 0; i < kt_weights(model).count; i++) kt_variable_fill(kt_weights(model).at[i], 3);
    read_weights(model, before);
    for (size_t n = 0; n < size; n += n < 200 || n + 600 > size ? 1 : 7) {
        write_bytes(whole, n);
        assert_true(kt_load_weights(model, path) != KT_OK);
        assert_non_null(strstr(kt_message(kt), "file"));
        kt_clear_error(kt);
    }
    int refused = 0;
    for (size_t at = 0; at < size; at += 3) { /* all or nothing: a file that is refused changes no weight */
        whole[at] = (char)(whole[at] ^ 0x55);
        write_bytes(whole, size);
        whole[at] = (char)(whole[at] ^ 0x55);
        if (kt_load_weights(model, path) != KT_OK) {
            refused++;
            kt_clear_error(kt);
            read_weights(model, after);
            assert_memory_equal(before, after, sizeof before);
        } else for (int64_t i = 0; i < kt_weights(model).count; i++) kt_variable_fill(kt_weights(model).at[i], 3);
    }
    assert_true(refused > (int)size / 9);
    write_bytes(whole, size);
    assert_int_equal(kt_load_weights(model, path), KT_OK);
    free(whole);
    small_data d = make_small_data();
    assert_int_equal(kt_fit(model, X(d), Y(d)), KT_OK);
    kt_context_free(kt);
    assert_int_equal(heap.live, 0);
}

int main(void)
{
#define LIFE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = { LIFE(whole_cut_damaged), LIFE(no_such_file), LIFE(tables), LIFE(weights) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
