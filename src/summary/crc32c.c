/* SPDX-License-Identifier: MIT */
/* summary/crc32c.c: CRC-32C by the SSE4.2 instruction, or eight bytes at a time by tables.
 *
 * The tables are made by the compiler: a CRC is linear, so entry i is the exclusive or of the
 * entries of i's bits, and 64 numbers make all 2,048. Entry b of row k is the remainder of a byte 1
 * << b that has k more bytes behind it; written out, each number is the previous one shifted by one
 * bit with the polynomial 0x82F63B78. Nothing is initialised at run time, so nothing here can be
 * written.
 *
 * The instruction is chosen per call: the test is one load of what the compiler's runtime found at
 * start.
 */
#include "crc32c.h"

#include <stdbool.h>
#include <string.h>

#define ENTRIES_2(v, a)              (v), (v) ^ (a)
#define ENTRIES_4(v, a, b)           ENTRIES_2(v, a), ENTRIES_2((v) ^ (b), a)
#define ENTRIES_8(v, a, b, c)        ENTRIES_4(v, a, b), ENTRIES_4((v) ^ (c), a, b)
#define ENTRIES_16(v, a, b, c, d)    ENTRIES_8(v, a, b, c), ENTRIES_8((v) ^ (d), a, b, c)
#define ENTRIES_32(v, a, b, c, d, e) ENTRIES_16(v, a, b, c, d), ENTRIES_16((v) ^ (e), a, b, c, d)
#define ENTRIES_64(v, a, b, c, d, e, f) \
    ENTRIES_32(v, a, b, c, d, e), ENTRIES_32((v) ^ (f), a, b, c, d, e)
#define ENTRIES_128(v, a, b, c, d, e, f, g) \
    ENTRIES_64(v, a, b, c, d, e, f), ENTRIES_64((v) ^ (g), a, b, c, d, e, f)
#define ENTRIES(a, b, c, d, e, f, g, h) \
    ENTRIES_128(0u, a, b, c, d, e, f, g), ENTRIES_128(h, a, b, c, d, e, f, g)

static const uint32_t table[8][256] = {
    { ENTRIES(0xF26B8303u, 0xE13B70F7u, 0xC79A971Fu, 0x8AD958CFu, 0x105EC76Fu, 0x20BD8EDEu,
              0x417B1DBCu, 0x82F63B78u) },
    { ENTRIES(0x13A29877u, 0x274530EEu, 0x4E8A61DCu, 0x9D14C3B8u, 0x3FC5F181u, 0x7F8BE302u,
              0xFF17C604u, 0xFBC3FAF9u) },
    { ENTRIES(0xA541927Eu, 0x4F6F520Du, 0x9EDEA41Au, 0x38513EC5u, 0x70A27D8Au, 0xE144FB14u,
              0xC76580D9u, 0x8B277743u) },
    { ENTRIES(0xDD45AAB8u, 0xBF672381u, 0x7B2231F3u, 0xF64463E6u, 0xE964B13Du, 0xD725148Bu,
              0xABA65FE7u, 0x52A0C93Fu) },
    { ENTRIES(0x38116FACu, 0x7022DF58u, 0xE045BEB0u, 0xC5670B91u, 0x8F2261D3u, 0x1BA8B557u,
              0x37516AAEu, 0x6EA2D55Cu) },
    { ENTRIES(0xEF306B19u, 0xDB8CA0C3u, 0xB2F53777u, 0x6006181Fu, 0xC00C303Eu, 0x85F4168Du,
              0x0E045BEBu, 0x1C08B7D6u) },
    { ENTRIES(0x68032CC8u, 0xD0065990u, 0xA5E0C5D1u, 0x4E2DFD53u, 0x9C5BFAA6u, 0x3D5B83BDu,
              0x7AB7077Au, 0xF56E0EF4u) },
    { ENTRIES(0x493C7D27u, 0x9278FA4Eu, 0x211D826Du, 0x423B04DAu, 0x847609B4u, 0x0D006599u,
              0x1A00CB32u, 0x34019664u) },
};

static uint32_t crc32c_load(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t kt_crc32c_portable(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    uint32_t crc = 0xFFFFFFFFu;
    for (; n >= 8; n -= 8, at += 8) {
        uint32_t low = crc32c_load(at) ^ crc, high = crc32c_load(at + 4);
        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
              table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
              table[1][high >> 16 & 255] ^ table[0][high >> 24];
    }
    for (; n > 0; n--) crc = crc >> 8 ^ table[0][(crc ^ *at++) & 255];
    return ~crc;
}

#if defined(__GNUC__) && defined(__x86_64__)

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    uint64_t crc = 0xFFFFFFFFu;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        crc = _mm_crc32_u64(crc, word);
    }
    uint32_t rest = (uint32_t)crc;
    if (n & 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        rest = _mm_crc32_u32(rest, word);
        at += 4;
    }
    for (n &= 3; n > 0; n--) rest = _mm_crc32_u8(rest, *at++);
    return ~rest;
}

uint32_t kt_crc32c(const void *bytes, size_t n)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(bytes, n) : kt_crc32c_portable(bytes, n);
}

/* 1 to 8 bytes that stand in a word's low end, by one instruction: zeros put before the bytes change
 * nothing when the sum so far is moved up with them. What the word holds beyond them falls out. */
__attribute__((target("sse4.2"))) static inline uint64_t crc32c_bytes(uint64_t crc, uint64_t word, size_t n)
{
    uint64_t rest = n < 4 ? crc >> (8 * n) : 0;
    return _mm_crc32_u64(0, (word ^ crc) << (64 - 8 * n)) ^ rest;
}

__attribute__((target("sse4.2"))) static inline uint64_t crc32c_piece(uint64_t crc, const unsigned char *at, size_t n)
{
    uint64_t word;
    for (; n >= 8; n -= 8, at += 8) {
        memcpy(&word, at, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    if (n == 0) return crc;
    memcpy(&word, at, 8);
    return crc32c_bytes(crc, word, n);
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_pieces_sse42(const kt_crc32c_pieces *p)
{
    uint64_t crc = _mm_crc32_u64(0xFFFFFFFFu, p->head[0]);
    if (p->head_size > 8) crc = crc32c_bytes(crc, p->head[1], p->head_size - 8);
    crc = crc32c_piece(crc, p->before, p->before_size);
    crc = _mm_crc32_u32((uint32_t)crc, p->number);
    return ~(uint32_t)crc32c_piece(crc, p->behind, p->behind_size);
}

uint32_t kt_crc32c_of_pieces(const kt_crc32c_pieces *pieces, const void *bytes, size_t n)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_pieces_sse42(pieces) : kt_crc32c_portable(bytes, n);
}

#else

uint32_t kt_crc32c_of_pieces(const kt_crc32c_pieces *pieces, const void *bytes, size_t n)
{
    (void)pieces;
    return kt_crc32c_portable(bytes, n);
}

uint32_t kt_crc32c(const void *bytes, size_t n)
{
    return kt_crc32c_portable(bytes, n);
}

#endif
