/* SPDX-License-Identifier: MIT */
/* tests/summary/test_queue.c: the blocks of a queue, and where their memory comes from and goes.
 *
 * The queue is tested alone, with an allocator that counts and fails on request; then a whole log,
 * to see that a quiet one allocates nothing, and that only callers ever allocate.
 */
#define _GNU_SOURCE 1

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "events_reader.h"
#include "summary/event.h"
#include "summary/queue.h"
#include "summary/writer.h"

static struct {
    int left, held, taken;
    pthread_t caller;
    bool strangers; /* another thread than the caller came */
} memory;

static void *memory_allocate(size_t bytes, void *user)
{
    (void)user;
    if (!pthread_equal(pthread_self(), memory.caller)) memory.strangers = true;
    if (memory.left-- <= 0) return NULL;
    memory.held++;
    memory.taken++;
    return malloc(bytes);
}

static void *memory_resize(void *old, size_t bytes, void *user)
{
    (void)user;
    memory.taken++;
    return realloc(old, bytes);
}

static void memory_release(void *block, void *user)
{
    (void)user;
    if (!pthread_equal(pthread_self(), memory.caller)) memory.strangers = true;
    if (block) memory.held--;
    free(block);
}

static kt_allocator memory_begin(int left)
{
    memory.left = left;
    memory.held = memory.taken = 0;
    memory.strangers = false;
    memory.caller = pthread_self();
    return (kt_allocator){ memory_allocate, memory_resize, memory_release, NULL };
}

/* Pushes a sealed record of so many bytes, whose first payload byte is `mark`. */
static kt_room push(kt_queue *queue, size_t size, unsigned char mark)
{
    kt_room room = kt_queue_reserve(queue, size);
    if (room != KT_ROOM_FOUND) return room;
    assert_true(kt_queue_room_end(queue) - kt_queue_end(queue) >= (ptrdiff_t)size);
    unsigned char *record = kt_queue_end(queue);
    memset(record, mark, size);
    kt_record_seal(record, size - KT_RECORD_FRAME);
    kt_queue_push(queue, size);
    return room;
}

static int first_mark(const kt_block *block)
{
    return block->bytes[block->begin + KT_RECORD_HEAD];
}

/* Takes one block, and brings it back with its first records done. */
static kt_block *take(kt_queue *queue, bool growing_too)
{
    kt_block *block = kt_queue_take(queue, growing_too, 0);
    if (block) assert_null(block->next);
    return block;
}

static void give(kt_queue *queue, kt_block *block, size_t written, int64_t records)
{
    kt_block_written(block, written, records);
    kt_queue_return(queue, block, written, records);
}

static void give_done(kt_queue *queue, kt_block *block)
{
    give(queue, block, block->used - block->begin, block->records);
}

static void test_order(void **state)
{
    (void)state;
    kt_queue q = { .block_bytes = 1000, .limit = 10000, .allocator = memory_begin(100) };
    assert_null(take(&q, true));
    for (int i = 0; i < 25; i++) assert_int_equal(push(&q, 100, (unsigned char)i), KT_ROOM_FOUND);
    assert_true(q.grown);
    assert_int_equal(q.bytes, 2500);
    kt_block *a = take(&q, false), *b = take(&q, false);
    assert_int_equal(first_mark(a), 0);
    assert_int_equal(first_mark(b), 10);
    assert_null(take(&q, false));    /* the one that grows */
    assert_int_equal(q.bytes, 2500); /* what is being written counts still */
    give(&q, b, 0, 0);
    give(&q, a, 300, 3); /* partly done: both stand at the head again, in order */
    assert_int_equal(q.bytes, 2200);
    assert_int_equal(q.settled, 3);
    a = take(&q, true);
    assert_int_equal(first_mark(a), 3);
    assert_int_equal(a->records, 7);
    give_done(&q, a);
    b = take(&q, true);
    kt_block *c = take(&q, true);
    assert_int_equal(first_mark(c), 20);
    assert_null(take(&q, true));
    give_done(&q, b);
    give(&q, c, 100, 1); /* becomes the one that grows */
    assert_int_equal(push(&q, 100, 77), KT_ROOM_FOUND);
    assert_ptr_equal(q.first, c);
    assert_ptr_equal(q.last, c);
    assert_int_equal(q.pushed - q.settled, 5);
    kt_queue_free(&q);
    assert_int_equal(memory.held, 0);
}

/* Several blocks at once: as many as were asked for, and back in their order, the empty ones apart. */
static void test_chains(void **state)
{
    (void)state;
    kt_queue q = { .block_bytes = 1000, .limit = 100000, .allocator = memory_begin(100) };
    for (int i = 0; i < 75; i++) push(&q, 100, (unsigned char)i);
    kt_block *chain = kt_queue_take(&q, true, 3999); /* 4,000 bytes would be too many */
    int blocks = 0;
    for (kt_block *block = chain; block; block = block->next) assert_int_equal(first_mark(block), 10 * blocks++);
    assert_int_equal(blocks, 3);
    kt_block_written(chain, 1000, 10);
    kt_block_written(chain->next, 500, 5);
    for (int i = 75; i < 85; i++) push(&q, 100, (unsigned char)i);
    kt_queue_return(&q, chain, 1500, 15);
    assert_int_equal(q.bytes, 7000);
    chain = kt_queue_take(&q, false, SIZE_MAX);
    assert_int_equal(first_mark(chain), 15);
    assert_int_equal(first_mark(chain->next), 20);
    for (blocks = 0; chain; blocks++) {
        kt_block *next = chain->next;
        chain->next = NULL;
        give_done(&q, chain);
        chain = next;
    }
    assert_int_equal(blocks, 7);
    assert_int_equal(q.bytes, 500);
    chain = kt_queue_take(&q, true, SIZE_MAX);
    assert_int_equal(first_mark(chain), 80);
    assert_null(q.first);
    assert_null(q.last);
    kt_queue_return(&q, chain, 0, 0);
    assert_ptr_equal(q.last, chain);
    kt_queue_free(&q);
    assert_int_equal(memory.held, 0);
}

static void test_limit(void **state)
{
    (void)state;
    kt_queue q = { .block_bytes = 1000, .limit = 3000, .allocator = memory_begin(100) };
    assert_int_equal(push(&q, 5000, 1), KT_ROOM_FOUND); /* alone, any size goes */
    assert_int_equal(push(&q, 100, 2), KT_ROOM_FULL);
    assert_int_equal(kt_queue_drop_oldest(&q, 100), 1);
    for (int i = 0; i < 30; i++) assert_int_equal(push(&q, 100, (unsigned char)i), KT_ROOM_FOUND);
    assert_int_equal(push(&q, 100, 30), KT_ROOM_FULL);
    kt_block *writing = take(&q, false);
    assert_int_equal(kt_queue_drop_oldest(&q, 250), 3); /* not those that are being written */
    assert_int_equal(push(&q, 250, 31), KT_ROOM_FOUND);
    assert_int_equal(kt_queue_drop_oldest(&q, 3001), 0); /* would never fit: nothing is dropped for it */
    assert_int_equal(kt_queue_drop_oldest(&q, SIZE_MAX), 0);
    assert_int_equal(push(&q, SIZE_MAX, 0), KT_ROOM_FULL);
    kt_block *next = take(&q, true);
    assert_int_equal(first_mark(next), first_mark(writing) + (int)writing->records + 3);
    give(&q, next, 0, 0);
    give_done(&q, writing);
    assert_true(kt_queue_drop_oldest(&q, 3000) > 10);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(q.pushed, q.settled);
    kt_queue_free(&q);
    assert_int_equal(memory.held, 0);
}

/* After a jam the spares go back to the host, a few with each block; in rest nothing is allocated. */
static void test_spares(void **state)
{
    (void)state;
    kt_queue q = { .block_bytes = 1000, .limit = 1 << 20, .allocator = memory_begin(1000) };
    for (int i = 0; i < 1000; i++) push(&q, 100, 1);
    assert_int_equal(memory.held, 100);
    for (kt_block *block; (block = take(&q, true));) give_done(&q, block);
    assert_int_equal(memory.held, 100);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 10; i++) assert_int_equal(push(&q, 100, 1), KT_ROOM_FOUND);
        give_done(&q, take(&q, true));
    }
    assert_in_range(memory.held, 1, 6);
    memory.left = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 10; i++) assert_int_equal(push(&q, 100, 1), KT_ROOM_FOUND);
        give_done(&q, take(&q, true));
    }
    assert_int_equal(push(&q, 2000, 1), KT_ROOM_NO_MEMORY); /* and no block of the usual size is lost by that */
    assert_int_equal(push(&q, 900, 1), KT_ROOM_FOUND);
    kt_queue_free(&q);
    assert_int_equal(memory.held, 0);
}

/* Large records find the block of the last one again. */
static void test_large(void **state)
{
    (void)state;
    kt_queue q = { .block_bytes = 1000, .limit = 1 << 20, .allocator = memory_begin(1000) };
    for (int round = 0; round < 50; round++) {
        assert_int_equal(push(&q, 100, 1), KT_ROOM_FOUND);
        assert_int_equal(push(&q, 5000 - (size_t)round, 2), KT_ROOM_FOUND);
        for (kt_block *block; (block = take(&q, true));) give_done(&q, block);
    }
    assert_int_equal(memory.taken, 2);
    kt_queue_free(&q);
    assert_int_equal(memory.held, 0);
}

/* A log whose memory ends after so many allocations, with its thread: each call says what became of
 * its record, and the counts are right. */
static void test_log_without_memory(void **state)
{
    (void)state;
    char dir[64], path[512];
    reader_make_dir(dir);
    for (int allowed = 0; allowed < 12; allowed++) {
        kt_allocator allocator = memory_begin(allowed);
        kt_events *log = kt_events_open(dir, .buffer_bytes = 4096, .allocator = allocator);
        if (!log) {
            assert_true(allowed < 4);
            assert_int_equal(memory.held, 0);
            continue;
        }
        assert_true(allowed >= 4);
        strcpy(path, kt_events_path(log));
        int accepted = 0;
        for (int step = 1; step <= 500; step++) {
            kt_status status = kt_events_scalar(log, step % 2 ? "a" : "b", 1, step);
            assert_true(status == KT_OK || status == KT_ERR_MEMORY);
            accepted += status == KT_OK;
        }
        assert_int_equal(kt_events_dropped(log), 500 - accepted);
        assert_int_equal(kt_events_close(log), accepted == 500 ? KT_OK : KT_ERR_IO);
        assert_int_equal(reader_count(path, NULL), accepted + 1);
        assert_int_equal(memory.held, 0);
        assert_false(memory.strangers);
    }
    reader_remove(dir);
}

/* A log that its disk keeps up with takes no memory after its first records. */
static void test_log_at_rest(void **state)
{
    (void)state;
    char dir[64];
    reader_make_dir(dir);
    kt_events *log = kt_events_open(dir, .buffer_bytes = 4096, .rotate_bytes = 50000, .allocator = memory_begin(1000));
    int taken = 0;
    for (int64_t step = 0; step < 3000; step++) {
        assert_int_equal(kt_events_scalar(log, "a", 1, step), KT_OK);
        assert_int_equal(kt_events_histogram(log, "h", (float[]){ 1, 2 }, 2, step), KT_OK);
        if (step % 2 == 1) assert_int_equal(kt_events_flush(log), KT_OK);
        if (step == 0) taken = memory.taken;
    }
    assert_int_equal(memory.taken, taken);
    assert_false(memory.strangers);
    assert_int_equal(kt_events_close(log), KT_OK);
    assert_int_equal(memory.held, 0);
    reader_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_spares),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_log_without_memory),
        cmocka_unit_test(test_log_at_rest),
    };
    return cmocka_run_group_tests_name("summary/queue", tests, NULL, NULL);
}
