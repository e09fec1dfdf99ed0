/* SPDX-License-Identifier: MIT */
/* data/source.c: files and memory as sources.
 *
 * A file is opened without blocking and must be a regular one: a pipe or a terminal could keep the host waiting for
 * ever, and a device need not end. Its size at opening bounds everything; a file that grows or shrinks meanwhile gives
 * an error or is cut at that size, nothing worse.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/system.h"

static size_t file_read(kt_source *self, void *to, size_t bytes)
{
    const kt_file_source *file = (const kt_file_source *)self;
    const size_t most = (size_t)1 << 30; /* some systems refuse more at once */
    size_t got = 0;
    while (got < bytes) {
        size_t want = bytes - got < most ? bytes - got : most;
        ssize_t n = read(file->fd, (unsigned char *)to + got, want);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            char why[KT_WHY_SIZE];
            kt_source_fail(self, KT_ERR_IO, "the system refused to read: %s", kt_why(why, errno));
            break;
        }
        if (n == 0) break;
        got += (size_t)n;
    }
    return got;
}

kt_status kt_file_open(kt_file_source *file, kt_context *kt, const char *reader, const char *path)
{
    char why[KT_WHY_SIZE];
    *file = (kt_file_source){ .source = { .kt = kt, .reader = reader, .exact = true, .read = file_read }, .fd = -1 };
    if (kt->status != KT_OK) return kt->status;
    if (!path || !path[0]) return kt_fail_at(kt, KT_ERR_VALUE, reader, "expected the path of a file, got none");
    file->source.name = kt_path_tail(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        bool absent = errno == ENOENT;
        return kt_source_fail(&file->source, KT_ERR_IO, "cannot be opened: %s%s", kt_why(why, errno),
                              absent ? "; check the path, which starts from the working directory if not from /" : "");
    }
    struct stat look;
    if (fstat(fd, &look) != 0 || !S_ISREG(look.st_mode)) {
        close(fd);
        return kt_source_fail(&file->source, KT_ERR_IO, "expected a regular file, got a folder, pipe or device");
    }
    file->fd = fd;
    file->source.left = (uint64_t)look.st_size;
    return KT_OK;
}

void kt_file_close(kt_file_source *file)
{
    if (file->fd >= 0) close(file->fd);
    file->fd = -1;
}

static size_t memory_read(kt_source *self, void *to, size_t bytes)
{
    kt_memory_source *memory = (kt_memory_source *)self;
    size_t n = bytes < self->left ? bytes : (size_t)self->left;
    if (n) memcpy(to, memory->at, n);
    memory->at += n;
    return n;
}

void kt_memory_open(kt_memory_source *memory, kt_context *kt, const char *reader, const void *data, size_t bytes)
{
    *memory = (kt_memory_source){
        .source = { .kt = kt, .reader = reader, .name = "memory", .left = bytes, .exact = true, .read = memory_read },
        .at = data
    };
}

kt_status kt_source_take(kt_source *source, void *to, size_t bytes)
{
    size_t want = bytes < source->left ? bytes : (size_t)source->left;
    size_t got = want ? source->read(source, to, want) : 0;
    source->left -= got;
    if (got == bytes) return KT_OK;
    return kt_source_fail(source, KT_ERR_FORMAT,
                          "ends too early: expected %zu more bytes, got %zu; the file is cut or damaged", bytes, got);
}

kt_status kt_source_end(kt_source *source)
{
    unsigned char more;
    bool follows = source->exact ? source->left > 0 : source->read(source, &more, 1) == 1;
    if (source->kt->status != KT_OK) return source->kt->status;
    if (!follows) return KT_OK;
    return kt_source_fail(source, KT_ERR_FORMAT,
                          "bytes follow after the data that the header announces; the file is damaged "
                          "or holds more than one array");
}

kt_status kt_source_fail(kt_source *source, kt_status status, const char *format, ...)
{
    char sentence[480];
    kt_text text = kt_text_in(sentence, sizeof sentence);
    va_list args;
    va_start(args, format);
    kt_text_addv(&text, format, args);
    va_end(args);
    return kt_fail_at(source->kt, status, source->reader, "%s: %s", source->name ? source->name : "file", sentence);
}

const char *kt_quote(char to[KT_QUOTE_SIZE], const void *text, size_t length)
{
    const unsigned char *from = text;
    size_t n = length < KT_QUOTE_SIZE - 4 ? length : KT_QUOTE_SIZE - 4;
    while (n < length && n && (from[n] & 0xC0) == 0x80) n--; /* no half character */
    for (size_t i = 0; i < n; i++) to[i] = (char)(from[i] < 32 || from[i] == 127 ? '?' : from[i]);
    memcpy(to + n, n < length ? "..." : "", n < length ? 4 : 1);
    return to;
}

const char *kt_path_tail(const char *path)
{
    const size_t most = 160;
    size_t length = strlen(path);
    const char *tail = length > most ? path + (length - most) : path;
    while (((unsigned char)*tail & 0xC0) == 0x80) tail++;
    return tail;
}
