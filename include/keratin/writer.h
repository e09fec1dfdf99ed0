/* SPDX-License-Identifier: MIT */
/* keratin/writer.h: tensors into TensorBoard: summaries inside layers, and a writer for hand-written loops.
 *
 * The record format and the file belong to summary.h, which programs that never train can use alone.
 */
#ifndef KERATIN_WRITER_H
#define KERATIN_WRITER_H

#include <keratin/summary.h>
#include <keratin/summary_media.h>
#include <keratin/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- anywhere in a layer, loss, metric or op: free when nobody looks ----
 *
 * Run and step are those of whoever looks: the TensorBoard callback (run train, step = batch, gated by update_freq;
 * with update_freq "epoch" the last batch of an epoch, step = epoch; run validation in evaluation), or the writer of
 * a hand-written loop (kt_summaries_to). Values are computed in the step's own plan; only what is written leaves it.
 *
 * The tag is the place, then the name: the layer's path ("sequential/log/activations"); in fit and evaluate the name
 * of the loss or metric that records it ("mean_squared_error/residual", "accuracy/hits"), the loss being "loss" where
 * it is a function; in a function of ops that stands in neither, the name alone.
 *
 * One value per step and tag. Where the same name comes again at the same place within a step (a shared layer that is
 * called twice, a loop inside a call) the second gets "_1" at the end of its tag, the third "_2": in the order of the
 * calls, so a curve is always of the same call. A part of the step that the backward pass computes again gives its
 * value once, that of the forward pass. In a part that the plan itself repeats (a scan over time), a name stands for
 * the value of the last repetition; to show another, reduce inside and name the result outside of it. */
KT_API void kt_summary_scalar(const char *name, kt_tensor *x);     /* one element */
KT_API void kt_summary_histogram(const char *name, kt_tensor *x);  /* any shape: 30 buckets, as Keras */

/* Pictures (batch, height, width, channels): 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; uint8, or numbers that become
 * 0..255 as `scaling` says. */
typedef struct kt_image_summary {
    size_t size;
    kt_tensor *x;
    int64_t step;             /* kt_write_image only */
    kt_image_scaling scaling; /* zero: 0..1 is clipped and scaled, as tf.summary.image */
    bool scale_each;          /* each picture by its own least and greatest */
    int64_t columns;          /* 0: each picture by itself; else one grid of so many columns */
    int64_t max_outputs;      /* the first so many pictures, and no others leave the plan; 0: 3, in a grid all */
} kt_image_summary;
KT_API void kt_summary_image_with(const char *name, const kt_image_summary *image);
/* Clips (batch, frames, channels) of samples from -1 to 1; rate: samples of a channel in a second; max_outputs: the
 * first so many clips, 0: 3. */
KT_API void kt_summary_audio(const char *name, kt_tensor *x, int64_t rate, int64_t max_outputs);
/* Markdown. A step that fit records is replayed: the text is the one it was recorded with. */
KT_API void kt_summary_text(kt_context *kt, const char *name, const char *markdown);
#ifndef __cplusplus
/* kt_summary_image("filters", x, .scaling = KT_IMAGE_MINMAX, .columns = 8); */
#define kt_summary_image(name, ...) \
    kt_summary_image_with(name, &(kt_image_summary){ .size = sizeof(kt_image_summary), __VA_ARGS__ })
#endif

/* ---- in hand-written loops ---- */
typedef struct kt_writer kt_writer;
KT_API kt_writer *kt_file_writer(kt_context *kt,
                                 const char *logdir); /* made with its parents; NULL and an error if that fails */
/* Written when the pass has run; a NULL tensor is passed over. A log that cannot be written never stops the loop:
 * kt_writer_dropped counts. */
KT_API kt_status kt_write_scalar(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step);
KT_API kt_status kt_write_histogram(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step);
KT_API kt_status kt_write_image_with(kt_writer *writer, const char *tag, const kt_image_summary *image);
#ifndef __cplusplus
/* kt_write_image(writer, "digits", x, step, .columns = 4); */
#define kt_write_image(writer, tag, ...) \
    kt_write_image_with(writer, tag, &(kt_image_summary){ .size = sizeof(kt_image_summary), __VA_ARGS__ })
#endif
KT_API kt_status kt_write_audio(kt_writer *writer, const char *tag, kt_tensor *value, int64_t rate, int64_t max_outputs,
                                int64_t step);
KT_API kt_status kt_write_number(kt_writer *writer, const char *tag, double value,
                                 int64_t step); /* a number of the host, at once */
KT_API kt_status kt_write_text(kt_writer *writer, const char *tag, const char *markdown, int64_t step); /* at once */
/* From here on kt_summary_* in layers goes to this writer with this step; NULL: nobody looks. */
KT_API kt_status kt_summaries_to(kt_context *kt, kt_writer *writer, int64_t step);
KT_API kt_status kt_writer_flush(kt_writer *writer);
KT_API uint64_t kt_writer_dropped(const kt_writer *writer); /* for good; what a full disk holds up still waits */
KT_API kt_status kt_writer_close(kt_writer *writer); /* runs what is pending; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
