/* SPDX-License-Identifier: MIT */
/* summary/crc32c.h: the checksum of event files, CRC-32C (Castagnoli).
 *
 * Each record carries two: of its length and of its payload, both "masked" (rotated and shifted by
 * a constant), so that a checksum inside checked data does not check itself to a fixed value. A
 * record is some sixty bytes, so the start-up cost per call matters more than the speed on long
 * data. Values are the same on every machine and byte order.
 */
#ifndef KERATIN_SUMMARY_CRC32C_H
#define KERATIN_SUMMARY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C of the bytes, by the processor's instruction where there is one. */
uint32_t kt_crc32c(const void *bytes, size_t n);

/* The same by tables: for processors without the instruction, and for tests. */
uint32_t kt_crc32c_portable(const void *bytes, size_t n);

/* Bytes that were just written, known piece by piece: `head`, of which 8 to 16 bytes count, is
 * followed by `before`, 4 bytes of `number` and `behind`. Behind both pieces 7 bytes more can be read. */
typedef struct kt_crc32c_pieces {
    uint64_t head[2];
    size_t head_size;
    const unsigned char *before, *behind;
    size_t before_size, behind_size;
    uint32_t number;
} kt_crc32c_pieces;

/* CRC-32C of all n bytes, which are also known in pieces. Loading bytes as words of 8 right after
 * they were stored in other units makes a processor wait for each, longer than the sum takes; from
 * pieces nothing needs to be loaded that was just stored. */
uint32_t kt_crc32c_of_pieces(const kt_crc32c_pieces *pieces, const void *bytes, size_t n);

/* What the file holds: rotated right by 15, plus a constant. */
static inline uint32_t kt_crc32c_mask(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

#endif
