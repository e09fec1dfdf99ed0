/* SPDX-License-Identifier: MIT */
/* summary/kinds/mesh.c: meshes and point clouds.
 *
 * A mesh is up to three tensors, each under a tag of its own: positions (float), triangles (int32), colours (bytes),
 * all of shape (batch, n, 3). What makes them one is the plugin's content that each carries:
 *
 *     MeshPluginData { 2 name, 3 which part, 5 JSON of camera, lights and material, 6 shape, 7 mask of the parts }
 *
 * Only the content of a tag's first record counts for readers. TensorBoard's viewer keeps the vertices of triangles in
 * 16 bits, so a larger number would silently draw another triangle: it is refused here.
 */
#include <keratin/summary_media.h>

#include <stdio.h>

#include "base/repr.h"
#include "base/utf8.h"
#include "summary/writer.h"

enum { MESH_NAME_MAX = 1000, MESH_CONFIG_MAX = 65536, MESH_VIEW_ROOM = 256, MESH_INDEX_MAX = 65535 };
enum { MESH_VERTEX = 1, MESH_FACE = 2, MESH_COLOR = 3 };

static const int64_t mesh_bytes_max = (int64_t)1 << 30;

/* ---- Checks ---------------------------------------------------------------------------------- */

/* Whether text looks like a JSON object: braces and brackets close what they opened, strings end. The browser, which
 * parses it, shows nothing at all for what does not. */
static bool mesh_is_object(const char *text)
{
    char open[64]; /* what is open, outermost first */
    size_t depth = 0;
    bool string = false, ended = false;
    for (const char *at = text; *at; at++) {
        bool space = *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t';
        if (string) {
            if (*at == '\\' && at[1]) at++;
            else if (*at == '"') string = false;
        } else if (space) {
            continue;
        } else if (ended || (depth == 0 && *at != '{')) {
            return false;
        } else if (*at == '"') {
            string = true;
        } else if (*at == '{' || *at == '[') {
            if (depth == sizeof open) return false;
            open[depth++] = *at == '{' ? '}' : ']';
        } else if (*at == '}' || *at == ']') {
            if (open[--depth] != *at) return false;
            ended = depth == 0;
        }
    }
    return ended && !string;
}

/* Which number of a view makes no sense, or NULL. */
static const char *mesh_wrong_view(const kt_mesh_view *v)
{
    if (!(v->fov >= 0 && v->fov < 180)) return "fov";
    if (!(v->near >= 0 && v->near <= 1e30)) return "near";
    if (!(v->far >= 0 && v->far <= 1e30) || (v->far > 0 && v->near >= v->far)) return "far";
    return v->point_size >= 0 && v->point_size <= 1e30 ? NULL : "point_size";
}

static kt_status mesh_check_view(kt_events *log, const char *caller, const kt_mesh *mesh)
{
    const char *json = mesh->config, *wrong = mesh->view ? mesh_wrong_view(mesh->view) : NULL;
    if (json && (strlen(json) > MESH_CONFIG_MAX || !mesh_is_object(json) || !kt_utf8_valid(json, strlen(json))))
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected a JSON object of at most %d bytes as config, got another text; write such "
                              "as "
                              "{\"camera\": {\"cls\": \"PerspectiveCamera\", \"fov\": 60}}",
                              caller, MESH_CONFIG_MAX);
    if (!wrong) return KT_OK;
    return kt_events_fail(log, KT_ERR_VALUE,
                          "%s: expected a view with fov below 180, near below far and no number below 0, got another "
                          "%s; "
                          "set what is needed and leave the rest 0",
                          caller, wrong);
}

static kt_status mesh_check(kt_events *log, const char *caller, const char *name, const kt_mesh *mesh, int64_t batch)
{
    if (!name || !name[0] || strlen(name) > MESH_NAME_MAX)
        return kt_events_fail(log, KT_ERR_VALUE, "%s: expected a name of 1 to %d bytes, got %s; name the mesh", caller,
                              MESH_NAME_MAX,
                              !name     ? "NULL"
                              : name[0] ? "a longer one"
                                        : "an empty one");
    if (!mesh || !mesh->vertices)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected vertices of shape (batch, vertex_count, 3), got NULL; set them", caller);
    int64_t most = mesh_bytes_max / 40; /* 12 bytes of a vertex, 12 of a face, 3 of a colour, and to spare */
    if (batch < 1 || batch > most || mesh->vertex_count < 1 || mesh->vertex_count > most / batch ||
        mesh->face_count < 0 || mesh->face_count > most / batch || !mesh->faces != !mesh->face_count)
        return kt_events_fail(log, KT_ERR_VALUE,
                              "%s: expected at least one vertex, at most %lld of vertices and of faces in all, and "
                              "face_count "
                              "with faces, got batch %lld, %lld vertices, %lld faces%s; correct the counts",
                              caller, (long long)most, (long long)batch, (long long)mesh->vertex_count,
                              (long long)mesh->face_count, mesh->faces ? "" : " at NULL");
    int64_t limit = mesh->vertex_count - 1 < MESH_INDEX_MAX ? mesh->vertex_count - 1 : MESH_INDEX_MAX;
    for (int64_t i = 0; i < batch * mesh->face_count * 3; i++)
        if (mesh->faces[i] < 0 || mesh->faces[i] > limit)
            return kt_events_fail(log, KT_ERR_VALUE,
                                  "%s: expected faces made of vertices 0 to %lld (TensorBoard's viewer takes no number "
                                  "above "
                                  "%d), got %d at face %lld; correct it, or log a mesh of fewer vertices",
                                  caller, (long long)limit, MESH_INDEX_MAX, (int)mesh->faces[i], (long long)(i / 3));
    return mesh_check_view(log, caller, mesh);
}

/* ---- The plugin's content -------------------------------------------------------------------- */

/* The view as JSON, as Python's json.dumps writes it with sorted keys; only what is set, since the viewer fills in
 * the rest. */
static void mesh_view_json(char out[MESH_VIEW_ROOM], const kt_mesh_view *v, bool points)
{
    char far_text[KT_REPR_BYTES], fov[KT_REPR_BYTES], near_text[KT_REPR_BYTES], size[KT_REPR_BYTES];
    bool camera = v && (v->far > 0 || v->fov > 0 || v->near > 0), material = v && points && v->point_size > 0;
    size_t n = 0;
    n += (size_t)snprintf(out + n, MESH_VIEW_ROOM - n, "{");
    if (camera) {
        kt_repr_double(v->far, far_text);
        kt_repr_double(v->fov, fov);
        kt_repr_double(v->near, near_text);
        n += (size_t)snprintf(out + n, MESH_VIEW_ROOM - n, "\"camera\": {\"cls\": \"PerspectiveCamera\"");
        if (v->far > 0) n += (size_t)snprintf(out + n, MESH_VIEW_ROOM - n, ", \"far\": %s", far_text);
        if (v->fov > 0) n += (size_t)snprintf(out + n, MESH_VIEW_ROOM - n, ", \"fov\": %s", fov);
        if (v->near > 0) n += (size_t)snprintf(out + n, MESH_VIEW_ROOM - n, ", \"near\": %s", near_text);
        n += (size_t)snprintf(out + n, MESH_VIEW_ROOM - n, "}");
    }
    if (material) {
        kt_repr_double(v->point_size, size);
        n += (size_t)snprintf(out + n, MESH_VIEW_ROOM - n,
                              "%s\"material\": {\"cls\": \"PointsMaterial\", \"size\": %s}", camera ? ", " : "", size);
    }
    snprintf(out + n, MESH_VIEW_ROOM - n, "}");
}

/* What the three contents share. */
typedef struct mesh_common {
    const char *name, *json;
    size_t name_size, json_size;
    unsigned parts; /* bit 1 << part */
    int64_t batch;
} mesh_common;

static size_t mesh_content(unsigned char *out, size_t room, const mesh_common *m, int part, int64_t n)
{
    kt_wire w = { out, out + room, false };
    kt_wire_bytes(&w, 2, m->name, m->name_size);
    kt_wire_int(&w, 3, part);
    kt_wire_bytes(&w, 5, m->json, m->json_size);
    kt_wire_mark shape = kt_wire_open(&w, 6, 3);
    kt_wire_varint(&w, (uint64_t)m->batch);
    kt_wire_varint(&w, (uint64_t)n);
    kt_wire_varint(&w, 3);
    kt_wire_close(&w, shape);
    kt_wire_int(&w, 7, m->parts);
    return (size_t)(w.at - out);
}

/* ---- Logging --------------------------------------------------------------------------------- */

static kt_status mesh_append(kt_events *log, const char *caller, const char *name, const kt_mesh *mesh,
                             const mesh_common *m, unsigned char *contents, size_t room, int64_t step)
{
    const struct {
        int part;
        const char *suffix;
        const void *numbers;
        int64_t n;
        kt_event_dtype dtype;
    } parts[3] = {
        { MESH_VERTEX, "_VERTEX", mesh->vertices, mesh->vertex_count, KT_EVENT_FLOAT32 },
        { MESH_FACE, "_FACE", mesh->faces, mesh->face_count, KT_EVENT_INT32 },
        { MESH_COLOR, "_COLOR", mesh->colors, mesh->vertex_count, KT_EVENT_UINT8 },
    };
    char tags[3][MESH_NAME_MAX + 8];
    kt_event_value values[3];
    int count = 0;
    for (int i = 0; i < 3; i++) {
        if (!parts[i].numbers) continue;
        unsigned char *content = contents + (size_t)i * room;
        snprintf(tags[i], sizeof tags[i], "%s%s", name, parts[i].suffix);
        values[count++] = (kt_event_value){
            .tag = tags[i],
            .kind = KT_KIND_MESH,
            .tensor = { .rank = 3,
                        .dim = { m->batch, parts[i].n, 3 },
                        .numbers = parts[i].numbers,
                        .count = (size_t)(m->batch * parts[i].n * 3),
                        .dtype = parts[i].dtype,
                        .content = { content, mesh_content(content, room, m, parts[i].part, parts[i].n) } },
        };
    }
    return kt_events_append_many(log, caller, step, values, count);
}

kt_status kt_events_mesh(kt_events *log, const char *name, const kt_mesh *mesh, int64_t step)
{
    const char *caller = "kt_events_mesh";
    if (!log) return KT_ERR_STATE;
    int64_t batch = mesh && mesh->batch != 0 ? mesh->batch : 1;
    kt_status status = mesh_check(log, caller, name, mesh, batch);
    if (status != KT_OK) return status;

    char repaired[3 * MESH_NAME_MAX], view[MESH_VIEW_ROOM];
    mesh_view_json(view, mesh->view, !mesh->faces);
    mesh_common m = { .name = repaired,
                      .name_size = kt_utf8_repair(repaired, name, strlen(name)), /* as the tag will be */
                      .json = mesh->config ? mesh->config : view,
                      .batch = batch };
    m.json_size = strlen(m.json);
    m.parts = 1u << MESH_VERTEX | (mesh->faces ? 1u << MESH_FACE : 0) | (mesh->colors ? 1u << MESH_COLOR : 0);

    const kt_allocator *a = kt_events_allocator(log);
    size_t room = m.name_size + m.json_size + 64;
    unsigned char *contents = a->allocate(3 * room, a->user);
    if (!contents)
        return kt_events_fail(log, KT_ERR_MEMORY,
                              "%s: out of memory for a config of %zu bytes; free some or shorten it", caller,
                              m.json_size);
    status = mesh_append(log, caller, name, mesh, &m, contents, room, step);
    a->release(contents, a->user);
    return status;
}
