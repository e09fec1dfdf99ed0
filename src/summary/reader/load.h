/* SPDX-License-Identifier: MIT */
/* summary/reader/load.h: reads a run's files on from where they were left. */
#ifndef KERATIN_SUMMARY_READER_LOAD_H
#define KERATIN_SUMMARY_READER_LOAD_H

#include "summary/reader/logdir.h"

/* Empties the run if it has to be read anew, then reads what its files hold behind their offsets. Leaves in run->failed
 * whether memory was short. The window is the thread's own. */
void kt_run_load(kt_run *run, kt_window *window);

/* Opens a regular file without ever waiting. The descriptor, or -1 with *error set; 0 there: it is no regular file. */
int kt_source_open(const char *path, int *error);

/* Points the window at a file of the run, whether it is compressed or not; false with source->error set, or with
 * window->refused when memory is short. `unpacked`: the size of what is in a compressed one, -1: find out. */
bool kt_source_see(kt_run *run, kt_source *source, kt_window *window, int64_t unpacked);
void kt_source_done(kt_window *window);

/* Forgets what was read of a file. */
void kt_source_forget(kt_run *run, kt_source *source);

#endif
