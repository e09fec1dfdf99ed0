/* SPDX-License-Identifier: MIT */
/* tests/summary/png_reader.h: decodes PNG files from the specification, without sharing a line with the encoder.
 *
 * Inflates by itself: stored, fixed and dynamic blocks (RFC 1951), bit by bit, slow and plain. Every checksum is
 * compared. Returns NULL, with a reason, for what is not a sound file of one IDAT chunk and 8 bits a channel.
 */
#ifndef KERATIN_TESTS_PNG_READER_H
#define KERATIN_TESTS_PNG_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct png_read {
    uint8_t *pixels; /* the caller's, by free() */
    int64_t width, height;
    int channels;
    int filters; /* bit f: filter f was used */
    const char *wrong;
} png_read;

/* ---- Inflate --------------------------------------------------------------------------------- */

typedef struct png_bits {
    const uint8_t *at, *end;
    unsigned bit;
    bool ended;
} png_bits;

static inline unsigned png_take(png_bits *b, int count)
{
    unsigned value = 0;
    for (int i = 0; i < count; i++) {
        if (b->at >= b->end) {
            b->ended = true;
            return 0;
        }
        value |= (unsigned)(*b->at >> b->bit & 1) << i;
        if (++b->bit == 8) b->bit = 0, b->at++;
    }
    return value;
}

/* A canonical code: how many codes of each length, and the symbols in order. */
typedef struct png_code {
    int count[16], symbol[288];
} png_code;

static inline void png_make_code(png_code *c, const uint8_t *lengths, int n)
{
    int next = 0;
    memset(c, 0, sizeof *c);
    for (int i = 0; i < n; i++) c->count[lengths[i]]++;
    for (int length = 1; length < 16; length++)
        for (int i = 0; i < n; i++)
            if (lengths[i] == length) c->symbol[next++] = i;
    c->count[0] = 0;
}

static inline int png_symbol(png_bits *b, const png_code *c)
{
    int code = 0, first = 0, index = 0;
    for (int length = 1; length < 16; length++) {
        code |= (int)png_take(b, 1);
        if (b->ended) return -1;
        if (code - first < c->count[length]) return c->symbol[index + code - first];
        index += c->count[length];
        first = (first + c->count[length]) << 1;
        code <<= 1;
    }
    return -1;
}

static inline bool png_codes(png_bits *b, bool dynamic, png_code *literal, png_code *distance)
{
    uint8_t lengths[320];
    if (!dynamic) {
        for (int i = 0; i < 288; i++) lengths[i] = (uint8_t)(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
        png_make_code(literal, lengths, 288);
        memset(lengths, 5, 30);
        png_make_code(distance, lengths, 30);
        return true;
    }
    static const int order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    int literals = (int)png_take(b, 5) + 257, distances = (int)png_take(b, 5) + 1, codes = (int)png_take(b, 4) + 4;
    uint8_t short_lengths[19] = { 0 };
    for (int i = 0; i < codes; i++) short_lengths[order[i]] = (uint8_t)png_take(b, 3);
    png_code meta;
    png_make_code(&meta, short_lengths, 19);
    for (int i = 0; i < literals + distances;) {
        int symbol = png_symbol(b, &meta);
        if (symbol < 0) return false;
        if (symbol < 16) {
            lengths[i++] = (uint8_t)symbol;
            continue;
        }
        if (symbol == 16 && i == 0) return false;
        uint8_t value = symbol == 16 ? lengths[i - 1] : 0;
        int times = symbol == 16   ? 3 + (int)png_take(b, 2)
                    : symbol == 17 ? 3 + (int)png_take(b, 3)
                                   : 11 + (int)png_take(b, 7);
        for (; times > 0 && i < literals + distances; times--) lengths[i++] = value;
        if (times > 0) return false;
    }
    png_make_code(literal, lengths, literals);
    png_make_code(distance, lengths + literals, distances);
    return true;
}

/* The n bytes of a zlib stream that must make exactly `size` bytes. */
static inline bool png_inflate(const uint8_t *from, size_t n, uint8_t *to, size_t size)
{
    static const int length_base[] = { 3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258 };
    static const int length_bits[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                       2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
    static const int far_base[] = { 1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                    33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                    1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };
    if (n < 6 || (from[0] & 15) != 8 || (from[0] * 256 + from[1]) % 31 != 0 || (from[1] & 32)) return false;
    png_bits b = { from + 2, from + n - 4, 0, false };
    size_t made = 0;
    bool last = false;
    while (!last) {
        last = png_take(&b, 1);
        unsigned kind = png_take(&b, 2);
        if (b.ended || kind == 3) return false;
        if (kind == 0) {
            if (b.bit > 0) b.bit = 0, b.at++;
            unsigned length = png_take(&b, 16), twin = png_take(&b, 16);
            if (b.ended || length != (~twin & 0xFFFF) || length > size - made || length > (size_t)(b.end - b.at))
                return false;
            memcpy(to + made, b.at, length);
            made += length, b.at += length;
            continue;
        }
        static png_code literal, distance;
        if (!png_codes(&b, kind == 2, &literal, &distance)) return false;
        for (int symbol; (symbol = png_symbol(&b, &literal)) != 256;) {
            if (symbol < 0 || symbol > 285) return false;
            if (symbol < 256) {
                if (made == size) return false;
                to[made++] = (uint8_t)symbol;
                continue;
            }
            size_t length = (size_t)length_base[symbol - 257] + png_take(&b, length_bits[symbol - 257]);
            int far_symbol = png_symbol(&b, &distance);
            if (far_symbol < 0 || far_symbol > 29) return false;
            size_t back = (size_t)far_base[far_symbol] + png_take(&b, far_symbol < 2 ? 0 : far_symbol / 2 - 1);
            if (back > made || length > size - made) return false;
            for (; length > 0; length--, made++) to[made] = to[made - back];
        }
    }
    if (b.bit > 0) b.at++;
    uint32_t s1 = 1, s2 = 0;
    for (size_t i = 0; i < made; i++) s1 = (s1 + to[i]) % 65521, s2 = (s2 + s1) % 65521;
    uint32_t adler = (uint32_t)b.end[0] << 24 | (uint32_t)b.end[1] << 16 | (uint32_t)b.end[2] << 8 | b.end[3];
    return made == size && b.at == b.end && adler == (s2 << 16 | s1);
}

/* ---- The file -------------------------------------------------------------------------------- */

static inline uint32_t png_be(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A sound chunk with these letters at *at, which moves on; its data, or NULL. */
static inline const uint8_t *png_chunk(const uint8_t **at, const uint8_t *end, const char *letters, size_t *n)
{
    if (end - *at < 12 || memcmp(*at + 4, letters, 4) != 0) return NULL;
    *n = png_be(*at);
    if (*n > (size_t)(end - *at) - 12) return NULL;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < *n + 4; i++) {
        crc ^= (*at)[4 + i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    if (~crc != png_be(*at + 8 + *n)) return NULL;
    const uint8_t *data = *at + 8;
    *at += *n + 12;
    return data;
}

static inline bool png_unfilter(png_read *p, const uint8_t *raw)
{
    size_t step = (size_t)p->channels, row = (size_t)p->width * step;
    for (int64_t y = 0; y < p->height; y++, raw += row + 1) {
        uint8_t *to = p->pixels + (size_t)y * row;
        if (raw[0] > 4) return false;
        p->filters |= 1 << raw[0];
        for (size_t i = 0; i < row; i++) {
            int left = i >= step ? to[i - step] : 0, above = y > 0 ? (to - row)[i] : 0;
            int corner = i >= step && y > 0 ? (to - row)[i - step] : 0, guess = left + above - corner;
            int near_left = abs(guess - left), near_above = abs(guess - above), near_corner = abs(guess - corner);
            int paeth = near_left <= near_above && near_left <= near_corner ? left
                        : near_above <= near_corner                         ? above
                                                                            : corner;
            int foretold[5] = { 0, left, above, (left + above) / 2, paeth };
            to[i] = (uint8_t)(raw[1 + i] + foretold[raw[0]]);
        }
    }
    return true;
}

static inline png_read png_decode(const uint8_t *bytes, size_t size)
{
    static const int channels_of[7] = { 1, 0, 3, 0, 2, 0, 4 };
    png_read p = { .wrong = "the head" };
    const uint8_t *at = bytes + 8, *end = bytes + size;
    size_t n = 0;
    if (size < 8 || memcmp(bytes, "\x89PNG\r\n\x1A\n", 8) != 0) return p;
    const uint8_t *head = png_chunk(&at, end, "IHDR", &n);
    if (!head || n != 13 || head[8] != 8 || head[9] > 6 || head[10] || head[11] || head[12]) return p;
    p.width = png_be(head);
    p.height = png_be(head + 4);
    p.channels = channels_of[head[9]];
    p.wrong = "the data chunk";
    const uint8_t *data = png_chunk(&at, end, "IDAT", &n);
    size_t tail, raw_size = (size_t)(p.width * p.channels + 1) * (size_t)p.height;
    if (!data || !p.channels) return p;
    p.wrong = "the end";
    if (!png_chunk(&at, end, "IEND", &tail) || tail != 0 || at != end) return p;
    uint8_t *raw = malloc(raw_size);
    p.pixels = malloc(raw_size);
    p.wrong = !png_inflate(data, n, raw, raw_size) ? "the stream" : !png_unfilter(&p, raw) ? "a filter" : NULL;
    free(raw);
    if (p.wrong) {
        free(p.pixels);
        p.pixels = NULL;
    }
    return p;
}

#endif
