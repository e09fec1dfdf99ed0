/* SPDX-License-Identifier: MIT */
/* tests/reader/test_foreign.c: logs written by TensorFlow 1 and 2, PyTorch, tensorboardX, TensorBoard's own writer and
 * in the manner of RustingSword's, read back to the values that TensorBoard's Python reader reads.
 *
 *   usage: foreign [FOLDER]      what make_foreign.py has made; default tests/reader/data
 *
 * Each line of expected.tsv is one point, in the order of its file. Nothing may be missing and nothing may be left
 * over.
 */
#include "made.h"

#include <math.h>

#include "summary/crc32c.h"

static const char *folder = KT_TEST_DATA "/../../reader/data";

typedef struct expected {
    char *run, *tag, *plugin, *what, *cells;
    int64_t step;
    double wall;
} expected;

static char *next_part(char **line, char separator)
{
    char *start = *line, *end = strchr(start, separator);
    if (end) {
        *end = '\0';
        *line = end + 1;
    } else {
        *line = start + strlen(start);
    }
    return start;
}

static expected parse(char *line)
{
    expected e;
    line[strcspn(line, "\n")] = '\0';
    e.run = next_part(&line, '\t');
    e.tag = next_part(&line, '\t');
    e.plugin = next_part(&line, '\t');
    e.step = strtoll(next_part(&line, '\t'), NULL, 10);
    e.wall = strtod(next_part(&line, '\t'), NULL);
    e.what = next_part(&line, '\t');
    e.cells = line;
    return e;
}

/* The numbers of a value in one row, whatever they are. */
static int64_t numbers_of(const kt_value *value, double *to, int64_t most)
{
    assert_true(value->count * 3 <= most);
    if (value->kind == KT_VALUE_BUCKETS) {
        for (int64_t i = 0; i < value->count; i++) {
            to[3 * i] = value->buckets[i].left;
            to[3 * i + 1] = value->buckets[i].right;
            to[3 * i + 2] = value->buckets[i].count;
        }
        return 3 * value->count;
    }
    assert_int_equal(value->kind, KT_VALUE_NUMBERS);
    for (int64_t i = 0; i < value->count; i++) to[i] = value->numbers[i];
    return value->count;
}

static void check_numbers(const expected *e, const kt_value *value)
{
    static double numbers[10000];
    static float rounded[10000];
    bool old = strcmp(e->what, "histo") == 0;
    int64_t n = numbers_of(value, numbers, 10000), i = 0;
    for (int64_t k = 0; k < n; k++) rounded[k] = (float)numbers[k];
    if (e->cells[0] == '#') {
        char sum[40];
        uint32_t crc = old ? kt_crc32c(rounded, (size_t)n * 4) : kt_crc32c(numbers, (size_t)n * 8);
        snprintf(sum, sizeof sum, "#%lld:%08x", (long long)n * (old ? 4 : 8), crc);
        assert_string_equal(sum, e->cells);
        return;
    }
    for (char *rest = e->cells; *rest; i++) {
        double wanted = strtod(next_part(&rest, ' '), NULL);
        assert_true(i < n);
        if (old) assert_true(rounded[i] == (float)wanted);
        else assert_true(numbers[i] == wanted || (isnan(numbers[i]) && isnan(wanted)));
    }
    assert_int_equal(i, n);
}

static void check_string(const char *cell, kt_blob string)
{
    char text[80];
    if (string.size > 32) {
        snprintf(text, sizeof text, "#%zu:%08x", string.size, kt_crc32c(string.bytes, string.size));
    } else {
        for (size_t i = 0; i < string.size; i++)
            snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)string.bytes)[i]);
        text[2 * string.size] = '\0';
    }
    assert_string_equal(text, cell);
}

static void check_strings(const expected *e, const kt_value *value)
{
    assert_true(value->kind == KT_VALUE_STRINGS || value->kind == KT_VALUE_BYTES);
    bool sound = strcmp(e->plugin, "audio") == 0; /* TensorBoard drops the labels: every second string */
    int64_t i = 0;
    char *rest = e->cells;
    for (bool more = value->count > 0; more; i += sound ? 2 : 1) {
        more = strchr(rest, ' ') != NULL;
        assert_true(i < value->count);
        check_string(next_part(&rest, ' '), value->strings[i]);
        if (sound) assert_int_equal(value->strings[i + 1].size, 0);
    }
    assert_int_equal(i, value->count);
}

static void check_point(kt_logdir *log, const expected *e, const kt_series *series, int64_t point)
{
    static char shape[300];
    kt_value value;
    assert_string_equal(series->plugin, e->plugin);
    assert_true(point < series->count);
    assert_int_equal(series->steps[point], e->step);
    assert_true(series->wall_times[point] == e->wall);
    assert_int_equal(kt_logdir_value(log, series, point, &value), KT_OK);
    assert_null(value.why);
    bool strings = strncmp(e->what, "string", 6) == 0;
    if (strings) check_strings(e, &value);
    else check_numbers(e, &value);
    if (strcmp(e->plugin, "scalars") == 0) assert_non_null(series->values);
    if (value.kind == KT_VALUE_BYTES || strcmp(e->plugin, "audio") == 0 || strcmp(e->what, "histo") == 0) return;
    bool pairs = strncmp(value.dtype_name, "complex", 7) == 0;
    size_t n =
        (size_t)snprintf(shape, 60, "%s[", strcmp(value.dtype_name, "bfloat16") == 0 ? "float32" : value.dtype_name);
    for (int i = 0; i < value.rank - pairs; i++)
        n += (size_t)snprintf(shape + n, 30, "%s%lld", i ? "," : "", (long long)value.dim[i]);
    snprintf(shape + n, 2, "]");
    assert_string_equal(shape, e->what);
}

static void check_log(kt_logdir *log)
{
    char path[1000], *line = malloc(1 << 20);
    assert_non_null(line);
    snprintf(path, sizeof path, "%s/expected.tsv", folder);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("there is no %s", path);
    int64_t *met = calloc((size_t)kt_logdir_series_count(log) + 1, sizeof *met), lines = 0, points = 0;
    assert_non_null(met);
    while (fgets(line, 1 << 20, file)) {
        expected e = parse(line);
        int64_t i = 0;
        const kt_series *series = NULL;
        for (; i < kt_logdir_series_count(log) && !series; i++) {
            series = kt_logdir_series(log, i);
            if (strcmp(series->run, e.run) != 0 || strcmp(series->tag, e.tag) != 0) series = NULL;
        }
        if (!series) fail_msg("run %s has no tag %s", e.run, e.tag);
        assert_ptr_equal(series, kt_logdir_find(log, e.run, e.tag));
        check_point(log, &e, series, met[i - 1]++);
        lines++;
    }
    for (int64_t i = 0; i < kt_logdir_series_count(log); i++) points += kt_logdir_series(log, i)->count;
    assert_int_equal(points, lines);
    assert_true(lines > 200);
    free(met);
    free(line);
    fclose(file);
}

static void test_values(void **state)
{
    (void)state;
    for (int threads = 1; threads < 4; threads++) {
        kt_logdir *log = kt_logdir_open(folder, .threads = threads);
        assert_non_null(log);
        assert_int_equal(kt_logdir_problems(log), 0);
        check_log(log);
        kt_logdir_close(log);
    }
}

/* The same through an index: written, read, and read again from files because it lies. */
static void test_index(void **state)
{
    (void)state;
    const char *index = "test_foreign.index";
    remove(index);
    for (int round = 0; round < 3; round++) {
        kt_logdir *log = kt_logdir_open(folder, .index = index);
        assert_non_null(log);
        assert_int_equal(log->index_fd >= 0, 1);
        check_log(log);
        kt_logdir_close(log);
        if (round != 1) continue;
        FILE *file = fopen(index, "r+b"); /* one bit of a column */
        assert_non_null(file);
        fseek(file, 200, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, 200, SEEK_SET);
        fputc(byte ^ 1, file);
        fclose(file);
    }
    remove(index);
}

/* What the writers say about themselves. */
static void test_files(void **state)
{
    (void)state;
    kt_logdir *log = kt_logdir_open(folder);
    assert_non_null(log);
    int rusting = 0, tensorflow = 0, torch = 0;
    for (int64_t i = 0; i < kt_logdir_files(log); i++) {
        const kt_logdir_file *file = kt_logdir_file_at(log, i);
        assert_true(file->records > 0 && file->bytes > 0 && file->first_wall > 1e9 && file->last_wall > 1e9);
        if (strcmp(file->run, "rusting") == 0) {
            rusting++;
            assert_true(isnan(file->version));
            assert_string_equal(file->writer, "");
        } else {
            assert_true(file->version == 2);
        }
        if (strncmp(file->run, "tf", 2) == 0) {
            tensorflow++;
            assert_string_equal(file->writer, "tensorflow.core.util.events_writer");
        }
        torch += strncmp(file->run, "torch", 5) == 0;
    }
    assert_int_equal(rusting, 1);
    assert_int_equal(tensorflow, 3);
    assert_true(torch >= 5);
    const kt_series *loss = kt_logdir_find(log, "rusting", "loss");
    assert_non_null(loss);
    assert_string_equal(loss->display_name, "Loss");
    assert_string_equal(loss->description, "text");
    const kt_series *own = kt_logdir_find(log, "tf2/train", "raw/int8");
    assert_non_null(own);
    assert_string_equal(own->plugin, "own");
    assert_memory_equal(own->content, "\x00\xff", 2);
    assert_int_equal(own->content_size, 2);
    kt_logdir_close(log);
}

int main(int count, char **words)
{
    if (count > 1) folder = words[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
