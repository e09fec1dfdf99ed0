/* SPDX-License-Identifier: MIT */
/* data/system.h: what the system said, in words. */
#ifndef KT_DATA_SYSTEM_H
#define KT_DATA_SYSTEM_H

enum { KT_WHY_SIZE = 96 };

/* The reason behind an errno value, in the caller's memory (strerror's is shared by all threads). */
const char *kt_why(char to[KT_WHY_SIZE], int error);

#endif
