/* SPDX-License-Identifier: MIT */
/* tests/reader/test_limits.c: memory. A log takes at most four times its files, whatever stands in them, plus what is
 * fixed per file and thread; measured at the allocator. And every allocation may fail: the reader says so, gives
 * everything back, and reads all of it the next time.
 */
#include "made.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct counted { /* an allocator that counts, and can fail; for one thread */
    int64_t used, most, calls, fail_at;
} counted;

static void *counted_resize(void *old, size_t bytes, void *user)
{
    counted *c = user;
    if (++c->calls == c->fail_at) return NULL;
    int64_t before = old ? ((int64_t *)old)[-2] : 0;
    int64_t *block = realloc(old ? (int64_t *)old - 2 : NULL, bytes + 16);
    assert_non_null(block);
    block[0] = (int64_t)bytes;
    c->used += (int64_t)bytes - before;
    if (c->used > c->most) c->most = c->used;
    return block + 2;
}

static void *counted_allocate(size_t bytes, void *user) { return counted_resize(NULL, bytes, user); }

static void counted_release(void *block, void *user)
{
    if (!block) return;
    ((counted *)user)->used -= ((int64_t *)block)[-2];
    free((int64_t *)block - 2);
}

static kt_logdir_config config_of(counted *c)
{
    return (kt_logdir_config){ .size = sizeof(kt_logdir_config),
                               .threads = 1,
                               .allocator = { counted_allocate, counted_resize, counted_release, c } };
}

enum { FIXED = 10 << 20 }; /* what log.c allows a log with one file and one thread, and a little */

static void ask_all(kt_logdir *log)
{
    kt_value value;
    for (int64_t i = 0; i < kt_logdir_series_count(log); i++) {
        const kt_series *series = kt_logdir_series(log, i);
        for (int64_t k = 0; k < series->count; k += 1 + series->count / 50)
            (void)kt_logdir_value(log, series, k, &value);
    }
}

/* Files made to cost: many points, many tags, many strings in few bytes. */
static void test_costly(void **state)
{
    (void)state;
    enum { SIZE = 24 << 20 };
    unsigned char *bytes = malloc(SIZE), *summary = malloc(SIZE);
    assert_non_null(bytes);
    assert_non_null(summary);
    for (int what = 0; what < 7; what++) {
        kt_wire w = { summary, summary + SIZE / 8, false };
        if (what >= 3) { /* inside one value */
            kt_wire_raw(&w,
                        "\x0a\x01"
                        "t",
                        3);
            kt_wire_mark tensor = kt_wire_open(&w, 8, 1000000);
            kt_wire_int(&w, 1, what == 3 ? 7 : what == 4 ? 4 : what == 5 ? 10 : 1);
            size_t room = (size_t)(w.end - w.at) - 100;
            for (size_t i = 0; what == 3 && i < room / 2; i++) kt_wire_raw(&w, "\x42\x00", 2); /* empty strings */
            if (what == 4) { /* bytes that become doubles */
                kt_wire_key(&w, 4, KT_WIRE_BYTES);
                kt_wire_varint(&w, room - 10);
                memset(kt_wire_take(&w, room - 10), 1, room - 10);
            }
            for (size_t i = 0; what == 5 && i < room / 2; i++) kt_wire_raw(&w, "\x58\x01", 2); /* truths, one by one */
            for (size_t i = 0; what == 6 && i < room / 5; i++) kt_wire_raw(&w, "\x2d\0\0\0\0", 5);
            kt_wire_close(&w, tensor);
        } else {
            char tag[12];
            for (int i = 0; (size_t)(w.end - w.at) > 64; i++) {
                if (what == 0) kt_wire_raw(&w, "\x0a\x05\x15\0\0\x80\x3f", 7); /* points without a tag */
                if (what == 1) kt_wire_raw(&w, "\x0a\x02\x42\x00", 4);         /* tensors with nothing in them */
                if (what == 2) {                                               /* a tag each */
                    int n = snprintf(tag, sizeof tag, "%x", i);
                    kt_wire_mark value = kt_wire_open(&w, 1, 10);
                    kt_wire_bytes(&w, 1, tag, (size_t)n);
                    kt_wire_raw(&w, "\x15\0\0\0\0", 5);
                    kt_wire_close(&w, value);
                }
            }
        }
        size_t n = (size_t)(w.at - summary);
        assert_false(w.full);
        kt_wire e = { bytes + KT_RECORD_HEAD, bytes + SIZE, false };
        if (what >= 3) {
            kt_wire_mark outer = kt_wire_open(&e, 5, n + 4);
            kt_wire_bytes(&e, 1, summary, n);
            kt_wire_close(&e, outer);
        } else {
            kt_wire_bytes(&e, 5, summary, n);
        }
        size_t payload = (size_t)(e.at - bytes) - KT_RECORD_HEAD, file = 0;
        kt_record_seal(bytes, payload);
        file = payload + KT_RECORD_FRAME;
        for (size_t k = 1; k < 4 && what < 3; k++, file += payload + KT_RECORD_FRAME) /* the same again */
            memcpy(bytes + file, bytes, payload + KT_RECORD_FRAME);
        counted c = { 0 };
        kt_logdir_config config = config_of(&c);
        kt_logdir *log = kt_logdir_open_memory((kt_blob){ bytes, file }, (kt_blob){ 0 }, &config);
        assert_non_null(log);
        assert_true(kt_logdir_series_count(log) > 0);
        ask_all(log);
        if (c.most > 4 * (int64_t)file + FIXED)
            fail_msg("file %d of %zu bytes takes %lld", what, file, (long long)c.most);
        if (what == 2) { /* more than there is room for: it is said, once */
            assert_int_equal(kt_logdir_problems(log), 1);
            assert_int_equal(kt_logdir_problem_at(log, 0)->status, KT_ERR_MEMORY);
        }
        assert_int_equal(kt_logdir_refresh(log, NULL), KT_OK);
        kt_logdir_close(log);
        assert_int_equal(c.used, 0);
    }
    free(summary);
    free(bytes);
}

/* A usual log takes less than the file. */
static void test_usual(void **state)
{
    (void)state;
    made *m = made_new();
    for (int i = 0; m->n < sizeof m->at - 200; i++) {
        made_scalar(m, "epoch_loss", 1700000000.0 + i, i, (float)i);
        made_scalar(m, "epoch_accuracy", 1700000000.0 + i, i, (float)i);
    }
    counted c = { 0 };
    kt_logdir_config config = config_of(&c);
    kt_logdir *log = kt_logdir_open_memory((kt_blob){ m->at, m->n }, (kt_blob){ 0 }, &config);
    assert_int_equal(kt_logdir_problems(log), 0);
    assert_true(c.used < (int64_t)m->n / 2);
    assert_true(c.most < (int64_t)m->n);
    kt_logdir_close(log);
    assert_int_equal(c.used, 0);
    free(m);
}

static const char *const top = "test_limits.dir", *const file_path = "test_limits.dir/tfevents",
                         *const index_path = "test_limits.idx";

/* Fails the n-th allocation for every n, while opening (with and without an index), asking and refreshing. */
static void test_every_allocation(void **state)
{
    (void)state;
    made *m = made_new();
    char tag[20];
    for (int i = 0; i < 700; i++) {
        made_scalar(m, "loss", i, i, (float)i);
        if (i % 50 == 0)
            made_value(m, i,
                       BYTES("\x0a\x03"
                             "a\xff"
                             "b\x42\x06\x08\x07\x12\x00\x42\x00\x4a\x08\x0a\x06\x0a\x04text"));
        if (i % 100 == 7) m->at[made_scalar(m, "bad", 1, 1, 1) + 20] ^= 1;
        if (i < 40)
            made_tensor(m, i, (snprintf(tag, sizeof tag, "tag%d", i), tag), "own",
                        BYTES("\x08\x01\x12\x00\x2d\0\0\0\x3f"));
    }
    size_t half = m->n;
    for (int i = 700; i < 1500; i++) made_scalar(m, "loss", i, i, (float)i);
    mkdir(top, 0777);
    mkdir("test_limits.dir/run", 0777);
    FILE *other = fopen("test_limits.dir/run/tfevents", "wb");
    assert_non_null(other);
    fwrite(m->at, 1, half, other);
    fclose(other);
    for (int with_index = 0; with_index < 3; with_index++) {
        bool done = false;
        int64_t failures = 0;
        for (int64_t n = 1; !done; n++) {
            FILE *file = fopen(file_path, "wb");
            assert_non_null(file);
            fwrite(m->at, 1, half, file);
            fclose(file);
            if (with_index == 1) remove(index_path); /* 1: written; 2: read */
            counted c = { .fail_at = n };
            kt_events_error error = { KT_OK, "" };
            kt_logdir_config config = config_of(&c);
            config.logdir = top;
            config.index = with_index ? index_path : NULL;
            config.error = &error;
            kt_logdir *log = kt_logdir_open_with(&config);
            if (!log) {
                assert_int_equal(error.status, KT_ERR_MEMORY);
                assert_true(strlen(error.message) > 20);
            } else {
                kt_value value;
                for (int64_t i = 0; i < kt_logdir_series_count(log); i++) {
                    const kt_series *series = kt_logdir_series(log, i);
                    if (!series) series = kt_logdir_series(log, i); /* refused once */
                    assert_non_null(series);
                    kt_status status = kt_logdir_value(log, series, 0, &value);
                    assert_true(status == KT_OK || status == KT_ERR_MEMORY);
                }
                file = fopen(file_path, "ab");
                fwrite(m->at + half, 1, m->n - half, file);
                fclose(file);
                kt_status status = kt_logdir_refresh(log, NULL);
                if (status != KT_OK) {
                    assert_int_equal(status, KT_ERR_MEMORY);
                    assert_int_equal(kt_logdir_refresh(log, NULL), KT_OK); /* nothing is lost */
                }
                const kt_series *loss = kt_logdir_find(log, ".", "loss");
                if (!loss) loss = kt_logdir_find(log, ".", "loss");
                assert_int_equal(loss->count, 1500);
                for (int i = 0; i < 1500; i++) assert_true(loss->steps[i] == i && loss->values[i] == (float)i);
                assert_int_equal(made_count(log, "tag39"), 1);
                assert_int_equal(made_count(log, "bad"), -1);
                done = c.calls < n;
            }
            failures += !log;
            kt_logdir_close(log);
            assert_int_equal(c.used, 0);
        }
        assert_true(failures > (with_index == 2 ? 3 : 20));
    }
    remove(file_path);
    remove("test_limits.dir/run/tfevents");
    remove("test_limits.dir/run");
    remove(top);
    remove(index_path);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_costly),
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
