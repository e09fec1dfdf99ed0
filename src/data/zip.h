/* SPDX-License-Identifier: MIT */
/* data/zip.h: writes a zip of stored members, which is what numpy.savez makes.
 *
 * Storing takes no compression, so it takes no library: weights can be saved in every build. The bytes depend on names
 * and contents alone (no clock), so equal weights give equal files.
 */
#ifndef KT_DATA_ZIP_H
#define KT_DATA_ZIP_H

#include "data/sink.h"

enum { KT_ZIP_MEMBERS_MOST = 65534, KT_ZIP_NAME_MOST = 4096 };

typedef struct kt_zip_member {
    const char *name, *ending; /* the caller's, until kt_zip_finish */
    uint64_t at, size;
    uint32_t checksum;
} kt_zip_member;

typedef struct kt_zip_writer {
    kt_sink *sink;
    kt_zip_member *members;
    size_t count, capacity;
    uint64_t at; /* bytes given to the sink */
} kt_zip_writer;

void kt_zip_begin(kt_zip_writer *zip, kt_sink *sink);
/* One member, "name" + "ending", of two pieces. */
kt_status kt_zip_add(kt_zip_writer *zip, const char *name, const char *ending, const void *head, size_t head_bytes,
                     const void *data, size_t data_bytes);
kt_status kt_zip_finish(kt_zip_writer *zip); /* the directory at the end */
void kt_zip_end(kt_zip_writer *zip);         /* frees; in any case */

#endif
