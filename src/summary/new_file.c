/* SPDX-License-Identifier: MIT */
/* summary/new_file.c: writing under another name, then renaming.
 *
 * TensorBoard may read the directory at any moment, and a program may be killed at any moment: so a file has its old
 * content or its new one. The temporary name is one that nobody has, in the same directory, since renaming does not
 * cross disks; what a dead process has left is passed over, not taken. No reader of TensorBoard takes such a name for
 * its own.
 */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include "summary/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BUFFER = 65536, FILE_TRIES = 1000, FILE_MARK = 48 };

/* `directory`/`name`; returns its length. */
static size_t file_path(char *to, size_t room, const char *directory, const char *name)
{
    size_t n = strlen(directory);
    return (size_t)snprintf(to, room, "%s%s%s", directory, n > 0 && directory[n - 1] == '/' ? "" : "/", name);
}

kt_new_file kt_new_file_begin(const kt_file_calls *calls, const kt_allocator *a, const char *directory,
                              const char *name)
{
    kt_new_file file = { .calls = calls, .a = a, .fd = -1, .error = ENOMEM };
    size_t room = strlen(directory) + strlen(name) + 2;
    file.path = a->allocate(2 * room + FILE_MARK, a->user);
    file.buffer = a->allocate(FILE_BUFFER, a->user);
    if (!file.path || !file.buffer) return file;
    file.temporary = file.path + room;
    file_path(file.path, room, directory, name);
    size_t n = file_path(file.temporary, room, directory, name);
    file.error = EEXIST;
    for (int i = 0; i < FILE_TRIES && (file.error == EEXIST || file.error == EINTR); i++) {
        snprintf(file.temporary + n, FILE_MARK, ".new-%ld-%d", (long)getpid(), i);
        file.fd = calls->create(file.temporary);
        file.error = file.fd >= 0 ? 0 : errno;
    }
    return file;
}

static void file_write_out(kt_new_file *file)
{
    if (file->error || file->used == 0) return;
    kt_file_write(file->calls, file->fd, file->buffer, file->used, file->size, &file->error);
    file->size += (int64_t)file->used;
    file->used = 0;
}

void kt_new_file_add(kt_new_file *file, const void *bytes, size_t n)
{
    for (const unsigned char *at = bytes; n > 0 && !file->error;) {
        if (file->used == FILE_BUFFER) file_write_out(file);
        size_t take = n < FILE_BUFFER - file->used ? n : FILE_BUFFER - file->used;
        memcpy(file->buffer + file->used, at, take);
        file->used += take, at += take, n -= take;
    }
}

void kt_new_file_text(kt_new_file *file, const char *text) { kt_new_file_add(file, text, strlen(text)); }

int kt_new_file_end(kt_new_file *file)
{
    file_write_out(file);
    if (file->fd >= 0) {
        /* EINVAL: a disk that knows no fsync */
        if (!file->error && file->calls->sync(file->fd) != 0 && errno != EINTR && errno != EINVAL) file->error = errno;
        if (file->calls->close(file->fd) != 0 && !file->error && errno != EINTR) file->error = errno;
        if (!file->error && rename(file->temporary, file->path) != 0) file->error = errno;
        if (file->error) file->calls->remove(file->temporary);
    }
    file->a->release(file->buffer, file->a->user);
    file->a->release(file->path, file->a->user);
    return file->error;
}

int kt_read_file(const kt_allocator *a, const char *directory, const char *name, size_t most, char **bytes,
                 size_t *size)
{
    *bytes = NULL;
    *size = 0;
    size_t room = strlen(directory) + strlen(name) + 2;
    char *path = a->allocate(room, a->user);
    if (!path) return ENOMEM;
    file_path(path, room, directory, name);
    /* O_NONBLOCK: a pipe that somebody put there answers at once, and is refused below. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = fd < 0 ? errno : 0;
    a->release(path, a->user);
    if (fd < 0) return error == ENOENT ? 0 : error;

    struct stat now;
    char *text = NULL;
    size_t n = 0, claimed = 0;
    if (fstat(fd, &now) != 0) error = errno;
    else if (!S_ISREG(now.st_mode)) error = EEXIST;
    else if (now.st_size < 0 || (uint64_t)now.st_size > most) error = EFBIG;
    else if (claimed = (size_t)now.st_size, !(text = a->allocate(claimed + 1, a->user))) error = ENOMEM;
    while (!error && n < claimed) {
        ssize_t got = read(fd, text + n, claimed - n);
        if (got == 0) break; /* cut meanwhile */
        if (got > 0) n += (size_t)got;
        else if (errno != EINTR) error = errno;
    }
    close(fd);
    if (error) {
        a->release(text, a->user);
        return error;
    }
    text[n] = '\0';
    *bytes = text;
    *size = n;
    return 0;
}
