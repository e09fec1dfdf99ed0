/* SPDX-License-Identifier: MIT */
/* tests/reader/test_compressed.c: event files that are gzip or zlib streams as a whole are read as what they unpack to:
 * whole, cut, damaged, growing, in several streams, and made to burst.
 */
#include "made.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef KT_HAVE_ZLIB
#include <zlib.h>

static const char *data = KT_TEST_DATA "/../../reader/data";

typedef struct bytes {
    unsigned char *at;
    size_t n;
} bytes;

enum { ZLIB = MAX_WBITS, GZIP = MAX_WBITS + 16 };

/* A stream of its own behind what is there; `finish` false: as it stands while its writer has only flushed. */
static void pack(bytes *to, const void *from, size_t n, int form, bool finish)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, form, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = (size_t)deflateBound(&z, (uLong)n) + 64;
    to->at = realloc(to->at, to->n + room);
    assert_non_null(to->at);
    z.next_in = (Bytef *)from;
    z.avail_in = (uInt)n;
    z.next_out = to->at + to->n;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, finish ? Z_FINISH : Z_SYNC_FLUSH), finish ? Z_STREAM_END : Z_OK);
    to->n += room - z.avail_out;
    deflateEnd(&z);
}

static kt_logdir *open_bytes(const void *at, size_t n)
{
    kt_logdir_config config = { .size = sizeof config, .threads = 1 };
    kt_logdir *log = kt_logdir_open_memory((kt_blob){ at, n }, (kt_blob){ 0 }, &config);
    assert_non_null(log);
    return log;
}

static bytes slurp(const char *path)
{
    bytes b = { 0 };
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    b.at = malloc(1 << 20);
    assert_non_null(b.at);
    b.n = fread(b.at, 1, 1 << 20, file);
    fclose(file);
    return b;
}

/* ---- Whether two logs show the same ----------------------------------------------------------- */

static void same_blob(kt_blob a, kt_blob b)
{
    assert_int_equal(a.size, b.size);
    if (a.size) assert_memory_equal(a.bytes, b.bytes, a.size);
}

static void same_value(kt_logdir *a, const kt_series *x, kt_logdir *b, const kt_series *y, int64_t point)
{
    kt_value v, w;
    assert_int_equal(kt_logdir_value(a, x, point, &v), KT_OK);
    assert_int_equal(kt_logdir_value(b, y, point, &w), KT_OK);
    assert_int_equal(v.kind, w.kind);
    assert_int_equal(v.count, w.count);
    assert_int_equal(v.rank, w.rank);
    if (v.numbers) assert_memory_equal(v.numbers, w.numbers, (size_t)v.count * sizeof *v.numbers);
    if (v.buckets) assert_memory_equal(v.buckets, w.buckets, (size_t)v.count * sizeof *v.buckets);
    for (int64_t i = 0; v.strings && i < v.count; i++) same_blob(v.strings[i], w.strings[i]);
}

/* Series, values (the last first: each goes back in the file), records. */
static void same_logs(kt_logdir *a, kt_logdir *b)
{
    assert_int_equal(kt_logdir_series_count(a), kt_logdir_series_count(b));
    for (int64_t i = 0; i < kt_logdir_series_count(a); i++) {
        const kt_series *x = kt_logdir_series(a, i), *y = kt_logdir_series(b, i);
        assert_string_equal(x->tag, y->tag);
        assert_string_equal(x->plugin, y->plugin);
        assert_int_equal(x->count, y->count);
        assert_memory_equal(x->steps, y->steps, (size_t)x->count * 8);
        assert_memory_equal(x->wall_times, y->wall_times, (size_t)x->count * 8);
        if (x->values) assert_memory_equal(x->values, y->values, (size_t)x->count * 4);
        for (int64_t k = x->count; k-- > 0;) same_value(a, x, b, y, k);
    }
    kt_logdir_record r = { 0 }, s = { 0 };
    for (;;) {
        assert_int_equal(kt_logdir_record_at(a, 0, r.next, &r), KT_OK);
        assert_int_equal(kt_logdir_record_at(b, 0, s.next, &s), KT_OK);
        assert_int_equal(r.offset, s.offset);
        same_blob(r.frame, s.frame);
        if (!r.frame.bytes) break;
    }
    assert_int_equal(kt_logdir_file_at(a, 0)->records, kt_logdir_file_at(b, 0)->records);
    assert_string_equal(kt_logdir_file_at(a, 0)->writer, kt_logdir_file_at(b, 0)->writer);
}

static void check_one(const kt_logdir *log, kt_status status, const char *word)
{
    assert_int_equal(kt_logdir_problems(log), 1);
    const kt_logdir_problem *problem = kt_logdir_problem_at(log, 0);
    assert_int_equal(problem->status, status);
    if (!strstr(problem->reason, word)) fail_msg("\"%s\" does not say \"%s\"", problem->reason, word);
}

/* ---- Whole ----------------------------------------------------------------------------------- */

static int forms_seen;

static int forms_file(const char *path, const struct stat *now, int type, struct FTW *where)
{
    (void)now;
    (void)where;
    if (type != FTW_F || !strstr(path, "tfevents")) return 0;
    bytes plain = slurp(path);
    kt_logdir *a = open_bytes(plain.at, plain.n);
    for (int way = 0; way < 4; way++) {
        bytes packed = { 0 };
        int form = way & 1 ? ZLIB : GZIP;
        size_t half = way & 2 ? plain.n / 2 : 0; /* two streams, and the padding of a tape */
        if (half) pack(&packed, plain.at, half, form, true);
        pack(&packed, plain.at + half, plain.n - half, form, true);
        if (half) {
            packed.at = realloc(packed.at, packed.n + 512);
            assert_non_null(packed.at);
            memset(packed.at + packed.n, 0, 512);
            packed.n += 512;
        }
        kt_logdir *b = open_bytes(packed.at, packed.n);
        same_logs(a, b);
        assert_int_equal(kt_logdir_problems(b), kt_logdir_problems(a));
        assert_int_equal(kt_logdir_file_at(b, 0)->bytes, packed.n);
        kt_logdir_close(b);
        free(packed.at);
    }
    kt_logdir_close(a);
    free(plain.at);
    forms_seen++;
    return 0;
}

/* What TensorFlow, PyTorch and others have written, in both forms. */
static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(nftw(data, forms_file, 16, FTW_PHYS), 0);
    assert_true(forms_seen > 5);
}

/* A plain file whose first length looks like the mark of a stream. */
static void test_plain_ones(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0x0178, 0x9C78, 0x5E78, 0x1D08, 0x088B1F };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        made *m = made_new();
        static unsigned char payload[0x088B1F] = { 9, 0, 0, 0, 0, 0, 0, 0, 0, 0x7A }; /* an unknown field fills it */
        size_t n = lengths[i], body = n - 10, room = 0;
        for (size_t rest = body - 1;; rest >>= 7) {
            room++;
            if (rest < 128) break;
        }
        kt_wire w = { payload + 10, payload + sizeof payload, false };
        kt_wire_varint(&w, body - room);
        assert_int_equal(made_record(m, payload, n), 0);
        made_scalar(m, "loss", 1, 1, 1);
        for (int damaged = 0; damaged < 1 + (i < 4); damaged++) { /* gzip's mark alone is believed */
            m->at[8] ^= (unsigned char)damaged;
            kt_logdir *log = made_open(m);
            assert_int_equal(made_count(log, "loss"), 1);
            assert_int_equal(kt_logdir_problems(log), damaged);
            kt_logdir_close(log);
        }
        free(m);
    }
}

/* ---- Cut and damaged ------------------------------------------------------------------------- */

static made *some_points(int count)
{
    made *m = made_new();
    made_version(m);
    for (int i = 0; i < count; i++) made_scalar(m, "loss", 1700000000.0 + i, i, (float)(i * 7 % 13));
    return m;
}

static void check_points(const kt_logdir *log, int64_t count)
{
    const kt_series *series = kt_logdir_find(log, ".", "loss");
    assert_int_equal(series ? series->count : 0, count);
    for (int64_t i = 0; i < count; i++) assert_true(series->steps[i] == i && series->values[i] == (float)(i * 7 % 13));
}

/* Each place where the file can end: a notice, and never less than before; then the rest comes. */
static void test_cut_everywhere(void **state)
{
    (void)state;
    made *m = some_points(60);
    for (int form = ZLIB; form <= GZIP; form += GZIP - ZLIB) {
        bytes packed = { 0 };
        size_t half = m->n / 2 + 5;
        pack(&packed, m->at, half, form, true);
        size_t first = packed.n;
        pack(&packed, m->at + half, m->n - half, form, true);
        int64_t before = 0;
        for (size_t n = form == GZIP ? 3 : 8; n <= packed.n; n++) {
            kt_logdir *log = open_bytes(packed.at, n);
            const kt_series *series = kt_logdir_find(log, ".", "loss");
            int64_t count = series ? series->count : 0;
            assert_true(count >= before);
            check_points(log, count);
            before = count;
            if (n == packed.n) assert_int_equal(kt_logdir_problems(log), 0);
            else check_one(log, KT_OK, n == first ? "last record" : "not complete");
            log->memory_size = (int64_t)packed.n;
            int64_t changed;
            assert_int_equal(kt_logdir_refresh(log, &changed), KT_OK);
            assert_int_equal(changed, 60 - count);
            check_points(log, 60);
            assert_int_equal(kt_logdir_problems(log), 0);
            kt_logdir_close(log);
        }
        assert_int_equal(before, 60);
        free(packed.at);
    }
    free(m);
}

/* Each byte flipped: what comes before is read, nothing is shown that was not written, and it is said. */
static void test_flips(void **state)
{
    (void)state;
    enum { POINTS = 400 };
    made *m = some_points(POINTS);
    bytes packed = { 0 };
    pack(&packed, m->at, m->n, GZIP, true);
    for (size_t i = 10; i < packed.n; i += i < 100 || i + 20 > packed.n ? 1 : 17) { /* the head says little */
        packed.at[i] ^= 0x10;
        kt_logdir *log = open_bytes(packed.at, packed.n);
        const kt_series *series = kt_logdir_find(log, ".", "loss");
        int64_t count = series ? series->count : 0, last = -1;
        assert_true(kt_logdir_problems(log) >= 1);
        for (int64_t k = 0; k < count; k++) {
            int64_t step = series->steps[k];
            assert_true(step > last && step < POINTS && series->values[k] == (float)(step * 7 % 13));
            last = step;
        }
        if (i + 8 >= packed.n) { /* the checksum, or the length */
            assert_int_equal(count, POINTS);
            check_one(log, KT_ERR_FORMAT, "checksum");
            assert_int_equal(kt_logdir_problem_at(log, 0)->offset, m->n);
        }
        kt_logdir_close(log);
        packed.at[i] ^= 0x10;
    }
    size_t whole = packed.n; /* something else behind it */
    packed.at = realloc(packed.at, whole + 20);
    assert_non_null(packed.at);
    memcpy(packed.at + whole, "what is this doing here", 20);
    kt_logdir *log = open_bytes(packed.at, whole + 20);
    check_points(log, POINTS);
    check_one(log, KT_ERR_FORMAT, "damaged");
    kt_logdir_close(log);
    free(packed.at);
    free(m);
}

/* Damage in the records, not in the stream: it is passed over as in a plain file, also where a record is longer than
 * the window is. */
static void test_damaged_records(void **state)
{
    (void)state;
    enum { LONG = 700000, COUNT = 12 };
    size_t room = (size_t)COUNT * (LONG + 200), n = 0;
    unsigned char *plain = calloc(room, 1);
    assert_non_null(plain);
    made *one = made_new();
    for (int i = 0; i < COUNT; i++) {
        one->n = 0;
        made_scalar(one, "loss", 1, i, (float)i);
        memcpy(plain + n, one->at, one->n);
        n += one->n;
        unsigned char *payload = plain + n + KT_RECORD_HEAD;
        memcpy(payload, "\x09\0\0\0\0\0\0\xf0\x3f\x7a", 10);
        kt_wire w = { payload + 10, payload + LONG, false };
        kt_wire_varint(&w, LONG - 13);
        for (size_t k = 20; k < LONG; k += 1 + k % 7) payload[k] = (unsigned char)(k * 2654435761u >> 13);
        kt_record_seal(plain + n, LONG);
        if (i % 3 != 1) payload[LONG / 2] ^= 1;
        if (i % 4 == 2) plain[n + 2] ^= 1;
        n += LONG + KT_RECORD_FRAME;
    }
    bytes packed = { 0 };
    pack(&packed, plain, n, ZLIB, true);
    kt_logdir *a = open_bytes(plain, n), *b = open_bytes(packed.at, packed.n);
    assert_int_equal(made_count(a, "loss"), COUNT);
    same_logs(a, b);
    assert_int_equal(kt_logdir_problems(a), kt_logdir_problems(b));
    for (int64_t i = 0; i < kt_logdir_problems(a); i++) {
        const kt_logdir_problem *x = kt_logdir_problem_at(a, i), *y = kt_logdir_problem_at(b, i);
        assert_true(x->offset == y->offset && x->skipped == y->skipped);
        assert_string_equal(x->reason, y->reason);
    }
    kt_logdir_close(a);
    kt_logdir_close(b);
    free(packed.at);
    free(plain);
    free(one);
}

/* ---- Bursting -------------------------------------------------------------------------------- */

typedef struct counted {
    int64_t used, most, calls, fail_at;
} counted;

static void *counted_resize(void *old, size_t n, void *user)
{
    counted *c = user;
    if (++c->calls == c->fail_at) return NULL;
    int64_t before = old ? ((int64_t *)old)[-2] : 0;
    int64_t *block = realloc(old ? (int64_t *)old - 2 : NULL, n + 16);
    assert_non_null(block);
    block[0] = (int64_t)n;
    c->used += (int64_t)n - before;
    if (c->used > c->most) c->most = c->used;
    return block + 2;
}

static void *counted_allocate(size_t n, void *user) { return counted_resize(NULL, n, user); }

static void counted_release(void *block, void *user)
{
    if (!block) return;
    ((counted *)user)->used -= ((int64_t *)block)[-2];
    free((int64_t *)block - 2);
}

/* 0: 100 MB of zeros. 1: the same inside a record that is sound. 2: points without end. */
static void test_bombs(void **state)
{
    (void)state;
    enum { SIZE = 100 << 20 };
    unsigned char *plain = calloc(SIZE, 1);
    assert_non_null(plain);
    made *m = some_points(1);
    for (int what = 0; what < 3; what++) {
        size_t n = SIZE;
        if (what == 1) {
            kt_wire w = { plain + KT_RECORD_HEAD, plain + SIZE, false };
            kt_wire_key(&w, 5, KT_WIRE_BYTES);
            kt_wire_varint(&w, SIZE - 64);
            kt_record_seal(plain, (size_t)(w.at - plain) - KT_RECORD_HEAD + SIZE - 64);
            n = (size_t)(w.at - plain) + SIZE - 64 + KT_RECORD_TAIL;
        }
        for (n = what == 2 ? 0 : n; what == 2 && n + m->n < SIZE; n += m->n) memcpy(plain + n, m->at, m->n);
        bytes packed = { 0 };
        pack(&packed, plain, n, GZIP, true);
        assert_true(packed.n < SIZE / 100);
        counted c = { 0 };
        kt_logdir_config config = { .size = sizeof config,
                                    .threads = 1,
                                    .allocator = { counted_allocate, counted_resize, counted_release, &c } };
        kt_logdir *log = kt_logdir_open_memory((kt_blob){ packed.at, packed.n }, (kt_blob){ 0 }, &config);
        assert_non_null(log);
        if (what == 0) check_one(log, KT_OK, "zeros");
        if (what == 0) assert_int_equal(kt_logdir_problem_at(log, 0)->skipped, SIZE);
        if (what > 0) check_one(log, KT_ERR_MEMORY, "left out");
        assert_true(c.most < 4 * (int64_t)packed.n + (10 << 20));
        kt_logdir_close(log);
        assert_int_equal(c.used, 0);
        free(packed.at);
    }
    free(plain);
    free(m);
}

/* ---- On the disk ----------------------------------------------------------------------------- */

static const char *const top = "test_compressed.dir", *const file_path = "test_compressed.dir/tfevents.1.gz",
                         *const index_path = "test_compressed.idx";

static void put(const char *mode, const void *at, size_t n)
{
    mkdir(top, 0777);
    FILE *file = fopen(file_path, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(at, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static int64_t refreshed(kt_logdir *log)
{
    int64_t changed = -1;
    assert_int_equal(kt_logdir_refresh(log, &changed), KT_OK);
    return changed;
}

/* A file that grows: within its stream, by another one; is replaced by another, by a plain one, and is packed again.
 * With and without an index, which does not remember it and does not break. */
static void test_growing(void **state)
{
    (void)state;
    made *m = some_points(1000);
    bytes flushed = { 0 }, whole = { 0 };
    size_t cut = 20000;
    pack(&flushed, m->at, cut, GZIP, false);
    pack(&whole, m->at, m->n, GZIP, true);
    for (int with_index = 0; with_index < 2; with_index++) {
        remove(index_path);
        put("wb", flushed.at, flushed.n);
        kt_logdir *log = kt_logdir_open(top, .index = with_index ? index_path : NULL);
        const kt_series *series = kt_logdir_find(log, ".", "loss");
        assert_non_null(series);
        int64_t first = series->count;
        assert_true(first > 300 && first < 1000);
        check_points(log, first);
        check_one(log, KT_OK, "not complete");
        assert_int_equal(refreshed(log), 0);
        put("wb", whole.at, whole.n / 2); /* the same stream, written further */
        int64_t more = refreshed(log);
        check_points(log, first + more);
        put("ab", whole.at + whole.n / 2, whole.n - whole.n / 2);
        assert_int_equal(refreshed(log), 1000 - first - more);
        check_points(log, 1000);
        assert_int_equal(kt_logdir_problems(log), 0);
        assert_int_equal(kt_logdir_find(log, ".", "loss")->restarts, 0);
        bytes other = { 0 }; /* behind it, a stream of its own */
        made *n = made_new();
        made_tensor(n, 1, "behind", "own", BYTES("\x08\x01\x2d\x00\x00\x00\x3f"));
        pack(&other, n->at, n->n, GZIP, true);
        put("ab", other.at, other.n);
        assert_int_equal(refreshed(log), 1);
        assert_int_equal(made_count(log, "behind"), 1);
        put("wb", m->at, m->n); /* unpacked in place */
        assert_int_equal(refreshed(log), 1000);
        check_points(log, 1000);
        assert_int_equal(made_count(log, "behind"), -1);
        put("wb", other.at, other.n);
        assert_int_equal(refreshed(log), 1);
        assert_int_equal(made_count(log, "loss"), -1);
        kt_logdir_close(log);
        log = kt_logdir_open(top, .index = with_index ? index_path : NULL);
        kt_value value;
        assert_int_equal(kt_logdir_value(log, kt_logdir_find(log, ".", "behind"), 0, &value), KT_OK);
        kt_logdir_close(log);
        put("wb", whole.at, whole.n);
        log = kt_logdir_open(top, .index = with_index ? index_path : NULL);
        check_points(log, 1000);
        assert_int_equal(kt_logdir_problems(log), 0);
        kt_logdir_close(log);
        free(other.at);
        free(n);
    }
    free(flushed.at);
    free(whole.at);
    free(m);
    remove(index_path);
    remove(file_path);
    rmdir(top);
}

/* Fails the n-th allocation for every n; nothing is lost, nothing is kept. */
static void test_every_allocation(void **state)
{
    (void)state;
    enum { COUNT = 1500 }; /* more than is unpacked at once */
    made *m = some_points(COUNT);
    made_tensor(m, 1, "t", "own", BYTES("\x08\x01\x2d\x00\x00\x00\x3f"));
    bytes packed = { 0 };
    pack(&packed, m->at, m->n, GZIP, true);
    int64_t failures = 0;
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        counted c = { .fail_at = n };
        kt_logdir_config config = { .size = sizeof config,
                                    .threads = 1,
                                    .allocator = { counted_allocate, counted_resize, counted_release, &c } };
        kt_logdir *log = kt_logdir_open_memory((kt_blob){ packed.at, packed.n }, (kt_blob){ 0 }, &config);
        if (log) {
            kt_value value;
            check_points(log, COUNT);
            const kt_series *series = kt_logdir_find(log, ".", "t");
            assert_non_null(series);
            kt_status status = kt_logdir_value(log, series, 0, &value);
            assert_true(status == KT_OK || status == KT_ERR_MEMORY);
            if (status != KT_OK) assert_int_equal(kt_logdir_value(log, series, 0, &value), KT_OK);
            assert_true(value.count == 1 && value.numbers[0] == 0.5);
            done = c.calls < n;
        }
        failures += !log;
        kt_logdir_close(log);
        assert_int_equal(c.used, 0);
    }
    assert_true(failures > 5);
    free(packed.at);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),           cmocka_unit_test(test_plain_ones),
        cmocka_unit_test(test_cut_everywhere),  cmocka_unit_test(test_flips),
        cmocka_unit_test(test_bombs),           cmocka_unit_test(test_growing),
        cmocka_unit_test(test_damaged_records), cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* Without zlib such a file is named, with what to do: test_damage.c. */
int main(void) { return 77; }

#endif
