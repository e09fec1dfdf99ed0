/* SPDX-License-Identifier: MIT */
/* nn/names.h: does a class answer to this name? */
#ifndef KT_NN_NAMES_H
#define KT_NN_NAMES_H

#include <stdbool.h>
#include <string.h>

/* Is `name` one of the space-separated words of `list`? */
static inline bool kt_word_in(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at && *at;) {
        size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, name, word) == 0) return true;
        at += word + (at[word] == ' ');
    }
    return false;
}

#endif
