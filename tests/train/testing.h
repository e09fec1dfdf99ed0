/* SPDX-License-Identifier: MIT */
/* tests/train/testing.h: what the training tests share: contexts, the net of the fit goldens, folders that vanish.
 *
 * The net is Dense(8, tanh), Dense(k), its weights those of a golden.
 */
#ifndef KT_TESTS_TRAIN_TESTING_H
#define KT_TESTS_TRAIN_TESTING_H

#include "../nn/golden.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <keratin/keratin.h>

static inline kt_context *test_context(const char *backend, kt_dtype floatx)
{
    kt_context *kt = kt_context_new(.backend = backend, .floatx = floatx, .seed = 3);
    if (!kt) fail_msg("no context on back-end %s", backend);
    return kt;
}

#define assert_fine(kt) assert_string_equal(kt_message(kt), "")

/* Ends the context, which must hold exactly this error, and whose sentence has these words. */
static inline void assert_error(kt_context *kt, kt_status status, const char *words)
{
    assert_string_equal(kt_status_name(kt_error(kt)), kt_status_name(status));
    if (!strstr(kt_message(kt), words)) fail_msg("expected '%s' in: %s", words, kt_message(kt));
    kt_clear_error(kt);
}

static inline void set_weights(kt_model *model, const kt_arrays *golden)
{
    kt_tensors weights = kt_weights(model);
    for (int64_t i = 0; i < weights.count; i++) {
        char name[32];
        snprintf(name, sizeof name, "w0_%d", (int)i);
        kt_variable_set(weights.at[i], golden_need(golden, name));
    }
}

/* "k" columns of y, or 4 for class ids. */
static inline kt_model *golden_net(kt_context *kt, const kt_arrays *golden, const char *head)
{
    int64_t units = golden_need(golden, "w0_3").dim[0];
    kt_model *model = kt_sequential(kt, kt_input(golden_need(golden, "x").dim[1]), kt_dense(8, .activation = "tanh"),
                                    kt_dense(units, .activation = head));
    assert_non_null(model);
    set_weights(model, golden);
    return model;
}

/* A new empty folder below the system's for temporary files. */
static inline void make_folder(char *path, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, size, "%s/keratin-train-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char inner[2048];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= (int)sizeof inner) continue;
        if (entry->d_type == DT_DIR) remove_folder(inner);
        else unlink(inner);
    }
    if (folder) closedir(folder);
    rmdir(path);
}

/* A whole file as text; freed by the caller. NULL if it is not there. */
static inline char *read_text(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t n = 0, room = 1 << 16;
    char *text = malloc(room);
    for (size_t got; text && (got = fread(text + n, 1, room - n - 1, file)) > 0;) {
        n += got;
        if (room - n < 2) text = realloc(text, room *= 2);
    }
    fclose(file);
    if (text) text[n] = 0;
    if (size) *size = n;
    return text;
}

/* tests/golden/data/<name> as text. */
static inline char *golden_text(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", KT_TEST_DATA, name);
    char *text = read_text(path, NULL);
    if (!text) fail_msg("no golden %s", path);
    return text;
}

/* Text that grows; data must be freed. */
typedef struct words {
    char *data;
    size_t n, room;
} words;

static inline void words_add(words *w, const char *text)
{
    size_t more = strlen(text);
    if (w->n + more + 1 > w->room) {
        w->room = 2 * (w->n + more + 1);
        w->data = realloc(w->data, w->room);
        assert_non_null(w->data);
    }
    memcpy(w->data + w->n, text, more + 1);
    w->n += more;
}

static inline void words_print(const char *text, void *user) /* a print hook */
{
    words_add(user, text);
}

#endif
