/* SPDX-License-Identifier: MIT */
/*
 * Runs one program and tells how long it took and how much memory it had at most.
 *
 *   process PROGRAM WORDS...        build: cc -std=c17 -O2 process.c
 *
 * Prints {"us":...,"mb":...,"status":...}; what the program prints goes to standard error. The
 * bench's driver cannot ask the system itself: a child's peak memory counts the moment between fork
 * and exec, when it still is a copy of its parent, and an interpreter as the parent is larger than
 * the programs that are measured here. This one is as small as a parent can be.
 */
#define _DEFAULT_SOURCE /* wait4, which POSIX lacks */
#include "peers/bench.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2) return 2;
    double start = bench_now();
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
        dup2(2, 1);
        execv(argv[1], argv + 1);
        _exit(127);
    }
    int status = 0;
    struct rusage used = { 0 };
    if (wait4(child, &status, 0, &used) != child) return 1;
    double us = bench_now() - start;
    printf("{\"us\":%.1f,\"mb\":%.3f,\"status\":%d}\n", us, (double)used.ru_maxrss / 1024,
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
