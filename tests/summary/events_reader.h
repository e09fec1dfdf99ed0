/* SPDX-License-Identifier: MIT */
/* tests/summary/events_reader.h: a second opinion on event files.
 *
 * Reads what the library wrote without sharing a line with it: the checksum is computed by its definition
 * and the messages are taken apart from the format's description. Only what a summary test asks
 * about is decoded. Static functions in a header, so that each test program stays one file. Memory
 * is the test's: a whole file at once, freed by the caller.
 */
#ifndef KERATIN_TESTS_EVENTS_READER_H
#define KERATIN_TESTS_EVENTS_READER_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct event_file {
    unsigned char *bytes;
    size_t size;
} event_file;

/* One decoded event; the pointers point into the file's bytes. */
typedef struct event {
    double wall;
    int64_t step;
    bool version, start; /* start: a session begins */
    char writer[32], plugin[32];
    int dtype;
    int rank;
    int64_t dim[4];
    const unsigned char *content;
    size_t content_size;
    char tag[4096]; /* last: only its first byte is cleared for each event */
} event;

static inline uint32_t reader_crc(const unsigned char *at, size_t n)
{
    static uint32_t table[256]; /* of each byte, bit by bit, at the first use */
    for (uint32_t byte = 0; table[255] == 0 && byte < 256; byte++) {
        uint32_t rest = byte;
        for (int b = 0; b < 8; b++) rest = rest & 1 ? rest >> 1 ^ 0x82F63B78u : rest >> 1;
        table[byte] = rest;
    }
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) crc = crc >> 8 ^ table[(crc ^ at[i]) & 255];
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static inline uint64_t reader_le(const unsigned char *at, int width)
{
    uint64_t value = 0;
    for (int i = width; i-- > 0;) value = value << 8 | at[i];
    return value;
}

static inline uint64_t reader_varint(const unsigned char **at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint64_t byte = *(*at)++;
        value |= (byte & 127) << shift;
        if (byte < 128) return value;
    }
}

/* The next field of a message: its number; `bytes` and `n` if it has a length, else `value`. */
static inline unsigned reader_field(const unsigned char **at, uint64_t *value,
                                    const unsigned char **bytes, size_t *n)
{
    uint64_t key = reader_varint(at);
    switch (key & 7) {
    case 0: *value = reader_varint(at); break;
    case 1: *value = reader_le(*at, 8), *at += 8; break;
    case 2: *n = (size_t)reader_varint(at), *bytes = *at, *at += *n; break;
    default: *value = reader_le(*at, 4), *at += 4; break;
    }
    return (unsigned)(key >> 3);
}

static inline void reader_text(char *to, size_t room, const unsigned char *bytes, size_t n)
{
    snprintf(to, room, "%.*s", (int)n, (const char *)bytes);
}

/* Decodes a message by its place: "e" event, "s" summary, "v" value, "t" tensor, "h" shape, "d"
 * dim, "m" metadata, "p" plugin, "w" writer. */
static inline void reader_message(event *e, char place, const unsigned char *at, size_t size)
{
    const unsigned char *end = at + size, *bytes = NULL;
    uint64_t value = 0;
    size_t n = 0;
    while (at < end) {
        unsigned field = reader_field(&at, &value, &bytes, &n);
        if (place == 'e' && field == 1) memcpy(&e->wall, &value, 8);
        if (place == 'e' && field == 2) e->step = (int64_t)value;
        if (place == 'e' && field == 3)
            e->version = n == 13 && memcmp(bytes, "brain.Event:2", 13) == 0;
        if (place == 'e' && field == 5) reader_message(e, 's', bytes, n);
        if (place == 'e' && field == 7) e->start = n == 2 && bytes[0] == 8 && bytes[1] == 1;
        if (place == 'e' && field == 10) reader_message(e, 'w', bytes, n);
        if (place == 'w' && field == 1) reader_text(e->writer, sizeof e->writer, bytes, n);
        if (place == 's' && field == 1) reader_message(e, 'v', bytes, n);
        if (place == 'v' && field == 1) reader_text(e->tag, sizeof e->tag, bytes, n);
        if (place == 'v' && field == 8) reader_message(e, 't', bytes, n);
        if (place == 'v' && field == 9) reader_message(e, 'm', bytes, n);
        if (place == 'm' && field == 1) reader_message(e, 'p', bytes, n);
        if (place == 'p' && field == 1) reader_text(e->plugin, sizeof e->plugin, bytes, n);
        if (place == 't' && field == 1) e->dtype = (int)value;
        if (place == 't' && field == 2) reader_message(e, 'h', bytes, n);
        if (place == 't' && field == 4) e->content = bytes, e->content_size = n;
        if (place == 'h' && field == 2) e->dim[e->rank++] = 0, reader_message(e, 'd', bytes, n);
        if (place == 'd' && field == 1) e->dim[e->rank - 1] = (int64_t)value;
    }
}

static inline event_file reader_open(const char *path)
{
    event_file file = { NULL, 0 };
    FILE *in = fopen(path, "rb");
    if (!in) return file;
    struct stat now;
    fstat(fileno(in), &now);
    file.bytes = malloc((size_t)now.st_size + 1);
    file.size = fread(file.bytes, 1, (size_t)now.st_size, in);
    fclose(in);
    return file;
}

/* The event at *at, which moves on. False at the end, and at the first record that is cut or
 * damaged. */
static inline bool reader_next(const event_file *file, size_t *at, event *e)
{
    if (file->size - *at < 16) return false;
    const unsigned char *record = file->bytes + *at;
    uint64_t n = reader_le(record, 8);
    if (reader_le(record + 8, 4) != reader_crc(record, 8) || n > file->size - *at - 16)
        return false;
    if (reader_le(record + 12 + n, 4) != reader_crc(record + 12, (size_t)n)) return false;
    memset(e, 0, offsetof(event, tag) + 1);
    reader_message(e, 'e', record + 12, (size_t)n);
    *at += (size_t)n + 16;
    return true;
}

/* How many whole records the file has; *rest is how many bytes stand behind them. */
static inline int reader_count(const char *path, size_t *rest)
{
    event_file file = reader_open(path);
    event e;
    size_t at = 0;
    int count = 0;
    while (reader_next(&file, &at, &e)) count++;
    if (rest) *rest = file.size - at;
    free(file.bytes);
    return count;
}

static inline double reader_double(const event *e, size_t i)
{
    uint64_t bits = reader_le(e->content + 8 * i, 8);
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static inline float reader_float(const event *e)
{
    uint32_t bits = (uint32_t)reader_le(e->content, 4);
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* A fresh directory of the test's own, and its removal with all that is in it. */
static inline void reader_make_dir(char dir[64])
{
    strcpy(dir, "/tmp/keratin-summary-XXXXXX");
    if (!mkdtemp(dir)) dir[0] = '\0';
}

static inline void reader_remove(const char *path)
{
    DIR *dir = opendir(path);
    if (dir) {
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            char *inner = malloc(strlen(path) + strlen(entry->d_name) + 2);
            sprintf(inner, "%s/%s", path, entry->d_name);
            reader_remove(inner);
            free(inner);
        }
        closedir(dir);
        rmdir(path);
    } else {
        unlink(path);
    }
}

#endif
