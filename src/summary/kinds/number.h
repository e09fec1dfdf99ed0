/* SPDX-License-Identifier: MIT */
/* summary/kinds/number.h: numbers in text files, the same in every locale. */
#ifndef KERATIN_SUMMARY_NUMBER_H
#define KERATIN_SUMMARY_NUMBER_H

#include <stddef.h>

enum { KT_NUMBER_ROOM = 32 };

/* A finite float with few digits, such that reading the text as a double and rounding that to float gives the float
 * again: "0.1", "-3", "1.5e-07". Returns the bytes before the NUL. */
size_t kt_number_text(char out[KT_NUMBER_ROOM], float value);

#endif
