/* SPDX-License-Identifier: MIT */
/* command.c: what every command says in the same words: an unknown name, a failure, a misuse, output that was not
 * taken.
 *
 * A sentence may quote paths and tags that somebody else has chosen, so it goes through cli_plain: no control byte of a
 * file's name reaches the terminal.
 */
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

/* Edits that turn one word into the other, both at most 63 letters; a swap of neighbours counts as two. */
static int distance(const char *a, const char *b)
{
    int row[64];
    size_t n = strlen(b);
    if (n > 62 || strlen(a) > 62) return 99;
    for (size_t j = 0; j <= n; j++) row[j] = (int)j;
    for (size_t i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = (int)i + 1;
        for (size_t j = 0; j < n; j++) {
            int change = diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            int shift = row[j] < row[j + 1] ? row[j] + 1 : row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < shift ? change : shift;
        }
    }
    return row[n];
}

const char *cli_nearest(const char *given, const char *const *known)
{
    const char *best = NULL;
    int least = (int)strlen(given) / 3 + 2;
    for (; *known; known++) {
        int d = distance(given, *known);
        if (d < least) least = d, best = *known;
    }
    return best;
}

static void said(const char *command, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *sentence = n < 0 ? NULL : malloc((size_t)n + 1);
    fflush(stdout); /* the sentence is the last line, also where both go to one file */
    fprintf(stderr, "%s: ", command);
    if (sentence) {
        vsnprintf(sentence, (size_t)n + 1, format, arguments);
        cli_plain(stderr, sentence, (size_t)n);
    } else fputs("not enough memory to say what went wrong", stderr);
    fputc('\n', stderr);
    free(sentence);
}

int cli_unknown(const char *command, const char *kind, const char *given, const char *const *known)
{
    const char *best = cli_nearest(given, known);
    if (best) return cli_misused(command, "unknown %s '%s': did you mean '%s'?", kind, given, best);
    return cli_misused(command, "unknown %s '%s': '%s --help' lists what there is", kind, given, command);
}

int cli_fail(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    said(command, format, arguments);
    va_end(arguments);
    return CLI_FAILED;
}

int cli_misused(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    said(command, format, arguments);
    va_end(arguments);
    return CLI_USAGE;
}

int cli_finish(const char *command)
{
    errno = 0;
    bool refused = fflush(stdout) != 0;
    int why = errno;
    if (!refused && !ferror(stdout)) return CLI_DONE;
    return cli_fail(command, "standard output did not take all results: %s; what it has is not complete",
                    why ? strerror(why) : "an earlier write failed");
}
