/* SPDX-License-Identifier: MIT */
/* summary/kinds/projector_config.h: projector_config.pbtxt: what of an old one stays, and a new entry. */
#ifndef KERATIN_SUMMARY_PROJECTOR_CONFIG_H
#define KERATIN_SUMMARY_PROJECTOR_CONFIG_H

#include "summary/new_file.h"

/* One entry. Paths are relative to the file; NULL where there is none. */
typedef struct kt_projector_entry {
    const char *tensor_name, *tensor_path, *metadata_path, *image_path;
    int64_t rows, columns, image_width, image_height;
} kt_projector_entry;

/* Walks through the text of a file: *at begins at 0 and is moved behind what is found, [*from, *to): a field, or a
 * line of comment before one. For an entry of `embeddings`, *entry is true and `name` is its tensor's name (room
 * bytes, cut where it is longer; "" if it has none). 1: found; 0: the end; -1: this is not the text form of a
 * message. */
int kt_projector_next(const char *text, size_t size, size_t *at, size_t *from, size_t *to, bool *entry, char *name,
                      size_t room);

void kt_projector_add_entry(kt_new_file *file, const kt_projector_entry *entry);

#endif
