/* SPDX-License-Identifier: MIT */
/* keratin/writer.h: tensors into TensorBoard: summaries inside layers, and a writer for hand-written loops.
 *
 * The record format and the file belong to summary.h, which programs that never train can use alone.
 */
#ifndef KERATIN_WRITER_H
#define KERATIN_WRITER_H

#include <keratin/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- anywhere in a layer, loss or op: free when nobody looks ---- */

/* The tag gets the path of the layer in front: "sequential/log/activations". Run and step are those of whoever looks:
 * the TensorBoard callback (run train, step = batch, gated by update_freq; with update_freq "epoch" the last batch of
 * an epoch, step = epoch; run validation in evaluation), or the writer of a hand-written loop (kt_summaries_to). */
KT_API void kt_summary_scalar(const char *name, kt_tensor *x);     /* one element */
KT_API void kt_summary_histogram(const char *name, kt_tensor *x);  /* any shape: 30 buckets, as Keras */

/* ---- in hand-written loops ---- */
typedef struct kt_writer kt_writer;
KT_API kt_writer *kt_file_writer(kt_context *kt,
                                 const char *logdir); /* made with its parents; NULL and an error if that fails */
/* Written when the pass has run; a NULL tensor is passed over. A log that cannot be written never stops the loop:
 * kt_writer_dropped counts. */
KT_API kt_status kt_write_scalar(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step);
KT_API kt_status kt_write_histogram(kt_writer *writer, const char *tag, kt_tensor *value, int64_t step);
KT_API kt_status kt_write_number(kt_writer *writer, const char *tag, double value,
                                 int64_t step); /* a number of the host, at once */
/* From here on kt_summary_* in layers goes to this writer with this step; NULL: nobody looks. */
KT_API kt_status kt_summaries_to(kt_context *kt, kt_writer *writer, int64_t step);
KT_API kt_status kt_writer_flush(kt_writer *writer);
KT_API uint64_t kt_writer_dropped(const kt_writer *writer);
KT_API kt_status kt_writer_close(kt_writer *writer); /* runs what is pending; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
