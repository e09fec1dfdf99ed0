/* SPDX-License-Identifier: MIT */
/* keratin/summary_media.h: pictures, sounds, text, meshes and embeddings for TensorBoard.
 *
 *     kt_images digits = { .u8 = pixels, .count = 9, .height = 28, .width = 28, .channels = 1, .columns = 3 };
 *     kt_events_image(log, "digits", &digits, step);
 *
 *     kt_audio tone = { .samples = samples, .clips = 1, .frames = 16000, .channels = 1, .rate = 16000 };
 *     kt_events_audio(log, "tone", &tone, step);
 *
 *     kt_events_text(log, "note", "**bold**, a list, a table: Markdown", step);
 *
 * Part of <keratin/summary.h>, which a program includes. Structs are filled by name and zeroed elsewhere; what they
 * point to is read during the call only. All of a log's rules hold (tags, steps, statuses, NULL for the log); besides
 * those, KT_ERR_VALUE is an argument that makes no sense and KT_ERR_MEMORY a picture, a sound or a table for which
 * there is no memory: the sentence is kt_events_message. One record is at most 1 GiB.
 */
#ifndef KERATIN_SUMMARY_MEDIA_H
#define KERATIN_SUMMARY_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <keratin/status.h>
#include <keratin/summary.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Images ---------------------------------------------------------------------------------- */

/* How float pixels become 0..255. */
typedef enum kt_image_scaling {
    KT_IMAGE_CLIP,     /* as tf.summary.image: clipped to 0..1, then floor(255.5 x); NaN is 0 */
    KT_IMAGE_MINMAX,   /* least to greatest finite value -> 0 to 255; all equal: 0. For activations */
    KT_IMAGE_SYMMETRIC /* -a to a -> 0 to 255, a the greatest finite magnitude; 0 is the middle, 128. For weights */
} kt_image_scaling;

/* Pictures of one size, channels last: pixel (i, y, x, c) is at ((i * height + y) * width + x) * channels + c. A side
 * is at most 65,535, a picture (or a grid) at most 2^27 pixels. */
typedef struct kt_images {
    const uint8_t *u8;                      /* (count, height, width, channels): one of these two */
    const float *f32;                       /* the same shape */
    int64_t count, height, width, channels; /* channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA */
    kt_image_scaling scaling;               /* of floats: over all pictures of the call; an alpha channel is clipped */
    bool scale_each;                        /* instead: each picture by its own least and greatest */
    int64_t columns;                        /* 0: each picture by itself; else one grid of so many columns, a line of
                                               one pixel around each picture */
    int64_t max_outputs;                    /* pictures taken, the first ones; 0: 3, in a grid all */
} kt_images;

/* Encoded as PNG: compressed where the library has zlib, else stored. count may be 0. (tf.summary.image) */
KT_API kt_status kt_events_image(kt_events *log, const char *tag, const kt_images *images, int64_t step);

/* Bytes that somebody owns. */
typedef struct kt_blob {
    const void *bytes;
    size_t size;
} kt_blob;

/* Pictures that are files already: PNG, JPEG, GIF (one that is animated plays: video) or BMP, 1 to 65,536 of them,
 * logged as they are. The width and height that stand beside them are read from the first. */
KT_API kt_status kt_events_image_encoded(kt_events *log, const char *tag, const kt_blob *files, int64_t count,
                                         int64_t step);

/* ---- Audio ----------------------------------------------------------------------------------- */

/* Clips of one length and rate: sample (i, t, c) is at (i * frames + t) * channels + c. */
typedef struct kt_audio {
    const float *samples;            /* (clips, frames, channels), -1 to 1; beyond is clipped, NaN is silence */
    int64_t clips, frames, channels; /* 1 to 32,767 channels */
    int64_t rate;                    /* samples of one channel in a second; 2 * rate * channels below 2^32 */
    int64_t max_outputs;             /* clips taken, the first ones; 0: 3 */
} kt_audio;

/* WAV files of 16 bits a sample, round(32768 x), byte for byte as tf.summary.audio writes them. */
KT_API kt_status kt_events_audio(kt_events *log, const char *tag, const kt_audio *audio, int64_t step);

/* ---- Text ------------------------------------------------------------------------------------ */

/* Markdown, with tables and fenced code. Invalid UTF-8 is repaired with U+FFFD. (tf.summary.text) */
KT_API kt_status kt_events_text(kt_events *log, const char *tag, const char *markdown, int64_t step);

/* rows x columns pieces of Markdown, row after row, as a tensor of rank 2 (TensorBoard makes a table without a head of
 * it); columns 0: `rows` pieces as a tensor of rank 1. At most 2^20 cells. NULL is an empty cell. */
KT_API kt_status kt_events_text_table(kt_events *log, const char *tag, const char *const *cells, int64_t rows,
                                      int64_t columns, int64_t step);

/* The same cells as one Markdown table whose head is the first row; it reads better and is what other programs show,
 * too. A '|' in a cell is escaped where it has to be, a line's end becomes <br>. At least one row and one column. */
KT_API kt_status kt_events_markdown_table(kt_events *log, const char *tag, const char *const *cells, int64_t rows,
                                          int64_t columns, int64_t step);

/* That Markdown as text, to be put together with more: writes at most `room` bytes, the closing NUL included, and
 * returns the bytes that the whole needs without it, as snprintf does; out may be NULL with room 0. Pure. */
KT_API size_t kt_markdown_table(char *out, size_t room, const char *const *cells, int64_t rows, int64_t columns);

/* ---- Meshes and point clouds ----------------------------------------------------------------- */

/* From where a mesh is looked at, and how: three.js's words. Zero: TensorBoard's choice. */
typedef struct kt_mesh_view {
    double fov;        /* of a PerspectiveCamera, degrees; 0: 75 */
    double near, far;  /* what lies between is drawn; 0: 0.1 and 1000 */
    double point_size; /* of a point cloud's points, in the mesh's units; 0: TensorBoard's choice */
} kt_mesh_view;

/* Triangles, or points when there are no faces. */
typedef struct kt_mesh {
    const float *vertices;  /* (batch, vertex_count, 3) */
    const int32_t *faces;   /* (batch, face_count, 3): vertices of the triangle, counted from 0; NULL: a point cloud */
    const uint8_t *colors;  /* (batch, vertex_count, 3): RGB; NULL: grey; points have the colour of the run */
    int64_t batch;          /* 0: 1 */
    int64_t vertex_count, face_count;
    const kt_mesh_view *view; /* (optional) */
    const char *config;       /* (optional) instead of the view, JSON with "camera", "lights", "material", each an
                                 object with "cls" (a class of three.js) and its parameters */
} kt_mesh;

/* The parts stand in one event, under the tags NAME_VERTEX, NAME_FACE and NAME_COLOR; TensorBoard shows them as NAME,
 * which therefore is at most 1,000 bytes. (tensorboard.plugins.mesh.summary.mesh) */
KT_API kt_status kt_events_mesh(kt_events *log, const char *name, const kt_mesh *mesh, int64_t step);

/* ---- Embeddings: the projector ---------------------------------------------------------------- */

/* One table of vectors and what is known of its rows. */
typedef struct kt_embedding {
    const char *name;               /* of the tensor, as the projector shows it: 1 to 500 bytes */
    const float *vectors;           /* (rows, columns), finite */
    int64_t rows, columns;          /* the browser draws 100,000 rows at most */
    const char *const *labels;      /* (optional) of each row; with several columns (rows, label_columns); NULL: none;
                                       the first 1,000 bytes are shown, in one line */
    int64_t label_columns;          /* 0: 1 */
    const char *const *label_names; /* (label_columns): needed with two or more, else not looked at */
    const kt_images *thumbnails;    /* (optional) one picture per row: `count` is `rows`; columns and max_outputs are
                                       not looked at; the sprite made of them is at most 8,192 pixels a side */
    bool by_step;                   /* the tensor is called NAME_STEP, so that those of other steps stay */
    int64_t step;
    const char *metadata_file;      /* (optional) without labels: a TSV of the caller's own that lies, or will lie, in
                                       the directory; written into the configuration as it is */
} kt_embedding;

typedef struct kt_projector_config {
    size_t size;                    /* set by kt_projector_write; 0 means the fields below */
    const char *logdir;             /* the run's directory, made with its parents; needed */
    const kt_embedding *embeddings;
    int64_t count;                  /* of embeddings, at most 1,000 */
    kt_allocator allocator;         /* default: malloc, realloc, free */
    kt_events_error *error;         /* told how it went; default: nobody is */
} kt_projector_config;

/* Writes into the directory, for each embedding, the vectors (NAME.tsv), the labels (NAME.metadata.tsv) and the
 * thumbnails (NAME.sprite.png), then projector_config.pbtxt, in which entries of other tensors and everything else
 * stay as they are. What does not go into a file's name becomes '_', and then a hash of the name stands behind it.
 * Every file is written whole under another name and then renamed. KT_ERR_FORMAT: the projector_config.pbtxt that is
 * there cannot be understood, and nothing was changed. The browser asks for a tensor by its bare name: no '&', '#',
 * '+' or '%' in it.
 *
 * TensorBoard reads the directory when it first sees its run, so a running one shows new vectors after a restart. */
KT_API kt_status kt_projector_write_with(const kt_projector_config *config);

/* kt_projector_write("logs/run1", embeddings, 2) or kt_projector_write("logs/run1", &one, 1, .error = &error). */
#ifndef __cplusplus
#define kt_projector_write(...) \
    kt_projector_write_with(&(kt_projector_config){ .size = sizeof(kt_projector_config), __VA_ARGS__ })
#else
static inline kt_status kt_projector_write(const char *logdir, const kt_embedding *embeddings, int64_t count)
{
    kt_projector_config config = kt_projector_config();
    config.size = sizeof config;
    config.logdir = logdir;
    config.embeddings = embeddings;
    config.count = count;
    return kt_projector_write_with(&config);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
