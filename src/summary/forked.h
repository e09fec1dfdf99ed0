/* SPDX-License-Identifier: MIT */
/* summary/forked.h: whether this process is a child of the one that opened the log.
 *
 * A child gets a copy of the queue with fork(); if it wrote it too, every queued record would stand
 * in the file twice. Asking getpid() at each record is a system call and would cost more than the
 * record. Linux can be told to hand the child a page of zeros instead of a copy: then the question
 * is one load. Elsewhere, or when no page is to be had, getpid() is asked after all.
 */
#ifndef KERATIN_SUMMARY_FORKED_H
#define KERATIN_SUMMARY_FORKED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_fork_guard {
    volatile unsigned char *page; /* begins with 1, in a child with 0; NULL: compare `pid` */
    size_t size;
    long pid;
} kt_fork_guard;

void kt_fork_guard_init(kt_fork_guard *guard);
void kt_fork_guard_free(kt_fork_guard *guard);

/* For the case that the system gives no such page. */
bool kt_fork_guard_pid_differs(const kt_fork_guard *guard);

static inline bool kt_forked(const kt_fork_guard *guard)
{
    return guard->page ? *guard->page == 0 : kt_fork_guard_pid_differs(guard);
}

#endif
