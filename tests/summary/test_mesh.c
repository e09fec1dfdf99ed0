/* SPDX-License-Identifier: MIT */
/* tests/summary/test_mesh.c: logged meshes: three parts in one event, the plugin's content of each, mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "media_reader.h"

/* MeshPluginData, taken apart. */
typedef struct mesh_content {
    char name[4096], json[1024];
    unsigned part, parts;
    int64_t shape[3];
    int dims;
} mesh_content;

static mesh_content content_of(const media_value *v)
{
    mesh_content c = { 0 };
    const unsigned char *at = v->content, *end = at + v->content_size, *bytes = NULL;
    uint64_t value = 0;
    size_t n = 0;
    while (at < end) {
        unsigned field = reader_field(&at, &value, &bytes, &n);
        if (field == 2) reader_text(c.name, sizeof c.name, bytes, n);
        if (field == 3) c.part = (unsigned)value;
        if (field == 5) reader_text(c.json, sizeof c.json, bytes, n);
        if (field == 6)
            for (const unsigned char *dim = bytes; dim < bytes + n && c.dims < 3;)
                c.shape[c.dims++] = (int64_t)reader_varint(&dim);
        if (field == 7) c.parts = (unsigned)value;
    }
    return c;
}

/* Logs a point with a view or config; the JSON that stands in the content. */
static mesh_content log_view(const kt_mesh_view *view, const char *config, bool triangle)
{
    const float points[9] = { 0 };
    const int32_t face[3] = { 0, 1, 2 };
    kt_mesh mesh = { .vertices = points, .vertex_count = 3, .view = view, .config = config };
    if (triangle) mesh.faces = face, mesh.face_count = 1;
    media_file m;
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_mesh(log, "m", &mesh, 1), KT_OK);
    media_read(&m, log);
    mesh_content c = content_of(&m.value[0]);
    media_close(&m);
    return c;
}

/* The golden value: a vertex at (0, 0, 1) of a mesh that has all parts. */
static void test_golden(void **state)
{
    (void)state;
    static const char value[] =
        "\x0a\x46\x0a\x08m_VERTEX\x42\x1e\x08\x01\x12\x0c\x12\x02\x08\x01\x12\x02\x08\x01\x12\x02\x08\x03"
        "\x22\x0c\0\0\0\0\0\0\0\0\0\0\x80\x3f\x4a\x1a\x0a\x18\x0a\x04mesh\x12\x10\x12\x01m\x18\x01\x2a\x02{}"
        "\x32\x03\x01\x01\x03\x38\x0e";
    const float vertex[3] = { 0, 0, 1 };
    const int32_t face[3] = { 0, 0, 0 };
    const uint8_t color[3] = { 1, 2, 3 };
    kt_mesh mesh = { .vertices = vertex, .vertex_count = 1, .faces = face, .face_count = 1, .colors = color };
    media_file m;
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_mesh(log, "m", &mesh, 0), KT_OK);
    media_read(&m, log);
    assert_int_equal(m.count, 3);
    assert_non_null(memmem(m.file.bytes, m.file.size, value, sizeof value - 1));
    media_close(&m);
}

static void test_parts(void **state)
{
    (void)state;
    static float vertices[2 * 4 * 3];
    static int32_t faces[2 * 2 * 3];
    static uint8_t colors[2 * 4 * 3];
    for (int i = 0; i < 24; i++) vertices[i] = (float)i / 8, colors[i] = (uint8_t)(i * 10);
    for (int i = 0; i < 12; i++) faces[i] = i % 4;
    kt_mesh mesh = { .vertices = vertices, .batch = 2, .vertex_count = 4 };
    for (int parts = 0; parts < 4; parts++) {
        mesh.faces = parts & 1 ? faces : NULL;
        mesh.face_count = parts & 1 ? 2 : 0;
        mesh.colors = parts & 2 ? colors : NULL;
        unsigned mask = 2u | (parts & 1 ? 4u : 0) | (parts & 2 ? 8u : 0);
        media_file m;
        kt_events *log = media_open(&m, NULL);
        assert_int_equal(kt_events_mesh(log, "a/\xC3\xBC", &mesh, 5), KT_OK);
        media_read(&m, log);
        assert_int_equal(m.count, 1 + (parts & 1) + parts / 2);
        for (int i = 0; i < m.count; i++) {
            const media_value *v = &m.value[i];
            assert_int_equal(v->step, 5);
            assert_int_equal(v->record, 1); /* all parts in one event */
            assert_string_equal(v->plugin, "mesh");
            assert_int_equal(v->rank, 3);
            assert_int_equal(v->dim[0], 2);
            assert_int_equal(v->dim[2], 3);
            mesh_content c = content_of(v);
            assert_string_equal(c.name, "a/\xC3\xBC");
            assert_string_equal(c.json, "{}");
            assert_int_equal(c.parts, mask);
            assert_int_equal(c.dims, 3);
            for (int d = 0; d < 3; d++) assert_int_equal(c.shape[d], v->dim[d]);
            if (c.part == 1) {
                assert_string_equal(v->tag, "a/\xC3\xBC_VERTEX");
                assert_int_equal(v->dtype, 1);
                assert_int_equal(v->dim[1], 4);
                assert_int_equal(v->numbers_size, sizeof vertices);
                assert_memory_equal(v->numbers, vertices, sizeof vertices);
            } else if (c.part == 2) {
                assert_string_equal(v->tag, "a/\xC3\xBC_FACE");
                assert_int_equal(v->dtype, 3);
                assert_int_equal(v->dim[1], 2);
                assert_memory_equal(v->numbers, faces, sizeof faces);
            } else {
                assert_int_equal(c.part, 3);
                assert_string_equal(v->tag, "a/\xC3\xBC_COLOR");
                assert_int_equal(v->dtype, 4);
                assert_memory_equal(v->numbers, colors, sizeof colors);
            }
        }
        media_close(&m);
    }
}

/* A name that is not UTF-8 is repaired in the tags and in the contents alike. */
static void test_name(void **state)
{
    (void)state;
    const float vertex[3] = { 0 };
    kt_mesh mesh = { .vertices = vertex, .vertex_count = 1 };
    media_file m;
    kt_events *log = media_open(&m, NULL);
    assert_int_equal(kt_events_mesh(log, "x\xC3", &mesh, 1), KT_OK);
    static char name[1002];
    memset(name, '\xFF', 1000);
    assert_int_equal(kt_events_mesh(log, name, &mesh, 1), KT_OK);
    name[1000] = 'x';
    assert_int_equal(kt_events_mesh(log, name, &mesh, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_mesh(log, "", &mesh, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_mesh(log, NULL, &mesh, 1), KT_ERR_VALUE);
    media_read(&m, log);
    assert_int_equal(m.count, 2);
    for (int i = 0; i < 2; i++) {
        mesh_content c = content_of(&m.value[i]);
        assert_int_equal(strlen(m.value[i].tag), strlen(c.name) + 7);
        assert_memory_equal(m.value[i].tag, c.name, strlen(c.name));
    }
    assert_string_equal(m.value[0].tag, "x\xEF\xBF\xBD_VERTEX");
    media_close(&m);
}

static void test_views(void **state)
{
    (void)state;
    kt_mesh_view view = { .fov = 60, .near = 0.1, .far = 2500, .point_size = 0.05 };
    assert_string_equal(log_view(&view, NULL, false).json,
                        "{\"camera\": {\"cls\": \"PerspectiveCamera\", \"far\": 2500.0, \"fov\": 60.0, \"near\": 0.1}, "
                        "\"material\": {\"cls\": \"PointsMaterial\", \"size\": 0.05}}");
    /* points have no size in a mesh of triangles, which needs another material */
    assert_string_equal(log_view(&view, NULL, true).json, "{\"camera\": {\"cls\": \"PerspectiveCamera\", \"far\": "
                                                          "2500.0, \"fov\": 60.0, \"near\": 0.1}}");
    view = (kt_mesh_view){ .point_size = 2 };
    assert_string_equal(log_view(&view, NULL, false).json,
                        "{\"material\": {\"cls\": \"PointsMaterial\", \"size\": 2.0}}");
    view = (kt_mesh_view){ .fov = 90 };
    assert_string_equal(log_view(&view, NULL, false).json,
                        "{\"camera\": {\"cls\": \"PerspectiveCamera\", \"fov\": 90.0}}");
    view = (kt_mesh_view){ 0 };
    assert_string_equal(log_view(&view, NULL, false).json, "{}");
    static const char own[] = " {\"a\": [1, {\"b\": \"}]\\\"\"}], \"c\": {}}\n";
    assert_string_equal(log_view(&view, own, true).json, own);
}

static void test_mistakes(void **state)
{
    (void)state;
    const float points[9] = { 0 };
    const int32_t face[3] = { 0, 1, 2 }, negative[3] = { 0, -1, 2 }, beyond[3] = { 0, 1, 3 };
    static float many[70000 * 3];
    const int32_t far_face[3] = { 0, 65535, 65536 };
    const kt_mesh_view views[] = { { .fov = 180 }, { .fov = -1 },        { .near = 2, .far = 1 },
                                   { .far = NAN }, { .point_size = -1 }, { .near = INFINITY } };
    const kt_mesh wrong[] = {
        { .vertex_count = 3 },
        { .vertices = points },
        { .vertices = points, .vertex_count = -1 },
        { .vertices = points, .vertex_count = INT64_MAX },
        { .vertices = points, .vertex_count = 3, .batch = INT64_MAX },
        { .vertices = points, .vertex_count = 3, .batch = -1 },
        { .vertices = points, .vertex_count = 3, .faces = face },
        { .vertices = points, .vertex_count = 3, .face_count = 1 },
        { .vertices = points, .vertex_count = 3, .faces = face, .face_count = INT64_MAX },
        { .vertices = points, .vertex_count = 3, .faces = negative, .face_count = 1 },
        { .vertices = points, .vertex_count = 3, .faces = beyond, .face_count = 1 },
        { .vertices = many, .vertex_count = 70000, .faces = far_face, .face_count = 1 },
        { .vertices = points, .vertex_count = 3, .config = "" },
        { .vertices = points, .vertex_count = 3, .config = "[]" },
        { .vertices = points, .vertex_count = 3, .config = "{" },
        { .vertices = points, .vertex_count = 3, .config = "{}}" },
        { .vertices = points, .vertex_count = 3, .config = "{\"a\": \"}" },
        { .vertices = points, .vertex_count = 3, .config = "{\"a\": [}]" },
        { .vertices = points, .vertex_count = 3, .config = "{\"a\": \"\xFF\"}" },
        { .vertices = points,
          .vertex_count = 3,
          .config = "{\"a\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" },
        { .vertices = points, .vertex_count = 3, .view = &views[0] },
        { .vertices = points, .vertex_count = 3, .view = &views[1] },
        { .vertices = points, .vertex_count = 3, .view = &views[2] },
        { .vertices = points, .vertex_count = 3, .view = &views[3] },
        { .vertices = points, .vertex_count = 3, .view = &views[4] },
        { .vertices = points, .vertex_count = 3, .view = &views[5] },
    };
    media_file m;
    kt_events *log = media_open(&m, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (kt_events_mesh(log, "m", &wrong[i], 1) != KT_ERR_VALUE) fail_msg("mistake %zu was taken", i);
        assert_true(strlen(kt_events_message(log)) > 30);
    }
    assert_int_equal(kt_events_mesh(log, "m", NULL, 1), KT_ERR_VALUE);
    assert_int_equal(kt_events_mesh(NULL, "m", &wrong[0], 1), KT_ERR_STATE);
    assert_int_equal(kt_events_mesh(log, "m", &wrong[9], 1), KT_ERR_VALUE);
    assert_string_equal(kt_events_message(log),
                        "kt_events_mesh: expected faces made of vertices 0 to 2 (TensorBoard's viewer takes no number "
                        "above "
                        "65535), got -1 at face 0; correct it, or log a mesh of fewer vertices");
    media_read(&m, log);
    assert_int_equal(m.count, 0);
    media_close(&m);

    media_heap heap = { 0 };
    log = media_open(&m, &heap);
    kt_mesh mesh = { .vertices = points, .vertex_count = 3, .faces = face, .face_count = 1 };
    heap.fail_at = heap.requests + 1;
    assert_int_equal(kt_events_mesh(log, "m", &mesh, 1), KT_ERR_MEMORY);
    assert_int_equal(kt_events_mesh(log, "m", &mesh, 1), KT_OK);
    media_read(&m, log);
    assert_int_equal(heap.held, 0);
    media_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden), cmocka_unit_test(test_parts),    cmocka_unit_test(test_name),
        cmocka_unit_test(test_views),  cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
