/* SPDX-License-Identifier: MIT */
/* tests/summary/test_trace.c: traces: what the two files hold, hostile names, limits, failing memory and disks.
 *
 * The JSON is read by a small strict parser here, so that "valid" is not the writer's own opinion; the profile's form by
 * the field reader. That the profile plugin itself shows such a file was checked with the package xprof.
 */
#include "plugins_log.h"

#include <ctype.h>
#include <math.h>
#include <sys/stat.h>

#include "summary/kinds/trace.h"
#include "base/utf8.h"

/* ---- A strict reader of JSON: where a value ends, or NULL -------------------------------------- */

static const char *json_end(const char *at);

static const char *json_space(const char *at)
{
    while (*at == ' ' || *at == '\n') at++;
    return at;
}

static const char *json_string_end(const char *at)
{
    if (*at++ != '"') return NULL;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7E) return NULL; /* what is written is ASCII */
        if (*at != '\\') continue;
        if (!strchr("\"\\/bfnrtu", *++at) || !*at) return NULL;
        for (int i = 0; *at == 'u' && i < 4; i++)
            if (!isxdigit((unsigned char)at[i + 1])) return NULL;
    }
    return at + 1;
}

static const char *json_list_end(const char *at, char close, bool pairs)
{
    at = json_space(at + 1);
    if (*at == close) return at + 1;
    for (;;) {
        if (pairs) {
            at = json_string_end(json_space(at));
            if (!at || *(at = json_space(at)) != ':') return NULL;
            at++;
        }
        at = json_end(json_space(at));
        if (!at) return NULL;
        at = json_space(at);
        if (*at == close) return at + 1;
        if (*at++ != ',') return NULL;
    }
}

static const char *json_end(const char *at)
{
    if (*at == '{') return json_list_end(at, '}', true);
    if (*at == '[') return json_list_end(at, ']', false);
    if (*at == '"') return json_string_end(at);
    if (*at == '-') at++;
    if (!isdigit((unsigned char)*at) || (*at == '0' && isdigit((unsigned char)at[1]))) return NULL;
    while (isdigit((unsigned char)*at)) at++;
    if (*at == '.') {
        if (!isdigit((unsigned char)*++at)) return NULL;
        while (isdigit((unsigned char)*at)) at++;
    }
    if (*at == 'e') {
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        if (!isdigit((unsigned char)*at)) return NULL;
        while (isdigit((unsigned char)*at)) at++;
    }
    return at;
}

/* The file's text, which is one JSON value and nothing else. Freed by the caller. */
static char *json_read(const char *path)
{
    event_file file = reader_open(path);
    assert_non_null(file.bytes);
    char *text = (char *)file.bytes;
    text[file.size] = '\0';
    const char *end = json_end(json_space(text));
    assert_non_null(end);
    assert_int_equal(*json_space(end), '\0');
    return text;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("%s\nis not in\n%s", part, text);
}

/* The one file of a session. Its bytes are freed by the caller. */
static event_file profile_read(const char *dir, const char *session, char host[64])
{
    char path[400];
    snprintf(path, sizeof path, "%s/plugins/profile/%s", dir, session);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    host[0] = '\0';
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.') snprintf(host, 64, "%.60s", entry->d_name);
    closedir(folder);
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/%s", host);
    return reader_open(path);
}

/* ---- Tests ------------------------------------------------------------------------------------- */

static const kt_trace_arg args[] = { { .name = "shape", .text = "(32, 10)" }, { .name = "n", .number = 3 },
                                     { .name = "ratio", .number = 0.1 } };

static kt_trace *small_trace(void)
{
    kt_trace *t = kt_trace_new(.process = "a \"p\"\n", .epoch_ns = INT64_C(1700000000000000000));
    assert_non_null(t);
    assert_int_equal(kt_trace_thread(t, 7, "loader\t\xF0\x9F\x98\x80"), KT_OK);
    const kt_span spans[] = {
        { .name = "inner", .category = "op", .start_ns = 5001500, .duration_ns = 250, .bytes = 64, .args = args, .n_args = 3 },
        { .name = "outer", .start_ns = 5000000, .duration_ns = 20000 },
        { .name = "inner", .category = "op", .start_ns = 5000000, .duration_ns = 1000 },
        { .name = "read", .start_ns = 5000005, .duration_ns = 0, .thread = 7 },
    };
    for (int i = 0; i < 4; i++) assert_int_equal(kt_trace_add(t, &spans[i]), KT_OK);
    assert_int_equal(kt_trace_count(t), 4);
    return t;
}

static void test_json(void **state)
{
    (void)state;
    char dir[64], path[128];
    reader_make_dir(dir);
    snprintf(path, sizeof path, "%s/deep/er/trace.json", dir);
    kt_trace *t = small_trace();
    kt_events_error error;
    assert_int_equal(kt_trace_write_json(t, path, &error), KT_OK);
    assert_int_equal(error.status, KT_OK);
    char *text = json_read(path);
    has(text, "{\"ph\": \"M\", \"pid\": 1, \"name\": \"process_name\", \"args\": {\"name\": \"a \\\"p\\\"\\n\"}}");
    has(text, "\"tid\": 7, \"name\": \"thread_name\", \"args\": {\"name\": \"loader\\t\\ud83d\\ude00\"}}");
    has(text, "\"tid\": 0, \"name\": \"thread_name\", \"args\": {\"name\": \"thread 0\"}}");
    has(text, "{\"ph\": \"X\", \"pid\": 1, \"tid\": 0, \"ts\": 1.500, \"dur\": 0.250, \"name\": \"inner\", \"cat\": \"op\", \"args\": "
              "{\"bytes\": 64, \"shape\": \"(32, 10)\", \"n\": 3, \"ratio\": 0.1}}");
    has(text, "\"ts\": 0, \"dur\": 20, \"name\": \"outer\"}");
    has(text, "\"tid\": 7, \"ts\": 0.005, \"dur\": 0, \"name\": \"read\"}");
    free(text);
    assert_int_equal(kt_trace_write_json(t, path, NULL), KT_OK); /* over the old one */
    free(json_read(path));
    kt_trace_free(t);
    reader_remove(dir);
}

/* Any bytes at all in names, texts and numbers leave valid JSON behind. */
static void test_hostile(void **state)
{
    (void)state;
    char dir[64], path[128];
    reader_make_dir(dir);
    snprintf(path, sizeof path, "%s/trace.json", dir);
    kt_trace *t = kt_trace_new();
    uint64_t seed = 3;
    for (int i = 0; i < 2000; i++) {
        char texts[3][40];
        double number;
        for (int k = 0; k < 3; k++) {
            int n = 1 + i % 38;
            for (int c = 0; c < n; c++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                texts[k][c] = (char)(seed >> 40 | 1); /* no NUL */
            }
            texts[k][n] = '\0';
        }
        memcpy(&number, &seed, 8);
        const kt_trace_arg odd[] = { { .name = texts[1], .text = texts[2] }, { .name = texts[2], .number = i % 3 ? number : (double)NAN } };
        kt_span span = { .name = texts[0], .category = texts[1], .thread = i % 5 - 2, .start_ns = (int64_t)(seed >> 3) - (1 << 20),
                         .duration_ns = (int64_t)(seed >> 8), .bytes = (int64_t)seed, .args = odd, .n_args = 2 };
        assert_int_equal(kt_trace_add(t, &span), KT_OK);
    }
    assert_int_equal(kt_trace_thread(t, -1, "\xFF\"\\"), KT_OK);
    assert_int_equal(kt_trace_write_json(t, path, NULL), KT_OK);
    free(json_read(path));
    assert_int_equal(kt_trace_write_profile(t, dir, "s", NULL), KT_OK);
    char host[64];
    event_file file = profile_read(dir, "s", host);
    proto plane = field_of((proto){ file.bytes, file.size, 0, true }, 1);
    int names = field_count(plane, 4);
    assert_true(names > 1500); /* short ones happen twice */
    for (int i = 0; i < names; i += 50) { /* each is UTF-8, or the plugin would not take the file */
        proto name = field_of(field_of(field_at(plane, 4, i), 2), 2);
        assert_true(kt_utf8_valid((const char *)name.at, name.n));
    }
    free(file.bytes);
    kt_trace_free(t);
    reader_remove(dir);
}

static proto metadata_name(proto plane, unsigned map, uint64_t id)
{
    for (int i = 0; i < field_count(plane, map); i++) {
        proto entry = field_at(plane, map, i);
        if (field_of(entry, 1).value != id) continue;
        assert_int_equal(field_of(field_of(entry, 2), 1).value, id);
        return field_of(field_of(entry, 2), 2);
    }
    return (proto){ NULL, 0, 0, false };
}

static void test_profile(void **state)
{
    (void)state;
    char dir[64], path[300], host[64];
    reader_make_dir(dir);
    kt_trace *t = small_trace();
    kt_events_error error;
    assert_int_equal(kt_trace_write_profile(t, dir, "2026_08_01_12_30_00", &error), KT_OK);
    event_file file = profile_read(dir, "2026_08_01_12_30_00", host);
    assert_string_equal(strchr(host, '.'), ".xplane.pb");
    proto space = { file.bytes, file.size, 0, true }, plane = field_of(space, 1), clock = field_at(space, 1, 1);
    assert_true(field_is(field_of(plane, 2), "/host:CPU"));
    assert_int_equal(field_of(space, 4).n, strlen(host) - strlen(".xplane.pb"));
    assert_int_equal(field_count(plane, 3), 2);

    proto line = field_at(plane, 3, 0), loader = field_at(plane, 3, 1);
    assert_true(field_is(field_of(line, 2), "thread 0") && field_is(field_of(loader, 2), "loader\t\xF0\x9F\x98\x80"));
    assert_int_equal(field_of(loader, 1).value, 7);
    const char *names[] = { "outer", "inner", "inner" }; /* by time, the surrounding one first */
    const uint64_t starts[] = { 0, 0, 1500000 }, durations[] = { 20000000, 1000000, 250000 };
    for (int i = 0; i < 3; i++) {
        proto e = field_at(line, 4, i);
        assert_true(field_is(metadata_name(plane, 4, field_of(e, 1).value), names[i]));
        assert_int_equal(field_of(e, 2).value, starts[i]);
        assert_int_equal(field_of(e, 3).value, durations[i]);
    }
    proto last = field_at(line, 4, 2);
    assert_int_equal(field_count(last, 4), 5);
    proto category = field_at(last, 4, 0), bytes = field_at(last, 4, 1), shape = field_at(last, 4, 2), ratio = field_at(last, 4, 4);
    assert_true(field_is(metadata_name(plane, 5, field_of(category, 1).value), "category") && field_is(field_of(category, 5), "op"));
    assert_true(field_is(metadata_name(plane, 5, field_of(bytes, 1).value), "bytes") && field_of(bytes, 4).value == 64);
    assert_true(field_is(metadata_name(plane, 5, field_of(shape, 1).value), "shape") && field_is(field_of(shape, 5), "(32, 10)"));
    assert_true(field_double(field_of(ratio, 2)) == 0.1);

    assert_true(field_is(field_of(clock, 2), "Task Environment"));
    assert_true(field_of(field_at(clock, 6, 0), 3).value == UINT64_C(1700000000005000000));
    assert_true(field_of(field_at(clock, 6, 1), 3).value == UINT64_C(1700000000005020000));
    free(file.bytes);

    assert_int_equal(kt_trace_write_profile(t, dir, NULL, NULL), KT_OK); /* the time as the session's name */
    snprintf(path, sizeof path, "%s/plugins/profile", dir);
    DIR *folder = opendir(path);
    int sessions = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int year, month, day, hour, minute, second, length = 0;
        if (entry->d_name[0] == '.') continue;
        assert_int_equal(sscanf(entry->d_name, "%4d_%2d_%2d_%2d_%2d_%2d%n", &year, &month, &day, &hour, &minute, &second, &length), 6);
        assert_int_equal(length, strlen(entry->d_name));
        assert_true(year >= 2026 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second < 60);
        sessions++;
    }
    closedir(folder);
    assert_int_equal(sessions, 2);
    kt_trace_free(t);
    reader_remove(dir);
}

/* Many spans in a random order come out sorted, each once. */
static void test_sorted(void **state)
{
    (void)state;
    char dir[64];
    reader_make_dir(dir);
    kt_trace *t = kt_trace_new();
    uint64_t seed = 11;
    enum { MANY = 20000 };
    for (int i = 0; i < MANY; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        kt_span span = { .name = "op", .start_ns = (int64_t)(seed >> 44), .duration_ns = (int64_t)(seed >> 60), .thread = (int)(seed >> 33 & 3) };
        assert_int_equal(kt_trace_add(t, &span), KT_OK);
    }
    assert_int_equal(kt_trace_write_profile(t, dir, "s", NULL), KT_OK);
    char host[64];
    event_file file = profile_read(dir, "s", host);
    proto plane = field_of((proto){ file.bytes, file.size, 0, true }, 1);
    int seen = 0;
    assert_int_equal(field_count(plane, 3), 4);
    for (int k = 0; k < 4; k++) {
        proto line = field_at(plane, 3, k);
        uint64_t before = 0, longest = UINT64_MAX;
        for (const unsigned char *at = line.at, *end = at + line.n; at < end;) {
            proto e = { NULL, 0, 0, true };
            if (reader_field(&at, &e.value, &e.at, &e.n) != 4) continue;
            uint64_t start = field_of(e, 2).value, duration = field_of(e, 3).value;
            assert_true(start > before || (start == before && duration <= longest));
            before = start;
            longest = duration;
            seen++;
        }
    }
    assert_int_equal(seen, MANY);
    free(file.bytes);
    kt_trace_free(t);
    reader_remove(dir);
}

/* What does not fit is dropped whole and counted. */
static void test_limits(void **state)
{
    (void)state;
    kt_trace *t = kt_trace_new(.max_spans = 100, .max_bytes = 1);
    for (int i = 0; i < 150; i++) assert_int_equal(kt_trace_add(t, &(kt_span){ .name = "a" }), i < 100 ? KT_OK : KT_ERR_MEMORY);
    assert_int_equal(kt_trace_count(t), 100);
    assert_int_equal(kt_trace_dropped(t), 50);
    kt_trace_clear(t);
    assert_int_equal(kt_trace_count(t), 0);
    assert_int_equal(kt_trace_dropped(t), 0);
    char name[300]; /* 4,096 bytes of names at least, and not much more */
    int stored = 0;
    for (int i = 0; i < 100; i++) {
        memset(name, 'n', 256);
        snprintf(name + 256, sizeof name - 256, "%d", i);
        stored += kt_trace_add(t, &(kt_span){ .name = name }) == KT_OK;
    }
    assert_true(stored >= 10 && stored <= 16);
    assert_int_equal(kt_trace_dropped(t), 100 - stored);
    assert_int_equal(kt_trace_add(t, &(kt_span){ .name = "a" }), KT_OK); /* known names still fit */
    kt_trace_free(t);

    t = kt_trace_new();
    const kt_trace_arg nameless = { .number = 1 };
    assert_int_equal(kt_trace_add(t, &(kt_span){ .name = "" }), KT_ERR_VALUE);
    assert_int_equal(kt_trace_add(t, &(kt_span){ .name = "a", .duration_ns = -1 }), KT_ERR_VALUE);
    assert_int_equal(kt_trace_add(t, &(kt_span){ .name = "a", .n_args = KT_SPAN_MAX_ARGS + 1, .args = args }), KT_ERR_VALUE);
    assert_int_equal(kt_trace_add(t, &(kt_span){ .name = "a", .n_args = 1 }), KT_ERR_VALUE);
    assert_int_equal(kt_trace_add(t, &(kt_span){ .name = "a", .n_args = 1, .args = &nameless }), KT_ERR_VALUE);
    assert_int_equal(kt_trace_add(t, NULL), KT_ERR_VALUE);
    assert_int_equal(kt_trace_add(NULL, &(kt_span){ .name = "a" }), KT_ERR_STATE);
    assert_int_equal(kt_trace_thread(t, 0, NULL), KT_ERR_VALUE);
    assert_int_equal(kt_trace_count(t), 0);
    kt_trace_free(t);
    kt_trace_free(NULL);
    kt_trace_clear(NULL);
}

/* Each allocation fails once: no leak, no half trace, and a sentence where a file was asked for. */
typedef struct failing {
    int left, blocks;
} failing;

static void *fail_resize(void *old, size_t bytes, void *user)
{
    failing *f = user;
    if (f->left-- <= 0) return NULL;
    if (!old) f->blocks++;
    return realloc(old, bytes);
}

static void *fail_allocate(size_t bytes, void *user)
{
    return fail_resize(NULL, bytes, user);
}

static void fail_release(void *block, void *user)
{
    if (block) ((failing *)user)->blocks--;
    free(block);
}

static void test_memory(void **state)
{
    (void)state;
    char dir[64], path[128];
    reader_make_dir(dir);
    snprintf(path, sizeof path, "%s/trace.json", dir);
    bool whole = false;
    for (int n = 0; !whole; n++) {
        failing f = { n, 0 };
        kt_trace *t = kt_trace_new(.allocator = { fail_allocate, fail_resize, fail_release, &f });
        whole = t != NULL;
        for (int i = 0; t && i < 300; i++) {
            char name[24];
            snprintf(name, sizeof name, "op %d", i);
            kt_span span = { .name = name, .start_ns = i, .args = args, .n_args = 3 };
            whole = kt_trace_add(t, &span) == KT_OK && whole;
        }
        if (t) {
            assert_int_equal(kt_trace_count(t) + kt_trace_dropped(t), 300);
            kt_events_error error = { KT_OK, "" };
            if (kt_trace_write_json(t, path, &error) != KT_OK) {
                whole = false;
                assert_int_equal(error.status, KT_ERR_MEMORY);
                assert_non_null(strstr(error.message, "out of memory"));
            } else {
                free(json_read(path));
            }
            if (kt_trace_write_profile(t, dir, "s", &error) != KT_OK) {
                whole = false;
                assert_int_equal(error.status, KT_ERR_MEMORY);
            }
        }
        kt_trace_free(t);
        assert_int_equal(f.blocks, 0);
        assert_true(n < 200);
    }
    reader_remove(dir);
}

static void test_disk(void **state)
{
    (void)state;
    char dir[64], path[128];
    kt_events_error error;
    reader_make_dir(dir);
    kt_trace *t = small_trace();
    snprintf(path, sizeof path, "%s/file", dir);
    fclose(fopen(path, "w"));
    snprintf(path, sizeof path, "%s/file/trace.json", dir);
    assert_int_equal(kt_trace_write_json(t, path, &error), KT_ERR_IO);
    has(error.message, "a file and not a directory");
    assert_int_equal(kt_trace_write_json(t, "", &error), KT_ERR_IO);
    snprintf(path, sizeof path, "%s/", dir);
    assert_int_equal(kt_trace_write_json(t, path, &error), KT_ERR_IO);
    assert_int_equal(kt_trace_write_json(t, NULL, &error), KT_ERR_VALUE);
    assert_int_equal(kt_trace_write_json(NULL, path, &error), KT_ERR_STATE);
    assert_int_equal(kt_trace_write_profile(t, "", NULL, &error), KT_ERR_VALUE);
    const char *sessions[] = { "", "a/b", "..", ".hidden" };
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kt_trace_write_profile(t, dir, sessions[i], &error), KT_ERR_VALUE);
        has(error.message, "session");
    }
    kt_trace_free(t);
    reader_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),   cmocka_unit_test(test_hostile), cmocka_unit_test(test_profile), cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_memory),  cmocka_unit_test(test_disk),
    };
    return cmocka_run_group_tests_name("summary/trace", tests, NULL, NULL);
}
