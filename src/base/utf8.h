/* SPDX-License-Identifier: MIT */
/* base/utf8.h: tags must be UTF-8, or a reader dies of them.
 *
 * Protobuf strings are UTF-8 by definition; TensorBoard's default reader gives up a whole file at
 * the first one that is not. So a tag is checked at its first use and repaired as browsers do it:
 * each piece that cannot begin or continue a character becomes one U+FFFD.
 */
#ifndef KT_BASE_UTF8_H
#define KT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the n bytes are UTF-8: shortest forms only, no surrogates, nothing above U+10FFFF. */
bool kt_utf8_valid(const char *text, size_t n);

/* Copies the n bytes with every invalid piece replaced. `out` has room for 3 * n bytes. Returns the
 * bytes written. */
size_t kt_utf8_repair(char *out, const char *text, size_t n);

#endif
