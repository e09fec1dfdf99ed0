/* SPDX-License-Identifier: MIT */
/* tests/weather/null.h: calling a function with what it should not get, and living on.
 *
 * A crash is one line and a failed test; the calls after it are made all the same. Nothing may be printed meanwhile.
 */
#ifndef KT_TESTS_WEATHER_NULL_H
#define KT_TESTS_WEATHER_NULL_H

#include <signal.h>

#include "weather.h"

static const char *volatile calling; /* what is being called */
static int said, wrong;              /* the real stderr; calls that went wrong */
static kt_context *now;              /* errors are cleared here, so that each call starts afresh */
static sigjmp_buf next;

/* A crash is a line and a failed test; the calls after it are made all the same. */
static void on_crash(int number)
{
    (void)number;
    siglongjmp(next, 1);
}

static void must(bool good, const char *what)
{
    if (!good) {
        wrong++;
        dprintf(said, "%s: %s: %s\n", calling, what, now ? kt_message(now) : "");
    }
    kt_clear_error(now);
}

/* RUNS: no crash. NONE: gives NULL. FAILS: gives a status other than KT_OK. FINE: KT_OK. */
#define CALLED(text, what, ...) (calling = text, sigsetjmp(next, 1) ? must(false, "crashed") : must((__VA_ARGS__), what))
#define RUNS(...) CALLED(#__VA_ARGS__, "", ((void)(__VA_ARGS__), true))
#define NONE(...) CALLED(#__VA_ARGS__, "gave something", (__VA_ARGS__) == NULL)
#define FAILS(...) CALLED(#__VA_ARGS__, "gave KT_OK", (__VA_ARGS__) != KT_OK)
#define FINE(...) CALLED(#__VA_ARGS__, "failed", (__VA_ARGS__) == KT_OK)

static void listen_begin(silence *s)
{
    *s = silence_begin();
    said = s->err; /* the real stderr */
    wrong = 0;
    struct sigaction act = { .sa_handler = on_crash };
    const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL };
    for (int i = 0; i < 5; i++) sigaction(signals[i], &act, NULL);
}

static void listen_end(silence *s)
{
    long printed = silence_end(s);
    assert_int_equal(printed, 0);
    assert_int_equal(wrong, 0);
}

#endif
