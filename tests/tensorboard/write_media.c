/* SPDX-License-Identifier: MIT */
/* tests/tensorboard/write_media.c: logs of pictures, sounds, texts, meshes and embeddings, for check_media.py to read
 * with TensorBoard.
 *
 *     write_media FOLDER
 *
 * FOLDER/media    images: channels/1 .. channels/4, clip, grid, weights, film (an animated GIF); audio: tone; text:
 * note,
 *                 table, list, results, broken; meshes: torus, cloud; the projector's files of two tensors
 *
 * Every value follows from a formula that the check repeats. Numbers that must agree to the last bit are made of
 * integers.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <keratin/summary.h>
#include <keratin/summary_media.h>

enum { STEPS = 3 };

static int failures;

static void check(kt_status status, const char *what, const char *message)
{
    if (status == KT_OK) return;
    fprintf(stderr, "write_media: %s: %s: %s\n", what, kt_status_name(status), message);
    failures++;
}

static void write_images(kt_events *log, int64_t step)
{
    static uint8_t bytes[4 * 24 * 32 * 4];
    static float floats[7 * 16 * 16];
    for (int64_t channels = 1; channels <= 4; channels++) {
        int64_t size = 24 * 32 * channels;
        for (int64_t i = 0; i < 4 * size; i++) {
            int64_t n = i / size, y = i % size / (32 * channels), x = i / channels % 32, c = i % channels;
            bool alpha = channels % 2 == 0 && c == channels - 1;
            bytes[i] = (uint8_t)(alpha ? 128 + 4 * x : (x * (c + 2) * 3 + y * 5 + n * 60 + step * 20) % 256);
        }
        char tag[32];
        snprintf(tag, sizeof tag, "channels/%d", (int)channels);
        kt_images images = { .u8 = bytes, .count = 4, .height = 24, .width = 32, .channels = channels };
        check(kt_events_image(log, tag, &images, step), tag, kt_events_message(log));
    }
    for (int64_t i = 0; i < 7 * 256; i++) {
        int64_t n = i / 256, y = i / 16 % 16 - 8, x = i % 16 - 8;
        floats[i] = (float)(x * (n + 1) + y * (7 - n) + step) / 64.0f;
    }
    kt_images images = { .f32 = floats, .count = 7, .height = 16, .width = 16, .channels = 1, .max_outputs = 2 };
    check(kt_events_image(log, "clip", &images, step), "clip", kt_events_message(log));
    images = (kt_images){
        .f32 = floats, .count = 7, .height = 16, .width = 16, .channels = 1, .columns = 3, .scaling = KT_IMAGE_MINMAX
    };
    check(kt_events_image(log, "grid", &images, step), "grid", kt_events_message(log));
    images.scaling = KT_IMAGE_SYMMETRIC;
    images.max_outputs = 6;
    check(kt_events_image(log, "weights", &images, step), "weights", kt_events_message(log));

    /* two frames of 2 x 1: black and white change places twice a second, for ever */
    static const char film[] =
        "GIF89a\x02\x00\x01\x00\x80\x00\x00\x00\x00\x00\xFF\xFF\xFF\x21\xFF\x0BNETSCAPE2.0\x03\x01\x00\x00\x00"
        "\x21\xF9\x04\x00\x32\x00\x00\x00\x2C\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02\x44\x0A\x00"
        "\x21\xF9\x04\x00\x32\x00\x00\x00\x2C\x00\x00\x00\x00\x02\x00\x01\x00\x00\x02\x02\x0C\x0A\x00\x3B";
    kt_blob file = { film, sizeof film - 1 };
    check(kt_events_image_encoded(log, "film", &file, 1, step), "film", kt_events_message(log));
}

static void write_audio(kt_events *log, int64_t step)
{
    static float samples[4 * 4000 * 2];
    for (int64_t i = 0; i < 4 * 4000 * 2; i++) {
        int64_t clip = i / 8000, t = i / 2 % 4000, c = i % 2;
        samples[i] = (float)(t * (clip + 1) * (c + 3) % 401 - 200 + step) / 128.0f; /* some are beyond 1 */
    }
    kt_audio tone = { .samples = samples, .clips = 4, .frames = 4000, .channels = 2, .rate = 8000 };
    check(kt_events_audio(log, "tone", &tone, step), "tone", kt_events_message(log));
}

static void write_text(kt_events *log, int64_t step)
{
    static const char *const cells[6] = { "a", "**b**", "c|d", "", "f\ng", "`h|i`" };
    static const char *const results[8] = { "name",  "value",      "a|b",   "0.5",
                                            "`c|d`", "two\nlines", "one `", "back\\` quote` |" };
    char note[128];
    snprintf(note, sizeof note, "# Step %d\n\n* *one*\n* \xC3\xBC\n\n```\ncode < 1\n```\n", (int)step);
    check(kt_events_text(log, "note", note, step), "note", kt_events_message(log));
    check(kt_events_text_table(log, "table", cells, 2, 3, step), "table", kt_events_message(log));
    check(kt_events_text_table(log, "list", cells, 3, 0, step), "list", kt_events_message(log));
    check(kt_events_markdown_table(log, "results", results, 4, 2, step), "results", kt_events_message(log));
    check(kt_events_text(log, "broken", "a\xFFz", step), "broken", kt_events_message(log));
}

/* A torus of 24 x 12 vertices, twisted by the step. */
static void write_meshes(kt_events *log, int64_t step)
{
    enum { AROUND = 24, ACROSS = 12 };
    static float vertices[AROUND * ACROSS * 3];
    static uint8_t colors[AROUND * ACROSS * 3];
    static int32_t faces[AROUND * ACROSS * 2 * 3];
    const double turn = 2 * 3.14159265358979323846;
    for (int i = 0; i < AROUND * ACROSS; i++) {
        int u = i / ACROSS, v = i % ACROSS, right = (u + 1) % AROUND, up = (v + 1) % ACROSS;
        double a = turn * u / AROUND, b = turn * v / ACROSS + 0.2 * (double)step;
        float *at = vertices + 3 * i;
        at[0] = (float)((2 + cos(b)) * cos(a));
        at[1] = (float)((2 + cos(b)) * sin(a));
        at[2] = (float)sin(b);
        colors[3 * i] = (uint8_t)(u * 10), colors[3 * i + 1] = (uint8_t)(v * 20),
                   colors[3 * i + 2] = (uint8_t)(255 - u * 10);
        const int32_t corners[6] = {
            i, right * ACROSS + v, u * ACROSS + up, right * ACROSS + v, right * ACROSS + up, u * ACROSS + up
        };
        memcpy(faces + 6 * i, corners, sizeof corners);
    }
    kt_mesh torus = { .vertices = vertices,
                      .vertex_count = AROUND * ACROSS,
                      .faces = faces,
                      .face_count = 2 * AROUND * ACROSS,
                      .colors = colors,
                      .view = &(kt_mesh_view){ .fov = 60, .near = 0.1, .far = 500 } };
    check(kt_events_mesh(log, "torus", &torus, step), "torus", kt_events_message(log));
    kt_mesh cloud = { .vertices = vertices,
                      .batch = 2,
                      .vertex_count = AROUND * ACROSS / 2,
                      .view = &(kt_mesh_view){ .point_size = 0.05 } };
    check(kt_events_mesh(log, "shapes/cloud", &cloud, step), "cloud", kt_events_message(log));
}

static void write_embeddings(const char *run)
{
    enum { ROWS = 50, COLUMNS = 6 };
    static float vectors[ROWS * COLUMNS];
    static uint8_t pixels[ROWS * 8 * 8 * 3];
    static char text[ROWS * 2][24];
    const char *labels[ROWS * 2], *names[2] = { "word", "group" };
    for (int i = 0; i < ROWS * COLUMNS; i++) vectors[i] = (float)((i * 37 + i / COLUMNS % 3 * 500) % 601) / 7.0f - 40;
    for (int i = 0; i < ROWS; i++) {
        snprintf(text[2 * i], sizeof text[0], "w\xC3\xB6rd %d", i);
        snprintf(text[2 * i + 1], sizeof text[0], "%d", i % 3);
        labels[2 * i] = text[2 * i];
        labels[2 * i + 1] = text[2 * i + 1];
        for (int p = 0; p < 192; p++) pixels[i * 192 + p] = (uint8_t)(i * 4 + p % 3 * (i % 3) * 40);
    }
    kt_images thumbnails = { .u8 = pixels, .count = ROWS, .height = 8, .width = 8, .channels = 3 };
    const kt_embedding embeddings[2] = {
        { .name = "words",
          .vectors = vectors,
          .rows = ROWS,
          .columns = COLUMNS,
          .labels = labels,
          .label_columns = 2,
          .label_names = names,
          .thumbnails = &thumbnails },
        { .name = "layer/embeddings",
          .vectors = vectors,
          .rows = ROWS / 2,
          .columns = COLUMNS * 2,
          .by_step = true,
          .step = 5 },
    };
    kt_events_error error;
    check(kt_projector_write(run, embeddings, 2, .error = &error), "projector", error.message);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: write_media FOLDER\n");
        return 2;
    }
    char run[2048];
    kt_events_error error;
    snprintf(run, sizeof run, "%s/media", argv[1]);
    kt_events *log = kt_events_open(run, .error = &error);
    if (!log) {
        fprintf(stderr, "write_media: %s\n", error.message);
        return 1;
    }
    for (int64_t step = 0; step < STEPS; step++) {
        write_images(log, step);
        write_audio(log, step);
        write_text(log, step);
        write_meshes(log, step);
    }
    write_embeddings(run);
    check(kt_events_close(log), "close", "some of it was lost");
    return failures > 0;
}
