/* SPDX-License-Identifier: MIT */
/* summary/kinds/trace.c: collecting spans.
 *
 * Arrays grow by half their size through the host's allocator, up to the limits of the configuration. A span that finds
 * no room, for itself, its texts or its arguments, is dropped whole and counted: what was taken for it before stays
 * unused. Nothing here reads a clock: a trace holds what it is told.
 *
 * Texts are kept as they came; the writers of files repair what is not UTF-8.
 */
#include "summary/kinds/trace.h"

#include <string.h>

#include "base/host.h"
#include "summary/tags.h"

enum { TRACE_SPANS = 200000, TRACE_TEXTS = 16 << 20, TRACE_ROWS = 4096 };

/* The array with room for `more` elements, one at least, behind n, of which it may have `most`. NULL: there is none, and
 * the array is as it was. */
static void *trace_reserve(kt_trace *t, void *array, size_t n, size_t more, size_t *room, size_t most, size_t width)
{
    if (more <= *room - n) return array;
    if (n > most || more > most - n) return NULL;
    size_t wanted = n + more, grown = *room + *room / 2 + 64;
    if (grown > most) grown = most;
    if (grown < wanted) grown = wanted;
    void *larger = t->allocator.resize(array, grown * width, t->allocator.user);
    if (larger) *room = grown;
    return larger;
}

/* ---- Texts ------------------------------------------------------------------------------------- */

static kt_trace_place *trace_find(kt_trace_place *places, size_t room, uint64_t hash, const char *texts,
                                  const char *text)
{
    size_t at = (size_t)hash & (room - 1);
    while (places[at].used && (places[at].hash != hash || strcmp(texts + places[at].text, text) != 0))
        at = (at + 1) & (room - 1);
    return &places[at];
}

static bool trace_grow_places(kt_trace *t)
{
    size_t room = t->room_places == 0 ? 256 : 2 * t->room_places;
    kt_trace_place *places = t->allocator.allocate(room * sizeof *places, t->allocator.user);
    if (!places) return false;
    memset(places, 0, room * sizeof *places);
    for (size_t i = 0; i < t->room_places; i++)
        if (t->places[i].used) {
            size_t at = (size_t)t->places[i].hash & (room - 1);
            while (places[at].used) at = (at + 1) & (room - 1);
            places[at] = t->places[i];
        }
    t->allocator.release(t->places, t->allocator.user);
    t->places = places;
    t->room_places = room;
    return true;
}

/* Stores a text, unless it is there, and what it is used for. */
static bool trace_text(kt_trace *t, const char *text, unsigned char role, kt_trace_text *place)
{
    size_t n = text ? strlen(text) : 0;
    char *texts = trace_reserve(t, t->texts, t->n_texts, n + 1, &t->room_texts, t->max_texts, 1);
    if (!texts) return false;
    t->texts = texts;
    if (t->n_places >= t->room_places / 2 && !trace_grow_places(t)) return false;

    char *to = t->texts + t->n_texts; /* becomes part of the texts only if it is new */
    if (n > 0) memcpy(to, text, n);
    to[n] = '\0';
    uint64_t hash = kt_tags_hash(to, n);
    kt_trace_place *found = trace_find(t->places, t->room_places, hash, t->texts, to);
    if (!found->used) {
        *found = (kt_trace_place){ .hash = hash, .text = (kt_trace_text)t->n_texts, .used = 1 };
        t->n_texts += n + 1;
        t->n_places++;
    }
    found->roles = (unsigned char)(found->roles | role);
    *place = found->text;
    return true;
}

/* ---- Life -------------------------------------------------------------------------------------- */

kt_trace *kt_trace_new_with(const kt_trace_config *config)
{
    kt_trace_config c = { 0 };
    if (config) memcpy(&c, config, config->size > 0 && config->size < sizeof c ? config->size : sizeof c);
    c.allocator = kt_allocator_or_host(&c.allocator);
    kt_trace *t = c.allocator.allocate(sizeof *t, c.allocator.user);
    if (!t) return NULL;
    *t = (kt_trace){ .allocator = c.allocator, .epoch = c.epoch_ns };
    int64_t spans = c.max_spans > 0 ? c.max_spans : TRACE_SPANS;
    t->max_spans = spans < INT32_MAX ? (size_t)spans : INT32_MAX;
    t->max_texts = c.max_bytes > 0 ? c.max_bytes : TRACE_TEXTS;
    if (t->max_texts > UINT32_MAX) t->max_texts = UINT32_MAX;
    if (t->max_texts < 4096) t->max_texts = 4096;
    kt_trace_text empty;
    if (trace_text(t, "", KT_TRACE_AS_TEXT, &empty) && trace_text(t, "bytes", KT_TRACE_AS_STAT, &t->bytes) &&
        trace_text(t, "category", KT_TRACE_AS_STAT, &t->category) &&
        trace_text(t, c.process ? c.process : "keratin", KT_TRACE_AS_TEXT, &t->process))
        return t;
    kt_trace_free(t);
    return NULL;
}

void kt_trace_free(kt_trace *t)
{
    if (!t) return;
    kt_allocator a = t->allocator;
    a.release(t->spans, a.user);
    a.release(t->args, a.user);
    a.release(t->rows, a.user);
    a.release(t->texts, a.user);
    a.release(t->places, a.user);
    a.release(t, a.user);
}

void kt_trace_clear(kt_trace *t)
{
    if (!t) return;
    t->n_spans = t->n_args = 0;
    t->dropped = 0;
}

/* ---- Collecting -------------------------------------------------------------------------------- */

/* The row of a thread, made at its first span. */
static kt_trace_row *trace_row(kt_trace *t, int thread)
{
    if (t->last_row < t->n_rows && t->rows[t->last_row].thread == thread) return &t->rows[t->last_row];
    for (t->last_row = 0; t->last_row < t->n_rows; t->last_row++)
        if (t->rows[t->last_row].thread == thread) return &t->rows[t->last_row];
    kt_trace_row *rows = trace_reserve(t, t->rows, t->n_rows, 1, &t->room_rows, TRACE_ROWS, sizeof *rows);
    if (!rows) return NULL;
    t->rows = rows;
    t->rows[t->n_rows] = (kt_trace_row){ .thread = thread };
    return &t->rows[t->n_rows++];
}

static bool trace_add(kt_trace *t, const kt_span *s)
{
    size_t n = (size_t)s->n_args;
    kt_trace_span span = { .start = s->start_ns, .duration = s->duration_ns, .bytes = s->bytes, .thread = s->thread,
                           .first_arg = (uint32_t)t->n_args, .n_args = (uint32_t)n };
    kt_trace_span *spans = trace_reserve(t, t->spans, t->n_spans, 1, &t->room_spans, t->max_spans, sizeof *spans);
    if (!spans) return false;
    t->spans = spans;
    if (n > 0) {
        kt_trace_value *args = trace_reserve(t, t->args, t->n_args, n, &t->room_args, UINT32_MAX, sizeof *args);
        if (!args) return false;
        t->args = args;
    }
    if (!trace_row(t, s->thread) || !trace_text(t, s->name, KT_TRACE_AS_EVENT, &span.name) ||
        !trace_text(t, s->category, KT_TRACE_AS_TEXT, &span.category))
        return false;
    for (size_t i = 0; i < n; i++) {
        const kt_trace_arg *arg = &s->args[i];
        kt_trace_value value = { .number = arg->number, .is_text = arg->text != NULL };
        if (!trace_text(t, arg->name, KT_TRACE_AS_STAT, &value.name) ||
            (arg->text && !trace_text(t, arg->text, KT_TRACE_AS_TEXT, &value.text)))
            return false;
        t->args[t->n_args + i] = value;
    }
    t->n_args += n;
    t->spans[t->n_spans++] = span;
    return true;
}

kt_status kt_trace_add(kt_trace *t, const kt_span *span)
{
    if (!t) return KT_ERR_STATE;
    if (!span || !span->name || !span->name[0] || span->duration_ns < 0 || span->n_args < 0 ||
        span->n_args > KT_SPAN_MAX_ARGS || (span->n_args > 0 && !span->args) ||
        span->start_ns < -(INT64_MAX / 4) || span->start_ns > INT64_MAX / 4 || span->duration_ns > INT64_MAX / 4)
        return KT_ERR_VALUE;
    for (int i = 0; i < span->n_args; i++)
        if (!span->args[i].name || !span->args[i].name[0]) return KT_ERR_VALUE;
    if (trace_add(t, span)) return KT_OK;
    t->dropped++;
    return KT_ERR_MEMORY;
}

kt_status kt_trace_thread(kt_trace *t, int thread, const char *name)
{
    if (!t) return KT_ERR_STATE;
    if (!name) return KT_ERR_VALUE;
    kt_trace_row *row = trace_row(t, thread);
    kt_trace_text text;
    if (!row || !trace_text(t, name, KT_TRACE_AS_TEXT, &text)) return KT_ERR_MEMORY;
    row->name = text;
    return KT_OK;
}

int64_t kt_trace_count(const kt_trace *t)
{
    return t ? (int64_t)t->n_spans : 0;
}

int64_t kt_trace_dropped(const kt_trace *t)
{
    return t ? t->dropped : 0;
}

int64_t kt_trace_first(const kt_trace *t)
{
    int64_t first = t->n_spans > 0 ? t->spans[0].start : 0;
    for (size_t i = 1; i < t->n_spans; i++)
        if (t->spans[i].start < first) first = t->spans[i].start;
    return first;
}
