/* SPDX-License-Identifier: MIT */
/* data/sink.h: a file that appears whole or not at all.
 *
 * Bytes go to a new name in the same folder; commit makes them durable and renames. Whoever is killed half way leaves
 * the old file as it was.
 */
#ifndef KT_DATA_SINK_H
#define KT_DATA_SINK_H

#include "core/context.h"

typedef struct kt_sink {
    kt_context *kt;
    const char *writer, *path; /* for sentences, and the final name */
    char *temporary;
    int fd;
    uint64_t written;
    size_t used;
    unsigned char buffer[4096]; /* small pieces are gathered */
} kt_sink;

kt_status kt_sink_open(kt_sink *sink, kt_context *kt, const char *writer, const char *path);
kt_status kt_sink_write(kt_sink *sink, const void *bytes, size_t count);
/* Ends in any case: with KT_OK under the final name, else (an error before, or now) with nothing left behind. */
kt_status kt_sink_close(kt_sink *sink, kt_status status);

#endif
