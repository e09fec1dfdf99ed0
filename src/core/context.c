/* SPDX-License-Identifier: MIT */
/* core/context.c: see core/context.h. Knows neither tensors nor layers. */
#include "core/context.h"

#include <stdio.h>
#include <string.h>

kt_context *kt_context_begin(const kt_context_config *config)
{
    kt_heap heap;
    kt_heap_init(&heap, &config->allocator);
    kt_context *kt = kt_heap_zeroed(&heap, 1, sizeof *kt);
    if (!kt) return NULL;
    kt->heap = heap;
    kt->config = *config;
    kt->objects.before = kt->objects.after = &kt->objects;
    kt_arena_init(&kt->texts, &kt->heap, 4096);
    kt->frame.path = "";
    atomic_init(&kt->cancel, 0);
    return kt;
}

void kt_context_end_objects(kt_context *kt)
{
    while (kt->objects.before != &kt->objects) {
        kt_object *last = kt->objects.before;
        kt_disown(last);
        last->release(kt, last);
    }
}

void kt_context_end(kt_context *kt)
{
    kt_arena_free(&kt->texts);
    kt_heap_give(&kt->heap, kt->interned);
    kt_heap heap = kt->heap;
    kt_heap_give(&heap, kt);
}

kt_status kt_error(const kt_context *kt)
{
    return kt ? kt->status : KT_ERR_VALUE;
}

const char *kt_message(const kt_context *kt)
{
    return kt ? kt->message : "no context was given (NULL)";
}

void kt_clear_error(kt_context *kt)
{
    if (!kt) return;
    kt->status = KT_OK;
    kt->message[0] = 0;
}

static kt_status keep_error(kt_context *kt, kt_status status, const char *where, const char *what,
                            const char *format, va_list args)
{
    if (kt->status != KT_OK) return kt->status; /* the first error is the cause of the others */
    kt_text text = kt_text_in(kt->message, sizeof kt->message);
    if (where && where[0]) kt_text_add(&text, what ? "%s (%s): " : "%s: ", where, what);
    else if (what) kt_text_add(&text, "%s: ", what);
    kt_text_addv(&text, format, args);
    kt->status = status;
    return status;
}

kt_status kt_fail(kt_context *kt, kt_status status, const char *format, ...)
{
    if (!kt) return status;
    va_list args;
    va_start(args, format);
    kt_status kept = keep_error(kt, status, NULL, NULL, format, args);
    va_end(args);
    return kept;
}

kt_status kt_fail_atv(kt_context *kt, kt_status status, const char *what, const char *format, va_list args)
{
    return keep_error(kt, status, kt->frame.path, what, format, args);
}

kt_status kt_fail_at(kt_context *kt, kt_status status, const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kt_status kept = kt_fail_atv(kt, status, what, format, args);
    va_end(args);
    return kept;
}

kt_status kt_fail_name(kt_context *kt, const char *kind, const char *given, const char *const *names)
{
    char buffer[480];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    const char *near = kt_nearest(given, names);
    kt_text_add(&text, "unknown %s '%s': ", kind, given ? given : "(null)");
    if (near) kt_text_add(&text, "did you mean '%s'? ", near);
    kt_text_add(&text, names[0] ? "known:" : "known: none");
    for (int i = 0; names[i]; i++) kt_text_add(&text, "%s %s", i ? "," : "", names[i]);
    return kt_fail_at(kt, KT_ERR_NAME, NULL, "%s", buffer);
}

kt_status kt_no_memory(kt_context *kt)
{
    return kt_fail(kt, KT_ERR_MEMORY, "out of memory: the allocator refused, with %zu bytes in use; "
                                      "give the context more memory or use smaller batches", kt->heap.bytes);
}

void *kt_take(kt_context *kt, size_t bytes)
{
    void *block = kt_heap_take(&kt->heap, bytes);
    if (!block) kt_no_memory(kt);
    return block;
}

void *kt_take_zeroed(kt_context *kt, size_t count, size_t size)
{
    void *block = kt_heap_zeroed(&kt->heap, count, size);
    if (!block) kt_no_memory(kt);
    return block;
}

void kt_give(kt_context *kt, void *block)
{
    kt_heap_give(&kt->heap, block);
}

char *kt_copy_text(kt_context *kt, const char *text)
{
    char *copy = kt_heap_text(&kt->heap, text);
    if (!copy) kt_no_memory(kt);
    return copy;
}

void kt_own(kt_context *kt, kt_object *object, void (*release)(kt_context *kt, kt_object *self))
{
    object->release = release;
    object->before = kt->objects.before;
    object->after = &kt->objects;
    object->before->after = object->after->before = object;
}

void kt_disown(kt_object *object)
{
    if (!object->before) return;
    object->before->after = object->after;
    object->after->before = object->before;
    object->before = object->after = NULL;
}

const char *kt_intern(kt_context *kt, const char *text)
{
    if (!text[0]) return "";
    for (size_t i = kt->n_interned; i-- > 0;)
        if (strcmp(kt->interned[i], text) == 0) return kt->interned[i];
    size_t bytes = strlen(text) + 1;
    char *copy = kt_arena_take(&kt->texts, bytes);
    if (!copy || !kt_grow(&kt->heap, &kt->interned, &kt->interned_capacity, kt->n_interned + 1, sizeof *kt->interned)) {
        kt_no_memory(kt);
        return NULL;
    }
    memcpy(copy, text, bytes);
    return kt->interned[kt->n_interned++] = copy;
}

kt_frame kt_frame_enter(kt_context *kt, const char *path, uint32_t call)
{
    kt_frame outer = kt->frame;
    kt->frame = (kt_frame){ path, call, 0, outer.direction };
    return outer;
}

void kt_frame_leave(kt_context *kt, kt_frame outer)
{
    kt->frame = outer;
}

uint32_t kt_next_stream(kt_context *kt)
{
    uint32_t place[2] = { kt->frame.call, kt->frame.draws++ };
    uint64_t h = kt_hash_bytes(place, sizeof place, kt_hash_bytes(kt->frame.path, strlen(kt->frame.path), 0));
    return (uint32_t)(h ^ (h >> 32));
}

void kt_remark(kt_context *kt, const char *format, ...)
{
    if (!kt->config.log) return;
    char buffer[512];
    kt_text text = kt_text_in(buffer, sizeof buffer);
    va_list args;
    va_start(args, format);
    kt_text_addv(&text, format, args);
    va_end(args);
    kt->config.log(buffer, kt->config.log_user);
}

void kt_say(kt_context *kt, const char *text)
{
    if (kt->config.print) kt->config.print(text, kt->config.print_user);
}

void kt_cancel(kt_context *kt)
{
    if (kt) atomic_store_explicit(&kt->cancel, 1, memory_order_relaxed);
}

bool kt_cancelled(kt_context *kt)
{
    if (!atomic_load_explicit(&kt->cancel, memory_order_relaxed)) return false;
    atomic_store_explicit(&kt->cancel, 0, memory_order_relaxed);
    return true;
}

kt_memory_use kt_memory(const kt_context *kt)
{
    if (!kt) return (kt_memory_use){ 0, 0, 0 };
    return (kt_memory_use){ kt->heap.bytes, kt->heap.peak, kt->heap.allocations };
}

int kt_threads(const kt_context *kt)
{
    return kt ? kt->config.threads : 0;
}

kt_dtype kt_floatx(const kt_context *kt)
{
    return kt ? kt->config.floatx : KT_FLOAT32;
}
