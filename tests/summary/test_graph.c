/* SPDX-License-Identifier: MIT */
/* tests/summary/test_graph.c: graphs, run metadata and the Keras model: the format's vectors, fields, what is refused. */
#include "plugins_log.h"

#include "summary/kinds/plugins.h"

/* V15. */
static void test_graph_vector(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    kt_graph_node x = { .name = "x", .op = "Placeholder" };
    assert_int_equal(kt_events_graph(p.log, &x, 1), KT_OK);
    plugins_is(&p, 1, "21 00 00 00 00 00 00 00 01 7b ec f6 09 00 00 00 40 fc 54 d9 41 22 16 0a 10 0a 01 78 12 0b 50 6c"
                      "61 63 65 68 6f 6c 64 65 72 22 02 08 16 4a d4 0f 2d");
    plugins_close(&p);
}

/* V14. */
static void test_keras_vector(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    assert_int_equal(kt_events_keras_model(p.log, "{}"), KT_OK);
    plugins_is(&p, 1, "38 00 00 00 00 00 00 00 a3 79 7d 57 09 00 00 00 40 fc 54 d9 41 2a 2d 0a 2b 0a 05 6b 65 72 61 73"
                      "42 08 08 07 12 00 42 02 7b 7d 4a 18 0a 16 0a 11 67 72 61 70 68 5f 6b 65 72 61 73 5f 6d 6f 64 65"
                      "6c 12 01 31 21 77 e3 bf");
    plugins_refused(&p, kt_events_keras_model(p.log, ""), "empty");
    plugins_refused(&p, kt_events_keras_model(p.log, NULL), "NULL");
    plugins_refused(&p, kt_events_keras_model(p.log, "{\"\xFF\": 1}"), "UTF-8");
    plugins_close(&p);
}

static const char *const inputs[] = { "x", "dense/kernel:1", "^init" };
static const kt_graph_shape shapes[] = { { .rank = 2, .dim = { -1, 64 } }, { .rank = 0 }, { .rank = -1 }, { .rank = 1, .dim = { 0 } } };
static const kt_graph_attr attrs[] = { { .name = "provider", .text = "avx2" }, { .name = "axis", .number = -1 },
                                       { .name = "empty", .text = "" } };
static const kt_graph_node nodes[] = {
    { .name = "x", .op = "Input" },
    { .name = "dense/matmul", .op = "matmul", .device = "/device:CPU:0", .inputs = inputs, .n_inputs = 3, .outputs = shapes,
      .n_outputs = 4, .attrs = attrs, .n_attrs = 3 },
};

static void check_graph(proto graph)
{
    assert_int_equal(field_count(graph, 1), 2);
    assert_int_equal(field_of(field_of(graph, 4), 1).value, 22);
    proto node = field_at(graph, 1, 1);
    assert_true(field_is(field_of(node, 1), "dense/matmul") && field_is(field_of(node, 2), "matmul"));
    assert_true(field_is(field_of(node, 4), "/device:CPU:0"));
    for (int i = 0; i < 3; i++) assert_true(field_is(field_at(node, 3, i), inputs[i]));
    assert_int_equal(field_count(node, 5), 4);

    proto list = field_of(field_of(field_at(node, 5, 0), 2), 1);
    assert_true(field_is(field_of(field_at(node, 5, 0), 1), "_output_shapes"));
    assert_int_equal(field_count(list, 7), 4);
    assert_true((int64_t)field_of(field_at(field_at(list, 7, 0), 2, 0), 1).value == -1);
    assert_int_equal(field_of(field_at(field_at(list, 7, 0), 2, 1), 1).value, 64);
    assert_int_equal(field_at(list, 7, 1).n, 0);
    assert_int_equal(field_of(field_at(list, 7, 2), 3).value, 1);
    assert_int_equal(field_of(field_at(list, 7, 3), 2).n, 0); /* a dimension of 0 is an empty message */
    assert_true(field_is(field_of(field_of(field_at(node, 5, 1), 2), 2), "avx2"));
    assert_true((int64_t)field_of(field_of(field_at(node, 5, 2), 2), 3).value == -1);
    assert_true(field_is(field_of(field_of(field_at(node, 5, 3), 2), 2), ""));
}

static void test_graph(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    assert_int_equal(kt_events_graph(p.log, nodes, 2), KT_OK);
    size_t n;
    const unsigned char *payload = plugins_payload(&p, 1, &n);
    check_graph(field_of((proto){ payload, n, 0, true }, 4));

    assert_int_equal(kt_events_op_graph(p.log, "train step", nodes, 2, 5), KT_OK);
    check_graph(field_of(field_of(plugins_string(&p, 2), 4), 2));
    assert_true(field_is(plugins_content(&p, 2), "1"));
    assert_true(field_is(field_of(field_of(field_of(plugins_value(&p, 2), 9), 1), 1), "graph_run_metadata_graph"));
    plugins_close(&p);
}

static const kt_node_stat stats[] = {
    { .name = "x", .start_ns = 1000000, .end_ns = 1000000 },
    { .name = "dense/matmul", .start_ns = 1000400, .end_ns = 1003900, .bytes = 8192, .outputs = shapes, .n_outputs = 2, .thread = 3 },
    { .name = "far", .device = "/device:GPU:0", .start_ns = 0, .end_ns = 400 },
};

static void check_stats(proto run)
{
    proto all = field_of(run, 1), cpu = field_at(all, 1, 0), gpu = field_at(all, 1, 1);
    assert_int_equal(field_count(all, 1), 2);
    assert_true(field_is(field_of(cpu, 1), "/device:CPU:0") && field_is(field_of(gpu, 1), "/device:GPU:0"));
    assert_int_equal(field_count(cpu, 2), 2);
    proto x = field_at(cpu, 2, 0), matmul = field_at(cpu, 2, 1), far = field_at(gpu, 2, 0);
    assert_int_equal(field_of(x, 2).value, 1000);
    assert_int_equal(field_of(x, 5).value, 1); /* at least a microsecond, or the page takes it for not run */
    assert_true(field_is(field_of(matmul, 1), "dense/matmul"));
    assert_int_equal(field_of(matmul, 2).value, 1000);
    assert_int_equal(field_of(matmul, 4).value, 4);
    assert_int_equal(field_of(matmul, 5).value, 4);
    assert_int_equal(field_of(field_of(matmul, 6), 2).value, 8192);
    assert_int_equal(field_of(field_at(matmul, 7, 1), 1).value, 1);
    proto shape = field_of(field_of(field_at(matmul, 7, 0), 3), 2);
    assert_int_equal(field_of(field_at(shape, 2, 1), 1).value, 64);
    assert_true(field_of(field_of(field_at(matmul, 7, 1), 3), 2).there); /* a scalar's shape is there, and empty */
    assert_int_equal(field_of(matmul, 10).value, 3);
    assert_int_equal(field_of(matmul, 13).value, 1000400);
    assert_int_equal(field_of(matmul, 16).value, 3500);
    assert_int_equal(field_of(far, 5).value, 1);
    assert_false(field_of(far, 2).there);
}

static void test_run_metadata(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    kt_run_metadata run = { .stats = stats, .n_stats = 3, .nodes = nodes, .n_nodes = 2 };
    assert_int_equal(kt_events_run_metadata(p.log, "step 7", &run, 7), KT_OK);
    check_stats(plugins_string(&p, 1));
    check_graph(field_of(field_of(plugins_string(&p, 1), 4), 2));
    assert_true(field_is(field_of(field_of(field_of(plugins_value(&p, 1), 9), 1), 1), "graph_run_metadata"));
    assert_true(field_is(plugins_content(&p, 1), "1"));

    run.n_nodes = 0; /* no graph: the older event, for which TensorBoard takes the run's */
    assert_int_equal(kt_events_run_metadata(p.log, "step \xFF", &run, 8), KT_OK);
    size_t n;
    const unsigned char *payload = plugins_payload(&p, 2, &n);
    proto tagged = field_of((proto){ payload, n, 0, true }, 8);
    assert_true(field_is(field_of(tagged, 1), "step \xEF\xBF\xBD"));
    check_stats(field_of(tagged, 2));
    assert_int_equal(field_of((proto){ payload, n, 0, true }, 2).value, 8);
    plugins_close(&p);
}

/* A graph of many nodes is built in several attempts, and each is whole. */
static void test_large(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    kt_graph_node *many = calloc(MANY, sizeof *many);
    char (*names)[32] = calloc(MANY, sizeof *names);
    const char **before = calloc(MANY, sizeof *before);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "layer_%d/op_%d", i / 100, i);
        before[i] = i > 0 ? names[i - 1] : "^x";
        many[i] = (kt_graph_node){ .name = names[i], .op = "add", .inputs = &before[i], .n_inputs = 1, .outputs = shapes, .n_outputs = 1 };
    }
    plugins_log p = plugins_open();
    assert_int_equal(kt_events_graph(p.log, many, MANY), KT_OK);
    size_t n;
    const unsigned char *payload = plugins_payload(&p, 1, &n);
    proto graph = field_of((proto){ payload, n, 0, true }, 4);
    const unsigned char *at = graph.at, *end = at + graph.n;
    int seen = 0;
    while (at < end) {
        proto f = { NULL, 0, 0, true };
        if (reader_field(&at, &f.value, &f.at, &f.n) == 1) assert_true(field_is(field_of(f, 1), names[seen++]));
    }
    assert_int_equal(seen, MANY);
    plugins_close(&p);
    free(many);
    free(names);
    free(before);
}

/* Memory that ends while a large message is built: a sentence, nothing logged, nothing leaked; later calls work. */
typedef struct limited {
    size_t largest;
    int blocks;
} limited;

static void *limited_resize(void *old, size_t bytes, void *user)
{
    limited *l = user;
    if (bytes > l->largest) return NULL;
    if (!old) l->blocks++;
    return realloc(old, bytes);
}

static void *limited_allocate(size_t bytes, void *user)
{
    return limited_resize(NULL, bytes, user);
}

static void limited_release(void *block, void *user)
{
    if (block) ((limited *)user)->blocks--;
    free(block);
}

static void test_memory(void **state)
{
    (void)state;
    limited l = { SIZE_MAX, 0 };
    plugins_log p = { .dir = "" };
    reader_make_dir(p.dir);
    p.log = kt_events_open(p.dir, .now = plugins_clock, .allocator = { limited_allocate, limited_resize, limited_release, &l });
    assert_non_null(p.log);
    char *text = malloc(400001);
    memset(text, 't', 400000);
    text[400000] = '\0';
    kt_graph_attr attr = { .name = "notes", .text = text };
    kt_graph_node node = { .name = "x", .attrs = &attr, .n_attrs = 1 };
    for (size_t largest = 100; largest < 1000000; largest *= 8) { /* no first block, no second, no third */
        l.largest = largest;
        assert_int_equal(kt_events_graph(p.log, &node, 1), KT_ERR_MEMORY);
        assert_non_null(strstr(kt_events_message(p.log), "out of memory"));
    }
    l.largest = SIZE_MAX;
    assert_int_equal(kt_events_graph(p.log, &node, 1), KT_OK);
    size_t n;
    plugins_payload(&p, 1, &n);
    assert_true(n > 400000);
    free(text);
    plugins_close(&p);
    assert_int_equal(l.blocks, 0);
}

static void test_refused(void **state)
{
    (void)state;
    plugins_log p = plugins_open();
    const char *empty[] = { "" };
    const kt_graph_shape deep = { .rank = 9 };
    const kt_graph_attr nameless = { .number = 1 };
    const struct {
        kt_graph_node node;
        const char *part;
    } wrong[] = {
        { { .op = "add" }, "node 0 (\"\"): expected a name" },
        { { .name = "a", .n_inputs = 1 }, "inputs with their number" },
        { { .name = "a", .inputs = empty, .n_inputs = 1 }, "names of inputs" },
        { { .name = "a", .outputs = &deep, .n_outputs = 1 }, "ranks" },
        { { .name = "a", .attrs = &nameless, .n_attrs = 1 }, "names of attributes" },
        { { .name = "a", .n_outputs = -1 }, "output shapes" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        plugins_refused(&p, kt_events_graph(p.log, &wrong[i].node, 1), wrong[i].part);
        plugins_refused(&p, kt_events_op_graph(p.log, "t", &wrong[i].node, 1, 0), wrong[i].part);
    }
    plugins_refused(&p, kt_events_graph(p.log, NULL, 1), "at NULL");
    plugins_refused(&p, kt_events_op_graph(p.log, "", nodes, 2, 0), "tag");
    kt_node_stat stat = { .name = "a", .start_ns = 5, .end_ns = 4 };
    kt_run_metadata run = { .stats = &stat, .n_stats = 1 };
    plugins_refused(&p, kt_events_run_metadata(p.log, "t", &run, 0), "an end behind it");
    stat.end_ns = 6;
    stat.bytes = -1;
    plugins_refused(&p, kt_events_run_metadata(p.log, "t", &run, 0), "bytes");
    stat.bytes = 0;
    plugins_refused(&p, kt_events_run_metadata(p.log, "", &run, 0), "tag");
    stat.name = "";
    plugins_refused(&p, kt_events_run_metadata(p.log, "t", &run, 0), "name of a node");
    plugins_refused(&p, kt_events_run_metadata(p.log, "t", NULL, 0), "NULL");
    assert_int_equal(kt_events_graph(NULL, nodes, 2), KT_ERR_STATE);
    assert_int_equal(kt_events_keras_model(NULL, "{}"), KT_ERR_STATE);
    plugins_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_vector), cmocka_unit_test(test_keras_vector), cmocka_unit_test(test_graph),
        cmocka_unit_test(test_run_metadata), cmocka_unit_test(test_large),        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("summary/graph", tests, NULL, NULL);
}
