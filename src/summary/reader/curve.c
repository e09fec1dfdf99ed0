/* SPDX-License-Identifier: MIT */
/* summary/reader/curve.c: see curve.h. A run's tags stand in an open hash table by their repaired names; a curve and
 * its first 256 points come from the run's pile, longer columns from the store, where large blocks grow without
 * copying.
 */
#include "summary/reader/curve.h"

#include "summary/reader/index.h"
#include "summary/reader/tensor.h"
#include "base/utf8.h"

enum { PILE_ROOM = 256, PATTERN_MOST = 1024 };

/* ---- Names ----------------------------------------------------------------------------------- */

static bool text_is_clean(kt_blob text)
{
    return text.size == 0 || (!memchr(text.bytes, 0, text.size) && kt_utf8_valid(text.bytes, text.size));
}

/* Invalid pieces and zeros become U+FFFD. `to` has room for 3 * size. */
static size_t text_repair(char *to, kt_blob text)
{
    const char *from = text.bytes, *end = from + text.size;
    size_t n = 0;
    while (from < end) {
        const char *zero = memchr(from, 0, (size_t)(end - from));
        size_t piece = (size_t)((zero ? zero : end) - from);
        n += kt_utf8_repair(to + n, from, piece);
        from += piece;
        if (!zero) break;
        memcpy(to + n, "\xEF\xBF\xBD", 3);
        n += 3;
        from++;
    }
    return n;
}

const char *kt_curve_text(kt_run *run, kt_blob text, bool *repaired)
{
    if (text.size == 0) return "";
    if (text_is_clean(text)) return kt_pile_text(&run->pile, text.bytes, text.size);
    *repaired = true;
    if (text.size > SIZE_MAX / 8) return NULL;
    char *scratch = kt_store_take(run->store, text.size * 3);
    if (!scratch) return NULL;
    const char *copy = kt_pile_text(&run->pile, scratch, text_repair(scratch, text));
    kt_store_give(run->store, scratch);
    return copy;
}

static const char *const plugin_names[] = { "scalars", "histograms", "images", "audio",     "text",
                                            "hparams", "graphs",     "mesh",   "pr_curves", "" };

static const char *plugin_text(kt_run *run, kt_blob name)
{
    bool repaired;
    for (size_t i = 0; i < sizeof plugin_names / sizeof *plugin_names; i++)
        if (strlen(plugin_names[i]) == name.size &&
            (name.size == 0 || memcmp(plugin_names[i], name.bytes, name.size) == 0))
            return plugin_names[i];
    return kt_curve_text(run, name, &repaired);
}

static bool plugin_is(const kt_curve *curve, kt_blob name)
{
    return strlen(curve->shown.plugin) == name.size &&
           (name.size == 0 || memcmp(curve->shown.plugin, name.bytes, name.size) == 0);
}

/* What TensorBoard shows a value as that does not say so itself. */
static kt_blob plugin_of(unsigned what)
{
    switch (what) {
    case KT_VALUE_SIMPLE: return (kt_blob){ "scalars", 7 };
    case KT_VALUE_HISTO: return (kt_blob){ "histograms", 10 };
    case KT_VALUE_IMAGE: return (kt_blob){ "images", 6 };
    case KT_VALUE_AUDIO: return (kt_blob){ "audio", 5 };
    default: return (kt_blob){ "", 0 };
    }
}

/* ---- The table ------------------------------------------------------------------------------- */

static uint32_t tag_hash(const char *tag, size_t n)
{
    uint64_t hash = 0xCBF29CE484222325u + n;
    for (; n >= 8; n -= 8, tag += 8) {
        uint64_t word;
        memcpy(&word, tag, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    for (; n > 0; n--) hash = (hash ^ (unsigned char)*tag++) * 0x100000001B3u;
    hash *= 0xD6E8FEB86659FD93u;
    return (uint32_t)(hash >> 32);
}

static kt_curve **table_slot(const kt_run *run, const char *tag, size_t n, uint32_t hash)
{
    size_t i = hash & (run->table_size - 1);
    for (; run->table[i]; i = (i + 1) & (run->table_size - 1)) {
        const kt_curve *curve = run->table[i];
        if (curve->hash == hash && strncmp(curve->shown.tag, tag, n) == 0 && curve->shown.tag[n] == '\0') break;
    }
    return &run->table[i];
}

kt_curve *kt_curve_find(const kt_run *run, const char *tag, size_t n)
{
    return run->table_size ? *table_slot(run, tag, n, tag_hash(tag, n)) : NULL;
}

static bool table_grow(kt_run *run)
{
    if (run->curves + run->curves / 2 < run->table_size) return true;
    size_t size = run->table_size ? run->table_size * 2 : 4;
    kt_curve **table = kt_store_zeroed(run->store, size * sizeof *table), **old = run->table;
    if (!table) return false;
    size_t old_size = run->table_size;
    run->table = table;
    run->table_size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i]) *table_slot(run, old[i]->shown.tag, strlen(old[i]->shown.tag), old[i]->hash) = old[i];
    kt_store_give(run->store, old);
    return true;
}

kt_curve *kt_curve_new(kt_run *run, kt_blob tag, kt_blob plugin, unsigned first)
{
    bool repaired;
    if (!table_grow(run)) return NULL;
    kt_curve *curve = kt_pile_take(&run->pile, sizeof *curve);
    if (!curve) return NULL;
    *curve = (kt_curve){ .run = run, .first = (unsigned char)first };
    curve->shown.run = run->name;
    curve->shown.tag = kt_curve_text(run, tag, &repaired);
    curve->shown.plugin = plugin_text(run, plugin);
    curve->shown.display_name = curve->shown.description = "";
    curve->shown.content = "";
    if (!curve->shown.tag || !curve->shown.plugin) return NULL;
    curve->scalar = plugin_is(curve, (kt_blob){ "scalars", 7 });
    size_t n = strlen(curve->shown.tag);
    curve->hash = tag_hash(curve->shown.tag, n);
    kt_curve **slot = table_slot(run, curve->shown.tag, n, curve->hash);
    if (*slot) return NULL; /* only an index can ask for the same twice */
    *slot = curve;
    run->curves++;
    atomic_fetch_sub(&run->store->limit, KT_LIST_BYTES); /* kept free for the list, which is made when all is read */
    return curve;
}

void kt_run_clear(kt_run *run)
{
    for (size_t i = 0; i < run->table_size; i++)
        if (run->table[i]) kt_curve_release(run->table[i]);
    kt_store_give(run->store, run->table);
    kt_pile_clear(&run->pile);
    run->table = NULL;
    run->table_size = run->curves = 0;
    run->last = NULL;
    run->full = false;
}

/* ---- Columns --------------------------------------------------------------------------------- */

void kt_curve_release(kt_curve *curve)
{
    kt_store *store = curve->run->store;
    if (curve->own_columns) {
        kt_store_give(store, (int64_t *)curve->shown.steps);
        kt_store_give(store, (double *)curve->shown.wall_times);
        kt_store_give(store, (float *)curve->shown.values);
        kt_store_give(store, curve->places);
    }
    curve->shown.steps = NULL;
    curve->shown.wall_times = NULL;
    curve->shown.values = NULL;
    curve->places = NULL;
    curve->own_columns = false;
    curve->room = 0;
}

static bool columns_in_pile(kt_curve *curve, int64_t room)
{
    size_t n = (size_t)room;
    unsigned char *block = kt_pile_take(&curve->run->pile, n * (curve->scalar ? 20 : 32));
    if (!block) return false;
    size_t old = (size_t)curve->shown.count;
    if (old > 0) {
        memcpy(block, curve->shown.steps, old * 8);
        memcpy(block + n * 8, curve->shown.wall_times, old * 8);
        if (curve->scalar) memcpy(block + n * 16, curve->shown.values, old * 4);
        else memcpy(block + n * 16, curve->places, old * sizeof(kt_place));
    }
    curve->shown.steps = (int64_t *)(void *)block;
    curve->shown.wall_times = (double *)(void *)(block + n * 8);
    if (curve->scalar) curve->shown.values = (float *)(void *)(block + n * 16);
    else curve->places = (kt_place *)(void *)(block + n * 16);
    curve->room = room;
    return true;
}

/* One column, from the pile or already in the store, with another room. */
static bool column_resize(kt_curve *curve, const void **column, size_t width, int64_t room)
{
    const void *old = *column;
    void *moved = kt_store_resize(curve->run->store, curve->own_columns ? (void *)old : NULL, (size_t)room * width);
    if (!moved) return false;
    if (!curve->own_columns && old) memcpy(moved, old, (size_t)curve->shown.count * width);
    *column = moved;
    return true;
}

static bool columns_in_store(kt_curve *curve, int64_t room)
{
    if (room > INT64_MAX / 64) return false;
    const void *steps = curve->shown.steps, *walls = curve->shown.wall_times, *values = curve->shown.values,
               *places = curve->places;
    if (!curve->own_columns) { /* all or nothing */
        bool done = column_resize(curve, &steps, 8, room);
        if (!done) return false;
        if (!column_resize(curve, &walls, 8, room)) {
            kt_store_give(curve->run->store, (void *)steps);
            return false;
        }
        done = curve->scalar ? column_resize(curve, &values, 4, room)
                             : column_resize(curve, &places, sizeof(kt_place), room);
        if (!done) {
            kt_store_give(curve->run->store, (void *)steps);
            kt_store_give(curve->run->store, (void *)walls);
            return false;
        }
        curve->own_columns = true;
        curve->room = room;
    } else { /* a column that has grown stays so when another one cannot */
        bool done = column_resize(curve, &steps, 8, room) && column_resize(curve, &walls, 8, room) &&
                    (curve->scalar ? column_resize(curve, &values, 4, room)
                                   : column_resize(curve, &places, sizeof(kt_place), room));
        if (done) curve->room = room;
        else if (room < curve->room) curve->room = room; /* some have shrunk */
    }
    curve->shown.steps = steps;
    curve->shown.wall_times = walls;
    curve->shown.values = values;
    curve->places = (kt_place *)places;
    return curve->room == room;
}

bool kt_curve_columns(kt_curve *curve, int64_t room)
{
    return room <= PILE_ROOM ? columns_in_pile(curve, room) : columns_in_store(curve, room);
}

bool kt_curve_grow(kt_curve *curve)
{
    if (curve->stored && !kt_index_load(curve)) return false;
    int64_t room = curve->room;
    if (curve->shown.count < room) return true;
    room = room < PILE_ROOM ? (room ? room * 4 : 1) : room < 65536 ? room + room / 2 : room + room / 4;
    return kt_curve_columns(curve, room);
}

void kt_curve_trim(kt_curve *curve)
{
    if (!curve->own_columns || curve->room - curve->shown.count <= curve->room / 16) return;
    (void)columns_in_store(curve, curve->shown.count > 0 ? curve->shown.count : 1);
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Copies what the first value says about its tag. */
static bool curve_describe(kt_curve *curve, const kt_value_view *value)
{
    bool repaired;
    kt_run *run = curve->run;
    curve->shown.display_name = kt_curve_text(run, value->display_name, &repaired);
    curve->shown.description = kt_curve_text(run, value->description, &repaired);
    if (value->content.size > 0) {
        curve->shown.content = kt_pile_text(&run->pile, value->content.bytes, value->content.size);
        curve->shown.content_size = value->content.size;
    }
    return curve->shown.display_name && curve->shown.description && curve->shown.content;
}

/* Finds the curve, by the repaired name where the tag is not clean. */
static bool curve_look(kt_run *run, kt_blob tag, kt_curve **curve, bool *clean)
{
    *clean = text_is_clean(tag);
    if (*clean) {
        *curve = kt_curve_find(run, tag.size ? tag.bytes : "", tag.size);
        return true;
    }
    char *scratch = tag.size < SIZE_MAX / 8 ? kt_store_take(run->store, tag.size * 3) : NULL;
    if (!scratch) return false;
    *curve = kt_curve_find(run, scratch, text_repair(scratch, tag));
    kt_store_give(run->store, scratch);
    return true;
}

kt_curve *kt_curve_look(kt_run *run, kt_blob tag)
{
    kt_curve *curve;
    bool clean;
    return curve_look(run, tag, &curve, &clean) ? curve : NULL;
}

static bool curve_push_place(kt_curve *curve, const kt_point *point)
{
    if (curve->shown.count >= curve->room && !kt_curve_grow(curve)) return false;
    if (curve->shown.count > 0 && point->step <= curve->shown.steps[curve->shown.count - 1])
        kt_curve_restart(curve, point->step);
    int64_t n = curve->shown.count++;
    ((int64_t *)curve->shown.steps)[n] = point->step;
    ((double *)curve->shown.wall_times)[n] = point->wall_time;
    curve->places[n] = point->place;
    curve->run->added++;
    return true;
}

/* Remembers what the summary looks like and which tag came before. */
static void curve_learn(kt_curve *curve, kt_blob suffix, const unsigned char *number)
{
    kt_run *run = curve->run;
    if (run->last) run->last->next = curve;
    run->last = curve;
    if (!number || suffix.size == 0 || suffix.size > PATTERN_MOST || curve->shown.count < 2) return;
    if (suffix.size > curve->pattern_room) {
        unsigned char *larger = kt_pile_take(&run->pile, suffix.size);
        if (!larger) return; /* the long way works, too */
        curve->pattern = larger;
        curve->pattern_room = (uint16_t)suffix.size;
    }
    memcpy(curve->pattern, suffix.bytes, suffix.size);
    curve->pattern_size = (uint16_t)suffix.size;
    curve->pattern_value = (uint16_t)(number - (const unsigned char *)suffix.bytes);
}

/* The value of a scalar; false: it is not one number. */
static bool value_number(const kt_value_view *value, float *number, const unsigned char **at)
{
    double wide;
    *at = value->simple_at;
    *number = value->simple;
    if (value->what == KT_VALUE_SIMPLE) return true;
    if (value->what != KT_VALUE_TENSOR || !kt_tensor_scalar(value->pieces, &wide, at)) return false;
    *number = (float)wide;
    return true;
}

bool kt_curve_fits(const kt_curve *curve, const kt_value_view *value)
{
    if (value->plugin.size > 0) return plugin_is(curve, value->plugin);
    if (value->what == curve->first || value->what == KT_VALUE_TENSOR) return true;
    return plugin_is(curve, plugin_of(value->what));
}

kt_status kt_curve_take(kt_run *run, const kt_value_view *value, const kt_point *point, kt_blob suffix,
                        kt_trouble_code *trouble)
{
    kt_curve *curve;
    bool clean;
    *trouble = KT_TROUBLE_COUNT;
    if (value->what == KT_VALUE_NONE && value->plugin.size == 0) return KT_OK; /* nothing is there */
    if (!curve_look(run, value->tag, &curve, &clean)) return KT_ERR_MEMORY;
    kt_blob plugin = value->plugin.size > 0 ? value->plugin : plugin_of(value->what);
    if (curve && !kt_curve_fits(curve, value)) {
        if (!curve->told_mixed) *trouble = KT_TROUBLE_MIXED;
        curve->told_mixed = curve->shown.mixed = true;
        return KT_OK;
    }
    bool scalar = curve ? curve->scalar : plugin.size == 7 && memcmp(plugin.bytes, "scalars", 7) == 0;
    float number = 0;
    const unsigned char *number_at = NULL;
    if (scalar && !value_number(value, &number, &number_at)) {
        if (!curve || !curve->told_number) *trouble = KT_TROUBLE_NUMBER;
        if (curve) curve->told_number = true;
        return KT_OK;
    }
    if (!curve) {
        curve = kt_curve_new(run, value->tag, plugin, value->what);
        if (!curve || !curve_describe(curve, value)) return KT_ERR_MEMORY;
        if (!clean) *trouble = KT_TROUBLE_TAG;
    }
    if (scalar ? !kt_curve_push(curve, point->wall_time, point->step, number) : !curve_push_place(curve, point))
        return KT_ERR_MEMORY;
    curve_learn(curve, suffix, scalar ? number_at : NULL);
    return KT_OK;
}

kt_status kt_curve_take_event(kt_run *run, const kt_event_view *event, const kt_point *point, kt_trouble_code *trouble)
{
    kt_blob tag = { KT_RUN_GRAPH_TAG, sizeof KT_RUN_GRAPH_TAG - 1 }, plugin = { "graphs", 6 }, bytes;
    kt_curve *curve;
    bool clean, meta = event->what == KT_EVENT_META_GRAPH;
    *trouble = KT_TROUBLE_COUNT;
    if (event->what == KT_EVENT_TAGGED_METADATA) {
        if (!kt_tagged_metadata(event->pieces, &tag, &bytes)) {
            *trouble = KT_TROUBLE_EVENT;
            return KT_OK;
        }
        plugin = (kt_blob){ "graph_tagged_run_metadata", 25 };
    } else if (meta && kt_meta_graph(event->bytes).size == 0) {
        return KT_OK;
    }
    if (!curve_look(run, tag, &curve, &clean)) return KT_ERR_MEMORY;
    if (curve && (curve->first != KT_FIRST_EVENT || !plugin_is(curve, plugin))) {
        if (!curve->told_mixed) *trouble = KT_TROUBLE_MIXED;
        curve->told_mixed = curve->shown.mixed = true;
        return KT_OK;
    }
    if (!curve) {
        curve = kt_curve_new(run, tag, plugin, KT_FIRST_EVENT);
        if (!curve) return KT_ERR_MEMORY;
        curve->from_meta = meta;
        if (!clean) *trouble = KT_TROUBLE_TAG;
    }
    if (meta && !curve->from_meta) return KT_OK; /* a graph itself is worth more than the one in a meta graph */
    if (!meta && curve->from_meta) curve->shown.count = 0;
    curve->from_meta = meta;
    return curve_push_place(curve, point) ? KT_OK : KT_ERR_MEMORY;
}
