/* SPDX-License-Identifier: MIT */
/* summary/reader/problem.c: see problem.h. Sentences say what is, and where it helps what TensorBoard makes of it. */
#define _DEFAULT_SOURCE 1

#include "summary/reader/problem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    kt_status status;
    const char *sentence; /* %s: the number `detail` in words, bytes or an error */
} troubles[KT_TROUBLE_COUNT] = {
    [KT_TROUBLE_HEAD] = { KT_ERR_FORMAT,
                          "what should be the length of a record does not match its checksum; TensorBoard "
                          "stops reading the file here, this reader goes on with the next sound record" },
    [KT_TROUBLE_GZIP] = { KT_ERR_FORMAT,
                          "the file is compressed with gzip, which TensorBoard does not take, nor this reader when "
                          "it was built without zlib or it is compressed twice; unpack it with gunzip" },
    [KT_TROUBLE_LONG] = { KT_ERR_FORMAT,
                          "a record claims %s, more than a record can have; TensorBoard's data server would "
                          "stop or die here, this reader goes on with the next sound record" },
    [KT_TROUBLE_DATA] = { KT_ERR_FORMAT,
                          "the content of a record of %s does not match its checksum; this reader goes on "
                          "with the next sound record" },
    [KT_TROUBLE_ZEROS] = { KT_ERR_FORMAT,
                           "zeros stand where a record should begin, as a lost write leaves them; TensorBoard "
                           "stops reading the file here, this reader goes on with the next sound record" },
    [KT_TROUBLE_CUT] = { KT_ERR_FORMAT, "a record of %s was cut and others follow; TensorBoard stops reading the file "
                                        "here, this reader goes on with the next sound record" },
    [KT_TROUBLE_EVENT] = { KT_ERR_FORMAT,
                           "the checksums of a record match, but its %s are no Event message; TensorBoard "
                           "stops reading the file here, this reader goes on with the next record" },
    [KT_TROUBLE_MEMORY] = { KT_ERR_MEMORY, "from here on values are left out: what the files hold would take more than "
                                           "four times their size in memory" },
    [KT_TROUBLE_STREAM] = { KT_ERR_FORMAT,
                            "the file is compressed, and damaged behind its first %s, or has a wrong checksum there; "
                            "what could be unpacked has been read; take another copy" },
    [KT_TROUBLE_TAIL_STREAM] = { KT_OK, "the file is compressed, and its stream is not complete: it is being written, "
                                        "or its writer was ended; what is there has been read" },
    [KT_TROUBLE_TAIL_CUT] = { KT_OK, "the last record is not complete: it is being written, or its writer was ended" },
    [KT_TROUBLE_TAIL_ZEROS] = { KT_OK, "the file ends with zeros: space that has not been written to" },
    [KT_TROUBLE_TAG] = { KT_OK,
                         "a tag is not UTF-8, or has a zero in it, and is shown repaired; TensorBoard's data server "
                         "stops reading the file here" },
    [KT_TROUBLE_NUMBER] = { KT_OK,
                            "a value under a tag of scalars is not one number and is left out, as TensorBoard does" },
    [KT_TROUBLE_MIXED] = { KT_OK,
                           "a tag is used for two kinds of values; only the first kind is shown, as in TensorBoard" },
    [KT_TROUBLE_UNREAD] = { KT_ERR_IO, "cannot be read: %s" },
    [KT_TROUBLE_NOT_FILE] = { KT_ERR_IO,
                              "is named like an event file and is none, but a pipe, a socket or a device; it is "
                              "not opened" },
    [KT_TROUBLE_LOOP] = { KT_OK, "is a link to a folder that is read already; it is not followed again" },
    [KT_TROUBLE_FOLDER] = { KT_ERR_IO, "a folder that cannot be read: %s" },
    [KT_TROUBLE_DEEP] = { KT_ERR_IO, "folders are nested too deep or the path is too long; what is below is left out" },
    [KT_TROUBLE_INDEX] = { KT_OK, "what this index remembers does not fit the log, or cannot be written: %s; the event "
                                  "files are read instead" },
};

const char *kt_system_reason(int error)
{
    switch (error) {
    case 0: return "it does not belong to this log or is damaged";
    case EACCES:
    case EPERM: return "permission denied; allow this user to read it";
    case ENOENT: return "it does not exist; check the path";
    case ENOTDIR: return "a part of the path is a file; check the path";
    case ELOOP: return "the path runs in a circle of symbolic links";
    case ENAMETOOLONG: return "the path is too long";
    case EMFILE:
    case ENFILE: return "too many files are open; close some or raise the limit";
    case ENOMEM: return "memory is short";
    case EIO: return "the disk reports an input/output error; check the disk";
    case EROFS: return "the disk is mounted read-only";
    case ENOSPC: return "no space is left on the disk";
    case EISDIR: return "it is a folder";
#ifdef ESTALE
    case ESTALE: return "the network disk has lost it; check the mount";
#endif
    default: return "the system refuses";
    }
}

void kt_trouble_add(kt_store *store, kt_troubles *list, kt_trouble trouble)
{
    list->total++;
    if (list->count >= KT_TROUBLES_KEPT ||
        !kt_store_grow(store, &list->at, &list->room, list->count + 1, sizeof *list->at))
        return;
    list->at[list->count++] = trouble;
}

void kt_troubles_clear(kt_store *store, kt_troubles *list)
{
    kt_store_give(store, list->at);
    *list = (kt_troubles){ 0 };
}

void kt_walk_trouble(kt_logdir *log, const char *path, kt_trouble_code code, int error)
{
    size_t before = log->walk.count;
    char *copy = before < KT_TROUBLES_KEPT ? kt_pile_text(&log->walk_pile, path, strlen(path)) : NULL;
    if (copy && kt_store_grow(&log->store, &log->walk_paths, &log->walk_room, before + 1, sizeof *log->walk_paths))
        log->walk_paths[before] = copy;
    else copy = NULL;
    if (copy) kt_trouble_add(&log->store, &log->walk, (kt_trouble){ .code = code, .detail = (uint64_t)error });
    else log->walk.total++;
}

static kt_status problem_put(kt_logdir *log, const char *file, const kt_trouble *trouble)
{
    if (log->problem_count >= KT_TROUBLES_KEPT) return KT_OK;
    if (!kt_store_grow(&log->store, &log->problems, &log->problem_room, log->problem_count + 1, sizeof *log->problems))
        return KT_ERR_MEMORY;
    char number[48], sentence[400];
    const char *detail = number;
    if (trouble->code == KT_TROUBLE_UNREAD || trouble->code == KT_TROUBLE_FOLDER || trouble->code == KT_TROUBLE_INDEX)
        detail = kt_system_reason((int)trouble->detail);
    else snprintf(number, sizeof number, "%llu bytes", (unsigned long long)trouble->detail);
    const char *form = troubles[trouble->code].sentence, *gap = strstr(form, "%s");
    if (gap) snprintf(sentence, sizeof sentence, "%.*s%s%s", (int)(gap - form), form, detail, gap + 2);
    const char *reason = gap ? kt_pile_text(&log->sentences, sentence, strlen(sentence)) : form;
    if (!reason) return KT_ERR_MEMORY;
    log->problems[log->problem_count++] = (kt_logdir_problem){ .file = file,
                                                               .offset = trouble->offset,
                                                               .skipped = trouble->skipped,
                                                               .status = troubles[trouble->code].status,
                                                               .reason = reason };
    return KT_OK;
}

kt_status kt_problems_collect(kt_logdir *log)
{
    log->problem_count = 0;
    log->problem_total = log->walk.total;
    kt_pile_clear(&log->sentences);
    kt_status status = KT_OK;
    for (size_t i = 0; i < log->walk.count && status == KT_OK; i++)
        status = problem_put(log, log->walk_paths[i], &log->walk.at[i]);
    for (size_t i = 0; i < log->file_count; i++) {
        const kt_source *file = log->files[i];
        log->problem_total += file->troubles.total + file->has_tail;
        for (size_t k = 0; k < file->troubles.count && status == KT_OK; k++)
            status = problem_put(log, file->shown.path, &file->troubles.at[k]);
        if (file->has_tail && status == KT_OK) status = problem_put(log, file->shown.path, &file->tail);
    }
    return status;
}
