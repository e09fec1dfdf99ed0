/* SPDX-License-Identifier: MIT */
/* data/sink.c: see sink.h.
 *
 * The temporary name is tried with O_EXCL, not made by mkstemp, so that the file gets the permissions that the host's
 * umask gives. A process may have a limit on the size of its files; a write beyond it raises SIGXFSZ, which kills, so
 * the limit is asked first and met as a full disk would be.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "data/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/source.h"
#include "data/system.h"

static kt_status sink_fail(kt_sink *sink, int error, const char *what)
{
    char why[KT_WHY_SIZE];
    return kt_fail_at(sink->kt, KT_ERR_IO, sink->writer, "%s: %s: %s; the file was left as it was",
                      kt_path_tail(sink->path), what, kt_why(why, error));
}

kt_status kt_sink_open(kt_sink *sink, kt_context *kt, const char *writer, const char *path)
{
    *sink = (kt_sink){ .kt = kt, .writer = writer, .path = path, .fd = -1 };
    if (kt->status != KT_OK) return kt->status;
    if (!path || !path[0]) return kt_fail_at(kt, KT_ERR_VALUE, writer, "expected the path of a file, got none");
    size_t size = strlen(path) + 40;
    sink->temporary = kt_take(kt, size);
    if (!sink->temporary) return kt->status;
    for (int i = 0; i < 100; i++) {
        kt_text name = kt_text_in(sink->temporary, size);
        kt_text_add(&name, "%s.tmp-%ld-%d", path, (long)getpid(), i);
        sink->fd = open(sink->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (sink->fd >= 0) return KT_OK;
        if (errno != EEXIST) break;
    }
    kt_status status = sink_fail(sink, errno, "cannot be written");
    kt_give(kt, sink->temporary);
    sink->temporary = NULL;
    return status;
}

/* What may be written now without a signal; 0 and EFBIG at the process's limit. */
static size_t within_limit(const kt_sink *sink, size_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return count;
    uint64_t top = (uint64_t)limit.rlim_cur;
    uint64_t room = top > sink->written ? top - sink->written : 0;
    if (!room) errno = EFBIG;
    return room < count ? (size_t)room : count;
}

static kt_status put(kt_sink *sink, const unsigned char *at, size_t count)
{
    const size_t most = (size_t)1 << 30;
    while (count) {
        size_t want = within_limit(sink, count < most ? count : most);
        ssize_t n = want ? write(sink->fd, at, want) : -1;
        if (n < 0 && want && errno == EINTR) continue;
        if (n <= 0) return sink_fail(sink, n == 0 ? ENOSPC : errno, "cannot be written");
        sink->written += (uint64_t)n;
        at += n;
        count -= (size_t)n;
    }
    return KT_OK;
}

static kt_status empty_buffer(kt_sink *sink)
{
    size_t used = sink->used;
    sink->used = 0;
    return put(sink, sink->buffer, used);
}

kt_status kt_sink_write(kt_sink *sink, const void *bytes, size_t count)
{
    if (!count) return KT_OK;
    if (count > sizeof sink->buffer - sink->used) {
        kt_status status = empty_buffer(sink);
        if (status != KT_OK) return status;
        if (count >= sizeof sink->buffer) return put(sink, bytes, count);
    }
    memcpy(sink->buffer + sink->used, bytes, count);
    sink->used += count;
    return KT_OK;
}

/* The rename itself must last too; a folder that cannot be synchronised is not worth an error. */
static void sync_folder(kt_sink *sink)
{
    char *slash = strrchr(sink->temporary, '/'); /* no longer needed as a name */
    if (slash) slash[slash == sink->temporary] = 0;
    int fd = open(slash ? sink->temporary : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

kt_status kt_sink_close(kt_sink *sink, kt_status status)
{
    if (!sink->temporary) return status;
    if (status == KT_OK) status = empty_buffer(sink);
    if (status == KT_OK && fsync(sink->fd) != 0 && errno != EINVAL)
        status = sink_fail(sink, errno, "cannot be made durable");
    if (close(sink->fd) != 0 && status == KT_OK) status = sink_fail(sink, errno, "cannot be written");
    if (status == KT_OK && rename(sink->temporary, sink->path) != 0)
        status = sink_fail(sink, errno, "cannot get its name");
    if (status != KT_OK)
        (void)unlink(sink->temporary);
    else
        sync_folder(sink);
    kt_give(sink->kt, sink->temporary);
    sink->temporary = NULL;
    sink->fd = -1;
    return status;
}
