/* SPDX-License-Identifier: MIT */
/* summary/kinds/projector.c: embeddings, as files that TensorBoard's projector reads.
 *
 * The projector is the one plugin beside the event files: a configuration names, for each tensor, a table of numbers, a
 * table of labels and one picture with all thumbnails. What its readers ask of these, each met here:
 *
 * - Rows must be equal in number everywhere. A line of labels that is blank is left out by the browser, which would
 *   move all labels behind it: it becomes "-". One column of labels has no head, several have one.
 * - Numbers are text and not raw floats, because raw floats that happen to be UTF-8 are misread.
 * - A path must lie in the configuration's directory: files' names are letters, digits, '_' and '-' and one ending.
 * - Names "x" and "x:0" are one tensor.
 *
 * Everything is checked, the old configuration included, before the first file is touched; the configuration is written
 * last, so that what it names is there.
 */
#include <keratin/summary_media.h>

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/host.h"
#include "base/utf8.h"
#include "image.h"
#include "number.h"
#include "projector_config.h"
#include "summary/file.h"

enum { PROJECTOR_NAME_MAX = 500, PROJECTOR_STEM_MAX = 100, PROJECTOR_LABEL_MAX = 1000, PROJECTOR_SPRITE_MAX = 8192 };
enum { PROJECTOR_COUNT_MAX = 1000, PROJECTOR_CONFIG_MAX = 1 << 24, PROJECTOR_PATH_MAX = 65536 };

static const char projector_file_name[] = "projector_config.pbtxt";

/* One embedding with the names of its parts. */
typedef struct projector_part {
    const kt_embedding *e;
    kt_image_grid grid; /* of the sprite */
    char name[3 * PROJECTOR_NAME_MAX + 32];
    char vectors[PROJECTOR_STEM_MAX + 32], labels[PROJECTOR_STEM_MAX + 32], sprite[PROJECTOR_STEM_MAX + 32];
} projector_part;

typedef struct projector {
    kt_projector_config c;
    const kt_allocator *a;
    projector_part *parts; /* c.count of them */
    char *old;             /* the configuration that is there, or NULL */
    size_t old_size;
} projector;

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static kt_status
projector_fail(kt_events_error *error, kt_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
    return status;
}

static kt_status projector_fail_memory(const projector *p)
{
    return projector_fail(p->c.error, KT_ERR_MEMORY,
                          "kt_projector_write: out of memory; free some or write fewer embeddings");
}

/* The end of the directory's path, which says most. */
static const char *projector_logdir(const projector *p)
{
    size_t n = strlen(p->c.logdir), shown = 200;
    return p->c.logdir + (n > shown ? n - shown : 0);
}

static kt_status projector_fail_io(const projector *p, const char *what, const char *name, int error)
{
    if (error == ENOMEM) return projector_fail_memory(p);
    const char *reason = kt_file_reason(error);
    char number[32];
    snprintf(number, sizeof number, "system error %d", error);
    return projector_fail(p->c.error, KT_ERR_IO, "kt_projector_write: cannot %s \"%s%s%s\": %s", what,
                          projector_logdir(p), name[0] ? "/" : "", name, reason ? reason : number);
}

/* How many bytes of a name a sentence shows: whole characters. */
static int projector_shown(const char *name)
{
    size_t n = strlen(name), shown = n < 100 ? n : 100;
    while (shown > 0 && shown < n && ((unsigned char)name[shown] & 0xC0) == 0x80) shown--;
    return (int)shown;
}

/* ---- Checks and names ------------------------------------------------------------------------ */

static kt_status projector_check_values(const projector *p, const projector_part *part)
{
    const kt_embedding *e = part->e;
    const char *name = part->name;
    if (!e->vectors || e->rows < 1 || e->rows > INT32_MAX || e->columns < 1 || e->columns > 1 << 24)
        return projector_fail(p->c.error, KT_ERR_VALUE,
                              "kt_projector_write: \"%.*s\": expected vectors of shape (rows, columns), both at least "
                              "1, got "
                              "%lld x %lld%s; set vectors, rows and columns",
                              projector_shown(name), name, (long long)e->rows, (long long)e->columns,
                              e->vectors ? "" : " at NULL");
    for (int64_t i = 0; i < e->rows * e->columns; i++)
        if (!isfinite(e->vectors[i]))
            return projector_fail(
                p->c.error, KT_ERR_VALUE,
                "kt_projector_write: \"%.*s\": expected finite numbers, got one that is not in row %lld, "
                "column %lld, of which the projector would show nothing; find out where it comes from",
                projector_shown(name), name, (long long)(i / e->columns), (long long)(i % e->columns));
    if (e->label_columns < 0 || e->label_columns > 1000 || (e->labels && e->label_columns > 1 && !e->label_names))
        return projector_fail(p->c.error, KT_ERR_VALUE,
                              "kt_projector_write: \"%.*s\": expected at most 1000 columns of labels and, with two or "
                              "more, "
                              "label_names, got %lld columns%s; name them",
                              projector_shown(name), name, (long long)e->label_columns,
                              e->label_names ? "" : " without names");
    return KT_OK;
}

/* The sprite's grid: as many rows as columns. The projector divides by the number of rows where it means that of
 * columns, so that in another grid most thumbnails would stand at other points. */
static kt_status projector_check_sprite(const projector *p, projector_part *part)
{
    const kt_images *m = part->e->thumbnails;
    const char *name = part->name;
    int64_t rows = part->e->rows;
    if (!m) return KT_OK;
    if (m->count != rows)
        return projector_fail(p->c.error, KT_ERR_VALUE,
                              "kt_projector_write: \"%.*s\": expected one thumbnail for each of the %lld rows, got "
                              "%lld; pass "
                              "as many",
                              projector_shown(name), name, (long long)rows, (long long)m->count);
    part->grid = (kt_image_grid){ .count = 1, .columns = 1 };
    if (kt_png_fits(m->width, m->height, m->channels)) {
        int64_t side = (int64_t)ceil(sqrt((double)rows));
        if (side * m->width > PROJECTOR_SPRITE_MAX || side * m->height > PROJECTOR_SPRITE_MAX)
            return projector_fail(p->c.error, KT_ERR_VALUE,
                                  "kt_projector_write: \"%.*s\": expected thumbnails that fit a picture of %d pixels a "
                                  "side, got "
                                  "%lld of %lld x %lld; make them smaller or leave rows out",
                                  projector_shown(name), name, PROJECTOR_SPRITE_MAX, (long long)rows,
                                  (long long)m->width, (long long)m->height);
        part->grid = (kt_image_grid){ .count = rows, .columns = side, .rows = side };
    }
    char wrong[256];
    kt_status status = kt_images_check(m, &part->grid, wrong, sizeof wrong);
    if (status == KT_OK) return KT_OK;
    return projector_fail(p->c.error, status, "kt_projector_write: \"%.*s\": thumbnails: %s", projector_shown(name),
                          name, wrong);
}

/* The tensor's name, repaired, without ":0", with the step. */
static void projector_name(projector_part *part)
{
    const kt_embedding *e = part->e;
    size_t n = kt_utf8_repair(part->name, e->name, strlen(e->name));
    if (n > 2 && memcmp(part->name + n - 2, ":0", 2) == 0) n -= 2;
    part->name[n] = '\0';
    if (e->by_step) snprintf(part->name + n, sizeof part->name - n, "_%lld", (long long)e->step);
}

/* Letters, digits, '_' and '-' stay. Where anything else was, a hash (FNV-1a) keeps "a/b" and "a_b" apart. */
static void projector_file_names(projector_part *part)
{
    char stem[PROJECTOR_STEM_MAX + 16];
    uint32_t hash = 2166136261u;
    size_t n = 0;
    bool changed = false;
    for (const char *at = part->name; *at; at++) {
        char c = *at;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        hash = (hash ^ (unsigned char)c) * 16777619u;
        if (n < PROJECTOR_STEM_MAX) stem[n++] = plain ? c : '_';
        changed = changed || !plain || at - part->name >= PROJECTOR_STEM_MAX;
    }
    stem[n] = '\0';
    if (changed) snprintf(stem + n, sizeof stem - n, "_%08lx", (unsigned long)hash);
    snprintf(part->vectors, sizeof part->vectors, "%s.tsv", stem);
    snprintf(part->labels, sizeof part->labels, "%s.metadata.tsv", stem);
    snprintf(part->sprite, sizeof part->sprite, "%s.sprite.png", stem);
}

static kt_status projector_check(const projector *p)
{
    for (int64_t i = 0; i < p->c.count; i++) {
        projector_part *part = &p->parts[i];
        const kt_embedding *e = part->e = &p->c.embeddings[i];
        if (!e->name || !e->name[0] || strlen(e->name) > PROJECTOR_NAME_MAX)
            return projector_fail(p->c.error, KT_ERR_VALUE,
                                  "kt_projector_write: embedding %lld: expected a name of 1 to %d bytes, got %s; name "
                                  "the tensor",
                                  (long long)i, PROJECTOR_NAME_MAX,
                                  !e->name     ? "NULL"
                                  : e->name[0] ? "a longer one"
                                               : "an empty one");
        projector_name(part);
        projector_file_names(part);
        for (int64_t j = 0; j < i; j++)
            if (strcmp(part->name, p->parts[j].name) == 0)
                return projector_fail(p->c.error, KT_ERR_VALUE,
                                      "kt_projector_write: expected names that differ, got \"%.*s\" for embeddings "
                                      "%lld and "
                                      "%lld; rename one",
                                      projector_shown(part->name), part->name, (long long)j, (long long)i);
        kt_status status = projector_check_values(p, part);
        if (status == KT_OK) status = projector_check_sprite(p, part);
        if (status != KT_OK) return status;
    }
    return KT_OK;
}

/* ---- The parts' files ------------------------------------------------------------------------ */

static void projector_add_vectors(kt_new_file *file, const kt_embedding *e)
{
    char text[KT_NUMBER_ROOM];
    for (int64_t r = 0; r < e->rows && !file->error; r++)
        for (int64_t c = 0; c < e->columns; c++) {
            size_t n = kt_number_text(text, e->vectors[r * e->columns + c]);
            text[n++] = c + 1 < e->columns ? '\t' : '\n';
            kt_new_file_add(file, text, n);
        }
}

static bool projector_is_blank(const char *cell)
{
    while (cell && *cell && ((unsigned char)*cell <= ' ' || *cell == 127)) cell++;
    return !cell || !*cell;
}

/* A cell in one line: UTF-8, no control characters. */
static void projector_add_cell(kt_new_file *file, const char *cell)
{
    char text[3 * PROJECTOR_LABEL_MAX];
    const char *end = memchr(cell, '\0', PROJECTOR_LABEL_MAX + 1);
    size_t n = end ? (size_t)(end - cell) : PROJECTOR_LABEL_MAX;
    if (!end)
        while (n > 0 && ((unsigned char)cell[n] & 0xC0) == 0x80) n--;
    n = kt_utf8_repair(text, cell, n);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127) text[i] = ' ';
    kt_new_file_add(file, text, n);
}

static void projector_add_row(kt_new_file *file, const char *const *cells, int64_t columns, bool head)
{
    bool blank = true;
    for (int64_t c = 0; c < columns && blank; c++) blank = projector_is_blank(cells[c]);
    for (int64_t c = 0; c < columns; c++) {
        char number[32];
        if (c > 0) kt_new_file_text(file, "\t");
        if (head && projector_is_blank(cells[c])) {
            snprintf(number, sizeof number, "column %d", (int)c + 1);
            kt_new_file_text(file, number);
        } else if (blank && c == 0) {
            kt_new_file_text(file, "-");
        } else {
            projector_add_cell(file, cells[c] ? cells[c] : "");
        }
    }
    kt_new_file_text(file, "\n");
}

static void projector_add_labels(kt_new_file *file, const kt_embedding *e)
{
    int64_t columns = e->label_columns > 0 ? e->label_columns : 1;
    if (columns > 1) projector_add_row(file, e->label_names, columns, true);
    for (int64_t r = 0; r < e->rows && !file->error; r++)
        projector_add_row(file, e->labels + r * columns, columns, false);
}

static kt_new_file projector_begin(const projector *p, const char *name)
{
    return kt_new_file_begin(&kt_file_system, p->a, p->c.logdir, name);
}

static kt_status projector_end(const projector *p, kt_new_file *file, const char *name)
{
    int error = kt_new_file_end(file);
    return error ? projector_fail_io(p, "write", name, error) : KT_OK;
}

static kt_status projector_write_vectors(const projector *p, const projector_part *part)
{
    kt_new_file file = projector_begin(p, part->vectors);
    projector_add_vectors(&file, part->e);
    return projector_end(p, &file, part->vectors);
}

static kt_status projector_write_labels(const projector *p, const projector_part *part)
{
    if (!part->e->labels) return KT_OK;
    kt_new_file file = projector_begin(p, part->labels);
    projector_add_labels(&file, part->e);
    return projector_end(p, &file, part->labels);
}

static kt_status projector_write_sprite(const projector *p, const projector_part *part)
{
    const kt_images *m = part->e->thumbnails;
    kt_png png;
    if (!m) return KT_OK;
    kt_image_range range = kt_images_range(m, 0, m->scale_each ? 0 : m->count);
    if (!kt_images_png(p->a, m, &part->grid, range, &png)) return projector_fail_memory(p);
    kt_new_file file = projector_begin(p, part->sprite);
    kt_new_file_add(&file, png.bytes, png.size);
    p->a->release(png.bytes, p->a->user);
    return projector_end(p, &file, part->sprite);
}

/* ---- The configuration ----------------------------------------------------------------------- */

/* Whether a tensor of the old configuration is written anew. */
static bool projector_replaces(const projector *p, char *name)
{
    size_t n = strlen(name);
    if (n > 2 && strcmp(name + n - 2, ":0") == 0) name[n - 2] = '\0';
    for (int64_t i = 0; i < p->c.count; i++)
        if (strcmp(p->parts[i].name, name) == 0) return true;
    return false;
}

/* Walks through the old configuration; writes what stays of it unless file is NULL. False when it is none. */
static bool projector_keep_old(const projector *p, kt_new_file *file)
{
    char name[4096];
    size_t at = 0, from, to;
    bool entry;
    int found = 0;
    while (p->old && (found = kt_projector_next(p->old, p->old_size, &at, &from, &to, &entry, name, sizeof name)) > 0) {
        if (!file || (entry && projector_replaces(p, name))) continue;
        kt_new_file_add(file, p->old + from, to - from);
        kt_new_file_text(file, "\n");
    }
    return found == 0;
}

static kt_status projector_write_config(const projector *p)
{
    kt_new_file file = projector_begin(p, projector_file_name);
    projector_keep_old(p, &file);
    for (int64_t i = 0; i < p->c.count; i++) {
        const projector_part *part = &p->parts[i];
        const kt_images *m = part->e->thumbnails;
        kt_projector_entry entry = { .tensor_name = part->name,
                                     .tensor_path = part->vectors,
                                     .metadata_path = part->e->labels ? part->labels : part->e->metadata_file,
                                     .image_path = m ? part->sprite : NULL,
                                     .rows = part->e->rows,
                                     .columns = part->e->columns,
                                     .image_width = m ? m->width : 0,
                                     .image_height = m ? m->height : 0 };
        kt_projector_add_entry(&file, &entry);
    }
    return projector_end(p, &file, projector_file_name);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static kt_status projector_make_directory(const projector *p)
{
    char *scratch = p->a->allocate(strlen(p->c.logdir) + 1, p->a->user);
    if (!scratch) return projector_fail_memory(p);
    int error = kt_file_make_directory(p->c.logdir, scratch);
    p->a->release(scratch, p->a->user);
    return error ? projector_fail_io(p, "make the directory", "", error) : KT_OK;
}

static kt_status projector_read_old(projector *p)
{
    int error = kt_read_file(p->a, p->c.logdir, projector_file_name, PROJECTOR_CONFIG_MAX, &p->old, &p->old_size);
    if (error) return projector_fail_io(p, "read", projector_file_name, error);
    if (projector_keep_old(p, NULL)) return KT_OK;
    return projector_fail(p->c.error, KT_ERR_FORMAT,
                          "kt_projector_write: expected the text form of a ProjectorConfig in \"%s/%s\", got something "
                          "else; "
                          "nothing was changed: mend or remove the file",
                          projector_logdir(p), projector_file_name);
}

static kt_status projector_write(projector *p)
{
    size_t bytes = (size_t)p->c.count * sizeof *p->parts;
    p->parts = p->a->allocate(bytes + 1, p->a->user);
    if (!p->parts) return projector_fail_memory(p);
    memset(p->parts, 0, bytes);

    kt_status status = projector_check(p);
    if (status == KT_OK) status = projector_make_directory(p);
    if (status == KT_OK) status = projector_read_old(p);
    for (int64_t i = 0; i < p->c.count && status == KT_OK; i++) {
        status = projector_write_vectors(p, &p->parts[i]);
        if (status == KT_OK) status = projector_write_labels(p, &p->parts[i]);
        if (status == KT_OK) status = projector_write_sprite(p, &p->parts[i]);
    }
    return status == KT_OK ? projector_write_config(p) : status;
}

kt_status kt_projector_write_with(const kt_projector_config *config)
{
    kt_projector_config c = { 0 };
    if (!config) return KT_ERR_VALUE;
    memcpy(&c, config, config->size > 0 && config->size < sizeof c ? config->size : sizeof c);
    if (c.error) *c.error = (kt_events_error){ .status = KT_OK };
    if (!c.logdir || !c.logdir[0] || strlen(c.logdir) > PROJECTOR_PATH_MAX)
        return projector_fail(c.error, KT_ERR_VALUE,
                              "kt_projector_write: expected a directory, got %s; name the run's directory",
                              c.logdir && c.logdir[0] ? "a path that is too long" : "none");
    if (c.count < 0 || c.count > PROJECTOR_COUNT_MAX || (c.count > 0 && !c.embeddings))
        return projector_fail(c.error, KT_ERR_VALUE,
                              "kt_projector_write: expected 0 to %d embeddings, got %lld%s; pass an array and its "
                              "length",
                              PROJECTOR_COUNT_MAX, (long long)c.count, c.embeddings ? "" : " at NULL");
    if (!c.allocator.allocate != !c.allocator.resize || !c.allocator.allocate != !c.allocator.release)
        return projector_fail(c.error, KT_ERR_VALUE,
                              "kt_projector_write: expected all three functions of the allocator or none, got some; "
                              "give the "
                              "missing ones");
    c.allocator = kt_allocator_or_host(&c.allocator);

    projector p = { .c = c, .a = &c.allocator };
    kt_status status = projector_write(&p);
    p.a->release(p.old, p.a->user);
    p.a->release(p.parts, p.a->user);
    return status;
}
