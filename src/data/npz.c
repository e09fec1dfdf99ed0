/* SPDX-License-Identifier: MIT */
/* data/npz.c: NumPy archives: a zip of .npy members.
 *
 * Read through libzip, whose claims are bounded before anything is allocated: no member may claim more than deflate
 * could have packed into its stored bytes, the stored bytes of all members must fit into the file (so that none is
 * counted twice), and above 4 GiB a ratio of 100 is refused, as Keras does. Writing is data/zip.c and needs no library.
 */

#include <string.h>

#include "core/tensor.h"
#include "data/arrays.h"
#include "data/npy.h"
#include "data/sink.h"
#include "data/source.h"
#include "data/zip.h"

#ifdef KT_HAVE_LIBZIP

#include <zip.h>

enum { MEMBERS_MOST = 65536, DEFLATE_MOST = 1032, RATIO_MOST = 100 };
static const uint64_t LARGE = (uint64_t)4 << 30;

typedef struct member_source {
    kt_source source;
    zip_file_t *file;
} member_source;

static size_t member_read(kt_source *self, void *to, size_t bytes)
{
    const member_source *member = (const member_source *)self;
    size_t got = 0;
    while (got < bytes) {
        zip_int64_t n = zip_fread(member->file, (unsigned char *)to + got, bytes - got);
        if (n < 0) kt_source_fail(self, KT_ERR_FORMAT, "the archive is damaged: %s", zip_file_strerror(member->file));
        if (n <= 0) break;
        got += (size_t)n;
    }
    return got;
}

/* Refuses what claims more than it can hold. `budget`: bytes of the file that no member before it has used. */
static kt_status check_claims(kt_source *archive, const zip_stat_t *look, uint64_t *budget)
{
    char name[KT_QUOTE_SIZE];
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if ((look->valid & needed) != needed)
        return kt_source_fail(archive, KT_ERR_FORMAT, "a member has no name or no size; the archive is damaged");
    kt_quote(name, look->name, strlen(look->name));
    if (look->comp_method != ZIP_CM_STORE && look->comp_method != ZIP_CM_DEFLATE)
        return kt_source_fail(archive, KT_ERR_UNSUPPORTED,
                              "member '%s' is packed by method %d: expected stored or deflated; "
                              "write it with numpy.savez",
                              name, (int)look->comp_method);
    bool lies = look->comp_size > *budget || look->size / DEFLATE_MOST > look->comp_size + 1;
    if (look->comp_method == ZIP_CM_STORE) lies = lies || look->size != look->comp_size;
    if (lies || (look->size > LARGE && look->size / RATIO_MOST > look->comp_size))
        return kt_source_fail(archive, KT_ERR_FORMAT,
                              "member '%s' claims %llu bytes, stored in %llu; that is refused, because the "
                              "archive could be made to fill the memory",
                              name, (unsigned long long)look->size, (unsigned long long)look->comp_size);
    *budget -= look->comp_size;
    return KT_OK;
}

static kt_status take_member(kt_source *archive, zip_t *zip, zip_uint64_t i, uint64_t *budget, kt_arrays *to)
{
    kt_context *kt = archive->kt;
    char quote[KT_QUOTE_SIZE], place[224];
    zip_stat_t look;
    zip_stat_init(&look);
    if (zip_stat_index(zip, i, 0, &look) != 0)
        return kt_source_fail(archive, KT_ERR_FORMAT, "the archive is damaged: %s", zip_strerror(zip));
    kt_status status = check_claims(archive, &look, budget);
    if (status != KT_OK) return status;
    size_t length = strlen(look.name);
    kt_quote(quote, look.name, length);
    if (length < 4 || strcmp(look.name + length - 4, ".npy") != 0)
        return kt_source_fail(archive, KT_ERR_FORMAT, "member '%s': expected arrays only (names that end in .npy)",
                              quote);

    char *name = kt_copy_text(kt, look.name);
    if (!name) return kt->status;
    name[length - 4] = 0;
    kt_text text = kt_text_in(place, sizeof place);
    kt_text_add(&text, "%s: '%s'", archive->name, quote);
    zip_file_t *file = zip_fopen_index(zip, i, 0);
    if (file) {
        member_source member = { .source = { .kt = kt,
                                             .reader = archive->reader,
                                             .name = place,
                                             .left = look.size,
                                             .exact = true,
                                             .read = member_read },
                                 .file = file };
        unsigned char more;
        status = kt_npy_take(&member.source, to, name);
        /* Only reading up to the end makes libzip compare the checksum. */
        if (status == KT_OK && member_read(&member.source, &more, 1) != 0 && kt->status == KT_OK)
            kt_source_fail(&member.source, KT_ERR_FORMAT, "the archive is damaged: the member is longer than its size");
        if (status == KT_OK) status = kt->status;
        zip_fclose(file);
    } else {
        status = kt_source_fail(archive, KT_ERR_FORMAT, "member '%s' cannot be opened: %s", quote, zip_strerror(zip));
    }
    kt_give(kt, name);
    return status;
}

static kt_status take_archive(kt_file_source *file, kt_arrays *to)
{
    kt_source *archive = &file->source;
    int code = 0;
    zip_t *zip = zip_fdopen(file->fd, 0, &code);
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        kt_status status = code == ZIP_ER_MEMORY
                               ? kt_no_memory(archive->kt)
                               : kt_source_fail(archive, KT_ERR_FORMAT, "expected a NumPy archive (.npz): %s",
                                                zip_error_strerror(&error));
        zip_error_fini(&error);
        return status;
    }
    file->fd = -1; /* libzip's now */
    zip_int64_t count = zip_get_num_entries(zip, 0);
    uint64_t budget = archive->left;
    kt_status status = KT_OK;
    if (count < 0 || count > MEMBERS_MOST)
        status = kt_source_fail(archive, KT_ERR_UNSUPPORTED, "expected at most %d members, got %lld", MEMBERS_MOST,
                                (long long)count);
    for (zip_int64_t i = 0; i < count && status == KT_OK; i++)
        status = take_member(archive, zip, (zip_uint64_t)i, &budget, to);
    zip_discard(zip);
    return status;
}

#else

static kt_status take_archive(kt_file_source *file, kt_arrays *to)
{
    (void)to;
    return kt_source_fail(&file->source, KT_ERR_MISSING,
                          "this build was made without libzip, which reads .npz archives; build with "
                          "libzip, or store arrays one by one as .npy");
}

#endif

kt_arrays *kt_read_npz(kt_context *kt, const char *path)
{
    if (!kt) return NULL;
    kt_file_source file;
    if (kt_file_open(&file, kt, "kt_read_npz", path) != KT_OK) return NULL;
    kt_arrays *arrays = kt_arrays_new(kt);
    if (arrays && take_archive(&file, arrays) != KT_OK) {
        kt_arrays_free(arrays);
        arrays = NULL;
    }
    kt_file_close(&file);
    return arrays;
}

/* ---- writing ---- */

static kt_status check_list(kt_context *kt, const char *writer, const char *const *names, const kt_array *arrays,
                            int64_t count)
{
    if (count < 0 || count > KT_ZIP_MEMBERS_MOST || (count && (!names || !arrays)))
        return kt_fail_at(kt, KT_ERR_VALUE, writer, "expected 0 to %d arrays with their names, got a count of %lld%s",
                          KT_ZIP_MEMBERS_MOST, (long long)count,
                          count && (!names || !arrays) ? " and no list (NULL)" : "");
    for (int64_t i = 0; i < count; i++) {
        if (!names[i] || strlen(names[i]) > KT_ZIP_NAME_MOST)
            return kt_fail_at(kt, KT_ERR_NAME, writer, "array %lld: expected a name of at most %d bytes, got %s",
                              (long long)i, KT_ZIP_NAME_MOST, names[i] ? "a longer one" : "none");
        kt_status status = kt_check_array(kt, writer, names[i], &arrays[i]);
        if (status != KT_OK) return status;
        for (int64_t j = 0; j < i; j++)
            if (strcmp(names[j], names[i]) == 0)
                return kt_fail_at(kt, KT_ERR_NAME, writer, "two arrays have the name '%.80s'; names must differ",
                                  names[i]);
    }
    return KT_OK;
}

kt_status kt_write_npz(kt_context *kt, const char *path, const char *const *names, const kt_array *arrays,
                       int64_t count)
{
    const char *writer = "kt_write_npz";
    if (!kt) return KT_ERR_VALUE;
    if (kt->status != KT_OK) return kt->status;
    kt_status status = check_list(kt, writer, names, arrays, count);
    if (status != KT_OK) return status;
    kt_sink sink;
    kt_zip_writer zip;
    status = kt_sink_open(&sink, kt, writer, path);
    if (status != KT_OK) return status;
    kt_zip_begin(&zip, &sink);
    for (int64_t i = 0; i < count && status == KT_OK; i++) {
        unsigned char head[KT_NPY_HEAD];
        size_t head_bytes = kt_npy_head(head, &arrays[i]);
        kt_desc desc = { .dtype = arrays[i].dtype, .rank = arrays[i].rank };
        memcpy(desc.dim, arrays[i].dim, sizeof desc.dim);
        status = kt_zip_add(&zip, names[i], ".npy", head, head_bytes, arrays[i].data,
                            kt_desc_elements(&desc) * kt_dtype_size(desc.dtype));
    }
    if (status == KT_OK) status = kt_zip_finish(&zip);
    kt_zip_end(&zip);
    return kt_sink_close(&sink, status);
}
