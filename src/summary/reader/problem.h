/* SPDX-License-Identifier: MIT */
/* summary/reader/problem.h: what was wrong, kept small while reading, and made into sentences when it is over.
 *
 * While files are read a trouble is a code and three numbers; the first 1,000 of a file are kept, all are counted.
 * kt_problems_collect makes the list that callers see, in the order of runs, files and offsets, whatever the threads
 * did.
 */
#ifndef KERATIN_SUMMARY_READER_PROBLEM_H
#define KERATIN_SUMMARY_READER_PROBLEM_H

#include "summary/reader/logdir.h"

/* Memory that is short costs the trouble, not the count. */
void kt_trouble_add(kt_store *store, kt_troubles *troubles, kt_trouble trouble);
void kt_troubles_clear(kt_store *store, kt_troubles *troubles);

/* Something about a path rather than a place in a file that is read: while the folders are walked. */
void kt_walk_trouble(kt_logdir *log, const char *path, kt_trouble_code code, int error);

kt_status kt_problems_collect(kt_logdir *log);

/* An error's number in words, in English whatever the host's locale. Never NULL. */
const char *kt_system_reason(int error);

#endif
