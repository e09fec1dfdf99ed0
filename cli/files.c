/* SPDX-License-Identifier: MIT */
/* files.c: files that appear whole, and paths.
 *
 * The directory is synced after the rename where the system can, so that the new name survives a power failure as
 * well. Who ends the command by a signal leaves nothing behind: the handler removes the temporary file. It gets no
 * argument, so the file's name is static here; one output is open at a time.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *cli_join(const char *folder, const char *name)
{
    if (strcmp(folder, ".") == 0 || !*folder) return strdup(name);
    if (strcmp(name, ".") == 0 || !*name) return strdup(folder);
    size_t n = strlen(folder), m = strlen(name);
    while (n > 1 && folder[n - 1] == '/') n--;
    char *joined = malloc(n + m + 2);
    if (!joined) return NULL;
    memcpy(joined, folder, n);
    if (joined[n - 1] != '/') joined[n++] = '/';
    memcpy(joined + n, name, m + 1);
    return joined;
}

const char *cli_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool cli_make_directories(const char *path)
{
    char *copy = strdup(path);
    if (!copy) return false;
    bool made = true;
    for (char *at = copy + 1; made; at++) {
        if (*at && *at != '/') continue;
        char kept = *at;
        *at = 0;
        made = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *at = kept;
        if (!kept) break;
    }
    int why = errno;
    struct stat there;
    if (made && (stat(copy, &there) != 0 || !S_ISDIR(there.st_mode))) why = ENOTDIR, made = false;
    free(copy);
    errno = why;
    return made;
}

/* The folder of a path, as a string to free. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    size_t n = slash == path ? 1 : (size_t)(slash - path);
    return strndup(path, n);
}

static const char *volatile half_written;

static void remove_half_written(int number)
{
    const char *path = half_written;
    if (path) unlink(path);
    signal(number, SIG_DFL);
    raise(number);
}

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

/* Makes the file of this name, which is removed from then on when the command is ended. No signal comes in between. */
static int make_guarded(char *path)
{
    sigset_t set, before;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, &before);
    int descriptor = mkstemp(path), why = errno;
    if (descriptor >= 0) half_written = path;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction now, action = { 0 };
        if (sigaction(numbers[i], NULL, &now) != 0 || now.sa_handler != SIG_DFL) continue; /* or guarded already */
        action.sa_handler = remove_half_written;
        sigemptyset(&action.sa_mask);
        sigaction(numbers[i], &action, NULL);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return descriptor;
}

bool cli_output_open(cli_output *output, const char *path)
{
    *output = (cli_output){ 0 };
    char *folder = folder_of(path);
    output->path = strdup(path);
    output->temporary = folder ? cli_join(*folder == '.' && !folder[1] ? "./" : folder, ".keratin-XXXXXX") : NULL;
    free(folder);
    int descriptor = -1;
    if (!output->path || !output->temporary) errno = ENOMEM;
    else descriptor = make_guarded(output->temporary);
    if (descriptor < 0) {
        int why = errno;
        free(output->path);
        free(output->temporary);
        *output = (cli_output){ 0 };
        errno = why;
        return false;
    }
    mode_t mask = umask(0); /* mkstemp makes files that nobody else can read */
    umask(mask);
    fchmod(descriptor, 0666 & ~mask);
    output->file = fdopen(descriptor, "wb");
    if (output->file) return true;
    int why = errno;
    close(descriptor);
    cli_output_abandon(output);
    errno = why;
    return false;
}

static void sync_folder(const char *path)
{
    char *folder = folder_of(path);
    int descriptor = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (descriptor >= 0) {
        (void)fsync(descriptor); /* some file systems cannot; the file itself is safe then */
        close(descriptor);
    }
    free(folder);
}

bool cli_output_commit(cli_output *output)
{
    errno = 0;
    bool whole = fflush(output->file) == 0; /* first, since it meets the reason of an earlier failure again */
    whole = whole && !ferror(output->file) && fsync(fileno(output->file)) == 0;
    int why = errno;
    if (fclose(output->file) != 0 && whole) why = errno, whole = false;
    output->file = NULL;
    if (whole && rename(output->temporary, output->path) != 0) why = errno, whole = false;
    if (whole) {
        half_written = NULL;
        sync_folder(output->path);
        free(output->temporary);
        output->temporary = NULL;
    }
    cli_output_abandon(output);
    errno = why ? why : EIO;
    return whole;
}

void cli_output_abandon(cli_output *output)
{
    if (output->file) fclose(output->file);
    if (output->temporary) {
        unlink(output->temporary);
        half_written = NULL;
    }
    free(output->temporary);
    free(output->path);
    *output = (cli_output){ 0 };
}
