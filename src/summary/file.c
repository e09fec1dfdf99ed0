/* SPDX-License-Identifier: MIT */
/* summary/file.c: the few system calls of a log, each with the care it needs.
 *
 * Uniqueness of names needs no counter shared by the process: O_EXCL decides, and n is tried
 * upward. Seconds have ten digits, and n has one, because TensorBoard reads the files of a directory
 * in the order of their names, so that 10 would come before 9: after ten files in one second the
 * next one gets the second that follows.
 *
 * A process may have a limit on the size of its files; a write beyond it raises SIGXFSZ, which
 * kills. The limit is asked before each write: one that begins below it is only cut by the system,
 * one that does not is refused here, as if the disk were full.
 */
#define _DEFAULT_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_create(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static int64_t file_write_at(int fd, const void *bytes, size_t n, int64_t at)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        if ((uint64_t)at >= (uint64_t)limit.rlim_cur) {
            errno = EFBIG;
            return -1;
        }
    }
    return (int64_t)pwrite(fd, bytes, n, (off_t)at);
}

static int file_truncate(int fd, int64_t size)
{
    return ftruncate(fd, (off_t)size);
}

static int file_look(int fd, int64_t *size, bool *linked)
{
    struct stat now;
    if (fstat(fd, &now) != 0) return -1;
    *size = (int64_t)now.st_size;
    *linked = now.st_nlink > 0;
    return 0;
}

const kt_file_calls kt_file_system = {
    .create = file_create,
    .write_at = file_write_at,
    .truncate = file_truncate,
    .look = file_look,
    .sync = fsync,
    .close = close,
    .remove = unlink,
};

int kt_file_make_directory(const char *path, char *scratch)
{
    size_t n = strlen(path);
    memcpy(scratch, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (i < n && path[i] != '/') continue;
        scratch[i] = '\0';
        if (mkdir(scratch, 0777) != 0) {
            /* On a read-only disk a directory that exists may answer EROFS: what counts is that it
             * is there. */
            int error = errno;
            struct stat there;
            if (stat(scratch, &there) != 0) return error;
            if (!S_ISDIR(there.st_mode)) return ENOTDIR;
        }
        scratch[i] = path[i];
    }
    return 0;
}

/* The host's name with nothing in it that could leave the directory or puzzle a reader. */
static void file_host(char host[64])
{
    if (gethostname(host, 64) != 0) host[0] = '\0';
    host[63] = '\0';
    for (char *c = host; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '.';
        if (!plain) *c = '_';
    }
    if (!host[0]) memcpy(host, "localhost", sizeof "localhost");
}

static const char file_prefix[] = "events.out.tfevents.";
static const int64_t file_last_second = 9999999999; /* ten digits */

int kt_file_create(const kt_file_calls *calls, const char *logdir, double seconds,
                   const char *suffix, kt_file_name *name, char *path)
{
    char host[64];
    file_host(host);
    int64_t whole = seconds > 0 ? seconds < (double)file_last_second ? (int64_t)seconds : file_last_second : 0;
    if (whole > name->seconds) *name = (kt_file_name){ .seconds = whole };
    const char *slash = logdir[strlen(logdir) - 1] == '/' ? "" : "/";
    for (int tries = 0; tries < 100000; tries++) {
        if (name->n > 9 && name->seconds < file_last_second) *name = (kt_file_name){ .seconds = name->seconds + 1 };
        snprintf(path, strlen(logdir) + KT_FILE_NAME_MAX, "%s%s%s%010lld.%s.%ld.%d%s%s", logdir, slash,
                 file_prefix, (long long)name->seconds, host, (long)getpid(), name->n,
                 suffix[0] == '.' ? "" : ".", suffix);
        int fd = calls->create(path);
        if (fd >= 0 || errno == EEXIST) name->n++; /* a name that failed otherwise may be tried again */
        if (fd >= 0 || (errno != EEXIST && errno != EINTR)) return fd;
    }
    errno = EEXIST;
    return -1;
}

int64_t kt_file_seconds_behind_all(const char *logdir, const char *path)
{
    const char *own = strrchr(path, '/');
    own = own ? own + 1 : path;
    DIR *dir = opendir(logdir);
    int64_t behind = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        const char *digits = entry->d_name + sizeof file_prefix - 1;
        if (strncmp(entry->d_name, file_prefix, sizeof file_prefix - 1) != 0 || strcmp(entry->d_name, own) <= 0)
            continue;
        int64_t seconds = 0;
        int i = 0;
        for (; i < 10 && digits[i] >= '0' && digits[i] <= '9'; i++) seconds = 10 * seconds + (digits[i] - '0');
        if (i == 10 && seconds < file_last_second && seconds + 1 > behind) behind = seconds + 1;
    }
    if (dir) closedir(dir);
    return behind;
}

size_t kt_file_write(const kt_file_calls *calls, int fd, const unsigned char *bytes, size_t n,
                     int64_t at, int *error)
{
    size_t done = 0;
    int interrupted = 0;
    *error = 0;
    while (done < n) {
        int64_t wrote = calls->write_at(fd, bytes + done, n - done, at + (int64_t)done);
        if (wrote > 0) {
            done += (size_t)wrote;
            interrupted = 0;
        } else if (wrote < 0 && errno == EINTR && interrupted < 100) {
            interrupted++;
        } else {
            *error = wrote < 0 ? errno : EIO;
            break;
        }
    }
    return done;
}

const char *kt_file_reason(int error)
{
    switch (error) {
    case ENOSPC: return "no space is left on the disk; free some";
#ifdef EDQUOT
    case EDQUOT: return "the quota of this user is used up; free some space";
#endif
    case EFBIG: return "the file would exceed the size allowed here; raise the limit";
    case EROFS: return "the disk is mounted read-only; choose a directory on another one";
    case EACCES:
    case EPERM: return "permission denied; choose a directory this process may write to";
    case ENOTDIR: return "a part of the path is a file and not a directory; choose another path";
    case ENOENT: return "it does not exist and cannot be made; choose another path";
    case ENAMETOOLONG: return "the path is too long; choose a shorter one";
    case ELOOP: return "the path runs in a circle of symbolic links; choose another one";
    case EMFILE:
    case ENFILE: return "too many files are open; close some or raise the limit";
    case EEXIST: return "every name tried is taken; choose another directory";
    case EIO: return "the disk reports an input/output error; check the disk";
#ifdef ESTALE
    case ESTALE: return "the network disk has lost the file; check the mount";
#endif
    default: return NULL;
    }
}
