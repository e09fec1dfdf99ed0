/* SPDX-License-Identifier: MIT */
/* copy.c: walks over raw records, and over the fields of a message where a record's sort or form is asked for. The
 * values themselves are the reader's business.
 */
#include "copy.h"

#include <string.h>

int events_next(events_walk *walk)
{
    for (;;) {
        int64_t from = walk->record.next;
        walk->record = (kt_logdir_record){ 0 };
        if (kt_logdir_record_at(walk->log, walk->file, from, &walk->record) != KT_OK) return -1;
        if (!walk->record.frame.bytes || walk->record.next <= from) return 0; /* what does not go on would never end */
        if (!walk->record.broken) return 1;
    }
}

/* A varint at *at; false when it is cut or longer than ten bytes. */
static bool take_varint(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 70; shift += 7) {
        unsigned char byte = *(*at)++;
        if (shift < 64) *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

bool events_next_field(kt_blob *rest, events_field *field)
{
    const unsigned char *at = rest->bytes, *end = at + rest->size;
    uint64_t key, length = 0;
    *field = (events_field){ 0 };
    if (rest->size == 0 || !take_varint(&at, end, &key)) return false;
    field->number = key >> 3;
    switch (key & 7) {
    case 0:
        if (!take_varint(&at, end, &field->varint)) return false;
        break;
    case 1: length = 8; break;
    case 2:
        if (!take_varint(&at, end, &length)) return false;
        break;
    case 5: length = 4; break;
    default: return false; /* groups: nobody writes them */
    }
    if (length > (uint64_t)(end - at)) return false;
    field->bytes = (kt_blob){ at, (size_t)length };
    at += length;
    *rest = (kt_blob){ at, (size_t)(end - at) };
    return true;
}

events_sort events_sort_of(const kt_logdir_record *record)
{
    enum { FILE_VERSION = 3, SESSION_LOG = 7 };
    events_sort sort = { false, false };
    kt_blob rest = record->event;
    events_field field;
    while (events_next_field(&rest, &field)) {
        sort.version |= field.number == FILE_VERSION;
        sort.restart |= field.number == SESSION_LOG;
    }
    return sort;
}

bool events_damaged(kt_logdir *log, const char *path)
{
    for (int64_t i = 0; i < kt_logdir_problems(log); i++) {
        const kt_logdir_problem *problem = kt_logdir_problem_at(log, i);
        if (problem->status != KT_OK && strcmp(problem->file, path) == 0) return true;
    }
    return kt_logdir_problems_total(log) > kt_logdir_problems(log); /* not all are listed: it may be one of them */
}
