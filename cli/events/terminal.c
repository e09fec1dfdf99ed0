/* SPDX-License-Identifier: MIT */
/* terminal.c: keys, size and signals.
 *
 * Signals are blocked except inside pselect, where they only set flags: none is lost between a look at a flag and the
 * wait, and all restoring happens in ordinary code. The flags and the saved settings are this file's only state; they
 * are static because a signal handler gets no argument. Stopping by ^Z gives the terminal back first and takes it
 * again afterwards.
 */
#include "terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t asked_to_quit, asked_to_stop, asked_to_redraw;
static struct termios saved;
static bool on_screen, has_keys;

static const int quitting[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void take_signal(int number)
{
    if (number == SIGTSTP) asked_to_stop = 1;
    else if (number == SIGWINCH || number == SIGCONT) asked_to_redraw = 1;
    else asked_to_quit = 1;
}

static void catch_signal(int number, sigset_t *set)
{
    struct sigaction now, action = { 0 };
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN) return; /* nohup means it */
    action.sa_handler = take_signal;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
    sigaddset(set, number);
}

/* All of it, whatever the terminal takes at a time. */
static void put(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, text, left);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) text += n, left -= (size_t)n;
    }
}

static void take_screen(void)
{
    struct termios raw;
    if (has_keys) {
        raw = saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    put("\x1b[?1049h\x1b[?25l\x1b[2J"); /* the other screen, no cursor, empty */
}

static void give_screen(void)
{
    put("\x1b[?25h\x1b[?1049l");
    if (has_keys) tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

void terminal_begin(bool screen)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof quitting / sizeof *quitting; i++) catch_signal(quitting[i], &set);
    on_screen = screen;
    if (screen) {
        catch_signal(SIGTSTP, &set);
        catch_signal(SIGCONT, &set);
        catch_signal(SIGWINCH, &set);
        has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved) == 0;
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (screen) take_screen();
}

void terminal_end(void)
{
    if (on_screen) give_screen();
    on_screen = has_keys = false;
}

static void stop_here(void)
{
    give_screen();
    struct sigaction standard = { 0 }, own;
    standard.sa_handler = SIG_DFL;
    sigaction(SIGTSTP, &standard, &own);
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, &before); /* here the program stops until it is continued */
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGTSTP, &own, NULL);
    take_screen();
}

static terminal_event take_key(void)
{
    char key[8] = "";
    ssize_t n = read(STDIN_FILENO, key, sizeof key - 1);
    if (n <= 0) {
        if (n == 0 || errno != EINTR) has_keys = false; /* the terminal is gone; the signal tells the rest */
        return TERMINAL_TIME;
    }
    if (key[0] == 'q' || key[0] == 'Q') return TERMINAL_QUIT;
    if (key[0] == 'j' || strcmp(key, "\x1b[B") == 0 || strcmp(key, "\x1bOB") == 0) return TERMINAL_DOWN;
    if (key[0] == 'k' || strcmp(key, "\x1b[A") == 0 || strcmp(key, "\x1bOA") == 0) return TERMINAL_UP;
    if (key[0] == ' ' || strcmp(key, "\x1b[6~") == 0) return TERMINAL_PAGE_DOWN;
    if (key[0] == 'b' || strcmp(key, "\x1b[5~") == 0) return TERMINAL_PAGE_UP;
    return TERMINAL_TIME;
}

terminal_event terminal_wait(double seconds)
{
    struct timespec limit = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
    fd_set in;
    FD_ZERO(&in);
    if (has_keys) FD_SET(STDIN_FILENO, &in);
    sigset_t none;
    sigemptyset(&none);
    int ready = pselect(has_keys ? STDIN_FILENO + 1 : 0, &in, NULL, NULL, &limit, &none);
    if (asked_to_quit) return TERMINAL_QUIT;
    if (asked_to_stop) {
        asked_to_stop = 0;
        stop_here();
        return TERMINAL_REDRAW;
    }
    if (asked_to_redraw) {
        asked_to_redraw = 0;
        return TERMINAL_REDRAW;
    }
    return ready > 0 ? take_key() : TERMINAL_TIME;
}

static int from_environment(const char *name, int otherwise)
{
    const char *text = getenv(name);
    long n = text ? strtol(text, NULL, 10) : 0;
    return n >= 10 && n <= 10000 ? (int)n : otherwise;
}

void terminal_size(int *columns, int *lines)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *columns = size.ws_col;
        *lines = size.ws_row;
        return;
    }
    *columns = from_environment("COLUMNS", 80);
    *lines = from_environment("LINES", 24);
}

bool terminal_utf8(void)
{
    setlocale(LC_CTYPE, ""); /* of characters only: numbers keep their point */
    const char *set = nl_langinfo(CODESET);
    return strcmp(set, "UTF-8") == 0 || strcmp(set, "utf8") == 0;
}
