/* SPDX-License-Identifier: MIT */
/* summary/kinds/build.h: messages whose size nobody knows before they are written.
 *
 * A graph, a layout or a list of hyperparameters is a message of its own inside the event. Its encoder writes it into
 * memory that is bounded (wire.h); what did not fit is written again into a block four times as large. That costs a
 * third more time at most, and no encoder needs a twin that counts. Small messages, which are most, find room in
 * the struct itself and allocate nothing. Above 256 MiB it ends: TensorBoard could not transport the message.
 *
 * Encoders must write the same bytes each time, and know neither the log nor where the bytes go.
 */
#ifndef KERATIN_SUMMARY_KINDS_BUILD_H
#define KERATIN_SUMMARY_KINDS_BUILD_H

#include "summary/writer.h"

typedef void kt_encoder(kt_wire *w, const void *what);

typedef struct kt_built {
    kt_event_string bytes; /* valid until kt_built_free, in this very struct */
    void *block;
    unsigned char small[2048];
} kt_built;

/* KT_OK: kt_built_free is owed. Otherwise the sentence is kept in the log (which may be NULL), and nothing is owed. */
kt_status kt_build(kt_events *log, const char *caller, kt_encoder *encode, const void *what, kt_built *built);
void kt_built_free(kt_events *log, kt_built *built);

/* The same with an allocator and no log: KT_ERR_MEMORY, or KT_ERR_VALUE when it is too large. */
kt_status kt_build_in(const kt_allocator *allocator, kt_encoder *encode, const void *what, kt_built *built);

/* A string field; repaired where it is not UTF-8, since one such string costs TensorBoard the whole message. Nothing
 * for NULL and "", as protobuf has it. */
void kt_wire_text(kt_wire *w, unsigned field, const char *text);

/* The same, written also when empty: members of a oneof, keys, elements of lists. */
void kt_wire_text_always(kt_wire *w, unsigned field, const char *text);

#endif
