/* SPDX-License-Identifier: MIT */
/* summary/kinds/build.c: see build.h: encode, and again with more room.
 *
 * The growing block is released and allocated anew rather than resized: nothing in it is worth copying. An encoder's
 * room ends at a limit, so that a size that no memory could hold ends in a sentence and not in an overflow.
 */
#include "summary/kinds/build.h"

#include "base/utf8.h"

static const size_t build_first = (size_t)64 << 10, build_most = (size_t)256 << 20;

static bool build_try(kt_encoder *encode, const void *what, unsigned char *room, size_t size, kt_built *built)
{
    kt_wire w = { room, room + size, false };
    encode(&w, what);
    built->bytes = (kt_event_string){ room, (size_t)(w.at - room) };
    return !w.full;
}

kt_status kt_build_in(const kt_allocator *allocator, kt_encoder *encode, const void *what, kt_built *built)
{
    built->block = NULL;
    if (build_try(encode, what, built->small, sizeof built->small, built)) return KT_OK;
    for (size_t size = build_first; size <= build_most; size *= 4) {
        built->block = allocator->allocate(size, allocator->user);
        if (!built->block) return KT_ERR_MEMORY;
        if (build_try(encode, what, built->block, size, built)) return KT_OK;
        allocator->release(built->block, allocator->user);
    }
    return KT_ERR_VALUE;
}

kt_status kt_build(kt_events *log, const char *caller, kt_encoder *encode, const void *what, kt_built *built)
{
    const kt_allocator *allocator = kt_events_allocator(log);
    if (!allocator) return KT_ERR_STATE;
    kt_status status = kt_build_in(allocator, encode, what, built);
    if (status == KT_ERR_MEMORY)
        return kt_events_fail(log, status, "%s: out of memory for the message; free some or log less", caller);
    if (status == KT_ERR_VALUE)
        return kt_events_fail(log, status,
                              "%s: expected a message of at most 256 MiB, which is what TensorBoard transports, got "
                              "more; log less",
                              caller);
    return status;
}

void kt_built_free(kt_events *log, kt_built *built)
{
    const kt_allocator *allocator = kt_events_allocator(log);
    if (allocator && built->block) allocator->release(built->block, allocator->user);
    built->block = NULL;
}

void kt_wire_text_always(kt_wire *w, unsigned field, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    if (n == 0 || kt_utf8_valid(text, n)) {
        kt_wire_bytes(w, field, text, n);
        return;
    }
    if (n > (size_t)(w->end - w->at) / 3) { /* the repaired text may need three times the room */
        w->full = true;
        return;
    }
    kt_wire_mark mark = kt_wire_open(w, field, 3 * n);
    unsigned char *at = kt_wire_take(w, 3 * n);
    if (at) w->at = at + kt_utf8_repair((char *)at, text, n);
    kt_wire_close(w, mark);
}

void kt_wire_text(kt_wire *w, unsigned field, const char *text)
{
    if (text && text[0]) kt_wire_text_always(w, field, text);
}
