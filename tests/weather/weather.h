/* SPDX-License-Identifier: MIT */
/* tests/weather/weather.h: what the bad-weather tests share: small data and models on the "cpu" back-end, memory that counts and
 * fails, and an ear on stdout and stderr.
 *
 * A library that never prints is checked by the file descriptors themselves: between silence_begin and silence_end both go to a
 * file, which must stay empty.
 */
#ifndef KT_TESTS_WEATHER_H
#define KT_TESTS_WEATHER_H

#include <fcntl.h>
#include <unistd.h>

#include "../train/testing.h"

enum { ROWS = 64, INPUTS = 6 };

typedef struct small_data {
    float x[ROWS * INPUTS], y[ROWS];
} small_data;

static inline small_data make_small_data(void)
{
    small_data d;
    for (int i = 0; i < ROWS * INPUTS; i++) d.x[i] = (float)sin(i * 0.37);
    for (int i = 0; i < ROWS; i++) d.y[i] = (float)cos(i * 0.11);
    return d;
}

#define X(d) kt_floats((d).x, ROWS, INPUTS)
#define Y(d) kt_floats((d).y, ROWS, 1)

/* A layer of the user's own, with a weight, that names what it shows. */
static inline kt_status shown_build(kt_layer *self, const kt_desc *x)
{
    return kt_weight(self, "gain", KT_SHAPE(x->dim[x->rank - 1]), .initializer = "ones") ? KT_OK : kt_error(kt_layer_context(self));
}
static inline kt_tensor *shown_call(kt_layer *self, kt_tensor *x)
{
    kt_tensor *y = kt_mul(x, kt_w(self, "gain"));
    kt_summary_histogram("activations", y);
    kt_summary_scalar("largest", kt_max(y));
    kt_add_loss(self, kt_mul(kt_mean(kt_square(y)), kt_scalar(y, 0.01)));
    return y;
}
static const kt_layer_class shown_layer = { .name = "shown", .build = shown_build, .call = shown_call };

static inline kt_model *small_model(kt_context *kt)
{
    kt_model *model = kt_sequential(kt, kt_input(INPUTS), kt_dense(8, .activation = "tanh"), kt_custom(&shown_layer),
                                    kt_dropout(0.1), kt_dense(1, .kernel_regularizer = "l2"));
    kt_compile(model, .optimizer = kt_adam(), .loss = "mse", .metrics = { "mae" });
    return model;
}

/* ---- memory that counts its blocks and may fail ---- */

typedef struct failing_heap {
    int64_t left; /* allocations until one fails, and all after it; below zero: none does */
    bool once;    /* only that one fails */
    bool failed;
    int64_t live, made;
} failing_heap;

static inline bool failing_now(failing_heap *f)
{
    f->made++;
    if (f->left < 0 || (f->once && f->failed)) return false;
    if (f->left > 0) return f->left--, false;
    return f->failed = true;
}
static inline void *failing_allocate(size_t bytes, void *user)
{
    failing_heap *f = user;
    void *block = failing_now(f) ? NULL : malloc(bytes);
    f->live += block != NULL;
    return block;
}
static inline void *failing_resize(void *old, size_t bytes, void *user)
{
    if (!old) return failing_allocate(bytes, user);
    return failing_now(user) ? NULL : realloc(old, bytes);
}
static inline void failing_release(void *block, void *user)
{
    ((failing_heap *)user)->live -= block != NULL;
    free(block);
}
#define FAILING(f) { failing_allocate, failing_resize, failing_release, (f) }

/* ---- silence ---- */

typedef struct silence {
    int file, out, err;
} silence;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
void __sanitizer_set_report_fd(void *fd); /* their reports still go to the real stderr */
#define SANITIZER_REPORTS(fd) __sanitizer_set_report_fd((void *)(intptr_t)(fd))
#else
#define SANITIZER_REPORTS(fd) ((void)(fd))
#endif

static inline silence silence_begin(void)
{
    char path[] = "/tmp/keratin-silence-XXXXXX";
    fflush(stdout);
    fflush(stderr);
    silence s = { .file = mkstemp(path), .out = dup(1), .err = dup(2) };
    unlink(path);
    SANITIZER_REPORTS(s.err);
    if (s.file < 0 || dup2(s.file, 1) < 0 || dup2(s.file, 2) < 0) _exit(3);
    return s;
}

/* How many bytes somebody has printed. */
static inline long silence_end(silence *s)
{
    fflush(stdout);
    fflush(stderr);
    long bytes = (long)lseek(s->file, 0, SEEK_END);
    dup2(s->out, 1);
    dup2(s->err, 2);
    SANITIZER_REPORTS(2);
    close(s->out);
    close(s->err);
    close(s->file);
    return bytes;
}

#endif
