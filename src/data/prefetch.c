/* SPDX-License-Identifier: MIT */
/* data/prefetch.c: see prefetch.h.
 *
 * A ring of ahead + 1 slots: slots taken..made-1 are ready or, the first of them, in the consumer's hands. The thread
 * fills slot `made` outside of the lock; nobody else touches it. A change of position gives the ring a new generation:
 * what the thread is filling then is dropped when it comes back, and it begins again with slot 0. All memory is taken
 * when the ring is made, because the context's heap belongs to the consumer's thread; both sides sleep on conditions,
 * neither spins.
 */
#define _POSIX_C_SOURCE 200809L

#include "data/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct kt_prefetch {
    kt_context *kt;
    const kt_batcher *batcher;
    unsigned char *ring;
    uint64_t slots;
    kt_order order;       /* the thread's; the consumer's where there is no thread */
    int64_t epoch, index; /* the consumer's: what it will ask for next if nothing was sought */
    bool tried, running;  /* was a thread asked for; is there one */
    pid_t process;        /* in which */
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t ready, room;
    bool stop, held;
    uint64_t generation, made, taken;
    int64_t make_epoch, make_index;
};

static void advance(const kt_batcher *batcher, int64_t *epoch, int64_t *index)
{
    if (++*index < batcher->batches) return;
    *index = 0;
    ++*epoch;
}

static void *prefetch_main(void *arg)
{
    kt_prefetch *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->made - p->taken == p->slots) pthread_cond_wait(&p->room, &p->lock);
        if (p->stop) break;
        uint64_t generation = p->generation, slot = p->made % p->slots;
        int64_t epoch = p->make_epoch, index = p->make_index;
        pthread_mutex_unlock(&p->lock);
        kt_batcher_gather(p->batcher, &p->order, epoch, index, p->ring + slot * p->batcher->bytes);
        pthread_mutex_lock(&p->lock);
        if (generation != p->generation) continue;
        p->made++;
        advance(p->batcher, &p->make_epoch, &p->make_index);
        pthread_cond_signal(&p->ready);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Under the lock, or before there is a thread. */
static void begin_at(kt_prefetch *p, int64_t epoch, int64_t index)
{
    p->generation++;
    p->made = p->taken = 0;
    p->held = false;
    p->make_epoch = epoch;
    p->make_index = index;
}

/* Makes the thread of this process. In a forked child the parent's lock may be held by a thread that is not there:
 * everything is made new. */
static void start(kt_prefetch *p, int64_t epoch, int64_t index)
{
    p->tried = true;
    p->running = false;
    p->process = getpid();
    p->stop = false;
    p->order.epoch = -1;
    p->epoch = epoch;
    p->index = index;
    begin_at(p, epoch, index);
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_mutex_init(&p->lock, NULL) != 0) return;
    if (pthread_cond_init(&p->ready, NULL) != 0) goto no_ready;
    if (pthread_cond_init(&p->room, NULL) != 0) goto no_room;
    if (pthread_sigmask(SIG_SETMASK, &all, &before) == 0) {
        p->running = pthread_create(&p->thread, NULL, prefetch_main, p) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (p->running) return;
    kt_remark(p->kt, "dataset: the system gave no thread for prefetching; batches are made when they are asked for");
    pthread_cond_destroy(&p->room);
no_room:
    pthread_cond_destroy(&p->ready);
no_ready:
    pthread_mutex_destroy(&p->lock);
}

kt_prefetch *kt_prefetch_new(kt_context *kt, const kt_batcher *batcher, int ahead)
{
    kt_prefetch *p = kt_take_zeroed(kt, 1, sizeof *p);
    if (!p) return NULL;
    p->kt = kt;
    p->batcher = batcher;
    p->slots = (uint64_t)ahead + 1;
    size_t ring, order;
    if (kt_mul_size(batcher->bytes, (size_t)ahead + 1, &ring)) p->ring = kt_heap_take_aligned(&kt->heap, ring);
    if (kt_mul_size((size_t)batcher->rows, sizeof *p->order.row, &order)) p->order.row = kt_heap_take(&kt->heap, order);
    if (p->ring && p->order.row) return p;
    kt_no_memory(kt);
    kt_prefetch_free(p);
    return NULL;
}

void kt_prefetch_free(kt_prefetch *p)
{
    if (!p) return;
    if (p->running && p->process == getpid()) {
        pthread_mutex_lock(&p->lock);
        p->stop = true;
        pthread_cond_signal(&p->room);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
        pthread_cond_destroy(&p->room);
        pthread_cond_destroy(&p->ready);
        pthread_mutex_destroy(&p->lock);
    }
    kt_heap_give_aligned(&p->kt->heap, p->ring);
    kt_give(p->kt, p->order.row);
    kt_give(p->kt, p);
}

const unsigned char *kt_prefetch_take(kt_prefetch *p, int64_t epoch, int64_t index)
{
    if (!p->tried || p->process != getpid()) start(p, epoch, index);
    bool sought = epoch != p->epoch || index != p->index;
    p->epoch = epoch;
    p->index = index;
    advance(p->batcher, &p->epoch, &p->index);
    if (!p->running) {
        kt_batcher_gather(p->batcher, &p->order, epoch, index, p->ring);
        return p->ring;
    }
    pthread_mutex_lock(&p->lock);
    if (p->held) {
        p->held = false;
        p->taken++;
        pthread_cond_signal(&p->room);
    }
    if (sought && !(p->make_epoch == epoch && p->make_index == index && p->made == p->taken)) {
        begin_at(p, epoch, index);
        pthread_cond_signal(&p->room);
    }
    while (p->made == p->taken) pthread_cond_wait(&p->ready, &p->lock);
    const unsigned char *batch = p->ring + p->taken % p->slots * p->batcher->bytes;
    p->held = true;
    pthread_mutex_unlock(&p->lock);
    return batch;
}
