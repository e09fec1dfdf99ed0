/* SPDX-License-Identifier: MIT */
/* data/system.c: reasons of the system. A file of its own because strerror_r has two signatures, and which one is seen
 * depends on the macros that a file defines before its first include: here it is the one of POSIX.
 */
#undef _GNU_SOURCE /* the build defines it for all files */
#define _POSIX_C_SOURCE 200809L

#include "data/system.h"

#include <stdio.h>
#include <string.h>

const char *kt_why(char to[KT_WHY_SIZE], int error)
{
    if (strerror_r(error, to, KT_WHY_SIZE) != 0) snprintf(to, KT_WHY_SIZE, "error number %d", error);
    return to;
}
