/* SPDX-License-Identifier: MIT */
/* summary/forked.c: one page that a child finds wiped.
 *
 * The page is the only memory of a log that does not come from the host's allocator: the mark is
 * put on whole pages, and on the host's memory it would wipe what is not ours. A system older than
 * Linux 4.14 refuses the mark; so does a sandbox; both are met by falling back.
 */
#define _DEFAULT_SOURCE 1

#include "forked.h"

#include <sys/mman.h>
#include <unistd.h>

void kt_fork_guard_init(kt_fork_guard *guard)
{
    *guard = (kt_fork_guard){ .pid = (long)getpid() };
#ifdef MADV_WIPEONFORK
    long size = sysconf(_SC_PAGESIZE);
    if (size <= 0) return;
    void *page =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    if (madvise(page, (size_t)size, MADV_WIPEONFORK) != 0) {
        munmap(page, (size_t)size);
        return;
    }
    guard->page = page;
    guard->size = (size_t)size;
    *guard->page = 1;
#endif
}

void kt_fork_guard_free(kt_fork_guard *guard)
{
    if (guard->page) munmap((void *)guard->page, guard->size);
    guard->page = NULL;
}

bool kt_fork_guard_pid_differs(const kt_fork_guard *guard)
{
    return (long)getpid() != guard->pid;
}
